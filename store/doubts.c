#include "store/doubts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/fold_parts.h"
#include "store/read.h"

/* ---- what a doubt needs, in words ---- */

static const struct doubt_want wants[] = {
    { "no_review", 1,
      "no named person has reviewed this session, answered the good-reason questions and found that a doubt is right, "
      "before it was confirmed" },
    { "reviewed_again", 1, "a later review of this session came to something else" },
    { "no_contact", 1,
      "no attempt to reach the person about this session, made since its day, was recorded before it was confirmed" },
    { "contact_unconfirmed", 1,
      "the attempts to reach the person are under another record, and nobody else at another machine has confirmed "
      "that both records are of one person: have the merge confirmed, or record the attempt under this one" },
    { "raised_already", 0, "a doubt about this session was raised before, or the Jobcentre has decided one" },
    { "unrecorded", 2, "nobody recorded how the session went: that is the host's gap and never the person's failure" },
    { "disputed", 2, "the records of the session contradict each other" },
    { "excused", 2, "the session is excused" },
    { "not_absent", 2, "the session is not recorded as an absence without notice" },
    { "said_early", 2,
      "the absence was recorded before the session began, when nobody could know: have it recorded how it went" },
    { "excused_then", 2,
      "when the session began it was on record that they were excused, had said that they could not come, or that the "
      "host was closed (or nobody knows any more what was): what is recorded afterwards takes that from nobody" },
    { "not_expected", 2, "nobody was expected then by the agreed pattern" },
    { "on_break", 2, "the session is in a break that was agreed" },
    { "referral_not_in_force", 2,
      "the referral was declined, paused, withdrawn, over or not begun on that day: give the placement its last day, "
      "or "
      "a break" },
    { "beyond_limit", 2,
      "by that day the person's mandatory placements had lasted as long as the programme allows altogether: nothing "
      "more can be required of them" },
    { "break_undone", 2,
      "the session was in a break that was agreed, and was taken out of it when the day had begun: that speaks for the "
      "days after it alone" },
    { "referral_back_late", 2,
      "the referral was on record as declined, paused, withdrawn, over or not begun on that day, and was put in force "
      "again when the day had begun: that counts for the days after it alone" },
    { "other_placement", 2,
      "another placement of this person has them down for the same hours, or had when the day began or since, or says "
      "of them otherwise than that they were away without a reason, or a break of it was agreed: what is put right "
      "there counts for the days after the one on which it is recorded" },
    { "overlaps_jcp", 2, "the session overlaps the Jobcentre's own appointment" },
    { "jcp_undone", 2,
      "the Jobcentre had the person at that time, and said otherwise when the day had begun: they could not know" },
    { "reason_given", 2, "a reason is recorded that is a usual factor of good reason, or an excuse" },
    { "paperwork", 2, "not signing a provider's paperwork is not a failure" },
    { "not_yet", 2, "the session had not ended when the doubt was confirmed" },
    { "no_notice", 2, "no written notice of this placement is named" },
    { "notice_incomplete", 2, "the notice does not say everything that it has to" },
    { "notice_late", 2, "the notice was not served and received before the day" },
    { "terms_changed", 2,
      "the hours or the place agreed for that day were changed, on record, after the notice was served, so it cannot "
      "have said when and where: serve one that does, for the days after it" },
    { "no_placement", 3, "the placement is not known here" },
    { "not_mandatory", 3,
      "the placement or its referral says, or once said, that taking part is voluntary, or it names no referral and "
      "the person has none but voluntary ones: who is sent now needs a new referral and a new placement" },
    { "maybe_voluntary", 3,
      "a record of the placement or its referral was erased, so it cannot be ruled out that it said that taking part "
      "is voluntary: who is sent now needs a new referral and a new placement" },
    { "maybe_not_in_force", 2,
      "a record of what became of the referral was erased, so it cannot be ruled out that it was not in force on that "
      "day: who is sent now needs a new referral and a new placement" },
    { "record_erased", 2,
      "something that was recorded about the person and bears on this (a break, another placement, an appointment, a "
      "decision, a doubt "
      "about that day that the Jobcentre decided, a notice, a review, an attempt to reach them) was erased, so it "
      "cannot be ruled out that it spoke for them" },
    { "no_referral", 3,
      "the placement names no referral, and nobody is sent without one: record the one by which they were sent, and "
      "name it ('holdfast placement change')" },
    { "referral_of_another", 3,
      "the referral that the placement names is not here, or is not this person's: end the placement and add one under "
      "their own referral, or have both people's records confirmed to be of one person" },
    { "centre_says_voluntary", 3,
      "the Jobcentre referred this person as voluntary, and never as mandatory; that they were sent is the "
      "organisation's own record alone: ask the Jobcentre for the referral by which they were" },
    { "as_volunteer", 3,
      "this person is entered here as one of the charity's own volunteers at those hours, and nobody is sent to what "
      "they give: move the shift, or put the entry right, first (this is known on this machine alone)" },
    { "person_contested", 3,
      "another record says that this placement is somebody else's, so it does not show who stayed away: end it and add "
      "one for each of them, or have both people's records confirmed to be of one person" },
    { "exposure_unfounded", 4, "the exposure rests on no decision of the Jobcentre that stands" },
    { "exposure_unconfirmed", 4,
      "the exposure rests on a decision about another record, and nobody else at another machine has confirmed that "
      "both records are of one person" },
    { "pack_not_held", 4, "the programme pack by which it was raised is not here" },
    { "pack_not_in_force", 4,
      "it names a programme pack that was not in force on the day on which it was confirmed: withdraw it, and raise it "
      "by the one that is" },
    { "exposure_without_decision", 4, "the exposure is longer than the Jobcentre's decisions allow" },
};

const struct doubt_want *doubt_want_find(const char *code)
{
    for (size_t i = 0; i < ARRAY_LEN(wants); i++) {
        if (strcmp(wants[i].code, code) == 0) {
            return &wants[i];
        }
    }
    return NULL;
}

const struct doubt_want *doubt_want_at(size_t index)
{
    return index < ARRAY_LEN(wants) ? &wants[index] : NULL;
}

/* ---- reading ---- */

#define DOUBT_COLUMNS                                                                                                  \
    "SELECT d.id, d.placement, p.participant, d.review, d.notice, d.earlier_decision, d.decision, p.ref, q.ref, "      \
    "d.day, d.slot, d.reviewer, d.exposure_weeks, d.answers, d.evidence, d.note, d.said_by, d.said_at, d.status, "     \
    "d.wants, d.status_on, d.status_by, d.status_reason, d.received_on, e.outcome, e.weeks, e.note, "                  \
    "d.programme, d.programme_version, d.programme_sha256 "                                                            \
    "FROM compliance_doubt d LEFT JOIN placement p ON p.id = d.placement "                                             \
    "LEFT JOIN participant q ON q.id = p.participant LEFT JOIN decision e ON e.id = d.decision "

static void read_doubt(sqlite3_stmt *s, void *out)
{
    struct doubt_row *row = out;
    *row = (struct doubt_row){ .day = (int32_t)column_int(s, 9),
                               .slot = (int)column_int(s, 10),
                               .exposure_weeks = (int)column_int_or(s, 12, ROW_NONE),
                               .said_at_ms = column_int(s, 17),
                               .status_on = (int32_t)column_int_or(s, 20, ROW_NONE),
                               .received_on = (int32_t)column_int_or(s, 23, ROW_NONE),
                               .weeks = (int)column_int_or(s, 25, ROW_NONE) };
    struct row_id *ids[] = { &row->id,     &row->placement,        &row->participant, &row->review,
                             &row->notice, &row->earlier_decision, &row->decision };
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        (void)column_fixed(s, (int)i, ids[i]->bytes, ROW_ID_BYTES);
    }
    column_text(s, 7, row->placement_ref, sizeof(row->placement_ref));
    column_text(s, 8, row->participant_ref, sizeof(row->participant_ref));
    column_text(s, 11, row->reviewer, sizeof(row->reviewer));
    column_text(s, 13, row->answers, sizeof(row->answers));
    column_text(s, 14, row->evidence, sizeof(row->evidence));
    column_text(s, 15, row->note, sizeof(row->note));
    column_text(s, 16, row->said_by, sizeof(row->said_by));
    column_text(s, 18, row->status, sizeof(row->status));
    column_text(s, 19, row->wants, sizeof(row->wants));
    column_text(s, 21, row->status_by, sizeof(row->status_by));
    column_text(s, 22, row->status_reason, sizeof(row->status_reason));
    column_text(s, 24, row->outcome, sizeof(row->outcome));
    column_text(s, 26, row->decision_note, sizeof(row->decision_note));
    column_text(s, 27, row->programme, sizeof(row->programme));
    row->programme_version = (int)column_int_or(s, 28, ROW_NONE);
    column_text(s, 29, row->programme_sha256, sizeof(row->programme_sha256));
}

void doubt_list_fini(struct doubt_list *list)
{
    free(list->rows);
    *list = (struct doubt_list){ 0 };
}

static enum err_code collect(struct store *store, sqlite3_stmt *s, size_t limit, struct row_array *rows,
                             void (*read)(sqlite3_stmt *s, void *row), bool *ret_more, struct error *err)
{
    *ret_more = false;
    enum err_code rc = ERR_OK;
    while (rc == ERR_OK) {
        bool row;
        void *out;
        rc = db_step(&store->db, s, &row, err);
        if (rc != ERR_OK || !row) {
            break;
        }
        *ret_more = rows->count == limit;
        if (*ret_more) {
            break;
        }
        rc = row_array_next(rows, &out, err);
        if (rc == ERR_OK) {
            read(s, out);
        }
    }
    sqlite3_reset(s);
    if (rc != ERR_OK) {
        row_array_fini(rows);
    }
    return rc;
}

static enum err_code doubts_statement(struct store *store, bool all, sqlite3_stmt **ret, struct error *err)
{
    TRY(db_statement(&store->db,
                     DOUBT_COLUMNS "WHERE ?1 OR d.status NOT IN ('withdrawn', 'returned') "
                                   "ORDER BY d.day DESC, p.ref, d.slot, d.id",
                     ret, err));
    bind_int(*ret, 1, all);
    return ERR_OK;
}

enum err_code query_doubts_each(struct store *store, row_taker take, void *context, struct error *err)
{
    sqlite3_stmt *s;
    TRY(doubts_statement(store, true, &s, err));
    return rows_each(store, s, sizeof(struct doubt_row), read_doubt, take, context, err);
}

enum err_code query_doubts(struct store *store, bool all, size_t limit, struct doubt_list *ret_list, struct error *err)
{
    sqlite3_stmt *s;
    struct row_array rows = { .size = sizeof(struct doubt_row) };
    bool more;
    TRY(doubts_statement(store, all, &s, err));
    TRY(collect(store, s, limit, &rows, read_doubt, &more, err));
    *ret_list = (struct doubt_list){ .rows = rows.rows, .count = rows.count, .more = more };
    return ERR_OK;
}

enum { DIGITS_MIN = 8 };

/* The one row of a statement whose first parameter is the beginning of an id. */
static enum err_code find_one(struct store *store, sqlite3_stmt *s, const char *what, const char *digits,
                              struct row_array *rows, void (*read)(sqlite3_stmt *s, void *row), struct error *err)
{
    size_t len = strlen(digits);
    bool more;
    if (len < DIGITS_MIN || len > 2 * ROW_ID_BYTES || strspn(digits, "0123456789abcdefABCDEF") != len) {
        return FAIL(err, INVALID, "find the %s: expected %d hexadecimal digits of its id or more", what, DIGITS_MIN);
    }
    bind_text(s, 1, digits);
    TRY(collect(store, s, 2, rows, read, &more, err));
    if (rows->count == 1) {
        return ERR_OK;
    }
    bool none = rows->count == 0;
    row_array_fini(rows);
    return none ? FAIL(err, NOT_FOUND, "find the %s: none has an id that begins so", what)
                : FAIL(err, CONFLICT, "find the %s: several begin so; give more digits", what);
}

enum err_code query_doubt(struct store *store, const char *digits, struct doubt_row *ret_row, struct error *err)
{
    sqlite3_stmt *s;
    struct row_array rows = { .size = sizeof(struct doubt_row) };
    TRY(db_statement(&store->db, DOUBT_COLUMNS "WHERE hex(d.id) LIKE ?1 || '%' ORDER BY d.id LIMIT 2", &s, err));
    TRY(find_one(store, s, "doubt", digits, &rows, read_doubt, err));
    memcpy(ret_row, rows.rows, sizeof(*ret_row));
    row_array_fini(&rows);
    return ERR_OK;
}

/* ---- decisions ---- */

#define DECIDED_COLUMNS                                                                                                \
    "SELECT e.id, e.participant, e.doubt, e.failure_on, e.decided_on, e.outcome, q.ref, e.weeks, e.note "              \
    "FROM decision e LEFT JOIN participant q ON q.id = e.participant "

static void read_decided(sqlite3_stmt *s, void *out)
{
    struct decided_row *row = out;
    *row = (struct decided_row){ .decision = { .failure_on = (int32_t)column_int_or(s, 3, ROW_NONE),
                                               .decided_on = (int32_t)column_int_or(s, 4, ROW_NONE) },
                                 .weeks = (int)column_int_or(s, 7, ROW_NONE) };
    (void)column_fixed(s, 0, row->decision.id.bytes, ROW_ID_BYTES);
    (void)column_fixed(s, 1, row->participant.bytes, ROW_ID_BYTES);
    (void)column_fixed(s, 2, row->doubt.bytes, ROW_ID_BYTES);
    column_text(s, 5, row->decision.outcome, sizeof(row->decision.outcome));
    column_text(s, 6, row->participant_ref, sizeof(row->participant_ref));
    column_text(s, 8, row->note, sizeof(row->note));
}

void decided_list_fini(struct decided_list *list)
{
    free(list->rows);
    *list = (struct decided_list){ 0 };
}

enum err_code query_decisions(struct store *store, size_t limit, struct decided_list *ret_list, struct error *err)
{
    sqlite3_stmt *s;
    struct row_array rows = { .size = sizeof(struct decided_row) };
    bool more;
    TRY(db_statement(&store->db, DECIDED_COLUMNS "ORDER BY e.decided_on DESC, e.id", &s, err));
    TRY(collect(store, s, limit, &rows, read_decided, &more, err));
    *ret_list = (struct decided_list){ .rows = rows.rows, .count = rows.count, .more = more };
    return ERR_OK;
}

enum err_code query_decision(struct store *store, const char *digits, struct decided_row *ret_row, struct error *err)
{
    sqlite3_stmt *s;
    struct row_array rows = { .size = sizeof(struct decided_row) };
    TRY(db_statement(&store->db, DECIDED_COLUMNS "WHERE hex(e.id) LIKE ?1 || '%' ORDER BY e.id LIMIT 2", &s, err));
    TRY(find_one(store, s, "decision", digits, &rows, read_decided, err));
    memcpy(ret_row, rows.rows, sizeof(*ret_row));
    row_array_fini(&rows);
    return ERR_OK;
}

/* ---- what is not raised yet ---- */

static bool is_set(const struct row_id *id)
{
    static const struct row_id none;
    return memcmp(id, &none, sizeof(none)) != 0;
}

static void bind_id(sqlite3_stmt *s, int at, const struct row_id *id)
{
    if (is_set(id)) {
        bind_blob(s, at, id->bytes, ROW_ID_BYTES);
    } else {
        bind_null(s, at);
    }
}

/* Zero bytes: no doubt has this id. */
static const struct row_id plan_id;

static enum err_code put_plan(struct store *store, const struct doubt_plan *plan, struct error *err)
{
    sqlite3_stmt *s;
    int64_t offset_ms;
    TRY(replica_clock_offset(store, &offset_ms, err));
    TRY(db_statement(
        &store->db,
        "INSERT INTO compliance_doubt VALUES (?1, ?2, ?3, ?4, 'plan', ?5, ?6, ?7, ?8, '', 0, '', NULL, "
        "NULL, NULL, NULL, 'plan', ?9, 9223372036854775807, 'suspended', '', NULL, '', '', NULL, NULL, ?10)",
        &s, err));
    bind_blob(s, 1, plan_id.bytes, ROW_ID_BYTES);
    bind_blob(s, 2, plan->placement.bytes, ROW_ID_BYTES);
    bind_int(s, 3, plan->day);
    bind_int(s, 4, plan->slot);
    bind_id(s, 5, &plan->review);
    bind_id(s, 6, &plan->notice);
    bind_int(s, 7, plan->exposure_weeks);
    bind_id(s, 8, &plan->earlier_decision);
    bind_int(s, 9, plan->now_ms);
    bind_int(s, 10, clock_london_minute(plan->now_ms - offset_ms));
    return db_run(&store->db, s, err);
}

/* Who is entered on this machine as one of the charity's own volunteers at those hours; nothing of it goes anywhere. */
static enum err_code gives_hours_then(struct store *store, const struct doubt_plan *plan, bool *ret_gives,
                                      struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "SELECT 1 FROM placement p JOIN session s ON s.placement = p.id AND s.day = ?2 AND s.slot = ?3 "
                     "CROSS JOIN volunteer v ON v.participant IN (" SAME_PERSON(
                         "p.participant") ") "
                                          "CROSS JOIN volunteer_shift h ON h.volunteer = v.id AND h.day = s.day "
                                          "WHERE p.id = ?1 AND (s.starts_min IS NULL OR "
                                          "(h.starts_min < s.ends_min AND h.ends_min > s.starts_min))",
                     &s, err));
    bind_blob(s, 1, plan->placement.bytes, ROW_ID_BYTES);
    bind_int(s, 2, plan->day);
    bind_int(s, 3, plan->slot);
    TRY(db_step(&store->db, s, ret_gives, err));
    sqlite3_reset(s);
    return ERR_OK;
}

static enum err_code try_plan(struct store *store, const struct doubt_plan *plan, char found[DOUBT_WANTS_SIZE],
                              struct error *err)
{
    bool gives;
    TRY(put_plan(store, plan, err));
    TRY(doubt_judge(store, slice_of(plan_id.bytes, ROW_ID_BYTES), found, err));
    TRY(gives_hours_then(store, plan, &gives, err));
    if (gives) {
        size_t len = strlen(found);
        (void)snprintf(found + len, DOUBT_WANTS_SIZE - len, "%sas_volunteer", len > 0 ? "," : "");
    }
    return ERR_OK;
}

enum err_code doubt_try(struct store *store, const struct doubt_plan *plan, char ret_wants[DOUBT_WANTS_SIZE],
                        struct error *err)
{
    char found[DOUBT_WANTS_SIZE] = "";
    TRY(replica_begin(store, err));
    enum err_code rc = try_plan(store, plan, found, err);
    db_rollback(&store->db);
    TRY(rc);
    TRY(replica_reload(store, err));
    memcpy(ret_wants, found, sizeof(found));
    return ERR_OK;
}

static enum err_code find_id(struct store *store, const char *sql, const struct doubt_plan *plan, struct row_id *ret_id,
                             struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    *ret_id = (struct row_id){ 0 };
    TRY(db_statement(&store->db, sql, &s, err));
    bind_blob(s, 1, plan->placement.bytes, ROW_ID_BYTES);
    bind_int(s, 2, plan->day);
    bind_int(s, 3, plan->slot);
    TRY(db_step(&store->db, s, &row, err));
    if (row) {
        (void)column_fixed(s, 0, ret_id->bytes, ROW_ID_BYTES);
        sqlite3_reset(s);
    }
    return ERR_OK;
}

enum err_code doubt_find_review(struct store *store, const struct doubt_plan *plan, struct row_id *ret_review,
                                struct error *err)
{
    return find_id(store,
                   "SELECT id FROM flag_review WHERE placement = ?1 AND day = ?2 AND ifnull(slot, 0) = ?3 "
                   "AND outcome = 'doubt' ORDER BY said_at DESC, id LIMIT 1",
                   plan, ret_review, err);
}

/* Where none is complete and in time, the one that comes nearest, so that what lacks can be said. */
enum err_code doubt_find_notice(struct store *store, const struct doubt_plan *plan, struct row_id *ret_notice,
                                struct error *err)
{
    return find_id(
        store,
        "WITH n AS (SELECT id, deemed_received_on AS received, ifnull(deemed_received_on < ?2, 0) AS early, "
        "ifnull(says_what, 0) + ifnull(says_when, 0) + ifnull(says_where, 0) + ifnull(says_mandatory, 0) + "
        "ifnull(says_evidence, 0) + ifnull(says_consequences, 0) AS said FROM notice WHERE placement = ?1 "
        "AND ?3 IS NOT NULL) "
        "SELECT id FROM n ORDER BY early * (said = 6) DESC, early DESC, said DESC, received DESC, id LIMIT 1",
        plan, ret_notice, err);
}
