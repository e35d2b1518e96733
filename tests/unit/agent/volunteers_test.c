/* Volunteers are entered and read, and nothing that leaves the machine has anything of them. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/agent/site.h"

#define NAME "Quillon Vesperfield"

static struct site site;

static void start(void)
{
    site_start(&site);
    site_fill(&site);
}

static void stop(void)
{
    site_stop(&site);
}

TestSuite(volunteers, .init = start, .fini = stop);

static void must(const char *path, const char *body)
{
    site_expect(&site, "POST", path, body, 200, NULL);
}

static void enter(void)
{
    must("/v1/volunteers",
         "{\"ref\": \"V-1\", \"name\": \"" NAME "\", \"place\": \"Garden\", \"note\": \"likes bees\"}");
    must("/v1/volunteers/V-1/shift",
         "{\"day\": \"2026-11-18\", \"starts\": \"13:00\", \"ends\": \"16:00\", \"worked_minutes\": 170}");
    must("/v1/volunteers/V-1/shift", "{\"day\": \"2026-11-21\", \"starts\": \"10:00\", \"ends\": \"12:00\"}");
}

Test(volunteers, are_entered_shown_and_their_hours_counted_apart)
{
    enter();
    struct reply reply = site_call(&site, "GET", "/v1/volunteers/V-1", NULL);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "volunteer.name"), NAME);
    cr_expect_str_eq(reply_text(&reply, "volunteer.said_by"), "tester");
    cr_expect_eq(reply_int(&reply, "volunteer.worked_minutes"), 170);
    cr_assert_eq(reply_count(&reply, "shifts"), 2);
    cr_expect_str_eq(reply_text(&reply, "shifts.0.place"), "Garden", "the volunteer's when the shift has none");
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/volunteer-hours?from=2026-11-01&to=2026-11-30", NULL);
    cr_expect_eq(reply_int(&reply, "worked_minutes"), 170);
    cr_expect_eq(reply_int(&reply, "planned_minutes"), 300);
    cr_expect_eq(reply_int(&reply, "unsaid"), 1);
    reply_fini(&reply);
}

Test(volunteers, an_entry_with_the_same_ref_changes_it)
{
    enter();
    must("/v1/volunteers", "{\"ref\": \"V-1\", \"name\": \"" NAME "\", \"place\": \"Shop\"}");
    must("/v1/volunteers/V-1/shift",
         "{\"day\": \"2026-11-18\", \"starts\": \"13:00\", \"ends\": \"15:00\", \"worked_minutes\": 120}");
    struct reply reply = site_call(&site, "GET", "/v1/volunteers", NULL);
    cr_assert_eq(reply_count(&reply, "volunteers"), 1);
    cr_expect_str_eq(reply_text(&reply, "volunteers.0.place"), "Shop");
    cr_expect_eq(reply_int(&reply, "volunteers.0.worked_minutes"), 120);
    cr_expect_eq(reply_int(&reply, "volunteers.0.shifts"), 2);
    reply_fini(&reply);
}

Test(volunteers, a_change_says_only_what_changes_and_null_takes_it_out)
{
    must("/v1/volunteers",
         "{\"ref\": \"V-7\", \"name\": \"" NAME "\", \"place\": \"Shop\", \"starts_on\": \"2026-01-05\"}");
    must("/v1/volunteers", "{\"ref\": \"V-7\", \"participant\": \"GDN-002\"}");
    struct reply reply = site_call(&site, "GET", "/v1/volunteers", NULL);
    cr_expect_str_eq(reply_text(&reply, "volunteers.0.name"), NAME);
    cr_expect_str_eq(reply_text(&reply, "volunteers.0.place"), "Shop");
    cr_expect_str_eq(reply_text(&reply, "volunteers.0.starts_on"), "2026-01-05");
    cr_expect_str_eq(reply_text(&reply, "volunteers.0.participant_ref"), "GDN-002");
    reply_fini(&reply);
    must("/v1/volunteers", "{\"ref\": \"V-7\", \"participant\": null, \"place\": null}");
    reply = site_call(&site, "GET", "/v1/volunteers", NULL);
    cr_expect(json_is_null(reply_at(&reply, "volunteers.0.participant_ref")), "%s", reply.text);
    cr_expect(json_is_null(reply_at(&reply, "volunteers.0.place")), "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "volunteers.0.starts_on"), "2026-01-05");
    reply_fini(&reply);
}

Test(volunteers, go_without_a_trace_when_they_are_removed)
{
    enter();
    must("/v1/volunteers/V-1/unshift", "{\"day\": \"2026-11-21\", \"starts\": \"10:00\"}");
    site_expect(&site, "POST", "/v1/volunteers/V-1/unshift", "{\"day\": \"2026-11-21\", \"starts\": \"10:00\"}", 404,
                "not_found");
    must("/v1/volunteers/V-1/remove", NULL);
    site_expect(&site, "GET", "/v1/volunteers/V-1", NULL, 404, "not_found");
    struct reply reply = site_call(&site, "GET", "/v1/volunteer-hours", NULL);
    cr_expect_eq(reply_int(&reply, "count"), 0);
    reply_fini(&reply);
}

Test(volunteers, refuse_what_makes_no_sense)
{
    static const struct {
        const char *path;
        const char *body;
        int status;
    } wrong[] = {
        { "/v1/volunteers", "{\"name\": \"Nobody\"}", 400 },
        { "/v1/volunteers", "{\"ref\": \"V 1\", \"name\": \"Nobody\"}", 400 },
        { "/v1/volunteers", "{\"ref\": \"V/1\", \"name\": \"Nobody\"}", 400 },
        { "/v1/volunteers", "{\"ref\": \"QQ123456C\", \"name\": \"Nobody\"}", 400 },
        { "/v1/volunteers", "{\"ref\": \"V-2\", \"name\": \"Nobody QQ 12 34 56 C\"}", 400 },
        { "/v1/volunteers", "{\"ref\": \"V-2\", \"name\": \"Nobody\", \"participant\": \"GDN-999\"}", 404 },
        { "/v1/volunteers",
          "{\"ref\": \"V-2\", \"name\": \"Nobody\", \"starts_on\": \"2026-02-01\", \"ends_on\": \"2026-01-31\"}", 400 },
        { "/v1/volunteers/V-9/shift", "{\"day\": \"2026-11-18\", \"starts\": \"13:00\", \"ends\": \"16:00\"}", 404 },
        { "/v1/volunteers/V-1/shift", "{\"day\": \"2026-11-18\", \"starts\": \"16:00\", \"ends\": \"16:00\"}", 400 },
        { "/v1/volunteers/V-1/shift",
          "{\"day\": \"2026-11-21\", \"starts\": \"13:00\", \"ends\": \"16:00\", \"worked_minutes\": 1}", 400 },
        { "/v1/volunteers/V-1/sanction", "{}", 404 },
        { "/v1/volunteers/V-9/remove", "{}", 404 },
    };
    enter();
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        site_expect(&site, "POST", wrong[i].path, wrong[i].body, wrong[i].status, NULL);
    }
}

/* Is the word in what the call answers? */
static bool answer_has_word(const char *method, const char *path, const char *body, const char *word)
{
    struct reply reply = site_call(&site, method, path, body);
    cr_assert_eq(reply.status, 200, "%s: %s", path, reply.text);
    bool has = strstr(reply.text, word) != NULL;
    reply_fini(&reply);
    return has;
}

Test(volunteers, are_in_no_log_no_export_and_no_evidence)
{
    static const char *const kinds[] = { "referrals", "placements", "register", "attendance", "flags", "log" };
    struct store_counts before;
    struct store_counts after;
    struct error err;
    cr_assert_eq(query_counts(site.replica.store, &before, &err), ERR_OK);
    enter();
    site_judge(&site);
    cr_assert_eq(query_counts(site.replica.store, &after, &err), ERR_OK);
    cr_expect_eq(after.ops, before.ops, "nothing was appended");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "/v1/export/%s?format=json", kinds[i]);
        cr_expect_not(answer_has_word("GET", path, NULL, "Vesperfield"), "%s", path);
        cr_expect_not(answer_has_word("GET", path, NULL, "V-1"), "%s", path);
    }
    cr_expect_not(answer_has_word("GET", "/v1/log", NULL, "Vesperfield"));
    cr_expect_not(answer_has_word("GET", "/v1/evidence/records?subject=GDN-001", NULL, "Vesperfield"));
    cr_expect(answer_has_word("GET", "/v1/volunteers", NULL, "Vesperfield"), "the search would find it");
}

Test(volunteers, survive_a_rebuild_and_are_not_in_the_tables_digest)
{
    char before[2 * SHA256_BYTES + 1];
    char after[2 * SHA256_BYTES + 1];
    replica_digest(&site.replica, before);
    enter();
    must("/v1/rebuild", NULL);
    replica_digest(&site.replica, after);
    cr_expect_str_eq(before, after);
    cr_expect(answer_has_word("GET", "/v1/volunteers/V-1", NULL, "2026-11-21"));
    must("/v1/verify", NULL);
    replica_close_files(&site.replica);
    replica_open_files(&site.replica);
    cr_expect(answer_has_word("GET", "/v1/volunteers/V-1", NULL, "2026-11-21"), "and a restart");
}

/* ---- conflation ---- */

static size_t conflations(void)
{
    site_judge(&site);
    struct reply reply = site_call(&site, "GET", "/v1/flags", NULL);
    size_t count = 0;
    for (size_t i = 0; i < reply_count(&reply, "flags"); i++) {
        const json_t *flag = json_array_get(reply_at(&reply, "flags"), i);
        count += strcmp(json_string_value(json_object_get(flag, "code")), "conflation") == 0;
    }
    cr_expect_null(strstr(reply.text, "Ada Tester"), "a flag names nobody");
    reply_fini(&reply);
    return count;
}

static void host_of(const char *placement, const char *host)
{
    uint8_t id[OP_ENTITY_BYTES];
    char hex[2 * OP_ENTITY_BYTES + 1];
    char body[300];
    entity_id(site.world.stream, "placement", placement, id);
    hex_encode(id, sizeof(id), hex);
    (void)snprintf(body, sizeof(body), "{\"kind\": \"placement\", \"id\": \"%s\", \"fields\": {\"host\": \"%s\"}}", hex,
                   host);
    must("/v1/records", body);
}

#define SHIFT "{\"day\": \"2026-11-18\", \"starts\": \"13:00\", \"ends\": \"16:00\"}"

Test(volunteers, who_is_placed_at_the_same_place_and_time_is_flagged_by_name)
{
    host_of("GDN-P001", "The Garden");
    cr_assert_eq(conflations(), 0);
    must("/v1/volunteers", "{\"ref\": \"V-7\", \"name\": \" ada   TESTER\", \"place\": \"the garden\"}");
    cr_expect_eq(conflations(), 0, "without a shift there is no time");
    must("/v1/volunteers/V-7/shift", SHIFT);
    cr_expect_eq(conflations(), 1, "without another word about the placement");
    must("/v1/volunteers", "{\"ref\": \"V-7\", \"name\": \"Ada Tester\", \"place\": \"the shop\"}");
    cr_expect_eq(conflations(), 0, "another place");
    must("/v1/volunteers", "{\"ref\": \"V-7\", \"name\": \"Ada Tester\", \"place\": \"the garden\"}");
    cr_expect_eq(conflations(), 1);
    must("/v1/volunteers/V-7/remove", NULL);
    cr_expect_eq(conflations(), 0);
}

static bool has_flag(const char *path)
{
    struct reply reply = site_call(&site, "GET", path, NULL);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    bool has = strstr(reply.text, "conflation") != NULL || strstr(reply.text, "entered as a volunteer") != NULL ||
               strstr(reply.text, "V-7") != NULL || strstr(reply.text, "13:00") != NULL;
    reply_fini(&reply);
    return has;
}

Test(volunteers, nothing_of_a_namesakes_shifts_is_in_a_flag_an_export_or_the_persons_own_copy)
{
    host_of("GDN-P001", "The Garden");
    must("/v1/volunteers", "{\"ref\": \"V-7\", \"name\": \"Ada Tester\", \"place\": \"the garden\"}");
    must("/v1/volunteers/V-7/shift", SHIFT);
    cr_assert_eq(conflations(), 1);
    struct reply reply = site_call(&site, "GET", "/v1/flags", NULL);
    cr_expect_null(strstr(reply.text, "V-7"), "%s", reply.text);
    cr_expect_null(strstr(reply.text, "13:00"), "%s", reply.text);
    cr_expect_not_null(strstr(reply.text, "required session of placement GDN-P001, the first on 2026-11-18"));
    reply_fini(&reply);
    cr_expect_not(has_flag("/v1/export/flags?format=csv"));
    cr_expect_not(has_flag("/v1/export/flags?format=json"));
    cr_expect_not(has_flag("/v1/subject-access/GDN-001"));
}

Test(volunteers, what_is_called_volunteering_rests_on_records_alone_and_is_exported_whole)
{
    must("/v1/records",
         "{\"kind\": \"placement\", \"fields\": {\"ref\": \"GDN-P001\", \"role\": \"Volunteer gardener\"}}");
    cr_assert_eq(conflations(), 1);
    cr_expect(answer_has_word("GET", "/v1/export/flags?format=csv", NULL, "says 'volunteer'"));
    cr_expect(answer_has_word("GET", "/v1/subject-access/GDN-001", NULL, "says 'volunteer'"));
    struct reply reply = site_call(&site, "GET", "/v1/take-part", NULL);
    cr_expect_eq(reply_int(&reply, "flags.conflation"), 1);
    reply_fini(&reply);
}

Test(volunteers, who_is_placed_at_the_same_opportunity_is_flagged_whatever_the_place_is_called)
{
    must("/v1/records", "{\"kind\": \"host\", \"fields\": {\"ref\": \"PARK\", \"name\": \"Park Friends\"}}");
    must("/v1/records", "{\"kind\": \"opportunity\", \"fields\": {\"ref\": \"PATHS\", \"host\": \"PARK\", \"title\": "
                        "\"Paths\"}}");
    must("/v1/records", "{\"kind\": \"placement\", \"fields\": {\"ref\": \"GDN-P001\", \"opportunity\": \"PATHS\"}}");
    must("/v1/volunteers", "{\"ref\": \"V-7\", \"name\": \"Ada Tester\", \"place\": \"paths\"}");
    must("/v1/volunteers/V-7/shift", SHIFT);
    cr_expect_eq(conflations(), 1, "the opportunity's title");
    must("/v1/volunteers", "{\"ref\": \"V-7\", \"name\": \"Ada Tester\", \"place\": \"Friends of the Park\"}");
    cr_expect_eq(conflations(), 0);
    must("/v1/records", "{\"kind\": \"host\", \"fields\": {\"ref\": \"PARK\", \"name\": \"Friends of the Park\"}}");
    cr_expect_eq(conflations(), 1, "a host's name that is changed is compared again");
    must("/v1/records", "{\"kind\": \"opportunity\", \"fields\": {\"ref\": \"PATHS\", \"title\": \"Volunteer days\"}}");
    cr_expect_eq(conflations(), 2, "the title says volunteer, and the shift is there still");
    must("/v1/volunteers/V-7/remove", NULL);
    cr_expect_eq(conflations(), 1, "the title alone");
}

Test(volunteers, who_was_entered_as_a_participant_is_flagged_whatever_the_name)
{
    host_of("GDN-P002", "The Garden");
    must("/v1/volunteers",
         "{\"ref\": \"V-8\", \"name\": \"Benny T\", \"place\": \"The Garden\", \"participant\": \"GDN-002\"}");
    must("/v1/volunteers/V-8/shift", SHIFT);
    cr_expect_eq(conflations(), 1);
    must("/v1/volunteers", "{\"ref\": \"V-8\", \"participant\": null}");
    cr_expect_eq(conflations(), 0, "the entry was put right");
}

Test(volunteers, a_placement_that_comes_later_is_compared_too)
{
    must("/v1/volunteers", "{\"ref\": \"V-9\", \"name\": \"Ben Tester\", \"place\": \"The Hall\"}");
    must("/v1/volunteers/V-9/shift", SHIFT);
    cr_expect_eq(conflations(), 0);
    host_of("GDN-P002", "The Hall");
    cr_expect_eq(conflations(), 1);
}
