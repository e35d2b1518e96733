/*
 * "Should we take part?" - what trustees need in front of them: what it pays and costs, what was asked and declined,
 * what they decided before, and what the place can bear. Figures with what they rest on, and questions; no answer.
 */
#include <string.h>

#include "agent/api_handlers.h"
#include "agent/record_json.h"
#include "agent/rules/money.h"

enum { YEAR_DAYS = 364, POLICY_MAX = 500 };

struct take_part {
    struct api_call *call;
    const struct site_facts *facts;
    const char *route;             /* NULL: all */
    const struct row_id *contract; /* NULL: all */
    struct mandate mandate;
    json_t *policy;
    bool priced; /* of the contracts looked at: some have price and cost */
    bool unpriced;
    bool below;  /* cost above the expected income */
    bool unsure; /* too few people to tell */
};

static bool looked_at(const struct take_part *t, const struct contract_row *row)
{
    if (t->contract != NULL) {
        return memcmp(t->contract, &row->id, sizeof(row->id)) == 0;
    }
    return t->route == NULL || row->route[0] == '\0' || strcmp(row->route, t->route) == 0;
}

static void weigh(struct take_part *t, const struct contract_stand *stand)
{
    struct viability v;
    if (!contract_by_results(&stand->contract)) {
        return;
    }
    rules_viability(t->call->world->programme, stand, &v);
    t->priced |= v.priced;
    t->unpriced |= !v.priced;
    t->below |= v.priced && (v.full_pence < v.cost_pence || (v.observed && v.expected_pence < v.cost_pence));
    t->unsure |= v.priced && !v.enough;
}

static enum err_code contracts_list(struct take_part *t, json_t *list, struct error *err)
{
    for (size_t i = 0; i < t->facts->contract_count; i++) {
        if (!looked_at(t, &t->facts->contracts[i].contract)) {
            continue;
        }
        json_t *value;
        TRY(contract_value(t->call->world, &t->facts->contracts[i], &value, err));
        weigh(t, &t->facts->contracts[i]);
        if (json_array_append_new(list, value) != 0) {
            return FAIL(err, NO_MEMORY, "list the contracts");
        }
    }
    return ERR_OK;
}

/* Decisions about this route, this contract, or all of them. */
static bool concerns(const struct take_part *t, struct record *record)
{
    const struct value *route = record_value(record, "route");
    const struct value *contract = record_value(record, "contract");
    bool other_route = t->route != NULL && route->present && !slice_equal(route->text, slice_of_text(t->route));
    bool other_contract =
        t->contract != NULL && contract->present && memcmp(contract->text.data, t->contract->bytes, ROW_ID_BYTES) != 0;
    return !other_route && !other_contract;
}

static enum err_code policy_list(struct take_part *t, struct error *err)
{
    SCOPED(record_list_fini) struct record_list list = { 0 };
    TRY(query_records(t->call->world->store, kind_by_number(KIND_POLICY_DECISION), NULL, NULL, POLICY_MAX, &list, err));
    for (size_t i = 0; i < list.count; i++) {
        if (!concerns(t, &list.rows[i].record)) {
            continue;
        }
        json_t *fields = record_to_json(&list.rows[i].record, slice_of(list.rows[i].id.bytes, ROW_ID_BYTES));
        (void)json_object_set_new(fields, "said_by", value_text(list.rows[i].said_by));
        if (json_array_append_new(t->policy, fields) != 0) {
            return FAIL(err, NO_MEMORY, "list the policy decisions");
        }
    }
    return ERR_OK;
}

static json_t *mandate_value(const struct take_part *t)
{
    const struct mandate *m = &t->mandate;
    int32_t today = t->call->world->today;
    return json_pack("{s:o,s:o,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "from", value_day(today - YEAR_DAYS + 1),
                     "until", value_day(today), "referrals", (json_int_t)m->referrals, "mandatory",
                     (json_int_t)m->mandatory, "declined", (json_int_t)m->declined, "declined_as_policy",
                     (json_int_t)m->declined_as_policy, "ended_early", (json_int_t)m->ended_early, "route_redress",
                     (json_int_t)m->route_redress, "complaints", (json_int_t)m->complaints, "decisions",
                     (json_int_t)m->decisions, "adverse", (json_int_t)m->adverse, "doubts", (json_int_t)m->doubts);
}

static json_t *capacity_value(const struct take_part *t)
{
    struct forecast forecast;
    const struct site_facts *facts = t->facts;
    rules_forecast(t->call->world->programme, facts, t->call->world->today, &forecast);
    return json_pack("{s:o,s:o,s:i,s:i,s:i,s:o,s:o,s:o}", "places",
                     facts->capacity.stated ? json_integer(facts->capacity.places) : json_null(), "stated_on",
                     facts->capacity.stated ? value_day(facts->capacity.stated_on) : json_null(), "running",
                     facts->placements_now, "to_come", facts->placements_to_come, "waiting", facts->waiting,
                     "weeks_until_full", value_int(forecast.weeks_until_full), "weeks_earliest",
                     value_int(forecast.weeks_earliest), "weeks_latest", value_int(forecast.weeks_latest));
}

/* Standing flags that trustees should know of, by code; those that rest on volunteers are in no paper that goes round.
 */
static enum err_code flags_value(const struct take_part *t, json_t **ret_value, struct error *err)
{
    static const char *const codes[] = { "conflation",      "contract_not_viable", "claim_unpaid",     "milestone_due",
                                         "hours_over",      "notice_defective",    "over_capacity",    "near_capacity",
                                         "host_over_quota", "supervision_ratio",   "scheme_near_limit" };
    int counts[ARRAY_LEN(codes)] = { 0 };
    SCOPED(flag_list_rows_fini) struct flag_list_rows list = { 0 };
    TRY(query_flags(t->call->world->store, false, QUERY_LIMIT_MAX, &list, err));
    for (size_t i = 0; i < list.count; i++) {
        for (size_t k = 0; k < ARRAY_LEN(codes); k++) {
            counts[k] += strcmp(list.rows[i].flag.code, codes[k]) == 0 && !flag_of_volunteers(list.rows[i].flag.key);
        }
    }
    json_t *value = json_object();
    for (size_t k = 0; k < ARRAY_LEN(codes); k++) {
        (void)json_object_set_new(value, codes[k], json_integer(counts[k]));
    }
    *ret_value = value;
    return ERR_OK;
}

static json_t *questions_value(const struct take_part *t)
{
    const struct mandate *m = &t->mandate;
    const struct {
        bool asked;
        const char *text;
    } questions[] = {
        { t->below,
          "Who pays for the difference between what a placement costs and what it brings, and for how long?" },
        { t->unsure, "What do we do if fewer people complete than we hope, and at which number do we stop?" },
        { t->unpriced, "What does a placement cost us, with supervision, support and administration?" },
        { t->facts->contract_count == 0,
          "Which terms are offered, and what share of the payment does the prime keep?" },
        { true, "Does it help the people who are sent here, and would they come if nobody made them?" },
        { true, "What do we say in public about people who are here because they would lose their benefit otherwise?" },
        { m->mandatory > 0, "How do our members, funders, staff and volunteers see that people are required to come?" },
        { true, "Is the work additional, and of benefit to the community: would nobody else be paid to do it?" },
        { true, "How do we keep volunteering and mandated work apart, in words and at the same place?" },
        { m->decisions > 0 || m->doubts > 0,
          "What did it mean for the people about whom JCP decided, and did our records bear those decisions?" },
        { m->declined_as_policy > 0, "Does the policy by which we declined still say what we mean?" },
        { m->route_redress + m->complaints > 0, "What did people who complained or sought redress tell us?" },
        { json_array_size(t->policy) == 0, "Who decides, on which conditions, and when is it looked at again?" },
        { !t->facts->capacity.stated, "How many people can we support well at the same time?" },
        { t->facts->waiting > 0, "What do we tell JCP about those who wait?" },
    };
    json_t *list = json_array();
    for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
        if (questions[i].asked) {
            (void)json_array_append_new(list, json_string(questions[i].text));
        }
    }
    return list;
}

static enum err_code answer_take_part(struct take_part *t, json_t *contracts, struct error *err)
{
    const struct api_world *world = t->call->world;
    json_t *flags;
    TRY(contracts_list(t, contracts, err));
    TRY(policy_list(t, err));
    TRY(query_mandate(world->store, world->today - YEAR_DAYS + 1, world->today, t->route, &t->mandate, err));
    TRY(flags_value(t, &flags, err));
    return answer_object(t->call->answer,
                         json_pack("{s:o,s:o,s:O,s:s,s:o,s:O,s:o,s:o,s:o}", "on", value_day(world->today), "route",
                                   value_text(t->route == NULL ? "" : t->route), "contracts", contracts,
                                   "payments_source", programme_payments_source(world->programme), "mandate",
                                   mandate_value(t), "policy", t->policy, "flags", flags, "capacity", capacity_value(t),
                                   "questions", questions_value(t)),
                         err);
}

enum err_code api_take_part(struct api_call *call, struct error *err)
{
    struct row_id contract;
    struct take_part t = { .call = call, .route = query_text(call, "route") };
    const char *ref = query_text(call, "contract");
    struct store_site_facts site;
    if (t.route != NULL && programme_label(call->world->programme, LABEL_ROUTE, t.route, LANGUAGE_ENGLISH) == NULL) {
        return FAIL(err, INVALID, "read argument 'route': expected a route of the programme pack");
    }
    if (ref != NULL) {
        TRY(query_find(call->world->store, KIND_CONTRACT, ref, &contract, err));
        t.contract = &contract;
    }
    TRY(store_site_facts(call->world->store, call->world->today, &site, err));
    t.facts = &site.facts;
    t.policy = json_array();
    json_t *contracts = json_array();
    enum err_code rc = answer_take_part(&t, contracts, err);
    json_decref(contracts);
    json_decref(t.policy);
    store_site_facts_fini(&site);
    return rc;
}
