/*
 * agent/cli/status - the agent's status object in plain words.
 */
#ifndef AGENT_CLI_STATUS_H
#define AGENT_CLI_STATUS_H

#include <jansson.h>

#include "agent/cli/human.h"
#include "agent/cli/screen.h"

void status_print(const struct screen *screen, const json_t *status);

/* The lines of it that other commands print too. */
void status_print_waiting(const struct screen *screen, const json_t *status);
void status_print_exchange(const struct screen *screen, const json_t *status);
void status_print_centre(const struct screen *screen, const json_t *status);

/* ", 12 KiB/s, about 40 s left", or as much of it as is known. */
struct status_pace {
    char text[2 * HUMAN_SIZE + 32];
};
struct status_pace status_pace(const json_t *status);

#endif
