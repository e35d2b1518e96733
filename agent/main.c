/* holdfastd - the agent of one site. */
#include <argp.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <uv.h>

#include "agent/agent.h"
#include "agent/api.h"
#include "crypto/secret.h"

const char *argp_program_version = "holdfastd " HOLDFAST_VERSION;

enum { OPTION_STATE_DIR = 256, OPTION_CONFIG, OPTION_SOCKET, OPTION_KEY_FILE, OPTION_SETTINGS };

static const struct argp_option options[] = {
    { "state-dir", OPTION_STATE_DIR, "DIR", 0,
      "Folder of the replica (default $STATE_DIRECTORY; else /var/lib/holdfast for root, $XDG_STATE_HOME/holdfast or "
      "~/.local/state/holdfast for others)",
      0 },
    { "config", OPTION_CONFIG, "FILE", 0,
      "Settings (default /etc/holdfast/holdfast.conf if it is there), then FILE.d/*.conf", 0 },
    { "socket", OPTION_SOCKET, "PATH", 0, "Unix socket of the local API (default DIR/holdfast.sock)", 0 },
    { "key-file", OPTION_KEY_FILE, "FILE", 0,
      "32 random bytes that unlock the replica; made when there is neither replica nor file (default "
      "$CREDENTIALS_DIRECTORY/vault-key if it is there). Without one, a person unlocks with `holdfast unlock`",
      0 },
    { "print-settings", OPTION_SETTINGS, NULL, 0, "Print every setting with its help and default, and end", 0 },
    { 0 },
};

struct arguments {
    struct agent_arguments agent;
    bool print_settings;
};

static error_t parse(int key, char *value, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case OPTION_STATE_DIR:
        arguments->agent.state_dir = value;
        return 0;
    case OPTION_CONFIG:
        arguments->agent.config = value;
        return 0;
    case OPTION_SOCKET:
        arguments->agent.socket = value;
        return 0;
    case OPTION_KEY_FILE:
        arguments->agent.key_file = value;
        return 0;
    case OPTION_SETTINGS:
        arguments->print_settings = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument '%s'", value);
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp argp = {
    .options = options,
    .parser = parse,
    .doc = "Keeps an encrypted replica of one site's placements, attendance and referrals, exchanges with the centre "
           "when there is a connection, and raises flags. Runs in the foreground until SIGTERM or SIGINT.\v"
           "Exit status: 0 after a clean stop, 1 when it could not start or go on, 2 for wrong usage.",
};

static enum err_code print_settings(struct error *err)
{
    SCOPED(buf_fini) struct buf text;
    buf_init(&text, SETTINGS_FILE_MAX);
    TRY(agent_settings_describe(&text, err));
    (void)fwrite(text.data, 1, text.len, stdout);
    return ERR_OK;
}

static enum err_code run(const struct agent_arguments *arguments, struct error *err)
{
    static struct agent_options agent; /* three paths: too large for a stack */
    TRY(agent_options_make(arguments, &agent, err));
    log_set_level(agent.log_level);
    TRY(secret_init(err));
    enum err_code rc = agent_run(&agent, err);
    uv_library_shutdown(); /* the pool's thread ends before what it uses is torn down */
    return rc;
}

/* An export and a look at the vault may both take minutes, and nobody who unlocks or signs in waits for them. */
#define POOL_THREADS "3"

/* Memory that was freed goes back to the system: the agent is idle for most of its life. */
static void tune_memory(void)
{
    (void)mallopt(M_ARENA_MAX, 1);
    (void)mallopt(M_MMAP_THRESHOLD, 128 * 1024);
    (void)mallopt(M_TRIM_THRESHOLD, 128 * 1024);
    (void)setenv("UV_THREADPOOL_SIZE", POOL_THREADS, 0);
    tpm_counter_quiet();
    api_wipe_freed_json();
}

int main(int argc, char **argv)
{
    struct arguments arguments = { 0 };
    struct error err = { .code = ERR_OK };
    argp_err_exit_status = 2;
    if (argp_parse(&argp, argc, argv, 0, NULL, &arguments) != 0) {
        return 2;
    }
    (void)umask(0077);
    tune_memory();
    enum err_code rc = arguments.print_settings ? print_settings(&err) : run(&arguments.agent, &err);
    if (rc != ERR_OK) {
        log_error("agent_failed", &err);
        return 1;
    }
    return 0;
}
