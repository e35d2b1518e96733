/*
 * Folding: a row is a pure function of the set of ops about it. One file for each way: fold_merge.c, fold_plain.c,
 * fold_session.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/fold_parts.h"

static enum err_code fold_participant(struct store *store, struct slice subject, struct merged *merged,
                                      struct error *err)
{
    if (merged->count == 0) {
        TRY(fold_delete(store, "DELETE FROM participant WHERE id = ?1", subject, err));
        return dirty_participant(store, subject, err);
    }
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "INSERT OR REPLACE INTO participant VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", &s, err));
    (void)bind_record(s, subject, &merged->record);
    TRY(db_run(&store->db, s, err));
    return dirty_participant(store, subject, err);
}

/* A placement that names the referral. */
static enum err_code has_placement(struct store *store, struct slice referral, bool *ret_has, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "SELECT 1 FROM placement WHERE referral = ?1 LIMIT 1", &s, err));
    bind_slice(s, 1, referral);
    TRY(db_step(&store->db, s, ret_has, err));
    sqlite3_reset(s);
    return ERR_OK;
}

/* Not answered yet: a placement that names such a referral has answered it. */
static bool status_waits(struct slice status)
{
    return slice_equal(status, slice_of_text("received")) || slice_equal(status, slice_of_text("acknowledged"));
}

/* Since when it stands so, and whether by policy. */
struct referral_end {
    int64_t on; /* INT64_MIN: nobody wrote it down */
    bool policy;
};

/*
 * The newest event says where a referral stands; without one it is `received`. One that still waited and became a
 * placement was accepted, on a day that nobody wrote down.
 */
static enum err_code referral_status(struct store *store, struct slice subject, struct merged *events,
                                     const struct value *received_on, struct buf *status, struct referral_end *end,
                                     struct error *err)
{
    TRY(merged_find(store, kind_by_number(KIND_REFERRAL_EVENT), subject, events, err));
    struct slice name = slice_of_text("received");
    struct value on = *received_on;
    struct record newest;
    if (events->count > 0) {
        TRY(merged_read(store, events, &events->versions[events->count - 1], true, &newest, err));
        const struct value *status_value = record_value(&newest, "status");
        name = status_value->present ? status_value->text : name;
        on = *record_value(&newest, "on");
        end->policy = record_value(&newest, "policy")->number != 0;
    }
    bool placed = false;
    if (status_waits(name)) {
        TRY(has_placement(store, subject, &placed, err));
    }
    end->on = on.present && !placed ? on.number : INT64_MIN;
    return placed ? buf_append_text(status, "accepted", err) : buf_append(status, name.data, name.len, err);
}

static bool any_from_centre(const struct merged *merged)
{
    for (size_t i = 0; i < merged->count; i++) {
        if (merged->versions[i].writer == WRITER_CENTRE) {
            return true;
        }
    }
    return false;
}

static enum err_code put_referral(struct store *store, struct slice subject, struct merged *merged, struct slice status,
                                  const struct referral_end *end, struct error *err)
{
    sqlite3_stmt *s;
    bool voluntary;
    struct value of_centre;
    TRY(basis_ever_voluntary(store, merged, &voluntary, err));
    TRY(merged_of_centre(store, merged, "received_on", &of_centre, err));
    TRY(db_statement(&store->db,
                     "INSERT OR REPLACE INTO referral VALUES "
                     "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
                     &s, err));
    int at = bind_record(s, subject, &merged->record);
    bind_int(s, at, any_from_centre(merged));
    bind_text_slice(s, at + 1, status);
    if (end->on == INT64_MIN) {
        bind_null(s, at + 2);
    } else {
        bind_int(s, at + 2, end->on);
    }
    bind_int(s, at + 3, end->policy);
    bind_int(s, at + 4, voluntary);
    if (of_centre.present) {
        bind_int(s, at + 5, of_centre.number);
    } else {
        bind_null(s, at + 5);
    }
    return db_run(&store->db, s, err);
}

/* A placement that names no referral rests on all of the person's. */
static enum err_code mark_without(struct store *store, struct slice referral, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    uint8_t person[OP_ENTITY_BYTES];
    TRY(db_statement(&store->db, "SELECT participant FROM referral WHERE id = ?1", &s, err));
    bind_slice(s, 1, referral);
    TRY(db_step(&store->db, s, &row, err));
    bool known = row && column_fixed(s, 0, person, sizeof(person));
    sqlite3_reset(s);
    return known ? fold_later(store, LATER_WITHOUT, slice_of(person, sizeof(person)), err) : ERR_OK;
}

/* And every doubt about somebody whom the centre referred. */
static enum err_code doubts_due_of_referred(struct store *store, struct slice referral, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "INSERT OR IGNORE INTO doubt_due SELECT d.id FROM referral r CROSS JOIN placement p "
                     "ON p.participant IN (" SAME_PERSON(
                         "r.participant") ") CROSS JOIN compliance_doubt d ON d.placement = p.id "
                                          "WHERE r.id = ?1 AND (r.from_centre <> 0 OR EXISTS (SELECT 1 FROM "
                                          "erased_record x WHERE x.subject = r.id AND x.kind = 2))",
                     &s, err));
    bind_slice(s, 1, referral);
    return db_run(&store->db, s, err);
}

static enum err_code dirty_by_referral(struct store *store, struct slice referral, struct error *err)
{
    TRY(mark_without(store, referral, err));
    return doubts_due_of_referred(store, referral, err);
}

static enum err_code fold_referral(struct store *store, struct slice subject, struct merged *merged, struct error *err)
{
    SCOPED(merged_fini) struct merged events = { 0 };
    SCOPED(buf_fini) struct buf status;
    buf_init(&status, ROW_CODE_SIZE);
    struct referral_end end = { .on = INT64_MIN };
    TRY(referral_status(store, subject, &events, merged_value(merged, "received_on"), &status, &end, err));
    TRY(dirty_by_referral(store, subject, err));
    if (merged->count == 0 && events.count == 0) {
        TRY(fold_delete(store, "DELETE FROM referral WHERE id = ?1", subject, err));
    } else {
        TRY(put_referral(store, subject, merged, buf_slice(&status), &end, err));
    }
    TRY(dirty_by_referral(store, subject, err));
    TRY(fold_force(store, subject, &events, err));
    sqlite3_stmt *s; /* the referral tells which contract pays for its placements, and whether it was voluntary */
    TRY(db_statement(&store->db,
                     "INSERT OR IGNORE INTO dirty_placement SELECT id FROM placement WHERE referral = ?1 "
                     "UNION ALL SELECT placement FROM former_referral WHERE referral = ?1",
                     &s, err));
    bind_slice(s, 1, subject);
    TRY(db_run(&store->db, s, err));
    return dirty_site(store, err);
}

/* A notice counts as received when stated, or as the pack deems it, by the calendar of its placement; never before it
 * was served. */
static enum err_code deem_received(struct store *store, struct merged *merged, bool *ret_known, int64_t *ret_day,
                                   struct error *err)
{
    const struct value *received = merged_value(merged, "received_on");
    const struct value *served = merged_value(merged, "served_on");
    const struct value *by = merged_value(merged, "served_by");
    const struct value *placement = merged_value(merged, "placement");
    *ret_known = received->present || (served->present && by->present);
    *ret_day = received->present ? received->number : served->number;
    if (served->present && served->number > *ret_day) {
        *ret_day = served->number;
    }
    if (received->present || !*ret_known || !slice_equal(by->text, slice_of_text("post"))) {
        return ERR_OK;
    }
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT calendar FROM placement WHERE id = ?1", &s, err));
    bind_slice(s, 1, placement->text);
    TRY(db_step(&store->db, s, &row, err));
    char name[ROW_CODE_SIZE] = "";
    if (row) {
        column_text(s, 0, name, sizeof(name));
        sqlite3_reset(s);
    }
    enum calendar calendar = CALENDAR_ENGLAND_WALES;
    (void)calendar_parse(name, &calendar);
    *ret_day = notice_received_on(store->programme, calendar, (int32_t)served->number);
    return ERR_OK;
}

/* Whom the notice is for, by its row as it is now. */
static enum err_code dirty_placement_of_notice(struct store *store, struct slice notice, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "INSERT OR IGNORE INTO dirty_placement SELECT placement FROM notice "
                     "WHERE id = ?1 AND placement IS NOT NULL",
                     &s, err));
    bind_slice(s, 1, notice);
    return db_run(&store->db, s, err);
}

static enum err_code fold_notice(struct store *store, struct slice subject, struct merged *merged, struct error *err)
{
    TRY(doubt_due_naming(store, subject, err));
    TRY(dirty_placement_of_notice(store, subject, err));
    if (merged->count == 0) {
        return fold_delete(store, "DELETE FROM notice WHERE id = ?1", subject, err);
    }
    bool known;
    int64_t received_on;
    TRY(deem_received(store, merged, &known, &received_on, err));
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "INSERT OR REPLACE INTO notice VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
                     &s, err));
    int at = bind_record(s, subject, &merged->record);
    if (known) {
        bind_int(s, at, received_on);
    } else {
        bind_null(s, at);
    }
    TRY(db_run(&store->db, s, err));
    return dirty_placement_of_notice(store, subject, err);
}

/* Notices of a placement hang on its calendar. */
static enum err_code fold_notices_of(struct store *store, const uint8_t placement[OP_ENTITY_BYTES], struct error *err);

/* The referral that it names and whose it is, as its row has them, wait for the end of the flush: what it says of the
 * one, and of the one that it no longer names; and the weeks of all placements of a person are added up. */
static enum err_code later_of_placement(struct store *store, struct slice placement, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    uint8_t referral[OP_ENTITY_BYTES];
    uint8_t person[OP_ENTITY_BYTES];
    TRY(db_statement(&store->db, "SELECT referral, participant FROM placement WHERE id = ?1", &s, err));
    bind_slice(s, 1, placement);
    TRY(db_step(&store->db, s, &row, err));
    bool named = row && column_fixed(s, 0, referral, sizeof(referral));
    bool known = row && column_fixed(s, 1, person, sizeof(person));
    sqlite3_reset(s);
    TRY(fold_later(store, LATER_REFERRAL, slice_of(referral, named ? sizeof(referral) : 0), err));
    return fold_later(store, LATER_PERSON, slice_of(person, known ? sizeof(person) : 0), err);
}

static enum err_code put_placement(struct store *store, struct slice subject, struct merged *merged, struct error *err)
{
    bool voluntary;
    TRY(basis_note_formers(store, subject, merged, err));
    TRY(placement_note_before(store, subject, merged, err));
    if (merged->count == 0) {
        return fold_delete(store, "DELETE FROM placement WHERE id = ?1", subject, err);
    }
    TRY(basis_ever_voluntary(store, merged, &voluntary, err));
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "INSERT OR REPLACE INTO placement VALUES "
                     "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
                     &s, err));
    bind_int(s, bind_record(s, subject, &merged->record), voluntary);
    return db_run(&store->db, s, err);
}

static enum err_code fold_placement(struct store *store, struct slice subject, struct merged *merged, struct error *err)
{
    TRY(later_of_placement(store, subject, err));
    TRY(put_placement(store, subject, merged, err));
    TRY(later_of_placement(store, subject, err));
    TRY(fold_placement_sessions(store, subject.data, err));
    TRY(fold_notices_of(store, subject.data, err));
    TRY(dirty_placement(store, subject.data, err));
    return dirty_site(store, err);
}

static enum err_code fold_capacity(struct store *store, struct slice subject, struct merged *merged, struct error *err)
{
    if (merged->count == 0) {
        TRY(fold_delete(store, "DELETE FROM capacity_statement WHERE id = ?1", subject, err));
        return dirty_site(store, err);
    }
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "INSERT OR REPLACE INTO capacity_statement VALUES (?1, ?2, ?3, ?4, ?5, ?6)", &s, err));
    int at = bind_record(s, subject, &merged->record);
    bind_int(s, at, (int64_t)(merged->versions[merged->count - 1].hlc & INT64_MAX));
    TRY(db_run(&store->db, s, err));
    return dirty_site(store, err);
}

static enum err_code fold_decision(struct store *store, struct slice subject, struct merged *merged, struct error *err)
{
    /* of the person and the doubt it was about before, too */
    sqlite3_stmt *s;
    TRY(doubt_due_of_decision(store, subject, err));
    TRY(db_statement(&store->db,
                     "INSERT OR IGNORE INTO dirty_placement SELECT id FROM placement WHERE participant IN "
                     "(" SAME_PERSON("(SELECT participant FROM decision WHERE id = ?1)") ")",
                     &s, err));
    bind_slice(s, 1, subject);
    TRY(db_run(&store->db, s, err));
    if (merged->count == 0) {
        return fold_delete(store, "DELETE FROM decision WHERE id = ?1", subject, err);
    }
    TRY(db_statement(&store->db, "INSERT OR REPLACE INTO decision VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", &s, err));
    (void)bind_record(s, subject, &merged->record);
    TRY(db_run(&store->db, s, err));
    TRY(doubt_due_of_decision(store, subject, err));
    const struct value *participant = merged_value(merged, "participant");
    return participant->present ? dirty_participant(store, participant->text, err) : ERR_OK;
}

/* Last of all: it rests on the others. */
static enum err_code fold_doubt(struct store *store, struct slice subject, struct merged *merged UNUSED,
                                struct error *err)
{
    return doubt_due(store, subject, err);
}

/* ---- one subject ---- */

typedef enum err_code (*fold_fn)(struct store *store, struct slice subject, struct merged *merged, struct error *err);

static const struct {
    uint32_t merged_kind; /* whose fields make the row */
    fold_fn fold;
} folds[] = {
    [KIND_PARTICIPANT] = { KIND_PARTICIPANT, fold_participant },
    [KIND_REFERRAL] = { KIND_REFERRAL, fold_referral },
    [KIND_REFERRAL_EVENT] = { KIND_REFERRAL, fold_referral },
    [KIND_PLACEMENT] = { KIND_PLACEMENT, fold_placement },
    [KIND_NOTICE] = { KIND_NOTICE, fold_notice },
    [KIND_CAPACITY_STATEMENT] = { KIND_CAPACITY_STATEMENT, fold_capacity },
    [KIND_APPOINTMENT] = { KIND_APPOINTMENT, fold_appointment },
    [KIND_DECISION] = { KIND_DECISION, fold_decision },
    [KIND_COMPLIANCE_DOUBT] = { KIND_COMPLIANCE_DOUBT, fold_doubt },
    [KIND_DOUBT_EVENT] = { KIND_COMPLIANCE_DOUBT, fold_doubt },
};

enum err_code fold_subject(struct store *store, uint32_t kind, struct slice subject, struct error *err)
{
    bool plain = kind_is_plain(kind);
    CHECK(plain || (kind < ARRAY_LEN(folds) && folds[kind].fold != NULL));
    SCOPED(merged_fini) struct merged merged;
    TRY(merged_make(store, kind_by_number(plain ? kind : folds[kind].merged_kind), subject, &merged, err));
    return plain ? fold_plain(store, subject, &merged, err) : folds[kind].fold(store, subject, &merged, err);
}

static enum err_code fold_notices_of(struct store *store, const uint8_t placement[OP_ENTITY_BYTES], struct error *err)
{
    SCOPED(buf_fini) struct buf ids;
    buf_init(&ids, SIZE_MAX / 2);
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "SELECT id FROM notice WHERE placement = ?1", &s, err));
    bind_blob(s, 1, placement, OP_ENTITY_BYTES);
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            break;
        }
        struct slice id = column_slice(s, 0);
        TRY(buf_append(&ids, id.data, id.len, err));
    }
    for (size_t at = 0; at < ids.len; at += OP_ENTITY_BYTES) {
        TRY(fold_subject(store, KIND_NOTICE, slice_of(ids.data + at, OP_ENTITY_BYTES), err));
    }
    return ERR_OK;
}

enum err_code fold_op(struct store *store, int64_t key, const struct op *op, struct error *err)
{
    if (op->kind == KIND_ATTENDANCE) {
        return fold_attendance(store, key, op, err);
    }
    if (op->kind == KIND_ERASURE) {
        return erasure_fold(store, key, op, err);
    }
    if (op->kind == KIND_OVERWRITE_REVIEW) {
        return ERR_OK; /* read when somebody looks */
    }
    if (kind_is_plain(op->kind)) {
        return fold_mark(store, op->kind, slice_of(op->subject, op->subject_len), err);
    }
    CHECK(op->kind < ARRAY_LEN(folds) && folds[op->kind].fold != NULL);
    return fold_mark(store, folds[op->kind].merged_kind, slice_of(op->subject, op->subject_len), err);
}

enum err_code fold_out(struct store *store, int64_t key, const struct op *op, struct error *err)
{
    if (op->kind == KIND_ERASURE) {
        return erasure_fold_out(store, key, op, err);
    }
    return op->kind == KIND_ATTENDANCE ? fold_attendance_out(store, key, op, err) : fold_op(store, key, op, err);
}

/* ---- everything ---- */

static enum err_code clear_tables(struct store *store, struct error *err)
{
    for (size_t i = 0; folded_tables[i] != NULL; i++) {
        char sql[96];
        (void)snprintf(sql, sizeof(sql), "DELETE FROM %s", folded_tables[i]);
        TRY(db_exec(&store->db, sql, err));
    }
    store->assertions_most = 0;
    return db_exec(&store->db, "DELETE FROM dirty_placement; UPDATE sync_state SET dirty_site = 1, assertions_most = 0",
                   err);
}

static enum err_code next_folded(struct store *store, int64_t after, int64_t *ret_key, struct op_batch *one,
                                 struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    op_batch_clear(one);
    TRY(db_statement(&store->db,
                     "SELECT id, header, salt, body FROM op WHERE id > ?1 AND quarantine IS NULL ORDER BY id LIMIT 1",
                     &s, err));
    bind_int(s, 1, after);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return ERR_OK;
    }
    struct op op;
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    *ret_key = column_int(s, 0);
    enum err_code rc = oplog_row(store, s, 1, *ret_key, &op, supersedes, err);
    if (rc == ERR_OK) {
        rc = op_batch_add(one, &op, err);
    }
    sqlite3_reset(s);
    return rc;
}

static enum err_code fold_each(struct store *store, struct op_batch *one, struct error *err)
{
    int64_t key = 0;
    struct store_progress *progress = store->progress;
    for (;;) {
        TRY(next_folded(store, key, &key, one, err));
        if (one->count == 0) {
            return fold_flush(store, err);
        }
        TRY(fold_op(store, key, &one->ops[0], err));
        if (progress != NULL && atomic_load(&progress->stop)) {
            return FAIL(err, BUSY, "make the tables again: it was stopped; it begins anew when the replica is opened");
        }
        if (progress != NULL) {
            (void)atomic_fetch_add(&progress->done, 1);
        }
    }
}

/* Those that are set aside are among them: close enough for a person who waits, and quick to ask. */
enum err_code fold_count(struct store *store, uint64_t *ret_count, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT coalesce(sum(newest_seq), 0) FROM author", &s, err));
    TRY(db_step(&store->db, s, &row, err));
    *ret_count = row ? (uint64_t)column_int(s, 0) : 0;
    sqlite3_reset(s);
    return ERR_OK;
}

static enum err_code fold_watched(struct store *store, struct op_batch *one, struct error *err)
{
    uint64_t total;
    if (store->progress == NULL || atomic_load(&store->progress->total) > 0) { /* of more than this */
        return fold_each(store, one, err);
    }
    TRY(fold_count(store, &total, err));
    atomic_store(&store->progress->done, 0);
    atomic_store(&store->progress->total, total);
    enum err_code rc = fold_each(store, one, err);
    atomic_store(&store->progress->total, 0);
    atomic_store(&store->progress->done, 0);
    return rc;
}

enum err_code fold_all(struct store *store, struct error *err)
{
    dirty_forget(store);
    fold_forget(store);
    TRY(clear_tables(store, err));
    struct op_batch one;
    op_batch_init(&one);
    enum err_code rc = fold_watched(store, &one, err);
    op_batch_fini(&one);
    return rc;
}
