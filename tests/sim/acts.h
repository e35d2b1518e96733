/*
 * tests/sim/acts - what may happen in a world, how often, and in what sort of world.
 *
 * Layer: one table; each act is a function of the world, which draws its details from the seed.
 */
#ifndef TESTS_SIM_ACTS_H
#define TESTS_SIM_ACTS_H

#include "tests/sim/world.h"

/* A sort of world: which troubles it has. Seeds take them in turn. */
struct profile {
    const char *name;
    unsigned troubles; /* of enum trouble */
};

const struct profile *profile_of(uint64_t seed);
bool profile_has_offline(const struct profile *profile); /* a machine that never has a network */

/* One step: some act, and some time. */
void acts_step(struct world *world, unsigned step);

/* ---- people at work: work.c ---- */

void work_attend(struct world *world);
void work_correct(struct world *world);
void work_without_note(struct world *world);
void work_say_again(struct world *world);
void work_records(struct world *world);
void work_import_again(struct world *world);
void work_jcp(struct world *world);
void work_jcp_erase(struct world *world);
void work_attend_at(struct world *world, struct agent *agent);
void work_erase(struct world *world); /* erasing.c */

/* Retention says that everything of this person goes. False: it was refused, or could not be done. */
bool erase_person(struct agent *agent, const uint8_t participant[OP_ENTITY_BYTES]);
void erase_due(struct agent *agent, const struct store_due *due);
bool erase_may(uint32_t kind); /* the organisation may erase records of it, each by itself */
void erase_record(struct agent *agent, const struct subject *subject); /* all of it, by right */

/* ---- stories of several steps: stories.c ---- */

void work_notice_moves(struct world *world);
void work_erase_aside(struct world *world);
void work_line_breaks(struct world *world);
void work_read_moment(struct world *world);
void work_misled_twice(struct world *world);

/* Their steps: work.c. */
void work_placement_at(struct agent *agent, unsigned number);
void work_notice_at(struct agent *agent, unsigned number, unsigned placement);
void work_long_at(struct agent *agent);

/* ---- challenges, and what they hold: challenges.c ---- */

enum { CHALLENGES = 3 * PEOPLE };

/* Subjects that nothing of may go by retention: of people with an open challenge, as far as a machine knows. */
struct challenged {
    uint8_t ids[64][OP_ENTITY_BYTES];
    size_t count;
};

void challenged_find(struct agent *agent, struct challenged *ret);
bool challenged_has(const struct challenged *challenged, const uint8_t *subject); /* a session: its placement */

void challenge_id(const struct site *site, unsigned number, uint8_t out[OP_ENTITY_BYTES]);
void challenge_person(const struct site *site, unsigned number, uint8_t out[OP_ENTITY_BYTES]); /* always the same */
void work_person_at(struct agent *agent, unsigned number);                   /* whose challenge it is: work.c */
void work_challenge_at(struct agent *agent, unsigned number, bool answered); /* one word of it: work.c */

void work_challenge(struct world *world);
void work_answer(struct world *world);
void work_retention(struct world *world);
void work_challenge_over(struct world *world);
void work_challenge_unheard(struct world *world);

/* ---- certificates: papers.c ---- */

void papers_renew(struct world *world);
void papers_enrol_again(struct world *world);
void papers_revoke(struct world *world);

void work_exchange_all(struct world *world);  /* everybody is woken, and some time goes by: acts.c */
struct agent *any_agent(struct world *world); /* that runs; NULL: none does */

#endif
