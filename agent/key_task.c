#include "agent/key_task.h"

#include "crypto/secret.h"

/* In a thread of the pool. */
static void run(uv_work_t *work)
{
    struct key_task *task = work->data;
    vault_slot_job_run(task->job);
    secret_drop_stack();
}

static void on_run(uv_work_t *work, int status)
{
    struct key_task *task = work->data;
    CHECK(status == 0); /* never cancelled */
    struct vault_slot_job *job = task->job;
    task->job = NULL;
    task->done(task->context, job);
}

bool key_task_running(const struct key_task *task)
{
    return task->job != NULL;
}

enum err_code key_task_start(struct key_task *task, uv_loop_t *loop, struct vault *vault,
                             const struct vault_slot_change *change, struct error *err)
{
    if (key_task_running(task)) {
        return FAIL(err, BUSY, "change the keys: another change is under way; try again in a moment");
    }
    TRY(vault_slot_job_new(vault, change, &task->job, err));
    task->work.data = task;
    CHECK(uv_queue_work(loop, &task->work, run, on_run) == 0);
    return ERR_OK;
}
