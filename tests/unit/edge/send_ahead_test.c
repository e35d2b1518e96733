/* What a slow line is known by, and what its sockets are told. */
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sync/edge/send_ahead.h"

#define SLOW_BYTES_S 4000

#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS 44
#endif

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t len = sizeof(value);
    cr_assert_eq(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

static bool has_bbr(int fd)
{
    char name[16] = "";
    socklen_t len = sizeof(name) - 1;
    return getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &len) == 0 && strcmp(name, "bbr") == 0;
}

Test(send_ahead, knows_a_slow_line_by_what_it_carried_and_how_long)
{
    cr_assert_eq(send_ahead_learn(0, SEND_TELLING_BYTES - 1, 60000000), 0, "too little to tell");
    cr_assert_eq(send_ahead_learn(700, SEND_TELLING_BYTES - 1, 1), 700, "what was known stays");
    cr_assert_eq(send_ahead_learn(0, 40000, 10000000), 4000);
    cr_assert_eq(send_ahead_learn(4000, SEND_SLOW_BYTES_S, 1000000), 0, "it is not slow any more");
    cr_assert_eq(send_ahead_learn(0, SEND_SLOW_BYTES_S - 1, 1000000), SEND_SLOW_BYTES_S - 1);
    cr_assert_eq(send_ahead_learn(0, SEND_TELLING_BYTES, 0), 0);
    cr_assert_eq(send_ahead_learn(0, SEND_TELLING_BYTES, UINT64_C(1) << 40), 1, "however slow, it is known");
}

Test(send_ahead, paces_a_socket_where_the_kernel_has_bbr_and_lets_it_go_again)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(fd, 0);
    int buffer = option(fd, SOL_SOCKET, SO_SNDBUF);
    send_ahead_fit(fd, SLOW_BYTES_S);
    if (!has_bbr(fd)) {
        (void)close(fd);
        cr_skip_test("this kernel has no BBR at hand: the next test is of that");
    }
    cr_assert_eq(option(fd, SOL_SOCKET, SO_MAX_PACING_RATE), SLOW_BYTES_S * 3 / 2);
    cr_assert_eq(option(fd, SOL_SOCKET, SO_SNDBUF), buffer);
    send_ahead_widen(fd);
    cr_assert_eq(option(fd, SOL_SOCKET, SO_MAX_PACING_RATE), -1, "as fast as it goes");
    (void)close(fd);
}

/* A socket of another protocol has no congestion control to choose, like a kernel without BBR. */
Test(send_ahead, keeps_a_small_buffer_where_bbr_cannot_be_had)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(fd, 0);
    cr_assert_gt(option(fd, SOL_SOCKET, SO_SNDBUF), 2 * SEND_AHEAD_BYTES);
    send_ahead_fit(fd, SLOW_BYTES_S);
    cr_assert_eq(option(fd, SOL_SOCKET, SO_SNDBUF), 2 * SEND_AHEAD_BYTES);
    send_ahead_widen(fd);
    cr_assert_gt(option(fd, SOL_SOCKET, SO_SNDBUF), 2 * SEND_AHEAD_BYTES);
    (void)close(fd);
}

Test(send_ahead, bounds_the_time_for_sending_again_where_the_kernel_can)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int value = 0;
    socklen_t len = sizeof(value);
    cr_assert_geq(fd, 0);
    if (getsockopt(fd, IPPROTO_TCP, TCP_RTO_MAX_MS, &value, &len) != 0) {
        (void)close(fd);
        cr_skip_test("this kernel does not bound it (Linux 6.15 does)");
    }
    send_ahead_fit(fd, SLOW_BYTES_S);
    cr_assert_eq(option(fd, IPPROTO_TCP, TCP_RTO_MAX_MS), SEND_AGAIN_BYTES * 1000 / SLOW_BYTES_S);
    send_ahead_fit(fd, SEND_SLOW_BYTES_S);
    cr_assert_eq(option(fd, IPPROTO_TCP, TCP_RTO_MAX_MS), SEND_AGAIN_MIN_MS);
    send_ahead_widen(fd);
    cr_assert_eq(option(fd, IPPROTO_TCP, TCP_RTO_MAX_MS), value);
    (void)close(fd);
}
