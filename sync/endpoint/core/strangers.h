/*
 * sync/endpoint/core/strangers - how many wrong codes are borne: STRANGERS_WRONG_MAX an hour from one address (an IPv6
 * one counts with its /64), STRANGERS_ALL_MAX from all. Then no code is looked at from there until the hour is over,
 * not even a right one.
 *
 * A right code counts for nothing. When more addresses have been wrong than are kept, the one that began first is
 * forgotten; the count of all is not.
 *
 * Threads: the loop's.
 */
#ifndef SYNC_ENDPOINT_CORE_STRANGERS_H
#define SYNC_ENDPOINT_CORE_STRANGERS_H

#include <stdbool.h>
#include <stdint.h>

#define STRANGERS_WRONG_MAX 10
#define STRANGERS_ALL_MAX 1000
#define STRANGERS_ADDRESS_BYTES 16
#define STRANGERS_KEPT 1024

struct stranger {
    uint8_t address[STRANGERS_ADDRESS_BYTES];
    int64_t began_ms; /* monotonic: of its hour; 0: nobody */
    unsigned wrong;
};

struct strangers {
    struct stranger kept[STRANGERS_KEPT];
    struct stranger all;
};

/* 0: a code may be looked at; else the seconds until one may be. */
unsigned strangers_wait_s(const struct strangers *strangers, const uint8_t address[STRANGERS_ADDRESS_BYTES],
                          int64_t now_ms);
void strangers_was_wrong(struct strangers *strangers, const uint8_t address[STRANGERS_ADDRESS_BYTES], int64_t now_ms);

#endif
