#include "world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define WAIT_MS 20000
#define TICK_MS 20

static const uint8_t organisation[ORGANISATION_ID_BYTES] = { 1 };
static const uint8_t streams[1][STREAM_ID_BYTES] = { { 2 } };

void party_make(struct authority *ca, enum certificate_role role, const char *host, int64_t from_days, int64_t to_days,
                struct party *ret_party)
{
    struct error err;
    memset(ret_party, 0, sizeof(*ret_party));
    buf_init(&ret_party->certificate_der, CERTIFICATE_DER_MAX);
    buf_init(&ret_party->certificate_pem, 16384);
    struct buf request;
    buf_init(&request, 16384);
    cr_assert(device_key_generate(&ret_party->key, &err) == ERR_OK);
    cr_assert(device_key_export_pem(ret_party->key, &ret_party->key_pem, &err) == ERR_OK);
    cr_assert(device_key_request(ret_party->key, "test", &request, &err) == ERR_OK);
    const char *const hosts[] = { host };
    bool agent = role == CERTIFICATE_ROLE_AGENT;
    struct certificate_grant grant = {
        .role = role,
        .common_name = "test",
        .organisation = agent ? organisation : NULL,
        .streams = agent ? streams : NULL,
        .stream_count = agent ? 1 : 0,
        .host_names = host != NULL ? hosts : NULL,
        .host_name_count = host != NULL ? 1 : 0,
        .not_before_ms = clock_wall_ms() + from_days * DAY_MS,
        .not_after_ms = clock_wall_ms() + to_days * DAY_MS,
    };
    cr_assert(authority_issue(ca, buf_slice(&request), &grant, &ret_party->certificate_der, &err) == ERR_OK, "%s",
              err.message);
    cr_assert(certificate_to_pem(buf_slice(&ret_party->certificate_der), &ret_party->certificate_pem, &err) == ERR_OK);
    cr_assert(buf_append(&ret_party->certificate_pem, "", 1, &err) == ERR_OK);
    buf_fini(&request);
}

void party_fini(struct party *party)
{
    device_key_free(party->key);
    secret_free(&party->key_pem);
    buf_fini(&party->certificate_der);
    buf_fini(&party->certificate_pem);
}

void authority_pem(const struct authority *ca, struct buf *ret_pem)
{
    buf_init(ret_pem, 16384);
    cr_assert(certificate_to_pem(authority_certificate(ca), ret_pem, NULL) == ERR_OK);
    cr_assert(buf_append(ret_pem, "", 1, NULL) == ERR_OK);
}

void world_init(struct world *world)
{
    struct error err;
    memset(world, 0, sizeof(*world));
    cr_assert(secret_init(&err) == ERR_OK, "%s", err.message);
    cr_assert(uv_loop_init(&world->loop) == 0);
    buf_init(&world->body, 16 * 1024 * 1024);
    cr_assert(authority_new("test authority", clock_wall_ms(), &world->ca, &err) == ERR_OK);
    authority_pem(world->ca, &world->ca_pem);
    party_make(world->ca, CERTIFICATE_ROLE_SERVER, "127.0.0.1", -1, 30, &world->server_party);
    party_make(world->ca, CERTIFICATE_ROLE_AGENT, NULL, -1, 30, &world->client_party);
}

void world_serve(struct world *world, http_handler handler, void *context)
{
    world_serve_on(world, "127.0.0.1", handler, context);
}

void world_serve_on(struct world *world, const char *host, http_handler handler, void *context)
{
    struct error err;
    SCOPED(buf_fini) struct buf key;
    buf_init(&key, 16384);
    cr_assert(buf_append(&key, world->server_party.key_pem.bytes, world->server_party.key_pem.len, &err) == ERR_OK);
    cr_assert(buf_append(&key, "", 1, &err) == ERR_OK);
    struct http_server_options options = {
        .host = host,
        .certificate_pem = (const char *)world->server_party.certificate_pem.data,
        .key_pem = (const char *)key.data,
        .ca_pem = (const char *)world->ca_pem.data,
        .body_max = BODY_MAX,
        .connections_max = 16,
        .connections_per_address = world->connections_per_address,
        .idle_timeout_s = 2,
        .request_timeout_s = world->request_timeout_s,
        .handler = handler,
        .context = context,
    };
    cr_assert(http_server_start(&world->loop, &options, &world->server, &err) == ERR_OK, "%s", err.message);
    bool colons = strchr(host, ':') != NULL;
    (void)snprintf(world->base, sizeof(world->base), "https://%s%s%s:%u", colons ? "[" : "", host, colons ? "]" : "",
                   http_server_port(world->server));
}

void world_connect(struct world *world, const struct party *party, const char *ca_pem)
{
    struct error err;
    struct http_client_options options = {
        .ca_pem = ca_pem,
        .connect_timeout_s = 5,
        .response_max = 1024 * 1024,
    };
    if (party != NULL) {
        options.certificate_pem = (const char *)party->certificate_pem.data;
        options.key_pem = slice_of(party->key_pem.bytes, party->key_pem.len);
    }
    cr_assert(http_client_start(&world->loop, &options, &world->client, &err) == ERR_OK, "%s", err.message);
}

void world_note(void *context, const struct http_result *result)
{
    struct world *world = context;
    world->answers++;
    world->result = *result;
    (void)snprintf(world->content_type, sizeof(world->content_type), "%s", result->content_type);
    world->result.content_type = world->content_type;
    buf_clear(&world->body);
    cr_assert(buf_append(&world->body, result->body.data, result->body.len, NULL) == ERR_OK);
    world->result.body = buf_slice(&world->body);
}

static void on_tick(uv_timer_t *timer)
{
    int *ticks = timer->data;
    (*ticks)++;
}

void world_run_until(struct world *world, const int *counter, int value)
{
    int ticks = 0;
    uv_timer_t timer = { .data = &ticks };
    cr_assert(uv_timer_init(&world->loop, &timer) == 0);
    cr_assert(uv_timer_start(&timer, on_tick, TICK_MS, TICK_MS) == 0);
    while (*counter < value && ticks < WAIT_MS / TICK_MS) {
        (void)uv_run(&world->loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&timer, NULL);
    (void)uv_run(&world->loop, UV_RUN_NOWAIT);
    cr_assert_geq(*counter, value, "nothing came in %d ms", WAIT_MS);
}

void world_ask_url(struct world *world, const char *url, struct slice body)
{
    struct http_post post = { .url = url, .content_type = "application/x-test", .body = body };
    int before = world->answers;
    http_client_post(world->client, &post, world_note, world);
    cr_assert_eq(world->answers, before, "a request must not end inside the call that began it");
    world_run_until(world, &world->answers, before + 1);
}

void world_ask(struct world *world, const char *path, struct slice body)
{
    char url[512];
    (void)snprintf(url, sizeof(url), "%s%s", world->base, path);
    world_ask_url(world, url, body);
}

static void count_stop(void *context)
{
    int *stopped = context;
    (*stopped)++;
}

void world_fini(struct world *world)
{
    int stopped = 0;
    int started = 0;
    if (world->client != NULL) {
        http_client_stop(world->client, count_stop, &stopped);
        started++;
    }
    if (world->server != NULL) {
        http_server_stop(world->server, count_stop, &stopped);
        started++;
    }
    cr_assert_eq(stopped, 0, "a stop must not end inside the call that began it");
    (void)uv_run(&world->loop, UV_RUN_DEFAULT); /* ends only when every handle is closed */
    cr_assert_eq(stopped, started);
    cr_assert(uv_loop_close(&world->loop) == 0);
    party_fini(&world->server_party);
    party_fini(&world->client_party);
    authority_free(world->ca);
    buf_fini(&world->ca_pem);
    buf_fini(&world->body);
}
