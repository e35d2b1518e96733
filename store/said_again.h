/*
 * store/said_again - one statement under two numbers.
 *
 * What a device issues again says what the first said, under another number (sync/PROTOCOL.md, 3.6). Where the first is
 * in the log all the same, both are one statement: ops of one device that are the same but for their number, their salt
 * and what they supersede. The one that stands for all has the lowest incarnation, of those whose bodies are not
 * erased. Every replica that holds both finds so by itself, in whatever order they came.
 */
#ifndef STORE_SAID_AGAIN_H
#define STORE_SAID_AGAIN_H

#include "store/replica.h"

struct statement {
    int64_t key; /* of the op */
    struct op_id id;
    int64_t first; /* out: the key of the op that it repeats; 0: it stands for itself */

    /* what they are compared by */
    uint8_t head[SHA256_BYTES];
    uint8_t body[SHA256_BYTES]; /* zero when erased */
    bool erased;
};

/* Ops of one device, one subject and one logical time, whose keys are given: sorts them, and says which repeats which.
 */
MUST_USE enum err_code statements_join(struct store *store, struct statement *statements, size_t count,
                                       struct error *err);

/* Which op this one of the log repeats; *ret_repeats false: none, it stands for itself. */
MUST_USE enum err_code statement_first(struct store *store, int64_t key, const struct op *op, struct op_id *ret_first,
                                       bool *ret_repeats, struct error *err);

/* struct op_id of each op of the log that is one statement with this one, which is held, is among them, and comes
 * first. */
MUST_USE enum err_code statement_numbers(struct store *store, const struct op_id *id, struct buf *ret_ids,
                                         struct error *err);

#endif
