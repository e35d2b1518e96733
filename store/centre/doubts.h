/*
 * store/centre/doubts - where the compliance doubts of a site stand, and what holds an erasure back, as the centre's
 * log says.
 *
 * The doubts are found by an index. Of a site that has any the log is read once a call, for what bears on them; for an
 * erasure always.
 */
#ifndef STORE_CENTRE_DOUBTS_H
#define STORE_CENTRE_DOUBTS_H

#include "store/centre/centre_store.h"
#include "store/doubts.h"

/* All of them; names of placements and people as the site writes them. `today` says which programme pack is in force.
 */
MUST_USE enum err_code centre_doubts(struct centre_store *store, const struct centre_site *site, int32_t today,
                                     struct doubt_list *ret_list, struct error *err);
/* One, as query_doubt finds it. */
MUST_USE enum err_code centre_doubt(struct centre_store *store, const struct centre_site *site, int32_t today,
                                    const char *digits, struct doubt_row *ret_row, struct error *err);

/* What holds back the erasure of a person, by the rule of a replica: a dispute, an open doubt, a challenge without an
 * outcome, a decision of the last 13 months, about any record that the site merged with theirs. Only ret_holds->holds
 * are filled in. */
MUST_USE enum err_code centre_erase_holds(struct centre_store *store, const struct centre_site *site,
                                          const struct store_erase *erase, int32_t today,
                                          struct store_erasable *ret_holds, struct error *err);

#endif
