#include "store/query.h"

#include <stdlib.h>
#include <string.h>

#include "store/cbor.h"
#include "store/read.h"

#define X(name, type)                                                                                                  \
    void name##_fini(struct name *list)                                                                                \
    {                                                                                                                  \
        free(list->rows);                                                                                              \
        free(list->owned);                                                                                             \
        *list = (struct name){ 0 };                                                                                    \
    }
QUERY_LISTS(X)
#undef X

/* ---- the register ---- */

static void read_roll(sqlite3_stmt *s, void *out)
{
    struct roll_row *row = out;
    read_session(s, &row->session);
    column_text(s, READ_SESSION_COLUMNS, row->placement_ref, sizeof(row->placement_ref));
    column_text(s, READ_SESSION_COLUMNS + 1, row->participant_ref, sizeof(row->participant_ref));
    column_text(s, READ_SESSION_COLUMNS + 2, row->participant_name, sizeof(row->participant_name));
    row->basis = read_basis(s, READ_SESSION_COLUMNS + 3);
}

enum err_code query_roll(struct store *store, int32_t from_day, int32_t to_day, size_t limit,
                         struct session_list *ret_list, struct error *err)
{
    sqlite3_stmt *s;
    struct row_array array = { .size = sizeof(struct roll_row) };
    /* what is expected stands between the dates of its placement; where none is known, erased or still to come, nobody
     * can be named or recorded */
    TRY(db_statement(&store->db,
                     "SELECT " READ_SESSION ", p.ref, q.ref, q.name, p.basis FROM "
                     "(SELECT s.* FROM placement p CROSS JOIN session s ON s.placement = p.id "
                     "AND s.day BETWEEN ?1 AND ?2 AND s.expected = 1 WHERE p.ends_on >= ?1 AND p.starts_on <= ?2 "
                     "UNION ALL SELECT * FROM session WHERE day BETWEEN ?1 AND ?2 AND expected = 0) s "
                     "CROSS JOIN placement p ON p.id = s.placement LEFT JOIN participant q ON q.id = p.participant "
                     "ORDER BY s.day, s.starts_min, p.ref, s.slot, s.placement",
                     &s, err));
    bind_int(s, 1, from_day);
    bind_int(s, 2, to_day);
    bool more;
    TRY(rows_collect(store, s, &array, limit, read_roll, &more, err));
    *ret_list = (struct session_list){ .rows = array.rows, .count = array.count, .more = more };
    return ERR_OK;
}

enum err_code query_disputes(struct store *store, size_t limit, struct session_list *ret_list, struct error *err)
{
    sqlite3_stmt *s;
    struct row_array array = { .size = sizeof(struct roll_row) };
    TRY(db_statement(&store->db,
                     "SELECT " READ_SESSION ", p.ref, q.ref, q.name, p.basis FROM session s "
                     "CROSS JOIN placement p ON p.id = s.placement LEFT JOIN participant q ON q.id = p.participant "
                     "WHERE s.standing = 2 ORDER BY s.day, s.starts_min, p.ref, s.slot, s.placement",
                     &s, err));
    bool more;
    TRY(rows_collect(store, s, &array, limit, read_roll, &more, err));
    *ret_list = (struct session_list){ .rows = array.rows, .count = array.count, .more = more };
    return ERR_OK;
}

static enum err_code no_session(struct error *err)
{
    return FAIL(err, NOT_FOUND, "find the session: this placement has none then");
}

enum err_code query_roll_session(struct store *store, const struct row_id *placement, int32_t day, int slot,
                                 struct roll_row *ret_row, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db,
                     "SELECT " READ_SESSION ", p.ref, q.ref, q.name, p.basis FROM session s "
                     "LEFT JOIN placement p ON p.id = s.placement LEFT JOIN participant q ON q.id = p.participant "
                     "WHERE s.placement = ?1 AND s.day = ?2 AND s.slot = ?3",
                     &s, err));
    bind_blob(s, 1, placement->bytes, ROW_ID_BYTES);
    bind_int(s, 2, day);
    bind_int(s, 3, slot);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return no_session(err);
    }
    read_roll(s, ret_row);
    sqlite3_reset(s);
    return ERR_OK;
}

enum err_code query_session(struct store *store, const struct row_id *placement, int32_t day, int slot,
                            struct session_row *ret_session, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db,
                     "SELECT " READ_SESSION " FROM session s WHERE s.placement = ?1 AND s.day = ?2 AND s.slot = ?3", &s,
                     err));
    bind_blob(s, 1, placement->bytes, ROW_ID_BYTES);
    bind_int(s, 2, day);
    bind_int(s, 3, slot);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return no_session(err);
    }
    read_session(s, ret_session);
    sqlite3_reset(s);
    return ERR_OK;
}

/* ---- placements and referrals ---- */

static void read_placement_out(sqlite3_stmt *s, void *out)
{
    read_placement(s, out);
}

enum err_code query_placements(struct store *store, int32_t running_on, size_t limit, struct placement_list *ret_list,
                               struct error *err)
{
    sqlite3_stmt *s;
    struct row_array array = { .size = sizeof(struct placement_row) };
    TRY(db_statement(&store->db,
                     "SELECT " READ_PLACEMENT " FROM placement p LEFT JOIN participant q ON q.id = p.participant "
                     "WHERE ?1 IS NULL OR (p.starts_on <= ?1 AND p.ends_on >= ?1) ORDER BY p.ref, p.id",
                     &s, err));
    if (running_on == ROW_NONE) {
        bind_null(s, 1);
    } else {
        bind_int(s, 1, running_on);
    }
    bool more;
    TRY(rows_collect(store, s, &array, limit, read_placement_out, &more, err));
    *ret_list = (struct placement_list){ .rows = array.rows, .count = array.count, .more = more };
    return ERR_OK;
}

enum err_code query_placements_of(struct store *store, const struct row_id *referral, size_t limit,
                                  struct placement_list *ret_list, struct error *err)
{
    sqlite3_stmt *s;
    bool more;
    struct row_array array = { .size = sizeof(struct placement_row) };
    TRY(db_statement(&store->db,
                     "SELECT " READ_PLACEMENT " FROM placement p LEFT JOIN participant q ON q.id = p.participant "
                     "WHERE p.referral = ?1 ORDER BY p.ref, p.id",
                     &s, err));
    bind_blob(s, 1, referral->bytes, ROW_ID_BYTES);
    TRY(rows_collect(store, s, &array, limit, read_placement_out, &more, err));
    *ret_list = (struct placement_list){ .rows = array.rows, .count = array.count, .more = more };
    return ERR_OK;
}

enum err_code query_placements_each(struct store *store, row_taker take, void *context, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "SELECT " READ_PLACEMENT " FROM placement p LEFT JOIN participant q ON q.id = p.participant "
                     "ORDER BY p.ref, p.id",
                     &s, err));
    return rows_each(store, s, sizeof(struct placement_row), read_placement_out, take, context, err);
}

static void read_referral_out(sqlite3_stmt *s, void *out)
{
    read_referral(s, out);
}

enum err_code query_referrals(struct store *store, const char *status, size_t limit, struct referral_list *ret_list,
                              struct error *err)
{
    sqlite3_stmt *s;
    struct row_array array = { .size = sizeof(struct referral_row) };
    TRY(db_statement(&store->db,
                     "SELECT " READ_REFERRAL " FROM referral r LEFT JOIN participant q ON q.id = r.participant "
                     "WHERE ?1 IS NULL OR r.status = ?1 ORDER BY r.received_on, r.ref, r.id",
                     &s, err));
    if (status == NULL) {
        bind_null(s, 1);
    } else {
        bind_text(s, 1, status);
    }
    bool more;
    TRY(rows_collect(store, s, &array, limit, read_referral_out, &more, err));
    *ret_list = (struct referral_list){ .rows = array.rows, .count = array.count, .more = more };
    return ERR_OK;
}

enum err_code query_referrals_each(struct store *store, row_taker take, void *context, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "SELECT " READ_REFERRAL " FROM referral r LEFT JOIN participant q ON q.id = r.participant "
                     "ORDER BY r.received_on, r.ref, r.id",
                     &s, err));
    return rows_each(store, s, sizeof(struct referral_row), read_referral_out, take, context, err);
}

/* ---- flags ---- */

#define READ_FLAG                                                                                                      \
    "key, code, severity, subject, subject_ref, subject_id, since, facts, next_step, rule, raised_at, cleared_at, "    \
    "v.outcome, v.said_by, v.said_at, v.look_again_on "
#define LAST_REVIEWS                                                                                                   \
    "(SELECT flag, outcome, said_by, said_at, look_again_on, "                                                         \
    "row_number() OVER (PARTITION BY flag ORDER BY hlc DESC, id DESC) AS nth FROM flag_review "                        \
    "WHERE flag NOT GLOB '" FLAG_OF_VOLUNTEERS "*' "                                                                   \
    "UNION ALL SELECT flag, outcome, said_by, said_at, look_again_on, "                                                \
    "row_number() OVER (PARTITION BY flag ORDER BY number DESC) FROM kept_review)"

static void read_flag(sqlite3_stmt *s, void *out)
{
    struct flag_state *row = out;
    column_text(s, 0, row->flag.key, sizeof(row->flag.key));
    column_text(s, 1, row->flag.code, sizeof(row->flag.code));
    row->flag.severity = (enum severity)column_int(s, 2);
    row->flag.subject = (enum flag_subject)column_int(s, 3);
    column_text(s, 4, row->flag.subject_ref, sizeof(row->flag.subject_ref));
    (void)column_fixed(s, 5, row->flag.subject_id.bytes, ROW_ID_BYTES);
    row->flag.since = (int32_t)column_int(s, 6);
    column_text(s, 7, row->flag.facts, sizeof(row->flag.facts));
    column_text(s, 8, row->flag.next_step, sizeof(row->flag.next_step));
    column_text(s, 9, row->flag.rule, sizeof(row->flag.rule));
    row->raised_at_ms = column_int(s, 10);
    row->cleared_at_ms = column_int_or(s, 11, OP_TIME_NONE);
    column_text(s, 12, row->reviewed.outcome, sizeof(row->reviewed.outcome));
    column_text(s, 13, row->reviewed.by, sizeof(row->reviewed.by));
    row->reviewed.at_ms = column_int_or(s, 14, OP_TIME_NONE);
    row->reviewed.look_again_on = (int32_t)column_int_or(s, 15, ROW_NONE);
}

static enum err_code flags_statement(struct store *store, bool all, sqlite3_stmt **ret, struct error *err)
{
    TRY(db_statement(&store->db,
                     "SELECT " READ_FLAG "FROM flag LEFT JOIN " LAST_REVIEWS " v ON v.flag = key AND v.nth = 1 "
                     "WHERE ?1 OR cleared_at IS NULL "
                     "ORDER BY cleared_at IS NOT NULL, cleared_at DESC, severity DESC, since, key",
                     ret, err));
    bind_int(*ret, 1, all);
    return ERR_OK;
}

enum err_code query_flags_each(struct store *store, row_taker take, void *context, struct error *err)
{
    sqlite3_stmt *s;
    TRY(flags_statement(store, true, &s, err));
    return rows_each(store, s, sizeof(struct flag_state), read_flag, take, context, err);
}

enum err_code query_flags(struct store *store, bool all, size_t limit, struct flag_list_rows *ret_list,
                          struct error *err)
{
    sqlite3_stmt *s;
    struct row_array array = { .size = sizeof(struct flag_state) };
    TRY(flags_statement(store, all, &s, err));
    bool more;
    TRY(rows_collect(store, s, &array, limit, read_flag, &more, err));
    *ret_list = (struct flag_list_rows){ .rows = array.rows, .count = array.count, .more = more };
    return ERR_OK;
}

/* ---- assertions ---- */

/* What the op of an assertion says beyond its row: who, when, and the note. */
static void read_assertion_op(sqlite3_stmt *s, int header_at, int body_at, struct attendance_row *row)
{
    struct op op;
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    if (op_header_decode(column_slice(s, header_at), &op, supersedes, NULL) != ERR_OK) {
        return;
    }
    row->op = op.id;
    memcpy(row->actor, op.actor.data, op.actor.len);
    row->recorded_at_ms = op.recorded_at_ms;
    row->happened_at_ms = op.happened_at_ms;
    struct record record;
    if (sqlite3_column_type(s, body_at) == SQLITE_NULL ||
        record_decode(kind_by_number(KIND_ATTENDANCE), column_slice(s, body_at), &record, NULL) != ERR_OK) {
        return;
    }
    struct slice note = record_value(&record, "note")->text;
    if (note.len > 0) {
        memcpy(row->note, note.data, note.len);
    }
}

static void read_assertion(sqlite3_stmt *s, void *out)
{
    struct attendance_row *row = out;
    (void)column_fixed(s, 0, row->placement.bytes, ROW_ID_BYTES);
    column_text(s, 1, row->placement_ref, sizeof(row->placement_ref));
    row->day = (int32_t)column_int(s, 2);
    row->slot = (int)column_int(s, 3);
    row->head = column_int(s, 4) != 0;
    row->outcome = (enum outcome)column_int(s, 5);
    row->minutes = (int)column_int_or(s, 6, ROW_NONE);
    column_text(s, 7, row->reason, sizeof(row->reason));
    row->received_at_ms = column_int(s, 8);
    row->happened_at_ms = OP_TIME_NONE;
    read_assertion_op(s, 9, 10, row);
}

#define READ_ASSERTION                                                                                                 \
    "SELECT a.placement, p.ref, a.day, a.slot, a.head, a.outcome, a.minutes, a.reason, o.received_at, o.header, "      \
    "o.body "                                                                                                          \
    "FROM attendance a JOIN op o ON o.id = a.op LEFT JOIN placement p ON p.id = a.placement WHERE a.repeats IS NULL "

enum err_code query_attendance(struct store *store, const struct row_id *placement, int32_t day, int slot, size_t limit,
                               struct attendance_list *ret_list, struct error *err)
{
    sqlite3_stmt *s;
    struct row_array array = { .size = sizeof(struct attendance_row) };
    TRY(db_statement(&store->db,
                     READ_ASSERTION "AND a.placement = ?1 AND a.day = ?2 AND a.slot = ?3 ORDER BY a.hlc, a.op", &s,
                     err));
    bind_blob(s, 1, placement->bytes, ROW_ID_BYTES);
    bind_int(s, 2, day);
    bind_int(s, 3, slot);
    bool more;
    TRY(rows_collect(store, s, &array, limit, read_assertion, &more, err));
    *ret_list = (struct attendance_list){ .rows = array.rows, .count = array.count, .more = more };
    return ERR_OK;
}

enum err_code query_attendance_each(struct store *store, row_taker take, void *context, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, READ_ASSERTION "ORDER BY a.day, p.ref, a.placement, a.slot, a.hlc, a.op", &s, err));
    return rows_each(store, s, sizeof(struct attendance_row), read_assertion, take, context, err);
}

/* ---- one entity by its ref ---- */

static const char *find_sql(uint32_t kind)
{
    switch (kind) {
    case KIND_PLACEMENT:
        return "SELECT id FROM placement WHERE ref = ?1 LIMIT 2";
    case KIND_REFERRAL:
        return "SELECT id FROM referral WHERE ref = ?1 LIMIT 2";
    case KIND_PARTICIPANT:
        return "SELECT id FROM participant WHERE ref = ?1 LIMIT 2";
    case KIND_HOST:
        return "SELECT id FROM host WHERE ref = ?1 LIMIT 2";
    case KIND_OPPORTUNITY:
        return "SELECT id FROM opportunity WHERE ref = ?1 LIMIT 2";
    case KIND_CONTRACT:
        return "SELECT id FROM contract WHERE ref = ?1 LIMIT 2";
    case KIND_POLICY_DECISION:
        return "SELECT id FROM policy_decision WHERE ref = ?1 LIMIT 2";
    default:
        CHECK(false); /* no other kind has refs */
    }
}

static const char *ref_sql(uint32_t kind)
{
    switch (kind) {
    case KIND_PLACEMENT:
        return "SELECT ref FROM placement WHERE id = ?1";
    case KIND_REFERRAL:
        return "SELECT ref FROM referral WHERE id = ?1";
    case KIND_HOST:
        return "SELECT ref FROM host WHERE id = ?1";
    case KIND_OPPORTUNITY:
        return "SELECT ref FROM opportunity WHERE id = ?1";
    case KIND_CONTRACT:
        return "SELECT ref FROM contract WHERE id = ?1";
    case KIND_POLICY_DECISION:
        return "SELECT ref FROM policy_decision WHERE id = ?1";
    default:
        return "SELECT ref FROM participant WHERE id = ?1";
    }
}

static enum err_code find_by_id(struct store *store, uint32_t kind, const char *ref, struct row_id *ret_id,
                                bool *ret_found, struct error *err)
{
    struct row_id id;
    *ret_found = false;
    if (!hex_decode(ref, id.bytes, ROW_ID_BYTES)) {
        return ERR_OK;
    }
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, ref_sql(kind), &s, err));
    bind_blob(s, 1, id.bytes, ROW_ID_BYTES);
    TRY(db_step(&store->db, s, ret_found, err));
    sqlite3_reset(s);
    if (*ret_found) {
        *ret_id = id;
    }
    return ERR_OK;
}

enum err_code query_find(struct store *store, uint32_t kind, const char *ref, struct row_id *ret_id, struct error *err)
{
    bool found;
    TRY(find_by_id(store, kind, ref, ret_id, &found, err));
    if (found) {
        return ERR_OK;
    }
    sqlite3_stmt *s;
    const char *name = kind_by_number(kind)->name;
    TRY(db_statement(&store->db, find_sql(kind), &s, err));
    bind_text(s, 1, ref);
    TRY(db_step(&store->db, s, &found, err));
    if (!found) {
        return FAIL(err, NOT_FOUND, "find %s '%.64s': none has this ref", name, ref);
    }
    struct row_id id;
    (void)column_fixed(s, 0, id.bytes, ROW_ID_BYTES);
    TRY(db_step(&store->db, s, &found, err));
    sqlite3_reset(s);
    if (found) {
        return FAIL(err, CONFLICT, "find %s '%.64s': there are two; use its 32-digit id", name, ref);
    }
    *ret_id = id;
    return ERR_OK;
}
