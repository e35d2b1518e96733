/* duplicates, merge: records of people that seem to be of the same one, and the decision that they are. */
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/sheet.h"

enum { OPTION_UNDO = 0x3301, OPTION_CONFIRM, OPTION_MERGED };

static error_t parse_duplicates(int key, char *arg, struct argp_state *state)
{
    bool *merged = state->input;
    switch (key) {
    case OPTION_MERGED:
        *merged = true;
        return 0;
    default:
        return argument_none(key, arg, state);
    }
}

static const struct argp_option duplicates_options[] = {
    { "merged", OPTION_MERGED, NULL, 0, "those that were merged, and whether somebody else has confirmed it", 0 },
    { 0 },
};

const struct argp duplicates_argp = {
    .options = duplicates_options,
    .parser = parse_duplicates,
    .doc = "Lists records of people that seem to be of the same one: references that differ only in how they are "
           "written, or the same name with the same telephone number or address."
           "\vIt is a hint and nothing more. Look into it, and say with 'holdfast merge' where it is so.",
};

static const struct sheet_column columns[] = {
    { .title = "RECORD" },
    { .title = "NAME", .flexible = true },
    { .title = "SEEMS TO BE" },
    { .title = "NAME", .flexible = true },
    { .title = "BECAUSE OF", .flexible = true },
    { 0 },
};

static const char *say_why(const char *why)
{
    return strcmp(why, "ref") == 0     ? "the reference, written differently"
           : strcmp(why, "phone") == 0 ? "name and telephone number"
                                       : "name and address";
}

static const struct sheet_column merged_columns[] = {
    { .title = "RECORD" },
    { .title = "IS" },
    { .title = "DECIDED BY", .flexible = true },
    { .title = "REASON", .flexible = true },
    { .title = "CONFIRMED BY", .flexible = true, .marked = true },
    { 0 },
};

static enum exit_code merged_run(struct cli *cli)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/merges"), NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    struct sheet *sheet = sheet_new(merged_columns);
    size_t index;
    const json_t *merge;
    json_array_foreach(answer_member(answer, "merges"), index, merge)
    {
        bool sure = answer_true(merge, "sure");
        const char *cells[] = { answer_text(answer_member(merge, "duplicate"), "ref"),
                                answer_text(answer_member(merge, "into"), "ref"), answer_text(merge, "decided_by"),
                                answer_text(merge, "reason"), sure ? answer_text(merge, "confirmed_by") : "nobody" };
        sheet_add(sheet, sure ? MARK_PLAIN : MARK_WARNING, cells);
    }
    sheet_close(sheet, &cli->screen, "No two records are merged.");
    return EXIT_DONE;
}

enum exit_code duplicates_run(struct cli *cli, int argc, char **argv)
{
    bool merged = false;
    command_parse(cli, argc, argv, &merged);
    if (merged) {
        return merged_run(cli);
    }
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/duplicates"), NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    struct sheet *sheet = sheet_new(columns);
    size_t index;
    const json_t *pair;
    json_array_foreach(answer_member(answer, "duplicates"), index, pair)
    {
        const json_t *one = answer_member(pair, "one");
        const json_t *other = answer_member(pair, "other");
        const char *cells[] = { answer_text(other, "ref"), answer_text(other, "name"), answer_text(one, "ref"),
                                answer_text(one, "name"), say_why(answer_text(pair, "why")) };
        sheet_add(sheet, MARK_PLAIN, cells);
    }
    sheet_close(sheet, &cli->screen, "No two records seem to be of the same person.");
    if (answer_true(answer, "more")) {
        screen_print(&cli->screen, "\nThere are more; merge some of these first.\n");
    }
    return EXIT_DONE;
}

struct merge_input {
    const char *duplicate;
    const char *into;
    const char *reason;
    const char *by;
    bool undo;
    bool confirm;
};

static error_t parse_merge(int key, char *arg, struct argp_state *state)
{
    struct merge_input *input = state->input;
    switch (key) {
    case 'r':
        input->reason = argument_text(state, "--reason", arg);
        return 0;
    case 'b':
        input->by = argument_text(state, "--by", arg);
        return 0;
    case OPTION_UNDO:
        input->undo = true;
        return 0;
    case OPTION_CONFIRM:
        input->confirm = true;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 1) {
            argument_surplus(state, arg);
        }
        *(state->arg_num == 0 ? &input->duplicate : &input->into) = argument_text(state, "the record", arg);
        return 0;
    case ARGP_KEY_END:
        if (input->duplicate == NULL || input->reason == NULL ||
            (input->into == NULL) != (input->undo || input->confirm) || (input->undo && input->confirm)) {
            argp_error(state, "name the duplicate, the record that stays (not with --confirm or --undo), and the "
                              "--reason");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option merge_options[] = {
    { "reason", 'r', "TEXT", 0, "how it is known", 0 },
    { "by", 'b', "NAME", 0, "who decided it; who records it when left out", 0 },
    { "confirm", OPTION_CONFIRM, NULL, 0, "you found so too: of a merge that somebody recorded at another machine", 0 },
    { "undo", OPTION_UNDO, NULL, 0, "they are two people after all", 0 },
    { 0 },
};

const struct argp merge_argp = {
    .options = merge_options,
    .parser = parse_merge,
    .args_doc = "DUPLICATE INTO --reason TEXT\nDUPLICATE --confirm --reason TEXT\nDUPLICATE --undo --reason TEXT",
    .doc = "Says that two records are of the same person, or that this was a mistake."
           "\vBoth records stay as they are. From then on appointments, decisions, breaks and placements of both are "
           "one person's: for the register, for flags and for what follows from them. What counts against the person "
           "(an adverse decision, the contact attempts of a doubt) does so across both only once somebody else, at "
           "another machine, has confirmed it with --confirm.",
};

enum exit_code merge_run(struct cli *cli, int argc, char **argv)
{
    struct merge_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    json_t *body =
        json_pack("{s:s, s:s*, s:s, s:s*, s:b, s:b}", "duplicate", input.duplicate, "into", input.into, "reason",
                  input.reason, "decided_by", input.by, "undo", input.undo, "confirm", input.confirm);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "POST", path_of("/v1/merge"), body, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    screen_print(&cli->screen, "recorded: %s; records of the person now:\n",
                 input.undo      ? "they are two people"
                 : input.confirm ? "they are one person, as two people found"
                                 : "they are one person");
    size_t index;
    const json_t *record;
    json_array_foreach(answer_member(answer, "records"), index, record)
    {
        screen_print(&cli->screen, "  %s, %s\n", answer_text(record, "ref"), answer_text(record, "name"));
    }
    return EXIT_DONE;
}
