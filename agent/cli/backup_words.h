/*
 * agent/cli/backup_words - what backup, verify and restore say alike: how far they are, and which backup it is.
 */
#ifndef AGENT_CLI_BACKUP_WORDS_H
#define AGENT_CLI_BACKUP_WORDS_H

#include <jansson.h>

#include "agent/cli/command.h"

#define BACKUP_WORDS_PIECE_MAX ((size_t)1024 * 1024) /* of a piece to or from the agent */

/* On a terminal only, and not with --json. */
void backup_progress(const struct cli *cli, uint64_t done, uint64_t total);
void backup_progress_clear(const struct cli *cli);

/* When it was made, how large it is, its fingerprint. */
void backup_print_about(const struct screen *screen, const json_t *about);

#endif
