#include "agent/cli/call.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/answer.h"
#include "agent/cli/human.h"
#include "agent/cli/memory.h"
#include "agent/cli/session.h"
#include "agent/cli/text.h"
#include "base/clock.h"

/* On a terminal everything outside ASCII is escaped: JSON leaves C1 controls as they are. */
static void print_json(const struct screen *screen, const json_t *json)
{
    int fd = fileno(screen->out);
    bool terminal = fd >= 0 && isatty(fd) == 1;
    (void)json_dumpf(json, screen->out, JSON_INDENT(2) | (terminal ? JSON_ENSURE_ASCII : 0U));
    screen_print(screen, "\n");
}

bool call_printed(struct cli *cli, json_t *answer)
{
    if (cli->json) {
        print_json(&cli->screen, answer);
        return true;
    }
    answer_clean(answer);
    return false;
}

/* What is damaged is a file that somebody brought. */
static const char *next_step_of_file(const char *message)
{
    static const struct {
        const char *start;
        const char *next;
    } files[] = {
        { "read the backup:", "use another backup: nothing was taken from this one, and nothing here was changed" },
        { "read the bundle:", "copy the file again, or let it be written again: nothing here is damaged" },
    };
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        if (strncmp(message, files[i].start, strlen(files[i].start)) == 0) {
            return files[i].next;
        }
    }
    return NULL;
}

static const char *next_step(const struct error *err)
{
    const char *of_file = err->code == ERR_DAMAGED ? next_step_of_file(err->message) : NULL;
    if (of_file != NULL) {
        return of_file;
    }
    switch (err->code) {
    case ERR_LOCKED:
        return "open the vault with 'holdfast unlock'";
    case ERR_NOT_ENROLLED:
        return "join a centre with 'holdfast enrol --endpoint URL'";
    case ERR_NETWORK:
    case ERR_SILENT:
    case ERR_CAPTIVE_PORTAL:
        return "try again when there is a connection; what is recorded here is safe meanwhile";
    case ERR_DISK_FULL:
        return "make space on the disk, then try again; nothing was lost";
    case ERR_BUSY:
        return "try again in a moment";
    case ERR_HISTORY:
    case ERR_DAMAGED:
        return "keep the state folder as it is and tell whoever looks after this machine";
    default:
        return NULL;
    }
}

/* "read member 'ends_on': expected ..." names what programs send; people are told which of their words is meant. */
static char *in_words(const char *message)
{
    static const char *const starts[] = { "read member '", "read argument '" };
    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        size_t len = strlen(starts[i]);
        const char *end = strncmp(message, starts[i], len) == 0 ? strstr(message + len, "': ") : NULL;
        char *words = end == NULL ? NULL : text_visible(message + len, false);
        if (words == NULL) {
            continue;
        }
        size_t name = strcspn(words, "'");
        for (size_t at = 0; at < name; at++) {
            words[at] = words[at] == '_' ? ' ' : words[at];
        }
        memmove(words + name, words + name + 1, strlen(words + name));
        return words;
    }
    return text_visible(message, false);
}

/* It names a command, or says how long to wait. */
static bool says_what_to_do(const char *message)
{
    static const char *const words[] = { "holdfast ", "; wait ", "try again in a moment" };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strstr(message, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static void say(struct cli *cli, const char *message, const char *next)
{
    char *visible = in_words(message);
    screen_print(&cli->notes, "holdfast %s: %s\n", cli->command->name, visible);
    free(visible);
    if (next != NULL && !says_what_to_do(message)) {
        screen_print(&cli->notes, "next: %s\n", next);
    }
}

static void say_json(struct cli *cli, json_t *answer, const struct error *err)
{
    if (!cli->json) {
        return;
    }
    SCOPED(answer_free) json_t *made = NULL;
    if (answer == NULL) {
        made = json_pack("{s:{s:s, s:s}}", "error", "code", err_code_name(err->code), "message", err->message);
        answer = made;
    }
    print_json(&cli->screen, answer);
}

enum exit_code call_refused(struct cli *cli, const struct error *err)
{
    say_json(cli, NULL, err);
    say(cli, err->message, next_step(err));
    return EXIT_REFUSED;
}

/* Did anybody answer? Errors of the agent itself about the centre's network come with its answer. */
static bool unreachable(const json_t *answer, const struct error *err)
{
    return answer == NULL && (err->code == ERR_NETWORK || err->code == ERR_PROTOCOL);
}

static enum exit_code failed(struct cli *cli, json_t *answer, const struct error *err)
{
    say_json(cli, answer, err);
    if (unreachable(answer, err)) {
        say(cli, err->message, NULL);
        char *visible = text_visible(cli->socket_path, false);
        screen_print(&cli->notes,
                     "next: if the agent is not running, start it ('holdfastd'); if it listens elsewhere than\n"
                     "      at '%s', say where with --socket PATH, --state-dir DIR or $HOLDFAST_SOCKET\n",
                     visible);
        free(visible);
        return EXIT_UNREACHABLE;
    }
    say(cli, err->message, next_step(err));
    return err->code == ERR_LOCKED ? EXIT_LOCKED : EXIT_REFUSED;
}

/* ---- until the replica is there ---- */

enum { READY_WITHIN_MS = 60000, LOOKS_EVERY_MS = 200, LOOK_TIMEOUT_S = 5 };

/* Why nothing was done of what was asked. */
enum unready { READY, OPENING, MAKING_TABLES };

/* `status` NULL: nobody answered. */
static enum unready unready_of(const json_t *status)
{
    const char *state = answer_text(status, "state");
    if (strcmp(state, "preparing") == 0) {
        return answer_has(status, "preparing") ? MAKING_TABLES : OPENING;
    }
    return strcmp(state, "unlocking") == 0 || answer_true(status, "unlocking") ? OPENING : READY;
}

static void show_unready(struct cli *cli, enum unready unready, const json_t *status)
{
    if (cli->notes.width == 0 || cli->json) {
        return;
    }
    if (unready == MAKING_TABLES) {
        const json_t *preparing = answer_member(status, "preparing");
        struct human done = human_number((uint64_t)answer_int(preparing, "records_done"));
        struct human total = human_number((uint64_t)answer_int(preparing, "records_total"));
        screen_print(&cli->notes, "\r  the tables are being made again: %s of %s records ...\033[K", done.text,
                     total.text);
    } else if (unready == OPENING) {
        screen_print(&cli->notes, "\r  the replica is just being opened ...\033[K");
    } else {
        screen_print(&cli->notes, "\r\033[K");
    }
    (void)fflush(cli->notes.out);
}

static enum unready look(struct cli *cli)
{
    SCOPED(answer_free) json_t *status = NULL;
    struct error unused;
    (void)!local_request(cli->socket_path, "GET", "/v1/status", NULL, LOOK_TIMEOUT_S, &status, &unused);
    enum unready unready = unready_of(status);
    show_unready(cli, unready, status);
    return unready;
}

/* It may be ready before anybody could look. */
static bool says_unready(const struct error *err)
{
    return strstr(err->message, "it is just being opened") != NULL ||
           strstr(err->message, "the agent is just unlocking or locking") != NULL ||
           strstr(err->message, "its tables are just being made again") != NULL;
}

/* The replica was not ready, so that nothing was done of what was asked, and is now: ask again. */
static bool ready_meanwhile(struct cli *cli, struct error *err)
{
    if (err->code != ERR_BUSY) {
        return false;
    }
    enum unready unready = look(cli);
    if (unready == READY) {
        return says_unready(err);
    }
    int64_t until_ms = clock_monotonic_ms() + READY_WITHIN_MS;
    while (unready != READY && clock_monotonic_ms() < until_ms) {
        (void)usleep(LOOKS_EVERY_MS * 1000);
        unready = look(cli);
    }
    if (unready != READY) {
        show_unready(cli, READY, NULL);
        (void)FAIL(err, BUSY, "use the replica: %s after %d s; `holdfast status` says how it stands",
                   unready == OPENING ? "it is still being opened" : "its tables are still being made again",
                   READY_WITHIN_MS / 1000);
    }
    return unready == READY;
}

/* What an answer tells of may have come about after the command began. */
static enum exit_code answered(struct cli *cli)
{
    cli->screen.now_ms = clock_wall_ms();
    return EXIT_DONE;
}

enum exit_code call(struct cli *cli, const char *method, char *path, json_t *body, long timeout_s, json_t **ret_answer)
{
    SCOPED(scoped_free) char *owned_path = path;
    SCOPED(answer_free) json_t *owned_body = body;
    SCOPED(answer_free) json_t *answer = NULL;
    struct error err = { .code = ERR_OK };
    session_use(cli->socket_path);
    enum err_code rc = local_request(cli->socket_path, method, owned_path, owned_body, timeout_s, &answer, &err);
    if (rc != ERR_OK && ready_meanwhile(cli, &err)) {
        answer_free(&answer);
        rc = local_request(cli->socket_path, method, owned_path, owned_body, timeout_s, &answer, &err);
    }
    if (rc != ERR_OK) {
        return failed(cli, answer, &err);
    }
    *ret_answer = answer;
    answer = NULL;
    return answered(cli);
}

enum exit_code call_bytes(struct cli *cli, const char *method, char *path, struct slice body, const char *content_type,
                          struct buf *ret_body)
{
    SCOPED(scoped_free) char *owned_path = path;
    struct error err = { .code = ERR_OK };
    session_use(cli->socket_path);
    enum err_code rc =
        local_request_bytes(cli->socket_path, method, owned_path, body, content_type, CALL_NO_TIMEOUT, ret_body, &err);
    if (rc != ERR_OK && ready_meanwhile(cli, &err)) {
        rc = local_request_bytes(cli->socket_path, method, owned_path, body, content_type, CALL_NO_TIMEOUT, ret_body,
                                 &err);
    }
    if (rc != ERR_OK) {
        return failed(cli, NULL, &err);
    }
    return answered(cli);
}

enum exit_code call_parts(struct cli *cli, char *path, local_taker take, void *context)
{
    SCOPED(scoped_free) char *owned_path = path;
    struct error err = { .code = ERR_OK };
    session_use(cli->socket_path);
    enum err_code rc = local_request_parts(cli->socket_path, "GET", owned_path, take, context, &err);
    if (rc != ERR_OK && ready_meanwhile(cli, &err)) {
        rc = local_request_parts(cli->socket_path, "GET", owned_path, take, context, &err);
    }
    if (rc != ERR_OK) {
        return failed(cli, NULL, &err);
    }
    return EXIT_DONE;
}

enum exit_code call_json_of(struct cli *cli, const struct buf *bytes, json_t **ret_answer)
{
    json_error_t problem;
    json_t *answer = json_loadb((const char *)bytes->data, bytes->len, JSON_REJECT_DUPLICATES, &problem);
    if (answer == NULL) {
        struct error err;
        (void)FAIL(&err, PROTOCOL, "read the agent's answer: not JSON at byte %d", problem.position);
        return failed(cli, NULL, &err);
    }
    *ret_answer = answer;
    return EXIT_DONE;
}
