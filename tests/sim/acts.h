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

/* ---- certificates: papers.c ---- */

void papers_renew(struct world *world);
void papers_enrol_again(struct world *world);
void papers_revoke(struct world *world);

struct agent *any_agent(struct world *world); /* that runs; NULL: none does */

#endif
