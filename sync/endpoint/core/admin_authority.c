/*
 * The authority as the operator sees it: which one issues, until when the one before is accepted, who has still to
 * follow.
 */
#include <stdio.h>
#include <string.h>

#include "store/centre/questions.h"
#include "sync/endpoint/core/admin.h"

#define OVERLAP_DAYS_DEFAULT 90
#define OVERLAP_DAYS_MAX 730
#define PEM_MAX 16384
#define NAMED_MAX 8
#define DIGITS_NAMED 8 /* enough for `revoke` and the like */

static json_t *fingerprint(struct slice der)
{
    uint8_t digest[SHA256_BYTES];
    sha256(&der, 1, digest);
    return json_hex(digest, ENROLMENT_PIN_BYTES);
}

struct following {
    struct admin_call *call;
    json_t *devices; /* that have still to follow */
};

static enum err_code note_question(void *context, const struct centre_question *question, struct error *err)
{
    bool *by_files = context;
    (void)question;
    (void)err;
    *by_files = true;
    return ERR_OK;
}

static enum err_code look_at(void *context, const struct centre_device *device, struct slice certificate,
                             struct error *err)
{
    struct following *following = context;
    struct admin_call *call = following->call;
    struct certificate parsed;
    struct centre_device whole;
    if (device->revoked_at_ms != OP_TIME_NONE || device->valid_until_ms <= call->now_ms ||
        certificate_verify(certificate, centre_authority_certificate(call->centre), -1, &parsed, NULL) == ERR_OK) {
        return ERR_OK;
    }
    TRY(centre_device_find(call->centre->store, device->device, &whole, err));
    bool by_files = false;
    TRY(centre_questions(call->centre->store, whole.id, note_question, &by_files, err));
    json_t *value = json_device(&whole, call->now_ms);
    (void)json_object_set_new(value, "by_files", json_boolean(by_files));
    (void)json_array_append_new(following->devices, value);
    return ERR_OK;
}

static enum err_code find_following(struct admin_call *call, json_t **ret_devices)
{
    struct following following = { .call = call, .devices = json_array() };
    enum err_code rc = centre_device_certificates(call->centre->store, look_at, &following, call->err);
    if (rc != ERR_OK) {
        json_decref(following.devices);
        return rc;
    }
    *ret_devices = following.devices;
    return ERR_OK;
}

enum err_code admin_authority(struct admin_call *call)
{
    const struct centre *centre = call->centre;
    const struct authorities *authorities = &centre->authorities;
    json_t *following;
    struct certificate signing;
    bool overlap = authorities_overlap(centre, call->now_ms);
    SCOPED(buf_fini) struct buf pem;
    buf_init(&pem, PEM_MAX);
    TRY(certificate_to_pem(centre_authority_certificate(centre), &pem, call->err));
    TRY(certificate_parse(centre_signing_certificate(centre), &signing, call->err));
    TRY(find_following(call, &following));
    return admin_answer(call, json_pack("{s:o, s:o, s:o, s:o, s:I, s:o, s:s%}", "authority_sha256",
                                        fingerprint(centre_authority_certificate(centre)), "before_sha256",
                                        overlap ? fingerprint(buf_slice(&authorities->before)) : json_null(),
                                        "before_until", json_instant(authorities->before_until_ms), "signing_until",
                                        json_instant(signing.not_after_ms), "devices_to_follow",
                                        (json_int_t)json_array_size(following), "following", following, "certificate",
                                        (const char *)pem.data, pem.len));
}

enum err_code admin_authority_roll(struct admin_call *call)
{
    int64_t days = argument_integer(call, "overlap_days", OVERLAP_DAYS_DEFAULT);
    if (days < 1 || days > OVERLAP_DAYS_MAX) {
        return FAIL(call->err, INVALID, "roll the authority: the overlap is 1 to %d days", OVERLAP_DAYS_MAX);
    }
    TRY(centre_authority_roll(call->centre, days * DAY_MS, call->now_ms, call->err));
    return admin_authority(call);
}

/* Who is behind is named by the beginning of its id. */
static enum err_code refuse_to_shut_out(struct admin_call *call)
{
    char names[NAMED_MAX * (DIGITS_NAMED + 2) + 4] = "";
    json_t *devices;
    size_t index;
    json_t *device;
    TRY(find_following(call, &devices));
    size_t count = json_array_size(devices);
    json_array_foreach(devices, index, device)
    {
        size_t len = strlen(names);
        const char *id = json_string_value(json_object_get(device, "id"));
        (void)snprintf(names + len, sizeof(names) - len, "%s%.*s", index > 0 ? ", " : "",
                       index < NAMED_MAX ? DIGITS_NAMED : 0, id);
        if (index == NAMED_MAX) {
            (void)snprintf(names + len, sizeof(names) - len, " ...");
            break;
        }
    }
    json_decref(devices);
    return count == 0
               ? ERR_OK
               : FAIL(call->err, REFUSED,
                      "retire the authority: %zu devices have still to follow (%s; `ca show` lists them) and would "
                      "be shut out until `holdfast enrol --again` with a new code on each; --force does it "
                      "nevertheless",
                      count, names);
}

enum err_code admin_authority_retire(struct admin_call *call)
{
    if (!argument_bool(call, "force") && authorities_overlap(call->centre, call->now_ms)) {
        TRY(refuse_to_shut_out(call));
    }
    TRY(centre_authority_retire(call->centre, call->now_ms, call->err));
    return admin_authority(call);
}

enum err_code admin_authority_former(struct admin_call *call)
{
    SCOPED(buf_fini) struct buf der;
    buf_init(&der, CERTIFICATE_DER_MAX);
    TRY(certificate_from_pem(slice_of_text(argument_text(call, "certificate")), &der, call->err));
    TRY(centre_authority_former(call->centre, buf_slice(&der), call->err));
    return admin_answer(call, json_pack("{s:o, s:o}", "former_sha256", fingerprint(buf_slice(&der)), "authority_sha256",
                                        fingerprint(centre_authority_certificate(call->centre))));
}
