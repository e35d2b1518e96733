/*
 * agent/rules/moves - what may become of a referral, and by which answer.
 *
 *              acknowledge                accept               start               complete
 *   received ───────────────► acknowledged ─────► accepted ────────────► started ───────────► completed
 *      │ │          accept         │                 │ │                    │
 *      │ └─────────────────────────┼────────────────►│ │ did_not_start      │ end_early
 *      │         decline           │       decline   │ ▼                    ▼
 *      └───────────────────────────┴──► declined ◄───┘ did_not_start        ended_early
 *
 *   received, acknowledged, accepted, started ── pause ──► paused ── resume ──► the one before
 *   all of these and paused ── withdraw ──► withdrawn
 *   declined, did_not_start, withdrawn, completed, ended_early ── resume, with a note ──► the one before
 *
 * Every answer stays in the record; resuming takes nothing away. Saying again what stands is no move and is allowed.
 * What the centre put out of force no answer puts in force again: the store refuses it.
 * Two machines may have moved a referral in different ways at the same time: then the newer one stands, and the table
 * goes on from there. From a status that this version does not know every answer but resume is possible.
 *
 * Layer: agent. Pure.
 */
#ifndef AGENT_RULES_MOVES_H
#define AGENT_RULES_MOVES_H

#include <stdbool.h>
#include <stddef.h>

struct referral_answer {
    const char *word;   /* what a person says: accept */
    const char *status; /* where it leads: accepted; NULL for resume, which leads back */
};

const struct referral_answer *referral_answer_find(const char *word); /* NULL: unknown */
const struct referral_answer *referral_answer_at(size_t index);       /* NULL past the end */

bool referral_may(const char *status, const struct referral_answer *answer);

/* People come under it from then on. */
bool referral_puts_in_force(const struct referral_answer *answer);

/* The referral is over: resuming it needs a note. */
bool referral_closed(const char *status);

/* "acknowledge, accept, decline, pause or withdraw"; "nothing". `shut`: the centre put it out of force. */
#define REFERRAL_WORDS_SIZE 128
void referral_possible(const char *status, bool shut, char out[REFERRAL_WORDS_SIZE]);

#endif
