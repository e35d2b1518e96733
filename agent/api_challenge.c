/* Challenges: what can be done about a decision of JCP, until when, and what was done; and redress of other kinds. */
#include <string.h>

#include "agent/api_doubts.h"
#include "agent/record_json.h"
#include "agent/rules/exposure.h"
#include "agent/sight.h"

#define CHALLENGES_LIMIT 1000
#define ID_DIGITS (2 * ROW_ID_BYTES)
#define PREFIX_DIGITS_MIN 4

static int32_t day_or_none(struct record *record, const char *name)
{
    const struct value *value = record_value(record, name);
    return value->present ? (int32_t)value->number : ROW_NONE;
}

static bool text_is(struct record *record, const char *name, const char *text)
{
    return slice_equal(record_value(record, name)->text, slice_of_text(text));
}

static bool withdrawn(struct record *record)
{
    return text_is(record, "outcome", "withdrawn");
}

/* The newest of each form stands; the list is newest first. One that was withdrawn never was. */
static void take_redress(struct challenge_facts *facts, struct record *record)
{
    int32_t made_on = day_or_none(record, "made_on");
    int32_t outcome_on = day_or_none(record, "outcome_on");
    if (withdrawn(record)) {
        return;
    }
    if (text_is(record, "form", "mandatory_reconsideration") && facts->asked_on == ROW_NONE) {
        facts->asked_on = made_on;
        facts->answered_on = outcome_on;
        facts->answered_unchanged = text_is(record, "outcome", "unchanged");
    } else if (text_is(record, "form", "appeal") && facts->appealed_on == ROW_NONE) {
        facts->appealed_on = made_on;
        facts->appeal_answered_on = outcome_on;
    }
}

static json_t *redress_value(const struct record_row *row)
{
    return json_pack("{s:o,s:o,s:o,s:o}", "id", value_id(row->id.bytes, ROW_ID_BYTES), "fields",
                     record_to_json(&row->record, slice_of(row->id.bytes, ROW_ID_BYTES)), "said_by",
                     value_text(row->said_by), "said_at", value_instant(row->said_at_ms));
}

/* What can be done about the decision, and what was. */
static enum err_code judge(const struct api_world *world, const struct decided_row *row, struct record_list *ret_list,
                           struct challenge *ret_challenge, struct error *err)
{
    struct challenge_facts facts = { .outcome = row->decision.outcome,
                                     .decided_on = row->decision.decided_on,
                                     .asked_on = ROW_NONE,
                                     .answered_on = ROW_NONE,
                                     .appealed_on = ROW_NONE,
                                     .appeal_answered_on = ROW_NONE };
    TRY(query_records(world->store, kind_by_number(KIND_REDRESS), "decision", &row->decision.id, CHALLENGES_LIMIT,
                      ret_list, err));
    for (size_t i = 0; i < ret_list->count; i++) {
        take_redress(&facts, &ret_list->rows[i].record);
    }
    rules_challenge(world->programme, &facts, world->today, ret_challenge);
    return ERR_OK;
}

enum err_code challenges_due(const struct api_world *world, struct challenges_due *ret_due, struct error *err)
{
    struct challenges_due due = { .first_on = ROW_NONE };
    SCOPED(decided_list_fini) struct decided_list decided = { 0 };
    TRY(query_decisions(world->store, QUERY_LIMIT_MAX, &decided, err));
    for (size_t i = 0; i < decided.count; i++) {
        SCOPED(record_list_fini) struct record_list list = { 0 };
        struct challenge challenge;
        TRY(judge(world, &decided.rows[i], &list, &challenge, err));
        if (challenge.by == ROW_NONE || challenge.late) {
            continue;
        }
        due.open++;
        due.near += challenge.near;
        due.first_on = due.first_on == ROW_NONE || challenge.by < due.first_on ? challenge.by : due.first_on;
    }
    *ret_due = due;
    return ERR_OK;
}

static enum err_code challenge_value(const struct api_world *world, const struct decided_row *row, json_t **ret_value,
                                     struct error *err)
{
    SCOPED(record_list_fini) struct record_list list = { 0 };
    struct challenge challenge;
    TRY(judge(world, row, &list, &challenge, err));
    json_t *redress = json_array();
    for (size_t i = 0; i < list.count; i++) {
        (void)json_array_append_new(redress, redress_value(&list.rows[i]));
    }
    *ret_value = json_pack(
        "{s:{s:o,s:o,s:o,s:o,s:o,s:o,s:o},s:o,s:s,s:o,s:o,s:b,s:b,s:o}", "decision", "id",
        value_id(row->decision.id.bytes, ROW_ID_BYTES), "failure_on", value_day(row->decision.failure_on), "decided_on",
        value_day(row->decision.decided_on), "outcome", value_text(row->decision.outcome), "weeks",
        value_int(row->weeks), "doubt", value_id_or_null(&row->doubt), "note",
        value_text(sight_text(KIND_DECISION, "note", slice_of(row->decision.id.bytes, ROW_ID_BYTES), row->note)),
        "participant_ref", value_text(row->participant_ref), "next", challenge_step_name(challenge.step), "by",
        value_day(challenge.by), "days_left",
        challenge.by == ROW_NONE ? json_null() : json_integer(challenge.by - world->today), "late", challenge.late,
        "near", challenge.near, "redress", redress);
    return ERR_OK;
}

static enum err_code add_ref(struct store *store, const struct record_row *row, uint32_t kind, const char *field,
                             json_t *value, struct error *err)
{
    struct record record = row->record;
    const struct value *named = record_value(&record, field);
    char ref[ROW_REF_SIZE] = "";
    char name[ROW_CODE_SIZE];
    struct row_id id;
    if (named->present && named->text.len == ROW_ID_BYTES) {
        memcpy(id.bytes, named->text.data, ROW_ID_BYTES);
        TRY(query_ref(store, kind, &id, ref, err));
    }
    (void)snprintf(name, sizeof(name), "%s_ref", field);
    (void)json_object_set_new(value, name, value_text(ref));
    return ERR_OK;
}

/* Redress that is about no decision, with whom and what it is about: a route, a complaint. */
static enum err_code others_value(struct store *store, json_t **ret_others, struct error *err)
{
    SCOPED(record_list_fini) struct record_list list = { 0 };
    TRY(query_records(store, kind_by_number(KIND_REDRESS), NULL, NULL, CHALLENGES_LIMIT, &list, err));
    json_t *others = json_array();
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < list.count; i++) {
        if (!record_value(&list.rows[i].record, "decision")->present) {
            json_t *value = redress_value(&list.rows[i]);
            (void)json_array_append_new(others, value);
            rc = add_ref(store, &list.rows[i], KIND_PARTICIPANT, "participant", value, err);
            if (rc == ERR_OK) {
                rc = add_ref(store, &list.rows[i], KIND_REFERRAL, "referral", value, err);
            }
        }
    }
    if (rc != ERR_OK) {
        json_decref(others);
        return rc;
    }
    *ret_others = others;
    return ERR_OK;
}

enum err_code api_challenges(struct api_call *call, struct error *err)
{
    size_t limit;
    json_t *others;
    SCOPED(decided_list_fini) struct decided_list list = { 0 };
    TRY(query_number(call, "limit", CHALLENGES_LIMIT, QUERY_LIMIT_MAX, &limit, err));
    TRY(query_decisions(call->world->store, limit, &list, err));
    TRY(others_value(call->world->store, &others, err));
    TRY(answer_list_begin(call->answer, json_pack("{s:o}", "others", others), "challenges", err));
    for (size_t i = 0; i < list.count; i++) {
        json_t *value = NULL;
        TRY(challenge_value(call->world, &list.rows[i], &value, err));
        TRY(answer_list_row(call->answer, value, err));
    }
    return answer_list_end(call->answer, list.more, err);
}

/* ---- recording ---- */

struct adding {
    const char *form;
    const char *decision;
    const char *participant;
    const char *referral;
    const char *helped_by;
    const char *note;
    int32_t made_on; /* ROW_NONE: not yet */
    bool over;
};

static enum err_code read_adding(struct api_call *call, struct adding *adding, struct error *err)
{
    static const char *const known[] = { "form",      "decision", "participant", "referral", "made_on",
                                         "helped_by", "note",     "over",        NULL };
    struct members members = members_begin(call->body, known, err);
    adding->form = member_text(&members, "form", ROW_CODE_SIZE - 1, true);
    adding->decision = member_text(&members, "decision", ROW_REF_SIZE - 1, false);
    adding->participant = member_text(&members, "participant", ROW_REF_SIZE - 1, false);
    adding->referral = member_text(&members, "referral", ROW_REF_SIZE - 1, false);
    adding->helped_by = member_text(&members, "helped_by", ROW_NAME_SIZE - 1, false);
    adding->note = member_text(&members, "note", ROW_NOTE_SIZE - 1, false);
    adding->over = member_bool(&members, "over", false);
    adding->made_on = ROW_NONE;
    (void)member_day(&members, "made_on", false, &adding->made_on);
    if (adding->made_on != ROW_NONE && adding->made_on > call->world->today) {
        members_reject(&members, "made_on", "a day that has come");
    }
    TRY(members_end(&members));
    bool of_decision = strcmp(adding->form, "mandatory_reconsideration") == 0 || strcmp(adding->form, "appeal") == 0;
    if (of_decision != (adding->decision != NULL) || of_decision == (adding->participant != NULL)) {
        return FAIL(err, INVALID,
                    "record a challenge: expected 'decision' with mandatory_reconsideration and appeal, 'participant' "
                    "with route and complaint");
    }
    return ERR_OK;
}

/* A referral of the person whom the challenge is about, by any of that person's records. */
static enum err_code find_referral(struct store *store, const char *ref, const uint8_t participant[OP_ENTITY_BYTES],
                                   struct row_id *ret_id, struct error *err)
{
    SCOPED(id_list_fini) struct id_list records = { 0 };
    struct referral_row referral;
    struct row_id person;
    memcpy(person.bytes, participant, ROW_ID_BYTES);
    TRY(query_find(store, KIND_REFERRAL, ref, ret_id, err));
    TRY(query_referral(store, ret_id, &referral, err));
    TRY(query_same_person(store, &person, &records, err));
    return id_list_has(&records, referral.participant.bytes)
               ? ERR_OK
               : FAIL(err, INVALID, "record a challenge: the referral '%s' is of another person", ref);
}

/* By its digits, or by the person, where the Jobcentre decided about them once. */
static enum err_code find_decision(struct store *store, const char *text, struct decided_row *ret_row,
                                   struct error *err)
{
    struct error why;
    struct row_id person;
    SCOPED(id_list_fini) struct id_list records = { 0 };
    SCOPED(decided_list_fini) struct decided_list list = { 0 };
    char digits[100] = "";
    size_t count = 0;
    if (query_find(store, KIND_PARTICIPANT, text, &person, &why) != ERR_OK) {
        return query_decision(store, text, ret_row, err);
    }
    TRY(query_same_person(store, &person, &records, err));
    TRY(query_decisions(store, QUERY_LIMIT_MAX, &list, err));
    for (size_t i = 0; i < list.count; i++) {
        char id[DOUBT_ID_SIZE];
        size_t len = strlen(digits);
        if (!id_list_has(&records, list.rows[i].participant.bytes)) {
            continue;
        }
        hex_encode(list.rows[i].decision.id.bytes, ROW_ID_BYTES, id);
        (void)snprintf(digits + len, sizeof(digits) - len, "%s%.8s", count > 0 ? ", " : "", id);
        *ret_row = list.rows[i];
        count++;
    }
    if (count == 0) {
        return FAIL(err, NOT_FOUND, "find the decision: the Jobcentre has decided nothing about '%s'", text);
    }
    return count == 1 ? ERR_OK
                      : FAIL(err, CONFLICT, "find the decision: there are %zu about '%s'; name one by its digits: %s",
                             count, text, digits);
}

static enum err_code fill_adding(const struct api_world *world, const struct adding *adding,
                                 struct decided_row *decided, uint8_t ids[2][OP_ENTITY_BYTES], struct record *record,
                                 struct error *err)
{
    struct row_id id;
    record_init(record, kind_by_number(KIND_REDRESS));
    if (adding->decision != NULL) {
        TRY(find_decision(world->store, adding->decision, decided, err));
        TRY(challenge_day_check(adding->made_on, decided->decision.decided_on, err));
        const struct challenge_made made = { .decision = decided->decision.id, .form = adding->form };
        TRY(challenge_check(world->store, &made, adding->over, err));
        record_set_id(record, "participant", decided->participant.bytes);
        record_set_id(record, "decision", decided->decision.id.bytes);
    } else {
        TRY(query_find(world->store, KIND_PARTICIPANT, adding->participant, &id, err));
        memcpy(ids[0], id.bytes, ROW_ID_BYTES);
        record_set_id(record, "participant", ids[0]);
    }
    if (adding->referral != NULL) {
        TRY(find_referral(world->store, adding->referral,
                          adding->decision != NULL ? decided->participant.bytes : ids[0], &id, err));
        memcpy(ids[1], id.bytes, ROW_ID_BYTES);
        record_set_id(record, "referral", ids[1]);
    }
    record_set_text(record, "form", adding->form);
    record_set_text(record, "helped_by", adding->helped_by);
    record_set_text(record, "note", adding->note);
    if (adding->made_on != ROW_NONE) {
        record_set_number(record, "made_on", adding->made_on);
    }
    return ERR_OK;
}

enum err_code api_challenge_add(struct api_call *call, struct error *err)
{
    const struct api_world *world = call->world;
    struct adding adding;
    struct decided_row decided;
    uint8_t ids[2][OP_ENTITY_BYTES];
    json_t *challenge = NULL;
    struct store_written written;
    struct store_entry entry = { .kind = KIND_REDRESS, .happened_at_ms = OP_TIME_NONE };
    TRY(read_adding(call, &adding, err));
    TRY(fill_adding(world, &adding, &decided, ids, &entry.record, err));
    TRY(random_bytes(entry.subject, OP_ENTITY_BYTES, err));
    TRY(store_write(world->store, world->actor, &entry, 1, world->now_ms, &written, err));
    call->answer->wrote = true;
    if (adding.decision != NULL) {
        TRY(challenge_value(world, &decided, &challenge, err));
    }
    return answer_object(call->answer,
                         json_pack("{s:o,s:o,s:o}", "id", value_id(entry.subject, OP_ENTITY_BYTES), "op",
                                   value_op(&written.last), "challenge", challenge == NULL ? json_null() : challenge),
                         err);
}

/* By the beginning of its id that no other has. */
static enum err_code redress_find(struct store *store, const char *prefix, struct row_id *ret_id, struct error *err)
{
    size_t len = strlen(prefix);
    const struct row_id *found = NULL;
    SCOPED(record_list_fini) struct record_list list = { 0 };
    if (len < PREFIX_DIGITS_MIN || len > ID_DIGITS || strspn(prefix, "0123456789abcdef") != len) {
        return FAIL(err, INVALID, "find the challenge: expected its id, or %d or more of its first digits",
                    PREFIX_DIGITS_MIN);
    }
    TRY(query_records(store, kind_by_number(KIND_REDRESS), NULL, NULL, QUERY_LIMIT_MAX, &list, err));
    for (size_t i = 0; i < list.count; i++) {
        char id[ID_DIGITS + 1];
        hex_encode(list.rows[i].id.bytes, ROW_ID_BYTES, id);
        if (strncmp(id, prefix, len) != 0) {
            continue;
        }
        if (found != NULL) {
            return FAIL(err, CONFLICT, "find the challenge: several begin so; give more digits");
        }
        found = &list.rows[i].id;
    }
    if (found == NULL) {
        return FAIL(err, NOT_FOUND, "find the challenge: none begins so");
    }
    *ret_id = *found;
    return ERR_OK;
}

/* What came of it: POST /v1/challenges/ID. */
enum err_code api_challenge_answer(struct api_call *call, struct error *err)
{
    static const char *const known[] = { "outcome", "outcome_on", "made_on", "note", NULL };
    const struct api_world *world = call->world;
    struct row_id id;
    struct store_written written;
    struct store_entry entry = { .kind = KIND_REDRESS, .happened_at_ms = OP_TIME_NONE };
    int32_t on = world->today;
    int32_t made_on;
    struct members members = members_begin(call->body, known, err);
    const char *outcome = member_text(&members, "outcome", ROW_CODE_SIZE - 1, false);
    const char *note = member_text(&members, "note", ROW_NOTE_SIZE - 1, false);
    (void)member_day(&members, "outcome_on", false, &on);
    bool made = member_day(&members, "made_on", false, &made_on);
    if (on > world->today || (made && made_on > world->today)) {
        members_reject(&members, "outcome_on", "a day that has come");
    }
    if (outcome == NULL && !made) {
        members_reject(&members, "outcome", "changed, unchanged or withdrawn");
    }
    TRY(members_end(&members));
    TRY(redress_find(world->store, call->tail, &id, err));
    memcpy(entry.subject, id.bytes, ROW_ID_BYTES);
    record_init(&entry.record, kind_by_number(KIND_REDRESS));
    record_set_text(&entry.record, "outcome", outcome);
    record_set_text(&entry.record, "note", note);
    if (outcome != NULL) {
        record_set_number(&entry.record, "outcome_on", on);
    }
    if (made) {
        record_set_number(&entry.record, "made_on", made_on);
    }
    TRY(store_write(world->store, world->actor, &entry, 1, world->now_ms, &written, err));
    call->answer->wrote = written.added > 0;
    return answer_object(
        call->answer, json_pack("{s:i,s:o}", "added", (int)written.added, "id", value_id(id.bytes, ROW_ID_BYTES)), err);
}
