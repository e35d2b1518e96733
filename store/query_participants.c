/*
 * The records of people, one by one and as the people they are.
 */
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

enum err_code query_same_person(struct store *store, const struct row_id *id, struct id_list *ret_list,
                                struct error *err)
{
    SCOPED(buf_fini) struct buf ids;
    buf_init(&ids, SIZE_MAX / 2);
    TRY(person_records(store, id->bytes, &ids, err));
    *ret_list = (struct id_list){ .rows = (struct row_id *)(void *)ids.data, .count = ids.len / ROW_ID_BYTES };
    ids.data = NULL;
    return ERR_OK;
}
