/*
 * agent/cli/contract_words - a contract of the agent's answer in words: on the screen, and in the trustees' page.
 */
#ifndef AGENT_CLI_CONTRACT_WORDS_H
#define AGENT_CLI_CONTRACT_WORDS_H

#include <jansson.h>

#include "agent/cli/human.h"
#include "agent/cli/screen.h"

/* "payment by results" */
struct human contract_form(const json_t *contract);

/* Gives `put` a label ("" goes on) and a line, as often as there is something to say. */
typedef void (*contract_line)(void *context, const char *label, const char *line);
void contract_words(const json_t *contract, contract_line put, void *context);

void contract_print(const struct screen *screen, const json_t *contract);

#endif
