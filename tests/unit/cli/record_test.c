/* What commands send for what a person typed, and what they say about the answer. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/command.h"
#include "base/clock.h"
#include "service.h"

static void assert_asked(const struct service *service, size_t index, const char *line, const char *body)
{
    cr_assert_gt(service->asked_count, index);
    cr_expect_str_eq(service->asked[index].line, line);
    json_t *expected = json_loads(body, 0, NULL);
    json_t *sent = json_loads(service->asked[index].body, 0, NULL);
    cr_expect(json_equal(expected, sent), "%s", service->asked[index].body);
    json_decref(expected);
    json_decref(sent);
}

#define SESSION                                                                                                        \
    "{\"session\": \"GDN-P014@2026-11-20\", \"day\": \"2026-11-20\", \"slot\": 1, \"participant_ref\": \"P014\", "     \
    "\"participant_name\": \"Ann Example\", \"starts\": \"09:30\", \"ends\": \"13:30\", \"expected\": true, "          \
    "\"standing\": \"recorded\", \"outcome\": \"late\", \"minutes\": 200, \"reason\": \"travel\", \"heads\": 1, "      \
    "\"jcp\": null}"

Test(attend, sends_what_was_typed_and_says_that_it_is_recorded)
{
    struct service service;
    struct outcome_of_run run =
        RUN_ONCE(&service, 200, "{\"added\": 1, \"session\": " SESSION "}", "attend", "GDN-P014@2026-11-20", "late",
                 "--minutes", "200", "--reason", "travel", "--note", "bus – \"late\"");
    assert_asked(
        &service, 0, "POST /v1/attendance",
        "{\"session\": \"GDN-P014@2026-11-20\", \"outcome\": \"late\", \"minutes\": 200, \"reason\": \"travel\","
        " \"note\": \"bus – \\\"late\\\"\"}");
    cr_expect_str_eq(run.out, "recorded: GDN-P014@2026-11-20, Ann Example (P014): late, 3 h 20 min (travel)\n");
    cr_expect_eq(run.code, EXIT_DONE);
    run_free(&run);
    service_stop(&service);
}

Test(attend, names_a_person_whose_name_is_withheld_by_the_reference_alone)
{
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200,
                                         "{\"added\": 1, \"session\": {\"session\": \"GDN-P014@2026-11-20\", "
                                         "\"participant_ref\": \"P014\", \"participant_name\": null, \"standing\": "
                                         "\"recorded\", \"outcome\": \"attended\", \"heads\": 1, \"jcp\": null}}",
                                         "attend", "GDN-P014@2026-11-20", "attended");
    cr_expect_str_eq(run.out, "recorded: GDN-P014@2026-11-20, P014: attended\n");
    run_free(&run);
    service_stop(&service);
}

Test(attend, says_when_nothing_is_new_and_leaves_out_what_was_not_typed)
{
    struct service service;
    struct outcome_of_run run =
        RUN_ONCE(&service, 200, "{\"added\": 0, \"session\": " SESSION "}", "attend", "GDN-P014@2026-11-20", "late");
    assert_asked(&service, 0, "POST /v1/attendance", "{\"session\": \"GDN-P014@2026-11-20\", \"outcome\": \"late\"}");
    cr_expect(has(run.out, "nothing new"));
    run_free(&run);
    service_stop(&service);
}

Test(roll, shows_who_when_how_and_the_name_to_record_with)
{
    const char *body =
        "{\"date\": \"2026-11-20\", \"to\": \"2026-11-20\", \"more\": false, \"sessions\": [" SESSION ","
        "{\"session\": \"GDN-P015@2026-11-20/2\", \"day\": \"2026-11-20\", \"participant_name\": \"Bob Sample\", "
        "\"participant_ref\": \"P015\", \"starts\": \"14:00\", \"ends\": \"16:00\", \"expected\": true, "
        "\"standing\": \"unrecorded\", \"outcome\": null, \"jcp\": {\"purpose\": \"jcp_appointment\", "
        "\"starts\": \"15:00\", \"ends\": \"15:30\"}},"
        "{\"session\": \"GDN-P016@2026-11-20\", \"day\": \"2026-11-20\", \"participant_name\": \"Cy Test\", "
        "\"participant_ref\": \"P016\", \"expected\": false, \"standing\": \"disputed\", \"heads\": 2, "
        "\"outcome\": \"absent\"}]}";
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, body, "roll", "--date", "2026-11-20");
    cr_expect_str_eq(service.asked[0].line, "GET /v1/roll?date=2026-11-20");
    cr_expect(has(run.out, "Fri 20 Nov 2026: 3 sessions, 1 not recorded"), "%s", run.out);
    cr_expect(has(run.out, "09:30-13:30  GDN-P014@2026-11-20    Ann Example (P014)  late, 3 h 20 min (travel)"), "%s",
              run.out);
    cr_expect(has(run.out, "GDN-P015@2026-11-20/2  Bob Sample (P015)   not recorded"), "%s", run.out);
    cr_expect(has(run.out, "JCP appointment 15:00-15:30"), "%s", run.out);
    cr_expect(has(run.out, "disputed: 2 sides, newest: absent"), "%s", run.out);
    cr_expect(has(run.out, "holdfast attend SESSION OUTCOME"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

Test(session, shows_both_sides_of_a_dispute)
{
    const char *body =
        "{\"session\": {\"session\": \"GDN-P016@2026-11-20\", \"participant_name\": \"Cy Test\", \"participant_ref\": "
        "\"P016\", \"expected\": true, \"standing\": \"disputed\", \"heads\": 2, \"outcome\": \"absent\"}, "
        "\"assertions\": ["
        "{\"op\": {\"device\": \"aaaaaaaabbbb\", \"seq\": 4}, \"head\": true, \"outcome\": \"attended\", \"minutes\": "
        "240, "
        "\"actor\": \"sue\", \"recorded_at\": \"2026-11-20T13:31:00.000Z\", \"note\": null},"
        "{\"op\": {\"device\": \"ccccccccdddd\", \"seq\": 9}, \"head\": true, \"outcome\": \"absent\", \"actor\": "
        "\"tom\", "
        "\"recorded_at\": \"2026-11-20T13:40:00.000Z\", \"note\": \"not seen all day\"}]}";
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, body, "session", "GDN-P016@2026-11-20");
    cr_expect_str_eq(service.asked[0].line, "GET /v1/sessions/GDN-P016@2026-11-20");
    const char *first =
        strstr(run.out, "  attended, 4 h\n      one side of the dispute; recorded by sue on device aaaaaaaa");
    const char *second = strstr(run.out, "  absent\n      one side of the dispute; recorded by tom on device cccccccc");
    cr_expect(first != NULL && second != NULL && first < second, "%s", run.out);
    cr_expect(has(run.out, "not seen all day"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

#define VALUES "\"old\": {\"value\": \"1\"}, \"new\": {\"value\": \"2\"}"

Test(overwrites, names_whose_record_it_is)
{
    const char *body =
        "{\"overwrites\": [{\"id\": \"2be6ae8770be4486\", \"kind\": \"participant\", \"subject\": \"afd98821aa\", "
        "\"subject_ref\": \"GDN-004\", \"subject_name\": \"Ann Example\", \"field\": \"phone\", " VALUES "}, "
        "{\"id\": \"3be6ae8770be4486\", \"kind\": \"notice\", \"subject\": \"afd98821aa\", \"subject_ref\": null, "
        "\"subject_name\": null, \"field\": \"served_by\", " VALUES "}], \"more\": false}";
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, body, "overwrites");
    cr_expect(has(run.out, "2be6ae8770be4486  phone of the participant GDN-004, Ann Example\n"), "%s", run.out);
    cr_expect(has(run.out, "3be6ae8770be4486  served_by of the notice afd98821\n"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

Test(log, names_what_an_entry_is_about)
{
    const char *body =
        "{\"entries\": [{\"kind\": \"participant\", \"subject\": \"afd98821aa\", \"subject_ref\": \"GDN-004\"}, "
        "{\"kind\": \"attendance\", \"subject\": \"bfd98821aa\", \"subject_name\": \"GDN-P001@2026-11-19\", "
        "\"subject_ref\": null}, {\"kind\": \"erasure\", \"subject\": \"cfd98821aa\", \"subject_name\": null}], "
        "\"more\": false}";
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, body, "log");
    cr_expect(has(run.out, "participant  GDN-004 "), "%s", run.out);
    cr_expect(has(run.out, "attendance   GDN-P001@2026-11-19 "), "%s", run.out);
    cr_expect(has(run.out, "erasure      cfd98821 "), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

Test(session, says_of_what_was_erased_that_it_was)
{
    const char *session = "{\"session\": \"GDN-P016@2026-11-20\", \"day\": \"2026-11-20\", \"participant_name\": \"Cy "
                          "Test\", \"participant_ref\": \"P016\", \"starts\": \"09:30\", \"ends\": \"15:30\", "
                          "\"expected\": true, \"standing\": \"recorded\", \"heads\": 1, \"outcome\": null, "
                          "\"erased\": true}";
    char body[1000];
    struct service service;
    (void)snprintf(body, sizeof(body),
                   "{\"session\": %s, \"assertions\": [{\"op\": {\"device\": \"aaaaaaaabbbb\", \"seq\": 4}, \"head\": "
                   "true, \"outcome\": null, \"erased\": true, \"actor\": \"sue\", \"recorded_at\": "
                   "\"2026-11-20T13:31:00.000Z\"}]}",
                   session);
    struct outcome_of_run run = RUN_ONCE(&service, 200, body, "session", "GDN-P016@2026-11-20");
    cr_expect(has(run.out, "09:30-15:30: erased\n"), "%s", run.out);
    cr_expect(has(run.out, "  erased\n      stands; recorded by sue"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
    (void)snprintf(body, sizeof(body),
                   "{\"date\": \"2026-11-20\", \"to\": \"2026-11-20\", \"more\": false, \"sessions\": [%s]}", session);
    run = RUN_ONCE(&service, 200, body, "roll", "--date", "2026-11-20");
    cr_expect(has(run.out, "Cy Test (P016)  erased"), "%s", run.out);
    cr_expect(has(run.out, "1 session, 0 not recorded"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

Test(referral, sends_the_answer_with_its_reason)
{
    const char *body = "{\"added\": 1, \"referral\": {\"ref\": \"R/1 2\", \"participant_name\": \"Ann\", "
                       "\"participant_ref\": \"P1\", \"status\": \"declined\"}}";
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, body, "referral", "decline", "R/1 2", "--policy", "--note",
                                         "trustees, 3 March", "--on", "2026-11-20");
    assert_asked(&service, 0, "POST /v1/referrals/R%2F1%202/decline",
                 "{\"on\": \"2026-11-20\", \"note\": \"trustees, 3 March\", \"policy\": true}");
    cr_expect_str_eq(run.out, "recorded: R/1 2, Ann (P1): declined\n");
    run_free(&run);
    service_stop(&service);
}

Test(notice, says_which_parts_are_missing)
{
    struct service service;
    struct outcome_of_run run =
        RUN_ONCE(&service, 200, "{\"kind\": \"notice\", \"id\": \"0123456789abcdef\", \"added\": 1}", "notice", "add",
                 "GDN-P014", "--served", "2026-11-02", "--by", "post", "--says", "what,when,where,mandatory");
    assert_asked(&service, 0, "POST /v1/records",
                 "{\"kind\": \"notice\", \"fields\": {\"placement\": \"GDN-P014\", \"served_on\": \"2026-11-02\", "
                 "\"served_by\": \"post\", \"says_what\": true, \"says_when\": true, \"says_where\": true, "
                 "\"says_mandatory\": true, \"says_evidence\": false, \"says_consequences\": false}}");
    cr_expect(has(run.out, "not said in it: evidence\n") && has(run.out, "not said in it: consequences\n"), "%s",
              run.out);
    cr_expect(!has(run.out, "not said in it: what\n"));
    run_free(&run);
    service_stop(&service);
}

Test(capacity, states_places_and_supervision_in_minutes)
{
    struct service service;
    struct outcome_of_run run = RUN_ONCE(
        &service, 200,
        "{\"added\": 1, \"statement\": {\"places\": 12, \"supervisor_minutes\": 1800, \"stated_on\": \"2026-11-20\"}}",
        "capacity", "set", "--places", "12", "--supervision", "30");
    assert_asked(&service, 0, "POST /v1/capacity", "{\"places\": 12, \"supervisor_minutes\": 1800}");
    cr_expect(has(run.out, "12 places, on 2026-11-20") && has(run.out, "30 h a week"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

Test(capacity, takes_the_supervision_by_its_former_name_too)
{
    struct service service;
    struct outcome_of_run run = RUN_ONCE(
        &service, 200,
        "{\"added\": 1, \"statement\": {\"places\": 12, \"supervisor_minutes\": 1800, \"stated_on\": \"2026-11-20\"}}",
        "capacity", "set", "--places", "12", "--supervisor-hours", "30");
    assert_asked(&service, 0, "POST /v1/capacity", "{\"places\": 12, \"supervisor_minutes\": 1800}");
    cr_expect(has(run.out, "12 places, on 2026-11-20") && has(run.out, "30 h a week"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

Test(capacity, forecast_says_in_how_many_weeks_it_is_full)
{
    const char *body =
        "{\"possible\": true, \"places\": 4, \"taken_now\": 3, \"waiting\": 1, \"inflow_per_week\": 0.5, "
        "\"weeks_until_full\": 2, \"weeks_earliest\": 1, \"weeks_latest\": null, \"weeks\": ["
        "{\"ends_on\": \"2026-11-27\", \"expected\": 3, \"low\": 2, \"high\": 5}, {\"ends_on\": \"2026-12-04\", "
        "\"expected\": 4, \"low\": 2, \"high\": 7}]}";
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, body, "capacity", "forecast");
    cr_expect(has(run.out, "in 2 weeks at this inflow") && has(run.out, "0.5 a week"), "%s", run.out);
    cr_expect(has(run.out, "2026-12-04           4 of 4     2-7       ##############################  full"), "%s",
              run.out);
    cr_expect(has(run.out, "8 times in 10 between 1 and more than 26 weeks"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

Test(capacity, weeks_are_a_row_for_each_opportunity_and_week)
{
    const char *body =
        "{\"site\": {\"places\": 10, \"to_come\": 0, \"weeks\": [{\"on\": \"2026-11-20\", \"taken\": 4, \"agreed\": 1, "
        "\"free\": 5, \"supervisor_minutes_needed\": 240}, {\"on\": \"2026-11-27\", \"taken\": 3, \"agreed\": 1, "
        "\"free\": 6, \"supervisor_minutes_needed\": 240}, {\"on\": \"2026-12-04\", \"taken\": 3, \"agreed\": 1, "
        "\"free\": 6, \"supervisor_minutes_needed\": 240}]}, \"elsewhere\": {\"to_come\": 0, \"weeks\": [{\"on\": "
        "\"2026-11-20\", \"taken\": 0, \"agreed\": 0, \"free\": null}]}, \"opportunities\": [{\"ref\": \"PATHS\", "
        "\"host\": \"H-1\", \"places\": 3, \"supervisor_minutes\": 90, \"accepted\": 2, \"weeks\": [{\"on\": "
        "\"2026-11-20\", \"taken\": 4, \"agreed\": 1, \"free\": -2, \"supervisor_minutes_needed\": 240}]}], "
        "\"more\": false}";
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, body, "capacity", "weeks", "--weeks", "12");
    cr_expect_str_eq(service.asked[0].line, "GET /v1/capacity/opportunities?weeks=12");
    cr_expect(
        has(run.out,
            "PATHS             H-1   2026-11-20, today            3      4       1    -2                 4 h  1 h 30 "
            "min"),
        "%s", run.out);
    cr_expect(has(run.out, "(the whole site)        2026-11-20, today           10      4       1     5"), "%s",
              run.out);
    cr_expect(has(run.out, "(the whole site)        2026-11-27, in 1 week       10      3       1     6"), "%s",
              run.out);
    cr_expect(has(run.out, "(the whole site)        2026-12-04, in 2 weeks      10      3       1     6"), "%s",
              run.out);
    cr_expect(has(run.out, "PATHS: 2 more accepted, without a placement yet."), "%s", run.out);
    cr_expect_not(has(run.out, "(no opportunity)"), "nobody is there");
    run_free(&run);
    service_stop(&service);
}

Test(capacity, waiting_says_who_since_when_by_when_and_for_what)
{
    const char *body =
        "{\"unanswered\": 1, \"accepted\": 1, \"waiting\": [{\"ref\": \"R-1\", \"participant_ref\": \"GDN-001\", "
        "\"route\": \"cwp\", \"status\": \"accepted\", \"since\": \"2026-11-09\", \"start_by\": \"2026-11-30\", "
        "\"opportunity\": \"PATHS\", \"starts_on\": \"2026-11-23\"}, {\"ref\": \"R-2\", \"status\": \"received\", "
        "\"since\": \"2026-11-17\", \"acknowledge_by\": \"2026-11-24\", \"start_by\": \"2026-12-08\"}], \"more\": "
        "false}";
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, body, "capacity", "waiting");
    cr_expect_str_eq(service.asked[0].line, "GET /v1/capacity/waiting");
    cr_expect(has(run.out, "R-1       GDN-001  cwp    accepted  2026-11-09, "), "%s", run.out);
    cr_expect(has(run.out, "2026-11-30  PATHS        2026-11-23"), "%s", run.out);
    cr_expect(has(run.out, "2026-11-24  2026-12-08"), "%s", run.out);
    cr_expect(has(run.out, "1 without an answer, 1 accepted and not started yet."), "%s", run.out);
    run_free(&run);
    service_stop(&service);
    run = RUN_ONCE(&service, 200, "{\"unanswered\": 0, \"accepted\": 0, \"waiting\": []}", "capacity", "waiting");
    cr_expect_str_eq(run.out, "Nobody waits.\n");
    run_free(&run);
    service_stop(&service);
}

Test(opportunity, shows_each_fact_under_its_name_and_minutes_as_hours)
{
    const char *body = "{\"record\": {\"fields\": {\"ref\": \"PATHS\", \"supervisor_minutes\": 600, "
                       "\"people_per_supervisor\": 1}, \"refs\": {}}}";
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, body, "opportunity", "show", "PATHS");
    cr_expect(has(run.out, "\n  supervisor hours  10 h\n"), "%s", run.out);
    cr_expect(has(run.out, "\n  people per supervisor  1\n"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

Test(flag, of_the_site_is_about_the_site)
{
    const char *body = "{\"flag\": {\"id\": \"12ab34cd\", \"code\": \"near_capacity\", \"severity\": \"watch\", "
                       "\"subject\": \"site\", \"subject_ref\": \"site\", \"since\": \"2026-11-16\"}}";
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, body, "flag", "12ab34cd");
    cr_expect(has(run.out, "  About           the site\n"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

Test(flags, says_severity_code_subject_since_and_facts)
{
    const char *body =
        "{\"flags\": [{\"id\": \"12ab34cd\", \"code\": \"repeat_absence\", \"severity\": \"act\", \"subject\": "
        "\"placement\", "
        "\"subject_ref\": \"GDN-P014\", \"since\": \"2026-11-16\", \"facts\": \"Absent on 16 and 18 November without a "
        "reason.\", \"cleared_at\": null}], \"more\": false}";
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, body, "flags", "--all");
    cr_expect_str_eq(service.asked[0].line, "GET /v1/flags?all=1");
    cr_expect(has(run.out, "act   repeat_absence  GDN-P014  since Mon 16 Nov 2026 ("), "%s", run.out);
    cr_expect(has(run.out, "  12ab34cd\n      Absent on 16 and 18 November without a reason.\n"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

#define STATUS(state, pending, last)                                                                                   \
    "{\"state\": \"" state                                                                                             \
    "\", \"message\": \"\", \"vault\": \"open\", \"enrolled\": true, \"site\": {\"name\": \"Green "                    \
    "Lane\"}, \"pending_ops\": " pending ", \"oldest_pending_at\": \"2026-11-16T09:00:00.000Z\", \"to_fetch\": 0, "    \
    "\"last_exchange\": " last                                                                                         \
    ", \"flags\": {\"act\": 1, \"watch\": 2, \"info\": 0}, \"records\": {\"participant\": 1234}, "                     \
    "\"replica_bytes\": 1258291, \"memory_bytes\": 8808038}"
#define EXCHANGE(at, result)                                                                                           \
    "{\"at\": \"" at "\", \"result\": \"" result "\", \"message\": \"reach the centre: no connection\", "              \
    "\"bytes_sent\": 4301, \"bytes_received\": 512, \"duration_ms\": 312, \"ops_sent\": 37, \"ops_received\": 2}"

Test(status, says_in_words_what_waits_since_when_and_how_the_last_exchange_went)
{
    struct service service;
    struct outcome_of_run run =
        RUN_ONCE(&service, 200, STATUS("offline", "37", EXCHANGE("2026-11-20T09:00:00.000Z", "ok")), "status");
    cr_expect(has(run.out, "Green Lane - offline: recording works"), "%s", run.out);
    cr_expect(has(run.out, "37 records to send, the oldest made ") && has(run.out, "Mon 16 Nov 2026, 09:00"), "%s",
              run.out);
    cr_expect(has(run.out, "37 records sent, 2 received; 4.2 KiB out, 512 bytes in, 0.31 s"), "%s", run.out);
    cr_expect(has(run.out, "1 to act on, 2 to watch, 0 for information"), "%s", run.out);
    cr_expect(has(run.out, "1,234 people") && has(run.out, "1.2 MiB on disk, 8.4 MiB of memory"), "%s", run.out);
    cr_expect(has(run.out, "'holdfast flags' shows"), "%s", run.out);
    cr_expect_eq(run.code, EXIT_DONE);
    run_free(&run);
    service_stop(&service);
}

Test(status, says_how_to_open_the_vault_and_to_make_one)
{
    struct service service;
    struct outcome_of_run run =
        RUN_ONCE(&service, 200, "{\"state\": \"locked\", \"vault\": \"locked\", \"records\": null}", "status");
    cr_expect(has(run.out, "'holdfast unlock' asks"), "%s", run.out);
    cr_expect_eq(run.code, EXIT_DONE);
    run_free(&run);
    service_stop(&service);
    run = RUN_ONCE(&service, 200, "{\"state\": \"locked\", \"vault\": \"absent\"}", "status");
    cr_expect(has(run.out, "'holdfast unlock --new'"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

Test(status, says_since_when_and_why_it_is_locked_and_when_it_will_be)
{
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200,
                                         "{\"state\": \"locked\", \"vault\": \"locked\", \"locked_at\": "
                                         "\"2026-11-16T09:00:00.000Z\", \"lock_reason\": \"idle\"}",
                                         "status");
    cr_expect(has(run.out, "Mon 16 Nov 2026, 09:00") && has(run.out, "because nobody asked"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
    run =
        RUN_ONCE(&service, 200,
                 "{\"state\": \"offline\", \"vault\": \"open\", \"locks_at\": \"2099-01-01T00:00:00.000Z\"}", "status");
    cr_expect(has(run.out, "unless somebody asks"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

Test(status, speaks_of_one_record_and_of_whole_seconds_as_people_do)
{
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200,
                                         "{\"state\": \"synchronising\", \"vault\": \"open\", \"to_fetch\": 1904, "
                                         "\"progress\": {\"bytes_per_s\": 7145, \"seconds_left\": 7}, "
                                         "\"last_exchange\": {\"at\": \"2026-11-20T09:00:00.000Z\", "
                                         "\"result\": \"ok\", \"ops_sent\": 1}}",
                                         "status");
    cr_expect(has(run.out, "1 record sent") && has(run.out, "about 7 s left"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

Test(status, names_files_as_the_way_to_the_centre_of_a_device_without_its_address)
{
    struct service service;
    struct outcome_of_run run =
        RUN_ONCE(&service, 200, "{\"state\": \"offline\", \"vault\": \"open\", \"endpoint\": \"\"}", "status");
    cr_expect(has(run.out, "by files, over no network"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

Test(status, does_not_promise_that_a_device_without_a_site_can_record)
{
    struct service service;
    struct outcome_of_run run =
        RUN_ONCE(&service, 200, "{\"state\": \"offline\", \"vault\": \"open\", \"enrolled\": false}", "status");
    cr_expect(has(run.out, "not enrolled") && has(run.out, "'holdfast enrol"), "%s", run.out);
    cr_expect(!has(run.out, "recording works"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

static struct outcome_of_run run_sync(struct service *service, const struct canned *canned, size_t count)
{
    service_start(service, canned, count);
    return RUN(service, "sync", "--wait", "--timeout", "20");
}

Test(sync, waits_until_nothing_waits_on_either_side)
{
    const struct canned canned[] = {
        { 200, STATUS("offline", "37", EXCHANGE("2026-11-20T09:00:00.000Z", "network")) },
        { 200, STATUS("synchronising", "37", EXCHANGE("2026-11-20T09:00:00.000Z", "network")) },
        { 200, STATUS("synchronising", "20", EXCHANGE("2026-11-20T09:00:00.000Z", "network")) },
        { 200, STATUS("synchronised", "1", EXCHANGE("2026-11-20T10:00:00.000Z", "ok")) },
        { 200, STATUS("synchronised", "0", EXCHANGE("2026-11-20T10:00:01.000Z", "ok")) },
    };
    struct service service;
    struct outcome_of_run run = run_sync(&service, canned, ARRAY_LEN(canned));
    cr_expect_eq(run.code, EXIT_DONE, "%s", run.err);
    cr_expect_eq(service.asked_count, 5);
    cr_expect_str_eq(service.asked[1].line, "POST /v1/sync");
    cr_expect(has(run.out, "nothing: the centre holds every record made here"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

Test(sync, ends_with_1_and_the_reason_when_the_exchange_failed)
{
    const struct canned canned[] = {
        { 200, STATUS("offline", "37", "null") },
        { 200, STATUS("synchronising", "37", "null") },
        { 200, STATUS("offline", "37", EXCHANGE("2026-11-20T10:00:00.000Z", "network")) },
    };
    struct service service;
    struct outcome_of_run run = run_sync(&service, canned, ARRAY_LEN(canned));
    cr_expect_eq(run.code, EXIT_REFUSED);
    cr_expect(has(run.err, "reach the centre: no connection") && has(run.err, "nothing is lost"), "%s", run.err);
    run_free(&run);
    service_stop(&service);
}

Test(sync, ends_when_the_time_is_over)
{
    const struct canned canned[] = { { 200, STATUS("synchronising", "37", "null") } };
    struct service service;
    service_start(&service, canned, 1);
    struct outcome_of_run run = RUN(&service, "sync", "--wait", "--timeout", "1");
    cr_expect_eq(run.code, EXIT_REFUSED);
    cr_expect(has(run.err, "the time is over"), "%s", run.err);
    run_free(&run);
    service_stop(&service);
}

Test(sync, ends_with_4_when_the_vault_is_locked_meanwhile)
{
    const struct canned canned[] = {
        { 200, STATUS("synchronising", "37", "null") },
        { 200, STATUS("synchronising", "37", "null") },
        { 200, "{\"state\": \"locked\", \"vault\": \"locked\"}" },
    };
    struct service service;
    struct outcome_of_run run = run_sync(&service, canned, ARRAY_LEN(canned));
    cr_expect_eq(run.code, EXIT_LOCKED);
    run_free(&run);
    service_stop(&service);
}

Test(record, an_entry_is_made_of_its_options)
{
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, "{\"added\": 1, \"id\": \"00ff\"}", "jobsearch", "add",
                                         "GDN-P014", "--week", "2026-11-16", "--hours", "3:30", "--note", "library");
    assert_asked(&service, 0, "POST /v1/records",
                 "{\"kind\": \"job_search\", \"fields\": {\"placement\": \"GDN-P014\", \"week\": \"2026-11-16\", "
                 "\"minutes\": 210, \"note\": \"library\"}}");
    cr_expect_eq(run.code, EXIT_DONE);
    cr_expect_str_eq(run.out, "recorded: jobsearch for GDN-P014, id 00ff\n");
    run_free(&run);
    service_stop(&service);
}

Test(record, hours_of_job_search_are_listed_as_hours)
{
    struct service service;
    struct outcome_of_run run =
        RUN_ONCE(&service, 200,
                 "{\"records\": [{\"id\": \"00ff\", \"fields\": {\"placement\": \"aa\", \"week\": \"2026-11-16\", "
                 "\"minutes\": 240}, \"refs\": {\"placement\": \"GDN-P014\"}, \"said_by\": \"ada\"}], \"more\": false}",
                 "jobsearch", "list");
    cr_expect(has(run.out, "4 h"), "%s", run.out);
    cr_expect(!has(run.out, "240"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

Test(record, a_day_that_was_not_typed_is_today)
{
    char today[DATE_TEXT_SIZE];
    char body[300];
    struct service service;
    struct outcome_of_run run;
    int32_t day = clock_today(clock_wall_ms());
    for (;; day++) {
        run = RUN_ONCE(&service, 200, "{\"added\": 1, \"id\": \"00ff\"}", "contact", "add", "P-1", "--means", "phone",
                       "--outcome", "no_answer");
        if (clock_today(clock_wall_ms()) == day) {
            break;
        }
        run_free(&run); /* midnight passed meanwhile */
        service_stop(&service);
    }
    date_format(day, today);
    (void)snprintf(body, sizeof(body),
                   "{\"kind\": \"contact_attempt\", \"fields\": {\"participant\": \"P-1\", \"day\": \"%s\", "
                   "\"means\": \"phone\", \"outcome\": \"no_answer\"}}",
                   today);
    assert_asked(&service, 0, "POST /v1/records", body);
    run_free(&run);
    service_stop(&service);
    run = RUN_ONCE(&service, 200, "{\"added\": 1, \"id\": \"00ff\"}", "change", "add", "P-1", "--what", "health",
                   "--from", "2026-11-02");
    assert_asked(&service, 0, "POST /v1/records",
                 "{\"kind\": \"circumstance_change\", \"fields\": {\"participant\": \"P-1\", \"starts_on\": "
                 "\"2026-11-02\", \"what\": \"health\"}}");
    run_free(&run);
    service_stop(&service);
    run = RUN_ONCE(&service, 200, "{\"added\": 1, \"id\": \"00ff\"}", "change", "add", "P-1", "--what", "health",
                   "--id", "00ff");
    assert_asked(&service, 0, "POST /v1/records",
                 "{\"kind\": \"circumstance_change\", \"id\": \"00ff\", \"fields\": {\"participant\": \"P-1\", "
                 "\"what\": \"health\"}}");
    run_free(&run);
    service_stop(&service);
}

Test(referral, accepted_for_an_opportunity_says_how_to_go_on_to_the_placement)
{
    struct service service;
    struct outcome_of_run run =
        RUN_ONCE(&service, 200,
                 "{\"added\": 1, \"referral\": {\"ref\": \"R-1\", \"participant_name\": \"Ann Example\", "
                 "\"participant_ref\": \"P-1\", \"status\": \"accepted\"}}",
                 "referral", "accept", "R-1", "--opportunity", "PATHS");
    assert_asked(&service, 0, "POST /v1/referrals/R-1/accept", "{\"opportunity\": \"PATHS\"}");
    cr_expect_str_eq(run.out, "recorded: R-1, Ann Example (P-1): accepted\n"
                              "  place them with: holdfast placement add NEW-REF --referral R-1 --opportunity PATHS "
                              "--from DAY --weeks N\n");
    run_free(&run);
    service_stop(&service);
}

Test(record, a_list_shows_references_hours_and_who_said_it)
{
    static const char body[] =
        "{\"records\": [{\"id\": \"aa\", \"fields\": {\"ref\": \"O-1\", \"host\": \"0123\", \"title\": \"Paths\", "
        "\"places\": 3, "
        "\"supervisor_minutes\": 270}, \"refs\": {\"host\": \"PARK\"}, \"said_by\": \"tester\"}], \"more\": false}";
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, body, "opportunity", "list", "PARK");
    cr_expect_str_eq(service.asked[0].line, "GET /v1/records/opportunity?host=PARK");
    cr_expect_not_null(strstr(run.out, "O-1"));
    cr_expect_not_null(strstr(run.out, "PARK"));
    cr_expect_not_null(strstr(run.out, "4 h 30 min"));
    cr_expect_null(strstr(run.out, "0123"), "no id where there is a reference");
    run_free(&run);
    service_stop(&service);
}

Test(record, what_is_added_once_is_changed_by_another_verb)
{
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, "{\"added\": 1, \"id\": \"00ff\"}", "placement", "change",
                                         "GDN-P014", "--to", "2026-12-11", "--hours", "16");
    assert_asked(&service, 0, "POST /v1/records",
                 "{\"kind\": \"placement\", \"there\": true, \"fields\": {\"ref\": \"GDN-P014\", \"ends_on\": "
                 "\"2026-12-11\", \"weekly_minutes\": 960}}");
    cr_expect_str_eq(run.out, "recorded: placement for GDN-P014\n");
    run_free(&run);
    service_stop(&service);
    run = RUN_ONCE(&service, 200, "{\"added\": 1, \"id\": \"00ff\"}", "referral", "add", "R-1", "--person", "P-1",
                   "--route", "mir", "--basis", "mandatory", "--on", "2026-11-20", "--needs", "step-free");
    assert_asked(&service, 0, "POST /v1/records",
                 "{\"kind\": \"referral\", \"there\": false, \"fields\": {\"ref\": \"R-1\", \"received_on\": "
                 "\"2026-11-20\", \"participant\": \"P-1\", \"route\": \"mir\", \"basis\": \"mandatory\", \"needs\": "
                 "\"step-free\"}}");
    run_free(&run);
    service_stop(&service);
}

Test(record, a_flag_without_a_value_says_yes_or_no)
{
    struct service service;
    struct outcome_of_run run =
        RUN_ONCE(&service, 200, "{\"added\": 1, \"id\": \"00ff\"}", "participant", "add", "P-1", "--unrestricted");
    assert_asked(&service, 0, "POST /v1/records",
                 "{\"kind\": \"participant\", \"fields\": {\"ref\": \"P-1\", \"restricted\": false}}");
    run_free(&run);
    service_stop(&service);
}

Test(placement, is_shown_in_words)
{
    static const char body[] =
        "{\"placement\": {\"ref\": \"GDN-P002\", \"participant_name\": \"Ann Example\", \"participant_ref\": "
        "\"P-1\", \"host\": \"Park Friends\", \"role\": null, \"basis\": \"mandatory\", \"calendar\": \"scotland\", "
        "\"starts_on\": \"2026-11-02\", \"ends_on\": \"2027-01-29\", \"weekly_minutes\": 990, \"pattern\": \"Mon "
        "09:30-15:30\", \"note\": null}, \"sequence\": 2, \"opportunity_ref\": \"PATHS\", \"referral_ref\": \"R-1\", "
        "\"referral_status\": \"withdrawn\", \"referral_status_on\": \"2026-12-01\", \"reduced_hours_reason\": "
        "\"school run\", \"job_search_minutes\": 240, \"in_a_row\": [{\"placement\": \"0a\", "
        "\"ref\": \"GDN-P001\", \"starts_on\": \"2026-09-07\", \"ends_on\": \"2026-10-30\"}, {\"placement\": \"0b\", "
        "\"ref\": \"GDN-P002\", \"starts_on\": \"2026-11-02\", \"ends_on\": \"2027-01-29\"}], \"breaks\": "
        "[{\"starts_on\": \"2026-12-21\", \"ends_on\": \"2027-01-01\"}], \"job_search\": [{\"week\": \"2026-11-02\", "
        "\"minutes\": 250}]}";
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, body, "placement", "show", "GDN-P002");
    cr_expect_str_eq(service.asked[0].line, "GET /v1/placements/GDN-P002");
    cr_expect_str_eq(run.out,
                     "GDN-P002, Ann Example (P-1): mandatory\n"
                     "  Where           Park Friends\n"
                     "  Opportunity     PATHS\n"
                     "  Referral        R-1, withdrawn since 2026-12-01\n"
                     "  Runs            2026-11-02 to 2027-01-29, by the calendar of Scotland\n"
                     "  Hours           16 h 30 min a week agreed; fewer than usual: school run\n"
                     "  Pattern         Mon 09:30-15:30\n"
                     "  Job search      4 h a week agreed\n"
                     "  In a row        2026-09-07 to 2026-10-30, GDN-P001\n"
                     "                  2026-11-02 to 2027-01-29, this one\n"
                     "  Breaks          2026-12-21 to 2027-01-01\n"
                     "  Searched        4 h 10 min in the week of 2026-11-02\n"
                     "  Sessions        'holdfast export register', or 'holdfast roll --date DAY' for one day\n");
    run_free(&run);
    service_stop(&service);
}

Test(audit, goes_on_where_a_list_ended)
{
    struct service service;
    struct outcome_of_run run =
        RUN_ONCE(&service, 200,
                 "{\"next\": \"1795176000000.0.17\", \"entries\": [{\"at\": \"2026-11-20T12:00:00.000Z\", \"person\": "
                 "\"gwen\", \"action\": \"change\", \"kind\": \"host\", \"subject\": \"00112233\", \"fields\": "
                 "\"ref\"}], \"more\": true}",
                 "audit", "--limit", "1", "--before", "1795176009999.1.3");
    cr_expect_str_eq(service.asked[0].line, "GET /v1/audit?limit=1&before=1795176009999.1.3");
    cr_expect(has(run.out, "--before 1795176000000.0.17"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

#define SAID(person) "{\"value\": \"" person "\", \"by\": \"S. Site\", \"recorded_at\": \"2026-11-20T12:00:00Z\"}"
#define OVERWRITES(lasts)                                                                                              \
    "{\"overwrites\": [{\"id\": \"0011223344556677\", \"kind\": \"placement\", \"subject\": "                          \
    "\"00112233445566778899aabbccddeeff\", \"field\": \"participant\", \"lasts\": " lasts ", \"old\": " SAID(          \
        "aa") ", \"new\": " SAID("bb") ", \"reviewed_by\": null, \"reviewed_at\": null}], \"more\": false}"

Test(overwrites, of_what_lasts_say_what_was_not_taken_and_what_stands)
{
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, OVERWRITES("true"), "overwrites");
    const char *first = strstr(run.out, "Not taken");
    const char *second = strstr(run.out, "Stands");
    cr_assert(first != NULL && second != NULL, "%s", run.out);
    cr_expect_lt(first, strstr(run.out, "\"aa\""), "%s", run.out);
    cr_expect_lt(second, strstr(run.out, "\"bb\""), "%s", run.out);
    run_free(&run);
    service_stop(&service);
    run = RUN_ONCE(&service, 200, OVERWRITES("false"), "overwrites");
    cr_expect(has(run.out, "Was") && has(run.out, "Now") && !has(run.out, "Stands"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

/* ---- in Welsh, where the locale is ---- */

#define LATE_IN_WELSH                                                                                                  \
    "{\"session\": {\"session\": \"P@2026-11-20\", \"day\": \"2026-11-20\", \"participant_ref\": \"P014\", "           \
    "\"standing\": \"recorded\", \"outcome\": \"late\", \"reason\": \"caring\", \"heads\": 1, \"jcp\": null, "         \
    "\"labels\": {\"outcome\": {\"code\": \"late\", \"label\": \"Late\", \"label_cy\": \"Yn hwyr\"}, \"reason\": "     \
    "{\"code\": \"caring\", \"label\": \"Caring\", \"label_cy\": \"Gofalu\"}}}, \"assertions\": [], \"more\": false}"

Test(welsh, is_asked_for_and_shown_where_the_locale_is_welsh)
{
    struct service service;
    cr_assert_eq(setenv("LC_ALL", "cy_GB.UTF-8", 1), 0);
    struct outcome_of_run run = RUN_ONCE(&service, 200, LATE_IN_WELSH, "session", "P@2026-11-20");
    cr_assert_geq(service.asked_count, 1);
    cr_expect_str_eq(service.asked[0].line, "GET /v1/sessions/P@2026-11-20?labels=1");
    cr_expect_not_null(strstr(run.out, "Yn hwyr (Gofalu)"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

Test(welsh, is_in_a_list_of_records_in_place_of_the_code)
{
    struct service service;
    cr_assert_eq(setenv("LC_ALL", "", 1), 0);
    cr_assert_eq(setenv("LC_MESSAGES", "cy", 1), 0);
    struct outcome_of_run run =
        RUN_ONCE(&service, 200,
                 "{\"records\": [{\"id\": \"00\", \"fields\": {\"starts_on\": \"2026-12-24\", \"reason\": \"health\"}, "
                 "\"labels\": {\"reason\": {\"code\": \"health\", \"label\": \"Health\", \"label_cy\": \"Iechyd\"}}, "
                 "\"refs\": {}, "
                 "\"said_by\": \"tester\"}], \"more\": false}",
                 "break", "list");
    cr_expect_str_eq(service.asked[0].line, "GET /v1/records/placement_break?labels=1");
    cr_expect_not_null(strstr(run.out, "Iechyd"), "%s", run.out);
    cr_expect_null(strstr(run.out, "health"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

/* A script gets the same whoever runs it. */
Test(welsh, is_not_asked_for_where_json_is)
{
    static const char *const asked[][4] = {
        { "GET /v1/sessions/P@2026-11-20", "session", "P@2026-11-20" },
        { "GET /v1/roll", "roll" },
        { "GET /v1/referrals", "referrals" },
        { "GET /v1/records/placement_break", "break", "list" },
        { "GET /v1/records/opportunity/O-1", "opportunity", "show", "O-1" },
    };
    cr_assert_eq(setenv("LC_ALL", "cy_GB.UTF-8", 1), 0);
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        struct service service;
        struct outcome_of_run run = RUN_ONCE(&service, 200, "{}", "--json", asked[i][1], asked[i][2], asked[i][3]);
        cr_assert_geq(service.asked_count, 1, "%s", asked[i][0]);
        cr_expect_str_eq(service.asked[0].line, asked[i][0]);
        run_free(&run);
        service_stop(&service);
    }
}

Test(welsh, is_not_asked_for_in_any_other_locale)
{
    static const char *const others[] = { "en_GB.UTF-8", "C", "cyg" };
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct service service;
        cr_assert_eq(setenv("LC_ALL", others[i], 1), 0);
        struct outcome_of_run run = RUN_ONCE(&service, 200, "{\"records\": [], \"more\": false}", "break", "list");
        cr_expect_str_eq(service.asked[0].line, "GET /v1/records/placement_break", "%s", others[i]);
        run_free(&run);
        service_stop(&service);
    }
}
