/* erase, retention: what is recorded goes, for a stated reason and on somebody's decision. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/human.h"
#include "agent/cli/sheet.h"

enum { OPTION_GROUND = 0x300, OPTION_BY, OPTION_REASON, OPTION_CONFIRMED_BY, OPTION_YES };

#define BY_DOC "who decided it; left out, who is signed in"

struct erase_input {
    const char *what; /* of retention: list, kinds or run */
    const char *ground;
    const char *by;
    const char *reason;
    const char *confirmed_by;
    bool yes;
};

static error_t parse_option(int key, char *arg, struct argp_state *state, struct erase_input *input)
{
    static const char *const grounds[] = { "retention", "right", NULL };
    switch (key) {
    case OPTION_GROUND:
        input->ground = argument_word(state, "--ground", arg, grounds);
        return 0;
    case OPTION_BY:
        input->by = argument_text(state, "--by", arg);
        return 0;
    case OPTION_REASON:
        input->reason = argument_text(state, "--reason", arg);
        return 0;
    case OPTION_CONFIRMED_BY:
        input->confirmed_by = argument_text(state, "--confirmed-by", arg);
        return 0;
    case OPTION_YES:
        input->yes = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static bool agreed(const struct cli *cli, bool yes, const char *question)
{
    char line[16];
    if (yes) {
        return true;
    }
    if (isatty(STDIN_FILENO) != 1) {
        screen_print(&cli->notes, "holdfast %s: nobody is there to be asked; --yes says that it is meant\n",
                     cli->command->name);
        return false;
    }
    screen_print(&cli->notes, "%s Type yes: ", question);
    (void)fflush(cli->notes.out);
    bool meant = fgets(line, sizeof(line), stdin) != NULL && strcmp(line, "yes\n") == 0;
    if (!meant) {
        screen_print(&cli->notes, "holdfast %s: not confirmed; nothing was changed\n", cli->command->name);
    }
    return meant;
}

/* What nobody can take back is decided by somebody with a name: whoever is signed in, or else one that is given. */
static enum exit_code decider(struct cli *cli, const struct erase_input *input, const json_t *look)
{
    struct error err;
    if (input->by != NULL || answer_has(look, "by")) {
        return EXIT_DONE;
    }
    (void)FAIL(&err, INVALID, "erase: nobody is signed in here by name: say with --by NAME who decided it");
    return call_refused(cli, &err);
}

/* ---- erase ---- */

static error_t parse_erase(int key, char *arg, struct argp_state *state)
{
    struct erase_input *input = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        input->what = argument_text(state, "what to erase", argument_only(state, arg));
        return 0;
    case ARGP_KEY_END:
        if (input->what == NULL || input->ground == NULL || input->reason == NULL) {
            argp_error(state, "name a person, a session or a record, and give --ground and --reason");
        }
        return 0;
    default:
        return parse_option(key, arg, state, input);
    }
}

static const struct argp_option erase_options[] = {
    { "ground", OPTION_GROUND, "GROUND", 0, "retention (its time is over) or right (the person asked for it)", 0 },
    { "by", OPTION_BY, "NAME", 0, BY_DOC, 0 },
    { "reason", OPTION_REASON, "TEXT", 0, "a reference, such as of a letter; not the person's name: it stays", 0 },
    { "confirmed-by", OPTION_CONFIRMED_BY, "NAME", 0,
      "a second person, where a dispute or a decision holds it back; with the ground right", 0 },
    { "yes", OPTION_YES, NULL, 0, "do not ask whether that is meant", 0 },
    { 0 },
};

const struct argp erase_argp = {
    .options = erase_options,
    .parser = parse_erase,
    .args_doc = "PERSON|SESSION|ENTRY",
    .doc =
        "Erases what is recorded about a person (everything of the organisation's own), about one session, a placement "
        "or a referral, or one entry of the log (as 'holdfast log' names it). Says first what will go."
        "\vIt goes on this machine, at the centre and on every other laptop of the site at its next exchange, and "
        "cannot "
        "be undone. That something was there, when, and who recorded it stays in the log, which still verifies. What "
        "the "
        "Jobcentre wrote only its own endpoint can erase. A backup holds what was in it until it is replaced. The last "
        "record of a break, of a review that found no doubt in a session, or of a voluntary referral goes with the "
        "person alone; what was erased of the "
        "rest may have spoken for the person, so that no compliance doubt stands on what is left.",
};

static json_t *erase_body(const struct erase_input *input, bool dry)
{
    return json_pack("{s:s,s:s?,s:s*,s:s?,s:s?,s:b}", "what", input->what, "ground", input->ground, "by", input->by,
                     "reason", input->reason, "confirmed_by", input->confirmed_by, "dry_run", dry);
}

static void print_refs(const struct screen *screen, const char *title, const json_t *refs)
{
    for (size_t i = 0; i < json_array_size(refs); i++) {
        screen_print(screen, "%s%s", i == 0 ? title : ", ", json_string_value(json_array_get(refs, i)));
    }
    screen_print(screen, "\n");
}

static void print_counts(const struct cli *cli, const struct screen *screen, const json_t *answer, const char *title)
{
    const char *name;
    json_t *count;
    size_t index;
    const json_t *hold;
    struct human records = human_count((uint64_t)answer_int(answer, "records"), "record", "records");
    const json_t *people = answer_member(answer, "people");
    screen_print(screen, "%s %s about this %s:\n", title, records.text, answer_text(answer, "kind"));
    if (json_array_size(people) > 1) {
        print_refs(screen, "  surely one person, as two people found: ", people);
    }
    json_object_foreach(answer_member(answer, "counts"), name, count)
    {
        screen_print(screen, "  %-20s %lld\n", name, (long long)json_integer_value(count));
    }
    if (json_array_size(answer_member(answer, "unconfirmed")) > 0) {
        print_refs(screen, "Merged with it, which nobody else has confirmed, so that they stay: ",
                   answer_member(answer, "unconfirmed"));
        screen_print(screen, "If they are of the same person, confirm the merge first, or erase each by its name.\n");
    }
    if (answer_int(answer, "of_centre") > 0) {
        screen_print(screen, "%lld more were written by the Jobcentre, which alone can erase them: ask it to.\n",
                     (long long)answer_int(answer, "of_centre"));
    }
    json_array_foreach(answer_member(answer, "holds"), index, hold)
    {
        screen_print(screen, "%sHeld back%s: %s\n", screen_mark(&cli->screen, MARK_WARNING),
                     screen_unmark(&cli->screen), json_string_value(hold));
    }
}

enum exit_code erase_run(struct cli *cli, int argc, char **argv)
{
    struct erase_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    SCOPED(answer_free) json_t *look = NULL;
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "POST", path_of("/v1/erase"), erase_body(&input, true), CALL_NO_TIMEOUT, &look);
    code = code == EXIT_DONE ? decider(cli, &input, look) : code;
    if (code != EXIT_DONE) {
        return code;
    }
    answer_clean(look);
    print_counts(cli, &cli->notes, look, "To erase:");
    if (!agreed(cli, input.yes, "This cannot be undone.")) {
        return EXIT_REFUSED;
    }
    code = call(cli, "POST", path_of("/v1/erase"), erase_body(&input, false), CALL_NO_TIMEOUT, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    print_counts(cli, &cli->screen, answer, "Erased");
    screen_print(&cli->screen, "The centre and the site's other machines follow at their next exchange. Make a new "
                               "backup and destroy older ones: they still hold it.\n");
    return EXIT_DONE;
}

/* ---- retention ---- */

static error_t parse_retention(int key, char *arg, struct argp_state *state)
{
    static const char *const words[] = { "list", "kinds", "run", NULL };
    struct erase_input *input = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        input->what = argument_word(state, "the first argument", argument_only(state, arg), words);
        return 0;
    case ARGP_KEY_END:
        if (input->what != NULL && strcmp(input->what, "run") == 0 && input->reason == NULL) {
            argp_error(state, "run needs --reason");
        }
        return 0;
    default:
        return parse_option(key, arg, state, input);
    }
}

static const struct argp_option retention_options[] = {
    { "by", OPTION_BY, "NAME", 0, BY_DOC " (run)", 0 },
    { "reason", OPTION_REASON, "TEXT", 0, "a reference; not a person's name (run)", 0 },
    { "yes", OPTION_YES, NULL, 0, "do not ask whether that is meant (run)", 0 },
    { 0 },
};

const struct argp retention_argp = {
    .options = retention_options,
    .parser = parse_retention,
    .args_doc = "[list|kinds|run]",
    .doc =
        "Lists the people whose records have been kept for as long as the setting retention.months says after the "
        "last day they are about; or says of each kind of record how long and why it is kept, how many are here, are "
        "due, will be within a year and are held back; or erases those that nothing holds back."
        "\vNothing is erased by itself. Whoever is held back by a dispute, a compliance doubt, a challenge without an "
        "answer or a decision that can still be challenged stays, and is listed with the reason.",
};

static void add_due(struct sheet *sheet, const json_t *due)
{
    int32_t day = 0;
    struct human newest = { "" };
    char records[32];
    char who[160];
    const json_t *holds = answer_member(due, "holds");
    const char *hold = json_string_value(json_array_get(holds, 0));
    if (answer_day(due, "newest_day", &day)) {
        newest = human_day(day);
    }
    (void)snprintf(records, sizeof(records), "%lld", (long long)answer_int(due, "records"));
    const char *ref = answer_text(due, answer_has(due, "ref") ? "ref" : "id");
    const char *kind = answer_text(due, "kind");
    bool person = strcmp(kind, "participant") == 0;
    (void)snprintf(who, sizeof(who), "not known: %s %s", kind, ref);
    const char *cells[] = { person ? ref : who, newest.text, records, hold != NULL ? hold : "" };
    sheet_add(sheet, hold != NULL ? MARK_WARNING : MARK_PLAIN, cells);
}

/* "Together: attendance 12, placement 2." */
static void print_kinds(struct cli *cli, const json_t *answer)
{
    json_t *sum = json_object();
    size_t index;
    const json_t *due;
    const char *kind;
    json_t *count;
    json_array_foreach(answer_member(answer, "due"), index, due)
    {
        json_object_foreach((json_t *)(uintptr_t)answer_member(due, "counts"), kind, count)
        {
            json_int_t so_far = json_integer_value(json_object_get(sum, kind));
            (void)json_object_set_new(sum, kind, json_integer(so_far + json_integer_value(count)));
        }
    }
    const char *before = "Together: ";
    json_object_foreach(sum, kind, count)
    {
        screen_print(&cli->screen, "%s%s %lld", before, kind, (long long)json_integer_value(count));
        before = ", ";
    }
    screen_print(&cli->screen, json_object_size(sum) > 0 ? ".\n" : "");
    json_decref(sum);
}

static void print_due(struct cli *cli, const json_t *answer)
{
    static const struct sheet_column columns[] = {
        { .title = "PERSON" },
        { .title = "NEWEST DAY" },
        { .title = "RECORDS", .right = true },
        { .title = "HELD BACK", .flexible = true, .marked = true },
        { 0 },
    };
    struct sheet *sheet = sheet_new(columns);
    size_t index;
    const json_t *due;
    json_array_foreach(answer_member(answer, "due"), index, due)
    {
        add_due(sheet, due);
    }
    if (answer_int(answer, "months") == 0) {
        screen_print(&cli->screen, "Nothing is ever due: retention.months is 0.\n");
    } else if (sheet_rows(sheet) == 0) {
        screen_print(&cli->screen, "Nobody's records are due (kept for %lld months).\n",
                     (long long)answer_int(answer, "months"));
    } else {
        sheet_print(sheet, &cli->screen);
        print_kinds(cli, answer);
    }
    if (answer_true(answer, "more")) {
        screen_print(&cli->screen, "There are more; these have been due for longest. 'run' takes all.\n");
    }
    sheet_free(sheet);
}

/* ---- of each kind ---- */

/* "dispute 2, doubt 1" */
static void hold_text(const json_t *holds, char *out, size_t size)
{
    const char *name;
    json_t *count;
    size_t len = 0;
    out[0] = '\0';
    json_object_foreach((json_t *)(uintptr_t)holds, name, count)
    {
        int more = snprintf(out + len, size - len, "%s%s %lld", len > 0 ? ", " : "", name,
                            (long long)json_integer_value(count));
        if (more < 0 || (size_t)more >= size - len) {
            return;
        }
        len += (size_t)more;
    }
}

static void add_kind(struct sheet *sheet, const json_t *kind)
{
    static const char *const members[] = { "held", "due", "due_in_year" };
    char numbers[ARRAY_LEN(members)][24];
    char holds[160];
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        (void)snprintf(numbers[i], sizeof(numbers[i]), "%lld", (long long)answer_int(kind, members[i]));
    }
    hold_text(answer_member(kind, "held_back_by"), holds, sizeof(holds));
    const char *kept = answer_text(kind, "kept");
    const char *until = strcmp(kept, "always") == 0   ? "always"
                        : strcmp(kept, "centre") == 0 ? "at the centre"
                                                      : "with the person";
    const char *cells[] = { answer_text(kind, "kind"), until, numbers[0], numbers[1], numbers[2], holds,
                            answer_text(kind, "why") };
    sheet_add(sheet, holds[0] != '\0' ? MARK_WARNING : MARK_PLAIN, cells);
}

static void print_retention_kinds(struct cli *cli, const json_t *answer)
{
    static const struct sheet_column columns[] = {
        { .title = "KIND" },
        { .title = "KEPT" },
        { .title = "HELD", .right = true },
        { .title = "DUE", .right = true },
        { .title = "IN A YEAR", .right = true },
        { .title = "HELD BACK BY", .flexible = true, .marked = true },
        { .title = "WHY", .flexible = true },
        { 0 },
    };
    struct sheet *sheet = sheet_new(columns);
    size_t index;
    const json_t *kind;
    json_array_foreach(answer_member(answer, "kinds"), index, kind)
    {
        add_kind(sheet, kind);
    }
    sheet_print(sheet, &cli->screen);
    sheet_free(sheet);
    if (answer_int(answer, "months") == 0) {
        screen_print(&cli->screen, "Nothing is ever due: retention.months is 0.\n");
        return;
    }
    screen_print(&cli->screen, "With the person: due %lld months after the newest day about them.\n",
                 (long long)answer_int(answer, "months"));
}

static enum exit_code retention_kinds(struct cli *cli)
{
    SCOPED(answer_free) json_t *kinds = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/retention/kinds"), NULL, CALL_NO_TIMEOUT, &kinds);
    if (code == EXIT_DONE && !call_printed(cli, kinds)) {
        print_retention_kinds(cli, kinds);
    }
    return code;
}

enum exit_code retention_run(struct cli *cli, int argc, char **argv)
{
    struct erase_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    bool run = input.what != NULL && strcmp(input.what, "run") == 0;
    if (input.what != NULL && strcmp(input.what, "kinds") == 0) {
        return retention_kinds(cli);
    }
    SCOPED(answer_free) json_t *list = NULL;
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/retention"), NULL, CALL_NO_TIMEOUT, &list);
    if (code != EXIT_DONE || (!run && call_printed(cli, list))) {
        return code;
    }
    if (!run) {
        print_due(cli, list);
        return EXIT_DONE;
    }
    code = decider(cli, &input, list);
    if (code != EXIT_DONE) {
        return code;
    }
    struct human due = human_count(json_array_size(answer_member(list, "due")), "person's", "people's");
    screen_print(&cli->notes, "%s%s records are due.\n", answer_true(list, "more") ? "More than " : "", due.text);
    if (!agreed(cli, input.yes, "To erase them cannot be undone.")) {
        return EXIT_REFUSED;
    }
    json_t *body = json_pack("{s:s*,s:s}", "by", input.by, "reason", input.reason);
    code = call(cli, "POST", path_of("/v1/retention/run"), body, CALL_NO_TIMEOUT, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    struct human records = human_count((uint64_t)answer_int(answer, "records"), "record", "records");
    struct human people = human_count((uint64_t)answer_int(answer, "people"), "person", "people");
    struct human held = human_count((uint64_t)answer_int(answer, "held"), "person was", "people were");
    screen_print(&cli->screen, "Erased %s about %s; %s held back.\n", records.text, people.text, held.text);
    return EXIT_DONE;
}
