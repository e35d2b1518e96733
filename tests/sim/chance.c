/* SplitMix64 (Steele, Lea, Flood, 2014): small, and good for any seed. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "tests/sim/chance.h"

#include <openssl/rand.h>
#include <string.h>

#include "base/check.h"

void chance_seed(struct chance *chance, uint64_t seed)
{
    chance->state = seed * UINT64_C(0xd1342543de82ef95) + 1;
}

uint64_t chance_next(struct chance *chance)
{
    chance->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = (chance->state ^ (chance->state >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

uint32_t chance_below(struct chance *chance, uint32_t limit)
{
    CHECK(limit > 0);
    return (uint32_t)((chance_next(chance) >> 32) * limit >> 32);
}

int64_t chance_between(struct chance *chance, int64_t low, int64_t high)
{
    return low + (int64_t)(chance_next(chance) % (uint64_t)(high - low + 1));
}

bool chance_percent(struct chance *chance, unsigned percent)
{
    return chance_below(chance, 100) < percent;
}

void chance_bytes(struct chance *chance, void *out, size_t len)
{
    uint8_t *bytes = out;
    for (size_t at = 0; at < len; at += sizeof(uint64_t)) {
        uint64_t next = chance_next(chance);
        memcpy(bytes + at, &next, len - at < sizeof(next) ? len - at : sizeof(next));
    }
}

/* ---- the library's random bytes ---- */

static struct chance entropy;

static int entropy_bytes(unsigned char *out, int len)
{
    chance_bytes(&entropy, out, (size_t)len);
    return 1;
}

static int entropy_ready(void)
{
    return 1;
}

void entropy_seed(uint64_t seed)
{
    static const RAND_METHOD method = { .bytes = entropy_bytes, .pseudorand = entropy_bytes, .status = entropy_ready };
    chance_seed(&entropy, ~seed);
    CHECK(RAND_set_rand_method(&method) == 1);
}
