/* sync, enrol: the centre. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/human.h"
#include "agent/cli/memory.h"
#include "agent/cli/passphrase.h"
#include "agent/cli/status.h"
#include "base/clock.h"

enum { WAIT_DEFAULT_S = 600, WAIT_MAX_S = 86400, POLL_MS = 250, ENROL_TIMEOUT_S = 120 };
enum { OPTION_TIMEOUT = 0x2001, OPTION_ENDPOINT, OPTION_CODE, OPTION_CODE_FILE, OPTION_AGAIN };

struct sync_input {
    bool wait;
    int64_t timeout_s;
};

static error_t parse_sync(int key, char *arg, struct argp_state *state)
{
    struct sync_input *input = state->input;
    switch (key) {
    case 'w':
        input->wait = true;
        return 0;
    case OPTION_TIMEOUT:
        input->timeout_s = argument_number(state, "--timeout", arg, 1, WAIT_MAX_S);
        return 0;
    case ARGP_KEY_ARG:
        argument_surplus(state, arg);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option sync_options[] = {
    { "wait", 'w', NULL, 0, "until everything is at the centre and fetched, or it failed", 0 },
    { "timeout", OPTION_TIMEOUT, "SECONDS", 0, "with --wait: at most this long (600)", 0 },
    { 0 },
};

const struct argp sync_argp = {
    .options = sync_options,
    .parser = parse_sync,
    .doc = "Asks the agent to exchange records with the centre now instead of at its next turn."
           "\vWith --wait: exits 0 when nothing waits on either side, 1 when the exchange failed or the time is over. "
           "What was recorded stays safe on this machine either way.",
};

static bool last_ok(const json_t *status)
{
    return strcmp(answer_text(answer_member(status, "last_exchange"), "result"), "ok") == 0;
}

static bool running(const json_t *status)
{
    return strcmp(answer_text(status, "state"), "synchronising") == 0;
}

/* Has a round ended since the one that `before` (its "at") tells of? */
static bool round_ended(const json_t *status, const char *before)
{
    const char *at = answer_text(answer_member(status, "last_exchange"), "at");
    return !running(status) && at[0] != '\0' && strcmp(at, before) != 0;
}

static void show_progress(const struct cli *cli, const json_t *status)
{
    if (cli->notes.width == 0 || cli->json) {
        return;
    }
    struct human pending = human_number((uint64_t)answer_int(status, "pending_ops"));
    struct human to_fetch = human_number((uint64_t)answer_int(status, "to_fetch"));
    struct status_pace pace = status_pace(status);
    screen_print(&cli->notes, "\r  %s to send, %s to fetch%s ...\033[K", pending.text, to_fetch.text, pace.text);
    (void)fflush(cli->notes.out);
}

static void clear_progress(const struct cli *cli)
{
    if (cli->notes.width > 0 && !cli->json) {
        screen_print(&cli->notes, "\r\033[K");
        (void)fflush(cli->notes.out);
    }
}

static void pause_ms(long ms)
{
    struct timespec rest = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    (void)nanosleep(&rest, NULL);
}

/* Reads the status until there is nothing more to expect; *ret_status is the last one. */
static enum exit_code wait_for_round(struct cli *cli, const struct sync_input *input, const char *before,
                                     json_t **ret_status)
{
    int64_t deadline_ms = clock_monotonic_ms() + input->timeout_s * 1000;
    for (;;) {
        json_t *status = NULL;
        enum exit_code code = call(cli, "GET", path_of("/v1/status"), NULL, CALL_TIMEOUT_S, &status);
        if (code != EXIT_DONE) {
            clear_progress(cli);
            return code;
        }
        bool drained = answer_int(status, "pending_ops") == 0 && answer_int(status, "to_fetch") == 0;
        bool ended = round_ended(status, before) && (!last_ok(status) || drained);
        bool locked = strcmp(answer_text(status, "state"), "locked") == 0;
        if (ended || locked || clock_monotonic_ms() >= deadline_ms) {
            clear_progress(cli);
            *ret_status = status;
            return locked ? EXIT_LOCKED : ended && last_ok(status) ? EXIT_DONE : EXIT_REFUSED;
        }
        show_progress(cli, status);
        json_decref(status);
        pause_ms(POLL_MS);
    }
}

static void print_sync(struct cli *cli, json_t *status, const char *before, enum exit_code code)
{
    if (call_printed(cli, status)) {
        return;
    }
    const struct screen *screen = &cli->screen;
    cli->screen.now_ms = clock_wall_ms(); /* later than when the command began */
    status_print_exchange(screen, status);
    status_print_waiting(screen, status);
    (void)fflush(screen->out); /* before the notes also when both go to one file */
    if (code == EXIT_LOCKED) {
        screen_print(&cli->notes, "holdfast sync: the vault was locked meanwhile\nnext: 'holdfast unlock'\n");
    } else if (code == EXIT_REFUSED && !round_ended(status, before)) {
        screen_print(&cli->notes, "holdfast sync: the time is over and the exchange has not ended\n"
                                  "next: 'holdfast status' shows how it goes on\n");
    } else if (code == EXIT_REFUSED) {
        const char *message = answer_text(answer_member(status, "last_exchange"), "message");
        screen_print(&cli->notes, "holdfast sync: %s\nnext: %s\n", message[0] != '\0' ? message : "the exchange failed",
                     "nothing is lost; the agent tries again by itself, 'holdfast status' says when");
    }
}

/* With --wait the round before is remembered first, so that the new one can be told from it. */
static enum exit_code last_round(struct cli *cli, char **ret_at)
{
    SCOPED(answer_free) json_t *status = NULL;
    enum exit_code code = call(cli, "GET", path_of("/v1/status"), NULL, CALL_TIMEOUT_S, &status);
    if (code == EXIT_DONE) {
        *ret_at = must_have(strdup(answer_text(answer_member(status, "last_exchange"), "at")));
    }
    return code;
}

enum exit_code sync_run(struct cli *cli, int argc, char **argv)
{
    struct sync_input input = { .timeout_s = WAIT_DEFAULT_S };
    command_parse(cli, argc, argv, &input);
    SCOPED(scoped_free) char *before = NULL;
    enum exit_code code = last_round(cli, &before);
    if (code != EXIT_DONE) {
        return code;
    }
    SCOPED(answer_free) json_t *started = NULL;
    code = call(cli, "POST", path_of("/v1/sync"), json_object(), CALL_TIMEOUT_S, &started);
    if (code != EXIT_DONE) {
        return code;
    }
    if (!input.wait) {
        if (!call_printed(cli, started)) {
            screen_print(&cli->screen, "An exchange was asked for; 'holdfast status' shows how it went.\n");
            status_print_waiting(&cli->screen, started);
        }
        return EXIT_DONE;
    }
    SCOPED(answer_free) json_t *status = NULL;
    code = wait_for_round(cli, &input, before, &status);
    if (status != NULL) {
        print_sync(cli, status, before, code);
    }
    return code;
}

struct enrol_input {
    const char *endpoint;
    const char *code;
    const char *code_file;
    bool again;
};

static error_t parse_enrol(int key, char *arg, struct argp_state *state)
{
    struct enrol_input *input = state->input;
    switch (key) {
    case OPTION_ENDPOINT:
        if (strncmp(arg, "https://", 8) != 0) {
            argp_error(state, "--endpoint is '%s'; expected an address that begins with https://", arg);
        }
        input->endpoint = argument_text(state, "--endpoint", arg);
        return 0;
    case OPTION_CODE:
        input->code = argument_text(state, "--code", arg);
        return 0;
    case OPTION_CODE_FILE:
        input->code_file = arg;
        return 0;
    case OPTION_AGAIN:
        input->again = true;
        return 0;
    case ARGP_KEY_ARG:
        argument_surplus(state, arg);
        return 0;
    case ARGP_KEY_END:
        if (input->endpoint == NULL) {
            argp_error(state, "--endpoint is needed; whoever runs the centre gives it, and a code");
        }
        if (input->code != NULL && input->code_file != NULL) {
            argp_error(state, "give the code once: --code or --code-file");
        }
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option enrol_options[] = {
    { "endpoint", OPTION_ENDPOINT, "URL", 0, "the centre's address, https://...", 0 },
    { "code-file", OPTION_CODE_FILE, "FILE", 0,
      "where the one-time code is that the centre's operator gave for this site; -: standard input (else it is asked "
      "for)",
      0 },
    { "code", OPTION_CODE, "CODE", 0, "the code itself; other users of this machine may see it while this runs", 0 },
    { "again", OPTION_AGAIN, NULL, 0, "this device is enrolled, and its certificate does not serve any more", 0 },
    { 0 },
};

const struct argp enrol_argp = {
    .options = enrol_options,
    .parser = parse_enrol,
    .doc =
        "Joins this device to a centre: the device makes its own key, proves the code, checks the centre against the "
        "code, and receives its certificate."
        "\vWhen it fails, run it again with the same code. The code works once. With --again an enrolled device keeps "
        "its "
        "key, its site and its records.",
};

/* Not on the command line, where other users see it, unless somebody wants it there. */
static enum err_code read_code(const struct enrol_input *input, struct passphrase *ret_code, struct error *err)
{
    TRY(secret_init(err));
    bool file = input->code_file != NULL && strcmp(input->code_file, "-") != 0;
    enum err_code rc = file ? passphrase_read_file(input->code_file, ret_code, err)
                            : passphrase_ask(STDIN_FILENO, "One-time code: ", ret_code, err);
    return rc == ERR_OK ? ERR_OK : error_wrap(err, rc, "read the code");
}

static json_t *enrol_body(const struct enrol_input *input, const struct passphrase *code)
{
    json_t *text =
        input->code != NULL ? json_string(input->code) : json_stringn((const char *)code->memory.bytes, code->len);
    json_t *body = must_have(json_pack("{s:s, s:o}", "endpoint", input->endpoint, "code", must_have(text)));
    if (input->again) {
        (void)json_object_set_new(body, "again", json_true());
    }
    return body;
}

enum exit_code enrol_run(struct cli *cli, int argc, char **argv)
{
    struct enrol_input input = { 0 };
    command_parse(cli, argc, argv, &input);
    SCOPED(passphrase_free) struct passphrase one_time = { .len = 0 };
    struct error err;
    enum err_code rc = input.code != NULL ? ERR_OK : read_code(&input, &one_time, &err);
    if (rc != ERR_OK) {
        return call_refused(cli, &err);
    }
    SCOPED(answer_free) json_t *answer = NULL;
    enum exit_code code =
        call(cli, "POST", path_of("/v1/enrol"), enrol_body(&input, &one_time), ENROL_TIMEOUT_S, &answer);
    if (code != EXIT_DONE || call_printed(cli, answer)) {
        return code;
    }
    const struct screen *screen = &cli->screen;
    screen_print(screen, "enrolled\n");
    screen_fact(screen, "Site", "%s", answer_text(answer_member(answer, "site"), "name"));
    screen_fact(screen, "Organisation", "%s", answer_text(answer_member(answer, "organisation"), "name"));
    screen_fact(screen, "Device", "%s", answer_text(answer, "device"));
    screen_fact(screen, "Centre", "%s", answer_text(answer, "endpoint"));
    screen_fact(screen, "Next", "'holdfast import' takes your registers, 'holdfast sync --wait' fetches what is there");
    return EXIT_DONE;
}
