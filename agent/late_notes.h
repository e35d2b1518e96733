/*
 * agent/late_notes - notes for the audit log of what happens while it cannot be written: the replica is locked, or just
 * another one. In memory until the replica is open again: they name people, and without a key nothing of that may be on
 * disk. An agent that ends before forgets them, and its log has how many.
 *
 * Layer: agent. No uv.h.
 */
#ifndef AGENT_LATE_NOTES_H
#define AGENT_LATE_NOTES_H

#include "store/audit.h"

#define LATE_NOTES_MAX 32

struct late_notes {
    struct audit_entry entries[LATE_NOTES_MAX];
    size_t count;
    uint64_t more; /* that found no room: the last entry says how many */
};

void late_notes_add(struct late_notes *notes, const struct audit_entry *entry);

/* Into the audit log, and none are left. What cannot be written is kept for the next time. */
void late_notes_keep(struct late_notes *notes, struct store *store);

/* At the agent's end. */
void late_notes_forget(struct late_notes *notes);

#endif
