/*
 * agent/duplicates - records of people that seem to be of the same one.
 *
 *   ref      their references differ in case, spaces, signs or leading zeros only: GDN-007, gdn 7
 *   phone    the same name, its words in any order and without accents, and the same telephone number
 *   address  the same name and the same address
 *
 * A hint for a person, who decides: nothing is merged by itself. Pure in the records, so every machine says the same.
 *
 * Layer: agent.
 */
#ifndef AGENT_DUPLICATES_H
#define AGENT_DUPLICATES_H

#include "store/query.h"

enum duplicate_why { DUPLICATE_REF, DUPLICATE_PHONE, DUPLICATE_ADDRESS };

struct duplicate {
    struct row_id one; /* the lesser id */
    struct row_id other;
    enum duplicate_why why; /* the first that holds */
};

struct duplicate_list {
    struct duplicate *rows; /* by their ids */
    size_t count;
};

const char *duplicate_why_name(enum duplicate_why why);

/* Of all people here; those that somebody has merged are left out. */
MUST_USE enum err_code duplicates_find(struct store *store, struct duplicate_list *ret_list, struct error *err);
void duplicate_list_fini(struct duplicate_list *list);

#endif
