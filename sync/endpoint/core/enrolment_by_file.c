/*
 * Enrolment and renewal where the device has no network: what EST does, over two files that a person carries.
 */
#include "sync/enrolment_file.h"

#include <stdio.h>
#include <string.h>

#include "sync/endpoint/core/admin.h"

static bool fits(const void *request, const uint8_t code[SHA256_BYTES])
{
    return enrolment_request_proves_code(request, code);
}

/* The device's new certificate: by a code, or by the one that it has. */
static enum err_code certify(struct centre *centre, const struct enrolment_request *request, int64_t now_ms,
                             struct buf *ret_der, struct error *err)
{
    uint8_t code[SHA256_BYTES];
    if (request->certificate.len > 0) {
        TRY(enrolment_request_check_key(request, err));
        return device_renew(centre, request->certificate, request->pkcs10, now_ms, ret_der, err);
    }
    TRY(centre_code_search(centre->store, now_ms, fits, request, code, err));
    return device_admit(centre, code, request->pkcs10, now_ms, ret_der, err);
}

static enum err_code write_answer(struct centre *centre, struct slice certificate, int64_t now_ms, struct buf *out,
                                  struct error *err)
{
    SCOPED(buf_fini) struct buf authorities;
    SCOPED(buf_fini) struct buf site;
    buf_init(&authorities, ENROLMENT_FILE_MAX);
    buf_init(&site, ENROLMENT_FILE_MAX);
    TRY(centre_authorities(centre, now_ms, &authorities, err));
    TRY(centre_site_info(centre, certificate, now_ms, &site, err));
    struct enrolment_answer answer = { .made_at_ms = now_ms,
                                       .certificate = certificate,
                                       .authorities = buf_slice(&authorities),
                                       .site = buf_slice(&site) };
    return enrolment_answer_write(&answer, centre->signing_key, out, err);
}

enum err_code centre_enrol_by_file(struct centre *centre, struct slice file, int64_t now_ms,
                                   struct centre_enrolled *ret_enrolled, struct buf *ret_answer, struct error *err)
{
    struct enrolment_request request;
    struct certificate certificate;
    struct centre_enrolled enrolled = { 0 };
    SCOPED(buf_fini) struct buf der;
    buf_init(&der, CERTIFICATE_DER_MAX);
    TRY(enrolment_request_read(file, &request, err));
    TRY(certify(centre, &request, now_ms, &der, err));
    TRY(write_answer(centre, buf_slice(&der), now_ms, ret_answer, err));
    TRY(certificate_parse(buf_slice(&der), &certificate, err));
    TRY(centre_device_find(centre->store, certificate.device, &enrolled.device, err));
    enrolled.renewed = request.certificate.len > 0;
    enrolled.made_at_ms = request.made_at_ms;
    *ret_enrolled = enrolled;
    return ERR_OK;
}

enum err_code admin_enrolment_sign(struct admin_call *call)
{
    struct centre_enrolled enrolled;
    char file[64];
    char digits[2 * DEVICE_ID_BYTES + 1];
    SCOPED(buf_fini) struct buf request;
    SCOPED(buf_fini) struct buf answer;
    SCOPED(buf_fini) struct buf text;
    buf_init(&request, ENROLMENT_FILE_MAX);
    buf_init(&answer, ENROLMENT_FILE_MAX);
    buf_init(&text, 2 * ENROLMENT_FILE_MAX);
    TRY(base64_decode(slice_of_text(argument_text(call, "request")), &request, call->err));
    TRY(centre_enrol_by_file(call->centre, buf_slice(&request), call->now_ms, &enrolled, &answer, call->err));
    TRY(base64_encode(buf_slice(&answer), &text, call->err));
    const struct centre_device *device = &enrolled.device;
    hex_encode(device->device, DEVICE_ID_BYTES, digits);
    (void)snprintf(file, sizeof(file), "holdfast-%.8s.enrolment-answer", digits);
    return admin_answer(call, json_pack("{s:{s:s, s:s, s:o, s:o}, s:b, s:o, s:s, s:s%}", "device", "id", digits,
                                        "label", device->label, "site", json_site(&device->site), "valid_until",
                                        json_instant(device->valid_until_ms), "renewed", enrolled.renewed,
                                        "request_made_at", json_instant(enrolled.made_at_ms), "file", file, "answer",
                                        (const char *)text.data, text.len));
}
