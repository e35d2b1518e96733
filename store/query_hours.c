/*
 * Hours at which somebody is expected already: nobody can be in two places at once, and what is recorded of one would
 * speak against the other.
 */
#include <stdlib.h>

#include "store/replica.h"

enum { SESSIONS_MAX = 4000 }; /* as many as are laid out (fold_session.c) */

static bool overlaps(const struct pattern_session *a, int starts_min, int ends_min)
{
    return starts_min < a->ends_min && ends_min > a->starts_min;
}

/* Both by day; `sessions` is walked once. */
static enum err_code first_taken(struct store *store, sqlite3_stmt *s, const struct pattern_session *sessions,
                                 size_t count, struct hours_taken *ret_taken, struct error *err)
{
    size_t at = 0;
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        int32_t day = (int32_t)column_int(s, 0);
        while (at < count && sessions[at].day < day) {
            at++;
        }
        for (size_t i = at; i < count && sessions[i].day == day; i++) {
            if (overlaps(&sessions[i], (int)column_int(s, 1), (int)column_int(s, 2))) {
                ret_taken->taken = true;
                ret_taken->day = day;
                column_text(s, 3, ret_taken->ref, sizeof(ret_taken->ref));
                sqlite3_reset(s);
                return ERR_OK;
            }
        }
    }
}

enum err_code query_hours_taken(struct store *store, const struct row_id *participant, const struct pattern *pattern,
                                enum calendar calendar, int32_t from, int32_t to, struct hours_taken *ret_taken,
                                struct error *err)
{
    sqlite3_stmt *s;
    *ret_taken = (struct hours_taken){ .taken = false };
    struct pattern_session *sessions = calloc(SESSIONS_MAX, sizeof(*sessions));
    if (sessions == NULL) {
        return FAIL(err, NO_MEMORY, "look for hours that are taken");
    }
    size_t count = pattern_expand(store->programme, calendar, pattern, from, to, sessions, SESSIONS_MAX);
    enum err_code rc =
        db_statement(&store->db,
                     "SELECT o.day, o.starts_min, o.ends_min, q.ref FROM placement q CROSS JOIN session o "
                     "ON o.placement = q.id AND o.day BETWEEN ?2 AND ?3 "
                     "WHERE q.participant IN (" SAME_PERSON("?1") ") AND o.expected <> 0 ORDER BY o.day, o.slot, q.ref",
                     &s, err);
    if (rc == ERR_OK) {
        bind_blob(s, 1, participant->bytes, ROW_ID_BYTES);
        bind_int(s, 2, from);
        bind_int(s, 3, to);
        rc = first_taken(store, s, sessions, count, ret_taken, err);
    }
    free(sessions);
    return rc;
}
