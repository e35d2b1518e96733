#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/merkle.h"

enum { LEAVES = 130 };

static struct merkle_hash leaves[LEAVES];

static void leaves_make(void)
{
    for (size_t i = 0; i < LEAVES; i++) {
        uint8_t entry[2] = { (uint8_t)i, (uint8_t)(i >> 8) };
        merkle_leaf(slice_of(entry, i % 3), &leaves[i]);
    }
}

TestSuite(merkle, .init = leaves_make);

/* RFC 6962 section 2.1 word for word. */
static void naive_root(const struct merkle_hash *first, size_t count, struct merkle_hash *out)
{
    if (count == 0) {
        sha256(NULL, 0, out->bytes);
        return;
    }
    if (count == 1) {
        *out = *first;
        return;
    }
    size_t k = 1;
    while (k * 2 < count) {
        k *= 2;
    }
    uint8_t node[1 + 2 * MERKLE_HASH_BYTES] = { 0x01 };
    struct merkle_hash half;
    naive_root(first, k, &half);
    memcpy(node + 1, half.bytes, MERKLE_HASH_BYTES);
    naive_root(first + k, count - k, &half);
    memcpy(node + 1 + MERKLE_HASH_BYTES, half.bytes, MERKLE_HASH_BYTES);
    struct slice whole = slice_of(node, sizeof(node));
    sha256(&whole, 1, out->bytes);
}

static enum err_code node_of(void *context, unsigned level, uint64_t index, struct merkle_hash *ret_hash,
                             struct error *err)
{
    size_t first = (size_t)(index << level);
    size_t count = (size_t)1 << level;
    size_t *limit = context;
    if (first + count > *limit) {
        return FAIL(err, NOT_FOUND, "node (%u, %zu) is not complete", level, (size_t)index);
    }
    naive_root(leaves + first, count, ret_hash);
    return ERR_OK;
}

static bool same(const struct merkle_hash *a, const struct merkle_hash *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

Test(merkle, gives_the_published_roots)
{
    /* the tree of nothing, and of one empty entry: SHA-256 of "" and of 0x00 */
    char text[2 * MERKLE_HASH_BYTES + 1];
    struct merkle_range range = { 0 };
    struct merkle_hash root;
    merkle_root(&range, &root);
    hex_encode(root.bytes, MERKLE_HASH_BYTES, text);
    cr_assert_str_eq(text, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    struct merkle_hash leaf;
    merkle_leaf(slice_of(NULL, 0), &leaf);
    hex_encode(leaf.bytes, MERKLE_HASH_BYTES, text);
    cr_assert_str_eq(text, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
}

Test(merkle, follows_a_history_by_its_peaks_alone)
{
    struct merkle_range range = { 0 };
    struct error err;
    for (size_t n = 0; n <= LEAVES; n++) {
        struct merkle_hash naive;
        struct merkle_hash root;
        struct merkle_hash at;
        naive_root(leaves, n, &naive);
        merkle_root(&range, &root);
        cr_assert(same(&naive, &root), "%zu", n);
        size_t limit = n;
        struct merkle_source source = { &limit, node_of };
        cr_assert_eq(merkle_root_at(&source, n, &at, &err), ERR_OK);
        cr_assert(same(&naive, &at), "%zu", n);
        if (n == LEAVES) {
            break;
        }
        struct merkle_completed completed[MERKLE_LEVELS];
        size_t count;
        cr_assert_eq(merkle_append(&range, &leaves[n], completed, &count, &err), ERR_OK);
        limit = n + 1;
        for (size_t i = 0; i < count; i++) {
            struct merkle_hash expected;
            cr_assert_eq(node_of(&limit, completed[i].level, completed[i].index, &expected, &err), ERR_OK);
            cr_assert(same(&expected, &completed[i].hash));
        }
    }
}

Test(merkle, proves_every_entry_of_every_size_and_nothing_else)
{
    struct error err;
    for (size_t n = 1; n <= 70; n++) {
        struct merkle_source source = { &n, node_of };
        struct merkle_hash root;
        naive_root(leaves, n, &root);
        for (size_t i = 0; i < n; i++) {
            struct merkle_proof proof;
            cr_assert_eq(merkle_inclusion_prove(&source, i, n, &proof, &err), ERR_OK, "%s", err.message);
            cr_assert_eq(merkle_inclusion_verify(&leaves[i], i, n, &proof, &root, &err), ERR_OK);
            size_t other = (i + 1) % n;
            if (!same(&leaves[i], &leaves[other])) {
                cr_assert_eq(merkle_inclusion_verify(&leaves[other], i, n, &proof, &root, &err), ERR_HISTORY);
            }
            cr_assert_eq(merkle_inclusion_verify(&leaves[i], n, n, &proof, &root, &err), ERR_HISTORY);
            for (size_t h = 0; h < proof.count; h++) {
                proof.hashes[h].bytes[h % MERKLE_HASH_BYTES] ^= 1;
                cr_assert_eq(merkle_inclusion_verify(&leaves[i], i, n, &proof, &root, &err), ERR_HISTORY);
                proof.hashes[h].bytes[h % MERKLE_HASH_BYTES] ^= 1;
            }
            proof.count++;
            cr_assert_eq(merkle_inclusion_verify(&leaves[i], i, n, &proof, &root, &err), ERR_HISTORY);
            if (proof.count > 1) {
                proof.count -= 2;
                cr_assert_eq(merkle_inclusion_verify(&leaves[i], i, n, &proof, &root, &err), ERR_HISTORY);
            }
        }
    }
}

Test(merkle, proves_that_every_size_grew_from_every_smaller_one)
{
    struct error err;
    for (size_t n = 0; n <= 70; n++) {
        struct merkle_source source = { &n, node_of };
        struct merkle_hash root;
        naive_root(leaves, n, &root);
        for (size_t old = 0; old <= n; old++) {
            struct merkle_proof proof;
            struct merkle_hash old_root;
            naive_root(leaves, old, &old_root);
            cr_assert_eq(merkle_consistency_prove(&source, old, n, &proof, &err), ERR_OK, "%s", err.message);
            cr_assert_eq(merkle_consistency_verify(old, &old_root, n, &root, &proof, &err), ERR_OK, "%zu to %zu", old,
                         n);
            for (size_t h = 0; h < proof.count; h++) {
                proof.hashes[h].bytes[h % MERKLE_HASH_BYTES] ^= 0x80;
                cr_assert_eq(merkle_consistency_verify(old, &old_root, n, &root, &proof, &err), ERR_HISTORY);
                proof.hashes[h].bytes[h % MERKLE_HASH_BYTES] ^= 0x80;
            }
            old_root.bytes[3] ^= 1;
            cr_assert_eq(merkle_consistency_verify(old, &old_root, n, &root, &proof, &err), ERR_HISTORY);
            old_root.bytes[3] ^= 1;
            proof.count++;
            cr_assert_eq(merkle_consistency_verify(old, &old_root, n, &root, &proof, &err), ERR_HISTORY);
        }
    }
}

Test(merkle, catches_an_entry_that_was_rewritten_dropped_or_moved)
{
    struct error err;
    size_t n = 100;
    struct merkle_source source = { &n, node_of };
    struct merkle_hash old_root;
    naive_root(leaves, 37, &old_root);
    for (size_t i = 0; i < 36; i++) {
        struct merkle_hash kept = leaves[i];
        struct merkle_hash root;
        struct merkle_proof proof;
        leaves[i] = leaves[i + 1]; /* rewritten by its neighbour */
        if (!same(&kept, &leaves[i])) {
            naive_root(leaves, n, &root);
            cr_assert_eq(merkle_consistency_prove(&source, 37, n, &proof, &err), ERR_OK);
            cr_assert_eq(merkle_consistency_verify(37, &old_root, n, &root, &proof, &err), ERR_HISTORY);
        }
        leaves[i] = kept;
    }
}

Test(merkle, refuses_what_has_no_shape)
{
    struct error err;
    size_t n = 5;
    struct merkle_source source = { &n, node_of };
    struct merkle_proof proof;
    cr_assert_eq(merkle_inclusion_prove(&source, 5, 5, &proof, &err), ERR_INVALID);
    cr_assert_eq(merkle_consistency_prove(&source, 6, 5, &proof, &err), ERR_INVALID);
    uint8_t bytes[MERKLE_PROOF_MAX * MERKLE_HASH_BYTES + MERKLE_HASH_BYTES] = { 0 };
    cr_assert_eq(merkle_proof_decode(slice_of(bytes, 33), &proof, &err), ERR_PROTOCOL);
    cr_assert_eq(merkle_proof_decode(slice_of(bytes, sizeof(bytes)), &proof, &err), ERR_PROTOCOL);
    cr_assert_eq(merkle_proof_decode(slice_of(bytes, 64), &proof, &err), ERR_OK);
    cr_assert_eq(proof.count, 2);
    cr_assert_eq(merkle_proof_decode(slice_of(NULL, 0), &proof, &err), ERR_OK);
    struct merkle_range full = { .size = MERKLE_SIZE_MAX };
    cr_assert_eq(merkle_append(&full, &leaves[0], NULL, NULL, &err), ERR_LIMIT);
}
