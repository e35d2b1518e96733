/* What cannot be, by its day or its order: refused before it is recorded, with what to do where it was so all the same.
 */
#include <string.h>

#include "agent/api_handlers.h"
#include "agent/rules/money.h"
#include "store/doubts.h"

static const struct {
    uint32_t kind;
    const char *field;
} came_days[] = {
    { KIND_REFERRAL, "received_on" },
    { KIND_POLICY_DECISION, "decided_on" },
    { KIND_MILESTONE, "reached_on" },
    { KIND_REDRESS, "made_on" },
};

enum err_code record_days_check(const struct api_world *world, const struct record *record, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(came_days); i++) {
        if (came_days[i].kind != record->kind->number) {
            continue;
        }
        const struct value *day = &record->values[kind_field_index(record->kind, came_days[i].field)];
        if (day->present && day->number > world->today) {
            return FAIL(err, INVALID, "read field '%s': expected a day that has come", came_days[i].field);
        }
    }
    return ERR_OK;
}

static const struct value *value_of(const struct record *record, const char *name)
{
    return &record->values[kind_field_index(record->kind, name)];
}

/* The record that is changed, in a list of one; of a new one the list is empty. */
static enum err_code read_stored(struct store *store, const struct store_entry *entry, struct record_list *ret_list,
                                 struct error *err)
{
    struct row_id id;
    memcpy(id.bytes, entry->subject, ROW_ID_BYTES);
    enum err_code rc = query_record(store, entry->record.kind, &id, ret_list, err);
    return rc == ERR_NOT_FOUND ? ERR_OK : rc;
}

/* What the record says, else what stands. */
static const struct value *said_of(const struct record *record, const struct record_list *stored, const char *name)
{
    const struct value *own = value_of(record, name);
    return own->present || stored->count == 0 ? own : value_of(&stored->rows[0].record, name);
}

/* The record says it, and it does not stand so. */
static bool is_new(const struct record *record, const struct record_list *stored, const char *name)
{
    const struct value *own = value_of(record, name);
    if (!own->present || stored->count == 0) {
        return own->present;
    }
    const struct value *stands = value_of(&stored->rows[0].record, name);
    return !stands->present || own->number != stands->number || !slice_equal(own->text, stands->text);
}

/* There is one of this placement and trigger, and it says another day. */
static enum err_code check_second(const struct record_list *stored, int32_t reached_on, struct error *err)
{
    char day[DATE_TEXT_SIZE];
    const struct value *stands = stored->count > 0 ? value_of(&stored->rows[0].record, "reached_on") : NULL;
    if (stands == NULL || !stands->present || stands->number == reached_on) {
        return ERR_OK;
    }
    date_format((int32_t)stands->number, day);
    return FAIL(err, CONFLICT,
                "record the milestone: it stands as reached on %s already; if that was wrong, say so ('over', --over)",
                day);
}

/* Not before its days could be over, counted from the first day of the placements that follow each other. */
static enum err_code check_reached(const struct api_world *world, struct slice placement_id, struct slice trigger,
                                   int32_t reached_on, struct error *err)
{
    char code[ROW_CODE_SIZE] = "";
    struct row_id placement;
    struct store_placement_facts facts;
    memcpy(code, trigger.data, trigger.len);
    memcpy(placement.bytes, placement_id.data, ROW_ID_BYTES);
    TRY(store_placement_facts(world->store, &placement, world->today, &facts, err));
    int32_t earliest = rules_milestone_earliest(world->programme, &facts.facts, code);
    store_placement_facts_fini(&facts);
    if (earliest == ROW_NONE || reached_on >= earliest) {
        return ERR_OK;
    }
    char day[DATE_TEXT_SIZE];
    date_format(earliest, day);
    return FAIL(err, REFUSED, "record the milestone: by the first day agreed it cannot be reached before %s", day);
}

enum err_code milestone_check(const struct api_world *world, const struct store_entry *entry, bool over,
                              struct error *err)
{
    const struct record *record = &entry->record;
    SCOPED(record_list_fini) struct record_list stored = { 0 };
    TRY(read_stored(world->store, entry, &stored, err));
    const struct value *day = said_of(record, &stored, "reached_on");
    const struct value *placement = said_of(record, &stored, "placement");
    const struct value *trigger = said_of(record, &stored, "payment_trigger");
    bool news = is_new(record, &stored, "reached_on") || is_new(record, &stored, "placement") ||
                is_new(record, &stored, "payment_trigger");
    if (!news || !day->present || !placement->present || !trigger->present || trigger->text.len >= ROW_CODE_SIZE) {
        return ERR_OK; /* a change of something else, or what record_check refuses */
    }
    TRY(check_reached(world, placement->text, trigger->text, (int32_t)day->number, err));
    return over ? ERR_OK : check_second(&stored, (int32_t)day->number, err);
}

/* ---- challenges of a decision ---- */

static bool text_is(const struct value *value, const char *text)
{
    return value->present && slice_equal(value->text, slice_of_text(text));
}

static bool is_subject(const uint8_t *subject, const uint8_t *id)
{
    return subject != NULL && memcmp(subject, id, ROW_ID_BYTES) == 0;
}

static bool stands_as(const struct record *record, const char *form)
{
    return text_is(value_of(record, "form"), form) && !text_is(value_of(record, "outcome"), "withdrawn");
}

/* Another one of the form that was not withdrawn; NULL: there is none. */
static const uint8_t *redress_of(const struct record_list *list, const struct challenge_made *made, const char *form)
{
    for (size_t i = 0; i < list->count; i++) {
        if (stands_as(&list->rows[i].record, form) && !is_subject(made->subject, list->rows[i].id.bytes)) {
            return list->rows[i].id.bytes;
        }
    }
    for (size_t i = 0; made->earlier != NULL && i < made->earlier->count; i++) {
        const struct store_entry *other = made->earlier->at(made->earlier->context, i);
        const struct value *decision = other != NULL ? value_of(&other->record, "decision") : NULL;
        if (decision != NULL && decision->present &&
            slice_equal(decision->text, slice_of(made->decision.bytes, ROW_ID_BYTES)) &&
            stands_as(&other->record, form) && !is_subject(made->subject, other->subject)) {
            return other->subject;
        }
    }
    return NULL;
}

enum err_code challenge_check(struct store *store, const struct challenge_made *made, bool over, struct error *err)
{
    SCOPED(record_list_fini) struct record_list list = { 0 };
    TRY(query_records(store, kind_by_number(KIND_REDRESS), "decision", &made->decision, QUERY_LIMIT_MAX, &list, err));
    const uint8_t *same = redress_of(&list, made, made->form);
    if (same != NULL && !over) {
        char id[2 * ROW_ID_BYTES + 1];
        hex_encode(same, ROW_ID_BYTES, id);
        return FAIL(
            err, CONFLICT,
            "record a challenge: there is one of this form already, %.8s ('holdfast challenge answer' says what "
            "came of it); if it was made a second time, say so ('over', --over)",
            id);
    }
    if (strcmp(made->form, "appeal") == 0 && redress_of(&list, made, "mandatory_reconsideration") == NULL && !over) {
        return FAIL(err, REFUSED,
                    "record a challenge: an appeal follows a mandatory reconsideration, and none is on record; record "
                    "that first, or if it was appealed without one, say so ('over', --over)");
    }
    return ERR_OK;
}

/* A decision that is not here has no day. */
static enum err_code check_made_on(const struct api_world *world, const struct row_id *decision,
                                   const struct value *made_on, struct error *err)
{
    char digits[2 * ROW_ID_BYTES + 1];
    struct decided_row decided;
    hex_encode(decision->bytes, ROW_ID_BYTES, digits);
    enum err_code rc = made_on->present ? query_decision(world->store, digits, &decided, err) : ERR_NOT_FOUND;
    if (rc != ERR_OK) {
        return rc == ERR_NOT_FOUND ? ERR_OK : rc;
    }
    return challenge_day_check((int32_t)made_on->number, decided.decision.decided_on, err);
}

enum err_code redress_check(const struct api_world *world, const struct store_entry *entry,
                            const struct import_earlier *earlier, bool over, struct error *err)
{
    const struct record *record = &entry->record;
    char text[ROW_CODE_SIZE] = "";
    struct challenge_made made = { .form = text, .subject = entry->subject, .earlier = earlier };
    SCOPED(record_list_fini) struct record_list stored = { 0 };
    TRY(read_stored(world->store, entry, &stored, err));
    const struct value *decision = said_of(record, &stored, "decision");
    const struct value *form = said_of(record, &stored, "form");
    bool news = is_new(record, &stored, "decision") || is_new(record, &stored, "form");
    if (!decision->present || !form->present || form->text.len >= sizeof(text)) {
        return ERR_OK; /* not of a decision, or what record_check refuses */
    }
    memcpy(made.decision.bytes, decision->text.data, ROW_ID_BYTES);
    memcpy(text, form->text.data, form->text.len);
    if (news || is_new(record, &stored, "made_on")) {
        TRY(check_made_on(world, &made.decision, said_of(record, &stored, "made_on"), err));
    }
    return news && !text_is(said_of(record, &stored, "outcome"), "withdrawn")
               ? challenge_check(world->store, &made, over, err)
               : ERR_OK;
}

enum err_code challenge_day_check(int32_t made_on, int32_t decided_on, struct error *err)
{
    char day[DATE_TEXT_SIZE];
    if (made_on == ROW_NONE || decided_on == ROW_NONE || made_on >= decided_on) {
        return ERR_OK;
    }
    date_format(decided_on, day);
    return FAIL(err, INVALID, "read member 'made_on': expected a day from the decision's, %s, to today", day);
}
