/*
 * vault_verify: the files opened once more through the vault's own VFS, so that every check is the one that SQLite's
 * reads go through. First the log: which pages it has whole, since those may lie in the database in any state after a
 * crash. Then every page, then the list of nonces.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto/vault/vault_internal.h"

enum { REPORT_EVERY = 256, ATTEMPTS = 4, PATIENCE_NS = 3000000, LOG_FRAME_BYTES = 24 + PAGE_BYTES };

struct verify {
    struct vault *vault;
    const struct vault_verify_progress *progress;
    struct vault_verify_report *report;
    sqlite3_file *database;
    sqlite3_file *log; /* NULL: there is none */
    uint8_t *held;     /* one bit for each page that the log has whole */
    uint32_t held_pages;
    uint32_t pages; /* the database has these, as far as can be known */
    uint64_t bytes_done;
    uint64_t bytes_total;
};

static void found(struct verify *verify, enum vault_verify_part part, uint32_t number, const char *reason)
{
    struct vault_verify_report *report = verify->report;
    report->damages++;
    if (report->findings < VAULT_VERIFY_FINDINGS_MAX) {
        struct vault_verify_finding *finding = &report->finding[report->findings++];
        finding->part = part;
        finding->number = number;
        (void)snprintf(finding->reason, sizeof(finding->reason), "%.*s", (int)sizeof(finding->reason) - 1, reason);
    }
}

int vault_verify_describe(const struct vault *vault, const struct vault_verify_finding *finding, char *out, size_t size)
{
    switch (finding->part) {
    case VAULT_VERIFY_PAGE:
        return snprintf(out, size, "page %u of '%s': %s", finding->number, vault->path, finding->reason);
    case VAULT_VERIFY_FRAME:
        return snprintf(out, size, "frame %u of '%s-wal': %s", finding->number, vault->path, finding->reason);
    case VAULT_VERIFY_LOG:
        return snprintf(out, size, "the log '%s-wal': %s", vault->path, finding->reason);
    case VAULT_VERIFY_FRESH:
    default:
        return snprintf(out, size, "'%s.fresh': %s", vault->path, finding->reason);
    }
}

static enum err_code advance(struct verify *verify, uint64_t bytes, struct error *err)
{
    verify->bytes_done += bytes;
    bool due = verify->bytes_done / bytes % REPORT_EVERY == 0;
    if (verify->progress != NULL && due &&
        !verify->progress->report(verify->progress->context, verify->bytes_done, verify->bytes_total)) {
        return FAIL(err, REFUSED, "verify '%s': stopped", verify->vault->path);
    }
    return ERR_OK;
}

/* The log
 * ------------------------------------------------------------------------------------------------------------------ */

static enum err_code hold(struct verify *verify, uint32_t page, struct error *err)
{
    if (page >= verify->held_pages) {
        uint32_t room = page + page / 2 + 4096;
        uint8_t *grown = page < FRESH_PAGES_MAX ? realloc(verify->held, room / 8 + 1) : NULL;
        if (grown == NULL) {
            return FAIL(err, NO_MEMORY, "verify '%s'", verify->vault->path);
        }
        size_t had = verify->held == NULL ? 0 : verify->held_pages / 8 + 1;
        memset(grown + had, 0, room / 8 + 1 - had);
        verify->held = grown;
        verify->held_pages = room;
    }
    verify->held[page / 8] |= (uint8_t)(1u << page % 8);
    return ERR_OK;
}

static bool is_held(const struct verify *verify, uint32_t page)
{
    return page < verify->held_pages && (verify->held[page / 8] >> page % 8 & 1) != 0;
}

static enum err_code pages_hold(struct verify *verify, const uint32_t *pages, size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        TRY(hold(verify, pages[i], err));
    }
    return ERR_OK;
}

/* The pages of frames whose commit was not met yet. */
struct pending {
    uint32_t *pages;
    size_t len;
    size_t room;
};

static enum err_code pending_add(struct pending *pending, uint32_t page, struct error *err)
{
    if (pending->len == pending->room) {
        size_t room = pending->room * 2 + 1024;
        uint32_t *grown = realloc(pending->pages, room * sizeof(*grown));
        if (grown == NULL) {
            return FAIL(err, NO_MEMORY, "verify a log");
        }
        pending->pages = grown;
        pending->room = room;
    }
    pending->pages[pending->len++] = page;
    return ERR_OK;
}

static enum err_code frames_scan(struct verify *verify, struct pending *pending, struct error *err)
{
    struct error why = { 0 };
    struct log_look look = { 0 };
    int rc = log_file_scan(verify->log, 0, &look, &why);
    if (rc == SQLITE_IOERR_DATA) {
        found(verify, VAULT_VERIFY_LOG, 0, why.message);
    }
    for (uint32_t frame = 1; rc == SQLITE_OK; frame++) {
        rc = log_file_scan(verify->log, frame, &look, &why);
        if (rc == SQLITE_IOERR_DATA) {
            found(verify, VAULT_VERIFY_FRAME, frame, why.message);
        } else if (rc == SQLITE_OK) {
            TRY(pending_add(pending, look.page, err));
            TRY(advance(verify, LOG_FRAME_BYTES, err));
        }
        if (rc == SQLITE_OK && look.commit_pages != 0) {
            TRY(pages_hold(verify, pending->pages, pending->len, err));
            pending->len = 0;
            verify->pages = look.commit_pages;
            verify->report->frames = frame;
        }
    }
    return rc == SQLITE_DONE || rc == SQLITE_IOERR_DATA ? ERR_OK : FAIL(err, IO, "read '%s-wal'", verify->vault->path);
}

/* A log that is begun anew meanwhile is looked at again. */
static enum err_code log_scan(struct verify *verify, struct error *err)
{
    struct pending pending = { 0 };
    enum err_code rc = ERR_OK;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        struct fresh_round before = { 0 };
        struct fresh_round after = { 0 };
        struct vault_verify_report report = *verify->report;
        uint64_t bytes_done = verify->bytes_done;
        pending.len = 0;
        int looked = log_file_round(verify->log, &before);
        rc = looked == SQLITE_OK ? frames_scan(verify, &pending, err)
                                 : FAIL(err, IO, "read '%s-wal'", verify->vault->path);
        /* a read that fails is one of a log that was cut off between looking at its size and reading */
        if ((rc != ERR_OK && rc != ERR_IO) || log_file_round(verify->log, &after) != SQLITE_OK ||
            (before.there == after.there && memcmp(before.salts, after.salts, SALTS_BYTES) == 0)) {
            break;
        }
        *verify->report = report;
        verify->bytes_done = bytes_done;
    }
    free(pending.pages);
    return rc;
}

/* Pages
 * ------------------------------------------------------------------------------------------------------------------ */

static bool page_there(const struct verify *verify, uint32_t page)
{
    sqlite3_int64 size = 0;
    sqlite3_file *below = vault_file_of(verify->database)->below;
    return below->pMethods->xFileSize(below, &size) == SQLITE_OK && size >= (sqlite3_int64)page * PAGE_BYTES;
}

/* Again after a moment: a checkpoint may be writing this very page, or VACUUM have cut it off. */
static enum err_code page_scan(struct verify *verify, uint32_t page, struct error *err)
{
    static const struct timespec PATIENCE = { .tv_nsec = PATIENCE_NS };
    struct error why = { 0 };
    bool was_there = page_there(verify, page);
    int rc = SQLITE_OK;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        rc = database_file_look(verify->database, page, &why);
        if (rc != SQLITE_IOERR_DATA || is_held(verify, page)) {
            break;
        }
        (void)nanosleep(&PATIENCE, NULL);
    }
    if (rc == SQLITE_IOERR_DATA && !is_held(verify, page) && (page_there(verify, page) || !was_there)) {
        found(verify, VAULT_VERIFY_PAGE, page, why.message);
    }
    if (rc != SQLITE_OK && rc != SQLITE_IOERR_DATA && rc != SQLITE_IOERR_SHORT_READ) {
        return FAIL(err, IO, "read page %u of '%s'", page, verify->vault->path);
    }
    verify->report->pages++;
    return advance(verify, PAGE_BYTES, err);
}

static enum err_code pages_scan(struct verify *verify, struct error *err)
{
    for (uint32_t page = 1; page <= verify->pages; page++) {
        TRY(page_scan(verify, page, err));
    }
    return ERR_OK;
}

/* Opening
 * ------------------------------------------------------------------------------------------------------------------ */

static enum err_code handle_open(const struct vault *vault, const char *name, int flags, sqlite3_file **ret_file,
                                 struct error *err)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(vault->name);
    CHECK(vfs != NULL);
    sqlite3_file *file = calloc(1, (size_t)vfs->szOsFile);
    if (file == NULL) {
        return FAIL(err, NO_MEMORY, "open '%s'", name);
    }
    int got = 0;
    if (vfs->xOpen(vfs, name, file, SQLITE_OPEN_READWRITE | flags, &got) != SQLITE_OK) {
        free(file);
        return FAIL(err, IO, "open '%s'", name);
    }
    *ret_file = file;
    return ERR_OK;
}

static void handle_close(sqlite3_file *file)
{
    if (file != NULL) {
        (void)file->pMethods->xClose(file);
        free(file);
    }
}

/* The lock, and with it the list of nonces. If only that fails, the pages are looked at without it. */
static enum err_code database_lock(struct verify *verify, struct error *err)
{
    struct vault *vault = verify->vault;
    unsigned damages = vault_damages(vault);
    struct error why;
    int rc = verify->database->pMethods->xLock(verify->database, SQLITE_LOCK_SHARED);
    if (rc == SQLITE_IOERR_DATA && vault_damage_since(vault, damages, &why)) {
        found(verify, VAULT_VERIFY_FRESH, 0, why.message);
        rc = below_lock(verify->database, SQLITE_LOCK_SHARED);
    }
    if ((rc & 0xff) == SQLITE_BUSY) {
        return FAIL(err, BUSY, "verify '%s': another process has it", vault->path);
    }
    return rc == SQLITE_OK ? ERR_OK : FAIL(err, IO, "lock '%s'", vault->path);
}

static enum err_code files_open(struct verify *verify, struct error *err)
{
    struct vault *vault = verify->vault;
    TRY(handle_open(vault, vault->full_path, SQLITE_OPEN_MAIN_DB, &verify->database, err));
    TRY(database_lock(verify, err));
    size_t size = strlen(vault->full_path) + sizeof("-wal") + 1; /* SQLite wants two zeros behind a name */
    SCOPED(scoped_free) char *log = calloc(1, size);
    if (log == NULL) {
        return FAIL(err, NO_MEMORY, "verify '%s'", vault->path);
    }
    (void)snprintf(log, size, "%s-wal", vault->full_path);
    int there = 0;
    if (vault->base->xAccess(vault->base, log, SQLITE_ACCESS_EXISTS, &there) != SQLITE_OK) {
        return FAIL(err, IO, "look for '%s-wal'", vault->path);
    }
    return there == 0 ? ERR_OK : handle_open(vault, log, SQLITE_OPEN_WAL, &verify->log, err);
}

static enum err_code sizes_take(struct verify *verify, struct error *err)
{
    sqlite3_int64 database = 0;
    sqlite3_int64 log = 0;
    if (below_file_size(verify->database, &database) != SQLITE_OK ||
        (verify->log != NULL && below_file_size(verify->log, &log) != SQLITE_OK)) {
        return FAIL(err, IO, "read the size of '%s'", verify->vault->path);
    }
    uint32_t listed = fresh_pages(verify->vault->fresh);
    uint32_t in_file = (uint32_t)((database + PAGE_BYTES - 1) / PAGE_BYTES);
    verify->pages = listed > in_file ? listed : in_file;
    verify->bytes_total = (uint64_t)database + (uint64_t)log;
    return ERR_OK;
}

static enum err_code verify_all(struct verify *verify, struct error *err)
{
    TRY(files_open(verify, err));
    TRY(sizes_take(verify, err));
    if (verify->log != NULL) {
        TRY(log_scan(verify, err));
    } else if (fresh_tail_frame(verify->vault->fresh) > 0) {
        found(verify, VAULT_VERIFY_LOG, 0, "it is gone, and commits were in it");
    }
    TRY(pages_scan(verify, err));
    struct error why;
    enum err_code rc = fresh_verify(verify->vault->fresh, &why);
    if (rc == ERR_DAMAGED) {
        found(verify, VAULT_VERIFY_FRESH, 0, why.message);
        rc = ERR_OK;
    }
    return rc == ERR_OK ? ERR_OK : error_set(err, rc, "%s", why.message);
}

enum err_code vault_verify(struct vault *vault, const struct vault_verify_progress *progress,
                           struct vault_verify_report *ret_report, struct error *err)
{
    struct vault_verify_report *report = calloc(1, sizeof(*report));
    if (report == NULL) {
        return FAIL(err, NO_MEMORY, "verify '%s'", vault->path);
    }
    struct verify verify = { .vault = vault, .progress = progress, .report = report };
    enum err_code rc = verify_all(&verify, err);
    if (verify.database != NULL) {
        (void)below_unlock(verify.database, SQLITE_LOCK_NONE);
    }
    handle_close(verify.log);
    handle_close(verify.database);
    free(verify.held);
    if (rc == ERR_OK) {
        *ret_report = *report;
    }
    free(report);
    return rc;
}
