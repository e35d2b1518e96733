#include "sync/edge/send_ahead.h"

#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS 44 /* linux/tcp.h since Linux 6.15; an older kernel refuses it, which changes nothing */
#endif

#define TCP_RTO_MAX_DEFAULT_MS 120000

uint32_t send_ahead_learn(uint32_t known, uint64_t sent, uint64_t busy_us)
{
    if (sent < SEND_TELLING_BYTES) {
        return known;
    }
    uint64_t bytes_s = sent * 1000000 / (busy_us > 0 ? busy_us : 1);
    return bytes_s >= SEND_SLOW_BYTES_S ? 0 : bytes_s > 0 ? (uint32_t)bytes_s : 1;
}

void send_ahead_fit(int fd, uint32_t bytes_s)
{
    int buffer = bytes_s > 0 ? SEND_AHEAD_BYTES : INT_MAX / 2;
    uint32_t again_ms = bytes_s > 0 ? SEND_AGAIN_BYTES * 1000U / bytes_s : TCP_RTO_MAX_DEFAULT_MS;
    again_ms = again_ms < SEND_AGAIN_MIN_MS        ? SEND_AGAIN_MIN_MS
               : again_ms > TCP_RTO_MAX_DEFAULT_MS ? TCP_RTO_MAX_DEFAULT_MS
                                                   : again_ms;
    int again = (int)again_ms;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_RTO_MAX_MS, &again, sizeof(again));
}
