/* What holds no doubt back, and is to be looked at once more before a person is put at risk. */
#include <string.h>

#include "agent/api_doubts.h"
#include "agent/duplicates.h"
#include "agent/sight.h"
#include "base/clock.h"
#include "store/answers.h"

static void look_add(json_t *looks, const char *text)
{
    (void)json_array_append_new(looks, json_string(text));
}

static enum err_code look_at_changes(struct store *store, const struct row_id *participant, int32_t day, json_t *looks,
                                     struct error *err)
{
    SCOPED(record_list_fini) struct record_list list = { 0 };
    TRY(query_records(store, kind_by_number(KIND_CIRCUMSTANCE_CHANGE), "participant", participant, QUERY_LIMIT_MAX,
                      &list, err));
    for (size_t i = 0; i < list.count; i++) {
        const struct value *from = record_value(&list.rows[i].record, "starts_on");
        const struct value *to = record_value(&list.rows[i].record, "ends_on");
        if (from->present && from->number <= day && (!to->present || to->number >= day)) {
            look_add(looks, "a change of circumstances is recorded for that day: does it explain the absence?");
            break;
        }
    }
    return ERR_OK;
}

enum { SAID_BEFORE_MAX = 4 };

/* What was said of the session until somebody put it right, or ended a dispute. */
static void look_at_said(const struct doubt_plan *plan, const struct attendance_row *row, json_t *looks)
{
    char day[DATE_TEXT_SIZE];
    bool known = row->outcome != OUTCOME_NONE;
    const char *reason = sight_attendance("reason", &plan->placement, plan->day, plan->slot, row->reason);
    date_format(clock_today(row->recorded_at_ms), day);
    (void)json_array_append_new(
        looks, json_sprintf("it was recorded otherwise before: %s%s%s%s, by %s on %s: who knows how it was?",
                            known ? outcome_name(row->outcome) : "erased since", reason[0] != '\0' ? " (" : "", reason,
                            reason[0] != '\0' ? ")" : "", row->actor, day));
}

static enum err_code look_at_corrections(struct store *store, const struct doubt_plan *plan, json_t *looks,
                                         struct error *err)
{
    SCOPED(attendance_list_fini) struct attendance_list list = { 0 };
    size_t said = 0;
    TRY(query_attendance(store, &plan->placement, plan->day, plan->slot, QUERY_LIMIT_MAX, &list, err));
    for (size_t i = 0; i < list.count && said < SAID_BEFORE_MAX; i++) {
        const struct attendance_row *row = &list.rows[i];
        if (!row->head && (row->outcome != OUTCOME_ABSENT || row->reason[0] != '\0')) {
            look_at_said(plan, row, looks);
            said++;
        }
    }
    return ERR_OK;
}

/* Known on this machine alone, and said to those who may read volunteers: a preview is a reviewer's. */
static void look_at_shifts(const struct doubt_looking *at, json_t *looks)
{
    const struct session_row *session = at->session;
    for (size_t i = 0; i < at->facts->shift_count; i++) {
        const struct shift_row *shift = &at->facts->shifts[i];
        if (shift->day == session->day &&
            (session->starts_min == ROW_NONE || session->ends_min == ROW_NONE ||
             (shift->starts_min < session->ends_min && session->starts_min < shift->ends_min))) {
            look_add(looks, "somebody of the same name, or who was entered as the same person, is entered here as a "
                            "volunteer at the same place and time: were they there, and what had been asked of them?");
            return;
        }
    }
}

/* A proof that was recorded when the absence was known already. */
static enum err_code look_at_notice(struct store *store, const struct doubt_plan *plan, json_t *looks,
                                    struct error *err)
{
    struct said_since said;
    char day[DATE_TEXT_SIZE];
    enum err_code rc = query_said_since(store, KIND_NOTICE, &plan->notice, &said, err);
    if (rc == ERR_OK && clock_today(said.at_ms) > plan->day) {
        date_format(clock_today(said.at_ms), day);
        (void)json_array_append_new(
            looks,
            json_sprintf("the notice was recorded on %s, after the absence: who can show when it was served?", day));
    }
    return rc == ERR_NOT_FOUND ? ERR_OK : rc;
}

/* What the exposure rests on may not stand. */
static enum err_code look_at_challenges(struct store *store, const struct row_id *decision, json_t *looks,
                                        struct error *err)
{
    static const struct row_id none;
    SCOPED(record_list_fini) struct record_list list = { 0 };
    if (memcmp(decision, &none, sizeof(none)) == 0) {
        return ERR_OK;
    }
    TRY(query_records(store, kind_by_number(KIND_REDRESS), "decision", decision, QUERY_LIMIT_MAX, &list, err));
    for (size_t i = 0; i < list.count; i++) {
        const struct value *outcome = record_value(&list.rows[i].record, "outcome");
        if (record_value(&list.rows[i].record, "made_on")->present && !outcome->present) {
            look_add(looks,
                     "the decision on which the exposure rests is challenged, and nobody has answered yet: is it "
                     "to be waited for?");
        } else if (slice_equal(outcome->text, slice_of_text("changed"))) {
            look_add(looks, "a challenge changed the decision on which the exposure rests, and the Jobcentre has not "
                            "said so here: ask them first");
        }
    }
    return ERR_OK;
}

static void look_at_contacts(const json_t *contacts, json_t *looks)
{
    size_t index;
    size_t astray = 0;
    const json_t *contact;
    json_array_foreach(contacts, index, contact)
    {
        const char *outcome = json_string_value(json_object_get(json_object_get(contact, "fields"), "outcome"));
        astray += outcome != NULL && (strcmp(outcome, "wrong_number") == 0 || strcmp(outcome, "returned") == 0);
    }
    if (index == 1) {
        look_add(looks, "one attempt alone was made to reach the person: has another way been tried?");
    }
    if (index > 0 && astray == index) {
        look_add(looks, "no attempt can have reached the person (wrong number, returned): is another number or "
                        "address known?");
    }
}

static struct slice trimmed(struct slice text)
{
    while (text.len > 0 && memchr(" \t\r\n", text.data[0], 4) != NULL) {
        text = slice_of(text.data + 1, text.len - 1);
    }
    while (text.len > 0 && memchr(" \t\r\n", text.data[text.len - 1], 4) != NULL) {
        text.len--;
    }
    return text;
}

static size_t characters(struct slice text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += (text.data[i] & 0xc0) != 0x80;
    }
    return count;
}

/* What is answered, and says nothing all the same. */
static void look_at_answers(struct slice text, json_t *looks)
{
    struct slice answer;
    struct slice first = { 0 };
    size_t count = 0;
    size_t same = 0;
    size_t bare = 0;
    for (; answers_next(&text, &answer); count++) {
        answer = trimmed(answer);
        first = count == 0 ? answer : first;
        same += slice_equal(answer, first);
        bare += characters(answer) <= 1;
    }
    if (bare > 0) {
        (void)json_array_append_new(
            looks,
            json_sprintf("%zu of %zu answers of the review are a single character: what was found?", bare, count));
    }
    if (count > 1 && same == count) {
        look_add(looks, "every answer of the review is the same: was each question asked?");
    }
}

static enum err_code look_at_review(struct store *store, const struct doubt_plan *plan, json_t *looks,
                                    struct error *err)
{
    SCOPED(record_list_fini) struct record_list list = { 0 };
    enum err_code rc = query_record(store, kind_by_number(KIND_FLAG_REVIEW), &plan->review, &list, err);
    if (rc == ERR_OK) {
        look_at_answers(record_value(&list.rows[0].record, "answers")->text, looks);
    }
    return rc == ERR_NOT_FOUND ? ERR_OK : rc;
}

static enum err_code look_at_merges(struct store *store, const struct row_id *participant, json_t *looks,
                                    struct error *err)
{
    SCOPED(merge_list_fini) struct merge_list list = { 0 };
    TRY(query_merges(store, participant, &list, err));
    for (size_t i = 0; i < list.count && !list.rows[i].sure; i++) {
        (void)json_array_append_new(
            looks, json_sprintf("%s was merged into %s by %s, and nobody else at another machine has confirmed it: "
                                "contact attempts and adverse decisions do not count across the two",
                                list.rows[i].duplicate_ref, list.rows[i].into_ref, list.rows[i].linked_by));
    }
    return ERR_OK;
}

/* Takes the text. */
static void look_add_once(json_t *looks, json_t *look)
{
    size_t index;
    json_t *one;
    json_array_foreach(looks, index, one)
    {
        if (json_equal(one, look)) {
            json_decref(look);
            return;
        }
    }
    (void)json_array_append_new(looks, look);
}

/* What is recorded under a record that nobody merged speaks for nobody here. */
static enum err_code look_at_duplicates(struct store *store, const struct row_id *participant, json_t *looks,
                                        struct error *err)
{
    SCOPED(duplicate_list_fini) struct duplicate_list list = { 0 };
    SCOPED(id_list_fini) struct id_list same = { 0 };
    TRY(query_same_person(store, participant, &same, err));
    TRY(duplicates_find(store, &list, err));
    for (size_t i = 0; i < list.count; i++) {
        const struct duplicate *pair = &list.rows[i];
        bool first = id_list_has(&same, pair->one.bytes);
        if (first || id_list_has(&same, pair->other.bytes)) {
            struct participant_row other;
            TRY(query_participant(store, first ? &pair->other : &pair->one, &other, err));
            json_t *look =
                json_sprintf("%s seems to be a record of the same person, and nobody has said so: a referral, an "
                             "appointment or a placement there counts for nothing here until they are merged",
                             other.ref);
            look_add_once(looks, look);
        }
    }
    return ERR_OK;
}

static enum err_code look_at_all(struct store *store, const struct doubt_looking *at, json_t *looks, struct error *err)
{
    TRY(look_at_changes(store, at->participant, at->plan->day, looks, err));
    if (at->session->reason[0] != '\0') {
        look_add(looks, "a reason is recorded: has it been followed up?");
    }
    TRY(look_at_corrections(store, at->plan, looks, err));
    look_at_shifts(at, looks);
    TRY(look_at_notice(store, at->plan, looks, err));
    TRY(look_at_challenges(store, &at->plan->earlier_decision, looks, err));
    look_at_contacts(at->contacts, looks);
    TRY(look_at_review(store, at->plan, looks, err));
    TRY(look_at_merges(store, at->participant, looks, err));
    return look_at_duplicates(store, at->participant, looks, err);
}

enum err_code doubt_second_look(struct store *store, const struct doubt_looking *at, json_t **ret_looks,
                                struct error *err)
{
    json_t *looks = json_array();
    enum err_code rc = look_at_all(store, at, looks, err);
    if (rc != ERR_OK) {
        json_decref(looks);
        return rc;
    }
    *ret_looks = looks;
    return ERR_OK;
}
