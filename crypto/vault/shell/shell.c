/* The entry point of the extension, and its VFS, which translates names of the replica into those of its copy. */
#define SQLITE_CORE 1 /* SQLite's functions by their names: one SQLite serves the shell and the vault */
#include <sqlite3ext.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/vault/shell/shell.h"
#include "crypto/vault/vault_internal.h"

#define VFS_NAME "holdfast"

/* The one replica that is open. */
static struct opened {
    char *name; /* as SQLite names it */
    struct replica_copy copy;
    sqlite3_filename filename; /* of the copy, and of its log */
    struct vault *vault;
    sqlite3_vfs *vfs;
} opened;

static void complain(const struct error *err)
{
    (void)fprintf(stderr, "holdfast-vault: %s\n", err->message);
}

static void shut(void)
{
    vault_close(opened.vault);
    copy_remove(&opened.copy);
    if (opened.filename != NULL) {
        sqlite3_free_filename(opened.filename);
    }
    free(opened.name);
    opened = (struct opened){ 0 };
}

static enum err_code filename_make(struct error *err)
{
    char log[PATH_MAX + 4];
    char journal[PATH_MAX + 8];
    (void)snprintf(log, sizeof(log), "%s-wal", opened.copy.path);
    (void)snprintf(journal, sizeof(journal), "%s-journal", opened.copy.path);
    opened.filename = sqlite3_create_filename(opened.copy.path, journal, log, 0, NULL);
    return opened.filename != NULL ? ERR_OK : FAIL(err, NO_MEMORY, "open the replica");
}

static enum err_code open_copy(const char *name, struct error *err)
{
    enum vault_slot_kind kind = VAULT_SLOT_PASSPHRASE;
    SCOPED(secret_free) struct secret secret = { 0 };
    opened.name = strdup(name);
    if (opened.name == NULL) {
        return FAIL(err, NO_MEMORY, "open the replica");
    }
    TRY(copy_make(name, &opened.copy, err));
    TRY(filename_make(err));
    TRY(secret_init(err));
    TRY(ask_secret(&kind, &secret, err));
    struct vault_unlock unlock = { .kind = kind, .secret = secret.bytes, .secret_len = secret.len };
    enum err_code rc = vault_open(opened.copy.path, &unlock, &opened.vault, err);
    if (rc == ERR_KEY) {
        return FAIL(err, KEY, "open '%s': %s", name,
                    kind == VAULT_SLOT_KEY_FILE   ? "this key file does not open it"
                    : kind == VAULT_SLOT_RECOVERY ? "these recovery words do not open it"
                                                  : "this is not its passphrase");
    }
    TRY(rc);
    opened.vfs = sqlite3_vfs_find(vault_vfs_name(opened.vault));
    CHECK(opened.vfs != NULL);
    return ERR_OK;
}

static bool in_use(void)
{
    return opened.vault != NULL && atomic_load(&opened.vault->handles) > 0;
}

/* Once for a connection; another connection to the same replica shares what is open. */
static enum err_code open_replica(const char *name, struct error *err)
{
    if (in_use()) {
        return strcmp(name, opened.name) == 0
                   ? ERR_OK
                   : FAIL(err, BUSY, "open '%s': one replica at a time; close '%s' first", name, opened.name);
    }
    shut();
    enum err_code rc = open_copy(name, err);
    if (rc != ERR_OK) {
        shut();
    }
    return rc;
}

/* NULL: it is not of the replica that is open. */
static const char *name_of_copy(const char *name)
{
    size_t len = opened.name == NULL || name == NULL ? 0 : strlen(opened.name);
    if (len == 0 || strncmp(name, opened.name, len) != 0) {
        return NULL;
    }
    if (name[len] == '\0') {
        return opened.filename;
    }
    return strcmp(name + len, "-wal") == 0 ? sqlite3_filename_wal(opened.filename) : NULL;
}

/*
 * SQLite is told that it is read-only, whatever it asks for: what would be written to the copy would be lost. The copy
 * itself is opened for writing, since only then "unix-excl" keeps the index of the log in memory.
 */
static int shell_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
    struct error err;
    (void)vfs;
    file->pMethods = NULL;
    if ((flags & SQLITE_OPEN_MAIN_DB) != 0) {
        if (open_replica(name, &err) != ERR_OK) {
            complain(&err);
            return SQLITE_CANTOPEN;
        }
        flags = (flags & ~(SQLITE_OPEN_READONLY | SQLITE_OPEN_CREATE)) | SQLITE_OPEN_READWRITE;
    }
    const char *translated = name_of_copy(name);
    if (opened.vfs == NULL || (name != NULL && translated == NULL)) {
        return SQLITE_CANTOPEN;
    }
    int rc = opened.vfs->xOpen(opened.vfs, translated, file, flags, ret_flags);
    if (rc == SQLITE_OK && ret_flags != NULL && (flags & SQLITE_OPEN_MAIN_DB) != 0) {
        *ret_flags = (*ret_flags & ~SQLITE_OPEN_READWRITE) | SQLITE_OPEN_READONLY;
    }
    return rc;
}

static int shell_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    const char *translated = name_of_copy(name);
    (void)vfs;
    return translated == NULL ? SQLITE_IOERR_DELETE : opened.vfs->xDelete(opened.vfs, translated, sync_folder);
}

static int shell_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret_result)
{
    const char *translated = name_of_copy(name);
    (void)vfs;
    *ret_result = 0;
    return translated == NULL || opened.vfs == NULL ? SQLITE_OK
                                                    : opened.vfs->xAccess(opened.vfs, translated, flags, ret_result);
}

static void *shell_dl_open(sqlite3_vfs *vfs, const char *name)
{
    sqlite3_vfs *base = vfs->pAppData;
    return base->xDlOpen(base, name);
}

static void shell_dl_error(sqlite3_vfs *vfs, int size, char *out)
{
    sqlite3_vfs *base = vfs->pAppData;
    base->xDlError(base, size, out);
}

static void (*shell_dl_sym(sqlite3_vfs *vfs, void *library, const char *symbol))(void)
{
    sqlite3_vfs *base = vfs->pAppData;
    return base->xDlSym(base, library, symbol);
}

static void shell_dl_close(sqlite3_vfs *vfs, void *library)
{
    sqlite3_vfs *base = vfs->pAppData;
    base->xDlClose(base, library);
}

static int shell_full_pathname(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
    sqlite3_vfs *base = vfs->pAppData;
    return base->xFullPathname(base, name, size, out);
}

static int shell_randomness(sqlite3_vfs *vfs, int size, char *out)
{
    sqlite3_vfs *base = vfs->pAppData;
    return base->xRandomness(base, size, out);
}

static int shell_sleep(sqlite3_vfs *vfs, int microseconds)
{
    sqlite3_vfs *base = vfs->pAppData;
    return base->xSleep(base, microseconds);
}

static int shell_current_time(sqlite3_vfs *vfs, double *ret_now)
{
    sqlite3_vfs *base = vfs->pAppData;
    return base->xCurrentTime(base, ret_now);
}

static int shell_get_last_error(sqlite3_vfs *vfs, int size, char *out)
{
    sqlite3_vfs *base = vfs->pAppData;
    return base->xGetLastError(base, size, out);
}

static int shell_current_time_int64(sqlite3_vfs *vfs, sqlite3_int64 *ret_now)
{
    sqlite3_vfs *base = vfs->pAppData;
    return base->xCurrentTimeInt64(base, ret_now);
}

static sqlite3_vfs shell_vfs = {
    .iVersion = 2,
    .zName = VFS_NAME,
    .xOpen = shell_open,
    .xDelete = shell_delete,
    .xAccess = shell_access,
    .xFullPathname = shell_full_pathname,
    .xDlOpen = shell_dl_open,
    .xDlError = shell_dl_error,
    .xDlSym = shell_dl_sym,
    .xDlClose = shell_dl_close,
    .xRandomness = shell_randomness,
    .xSleep = shell_sleep,
    .xCurrentTime = shell_current_time,
    .xGetLastError = shell_get_last_error,
    .xCurrentTimeInt64 = shell_current_time_int64,
};

/* The name is SQLite's choice: the file's letters. */
__attribute__((visibility("default"))) int sqlite3_holdfastvault_init(sqlite3 *db, char **ret_message,
                                                                      const sqlite3_api_routines *api);

int sqlite3_holdfastvault_init(sqlite3 *db, char **ret_message, const sqlite3_api_routines *api)
{
    (void)db;
    if (api->vfs_register != sqlite3_vfs_register) {
        *ret_message = api->mprintf("this sqlite3 has an SQLite of its own; use one that uses the system's");
        return SQLITE_ERROR;
    }
    sqlite3_vfs *base = sqlite3_vfs_find("unix-excl");
    if (base == NULL || sqlite3_vfs_find(VFS_NAME) != NULL) {
        return base == NULL ? SQLITE_ERROR : SQLITE_OK_LOAD_PERMANENTLY;
    }
    shell_vfs.szOsFile = (int)sizeof(struct vault_file) + base->szOsFile;
    shell_vfs.mxPathname = base->mxPathname;
    shell_vfs.pAppData = base;
    if (sqlite3_vfs_register(&shell_vfs, 0) != SQLITE_OK || atexit(shut) != 0) {
        return SQLITE_ERROR;
    }
    return SQLITE_OK_LOAD_PERMANENTLY;
}
