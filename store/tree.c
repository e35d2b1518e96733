/*
 * The ops of the stream take their places in the centre's tree, in the order that the centre tells.
 */
#include "store/tree.h"

#include <string.h>

#include "store/replica.h"

/* An author some of whose ops are placed by this exchange. */
struct placed {
    struct author author;
    uint64_t came; /* of its run, so far named by the order */
    uint64_t seq;  /* up to here in the tree */
};

enum { PLACED_MAX = 65 }; /* the runs of an exchange, and the own chain */

/* Ops of one author at consecutive positions. */
struct tree_run {
    uint64_t first_position;
    int64_t author; /* 0: none yet */
    uint64_t first_seq;
    uint64_t count;
};

struct placing {
    struct store *store;
    const struct store_exchange *exchange;
    struct merkle_range tree;
    struct checkpoint held;
    bool held_known;
    bool differs;        /* where the tree had the size of `held`, it had another root */
    struct tree_run run; /* the last, not written yet */
    struct placed placed[PLACED_MAX];
    struct error *err;
};

/* ---- read and written ---- */

static enum err_code read_state(struct placing *p)
{
    sqlite3_stmt *s;
    bool row;
    TRY(checkpoint_held(p->store, &p->held, &p->held_known, p->err));
    TRY(db_statement(&p->store->db, "SELECT cursor, tree, tree_differs FROM sync_state", &s, p->err));
    TRY(db_step(&p->store->db, s, &row, p->err));
    if (!row) {
        return FAIL(p->err, DAMAGED, "read the state of the exchange: it is missing");
    }
    p->differs = column_int(s, 2) != 0;
    enum err_code rc = merkle_peaks_decode((uint64_t)column_int(s, 0), column_slice(s, 1), &p->tree, p->err);
    sqlite3_reset(s);
    return rc;
}

static enum err_code save_state(const struct placing *p)
{
    sqlite3_stmt *s;
    SCOPED(buf_fini) struct buf peaks;
    buf_init(&peaks, MERKLE_PEAKS_MAX);
    TRY(merkle_peaks_encode(&p->tree, &peaks, p->err));
    TRY(db_statement(&p->store->db, "UPDATE sync_state SET cursor = ?1, tree = ?2, tree_differs = ?3", &s, p->err));
    bind_int(s, 1, (int64_t)p->tree.size);
    bind_slice(s, 2, buf_slice(&peaks));
    bind_int(s, 3, p->differs);
    return db_run(&p->store->db, s, p->err);
}

static enum err_code read_last_run(struct placing *p)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(
        &p->store->db,
        "SELECT first_position, author, first_seq, count FROM tree_run ORDER BY first_position DESC LIMIT 1", &s,
        p->err));
    TRY(db_step(&p->store->db, s, &row, p->err));
    if (row) {
        p->run = (struct tree_run){ .first_position = (uint64_t)column_int(s, 0),
                                    .author = column_int(s, 1),
                                    .first_seq = (uint64_t)column_int(s, 2),
                                    .count = (uint64_t)column_int(s, 3) };
        sqlite3_reset(s);
    }
    return ERR_OK;
}

static enum err_code write_run(const struct placing *p)
{
    sqlite3_stmt *s;
    if (p->run.author == 0) {
        return ERR_OK;
    }
    TRY(db_statement(&p->store->db, "INSERT OR REPLACE INTO tree_run VALUES (?1, ?2, ?3, ?4)", &s, p->err));
    bind_int(s, 1, (int64_t)p->run.first_position);
    bind_int(s, 2, p->run.author);
    bind_int(s, 3, (int64_t)p->run.first_seq);
    bind_int(s, 4, (int64_t)p->run.count);
    return db_run(&p->store->db, s, p->err);
}

static enum err_code note_run(struct placing *p, const struct placed *placed, uint64_t count)
{
    struct tree_run *run = &p->run;
    if (run->author == placed->author.id && run->first_seq + run->count == placed->seq + 1) {
        run->count += count;
        return ERR_OK;
    }
    TRY(write_run(p));
    *run = (struct tree_run){
        .first_position = p->tree.size + 1, .author = placed->author.id, .first_seq = placed->seq + 1, .count = count
    };
    return ERR_OK;
}

/* ---- authors ---- */

static enum err_code placed_of(struct placing *p, uint32_t run, struct placed **ret_placed)
{
    const struct store_exchange *exchange = p->exchange;
    bool own = run == STORE_ORDER_OWN;
    if (!own && run >= exchange->run_count) {
        return FAIL(p->err, PROTOCOL, "place records: the order names a run that did not come");
    }
    struct placed *placed = &p->placed[own ? PLACED_MAX - 1 : run];
    *ret_placed = placed;
    if (placed->author.id != 0) {
        return ERR_OK;
    }
    sqlite3_stmt *s;
    bool found;
    const struct op_id *first = own ? NULL : &exchange->runs[run].ops.ops[0].id;
    TRY(oplog_author_find(p->store, own ? p->store->self.device : first->device,
                          own ? exchange->own_incarnation : first->incarnation, &placed->author, &found, p->err));
    if (!found) {
        return FAIL(p->err, PROTOCOL, "place records: of their device there are none");
    }
    TRY(db_statement(&p->store->db, "SELECT tree_seq FROM author WHERE id = ?1", &s, p->err));
    bind_int(s, 1, placed->author.id);
    TRY(db_step(&p->store->db, s, &found, p->err));
    placed->seq = found ? (uint64_t)column_int(s, 0) : 0;
    sqlite3_reset(s);
    const struct placed *before = &p->placed[PLACED_MAX - 1];
    if (before->author.id == placed->author.id) { /* own ones that are held stand before those that came back */
        placed->seq = before->seq;
    }
    return ERR_OK;
}

/* Every op that came has its place, and the authors remember how far they are placed. */
static enum err_code save_placed(struct placing *p)
{
    for (size_t i = 0; i < PLACED_MAX; i++) {
        struct placed *placed = &p->placed[i];
        sqlite3_stmt *s;
        uint64_t came = i < p->exchange->run_count ? p->exchange->runs[i].ops.count : 0;
        if (placed->came < came) {
            return FAIL(p->err, PROTOCOL, "place records: the order leaves some of them out");
        }
        if (placed->author.id == 0) {
            continue;
        }
        TRY(db_statement(&p->store->db, "UPDATE author SET tree_seq = max(tree_seq, ?2) WHERE id = ?1", &s, p->err));
        bind_int(s, 1, placed->author.id);
        bind_int(s, 2, (int64_t)placed->seq);
        TRY(db_run(&p->store->db, s, p->err));
    }
    return ERR_OK;
}

/* ---- placing ---- */

static enum err_code append(struct placing *p, struct slice header)
{
    struct merkle_hash leaf;
    struct merkle_hash root;
    merkle_leaf(header, &leaf);
    TRY(merkle_append(&p->tree, &leaf, NULL, NULL, p->err));
    if (p->held_known && p->tree.size == p->held.size) {
        merkle_root(&p->tree, &root);
        p->differs = memcmp(root.bytes, p->held.root.bytes, MERKLE_HASH_BYTES) != 0;
    }
    return ERR_OK;
}

static enum err_code place_ops(struct placing *p, const struct placed *placed, uint64_t count)
{
    sqlite3_stmt *s;
    TRY(db_statement(&p->store->db, "SELECT header FROM op WHERE id > ?1 AND id <= ?2 ORDER BY id", &s, p->err));
    bind_int(s, 1, op_key(placed->author.id, placed->seq));
    bind_int(s, 2, op_key(placed->author.id, placed->seq + count));
    for (uint64_t i = 0; i < count; i++) {
        bool row;
        TRY(db_step(&p->store->db, s, &row, p->err));
        if (!row) {
            return FAIL(p->err, HISTORY, "place records: the order names some that are not here");
        }
        enum err_code rc = append(p, column_slice(s, 0));
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
    sqlite3_reset(s);
    return ERR_OK;
}

/* The next `count` positions, of which `held` have been taken before. */
static enum err_code place(struct placing *p, uint32_t run, uint64_t count, uint64_t held)
{
    struct placed *placed = NULL;
    TRY(placed_of(p, run, &placed));
    uint64_t fresh = count - held;
    placed->came += held;
    if (fresh > OP_SEQ_MAX - placed->seq) {
        return FAIL(p->err, PROTOCOL, "place records: the order names some that are not here");
    }
    if (fresh == 0) {
        return ERR_OK;
    }
    if (run != STORE_ORDER_OWN) {
        const struct op_batch *ops = &p->exchange->runs[run].ops;
        uint64_t next_seq = ops->ops[0].id.seq + placed->came;
        if (fresh > ops->count || placed->came > ops->count - fresh || next_seq != placed->seq + 1) {
            return FAIL(p->err, HISTORY, "place record %llu of a device: %llu comes next in the stream",
                        (unsigned long long)next_seq, (unsigned long long)placed->seq + 1);
        }
    }
    TRY(note_run(p, placed, fresh));
    TRY(place_ops(p, placed, fresh));
    placed->came += fresh;
    placed->seq += fresh;
    return ERR_OK;
}

/* What comes by a file may begin before the cursor: those positions are passed over. */
static enum err_code place_all(struct placing *p)
{
    const struct store_exchange *exchange = p->exchange;
    uint64_t at = exchange->from;
    TRY(read_last_run(p));
    for (size_t i = 0; i < exchange->order_count; i++) {
        uint64_t count = exchange->order[i].count;
        if (count == 0 || count > exchange->cursor - at) {
            return FAIL(p->err, PROTOCOL, "place records: the order does not end at the cursor");
        }
        uint64_t left = p->tree.size > at ? p->tree.size - at : 0;
        TRY(place(p, exchange->order[i].run, count, left < count ? left : count));
        at += count;
    }
    if (p->tree.size != exchange->cursor || at != exchange->cursor) {
        return FAIL(p->err, PROTOCOL, "place records: the order does not end at the cursor");
    }
    TRY(save_placed(p));
    return write_run(p);
}

/* ---- at the head ---- */

static bool same_root(const struct merkle_range *tree, const struct checkpoint *checkpoint)
{
    struct merkle_hash root;
    merkle_root(tree, &root);
    return tree->size == checkpoint->size && memcmp(root.bytes, checkpoint->root.bytes, MERKLE_HASH_BYTES) == 0;
}

/* Of two that were signed: can the later one not continue the earlier one, whatever came between? */
static bool contradicts(const struct placing *p, const struct checkpoint *told)
{
    return p->held_known &&
           (told->size < p->held.size ||
            (told->size == p->held.size && memcmp(told->root.bytes, p->held.root.bytes, MERKLE_HASH_BYTES) != 0));
}

static enum err_code keep_violation(struct placing *p, struct store_applied *applied)
{
    applied->violation = true;
    return violation_keep(p->store, p->exchange->checkpoint, p->exchange->received_at_ms, p->err);
}

/* Something else was given than what was signed, or than was given before. */
static enum err_code read_again(struct placing *p, struct store_applied *applied)
{
    if (p->exchange->checkpoint != NULL) {
        TRY(keep_violation(p, applied));
    }
    applied->history_changed = true;
    TRY(tree_forget(p->store, p->err));
    return chains_ask(p->store, p->err);
}

/* What it acknowledged stands in the history that it gives to everybody. A chain that is still to be compared with what
 * the centre holds may have been acknowledged before it was put back. */
static enum err_code check_own_placed(const struct placing *p)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&p->store->db,
                     "SELECT 1 FROM own_chain c JOIN author w ON w.id = c.author WHERE c.acked_seq > w.tree_seq "
                     "AND c.asks = 0",
                     &s, p->err));
    TRY(db_step(&p->store->db, s, &row, p->err));
    sqlite3_reset(s);
    return row ? FAIL(p->err, PROTOCOL,
                      "compare the centre's history: records that it acknowledged are not in what it gives")
               : ERR_OK;
}

static enum err_code compare_head(struct placing *p, struct store_applied *applied)
{
    const struct store_checkpoint *told = p->exchange->checkpoint;
    if (told == NULL && p->held.size != p->tree.size) {
        return FAIL(p->err, PROTOCOL, "compare the centre's history: it did not sign what it gave");
    }
    if (told == NULL && !p->held_known) {
        return ERR_OK; /* nothing is there yet */
    }
    if (!same_root(&p->tree, told != NULL ? &told->checkpoint : &p->held)) {
        return read_again(p, applied);
    }
    TRY(check_own_placed(p));
    if (told == NULL) {
        return ERR_OK;
    }
    if (p->differs || contradicts(p, &told->checkpoint)) {
        TRY(keep_violation(p, applied));
    }
    p->differs = false;
    TRY(checkpoint_keep(p->store, told, p->exchange->received_at_ms, p->err));
    return save_state(p);
}

enum err_code tree_take(struct store *store, const struct store_exchange *exchange, struct store_applied *applied,
                        struct error *err)
{
    struct placing p = { .store = store, .exchange = exchange, .err = err };
    if (!exchange->placed && !exchange->read_again) {
        return ERR_OK;
    }
    TRY(read_state(&p));
    if (exchange->read_again) {
        if (exchange->checkpoint != NULL && contradicts(&p, &exchange->checkpoint->checkpoint)) {
            TRY(keep_violation(&p, applied));
        }
        return tree_forget(store, err);
    }
    if (p.tree.size < exchange->from) {
        applied->history_changed = true; /* ops that had a place were set aside: tree_cut */
        return ERR_OK;
    }
    if (exchange->cursor < p.tree.size || exchange->run_count >= PLACED_MAX) {
        return FAIL(err, PROTOCOL, "place records: the cursor goes back");
    }
    if (exchange->cursor > p.tree.size || exchange->order_count > 0 || exchange->run_count > 0) {
        TRY(place_all(&p));
        TRY(save_state(&p));
    }
    if (exchange->cursor < exchange->head) {
        return ERR_OK;
    }
    return compare_head(&p, applied);
}

/* ---- going back ---- */

enum err_code tree_forget(struct store *store, struct error *err)
{
    return db_exec(&store->db,
                   "UPDATE sync_state SET cursor = 0, tree = x'', tree_differs = 0;"
                   "DELETE FROM tree_run;"
                   "UPDATE author SET tree_seq = 0",
                   err);
}

enum err_code tree_cut(struct store *store, int64_t author, uint64_t keep_seq, struct error *err)
{
    sqlite3_stmt *s;
    bool placed;
    TRY(db_statement(&store->db, "SELECT 1 FROM author WHERE id = ?1 AND tree_seq > ?2", &s, err));
    bind_int(s, 1, author);
    bind_int(s, 2, (int64_t)keep_seq);
    TRY(db_step(&store->db, s, &placed, err));
    sqlite3_reset(s);
    return placed ? tree_forget(store, err) : ERR_OK;
}
