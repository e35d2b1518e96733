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

/* ---- what contradicts ---- */

/* Two checkpoints that the centre signed and that are not of one history. */
struct store_violation {
    int64_t id;
    int64_t noticed_at_ms;
    bool brought;                          /* `told` came by a person, not as the head of an exchange */
    struct store_verified_checkpoint held; /* not known: `told` is the first, and it gave something else */
    struct store_verified_checkpoint told;
    int64_t acknowledged_at_ms; /* OP_TIME_NONE: it stands */
    char acknowledged_by[OP_ACTOR_MAX + 1];
};

void store_violation_fini(struct store_violation *violation); /* of zeros too */
/* The first whose id is greater than `after`. */
MUST_USE enum err_code store_violation_next(struct store *store, int64_t after, struct store_violation *ret_violation,
                                            bool *ret_found, struct error *err);
/* How many stand, and the one noticed last (zeros when none does). */
MUST_USE enum err_code store_violation_standing(struct store *store, struct store_violation *ret_newest,
                                                uint64_t *ret_count, struct error *err);
/* Those that stand do no more; who said so and when is kept. */
MUST_USE enum err_code store_violation_acknowledge(struct store *store, const char *actor, int64_t now_ms,
                                                   uint64_t *ret_count, struct error *err);

/*
 * Compares a note that somebody brought: it was published, or another device of the stream has it. One that is not of
 * the history held here is kept as a violation.
 * ERR_INVALID: not such a note. ERR_HISTORY: of another stream, or signed by no key that the centre has shown here.
 * ERR_NOT_FOUND: not so far yet, or the stream is being read again; nothing can be said before the next exchange.
 */
MUST_USE enum err_code tree_compare(struct store *store, struct slice note, int64_t now_ms, struct checkpoint *ret_told,
                                    bool *ret_fits, struct error *err);

#endif
