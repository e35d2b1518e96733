/* contracts, contract: the terms, and what each brings against what it costs. */
#include <inttypes.h>
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/contract_words.h"
#include "agent/cli/fields.h"
#include "agent/cli/sheet.h"

static error_t parse_none(int key, char *arg, struct argp_state *state)
{
    if (key == ARGP_KEY_ARG) {
        argument_surplus(state, arg);
    }
    return ARGP_ERR_UNKNOWN;
}

const struct argp contracts_argp = {
    .parser = parse_none,
    .doc = "Lists contracts by their refs: the form, when they run, and what is claimed and paid."
           "\v'holdfast contract show REF' says what one brings against what it costs, 'holdfast take-part' what "
           "trustees should know before they decide.",
};

static const struct sheet_column columns[] = {
    { .title = "CONTRACT" },
    { .title = "WITH", .flexible = true },
    { .title = "FORM" },
    { .title = "ROUTE" },
    { .title = "FROM" },
    { .title = "TO" },
    { .title = "CLAIMED", .right = true },
    { .title = "PAID", .right = true },
    { .title = "LEFT", .right = true },
    { 0 },
};

enum exit_code contracts_run(struct cli *cli, int argc, char **argv)
{
    command_parse(cli, argc, argv, NULL);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/contracts"), NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    struct sheet *sheet = sheet_new(columns);
    size_t index;
    const json_t *contract;
    json_array_foreach(answer_member(answer, "contracts"), index, contract)
    {
        struct human claimed = fields_pounds(contract, "claimed_pence");
        struct human paid = fields_pounds(contract, "paid_pence");
        struct human form = contract_form(contract);
        char left[40] = "";
        if (answer_has(contract, "left_units")) {
            (void)snprintf(left, sizeof(left), "%" PRId64, answer_int(contract, "left_units"));
        }
        const char *cells[] = {
            answer_text(contract, "ref"),
            answer_text(contract, "prime"),
            form.text,
            answer_text(contract, "route"),
            answer_text(contract, "starts_on"),
            answer_text(contract, "ends_on"),
            claimed.text,
            paid.text,
            left,
        };
        sheet_add(sheet, MARK_PLAIN, cells);
    }
    sheet_close(sheet, &cli->screen, "No contracts; 'holdfast contract add REF --form FORM --from DAY' records one.");
    return EXIT_DONE;
}

/* ---- one ---- */

static const char *const verbs[] = { "add", "change", "show", NULL };

static const struct argp_option options[] = {
    { "form", FIELD_KEY, "FORM", 0, "payment_by_results, spot_purchase or block", 0 },
    { "prime", FIELD_KEY + 1, "NAME", 0, "who pays: the prime contractor, or the Jobcentre", 0 },
    { "route", FIELD_KEY + 2, "ROUTE", 0, "mir, cwp or dwsr; any when left out", 0 },
    { "from", FIELD_KEY + 3, "DAY", 0, "its first day (yyyy-mm-dd)", 0 },
    { "to", FIELD_KEY + 4, "DAY", 0, "its last day", 0 },
    { "price", FIELD_KEY + 5, "POUNDS", 0, "for a person in full, for a unit, or for the block", 0 },
    { "share", FIELD_KEY + 6, "PERCENT", 0, "of it that the prime passes on; all of it when left out", 0 },
    { "units", FIELD_KEY + 7, "N", 0, "units that are bought", 0 },
    { "unit", FIELD_KEY + 8, "CODE", 0, "what a unit is: session, hour, course", 0 },
    { "cost", FIELD_KEY + 9, "POUNDS", 0, "what a placement, or a unit of help, costs us", 0 },
    { "fixed-cost", FIELD_KEY + 10, "POUNDS", 0, "what the contract costs us a year, however many come", 0 },
    { "note", FIELD_KEY + 11, "TEXT", 0, "in words", 0 },
    { "starts", FIELD_KEY + 3, "DAY", OPTION_HIDDEN, NULL, 0 }, /* as they were called before */
    { "ends", FIELD_KEY + 4, "DAY", OPTION_HIDDEN, NULL, 0 },
    { 0 },
};

static const struct field_spec specs[] = {
    { "form", TYPED_TEXT },
    { "prime", TYPED_TEXT },
    { "route", TYPED_TEXT },
    { "starts_on", TYPED_DAY },
    { "ends_on", TYPED_DAY },
    { "price_pence", TYPED_POUNDS },
    { "share_permille", TYPED_PERCENT },
    { "units", TYPED_COUNT },
    { "unit", TYPED_TEXT },
    { "cost_pence", TYPED_POUNDS },
    { "fixed_cost_pence", TYPED_POUNDS },
    { "note", TYPED_TEXT },
};

struct contract_input {
    const char *verb;
    const char *ref;
    json_t *fields;
};

static error_t parse_contract(int key, char *arg, struct argp_state *state)
{
    struct contract_input *input = state->input;
    if (fields_take(state, options, specs, ARRAY_LEN(specs), key, arg, input->fields)) {
        return 0;
    }
    switch (key) {
    case ARGP_KEY_ARG:
        argument_verb(state, arg, verbs, &input->verb, "REF", &input->ref);
        return 0;
    case ARGP_KEY_END:
        if (state->arg_num < 2) {
            argp_error(state, "say what to do and with which contract; 'holdfast contracts' lists them");
        }
        bool add = strcmp(input->verb, "add") == 0;
        bool whole = answer_has(input->fields, "form") && answer_has(input->fields, "starts_on");
        if (add && !whole) {
            argp_error(state, "a new contract needs its --form and its first day: --from DAY");
        }
        if (strcmp(input->verb, "show") == 0 && json_object_size(input->fields) > 0) {
            argp_error(state, "'contract show' takes no terms");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp contract_argp = {
    .options = options,
    .parser = parse_contract,
    .args_doc = "add REF --form FORM --from DAY\nchange REF\nshow REF",
    .doc =
        "Records the terms of a contract, changes them, or shows what it brings against what it costs."
        "\vUnder payment_by_results --price is what one person in full brings, before the prime keeps its share; the "
        "programme pack says what is paid when. Amounts are in pounds.",
};

static enum exit_code show(struct cli *cli, const char *ref)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/contracts/%s", ref), NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    contract_print(&cli->screen, answer_member(answer, "contract"));
    return EXIT_DONE;
}

static enum exit_code record(struct cli *cli, const struct contract_input *input)
{
    (void)json_object_set_new(input->fields, "ref", json_string(input->ref));
    json_t *body = json_pack("{s:s, s:O}", "kind", "contract", "fields", input->fields);
    SCOPED(answer_free) json_t *known = NULL;
    if (strcmp(input->verb, "change") == 0) { /* a word wrongly typed makes no new contract */
        enum exit_code found = call(cli, "GET", path_of("/v1/contracts/%s", input->ref), NULL, CALL_TIMEOUT_S, &known);
        if (found != EXIT_DONE) {
            json_decref(body);
            return found;
        }
        const char *id = answer_text(answer_member(known, "contract"), "id");
        (void)json_object_set_new(body, "id", json_string(id));
    }
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "POST", path_of("/v1/records"), body, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    screen_print(&cli->screen, "%s: contract %s\n",
                 answer_int(answer, "added") > 0 ? "recorded" : "nothing new: it stands so already", input->ref);
    return EXIT_DONE;
}

enum exit_code contract_run(struct cli *cli, int argc, char **argv)
{
    struct contract_input input = { .fields = json_object() };
    command_parse(cli, argc, argv, &input);
    enum exit_code code = strcmp(input.verb, "show") == 0 ? show(cli, input.ref) : record(cli, &input);
    json_decref(input.fields);
    return code;
}
