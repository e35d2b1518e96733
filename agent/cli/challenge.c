/* challenge: JCP's decisions, until when each can be challenged, and what was done about it. */
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/human.h"

struct challenge_input {
    const char *word;
    const char *what;
    const char *form;
    const char *referral;
    const char *made_on;
    const char *outcome;
    const char *on;
    const char *helped_by;
    const char *note;
    bool over;
};

static const char *const words[] = { "list", "add", "answer", NULL };
static const char *const forms[] = { "mandatory_reconsideration", "appeal", "route", "complaint", NULL };
static const char *const outcomes[] = { "changed", "unchanged", "withdrawn", NULL };

enum { OPTION_FORM = 0x2001, OPTION_MADE, OPTION_OUTCOME, OPTION_ON, OPTION_HELPED, OPTION_REFERRAL, OPTION_OVER };

static error_t challenge_end(struct challenge_input *input, const struct argp_state *state)
{
    input->word = input->word == NULL ? "list" : input->word;
    bool list = strcmp(input->word, "list") == 0;
    if (list != (input->what == NULL)) {
        argp_error(state, "say what to do and with what: 'list', 'add DECISION' or 'answer ID'");
    }
    if (strcmp(input->word, "add") == 0 && input->form == NULL) {
        argp_error(state, "add needs --form: mandatory_reconsideration, appeal, route or complaint");
    }
    if (strcmp(input->word, "answer") == 0 && input->outcome == NULL && input->made_on == NULL) {
        argp_error(state, "answer needs --outcome: changed, unchanged or withdrawn");
    }
    return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct challenge_input *input = state->input;
    switch (key) {
    case OPTION_FORM:
        input->form = argument_word(state, "--form", arg, forms);
        return 0;
    case OPTION_MADE:
        input->made_on = argument_day(state, "--made", arg);
        return 0;
    case OPTION_OUTCOME:
        input->outcome = argument_word(state, "--outcome", arg, outcomes);
        return 0;
    case OPTION_ON:
        input->on = argument_day(state, "--on", arg);
        return 0;
    case OPTION_HELPED:
        input->helped_by = argument_text(state, "--helped-by", arg);
        return 0;
    case OPTION_REFERRAL:
        input->referral = argument_text(state, "--referral", arg);
        return 0;
    case OPTION_OVER:
        input->over = true;
        return 0;
    case 'n':
        input->note = argument_text(state, "--note", arg);
        return 0;
    case ARGP_KEY_ARG:
        argument_verb(state, arg, words, &input->word, "which", &input->what);
        return 0;
    case ARGP_KEY_END:
        return challenge_end(input, state);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    { "form", OPTION_FORM, "FORM", 0,
      "add: mandatory_reconsideration or appeal (of a decision), route or complaint (of a "
      "person)",
      0 },
    { "made", OPTION_MADE, "DAY", 0, "when it was made, yyyy-mm-dd; left out: it is still to be made", 0 },
    { "outcome", OPTION_OUTCOME, "OUTCOME", 0, "answer: changed, unchanged or withdrawn", 0 },
    { "on", OPTION_ON, "DAY", 0, "answer: when it came; today when left out", 0 },
    { "referral", OPTION_REFERRAL, "REF", 0, "add: the referral that is wrong, with --form route", 0 },
    { "helped-by", OPTION_HELPED, "NAME", 0, "add: who helps the person", 0 },
    { "note", 'n', "TEXT", 0, "in words", 0 },
    { "over", OPTION_OVER, NULL, 0, "add: it was made a second time, or appealed without a reconsideration", 0 },
    { 0 },
};

const struct argp challenge_argp = {
    .options = options,
    .parser = parse,
    .args_doc = "[list]\nadd DECISION|PERSON --form FORM\nanswer ID --outcome OUTCOME",
    .doc =
        "Lists the Jobcentre's decisions with the last day on which each can be challenged; records a challenge, and "
        "what came of it."
        "\vA mandatory reconsideration is asked for first; an appeal follows if that changes nothing. The last days "
        "come "
        "from the programme pack; after them a challenge is still possible for good cause. DECISION and ID are the "
        "beginning of "
        "the digits that the list shows; DECISION may be the person, where there is one decision about them.",
};

/* ---- the list ---- */

static void print_next(const struct screen *screen, const json_t *challenge)
{
    const char *next = answer_text(challenge, "next");
    int32_t by;
    if (answer_day(challenge, "by", &by)) {
        struct human day = human_day(by);
        struct human ago = human_day_ago(by, screen->today);
        bool urgent = answer_true(challenge, "near") || answer_true(challenge, "late");
        screen_print(screen, "  %s%s until %s (%s)%s%s\n", screen_mark(screen, urgent ? MARK_BAD : MARK_PLAIN), next,
                     day.text, ago.text, answer_true(challenge, "late") ? ": late, so say why at once" : "",
                     screen_unmark(screen));
    } else if (strcmp(next, "nothing") != 0) {
        screen_print(screen, "  %s\n",
                     strcmp(next, "waiting") == 0 ? "the Jobcentre has to answer" : "the tribunal has to answer");
    }
}

/* "mandatory reconsideration made on 2026-11-01, helped by Invented Advice: unchanged on 2026-11-20" */
static void print_redress(const struct screen *screen, const json_t *redress)
{
    size_t index;
    const json_t *one;
    json_array_foreach(redress, index, one)
    {
        const json_t *fields = answer_member(one, "fields");
        const char *form = answer_text(fields, "form");
        char what[60];
        (void)snprintf(what, sizeof(what), "%s", strcmp(form, "route") == 0 ? "the route is wrong" : form);
        for (char *at = strchr(what, '_'); at != NULL; at = strchr(at, '_')) {
            *at = ' ';
        }
        screen_print(screen, "    %.8s  %s%s%s%s%s%s%s%s%s: %s%s%s\n", answer_text(one, "id"),
                     answer_text(one, "participant_ref"), answer_has(one, "participant_ref") ? "  " : "", what,
                     answer_has(one, "referral_ref") ? " of " : "", answer_text(one, "referral_ref"),
                     answer_has(fields, "made_on") ? ", made on " : ", still to be made",
                     answer_text(fields, "made_on"), answer_has(fields, "helped_by") ? ", helped by " : "",
                     answer_text(fields, "helped_by"),
                     answer_has(fields, "outcome") ? answer_text(fields, "outcome") : "no answer yet",
                     answer_has(fields, "outcome_on") ? " on " : "", answer_text(fields, "outcome_on"));
    }
}

static enum exit_code list(struct cli *cli)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/challenges"), NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    const struct screen *screen = &cli->screen;
    const json_t *rows = answer_member(answer, "challenges");
    size_t index;
    const json_t *row;
    json_array_foreach(rows, index, row)
    {
        const json_t *decision = answer_member(row, "decision");
        screen_print(screen, "%.8s  %s  %s, decided %s about %s\n", answer_text(decision, "id"),
                     answer_text(row, "participant_ref"), answer_text(decision, "outcome"),
                     answer_text(decision, "decided_on"), answer_text(decision, "failure_on"));
        print_next(screen, row);
        print_redress(screen, answer_member(row, "redress"));
    }
    if (json_array_size(rows) == 0) {
        screen_print(screen, "No decisions of the Jobcentre.\n");
    }
    if (json_array_size(answer_member(answer, "others")) > 0) {
        screen_print(screen, "Redress of other kinds:\n");
        print_redress(screen, answer_member(answer, "others"));
    }
    return EXIT_DONE;
}

/* ---- recording ---- */

static enum exit_code add(struct cli *cli, const struct challenge_input *input)
{
    bool of_decision = strcmp(input->form, "mandatory_reconsideration") == 0 || strcmp(input->form, "appeal") == 0;
    json_t *body = json_pack("{s:s,s:s,s:s*,s:s*,s:s*,s:s*}", "form", input->form,
                             of_decision ? "decision" : "participant", input->what, "made_on", input->made_on,
                             "helped_by", input->helped_by, "note", input->note, "referral", input->referral);
    if (input->over) {
        (void)json_object_set_new(body, "over", json_true());
    }
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "POST", path_of("/v1/challenges"), body, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    screen_print(&cli->screen, "recorded: %s  %s\n", input->form, answer_text(answer, "id"));
    if (answer_has(answer, "challenge")) {
        print_next(&cli->screen, answer_member(answer, "challenge"));
    }
    return EXIT_DONE;
}

static enum exit_code answered(struct cli *cli, const struct challenge_input *input)
{
    json_t *body = json_pack("{s:s*,s:s*,s:s*,s:s*}", "outcome", input->outcome, "outcome_on", input->on, "made_on",
                             input->made_on, "note", input->note);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "POST", path_of("/v1/challenges/%s", input->what), body, CALL_TIMEOUT_S, &answer);
    if (code == EXIT_DONE && !call_printed(cli, answer)) {
        screen_print(&cli->screen, "recorded; 'holdfast challenge' says what can be done next\n");
    }
    return code;
}

enum exit_code challenge_run(struct cli *cli, int argc, char **argv)
{
    struct challenge_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    if (strcmp(input.word, "add") == 0) {
        return add(cli, &input);
    }
    return strcmp(input.word, "answer") == 0 ? answered(cli, &input) : list(cli);
}
