/*
 * crypto/vault/vault_internal - what the files of this folder and their tests share.
 *
 *     SQLite ── struct vault_file ──► below (the base VFS's file, placed right behind it in memory)
 *                     │ kind
 *                     ├── database_file.c   pages
 *                     ├── log_file.c        write-ahead log
 *                     └── temporary_file.c  sorter, statement journal, VACUUM's copy
 */
#ifndef CRYPTO_VAULT_VAULT_INTERNAL_H
#define CRYPTO_VAULT_VAULT_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "crypto/vault/keys.h"
#include "crypto/vault/seal.h"
#include "crypto/vault/vault.h"

struct vault {
    sqlite3_vfs vfs; /* pAppData is this vault: another VFS may copy the struct */
    sqlite3_vfs *base;
    char name[40];
    char *path;      /* as the caller named it, for the keys file and for messages */
    char *full_path; /* as the base VFS names it */
    struct keys keys;
    struct secret page_key;
    struct secret frame_key;
    struct secret header_key;
    atomic_bool made; /* the database has been made: an empty one is damage */
    pthread_mutex_t damage_lock;
    unsigned damages; /* how often `damage` was set */
    struct error damage;
};

struct vault_file {
    sqlite3_file handle; /* first: SQLite knows only this */
    sqlite3_file *below;
    struct vault *vault;
    void *state; /* of its kind */
};

static inline struct vault_file *vault_file_of(sqlite3_file *handle)
{
    return (struct vault_file *)handle;
}

/* Remembers why something was refused, and gives the code for SQLite: SQLITE_IOERR_DATA for damage. */
int vault_refused(struct vault *vault, const struct error *why, const char *format, ...) PRINTF_LIKE(3, 4);

/* vault_last_damage(), if it is newer than the first `seen`. */
bool vault_damage_since(const struct vault *vault, unsigned seen, struct error *ret_damage);
unsigned vault_damages(const struct vault *vault);

/* Registers the VFS of a vault whose keys and paths are set. */
MUST_USE enum err_code vfs_register(struct vault *vault, struct error *err);
void vfs_unregister(struct vault *vault);

/* Each takes a file whose `below` is open, `vault` set, and makes it one of its kind. SQLite's code. */
int database_file_start(struct vault_file *file);
int log_file_start(struct vault_file *file);
int temporary_file_start(struct vault_file *file);

/* Passed to the file below as they are. */
int below_close(sqlite3_file *handle);
int below_truncate(sqlite3_file *handle, sqlite3_int64 size);
int below_sync(sqlite3_file *handle, int flags);
int below_file_size(sqlite3_file *handle, sqlite3_int64 *ret_size);
int below_lock(sqlite3_file *handle, int level);
int below_unlock(sqlite3_file *handle, int level);
int below_check_reserved_lock(sqlite3_file *handle, int *ret_held);
int below_file_control(sqlite3_file *handle, int operation, void *argument);
int below_sector_size(sqlite3_file *handle);
int below_device_characteristics(sqlite3_file *handle);

/* For tests: the VFS under vaults opened from now on, instead of "unix-excl"; NULL puts that back. */
void vault_test_set_base_vfs(const char *name);
void vault_test_set_scrypt_log2n(uint32_t log2n);

#endif
