#include "crypto/vault/vault.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "crypto/vault/kdf.h"
#include "crypto/vault/vault_internal.h"

static const char *base_vfs_name = "unix-excl";

void vault_test_set_base_vfs(const char *name)
{
    base_vfs_name = name == NULL ? "unix-excl" : name;
}

void vault_test_set_scrypt_log2n(uint32_t log2n)
{
    keys_test_set_scrypt_log2n(log2n);
}

/* Damage
 * ----------------------------------------------------------------------------------------------------------------- */

int vault_refused(struct vault *vault, const struct error *why, const char *format, ...)
{
    char what[ERROR_MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    pthread_mutex_lock(&vault->damage_lock);
    vault->damage = *why;
    (void)error_wrap(&vault->damage, why->code, "%s", what);
    vault->damages++;
    pthread_mutex_unlock(&vault->damage_lock);
    return SQLITE_IOERR_DATA;
}

static pthread_mutex_t *damage_lock_of(const struct vault *vault)
{
    union {
        const pthread_mutex_t *from;
        pthread_mutex_t *to;
    } lock = { .from = &vault->damage_lock };
    return lock.to;
}

unsigned vault_damages(const struct vault *vault)
{
    pthread_mutex_lock(damage_lock_of(vault));
    unsigned damages = vault->damages;
    pthread_mutex_unlock(damage_lock_of(vault));
    return damages;
}

bool vault_damage_since(const struct vault *vault, unsigned seen, struct error *ret_damage)
{
    pthread_mutex_lock(damage_lock_of(vault));
    bool newer = vault->damages > seen;
    if (newer) {
        *ret_damage = vault->damage;
    }
    pthread_mutex_unlock(damage_lock_of(vault));
    return newer;
}

bool vault_last_damage(const struct vault *vault, struct error *ret_damage)
{
    return vault_damage_since(vault, 0, ret_damage);
}

/* Making and unlocking
 * --------------------------------------------------------------------------------------------------- */

static bool part_exists(const char *path, const char *suffix)
{
    char name[PATH_MAX];
    return snprintf(name, sizeof(name), "%s%s", path, suffix) < (int)sizeof(name) && file_exists(name);
}

bool vault_exists(const char *path)
{
    return part_exists(path, ".keys") || part_exists(path, "") || part_exists(path, "-wal") ||
           part_exists(path, ".keys.prev");
}

static enum err_code copy_unlock(const char *path, bool previous, const struct vault_unlock *unlock,
                                 struct keys *ret_keys, struct error *err)
{
    TRY(keys_read(path, previous, ret_keys, err));
    enum err_code rc = keys_unlock(ret_keys, unlock, err);
    if (rc != ERR_OK) {
        keys_fini(ret_keys);
        return error_wrap(err, rc, "open '%s%s'", path, previous ? ".keys.prev" : ".keys");
    }
    return ERR_OK;
}

/* The keys file, or when it is damaged or gone the previous copy, which is then put in its place. */
static enum err_code keys_open(const char *path, const struct vault_unlock *unlock, struct keys *ret_keys,
                               struct error *err)
{
    struct error first;
    enum err_code rc = copy_unlock(path, false, unlock, ret_keys, &first);
    if (rc == ERR_OK) {
        return ERR_OK;
    }
    struct error second;
    if ((rc == ERR_DAMAGED || rc == ERR_NOT_FOUND) && part_exists(path, ".keys.prev")) {
        enum err_code previous = copy_unlock(path, true, unlock, ret_keys, &second);
        if (previous == ERR_OK) {
            log_error("vault_keys_file_damaged", &first);
            enum err_code put_back = keys_write(path, ret_keys, &second);
            LOG_WARNING("vault_keys_previous_used", "put_back=%s", err_code_name(put_back));
            return ERR_OK;
        }
        if (previous == ERR_KEY) {
            return error_set(err, previous, "%s", second.message);
        }
    }
    if (rc == ERR_NOT_FOUND && vault_exists(path)) {
        return FAIL(err, DAMAGED, "open the vault '%s': its keys file '%s.keys' is gone", path, path);
    }
    return error_set(err, rc, "%s", first.message);
}

/* Never an empty database in place of the old. */
static enum err_code database_check(const struct vault *vault, struct error *err)
{
    struct stat about;
    if (!keys_made(&vault->keys)) {
        return ERR_OK;
    }
    if (stat(vault->path, &about) != 0) {
        enum err_code rc = error_errno(err, "open the database '%s'", vault->path);
        return rc == ERR_NOT_FOUND ? FAIL(err, DAMAGED, "open the database '%s': it is gone", vault->path) : rc;
    }
    return about.st_size > 0 ? ERR_OK
                             : FAIL(err, DAMAGED, "open the database '%s': it is empty, and it was not", vault->path);
}

enum err_code vault_paths_set(struct vault *vault, const char *path, struct error *err)
{
    vault->base = sqlite3_vfs_find(base_vfs_name);
    if (vault->base == NULL) {
        return FAIL(err, DATABASE, "find SQLite's VFS '%s'", base_vfs_name);
    }
    size_t size = (size_t)vault->base->mxPathname + 1;
    vault->path = strdup(path);
    vault->full_path = calloc(1, size);
    if (vault->path == NULL || vault->full_path == NULL) {
        return FAIL(err, NO_MEMORY, "open the vault '%s'", path);
    }
    int rc = vault->base->xFullPathname(vault->base, path, (int)size, vault->full_path);
    /* SQLITE_OK_SYMLINK: a symbolic link was followed */
    return rc == SQLITE_OK || rc == SQLITE_OK_SYMLINK ? ERR_OK : FAIL(err, IO, "resolve the path '%s'", path);
}

static enum err_code freshness_open(struct vault *vault, struct error *err)
{
    struct fresh_place place = {
        .base = vault->base, .path = vault->path, .full_path = vault->full_path, .file_id = keys_file_id(&vault->keys)
    };
    SCOPED(secret_free) struct secret key = { 0 };
    TRY(keys_vault_derive(&vault->keys, "holdfast vault 1 freshness", KDF_KEY_BYTES, &key, err));
    atomic_store(&vault->keeps_fresh, keys_fresh(&vault->keys));
    return fresh_new(&place, &key, &vault->fresh, err);
}

static enum err_code vault_set_up(struct vault *vault, const char *path, const struct vault_unlock *unlock,
                                  struct error *err)
{
    TRY(vault_paths_set(vault, path, err));
    TRY(keys_open(path, unlock, &vault->keys, err));
    TRY(database_check(vault, err));
    atomic_store(&vault->made, keys_made(&vault->keys));
    TRY(vault_epochs_open(vault, err));
    TRY(freshness_open(vault, err));
    TRY(rekey_prepare(vault, err));
    return vfs_register(vault, err);
}

void vault_release(struct vault *vault)
{
    rekey_fini(vault);
    fresh_free(vault->fresh);
    vault_epochs_fini(vault);
    keys_fini(&vault->keys);
    pthread_mutex_destroy(&vault->damage_lock);
    free(vault->path);
    free(vault->full_path);
    free(vault);
}

enum err_code vault_new(const char *path, struct vault **ret_vault, struct error *err)
{
    TRY(secret_init(err));
    /* Nobody asks SQLite what it holds: counting it takes a mutex at every allocation. Later calls change nothing. */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    if (sqlite3_initialize() != SQLITE_OK) {
        return FAIL(err, DATABASE, "start SQLite");
    }
    struct vault *vault = calloc(1, sizeof(*vault));
    if (vault == NULL) {
        return FAIL(err, NO_MEMORY, "open the vault '%s'", path);
    }
    CHECK(pthread_mutex_init(&vault->damage_lock, NULL) == 0);
    vault_epochs_init(vault);
    rekey_init(vault);
    *ret_vault = vault;
    return ERR_OK;
}

/* The list of nonces first: a keys file says that it is there. */
static enum err_code vault_make(struct vault *vault, const char *path, const struct vault_unlock *first_slot,
                                struct error *err)
{
    TRY(vault_paths_set(vault, path, err));
    TRY(keys_make(first_slot, &vault->keys, err));
    TRY(keys_mark_fresh(&vault->keys, err));
    TRY(freshness_open(vault, err));
    TRY(fresh_make(vault->fresh, err));
    return keys_write(path, &vault->keys, err);
}

enum err_code vault_create(const char *path, const struct vault_unlock *first_slot, struct error *err)
{
    if (vault_exists(path)) {
        return FAIL(err, CONFLICT, "make a vault at '%s': there is one", path);
    }
    struct vault *vault = NULL;
    TRY(vault_new(path, &vault, err));
    enum err_code rc = vault_make(vault, path, first_slot, err);
    vault_release(vault);
    return rc;
}

enum err_code vault_open(const char *path, const struct vault_unlock *unlock, struct vault **ret_vault,
                         struct error *err)
{
    struct vault *vault = NULL;
    TRY(vault_new(path, &vault, err));
    enum err_code rc = vault_set_up(vault, path, unlock, err);
    if (rc != ERR_OK) {
        vault_release(vault);
        return rc;
    }
    *ret_vault = vault;
    return ERR_OK;
}

static enum err_code make_anew(struct vault *vault, const char *path, uint64_t counter, struct error *err)
{
    TRY(vault_paths_set(vault, path, err));
    TRY(keys_mark_fresh(&vault->keys, err));
    TRY(freshness_open(vault, err));
    fresh_continue(vault->fresh, counter);
    TRY(fresh_make(vault->fresh, err));
    TRY(keys_write(path, &vault->keys, err));
    TRY(vault_epochs_open(vault, err));
    return vfs_register(vault, err);
}

enum err_code vault_make_anew(const char *path, struct keys *keys, uint64_t counter, struct vault **ret_vault,
                              struct error *err)
{
    struct vault *vault = NULL;
    enum err_code rc = vault_new(path, &vault, err);
    if (rc != ERR_OK) {
        keys_fini(keys);
        return rc;
    }
    vault->keys = *keys;
    *keys = (struct keys){ 0 };
    rc = make_anew(vault, path, counter, err);
    if (rc != ERR_OK) {
        vault_release(vault);
        return rc;
    }
    *ret_vault = vault;
    return ERR_OK;
}

void vault_close(struct vault *vault)
{
    if (vault != NULL) {
        vault_rekey_pause(vault);
        vfs_unregister(vault);
        vault_release(vault);
    }
}

const char *vault_vfs_name(const struct vault *vault)
{
    return vault->name;
}

/* Freshness
 * ------------------------------------------------------------------------------------------------------------------ */

const uint8_t *vault_file_id(const struct vault *vault)
{
    return keys_file_id(&vault->keys);
}

void vault_set_counter(struct vault *vault, const struct vault_counter_io *io)
{
    fresh_set_counter(vault->fresh, io);
}

enum err_code vault_freshness(const struct vault *vault, uint64_t *ret_counter, uint8_t ret_hash[32], struct error *err)
{
    return fresh_state(vault->fresh, ret_counter, ret_hash, err);
}

enum err_code vault_adopt_freshness(struct vault *vault, struct error *err)
{
    return fresh_give_up(vault->fresh)
               ? ERR_OK
               : FAIL(err, BUSY, "take the files of '%s' for the present ones: the database is open", vault->path);
}

/* Changes of the keys file
 * --------------------------------------------------------------------------------------------------- */

enum err_code vault_keys_change(struct vault *vault, const struct keys_change *change, struct error *err)
{
    pthread_mutex_lock(&vault->keys_lock);
    struct keys changed = vault->keys;
    enum err_code rc = change->change(&changed, change->context, err);
    if (rc == ERR_OK) {
        rc = keys_write(vault->path, &changed, err);
    }
    if (rc == ERR_OK) {
        memcpy(vault->keys.image, changed.image, sizeof(changed.image));
    }
    pthread_mutex_unlock(&vault->keys_lock);
    return rc;
}
