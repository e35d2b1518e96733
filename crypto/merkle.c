#include "crypto/merkle.h"

#include <string.h>

void merkle_leaf(struct slice entry, struct merkle_hash *out)
{
    static const uint8_t PREFIX = 0x00;
    struct slice parts[] = { slice_of(&PREFIX, 1), entry };
    sha256(parts, ARRAY_LEN(parts), out->bytes);
}

/* `out` may be one of the two. */
static void join(const struct merkle_hash *left, const struct merkle_hash *right, struct merkle_hash *out)
{
    static const uint8_t PREFIX = 0x01;
    struct slice parts[] = { slice_of(&PREFIX, 1), slice_of(left->bytes, MERKLE_HASH_BYTES),
                             slice_of(right->bytes, MERKLE_HASH_BYTES) };
    struct merkle_hash joined;
    sha256(parts, ARRAY_LEN(parts), joined.bytes);
    *out = joined;
}

static bool equal(const struct merkle_hash *a, const struct merkle_hash *b)
{
    return memcmp(a->bytes, b->bytes, MERKLE_HASH_BYTES) == 0;
}

/* Following a history
 * ------------------------------------------------------------------------------------------------------------ */

enum err_code merkle_append(struct merkle_range *range, const struct merkle_hash *leaf,
                            struct merkle_completed completed[MERKLE_LEVELS], size_t *ret_completed, struct error *err)
{
    if (range->size >= MERKLE_SIZE_MAX) {
        return FAIL(err, LIMIT, "append to the history: it has %llu entries", (unsigned long long)range->size);
    }
    struct merkle_hash hash = *leaf;
    size_t count = 0;
    unsigned level = 0;
    for (; (range->size >> level & 1) != 0; level++) {
        join(&range->peaks[level], &hash, &hash);
        if (completed != NULL) {
            completed[count] =
                (struct merkle_completed){ .level = level + 1, .index = range->size >> (level + 1), .hash = hash };
        }
        count++;
    }
    range->peaks[level] = hash;
    range->size++;
    if (ret_completed != NULL) {
        *ret_completed = count;
    }
    return ERR_OK;
}

enum err_code merkle_peaks_encode(const struct merkle_range *range, struct buf *out, struct error *err)
{
    for (unsigned level = MERKLE_LEVELS; level-- > 0;) {
        if ((range->size >> level & 1) != 0) {
            TRY(buf_append(out, range->peaks[level].bytes, MERKLE_HASH_BYTES, err));
        }
    }
    return ERR_OK;
}

enum err_code merkle_peaks_decode(uint64_t size, struct slice peaks, struct merkle_range *ret_range, struct error *err)
{
    if (size > MERKLE_SIZE_MAX || peaks.len != (size_t)__builtin_popcountll(size) * MERKLE_HASH_BYTES) {
        return FAIL(err, DAMAGED, "read the peaks of a history of %llu entries: there are %zu bytes of them",
                    (unsigned long long)size, peaks.len);
    }
    memset(ret_range, 0, sizeof(*ret_range));
    ret_range->size = size;
    const uint8_t *at = peaks.data;
    for (unsigned level = MERKLE_LEVELS; level-- > 0;) {
        if ((size >> level & 1) != 0) {
            memcpy(ret_range->peaks[level].bytes, at, MERKLE_HASH_BYTES);
            at += MERKLE_HASH_BYTES;
        }
    }
    return ERR_OK;
}

void merkle_root(const struct merkle_range *range, struct merkle_hash *out)
{
    if (range->size == 0) {
        sha256(NULL, 0, out->bytes);
        return;
    }
    unsigned level = (unsigned)__builtin_ctzll(range->size);
    struct merkle_hash hash = range->peaks[level];
    for (level++; level < MERKLE_LEVELS; level++) {
        if ((range->size >> level & 1) != 0) {
            join(&range->peaks[level], &hash, &hash);
        }
    }
    *out = hash;
}

/* Proving
 * ----------------------------------------------------------------------------------------------------------------- */

/* The largest power of two below n, for n of at least 2: where RFC 6962 splits a tree of n leaves. */
static unsigned split_level(uint64_t n)
{
    return 63u - (unsigned)__builtin_clzll(n - 1);
}

/* The hash over the leaves from `begin` on, `count` of them, where `begin` is a multiple of a power of two that is not
 * below count: a subtree as the split makes them. */
static enum err_code subtree(const struct merkle_source *source, uint64_t begin, uint64_t count,
                             struct merkle_hash *ret_hash, struct error *err)
{
    struct merkle_hash lefts[MERKLE_LEVELS + 1];
    size_t depth = 0;
    while ((count & (count - 1)) != 0) {
        unsigned level = split_level(count);
        TRY(source->node(source->context, level, begin >> level, &lefts[depth++], err));
        begin += UINT64_C(1) << level;
        count -= UINT64_C(1) << level;
    }
    unsigned level = (unsigned)__builtin_ctzll(count);
    struct merkle_hash hash;
    TRY(source->node(source->context, level, begin >> level, &hash, err));
    while (depth > 0) {
        join(&lefts[--depth], &hash, &hash);
    }
    *ret_hash = hash;
    return ERR_OK;
}

enum err_code merkle_root_at(const struct merkle_source *source, uint64_t size, struct merkle_hash *ret_root,
                             struct error *err)
{
    if (size == 0) {
        sha256(NULL, 0, ret_root->bytes);
        return ERR_OK;
    }
    return size <= MERKLE_SIZE_MAX ? subtree(source, 0, size, ret_root, err)
                                   : FAIL(err, INVALID, "make a root: too many entries");
}

/* From the top down a proof is made back to front. */
static void turn_round(struct merkle_proof *proof)
{
    for (size_t i = 0; i < proof->count / 2; i++) {
        struct merkle_hash other = proof->hashes[proof->count - 1 - i];
        proof->hashes[proof->count - 1 - i] = proof->hashes[i];
        proof->hashes[i] = other;
    }
}

enum err_code merkle_inclusion_prove(const struct merkle_source *source, uint64_t index, uint64_t size,
                                     struct merkle_proof *ret_proof, struct error *err)
{
    if (index >= size || size > MERKLE_SIZE_MAX) {
        return FAIL(err, INVALID, "prove entry %llu: the history has %llu", (unsigned long long)index,
                    (unsigned long long)size);
    }
    struct merkle_proof proof = { .count = 0 };
    uint64_t begin = 0;
    while (size > 1) {
        uint64_t left = UINT64_C(1) << split_level(size);
        struct merkle_hash *sibling = &proof.hashes[proof.count++];
        if (index - begin < left) {
            TRY(subtree(source, begin + left, size - left, sibling, err));
            size = left;
        } else {
            TRY(subtree(source, begin, left, sibling, err));
            begin += left;
            size -= left;
        }
    }
    turn_round(&proof);
    *ret_proof = proof;
    return ERR_OK;
}

enum err_code merkle_consistency_prove(const struct merkle_source *source, uint64_t old_size, uint64_t size,
                                       struct merkle_proof *ret_proof, struct error *err)
{
    if (old_size > size || size > MERKLE_SIZE_MAX) {
        return FAIL(err, INVALID, "prove that the history grew: from %llu to %llu entries",
                    (unsigned long long)old_size, (unsigned long long)size);
    }
    struct merkle_proof proof = { .count = 0 };
    uint64_t begin = 0;
    uint64_t old = old_size;
    bool whole = true; /* the old tree is a subtree of its own so far: who checks has its root */
    while (old_size != 0 && old != size) {
        uint64_t left = UINT64_C(1) << split_level(size);
        struct merkle_hash *other = &proof.hashes[proof.count++];
        if (old <= left) {
            TRY(subtree(source, begin + left, size - left, other, err));
            size = left;
        } else {
            TRY(subtree(source, begin, left, other, err));
            begin += left;
            size -= left;
            old -= left;
            whole = false;
        }
    }
    if (!whole) {
        TRY(subtree(source, begin, size, &proof.hashes[proof.count++], err));
    }
    turn_round(&proof);
    *ret_proof = proof;
    return ERR_OK;
}

/* Checking
 * ---------------------------------------------------------------------------------------------------------------- */

enum err_code merkle_inclusion_verify(const struct merkle_hash *leaf, uint64_t index, uint64_t size,
                                      const struct merkle_proof *proof, const struct merkle_hash *root,
                                      struct error *err)
{
    if (index >= size || size > MERKLE_SIZE_MAX || proof->count > MERKLE_PROOF_MAX) {
        return FAIL(err, HISTORY, "check a proof: entry %llu of %llu", (unsigned long long)index,
                    (unsigned long long)size);
    }
    uint64_t at = index;
    uint64_t last = size - 1;
    struct merkle_hash hash = *leaf;
    for (size_t i = 0; i < proof->count; i++) {
        if (last == 0) {
            return FAIL(err, HISTORY, "check a proof: it is too long");
        }
        if ((at & 1) != 0 || at == last) {
            join(&proof->hashes[i], &hash, &hash);
            while ((at & 1) == 0 && at != 0) {
                at >>= 1;
                last >>= 1;
            }
        } else {
            join(&hash, &proof->hashes[i], &hash);
        }
        at >>= 1;
        last >>= 1;
    }
    return last == 0 && equal(&hash, root) ? ERR_OK
                                           : FAIL(err, HISTORY, "check a proof: the entry is not in this history");
}

/* Both roots, made from the proof. False: it has not the length that it needs. */
static bool roots_follow(uint64_t old_size, const struct merkle_hash *old_root, uint64_t size,
                         const struct merkle_proof *proof, struct merkle_hash *ret_old, struct merkle_hash *ret_new)
{
    uint64_t at = old_size - 1;
    uint64_t last = size - 1;
    size_t next = 0;
    while ((at & 1) != 0) {
        at >>= 1;
        last >>= 1;
    }
    if ((old_size & (old_size - 1)) == 0) {
        *ret_old = *old_root; /* the old tree is one subtree: the proof leaves it out */
    } else if (next < proof->count) {
        *ret_old = proof->hashes[next++];
    } else {
        return false;
    }
    *ret_new = *ret_old;
    for (; next < proof->count; next++) {
        if (last == 0) {
            return false;
        }
        const struct merkle_hash *other = &proof->hashes[next];
        if ((at & 1) != 0 || at == last) {
            join(other, ret_old, ret_old);
            join(other, ret_new, ret_new);
            while ((at & 1) == 0 && at != 0) {
                at >>= 1;
                last >>= 1;
            }
        } else {
            join(ret_new, other, ret_new);
        }
        at >>= 1;
        last >>= 1;
    }
    return last == 0;
}

enum err_code merkle_consistency_verify(uint64_t old_size, const struct merkle_hash *old_root, uint64_t size,
                                        const struct merkle_hash *root, const struct merkle_proof *proof,
                                        struct error *err)
{
    if (old_size > size || size > MERKLE_SIZE_MAX || proof->count > MERKLE_PROOF_MAX) {
        return FAIL(err, HISTORY, "check that the history grew: from %llu to %llu entries",
                    (unsigned long long)old_size, (unsigned long long)size);
    }
    struct merkle_hash made_old = *old_root;
    struct merkle_hash made_new = *root;
    bool follows;
    if (old_size == size) {
        follows = proof->count == 0 && equal(old_root, root);
    } else if (old_size == 0) {
        struct merkle_hash empty;
        sha256(NULL, 0, empty.bytes);
        follows = proof->count == 0 && equal(old_root, &empty);
    } else {
        follows = proof->count > 0 && roots_follow(old_size, old_root, size, proof, &made_old, &made_new);
    }
    return follows && equal(&made_old, old_root) && equal(&made_new, root)
               ? ERR_OK
               : FAIL(err, HISTORY, "check that the history grew: entries before the %lluth are not what they were",
                      (unsigned long long)old_size + 1);
}

/* Bytes
 * -------------------------------------------------------------------------------------------------------------------
 */

enum err_code merkle_proof_encode(const struct merkle_proof *proof, struct buf *out, struct error *err)
{
    return buf_append(out, proof->hashes, proof->count * MERKLE_HASH_BYTES, err);
}

enum err_code merkle_proof_decode(struct slice bytes, struct merkle_proof *ret_proof, struct error *err)
{
    if (bytes.len % MERKLE_HASH_BYTES != 0 || bytes.len > (size_t)MERKLE_PROOF_MAX * MERKLE_HASH_BYTES) {
        return FAIL(err, PROTOCOL, "read a proof of %zu bytes: expected at most %d times %d", bytes.len,
                    MERKLE_PROOF_MAX, MERKLE_HASH_BYTES);
    }
    *ret_proof = (struct merkle_proof){ .count = bytes.len / MERKLE_HASH_BYTES };
    if (bytes.len > 0) {
        memcpy(ret_proof->hashes, bytes.data, bytes.len);
    }
    return ERR_OK;
}
