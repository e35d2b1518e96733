/* flags, flag: what somebody should look at, and why. */
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/human.h"

enum { SAID_SIZE = 400 };

struct flags_input {
    bool all;
};

static error_t parse_flags(int key, char *arg, struct argp_state *state)
{
    struct flags_input *input = state->input;
    switch (key) {
    case 'a':
        input->all = true;
        return 0;
    default:
        return argument_none(key, arg, state);
    }
}

static const struct argp_option flags_options[] = {
    { "all", 'a', NULL, 0, "those that cleared by themselves too", 0 },
    { 0 },
};

const struct argp flags_argp = {
    .options = flags_options,
    .parser = parse_flags,
    .doc =
        "Lists what somebody should look at, the most urgent first, with the facts in a sentence; then what was "
        "reviewed. "
        "When the day to look again has come, a reviewed one stands among the first again."
        "\vA flag is a reason to look. It is not a judgement, it leads to nothing by itself, and it clears by itself "
        "when its facts change. The eight digits at the end are its ID for 'holdfast flag ID'.",
};

static enum mark mark_of(const json_t *flag)
{
    const char *severity = answer_text(flag, "severity");
    if (answer_has(flag, "cleared_at") || !answer_true(flag, "open")) {
        return MARK_FAINT;
    }
    return strcmp(severity, "act") == 0 ? MARK_BAD : strcmp(severity, "watch") == 0 ? MARK_WARNING : MARK_PLAIN;
}

static struct human since_of(const struct screen *screen, const json_t *flag)
{
    struct human since = { "" };
    int32_t day;
    if (answer_day(flag, "since", &day)) {
        struct human ago = human_day_ago(day, screen->today);
        struct human date = human_day(day);
        (void)snprintf(since.text, sizeof(since.text), "%.24s (%.24s)", date.text, ago.text);
    }
    return since;
}

/* "host_matter, by ann, 2 days ago (...); look again on ..." */
static void say_reviewed(const struct screen *screen, const json_t *flag, char out[SAID_SIZE])
{
    const json_t *reviewed = answer_member(flag, "reviewed");
    struct human at = { "" };
    struct human again = { "" };
    struct human when = { "" };
    int64_t at_ms;
    int32_t day;
    bool dated = answer_day(reviewed, "look_again_on", &day);
    if (answer_instant(reviewed, "at", &at_ms)) {
        at = human_instant(at_ms, screen->now_ms);
    }
    if (dated) {
        again = human_day(day);
        when = human_day_ago(day, screen->today);
    }
    (void)snprintf(out, SAID_SIZE, "%s, by %s, %s%s%s%s%s%s", answer_text(reviewed, "outcome"),
                   answer_text(reviewed, "by"), at.text, dated ? "; look again on " : "", again.text, dated ? ", " : "",
                   when.text, answer_true(flag, "look_again") ? ": the day has come" : "");
}

static void print_flag_line(const struct screen *screen, const json_t *flag)
{
    struct human since = since_of(screen, flag);
    int64_t cleared_ms;
    screen_print(screen, "%s%-5s %s%s  %s  since %s  %s\n", screen_mark(screen, mark_of(flag)),
                 answer_text(flag, "severity"), answer_text(flag, "code"), screen_unmark(screen),
                 answer_text(flag, "subject_ref"), since.text, answer_text(flag, "id"));
    screen_paragraph(screen, 6, answer_text(flag, "facts"));
    if (answer_has(flag, "reviewed")) {
        char said[SAID_SIZE];
        say_reviewed(screen, flag, said);
        screen_print(screen, "      reviewed: %s\n", said);
    }
    if (answer_instant(flag, "cleared_at", &cleared_ms)) {
        struct human cleared = human_instant(cleared_ms, screen->now_ms);
        screen_print(screen, "      cleared by itself %s\n", cleared.text);
    }
}

/* What nobody looked at comes first. */
static void print_flags(const struct screen *screen, const json_t *flags)
{
    size_t open = 0;
    for (int pass = 0; pass < 2; pass++) {
        size_t index;
        const json_t *flag;
        bool titled = pass == 0;
        json_array_foreach(flags, index, flag)
        {
            if (answer_true(flag, "open") != (pass == 0)) {
                continue;
            }
            if (!titled && open > 0) {
                screen_print(screen, "\n");
            }
            if (!titled && !answer_has(flag, "cleared_at")) {
                screen_print(screen, "Reviewed, and not to be looked at again yet:\n");
            }
            titled = true;
            open += pass == 0;
            print_flag_line(screen, flag);
        }
    }
    if (json_array_size(flags) == 0) {
        screen_print(screen, "No flags: nothing needs a look.\n");
    }
}

enum exit_code flags_run(struct cli *cli, int argc, char **argv)
{
    struct flags_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    char *path = path_of("/v1/flags");
    path_add(&path, "all", input.all ? "1" : NULL);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path, NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    print_flags(&cli->screen, answer_member(answer, "flags"));
    if (answer_true(answer, "more")) {
        screen_print(&cli->screen, "There are more; 'holdfast export flags' writes all of them.\n");
    }
    return EXIT_DONE;
}

static error_t parse_flag(int key, char *arg, struct argp_state *state)
{
    const char **id = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        *id = argument_only(state, arg);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "name the flag; 'holdfast flags' shows the IDs");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp flag_argp = {
    .parser = parse_flag,
    .args_doc = "ID",
    .doc = "Shows one flag: its facts, the rule that raised it and where that comes from, since when, what would clear "
           "it, "
           "what to ask first, and the next step. ID is the flag's eight "
           "digits or the beginning of them.",
};

static void print_guide(const struct screen *screen, const json_t *flag)
{
    const json_t *questions = answer_member(flag, "questions");
    size_t index;
    const json_t *question;
    if (answer_text(flag, "clears")[0] != '\0') {
        screen_fact(screen, "Clears with", "%s", answer_text(flag, "clears"));
    }
    json_array_foreach(questions, index, question)
    {
        screen_fact(screen, index == 0 ? "Ask first" : "", "%s", json_string_value(question));
    }
}

enum exit_code flag_run(struct cli *cli, int argc, char **argv)
{
    const char *id = NULL;
    command_parse(cli, argc, argv, &id);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/flags/%s", id), NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    const struct screen *screen = &cli->screen;
    const json_t *flag = answer_member(answer, "flag");
    struct human since = since_of(screen, flag);
    int64_t at_ms;
    screen_print(screen, "%s%s: %s%s\n", screen_mark(screen, mark_of(flag)), answer_text(flag, "severity"),
                 answer_text(flag, "code"), screen_unmark(screen));
    const char *subject = answer_text(flag, "subject");
    const char *ref = answer_text(flag, "subject_ref");
    bool same = strcmp(subject, ref) == 0;
    screen_fact(screen, "About", "%s%s%s", same ? "the " : subject, same ? "" : " ", ref);
    screen_fact(screen, "Since", "%s", since.text);
    screen_fact(screen, "Facts", "%s", answer_text(flag, "facts"));
    screen_fact(screen, "Rule", "%s", answer_text(flag, "rule"));
    if (answer_instant(flag, "raised_at", &at_ms)) {
        struct human raised = human_instant(at_ms, screen->now_ms);
        screen_fact(screen, "Raised", "%s, on this machine", raised.text);
    }
    if (answer_instant(flag, "cleared_at", &at_ms)) {
        struct human cleared = human_instant(at_ms, screen->now_ms);
        screen_fact(screen, "Cleared", "%s, by itself: the facts changed", cleared.text);
    }
    if (answer_has(flag, "reviewed")) {
        char said[SAID_SIZE];
        say_reviewed(screen, flag, said);
        screen_fact(screen, "Reviewed", "%s", said);
    }
    screen_fact(screen, "ID", "%s", answer_text(flag, "id"));
    print_guide(screen, flag);
    screen_fact(screen, "Next", "%s", answer_text(flag, "next_step"));
    return EXIT_DONE;
}
