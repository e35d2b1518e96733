#include "agent/cli/command.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/text.h"
#include "base/file.h"

static struct command commands[] = {
#define X(name, summary) { #name, summary, &name##_argp, name##_run },
    COMMANDS(X)
#undef X
};

/* The table is made of identifiers: a '_' there is the '-' of a command's name. */
static struct command *table(void)
{
    enum { NAME_SIZE = 24 };
    static char names[ARRAY_LEN(commands)][NAME_SIZE];
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strchr(commands[i].name, '_') != NULL) {
            (void)snprintf(names[i], NAME_SIZE, "%s", commands[i].name);
            for (char *at = names[i]; (at = strchr(at, '_')) != NULL;) {
                *at = '-';
            }
            commands[i].name = names[i];
        }
    }
    return commands;
}

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(table()[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

const struct command *command_at(size_t index)
{
    return index < ARRAY_LEN(commands) ? &table()[index] : NULL;
}

/* The command that a group begins with. */
static const struct {
    const char *first;
    const char *title;
} groups[] = {
    { "status", "Every day" },
    { "flags", "What to look at" },
    { "participants", "People and placements" },
    { "capacity", "The organisation" },
    { "import", "Records in and out, and what they prove" },
    { "enrol", "This machine" },
    { "unlock", "Keys, and who works here" },
    { "version", "About" },
};

static void print_title(const struct screen *screen, const char *command)
{
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        if (strcmp(groups[i].first, command) == 0) {
            screen_print(screen, "%s%s:\n", i == 0 ? "" : "\n", groups[i].title);
        }
    }
}

void command_usage(const struct screen *screen)
{
    screen_print(screen, "Usage: holdfast COMMAND [ARGUMENT...]\n\n");
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        print_title(screen, table()[i].name);
        screen_print(screen, "  %-16s%s\n", table()[i].name, commands[i].summary);
    }
    screen_print(screen,
                 "\n'holdfast help COMMAND' says what a command takes.\n"
                 "Each takes --json (the agent's own answer), --socket PATH and --state-dir DIR (which agent).\n"
                 "Ends with 0 done, 1 refused with a reason, 2 wrong usage, 3 agent not reachable, 4 locked.\n");
}

static bool socket_path_set(char ret_path[SOCKET_PATH_SIZE], const char *folder, const char *rest)
{
    int len = snprintf(ret_path, SOCKET_PATH_SIZE, "%s%s", folder, rest);
    return len >= 0 && len < SOCKET_PATH_SIZE;
}

static bool user_socket(char ret_path[SOCKET_PATH_SIZE])
{
    const char *state_home = getenv("XDG_STATE_HOME");
    if (state_home != NULL && state_home[0] == '/') {
        return socket_path_set(ret_path, state_home, "/holdfast/holdfast.sock");
    }
    const char *home = getenv("HOME");
    return socket_path_set(ret_path, home == NULL ? "" : home, "/.local/state/holdfast/holdfast.sock");
}

/* The agent's own order, but a user without an agent of their own means the one of the machine. */
bool socket_default(const char *state_dir, char ret_path[SOCKET_PATH_SIZE])
{
    const char *given = getenv("STATE_DIRECTORY"); /* of systemd, which may name several, separated by colons */
    if (state_dir != NULL) {
        return socket_path_set(ret_path, state_dir, "/holdfast.sock");
    }
    if (given != NULL && given[0] != '\0') {
        char first[SOCKET_PATH_SIZE];
        int len = snprintf(first, sizeof(first), "%.*s", (int)strcspn(given, ":"), given);
        return len < SOCKET_PATH_SIZE && socket_path_set(ret_path, first, "/holdfast.sock");
    }
    char machine[] = "/var/lib/holdfast/holdfast.sock";
    if (geteuid() == 0 || !user_socket(ret_path) || (!file_exists(ret_path) && file_exists(machine))) {
        return socket_path_set(ret_path, machine, "");
    }
    return true;
}

enum { OPTION_SOCKET = 0x1001, OPTION_STATE_DIR };

static const struct argp_option common_options[] = {
    { "json", 'j', NULL, 0, "the agent's own JSON instead of words", 0 },
    { "socket", OPTION_SOCKET, "PATH", 0, "the agent's socket (else $HOLDFAST_SOCKET)", 0 },
    { "state-dir", OPTION_STATE_DIR, "DIR", 0, "its state folder, with holdfast.sock in it", 0 },
    { 0 },
};

static error_t parse_common(int key, char *arg, struct argp_state *state)
{
    struct cli *cli = state->input;
    bool fits = true;
    switch (key) {
    case 'j':
        cli->json = true;
        return 0;
    case OPTION_SOCKET:
        fits = socket_path_set(cli->socket_path, arg, "");
        break;
    case OPTION_STATE_DIR:
        fits = socket_default(arg, cli->socket_path);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    if (!fits) {
        argp_error(state, "the socket's path is longer than %d bytes", SOCKET_PATH_SIZE - 1);
    }
    return 0;
}

static const struct argp common_argp = { .options = common_options, .parser = parse_common };

struct parse_inputs {
    struct cli *cli;
    void *command;
};

static error_t parse_whole(int key, char *arg UNUSED, struct argp_state *state)
{
    if (key != ARGP_KEY_INIT) {
        return ARGP_ERR_UNKNOWN;
    }
    const struct parse_inputs *inputs = state->input;
    state->child_inputs[0] = inputs->command;
    state->child_inputs[1] = inputs->cli;
    state->out_stream = inputs->cli->screen.out;
    state->err_stream = inputs->cli->notes.out;
    return 0;
}

void command_parse(struct cli *cli, int argc, char **argv, void *input)
{
    const struct argp_child children[] = {
        { cli->command->argp, 0, NULL, 0 },
        { &common_argp, 0, "With every command:", 1 },
        { 0 },
    };
    const struct argp whole = { .parser = parse_whole, .children = children };
    char name[64];
    (void)snprintf(name, sizeof(name), "holdfast %s", cli->command->name);
    char *program = argv[0];
    argv[0] = name;
    struct parse_inputs inputs = { .cli = cli, .command = input };
    error_t rc = argp_parse(&whole, argc, argv, 0, NULL, &inputs);
    argv[0] = program;
    if (rc != 0) {
        screen_print(&cli->notes, "holdfast %s: read the command line: %s\n", cli->command->name, strerror(rc));
        exit(EXIT_REFUSED);
    }
}

/* The words up to and with the command's name. */
struct front {
    struct cli *cli;
    int command_at; /* in argv; 0: none */
    bool listed;
    bool version;
};

static const struct argp_option front_options[] = {
    { "version", 'V', NULL, 0, "print this program's version", 0 },
    { "help", '?', NULL, 0, "print this list", 0 },
    { 0 },
};

static error_t parse_front(int key, char *arg, struct argp_state *state)
{
    struct front *front = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = front->cli;
        state->out_stream = front->cli->screen.out;
        state->err_stream = front->cli->notes.out;
        return 0;
    case 'V':
        front->version = true;
        return 0;
    case '?':
        front->listed = true;
        return 0;
    case ARGP_KEY_ARG:
        front->command_at = state->next - 1;
        front->cli->command = command_find(arg);
        if (front->cli->command == NULL) {
            argp_error(state, "there is no command '%s'; 'holdfast help' lists them", arg);
        }
        state->next = state->argc;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child front_children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };
static const struct argp front_argp = {
    .options = front_options,
    .parser = parse_front,
    .args_doc = "COMMAND [ARGUMENT...]",
    .children = front_children,
};

static bool socket_of_environment(struct cli *cli)
{
    const char *socket = getenv("HOLDFAST_SOCKET");
    return socket != NULL && socket[0] != '\0' ? socket_path_set(cli->socket_path, socket, "")
                                               : socket_default(NULL, cli->socket_path);
}

static enum exit_code without_command(const struct cli *cli, const struct front *front)
{
    if (front->version) {
        screen_print(&cli->screen, "holdfast %s\n", HOLDFAST_VERSION);
        return EXIT_DONE;
    }
    command_usage(front->listed ? &cli->screen : &cli->notes);
    return front->listed ? EXIT_DONE : EXIT_USAGE;
}

enum exit_code cli_main(int argc, char **argv, FILE *out, FILE *err)
{
    struct cli cli = { 0 };
    text_init();
    screen_init(&cli.screen, out);
    screen_init(&cli.notes, err);
    if (!socket_of_environment(&cli)) {
        screen_print(&cli.notes, "holdfast: the socket's path in the environment is too long\n");
        return EXIT_USAGE;
    }
    argp_err_exit_status = EXIT_USAGE;
    (void)setenv("ARGP_HELP_FMT", "no-dup-args-note", 0);
    struct front front = { .cli = &cli };
    error_t rc = argp_parse(&front_argp, argc, argv, ARGP_IN_ORDER | ARGP_NO_HELP, NULL, &front);
    if (rc != 0) {
        screen_print(&cli.notes, "holdfast: read the command line: %s\n", strerror(rc));
        return EXIT_REFUSED;
    }
    if (front.command_at == 0) {
        return without_command(&cli, &front);
    }
    return cli.command->run(&cli, argc - front.command_at, argv + front.command_at);
}
