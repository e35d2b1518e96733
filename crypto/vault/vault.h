/*
 * crypto/vault - an encrypted SQLite database: its keys file, and a VFS over the unmodified SQLite.
 *
 *     NAME.keys  what unlocks it (slots); written atomically, one previous copy kept as NAME.keys.prev
 *     NAME       the database: page positions as in plain SQLite, every page sealed with AES-256-GCM
 *     NAME-wal   the write-ahead log: frames sealed, headers hidden
 *
 * There is no -shm, no -journal and no temporary file in the clear. The formats, what is claimed and what is not are in
 * crypto/VAULT.md.
 *
 * Ownership:  vault_open gives, vault_close wipes and releases; every connection is closed before.
 * Threads:    the calls of this header belong to one thread; a connection to one thread at a time.
 * Limits:     one database a vault, one vault for it in a process; one process at a time (a second one is refused with
 *             ERR_BUSY); no fork while open.
 * Layer:      crypto. The only header outside store/ that names sqlite3.
 */
#ifndef CRYPTO_VAULT_VAULT_H
#define CRYPTO_VAULT_VAULT_H

#include <sqlite3.h>

#include "base/bytes.h"

#define VAULT_PASSPHRASE_MAX 1024
#define VAULT_KEY_FILE_BYTES 32

struct vault;

/* The numbers are those of the keys file. */
enum vault_slot_kind {
    VAULT_SLOT_PASSPHRASE = 1, /* scrypt */
    VAULT_SLOT_KEY_FILE = 2,   /* 32 random bytes kept elsewhere */
    /* 3 recovery key, 4 systemd credential, 5 escrow */
};

struct vault_unlock {
    enum vault_slot_kind kind;
    const uint8_t *secret; /* the passphrase's bytes as typed, 1 to VAULT_PASSPHRASE_MAX; or the VAULT_KEY_FILE_BYTES of
                              a key file */
    size_t secret_len;
};

/* Is there anything of a vault at `path`: a keys file, a database or a write-ahead log? */
bool vault_exists(const char *path);

/* Makes `path`.keys with one slot; ERR_CONFLICT if vault_exists. The database is made by the first vault_open_database.
 */
MUST_USE enum err_code vault_create(const char *path, const struct vault_unlock *first_slot, struct error *err);

/*
 * Unlocks. ERR_KEY: no slot takes this secret. ERR_NOT_FOUND: no vault here. ERR_DAMAGED: the keys file fails its check
 * and so does the previous copy (a whole one is used and put back in place, with a log line), or the keys file is gone
 * while a database is there, or the database is gone that the keys file says was made: never an empty database in place
 * of the old.
 */
MUST_USE enum err_code vault_open(const char *path, const struct vault_unlock *unlock, struct vault **ret_vault,
                                  struct error *err);

/* Another way to unlock; ERR_LIMIT when all 8 slots are taken. Takes the time of the key derivation. */
MUST_USE enum err_code vault_add_slot(struct vault *vault, const struct vault_unlock *slot, struct error *err);

/* Removes the slot that this secret opens, from the previous copy too. ERR_KEY: none does. ERR_REFUSED: it is the last
 * one. */
MUST_USE enum err_code vault_remove_slot(struct vault *vault, const struct vault_unlock *slot, struct error *err);

/* The name to give to sqlite3_open_v2; valid until vault_close. Only the vault's own database opens through it. */
const char *vault_vfs_name(const struct vault *vault);

/*
 * Opens the database over this vault with what every connection needs: 4096-byte pages with 32 reserved, write-ahead
 * log, synchronous=FULL, foreign keys on, temporary files encrypted on disk, cell size check on, trusted schema off,
 * defensive mode, no memory map, secure_delete off (a freed page is ciphertext), and an authorizer that refuses ATTACH
 * and VACUUM INTO of any file. The first call makes the database. ERR_BUSY: another process has it. ERR_DAMAGED: with
 * the cause in the message.
 */
MUST_USE enum err_code vault_open_database(struct vault *vault, int cache_kib, sqlite3 **ret_db, struct error *err);

/* After all its connections; wipes the keys, unregisters the VFS. NULL is allowed. */
void vault_close(struct vault *vault);

/*
 * Why this vault last failed closed: file, page or frame, and what. So a caller that gets SQLITE_IOERR or
 * SQLITE_CORRUPT can name the cause. False if that never happened.
 */
bool vault_last_damage(const struct vault *vault, struct error *ret_damage);

#endif
