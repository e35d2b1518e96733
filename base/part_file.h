/*
 * base/part_file - a person's file that is long in the making: written beside its name first, never half there.
 *
 *   begin ── FILE.part made, nobody else may read it ──► put ... ──► keep: fsync, renamed to FILE, folder fsync
 *                                                            └─────► drop: removed
 *
 * Without `replace` a FILE that is there stays as it is, also when it appears meanwhile.
 */
#ifndef BASE_PART_FILE_H
#define BASE_PART_FILE_H

#include <limits.h>
#include <stdbool.h>

#include "base/bytes.h"

struct part_file {
    char path[PATH_MAX];
    char part[PATH_MAX];
    bool replace;
    int fd; /* -1: neither begun nor to be dropped */
};

/* ERR_CONFLICT: FILE is there, or is just being written. */
MUST_USE enum err_code part_file_begin(struct part_file *file, const char *path, bool replace, struct error *err);
MUST_USE enum err_code part_file_put(struct part_file *file, struct slice bytes, struct error *err);
MUST_USE enum err_code part_file_keep(struct part_file *file, struct error *err);
void part_file_drop(struct part_file *file); /* for SCOPED too: nothing after keep */

#endif
