/* From the options to a loop that runs, and what the loop tells the agent; agent.c says what comes of it. */
#include "agent/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "agent/agent_parts.h"
#include "agent/import/table.h"
#include "agent/peer.h"
#include "base/clock.h"
#include "base/file.h"

#define DATABASE_NAME "replica.db"
#define BACKUP_NOTE_NAME "last-backup.json"
#define LOCK_NAME "holdfastd.lock"
#define CONNECTIONS_MAX 64
#define IDLE_TIMEOUT_S 30 /* of a connection that neither sends nor waits for an answer */
#define PACK_MAX ((size_t)1024 * 1024)
#define SOCKET_MODE 0660

/* ---- what the loop tells ---- */

static void on_part_changed(void *context)
{
    agent_step(context);
}

static void on_idle(void *context)
{
    agent_idle_over(context);
}

static void on_signal(uv_signal_t *signal, int number)
{
    struct agent *agent = signal->data;
    LOG_INFO("stop_asked", "signal=%d", number);
    agent->stop_asked = true;
    agent_step(agent);
}

/* Midnight, or somebody set the clock: flags depend on the day, and the next try on the time. */
static void on_day_changed(void *context)
{
    struct agent *agent = context;
    agent_data_changed(agent, false);
    link_policy_look(agent->link_policy);
    if (agent->state == AGENT_OPEN && agent->driver != NULL) {
        exchange_driver_wake(agent->driver, CLIENT_WAKE_NETWORK);
    }
}

static void on_network(void *context)
{
    struct agent *agent = context;
    link_policy_look(agent->link_policy);
    if (agent->state == AGENT_OPEN && agent->driver != NULL) {
        exchange_driver_wake(agent->driver, CLIENT_WAKE_NETWORK);
    }
}

static void on_watchdog(uv_timer_t *timer)
{
    (void)timer;
    (void)sd_notify(0, "WATCHDOG=1");
}

/* ---- start ---- */

/* flock(2) goes with the process, however it ends. */
static enum err_code take_state_lock(struct agent *agent, struct error *err)
{
    char path[PATH_MAX + 32];
    (void)snprintf(path, sizeof(path), "%s/" LOCK_NAME, agent->options->state_dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return error_errno(err, "open '%s'", path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        bool other = errno == EWOULDBLOCK;
        enum err_code rc = other ? FAIL(err, BUSY,
                                        "use state folder '%s': another holdfastd uses it already; stop that one or "
                                        "give each its own --state-dir",
                                        agent->options->state_dir)
                                 : error_errno(err, "lock '%s'", path);
        (void)close(fd);
        return rc;
    }
    agent->lock_fd = fd;
    return ERR_OK;
}

static enum err_code load_programme(struct agent *agent, struct error *err)
{
    if (agent->options->programme[0] == '\0') {
        agent->programme = programme_default();
        return ERR_OK;
    }
    SCOPED(buf_fini) struct buf text;
    buf_init(&text, PACK_MAX);
    enum err_code rc = file_read(agent->options->programme, &text, err);
    if (rc == ERR_OK) {
        rc = programme_load(buf_slice(&text), &agent->own_programme, err);
    }
    if (rc != ERR_OK) {
        return error_wrap(err, ERR_CONFIG, "read programme pack '%s'", agent->options->programme);
    }
    agent->programme = agent->own_programme;
    return ERR_OK;
}

static enum err_code prepare(struct agent *agent, struct error *err)
{
    TRY(peer_group(agent->options->group, &agent->group, err));
    TRY(sign_ins_init(&agent->sign_ins, err));
    TRY(load_programme(agent, err));
    TRY(link_use_proxy(&agent->options->link, err));
    TRY(folder_ensure(agent->options->state_dir, err));
    TRY(take_state_lock(agent, err));
    (void)snprintf(agent->vault_path, sizeof(agent->vault_path), "%s/" DATABASE_NAME, agent->options->state_dir);
    (void)snprintf(agent->backup_note_path, sizeof(agent->backup_note_path), "%s/" BACKUP_NOTE_NAME,
                   agent->options->state_dir);
    return restore_swap_recover(agent->vault_path, err);
}

static enum err_code start_server(struct agent *agent, struct error *err)
{
    struct http_server_options options = { .unix_path = agent->options->socket,
                                           .unix_mode = SOCKET_MODE,
                                           .body_max = TABLE_FILE_BYTES_MAX,
                                           .connections_max = CONNECTIONS_MAX,
                                           .idle_timeout_s = IDLE_TIMEOUT_S,
                                           .handler = api_server_handle,
                                           .context = agent };
    TRY(http_server_start(&agent->loop, &options, &agent->server, err));
    if (agent->group != PEER_NO_GROUP && chown(agent->options->socket, (uid_t)-1, agent->group) != 0) {
        return error_errno(err, "give the socket to group '%s'", agent->options->group);
    }
    return ERR_OK;
}

static void start_timers(struct agent *agent)
{
    waiters_init(agent);
    CHECK(uv_signal_init(&agent->loop, &agent->terminate) == 0);
    CHECK(uv_signal_init(&agent->loop, &agent->interrupt) == 0);
    CHECK(uv_timer_init(&agent->loop, &agent->watchdog) == 0);
    CHECK(uv_timer_init(&agent->loop, &agent->gather) == 0);
    backup_task_init(&agent->backup, &agent->loop, NULL, NULL);
    reading_task_init(&agent->export, "export", &agent->loop, api_data_done, api_reading_awaited, agent);
    reading_task_init(&agent->verify, "verify", &agent->loop, api_data_done, api_reading_awaited, agent);
    passphrase_task_init(&agent->passphrases, &agent->loop, on_part_changed, agent);
    vault_check_init(&agent->check, &agent->loop, agent->vault_path, on_part_changed, agent);
    restore_task_init(&agent->restore, &agent->loop, agent->vault_path, on_part_changed, agent);
    agent->gather.data = agent;
    agent->terminate.data = agent;
    agent->interrupt.data = agent;
    CHECK(uv_signal_start(&agent->terminate, on_signal, SIGTERM) == 0);
    CHECK(uv_signal_start(&agent->interrupt, on_signal, SIGINT) == 0);
    uint64_t usec = 0;
    if (sd_watchdog_enabled(0, &usec) > 0) {
        uint64_t every_ms = usec / 2000;
        CHECK(uv_timer_start(&agent->watchdog, on_watchdog, every_ms, every_ms) == 0);
    }
}

static enum err_code start_parts(struct agent *agent, struct error *err)
{
    TRY(link_policy_start(&agent->loop, &agent->options->link, agent_link_changed, agent, &agent->link_policy, err));
    TRY(day_watch_start(&agent->day, &agent->loop, on_day_changed, agent, err));
    int64_t lock_after_ms = (int64_t)agent->options->lock_after_minutes * 60000;
    TRY(idle_lock_start(&agent->idle, &agent->loop, lock_after_ms, on_idle, agent, err));
    TRY(link_sense_start(&agent->loop, on_network, agent, &agent->link, err));
    return start_server(agent, err);
}

static enum err_code run(struct agent *agent, struct error *err)
{
    CHECK(uv_loop_init(&agent->loop) == 0);
    lockbox_init(&agent->lockbox, &agent->loop, agent->vault_path);
    agent->lockbox.tpm = agent->options->tpm;
    agent->lockbox.tpm_tcti = agent->options->tpm_tcti;
    enrolment_init(&agent->enrolment, &agent->loop);
    start_timers(agent);
    enum err_code rc = start_parts(agent, err);
    if (rc == ERR_OK) {
        LOG_INFO("agent_started", "version=%s socket=\"%s\"", HOLDFAST_VERSION, agent->options->socket);
        (void)sd_notify(0, "READY=1");
        agent_unlock_by_key_file(agent);
    } else {
        agent->stop_asked = true;
        agent_step(agent);
    }
    (void)uv_run(&agent->loop, UV_RUN_DEFAULT);
    CHECK(agent->state == AGENT_STOPPED);
    enrolment_fini(&agent->enrolment);
    CHECK(uv_loop_close(&agent->loop) == 0);
    return rc;
}

enum err_code agent_run(const struct agent_options *options, struct error *err)
{
    struct agent *agent = calloc(1, sizeof(*agent));
    if (agent == NULL) {
        return FAIL(err, NO_MEMORY, "start the agent");
    }
    agent->options = options;
    agent->lock_fd = -1;
    agent->day.fd = -1;
    agent->idle.fd = -1;
    agent->locked_at_ms = clock_wall_ms();
    enum err_code rc = prepare(agent, err);
    if (rc == ERR_OK) {
        rc = run(agent, err);
    }
    late_notes_forget(&agent->late_notes);
    programme_free(agent->own_programme);
    scoped_close(&agent->lock_fd);
    free(agent);
    return rc;
}
