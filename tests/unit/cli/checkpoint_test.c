/* The centre's word on a terminal: notes stay notes, and what contradicts is not overlooked. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/command.h"
#include "service.h"

#define NOTE_JSON "holdfast.invalid/stream/00\\n3\\nAAAA\\n\\n\\u2014 holdfast.invalid/stream/00 BBBB\\n"
#define NOTE "holdfast.invalid/stream/00\n3\nAAAA\n\n\xe2\x80\x94 holdfast.invalid/stream/00 BBBB\n"
#define CHECKPOINT                                                                                                     \
    "{\"size\": 3, \"root\": \"00ff\", \"verified_at\": \"2026-11-20T09:00:00.000Z\", \"note\": \"" NOTE_JSON          \
    "\", \"verifier_key\": \"holdfast.invalid/stream/00+1234+AQ==\"}"

static char *note_file(const struct service *service, const char *text)
{
    static char path[128];
    (void)snprintf(path, sizeof(path), "%s/note", service->folder);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    (void)fputs(text, file);
    (void)fclose(file);
    return path;
}

Test(checkpoint, prints_the_note_as_it_stands_and_what_checks_it)
{
    struct service service;
    struct outcome_of_run run =
        RUN_ONCE(&service, 200, "{\"checkpoint\": " CHECKPOINT ", \"violations\": 0}", "checkpoint");
    cr_expect_eq(run.code, EXIT_DONE);
    cr_expect_str_eq(service.asked[0].line, "GET /v1/checkpoint");
    cr_expect(has(run.out, NOTE), "%s", run.out);
    cr_expect(has(run.out, "holdfast.invalid/stream/00+1234+AQ==") && has(run.out, "00ff"), "%s", run.out);
    cr_expect(!has(run.out, "Contradicted"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

Test(checkpoint, says_what_to_do_when_there_is_none)
{
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, "{\"checkpoint\": null, \"violations\": 0}", "checkpoint");
    cr_expect_eq(run.code, EXIT_DONE);
    cr_expect(has(run.out, "holdfast sync"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

Test(checkpoint, note_is_written_to_a_file_alone)
{
    const struct canned canned = { 200, "{\"checkpoint\": " CHECKPOINT ", \"violations\": 0}" };
    struct service service;
    char path[128];
    char written[256] = "";
    service_start(&service, &canned, 1);
    (void)snprintf(path, sizeof(path), "%s/out", service.folder);
    struct outcome_of_run run = RUN(&service, "checkpoint", "-o", path);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", run.err);
    cr_expect_eq(fread(written, 1, sizeof(written) - 1, file), strlen(NOTE));
    (void)fclose(file);
    cr_expect_str_eq(written, NOTE);
    cr_expect_eq(run.code, EXIT_DONE);
    (void)unlink(path);
    run_free(&run);
    service_stop(&service);
}

Test(checkpoint, comparison_ends_with_0_when_consistent_and_with_1_when_not)
{
    static const struct {
        const char *body;
        int code;
        const char *words;
    } cases[] = {
        { "{\"consistent\": true, \"told\": {\"size\": 2}, \"held\": {\"size\": 3}}", EXIT_DONE,
          "consistent: the first 2 of the 3 records" },
        { "{\"consistent\": false, \"told\": {\"size\": 2}, \"held\": {\"size\": 3}}", EXIT_REFUSED, "two histories" },
        { "{}", EXIT_REFUSED, "two histories" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct canned canned = { 200, cases[i].body };
        struct service service;
        service_start(&service, &canned, 1);
        char *path = note_file(&service, NOTE);
        struct outcome_of_run run = RUN(&service, "checkpoint", "--compare", path);
        cr_expect_eq(run.code, cases[i].code, "%s", run.err);
        cr_expect(has(run.out, cases[i].words), "%s", run.out);
        cr_expect_str_eq(service.asked[0].line, "POST /v1/checkpoint/compare");
        cr_expect(has(service.asked[0].body, "00 BBBB\\n\""), "%s", service.asked[0].body);
        run_free(&run);
        run = RUN(&service, "checkpoint", "--json", "--compare", path);
        cr_expect_eq(run.code, cases[i].code);
        run_free(&run);
        (void)unlink(path);
        service_stop(&service);
    }
}

Test(checkpoint, what_is_not_text_or_too_large_is_refused_before_anybody_is_asked)
{
    const struct canned canned = { 200, "{\"consistent\": true}" };
    struct service service;
    char large[5000];
    service_start(&service, &canned, 1);
    memset(large, 'a', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    const char *const texts[] = { "\xff\xfe", "", large };
    for (size_t i = 0; i < 3; i++) {
        char *path = note_file(&service, texts[i]);
        struct outcome_of_run run = RUN(&service, "checkpoint", "--compare", path);
        cr_expect_eq(run.code, EXIT_REFUSED);
        cr_expect_str_empty(run.out);
        cr_expect(has(run.err, path), "which file: %s", run.err);
        (void)unlink(path);
        run_free(&run);
    }
    cr_expect_eq(service.asked_count, 0);
    service_stop(&service);
}

Test(checkpoint, violation_shows_both_notes_and_lets_no_escape_sequence_through)
{
    static const char body[] =
        "{\"violations\": [{\"id\": 1, \"noticed_at\": \"2026-11-20T09:00:00.000Z\", \"brought\": false, "
        "\"held\": " CHECKPOINT
        ", \"told\": {\"size\": 3, \"note\": \"told\\u001b[31m\\nsecond\\n\", \"verifier_key\": \"k\\u202e\"}, "
        "\"acknowledged_at\": null, \"acknowledged_by\": null}, null, 5], \"more\": false}";
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, body, "checkpoint", "--violations");
    cr_expect_eq(run.code, EXIT_DONE);
    cr_expect(has(run.out, NOTE) && has(run.out, "told\\x1b[31m\nsecond\n"), "%s", run.out);
    cr_expect(!has(run.out, "\033") && !has(run.out, "\xe2\x80\xae"), "%s", run.out);
    cr_expect(has(run.out, "by nobody yet") && has(run.out, "--acknowledge"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

Test(checkpoint, status_names_what_stands_and_the_command_to_look)
{
    struct service service;
    struct outcome_of_run run = RUN_ONCE(
        &service, 200,
        "{\"state\": \"attention\", \"vault\": \"open\", \"enrolled\": true, \"message\": \"\", \"violations\": 2}",
        "status");
    cr_expect(has(run.out, "Contradicted") && has(run.out, "holdfast checkpoint --violations"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}

Test(checkpoint, acknowledging_says_how_many)
{
    struct service service;
    struct outcome_of_run run = RUN_ONCE(&service, 200, "{\"acknowledged\": 2}", "checkpoint", "--acknowledge");
    cr_expect_eq(run.code, EXIT_DONE);
    cr_expect_str_eq(service.asked[0].line, "POST /v1/checkpoint/acknowledge");
    cr_expect(has(run.out, "Acknowledged: 2"), "%s", run.out);
    run_free(&run);
    service_stop(&service);
}
