#include "sync/edge/backup_task.h"

#include <string.h>

#include "base/log.h"
#include "crypto/digest.h"

enum err_code task_id_make(char out[TASK_ID_SIZE], struct error *err)
{
    uint8_t bytes[(TASK_ID_SIZE - 1) / 2];
    TRY(random_bytes(bytes, sizeof(bytes), err));
    hex_encode(bytes, sizeof(bytes), out);
    return ERR_OK;
}

void backup_task_init(struct backup_task *task, uv_loop_t *loop, void (*ended)(void *context), void *context)
{
    *task = (struct backup_task){ .ended = ended, .context = context };
    CHECK(uv_timer_init(loop, &task->timer) == 0);
    task->timer.data = task;
}

static void finish(struct backup_task *task)
{
    backup_write_free(task->writer);
    task->writer = NULL;
    CHECK(uv_timer_stop(&task->timer) == 0);
    if (task->ended != NULL) {
        task->ended(task->context);
    }
}

static uint64_t pages_done(const struct backup_task *task)
{
    struct backup_about about;
    (void)backup_write_about(task->writer, &about);
    return about.pages_done;
}

static void on_patience_over(uv_timer_t *timer)
{
    LOG_WARNING("backup_given_up", "idle_ms=%d", BACKUP_PATIENCE_MS);
    finish(timer->data);
}

static void wait_for_client(struct backup_task *task)
{
    CHECK(uv_timer_start(&task->timer, on_patience_over, BACKUP_PATIENCE_MS, 0) == 0);
}

enum err_code backup_task_begin(struct backup_task *task, struct vault *vault, int64_t now_ms, struct error *err)
{
    if (task->writer != NULL && uv_timer_get_due_in(&task->timer) > BACKUP_PATIENCE_MS - TASK_TAKE_OVER_MS) {
        return FAIL(err, BUSY, "begin a backup: another one is running");
    }
    backup_task_cancel(task);
    TRY(task_id_make(task->id, err));
    TRY(backup_write_begin(vault, now_ms, &task->writer, err));
    wait_for_client(task);
    return ERR_OK;
}

static enum err_code known(const struct backup_task *task, const char *id, struct error *err)
{
    return task->writer != NULL && strcmp(task->id, id) == 0
               ? ERR_OK
               : FAIL(err, NOT_FOUND, "go on with the backup: it is not running (any more); begin again");
}

enum err_code backup_task_next(struct backup_task *task, const char *id, struct buf *out, struct error *err)
{
    TRY(known(task, id, err));
    enum err_code rc = backup_write_next(task->writer, BACKUP_PIECE_BYTES, out, err);
    if (rc != ERR_OK) {
        log_error("backup_failed", err);
        finish(task);
        return rc;
    }
    wait_for_client(task);
    return ERR_OK;
}

enum err_code backup_task_end(struct backup_task *task, const char *id, struct backup_about *ret_about,
                              bool *ret_complete, struct error *err)
{
    TRY(known(task, id, err));
    *ret_complete = backup_write_about(task->writer, ret_about);
    finish(task);
    if (*ret_complete) {
        LOG_INFO("backup_made", "pages=%llu bytes=%llu", (unsigned long long)ret_about->pages,
                 (unsigned long long)ret_about->bytes);
    }
    return ERR_OK;
}

bool backup_task_running(const struct backup_task *task)
{
    return task->writer != NULL;
}

uint64_t backup_task_got(const struct backup_task *task)
{
    return task->writer != NULL ? pages_done(task) : 0;
}

void backup_task_cancel(struct backup_task *task)
{
    if (task->writer != NULL) {
        LOG_WARNING("backup_given_up", "pages_done=%llu", (unsigned long long)pages_done(task));
        finish(task);
    }
}

void backup_task_close(struct backup_task *task)
{
    backup_task_cancel(task);
    uv_close((uv_handle_t *)&task->timer, NULL);
}
