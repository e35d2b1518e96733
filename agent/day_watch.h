/*
 * agent/day_watch - tells when the civil day changes or somebody sets the clock, without ever polling.
 *
 * One timerfd on the wall clock, armed for the next local midnight and cancelled by the kernel whenever the clock is
 * set (timerfd_create(2), TFD_TIMER_CANCEL_ON_SET), in a uv_poll. Sleep and resume are covered: an absolute time that
 * has passed fires.
 *
 * Ownership:  the caller owns the struct until `stopped` is called.
 * Threads:    the loop's.
 */
#ifndef AGENT_DAY_WATCH_H
#define AGENT_DAY_WATCH_H

#include <stdbool.h>
#include <uv.h>

#include "base/error.h"

struct day_watch {
    uv_poll_t poll;
    int fd;
    bool stopping;
    void (*changed)(void *context);
    void (*stopped)(void *context);
    void *context;
};

/* `changed` is called from the loop at every midnight and every setting of the clock. */
MUST_USE enum err_code day_watch_start(struct day_watch *watch, uv_loop_t *loop, void (*changed)(void *context),
                                       void *context, struct error *err);
void day_watch_stop(struct day_watch *watch, void (*stopped)(void *context));

#endif
