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
