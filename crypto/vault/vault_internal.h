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

#include "crypto/vault/epochs.h"
#include "crypto/vault/fresh.h"
#include "crypto/vault/keys.h"
#include "crypto/vault/rekey.h"
#include "crypto/vault/vault.h"

struct vault_fixed;

struct vault {
    sqlite3_vfs vfs; /* pAppData is this vault: another VFS may copy the struct */
    sqlite3_vfs *base;
    char name[40];
    char *path;                /* as the caller named it, for the keys file and for messages */
    char *full_path;           /* as the base VFS names it */
    pthread_mutex_t keys_lock; /* of `keys`, from reading it to the file that it becomes */
    struct keys keys;
    struct epochs epochs;
    pthread_mutex_t count_lock; /* taken before keys_lock: one at a time accounts for pages, or begins an epoch */
    atomic_bool made;           /* the database has been made: an empty one is damage */
    atomic_uint handles;        /* files that SQLite has open */
    struct vault_fixed *fixed;  /* of whose databases this is one; NULL: it has a keys file */
    struct fresh *fresh;
    struct rekey rekey;
    atomic_bool keeps_fresh; /* NAME.fresh has been made: one that is absent is damage */
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

/* A change of the keys file: `change` changes a copy, which is taken over when it is on disk. One at a time; a page
 * write may wait for it. */
struct keys_change {
    enum err_code (*change)(struct keys *keys, void *context, struct error *err);
    void *context;
};
MUST_USE enum err_code vault_keys_change(struct vault *vault, const struct keys_change *change, struct error *err);

/*
 * For a restore: a vault at `path` with these keys, taken over in any case, of which no database is made yet. The
 * counter of its freshness goes on above `counter`.
 */
MUST_USE enum err_code vault_make_anew(const char *path, struct keys *keys, uint64_t counter, struct vault **ret_vault,
                                       struct error *err);

/* The epochs of the vault's keys, in memory, and counted from now on. */
void vault_epochs_init(struct vault *vault);
void vault_epochs_fini(struct vault *vault);
MUST_USE enum err_code vault_epochs_open(struct vault *vault, struct error *err);

/* A new epoch, durable, which seals from now on. Pages of the old ones stay until they are re-keyed. */
MUST_USE enum err_code vault_epoch_begin(struct vault *vault, struct error *err);

/* The keys of the epochs before this one are gone from the keys file, its previous copy and memory. */
MUST_USE enum err_code vault_epochs_retire(struct vault *vault, uint32_t oldest_kept, struct error *err);

/* A vault without paths and keys yet; where its database is; and the end of one whose VFS is not registered. */
MUST_USE enum err_code vault_new(const char *path, struct vault **ret_vault, struct error *err);
MUST_USE enum err_code vault_paths_set(struct vault *vault, const char *path, struct error *err);
void vault_release(struct vault *vault);

/* Fills in the VFS of a vault whose paths are set. */
void vfs_prepare(struct vault *vault);

/* Registers the VFS of a vault whose keys and paths are set. */
MUST_USE enum err_code vfs_register(struct vault *vault, struct error *err);
void vfs_unregister(struct vault *vault);

/* Each takes a file whose `below` is open, `vault` set, and makes it one of its kind. SQLite's code. */
int database_file_start(struct vault_file *file);
int log_file_start(struct vault_file *file);
int temporary_file_start(struct vault_file *file);

/* Which round the header in this log file opens. */
int log_file_round(sqlite3_file *handle, struct fresh_round *ret_round);

/*
 * For a scan: what recovery would make of the log, without remembering damage. Frame 0 is the header, then the frames
 * in order. SQLITE_DONE: the log ends before this one. SQLITE_IOERR_DATA: it is damaged, and `err` says why.
 */
struct log_look {
    uint32_t page;
    uint32_t commit_pages; /* of the database after the commit that this frame ends; 0: it ends none */
};
int log_file_scan(sqlite3_file *handle, uint32_t frame, struct log_look *ret_look, struct error *err);

/* For a scan: reads a page with all its checks. SQLITE_IOERR_DATA: damaged, and `err` says why. */
int database_file_look(sqlite3_file *handle, uint32_t page, struct error *err);

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

/* For tests: how many pages one key seals before a new epoch begins, and how many more are accounted for at a time. 0:
 * as ordinarily. */
void vault_test_set_epoch_limit(uint64_t limit, uint64_t step);

#endif
