/*
 * crypto/vault/backup_cipher - the bytes of a backup: its head, its pages, its end.
 *
 * A head, a record for each page in order, a trailer; all numbers big-endian, all reserved bytes zero:
 *
 *     head         0    8  "HFBACKUP"
 *                  8    4  version, 1
 *                 12    4  length of the keys file in it, K
 *                 16   16  file id of the vault
 *                 32   32  salt, random: makes the keys of this backup alone
 *                 64    8  pages, P
 *                 72    8  when it was begun, milliseconds since 1970-01-01 UTC
 *                 80    8  freshness counter of the vault then; 0: it kept none
 *                 88    4  page size, 4096
 *                 92    4  suite, 1: AES-256-GCM, HMAC-SHA256, SHA-256, HKDF-SHA256
 *                 96   32  reserved
 *                128    K  the keys file, whole, as it was
 *              128+K   32  HMAC-SHA256 of all before it
 *     record N     0 4064  AES-256-GCM of page N without its reserve; nonce: 4 zero bytes, N in 8
 *               4064   16  tag; associated data: "BACK", N in 8
 *     trailer      0    8  "HFBACKED"
 *                  8    8  pages, P
 *                 16   32  chain after record P
 *                 48   32  HMAC-SHA256 of all before it
 *
 *     chain after record 0 is the head's HMAC; after record N it is SHA-256(chain after record N-1, tag of N)
 *
 * Keys: HKDF-SHA256 of the vault key with the salt, "holdfast vault 1 backup pages" and "holdfast vault 1 backup
 * check". Nobody seals twice under them, so counted nonces never come again.
 *
 * Ownership:  backup_cipher_fini wipes; zeroed is allowed.
 * Layer:      crypto; no SQLite.
 */
#ifndef CRYPTO_VAULT_BACKUP_CIPHER_H
#define CRYPTO_VAULT_BACKUP_CIPHER_H

#include <openssl/types.h>

#include "crypto/digest.h"
#include "crypto/secret.h"
#include "crypto/vault/seal.h"

#define BACKUP_HEAD_FIXED 128
#define BACKUP_KEYS_MAX 65536
#define BACKUP_SALT_BYTES 32
#define BACKUP_RECORD_BYTES (PAGE_BODY + 16)
#define BACKUP_TRAILER_BYTES 80
#define BACKUP_PAGES_MAX 0x10000000u /* 1 TiB */

struct backup_head {
    uint8_t file_id[16];
    uint8_t salt[BACKUP_SALT_BYTES];
    uint32_t keys_len;
    uint64_t pages;
    int64_t made_at_ms;
    uint64_t freshness;
};

struct backup_cipher {
    EVP_CIPHER_CTX *context;
    struct secret check_key;
    uint64_t pages;
    uint64_t done; /* records sealed or opened */
    uint8_t chain[SHA256_BYTES];
};

/* From the first BACKUP_HEAD_FIXED bytes. ERR_DAMAGED: not a backup. ERR_UNSUPPORTED: a later version's. */
MUST_USE enum err_code backup_head_read(const uint8_t fixed[BACKUP_HEAD_FIXED], struct backup_head *ret_head,
                                        struct error *err);
/* With the keys file and the HMAC. */
size_t backup_head_bytes(const struct backup_head *head);
uint64_t backup_bytes(const struct backup_head *head);

MUST_USE enum err_code backup_cipher_init(struct backup_cipher *cipher, const struct secret *vault_key,
                                          const struct backup_head *head, bool sealing, struct error *err);
void backup_cipher_fini(struct backup_cipher *cipher);

/* The whole head, behind what is in `out`; begins the chain. */
MUST_USE enum err_code backup_head_close(struct backup_cipher *cipher, const struct backup_head *head,
                                         struct slice keys_file, struct buf *out, struct error *err);
/* `bytes` is the whole head. ERR_DAMAGED: not made under this vault key, or changed. Begins the chain. */
MUST_USE enum err_code backup_head_check(struct backup_cipher *cipher, struct slice bytes, struct error *err);

/* The next page. The reserve of `page` is not looked at, and is zero in what comes back. */
MUST_USE enum err_code backup_page_close(struct backup_cipher *cipher, const uint8_t page[PAGE_BYTES],
                                         uint8_t out[BACKUP_RECORD_BYTES], struct error *err);
MUST_USE enum err_code backup_page_open(struct backup_cipher *cipher, const uint8_t record[BACKUP_RECORD_BYTES],
                                        uint8_t out[PAGE_BYTES], struct error *err);

/* After the last page. */
void backup_trailer_close(const struct backup_cipher *cipher, uint8_t out[BACKUP_TRAILER_BYTES]);
MUST_USE enum err_code backup_trailer_check(const struct backup_cipher *cipher,
                                            const uint8_t trailer[BACKUP_TRAILER_BYTES], struct error *err);

#endif
