#include "agent/rules/moves.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"

enum answer_bit {
    ACKNOWLEDGE = 1 << 0,
    ACCEPT = 1 << 1,
    DECLINE = 1 << 2,
    START = 1 << 3,
    DID_NOT_START = 1 << 4,
    COMPLETE = 1 << 5,
    END_EARLY = 1 << 6,
    PAUSE = 1 << 7,
    WITHDRAW = 1 << 8,
    RESUME = 1 << 9,
};

/* In the order of enum answer_bit. */
static const struct referral_answer answers[] = {
    { "acknowledge", "acknowledged" },
    { "accept", "accepted" },
    { "decline", "declined" },
    { "start", "started" },
    { "did_not_start", "did_not_start" },
    { "complete", "completed" },
    { "end_early", "ended_early" },
    { "pause", "paused" },
    { "withdraw", "withdrawn" },
    { "resume", NULL },
};

static const struct state {
    const char *status;
    unsigned may; /* enum answer_bit, or'ed */
    bool closed;
} states[] = {
    { "received", ACKNOWLEDGE | ACCEPT | DECLINE | PAUSE | WITHDRAW, false },
    { "acknowledged", ACCEPT | DECLINE | PAUSE | WITHDRAW, false },
    { "accepted", START | DID_NOT_START | DECLINE | PAUSE | WITHDRAW, false },
    { "started", COMPLETE | END_EARLY | PAUSE | WITHDRAW, false },
    { "paused", RESUME | WITHDRAW, false },
    { "declined", RESUME, true },
    { "did_not_start", RESUME, true },
    { "withdrawn", RESUME, true },
    { "completed", RESUME, true },
    { "ended_early", RESUME, true },
};

static const struct state *state_find(const char *status)
{
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        if (strcmp(states[i].status, status) == 0) {
            return &states[i];
        }
    }
    return NULL;
}

static unsigned may_of(const char *status)
{
    const struct state *state = state_find(status);
    return state == NULL ? ~(unsigned)RESUME : state->may;
}

const struct referral_answer *referral_answer_find(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        if (strcmp(answers[i].word, word) == 0) {
            return &answers[i];
        }
    }
    return NULL;
}

const struct referral_answer *referral_answer_at(size_t index)
{
    return index < ARRAY_LEN(answers) ? &answers[index] : NULL;
}

bool referral_may(const char *status, const struct referral_answer *answer)
{
    bool stands = answer->status != NULL && strcmp(answer->status, status) == 0;
    return stands || (may_of(status) & (1U << (answer - answers))) != 0;
}

bool referral_puts_in_force(const struct referral_answer *answer)
{
    return answer->status == NULL || (strcmp(answer->status, "paused") != 0 && !referral_closed(answer->status));
}

bool referral_closed(const char *status)
{
    const struct state *state = state_find(status);
    return state != NULL && state->closed;
}

static unsigned puts_in_force(void)
{
    unsigned bits = 0;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        bits |= referral_puts_in_force(&answers[i]) ? 1U << i : 0;
    }
    return bits;
}

void referral_possible(const char *status, bool shut, char out[REFERRAL_WORDS_SIZE])
{
    unsigned left = may_of(status) & ((1U << ARRAY_LEN(answers)) - 1) & ~(shut ? puts_in_force() : 0);
    size_t len = 0;
    (void)snprintf(out, REFERRAL_WORDS_SIZE, "nothing");
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        if ((left & (1U << i)) == 0) {
            continue;
        }
        left &= ~(1U << i);
        const char *before = len == 0 ? "" : left == 0 ? " or " : ", ";
        len += (size_t)snprintf(out + len, REFERRAL_WORDS_SIZE - len, "%s%s", before, answers[i].word);
        CHECK(len < REFERRAL_WORDS_SIZE);
    }
}
