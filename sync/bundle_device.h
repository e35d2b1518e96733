/*
 * sync/bundle_device - the two ends of a bundle at a device: what client_bundle_* gives and takes, as a file.
 *
 *   out   begin ──► next, next, ... until *ret_end ──► the file's parts, in order
 *   in    new ──► put, put, ... ──► finish
 *
 * The client of sync/client.h is borrowed for as long as either lives.
 *
 * Ownership:  *_begin and *_new give, *_free releases and wipes; NULL is allowed.
 * Threads:    the loop's. Layer: sync, as client.h.
 */
#ifndef SYNC_BUNDLE_DEVICE_H
#define SYNC_BUNDLE_DEVICE_H

#include "sync/client.h"

struct device_bundle_out;

/* ERR_REFUSED: the centre's certificate is not known yet, or does not allow sealing to its key. */
MUST_USE enum err_code device_bundle_out_begin(struct client *client, int64_t now_ms,
                                               struct device_bundle_out **ret_out, struct error *err);
/* Appends the next part of the file; *ret_end with the last. */
MUST_USE enum err_code device_bundle_out_next(struct device_bundle_out *out, struct buf *piece, bool *ret_end,
                                              struct error *err);
uint64_t device_bundle_out_ops(const struct device_bundle_out *out); /* of this device in it, so far */
void device_bundle_out_free(struct device_bundle_out *out);

struct device_bundle_in;

struct device_bundle_taken {
    bool known;         /* it is of this device's centre; the rest counts then */
    bool whole;         /* the end was reached */
    int64_t made_at_ms; /* by the centre's clock */
    uint64_t messages;
    uint64_t held; /* of those, brought nothing that was not here */
    uint64_t new_ops;
    bool ask_again; /* see client_bundle_take; what came after it was left */
};

MUST_USE enum err_code device_bundle_in_new(struct client *client, struct device_bundle_in **ret_in, struct error *err);
/* At most BUNDLE_PIECE_MAX. What is whole in it is kept at once, durably. After a failure nothing more is taken. */
MUST_USE enum err_code device_bundle_in_put(struct device_bundle_in *in, struct slice piece, struct error *err);
void device_bundle_in_taken(const struct device_bundle_in *in, struct device_bundle_taken *ret_taken);
/* After the last byte: ERR_DAMAGED when it was cut. */
MUST_USE enum err_code device_bundle_in_finish(const struct device_bundle_in *in, struct error *err);
void device_bundle_in_free(struct device_bundle_in *in);

#endif
