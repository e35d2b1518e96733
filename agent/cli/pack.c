/* pack: whether a file is a programme pack, before an agent is given it. */
#include <string.h>

#include "agent/cli/argument.h"
#include "agent/cli/command.h"
#include "agent/cli/text.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/money.h"
#include "store/programme/programme.h"

#include <jansson.h>

enum { PACK_FILE_MAX = 1024 * 1024, HOLIDAYS_SINCE = 2010, HOLIDAYS_UNTIL = 2060 };

struct pack_input {
    const char *verb;
    const char *file;
};

static error_t parse_pack(int key, char *arg, struct argp_state *state)
{
    struct pack_input *input = state->input;
    switch (key) {
    case ARGP_KEY_ARG:
        if (state->arg_num == 0) {
            input->verb = arg;
        } else if (state->arg_num == 1) {
            input->file = arg;
        } else {
            argument_surplus(state, arg);
        }
        return 0;
    case ARGP_KEY_END:
        if (input->verb == NULL || strcmp(input->verb, "check") != 0 || input->file == NULL) {
            argp_error(state, "say 'check' and the file of the pack");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp pack_argp = {
    .parser = parse_pack,
    .args_doc = "check FILE",
    .doc = "Reads a programme pack as the agent would and says what is in it, or what is wrong with it and where. No "
           "agent is needed."
           "\vAn agent uses the pack that the setting programme.pack names, and the built-in one without. Ends with 0 "
           "when the pack can be used and 1 when not.",
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
    json_t *pack = json_pack("{s:b,s:s,s:i,s:o,s:o,s:o,s:{s:o,s:o}}", "usable", 1, "id", programme_id(programme),
                             "version", programme_version(programme), "routes", codes_value(programme, LABEL_ROUTE),
                             "reasons", codes_value(programme, LABEL_REASON), "payment_triggers",
                             codes_value(programme, LABEL_TRIGGER), "bank_holidays",
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

static void print_words(const struct cli *cli, const struct programme *programme)
{
    const struct screen *screen = &cli->screen;
    screen_print(screen, "%s, version %d: can be used.\n", programme_id(programme), programme_version(programme));
    const char *code;
    for (size_t i = 0; (code = programme_code_at(programme, LABEL_ROUTE, i)) != NULL; i++) {
        screen_fact(screen, i == 0 ? "Routes" : "", "%s: %s / %s", code,
                    programme_label(programme, LABEL_ROUTE, code, LANGUAGE_ENGLISH),
                    programme_label(programme, LABEL_ROUTE, code, LANGUAGE_WELSH));
    }
    screen_fact(screen, "Codes", "%zu outcomes, %zu reasons", count_codes(programme, LABEL_OUTCOME),
                count_codes(programme, LABEL_REASON));
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

static enum err_code load(const char *file, struct programme **ret_programme, struct error *err)
{
    SCOPED(buf_fini) struct buf text;
    buf_init(&text, PACK_FILE_MAX);
    TRY(file_read(file, &text, err));
    return programme_load(buf_slice(&text), ret_programme, err);
}

enum exit_code pack_run(struct cli *cli, int argc, char **argv)
{
    struct pack_input input = { 0 };
    struct programme *programme;
    struct error err;
    command_parse(cli, argc, argv, &input);
    if (load(input.file, &programme, &err) != ERR_OK) {
        screen_print(&cli->notes, "holdfast pack: %s\nnext: correct the file at that place and check it again\n",
                     err.message);
        return EXIT_REFUSED;
    }
    if (cli->json) {
        print_json(cli, programme);
    } else {
        print_words(cli, programme);
    }
    programme_free(programme);
    return EXIT_DONE;
}
