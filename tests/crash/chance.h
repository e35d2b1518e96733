/*
 * Chance with a seed that is printed, so that a failing run can be had again: CRASH_SEED names it, CRASH_KILLS the
 * number of kills.
 */
#ifndef TESTS_CRASH_CHANCE_H
#define TESTS_CRASH_CHANCE_H

#include <stdint.h>

/* From CRASH_SEED, or a fresh one; prints it. */
void chance_init(const char *test);
uint32_t chance_below(uint32_t limit);

/* From CRASH_KILLS, or `otherwise`. */
unsigned chance_kills(unsigned otherwise);

void pause_us(uint32_t us);

#endif
