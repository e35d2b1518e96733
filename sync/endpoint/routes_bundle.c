/*
 * The exchange by files, for the operator: a bundle in or out in pieces, one at a time.
 *
 *   POST /v1/admin/bundle/export        {"device", "from_start"} ──► {"id", "file", ...}
 *                        /export/next   ?id= ──► bytes; none at the end
 *                        /export/end    ?id= ──► how much of the site is in it
 *   POST /v1/admin/bundle/import        ──► {"id"}
 *                        /import/next   ?id=, bytes ──► {}
 *                        /import/end    ?id= ──► what came of it
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sync/bundle.h"
#include "sync/endpoint/core/admin.h"
#include "sync/endpoint/endpoint.h"

#define PREFIX "/v1/admin/bundle/"
#define BYTES "application/octet-stream"

enum { TAKE_OVER_MS = 10000, DIGITS_SHOWN = 8, FILE_NAME_SIZE = 64 };

void endpoint_bundle_drop(struct endpoint_bundle *bundle)
{
    centre_bundle_out_free(bundle->out);
    centre_bundle_in_free(bundle->in);
    *bundle = (struct endpoint_bundle){ 0 };
}

static enum err_code begin(struct endpoint_bundle *bundle, struct error *err)
{
    uint8_t id[(ENDPOINT_BUNDLE_ID_SIZE - 1) / 2];
    bool running = bundle->out != NULL || bundle->in != NULL;
    if (running && clock_monotonic_ms() - bundle->used_at_ms < TAKE_OVER_MS) {
        return FAIL(err, BUSY, "begin a bundle: another one is on its way; try again in a moment");
    }
    endpoint_bundle_drop(bundle);
    bundle->used_at_ms = clock_monotonic_ms();
    TRY(random_bytes(id, sizeof(id), err));
    hex_encode(id, sizeof(id), bundle->id);
    return ERR_OK;
}

static enum err_code known(struct endpoint_bundle *bundle, bool running, const struct http_request *request,
                           struct error *err)
{
    const char *id = http_query(request, "id");
    if (!running || id == NULL || strcmp(id, bundle->id) != 0) {
        return FAIL(err, NOT_FOUND, "go on with the bundle: it is not on its way (any more); begin again");
    }
    bundle->used_at_ms = clock_monotonic_ms();
    return ERR_OK;
}

static json_t *device_value(const struct centre_device *device)
{
    return json_pack("{s:o,s:s,s:o}", "id", json_hex(device->device, DEVICE_ID_BYTES), "label", device->label, "site",
                     json_site(&device->site));
}

/* ---- out ---- */

static enum err_code read_export(struct endpoint *endpoint, const struct http_request *request, uint8_t *ret_device,
                                 bool *ret_from_start, struct error *err)
{
    json_error_t problem;
    json_t *body = json_loadb((const char *)request->body.data, request->body.len, JSON_REJECT_DUPLICATES, &problem);
    const char *digits = json_string_value(json_object_get(body, "device"));
    *ret_from_start = json_is_true(json_object_get(body, "from_start"));
    enum err_code rc = digits != NULL
                           ? centre_device_of_digits(endpoint->centre, digits, ret_device, err)
                           : FAIL(err, INVALID, "'device': expected the beginning of a device's id, 8 digits or more");
    json_decref(body);
    return rc;
}

static enum err_code post_export(struct endpoint *endpoint, const struct http_request *request, json_t **ret_answer,
                                 struct error *err)
{
    struct endpoint_bundle *bundle = &endpoint->bundle;
    uint8_t device[DEVICE_ID_BYTES];
    char digits[2 * DEVICE_ID_BYTES + 1];
    char file[FILE_NAME_SIZE];
    bool from_start;
    TRY(read_export(endpoint, request, device, &from_start, err));
    TRY(begin(bundle, err));
    TRY(centre_bundle_out_begin(endpoint->centre, device, from_start, clock_wall_ms(), &bundle->out, err));
    hex_encode(device, sizeof(device), digits);
    (void)snprintf(file, sizeof(file), "holdfast-%.*s-from-centre.bundle", DIGITS_SHOWN, digits);
    *ret_answer = json_pack("{s:s,s:s,s:o}", "id", bundle->id, "file", file, "device",
                            device_value(centre_bundle_out_device(bundle->out)));
    return ERR_OK;
}

static enum err_code post_export_next(struct endpoint *endpoint, const struct http_request *request, struct buf *piece,
                                      struct error *err)
{
    struct endpoint_bundle *bundle = &endpoint->bundle;
    TRY(known(bundle, bundle->out != NULL, request, err));
    if (bundle->complete) {
        return ERR_OK;
    }
    enum err_code rc = centre_bundle_out_next(bundle->out, piece, &bundle->complete, err);
    if (rc != ERR_OK) {
        endpoint_bundle_drop(bundle);
    }
    return rc;
}

static enum err_code post_export_end(struct endpoint *endpoint, const struct http_request *request, json_t **ret_answer,
                                     struct error *err)
{
    struct endpoint_bundle *bundle = &endpoint->bundle;
    uint64_t from;
    uint64_t to;
    uint64_t head;
    TRY(known(bundle, bundle->out != NULL, request, err));
    centre_bundle_out_range(bundle->out, &from, &to, &head);
    *ret_answer =
        json_pack("{s:o,s:I,s:I,s:I,s:b}", "device", device_value(centre_bundle_out_device(bundle->out)), "after",
                  (json_int_t)from, "to", (json_int_t)to, "head", (json_int_t)head, "complete", bundle->complete);
    endpoint_bundle_drop(bundle);
    return ERR_OK;
}

/* ---- in ---- */

static enum err_code post_import(struct endpoint *endpoint, const struct http_request *request, json_t **ret_answer,
                                 struct error *err)
{
    struct endpoint_bundle *bundle = &endpoint->bundle;
    (void)request;
    TRY(begin(bundle, err));
    TRY(centre_bundle_in_new(endpoint->centre, &bundle->in, err));
    *ret_answer = json_pack("{s:s}", "id", bundle->id);
    return ERR_OK;
}

static enum err_code post_import_next(struct endpoint *endpoint, const struct http_request *request,
                                      json_t **ret_answer, struct error *err)
{
    struct endpoint_bundle *bundle = &endpoint->bundle;
    TRY(known(bundle, bundle->in != NULL, request, err));
    enum err_code rc = centre_bundle_in_put(bundle->in, request->body, clock_wall_ms(), err);
    waiting_look(endpoint->waiting); /* devices that wait for what it brought */
    if (rc != ERR_OK) {
        endpoint_bundle_drop(bundle);
        return rc;
    }
    *ret_answer = json_object();
    return ERR_OK;
}

static enum err_code post_import_end(struct endpoint *endpoint, const struct http_request *request, json_t **ret_answer,
                                     struct error *err)
{
    struct endpoint_bundle *bundle = &endpoint->bundle;
    struct centre_bundle_taken taken;
    TRY(known(bundle, bundle->in != NULL, request, err));
    centre_bundle_in_taken(bundle->in, &taken);
    enum err_code rc = centre_bundle_in_finish(bundle->in, err);
    endpoint_bundle_drop(bundle);
    TRY(rc);
    *ret_answer = json_pack("{s:o,s:o,s:I,s:I,s:I,s:I,s:I,s:s,s:b,s:b}", "device", device_value(&taken.device),
                            "made_at", json_instant(taken.made_at_ms), "messages", (json_int_t)taken.messages,
                            "new_records", (json_int_t)taken.new_ops, "quarantined", (json_int_t)taken.quarantined,
                            "given_back", (json_int_t)taken.given_back, "declined", (json_int_t)taken.declined,
                            "declined_why", taken.why, "gap", taken.gap, "fork", taken.fork);
    return ERR_OK;
}

/* ---- routes ---- */

static const struct {
    const char *path;
    enum err_code (*run)(struct endpoint *endpoint, const struct http_request *request, json_t **ret_answer,
                         struct error *err);
} routes[] = {
    { "export", post_export },           { "export/end", post_export_end }, { "import", post_import },
    { "import/next", post_import_next }, { "import/end", post_import_end },
};

bool routes_bundle_knows(const char *path)
{
    return strncmp(path, PREFIX, strlen(PREFIX)) == 0;
}

enum err_code routes_bundle(struct endpoint *endpoint, const struct http_request *request, struct buf *ret_bytes,
                            json_t **ret_answer, struct error *err)
{
    const char *path = request->path + strlen(PREFIX);
    if (strcmp(path, "export/next") == 0) {
        return post_export_next(endpoint, request, ret_bytes, err);
    }
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (strcmp(routes[i].path, path) == 0) {
            TRY(routes[i].run(endpoint, request, ret_answer, err));
            return *ret_answer != NULL ? ERR_OK : FAIL(err, NO_MEMORY, "answer the operator");
        }
    }
    return FAIL(err, NOT_FOUND, "find the operation");
}
