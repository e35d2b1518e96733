/*
 * Makes runs of ops for the tests: every optional feature, bodies of known and unknown kinds, and bodies that are none.
 * The same seed makes the same run.
 */
#ifndef TESTS_RUN_MAKER_H
#define TESTS_RUN_MAKER_H

#include "sync/segment.h"

struct run_maker {
    uint64_t state;
    uint64_t first_seq;
    size_t count;
    bool strange; /* unknown kinds, garbage bodies, far numbers; else attendance as a site records it */
    unsigned erased_percent;
    unsigned seeded_percent; /* of the salt blocks */
};

struct made_run {
    struct op_batch ops;
    struct store_seed seeds[OP_BATCH_OPS_MAX / OP_SALT_BLOCK + 2];
    size_t seed_count;
};

uint32_t maker_below(struct run_maker *maker, uint32_t limit);
void run_make(struct run_maker *maker, struct made_run *ret_run);
void made_run_fini(struct made_run *run);

/* Every member of every op is the same, to the bit. */
void run_assert_equal(const struct op_batch *expected, const struct op_batch *actual);

#endif
