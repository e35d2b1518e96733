/*
 * sync/endpoint/waiting - answers that are kept back until there is something new for the device (PROTOCOL.md, 3.7).
 *
 *   exchange with `wait`, nothing new ──► kept ──┬─ the stream grew ────────────────► answered with what is new
 *                                                ├─ refusals were lifted ───────────► answered with those that are left
 *                                                ├─ its time is over ──────────────► answered: nothing new
 *                                                └─ the device asks again meanwhile ─► answered; it has gone on
 *
 * One a device, and no more than `max` in all: who finds no place is answered at once.
 *
 * Ownership: waiting_start gives; freed in its last close callback. Stopped before the server, whose stop cuts what is
 *            still kept back.
 * Threads:   the loop's.
 */
#ifndef SYNC_ENDPOINT_WAITING_H
#define SYNC_ENDPOINT_WAITING_H

#include <uv.h>

#include "sync/edge/http_server.h"
#include "sync/endpoint/core/centre.h"

struct waiting;

/* `answer` answers the request for good, whether there is something new or not. */
MUST_USE enum err_code waiting_start(uv_loop_t *loop, struct centre *centre, size_t max, uint32_t max_s,
                                     void (*answer)(void *context, const struct http_request *request), void *context,
                                     struct waiting **ret_waiting, struct error *err);
/* False: no place, or not asked for; it is to be answered now. The request is borrowed until it is answered. */
bool waiting_keep(struct waiting *waiting, const struct http_request *request, const struct centre_wait *wait);
/* The device asks anew: what it asked before is answered. */
void waiting_drop(struct waiting *waiting, const uint8_t device[DEVICE_ID_BYTES]);
/* Something may have been appended, or lifted: answers those for whom it is news. */
void waiting_look(struct waiting *waiting);
/* The server is about to stop, which cuts them all. */
void waiting_cut(struct waiting *waiting);
/* The same, and nothing is kept back any more. */
void waiting_stop(struct waiting *waiting);

#endif
