/*
 * agent/export_task - the one export that may be under way: a thread of the pool writes it from a second view of the
 * replica as it was when it began (store_open_reader), while the loop goes on with everything else.
 *
 *   IDLE ── export_task_start ──► RUNNING (pool) ── written, failed or stopped ──► done(answer) ──► IDLE
 *                                   └ stop: export_task_stop, or the client has gone (looked at every EXPORT_LOOK_MS)
 *
 * Ownership:  the caller owns the struct; export_task_close before the loop ends, the task being IDLE by then.
 * Threads:    the loop's.
 * Limits:     the write-ahead log only grows while it runs, which the limits of an export bound (agent/spool.h; a
 *             workbook's rows).
 */
#ifndef AGENT_EXPORT_TASK_H
#define AGENT_EXPORT_TASK_H

#include <uv.h>

#include "agent/api.h"
#include "sync/edge/http_server.h"

#define EXPORT_LOOK_MS 100
#define EXPORT_PATH_SIZE 80
#define EXPORT_ARGUMENT_SIZE 16 /* a format or a day; a longer one is neither */

/* Releases the answer (api_answer_fini). */
typedef void (*export_task_done)(void *context, struct http_exchange *exchange, struct api_answer *answer);

struct export_arguments {
    bool given[3];
    char text[3][EXPORT_ARGUMENT_SIZE];
};

struct export_task {
    uv_work_t work;
    uv_timer_t timer;
    bool running;
    struct store_progress progress;
    atomic_uint_least64_t rows;
    struct http_exchange *exchange;
    struct api_world world; /* its store is the reader */
    struct api_answer answer;
    char actor[OP_ACTOR_MAX + 1];
    char path[EXPORT_PATH_SIZE];
    struct export_arguments arguments;
    export_task_done done;
    void (*look)(void *context);
    void *context;
};

/* `look` is called now and then while one is RUNNING: somebody waits for it. */
void export_task_init(struct export_task *task, uv_loop_t *loop, export_task_done done, void (*look)(void *context),
                      void *context);

/* ERR_BUSY: another one is RUNNING. What `world` and `request` point to is copied, or outlives the task. */
MUST_USE enum err_code export_task_start(struct export_task *task, const struct api_world *world,
                                         const struct api_request *request, struct http_exchange *exchange,
                                         struct error *err);
bool export_task_running(const struct export_task *task);
/* It ends soon after, with ERR_BUSY as its answer. */
void export_task_stop(struct export_task *task);
void export_task_close(struct export_task *task);

/* {"kind": TEXT, "rows": INT}, or null. */
json_t *export_task_value(const struct export_task *task);

#endif
