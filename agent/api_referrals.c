/* Referrals: what waits for an answer, and the answers. Declining as a matter of policy is a first-class one. */
#include <string.h>

#include "agent/api_handlers.h"
#include "agent/record_json.h"
#include "agent/roles.h"
#include "agent/rules/moves.h"
#include "agent/sight.h"

#define REFERRALS_LIMIT 1000

static json_t *referral_value(const struct referral_row *row)
{
    return json_pack("{s:o,s:s,s:o,s:o,s:o,s:s,s:s,s:s,s:o,s:o,s:o,s:o,s:b,s:o}", "id",
                     value_id(row->id.bytes, ROW_ID_BYTES), "ref", row->ref, "participant",
                     value_id_or_null(&row->participant), "participant_ref", value_text(row->participant_ref),
                     "participant_name", value_text(sight_name(row->participant_name)), "route", row->route, "basis",
                     basis_name(row->basis), "status", row->status, "source", value_text(row->source), "received_on",
                     value_day(row->received_on), "status_on", value_day(row->status_on), "weekly_minutes",
                     value_int(row->weekly_minutes), "from_centre", row->from_centre, "note",
                     value_text(sight_text(KIND_REFERRAL, "note", slice_of(row->id.bytes, ROW_ID_BYTES), row->note)));
}

enum err_code api_referrals(struct api_call *call, struct error *err)
{
    size_t limit;
    bool labels;
    TRY(labels_asked(call, &labels, err));
    TRY(query_number(call, "limit", REFERRALS_LIMIT, QUERY_LIMIT_MAX, &limit, err));
    SCOPED(referral_list_fini) struct referral_list list = { 0 };
    TRY(query_referrals(call->world->store, query_text(call, "status"), limit, &list, err));
    TRY(answer_list_begin(call->answer, NULL, "referrals", err));
    for (size_t i = 0; i < list.count; i++) {
        json_t *row = referral_value(&list.rows[i]);
        TRY(answer_list_row(call->answer, row_labelled(call, labels, "referral", row), err));
    }
    return answer_list_end(call->answer, list.more, err);
}

/* ---- one referral ---- */

static enum err_code event_value(struct store *store, const struct row_id *referral,
                                 const struct referral_event_row *row, json_t **ret_value, struct error *err)
{
    char decision[ROW_REF_SIZE];
    char opportunity[ROW_REF_SIZE];
    TRY(query_ref(store, KIND_POLICY_DECISION, &row->policy_decision, decision, err));
    TRY(query_ref(store, KIND_OPPORTUNITY, &row->opportunity, opportunity, err));
    *ret_value = json_pack(
        "{s:o,s:s,s:o,s:o,s:o,s:b,s:o,s:o,s:o,s:o}", "op", value_op(&row->op), "status", row->status, "on",
        value_day(row->on), "reason", value_text(row->reason), "note",
        value_text(sight_text(KIND_REFERRAL_EVENT, "note", slice_of(referral->bytes, ROW_ID_BYTES), row->note)),
        "policy", row->policy, "policy_decision", value_text(decision), "opportunity",
        value_text(sight_agreed_place(referral, opportunity)), "actor", value_text(row->actor), "recorded_at",
        value_instant(row->recorded_at_ms));
    return ERR_OK;
}

/* For somebody who may not answer, nothing is. */
static enum err_code possible_value(const struct api_world *world, const struct referral_row *row, json_t **ret_words,
                                    struct error *err)
{
    const struct referral_answer *answer;
    struct referral_event_row centre;
    bool out;
    bool may = roles_allow(world->roles, "POST", "/v1/referrals/REF/EVENT");
    TRY(query_put_out_by_centre(world->store, &row->id, world->today, &centre, &out, err));
    *ret_words = json_array();
    for (size_t i = 0; may && (answer = referral_answer_at(i)) != NULL; i++) {
        bool stands = answer->status != NULL && strcmp(answer->status, row->status) == 0;
        if (referral_may(row->status, answer) && !stands && !(out && referral_puts_in_force(answer))) {
            (void)json_array_append_new(*ret_words, json_string(answer->word));
        }
    }
    return ERR_OK;
}

/* That the route is wrong, and complaints; what was said in confidence stays with the record. */
static enum err_code redress_value(struct store *store, const struct row_id *referral, json_t **ret_list,
                                   struct error *err)
{
    static const char *const shown[] = { "form", "made_on", "outcome", "outcome_on" };
    SCOPED(record_list_fini) struct record_list list = { 0 };
    TRY(query_records(store, kind_by_number(KIND_REDRESS), "referral", referral, QUERY_LIMIT_MAX, &list, err));
    json_t *redress = json_array();
    for (size_t i = 0; i < list.count; i++) {
        json_t *fields = record_to_json(&list.rows[i].record, slice_of(list.rows[i].id.bytes, ROW_ID_BYTES));
        json_t *one = json_pack("{s:o}", "id", value_id(list.rows[i].id.bytes, ROW_ID_BYTES));
        for (size_t k = 0; k < ARRAY_LEN(shown); k++) {
            json_t *value = json_object_get(fields, shown[k]);
            (void)json_object_set_new(one, shown[k], value == NULL ? json_null() : json_incref(value));
        }
        json_decref(fields);
        (void)json_array_append_new(redress, one);
    }
    *ret_list = redress;
    return ERR_OK;
}

/* What the person needs and must not be asked; withheld from whom it does not concern. */
static enum err_code add_needs(struct store *store, const struct row_id *referral, json_t *value, struct error *err)
{
    static const char *const shown[] = { "needs", "restrictions" };
    SCOPED(record_list_fini) struct record_list list = { 0 };
    TRY(query_record(store, kind_by_number(KIND_REFERRAL), referral, &list, err));
    json_t *fields = record_to_json(&list.rows[0].record, slice_of(referral->bytes, ROW_ID_BYTES));
    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        json_t *text = json_object_get(fields, shown[i]);
        (void)json_object_set_new(value, shown[i], text == NULL ? json_null() : json_incref(text));
    }
    json_decref(fields);
    return ERR_OK;
}

enum err_code api_referral(struct api_call *call, struct error *err)
{
    struct store *store = call->world->store;
    struct row_id id;
    struct referral_row row;
    SCOPED(referral_event_list_fini) struct referral_event_list events = { 0 };
    TRY(query_find(store, KIND_REFERRAL, call->tail, &id, err));
    TRY(query_referral(store, &id, &row, err));
    TRY(query_referral_events(store, &id, &events, err));
    json_t *list = json_array();
    for (size_t i = 0; i < events.count; i++) {
        json_t *event = NULL;
        enum err_code rc = event_value(store, &id, &events.rows[i], &event, err);
        if (rc != ERR_OK) {
            json_decref(list);
            return rc;
        }
        (void)json_array_append_new(list, event);
    }
    json_t *redress = NULL;
    json_t *possible = NULL;
    json_t *referral = referral_value(&row);
    enum err_code rc = add_needs(store, &id, referral, err);
    if (rc == ERR_OK) {
        rc = possible_value(call->world, &row, &possible, err);
    }
    if (rc == ERR_OK) {
        rc = redress_value(store, &id, &redress, err);
    }
    if (rc != ERR_OK) {
        json_decref(list);
        json_decref(possible);
        json_decref(referral);
        return rc;
    }
    return answer_object(
        call->answer,
        json_pack("{s:o,s:o,s:o,s:o}", "referral", referral, "possible", possible, "events", list, "redress", redress),
        err);
}

/* ---- answering ---- */

/* "R-1002/accept": the part before the last '/' names the referral. */
static enum err_code tail_read(const char *tail, char ref[ROW_REF_SIZE], const struct referral_answer **ret_answer,
                               struct error *err)
{
    const char *slash = strrchr(tail, '/');
    size_t len = slash != NULL ? (size_t)(slash - tail) : 0;
    if (len < 1 || len >= ROW_REF_SIZE) {
        return FAIL(err, NOT_FOUND, "find the path: expected /v1/referrals/REF/EVENT");
    }
    *ret_answer = referral_answer_find(slash + 1);
    if (*ret_answer == NULL) {
        return FAIL(err, NOT_FOUND,
                    "find the path: expected acknowledge, accept, decline, pause, resume, start, did_not_start, "
                    "withdraw, complete or end_early at its end");
    }
    memcpy(ref, tail, len);
    ref[len] = '\0';
    return ERR_OK;
}

/* The status that the event gets; of resume the one before. What the centre put out of force the store refuses, and
 * says why. */
static enum err_code move_find(struct store *store, const struct referral_row *row,
                               const struct referral_answer *answer, int32_t on, char status[ROW_CODE_SIZE],
                               struct error *err)
{
    struct referral_event_row centre;
    bool out;
    TRY(query_put_out_by_centre(store, &row->id, on, &centre, &out, err));
    if (!referral_may(row->status, answer) && !(out && referral_puts_in_force(answer))) {
        char possible[REFERRAL_WORDS_SIZE];
        referral_possible(row->status, out, possible);
        return FAIL(err, REFUSED, "answer the referral with %s: it is %s; possible now: %s", answer->word, row->status,
                    possible);
    }
    if (answer->status != NULL) {
        (void)snprintf(status, ROW_CODE_SIZE, "%s", answer->status);
        return ERR_OK;
    }
    SCOPED(referral_event_list_fini) struct referral_event_list events = { 0 };
    TRY(query_referral_events(store, &row->id, &events, err));
    (void)snprintf(status, ROW_CODE_SIZE, "received");
    for (size_t i = events.count; i > 0; i--) {
        const char *said = events.rows[i - 1].status;
        if (strcmp(said, "paused") != 0 && !referral_closed(said)) {
            (void)snprintf(status, ROW_CODE_SIZE, "%s", said);
            break;
        }
    }
    return ERR_OK;
}

/* What the event names. */
struct event_ids {
    struct row_id decision;
    struct row_id opportunity;
};

static enum err_code name_opportunity(struct store *store, const char *ref, int32_t on, struct record *event,
                                      struct row_id *id, struct error *err)
{
    SCOPED(record_list_fini) struct record_list list = { 0 };
    TRY(query_find(store, KIND_OPPORTUNITY, ref, id, err));
    TRY(query_record(store, kind_by_number(KIND_OPPORTUNITY), id, &list, err));
    const struct value *closed = record_value(&list.rows[0].record, "closed_on");
    if (closed->present && closed->number <= on) {
        char day[DATE_TEXT_SIZE];
        date_format((int32_t)closed->number, day);
        return FAIL(err, REFUSED, "accept the referral: nobody is placed at the opportunity since %s, when it closed",
                    day);
    }
    record_set_id(event, "opportunity", id->bytes);
    return ERR_OK;
}

/* By their days the one that put it out would stand over it, and the referral would stay out of force. */
static bool resumes_too_early(const struct referral_row *row, const struct referral_answer *answer, int32_t on)
{
    return answer->status == NULL && row->status_on != ROW_NONE && on < row->status_on;
}

static enum err_code event_read(const struct api_call *call, const struct referral_row *row,
                                const struct referral_answer *answer, struct record *record, struct event_ids *ids,
                                struct error *err)
{
    static const char *const known[] = { "on", "reason", "note", "policy", "policy_decision", "opportunity", NULL };
    struct members members = members_begin(call->body, known, err);
    int32_t on = call->world->today;
    (void)member_day(&members, "on", false, &on);
    if (on > call->world->today) {
        members_reject(&members, "on", "a day that has come");
    }
    if (row->received_on != ROW_NONE && on < row->received_on) {
        members_reject(&members, "on", "a day from the one on which the referral was received");
    }
    if (resumes_too_early(row, answer, on)) {
        members_reject(&members, "on", "a day from the one since which it is not in force");
    }
    bool declines = strcmp(answer->word, "decline") == 0;
    const char *reason = member_text(&members, "reason", ROW_CODE_SIZE - 1, false);
    const char *decision_ref = member_text(&members, "policy_decision", ROW_REF_SIZE - 1, false);
    bool by_reason = declines && programme_decline_is_policy(call->world->programme, reason);
    bool policy = member_bool(&members, "policy", decision_ref != NULL || by_reason);
    if (by_reason && !policy) {
        members_reject(&members, "policy", "true with this reason, which is a matter of policy");
    }
    if (decision_ref != NULL && !policy) {
        members_reject(&members, "policy_decision", "none without policy");
    }
    if (policy && !declines) {
        members_reject(&members, "policy", "true only with decline");
    }
    const char *opportunity = member_text(&members, "opportunity", ROW_REF_SIZE - 1, false);
    if (opportunity != NULL && strcmp(answer->word, "accept") != 0) {
        members_reject(&members, "opportunity", "one only with accept");
    }
    const char *note = member_text(&members, "note", ROW_NOTE_SIZE - 1, false);
    if (answer->status == NULL && referral_closed(row->status) && note == NULL) {
        members_reject(&members, "note", "why it is taken up again");
    }
    if (declines && reason == NULL && note == NULL && !policy) {
        members_reject(&members, "reason",
                       "why it is declined: a reason (--reason), or words (--note), or that it is a matter of policy "
                       "(--policy), which is a full answer");
    }
    record_init(record, kind_by_number(KIND_REFERRAL_EVENT));
    record_set_number(record, "on", on);
    record_set_text(record, "reason", reason);
    record_set_text(record, "note", note);
    if (policy) {
        record_set_number(record, "policy", 1);
    }
    TRY(members_end(&members));
    if (decision_ref != NULL) {
        TRY(query_find(call->world->store, KIND_POLICY_DECISION, decision_ref, &ids->decision, err));
        record_set_id(record, "policy_decision", ids->decision.bytes);
    }
    return opportunity == NULL ? ERR_OK
                               : name_opportunity(call->world->store, opportunity, on, record, &ids->opportunity, err);
}

/* Placements that go on after the referral does not, and what to do about each. */
static enum err_code add_warnings(const struct api_world *world, const struct referral_row *row, int32_t on,
                                  json_t *warnings, struct error *err)
{
    bool paused = strcmp(row->status, "paused") == 0;
    SCOPED(placement_list_fini) struct placement_list list = { 0 };
    if (!paused && !referral_closed(row->status)) {
        return ERR_OK;
    }
    TRY(query_placements_of(world->store, &row->id, QUERY_LIMIT_MAX, &list, err));
    for (size_t i = 0; i < list.count; i++) {
        const struct placement_row *placement = &list.rows[i];
        if (placement->ends_on >= on && placement->ends_on != ROW_NONE) {
            char day[DATE_TEXT_SIZE];
            date_format(placement->ends_on, day);
            (void)json_array_append_new(
                warnings, json_sprintf(paused ? "placement %s goes on until %s; nobody is expected while the referral "
                                                "is paused, and a break says so to everybody"
                                              : "placement %s goes on until %s; nobody is expected after this; give it "
                                                "its last day",
                                       placement->ref, day));
        }
    }
    return ERR_OK;
}

enum err_code api_referral_event(struct api_call *call, struct error *err)
{
    const struct api_world *world = call->world;
    char ref[ROW_REF_SIZE];
    char status[ROW_CODE_SIZE];
    const struct referral_answer *answer = NULL;
    struct row_id id;
    struct referral_row row;
    TRY(tail_read(call->tail, ref, &answer, err));
    TRY(query_find(world->store, KIND_REFERRAL, ref, &id, err));
    TRY(query_referral(world->store, &id, &row, err));
    struct store_entry entry = { .kind = KIND_REFERRAL_EVENT, .happened_at_ms = OP_TIME_NONE };
    struct event_ids ids;
    TRY(event_read(call, &row, answer, &entry.record, &ids, err));
    TRY(move_find(world->store, &row, answer, (int32_t)record_value(&entry.record, "on")->number, status, err));
    record_set_text(&entry.record, "status", status);
    memcpy(entry.subject, id.bytes, ROW_ID_BYTES);
    struct store_written written;
    TRY(store_write(world->store, world->actor, &entry, 1, world->now_ms, &written, err));
    call->answer->wrote = written.added > 0;
    TRY(query_referral(world->store, &id, &row, err));
    struct error why;
    json_t *possible = NULL;
    TRY(possible_value(world, &row, &possible, err));
    json_t *warnings = reason_warnings(call->world, strcmp(status, "declined") == 0 ? LABEL_DECLINE : LABEL_REASON,
                                       json_string_value(json_object_get(call->body, "reason")));
    if (add_warnings(world, &row, (int32_t)record_value(&entry.record, "on")->number, warnings, &why) != ERR_OK) {
        (void)json_array_append_new(
            warnings, json_string("could not look at the placements; look whether one goes on. This is recorded"));
    }
    return answer_object(call->answer,
                         json_pack("{s:i,s:o,s:o,s:o,s:o}", "added", (int)written.added, "op",
                                   written.added > 0 ? value_op(&written.last) : json_null(), "referral",
                                   referral_value(&row), "possible", possible, "warnings", warnings),
                         err);
}
