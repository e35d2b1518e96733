/*
 * The records of people, one by one and as the people they are.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/read.h"

#define READ_PERSON                                                                                                    \
    "q.id, ifnull(a.person, q.id), q.ref, q.name, q.address, q.phone FROM participant q "                              \
    "LEFT JOIN same_as a ON a.participant = q.id"

static void read_person(sqlite3_stmt *s, struct participant_row *row)
{
    *row = (struct participant_row){ 0 };
    (void)column_fixed(s, 0, row->id.bytes, ROW_ID_BYTES);
    (void)column_fixed(s, 1, row->person.bytes, ROW_ID_BYTES);
    column_text(s, 2, row->ref, sizeof(row->ref));
    column_text(s, 3, row->name, sizeof(row->name));
    column_text(s, 4, row->address, sizeof(row->address));
    column_text(s, 5, row->phone, sizeof(row->phone));
}

enum err_code query_participants(struct store *store, participant_reader read, void *context, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "SELECT " READ_PERSON " ORDER BY q.id", &s, err));
    for (;;) {
        bool found;
        struct participant_row row;
        TRY(db_step(&store->db, s, &found, err));
        if (!found) {
            return ERR_OK;
        }
        read_person(s, &row);
        enum err_code rc = read(context, &row);
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
}

enum err_code query_participant(struct store *store, const struct row_id *id, struct participant_row *ret_row,
                                struct error *err)
{
    sqlite3_stmt *s;
    bool found;
    TRY(db_statement(&store->db, "SELECT " READ_PERSON " WHERE q.id = ?1", &s, err));
    bind_blob(s, 1, id->bytes, ROW_ID_BYTES);
    TRY(db_step(&store->db, s, &found, err));
    if (!found) {
        return FAIL(err, NOT_FOUND, "find the person's record");
    }
    read_person(s, ret_row);
    sqlite3_reset(s);
    return ERR_OK;
}

/* ---- without a record of their own ---- */

static enum err_code is_in(struct store *store, const char *table, const char *column, const struct row_id *id,
                           bool *ret_found, struct error *err)
{
    SCOPED(statement_fini) sqlite3_stmt *s = NULL;
    char sql[140];
    (void)snprintf(sql, sizeof(sql), "SELECT 1 FROM %s WHERE %s = ?1 LIMIT 1", table, column);
    TRY(db_prepare(&store->db, sql, &s, err));
    bind_blob(s, 1, id->bytes, ROW_ID_BYTES);
    return db_step(&store->db, s, ret_found, err);
}

enum err_code query_find_unrecorded(struct store *store, const char *text, struct row_id *ret_id, struct error *err)
{
    struct row_id id;
    bool recorded;
    bool named = false;
    if (!hex_decode(text, id.bytes, ROW_ID_BYTES)) {
        entity_id(store->stream, "participant", text, id.bytes); /* as whoever named them did */
    }
    TRY(is_in(store, "participant", "id", &id, &recorded, err)); /* then it has another ref by now */
    for (size_t i = 0; !recorded && kind_at(i) != NULL && !named; i++) {
        if (kind_field_index(kind_at(i), "participant") >= 0) {
            TRY(is_in(store, kind_at(i)->name, "participant", &id, &named, err));
        }
    }
    if (!named) {
        return FAIL(err, NOT_FOUND, "find the person: no record names one by this");
    }
    *ret_id = id;
    return ERR_OK;
}

static enum err_code says_whose(struct store *store, const char *table, const struct row_id *id, bool *ret_says,
                                struct error *err)
{
    SCOPED(statement_fini) sqlite3_stmt *s = NULL;
    char sql[100];
    (void)snprintf(sql, sizeof(sql), "SELECT 1 FROM %s WHERE id = ?1 AND participant IS NOT NULL", table);
    TRY(db_prepare(&store->db, sql, &s, err));
    bind_blob(s, 1, id->bytes, ROW_ID_BYTES);
    return db_step(&store->db, s, ret_says, err);
}

enum err_code query_find_lone(struct store *store, uint32_t kind, const char *text, struct row_id *ret_id,
                              struct error *err)
{
    struct row_id id;
    bool known;
    bool named = false;
    const char *name = kind_by_number(kind)->name;
    if (!hex_decode(text, id.bytes, ROW_ID_BYTES)) {
        entity_id(store->stream, name, text, id.bytes);
    }
    TRY(says_whose(store, name, &id, &known, err));
    if (!known) {
        TRY(is_in(store, name, "id", &id, &named, err));
    }
    if (!known && !named && kind == KIND_PLACEMENT) {
        TRY(is_in(store, "(SELECT placement FROM attendance WHERE outcome > 0)", "placement", &id, &named, err));
    }
    for (size_t i = 0; !known && !named && kind_at(i) != NULL; i++) {
        if (kind_field_index(kind_at(i), name) >= 0) {
            TRY(is_in(store, kind_at(i)->name, name, &id, &named, err));
        }
    }
    if (!named) {
        return FAIL(err, NOT_FOUND, "find the %s: no other record names one of which nobody is known by this", name);
    }
    *ret_id = id;
    return ERR_OK;
}

/* ---- as the people they are ---- */

static enum err_code list_records(struct store *store, const struct row_id *id, bool sure, struct id_list *ret_list,
                                  struct error *err)
{
    SCOPED(buf_fini) struct buf ids;
    buf_init(&ids, SIZE_MAX / 2);
    TRY(person_records(store, id->bytes, sure, &ids, err));
    *ret_list = (struct id_list){ .rows = (struct row_id *)(void *)ids.data, .count = ids.len / ROW_ID_BYTES };
    ids.data = NULL;
    return ERR_OK;
}

enum err_code query_same_person(struct store *store, const struct row_id *id, struct id_list *ret_list,
                                struct error *err)
{
    return list_records(store, id, false, ret_list, err);
}

enum err_code query_surely_same_person(struct store *store, const struct row_id *id, struct id_list *ret_list,
                                       struct error *err)
{
    return list_records(store, id, true, ret_list, err);
}

bool id_list_has(const struct id_list *list, const uint8_t id[ROW_ID_BYTES])
{
    for (size_t i = 0; i < list->count; i++) {
        if (memcmp(list->rows[i].bytes, id, ROW_ID_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- merges ---- */

static void read_merge(sqlite3_stmt *s, void *out)
{
    struct merge_row *row = out;
    (void)column_fixed(s, 0, row->duplicate.bytes, ROW_ID_BYTES);
    (void)column_fixed(s, 1, row->into.bytes, ROW_ID_BYTES);
    column_text(s, 2, row->duplicate_ref, sizeof(row->duplicate_ref));
    column_text(s, 3, row->into_ref, sizeof(row->into_ref));
    column_text(s, 4, row->decided_by, sizeof(row->decided_by));
    column_text(s, 5, row->reason, sizeof(row->reason));
    column_text(s, 6, row->linked_by, sizeof(row->linked_by));
    row->linked_here = column_int(s, 7) != 0;
    row->sure = column_int(s, 8) != 0;
    column_text(s, 9, row->confirmed_by, sizeof(row->confirmed_by));
}

void merge_list_fini(struct merge_list *list)
{
    free(list->rows);
    *list = (struct merge_list){ 0 };
}

enum err_code query_merges(struct store *store, const struct row_id *participant, struct merge_list *ret_list,
                           struct error *err)
{
    sqlite3_stmt *s;
    SCOPED(row_array_fini) struct row_array array = { .size = sizeof(struct merge_row) };
    TRY(db_statement(
        &store->db,
        "SELECT m.id, m.participant, a.ref, b.ref, m.decided_by, m.reason, m.linked_by, "
        "m.linked_at IS (SELECT device FROM identity), m.sure, CASE WHEN m.sure THEN m.confirmed_by END "
        "FROM same_person m LEFT JOIN participant a ON a.id = m.id LEFT JOIN participant b ON b.id = m.participant "
        "WHERE ifnull(m.undone, 0) = 0 AND m.participant IS NOT NULL AND (?1 IS NULL OR m.id IN (" SAME_PERSON(
            "?1") ")) ORDER BY m.sure, a.ref, m.id",
        &s, err));
    if (participant != NULL) {
        bind_blob(s, 1, participant->bytes, ROW_ID_BYTES);
    } else {
        bind_null(s, 1);
    }
    TRY(row_array_read(store, s, &array, read_merge, err));
    *ret_list = (struct merge_list){ .rows = array.rows, .count = array.count };
    array.rows = NULL;
    return ERR_OK;
}
