/* Calls about the running service: version, status, unlock, lock, enrol, sync. Some are answered later. */
#include <string.h>

#include "agent/agent_parts.h"
#include "agent/secret_json.h"
#include "base/clock.h"

#define API_VERSION 1
#define SYNC_TIMEOUT_S 60
#define SYNC_TIMEOUT_MAX_S 600

/* ERR_OK: answered, or a waiter was added. `body` is the parsed object. */
typedef enum err_code (*service_handler)(struct agent *agent, struct http_exchange *exchange, const json_t *body,
                                         struct error *err);

enum err_code api_need_open(const struct agent *agent, struct error *err)
{
    return agent->state == AGENT_OPEN
               ? ERR_OK
               : FAIL(err, LOCKED, "use the replica: it is locked; unlock it with `holdfast unlock`");
}

static enum err_code get_version(struct agent *agent, struct http_exchange *exchange, const json_t *body,
                                 struct error *err)
{
    (void)body;
    (void)err;
    api_send_object(exchange, json_pack("{s:s,s:i,s:{s:s,s:i}}", "version", HOLDFAST_VERSION, "api", API_VERSION,
                                        "programme", "id", programme_id(agent_programme(agent)), "version",
                                        programme_version(agent_programme(agent))));
    return ERR_OK;
}

static enum err_code get_status(struct agent *agent, struct http_exchange *exchange, const json_t *body,
                                struct error *err)
{
    (void)body;
    (void)err;
    if (agent->state == AGENT_OPEN) {
        flags_pass_slice(&agent->flags);
    }
    api_send_object(exchange, status_value(agent));
    return ERR_OK;
}

/* ---- unlock, lock ---- */

/* Without one in the request: the agent's own key file. */
static enum err_code own_key_file(struct agent *agent, struct typed_secret *ret_typed, struct error *err)
{
    if (agent->options->key_file[0] == '\0') {
        return FAIL(err, INVALID, "read member 'passphrase': expected a text: this agent has no key file");
    }
    ret_typed->kind = VAULT_SLOT_KEY_FILE;
    return lockbox_key_file(&agent->lockbox, agent->options->key_file, agent->options->may_make_key_file,
                            &ret_typed->secret, err);
}

static enum err_code post_unlock(struct agent *agent, struct http_exchange *exchange, const json_t *body,
                                 struct error *err)
{
    static const char *const known[] = { SECRET_MEMBERS, "create", "accept_files", NULL };
    struct members members = members_begin(body, known, err);
    SCOPED(typed_secret_free) struct typed_secret typed = { 0 };
    bool create = member_bool(&members, "create", false);
    bool accept_files = member_bool(&members, "accept_files", false);
    TRY(secret_members_take(&members, &typed, err));
    if (create && typed.secret.bytes != NULL && typed.kind != VAULT_SLOT_PASSPHRASE &&
        typed.kind != VAULT_SLOT_KEY_FILE) {
        return FAIL(err, INVALID, "make a new replica: expected a passphrase or a key file");
    }
    if (agent->state == AGENT_OPEN && !create) {
        api_send_object(exchange, status_value(agent));
        return ERR_OK;
    }
    if (agent->state == AGENT_OPEN) {
        return FAIL(err, CONFLICT, "make a new replica: there is one already");
    }
    if (agent->state != AGENT_LOCKED) {
        return FAIL(err, BUSY, "unlock: the agent is just unlocking or locking; try again in a moment");
    }
    if (typed.secret.bytes == NULL) {
        TRY(own_key_file(agent, &typed, err));
    }
    TRY(agent_unlock(agent, typed.kind, &typed.secret, create, err));
    agent->accept_files = accept_files;
    return waiters_add(agent, WAITING_UNLOCK, exchange, 0, err);
}

static enum err_code post_lock(struct agent *agent, struct http_exchange *exchange, const json_t *body,
                               struct error *err)
{
    static const char *const known[] = { NULL };
    struct members members = members_begin(body, known, err);
    TRY(members_end(&members));
    if (agent->state == AGENT_LOCKED) {
        api_send_object(exchange, status_value(agent));
        return ERR_OK;
    }
    TRY(waiters_add(agent, WAITING_LOCK, exchange, 0, err));
    agent_lock(agent, LOCK_ASKED);
    return ERR_OK;
}

/* ---- sync ---- */

static enum err_code post_sync(struct agent *agent, struct http_exchange *exchange, const json_t *body,
                               struct error *err)
{
    static const char *const known[] = { "wait", "timeout_s", NULL };
    struct members members = members_begin(body, known, err);
    int64_t timeout_s = SYNC_TIMEOUT_S;
    bool wait = member_bool(&members, "wait", false);
    (void)member_int(&members, "timeout_s", 1, SYNC_TIMEOUT_MAX_S, false, &timeout_s);
    TRY(members_end(&members));
    TRY(api_need_open(agent, err));
    if (agent->driver == NULL) {
        return agent->identity.enrolled
                   ? error_set(err, agent->driver_error.code, "exchange: %s", agent->driver_error.message)
                   : FAIL(err, NOT_ENROLLED, "exchange: this device is not enrolled yet; see `holdfast enrol`");
    }
    if (!exchange_driver_has_address(agent->driver)) {
        return FAIL(err, REFUSED,
                    "exchange: this device has no address of a centre; it exchanges by files: `holdfast bundle export "
                    "FILE`, and `holdfast bundle import FILE` with the centre's answer");
    }
    exchange_driver_wake(agent->driver, CLIENT_WAKE_PERSON);
    if (wait) {
        return waiters_add(agent, WAITING_SYNC, exchange, timeout_s * 1000, err);
    }
    api_send_object(exchange, status_value(agent));
    return ERR_OK;
}

/* ---- routes ---- */

static const struct {
    const char *method;
    const char *path;
    service_handler handle;
} routes[] = {
    { "GET", "/v1/version", get_version },
    { "GET", "/v1/status", get_status },
    { "POST", "/v1/unlock", post_unlock },
    { "POST", "/v1/lock", post_lock },
    { "POST", "/v1/enrol", api_enrol },
    { "POST", "/v1/enrol/request", api_enrol_request },
    { "POST", "/v1/enrol/answer", api_enrol_answer },
    { "POST", "/v1/sync", post_sync },
};

/* The passphrase and the code stay no longer than they must. */
static void wipe(const struct http_request *request)
{
    if (request->body.len > 0) {
        secret_wipe((void *)(uintptr_t)request->body.data, request->body.len);
    }
}

bool api_service_call(struct agent *agent, const struct http_request *request)
{
    size_t i = 0;
    while (i < ARRAY_LEN(routes) && strcmp(routes[i].path, request->path) != 0) {
        i++;
    }
    if (i == ARRAY_LEN(routes)) {
        return false;
    }
    struct error err = { .code = ERR_OK };
    enum err_code rc = ERR_OK;
    json_t *body = NULL;
    if (strcmp(routes[i].method, request->method) != 0) {
        rc = FAIL(&err, INVALID, "call the path: not with this method");
    } else {
        rc = body_parse(request->body, &body, &err);
    }
    if (rc == ERR_OK) {
        wipe(request);
        rc = routes[i].handle(agent, request->exchange, body, &err);
        json_decref(body);
    }
    if (rc != ERR_OK) {
        err.code = rc;
        api_send_error(request->exchange, &err);
    }
    return true;
}
