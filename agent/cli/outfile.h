/*
 * agent/cli/outfile - a file that a command makes for a person. It holds personal data: only its owner may read it.
 */
#ifndef AGENT_CLI_OUTFILE_H
#define AGENT_CLI_OUTFILE_H

#include "base/bytes.h"

#define OUTFILE_PATH_MAX 4096

/* Atomic, mode 0600. A path that is there and not an ordinary file is refused. */
MUST_USE enum err_code outfile_write(const char *path, struct slice content, struct error *err);

/* The same in parts, for what is too long to stand in memory: the file is there, and whole, after outfile_keep. One at a
 * time: a signal that ends the program in the middle (Ctrl-C) takes what there is of it along. */
struct outfile {
    const char *path;
    char temporary[OUTFILE_PATH_MAX];
    int fd;
    uint64_t bytes;
};
MUST_USE enum err_code outfile_begin(const char *path, struct outfile *ret_file, struct error *err);
MUST_USE enum err_code outfile_put(struct outfile *file, struct slice part, struct error *err);
MUST_USE enum err_code outfile_keep(struct outfile *file, struct error *err);
void outfile_fini(struct outfile *file); /* what was not kept is gone */

/* "folder/register.csv" and "rejects": "folder/register.rejects.csv", or the first of "register.rejects-2.csv", ...
 * that is not there yet. Of standard input ("-"): "import.rejects.csv". Free it. */
char *outfile_beside(const char *path, const char *word);

#endif
