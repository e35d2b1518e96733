#include "chance.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "crypto/digest.h"

struct chance chance_begin(const char *test)
{
    struct chance chance = { 0 };
    const char *given = getenv("CRASH_SEED");
    if (given != NULL) {
        chance.state = strtoull(given, NULL, 10);
    } else {
        uint8_t fresh[4] = { 0 };
        (void)!random_bytes(fresh, sizeof(fresh), NULL);
        chance.state = get_be32(fresh);
    }
    (void)fprintf(stderr, "%s: CRASH_SEED=%" PRIu64 "\n", test, chance.state);
    return chance;
}

/* SplitMix64 (Steele, Lea, Flood 2014): any seed will do, also 0. */
static uint64_t next(struct chance *chance)
{
    chance->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = (chance->state ^ chance->state >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

struct chance chance_split(struct chance *chance)
{
    return (struct chance){ .state = next(chance) };
}

uint32_t chance_below(struct chance *chance, uint32_t limit)
{
    return (uint32_t)(next(chance) >> 32) % limit;
}

unsigned chance_kills(unsigned otherwise)
{
    const char *given = getenv("CRASH_KILLS");
    unsigned long kills = given == NULL ? 0 : strtoul(given, NULL, 10);
    return kills > 0 && kills <= 1000000 ? (unsigned)kills : otherwise;
}

void pause_us(uint32_t us)
{
    struct timespec pause = { .tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000 };
    while (nanosleep(&pause, &pause) != 0) {
    }
}
