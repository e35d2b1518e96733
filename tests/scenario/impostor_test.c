/* Somebody else in the centre's place: wrong certificates, sign-in pages, strange answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "tests/support/impostor.h"
#include "tests/support/namespace.h"
#include "tests/support/proxy.h"
#include "tests/support/site.h"
#include "tests/support/wait.h"

#define SYNC_MS 40000
#define HOST "127.0.0.1"

static struct world world;
static struct proxy *proxy;
static struct laptop *laptop;
static struct impostor *impostor;
static struct authority *real;
static struct authority *other;
static int recorded;
static bool own_network;

static void setup(void)
{
    char why[128];
    own_network = namespace_enter(why, sizeof(why));
    world_init(&world);
    centre_make(&world);
    centre_add_site(&world.centre, "Greenfield Trust", "Garden");
    centre_stop(&world.centre);
    real = centre_authority(&world.centre);
    centre_start(&world.centre);
    cr_assert_eq(authority_new("somebody else", clock_wall_ms(), &other, NULL), ERR_OK);
    proxy = proxy_start(world.centre.port);
    laptop = laptop_make(&world, "laptop", true);
    laptop_stop(laptop);
    laptop_set_config(laptop, "[link]\nwait = no\n"); /* the impostor has one connection at a time */
    laptop_start(laptop);
    laptop_enrol(laptop, "Garden", proxy_port(proxy));
    site_import_people(laptop, "GDN", 2);
    laptop_wait_synchronised(laptop, SYNC_MS);
    recorded = 0;
}

static void teardown(void)
{
    world_fini(&world);
    proxy_stop(proxy);
    if (impostor != NULL) {
        impostor_stop(impostor);
    }
    authority_free(real);
    authority_free(other);
}

TestSuite(impostor, .init = setup, .fini = teardown, .timeout = 120);

static void record_one(void)
{
    char session[SITE_TEXT_SIZE];
    recorded++;
    session_name("GDN", 1, recorded, session);
    site_attend(laptop, session, "attended", NULL);
}

static void all_is_there_once(void)
{
    json_t *log = centre_do(&world.centre, EXIT_DONE, "log", "--kind", "attendance", NULL);
    cr_assert_eq((int)json_array_size(json_at(log, "entries")), recorded);
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
}

static void stand_in(const struct impostor_certificate *certificate, enum impostor_manner manner)
{
    impostor = impostor_start(certificate, manner, NULL);
    proxy_aim(proxy, impostor_port(impostor));
}

static void meets(const char *state, const char *result, const char *words)
{
    record_one();
    json_t *status = NULL;
    laptop_wait_text(laptop, "last_exchange.result", result, SYNC_MS);
    WAIT_UNTIL(strcmp(text_at(status = laptop_status(laptop), "state"), state) == 0, SYNC_MS);
    cr_assert_str_eq(text_at(status, "last_exchange.result"), result);
    cr_assert(text_holds(status, "message", words), "expected '%s' in: %s", words, text_at(status, "message"));
    cr_assert_eq(number_at(status, "pending_ops"), 1);
    cr_assert_neq(text_at(status, "next_try_at")[0], '\0', "it is tried again by itself");
}

/* The real centre is back in its place and is found without anybody's help. */
static void heals(void)
{
    proxy_aim(proxy, world.centre.port);
    laptop_wait_synchronised(laptop, SYNC_MS);
    all_is_there_once();
}

/*
 * After a wrong certificate the next try by the clock comes in minutes; another network is tried at once. Where a test
 * may not have a network of its own, a person asks.
 */
static void heals_on_another_network(void)
{
    proxy_aim(proxy, world.centre.port);
    if (own_network) {
        namespace_plug_in();
    } else {
        (void)laptop_do(laptop, EXIT_DONE, "sync", NULL);
    }
    laptop_wait_synchronised(laptop, SYNC_MS);
    all_is_there_once();
}

/* ---- certificates ---- */

Test(impostor, a_certificate_of_another_authority_is_not_trusted)
{
    stand_in(&(struct impostor_certificate){ other, HOST, -1, 30 }, IMPOSTOR_GARBAGE);
    meets("attention", "intercepted", "somebody else's certificate");
    cr_assert_eq(impostor_requests(impostor), 0, "not a byte of a record goes to a stranger");
    heals_on_another_network();
}

Test(impostor, a_certificate_that_has_run_out_is_not_trusted)
{
    stand_in(&(struct impostor_certificate){ real, HOST, -30, -1 }, IMPOSTOR_GARBAGE);
    meets("attention", "tls", "has run out");
    cr_assert_eq(impostor_requests(impostor), 0);
    heals_on_another_network();
}

Test(impostor, a_certificate_of_the_future_is_not_trusted)
{
    stand_in(&(struct impostor_certificate){ real, HOST, 1, 30 }, IMPOSTOR_GARBAGE);
    meets("attention", "tls", "not valid yet");
    cr_assert_eq(impostor_requests(impostor), 0);
    heals_on_another_network();
}

Test(impostor, a_certificate_for_another_name_is_not_trusted)
{
    stand_in(&(struct impostor_certificate){ real, "centre.example", -1, 30 }, IMPOSTOR_GARBAGE);
    meets("attention", "tls", "another name");
    cr_assert_eq(impostor_requests(impostor), 0);
    heals_on_another_network();
}

/* ---- pages of the network ---- */

Test(impostor, a_sign_in_page_is_named)
{
    stand_in(&(struct impostor_certificate){ real, HOST, -1, 30 }, IMPOSTOR_PORTAL_PAGE);
    meets("offline", "captive_portal", "sign in");
    heals();
}

Test(impostor, a_redirect_is_not_followed)
{
    stand_in(&(struct impostor_certificate){ real, HOST, -1, 30 }, IMPOSTOR_REDIRECT);
    meets("offline", "captive_portal", "sign in");
    heals();
}

Test(impostor, an_enrolment_behind_a_sign_in_page_says_so_and_can_be_repeated)
{
    char url[64];
    json_t *code = centre_do(&world.centre, EXIT_DONE, "code", "new", "--site", "Garden", NULL);
    struct laptop *second = laptop_make(&world, "second", true);
    (void)snprintf(url, sizeof(url), "https://" HOST ":%u", proxy_port(proxy));
    stand_in(&(struct impostor_certificate){ real, HOST, -1, 30 }, IMPOSTOR_PORTAL_PAGE);
    json_t *told = laptop_do(second, EXIT_REFUSED, "enrol", "--endpoint", url, "--code", text_at(code, "code"), NULL);
    cr_assert_str_eq(text_at(told, "error.code"), "captive_portal");
    cr_assert(!true_at(laptop_status(second), "enrolled"));
    proxy_aim(proxy, world.centre.port);
    (void)laptop_do(second, EXIT_DONE, "enrol", "--endpoint", url, "--code", text_at(code, "code"), NULL);
    laptop_wait_synchronised(second, SYNC_MS);
}

/* ---- a centre in trouble ---- */

/* Milliseconds since 1970 of an instant as the status shows it. */
static int64_t instant_at(json_t *status, const char *path)
{
    struct tm parts = { 0 };
    int ms = 0;
    const char *rest = strptime(text_at(status, path), "%Y-%m-%dT%H:%M:%S.", &parts);
    cr_assert(rest != NULL && sscanf(rest, "%3dZ", &ms) == 1, "%s: '%s'", path, text_at(status, path));
    return (int64_t)timegm(&parts) * 1000 + ms;
}

static int64_t last_tried_ms(void)
{
    return instant_at(laptop_status(laptop), "last_exchange.at");
}

/* A person's wish is not made to wait: by the laptop's own times, as far as it came before the next try by itself. */
static bool is_asked_at_once(void)
{
    json_t *before = NULL;
    WAIT_UNTIL(text_at(before = laptop_status(laptop), "next_try_at")[0] != '\0', SYNC_MS);
    int64_t tried_ms = instant_at(before, "last_exchange.at");
    (void)laptop_do(laptop, EXIT_DONE, "sync", NULL);
    WAIT_UNTIL(last_tried_ms() != tried_ms, SYNC_MS);
    return last_tried_ms() < instant_at(before, "next_try_at");
}

Test(impostor, a_centre_that_asks_for_patience_gets_it)
{
    stand_in(&(struct impostor_certificate){ real, HOST, -1, 30 }, IMPOSTOR_UNAVAILABLE);
    meets("offline", "busy", "tried again by itself");
    int64_t first_ms = last_tried_ms();
    record_one(); /* a new record does not make it impatient ... */
    WAIT_UNTIL(last_tried_ms() != first_ms, SYNC_MS);
    int64_t waited_ms = last_tried_ms() - first_ms;
    cr_assert_gt(waited_ms, (IMPOSTOR_RETRY_AFTER_S - 1) * 1000, "tried again after %lld ms", (long long)waited_ms);
    bool at_once = false;
    for (int tries = 0; tries < 10 && !at_once; tries++) {
        at_once = is_asked_at_once();
    }
    cr_assert(at_once, "... a person does");
    heals();
}

Test(impostor, a_failing_centre_is_tried_again)
{
    stand_in(&(struct impostor_certificate){ real, HOST, -1, 30 }, IMPOSTOR_SERVER_ERROR);
    meets("offline", "busy", "tried again by itself");
    heals();
}

/* ---- answers that are none ---- */

Test(impostor, answers_that_make_no_sense_are_survived)
{
    static const struct {
        enum impostor_manner manner;
        const char *result;
    } cases[] = { { IMPOSTOR_WRONG_TYPE, "protocol" },
                  { IMPOSTOR_EMPTY, "protocol" },
                  { IMPOSTOR_GARBAGE, "protocol" },
                  { IMPOSTOR_OVERSIZED, "limit" } };
    stand_in(&(struct impostor_certificate){ real, HOST, -1, 30 }, IMPOSTOR_EMPTY);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        impostor_set(impostor, cases[i].manner);
        proxy_aim(proxy, impostor_port(impostor));
        meets("offline", cases[i].result, "tried again by itself");
        heals();
    }
}

/* ---- a relay that spoils what goes through ---- */

static void relay(enum impostor_manner manner)
{
    laptop_stop(laptop);
    impostor = impostor_start(&(struct impostor_certificate){ real, HOST, -1, 30 }, manner, laptop);
    proxy_aim(proxy, impostor_port(impostor));
    laptop_start(laptop);
}

Test(impostor, a_request_that_arrives_twice_is_taken_once)
{
    relay(IMPOSTOR_TWICE);
    for (int i = 0; i < 5; i++) {
        record_one();
        laptop_wait_synchronised(laptop, SYNC_MS);
    }
    all_is_there_once();
}

Test(impostor, a_request_whose_answer_is_lost_is_taken_once)
{
    relay(IMPOSTOR_FAITHFUL);
    laptop_wait_synchronised(laptop, SYNC_MS);
    impostor_set(impostor, IMPOSTOR_LOST);
    record_one();
    json_t *log = NULL;
    WAIT_UNTIL((log = centre_do(&world.centre, EXIT_DONE, "log", "--kind", "attendance", NULL),
                json_array_size(json_at(log, "entries")) == 1),
               SYNC_MS);
    cr_assert_eq(number_at(laptop_status(laptop), "pending_ops"), 1, "not acknowledged: the laptop cannot know");
    heals();
}

Test(impostor, an_answer_that_comes_a_second_time_changes_nothing)
{
    relay(IMPOSTOR_STALE);
    for (int i = 0; i < 3; i++) {
        record_one();
        laptop_wait_number(laptop, "pending_ops", 0, SYNC_MS);
    }
    heals();
}

Test(impostor, half_an_answer_is_no_answer)
{
    relay(IMPOSTOR_TRUNCATED);
    meets("offline", "protocol", "tried again by itself");
    heals();
}

/* One bit of the answer, everywhere: some are refused by their form, some as false evidence, none does harm. */
Test(impostor, an_answer_with_one_wrong_bit_never_does_harm)
{
    int refused = 0;
    relay(IMPOSTOR_FLIPPED);
    for (int i = 0; i < 40; i++) {
        if (i % 4 == 0) {
            record_one();
        }
        json_t *status = laptop_ask(laptop, "ok", "POST", "/v1/sync", json_pack("{s:b}", "wait", 1));
        refused += strcmp(text_at(status, "last_exchange.result"), "ok") != 0;
    }
    cr_assert_gt(refused, 20, "only %d of 40 spoilt answers were noticed", refused);
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
    proxy_aim(proxy, world.centre.port);
    (void)laptop_do(laptop, EXIT_DONE, "sync", "--wait", "--timeout", "50", NULL);
    laptop_wait_synchronised(laptop, SYNC_MS);
    all_is_there_once();
}
