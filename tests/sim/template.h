/*
 * tests/sim/template - the world that every other one begins as: a centre with two sites, and machines enrolled at
 * them, made once in a process, always the same.
 *
 *     FOLDER/centre           "garden" of organisation one, "workshop" of organisation two
 *     FOLDER/garden0 ... 4    machines of the garden with empty replicas; garden3 was enrolled by files
 *     FOLDER/workshop0, 1
 */
#ifndef TESTS_SIM_TEMPLATE_H
#define TESTS_SIM_TEMPLATE_H

#include "tests/sim/world.h"

enum { GARDEN, WORKSHOP, GARDEN_OFFLINE = 3, GARDEN_MACHINES = 5, WORKSHOP_MACHINES = 2 };

/* A person with a key and no scruples. */
struct culprit {
    struct device_key *key;
    struct buf certificate;
    uint8_t device[DEVICE_ID_BYTES];
};

struct template
{
    char folder[64];
    int64_t now_ms; /* when it was ready */
    struct site sites[SITES];
    struct culprit insider;  /* enrolled at the garden */
    struct culprit outsider; /* with a certificate of another authority that says the same */
    struct culprit revoked;  /* once enrolled at the garden */
};

extern struct template template;

void template_make(void);
void template_remove(void);

#endif
