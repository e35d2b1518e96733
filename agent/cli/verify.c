/* verify: the records, or a backup: is all of it there, and as it was written? */
#include <inttypes.h>
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/backup_read.h"
#include "agent/cli/backup_words.h"
#include "agent/cli/call.h"
#include "agent/cli/human.h"

enum { OPTION_BACKUP = 0x9301 };

struct verify_input {
    struct backup_read backup;
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
    case ARGP_KEY_ARG:
        argument_surplus(state, arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    { "backup", OPTION_BACKUP, "FILE", 0, "check this backup instead, page by page, without restoring it", 0 },
    { 0 },
};

static const struct argp_child children[] = { { &backup_secret_argp, 0, NULL, 0 }, { 0 } };

const struct argp verify_argp = {
    .options = options,
    .parser = parse_verify,
    .children = children,
    .doc = "Checks every record's hash, its place in its device's chain, the signatures, the database, and the tables "
           "against a rebuild from the log. Takes seconds for 100,000 records; the agent does nothing else meanwhile.",
};

static enum exit_code verify_records(struct cli *cli)
{
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = call(cli, "POST", path_of("/v1/verify"), json_object(), CALL_NO_TIMEOUT, &answer);
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

enum exit_code verify_run(struct cli *cli, int argc, char **argv)
{
    struct verify_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    return input.backup.path != NULL ? verify_backup(cli, &input.backup) : verify_records(cli);
}
