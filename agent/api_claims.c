/* Claims under contracts, and the milestones that they are for. Nothing is claimed that the register does not bear. */
#include <stdio.h>
#include <string.h>

#include "agent/api_handlers.h"
#include "agent/rules/money.h"
#include "crypto/digest.h"

#define CLAIMS_LIMIT 1000
#define MILESTONES_LIMIT 300
#define PENCE_MAX INT32_MAX

/* ---- milestones ---- */

static json_t *milestone_value(const struct api_world *world, const struct placement_facts *facts,
                               const struct milestone *milestone)
{
    struct payment_trigger trigger;
    if (!programme_trigger_at(world->programme, milestone->trigger, &trigger)) {
        return NULL;
    }
    return json_pack("{s:s,s:o,s:s,s:s,s:s,s:s,s:o,s:o,s:i,s:o,s:o,s:o}", "placement", facts->placement.ref,
                     "participant_ref", value_text(facts->placement.participant_ref), "trigger", trigger.code, "title",
                     programme_label(world->programme, LABEL_TRIGGER, trigger.code, LANGUAGE_ENGLISH), "title_cy",
                     programme_label(world->programme, LABEL_TRIGGER, trigger.code, LANGUAGE_WELSH), "state",
                     milestone_state_name(milestone->state), "on", value_day(milestone->on), "counted_from",
                     value_day(milestone->counted_from), "break_days", milestone->break_days, "contract",
                     facts->contract == NULL ? json_null() : json_string(facts->contract->ref), "amount_pence",
                     value_pence(milestone->amount_pence), "claim",
                     milestone->claim == NULL
                         ? json_null()
                         : value_id(milestone->claim->id.bytes, sizeof(milestone->claim->id.bytes)));
}

static enum err_code add_milestones(struct api_call *call, const struct row_id *placement, struct error *err)
{
    struct store_placement_facts facts;
    struct milestone milestones[TRIGGERS_MAX];
    TRY(store_placement_facts(call->world->store, placement, call->world->today, &facts, err));
    size_t count = rules_milestones(call->world->programme, &facts.facts, call->world->today, milestones);
    enum err_code rc = ERR_OK;
    for (size_t i = 0; i < count && rc == ERR_OK; i++) {
        rc = answer_list_row(call->answer, milestone_value(call->world, &facts.facts, &milestones[i]), err);
    }
    store_placement_facts_fini(&facts);
    return rc;
}

/* Of one placement, or of all that run. */
enum err_code api_milestones(struct api_call *call, struct error *err)
{
    const char *ref = query_text(call, "placement");
    size_t limit;
    TRY(query_number(call, "limit", MILESTONES_LIMIT, QUERY_LIMIT_MAX, &limit, err));
    if (ref != NULL) {
        struct row_id id;
        TRY(query_find(call->world->store, KIND_PLACEMENT, ref, &id, err));
        TRY(answer_list_begin(call->answer, NULL, "milestones", err));
        TRY(add_milestones(call, &id, err));
        return answer_list_end(call->answer, false, err);
    }
    SCOPED(placement_list_fini) struct placement_list list = { 0 };
    TRY(query_placements(call->world->store, call->world->today, limit, &list, err));
    TRY(answer_list_begin(call->answer, NULL, "milestones", err));
    for (size_t i = 0; i < list.count; i++) {
        if (list.rows[i].basis == BASIS_MANDATORY) {
            TRY(add_milestones(call, &list.rows[i].id, err));
        }
    }
    return answer_list_end(call->answer, list.more, err);
}

/* ---- claims ---- */

static const char *claim_state(const struct api_world *world, const struct claim_row *row)
{
    if (row->refused_on != ROW_NONE) {
        return "refused";
    }
    if (row->paid_on != ROW_NONE) {
        return row->paid_pence != PENCE_NONE && row->paid_pence < row->amount_pence ? "part_paid" : "paid";
    }
    return claim_due_on(world->programme, row) < world->today ? "overdue" : "open";
}

static json_t *claim_value(const struct api_world *world, const struct claim_row *row)
{
    return json_pack("{s:o,s:o,s:o,s:s,s:s,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "id",
                     value_id(row->id.bytes, ROW_ID_BYTES), "contract", value_text(row->contract_ref), "placement",
                     value_text(row->placement_ref), "trigger", row->trigger, "state", claim_state(world, row),
                     "amount_pence", (json_int_t)row->amount_pence, "claimed_on", value_day(row->claimed_on), "due_on",
                     value_day(claim_due_on(world->programme, row)), "paid_pence", value_pence(row->paid_pence),
                     "paid_on", value_day(row->paid_on), "refused_on", value_day(row->refused_on), "reason",
                     value_text(row->reason), "invoice", value_text(row->invoice));
}

static enum err_code link_read(const struct api_call *call, const char *name, uint32_t kind, struct row_id *id,
                               const struct row_id **ret_link, struct error *err)
{
    const char *ref = query_text(call, name);
    *ret_link = NULL;
    if (ref != NULL) {
        TRY(query_find(call->world->store, kind, ref, id, err));
        *ret_link = id;
    }
    return ERR_OK;
}

enum err_code api_claims(struct api_call *call, struct error *err)
{
    struct row_id contract;
    struct row_id placement;
    const struct row_id *of_contract;
    const struct row_id *of_placement;
    size_t limit;
    const char *state = query_text(call, "state");
    TRY(link_read(call, "contract", KIND_CONTRACT, &contract, &of_contract, err));
    TRY(link_read(call, "placement", KIND_PLACEMENT, &placement, &of_placement, err));
    TRY(query_number(call, "limit", CLAIMS_LIMIT, QUERY_LIMIT_MAX, &limit, err));
    SCOPED(claim_list_fini) struct claim_list list = { 0 };
    /* the state follows from the pack and the day: it is looked for among all, and the limit is of those that have it
     */
    TRY(query_claims(call->world->store, of_contract, of_placement, state == NULL ? limit : QUERY_LIMIT_MAX, &list,
                     err));
    TRY(answer_list_begin(call->answer, NULL, "claims", err));
    size_t found = 0;
    for (size_t i = 0; i < list.count && found <= limit; i++) {
        bool fits = state == NULL || strcmp(state, claim_state(call->world, &list.rows[i])) == 0;
        found += fits;
        if (fits && found <= limit) {
            TRY(answer_list_row(call->answer, claim_value(call->world, &list.rows[i]), err));
        }
    }
    return answer_list_end(call->answer, list.more || found > limit, err);
}

struct claim_request {
    struct row_id contract;
    struct row_id placement;
    bool for_placement;
    const char *trigger;
    const char *invoice;
    const char *note;
    int64_t amount_pence; /* PENCE_NONE: what the contract says */
    bool refused;
    int32_t on;
};

static enum err_code request_read(const struct api_call *call, struct claim_request *request, struct error *err)
{
    static const char *const known[] = { "contract", "placement", "trigger", "amount_pence",
                                         "on",       "invoice",   "note",    NULL };
    struct members members = members_begin(call->body, known, err);
    const char *contract = member_text(&members, "contract", ROW_REF_SIZE - 1, false);
    const char *placement = member_text(&members, "placement", ROW_REF_SIZE - 1, false);
    *request = (struct claim_request){ .amount_pence = PENCE_NONE, .on = call->world->today };
    request->trigger = member_text(&members, "trigger", ROW_CODE_SIZE - 1, true);
    request->invoice = member_text(&members, "invoice", ROW_REF_SIZE - 1, false);
    request->note = member_text(&members, "note", ROW_NOTE_SIZE - 1, false);
    bool priced = member_int(&members, "amount_pence", 0, PENCE_MAX, false, &request->amount_pence);
    (void)member_day(&members, "on", false, &request->on);
    if (request->on > call->world->today) {
        members_reject(&members, "on", "a day that has come");
    }
    if (contract == NULL && placement == NULL) {
        members_reject(&members, "contract", "a contract, or a placement that one pays for");
    }
    if (placement == NULL && !priced) {
        members_reject(&members, "amount_pence", "an amount, as no placement is named");
    }
    TRY(members_end(&members));
    if (contract != NULL) {
        TRY(query_find(call->world->store, KIND_CONTRACT, contract, &request->contract, err));
    }
    if (placement != NULL) {
        TRY(query_find(call->world->store, KIND_PLACEMENT, placement, &request->placement, err));
        request->for_placement = true;
    }
    return ERR_OK;
}

static const struct milestone *milestone_named(const struct api_world *world, const struct milestone *milestones,
                                               size_t count, const char *trigger)
{
    size_t wanted = programme_trigger_find(world->programme, trigger);
    for (size_t i = 0; i < count; i++) {
        if (milestones[i].trigger == wanted) {
            return &milestones[i];
        }
    }
    return NULL;
}

static enum err_code milestone_fits(const struct api_call *call, const struct placement_facts *facts,
                                    struct claim_request *request, struct error *err)
{
    const struct api_world *world = call->world;
    struct milestone milestones[TRIGGERS_MAX];
    if (programme_trigger_find(world->programme, request->trigger) == TRIGGERS_MAX) {
        return FAIL(err, INVALID, "claim: expected a payment trigger of the programme pack");
    }
    size_t count = rules_milestones(world->programme, facts, world->today, milestones);
    const struct milestone *milestone = milestone_named(world, milestones, count, request->trigger);
    if (milestone == NULL || milestone->state == MILESTONE_NOT_REACHED || milestone->state == MILESTONE_COMING) {
        return FAIL(err, REFUSED,
                    "claim: the milestone is not reached in this placement; record it first if there is other "
                    "evidence, such as of a job");
    }
    if (milestone->state == MILESTONE_UNSHOWN) {
        return FAIL(err, REFUSED,
                    "claim: the register does not show that the person was there; put it right, or record the "
                    "milestone with its evidence");
    }
    if (request->on < milestone->on) {
        return FAIL(err, REFUSED, "claim: the day of the claim is before the day on which the milestone was reached");
    }
    if (!request->refused && milestone->claim != NULL && milestone->claim->refused_on == ROW_NONE) {
        return FAIL(err, CONFLICT, "claim: it is claimed already");
    }
    if (facts->contract == NULL) {
        return FAIL(err, REFUSED, "claim: no contract by results is known to pay for this placement");
    }
    if (request->amount_pence == PENCE_NONE && milestone->amount_pence == PENCE_NONE) {
        return FAIL(err, INVALID, "claim: expected an amount, as the contract has no price");
    }
    request->amount_pence = request->amount_pence == PENCE_NONE ? milestone->amount_pence : request->amount_pence;
    request->contract = facts->contract->id;
    return ERR_OK;
}

static enum err_code contract_runs(const struct api_call *call, const struct claim_request *request, struct error *err)
{
    SCOPED(record_list_fini) struct record_list list = { 0 };
    TRY(query_record(call->world->store, kind_by_number(KIND_CONTRACT), &request->contract, &list, err));
    const struct value *starts_on = record_value(&list.rows[0].record, "starts_on");
    return starts_on->present && request->on < starts_on->number
               ? FAIL(err, REFUSED, "claim: the contract begins after the day of the claim")
               : ERR_OK;
}

/* With a placement: reached, not claimed yet, and under the contract that pays for it. */
static enum err_code request_check(const struct api_call *call, struct claim_request *request, struct error *err)
{
    struct store_placement_facts facts;
    struct row_id named = request->contract;
    static const struct row_id none = { { 0 } };
    if (!request->for_placement) {
        return ERR_OK;
    }
    TRY(store_placement_facts(call->world->store, &request->placement, call->world->today, &facts, err));
    enum err_code rc = milestone_fits(call, &facts.facts, request, err);
    store_placement_facts_fini(&facts);
    TRY(rc);
    if (memcmp(&named, &none, sizeof(named)) != 0 && memcmp(&named, &request->contract, sizeof(named)) != 0) {
        return FAIL(err, REFUSED, "claim: another contract pays for this placement");
    }
    return ERR_OK;
}

enum err_code claim_bears(const struct api_call *call, struct record *record, struct error *err)
{
    char trigger[ROW_CODE_SIZE];
    const struct value *placement = record_value(record, "placement");
    struct slice code = record_value(record, "payment_trigger")->text;
    struct claim_request request = { .for_placement = placement->present,
                                     .trigger = trigger,
                                     .amount_pence = record_value(record, "amount_pence")->number,
                                     .on = (int32_t)record_value(record, "claimed_on")->number,
                                     .refused = record_value(record, "refused_on")->present };
    memcpy(request.contract.bytes, record_value(record, "contract")->text.data, ROW_ID_BYTES);
    if (placement->present) {
        memcpy(request.placement.bytes, placement->text.data, ROW_ID_BYTES);
    }
    (void)snprintf(trigger, sizeof(trigger), "%.*s", (int)code.len, (const char *)code.data);
    return request_check(call, &request, err);
}

static enum err_code write_claim(struct api_call *call, const struct store_entry *entry, struct error *err)
{
    const struct api_world *world = call->world;
    struct store_written written;
    struct claim_row row;
    char id[2 * OP_ENTITY_BYTES + 1];
    TRY(store_write(world->store, world->actor, entry, 1, world->now_ms, &written, err));
    call->answer->wrote = written.added > 0;
    hex_encode(entry->subject, OP_ENTITY_BYTES, id);
    TRY(query_claim(world->store, id, &row, err));
    return answer_object(call->answer,
                         json_pack("{s:i,s:o,s:o}", "added", (int)written.added, "op",
                                   written.added > 0 ? value_op(&written.last) : json_null(), "claim",
                                   claim_value(world, &row)),
                         err);
}

enum err_code api_claim_add(struct api_call *call, struct error *err)
{
    struct claim_request request;
    struct store_entry entry = { .kind = KIND_CLAIM, .happened_at_ms = OP_TIME_NONE };
    TRY(request_read(call, &request, err));
    TRY(request_check(call, &request, err));
    TRY(contract_runs(call, &request, err));
    TRY(random_bytes(entry.subject, OP_ENTITY_BYTES, err));
    record_init(&entry.record, kind_by_number(KIND_CLAIM));
    record_set_id(&entry.record, "contract", request.contract.bytes);
    if (request.for_placement) {
        record_set_id(&entry.record, "placement", request.placement.bytes);
    }
    record_set_text(&entry.record, "payment_trigger", request.trigger);
    record_set_number(&entry.record, "amount_pence", request.amount_pence);
    record_set_number(&entry.record, "claimed_on", request.on);
    record_set_text(&entry.record, "invoice", request.invoice);
    record_set_text(&entry.record, "note", request.note);
    return write_claim(call, &entry, err);
}

static enum err_code answer_read(const struct api_call *call, const struct claim_row *row, bool paid,
                                 struct record *record, struct error *err)
{
    static const char *const of_paid[] = { "on", "amount_pence", "note", "over", NULL };
    static const char *const of_refused[] = { "on", "reason", "note", NULL };
    struct members members = members_begin(call->body, paid ? of_paid : of_refused, err);
    int32_t on = call->world->today;
    (void)member_day(&members, "on", false, &on);
    if (on > call->world->today || on < row->claimed_on) {
        members_reject(&members, "on", "a day from the claim to today");
    }
    record_init(record, kind_by_number(KIND_CLAIM));
    if (paid) {
        int64_t amount = row->amount_pence;
        (void)member_int(&members, "amount_pence", 1, PENCE_MAX, false, &amount);
        if (amount > row->amount_pence && !member_bool(&members, "over", false)) {
            members_reject(&members, "amount_pence",
                           "no more than was claimed; if more was paid all the same, say so ('over', --over)");
        }
        record_set_number(record, "paid_pence", amount);
        record_set_number(record, "paid_on", on);
    } else {
        record_set_number(record, "refused_on", on);
        record_set_text(record, "reason", member_text(&members, "reason", ROW_CODE_SIZE - 1, false));
    }
    record_set_text(record, "note", member_text(&members, "note", ROW_NOTE_SIZE - 1, false));
    return members_end(&members);
}

/* NAME/paid or NAME/refused */
enum err_code api_claim_answer(struct api_call *call, struct error *err)
{
    char name[2 * ROW_REF_SIZE];
    const char *slash = strrchr(call->tail, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - call->tail);
    bool paid = slash != NULL && strcmp(slash, "/paid") == 0;
    if (len == 0 || len >= sizeof(name) || !(paid || strcmp(slash, "/refused") == 0)) {
        return FAIL(err, NOT_FOUND, "find the path: expected /v1/claims/NAME/paid or /v1/claims/NAME/refused");
    }
    memcpy(name, call->tail, len);
    name[len] = '\0';
    struct claim_row row;
    struct store_entry entry = { .kind = KIND_CLAIM, .happened_at_ms = OP_TIME_NONE };
    TRY(query_claim(call->world->store, name, &row, err));
    if (row.refused_on != ROW_NONE && paid) {
        return FAIL(err, CONFLICT, "record the payment: the claim is refused; claim anew what is paid after all");
    }
    if (row.paid_on != ROW_NONE && !paid) {
        return FAIL(err, CONFLICT, "record the refusal: the claim is paid");
    }
    TRY(answer_read(call, &row, paid, &entry.record, err));
    memcpy(entry.subject, row.id.bytes, ROW_ID_BYTES);
    return write_claim(call, &entry, err);
}
