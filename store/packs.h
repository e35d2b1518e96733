/*
 * store/packs - programme packs from the centre: which are held, which is in force, by which a doubt is judged.
 *
 * A pack comes as a record of kind programme_pack, which only the centre writes, and is looked at like every record
 * before it counts (record_admit). In force on a day is the greatest version whose day has come; before any has, the
 * pack of store_options: the built-in one, or one that was configured in its place. A site does not choose: the
 * tables and flags of every replica, and what the centre makes of its doubts, are made by the same pack.
 *
 * Ownership: what store_programme gives is the store's and stays until store_close.
 * Layer:     store.
 */
#ifndef STORE_PACKS_H
#define STORE_PACKS_H

#include "store/query.h"

#define PACK_NAME_SIZE ROW_REF_SIZE

struct pack_row {
    char name[PACK_NAME_SIZE];
    int version;
    char sha256[PROGRAMME_SHA256_SIZE];
    int32_t in_force_from;
    char said_by[OP_ACTOR_MAX + 1];
    int64_t said_at_ms;
    bool in_force; /* since the last store_pack_settle */
};

struct pack_list {
    struct pack_row *rows;
    size_t count;
    bool more;
};

void pack_list_fini(struct pack_list *list);

/* Those of the centre, the greatest version first. */
MUST_USE enum err_code query_packs(struct store *store, size_t limit, struct pack_list *ret_list, struct error *err);
/* One of the centre's, or ERR_NOT_FOUND. */
MUST_USE enum err_code query_pack(struct store *store, const char *name, int version, struct pack_row *ret_row,
                                  struct error *err);
/* The bytes of one of them, or ERR_NOT_FOUND. `out` takes PROGRAMME_JSON_MAX + 1. */
MUST_USE enum err_code query_pack_json(struct store *store, const char *sha256, struct buf *out, struct error *err);

/* Records of packs that are kept aside, newest first. */
struct refused_pack_row {
    char reason[ERROR_MESSAGE_MAX];
    int64_t received_at_ms;
};

struct refused_pack_list {
    struct refused_pack_row *rows;
    size_t count;
    bool more;
};

void refused_pack_list_fini(struct refused_pack_list *list);
MUST_USE enum err_code query_refused_packs(struct store *store, size_t limit, struct refused_pack_list *ret_list,
                                           struct error *err);

/* The pack in force since the last store_pack_settle, and since when; ROW_NONE when it is not the centre's. */
const struct programme *store_programme(const struct store *store);
int32_t store_programme_since(const struct store *store);
/* The one of store_options. */
const struct programme *store_own_programme(const struct store *store);

/* Another day came, or records: which pack is in force on it, if another than the tables were made by? NULL: none.
 * Quick. */
MUST_USE enum err_code store_pack_due(struct store *store, int32_t today, const struct programme **ret_due,
                                      struct error *err);
/*
 * Then they are made again, in one transaction, and every flag is to be looked at again. Takes as long as there are
 * records; see struct store_progress. After a failure the pack before is in force, and its tables are there.
 */
MUST_USE enum err_code store_pack_settle(struct store *store, int32_t today, struct error *err);

#endif
