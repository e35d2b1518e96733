/*
 * tests/bench/common/line - a bad line between an agent and the centre: a TCP forwarder on loopback with a rate, a
 * distance and an end of its connections' lives.
 *
 *     from ──► queue: each piece leaves when the line has carried it, and arrives `delay_ms` later ──► to
 *
 * The rate is of each direction and of all connections together. TCP ends here, so that its own loss and start are not
 * in what is measured; the two journeys of its handshake are.
 *
 * Threads: one for accepting, two a connection; the functions are the benchmark's thread's.
 */
#ifndef BENCH_COMMON_LINE_H
#define BENCH_COMMON_LINE_H

#include <stdint.h>

struct line;

struct line_quality {
    uint32_t bytes_per_s; /* each way; 0: as fast as it goes */
    uint32_t delay_ms;    /* each way */
    uint32_t life_ms;     /* of a connection, then it is cut; 0: for ever */
    uint32_t life_bytes;  /* to the centre, likewise */
};

struct line_count {
    uint64_t connections;
    uint64_t bytes_up; /* that the line carried to the centre */
    uint64_t bytes_down;
    int64_t first_ns; /* the first connection, monotonic; 0: none yet */
    int64_t last_ns;  /* the last byte that arrived */
};

struct line *line_start(uint16_t port, uint16_t target_port, const struct line_quality *quality);
void line_count(struct line *line, struct line_count *ret_count);
/* Cuts what is open. */
void line_stop(struct line *line);

#endif
