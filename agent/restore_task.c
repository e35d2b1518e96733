#include "agent/restore_task.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

static void nothing(void *context, enum err_code rc, const struct error *err)
{
    (void)context;
    (void)rc;
    (void)err;
}

void restore_task_init(struct restore_task *task, uv_loop_t *loop, const char *path, void (*changed)(void *context),
                       void *context)
{
    *task = (struct restore_task){ .loop = loop, .path = path, .changed = changed, .context = context };
    CHECK(uv_timer_init(loop, &task->timer) == 0);
    task->timer.data = task;
    task->work.data = task;
}

/* Back to IDLE; what was made of a replica is taken away unless it was kept. */
static void finish(struct restore_task *task)
{
    CHECK(uv_timer_stop(&task->timer) == 0);
    restore_free(task->restore);
    backup_read_free(task->reader);
    secret_free(&task->secret);
    task->restore = NULL;
    task->reader = NULL;
    task->state = RESTORE_IDLE;
    task->cancelled = false;
    task->undo = false;
}

static void on_patience_over(uv_timer_t *timer)
{
    struct restore_task *task = timer->data;
    LOG_WARNING("restore_given_up", "state=%d", (int)task->state);
    finish(task);
}

static void wait_for_client(struct restore_task *task, uint64_t patience_ms)
{
    CHECK(uv_timer_start(&task->timer, on_patience_over, patience_ms, 0) == 0);
}

static enum err_code known(const struct restore_task *task, const char *id, enum restore_state state, struct error *err)
{
    if (task->state == RESTORE_IDLE || task->cancelled || strcmp(task->id, id) != 0) {
        return FAIL(err, NOT_FOUND, "go on with the backup: it is not being read (any more); begin again");
    }
    return task->state == state ? ERR_OK : FAIL(err, REFUSED, "go on with the backup: this is not the next step of it");
}

/* ---- its beginning and its key ---- */

enum err_code restore_task_begin(struct restore_task *task, struct slice head, bool check_only, struct error *err)
{
    size_t head_len;
    uint64_t patience_ms = task->state == RESTORE_KEY ? RESTORE_KEY_PATIENCE_MS : RESTORE_PATIENCE_MS;
    bool waits = task->state == RESTORE_KEY || task->state == RESTORE_TAKING;
    if (task->state != RESTORE_IDLE &&
        (!waits || uv_timer_get_due_in(&task->timer) > patience_ms - TASK_TAKE_OVER_MS)) {
        return FAIL(err, BUSY, "read a backup: another one is being read");
    }
    restore_task_cancel(task);
    struct slice look = slice_of(head.data, head.len < BACKUP_HEAD_LOOK ? head.len : BACKUP_HEAD_LOOK);
    TRY(backup_head_length(look, &head_len, err));
    TRY(task_id_make(task->id, err));
    TRY(backup_read_begin(slice_of(head.data, head.len < head_len ? head.len : head_len), &task->reader, err));
    task->state = RESTORE_KEY;
    task->check_only = check_only;
    (void)backup_read_about(task->reader, &task->about);
    wait_for_client(task, RESTORE_KEY_PATIENCE_MS);
    return ERR_OK;
}

static enum err_code unlocked(struct restore_task *task, struct error *err)
{
    if (!task->check_only) {
        TRY(restore_begin(task->path, task->reader, task->counter, clock_wall_ms(), &task->restore, err));
    }
    task->state = RESTORE_TAKING;
    wait_for_client(task, RESTORE_PATIENCE_MS);
    return ERR_OK;
}

enum err_code restore_task_unlock_as(struct restore_task *task, const char *id, const struct vault *vault,
                                     struct error *err)
{
    TRY(known(task, id, RESTORE_KEY, err));
    TRY(backup_read_unlock_as(task->reader, vault, err));
    enum err_code rc = unlocked(task, err);
    if (rc != ERR_OK) {
        finish(task);
    }
    return rc;
}

/* In a thread of the pool. */
static void unlock_job(uv_work_t *work)
{
    struct restore_task *task = work->data;
    struct vault_unlock unlock = { .kind = task->kind, .secret = task->secret.bytes, .secret_len = task->secret.len };
    task->rc = backup_read_unlock(task->reader, &unlock, &task->err);
    secret_drop_stack();
}

static void on_unlock_done(uv_work_t *work, int status)
{
    struct restore_task *task = work->data;
    CHECK(status == 0);
    secret_free(&task->secret);
    restore_done done = task->cancelled ? nothing : task->done;
    if (task->cancelled) {
        finish(task);
    } else if (task->rc == ERR_KEY) {
        (void)FAIL(&task->err, KEY, "open the backup: %s",
                   task->kind == VAULT_SLOT_PASSPHRASE ? "this is not the passphrase that it was made under"
                                                       : "this key does not open it");
        task->state = RESTORE_KEY;
        wait_for_client(task, RESTORE_KEY_PATIENCE_MS);
    } else {
        task->rc = task->rc == ERR_OK ? unlocked(task, &task->err) : task->rc;
        if (task->rc != ERR_OK) {
            finish(task);
        }
    }
    done(task->done_context, task->rc, &task->err);
    task->changed(task->context);
}

static void start_job(struct restore_task *task, enum restore_state state, uv_work_cb job, uv_after_work_cb after)
{
    CHECK(uv_timer_stop(&task->timer) == 0);
    task->state = state;
    task->err = (struct error){ 0 };
    CHECK(uv_queue_work(task->loop, &task->work, job, after) == 0);
}

enum err_code restore_task_unlock(struct restore_task *task, const char *id, enum vault_slot_kind kind,
                                  struct secret *secret, restore_done done, void *done_context, struct error *err)
{
    enum err_code rc = known(task, id, RESTORE_KEY, err);
    if (rc != ERR_OK) {
        secret_free(secret);
        return rc;
    }
    task->kind = kind;
    task->secret = *secret;
    *secret = (struct secret){ 0 };
    task->done = done;
    task->done_context = done_context;
    start_job(task, RESTORE_UNLOCKING, unlock_job, on_unlock_done);
    return ERR_OK;
}

/* ---- its pages ---- */

enum err_code restore_task_take(struct restore_task *task, const char *id, struct slice bytes, struct error *err)
{
    TRY(known(task, id, RESTORE_TAKING, err));
    enum err_code rc =
        backup_read_take(task->reader, bytes, task->check_only ? NULL : restore_page, task->restore, err);
    if (rc != ERR_OK) {
        log_error("backup_refused", err);
        finish(task);
        return rc;
    }
    (void)backup_read_about(task->reader, &task->about);
    wait_for_client(task, RESTORE_PATIENCE_MS);
    return ERR_OK;
}

enum err_code restore_task_checked(struct restore_task *task, const char *id, struct error *err)
{
    TRY(known(task, id, RESTORE_TAKING, err));
    if (!task->check_only) {
        return FAIL(err, REFUSED, "go on with the backup: this is not the next step of it");
    }
    enum err_code rc = backup_read_end(task->reader, err);
    finish(task);
    return rc;
}

/* In a thread of the pool: nobody else knows these files. */
static enum err_code seal(struct restore_task *task, struct error *err)
{
    struct store *store = NULL;
    TRY(restore_seal(task->restore, err));
    TRY(store_open(restore_vault(task->restore), &task->store_options, &store, err));
    enum err_code rc = store_restored(store, task->now_ms, err);
    if (rc == ERR_OK) {
        rc = store_audit_add(store, &task->note, 1, err);
    }
    store_close(store);
    return rc;
}

static void seal_job(uv_work_t *work)
{
    struct restore_task *task = work->data;
    task->rc = seal(task, &task->err);
    if (task->rc == ERR_OK) {
        restore_keep(task->restore);
    }
    secret_drop_stack();
}

static void on_seal_done(uv_work_t *work, int status)
{
    struct restore_task *task = work->data;
    CHECK(status == 0);
    bool ready = task->rc == ERR_OK && !task->cancelled;
    if (ready) {
        task->state = RESTORE_READY;
    } else {
        restore_done done = task->cancelled ? nothing : task->done;
        finish(task);
        restore_incoming_remove(task->path);
        if (task->rc != ERR_OK) {
            log_error("restore_failed", &task->err);
        }
        done(task->done_context, task->rc, &task->err);
    }
    task->changed(task->context);
}

enum err_code restore_task_seal(struct restore_task *task, const char *id, const struct store_options *options,
                                const char *actor, restore_done done, void *done_context, struct error *err)
{
    TRY(known(task, id, RESTORE_TAKING, err));
    if (task->check_only) {
        return FAIL(err, REFUSED, "go on with the backup: this is not the next step of it");
    }
    enum err_code rc = backup_read_end(task->reader, err);
    if (rc != ERR_OK) {
        finish(task);
        return rc;
    }
    task->store_options = *options;
    task->now_ms = clock_wall_ms();
    task->note = (struct audit_entry){
        .at_ms = task->now_ms, .action = "change", .call = "POST /v1/restore/end", .kind = "restore"
    };
    (void)snprintf(task->note.person, sizeof(task->note.person), "%s", actor);
    task->done = done;
    task->done_context = done_context;
    start_job(task, RESTORE_SEALING, seal_job, on_seal_done);
    return ERR_OK;
}

/* ---- the exchange ---- */

enum err_code restore_task_undo(struct restore_task *task, restore_done done, void *done_context, struct error *err)
{
    if (task->state != RESTORE_IDLE) {
        return FAIL(err, BUSY, "undo a restore: a backup is being read");
    }
    task->state = RESTORE_READY;
    task->undo = true;
    task->done = done;
    task->done_context = done_context;
    return ERR_OK;
}

bool restore_task_busy(const struct restore_task *task)
{
    return task->state == RESTORE_UNLOCKING || task->state == RESTORE_SEALING;
}

bool restore_task_ending(const struct restore_task *task)
{
    return task->state == RESTORE_SEALING || task->state == RESTORE_READY;
}

bool restore_task_ready(const struct restore_task *task)
{
    return task->state == RESTORE_READY;
}

enum err_code restore_task_exchange(struct restore_task *task)
{
    CHECK(task->state == RESTORE_READY);
    int64_t now_ms = clock_wall_ms();
    struct error err = { .code = ERR_OK };
    enum err_code rc = task->undo ? restore_undo(task->path, now_ms, task->kept, &err)
                                  : restore_swap(task->path, now_ms, task->kept, &err);
    if (rc != ERR_OK) {
        log_error("restore_failed", &err);
    }
    finish(task);
    task->done(task->done_context, rc, &err);
    return rc;
}

/* ---- the end ---- */

void restore_task_cancel(struct restore_task *task)
{
    if (restore_task_busy(task)) {
        task->cancelled = true;
    } else if (task->state != RESTORE_IDLE && task->state != RESTORE_READY) {
        LOG_WARNING("restore_given_up", "state=%d", (int)task->state);
        finish(task);
    }
}

enum err_code restore_task_cancel_id(struct restore_task *task, const char *id, struct error *err)
{
    if (task->state == RESTORE_IDLE || task->state == RESTORE_READY || strcmp(task->id, id) != 0) {
        return FAIL(err, NOT_FOUND, "give the backup up: it is not being read (any more)");
    }
    restore_task_cancel(task);
    return ERR_OK;
}

void restore_task_close(struct restore_task *task)
{
    CHECK(!restore_task_busy(task));
    finish(task);
    uv_close((uv_handle_t *)&task->timer, NULL);
}

json_t *restore_task_value(const struct restore_task *task)
{
    if (task->state == RESTORE_IDLE || task->undo) {
        return json_null();
    }
    return json_pack("{s:I,s:I,s:b}", "pages_done", (json_int_t)task->about.pages_done, "pages",
                     (json_int_t)task->about.pages, "check", task->check_only);
}
