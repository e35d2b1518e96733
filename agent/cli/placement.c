/* placements, notice: who is placed where, and the written notices that were served. */
#include <stdlib.h>
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/human.h"
#include "agent/cli/memory.h"
#include "agent/cli/sheet.h"
#include "base/clock.h"

struct placements_input {
    const char *on;
    bool running;
};

static error_t parse_placements(int key, char *arg, struct argp_state *state)
{
    struct placements_input *input = state->input;
    switch (key) {
    case 'o':
        input->on = argument_day(state, "--on", arg);
        return 0;
    case 'r':
        input->running = true;
        return 0;
    default:
        return argument_none(key, arg, state);
    }
}

static const struct argp_option placements_options[] = {
    { "on", 'o', "DAY", 0, "only those that run on this day (yyyy-mm-dd)", 0 },
    { "running", 'r', NULL, 0, "only those that run today", 0 },
    { 0 },
};

const struct argp placements_argp = {
    .options = placements_options,
    .parser = parse_placements,
    .doc = "Lists placements: who, where, from when to when, agreed hours, and the weekly pattern.",
};

static const struct sheet_column columns[] = {
    { .title = "PLACEMENT" },
    { .title = "PERSON", .flexible = true },
    { .title = "WHERE", .flexible = true },
    { .title = "BASIS" },
    { .title = "FROM" },
    { .title = "TO" },
    { .title = "A WEEK", .right = true },
    { .title = "PATTERN", .flexible = true },
    { 0 },
};

static void add_to_sheet(struct sheet *sheet, const json_t *placement)
{
    struct answer_person person = answer_person(placement);
    char where[400];
    const char *host = answer_text(placement, "host");
    const char *role = answer_text(placement, "role");
    (void)snprintf(where, sizeof(where), "%s%s%s", host, host[0] != '\0' && role[0] != '\0' ? ", " : "", role);
    struct human hours = human_minutes((int)answer_int(placement, "weekly_minutes"));
    const char *cells[] = {
        answer_text(placement, "ref"),
        person.text,
        where,
        answer_text(placement, "basis"),
        answer_text(placement, "starts_on"),
        answer_text(placement, "ends_on"),
        hours.text,
        answer_text(placement, "pattern"),
    };
    sheet_add(sheet, MARK_PLAIN, cells);
}

enum exit_code placements_run(struct cli *cli, int argc, char **argv)
{
    struct placements_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    char today[DATE_TEXT_SIZE];
    date_format(cli->screen.today, today);
    char *path = path_of("/v1/placements");
    path_add(&path, "on", input.on != NULL ? input.on : input.running ? today : NULL);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path, NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    struct sheet *sheet = sheet_new(columns);
    size_t index;
    const json_t *placement;
    json_array_foreach(answer_member(answer, "placements"), index, placement)
    {
        add_to_sheet(sheet, placement);
    }
    sheet_close(sheet, &cli->screen, "No placements.");
    if (answer_true(answer, "more")) {
        screen_print(&cli->screen, "\nThere are more; use --on DAY, or 'holdfast export placements'.\n");
    }
    return EXIT_DONE;
}

enum { OPTION_SERVED = 0x3001, OPTION_RECEIVED, OPTION_BY, OPTION_SAYS };

static const char *const notice_verbs[] = { "add", "list", NULL };
static const char *const served_by[] = { "post", "hand", "email", NULL };
static const char *const parts[] = { "what", "when", "where", "mandatory", "evidence", "consequences", NULL };

#define PART_COUNT (ARRAY_LEN(parts) - 1)

struct notice_input {
    const char *verb;
    const char *placement;
    const char *served_on;
    const char *received_on;
    const char *by;
    const char *note;
    bool says[PART_COUNT];
};

/* "what,when,where" or "all" */
static void parse_says(struct notice_input *input, char *list, const struct argp_state *state)
{
    bool all = strcmp(list, "all") == 0;
    for (size_t i = 0; i < PART_COUNT; i++) {
        input->says[i] = all;
    }
    char *rest = NULL;
    for (char *part = all ? NULL : strtok_r(list, ",", &rest); part != NULL; part = strtok_r(NULL, ",", &rest)) {
        const char *known = argument_word(state, "a part of --says", part, parts);
        for (size_t i = 0; i < PART_COUNT; i++) {
            input->says[i] = input->says[i] || parts[i] == known;
        }
    }
}

static void notice_word(struct notice_input *input, char *arg, const struct argp_state *state)
{
    if (state->arg_num == 0) {
        input->verb = argument_word(state, "what to do", arg, notice_verbs);
    } else if (state->arg_num == 1) {
        input->placement = argument_text(state, "PLACEMENT", arg);
    } else {
        argument_surplus(state, arg);
    }
}

static error_t parse_notice(int key, char *arg, struct argp_state *state)
{
    struct notice_input *input = state->input;
    switch (key) {
    case OPTION_SERVED:
        input->served_on = argument_day(state, "--served", arg);
        return 0;
    case OPTION_RECEIVED:
        input->received_on = argument_day(state, "--received", arg);
        return 0;
    case OPTION_BY:
        input->by = argument_word(state, "--by", arg, served_by);
        return 0;
    case OPTION_SAYS:
        parse_says(input, arg, state);
        return 0;
    case 'n':
        input->note = argument_text(state, "--note", arg);
        return 0;
    case ARGP_KEY_ARG:
        notice_word(input, arg, state);
        return 0;
    case ARGP_KEY_END:
        if (input->verb != NULL && strcmp(input->verb, "list") == 0) {
            return 0;
        }
        if (state->arg_num < 2 || input->served_on == NULL || input->by == NULL) {
            argp_error(state, "name the placement, the day it was served (--served) and how (--by)");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option notice_options[] = {
    { "served", OPTION_SERVED, "DAY", 0, "when it was posted or handed over (yyyy-mm-dd)", 0 },
    { "by", OPTION_BY, "HOW", 0, "post, hand or email", 0 },
    { "received", OPTION_RECEIVED, "DAY", 0, "when it was received, if that is known", 0 },
    { "says", OPTION_SAYS, "PARTS", 0, "what it says: what,when,where,mandatory,evidence,consequences, or all", 0 },
    { "note", 'n', "TEXT", 0, "in words", 0 },
    { 0 },
};

const struct argp notice_argp = {
    .options = notice_options,
    .parser = parse_notice,
    .args_doc = "add PLACEMENT --served DAY --by HOW\nlist [PLACEMENT]",
    .doc =
        "Records a written notice that was served on the person of a placement, or lists the notices with the day on "
        "which each counts as received."
        "\vA requirement is lawful only on written notice that says what, when, where, that it is mandatory, what "
        "evidence is needed and what may happen otherwise. Without --received a posted notice counts as received on "
        "the second working day after posting.",
};

static json_t *notice_body(const struct notice_input *input)
{
    json_t *fields =
        json_pack("{s:s, s:s, s:s, s:s*, s:s*}", "placement", input->placement, "served_on", input->served_on,
                  "served_by", input->by, "received_on", input->received_on, "note", input->note);
    for (size_t i = 0; i < PART_COUNT; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "says_%s", parts[i]);
        (void)json_object_set_new(fields, name, json_boolean(input->says[i]));
    }
    return json_pack("{s:s, s:o}", "kind", "notice", "fields", fields);
}

static const struct sheet_column notice_columns[] = {
    { .title = "PLACEMENT" },
    { .title = "SERVED" },
    { .title = "BY" },
    { .title = "RECEIVED" },
    { .title = "", .marked = true },
    { .title = "NOT SAID IN IT", .flexible = true },
    { 0 },
};

/* "where, evidence" */
static void say_missing(const json_t *notice, char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < PART_COUNT; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "says_%s", parts[i]);
        if (!answer_true(notice, name) && len < size) {
            len += (size_t)snprintf(out + len, size - len, "%s%s", len > 0 ? ", " : "", parts[i]);
        }
    }
}

static enum exit_code notice_list(struct cli *cli, const char *placement)
{
    char *path = path_of("/v1/notices");
    path_add(&path, "placement", placement);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path, NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    struct sheet *sheet = sheet_new(notice_columns);
    size_t index;
    const json_t *notice;
    json_array_foreach(answer_member(answer, "notices"), index, notice)
    {
        char missing[80];
        say_missing(notice, missing, sizeof(missing));
        bool complete = answer_true(notice, "complete");
        const char *cells[] = { answer_text(notice, "placement_ref"),
                                answer_text(notice, "served_on"),
                                answer_true(notice, "posted") ? "post" : "hand or email",
                                answer_text(notice, "received_on"),
                                complete ? "complete" : "incomplete",
                                missing };
        sheet_add(sheet, complete ? MARK_PLAIN : MARK_WARNING, cells);
    }
    sheet_close(sheet, &cli->screen, "No notice is recorded.");
    return EXIT_DONE;
}

enum exit_code notice_run(struct cli *cli, int argc, char **argv)
{
    struct notice_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    if (strcmp(input.verb, "list") == 0) {
        return notice_list(cli, input.placement);
    }
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "POST", path_of("/v1/records"), notice_body(&input), CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    screen_print(&cli->screen, "recorded: notice of %s for %s (%.8s)\n", input.served_on, input.placement,
                 answer_text(answer, "id"));
    for (size_t i = 0; i < PART_COUNT; i++) {
        if (!input.says[i]) {
            screen_print(&cli->screen, "  not said in it: %s\n", parts[i]);
        }
    }
    return EXIT_DONE;
}
