#include "agent/reading_task.h"

#include <stdio.h>
#include <string.h>

#include "crypto/secret.h"

static const char *const argument_names[] = { "format", "from", "to" };

/* ---- the request, kept ---- */

static void keep_arguments(const struct api_request *request, struct reading_arguments *ret_arguments)
{
    *ret_arguments = (struct reading_arguments){ 0 };
    for (size_t i = 0; i < ARRAY_LEN(argument_names); i++) {
        const char *text = request->query != NULL ? request->query(request->query_context, argument_names[i]) : NULL;
        ret_arguments->given[i] = text != NULL;
        (void)snprintf(ret_arguments->text[i], READING_ARGUMENT_SIZE, "%s", text != NULL ? text : "");
    }
}

static const char *kept_argument(const void *context, const char *name)
{
    const struct reading_arguments *arguments = context;
    for (size_t i = 0; i < ARRAY_LEN(argument_names); i++) {
        if (strcmp(argument_names[i], name) == 0) {
            return arguments->given[i] ? arguments->text[i] : NULL;
        }
    }
    return NULL;
}

static const char *kind_of(const struct reading_task *task)
{
    const char *slash = strrchr(task->path, '/');
    return slash != NULL ? slash + 1 : task->path;
}

/* ---- in a thread of the pool ---- */

static void answer_call(uv_work_t *work)
{
    struct reading_task *task = work->data;
    struct api_request request = { .method = task->posts ? "POST" : "GET",
                                   .path = task->path,
                                   .body = task->body,
                                   .query = kept_argument,
                                   .query_context = &task->arguments };
    api_call_run(&task->world, &request, &task->answer);
    secret_drop_stack();
}

/* ---- on the loop ---- */

static void on_answered(uv_work_t *work, int status)
{
    struct reading_task *task = work->data;
    CHECK(status == 0); /* never cancelled */
    CHECK(uv_timer_stop(&task->timer) == 0);
    store_close(task->world.store);
    task->running = false;
    if (atomic_load(&task->progress.stop)) {
        struct error stopped; /* by a lock: a client that has gone hears nothing */
        (void)FAIL(&stopped, LOCKED, "%s: the replica was locked meanwhile; nothing of it is to be used", task->name);
        api_answer_error(&task->answer, &stopped);
        buf_clear(&task->answer.notes); /* it shows nothing */
    }
    task->done(task->context, task->exchange, &task->answer);
}

static void on_look(uv_timer_t *timer)
{
    struct reading_task *task = timer->data;
    if (http_gone(task->exchange)) {
        reading_task_stop(task);
    } else {
        task->look(task->context);
    }
}

void reading_task_init(struct reading_task *task, const char *name, uv_loop_t *loop, reading_task_done done,
                       void (*look)(void *context), void *context)
{
    *task = (struct reading_task){ .name = name, .done = done, .look = look, .context = context };
    CHECK(uv_timer_init(loop, &task->timer) == 0);
    task->timer.data = task;
    task->work.data = task;
}

enum err_code reading_task_start(struct reading_task *task, const struct api_world *world,
                                 const struct api_request *request, struct http_exchange *exchange, struct error *err)
{
    if (task->running) {
        return FAIL(err, BUSY, "%s: another one is under way; `holdfast status` says how far it is; try again later",
                    task->name);
    }
    if (strlen(request->path) >= sizeof(task->path)) {
        return FAIL(err, NOT_FOUND, "%s: there is no such kind of record", task->name);
    }
    struct store *reader;
    atomic_store(&task->progress.stop, false);
    atomic_store(&task->rows, 0);
    TRY(store_open_reader(world->store, &task->progress, &reader, err));
    task->world = *world;
    task->world.store = reader;
    task->world.actor = task->actor;
    task->world.rows = &task->rows;
    (void)snprintf(task->actor, sizeof(task->actor), "%s", world->actor);
    (void)snprintf(task->path, sizeof(task->path), "%s", request->path);
    task->posts = strcmp(request->method, "POST") == 0;
    task->body = request->body;
    keep_arguments(request, &task->arguments);
    api_answer_init(&task->answer);
    task->exchange = exchange;
    task->running = true;
    CHECK(uv_timer_start(&task->timer, on_look, READING_LOOK_MS, READING_LOOK_MS) == 0);
    CHECK(uv_queue_work(task->timer.loop, &task->work, answer_call, on_answered) == 0);
    return ERR_OK;
}

bool reading_task_running(const struct reading_task *task)
{
    return task->running;
}

uint64_t reading_task_got(const struct reading_task *task)
{
    return atomic_load(&task->progress.looks) + atomic_load(&task->progress.done) + atomic_load(&task->rows);
}

void reading_task_stop(struct reading_task *task)
{
    atomic_store(&task->progress.stop, true);
}

void reading_task_close(struct reading_task *task)
{
    CHECK(!task->running);
    uv_close((uv_handle_t *)&task->timer, NULL);
}

json_t *reading_task_export_value(const struct reading_task *task)
{
    return !task->running ? json_null()
                          : json_pack("{s:s,s:I}", "kind", kind_of(task), "rows", (json_int_t)atomic_load(&task->rows));
}

json_t *reading_task_verify_value(const struct reading_task *task)
{
    uint64_t total = atomic_load(&task->progress.total);
    uint64_t done = atomic_load(&task->progress.done);
    return !task->running ? json_null() : json_pack("{s:I,s:I}", "done", (json_int_t)done, "total", (json_int_t)total);
}
