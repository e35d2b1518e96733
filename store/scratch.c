/*
 * Tables in memory, folded by the same code as a replica's: for a question about a few ops that somebody else holds.
 */
#include <stdlib.h>
#include <string.h>

#include "store/replica.h"

extern const unsigned char store_schema[];
extern const unsigned char store_folded_schema[];

enum err_code scratch_open(const struct programme *programme, struct store **ret_store, struct error *err)
{
    struct store *store = calloc(1, sizeof(*store));
    if (store == NULL) {
        return FAIL(err, NO_MEMORY, "make tables in memory");
    }
    store->programme = programme;
    store->own_programme = programme;
    store->programme_since = ROW_NONE;
    buf_init(&store->header, OP_HEADER_MAX);
    buf_init(&store->body, OP_BODY_MAX);
    enum err_code rc = db_open_memory(&store->db, err);
    if (rc == ERR_OK) {
        rc = db_exec(&store->db, (const char *)store_schema, err); /* both are embedded with a closing NUL */
    }
    if (rc == ERR_OK) {
        rc = db_exec(&store->db, (const char *)store_folded_schema, err);
    }
    if (rc != ERR_OK) {
        store_close(store);
        return error_wrap(err, rc, "make tables in memory");
    }
    *ret_store = store;
    return ERR_OK;
}

static enum err_code ensure_author(struct store *store, const struct op *op, enum record_writer writer,
                                   struct author *author, struct error *err)
{
    bool found;
    TRY(oplog_author_find(store, op->id.device, op->id.incarnation, author, &found, err));
    if (found) {
        return ERR_OK;
    }
    *author = (struct author){ .incarnation = op->id.incarnation, .writer = writer };
    memcpy(author->device, op->id.device, DEVICE_ID_BYTES);
    return oplog_author_add(store, author, (struct slice){ .data = (const uint8_t *)"" }, err);
}

enum err_code scratch_add(struct store *store, const struct op *op, struct slice header, enum record_writer writer,
                          struct error *err)
{
    struct author author;
    TRY(ensure_author(store, op, writer, &author, err));
    return oplog_insert(store, &author, op, header, false, NULL, 0, err);
}

enum err_code scratch_fold(struct store *store, int32_t today, struct error *err)
{
    TRY(db_begin(&store->db, err));
    enum err_code rc = fold_all(store, err);
    if (rc == ERR_OK) {
        rc = pack_settle_scratch(store, today, err);
    }
    return db_end(&store->db, rc, err);
}
