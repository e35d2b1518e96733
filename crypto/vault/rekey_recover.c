#include "crypto/vault/rekey_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "crypto/vault/kdf.h"

void rekey_init(struct vault *vault)
{
    struct rekey *rekey = &vault->rekey;
    CHECK(pthread_mutex_init(&rekey->rewriting, NULL) == 0);
    CHECK(pthread_mutex_init(&rekey->opening, NULL) == 0);
    CHECK(pthread_mutex_init(&rekey->lock, NULL) == 0);
    seals_init(&rekey->seals, &vault->epochs, EPOCH_PAGES);
}

enum err_code rekey_prepare(struct vault *vault, struct error *err)
{
    struct rekey *rekey = &vault->rekey;
    size_t size = strlen(vault->full_path) + sizeof(".rekey") + 1; /* SQLite wants two zeros behind a name */
    rekey->file = calloc(1, (size_t)vault->base->szOsFile);
    rekey->name = calloc(1, size);
    if (rekey->file == NULL || rekey->name == NULL) {
        return FAIL(err, NO_MEMORY, "open the vault '%s'", vault->path);
    }
    (void)snprintf(rekey->name, size, "%s.rekey", vault->full_path);
    return keys_vault_derive(&vault->keys, "holdfast vault 1 re-key journal", KDF_KEY_BYTES, &rekey->journal_key, err);
}

struct replay {
    struct vault_file *file;
    uint32_t database_pages;
    unsigned placed;
    unsigned passed_over;
};

/* Does the page in place open? Asked only while nothing says which version is expected. */
static bool in_place_opens(struct vault_file *file, uint32_t number)
{
    uint8_t page[PAGE_BYTES];
    struct error unused;
    return file->below->pMethods->xRead(file->below, page, PAGE_BYTES, page_at(number)) == SQLITE_OK &&
           seals_open_page(&file->vault->rekey.seals, number, page, page, &unused) == ERR_OK;
}

static bool page_wanted(struct replay *replay, const struct journal_page *page)
{
    struct vault *vault = replay->file->vault;
    uint8_t opened[PAGE_BYTES];
    struct error unused;
    if (page->number == 0 || page->number > replay->database_pages || page->number == PAGE_LOCK_BYTE ||
        seals_open_page(&vault->rekey.seals, page->number, page->sealed, opened, &unused) != ERR_OK) {
        return false;
    }
    secret_wipe(opened, sizeof(opened));
    return fresh_kept(vault->fresh) ? rekey_expects(vault, page) != EXPECTS_OTHER
                                    : !in_place_opens(replay->file, page->number);
}

static enum err_code batch_replay(void *context, const struct journal_batch *batch, struct error *err)
{
    struct replay *replay = context;
    for (unsigned i = 0; i < batch->pages; i++) {
        struct journal_page page = journal_page_at(batch, i);
        if (!page_wanted(replay, &page)) {
            replay->passed_over++;
            continue;
        }
        TRY(rekey_page_place(replay->file, &page, err));
        replay->placed++;
    }
    return ERR_OK;
}

static enum err_code journal_replay(struct vault_file *file, struct error *err)
{
    struct vault *vault = file->vault;
    struct rekey *rekey = &vault->rekey;
    struct replay replay = { .file = file };
    struct journal_reader reader = { .source = { .read = rekey_journal_source, .context = vault },
                                     .file_id = vault->epochs.file_id,
                                     .key = &rekey->journal_key,
                                     .visit = batch_replay,
                                     .context = &replay };
    bool ended_early = false;
    TRY(rekey_journal_open(vault, err));
    TRY(rekey_batch_memory(rekey, err));
    TRY(rekey_pages(file, &replay.database_pages, err));
    TRY(journal_read(&reader, rekey->batch, &ended_early, err));
    if (ended_early || replay.placed + replay.passed_over > 0) {
        LOG_INFO("vault_rekey_journal_used", "placed=%u passed_over=%u ended_early=%d", replay.placed,
                 replay.passed_over, ended_early);
    }
    return rekey_settle(file, err);
}

static enum err_code recover(struct vault_file *file, struct error *err)
{
    bool there = false;
    TRY(rekey_journal_there(file->vault, &there, err));
    if (!there) {
        return ERR_OK;
    }
    enum err_code rc = journal_replay(file, err);
    rekey_batch_forget(&file->vault->rekey);
    if (rc == ERR_OK && epochs_alone(&file->vault->epochs)) {
        rekey_journal_remove(file->vault);
    }
    rekey_journal_close(file->vault);
    return rc;
}

enum err_code rekey_recover(struct vault_file *file, struct error *err)
{
    struct rekey *rekey = &file->vault->rekey;
    if (rekey->name == NULL || atomic_load(&rekey->looked)) {
        return ERR_OK;
    }
    pthread_mutex_lock(&rekey->opening);
    enum err_code rc = atomic_load(&rekey->looked) ? ERR_OK : recover(file, err);
    if (rc == ERR_OK) {
        atomic_store(&rekey->looked, true);
    }
    pthread_mutex_unlock(&rekey->opening);
    return rc;
}

void rekey_attach(struct vault *vault)
{
    pthread_mutex_lock(&vault->rekey.opening);
    vault->rekey.handles++;
    pthread_mutex_unlock(&vault->rekey.opening);
}

static void pass_forget(struct vault *vault)
{
    struct rekey *rekey = &vault->rekey;
    rekey_journal_close(vault);
    rekey_batch_forget(rekey);
    rekey->target = 0;
    rekey->log_emptied = false;
}

void rekey_detach(struct vault *vault)
{
    struct rekey *rekey = &vault->rekey;
    pthread_mutex_lock(&rekey->opening);
    CHECK(rekey->handles > 0);
    rekey->handles--;
    if (rekey->handles == 0) {
        pass_forget(vault);
        atomic_store(&rekey->looked, false);
    }
    pthread_mutex_unlock(&rekey->opening);
}

void rekey_fini(struct vault *vault)
{
    struct rekey *rekey = &vault->rekey;
    pass_forget(vault);
    seals_fini(&rekey->seals);
    secret_free(&rekey->journal_key);
    free(rekey->name);
    free(rekey->file);
    pthread_mutex_destroy(&rekey->rewriting);
    pthread_mutex_destroy(&rekey->opening);
    pthread_mutex_destroy(&rekey->lock);
}
