/*
 * tests/support/proxy - a bad network between an agent and the centre: a TCP forwarder on loopback, in its own thread,
 * below TLS.
 *
 * Faults hold from proxy_set on, for connections that are open as well as for new ones; byte counts are of one
 * connection, from its beginning.
 *
 * Threads: every function may be called while the proxy works.
 */
#ifndef TESTS_SUPPORT_PROXY_H
#define TESTS_SUPPORT_PROXY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct proxy; /* private */

/* All zero: passes everything on. */
struct proxy_faults {
    bool refuse;             /* nobody listens; open connections are cut */
    bool silent;             /* half-open: connections stay, not a byte passes either way */
    bool silent_down;        /* only what the centre answers is swallowed */
    uint64_t cut_up_at;      /* cut by a reset once this many bytes went to the centre; 0: never */
    uint64_t cut_down_at;    /* ... once this many came from it */
    bool cut_unseen;         /* by the centre: to it the line only falls silent */
    uint64_t end_down_at;    /* the answer ends (FIN) after this many bytes */
    uint64_t garble_down_at; /* bytes from this one on are changed */
    uint64_t garble_up_at;
    uint32_t delay_ms;    /* every piece waits this long, each way */
    uint32_t bytes_per_s; /* each way; 0: as fast as it goes */
};

struct proxy_counts {
    uint64_t connections;
    uint64_t bytes_up;
    uint64_t bytes_down;
    uint64_t faults; /* cuts, ends and garbled pieces */
};

struct proxy *proxy_start(uint16_t target_port);
void proxy_stop(struct proxy *proxy);
uint16_t proxy_port(const struct proxy *proxy);
/* NULL: none any more. */
void proxy_set(struct proxy *proxy, const struct proxy_faults *faults);
/* New connections go there; open ones are cut, so that the next exchange makes a new one. */
void proxy_aim(struct proxy *proxy, uint16_t target_port);
void proxy_cut_all(struct proxy *proxy);
void proxy_counts(struct proxy *proxy, struct proxy_counts *ret_counts);
/* What one connection sent up from its beginning, as it was; to be played to the centre again. False: none was kept. */
bool proxy_last_up(struct proxy *proxy, struct buf *out);
/* From now on, what every connection sends up is kept, for PROXY_KEPT_MAX of them; a test that makes more of them, or
 * larger ones than proxy_last_up keeps, must not say that it saw everything: proxy_kept_all. */
#define PROXY_KEPT_MAX 64
void proxy_keep(struct proxy *proxy);
bool proxy_kept_all(struct proxy *proxy);
/* Of the connection of this number, from 0: appended to `out`. False: there was none. */
bool proxy_up(struct proxy *proxy, size_t connection, struct buf *out);

#endif
