/* Calls about the exchange by files: a bundle out, a bundle in, in pieces; and a person's word on two histories. API.md
 * says what each takes and gives. */
#include <string.h>

#include "agent/agent_parts.h"
#include "agent/api_backup.h"
#include "base/clock.h"
#include "base/log.h"

static json_t *taken_value(const struct device_bundle_taken *taken)
{
    return json_pack("{s:o,s:b,s:I,s:I,s:I,s:b}", "made_at",
                     value_instant(taken->known ? taken->made_at_ms : OP_TIME_NONE), "whole", taken->whole, "messages",
                     (json_int_t)taken->messages, "held", (json_int_t)taken->held, "new_records",
                     (json_int_t)taken->new_ops, "ask_again", taken->ask_again);
}

static enum err_code nothing_in(const json_t *body, struct error *err)
{
    static const char *const known[] = { NULL };
    struct members members = members_begin(body, known, err);
    return members_end(&members);
}

static enum err_code find_client(struct agent *agent, struct client **ret_client, struct error *err)
{
    if (agent->driver == NULL) {
        return agent->identity.enrolled
                   ? error_set(err, agent->driver_error.code, "exchange: %s", agent->driver_error.message)
                   : FAIL(err, NOT_ENROLLED,
                          "exchange by files: this device is not enrolled yet; see `holdfast enrol`");
    }
    *ret_client = exchange_driver_client(agent->driver);
    return ERR_OK;
}

static enum err_code post_export(struct agent *agent, const struct http_request *request, const json_t *body,
                                 struct error *err)
{
    struct client *client = NULL;
    TRY(nothing_in(body, err));
    TRY(find_client(agent, &client, err));
    TRY(bundle_task_begin_out(&agent->bundle, client, err));
    char id[2 * DEVICE_ID_BYTES + 1];
    hex_encode(agent->identity.device, DEVICE_ID_BYTES, id);
    api_send_object(request->exchange, json_pack("{s:s,s:s}", "id", agent->bundle.id, "device", id));
    return ERR_OK;
}

static enum err_code post_export_next(struct agent *agent, const struct http_request *request, const json_t *body,
                                      struct error *err)
{
    const char *id;
    TRY(backup_id_of(body, &id, err));
    struct api_answer answer;
    api_answer_init(&answer);
    enum err_code rc = bundle_task_next(&agent->bundle, id, &answer.body, err);
    if (rc == ERR_OK) {
        answer.content_type = "application/octet-stream";
        api_send(request->exchange, &answer);
    }
    api_answer_fini(&answer);
    return rc;
}

/* The centre takes no bundle of it then. By the centre's clock, as far as it is known. */
static bool certificate_ended(const struct agent *agent)
{
    struct client_status status = { 0 };
    if (agent->driver != NULL) {
        client_status(exchange_driver_client(agent->driver), &status);
    }
    int64_t now_ms = clock_wall_ms() - status.clock_offset_ms;
    return agent->renewal.known && agent->renewal.certificate.not_after_ms <= now_ms;
}

static enum err_code post_export_end(struct agent *agent, const struct http_request *request, const json_t *body,
                                     struct error *err)
{
    const char *id;
    uint64_t ops;
    bool complete;
    TRY(backup_id_of(body, &id, err));
    TRY(bundle_task_end_out(&agent->bundle, id, &ops, &complete, err));
    api_send_object(request->exchange, json_pack("{s:I,s:b,s:b}", "records", (json_int_t)ops, "complete", complete,
                                                 "certificate_ended", certificate_ended(agent)));
    return ERR_OK;
}

static enum err_code post_import(struct agent *agent, const struct http_request *request, const json_t *body,
                                 struct error *err)
{
    struct client *client = NULL;
    TRY(nothing_in(body, err));
    TRY(find_client(agent, &client, err));
    TRY(bundle_task_begin_in(&agent->bundle, client, err));
    api_send_object(request->exchange, json_pack("{s:s}", "id", agent->bundle.id));
    return ERR_OK;
}

static enum err_code post_import_next(struct agent *agent, const struct http_request *request, const json_t *body,
                                      struct error *err)
{
    struct device_bundle_taken taken = { 0 };
    (void)body;
    TRY(bundle_task_put(&agent->bundle, http_query(request, "id"), request->body, &taken, err));
    api_send_object(request->exchange, taken_value(&taken));
    return ERR_OK;
}

static enum err_code post_import_end(struct agent *agent, const struct http_request *request, const json_t *body,
                                     struct error *err)
{
    const char *id;
    struct device_bundle_taken taken = { 0 };
    TRY(backup_id_of(body, &id, err));
    TRY(bundle_task_end_in(&agent->bundle, id, &taken, err));
    api_send_object(request->exchange, taken_value(&taken));
    return ERR_OK;
}

/* ---- two histories ---- */

/* Only where the exchange, or a bundle, stopped for that: otherwise there is nothing to decide. */
static enum err_code post_accept(struct agent *agent, const struct http_request *request, const json_t *body,
                                 struct error *err)
{
    struct client *client = NULL;
    struct client_status status;
    TRY(nothing_in(body, err));
    TRY(find_client(agent, &client, err));
    client_status(client, &status);
    if (status.histories.code == ERR_OK) {
        return FAIL(err, REFUSED,
                    "accept the centre's history: the exchange has not stopped at two histories; nothing was changed");
    }
    TRY(client_accept_history(client, peer_known_actor(&agent->peer, request->peer_uid), err));
    LOG_WARNING("history_accepted", "%s", "");
    api_send_object(request->exchange, json_pack("{s:b}", "accepted", 1));
    return ERR_OK;
}

/* ---- routes ---- */

static const struct {
    const char *path;
    bool raw;
    backup_handler handle;
} routes[] = {
    { "/v1/bundle/export", false, post_export },          { "/v1/bundle/export/next", false, post_export_next },
    { "/v1/bundle/export/end", false, post_export_end },  { "/v1/bundle/import", false, post_import },
    { "/v1/bundle/import/next", true, post_import_next }, { "/v1/bundle/import/end", false, post_import_end },
    { "/v1/history/accept", false, post_accept },
};

static enum err_code call_route(struct agent *agent, size_t route, const struct http_request *request,
                                struct error *err)
{
    if (strcmp(request->method, "POST") != 0) {
        return FAIL(err, INVALID, "call the path: not with this method");
    }
    if (agent->state != AGENT_OPEN) {
        return FAIL(err, LOCKED, "use the replica: it is locked; unlock it with `holdfast unlock`");
    }
    if (routes[route].raw) {
        return routes[route].handle(agent, request, NULL, err);
    }
    json_t *body;
    TRY(body_parse(request->body, &body, err));
    enum err_code rc = routes[route].handle(agent, request, body, err);
    json_decref(body);
    return rc;
}

bool api_bundle_call(struct agent *agent, const struct http_request *request)
{
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (strcmp(routes[i].path, request->path) != 0) {
            continue;
        }
        struct error err = { .code = ERR_OK };
        enum err_code rc = call_route(agent, i, request, &err);
        if (rc != ERR_OK) {
            err.code = rc;
            api_send_error(request->exchange, &err);
        }
        return true;
    }
    return false;
}
