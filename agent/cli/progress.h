/*
 * agent/cli/progress - how far a call is that may take long, on a terminal, once a second while its answer is waited
 * for: what the status says of it.
 *
 * Layer: cli.
 */
#ifndef AGENT_CLI_PROGRESS_H
#define AGENT_CLI_PROGRESS_H

#include <jansson.h>

#include "agent/cli/command.h"

/* `member` of the status tells of it: {"rows"}, {"done", "total"}, or {"records_done", "records_total"}. Nothing
 * without a terminal or with
 * --json. */
void progress_begin(struct cli *cli, const char *member);
/* Of {"done", "total"}, as of a verify. */
int64_t progress_percent(const json_t *value);
/* The line is gone; safe to call again. */
void progress_end(struct cli *cli);

#endif
