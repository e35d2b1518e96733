/*
 * crypto/vault/seal - one page in, one sealed page out; and short headers hidden without growing.
 *
 * A sealed page has PAGE_BYTES; the last PAGE_RESERVE of them are
 *
 *     4064  12  nonce, random
 *     4076  16  tag of AES-256-GCM
 *     4092   4  key epoch, big-endian, from 1
 *
 * Associated data, which binds a page to where it belongs:
 *
 *        0   4  "PAGE" of the database, or "WALF" of the write-ahead log
 *        4   4  page number
 *        8   4  page size, 4096
 *       12   4  key epoch
 *       16  16  file id
 *       32   8  page 1 of the database: its bytes 16 to 23, which stay in the clear
 *               a log frame: the salts of the log's header
 *       40   4  a log frame: its number, from 1
 *
 * (32 bytes for a page of the database, 40 for page 1, 44 for a frame.) Of page 1 of the database bytes 0 to 15 are
 * the file id, 16 to 23 clear, and the ciphertext begins at 24.
 *
 * Ownership:  a struct seal belongs to one file handle and holds OpenSSL's contexts.
 * Threads:    one at a time for each.
 * Layer:      crypto; no SQLite.
 */
#ifndef CRYPTO_VAULT_SEAL_H
#define CRYPTO_VAULT_SEAL_H

#include <openssl/types.h>

#include "crypto/secret.h"
#include "crypto/vault/nonce.h"

#define PAGE_BYTES 4096
#define PAGE_RESERVE 32
#define PAGE_BODY (PAGE_BYTES - PAGE_RESERVE)
#define PAGE_ONE_CLEAR_AT 16
#define PAGE_ONE_SEALED_AT 24
#define SALTS_BYTES 8
#define XTS_KEY_BYTES 64

/* Page PAGE_LOCK_BYTE holds SQLite's lock byte (offset 2^30) and nothing else: it stays a hole. */
#define PAGE_LOCK_BYTE (0x40000000u / PAGE_BYTES + 1)

struct seal {
    EVP_CIPHER_CTX *closing;
    EVP_CIPHER_CTX *opening;
    struct nonce_source nonces;
    uint8_t file_id[16];
    uint32_t epoch;
};

/* Of one epoch; crypto/vault/epochs.h chooses among them. */
MUST_USE enum err_code seal_init(struct seal *seal, const struct secret *key, uint32_t epoch, const uint8_t file_id[16],
                                 struct error *err);
void seal_fini(struct seal *seal); /* zeroed is allowed */

/*
 * `page` and `out` do not overlap; the reserve of `page` is not looked at. seal_open may work in place; on failure
 * `out` is zeroed: ERR_DAMAGED with the reason alone ("it fails its check") as message. The reserve of what it gives is
 * zero.
 */
MUST_USE enum err_code seal_close_page(struct seal *seal, uint32_t page_number, const uint8_t page[PAGE_BYTES],
                                       uint8_t out[PAGE_BYTES], struct error *err);
MUST_USE enum err_code seal_open_page(struct seal *seal, uint32_t page_number, const uint8_t sealed[PAGE_BYTES],
                                      uint8_t out[PAGE_BYTES], struct error *err);

/* A frame of the write-ahead log. */
struct frame_place {
    uint32_t page_number;
    uint32_t frame_number;
    uint8_t salts[SALTS_BYTES];
};

MUST_USE enum err_code seal_close_frame(struct seal *seal, const struct frame_place *place,
                                        const uint8_t page[PAGE_BYTES], uint8_t out[PAGE_BYTES], struct error *err);
MUST_USE enum err_code seal_open_frame(struct seal *seal, const struct frame_place *place,
                                       const uint8_t sealed[PAGE_BYTES], uint8_t out[PAGE_BYTES], struct error *err);

/* Is it of this vault at all? Only page 1 says so in the clear: any other is. ERR_DAMAGED, as above. */
MUST_USE enum err_code seal_check_file(const uint8_t file_id[16], uint32_t page_number,
                                       const uint8_t sealed[PAGE_BYTES], struct error *err);

/* The epoch that a sealed page names. */
uint32_t seal_epoch_of(const uint8_t sealed[PAGE_BYTES]);

bool page_all_zero(const uint8_t page[PAGE_BYTES]);

/* AES-256-XTS, the length kept: 16 bytes or more. The tweak is `number`, little-endian. In place is allowed. */
struct hide {
    EVP_CIPHER_CTX *hiding;
    EVP_CIPHER_CTX *showing;
};

MUST_USE enum err_code hide_init(struct hide *hide, const struct secret *key, struct error *err);
void hide_fini(struct hide *hide); /* zeroed is allowed */
MUST_USE enum err_code hide_bytes(struct hide *hide, uint64_t number, const uint8_t *in, size_t len, uint8_t *out,
                                  struct error *err);
MUST_USE enum err_code show_bytes(struct hide *hide, uint64_t number, const uint8_t *in, size_t len, uint8_t *out,
                                  struct error *err);

#endif
