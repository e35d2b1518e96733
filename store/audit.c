#include "store/audit.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"
#include "store/read.h"

void audit_list_fini(struct audit_list *list)
{
    free(list->rows);
    *list = (struct audit_list){ 0 };
}

/* ---- the chain ---- */

static enum err_code put_part(struct buf *out, struct slice part, struct error *err)
{
    uint8_t len[4];
    put_be32(len, (uint32_t)part.len);
    TRY(buf_append(out, len, sizeof(len), err));
    return part.len > 0 ? buf_append(out, part.data, part.len, err) : ERR_OK;
}

static struct slice about_of(const struct audit_entry *entry)
{
    static const struct row_id none;
    return memcmp(&entry->about, &none, sizeof(none)) == 0 ? (struct slice){ 0 }
                                                           : slice_of(entry->about.bytes, ROW_ID_BYTES);
}

static enum err_code chain(const uint8_t before[SHA256_BYTES], const struct audit_entry *entry,
                           uint8_t out[SHA256_BYTES], struct error *err)
{
    SCOPED(buf_fini) struct buf text;
    uint8_t at[8];
    const struct slice parts[] = { slice_of_text(entry->person),
                                   slice_of_text(entry->action),
                                   slice_of_text(entry->call),
                                   slice_of_text(entry->kind),
                                   slice_of(entry->subject, entry->subject_len),
                                   about_of(entry),
                                   slice_of_text(entry->fields) };
    buf_init(&text, SIZE_MAX / 2);
    put_be64(at, (uint64_t)entry->at_ms);
    TRY(buf_append(&text, before, SHA256_BYTES, err));
    TRY(buf_append(&text, at, sizeof(at), err));
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        TRY(put_part(&text, parts[i], err));
    }
    struct slice whole = buf_slice(&text);
    sha256(&whole, 1, out);
    return ERR_OK;
}

static enum err_code newest_hash(struct store *store, uint8_t out[SHA256_BYTES], struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    memset(out, 0, SHA256_BYTES);
    TRY(db_statement(&store->db, "SELECT hash FROM audit ORDER BY id DESC LIMIT 1", &s, err));
    TRY(db_step(&store->db, s, &row, err));
    if (row) {
        (void)column_fixed(s, 0, out, SHA256_BYTES);
        sqlite3_reset(s);
    }
    return ERR_OK;
}

/* ---- adding ---- */

static enum err_code add_one(struct store *store, const struct audit_entry *entry, uint8_t hash[SHA256_BYTES],
                             struct error *err)
{
    sqlite3_stmt *s;
    TRY(chain(hash, entry, hash, err));
    TRY(db_statement(&store->db,
                     "INSERT INTO audit (at, person, action, call, kind, subject, about, fields, hash) "
                     "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                     &s, err));
    bind_int(s, 1, entry->at_ms);
    bind_text(s, 2, entry->person);
    bind_text(s, 3, entry->action);
    bind_text(s, 4, entry->call);
    bind_text(s, 5, entry->kind);
    bind_blob(s, 6, entry->subject, entry->subject_len);
    bind_slice(s, 7, about_of(entry));
    bind_text(s, 8, entry->fields);
    bind_blob(s, 9, hash, SHA256_BYTES);
    return db_run(&store->db, s, err);
}

enum err_code store_audit_add(struct store *store, const struct audit_entry *entries, size_t count, struct error *err)
{
    uint8_t hash[SHA256_BYTES];
    TRY(replica_begin(store, err));
    enum err_code rc = newest_hash(store, hash, err);
    for (size_t i = 0; rc == ERR_OK && i < count; i++) {
        rc = add_one(store, &entries[i], hash, err);
    }
    return replica_end(store, rc, err);
}

/* ---- reading ---- */

#define AUDIT_COLUMNS "at, person, action, call, kind, subject, about, fields, hash, id"

static void read_entry(sqlite3_stmt *s, struct audit_entry *entry)
{
    *entry = (struct audit_entry){ .at_ms = column_int(s, 0), .number = column_int(s, 9) };
    column_text(s, 1, entry->person, sizeof(entry->person));
    column_text(s, 2, entry->action, sizeof(entry->action));
    column_text(s, 3, entry->call, sizeof(entry->call));
    column_text(s, 4, entry->kind, sizeof(entry->kind));
    struct slice subject = column_slice(s, 5);
    if (subject.len > 0 && subject.len <= sizeof(entry->subject)) {
        memcpy(entry->subject, subject.data, subject.len);
        entry->subject_len = (uint8_t)subject.len;
    }
    (void)column_fixed(s, 6, entry->about.bytes, ROW_ID_BYTES);
    column_text(s, 7, entry->fields, sizeof(entry->fields));
}

/* The last time that may be read: one bound, so that an index serves it. */
static int64_t end_of(const struct audit_filter *filter)
{
    int64_t until = filter->until_ms != 0 ? filter->until_ms : INT64_MAX;
    return filter->before_ms != 0 && filter->before_ms < until ? filter->before_ms : until;
}

enum err_code query_audit(struct store *store, const struct audit_filter *filter, size_t limit,
                          struct audit_list *ret_list, struct error *err)
{
    sqlite3_stmt *s;
    SCOPED(row_array_fini) struct row_array array = { .size = sizeof(struct audit_entry) };
    TRY(db_statement(&store->db,
                     "SELECT " AUDIT_COLUMNS
                     " FROM audit WHERE (?1 IS NULL OR person = ?1) AND (?2 IS NULL OR about = ?2) "
                     "AND at >= ?3 AND at <= ?4 AND (?5 IS NULL OR action = ?5) "
                     "AND (?6 = 0 OR at < ?6 OR (at = ?6 AND id < ?7)) ORDER BY at DESC, id DESC LIMIT ?8",
                     &s, err));
    bind_text(s, 1, filter->person);
    if (filter->about != NULL) {
        bind_blob(s, 2, filter->about->bytes, ROW_ID_BYTES);
    } else {
        bind_null(s, 2);
    }
    bind_int(s, 3, filter->since_ms);
    bind_int(s, 4, end_of(filter));
    bind_text(s, 5, filter->action);
    bind_int(s, 6, filter->before_ms);
    bind_int(s, 7, filter->before_number);
    bind_int(s, 8, limit < INT32_MAX ? (int64_t)limit + 1 : -1);
    bool row = true;
    bool more = false;
    while (row && !more) {
        TRY(db_step(&store->db, s, &row, err));
        more = row && array.count == limit;
        if (row && !more) {
            void *out;
            TRY(row_array_next(&array, &out, err));
            read_entry(s, out);
        }
    }
    sqlite3_reset(s);
    *ret_list = (struct audit_list){ .rows = array.rows, .count = array.count, .more = more };
    array.rows = NULL;
    return ERR_OK;
}

enum err_code store_audit_verify(struct store *store, uint64_t *ret_rows, uint64_t *ret_wrong, struct error *err)
{
    sqlite3_stmt *s;
    uint8_t hash[SHA256_BYTES] = { 0 };
    uint64_t rows = 0;
    uint64_t wrong = 0;
    TRY(db_statement(&store->db, "SELECT " AUDIT_COLUMNS " FROM audit ORDER BY id", &s, err));
    for (;;) {
        bool row;
        uint8_t kept[SHA256_BYTES];
        struct audit_entry entry;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            break;
        }
        rows++;
        read_entry(s, &entry);
        TRY(chain(hash, &entry, hash, err));
        bool whole = column_fixed(s, 8, kept, SHA256_BYTES) && memcmp(kept, hash, SHA256_BYTES) == 0 &&
                     entry.number == (int64_t)rows;
        if (!whole && wrong == 0) {
            wrong = rows;
        }
        memcpy(hash, kept, SHA256_BYTES);
    }
    *ret_rows = rows;
    *ret_wrong = wrong;
    return ERR_OK;
}

/* ---- about whom ---- */

#define OF_PERSON(table) "SELECT participant FROM " table " WHERE id = ?1"
#define OF_PLACEMENT(table)                                                                                            \
    "SELECT p.participant FROM " table " x JOIN placement p ON p.id = x.placement WHERE x.id = ?1"

static const struct {
    uint32_t kind;
    const char *sql;
} about_sql[] = {
    { KIND_REFERRAL, OF_PERSON("referral") },
    { KIND_REFERRAL_EVENT, OF_PERSON("referral") },
    { KIND_PLACEMENT, OF_PERSON("placement") },
    { KIND_ATTENDANCE, OF_PERSON("placement") },
    { KIND_NOTICE, OF_PLACEMENT("notice") },
    { KIND_APPOINTMENT, OF_PERSON("appointment") },
    { KIND_DECISION, OF_PERSON("decision") },
    { KIND_CONTACT_ATTEMPT, OF_PERSON("contact_attempt") },
    { KIND_CIRCUMSTANCE_CHANGE, OF_PERSON("circumstance_change") },
    { KIND_JOB_SEARCH, OF_PLACEMENT("job_search") },
    { KIND_PLACEMENT_BREAK, OF_PLACEMENT("placement_break") },
    { KIND_FLAG_REVIEW, OF_PLACEMENT("flag_review") " UNION ALL " OF_PLACEMENT("kept_review") },
    { KIND_REDRESS, OF_PERSON("redress") },
    { KIND_MESSAGE, OF_PERSON("message") },
    { KIND_MILESTONE, OF_PLACEMENT("milestone") },
    { KIND_COMPLIANCE_DOUBT, OF_PLACEMENT("compliance_doubt") },
    { KIND_DOUBT_EVENT, OF_PLACEMENT("compliance_doubt") },
};

static const char *sql_about(uint32_t kind)
{
    for (size_t i = 0; i < ARRAY_LEN(about_sql); i++) {
        if (about_sql[i].kind == kind) {
            return about_sql[i].sql;
        }
    }
    return NULL;
}

enum err_code query_about(struct store *store, uint32_t kind, struct slice subject, struct row_id *ret_about,
                          struct error *err)
{
    sqlite3_stmt *s;
    struct row_id about = { 0 };
    const char *sql = sql_about(kind);
    bool row = false;
    if (kind == KIND_PARTICIPANT && subject.len == ROW_ID_BYTES) {
        memcpy(about.bytes, subject.data, ROW_ID_BYTES);
    } else if (sql != NULL && subject.len >= ROW_ID_BYTES) { /* a session's begins with its placement */
        TRY(db_statement(&store->db, sql, &s, err));
        bind_blob(s, 1, subject.data, ROW_ID_BYTES);
        TRY(db_step(&store->db, s, &row, err));
        if (row) {
            (void)column_fixed(s, 0, about.bytes, ROW_ID_BYTES);
            sqlite3_reset(s);
        }
    }
    *ret_about = about;
    return ERR_OK;
}

enum err_code query_restricted(struct store *store, const struct row_id *participant, bool *ret_restricted,
                               struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT max(restricted) FROM participant WHERE id IN (" SAME_PERSON("?1") ")", &s,
                     err));
    bind_blob(s, 1, participant->bytes, ROW_ID_BYTES);
    TRY(db_step(&store->db, s, &row, err));
    *ret_restricted = row && column_int(s, 0) != 0;
    sqlite3_reset(s);
    return ERR_OK;
}

enum err_code query_placement_restricted(struct store *store, const struct row_id *placement, bool *ret_restricted,
                                         struct error *err)
{
    sqlite3_stmt *s;
    struct row_id participant = { 0 };
    bool found;
    TRY(db_statement(&store->db, "SELECT participant FROM placement WHERE id = ?1", &s, err));
    bind_blob(s, 1, placement->bytes, ROW_ID_BYTES);
    TRY(db_step(&store->db, s, &found, err));
    if (found && sqlite3_column_bytes(s, 0) == ROW_ID_BYTES) {
        memcpy(participant.bytes, sqlite3_column_blob(s, 0), ROW_ID_BYTES);
    }
    sqlite3_reset(s);
    if (!found) {
        *ret_restricted = true;
        return ERR_OK;
    }
    return query_restricted(store, &participant, ret_restricted, err);
}
