/*
 * sync/edge/http_server - libmicrohttpd on the libuv loop: a unix socket with peer credentials, or TLS with client
 * certificates.
 *
 * Requests are gathered whole (bounded), handed over once, and answered once: inside the handler or later (long work,
 * held exchanges). No thread of its own: MHD's epoll descriptor sits in a uv_poll and its timeout in a one-shot
 * uv_timer.
 *
 * TLS: GnuTLS priority of at least TLS 1.3 only; the client's certificate is requested, and what it proved is in
 * http_request.peer_certificate (empty when none was given or it did not verify against `ca`). Every handler decides.
 *
 * Threads: the loop's.
 */
#ifndef SYNC_EDGE_HTTP_SERVER_H
#define SYNC_EDGE_HTTP_SERVER_H

#include <sys/types.h>
#include <uv.h>

#include "base/bytes.h"

#define HTTP_HEADER_VALUE_MAX 512

struct http_server;
struct http_exchange; /* one request being answered */

struct http_request {
    const char *method; /* GET, POST, ... */
    const char *path;   /* without the query; decoded */
    struct slice body;
    const char *content_type;      /* "" when none */
    const char *authorization;     /* "" when none */
    struct slice peer_certificate; /* DER; TLS only */
    uint8_t peer_address[16]; /* TLS only: IPv6 without the interface's half, IPv4 mapped (RFC 4291 section 2.5.5.2) */
    const char *peer_problem; /* "", or why the certificate that the client sent was not accepted */
    bool peer_known;          /* unix socket only: */
    uid_t peer_uid;
    gid_t peer_gid;
    struct http_exchange *exchange;
};

/* A query argument, decoded, or NULL. Borrowed until the answer. */
const char *http_query(const struct http_request *request, const char *name);

/*
 * Ends other connections of the same client (by the certificate that it proved) whose request is still on its way: most
 * likely they are dead, and what came of it is told to http_server_options.cut before this returns.
 */
void http_cut_others(struct http_server *server, const struct http_request *request);

typedef void (*http_handler)(void *context, const struct http_request *request);

struct http_server_options {
    const char *unix_path; /* either this (made with mode unix_mode, an old socket nobody listens on is replaced) ... */
    mode_t unix_mode;
    const char *host; /* ... or host and port over TLS (port 0: any free one) */
    uint16_t port;
    const char *certificate_pem;
    const char *key_pem;
    const char *ca_pem; /* client certificates are checked against it */
    size_t body_max;    /* a larger body is answered 413 */
    unsigned connections_max;
    unsigned connections_per_address; /* 0: as many as there may be in all */
    unsigned idle_timeout_s;
    unsigned request_timeout_s; /* within which a stranger's request has to be whole (patience.h); 0: no such time */
    http_handler handler;
    /* A request of a known client whose end never comes; NULL: nobody wants to know. Only method, path, body and
     * peer_certificate are set, and there is no answer. */
    http_handler cut;
    void *context;
};

MUST_USE enum err_code http_server_start(uv_loop_t *loop, const struct http_server_options *options,
                                         struct http_server **ret_server, struct error *err);
uint16_t http_server_port(const struct http_server *server);

/* Has the client of a request that waits for its answer gone away? Nobody tells; ask now and then. */
bool http_gone(const struct http_exchange *exchange);

/* Answers once; copies what it is given. `headers` is NULL or name, value, ..., NULL. */
void http_answer(struct http_exchange *exchange, int status, const char *content_type, struct slice body,
                 const char *const *headers);

/*
 * The same with a body that is read while it is sent, as fast as the client takes it: `read` gives the next bytes, at
 * most `max`; 0 before `length` were given, or more, cuts the connection, so that nobody takes half for all. `release`
 * is called once, also when nothing was sent.
 */
struct http_body {
    uint64_t length;
    size_t (*read)(void *context, uint8_t *out, size_t max);
    void (*release)(void *context);
    void *context;
};
void http_answer_body(struct http_exchange *exchange, int status, const char *content_type,
                      const struct http_body *body, const char *const *headers);

/*
 * Stops and frees; unanswered requests are cut and must not be answered any more. `stopped` is called from the loop
 * when the last handle is closed; NULL is allowed.
 */
void http_server_stop(struct http_server *server, void (*stopped)(void *context), void *context);

#endif
