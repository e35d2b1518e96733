/* sync: the exchange with the centre, now. */
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
#include "agent/cli/status.h"
#include "base/clock.h"

enum { WAIT_DEFAULT_S = 600, WAIT_MAX_S = 86400, POLL_MS = 250, OPTION_TIMEOUT = 0x2001 };

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
    default:
        return argument_none(key, arg, state);
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
    status_print_exchange(screen, status);
    status_print_waiting(screen, status);
    (void)fflush(screen->out); /* before the notes also when both go to one file */
    if (code == EXIT_LOCKED) {
        screen_print(&cli->notes, "holdfast sync: the vault was locked meanwhile\nnext: 'holdfast unlock'\n");
    } else if (code == EXIT_REFUSED && !round_ended(status, before)) {
        screen_print(&cli->notes, "holdfast sync: the time is over and the exchange has not ended\n"
                                  "next: 'holdfast status' shows how it goes on\n");
    } else if (code == EXIT_REFUSED) {
        const json_t *last = answer_member(status, "last_exchange");
        const char *message = answer_text(last, "message");
        bool revoked = strcmp(answer_text(last, "result"), err_code_name(ERR_REVOKED)) == 0;
        screen_print(&cli->notes, "holdfast sync: %s\nnext: %s\n", message[0] != '\0' ? message : "the exchange failed",
                     revoked ? "nothing is lost here; ask the Jobcentre to take this device in again"
                             : "nothing is lost; the agent tries again by itself, 'holdfast status' says when");
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
