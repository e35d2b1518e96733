/*
 * Chains made by hand, by a device that has a key and no rules: as many ops about one subject as it likes, or ops whose
 * body was erased on the way.
 */
#ifndef TESTS_UNIT_STORE_CHAIN_MAKER_H
#define TESTS_UNIT_STORE_CHAIN_MAKER_H

#include "world.h"

struct chain_maker {
    struct world *world;
    struct replica *author;
    struct op_batch ops;
    uint8_t link[SHA256_BYTES];
    uint8_t seed[OP_SEED_BYTES];
    uint64_t hlc;
    bool seeded; /* runs carry the seed of their first block */
};

void maker_init(struct chain_maker *maker, struct world *world, struct replica *author);
void maker_fini(struct chain_maker *maker);
/* One more op: the entry's, superseding `supersedes` (NULL: nothing). `erased`: it travels without its body. */
struct op_id maker_add(struct chain_maker *maker, const struct store_entry *entry, const struct op_id *supersedes,
                       bool erased);
/* What an op said, under the chain's next number. */
struct op_id maker_again(struct chain_maker *maker, const struct op *op, bool erased);
/* Ops `from` to `to` - 1 (from 0) of the chain into a replica, signed at the last. */
enum err_code maker_carry(struct chain_maker *maker, size_t from, size_t to, struct replica *reader,
                          struct store_applied *ret_applied, struct error *err);

#endif
