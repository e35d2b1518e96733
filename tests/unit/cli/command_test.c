/* How commands end, what they ask, and where they look for the agent. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cli/call.h"
#include "agent/cli/command.h"
#include "service.h"

#define REFUSAL(code) "{\"error\": {\"code\": \"" code "\", \"message\": \"do it: there is a reason\"}}"
#define BUNDLE_DAMAGED "{\"error\": {\"code\": \"damaged\", \"message\": \"read the bundle: part 1 fails its check\"}}"

Test(command, ends_with_the_documented_code_and_says_the_reason)
{
    const struct {
        int status;
        const char *body;
        int code;
        const char *words;
    } cases[] = {
        { 400, REFUSAL("invalid"), EXIT_REFUSED, "do it: there is a reason" },
        { 404, REFUSAL("not_found"), EXIT_REFUSED, "do it: there is a reason" },
        { 409, REFUSAL("refused"), EXIT_REFUSED, "do it: there is a reason" },
        { 409, REFUSAL("not_enrolled"), EXIT_REFUSED, "holdfast enrol --endpoint" },
        { 423, REFUSAL("locked"), EXIT_LOCKED, "holdfast unlock" },
        { 502, REFUSAL("network"), EXIT_REFUSED, "do it: there is a reason" },
        { 507, REFUSAL("disk_full"), EXIT_REFUSED, "make space" },
        { 422, BUNDLE_DAMAGED, EXIT_REFUSED, "nothing here is damaged" },
        { 500, "not json", EXIT_UNREACHABLE, "next: " },
        { 200, "not json", EXIT_UNREACHABLE, "next: " },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct service service;
        struct outcome_of_run run = RUN_ONCE(&service, cases[i].status, cases[i].body, "capacity");
        cr_expect_eq(run.code, cases[i].code, "%s: %d", cases[i].body, run.code);
        cr_expect(has(run.err, cases[i].words), "%s", run.err);
        cr_expect_str_empty(run.out);
        run_free(&run);
        service_stop(&service);
    }
}

Test(command, says_how_long_to_wait_once)
{
    static const char *const reasons[] = { "enrol: too many wrong codes; wait 60 minutes",
                                           "unlock: the agent is just locking; try again in a moment",
                                           "unlock: another try is running" };
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        char body[160];
        struct service service;
        (void)snprintf(body, sizeof(body), "{\"error\": {\"code\": \"busy\", \"message\": \"%s\"}}", reasons[i]);
        struct outcome_of_run run = RUN_ONCE(&service, 409, body, "capacity");
        cr_expect(has(run.err, reasons[i]), "%s", run.err);
        cr_expect_eq(has(run.err, "next: "), i == 2, "%s", run.err);
        run_free(&run);
        service_stop(&service);
    }
}

Test(command, counts_the_time_since_something_from_when_it_was_answered)
{
    struct service service;
    struct cli cli = { .screen = { .now_ms = 0 } };
    json_t *answer = NULL;
    service_start(&service, (const struct canned[]){ { 200, "{}" } }, 1);
    (void)snprintf(cli.socket_path, sizeof(cli.socket_path), "%s", service.socket_path);
    cr_assert_eq(call(&cli, "GET", strdup("/v1/status"), NULL, 10, &answer), EXIT_DONE);
    cr_assert_gt(cli.screen.now_ms, 0);
    json_decref(answer);
    service_stop(&service);
}

Test(command, ends_with_3_and_names_the_socket_when_no_agent_listens)
{
    struct service nobody = { .socket_path = "/tmp/cli-test-no-such-folder/agent.sock" };
    struct outcome_of_run run = RUN(&nobody, "status");
    cr_expect_eq(run.code, EXIT_UNREACHABLE);
    cr_expect(has(run.err, "/tmp/cli-test-no-such-folder/agent.sock"));
    cr_expect(has(run.err, "--socket"));
    run_free(&run);
}

Test(command, prints_a_refusal_as_json_on_request)
{
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 423, REFUSAL("locked"), "flags", "--json");
    json_t *json = json_loads(run.out, 0, NULL);
    cr_assert_not_null(json);
    const json_t *error = json_object_get(json, "error");
    cr_expect_str_eq(json_string_value(json_object_get(error, "code")), "locked");
    cr_expect_eq(run.code, EXIT_LOCKED);
    json_decref(json);
    run_free(&run);
    service_stop(&service);
}

Test(command, prints_the_agents_json_unchanged)
{
    const char *body = "{\"flags\": [{\"id\": \"12ab34cd\", \"facts\": \"tab\\there \\u001b[31m\"}], \"more\": false}";
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, body, "--json", "flags");
    json_t *printed = json_loads(run.out, 0, NULL);
    json_t *sent = json_loads(body, 0, NULL);
    cr_assert(json_equal(printed, sent), "%s", run.out);
    cr_expect_eq(run.code, EXIT_DONE);
    json_decref(printed);
    json_decref(sent);
    run_free(&run);
    service_stop(&service);
}

Test(command, never_passes_an_escape_sequence_of_the_data_on)
{
    const char *evil = "\\u001b]0;owned\\u0007\\u009b31m\\u202e\\r\\nSPOOF";
    const char *lists[] = { "flags", "roll", "referrals", "placements", "log", "session", "status", "verify" };
    char body[4000];
    int len =
        snprintf(body, sizeof(body),
                 "{\"state\": \"%1$s\", \"message\": \"%1$s\", \"site\": {\"name\": \"%1$s\"}, \"date\": \"%1$s\", "
                 "\"digest\": \"%1$s\","
                 " \"flags\": [{\"code\": \"%1$s\", \"facts\": \"%1$s\", \"id\": \"%1$s\", \"severity\": \"%1$s\"}],"
                 " \"sessions\": [{\"session\": \"%1$s\", \"participant_name\": \"%1$s\", \"standing\": \"%1$s\"}],"
                 " \"referrals\": [{\"ref\": \"%1$s\", \"note\": \"%1$s\"}], \"placements\": [{\"ref\": \"%1$s\"}],"
                 " \"session\": {\"session\": \"%1$s\"}, \"assertions\": [{\"actor\": \"%1$s\", \"note\": \"%1$s\"}],"
                 " \"entries\": [{\"actor\": \"%1$s\", \"kind\": \"%1$s\", \"fields\": {\"%1$s\": \"%1$s\"}}]}",
                 evil);
    cr_assert_lt(len, (int)sizeof(body));
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        bool one = strcmp(lists[i], "session") == 0;
        struct service service;
        struct outcome_of_run run = RUN_ONCE(&service, 200, body, lists[i], one ? "X@2026-11-20" : NULL);
        cr_assert_eq(run.code, EXIT_DONE, "%s: %s", lists[i], run.err);
        cr_expect(has(run.out, "\\x1b]0;owned\\x07"), "%s: %s", lists[i], run.out);
        cr_expect(!has(run.out, "\033") && !has(run.out, "\xc2\x9b") && !has(run.out, "\xe2\x80\xae"), "%s", lists[i]);
        cr_expect(!has(run.out, "\nSPOOF") && !has(run.out, "\r"), "%s", lists[i]);
        run_free(&run);
        service_stop(&service);
    }
}

Test(command, survives_answers_without_the_expected_members)
{
    const char *bodies[] = {
        "{}", "[]", "{\"session\": 5, \"flags\": 7, \"statement\": [], \"entries\": [null, 3]}",
        "{\"sessions\": [[], 1, {\"day\": 3}], \"flag\": \"x\", \"records\": \"y\", \"possible\": true}"
    };
    const char *const commands[][4] = {
        { "status" },
        { "roll" },
        { "session", "X@2026-11-20" },
        { "flags" },
        { "flag", "1a" },
        { "referrals" },
        { "placements" },
        { "capacity" },
        { "log" },
        { "verify" },
        { "rebuild" },
        { "capacity", "forecast" },
        { "capacity", "weeks" },
        { "capacity", "waiting" },
        { "lock" },
        { "version" },
        { "referral", "accept", "R" },
        { "referral", "show", "R" },
        { "roll", "--all-attended" },
        { "notice", "list" },
        { "hosts" },
        { "host", "show", "R" },
        { "contact", "list" },
        { "break", "list", "P" },
        { "attend", "X@2026-11-20", "late" },
    };
    for (size_t c = 0; c < ARRAY_LEN(commands); c++) {
        for (size_t b = 0; b < ARRAY_LEN(bodies); b++) {
            struct service service;
            struct outcome_of_run run = run_once(&service, 200, bodies[b], commands[c]);
            cr_expect_eq(run.code, EXIT_DONE, "%s on %s: %s", commands[c][0], bodies[b], run.err);
            run_free(&run);
            service_stop(&service);
        }
    }
}

#define MISUSE(name, ...)                                                                                              \
    Test(usage, name, .exit_code = EXIT_USAGE)                                                                         \
    {                                                                                                                  \
        struct service nobody = { .socket_path = "/tmp/cli-test-no-such-folder/agent.sock" };                          \
        struct outcome_of_run run = RUN(&nobody, __VA_ARGS__);                                                         \
        exit(run.code);                                                                                                \
    }

MISUSE(no_such_command, "atend")
MISUSE(attend_without_an_outcome, "attend", "GDN-P014@2026-11-20")
MISUSE(attend_with_an_unknown_outcome, "attend", "GDN-P014@2026-11-20", "ill")
MISUSE(attend_with_too_many_minutes, "attend", "GDN-P014@2026-11-20", "late", "--minutes", "1441")
MISUSE(attend_with_a_note_that_is_not_text, "attend", "GDN-P014@2026-11-20", "late", "--note", "\xff")
MISUSE(roll_of_a_day_that_does_not_exist, "roll", "--date", "2026-02-30")
MISUSE(opportunity_without_accept, "referral", "decline", "R-1", "--opportunity", "O-1")
MISUSE(policy_without_decline, "referral", "accept", "R-1", "--policy")
MISUSE(a_contact_without_its_outcome, "contact", "add", "P-1", "--means", "phone", "--day", "2026-11-20")
MISUSE(hours_that_are_none, "jobsearch", "add", "P-1", "--week", "2026-11-16", "--hours", "3:70")
MISUSE(options_with_a_list, "host", "list", "--quota", "3")
MISUSE(except_without_all_attended, "roll", "--except", "P-1")
MISUSE(capacity_set_without_places, "capacity", "set")
MISUSE(capacity_of_no_weeks, "capacity", "weeks", "--weeks", "0")
MISUSE(capacity_of_too_many_weeks, "capacity", "weeks", "--weeks", "53")
MISUSE(capacity_forecast_of_weeks, "capacity", "forecast", "--weeks", "4")
MISUSE(capacity_waiting_with_places, "capacity", "waiting", "--places", "4")
MISUSE(import_without_a_kind, "import", "file.csv")
MISUSE(import_of_claims_which_have_a_command_of_their_own, "import", "--kind", "claim", "file.csv")
MISUSE(rejects_without_partial, "import", "--kind", "register", "--rejects", "x.csv", "file.csv")
MISUSE(message_to_send_without_words, "message", "send")
MISUSE(message_to_show_without_an_id, "message", "show")
MISUSE(message_list_about_something, "message", "list", "--about", "capacity")
MISUSE(message_to_forward, "message", "forward")
MISUSE(report_of_nothing, "report")
MISUSE(report_of_a_month, "report", "month")
MISUSE(calendar_without_a_file, "calendar")
MISUSE(calendar_of_site_and_placement, "calendar", "--site", "--placement", "P1", "-o", "x.ics")
MISUSE(export_of_nothing, "export")
MISUSE(export_in_no_format, "export", "register", "--format", "ods")
MISUSE(export_of_a_workbook_to_the_screen, "export", "register", "--format", "xlsx")
MISUSE(enrol_without_tls, "enrol", "--endpoint", "http://centre", "--code", "c")
MISUSE(unlock_with_the_passphrase_as_a_word, "unlock", "secret")
MISUSE(a_word_too_many, "status", "please")

Test(command, lists_itself_and_explains_each_command)
{
    struct service nobody = { .socket_path = "/tmp/cli-test-no-such-folder/agent.sock" };
    struct outcome_of_run run = RUN(&nobody, "help", "--json");
    json_t *json = json_loads(run.out, 0, NULL);
    const json_t *list = json_object_get(json, "commands");
    size_t count = 0;
    while (command_at(count) != NULL) {
        const struct command *command = command_at(count);
        cr_expect_eq(command_find(command->name), command);
        cr_expect_str_eq(json_string_value(json_object_get(json_array_get(list, count), "name")), command->name);
        cr_expect_not_null(command->argp->doc, "%s", command->name);
        count++;
    }
    cr_expect_eq(json_array_size(list), count);
    cr_expect_null(command_find("statu"));
    json_decref(json);
    run_free(&run);
}

Test(command, version_tells_whether_the_agent_can_be_reached)
{
    struct service nobody = { .socket_path = "/tmp/cli-test-no-such-folder/agent.sock" };
    struct outcome_of_run run = RUN(&nobody, "version", "--json");
    cr_expect_eq(run.code, EXIT_UNREACHABLE);
    cr_expect(has(run.out, "\"version\": \"" HOLDFAST_VERSION "\"") && has(run.out, "\"agent\": null"), "%s", run.out);
    run_free(&run);
    run = RUN(&nobody, "--version");
    cr_expect_eq(run.code, EXIT_DONE);
    cr_expect_str_eq(run.out, "holdfast " HOLDFAST_VERSION "\n");
    run_free(&run);
}

Test(socket, is_the_one_of_the_state_folder)
{
    char path[SOCKET_PATH_SIZE];
    cr_assert(socket_default("/srv/garden", path));
    cr_expect_str_eq(path, "/srv/garden/holdfast.sock");
    setenv("STATE_DIRECTORY", "/var/lib/other:/var/lib/second", 1);
    cr_assert(socket_default(NULL, path));
    cr_expect_str_eq(path, "/var/lib/other/holdfast.sock");
    char longest[SOCKET_PATH_SIZE];
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    cr_expect_not(socket_default(longest, path));
}

Test(socket, is_the_one_of_the_environment_unless_an_option_names_another)
{
    setenv("HOLDFAST_SOCKET", "/tmp/cli-test-of-environment", 1);
    char *argv[] = { strdup("holdfast"), strdup("flags"), NULL };
    char *out_text = NULL;
    char *err_text = NULL;
    size_t size;
    FILE *out = open_memstream(&out_text, &size);
    FILE *err = open_memstream(&err_text, &size);
    cr_expect_eq(cli_main(2, argv, out, err), EXIT_UNREACHABLE);
    fclose(out);
    fclose(err);
    cr_expect(has(err_text, "/tmp/cli-test-of-environment"));
    free(argv[0]);
    free(argv[1]);
    free(out_text);
    free(err_text);

    struct service nobody = { .socket_path = "/tmp/cli-test-of-option" };
    struct outcome_of_run run = RUN(&nobody, "flags");
    cr_expect(has(run.err, "/tmp/cli-test-of-option") && !has(run.err, "of-environment"));
    run_free(&run);
}

/* ---- until the replica is there ---- */

#define OPENING "{\"error\": {\"code\": \"busy\", \"message\": \"use the replica: it is just being opened\"}}"
#define MAKING                                                                                                         \
    "{\"error\": {\"code\": \"busy\", \"message\": \"use the replica: its tables are just being made again\"}}"
#define MADE_SO_FAR "{\"state\": \"preparing\", \"preparing\": {\"records_done\": 1, \"records_total\": 9}}"

Test(command, waits_while_the_replica_is_being_opened_and_asks_again)
{
    static const struct canned answers[] = {
        { 503, OPENING },
        { 200, "{\"state\": \"preparing\", \"preparing\": null}" },
        { 200, "{\"state\": \"preparing\", \"preparing\": null}" },
        { 200, "{\"state\": \"open\"}" },
        { 200, "{\"months\": 72, \"due\": []}" },
    };
    struct service service;
    service_start(&service, answers, 5);
    struct outcome_of_run run = RUN(&service, "retention");
    cr_expect_eq(run.code, EXIT_DONE, "%s", run.err);
    cr_expect(has(run.out, "Nobody's records are due"));
    cr_assert_eq(service.asked_count, 5);
    cr_expect_str_eq(service.asked[0].line, "GET /v1/retention");
    cr_expect_str_eq(service.asked[4].line, "GET /v1/retention");
    run_free(&run);
    service_stop(&service);
}

/* The agent opens by itself what a restore put in place. */
Test(command, waits_while_another_unlocks_the_replica)
{
    static const struct canned answers[] = {
        { 409, "{\"error\": {\"code\": \"busy\", \"message\": \"unlock: the agent is just unlocking or locking; try "
               "again in "
               "a moment\"}}" },
        { 200, "{\"state\": \"locked\", \"unlocking\": true}" },
        { 200, "{\"state\": \"offline\", \"unlocking\": false}" },
        { 200, "{\"months\": 72, \"due\": []}" },
    };
    struct service service;
    service_start(&service, answers, 4);
    struct outcome_of_run run = RUN(&service, "retention");
    cr_expect_eq(run.code, EXIT_DONE, "%s", run.err);
    cr_expect_str_empty(run.err);
    cr_expect_eq(service.asked_count, 4);
    run_free(&run);
    service_stop(&service);
}

Test(command, asks_again_when_the_replica_was_open_before_it_looked)
{
    static const struct canned answers[] = {
        { 503, OPENING },
        { 200, "{\"state\": \"open\"}" },
        { 200, "{\"months\": 72, \"due\": []}" },
    };
    struct service service;
    service_start(&service, answers, 3);
    struct outcome_of_run run = RUN(&service, "retention");
    cr_expect_eq(run.code, EXIT_DONE, "%s", run.err);
    cr_expect_eq(service.asked_count, 3);
    run_free(&run);
    service_stop(&service);
}

Test(command, waits_while_the_tables_are_made_again_and_asks_again)
{
    static const struct canned answers[] = {
        { 503, MAKING },
        { 200, MADE_SO_FAR },
        { 200, "{\"state\": \"preparing\", \"preparing\": null}" },
        { 200, "{\"state\": \"offline\"}" },
        { 200, "{\"months\": 72, \"due\": []}" },
    };
    struct service service;
    service_start(&service, answers, 5);
    struct outcome_of_run run = RUN(&service, "retention");
    cr_expect_eq(run.code, EXIT_DONE, "%s", run.err);
    cr_expect(has(run.out, "Nobody's records are due"));
    cr_assert_eq(service.asked_count, 5);
    cr_expect_str_eq(service.asked[4].line, "GET /v1/retention");
    run_free(&run);
    service_stop(&service);
}

Test(command, says_on_a_terminal_what_it_waits_for)
{
    static const struct canned answers[] = {
        { 503, OPENING },
        { 200, "{\"state\": \"preparing\", \"preparing\": null}" },
        { 200, MADE_SO_FAR },
        { 200, "{\"state\": \"offline\"}" },
        { 200, "{\"months\": 72, \"due\": []}" },
    };
    struct service service;
    char shown[1024] = "";
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    cr_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    FILE *notes = fdopen(open(ptsname(master), O_RDWR | O_NOCTTY), "w");
    FILE *out = fopen("/dev/null", "w");
    cr_assert(notes != NULL && out != NULL);
    service_start(&service, answers, 5);
    char *argv[] = { "holdfast", "retention", "--socket", service.socket_path, NULL };
    cr_expect_eq(cli_main(4, argv, out, notes), EXIT_DONE);
    cr_expect_gt(read(master, shown, sizeof(shown) - 1), 0);
    cr_expect(has(shown, "the replica is just being opened ..."), "%s", shown);
    cr_expect(has(shown, "the tables are being made again: 1 of 9 records ..."), "%s", shown);
    (void)fclose(notes);
    (void)fclose(out);
    (void)close(master);
    service_stop(&service);
}

Test(command, asks_again_when_the_tables_were_made_before_it_looked)
{
    static const struct canned answers[] = {
        { 503, MAKING },
        { 200, "{\"state\": \"offline\"}" },
        { 200, "{\"months\": 72, \"due\": []}" },
    };
    struct service service;
    service_start(&service, answers, 3);
    struct outcome_of_run run = RUN(&service, "retention");
    cr_expect_eq(run.code, EXIT_DONE, "%s", run.err);
    cr_expect_eq(service.asked_count, 3);
    run_free(&run);
    service_stop(&service);
}

Test(command, status_says_how_far_a_verify_is)
{
    struct service service;
    struct outcome_of_run run =
        RUN_ONCE(&service, 200, "{\"state\": \"offline\", \"verify\": {\"done\": 4, \"total\": 9}}", "status");
    cr_expect_eq(run.code, EXIT_DONE, "%s", run.err);
    cr_expect(has(run.out, "under way, 44%"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

Test(command, does_not_wait_for_what_else_is_busy)
{
    static const struct canned answers[] = {
        { 503, "{\"error\": {\"code\": \"busy\", \"message\": \"begin a backup: another one is running\"}}" },
        { 200, "{\"state\": \"offline\"}" },
    };
    struct service service;
    service_start(&service, answers, 2);
    struct outcome_of_run run = RUN(&service, "retention");
    cr_expect_eq(run.code, EXIT_REFUSED);
    cr_expect(has(run.err, "another one is running"));
    cr_expect_eq(service.asked_count, 2);
    run_free(&run);
    service_stop(&service);
}

Test(command, waits_with_what_is_written_in_parts_or_bytes_too)
{
    static const struct canned answers[] = {
        { 503, OPENING },
        { 200, "{\"state\": \"preparing\", \"preparing\": null}" },
        { 200, "{\"state\": \"open\"}" },
        { 200, "ref,name\n" },
    };
    char folder[] = "/tmp/holdfast-cli-XXXXXX";
    char file[sizeof(folder) + 8];
    struct service service;
    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(file, sizeof(file), "%s/a.ics", folder);
    service_start(&service, answers, 4);
    struct outcome_of_run run = RUN(&service, "export", "placements");
    cr_expect_eq(run.code, EXIT_DONE, "%s", run.err);
    cr_expect_str_eq(run.out, "ref,name\n");
    cr_expect_eq(service.asked_count, 4);
    run_free(&run);
    service_stop(&service);
    service_start(&service, answers, 4);
    run = RUN(&service, "calendar", "-o", file);
    cr_expect_eq(run.code, EXIT_DONE, "%s", run.err);
    cr_expect_eq(service.asked_count, 4);
    run_free(&run);
    service_stop(&service);
    cr_expect_eq(unlink(file), 0);
    cr_expect_eq(rmdir(folder), 0);
}

/* ---- how much is due ---- */

#define DUE_AND_MORE                                                                                                   \
    "{\"months\": 72, \"by\": \"Ann Invented\", \"due\": [{\"ref\": \"GDN-001\", \"newest_day\": \"2019-06-28\", "     \
    "\"records\": 2, \"counts\": {}, \"holds\": []}], \"more\": true}"

Test(command, retention_says_that_more_are_due_than_it_lists)
{
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, DUE_AND_MORE, "retention");
    cr_expect(has(run.out, "There are more"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
    run = RUN_ONCE(&service, 200, DUE_AND_MORE, "retention", "run", "--reason", "yearly", "--yes");
    cr_expect(has(run.err, "More than 1 person's records are due"), "%s", run.err);
    run_free(&run);
    service_stop(&service);
}

/* ---- who decides ---- */

Test(command, erase_asks_for_by_where_nobody_is_signed_in_before_anything_is_confirmed)
{
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, "{\"what\": \"GDN-001\", \"by\": null, \"records\": 2}",
                                         "erase", "GDN-001", "--ground", "right", "--reason", "R-7", "--yes");
    cr_expect_eq(run.code, EXIT_REFUSED);
    cr_expect(has(run.err, "--by NAME"), "%s", run.err);
    cr_expect_eq(service.asked_count, 1, "nothing was erased");
    run_free(&run);
    service_stop(&service);
}

Test(command, erase_leaves_who_decides_to_the_agent_where_somebody_is_signed_in)
{
    static const struct canned answers[] = {
        { 200, "{\"what\": \"GDN-001\", \"kind\": \"participant\", \"by\": \"Ann Invented\", \"records\": 2}" },
    };
    struct service service;
    service_start(&service, answers, 1);
    struct outcome_of_run run = RUN(&service, "erase", "GDN-001", "--ground", "right", "--reason", "R-7", "--yes");
    cr_expect_eq(run.code, EXIT_DONE, "%s", run.err);
    cr_assert_eq(service.asked_count, 2);
    cr_expect_not(has(service.asked[1].body, "\"by\""), "%s", service.asked[1].body);
    run_free(&run);
    service_stop(&service);
}

Test(pack, list_says_that_there_are_more)
{
    struct service service;
    struct outcome_of_run run =
        RUN_ONCE(&service, 200,
                 "{\"packs\": [{\"name\": \"rules\", \"version\": 2, \"source\": \"centre\", \"in_force\": true, "
                 "\"in_force_from\": \"2026-06-01\", \"sha256\": \"00\"}], \"refused\": [], \"more\": true}",
                 "pack", "list");
    cr_expect_eq(run.code, 0, "%s", run.err);
    cr_expect(has(run.out, "There are more"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

Test(retention, says_of_a_placement_without_a_record_that_whose_it_is_is_not_known)
{
    struct service service;
    struct outcome_of_run run = RUN_ONCE(
        &service, 200,
        "{\"months\": 72, \"due_before\": \"2020-11-23\", \"by\": null, \"due\": [{\"kind\": \"placement\", \"id\": "
        "\"00112233445566778899aabbccddeeff\", \"ref\": null, \"newest_day\": \"2019-06-20\", \"records\": 2, "
        "\"counts\": "
        "{\"attendance\": 2}, \"of_centre\": 0, \"holds\": []}], \"more\": false}",
        "retention");
    cr_expect_eq(run.code, 0, "%s", run.err);
    cr_expect(has(run.out, "not known: placement 00112233445566778899aabbccddeeff"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}
