/*
 * agent/idle_lock - tells when nobody has asked for anything for so long that the replica should be locked.
 *
 * Time counts while the machine sleeps, too (CLOCK_BOOTTIME): a laptop that was shut for an hour asks for its
 * passphrase. A call only notes the time; the timer looks at it when it runs out, so a busy day sets it a few times.
 *
 *   RESTING ── idle_lock_touch ──► WATCHING ── nobody for `after_ms`: due() ──► RESTING
 *      ▲                              │
 *      └────── idle_lock_rest ────────┘             in due(), for work that gets on: idle_lock_put_off ──► WATCHING
 *
 * Ownership:  the caller owns the struct until `stopped` is called.
 * Threads:    the loop's.
 */
#ifndef AGENT_IDLE_LOCK_H
#define AGENT_IDLE_LOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"

struct idle_lock {
    uv_poll_t poll;
    int fd; /* timerfd; -1: never locks */
    bool watching;
    int64_t after_ms;
    int64_t last_ms;         /* on CLOCK_BOOTTIME */
    int64_t last_awake_ms;   /* the same moment on CLOCK_MONOTONIC, which stands while the machine sleeps */
    bool put_off;            /* since somebody asked, for work that ... */
    uint64_t got;            /* ... had got so far when it was looked at ... */
    int64_t got_at_awake_ms; /* ... and then first had, on CLOCK_MONOTONIC */
    void (*due)(void *context);
    void *context;
    void (*stopped)(void *context);
};

#define IDLE_STILL_MS (10 * 60 * 1000)

/* after_ms 0: never; then every other call does nothing. */
MUST_USE enum err_code idle_lock_start(struct idle_lock *idle, uv_loop_t *loop, int64_t after_ms,
                                       void (*due)(void *context), void *context, struct error *err);

/* Somebody asked for something. */
void idle_lock_touch(struct idle_lock *idle);

/* Is the time over though the timer has not told yet, as when the machine has just woken up? */
bool idle_lock_overdue(const struct idle_lock *idle);

/* Did the machine sleep for as long since somebody asked for something? */
bool idle_lock_slept(const struct idle_lock *idle);

/* Until it is due, or -1 when it is not watching. */
int64_t idle_lock_left_ms(const struct idle_lock *idle);

/* The time is over while work goes on, which has got so far (any number that grows as it does): it begins anew. False:
 * the work has stood still for IDLE_STILL_MS and longer while the machine was awake. */
bool idle_lock_put_off(struct idle_lock *idle, uint64_t got);

/* Locked: nothing to watch. */
void idle_lock_rest(struct idle_lock *idle);

/* Once; false: there was nothing to stop, and `stopped` is not called. */
bool idle_lock_stop(struct idle_lock *idle, void (*stopped)(void *context));

#endif
