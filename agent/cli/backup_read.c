#include "agent/cli/backup_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cli/answer.h"
#include "agent/cli/backup_words.h"
#include "agent/cli/call.h"
#include "sync/edge/local_client.h"

enum { OPTION_PASSPHRASE_FILE = 0x9101, OPTION_KEY_FILE, OPTION_RECOVERY, OPTION_ESCROW };
enum { HEAD_LOOK = 72 * 1024, ANSWER_MAX = 65536 };

/* ---- options ---- */

static error_t parse_secret(int key, char *arg, struct argp_state *state)
{
    struct proof_input *secret = state->input;
    switch (key) {
    case OPTION_PASSPHRASE_FILE:
        secret->passphrase_file = arg;
        return 0;
    case OPTION_KEY_FILE:
        secret->key_file = arg;
        return 0;
    case OPTION_RECOVERY:
        secret->recovery = true;
        return 0;
    case OPTION_ESCROW:
        secret->escrow = arg;
        return 0;
    case ARGP_KEY_END:
        if ((secret->passphrase_file != NULL) + (secret->key_file != NULL) + (secret->escrow != NULL) +
                (secret->recovery ? 1 : 0) >
            1) {
            argp_error(state, "one of --passphrase-file, --key-file, --recovery and --escrow");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option secret_options[] = {
    { NULL, 0, NULL, 0,
      "The backup opens with what opened the vault when it was made. Its passphrase is asked for, or:", 1 },
    { "passphrase-file", OPTION_PASSPHRASE_FILE, "FILE", 0, "the file's first line; only its owner may read it", 1 },
    { "key-file", OPTION_KEY_FILE, "FILE", 0, "the bytes of a key file", 1 },
    { "recovery", OPTION_RECOVERY, NULL, 0, "the words of a recovery key, which are asked for", 1 },
    { "escrow", OPTION_ESCROW, "FILE", 0, "what was in the envelope of an escrow; - is standard input", 1 },
    { 0 },
};

const struct argp vault_secret_argp = { .options = secret_options + 1, .parser = parse_secret };
const struct argp backup_secret_argp = { .options = secret_options, .parser = parse_secret };

bool vault_secret_given(const struct proof_input *secret)
{
    return secret->key_file != NULL || secret->passphrase_file != NULL || secret->recovery || secret->escrow != NULL;
}

/* ---- the file ---- */

static enum err_code file_open(const char *path, int *ret_fd, uint64_t *ret_size, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat about;
    if (fd < 0 || fstat(fd, &about) != 0) {
        enum err_code rc = error_errno(err, "open '%s'", path);
        scoped_close(&fd);
        return rc;
    }
    if (!S_ISREG(about.st_mode)) {
        (void)close(fd);
        return FAIL(err, INVALID, "read '%s': it is not an ordinary file", path);
    }
    *ret_fd = fd;
    *ret_size = (uint64_t)about.st_size;
    return ERR_OK;
}

/* Up to `max` bytes behind what is in `piece`. */
static enum err_code file_read_some(int fd, const char *path, size_t max, struct buf *piece, struct error *err)
{
    TRY(buf_reserve(piece, max, err));
    while (max > 0) {
        ssize_t got = read(fd, piece->data + piece->len, max);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return error_errno(err, "read '%s'", path);
        }
        if (got == 0) {
            return ERR_OK;
        }
        piece->len += (size_t)got;
        max -= (size_t)got;
    }
    return ERR_OK;
}

/* ---- the secret ---- */

/* The agent's own key file: false when it has none or that does not fit. */
static bool unlock_by_agent(struct cli *cli, const char *id)
{
    SCOPED(answer_free) json_t *body = json_pack("{s:s}", "id", id);
    SCOPED(answer_free) json_t *answer = NULL;
    return local_request(cli->socket_path, "POST", "/v1/restore/unlock", body, CALL_NO_TIMEOUT, &answer, NULL) ==
           ERR_OK;
}

static enum exit_code unlock(struct cli *cli, struct backup_read *read, const char *id)
{
    const struct proof_input *given = &read->secret;
    if (!vault_secret_given(given) && unlock_by_agent(cli, id)) {
        return EXIT_DONE;
    }
    struct error err = { .code = ERR_OK };
    SCOPED(key_secret_free) struct key_secret secret = { 0 };
    SCOPED(request_free) struct request request = { 0 };
    SCOPED(answer_free) json_t *answer = NULL;
    if (key_secret_prove(given, "Passphrase of the backup: ", &secret, &err) != ERR_OK ||
        request_begin(&request, &err) != ERR_OK) {
        return call_refused(cli, &err);
    }
    request_text(&request, "id", slice_of_text(id));
    key_secret_put(&secret, NULL, &request);
    enum exit_code code = request_send(cli, &request, path_of("/v1/restore/unlock"), &answer);
    if (code == EXIT_DONE) {
        read->used = secret;
        secret = (struct key_secret){ 0 };
    }
    return code;
}

/* ---- the whole ---- */

static enum exit_code send_pieces(struct cli *cli, const struct backup_read *read, int fd, const char *id,
                                  struct buf *piece, uint64_t size)
{
    struct error err = { .code = ERR_OK };
    uint64_t done = 0;
    SCOPED(buf_fini) struct buf answer;
    buf_init(&answer, ANSWER_MAX);
    for (;;) {
        if (file_read_some(fd, read->path, BACKUP_WORDS_PIECE_MAX - piece->len, piece, &err) != ERR_OK) {
            backup_progress_clear(cli);
            return call_refused(cli, &err);
        }
        if (piece->len == 0) {
            backup_progress_clear(cli);
            return EXIT_DONE;
        }
        char *path = path_of("/v1/restore/next");
        path_add(&path, "id", id);
        buf_clear(&answer);
        enum exit_code code = call_bytes(cli, "POST", path, buf_slice(piece), "application/octet-stream", &answer);
        if (code != EXIT_DONE) {
            backup_progress_clear(cli);
            return code;
        }
        done += piece->len;
        backup_progress(cli, done, size);
        buf_clear(piece);
    }
}

static enum exit_code begin(struct cli *cli, const struct backup_read *read, const struct buf *head, json_t **ret_task)
{
    SCOPED(buf_fini) struct buf answer;
    buf_init(&answer, ANSWER_MAX);
    char *path = path_of("/v1/restore/begin");
    path_add(&path, "check", read->check ? "1" : NULL);
    path_add(&path, "replace", read->replace ? "1" : NULL);
    enum exit_code code = call_bytes(cli, "POST", path, buf_slice(head), "application/octet-stream", &answer);
    return code == EXIT_DONE ? call_json_of(cli, &answer, ret_task) : code;
}

static enum exit_code read_on(struct cli *cli, struct backup_read *read, int fd, json_t *task, struct buf *piece,
                              uint64_t size, json_t **ret_answer)
{
    const char *id = answer_text(task, "id");
    enum exit_code code = answer_true(task, "needs_key") ? unlock(cli, read, id) : EXIT_DONE;
    if (code == EXIT_DONE) {
        code = send_pieces(cli, read, fd, id, piece, size);
    }
    if (code != EXIT_DONE) {
        return code;
    }
    return call(cli, "POST", path_of("/v1/restore/end"), json_pack("{s:s}", "id", id), CALL_NO_TIMEOUT, ret_answer);
}

enum exit_code backup_read(struct cli *cli, struct backup_read *read, json_t **ret_answer)
{
    struct error err = { .code = ERR_OK };
    SCOPED(scoped_close) int fd = -1;
    SCOPED(buf_fini) struct buf piece;
    SCOPED(answer_free) json_t *task = NULL;
    uint64_t size = 0;
    buf_init(&piece, BACKUP_WORDS_PIECE_MAX);
    if (file_open(read->path, &fd, &size, &err) != ERR_OK ||
        file_read_some(fd, read->path, HEAD_LOOK, &piece, &err) != ERR_OK) {
        return call_refused(cli, &err);
    }
    enum exit_code code = begin(cli, read, &piece, &task);
    if (code != EXIT_DONE) {
        return code;
    }
    int64_t head = answer_int(task, "head_bytes"); /* the rest of the piece is the first of the pages */
    if (head < 0 || (uint64_t)head > piece.len) {
        (void)FAIL(&err, DAMAGED, "read '%s': it is cut off in its beginning", read->path);
        return call_refused(cli, &err);
    }
    memmove(piece.data, piece.data + head, piece.len - (size_t)head);
    piece.len -= (size_t)head;
    code = read_on(cli, read, fd, task, &piece, size - (uint64_t)head, ret_answer);
    if (code != EXIT_DONE) { /* the agent need not wait */
        SCOPED(answer_free) json_t *body = json_pack("{s:s}", "id", answer_text(task, "id"));
        SCOPED(answer_free) json_t *unused = NULL;
        (void)!local_request(cli->socket_path, "POST", "/v1/restore/cancel", body, CALL_TIMEOUT_S, &unused, NULL);
    }
    return code;
}
