/*
 * store/tree - the centre's Merkle tree over this stream, followed by the replica: what the centre cannot take back.
 *
 *     leaf of position p (from 1) = merkle_leaf(header of the op that stands there)        see crypto/merkle.h
 *
 *     answer ──► order of the ops ──► peaks at the cursor ──► at the head: the root that the centre signed?
 *                                                               │ yes: kept as the newest checkpoint
 *                                                               └ no: read again from position 0, both kept
 *
 * A replica holds every header of its stream, so it makes the tree by itself; bodies may be erased. Only the peaks and
 * the order (who made what stands where) are kept beside the log.
 *
 * Layer: store.
 */
#ifndef STORE_TREE_H
#define STORE_TREE_H

#include "store/store.h"

#define CHECKPOINT_KEY_CONTEXT "holdfast/checkpoint-key/v1"
#define TREE_ORIGIN_SIZE (sizeof("holdfast.invalid/stream/") + 2 * STREAM_ID_BYTES)

/* Which history a checkpoint is about, as its note says. */
void tree_origin(const uint8_t stream[STREAM_ID_BYTES], char out[TREE_ORIGIN_SIZE]);

/* ERR_HISTORY: the key did not sign it for this stream, or the centre's certificate does not vouch for the key. */
MUST_USE enum err_code tree_checkpoint_verify(const uint8_t stream[STREAM_ID_BYTES], const struct certificate *centre,
                                              const struct store_checkpoint *checkpoint, struct error *err);

/* The newest checkpoint that fits what is held here. */
struct store_verified_checkpoint {
    bool known;
    struct checkpoint checkpoint;
    uint8_t key[CHECKPOINT_KEY_BYTES];
    uint8_t vouch[SIGNATURE_MAX];
    size_t vouch_len;
    struct buf certificate; /* DER: the centre's, which vouches for the key */
    int64_t verified_at_ms;
};

void store_verified_checkpoint_fini(struct store_verified_checkpoint *checkpoint);
MUST_USE enum err_code store_checkpoint_read(struct store *store, struct store_verified_checkpoint *ret_checkpoint,
                                             struct error *err);

#endif
