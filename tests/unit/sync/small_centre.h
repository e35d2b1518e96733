/*
 * A centre in a few hundred lines, for the tests of the client: it checks what a device sends, keeps it in memory,
 * signs receipts and gives out the ops of one other author in pages. What it does wrong, a test tells it to do.
 */
#ifndef TESTS_SMALL_CENTRE_H
#define TESTS_SMALL_CENTRE_H

#include "../store/world.h"
#include "sync/exchange.h"

#define SMALL_CENTRE_OPS_MAX OP_BATCH_OPS_MAX
#define SMALL_CENTRE_PLACES_MAX (2 * SMALL_CENTRE_OPS_MAX)

/* What stands at a position of its stream. */
struct small_centre_place {
    bool own; /* of the device; else of the author */
    uint64_t seq;
    struct merkle_hash leaf;
};

struct small_centre {
    struct replica *device; /* whose ops it takes */
    struct replica *author; /* whose ops it gives out; its signing key is the receipts' too */
    int64_t clock_ms;

    struct op_batch held;           /* of the device */
    uint8_t (*links)[SHA256_BYTES]; /* [n]: after op n */
    size_t page_ops;                /* of an answer */
    struct small_centre_place *places;
    size_t place_count;
    const struct replica *placed_author; /* whose ops stand there, so many of them */
    uint64_t author_placed;
    struct secret checkpoint_key;
    bool signs_another_root;
    bool keeps_checkpoint; /* never sends it */
    size_t take_ops_max;   /* held at most; the rest is left */
    bool gives_back;       /* the device's own ops, when it does not have them */
    uint64_t refuses_seq;  /* 0: none */
    bool refuses_all;
    uint32_t retry_after_s;
    bool keeps_certificate;               /* never sends it */
    struct slice another_certificate;     /* sends this one */
    const struct device_key *another_key; /* signs with this one */
    struct exchange_request last;         /* without its segment */
    size_t last_segment_len;
    uint64_t last_segment_first;
    size_t last_segment_ops;
    struct buf begun; /* what it keeps of a segment that was cut */
};

void small_centre_init(struct small_centre *centre, struct replica *device, struct replica *author);
void small_centre_fini(struct small_centre *centre);
/* Takes a request in and appends the answer to `out`. */
void small_centre_answer(struct small_centre *centre, struct slice request, struct buf *out);
/* The line broke: it keeps the first `len` bytes of the segment or rest that the request was to bring. */
void small_centre_cut(struct small_centre *centre, struct slice request, size_t len);
/* It is put back to an older state, and what others wrote stands first afterwards. */
void small_centre_turn(struct small_centre *centre, size_t keep_ops);
/* It is put back to an older state. */
void small_centre_forget(struct small_centre *centre, size_t keep_ops);

#endif
