/* accept: on the word of a person, opens a vault whose list of present pages was lost or damaged, or has the replica
 * follow the centre's history where it holds another one. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/backup_read.h"
#include "agent/cli/call.h"
#include "agent/cli/status.h"
#include "sync/edge/local_client.h"

enum { OPTION_YES = 0x9401, OPTION_HISTORY };

struct accept_input {
    struct proof_input secret;
    bool yes;
    bool history;
};

static error_t parse_accept(int key, char *arg, struct argp_state *state)
{
    struct accept_input *input = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &input->secret;
        return 0;
    case OPTION_YES:
        input->yes = true;
        return 0;
    case OPTION_HISTORY:
        input->history = true;
        return 0;
    default:
        return argument_none(key, arg, state);
    }
}

static const struct argp_option options[] = {
    { "yes", OPTION_YES, NULL, 0, "do not ask whether that is meant", 0 },
    { "history", OPTION_HISTORY, NULL, 0,
      "not the files: the centre's records in place of others held here under the same numbers", 0 },
    { 0 },
};

static const struct argp_child children[] = { { &vault_secret_argp, 0, NULL, 0 }, { 0 } };

const struct argp accept_argp = {
    .options = options,
    .parser = parse_accept,
    .children = children,
    .doc = "Opens a vault that 'holdfast unlock' refuses because the file 'replica.db.fresh' is gone or damaged, or "
           "because its files are not of one time. They are taken for the present state as they lie there. With "
           "--history: goes on after the exchange stopped because the centre gives other records of a machine than are "
           "held here."
           "\vWhile the list was whole, an old page put back in place of a newer one was noticed. What was put back "
           "before this command stays unnoticed by the vault; 'holdfast verify' still compares every record with its "
           "signature, and the centre knows what it acknowledged. With a good backup 'holdfast restore' is the better "
           "way. Two histories of one machine come from older copies of it and of the centre that were both put back. "
           "What "
           "is held here is kept with its signatures as evidence, in no table; 'holdfast log --set-aside' shows it, so "
           "that what is missing can be recorded anew.",
};

static enum exit_code say_no(struct cli *cli, const char *why)
{
    struct error err;
    (void)FAIL(&err, REFUSED, "%s", why);
    return call_refused(cli, &err);
}

static enum exit_code confirm(struct cli *cli, const char *what_then)
{
    char line[16];
    const struct screen *notes = &cli->notes;
    screen_print(notes, "%s\n", what_then);
    if (isatty(STDIN_FILENO) != 1) {
        return say_no(cli, "accept: nobody is there to be asked; --yes says that it is meant");
    }
    screen_print(notes, "Type 'accept' to go on: ");
    (void)fflush(notes->out);
    return fgets(line, sizeof(line), stdin) != NULL && strcmp(line, "accept\n") == 0
               ? EXIT_DONE
               : say_no(cli, "accept: not confirmed; nothing was changed");
}

static enum exit_code look_first(struct cli *cli)
{
    SCOPED(answer_free) json_t *status = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/status"), NULL, CALL_TIMEOUT_S, &status);
    if (code == EXIT_DONE && strcmp(answer_text(status, "vault"), "locked") != 0) {
        return say_no(cli, "accept the files: there is no vault here that is closed");
    }
    return code;
}

/* ERR_INVALID: the agent has no key file of its own. */
static enum err_code by_agent(struct cli *cli, json_t **ret_status, struct error *err)
{
    SCOPED(answer_free) json_t *body = json_pack("{s:b}", "accept_files", 1);
    return local_request(cli->socket_path, "POST", "/v1/unlock", body, CALL_NO_TIMEOUT, ret_status, err);
}

static enum exit_code accept(struct cli *cli, const struct proof_input *given, json_t **ret_status)
{
    struct error err = { .code = ERR_OK };
    if (!vault_secret_given(given)) {
        enum err_code rc = by_agent(cli, ret_status, &err);
        if (rc != ERR_INVALID) {
            return rc == ERR_OK ? EXIT_DONE : call_refused(cli, &err);
        }
        json_decref(*ret_status);
        *ret_status = NULL;
    }
    SCOPED(key_secret_free) struct key_secret secret = { 0 };
    SCOPED(request_free) struct request request = { 0 };
    if (key_secret_prove(given, "Passphrase: ", &secret, &err) != ERR_OK || request_begin(&request, &err) != ERR_OK) {
        return call_refused(cli, &err);
    }
    request_true(&request, "accept_files");
    key_secret_put(&secret, NULL, &request);
    return request_send(cli, &request, path_of("/v1/unlock"), ret_status);
}

static enum exit_code accept_history(struct cli *cli, bool sure)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code =
        sure ? EXIT_DONE
             : confirm(cli, "The centre's records take the place of those held here under the same numbers, which are "
                            "kept and listed, but count no more.");
    if (code == EXIT_DONE) {
        code = call(cli, "POST", path_of("/v1/history/accept"), json_object(), CALL_TIMEOUT_S, &answer);
    }
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    screen_print(&cli->screen, "The site's records are read from the centre again, from the first on.\n"
                               "next: 'holdfast sync --wait' ('holdfast bundle export FILE' where bundles are "
                               "exchanged), then 'holdfast log --set-aside' shows what gave way\n");
    return EXIT_DONE;
}

enum exit_code accept_run(struct cli *cli, int argc, char **argv)
{
    struct accept_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    if (input.history) {
        return accept_history(cli, input.yes);
    }
    enum exit_code code = look_first(cli);
    if (code == EXIT_DONE && !input.yes) {
        code = confirm(cli, "Old pages that somebody put back could not be told from present ones any more.");
    }
    SCOPED(answer_free) json_t *status = NULL;
    if (code == EXIT_DONE) {
        code = accept(cli, &input.secret, &status);
    }
    if (code != EXIT_DONE || call_printed(cli, status)) {
        return code;
    }
    screen_print(&cli->screen, "The vault is open, with its files as they were found.\n"
                               "next: 'holdfast verify' compares every record with its signature\n\n");
    status_print(&cli->screen, status);
    return EXIT_DONE;
}
