/* The call that begins a re-key of the vault; how far it is is in the status. */
#include <string.h>

#include "agent/agent_parts.h"
#include "agent/api_call.h"

static enum err_code begin(struct agent *agent, const struct http_request *request, struct error *err)
{
    static const char *const known[] = { NULL };
    if (strcmp(request->method, "POST") != 0) {
        return FAIL(err, INVALID, "call the path: not with this method");
    }
    if (agent->state != AGENT_OPEN) {
        return FAIL(err, LOCKED, "use the replica: it is locked; unlock it with `holdfast unlock`");
    }
    json_t *body;
    TRY(body_parse(request->body, &body, err));
    struct members members = members_begin(body, known, err);
    enum err_code rc = members_end(&members);
    json_decref(body);
    TRY(rc);
    TRY(rekey_pass_begin(&agent->rekey, err));
    LOG_INFO("rekey_asked", "pages=%u", agent->rekey.progress.pages_total);
    api_send_object(request->exchange, json_pack("{s:o}", "rekey", rekey_pass_value(&agent->rekey)));
    return ERR_OK;
}

bool api_rekey_call(struct agent *agent, const struct http_request *request)
{
    if (strcmp(request->path, "/v1/vault/rekey") != 0) {
        return false;
    }
    struct error err = { .code = ERR_OK };
    enum err_code rc = begin(agent, request, &err);
    if (rc != ERR_OK) {
        err.code = rc;
        api_send_error(request->exchange, &err);
    }
    return true;
}
