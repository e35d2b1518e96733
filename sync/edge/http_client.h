/*
 * sync/edge/http_client - libcurl's multi interface on the libuv loop: one POST or GET at a time over TLS 1.3.
 *
 * The key and the certificates come from memory; the system's own authorities are not trusted. The connection is kept
 * for the next request. Progress is watched: fewer than HTTP_CLIENT_STALL_BYTES in HTTP_CLIENT_STALL_S seconds is a
 * dead link. Redirects are not followed: a redirect or an HTML page is ERR_CAPTIVE_PORTAL, a certificate of somebody
 * else ERR_INTERCEPTED, each with words that say what to do. An answer over response_max is ERR_LIMIT. A proxy is taken
 * from the environment as libcurl documents it.
 *
 * Threads: the loop's.
 */
#ifndef SYNC_EDGE_HTTP_CLIENT_H
#define SYNC_EDGE_HTTP_CLIENT_H

#include <uv.h>

#include "base/bytes.h"

#define HTTP_CLIENT_STALL_S 30
#define HTTP_CLIENT_STALL_BYTES 1
#define HTTP_CLIENT_LATE_S 20 /* beyond http_post.wait_s */

struct http_client;

struct http_client_options {
    const char *ca_pem;          /* the only trust; NULL: none is checked (only to fetch the CA that a code pins) */
    const char *certificate_pem; /* client's; NULL: none */
    struct slice key_pem;        /* in key memory; borrowed while the client lives */
    long connect_timeout_s;
    size_t response_max;
};

/* What became of a request; borrowed in the callback. */
struct http_result {
    enum err_code outcome; /* ERR_OK: an answer came, whatever its status */
    struct error error;
    long status;
    const char *content_type;
    struct slice body;
    int64_t retry_after_s;
    uint64_t bytes_sent; /* request line, headers, body and TLS records as far as libcurl tells */
    uint64_t bytes_received;
    bool small_packets; /* large ones get lost on this network, as it seems */
};

typedef void (*http_done)(void *context, const struct http_result *result);

struct http_post {
    const char *url;
    const char *content_type;  /* NULL: it is not said */
    const char *authorization; /* header value or NULL */
    struct slice body;         /* borrowed until done; data NULL: a GET */
    uint32_t wait_s; /* the answer may be so late; 0: a link without progress for HTTP_CLIENT_STALL_S is dead */
};

MUST_USE enum err_code http_client_start(uv_loop_t *loop, const struct http_client_options *options,
                                         struct http_client **ret_client, struct error *err);
/* One at a time (a second is our own bug). `done` is called later, once, from the loop; not after http_client_stop. */
void http_client_post(struct http_client *client, const struct http_post *post, http_done done, void *context);
/* Drops the request in flight, if there is one: `done` is not called for it. */
void http_client_cancel(struct http_client *client);
/* A request in flight is dropped. `stopped` is called from the loop when everything is closed; NULL is allowed. */
void http_client_stop(struct http_client *client, void (*stopped)(void *context), void *context);

#endif
