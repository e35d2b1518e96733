/*
 * agent/cli/passphrase - a passphrase from a person or a file, straight into wiped and locked memory.
 *
 * From a terminal with the echo off (put back also when a signal comes), else one line of standard input, else the
 * first line of a file that nobody else may read. The line's end is not part of it.
 *
 * Limits: PASSPHRASE_BYTES_MAX; without a closing NUL.
 */
#ifndef AGENT_CLI_PASSPHRASE_H
#define AGENT_CLI_PASSPHRASE_H

#include "crypto/secret.h"

#define PASSPHRASE_BYTES_MAX 1024

struct passphrase {
    struct secret memory; /* PASSPHRASE_BYTES_MAX + 2 */
    size_t len;
};

void passphrase_free(struct passphrase *passphrase); /* for SCOPED too */

/* `prompt` goes to the terminal; nothing is printed when `fd` is not one. */
MUST_USE enum err_code passphrase_ask(int fd, const char *prompt, struct passphrase *ret_passphrase, struct error *err);
MUST_USE enum err_code passphrase_read_file(const char *path, struct passphrase *ret_passphrase, struct error *err);

/* {"passphrase": "...", "create": ...}, in such memory too. `ret_len` bytes of it are the text. */
MUST_USE enum err_code passphrase_request(const struct passphrase *passphrase, bool create, struct secret *ret_memory,
                                          size_t *ret_len, struct error *err);

#endif
