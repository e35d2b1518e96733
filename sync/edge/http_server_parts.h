/*
 * sync/edge/http_server_parts - what http_server.c (the daemon on the loop) and http_exchange.c (one request after the
 * other) share.
 */
#ifndef SYNC_EDGE_HTTP_SERVER_PARTS_H
#define SYNC_EDGE_HTTP_SERVER_PARTS_H

#include <microhttpd.h>
#include <sys/types.h>

#include "sync/edge/http_server.h"
#include "sync/edge/patience.h"
#include "sync/edge/resume_server.h"

/*
 *  RECEIVING ──── body whole ────► HANDED ── returned without an answer ──► WAITING
 *      │                              │                                        │ http_answer
 *      └─► TOO_LARGE ─ body over ─┐   └───────────── http_answer ─────────► ANSWERED ── queued ──► (freed by MHD)
 *                                 └──────────────────────────────────────────▲
 *  RECEIVING ── the connection ended, or http_cut_others ──► CUT
 */
enum exchange_state { RECEIVING, TOO_LARGE, HANDED, WAITING, ANSWERED, CUT };

#define CUT_PATH_SIZE 64

struct http_exchange {
    struct http_server *server;
    struct MHD_Connection *connection;
    struct http_exchange *previous;
    struct http_exchange *next;
    enum exchange_state state;
    uint64_t swallowed; /* of a body that is too large */
    struct buf body;
    struct buf peer;          /* the certificate that was proved in an earlier connection */
    char path[CUT_PATH_SIZE]; /* for whoever wants to know that it was cut; "" when it is longer */
    struct http_request request;
    char peer_problem[160];
    struct MHD_Response *response;
    unsigned status;
    bool trusted;   /* its certificate was looked at, because its body is long, and fits */
    bool forgotten; /* what the connection goes on from is not known any more */
    bool looked;    /* ... for the sake of http_cut_others */
    bool stranger;  /* it was looked at and does not: the body is swallowed */
};

struct http_server {
    uv_loop_t *loop;
    struct MHD_Daemon *daemon;
    uv_poll_t poll;
    uv_timer_t timer;
    uv_idle_t again; /* MHD has more to do at once */
    int open_handles;
    unsigned runs;        /* at once, one after the other, without anything having happened */
    unsigned connections; /* after the last run */
    bool stopping;
    bool tls;
    struct resume_server *resume; /* TLS only */
    uint16_t port;
    char *unix_path;
    dev_t unix_device;
    ino_t unix_inode;
    size_t body_max;
    http_handler handler;
    http_handler cut;
    void *context;
    struct http_exchange *exchanges;
    struct patience patience;
    void (*stopped)(void *context);
    void *stopped_context;
};

/* A timer of 0 ms that sets itself again would never let libuv 1.44 look at anything else; an idle handle does. */
void http_server_run_again(struct http_server *server);

/* What the daemon calls. */
enum MHD_Result http_exchange_on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                         const char *method, const char *version, const char *data, size_t *len,
                                         void **ret_exchange);
void http_exchange_on_connection(void *cls, struct MHD_Connection *connection, void **context,
                                 enum MHD_ConnectionNotificationCode code);
void http_exchange_on_completed(void *cls, struct MHD_Connection *connection, void **ret_exchange,
                                enum MHD_RequestTerminationCode code);

#endif
