#include "agent/agent.h"

#include <malloc.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "agent/agent_parts.h"
#include "base/clock.h"

#define GATHER_MS 200          /* from the first new record to the exchange that carries it and those made meanwhile */
#define CATCH_UP_LOOK_MS 5000  /* flags are never further behind a long catch-up than this */
#define GATHER_OFFLINE_MS 2000 /* the same after a try that failed: each try reads what waits once more */

static void log_state(const struct agent *agent)
{
    static const char *const names[] = { "locked", "unlocking", "preparing", "open", "closing", "stopping", "stopped" };
    LOG_INFO("state_changed", "state=%s", names[agent->state]);
    (void)sd_notifyf(0, "STATUS=%s", names[agent->state]);
}

void agent_enter(struct agent *agent, enum agent_state state)
{
    agent->state = state;
    log_state(agent);
}

void agent_enter_locked(struct agent *agent)
{
    lockbox_close(&agent->lockbox);
    secret_drop_stack();
    (void)malloc_trim(0);
    agent_enter(agent, AGENT_LOCKED);
}

/* ---- OPEN ---- */

static void on_gathered(uv_timer_t *timer)
{
    struct agent *agent = timer->data;
    if (agent->state == AGENT_OPEN && agent->driver != NULL) {
        exchange_driver_wake(agent->driver, CLIENT_WAKE_NEW_OPS);
    }
}

/* Also while the next try is under way: what is recorded meanwhile goes with that, or waits. */
static uint64_t gather_ms(const struct agent *agent)
{
    struct client_status status;
    exchange_driver_status(agent->driver, &status);
    return status.last.happened && status.last.result != ERR_OK ? GATHER_OFFLINE_MS : GATHER_MS;
}

/* What came about people whom this device erased goes on the same decision; true when that was recorded. */
static bool erase_late(struct agent *agent)
{
    uint64_t records = 0;
    bool scrubbed;
    struct error err;
    if (store_erase_late(agent->store, clock_wall_ms(), &records, &err) != ERR_OK ||
        store_scrub(agent->store, &scrubbed, &err) != ERR_OK) {
        log_error("erase_failed", &err); /* again after the next exchange */
    }
    return records > 0;
}

void agent_data_changed(struct agent *agent, bool recorded_here)
{
    if (agent->state != AGENT_OPEN) {
        return;
    }
    recorded_here |= !recorded_here && erase_late(agent);
    flags_pass_wake(&agent->flags);
    if (recorded_here && agent->driver != NULL && !uv_is_active((uv_handle_t *)&agent->gather)) {
        CHECK(uv_timer_start(&agent->gather, on_gathered, gather_ms(agent), 0) == 0);
    }
}

/* More pages of a catch-up are on their way: they would have the same placements looked at again. */
static bool may_wait(const struct agent *agent)
{
    struct client_status status;
    if (agent->driver == NULL || uv_now(&agent->loop) - agent->unseen_since_ms > CATCH_UP_LOOK_MS) {
        return false;
    }
    exchange_driver_status(agent->driver, &status);
    return status.state == CLIENT_EXCHANGING && status.to_fetch > 0;
}

static void on_exchange_changed(void *context, bool new_ops)
{
    struct agent *agent = context;
    if (new_ops && !agent->unseen) {
        agent->unseen = true;
        agent->unseen_since_ms = uv_now(&agent->loop);
    }
    if (agent->unseen && !may_wait(agent)) {
        agent->unseen = false;
        agent_data_changed(agent, false);
    }
    waiters_wake(agent);
    renewal_look(agent);
}

void agent_link_changed(void *context)
{
    struct agent *agent = context;
    if (agent->driver != NULL) {
        exchange_driver_allow_waiting(agent->driver, link_policy_may_wait(agent->link_policy));
    }
}

void agent_start_exchange(struct agent *agent)
{
    struct error *err = &agent->driver_error;
    *err = (struct error){ 0 };
    store_identity_fini(&agent->identity);
    agent->identity = (struct store_identity){ 0 };
    if (store_identity_read(agent->store, &agent->identity, err) != ERR_OK) {
        log_error("identity_unreadable", err);
        return;
    }
    secret_free(&agent->identity.key_pkcs8); /* the driver has its own */
    renewal_read(&agent->renewal, buf_slice(&agent->identity.certificate));
    if (agent->identity.enrolled &&
        exchange_driver_start(&agent->loop, agent->store, on_exchange_changed, agent, &agent->driver, err) != ERR_OK) {
        log_error("exchange_not_started", err);
    }
    agent_link_changed(agent);
}

static void on_old_driver_stopped(void *context)
{
    struct agent *agent = context;
    agent->drivers_leaving--;
    agent_step(agent);
}

void agent_restart_exchange(struct agent *agent)
{
    if (agent->driver != NULL) {
        bundle_task_cancel(&agent->bundle);
        agent->drivers_leaving++;
        exchange_driver_stop(agent->driver, on_old_driver_stopped, agent);
        agent->driver = NULL;
    }
    agent_start_exchange(agent);
}

/* ---- CLOSING ---- */

void agent_lock(struct agent *agent, enum lock_reason reason)
{
    agent->lock_asked = true;
    agent->lock_reason = reason;
    agent_step(agent);
}

static bool works_long(const struct agent *agent)
{
    return reading_task_running(&agent->export) || reading_task_running(&agent->verify) ||
           backup_task_running(&agent->backup) || vault_check_running(&agent->check);
}

static uint64_t work_got(const struct agent *agent)
{
    return reading_task_got(&agent->export) + reading_task_got(&agent->verify) + backup_task_got(&agent->backup) +
           vault_check_got(&agent->check);
}

/* Work by itself or for a person is use, too, as long as it gets on. */
static bool put_off_lock(struct agent *agent)
{
    if (idle_lock_slept(&agent->idle)) {
        return false;
    }
    if (agent_is_preparing(agent)) {
        idle_lock_touch(&agent->idle);
        return true;
    }
    if (!works_long(agent)) {
        return false;
    }
    bool gets_on = idle_lock_put_off(&agent->idle, work_got(agent));
    if (!gets_on) {
        LOG_WARNING("work_stands_still", "minutes=%d", IDLE_STILL_MS / 60000);
    }
    return gets_on;
}

void agent_idle_over(struct agent *agent)
{
    if (agent->state != AGENT_OPEN && !agent_is_preparing(agent)) {
        return;
    }
    if (put_off_lock(agent)) {
        return;
    }
    LOG_INFO("lock_due", "idle_minutes=%d", agent->options->lock_after_minutes);
    agent_lock(agent, LOCK_IDLE);
}

static void on_part_stopped(void *context)
{
    struct agent *agent = context;
    agent->stopping_parts--;
    agent_step(agent);
}

static void on_driver_stopped(void *context)
{
    struct agent *agent = context;
    agent->driver = NULL;
    on_part_stopped(agent);
}

/* What uses the store by itself. */
static void stop_parts(struct agent *agent)
{
    agent_enter(agent, AGENT_CLOSING);
    agent->stopping_parts = 2;
    flags_pass_stop(&agent->flags, on_part_stopped, agent);
    rekey_pass_stop(&agent->rekey, on_part_stopped, agent);
    if (agent->driver != NULL) {
        agent->stopping_parts++;
        exchange_driver_stop(agent->driver, on_driver_stopped, agent);
    }
}

/* An enrolment that runs is cancelled; agent_step is called again when it has told so. */
static void begin_closing(struct agent *agent)
{
    struct error locked;
    (void)FAIL(&locked, LOCKED, "wait: the replica was locked meanwhile");
    sign_ins_end_all(&agent->sign_ins);
    passphrase_task_cancel(&agent->passphrases);
    backup_task_cancel(&agent->backup);
    bundle_task_cancel(&agent->bundle);
    reading_task_stop(&agent->export);
    reading_task_stop(&agent->verify);
    if (!restore_task_ending(&agent->restore)) {
        api_restore_cut(agent, &locked);
        restore_task_cancel(&agent->restore);
    }
    idle_lock_rest(&agent->idle);
    waiters_answer_error(agent, WAITING_SYNC, &locked);
    stop_parts(agent);
    enrolment_cancel(&agent->enrolment);
}

/* Of the pool, or on the way out: they use the store or its vault, or come back to them. */
static bool jobs_run(const struct agent *agent)
{
    return enrolment_running(&agent->enrolment) || agent->drivers_leaving > 0 || restore_task_busy(&agent->restore) ||
           key_task_running(&agent->keys) || vault_check_running(&agent->check) ||
           passphrase_task_running(&agent->passphrases) || reading_task_running(&agent->export) ||
           reading_task_running(&agent->verify);
}

bool agent_may_prepare(const struct agent *agent)
{
    return agent->state == AGENT_OPEN && !jobs_run(agent) && !backup_task_running(&agent->backup) &&
           agent->restore.state == RESTORE_IDLE && !bundle_task_running(&agent->bundle);
}

void agent_begin_preparing(struct agent *agent)
{
    agent->to_prepare = true;
    bundle_task_cancel(&agent->bundle);
    stop_parts(agent);
}

/* The pass over the flags asks again. */
void agent_pack_due(void *context)
{
    struct agent *agent = context;
    if (agent_may_prepare(agent)) {
        agent_begin_preparing(agent);
    }
}

static void finish_closing(struct agent *agent)
{
    store_close(agent->store);
    agent->store = NULL;
    store_identity_fini(&agent->identity);
    agent->identity = (struct store_identity){ 0 };
    agent->locked_at_ms = clock_wall_ms();
    agent_enter_locked(agent);
}

/* ---- STOPPING ---- */

static void on_server_stopped(void *context)
{
    struct agent *agent = context;
    agent->server = NULL;
}

static void on_idle_stopped(void *context)
{
    (void)context;
}

static void on_day_stopped(void *context)
{
    struct agent *agent = context;
    agent->day.fd = -1;
}

static void begin_stopping(struct agent *agent)
{
    struct error stopping;
    (void)FAIL(&stopping, BUSY, "wait: the agent is stopping");
    agent_enter(agent, AGENT_STOPPING);
    (void)sd_notify(0, "STOPPING=1");
    for (int waiting = WAITING_UNLOCK; waiting <= WAITING_SYNC; waiting++) {
        waiters_answer_error(agent, (enum waiting)waiting, &stopping);
    }
    if (agent->server != NULL) {
        http_server_stop(agent->server, on_server_stopped, agent);
    }
    if (agent->day.fd >= 0) {
        day_watch_stop(&agent->day, on_day_stopped);
    }
    (void)idle_lock_stop(&agent->idle, on_idle_stopped);
    link_sense_stop(agent->link);
    link_policy_stop(agent->link_policy);
    uv_close((uv_handle_t *)&agent->terminate, NULL);
    uv_close((uv_handle_t *)&agent->interrupt, NULL);
    uv_close((uv_handle_t *)&agent->waiters_timer, NULL);
    uv_close((uv_handle_t *)&agent->watchdog, NULL);
    uv_close((uv_handle_t *)&agent->gather, NULL);
    backup_task_close(&agent->backup);
    reading_task_close(&agent->export);
    reading_task_close(&agent->verify);
    api_restore_cut(agent, &stopping);
    restore_task_close(&agent->restore);
    agent_enter(agent, AGENT_STOPPED); /* uv_run returns when the last handle is closed */
}

/* ---- what was restored ---- */

/* The replica is closed. A key file opens the other one, too; else a person does. */
static void exchange_replica(struct agent *agent)
{
    bool stay_locked = agent->stop_asked || agent->lock_asked;
    agent->lock_error = (struct error){ 0 };
    enum err_code rc = restore_task_exchange(&agent->restore);
    /* a person put these files here: a TPM's counter, which knows the others, starts with them anew */
    agent->accept_files = rc == ERR_OK && agent->options->tpm != LOCKBOX_TPM_OFF;
    if (rc == ERR_OK && !stay_locked) {
        agent_unlock_by_key_file(agent);
    }
}

void agent_step(struct agent *agent)
{
    bool leave = agent->stop_asked || agent->lock_asked || restore_task_ready(&agent->restore);
    if (leave) {
        vault_check_stop(&agent->check);
    }
    if (agent->state == AGENT_OPEN && leave) {
        begin_closing(agent);
    }
    bool jobs = jobs_run(agent);
    bool closed = agent->state == AGENT_CLOSING && agent->stopping_parts == 0 && !jobs;
    if (closed && agent->to_prepare) {
        agent_prepare(agent);
    } else if (closed) {
        finish_closing(agent);
    }
    if (agent->state == AGENT_PREPARING && leave) {
        open_task_stop(&agent->opening); /* it comes by OPEN, or LOCKED, to the rest */
    }
    if (agent->state != AGENT_LOCKED) {
        return;
    }
    if (restore_task_ready(&agent->restore) && !jobs) {
        exchange_replica(agent);
    }
    if (agent->lock_asked) {
        agent->lock_asked = false;
        waiters_answer_status(agent, WAITING_LOCK);
    }
    if (agent->stop_asked && !jobs) {
        begin_stopping(agent);
    }
}
