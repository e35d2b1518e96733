/*
 * All folded tables: made again, told apart by a digest, and held against the log.
 *
 * They are held against it without a write to the replica: a second view of it (store_open_reader) gets tables of the
 * same names as temporary ones, which SQLite finds first, so that the same fold fills those from the log of the moment
 * that the view shows, while the replica itself goes on. They are in an encrypted file that goes with the connection.
 */
#include <stdlib.h>
#include <string.h>

#include "store/replica.h"

#define BESIDE_CACHE "PRAGMA temp.cache_size=-4096"

extern const unsigned char store_folded_schema[];

const char *const folded_tables[] = { "participant",
                                      "referral",
                                      "placement",
                                      "former_referral",
                                      "former_participant",
                                      "referral_out",
                                      "referral_out_before",
                                      "referral_in_before",
                                      "session_before",
                                      "attendance",
                                      "attendance_supersedes",
                                      "session",
                                      "notice",
                                      "capacity_statement",
                                      "appointment",
                                      "appointment_before",
                                      "decision",
                                      "erasure",
                                      "compliance_doubt",
                                      "doubt_due",
                                      "host",
                                      "opportunity",
                                      "contact_attempt",
                                      "circumstance_change",
                                      "job_search",
                                      "placement_break",
                                      "break_before",
                                      "flag_review",
                                      "redress",
                                      "message",
                                      "policy_decision",
                                      "contract",
                                      "milestone",
                                      "claim",
                                      "service_use",
                                      "same_person",
                                      "same_as",
                                      "surely_as",
                                      "programme_pack",
                                      NULL };

enum err_code store_rebuild(struct store *store, struct error *err)
{
    TRY(replica_begin(store, err));
    return replica_end(store, fold_all(store, err), err);
}

/* ---- digest ---- */

/*
 * Every folded table in key order. A local author number stands for a device, so assertions are read with the device
 * instead. Standing flags follow from the tables and the date; they have a digest of their own in the tests.
 */
static const char *const digest_queries[] = {
    "SELECT * FROM participant ORDER BY id",
    "SELECT * FROM referral ORDER BY id",
    "SELECT * FROM placement ORDER BY id",
    "SELECT * FROM former_referral ORDER BY placement, referral",
    "SELECT * FROM former_participant ORDER BY placement, participant",
    "SELECT * FROM referral_out ORDER BY referral, starts_on",
    "SELECT * FROM referral_out_before ORDER BY referral, starts_on, ends_on, said_min",
    "SELECT * FROM referral_in_before ORDER BY referral, starts_on, ends_on, said_min",
    "SELECT * FROM session_before ORDER BY placement, day, starts_min, ends_min",
    "SELECT * FROM break_before ORDER BY id, placement, starts_on, ends_on, said_min",
    "SELECT a.placement, a.day, a.slot, w.device, w.incarnation, a.op & 1099511627775, a.outcome, a.minutes, a.reason, "
    "a.hlc, "
    "a.head, a.repeats IS NULL, a.said_min FROM attendance a JOIN author w ON w.id = (a.op >> 40) "
    "ORDER BY a.placement, a.day, a.slot, w.device, w.incarnation, a.op & 1099511627775",
    "SELECT x.placement, x.day, x.slot, x.device, x.incarnation, x.seq, w.device, w.incarnation, x.by_op & "
    "1099511627775 "
    "FROM attendance_supersedes x JOIN author w ON w.id = (x.by_op >> 40) "
    "ORDER BY x.placement, x.day, x.slot, x.device, x.incarnation, x.seq, w.device, w.incarnation, x.by_op & "
    "1099511627775",
    "SELECT * FROM session ORDER BY placement, day, slot",
    "SELECT * FROM notice ORDER BY id",
    "SELECT * FROM capacity_statement ORDER BY id",
    "SELECT * FROM appointment ORDER BY id",
    "SELECT * FROM appointment_before ORDER BY id, participant, day, starts_min, ends_min, said_min",
    "SELECT * FROM decision ORDER BY id",
    "SELECT * FROM host ORDER BY id",
    "SELECT * FROM opportunity ORDER BY id",
    "SELECT * FROM contact_attempt ORDER BY id",
    "SELECT * FROM circumstance_change ORDER BY id",
    "SELECT * FROM job_search ORDER BY id",
    "SELECT * FROM placement_break ORDER BY id",
    "SELECT * FROM flag_review ORDER BY id",
    "SELECT * FROM redress ORDER BY id",
    "SELECT * FROM message ORDER BY id",
    "SELECT * FROM policy_decision ORDER BY id",
    "SELECT * FROM contract ORDER BY id",
    "SELECT * FROM milestone ORDER BY id",
    "SELECT * FROM claim ORDER BY id",
    "SELECT * FROM service_use ORDER BY id",
    "SELECT * FROM same_person ORDER BY id",
    "SELECT * FROM programme_pack ORDER BY id",
    "SELECT * FROM compliance_doubt ORDER BY id",
    "SELECT * FROM same_as ORDER BY participant",
    "SELECT * FROM surely_as ORDER BY participant",
};

/* Each value as its type, its length and its bytes. */
static enum err_code append_row(sqlite3_stmt *s, struct buf *row, struct error *err)
{
    buf_clear(row);
    for (int i = 0; i < sqlite3_column_count(s); i++) {
        uint8_t head[9];
        head[0] = (uint8_t)sqlite3_column_type(s, i);
        if (head[0] == SQLITE_INTEGER) {
            put_be64(head + 1, (uint64_t)column_int(s, i));
            TRY(buf_append(row, head, sizeof(head), err));
            continue;
        }
        struct slice bytes = column_slice(s, i);
        put_be64(head + 1, bytes.len);
        TRY(buf_append(row, head, sizeof(head), err));
        TRY(buf_append(row, bytes.data, bytes.len, err));
    }
    return ERR_OK;
}

static enum err_code digest_query(struct store *store, const char *sql, struct buf *row, uint8_t digest[SHA256_BYTES],
                                  struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, sql, &s, err));
    for (;;) {
        bool more;
        TRY(db_step(&store->db, s, &more, err));
        if (!more) {
            return ERR_OK;
        }
        TRY(append_row(s, row, err));
        struct slice parts[] = { slice_of(digest, SHA256_BYTES), buf_slice(row) };
        sha256(parts, ARRAY_LEN(parts), digest);
    }
}

static enum err_code digest_tables(struct store *store, uint8_t ret_digest[SHA256_BYTES], struct error *err)
{
    SCOPED(buf_fini) struct buf row;
    buf_init(&row, 1024 * 1024);
    uint8_t digest[SHA256_BYTES] = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(digest_queries); i++) {
        struct slice parts[] = { slice_of(digest, SHA256_BYTES), slice_of_text(digest_queries[i]) };
        sha256(parts, ARRAY_LEN(parts), digest);
        TRY(digest_query(store, digest_queries[i], &row, digest, err));
    }
    memcpy(ret_digest, digest, SHA256_BYTES);
    return ERR_OK;
}

enum err_code store_digest(struct store *store, uint8_t ret_digest[SHA256_BYTES], struct error *err)
{
    if (store->progress == NULL || store->is_view) {
        return digest_tables(store, ret_digest, err);
    }
    db_stop_by(&store->db, &store->progress->stop);
    enum err_code rc = digest_tables(store, ret_digest, err);
    db_stop_by(&store->db, NULL);
    return rc;
}

/* ---- beside the replica ---- */

/* What makes a temporary thing of each that the schema makes. */
static const struct {
    const char *schema;
    const char *temporary;
} words[] = {
    { "CREATE TABLE ", "CREATE TEMP TABLE " },
    { "CREATE VIEW ", "CREATE TEMP VIEW " },
    { "CREATE TRIGGER ", "CREATE TEMP TRIGGER " },
    { "CREATE INDEX ", "CREATE INDEX temp." },
    { "DROP VIEW IF EXISTS ", "DROP VIEW IF EXISTS temp." },
};

static enum err_code put_next(const char **at, struct buf *sql, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t len = strlen(words[i].schema);
        if (strncmp(*at, words[i].schema, len) == 0) {
            *at += len;
            return buf_append_text(sql, words[i].temporary, err);
        }
    }
    return buf_append(sql, (*at)++, 1, err);
}

static enum err_code make_folded_beside(struct store *view, struct error *err)
{
    SCOPED(buf_fini) struct buf sql;
    buf_init(&sql, SIZE_MAX / 2);
    const char *at = (const char *)store_folded_schema; /* embedded with a closing NUL */
    while (*at != '\0') {
        TRY(put_next(&at, &sql, err));
    }
    TRY(buf_append(&sql, "", 1, err));
    return db_exec(&view->db, (const char *)sql.data, err);
}

/* And what else a fold writes to. */
static enum err_code make_beside(struct store *view, struct error *err)
{
    TRY(db_exec(&view->db, BESIDE_CACHE, err));
    TRY(db_write_beside(&view->db, err));
    TRY(make_folded_beside(view, err));
    return db_exec(&view->db,
                   "CREATE TEMP TABLE dirty_placement (placement BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;"
                   "CREATE TEMP TABLE sync_state AS SELECT * FROM main.sync_state;"
                   "CREATE TEMP TABLE flag AS SELECT * FROM main.flag WHERE false;"
                   "CREATE TEMP TABLE kept_review AS SELECT * FROM main.kept_review WHERE false",
                   err);
}

enum err_code tables_verify(struct store *view, uint8_t ret_digest[SHA256_BYTES], struct error *err)
{
    uint8_t made[SHA256_BYTES];
    TRY(digest_tables(view, ret_digest, err));
    TRY(make_beside(view, err));
    TRY(replica_reload(view, err));
    TRY(fold_all(view, err));
    TRY(digest_tables(view, made, err));
    return memcmp(ret_digest, made, SHA256_BYTES) == 0
               ? ERR_OK
               : FAIL(err, DAMAGED, "verify the replica: its tables are not what its log says; run 'holdfast rebuild'");
}
