/*
 * agent/cli/capacity - 'capacity weeks' and 'capacity waiting'.
 */
#ifndef AGENT_CLI_CAPACITY_H
#define AGENT_CLI_CAPACITY_H

#include "agent/cli/command.h"

enum exit_code capacity_weeks(struct cli *cli, int64_t weeks); /* negative: not said */
enum exit_code capacity_waiting(struct cli *cli);

#endif
