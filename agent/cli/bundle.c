/* bundle: the exchange with the centre by files on a stick, in both directions. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/backup_words.h"
#include "agent/cli/call.h"
#include "agent/cli/human.h"
#include "agent/cli/memory.h"
#include "agent/cli/text.h"
#include "base/part_file.h"
#include "sync/edge/local_client.h"

enum { OPTION_FORCE = 0x9401, FILES_MAX = 64, DEVICE_DIGITS = 8 };

#define PART_BYTES_MAX ((size_t)16 * 1024 * 1024)

struct bundle_input {
    bool import;
    bool force;
    const char *paths[FILES_MAX];
    size_t count;
};

static const char *const verbs[] = { "export", "import", NULL };

static error_t parse_word(struct bundle_input *input, const struct argp_state *state, const char *arg)
{
    if (state->arg_num == 0) {
        input->import = strcmp(argument_word(state, "what to do", arg, verbs), "import") == 0;
    } else if (input->count == (input->import ? FILES_MAX : 1)) {
        argument_surplus(state, arg);
    } else {
        input->paths[input->count++] = arg;
    }
    return 0;
}

static error_t parse_bundle(int key, char *arg, struct argp_state *state)
{
    struct bundle_input *input = state->input;
    switch (key) {
    case OPTION_FORCE:
        input->force = true;
        return 0;
    case ARGP_KEY_ARG:
        return parse_word(input, state, arg);
    case ARGP_KEY_END:
        if (input->count == 0) {
            argp_error(state, "say export or import, and which file");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    { "force", OPTION_FORCE, NULL, 0, "export: replace FILE if it is there", 0 },
    { 0 },
};

const struct argp bundle_argp = {
    .options = options,
    .parser = parse_bundle,
    .args_doc = "export FILE\nimport FILE...",
    .doc = "Exchanges with the centre by files, on a stick for example, where there is no network. export writes what "
           "the centre does not have; if FILE is a folder, a file for this device in it. import takes what the centre "
           "wrote for this device."
           "\vOnly the centre can read an exported file, and only this device one of the centre's. They may be carried "
           "in any order and as often as you like; nothing is lost when one is. What is exported waits here as before "
           "until the centre's answer is imported, which is when it counts as synchronised.",
};

/* {"id": ID} */
static json_t *id_body(const char *id)
{
    return json_pack("{s:s}", "id", id);
}

/* ---- export ---- */

/* In a folder each device has a file of its own. */
static char *file_name(const struct bundle_input *input, const char *device)
{
    struct stat about;
    char *name = NULL;
    if (stat(input->paths[0], &about) != 0 || !S_ISDIR(about.st_mode)) {
        return must_have(strdup(input->paths[0]));
    }
    if (asprintf(&name, "%s/holdfast-%.*s-to-centre.bundle", input->paths[0], DEVICE_DIGITS, device) < 0) {
        name = NULL;
    }
    return must_have(name);
}

static enum exit_code fetch(struct cli *cli, const char *id, struct part_file *file)
{
    struct error err = { .code = ERR_OK };
    SCOPED(answer_free) json_t *body = id_body(id);
    SCOPED(scoped_free) char *text = must_have(json_dumps(body, JSON_COMPACT));
    SCOPED(buf_fini) struct buf part;
    buf_init(&part, PART_BYTES_MAX);
    for (uint64_t done = 0;; done += part.len) {
        buf_clear(&part);
        enum exit_code code =
            call_bytes(cli, "POST", path_of("/v1/bundle/export/next"), slice_of_text(text), "application/json", &part);
        if (code != EXIT_DONE) {
            backup_progress_clear(cli);
            return code;
        }
        if (part.len == 0 || part_file_put(file, buf_slice(&part), &err) != ERR_OK) {
            backup_progress_clear(cli);
            break;
        }
        backup_progress(cli, done + part.len, 0);
    }
    return err.code == ERR_OK && part_file_keep(file, &err) == ERR_OK ? EXIT_DONE : call_refused(cli, &err);
}

static enum exit_code export(struct cli *cli, const struct bundle_input *input) {
    struct error err = { .code = ERR_OK }; SCOPED(answer_free) json_t *task = NULL;
    SCOPED(answer_free) json_t *answer = NULL; SCOPED(part_file_drop) struct part_file file = { .fd = -1 };
    enum exit_code code = call(cli, "POST", path_of("/v1/bundle/export"), json_object(), CALL_TIMEOUT_S, &task);
    if (code != EXIT_DONE){ return code; }
SCOPED(scoped_free) char *name = file_name(input, answer_text(task, "device"));
if (part_file_begin(&file, name, input->force, &err) != ERR_OK) {
    code = call_refused(cli, &err);
} else {
    code = fetch(cli, answer_text(task, "id"), &file);
}
enum exit_code ended =
    call(cli, "POST", path_of("/v1/bundle/export/end"), id_body(answer_text(task, "id")), CALL_TIMEOUT_S, &answer);
if (code != EXIT_DONE || ended != EXIT_DONE) {
    return code != EXIT_DONE ? code : ended;
}
(void)json_object_set_new(answer, "file", json_string(name));
if (call_printed(cli, answer)) {
    return EXIT_DONE;
}
int64_t records = answer_int(answer, "records");
SCOPED(scoped_free) char *visible = text_visible(name, false);
screen_print(&cli->screen, "'%s' is for the centre, with %" PRId64 " record%s that it may not have yet.\n", visible,
             records, records == 1 ? "" : "s");
if (answer_true(answer, "certificate_ended")) {
    screen_print(&cli->screen,
                 "This device's certificate has run out: the centre takes no bundle of it.\n"
                 "next: get a new code from the centre, then 'holdfast enrol --again --request FILE'; once "
                 "its answer is taken, export again\n");
    return EXIT_DONE;
}
screen_print(&cli->screen, "next: take it to the centre; they count as synchronised once its answer is imported "
                           "here\n");
return EXIT_DONE;
}

/* ---- import ---- */

static enum exit_code unreadable(struct cli *cli, const char *path)
{
    struct error err = { .code = ERR_OK };
    (void)!error_errno(&err, "read '%s'", path);
    return call_refused(cli, &err);
}

/* Piece by piece, so that a long file needs no memory. */
static enum exit_code bring(struct cli *cli, const char *path, int fd, const char *id)
{
    struct stat about;
    SCOPED(buf_fini) struct buf piece;
    SCOPED(buf_fini) struct buf answer;
    buf_init(&piece, BACKUP_WORDS_PIECE_MAX);
    buf_init(&answer, BACKUP_WORDS_PIECE_MAX);
    uint64_t size = fstat(fd, &about) == 0 ? (uint64_t)about.st_size : 0;
    if (buf_reserve(&piece, BACKUP_WORDS_PIECE_MAX, NULL) != ERR_OK) {
        return unreadable(cli, path);
    }
    for (uint64_t done = 0;;) {
        ssize_t got = read(fd, piece.data, BACKUP_WORDS_PIECE_MAX);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            backup_progress_clear(cli);
            return got == 0 ? EXIT_DONE : unreadable(cli, path);
        }
        char *to = path_of("/v1/bundle/import/next");
        path_add(&to, "id", id);
        buf_clear(&answer);
        enum exit_code code =
            call_bytes(cli, "POST", to, slice_of(piece.data, (size_t)got), "application/octet-stream", &answer);
        if (code != EXIT_DONE) {
            backup_progress_clear(cli);
            return code;
        }
        done += (uint64_t)got;
        backup_progress(cli, done, size);
    }
}

static void print_taken(struct cli *cli, const char *path, const json_t *taken)
{
    const struct screen *screen = &cli->screen;
    SCOPED(scoped_free) char *visible = text_visible(path, false);
    int64_t records = answer_int(taken, "new_records");
    int64_t made_ms;
    if (answer_instant(taken, "made_at", &made_ms)) {
        struct human made = human_instant(made_ms, screen->now_ms);
        screen_print(screen, "'%s', as of %s: %" PRId64 " new record%s.\n", visible, made.text, records,
                     records == 1 ? "" : "s");
    }
    if (answer_true(taken, "ask_again")) {
        screen_print(screen,
                     "This machine and the centre do not hold the same: one of them was put back to an older copy.\n"
                     "next: 'holdfast bundle export', take it to the centre, and import its answer here\n");
    }
}

/* It is not on its way any more, so that another one may begin at once. */
static void give_up(struct cli *cli, const char *id)
{
    struct error unsaid;
    SCOPED(answer_free) json_t *body = id_body(id);
    SCOPED(answer_free) json_t *answer = NULL;
    (void)!local_request(cli->socket_path, "POST", "/v1/bundle/import/end", body, CALL_TIMEOUT_S, &answer, &unsaid);
}

static enum exit_code import_one(struct cli *cli, const char *path, json_t **ret_taken)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return unreadable(cli, path);
    }
    SCOPED(answer_free) json_t *task = NULL;
    enum exit_code code = call(cli, "POST", path_of("/v1/bundle/import"), json_object(), CALL_TIMEOUT_S, &task);
    if (code == EXIT_DONE) {
        code = bring(cli, path, fd, answer_text(task, "id"));
        if (code != EXIT_DONE) {
            give_up(cli, answer_text(task, "id"));
        }
    }
    (void)close(fd);
    if (code != EXIT_DONE) {
        return code;
    }
    return call(cli, "POST", path_of("/v1/bundle/import/end"), id_body(answer_text(task, "id")), CALL_TIMEOUT_S,
                ret_taken);
}

/* Each for itself: one that cannot be taken does not stop the others. */
static enum exit_code import(struct cli *cli, const struct bundle_input *input)
{
    enum exit_code worst = EXIT_DONE;
    SCOPED(answer_free) json_t *all = json_array();
    for (size_t i = 0; i < input->count; i++) {
        SCOPED(answer_free) json_t *taken = NULL;
        enum exit_code code = import_one(cli, input->paths[i], &taken);
        worst = code != EXIT_DONE ? code : worst;
        if (code == EXIT_DONE && cli->json) {
            (void)json_object_set_new(taken, "file", json_string(input->paths[i]));
            (void)json_array_append(all, taken);
        } else if (code == EXIT_DONE) {
            answer_clean(taken);
            print_taken(cli, input->paths[i], taken);
        }
    }
    if (cli->json && (worst == EXIT_DONE || json_array_size(all) > 0)) {
        SCOPED(answer_free) json_t *answer = json_pack("{s:O}", "bundles", all);
        (void)call_printed(cli, answer);
    }
    return worst;
}

enum exit_code bundle_run(struct cli *cli, int argc, char **argv)
{
    struct bundle_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    return input.import ? import(cli, &input) : export(cli, &input);
}
