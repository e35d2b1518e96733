/*
 * The sessions of a placement that the rules look at.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "store/read.h"

/*
 * The days of which the rules look at every session, which they do for mandatory placements alone: whole weeks back
 * from this one, up to today. Of the days of this week that are still to come they look at what is on record already. A
 * shift of one of the charity's own volunteers is held against every session, of its own days back and all that are to
 * come.
 */
struct window {
    int32_t from;
    int32_t to;
    int32_t week_to;
};

static struct window window_on(const struct programme_rules *rules, const struct placement_row *placement,
                               int32_t today, bool shifts)
{
    int32_t monday = today - (date_weekday(today) - 1);
    int32_t weeks_from = monday - (rules->hours_window_weeks - 1) * DAYS_A_WEEK;
    int32_t shifts_from = today - rules->conflation_window_days;
    if (placement->basis != BASIS_MANDATORY) {
        return (struct window){ .from = today + 1, .to = today, .week_to = today };
    }
    return (struct window){ .from = shifts && shifts_from < weeks_from ? shifts_from : weeks_from,
                            .to = shifts ? DATE_MAX : today,
                            .week_to = shifts ? DATE_MAX : monday + DAYS_A_WEEK - 1 };
}

/* Each record has twenty of them read: no column that no rule looks at. */
#define READ_JUDGED                                                                                                    \
    "s.day, s.slot, s.starts_min, s.ends_min, s.expected, s.standing, s.outcome, s.minutes, s.reason, s.heads, "       \
    "s.jcp_purpose, s.note_hints, s.jcp_starts_min, s.jcp_ends_min, s.early"

static void read_jcp(sqlite3_stmt *s, struct session_row *row)
{
    row->overlaps_jcp = true;
    column_text(s, 10, row->jcp_purpose, sizeof(row->jcp_purpose));
    row->jcp_starts_min = (int)column_int_or(s, 12, ROW_NONE);
    row->jcp_ends_min = (int)column_int_or(s, 13, ROW_NONE);
}

/* What nobody asks of such a session is not asked for. Of one recorded before it began nobody said yet how it went. */
static void read_judged(sqlite3_stmt *s, struct session_row *row)
{
    row->day = (int32_t)column_int(s, 0);
    row->slot = (int)column_int(s, 1);
    row->starts_min = (int)column_int_or(s, 2, ROW_NONE);
    row->ends_min = (int)column_int_or(s, 3, ROW_NONE);
    row->expected = column_int(s, 4) != 0;
    row->standing = (enum standing)column_int(s, 5);
    if (row->standing == STANDING_RECORDED && column_int(s, 14) != 0) {
        row->standing = STANDING_UNRECORDED;
    }
    row->jcp_starts_min = row->jcp_ends_min = row->minutes = ROW_NONE;
    if (row->standing != STANDING_UNRECORDED) {
        row->outcome = (enum outcome)column_int(s, 6);
        row->minutes = (int)column_int_or(s, 7, ROW_NONE);
        row->heads = (int)column_int(s, 9);
        if (row->outcome != OUTCOME_ATTENDED) {
            column_text(s, 8, row->reason, sizeof(row->reason));
            row->note_hints = column_int(s, 11) != 0;
        }
    }
    if (sqlite3_column_type(s, 10) != SQLITE_NULL) {
        read_jcp(s, row);
    }
}

static enum err_code add_judged(struct store *store, sqlite3_stmt *s, const struct row_id *placement,
                                const struct window *window, struct row_array *sessions, struct error *err)
{
    bind_blob(s, 1, placement->bytes, ROW_ID_BYTES);
    bind_int(s, 2, window->week_to);
    for (;;) {
        bool found;
        void *row;
        TRY(db_step(&store->db, s, &found, err));
        if (!found) {
            return ERR_OK;
        }
        enum err_code rc = row_array_next(sessions, &row, err);
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
        ((struct session_row *)row)->placement = *placement;
        read_judged(s, row);
    }
}

/* By day and slot. */
static int session_compare(const void *a, const void *b)
{
    const struct session_row *x = a;
    const struct session_row *y = b;
    return x->day != y->day ? (x->day > y->day) - (x->day < y->day) : (x->slot > y->slot) - (x->slot < y->slot);
}

/* Of the days before the window what was missed, cut short, is in doubt, or nobody recorded; of those after it what is
 * in doubt. */
static enum err_code read_sessions(struct store *store, const struct row_id *placement, const struct window *window,
                                   struct row_array *sessions, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "SELECT " READ_JUDGED
                     " FROM session s WHERE s.placement = ?1 AND s.day <= ?2 AND (s.day BETWEEN ?3 AND ?4 "
                     "OR s.outcome BETWEEN 2 AND 5 OR s.standing = 2 OR s.jcp_purpose IS NOT NULL "
                     "OR (s.standing = 0 AND s.expected = 1 AND s.day <= ?4) OR (s.standing = 1 AND s.day > ?4)) "
                     "ORDER BY s.day, s.slot",
                     &s, err));
    bind_int(s, 3, window->from);
    bind_int(s, 4, window->to);
    TRY(add_judged(store, s, placement, window, sessions, err));
    size_t in_order = sessions->count;
    TRY(db_statement(&store->db,
                     "SELECT " READ_JUDGED " FROM session s INDEXED BY session_clash WHERE s.placement = ?1 "
                     "AND s.day > ?2 AND s.jcp_purpose IS NOT NULL",
                     &s, err));
    TRY(add_judged(store, s, placement, window, sessions, err));
    TRY(db_statement(&store->db,
                     "SELECT " READ_JUDGED " FROM session s INDEXED BY session_disputed WHERE s.placement = ?1 "
                     "AND s.day > ?2 AND s.standing = 2 AND s.jcp_purpose IS NULL",
                     &s, err));
    TRY(add_judged(store, s, placement, window, sessions, err));
    if (sessions->count > in_order) {
        struct session_row *rows = sessions->rows;
        qsort(rows + in_order, sessions->count - in_order, sizeof(*rows), session_compare);
    }
    return ERR_OK;
}

static bool came_by(const struct session_row *session, int32_t today)
{
    return session->day <= today && session->standing == STANDING_RECORDED && session->outcome >= OUTCOME_ATTENDED &&
           session->outcome <= OUTCOME_LEFT_EARLY;
}

static enum err_code find_came(struct store *store, const char *sql, const struct row_id *placement, int32_t from,
                               int32_t to, int32_t *ret_day, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, sql, &s, err));
    bind_blob(s, 1, placement->bytes, ROW_ID_BYTES);
    bind_int(s, 2, from);
    bind_int(s, 3, to);
    TRY(db_step(&store->db, s, &row, err));
    *ret_day = row ? (int32_t)column_int(s, 0) : ROW_NONE;
    sqlite3_reset(s);
    return ERR_OK;
}

#define CAME                                                                                                           \
    "SELECT day FROM session WHERE placement = ?1 AND day BETWEEN ?2 AND ?3 AND standing = 1 "                         \
    "AND outcome BETWEEN 1 AND 3 AND early = 0 "

/* Of the days of the window the sessions are all there. */
static enum err_code read_came(struct store *store, const struct window *window, int32_t today,
                               const struct row_array *sessions, struct placement_facts *facts, struct error *err)
{
    const struct placement_row *placement = &facts->placement;
    const struct session_row *rows = sessions->rows;
    for (size_t i = 0; i < sessions->count; i++) {
        bool last = rows[i].day >= window->from && came_by(&rows[i], today);
        facts->last_came_on = last ? rows[i].day : facts->last_came_on;
    }
    if (facts->last_came_on == ROW_NONE) {
        TRY(find_came(store, CAME "ORDER BY day DESC LIMIT 1", &placement->id, DATE_MIN, today, &facts->last_came_on,
                      err));
    }
    return find_came(store, CAME "ORDER BY day LIMIT 1", &placement->id,
                     placement->starts_on > DATE_MIN ? placement->starts_on : DATE_MIN, today, &facts->first_came_on,
                     err);
}

enum err_code placement_sessions_read(struct store *store, int32_t today, bool shifts, struct row_array *sessions,
                                      struct placement_facts *facts, struct error *err)
{
    const struct placement_row *placement = &facts->placement;
    const struct window window = window_on(programme_rules_of(store->programme), placement, today, shifts);
    facts->first_came_on = facts->last_came_on = ROW_NONE;
    TRY(read_sessions(store, &placement->id, &window, sessions, err));
    return placement->basis == BASIS_MANDATORY ? read_came(store, &window, today, sessions, facts, err) : ERR_OK;
}
