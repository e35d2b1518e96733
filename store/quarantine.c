/*
 * What was set aside, judged again: by a later version that knows more kinds or takes more, or because a person asks.
 */
#include <string.h>

#include "store/replica.h"

static enum err_code next_quarantined(struct store *store, int64_t after, int64_t *ret_key, struct op_batch *one,
                                      struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    op_batch_clear(one);
    TRY(db_statement(&store->db,
                     "SELECT id, header, salt, body FROM op INDEXED BY op_quarantined WHERE quarantine IS NOT NULL "
                     "AND id > ?1 ORDER BY id LIMIT 1",
                     &s, err));
    bind_int(s, 1, after);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return ERR_OK;
    }
    struct op op;
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    *ret_key = column_int(s, 0);
    enum err_code rc = oplog_row(store, s, 1, *ret_key, &op, supersedes, err);
    if (rc == ERR_OK) {
        rc = op_batch_add(one, &op, err);
    }
    sqlite3_reset(s);
    return rc;
}

static enum err_code set_reason(struct store *store, int64_t key, const char *reason, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "UPDATE op SET quarantine = ?2 WHERE id = ?1", &s, err));
    bind_int(s, 1, key);
    bind_text(s, 2, reason);
    return db_run(&store->db, s, err);
}

/* An own op that the centre holds: it, too, has to take it. */
static enum err_code centre_judges(struct store *store, const struct author *author, const struct op *op, bool *ret_so,
                                   struct error *err)
{
    struct own_chain chain;
    bool own = memcmp(author->device, store->self.device, DEVICE_ID_BYTES) == 0 && op->body.len > 0;
    if (own) {
        TRY(chain_find(store, author->incarnation, &chain, &own, err));
    }
    *ret_so = own && op->id.seq <= chain.acked_seq;
    return ERR_OK;
}

static enum err_code judge(struct store *store, int64_t key, struct op *op, bool centre_takes,
                           struct store_judged *judged, struct error *err)
{
    struct author author;
    struct error reason;
    enum err_code admitted;
    bool found;
    bool covered;
    bool waits;
    TRY(oplog_author_find(store, op->id.device, op->id.incarnation, &author, &found, err));
    if (!found) {
        return oplog_damaged(key, err);
    }
    TRY(oplog_admit(store, &author, op, &admitted, &reason, err));
    TRY(centre_judges(store, &author, op, &waits, err));
    if (admitted == ERR_OK && waits && !centre_takes) {
        judged->still++;
        return ERR_OK;
    }
    if (admitted != ERR_OK) {
        judged->still++;
        return set_reason(store, key, reason.message, err);
    }
    judged->released++;
    TRY(oplog_release(store, key, err));
    TRY(fold_op(store, key, op, err));
    TRY(erasure_find(store, op, author.writer, &covered, err));
    return covered ? erasure_take(store, key, err) : ERR_OK;
}

static enum err_code judge_each(struct store *store, struct op_batch *one, struct store_judged *judged,
                                struct error *err)
{
    int64_t key = 0;
    for (;;) {
        TRY(next_quarantined(store, key, &key, one, err));
        if (one->count == 0) {
            return fold_flush(store, err);
        }
        TRY(judge(store, key, &one->ops[0], false, judged, err));
    }
}

static enum err_code judge_all(struct store *store, struct store_judged *judged, struct error *err)
{
    struct op_batch one;
    op_batch_init(&one);
    enum err_code rc = judge_each(store, &one, judged, err);
    op_batch_fini(&one);
    sqlite3_stmt *s;
    TRY(rc);
    TRY(db_statement(&store->db, "UPDATE sync_state SET rules = ?1", &s, err));
    bind_int(s, 1, RECORD_RULES);
    return db_run(&store->db, s, err);
}

enum err_code store_judge_again(struct store *store, struct store_judged *ret_judged, struct error *err)
{
    struct store_judged judged = { 0 };
    TRY(replica_begin(store, err));
    TRY(replica_end(store, judge_all(store, &judged, err), err));
    *ret_judged = judged;
    return ERR_OK;
}

/* ---- what the centre refused ---- */

enum err_code store_refused_read(struct store *store, uint32_t incarnation, uint64_t *ret_seqs, size_t max,
                                 size_t *ret_count, struct error *err)
{
    struct own_chain chain;
    sqlite3_stmt *s;
    bool row;
    size_t count = 0;
    *ret_count = 0;
    TRY(chain_find(store, incarnation, &chain, &row, err));
    if (!row) {
        return ERR_OK;
    }
    TRY(db_statement(&store->db,
                     "SELECT id FROM op INDEXED BY op_quarantined WHERE quarantine IS NOT NULL AND id > ?1 "
                     "AND id <= ?2 ORDER BY id LIMIT ?3",
                     &s, err));
    bind_int(s, 1, op_key(chain.author.id, 0));
    bind_int(s, 2, op_key(chain.author.id, chain.acked_seq));
    bind_int(s, 3, (int64_t)max);
    for (;;) {
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            *ret_count = count;
            return ERR_OK;
        }
        ret_seqs[count++] = (uint64_t)(column_int(s, 0) - op_key(chain.author.id, 0));
    }
}

static bool is_refused(const struct store_refusals *refusals, uint64_t seq)
{
    for (size_t i = 0; i < refusals->count; i++) {
        if (refusals->seqs[i] == seq) {
            return true;
        }
    }
    return false;
}

static enum err_code settle_each(struct store *store, const struct store_refusals *refusals, struct op_batch *one,
                                 size_t *lifted, struct error *err)
{
    struct own_chain chain;
    struct store_judged judged = { 0 };
    bool found;
    TRY(chain_find(store, refusals->incarnation, &chain, &found, err));
    if (!found || refusals->first_seq == 0) {
        return ERR_OK;
    }
    int64_t key = op_key(chain.author.id, refusals->first_seq - 1);
    for (;;) {
        TRY(next_quarantined(store, key, &key, one, err));
        if (one->count == 0 || key > op_key(chain.author.id, refusals->last_seq)) {
            *lifted = judged.released;
            return fold_flush(store, err);
        }
        if (!is_refused(refusals, one->ops[0].id.seq)) {
            TRY(judge(store, key, &one->ops[0], true, &judged, err));
        }
    }
}

enum err_code store_refusals_settle(struct store *store, const struct store_refusals *refusals, size_t *ret_lifted,
                                    struct error *err)
{
    struct op_batch one;
    size_t lifted = 0;
    TRY(replica_begin(store, err));
    op_batch_init(&one);
    enum err_code rc = settle_each(store, refusals, &one, &lifted, err);
    op_batch_fini(&one);
    TRY(replica_end(store, rc, err));
    *ret_lifted = lifted;
    return ERR_OK;
}

enum err_code store_refused_ask(struct store *store, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "UPDATE own_chain SET asks = 1 WHERE acked_seq > 0 AND author <> ?1 AND asks = 0 AND EXISTS "
                     "(SELECT 1 FROM op INDEXED BY op_quarantined WHERE quarantine IS NOT NULL "
                     "AND id > own_chain.author << 40 AND id <= (own_chain.author << 40) + own_chain.acked_seq)",
                     &s, err));
    bind_int(s, 1, store->self.id);
    return db_run(&store->db, s, err);
}

enum err_code quarantine_open(struct store *store, struct error *err)
{
    sqlite3_stmt *s;
    bool due;
    struct store_judged unused;
    TRY(db_statement(&store->db, "SELECT 1 FROM sync_state WHERE rules <> ?1", &s, err));
    bind_int(s, 1, RECORD_RULES);
    TRY(db_step(&store->db, s, &due, err));
    sqlite3_reset(s);
    return due ? store_judge_again(store, &unused, err) : ERR_OK;
}
