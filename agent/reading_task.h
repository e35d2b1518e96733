/*
 * agent/reading_task - a call that reads so much that a thread of the pool answers it, from a second view of the
 * replica as it was when it began (store_open_reader), while the loop goes on with everything else: an export, or a
 * verify.
 *
 *   IDLE ── reading_task_start ──► RUNNING (pool) ── answered, failed or stopped ──► done(answer) ──► IDLE
 *                                   └ stop: reading_task_stop, or the client has gone (looked at every READING_LOOK_MS)
 *
 * Ownership:  the caller owns the struct; reading_task_close before the loop ends, the task being IDLE by then.
 * Threads:    the loop's.
 * Limits:     one at a time of each struct. The write-ahead log only grows while it runs, which the limits of an export
 *             bound (agent/spool.h; a workbook's rows), and the time that a verify takes.
 */
#ifndef AGENT_READING_TASK_H
#define AGENT_READING_TASK_H

#include <uv.h>

#include "agent/api.h"
#include "sync/edge/http_server.h"

#define READING_LOOK_MS 100
#define READING_PATH_SIZE 80
#define READING_ARGUMENT_SIZE 16 /* a format or a day; a longer one is neither */

/* Releases the answer (api_answer_fini). */
typedef void (*reading_task_done)(void *context, struct http_exchange *exchange, struct api_answer *answer);

struct reading_arguments {
    bool given[3];
    char text[3][READING_ARGUMENT_SIZE];
};

struct reading_task {
    const char *name; /* begins its messages */
    uv_work_t work;
    uv_timer_t timer;
    bool running;
    struct store_progress progress; /* of the view */
    atomic_uint_least64_t rows;
    struct http_exchange *exchange;
    struct api_world world; /* its store is the reader */
    struct api_answer answer;
    char actor[OP_ACTOR_MAX + 1];
    char path[READING_PATH_SIZE];
    bool posts;
    struct slice body; /* of the request that waits */
    struct reading_arguments arguments;
    reading_task_done done;
    void (*look)(void *context);
    void *context;
};

/* `look` is called now and then while one is RUNNING: somebody waits for it. */
void reading_task_init(struct reading_task *task, const char *name, uv_loop_t *loop, reading_task_done done,
                       void (*look)(void *context), void *context);

/* ERR_BUSY: another one is RUNNING. What `world` and `request` point to is copied, or outlives the task. */
MUST_USE enum err_code reading_task_start(struct reading_task *task, const struct api_world *world,
                                          const struct api_request *request, struct http_exchange *exchange,
                                          struct error *err);
bool reading_task_running(const struct reading_task *task);
/* Grows while one that is RUNNING gets on. */
uint64_t reading_task_got(const struct reading_task *task);
/* It ends soon after, with ERR_LOCKED as its answer. */
void reading_task_stop(struct reading_task *task);
void reading_task_close(struct reading_task *task);

/* Of an export {"kind": TEXT, "rows": INT}, of a verify {"done": INT, "total": INT}, or null. */
json_t *reading_task_export_value(const struct reading_task *task);
json_t *reading_task_verify_value(const struct reading_task *task);

#endif
