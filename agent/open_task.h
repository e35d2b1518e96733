/*
 * agent/open_task - opens the replica, and makes its tables again when another version of the program or another
 * programme pack asks for that, off the loop's thread.
 *
 *   IDLE ── open_task_start ──► RUNNING (a thread of the pool; nobody else touches vault and store) ──► done ──► IDLE
 *
 * Tables are made in one transaction: a stop, a crash or a full disk leaves those that were there, and the next time
 * begins anew.
 *
 * Ownership:  the caller owns the struct; while RUNNING it must stay. `progress` is the stores' that it opens, and
 *             outlives them.
 * Threads:    the loop's.
 */
#ifndef AGENT_OPEN_TASK_H
#define AGENT_OPEN_TASK_H

#include <jansson.h>
#include <uv.h>

#include "store/store.h"

/* What became of it: ERR_OK with the store, open; else there is none. */
struct open_outcome {
    struct store *store;
    bool behind;  /* its tables are not by the pack that is in force: making them failed, and may work later */
    bool stopped; /* there is none because of open_task_stop alone */
    enum err_code rc;
    struct error err;
};

/* What else is done in the thread, with the store that is open. */
typedef void (*open_task_also)(void *context, struct store *store);
typedef void (*open_task_done)(void *context, const struct open_outcome *outcome);

struct open_task {
    uv_work_t work;
    struct store_progress progress;
    bool running;
    struct vault *vault;
    struct store_options options;
    struct open_outcome outcome;
    open_task_also also; /* NULL: nothing */
    void *also_context;
    open_task_done done;
    void *context;
};

/* `done` and `context` are set before. `store` NULL: it is opened; else only looked after. `done` is called later,
 * once. */
void open_task_start(struct open_task *task, uv_loop_t *loop, struct vault *vault, const struct store_options *options,
                     struct store *store);

/* What runs ends soon after: a store that was open already stays so. */
void open_task_stop(struct open_task *task);

/* {"records_done": INT, "records_total": INT} while all tables are being made, else null; NULL without memory. */
json_t *open_task_value(const struct open_task *task);

#endif
