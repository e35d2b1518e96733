#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sync/edge/local_client.h"
#include "sync/endpoint/core/state.h"
#include "sync/endpoint/ctl/command.h"
#include "sync/endpoint/ctl/print.h"

#define PROGRAM "holdfast-endpointctl"
#define STATE_DEFAULT "/var/lib/holdfast-endpoint"
#define TIMEOUT_S 600L

const char *argp_program_version = PROGRAM " " HOLDFAST_VERSION;

enum { KEY_STATE_DIR = 512, KEY_SOCKET, KEY_KEY_FILE, KEY_JSON, KEY_OPTION = 1024 };

#define COMMON_OPTIONS 4

struct parsing {
    const struct command *command;
    struct common *common;
    json_t *arguments;
};

/* ---- one command's options ---- */

/* --output is -o too, as everywhere. */
static int key_of(const struct command *command, int option)
{
    return strcmp(command->options[option].name, "output") == 0 ? 'o' : KEY_OPTION + option;
}

static void set_option(struct argp_state *state, const struct command_option *option, const char *text)
{
    struct parsing *parsing = state->input;
    json_t *value = NULL;
    char *end = NULL;
    if (json_object_get(parsing->arguments, option->argument) != NULL) {
        argp_error(state, "--%s is given twice", option->name);
    }
    errno = 0;
    if (option->type == OPTION_FLAG) {
        value = json_true();
    } else if (option->type == OPTION_INTEGER) {
        value = json_integer(strtoll(text, &end, 10));
    } else if (option->type == OPTION_NUMBER) {
        value = json_real(strtod(text, &end));
    } else {
        value = json_string(text);
    }
    if (value == NULL || errno != 0 || (end != NULL && (end == text || *end != '\0'))) {
        argp_error(state, "--%s: '%s' is not what is expected", option->name, text != NULL ? text : "");
    }
    (void)json_object_set_new(parsing->arguments, option->argument, value);
}

static void set_positional(struct argp_state *state, const char *text)
{
    struct parsing *parsing = state->input;
    const char *name = parsing->command->positional;
    if (name == NULL || json_object_get(parsing->arguments, name) != NULL) {
        argp_error(state, "'%s' is too much", text);
    }
    if (json_object_set_new(parsing->arguments, name, json_string(text)) != 0) {
        argp_error(state, "%s: expected text in UTF-8", parsing->command->metavar);
    }
}

static void check_complete(struct argp_state *state)
{
    const struct parsing *parsing = state->input;
    const struct command *command = parsing->command;
    if (command->positional != NULL && command->metavar[0] != '[' &&
        json_object_get(parsing->arguments, command->positional) == NULL) {
        argp_error(state, "%s is missing", command->metavar);
    }
    for (size_t i = 0; i < COMMAND_OPTIONS_MAX && command->options[i].name != NULL; i++) {
        const struct command_option *option = &command->options[i];
        if (option->required && json_object_get(parsing->arguments, option->argument) == NULL) {
            argp_error(state, "--%s is missing", option->name);
        }
    }
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct parsing *parsing = state->input;
    switch (key) {
    case KEY_STATE_DIR:
        parsing->common->state_dir = arg;
        return 0;
    case KEY_SOCKET:
        parsing->common->socket = arg;
        return 0;
    case KEY_KEY_FILE:
        parsing->common->key_file = arg;
        return 0;
    case KEY_JSON:
        parsing->common->json = true;
        return 0;
    case ARGP_KEY_ARG:
        set_positional(state, arg);
        return 0;
    case ARGP_KEY_END:
        check_complete(state);
        return 0;
    default:
        for (int i = 0; i < COMMAND_OPTIONS_MAX && parsing->command->options[i].name != NULL; i++) {
            if (key == key_of(parsing->command, i)) {
                set_option(state, &parsing->command->options[i], arg);
                return 0;
            }
        }
        return ARGP_ERR_UNKNOWN;
    }
}

static void fill_options(const struct command *command, struct argp_option *out)
{
    static const struct argp_option common[COMMON_OPTIONS] = {
        { "state-dir", KEY_STATE_DIR, "DIR", 0, "The centre's folder (default $STATE_DIRECTORY or " STATE_DEFAULT ")",
          10 },
        { "socket", KEY_SOCKET, "PATH", 0, "The endpoint's socket (default STATE/endpoint.sock)", 10 },
        { "key-file", KEY_KEY_FILE, "FILE", 0,
          "What unlocks the database, for init, accept and restore (default STATE/vault.key)", 10 },
        { "json", KEY_JSON, NULL, 0, "Answer in JSON", 10 },
    };
    size_t count = 0;
    for (; count < COMMAND_OPTIONS_MAX && command->options[count].name != NULL; count++) {
        const struct command_option *option = &command->options[count];
        out[count] = (struct argp_option){ .name = option->name,
                                           .key = key_of(command, (int)count),
                                           .arg = option->metavar,
                                           .doc = option->help,
                                           .group = 1 };
    }
    memcpy(out + count, common, sizeof(common));
}

static json_t *parse_command(const struct command *command, int argc, char **argv, struct common *common)
{
    struct argp_option options[COMMAND_OPTIONS_MAX + COMMON_OPTIONS + 1] = { 0 };
    char name[64];
    struct parsing parsing = { .command = command, .common = common, .arguments = json_object() };
    struct argp argp = {
        .options = options, .parser = parse_option, .args_doc = command->metavar, .doc = command->summary
    };
    (void)snprintf(name, sizeof(name), PROGRAM " %s", command->words);
    argv[0] = name;
    fill_options(command, options);
    if (argp_parse(&argp, argc, argv, 0, NULL, &parsing) != 0) {
        json_decref(parsing.arguments);
        return NULL;
    }
    return parsing.arguments;
}

/* ---- which command ---- */

static void print_commands(FILE *out)
{
    (void)fprintf(out, "Usage: " PROGRAM " COMMAND [OPTION...]\nRuns a Holdfast centre.\n\n");
    for (size_t i = 0; i < command_count; i++) {
        (void)fprintf(out, "  %-17s %s\n", commands[i].words, commands[i].summary);
    }
    (void)fprintf(out,
                  "\nEvery command takes --help, --json, --state-dir DIR and --socket PATH.\nExit codes: 0 done, 1 "
                  "refused with a reason, 2 usage, 3 endpoint not reachable.\n");
}

/* The command whose words begin argv[1], and how many words that were; options may not stand between. */
static const struct command *find_command(int argc, char **argv, int *ret_words)
{
    char two[128] = "";
    if (argc > 2) {
        (void)snprintf(two, sizeof(two), "%s %s", argv[1], argv[2]);
    }
    for (size_t i = 0; i < command_count; i++) {
        if (strcmp(commands[i].words, argv[1]) == 0 || strcmp(commands[i].words, two) == 0) {
            *ret_words = strchr(commands[i].words, ' ') != NULL ? 2 : 1;
            return &commands[i];
        }
    }
    return NULL;
}

enum err_code command_socket(const struct common *common, char scratch[STATE_PATH_MAX], const char **ret_socket,
                             struct error *err)
{
    *ret_socket = common->socket != NULL ? common->socket : scratch;
    return common->socket != NULL ? ERR_OK : state_socket(common->state_dir, scratch, err);
}

int command_failed(enum err_code rc, const struct error *err)
{
    (void)fprintf(stderr, PROGRAM ": %s\n", err->message);
    return rc == ERR_INVALID ? EXIT_USAGE : rc == ERR_NETWORK ? EXIT_UNREACHABLE : EXIT_REFUSED;
}

static int ask(const struct command *command, const struct common *common, const json_t *arguments)
{
    char socket[STATE_PATH_MAX];
    char path[128];
    struct error err;
    json_t *answer = NULL;
    const char *where;
    enum err_code rc = command_socket(common, socket, &where, &err);
    (void)snprintf(path, sizeof(path), "/v1/admin/%s", command->operation);
    if (rc == ERR_OK) {
        rc = local_request(where, "POST", path, arguments, TIMEOUT_S, &answer, &err);
    }
    if (common->json && answer != NULL) {
        print_json(answer);
    } else if (rc == ERR_OK) {
        command->print(answer);
    }
    json_decref(answer);
    return rc == ERR_OK ? EXIT_DONE : command_failed(rc, &err);
}

/* What more is to do than to ask. */
static int run_own(const struct command *command, const struct common *common, const json_t *arguments)
{
    static const struct {
        const char *words;
        int (*run)(const struct common *common, const json_t *arguments);
    } own[] = { { "init", command_init },
                { "accept", command_accept },
                { "backup", command_backup },
                { "restore", command_restore },
                { "bundle export", command_bundle_export },
                { "bundle import", command_bundle_import },
                { "enrolment sign", command_enrolment_sign },
                { "pack add", command_pack_add },
                { "ca former", command_ca_former } };
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        if (strcmp(own[i].words, command->words) == 0) {
            return own[i].run(common, arguments);
        }
    }
    CHECK(false);
}

int main(int argc, char **argv)
{
    const char *state = getenv("STATE_DIRECTORY");
    struct common common = { .state_dir = state != NULL ? state : STATE_DEFAULT };
    int words = 0;
    argp_err_exit_status = EXIT_USAGE;
    (void)umask(0077);
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        print_commands(argc < 2 ? stderr : stdout);
        return argc < 2 ? EXIT_USAGE : EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
        (void)printf("%s\n", argp_program_version);
        return EXIT_DONE;
    }
    const struct command *command = find_command(argc, argv, &words);
    if (command == NULL) {
        (void)fprintf(stderr, PROGRAM ": there is no command '%s'; see " PROGRAM " --help\n", argv[1]);
        return EXIT_USAGE;
    }
    json_t *arguments = parse_command(command, argc - words, argv + words, &common);
    if (arguments == NULL) {
        return EXIT_USAGE;
    }
    int code = command->operation == NULL ? run_own(command, &common, arguments) : ask(command, &common, arguments);
    json_decref(arguments);
    return code;
}
