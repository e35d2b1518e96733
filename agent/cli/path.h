/*
 * agent/cli/path - the request's path, with what a person typed percent-encoded.
 *
 * Ownership: path_of gives, free() releases; path_add replaces what it is given.
 */
#ifndef AGENT_CLI_PATH_H
#define AGENT_CLI_PATH_H

#include <stdbool.h>

#include "base/check.h"

/* Every %s of `format` is encoded whole, slashes too: nobody's word adds a segment. Only %s is known. */
char *path_of(const char *format, ...) PRINTF_LIKE(1, 2);

/* Adds ?name=value or &name=value; a NULL value leaves the path as it is. */
void path_add(char **path, const char *name, const char *value);
/* With what people read for its codes, where a person is answered and their locale is Welsh: what a script reads does
 * not go by the locale. */
void path_add_labels(char **path, bool json);

#endif
