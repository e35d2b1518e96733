/*
 * Doubts as the centre sees them. It keeps no tables: what bears on a site's doubts is taken out of its log into tables
 * in memory, which the very code of a replica folds, so that both sides come to the same.
 */
#include <stdlib.h>
#include <string.h>

#include "store/centre/doubts.h"
#include "store/centre/tables.h"
#include "store/replica.h"

static int placement_compare(const void *a, const void *b)
{
    return memcmp(a, b, OP_ENTITY_BYTES);
}

static bool is_among(const struct buf *placements, const uint8_t *placement)
{
    return bsearch(placement, placements->data, placements->len / OP_ENTITY_BYTES, OP_ENTITY_BYTES,
                   placement_compare) != NULL;
}

static enum err_code bind_site(struct centre_store *store, const char *sql, const struct centre_site *site,
                               sqlite3_stmt **ret, struct error *err)
{
    TRY(db_statement(&store->db, sql, ret, err));
    bind_int(*ret, 1, op_row_id(site->id, 0));
    bind_int(*ret, 2, op_row_id(site->id + 1, 0));
    return ERR_OK;
}

/* The placements that doubts of the site are about, ascending; an erased doubt names none. */
static enum err_code doubted_placements(struct centre_store *store, const struct centre_site *site,
                                        struct buf *placements, struct error *err)
{
    sqlite3_stmt *s;
    TRY(bind_site(store,
                  "SELECT body FROM op WHERE id > ?1 AND id < ?2 AND kind = 27 AND quarantine IS NULL AND body IS NOT "
                  "NULL ORDER BY id",
                  site, &s, err));
    for (;;) {
        bool row;
        struct record record;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            break;
        }
        enum err_code rc = record_decode(kind_by_number(KIND_COMPLIANCE_DOUBT), column_slice(s, 0), &record, err);
        if (rc == ERR_OK) {
            rc = buf_append(placements, record_value(&record, "placement")->text.data, OP_ENTITY_BYTES, err);
        }
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
    if (placements->len > 0) {
        qsort(placements->data, placements->len / OP_ENTITY_BYTES, OP_ENTITY_BYTES, placement_compare);
    }
    return ERR_OK;
}

/* Sessions are laid out and attendances read for the placements in question alone. */
static bool bears(const struct op *op, const struct buf *placements)
{
    return (op->kind != KIND_PLACEMENT && op->kind != KIND_ATTENDANCE) || is_among(placements, op->subject);
}

static enum err_code take_ops(struct centre_store *store, const struct centre_site *site, const struct buf *placements,
                              struct store *scratch, struct error *err)
{
    sqlite3_stmt *s;
    TRY(bind_site(store,
                  "SELECT " OP_COLUMNS " FROM op o WHERE o.id > ?1 AND o.id < ?2 AND o.quarantine IS NULL "
                  "AND o.kind IN (1, 2, 3, 4, 5, 6, 8, 9, 14, 17, 18, 26, 27, 28, 29) ORDER BY o.id",
                  site, &s, err));
    for (;;) {
        bool row;
        bool salted;
        struct op op;
        struct op_id supersedes[OP_SUPERSEDES_MAX];
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        enum err_code rc = op_read(s, &op, supersedes, &salted, err);
        if (rc == ERR_OK && bears(&op, placements)) {
            rc = scratch_add(scratch, &op, column_slice(s, 3), (enum record_writer)column_int(s, 8), err);
        }
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
}

static enum err_code fold_site(struct centre_store *store, const struct centre_site *site, int32_t today,
                               struct store *scratch, bool *ret_any, struct error *err)
{
    SCOPED(buf_fini) struct buf placements;
    buf_init(&placements, SIZE_MAX / 2);
    TRY(doubted_placements(store, site, &placements, err));
    *ret_any = placements.len > 0;
    if (!*ret_any) {
        return ERR_OK;
    }
    TRY(db_begin(&scratch->db, err));
    TRY(db_end(&scratch->db, take_ops(store, site, &placements, scratch, err), err));
    return scratch_fold(scratch, today, err);
}

static enum err_code ask(struct centre_store *store, const struct centre_site *site, int32_t today, const char *digits,
                         struct doubt_list *list, struct doubt_row *row, struct error *err)
{
    struct store *scratch;
    bool any;
    TRY(scratch_open(programme_default(), &scratch, err));
    enum err_code rc = fold_site(store, site, today, scratch, &any, err);
    if (rc == ERR_OK && list != NULL) {
        rc = query_doubts(scratch, true, QUERY_LIMIT_MAX, list, err);
    } else if (rc == ERR_OK) {
        rc = query_doubt(scratch, digits, row, err);
    }
    store_close(scratch);
    return rc;
}

enum err_code centre_doubts(struct centre_store *store, const struct centre_site *site, int32_t today,
                            struct doubt_list *ret_list, struct error *err)
{
    return ask(store, site, today, NULL, ret_list, NULL, err);
}

enum err_code centre_doubt(struct centre_store *store, const struct centre_site *site, int32_t today,
                           const char *digits, struct doubt_row *ret_row, struct error *err)
{
    return ask(store, site, today, digits, NULL, ret_row, err);
}
