#include "chance.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "crypto/digest.h"

static uint64_t state;

void chance_init(const char *test)
{
    const char *given = getenv("CRASH_SEED");
    if (given != NULL) {
        state = strtoull(given, NULL, 10);
    } else {
        struct error err;
        uint8_t fresh[4] = { 0 };
        (void)!random_bytes(fresh, sizeof(fresh), &err);
        state = get_be32(fresh);
    }
    (void)fprintf(stderr, "%s: CRASH_SEED=%" PRIu64 "\n", test, state);
}

/* SplitMix64 (Steele, Lea, Flood 2014): any seed will do, also 0. */
uint32_t chance_below(uint32_t limit)
{
    state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = (state ^ state >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((mixed ^ mixed >> 31) >> 32) % limit;
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
