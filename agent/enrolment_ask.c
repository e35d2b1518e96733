#include <stdio.h>
#include <string.h>

#include "agent/enrolment_check.h"
#include "agent/enrolment_parts.h"
#include "base/clock.h"

#define CACERTS_PATH "/.well-known/est/cacerts"
#define SIMPLEREENROLL_PATH "/.well-known/est/simplereenroll"
#define SIMPLEENROLL_PATH "/.well-known/est/simpleenroll"
#define SITE_PATH "/v1/site"
#define CONNECT_TIMEOUT_S 20

int64_t enrolment_now_ms(const struct enrolment *enrolment)
{
    return clock_wall_ms() - enrolment->clock_offset_ms;
}

enum err_code enrolment_to_pem(struct slice der, struct buf *out, struct error *err)
{
    buf_clear(out);
    TRY(certificate_to_pem(der, out, err));
    return buf_append(out, "", 1, err);
}

/* The certificate that the device shows from now on. */
static enum err_code show(struct enrolment *enrolment, const struct buf *certificate, struct error *err)
{
    TRY(enrolment_to_pem(buf_slice(certificate), &enrolment->certificate_pem, err));
    secret_free(&enrolment->key_pem);
    return device_key_export_pem(enrolment->key, &enrolment->key_pem, err);
}

/* `body` empty: a GET. */
static enum err_code ask(struct enrolment *enrolment, const char *path, const char *content_type, struct slice body,
                         struct error *err)
{
    struct http_client_options options = { .connect_timeout_s = CONNECT_TIMEOUT_S,
                                           .response_max = ENROLMENT_ANSWER_MAX };
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
    http_client_post(enrolment->http, &post, enrolment_answered, enrolment);
    return ERR_OK;
}

enum err_code enrolment_ask_ca(struct enrolment *enrolment, struct error *err)
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

enum err_code enrolment_ask_certificate(struct enrolment *enrolment, struct error *err)
{
    bool renewal = enrolment->kind == ENROLMENT_RENEWAL;
    enrolment->step = ENROLMENT_CERTIFICATE;
    if (enrolment->key == NULL) {
        TRY(enrolment_key_of_try(enrolment->store, &enrolment->code, &enrolment->key, err));
    }
    TRY(renewal ? show(enrolment, &enrolment->held.certificate, err) : authorize(enrolment, err));
    SCOPED(buf_fini) struct buf request;
    buf_init(&request, CERTIFICATE_DER_MAX);
    TRY(device_key_request(enrolment->key, ENROLMENT_COMMON_NAME, &request, err));
    buf_clear(&enrolment->body);
    TRY(base64_encode(buf_slice(&request), &enrolment->body, err));
    return ask(enrolment, renewal ? SIMPLEREENROLL_PATH : SIMPLEENROLL_PATH, "application/pkcs10",
               buf_slice(&enrolment->body), err);
}

enum err_code enrolment_ask_site(struct enrolment *enrolment, struct error *err)
{
    enrolment->step = ENROLMENT_SITE;
    TRY(show(enrolment, &enrolment->identity.certificate, err));
    return ask(enrolment, SITE_PATH, NULL, (struct slice){ 0 }, err);
}
