/*
 * crypto/merkle - a history as a tree of hashes, so that one root stands for all of it (RFC 6962 section 2.1).
 *
 *     leaf = SHA-256(0x00 || entry)        node = SHA-256(0x01 || left || right)
 *
 *     level 2           n(2,0)                 a tree of 6: its peaks are n(2,0) and n(1,2); the root is
 *     level 1      n(1,0)   n(1,1)   n(1,2)    node(n(2,0), n(1,2)). Node (level, index) stands for the
 *     level 0      0    1   2    3   4    5    leaves from index << level on, 1 << level of them.
 *
 * Who follows a history keeps its peaks only (struct merkle_range, "compact range"): appending and the root need no
 * more. Who proves something reads nodes through struct merkle_source.
 *
 * Ownership:  nothing is owned; everything is copied.
 * Limits:     2^63 - 1 leaves; a proof has at most MERKLE_PROOF_MAX hashes.
 * Layer:      crypto; pure.
 */
#ifndef CRYPTO_MERKLE_H
#define CRYPTO_MERKLE_H

#include "crypto/digest.h"

#define MERKLE_HASH_BYTES SHA256_BYTES
#define MERKLE_LEVELS 63
#define MERKLE_PROOF_MAX 64
#define MERKLE_PEAKS_MAX ((size_t)MERKLE_LEVELS * MERKLE_HASH_BYTES)
#define MERKLE_SIZE_MAX ((uint64_t)INT64_MAX)

struct merkle_hash {
    uint8_t bytes[MERKLE_HASH_BYTES];
};

void merkle_leaf(struct slice entry, struct merkle_hash *out);

/* The peaks of the first `size` leaves; peaks[level] is there when bit `level` of size is set. Zeroed: empty. */
struct merkle_range {
    uint64_t size;
    struct merkle_hash peaks[MERKLE_LEVELS];
};

/*
 * Appends one leaf. `completed` (may be NULL) is told every node of level 1 and above that this leaf completes, lowest
 * first: at most log2(size) of them, one on average.
 */
struct merkle_completed {
    unsigned level;
    uint64_t index;
    struct merkle_hash hash;
};

/* The number of nodes written to `completed`, which takes MERKLE_LEVELS of them. ERR_LIMIT: no more leaves are
 * possible. */
MUST_USE enum err_code merkle_append(struct merkle_range *range, const struct merkle_hash *leaf,
                                     struct merkle_completed completed[MERKLE_LEVELS], size_t *ret_completed,
                                     struct error *err);

/* The peaks one behind the other, the highest level first: what has to be kept of a range beside its size. */
MUST_USE enum err_code merkle_peaks_encode(const struct merkle_range *range, struct buf *out, struct error *err);
/* ERR_DAMAGED unless there is a peak for each bit of `size`. */
MUST_USE enum err_code merkle_peaks_decode(uint64_t size, struct slice peaks, struct merkle_range *ret_range,
                                           struct error *err);

/* Of an empty range: SHA-256 of nothing. */
void merkle_root(const struct merkle_range *range, struct merkle_hash *out);

struct merkle_proof {
    size_t count;
    struct merkle_hash hashes[MERKLE_PROOF_MAX];
};

/* Gives nodes of complete subtrees, level 0 (leaves) included. */
struct merkle_source {
    void *context;
    enum err_code (*node)(void *context, unsigned level, uint64_t index, struct merkle_hash *ret_hash,
                          struct error *err);
};

/* The root of the first `size` leaves; reads at most log2(size) nodes. */
MUST_USE enum err_code merkle_root_at(const struct merkle_source *source, uint64_t size, struct merkle_hash *ret_root,
                                      struct error *err);

/* That leaf `index` is in the tree of `size` leaves (RFC 6962 section 2.1.1). ERR_INVALID unless index < size. */
MUST_USE enum err_code merkle_inclusion_prove(const struct merkle_source *source, uint64_t index, uint64_t size,
                                              struct merkle_proof *ret_proof, struct error *err);

/* That the tree of `size` begins with that of `old_size` (RFC 6962 section 2.1.2). Empty when they are equal or
 * old_size is 0. ERR_INVALID unless old_size <= size. */
MUST_USE enum err_code merkle_consistency_prove(const struct merkle_source *source, uint64_t old_size, uint64_t size,
                                                struct merkle_proof *ret_proof, struct error *err);

/* RFC 9162 sections 2.1.3.2 and 2.1.4.2. ERR_HISTORY: the proof does not show it. */
MUST_USE enum err_code merkle_inclusion_verify(const struct merkle_hash *leaf, uint64_t index, uint64_t size,
                                               const struct merkle_proof *proof, const struct merkle_hash *root,
                                               struct error *err);
MUST_USE enum err_code merkle_consistency_verify(uint64_t old_size, const struct merkle_hash *old_root, uint64_t size,
                                                 const struct merkle_hash *root, const struct merkle_proof *proof,
                                                 struct error *err);

/* Hashes one behind the other. Read: ERR_PROTOCOL unless it is a whole number of them, MERKLE_PROOF_MAX at most. */
MUST_USE enum err_code merkle_proof_encode(const struct merkle_proof *proof, struct buf *out, struct error *err);
MUST_USE enum err_code merkle_proof_decode(struct slice bytes, struct merkle_proof *ret_proof, struct error *err);

#endif
