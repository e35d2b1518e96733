/* review, doubts, doubt, challenge: what is asked of the agent, and what is never sent unasked. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/command.h"
#include "service.h"

static void assert_asked(const struct service *service, size_t index, const char *line, const char *body)
{
    cr_assert_gt(service->asked_count, index);
    cr_expect_str_eq(service->asked[index].line, line);
    json_t *expected = body != NULL ? json_loads(body, 0, NULL) : NULL;
    json_t *sent = body != NULL ? json_loads(service->asked[index].body, 0, NULL) : NULL;
    cr_expect(body == NULL || json_equal(expected, sent), "%s", service->asked[index].body);
    json_decref(expected);
    json_decref(sent);
}

#define PREVIEW(ready, missing)                                                                                        \
    "{\"session\": {\"session\": \"P@2026-11-18\", \"participant_name\": \"Ann Example\", \"participant_ref\": "       \
    "\"P014\", \"standing\": \"recorded\", \"outcome\": \"absent\"}, \"ready\": " ready ", \"missing\": [" missing     \
    "], \"second_look\": [\"one attempt alone\"], \"exposure\": {\"weeks\": 13, \"rule\": \"a rule\", \"rests_on\": "  \
    "{\"id\": \"00112233445566778899aabbccddeeff\", \"failure_on\": \"2026-10-01\", \"decided_on\": \"2026-10-10\", "  \
    "\"days_before\": 48}}, \"notice\": null, \"contacts\": [], \"reviews\": []}"

Test(review, sends_the_answers_in_their_order_and_says_that_nothing_is_sent_to_jcp)
{
    struct service service;
    struct outcome_of_run run =
        RUN_ONCE(&service, 200, "{\"id\": \"00\", \"outcome\": \"doubt\", \"about\": \"P@2026-11-18\"}", "review",
                 "0123abcd", "--outcome", "doubt", "--answer", "no", "--answer", "yes – asked");
    assert_asked(&service, 0, "POST /v1/reviews",
                 "{\"flag\": \"0123abcd\", \"outcome\": \"doubt\", \"answers\": [\"no\", \"yes – asked\"]}");
    cr_expect(has(run.out, "Nothing is sent yet"), "%s", run.out);
    cr_expect_eq(run.code, EXIT_DONE);
    run_free(&run);
    service_stop(&service);
}

#define FLAG(id, open, look_again, reviewed)                                                                           \
    "{\"id\": \"" id "\", \"code\": \"register_gap\", \"severity\": \"watch\", \"subject\": \"placement\", "           \
    "\"subject_ref\": \"P-1\", \"since\": \"2026-11-02\", \"facts\": \"a gap\", \"cleared_at\": null, \"open\": " open \
    ", \"look_again\": " look_again ", \"reviewed\": " reviewed "}"
#define REVIEWED(outcome, day)                                                                                         \
    "{\"outcome\": \"" outcome "\", \"by\": \"ann\", \"at\": \"2026-11-20T10:00:00.000Z\", \"look_again_on\": " day "}"

Test(flags, what_was_reviewed_comes_after_what_nobody_looked_at_with_who_found_what)
{
    struct service service;
    struct outcome_of_run run = RUN_ONCE(
        &service, 200,
        "{\"flags\": [" FLAG("0000000a", "false", "false", REVIEWED("host_matter", "null")) ", " FLAG(
            "0000000b", "true", "true", REVIEWED("support", "\"2026-11-21\"")) ", " FLAG("0000000c", "true", "false",
                                                                                         "null") "], \"more\": false}",
        "flags");
    const char *title = strstr(run.out, "Reviewed, and not to be looked at again yet:");
    cr_assert_not_null(title, "%s", run.out);
    cr_expect(has(title, "0000000a") && has(title, "reviewed: host_matter, by ann, "), "%s", run.out);
    cr_expect(!has(title, "0000000b") && !has(title, "0000000c"), "%s", run.out);
    cr_expect(has(run.out, "look again on Sat 21 Nov 2026, "), "%s", run.out);
    cr_expect(has(run.out, "the day has come"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

Test(review, shows_the_reviews_of_a_flag_of_whatever_it_is)
{
    const struct canned canned[] = {
        { 200, "{\"flag\": " FLAG("0000000a", "false", "false", REVIEWED("host_matter", "null")) "}" },
        { 200,
          "{\"reviews\": [{\"fields\": {\"outcome\": \"host_matter\", \"look_again_on\": \"2026-11-24\", \"note\": "
          "\"the host keeps the book\"}, \"said_by\": \"ann\", \"said_at\": \"2026-11-20T10:00:00.000Z\"}]}" },
    };
    struct service service;
    service_start(&service, canned, ARRAY_LEN(canned));
    struct outcome_of_run run = RUN(&service, "review", "0000000a");
    assert_asked(&service, 1, "GET /v1/reviews?flag=0000000a", NULL);
    cr_expect(has(run.out, "host_matter, by ann, "), "%s", run.out);
    cr_expect(has(run.out, "look again on Tue 24 Nov 2026"), "%s", run.out);
    cr_expect(has(run.out, "the host keeps the book"), "%s", run.out);
    cr_expect_eq(run.code, EXIT_DONE);
    run_free(&run);
    service_stop(&service);
}

Test(doubt, a_preview_shows_the_exposure_and_each_guard_rail_that_lacks)
{
    struct service service;
    struct outcome_of_run run = RUN_ONCE(
        &service, 200, PREVIEW("false", "{\"code\": \"disputed\", \"rail\": 2, \"text\": \"they contradict\"}"),
        "doubt", "preview", "P@2026-11-18");
    assert_asked(&service, 0, "GET /v1/doubts/preview?session=P@2026-11-18", NULL);
    cr_expect(has(run.out, "13 weeks"), "%s", run.out);
    cr_expect(has(run.out, "00112233"), "%s", run.out);
    cr_expect(has(run.out, "- they contradict"), "%s", run.out);
    cr_expect_eq(run.code, EXIT_DONE);
    run_free(&run);
    service_stop(&service);
}

Test(doubt, a_preview_shows_when_each_proof_was_recorded_and_by_whom)
{
    static const char preview[] =
        "{\"session\": {\"session\": \"P@2026-11-18\", \"participant_ref\": \"P014\", \"standing\": \"recorded\"}, "
        "\"ready\": true, \"missing\": [], \"second_look\": [], \"exposure\": {\"weeks\": 4, \"rule\": \"a rule\", "
        "\"rests_on\": null}, \"notice\": {\"served_on\": \"2026-11-02\", \"received_on\": \"2026-11-04\", "
        "\"recorded_by\": \"N. Notice\", \"recorded_at\": \"2026-11-20T12:00:00Z\"}, \"contacts\": [{\"fields\": "
        "{\"day\": "
        "\"2026-11-19\", \"means\": \"phone\", \"outcome\": \"wrong_number\"}, \"recorded_by\": \"C. Caller\", "
        "\"recorded_at\": \"2026-11-21T12:00:00Z\"}], \"reviews\": [{\"fields\": {\"outcome\": \"doubt\"}, "
        "\"said_by\": "
        "\"R. Reviewer\", \"said_at\": \"2026-11-22T12:00:00Z\"}]}";
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, preview, "doubt", "preview", "P@2026-11-18");
    cr_expect(has(run.out, "served 2026-11-02, received 2026-11-04; recorded 2026-11-20"), "%s", run.out);
    cr_expect(has(run.out, "by N. Notice"), "%s", run.out);
    cr_expect(has(run.out, "2026-11-19, phone: wrong_number; recorded 2026-11-21"), "%s", run.out);
    cr_expect(has(run.out, "by C. Caller"), "%s", run.out);
    cr_expect(has(run.out, "doubt; recorded 2026-11-22"), "%s", run.out);
    cr_expect(has(run.out, "by R. Reviewer"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

Test(doubt, raising_without_confirmation_shows_the_preview_and_sends_nothing)
{
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, PREVIEW("true", ""), "doubt", "raise", "P@2026-11-18",
                                         "--reviewer", "R. Reviewer", "--evidence", "/nowhere/pack");
    cr_expect_eq(service.asked_count, 1);
    cr_expect_eq(run.code, EXIT_REFUSED);
    cr_expect(has(run.out, "Nothing lacks"), "%s", run.out);
    cr_expect(has(run.err, "--confirm"), "%s", run.err);
    run_free(&run);
    service_stop(&service);
}

Test(doubt, one_that_lacks_something_is_not_raised_even_when_confirmed)
{
    struct service service;
    struct outcome_of_run run = RUN_ONCE(
        &service, 200, PREVIEW("false", "{\"code\": \"no_contact\", \"rail\": 1, \"text\": \"nobody was asked\"}"),
        "doubt", "raise", "P@2026-11-18", "--reviewer", "R. Reviewer", "--evidence", "/nowhere/pack", "--confirm");
    cr_expect_eq(service.asked_count, 1);
    cr_expect_eq(run.code, EXIT_REFUSED);
    cr_expect(has(run.out, "nobody was asked"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

#define DOUBT                                                                                                          \
    "{\"id\": \"aabbccdd445566778899aabbccddeeff\", \"session\": \"P@2026-11-18\", \"participant_ref\": \"P014\", "    \
    "\"status\": \"suspended\", \"wants\": [{\"code\": \"excused\", \"rail\": 2, \"text\": \"the session is "          \
    "excused\"}], \"reviewer\": \"R. Reviewer\", \"raised_by\": \"ann\", \"exposure_weeks\": 4, \"evidence\": "        \
    "\"00\", "                                                                                                         \
    "\"decision\": null, \"received_on\": null, \"status_on\": null}"

Test(doubt, lists_and_shows_why_one_counts_for_nothing)
{
    struct service service;
    struct outcome_of_run run =
        RUN_ONCE(&service, 200, "{\"doubts\": [" DOUBT "], \"more\": false}", "doubts", "--all");
    assert_asked(&service, 0, "GET /v1/doubts?all=1", NULL);
    cr_expect(has(run.out, "aabbccdd"), "%s", run.out);
    cr_expect(has(run.out, "the session is excused"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
    run = RUN_ONCE(&service, 200, "{\"doubt\": " DOUBT "}", "doubt", "withdraw", "aabbccdd", "--reason", "excused");
    assert_asked(&service, 0, "POST /v1/doubts/aabbccdd/withdraw", "{\"reason\": \"excused\"}");
    cr_expect(has(run.out, "counts for nothing"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

Test(doubt, the_list_says_which_decision_can_be_challenged_until_soon)
{
    struct service service;
    static const struct canned answers[] = {
        { 200, "{\"doubts\": [], \"more\": false}" },
        { 200,
          "{\"others\": [], \"challenges\": [{\"decision\": {\"decided_on\": \"2026-10-31\"}, \"participant_ref\": "
          "\"P014\", \"next\": \"mandatory_reconsideration\", \"by\": \"2026-11-30\", \"near\": true, \"late\": "
          "false}, {\"decision\": {\"decided_on\": \"2026-11-20\"}, \"participant_ref\": \"P015\", \"next\": "
          "\"mandatory_reconsideration\", \"by\": \"2026-12-20\", \"near\": false, \"late\": false}]}" },
    };
    service_start(&service, answers, ARRAY_LEN(answers));
    struct outcome_of_run run = RUN(&service, "doubts");
    cr_expect(has(run.out, "P014"), "%s", run.out);
    cr_expect(has(run.out, "possible until 2026-11-30"), "%s", run.out);
    cr_expect_not(has(run.out, "P015"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

Test(challenge, says_of_redress_whom_and_what_it_is_about_in_words)
{
    struct service service;
    struct outcome_of_run run = RUN_ONCE(
        &service, 200,
        "{\"challenges\": [], \"others\": [{\"id\": \"00112233445566778899aabbccddeeff\", \"participant_ref\": "
        "\"P014\", "
        "\"referral_ref\": \"R-1\", \"fields\": {\"form\": \"route\", \"helped_by\": \"Advice Garden\"}}, {\"id\": "
        "\"aabbccddeeff00112233445566778899\", \"participant_ref\": \"P015\", \"referral_ref\": null, \"fields\": "
        "{\"form\": \"complaint\", \"made_on\": \"2026-11-10\", \"outcome\": \"changed\", \"outcome_on\": "
        "\"2026-11-20\"}}], \"more\": false}",
        "challenge");
    cr_expect(has(run.out, "00112233  P014  the route is wrong of R-1, still to be made, helped by Advice Garden: no "
                           "answer yet\n"),
              "%s", run.out);
    cr_expect(has(run.out, "aabbccdd  P015  complaint, made on 2026-11-10: changed on 2026-11-20\n"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

Test(challenge, shows_the_last_day_and_records_what_was_done)
{
    struct service service;
    struct outcome_of_run run = RUN_ONCE(
        &service, 200,
        "{\"others\": [], \"challenges\": [{\"decision\": {\"id\": \"00112233445566778899aabbccddeeff\", \"outcome\": "
        "\"adverse\", \"decided_on\": \"2026-10-31\", \"failure_on\": \"2026-10-20\"}, \"participant_ref\": \"P014\", "
        "\"next\": \"mandatory_reconsideration\", \"by\": \"2026-11-30\", \"days_left\": 8, \"near\": true, \"late\": "
        "false, \"redress\": []}], \"more\": false}",
        "challenge");
    cr_expect(has(run.out, "mandatory_reconsideration until Mon 30 Nov 2026"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
    run = RUN_ONCE(&service, 200, "{\"id\": \"00\", \"challenge\": null}", "challenge", "add", "00112233", "--form",
                   "appeal", "--made", "2026-11-20");
    assert_asked(&service, 0, "POST /v1/challenges",
                 "{\"form\": \"appeal\", \"decision\": \"00112233\", \"made_on\": \"2026-11-20\"}");
    run_free(&run);
    service_stop(&service);
    run = RUN_ONCE(&service, 200, "{\"id\": \"00\", \"challenge\": null}", "challenge", "add", "P014", "--form",
                   "complaint");
    assert_asked(&service, 0, "POST /v1/challenges", "{\"form\": \"complaint\", \"participant\": \"P014\"}");
    run_free(&run);
    service_stop(&service);
}
