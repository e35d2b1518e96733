/*
 * tests/fuzz/api_site - the local API's calls against a real replica, for fuzzers. What was recorded still verifies
 * when the program ends, and whenever a fresh one takes its place after 20,000 calls; else it
 * aborts.
 */
#ifndef FUZZ_API_SITE_H
#define FUZZ_API_SITE_H

#include <jansson.h>

#include "base/bytes.h"

#define API_SITE_LINE_MAX 512 /* of a call's path and arguments */

/* There is a replica, enrolled; before each input. */
void api_site_ready(void);
/* `query`: a=b&c=d as it stands, below API_SITE_LINE_MAX. Aborts on an answer without a sensible status, and on one
 * that says it is JSON and is not. NULL: it is something else than JSON. The caller releases it. */
json_t *api_site_call(const char *method, const char *path, const char *query, struct slice body);

#endif
