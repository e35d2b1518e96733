/*
 * Contracts: what they bring against what they cost, and claims that nobody paid.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/rules/flags.h"
#include "agent/rules/money.h"
#include "base/clock.h"
#include "base/money.h"

enum { MILLE = 1000, ERRORS = 2, ADDED = 2 };

bool contract_by_results(const struct contract_row *contract)
{
    return strcmp(contract->form, "payment_by_results") == 0;
}

static int64_t after_prime(const struct contract_row *contract, int64_t pence)
{
    return contract->share_permille == ROW_NONE ? pence : pence * contract->share_permille / MILLE;
}

int64_t contract_person_pence(const struct programme *programme, const struct contract_row *contract)
{
    if (contract->price_pence == PENCE_NONE) {
        return PENCE_NONE;
    }
    int64_t most = programme_person_pence_max(programme);
    return after_prime(contract, most > 0 && contract->price_pence > most ? most : contract->price_pence);
}

bool contract_amounts(const struct programme *programme, const struct contract_row *contract,
                      int64_t ret_pence[TRIGGERS_MAX])
{
    int64_t whole = contract_person_pence(programme, contract);
    int64_t given = 0;
    size_t count = 0;
    struct payment_trigger trigger;
    if (whole == PENCE_NONE) {
        return false;
    }
    for (; programme_trigger_at(programme, count, &trigger); count++) {
        ret_pence[count] = whole * trigger.share_permille / MILLE;
        given += ret_pence[count];
    }
    if (count > 0) {
        ret_pence[count - 1] += whole - given;
    }
    return count > 0;
}

int64_t contract_unit_pence(const struct contract_row *contract)
{
    if (contract->price_pence == PENCE_NONE) {
        return PENCE_NONE;
    }
    if (strcmp(contract->form, "block") == 0) {
        return contract->units > 0 ? after_prime(contract, contract->price_pence) / contract->units : PENCE_NONE;
    }
    return after_prime(contract, contract->price_pence);
}

/* ---- viability ---- */

/* Thousandths: `errors` standard errors above (below zero: below) the rate of k of n, two added to both outcomes. */
static int64_t rate_permille(int64_t k, int64_t n, int errors)
{
    int64_t all = n + 2 * (int64_t)ADDED;
    int64_t spread = square_root(((k + ADDED) * (n - k + ADDED) * MILLE / all) * MILLE);
    int64_t rate = ((k + ADDED) * MILLE + errors * spread) / all;
    return rate < 0 ? 0 : rate > MILLE ? MILLE : rate;
}

static int64_t break_even(const struct contract_row *contract, const struct viability *viability)
{
    int64_t margin = viability->expected_pence - viability->cost_pence;
    if (!viability->observed || margin <= 0 || contract->fixed_cost_pence == PENCE_NONE) {
        return ROW_NONE;
    }
    return (contract->fixed_cost_pence + margin - 1) / margin;
}

void rules_viability(const struct programme *programme, const struct contract_stand *stand,
                     struct viability *ret_viability)
{
    const struct contract_row *contract = &stand->contract;
    int least = programme_rules_of(programme)->viability_least_people;
    int64_t amounts[TRIGGERS_MAX];
    struct viability v = { .expected_pence = PENCE_NONE, .break_even_people = ROW_NONE };
    struct payment_trigger trigger;
    if (!contract_by_results(contract) || contract->cost_pence == PENCE_NONE ||
        !contract_amounts(programme, contract, amounts)) {
        *ret_viability = v;
        return;
    }
    v = (struct viability){ .priced = true, .observed = true, .enough = true, .cost_pence = contract->cost_pence };
    for (size_t i = 0; programme_trigger_at(programme, i, &trigger); i++) {
        int64_t n = stand->old_enough[i];
        int64_t k = stand->reached[i];
        v.observed &= n > 0;
        v.enough &= n >= least;
        v.people = (int)n;
        v.full_pence += amounts[i];
        v.expected_pence += n > 0 ? amounts[i] * k / n : 0;
        v.low_pence += amounts[i] * rate_permille(k, n, -ERRORS) / MILLE;
        v.high_pence += amounts[i] * rate_permille(k, n, ERRORS) / MILLE;
    }
    v.expected_pence = v.observed ? v.expected_pence : PENCE_NONE;
    v.break_even_people = break_even(contract, &v);
    *ret_viability = v;
}

/* By how many what is paid for was reached, in the words of the pack. */
static void rates_put(const struct site_case *c, const struct contract_stand *stand, char *out, size_t size)
{
    struct payment_trigger trigger;
    text_put(out, size, "%s", "");
    for (size_t i = 0; programme_trigger_at(c->programme, i, &trigger); i++) {
        text_append(out, size, "%s%d of %d %s", i == 0 ? "" : ", ", stand->reached[i], stand->old_enough[i],
                    programme_label(c->programme, LABEL_TRIGGER, trigger.code, LANGUAGE_ENGLISH));
    }
}

static void viability_texts(const struct site_case *c, const struct contract_stand *stand, const struct viability *v,
                            struct flag_row *flag)
{
    const struct programme_rules *rules = programme_rules_of(c->programme);
    char cost[POUNDS_TEXT_SIZE];
    char income[POUNDS_TEXT_SIZE];
    char rates[FLAG_TEXT_SIZE / 2];
    bool never = v->full_pence < v->cost_pence;
    pounds_format(v->cost_pence, cost);
    pounds_format(never ? v->full_pence : v->expected_pence, income);
    rates_put(c, stand, rates, sizeof(rates));
    if (never) {
        text_put(flag->facts, sizeof(flag->facts),
                 "Under contract %s a placement costs %s and brings %s even when everything is reached.",
                 stand->contract.ref, cost, income);
    } else {
        char low[POUNDS_TEXT_SIZE];
        char high[POUNDS_TEXT_SIZE];
        pounds_format(v->low_pence, low);
        pounds_format(v->high_pence, high);
        text_put(flag->facts, sizeof(flag->facts),
                 "Under contract %s a placement costs %s and brings %s as people completed so far (%s); between %s and "
                 "%s, as far as so few can tell.",
                 stand->contract.ref, cost, income, rates, low, high);
    }
    text_put(flag->next_step, sizeof(flag->next_step),
             "Show the trustees what the contract brings and costs, and what stands in the way of completion; talk "
             "with the prime about the terms. No person is the reason.");
    text_put(flag->rule, sizeof(flag->rule),
             "Expected income below the cost of a placement, fixed cost aside; from placements of the last %d days "
             "(%s) that are old enough; fewer than %d people say little (%s).",
             rules->viability_window_days, programme_rule_source(c->programme, "viability_window_days"),
             rules->viability_least_people, programme_rule_source(c->programme, "viability_least_people"));
}

static struct flag_row flag_of_contract(const struct site_case *c, enum severity severity,
                                        const struct contract_row *contract)
{
    bool begun = day_known(contract->starts_on) && contract->starts_on <= c->today;
    struct flag_row flag = flag_of_site("contract_not_viable", severity, begun ? contract->starts_on : c->today);
    char hex[2 * ROW_ID_BYTES + 1];
    hex_encode(contract->id.bytes, sizeof(contract->id.bytes), hex);
    text_put(flag.key, sizeof(flag.key), "%s/%s", flag.code, hex);
    text_put(flag.subject_ref, sizeof(flag.subject_ref), "%s", contract->ref);
    return flag;
}

static enum err_code flag_viability(const struct site_case *c, const struct contract_stand *stand,
                                    struct flag_list *out, struct error *err)
{
    struct viability v;
    rules_viability(c->programme, stand, &v);
    bool never = v.full_pence < v.cost_pence;
    bool over = stand->contract.ends_on != ROW_NONE && stand->contract.ends_on < c->today;
    if (!v.priced || over || !(never || (v.observed && v.expected_pence < v.cost_pence))) {
        return ERR_OK;
    }
    struct flag_row flag = flag_of_contract(c,
                                            never      ? SEVERITY_ACT
                                            : v.enough ? SEVERITY_WATCH
                                                       : SEVERITY_INFO,
                                            &stand->contract);
    viability_texts(c, stand, &v, &flag);
    return flag_list_add(out, &flag, err);
}

/* ---- claims ---- */

int32_t claim_due_on(const struct programme *programme, const struct claim_row *claim)
{
    return claim->claimed_on + programme_rules_of(programme)->claim_paid_days;
}

static enum err_code flag_claim(const struct site_case *c, const struct claim_row *claim, struct flag_list *out,
                                struct error *err)
{
    int days = programme_rules_of(c->programme)->claim_paid_days;
    struct flag_row flag = flag_of_site("claim_unpaid", SEVERITY_WATCH, claim_due_on(c->programme, claim) + 1);
    char hex[2 * ROW_ID_BYTES + 1];
    char amount[POUNDS_TEXT_SIZE];
    char claimed[DATE_TEXT_SIZE];
    hex_encode(claim->id.bytes, sizeof(claim->id.bytes), hex);
    text_put(flag.key, sizeof(flag.key), "%s/%s", flag.code, hex);
    text_put(flag.subject_ref, sizeof(flag.subject_ref), "%s",
             claim->placement_ref[0] != '\0' ? claim->placement_ref : claim->contract_ref);
    pounds_format(claim->amount_pence, amount);
    date_format(claim->claimed_on, claimed);
    text_put(flag.facts, sizeof(flag.facts), "%s were claimed on %s under contract %s for '%s'%s%s, %d days ago",
             amount, claimed, claim->contract_ref, claim->trigger,
             claim->placement_ref[0] != '\0' ? " in placement " : "", claim->placement_ref,
             c->today - claim->claimed_on);
    if (claim->paid_on != ROW_NONE) {
        char paid[POUNDS_TEXT_SIZE];
        pounds_format(claim->paid_pence, paid);
        text_append(flag.facts, sizeof(flag.facts), "; %s of it are paid.", paid);
    } else {
        text_append(flag.facts, sizeof(flag.facts), "; nothing is paid.");
    }
    text_put(flag.next_step, sizeof(flag.next_step),
             "Ask the prime when it pays, with the invoice and the evidence at hand; record the payment, or that it is "
             "refused and why.");
    text_put(flag.rule, sizeof(flag.rule), "Claimed, not refused, and not paid in full within %d days (%s).", days,
             programme_rule_source(c->programme, "claim_paid_days"));
    return flag_list_add(out, &flag, err);
}

enum err_code rules_contract(const struct site_case *c, struct flag_list *out, struct error *err)
{
    for (size_t i = 0; i < c->facts->contract_count; i++) {
        TRY(flag_viability(c, &c->facts->contracts[i], out, err));
    }
    for (size_t i = 0; i < c->facts->open_claim_count; i++) {
        const struct claim_row *claim = &c->facts->open_claims[i];
        if (day_known(claim->claimed_on) && claim_due_on(c->programme, claim) < c->today) {
            TRY(flag_claim(c, claim, out, err));
        }
    }
    return ERR_OK;
}
