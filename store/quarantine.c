/*
 * What was set aside, judged again: by a later version that knows more kinds or takes more, or because a person asks.
 */
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

static enum err_code judge(struct store *store, int64_t key, struct op *op, struct store_judged *judged,
                           struct error *err)
{
    struct author author;
    struct error reason;
    enum err_code admitted;
    bool found;
    bool covered;
    TRY(oplog_author_find(store, op->id.device, op->id.incarnation, &author, &found, err));
    if (!found) {
        return oplog_damaged(key, err);
    }
    TRY(oplog_admit(store, &author, op, &admitted, &reason, err));
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
        TRY(judge(store, key, &one->ops[0], judged, err));
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
