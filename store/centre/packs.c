#include "store/centre/packs.h"

#include <stdlib.h>
#include <string.h>

#include "store/centre/tables.h"
#include "store/read.h"

/* ---- in a site's log ---- */

static void copy_field(const struct record *record, const char *name, char *out, size_t size)
{
    struct slice text = record->values[kind_field_index(record->kind, name)].text;
    size_t len = text.len < size ? text.len : size - 1;
    memcpy(out, text.data, len);
    out[len] = '\0';
}

static enum err_code take_pack(void *context, const struct op *op, sqlite3_stmt *s, struct error *err)
{
    (void)s;
    struct row_array *rows = context;
    struct record record;
    void *out;
    TRY(record_decode(kind_by_number(KIND_PROGRAMME_PACK), op->body, &record, err));
    TRY(row_array_next(rows, &out, err));
    struct pack_row *row = out;
    *row = (struct pack_row){ .version = (int)record_value(&record, "version")->number,
                              .in_force_from = (int32_t)record_value(&record, "in_force_from")->number,
                              .said_at_ms = op->recorded_at_ms };
    copy_field(&record, "name", row->name, sizeof(row->name));
    copy_field(&record, "sha256", row->sha256, sizeof(row->sha256));
    memcpy(row->said_by, op->actor.data, op->actor.len);
    return ERR_OK;
}

static int pack_compare(const void *a, const void *b)
{
    const struct pack_row *left = a;
    const struct pack_row *right = b;
    if (left->version != right->version) {
        return left->version < right->version ? 1 : -1;
    }
    return (left->said_at_ms < right->said_at_ms) - (left->said_at_ms > right->said_at_ms);
}

static enum err_code read_packs(struct centre_store *store, const struct centre_site *site, struct row_array *rows,
                                struct error *err)
{
    sqlite3_stmt *s;
    TRY(op_rows_of(store, OPS_OF_KINDS("29") " AND o.quarantine IS NULL AND o.body IS NOT NULL ORDER BY o.id DESC",
                   site->id, &s, err));
    return op_each(store, s, take_pack, rows, err);
}

enum err_code centre_packs(struct centre_store *store, const struct centre_site *site, struct pack_list *ret_list,
                           struct error *err)
{
    struct row_array rows = { .size = sizeof(struct pack_row) };
    enum err_code rc = read_packs(store, site, &rows, err);
    if (rc != ERR_OK) {
        row_array_fini(&rows);
        return rc;
    }
    if (rows.count > 1) {
        qsort(rows.rows, rows.count, rows.size, pack_compare);
    }
    *ret_list = (struct pack_list){ .rows = rows.rows, .count = rows.count };
    return ERR_OK;
}

/* ---- for every site ---- */

static void read_standing(sqlite3_stmt *s, void *out)
{
    struct standing_pack *pack = out;
    struct slice packed = column_slice(s, 2);
    pack->version = (int)column_int(s, 0);
    pack->in_force_from = (int32_t)column_int(s, 1);
    pack->packed_len = packed.len <= sizeof(pack->packed) ? packed.len : 0;
    memcpy(pack->packed, packed.data, pack->packed_len);
}

enum err_code centre_standing_packs(struct centre_store *store, struct standing_list *ret_list, struct error *err)
{
    sqlite3_stmt *s;
    struct row_array rows = { .size = sizeof(struct standing_pack) };
    TRY(db_statement(&store->db, "SELECT version, in_force_from, pack FROM standing_pack ORDER BY version", &s, err));
    enum err_code rc = ERR_OK;
    for (bool row = true; rc == ERR_OK && row;) {
        void *out;
        rc = db_step(&store->db, s, &row, err);
        if (rc == ERR_OK && row) {
            rc = row_array_next(&rows, &out, err);
        }
        if (rc == ERR_OK && row) {
            read_standing(s, out);
        }
    }
    if (rc != ERR_OK) {
        sqlite3_reset(s);
        row_array_fini(&rows);
        return rc;
    }
    *ret_list = (struct standing_list){ .packs = rows.rows, .count = rows.count };
    return ERR_OK;
}

void standing_list_fini(struct standing_list *list)
{
    free(list->packs);
    *list = (struct standing_list){ 0 };
}

static enum err_code keep(struct centre_store *store, const struct standing_pack *pack, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "INSERT OR REPLACE INTO standing_pack VALUES (?1, ?2, ?3)", &s, err));
    bind_int(s, 1, pack->version);
    bind_int(s, 2, pack->in_force_from);
    bind_slice(s, 3, slice_of(pack->packed, pack->packed_len));
    return db_run(&store->db, s, err);
}

enum err_code centre_standing_pack_keep(struct centre_store *store, const struct standing_pack *pack, struct error *err)
{
    TRY(db_begin(&store->db, err));
    return db_end(&store->db, keep(store, pack, err), err);
}
