/* claims, claim, milestones: what is reached, what is claimed for it, and what was paid. */
#include <inttypes.h>
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/fields.h"
#include "agent/cli/sheet.h"

/* ---- claims ---- */

struct claims_input {
    const char *contract;
    const char *placement;
    const char *state;
};

static const char *const states[] = { "open", "overdue", "part_paid", "paid", "refused", NULL };

static error_t parse_claims(int key, char *arg, struct argp_state *state)
{
    struct claims_input *input = state->input;
    switch (key) {
    case 'c':
        input->contract = argument_text(state, "--contract", arg);
        return 0;
    case 'p':
        input->placement = argument_text(state, "--placement", arg);
        return 0;
    case 's':
        input->state = argument_word(state, "--state", arg, states);
        return 0;
    default:
        return argument_none(key, arg, state);
    }
}

static const struct argp_option claims_options[] = {
    { "contract", 'c', "REF", 0, "only under this contract", 0 },
    { "placement", 'p', "REF", 0, "only for this placement", 0 },
    { "state", 's', "STATE", 0, "only open, overdue, part_paid, paid or refused", 0 },
    { 0 },
};

const struct argp claims_argp = {
    .options = claims_options,
    .parser = parse_claims,
    .doc = "Lists claims, the newest first, and where each stands.",
};

static const struct sheet_column claim_columns[] = {
    { .title = "CLAIM" },
    { .title = "CONTRACT" },
    { .title = "PLACEMENT" },
    { .title = "FOR" },
    { .title = "AMOUNT", .right = true },
    { .title = "CLAIMED" },
    { .title = "STATE", .marked = true },
    { .title = "PAID", .right = true },
    { .title = "INVOICE", .flexible = true },
    { 0 },
};

enum exit_code claims_run(struct cli *cli, int argc, char **argv)
{
    struct claims_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    char *path = path_of("/v1/claims");
    path_add(&path, "contract", input.contract);
    path_add(&path, "placement", input.placement);
    path_add(&path, "state", input.state);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path, NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    struct sheet *sheet = sheet_new(claim_columns);
    size_t index;
    const json_t *claim;
    json_array_foreach(answer_member(answer, "claims"), index, claim)
    {
        struct human amount = fields_pounds(claim, "amount_pence");
        struct human paid = fields_pounds(claim, "paid_pence");
        const char *state = answer_text(claim, "state");
        bool waits = strcmp(state, "overdue") == 0 || strcmp(state, "part_paid") == 0;
        const char *cells[] = { answer_text(claim, "id"),
                                answer_text(claim, "contract"),
                                answer_text(claim, "placement"),
                                answer_text(claim, "trigger"),
                                amount.text,
                                answer_text(claim, "claimed_on"),
                                state,
                                paid.text,
                                answer_text(claim, "invoice") };
        sheet_add(sheet, waits ? MARK_WARNING : MARK_PLAIN, cells);
    }
    sheet_close(sheet, &cli->screen, "No such claims.");
    return EXIT_DONE;
}

/* ---- one claim ---- */

static const char *const verbs[] = { "add", "paid", "refused", NULL };

static const struct argp_option claim_options[] = {
    { "contract", FIELD_KEY, "REF", 0, "add: under which contract; of a placement the one that pays for it", 0 },
    { "placement", FIELD_KEY + 1, "REF", 0, "add: for which placement", 0 },
    { "trigger", FIELD_KEY + 2, "CODE", 0, "add: what was reached (see 'holdfast milestones'); of a service any code",
      0 },
    { "amount", FIELD_KEY + 3, "POUNDS", 0, "add: what the contract says when left out; paid: all of it", 0 },
    { "on", FIELD_KEY + 4, "DAY", 0, "yyyy-mm-dd; today when left out", 0 },
    { "invoice", FIELD_KEY + 5, "REF", 0, "add: the number of the invoice", 0 },
    { "reason", FIELD_KEY + 6, "CODE", 0, "refused: why, as a code", 0 },
    { "note", FIELD_KEY + 7, "TEXT", 0, "in words", 0 },
    { "over", 'o', NULL, 0, "paid: more was paid than was claimed", 0 },
    { 0 },
};

static const struct field_spec claim_specs[] = {
    { "contract", TYPED_TEXT },       { "placement", TYPED_TEXT }, { "trigger", TYPED_TEXT },
    { "amount_pence", TYPED_POUNDS }, { "on", TYPED_DAY },         { "invoice", TYPED_TEXT },
    { "reason", TYPED_TEXT },         { "note", TYPED_TEXT },
};

struct claim_input {
    const char *verb;
    const char *name;
    json_t *body;
};

static error_t parse_claim(int key, char *arg, struct argp_state *state)
{
    struct claim_input *input = state->input;
    if (fields_take(state, claim_options, claim_specs, ARRAY_LEN(claim_specs), key, arg, input->body)) {
        return 0;
    }
    switch (key) {
    case 'o':
        (void)json_object_set_new(input->body, "over", json_true());
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num == 0) {
            input->verb = argument_word(state, "what to do", arg, verbs);
        } else if (state->arg_num == 1 && strcmp(input->verb, "add") != 0) {
            input->name = argument_text(state, "CLAIM", arg);
        } else {
            argument_surplus(state, arg);
        }
        return 0;
    case ARGP_KEY_END:
        if (input->verb == NULL || (strcmp(input->verb, "add") != 0 && input->name == NULL)) {
            argp_error(state, "say add, or paid or refused and which claim; 'holdfast claims' lists them");
        }
        if (strcmp(input->verb, "add") == 0 && !answer_has(input->body, "trigger")) {
            argp_error(state, "say what was reached: --trigger CODE");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp claim_argp = {
    .options = claim_options,
    .parser = parse_claim,
    .args_doc = "add --placement REF --trigger CODE\nadd --contract REF --trigger CODE --amount POUNDS\npaid CLAIM\n"
                "refused CLAIM",
    .doc = "Records a claim, that it was paid, or that it was refused. CLAIM is its id, its invoice, or "
           "PLACEMENT/TRIGGER."
           "\vA milestone is claimed once, and only when the register shows it or somebody recorded it with its "
           "evidence ('holdfast milestones add').",
};

enum exit_code claim_run(struct cli *cli, int argc, char **argv)
{
    struct claim_input input = { .body = json_object() };
    command_parse(cli, argc, argv, &input);
    bool add = strcmp(input.verb, "add") == 0;
    char *path = add ? path_of("/v1/claims") : path_of("/v1/claims/%s/%s", input.name, input.verb);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "POST", path, input.body, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    const json_t *claim = answer_member(answer, "claim");
    struct human amount = fields_pounds(claim, "amount_pence");
    const char *placement = answer_text(claim, "placement");
    screen_print(&cli->screen, "%s: %s for '%s'%s%s under contract %s: %s (%s)\n",
                 answer_int(answer, "added") > 0 ? "recorded" : "nothing new: it stands so already", amount.text,
                 answer_text(claim, "trigger"), placement[0] == '\0' ? "" : " of ", placement,
                 answer_text(claim, "contract"), answer_text(claim, "state"), answer_text(claim, "id"));
    return EXIT_DONE;
}

/* ---- milestones ---- */

static const char *const milestone_verbs[] = { "list", "add", NULL };

static const struct argp_option milestone_options[] = {
    { "on", FIELD_KEY, "DAY", 0, "add: the day on which it was reached (yyyy-mm-dd)", 0 },
    { "evidence", FIELD_KEY + 1, "TEXT", 0, "add: what shows it, such as a payslip that was seen", 0 },
    { "note", FIELD_KEY + 2, "TEXT", 0, "add: in words", 0 },
    { "placement", 'p', "REF", 0, "list: only of this placement", 0 },
    { "over", 'o', NULL, 0, "add: in place of the day that stands, which was wrong", 0 },
    { "due", 'd', NULL, 0, "list: only what is reached and not claimed", 0 },
    { 0 },
};

static const struct field_spec milestone_specs[] = {
    { "reached_on", TYPED_DAY },
    { "evidence", TYPED_TEXT },
    { "note", TYPED_TEXT },
};

struct milestones_input {
    const char *verb;
    const char *placement;
    const char *trigger;
    bool due;
    bool over;
    json_t *fields;
};

static void milestone_word(struct milestones_input *input, char *arg, const struct argp_state *state)
{
    if (state->arg_num == 0) {
        input->verb = argument_word(state, "what to do", arg, milestone_verbs);
    } else if (state->arg_num == 1 && strcmp(input->verb, "add") == 0) {
        input->placement = argument_text(state, "PLACEMENT", arg);
    } else if (state->arg_num == 2) {
        input->trigger = argument_text(state, "TRIGGER", arg);
    } else {
        argument_surplus(state, arg);
    }
}

static error_t parse_milestones(int key, char *arg, struct argp_state *state)
{
    struct milestones_input *input = state->input;
    if (fields_take(state, milestone_options, milestone_specs, ARRAY_LEN(milestone_specs), key, arg, input->fields)) {
        return 0;
    }
    bool add = input->verb != NULL && strcmp(input->verb, "add") == 0;
    switch (key) {
    case 'p':
        input->placement = argument_text(state, "--placement", arg);
        return 0;
    case 'd':
        input->due = true;
        return 0;
    case 'o':
        input->over = true;
        return 0;
    case ARGP_KEY_ARG:
        milestone_word(input, arg, state);
        return 0;
    case ARGP_KEY_END:
        if (add && (input->trigger == NULL || !answer_has(input->fields, "reached_on") ||
                    !answer_has(input->fields, "evidence"))) {
            argp_error(state, "name the placement and the trigger, the day (--on) and what shows it (--evidence)");
        }
        if (!add && json_object_size(input->fields) > 0) {
            argp_error(state, "--on, --evidence and --note go with 'milestones add'");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp milestones_argp = {
    .options = milestone_options,
    .parser = parse_milestones,
    .args_doc = "[list]\nadd PLACEMENT TRIGGER --on DAY --evidence TEXT",
    .doc = "Lists what contracts by results pay for in the placements that run: what is reached, what is still to "
           "come, and what is claimed; or records a milestone that the register cannot show, such as of a job."
           "\vDays of breaks do not count, and a person's placements that follow each other count as one. 'unshown' "
           "means that its day has come and the register does not show that the person was there.",
};

static const struct sheet_column milestone_columns[] = {
    { .title = "PLACEMENT" },
    { .title = "MILESTONE", .flexible = true },
    { .title = "TRIGGER" },
    { .title = "STATE", .marked = true },
    { .title = "ON" },
    { .title = "COUNTED FROM" },
    { .title = "BREAKS", .right = true },
    { .title = "AMOUNT", .right = true },
    { .title = "CONTRACT" },
    { .title = "CLAIM" },
    { 0 },
};

static void add_milestone(struct sheet *sheet, const json_t *milestone, bool only_due)
{
    struct human amount = fields_pounds(milestone, "amount_pence");
    bool due = strcmp(answer_text(milestone, "state"), "reached") == 0 && !answer_has(milestone, "claim");
    char breaks[24] = "";
    if (answer_int(milestone, "break_days") > 0) {
        (void)snprintf(breaks, sizeof(breaks), "%" PRId64, answer_int(milestone, "break_days"));
    }
    const char *cells[] = { answer_text(milestone, "placement"),
                            answer_text(milestone, "title"),
                            answer_text(milestone, "trigger"),
                            answer_text(milestone, "state"),
                            answer_text(milestone, "on"),
                            answer_text(milestone, "counted_from"),
                            breaks,
                            amount.text,
                            answer_text(milestone, "contract"),
                            answer_has(milestone, "claim") ? "claimed" : "" };
    if (due || !only_due) {
        sheet_add(sheet, due ? MARK_WARNING : MARK_PLAIN, cells);
    }
}

static enum exit_code list_milestones(struct cli *cli, const struct milestones_input *input)
{
    char *path = path_of("/v1/milestones");
    path_add(&path, "placement", input->placement);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path, NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    struct sheet *sheet = sheet_new(milestone_columns);
    size_t index;
    const json_t *milestone;
    json_array_foreach(answer_member(answer, "milestones"), index, milestone)
    {
        add_milestone(sheet, milestone, input->due);
    }
    if (sheet_rows(sheet) == 0) {
        screen_print(&cli->screen, "No milestones%s.\n", input->due ? " to claim" : " in placements that run");
    } else {
        sheet_print(sheet, &cli->screen);
    }
    if (answer_true(answer, "more")) {
        screen_print(&cli->screen, "\nThere are more placements; name one with --placement.\n");
    }
    sheet_free(sheet);
    return EXIT_DONE;
}

static enum exit_code record_milestone(struct cli *cli, const struct milestones_input *input)
{
    (void)json_object_set_new(input->fields, "placement", json_string(input->placement));
    (void)json_object_set_new(input->fields, "payment_trigger", json_string(input->trigger));
    json_t *body = json_pack("{s:s, s:O}", "kind", "milestone", "fields", input->fields);
    if (input->over) {
        (void)json_object_set_new(body, "over", json_true());
    }
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "POST", path_of("/v1/records"), body, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    screen_print(&cli->screen, "%s: '%s' of %s\n",
                 answer_int(answer, "added") > 0 ? "recorded" : "nothing new: it stands so already", input->trigger,
                 input->placement);
    return EXIT_DONE;
}

enum exit_code milestones_run(struct cli *cli, int argc, char **argv)
{
    struct milestones_input input = { .fields = json_object() };
    command_parse(cli, argc, argv, &input);
    bool add = input.verb != NULL && strcmp(input.verb, "add") == 0;
    enum exit_code code = add ? record_milestone(cli, &input) : list_milestones(cli, &input);
    json_decref(input.fields);
    return code;
}
