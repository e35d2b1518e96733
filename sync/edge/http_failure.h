/*
 * sync/edge/http_failure - what a failed or strange transfer means, in words for a person.
 *
 * Layer: edge.
 */
#ifndef SYNC_EDGE_HTTP_FAILURE_H
#define SYNC_EDGE_HTTP_FAILURE_H

#include <curl/curl.h>
#include <stdbool.h>

#include "base/error.h"

/* Of a transfer that ended with `code`; `detail` is libcurl's own text. ERR_OK for CURLE_OK. */
enum err_code http_failure_classify(CURL *easy, CURLcode code, const char *detail, struct error *err);

/* The connection was made, and then nothing came any more. */
bool http_failure_is_stall(CURL *easy, CURLcode code, const char *detail);

/* An answer came: is it one of a centre, or somebody else's page? */
enum err_code http_failure_of_answer(long status, const char *content_type, struct error *err);

#endif
