/* Calls about a look at everything that the vault has on the disk; API.md says what each takes and gives. */
#include "agent/api_backup.h"
#include "agent/secret_json.h"

static enum err_code nothing_in(const json_t *body, struct error *err)
{
    static const char *const known[] = { NULL };
    struct members members = members_begin(body, known, err);
    return members_end(&members);
}

enum err_code api_vault_check(struct agent *agent, const struct http_request *request, const json_t *body,
                              struct error *err)
{
    TRY(nothing_in(body, err));
    api_send_object(request->exchange, vault_check_value(&agent->check));
    return ERR_OK;
}

/* A closed replica: with a secret, or the agent's own key file. */
static enum err_code start_closed(struct agent *agent, struct typed_secret *typed, struct error *err)
{
    if (agent->state != AGENT_LOCKED || restore_task_ready(&agent->restore)) {
        return FAIL(err, BUSY, "check the vault: it is just being opened or closed; try again in a moment");
    }
    if (typed->secret.bytes == NULL && agent->options->key_file[0] == '\0') {
        return FAIL(err, LOCKED, "check the vault: it is locked; unlock it, or give what opens it");
    }
    if (typed->secret.bytes == NULL) {
        typed->kind = VAULT_SLOT_KEY_FILE;
        TRY(lockbox_key_file(&agent->lockbox, agent->options->key_file, false, &typed->secret, err));
    }
    return vault_check_start_closed(&agent->check, typed->kind, &typed->secret, err);
}

enum err_code api_vault_check_start(struct agent *agent, const struct http_request *request, const json_t *body,
                                    struct error *err)
{
    static const char *const known[] = { SECRET_MEMBERS, NULL };
    struct members members = members_begin(body, known, err);
    SCOPED(typed_secret_free) struct typed_secret typed = { 0 };
    TRY(secret_members_take(&members, &typed, err));
    TRY(agent->state == AGENT_OPEN ? vault_check_start(&agent->check, agent->lockbox.vault, err)
                                   : start_closed(agent, &typed, err));
    api_send_object(request->exchange, vault_check_value(&agent->check));
    return ERR_OK;
}

enum err_code api_vault_check_stop(struct agent *agent, const struct http_request *request, const json_t *body,
                                   struct error *err)
{
    TRY(nothing_in(body, err));
    vault_check_stop(&agent->check);
    api_send_object(request->exchange, vault_check_value(&agent->check));
    return ERR_OK;
}
