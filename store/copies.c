/*
 * Other copies of this replica: it was restored, it is an older copy put back, or a copy of its disk is in use
 * elsewhere.
 */
#include <string.h>

#include "store/replica.h"

/* From here on what comes of our own is what an older copy lacks, until the whole stream is held once. */
static enum err_code begin_older(struct store *store, int64_t now_ms, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "UPDATE sync_state SET came_back = iif(settled, 0, came_back), "
                     "issued_again = iif(settled, 0, issued_again), older_copy_at = ?1, settled = 0",
                     &s, err));
    bind_int(s, 1, now_ms);
    return db_run(&store->db, s, err);
}

static enum err_code restored(struct store *store, int64_t now_ms, struct error *err)
{
    TRY(begin_older(store, now_ms, err));
    return chain_begin(store, err);
}

enum err_code store_restored(struct store *store, int64_t now_ms, struct error *err)
{
    if (!store->enrolled) {
        return ERR_OK;
    }
    TRY(replica_begin(store, err));
    return replica_end(store, restored(store, now_ms, err), err);
}

/* ---- found by an exchange ---- */

/* Whatever waits to be sent under numbers that may be taken is set aside first, with what is recorded meanwhile. */
static enum err_code found_older(struct store *store, uint32_t incarnation, int64_t now_ms, struct error *err)
{
    struct own_chain chain;
    bool found;
    TRY(begin_older(store, now_ms, err));
    TRY(chain_find(store, incarnation, &chain, &found, err));
    bool compared = found && chain.acked_seq == chain.author.newest_seq;
    return compared && chain.author.id == store->self.id ? chain_begin(store, err) : ERR_OK;
}

enum err_code store_found_older(struct store *store, uint32_t incarnation, int64_t now_ms, struct error *err)
{
    TRY(replica_begin(store, err));
    return replica_end(store, found_older(store, incarnation, now_ms, err), err);
}

static enum err_code found_stale(struct store *store, uint32_t incarnation, int64_t now_ms, struct error *err)
{
    sqlite3_stmt *s;
    if (store->self.incarnation != incarnation) {
        return ERR_OK; /* retired meanwhile */
    }
    TRY(begin_older(store, now_ms, err));
    TRY(db_statement(&store->db, "UPDATE sync_state SET stale_at = ?1", &s, err));
    bind_int(s, 1, now_ms);
    TRY(db_run(&store->db, s, err));
    return chain_begin(store, err);
}

enum err_code store_found_stale(struct store *store, uint32_t incarnation, int64_t now_ms, struct error *err)
{
    TRY(replica_begin(store, err));
    return replica_end(store, found_stale(store, incarnation, now_ms, err), err);
}

static enum err_code caught_up(struct store *store, const struct store_receipt *receipt, struct error *err)
{
    struct own_chain chain;
    bool found;
    TRY(chain_find(store, receipt->incarnation, &chain, &found, err));
    if (!found) {
        return ERR_OK;
    }
    TRY(chain_acked(store, &chain.author, receipt, err));
    return chain.author.id == store->self.id ? chain_begin(store, err) : ERR_OK;
}

enum err_code store_caught_up(struct store *store, const struct store_receipt *receipt, struct error *err)
{
    if (!store->enrolled) {
        return ERR_OK;
    }
    TRY(replica_begin(store, err));
    return replica_end(store, caught_up(store, receipt, err), err);
}

enum err_code store_read_again(struct store *store, struct error *err)
{
    TRY(replica_begin(store, err));
    enum err_code rc = tree_forget(store, err);
    if (rc == ERR_OK) {
        rc = chains_ask(store, err);
    }
    return replica_end(store, rc, err);
}

/* ---- counted ---- */

enum err_code copies_count(struct store *store, const struct store_applied *applied, int64_t now_ms, struct error *err)
{
    sqlite3_stmt *s;
    if (applied->came_back == 0 && applied->issued_again == 0) {
        return ERR_OK;
    }
    /* what is new once everything was held has been made since, and not here */
    TRY(db_statement(&store->db,
                     "UPDATE sync_state SET came_back = came_back + iif(settled, 0, ?1), "
                     "twin_ops = twin_ops + iif(settled, ?1, 0), twin_at = iif(settled AND ?1 > 0, ?3, twin_at), "
                     "issued_again = issued_again + ?2",
                     &s, err));
    bind_int(s, 1, (int64_t)applied->came_back);
    bind_int(s, 2, (int64_t)applied->issued_again);
    bind_int(s, 3, now_ms);
    return db_run(&store->db, s, err);
}

enum err_code store_copies_read(struct store *store, struct store_copies *ret_copies, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(
        &store->db,
        "SELECT older_copy_at, came_back, issued_again, twin_at, twin_ops, stale_at, "
        "(SELECT max(f.noticed_at) FROM fork f JOIN forked_op x ON x.fork = f.id AND x.issued_seq IS NULL), "
        "(SELECT count(*) FROM forked_op WHERE issued_seq IS NULL) FROM sync_state",
        &s, err));
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return FAIL(err, DAMAGED, "read the state of the exchange: it is missing");
    }
    *ret_copies = (struct store_copies){ .older_at_ms = column_int_or(s, 0, OP_TIME_NONE),
                                         .came_back = (uint64_t)column_int(s, 1),
                                         .issued_again = (uint64_t)column_int(s, 2),
                                         .twin_at_ms = column_int_or(s, 3, OP_TIME_NONE),
                                         .twin_ops = (uint64_t)column_int(s, 4),
                                         .stale_at_ms = column_int_or(s, 5, OP_TIME_NONE),
                                         .aside_at_ms = column_int_or(s, 6, OP_TIME_NONE),
                                         .aside_ops = (uint64_t)column_int(s, 7) };
    sqlite3_reset(s);
    return ERR_OK;
}

enum err_code store_freshness(struct store *store, uint64_t *ret_counter, uint8_t ret_hash[SHA256_BYTES],
                              struct error *err)
{
    return vault_freshness(store->db.vault, ret_counter, ret_hash, err);
}
