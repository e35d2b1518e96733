/*
 * The tree over a site's log: what a checkpoint is signed over.
 */
#include "store/centre/tables.h"

enum err_code centre_tree(struct centre_store *store, const struct centre_site *site, struct merkle_range *ret_tree,
                          struct error *err)
{
    struct position_state state;
    TRY(positions_read(store, site->id, &state, err));
    *ret_tree = state.tree;
    return ERR_OK;
}

/* ---- of an earlier version ---- */

static enum err_code tree_of_log(struct centre_store *store, int64_t site, struct position_state *state,
                                 struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "SELECT header FROM op WHERE id > ?1 AND id < ?2 ORDER BY id", &s, err));
    bind_int(s, 1, op_row_id(site, 0));
    bind_int(s, 2, op_row_id(site + 1, 0));
    for (;;) {
        bool row;
        struct merkle_hash leaf;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        merkle_leaf(column_slice(s, 0), &leaf);
        enum err_code rc = merkle_append(&state->tree, &leaf, NULL, NULL, err);
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
}

/* A site that has a log and no tree. *ret_site 0: none. */
static enum err_code next_without(struct centre_store *store, int64_t *ret_site, struct position_state *state,
                                  struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    *state = (struct position_state){ 0 };
    TRY(db_statement(&store->db, "SELECT id, head, newest_hlc FROM site WHERE head > 0 AND tree = x'' LIMIT 1", &s,
                     err));
    TRY(db_step(&store->db, s, &row, err));
    *ret_site = row ? column_int(s, 0) : 0;
    if (row) {
        state->head = (uint64_t)column_int(s, 1);
        state->newest_hlc = (uint64_t)column_int(s, 2);
        sqlite3_reset(s);
    }
    return ERR_OK;
}

static enum err_code complete(struct centre_store *store, struct error *err)
{
    for (;;) {
        int64_t site;
        struct position_state state;
        TRY(next_without(store, &site, &state, err));
        if (site == 0) {
            return ERR_OK;
        }
        TRY(tree_of_log(store, site, &state, err));
        if (state.tree.size != state.head) {
            return FAIL(err, DAMAGED, "make the tree of a log: it ends at %llu, not at %llu",
                        (unsigned long long)state.tree.size, (unsigned long long)state.head);
        }
        TRY(positions_save(store, site, &state, err));
    }
}

enum err_code trees_complete(struct centre_store *store, struct error *err)
{
    int64_t site;
    struct position_state unused;
    TRY(next_without(store, &site, &unused, err));
    if (site == 0) {
        return ERR_OK;
    }
    TRY(db_begin(&store->db, err));
    return db_end(&store->db, complete(store, err), err);
}
