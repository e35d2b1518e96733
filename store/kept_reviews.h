/*
 * store/kept_reviews - what somebody found who looked into a flag that rests on volunteers. It stays on this machine.
 *
 * Guard rail 3: such a review says of a person who was sent that they may be a volunteer, by its key alone, so it is no
 * op. Its table lies beside those of the volunteers: a rebuild leaves it alone, a backup has it, the erasure of the
 * placement takes what was said before it, and so does the removal of the volunteer.
 *
 * Threads: the loop's.
 * Layer:   store.
 */
#ifndef STORE_KEPT_REVIEWS_H
#define STORE_KEPT_REVIEWS_H

#include "store/query.h"

/* `entry` is a flag_review with the key of such a flag and its placement. Durable when it returns. */
MUST_USE enum err_code store_review_keep(struct store *store, const char *actor, const struct store_entry *entry,
                                         int64_t now_ms, struct error *err);

/* struct record_row, newest first; those about a placement, or all where it is NULL. */
MUST_USE enum err_code query_kept_reviews_each(struct store *store, const struct row_id *placement, row_taker take,
                                               void *context, struct error *err);

#endif
