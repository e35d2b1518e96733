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

/* ---- proofs ---- */

/*
 * Of any number of ops towards one checkpoint, the newest: opened, a pass over the log's headers; a proof costs some
 * hundred of them. Memory: 32 bytes for each 256 records. The log must not change while it is open.
 * ERR_NOT_FOUND: the centre has signed nothing yet that is all here (or the stream is being read again).
 */
struct tree_prover;
MUST_USE enum err_code tree_prover_open(struct store *store, struct tree_prover **ret_prover, struct error *err);
void tree_prover_close(struct tree_prover *prover); /* NULL too */
/* What the proofs lead to; the prover's. */
const struct store_verified_checkpoint *tree_prover_checkpoint(const struct tree_prover *prover);
/* *ret_index is the op's position less 1. ERR_NOT_FOUND: the op is not in that tree (yet). */
MUST_USE enum err_code tree_prove(struct tree_prover *prover, const struct op_id *id, uint64_t *ret_index,
                                  struct merkle_proof *ret_proof, struct error *err);

/* The root when the stream had `size` ops. ERR_NOT_FOUND: it is not here so far. */
MUST_USE enum err_code tree_root_at(struct store *store, uint64_t size, struct merkle_hash *ret_root,
                                    struct error *err);

#endif
