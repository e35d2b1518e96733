/* services, service: help that is bought by spot purchase or as a block: what is used and what is left. */
#include <inttypes.h>
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/fields.h"
#include "agent/cli/sheet.h"
#include "base/clock.h"

struct services_input {
    const char *contract;
};

static error_t parse_services(int key, char *arg, struct argp_state *state)
{
    struct services_input *input = state->input;
    if (key == ARGP_KEY_ARG && state->arg_num == 0) {
        input->contract = argument_text(state, "CONTRACT", arg);
        return 0;
    }
    if (key == ARGP_KEY_ARG) {
        argument_surplus(state, arg);
    }
    return ARGP_ERR_UNKNOWN;
}

const struct argp services_argp = {
    .parser = parse_services,
    .args_doc = "[CONTRACT]",
    .doc =
        "Shows the help that is bought by the unit or as a block: what is used of each contract and what is left; with "
        "CONTRACT each use of it, the one said last first.",
};

static const struct sheet_column left_columns[] = {
    { .title = "CONTRACT" },
    { .title = "WITH", .flexible = true },
    { .title = "FORM" },
    { .title = "UNIT" },
    { .title = "BOUGHT", .right = true },
    { .title = "USED", .right = true },
    { .title = "LEFT", .right = true, .marked = true },
    { .title = "A UNIT", .right = true },
    { .title = "UNTIL" },
    { 0 },
};

static void add_contract(struct sheet *sheet, const json_t *contract)
{
    struct human unit = fields_pounds(contract, "unit_pence");
    char bought[24] = "";
    char used[24];
    char left[24] = "";
    bool counted = answer_has(contract, "left_units");
    if (counted) {
        (void)snprintf(bought, sizeof(bought), "%" PRId64, answer_int(contract, "units"));
        (void)snprintf(left, sizeof(left), "%" PRId64, answer_int(contract, "left_units"));
    }
    (void)snprintf(used, sizeof(used), "%" PRId64, answer_int(contract, "used_units"));
    const char *cells[] = { answer_text(contract, "ref"),
                            answer_text(contract, "prime"),
                            answer_text(contract, "form"),
                            answer_text(contract, "unit"),
                            bought,
                            used,
                            left,
                            unit.text,
                            answer_text(contract, "ends_on") };
    sheet_add(sheet, counted && answer_int(contract, "left_units") <= 0 ? MARK_WARNING : MARK_PLAIN, cells);
}

static enum exit_code list_contracts(struct cli *cli)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/contracts"), NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    struct sheet *sheet = sheet_new(left_columns);
    size_t index;
    const json_t *contract;
    json_array_foreach(answer_member(answer, "contracts"), index, contract)
    {
        if (strcmp(answer_text(contract, "form"), "payment_by_results") != 0) {
            add_contract(sheet, contract);
        }
    }
    if (sheet_rows(sheet) == 0) {
        screen_print(&cli->screen, "No help is bought; 'holdfast contract add REF --form spot_purchase --from DAY' "
                                   "records a contract.\n");
    } else {
        sheet_print(sheet, &cli->screen);
    }
    sheet_free(sheet);
    return EXIT_DONE;
}

static const struct sheet_column use_columns[] = {
    { .title = "DAY" },      { .title = "UNITS", .right = true }, { .title = "WHAT", .flexible = true },
    { .title = "REFERRAL" }, { .title = "BY", .flexible = true }, { 0 },
};

static enum exit_code list_uses(struct cli *cli, const char *contract)
{
    char *path = path_of("/v1/records/service_use");
    path_add(&path, "contract", contract);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path, NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    struct sheet *sheet = sheet_new(use_columns);
    int64_t total = 0;
    size_t index;
    const json_t *use;
    json_array_foreach(answer_member(answer, "records"), index, use)
    {
        const json_t *fields = answer_member(use, "fields");
        char units[24];
        total += answer_int(fields, "units");
        (void)snprintf(units, sizeof(units), "%" PRId64, answer_int(fields, "units"));
        const char *cells[] = { answer_text(fields, "day"), units, answer_text(fields, "what"),
                                answer_text(answer_member(use, "refs"), "referral"), answer_text(use, "said_by") };
        sheet_add(sheet, MARK_PLAIN, cells);
    }
    if (sheet_rows(sheet) > 0) {
        sheet_print(sheet, &cli->screen);
    }
    screen_print(&cli->screen, "%" PRId64 " unit%s%s\n", total, total == 1 ? "" : "s",
                 answer_true(answer, "more") ? " in these; there are more" : " in all");
    sheet_free(sheet);
    return EXIT_DONE;
}

enum exit_code services_run(struct cli *cli, int argc, char **argv)
{
    struct services_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    return input.contract == NULL ? list_contracts(cli) : list_uses(cli, input.contract);
}

/* ---- a use ---- */

static const char *const verbs[] = { "use", NULL };

static const struct argp_option options[] = {
    { "units", FIELD_KEY, "N", 0, "how many; 1 when left out", 0 },
    { "on", FIELD_KEY + 1, "DAY", 0, "yyyy-mm-dd; today when left out", 0 },
    { "what", FIELD_KEY + 2, "TEXT", 0, "what the help was", 0 },
    { "note", FIELD_KEY + 3, "TEXT", 0, "in words, for few to read", 0 },
    { "over", 'o', NULL, 0, "more than was bought was used", 0 },
    { 0 },
};

static const struct field_spec specs[] = {
    { "units", TYPED_COUNT },
    { "day", TYPED_DAY },
    { "what", TYPED_TEXT },
    { "note", TYPED_TEXT },
};

struct service_input {
    json_t *body;
    const char *contract;
    const char *referral;
};

static error_t parse_service(int key, char *arg, struct argp_state *state)
{
    struct service_input *input = state->input;
    if (fields_take(state, options, specs, ARRAY_LEN(specs), key, arg, input->body)) {
        return 0;
    }
    switch (key) {
    case 'o':
        (void)json_object_set_new(input->body, "over", json_true());
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num == 0) {
            (void)argument_word(state, "what to do", arg, verbs);
        } else if (state->arg_num == 1) {
            input->contract = argument_text(state, "CONTRACT", arg);
        } else if (state->arg_num == 2) {
            input->referral = argument_text(state, "REFERRAL", arg);
        } else {
            argument_surplus(state, arg);
        }
        return 0;
    case ARGP_KEY_END:
        if (input->referral == NULL) {
            argp_error(state, "say 'use', which contract and for which referral; 'holdfast services' lists them");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp service_argp = {
    .options = options,
    .parser = parse_service,
    .args_doc = "use CONTRACT REFERRAL",
    .doc = "Records that bought help was used for the person of a referral. More than what is left is refused, unless "
           "--over says that it was used all the same.",
};

enum exit_code service_run(struct cli *cli, int argc, char **argv)
{
    struct service_input input = { .body = json_object() };
    command_parse(cli, argc, argv, &input);
    char today[DATE_TEXT_SIZE];
    date_format(cli->screen.today, today);
    json_t *defaults = json_pack("{s:s, s:s, s:s, s:i}", "contract", input.contract, "referral", input.referral, "day",
                                 today, "units", 1);
    (void)json_object_update_missing(input.body, defaults);
    json_decref(defaults);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "POST", path_of("/v1/services"), input.body, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    const json_t *contract = answer_member(answer, "contract");
    screen_print(&cli->screen, "recorded: %" PRId64 " used of %s", answer_int(contract, "used_units"),
                 answer_text(contract, "ref"));
    if (answer_has(contract, "left_units")) {
        screen_print(&cli->screen, ", %" PRId64 " left", answer_int(contract, "left_units"));
    }
    screen_print(&cli->screen, "\n");
    return EXIT_DONE;
}
