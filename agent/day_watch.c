#include "agent/day_watch.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

static time_t next_midnight(time_t now)
{
    struct tm local;
    if (localtime_r(&now, &local) == NULL) {
        return now + 24 * 60 * 60;
    }
    local.tm_mday++;
    local.tm_hour = 0;
    local.tm_min = 0;
    local.tm_sec = 0;
    local.tm_isdst = -1;
    time_t next = mktime(&local);
    return next > now ? next : now + 24 * 60 * 60;
}

static enum err_code arm(const struct day_watch *watch, struct error *err)
{
    struct itimerspec when = { .it_value = { .tv_sec = next_midnight(time(NULL)) } };
    if (timerfd_settime(watch->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL) != 0) {
        return error_errno(err, "wait for midnight");
    }
    return ERR_OK;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct day_watch *watch = poll->data;
    uint64_t expirations;
    ssize_t len = read(watch->fd, &expirations, sizeof(expirations));
    if (status != 0 || (len < 0 && errno != ECANCELED && errno != EAGAIN)) {
        LOG_WARNING("day_watch_failed", "errno=%d", errno);
        (void)uv_poll_stop(poll);
        return;
    }
    struct error err;
    if (arm(watch, &err) != ERR_OK) {
        log_error("day_watch_failed", &err);
        (void)uv_poll_stop(poll);
        return;
    }
    watch->changed(watch->context);
}

enum err_code day_watch_start(struct day_watch *watch, uv_loop_t *loop, void (*changed)(void *context), void *context,
                              struct error *err)
{
    *watch = (struct day_watch){ .changed = changed, .context = context };
    watch->fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (watch->fd < 0) {
        return error_errno(err, "make the day's timer");
    }
    enum err_code rc = arm(watch, err);
    if (rc != ERR_OK) {
        (void)close(watch->fd);
        return rc;
    }
    CHECK(uv_poll_init(loop, &watch->poll, watch->fd) == 0);
    watch->poll.data = watch;
    CHECK(uv_poll_start(&watch->poll, UV_READABLE, on_readable) == 0);
    return ERR_OK;
}

static void on_closed(uv_handle_t *handle)
{
    struct day_watch *watch = handle->data;
    (void)close(watch->fd);
    watch->stopped(watch->context);
}

void day_watch_stop(struct day_watch *watch, void (*stopped)(void *context))
{
    CHECK(!watch->stopping);
    watch->stopping = true;
    watch->stopped = stopped;
    uv_close((uv_handle_t *)&watch->poll, on_closed);
}
