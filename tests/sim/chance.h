/*
 * tests/sim/chance - everything that a run leaves to chance, from its seed alone.
 *
 * Two streams: what happens in the world (struct chance), and the random bytes that the cryptographic library gives to
 * keys, salts and signatures (entropy_seed), so that a run is the same to the byte whenever it is asked for again.
 */
#ifndef TESTS_SIM_CHANCE_H
#define TESTS_SIM_CHANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chance {
    uint64_t state;
};

void chance_seed(struct chance *chance, uint64_t seed);
uint64_t chance_next(struct chance *chance);
uint32_t chance_below(struct chance *chance, uint32_t limit); /* limit at least 1 */
int64_t chance_between(struct chance *chance, int64_t low, int64_t high);
bool chance_percent(struct chance *chance, unsigned percent);
void chance_bytes(struct chance *chance, void *out, size_t len);

/* From now on every random byte of this process follows from `seed`. */
void entropy_seed(uint64_t seed);

#endif
