/* backup: the whole replica, sealed, in one file of the person's. */
#include <stdlib.h>
#include <string.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/backup_words.h"
#include "agent/cli/call.h"
#include "agent/cli/human.h"
#include "agent/cli/text.h"
#include "base/part_file.h"
#include "sync/edge/local_client.h"

enum { OPTION_FORCE = 0x9001 };

struct backup_input {
    const char *path;
    bool force;
};

static error_t parse_backup(int key, char *arg, struct argp_state *state)
{
    struct backup_input *input = state->input;
    switch (key) {
    case OPTION_FORCE:
        input->force = true;
        return 0;
    case ARGP_KEY_ARG:
        input->path = argument_only(state, arg);
        return 0;
    case ARGP_KEY_END:
        if (input->path == NULL) {
            argp_error(state, "say to which file");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    { "force", OPTION_FORCE, NULL, 0, "replace FILE if it is there", 0 },
    { 0 },
};

const struct argp backup_argp = {
    .options = options,
    .parser = parse_backup,
    .args_doc = "FILE",
    .doc = "Writes the whole replica, as it is at this moment, to one encrypted file. The agent goes on working "
           "meanwhile. The file is written as FILE.part first and gets its name when it is complete and on the disk."
           "\vThe file opens with what opens the vault now: the passphrase of today, also when it is changed later. "
           "'holdfast verify --backup FILE' checks it, 'holdfast restore FILE' brings it back, also on another "
           "machine. Keep it on another disk.",
};

/* {"id": ID, "name": NAME}; name may be NULL. */
static json_t *task_body(const char *id, const char *name)
{
    return name == NULL ? json_pack("{s:s}", "id", id) : json_pack("{s:s, s:s}", "id", id, "name", name);
}

/* The agent need not wait for a client that has given up. */
static void give_up(const struct cli *cli, const char *id)
{
    SCOPED(answer_free) json_t *body = task_body(id, NULL);
    SCOPED(answer_free) json_t *answer = NULL;
    (void)!local_request(cli->socket_path, "POST", "/v1/backup/end", body, CALL_TIMEOUT_S, &answer, NULL);
}

static enum exit_code refused(struct cli *cli, struct part_file *file, const struct error *err)
{
    part_file_drop(file);
    return call_refused(cli, err);
}

/* All of it, into the file. */
static enum exit_code take_pieces(struct cli *cli, const json_t *task, struct part_file *file)
{
    struct error err = { .code = ERR_OK };
    SCOPED(answer_free) json_t *body = task_body(answer_text(task, "id"), NULL);
    SCOPED(scoped_free) char *text = json_dumps(body, JSON_COMPACT);
    SCOPED(buf_fini) struct buf piece;
    uint64_t total = (uint64_t)answer_int(task, "bytes");
    uint64_t done = 0;
    buf_init(&piece, BACKUP_WORDS_PIECE_MAX);
    for (bool more = text != NULL; more;) {
        buf_clear(&piece);
        enum exit_code code =
            call_bytes(cli, "POST", path_of("/v1/backup/next"), slice_of_text(text), "application/json", &piece);
        if (code != EXIT_DONE) {
            backup_progress_clear(cli);
            return code;
        }
        if (part_file_put(file, buf_slice(&piece), &err) != ERR_OK) {
            backup_progress_clear(cli);
            return refused(cli, file, &err);
        }
        done += piece.len;
        more = piece.len > 0;
        backup_progress(cli, done, total);
    }
    backup_progress_clear(cli);
    if (done != total) {
        (void)FAIL(&err, PROTOCOL, "take the backup: %llu bytes came of %llu", (unsigned long long)done,
                   (unsigned long long)total);
        return refused(cli, file, &err);
    }
    return part_file_keep(file, &err) == ERR_OK ? EXIT_DONE : refused(cli, file, &err);
}

static enum exit_code fill(struct cli *cli, const struct backup_input *input, struct part_file *file,
                           json_t **ret_answer)
{
    SCOPED(answer_free) json_t *task = NULL;
    enum exit_code code = call(cli, "POST", path_of("/v1/backup"), json_object(), CALL_TIMEOUT_S, &task);
    if (code != EXIT_DONE) {
        return code;
    }
    code = take_pieces(cli, task, file);
    if (code != EXIT_DONE) {
        give_up(cli, answer_text(task, "id"));
        return code;
    }
    SCOPED(scoped_free) char *name = realpath(input->path, NULL);
    struct slice bytes = slice_of_text(name != NULL ? name : "");
    json_t *body = task_body(answer_text(task, "id"), utf8_valid(bytes) && bytes.len > 0 ? name : NULL);
    return call(cli, "POST", path_of("/v1/backup/end"), body, CALL_TIMEOUT_S, ret_answer);
}

enum exit_code backup_run(struct cli *cli, int argc, char **argv)
{
    struct backup_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    struct error err = { .code = ERR_OK };
    SCOPED(part_file_drop) struct part_file file = { .fd = -1 };
    if (part_file_begin(&file, input.path, input.force, &err) != ERR_OK) {
        return call_refused(cli, &err);
    }
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code = fill(cli, &input, &file, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    SCOPED(scoped_free) char *visible = text_visible(input.path, false);
    screen_print(&cli->screen, "The replica is in '%s'.\n", visible);
    backup_print_about(&cli->screen, answer);
    return EXIT_DONE;
}
