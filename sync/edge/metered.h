/*
 * sync/edge/metered - does somebody pay for each byte? As NetworkManager says on the system bus, where there is one.
 *
 * Without a bus or without NetworkManager it is not known, and taken for no. Asks once at the start and after
 * metered_look, and hears of changes by itself.
 *
 * Ownership: metered_start gives; freed in its last close callback.
 * Threads:   the loop's.
 */
#ifndef SYNC_EDGE_METERED_H
#define SYNC_EDGE_METERED_H

#include <stdbool.h>
#include <uv.h>

#include "base/error.h"

struct metered;

/* `changed` is called from the loop when metered_now says something else than before. */
MUST_USE enum err_code metered_start(uv_loop_t *loop, void (*changed)(void *context), void *context,
                                     struct metered **ret_metered, struct error *err);
bool metered_now(const struct metered *metered);
/* The network is another one: asks again. */
void metered_look(struct metered *metered);
void metered_stop(struct metered *metered);

#endif
