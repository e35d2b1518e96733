#include "agent/open_task.h"

#include "base/clock.h"
#include "base/log.h"
#include "crypto/secret.h"
#include "store/packs.h"

/* ---- in a thread of the pool ---- */

static enum err_code open_store(struct open_task *task, struct open_outcome *outcome)
{
    return outcome->store != NULL ? ERR_OK : store_open(task->vault, &task->options, &outcome->store, &outcome->err);
}

static void prepare(uv_work_t *work)
{
    struct open_task *task = work->data;
    struct open_outcome *outcome = &task->outcome;
    struct error err;
    bool scrubbed;
    outcome->rc = open_store(task, outcome);
    if (outcome->rc == ERR_OK && task->also != NULL) {
        task->also(task->also_context, outcome->store);
    }
    if (outcome->rc == ERR_OK && store_scrub(outcome->store, &scrubbed, &err) != ERR_OK) {
        log_error("scrub_failed", &err);
    }
    if (outcome->rc == ERR_OK && store_pack_settle(outcome->store, clock_today(clock_wall_ms()), &err) != ERR_OK) {
        outcome->behind = true;
        if (!atomic_load(&task->progress.stop)) {
            log_error("pack_settle_failed", &err);
        }
    }
    outcome->stopped = outcome->rc == ERR_BUSY && atomic_load(&task->progress.stop);
    secret_drop_stack();
}

/* ---- on the loop ---- */

static void on_prepared(uv_work_t *work, int status)
{
    struct open_task *task = work->data;
    CHECK(status == 0); /* never cancelled */
    task->running = false;
    task->done(task->context, &task->outcome);
}

void open_task_start(struct open_task *task, uv_loop_t *loop, struct vault *vault, const struct store_options *options,
                     struct store *store)
{
    CHECK(!task->running);
    task->running = true;
    task->vault = vault;
    task->options = *options;
    task->options.progress = &task->progress;
    task->outcome = (struct open_outcome){ .store = store };
    atomic_store(&task->progress.stop, false);
    task->work.data = task;
    CHECK(uv_queue_work(loop, &task->work, prepare, on_prepared) == 0);
}

void open_task_stop(struct open_task *task)
{
    atomic_store(&task->progress.stop, true);
}

json_t *open_task_value(const struct open_task *task)
{
    uint64_t total = atomic_load(&task->progress.total);
    uint64_t done = atomic_load(&task->progress.done);
    return total == 0 ? json_null()
                      : json_pack("{s:I,s:I}", "records_done", (json_int_t)done, "records_total", (json_int_t)total);
}
