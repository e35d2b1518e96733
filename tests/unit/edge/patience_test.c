/* Strangers who hold connections open, against a server over TLS: each is a plain socket that never gets as far as TLS.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "sync/edge/patience.h"
#include "world.h"

#define PER_ADDRESS 6
#define DEADLINE_S 2
#define TRIES 100

static struct world world;

static void answer_ok(void *context, const struct http_request *request)
{
    static const uint8_t loopback[16] = { [10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1 };
    (void)context;
    cr_assert_arr_eq(request->peer_address, loopback, sizeof(loopback));
    http_answer(request->exchange, 200, "text/plain", slice_of_text("ok"), NULL);
}

static void begin(void)
{
    world_init(&world);
    world.connections_per_address = PER_ADDRESS;
    world.request_timeout_s = DEADLINE_S;
    world_serve(&world, answer_ok, NULL);
}

static void end(void)
{
    world_fini(&world);
}

TestSuite(patience, .init = begin, .fini = end, .timeout = 60);

static int stranger(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(http_server_port(world.server)) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert(fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0);
    return fd;
}

static bool is_cut(int fd)
{
    uint8_t byte;
    ssize_t got = recv(fd, &byte, 1, MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN);
}

static void run_for(int64_t ms)
{
    int64_t end_ms = clock_monotonic_ms() + ms;
    while (clock_monotonic_ms() < end_ms) {
        (void)uv_run(&world.loop, UV_RUN_NOWAIT);
        (void)usleep(5000);
    }
}

/* The first bytes of a TLS record of 500 bytes, one every 200 ms: the idle time begins anew with each. */
Test(patience, a_client_that_says_a_byte_now_and_then_is_cut)
{
    static const uint8_t record[] = { 0x16, 0x03, 0x01, 0x01, 0xf4, 0x01, 0x00, 0x01, 0xf0, 0x03, 0x03 };
    int fd = stranger();
    int64_t began_ms = clock_monotonic_ms();
    for (size_t i = 0; !is_cut(fd); i++) {
        uint8_t byte = i < sizeof(record) ? record[i] : 0x55;
        (void)send(fd, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        run_for(200);
        cr_assert_lt(clock_monotonic_ms() - began_ms, 20000, "it was never cut");
    }
    cr_assert_geq(clock_monotonic_ms() - began_ms, DEADLINE_S * 1000 - 100);
    (void)close(fd);
    world_connect(&world, &world.client_party, (const char *)world.ca_pem.data);
    world_ask(&world, "/", (struct slice){ 0 });
    cr_assert_eq(world.result.status, 200);
}

static int count_cut(const int *fds, size_t count)
{
    int cut = 0;
    for (size_t i = 0; i < count; i++) {
        cut += is_cut(fds[i]);
    }
    return cut;
}

Test(patience, one_address_has_so_many_connections_and_no_more)
{
    int fds[PER_ADDRESS + 2];
    int cut = 0;
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = stranger();
    }
    for (int tries = 0; tries < TRIES && cut < 2; tries++) {
        run_for(100);
        cut = count_cut(fds, ARRAY_LEN(fds));
    }
    run_for(300);
    cut = count_cut(fds, ARRAY_LEN(fds));
    cr_assert_eq(cut, 2);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        (void)close(fds[i]);
    }
    world_connect(&world, &world.client_party, (const char *)world.ca_pem.data);
    for (int tries = 0; tries < TRIES && world.result.status != 200; tries++) {
        run_for(100);
        world_ask(&world, "/", (struct slice){ 0 });
    }
    cr_assert_eq(world.result.status, 200, "the places are free again");
}

Test(patience, whoever_is_known_or_served_has_more_time)
{
    struct patience patience = { .stranger_ms = 1000 };
    int pairs[3][2];
    struct patient *patients[3];
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs[i]), 0);
        patients[i] = patience_add(&patience, pairs[i][0], 10000);
    }
    patients[1]->known = true;
    patients[2]->busy = true;
    patience_sweep(&patience, 12000);
    cr_assert(is_cut(pairs[0][1]));
    cr_assert(!is_cut(pairs[1][1]) && !is_cut(pairs[2][1]));
    patience_answered(patients[2], 12000);
    patience_sweep(&patience, 13000);
    cr_assert(!is_cut(pairs[2][1]), "its time begins anew with the answer");
    patience_sweep(&patience, 10001 + PATIENCE_KNOWN_MS);
    cr_assert(is_cut(pairs[1][1]) && is_cut(pairs[2][1]));
    for (int i = 0; i < 3; i++) {
        patience_remove(&patience, patients[i]);
        (void)close(pairs[i][0]);
        (void)close(pairs[i][1]);
    }
    cr_assert_null(patience.first);
}
