#include "sync/endpoint/waiting.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct kept {
    const struct http_request *request; /* NULL: free */
    struct centre_wait wait;
    int64_t deadline_ms; /* monotonic */
};

struct waiting {
    uv_timer_t timer;
    struct centre *centre;
    void (*answer)(void *context, const struct http_request *request);
    void *context;
    uint32_t max_s;
    uint64_t news; /* as last looked at */
    size_t max;
    size_t used; /* rows of `kept` below this may be in use */
    struct kept kept[];
};

enum err_code waiting_start(uv_loop_t *loop, struct centre *centre, size_t max, uint32_t max_s,
                            void (*answer)(void *context, const struct http_request *request), void *context,
                            struct waiting **ret_waiting, struct error *err)
{
    struct waiting *waiting = calloc(1, sizeof(*waiting) + max * sizeof(waiting->kept[0]));
    if (waiting == NULL) {
        return FAIL(err, NO_MEMORY, "make room for %zu devices that wait", max);
    }
    waiting->centre = centre;
    waiting->answer = answer;
    waiting->context = context;
    waiting->max_s = max_s;
    waiting->max = max;
    CHECK(uv_timer_init(loop, &waiting->timer) == 0);
    waiting->timer.data = waiting;
    *ret_waiting = waiting;
    return ERR_OK;
}

static void on_timer(uv_timer_t *timer);

/* For the earliest deadline. */
static void arm(struct waiting *waiting)
{
    int64_t earliest_ms = INT64_MAX;
    if (uv_is_closing((const uv_handle_t *)&waiting->timer)) {
        return; /* an answer that failed stops the endpoint */
    }
    for (size_t i = 0; i < waiting->used; i++) {
        const struct kept *kept = &waiting->kept[i];
        earliest_ms = kept->request != NULL && kept->deadline_ms < earliest_ms ? kept->deadline_ms : earliest_ms;
    }
    int64_t delay_ms = earliest_ms - clock_monotonic_ms();
    if (earliest_ms == INT64_MAX) {
        waiting->used = 0;
        CHECK(uv_timer_stop(&waiting->timer) == 0);
    } else {
        CHECK(uv_timer_start(&waiting->timer, on_timer, delay_ms > 0 ? (uint64_t)delay_ms : 0, 0) == 0);
    }
}

static void let_go(struct waiting *waiting, struct kept *kept)
{
    const struct http_request *request = kept->request;
    kept->request = NULL;
    waiting->answer(waiting->context, request);
}

static void on_timer(uv_timer_t *timer)
{
    struct waiting *waiting = timer->data;
    int64_t now_ms = clock_monotonic_ms();
    for (size_t i = 0; i < waiting->used; i++) {
        struct kept *kept = &waiting->kept[i];
        if (kept->request != NULL && kept->deadline_ms <= now_ms) {
            let_go(waiting, kept);
        }
    }
    arm(waiting);
}

bool waiting_keep(struct waiting *waiting, const struct http_request *request, const struct centre_wait *wait)
{
    uint32_t s = wait->s < waiting->max_s ? wait->s : waiting->max_s;
    size_t at = 0;
    while (at < waiting->used && waiting->kept[at].request != NULL) {
        at++;
    }
    if (s == 0 || at == waiting->max || uv_is_closing((const uv_handle_t *)&waiting->timer)) {
        return false;
    }
    waiting->used = at < waiting->used ? waiting->used : at + 1;
    waiting->kept[at] =
        (struct kept){ .request = request, .wait = *wait, .deadline_ms = clock_monotonic_ms() + (int64_t)s * 1000 };
    arm(waiting);
    return true;
}

void waiting_drop(struct waiting *waiting, const uint8_t device[DEVICE_ID_BYTES])
{
    for (size_t i = 0; i < waiting->used; i++) {
        struct kept *kept = &waiting->kept[i];
        if (kept->request != NULL && memcmp(kept->wait.device, device, DEVICE_ID_BYTES) == 0) {
            let_go(waiting, kept);
        }
    }
}

void waiting_look(struct waiting *waiting)
{
    uint64_t news = centre_news(waiting->centre);
    if (news == waiting->news) {
        return;
    }
    waiting->news = news;
    for (size_t i = 0; i < waiting->used; i++) {
        struct kept *kept = &waiting->kept[i];
        if (kept->request != NULL && centre_wait_is_over(waiting->centre, &kept->wait)) {
            let_go(waiting, kept);
        }
    }
    arm(waiting);
}

void waiting_cut(struct waiting *waiting)
{
    for (size_t i = 0; i < waiting->used; i++) {
        waiting->kept[i].request = NULL;
    }
    arm(waiting);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void waiting_stop(struct waiting *waiting)
{
    if (waiting != NULL) {
        waiting_cut(waiting);
        uv_close((uv_handle_t *)&waiting->timer, on_closed);
    }
}
