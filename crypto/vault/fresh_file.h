/*
 * crypto/vault/fresh_file - NAME.fresh to the byte: notes, roots and leaves, sealed. No I/O.
 *
 *        0  4096  note of the first root, first place       which commit of the log is durable at least
 *     4096  4096  note of the first root, second place
 *     8192  8192  notes of the second root, likewise
 *    16384  4096  root, first place                          the counter, the rounds of the log, a sum over all leaves
 *    20480  4096  root, second place
 *    24576  4096  leaf 0, first place                        338 nonces each
 *    28672  4096  leaf 0, second place
 *    32768  4096  leaf 1, first place
 *     ...
 *
 * Of two places one is live and the other is written: what is live is never overwritten. The newest root whose sum fits
 * the leaves counts; of a leaf, the newest that is not newer than the root; of the notes of the root, the newest.
 *
 *     note     0   12  nonce
 *             12   16  tag
 *             28   48  sealed:  0   8  counter of its root
 *                               8   8  number of the note
 *                              16   4  last frame of a commit in the live round, 0: none
 *                              20   4  1: the nonce is known
 *                              24  12  nonce of that frame
 *                              36  12  zero
 *
 *     root     0    8  "HFFRESH\0"
 *              8    4  version, 1
 *             12    4  zero
 *             16   12  nonce
 *             28   16  tag
 *             44  128  sealed:  0   8  counter
 *                               8   8  value of the external counter, 0: none
 *                              16   4  pages in the table
 *                              20   4  flags: 1 there is a live round; 2, 4 there is a first, a second absorbed one
 *                              24   8  salts of the live round
 *                              32   8  salts of the first absorbed round
 *                              40  32  SHA-256 over the tags of all leaves
 *                              72   8  salts of the second absorbed round
 *                              80  48  zero
 *
 *     leaf     0   12  nonce
 *             12   16  tag
 *             28    4  zero
 *             32 4064  sealed:  0   8  counter of the root that it was written with
 *                               8 4056 338 nonces; zero: no page is expected there
 *
 * AES-256-GCM under a key of its own ("holdfast vault 1 freshness", from the vault key). Associated data: "FNOT",
 * "FROT" or "FLEF", number of the leaf (4 bytes, else zero), file id (16 bytes). Numbers are big-endian.
 *
 * Threads: one at a time for each struct fresh_cipher.
 * Layer:   crypto; no SQLite.
 */
#ifndef CRYPTO_VAULT_FRESH_FILE_H
#define CRYPTO_VAULT_FRESH_FILE_H

#include <openssl/types.h>

#include "crypto/secret.h"
#include "crypto/vault/nonce.h"
#include "crypto/vault/seal.h"

#define FRESH_BLOCK_BYTES 4096
#define FRESH_NOTE_BYTES 76
#define FRESH_ROOT_BYTES 172
#define FRESH_LEAF_PAGES 338
#define FRESH_TAG_BYTES 16
#define FRESH_ABSORBED_MAX 2

struct fresh_cipher {
    EVP_CIPHER_CTX *closing;
    EVP_CIPHER_CTX *opening;
    struct nonce_source nonces;
    uint8_t file_id[16];
};

MUST_USE enum err_code fresh_cipher_init(struct fresh_cipher *cipher, const struct secret *key,
                                         const uint8_t file_id[16], struct error *err);
void fresh_cipher_fini(struct fresh_cipher *cipher); /* zeroed is allowed */

struct fresh_note {
    uint64_t counter;
    uint64_t number; /* from 1 */
    uint32_t frame;
    bool nonce_known;
    uint8_t nonce[NONCE_BYTES];
};

struct fresh_root {
    uint64_t counter; /* from 1 */
    uint64_t anchor;
    uint32_t pages;
    bool has_live;
    uint8_t live[SALTS_BYTES];
    unsigned absorbed_count;
    uint8_t absorbed[FRESH_ABSORBED_MAX][SALTS_BYTES];
    uint8_t leaves_sum[32];
};

struct fresh_leaf {
    uint64_t counter;
    uint8_t nonces[FRESH_LEAF_PAGES][NONCE_BYTES];
};

static inline uint32_t fresh_leaves_of(uint32_t pages)
{
    return pages / FRESH_LEAF_PAGES + (pages % FRESH_LEAF_PAGES != 0);
}

/*
 * Opening: ERR_DAMAGED when it is not ours or was changed, ERR_UNSUPPORTED for a root of a later version. The
 * out-parameters are untouched then.
 */
MUST_USE enum err_code fresh_note_close(struct fresh_cipher *cipher, const struct fresh_note *note,
                                        uint8_t out[FRESH_NOTE_BYTES], struct error *err);
MUST_USE enum err_code fresh_note_open(struct fresh_cipher *cipher, const uint8_t in[FRESH_NOTE_BYTES],
                                       struct fresh_note *ret_note, struct error *err);
MUST_USE enum err_code fresh_root_close(struct fresh_cipher *cipher, const struct fresh_root *root,
                                        uint8_t out[FRESH_ROOT_BYTES], struct error *err);
MUST_USE enum err_code fresh_root_open(struct fresh_cipher *cipher, const uint8_t in[FRESH_ROOT_BYTES],
                                       struct fresh_root *ret_root, struct error *err);
MUST_USE enum err_code fresh_leaf_close(struct fresh_cipher *cipher, uint32_t number, const struct fresh_leaf *leaf,
                                        uint8_t out[FRESH_BLOCK_BYTES], struct error *err);
MUST_USE enum err_code fresh_leaf_open(struct fresh_cipher *cipher, uint32_t number,
                                       const uint8_t in[FRESH_BLOCK_BYTES], struct fresh_leaf *ret_leaf,
                                       struct error *err);

/* The tag of a closed leaf: which version of it this is. */
const uint8_t *fresh_leaf_tag(const uint8_t leaf[FRESH_BLOCK_BYTES]);

#endif
