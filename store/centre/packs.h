/*
 * store/centre/packs - programme packs as the centre gives them out: which a site's log has, and those that every site
 * gets, also one that is added later.
 *
 * A site's pack is a record of the centre in its log; centre_write puts it there. Standing packs are kept beside, as
 * the record's fields.
 *
 * Ownership: a list owns its rows.
 * Layer:     store.
 */
#ifndef STORE_CENTRE_PACKS_H
#define STORE_CENTRE_PACKS_H

#include "store/centre/centre_store.h"
#include "store/packs.h"

/* One that a site's log has, each record of one by itself, the greatest version first; of the same the newest first.
 * in_force is not told. */
MUST_USE enum err_code centre_packs(struct centre_store *store, const struct centre_site *site,
                                    struct pack_list *ret_list, struct error *err);

struct standing_pack {
    int version;
    int32_t in_force_from;
    uint8_t packed[PROGRAMME_PACKED_MAX];
    size_t packed_len;
};

struct standing_list {
    struct standing_pack *packs; /* the smallest version first */
    size_t count;
};

void standing_list_fini(struct standing_list *list);
MUST_USE enum err_code centre_standing_packs(struct centre_store *store, struct standing_list *ret_list,
                                             struct error *err);
/* In place of one of the same version. */
MUST_USE enum err_code centre_standing_pack_keep(struct centre_store *store, const struct standing_pack *pack,
                                                 struct error *err);

#endif
