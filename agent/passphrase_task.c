#include "agent/passphrase_task.h"

void passphrase_task_init(struct passphrase_task *task, uv_loop_t *loop, void (*changed)(void *context), void *context)
{
    *task = (struct passphrase_task){ .loop = loop, .changed = changed, .context = context };
    task->work.data = task;
}

/* In a thread of the pool. */
static void run(uv_work_t *work)
{
    struct passphrase_task *task = work->data;
    struct passphrase_job *job = task->running;
    task->rc = person_proof_derive(&job->proof, slice_of(job->passphrase.bytes, job->passphrase.len), &job->derived,
                                   &task->err);
    secret_drop_stack();
}

static void on_run(uv_work_t *work, int status);

static void start(struct passphrase_task *task, struct passphrase_job *job)
{
    task->running = job;
    task->cancelled = false;
    task->err = (struct error){ 0 };
    CHECK(uv_queue_work(task->loop, &task->work, run, on_run) == 0);
}

static struct passphrase_job *take_first(struct passphrase_task *task)
{
    struct passphrase_job *job = task->first;
    if (job != NULL) {
        task->first = job->next;
        task->waiting--;
    }
    return job;
}

static void on_run(uv_work_t *work, int status)
{
    struct passphrase_task *task = work->data;
    struct passphrase_job *job = task->running;
    enum err_code rc = task->rc;
    struct error err = task->err;
    CHECK(status == 0); /* never cancelled in the pool */
    if (task->cancelled) {
        rc = FAIL(&err, LOCKED, "look at the passphrase: the replica was locked meanwhile");
    }
    task->running = NULL;
    struct passphrase_job *next = take_first(task);
    if (next != NULL) {
        start(task, next);
    }
    secret_free(&job->passphrase);
    job->done(job, rc, &err);
    if (!passphrase_task_running(task)) {
        task->changed(task->context);
    }
}

enum err_code passphrase_task_add(struct passphrase_task *task, struct passphrase_job *job, struct error *err)
{
    if (task->running == NULL) {
        start(task, job);
        return ERR_OK;
    }
    if (task->waiting >= PASSPHRASE_WAITING_MAX) {
        return FAIL(err, BUSY, "look at the passphrase: too many others are being looked at; try again in a moment");
    }
    struct passphrase_job **end = &task->first;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    job->next = NULL;
    *end = job;
    task->waiting++;
    return ERR_OK;
}

void passphrase_task_cancel(struct passphrase_task *task)
{
    struct error err;
    (void)FAIL(&err, LOCKED, "look at the passphrase: the replica was locked meanwhile");
    task->cancelled = true;
    for (struct passphrase_job *job = take_first(task); job != NULL; job = take_first(task)) {
        secret_free(&job->passphrase);
        job->done(job, ERR_LOCKED, &err);
    }
}

bool passphrase_task_running(const struct passphrase_task *task)
{
    return task->running != NULL;
}
