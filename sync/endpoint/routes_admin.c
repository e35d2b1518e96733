/*
 * What the operator may ask on the unix socket: POST /v1/admin/OPERATION with a JSON object.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "sync/bundle.h"
#include "sync/endpoint/endpoint.h"

#define PREFIX "/v1/admin/"
#define JSON "application/json"
#define PIECE_MAX (BUNDLE_MESSAGE_MAX + BUNDLE_PIECE_MAX) /* of an answer in bytes, the longer one */
#define ARGUMENTS_MAX (768 * 1024)                        /* a programme pack, as a text of JSON */

static void answer_json(const struct http_request *request, int status, const json_t *json)
{
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    if (text == NULL) {
        http_answer(request->exchange, 500, JSON,
                    slice_of_text("{\"error\": {\"code\": \"no_memory\", \"message\": \"\"}}"), NULL);
        return;
    }
    http_answer(request->exchange, status, JSON, slice_of_text(text), NULL);
    free(text);
}

static void answer_error(struct endpoint *endpoint, const struct http_request *request, int status,
                         const struct error *err)
{
    json_t *json = json_pack("{s:{s:s, s:s}}", "error", "code", err_code_name(err->code), "message", err->message);
    answer_json(request, status, json);
    json_decref(json);
    if (status >= 500) {
        endpoint_failed(endpoint, "operation_failed", err);
    }
}

static enum err_code read_arguments(const struct http_request *request, json_t **ret_arguments, struct error *err)
{
    json_error_t problem;
    if (request->body.len == 0) {
        return ERR_OK;
    }
    if (request->body.len > ARGUMENTS_MAX) {
        return FAIL(err, LIMIT, "read the arguments: at most %d bytes", ARGUMENTS_MAX);
    }
    *ret_arguments = json_loadb((const char *)request->body.data, request->body.len, JSON_REJECT_DUPLICATES, &problem);
    return *ret_arguments != NULL ? ERR_OK
                                  : FAIL(err, INVALID, "read the arguments: not JSON at byte %d", problem.position);
}

/* What only the running endpoint knows. */
static void add_serving(const struct endpoint *endpoint, const char *operation, json_t *answer)
{
    if (strcmp(operation, "info") == 0) {
        (void)json_object_set_new(answer, "listening", json_string(endpoint->address));
        (void)json_object_set_new(answer, "pid", json_integer(getpid()));
    }
    if (strcmp(operation, "info") == 0 || strcmp(operation, "code-new") == 0) {
        (void)json_object_set_new(answer, "url", json_string(endpoint->url));
    }
}

/* The authority's operations replace keys that a bundle on its way uses. */
static void drop_bundle_for(struct endpoint *endpoint, const char *operation)
{
    if (strncmp(operation, "ca-", strlen("ca-")) == 0) {
        endpoint_bundle_drop(&endpoint->bundle);
    }
}

/* Wrong codes in files are borne as those from one address are: files have one of their own, which nobody connects
 * from. */
static const uint8_t by_file[STRANGERS_ADDRESS_BYTES];

static enum err_code ask_centre(struct endpoint *endpoint, const char *operation, const json_t *arguments,
                                json_t **ret_answer, struct error *err)
{
    if (strcmp(operation, "enrolment-sign") != 0) {
        return centre_admin(endpoint->centre, operation, arguments, clock_wall_ms(), ret_answer, err);
    }
    unsigned wait_s = strangers_wait_s(&endpoint->strangers, by_file, clock_monotonic_ms());
    if (wait_s > 0) {
        return FAIL(err, BUSY, "enrol: too many requests with a wrong code were tried; wait %u minutes",
                    (wait_s + 59) / 60);
    }
    enum err_code rc = centre_admin(endpoint->centre, operation, arguments, clock_wall_ms(), ret_answer, err);
    if (rc == ERR_REFUSED) {
        strangers_was_wrong(&endpoint->strangers, by_file, clock_monotonic_ms());
        LOG_WARNING("enrolment_code_wrong", "all=%u", endpoint->strangers.all.wrong);
    }
    return rc;
}

static enum err_code run(struct endpoint *endpoint, const struct http_request *request, json_t **ret_answer,
                         struct error *err)
{
    json_t *arguments = NULL;
    const char *operation = request->path + strlen(PREFIX);
    TRY(read_arguments(request, &arguments, err));
    drop_bundle_for(endpoint, operation);
    enum err_code rc = ask_centre(endpoint, operation, arguments, ret_answer, err);
    json_decref(arguments);
    if (rc == ERR_OK) {
        add_serving(endpoint, operation, *ret_answer);
    }
    endpoint_refresh(endpoint);
    return rc;
}

/* A device that was revoked is not kept waiting on a connection that was opened before: it is told. */
static void let_revoked_go(struct endpoint *endpoint, const json_t *answer)
{
    uint8_t device[DEVICE_ID_BYTES];
    const char *digits = json_string_value(json_object_get(answer, "id"));
    if (json_is_string(json_object_get(answer, "revoked_at")) && digits != NULL &&
        hex_decode(digits, device, sizeof(device))) {
        waiting_drop(endpoint->waiting, device);
    }
}

static int status_of(enum err_code code)
{
    return code == ERR_REFUSED ? 409 : centre_status_of(code);
}

void routes_admin(void *context, const struct http_request *request)
{
    struct endpoint *endpoint = context;
    struct error err = { 0 };
    json_t *answer = NULL;
    if (!request->peer_known || (request->peer_uid != geteuid() && request->peer_uid != 0)) {
        (void)FAIL(&err, REFUSED, "only the service's own user and root may ask this");
        answer_error(endpoint, request, 403, &err);
        return;
    }
    if (strncmp(request->path, PREFIX, strlen(PREFIX)) != 0) {
        (void)FAIL(&err, NOT_FOUND, "there is nothing here");
        answer_error(endpoint, request, 404, &err);
        return;
    }
    if (strcmp(request->method, "POST") != 0) {
        (void)FAIL(&err, INVALID, "use POST");
        answer_error(endpoint, request, 405, &err);
        return;
    }
    SCOPED(buf_fini) struct buf bytes;
    buf_init(&bytes, PIECE_MAX);
    enum err_code rc = routes_bundle_knows(request->path)   ? routes_bundle(endpoint, request, &bytes, &answer, &err)
                       : routes_backup_knows(request->path) ? routes_backup(endpoint, request, &bytes, &answer, &err)
                                                            : run(endpoint, request, &answer, &err);
    if (rc == ERR_OK && answer == NULL) {
        http_answer(request->exchange, 200, "application/octet-stream", buf_slice(&bytes), NULL);
    } else if (rc == ERR_OK) {
        answer_json(request, 200, answer);
    } else {
        answer_error(endpoint, request, status_of(rc), &err);
    }
    let_revoked_go(endpoint, answer);
    json_decref(answer);
    waiting_look(endpoint->waiting);
    endpoint_erase(endpoint);
}
