#include "agent/enrolment.h"

#include <string.h>

#include "agent/enrolment_check.h"
#include "agent/enrolment_parts.h"
#include "base/log.h"
#include "sync/exchange.h"

void enrolment_init(struct enrolment *enrolment, uv_loop_t *loop)
{
    *enrolment = (struct enrolment){ .loop = loop };
    buf_init(&enrolment->body, ENROLMENT_ANSWER_MAX);
    buf_init(&enrolment->ca_pem, ENROLMENT_ANSWER_MAX);
    buf_init(&enrolment->certificate_pem, ENROLMENT_ANSWER_MAX);
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

void enrolment_answered(void *context, const struct http_result *result)
{
    struct enrolment *enrolment = context;
    enrolment->rc = take_answer(enrolment, result, &enrolment->err);
    stop_http(enrolment);
}

/* ---- one answer ---- */

static enum err_code decode_pkcs7(struct slice body, struct buf *out, struct error *err)
{
    SCOPED(buf_fini) struct buf der;
    buf_init(&der, ENROLMENT_ANSWER_MAX);
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
    buf_init(&der, ENROLMENT_ANSWER_MAX);
    buf_init(&given, ENROLMENT_ANSWER_MAX);
    if (base64_decode(body, &der, err) != ERR_OK || pkcs7_all(buf_slice(&der), &given, err) != ERR_OK) {
        return error_wrap(err, ERR_PROTOCOL, "read the centre's authorities");
    }
    buf_clear(ca);
    if (enrolment->kind == ENROLMENT_RENEWAL) {
        TRY(authorities_follow(buf_slice(&given), buf_slice(&enrolment->held.ca), enrolment_now_ms(enrolment), ca,
                               err));
    } else {
        TRY(authorities_pinned(buf_slice(&given), slice_of(enrolment->code.ca_pin, ENROLMENT_PIN_BYTES),
                               enrolment_now_ms(enrolment), ca, err));
        TRY(authorities_remember(buf_slice(&enrolment->held.ca), ca, err));
    }
    return enrolment_to_pem(authorities_present(buf_slice(ca)), &enrolment->ca_pem, err);
}

static enum err_code take_certificate(struct enrolment *enrolment, struct slice body, struct error *err)
{
    const uint8_t *stream = enrolment->kind != ENROLMENT_NEW ? enrolment->held.stream : NULL;
    SCOPED(buf_fini) struct buf der;
    buf_init(&der, CERTIFICATE_DER_MAX);
    TRY(decode_pkcs7(body, &der, err));
    return enrolment_take_certificate(buf_slice(&der), enrolment->key, stream, enrolment_now_ms(enrolment),
                                      &enrolment->identity, err);
}

static enum err_code take_site(struct enrolment *enrolment, struct slice body, struct error *err)
{
    struct enrolment_site site;
    TRY(enrolment_read_site(body, buf_slice(&enrolment->identity.ca), enrolment_now_ms(enrolment), &site, err));
    memcpy(enrolment->identity.site_name, site.name, sizeof(site.name));
    memcpy(enrolment->organisation_name, site.organisation, sizeof(site.organisation));
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
        return take_site(enrolment, result->body, err);
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
    identity->incarnation = ENROLMENT_FIRST_INCARNATION;
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
            rc = enrolment->identity.certificate.len > 0 ? enrolment_ask_site(enrolment, err)
                                                         : enrolment_ask_certificate(enrolment, err);
            break;
        case ENROLMENT_CERTIFICATE:
            rc = enrolment_ask_site(enrolment, err);
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
        rc = enrolment_to_pem(authorities_present(buf_slice(&enrolment->held.ca)), &enrolment->ca_pem, err);
    }
    rc = rc != ERR_OK ? rc : enrolment_ask_ca(enrolment, err);
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
