/*
 * agent/cli/backup_read - a backup from the person's disk to the agent, to be checked or restored.
 *
 *     head ──► /v1/restore/begin ──► a secret, if it is wanted ──► piece by piece ──► /v1/restore/end
 *
 * The secret is the one that opened the vault when the backup was made: the agent's own key file, if it has one and
 * that fits, or what the options say, or a passphrase that is asked for.
 */
#ifndef AGENT_CLI_BACKUP_READ_H
#define AGENT_CLI_BACKUP_READ_H

#include <jansson.h>

#include "agent/cli/key_secret.h"

/* Options of the commands that want what opens a vault, or opened it then; child parsers with a struct proof_input. */
extern const struct argp vault_secret_argp;
extern const struct argp backup_secret_argp;
bool vault_secret_given(const struct proof_input *secret);

struct backup_read {
    const char *path;
    bool check;   /* only whether it is whole */
    bool replace; /* the replica that is there */
    struct proof_input secret;
    struct key_secret used; /* what opened it; nothing when the agent had what was wanted. key_secret_free */
};

/* EXIT_DONE and the agent's last answer; otherwise all is said. */
MUST_USE enum exit_code backup_read(struct cli *cli, struct backup_read *read, json_t **ret_answer);

#endif
