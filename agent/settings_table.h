/*
 * agent/settings_table - the settings of holdfastd, and the folder, socket and key file that come of them, the command
 * line and the environment.
 *
 *   first that is there: command line, environment of systemd, settings, default
 *
 * Layer: agent.
 */
#ifndef AGENT_SETTINGS_TABLE_H
#define AGENT_SETTINGS_TABLE_H

#include <limits.h>

#include "agent/link_policy.h"
#include "agent/lockbox.h"
#include "base/log.h"
#include "sync/edge/settings.h"

/* As given on the command line; NULL when not. */
struct agent_arguments {
    const char *state_dir;
    const char *config;
    const char *socket;
    const char *key_file;
};

struct agent_options {
    char state_dir[PATH_MAX];
    char socket[PATH_MAX];
    char key_file[PATH_MAX];  /* "": a passphrase unlocks */
    bool may_make_key_file;   /* not one that systemd hands in */
    char group[64];           /* whose members may use the API; "": none */
    char programme[PATH_MAX]; /* a pack; "": the built-in one */
    int cache_kib;
    int retention_months;   /* 0: nothing is due */
    int lock_after_minutes; /* 0: never by itself */
    enum lockbox_tpm tpm;
    char tpm_tcti[256]; /* "": the kernel's */
    struct link_options link;
    enum log_level log_level;
};

MUST_USE enum err_code agent_options_make(const struct agent_arguments *arguments, struct agent_options *ret_options,
                                          struct error *err);

/* Every setting with its help and default, as a file to begin from. */
MUST_USE enum err_code agent_settings_describe(struct buf *out, struct error *err);

#endif
