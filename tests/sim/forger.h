/*
 * tests/sim/forger - a device of the garden whose owner has its key, an older certificate or two, and no scruples.
 *
 * Each trick is a row of a table: what is sent, with whose certificate, and what the centre has to make of it.
 */
#ifndef TESTS_SIM_FORGER_H
#define TESTS_SIM_FORGER_H

#include "tests/sim/world.h"

enum { FORGED_OPS_MAX = 4 };

struct forger {
    struct op_id newest;
    uint8_t link[SHA256_BYTES];
    uint8_t seed[OP_SEED_BYTES];
    struct op_batch sent; /* its last run that the centre took */
    bool forked;          /* it sent another branch of its history, or a signature that does not fit */
};

/* What to do to a run before it goes. */
struct forgery {
    struct op_batch ops;
    struct segment_signature signature;
    struct op_id newest; /* after them */
    uint8_t link[SHA256_BYTES];
    enum apart apart;
};

/* The next ops of the forger's own chain, `count` of them; `make` fills kind, subject and body in. */
void forgery_make(struct world *world, size_t count, void (*make)(struct world *world, struct op *op, struct buf *body),
                  struct forgery *ret);
void forgery_sign(struct world *world, const struct device_key *key, struct forgery *forgery);
void forgery_fini(struct forgery *forgery);
/* As a segment. */
void forgery_segment(struct world *world, const struct forgery *forgery, struct buf *out);

/* ---- what it says: forged_ops.c ---- */

void make_honest(struct world *world, struct op *op, struct buf *body);
void make_correction_without_reason(struct world *world, struct op *op, struct buf *body);
void make_decision(struct world *world, struct op *op, struct buf *body);
void make_appointment(struct world *world, struct op *op, struct buf *body);
void make_nonsense(struct world *world, struct op *op, struct buf *body);
void make_day_out_of_range(struct world *world, struct op *op, struct buf *body);
void make_unknown_kind(struct world *world, struct op *op, struct buf *body);
void make_from_the_end_of_time(struct world *world, struct op *op, struct buf *body);

/* ---- bytes that are no message: also for liars ---- */

void bytes_noise(struct world *world, struct buf *out);
void bytes_deep(struct world *world, struct buf *out); /* arrays in arrays */
/* A segment of this device that says little and unpacks to much. */
void segment_bomb(struct world *world, const uint8_t device[DEVICE_ID_BYTES], struct buf *out);

#endif
