/*
 * Assertions. They go into their table in its order, all that came in a transaction together: a day's assertions about
 * a hundred people are at as many places of the tree, and the next day's again, so that one by one each would look for
 * its page, and in a large log read and decrypt it. Until then whoever reads what is said of a session calls fold_flush
 * when the session is marked.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/replica.h"

static void bind_subject(sqlite3_stmt *s, int at, const uint8_t subject[OP_SESSION_BYTES])
{
    int32_t day;
    int slot;
    session_of_subject(subject, &day, &slot);
    bind_blob(s, at, subject, OP_ENTITY_BYTES);
    bind_int(s, at + 1, day);
    bind_int(s, at + 2, slot);
}

static void bind_said(sqlite3_stmt *s, int at, const struct fold_assertion *assertion)
{
    bind_int(s, at, assertion->outcome);
    if (assertion->minutes == ROW_NONE) {
        bind_null(s, at + 1);
    } else {
        bind_int(s, at + 1, assertion->minutes);
    }
    bind_text(s, at + 2, assertion->reason);
}

static void bind_minute(sqlite3_stmt *s, int at, int64_t minute)
{
    if (minute == SAID_MIN_NONE) {
        bind_null(s, at);
    } else {
        bind_int(s, at, minute);
    }
}

/* ---- one comes ---- */

static enum err_code insert_supersedes(struct store *store, int64_t op_number, const struct op *op, struct error *err)
{
    sqlite3_stmt *s;
    for (size_t i = 0; i < op->supersedes_count; i++) {
        if (op_id_compare(&op->supersedes[i], &op->id) == 0) {
            continue; /* an assertion cannot take itself away */
        }
        TRY(db_statement(&store->db, "INSERT OR IGNORE INTO attendance_supersedes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                         &s, err));
        bind_subject(s, 1, op->subject);
        bind_blob(s, 4, op->supersedes[i].device, DEVICE_ID_BYTES);
        bind_int(s, 5, op->supersedes[i].incarnation);
        bind_int(s, 6, (int64_t)op->supersedes[i].seq);
        bind_int(s, 7, op_number);
        TRY(db_run(&store->db, s, err));
    }
    return ERR_OK;
}

static bool is_absence(int outcome)
{
    return outcome == OUTCOME_ABSENT || outcome == OUTCOME_ABSENT_WITH_NOTICE;
}

/* Words of the note name one of the usual factors of good reason. */
static bool note_hints(const struct programme *programme, struct slice note)
{
    char text[ROW_NOTE_SIZE] = "";
    if (note.len == 0 || note.len >= sizeof(text)) {
        return false;
    }
    memcpy(text, note.data, note.len);
    return programme_reason_in_words(programme, text) != NULL;
}

/* Nobody knows of these before the session begins. */
bool outcome_is_seen(int outcome)
{
    return outcome == OUTCOME_ABSENT || outcome == OUTCOME_LATE || outcome == OUTCOME_LEFT_EARLY;
}

static void say(const struct store *store, struct fold_assertion *assertion, struct record *record)
{
    const struct value *minutes = record_value(record, "minutes");
    struct slice reason = record_value(record, "reason")->text;
    CHECK(reason.len < sizeof(assertion->reason)); /* record_decode checks it */
    assertion->outcome = (int)record_value(record, "outcome")->number;
    assertion->minutes = minutes->present ? (int)minutes->number : ROW_NONE;
    if (reason.len > 0) {
        memcpy(assertion->reason, reason.data, reason.len);
    }
    assertion->note_hints =
        is_absence(assertion->outcome) && note_hints(store->programme, record_value(record, "note")->text);
    if (assertion->outcome == OUTCOME_ATTENDED) {
        assertion->said_min = SAID_MIN_NONE;
    }
}

enum err_code fold_attendance(struct store *store, int64_t op_number, const struct op *op, struct error *err)
{
    /* an erased one keeps its place: what it stood over stays superseded, and nobody is absent because of it */
    struct fold_assertion assertion = { .op = op_number,
                                        .hlc = (int64_t)(op->hlc & INT64_MAX),
                                        .outcome = OUTCOME_NONE,
                                        .minutes = ROW_NONE,
                                        .said_min = clock_london_minute(op->recorded_at_ms - op->offset_ms) };
    memcpy(assertion.subject, op->subject, OP_SESSION_BYTES);
    if (!op->erased) {
        struct record record;
        record_init(&record, kind_by_number(KIND_ATTENDANCE));
        TRY(record_decode(kind_by_number(KIND_ATTENDANCE), op->body, &record, err));
        if (!record_value(&record, "outcome")->present) {
            return ERR_OK; /* says nothing */
        }
        say(store, &assertion, &record);
    }
    TRY(insert_supersedes(store, op_number, op, err));
    return fold_mark_assertion(store, &assertion, op->supersedes_count == 0 && !op->erased, err);
}

enum err_code fold_attendance_out(struct store *store, int64_t op_number, const struct op *op, struct error *err)
{
    struct slice subject = slice_of(op->subject, op->subject_len);
    sqlite3_stmt *s;
    if (fold_marked(store, KIND_ATTENDANCE, subject)) {
        TRY(fold_flush(store, err));
    }
    TRY(db_statement(&store->db, "DELETE FROM attendance WHERE placement = ?1 AND day = ?2 AND slot = ?3 AND op = ?4",
                     &s, err));
    bind_subject(s, 1, op->subject);
    bind_int(s, 4, op_number);
    TRY(db_run(&store->db, s, err));
    TRY(db_statement(&store->db,
                     "DELETE FROM attendance_supersedes WHERE placement = ?1 AND day = ?2 AND slot = ?3 AND by_op = ?4",
                     &s, err));
    bind_subject(s, 1, op->subject);
    bind_int(s, 4, op_number);
    TRY(db_run(&store->db, s, err));
    return fold_mark(store, KIND_ATTENDANCE, subject, err);
}

/* ---- all that came ---- */

static int assertion_compare(const void *a, const void *b)
{
    const struct fold_assertion *x = a;
    const struct fold_assertion *y = b;
    int order = memcmp(x->subject, y->subject, OP_SESSION_BYTES);
    if (order == 0) {
        order = (x->op > y->op) - (x->op < y->op);
    }
    return order != 0 ? order : (x->came > y->came) - (x->came < y->came);
}

enum err_code fold_assertions_insert(struct store *store, struct error *err)
{
#define ASSERTION "(?, ?, ?, ?, ?, ?, ?, ?, 1, ?, NULL, ?)"
    static const char one[] = "INSERT OR REPLACE INTO attendance VALUES " ASSERTION;
    static const char many[] = "INSERT OR REPLACE INTO attendance VALUES " EIGHT_ROWS(ASSERTION);
#undef ASSERTION
    struct fold_marks *marks = &store->fold_marks;
    if (marks->assertion_count > 1) {
        qsort(marks->assertions, marks->assertion_count, sizeof(marks->assertions[0]), assertion_compare);
    }
    for (size_t i = 0; i < marks->assertion_count;) {
        size_t rows = marks->assertion_count - i < 8 ? 1 : 8;
        sqlite3_stmt *s;
        TRY(db_statement(&store->db, rows == 1 ? one : many, &s, err));
        for (int at = 1; at < 1 + 10 * (int)rows; at += 10, i++) {
            const struct fold_assertion *assertion = &marks->assertions[i];
            bind_subject(s, at, assertion->subject);
            bind_int(s, at + 3, assertion->op);
            bind_said(s, at + 4, assertion);
            bind_int(s, at + 7, assertion->hlc);
            bind_int(s, at + 8, assertion->note_hints);
            bind_minute(s, at + 9, assertion->said_min);
        }
        TRY(db_run(&store->db, s, err));
    }
    return ERR_OK;
}

void fold_assertions_seen(struct store *store, int64_t count)
{
    if (count > store->assertions_most) {
        store->assertions_most = count;
        store->assertions_grown = true;
    }
}

enum err_code fold_assertions_count(struct store *store, struct error *err)
{
    sqlite3_stmt *s;
    if (!store->assertions_grown) {
        return ERR_OK;
    }
    TRY(db_statement(&store->db, "UPDATE sync_state SET assertions_most = ?1", &s, err));
    bind_int(s, 1, store->assertions_most);
    TRY(db_run(&store->db, s, err));
    store->assertions_grown = false;
    return ERR_OK;
}

enum err_code fold_first_assertion(struct store *store, const struct fold_assertion *assertion, bool *ret_done,
                                   struct error *err)
{
    /* standing as in standing_of: 3 excused when said so (7), or for an absence (4, 5) over JCP's own appointment; else
     * 1 */
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "UPDATE session SET standing = iif(?4 = 7 OR (?4 IN (4, 5) AND jcp_purpose IS NOT NULL), 3, 1), "
                     "outcome = ?4, minutes = ?5, reason = ?6, heads = 1, note_hints = ?7, "
                     "early = ifnull(?8 < ?2 * 1440 + ifnull(starts_min, 0), 0) "
                     "WHERE placement = ?1 AND day = ?2 AND slot = ?3 AND heads = 0 AND NOT EXISTS (SELECT 1 FROM "
                     "attendance_supersedes WHERE placement = ?1 AND day = ?2 AND slot = ?3)",
                     &s, err));
    bind_subject(s, 1, assertion->subject);
    bind_said(s, 4, assertion);
    bind_int(s, 7, assertion->note_hints);
    bind_minute(s, 8, outcome_is_seen(assertion->outcome) ? assertion->said_min : SAID_MIN_NONE);
    TRY(db_run(&store->db, s, err));
    *ret_done = sqlite3_changes(store->db.handle) > 0;
    fold_assertions_seen(store, 1);
    return *ret_done ? dirty_placement(store, assertion->subject, err) : ERR_OK;
}
