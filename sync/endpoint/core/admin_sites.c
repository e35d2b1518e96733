/*
 * Organisations, sites, codes and devices.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "sync/endpoint/core/admin.h"

#define CODE_HOURS_DEFAULT 48
#define HOUR_MS INT64_C(3600000)

enum err_code admin_info(struct admin_call *call)
{
    struct centre_site *sites = NULL;
    struct centre_device *devices = NULL;
    size_t site_count = 0;
    size_t device_count = 0;
    uint64_t ops = 0;
    uint8_t pin[SHA256_BYTES];
    struct slice ca = centre_authority_certificate(call->centre);
    TRY(centre_sites(call->centre->store, &sites, &site_count, call->err));
    for (size_t i = 0; i < site_count; i++) {
        ops += sites[i].head;
    }
    free(sites);
    TRY(centre_devices(call->centre->store, &devices, &device_count, call->err));
    free(devices);
    sha256(&ca, 1, pin);
    struct centre_watched watched;
    TRY(centre_watched(call->centre->store, &watched, call->err));
    return admin_answer(call,
                        json_pack("{s:s, s:I, s:I, s:I, s:o, s:I, s:o}", "version", HOLDFAST_VERSION, "sites",
                                  (json_int_t)site_count, "devices", (json_int_t)device_count, "ops", (json_int_t)ops,
                                  "authority_sha256", json_hex(pin, ENROLMENT_PIN_BYTES), "incidents",
                                  (json_int_t)watched.incidents, "put_back_at", json_instant(watched.put_back_at_ms)));
}

static json_t *json_organisation(const struct centre_organisation *organisation)
{
    return json_pack("{s:o, s:s, s:I, s:o}", "id", json_hex(organisation->public_id, ORGANISATION_ID_BYTES), "name",
                     organisation->name, "sites", (json_int_t)organisation->sites, "created_at",
                     json_instant(organisation->created_at_ms));
}

static struct centre_new to_add(const struct admin_call *call)
{
    return (struct centre_new){ argument_text(call, "name"), argument_text(call, "id"), call->now_ms };
}

enum err_code admin_organisation_add(struct admin_call *call)
{
    struct centre_organisation organisation;
    struct centre_new add = to_add(call);
    TRY(centre_organisation_add(call->centre->store, &add, &organisation, call->err));
    return admin_answer(call, json_organisation(&organisation));
}

enum err_code admin_organisations(struct admin_call *call)
{
    struct centre_organisation *rows = NULL;
    size_t count = 0;
    TRY(centre_organisations(call->centre->store, &rows, &count, call->err));
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(list, json_organisation(&rows[i]));
    }
    free(rows);
    return admin_answer(call, json_pack("{s:o}", "organisations", list));
}

enum err_code admin_site_add(struct admin_call *call)
{
    struct centre_site site;
    struct centre_new add = to_add(call);
    TRY(centre_site_add(call->centre->store, argument_text(call, "organisation"), &add, &site, call->err));
    TRY(packs_give(call, &site));
    return admin_answer(call, json_site(&site));
}

enum err_code admin_sites(struct admin_call *call)
{
    struct centre_site *rows = NULL;
    size_t count = 0;
    TRY(centre_sites(call->centre->store, &rows, &count, call->err));
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(list, json_site(&rows[i]));
    }
    free(rows);
    return admin_answer(call, json_pack("{s:o}", "sites", list));
}

/* ---- codes and devices ---- */

enum err_code admin_code_new(struct admin_call *call)
{
    struct centre_site site;
    uint8_t hash[SHA256_BYTES];
    char code[ENROLMENT_CODE_SIZE];
    int64_t hours = argument_integer(call, "valid_hours", CODE_HOURS_DEFAULT);
    const char *label = argument_text(call, "label");
    label = label != NULL ? label : "";
    if (hours < 1 || hours > CENTRE_CODE_HOURS_MAX || strlen(label) > CENTRE_NAME_MAX) {
        return FAIL(call->err, INVALID, "make a code: it is valid for 1 to %d hours, its label has at most %d bytes",
                    CENTRE_CODE_HOURS_MAX, CENTRE_NAME_MAX);
    }
    int64_t expires_at_ms = call->now_ms + hours * HOUR_MS;
    TRY(argument_site(call, &site));
    TRY(packs_give(call, &site)); /* should the program have been killed when the site was added */
    TRY(code_make(call->centre, code, hash, call->err));
    TRY(centre_code_add(call->centre->store, site.id, label, hash, call->now_ms, expires_at_ms, call->err));
    json_t *answer =
        json_pack("{s:s, s:o, s:o}", "code", code, "expires_at", json_instant(expires_at_ms), "site", json_site(&site));
    secret_wipe(code, sizeof(code));
    return admin_answer(call, answer);
}

static const char *device_state(const struct centre_device *device, int64_t now_ms)
{
    if (device->revoked_at_ms != OP_TIME_NONE) {
        return "revoked";
    }
    return device->valid_until_ms <= now_ms ? "expired" : "active";
}

json_t *json_device(const struct centre_device *device, int64_t now_ms)
{
    return json_pack(
        "{s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:I}", "id", json_hex(device->device, DEVICE_ID_BYTES), "label",
        device->label, "state", device_state(device, now_ms), "site", json_site(&device->site), "enrolled_at",
        json_instant(device->enrolled_at_ms), "valid_until", json_instant(device->valid_until_ms), "last_seen_at",
        json_instant(device->last_seen_at_ms), "revoked_at", json_instant(device->revoked_at_ms), "ops",
        (json_int_t)device->ops, "quarantined", (json_int_t)device->quarantined);
}

enum err_code admin_devices(struct admin_call *call)
{
    struct centre_device *rows = NULL;
    size_t count = 0;
    TRY(centre_devices(call->centre->store, &rows, &count, call->err));
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(list, json_device(&rows[i], call->now_ms));
    }
    free(rows);
    return admin_answer(call, json_pack("{s:o}", "devices", list));
}

/* The device as it is now. */
static enum err_code changed(struct admin_call *call, const uint8_t id[DEVICE_ID_BYTES], const char *event)
{
    struct centre_device device;
    char digits[2 * DEVICE_ID_BYTES + 1];
    hex_encode(id, DEVICE_ID_BYTES, digits);
    LOG_INFO(event, "device=%s", digits);
    TRY(centre_device_count(call->centre->store, id, &device, call->err));
    return admin_answer(call, json_device(&device, call->now_ms));
}

/* Where only the file beside the database could not be written it is revoked all the same: the answer is there. */
enum err_code admin_revoke(struct admin_call *call)
{
    struct error unkept;
    uint8_t id[DEVICE_ID_BYTES];
    TRY(centre_device_named(call->centre->store, argument_text(call, "device"), id, call->err));
    TRY(centre_device_revoke(call->centre->store, id, call->now_ms, call->err));
    enum err_code kept = spent_revoke(call->centre, id, &unkept);
    TRY(changed(call, id, "device_revoked"));
    if (kept != ERR_OK) {
        *call->err = unkept;
    }
    return kept;
}

enum err_code admin_reinstate(struct admin_call *call)
{
    uint8_t id[DEVICE_ID_BYTES];
    TRY(centre_device_named(call->centre->store, argument_text(call, "device"), id, call->err));
    TRY(spent_reinstate(call->centre, id, call->err));
    TRY(centre_device_reinstate(call->centre->store, id, call->now_ms, call->err));
    return changed(call, id, "device_reinstated");
}
