/*
 * agent/cli/outfile - a file that a command makes for a person. It holds personal data: only its owner may read it.
 */
#ifndef AGENT_CLI_OUTFILE_H
#define AGENT_CLI_OUTFILE_H

#include "base/bytes.h"

/* Atomic, mode 0600. A path that is there and not an ordinary file is refused. */
MUST_USE enum err_code outfile_write(const char *path, struct slice content, struct error *err);

/* "folder/register.csv" and "rejects": "folder/register.rejects.csv", or the first of "register.rejects-2.csv", ...
 * that is not there yet. Of standard input ("-"): "import.rejects.csv". Free it. */
char *outfile_beside(const char *path, const char *word);

#endif
