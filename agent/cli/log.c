/* log, verify, rebuild: the signed log under the tables. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/human.h"
#include "agent/cli/memory.h"
#include "agent/cli/progress.h"
#include "agent/cli/sheet.h"
#include "agent/cli/text.h"

enum { LOG_LIMIT_MAX = 200000, OPTION_SET_ASIDE = 0x9701 };

struct log_input {
    const char *subject;
    const char *limit;
    bool quarantined;
    bool aside;
};

static error_t parse_log(int key, char *arg, struct argp_state *state)
{
    struct log_input *input = state->input;
    switch (key) {
    case 's':
        input->subject = arg;
        return 0;
    case 'l':
        (void)argument_number(state, "--limit", arg, 1, LOG_LIMIT_MAX);
        input->limit = arg;
        return 0;
    case 'q':
        input->quarantined = true;
        return 0;
    case OPTION_SET_ASIDE:
        input->aside = true;
        return 0;
    default:
        return argument_none(key, arg, state);
    }
}

static const struct argp_option log_options[] = {
    { "subject", 's', "ID", 0,
      "only about this record: an id, a session, or the ref of a placement, referral or person", 0 },
    { "limit", 'l', "N", 0, "at most this many entries (100)", 0 },
    { "quarantined", 'q', NULL, 0, "only entries that were not accepted, with the reason", 0 },
    { "set-aside", OPTION_SET_ASIDE, NULL, 0,
      "what gave way to the centre's records under the same numbers (accept --history); it is in no table", 0 },
    { 0 },
};

const struct argp log_argp = {
    .options = log_options,
    .parser = parse_log,
    .doc = "Shows the log from which the tables are made, newest first."
           "\vWHERE says how far an entry got: waits (made here, not yet at the centre), centre (made here and safe at "
           "the "
           "centre), received (made elsewhere), not accepted (kept aside; the reason is in the last column).",
};

static const struct sheet_column columns[] = {
    { .title = "RECORDED" },
    { .title = "ENTRY" },
    { .title = "KIND" },
    { .title = "ABOUT" },
    { .title = "BY" },
    { .title = "WHERE", .marked = true },
    { .title = "WHAT", .flexible = true },
    { 0 },
};

/* "outcome=absent minutes=0"; for what was not accepted the reason. Free it. */
static char *say_fields(const json_t *entry)
{
    char *words = NULL;
    size_t size = 0;
    FILE *out = must_have(open_memstream(&words, &size));
    if (answer_has(entry, "quarantine")) {
        (void)fprintf(out, "%s: ", answer_text(entry, "quarantine"));
    }
    if (answer_has(entry, "same_as")) {
        const json_t *first = answer_member(entry, "same_as");
        (void)fprintf(out, "the same as %.8s/%" PRId64 "/%" PRId64 ", issued again: ", answer_text(first, "device"),
                      answer_int(first, "incarnation"), answer_int(first, "seq"));
    }
    const char *name;
    json_t *value;
    const char *gap = "";
    json_object_foreach(answer_member(entry, "fields"), name, value)
    {
        if (json_is_null(value)) {
            continue;
        }
        char *visible = text_visible(name, false);
        (void)fprintf(out, "%s%s=", gap, visible);
        free(visible);
        if (json_is_string(value)) {
            (void)fputs(json_string_value(value), out);
        } else {
            (void)json_dumpf(value, out, JSON_ENCODE_ANY | JSON_COMPACT);
        }
        gap = " ";
    }
    if (answer_true(entry, "erased")) {
        (void)fputs("erased", out);
    }
    (void)fclose(out);
    return must_have(words);
}

static void add_to_sheet(struct sheet *sheet, const json_t *entry)
{
    struct human recorded = { "" };
    int64_t at_ms;
    if (answer_instant(entry, "recorded_at", &at_ms)) {
        recorded = human_stamp(at_ms);
    }
    const json_t *op = answer_member(entry, "op");
    char name[64];
    (void)snprintf(name, sizeof(name), "%.8s/%" PRId64 "/%" PRId64, answer_text(op, "device"),
                   answer_int(op, "incarnation"), answer_int(op, "seq"));
    char about[96];
    bool session = answer_has(entry, "subject_name");
    bool named = session || answer_has(entry, "subject_ref");
    (void)snprintf(about, sizeof(about), named ? "%.90s" : "%.8s",
                   answer_text(entry, session ? "subject_name"
                                      : named ? "subject_ref"
                                              : "subject"));
    bool refused = answer_has(entry, "quarantine");
    bool waits = answer_true(entry, "own") && !answer_true(entry, "acknowledged");
    SCOPED(scoped_free) char *fields = say_fields(entry);
    const char *cells[] = {
        recorded.text,
        name,
        answer_text(entry, "kind"),
        about,
        answer_text(entry, "actor"),
        refused                     ? "not accepted"
        : waits                     ? "waits"
        : answer_true(entry, "own") ? "centre"
                                    : "received",
        fields,
    };
    sheet_add(sheet, refused ? MARK_BAD : waits ? MARK_WARNING : MARK_PLAIN, cells);
}

enum exit_code log_run(struct cli *cli, int argc, char **argv)
{
    struct log_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    char *path = path_of("/v1/log");
    path_add(&path, "subject", input.subject);
    path_add(&path, "limit", input.limit);
    path_add(&path, "quarantined", input.quarantined ? "1" : NULL);
    path_add(&path, "set_aside", input.aside ? "1" : NULL);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path, NULL, CALL_NO_TIMEOUT, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    struct sheet *sheet = sheet_new(columns);
    size_t index;
    const json_t *entry;
    json_array_foreach(answer_member(answer, "entries"), index, entry)
    {
        add_to_sheet(sheet, entry);
    }
    sheet_close(sheet, &cli->screen, "No entries.");
    if (answer_true(answer, "more")) {
        screen_print(&cli->screen, "\nThere are older ones; --limit N shows more.\n");
    }
    return EXIT_DONE;
}

static error_t parse_nothing(int key, char *arg, struct argp_state *state)
{
    if (key == ARGP_KEY_ARG) {
        argument_surplus(state, arg);
    }
    return ARGP_ERR_UNKNOWN;
}

const struct argp rebuild_argp = {
    .parser = parse_nothing,
    .doc = "Makes every table again from the log and says whether they are the same as before. Takes seconds for "
           "100,000 records; other commands wait for it meanwhile, up to a minute.",
};

enum exit_code rebuild_run(struct cli *cli, int argc, char **argv)
{
    command_parse(cli, argc, argv, NULL);
    SCOPED(answer_free) json_t *answer = NULL;
    progress_begin(cli, "preparing");
    enum exit_code code = call(cli, "POST", path_of("/v1/rebuild"), json_object(), CALL_NO_TIMEOUT, &answer);
    progress_end(cli);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    struct human took = human_duration(answer_int(answer, "duration_ms"));
    const struct screen *screen = &cli->screen;
    if (answer_true(answer, "same")) {
        screen_print(screen, "rebuilt: the tables are the same as before\n");
    } else {
        screen_print(screen, "rebuilt: the tables differed from the log and now follow it\n");
        screen_fact(screen, "Before", "%s", answer_text(answer, "digest_before"));
    }
    screen_fact(screen, "Tables", "%s", answer_text(answer, "digest_after"));
    screen_fact(screen, "Took", "%s", took.text);
    return EXIT_DONE;
}
