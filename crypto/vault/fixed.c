/*
 * A VFS for the databases of others. Each file is a vault of its own in memory, made when the file is first opened: the
 * file id is that of the file, or a new one if it is empty, and its data key comes from the fixed key and the file id.
 *
 *     SQLite ── fixed VFS ──┬── VFS of the vault of a.db ──► a.db, a.db-wal
 *                           ├── VFS of the vault of b.db ──► b.db, b.db-wal
 *                           └── VFS of a vault without a file ──► temporary files, rollback journals
 *
 * A rollback journal is an unlinked temporary file, so on disk there is none: what is asked about its name is answered
 * with no.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"
#include "crypto/vault/kdf.h"
#include "crypto/vault/vault_internal.h"

enum { FIXED_KEY_BYTES = 32, FILE_ID_BYTES = 16, FILES_MAX = 1024 };

struct vault_fixed {
    sqlite3_vfs vfs;
    sqlite3_vfs *base;
    char *name;
    struct secret key;
    struct vault *temporary;
    pthread_mutex_t lock; /* of what follows */
    struct vault *files[FILES_MAX];
    size_t count;
};

static struct vault_fixed *fixed_of(const sqlite3_vfs *vfs)
{
    return ((struct vault *)vfs->pAppData)->fixed;
}

/* Vaults
 * ------------------------------------------------------------------------------------------------------------------ */

static enum err_code vault_key(const struct vault_fixed *fixed, struct vault *vault, const uint8_t id[FILE_ID_BYTES],
                               struct error *err)
{
    SCOPED(secret_free) struct secret data_key = { 0 };
    TRY(kdf_expand(slice_of(fixed->key.bytes, fixed->key.len), slice_of(id, FILE_ID_BYTES),
                   "holdfast vault 1 fixed data key", DATA_KEY_BYTES, &data_key, err));
    epochs_set_file_id(&vault->epochs, id);
    return epochs_add(&vault->epochs, 1, &data_key, 0, err);
}

/* No list of nonces is kept. */
static enum err_code freshness_none(const struct vault_fixed *fixed, struct vault *vault, struct error *err)
{
    struct fresh_place place = {
        .base = fixed->base, .path = vault->path, .full_path = vault->full_path, .file_id = vault->epochs.file_id
    };
    TRY(fresh_new(&place, &fixed->key, &vault->fresh, err));
    (void)fresh_give_up(vault->fresh);
    return ERR_OK;
}

/* Without a keys file there is nowhere to count what is sealed. */
static enum err_code vault_of_file(struct vault_fixed *fixed, const char *path, const uint8_t id[FILE_ID_BYTES],
                                   struct vault **ret_vault, struct error *err)
{
    struct vault *vault = NULL;
    TRY(vault_new(path, &vault, err));
    vault->fixed = fixed;
    vault->epochs.extend = NULL;
    enum err_code rc = vault_paths_set(vault, path, err);
    rc = rc == ERR_OK ? vault_key(fixed, vault, id, err) : rc;
    rc = rc == ERR_OK ? freshness_none(fixed, vault, err) : rc;
    if (rc != ERR_OK) {
        vault_release(vault);
        return rc;
    }
    vfs_prepare(vault);
    *ret_vault = vault;
    return ERR_OK;
}

/* Through a descriptor of its own, which only a file that nobody has open allows. All zero: there is none yet. */
static int file_id_read(const struct vault_fixed *fixed, const char *name, uint8_t id[FILE_ID_BYTES])
{
    sqlite3_file *file = calloc(1, (size_t)fixed->base->szOsFile);
    if (file == NULL) {
        return SQLITE_NOMEM;
    }
    memset(id, 0, FILE_ID_BYTES);
    int there = 0;
    int rc = fixed->base->xAccess(fixed->base, name, SQLITE_ACCESS_EXISTS, &there);
    if (rc == SQLITE_OK && there != 0) {
        int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB;
        rc = fixed->base->xOpen(fixed->base, name, file, flags, NULL);
        rc = rc == SQLITE_OK ? file->pMethods->xRead(file, id, FILE_ID_BYTES, 0) : rc;
    }
    if (rc == SQLITE_IOERR_SHORT_READ) {
        memset(id, 0, FILE_ID_BYTES);
        rc = SQLITE_OK;
    }
    if (file->pMethods != NULL) {
        (void)file->pMethods->xClose(file);
    }
    free(file);
    return rc;
}

static struct vault **file_find(struct vault_fixed *fixed, const char *name, size_t len)
{
    for (size_t i = 0; i < fixed->count; i++) {
        const char *path = fixed->files[i]->full_path;
        if (strncmp(path, name, len) == 0 && path[len] == '\0') {
            return &fixed->files[i];
        }
    }
    return NULL;
}

static int code_of(enum err_code code)
{
    return code == ERR_OK ? SQLITE_OK : code == ERR_NO_MEMORY ? SQLITE_NOMEM : SQLITE_CANTOPEN;
}

/* The vault of a database that is about to be opened. Another file may have taken the place of the one it was for. */
static int database_vault(struct vault_fixed *fixed, const char *name, struct vault **ret_vault)
{
    static const uint8_t NONE[FILE_ID_BYTES] = { 0 };
    struct vault **known = file_find(fixed, name, strlen(name));
    uint8_t id[FILE_ID_BYTES];
    struct error err;
    if (known != NULL && atomic_load(&(*known)->handles) > 0) {
        *ret_vault = *known;
        return SQLITE_OK;
    }
    int rc = file_id_read(fixed, name, id);
    if (rc != SQLITE_OK) {
        return rc;
    }
    bool made = memcmp(id, NONE, FILE_ID_BYTES) != 0;
    if (known != NULL && (!made || memcmp(id, (*known)->epochs.file_id, FILE_ID_BYTES) == 0)) {
        *ret_vault = *known;
        return SQLITE_OK;
    }
    if (known == NULL && fixed->count == FILES_MAX) {
        return SQLITE_CANTOPEN;
    }
    struct vault *vault = NULL;
    enum err_code code = made ? ERR_OK : random_bytes(id, sizeof(id), &err);
    code = code == ERR_OK ? vault_of_file(fixed, name, id, &vault, &err) : code;
    if (code != ERR_OK) {
        return code_of(code);
    }
    if (known == NULL) {
        known = &fixed->files[fixed->count++];
    } else {
        vault_release(*known);
    }
    *known = vault;
    *ret_vault = vault;
    return SQLITE_OK;
}

static int vault_for(struct vault_fixed *fixed, const char *name, int flags, struct vault **ret_vault)
{
    size_t len = name == NULL ? 0 : strlen(name);
    if (name == NULL || (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL)) != 0) {
        *ret_vault = fixed->temporary;
        return SQLITE_OK;
    }
    if ((flags & SQLITE_OPEN_MAIN_DB) != 0) {
        return database_vault(fixed, name, ret_vault);
    }
    struct vault **database = (flags & SQLITE_OPEN_WAL) != 0 && len > 4 ? file_find(fixed, name, len - 4) : NULL;
    if (database == NULL) {
        return SQLITE_CANTOPEN;
    }
    *ret_vault = *database;
    return SQLITE_OK;
}

/* The VFS
 * ----------------------------------------------------------------------------------------------------------------- */

static int fixed_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *handle, int flags, int *ret_flags)
{
    struct vault_fixed *fixed = fixed_of(vfs);
    struct vault *vault = NULL;
    handle->pMethods = NULL;
    pthread_mutex_lock(&fixed->lock);
    int rc = vault_for(fixed, name, flags, &vault);
    if (rc == SQLITE_OK && vault == fixed->temporary) {
        name = NULL;
        flags = SQLITE_OPEN_TEMP_JOURNAL | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXCLUSIVE |
                SQLITE_OPEN_DELETEONCLOSE;
    }
    rc = rc == SQLITE_OK ? vault->vfs.xOpen(&vault->vfs, name, handle, flags, ret_flags) : rc;
    pthread_mutex_unlock(&fixed->lock);
    return rc;
}

static bool ends_with(const char *name, const char *suffix)
{
    size_t len = strlen(name);
    return len >= strlen(suffix) && strcmp(name + len - strlen(suffix), suffix) == 0;
}

/* A journal that was never on disk is gone already. */
static int fixed_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    sqlite3_vfs *base = fixed_of(vfs)->base;
    int rc = ends_with(name, "-journal") ? SQLITE_OK : base->xDelete(base, name, sync_folder);
    return rc == SQLITE_IOERR_DELETE_NOENT ? SQLITE_OK : rc;
}

static int fixed_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret_result)
{
    sqlite3_vfs *base = fixed_of(vfs)->base;
    if (ends_with(name, "-journal")) {
        *ret_result = 0;
        return SQLITE_OK;
    }
    return base->xAccess(base, name, flags, ret_result);
}

/* For each new connection of the process: a database over one of these that is made later has the reserved bytes. */
static int reserve_bytes(sqlite3 *db, const char **ret_message, const struct sqlite3_api_routines *unused)
{
    (void)ret_message;
    (void)unused;
    sqlite3_vfs *vfs = NULL;
    int reserve = PAGE_RESERVE;
    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_VFS_POINTER, &vfs) == SQLITE_OK && vfs != NULL &&
        vfs->xOpen == fixed_open) {
        (void)sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserve);
    }
    return SQLITE_OK;
}

enum err_code vault_fixed_register(const char *vfs_name, const uint8_t key[32], struct vault_fixed **ret_fixed,
                                   struct error *err)
{
    static const uint8_t NO_FILE[FILE_ID_BYTES] = "temporary files";
    TRY(secret_init(err));
    struct vault_fixed *fixed = calloc(1, sizeof(*fixed));
    if (fixed == NULL) {
        return FAIL(err, NO_MEMORY, "register the VFS '%s'", vfs_name);
    }
    CHECK(pthread_mutex_init(&fixed->lock, NULL) == 0);
    fixed->name = strdup(vfs_name);
    fixed->base = sqlite3_vfs_find("unix-excl");
    enum err_code rc = fixed->name == NULL ? FAIL(err, NO_MEMORY, "register the VFS '%s'", vfs_name) : ERR_OK;
    rc = rc == ERR_OK ? secret_copy(slice_of(key, FIXED_KEY_BYTES), &fixed->key, err) : rc;
    rc = rc == ERR_OK ? vault_of_file(fixed, "temporary", NO_FILE, &fixed->temporary, err) : rc;
    if (rc != ERR_OK) {
        vault_fixed_unregister(fixed);
        return rc;
    }
    fixed->vfs = fixed->temporary->vfs;
    fixed->vfs.zName = fixed->name;
    fixed->vfs.xOpen = fixed_open;
    fixed->vfs.xDelete = fixed_delete;
    fixed->vfs.xAccess = fixed_access;
    if (sqlite3_vfs_register(&fixed->vfs, 0) != SQLITE_OK ||
        sqlite3_auto_extension((void (*)(void))reserve_bytes) != SQLITE_OK) {
        vault_fixed_unregister(fixed);
        return FAIL(err, DATABASE, "register the VFS '%s'", vfs_name);
    }
    *ret_fixed = fixed;
    return ERR_OK;
}

void vault_fixed_unregister(struct vault_fixed *fixed)
{
    if (fixed == NULL) {
        return;
    }
    (void)sqlite3_vfs_unregister(&fixed->vfs);
    for (size_t i = 0; i < fixed->count; i++) {
        vault_release(fixed->files[i]);
    }
    if (fixed->temporary != NULL) {
        vault_release(fixed->temporary);
    }
    secret_free(&fixed->key);
    pthread_mutex_destroy(&fixed->lock);
    free(fixed->name);
    free(fixed);
}
