/*
 * base/file - whole small files: read bounded, replaced atomically.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/bytes.h"

/* Appends the file's bytes to `out`; a file larger than the buffer's limit is ERR_LIMIT. Symbolic links are followed.
 */
MUST_USE enum err_code file_read(const char *path, struct buf *out, struct error *err);

/*
 * Replaces or makes `path` so that a crash leaves the old or the new content: temporary file in the same folder, fsync,
 * rename, fsync of the folder. `mode` as for open(2).
 */
MUST_USE enum err_code file_replace(const char *path, struct slice content, mode_t mode, struct error *err);

/* Makes what was renamed, made or removed in the folder of `path` last. */
MUST_USE enum err_code file_sync_folder(const char *path, struct error *err);

/* Makes the folder (and parents) with mode 0700 unless it is there. */
MUST_USE enum err_code folder_ensure(const char *path, struct error *err);

/* Also where nobody can tell: a name that cannot be looked at is not free to be used. */
bool file_exists(const char *path);

#endif
