/* What cannot be, by its day or its order: refused before it is recorded, with what to do where it was so all the same.
 */
#include <string.h>

#include "agent/api_handlers.h"
#include "agent/rules/money.h"

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

static struct slice text_of(const struct record *record, const char *name)
{
    return record->values[kind_field_index(record->kind, name)].text;
}

/* There is one of this placement and trigger, and it says another day. */
static enum err_code check_second(struct store *store, const uint8_t *subject, int32_t reached_on, struct error *err)
{
    struct row_id id;
    char day[DATE_TEXT_SIZE];
    SCOPED(record_list_fini) struct record_list list = { 0 };
    memcpy(id.bytes, subject, ROW_ID_BYTES);
    enum err_code rc = query_record(store, kind_by_number(KIND_MILESTONE), &id, &list, err);
    if (rc == ERR_NOT_FOUND) {
        return ERR_OK;
    }
    TRY(rc);
    const struct value *stands = record_value(&list.rows[0].record, "reached_on");
    if (!stands->present || stands->number == reached_on) {
        return ERR_OK;
    }
    date_format((int32_t)stands->number, day);
    return FAIL(err, CONFLICT,
                "record the milestone: it stands as reached on %s already; if that was wrong, say so ('over', --over)",
                day);
}

/* Not before its days could be over, counted from the first day of the placements that follow each other. */
static enum err_code check_reached(const struct api_world *world, const struct record *record, int32_t reached_on,
                                   struct error *err)
{
    char code[ROW_CODE_SIZE] = "";
    struct row_id placement;
    struct store_placement_facts facts;
    struct slice said = text_of(record, "payment_trigger");
    memcpy(code, said.data, said.len);
    memcpy(placement.bytes, text_of(record, "placement").data, ROW_ID_BYTES);
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
    const struct value *day = &record->values[kind_field_index(record->kind, "reached_on")];
    const struct value *placement = &record->values[kind_field_index(record->kind, "placement")];
    const struct value *trigger = &record->values[kind_field_index(record->kind, "payment_trigger")];
    if (!day->present || !placement->present || !trigger->present || trigger->text.len >= ROW_CODE_SIZE) {
        return ERR_OK; /* a change, or what record_check refuses */
    }
    TRY(check_reached(world, record, (int32_t)day->number, err));
    return over ? ERR_OK : check_second(world->store, entry->subject, (int32_t)day->number, err);
}

/* ---- challenges of a decision ---- */

static bool text_is(struct record *record, const char *name, const char *text)
{
    return slice_equal(record_value(record, name)->text, slice_of_text(text));
}

/* One of the form that was not withdrawn; NULL: there is none. */
static const struct record_row *redress_of(const struct record_list *list, const char *form)
{
    for (size_t i = 0; i < list->count; i++) {
        struct record *record = &list->rows[i].record;
        if (text_is(record, "form", form) && !text_is(record, "outcome", "withdrawn")) {
            return &list->rows[i];
        }
    }
    return NULL;
}

enum err_code challenge_check(struct store *store, const struct row_id *decision, const char *form, bool over,
                              struct error *err)
{
    SCOPED(record_list_fini) struct record_list list = { 0 };
    TRY(query_records(store, kind_by_number(KIND_REDRESS), "decision", decision, QUERY_LIMIT_MAX, &list, err));
    const struct record_row *same = redress_of(&list, form);
    if (same != NULL && !over) {
        char id[2 * ROW_ID_BYTES + 1];
        hex_encode(same->id.bytes, ROW_ID_BYTES, id);
        return FAIL(
            err, CONFLICT,
            "record a challenge: there is one of this form already, %.8s ('holdfast challenge answer' says what "
            "came of it); if it was made a second time, say so ('over', --over)",
            id);
    }
    if (strcmp(form, "appeal") == 0 && redress_of(&list, "mandatory_reconsideration") == NULL && !over) {
        return FAIL(err, REFUSED,
                    "record a challenge: an appeal follows a mandatory reconsideration, and none is on record; record "
                    "that first, or if it was appealed without one, say so ('over', --over)");
    }
    return ERR_OK;
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
