/*
 * agent/asked - calls that change this machine, or take everything out of it, and leave no op: noted in the audit log
 * when they are asked for and before they are done.
 *
 * Of volunteers not which one: they can be taken out without a trace. What people change in the records is in the log;
 * people themselves and signing in are noted where it is known what came of it (agent/api_people.c).
 *
 * Layer: agent. No uv.h.
 */
#ifndef AGENT_ASKED_H
#define AGENT_ASKED_H

#include "store/audit.h"

bool asked_is_noted(const char *method, const char *path, const char *person, int64_t now_ms,
                    struct audit_entry *ret_entry);

/* One that cannot be kept is logged and holds nothing up: a backup or a restore may be what helps then. */
void asked_note(struct store *store, const struct audit_entry *entry);

#endif
