/* person, sign-in, sign-out, whoami: who works with this machine, in which roles. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/human.h"
#include "agent/cli/key_secret.h"
#include "agent/cli/request.h"
#include "agent/cli/session.h"
#include "agent/cli/sheet.h"

enum { OPTION_ROLE = 0x5201, OPTION_USER, OPTION_PASSPHRASE, OPTION_FILE, ROLES_MAX = 5, WORDS_MAX = 2 };

static const char *const verbs[] = { "list", "add", "remove", NULL };
static const char *const role_names[] = { "supervisor", "coordinator", "reviewer", "trustee", "administrator", NULL };

struct person_input {
    const char *words[WORDS_MAX];
    size_t word_count;
    const char *roles[ROLES_MAX];
    size_t role_count;
    const char *user;
    bool passphrase;
    const char *passphrase_file;
};

/* "reviewer,coordinator", or --role again and again */
static void parse_roles(struct person_input *input, char *list, const struct argp_state *state)
{
    char *rest = NULL;
    for (char *role = strtok_r(list, ",", &rest); role != NULL; role = strtok_r(NULL, ",", &rest)) {
        if (input->role_count == ROLES_MAX) {
            argp_error(state, "more roles than there are");
        }
        input->roles[input->role_count++] = argument_word(state, "--role", role, role_names);
    }
}

static error_t person_end(struct person_input *input, const struct argp_state *state)
{
    if (input->word_count == 0) {
        input->words[input->word_count++] = "list";
    }
    bool lists = strcmp(input->words[0], "list") == 0;
    if (!lists && input->word_count < 2) {
        argp_error(state, "name the person; 'holdfast person list' shows them");
    }
    if (lists && input->word_count > 1) {
        argument_surplus(state, input->words[1]);
    }
    if (strcmp(input->words[0], "add") == 0 && input->role_count == 0) {
        argp_error(state, "say what the person does here: --role ROLE");
    }
    return 0;
}

static error_t parse_person(int key, char *arg, struct argp_state *state)
{
    struct person_input *input = state->input;
    switch (key) {
    case OPTION_ROLE:
        parse_roles(input, arg, state);
        return 0;
    case OPTION_USER:
        input->user = argument_text(state, "--user", arg);
        return 0;
    case OPTION_PASSPHRASE:
        input->passphrase = true;
        return 0;
    case OPTION_FILE:
        input->passphrase_file = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (input->word_count == WORDS_MAX) {
            argument_surplus(state, arg);
        }
        input->words[input->word_count] =
            input->word_count == 0 ? argument_word(state, "what to do", arg, verbs) : argument_text(state, "NAME", arg);
        input->word_count++;
        return 0;
    case ARGP_KEY_END:
        return person_end(input, state);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option person_options[] = {
    { "role", OPTION_ROLE, "ROLE", 0,
      "supervisor, coordinator, reviewer, trustee or administrator; several with commas", 0 },
    { "user", OPTION_USER, "USER", 0, "their own user of this system", 0 },
    { "passphrase", OPTION_PASSPHRASE, NULL, 0, "a passphrase of their own, asked for now", 0 },
    { "passphrase-file", OPTION_FILE, "FILE", 0, "the same from a file's first line; only its owner may read it", 0 },
    { 0 },
};

const struct argp person_argp = {
    .options = person_options,
    .parser = parse_person,
    .args_doc = "list\nadd NAME --role ROLE [--user USER] [--passphrase]\nremove NAME",
    .doc = "Who works with this machine, and in which roles."
           "\vAs long as nobody is entered, every user who may ask the agent may do everything. Then each call needs "
           "one of "
           "the roles that API.md's table says, and what is recorded stands under the person's name. The first "
           "one has to be an administrator. People who share one user of the system have a passphrase each and use "
           "'holdfast sign-in'. 'add' with a name that is there changes the entry.",
};

static const struct sheet_column person_columns[] = {
    { .title = "NAME", .flexible = true },
    { .title = "ROLES", .flexible = true },
    { .title = "USER" },
    { .title = "SIGNS IN" },
    { 0 },
};

/* "coordinator, reviewer"; the caller frees. */
static char *roles_of(const json_t *row)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    size_t index;
    const json_t *role;
    json_array_foreach(answer_member(row, "roles"), index, role)
    {
        (void)fprintf(out, "%s%s", index > 0 ? ", " : "", json_string_value(role));
    }
    (void)fclose(out);
    return text;
}

static enum exit_code list_people(struct cli *cli)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/people"), NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    struct sheet *sheet = sheet_new(person_columns);
    size_t index;
    const json_t *row;
    json_array_foreach(answer_member(answer, "people"), index, row)
    {
        char *roles = roles_of(row);
        const char *cells[] = { answer_text(row, "name"), roles, answer_text(row, "os_user"),
                                answer_true(row, "passphrase") ? "with a passphrase" : "as that user" };
        sheet_add(sheet, MARK_PLAIN, cells);
        free(roles);
    }
    if (sheet_rows(sheet) == 0) {
        screen_print(&cli->screen, "Nobody is entered: every user who may ask the agent may do everything.\n");
        screen_fact(&cli->screen, "Next", "'holdfast person add NAME --role administrator'");
    } else {
        sheet_print(sheet, &cli->screen);
    }
    sheet_free(sheet);
    return EXIT_DONE;
}

/* {"name": ..., "roles": [...], ...} with the passphrase in locked memory throughout */
static enum exit_code send_person(struct cli *cli, const struct person_input *input, const struct key_secret *secret,
                                  json_t **ret_answer)
{
    SCOPED(request_free) struct request request = { .len = 0 };
    struct error err = { .code = ERR_OK };
    if (request_begin(&request, &err) != ERR_OK) {
        return call_refused(cli, &err);
    }
    request_text(&request, "name", slice_of_text(input->words[1]));
    request_texts(&request, "roles", input->roles, input->role_count);
    if (input->user != NULL) {
        request_text(&request, "os_user", slice_of_text(input->user));
    }
    if (secret->text.len > 0) {
        key_secret_put(secret, NULL, &request);
    }
    return request_send(cli, &request, path_of("/v1/people"), ret_answer);
}

static enum exit_code add_person(struct cli *cli, const struct person_input *input)
{
    SCOPED(key_secret_free) struct key_secret secret = { .member = NULL };
    SCOPED(answer_free) json_t *answer = NULL;
    struct error err = { .code = ERR_OK };
    if ((input->passphrase || input->passphrase_file != NULL) &&
        key_secret_new_passphrase(input->passphrase_file, &secret, &err) != ERR_OK) {
        return call_refused(cli, &err);
    }
    enum exit_code code = send_person(cli, input, &secret, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    const json_t *row = answer_member(answer, "person");
    char *roles = roles_of(row);
    screen_print(&cli->screen, "entered: %s (%s)\n", answer_text(row, "name"), roles);
    free(roles);
    if (answer_true(row, "passphrase")) {
        screen_fact(&cli->screen, "Next", "'holdfast sign-in', with the name and the passphrase");
    }
    return EXIT_DONE;
}

enum exit_code person_run(struct cli *cli, int argc, char **argv)
{
    struct person_input input = { .word_count = 0 };
    command_parse(cli, argc, argv, &input);
    if (strcmp(input.words[0], "list") == 0) {
        return list_people(cli);
    }
    if (strcmp(input.words[0], "add") == 0) {
        return add_person(cli, &input);
    }
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "POST", path_of("/v1/people/remove"), json_pack("{s:s}", "name", input.words[1]),
                               CALL_TIMEOUT_S, &answer);
    if (code == EXIT_DONE && !call_printed(cli, answer)) {
        screen_print(&cli->screen, "removed: %s; what they recorded stays under their name\n",
                     answer_text(answer, "removed"));
    }
    return code;
}

/* ---- sign-in, sign-out, whoami ---- */

struct sign_in_input {
    const char *name;
    const char *passphrase_file;
};

static error_t parse_sign_in(int key, char *arg, struct argp_state *state)
{
    struct sign_in_input *input = state->input;
    switch (key) {
    case OPTION_FILE:
        input->passphrase_file = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (input->name != NULL) {
            argument_surplus(state, arg);
        }
        input->name = argument_text(state, "NAME", arg);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "say who you are; an administrator's 'holdfast person list' shows the names");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option sign_in_options[] = {
    { "passphrase-file", OPTION_FILE, "FILE", 0, "its first line; only its owner may read the file", 0 },
    { 0 },
};

const struct argp sign_in_argp = {
    .options = sign_in_options,
    .parser = parse_sign_in,
    .args_doc = "NAME",
    .doc = "Signs in as a person who has a passphrase: what is recorded from then on stands under that name."
           "\vGood for this user of the system, for 30 minutes after the last command and 12 hours in all, until "
           "'holdfast sign-out', and until the replica is locked.",
};

enum exit_code sign_in_run(struct cli *cli, int argc, char **argv)
{
    struct sign_in_input input = { .name = NULL };
    command_parse(cli, argc, argv, &input);
    SCOPED(key_secret_free) struct key_secret secret = { .member = NULL };
    SCOPED(request_free) struct request request = { .len = 0 };
    SCOPED(answer_free) json_t *answer = NULL;
    struct error err = { .code = ERR_OK };
    struct proof_input proof = { .passphrase_file = input.passphrase_file };
    enum err_code rc = key_secret_prove(&proof, "Passphrase: ", &secret, &err);
    rc = rc == ERR_OK ? request_begin(&request, &err) : rc;
    if (rc != ERR_OK) {
        return call_refused(cli, &err);
    }
    request_text(&request, "name", slice_of_text(input.name));
    key_secret_put(&secret, NULL, &request);
    enum exit_code code = request_send(cli, &request, path_of("/v1/sign-in"), &answer);
    if (code != EXIT_DONE) {
        return code;
    }
    if (session_keep(cli->socket_path, answer_text(answer, "token"), &err) != ERR_OK) {
        return call_refused(cli, &err);
    }
    (void)json_object_del(answer, "token"); /* in the file alone */
    if (!call_printed(cli, answer)) {
        char *roles = roles_of(answer);
        screen_print(&cli->screen, "signed in: %s (%s)\n", answer_text(answer, "name"), roles);
        free(roles);
    }
    return EXIT_DONE;
}

static error_t parse_nothing(int key, char *arg, struct argp_state *state)
{
    if (key == ARGP_KEY_ARG) {
        argument_surplus(state, arg);
    }
    return key == ARGP_KEY_ARG ? 0 : ARGP_ERR_UNKNOWN;
}

const struct argp sign_out_argp = { .parser = parse_nothing, .doc = "Ends what 'holdfast sign-in' began." };

enum exit_code sign_out_run(struct cli *cli, int argc, char **argv)
{
    command_parse(cli, argc, argv, NULL);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "POST", path_of("/v1/sign-out"), json_object(), CALL_TIMEOUT_S, &answer);
    session_forget(cli->socket_path); /* also when the agent does not answer */
    if (code == EXIT_DONE && !call_printed(cli, answer)) {
        screen_print(&cli->screen, "signed out\n");
    }
    return code;
}

const struct argp whoami_argp = { .parser = parse_nothing,
                                  .doc = "Says as whom this machine knows you, and in which roles." };

enum exit_code whoami_run(struct cli *cli, int argc, char **argv)
{
    command_parse(cli, argc, argv, NULL);
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/whoami"), NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    char *roles = roles_of(answer);
    screen_print(&cli->screen, "%s\n", answer_text(answer, "name"));
    screen_fact(&cli->screen, "Roles", "%s", answer_true(answer, "known") ? roles : "none");
    free(roles);
    if (!answer_true(answer, "people_entered")) {
        screen_fact(&cli->screen, "", "nobody is entered: every user who may ask may do everything");
    } else if (!answer_true(answer, "known")) {
        screen_fact(&cli->screen, "Next", "'holdfast sign-in NAME'");
    }
    return EXIT_DONE;
}
