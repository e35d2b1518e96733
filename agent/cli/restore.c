/* restore: the replica of a backup in place of the one that is here, or where none is; and back again. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/backup_read.h"
#include "agent/cli/backup_words.h"
#include "agent/cli/call.h"
#include "agent/cli/human.h"

enum { OPTION_REPLACE = 0x9201, OPTION_UNDO, OPTION_DISCARD, OPTION_LIST, OPTION_YES };

enum what { RESTORE_FILE, RESTORE_UNDO, RESTORE_DISCARD, RESTORE_LIST };

struct restore_input {
    struct backup_read read;
    enum what what;
    bool yes;
};

static void choose(struct argp_state *state, enum what what)
{
    struct restore_input *input = state->input;
    if (input->what != RESTORE_FILE) {
        argp_error(state, "one of --undo, --discard and --list");
    }
    input->what = what;
}

static error_t restore_end(const struct restore_input *input, const struct argp_state *state)
{
    bool file = input->read.path != NULL;
    if (file != (input->what == RESTORE_FILE)) {
        argp_error(state, file ? "--undo, --discard and --list take no FILE" : "say which file");
    }
    return 0;
}

static error_t parse_restore(int key, char *arg, struct argp_state *state)
{
    struct restore_input *input = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &input->read.secret;
        return 0;
    case OPTION_REPLACE:
        input->read.replace = true;
        return 0;
    case OPTION_YES:
        input->yes = true;
        return 0;
    case OPTION_UNDO:
        choose(state, RESTORE_UNDO);
        return 0;
    case OPTION_DISCARD:
        choose(state, RESTORE_DISCARD);
        return 0;
    case OPTION_LIST:
        choose(state, RESTORE_LIST);
        return 0;
    case ARGP_KEY_ARG:
        input->read.path = argument_only(state, arg);
        return 0;
    case ARGP_KEY_END:
        return restore_end(input, state);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    { "replace", OPTION_REPLACE, NULL, 0, "put the replica that is here aside", 0 },
    { "yes", OPTION_YES, NULL, 0, "do not ask whether that is meant", 0 },
    { "undo", OPTION_UNDO, NULL, 0, "use the replica again that the last restore put aside", 0 },
    { "list", OPTION_LIST, NULL, 0, "what was put aside and is kept", 0 },
    { "discard", OPTION_DISCARD, NULL, 0, "remove what was put aside, for good", 0 },
    { 0 },
};

static const struct argp_child children[] = { { &backup_secret_argp, 0, NULL, 0 }, { 0 } };

const struct argp restore_argp = {
    .options = options,
    .parser = parse_restore,
    .children = children,
    .args_doc = "FILE\n--undo\n--list\n--discard",
    .doc =
        "Puts the replica of a backup in use. It is made beside the one that is here, checked page by page, and only "
        "then put in its place; what was here is kept and can be put back with --undo. It opens with what opened it "
        "when the backup was made."
        "\vNothing that the centre holds is lost: what was recorded after the backup comes back with the next "
        "exchanges. What was recorded after it and never reached the centre is in the replica that is put aside.",
};

/* ---- asking first ---- */

static enum exit_code say_no(struct cli *cli, const char *why)
{
    struct error err;
    (void)FAIL(&err, REFUSED, "%s", why);
    return call_refused(cli, &err);
}

/* What is lost to sight by it, and whether that is meant. */
static enum exit_code confirm(struct cli *cli, const json_t *status)
{
    int64_t pending = answer_int(status, "pending_ops");
    const struct screen *notes = &cli->notes;
    screen_print(notes, "The replica that is here will be put aside.\n");
    if (strcmp(answer_text(status, "vault"), "open") != 0) {
        screen_print(notes, "It is locked, so nobody can say whether it has records that the centre does not have.\n");
    } else if (pending > 0) {
        screen_print(notes,
                     "It has %" PRId64 " record%s that the centre does not have; 'holdfast sync --wait' sends "
                     "them.\n",
                     pending, pending == 1 ? "" : "s");
    } else {
        screen_print(notes, "The centre has all of its records.\n");
    }
    if (isatty(STDIN_FILENO) != 1) {
        return say_no(cli, "replace the replica: nobody is there to be asked; --yes says that it is meant");
    }
    char line[16];
    screen_print(notes, "Type 'replace' to go on: ");
    (void)fflush(notes->out);
    if (fgets(line, sizeof(line), stdin) == NULL || strcmp(line, "replace\n") != 0) {
        return say_no(cli, "replace the replica: not confirmed; nothing was changed");
    }
    return EXIT_DONE;
}

static enum exit_code look_first(struct cli *cli, const struct restore_input *input)
{
    SCOPED(answer_free) json_t *status = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/status"), NULL, CALL_TIMEOUT_S, &status);
    if (code != EXIT_DONE || strcmp(answer_text(status, "vault"), "absent") == 0) {
        return code;
    }
    if (!input->read.replace) {
        return say_no(cli, "use the backup: there is a replica here already; --replace puts it aside");
    }
    return input->yes ? EXIT_DONE : confirm(cli, status);
}

/* ---- doing it ---- */

/* What opened the backup opens the replica. */
static bool open_again(struct cli *cli, const struct key_secret *secret)
{
    struct error err = { .code = ERR_OK };
    SCOPED(request_free) struct request request = { 0 };
    SCOPED(answer_free) json_t *answer = NULL;
    if (secret->member == NULL || request_begin(&request, &err) != ERR_OK) {
        return false;
    }
    key_secret_put(secret, NULL, &request);
    return request_send(cli, &request, path_of("/v1/unlock"), &answer) == EXIT_DONE;
}

static void print_kept(const struct screen *screen, const json_t *answer, const char *next)
{
    if (answer_has(answer, "kept")) {
        screen_print(screen, "The one that was here is kept beside it, as '%s'.\n", answer_text(answer, "kept"));
        screen_print(screen, "next: when all is well, 'holdfast restore --discard' removes it%s\n", next);
    }
}

static enum exit_code restore_file(struct cli *cli, struct restore_input *input)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = look_first(cli, input);
    if (code != EXIT_DONE) {
        return code;
    }
    code = backup_read(cli, &input->read, &answer);
    if (code != EXIT_DONE) {
        return code;
    }
    bool open = open_again(cli, &input->read.used);
    if (call_printed(cli, answer)) {
        return EXIT_DONE;
    }
    screen_print(&cli->screen, "The replica of the backup is in use%s.\n", open ? " and open" : "");
    backup_print_about(&cli->screen, answer);
    print_kept(&cli->screen, answer, "; '--undo' puts it back");
    return EXIT_DONE;
}

static enum exit_code restore_undo(struct cli *cli)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "POST", path_of("/v1/restore/undo"), json_object(), CALL_NO_TIMEOUT, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    screen_print(&cli->screen, "The replica that had been put aside is in use again; 'holdfast unlock' opens it.\n");
    print_kept(&cli->screen, answer, "");
    return EXIT_DONE;
}

static enum exit_code restore_discard(struct cli *cli)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "POST", path_of("/v1/restore/discard"), json_object(), CALL_NO_TIMEOUT, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    int64_t removed = answer_int(answer, "removed");
    screen_print(&cli->screen, "Removed %" PRId64 " replica%s that had been put aside.\n", removed,
                 removed == 1 ? "" : "s");
    return EXIT_DONE;
}

static enum exit_code restore_list(struct cli *cli)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/restore"), NULL, CALL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    size_t index;
    const json_t *set;
    json_array_foreach(answer_member(answer, "kept"), index, set)
    {
        struct human size = human_bytes((uint64_t)answer_int(set, "bytes"));
        screen_print(&cli->screen, "%s  %s\n", answer_text(set, "name"), size.text);
    }
    if (json_array_size(answer_member(answer, "kept")) == 0) {
        screen_print(&cli->screen, "Nothing is kept.\n");
    }
    return EXIT_DONE;
}

enum exit_code restore_run(struct cli *cli, int argc, char **argv)
{
    struct restore_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    enum exit_code code = EXIT_REFUSED;
    switch (input.what) {
    case RESTORE_FILE:
        code = restore_file(cli, &input);
        break;
    case RESTORE_UNDO:
        code = restore_undo(cli);
        break;
    case RESTORE_DISCARD:
        code = restore_discard(cli);
        break;
    case RESTORE_LIST:
        code = restore_list(cli);
        break;
    }
    key_secret_free(&input.read.used);
    return code;
}
