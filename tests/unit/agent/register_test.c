#include <stdlib.h>
#include <string.h>

#include "tests/unit/agent/site.h"

#define FRIDAY "GDN-P001@2026-11-20"

static struct site site;

static void start(void)
{
    (void)setenv("TZ", "UTC", 1); /* it is noon */
    site_start(&site);
    site_fill(&site);
}

static void stop(void)
{
    site_stop(&site);
}

TestSuite(attendance, .init = start, .fini = stop);
TestSuite(roll, .init = start, .fini = stop);

Test(roll, shows_who_is_expected)
{
    struct reply reply = site_call(&site, "GET", "/v1/roll?date=2026-11-20", NULL);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_assert_eq(reply_count(&reply, "sessions"), 2);
    cr_expect_str_eq(reply_text(&reply, "sessions.0.session"), FRIDAY);
    cr_expect_str_eq(reply_text(&reply, "sessions.0.participant_name"), "Ada Tester");
    cr_expect_str_eq(reply_text(&reply, "sessions.0.starts"), "09:30");
    cr_expect_str_eq(reply_text(&reply, "sessions.0.standing"), "unrecorded");
    cr_expect(json_is_null(reply_at(&reply, "sessions.0.outcome")), "nobody said anything yet");
    cr_expect(json_is_false(reply_at(&reply, "more")));
    reply_fini(&reply);
}

Test(roll, is_today_unless_told_otherwise_and_empty_on_a_weekend)
{
    struct reply reply = site_call(&site, "GET", "/v1/roll", NULL);
    cr_expect_str_eq(reply_text(&reply, "date"), SITE_TODAY);
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/roll?date=2026-11-21", NULL);
    cr_expect_eq(reply_count(&reply, "sessions"), 0);
    reply_fini(&reply);
}

Test(roll, says_that_there_is_more)
{
    struct reply reply = site_call(&site, "GET", "/v1/roll?limit=1", NULL);
    cr_expect_eq(reply_count(&reply, "sessions"), 1);
    cr_expect(json_is_true(reply_at(&reply, "more")));
    reply_fini(&reply);
}

static void place(const char *fields)
{
    char body[500];
    (void)snprintf(body, sizeof(body),
                   "{\"kind\": \"placement\", \"fields\": {\"basis\": \"mandatory\", \"starts_on\": \"2026-11-02\", "
                   "\"ends_on\": \"2026-12-18\", \"weekly_minutes\": 120, %s}}",
                   fields);
    site_expect(&site, "POST", "/v1/records", body, 200, NULL);
}

Test(roll, all_attended_leaves_out_who_is_named_recorded_or_still_to_come)
{
    place("\"ref\": \"GDN-P003\", \"participant\": \"GDN-002\", \"pattern\": \"Fri 20:00-22:00\"");
    place("\"ref\": \"GDN-P004\", \"participant\": \"GDN-002\", \"pattern\": \"Fri 07:00-08:00\"");
    site_expect(&site, "POST", "/v1/attendance", "{\"session\": \"" FRIDAY "\", \"outcome\": \"absent\"}", 200, NULL);
    struct reply reply = site_call(&site, "POST", "/v1/roll/attended", "{\"except\": [\"GDN-P004\"]}");
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(reply_int(&reply, "added"), 1);
    cr_assert_eq(reply_count(&reply, "sessions"), 4);
    cr_expect_str_eq(reply_text(&reply, "sessions.0.session"), "GDN-P004@2026-11-20");
    cr_expect_str_eq(reply_text(&reply, "sessions.0.skipped"), "excepted");
    cr_expect_str_eq(reply_text(&reply, "sessions.1.skipped"), "recorded");
    cr_expect_str_eq(reply_text(&reply, "sessions.2.session"), "GDN-P002@2026-11-20");
    cr_expect(json_is_null(reply_at(&reply, "sessions.2.skipped")));
    cr_expect_str_eq(reply_text(&reply, "sessions.3.skipped"), "ahead");
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/roll", NULL);
    cr_expect_str_eq(reply_text(&reply, "sessions.1.outcome"), "absent", "what was recorded stands");
    cr_expect_str_eq(reply_text(&reply, "sessions.2.outcome"), "attended");
    cr_expect_str_eq(reply_text(&reply, "sessions.3.standing"), "unrecorded");
    reply_fini(&reply);
    reply = site_call(&site, "POST", "/v1/roll/attended", "{\"except\": [\"GDN-P004\"]}");
    cr_expect_eq(reply_int(&reply, "added"), 0, "a second time there is nothing left");
    reply_fini(&reply);
}

Test(roll, all_attended_records_nothing_for_a_name_that_is_nobodys)
{
    site_expect(&site, "POST", "/v1/roll/attended", "{\"except\": [\"GDN-P99\"]}", 404, "not_found");
    site_expect(&site, "POST", "/v1/roll/attended", "{\"except\": [3]}", 400, "invalid");
    site_expect(&site, "POST", "/v1/roll/attended", "{\"except\": \"GDN-P001\"}", 400, "invalid");
    site_expect(&site, "POST", "/v1/roll/attended", "{\"date\": \"2026-11-23\"}", 400, "invalid");
    struct reply reply = site_call(&site, "POST", "/v1/roll/attended", "{\"dry_run\": true}");
    cr_expect_eq(reply_int(&reply, "added"), 2);
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/roll", NULL);
    cr_expect_str_eq(reply_text(&reply, "sessions.0.standing"), "unrecorded");
    cr_expect_str_eq(reply_text(&reply, "sessions.1.standing"), "unrecorded");
    reply_fini(&reply);
}

Test(attendance, is_recorded_and_shown)
{
    struct reply reply =
        site_call(&site, "POST", "/v1/attendance",
                  "{\"session\": \"" FRIDAY "\", \"outcome\": \"late\", \"minutes\": 300, \"note\": \"bus\"}");
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(reply_int(&reply, "added"), 1);
    cr_expect_str_eq(reply_text(&reply, "session.standing"), "recorded");
    cr_expect_str_eq(reply_text(&reply, "session.outcome"), "late");
    cr_expect_eq(reply_int(&reply, "session.minutes"), 300);
    json_int_t seq = reply_int(&reply, "op.seq");
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/sessions/" FRIDAY, NULL);
    cr_assert_eq(reply_count(&reply, "assertions"), 1);
    cr_expect_str_eq(reply_text(&reply, "assertions.0.note"), "bus");
    cr_expect_str_eq(reply_text(&reply, "assertions.0.actor"), "tester");
    cr_expect_eq(reply_int(&reply, "assertions.0.op.seq"), seq);
    reply_fini(&reply);
}

Test(attendance, said_twice_adds_nothing)
{
    static const char body[] = "{\"session\": \"" FRIDAY "\", \"outcome\": \"attended\", \"minutes\": 360}";
    site_expect(&site, "POST", "/v1/attendance", body, 200, NULL);
    struct reply reply = site_call(&site, "POST", "/v1/attendance", body);
    cr_expect_eq(reply.status, 200);
    cr_expect_eq(reply_int(&reply, "added"), 0);
    cr_expect(json_is_null(reply_at(&reply, "op")));
    reply_fini(&reply);
}

Test(attendance, a_correction_needs_a_note_and_both_versions_stay)
{
    site_expect(&site, "POST", "/v1/attendance", "{\"session\": \"" FRIDAY "\", \"outcome\": \"absent\"}", 200, NULL);
    site_expect(&site, "POST", "/v1/attendance", "{\"session\": \"" FRIDAY "\", \"outcome\": \"attended\"}", 409,
                "refused");
    site_expect(&site, "POST", "/v1/attendance",
                "{\"session\": \"" FRIDAY "\", \"outcome\": \"attended\", \"note\": \"was in the greenhouse\"}", 200,
                NULL);
    struct reply reply = site_call(&site, "GET", "/v1/sessions/" FRIDAY, NULL);
    cr_assert_eq(reply_count(&reply, "assertions"), 2);
    cr_expect_str_eq(reply_text(&reply, "assertions.0.outcome"), "absent");
    cr_expect(json_is_false(reply_at(&reply, "assertions.0.head")));
    cr_expect(json_is_true(reply_at(&reply, "assertions.1.head")));
    cr_expect_str_eq(reply_text(&reply, "session.outcome"), "attended");
    reply_fini(&reply);
}

Test(attendance, refuses_what_makes_no_sense)
{
    static const struct {
        const char *body;
        int status;
        const char *code;
    } cases[] = {
        { "{}", 400, "invalid" },
        { "{\"session\": \"" FRIDAY "\"}", 400, "invalid" },
        { "{\"session\": \"" FRIDAY "\", \"outcome\": \"sleeping\"}", 400, "invalid" },
        { "{\"session\": \"" FRIDAY "\", \"outcome\": \"none\"}", 400, "invalid" },
        { "{\"session\": \"" FRIDAY "\", \"outcome\": \"unrecorded\"}", 400, "invalid" },
        { "{\"session\": \"" FRIDAY "\", \"outcome\": \"attended\", \"minutes\": 1441}", 400, "invalid" },
        { "{\"session\": \"" FRIDAY "\", \"outcome\": \"attended\", \"minutes\": -1}", 400, "invalid" },
        { "{\"session\": \"" FRIDAY "\", \"outcome\": \"absent\", \"minutes\": 60}", 400, "invalid" },
        { "{\"session\": \"" FRIDAY "\", \"outcome\": \"absent\", \"reason\": \"Not A Code\"}", 409, "refused" },
        { "{\"session\": \"" FRIDAY "\", \"outcome\": \"absent\", \"reason\": \"Not A Code\", \"unknown_code\": true}",
          400, "invalid" },
        { "{\"session\": \"" FRIDAY "\", \"outcome\": \"absent\", \"happened_at\": \"2030-01-01T00:00:00Z\"}", 400,
          "invalid" },
        { "{\"session\": \"GDN-P001@2026-11-23\", \"outcome\": \"attended\"}", 400, "invalid" },
        { "{\"session\": \"GDN-P001\", \"outcome\": \"attended\"}", 400, "invalid" },
        { "{\"session\": \"GDN-P999@2026-11-20\", \"outcome\": \"attended\"}", 404, "not_found" },
        { "{\"session\": \"" FRIDAY "\", \"outcome\": \"attended\", \"who\": \"me\"}", 400, "invalid" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        site_expect(&site, "POST", "/v1/attendance", cases[i].body, cases[i].status, cases[i].code);
    }
    struct reply reply = site_call(&site, "GET", "/v1/roll?date=2026-11-20", NULL);
    cr_expect_str_eq(reply_text(&reply, "sessions.0.standing"), "unrecorded", "nothing of it was kept");
    reply_fini(&reply);
}

Test(attendance, a_reason_that_the_programme_does_not_have_is_recorded_only_where_it_is_meant_and_explains_nothing)
{
    static const char mistyped[] = "{\"session\": \"" FRIDAY "\", \"outcome\": \"absent\", \"reason\": \"helth\"";
    char body[200];
    (void)snprintf(body, sizeof(body), "%s}", mistyped);
    struct reply reply = site_call(&site, "POST", "/v1/attendance", body);
    cr_expect_eq(reply.status, 409);
    cr_expect_not_null(strstr(reply_text(&reply, "error.message"), "did you mean 'health'?"), "%s",
                       reply_text(&reply, "error.message"));
    cr_expect_null(strstr(reply_text(&reply, "error.message"), "helth"));
    reply_fini(&reply);

    (void)snprintf(body, sizeof(body), "%s, \"unknown_code\": true}", mistyped);
    reply = site_call(&site, "POST", "/v1/attendance", body);
    cr_expect_eq(reply.status, 200);
    cr_expect_str_eq(reply_text(&reply, "session.reason"), "helth");
    reply_fini(&reply);
    site_judge(&site);
    reply = site_call(&site, "GET", "/v1/flags", NULL);
    cr_expect_not_null(strstr(reply.text, "unexplained_absence"), "%s", reply.text);
    cr_expect_null(strstr(reply.text, "helth"), "%s", reply.text);
    reply_fini(&reply);
}

Test(attendance, errors_never_repeat_what_was_sent)
{
    struct reply reply =
        site_call(&site, "POST", "/v1/attendance", "{\"session\": \"Zebedee@2026-11-20\", \"outcome\": \"Zebedee\"}");
    cr_expect_null(strstr(reply.text, "Zebedee"), "%s", reply.text);
    reply_fini(&reply);
    reply = site_call(&site, "POST", "/v1/attendance",
                      "{\"session\": \"Zebedee@2026-11-20\", \"outcome\": \"absent\", \"Zebedee\": 1}");
    cr_expect_null(strstr(reply.text, "Zebedee"), "%s", reply.text);
    reply_fini(&reply);
}

Test(attendance, outside_the_pattern_is_an_extra_session)
{
    static const char body[] = "{\"session\": \"GDN-P001@2026-11-19/2\", \"outcome\": \"attended\", \"minutes\": 60}";
    struct reply reply = site_call(&site, "POST", "/v1/attendance", body);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect(json_is_false(reply_at(&reply, "session.expected")));
    cr_expect_eq(reply_int(&reply, "session.slot"), 2);
    cr_expect_str_eq(reply_text(&reply, "session.session"), "GDN-P001@2026-11-19/2");
    reply_fini(&reply);
}

Test(attendance, needs_enrolment)
{
    struct site bare;
    site_start(&bare);
    bare.enrolled = false;
    site_expect(&bare, "POST", "/v1/capacity", "{\"places\": 3}", 409, "not_enrolled");
    site_expect(&bare, "POST", "/v1/import?kind=register", "x", 409, "not_enrolled");
    site_expect(&bare, "POST", "/v1/records", "{\"kind\": \"participant\", \"fields\": {\"ref\": \"A\"}}", 409,
                "not_enrolled");
    site_stop(&bare);
}

Test(attendance, both_sides_of_a_dispute_are_shown)
{
    struct replica other;
    replica_start(&site.world, &other, CERTIFICATE_ROLE_AGENT);
    struct error err;
    cr_assert_eq(replica_carry(&site.replica, 0, 1000, &other, &err), ERR_OK, "%s", err.message);
    site_expect(&site, "POST", "/v1/attendance", "{\"session\": \"" FRIDAY "\", \"outcome\": \"absent\"}", 200, NULL);
    struct store_entry entry;
    entry_attendance(&site.world, &entry, "GDN-P001", SITE_TODAY, 0, OUTCOME_ATTENDED, 360, NULL);
    replica_write(&other, &entry, site.now_ms);
    cr_assert_eq(replica_carry(&other, 0, 1000, &site.replica, &err), ERR_OK, "%s", err.message);
    struct reply reply = site_call(&site, "GET", "/v1/sessions/" FRIDAY, NULL);
    cr_assert_eq(reply_count(&reply, "assertions"), 2);
    cr_expect(json_is_true(reply_at(&reply, "assertions.0.head")));
    cr_expect(json_is_true(reply_at(&reply, "assertions.1.head")));
    cr_expect_str_eq(reply_text(&reply, "session.standing"), "disputed");
    cr_expect_eq(reply_int(&reply, "session.heads"), 2);
    reply_fini(&reply);
    static const char settled[] =
        "{\"session\": \"" FRIDAY "\", \"outcome\": \"attended\", \"minutes\": 360, \"note\": \"asked both\"}";
    reply = site_call(&site, "POST", "/v1/attendance", settled);
    cr_expect_str_eq(reply_text(&reply, "session.standing"), "recorded");
    reply_fini(&reply);
    replica_stop(&other);
}
