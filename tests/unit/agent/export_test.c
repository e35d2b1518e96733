#include <stdlib.h>
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

static void say_often(size_t times)
{
    char body[160];
    for (size_t i = 0; i < times; i++) {
        (void)snprintf(body, sizeof(body),
                       "{\"session\": \"GDN-P001@2026-11-18\", \"outcome\": \"attended\", \"minutes\": %zu, "
                       "\"note\": \"said %zu times\"}",
                       300 + i, i);
        site_expect(&site, "POST", "/v1/attendance", body, 200, NULL);
    }
}

/* In pages of a few rows each, as one of hundreds of thousands is in larger ones. */
Test(export, a_long_one_is_the_same_byte_for_byte_as_one_that_was_not_kept_in_pages)
{
    static const char *const paths[] = { "/v1/export/attendance", "/v1/export/attendance?format=json",
                                         "/v1/export/log",        "/v1/export/log?format=json",
                                         "/v1/export/register",   "/v1/export/placement?format=json",
                                         "/v1/export/flags",      "/v1/export/participant" };
    static const size_t pages[] = { 1, 2, 300, 2000 };
    say_often(20);
    site_judge(&site);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        site.spool_over = 0;
        struct reply whole = site_call(&site, "GET", paths[i], NULL);
        cr_assert_eq(whole.status, 200, "%s", whole.text);
        cr_expect_not(whole.spooled);
        for (size_t p = 0; p < ARRAY_LEN(pages); p++) {
            site.spool_over = pages[p];
            struct reply paged = site_call(&site, "GET", paths[i], NULL);
            cr_expect(paged.spooled || whole.len < 2 * pages[p], "%s by %zu", paths[i], pages[p]);
            cr_expect_str_eq(paged.text, whole.text);
            reply_fini(&paged);
        }
        reply_fini(&whole);
    }
}

Test(export, the_totals_of_a_long_one_are_those_of_its_rows)
{
    say_often(12);
    site.spool_over = 100;
    struct reply reply = site_call(&site, "GET", "/v1/export/attendance?format=json", NULL);
    cr_expect(reply.spooled);
    json_int_t minutes = 0;
    size_t rows = reply_count(&reply, "rows");
    cr_expect_eq(rows, 14);
    for (size_t i = 0; i < rows; i++) {
        char path[40];
        (void)snprintf(path, sizeof(path), "rows.%zu.minutes", i);
        minutes += json_is_string(reply_at(&reply, path)) ? atoi(reply_text(&reply, path)) : 0;
    }
    const json_t *total;
    size_t at;
    bool summed = false;
    json_array_foreach((json_t *)(uintptr_t)reply_at(&reply, "totals"), at, total)
    {
        const char *column = json_string_value(json_object_get(total, "column"));
        if (column != NULL && strcmp(column, "minutes") == 0) {
            cr_expect_eq(json_integer_value(json_object_get(total, "total")), minutes);
            summed = true;
        }
    }
    cr_expect(summed);
    reply_fini(&reply);
}

Test(export, a_call_that_fails_says_so_and_gives_no_half_of_a_file)
{
    site.spool_over = 1;
    site_expect(&site, "GET", "/v1/export/nothing", NULL, 404, "not_found");
    site_expect(&site, "GET", "/v1/export/attendance?format=docx", NULL, 400, "invalid");
}
