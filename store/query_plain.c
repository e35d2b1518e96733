/*
 * Records for people: any kind whose table has its fields as columns, read by the table of store/record.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/fold_parts.h"
#include "store/read.h"

#define COLUMNS_SIZE (64 * (RECORD_FIELDS_MAX + 4))

struct plain_collect {
    const struct kind *kind;
    struct row_array rows;
    struct buf texts; /* values hold offsets until the end */
};

/* They have a fold of their own, but their table has their fields too; who said them is not in it. */
static bool has_own_table(const struct kind *kind)
{
    static const uint32_t own[] = { KIND_PARTICIPANT,        KIND_REFERRAL,    KIND_PLACEMENT, KIND_NOTICE,
                                    KIND_CAPACITY_STATEMENT, KIND_APPOINTMENT, KIND_DECISION };
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        if (own[i] == kind->number) {
            return true;
        }
    }
    return false;
}

bool query_has_records(const struct kind *kind)
{
    return kind_is_plain(kind->number) || has_own_table(kind);
}

static bool has_text(const struct field *field)
{
    return field->type == FIELD_TEXT || field->type == FIELD_CODE || field->type == FIELD_ID ||
           field->type == FIELD_BYTES;
}

static enum err_code read_value(struct plain_collect *c, sqlite3_stmt *s, int at, const struct field *field,
                                struct value *value, struct error *err)
{
    if (sqlite3_column_type(s, at) == SQLITE_NULL) {
        return ERR_OK;
    }
    value->present = true;
    if (!has_text(field)) {
        value->number = column_int(s, at);
        return ERR_OK;
    }
    struct slice text = column_slice(s, at);
    value->text = slice_of((const void *)c->texts.len, text.len);
    return buf_append(&c->texts, text.data, text.len, err);
}

static enum err_code read_row(struct plain_collect *c, sqlite3_stmt *s, struct error *err)
{
    void *out;
    TRY(row_array_next(&c->rows, &out, err));
    struct record_row *row = out;
    int count = (int)c->kind->field_count;
    record_init(&row->record, c->kind);
    (void)column_fixed(s, 0, row->id.bytes, ROW_ID_BYTES);
    for (int i = 0; i < count; i++) {
        TRY(read_value(c, s, i + 1, &c->kind->fields[i], &row->record.values[i], err));
    }
    column_text(s, count + 1, row->said_by, sizeof(row->said_by));
    row->said_at_ms = column_int_or(s, count + 2, OP_TIME_NONE);
    return ERR_OK;
}

static enum err_code read_rows(struct store *store, struct plain_collect *c, sqlite3_stmt *s, size_t limit,
                               bool *ret_more, struct error *err)
{
    *ret_more = false;
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        if (c->rows.count == limit) {
            *ret_more = true;
            return ERR_OK;
        }
        TRY(read_row(c, s, err));
    }
}

/* The texts stay where they are from now on. */
static void place_texts(struct plain_collect *c)
{
    struct record_row *rows = c->rows.rows;
    for (size_t i = 0; c->texts.data != NULL && i < c->rows.count; i++) {
        for (size_t f = 0; f < c->kind->field_count; f++) {
            struct value *value = &rows[i].record.values[f];
            if (value->present && has_text(&c->kind->fields[f])) {
                value->text.data = c->texts.data + (size_t)value->text.data;
            }
        }
    }
}

static void select_put(const struct kind *kind, const char *link, char sql[COLUMNS_SIZE])
{
    int len = snprintf(sql, COLUMNS_SIZE, "SELECT id");
    for (size_t i = 0; i < kind->field_count; i++) {
        len += snprintf(sql + len, (size_t)(COLUMNS_SIZE - len), ", %s", kind->fields[i].name);
    }
    bool of_person = link != NULL && strcmp(link, "participant") == 0;
    const char *is = link == NULL ? "" : of_person ? " IN (" SAME_PERSON("?1") ")" : " = ?1";
    (void)snprintf(sql + len, (size_t)(COLUMNS_SIZE - len), ", %s FROM %s%s%s%s ORDER BY %sid",
                   has_own_table(kind) ? "NULL, NULL" : "said_by, said_at", kind->name, link == NULL ? "" : " WHERE ",
                   link == NULL ? "" : link, is,
                   !has_own_table(kind)                 ? "said_at DESC, "
                   : kind_field_index(kind, "ref") >= 0 ? "ref, "
                                                        : "");
}

static enum err_code collect(struct store *store, const struct kind *kind, const char *link, const struct row_id *id,
                             size_t limit, struct record_list *ret_list, struct error *err)
{
    char sql[COLUMNS_SIZE];
    SCOPED(statement_fini) sqlite3_stmt *s = NULL;
    struct plain_collect c = { .kind = kind, .rows = { .size = sizeof(struct record_row) } };
    bool more = false;
    buf_init(&c.texts, SIZE_MAX / 2);
    select_put(kind, link, sql);
    TRY(db_prepare(&store->db, sql, &s, err));
    if (link != NULL) {
        bind_blob(s, 1, id->bytes, ROW_ID_BYTES);
    }
    enum err_code rc = read_rows(store, &c, s, limit, &more, err);
    if (rc != ERR_OK) {
        row_array_fini(&c.rows);
        buf_fini(&c.texts);
        return rc;
    }
    place_texts(&c);
    *ret_list = (struct record_list){ .rows = c.rows.rows, .count = c.rows.count, .more = more, .owned = c.texts.data };
    return ERR_OK;
}

static enum err_code check_kind(const struct kind *kind, const char *link, struct error *err)
{
    int at = link == NULL ? 0 : kind_field_index(kind, link);
    if (!query_has_records(kind)) {
        return FAIL(err, INVALID, "list records of kind '%s': they have a call of their own", kind->name);
    }
    return at >= 0 && (link == NULL || kind->fields[at].type == FIELD_ID)
               ? ERR_OK
               : FAIL(err, INVALID, "list records of kind '%s': they name no %s", kind->name, link);
}

enum err_code query_records(struct store *store, const struct kind *kind, const char *link, const struct row_id *id,
                            size_t limit, struct record_list *ret_list, struct error *err)
{
    TRY(check_kind(kind, link, err));
    return collect(store, kind, link, id, limit, ret_list, err);
}

static enum err_code each(struct store *store, struct plain_collect *c, sqlite3_stmt *s, row_taker take, void *context,
                          struct error *err)
{
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        c->rows.count = 0;
        buf_clear(&c->texts);
        TRY(read_row(c, s, err));
        place_texts(c);
        TRY(take(context, c->rows.rows, err));
    }
}

enum err_code query_records_each(struct store *store, const struct kind *kind, row_taker take, void *context,
                                 struct error *err)
{
    char sql[COLUMNS_SIZE];
    SCOPED(statement_fini) sqlite3_stmt *s = NULL;
    struct plain_collect c = { .kind = kind, .rows = { .size = sizeof(struct record_row) } };
    TRY(check_kind(kind, NULL, err));
    select_put(kind, NULL, sql);
    TRY(db_prepare(&store->db, sql, &s, err));
    buf_init(&c.texts, SIZE_MAX / 2);
    enum err_code rc = each(store, &c, s, take, context, err);
    row_array_fini(&c.rows);
    buf_fini(&c.texts);
    return rc;
}

enum err_code query_events_each(struct store *store, const struct kind *kind, row_taker take, void *context,
                                struct error *err)
{
    SCOPED(statement_fini) sqlite3_stmt *s = NULL;
    CHECK(kind->number != KIND_ATTENDANCE);
    TRY(db_prepare(&store->db,
                   "SELECT header, body FROM op INDEXED BY op_subject WHERE kind = ?1 AND kind <> 5 "
                   "AND quarantine IS NULL AND body IS NOT NULL ORDER BY received_at DESC, id DESC",
                   &s, err));
    bind_int(s, 1, kind->number);
    for (;;) {
        struct op op;
        struct op_id supersedes[OP_SUPERSEDES_MAX];
        struct log_row said = { .body = { 0 } };
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        TRY(op_header_decode(column_slice(s, 0), &op, supersedes, err));
        log_row_fill(&said, &op);
        said.body = column_slice(s, 1);
        TRY(take(context, &said, err));
    }
}

enum err_code query_record(struct store *store, const struct kind *kind, const struct row_id *id,
                           struct record_list *ret_list, struct error *err)
{
    struct record_list list = { 0 };
    TRY(check_kind(kind, NULL, err));
    TRY(collect(store, kind, "id", id, 1, &list, err));
    if (list.count == 0) {
        record_list_fini(&list);
        return FAIL(err, NOT_FOUND, "find the %s: none has this id", kind->name);
    }
    *ret_list = list;
    return ERR_OK;
}

#define REF_OF(table) "SELECT ref FROM " table " WHERE id = ?1"

enum err_code query_ref(struct store *store, uint32_t kind, const struct row_id *id, char ret_ref[ROW_REF_SIZE],
                        struct error *err)
{
    static const char *const sql[] = {
        [KIND_PARTICIPANT] = REF_OF("participant"), [KIND_REFERRAL] = REF_OF("referral"),
        [KIND_PLACEMENT] = REF_OF("placement"),     [KIND_HOST] = REF_OF("host"),
        [KIND_OPPORTUNITY] = REF_OF("opportunity"), [KIND_POLICY_DECISION] = REF_OF("policy_decision"),
        [KIND_CONTRACT] = REF_OF("contract"),
    };
    bool row;
    sqlite3_stmt *s;
    CHECK(kind < ARRAY_LEN(sql) && sql[kind] != NULL);
    TRY(db_statement(&store->db, sql[kind], &s, err));
    bind_blob(s, 1, id->bytes, ROW_ID_BYTES);
    TRY(db_step(&store->db, s, &row, err));
    ret_ref[0] = '\0';
    if (row) {
        column_text(s, 0, ret_ref, ROW_REF_SIZE);
        sqlite3_reset(s);
    }
    return ERR_OK;
}
