/*
 * agent/verify/pack_files - the files of an evidence pack, read from a folder that nobody is trusted about.
 *
 * Only ordinary files in folders at most two deep, with plain names; no link is followed and nothing outside the folder
 * is opened. Whatever else is found is a failure that names it.
 *
 * Ownership: pack_files owns everything; pack_files_fini releases.
 * Limits:    below; a pack past one of them is ERR_LIMIT.
 */
#ifndef AGENT_VERIFY_PACK_FILES_H
#define AGENT_VERIFY_PACK_FILES_H

#include "crypto/digest.h"

#define PACK_PATH_SIZE 96
#define PACK_FILES_MAX 100000
#define PACK_FILE_MAX ((size_t)64 * 1024 * 1024)
#define PACK_KEPT_MAX ((size_t)32 * 1024) /* of a file whose content is looked at: more is only hashed */
#define PACK_MANIFEST_MAX ((size_t)16 * 1024 * 1024)
#define PACK_MANIFEST "MANIFEST"

struct pack_file {
    char path[PACK_PATH_SIZE];
    size_t size;
    uint8_t sha256[SHA256_BYTES];
    struct slice content; /* empty when it is longer than is looked at */
};

struct pack_files {
    struct pack_file *files; /* by path, in the order of bytes */
    size_t count;
    size_t capacity;
};

MUST_USE enum err_code pack_files_read(const char *folder, struct pack_files *ret_files, struct error *err);
void pack_files_fini(struct pack_files *files);

/* Copies. ERR_INVALID for a path that is not possible. */
MUST_USE enum err_code pack_files_add(struct pack_files *files, const char *path, struct slice content,
                                      struct error *err);
/* By path; ERR_INVALID when one is there twice. Before any search. */
MUST_USE enum err_code pack_files_sort(struct pack_files *files, struct error *err);

const struct pack_file *pack_file_find(const struct pack_files *files, const char *path); /* NULL: not there */

/* The first at or after `index` whose path begins so; files->count: none. */
size_t pack_files_next(const struct pack_files *files, size_t index, const char *beginning);

#endif
