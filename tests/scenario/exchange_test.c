/* The main road: enrol, record, synchronise; two laptops of a site, two sites kept apart, the centre's own words. */
#include <string.h>

#include "tests/support/site.h"
#include "tests/support/wait.h"

#define SYNC_MS 30000

static struct world world;

static void setup(void)
{
    world_init(&world);
    centre_make(&world);
    centre_add_site(&world.centre, "Greenfield Trust", "Garden");
}

static void teardown(void)
{
    world_fini(&world);
}

TestSuite(exchange, .init = setup, .fini = teardown, .timeout = 120);

static struct laptop *enrolled(const char *name, const char *site)
{
    struct laptop *laptop = laptop_make(&world, name, true);
    laptop_enrol(laptop, site, world.centre.port);
    return laptop;
}

static void sync_now(struct laptop *laptop)
{
    (void)laptop_do(laptop, EXIT_DONE, "sync", "--wait", "--timeout", "50", NULL);
}

Test(exchange, a_laptop_enrols_and_is_synchronised)
{
    struct laptop *laptop = laptop_make(&world, "laptop", true);
    json_t *before = laptop_status(laptop);
    cr_assert_str_eq(text_at(before, "state"), "offline");
    cr_assert(text_holds(before, "message", "not enrolled"));
    laptop_enrol(laptop, "Garden", world.centre.port);
    json_t *status = laptop_status(laptop);
    cr_assert(true_at(status, "enrolled"));
    cr_assert_str_eq(text_at(status, "site.name"), "Garden");
    cr_assert_gt(number_at(status, "last_exchange.bytes_sent"), 0);
    cr_assert_gt(number_at(status, "last_exchange.bytes_received"), 0);
}

Test(exchange, a_code_is_good_for_one_laptop_only)
{
    char url[64];
    json_t *code = centre_do(&world.centre, EXIT_DONE, "code", "new", "--site", "Garden", NULL);
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u", world.centre.port);
    struct laptop *first = laptop_make(&world, "first", true);
    struct laptop *second = laptop_make(&world, "second", true);
    (void)laptop_do(first, EXIT_DONE, "enrol", "--endpoint", url, "--code", text_at(code, "code"), NULL);
    json_t *refused =
        laptop_do(second, EXIT_REFUSED, "enrol", "--endpoint", url, "--code", text_at(code, "code"), NULL);
    cr_assert_str_eq(text_at(refused, "error.code"), "refused");
    cr_assert(!true_at(laptop_status(second), "enrolled"));
}

Test(exchange, what_one_laptop_records_reaches_the_other_and_the_centre_once)
{
    struct laptop *office = enrolled("office", "Garden");
    struct laptop *shed = enrolled("shed", "Garden");
    char session[SITE_TEXT_SIZE];
    site_import_people(office, "GDN", 5);
    session_name("GDN", 1, 1, session);
    site_attend(office, session, "attended", NULL);
    laptop_wait_synchronised(office, SYNC_MS);
    sync_now(shed);
    cr_assert_str_eq(text_at(site_session(shed, session), "outcome"), "attended");
    cr_assert(laptops_agree(office, shed));
    json_t *log = centre_do(&world.centre, EXIT_DONE, "log", "--kind", "attendance", NULL);
    cr_assert_eq(json_array_size(json_at(log, "entries")), 1);
    json_t *verified = centre_do(&world.centre, EXIT_DONE, "verify", NULL);
    json_t *checkpoint = centre_do(&world.centre, EXIT_DONE, "checkpoint", "Garden", NULL);
    const json_t *tree = json_array_get(json_at(verified, "trees"), 0);
    cr_assert_eq(number_at(checkpoint, "size"), number_at(verified, "ops"));
    cr_assert_str_eq(text_at(checkpoint, "root"), json_string_value(json_object_get(tree, "root")));
    cr_assert(text_holds(checkpoint, "note", text_at(checkpoint, "site.id")));
    (void)laptop_do(shed, EXIT_DONE, "verify", NULL);
}

Test(exchange, sites_of_two_organisations_never_see_each_other)
{
    centre_add_site(&world.centre, "Lantern Street", "Shop");
    struct laptop *garden = enrolled("garden", "Garden");
    struct laptop *shop = enrolled("shop", "Shop");
    char session[SITE_TEXT_SIZE];
    site_import_people(garden, "GDN", 3);
    site_import_people(shop, "SHP", 4);
    session_name("SHP", 1, 1, session);
    site_attend(shop, session, "absent", NULL);
    sync_now(garden);
    sync_now(shop);
    sync_now(garden);
    json_t *garden_rows =
        json_at(laptop_do(garden, EXIT_DONE, "export", "placements", "--format", "json", NULL), "rows");
    json_t *shop_rows = json_at(laptop_do(shop, EXIT_DONE, "export", "placements", "--format", "json", NULL), "rows");
    cr_assert_eq(json_array_size(garden_rows), 3);
    cr_assert_eq(json_array_size(shop_rows), 4);
    cr_assert_eq(number_at(laptop_status(garden), "records.attendance"), 0);
    json_t *answer = laptop_do(garden, EXIT_REFUSED, "session", session, NULL);
    cr_assert_str_eq(text_at(answer, "error.code"), "not_found");
}

Test(exchange, two_laptops_that_differ_make_a_dispute_which_a_person_closes)
{
    struct laptop *office = enrolled("office", "Garden");
    struct laptop *shed = enrolled("shed", "Garden");
    char session[SITE_TEXT_SIZE];
    site_import_people(office, "GDN", 2);
    sync_now(office);
    sync_now(shed);
    session_name("GDN", 2, 1, session);
    centre_stop(&world.centre);
    site_attend(office, session, "attended", NULL);
    site_attend(shed, session, "absent", NULL);
    centre_start(&world.centre);
    sync_now(office);
    sync_now(shed);
    sync_now(office);
    json_t *seen = site_session(office, session);
    cr_assert_str_eq(text_at(seen, "standing"), "disputed");
    cr_assert_eq(number_at(seen, "heads"), 2);
    cr_assert(json_equal(seen, site_session(shed, session)), "both laptops show the same dispute");
    cr_assert_eq(number_at(laptop_status(office), "disputed_sessions"), 1);
    WAIT_UNTIL(site_flag(office, "disputed_record", session) != NULL, SYNC_MS);
    cr_assert_null(site_flag(office, "unexplained_absence", session), "nothing follows from a disputed absence");

    site_attend(office, session, "attended", "came at noon, the shed had not seen it");
    sync_now(office);
    sync_now(shed);
    cr_assert_str_eq(text_at(site_session(shed, session), "standing"), "recorded");
    cr_assert_eq(number_at(laptop_status(shed), "disputed_sessions"), 0);
    WAIT_UNTIL(site_flag(shed, "disputed_record", session) == NULL, SYNC_MS);
    cr_assert(laptops_agree(office, shed));
}

Test(exchange, an_appointment_of_jcp_excuses_the_absence_and_its_flag_clears)
{
    struct laptop *office = enrolled("office", "Garden");
    char session[SITE_TEXT_SIZE];
    char day[SITE_TEXT_SIZE];
    site_import_people(office, "GDN", 1);
    session_name("GDN", 1, 1, session);
    day_ago(1, day);
    site_attend(office, session, "absent", NULL);
    WAIT_UNTIL(site_flag(office, "unexplained_absence", session) != NULL, SYNC_MS);
    sync_now(office);
    (void)centre_do(&world.centre, EXIT_DONE, "appointment", "new", "--site", "Garden", "--participant", "GDN-001",
                    "--date", day, "--from", "10:00", "--to", "10:30", "--purpose", "signing", NULL);
    sync_now(office);
    json_t *seen = site_session(office, session);
    cr_assert_str_eq(text_at(seen, "standing"), "excused");
    cr_assert_str_eq(text_at(seen, "jcp.purpose"), "signing");
    WAIT_UNTIL(site_flag(office, "unexplained_absence", session) == NULL, SYNC_MS);
    json_t *all = laptop_do(office, EXIT_DONE, "flags", "--all", NULL);
    size_t index;
    json_t *flag;
    bool kept = false;
    json_array_foreach(json_at(all, "flags"), index, flag)
    {
        kept |= strcmp(text_at(flag, "code"), "unexplained_absence") == 0 && text_at(flag, "cleared_at")[0] != '\0';
    }
    cr_assert(kept, "the flag's history stays");
}

Test(exchange, a_referral_and_a_decision_of_the_centre_arrive)
{
    struct laptop *office = enrolled("office", "Garden");
    char day[SITE_TEXT_SIZE];
    day_ago(30, day);
    (void)centre_do(&world.centre, EXIT_DONE, "referral", "new", "--site", "Garden", "--participant", "GDN-777",
                    "--name", "Invented Person", "--ref", "R-777", "--route", "mir", "--basis", "mandatory", NULL);
    (void)centre_do(&world.centre, EXIT_DONE, "decision", "new", "--site", "Garden", "--participant", "GDN-777",
                    "--failure", day, "--outcome", "adverse", NULL);
    sync_now(office);
    json_t *referrals = laptop_do(office, EXIT_DONE, "referrals", NULL);
    cr_assert_str_eq(text_at(referrals, "referrals.0.ref"), "R-777");
    cr_assert(true_at(referrals, "referrals.0.from_centre"));
    cr_assert_eq(number_at(laptop_status(office), "records.decision"), 1);
    (void)laptop_do(office, EXIT_DONE, "referral", "decline", "R-777", "--policy", "--reason", "policy", NULL);
    laptop_wait_synchronised(office, SYNC_MS);
    json_t *log = centre_do(&world.centre, EXIT_DONE, "log", "--site", "Garden", "--kind", "referral_event", NULL);
    cr_assert_eq(json_array_size(json_at(log, "entries")), 1);
}

Test(exchange, a_revoked_laptop_keeps_recording_and_says_why_nothing_is_sent)
{
    struct laptop *office = enrolled("office", "Garden");
    char session[SITE_TEXT_SIZE];
    site_import_people(office, "GDN", 1);
    sync_now(office);
    (void)centre_do(&world.centre, EXIT_DONE, "revoke", text_at(laptop_status(office), "device.id"), NULL);
    session_name("GDN", 1, 1, session);
    site_attend(office, session, "attended", NULL);
    laptop_wait_text(office, "last_exchange.result", "revoked", SYNC_MS);
    json_t *status = laptop_status(office);
    cr_assert_str_eq(text_at(status, "state"), "attention");
    cr_assert(text_holds(status, "message", "revoked"), "%s", text_at(status, "message"));
    cr_assert_eq(number_at(status, "pending_ops"), 1);
    session_name("GDN", 1, 2, session);
    site_attend(office, session, "late", NULL);
    cr_assert_eq(number_at(laptop_status(office), "pending_ops"), 2);
    json_t *devices = centre_do(&world.centre, EXIT_DONE, "devices", NULL);
    cr_assert_str_eq(text_at(devices, "devices.0.state"), "revoked");
}

Test(exchange, a_centre_that_was_away_is_found_again_without_anybodys_help)
{
    struct laptop *office = enrolled("office", "Garden");
    char session[SITE_TEXT_SIZE];
    site_import_people(office, "GDN", 1);
    sync_now(office);
    centre_stop(&world.centre);
    session_name("GDN", 1, 1, session);
    site_attend(office, session, "attended", NULL);
    laptop_wait_text(office, "state", "offline", SYNC_MS);
    json_t *status = laptop_status(office);
    cr_assert_str_eq(text_at(status, "last_exchange.result"), "network");
    cr_assert(text_holds(status, "message", "tried again by itself"));
    cr_assert_eq(number_at(status, "pending_ops"), 1);
    cr_assert_neq(text_at(status, "oldest_pending_at")[0], '\0');
    cr_assert_neq(text_at(status, "next_try_at")[0], '\0');
    centre_start(&world.centre);
    laptop_wait_synchronised(office, SYNC_MS);
}

Test(exchange, a_laptop_that_restarts_has_everything_and_sends_what_waited)
{
    struct laptop *office = enrolled("office", "Garden");
    site_import_people(office, "GDN", 3);
    sync_now(office);
    centre_stop(&world.centre);
    (void)site_import_register(office, &(struct site_register){ "GDN", 3, 10, 10, false });
    json_t *before = laptop_status(office);
    json_t *rows_before = laptop_do(office, EXIT_DONE, "export", "attendance", "--format", "json", NULL);
    laptop_stop(office);
    laptop_start(office);
    json_t *after = laptop_status(office);
    json_t *rows_after = laptop_do(office, EXIT_DONE, "export", "attendance", "--format", "json", NULL);
    cr_assert_eq(number_at(after, "pending_ops"), 30);
    cr_assert(json_equal(json_at(before, "records"), json_at(after, "records")));
    cr_assert(json_equal(json_at(before, "device"), json_at(after, "device")));
    cr_assert_eq(number_at(before, "cursor"), number_at(after, "cursor"));
    cr_assert_str_eq(text_at(before, "oldest_pending_at"), text_at(after, "oldest_pending_at"));
    cr_assert(json_equal(rows_before, rows_after));
    centre_start(&world.centre);
    laptop_wait_synchronised(office, SYNC_MS);
}

Test(exchange, tables_made_again_from_the_log_are_the_same)
{
    struct laptop *office = enrolled("office", "Garden");
    struct laptop *shed = enrolled("shed", "Garden");
    site_import_people(office, "GDN", 4);
    (void)site_import_register(office, &(struct site_register){ "GDN", 4, 60, 50, false });
    sync_now(office);
    sync_now(shed);
    json_t *verified = laptop_do(office, EXIT_DONE, "verify", NULL);
    json_t *rebuilt = laptop_do(office, EXIT_DONE, "rebuild", NULL);
    cr_assert(true_at(rebuilt, "same"));
    cr_assert_str_eq(text_at(rebuilt, "digest_after"), text_at(verified, "digest"));
    cr_assert_str_eq(text_at(laptop_do(shed, EXIT_DONE, "verify", NULL), "digest"), text_at(verified, "digest"),
                     "two replicas of the same log have the same tables");
    cr_assert(laptops_agree(office, shed));
}

Test(exchange, a_backlog_of_5000_records_goes_in_batches_and_arrives_once)
{
    struct laptop *office = enrolled("office", "Garden");
    struct laptop *shed = enrolled("shed", "Garden");
    site_import_people(office, "GDN", 20);
    sync_now(office);
    centre_stop(&world.centre);
    json_t *taken = site_import_register(office, &(struct site_register){ "GDN", 20, 251, 250, true });
    cr_assert_eq(number_at(taken, "added"), 5000);
    cr_assert_eq(number_at(laptop_status(office), "pending_ops"), 5000);
    centre_start(&world.centre);
    sync_now(office);
    json_t *sent = laptop_status(office);
    cr_assert_eq(number_at(sent, "acked_seq"), number_at(sent, "newest_seq"));
    /* the agent may have gone by itself, in its own time, before it was asked to: then that round is the one before */
    if (number_at(sent, "last_exchange.ops_sent") != 0) {
        cr_assert_eq(number_at(sent, "last_exchange.ops_sent"), 5000);
        cr_assert_gt(number_at(sent, "last_exchange.requests"), 1, "one request took it all");
    }
    sync_now(shed);
    cr_assert_eq(number_at(laptop_status(shed), "records.attendance"), 5000);
    json_t *log = centre_do(&world.centre, EXIT_DONE, "log", "--kind", "attendance", "--limit", "10000", NULL);
    cr_assert_eq(json_array_size(json_at(log, "entries")), 5000);
    (void)laptop_do(shed, EXIT_DONE, "verify", NULL);
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
}

Test(exchange, messages_go_both_ways_and_are_unread_until_somebody_looks)
{
    struct laptop *garden = enrolled("garden", "Garden");
    (void)centre_do(&world.centre, EXIT_DONE, "message", "send", "--site", "Garden", "How many places in May?",
                    "--about", "capacity", NULL);
    sync_now(garden);
    cr_assert_eq(number_at(laptop_status(garden), "messages_unread"), 1);
    json_t *listed = laptop_do(garden, EXIT_DONE, "message", "list", "--unread", NULL);
    json_t *message = json_array_get(json_at(listed, "messages"), 0);
    cr_assert_str_eq(text_at(message, "from"), "jcp");
    cr_assert_str_eq(text_at(message, "body"), "How many places in May?");
    char id[40];
    (void)snprintf(id, sizeof(id), "%s", text_at(message, "id"));
    json_t *shown = laptop_do(garden, EXIT_DONE, "message", "show", id, NULL);
    cr_assert_str_eq(text_at(shown, "message.about"), "capacity");
    cr_assert_eq(number_at(laptop_status(garden), "messages_unread"), 0);

    (void)laptop_do(garden, EXIT_DONE, "message", "send", "Four.", "--reply-to", id, "--about", "capacity", NULL);
    cr_assert_eq(number_at(laptop_status(garden), "messages_unread"), 0, "its own are never unread");
    sync_now(garden);
    listed = centre_do(&world.centre, EXIT_DONE, "message", "list", "--site", "Garden", NULL);
    cr_assert_eq(json_array_size(json_at(listed, "entries")), 2);
    json_t *newest = json_array_get(json_at(listed, "entries"), 0);
    cr_assert_str_eq(text_at(newest, "writer"), "organisation");
    cr_assert_str_eq(text_at(newest, "fields.body"), "Four.");
    cr_assert_str_eq(text_at(newest, "fields.reply_to"), id);
}
