#include "agent/idle_lock.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

static int64_t now_ms(clockid_t clock)
{
    struct timespec now;
    CHECK(clock_gettime(clock, &now) == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void set_timer(const struct idle_lock *idle, int64_t left_ms)
{
    struct itimerspec when = { .it_value = { .tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000 } };
    CHECK(timerfd_settime(idle->fd, 0, &when, NULL) == 0);
}

int64_t idle_lock_left_ms(const struct idle_lock *idle)
{
    if (!idle->watching) {
        return -1;
    }
    int64_t left_ms = idle->last_ms + idle->after_ms - now_ms(CLOCK_BOOTTIME);
    return left_ms > 0 ? left_ms : 0;
}

bool idle_lock_overdue(const struct idle_lock *idle)
{
    return idle->watching && idle_lock_left_ms(idle) == 0;
}

bool idle_lock_slept(const struct idle_lock *idle)
{
    int64_t awake_ms = now_ms(CLOCK_MONOTONIC) - idle->last_awake_ms;
    return now_ms(CLOCK_BOOTTIME) - idle->last_ms - awake_ms >= idle->after_ms;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct idle_lock *idle = poll->data;
    uint64_t expirations;
    if (status != 0 || (read(idle->fd, &expirations, sizeof(expirations)) < 0 && errno != EAGAIN)) {
        LOG_WARNING("idle_lock_failed", "errno=%d", errno);
        return;
    }
    int64_t left_ms = idle_lock_left_ms(idle);
    if (left_ms > 0) {
        set_timer(idle, left_ms);
    } else if (left_ms == 0) {
        idle->watching = false;
        idle->due(idle->context);
    }
}

enum err_code idle_lock_start(struct idle_lock *idle, uv_loop_t *loop, int64_t after_ms, void (*due)(void *context),
                              void *context, struct error *err)
{
    *idle = (struct idle_lock){ .fd = -1, .after_ms = after_ms, .due = due, .context = context };
    if (after_ms == 0) {
        return ERR_OK;
    }
    idle->fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (idle->fd < 0) {
        return error_errno(err, "make the timer that locks the replica");
    }
    CHECK(uv_poll_init(loop, &idle->poll, idle->fd) == 0);
    idle->poll.data = idle;
    CHECK(uv_poll_start(&idle->poll, UV_READABLE, on_readable) == 0);
    return ERR_OK;
}

static void begin_anew(struct idle_lock *idle)
{
    idle->last_ms = now_ms(CLOCK_BOOTTIME);
    idle->last_awake_ms = now_ms(CLOCK_MONOTONIC);
    if (!idle->watching) {
        idle->watching = true;
        set_timer(idle, idle->after_ms);
    }
}

void idle_lock_touch(struct idle_lock *idle)
{
    if (idle->fd >= 0) {
        idle->put_off = false;
        begin_anew(idle);
    }
}

bool idle_lock_put_off(struct idle_lock *idle, uint64_t got)
{
    CHECK(idle->fd >= 0);
    int64_t awake_ms = now_ms(CLOCK_MONOTONIC);
    if (!idle->put_off || idle->got != got) {
        idle->got = got;
        idle->got_at_awake_ms = awake_ms;
    } else if (awake_ms - idle->got_at_awake_ms >= IDLE_STILL_MS) {
        return false;
    }
    idle->put_off = true;
    begin_anew(idle);
    return true;
}

void idle_lock_rest(struct idle_lock *idle)
{
    if (idle->watching) {
        idle->watching = false;
        set_timer(idle, 0); /* never */
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct idle_lock *idle = handle->data;
    (void)close(idle->fd);
    idle->fd = -1;
    idle->stopped(idle->context);
}

bool idle_lock_stop(struct idle_lock *idle, void (*stopped)(void *context))
{
    if (idle->fd < 0) {
        return false;
    }
    idle->watching = false;
    idle->stopped = stopped;
    uv_close((uv_handle_t *)&idle->poll, on_closed);
    return true;
}
