/*
 * agent/backup_note - backups in words: the one that is running, and the note of the last one that a client says it has
 * kept.
 */
#ifndef AGENT_BACKUP_NOTE_H
#define AGENT_BACKUP_NOTE_H

#include <jansson.h>

#include "sync/edge/backup_task.h"

#define BACKUP_NAME_MAX 1024

/* {"pages_done", "pages"}, or null. */
json_t *backup_task_value(const struct backup_task *task);

/* The last backup: made when, under what name the client keeps it. */
MUST_USE enum err_code backup_note_write(const char *path, const struct backup_about *about, const char *name,
                                         struct error *err);
/* {"at", "bytes", "pages", "fingerprint", "name"}; null when there was none or the note is not readable. */
json_t *backup_note_value(const char *path);

#endif
