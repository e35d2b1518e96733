/*
 * agent/cli/memory - a command without memory ends: nothing of a person's work is held here.
 */
#ifndef AGENT_CLI_MEMORY_H
#define AGENT_CLI_MEMORY_H

/* Returns what it is given; NULL ends the program with "out of memory" and the exit code for refused. */
void *must_have(void *memory);

#endif
