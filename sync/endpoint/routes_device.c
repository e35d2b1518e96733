/*
 * What devices may ask over TLS: EST (RFC 7030), their site, the exchange, and whether anybody is there.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/secret.h"
#include "sync/endpoint/endpoint.h"

#define EST_REQUEST_MAX 16384
#define EST_ANSWER "application/pkcs7-mime; smime-type=certs-only"
#define SITE_CONTENT_TYPE "application/cbor"
#define RETRY_AFTER_S 60U

struct device_call {
    struct endpoint *endpoint;
    const struct http_request *request;
    int64_t now_ms;
    bool waited; /* it was kept back already: it is answered now */
    bool kept;   /* the answer comes later */
    struct buf answer;
    unsigned retry_after_s; /* of a refusal that ends by itself; 0: no such */
    struct error *err;
};

struct device_route {
    const char *method;
    const char *path;
    const char *content_type; /* of the answer */
    bool base64;              /* the answer is encoded so */
    enum err_code (*run)(struct device_call *call);
};

/* ---- EST ---- */

/* `Basic base64("code:" password)`; the password is copied out. */
static enum err_code read_password(const char *authorization, char *out, size_t size, struct error *err)
{
    static const char user[] = "code:";
    SCOPED(buf_fini) struct buf text;
    buf_init(&text, HTTP_HEADER_VALUE_MAX);
    if (strncasecmp(authorization, "Basic ", strlen("Basic ")) != 0) {
        return FAIL(err, TLS, "enrol: the request carries no code");
    }
    if (base64_decode(slice_of_text(authorization + strlen("Basic ")), &text, NULL) != ERR_OK ||
        text.len < strlen(user) || memcmp(text.data, user, strlen(user)) != 0 || text.len - strlen(user) >= size) {
        return FAIL(err, REFUSED, "enrol: the code is not known, has run out or was used; ask for a new one");
    }
    size_t len = text.len - strlen(user);
    memcpy(out, text.data + strlen(user), len);
    out[len] = '\0';
    secret_wipe(text.data, text.len);
    return ERR_OK;
}

static enum err_code read_request(const struct device_call *call, struct buf *der)
{
    buf_init(der, EST_REQUEST_MAX);
    return base64_decode(call->request->body, der, call->err);
}

static enum err_code run_authorities(struct device_call *call)
{
    return centre_authorities(call->endpoint->centre, call->now_ms, &call->answer, call->err);
}

static enum err_code enrol(struct device_call *call)
{
    char password[64];
    SCOPED(buf_fini) struct buf der;
    TRY(read_request(call, &der));
    TRY(read_password(call->request->authorization, password, sizeof(password), call->err));
    enum err_code rc =
        centre_enrol(call->endpoint->centre, password, buf_slice(&der), call->now_ms, &call->answer, call->err);
    secret_wipe(password, sizeof(password));
    return rc;
}

static enum err_code run_enrol(struct device_call *call)
{
    struct strangers *strangers = &call->endpoint->strangers;
    const uint8_t *address = call->request->peer_address;
    call->retry_after_s = strangers_wait_s(strangers, address, clock_monotonic_ms());
    if (call->retry_after_s > 0) {
        return FAIL(call->err, BUSY, "enrol: too many wrong codes came from this address; wait %u minutes",
                    (call->retry_after_s + 59) / 60);
    }
    enum err_code rc = enrol(call);
    bool tried = call->request->authorization[0] != '\0'; /* some clients ask without anything first */
    if (tried && (rc == ERR_REFUSED || rc == ERR_TLS)) {
        strangers_was_wrong(strangers, address, clock_monotonic_ms());
        LOG_WARNING("enrolment_code_wrong", "all=%u", strangers->all.wrong);
    }
    return rc;
}

static enum err_code run_renew(struct device_call *call)
{
    SCOPED(buf_fini) struct buf der;
    TRY(read_request(call, &der));
    return centre_renew(call->endpoint->centre, call->request->peer_certificate, buf_slice(&der), call->now_ms,
                        &call->answer, call->err);
}

/* ---- the rest ---- */

static enum err_code run_site(struct device_call *call)
{
    return centre_site_info(call->endpoint->centre, call->request->peer_certificate, call->now_ms, &call->answer,
                            call->err);
}

static enum err_code run_exchange(struct device_call *call)
{
    const char *type = call->request->content_type; /* what is left out costs nothing, and each exchange counts */
    if (type[0] != '\0' && strcmp(type, EXCHANGE_CONTENT_TYPE) != 0) {
        return FAIL(call->err, PROTOCOL, "take an exchange: expected the content type " EXCHANGE_CONTENT_TYPE);
    }
    if (!call->waited) {
        http_cut_others(call->endpoint->devices, call->request);
    }
    struct waiting *waiting = call->endpoint->waiting;
    struct centre_wait wait;
    TRY(centre_exchange_or_wait(call->endpoint->centre, call->request->peer_certificate, call->request->body,
                                call->now_ms, &wait, &call->answer, call->err));
    if (!call->waited) {
        waiting_drop(waiting, wait.device);
        call->kept = wait.s > 0 && waiting_keep(waiting, call->request, &wait);
    }
    return ERR_OK;
}

static enum err_code run_health(struct device_call *call)
{
    return buf_append_text(&call->answer, "ok\n", call->err);
}

static const struct device_route routes[] = {
    { "POST", EXCHANGE_PATH, EXCHANGE_CONTENT_TYPE, false, run_exchange },
    { "GET", "/v1/site", SITE_CONTENT_TYPE, false, run_site },
    { "GET", "/.well-known/est/cacerts", EST_ANSWER, true, run_authorities },
    { "POST", "/.well-known/est/simpleenroll", EST_ANSWER, true, run_enrol },
    { "POST", "/.well-known/est/simplereenroll", EST_ANSWER, true, run_renew },
    { "GET", "/healthz", "text/plain; charset=utf-8", false, run_health },
};

/* ---- answers ---- */

static void answer_failure(struct device_call *call, enum err_code code, int status)
{
    SCOPED(buf_fini) struct buf body;
    buf_init(&body, 4096);
    char seconds[16];
    (void)snprintf(seconds, sizeof(seconds), "%u", call->retry_after_s > 0 ? call->retry_after_s : RETRY_AFTER_S);
    const char *const later[] = { "Retry-After", seconds, NULL };
    const char *const who[] = { "WWW-Authenticate", "Basic realm=\"holdfast\"", NULL };
    const char *const *headers = status == 503 || status == 429 ? later : NULL;
    bool enrolling = strncmp(call->request->path, "/.well-known/est/", strlen("/.well-known/est/")) == 0;
    if (status == 401 && enrolling) {
        headers = who;
    }
    /* What went wrong inside is the operator's to read in the log. */
    const char *message = status >= 500 ? "the centre cannot answer now" : call->err->message;
    if (exchange_error_encode(code, message, &body, NULL) != ERR_OK) {
        buf_clear(&body);
    }
    http_answer(call->request->exchange, status, EXCHANGE_ERROR_CONTENT_TYPE, buf_slice(&body), headers);
    if (status >= 500) {
        endpoint_failed(call->endpoint, "request_failed", call->err);
    }
}

/* The connection's own verdict says more than that there was no certificate. */
static void explain_peer(struct device_call *call, enum err_code code)
{
    if (code == ERR_TLS && call->request->peer_problem[0] != '\0') {
        (void)FAIL(call->err, TLS, "know the device: %s", call->request->peer_problem);
    }
}

static void answer_success(struct device_call *call, const struct device_route *route)
{
    static const char *const encoded[] = { "Content-Transfer-Encoding", "base64", NULL };
    SCOPED(buf_fini) struct buf text;
    buf_init(&text, 2 * CERTIFICATE_DER_MAX);
    if (!route->base64) {
        http_answer(call->request->exchange, 200, route->content_type, buf_slice(&call->answer), NULL);
        return;
    }
    enum err_code rc = base64_encode(buf_slice(&call->answer), &text, call->err);
    if (rc != ERR_OK) {
        answer_failure(call, rc, 500);
        return;
    }
    http_answer(call->request->exchange, 200, route->content_type, buf_slice(&text), encoded);
}

static void run_route(struct device_call *call, const struct device_route *route)
{
    int64_t began_ms = clock_monotonic_ms();
    enum err_code rc = route->run(call);
    int status = call->retry_after_s > 0 ? 429 : centre_status_of(rc);
    if (call->kept) {
        return;
    }
    if (rc == ERR_OK) {
        answer_success(call, route);
    } else {
        explain_peer(call, rc);
        answer_failure(call, rc, status);
    }
    LOG_DEBUG("request_answered", "path=%s status=%d received=%zu answered=%zu ms=%lld", route->path, status,
              call->request->body.len, call->answer.len, (long long)(clock_monotonic_ms() - began_ms));
}

static void answer_request(struct endpoint *endpoint, const struct http_request *request, bool waited)
{
    struct error err = { 0 };
    struct device_call call = {
        .endpoint = endpoint, .request = request, .now_ms = clock_wall_ms(), .waited = waited, .err = &err
    };
    bool path_known = false;
    buf_init(&call.answer, EXCHANGE_RESPONSE_MAX);
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        bool same_path = strcmp(routes[i].path, request->path) == 0;
        path_known |= same_path;
        if (same_path && strcmp(routes[i].method, request->method) == 0) {
            run_route(&call, &routes[i]);
            buf_fini(&call.answer);
            return;
        }
    }
    (void)FAIL(&err, NOT_FOUND, "there is nothing here for devices");
    answer_failure(&call, ERR_NOT_FOUND, path_known ? 405 : 404);
    buf_fini(&call.answer);
}

void routes_device(void *context, const struct http_request *request)
{
    struct endpoint *endpoint = context;
    answer_request(endpoint, request, false);
    waiting_look(endpoint->waiting);
    endpoint_erase(endpoint);
}

void routes_device_cut(void *context, const struct http_request *request)
{
    struct endpoint *endpoint = context;
    struct error err;
    if (strcmp(request->path, EXCHANGE_PATH) == 0 &&
        centre_cut_short(endpoint->centre, request->peer_certificate, request->body, clock_wall_ms(), &err) != ERR_OK) {
        LOG_DEBUG("request_cut", "received=%zu code=%s", request->body.len, err_code_name(err.code));
    }
    endpoint_erase(endpoint); /* what arrived before the break may have been an erasure */
}

void routes_device_waited(void *context, const struct http_request *request)
{
    answer_request(context, request, true);
}
