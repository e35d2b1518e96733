/* referrals, referral: who was referred here, and the answers given. */
#include <inttypes.h>
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/human.h"
#include "agent/cli/record.h"
#include "agent/cli/sheet.h"
#include "base/clock.h"

enum { OPTION_DECISION = 0x4101, OPTION_OPPORTUNITY };

struct referrals_input {
    const char *status;
};

static error_t parse_referrals(int key, char *arg, struct argp_state *state)
{
    struct referrals_input *input = state->input;
    switch (key) {
    case 's':
        input->status = argument_text(state, "--status", arg);
        return 0;
    default:
        return argument_none(key, arg, state);
    }
}

static const struct argp_option referrals_options[] = {
    { "status", 's', "STATUS", 0, "only received, acknowledged, accepted, declined, paused, started, ...", 0 },
    { 0 },
};

const struct argp referrals_argp = {
    .options = referrals_options,
    .parser = parse_referrals,
    .doc =
        "Lists referrals by the day they were received, and where each stands."
        "\vROUTE is mir (one adviser manages the case), cwp (a placement of six months) or dwsr (daily signing at the "
        "Jobcentre).",
};

static const struct sheet_column columns[] = {
    { .title = "REFERRAL" },
    { .title = "PERSON", .flexible = true },
    { .title = "ROUTE" },
    { .title = "BASIS" },
    { .title = "STATUS", .marked = true },
    { .title = "RECEIVED" },
    { .title = "FROM", .flexible = true },
    { 0 },
};

static void add_to_sheet(struct sheet *sheet, const struct screen *screen, const json_t *referral)
{
    struct answer_person person = answer_person(referral);
    const char *status = answer_text(referral, "status");
    char received[96] = "";
    int32_t day;
    if (answer_day(referral, "received_on", &day)) {
        struct human ago = human_day_ago(day, screen->today);
        (void)snprintf(received, sizeof(received), "%s, %s", answer_text(referral, "received_on"), ago.text);
    }
    bool unanswered = strcmp(status, "received") == 0 || strcmp(status, "acknowledged") == 0;
    const char *source = answer_text(referral, "source");
    const char *cells[] = {
        answer_text(referral, "ref"),
        person.text,
        answer_words(referral, "route"),
        answer_text(referral, "basis"),
        status,
        received,
        source[0] == '\0' && answer_true(referral, "from_centre") ? "JCP" : source,
    };
    sheet_add(sheet, unanswered ? MARK_WARNING : MARK_PLAIN, cells);
}

enum exit_code referrals_run(struct cli *cli, int argc, char **argv)
{
    struct referrals_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    char *path = path_of("/v1/referrals");
    path_add(&path, "status", input.status);
    path_add_labels(&path, cli->json);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path, NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    struct sheet *sheet = sheet_new(columns);
    size_t index;
    const json_t *referral;
    json_array_foreach(answer_member(answer, "referrals"), index, referral)
    {
        add_to_sheet(sheet, &cli->screen, referral);
    }
    if (sheet_rows(sheet) == 0) {
        screen_print(&cli->screen, "No referrals%s%s.\n", input.status == NULL ? "" : " with status ",
                     input.status == NULL ? "" : input.status);
    } else {
        sheet_print(sheet, &cli->screen);
    }
    if (answer_true(answer, "more")) {
        screen_print(&cli->screen,
                     "\nThere are more; narrow them with --status, or use 'holdfast export referrals'.\n");
    }
    sheet_free(sheet);
    return EXIT_DONE;
}

static const char *const events[] = { "show",        "add",      "change",    "accept", "decline",
                                      "acknowledge", "pause",    "resume",    "start",  "did_not_start",
                                      "withdraw",    "complete", "end_early", NULL };

/* What a referral says, for those that come by letter or telephone. */
#define REFERRAL_OPTIONS(X)                                                                                            \
    X('P', "person", "REF", "who was referred (see 'holdfast participant add')", RECORD_TEXT, "participant", true)     \
    X('R', "route", "ROUTE", "mir, cwp or dwsr", RECORD_TEXT, "route", true)                                           \
    X('b', "basis", "BASIS", "mandatory or voluntary", RECORD_TEXT, "basis", true)                                     \
    X('f', "from", "NAME", "who referred: jcp, prime, or a name", RECORD_TEXT, "source", false)                        \
    X('h', "hours", "H:MM", "asked for, a week", RECORD_HOURS, "weekly_minutes", false)                                \
    X('N', "needs", "TEXT", "what the person needs to take part", RECORD_TEXT, "needs", false)                         \
    X('x', "restrictions", "TEXT", "what must not be asked of them, or where they must not be", RECORD_TEXT,           \
      "restrictions", false)                                                                                           \
    X('c', "contract", "REF", "the contract under which it came", RECORD_TEXT, "contract", false)

static const struct record_option said_options[] = {
    REFERRAL_OPTIONS(RECORD_AS_OPTION){ 'o', RECORD_TODAY, "received_on", false, "--on" }, { 0 }
};
static const struct record_command said_command = {
    .kind = "referral", .subject = "ref", .expected = "the referral", .once = true, .options = said_options
};

struct referral_input {
    const char *event;
    const char *ref;
    const char *on;
    const char *reason;
    const char *note;
    bool policy;
    const char *decision;
    const char *opportunity;
    struct record_input said; /* of add and change */
};

static bool says(const struct referral_input *input)
{
    return strcmp(input->event, "add") == 0 || strcmp(input->event, "change") == 0;
}

static error_t referral_word(struct referral_input *input, char *arg, const struct argp_state *state)
{
    if (state->arg_num == 0) {
        input->event = argument_word(state, "what to do", arg, events);
    } else if (state->arg_num == 1) {
        input->ref = arg;
    } else {
        argument_surplus(state, arg);
    }
    return 0;
}

static void referral_said(struct referral_input *input, const struct argp_state *state)
{
    if (!says(input)) {
        if (input->said.count > 0) {
            argp_error(state, "what a referral says goes with add and change only");
        }
        return;
    }
    if (input->reason != NULL) {
        argp_error(state, "--reason goes with an answer only");
    }
    input->said.verb = input->event;
    input->said.subject = input->ref;
    record_put(&input->said, "received_on", input->on);
    record_put(&input->said, "note", input->note);
    record_need(&input->said, state);
}

static error_t parse_referral(int key, char *arg, struct argp_state *state)
{
    struct referral_input *input = state->input;
    switch (key) {
    case 'r':
        input->reason = argument_text(state, "--reason", arg);
        return 0;
    case 'n':
        input->note = argument_text(state, "--note", arg);
        return 0;
    case 'p':
        input->policy = true;
        return 0;
    case OPTION_DECISION:
        input->policy = true;
        input->decision = argument_text(state, "--policy-decision", arg);
        return 0;
    case OPTION_OPPORTUNITY:
        input->opportunity = argument_text(state, "--opportunity", arg);
        return 0;
    case 'o':
        input->on = argument_day(state, "--on", arg);
        return 0;
    case ARGP_KEY_ARG:
        return referral_word(input, arg, state);
    case ARGP_KEY_END:
        if (state->arg_num < 2) {
            argp_error(state, "say what to do and which referral; 'holdfast referrals' lists them");
        }
        if (input->policy && strcmp(input->event, "decline") != 0) {
            argp_error(state, "--policy goes with decline only");
        }
        if (input->opportunity != NULL && strcmp(input->event, "accept") != 0) {
            argp_error(state, "--opportunity goes with accept only");
        }
        referral_said(input, state);
        return 0;
    default:
        return record_take(&input->said, key, arg, state) ? 0 : ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option referral_options[] = {
    { "reason", 'r', "CODE", 0, "why, as a code; decline needs one, or --note, or --policy", 0 },
    { "note", 'n', "TEXT", 0, "why, in words", 0 },
    { "policy", 'p', NULL, 0, "decline as a matter of policy: recorded, and never counted as a failure", 0 },
    { "policy-decision", OPTION_DECISION, "REF", 0, "decline by this decision (see 'holdfast policy')", 0 },
    { "opportunity", OPTION_OPPORTUNITY, "REF", 0, "accept for this opportunity (see 'holdfast opportunities')", 0 },
    { "on", 'o', "DAY", 0, "yyyy-mm-dd; today when left out. Of add: the day it was received", 0 },
    REFERRAL_OPTIONS(RECORD_AS_ARGP){ 0 },
};

const struct argp referral_argp = {
    .options = referral_options,
    .parser = parse_referral,
    .args_doc = "show ID\nadd ID --person REF --route ROUTE --basis BASIS\nchange ID\nacknowledge|accept|decline ID\n"
                "pause|resume|start|did_not_start|withdraw|complete|end_early ID",
    .doc = "Shows a referral and everything that was answered, answers it, or records what became of it. ID is what "
           "'holdfast referrals' shows. 'add' records one that did not come from the centre, 'change' what it says."
           "\vWhat is not possible is refused, with what is. 'resume' leads back to where the referral stood before it "
           "was "
           "paused; with --note also a referral that is over, when that was recorded by mistake. What the Jobcentre "
           "paused or withdrew stays so until they say otherwise. Every answer stays in the record.",
};

static json_t *referral_body(const struct referral_input *input)
{
    json_t *body = json_object();
    const struct {
        const char *name;
        const char *text;
    } texts[] = { { "on", input->on },
                  { "reason", input->reason },
                  { "note", input->note },
                  { "policy_decision", input->decision },
                  { "opportunity", input->opportunity } };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i].text != NULL) {
            (void)json_object_set_new(body, texts[i].name, json_string(texts[i].text));
        }
    }
    if (input->policy) {
        (void)json_object_set_new(body, "policy", json_true());
    }
    return body;
}

static void print_event(const struct screen *screen, const json_t *event)
{
    int64_t at_ms;
    struct human at = { "" };
    if (answer_instant(event, "recorded_at", &at_ms)) {
        at = human_instant(at_ms, screen->now_ms);
    }
    const char *reason = answer_text(event, "reason");
    const char *decision = answer_text(event, "policy_decision");
    const char *opportunity = answer_text(event, "opportunity");
    screen_print(screen, "  %s  %s%s%s%s%s%s%s%s%s\n", answer_text(event, "on"), answer_text(event, "status"),
                 reason[0] != '\0' ? " (" : "", reason, reason[0] != '\0' ? ")" : "",
                 answer_true(event, "policy") ? ", as a matter of policy" : "", decision[0] != '\0' ? ": " : "",
                 decision, opportunity[0] != '\0' ? ", for " : "", opportunity);
    screen_print(screen, "      recorded by %s, %s\n", answer_text(event, "actor"), at.text);
    if (answer_text(event, "note")[0] != '\0') {
        screen_paragraph(screen, 6, answer_text(event, "note"));
    }
}

static void print_redress(const struct screen *screen, const json_t *answer)
{
    size_t index;
    const json_t *redress;
    json_array_foreach(answer_member(answer, "redress"), index, redress)
    {
        const char *made = answer_text(redress, "made_on");
        const char *outcome = answer_text(redress, "outcome");
        screen_fact(
            screen, "challenged", "%s, %s%s: %s",
            strcmp(answer_text(redress, "form"), "route") == 0 ? "the route is wrong" : answer_text(redress, "form"),
            made[0] == '\0' ? "still to be made" : "made on ", made, outcome[0] == '\0' ? "no answer yet" : outcome);
    }
}

static void print_possible(const struct screen *screen, const json_t *answer)
{
    char words[200] = "";
    size_t len = 0;
    size_t index;
    const json_t *word;
    json_array_foreach(answer_member(answer, "possible"), index, word)
    {
        int more = snprintf(words + len, sizeof(words) - len, "%s%s", index > 0 ? ", " : "", json_string_value(word));
        len += (size_t)more < sizeof(words) - len ? (size_t)more : 0;
    }
    if (len > 0) {
        screen_fact(screen, "possible now", "%s", words);
    }
}

static enum exit_code show(struct cli *cli, const char *ref)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/referrals/%s", ref), NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    const struct screen *screen = &cli->screen;
    const json_t *referral = answer_member(answer, "referral");
    screen_print(screen, "%s, %s: %s%s%s\n", answer_text(referral, "ref"), answer_person(referral).text,
                 screen_mark(screen, MARK_STRONG), answer_text(referral, "status"), screen_unmark(screen));
    screen_fact(screen, "route", "%s, %s", answer_text(referral, "route"), answer_text(referral, "basis"));
    screen_fact(screen, "received", "%s%s%s", answer_text(referral, "received_on"),
                answer_has(referral, "source") ? ", from " : "", answer_text(referral, "source"));
    if (answer_has(referral, "note")) {
        screen_fact(screen, "note", "%s", answer_text(referral, "note"));
    }
    if (answer_has(referral, "needs")) {
        screen_fact(screen, "needs", "%s", answer_text(referral, "needs"));
    }
    if (answer_has(referral, "restrictions")) {
        screen_fact(screen, "restrictions", "%s", answer_text(referral, "restrictions"));
    }
    print_redress(screen, answer);
    print_possible(screen, answer);
    size_t index;
    const json_t *event;
    json_array_foreach(answer_member(answer, "events"), index, event)
    {
        print_event(screen, event);
    }
    return EXIT_DONE;
}

enum exit_code referral_run(struct cli *cli, int argc, char **argv)
{
    struct referral_input input = { .said = { .command = &said_command } };
    command_parse(cli, argc, argv, &input);
    if (strcmp(input.event, "show") == 0) {
        return show(cli, input.ref);
    }
    if (says(&input)) {
        return record_send(cli, &input.said);
    }
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "POST", path_of("/v1/referrals/%s/%s", input.ref, input.event),
                               referral_body(&input), CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    const json_t *referral = answer_member(answer, "referral");
    screen_print(&cli->screen, "%s: %s, %s: %s\n",
                 answer_int(answer, "added") > 0 ? "recorded" : "nothing new: it stands so already",
                 answer_text(referral, "ref"), answer_person(referral).text, answer_text(referral, "status"));
    record_warnings(&cli->screen, answer);
    if (input.opportunity != NULL) {
        screen_print(&cli->screen,
                     "  place them with: holdfast placement add NEW-REF --referral %s --opportunity %s --from DAY "
                     "--weeks N\n",
                     answer_text(referral, "ref"), input.opportunity);
    }
    return EXIT_DONE;
}
