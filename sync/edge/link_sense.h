/*
 * sync/edge/link_sense - "the network may have come back": rtnetlink's new links, addresses and routes as a hint to try
 * now.
 *
 * A hint, never proof: what it calls may find the network still away. Bursts are gathered: the callback comes once,
 * LINK_SENSE_QUIET_MS after the first change. Loopback is ignored. Where netlink cannot be opened there are no hints,
 * which is logged once; timers do the rest.
 *
 * Ownership: link_sense_start gives, link_sense_stop takes.
 * Threads:   the loop's.
 * Layer:     edge.
 */
#ifndef SYNC_EDGE_LINK_SENSE_H
#define SYNC_EDGE_LINK_SENSE_H

#include <stdbool.h>
#include <uv.h>

#include "base/error.h"

#define LINK_SENSE_QUIET_MS 500

struct link_sense;

/* ERR_OK without hints too; only a lack of memory fails. */
MUST_USE enum err_code link_sense_start(uv_loop_t *loop, void (*changed)(void *context), void *context,
                                        struct link_sense **ret_sense, struct error *err);
/* Frees from the loop; `changed` is not called any more. NULL is allowed. */
void link_sense_stop(struct link_sense *sense);

/* Does one rtnetlink datagram say that a link, an address or a route has come? Any bytes are allowed. */
bool link_sense_is_news(const void *datagram, size_t len);

#endif
