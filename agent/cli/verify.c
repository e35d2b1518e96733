/* verify: the records, the vault's files, or a backup: is all of it there, and as it was written? */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/backup_read.h"
#include "agent/cli/backup_words.h"
#include "agent/cli/call.h"
#include "agent/cli/human.h"
#include "agent/cli/progress.h"
#include "sync/edge/local_client.h"

enum { OPTION_BACKUP = 0x9301, OPTION_VAULT, POLL_MS = 200 };

struct verify_input {
    struct backup_read backup;
    bool vault;
};

static error_t parse_verify(int key, char *arg, struct argp_state *state)
{
    struct verify_input *input = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &input->backup.secret;
        return 0;
    case OPTION_BACKUP:
        input->backup.path = arg;
        return 0;
    case OPTION_VAULT:
        input->vault = true;
        return 0;
    case ARGP_KEY_ARG:
        argument_surplus(state, arg);
        return 0;
    case ARGP_KEY_END:
        if (input->vault && input->backup.path != NULL) {
            argp_error(state, "one of --vault and --backup");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    { "vault", OPTION_VAULT, NULL, 0,
      "check every page and frame of the encrypted files instead, also of a vault that is locked or too damaged to be "
      "opened",
      0 },
    { "backup", OPTION_BACKUP, "FILE", 0, "check this backup instead, page by page, without restoring it", 0 },
    { 0 },
};

static const struct argp_child children[] = { { &backup_secret_argp, 0, NULL, 0 }, { 0 } };

const struct argp verify_argp = {
    .options = options,
    .parser = parse_verify,
    .children = children,
    .doc = "Checks every record's hash, its place in its device's chain, the signatures, the centre's receipts, the "
           "database, and the tables against a rebuild from the log, as all of it is at the moment. Takes seconds for "
           "100,000 records. With --vault the encrypted files, with --backup a backup. The agent works on meanwhile.",
};

static enum exit_code verify_records(struct cli *cli)
{
    SCOPED(answer_free) json_t *answer = NULL;
    progress_begin(cli, "verify");
    enum exit_code code = call(cli, "POST", path_of("/v1/verify"), json_object(), CALL_NO_TIMEOUT, &answer);
    progress_end(cli);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    struct human ops = human_number((uint64_t)answer_int(answer, "ops"));
    struct human covered = human_number((uint64_t)answer_int(answer, "signed_ops"));
    struct human took = human_duration(answer_int(answer, "duration_ms"));
    const struct screen *screen = &cli->screen;
    screen_print(screen, "verified: nothing is damaged, nothing was altered\n");
    screen_fact(screen, "Records", "%s, of %" PRId64 " device%s", ops.text, answer_int(answer, "authors"),
                answer_int(answer, "authors") == 1 ? "" : "s");
    if (answer_int(answer, "signed_ops") > 0) {
        screen_fact(screen, "Signed", "%s of them are under a signature that fits", covered.text);
    }
    if (answer_int(answer, "receipts") > 0) {
        struct human receipts = human_number((uint64_t)answer_int(answer, "receipts"));
        screen_fact(screen, "Receipts", "%s of the centre, each for records as they are here", receipts.text);
    }
    if (answer_int(answer, "quarantined") > 0) {
        screen_fact(screen, "Not accepted", "%" PRId64 " kept aside; 'holdfast log --quarantined' says why",
                    answer_int(answer, "quarantined"));
    }
    screen_fact(screen, "Tables", "%s", answer_text(answer, "digest"));
    screen_fact(screen, "Took", "%s", took.text);
    return EXIT_DONE;
}

static enum exit_code verify_backup(struct cli *cli, struct backup_read *backup)
{
    SCOPED(answer_free) json_t *answer = NULL;
    backup->check = true;
    enum exit_code code = backup_read(cli, backup, &answer);
    key_secret_free(&backup->used);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    screen_print(&cli->screen, "verified: the backup is whole and as it was written\n");
    backup_print_about(&cli->screen, answer);
    return EXIT_DONE;
}

/* ---- the vault ---- */

static enum exit_code check_start(struct cli *cli, const struct proof_input *given, json_t **ret_answer)
{
    SCOPED(answer_free) json_t *status = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/status"), NULL, CALL_TIMEOUT_S, &status);
    if (code != EXIT_DONE) {
        return code;
    }
    SCOPED(answer_free) json_t *nothing = json_object();
    if (strcmp(answer_text(status, "vault"), "locked") != 0) {
        return call(cli, "POST", path_of("/v1/vault/check"), json_object(), CALL_TIMEOUT_S, ret_answer);
    }
    /* the agent's own key file, if it has one */
    if (!vault_secret_given(given) && local_request(cli->socket_path, "POST", "/v1/vault/check", nothing,
                                                    CALL_TIMEOUT_S, ret_answer, NULL) == ERR_OK) {
        return EXIT_DONE;
    }
    json_decref(*ret_answer);
    *ret_answer = NULL;
    struct error err = { .code = ERR_OK };
    SCOPED(key_secret_free) struct key_secret secret = { 0 };
    SCOPED(request_free) struct request request = { 0 };
    if (key_secret_prove(given, "Passphrase: ", &secret, &err) != ERR_OK || request_begin(&request, &err) != ERR_OK) {
        return call_refused(cli, &err);
    }
    key_secret_put(&secret, NULL, &request);
    return request_send(cli, &request, path_of("/v1/vault/check"), ret_answer);
}

static enum exit_code check_wait(struct cli *cli, json_t **answer)
{
    const struct timespec rest = { .tv_nsec = POLL_MS * 1000000L };
    while (answer_has(*answer, "running")) {
        const json_t *running = answer_member(*answer, "running");
        backup_progress(cli, (uint64_t)answer_int(running, "bytes_done"), (uint64_t)answer_int(running, "bytes_total"));
        (void)nanosleep(&rest, NULL);
        json_decref(*answer);
        *answer = NULL;
        enum exit_code code = call(cli, "GET", path_of("/v1/vault/check"), NULL, CALL_TIMEOUT_S, answer);
        if (code != EXIT_DONE) {
            backup_progress_clear(cli);
            return code;
        }
    }
    backup_progress_clear(cli);
    return EXIT_DONE;
}

/* What to do about it: the last backup, if one is known. */
static void print_remedy(struct cli *cli)
{
    SCOPED(answer_free) json_t *status = NULL;
    if (call(cli, "GET", path_of("/v1/status"), NULL, CALL_TIMEOUT_S, &status) != EXIT_DONE) {
        return;
    }
    answer_clean(status);
    const json_t *last = answer_member(status, "last_backup");
    int64_t at_ms;
    screen_print(&cli->notes, "next: keep the files as they are; ");
    if (answer_has(last, "name") && answer_instant(last, "at", &at_ms)) {
        struct human when = human_ago(at_ms, cli->notes.now_ms);
        screen_print(&cli->notes,
                     "'holdfast restore --replace FILE' with a backup puts them aside and goes on;\n"
                     "      the last one was made %s: %s\n",
                     when.text, answer_text(last, "name"));
    } else {
        screen_print(&cli->notes, "no backup is known here. A new replica that is enrolled anew gets all that the "
                                  "centre holds\n");
    }
}

static enum exit_code print_check(struct cli *cli, json_t *answer)
{
    const json_t *last = answer_member(answer, "last");
    const char *result = answer_text(last, "result");
    bool whole = strcmp(result, "ok") == 0;
    if (call_printed(cli, answer)) {
        return whole ? EXIT_DONE : EXIT_REFUSED;
    }
    if (!answer_has(last, "findings")) {
        struct error err;
        (void)error_set(&err, err_code_from_name(result), "%s",
                        last == NULL ? "it was stopped" : answer_text(last, "message"));
        return call_refused(cli, &err);
    }
    const struct screen *screen = &cli->screen;
    struct human pages = human_number((uint64_t)answer_int(last, "pages"));
    struct human frames = human_number((uint64_t)answer_int(last, "frames"));
    struct human took = human_duration(answer_int(last, "duration_ms"));
    screen_print(screen, whole ? "verified: every page opens and is the present one\n" : "damaged:\n");
    size_t index;
    const json_t *finding;
    json_array_foreach(answer_member(last, "findings"), index, finding)
    {
        screen_print(screen, "  %s\n", answer_text(finding, "message"));
    }
    int64_t more = answer_int(last, "damages") - (int64_t)json_array_size(answer_member(last, "findings"));
    if (more > 0) {
        screen_print(screen, "  and %" PRId64 " more\n", more);
    }
    screen_fact(screen, "Pages", "%s of the database, %s of the log", pages.text, frames.text);
    screen_fact(screen, "Took", "%s", took.text);
    if (!whole) {
        (void)fflush(screen->out); /* before the notes also when both go to one file */
        print_remedy(cli);
    }
    return whole ? EXIT_DONE : EXIT_REFUSED;
}

static enum exit_code verify_vault(struct cli *cli, const struct proof_input *given)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = check_start(cli, given, &answer);
    if (code == EXIT_DONE) {
        code = check_wait(cli, &answer);
    }
    return code == EXIT_DONE ? print_check(cli, answer) : code;
}

enum exit_code verify_run(struct cli *cli, int argc, char **argv)
{
    struct verify_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    return input.backup.path != NULL ? verify_backup(cli, &input.backup)
           : input.vault             ? verify_vault(cli, &input.backup.secret)
                                     : verify_records(cli);
}
