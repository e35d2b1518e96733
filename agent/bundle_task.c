#include "agent/bundle_task.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"

void bundle_task_cancel(struct bundle_task *task)
{
    device_bundle_out_free(task->out);
    device_bundle_in_free(task->in);
    *task = (struct bundle_task){ 0 };
}

bool bundle_task_running(const struct bundle_task *task)
{
    bool begun = task->out != NULL || task->in != NULL;
    return begun && clock_monotonic_ms() - task->used_at_ms < TASK_TAKE_OVER_MS;
}

static enum err_code begin(struct bundle_task *task, struct error *err)
{
    if (bundle_task_running(task)) {
        return FAIL(err, BUSY, "begin a bundle: another one is on its way");
    }
    bundle_task_cancel(task);
    task->used_at_ms = clock_monotonic_ms();
    return task_id_make(task->id, err);
}

enum err_code bundle_task_begin_out(struct bundle_task *task, struct client *client, struct error *err)
{
    TRY(begin(task, err));
    return device_bundle_out_begin(client, clock_wall_ms(), &task->out, err);
}

enum err_code bundle_task_begin_in(struct bundle_task *task, struct client *client, struct error *err)
{
    TRY(begin(task, err));
    return device_bundle_in_new(client, &task->in, err);
}

static enum err_code known(struct bundle_task *task, bool running, const char *id, struct error *err)
{
    if (!running || id == NULL || strcmp(task->id, id) != 0) {
        return FAIL(err, NOT_FOUND, "go on with the bundle: it is not on its way (any more); begin again");
    }
    task->used_at_ms = clock_monotonic_ms();
    return ERR_OK;
}

enum err_code bundle_task_next(struct bundle_task *task, const char *id, struct buf *out, struct error *err)
{
    TRY(known(task, task->out != NULL, id, err));
    if (task->complete) {
        return ERR_OK;
    }
    enum err_code rc = device_bundle_out_next(task->out, out, &task->complete, err);
    if (rc != ERR_OK) {
        log_error("bundle_not_written", err);
        bundle_task_cancel(task);
    }
    return rc;
}

enum err_code bundle_task_put(struct bundle_task *task, const char *id, struct slice piece,
                              struct device_bundle_taken *ret_taken, struct error *err)
{
    TRY(known(task, task->in != NULL, id, err));
    enum err_code rc = device_bundle_in_put(task->in, piece, err);
    device_bundle_in_taken(task->in, ret_taken);
    if (rc != ERR_OK) {
        log_error("bundle_not_taken", err);
        bundle_task_cancel(task);
    }
    return rc;
}

enum err_code bundle_task_end_out(struct bundle_task *task, const char *id, uint64_t *ret_ops, bool *ret_complete,
                                  struct error *err)
{
    TRY(known(task, task->out != NULL, id, err));
    *ret_ops = device_bundle_out_ops(task->out);
    *ret_complete = task->complete;
    bundle_task_cancel(task);
    return ERR_OK;
}

enum err_code bundle_task_end_in(struct bundle_task *task, const char *id, struct device_bundle_taken *ret_taken,
                                 struct error *err)
{
    TRY(known(task, task->in != NULL, id, err));
    enum err_code rc = device_bundle_in_finish(task->in, err);
    device_bundle_in_taken(task->in, ret_taken);
    bundle_task_cancel(task);
    return rc;
}
