/*
 * Messages between the organisation and JCP, and which of them were looked at on this machine.
 */
#include <stdlib.h>
#include <string.h>

#include "store/read.h"

#define UNREAD                                                                                                         \
    "m.id >= x'80' AND NOT EXISTS (SELECT 1 FROM message_seen n WHERE n.id = m.id)" /* the centre's: message_id */

static void read_message(sqlite3_stmt *s, struct message_row *row)
{
    (void)column_fixed(s, 0, row->id.bytes, ROW_ID_BYTES);
    column_text(s, 1, row->body, sizeof(row->body));
    row->sent_on = (int32_t)column_int_or(s, 2, ROW_NONE);
    column_text(s, 3, row->participant_ref, sizeof(row->participant_ref));
    column_text(s, 4, row->referral_ref, sizeof(row->referral_ref));
    (void)column_fixed(s, 5, row->reply_to.bytes, ROW_ID_BYTES);
    column_text(s, 6, row->about, sizeof(row->about));
    column_text(s, 7, row->said_by, sizeof(row->said_by));
    row->said_at_ms = column_int_or(s, 8, OP_TIME_NONE);
    row->from_centre = message_of_centre(row->id.bytes);
    row->unread = column_int(s, 9) != 0;
}

static enum err_code collect(struct store *store, sqlite3_stmt *s, size_t limit, struct row_array *rows, bool *ret_more,
                             struct error *err)
{
    *ret_more = false;
    for (;;) {
        bool row;
        void *out;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        if (rows->count == limit) {
            *ret_more = true;
            return ERR_OK;
        }
        TRY(row_array_next(rows, &out, err));
        read_message(s, out);
    }
}

enum err_code query_messages(struct store *store, bool unread_only, size_t limit, struct message_list *ret_list,
                             struct error *err)
{
    sqlite3_stmt *s;
    bool more;
    struct row_array rows = { .size = sizeof(struct message_row) };
    TRY(db_statement(&store->db,
                     "SELECT m.id, m.body, m.sent_on, p.ref, r.ref, m.reply_to, m.about, m.said_by, m.said_at, " UNREAD
                     " AS unread FROM message m "
                     "LEFT JOIN participant p ON p.id = m.participant LEFT JOIN referral r ON r.id = m.referral "
                     "WHERE ?1 = 0 OR unread ORDER BY m.said_at DESC, m.id",
                     &s, err));
    bind_int(s, 1, unread_only);
    enum err_code rc = collect(store, s, limit, &rows, &more, err);
    sqlite3_reset(s);
    if (rc != ERR_OK) {
        row_array_fini(&rows);
        return rc;
    }
    *ret_list = (struct message_list){ .rows = rows.rows, .count = rows.count, .more = more };
    return ERR_OK;
}

enum err_code query_messages_unread(struct store *store, uint64_t *ret_count, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT count(*) FROM message m WHERE " UNREAD, &s, err));
    TRY(db_step(&store->db, s, &row, err));
    *ret_count = row ? (uint64_t)column_int(s, 0) : 0;
    sqlite3_reset(s);
    return ERR_OK;
}

static enum err_code mark_seen(struct store *store, const struct row_id *id, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "INSERT OR IGNORE INTO message_seen SELECT id FROM message WHERE ?1 IS NULL OR id = ?1", &s, err));
    if (id != NULL) {
        bind_blob(s, 1, id->bytes, ROW_ID_BYTES);
    }
    return db_run(&store->db, s, err);
}

enum err_code store_message_seen(struct store *store, const struct row_id *id, struct error *err)
{
    TRY(replica_begin(store, err));
    return replica_end(store, mark_seen(store, id, err), err);
}
