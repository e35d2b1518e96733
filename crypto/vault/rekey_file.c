#include "crypto/vault/rekey_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* SQLite's VFS takes less than 128 KiB at a time. */
enum { JOURNAL_MODE = 0600, PART_BYTES = 65536 };

static enum err_code journal_failed(const struct vault *vault, int rc, const char *what, struct error *err)
{
    return rc == SQLITE_FULL ? FAIL(err, DISK_FULL, "%s '%s.rekey'", what, vault->path)
                             : FAIL(err, IO, "%s '%s.rekey'", what, vault->path);
}

enum err_code rekey_journal_there(struct vault *vault, bool *ret_there, struct error *err)
{
    int there = 0;
    int rc = vault->base->xAccess(vault->base, vault->rekey.name, SQLITE_ACCESS_EXISTS, &there);
    *ret_there = there != 0;
    return rc == SQLITE_OK ? ERR_OK : journal_failed(vault, rc, "look for", err);
}

enum err_code rekey_journal_open(struct vault *vault, struct error *err)
{
    struct rekey *rekey = &vault->rekey;
    if (rekey->opened) {
        return ERR_OK;
    }
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_JOURNAL;
    int got = flags;
    memset(rekey->file, 0, (size_t)vault->base->szOsFile);
    int rc = vault->base->xOpen(vault->base, rekey->name, rekey->file, flags, &got);
    if (rc != SQLITE_OK) {
        return journal_failed(vault, rc, "open", err);
    }
    rekey->opened = true;
    if ((got & SQLITE_OPEN_READWRITE) == 0) {
        return FAIL(err, READ_ONLY, "open '%s.rekey' to write", vault->path);
    }
    return chmod(rekey->name, JOURNAL_MODE) == 0 ? ERR_OK : error_errno(err, "open '%s.rekey'", vault->path);
}

void rekey_journal_close(struct vault *vault)
{
    struct rekey *rekey = &vault->rekey;
    if (rekey->opened) {
        (void)rekey->file->pMethods->xClose(rekey->file);
        rekey->opened = false;
    }
    rekey->journal_len = 0;
    rekey->batches = 0;
    rekey->journal_pages = 0;
}

/* A journal that stays behind is harmless: the list of nonces expects none of its pages any more. */
void rekey_journal_remove(struct vault *vault)
{
    rekey_journal_close(vault);
    (void)vault->base->xDelete(vault->base, vault->rekey.name, 0);
}

enum err_code rekey_journal_cut(struct vault *vault, struct error *err)
{
    struct rekey *rekey = &vault->rekey;
    int rc = rekey->file->pMethods->xTruncate(rekey->file, 0);
    if (rc != SQLITE_OK) {
        return journal_failed(vault, rc, "cut", err);
    }
    rekey->journal_len = 0;
    rekey->batches = 0;
    rekey->journal_pages = 0;
    return ERR_OK;
}

enum err_code rekey_journal_source(void *context, uint64_t at, uint8_t *out, size_t len, size_t *ret_got,
                                   struct error *err)
{
    struct vault *vault = context;
    sqlite3_file *file = vault->rekey.file;
    sqlite3_int64 size = 0;
    int rc = file->pMethods->xFileSize(file, &size);
    if (rc != SQLITE_OK) {
        return journal_failed(vault, rc, "read", err);
    }
    uint64_t there = (uint64_t)size > at ? (uint64_t)size - at : 0;
    size_t wanted = there < len ? (size_t)there : len;
    for (size_t done = 0; rc == SQLITE_OK && done < wanted; done += PART_BYTES) {
        size_t part = wanted - done < PART_BYTES ? wanted - done : PART_BYTES;
        rc = file->pMethods->xRead(file, out + done, (int)part, (sqlite3_int64)(at + done));
    }
    *ret_got = wanted;
    return rc == SQLITE_OK ? ERR_OK : journal_failed(vault, rc, "read", err);
}

enum err_code rekey_journal_append(struct vault *vault, struct error *err)
{
    struct rekey *rekey = &vault->rekey;
    TRY(rekey_journal_open(vault, err));
    const sqlite3_io_methods *methods = rekey->file->pMethods;
    const uint8_t *from = rekey->batch->bytes + JOURNAL_HEADER_BYTES;
    uint64_t at = rekey->journal_len;
    size_t len = journal_batch_close(rekey->batch, rekey->batches + 1, &rekey->journal_key);
    if (at == 0) {
        from = rekey->batch->bytes;
        len += JOURNAL_HEADER_BYTES;
    }
    int rc = SQLITE_OK;
    for (size_t done = 0; rc == SQLITE_OK && done < len; done += PART_BYTES) {
        size_t part = len - done < PART_BYTES ? len - done : PART_BYTES;
        rc = methods->xWrite(rekey->file, from + done, (int)part, (sqlite3_int64)(at + done));
    }
    rc = rc == SQLITE_OK ? methods->xSync(rekey->file, SQLITE_SYNC_NORMAL) : rc;
    if (rc != SQLITE_OK) {
        return journal_failed(vault, rc, "write", err);
    }
    rekey->journal_len = at + len;
    rekey->batches++;
    rekey->journal_pages += rekey->batch->pages;
    return ERR_OK;
}
