#include "crypto/vault/restore.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "crypto/vault/backup_internal.h"
#include "crypto/vault/keys_image.h"
#include "crypto/vault/vault_internal.h"

enum { CHECK_CACHE_KIB = 1024, DATABASE_MODE = 0600, KEYS_AND_FRESHNESS_PERCENT = 2, SMALL_BYTES = 256 * 1024 };

struct restore {
    char *path;          /* of the vault in use */
    struct vault *vault; /* the new one */
    sqlite3_file *file;  /* its database while pages are written */
    const char *name;    /* as SQLite wants it for `file` */
    unsigned damages_before;
    bool kept;
};

/* Keys
 * ----------------------------------------------------------------------------------------------------------------- */

static uint32_t sealing_epoch(const struct keys *keys)
{
    uint32_t newest = 0;
    for (size_t i = 0; i < KEYS_EPOCHS; i++) {
        struct keys_epoch epoch = keys_epoch_at(keys, i);
        newest = epoch.number > newest ? epoch.number : newest;
    }
    return newest;
}

/* The backup's keys with one data key, a new one, and no word of a database yet. */
static enum err_code keys_renew(const struct keys *of_backup, struct keys *keys, struct error *err)
{
    memcpy(keys->image, of_backup->image, sizeof(keys->image));
    const struct secret *vault_key = &of_backup->vault_key;
    TRY(secret_copy(slice_of(vault_key->bytes, vault_key->len), &keys->vault_key, err));
    uint32_t old = sealing_epoch(keys);
    TRY(keys_epochs_retire(keys, old, err));
    TRY(keys_epoch_begin(keys, err));
    TRY(keys_epochs_retire(keys, old + 1, err));
    put_be32(keys->image + AT_FLAGS, 0);
    return keys_image_close(keys, err);
}

/* The file
 * ----------------------------------------------------------------------------------------------------------------- */

static enum err_code refused(const struct restore *restore, int rc, const char *what, struct error *err)
{
    struct error damage;
    if (vault_damage_since(restore->vault, restore->damages_before, &damage)) {
        return FAIL(err, DAMAGED, "%s: %s", what, damage.message);
    }
    switch (rc & 0xff) {
    case SQLITE_FULL:
        return FAIL(err, DISK_FULL, "%s: no space left on the disk", what);
    case SQLITE_NOMEM:
        return FAIL(err, NO_MEMORY, "%s", what);
    case SQLITE_BUSY:
        return FAIL(err, BUSY, "%s: another process uses the files", what);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return FAIL(err, DAMAGED, "%s: what the backup holds is not a database", what);
    default:
        return FAIL(err, IO, "%s: %s", what, sqlite3_errstr(rc));
    }
}

static enum err_code file_lock(struct restore *restore, struct error *err)
{
    static const int LEVELS[] = { SQLITE_LOCK_SHARED, SQLITE_LOCK_RESERVED, SQLITE_LOCK_EXCLUSIVE };
    for (size_t i = 0; i < ARRAY_LEN(LEVELS); i++) {
        int rc = restore->file->pMethods->xLock(restore->file, LEVELS[i]);
        if (rc != SQLITE_OK) {
            return refused(restore, rc, "begin to restore", err);
        }
    }
    return ERR_OK;
}

static enum err_code file_open(struct restore *restore, struct error *err)
{
    struct vault *vault = restore->vault;
    int flags = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    restore->damages_before = vault_damages(vault);
    restore->file = calloc(1, (size_t)vault->vfs.szOsFile);
    restore->name = sqlite3_create_filename(vault->full_path, "", "", 0, NULL);
    if (restore->file == NULL || restore->name == NULL) {
        return FAIL(err, NO_MEMORY, "begin to restore");
    }
    int rc = vault->vfs.xOpen(&vault->vfs, restore->name, restore->file, flags, &flags);
    if (rc != SQLITE_OK) {
        restore->file->pMethods = NULL;
        return refused(restore, rc, "begin to restore", err);
    }
    if (chmod(vault->full_path, DATABASE_MODE) != 0) {
        return error_errno(err, "make the database '%s'", vault->path);
    }
    return file_lock(restore, err);
}

static void file_close(struct restore *restore)
{
    if (restore->file != NULL && restore->file->pMethods != NULL) {
        (void)restore->file->pMethods->xUnlock(restore->file, SQLITE_LOCK_NONE);
        (void)restore->file->pMethods->xClose(restore->file);
    }
    free(restore->file);
    sqlite3_free_filename(restore->name);
    restore->file = NULL;
    restore->name = NULL;
}

/* Making it
 * ---------------------------------------------------------------------------------------------------------------- */

static enum err_code space_check(const char *path, uint64_t pages, struct error *err)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    (void)snprintf(folder, sizeof(folder), "%.*s", slash == NULL ? 1 : (int)(slash - path) + 1,
                   slash == NULL ? "." : path);
    struct statvfs about;
    if (statvfs(folder, &about) != 0) {
        return error_errno(err, "look for space in '%s'", folder);
    }
    uint64_t wanted = pages * PAGE_BYTES;
    wanted += wanted * KEYS_AND_FRESHNESS_PERCENT / 100 + SMALL_BYTES;
    uint64_t there = (uint64_t)about.f_bavail * about.f_frsize;
    return wanted <= there
               ? ERR_OK
               : FAIL(err, DISK_FULL,
                      "restore: %" PRIu64 " MiB are free in '%s', and %" PRIu64 " MiB are wanted beside what is there",
                      there >> 20, folder, (wanted >> 20) + 1);
}

static enum err_code begin(struct restore *restore, const struct backup_reader *reader, uint64_t counter,
                           struct error *err)
{
    char path[PATH_MAX];
    TRY(space_check(restore->path, reader->head.pages, err));
    if (snprintf(path, sizeof(path), "%s%s", restore->path, RESTORE_INCOMING) >= (int)sizeof(path)) {
        return FAIL(err, INVALID, "restore: the path of the replica is too long");
    }
    restore_incoming_remove(restore->path);
    SCOPED(keys_fini) struct keys keys = { 0 };
    TRY(keys_renew(&reader->keys, &keys, err));
    TRY(vault_make_anew(path, &keys, counter, &restore->vault, err));
    return file_open(restore, err);
}

enum err_code restore_begin(const char *path, const struct backup_reader *reader, uint64_t counter, int64_t now_ms,
                            struct restore **ret_restore, struct error *err)
{
    CHECK(reader->unlocked);
    struct restore *restore = calloc(1, sizeof(*restore));
    char *copy = strdup(path);
    if (restore == NULL || copy == NULL) {
        free(restore);
        free(copy);
        return FAIL(err, NO_MEMORY, "begin to restore");
    }
    restore->path = copy;
    counter = reader->head.freshness > counter ? reader->head.freshness : counter;
    counter = now_ms > 0 && (uint64_t)now_ms > counter ? (uint64_t)now_ms : counter;
    enum err_code rc = begin(restore, reader, counter, err);
    if (rc != ERR_OK) {
        restore_free(restore);
        return rc;
    }
    *ret_restore = restore;
    return ERR_OK;
}

enum err_code restore_page(void *context, uint32_t number, const uint8_t *page, struct error *err)
{
    struct restore *restore = context;
    if (number == PAGE_LOCK_BYTE) {
        return ERR_OK; /* it stays a hole */
    }
    sqlite3_int64 at = (sqlite3_int64)(number - 1) * PAGE_BYTES;
    int rc = restore->file->pMethods->xWrite(restore->file, page, PAGE_BYTES, at);
    return rc == SQLITE_OK ? ERR_OK : refused(restore, rc, "restore", err);
}

/* Checking it
 * -------------------------------------------------------------------------------------------------------------- */

static enum err_code check_once(struct restore *restore, sqlite3 *db, bool *ret_sound, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &statement, NULL);
    rc = rc == SQLITE_OK ? sqlite3_step(statement) : rc;
    const char *found = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    *ret_sound = found != NULL && strcmp(found, "ok") == 0;
    (void)sqlite3_finalize(statement);
    return rc == SQLITE_ROW ? ERR_OK : refused(restore, rc, "check what was restored", err);
}

static enum err_code pages_read(struct restore *restore, sqlite3 *db, struct error *err)
{
    uint8_t page[PAGE_BYTES];
    sqlite3_file *file = NULL;
    sqlite3_int64 size = 0;
    int rc = sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    rc = rc == SQLITE_OK ? file->pMethods->xFileSize(file, &size) : rc;
    for (sqlite3_int64 at = 0; rc == SQLITE_OK && at < size; at += PAGE_BYTES) {
        rc = file->pMethods->xRead(file, page, PAGE_BYTES, at);
    }
    return rc == SQLITE_OK ? ERR_OK : refused(restore, rc, "check what was restored", err);
}

/* SQLite's check lists a page that the disk did not give among the faults of the database; it is not one. */
static enum err_code check_run(struct restore *restore, sqlite3 *db, struct error *err)
{
    bool sound = false;
    TRY(check_once(restore, db, &sound, err));
    if (!sound) {
        TRY(pages_read(restore, db, err));
        TRY(check_once(restore, db, &sound, err));
    }
    return sound ? ERR_OK
                 : FAIL(err, DAMAGED, "check what was restored: the backup holds a database with faults of its own");
}

enum err_code restore_seal(struct restore *restore, struct error *err)
{
    int rc = restore->file->pMethods->xSync(restore->file, SQLITE_SYNC_FULL);
    if (rc != SQLITE_OK) {
        return refused(restore, rc, "restore", err);
    }
    TRY(fresh_save(restore->vault->fresh, err));
    file_close(restore);
    sqlite3 *db = NULL;
    TRY(vault_open_database(restore->vault, CHECK_CACHE_KIB, &db, err));
    enum err_code result = check_run(restore, db, err);
    CHECK(sqlite3_close(db) == SQLITE_OK);
    return result;
}

struct vault *restore_vault(struct restore *restore)
{
    return restore->vault;
}

/* The end
 * ------------------------------------------------------------------------------------------------------------------ */

static void vault_shut(struct restore *restore)
{
    file_close(restore);
    vault_close(restore->vault);
    restore->vault = NULL;
}

void restore_keep(struct restore *restore)
{
    vault_shut(restore);
    restore->kept = true;
}

void restore_free(struct restore *restore)
{
    if (restore == NULL) {
        return;
    }
    vault_shut(restore);
    if (!restore->kept) {
        restore_incoming_remove(restore->path);
    }
    free(restore->path);
    free(restore);
}
