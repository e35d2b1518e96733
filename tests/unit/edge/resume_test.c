/* Connections that go on from an earlier one: what they save, and that nobody gets in by them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "world.h"

static struct world world;
static uint8_t peer[DEVICE_ID_BYTES];
static bool peer_given;
static int handled;

static void serve(void *context, const struct http_request *request)
{
    (void)context;
    struct certificate certificate;
    handled++;
    peer_given = request->peer_certificate.len > 0 &&
                 certificate_parse(request->peer_certificate, &certificate, NULL) == ERR_OK;
    if (peer_given) {
        memcpy(peer, certificate.device, sizeof(peer));
    }
    const char *const close_it[] = { "Connection", "close", NULL };
    http_answer(request->exchange, 200, "text/plain", request->body, close_it);
}

static void begin(void)
{
    handled = 0;
    world_init(&world);
    world_serve(&world, serve, NULL);
    world_connect(&world, &world.client_party, (const char *)world.ca_pem.data);
}

static void end(void)
{
    world_fini(&world);
}

TestSuite(resume, .init = begin, .fini = end, .timeout = 60);

/* Over a connection of its own; the bytes of it, both ways. */
static uint64_t ask(void)
{
    uint8_t id[DEVICE_ID_BYTES];
    device_key_id(world.client_party.key, id);
    peer_given = false;
    world_ask(&world, "/", slice_of_text("twelve bytes"));
    cr_assert_eq(world.result.outcome, ERR_OK, "%s", world.result.error.message);
    cr_assert_eq(world.result.status, 200);
    cr_assert(peer_given, "the server does not know who asks");
    cr_assert_arr_eq(peer, id, sizeof(id));
    return world.result.bytes_sent + world.result.bytes_received;
}

Test(resume, the_next_connection_shows_no_certificate_and_is_known_all_the_same)
{
    uint64_t whole = ask();
    for (int i = 0; i < 4; i++) {
        uint64_t resumed = ask();
        printf("whole %llu, resumed %llu bytes\n", (unsigned long long)whole, (unsigned long long)resumed);
        cr_assert_lt(resumed * 2, whole);
    }
    cr_assert_eq(handled, 5);
}

static void count_stop(void *context)
{
    (*(int *)context)++;
}

Test(resume, a_server_that_has_forgotten_is_shown_the_certificate_again)
{
    int stopped = 0;
    uint64_t whole = ask();
    uint64_t resumed = ask();
    char base[sizeof(world.base)];
    memcpy(base, world.base, sizeof(base));
    http_server_stop(world.server, count_stop, &stopped);
    world_run_until(&world, &stopped, 1);
    world_serve(&world, serve, NULL);
    uint64_t after = ask();
    cr_assert_gt(after, resumed);
    cr_assert_lt(ask() * 2, whole, "and the next one goes on from that");
}
