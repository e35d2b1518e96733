#include "agent/enrolment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/cbor.h"
#include "sync/exchange.h"

#define CACERTS_PATH "/.well-known/est/cacerts"
#define SIMPLEREENROLL_PATH "/.well-known/est/simplereenroll"
#define SIMPLEENROLL_PATH "/.well-known/est/simpleenroll"
#define SITE_PATH "/v1/site"
#define COMMON_NAME "holdfast agent"
#define CONNECT_TIMEOUT_S 20
#define ANSWER_MAX ((size_t)64 * 1024)
#define TRY_CONTEXT "holdfast/enrolment-try/v1"
#define FIRST_INCARNATION 1

void enrolment_init(struct enrolment *enrolment, uv_loop_t *loop)
{
    *enrolment = (struct enrolment){ .loop = loop };
    buf_init(&enrolment->body, ANSWER_MAX);
    buf_init(&enrolment->ca_pem, ANSWER_MAX);
    buf_init(&enrolment->certificate_pem, ANSWER_MAX);
}

/* What belongs to one code. */
static void forget(struct enrolment *enrolment)
{
    secret_wipe(&enrolment->code, sizeof(enrolment->code));
    enrolment->has_code = false;
    device_key_free(enrolment->key);
    enrolment->key = NULL;
    store_identity_fini(&enrolment->identity);
    enrolment->identity = (struct store_identity){ 0 };
    buf_init(&enrolment->identity.certificate, CERTIFICATE_DER_MAX);
    buf_init(&enrolment->identity.ca, AUTHORITIES_DER_MAX);
    store_identity_fini(&enrolment->held);
    enrolment->held = (struct store_identity){ 0 };
}

/* What belongs to one try. */
static void clean(struct enrolment *enrolment)
{
    secret_wipe(enrolment->authorization, sizeof(enrolment->authorization));
    secret_free(&enrolment->key_pem);
    buf_clear(&enrolment->body);
    buf_clear(&enrolment->ca_pem);
    buf_clear(&enrolment->certificate_pem);
}

void enrolment_fini(struct enrolment *enrolment)
{
    CHECK(enrolment->step == ENROLMENT_IDLE);
    clean(enrolment);
    forget(enrolment);
    buf_fini(&enrolment->body);
    buf_fini(&enrolment->ca_pem);
    buf_fini(&enrolment->certificate_pem);
    store_identity_fini(&enrolment->identity);
    store_identity_fini(&enrolment->held);
}

bool enrolment_running(const struct enrolment *enrolment)
{
    return enrolment->step != ENROLMENT_IDLE;
}

enum err_code enrolment_endpoint_check(const char *endpoint, struct error *err)
{
    static const char scheme[] = "https://";
    size_t len = strlen(endpoint);
    bool plain = len > sizeof(scheme) - 1 && len <= STORE_URL_MAX && strncmp(endpoint, scheme, sizeof(scheme) - 1) == 0;
    for (size_t i = 0; i < len && plain; i++) {
        unsigned char c = (unsigned char)endpoint[i];
        plain = c > ' ' && c < 0x7f && strchr("@?#\"<>\\^`{|}", c) == NULL;
    }
    return plain ? ERR_OK
                 : FAIL(err, INVALID,
                        "read the endpoint: expected an address such as https://centre.example:8443, of at most %d "
                        "bytes, without user, query or fragment",
                        STORE_URL_MAX);
}

/* ---- one request ---- */

static void advance(struct enrolment *enrolment);

static void on_http_stopped(void *context)
{
    struct enrolment *enrolment = context;
    enrolment->http = NULL;
    enrolment->http_stopping = false;
    advance(enrolment);
}

static enum err_code take_answer(struct enrolment *enrolment, const struct http_result *result, struct error *err);

static void stop_http(struct enrolment *enrolment)
{
    if (enrolment->http != NULL && !enrolment->http_stopping) {
        enrolment->http_stopping = true;
        http_client_stop(enrolment->http, on_http_stopped, enrolment);
    }
}

static void on_answer(void *context, const struct http_result *result)
{
    struct enrolment *enrolment = context;
    enrolment->rc = take_answer(enrolment, result, &enrolment->err);
    stop_http(enrolment);
}

/* For a renewal the centre's clock counts, not this one's. */
static int64_t now_ms(const struct enrolment *enrolment)
{
    return clock_wall_ms() - enrolment->clock_offset_ms;
}

static enum err_code to_pem(struct slice der, struct buf *out, struct error *err)
{
    buf_clear(out);
    TRY(certificate_to_pem(der, out, err));
    return buf_append(out, "", 1, err);
}

/* The certificate that the device shows from now on. */
static enum err_code show(struct enrolment *enrolment, const struct buf *certificate, struct error *err)
{
    TRY(to_pem(buf_slice(certificate), &enrolment->certificate_pem, err));
    secret_free(&enrolment->key_pem);
    return device_key_export_pem(enrolment->key, &enrolment->key_pem, err);
}

/* `body` empty: a GET. */
static enum err_code ask(struct enrolment *enrolment, const char *path, const char *content_type, struct slice body,
                         struct error *err)
{
    struct http_client_options options = { .connect_timeout_s = CONNECT_TIMEOUT_S, .response_max = ANSWER_MAX };
    bool renewal = enrolment->kind == ENROLMENT_RENEWAL;
    if (enrolment->step != ENROLMENT_CA || renewal) {
        options.ca_pem = (const char *)enrolment->ca_pem.data;
    }
    if (enrolment->step == ENROLMENT_SITE || (enrolment->step == ENROLMENT_CERTIFICATE && renewal)) {
        options.certificate_pem = (const char *)enrolment->certificate_pem.data;
        options.key_pem = slice_of(enrolment->key_pem.bytes, enrolment->key_pem.len);
    }
    (void)snprintf(enrolment->url, sizeof(enrolment->url), "%s%s", enrolment->identity.endpoint, path);
    struct http_post post = { .url = enrolment->url, .content_type = content_type, .body = body };
    if (enrolment->step == ENROLMENT_CERTIFICATE && !renewal) {
        post.authorization = enrolment->authorization;
    }
    TRY(http_client_start(enrolment->loop, &options, &enrolment->http, err));
    http_client_post(enrolment->http, &post, on_answer, enrolment);
    return ERR_OK;
}

static enum err_code ask_ca(struct enrolment *enrolment, struct error *err)
{
    enrolment->step = ENROLMENT_CA;
    return ask(enrolment, CACERTS_PATH, NULL, (struct slice){ 0 }, err);
}

static enum err_code authorize(struct enrolment *enrolment, struct error *err)
{
    char plain[sizeof("code:") + 2 * ENROLMENT_SECRET_BYTES];
    memcpy(plain, "code:", 5);
    hex_encode(enrolment->code.secret, ENROLMENT_SECRET_BYTES, plain + 5);
    struct buf text;
    buf_init(&text, sizeof(enrolment->authorization) - sizeof("Basic "));
    enum err_code rc = base64_encode(slice_of_text(plain), &text, err);
    if (rc == ERR_OK) {
        (void)snprintf(enrolment->authorization, sizeof(enrolment->authorization), "Basic %.*s", (int)text.len,
                       (const char *)text.data);
        secret_wipe(text.data, text.len);
    }
    secret_wipe(plain, sizeof(plain));
    buf_fini(&text);
    return rc;
}

/* The key of an earlier try with this code, or a new one, which is kept before anybody hears of it. */
static enum err_code take_key(struct enrolment *enrolment, struct error *err)
{
    SCOPED(secret_free) struct secret pkcs8 = { 0 };
    const struct slice parts[] = { slice_of(TRY_CONTEXT, sizeof(TRY_CONTEXT)),
                                   slice_of(enrolment->code.secret, ENROLMENT_SECRET_BYTES),
                                   slice_of(enrolment->code.ca_pin, ENROLMENT_PIN_BYTES) };
    uint8_t code[SHA256_BYTES];
    bool found;
    sha256(parts, ARRAY_LEN(parts), code);
    TRY(store_enrolment_read(enrolment->store, code, &pkcs8, &found, err));
    if (found) {
        return device_key_load(slice_of(pkcs8.bytes, pkcs8.len), &enrolment->key, err);
    }
    TRY(device_key_generate(&enrolment->key, err));
    TRY(device_key_export(enrolment->key, &pkcs8, err));
    return store_enrolment_keep(enrolment->store, code, &pkcs8, err);
}

static enum err_code ask_certificate(struct enrolment *enrolment, struct error *err)
{
    bool renewal = enrolment->kind == ENROLMENT_RENEWAL;
    enrolment->step = ENROLMENT_CERTIFICATE;
    if (enrolment->key == NULL) {
        TRY(take_key(enrolment, err));
    }
    TRY(renewal ? show(enrolment, &enrolment->held.certificate, err) : authorize(enrolment, err));
    SCOPED(buf_fini) struct buf request;
    buf_init(&request, CERTIFICATE_DER_MAX);
    TRY(device_key_request(enrolment->key, COMMON_NAME, &request, err));
    buf_clear(&enrolment->body);
    TRY(base64_encode(buf_slice(&request), &enrolment->body, err));
    return ask(enrolment, renewal ? SIMPLEREENROLL_PATH : SIMPLEENROLL_PATH, "application/pkcs10",
               buf_slice(&enrolment->body), err);
}

static enum err_code ask_site(struct enrolment *enrolment, struct error *err)
{
    enrolment->step = ENROLMENT_SITE;
    TRY(show(enrolment, &enrolment->identity.certificate, err));
    return ask(enrolment, SITE_PATH, NULL, (struct slice){ 0 }, err);
}

/* ---- one answer ---- */

static enum err_code decode_pkcs7(struct slice body, struct buf *out, struct error *err)
{
    SCOPED(buf_fini) struct buf der;
    buf_init(&der, ANSWER_MAX);
    buf_clear(out);
    if (base64_decode(body, &der, err) != ERR_OK || pkcs7_first(buf_slice(&der), out, err) != ERR_OK) {
        return error_wrap(err, ERR_PROTOCOL, "read the centre's certificate");
    }
    return ERR_OK;
}

static enum err_code take_ca(struct enrolment *enrolment, struct slice body, struct error *err)
{
    SCOPED(buf_fini) struct buf der;
    SCOPED(buf_fini) struct buf given;
    struct buf *ca = &enrolment->identity.ca;
    buf_init(&der, ANSWER_MAX);
    buf_init(&given, ANSWER_MAX);
    if (base64_decode(body, &der, err) != ERR_OK || pkcs7_all(buf_slice(&der), &given, err) != ERR_OK) {
        return error_wrap(err, ERR_PROTOCOL, "read the centre's authorities");
    }
    buf_clear(ca);
    if (enrolment->kind == ENROLMENT_RENEWAL) {
        TRY(authorities_follow(buf_slice(&given), buf_slice(&enrolment->held.ca), now_ms(enrolment), ca, err));
    } else {
        TRY(authorities_pinned(buf_slice(&given), slice_of(enrolment->code.ca_pin, ENROLMENT_PIN_BYTES),
                               now_ms(enrolment), ca, err));
    }
    return to_pem(authorities_present(buf_slice(ca)), &enrolment->ca_pem, err);
}

static enum err_code take_certificate(struct enrolment *enrolment, struct slice body, struct error *err)
{
    struct store_identity *identity = &enrolment->identity;
    SCOPED(buf_fini) struct buf der;
    buf_init(&der, CERTIFICATE_DER_MAX);
    TRY(decode_pkcs7(body, &der, err));
    struct certificate certificate;
    TRY(certificate_verify(buf_slice(&der), authorities_present(buf_slice(&identity->ca)), now_ms(enrolment),
                           &certificate, err));
    uint8_t device[DEVICE_ID_BYTES];
    device_key_id(enrolment->key, device);
    if (certificate.role != CERTIFICATE_ROLE_AGENT || certificate.stream_count == 0 ||
        memcmp(certificate.device, device, sizeof(device)) != 0) {
        return FAIL(err, PROTOCOL, "check the certificate: it was not made for this device's key and a site");
    }
    if (enrolment->kind != ENROLMENT_NEW &&
        memcmp(certificate.streams[0], enrolment->held.stream, STREAM_ID_BYTES) != 0) {
        return FAIL(err, CONFLICT,
                    "enrol: this code is for another site than this replica's; ask for one for its site");
    }
    memcpy(identity->device, device, sizeof(device));
    memcpy(identity->stream, certificate.streams[0], STREAM_ID_BYTES);
    memcpy(identity->organisation, certificate.organisation, ORGANISATION_ID_BYTES);
    buf_clear(&identity->certificate);
    return buf_append(&identity->certificate, der.data, der.len, err);
}

static void copy_name(struct dcbor_reader *r, char out[STORE_NAME_MAX + 1])
{
    struct slice text = dcbor_get_text(r, STORE_NAME_MAX);
    if (text.len > 0) {
        memcpy(out, text.data, text.len);
    }
    out[text.len] = '\0';
}

enum err_code enrolment_read_site(struct slice body, const struct store_identity *identity, int64_t now_ms,
                                  char site[STORE_NAME_MAX + 1], char organisation[STORE_NAME_MAX + 1],
                                  struct error *err)
{
    struct dcbor_reader r = dcbor_reader_begin(body, err);
    struct slice centre = { 0 };
    site[0] = '\0';
    organisation[0] = '\0';
    size_t pairs = dcbor_get_map(&r, 16);
    for (size_t i = 0; i < pairs; i++) {
        switch (dcbor_get_uint(&r, UINT32_MAX)) {
        case 1:
            copy_name(&r, site);
            break;
        case 2:
            copy_name(&r, organisation);
            break;
        case 3:
            centre = dcbor_get_bytes(&r, 1, CERTIFICATE_DER_MAX);
            break;
        default:
            (void)dcbor_skip(&r);
        }
    }
    TRY(dcbor_reader_end(&r));
    struct certificate certificate;
    TRY(certificate_verify(centre, authorities_present(buf_slice(&identity->ca)), now_ms, &certificate, err));
    if (certificate.role != CERTIFICATE_ROLE_CENTRE || site[0] == '\0') {
        return FAIL(err, PROTOCOL, "read the site: expected its name and the centre's own certificate");
    }
    return ERR_OK;
}

/* With the centre's own words when it gives some. */
static enum err_code check_status(const struct http_result *result, const char *what, struct error *err)
{
    struct exchange_error said = { 0 };
    if (result->status == 200) {
        return ERR_OK;
    }
    (void)!exchange_error_decode(result->body, &said, NULL);
    int len = (int)said.message.len;
    const char *text = len > 0 ? (const char *)said.message.data : "";
    const char *says = len > 0 ? "; it says: " : "";
    switch (result->status) {
    case 401:
    case 403:
        return FAIL(err, REFUSED, "enrol: the centre does not take this %s%s%.*s", what, says, len, text);
    case 202:
    case 429:
    case 503:
        return FAIL(err, BUSY, "enrol: the centre asks to try again %s%.*s", len > 0 ? "later: " : "later", len, text);
    case 404:
        return FAIL(err, PROTOCOL, "enrol: what answers there is no holdfast centre; check the address");
    default:
        return FAIL(err, PROTOCOL, "enrol: the centre answered with status %ld%s%.*s", result->status, says, len, text);
    }
}

static enum err_code take_answer(struct enrolment *enrolment, const struct http_result *result, struct error *err)
{
    if (result->outcome != ERR_OK) {
        *err = result->error;
        err->code = result->outcome;
        return error_wrap(err, result->outcome, "enrol");
    }
    TRY(check_status(result, enrolment->kind == ENROLMENT_RENEWAL ? "certificate" : "code", err));
    switch (enrolment->step) {
    case ENROLMENT_CA:
        return take_ca(enrolment, result->body, err);
    case ENROLMENT_CERTIFICATE:
        return take_certificate(enrolment, result->body, err);
    case ENROLMENT_SITE:
        return enrolment_read_site(result->body, &enrolment->identity, now_ms(enrolment), enrolment->identity.site_name,
                                   enrolment->organisation_name, err);
    case ENROLMENT_IDLE:
        break;
    }
    CHECK(false);
}

/* ---- the steps ---- */

static enum err_code keep(struct enrolment *enrolment, struct error *err)
{
    struct store_identity *identity = &enrolment->identity;
    secret_free(&identity->key_pkcs8);
    TRY(device_key_export(enrolment->key, &identity->key_pkcs8, err));
    identity->incarnation = FIRST_INCARNATION;
    identity->enrolled = true;
    return store_identity_write(enrolment->store, identity, err);
}

static void finish(struct enrolment *enrolment, enum err_code rc)
{
    struct enrolled result = { .organisation_name = enrolment->organisation_name, .identity = &enrolment->identity };
    enrolment->step = ENROLMENT_IDLE;
    enrolment->cancelled = false;
    clean(enrolment);
    if (rc == ERR_OK) {
        LOG_INFO(enrolment->kind == ENROLMENT_RENEWAL ? "certificate_renewed" : "device_enrolled", "%s", "");
    } else {
        log_error(enrolment->kind == ENROLMENT_RENEWAL ? "renewal_failed" : "enrolment_failed", &enrolment->err);
    }
    enrolment->done(enrolment->context, rc, &enrolment->err, rc == ERR_OK ? &result : NULL);
    if (rc == ERR_OK || enrolment->kind != ENROLMENT_NEW) {
        forget(enrolment); /* nothing that another try would need */
    }
}

/* The one place that decides what comes next. */
static void advance(struct enrolment *enrolment)
{
    struct error *err = &enrolment->err;
    enum err_code rc = enrolment->rc;
    if (enrolment->cancelled) {
        rc = FAIL(err, LOCKED, "enrol: the replica was locked meanwhile");
    }
    if (rc == ERR_OK) {
        switch (enrolment->step) {
        case ENROLMENT_CA: /* a certificate of an earlier try with this code serves */
            rc = enrolment->identity.certificate.len > 0 ? ask_site(enrolment, err) : ask_certificate(enrolment, err);
            break;
        case ENROLMENT_CERTIFICATE:
            rc = ask_site(enrolment, err);
            break;
        case ENROLMENT_SITE:
            finish(enrolment, keep(enrolment, err));
            return;
        case ENROLMENT_IDLE:
            CHECK(false);
        }
    }
    if (rc != ERR_OK) {
        finish(enrolment, rc);
    }
}

static enum err_code check_endpoint(const struct enrolment_input *input, char out[STORE_URL_MAX + 1], struct error *err)
{
    TRY(enrolment_endpoint_check(input->endpoint, err));
    size_t len = strlen(input->endpoint);
    while (input->endpoint[len - 1] == '/') {
        len--;
    }
    memcpy(out, input->endpoint, len);
    out[len] = '\0';
    return ERR_OK;
}

/* Takes the key of an enrolled device over. */
static enum err_code take_held(struct enrolment *enrolment, struct error *err)
{
    struct store_identity *held = &enrolment->held;
    store_identity_fini(held);
    *held = (struct store_identity){ 0 };
    TRY(store_identity_read(enrolment->store, held, err));
    bool wanted = enrolment->kind != ENROLMENT_NEW;
    if (held->enrolled && !wanted) {
        return FAIL(err, CONFLICT,
                    "enrol: this device is enrolled already; with --again it takes a new certificate and keeps its "
                    "records");
    }
    if (!held->enrolled && wanted) {
        return FAIL(err, CONFLICT, "enrol again: this device is not enrolled yet; leave --again out");
    }
    if (wanted) {
        device_key_free(enrolment->key);
        enrolment->key = NULL;
        TRY(device_key_load(slice_of(held->key_pkcs8.bytes, held->key_pkcs8.len), &enrolment->key, err));
        secret_free(&held->key_pkcs8);
    }
    return ERR_OK;
}

static enum err_code begin(struct enrolment *enrolment, struct error *err)
{
    enum err_code rc = take_held(enrolment, err);
    if (rc == ERR_OK && enrolment->kind == ENROLMENT_RENEWAL) {
        memcpy(enrolment->identity.endpoint, enrolment->held.endpoint, sizeof(enrolment->identity.endpoint));
        rc = to_pem(authorities_present(buf_slice(&enrolment->held.ca)), &enrolment->ca_pem, err);
    }
    rc = rc != ERR_OK ? rc : ask_ca(enrolment, err);
    if (rc != ERR_OK) {
        enrolment->step = ENROLMENT_IDLE;
        forget(enrolment);
    }
    return rc;
}

enum err_code enrolment_start(struct enrolment *enrolment, struct store *store, const struct enrolment_input *input,
                              enrolment_done done, void *context, struct error *err)
{
    struct enrolment_code code;
    char endpoint[STORE_URL_MAX + 1];
    enum enrolment_kind kind = input->again ? ENROLMENT_AGAIN : ENROLMENT_NEW;
    if (enrolment_running(enrolment)) {
        return FAIL(err, BUSY, "enrol: another try is running");
    }
    TRY(enrolment_code_parse(input->code, &code, err));
    TRY(check_endpoint(input, endpoint, err));
    bool same = enrolment->has_code && enrolment->kind == kind && memcmp(&enrolment->code, &code, sizeof(code)) == 0 &&
                strcmp(enrolment->identity.endpoint, endpoint) == 0;
    if (!same) {
        forget(enrolment);
        enrolment->code = code;
        enrolment->has_code = true;
        memcpy(enrolment->identity.endpoint, endpoint, sizeof(endpoint));
    }
    enrolment->kind = kind;
    enrolment->clock_offset_ms = 0;
    enrolment->store = store;
    enrolment->done = done;
    enrolment->context = context;
    enrolment->err = (struct error){ 0 };
    secret_wipe(&code, sizeof(code));
    return begin(enrolment, err);
}

enum err_code enrolment_renew(struct enrolment *enrolment, struct store *store, int64_t clock_offset_ms,
                              enrolment_done done, void *context, struct error *err)
{
    if (enrolment_running(enrolment)) {
        return FAIL(err, BUSY, "renew the certificate: an enrolment is running");
    }
    forget(enrolment);
    enrolment->kind = ENROLMENT_RENEWAL;
    enrolment->clock_offset_ms = clock_offset_ms;
    enrolment->store = store;
    enrolment->done = done;
    enrolment->context = context;
    enrolment->err = (struct error){ 0 };
    return begin(enrolment, err);
}

void enrolment_cancel(struct enrolment *enrolment)
{
    if (!enrolment_running(enrolment) || enrolment->cancelled) {
        return;
    }
    enrolment->cancelled = true;
    stop_http(enrolment);
}
