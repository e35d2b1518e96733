/* quarantine, overwrites, disputes: what a person has to look at in the log itself. */
#include <stdlib.h>
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/human.h"
#include "agent/cli/memory.h"
#include "agent/cli/sheet.h"

struct review_input {
    const char *word;
    const char *id;
    bool all;
};

/* WORD [ID], the word one of `words`. */
static error_t parse_words(int key, char *arg, struct argp_state *state, const char *const *words)
{
    struct review_input *input = state->input;
    switch (key) {
    case 'a':
        input->all = true;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num == 0) {
            input->word = argument_word(state, "the first argument", arg, words);
        } else if (state->arg_num == 1) {
            input->id = argument_text(state, "ID", arg);
        } else {
            argument_surplus(state, arg);
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static bool is_word(const struct review_input *input, const char *word)
{
    return input->word != NULL && strcmp(input->word, word) == 0;
}

static struct human stamp_of(const json_t *object, const char *name)
{
    struct human stamp = { "" };
    int64_t at_ms;
    if (answer_instant(object, name, &at_ms)) {
        stamp = human_stamp(at_ms);
    }
    return stamp;
}

/* ---- quarantine ---- */

static error_t parse_quarantine(int key, char *arg, struct argp_state *state)
{
    static const char *const words[] = { "list", "show", "retry", NULL };
    struct review_input *input = state->input;
    if (key == ARGP_KEY_END && is_word(input, "show") != (input->id != NULL)) {
        argp_error(state, "show needs the ID of an entry, and nothing else does");
    }
    return key == 'a' ? ARGP_ERR_UNKNOWN : parse_words(key, arg, state, words);
}

const struct argp quarantine_argp = {
    .parser = parse_quarantine,
    .args_doc = "[list|show ID|retry]",
    .doc =
        "Shows records that are kept without being used: refused, with the reason, or of a kind that this version "
        "does not "
        "know."
        "\vThey stop nothing else. After an upgrade they are judged again by themselves; 'retry' does so now. What the "
        "centre refused counts by itself once the centre takes it.",
};

static void print_declined(const struct screen *screen, const json_t *declined)
{
    size_t index;
    const json_t *row;
    json_array_foreach(declined, index, row)
    {
        struct human at = stamp_of(row, "at");
        screen_print(screen, "The centre did not take %s and what follows it back (%s):\n", answer_text(row, "first"),
                     at.text);
        screen_paragraph(screen, 4, answer_text(row, "reason"));
    }
}

static enum exit_code list_quarantine(struct cli *cli)
{
    static const struct sheet_column columns[] = {
        { .title = "ID" },
        { .title = "RECORDED" },
        { .title = "KIND" },
        { .title = "BY" },
        { .title = "REASON", .flexible = true, .marked = true },
        { 0 },
    };
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/quarantine"), NULL, CALL_NO_TIMEOUT, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    struct sheet *sheet = sheet_new(columns);
    size_t index;
    const json_t *entry;
    json_array_foreach(answer_member(answer, "quarantine"), index, entry)
    {
        struct human recorded = stamp_of(entry, "recorded_at");
        const char *cells[] = { answer_text(entry, "id"), recorded.text, answer_text(entry, "kind"),
                                answer_text(entry, "actor"), answer_text(entry, "quarantine") };
        sheet_add(sheet, MARK_BAD, cells);
    }
    sheet_close(sheet, &cli->screen, "Nothing is set aside.");
    print_declined(&cli->screen, answer_member(answer, "declined"));
    return EXIT_DONE;
}

static enum exit_code show_quarantine(struct cli *cli, const char *id)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/quarantine/%s", id), NULL, CALL_NO_TIMEOUT, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    const json_t *entry = answer_member(answer, "entry");
    struct human recorded = stamp_of(entry, "recorded_at");
    struct human received = stamp_of(entry, "received_at");
    const struct screen *screen = &cli->screen;
    const char *name;
    json_t *value;
    screen_fact(screen, "Record", "%s", answer_text(entry, "id"));
    screen_fact(screen, "Kind", "%s", answer_text(entry, "kind"));
    screen_fact(screen, "About", "%s", answer_text(entry, "subject"));
    screen_fact(screen, "By", "%s, recorded %s, received %s", answer_text(entry, "actor"), recorded.text,
                received.text);
    screen_fact(screen, "Reason", "%s", answer_text(entry, "quarantine"));
    json_object_foreach(answer_member(entry, "fields"), name, value)
    {
        SCOPED(scoped_free) char *text = must_have(json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT));
        screen_fact(screen, name, "%s", text);
    }
    return EXIT_DONE;
}

enum exit_code quarantine_run(struct cli *cli, int argc, char **argv)
{
    struct review_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    if (input.id != NULL) {
        return show_quarantine(cli, input.id);
    }
    if (!is_word(&input, "retry")) {
        return list_quarantine(cli);
    }
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "POST", path_of("/v1/quarantine/retry"), json_object(), CALL_NO_TIMEOUT, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    struct human released = human_count((uint64_t)answer_int(answer, "released"), "record counts", "records count");
    struct human still = human_count((uint64_t)answer_int(answer, "still"), "is", "are");
    screen_print(&cli->screen, "%s from now on; %s still set aside.\n", released.text, still.text);
    return EXIT_DONE;
}

/* ---- overwrites ---- */

static error_t parse_overwrites(int key, char *arg, struct argp_state *state)
{
    static const char *const words[] = { "list", "review", NULL };
    struct review_input *input = state->input;
    if (key == ARGP_KEY_END && is_word(input, "review") && input->all == (input->id != NULL)) {
        argp_error(state, "review needs the ID of one, or --all");
    }
    return parse_words(key, arg, state, words);
}

static const struct argp_option overwrites_options[] = {
    { "all", 'a', NULL, 0, "list: those that were reviewed, too; review: every one", 0 },
    { 0 },
};

const struct argp overwrites_argp = {
    .options = overwrites_options,
    .parser = parse_overwrites,
    .args_doc = "[list|review ID]",
    .doc = "Lists values that a later change on another machine took the place of: which record and field, the old and "
           "the new "
           "value, who recorded each and when; or marks them as reviewed."
           "\vA name, a note, a date: of two changes the later one stands, and the earlier one is kept. If the earlier "
           "one was "
           "right, record it again. A mark is seen on the site's other machines too. What two people say about a "
           "session is never settled like this: see 'holdfast disputes'.",
};

static void print_side(const struct screen *screen, const char *label, const json_t *side)
{
    struct human at = stamp_of(side, "recorded_at");
    SCOPED(scoped_free)
    char *value = must_have(json_dumps(json_object_get(side, "value"), JSON_ENCODE_ANY | JSON_COMPACT));
    screen_fact(screen, label, "%s  (%s, %s)", value, answer_text(side, "by"), at.text);
}

static enum exit_code list_overwrites(struct cli *cli, bool all)
{
    char *path = path_of("/v1/overwrites");
    path_add(&path, "all", all ? "1" : NULL);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path, NULL, CALL_NO_TIMEOUT, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    const json_t *rows = answer_member(answer, "overwrites");
    size_t index;
    const json_t *row;
    json_array_foreach(rows, index, row)
    {
        bool ref = answer_has(row, "subject_ref");
        bool name = answer_has(row, "subject_name");
        screen_print(&cli->screen, ref ? "%s  %s of the %s %s%s%s\n" : "%s  %s of the %s %.8s%s%s\n",
                     answer_text(row, "id"), answer_text(row, "field"), answer_text(row, "kind"),
                     answer_text(row, ref ? "subject_ref" : "subject"), name ? ", " : "",
                     answer_text(row, "subject_name"));
        bool lasts = answer_true(row, "lasts");
        print_side(&cli->screen, lasts ? "Not taken" : "Was", answer_member(row, "old"));
        print_side(&cli->screen, lasts ? "Stands" : "Now", answer_member(row, "new"));
        if (answer_has(row, "reviewed_by")) {
            screen_fact(&cli->screen, "Reviewed", "by %s", answer_text(row, "reviewed_by"));
        }
    }
    if (json_array_size(rows) == 0) {
        screen_print(&cli->screen, "No overwritten value waits for a review.\n");
    }
    return EXIT_DONE;
}

enum exit_code overwrites_run(struct cli *cli, int argc, char **argv)
{
    struct review_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    if (!is_word(&input, "review")) {
        return list_overwrites(cli, input.all);
    }
    SCOPED(answer_free) json_t *answer = NULL;
    json_t *body = input.all ? json_pack("{s:b}", "all", 1) : json_pack("{s:s}", "id", input.id);
    enum exit_code code = call(cli, "POST", path_of("/v1/overwrites/review"), body, CALL_NO_TIMEOUT, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    screen_print(&cli->screen, "%lld marked as reviewed.\n", (long long)answer_int(answer, "reviewed"));
    return EXIT_DONE;
}

/* ---- disputes ---- */

static error_t parse_disputes(int key, char *arg, struct argp_state *state)
{
    if (key == ARGP_KEY_ARG) {
        argument_surplus(state, arg);
    }
    return ARGP_ERR_UNKNOWN;
}

const struct argp disputes_argp = {
    .parser = parse_disputes,
    .doc = "Lists the sessions about which two people recorded different things, each side with who, when it was "
           "recorded and "
           "when it arrived here."
           "\vNothing about such a session can lead to a sanction. Only a person settles it: 'holdfast attend SESSION "
           "OUTCOME "
           "--note WHY' stands over every side that is here.",
};

static void print_dispute(const struct screen *screen, const json_t *dispute)
{
    size_t index;
    const json_t *side;
    const json_t *session = answer_member(dispute, "session");
    screen_print(screen, "%s%s%s  %s\n", screen_mark(screen, MARK_WARNING), answer_text(session, "session"),
                 screen_unmark(screen), answer_person(session).text);
    json_array_foreach(answer_member(dispute, "sides"), index, side)
    {
        struct human recorded = stamp_of(side, "recorded_at");
        struct human received = stamp_of(side, "received_at");
        screen_print(screen, "    %-18s by %s, recorded %s, received %s\n",
                     answer_has(side, "outcome") ? answer_text(side, "outcome") : "(erased)",
                     answer_text(side, "actor"), recorded.text, received.text);
        if (answer_has(side, "note")) {
            screen_paragraph(screen, 8, answer_text(side, "note"));
        }
    }
}

enum exit_code disputes_run(struct cli *cli, int argc, char **argv)
{
    command_parse(cli, argc, argv, NULL);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/disputes"), NULL, CALL_NO_TIMEOUT, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    const json_t *rows = answer_member(answer, "disputes");
    size_t index;
    const json_t *row;
    json_array_foreach(rows, index, row)
    {
        print_dispute(&cli->screen, row);
    }
    if (json_array_size(rows) == 0) {
        screen_print(&cli->screen, "No session is disputed.\n");
    }
    return EXIT_DONE;
}
