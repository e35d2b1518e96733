/* When an idle replica is locked. */
#include <criterion/criterion.h>

#include "agent/idle_lock.h"
#include "base/clock.h"

#define AFTER_MS 500

static uv_loop_t loop;
static struct idle_lock idle;
static uv_timer_t touching;
static int dues;
static int64_t due_at_ms;
static int touches;
static bool stopped;

static void on_due(void *context)
{
    cr_assert_eq(context, &loop);
    dues++;
    due_at_ms = clock_monotonic_ms();
}

static void on_stopped(void *context)
{
    (void)context;
    stopped = true;
}

static void start(void)
{
    struct error err;
    cr_assert_eq(uv_loop_init(&loop), 0);
    cr_assert_eq(idle_lock_start(&idle, &loop, AFTER_MS, on_due, &loop, &err), ERR_OK);
}

static void stop(void)
{
    cr_assert(idle_lock_stop(&idle, on_stopped));
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert(stopped);
    cr_assert_eq(uv_loop_close(&loop), 0);
}

static void run_for(int64_t ms)
{
    int64_t end_ms = clock_monotonic_ms() + ms;
    while (clock_monotonic_ms() < end_ms) {
        (void)uv_run(&loop, UV_RUN_NOWAIT);
    }
    (void)uv_run(&loop, UV_RUN_NOWAIT); /* what became due while nobody let this process run */
}

/* All of its time is left, but for what has passed since then. */
static bool all_is_left(int64_t since_ms)
{
    int64_t left_ms = idle_lock_left_ms(&idle);
    return left_ms + clock_monotonic_ms() - since_ms >= AFTER_MS;
}

TestSuite(idle_lock, .init = start, .fini = stop);

Test(idle_lock, is_due_once_when_nobody_asks_for_so_long)
{
    int64_t from_ms = clock_monotonic_ms();
    idle_lock_touch(&idle);
    cr_assert(all_is_left(from_ms));
    run_for(3 * AFTER_MS);
    cr_assert_eq(dues, 1);
    cr_assert_geq(due_at_ms - from_ms, AFTER_MS - 1);
    cr_assert_eq(idle_lock_left_ms(&idle), -1, "it rests");
}

static void touch(uv_timer_t *timer)
{
    idle_lock_touch(&idle);
    if (++touches == 8) {
        uv_close((uv_handle_t *)timer, NULL);
    }
}

Test(idle_lock, is_put_off_by_every_call)
{
    cr_assert_eq(uv_timer_init(&loop, &touching), 0);
    cr_assert_eq(uv_timer_start(&touching, touch, 0, AFTER_MS / 4), 0);
    int64_t from_ms = clock_monotonic_ms();
    while (dues == 0) {
        (void)uv_run(&loop, UV_RUN_ONCE);
    }
    cr_assert_eq(touches, 8);
    cr_assert_geq(due_at_ms - from_ms, 7 * AFTER_MS / 4 + AFTER_MS - 20);
}

Test(idle_lock, rests_while_the_replica_is_locked)
{
    idle_lock_touch(&idle);
    idle_lock_rest(&idle);
    cr_assert_not(idle_lock_overdue(&idle));
    run_for(2 * AFTER_MS);
    cr_assert_eq(dues, 0);
    idle_lock_touch(&idle);
    run_for(2 * AFTER_MS);
    cr_assert_eq(dues, 1, "and watches again after the next unlock");
}

Test(idle_lock, is_overdue_before_the_loop_has_told)
{
    int64_t from_ms = clock_monotonic_ms();
    idle_lock_touch(&idle);
    bool overdue = idle_lock_overdue(&idle);
    cr_assert(!overdue || clock_monotonic_ms() - from_ms >= AFTER_MS);
    uv_sleep(AFTER_MS + 50);
    cr_assert(idle_lock_overdue(&idle));
}

Test(idle_lock, knows_that_a_machine_that_was_awake_did_not_sleep)
{
    idle_lock_touch(&idle);
    uv_sleep(AFTER_MS + 50);
    cr_assert(idle_lock_overdue(&idle));
    cr_assert_not(idle_lock_slept(&idle));
}

Test(idle_lock, begins_anew_for_work_that_gets_on)
{
    idle_lock_touch(&idle);
    for (int got = 1; got <= 3; got++) {
        run_for(AFTER_MS + 50);
        cr_assert_eq(dues, got);
        idle.got_at_awake_ms -= IDLE_STILL_MS;
        int64_t from_ms = clock_monotonic_ms();
        cr_assert(idle_lock_put_off(&idle, (uint64_t)got));
        cr_assert(all_is_left(from_ms));
    }
}

Test(idle_lock, does_not_begin_anew_for_work_that_has_stood_still_for_long)
{
    idle_lock_touch(&idle);
    cr_assert(idle_lock_put_off(&idle, 7));
    idle.got_at_awake_ms -= IDLE_STILL_MS / 2;
    cr_assert(idle_lock_put_off(&idle, 7), "not for long yet");
    idle.got_at_awake_ms -= IDLE_STILL_MS / 2;
    cr_assert_not(idle_lock_put_off(&idle, 7));
    idle_lock_touch(&idle);
    cr_assert(idle_lock_put_off(&idle, 7), "somebody asked for something, perhaps for other work");
}

Test(idle_lock_never, does_nothing_when_it_is_not_asked_to, .init = NULL)
{
    struct error err;
    cr_assert_eq(uv_loop_init(&loop), 0);
    cr_assert_eq(idle_lock_start(&idle, &loop, 0, on_due, &loop, &err), ERR_OK);
    idle_lock_touch(&idle);
    cr_assert_eq(idle_lock_left_ms(&idle), -1);
    cr_assert_not(idle_lock_overdue(&idle));
    idle_lock_rest(&idle);
    cr_assert_not(idle_lock_stop(&idle, on_stopped));
    cr_assert_eq(uv_loop_close(&loop), 0);
}
