#include "sync/edge/send_ahead.h"

#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/socket.h>

#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS 44 /* linux/tcp.h since Linux 6.15; an older kernel refuses it, which changes nothing */
#endif

#define SEND_AGAIN_MAX_MS 120000 /* TCP_RTO_MAX of Linux */

uint32_t send_ahead_learn(uint32_t known, uint64_t sent, uint64_t busy_us)
{
    if (sent < SEND_TELLING_BYTES) {
        return known;
    }
    uint64_t bytes_s = sent * 1000000 / (busy_us > 0 ? busy_us : 1);
    return bytes_s >= SEND_SLOW_BYTES_S ? 0 : bytes_s > 0 ? (uint32_t)bytes_s : 1;
}

static bool set(int fd, int level, int option, const void *value, socklen_t len)
{
    return setsockopt(fd, level, option, value, len) == 0;
}

static void bound_again(int fd, uint32_t bytes_s)
{
    uint32_t ms = SEND_AGAIN_BYTES * 1000U / bytes_s;
    int bound = (int)(ms < SEND_AGAIN_MIN_MS ? SEND_AGAIN_MIN_MS : ms < SEND_AGAIN_MAX_MS ? ms : SEND_AGAIN_MAX_MS);
    (void)set(fd, IPPROTO_TCP, TCP_RTO_MAX_MS, &bound, sizeof(bound));
}

void send_ahead_fit(int fd, uint32_t bytes_s)
{
    static const char bbr[] = "bbr";
    static const int little = SEND_AHEAD_BYTES;
    uint32_t pace = bytes_s + bytes_s / 2;
    if (!set(fd, IPPROTO_TCP, TCP_CONGESTION, bbr, sizeof(bbr) - 1) ||
        !set(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &pace, sizeof(pace))) {
        (void)set(fd, SOL_SOCKET, SO_SNDBUF, &little, sizeof(little));
    }
    bound_again(fd, bytes_s);
}

void send_ahead_widen(int fd)
{
    static const int much = INT_MAX / 2;
    static const uint32_t any = UINT32_MAX;
    static const int bound = SEND_AGAIN_MAX_MS;
    (void)set(fd, SOL_SOCKET, SO_MAX_PACING_RATE, &any, sizeof(any));
    (void)set(fd, SOL_SOCKET, SO_SNDBUF, &much, sizeof(much));
    (void)set(fd, IPPROTO_TCP, TCP_RTO_MAX_MS, &bound, sizeof(bound));
}
