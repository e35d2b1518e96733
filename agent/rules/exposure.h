/*
 * agent/rules/exposure - what an absence could lead to, previewed from JCP's decisions alone, and until when a decision
 * can be challenged. Pure, as the rules are. Our own flags and doubts are not among what it is given.
 */
#ifndef AGENT_RULES_EXPOSURE_H
#define AGENT_RULES_EXPOSURE_H

#include "store/rows.h"

struct exposure {
    int weeks;                           /* of the pack: a first or a later failure */
    const struct decision_row *decision; /* on which a later failure rests, of the facts; NULL for a first one */
    int days_after;                      /* its failure; 0 without one */
};

/* As if the absence of `day` was a failure, with what JCP had decided by `today`. */
void rules_exposure(const struct programme *programme, const struct placement_facts *facts, int32_t day, int32_t today,
                    struct exposure *ret_exposure);

enum challenge_step {
    CHALLENGE_NOTHING,         /* no decision that can be challenged, or what was to be won is won */
    CHALLENGE_RECONSIDERATION, /* mandatory reconsideration can be asked for */
    CHALLENGE_WAITING,         /* it was asked for: JCP has to answer */
    CHALLENGE_APPEAL,          /* the answer changed nothing: an appeal can be made */
    CHALLENGE_APPEALED,        /* the tribunal has to answer */
};

/* What is recorded of a challenge of one decision. Days are ROW_NONE when it has not happened. */
struct challenge_facts {
    const char *outcome; /* of the decision */
    int32_t decided_on;
    int32_t asked_on;        /* reconsideration */
    int32_t answered_on;     /* its answer */
    bool answered_unchanged; /* the answer left the decision as it was */
    int32_t appealed_on;
    int32_t appeal_answered_on;
};

struct challenge {
    enum challenge_step step;
    int32_t by; /* the last day for it; ROW_NONE when nothing runs */
    bool late;  /* that day has gone: still possible for good cause, and to be done at once */
    bool near;  /* within the pack's days of warning */
};

void rules_challenge(const struct programme *programme, const struct challenge_facts *facts, int32_t today,
                     struct challenge *ret_challenge);

/* The same day so many months later, or the last of its month. */
int32_t months_after(int32_t day, int months);

const char *challenge_step_name(enum challenge_step step);

#endif
