/*
 * The authority as the operator sees it: which one issues, until when the one before is accepted, who has still to
 * follow.
 */
#include "sync/endpoint/core/admin.h"

#define OVERLAP_DAYS_DEFAULT 90
#define OVERLAP_DAYS_MAX 730
#define PEM_MAX 16384

static json_t *fingerprint(struct slice der)
{
    uint8_t digest[SHA256_BYTES];
    sha256(&der, 1, digest);
    return json_hex(digest, ENROLMENT_PIN_BYTES);
}

struct following {
    struct admin_call *call;
    size_t behind;
};

static enum err_code look_at(void *context, const struct centre_device *device, struct slice certificate,
                             struct error *err)
{
    (void)err;
    struct following *following = context;
    struct certificate parsed;
    bool counts = device->revoked_at_ms == OP_TIME_NONE && device->valid_until_ms > following->call->now_ms;
    following->behind +=
        counts && certificate_verify(certificate, centre_authority_certificate(following->call->centre), -1, &parsed,
                                     NULL) != ERR_OK;
    return ERR_OK;
}

enum err_code admin_authority(struct admin_call *call)
{
    const struct centre *centre = call->centre;
    const struct authorities *authorities = &centre->authorities;
    struct following following = { .call = call };
    struct certificate signing;
    bool overlap = authorities_overlap(centre, call->now_ms);
    SCOPED(buf_fini) struct buf pem;
    buf_init(&pem, PEM_MAX);
    TRY(certificate_to_pem(centre_authority_certificate(centre), &pem, call->err));
    TRY(centre_device_certificates(centre->store, look_at, &following, call->err));
    TRY(certificate_parse(centre_signing_certificate(centre), &signing, call->err));
    return admin_answer(call, json_pack("{s:o, s:o, s:o, s:o, s:I, s:s%}", "authority_sha256",
                                        fingerprint(centre_authority_certificate(centre)), "before_sha256",
                                        overlap ? fingerprint(buf_slice(&authorities->before)) : json_null(),
                                        "before_until", json_instant(authorities->before_until_ms), "signing_until",
                                        json_instant(signing.not_after_ms), "devices_to_follow",
                                        (json_int_t)following.behind, "certificate", (const char *)pem.data, pem.len));
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

enum err_code admin_authority_retire(struct admin_call *call)
{
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
