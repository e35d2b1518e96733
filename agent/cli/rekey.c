/* rekey: a new key for everything on the disk, while the agent goes on working. */
#include <string.h>
#include <time.h>

#include "agent/cli/answer.h"
#include "agent/cli/argument.h"
#include "agent/cli/call.h"
#include "agent/cli/human.h"

enum { POLL_MS = 250, BAR_WIDTH = 30 };

static error_t parse_rekey(int key, char *arg, struct argp_state *state)
{
    bool *wait = state->input;
    switch (key) {
    case 'w':
        *wait = true;
        return 0;
    default:
        return argument_none(key, arg, state);
    }
}

static const struct argp_option rekey_options[] = {
    { "wait", 'w', NULL, 0, "until everything is under the new key; shows how far it is", 0 },
    { 0 },
};

const struct argp rekey_argp = {
    .options = rekey_options,
    .parser = parse_rekey,
    .doc = "Makes a new data key, encrypts everything in the vault with it and then forgets the old one. The agent "
           "goes on "
           "working meanwhile, and goes on with it after a restart or a lock."
           "\vPassphrases and other ways to unlock stay as they are. Backups made before open as before. With --wait: "
           "exits 0 when the old key is gone, also if a re-key was under way already.",
};

static void pause_ms(long ms)
{
    struct timespec rest = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    (void)nanosleep(&rest, NULL);
}

static bool progress_shown(const struct cli *cli)
{
    return cli->notes.width > 0 && !cli->json;
}

static void show_progress(const struct cli *cli, const json_t *rekey)
{
    char bar[BAR_WIDTH + 1];
    int64_t done = answer_int(rekey, "pages_done");
    int64_t total = answer_int(rekey, "pages_total");
    int64_t filled = total > 0 && done > 0 && done <= total ? done * BAR_WIDTH / total : 0;
    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', (size_t)filled);
    bar[BAR_WIDTH] = '\0';
    struct human done_text = human_number((uint64_t)done);
    struct human total_text = human_number((uint64_t)total);
    screen_print(&cli->notes, "\r  [%s] %s of %s pages      ", bar, done_text.text, total_text.text);
    (void)fflush(cli->notes.out);
}

static void clear_progress(const struct cli *cli)
{
    if (progress_shown(cli)) {
        screen_print(&cli->notes, "\r%*s\r", BAR_WIDTH + 40, "");
        (void)fflush(cli->notes.out);
    }
}

/* Reads the status until none is under way, or it cannot go on by itself; *ret_status is the last one. */
static enum exit_code wait_for_end(struct cli *cli, json_t **ret_status)
{
    for (;;) {
        json_t *status = NULL;
        enum exit_code code = call(cli, "GET", path_of("/v1/status"), NULL, CALL_TIMEOUT_S, &status);
        if (code != EXIT_DONE) {
            clear_progress(cli);
            return code;
        }
        const json_t *rekey = answer_member(status, "rekey");
        bool locked = strcmp(answer_text(status, "state"), "locked") == 0;
        bool failed = answer_text(rekey, "message")[0] != '\0';
        if (rekey == NULL || locked || failed) {
            clear_progress(cli);
            *ret_status = status;
            return locked ? EXIT_LOCKED : failed ? EXIT_REFUSED : EXIT_DONE;
        }
        if (progress_shown(cli)) {
            show_progress(cli, rekey);
        }
        json_decref(status);
        pause_ms(POLL_MS);
    }
}

static void print_end(struct cli *cli, json_t *status, enum exit_code code)
{
    if (call_printed(cli, status)) {
        return;
    }
    if (code == EXIT_DONE) {
        screen_print(&cli->screen, "Everything is under the new key; the old one is gone.\n");
    } else if (code == EXIT_LOCKED) {
        screen_print(&cli->notes, "holdfast rekey: the vault was locked meanwhile\n"
                                  "next: 'holdfast unlock'; the re-key then goes on by itself\n");
    } else {
        screen_print(&cli->notes,
                     "holdfast rekey: %s\nnext: nothing is lost, and it is tried again by itself; 'holdfast status' "
                     "says how it stands\n",
                     answer_text(answer_member(status, "rekey"), "message"));
    }
}

/* With --wait one that is under way is as good as a new one. */
static enum exit_code begin(struct cli *cli, bool wait, json_t **ret_answer)
{
    if (wait) {
        SCOPED(answer_free) json_t *status = NULL;
        enum exit_code code = call(cli, "GET", path_of("/v1/status"), NULL, CALL_TIMEOUT_S, &status);
        if (code != EXIT_DONE || answer_has(status, "rekey")) {
            return code;
        }
    }
    return call(cli, "POST", path_of("/v1/vault/rekey"), json_object(), CALL_TIMEOUT_S, ret_answer);
}

enum exit_code rekey_run(struct cli *cli, int argc, char **argv)
{
    bool wait = false;
    command_parse(cli, argc, argv, &wait);
    SCOPED(answer_free) json_t *begun = NULL;
    enum exit_code code = begin(cli, wait, &begun);
    if (code != EXIT_DONE) {
        return code;
    }
    if (!wait) {
        if (!call_printed(cli, begun)) {
            screen_print(&cli->screen, "The re-key has begun; 'holdfast status' says how far it is.\n");
        }
        return EXIT_DONE;
    }
    SCOPED(answer_free) json_t *status = NULL;
    code = wait_for_end(cli, &status);
    if (status != NULL) {
        print_end(cli, status, code);
    }
    return code;
}
