/* audit: who read what is for few to read, and who changed what. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/human.h"
#include "agent/cli/sheet.h"

enum {
    OPTION_PERSON = 0x5301,
    OPTION_SINCE,
    OPTION_UNTIL,
    OPTION_ABOUT,
    OPTION_ACTION,
    OPTION_VERIFY,
    OPTION_LIMIT,
    OPTION_BEFORE,
    LIMIT_MAX = 5000
};

static const char *const actions[] = { "read", "change", "sign_in", "unlock", NULL };

struct audit_input {
    const char *person;
    const char *since;
    const char *until;
    const char *about;
    const char *action;
    const char *limit;
    const char *before;
    bool verify;
};

static error_t parse_audit(int key, char *arg, struct argp_state *state)
{
    struct audit_input *input = state->input;
    switch (key) {
    case OPTION_PERSON:
        input->person = argument_text(state, "--person", arg);
        return 0;
    case OPTION_SINCE:
        input->since = argument_day(state, "--from", arg);
        return 0;
    case OPTION_UNTIL:
        input->until = argument_day(state, "--to", arg);
        return 0;
    case OPTION_ABOUT:
        input->about = argument_text(state, "--about", arg);
        return 0;
    case OPTION_ACTION:
        input->action = argument_word(state, "--action", arg, actions);
        return 0;
    case OPTION_LIMIT:
        (void)argument_number(state, "--limit", arg, 1, LIMIT_MAX);
        input->limit = arg;
        return 0;
    case OPTION_BEFORE:
        input->before = argument_text(state, "--before", arg);
        return 0;
    case OPTION_VERIFY:
        input->verify = true;
        return 0;
    default:
        return argument_none(key, arg, state);
    }
}

static const struct argp_option options[] = {
    { "person", OPTION_PERSON, "NAME", 0, "what this person read and changed", 0 },
    { "from", OPTION_SINCE, "DAY", 0, "from this day on (yyyy-mm-dd)", 0 },
    { "since", 0, NULL, OPTION_ALIAS | OPTION_HIDDEN, NULL, 0 },
    { "to", OPTION_UNTIL, "DAY", 0, "up to this day (yyyy-mm-dd)", 0 },
    { "until", 0, NULL, OPTION_ALIAS | OPTION_HIDDEN, NULL, 0 },
    { "about", OPTION_ABOUT, "PARTICIPANT", 0, "what was read and changed about this participant", 0 },
    { "action", OPTION_ACTION, "ACTION", 0, "read, change, sign_in or unlock", 0 },
    { "limit", OPTION_LIMIT, "N", 0, "at most so many, 200 when left out", 0 },
    { "before", OPTION_BEFORE, "MARK", 0, "go on where a list ended, by the mark that it ended with", 0 },
    { "verify", OPTION_VERIFY, NULL, 0, "check that nothing was taken out or changed", 0 },
    { 0 },
};

const struct argp audit_argp = {
    .options = options,
    .parser = parse_audit,
    .doc = "Lists who read what is for few to read, who changed what on this machine, who signed in and who unlocked "
           "it, or "
           "could not, newest first: the record and "
           "the "
           "names of its fields, never what they say."
           "\vReading is noted before anything is shown. The notes stay on this machine, nobody can change or delete "
           "them, "
           "and each one covers the one before: --verify checks all of them. Changes are read from the signed log.",
};

static const struct sheet_column columns[] = {
    { .title = "WHEN" },   { .title = "WHO", .flexible = true },    { .title = "DID" },
    { .title = "RECORD" }, { .title = "FIELDS", .flexible = true }, { 0 },
};

static void add_entry(struct sheet *sheet, const json_t *entry)
{
    char record[80];
    int64_t at_ms = 0;
    (void)answer_instant(entry, "at", &at_ms);
    struct human at = human_stamp(at_ms);
    (void)snprintf(record, sizeof(record), "%.40s %.8s", answer_text(entry, "kind"), answer_text(entry, "subject"));
    const char *cells[] = { at.text, answer_text(entry, "person"), answer_text(entry, "action"), record,
                            answer_text(entry, "fields") };
    sheet_add(sheet, MARK_PLAIN, cells);
}

static enum exit_code verify(struct cli *cli)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/audit/verify"), NULL, CALL_NO_TIMEOUT, &answer);
    if (code != EXIT_DONE) {
        return code;
    }
    bool whole = answer_true(answer, "whole");
    if (!call_printed(cli, answer)) {
        if (whole) {
            screen_print(&cli->screen, "whole: %" PRId64 " notes of who read or changed what\n",
                         answer_int(answer, "rows"));
        } else {
            screen_print(&cli->notes,
                         "holdfast audit: note %" PRId64 " of %" PRId64 " is not what was written; keep the state "
                         "folder as it is and tell whoever looks after this machine\n",
                         answer_int(answer, "first_wrong"), answer_int(answer, "rows"));
        }
    }
    return whole ? EXIT_DONE : EXIT_REFUSED;
}

enum exit_code audit_run(struct cli *cli, int argc, char **argv)
{
    struct audit_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    if (input.verify) {
        return verify(cli);
    }
    char *path = path_of("/v1/audit");
    path_add(&path, "person", input.person);
    path_add(&path, "since", input.since);
    path_add(&path, "until", input.until);
    path_add(&path, "about", input.about);
    path_add(&path, "action", input.action);
    path_add(&path, "limit", input.limit);
    path_add(&path, "before", input.before);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path, NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    struct sheet *sheet = sheet_new(columns);
    size_t index;
    const json_t *entry;
    json_array_foreach(answer_member(answer, "entries"), index, entry)
    {
        add_entry(sheet, entry);
    }
    sheet_close(sheet, &cli->screen, "Nobody read or changed anything in that time.");
    if (answer_true(answer, "more")) {
        screen_print(&cli->screen,
                     "\nThere are more: go on with the same command and --before %s, or narrow them with --person, "
                     "--about, --action, --from and --to.\n",
                     answer_text(answer, "next"));
    }
    return EXIT_DONE;
}
