/*
 * The line to the centre: news at once where it costs nothing, and what is kept off a line that does. "At once" is
 * before the next exchange by the clock, which comes after minutes: how long a busy machine takes is printed.
 */
#include <string.h>
#include <time.h>

#include "tests/support/proxy.h"
#include "tests/support/site.h"
#include "tests/support/wait.h"

#define SYNC_MS 40000
#define RECORDING_MS 6000
#define RECORDED_MIN 30
#define BACKOFFS_MAX 9
#define QUIET_MS 500

static struct world world;
static struct proxy *proxy;

static void setup(void)
{
    world_init(&world);
    centre_make(&world);
    centre_add_site(&world.centre, "Greenfield Trust", "Garden");
    proxy = proxy_start(world.centre.port);
}

static void teardown(void)
{
    world_fini(&world);
    proxy_stop(proxy);
}

TestSuite(link, .init = setup, .fini = teardown, .timeout = 120);

static struct laptop *enrolled(const char *name, const char *settings)
{
    struct laptop *laptop = laptop_make(&world, name, true);
    if (settings != NULL) {
        laptop_stop(laptop);
        laptop_set_config(laptop, settings);
        laptop_start(laptop);
    }
    laptop_enrol(laptop, "Garden", proxy_port(proxy));
    return laptop;
}

static void refer(const char *ref)
{
    (void)centre_do(&world.centre, EXIT_DONE, "referral", "new", "--site", "Garden", "--participant", "GDN-900",
                    "--name", "Invented Person", "--ref", ref, "--route", "mir", "--basis", "mandatory", NULL);
}

static void wait_until_it_waits(struct laptop *laptop)
{
    WAIT_UNTIL(true_at(laptop_status(laptop), "waiting"), SYNC_MS);
}

Test(link, a_referral_made_at_the_centre_shows_at_once)
{
    struct laptop *laptop = enrolled("laptop", NULL);
    for (int i = 1; i <= 3; i++) {
        char ref[16];
        (void)snprintf(ref, sizeof(ref), "R-%d", i);
        wait_until_it_waits(laptop);
        refer(ref);
        int64_t began_ms = clock_monotonic_ms();
        laptop_wait_number(laptop, "records.referral", i, SYNC_MS);
        printf("a referral took %lld ms\n", (long long)(clock_monotonic_ms() - began_ms));
    }
}

static void attend(struct laptop *laptop, int days_ago)
{
    char session[SITE_TEXT_SIZE];
    session_name("GDN", 1, days_ago, session);
    site_attend(laptop, session, "attended", NULL);
}

static json_int_t attendances_at_the_centre(void)
{
    json_t *log = centre_do(&world.centre, EXIT_DONE, "log", "--kind", "attendance", "--limit", "1000", NULL);
    return (json_int_t)json_array_size(json_at(log, "entries"));
}

Test(link, a_record_made_here_cuts_the_wait_short)
{
    struct laptop *laptop = enrolled("laptop", NULL);
    site_import_people(laptop, "GDN", 1);
    for (int i = 1; i <= 3; i++) {
        wait_until_it_waits(laptop);
        attend(laptop, i);
        WAIT_UNTIL(attendances_at_the_centre() == i, SYNC_MS);
    }
    laptop_wait_synchronised(laptop, SYNC_MS);
}

Test(link, what_a_colleague_records_is_news_and_what_was_recorded_here_is_none)
{
    struct laptop *office = enrolled("office", NULL);
    struct laptop *shed = enrolled("shed", NULL);
    site_import_people(office, "GDN", 1);
    wait_until_it_waits(office);
    wait_until_it_waits(shed);
    attend(office, 1);
    laptop_wait_number(shed, "records.attendance", 1, SYNC_MS);
    laptop_wait_synchronised(office, SYNC_MS);
    wait_until_it_waits(office);
    json_t *before = laptop_status(office);
    sleep_ms(QUIET_MS);
    cr_assert(json_equal(json_at(before, "last_exchange"), json_at(laptop_status(office), "last_exchange")),
              "it was woken for its own record");
}

/* What was on its way has arrived. */
static void wait_for_quiet(struct proxy_counts *ret_counts)
{
    struct proxy_counts before;
    proxy_counts(proxy, ret_counts);
    do {
        before = *ret_counts;
        sleep_ms(QUIET_MS);
        proxy_counts(proxy, ret_counts);
    } while (before.bytes_up != ret_counts->bytes_up || before.bytes_down != ret_counts->bytes_down);
}

Test(link, waiting_costs_no_bytes)
{
    struct proxy_counts before;
    struct proxy_counts after;
    struct laptop *laptop = enrolled("laptop", NULL);
    wait_until_it_waits(laptop);
    wait_for_quiet(&before);
    sleep_ms(3000);
    proxy_counts(proxy, &after);
    cr_assert_eq(after.bytes_up + after.bytes_down, before.bytes_up + before.bytes_down);
    cr_assert(true_at(laptop_status(laptop), "waiting"));
}

Test(link, after_the_centre_was_away_it_waits_again)
{
    struct laptop *laptop = enrolled("laptop", NULL);
    wait_until_it_waits(laptop);
    centre_stop(&world.centre);
    laptop_wait_text(laptop, "state", "offline", SYNC_MS);
    cr_assert(!true_at(laptop_status(laptop), "waiting"));
    centre_start(&world.centre);
    proxy_aim(proxy, world.centre.port);
    (void)laptop_do(laptop, EXIT_DONE, "sync", "--wait", NULL);
    refer("R-1");
    laptop_wait_number(laptop, "records.referral", 1, SYNC_MS);
}

/* Two of them wait for up to some minutes; what the third one sends would take one, which is longer than any stop may.
 */
Test(link, a_centre_that_stops_lets_go_of_who_waits_and_of_who_sends_at_once)
{
    struct laptop *waiting[] = { laptop_make(&world, "office", true), laptop_make(&world, "shed", true) };
    struct laptop *sending = enrolled("van", "[link]\nwait = no\n");
    struct proxy_counts before;
    struct proxy_counts now;
    site_import_people(sending, "GDN", 3);
    laptop_wait_synchronised(sending, SYNC_MS);
    for (size_t i = 0; i < ARRAY_LEN(waiting); i++) {
        laptop_enrol(waiting[i], "Garden", world.centre.port);
        wait_until_it_waits(waiting[i]);
    }
    proxy_counts(proxy, &before);
    proxy_set(proxy, &(struct proxy_faults){ .bytes_per_s = 1000 });
    (void)site_import_register(sending, &(struct site_register){ "GDN", 3, 160, 160, true });
    WAIT_UNTIL((proxy_counts(proxy, &now), now.bytes_up > before.bytes_up + 6000), SYNC_MS);
    cr_expect(true_at(laptop_status(waiting[0]), "waiting") && true_at(laptop_status(waiting[1]), "waiting"));
    int64_t began_ms = clock_monotonic_ms();
    centre_stop(&world.centre);
    printf("it stopped within %lld ms\n", (long long)(clock_monotonic_ms() - began_ms));
    laptop_wait_text(waiting[0], "state", "offline", SYNC_MS);
    laptop_wait_text(waiting[1], "state", "offline", SYNC_MS);
    proxy_set(proxy, NULL);
    centre_start(&world.centre);
    (void)laptop_do(sending, EXIT_DONE, "sync", "--wait", NULL);
    laptop_wait_synchronised(sending, SYNC_MS);
    cr_assert_eq(attendances_at_the_centre(), 480);
    laptop_wait_number(waiting[0], "records.attendance", 480, SYNC_MS);
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
}

/* Each try reads and packs all that waits, so they are bounded however fast records are made: one in two seconds, and
 * those of the time between tries, which is any up to a limit that doubles. */
Test(link, what_is_recorded_while_the_line_is_down_is_seldom_packed)
{
    struct proxy_counts before;
    struct proxy_counts after;
    struct laptop *laptop = enrolled("laptop", "[link]\nwait = no\n");
    site_import_people(laptop, "GDN", 1);
    laptop_wait_synchronised(laptop, SYNC_MS);
    proxy_set(proxy, &(struct proxy_faults){ .delay_ms = 150, .cut_up_at = 1 });
    proxy_cut_all(proxy);
    proxy_counts(proxy, &before);
    int64_t began_ms = clock_monotonic_ms();
    int recorded = 0;
    int64_t took_ms = 0;
    while (took_ms < RECORDING_MS || recorded < RECORDED_MIN) {
        attend(laptop, 1 + recorded++ % SITE_PAST_DAYS);
        took_ms = clock_monotonic_ms() - began_ms;
    }
    proxy_counts(proxy, &after);
    uint64_t tries = after.connections - before.connections;
    printf("%d records in %lld ms: %llu tries\n", recorded, (long long)took_ms, (unsigned long long)tries);
    cr_assert_geq(tries, 2);
    cr_assert_leq(tries, (uint64_t)took_ms / 2000 + BACKOFFS_MAX);
    proxy_set(proxy, NULL);
    (void)laptop_do(laptop, EXIT_DONE, "sync", "--wait", NULL);
    laptop_wait_synchronised(laptop, SYNC_MS);
}

static void never_waits(const char *settings)
{
    struct laptop *laptop = enrolled("laptop", settings);
    laptop_wait_synchronised(laptop, SYNC_MS);
    sleep_ms(300);
    cr_assert(!true_at(laptop_status(laptop), "waiting"));
    cr_assert_neq(text_at(laptop_status(laptop), "next_try_at")[0], '\0');
    refer("R-1");
    sleep_ms(1000);
    cr_assert_eq(number_at(laptop_status(laptop), "records.referral"), 0);
    (void)laptop_do(laptop, EXIT_DONE, "sync", "--wait", NULL);
    cr_assert_eq(number_at(laptop_status(laptop), "records.referral"), 1);
}

Test(link, nothing_is_kept_open_on_a_metered_link)
{
    never_waits("[link]\nmetered = yes\n");
}

Test(link, nothing_is_kept_open_outside_the_hours)
{
    char settings[64];
    time_t soon = time(NULL) + 2 * 3600;
    struct tm from;
    (void)localtime_r(&soon, &from);
    (void)snprintf(settings, sizeof(settings), "[link]\nhours = %02d:00-%02d:30\n", from.tm_hour, from.tm_hour);
    never_waits(settings);
}

static uint64_t bytes_of(struct laptop *laptop, bool new_connection, bool record)
{
    static int days_ago = 10;
    struct proxy_counts before;
    struct proxy_counts after;
    if (new_connection) {
        proxy_cut_all(proxy);
    }
    proxy_counts(proxy, &before);
    if (record) {
        attend(laptop, days_ago++);
        laptop_wait_synchronised(laptop, SYNC_MS);
    } else {
        (void)laptop_do(laptop, EXIT_DONE, "sync", "--wait", NULL);
    }
    proxy_counts(proxy, &after);
    cr_assert_eq(after.connections - before.connections, new_connection ? 1 : 0);
    return after.bytes_up + after.bytes_down - before.bytes_up - before.bytes_down;
}

Test(link, an_exchange_costs_little_over_a_new_connection_and_less_over_a_kept_one)
{
    struct laptop *laptop = enrolled("laptop", "[link]\nwait = no\n");
    site_import_people(laptop, "GDN", 1);
    laptop_wait_synchronised(laptop, SYNC_MS);
    for (int i = 0; i < 2; i++) {
        uint64_t record = bytes_of(laptop, true, true);
        uint64_t idle = bytes_of(laptop, false, false);
        uint64_t idle_new = bytes_of(laptop, true, false);
        printf("one record over a new connection: %llu bytes; nothing over a kept one: %llu, over a new one: %llu\n",
               (unsigned long long)record, (unsigned long long)idle, (unsigned long long)idle_new);
        cr_assert_lt(record, 2048);
        cr_assert_lt(idle, 1024);
        cr_assert_lt(idle_new, record);
    }
}

Test(link, a_revoked_device_does_not_get_in_by_an_earlier_connection)
{
    struct laptop *laptop = enrolled("laptop", "[link]\nwait = no\n");
    (void)bytes_of(laptop, true, false);
    (void)centre_do(&world.centre, EXIT_DONE, "revoke", text_at(laptop_status(laptop), "device.id"), NULL);
    proxy_cut_all(proxy);
    (void)laptop_do(laptop, EXIT_REFUSED, "sync", "--wait", NULL);
    cr_assert_str_eq(text_at(laptop_status(laptop), "last_exchange.result"), "revoked");
}
