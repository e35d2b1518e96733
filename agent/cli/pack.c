/* pack: which programme packs there are and what they say; whether a file is one, before anybody is given it. */
#include <inttypes.h>
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/sheet.h"
#include "agent/cli/text.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/money.h"
#include "store/programme/programme.h"

#include <jansson.h>

enum { PACK_FILE_MAX = 1024 * 1024, HOLIDAYS_SINCE = 2010, HOLIDAYS_UNTIL = 2060 };

static const char *const verbs[] = { "list", "show", "check", NULL };

struct pack_input {
    const char *verb;
    const char *what; /* NAME/VERSION or FILE */
};

static bool is_verb(const struct pack_input *input, const char *verb)
{
    return input->verb == NULL ? strcmp(verb, "list") == 0 : strcmp(input->verb, verb) == 0;
}

static error_t parse_pack(int key, char *arg, struct argp_state *state)
{
    struct pack_input *input = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        if (state->arg_num == 0) {
            input->verb = argument_word(state, "what to do", arg, verbs);
        } else if (state->arg_num == 1 && !is_verb(input, "list")) {
            input->what = arg;
        } else {
            argument_surplus(state, arg);
        }
        return 0;
    case ARGP_KEY_END:
        if (is_verb(input, "check") && input->what == NULL) {
            argp_error(state, "say 'check' and the file of the pack");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp pack_argp = {
    .parser = parse_pack,
    .args_doc = "[list]\nshow [NAME/VERSION]\ncheck FILE",
    .doc =
        "Lists the programme packs that are here (the rules, numbers, codes and holidays of the programme) and which "
        "is in force; shows what one says, that in force unless another is named; or reads a file as the agent "
        "would and says what is in it, or what is wrong with it and where. 'check' needs no agent."
        "\vIn force is the newest of the centre's packs whose day has come: a site does not choose. Before there is "
        "one it is the built-in pack, or the file that the setting programme.pack names, for trials. 'check' ends "
        "with 0 when the pack can be used and 1 when not; 'show --json' prints the pack's file as it is.",
};

/* The years of the bank holidays of a calendar; false when it has none. */
static bool holiday_years(const struct programme *programme, enum calendar calendar, int *ret_first, int *ret_last)
{
    bool found = false;
    for (int year = HOLIDAYS_SINCE; year <= HOLIDAYS_UNTIL; year++) {
        int32_t last = date_from_civil(year, 12, 31);
        for (int32_t day = date_from_civil(year, 1, 1); day <= last; day++) {
            if (calendar_holiday_name(programme, calendar, day) != NULL) {
                *ret_first = found ? *ret_first : year;
                *ret_last = year;
                found = true;
                break;
            }
        }
    }
    return found;
}

static size_t count_codes(const struct programme *programme, enum label_set set)
{
    size_t count = 0;
    while (programme_code_at(programme, set, count) != NULL) {
        count++;
    }
    return count;
}

static json_t *codes_value(const struct programme *programme, enum label_set set)
{
    json_t *codes = json_array();
    const char *code;
    for (size_t i = 0; (code = programme_code_at(programme, set, i)) != NULL; i++) {
        (void)json_array_append_new(codes, json_string(code));
    }
    return codes;
}

static json_t *years_value(const struct programme *programme, enum calendar calendar)
{
    int first;
    int last;
    return holiday_years(programme, calendar, &first, &last) ? json_pack("[i,i]", first, last) : json_null();
}

static void print_json(const struct cli *cli, const struct programme *programme)
{
    json_t *pack =
        json_pack("{s:b,s:s,s:i,s:o,s:o,s:o,s:o,s:{s:o,s:o}}", "usable", 1, "id", programme_id(programme), "version",
                  programme_version(programme), "routes", codes_value(programme, LABEL_ROUTE), "reasons",
                  codes_value(programme, LABEL_REASON), "decline_reasons", codes_value(programme, LABEL_DECLINE),
                  "payment_triggers", codes_value(programme, LABEL_TRIGGER), "bank_holidays",
                  calendar_name(CALENDAR_ENGLAND_WALES), years_value(programme, CALENDAR_ENGLAND_WALES),
                  calendar_name(CALENDAR_SCOTLAND), years_value(programme, CALENDAR_SCOTLAND));
    char *text = json_dumps(pack, JSON_INDENT(2));
    screen_print(&cli->screen, "%s\n", text == NULL ? "" : text);
    free(text);
    json_decref(pack);
}

static void print_payments(const struct screen *screen, const struct programme *programme)
{
    struct payment_trigger trigger;
    for (size_t i = 0; programme_trigger_at(programme, i, &trigger); i++) {
        screen_fact(screen, i == 0 ? "Payments" : "", "%s: %d.%d%% after %d days on placement", trigger.code,
                    trigger.share_permille / 10, trigger.share_permille % 10, trigger.after_days);
    }
    if (programme_person_pence_max(programme) > 0) {
        char most[POUNDS_TEXT_SIZE];
        pounds_format(programme_person_pence_max(programme), most);
        screen_fact(screen, "", "at most %s for a person (%s)", most, programme_payments_source(programme));
    }
}

/* "health: Health / Iechyd" */
static void print_labels(const struct screen *screen, const struct programme *programme, const char *title,
                         enum label_set set)
{
    const char *code;
    for (size_t i = 0; (code = programme_code_at(programme, set, i)) != NULL; i++) {
        screen_fact(screen, i == 0 ? title : "", "%s: %s / %s", code,
                    programme_label(programme, set, code, LANGUAGE_ENGLISH),
                    programme_label(programme, set, code, LANGUAGE_WELSH));
    }
}

static void print_words(const struct cli *cli, const struct programme *programme, const char *verdict)
{
    const struct screen *screen = &cli->screen;
    screen_print(screen, "%s, version %d%s\n", programme_id(programme), programme_version(programme), verdict);
    print_labels(screen, programme, "Routes", LABEL_ROUTE);
    screen_fact(screen, "Codes", "%zu outcomes, %zu reasons, %zu reasons to decline",
                count_codes(programme, LABEL_OUTCOME), count_codes(programme, LABEL_REASON),
                count_codes(programme, LABEL_DECLINE));
    print_labels(screen, programme, "Outcomes", LABEL_OUTCOME);
    print_labels(screen, programme, "Reasons", LABEL_REASON);
    print_labels(screen, programme, "To decline", LABEL_DECLINE);
    print_labels(screen, programme, "Triggers", LABEL_TRIGGER);
    print_payments(screen, programme);
    for (int i = 0; i < CALENDAR_COUNT; i++) {
        int first;
        int last;
        if (holiday_years(programme, (enum calendar)i, &first, &last)) {
            screen_fact(screen, i == 0 ? "Holidays" : "", "%s: %d to %d", calendar_name((enum calendar)i), first, last);
        } else {
            screen_fact(screen, i == 0 ? "Holidays" : "", "%s: none between %d and %d; only weekends would be left out",
                        calendar_name((enum calendar)i), HOLIDAYS_SINCE, HOLIDAYS_UNTIL);
        }
    }
}

/* When it fails, `ret_next` says what to do. */
static enum err_code load(const char *file, struct programme **ret_programme, const char **ret_next, struct error *err)
{
    *ret_next = "give the path of a programme pack that you may read";
    SCOPED(buf_fini) struct buf text;
    buf_init(&text, PACK_FILE_MAX);
    TRY(file_read(file, &text, err));
    *ret_next = "correct the file at that place and check it again";
    return programme_load(buf_slice(&text), ret_programme, err);
}

/* ---- of the agent ---- */

static const struct sheet_column columns[] = {
    { .title = "PACK", .marked = true },
    { .title = "VERSION", .right = true },
    { .title = "FROM" },
    { .title = "IN FORCE FROM" },
    { .title = "NOW", .marked = true },
    { .title = "SHA-256", .flexible = true },
    { 0 },
};

static const char *source_words(const json_t *pack)
{
    const char *source = answer_text(pack, "source");
    return strcmp(source, "centre") == 0       ? "the centre"
           : strcmp(source, "configured") == 0 ? "a file (programme.pack)"
                                               : "built in";
}

static enum exit_code list(struct cli *cli)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/packs"), NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    struct sheet *sheet = sheet_new(columns);
    size_t index;
    const json_t *pack;
    json_array_foreach(answer_member(answer, "packs"), index, pack)
    {
        char version[24];
        bool in_force = answer_true(pack, "in_force");
        (void)snprintf(version, sizeof(version), "%" PRId64, answer_int(pack, "version"));
        const char *cells[] = { answer_text(pack, "name"),  version,
                                source_words(pack),         answer_text(pack, "in_force_from"),
                                in_force ? "in force" : "", answer_text(pack, "sha256") };
        sheet_add(sheet, in_force ? MARK_STRONG : MARK_PLAIN, cells);
    }
    sheet_close(sheet, &cli->screen, "No programme packs.");
    json_array_foreach(answer_member(answer, "refused"), index, pack)
    {
        screen_print(&cli->screen, "Not used: %s\n", answer_text(pack, "reason"));
    }
    if (answer_true(answer, "more")) {
        screen_print(&cli->screen, "There are more; 'holdfast pack show NAME/VERSION' shows any of them.\n");
    }
    return EXIT_DONE;
}

/* The name of the one in force, for show without a name. */
static enum exit_code find_in_force(struct cli *cli, char **ret_path)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/version"), NULL, CALL_TIMEOUT_S, &answer);
    if (code == EXIT_DONE) {
        const json_t *programme = answer_member(answer, "programme");
        char name[128];
        (void)snprintf(name, sizeof(name), "%s/%" PRId64, answer_text(programme, "id"),
                       answer_int(programme, "version"));
        *ret_path = path_of("/v1/packs/%s", name);
    }
    return code;
}

static enum exit_code show(struct cli *cli, const char *name)
{
    SCOPED(answer_free) json_t *answer = NULL;
    char *path = NULL;
    struct programme *programme;
    struct error err;
    enum exit_code code = EXIT_DONE;
    if (name == NULL) {
        code = find_in_force(cli, &path);
    } else {
        path = path_of("/v1/packs/%s", name);
    }
    code = code == EXIT_DONE ? call(cli, "GET", path, NULL, CALL_TIMEOUT_S, &answer) : code;
    if (code != EXIT_DONE) {
        return code;
    }
    struct slice json = slice_of_text(answer_text(answer, "json"));
    if (cli->json) {
        screen_print(&cli->screen, "%.*s", (int)json.len, (const char *)json.data);
        return EXIT_DONE;
    }
    if (programme_load(json, &programme, &err) != ERR_OK) {
        return call_refused(cli, &err);
    }
    const json_t *pack = answer_member(answer, "pack");
    print_words(cli, programme, "");
    screen_fact(&cli->screen, "From", "%s%s%s%s", source_words(pack),
                answer_has(pack, "in_force_from") ? ", in force from " : "", answer_text(pack, "in_force_from"),
                answer_true(pack, "in_force") ? "; it is in force" : "; it is not in force now");
    screen_fact(&cli->screen, "SHA-256", "%s", answer_text(pack, "sha256"));
    programme_free(programme);
    return EXIT_DONE;
}

/* ---- of a file ---- */

static enum exit_code check(struct cli *cli, const char *file)
{
    struct programme *programme;
    const char *next;
    struct error err;
    if (load(file, &programme, &next, &err) != ERR_OK) {
        screen_print(&cli->notes, "holdfast pack: %s\nnext: %s\n", err.message, next);
        return EXIT_REFUSED;
    }
    if (cli->json) {
        print_json(cli, programme);
    } else {
        print_words(cli, programme, ": can be used.");
    }
    programme_free(programme);
    return EXIT_DONE;
}

enum exit_code pack_run(struct cli *cli, int argc, char **argv)
{
    struct pack_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    if (is_verb(&input, "check")) {
        return check(cli, input.what);
    }
    return is_verb(&input, "show") ? show(cli, input.what) : list(cli);
}
