/* The week's report adds up to what the screens and the exports say. */
#include <string.h>

#include "store/replica.h"
#include "tests/unit/agent/site.h"

static struct site site;

static void start(void)
{
    site_start(&site);
    site_fill(&site);
    static const char *const calls[][2] = {
        { "/v1/attendance", "{\"session\": \"GDN-P001@2026-11-16\", \"outcome\": \"late\", \"minutes\": 90}" },
        { "/v1/attendance", "{\"session\": \"GDN-P001@2026-11-18\", \"outcome\": \"attended\", \"minutes\": 330}" },
        { "/v1/attendance", "{\"session\": \"GDN-P002@2026-11-18\", \"outcome\": \"absent\"}" },
        { "/v1/attendance", "{\"session\": \"GDN-P002@2026-11-13\", \"outcome\": \"attended\", \"minutes\": 360}" },
        { "/v1/capacity", "{\"places\": 7}" },
        { "/v1/messages", "{\"body\": \"Seven places.\"}" },
        { "/v1/records", "{\"kind\": \"referral\", \"fields\": {\"ref\": \"R-1\", \"participant\": \"GDN-001\", "
                         "\"route\": \"mir\", \"basis\": \"mandatory\", \"received_on\": \"2026-11-17\"}}" },
        { "/v1/records", "{\"kind\": \"referral\", \"fields\": {\"ref\": \"R-2\", \"participant\": \"GDN-002\", "
                         "\"route\": \"cwp\", \"basis\": \"mandatory\", \"received_on\": \"2026-10-01\"}}" },
        { "/v1/records", "{\"kind\": \"policy_decision\", \"fields\": {\"ref\": \"PD-1\", \"title\": \"Invented\", "
                         "\"decision\": \"decline\", \"decided_by\": \"The invented board\", \"decided_on\": "
                         "\"2026-11-19\", \"reason\": \"against the mission\"}}" },
        { "/v1/volunteers", "{\"ref\": \"V-1\", \"name\": \"Vera Invented\"}" },
        { "/v1/volunteers/V-1/shift", "{\"day\": \"2026-11-18\", \"starts\": \"10:00\", \"ends\": \"12:00\", "
                                      "\"worked_minutes\": 115}" },
    };
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        site_expect(&site, "POST", calls[i][0], calls[i][1], 200, NULL);
    }
    site_judge(&site);
}

static void stop(void)
{
    site_stop(&site);
}

TestSuite(report, .init = start, .fini = stop);

static json_int_t rows_of(const json_t *list, const char *name, const char *value)
{
    size_t i;
    const json_t *row;
    json_array_foreach(list, i, row)
    {
        const char *column = json_string_value(json_object_get(row, "column"));
        const char *its_value = json_string_value(json_object_get(row, "value"));
        if ((name == NULL || (column != NULL && strcmp(column, name) == 0)) &&
            strcmp(its_value != NULL ? its_value : "", value) == 0) {
            return json_integer_value(json_object_get(row, "rows"));
        }
    }
    return 0;
}

/* Each word of the report has the rows that the export's totals have, and no word is left out. */
static void expect_words(const json_t *words, const struct reply *exported, const char *column)
{
    json_int_t sum = 0;
    size_t i;
    const json_t *row;
    cr_expect_gt(json_array_size(words), 0, "%s", column);
    json_array_foreach(words, i, row)
    {
        const char *value = json_string_value(json_object_get(row, "value"));
        json_int_t rows = json_integer_value(json_object_get(row, "rows"));
        cr_expect_eq(rows, rows_of(reply_at(exported, "totals"), column, value), "%s %s", column, value);
        sum += rows;
    }
    cr_expect_eq(sum, reply_int(exported, "totals.0.rows"), "%s", column);
}

Test(report, adds_up_to_the_exports)
{
    struct reply report = site_call(&site, "GET", "/v1/report/week", NULL);
    cr_assert_eq(report.status, 200, "%s", report.text);
    cr_expect_str_eq(reply_text(&report, "from"), "2026-11-16");
    cr_expect_str_eq(reply_text(&report, "to"), "2026-11-22");
    struct reply exported =
        site_call(&site, "GET", "/v1/export/register?format=json&from=2026-11-16&to=2026-11-22", NULL);
    expect_words(reply_at(&report, "attendance.by_outcome"), &exported, "outcome");
    expect_words(reply_at(&report, "attendance.by_standing"), &exported, "standing");
    cr_expect_eq(reply_int(&report, "attendance.recorded"), 3);
    cr_expect_eq(reply_int(&report, "attendance.minutes"), 420);
    reply_fini(&exported);
    exported = site_call(&site, "GET", "/v1/export/referrals?format=json", NULL);
    expect_words(reply_at(&report, "referrals.all_by_status"), &exported, "status");
    cr_expect_eq(reply_int(&report, "referrals.received"), 1);
    cr_expect_eq(reply_int(&report, "referrals.all"), 2);
    reply_fini(&exported);
    exported = site_call(&site, "GET", "/v1/export/policy_decision?format=json", NULL);
    expect_words(reply_at(&report, "decisions.policy_by_decision"), &exported, "decision");
    reply_fini(&exported);
    reply_fini(&report);
}

Test(report, adds_up_to_the_screens)
{
    struct reply report = site_call(&site, "GET", "/v1/report/week", NULL);
    struct reply flags = site_call(&site, "GET", "/v1/flags", NULL);
    cr_expect_gt(reply_count(&flags, "flags"), 0);
    cr_expect_eq(reply_int(&report, "flags.standing"), (json_int_t)reply_count(&flags, "flags"));
    reply_fini(&flags);
    struct reply capacity = site_call(&site, "GET", "/v1/capacity", NULL);
    cr_expect_eq(reply_int(&report, "capacity.places"), reply_int(&capacity, "statement.places"));
    cr_expect_eq(reply_int(&report, "capacity.running"), reply_int(&capacity, "running"));
    cr_expect_eq(reply_int(&report, "capacity.waiting"), reply_int(&capacity, "waiting"));
    reply_fini(&capacity);
    struct reply running = site_call(&site, "GET", "/v1/placements", NULL);
    cr_expect_eq(reply_int(&report, "placements.all"), (json_int_t)reply_count(&running, "placements"));
    reply_fini(&running);
    cr_expect_eq(reply_int(&report, "told.capacity_statements"), 1);
    cr_expect_eq(reply_int(&report, "told.messages_sent"), 1);
    cr_expect_eq(reply_int(&report, "told.messages_received"), 0);
    /* Mondays, Wednesdays and Fridays of two people up to today, less the three that were recorded */
    cr_expect_eq(reply_int(&report, "attendance.not_recorded"), 3);
    reply_fini(&report);
}

/* Rows of this machine's own table, put there directly: as many as one list can have, and one of them cleared. */
Test(report, counts_all_flags_past_what_a_list_holds)
{
    static const char *const fill =
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200002) INSERT INTO flag (key, "
        "code, "
        "severity, subject, subject_ref, subject_id, since, facts, next_step, rule, raised_at, cleared_at) SELECT 'k' "
        "|| i, "
        "'invented', 1, 1, 'GDN-P001', zeroblob(16), 20000, '{}', '', '', 0, CASE i WHEN 7 THEN 1 END FROM n";
    struct reply before = site_call(&site, "GET", "/v1/report/week", NULL);
    struct error err = { 0 };
    cr_assert_eq(db_exec(&site.replica.store->db, fill, &err), ERR_OK, "%s", err.message);
    struct reply after = site_call(&site, "GET", "/v1/report/week", NULL);
    cr_expect_eq(reply_int(&after, "flags.standing") - reply_int(&before, "flags.standing"), QUERY_LIMIT_MAX + 1);
    reply_fini(&after);
    reply_fini(&before);
}

Test(report, volunteers_are_apart_and_in_no_other_number)
{
    site_expect(&site, "POST", "/v1/records",
                "{\"kind\": \"placement\", \"fields\": {\"ref\": \"GDN-P001\", \"host\": \"The Shed\"}}", 200, NULL);
    site_expect(&site, "POST", "/v1/volunteers",
                "{\"ref\": \"V-1\", \"place\": \"The Shed\", \"participant\": \"GDN-001\"}", 200, NULL);
    site_judge(&site);
    struct reply with = site_call(&site, "GET", "/v1/report/week", NULL);
    cr_expect_eq(reply_int(&with, "volunteers.shifts"), 1);
    cr_expect_eq(reply_int(&with, "volunteers.worked_minutes"), 115);
    cr_expect_eq(reply_int(&with, "volunteers.conflation"), 1, "%s", with.text);
    cr_expect_null(strstr(with.text, "Vera"));
    cr_expect_null(strstr(with.text, "Tester"), "nobody's name is in it");
    site_expect(&site, "POST", "/v1/volunteers/V-1/remove", "{}", 200, NULL);
    struct reply without = site_call(&site, "GET", "/v1/report/week", NULL);
    cr_expect_eq(reply_int(&without, "volunteers.shifts"), 0);
    cr_expect_eq(reply_int(&without, "volunteers.conflation"), 0);
    (void)json_object_del(with.json, "volunteers");
    (void)json_object_del(without.json, "volunteers");
    cr_expect(json_equal(with.json, without.json));
    reply_fini(&without);
    reply_fini(&with);
}

Test(report, is_of_the_week_that_the_day_is_in)
{
    struct reply report = site_call(&site, "GET", "/v1/report/week?of=2026-11-15", NULL);
    cr_expect_str_eq(reply_text(&report, "from"), "2026-11-09");
    cr_expect_str_eq(reply_text(&report, "to"), "2026-11-15");
    cr_expect_eq(reply_int(&report, "attendance.recorded"), 1);
    cr_expect_eq(reply_int(&report, "attendance.minutes"), 360);
    cr_expect_eq(reply_int(&report, "referrals.received"), 0);
    reply_fini(&report);
    site_expect(&site, "GET", "/v1/report/week?of=2026-02-30", NULL, 400, "invalid");
}

Test(report, what_was_declined_as_a_policy_is_counted_apart_and_what_was_only_received_is_no_answer)
{
    site_expect(&site, "POST", "/v1/records",
                "{\"kind\": \"referral\", \"fields\": {\"ref\": \"GDN-R9\", \"participant\": \"GDN-001\", \"route\": "
                "\"mir\", \"basis\": \"mandatory\", \"received_on\": \"2026-11-18\"}}",
                200, NULL);
    struct reply before = site_call(&site, "GET", "/v1/report/week", NULL);
    cr_assert_eq(before.status, 200, "%s", before.text);
    cr_expect_eq(reply_int(&before, "referrals.declined_as_policy"), 0);
    for (size_t i = 0; i < reply_count(&before, "referrals.changed_to"); i++) {
        const json_t *word = json_array_get(reply_at(&before, "referrals.changed_to"), i);
        cr_expect_str_neq(json_string_value(json_object_get(word, "value")), "received");
    }
    reply_fini(&before);
    site_expect(&site, "POST", "/v1/referrals/GDN-R9/decline", "{\"policy\": true}", 200, NULL);
    struct reply after = site_call(&site, "GET", "/v1/report/week", NULL);
    cr_expect_eq(reply_int(&after, "referrals.declined_as_policy"), 1);
    reply_fini(&after);
}
