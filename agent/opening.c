/* From a secret, or another programme pack, to a replica that is open. */
#include <stdio.h>
#include <string.h>

#include "agent/agent_parts.h"
#include "agent/secret_json.h"
#include "base/clock.h"
#include "store/packs.h"

/* By which way, and what came of it; in the audit log as soon as that can be written. */
static void note_unlock(struct agent *agent, enum err_code rc)
{
    struct audit_entry *note = &agent->unlocking;
    size_t len = strlen(note->fields);
    if (rc != ERR_OK) {
        (void)snprintf(note->fields + len, sizeof(note->fields) - len, rc == ERR_KEY ? ", refused" : ", failed");
    }
    late_notes_add(&agent->late_notes, note);
    if (rc == ERR_OK) {
        late_notes_keep(&agent->late_notes, agent->store);
    }
}

const struct programme *agent_programme(const struct agent *agent)
{
    return agent->state == AGENT_OPEN ? store_programme(agent->store) : agent->programme;
}

static void stay_locked(struct agent *agent)
{
    log_error("unlock_failed", &agent->lock_error);
    agent_enter(agent, AGENT_LOCKED);
    waiters_answer_error(agent, WAITING_UNLOCK, &agent->lock_error);
    agent_step(agent);
}

static void start_parts(struct agent *agent, bool behind)
{
    agent->lock_error = (struct error){ 0 };
    agent->trouble = (struct error){ 0 };
    agent_enter(agent, AGENT_OPEN);
    idle_lock_touch(&agent->idle);
    agent->unseen = false;
    flags_pass_init(&agent->flags, &agent->loop, agent->store, agent_pack_due, agent);
    if (behind) {
        flags_pass_rest(&agent->flags);
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
    if (unlocked) {
        note_unlock(agent, outcome->rc);
    }
    if (outcome->rc != ERR_OK) {
        agent->lock_error = outcome->err;
        lockbox_close(&agent->lockbox);
        stay_locked(agent);
        return;
    }
    start_parts(agent, outcome->behind);
    waiters_answer_status(agent, WAITING_UNLOCK);
    waiters_wake(agent);
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
        note_unlock(agent, rc);
        stay_locked(agent);
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
