/*
 * sync/endpoint/endpoint - holdfast-endpoint: the centre behind its two doors.
 *
 *   devices  ── TLS 1.3, client certificate ──► routes_device ──┐
 *                                                               ├─► struct centre (one database, one loop)
 *   operator ── unix socket, same user or root ► routes_admin ──┘
 *
 * Stops on SIGTERM or SIGINT, or by itself after a failure that only a fresh start can mend.
 *
 * Threads: the loop's.
 */
#ifndef SYNC_ENDPOINT_ENDPOINT_H
#define SYNC_ENDPOINT_ENDPOINT_H

#include "sync/edge/http_server.h"
#include "sync/edge/settings.h"
#include "sync/endpoint/core/centre.h"
#include "sync/endpoint/waiting.h"

struct endpoint {
    uv_loop_t *loop;
    struct centre *centre;
    struct http_server *devices;
    struct http_server *operators;
    struct waiting *waiting; /* devices whose answer is kept back */
    const char *address;     /* as it listens: HOST:PORT */
    const char *url;         /* as devices name it, by the first name in the certificate */
    int exit_code;
    bool stopping;
};

void endpoint_stop(struct endpoint *endpoint, int exit_code); /* idempotent; from the loop */

/* After something that may have changed the certificates: the devices' door is opened anew if it did. */
void endpoint_refresh(struct endpoint *endpoint);

/* After an answer that failed: logs it, and stops for what only a fresh start can mend. */
void endpoint_failed(struct endpoint *endpoint, const char *event, const struct error *err);

void routes_device(void *context, const struct http_request *request);
/* The same for a request that was kept back: it is answered. */
void routes_device_waited(void *context, const struct http_request *request);
void routes_admin(void *context, const struct http_request *request);

extern const struct setting endpoint_settings[];
extern const size_t endpoint_setting_count;

#endif
