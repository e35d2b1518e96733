#include "tests/support/impostor.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/store.h"
#include "sync/edge/http_client.h"
#include "sync/edge/http_server.h"
#include "sync/exchange.h"

#define DAY_MS INT64_C(86400000)
#define PEM_MAX 16384
#define GARBAGE_BYTES 3000
#define CONNECTIONS_MAX 32
#define IDLE_S 60
#define CONNECT_S 10

static const char portal_page[] = "<!doctype html><title>Guest network</title><p>Please sign in.</p>";

struct impostor {
    uv_loop_t loop;
    uv_async_t stop;
    pthread_t thread;
    struct http_server *server;
    struct http_client *relay; /* NULL: does not relay */
    int open_parts;
    _Atomic int manner;
    atomic_uint requests;

    struct secret relay_key_pem;
    struct buf relay_certificate_pem;
    struct buf relay_ca_pem;
    char relay_url[96];

    /* the request that is being relayed */
    struct http_exchange *waiting;
    struct buf request;
    int times_left;
    struct buf last_answer; /* what the centre answered the time before */
    size_t flips;
};

/* ---- relaying ---- */

static void answer_body(struct http_exchange *exchange, struct slice body)
{
    http_answer(exchange, 200, EXCHANGE_CONTENT_TYPE, body, NULL);
}

static void answer_flipped(struct impostor *impostor, struct slice body)
{
    SCOPED(buf_fini) struct buf changed;
    buf_init(&changed, EXCHANGE_RESPONSE_MAX);
    CHECK(buf_append(&changed, body.data, body.len, NULL) == ERR_OK);
    size_t bit = impostor->flips++ * 977; /* a prime: a walk over all of the answer */
    changed.data[bit / 8 % changed.len] ^= (uint8_t)(1U << bit % 8);
    answer_body(impostor->waiting, buf_slice(&changed));
}

static void give_answer(struct impostor *impostor, struct slice body)
{
    struct buf *last = &impostor->last_answer;
    switch ((enum impostor_manner)impostor->manner) {
    case IMPOSTOR_LOST:
        break;
    case IMPOSTOR_STALE:
        answer_body(impostor->waiting, last->len > 0 ? buf_slice(last) : body);
        break;
    case IMPOSTOR_TRUNCATED:
        answer_body(impostor->waiting, slice_of(body.data, body.len / 2));
        break;
    case IMPOSTOR_FLIPPED:
        answer_flipped(impostor, body);
        break;
    default:
        answer_body(impostor->waiting, body);
        break;
    }
    impostor->waiting = NULL;
    buf_clear(last);
    CHECK(buf_append(last, body.data, body.len, NULL) == ERR_OK);
}

static void relay(struct impostor *impostor);

static void on_relayed(void *context, const struct http_result *result)
{
    struct impostor *impostor = context;
    if (impostor->times_left > 0 && result->outcome == ERR_OK) {
        relay(impostor);
        return;
    }
    if (result->outcome != ERR_OK || result->status != 200) {
        http_answer(impostor->waiting, result->outcome == ERR_OK ? (int)result->status : 503, result->content_type,
                    result->body, NULL);
        impostor->waiting = NULL;
        return;
    }
    give_answer(impostor, result->body);
}

static void relay(struct impostor *impostor)
{
    struct http_post post = { .url = impostor->relay_url,
                              .content_type = EXCHANGE_CONTENT_TYPE,
                              .body = buf_slice(&impostor->request) };
    impostor->times_left--;
    http_client_post(impostor->relay, &post, on_relayed, impostor);
}

static void begin_relay(struct impostor *impostor, const struct http_request *request)
{
    if (impostor->waiting != NULL || impostor->relay == NULL) {
        http_answer(request->exchange, 503, "text/plain", slice_of_text("busy"), NULL);
        return;
    }
    impostor->waiting = request->exchange;
    impostor->times_left = impostor->manner == IMPOSTOR_TWICE ? 2 : 1;
    buf_clear(&impostor->request);
    CHECK(buf_append(&impostor->request, request->body.data, request->body.len, NULL) == ERR_OK);
    relay(impostor);
}

/* ---- answers of its own ---- */

static void answer_bytes(const struct http_request *request, size_t len)
{
    uint8_t *bytes = malloc(len);
    CHECK(bytes != NULL);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(i * i * 31 + i * 7 + 13);
    }
    answer_body(request->exchange, slice_of(bytes, len));
    free(bytes);
}

static void on_request(void *context, const struct http_request *request)
{
    struct impostor *impostor = context;
    static const char *const redirect[] = { "Location", "https://portal.example/sign-in", NULL };
    char seconds[16];
    (void)snprintf(seconds, sizeof(seconds), "%d", IMPOSTOR_RETRY_AFTER_S);
    const char *const retry_after[] = { "Retry-After", seconds, NULL };
    impostor->requests++;
    switch ((enum impostor_manner)impostor->manner) {
    case IMPOSTOR_PORTAL_PAGE:
        http_answer(request->exchange, 200, "text/html; charset=utf-8", slice_of_text(portal_page), NULL);
        return;
    case IMPOSTOR_REDIRECT:
        http_answer(request->exchange, 302, "text/html", slice_of_text(""), redirect);
        return;
    case IMPOSTOR_UNAVAILABLE:
        http_answer(request->exchange, 503, "text/plain", slice_of_text("down for maintenance"), retry_after);
        return;
    case IMPOSTOR_WRONG_TYPE:
        http_answer(request->exchange, 200, "application/json", slice_of_text("{\"ok\": true}"), NULL);
        return;
    case IMPOSTOR_EMPTY:
        answer_body(request->exchange, slice_of_text(""));
        return;
    case IMPOSTOR_GARBAGE:
        answer_bytes(request, GARBAGE_BYTES);
        return;
    case IMPOSTOR_OVERSIZED:
        answer_bytes(request, (size_t)EXCHANGE_RESPONSE_MAX + 1);
        return;
    case IMPOSTOR_SERVER_ERROR:
        http_answer(request->exchange, 500, "text/plain", slice_of_text(""), NULL);
        return;
    default:
        begin_relay(impostor, request);
        return;
    }
}

/* ---- certificates and keys ---- */

static void to_pem(struct slice der, struct buf *out)
{
    struct error err;
    buf_init(out, PEM_MAX);
    cr_assert_eq(certificate_to_pem(der, out, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(buf_append(out, "", 1, NULL), ERR_OK);
}

static void make_certificate(const struct impostor_certificate *wish, struct secret *ret_key_pem, struct buf *ret_pem)
{
    struct error err;
    struct device_key *key = NULL;
    SCOPED(buf_fini) struct buf request;
    SCOPED(buf_fini) struct buf der;
    buf_init(&request, PEM_MAX);
    buf_init(&der, CERTIFICATE_DER_MAX);
    cr_assert_eq(device_key_generate(&key, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(device_key_export_pem(key, ret_key_pem, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(device_key_request(key, "impostor", &request, &err), ERR_OK, "%s", err.message);
    const char *const hosts[] = { wish->host };
    struct certificate_grant grant = { .role = CERTIFICATE_ROLE_SERVER,
                                       .common_name = "impostor",
                                       .host_names = hosts,
                                       .host_name_count = 1,
                                       .not_before_ms = clock_wall_ms() + wish->from_days * DAY_MS,
                                       .not_after_ms = clock_wall_ms() + wish->to_days * DAY_MS };
    cr_assert_eq(authority_issue(wish->authority, buf_slice(&request), &grant, &der, &err), ERR_OK, "%s", err.message);
    to_pem(buf_slice(&der), ret_pem);
    device_key_free(key);
}

static void start_server(struct impostor *impostor, const struct impostor_certificate *certificate)
{
    struct error err;
    SCOPED(secret_free) struct secret key_secret = { 0 };
    SCOPED(buf_fini) struct buf key_pem;
    SCOPED(buf_fini) struct buf certificate_pem;
    SCOPED(buf_fini) struct buf ca_pem;
    buf_init(&key_pem, PEM_MAX);
    make_certificate(certificate, &key_secret, &certificate_pem);
    to_pem(authority_certificate(certificate->authority), &ca_pem);
    cr_assert_eq(buf_append(&key_pem, key_secret.bytes, key_secret.len, NULL), ERR_OK);
    cr_assert_eq(buf_append(&key_pem, "", 1, NULL), ERR_OK);
    struct http_server_options options = { .host = "127.0.0.1",
                                           .certificate_pem = (const char *)certificate_pem.data,
                                           .key_pem = (const char *)key_pem.data,
                                           .ca_pem = (const char *)ca_pem.data,
                                           .body_max = EXCHANGE_REQUEST_MAX,
                                           .connections_max = CONNECTIONS_MAX,
                                           .idle_timeout_s = IDLE_S,
                                           .handler = on_request,
                                           .context = impostor };
    cr_assert_eq(http_server_start(&impostor->loop, &options, &impostor->server, &err), ERR_OK, "%s", err.message);
    impostor->open_parts++;
}

static void start_relay(struct impostor *impostor, struct laptop *laptop)
{
    struct error err;
    struct device_key *key = NULL;
    struct store_identity identity = { 0 };
    laptop_identity(laptop, &identity);
    cr_assert_eq(device_key_load(slice_of(identity.key_pkcs8.bytes, identity.key_pkcs8.len), &key, &err), ERR_OK);
    cr_assert_eq(device_key_export_pem(key, &impostor->relay_key_pem, &err), ERR_OK);
    device_key_free(key);
    to_pem(buf_slice(&identity.certificate), &impostor->relay_certificate_pem);
    to_pem(buf_slice(&identity.ca), &impostor->relay_ca_pem);
    store_identity_fini(&identity);
    (void)snprintf(impostor->relay_url, sizeof(impostor->relay_url), "https://127.0.0.1:%u" EXCHANGE_PATH,
                   laptop->world->centre.port);
    struct http_client_options options = {
        .ca_pem = (const char *)impostor->relay_ca_pem.data,
        .certificate_pem = (const char *)impostor->relay_certificate_pem.data,
        .key_pem = slice_of(impostor->relay_key_pem.bytes, impostor->relay_key_pem.len),
        .connect_timeout_s = CONNECT_S,
        .response_max = EXCHANGE_RESPONSE_MAX,
    };
    cr_assert_eq(http_client_start(&impostor->loop, &options, &impostor->relay, &err), ERR_OK, "%s", err.message);
    impostor->open_parts++;
}

/* ---- life ---- */

static void on_part_stopped(void *context)
{
    struct impostor *impostor = context;
    if (--impostor->open_parts == 0) {
        uv_close((uv_handle_t *)&impostor->stop, NULL);
    }
}

static void on_stop(uv_async_t *async)
{
    struct impostor *impostor = async->data;
    http_server_stop(impostor->server, on_part_stopped, impostor);
    if (impostor->relay != NULL) {
        http_client_stop(impostor->relay, on_part_stopped, impostor);
    }
}

static void *work(void *context)
{
    struct impostor *impostor = context;
    (void)uv_run(&impostor->loop, UV_RUN_DEFAULT);
    return NULL;
}

struct impostor *impostor_start(const struct impostor_certificate *certificate, enum impostor_manner manner,
                                struct laptop *relay_as)
{
    struct error err;
    struct impostor *impostor = calloc(1, sizeof(*impostor));
    cr_assert_not_null(impostor);
    cr_assert_eq(secret_init(&err), ERR_OK, "%s", err.message);
    cr_assert_eq(uv_loop_init(&impostor->loop), 0);
    cr_assert_eq(uv_async_init(&impostor->loop, &impostor->stop, on_stop), 0);
    impostor->stop.data = impostor;
    impostor->manner = (int)manner;
    buf_init(&impostor->request, EXCHANGE_REQUEST_MAX);
    buf_init(&impostor->last_answer, EXCHANGE_RESPONSE_MAX);
    start_server(impostor, certificate);
    if (relay_as != NULL) {
        start_relay(impostor, relay_as);
    }
    cr_assert_eq(pthread_create(&impostor->thread, NULL, work, impostor), 0);
    return impostor;
}

void impostor_stop(struct impostor *impostor)
{
    cr_assert_eq(uv_async_send(&impostor->stop), 0);
    cr_assert_eq(pthread_join(impostor->thread, NULL), 0);
    cr_assert_eq(uv_loop_close(&impostor->loop), 0);
    secret_free(&impostor->relay_key_pem);
    buf_fini(&impostor->relay_certificate_pem);
    buf_fini(&impostor->relay_ca_pem);
    buf_fini(&impostor->request);
    buf_fini(&impostor->last_answer);
    free(impostor);
}

uint16_t impostor_port(const struct impostor *impostor)
{
    return http_server_port(impostor->server);
}

void impostor_set(struct impostor *impostor, enum impostor_manner manner)
{
    impostor->manner = (int)manner;
}

unsigned impostor_requests(struct impostor *impostor)
{
    return impostor->requests;
}
