/*
 * agent/cli/placement_words - one placement in words: where, from when to when, how many hours, and what lies around
 * it.
 */
#ifndef AGENT_CLI_PLACEMENT_WORDS_H
#define AGENT_CLI_PLACEMENT_WORDS_H

#include <jansson.h>

#include "agent/cli/screen.h"

/* The answer of GET /v1/placements/REF. */
void placement_print(const struct screen *screen, const json_t *answer);

#endif
