#include "sync/enrolment_file.h"

#include <string.h>

#include "store/cbor.h"

#define REQUEST_MAGIC "HFENROLQ"
#define ANSWER_MAGIC "HFENROLA"
#define BUNDLE_MAGIC "HFBUNDLE"
#define REQUEST_CONTEXT "holdfast/enrolment-request/v1"
#define ANSWER_CONTEXT "holdfast/enrolment-answer/v1"

enum {
    VERSION = 1,
    MAGIC_BYTES = 8,
    HEAD_BYTES = MAGIC_BYTES + 1,
    ANSWER_HEAD_BYTES = HEAD_BYTES + DEVICE_ID_BYTES,
    ANSWER_SEALED_AT = ANSWER_HEAD_BYTES + HPKE_ENCAPSULATED_BYTES,
    REQUEST_SIGNED_BYTES = HEAD_BYTES + 8 + 2 * SHA256_BYTES,
    ANSWER_SIGNED_BYTES = ANSWER_HEAD_BYTES + HPKE_EXPORT_BYTES + 8 + SHA256_BYTES,
    AUTHORITIES_MAX_BYTES = 24 * 1024,
    SITE_MAX_BYTES = CERTIFICATE_DER_MAX + 1024,
};

_Static_assert(ANSWER_SIGNED_BYTES <= sizeof(((struct enrolment_opened *)0)->message), "the message has room");

/* Members of both files; see PROTOCOL.md 4.7. */
enum { REQUEST_MADE_AT = 1, REQUEST_PKCS10, REQUEST_CERTIFICATE, REQUEST_PROOF };
enum { ANSWER_MADE_AT = 1, ANSWER_CERTIFICATE, ANSWER_AUTHORITIES, ANSWER_SITE, ANSWER_SIGNATURE };

static bool is(struct slice file, const char *magic)
{
    return file.len >= MAGIC_BYTES && memcmp(file.data, magic, MAGIC_BYTES) == 0;
}

/* Files on one stick get mixed up: what it is instead is said. */
static enum err_code check_head(struct slice file, const char *magic, size_t head, struct error *err)
{
    const char *what = magic[MAGIC_BYTES - 1] == 'Q' ? "request" : "answer";
    if (is(file, BUNDLE_MAGIC)) {
        return FAIL(err, INVALID, "read the enrolment %s: this file is a bundle of records; use `bundle import`", what);
    }
    if (is(file, what[0] == 'r' ? ANSWER_MAGIC : REQUEST_MAGIC)) {
        return FAIL(err, INVALID, "read the enrolment %s: this file is %s", what,
                    what[0] == 'r' ? "a centre's answer: the device takes it, with `holdfast enrol --answer`"
                                   : "a device's request: the centre answers it, with `holdfast-endpointctl enrolment "
                                     "sign`, and this machine takes the answer");
    }
    if (!is(file, magic)) {
        return FAIL(err, INVALID, "read the enrolment %s: this file is none", what);
    }
    if (file.len > MAGIC_BYTES && file.data[MAGIC_BYTES] != VERSION) {
        return FAIL(err, UNSUPPORTED, "read the enrolment %s: its version is %u; update this program", what,
                    file.data[MAGIC_BYTES]);
    }
    if (file.len <= head || file.len > ENROLMENT_FILE_MAX) {
        return FAIL(err, DAMAGED, "read the enrolment %s: it was cut, or is longer than one can be; copy it again",
                    what);
    }
    return ERR_OK;
}

static void put_member(struct dcbor_writer *w, unsigned key, struct slice value)
{
    dcbor_put_uint(w, key);
    dcbor_put_bytes(w, value.data, value.len);
}

/* ---- the request ---- */

static void request_message(const struct enrolment_request *request, uint8_t out[REQUEST_SIGNED_BYTES])
{
    memcpy(out, REQUEST_MAGIC, MAGIC_BYTES);
    out[MAGIC_BYTES] = VERSION;
    put_be64(out + HEAD_BYTES, (uint64_t)request->made_at_ms);
    sha256(&request->pkcs10, 1, out + HEAD_BYTES + 8);
    sha256(&request->certificate, 1, out + HEAD_BYTES + 8 + SHA256_BYTES);
}

static void code_proof(const struct enrolment_request *request, const uint8_t code[SHA256_BYTES],
                       uint8_t out[SHA256_BYTES])
{
    uint8_t message[sizeof(REQUEST_CONTEXT) + REQUEST_SIGNED_BYTES];
    memcpy(message, REQUEST_CONTEXT, sizeof(REQUEST_CONTEXT)); /* with its zero byte, as a signature has it */
    request_message(request, message + sizeof(REQUEST_CONTEXT));
    hmac_sha256(slice_of(code, SHA256_BYTES), slice_of(message, sizeof(message)), out);
}

static enum err_code request_write(const struct enrolment_request *request, struct slice proof, struct buf *out,
                                   struct error *err)
{
    bool renews = request->certificate.len > 0;
    TRY(buf_append(out, REQUEST_MAGIC "\x01", HEAD_BYTES, err));
    struct dcbor_writer w = dcbor_writer_begin(out, err);
    dcbor_put_map(&w, 3 + renews);
    dcbor_put_uint(&w, REQUEST_MADE_AT);
    dcbor_put_int(&w, request->made_at_ms);
    put_member(&w, REQUEST_PKCS10, request->pkcs10);
    if (renews) {
        put_member(&w, REQUEST_CERTIFICATE, request->certificate);
    }
    put_member(&w, REQUEST_PROOF, proof);
    return dcbor_writer_end(&w);
}

enum err_code enrolment_request_by_code(const struct enrolment_request *request, const uint8_t code[SHA256_BYTES],
                                        struct buf *out, struct error *err)
{
    uint8_t proof[SHA256_BYTES];
    CHECK(request->certificate.len == 0);
    code_proof(request, code, proof);
    return request_write(request, slice_of(proof, sizeof(proof)), out, err);
}

enum err_code enrolment_request_by_key(const struct enrolment_request *request, const struct device_key *key,
                                       struct buf *out, struct error *err)
{
    uint8_t message[REQUEST_SIGNED_BYTES];
    uint8_t signature[SIGNATURE_MAX];
    size_t len;
    CHECK(request->certificate.len > 0);
    request_message(request, message);
    TRY(device_key_sign(key, REQUEST_CONTEXT, slice_of(message, sizeof(message)), signature, &len, err));
    return request_write(request, slice_of(signature, len), out, err);
}

enum err_code enrolment_request_read(struct slice file, struct enrolment_request *ret_request, struct error *err)
{
    struct enrolment_request request = { 0 };
    TRY(check_head(file, REQUEST_MAGIC, HEAD_BYTES, err));
    struct dcbor_reader r = dcbor_reader_begin(slice_of(file.data + HEAD_BYTES, file.len - HEAD_BYTES), err);
    size_t members = dcbor_get_map(&r, REQUEST_PROOF);
    for (size_t i = 0; i < members; i++) {
        switch (dcbor_get_uint(&r, REQUEST_PROOF)) {
        case REQUEST_MADE_AT:
            request.made_at_ms = dcbor_get_int(&r, 0, OP_TIME_MAX_MS);
            break;
        case REQUEST_PKCS10:
            request.pkcs10 = dcbor_get_bytes(&r, 1, CERTIFICATE_DER_MAX);
            break;
        case REQUEST_CERTIFICATE:
            request.certificate = dcbor_get_bytes(&r, 1, CERTIFICATE_DER_MAX);
            break;
        case REQUEST_PROOF:
            request.proof = dcbor_get_bytes(&r, 1, SIGNATURE_MAX);
            break;
        default:
            dcbor_reject(&r, "there is no such member");
        }
    }
    enum err_code rc = dcbor_reader_end(&r);
    if (rc != ERR_OK) {
        return error_wrap(err, ERR_DAMAGED, "read the enrolment request");
    }
    if (request.pkcs10.len == 0 || request.proof.len == 0 || members != 3U + (request.certificate.len > 0)) {
        return FAIL(err, DAMAGED, "read the enrolment request: one of its members is missing");
    }
    *ret_request = request;
    return ERR_OK;
}

bool enrolment_request_proves_code(const struct enrolment_request *request, const uint8_t code[SHA256_BYTES])
{
    uint8_t proof[SHA256_BYTES];
    code_proof(request, code, proof);
    return request->certificate.len == 0 && secret_equal(slice_of(proof, sizeof(proof)), request->proof);
}

enum err_code enrolment_request_check_key(const struct enrolment_request *request, struct error *err)
{
    struct certificate sender;
    uint8_t message[REQUEST_SIGNED_BYTES];
    TRY(certificate_parse(request->certificate, &sender, err));
    request_message(request, message);
    enum err_code rc = signature_verify(slice_of(sender.public_key, sender.public_key_len), REQUEST_CONTEXT,
                                        slice_of(message, sizeof(message)), request->proof, err);
    return rc == ERR_OK ? ERR_OK : error_wrap(err, rc, "know who made the enrolment request");
}

/* ---- the answer ---- */

/* The receiver, what only both ends know, when, and a hash of the hashes of the members 2 to 4. */
static void answer_message(const uint8_t head[ANSWER_HEAD_BYTES], const struct hpke *row,
                           const struct enrolment_answer *answer, uint8_t out[ANSWER_SIGNED_BYTES])
{
    const struct slice members[] = { answer->certificate, answer->authorities, answer->site };
    uint8_t hashes[ARRAY_LEN(members)][SHA256_BYTES];
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        sha256(&members[i], 1, hashes[i]);
    }
    struct slice all = slice_of(hashes, sizeof(hashes));
    memcpy(out, head, ANSWER_HEAD_BYTES);
    out += ANSWER_HEAD_BYTES;
    hpke_export(row, ANSWER_CONTEXT, out);
    put_be64(out + HPKE_EXPORT_BYTES, (uint64_t)answer->made_at_ms);
    sha256(&all, 1, out + HPKE_EXPORT_BYTES + 8);
}

static enum err_code answer_encode(const struct enrolment_answer *answer, struct slice signature, struct buf *out,
                                   struct error *err)
{
    struct dcbor_writer w = dcbor_writer_begin(out, err);
    dcbor_put_map(&w, ANSWER_SIGNATURE);
    dcbor_put_uint(&w, ANSWER_MADE_AT);
    dcbor_put_int(&w, answer->made_at_ms);
    put_member(&w, ANSWER_CERTIFICATE, answer->certificate);
    put_member(&w, ANSWER_AUTHORITIES, answer->authorities);
    put_member(&w, ANSWER_SITE, answer->site);
    put_member(&w, ANSWER_SIGNATURE, signature);
    return dcbor_writer_end(&w);
}

static enum err_code seal(const struct enrolment_answer *answer, const struct device_key *key,
                          const uint8_t head[ANSWER_SEALED_AT], struct hpke *row, struct buf *out, struct error *err)
{
    uint8_t message[ANSWER_SIGNED_BYTES];
    uint8_t signature[SIGNATURE_MAX];
    size_t len;
    SCOPED(buf_fini) struct buf content;
    buf_init(&content, ENROLMENT_FILE_MAX);
    answer_message(head, row, answer, message);
    TRY(device_key_sign(key, ANSWER_CONTEXT, slice_of(message, sizeof(message)), signature, &len, err));
    TRY(answer_encode(answer, slice_of(signature, len), &content, err));
    return hpke_seal(row, slice_of(head, ANSWER_SEALED_AT), buf_slice(&content), out, err);
}

enum err_code enrolment_answer_write(const struct enrolment_answer *answer, const struct device_key *key,
                                     struct buf *out, struct error *err)
{
    uint8_t head[ANSWER_SEALED_AT] = ANSWER_MAGIC "\x01";
    struct certificate receiver;
    struct hpke row = { 0 };
    size_t before = out->len;
    TRY(certificate_parse(answer->certificate, &receiver, err));
    memcpy(head + HEAD_BYTES, receiver.device, DEVICE_ID_BYTES);
    TRY(hpke_seal_begin(slice_of(receiver.public_key, receiver.public_key_len), slice_of(head, ANSWER_HEAD_BYTES),
                        head + ANSWER_HEAD_BYTES, &row, err));
    enum err_code rc = buf_append(out, head, sizeof(head), err);
    rc = rc != ERR_OK ? rc : seal(answer, key, head, &row, out, err);
    hpke_fini(&row);
    if (rc == ERR_OK && out->len - before > ENROLMENT_FILE_MAX) {
        rc = FAIL(err, LIMIT, "write the enrolment answer: more than %zu bytes", ENROLMENT_FILE_MAX);
    }
    out->len = rc == ERR_OK ? out->len : before;
    return rc;
}

static enum err_code answer_decode(struct enrolment_opened *opened, struct error *err)
{
    struct enrolment_answer *answer = &opened->answer;
    struct dcbor_reader r = dcbor_reader_begin(buf_slice(&opened->content), err);
    size_t members = dcbor_get_map(&r, ANSWER_SIGNATURE);
    for (size_t i = 1; i <= members; i++) {
        if (dcbor_get_uint(&r, ANSWER_SIGNATURE) != i) {
            dcbor_reject(&r, "the answer's members are not in order");
        }
        switch (i) {
        case ANSWER_MADE_AT:
            answer->made_at_ms = dcbor_get_int(&r, 0, OP_TIME_MAX_MS);
            break;
        case ANSWER_CERTIFICATE:
            answer->certificate = dcbor_get_bytes(&r, 1, CERTIFICATE_DER_MAX);
            break;
        case ANSWER_AUTHORITIES:
            answer->authorities = dcbor_get_bytes(&r, 1, AUTHORITIES_MAX_BYTES);
            break;
        case ANSWER_SITE:
            answer->site = dcbor_get_bytes(&r, 1, SITE_MAX_BYTES);
            break;
        default:
            opened->signature = dcbor_get_bytes(&r, 1, SIGNATURE_MAX);
        }
    }
    if (members != ANSWER_SIGNATURE) {
        dcbor_reject(&r, "one of the answer's members is missing");
    }
    return dcbor_reader_end(&r);
}

static enum err_code check_receiver(struct slice file, const struct device_key *key, struct error *err)
{
    uint8_t own[DEVICE_ID_BYTES];
    char for_whom[2 * DEVICE_ID_BYTES + 1];
    char whose[2 * DEVICE_ID_BYTES + 1];
    device_key_id(key, own);
    if (memcmp(file.data + HEAD_BYTES, own, sizeof(own)) == 0) {
        return ERR_OK;
    }
    hex_encode(file.data + HEAD_BYTES, DEVICE_ID_BYTES, for_whom);
    hex_encode(own, sizeof(own), whose);
    return FAIL(err, REFUSED,
                "read the enrolment answer: it is for the device '%.8s', and this one is '%.8s'; take it to the "
                "machine whose request it answers, or have this one's newest request answered",
                for_whom, whose);
}

static enum err_code unseal(struct slice file, struct hpke *row, struct enrolment_opened *opened, struct error *err)
{
    enum err_code rc =
        hpke_open(row, slice_of(file.data, ANSWER_SEALED_AT),
                  slice_of(file.data + ANSWER_SEALED_AT, file.len - ANSWER_SEALED_AT), &opened->content, err);
    rc = rc != ERR_OK ? rc : answer_decode(opened, err);
    if (rc != ERR_OK) {
        return error_wrap(err, ERR_DAMAGED, "read the enrolment answer: it was changed or cut; copy it again");
    }
    answer_message(file.data, row, &opened->answer, opened->message);
    opened->message_len = ANSWER_SIGNED_BYTES;
    return ERR_OK;
}

enum err_code enrolment_answer_open(struct slice file, const struct device_key *key,
                                    struct enrolment_opened *ret_opened, struct error *err)
{
    struct enrolment_opened opened = { .message_len = 0 };
    struct hpke row = { 0 };
    TRY(check_head(file, ANSWER_MAGIC, ANSWER_SEALED_AT, err));
    TRY(check_receiver(file, key, err));
    buf_init(&opened.content, ENROLMENT_FILE_MAX);
    enum err_code rc =
        hpke_open_begin(key, file.data + ANSWER_HEAD_BYTES, slice_of(file.data, ANSWER_HEAD_BYTES), &row, err);
    rc = rc != ERR_OK ? rc : unseal(file, &row, &opened, err);
    hpke_fini(&row);
    if (rc != ERR_OK) {
        buf_fini(&opened.content);
        return rc;
    }
    *ret_opened = opened;
    return ERR_OK;
}

enum err_code enrolment_answer_check(const struct enrolment_opened *opened, struct slice public_key, struct error *err)
{
    enum err_code rc = signature_verify(public_key, ANSWER_CONTEXT, slice_of(opened->message, opened->message_len),
                                        opened->signature, err);
    return rc == ERR_OK ? ERR_OK : error_wrap(err, rc, "know who made the enrolment answer");
}

void enrolment_opened_fini(struct enrolment_opened *opened)
{
    buf_fini(&opened->content);
    *opened = (struct enrolment_opened){ .message_len = 0 };
}
