/*
 * sync/edge/local_client - the command lines' blocking request to a service on its unix socket, JSON both ways.
 *
 * Layer: edge; for programs without a loop.
 */
#ifndef SYNC_EDGE_LOCAL_CLIENT_H
#define SYNC_EDGE_LOCAL_CLIENT_H

#include <jansson.h>

#include "base/bytes.h"

#define LOCAL_RESPONSE_MAX (256 * 1024 * 1024)

/*
 * Sends `body` (NULL: none) and parses the JSON answer. 2xx: ERR_OK and *ret_json (owned by the caller). Otherwise the
 * service's own error: its answer is {"error": {"code": name of base/error.h, "message": text, ...}} and becomes code
 * and message; *ret_json is then the whole answer when it was JSON (owned by the caller too), else NULL. ERR_NETWORK
 * with "is the service running?" words when nobody listens. `path` may carry a query, already encoded. `timeout_s` 0:
 * none.
 */
MUST_USE enum err_code local_request(const char *socket_path, const char *method, const char *path, const json_t *body,
                                     long timeout_s, json_t **ret_json, struct error *err);

/* From now on every request of this process carries "Authorization: Bearer TOKEN"; NULL or "": none any more. */
#define LOCAL_TOKEN_MAX 128
void local_authorize(const char *token);

/* From now on `waited` is called about once a second while a request waits for its answer; it may make requests of its
 * own, during which it is not called. NULL: no longer. */
void local_on_wait(void (*waited)(void));

/* The same for a body or an answer that is not JSON; the answer is appended to `ret_body`, whose limit holds. */
MUST_USE enum err_code local_request_bytes(const char *socket_path, const char *method, const char *path,
                                           struct slice body, const char *content_type, long timeout_s,
                                           struct buf *ret_body, struct error *err);

/* The same for a long answer, which `take` gets in parts, only when it is one (2xx); what `take` fails with is the
 * result. An answer that ends too early is ERR_NETWORK. */
typedef enum err_code (*local_taker)(void *context, struct slice part, struct error *err);
MUST_USE enum err_code local_request_parts(const char *socket_path, const char *method, const char *path,
                                           local_taker take, void *context, struct error *err);

#endif
