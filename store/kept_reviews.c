#include "store/kept_reviews.h"

#include <stdlib.h>
#include <string.h>

#include "store/read.h"

static struct slice text_of(const struct record *record, const char *name)
{
    return record->values[kind_field_index(record->kind, name)].text;
}

static enum err_code keep(struct store *store, const char *actor, const struct store_entry *entry, int64_t now_ms,
                          struct error *err)
{
    const struct record *record = &entry->record;
    const struct value *again = &record->values[kind_field_index(record->kind, "look_again_on")];
    sqlite3_stmt *s;
    buf_clear(&store->body);
    TRY(record_check(record, true, err));
    TRY(record_encode(record, &store->body, err));
    TRY(db_statement(&store->db,
                     "INSERT INTO kept_review (id, flag, placement, outcome, look_again_on, body, hlc, said_by, "
                     "said_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                     &s, err));
    bind_blob(s, 1, entry->subject, ROW_ID_BYTES);
    bind_text_slice(s, 2, text_of(record, "flag"));
    bind_slice(s, 3, text_of(record, "placement"));
    bind_text_slice(s, 4, text_of(record, "outcome"));
    if (again->present) {
        bind_int(s, 5, again->number);
    } else {
        bind_null(s, 5);
    }
    bind_slice(s, 6, buf_slice(&store->body));
    bind_int(s, 7, (int64_t)store->newest_hlc);
    bind_text(s, 8, actor);
    bind_int(s, 9, now_ms);
    return db_run(&store->db, s, err);
}

enum err_code store_review_keep(struct store *store, const char *actor, const struct store_entry *entry, int64_t now_ms,
                                struct error *err)
{
    CHECK(entry->kind == KIND_FLAG_REVIEW && record_of_volunteers(&entry->record));
    TRY(replica_begin(store, err));
    return replica_end(store, keep(store, actor, entry, now_ms, err), err);
}

static enum err_code give(sqlite3_stmt *s, row_taker take, void *context, struct error *err)
{
    struct record_row row;
    (void)column_fixed(s, 0, row.id.bytes, ROW_ID_BYTES);
    column_text(s, 2, row.said_by, sizeof(row.said_by));
    row.said_at_ms = column_int(s, 3);
    TRY(record_decode(kind_by_number(KIND_FLAG_REVIEW), column_slice(s, 1), &row.record, err));
    return take(context, &row, err);
}

enum err_code query_kept_reviews_each(struct store *store, const struct row_id *placement, row_taker take,
                                      void *context, struct error *err)
{
    SCOPED(statement_fini) sqlite3_stmt *s = NULL;
    TRY(db_prepare(&store->db,
                   "SELECT id, body, said_by, said_at FROM kept_review WHERE ?1 IS NULL OR placement = ?1 "
                   "ORDER BY number DESC",
                   &s, err));
    if (placement == NULL) {
        bind_null(s, 1);
    } else {
        bind_blob(s, 1, placement->bytes, ROW_ID_BYTES);
    }
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        TRY(give(s, take, context, err));
    }
}

enum err_code kept_reviews_erase(struct store *store, const struct erasure *erasure, struct error *err)
{
    sqlite3_stmt *s;
    if (erasure->one || (erasure->kind != KIND_PLACEMENT && erasure->kind != KIND_PARTICIPANT)) {
        return ERR_OK;
    }
    TRY(db_statement(&store->db,
                     "DELETE FROM kept_review WHERE hlc < ?2 AND (placement = ?1 OR placement IN "
                     "(SELECT id FROM placement WHERE participant = ?1))",
                     &s, err));
    bind_blob(s, 1, erasure->subject, OP_ENTITY_BYTES);
    bind_int(s, 2, (int64_t)erasure->hlc);
    TRY(db_run(&store->db, s, err));
    return sqlite3_changes(store->db.handle) > 0
               ? db_exec(&store->db, "UPDATE sync_state SET scrub = 1 WHERE scrub = 0", err)
               : ERR_OK;
}

/* Those of the participants go even where they stand: another volunteer may be meant, and then the rules raise them
 * again. What has cleared says only that somebody was a volunteer then. */
enum err_code volunteer_flags_forget(struct store *store, const struct buf *participants, struct error *err)
{
    sqlite3_stmt *s;
    for (size_t at = 0; at < participants->len; at += ROW_ID_BYTES) {
        TRY(db_statement(&store->db,
                         "DELETE FROM flag WHERE key GLOB '" FLAG_OF_VOLUNTEERS "*' AND subject_id IN (SELECT id FROM "
                         "placement WHERE participant IN (" SAME_PERSON("?1") "))",
                         &s, err));
        bind_blob(s, 1, participants->data + at, ROW_ID_BYTES);
        TRY(db_run(&store->db, s, err));
    }
    TRY(db_exec(&store->db, "DELETE FROM flag WHERE key GLOB '" FLAG_OF_VOLUNTEERS "*' AND cleared_at IS NOT NULL",
                err));
    return db_exec(&store->db, "DELETE FROM kept_review WHERE flag NOT IN (SELECT key FROM flag)", err);
}
