/*
 * agent/rules/money - what contracts pay for, from facts. Pure; whole pence.
 *
 * A person's mandatory placements that follow each other count as one: a trigger of the pack is reached once, in the
 * placement in which its days are over. Days of breaks and between two placements do not count. A week is over with its
 * Friday. The count begins on the day on which the person first came, on the day that somebody recorded for the first
 * trigger, or, seen from a later placement, on the first day agreed.
 *
 * A milestone that the register does not show (nobody came in the pack's days before it) is nothing to claim before
 * somebody has looked and recorded it.
 *
 * Layer: agent. Uses store/rows.h and the programme pack.
 */
#ifndef AGENT_RULES_MONEY_H
#define AGENT_RULES_MONEY_H

#include "agent/rules/rules.h"

enum milestone_state {
    MILESTONE_NOT_REACHED, /* the placements end before */
    MILESTONE_COMING,
    MILESTONE_UNSHOWN, /* its day has come, and the register does not show that the person did */
    MILESTONE_REACHED,
};

const char *milestone_state_name(enum milestone_state state); /* "not_reached", "coming", "unshown", "reached" */

struct milestone {
    size_t trigger; /* of the pack */
    enum milestone_state state;
    int32_t on;                    /* reached, or expected by the days agreed; ROW_NONE when not reached */
    int32_t counted_from;          /* ROW_NONE when somebody recorded it */
    int break_days;                /* left out on the way */
    int64_t amount_pence;          /* by the contract; PENCE_NONE without one or without its price */
    const struct claim_row *claim; /* for it, by whatever placement of the person; NULL: none */
};

/* Of the triggers that fall into this placement, at most TRIGGERS_MAX; none for the voluntary. */
size_t rules_milestones(const struct programme *programme, const struct placement_facts *facts, int32_t today,
                        struct milestone ret_milestones[TRIGGERS_MAX]);

/* The first day on which the days of a trigger can be over, from the first day of the placements that follow each
 * other; ROW_NONE for a code that the pack does not have. */
int32_t rules_milestone_earliest(const struct programme *programme, const struct placement_facts *facts,
                                 const char *trigger);

/* What one person in full brings, at most the pack's limit, after the prime's part; PENCE_NONE without a price. */
int64_t contract_person_pence(const struct programme *programme, const struct contract_row *contract);

/* By trigger; they add up to contract_person_pence. False without a price, or when the pack has no triggers. */
bool contract_amounts(const struct programme *programme, const struct contract_row *contract,
                      int64_t ret_pence[TRIGGERS_MAX]);

/* Of one unit of help (of a block: its price by its units), after the prime's part; PENCE_NONE when not known. */
int64_t contract_unit_pence(const struct contract_row *contract);

bool contract_by_results(const struct contract_row *contract);

/*
 * Income against cost of a placement under a contract by results.
 *
 *   expected = sum over the triggers of amount x reached / old enough
 *
 * so that each rate is that of the people who could have reached the trigger by today. The low and the high figure take
 * each rate at the end of an interval that holds the true one in about 95 of 100 such observations (Agresti and Coull:
 * two added to both outcomes, two standard errors), in thousandths.
 */
struct viability {
    bool priced;            /* price and cost are said; nothing below is meant otherwise */
    bool observed;          /* somebody was old enough for every trigger */
    bool enough;            /* at least the pack's number of people for every trigger */
    int people;             /* old enough for the last trigger */
    int64_t full_pence;     /* when everybody reaches everything */
    int64_t expected_pence; /* PENCE_NONE unless observed */
    int64_t low_pence;
    int64_t high_pence;
    int64_t cost_pence;
    int64_t break_even_people; /* a year, that the fixed cost takes at the expected income; ROW_NONE: never, or not
                                  known */
};

void rules_viability(const struct programme *programme, const struct contract_stand *stand,
                     struct viability *ret_viability);

/* The day after which an unpaid claim is said to be so. */
int32_t claim_due_on(const struct programme *programme, const struct claim_row *claim);

#endif
