/*
 * agent/roles - which role may make which call, in one table.
 *
 * A call that is not in the table is for administrators: what is forgotten stays shut. As long as nobody is entered
 * every user who may ask at all has every role (agent/peer.h).
 *
 * Layer: agent. Pure.
 */
#ifndef AGENT_ROLES_H
#define AGENT_ROLES_H

#include "store/people.h"

/* Anybody who may ask: the call tells nothing of people, or is how one signs in. */
#define ROLES_ANYBODY (ROLES_ALL + 1)

/* The roles that may make the call; ROLES_ANYBODY when no role is needed. */
unsigned roles_of_call(const char *method, const char *path);
/* The calls in their order, for tests: false past the end. */
bool roles_call_at(size_t index, const char **ret_method, const char **ret_path);
/* Is it in the table, and not only shut by default? */
bool roles_listed(const char *method, const char *path);

bool roles_allow(unsigned roles, const char *method, const char *path);

#endif
