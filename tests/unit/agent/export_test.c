#include <string.h>

#include "tests/unit/agent/site.h"

static struct site site;

static void start(void)
{
    site_start(&site);
    site_fill(&site);
    site_expect(&site, "POST", "/v1/attendance",
                "{\"session\": \"GDN-P001@2026-11-18\", \"outcome\": \"attended\", \"minutes\": 330}", 200, NULL);
    site_expect(&site, "POST", "/v1/attendance",
                "{\"session\": \"GDN-P002@2026-11-18\", \"outcome\": \"absent_with_notice\", \"reason\": \"health\", "
                "\"note\": \"=cmd()\"}",
                200, NULL);
}

static void stop(void)
{
    site_stop(&site);
}

TestSuite(export, .init = start, .fini = stop);

static void round_trip(const char *kind)
{
    char path[60];
    (void)snprintf(path, sizeof(path), "/v1/export/%s", kind);
    struct reply file = site_call(&site, "GET", path, NULL);
    cr_assert_eq(file.status, 200, "%s", file.text);
    cr_assert_null(file.json, "csv by default");
    (void)snprintf(path, sizeof(path), "/v1/import?kind=%s", kind);
    struct reply reply = site_call(&site, "POST", path, file.text);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect(json_is_false(reply_at(&reply, "refused")), "%s %s", file.text, reply.text);
    cr_expect_gt(reply_int(&reply, "rows"), 0);
    reply_fini(&reply);
    reply_fini(&file);
}

static json_int_t ops(void)
{
    struct store_counts counts;
    struct error err;
    cr_assert_eq(query_counts(site.replica.store, &counts, &err), ERR_OK);
    return (json_int_t)counts.ops;
}

Test(export, a_register_comes_back_and_changes_nothing)
{
    json_int_t before = ops();
    round_trip("register");
    cr_expect_eq(ops(), before);
}

Test(export, placements_and_referrals_come_back)
{
    site_expect(
        &site, "POST", "/v1/records",
        "{\"kind\": \"referral\", \"fields\": {\"ref\": \"R-1\", \"participant\": \"GDN-001\", \"route\": \"mir\", "
        "\"basis\": \"mandatory\", \"received_on\": \"2026-11-17\", \"weekly_minutes\": 455}}",
        200, NULL);
    round_trip("placements");
    round_trip("referrals");
    struct reply reply = site_call(&site, "GET", "/v1/referrals", NULL);
    cr_expect_eq(reply_int(&reply, "referrals.0.weekly_minutes"), 455);
    reply_fini(&reply);
}

Test(export, a_placement_comes_back_with_the_referral_it_came_from)
{
    struct reply taken = site_call(&site, "POST", "/v1/import?kind=referrals",
                                   "ref,participant,route,basis,received_on\nR-8,GDN-008,mir,mandatory,2026-11-02\n");
    cr_expect_eq(reply_int(&taken, "added"), 2, "%s", taken.text);
    reply_fini(&taken);
    taken = site_call(&site, "POST", "/v1/import?kind=placements",
                      "ref,participant,referral,basis,starts_on,ends_on,pattern,hours\n"
                      "GDN-P008,GDN-008,R-8,mandatory,2026-11-09,2027-04-30,Mon 10:00-14:00,4\n");
    cr_expect_eq(reply_int(&taken, "added"), 1, "%s", taken.text);
    reply_fini(&taken);
    round_trip("placements"); /* names what the import left to the defaults */
    json_int_t before = ops();
    round_trip("placements");
    cr_expect_eq(ops(), before);
    struct reply file = site_call(&site, "GET", "/v1/export/placements", NULL);
    cr_expect_not_null(strstr(file.text, "GDN-P008,GDN-008,,R-8,mandatory"), "%s", file.text);
    reply_fini(&file);
}

Test(export, guards_cells_that_a_spreadsheet_would_run)
{
    struct reply reply = site_call(&site, "GET", "/v1/export/attendance", NULL);
    cr_expect_not_null(strstr(reply.text, "'=cmd()"), "%s", reply.text);
    cr_expect_null(strstr(reply.text, ",=cmd()"));
    reply_fini(&reply);
}

Test(export, says_the_same_as_json)
{
    struct reply reply = site_call(&site, "GET", "/v1/export/attendance?format=json", NULL);
    cr_assert_eq(reply_count(&reply, "rows"), 2);
    cr_expect_str_eq(reply_text(&reply, "rows.0.session"), "GDN-P001@2026-11-18");
    cr_expect_str_eq(reply_text(&reply, "rows.1.note"), "=cmd()");
    reply_fini(&reply);
    site_judge(&site);
    static const char *const kinds[] = { "flags", "log", "register", "placements", "referrals" };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        char path[60];
        (void)snprintf(path, sizeof(path), "/v1/export/%s?format=json", kinds[i]);
        reply = site_call(&site, "GET", path, NULL);
        cr_expect_eq(reply.status, 200, "%s", reply.text);
        (void)reply_count(&reply, "rows");
        reply_fini(&reply);
    }
}

Test(export, the_whole_log_verifies_and_rebuilds_to_the_same)
{
    struct reply reply = site_call(&site, "POST", "/v1/verify", "{}");
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(reply_int(&reply, "ops"), 6);
    char digest[80];
    (void)snprintf(digest, sizeof(digest), "%s", reply_text(&reply, "digest"));
    reply_fini(&reply);
    reply = site_call(&site, "POST", "/v1/rebuild", "");
    cr_expect(json_is_true(reply_at(&reply, "same")));
    cr_expect_str_eq(reply_text(&reply, "digest_after"), digest);
    reply_fini(&reply);
    site_expect(&site, "POST", "/v1/rebuild", "{\"now\": true}", 400, "invalid");
}
