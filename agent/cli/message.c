/* message: what JCP wrote, and writing to it. */
#include <inttypes.h>
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/human.h"

enum { OPTION_ABOUT = 0x7101, OPTION_PARTICIPANT, OPTION_REFERRAL, OPTION_REPLY };

#define ID_SHOWN 8
#define NOT_FOR_YOU "(what it says is not for your role)"

static const char *const verbs[] = { "list", "show", "send", NULL };

struct message_input {
    const char *verb;
    const char *word; /* the id to show, or what to send */
    const char *about;
    const char *participant;
    const char *referral;
    const char *reply_to;
    bool unread;
};

static error_t message_end(const struct message_input *input, const struct argp_state *state)
{
    bool send = input->verb != NULL && strcmp(input->verb, "send") == 0;
    bool show = input->verb != NULL && strcmp(input->verb, "show") == 0;
    if ((send || show) && input->word == NULL) {
        argp_error(state, send ? "say what to send, in quotes" : "say which message, by its ID");
    }
    if (!send && (input->about || input->participant || input->referral || input->reply_to)) {
        argp_error(state, "--about, --participant, --referral and --reply-to go with send only");
    }
    if (input->unread && (send || show)) {
        argp_error(state, "--unread goes with list only");
    }
    return 0;
}

static error_t message_word(struct message_input *input, char *arg, struct argp_state *state)
{
    if (state->arg_num == 0) {
        input->verb = argument_word(state, "what to do", arg, verbs);
    } else if (state->arg_num == 1 && strcmp(input->verb, "list") != 0) {
        input->word = argument_text(state, "the message", arg);
    } else {
        argument_surplus(state, arg);
    }
    return 0;
}

static error_t parse_message(int key, char *arg, struct argp_state *state)
{
    struct message_input *input = state->input;
    switch (key) {
    case 'u':
        input->unread = true;
        return 0;
    case OPTION_ABOUT:
        input->about = argument_text(state, "--about", arg);
        return 0;
    case OPTION_PARTICIPANT:
        input->participant = argument_text(state, "--participant", arg);
        return 0;
    case OPTION_REFERRAL:
        input->referral = argument_text(state, "--referral", arg);
        return 0;
    case OPTION_REPLY:
        input->reply_to = argument_text(state, "--reply-to", arg);
        return 0;
    case ARGP_KEY_ARG:
        return message_word(input, arg, state);
    case ARGP_KEY_END:
        return message_end(input, state);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    { "unread", 'u', NULL, 0, "list: only those of JCP that nobody read on this machine", 0 },
    { "about", OPTION_ABOUT, "CODE", 0, "send: what it is about, such as capacity", 0 },
    { "participant", OPTION_PARTICIPANT, "REF", 0, "send: about this person", 0 },
    { "referral", OPTION_REFERRAL, "REF", 0, "send: about this referral", 0 },
    { "reply-to", OPTION_REPLY, "ID", 0, "send: the answer to this message", 0 },
    { 0 },
};

const struct argp message_argp = {
    .options = options,
    .parser = parse_message,
    .args_doc = "[list]\nshow ID\nsend TEXT",
    .doc = "Messages with JCP: list them, read one, or send one with the next exchange."
           "\vA message is a signed record, kept by both sides. Showing one to somebody who may "
           "see what it says marks it as read on this machine.",
};

static const char *from_of(const json_t *message)
{
    const char *from = answer_text(message, "from");
    return strcmp(from, "jcp") == 0 ? "JCP" : "us";
}

static void print_line(const struct screen *screen, const json_t *message)
{
    bool unread = answer_true(message, "unread");
    const char *body = answer_has(message, "body") ? answer_text(message, "body") : NOT_FOR_YOU;
    bool cut = strchr(body, '\n') != NULL || strlen(body) > 300;
    const char *of = answer_text(message, answer_has(message, "referral_ref") ? "referral_ref" : "participant_ref");
    screen_print(screen, "%s%-10s  %-*.*s  %s%s%s: %.*s%s%s\n", unread ? screen_mark(screen, MARK_WARNING) : "",
                 answer_text(message, "sent_on"), ID_SHOWN, ID_SHOWN, answer_text(message, "id"), from_of(message),
                 of[0] != '\0' ? " on " : "", of, cut ? (int)strcspn(body, "\n") : (int)strlen(body), body,
                 cut ? " ..." : "", unread ? screen_unmark(screen) : "");
}

static enum exit_code list(struct cli *cli, const struct message_input *input)
{
    char *path = path_of("/v1/messages");
    path_add(&path, "unread", input->unread ? "1" : NULL);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path, NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    const json_t *messages = answer_member(answer, "messages");
    size_t i;
    const json_t *message;
    json_array_foreach(messages, i, message)
    {
        print_line(&cli->screen, message);
    }
    if (json_array_size(messages) == 0) {
        screen_print(&cli->screen, input->unread ? "No unread messages.\n" : "No messages yet.\n");
    }
    if (answer_true(answer, "more")) {
        screen_print(&cli->screen, "\nThere are more: 'holdfast export message' has them all.\n");
    }
    return EXIT_DONE;
}

static void print_message(const struct screen *screen, const json_t *message)
{
    int64_t at_ms;
    screen_fact(screen, "From", "%s (%s)", from_of(message), answer_text(message, "by"));
    if (answer_instant(message, "at", &at_ms)) {
        struct human at = human_instant(at_ms, screen->now_ms);
        screen_fact(screen, "Written", "%s", at.text);
    }
    static const char *const facts[][2] = { { "About", "about" },
                                            { "Person", "participant_ref" },
                                            { "Referral", "referral_ref" },
                                            { "Answers", "reply_to" },
                                            { "Id", "id" } };
    for (size_t i = 0; i < ARRAY_LEN(facts); i++) {
        if (answer_has(message, facts[i][1])) {
            screen_fact(screen, facts[i][0], "%s", answer_text(message, facts[i][1]));
        }
    }
    screen_print(screen, "\n%s\n", answer_has(message, "body") ? answer_text(message, "body") : NOT_FOR_YOU);
}

/* Shown first, then marked: what was never seen, or is withheld from who asks, is never taken for read. */
static enum exit_code show(struct cli *cli, const struct message_input *input)
{
    SCOPED(answer_free) json_t *answer = NULL;
    SCOPED(answer_free) json_t *marked = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/messages/%s", input->word), NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE) {
        return code;
    }
    if (!call_printed(cli, answer)) {
        print_message(&cli->screen, answer_member(answer, "message"));
    }
    const json_t *message = answer_member(answer, "message");
    if (!answer_true(message, "unread") || !answer_has(message, "body")) {
        return EXIT_DONE;
    }
    json_t *body = json_pack("{s:s}", "id", answer_text(message, "id"));
    return call(cli, "POST", path_of("/v1/messages/seen"), body, CALL_TIMEOUT_S, &marked);
}

static enum exit_code send_message(struct cli *cli, const struct message_input *input)
{
    json_t *body = json_pack("{s:s, s:s*, s:s*, s:s*, s:s*}", "body", input->word, "about", input->about, "participant",
                             input->participant, "referral", input->referral, "reply_to", input->reply_to);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "POST", path_of("/v1/messages"), body, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    screen_print(&cli->screen, "recorded as %.*s; the next exchange carries it to JCP\n", ID_SHOWN,
                 answer_text(answer, "id"));
    return EXIT_DONE;
}

enum exit_code message_run(struct cli *cli, int argc, char **argv)
{
    struct message_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    if (input.verb == NULL || strcmp(input.verb, "list") == 0) {
        return list(cli, &input);
    }
    return strcmp(input.verb, "show") == 0 ? show(cli, &input) : send_message(cli, &input);
}
