/*
 * agent/placing_limits - what the programme allows a mandatory placement at most.
 *
 * Layer: agent, inside the API.
 */
#ifndef AGENT_PLACING_LIMITS_H
#define AGENT_PLACING_LIMITS_H

#include <jansson.h>

#include "store/record.h"

/* Adds a text for each limit that the record goes beyond. */
void placing_limits(const struct programme *programme, struct record *record, json_t *warnings);

#endif
