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

#include "sync/edge/backup_task.h"
#include "sync/edge/http_server.h"
#include "sync/edge/settings.h"
#include "sync/endpoint/core/bundles.h"
#include "sync/endpoint/core/centre.h"
#include "sync/endpoint/core/strangers.h"
#include "sync/endpoint/waiting.h"

#define ENDPOINT_BUNDLE_ID_SIZE 17

/* The one bundle that may be on its way in or out, piece by piece. */
struct endpoint_bundle {
    struct centre_bundle_out *out;
    struct centre_bundle_in *in;
    bool complete; /* the last part went out */
    char id[ENDPOINT_BUNDLE_ID_SIZE];
    int64_t used_at_ms; /* monotonic */
};

struct endpoint {
    uv_loop_t *loop;
    struct vault *vault;
    struct centre *centre;
    struct strangers strangers;
    struct http_server *devices;
    struct http_server *operators;
    struct waiting *waiting; /* devices whose answer is kept back */
    struct endpoint_bundle bundle;
    struct backup_task backup;
    const char *address; /* as it listens: HOST:PORT */
    const char *url;     /* as devices name it, by the first name in the certificate */
    int exit_code;
    bool stopping;
};

void endpoint_stop(struct endpoint *endpoint, int exit_code); /* idempotent; from the loop */

/* After something that may have changed the certificates: the devices' door is opened anew if it did. */
void endpoint_refresh(struct endpoint *endpoint);

/* After something that may have brought an erasure: it goes on between requests. */
void endpoint_erase(struct endpoint *endpoint);

/* After an answer that failed: logs it, and stops for what only a fresh start can mend. */
void endpoint_failed(struct endpoint *endpoint, const char *event, const struct error *err);

void routes_device(void *context, const struct http_request *request);
/* One that broke off. */
void routes_device_cut(void *context, const struct http_request *request);
/* The same for a request that was kept back: it is answered. */
void routes_device_waited(void *context, const struct http_request *request);
void routes_admin(void *context, const struct http_request *request);

/* routes_bundle.c, of routes_admin: either bytes or an answer (owned by the caller). */
bool routes_bundle_knows(const char *path);
MUST_USE enum err_code routes_bundle(struct endpoint *endpoint, const struct http_request *request,
                                     struct buf *ret_bytes, json_t **ret_answer, struct error *err);
/* Before the keys that it uses go. */
void endpoint_bundle_drop(struct endpoint_bundle *bundle);

/* routes_backup.c, likewise. */
bool routes_backup_knows(const char *path);
MUST_USE enum err_code routes_backup(struct endpoint *endpoint, const struct http_request *request,
                                     struct buf *ret_bytes, json_t **ret_answer, struct error *err);

extern const struct setting endpoint_settings[];
extern const size_t endpoint_setting_count;

#endif
