#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "world.h"

/* ---- a server that does what the path says ---- */

struct service {
    struct world *world;
    int handled;
    struct http_exchange *held;
    uint8_t peer[DEVICE_ID_BYTES];
    bool peer_given;
    bool cut_before_answer;
};

static void serve(void *context, const struct http_request *request)
{
    struct service *service = context;
    service->handled++;
    service->peer_given = request->peer_certificate.len > 0;
    struct certificate certificate;
    if (service->peer_given && certificate_parse(request->peer_certificate, &certificate, NULL) == ERR_OK) {
        memcpy(service->peer, certificate.device, sizeof(service->peer));
    }
    if (strcmp(request->path, "/echo") == 0) {
        const char *const headers[] = { "Retry-After", "7", NULL };
        http_answer(request->exchange, 200, request->content_type, request->body, headers);
    } else if (strcmp(request->path, "/query") == 0) {
        const char *name = http_query(request, "name");
        cr_assert_null(http_query(request, "absent"));
        http_answer(request->exchange, 200, "text/plain", slice_of_text(name), NULL);
    } else if (strcmp(request->path, "/redirect") == 0) {
        const char *const headers[] = { "Location", "https://127.0.0.1:1/", NULL };
        http_answer(request->exchange, 302, "text/plain", slice_of_text(""), headers);
    } else if (strcmp(request->path, "/html") == 0) {
        http_answer(request->exchange, 200, "text/html; charset=utf-8", slice_of_text("<p>sign in</p>"), NULL);
    } else if (strcmp(request->path, "/gateway") == 0) {
        http_answer(request->exchange, 502, "text/html", slice_of_text("<p>later</p>"), NULL);
    } else if (strcmp(request->path, "/large") == 0) {
        static uint8_t large[2 * 1024 * 1024];
        http_answer(request->exchange, 200, "application/x-test", slice_of(large, sizeof(large)), NULL);
    } else if (strcmp(request->path, "/stop-client") == 0) {
        http_client_stop(service->world->client, NULL, NULL);
        service->world->client = NULL;
        http_answer(request->exchange, 200, "text/plain", slice_of_text(""), NULL);
    } else {
        service->held = request->exchange;
    }
}

static struct world world;
static struct service service;

static void begin(void)
{
    service = (struct service){ .world = &world };
    world_init(&world);
    world_serve(&world, serve, &service);
    world_connect(&world, &world.client_party, (const char *)world.ca_pem.data);
}

static void end(void)
{
    world_fini(&world);
}

TestSuite(http, .init = begin, .fini = end, .timeout = 60);

Test(http, carries_a_body_and_an_answer_and_the_clients_identity)
{
    uint8_t id[DEVICE_ID_BYTES];
    device_key_id(world.client_party.key, id);
    world_ask(&world, "/echo", slice_of_text("twelve bytes"));
    cr_assert_eq(world.result.outcome, ERR_OK, "%s", world.result.error.message);
    cr_assert_eq(world.result.status, 200);
    cr_assert(slice_equal(world.result.body, slice_of_text("twelve bytes")));
    cr_assert_str_eq(world.result.content_type, "application/x-test");
    cr_assert_eq(world.result.retry_after_s, 7);
    cr_assert(service.peer_given);
    cr_assert_arr_eq(service.peer, id, sizeof(id));
}

Test(http, says_no_type_of_a_body_where_none_is_given)
{
    char url[600];
    (void)snprintf(url, sizeof(url), "%s/echo", world.base);
    struct http_post post = { .url = url, .body = slice_of_text("of a type that goes without saying") };
    http_client_post(world.client, &post, world_note, &world);
    world_run_until(&world, &world.answers, 1);
    cr_assert_eq(world.result.status, 200);
    cr_assert_eq(world.result.body.len, post.body.len);
    cr_assert_str_eq(world.result.content_type, "", "not the one of a form either");
}

Test(http, hands_a_request_over_once_however_it_arrives)
{
    uint8_t body[BODY_MAX];
    memset(body, 'x', sizeof(body));
    world_ask(&world, "/echo", slice_of(body, sizeof(body)));
    cr_assert_eq(world.result.status, 200);
    cr_assert_eq(world.result.body.len, sizeof(body));
    cr_assert_eq(service.handled, 1);
}

Test(http, asks_without_a_body_by_get_and_decodes_the_query)
{
    world_ask(&world, "/query?name=a%20b", (struct slice){ 0 });
    cr_assert_eq(world.result.outcome, ERR_OK);
    cr_assert(slice_equal(world.result.body, slice_of_text("a b")));
}

Test(http, keeps_the_connection_so_that_the_second_request_costs_little)
{
    world_ask(&world, "/echo", slice_of_text("1"));
    uint64_t first = world.result.bytes_sent + world.result.bytes_received;
    world_ask(&world, "/echo", slice_of_text("2"));
    uint64_t second = world.result.bytes_sent + world.result.bytes_received;
    cr_assert_gt(first, 1500, "a handshake with two certificates cannot be %llu bytes", (unsigned long long)first);
    cr_assert_gt(second, 200);
    cr_assert_lt(second, 700, "%llu bytes", (unsigned long long)second);
}

Test(http, answers_413_to_a_body_that_is_a_little_too_large)
{
    uint8_t body[BODY_MAX + 1] = { 0 };
    world_ask(&world, "/echo", slice_of(body, sizeof(body)));
    cr_assert_eq(world.result.outcome, ERR_OK, "%s", world.result.error.message);
    cr_assert_eq(world.result.status, 413);
    cr_assert_eq(service.handled, 0);
    world_ask(&world, "/echo", slice_of_text("and goes on"));
    cr_assert_eq(world.result.status, 200);
}

Test(http, never_holds_a_body_that_is_far_too_large)
{
    size_t size = 8 * 1024 * 1024;
    uint8_t *body = calloc(1, size);
    world_ask(&world, "/echo", slice_of(body, size));
    free(body);
    cr_assert(world.result.status == 413 || world.result.outcome == ERR_NETWORK, "%ld", world.result.status);
    cr_assert_eq(service.handled, 0);
    world_ask(&world, "/echo", slice_of_text("and goes on"));
    cr_assert_eq(world.result.status, 200);
}

static void start_held(const char *path, const char *url)
{
    (void)path;
    struct http_post post = { .url = url, .content_type = "application/x-test", .body = slice_of_text("held") };
    http_client_post(world.client, &post, world_note, &world);
    world_run_until(&world, &service.handled, service.handled + 1);
}

Test(http, answers_later)
{
    char url[128];
    (void)snprintf(url, sizeof(url), "%s/held", world.base);
    start_held("/held", url);
    cr_assert_not_null(service.held);
    cr_assert_eq(world.answers, 0);
    char text[] = "at last";
    http_answer(service.held, 201, "text/plain", slice_of_text(text), NULL);
    memset(text, 0, sizeof(text)); /* the answer is a copy */
    world_run_until(&world, &world.answers, 1);
    cr_assert_eq(world.result.status, 201);
    cr_assert(slice_equal(world.result.body, slice_of_text("at last")));
    cr_assert_eq(service.handled, 1);
}

Test(http, stops_with_a_request_held)
{
    char url[128];
    (void)snprintf(url, sizeof(url), "%s/held", world.base);
    start_held("/held", url);
    cr_assert_eq(world.answers, 0); /* end() stops both sides; the loop must come to rest */
}

Test(http, cuts_a_held_request_when_the_server_stops_and_the_client_says_network)
{
    char url[128];
    (void)snprintf(url, sizeof(url), "%s/held", world.base);
    start_held("/held", url);
    http_server_stop(world.server, NULL, NULL);
    world.server = NULL;
    world_run_until(&world, &world.answers, 1);
    cr_assert_eq(world.result.outcome, ERR_NETWORK, "%s", world.result.error.message);
}

Test(http, does_not_call_back_after_the_client_was_stopped)
{
    char url[128];
    (void)snprintf(url, sizeof(url), "%s/stop-client", world.base);
    start_held("/stop-client", url);
    (void)uv_run(&world.loop, UV_RUN_NOWAIT);
    cr_assert_eq(world.answers, 0);
}

static void ask_again_from_done(void *context, const struct http_result *result)
{
    struct world *w = context;
    world_note(context, result);
    if (w->answers < 5) {
        char url[128];
        (void)snprintf(url, sizeof(url), "%s/echo", w->base);
        struct http_post post = { .url = url, .content_type = "application/x-test", .body = slice_of_text("more") };
        http_client_post(w->client, &post, ask_again_from_done, w);
    }
}

Test(http, may_ask_again_from_the_callback)
{
    char url[128];
    (void)snprintf(url, sizeof(url), "%s/echo", world.base);
    struct http_post post = { .url = url, .content_type = "application/x-test", .body = slice_of_text("more") };
    http_client_post(world.client, &post, ask_again_from_done, &world);
    world_run_until(&world, &world.answers, 5);
    cr_assert_eq(service.handled, 5);
}

static void stop_from_done(void *context, const struct http_result *result)
{
    struct world *w = context;
    world_note(context, result);
    http_client_stop(w->client, NULL, NULL);
    w->client = NULL;
}

Test(http, may_be_stopped_from_the_callback)
{
    char url[128];
    (void)snprintf(url, sizeof(url), "%s/echo", world.base);
    struct http_post post = { .url = url, .content_type = "application/x-test", .body = slice_of_text("last") };
    http_client_post(world.client, &post, stop_from_done, &world);
    world_run_until(&world, &world.answers, 1);
    cr_assert_eq(world.result.status, 200);
}

Test(http, calls_a_redirect_a_captive_portal_and_does_not_follow_it)
{
    world_ask(&world, "/redirect", slice_of_text("x"));
    cr_assert_eq(world.result.outcome, ERR_CAPTIVE_PORTAL);
    cr_assert_eq(service.handled, 1);
}

Test(http, calls_a_page_a_captive_portal_but_not_a_gateways_error)
{
    world_ask(&world, "/html", slice_of_text("x"));
    cr_assert_eq(world.result.outcome, ERR_CAPTIVE_PORTAL);
    cr_assert_not_null(strstr(world.result.error.message, "sign in"));
    world_ask(&world, "/gateway", slice_of_text("x"));
    cr_assert_eq(world.result.outcome, ERR_OK);
    cr_assert_eq(world.result.status, 502);
}

Test(http, refuses_an_answer_that_is_larger_than_allowed)
{
    world_ask(&world, "/large", slice_of_text("x"));
    cr_assert_eq(world.result.outcome, ERR_LIMIT, "%s", world.result.error.message);
    world_ask(&world, "/echo", slice_of_text("and goes on"));
    cr_assert_eq(world.result.status, 200);
}

Test(http, says_network_when_nobody_listens)
{
    http_server_stop(world.server, NULL, NULL);
    world.server = NULL;
    (void)uv_run(&world.loop, UV_RUN_NOWAIT);
    world_ask(&world, "/echo", slice_of_text("x"));
    cr_assert_eq(world.result.outcome, ERR_NETWORK, "%s", world.result.error.message);
}

Test(http, takes_no_address_without_tls)
{
    world_ask_url(&world, "http://127.0.0.1:1/echo", slice_of_text("x"));
    cr_assert_eq(world.result.outcome, ERR_CONFIG, "%s", world.result.error.message);
}

/* ---- clients that are no friends ---- */

static int raw_connect(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(http_server_port(world.server)),
                                   .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0);
    return fd;
}

Test(http, drops_a_client_that_says_nothing_and_serves_the_others)
{
    int fd = raw_connect();
    int64_t began = clock_monotonic_ms();
    char byte;
    ssize_t got = -1;
    while (clock_monotonic_ms() - began < 10000) {
        world_ask(&world, "/echo", slice_of_text("x"));
        cr_assert_eq(world.result.status, 200);
        got = recv(fd, &byte, 1, MSG_DONTWAIT);
        if (got == 0) {
            break;
        }
        (void)usleep(100000);
    }
    (void)close(fd);
    cr_assert_eq(got, 0, "the silent connection is still open");
}

Test(http, survives_bytes_that_are_no_tls)
{
    int fd = raw_connect();
    const char garbage[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    cr_assert_eq(write(fd, garbage, sizeof(garbage) - 1), (ssize_t)sizeof(garbage) - 1);
    world_ask(&world, "/echo", slice_of_text("x"));
    (void)close(fd);
    cr_assert_eq(world.result.status, 200);
    cr_assert_eq(service.handled, 1);
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

static int rounds_in(int64_t wait_ms)
{
    int64_t began = clock_monotonic_ms();
    int rounds = 0;
    uv_timer_t timer;
    cr_assert(uv_timer_init(&world.loop, &timer) == 0);
    while (clock_monotonic_ms() - began < wait_ms) {
        cr_assert(uv_timer_start(&timer, on_tick, 100, 0) == 0);
        (void)uv_run(&world.loop, UV_RUN_ONCE);
        rounds++;
    }
    uv_close((uv_handle_t *)&timer, NULL);
    (void)uv_run(&world.loop, UV_RUN_NOWAIT);
    return rounds;
}

Test(http, hardly_wakes_for_a_handshake_that_waits)
{
    int fd = raw_connect();
    (void)rounds_in(200); /* the runs at once */
    int rounds = rounds_in(1000);
    (void)close(fd);
    cr_assert_leq(rounds, 80, "the loop woke %d times in a second", rounds);
}

Test(http, sleeps_while_a_connection_is_kept_open)
{
    world_ask(&world, "/echo", slice_of_text("x"));
    (void)rounds_in(200);
    int rounds = rounds_in(1000); /* less than the idle timeout */
    cr_assert_leq(rounds, 30, "the loop woke %d times in a second", rounds);
}
