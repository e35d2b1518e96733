/*
 * The life of an enrolment: renewed before it ends, followed to a new authority, revoked, run out, and begun again with
 * a code and the same key. The centre's clock and the laptops' are moved months ahead.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/identity.h"
#include "sync/endpoint/core/strangers.h"
#include "tests/support/site.h"
#include "tests/support/wait.h"

#define SYNC_MS 40000
#define DAY_S (24L * 3600)

static struct world world;
static struct laptop *laptop;
static char url[64];

static void setup(void)
{
    world_init(&world);
    world.centre.world = &world;
    centre_make(&world);
    centre_stop(&world.centre);
    centre_set_clock(&world.centre, 0);
    centre_start(&world.centre);
    centre_add_site(&world.centre, "Greenfield Trust", "Garden");
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u", world.centre.port);
    laptop = laptop_make(&world, "laptop", true);
    laptop_stop(laptop);
    laptop_set_clock(laptop, 0);
    laptop_start(laptop);
    laptop_enrol(laptop, "Garden", world.centre.port);
    site_import_people(laptop, "GDN", 2);
    laptop_wait_synchronised(laptop, SYNC_MS);
}

static void teardown(void)
{
    world_fini(&world);
}

TestSuite(life, .init = setup, .fini = teardown, .timeout = 180);

/* The whole world's clock. */
static void later(long days)
{
    centre_set_clock(&world.centre, days * DAY_S);
    laptop_set_clock(laptop, days * DAY_S);
}

static void record_one(struct laptop *who, int days_ago)
{
    char session[SITE_TEXT_SIZE];
    session_name("GDN", 1, days_ago, session);
    site_attend(who, session, "attended", NULL);
}

static void sync_once(struct laptop *who)
{
    (void)laptop_do(who, EXIT_DONE, "sync", "--wait", "--timeout", "50", NULL);
}

static json_t *fresh_code(void)
{
    return centre_do(&world.centre, EXIT_DONE, "code", "new", "--site", "Garden", NULL);
}

static bool renewed_after(const char *valid_until)
{
    return strcmp(text_at(laptop_status(laptop), "certificate.valid_until"), valid_until) > 0;
}

static json_int_t to_follow(void)
{
    return number_at(centre_do(&world.centre, EXIT_DONE, "ca", "show", NULL), "devices_to_follow");
}

static const char *device_id(void)
{
    return text_at(laptop_status(laptop), "device.id");
}

Test(life, a_certificate_is_renewed_by_itself_and_only_when_the_centres_clock_says_so)
{
    const char *first = text_at(laptop_status(laptop), "certificate.valid_until");
    laptop_set_clock(laptop, 300 * DAY_S); /* a wrong clock alone renews nothing */
    sync_once(laptop);
    cr_assert_str_eq(text_at(laptop_status(laptop), "certificate.valid_until"), first);
    later(300);
    sync_once(laptop);
    WAIT_UNTIL(renewed_after(first), SYNC_MS);
    record_one(laptop, 3);
    laptop_wait_synchronised(laptop, SYNC_MS);
    laptop_kill(laptop);
    laptop_start(laptop);
    cr_assert(renewed_after(first), "the new certificate is the one kept");
    later(400); /* the first would have run out */
    record_one(laptop, 4);
    laptop_wait_synchronised(laptop, SYNC_MS);
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
}

Test(life, a_centre_whose_clock_is_ahead_for_an_hour_locks_nobody_out)
{
    const char *first = text_at(laptop_status(laptop), "certificate.valid_until");
    centre_set_clock(&world.centre, 260 * DAY_S);
    record_one(laptop, 3);
    sync_once(laptop);
    WAIT_UNTIL(text_holds(laptop_status(laptop), "certificate.trouble", "days ahead"), SYNC_MS);
    cr_assert_str_eq(text_at(laptop_status(laptop), "certificate.valid_until"), first);
    centre_stop(&world.centre);
    centre_set_clock(&world.centre, 0);
    centre_start(&world.centre);
    record_one(laptop, 4);
    laptop_wait_synchronised(laptop, SYNC_MS);
    later(260); /* now it is true */
    sync_once(laptop);
    WAIT_UNTIL(renewed_after(first), SYNC_MS);
    laptop_wait_synchronised(laptop, SYNC_MS);
}

Test(life, a_new_authority_is_followed_only_once_the_centres_clock_is_right)
{
    laptop_stop(laptop);
    (void)centre_do(&world.centre, EXIT_DONE, "ca", "roll", "--overlap", "60", NULL);
    centre_stop(&world.centre);
    centre_set_clock(&world.centre, 20 * DAY_S);
    centre_start(&world.centre);
    laptop_start(laptop);
    record_one(laptop, 3);
    sync_once(laptop);
    WAIT_UNTIL(text_holds(laptop_status(laptop), "certificate.trouble", "days ahead"), SYNC_MS);
    cr_assert_eq(to_follow(), 1);
    centre_stop(&world.centre);
    centre_set_clock(&world.centre, 0);
    centre_start(&world.centre);
    record_one(laptop, 4);
    sync_once(laptop);
    WAIT_UNTIL(to_follow() == 0, SYNC_MS);
    laptop_wait_synchronised(laptop, SYNC_MS);
}

Test(life, a_certificate_that_begins_later_says_so_and_what_to_do)
{
    const char *first = text_at(laptop_status(laptop), "certificate.valid_until");
    later(260);
    sync_once(laptop);
    WAIT_UNTIL(renewed_after(first), SYNC_MS);
    centre_stop(&world.centre);
    later(0);
    centre_start(&world.centre);
    record_one(laptop, 4);
    WAIT_UNTIL(text_holds(laptop_status(laptop), "message", "certificate holds from"), SYNC_MS);
    cr_assert(text_holds(laptop_status(laptop), "message", "enrol --again"));
    (void)laptop_tell(laptop, EXIT_DONE, text_at(fresh_code(), "code"), "enrol", "--again", "--endpoint", url,
                      "--code-file", "-", NULL);
    laptop_wait_synchronised(laptop, SYNC_MS);
}

Test(life, the_end_is_announced_and_an_expired_laptop_comes_back_with_a_code_and_all_its_records)
{
    const char *device = device_id();
    centre_stop(&world.centre);
    record_one(laptop, 2);
    laptop_set_clock(laptop, 340 * DAY_S);
    json_t *status = laptop_status(laptop);
    cr_assert_str_eq(text_at(status, "state"), "attention");
    cr_assert(text_holds(status, "message", "runs out on"), "%s", text_at(status, "message"));
    later(400);
    centre_start(&world.centre);
    (void)laptop_do(laptop, EXIT_REFUSED, "sync", "--wait", "--timeout", "50", NULL);
    status = laptop_status(laptop);
    cr_assert(text_holds(status, "message", "ran out on") && text_holds(status, "message", "enrol --again"), "%s",
              text_at(status, "message"));
    json_t *code = fresh_code();
    json_t *refused =
        laptop_tell(laptop, EXIT_REFUSED, text_at(code, "code"), "enrol", "--endpoint", url, "--code-file", "-", NULL);
    cr_assert_str_eq(text_at(refused, "error.code"), "conflict", "without --again an enrolled laptop stays as it is");
    (void)laptop_tell(laptop, EXIT_DONE, text_at(code, "code"), "enrol", "--again", "--endpoint", url, "--code-file",
                      "-", NULL);
    laptop_wait_synchronised(laptop, SYNC_MS);
    cr_assert_str_eq(device_id(), device);
    json_t *log = centre_do(&world.centre, EXIT_DONE, "log", "--kind", "attendance", NULL);
    cr_assert_eq(json_array_size(json_at(log, "entries")), 1);
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
}

Test(life, laptops_follow_a_new_authority_by_themselves_and_one_that_was_away_needs_a_code)
{
    struct laptop *away = laptop_make(&world, "away", true);
    laptop_enrol(away, "Garden", world.centre.port);
    sync_once(away);
    record_one(away, 5);
    laptop_wait_synchronised(away, SYNC_MS);
    laptop_stop(away);
    json_t *rolled = centre_do(&world.centre, EXIT_DONE, "ca", "roll", "--overlap", "30", NULL);
    cr_assert_eq(number_at(rolled, "devices_to_follow"), 2);
    record_one(laptop, 6);
    WAIT_UNTIL(to_follow() == 1, SYNC_MS);
    laptop_wait_synchronised(laptop, SYNC_MS);

    struct laptop *late =
        laptop_make(&world, "late", true); /* trusts only the new one, and reads what the old one signed */
    laptop_enrol(late, "Garden", world.centre.port);
    sync_once(late);
    cr_assert(laptops_agree(laptop, late));

    json_t *authority = centre_do(&world.centre, EXIT_DONE, "ca", "show", NULL);
    cr_assert_eq(json_array_size(json_at(authority, "following")), 1);
    (void)centre_do(&world.centre, EXIT_REFUSED, "ca", "retire", NULL); /* it would shut one out */
    (void)centre_do(&world.centre, EXIT_DONE, "ca", "retire", "--force", NULL);
    record_one(laptop, 7);
    laptop_wait_synchronised(laptop, SYNC_MS);
    laptop_start(away);
    record_one(away, 8);
    (void)laptop_do(away, EXIT_REFUSED, "sync", "--wait", "--timeout", "50", NULL);
    cr_assert(text_holds(laptop_status(away), "message", "`holdfast enrol --again` with a new code"), "%s",
              text_at(laptop_status(away), "message"));
    json_t *code = fresh_code();
    (void)laptop_tell(away, EXIT_DONE, text_at(code, "code"), "enrol", "--again", "--endpoint", url, "--code-file", "-",
                      NULL);
    laptop_wait_synchronised(away, SYNC_MS);
    sync_once(laptop);
    sync_once(late);
    cr_assert(laptops_agree(laptop, away));
    cr_assert(laptops_agree(laptop, late));
    cr_assert_eq(to_follow(), 0);
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
    (void)laptop_do(late, EXIT_DONE, "verify", NULL);
}

Test(life, a_revoked_laptop_is_refused_while_it_waits_and_goes_on_once_it_is_reinstated)
{
    const char *device = device_id();
    (void)centre_do(&world.centre, EXIT_DONE, "revoke", device, NULL);
    WAIT_UNTIL(text_holds(laptop_status(laptop), "message", "revoked"), SYNC_MS);
    record_one(laptop, 9);
    json_t *code = fresh_code();
    json_t *refused = laptop_tell(laptop, EXIT_REFUSED, text_at(code, "code"), "enrol", "--again", "--endpoint", url,
                                  "--code-file", "-", NULL);
    cr_assert(text_holds(refused, "error.message", "revoked"), "%s", text_at(refused, "error.message"));
    (void)centre_do(&world.centre, EXIT_DONE, "reinstate", device, NULL);
    sync_once(laptop);
    laptop_wait_synchronised(laptop, SYNC_MS);
    json_t *log = centre_do(&world.centre, EXIT_DONE, "log", "--kind", "attendance", NULL);
    cr_assert_eq(json_array_size(json_at(log, "entries")), 1);
}

/* As some clients of EST do before they say who they are. */
static void ask_without_a_code(void)
{
    char command[512];
    (void)snprintf(
        command, sizeof(command),
        "printf 'POST /.well-known/est/simpleenroll HTTP/1.1\\r\\nHost: centre\\r\\nContent-Length: 4\\r\\n"
        "Connection: close\\r\\n\\r\\nAAAA' | openssl s_client -quiet -ign_eof -connect 127.0.0.1:%u 2>/dev/null | "
        "grep -q '^HTTP/1.1 401'",
        world.centre.port);
    cr_assert_eq(system(command), 0);
}

Test(life, somebody_who_tries_codes_is_told_to_wait_and_so_is_a_right_code_from_there)
{
    struct laptop *guesser = laptop_make(&world, "guesser", true);
    const char *right = text_at(fresh_code(), "code");
    struct enrolment_code code;
    char text[ENROLMENT_CODE_SIZE];
    cr_assert_eq(enrolment_code_parse(right, &code, NULL), ERR_OK);
    for (int i = 0; i < STRANGERS_WRONG_MAX; i++) {
        ask_without_a_code(); /* nobody guesses so */
        code.secret[i % ENROLMENT_SECRET_BYTES]++;
        enrolment_code_format(&code, text);
        json_t *refused = laptop_tell(guesser, EXIT_REFUSED, text, "enrol", "--endpoint", url, NULL);
        cr_assert_str_eq(text_at(refused, "error.code"), "refused");
    }
    json_t *later = laptop_tell(guesser, EXIT_REFUSED, right, "enrol", "--endpoint", url, NULL);
    cr_assert_str_eq(text_at(later, "error.code"), "busy");
    cr_assert(text_holds(later, "error.message", "wait 60 minutes"), "%s", text_at(later, "error.message"));
    record_one(laptop, 2);
    laptop_wait_synchronised(laptop, SYNC_MS); /* who is enrolled is not in the way of it */
}

Test(life, a_laptop_killed_while_it_renews_goes_on_with_the_old_certificate_or_the_new)
{
    const char *first = text_at(laptop_status(laptop), "certificate.valid_until");
    const useconds_t moments_us[] = { 5000, 40000, 90000, 150000, 250000 };
    later(300);
    for (size_t i = 0; i < ARRAY_LEN(moments_us); i++) {
        record_one(laptop, 20 + (int)i); /* wakes an exchange, after which it renews */
        (void)usleep(200000 + moments_us[i]);
        laptop_kill(laptop);
        laptop_start(laptop);
    }
    WAIT_UNTIL(renewed_after(first), SYNC_MS);
    laptop_wait_synchronised(laptop, SYNC_MS);
    json_t *log = centre_do(&world.centre, EXIT_DONE, "log", "--kind", "attendance", NULL);
    cr_assert_eq(json_array_size(json_at(log, "entries")), ARRAY_LEN(moments_us));
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
}
