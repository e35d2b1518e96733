/* Raising a doubt, the one way to JCP, and taking it back. */
#include <string.h>

#include "agent/api_doubts.h"

/* ---- raising ---- */

struct raising {
    const char *session;
    const char *reviewer;
    const char *evidence;
    const char *note;
    int64_t exposure_weeks;
};

static enum err_code read_raising(struct api_call *call, struct raising *raising, struct error *err)
{
    static const char *const known[] = {
        "session", "reviewer", "evidence", "exposure_weeks", "confirmed", "note", NULL
    };
    struct members members = members_begin(call->body, known, err);
    raising->session = member_text(&members, "session", SESSION_NAME_SIZE - 1, true);
    raising->reviewer = member_text(&members, "reviewer", ROW_NAME_SIZE - 1, true);
    raising->evidence = member_text(&members, "evidence", DOUBT_EVIDENCE_SIZE - 1, true);
    raising->note = member_text(&members, "note", ROW_NOTE_SIZE - 1, false);
    (void)member_int(&members, "exposure_weeks", 0, 520, true, &raising->exposure_weeks);
    bool confirmed = member_bool(&members, "confirmed", false);
    TRY(members_end(&members));
    if (!confirmed) {
        return FAIL(
            err, REFUSED,
            "raise a doubt: nothing is sent until the reviewer confirms it: this may stop somebody's benefit for "
            "weeks");
    }
    return ERR_OK;
}

/* Every reason at once: a person puts things right in one go. */
static enum err_code refuse(const char *wants, struct error *err)
{
    SCOPED(buf_fini) struct buf text;
    buf_init(&text, sizeof(err->message) - 1);
    for (const char *at = wants; *at != '\0';) {
        char code[ROW_CODE_SIZE] = "";
        size_t len = strcspn(at, ",");
        memcpy(code, at, len < sizeof(code) ? len : sizeof(code) - 1);
        const struct doubt_want *want = doubt_want_find(code);
        (void)!buf_append_format(&text, NULL, "%s%s", text.len > 0 ? "; " : "", want == NULL ? code : want->text);
        at += len + (at[len] == ',');
    }
    return FAIL(err, REFUSED, "raise a doubt: %.*s", (int)text.len, text.len > 0 ? (const char *)text.data : "");
}

static enum err_code check_plan(const struct api_world *world, const struct doubt_plan *plan,
                                const struct raising *raising, struct error *err)
{
    char wants[DOUBT_WANTS_SIZE];
    TRY(doubt_try(world->store, plan, wants, err));
    if (wants[0] != '\0') {
        return refuse(wants, err);
    }
    return plan->exposure_weeks == raising->exposure_weeks
               ? ERR_OK
               : FAIL(err, CONFLICT,
                      "raise a doubt: the exposure is %d weeks, not the %lld that were confirmed: look at the preview "
                      "again",
                      plan->exposure_weeks, (long long)raising->exposure_weeks);
}

static bool is_set(const struct row_id *id)
{
    static const struct row_id none;
    return memcmp(id, &none, sizeof(none)) != 0;
}

static void fill_record(struct record *record, const struct programme *programme, const struct doubt_plan *plan,
                        const struct raising *raising)
{
    record_init(record, kind_by_number(KIND_COMPLIANCE_DOUBT));
    record_set_id(record, "placement", plan->placement.bytes);
    record_set_number(record, "day", plan->day);
    record_set_number(record, "slot", plan->slot);
    record_set_text(record, "reviewer", raising->reviewer);
    record_set_id(record, "review", plan->review.bytes);
    record_set_id(record, "notice", plan->notice.bytes);
    record_set_number(record, "exposure_weeks", plan->exposure_weeks);
    if (is_set(&plan->earlier_decision)) {
        record_set_id(record, "earlier_decision", plan->earlier_decision.bytes);
    }
    record_set_number(record, "confirmed", 1);
    record_set_text(record, "evidence", raising->evidence);
    record_set_text(record, "note", raising->note);
    record_set_text(record, "programme", programme_id(programme));
    record_set_number(record, "programme_version", programme_version(programme));
    record_set_text(record, "programme_sha256", programme_sha256(programme));
}

/* With the answers of the review on which it stands. */
static enum err_code write_doubt(struct api_call *call, const struct doubt_plan *plan, const struct raising *raising,
                                 struct error *err)
{
    const struct api_world *world = call->world;
    SCOPED(record_list_fini) struct record_list review = { 0 };
    struct store_entry entry = { .kind = KIND_COMPLIANCE_DOUBT, .happened_at_ms = OP_TIME_NONE };
    struct store_written written;
    char digits[DOUBT_ID_SIZE];
    struct doubt_row row;
    TRY(query_record(world->store, kind_by_number(KIND_FLAG_REVIEW), &plan->review, &review, err));
    fill_record(&entry.record, world->programme, plan, raising);
    *record_value(&entry.record, "answers") = *record_value(&review.rows[0].record, "answers");
    TRY(random_bytes(entry.subject, OP_ENTITY_BYTES, err));
    TRY(store_write(world->store, world->actor, &entry, 1, world->now_ms, &written, err));
    call->answer->wrote = true;
    hex_encode(entry.subject, OP_ENTITY_BYTES, digits);
    TRY(query_doubt(world->store, digits, &row, err));
    return answer_object(call->answer,
                         json_pack("{s:o,s:o}", "op", value_op(&written.last), "doubt", doubt_value(&row, true)), err);
}

enum err_code api_doubt_raise(struct api_call *call, struct error *err)
{
    struct raising raising;
    struct session_name name;
    struct doubt_plan plan;
    TRY(read_raising(call, &raising, err));
    TRY(decider_name(call->world, "raise a doubt", &raising.reviewer, err));
    TRY(session_name_find(call->world->store, raising.session, &name, err));
    TRY(doubt_plan_make(call->world, &name, &plan, err));
    TRY(check_plan(call->world, &plan, &raising, err));
    return write_doubt(call, &plan, &raising, err);
}

/* ---- taking it back ---- */

/* "1f2e3d4c/withdraw" */
static enum err_code tail_read(const char *tail, char digits[DOUBT_ID_SIZE], struct error *err)
{
    size_t len = strcspn(tail, "/");
    if (len == 0 || len >= DOUBT_ID_SIZE || strcmp(tail + len, "/withdraw") != 0) {
        return FAIL(err, NOT_FOUND, "find the path: expected /v1/doubts/ID/withdraw");
    }
    memcpy(digits, tail, len);
    digits[len] = '\0';
    return ERR_OK;
}

static enum err_code write_withdrawal(struct api_call *call, const struct doubt_row *doubt, const char *reason,
                                      const char *note, struct error *err)
{
    const struct api_world *world = call->world;
    struct store_entry entry = { .kind = KIND_DOUBT_EVENT, .happened_at_ms = OP_TIME_NONE };
    struct store_written written;
    memcpy(entry.subject, doubt->id.bytes, ROW_ID_BYTES);
    record_init(&entry.record, kind_by_number(KIND_DOUBT_EVENT));
    record_set_text(&entry.record, "status", "withdrawn");
    record_set_number(&entry.record, "on", world->today);
    record_set_text(&entry.record, "reason", reason);
    record_set_text(&entry.record, "by", world->actor);
    record_set_text(&entry.record, "note", note);
    TRY(store_write(world->store, world->actor, &entry, 1, world->now_ms, &written, err));
    call->answer->wrote = written.added > 0;
    return ERR_OK;
}

enum err_code api_doubt_event(struct api_call *call, struct error *err)
{
    static const char *const known[] = { "reason", "note", NULL };
    struct store *store = call->world->store;
    char digits[DOUBT_ID_SIZE];
    struct doubt_row row;
    struct members members = members_begin(call->body, known, err);
    const char *reason = member_text(&members, "reason", ROW_CODE_SIZE - 1, false);
    const char *note = member_text(&members, "note", ROW_NOTE_SIZE - 1, false);
    TRY(members_end(&members));
    TRY(tail_read(call->tail, digits, err));
    TRY(query_doubt(store, digits, &row, err));
    if (strcmp(row.status, "decided") == 0) {
        return FAIL(err, REFUSED,
                    "withdraw the doubt: the Jobcentre has decided already; what can be done now is to challenge the "
                    "decision");
    }
    if (strcmp(row.status, "withdrawn") != 0) {
        TRY(write_withdrawal(call, &row, reason, note, err));
        hex_encode(row.id.bytes, ROW_ID_BYTES, digits);
        TRY(query_doubt(store, digits, &row, err));
    }
    return answer_object(call->answer, json_pack("{s:o}", "doubt", doubt_value(&row, true)), err);
}
