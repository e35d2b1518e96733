/* policy: what trustees decided about taking part, who decided it, and why. */
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/fields.h"
#include "agent/cli/sheet.h"

static const char *const verbs[] = { "list", "add", "change", "show", NULL };

static const struct argp_option options[] = {
    { "title", FIELD_KEY, "TEXT", 0, "what it is about, in a line", 0 },
    { "decision", FIELD_KEY + 1, "CODE", 0, "take_part, take_part_with_conditions, decline or withdraw", 0 },
    { "by", FIELD_KEY + 2, "NAME", 0, "who decided: a person or a body, by name", 0 },
    { "on", FIELD_KEY + 3, "DAY", 0, "when it was decided (yyyy-mm-dd)", 0 },
    { "reason", FIELD_KEY + 4, "TEXT", 0, "why, and on which conditions", 0 },
    { "route", FIELD_KEY + 5, "ROUTE", 0, "only about mir, cwp or dwsr", 0 },
    { "contract", FIELD_KEY + 6, "REF", 0, "only about this contract", 0 },
    { "review", FIELD_KEY + 7, "DAY", 0, "when it is looked at again", 0 },
    { "note", FIELD_KEY + 8, "TEXT", 0, "in words", 0 },
    { 0 },
};

static const struct field_spec specs[] = {
    { "title", TYPED_TEXT },     { "decision", TYPED_TEXT }, { "decided_by", TYPED_TEXT },
    { "decided_on", TYPED_DAY }, { "reason", TYPED_TEXT },   { "route", TYPED_TEXT },
    { "contract", TYPED_TEXT },  { "review_on", TYPED_DAY }, { "note", TYPED_TEXT },
};

struct policy_input {
    const char *verb;
    const char *ref;
    json_t *fields;
};

static bool is_verb(const struct policy_input *input, const char *verb)
{
    return input->verb != NULL && strcmp(input->verb, verb) == 0;
}

static void policy_end(const struct policy_input *input, const struct argp_state *state)
{
    static const char *const needed[] = { "title", "decision", "decided_by", "decided_on", "reason" };
    bool named = is_verb(input, "add") || is_verb(input, "change") || is_verb(input, "show");
    if (named != (input->ref != NULL)) {
        argp_error(state, named ? "say which decision: REF" : "say what to do: list, add, change or show");
    }
    for (size_t i = 0; is_verb(input, "add") && i < ARRAY_LEN(needed); i++) {
        if (!answer_has(input->fields, needed[i])) {
            argp_error(state, "a decision needs its --title, what was decided (--decision), who decided (--by), when "
                              "(--on) and why (--reason)");
        }
    }
    if (!is_verb(input, "add") && !is_verb(input, "change") && json_object_size(input->fields) > 0) {
        argp_error(state, "options go with 'policy add' and 'policy change'");
    }
}

static error_t parse_policy(int key, char *arg, struct argp_state *state)
{
    struct policy_input *input = state->input;
    if (fields_take(state, options, specs, ARRAY_LEN(specs), key, arg, input->fields)) {
        return 0;
    }
    switch (key) {
    case ARGP_KEY_ARG:
        argument_verb(state, arg, verbs, &input->verb, "REF", &input->ref);
        return 0;
    case ARGP_KEY_END:
        policy_end(input, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp policy_argp = {
    .options = options,
    .parser = parse_policy,
    .args_doc = "[list]\nadd REF --title TEXT --decision CODE --by NAME --on DAY --reason TEXT\nchange REF\nshow REF",
    .doc = "Records and shows what the organisation decided about taking part: who decided it, when, and why."
           "\vA referral that is declined as a matter of policy can name one ('holdfast referral decline ID "
           "--policy-decision REF'). Declining is an answer like any other and is never counted as a failure.",
};

static const struct sheet_column columns[] = {
    { .title = "POLICY" },
    { .title = "TITLE", .flexible = true },
    { .title = "DECISION" },
    { .title = "ROUTE" },
    { .title = "DECIDED" },
    { .title = "BY", .flexible = true },
    { .title = "REVIEW", .marked = true },
    { 0 },
};

static enum exit_code list(struct cli *cli)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/records/policy_decision"), NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    struct sheet *sheet = sheet_new(columns);
    size_t index;
    const json_t *record;
    json_array_foreach(answer_member(answer, "records"), index, record)
    {
        const json_t *fields = answer_member(record, "fields");
        int32_t review;
        bool due = answer_day(fields, "review_on", &review) && review <= cli->screen.today;
        const char *cells[] = { answer_text(fields, "ref"),        answer_text(fields, "title"),
                                answer_text(fields, "decision"),   answer_text(fields, "route"),
                                answer_text(fields, "decided_on"), answer_text(fields, "decided_by"),
                                answer_text(fields, "review_on") };
        sheet_add(sheet, due ? MARK_WARNING : MARK_PLAIN, cells);
    }
    sheet_close(sheet, &cli->screen, "No policy decisions are recorded.");
    return EXIT_DONE;
}

static enum exit_code show(struct cli *cli, const char *ref)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code =
        call(cli, "GET", path_of("/v1/records/policy_decision/%s", ref), NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    const struct screen *screen = &cli->screen;
    const json_t *record = answer_member(answer, "record");
    const json_t *fields = answer_member(record, "fields");
    screen_print(screen, "%s: %s\n", answer_text(fields, "ref"), answer_text(fields, "title"));
    screen_fact(screen, "Decision", "%s", answer_text(fields, "decision"));
    screen_fact(screen, "Decided", "on %s by %s", answer_text(fields, "decided_on"), answer_text(fields, "decided_by"));
    screen_fact(screen, "Why", "%s", answer_text(fields, "reason"));
    const char *const more[][2] = { { "Route", "route" }, { "Review", "review_on" }, { "Note", "note" } };
    for (size_t i = 0; i < ARRAY_LEN(more); i++) {
        if (answer_has(fields, more[i][1])) {
            screen_fact(screen, more[i][0], "%s", answer_text(fields, more[i][1]));
        }
    }
    screen_fact(screen, "Recorded by", "%s", answer_text(record, "said_by"));
    return EXIT_DONE;
}

static enum exit_code record(struct cli *cli, const struct policy_input *input)
{
    json_t *body = json_pack("{s:s, s:O}", "kind", "policy_decision", "fields", input->fields);
    (void)json_object_set_new(input->fields, "ref", json_string(input->ref));
    if (is_verb(input, "change")) { /* a word wrongly typed makes no new decision */
        SCOPED(answer_free) json_t *known = NULL;
        enum exit_code found =
            call(cli, "GET", path_of("/v1/records/policy_decision/%s", input->ref), NULL, CALL_TIMEOUT_S, &known);
        if (found != EXIT_DONE) {
            json_decref(body);
            return found;
        }
        (void)json_object_set_new(body, "id", json_string(answer_text(answer_member(known, "record"), "id")));
    }
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "POST", path_of("/v1/records"), body, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    screen_print(&cli->screen, "%s: policy decision %s\n",
                 answer_int(answer, "added") > 0 ? "recorded" : "nothing new: it stands so already", input->ref);
    return EXIT_DONE;
}

enum exit_code policy_run(struct cli *cli, int argc, char **argv)
{
    struct policy_input input = { .fields = json_object() };
    command_parse(cli, argc, argv, &input);
    enum exit_code code = input.ref == NULL         ? list(cli)
                          : is_verb(&input, "show") ? show(cli, input.ref)
                                                    : record(cli, &input);
    json_decref(input.fields);
    return code;
}
