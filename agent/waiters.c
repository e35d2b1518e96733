/* Requests that are answered once something has happened: an unlock, a lock, an enrolment, the end of an exchange. */
#include "agent/agent_parts.h"
#include "agent/api_call.h"
#include "base/clock.h"

static void look_at_sync(struct agent *agent);

static void on_timer(uv_timer_t *timer)
{
    look_at_sync(timer->data);
}

void waiters_init(struct agent *agent)
{
    CHECK(uv_timer_init(&agent->loop, &agent->waiters_timer) == 0);
    agent->waiters_timer.data = agent;
}

/* For the earliest deadline. */
static void arm(struct agent *agent)
{
    int64_t earliest_ms = INT64_MAX;
    for (size_t i = 0; i < WAITERS_MAX; i++) {
        if (agent->waiters[i].waiting == WAITING_SYNC && agent->waiters[i].deadline_ms < earliest_ms) {
            earliest_ms = agent->waiters[i].deadline_ms;
        }
    }
    if (earliest_ms == INT64_MAX) {
        CHECK(uv_timer_stop(&agent->waiters_timer) == 0);
        return;
    }
    int64_t delay_ms = earliest_ms - clock_monotonic_ms();
    CHECK(uv_timer_start(&agent->waiters_timer, on_timer, delay_ms > 0 ? (uint64_t)delay_ms : 0, 0) == 0);
}

void waiters_wake(struct agent *agent)
{
    CHECK(uv_timer_start(&agent->waiters_timer, on_timer, 0, 0) == 0);
}

enum err_code waiters_add(struct agent *agent, enum waiting waiting, struct http_exchange *exchange, int64_t timeout_ms,
                          struct error *err)
{
    for (size_t i = 0; i < WAITERS_MAX; i++) {
        if (agent->waiters[i].waiting == WAITING_NONE) {
            agent->waiters[i] = (struct waiter){ .waiting = waiting,
                                                 .exchange = exchange,
                                                 .deadline_ms = clock_monotonic_ms() + timeout_ms };
            waiters_wake(agent); /* it may have happened already */
            return ERR_OK;
        }
    }
    return FAIL(err, BUSY, "wait: too many requests wait already");
}

void waiters_answer(struct agent *agent, enum waiting waiting, const struct api_answer *answer)
{
    for (size_t i = 0; i < WAITERS_MAX; i++) {
        if (agent->waiters[i].waiting == waiting) {
            agent->waiters[i].waiting = WAITING_NONE;
            api_send(agent->waiters[i].exchange, answer);
        }
    }
}

void waiters_answer_error(struct agent *agent, enum waiting waiting, const struct error *err)
{
    struct api_answer answer;
    api_answer_init(&answer);
    api_answer_error(&answer, err);
    waiters_answer(agent, waiting, &answer);
    api_answer_fini(&answer);
}

static bool anybody(const struct agent *agent, enum waiting waiting)
{
    for (size_t i = 0; i < WAITERS_MAX; i++) {
        if (agent->waiters[i].waiting == waiting) {
            return true;
        }
    }
    return false;
}

void waiters_answer_status(struct agent *agent, enum waiting waiting)
{
    if (!anybody(agent, waiting)) {
        return;
    }
    struct api_answer answer;
    struct error err;
    api_answer_init(&answer);
    if (answer_object(&answer, status_value(agent), &err) != ERR_OK) {
        api_answer_error(&answer, &err);
    }
    waiters_answer(agent, waiting, &answer);
    api_answer_fini(&answer);
}

/* The round is over, or the time of those who wait for it. */
static void look_at_sync(struct agent *agent)
{
    struct client_status status = { .state = CLIENT_STOPPED };
    if (agent->driver != NULL) {
        exchange_driver_status(agent->driver, &status);
    }
    if (status.state != CLIENT_EXCHANGING && !agent_is_preparing(agent)) {
        waiters_answer_status(agent, WAITING_SYNC);
    }
    int64_t now_ms = clock_monotonic_ms();
    for (size_t i = 0; i < WAITERS_MAX; i++) {
        struct waiter *waiter = &agent->waiters[i];
        if (waiter->waiting == WAITING_SYNC && waiter->deadline_ms <= now_ms) {
            waiter->waiting = WAITING_NONE;
            api_send_object(waiter->exchange, status_value(agent));
        }
    }
    arm(agent);
}
