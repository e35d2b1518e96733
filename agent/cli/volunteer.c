/* volunteer: the charity's own volunteers, their shifts and hours, which stay on this machine. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/human.h"
#include "agent/cli/sheet.h"
#include "base/clock.h"

enum {
    OPTION_NAME = 0x5101,
    OPTION_PLACE,
    OPTION_PERSON,
    OPTION_FROM,
    OPTION_TO,
    OPTION_WORKED,
    OPTION_WHAT,
    OPTION_UNDO
};

enum { WORDS_MAX = 4, WORKED_MAX = 24 * 60 };

struct volunteer_input {
    const char *words[WORDS_MAX]; /* the verb and what follows it */
    size_t word_count;
    const char *name;
    const char *place;
    const char *person;
    const char *from;
    const char *to;
    const char *note;
    const char *what;
    int64_t worked; /* negative: not said */
    bool undo;
};

static const char *const verbs[] = { "list", "add", "show", "remove", "shift", "hours", NULL };

/* How many words each verb takes, itself too. */
static size_t words_of(const char *verb)
{
    if (strcmp(verb, "shift") == 0) {
        return 4;
    }
    return strcmp(verb, "list") == 0 || strcmp(verb, "hours") == 0 ? 1 : 2;
}

static error_t volunteer_end(struct volunteer_input *input, const struct argp_state *state)
{
    if (input->word_count == 0) {
        input->words[input->word_count++] = "list";
    }
    size_t expected = words_of(input->words[0]);
    if (input->word_count < expected) {
        argp_error(state, expected == 4 ? "say whose shift, on which day and when: shift REF 2026-11-20 13:00-16:00"
                                        : "name the volunteer; 'holdfast volunteer list' shows them");
    }
    if (input->word_count > expected) {
        argument_surplus(state, input->words[expected]);
    }
    return 0;
}

static error_t parse_volunteer(int key, char *arg, struct argp_state *state)
{
    struct volunteer_input *input = state->input;
    switch (key) {
    case OPTION_NAME:
        input->name = argument_text(state, "--name", arg);
        return 0;
    case OPTION_PLACE:
        input->place = argument_text(state, "--place", arg);
        return 0;
    case OPTION_PERSON:
        input->person = argument_text(state, "--person", arg);
        return 0;
    case OPTION_FROM:
        input->from = argument_day(state, "--from", arg);
        return 0;
    case OPTION_TO:
        input->to = argument_day(state, "--to", arg);
        return 0;
    case OPTION_WORKED:
        input->worked = argument_number(state, "--worked", arg, 0, WORKED_MAX);
        return 0;
    case OPTION_WHAT:
        input->what = argument_text(state, "--what", arg);
        return 0;
    case OPTION_UNDO:
        input->undo = true;
        return 0;
    case 'n':
        input->note = argument_text(state, "--note", arg);
        return 0;
    case ARGP_KEY_ARG:
        if (input->word_count == WORDS_MAX) {
            argument_surplus(state, arg);
        }
        input->words[input->word_count] = input->word_count == 0 ? argument_word(state, "what to do", arg, verbs)
                                                                 : argument_text(state, "the reference", arg);
        input->word_count++;
        return 0;
    case ARGP_KEY_END:
        return volunteer_end(input, state);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    { "name", OPTION_NAME, "NAME", 0, "the volunteer's name; of a new entry it is needed", 0 },
    { "place", OPTION_PLACE, "TEXT", 0, "where: the name of the shop or the garden, as placements have it", 0 },
    { "person", OPTION_PERSON, "PARTICIPANT", 0, "the participant who is the same person, if one is", 0 },
    { "from", OPTION_FROM, "DAY", 0, "volunteers from this day on; of hours: the first day", 0 },
    { "to", OPTION_TO, "DAY", 0, "up to this day; of hours: the last day", 0 },
    { "worked", OPTION_WORKED, "MINUTES", 0, "of a shift: how long it was in fact", 0 },
    { "what", OPTION_WHAT, "TEXT", 0, "of a shift: the task", 0 },
    { "undo", OPTION_UNDO, NULL, 0, "of a shift: take it out", 0 },
    { "note", 'n', "TEXT", 0, "in words", 0 },
    { 0 },
};

const struct argp volunteer_argp = {
    .options = options,
    .parser = parse_volunteer,
    .args_doc = "list\nadd REF [--name NAME]\nshow REF\nremove REF\nshift REF DAY HH:MM-HH:MM\nhours",
    .doc =
        "The charity's own volunteers, their shifts and their hours."
        "\vThey stay on this machine: nothing of them is ever sent to the centre, by network or by file, and no count "
        "adds them to people who are placed. 'add' with a reference that is there changes of the entry what is said. "
        "Somebody who is "
        "also placed here is entered with --person, so that hours that are required and hours that are given are "
        "told apart.",
};

static void set_text(json_t *body, const char *name, const char *text)
{
    if (text != NULL) {
        (void)json_object_set_new(body, name, json_string(text));
    }
}

/* ---- what is printed ---- */

static const struct sheet_column volunteer_columns[] = {
    { .title = "VOLUNTEER" },
    { .title = "NAME", .flexible = true },
    { .title = "WHERE", .flexible = true },
    { .title = "FROM" },
    { .title = "TO" },
    { .title = "SHIFTS", .right = true },
    { .title = "WORKED", .right = true },
    { .title = "ALSO PLACED AS" },
    { 0 },
};

static const struct sheet_column shift_columns[] = {
    { .title = "DAY" },
    { .title = "HOURS" },
    { .title = "VOLUNTEER" },
    { .title = "NAME", .flexible = true },
    { .title = "WHERE", .flexible = true },
    { .title = "TASK", .flexible = true },
    { .title = "WORKED", .right = true },
    { 0 },
};

static void add_volunteer_row(struct sheet *sheet, const json_t *row)
{
    char shifts[24];
    (void)snprintf(shifts, sizeof(shifts), "%" PRId64, answer_int(row, "shifts"));
    struct human worked = human_minutes((int)answer_int(row, "worked_minutes"));
    const char *cells[] = { answer_text(row, "ref"),
                            answer_text(row, "name"),
                            answer_text(row, "place"),
                            answer_text(row, "starts_on"),
                            answer_text(row, "ends_on"),
                            shifts,
                            worked.text,
                            answer_text(row, "participant_ref") };
    sheet_add(sheet, MARK_PLAIN, cells);
}

static void add_shift_row(struct sheet *sheet, const json_t *row)
{
    char hours[24];
    (void)snprintf(hours, sizeof(hours), "%.8s-%.8s", answer_text(row, "starts"), answer_text(row, "ends"));
    struct human worked = { "" };
    if (answer_has(row, "worked_minutes")) {
        worked = human_minutes((int)answer_int(row, "worked_minutes"));
    }
    const char *cells[] = { answer_text(row, "day"),
                            hours,
                            answer_text(row, "volunteer"),
                            answer_text(row, "name"),
                            answer_text(row, "place"),
                            answer_text(row, "what"),
                            worked.text };
    sheet_add(sheet, MARK_PLAIN, cells);
}

static void print_rows(struct cli *cli, const json_t *rows, const struct sheet_column *columns,
                       void (*add)(struct sheet *sheet, const json_t *row), const char *nothing)
{
    struct sheet *sheet = sheet_new(columns);
    size_t index;
    const json_t *row;
    json_array_foreach(rows, index, row)
    {
        add(sheet, row);
    }
    if (sheet_rows(sheet) == 0) {
        screen_print(&cli->screen, "%s\n", nothing);
    } else {
        sheet_print(sheet, &cli->screen);
    }
    sheet_free(sheet);
}

/* ---- the verbs ---- */

static enum exit_code list(struct cli *cli, const struct volunteer_input *input UNUSED)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/volunteers"), NULL, CALL_TIMEOUT_S, &answer);
    if (code == EXIT_DONE && !call_printed(cli, answer)) {
        print_rows(cli, answer_member(answer, "volunteers"), volunteer_columns, add_volunteer_row,
                   "No volunteers are entered.");
    }
    return code;
}

static enum exit_code show(struct cli *cli, const struct volunteer_input *input)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code =
        call(cli, "GET", path_of("/v1/volunteers/%s", input->words[1]), NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    const struct screen *screen = &cli->screen;
    const json_t *row = answer_member(answer, "volunteer");
    struct human worked = human_minutes((int)answer_int(row, "worked_minutes"));
    screen_print(screen, "%s, %s\n", answer_text(row, "ref"), answer_text(row, "name"));
    screen_fact(screen, "Where", "%s", answer_text(row, "place"));
    screen_fact(screen, "From", "%s", answer_text(row, "starts_on"));
    screen_fact(screen, "To", "%s", answer_text(row, "ends_on"));
    screen_fact(screen, "Also placed as", "%s", answer_text(row, "participant_ref"));
    screen_fact(screen, "Note", "%s", answer_text(row, "note"));
    screen_fact(screen, "Worked", "%s in %" PRId64 " shift%s", worked.text, answer_int(row, "shifts"),
                answer_int(row, "shifts") == 1 ? "" : "s");
    screen_fact(screen, "Entered by", "%s", answer_text(row, "said_by"));
    screen_print(screen, "\n");
    print_rows(cli, answer_member(answer, "shifts"), shift_columns, add_shift_row, "No shifts yet.");
    return EXIT_DONE;
}

static enum exit_code hours(struct cli *cli, const struct volunteer_input *input)
{
    char *path = path_of("/v1/volunteer-hours");
    path_add(&path, "from", input->from);
    path_add(&path, "to", input->to);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path, NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    print_rows(cli, answer_member(answer, "shifts"), shift_columns, add_shift_row, "No shifts in these days.");
    struct human worked = human_minutes((int)answer_int(answer, "worked_minutes"));
    struct human planned = human_minutes((int)answer_int(answer, "planned_minutes"));
    screen_print(&cli->screen, "\nVolunteers' hours from %s to %s: %s worked of %s planned, in %" PRId64 " shift%s",
                 answer_text(answer, "from"), answer_text(answer, "to"), worked.text, planned.text,
                 answer_int(answer, "count"), answer_int(answer, "count") == 1 ? "" : "s");
    screen_print(&cli->screen,
                 answer_int(answer, "unsaid") > 0 ? "; of %" PRId64 " nobody has said how long they were.\n" : ".\n",
                 answer_int(answer, "unsaid"));
    return EXIT_DONE;
}

static enum exit_code add(struct cli *cli, const struct volunteer_input *input)
{
    json_t *body = json_pack("{s:s}", "ref", input->words[1]);
    set_text(body, "name", input->name);
    set_text(body, "place", input->place);
    set_text(body, "note", input->note);
    set_text(body, "participant", input->person);
    set_text(body, "starts_on", input->from);
    set_text(body, "ends_on", input->to);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "POST", path_of("/v1/volunteers"), body, CALL_TIMEOUT_S, &answer);
    if (code == EXIT_DONE && !call_printed(cli, answer)) {
        screen_print(&cli->screen, "entered: %s; this stays on this machine\n",
                     answer_text(answer_member(answer, "volunteer"), "ref"));
    }
    return code;
}

static enum exit_code remove_volunteer(struct cli *cli, const struct volunteer_input *input)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "POST", path_of("/v1/volunteers/%s/remove", input->words[1]), json_object(),
                               CALL_NO_TIMEOUT, &answer);
    if (code == EXIT_DONE && !call_printed(cli, answer)) {
        screen_print(&cli->screen, "removed: %s and every shift\n", answer_text(answer, "removed"));
        if (!answer_true(answer, "scrubbed")) {
            screen_print(&cli->screen,
                         "The file could not be made anew without them yet; that is tried again by itself.\n");
        }
    }
    return code;
}

/* "13:00-16:00" in two; what is not so is left for the agent to refuse. */
static json_t *shift_body(const struct volunteer_input *input)
{
    const char *hours = input->words[3];
    size_t len = strcspn(hours, "-");
    json_t *body = json_pack("{s:s,s:s%}", "day", input->words[2], "starts", hours, len);
    if (!input->undo) {
        set_text(body, "ends", hours[len] == '-' ? hours + len + 1 : "");
        set_text(body, "place", input->place);
        set_text(body, "what", input->what);
    }
    if (input->worked >= 0 && !input->undo) {
        (void)json_object_set_new(body, "worked_minutes", json_integer(input->worked));
    }
    return body;
}

static enum exit_code shift(struct cli *cli, const struct volunteer_input *input)
{
    SCOPED(answer_free) json_t *answer = NULL;
    char *path = path_of("/v1/volunteers/%s/%s", input->words[1], input->undo ? "unshift" : "shift");
    enum exit_code code = call(cli, "POST", path, shift_body(input), CALL_TIMEOUT_S, &answer);
    if (code == EXIT_DONE && !call_printed(cli, answer)) {
        screen_print(&cli->screen, "%s: %s %s %s; this stays on this machine\n", input->undo ? "taken out" : "entered",
                     input->words[1], input->words[2], input->words[3]);
    }
    return code;
}

enum exit_code volunteer_run(struct cli *cli, int argc, char **argv)
{
    static const struct {
        const char *verb;
        enum exit_code (*run)(struct cli *cli, const struct volunteer_input *input);
    } runs[] = {
        { "list", list },   { "add", add },     { "show", show }, { "remove", remove_volunteer },
        { "shift", shift }, { "hours", hours },
    };
    struct volunteer_input input = { .worked = -1 };
    command_parse(cli, argc, argv, &input);
    size_t i = 0;
    while (strcmp(runs[i].verb, input.words[0]) != 0) {
        i++;
    }
    return runs[i].run(cli, &input);
}
