/*
 * agent/bundle_task - the one bundle that may be on its way in or out, piece by piece as a client brings or fetches it.
 *
 *   IDLE ── begin_out ──► OUT ── next ... ──► end ──► IDLE
 *     └──── begin_in ───► IN ─── put ... ───► end ──► IDLE
 *
 * A client that went away leaves nothing half done: what was whole is kept, the rest comes again with the same file.
 * Another one may begin when the first has been silent for TASK_TAKE_OVER_MS.
 *
 * Ownership:  the caller owns the struct, zeroed at first; bundle_task_cancel before the exchange's driver stops.
 * Threads:    the loop's.
 */
#ifndef AGENT_BUNDLE_TASK_H
#define AGENT_BUNDLE_TASK_H

#include "sync/bundle_device.h"
#include "sync/edge/backup_task.h"

struct bundle_task {
    struct device_bundle_out *out;
    struct device_bundle_in *in;
    bool complete; /* the last part went out */
    char id[TASK_ID_SIZE];
    int64_t used_at_ms; /* monotonic */
};

/* ERR_BUSY: another one is on its way. */
MUST_USE enum err_code bundle_task_begin_out(struct bundle_task *task, struct client *client, struct error *err);
MUST_USE enum err_code bundle_task_begin_in(struct bundle_task *task, struct client *client, struct error *err);
/* The next part behind what is in `out`; nothing once it is complete. ERR_NOT_FOUND: not on its way (any more). */
MUST_USE enum err_code bundle_task_next(struct bundle_task *task, const char *id, struct buf *out, struct error *err);
MUST_USE enum err_code bundle_task_put(struct bundle_task *task, const char *id, struct slice piece,
                                       struct device_bundle_taken *ret_taken, struct error *err);
/* Of one out: how many records are in it, and whether all of it was fetched. */
MUST_USE enum err_code bundle_task_end_out(struct bundle_task *task, const char *id, uint64_t *ret_ops,
                                           bool *ret_complete, struct error *err);
/* ERR_DAMAGED: it was cut; *ret_taken is what was taken all the same. */
MUST_USE enum err_code bundle_task_end_in(struct bundle_task *task, const char *id,
                                          struct device_bundle_taken *ret_taken, struct error *err);
/* Its client is not silent. */
bool bundle_task_running(const struct bundle_task *task);
void bundle_task_cancel(struct bundle_task *task);

#endif
