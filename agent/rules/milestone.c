/*
 * Payment triggers and the days on placement.
 *
 *   placement 1            placement 2
 *   |-------|....|-------| |--------------|      .... a break: not counted, nor what lies between two placements
 *   ^ first came         ^ three months   ^ six months
 */
#include <string.h>

#include "agent/rules/flags.h"
#include "agent/rules/money.h"
#include "base/clock.h"
#include "base/money.h"

const char *milestone_state_name(enum milestone_state state)
{
    static const char *const names[] = { "not_reached", "coming", "unshown", "reached" };
    return names[state];
}

/* The person's placements without a long break between them, of which this is one. */
struct chain {
    const struct span_row *spans;
    size_t count;
    size_t own; /* the index of this placement */
};

static bool span_known(const struct span_row *span)
{
    return day_known(span->starts_on) && day_known(span->ends_on);
}

static bool chain_of(const struct placement_case *c, struct chain *ret_chain)
{
    int gap = programme_rules_of(c->programme)->scheme_new_after_days;
    struct chain chain = { 0 };
    bool found = false;
    int32_t ends = 0;
    for (size_t i = 0; i < c->facts->span_count; i++) {
        const struct span_row *span = &c->facts->spans[i];
        if (chain.count > 0 && span_known(span) && span->starts_on - ends - 1 > gap) {
            if (found) {
                break;
            }
            chain.count = 0;
        }
        if (chain.count == 0) {
            chain.spans = span;
            ends = span->ends_on;
        }
        if (memcmp(&span->placement, &c->facts->placement.id, sizeof(span->placement)) == 0) {
            chain.own = chain.count;
            found = span_known(span);
        }
        ends = span->ends_on > ends ? span->ends_on : ends;
        chain.count++;
    }
    *ret_chain = chain;
    return found;
}

/* The last day of the break that `day` lies in, or ROW_NONE. */
static int32_t break_until(const struct placement_facts *facts, int32_t day)
{
    for (size_t i = 0; i < facts->break_count; i++) {
        const struct day_span *rest = &facts->breaks[i];
        int32_t ends_on = rest->ends_on == ROW_NONE ? INT32_MAX : rest->ends_on;
        if (day_known(rest->starts_on) && rest->starts_on <= day && day <= ends_on) {
            return ends_on;
        }
    }
    return ROW_NONE;
}

struct walk {
    int32_t on;
    size_t span;
    int break_days;
};

/* Where the days of a trigger are over; false when the placements end before. */
static bool walk_days(const struct placement_facts *facts, const struct chain *chain, int32_t from, int days,
                      struct walk *ret_walk)
{
    struct walk walk = { 0 };
    int counted = 0;
    int32_t day = from;
    for (size_t i = 0; i < chain->count; i++) {
        const struct span_row *span = &chain->spans[i];
        if (!span_known(span)) {
            continue;
        }
        day = day > span->starts_on ? day : span->starts_on;
        while (day <= span->ends_on) {
            int32_t until = break_until(facts, day);
            if (until != ROW_NONE) {
                int32_t last = until < span->ends_on ? until : span->ends_on;
                walk.break_days += last - day + 1;
                day = last + 1;
                continue;
            }
            counted++;
            if (days_with_weekend(counted, day) >= days) {
                walk.on = day;
                walk.span = i;
                *ret_walk = walk;
                return true;
            }
            day++;
        }
        if (counted > 0 && day == span->ends_on + 1 &&
            break_until(facts, span->ends_on) == ROW_NONE) { /* the weekend behind its last day is part of the week */
            int behind = days_with_weekend(0, span->ends_on);
            counted += behind;
            day += behind;
        }
    }
    return false;
}

static const struct claim_row *claim_for(const struct placement_facts *facts, const struct chain *chain,
                                         const char *trigger)
{
    for (size_t i = 0; i < facts->claim_count; i++) {
        if (strcmp(facts->claims[i].trigger, trigger) == 0 &&
            facts->claims[i].claimed_on >= chain->spans[0].starts_on) {
            return &facts->claims[i];
        }
    }
    return NULL;
}

/* Recorded for any placement of the chain; of several the earliest. */
static const struct milestone_row *recorded_for(const struct placement_facts *facts, const struct chain *chain,
                                                const char *trigger)
{
    for (size_t i = 0; i < facts->milestone_count; i++) {
        const struct milestone_row *row = &facts->milestones[i];
        if (strcmp(row->trigger, trigger) == 0 && day_known(row->reached_on) &&
            row->reached_on >= chain->spans[0].starts_on) {
            return row;
        }
    }
    return NULL;
}

/* Where the count begins; false: the person has not come yet. */
static bool count_from(const struct placement_case *c, const struct chain *chain, int32_t *ret_from)
{
    struct payment_trigger first;
    if (!programme_trigger_at(c->programme, 0, &first)) {
        return false;
    }
    const struct milestone_row *recorded = recorded_for(c->facts, chain, first.code);
    if (recorded != NULL) {
        *ret_from = recorded->reached_on;
        return true;
    }
    if (chain->own > 0) {
        *ret_from = chain->spans[0].starts_on;
        return true;
    }
    *ret_from = c->facts->first_came_on;
    return day_known(*ret_from);
}

static enum milestone_state state_on(const struct placement_case *c, int32_t on)
{
    if (on > c->today) {
        return MILESTONE_COMING;
    }
    int within = programme_rules_of(c->programme)->milestone_came_within_days;
    return day_known(c->facts->last_came_on) && c->facts->last_came_on >= on - within ? MILESTONE_REACHED
                                                                                      : MILESTONE_UNSHOWN;
}

/* True when the trigger falls into this placement. */
static bool milestone_at(const struct placement_case *c, const struct chain *chain,
                         const struct payment_trigger *trigger, struct milestone *milestone)
{
    const struct milestone_row *recorded = recorded_for(c->facts, chain, trigger->code);
    if (recorded != NULL) {
        milestone->state = recorded->reached_on <= c->today ? MILESTONE_REACHED : MILESTONE_COMING;
        milestone->on = recorded->reached_on;
        return memcmp(&recorded->placement, &c->facts->placement.id, sizeof(recorded->placement)) == 0;
    }
    int32_t from;
    struct walk walk;
    bool begun = count_from(c, chain, &from);
    if (!begun) { /* by the days agreed */
        from = chain->spans[0].starts_on;
    }
    milestone->counted_from = from;
    if (!walk_days(c->facts, chain, from, trigger->after_days, &walk)) {
        return chain->own + 1 == chain->count;
    }
    milestone->on = walk.on;
    milestone->break_days = walk.break_days;
    milestone->state = begun ? state_on(c, walk.on) : walk.on > c->today ? MILESTONE_COMING : MILESTONE_UNSHOWN;
    return walk.span == chain->own;
}

size_t rules_milestones(const struct programme *programme, const struct placement_facts *facts, int32_t today,
                        struct milestone ret_milestones[TRIGGERS_MAX])
{
    const struct placement_case c = { .programme = programme, .facts = facts, .today = today };
    struct chain chain;
    int64_t amounts[TRIGGERS_MAX];
    if (facts->placement.basis != BASIS_MANDATORY || !chain_of(&c, &chain)) {
        return 0;
    }
    bool priced = facts->contract != NULL && contract_amounts(programme, facts->contract, amounts);
    size_t count = 0;
    struct payment_trigger trigger;
    for (size_t i = 0; programme_trigger_at(programme, i, &trigger); i++) {
        struct milestone milestone = { .trigger = i, .on = ROW_NONE, .counted_from = ROW_NONE };
        milestone.amount_pence = priced ? amounts[i] : PENCE_NONE;
        milestone.claim = claim_for(facts, &chain, trigger.code);
        if (milestone_at(&c, &chain, &trigger, &milestone)) {
            ret_milestones[count++] = milestone;
        }
    }
    return count;
}

int32_t rules_milestone_earliest(const struct programme *programme, const struct placement_facts *facts,
                                 const char *trigger)
{
    const struct placement_case c = { .programme = programme, .facts = facts };
    struct payment_trigger named;
    struct chain chain;
    if (!programme_trigger_at(programme, programme_trigger_find(programme, trigger), &named) || !chain_of(&c, &chain)) {
        return ROW_NONE;
    }
    int32_t first = chain.spans[0].starts_on;
    int days = 1;
    while (days_with_weekend(days, first + days - 1) < named.after_days) {
        days++;
    }
    return first + days - 1;
}

/* ---- milestone_due ---- */

static void due_facts(const struct placement_case *c, const struct milestone *milestone, const char *label,
                      struct flag_row *flag)
{
    char on[DATE_TEXT_SIZE];
    date_format(milestone->on, on);
    text_put(flag->facts, sizeof(flag->facts), "%s was reached on %s in placement %s", label, on,
             c->facts->placement.ref);
    if (milestone->counted_from == ROW_NONE) {
        text_append(flag->facts, sizeof(flag->facts), ", as somebody recorded");
    } else if (milestone->trigger > 0) {
        char from[DATE_TEXT_SIZE];
        date_format(milestone->counted_from, from);
        text_append(flag->facts, sizeof(flag->facts), ", counted from %s", from);
    }
    if (milestone->break_days > 0) {
        text_append(flag->facts, sizeof(flag->facts), " without %d day%s of breaks", milestone->break_days,
                    milestone->break_days == 1 ? "" : "s");
    }
    text_append(flag->facts, sizeof(flag->facts), "; nothing is claimed for it under contract %s",
                c->facts->contract->ref);
    if (milestone->amount_pence != PENCE_NONE) {
        char pounds[POUNDS_TEXT_SIZE];
        pounds_format(milestone->amount_pence, pounds);
        text_append(flag->facts, sizeof(flag->facts), " (%s)", pounds);
    }
    text_append(flag->facts, sizeof(flag->facts), ".");
}

static enum err_code flag_due(const struct placement_case *c, const struct milestone *milestone, struct flag_list *out,
                              struct error *err)
{
    struct payment_trigger trigger;
    bool known = programme_trigger_at(c->programme, milestone->trigger, &trigger);
    CHECK(known);
    struct flag_row flag = flag_of_placement("milestone_due", SEVERITY_WATCH, &c->facts->placement, milestone->on);
    text_append(flag.key, sizeof(flag.key), "/%s", trigger.code);
    due_facts(c, milestone, programme_label(c->programme, LABEL_TRIGGER, trigger.code, LANGUAGE_ENGLISH), &flag);
    text_put(flag.next_step, sizeof(flag.next_step),
             "Look whether the register and the notices bear the claim, then claim it; or record why not. Nothing of "
             "this is a reason to keep anybody on a placement.");
    text_put(flag.rule, sizeof(flag.rule),
             "The pack's trigger '%s', %d days on placement, breaks left out (%s), reached and not claimed; the person "
             "came within the %d days before (%s), or somebody recorded it.",
             trigger.code, trigger.after_days, programme_payments_source(c->programme),
             programme_rules_of(c->programme)->milestone_came_within_days,
             programme_rule_source(c->programme, "milestone_came_within_days"));
    return flag_list_add(out, &flag, err);
}

enum err_code rules_milestone_due(const struct placement_case *c, struct flag_list *out, struct error *err)
{
    if (c->facts->contract == NULL) {
        return ERR_OK;
    }
    struct milestone milestones[TRIGGERS_MAX];
    size_t count = rules_milestones(c->programme, c->facts, c->today, milestones);
    for (size_t i = 0; i < count; i++) {
        if (milestones[i].state == MILESTONE_REACHED && milestones[i].claim == NULL) {
            TRY(flag_due(c, &milestones[i], out, err));
        }
    }
    return ERR_OK;
}
