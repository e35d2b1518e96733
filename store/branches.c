/*
 * Two histories of another device: a person has this replica follow the one that the centre gives.
 *
 * It happens when the centre and that device were both put back to older copies: the device gave numbers again that
 * this replica holds as something else. Which of them is the log, no program can say; but the centre's is everybody
 * else's. The branch held here is set aside as it was, signed (fork, forked_op). It is not issued again, since the key
 * is another's: people look at it (query_log_aside) and record anew what is missing.
 *
 *   stopped with `history` ── a person ──► following: read from position 0, branches give way ── at the head ──► done
 */
#include "store/replica.h"

enum err_code following_read(struct store *store, bool *ret_following, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "SELECT 1 FROM history_accepted WHERE ended_at IS NULL LIMIT 1", &s, err));
    TRY(db_step(&store->db, s, ret_following, err));
    sqlite3_reset(s);
    return ERR_OK;
}

enum err_code following_end(struct store *store, int64_t now_ms, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "UPDATE history_accepted SET ended_at = ?1 WHERE ended_at IS NULL", &s, err));
    bind_int(s, 1, now_ms);
    TRY(db_run(&store->db, s, err));
    store->following = false;
    return ERR_OK;
}

static enum err_code accept(struct store *store, const char *actor, int64_t now_ms, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "INSERT INTO history_accepted (actor, at) VALUES (?1, ?2)", &s, err));
    bind_text(s, 1, actor);
    bind_int(s, 2, now_ms);
    TRY(db_run(&store->db, s, err));
    TRY(tree_forget(store, err));
    store->following = true;
    return chains_ask(store, err);
}

enum err_code store_history_accept(struct store *store, const char *actor, int64_t now_ms, struct error *err)
{
    if (!store->enrolled) {
        return FAIL(err, NOT_ENROLLED, "accept the centre's history: this machine is not enrolled");
    }
    TRY(replica_begin(store, err));
    return replica_end(store, accept(store, actor, now_ms, err), err);
}
