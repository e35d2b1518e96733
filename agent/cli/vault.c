/* unlock, lock: the vault around everything that the agent keeps. */
#include <string.h>
#include <unistd.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/key_secret.h"
#include "agent/cli/passphrase.h"
#include "agent/cli/status.h"

enum { OPTION_FILE = 0x5001, OPTION_NEW, OPTION_RECOVERY, ANSWER_BYTES_MAX = 1024 * 1024 };

struct unlock_input {
    bool create;
    bool recovery;
    const char *file;
};

static error_t parse_unlock(int key, char *arg, struct argp_state *state)
{
    struct unlock_input *input = state->input;
    switch (key) {
    case OPTION_NEW:
        input->create = true;
        return 0;
    case OPTION_RECOVERY:
        input->recovery = true;
        return 0;
    case OPTION_FILE:
        input->file = arg;
        return 0;
    case ARGP_KEY_END:
        if (input->recovery && (input->create || input->file != NULL)) {
            argp_error(state, "--recovery asks for the words of a recovery key and goes with no other");
        }
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "a passphrase is never a word of the command line, where others see it; it is asked for");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option unlock_options[] = {
    { "new", OPTION_NEW, NULL, 0, "make the vault: the passphrase is asked for twice", 0 },
    { "passphrase-file", OPTION_FILE, "FILE", 0, "its first line; only its owner may read the file", 0 },
    { "recovery", OPTION_RECOVERY, NULL, 0, "with the words of a recovery key in place of the passphrase", 0 },
    { 0 },
};

const struct argp unlock_argp = {
    .options = unlock_options,
    .parser = parse_unlock,
    .doc =
        "Opens the vault with its passphrase, or makes it with --new. The passphrase is asked for on the terminal; "
        "when "
        "standard input is not a terminal, it is its first line."
        "\vA new passphrase has at least 12 characters. Nobody can read the records without it, and nobody can give it "
        "back: keep it where the charity keeps its keys.",
};

static enum err_code ask_twice(struct passphrase *ret_passphrase, struct error *err)
{
    SCOPED(passphrase_free) struct passphrase again = { .len = 0 };
    SCOPED(passphrase_free) struct passphrase first = { .len = 0 };
    TRY(passphrase_ask(STDIN_FILENO, "New passphrase: ", &first, err));
    TRY(passphrase_ask(STDIN_FILENO, "The same again: ", &again, err));
    if (!secret_equal(slice_of(first.memory.bytes, first.len), slice_of(again.memory.bytes, again.len))) {
        return FAIL(err, REFUSED, "make the vault: the two passphrases differ");
    }
    *ret_passphrase = first;
    first = (struct passphrase){ .len = 0 };
    return ERR_OK;
}

static enum err_code obtain(const struct unlock_input *input, struct passphrase *ret_passphrase, struct error *err)
{
    TRY(secret_init(err));
    if (input->file != NULL) {
        return passphrase_read_file(input->file, ret_passphrase, err);
    }
    if (input->create && isatty(STDIN_FILENO) == 1) {
        return ask_twice(ret_passphrase, err);
    }
    return passphrase_ask(STDIN_FILENO, "Passphrase: ", ret_passphrase, err);
}

/* Before anybody types a passphrase for nothing: EXIT_DONE and *ret_ask says whether there is something to open. */
static enum exit_code look_first(struct cli *cli, const struct unlock_input *input, bool *ret_ask)
{
    SCOPED(answer_free) json_t *status = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/status"), NULL, CALL_TIMEOUT_S, &status);
    if (code != EXIT_DONE) {
        return code;
    }
    const char *vault = answer_text(status, "vault");
    struct error err = { .code = ERR_OK };
    *ret_ask = false;
    if (strcmp(vault, "absent") == 0 && !input->create) {
        (void)FAIL(&err, NOT_FOUND, "open the vault: there is none yet; 'holdfast unlock --new' makes it");
        return call_refused(cli, &err);
    }
    if (strcmp(vault, "absent") != 0 && input->create) {
        (void)FAIL(&err, CONFLICT, "make the vault: there is one already; 'holdfast unlock' opens it");
        return call_refused(cli, &err);
    }
    if (strcmp(vault, "open") == 0) {
        if (!call_printed(cli, status)) {
            screen_print(&cli->screen, "The vault is open already.\n");
        }
        return EXIT_DONE;
    }
    *ret_ask = true;
    return EXIT_DONE;
}

static enum exit_code unlock_by_words(struct cli *cli, json_t **ret_status)
{
    SCOPED(key_secret_free) struct key_secret words = { .member = NULL };
    struct error err = { .code = ERR_OK };
    if (key_secret_words(STDIN_FILENO, &words, &err) != ERR_OK) {
        return call_refused(cli, &err);
    }
    return key_unlock(cli, &words, ret_status);
}

static enum exit_code send_passphrase(struct cli *cli, const struct passphrase *passphrase, bool create,
                                      json_t **ret_status)
{
    SCOPED(secret_free) struct secret request = { 0 };
    SCOPED(buf_fini) struct buf answer;
    struct error err = { .code = ERR_OK };
    size_t len;
    buf_init(&answer, ANSWER_BYTES_MAX);
    if (passphrase_request(passphrase, create, &request, &len, &err) != ERR_OK) {
        return call_refused(cli, &err);
    }
    enum exit_code code =
        call_bytes(cli, "POST", path_of("/v1/unlock"), slice_of(request.bytes, len), "application/json", &answer);
    if (code != EXIT_DONE) {
        return code;
    }
    return call_json_of(cli, &answer, ret_status);
}

/* Seconds without a word would look like a fault. */
static void say_why_it_takes_long(const struct cli *cli, bool create)
{
    if (cli->notes.width > 0 && !cli->json) {
        screen_print(&cli->notes, "%s. This takes %s on purpose, so that guessing does, too.\n",
                     create ? "Making the vault and its keys" : "Trying the passphrase",
                     create ? "some seconds" : "a second or more");
        (void)fflush(cli->notes.out);
    }
}

static enum exit_code unlock_by_passphrase(struct cli *cli, const struct unlock_input *input, json_t **ret_status)
{
    SCOPED(passphrase_free) struct passphrase passphrase = { .len = 0 };
    struct error err = { .code = ERR_OK };
    if (obtain(input, &passphrase, &err) != ERR_OK) {
        return call_refused(cli, &err);
    }
    say_why_it_takes_long(cli, input->create);
    return send_passphrase(cli, &passphrase, input->create, ret_status);
}

enum exit_code unlock_run(struct cli *cli, int argc, char **argv)
{
    struct unlock_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    bool ask = false;
    enum exit_code code = look_first(cli, &input, &ask);
    if (code != EXIT_DONE || !ask) {
        return code;
    }
    SCOPED(answer_free) json_t *status = NULL;
    code = input.recovery ? unlock_by_words(cli, &status) : unlock_by_passphrase(cli, &input, &status);
    if (code != EXIT_DONE || call_printed(cli, status)) {
        return code;
    }
    screen_print(&cli->screen, input.create ? "The vault is made and open. 'holdfast key add recovery' makes a key for "
                                              "the day its passphrase is forgotten.\n\n"
                                            : "The vault is open.\n\n");
    status_print(&cli->screen, status);
    return EXIT_DONE;
}

static error_t parse_lock(int key, char *arg, struct argp_state *state)
{
    if (key == ARGP_KEY_ARG) {
        argument_surplus(state, arg);
    }
    return ARGP_ERR_UNKNOWN;
}

const struct argp lock_argp = {
    .parser = parse_lock,
    .doc =
        "Closes the vault and wipes its keys from memory. What was recorded stays on the disk, unreadable; nothing is "
        "sent or received until 'holdfast unlock'. The setting vault.lock_after does the same when nobody uses the "
        "agent.",
};

enum exit_code lock_run(struct cli *cli, int argc, char **argv)
{
    command_parse(cli, argc, argv, NULL);
    SCOPED(answer_free) json_t *status = NULL;
    enum exit_code code = call(cli, "POST", path_of("/v1/lock"), json_object(), CALL_TIMEOUT_S, &status);
    if (code != EXIT_DONE || call_printed(cli, status)) {
        return code;
    }
    screen_print(&cli->screen, "The vault is locked.\n");
    return EXIT_DONE;
}
