/*
 * Chance with a seed that is printed, so that a failing run can be had again: CRASH_SEED names it, CRASH_KILLS the
 * number of kills. What the kernel's scheduler decides is not in the seed.
 */
#ifndef TESTS_CRASH_CHANCE_H
#define TESTS_CRASH_CHANCE_H

#include <stdint.h>

struct chance {
    uint64_t state;
};

/* From CRASH_SEED, or a fresh one; prints it. */
struct chance chance_begin(const char *test);
/* Of its own, for another thread. */
struct chance chance_split(struct chance *chance);
uint32_t chance_below(struct chance *chance, uint32_t limit);

/* From CRASH_KILLS, or `otherwise`. */
unsigned chance_kills(unsigned otherwise);

void pause_us(uint32_t us);

#endif
