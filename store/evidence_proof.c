/*
 * Proofs that ops stand in the centre's history. The tree is made again from the headers: once over all of them for the
 * hashes of whole blocks, which all proofs of a call share; within a block for each proof.
 */
#include <stdlib.h>
#include <string.h>

#include "store/evidence.h"
#include "store/replica.h"

enum { BLOCK_LEVEL = 8, BLOCK_LEAVES = 1 << BLOCK_LEVEL };

struct evidence_tree {
    struct store *store;
    uint64_t size;
    struct merkle_hash *blocks; /* of the whole ones among the first `size` leaves */
};

/* ---- leaves, by position ---- */

struct run_at {
    int64_t author;
    uint64_t first_seq;
    uint64_t count; /* of the run from the position on */
};

static enum err_code find_run(struct store *store, uint64_t position, struct run_at *ret_run, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db,
                     "SELECT author, first_seq, count, first_position FROM tree_run WHERE first_position <= ?1 "
                     "ORDER BY first_position DESC LIMIT 1",
                     &s, err));
    bind_int(s, 1, (int64_t)position);
    TRY(db_step(&store->db, s, &row, err));
    uint64_t skip = row ? position - (uint64_t)column_int(s, 3) : 0;
    if (!row || skip >= (uint64_t)column_int(s, 2)) {
        sqlite3_reset(s);
        return FAIL(err, NOT_FOUND, "find what stands at position %llu of the stream", (unsigned long long)position);
    }
    *ret_run = (struct run_at){ .author = column_int(s, 0),
                                .first_seq = (uint64_t)column_int(s, 1) + skip,
                                .count = (uint64_t)column_int(s, 2) - skip };
    sqlite3_reset(s);
    return ERR_OK;
}

static enum err_code add_leaves(struct store *store, const struct run_at *run, uint64_t count,
                                struct merkle_range *range, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "SELECT header FROM op WHERE id >= ?1 AND id < ?2 ORDER BY id", &s, err));
    bind_int(s, 1, op_key(run->author, run->first_seq));
    bind_int(s, 2, op_key(run->author, run->first_seq) + (int64_t)count);
    enum err_code rc = ERR_OK;
    for (uint64_t i = 0; rc == ERR_OK && i < count; i++) {
        struct merkle_completed completed[MERKLE_LEVELS];
        struct merkle_hash leaf;
        size_t unused;
        bool row = false;
        rc = db_step(&store->db, s, &row, err);
        if (rc == ERR_OK && !row) {
            return oplog_damaged(op_key(run->author, run->first_seq + i), err);
        }
        if (rc == ERR_OK) {
            merkle_leaf(column_slice(s, 0), &leaf);
            rc = merkle_append(range, &leaf, completed, &unused, err);
        }
    }
    sqlite3_reset(s);
    return rc;
}

/* The root of `count` leaves, a power of two of them, from `index` on. */
static enum err_code subtree(struct store *store, uint64_t index, uint64_t count, struct merkle_hash *ret_hash,
                             struct error *err)
{
    struct merkle_range range = { 0 };
    while (range.size < count) {
        struct run_at run = { 0 };
        TRY(find_run(store, index + range.size + 1, &run, err));
        uint64_t left = count - range.size;
        TRY(add_leaves(store, &run, run.count < left ? run.count : left, &range, err));
    }
    merkle_root(&range, ret_hash);
    return ERR_OK;
}

/* ---- nodes ---- */

static enum err_code tree_node(void *context, unsigned level, uint64_t index, struct merkle_hash *ret_hash,
                               struct error *err)
{
    const struct evidence_tree *tree = context;
    if (level < BLOCK_LEVEL) {
        return subtree(tree->store, index << level, UINT64_C(1) << level, ret_hash, err);
    }
    struct merkle_range range = { 0 };
    uint64_t first = index << (level - BLOCK_LEVEL);
    for (uint64_t i = 0; i < UINT64_C(1) << (level - BLOCK_LEVEL); i++) {
        struct merkle_completed completed[MERKLE_LEVELS];
        size_t unused;
        TRY(merkle_append(&range, &tree->blocks[first + i], completed, &unused, err));
    }
    merkle_root(&range, ret_hash); /* a tree of roots of whole blocks is the tree of their leaves */
    return ERR_OK;
}

static enum err_code make_blocks(struct evidence_tree *tree, struct error *err)
{
    uint64_t count = tree->size >> BLOCK_LEVEL;
    tree->blocks = calloc(count + 1, sizeof(*tree->blocks));
    if (tree->blocks == NULL) {
        return FAIL(err, NO_MEMORY, "make the tree of %llu records", (unsigned long long)tree->size);
    }
    for (uint64_t i = 0; i < count; i++) {
        TRY(subtree(tree->store, i << BLOCK_LEVEL, BLOCK_LEAVES, &tree->blocks[i], err));
    }
    return ERR_OK;
}

/* ---- proofs ---- */

static enum err_code position_of(struct store *store, int64_t key, uint64_t *ret_position, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db,
                     "SELECT first_position + (?2 - first_seq) FROM tree_run WHERE author = ?1 AND first_seq <= ?2 "
                     "AND first_seq + count > ?2 ORDER BY first_seq DESC LIMIT 1",
                     &s, err));
    bind_int(s, 1, op_key_author(key));
    bind_int(s, 2, (int64_t)op_key_seq(key));
    TRY(db_step(&store->db, s, &row, err));
    *ret_position = row ? (uint64_t)column_int(s, 0) : 0;
    sqlite3_reset(s);
    return ERR_OK;
}

static enum err_code prove_all(struct evidence_tree *tree, struct evidence_list *list, struct error *err)
{
    struct merkle_source source = { .context = tree, .node = tree_node };
    TRY(make_blocks(tree, err));
    for (size_t i = 0; i < list->count; i++) {
        struct evidence_record *record = &list->records[i];
        TRY(position_of(tree->store, record->place, &record->position, err));
        if (record->position > tree->size) {
            record->position = 0;
        }
        if (record->position > 0) {
            TRY(merkle_inclusion_prove(&source, record->position - 1, tree->size, &record->proof, err));
        }
    }
    return ERR_OK;
}

enum err_code evidence_prove(struct store *store, uint64_t size, struct evidence_list *list, struct error *err)
{
    struct evidence_tree tree = { .store = store, .size = size };
    enum err_code rc = prove_all(&tree, list, err);
    free(tree.blocks);
    return rc;
}
