#include "sync/edge/wire_count.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* Adds what went over the socket since the last look. */
static void look(struct wire_count *count, struct wire_socket *wire)
{
    struct tcp_info info = { 0 };
    socklen_t len = sizeof(info);
    if (getsockopt(wire->fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 ||
        len < offsetof(struct tcp_info, tcpi_busy_time) + sizeof(info.tcpi_busy_time)) {
        count->incomplete = true;
        return;
    }
    count->carried.sent += info.tcpi_bytes_acked - wire->seen.sent;
    count->carried.received += info.tcpi_bytes_received - wire->seen.received;
    count->carried.busy_us += info.tcpi_busy_time - wire->seen.busy_us;
    wire->seen = (struct wire_carried){ .sent = info.tcpi_bytes_acked,
                                        .received = info.tcpi_bytes_received,
                                        .busy_us = info.tcpi_busy_time };
}

void wire_count_opened(struct wire_count *count, int fd)
{
    if (count->socket_count == WIRE_SOCKETS_MAX) {
        count->incomplete = true;
        return;
    }
    count->sockets[count->socket_count++] = (struct wire_socket){ .fd = fd };
}

void wire_count_closed(struct wire_count *count, int fd)
{
    for (size_t i = 0; i < count->socket_count; i++) {
        if (count->sockets[i].fd == fd) {
            look(count, &count->sockets[i]);
            count->sockets[i] = count->sockets[--count->socket_count];
            return;
        }
    }
}

uint64_t wire_count_sent(struct wire_count *count)
{
    for (size_t i = 0; i < count->socket_count; i++) {
        look(count, &count->sockets[i]);
    }
    return count->incomplete ? UINT64_MAX : count->carried.sent;
}

bool wire_count_take(struct wire_count *count, struct wire_carried *ret_carried)
{
    for (size_t i = 0; i < count->socket_count; i++) {
        look(count, &count->sockets[i]);
    }
    bool complete = !count->incomplete;
    if (complete) {
        *ret_carried = count->carried;
    }
    count->carried = (struct wire_carried){ 0 };
    count->incomplete = false;
    return complete;
}
