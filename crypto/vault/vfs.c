#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "crypto/vault/vault_internal.h"

static const int TEMPORARY_FLAGS =
    SQLITE_OPEN_TEMP_DB | SQLITE_OPEN_TRANSIENT_DB | SQLITE_OPEN_TEMP_JOURNAL | SQLITE_OPEN_SUBJOURNAL;

static struct vault *vault_of(const sqlite3_vfs *vfs)
{
    return (struct vault *)vfs->pAppData;
}

/* Is `name` the vault's database with `suffix` behind it? */
static bool name_is(const struct vault *vault, const char *name, const char *suffix)
{
    size_t len = strlen(vault->full_path);
    return name != NULL && strncmp(name, vault->full_path, len) == 0 && strcmp(name + len, suffix) == 0;
}

/* Which kind of file this is; NULL for what is never opened: other databases, rollback journals. */
static int (*start_of(const struct vault *vault, const char *name, int flags))(struct vault_file *)
{
    if ((flags & SQLITE_OPEN_MAIN_DB) != 0 && name_is(vault, name, "")) {
        return database_file_start;
    }
    if ((flags & SQLITE_OPEN_WAL) != 0 && name_is(vault, name, "-wal")) {
        return log_file_start;
    }
    if ((flags & TEMPORARY_FLAGS) != 0 && name == NULL) {
        return temporary_file_start;
    }
    return NULL;
}

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *handle, int flags, int *ret_flags)
{
    struct vault *vault = vault_of(vfs);
    struct vault_file *file = vault_file_of(handle);
    *file = (struct vault_file){ .vault = vault, .below = (sqlite3_file *)(file + 1) };
    int (*start)(struct vault_file *) = start_of(vault, name, flags);
    if (start == NULL) {
        return SQLITE_CANTOPEN;
    }
    memset(file->below, 0, (size_t)vault->base->szOsFile);
    int rc = vault->base->xOpen(vault->base, name, file->below, flags, ret_flags);
    if (rc == SQLITE_OK) {
        rc = start(file);
    }
    if (rc == SQLITE_OK) {
        atomic_fetch_add(&vault->handles, 1);
    } else if (file->below->pMethods != NULL) {
        (void)file->below->pMethods->xClose(file->below);
    }
    return rc;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    struct vault *vault = vault_of(vfs);
    if (name_is(vault, name, "-journal")) {
        return SQLITE_IOERR_DELETE_NOENT;
    }
    struct error err;
    if (name_is(vault, name, "-wal") && fresh_round_end(vault->fresh, &err) != ERR_OK) {
        log_error("vault_log_not_deleted", &err); /* it counts on */
        return SQLITE_IOERR_DELETE;
    }
    return vault->base->xDelete(vault->base, name, sync_folder);
}

/* There is no rollback journal, whatever lies there: replayed, it would put anybody's pages under our seal. */
static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret_result)
{
    struct vault *vault = vault_of(vfs);
    if (name_is(vault, name, "-journal")) {
        *ret_result = 0;
        return SQLITE_OK;
    }
    return vault->base->xAccess(vault->base, name, flags, ret_result);
}

static int vfs_full_pathname(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
    sqlite3_vfs *base = vault_of(vfs)->base;
    return base->xFullPathname(base, name, size, out);
}

static void *vfs_dl_open(sqlite3_vfs *vfs, const char *name)
{
    (void)vfs;
    (void)name;
    return NULL;
}

static void vfs_dl_error(sqlite3_vfs *vfs, int size, char *out)
{
    (void)vfs;
    (void)sqlite3_snprintf(size, out, "extensions are not loaded over a vault");
}

static void (*vfs_dl_sym(sqlite3_vfs *vfs, void *library, const char *symbol))(void)
{
    (void)vfs;
    (void)library;
    (void)symbol;
    return NULL;
}

static void vfs_dl_close(sqlite3_vfs *vfs, void *library)
{
    (void)vfs;
    (void)library;
}

static int vfs_randomness(sqlite3_vfs *vfs, int size, char *out)
{
    sqlite3_vfs *base = vault_of(vfs)->base;
    return base->xRandomness(base, size, out);
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
    sqlite3_vfs *base = vault_of(vfs)->base;
    return base->xSleep(base, microseconds);
}

static int vfs_current_time(sqlite3_vfs *vfs, double *ret_now)
{
    sqlite3_vfs *base = vault_of(vfs)->base;
    return base->xCurrentTime(base, ret_now);
}

static int vfs_get_last_error(sqlite3_vfs *vfs, int size, char *out)
{
    sqlite3_vfs *base = vault_of(vfs)->base;
    return base->xGetLastError(base, size, out);
}

static int vfs_current_time_int64(sqlite3_vfs *vfs, sqlite3_int64 *ret_now)
{
    sqlite3_vfs *base = vault_of(vfs)->base;
    return base->xCurrentTimeInt64(base, ret_now);
}

void vfs_prepare(struct vault *vault)
{
    static atomic_uint registered;
    (void)snprintf(vault->name, sizeof(vault->name), "holdfast-vault-%u", atomic_fetch_add(&registered, 1) + 1);
    vault->vfs = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = (int)sizeof(struct vault_file) + vault->base->szOsFile,
        .mxPathname = vault->base->mxPathname,
        .zName = vault->name,
        .pAppData = vault,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_pathname,
        .xDlOpen = vfs_dl_open,
        .xDlError = vfs_dl_error,
        .xDlSym = vfs_dl_sym,
        .xDlClose = vfs_dl_close,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_current_time,
        .xGetLastError = vfs_get_last_error,
        .xCurrentTimeInt64 = vfs_current_time_int64,
    };
}

enum err_code vfs_register(struct vault *vault, struct error *err)
{
    vfs_prepare(vault);
    return sqlite3_vfs_register(&vault->vfs, 0) == SQLITE_OK ? ERR_OK : FAIL(err, DATABASE, "register the vault's VFS");
}

void vfs_unregister(struct vault *vault)
{
    (void)sqlite3_vfs_unregister(&vault->vfs);
}
