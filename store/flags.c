/*
 * Standing flags and their history. A flag whose facts did not change keeps the time it was raised at.
 *
 * Their commit does not wait for the disk. What it made follows from the records, and the mark that the rules have to
 * look again goes in the same commit: a loss of power takes back both or none.
 */
#include <stdlib.h>
#include <string.h>

#include "store/replica.h"

static const uint8_t site_id[ROW_ID_BYTES];

enum err_code store_flags_begin(struct store *store, struct error *err)
{
    return replica_begin_relaxed(store, err);
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

static bool column_is(sqlite3_stmt *s, int at, const char *text)
{
    return slice_equal(column_slice(s, at), slice_of_text(text));
}

#define SAID "id, key, severity, subject_ref, since, facts, next_step, rule"

/* Is the standing flag as it would be raised again? */
static bool says_same(sqlite3_stmt *s, const struct flag_row *flag)
{
    return column_int(s, 2) == (int64_t)flag->severity && column_is(s, 3, flag->subject_ref) &&
           column_int(s, 4) == flag->since && column_is(s, 5, flag->facts) && column_is(s, 6, flag->next_step) &&
           column_is(s, 7, flag->rule);
}

/* What stands of a flag that is to stand. */
struct stood {
    int64_t id; /* 0: nothing */
    bool same;
};

/*
 * Those of what stands that are not among the flags go to `gone`, by id; the others to `stood`. Flags of a placement
 * carry its id, those of referrals the referral's: the site's pass owns everything that no placement owns. `owner` is
 * the placement, or zeros for the site.
 */
static enum err_code compare(struct store *store, const uint8_t *owner, const struct flag_row *flags, size_t count,
                             struct stood *stood, struct buf *gone, struct error *err)
{
    sqlite3_stmt *s;
    if (owner == site_id) {
        TRY(db_statement(&store->db, "SELECT " SAID " FROM flag WHERE cleared_at IS NULL AND subject IN (0, 3)", &s,
                         err));
    } else {
        TRY(db_statement(&store->db,
                         "SELECT " SAID " FROM flag "
                         "WHERE subject_id = ?1 AND cleared_at IS NULL AND subject IN (1, 2)",
                         &s, err));
        bind_blob(s, 1, owner, ROW_ID_BYTES);
    }
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        size_t i = 0;
        while (i < count && !column_is(s, 1, flags[i].key)) {
            i++;
        }
        int64_t id = column_int(s, 0);
        if (i < count) {
            stood[i] = (struct stood){ .id = id, .same = says_same(s, &flags[i]) };
            continue;
        }
        enum err_code rc = buf_append(gone, &id, sizeof(id), err);
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
}

static enum err_code clear(struct store *store, const struct buf *gone, int64_t now_ms, struct error *err)
{
    for (size_t at = 0; at < gone->len; at += sizeof(int64_t)) {
        sqlite3_stmt *s;
        int64_t id;
        memcpy(&id, gone->data + at, sizeof(id));
        TRY(db_statement(&store->db, "UPDATE flag SET cleared_at = ?2 WHERE id = ?1", &s, err));
        bind_int(s, 1, id);
        bind_int(s, 2, now_ms);
        TRY(db_run(&store->db, s, err));
    }
    return ERR_OK;
}

static void bind_said(sqlite3_stmt *s, const struct flag_row *flag)
{
    bind_int(s, 1, flag->severity);
    bind_text(s, 2, flag->subject_ref);
    bind_int(s, 3, flag->since);
    bind_text(s, 4, flag->facts);
    bind_text(s, 5, flag->next_step);
    bind_text(s, 6, flag->rule);
}

static enum err_code raise(struct store *store, const struct flag_row *flag, int64_t now_ms, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(
        &store->db,
        "INSERT INTO flag (key, code, severity, subject, subject_ref, subject_id, since, facts, next_step, rule, "
        "raised_at) VALUES (?7, ?8, ?1, ?9, ?2, ?10, ?3, ?4, ?5, ?6, ?11) "
        "ON CONFLICT (key) WHERE cleared_at IS NULL DO UPDATE SET severity = ?1, subject_ref = ?2, since = ?3, "
        "facts = ?4, next_step = ?5, rule = ?6",
        &s, err));
    bind_said(s, flag);
    bind_text(s, 7, flag->key);
    bind_text(s, 8, flag->code);
    bind_int(s, 9, flag->subject);
    bind_blob(s, 10, flag->subject_id.bytes, ROW_ID_BYTES);
    bind_int(s, 11, now_ms);
    return db_run(&store->db, s, err);
}

static enum err_code say_anew(struct store *store, int64_t id, const struct flag_row *flag, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "UPDATE flag SET severity = ?1, subject_ref = ?2, since = ?3, facts = ?4, next_step = ?5, "
                     "rule = ?6 WHERE id = ?7",
                     &s, err));
    bind_said(s, flag);
    bind_int(s, 7, id);
    return db_run(&store->db, s, err);
}

static enum err_code unmark(struct store *store, const struct row_id *placement, struct error *err)
{
    if (dirty_none(store)) {
        return ERR_OK;
    }
    if (placement == NULL) {
        return db_exec(&store->db, "UPDATE sync_state SET dirty_site = 0", err);
    }
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "DELETE FROM dirty_placement WHERE placement = ?1", &s, err));
    bind_blob(s, 1, placement->bytes, ROW_ID_BYTES);
    return db_run(&store->db, s, err);
}

static enum err_code replace(struct store *store, const uint8_t *owner, const struct flag_row *flags, size_t count,
                             struct stood *stood, int64_t now_ms, struct error *err)
{
    SCOPED(buf_fini) struct buf gone;
    buf_init(&gone, SIZE_MAX / 2);
    TRY(compare(store, owner, flags, count, stood, &gone, err));
    TRY(clear(store, &gone, now_ms, err));
    for (size_t i = 0; i < count; i++) {
        if (stood[i].id == 0) {
            TRY(raise(store, &flags[i], now_ms, err));
        } else if (!stood[i].same) {
            TRY(say_anew(store, stood[i].id, &flags[i], err));
        }
    }
    return ERR_OK;
}

enum err_code store_flags_replace(struct store *store, const struct row_id *placement, const struct flag_row *flags,
                                  size_t count, int64_t now_ms, struct error *err)
{
    SCOPED(scoped_free) struct stood *stood = calloc(count + 1, sizeof(*stood));
    if (stood == NULL) {
        return FAIL(err, NO_MEMORY, "replace %zu flags", count);
    }
    TRY(replace(store, placement == NULL ? site_id : placement->bytes, flags, count, stood, now_ms, err));
    return unmark(store, placement, err);
}
