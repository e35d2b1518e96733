/*
 * Clocks that are days off. Only the agent's own wall clock is moved (tests/support/shifted_clock.c, which unlike other
 * libraries of the kind goes with the sanitizers): the time of a whole machine is not a test's to change.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/support/namespace.h"
#include "tests/support/site.h"
#include "tests/support/wait.h"

#define SYNC_MS 40000
#define TWO_DAYS_S (2L * 24 * 3600)
#define MINUTE_MS 60000

static struct world world;
static struct laptop *laptop;
static bool own_network;

static void setup(void)
{
    char why[160];
    own_network = namespace_enter(why, sizeof(why));
    world_init(&world);
    centre_make(&world);
    centre_add_site(&world.centre, "Greenfield Trust", "Garden");
    laptop = laptop_make(&world, "laptop", true);
    laptop_enrol(laptop, "Garden", world.centre.port);
    site_import_people(laptop, "GDN", 2);
    laptop_wait_synchronised(laptop, SYNC_MS);
    laptop_stop(laptop);
}

static void teardown(void)
{
    world_fini(&world);
}

TestSuite(clock, .init = setup, .fini = teardown, .timeout = 120);

static void start_with_clock(long shift_s)
{
    laptop_set_clock(laptop, shift_s);
    laptop_start(laptop);
}

static void record_one(int days_ago)
{
    char session[SITE_TEXT_SIZE];
    session_name("GDN", 1, days_ago, session);
    site_attend(laptop, session, "attended", NULL);
}

Test(clock, two_days_ahead_is_said_and_everything_goes_on)
{
    start_with_clock(TWO_DAYS_S);
    record_one(5);
    laptop_wait_synchronised(laptop, SYNC_MS);
    json_t *status = laptop_status(laptop);
    long long off_ms = number_at(status, "clock_offset_ms") - TWO_DAYS_S * 1000LL;
    cr_assert(true_at(status, "clock_off"));
    cr_assert_lt(llabs(off_ms), MINUTE_MS, "measured %lld ms wrong", off_ms);
    cr_assert(text_holds(status, "message", "clock"), "%s", text_at(status, "message"));

    laptop_set_clock(laptop, 0); /* somebody sets it right */
    record_one(6);
    laptop_wait_synchronised(laptop, SYNC_MS);
    status = laptop_status(laptop);
    cr_assert(!true_at(status, "clock_off"));
    cr_assert_lt(llabs(number_at(status, "clock_offset_ms")), MINUTE_MS);
    cr_assert_str_eq(text_at(status, "message"), "");
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
    json_t *log = centre_do(&world.centre, EXIT_DONE, "log", "--kind", "attendance", NULL);
    cr_assert_eq(json_array_size(json_at(log, "entries")), 2);
}

/* The certificate of the young centre seems not to be valid yet: what to do is said, and nothing is lost meanwhile. */
Test(clock, two_days_behind_is_said_and_heals_when_the_clock_is_set)
{
    start_with_clock(-TWO_DAYS_S);
    record_one(5);
    laptop_wait_text(laptop, "last_exchange.result", "tls", SYNC_MS);
    json_t *status = laptop_status(laptop);
    cr_assert_str_eq(text_at(status, "state"), "attention");
    cr_assert(text_holds(status, "message", "set the clock"), "%s", text_at(status, "message"));
    cr_assert_eq(number_at(status, "pending_ops"), 1);
    record_one(6);
    laptop_set_clock(laptop, 0);
    if (own_network) {
        namespace_plug_in();
    } else {
        (void)laptop_do(laptop, EXIT_DONE, "sync", NULL);
    }
    laptop_wait_synchronised(laptop, SYNC_MS);
    cr_assert(!true_at(laptop_status(laptop), "clock_off"));
    json_t *log = centre_do(&world.centre, EXIT_DONE, "log", "--kind", "attendance", NULL);
    cr_assert_eq(json_array_size(json_at(log, "entries")), 2);
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
}

/* Neither side's clock decides what stands: a laptop that lives two days in the future does not win. */
Test(clock, a_clock_ahead_does_not_win_a_dispute)
{
    struct laptop *right = laptop_make(&world, "right", true);
    char session[SITE_TEXT_SIZE];
    laptop_enrol(right, "Garden", world.centre.port);
    centre_stop(&world.centre);
    start_with_clock(TWO_DAYS_S);
    session_name("GDN", 2, 4, session);
    site_attend(laptop, session, "absent", NULL);
    site_attend(right, session, "attended", NULL);
    centre_start(&world.centre);
    struct laptop *order[] = { laptop, right, laptop };
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        (void)laptop_do(order[i], EXIT_DONE, "sync", "--wait", "--timeout", "40", NULL);
    }
    cr_assert_str_eq(text_at(site_session(laptop, session), "standing"), "disputed");
    cr_assert_str_eq(text_at(site_session(right, session), "standing"), "disputed");
}
