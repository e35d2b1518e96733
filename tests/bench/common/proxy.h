/*
 * tests/bench/common/proxy - a TCP forwarder on loopback that counts every byte between an agent and the centre: an
 * account of the wire that is not the agent's own. Without it nobody listens at its port.
 *
 * Threads: one for accepting, two a connection; the functions are the benchmark's thread's.
 */
#ifndef BENCH_COMMON_PROXY_H
#define BENCH_COMMON_PROXY_H

#include <stdint.h>

struct proxy;

struct proxy_count {
    uint64_t connections;
    uint64_t bytes_up; /* to the centre */
    uint64_t bytes_down;
    int64_t first_ns; /* of the first byte up, monotonic; 0: none yet */
    int64_t last_ns;  /* of the last byte down */
};

/* Port 0: any free one. */
struct proxy *proxy_start(uint16_t port, uint16_t target_port);
uint16_t proxy_port(const struct proxy *proxy);
void proxy_count(const struct proxy *proxy, struct proxy_count *ret_count);
/* Cuts what is open. */
void proxy_stop(struct proxy *proxy);

#endif
