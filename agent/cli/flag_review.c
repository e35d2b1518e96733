/* review: a person looked at a flag, asked its questions, and says what follows. */
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/human.h"
#include "agent/cli/memory.h"

enum { ANSWERS_MAX = 12 };

struct flag_review_input {
    const char *flag;
    const char *outcome;
    const char *answers[ANSWERS_MAX];
    size_t answer_count;
    const char *look_again_on;
    const char *note;
};

static const char *const outcomes[] = { "doubt", "support", "no_action", "host_matter", "corrected", NULL };

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct flag_review_input *input = state->input;
    switch (key) {
    case 'o':
        input->outcome = argument_word(state, "--outcome", arg, outcomes);
        return 0;
    case 'a':
        if (input->answer_count == ANSWERS_MAX) {
            argp_error(state, "--answer: at most %d", ANSWERS_MAX);
        }
        input->answers[input->answer_count++] = argument_text(state, "--answer", arg);
        return 0;
    case 'l':
        input->look_again_on = argument_day(state, "--look-again", arg);
        return 0;
    case 'n':
        input->note = argument_text(state, "--note", arg);
        return 0;
    case ARGP_KEY_ARG:
        input->flag = argument_only(state, arg);
        return 0;
    case ARGP_KEY_END:
        if (input->flag == NULL) {
            argp_error(state, "name the flag; 'holdfast flags' shows the IDs");
        }
        if (input->outcome == NULL &&
            (input->answer_count > 0 || input->note != NULL || input->look_again_on != NULL)) {
            argp_error(state, "say with --outcome what was found");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    { "outcome", 'o', "OUTCOME", 0, "support, no_action, host_matter, corrected or doubt", 0 },
    { "answer", 'a', "TEXT", 0, "to the next of the flag's questions; once for each, in their order", 0 },
    { "look-again", 'l', "DAY", 0, "when to look again, yyyy-mm-dd", 0 },
    { "note", 'n', "TEXT", 0, "what else was found", 0 },
    { 0 },
};

const struct argp review_argp = {
    .options = options,
    .parser = parse,
    .args_doc = "FLAG",
    .doc =
        "Shows a flag with the questions to ask first and what was found before; with --outcome records what you "
        "found."
        "\vThe outcome 'doubt' is a finding of one person about one absence. It takes an answer to every question, and "
        "nothing is sent because of it: see 'holdfast doubt preview SESSION'. FLAG is the flag's eight digits or the "
        "beginning of them.",
};

static void print_reviews(const struct screen *screen, const json_t *reviews)
{
    size_t index;
    const json_t *review;
    json_array_foreach(reviews, index, review)
    {
        const json_t *fields = answer_member(review, "fields");
        int64_t at_ms = 0;
        (void)answer_instant(review, "said_at", &at_ms);
        struct human at = human_instant(at_ms, screen->now_ms);
        int32_t again;
        bool dated = answer_day(fields, "look_again_on", &again);
        struct human day = dated ? human_day(again) : (struct human){ "" };
        screen_fact(screen, index == 0 ? "Reviewed" : "", "%s, by %s, %s%s%s", answer_text(fields, "outcome"),
                    answer_text(review, "said_by"), at.text, dated ? "; look again on " : "", day.text);
        if (answer_text(fields, "note")[0] != '\0') {
            screen_fact(screen, "", "%s", answer_text(fields, "note"));
        }
    }
}

static enum exit_code show(struct cli *cli, const char *id)
{
    SCOPED(answer_free) json_t *answer = NULL;
    SCOPED(answer_free) json_t *reviews = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/flags/%s", id), NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    const struct screen *screen = &cli->screen;
    const json_t *flag = answer_member(answer, "flag");
    size_t index;
    const json_t *question;
    screen_print(screen, "%s %s\n", answer_text(flag, "code"), answer_text(flag, "subject_ref"));
    screen_fact(screen, "Facts", "%s", answer_text(flag, "facts"));
    screen_fact(screen, "Rule", "%s", answer_text(flag, "rule"));
    json_array_foreach(answer_member(flag, "questions"), index, question)
    {
        screen_fact(screen, index == 0 ? "Ask first" : "", "%zu. %s", index + 1, json_string_value(question));
    }
    char *path = path_of("/v1/reviews");
    path_add(&path, "flag", answer_text(flag, "id"));
    code = call(cli, "GET", path, NULL, CALL_TIMEOUT_S, &reviews);
    if (code == EXIT_DONE) {
        answer_clean(reviews);
        print_reviews(screen, answer_member(reviews, "reviews"));
    }
    return code;
}

static json_t *body_of(const struct flag_review_input *input)
{
    json_t *body = json_pack("{s:s,s:s,s:s*,s:s*}", "flag", input->flag, "outcome", input->outcome, "look_again_on",
                             input->look_again_on, "note", input->note);
    json_t *answers = json_array();
    for (size_t i = 0; i < input->answer_count; i++) {
        (void)json_array_append_new(answers, json_string(input->answers[i]));
    }
    (void)json_object_set_new(must_have(body), "answers", answers);
    return body;
}

enum exit_code review_run(struct cli *cli, int argc, char **argv)
{
    struct flag_review_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    if (input.outcome == NULL) {
        return show(cli, input.flag);
    }
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "POST", path_of("/v1/reviews"), body_of(&input), CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    screen_print(&cli->screen, "recorded: %s reviewed, %s\n", answer_text(answer, "about"),
                 answer_text(answer, "outcome"));
    if (answer_true(answer, "kept")) {
        screen_print(&cli->screen, "It stays on this machine: nothing about volunteers is ever sent.\n");
    }
    if (strcmp(input.outcome, "doubt") == 0) {
        screen_print(&cli->screen, "Nothing is sent yet. Next: holdfast doubt preview %s\n",
                     answer_text(answer, "about"));
    }
    return EXIT_DONE;
}
