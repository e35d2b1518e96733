/* From a secret, or another programme pack, to a replica that is open. */
#include <stdio.h>
#include <string.h>

#include "agent/agent_parts.h"
#include "agent/secret_json.h"
#include "base/clock.h"
#include "store/packs.h"

/* By which way, and what came of it ("": it is open); in the audit log as soon as that can be written. */
static void note_unlock(struct agent *agent, const char *outcome)
{
    struct audit_entry *note = &agent->unlocking;
    size_t len = strlen(note->fields);
    (void)snprintf(note->fields + len, sizeof(note->fields) - len, "%s", outcome);
    late_notes_add(&agent->late_notes, note);
    if (agent->store != NULL) {
        late_notes_keep(&agent->late_notes, agent->store);
    }
}

const struct programme *agent_programme(const struct agent *agent)
{
    return agent->state == AGENT_OPEN ? store_programme(agent->store) : agent->programme;
}

static void stay_locked(struct agent *agent, const struct error *why)
{
    agent_enter_locked(agent);
    waiters_answer_error(agent, WAITING_UNLOCK, why);
    agent_step(agent);
}

static void unlock_failed(struct agent *agent)
{
    log_error("unlock_failed", &agent->lock_error);
    stay_locked(agent, &agent->lock_error);
}

static void unlock_given_up(struct agent *agent)
{
    struct error why;
    (void)FAIL(&why, LOCKED, "unlock: it was given up, because a lock or a stop was asked for meanwhile");
    agent->lock_error = (struct error){ 0 };
    note_unlock(agent, ", given up");
    stay_locked(agent, &why);
}

static void start_parts(struct agent *agent)
{
    agent->lock_error = (struct error){ 0 };
    agent->trouble = (struct error){ 0 };
    agent_enter(agent, AGENT_OPEN);
    agent->unseen = false;
    flags_pass_init(&agent->flags, &agent->loop, agent->store, agent_pack_due, agent);
    if (agent->behind > 0) {
        flags_pass_rest(&agent->flags, agent->behind);
    }
    flags_pass_wake(&agent->flags);
    rekey_pass_init(&agent->rekey, &agent->loop, agent->lockbox.vault);
    agent_start_exchange(agent);
}

static void on_prepared(void *context, const struct open_outcome *outcome)
{
    struct agent *agent = context;
    bool unlocked = !agent->to_prepare; /* not open before */
    agent->to_prepare = false;
    agent->store = outcome->store;
    if (outcome->stopped) {
        unlock_given_up(agent);
        return;
    }
    if (outcome->rc != ERR_OK) {
        agent->lock_error = outcome->err;
        note_unlock(agent, ", failed");
        unlock_failed(agent);
        return;
    }
    if (unlocked) {
        note_unlock(agent, "");
        idle_lock_touch(&agent->idle);
    }
    agent->behind = !outcome->behind ? 0 : unlocked ? 1 : agent->behind + 1;
    start_parts(agent);
    waiters_answer_status(agent, WAITING_UNLOCK);
    waiters_wake(agent);
    alone_end(agent);
    agent_step(agent);
}

void agent_prepare(struct agent *agent)
{
    struct store_options options = { .cache_kib = agent->options->cache_kib, .programme = agent->programme };
    agent->opening.done = on_prepared;
    agent->opening.context = agent;
    open_task_start(&agent->opening, &agent->loop, agent->lockbox.vault, &options, agent->store);
    agent_enter(agent, AGENT_PREPARING);
}

bool agent_is_preparing(const struct agent *agent)
{
    return agent->state == AGENT_PREPARING || (agent->state == AGENT_CLOSING && agent->to_prepare);
}

bool agent_makes_tables(const struct agent *agent)
{
    return agent->to_prepare || atomic_load(&agent->opening.progress.total) > 0;
}

static void on_unlocked(void *context, enum err_code rc, const struct error *failure)
{
    struct agent *agent = context;
    agent->lock_error = *failure;
    if (rc == ERR_OK && agent->accept_files) {
        rc = vault_adopt_freshness(agent->lockbox.vault, &agent->lock_error);
        CHECK(rc == ERR_OK); /* nothing has it open yet */
    }
    agent->accept_files = false;
    if (rc != ERR_OK) {
        note_unlock(agent, rc == ERR_KEY ? ", refused" : ", failed");
        unlock_failed(agent);
        return;
    }
    agent_prepare(agent);
    agent_step(agent);
}

enum err_code agent_unlock(struct agent *agent, enum vault_slot_kind kind, struct secret *secret, bool create,
                           struct error *err)
{
    enum err_code rc = vault_check_running(&agent->check)
                           ? FAIL(err, BUSY, "unlock: the vault is just being checked; wait for it or stop it")
                           : restore_swap_resume(agent->vault_path, err);
    if (rc != ERR_OK) {
        secret_free(secret);
        return rc;
    }
    TRY(lockbox_open(&agent->lockbox, kind, secret, create, on_unlocked, agent, err));
    agent->unlocking = (struct audit_entry){ .at_ms = clock_wall_ms(), .action = "unlock", .kind = "vault" };
    (void)snprintf(agent->unlocking.person, sizeof(agent->unlocking.person), "%s", agent->asking);
    (void)snprintf(agent->unlocking.fields, sizeof(agent->unlocking.fields), "%s%s", slot_kind_name(kind),
                   create ? ", new" : "");
    agent_enter(agent, AGENT_UNLOCKING);
    return ERR_OK;
}

/* A key file that does not serve leaves the agent running and locked: status says why. */
void agent_unlock_by_key_file(struct agent *agent)
{
    if (agent->options->key_file[0] == '\0') {
        return;
    }
    SCOPED(secret_free) struct secret key = { 0 };
    struct error *err = &agent->lock_error;
    (void)snprintf(agent->asking, sizeof(agent->asking), "holdfastd");
    enum err_code rc =
        lockbox_key_file(&agent->lockbox, agent->options->key_file, agent->options->may_make_key_file, &key, err);
    if (rc == ERR_OK) {
        rc = agent_unlock(agent, VAULT_SLOT_KEY_FILE, &key, !vault_exists(agent->vault_path), err);
    }
    if (rc != ERR_OK) {
        log_error("unlock_failed", err);
    }
}
