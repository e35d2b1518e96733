/* The register: who is expected, what was recorded, and both sides of a dispute. */
#include <string.h>

#include "agent/api_handlers.h"
#include "agent/names.h"
#include "agent/sight.h"

#define ROLL_LIMIT 10000
#define ROLL_DAYS_MAX 366
#define MINUTES_MAX (24 * 60)
#define CLOCK_SLACK_MS (5 * 60 * 1000) /* between the clocks of two machines of one person */

static json_t *jcp_value(const struct session_row *session)
{
    if (!session->overlaps_jcp) {
        return json_null();
    }
    return json_pack("{s:o,s:o,s:o}", "purpose", value_text(session->jcp_purpose), "starts",
                     value_time(session->jcp_starts_min), "ends", value_time(session->jcp_ends_min));
}

json_t *session_value(const struct roll_row *row)
{
    const struct session_row *session = &row->session;
    char name[SESSION_NAME_SIZE];
    session_name_format(row->placement_ref, session->day, session->slot, name);
    return json_pack(
        "{s:s,s:o,s:i,s:o,s:s,s:o,s:o,s:s,s:o,s:o,s:b,s:s,s:o,s:b,s:b,s:o,s:o,s:i,s:o}", "session", name, "day",
        value_day(session->day), "slot", session->slot + 1, "placement",
        value_id(session->placement.bytes, ROW_ID_BYTES), "placement_ref", row->placement_ref, "participant_ref",
        value_text(row->participant_ref), "participant_name", value_text(row->participant_name), "basis",
        basis_name(row->basis), "starts", value_time(session->starts_min), "ends", value_time(session->ends_min),
        "expected", session->expected, "standing", standing_name(session->standing), "outcome",
        session->outcome == OUTCOME_NONE ? json_null() : json_string(outcome_name(session->outcome)), "erased",
        session_erased(session), "early", session->early, "minutes", value_int(session->minutes), "reason",
        value_text(sight_attendance("reason", &session->placement, session->day, session->slot, session->reason)),
        "heads", session->heads, "jcp", jcp_value(session));
}

enum err_code api_roll(struct api_call *call, struct error *err)
{
    int32_t from;
    int32_t to;
    size_t limit;
    bool labels;
    TRY(labels_asked(call, &labels, err));
    TRY(query_day(call, "date", call->world->today, &from, err));
    TRY(query_day(call, "to", from, &to, err));
    TRY(query_number(call, "limit", ROLL_LIMIT, QUERY_LIMIT_MAX, &limit, err));
    if (to < from || to - from > ROLL_DAYS_MAX) {
        return FAIL(err, INVALID, "read argument 'to': expected a day not before 'date' and at most %d days after it",
                    ROLL_DAYS_MAX);
    }
    SCOPED(session_list_fini) struct session_list list = { 0 };
    TRY(query_roll(call->world->store, from, to, limit, &list, err));
    TRY(answer_list_begin(call->answer, json_pack("{s:o,s:o}", "date", value_day(from), "to", value_day(to)),
                          "sessions", err));
    for (size_t i = 0; i < list.count; i++) {
        json_t *row = session_value(&list.rows[i]);
        TRY(answer_list_row(call->answer, row_labelled(call, labels, "attendance", row), err));
    }
    return answer_list_end(call->answer, list.more, err);
}

/* ---- one session ---- */

json_t *assertion_value(const struct attendance_row *row)
{
    return json_pack("{s:o,s:b,s:o,s:b,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "op", value_op(&row->op), "head", row->head,
                     "outcome", row->outcome == OUTCOME_NONE ? json_null() : json_string(outcome_name(row->outcome)),
                     "erased", row->outcome == OUTCOME_NONE, "minutes", value_int(row->minutes), "reason",
                     value_text(sight_attendance("reason", &row->placement, row->day, row->slot, row->reason)), "note",
                     value_text(sight_attendance("note", &row->placement, row->day, row->slot, row->note)), "actor",
                     value_text(row->actor), "recorded_at", value_instant(row->recorded_at_ms), "happened_at",
                     value_instant(row->happened_at_ms), "received_at", value_instant(row->received_at_ms));
}

enum err_code api_session(struct api_call *call, struct error *err)
{
    struct store *store = call->world->store;
    struct session_name name;
    bool labels;
    TRY(labels_asked(call, &labels, err));
    TRY(session_name_find(store, call->tail, &name, err));
    struct roll_row row;
    TRY(query_roll_session(store, &name.placement, name.day, name.slot, &row, err));
    SCOPED(attendance_list_fini) struct attendance_list list = { 0 };
    TRY(query_attendance(store, &name.placement, name.day, name.slot, QUERY_LIMIT_MAX, &list, err));
    json_t *session = row_labelled(call, labels, "attendance", session_value(&row));
    TRY(answer_list_begin(call->answer, json_pack("{s:o}", "session", session), "assertions", err));
    for (size_t i = 0; i < list.count; i++) {
        json_t *assertion = row_labelled(call, labels, "attendance", assertion_value(&list.rows[i]));
        TRY(answer_list_row(call->answer, assertion, err));
    }
    return answer_list_end(call->answer, list.more, err);
}

/* ---- recording ---- */

struct assertion {
    struct session_name name;
    enum outcome outcome;
    bool has_minutes;
    int64_t minutes;
    const char *reason;
    const char *note;
    int64_t happened_at_ms;
};

static bool outcome_has_hours(enum outcome outcome)
{
    return outcome == OUTCOME_ATTENDED || outcome == OUTCOME_LATE || outcome == OUTCOME_LEFT_EARLY;
}

/* What no single member shows. */
static enum err_code assertion_check(const struct api_world *world, const struct assertion *assertion,
                                     struct error *err)
{
    if (assertion->name.day > world->today) {
        return FAIL(err, INVALID, "read member 'session': expected a day that has come");
    }
    if (assertion->has_minutes && assertion->minutes > 0 && !outcome_has_hours(assertion->outcome)) {
        return FAIL(err, INVALID, "read member 'minutes': expected none with outcome '%s'",
                    outcome_name(assertion->outcome));
    }
    if (assertion->happened_at_ms != OP_TIME_NONE && assertion->happened_at_ms > world->now_ms + CLOCK_SLACK_MS) {
        return FAIL(err, INVALID, "read member 'happened_at': expected an instant that has passed");
    }
    return ERR_OK;
}

static enum err_code assertion_read(const struct api_call *call, struct assertion *ret_assertion, struct error *err)
{
    static const char *const known[] = { "session", "outcome",     "minutes",      "reason",
                                         "note",    "happened_at", "unknown_code", NULL };
    struct assertion assertion = { .happened_at_ms = OP_TIME_NONE };
    struct members members = members_begin(call->body, known, err);
    const char *session = member_text(&members, "session", SESSION_NAME_SIZE - 1, true);
    const char *outcome = member_text(&members, "outcome", ROW_CODE_SIZE - 1, true);
    if (outcome != NULL && (!outcome_parse(outcome, &assertion.outcome) || assertion.outcome == OUTCOME_NONE)) {
        members_reject(&members, "outcome",
                       "attended, late, left_early, absent_with_notice, absent, host_closed or excused");
    }
    assertion.has_minutes = member_int(&members, "minutes", 0, MINUTES_MAX, false, &assertion.minutes);
    assertion.reason = member_text(&members, "reason", ROW_CODE_SIZE - 1, false);
    assertion.note = member_text(&members, "note", ROW_NOTE_SIZE - 1, false);
    (void)member_instant(&members, "happened_at", &assertion.happened_at_ms);
    bool meant = member_bool(&members, "unknown_code", false);
    TRY(members_end(&members));
    TRY(session_name_find(call->world->store, session, &assertion.name, err));
    TRY(assertion_check(call->world, &assertion, err));
    TRY(reason_check(call->world, assertion.reason, meant, err));
    *ret_assertion = assertion;
    return ERR_OK;
}

enum err_code api_attendance_record(struct api_call *call, struct error *err)
{
    const struct api_world *world = call->world;
    struct assertion assertion;
    TRY(assertion_read(call, &assertion, err));
    struct store_entry entry = { .kind = KIND_ATTENDANCE, .happened_at_ms = assertion.happened_at_ms };
    session_subject(assertion.name.placement.bytes, assertion.name.day, assertion.name.slot, entry.subject);
    record_init(&entry.record, kind_by_number(KIND_ATTENDANCE));
    record_set_number(&entry.record, "outcome", assertion.outcome);
    if (assertion.has_minutes) {
        record_set_number(&entry.record, "minutes", assertion.minutes);
    }
    record_set_text(&entry.record, "reason", assertion.reason);
    record_set_text(&entry.record, "note", assertion.note);
    struct store_written written;
    TRY(store_write(world->store, world->actor, &entry, 1, world->now_ms, &written, err));
    call->answer->wrote = written.added > 0;
    struct roll_row row;
    TRY(query_roll_session(world->store, &assertion.name.placement, assertion.name.day, assertion.name.slot, &row,
                           err));
    return answer_object(call->answer,
                         json_pack("{s:i,s:o,s:o}", "added", (int)written.added, "op",
                                   written.added > 0 ? value_op(&written.last) : json_null(), "session",
                                   session_value(&row)),
                         err);
}
