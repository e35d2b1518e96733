/*
 * The log as people see it, and how much there is of everything.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/query.h"
#include "store/read.h"
#include "store/said_again.h"

struct log_collect {
    struct store *store;
    struct row_array rows;
    struct buf bodies; /* rows hold offsets until the end */
    bool aside;        /* they are not in the log */
};

void log_row_fill(struct log_row *row, const struct op *op)
{
    const struct kind *kind = kind_by_number(op->kind);
    row->op = op->id;
    row->kind = op->kind;
    if (kind != NULL) {
        (void)snprintf(row->kind_name, sizeof(row->kind_name), "%s", kind->name);
    } else {
        (void)snprintf(row->kind_name, sizeof(row->kind_name), "unknown-%u", op->kind);
    }
    memcpy(row->subject, op->subject, op->subject_len);
    row->subject_len = op->subject_len;
    memcpy(row->actor, op->actor.data, op->actor.len);
    row->recorded_at_ms = op->recorded_at_ms;
    row->happened_at_ms = op->happened_at_ms;
    row->erased = op->erased;
}

/* Its body is borrowed from the statement. */
static enum err_code column_log_row(struct store *store, bool aside, sqlite3_stmt *s, struct log_row *row,
                                    struct error *err)
{
    struct op op;
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    TRY(op_header_decode(column_slice(s, 1), &op, supersedes, err));
    log_row_fill(row, &op);
    row->received_at_ms = column_int(s, 4);
    row->own = sqlite3_column_type(s, 5) != SQLITE_NULL;
    row->acknowledged = !row->own || op.id.seq <= (uint64_t)column_int(s, 5);
    row->erased = sqlite3_column_type(s, 2) == SQLITE_NULL;
    column_text(s, 3, row->quarantine, sizeof(row->quarantine));
    row->body = column_slice(s, 2);
    return aside ? ERR_OK : statement_first(store, column_int(s, 0), &op, &row->same_as, &row->repeats, err);
}

static enum err_code read_log_row(struct log_collect *c, sqlite3_stmt *s, struct error *err)
{
    void *out;
    TRY(row_array_next(&c->rows, &out, err));
    struct log_row *row = out;
    TRY(column_log_row(c->store, c->aside, s, row, err));
    struct slice body = row->body;
    row->body = slice_of((const void *)c->bodies.len, body.len);
    return buf_append(&c->bodies, body.data, body.len, err);
}

static enum err_code collect_log(struct log_collect *c, sqlite3_stmt *s, size_t limit, bool *ret_more,
                                 struct error *err)
{
    *ret_more = false;
    for (;;) {
        bool row;
        TRY(db_step(&c->store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        if (c->rows.count == limit) {
            *ret_more = true;
            sqlite3_reset(s);
            return ERR_OK;
        }
        enum err_code rc = read_log_row(c, s, err);
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
}

#define LOG_COLUMNS                                                                                                    \
    "SELECT o.id, o.header, o.body, o.quarantine, o.received_at, "                                                     \
    "(SELECT c.acked_seq FROM own_chain c WHERE c.author = o.id >> 40) FROM "

/* A session's ops are found through its assertions, an entity's through the index by subject. */
static enum err_code log_statement(struct store *store, const uint8_t *subject, size_t subject_len,
                                   bool quarantined_only, sqlite3_stmt **ret, struct error *err)
{
    if (quarantined_only) {
        return db_statement(&store->db,
                            LOG_COLUMNS "op o WHERE o.quarantine IS NOT NULL ORDER BY o.received_at DESC, o.id DESC",
                            ret, err);
    }
    if (subject_len == OP_SESSION_BYTES) {
        int32_t day;
        int slot;
        session_of_subject(subject, &day, &slot);
        TRY(db_statement(&store->db,
                         LOG_COLUMNS "attendance a JOIN op o ON o.id = a.op WHERE a.placement = ?1 AND a.day = ?2 "
                                     "AND a.slot = ?3 ORDER BY a.hlc DESC, o.id DESC",
                         ret, err));
        bind_blob(*ret, 1, subject, OP_ENTITY_BYTES);
        bind_int(*ret, 2, day);
        bind_int(*ret, 3, slot);
        return ERR_OK;
    }
    if (subject_len == OP_ENTITY_BYTES) {
        TRY(db_statement(&store->db,
                         LOG_COLUMNS "op o WHERE o.id IN (SELECT id FROM op WHERE subject = ?1 AND kind <> 5 "
                                     "UNION SELECT op FROM attendance WHERE placement = ?1) "
                                     "ORDER BY o.received_at DESC, o.id DESC",
                         ret, err));
        bind_blob(*ret, 1, subject, OP_ENTITY_BYTES);
        return ERR_OK;
    }
    return db_statement(&store->db, LOG_COLUMNS "op o ORDER BY o.received_at DESC, o.id DESC", ret, err);
}

static enum err_code log_rows(struct store *store, sqlite3_stmt *s, bool aside, size_t limit, struct log_list *ret_list,
                              struct error *err)
{
    struct log_collect c = { .store = store, .rows = { .size = sizeof(struct log_row) }, .aside = aside };
    buf_init(&c.bodies, SIZE_MAX / 2);
    bool more = false;
    enum err_code rc = collect_log(&c, s, limit, &more, err);
    if (rc != ERR_OK) {
        row_array_fini(&c.rows);
        buf_fini(&c.bodies);
        return rc;
    }
    struct log_row *rows = c.rows.rows;
    for (size_t i = 0; i < c.rows.count; i++) {
        rows[i].body.data = rows[i].body.len > 0 ? c.bodies.data + (uintptr_t)rows[i].body.data : NULL;
    }
    *ret_list = (struct log_list){ .rows = rows, .count = c.rows.count, .more = more, .owned = c.bodies.data };
    return ERR_OK;
}

enum err_code query_log(struct store *store, const uint8_t *subject, size_t subject_len, bool quarantined_only,
                        size_t limit, struct log_list *ret_list, struct error *err)
{
    CHECK(subject_len == 0 || subject_len == OP_ENTITY_BYTES || subject_len == OP_SESSION_BYTES);
    sqlite3_stmt *s;
    TRY(log_statement(store, subject, subject_len, quarantined_only, &s, err));
    return log_rows(store, s, false, limit, ret_list, err);
}

enum err_code query_log_own(struct store *store, log_reader read, void *context, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     LOG_COLUMNS "own_chain w CROSS JOIN op o ON o.id > w.author << 40 AND o.id < (w.author + 1) << 40 "
                                 "ORDER BY w.author DESC, o.id DESC",
                     &s, err));
    for (;;) {
        bool found;
        struct log_row row = { 0 };
        TRY(db_step(&store->db, s, &found, err));
        if (!found) {
            return ERR_OK;
        }
        enum err_code rc = column_log_row(store, false, s, &row, err);
        if (rc == ERR_OK) {
            rc = read(context, column_int(s, 0), &row, err);
        }
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
}

enum err_code query_log_each(struct store *store, row_taker take, void *context, struct error *err)
{
    sqlite3_stmt *s;
    TRY(log_statement(store, NULL, 0, false, &s, err));
    struct log_collect c = { .store = store, .rows = { .size = sizeof(struct log_row) } };
    buf_init(&c.bodies, SIZE_MAX / 2);
    bool more = true;
    enum err_code rc = ERR_OK;
    while (rc == ERR_OK && more) {
        c.rows.count = 0;
        buf_clear(&c.bodies);
        rc = db_step(&store->db, s, &more, err);
        rc = rc == ERR_OK && more ? read_log_row(&c, s, err) : rc;
        if (rc == ERR_OK && more) {
            struct log_row *row = c.rows.rows;
            row->body.data = c.bodies.data;
            rc = take(context, row, err);
        }
    }
    sqlite3_reset(s);
    row_array_fini(&c.rows);
    buf_fini(&c.bodies);
    return rc;
}

enum err_code query_log_aside(struct store *store, size_t limit, struct log_list *ret_list, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "SELECT x.seq, x.header, x.body, x.quarantine, x.received_at, NULL FROM forked_op x "
                     "WHERE x.issued_seq IS NULL ORDER BY x.fork DESC, x.seq DESC",
                     &s, err));
    return log_rows(store, s, true, limit, ret_list, err);
}

/* ---- one op by its name ---- */

struct entry_name {
    char device[2 * DEVICE_ID_BYTES + 2]; /* upper case, with % */
    int64_t incarnation;                  /* -1: any */
    int64_t seq;
};

static bool number_part(const char *text, int64_t max, int64_t *ret_number, const char **ret_end)
{
    int64_t number = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9' && number <= max; at++) {
        number = 10 * number + (*at - '0');
    }
    *ret_number = number;
    *ret_end = at;
    return at > text && number <= max;
}

static bool entry_name_parse(const char *text, struct entry_name *name)
{
    size_t digits = strspn(text, "0123456789abcdefABCDEF");
    const char *end;
    if (digits < 8 || digits > 2 * (size_t)DEVICE_ID_BYTES || text[digits] != '/') {
        return false;
    }
    for (size_t i = 0; i < digits; i++) {
        name->device[i] = (char)(text[i] >= 'a' ? text[i] - 'a' + 'A' : text[i]);
    }
    memcpy(name->device + digits, "%", 2);
    name->incarnation = -1;
    if (!number_part(text + digits + 1, OP_SEQ_MAX, &name->seq, &end)) {
        return false;
    }
    if (*end == '/') {
        name->incarnation = name->seq;
        return number_part(end + 1, OP_SEQ_MAX, &name->seq, &end) && *end == '\0';
    }
    return *end == '\0';
}

enum err_code query_log_entry(struct store *store, const char *text, struct log_row *ret_row, struct error *err)
{
    struct entry_name name;
    struct log_collect c = { .store = store, .rows = { .size = sizeof(struct log_row) } };
    sqlite3_stmt *s;
    bool more = false;
    if (!entry_name_parse(text, &name)) {
        return FAIL(err, INVALID, "find the record: expected its entry as the log shows it, like d92f25b7/1/42");
    }
    TRY(db_statement(&store->db,
                     LOG_COLUMNS "author w JOIN op o ON o.id = (w.id << 40) + ?3 WHERE hex(w.device) LIKE ?1 "
                                 "AND (?2 < 0 OR w.incarnation = ?2) ORDER BY o.id",
                     &s, err));
    bind_text(s, 1, name.device);
    bind_int(s, 2, name.incarnation);
    bind_int(s, 3, name.seq);
    buf_init(&c.bodies, SIZE_MAX / 2);
    enum err_code rc = collect_log(&c, s, 1, &more, err);
    if (rc == ERR_OK && c.rows.count == 0) {
        rc = FAIL(err, NOT_FOUND, "find the record: the log has no such entry");
    }
    if (rc == ERR_OK && more) {
        rc = FAIL(err, CONFLICT,
                  "find the record: several entries are named so; give the incarnation too, as DEVICE/INCARNATION/SEQ");
    }
    if (rc == ERR_OK) {
        *ret_row = *(struct log_row *)c.rows.rows;
        ret_row->body = (struct slice){ 0 };
    }
    row_array_fini(&c.rows);
    buf_fini(&c.bodies);
    return rc;
}

/* ---- counts ---- */

enum { COUNT_LONG_MS = 10, COUNT_REST = 50 };

/* What its own tables and indexes answer at once, however large the replica is. */
static enum err_code count_at_once(struct store *store, struct store_counts *counts, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(
        &store->db,
        "SELECT (SELECT ifnull(sum(newest_seq), 0) FROM author), "
        "(SELECT count(*) FROM session s CROSS JOIN placement p ON p.id = s.placement WHERE s.standing = 2), "
        "(SELECT count(*) FROM op WHERE quarantine IS NOT NULL), "
        "(SELECT count(*) FROM flag WHERE cleared_at IS NULL AND severity = 0), "
        "(SELECT count(*) FROM flag WHERE cleared_at IS NULL AND severity = 1), "
        "(SELECT count(*) FROM flag WHERE cleared_at IS NULL AND severity = 2), "
        "(SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size)",
        &s, err));
    TRY(db_step(&store->db, s, &row, err));
    CHECK(row);
    uint64_t *const out[] = { &counts->ops,      &counts->disputed_sessions, &counts->quarantined,  &counts->flags[0],
                              &counts->flags[1], &counts->flags[2],          &counts->replica_bytes };
    for (size_t i = 0; i < ARRAY_LEN(out); i++) {
        *out[i] = (uint64_t)column_int(s, (int)i);
    }
    sqlite3_reset(s);
    return ERR_OK;
}

/* What an erasure leaves counts no more; which of its rows these are is looked for only where there was one. */
static enum err_code count_records(struct store *store, struct store_counts *counts, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(
        &store->db,
        "SELECT (SELECT count(*) FROM participant), (SELECT count(*) FROM referral), (SELECT count(*) FROM placement), "
        "(SELECT count(*) FROM session) - (SELECT count(*) FROM session s WHERE s.expected = 0 AND NOT EXISTS "
        "(SELECT 1 FROM placement p WHERE p.id = s.placement)), (SELECT count(*) FROM attendance) - "
        "(SELECT count(*) FROM attendance WHERE repeats IS NOT NULL) - (CASE WHEN ?1 THEN "
        "(SELECT count(*) FROM attendance WHERE outcome = 0 AND repeats IS NULL) ELSE 0 END), (SELECT count(*) FROM "
        "notice), "
        "(SELECT count(*) FROM appointment), (SELECT count(*) FROM decision)",
        &s, err));
    bind_int(s, 1, store->erasing);
    TRY(db_step(&store->db, s, &row, err));
    CHECK(row);
    uint64_t *const out[] = { &counts->participants, &counts->referrals, &counts->placements,   &counts->sessions,
                              &counts->attendance,   &counts->notices,   &counts->appointments, &counts->decisions };
    for (size_t i = 0; i < ARRAY_LEN(out); i++) {
        *out[i] = (uint64_t)column_int(s, (int)i);
    }
    sqlite3_reset(s);
    return ERR_OK;
}

/* Counting reads every page of a table: again only after a change, and where it takes long not more often than so. */
static enum err_code records_counted(struct store *store, struct store_counts *counts, struct error *err)
{
    struct records_counted *known = &store->records_counted;
    int64_t changes = sqlite3_total_changes64(store->db.handle);
    int64_t now_ms = clock_monotonic_ms();
    bool rests = known->took_ms >= COUNT_LONG_MS && now_ms - known->at_ms < COUNT_REST * known->took_ms;
    if (known->at_ms == 0 || (known->changes != changes && !rests)) {
        TRY(count_records(store, &known->counts, err));
        known->changes = changes;
        known->at_ms = now_ms;
        known->took_ms = clock_monotonic_ms() - now_ms;
    }
    *counts = known->counts;
    return ERR_OK;
}

enum err_code query_counts(struct store *store, struct store_counts *ret_counts, struct error *err)
{
    struct store_counts counts = { 0 };
    struct store_sync sync;
    TRY(records_counted(store, &counts, err));
    TRY(count_at_once(store, &counts, err));
    TRY(store_sync_read(store, &sync, err));
    counts.pending_ops = sync.pending_ops;
    *ret_counts = counts;
    return ERR_OK;
}
