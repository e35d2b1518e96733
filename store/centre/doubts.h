/*
 * store/centre/doubts - where the compliance doubts of a site stand, as the centre's log says.
 *
 * The doubts are found by an index. Of a site that has any the log is read once a call, for what bears on them.
 */
#ifndef STORE_CENTRE_DOUBTS_H
#define STORE_CENTRE_DOUBTS_H

#include "store/centre/centre_store.h"
#include "store/doubts.h"

/* All of them; names of placements and people as the site writes them. `today` says which programme pack is in force. */
MUST_USE enum err_code centre_doubts(struct centre_store *store, const struct centre_site *site, int32_t today,
                                     struct doubt_list *ret_list, struct error *err);
/* One, as query_doubt finds it. */
MUST_USE enum err_code centre_doubt(struct centre_store *store, const struct centre_site *site, int32_t today,
                                    const char *digits, struct doubt_row *ret_row, struct error *err);

#endif
