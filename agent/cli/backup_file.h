/*
 * agent/cli/backup_file - the file of a backup on the person's disk: written beside its name first, never half there.
 *
 *   begin ── FILE.part made, nobody else may read it ──► put ... ──► keep: fsync, renamed to FILE, folder fsync
 *                                                            └─────► drop: removed
 *
 * Without `replace` a FILE that is there stays as it is, also when it appears meanwhile.
 */
#ifndef AGENT_CLI_BACKUP_FILE_H
#define AGENT_CLI_BACKUP_FILE_H

#include <limits.h>
#include <stdbool.h>

#include "base/bytes.h"

struct backup_file {
    char path[PATH_MAX];
    char part[PATH_MAX];
    bool replace;
    int fd; /* -1: neither begun nor to be dropped */
};

/* ERR_CONFLICT: FILE is there, or another backup to it runs. */
MUST_USE enum err_code backup_file_begin(struct backup_file *file, const char *path, bool replace, struct error *err);
MUST_USE enum err_code backup_file_put(struct backup_file *file, struct slice bytes, struct error *err);
MUST_USE enum err_code backup_file_keep(struct backup_file *file, struct error *err);
void backup_file_drop(struct backup_file *file); /* for SCOPED too: nothing after keep */

#endif
