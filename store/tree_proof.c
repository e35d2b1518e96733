/*
 * Proofs that ops stand in the tree of the newest checkpoint, made from the log's headers.
 *
 * The nodes of one level are made by a single pass over the log; a proof then needs few of its leaves.
 */
#include <stdlib.h>
#include <string.h>

#include "store/replica.h"

enum { KEPT_LEVEL = 8 };

struct tree_prover {
    struct store *store;
    uint64_t size;
    struct merkle_hash *kept; /* the whole nodes of KEPT_LEVEL */
    struct store_verified_checkpoint checkpoint;
};

/* ---- leaves ---- */

struct leaves {
    struct tree_prover *prover;
    enum err_code (*each)(void *context, const struct merkle_hash *leaf, struct error *err);
    void *context;
    uint64_t next; /* leaf index */
    uint64_t end;
    struct error *err;
};

/* The leaves of one run of the order, from l->next on. */
static enum err_code run_leaves(struct leaves *l, int64_t author, uint64_t first_seq, uint64_t count)
{
    sqlite3_stmt *s;
    TRY(db_statement(&l->prover->store->db, "SELECT header FROM op WHERE id >= ?1 AND id < ?2 ORDER BY id", &s,
                     l->err));
    bind_int(s, 1, op_key(author, first_seq));
    bind_int(s, 2, op_key(author, first_seq + count));
    for (uint64_t i = 0; i < count; i++) {
        bool row;
        struct merkle_hash leaf;
        TRY(db_step(&l->prover->store->db, s, &row, l->err));
        if (!row) {
            return oplog_damaged(op_key(author, first_seq + i), l->err);
        }
        merkle_leaf(column_slice(s, 0), &leaf);
        enum err_code rc = l->each(l->context, &leaf, l->err);
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
    sqlite3_reset(s);
    l->next += count;
    return ERR_OK;
}

static enum err_code walk_leaves(struct leaves *l)
{
    while (l->next < l->end) {
        sqlite3_stmt *s;
        bool row;
        TRY(db_statement(&l->prover->store->db,
                         "SELECT first_position, author, first_seq, count FROM tree_run WHERE first_position <= ?1 "
                         "ORDER BY first_position DESC LIMIT 1",
                         &s, l->err));
        bind_int(s, 1, (int64_t)l->next + 1);
        TRY(db_step(&l->prover->store->db, s, &row, l->err));
        uint64_t passed = row ? l->next + 1 - (uint64_t)column_int(s, 0) : 0;
        int64_t author = row ? column_int(s, 1) : 0;
        uint64_t first_seq = row ? (uint64_t)column_int(s, 2) + passed : 0;
        uint64_t left = row && (uint64_t)column_int(s, 3) > passed ? (uint64_t)column_int(s, 3) - passed : 0;
        sqlite3_reset(s);
        if (left == 0) {
            return FAIL(l->err, DAMAGED, "find what stands at position %llu of the stream",
                        (unsigned long long)l->next + 1);
        }
        uint64_t wanted = l->end - l->next;
        TRY(run_leaves(l, author, first_seq, left < wanted ? left : wanted));
    }
    return ERR_OK;
}

static enum err_code append_leaf(void *context, const struct merkle_hash *leaf, struct error *err)
{
    return merkle_append(context, leaf, NULL, NULL, err);
}

/* ---- nodes ---- */

static enum err_code node_of_kept(const struct tree_prover *prover, unsigned level, uint64_t index,
                                  struct merkle_range *range, struct error *err)
{
    uint64_t count = UINT64_C(1) << (level - KEPT_LEVEL);
    for (uint64_t i = 0; i < count; i++) {
        TRY(merkle_append(range, &prover->kept[index * count + i], NULL, NULL, err));
    }
    return ERR_OK;
}

/* A whole subtree is a tree of its own: its root over nodes of a lower level is the same. */
static enum err_code node(void *context, unsigned level, uint64_t index, struct merkle_hash *ret_hash,
                          struct error *err)
{
    struct tree_prover *prover = context;
    struct merkle_range range = { 0 };
    CHECK(level < MERKLE_LEVELS && (index + 1) << level <= prover->size);
    if (prover->kept != NULL && level >= KEPT_LEVEL) {
        TRY(node_of_kept(prover, level, index, &range, err));
    } else {
        struct leaves leaves = { .prover = prover,
                                 .each = append_leaf,
                                 .context = &range,
                                 .next = index << level,
                                 .end = (index + 1) << level,
                                 .err = err };
        TRY(walk_leaves(&leaves));
    }
    merkle_root(&range, ret_hash);
    return ERR_OK;
}

static enum err_code keep_nodes(struct tree_prover *prover, struct error *err)
{
    size_t count = (size_t)(prover->size >> KEPT_LEVEL);
    struct merkle_hash *kept = calloc(count + 1, sizeof(*kept));
    if (kept == NULL) {
        return FAIL(err, NO_MEMORY, "make proofs over %llu records", (unsigned long long)prover->size);
    }
    for (size_t i = 0; i < count; i++) {
        enum err_code rc = node(prover, KEPT_LEVEL, i, &kept[i], err);
        if (rc != ERR_OK) {
            free(kept);
            return rc;
        }
    }
    prover->kept = kept;
    return ERR_OK;
}

/* ---- the whole ---- */

static enum err_code prover_open(struct tree_prover *prover, struct error *err)
{
    struct store_sync sync;
    struct merkle_hash root;
    TRY(store_checkpoint_read(prover->store, &prover->checkpoint, err));
    TRY(store_sync_read(prover->store, &sync, err));
    const struct checkpoint *checkpoint = &prover->checkpoint.checkpoint;
    if (!prover->checkpoint.known || sync.cursor < checkpoint->size) {
        return FAIL(err, NOT_FOUND,
                    "prove that a record is in the centre's history: it has signed nothing yet that is "
                    "all here; exchange with it first");
    }
    prover->size = checkpoint->size;
    TRY(keep_nodes(prover, err));
    struct merkle_source source = { .context = prover, .node = node };
    TRY(merkle_root_at(&source, prover->size, &root, err));
    return memcmp(root.bytes, checkpoint->root.bytes, MERKLE_HASH_BYTES) == 0
               ? ERR_OK
               : FAIL(err, HISTORY, "prove that a record is in the centre's history: it is not the one that it signed");
}

enum err_code tree_prover_open(struct store *store, struct tree_prover **ret_prover, struct error *err)
{
    struct tree_prover *prover = calloc(1, sizeof(*prover));
    if (prover == NULL) {
        return FAIL(err, NO_MEMORY, "make proofs");
    }
    prover->store = store;
    buf_init(&prover->checkpoint.certificate, CERTIFICATE_DER_MAX);
    enum err_code rc = prover_open(prover, err);
    if (rc != ERR_OK) {
        tree_prover_close(prover);
        return rc;
    }
    *ret_prover = prover;
    return ERR_OK;
}

void tree_prover_close(struct tree_prover *prover)
{
    if (prover != NULL) {
        store_verified_checkpoint_fini(&prover->checkpoint);
        free(prover->kept);
        free(prover);
    }
}

const struct store_verified_checkpoint *tree_prover_checkpoint(const struct tree_prover *prover)
{
    return &prover->checkpoint;
}

static enum err_code find_index(const struct tree_prover *prover, const struct op_id *id, uint64_t *ret_index,
                                struct error *err)
{
    sqlite3_stmt *s;
    struct author author;
    bool row;
    TRY(oplog_author_find(prover->store, id->device, id->incarnation, &author, &row, err));
    uint64_t index = UINT64_MAX;
    if (row) {
        TRY(db_statement(&prover->store->db,
                         "SELECT first_position, first_seq, count FROM tree_run WHERE author = ?1 AND first_seq <= ?2 "
                         "ORDER BY first_seq DESC LIMIT 1",
                         &s, err));
        bind_int(s, 1, author.id);
        bind_int(s, 2, (int64_t)id->seq);
        TRY(db_step(&prover->store->db, s, &row, err));
        uint64_t after = row ? id->seq - (uint64_t)column_int(s, 1) : 0;
        if (row && after < (uint64_t)column_int(s, 2)) {
            index = (uint64_t)column_int(s, 0) - 1 + after;
        }
        sqlite3_reset(s);
    }
    if (index >= prover->size) {
        return FAIL(err, NOT_FOUND, "prove that record %llu is in the centre's history: it is not there yet",
                    (unsigned long long)id->seq);
    }
    *ret_index = index;
    return ERR_OK;
}

enum err_code tree_prove(struct tree_prover *prover, const struct op_id *id, uint64_t *ret_index,
                         struct merkle_proof *ret_proof, struct error *err)
{
    struct merkle_source source = { .context = prover, .node = node };
    uint64_t index = 0;
    TRY(find_index(prover, id, &index, err));
    TRY(merkle_inclusion_prove(&source, index, prover->size, ret_proof, err));
    *ret_index = index;
    return ERR_OK;
}

enum err_code tree_root_at(struct store *store, uint64_t size, struct merkle_hash *ret_root, struct error *err)
{
    struct tree_prover plain = { .store = store, .size = size };
    struct merkle_range range = { 0 };
    struct leaves leaves = { .prover = &plain, .each = append_leaf, .context = &range, .end = size, .err = err };
    struct store_sync sync;
    TRY(store_sync_read(store, &sync, err));
    if (size > sync.cursor) {
        return FAIL(err, NOT_FOUND, "make the tree of %llu records: this machine has %llu of the stream",
                    (unsigned long long)size, (unsigned long long)sync.cursor);
    }
    TRY(walk_leaves(&leaves));
    merkle_root(&range, ret_root);
    return ERR_OK;
}
