/* Whether a referral can be written into a site's log: judged as the site judges its own, by tables in memory. */
#include <string.h>

#include "store/centre/tables.h"
#include "store/replica.h"

struct taking {
    const uint8_t *subject;
    struct store *scratch;
};

static enum err_code take_row(void *context, const struct op *op, sqlite3_stmt *s, struct error *err)
{
    const struct taking *t = context;
    return op->kind == KIND_PROGRAMME_PACK || memcmp(op->subject, t->subject, OP_ENTITY_BYTES) == 0
               ? scratch_add(t->scratch, op, column_slice(s, 3), (enum record_writer)column_int(s, 8), err)
               : ERR_OK;
}

/* What the log has about this referral, and the site's programme packs. */
static enum err_code take_ops(struct centre_store *store, const struct centre_site *site, const struct taking *t,
                              struct error *err)
{
    sqlite3_stmt *s;
    TRY(op_rows_of(store, OPS_OF_KINDS("2, 29") " AND o.quarantine IS NULL", site->id, &s, err));
    return op_each(store, s, take_row, (void *)(uintptr_t)t, err);
}

static enum err_code look(struct centre_store *store, const struct centre_site *site, int32_t today,
                          const struct store_entry *entry, struct store *scratch, struct error *err)
{
    struct taking t = { entry->subject, scratch };
    TRY(db_begin(&scratch->db, err));
    TRY(db_end(&scratch->db, take_ops(store, site, &t, err), err));
    TRY(scratch_fold(scratch, today, err));
    return entry_fits(scratch, entry, err);
}

enum err_code centre_referral_fits(struct centre_store *store, const struct centre_site *site, int32_t today,
                                   const uint8_t subject[OP_ENTITY_BYTES], const struct record *referral,
                                   struct error *err)
{
    struct store *scratch;
    struct store_entry entry = { .kind = KIND_REFERRAL, .record = *referral, .happened_at_ms = OP_TIME_NONE };
    memcpy(entry.subject, subject, OP_ENTITY_BYTES);
    TRY(scratch_open(programme_default(), &scratch, err));
    enum err_code rc = look(store, site, today, &entry, scratch, err);
    store_close(scratch);
    return rc;
}
