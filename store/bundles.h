/*
 * store/bundles - what a replica keeps and tells for an exchange by files beside what any exchange needs.
 *
 * Layer: store.
 */
#ifndef STORE_BUNDLES_H
#define STORE_BUNDLES_H

#include "store/store.h"

#define STORE_AUTHORITY_BYTES 8

/* An own chain that a bundle speaks of. */
struct store_chain {
    uint32_t incarnation;
    uint64_t newest_seq;
    uint64_t acked_seq;
    bool asks; /* to be compared with what the centre holds */
};

/* Those with something to send or to compare, and the one that is recorded under; oldest first, at most `max`. */
MUST_USE enum err_code store_chains_due(struct store *store, struct store_chain *ret_chains, size_t max,
                                        size_t *ret_count, struct error *err);

struct store_bundles {
    int64_t heard_at_ms;   /* the newest word of the centre, by its clock; of any exchange; 0: none */
    int64_t written_at_ms; /* the newest bundle for the centre; OP_TIME_NONE */
    int64_t taken_at_ms;   /* the newest of the centre; OP_TIME_NONE */
    int64_t made_at_ms;    /* of that one, by the centre's clock; OP_TIME_NONE */
    bool authority_told;   /* by the newest: another authority issues now than the one of the device's certificate */
    uint8_t authority[STORE_AUTHORITY_BYTES]; /* the first bytes of its SHA-256 */
};

MUST_USE enum err_code store_bundles_read(struct store *store, struct store_bundles *ret_bundles, struct error *err);
MUST_USE enum err_code store_bundle_written(struct store *store, int64_t at_ms, struct error *err);
/* The newest word of the centre has this time, though an earlier one had a later: its clock was ahead then. */
MUST_USE enum err_code store_bundle_heard(struct store *store, int64_t at_ms, struct error *err);
/* Keeps the time of the newest that was made, unless the centre's clock was ahead then. */
MUST_USE enum err_code store_bundle_taken(struct store *store, int64_t at_ms, int64_t made_at_ms, struct error *err);

/* What the newest word of the centre says of its authority; NULL: nothing. */
MUST_USE enum err_code store_bundle_authority(struct store *store, const uint8_t *authority, struct error *err);
/* Was one told that is not the present one of `ca`? An answer may come again after it was followed. */
bool store_bundles_authority_new(const struct store_bundles *bundles, struct slice ca);

/* The centre's signing certificate (DER), checked by who keeps it. */
MUST_USE enum err_code store_centre_certificate_keep(struct store *store, struct slice certificate, struct error *err);
/* Appended; nothing when none is known. */
MUST_USE enum err_code store_centre_certificate_read(struct store *store, struct buf *out, struct error *err);

#endif
