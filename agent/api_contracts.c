/* Contracts: their terms, what they bring against what they cost, and the help that is bought by the unit. */
#include <string.h>

#include "agent/api_handlers.h"
#include "agent/record_json.h"
#include "agent/rules/money.h"
#include "crypto/digest.h"

json_t *value_pence(int64_t pence)
{
    return pence == PENCE_NONE ? json_null() : json_integer(pence);
}

static json_t *triggers_value(const struct programme *programme, const struct contract_stand *stand)
{
    int64_t amounts[TRIGGERS_MAX];
    bool priced = contract_amounts(programme, &stand->contract, amounts);
    json_t *list = json_array();
    struct payment_trigger trigger;
    for (size_t i = 0; contract_by_results(&stand->contract) && programme_trigger_at(programme, i, &trigger); i++) {
        (void)json_array_append_new(
            list, json_pack("{s:s,s:s,s:i,s:o,s:i,s:i}", "trigger", trigger.code, "title",
                            programme_label(programme, LABEL_TRIGGER, trigger.code, LANGUAGE_ENGLISH), "after_days",
                            trigger.after_days, "amount_pence", priced ? json_integer(amounts[i]) : json_null(),
                            "reached", stand->reached[i], "old_enough", stand->old_enough[i]));
    }
    return list;
}

static json_t *viability_value(const struct programme *programme, const struct contract_stand *stand)
{
    struct viability v;
    rules_viability(programme, stand, &v);
    if (!v.priced) {
        return json_null();
    }
    return json_pack("{s:I,s:o,s:I,s:I,s:I,s:i,s:b,s:o}", "full_pence", (json_int_t)v.full_pence, "expected_pence",
                     value_pence(v.expected_pence), "low_pence", (json_int_t)v.low_pence, "high_pence",
                     (json_int_t)v.high_pence, "cost_pence", (json_int_t)v.cost_pence, "people", v.people, "enough",
                     v.enough, "break_even_people",
                     v.break_even_people == ROW_NONE ? json_null() : json_integer(v.break_even_people));
}

/* What is left of the units bought; null when nobody said how many were. */
static json_t *left_value(const struct contract_row *row, const struct contract_money *money)
{
    return row->units == ROW_NONE ? json_null() : json_integer(row->units - money->used_units);
}

enum err_code contract_value(const struct api_world *world, const struct contract_stand *stand, json_t **ret_value,
                             struct error *err)
{
    const struct contract_row *row = &stand->contract;
    struct contract_money money;
    TRY(query_contract_money(world->store, &row->id, &money, err));
    json_t *terms =
        json_pack("{s:o,s:s,s:o,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "id",
                  value_id(row->id.bytes, ROW_ID_BYTES), "ref", row->ref, "prime", value_text(row->prime), "form",
                  row->form, "route", value_text(row->route), "starts_on", value_day(row->starts_on), "ends_on",
                  value_day(row->ends_on), "units", value_int(row->units), "unit", value_text(row->unit), "price_pence",
                  value_pence(row->price_pence), "share_permille", value_int(row->share_permille), "cost_pence",
                  value_pence(row->cost_pence), "fixed_cost_pence", value_pence(row->fixed_cost_pence), "person_pence",
                  value_pence(contract_by_results(row) ? contract_person_pence(world->programme, row) : PENCE_NONE),
                  "unit_pence", value_pence(contract_by_results(row) ? PENCE_NONE : contract_unit_pence(row)));
    json_t *stands =
        json_pack("{s:i,s:i,s:i,s:o,s:o,s:I,s:I,s:I,s:I,s:I,s:o}", "people", stand->cases, "running", stand->running,
                  "last_year", stand->last_year, "triggers", triggers_value(world->programme, stand), "viability",
                  viability_value(world->programme, stand), "claims", (json_int_t)money.claims, "claimed_pence",
                  (json_int_t)money.claimed_pence, "paid_pence", (json_int_t)money.paid_pence, "refused_pence",
                  (json_int_t)money.refused_pence, "used_units", (json_int_t)money.used_units, "left_units",
                  left_value(row, &money));
    if (terms == NULL || stands == NULL || json_object_update_missing(terms, stands) != 0) {
        json_decref(terms);
        json_decref(stands);
        return FAIL(err, NO_MEMORY, "answer with a contract");
    }
    json_decref(stands);
    *ret_value = terms;
    return ERR_OK;
}

static enum err_code answer_contracts(struct api_call *call, const struct site_facts *facts, struct error *err)
{
    TRY(answer_list_begin(call->answer, NULL, "contracts", err));
    for (size_t i = 0; i < facts->contract_count; i++) {
        json_t *value;
        TRY(contract_value(call->world, &facts->contracts[i], &value, err));
        TRY(answer_list_row(call->answer, value, err));
    }
    return answer_list_end(call->answer, facts->contract_count == CONTRACTS_MAX, err);
}

enum err_code api_contracts(struct api_call *call, struct error *err)
{
    struct store_site_facts site;
    TRY(store_site_facts(call->world->store, call->world->today, &site, err));
    enum err_code rc = answer_contracts(call, &site.facts, err);
    store_site_facts_fini(&site);
    return rc;
}

const struct contract_stand *contract_find(const struct site_facts *facts, const struct row_id *id)
{
    for (size_t i = 0; i < facts->contract_count; i++) {
        if (memcmp(&facts->contracts[i].contract.id, id, sizeof(*id)) == 0) {
            return &facts->contracts[i];
        }
    }
    return NULL;
}

enum err_code api_contract(struct api_call *call, struct error *err)
{
    struct row_id id;
    struct store_site_facts site;
    TRY(query_find(call->world->store, KIND_CONTRACT, call->tail, &id, err));
    TRY(store_site_facts(call->world->store, call->world->today, &site, err));
    const struct contract_stand *stand = contract_find(&site.facts, &id);
    json_t *value = NULL;
    enum err_code rc = stand == NULL ? FAIL(err, NOT_FOUND, "find the contract: its record is not whole")
                                     : contract_value(call->world, stand, &value, err);
    store_site_facts_fini(&site);
    TRY(rc);
    return answer_object(call->answer, json_pack("{s:o}", "contract", value), err);
}

/* ---- help that is bought: what is used and what is left ---- */

static enum err_code use_fits(const struct api_call *call, const struct contract_row *contract,
                              const struct record *record, int64_t before, bool over, struct error *err)
{
    int32_t day = (int32_t)record->values[kind_field_index(record->kind, "day")].number;
    int64_t units = record->values[kind_field_index(record->kind, "units")].number;
    struct contract_money money;
    if (contract_by_results(contract)) {
        return FAIL(err, REFUSED, "use a service: the contract pays by results; units are of spot purchase and block");
    }
    if (day < contract->starts_on || (contract->ends_on != ROW_NONE && day > contract->ends_on)) {
        return FAIL(err, REFUSED, "use a service: the contract does not run on that day");
    }
    TRY(query_contract_money(call->world->store, &contract->id, &money, err));
    if (!over && contract->units != ROW_NONE && money.used_units + before + units > contract->units) {
        return FAIL(
            err, REFUSED,
            "use a service: %lld of %d units are left; if more than was bought was used, say so ('over', --over)",
            (long long)(contract->units - money.used_units - before), contract->units);
    }
    return ERR_OK;
}

enum err_code service_use_bears(const struct api_call *call, const struct record *record, int64_t before,
                                struct error *err)
{
    struct row_id id;
    struct store_site_facts site;
    memcpy(id.bytes, record->values[kind_field_index(record->kind, "contract")].text.data, ROW_ID_BYTES);
    TRY(store_site_facts(call->world->store, call->world->today, &site, err));
    const struct contract_stand *stand = contract_find(&site.facts, &id);
    enum err_code rc = stand == NULL ? FAIL(err, NOT_FOUND, "use a service: there is no such contract")
                                     : use_fits(call, &stand->contract, record, before, false, err);
    store_site_facts_fini(&site);
    return rc;
}

static enum err_code read_use(const struct api_call *call, struct record *record, struct record_ids *ids,
                              bool *ret_over, struct error *err)
{
    json_t *fields = json_copy(call->body);
    if (fields == NULL) {
        return FAIL(err, NO_MEMORY, "read a use of a service");
    }
    const json_t *over = json_object_get(fields, "over");
    *ret_over = json_is_true(over);
    enum err_code rc = over != NULL && !json_is_boolean(over)
                           ? FAIL(err, INVALID, "read member 'over': expected true or false")
                           : ERR_OK;
    (void)json_object_del(fields, "over");
    if (rc == ERR_OK) {
        rc = record_from_json(call->world->store, kind_by_number(KIND_SERVICE_USE), fields, ids, record, err);
    }
    json_decref(fields); /* its texts belong to the body */
    return rc == ERR_OK ? record_check(record, true, err) : rc;
}

enum err_code api_service_use(struct api_call *call, struct error *err)
{
    const struct api_world *world = call->world;
    struct store_entry entry = { .kind = KIND_SERVICE_USE, .happened_at_ms = OP_TIME_NONE };
    struct record_ids ids;
    struct row_id id;
    bool over = false;
    struct store_site_facts site;
    TRY(read_use(call, &entry.record, &ids, &over, err));
    memcpy(id.bytes, record_value(&entry.record, "contract")->text.data, ROW_ID_BYTES);
    TRY(store_site_facts(world->store, world->today, &site, err));
    const struct contract_stand *stand = contract_find(&site.facts, &id);
    enum err_code rc = stand == NULL ? FAIL(err, NOT_FOUND, "use a service: there is no such contract")
                                     : use_fits(call, &stand->contract, &entry.record, 0, over, err);
    json_t *value = NULL;
    struct store_written written = { 0 };
    if (rc == ERR_OK) {
        rc = random_bytes(entry.subject, OP_ENTITY_BYTES, err);
    }
    if (rc == ERR_OK) {
        rc = store_write(world->store, world->actor, &entry, 1, world->now_ms, &written, err);
        call->answer->wrote = rc == ERR_OK;
    }
    if (rc == ERR_OK) {
        rc = contract_value(world, stand, &value, err);
    }
    store_site_facts_fini(&site);
    TRY(rc);
    return answer_object(call->answer,
                         json_pack("{s:o,s:i,s:o,s:o}", "id", value_id(entry.subject, OP_ENTITY_BYTES), "added",
                                   (int)written.added, "op", value_op(&written.last), "contract", value),
                         err);
}
