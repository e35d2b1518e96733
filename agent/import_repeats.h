/*
 * agent/import_repeats - rows of one file that are of one record and say different things.
 *
 * Layer: agent.
 */
#ifndef AGENT_IMPORT_REPEATS_H
#define AGENT_IMPORT_REPEATS_H

#include "store/store.h"

/* The row `index` says in `field` other than the row `earlier` before it. */
struct import_repeat {
    size_t index;
    size_t earlier;
    size_t field;
};

typedef void (*import_repeat_found)(void *context, const struct import_repeat *repeat);

/* Each against the last before it of the same subject, in the order of the file. The entries of the source last. */
MUST_USE enum err_code import_repeats(const struct store_source *source, import_repeat_found found, void *context,
                                      struct error *err);

#endif
