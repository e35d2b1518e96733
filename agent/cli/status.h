/*
 * agent/cli/status - the agent's status object in plain words.
 */
#ifndef AGENT_CLI_STATUS_H
#define AGENT_CLI_STATUS_H

#include <jansson.h>

#include "agent/cli/screen.h"

void status_print(const struct screen *screen, const json_t *status);

/* The lines of it that other commands print too. */
void status_print_waiting(const struct screen *screen, const json_t *status);
void status_print_exchange(const struct screen *screen, const json_t *status);

#endif
