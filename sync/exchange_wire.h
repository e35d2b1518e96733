/*
 * sync/exchange_wire - what requests, answers and errors of an exchange are written with: maps with integer keys.
 *
 * Layer:     sync, within sync/exchange.
 */
#ifndef SYNC_EXCHANGE_WIRE_H
#define SYNC_EXCHANGE_WIRE_H

#include "store/cbor.h"
#include "sync/exchange.h"

#define POSITION_MAX ((uint64_t)INT64_MAX)
#define MEMBER_BIT(key) (UINT64_C(1) << (key))

/* The member of every request and answer that says the version. */
enum { MEMBER_VERSION = 1 };

struct exchange_members {
    struct dcbor_reader r;
    size_t left;
    uint64_t key;
    uint64_t seen; /* bit n: key n */
};

struct exchange_members exchange_members_begin(struct slice bytes, struct error *err);
/* The next key into m->key, ascending; false at the end and after a failure. */
bool exchange_members_next(struct exchange_members *m);
/* `required`: MEMBER_BITs of what has to have been there. */
MUST_USE enum err_code exchange_members_end(struct exchange_members *m, uint64_t required);
/* The version is the first member, so that nothing is read in a wrong sense. */
MUST_USE enum err_code exchange_members_version(struct exchange_members *m, struct error *err);

/* What came of a segment, as a member. */
void exchange_begun_put(struct dcbor_writer *w, uint64_t key, const struct exchange_begun *begun);
void exchange_begun_get(struct dcbor_reader *r, struct exchange_begun *begun);

#endif
