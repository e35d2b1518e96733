#include "agent/export_task.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "crypto/secret.h"

static const char *const argument_names[] = { "format", "from", "to" };

/* ---- the request, kept ---- */

static void keep_arguments(const struct api_request *request, struct export_arguments *ret_arguments)
{
    *ret_arguments = (struct export_arguments){ 0 };
    for (size_t i = 0; i < ARRAY_LEN(argument_names); i++) {
        const char *text = request->query != NULL ? request->query(request->query_context, argument_names[i]) : NULL;
        ret_arguments->given[i] = text != NULL;
        (void)snprintf(ret_arguments->text[i], EXPORT_ARGUMENT_SIZE, "%s", text != NULL ? text : "");
    }
}

static const char *kept_argument(const void *context, const char *name)
{
    const struct export_arguments *arguments = context;
    for (size_t i = 0; i < ARRAY_LEN(argument_names); i++) {
        if (strcmp(argument_names[i], name) == 0) {
            return arguments->given[i] ? arguments->text[i] : NULL;
        }
    }
    return NULL;
}

static const char *kind_of(const struct export_task *task)
{
    const char *slash = strrchr(task->path, '/');
    return slash != NULL ? slash + 1 : task->path;
}

/* ---- in a thread of the pool ---- */

static void write_export(uv_work_t *work)
{
    struct export_task *task = work->data;
    struct api_request request = {
        .method = "GET", .path = task->path, .query = kept_argument, .query_context = &task->arguments
    };
    api_call_run(&task->world, &request, &task->answer);
    secret_drop_stack();
}

/* ---- on the loop ---- */

static void on_written(uv_work_t *work, int status)
{
    struct export_task *task = work->data;
    CHECK(status == 0); /* never cancelled */
    CHECK(uv_timer_stop(&task->timer) == 0);
    store_close(task->world.store);
    task->running = false;
    if (atomic_load(&task->progress.stop)) {
        struct error stopped;
        (void)FAIL(&stopped, BUSY, "export: it was stopped; nothing of it is to be used");
        api_answer_error(&task->answer, &stopped);
        buf_clear(&task->answer.notes); /* it shows nothing */
    }
    task->done(task->context, task->exchange, &task->answer);
}

static void on_look(uv_timer_t *timer)
{
    struct export_task *task = timer->data;
    if (http_gone(task->exchange)) {
        export_task_stop(task);
    } else {
        task->look(task->context);
    }
}

void export_task_init(struct export_task *task, uv_loop_t *loop, export_task_done done, void (*look)(void *context),
                      void *context)
{
    *task = (struct export_task){ .done = done, .look = look, .context = context };
    CHECK(uv_timer_init(loop, &task->timer) == 0);
    task->timer.data = task;
    task->work.data = task;
}

enum err_code export_task_start(struct export_task *task, const struct api_world *world,
                                const struct api_request *request, struct http_exchange *exchange, struct error *err)
{
    if (task->running) {
        return FAIL(err, BUSY, "export: another one is under way (%s, %" PRIu64 " rows so far); try again in a moment",
                    kind_of(task), (uint64_t)atomic_load(&task->rows));
    }
    if (strlen(request->path) >= sizeof(task->path)) {
        return FAIL(err, NOT_FOUND, "export: there is no such kind of record");
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
    keep_arguments(request, &task->arguments);
    api_answer_init(&task->answer);
    task->exchange = exchange;
    task->running = true;
    CHECK(uv_timer_start(&task->timer, on_look, EXPORT_LOOK_MS, EXPORT_LOOK_MS) == 0);
    CHECK(uv_queue_work(task->timer.loop, &task->work, write_export, on_written) == 0);
    return ERR_OK;
}

bool export_task_running(const struct export_task *task)
{
    return task->running;
}

void export_task_stop(struct export_task *task)
{
    atomic_store(&task->progress.stop, true);
}

void export_task_close(struct export_task *task)
{
    CHECK(!task->running);
    uv_close((uv_handle_t *)&task->timer, NULL);
}

json_t *export_task_value(const struct export_task *task)
{
    return !task->running ? json_null()
                          : json_pack("{s:s,s:I}", "kind", kind_of(task), "rows", (json_int_t)atomic_load(&task->rows));
}
