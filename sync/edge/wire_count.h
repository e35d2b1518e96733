/*
 * sync/edge/wire_count - how many bytes a request costs on the wire, as the kernel counts them: TLS included,
 * retransmits left out.
 *
 *     curl opens and closes sockets ──► wire_count_opened / wire_count_closed
 *     a request ends ─────────────────► wire_count_take: what went over them since the last time
 *
 * Layer: edge.
 */
#ifndef SYNC_EDGE_WIRE_COUNT_H
#define SYNC_EDGE_WIRE_COUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* libcurl tries an IPv6 and an IPv4 address at once, and a new connection may overlap the old one's end. */
#define WIRE_SOCKETS_MAX 8

struct wire_carried {
    uint64_t sent; /* that arrived */
    uint64_t received;
    uint64_t busy_us; /* so long something was on its way and not yet acknowledged */
};

struct wire_socket {
    int fd;
    struct wire_carried seen;
};

struct wire_count {
    struct wire_socket sockets[WIRE_SOCKETS_MAX];
    size_t socket_count;
    struct wire_carried carried; /* not yet taken */
    bool incomplete; /* a socket was not counted: the kernel does not tell, or there were too many */
};

void wire_count_opened(struct wire_count *count, int fd);
/* Before the descriptor is closed. */
void wire_count_closed(struct wire_count *count, int fd);
/* That arrived since the last wire_count_take; UINT64_MAX: not every byte was counted. */
uint64_t wire_count_sent(struct wire_count *count);
/* False, and nothing set, when not every byte was counted. Begins anew either way. */
bool wire_count_take(struct wire_count *count, struct wire_carried *ret_carried);

#endif
