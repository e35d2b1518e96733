/*
 * Standing flags and their history. A flag whose facts did not change keeps the time it was raised at.
 */
#include <string.h>

#include "store/replica.h"

static const uint8_t site_id[ROW_ID_BYTES];

enum err_code store_flags_begin(struct store *store, struct error *err)
{
    return replica_begin(store, err);
}

enum err_code store_flags_commit(struct store *store, struct error *err)
{
    return replica_end(store, ERR_OK, err);
}

void store_flags_abandon(struct store *store)
{
    db_rollback(&store->db);
    (void)!replica_reload(store, NULL);
}

/*
 * Flags of a placement carry its id, those of referrals the referral's: the site's pass owns everything that no
 * placement owns. `owner` is the placement, or zeros for the site.
 */
static enum err_code clear_gone(struct store *store, const uint8_t *owner, const struct flag_row *flags, size_t count,
                                int64_t now_ms, struct error *err)
{
    SCOPED(buf_fini) struct buf gone;
    buf_init(&gone, SIZE_MAX / 2);
    sqlite3_stmt *s;
    if (owner == site_id) {
        TRY(db_statement(&store->db, "SELECT id, key FROM flag WHERE cleared_at IS NULL AND subject IN (0, 3)", &s,
                         err));
    } else {
        TRY(db_statement(&store->db,
                         "SELECT id, key FROM flag WHERE subject_id = ?1 AND cleared_at IS NULL AND subject IN (1, 2)",
                         &s, err));
        bind_blob(s, 1, owner, ROW_ID_BYTES);
    }
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            break;
        }
        char key[FLAG_KEY_SIZE];
        column_text(s, 1, key, sizeof(key));
        bool stands = false;
        for (size_t i = 0; i < count && !stands; i++) {
            stands = strcmp(flags[i].key, key) == 0;
        }
        int64_t id = column_int(s, 0);
        if (!stands) {
            TRY(buf_append(&gone, &id, sizeof(id), err));
        }
    }
    for (size_t at = 0; at < gone.len; at += sizeof(int64_t)) {
        int64_t id;
        memcpy(&id, gone.data + at, sizeof(id));
        TRY(db_statement(&store->db, "UPDATE flag SET cleared_at = ?2 WHERE id = ?1", &s, err));
        bind_int(s, 1, id);
        bind_int(s, 2, now_ms);
        TRY(db_run(&store->db, s, err));
    }
    return ERR_OK;
}

static enum err_code raise(struct store *store, const struct flag_row *flag, int64_t now_ms, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(
        &store->db,
        "INSERT INTO flag (key, code, severity, subject, subject_ref, subject_id, since, facts, next_step, rule, "
        "raised_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) "
        "ON CONFLICT (key) WHERE cleared_at IS NULL DO UPDATE SET severity = ?3, subject_ref = ?5, since = ?7, "
        "facts = ?8, next_step = ?9, rule = ?10 WHERE facts <> ?8 OR severity <> ?3 OR since <> ?7 "
        "OR next_step <> ?9 OR rule <> ?10 OR subject_ref <> ?5",
        &s, err));
    bind_text(s, 1, flag->key);
    bind_text(s, 2, flag->code);
    bind_int(s, 3, flag->severity);
    bind_int(s, 4, flag->subject);
    bind_text(s, 5, flag->subject_ref);
    bind_blob(s, 6, flag->subject_id.bytes, ROW_ID_BYTES);
    bind_int(s, 7, flag->since);
    bind_text(s, 8, flag->facts);
    bind_text(s, 9, flag->next_step);
    bind_text(s, 10, flag->rule);
    bind_int(s, 11, now_ms);
    return db_run(&store->db, s, err);
}

static enum err_code unmark(struct store *store, const struct row_id *placement, struct error *err)
{
    if (placement == NULL) {
        return db_exec(&store->db, "UPDATE sync_state SET dirty_site = 0", err);
    }
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "DELETE FROM dirty_placement WHERE placement = ?1", &s, err));
    bind_blob(s, 1, placement->bytes, ROW_ID_BYTES);
    return db_run(&store->db, s, err);
}

enum err_code store_flags_replace(struct store *store, const struct row_id *placement, const struct flag_row *flags,
                                  size_t count, int64_t now_ms, struct error *err)
{
    TRY(clear_gone(store, placement == NULL ? site_id : placement->bytes, flags, count, now_ms, err));
    for (size_t i = 0; i < count; i++) {
        TRY(raise(store, &flags[i], now_ms, err));
    }
    return unmark(store, placement, err);
}
