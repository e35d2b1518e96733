#include "crypto/vault/rekey_internal.h"

#include <stdlib.h>
#include <string.h>

enum err_code rekey_batch_memory(struct rekey *rekey, struct error *err)
{
    if (rekey->batch == NULL) {
        rekey->batch = calloc(1, sizeof(*rekey->batch));
        rekey->placed = 0;
    }
    return rekey->batch != NULL ? ERR_OK : FAIL(err, NO_MEMORY, "re-key");
}

void rekey_batch_forget(struct rekey *rekey)
{
    free(rekey->batch);
    rekey->batch = NULL;
    rekey->placed = 0;
}

enum err_code rekey_failed(const struct vault_file *file, int rc, struct error *err)
{
    return rc == SQLITE_FULL ? FAIL(err, DISK_FULL, "re-key '%s'", file->vault->path)
                             : FAIL(err, IO, "re-key '%s'", file->vault->path);
}

enum err_code rekey_pages(const struct vault_file *file, uint32_t *ret_pages, struct error *err)
{
    sqlite3_int64 size = 0;
    int rc = file->below->pMethods->xFileSize(file->below, &size);
    if (rc != SQLITE_OK) {
        return rekey_failed(file, rc, err);
    }
    *ret_pages = size / PAGE_BYTES > UINT32_MAX - 1 ? UINT32_MAX - 1 : (uint32_t)(size / PAGE_BYTES);
    return ERR_OK;
}

enum expects rekey_expects(struct vault *vault, const struct journal_page *page)
{
    struct error unused;
    if (fresh_expect(vault->fresh, page->number, page->old_nonce, &unused) == ERR_OK) {
        return EXPECTS_OLD;
    }
    return fresh_expect(vault->fresh, page->number, page->sealed + PAGE_BODY, &unused) == ERR_OK ? EXPECTS_NEW
                                                                                                 : EXPECTS_OTHER;
}

enum err_code rekey_page_place(struct vault_file *file, const struct journal_page *page, struct error *err)
{
    int rc = file->below->pMethods->xWrite(file->below, page->sealed, PAGE_BYTES, page_at(page->number));
    if (rc != SQLITE_OK) {
        return rekey_failed(file, rc, err);
    }
    return fresh_note(file->vault->fresh, page->number, page->sealed + PAGE_BODY, err);
}

/* The rest of the batch. A page that a checkpoint has written since is under the new key already. */
enum err_code rekey_batch_place(struct vault_file *file, struct error *err)
{
    struct rekey *rekey = &file->vault->rekey;
    enum err_code rc = ERR_OK;
    pthread_mutex_lock(&rekey->rewriting);
    while (rc == ERR_OK && rekey->placed < rekey->batch->pages) {
        struct journal_page page = journal_page_at(rekey->batch, rekey->placed);
        if (rekey_expects(file->vault, &page) == EXPECTS_OLD) {
            rc = rekey_page_place(file, &page, err);
        }
        rekey->placed += rc == ERR_OK;
    }
    pthread_mutex_unlock(&rekey->rewriting);
    return rc;
}

/* What is in place and in the list of nonces becomes durable; the journal is not needed for it any more. */
enum err_code rekey_settle(struct vault_file *file, struct error *err)
{
    int rc = file->below->pMethods->xSync(file->below, SQLITE_SYNC_NORMAL);
    if (rc != SQLITE_OK) {
        return rekey_failed(file, rc, err);
    }
    TRY(fresh_save(file->vault->fresh, err));
    return rekey_journal_cut(file->vault, err);
}
