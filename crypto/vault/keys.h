/*
 * crypto/vault/keys - the keys file: slots that hold the vault key, and the vault key's data keys.
 *
 * All numbers big-endian, all reserved bytes zero, 17408 bytes:
 *
 *        0     8  "HFVAULT\0"
 *        8     4  version, 2
 *       12     4  length of this file, 17408
 *       16    16  file id: random, names the database
 *       32     8  generation, counts the writes of this file
 *       40     4  flags: bit 0 the database has been made (from then on an absent or empty one is damage),
 *                bit 1 NAME.fresh has been made (from then on an absent one is damage)
 *       44     4  page size, 4096
 *       48     4  suite, 1: AES-256-GCM pages, AES-256-XTS headers, HKDF-SHA256
 *       52    12  reserved
 *       64   512  slot 0 ... slot 7 (8 * 512)
 *     4160    96  epoch 0 ... epoch 7 (8 * 96)
 *     4928   128  reserved (freshness, recovery)
 *     5056  1536  envelope of slot 0 ... slot 7 (8 * 1536): what an escrow slot's recipient opens, zero behind it
 *    17344    32  HMAC-SHA256 over bytes 0 to 17343, by a key derived from the vault key: nobody else changed it
 *    17376    32  SHA-256 over bytes 0 to 17375: it is not damaged (checked before any secret is at hand)
 *
 * Version 1 has 5120 bytes: no envelopes, HMAC at 5056, sum at 5088. It is read, and written as version 2 when the
 * vault is opened.
 *
 *     slot     0   4  kind: 0 empty, 1 passphrase, 2 key file, 3 recovery key, 4 credential, 5 escrow; others are kept
 *              4   4  derivation: 1 none (the secret has full strength), 2 scrypt
 *              8  12  scrypt log2 N, r, p
 *             20   4  reserved
 *             24  32  salt
 *             56  32  commitment: what only the right secret derives
 *             88  60  the vault key wrapped (crypto/vault/wrap.h), associated data: file id, slot number, kind
 *            148  60  the label, 32 bytes of UTF-8 and zeros, wrapped likewise by a key of the vault key; zero: none
 *            208   4  the day it was made, days since 1970-01-01; 0 not known
 *            212   4  length of its envelope
 *            216  32  SHA-256 of the recipient's certificate (escrow)
 *            248 264  reserved
 *
 *     epoch    0   4  number, from 1; 0 is an empty entry
 *              4   4  state, 1: seals new pages (one of them, the highest number), 2: only opens old ones
 *              8  60  the data key wrapped by the vault key, associated data: file id, number
 *             68   4  reserved
 *             72   8  pages sealed under it, at least: accounted for ahead of the writes
 *             80  16  reserved
 *
 * Ownership:  keys_fini wipes; a struct keys is zeroed before its first use.
 * Layer:      crypto; no SQLite.
 */
#ifndef CRYPTO_VAULT_KEYS_H
#define CRYPTO_VAULT_KEYS_H

#include "crypto/secret.h"
#include "crypto/vault/vault.h"

#define KEYS_FILE_BYTES 17408
#define KEYS_FILE_V1_BYTES 5120
#define KEYS_SLOTS 8
#define KEYS_FILE_ID_BYTES 16
#define KEYS_EPOCHS 8

struct keys {
    uint8_t image[KEYS_FILE_BYTES];
    bool was_v1;             /* the file has the first version's form still */
    uint8_t mac_v1[32];      /* its HMAC then */
    struct secret vault_key; /* empty while locked */
};

/* A new vault key, data key and file id, with one slot; unlocked. Nothing is written. */
MUST_USE enum err_code keys_make(const struct vault_unlock *first_slot, struct keys *ret_keys, struct error *err);

/* The bytes of a keys file: ERR_DAMAGED, or ERR_UNSUPPORTED for what a later version wrote. Still locked. */
MUST_USE enum err_code keys_parse(struct slice file, struct keys *ret_keys, struct error *err);

/* ERR_KEY: no slot takes the secret. ERR_DAMAGED: one does, and the rest does not authenticate under it. */
MUST_USE enum err_code keys_unlock(struct keys *keys, const struct vault_unlock *unlock, struct error *err);

/* Of unlocked keys. They change the image only; keys_write makes it last. */
MUST_USE enum err_code keys_mark_made(struct keys *keys, struct error *err);
bool keys_made(const struct keys *keys);
MUST_USE enum err_code keys_mark_fresh(struct keys *keys, struct error *err);
bool keys_fresh(const struct keys *keys);

const uint8_t *keys_file_id(const struct keys *keys);

/* A key for one purpose, straight from the vault key: what outlives the epochs. */
MUST_USE enum err_code keys_vault_derive(const struct keys *keys, const char *purpose, size_t len,
                                         struct secret *ret_key, struct error *err);

/* Epochs: the entries of the image, 0 to KEYS_EPOCHS - 1; what the functions below change is made last by keys_write.
 */
enum keys_epoch_state { KEYS_EPOCH_SEALS = 1, KEYS_EPOCH_OPENS = 2 };

struct keys_epoch {
    uint32_t number; /* 0: an empty entry */
    enum keys_epoch_state state;
    uint64_t sealed; /* pages */
};

struct keys_epoch keys_epoch_at(const struct keys *keys, size_t entry);

/* The data key of an entry that is not empty; ERR_DAMAGED when it does not open. */
MUST_USE enum err_code keys_epoch_data_key(const struct keys *keys, size_t entry, struct secret *ret_key,
                                           struct error *err);

/* A new data key under the next number, which seals from now on. ERR_LIMIT: no entry is empty. */
MUST_USE enum err_code keys_epoch_begin(struct keys *keys, struct error *err);

/* How many pages the epoch that seals accounts for. */
MUST_USE enum err_code keys_epoch_account(struct keys *keys, uint64_t sealed, struct error *err);

/* Takes out the epochs before `oldest_kept`, which is one that is there. */
MUST_USE enum err_code keys_epochs_retire(struct keys *keys, uint32_t oldest_kept, struct error *err);

void keys_fini(struct keys *keys);

/* `path` is the database's; ".keys" and ".keys.prev" are put behind it: the second copy, for when the first is damaged. */
MUST_USE enum err_code keys_read(const char *path, bool previous, struct keys *ret_keys, struct error *err);

/*
 * First the one, then the other copy, each atomic and durable; both are the same then, so what was taken away cannot
 * come back. After a failure each is the old or the new one, whole.
 */
MUST_USE enum err_code keys_write(const char *path, const struct keys *keys, struct error *err);

/* For tests: the scrypt cost of slots made from now on, instead of N=2^17. */
void keys_test_set_scrypt_log2n(uint32_t log2n);

#endif
