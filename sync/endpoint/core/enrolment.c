/*
 * Who a device is: codes, certificates, and the check that every call of a device begins with.
 */
#include <string.h>

#include "base/log.h"
#include "store/cbor.h"
#include "sync/endpoint/core/private.h"

#define CERTIFICATE_DAYS 365

/* ---- codes ---- */

enum err_code code_make(struct centre *centre, char out[ENROLMENT_CODE_SIZE], uint8_t ret_hash[SHA256_BYTES],
                        struct error *err)
{
    SCOPED(secret_free) struct secret random = { 0 };
    struct enrolment_code code;
    uint8_t digest[SHA256_BYTES];
    struct slice ca = centre_authority_certificate(centre);
    TRY(secret_random(ENROLMENT_SECRET_BYTES, &random, err));
    sha256(&ca, 1, digest);
    memcpy(code.secret, random.bytes, ENROLMENT_SECRET_BYTES);
    memcpy(code.ca_pin, digest, ENROLMENT_PIN_BYTES);
    enrolment_code_hash(code.secret, ret_hash);
    enrolment_code_format(&code, out);
    secret_wipe(&code, sizeof(code));
    return ERR_OK;
}

enum err_code code_hash_of_password(const char *password, uint8_t ret_hash[SHA256_BYTES], struct error *err)
{
    uint8_t secret[ENROLMENT_SECRET_BYTES];
    if (strlen(password) != 2 * ENROLMENT_SECRET_BYTES || !hex_decode(password, secret, ENROLMENT_SECRET_BYTES)) {
        return FAIL(err, REFUSED, "enrol: the code is not known, has run out or was used; ask for a new one");
    }
    enrolment_code_hash(secret, ret_hash);
    secret_wipe(secret, sizeof(secret));
    return ERR_OK;
}

/* ---- the check ---- */

static bool names_stream(const struct certificate *certificate, const uint8_t stream[STREAM_ID_BYTES])
{
    for (size_t i = 0; i < certificate->stream_count; i++) {
        if (memcmp(certificate->streams[i], stream, STREAM_ID_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

enum err_code peer_device(struct centre *centre, struct slice peer, int64_t now_ms, struct certificate *ret_certificate,
                          struct centre_device *ret_device, struct error *err)
{
    SCOPED(buf_fini) struct buf accepted;
    buf_init(&accepted, AUTHORITIES_DER_MAX);
    if (peer.len == 0) {
        return FAIL(err, TLS, "know the device: it showed no certificate of this centre");
    }
    TRY(authorities_accepted(centre, now_ms, &accepted, err));
    TRY(certificate_verify(peer, buf_slice(&accepted), now_ms, ret_certificate, err));
    if (ret_certificate->role != CERTIFICATE_ROLE_AGENT) {
        return FAIL(err, REFUSED, "take a request: the certificate is not a device's");
    }
    enum err_code rc = centre_device_find(centre->store, ret_certificate->device, ret_device, err);
    if (rc == ERR_NOT_FOUND) {
        return FAIL(err, NOT_ENROLLED, "know the device: it is not enrolled here; enrol it with a new code");
    }
    TRY(rc);
    if (ret_device->revoked_at_ms != OP_TIME_NONE) {
        return FAIL(err, REVOKED, "take a request: this device was revoked; ask the centre's operator");
    }
    if (!names_stream(ret_certificate, ret_device->site.stream) ||
        memcmp(ret_certificate->organisation, ret_device->site.organisation, ORGANISATION_ID_BYTES) != 0) {
        return FAIL(err, REFUSED, "take a request: the certificate is not for the device's site");
    }
    return ERR_OK;
}

/* ---- certificates ---- */

static enum err_code issue(struct centre *centre, const struct centre_site *site, struct slice request_der,
                           int64_t now_ms, struct buf *out, struct error *err)
{
    uint8_t streams[1][STREAM_ID_BYTES];
    memcpy(streams[0], site->stream, STREAM_ID_BYTES);
    struct certificate_grant grant = { .role = CERTIFICATE_ROLE_AGENT,
                                       .common_name = "holdfast agent",
                                       .organisation = site->organisation,
                                       .streams = streams,
                                       .stream_count = 1,
                                       .not_before_ms = now_ms - DAY_MS / 2,
                                       .not_after_ms = now_ms + CERTIFICATE_DAYS * DAY_MS };
    return authority_issue(centre->authorities.present, request_der, &grant, out, err);
}

static enum err_code answer(const struct buf *certificate, struct buf *ret_pkcs7, struct error *err)
{
    struct slice der = buf_slice(certificate);
    return pkcs7_make(&der, 1, ret_pkcs7, err);
}

enum err_code device_admit(struct centre *centre, const uint8_t code[SHA256_BYTES], struct slice request_der,
                           int64_t now_ms, struct buf *ret_der, struct error *err)
{
    struct centre_site site;
    struct certificate certificate;
    TRY(centre_code_check(centre->store, code, now_ms, &site, err));
    TRY(issue(centre, &site, request_der, now_ms, ret_der, err));
    TRY(certificate_parse(buf_slice(ret_der), &certificate, err));
    TRY(spent_check_code(centre, code, certificate.device, err));
    TRY(centre_device_enrol(centre->store, code, certificate.device, buf_slice(ret_der), certificate.not_after_ms,
                            now_ms, err));
    char digits[2 * DEVICE_ID_BYTES + 1];
    hex_encode(certificate.device, DEVICE_ID_BYTES, digits);
    LOG_INFO("device_enrolled", "device=%s", digits);
    enum err_code rc = spent_keep_code(centre, code, certificate.device, now_ms, err);
    if (rc != ERR_OK) {
        (void)error_wrap(err, rc, "keep that the code was used, which it is now, also for a database that is put back");
        log_error("used_code_not_kept", err);
    }
    return rc;
}

enum err_code centre_enrol(struct centre *centre, const char *password, struct slice request_der, int64_t now_ms,
                           struct buf *ret_pkcs7, struct error *err)
{
    uint8_t hash[SHA256_BYTES];
    SCOPED(buf_fini) struct buf der;
    buf_init(&der, CERTIFICATE_DER_MAX);
    TRY(code_hash_of_password(password, hash, err));
    TRY(device_admit(centre, hash, request_der, now_ms, &der, err));
    return answer(&der, ret_pkcs7, err);
}

enum err_code device_renew(struct centre *centre, struct slice peer, struct slice request_der, int64_t now_ms,
                           struct buf *ret_der, struct error *err)
{
    struct certificate held;
    struct certificate made;
    struct centre_device device;
    TRY(peer_device(centre, peer, now_ms, &held, &device, err));
    TRY(issue(centre, &device.site, request_der, now_ms, ret_der, err));
    TRY(certificate_parse(buf_slice(ret_der), &made, err));
    if (memcmp(made.device, held.device, DEVICE_ID_BYTES) != 0) {
        return FAIL(err, REFUSED, "renew a certificate: the request has another key; a new key enrols with a code");
    }
    return centre_device_renew(centre->store, device.id, buf_slice(ret_der), made.not_after_ms, err);
}

enum err_code centre_renew(struct centre *centre, struct slice peer, struct slice request_der, int64_t now_ms,
                           struct buf *ret_pkcs7, struct error *err)
{
    SCOPED(buf_fini) struct buf der;
    buf_init(&der, CERTIFICATE_DER_MAX);
    TRY(device_renew(centre, peer, request_der, now_ms, &der, err));
    return answer(&der, ret_pkcs7, err);
}

enum err_code centre_site_info(struct centre *centre, struct slice peer, int64_t now_ms, struct buf *ret_cbor,
                               struct error *err)
{
    struct certificate certificate;
    struct centre_device device;
    TRY(peer_device(centre, peer, now_ms, &certificate, &device, err));
    struct slice signing = signing_certificate_for(centre, peer, now_ms);
    struct dcbor_writer w = dcbor_writer_begin(ret_cbor, err);
    dcbor_put_map(&w, 3);
    dcbor_put_uint(&w, 1);
    dcbor_put_text(&w, slice_of_text(device.site.name));
    dcbor_put_uint(&w, 2);
    dcbor_put_text(&w, slice_of_text(device.site.organisation_name));
    dcbor_put_uint(&w, 3);
    dcbor_put_bytes(&w, signing.data, signing.len);
    return dcbor_writer_end(&w);
}
