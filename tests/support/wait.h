/*
 * tests/support/wait - bounded waiting, and loopback ports.
 */
#ifndef TESTS_SUPPORT_WAIT_H
#define TESTS_SUPPORT_WAIT_H

#include <criterion/criterion.h>
#include <stdint.h>

#include "base/clock.h"

#define WAIT_STEP_MS 50

void sleep_ms(int ms);

/* Looks every WAIT_STEP_MS until `condition` holds; the test fails when it does not within timeout_ms. */
#define WAIT_UNTIL(condition, timeout_ms)                                                                              \
    do {                                                                                                               \
        int64_t wait_end_ms_ = clock_monotonic_ms() + (timeout_ms);                                                    \
        while (!(condition)) {                                                                                         \
            cr_assert_lt(clock_monotonic_ms(), wait_end_ms_, "waited %d ms for: %s", (int)(timeout_ms), #condition);   \
            sleep_ms(WAIT_STEP_MS);                                                                                    \
        }                                                                                                              \
    } while (0)

/* Of 127.0.0.1 or ::1, kept for this process until it ends: a socket has it that nobody can reach. Whoever sets
 * SO_REUSEADDR may listen on it, stop and listen again, and the kernel gives it to nobody who asks for any. */
uint16_t keep_port(const char *address);

#endif
