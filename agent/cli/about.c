/* version, help: this program itself. */
#include <inttypes.h>
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "sync/edge/local_client.h"

enum { ASK_TIMEOUT_S = 5 };

static error_t parse_version(int key, char *arg, struct argp_state *state)
{
    if (key == ARGP_KEY_ARG) {
        argument_surplus(state, arg);
    }
    return ARGP_ERR_UNKNOWN;
}

const struct argp version_argp = {
    .parser = parse_version,
    .doc = "Prints the version of this program and, when it can be reached, of the agent."
           "\vExits 3 when the agent cannot be reached; 'holdfast --version' does not ask it.",
};

enum exit_code version_run(struct cli *cli, int argc, char **argv)
{
    command_parse(cli, argc, argv, NULL);
    SCOPED(answer_free) json_t *agent = NULL;
    if (local_request(cli->socket_path, "GET", "/v1/version", NULL, ASK_TIMEOUT_S, &agent, NULL) != ERR_OK) {
        answer_free(&agent);
    }
    enum exit_code code = agent == NULL ? EXIT_UNREACHABLE : EXIT_DONE;
    if (cli->json) {
        json_t *whole = json_pack("{s:s, s:O?}", "version", HOLDFAST_VERSION, "agent", agent);
        (void)call_printed(cli, whole);
        answer_free(&whole);
        return code;
    }
    screen_print(&cli->screen, "holdfast %s\n", HOLDFAST_VERSION);
    if (agent == NULL) {
        screen_print(&cli->screen, "agent: not reachable\n");
        return code;
    }
    answer_clean(agent);
    const json_t *programme = answer_member(agent, "programme");
    screen_print(&cli->screen, "agent %s, API %" PRId64 ", programme %s version %" PRId64 "\n",
                 answer_text(agent, "version"), answer_int(agent, "api"), answer_text(programme, "id"),
                 answer_int(programme, "version"));
    return EXIT_DONE;
}

static error_t parse_help(int key, char *arg, struct argp_state *state)
{
    const struct command **topic = state->input;
    if (key != ARGP_KEY_ARG) {
        return ARGP_ERR_UNKNOWN;
    }
    if (state->arg_num > 0) {
        argument_surplus(state, arg);
    }
    if (topic != NULL) {
        *topic = command_find(arg);
        if (*topic == NULL) {
            argp_error(state, "there is no command '%s'; 'holdfast help' lists them", arg);
        }
    }
    return 0;
}

const struct argp help_argp = {
    .parser = parse_help,
    .args_doc = "[COMMAND]",
    .doc = "Lists the commands, or says what one of them takes.",
};

static void print_commands_json(struct cli *cli)
{
    json_t *list = json_array();
    for (size_t i = 0; command_at(i) != NULL; i++) {
        (void)json_array_append_new(
            list, json_pack("{s:s, s:s}", "name", command_at(i)->name, "summary", command_at(i)->summary));
    }
    json_t *whole = json_pack("{s:o}", "commands", list);
    (void)call_printed(cli, whole);
    answer_free(&whole);
}

enum exit_code help_run(struct cli *cli, int argc, char **argv)
{
    const struct command *topic = NULL;
    command_parse(cli, argc, argv, &topic);
    if (topic != NULL) {
        char *help[] = { argv[0], (char[]){ "--help" }, NULL };
        cli->command = topic;
        return topic->run(cli, 2, help);
    }
    if (cli->json) {
        print_commands_json(cli);
    } else {
        command_usage(&cli->screen);
    }
    return EXIT_DONE;
}
