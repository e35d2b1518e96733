/*
 * sync/segment - a run of one device's ops, laid out by column, for the wire.
 *
 * The same bytes serve as request body and answer page. What can be implied is left out: identities follow from device
 * and first seq, headers and hashes are computed again by the receiver, salts come from a seed for each block of
 * OP_SALT_BLOCK ops, repeated ids stand by reference, times as differences. Then zstd, with the protocol's dictionary
 * (its version is in the segment).
 *
 * The format is drawn in sync/PROTOCOL.md.
 *
 * Limits: OP_BATCH_OPS_MAX ops, SEGMENT_BYTES_MAX as sent, SEGMENT_INFLATED_MAX inflated; the decoder allocates nothing
 * larger, whatever the bytes say.
 */
#ifndef SYNC_SEGMENT_H
#define SYNC_SEGMENT_H

#include "store/store.h"

#define SEGMENT_BYTES_MAX (4 * 1024 * 1024)
#define SEGMENT_INFLATED_MAX (8 * 1024 * 1024)

/* The newest signed link of the device at `seq` (0: none), to be sent with the run. */
struct segment_signature {
    uint64_t seq;
    uint8_t bytes[SIGNATURE_MAX];
    size_t len;
};

/*
 * Appends the segment of `ops` (one device, incarnation and stream, consecutive seqs, at least one) to `out`. A block
 * without a seed in `seeds` is sent with explicit salts. `certificate` may be empty.
 */
MUST_USE enum err_code segment_encode(const struct op_batch *ops, const struct store_seed *seeds, size_t seed_count,
                                      const struct segment_signature *signature, struct slice certificate,
                                      struct buf *out, struct error *err);

/* A decoded segment owns everything its run borrows. body_hash, salt and every header member are filled in for each op.
 */
struct segment {
    struct store_run run;
    void *owned;
};

/* `stream` is what the exchange is about; it is not in the segment. ERR_PROTOCOL or ERR_LIMIT for anything else than a
 * whole well-formed segment. */
MUST_USE enum err_code segment_decode(struct slice bytes, const uint8_t stream[STREAM_ID_BYTES],
                                      struct segment *ret_segment, struct error *err);
void segment_fini(struct segment *segment);

#endif
