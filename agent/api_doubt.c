/* Compliance doubts: where each stands, and what one about a session would need and lead to. */
#include <stdio.h>
#include <string.h>

#include "agent/api_doubts.h"
#include "agent/record_json.h"
#include "agent/rules/exposure.h"
#include "agent/sight.h"

#define DOUBTS_LIMIT 1000
#define CONTACTS_MAX 100
#define DAY_MS (24 * 60 * 60 * (int64_t)1000)

/* ---- values ---- */

json_t *wants_value(const char *wants)
{
    json_t *list = json_array();
    for (const char *at = wants; *at != '\0';) {
        char code[ROW_CODE_SIZE] = "";
        size_t len = strcspn(at, ",");
        memcpy(code, at, len < sizeof(code) ? len : sizeof(code) - 1);
        const struct doubt_want *want = doubt_want_find(code);
        (void)json_array_append_new(list,
                                    json_pack("{s:s,s:i,s:s}", "code", code, "rail", want == NULL ? 0 : want->rail,
                                              "text", want == NULL ? "" : want->text));
        at += len + (at[len] == ',');
    }
    return list;
}

static json_t *jcp_value(const struct doubt_row *row)
{
    static const struct row_id none;
    if (memcmp(&row->decision, &none, sizeof(none)) == 0) {
        return json_null();
    }
    return json_pack("{s:o,s:o,s:o,s:o,s:o}", "id", value_id_or_null(&row->decision), "outcome",
                     value_text(row->outcome), "decided_on", value_day(row->status_on), "weeks", value_int(row->weeks),
                     "note", value_text(row->decision_note));
}

static json_t *programme_value(const struct doubt_row *row)
{
    return json_pack("{s:o,s:o,s:o}", "name", value_text(row->programme), "version", value_int(row->programme_version),
                     "sha256", value_text(row->programme_sha256));
}

json_t *doubt_value(const struct doubt_row *row, bool whole)
{
    char session[SESSION_NAME_SIZE];
    session_name_format(row->placement_ref, row->day, row->slot, session);
    json_t *value =
        json_pack("{s:o,s:s,s:o,s:o,s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "id",
                  value_id(row->id.bytes, ROW_ID_BYTES), "session", session, "placement",
                  value_id(row->placement.bytes, ROW_ID_BYTES), "participant_ref", value_text(row->participant_ref),
                  "reviewer", row->reviewer, "status", row->status, "wants", wants_value(row->wants), "exposure_weeks",
                  value_int(row->exposure_weeks), "raised_by", value_text(row->said_by), "raised_at",
                  value_instant(row->said_at_ms), "received_on", value_day(row->received_on), "status_on",
                  value_day(row->status_on), "status_by", value_text(row->status_by), "decision", jcp_value(row));
    if (value != NULL && whole) {
        (void)json_object_set_new(value, "status_reason", value_text(row->status_reason));
        (void)json_object_set_new(value, "review", value_id_or_null(&row->review));
        (void)json_object_set_new(value, "notice", value_id_or_null(&row->notice));
        (void)json_object_set_new(value, "earlier_decision", value_id_or_null(&row->earlier_decision));
        (void)json_object_set_new(value, "answers",
                                  value_text(sight_text(KIND_COMPLIANCE_DOUBT, "answers",
                                                        slice_of(row->id.bytes, ROW_ID_BYTES), row->answers)));
        (void)json_object_set_new(value, "evidence", value_text(row->evidence));
        (void)json_object_set_new(value, "programme", programme_value(row));
        (void)json_object_set_new(
            value, "note",
            value_text(sight_text(KIND_COMPLIANCE_DOUBT, "note", slice_of(row->id.bytes, ROW_ID_BYTES), row->note)));
    }
    return value;
}

/* ---- lists ---- */

enum err_code api_doubts(struct api_call *call, struct error *err)
{
    bool all;
    size_t limit;
    SCOPED(doubt_list_fini) struct doubt_list list = { 0 };
    TRY(query_switch(call, "all", &all, err));
    TRY(query_number(call, "limit", DOUBTS_LIMIT, QUERY_LIMIT_MAX, &limit, err));
    TRY(query_doubts(call->world->store, all, limit, &list, err));
    TRY(answer_list_begin(call->answer, NULL, "doubts", err));
    for (size_t i = 0; i < list.count; i++) {
        TRY(answer_list_row(call->answer, doubt_value(&list.rows[i], false), err));
    }
    return answer_list_end(call->answer, list.more, err);
}

enum err_code api_doubt(struct api_call *call, struct error *err)
{
    struct doubt_row row;
    TRY(query_doubt(call->world->store, call->tail, &row, err));
    return answer_object(call->answer, json_pack("{s:o}", "doubt", doubt_value(&row, true)), err);
}

/* ---- the preview ---- */

enum err_code doubt_plan_make(const struct api_world *world, const struct session_name *session,
                              struct doubt_plan *ret_plan, struct error *err)
{
    struct doubt_plan plan = {
        .placement = session->placement, .day = session->day, .slot = session->slot, .now_ms = world->now_ms
    };
    struct store_placement_facts facts;
    struct exposure exposure;
    TRY(doubt_find_review(world->store, &plan, &plan.review, err));
    TRY(doubt_find_notice(world->store, &plan, &plan.notice, err));
    TRY(store_placement_facts(world->store, &plan.placement, world->today, &facts, err));
    rules_exposure(world->programme, &facts.facts, plan.day, world->today, &exposure);
    plan.exposure_weeks = exposure.weeks;
    if (exposure.decision != NULL) {
        plan.earlier_decision = exposure.decision->id;
    }
    store_placement_facts_fini(&facts);
    *ret_plan = plan;
    return ERR_OK;
}

static json_t *exposure_value(const struct api_world *world, const struct placement_facts *facts, int32_t day)
{
    const struct programme_rules *rules = programme_rules_of(world->programme);
    struct exposure exposure;
    char rule[400];
    rules_exposure(world->programme, facts, day, world->today, &exposure);
    const struct decision_row *decision = exposure.decision;
    (void)snprintf(
        rule, sizeof(rule),
        "%d weeks for a later failure, more than %d and at most %d days after one that the Jobcentre decided "
        "adversely (%s); else %d weeks (%s). Only the Jobcentre's own decisions count.",
        rules->later_sanction_weeks, rules->repeat_gap_days, rules->repeat_window_days,
        programme_rule_source(world->programme, "repeat_window_days"), rules->first_sanction_weeks,
        programme_rule_source(world->programme, "first_sanction_weeks"));
    return json_pack("{s:i,s:s,s:o}", "weeks", exposure.weeks, "rule", rule, "rests_on",
                     decision == NULL ? json_null()
                                      : json_pack("{s:o,s:o,s:o,s:i}", "id", value_id(decision->id.bytes, ROW_ID_BYTES),
                                                  "failure_on", value_day(decision->failure_on), "decided_on",
                                                  value_day(decision->decided_on), "days_before", exposure.days_after));
}

/* When it was recorded, and by whom, beside the day that it is about (guard rail 7). */
static enum err_code add_recorded(struct store *store, uint32_t kind, const struct row_id *id, json_t *value,
                                  struct error *err)
{
    struct said_since said;
    TRY(query_said_since(store, kind, id, &said, err));
    (void)json_object_set_new(value, "recorded_by", value_text(said.by));
    (void)json_object_set_new(value, "recorded_at", value_instant(said.at_ms));
    return ERR_OK;
}

static enum err_code notice_value(struct store *store, const struct placement_facts *facts, const struct row_id *id,
                                  json_t **ret_notice, struct error *err)
{
    *ret_notice = json_null();
    for (size_t i = 0; i < facts->notice_count; i++) {
        const struct notice_row *notice = &facts->notices[i];
        if (memcmp(&notice->id, id, sizeof(*id)) == 0) {
            *ret_notice = json_pack(
                "{s:o,s:o,s:o,s:b,s:b,s:b,s:b,s:b,s:b,s:b}", "id", value_id(id->bytes, ROW_ID_BYTES), "served_on",
                value_day(notice->served_on), "received_on", value_day(notice->received_on), "posted", notice->posted,
                "what", notice->says_what, "when", notice->says_when, "where", notice->says_where, "mandatory",
                notice->says_mandatory, "evidence", notice->says_evidence, "consequences", notice->says_consequences);
            return add_recorded(store, KIND_NOTICE, id, *ret_notice, err);
        }
    }
    return ERR_OK;
}

static bool counts(struct record *record, const struct id_list *sure, int32_t day, int64_t now_ms)
{
    const struct value *whom = record_value(record, "participant");
    const struct value *about = record_value(record, "about_day");
    const struct value *on = record_value(record, "day");
    return whom->present && id_list_has(sure, whom->text.data) && (!about->present || about->number == day) &&
           on->present && on->number >= day && on->number <= now_ms / DAY_MS + 1;
}

/* Those that the guard rail counts: of records that are surely the person's, about this session or about none, and made
 * from its day on. */
static enum err_code contacts_value(const struct api_world *world, const struct row_id *participant, int32_t day,
                                    json_t **ret_contacts, struct error *err)
{
    SCOPED(record_list_fini) struct record_list list = { 0 };
    TRY(query_records(world->store, kind_by_number(KIND_CONTACT_ATTEMPT), "participant", participant, QUERY_LIMIT_MAX,
                      &list, err));
    SCOPED(id_list_fini) struct id_list sure = { 0 };
    TRY(query_surely_same_person(world->store, participant, &sure, err));
    json_t *contacts = json_array();
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < list.count && json_array_size(contacts) < CONTACTS_MAX; i++) {
        struct record_row *row = &list.rows[i];
        if (counts(&row->record, &sure, day, world->now_ms)) {
            json_t *contact = json_pack("{s:o,s:o,s:o}", "id", value_id(row->id.bytes, ROW_ID_BYTES), "fields",
                                        record_to_json(&row->record, slice_of(row->id.bytes, ROW_ID_BYTES)), "said_by",
                                        value_text(row->said_by));
            (void)json_array_append_new(contacts, contact);
            rc = add_recorded(world->store, KIND_CONTACT_ATTEMPT, &row->id, contact, err);
        }
    }
    if (rc != ERR_OK) {
        json_decref(contacts);
        return rc;
    }
    *ret_contacts = contacts;
    return ERR_OK;
}

/* What a preview shows beside what lacks. */
struct shown {
    json_t *notice;
    json_t *contacts;
    json_t *reviews;
    json_t *looks;
};

static enum err_code show(const struct api_world *world, const struct doubt_plan *plan, const struct roll_row *roll,
                          const struct placement_facts *facts, struct shown *shown, struct error *err)
{
    const struct row_id *participant = &facts->placement.participant;
    TRY(notice_value(world->store, facts, &plan->notice, &shown->notice, err));
    TRY(reviews_of_session(world->store, &plan->placement, plan->day, plan->slot, &shown->reviews, err));
    TRY(contacts_value(world, participant, plan->day, &shown->contacts, err));
    struct doubt_looking at = { plan, &roll->session, participant, shown->contacts, facts };
    return doubt_second_look(world->store, &at, &shown->looks, err);
}

static enum err_code preview(struct api_call *call, const struct session_name *name, const struct roll_row *roll,
                             const struct placement_facts *facts, struct error *err)
{
    const struct api_world *world = call->world;
    struct doubt_plan plan;
    char wants[DOUBT_WANTS_SIZE];
    struct shown shown = { 0 };
    TRY(doubt_plan_make(world, name, &plan, err));
    TRY(doubt_try(world->store, &plan, wants, err));
    enum err_code rc = show(world, &plan, roll, facts, &shown, err);
    if (rc != ERR_OK) {
        json_decref(shown.notice);
        json_decref(shown.reviews);
        json_decref(shown.contacts);
        return rc;
    }
    return answer_object(call->answer,
                         json_pack("{s:o,s:b,s:o,s:o,s:o,s:o,s:o,s:o}", "session", session_value(roll), "ready",
                                   wants[0] == '\0', "missing", wants_value(wants), "second_look", shown.looks,
                                   "exposure", exposure_value(world, facts, plan.day), "notice", shown.notice,
                                   "contacts", shown.contacts, "reviews", shown.reviews),
                         err);
}

enum err_code api_doubt_preview(struct api_call *call, struct error *err)
{
    struct store *store = call->world->store;
    const char *text = query_text(call, "session");
    struct session_name name;
    struct roll_row roll;
    struct store_placement_facts facts;
    if (text == NULL) {
        return FAIL(err, INVALID, "read argument 'session': expected a session, such as GDN-P014@2026-11-20");
    }
    TRY(session_name_find(store, text, &name, err));
    TRY(query_roll_session(store, &name.placement, name.day, name.slot, &roll, err));
    TRY(store_placement_facts(store, &name.placement, call->world->today, &facts, err));
    enum err_code rc = preview(call, &name, &roll, &facts.facts, err);
    store_placement_facts_fini(&facts);
    return rc;
}
