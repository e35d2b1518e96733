/*
 * What a row of a spreadsheet must bear beyond its fields, of the kinds that have a call of their own because it checks
 * more: the same is checked here, by the same code. What is here already is not changed by a file: the same row again
 * adds nothing, another one is refused.
 */
#include <string.h>

#include "agent/api_handlers.h"

static const uint32_t checked[] = { KIND_CLAIM, KIND_SERVICE_USE };

bool import_is_checked(const struct kind *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(checked); i++) {
        if (checked[i] == kind->number) {
            return true;
        }
    }
    return false;
}

bool import_takes(const struct kind *kind)
{
    return record_kind_is_open(kind) || import_is_checked(kind) || kind->number == KIND_CAPACITY_STATEMENT;
}

static bool says_the_same(const struct record *record, const struct record *held)
{
    for (size_t i = 0; i < record->kind->field_count; i++) {
        const struct value *a = &record->values[i];
        const struct value *b = &held->values[i];
        if (a->present && (!b->present || a->number != b->number || !slice_equal(a->text, b->text))) {
            return false;
        }
    }
    return true;
}

/* Whether the record is here and says what the row says. */
static enum err_code look_for(const struct api_call *call, const struct record *record, const uint8_t *subject,
                              bool *ret_held, struct error *err)
{
    struct row_id id;
    struct error none = { .code = ERR_OK };
    SCOPED(record_list_fini) struct record_list list = { 0 };
    memcpy(id.bytes, subject, ROW_ID_BYTES);
    enum err_code rc = query_record(call->world->store, record->kind, &id, &list, &none);
    *ret_held = rc == ERR_OK;
    if (rc == ERR_NOT_FOUND) {
        return ERR_OK;
    }
    if (rc != ERR_OK) {
        *err = none;
        return rc;
    }
    return says_the_same(record, &list.rows[0].record)
               ? ERR_OK
               : FAIL(err, REFUSED, "nothing else than what is recorded of it: a file does not change a %s",
                      record->kind->name);
}

/* ---- claims ---- */

static bool same_milestone(struct record *a, struct record *b)
{
    static const char *const fields[] = { "placement", "payment_trigger" };
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const struct value *left = record_value(a, fields[i]);
        const struct value *right = record_value(b, fields[i]);
        if (!left->present || !right->present || !slice_equal(left->text, right->text)) {
            return false;
        }
    }
    return !record_value(a, "refused_on")->present && !record_value(b, "refused_on")->present;
}

static bool in_order(struct record *record, const char *field, int32_t today)
{
    const struct value *day = record_value(record, field);
    return !day->present || (day->number >= record_value(record, "claimed_on")->number && day->number <= today);
}

static enum err_code contract_fits(const struct api_call *call, struct record *record, struct error *err)
{
    struct row_id id;
    SCOPED(record_list_fini) struct record_list list = { 0 };
    memcpy(id.bytes, record_value(record, "contract")->text.data, ROW_ID_BYTES);
    enum err_code rc = query_record(call->world->store, kind_by_number(KIND_CONTRACT), &id, &list, err);
    if (rc != ERR_OK) {
        return rc == ERR_NOT_FOUND ? FAIL(err, NOT_FOUND, "a contract that is here: there is no such contract") : rc;
    }
    const struct value *starts_on = record_value(&list.rows[0].record, "starts_on");
    return starts_on->present && record_value(record, "claimed_on")->number < starts_on->number
               ? FAIL(err, REFUSED, "a day on which the contract had begun, in claimed_on")
               : ERR_OK;
}

static enum err_code claim_fits(const struct api_call *call, struct record *record,
                                const struct import_earlier *earlier, struct error *err)
{
    bool paid = record_value(record, "paid_on")->present;
    if (record_value(record, "claimed_on")->number > call->world->today ||
        !in_order(record, "paid_on", call->world->today) || !in_order(record, "refused_on", call->world->today)) {
        return FAIL(err, INVALID, "days that have come: claimed first, then paid or refused");
    }
    if (paid && record_value(record, "refused_on")->present) {
        return FAIL(err, INVALID, "a claim that is paid or refused, not both");
    }
    if (record_value(record, "paid_pence")->present && !paid) {
        return FAIL(err, INVALID, "the day on which it was paid, in paid_on");
    }
    if (record_value(record, "paid_pence")->number > record_value(record, "amount_pence")->number) {
        return FAIL(err, REFUSED, "no more paid than was claimed; 'holdfast claim paid' records what was all the same");
    }
    for (size_t i = 0; i < earlier->count; i++) {
        struct store_entry *other = earlier->at(earlier->context, i);
        if (other != NULL && same_milestone(record, &other->record)) {
            return FAIL(err, CONFLICT, "one claim for a milestone: an earlier line of the file has it");
        }
    }
    TRY(contract_fits(call, record, err));
    return claim_bears(call, record, err);
}

/* ---- help that is bought ---- */

static enum err_code use_fits(const struct api_call *call, struct record *record, const struct import_earlier *earlier,
                              struct error *err)
{
    int64_t before = 0;
    struct slice contract = record_value(record, "contract")->text;
    if (record_value(record, "day")->number > call->world->today) {
        return FAIL(err, INVALID, "a day that has come");
    }
    for (size_t i = 0; i < earlier->count; i++) {
        struct store_entry *other = earlier->at(earlier->context, i);
        if (other != NULL && slice_equal(contract, record_value(&other->record, "contract")->text)) {
            before += record_value(&other->record, "units")->number;
        }
    }
    return service_use_bears(call, record, before, err);
}

enum err_code import_row_fits(const struct api_call *call, struct record *record, const uint8_t *subject,
                              const struct import_earlier *earlier, bool *ret_held, struct error *err)
{
    *ret_held = false;
    if (record->kind->number == KIND_CAPACITY_STATEMENT) {
        return record_value(record, "stated_on")->number <= call->world->today
                   ? ERR_OK
                   : FAIL(err, INVALID, "a day that has come, in stated_on");
    }
    if (!import_is_checked(record->kind)) {
        return ERR_OK;
    }
    TRY(look_for(call, record, subject, ret_held, err));
    if (*ret_held) {
        return ERR_OK;
    }
    TRY(record_check(record, true, err));
    return record->kind->number == KIND_CLAIM ? claim_fits(call, record, earlier, err)
                                              : use_fits(call, record, earlier, err);
}
