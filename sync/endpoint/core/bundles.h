/*
 * sync/endpoint/core/bundles - the exchange by files at the centre: a device's bundle in, a bundle for a device out.
 *
 *   in    put, put, ... ──► each request kept as an exchange would ──► finish: what came of it
 *   out   begin ──► next, next, ... ──► what the device's newest bundle asked, answered as of now
 *
 * A device that never sent a bundle is told everything its site has from the beginning. Nothing here depends on a
 * bundle having arrived: each one for a device holds all that the device had not said it holds.
 *
 * Ownership:  *_new and *_begin give, *_free releases and wipes; NULL is allowed.
 * Threads:    the loop's. Layer: sync, as centre.h.
 */
#ifndef SYNC_ENDPOINT_CORE_BUNDLES_H
#define SYNC_ENDPOINT_CORE_BUNDLES_H

#include "sync/endpoint/core/centre.h"
#include "sync/exchange.h"

struct centre_bundle_in;

struct centre_bundle_taken {
    bool known;                  /* the sender was read and is a device of this centre; the rest counts then */
    bool whole;                  /* the end was reached */
    struct centre_device device; /* as before the bundle */
    int64_t made_at_ms;          /* by the device's clock */
    uint64_t messages;
    uint64_t new_ops;
    uint64_t quarantined;
    uint64_t given_back; /* of others, that this centre had lost */
    uint64_t declined;   /* runs of others that were not taken; `why`: the first of them */
    char why[EXCHANGE_REASON_MAX + 1];
    bool gap;  /* it begins after what the centre holds of the device */
    bool fork; /* another record than the centre holds under its number; an incident */
};

MUST_USE enum err_code centre_bundle_in_new(struct centre *centre, struct centre_bundle_in **ret_in, struct error *err);
/* At most BUNDLE_PIECE_MAX. What is whole in it is kept at once, durably. After a failure nothing more is taken. */
MUST_USE enum err_code centre_bundle_in_put(struct centre_bundle_in *in, struct slice piece, int64_t now_ms,
                                            struct error *err);
void centre_bundle_in_taken(const struct centre_bundle_in *in, struct centre_bundle_taken *ret_taken);
/* After the last byte: ERR_DAMAGED when it was cut. */
MUST_USE enum err_code centre_bundle_in_finish(const struct centre_bundle_in *in, struct error *err);
void centre_bundle_in_free(struct centre_bundle_in *in);

struct centre_bundle_out;

/* From 8 or more hex digits that only its id begins with. */
MUST_USE enum err_code centre_device_of_digits(struct centre *centre, const char *digits,
                                               uint8_t ret_device[DEVICE_ID_BYTES], struct error *err);

/* `from_start`: everything, whatever the device said that it holds. ERR_NOT_FOUND, ERR_REVOKED; ERR_REFUSED: its
 * certificate does not allow sealing to its key. */
MUST_USE enum err_code centre_bundle_out_begin(struct centre *centre, const uint8_t device[DEVICE_ID_BYTES],
                                               bool from_start, int64_t now_ms, struct centre_bundle_out **ret_out,
                                               struct error *err);
/* Appends the next part of the file; *ret_end with the last. */
MUST_USE enum err_code centre_bundle_out_next(struct centre_bundle_out *out, struct buf *piece, bool *ret_end,
                                              struct error *err);
/* Positions of the site's records: first and last in it, so far. */
void centre_bundle_out_range(const struct centre_bundle_out *out, uint64_t *ret_from, uint64_t *ret_to,
                             uint64_t *ret_head);
const struct centre_device *centre_bundle_out_device(const struct centre_bundle_out *out);
void centre_bundle_out_free(struct centre_bundle_out *out);

#endif
