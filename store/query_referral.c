/*
 * One referral, and everything that was said of it.
 */
#include <stdlib.h>
#include <string.h>

#include "store/fold_parts.h"
#include "store/read.h"

enum err_code query_referral(struct store *store, const struct row_id *id, struct referral_row *ret_row,
                             struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db,
                     "SELECT " READ_REFERRAL
                     " FROM referral r LEFT JOIN participant q ON q.id = r.participant WHERE r.id = ?1",
                     &s, err));
    bind_blob(s, 1, id->bytes, ROW_ID_BYTES);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return FAIL(err, NOT_FOUND, "find the referral");
    }
    read_referral(s, ret_row);
    sqlite3_reset(s);
    return ERR_OK;
}

static void text_copy(char *out, size_t size, const struct record *record, const char *name)
{
    struct slice text = record->values[kind_field_index(record->kind, name)].text;
    if (text.len > 0 && text.len < size) {
        memcpy(out, text.data, text.len);
    }
}

static void id_copy(struct row_id *out, struct record *record, const char *name)
{
    const struct value *id = record_value(record, name);
    if (id->present) {
        memcpy(out->bytes, id->text.data, ROW_ID_BYTES);
    }
}

static enum err_code read_event(sqlite3_stmt *s, struct referral_event_row *row, struct error *err)
{
    struct op op;
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    struct record record;
    TRY(op_header_decode(column_slice(s, 0), &op, supersedes, err));
    TRY(record_decode(kind_by_number(KIND_REFERRAL_EVENT), column_slice(s, 1), &record, err));
    const struct value *on = record_value(&record, "on");
    *row = (struct referral_event_row){ .op = op.id,
                                        .hlc = op.hlc,
                                        .on = on->present ? (int32_t)on->number : ROW_NONE,
                                        .policy = record_value(&record, "policy")->number != 0,
                                        .of_centre = column_int(s, 2) == WRITER_CENTRE,
                                        .recorded_at_ms = op.recorded_at_ms };
    memcpy(row->actor, op.actor.data, op.actor.len);
    text_copy(row->status, sizeof(row->status), &record, "status");
    text_copy(row->reason, sizeof(row->reason), &record, "reason");
    text_copy(row->note, sizeof(row->note), &record, "note");
    id_copy(&row->policy_decision, &record, "policy_decision");
    id_copy(&row->opportunity, &record, "opportunity");
    return ERR_OK;
}

static int compare_events(const void *a, const void *b)
{
    const struct referral_event_row *x = a;
    const struct referral_event_row *y = b;
    return x->hlc != y->hlc ? (x->hlc > y->hlc) - (x->hlc < y->hlc) : op_id_compare(&x->op, &y->op);
}

static enum err_code read_events(struct store *store, sqlite3_stmt *s, struct row_array *events, struct error *err)
{
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        void *out;
        enum err_code rc = row_array_next(events, &out, err);
        if (rc == ERR_OK) {
            rc = read_event(s, out, err);
        }
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
}

enum err_code query_referral_events(struct store *store, const struct row_id *referral,
                                    struct referral_event_list *ret_list, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(
        &store->db,
        "SELECT header, body, writer FROM op INDEXED BY op_subject WHERE subject = ?1 AND kind = ?2 AND kind <> 5 "
        "AND quarantine IS NULL AND body IS NOT NULL",
        &s, err));
    bind_blob(s, 1, referral->bytes, ROW_ID_BYTES);
    bind_int(s, 2, KIND_REFERRAL_EVENT);
    SCOPED(row_array_fini) struct row_array events = { .size = sizeof(struct referral_event_row) };
    TRY(read_events(store, s, &events, err));
    if (events.count > 1) {
        qsort(events.rows, events.count, events.size, compare_events);
    }
    *ret_list = (struct referral_event_list){ .rows = events.rows, .count = events.count };
    events.rows = NULL;
    return ERR_OK;
}

/* Of several of one day the newest, as fold_force.c has it. */
enum err_code query_put_out_by_centre(struct store *store, const struct row_id *referral, int32_t day,
                                      struct referral_event_row *ret_event, bool *ret_out, struct error *err)
{
    SCOPED(referral_event_list_fini) struct referral_event_list events = { 0 };
    const struct referral_event_row *last = NULL;
    TRY(query_referral_events(store, referral, &events, err));
    for (size_t i = 0; i < events.count; i++) {
        const struct referral_event_row *event = &events.rows[i];
        if (event->of_centre && event->on <= day && (last == NULL || event->on >= last->on)) {
            last = event;
        }
    }
    *ret_out = last != NULL && referral_is_out(slice_of_text(last->status));
    if (*ret_out) {
        *ret_event = *last;
    }
    return ERR_OK;
}

static void read_notice_out(sqlite3_stmt *s, void *out)
{
    read_notice(s, out);
}

enum err_code query_notices(struct store *store, const struct row_id *placement, size_t limit,
                            struct notice_list *ret_list, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "SELECT " READ_NOTICE " FROM notice n WHERE ?1 IS NULL OR n.placement = ?1 "
                     "ORDER BY n.served_on DESC, n.id",
                     &s, err));
    if (placement == NULL) {
        bind_null(s, 1);
    } else {
        bind_blob(s, 1, placement->bytes, ROW_ID_BYTES);
    }
    struct row_array array = { .size = sizeof(struct notice_row) };
    bool more;
    TRY(rows_collect(store, s, &array, limit, read_notice_out, &more, err));
    *ret_list = (struct notice_list){ .rows = array.rows, .count = array.count, .more = more };
    return ERR_OK;
}
