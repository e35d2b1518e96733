#include "sync/endpoint/core/strangers.h"

#include <stddef.h>
#include <string.h>

#define HOUR_MS INT64_C(3600000)

static bool running(const struct stranger *stranger, int64_t now_ms)
{
    return stranger->began_ms != 0 && now_ms - stranger->began_ms < HOUR_MS;
}

static unsigned wait_s(const struct stranger *stranger, unsigned max, int64_t now_ms)
{
    if (!running(stranger, now_ms) || stranger->wrong < max) {
        return 0;
    }
    return (unsigned)((stranger->began_ms + HOUR_MS - now_ms + 999) / 1000);
}

unsigned strangers_wait_s(const struct strangers *strangers, const uint8_t address[STRANGERS_ADDRESS_BYTES],
                          int64_t now_ms)
{
    unsigned longest_s = wait_s(&strangers->all, STRANGERS_ALL_MAX, now_ms);
    for (size_t i = 0; i < STRANGERS_KEPT; i++) {
        const struct stranger *one = &strangers->kept[i];
        if (memcmp(one->address, address, STRANGERS_ADDRESS_BYTES) == 0) {
            unsigned one_s = wait_s(one, STRANGERS_WRONG_MAX, now_ms);
            longest_s = one_s > longest_s ? one_s : longest_s;
        }
    }
    return longest_s;
}

static void count(struct stranger *stranger, int64_t now_ms)
{
    if (!running(stranger, now_ms)) {
        stranger->began_ms = now_ms > 0 ? now_ms : 1;
        stranger->wrong = 0;
    }
    stranger->wrong++;
}

void strangers_was_wrong(struct strangers *strangers, const uint8_t address[STRANGERS_ADDRESS_BYTES], int64_t now_ms)
{
    struct stranger *place = &strangers->kept[0];
    for (size_t i = 0; i < STRANGERS_KEPT; i++) {
        struct stranger *one = &strangers->kept[i];
        if (one->began_ms != 0 && memcmp(one->address, address, STRANGERS_ADDRESS_BYTES) == 0) {
            place = one;
            break;
        }
        place = one->began_ms < place->began_ms ? one : place;
    }
    if (memcmp(place->address, address, STRANGERS_ADDRESS_BYTES) != 0) {
        *place = (struct stranger){ 0 };
        memcpy(place->address, address, STRANGERS_ADDRESS_BYTES);
    }
    count(place, now_ms);
    count(&strangers->all, now_ms);
}
