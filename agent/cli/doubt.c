/* doubts, doubt: where compliance doubts stand, what one would need and lead to, raising it and taking it back. */
#include "agent/cli/doubt.h"

#include <inttypes.h>
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/sheet.h"

/* ---- the list ---- */

struct doubts_input {
    bool all;
};

static error_t parse_doubts(int key, char *arg, struct argp_state *state)
{
    struct doubts_input *input = state->input;
    switch (key) {
    case 'a':
        input->all = true;
        return 0;
    default:
        return argument_none(key, arg, state);
    }
}

static const struct argp_option doubts_options[] = {
    { "all", 'a', NULL, 0, "those that were withdrawn or returned, too", 0 },
    { 0 },
};

const struct argp doubts_argp = {
    .options = doubts_options,
    .parser = parse_doubts,
    .doc =
        "Lists compliance doubts and where each stands, the newest session first."
        "\vA doubt is suspended by itself when something that it needs lacks: an excuse, a dispute, a correction. Only "
        "the Jobcentre decides.",
};

static enum mark mark_of(const json_t *doubt)
{
    const char *status = answer_text(doubt, "status");
    return strcmp(status, "suspended") == 0  ? MARK_WARNING
           : strcmp(status, "standing") == 0 ? MARK_STRONG
           : strcmp(status, "decided") == 0  ? MARK_PLAIN
                                             : MARK_FAINT;
}

static void add_doubt(struct sheet *sheet, const json_t *doubt)
{
    const json_t *decision = answer_member(doubt, "decision");
    const json_t *want = json_array_get(answer_member(doubt, "wants"), 0);
    const char *why = decision != NULL ? answer_text(decision, "outcome") : answer_text(want, "text");
    char id[9];
    (void)snprintf(id, sizeof(id), "%.8s", answer_text(doubt, "id"));
    const char *cells[] = { id,
                            answer_text(doubt, "session"),
                            answer_text(doubt, "participant_ref"),
                            answer_text(doubt, "status"),
                            answer_text(doubt, "reviewer"),
                            why };
    sheet_add(sheet, mark_of(doubt), cells);
}

/* A last day that nears is said where doubts are looked at. */
static enum exit_code print_deadlines(struct cli *cli)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/challenges"), NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE) {
        return code;
    }
    answer_clean(answer);
    size_t index;
    const json_t *row;
    json_array_foreach(answer_member(answer, "challenges"), index, row)
    {
        if (answer_true(row, "near") || answer_true(row, "late")) {
            screen_print(&cli->screen, "%s%s: %s of the decision of %s %s %s%s; see 'holdfast challenge'\n",
                         screen_mark(&cli->screen, MARK_BAD), answer_text(row, "participant_ref"),
                         answer_text(row, "next"), answer_text(answer_member(row, "decision"), "decided_on"),
                         answer_true(row, "late") ? "was possible until" : "is possible until", answer_text(row, "by"),
                         screen_unmark(&cli->screen));
        }
    }
    return EXIT_DONE;
}

enum exit_code doubts_run(struct cli *cli, int argc, char **argv)
{
    static const struct sheet_column columns[] = { { .title = "ID" },
                                                   { .title = "SESSION" },
                                                   { .title = "PERSON" },
                                                   { .title = "STATUS", .marked = true },
                                                   { .title = "REVIEWER", .flexible = true },
                                                   { .title = "WHY", .flexible = true },
                                                   { 0 } };
    struct doubts_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    char *path = path_of("/v1/doubts");
    path_add(&path, "all", input.all ? "1" : NULL);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path, NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    struct sheet *sheet = sheet_new(columns);
    size_t index;
    const json_t *doubt;
    json_array_foreach(answer_member(answer, "doubts"), index, doubt)
    {
        add_doubt(sheet, doubt);
    }
    sheet_close(sheet, &cli->screen, "No compliance doubts.");
    return print_deadlines(cli);
}

/* ---- one ---- */

static const char *const words[] = { "preview", "raise", "show", "withdraw", NULL };

enum { OPTION_CONFIRM = 0x2001, OPTION_EVIDENCE, OPTION_REVIEWER };

static error_t doubt_end(const struct doubt_input *input, const struct argp_state *state)
{
    if (input->word == NULL || input->what == NULL) {
        argp_error(state,
                   "say what to do and with what: 'preview SESSION', 'raise SESSION', 'show ID' or 'withdraw ID'");
    }
    if (strcmp(input->word, "raise") == 0 && (input->reviewer == NULL || input->folder == NULL)) {
        argp_error(state, "raise needs --reviewer NAME and --evidence DIR");
    }
    return 0;
}

static error_t parse_doubt(int key, char *arg, struct argp_state *state)
{
    struct doubt_input *input = state->input;
    switch (key) {
    case OPTION_REVIEWER:
        input->reviewer = argument_text(state, "--reviewer", arg);
        return 0;
    case OPTION_EVIDENCE:
        input->folder = arg;
        return 0;
    case OPTION_CONFIRM:
        input->confirm = true;
        return 0;
    case 'r':
        input->reason = argument_text(state, "--reason", arg);
        return 0;
    case 'n':
        input->note = argument_text(state, "--note", arg);
        return 0;
    case ARGP_KEY_ARG:
        argument_verb(state, arg, words, &input->word, "which", &input->what);
        return 0;
    case ARGP_KEY_END:
        return doubt_end(input, state);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option doubt_options[] = {
    { "reviewer", OPTION_REVIEWER, "NAME", 0, "raise: who reviewed the absence and confirms the doubt", 0 },
    { "evidence", OPTION_EVIDENCE, "DIR", 0, "raise: where to write the evidence pack; a folder that is not there yet",
      0 },
    { "confirm", OPTION_CONFIRM, NULL, 0, "raise: do it; without it the command shows the preview and sends nothing",
      0 },
    { "reason", 'r', "CODE", 0, "withdraw: why, as a code", 0 },
    { "note", 'n', "TEXT", 0, "raise, withdraw: in words", 0 },
    { 0 },
};

const struct argp doubt_argp = {
    .options = doubt_options,
    .parser = parse_doubt,
    .args_doc = "preview SESSION\nraise SESSION --reviewer NAME --evidence DIR --confirm\nshow ID\nwithdraw ID",
    .doc =
        "Previews what a compliance doubt about a session would need and lead to, raises it, shows it, or takes it "
        "back."
        "\vA doubt may stop somebody's benefit for weeks. It is raised only with a review that answers the questions, "
        "an "
        "attempt to reach the person, and a complete notice received before the day; never about a session that is "
        "unrecorded, disputed, excused or over the Jobcentre's own appointment, and never about anybody who takes part "
        "of their own will. The Jobcentre decides, and the decision can be challenged: 'holdfast challenge'.",
};

void doubt_print(const struct screen *screen, const json_t *doubt)
{
    const json_t *decision = answer_member(doubt, "decision");
    screen_print(screen, "%.8s  %s  %s\n", answer_text(doubt, "id"), answer_text(doubt, "session"),
                 answer_text(doubt, "status"));
    screen_fact(screen, "Reviewer", "%s; raised by %s", answer_text(doubt, "reviewer"),
                answer_text(doubt, "raised_by"));
    screen_fact(screen, "Exposure", "%lld weeks, as confirmed", (long long)answer_int(doubt, "exposure_weeks"));
    screen_fact(screen, "Evidence", "SHA-256 of the MANIFEST: %s", answer_text(doubt, "evidence"));
    const json_t *programme = answer_member(doubt, "programme");
    if (answer_has(programme, "sha256")) {
        screen_fact(screen, "Judged by", "%s version %" PRId64 " (SHA-256 %.16s...)", answer_text(programme, "name"),
                    answer_int(programme, "version"), answer_text(programme, "sha256"));
    }
    if (answer_has(doubt, "received_on")) {
        screen_fact(screen, "Received", "by the Jobcentre on %s", answer_text(doubt, "received_on"));
    }
    if (decision != NULL) {
        screen_fact(screen, "Decided", "%s, on %s", answer_text(decision, "outcome"),
                    answer_text(decision, "decided_on"));
        screen_fact(screen, "Next", "holdfast challenge: until when the decision can be challenged");
    } else if (answer_has(doubt, "status_on")) {
        screen_fact(screen, "Since", "%s, %s", answer_text(doubt, "status_on"), answer_text(doubt, "status_by"));
    }
    if (json_array_size(answer_member(doubt, "wants")) > 0) {
        screen_fact(screen, "Lacks", "it counts for nothing while this is so:");
        doubt_print_missing(screen, answer_member(doubt, "wants"));
    }
}

static enum exit_code show_doubt(struct cli *cli, const char *method, char *path, json_t *body)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, method, path, body, CALL_TIMEOUT_S, &answer);
    if (code == EXIT_DONE && !call_printed(cli, answer)) {
        doubt_print(&cli->screen, answer_member(answer, "doubt"));
    }
    return code;
}

enum exit_code doubt_run(struct cli *cli, int argc, char **argv)
{
    struct doubt_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    if (strcmp(input.word, "show") == 0) {
        return show_doubt(cli, "GET", path_of("/v1/doubts/%s", input.what), NULL);
    }
    if (strcmp(input.word, "withdraw") == 0) {
        return show_doubt(cli, "POST", path_of("/v1/doubts/%s/withdraw", input.what),
                          json_pack("{s:s*,s:s*}", "reason", input.reason, "note", input.note));
    }
    SCOPED(answer_free) json_t *preview = NULL;
    char *path = path_of("/v1/doubts/preview");
    path_add(&path, "session", input.what);
    enum exit_code code = call(cli, "GET", path, NULL, CALL_TIMEOUT_S, &preview);
    if (code != EXIT_DONE) {
        return code;
    }
    if (strcmp(input.word, "raise") == 0 && input.confirm && answer_true(preview, "ready")) {
        return doubt_raise(cli, &input, preview);
    }
    if (!call_printed(cli, preview)) {
        doubt_print_preview(&cli->screen, preview);
    }
    if (strcmp(input.word, "preview") == 0) {
        return EXIT_DONE;
    }
    screen_print(&cli->notes, "holdfast doubt: nothing is raised%s\n",
                 answer_true(preview, "ready") ? ": read the above, then give the command again with --confirm" : "");
    return EXIT_REFUSED;
}
