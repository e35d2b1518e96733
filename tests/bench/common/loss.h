/*
 * tests/bench/common/loss - a slow line of the kernel's own on loopback that loses packets, TCP and all: what it
 * carries twice takes its time.
 *
 * Needs root, tc and iptables. In a network of this process and of what it starts, which goes with them.
 */
#ifndef BENCH_COMMON_LOSS_H
#define BENCH_COMMON_LOSS_H

#include <stdbool.h>
#include <stdint.h>

struct loss {
    uint32_t kbit;
    const char *share; /* of the packets that are lost, either way; NULL: none */
};

/* Before anything is started. */
void loss_enter(void);
/* For the packets from and to this port. False: not allowed here. */
bool loss_begin(const struct loss *loss, uint16_t port);
void loss_end(void);

#endif
