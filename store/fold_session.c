/*
 * Sessions. A session's row is a pure function of
 *   - the placement's pattern, dates and calendar: is it expected, from when to when;
 *   - JCP's own appointments of the person on that day: what overlaps;
 *   - its assertions: those that no other assertion of the session supersedes are the heads (fold_heads.c).
 *
 *   heads say the same ──► recorded, or excused (said so, or an absence over JCP's own appointment)
 *   heads differ       ──► disputed, until an assertion supersedes them all
 *   no assertion       ──► unrecorded, and gone when it is not expected either
 */
#include <stdlib.h>
#include <string.h>

#include "store/fold_parts.h"

enum { SESSIONS_MAX = 4000 };

/* What the placement and JCP say of a session, before anybody recorded anything. */
struct session_frame {
    bool expected;
    int starts_min; /* ROW_NONE: hours not known */
    int ends_min;
    bool overlaps;
    int jcp_starts_min;
    int jcp_ends_min;
    char jcp_purpose[ROW_CODE_SIZE];
};

void session_bind(sqlite3_stmt *s, const struct session_key *key)
{
    bind_blob(s, 1, key->placement, OP_ENTITY_BYTES);
    bind_int(s, 2, key->day);
    bind_int(s, 3, key->slot);
}

static void bind_int_or_null(sqlite3_stmt *s, int at, int value)
{
    if (value == ROW_NONE) {
        bind_null(s, at);
    } else {
        bind_int(s, at, value);
    }
}

/* ---- JCP's appointments ---- */

static void no_overlap(struct session_frame *frame)
{
    frame->overlaps = false;
    frame->jcp_starts_min = ROW_NONE;
    frame->jcp_ends_min = ROW_NONE;
    frame->jcp_purpose[0] = '\0';
}

/*
 * The first appointment that overlaps. A session whose hours are not known overlaps any appointment of its day: in
 * doubt for the person.
 */
static enum err_code find_overlap(struct store *store, struct slice participant, int32_t day,
                                  struct session_frame *frame, struct error *err)
{
    no_overlap(frame);
    if (participant.len == 0) {
        return ERR_OK;
    }
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db,
                     "SELECT j.starts_min, j.ends_min, j.purpose FROM " PERSON_ROWS(
                         "?1") "appointment j ON j.participant = a.participant AND j.day = ?2 "
                               "WHERE ifnull(j.cancelled, 0) = 0 AND j.starts_min < ?4 AND j.ends_min > ?3 "
                               "ORDER BY j.starts_min, j.ends_min, j.id",
                     &s, err));
    bool known = frame->starts_min != ROW_NONE && frame->ends_min != ROW_NONE;
    bind_slice(s, 1, participant);
    bind_int(s, 2, day);
    bind_int(s, 3, known ? frame->starts_min : -1);
    bind_int(s, 4, known ? frame->ends_min : 24 * 60 + 1);
    TRY(db_step(&store->db, s, &row, err));
    if (row) {
        frame->overlaps = true;
        frame->jcp_starts_min = (int)column_int(s, 0);
        frame->jcp_ends_min = (int)column_int(s, 1);
        column_text(s, 2, frame->jcp_purpose, sizeof(frame->jcp_purpose));
        sqlite3_reset(s);
    }
    return ERR_OK;
}

static enum standing standing_of(const struct heads *heads, const struct session_frame *frame)
{
    if (heads->count == 0) {
        return STANDING_UNRECORDED;
    }
    if (heads->different > 1) {
        return STANDING_DISPUTED;
    }
    enum outcome outcome = heads->newest.outcome;
    bool absence = outcome == OUTCOME_ABSENT || outcome == OUTCOME_ABSENT_WITH_NOTICE;
    return outcome == OUTCOME_EXCUSED || (absence && frame->overlaps) ? STANDING_EXCUSED : STANDING_RECORDED;
}

/* ---- the row ---- */

static enum err_code delete_session(struct store *store, const struct session_key *key, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "DELETE FROM session WHERE placement = ?1 AND day = ?2 AND slot = ?3", &s, err));
    session_bind(s, key);
    return db_run(&store->db, s, err);
}

/* Of hours that are not known the session begins with its day. */
static int64_t begins_min(const struct session_key *key, const struct session_frame *frame)
{
    return (int64_t)key->day * 24 * 60 + (frame->starts_min == ROW_NONE ? 0 : frame->starts_min);
}

static enum err_code put_session(struct store *store, const struct session_key *key, const struct session_frame *frame,
                                 const struct heads *heads, struct error *err)
{
    if (heads->count == 0 && !frame->expected) {
        return delete_session(store, key, err);
    }
    sqlite3_stmt *s;
    TRY(db_statement(
        &store->db,
        "INSERT INTO session VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) "
        "ON CONFLICT DO UPDATE SET starts_min = ?4, ends_min = ?5, expected = ?6, standing = ?7, outcome = ?8, "
        "minutes = ?9, reason = ?10, heads = ?11, jcp_starts_min = ?12, jcp_ends_min = ?13, jcp_purpose = ?14, "
        "note_hints = ?15, early = ?16",
        &s, err));
    session_bind(s, key);
    bind_int_or_null(s, 4, frame->starts_min);
    bind_int_or_null(s, 5, frame->ends_min);
    bind_int(s, 6, frame->expected);
    bind_int(s, 7, standing_of(heads, frame));
    bind_int(s, 8, heads->count > 0 ? heads->newest.outcome : OUTCOME_NONE);
    bind_int_or_null(s, 9, heads->count > 0 ? heads->newest.minutes : ROW_NONE);
    bind_text(s, 10, heads->newest.reason);
    bind_int(s, 11, (int64_t)heads->different);
    bind_int_or_null(s, 12, frame->jcp_starts_min);
    bind_int_or_null(s, 13, frame->jcp_ends_min);
    bind_int(s, 15, heads->newest.note_hints);
    bind_int(s, 16, heads->count > 0 && heads->said_min < begins_min(key, frame));
    if (frame->overlaps) {
        bind_text(s, 14, frame->jcp_purpose);
    } else {
        bind_null(s, 14);
    }
    return db_run(&store->db, s, err);
}

static enum err_code participant_of(struct store *store, const uint8_t placement[OP_ENTITY_BYTES],
                                    uint8_t out[OP_ENTITY_BYTES], struct slice *ret_participant, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db, "SELECT participant FROM placement WHERE id = ?1", &s, err));
    bind_blob(s, 1, placement, OP_ENTITY_BYTES);
    TRY(db_step(&store->db, s, &row, err));
    *ret_participant = slice_of(out, row && column_fixed(s, 0, out, OP_ENTITY_BYTES) ? OP_ENTITY_BYTES : 0);
    sqlite3_reset(s);
    return ERR_OK;
}

/* The frame as the row holds it, or that of a session nobody expects. */
static enum err_code frame_of_row(struct store *store, const struct session_key *key, struct session_frame *frame,
                                  struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db,
                     "SELECT starts_min, ends_min, expected, jcp_starts_min, jcp_ends_min, jcp_purpose FROM session "
                     "WHERE placement = ?1 AND day = ?2 AND slot = ?3",
                     &s, err));
    session_bind(s, key);
    TRY(db_step(&store->db, s, &row, err));
    *frame = (struct session_frame){ .starts_min = ROW_NONE, .ends_min = ROW_NONE };
    if (row) {
        frame->starts_min = (int)column_int_or(s, 0, ROW_NONE);
        frame->ends_min = (int)column_int_or(s, 1, ROW_NONE);
        frame->expected = column_int(s, 2) != 0;
        frame->jcp_starts_min = (int)column_int_or(s, 3, ROW_NONE);
        frame->jcp_ends_min = (int)column_int_or(s, 4, ROW_NONE);
        frame->overlaps = sqlite3_column_type(s, 5) != SQLITE_NULL;
        column_text(s, 5, frame->jcp_purpose, sizeof(frame->jcp_purpose));
        sqlite3_reset(s);
        return ERR_OK;
    }
    uint8_t id[OP_ENTITY_BYTES];
    struct slice participant;
    TRY(participant_of(store, key->placement, id, &participant, err));
    return find_overlap(store, participant, key->day, frame, err);
}

/* ---- one session ---- */

static struct session_key key_of(const uint8_t subject[OP_SESSION_BYTES])
{
    struct session_key key;
    memcpy(key.placement, subject, OP_ENTITY_BYTES);
    session_of_subject(subject, &key.day, &key.slot);
    return key;
}

enum err_code fold_session(struct store *store, struct slice subject, struct error *err)
{
    struct session_key key = key_of(subject.data);
    struct session_frame frame;
    struct heads heads;
    TRY(frame_of_row(store, &key, &frame, err));
    TRY(heads_read(store, &key, &heads, err));
    TRY(put_session(store, &key, &frame, &heads, err));
    return dirty_placement(store, key.placement, err);
}

/* ---- a placement's sessions ---- */

struct layout {
    struct slice participant;
    uint8_t participant_id[OP_ENTITY_BYTES];
    struct pattern_session *sessions; /* sorted by day, slot */
    size_t count;
};

static void layout_fini(struct layout *layout)
{
    free(layout->sessions);
}

static enum err_code expand(struct store *store, sqlite3_stmt *s, struct layout *layout, struct error *err)
{
    char text[PATTERN_TEXT_MAX + 1];
    char calendar_text[ROW_CODE_SIZE];
    struct pattern pattern;
    column_text(s, 1, text, sizeof(text));
    column_text(s, 2, calendar_text, sizeof(calendar_text));
    enum calendar calendar = CALENDAR_ENGLAND_WALES;
    (void)calendar_parse(calendar_text, &calendar);
    bool dated = sqlite3_column_type(s, 3) != SQLITE_NULL && sqlite3_column_type(s, 4) != SQLITE_NULL;
    if (!dated || text[0] == '\0' || pattern_parse(text, &pattern, NULL) != ERR_OK) {
        return ERR_OK; /* nothing is expected until the placement says when */
    }
    layout->sessions = calloc(SESSIONS_MAX, sizeof(*layout->sessions));
    if (layout->sessions == NULL) {
        return FAIL(err, NO_MEMORY, "lay out the sessions of a placement");
    }
    layout->count = pattern_expand(store->programme, calendar, &pattern, (int32_t)column_int(s, 3),
                                   (int32_t)column_int(s, 4), layout->sessions, SESSIONS_MAX);
    return ERR_OK;
}

/* Nobody is expected on the days of a break, or while the referral is not in force. */
static enum err_code leave_breaks_out(struct store *store, const uint8_t placement[OP_ENTITY_BYTES],
                                      struct layout *layout, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "SELECT starts_on, ends_on FROM placement_break WHERE placement = ?1 UNION ALL "
                     "SELECT o.idle_from, o.ends_on FROM placement p JOIN referral_out o ON o.referral = p.referral "
                     "WHERE p.id = ?1",
                     &s, err));
    bind_blob(s, 1, placement, OP_ENTITY_BYTES);
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        int64_t from = column_int_or(s, 0, INT64_MAX);
        int64_t to = column_int_or(s, 1, INT64_MAX);
        size_t kept = 0;
        for (size_t i = 0; i < layout->count; i++) {
            if (layout->sessions[i].day < from || layout->sessions[i].day > to) {
                layout->sessions[kept++] = layout->sessions[i];
            }
        }
        layout->count = kept;
    }
}

static enum err_code read_layout(struct store *store, const uint8_t placement[OP_ENTITY_BYTES], struct layout *layout,
                                 struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(
        &store->db, "SELECT participant, pattern, calendar, starts_on, ends_on FROM placement WHERE id = ?1", &s, err));
    bind_blob(s, 1, placement, OP_ENTITY_BYTES);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return ERR_OK;
    }
    bool known = column_fixed(s, 0, layout->participant_id, OP_ENTITY_BYTES);
    layout->participant = slice_of(layout->participant_id, known ? OP_ENTITY_BYTES : 0);
    enum err_code rc = expand(store, s, layout, err);
    sqlite3_reset(s);
    return rc == ERR_OK && layout->count > 0 ? leave_breaks_out(store, placement, layout, err) : rc;
}

static enum err_code put_framed(struct store *store, const struct session_key *key, const struct session_frame *frame,
                                struct error *err)
{
    struct heads heads;
    TRY(heads_read(store, key, &heads, err));
    return put_session(store, key, frame, &heads, err);
}

/* What may bear on a session of the placement besides its pattern, ascending; where neither is, nothing else is read.
 */
struct bearing {
    struct buf recorded;     /* struct session_key of every session with an assertion */
    struct buf appointments; /* int32_t days on which JCP has the person */
};

static void bearing_fini(struct bearing *bearing)
{
    buf_fini(&bearing->recorded);
    buf_fini(&bearing->appointments);
}

static enum err_code read_recorded(struct store *store, const uint8_t placement[OP_ENTITY_BYTES], struct buf *out,
                                   struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "SELECT DISTINCT day, slot FROM attendance WHERE placement = ?1 ORDER BY day, slot",
                     &s, err));
    bind_blob(s, 1, placement, OP_ENTITY_BYTES);
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        struct session_key key = { .day = (int32_t)column_int(s, 0), .slot = (int)column_int(s, 1) };
        memcpy(key.placement, placement, OP_ENTITY_BYTES);
        TRY(buf_append(out, &key, sizeof(key), err));
    }
}

static enum err_code read_appointment_days(struct store *store, struct slice participant, struct buf *out,
                                           struct error *err)
{
    if (participant.len == 0) {
        return ERR_OK;
    }
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "SELECT DISTINCT day FROM appointment WHERE participant IN (" SAME_PERSON("?1") ") ORDER BY day",
                     &s, err));
    bind_slice(s, 1, participant);
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        int32_t day = (int32_t)column_int(s, 0);
        TRY(buf_append(out, &day, sizeof(day), err));
    }
}

static int day_compare(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a;
    int32_t y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static int key_compare(const void *a, const void *b)
{
    const struct session_key *x = a;
    const struct session_key *y = b;
    return x->day != y->day ? (x->day > y->day) - (x->day < y->day) : (x->slot > y->slot) - (x->slot < y->slot);
}

static bool is_recorded(const struct bearing *bearing, const struct session_key *key)
{
    const struct buf *recorded = &bearing->recorded;
    return recorded->len > 0 &&
           bsearch(key, recorded->data, recorded->len / sizeof(*key), sizeof(*key), key_compare) != NULL;
}

static enum err_code overlap_borne(struct store *store, const struct bearing *bearing, const struct layout *layout,
                                   int32_t day, struct session_frame *frame, struct error *err)
{
    const struct buf *days = &bearing->appointments;
    if (days->len == 0 || bsearch(&day, days->data, days->len / sizeof(day), sizeof(day), day_compare) == NULL) {
        no_overlap(frame);
        return ERR_OK;
    }
    return find_overlap(store, layout->participant, day, frame, err);
}

static int expected_compare(const void *a, const void *b)
{
    const struct session_key *key = a;
    const struct pattern_session *expected = b;
    return key->day != expected->day ? (key->day > expected->day) - (key->day < expected->day)
                                     : (key->slot > expected->slot) - (key->slot < expected->slot);
}

/* Sessions with a record that the pattern does not hold stay, unexpected and without hours. */
static enum err_code put_unexpected(struct store *store, const struct bearing *bearing, const struct layout *layout,
                                    struct error *err)
{
    for (size_t at = 0; at < bearing->recorded.len; at += sizeof(struct session_key)) {
        struct session_key key;
        struct session_frame frame = { .starts_min = ROW_NONE, .ends_min = ROW_NONE };
        memcpy(&key, bearing->recorded.data + at, sizeof(key));
        if (layout->count == 0 ||
            bsearch(&key, layout->sessions, layout->count, sizeof(*layout->sessions), expected_compare) == NULL) {
            TRY(overlap_borne(store, bearing, layout, key.day, &frame, err));
            TRY(put_framed(store, &key, &frame, err));
        }
    }
    return ERR_OK;
}

/* Sessions that nothing bears on: as put_session writes them without heads, where there are no rows yet. */
static enum err_code insert_unrecorded(struct store *store, const uint8_t placement[OP_ENTITY_BYTES],
                                       const struct pattern_session *sessions, size_t count, struct error *err)
{
#define UNRECORDED "(?1, ?, ?, ?, ?, 1, 0, 0, NULL, '', 0, NULL, NULL, NULL, 0, 0)"
    static const char one[] = "INSERT INTO session VALUES " UNRECORDED;
    static const char many[] = "INSERT INTO session VALUES " EIGHT_ROWS(UNRECORDED);
#undef UNRECORDED
    for (size_t i = 0; i < count;) {
        size_t rows = count - i < 8 ? 1 : 8;
        sqlite3_stmt *s;
        TRY(db_statement(&store->db, rows == 1 ? one : many, &s, err));
        bind_blob(s, 1, placement, OP_ENTITY_BYTES);
        for (int at = 2; at < 2 + 4 * (int)rows; at += 4, i++) {
            bind_int(s, at, sessions[i].day);
            bind_int(s, at + 1, sessions[i].slot);
            bind_int_or_null(s, at + 2, sessions[i].starts_min);
            bind_int_or_null(s, at + 3, sessions[i].ends_min);
        }
        TRY(db_run(&store->db, s, err));
    }
    return ERR_OK;
}

/* Leaves those in the layout that nothing bears on. */
static enum err_code put_borne(struct store *store, const uint8_t placement[OP_ENTITY_BYTES],
                               const struct bearing *bearing, struct layout *layout, struct error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < layout->count; i++) {
        const struct pattern_session *expected = &layout->sessions[i];
        struct session_key key = { .day = expected->day, .slot = expected->slot };
        memcpy(key.placement, placement, OP_ENTITY_BYTES);
        struct session_frame frame = { .expected = true,
                                       .starts_min = expected->starts_min,
                                       .ends_min = expected->ends_min };
        TRY(overlap_borne(store, bearing, layout, key.day, &frame, err));
        if (is_recorded(bearing, &key) || frame.overlaps) {
            TRY(put_framed(store, &key, &frame, err));
        } else {
            layout->sessions[kept++] = *expected;
        }
    }
    layout->count = kept;
    return ERR_OK;
}

enum err_code fold_placement_sessions(struct store *store, const uint8_t placement[OP_ENTITY_BYTES], struct error *err)
{
    SCOPED(layout_fini) struct layout layout = { 0 };
    SCOPED(bearing_fini) struct bearing bearing;
    buf_init(&bearing.recorded, SIZE_MAX / 2);
    buf_init(&bearing.appointments, SIZE_MAX / 2);
    TRY(read_layout(store, placement, &layout, err));
    TRY(read_recorded(store, placement, &bearing.recorded, err));
    TRY(read_appointment_days(store, layout.participant, &bearing.appointments, err));
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "DELETE FROM session WHERE placement = ?1", &s, err));
    bind_blob(s, 1, placement, OP_ENTITY_BYTES);
    TRY(db_run(&store->db, s, err));
    TRY(put_unexpected(store, &bearing, &layout, err));
    TRY(put_borne(store, placement, &bearing, &layout, err));
    return insert_unrecorded(store, placement, layout.sessions, layout.count, err);
}

/* ---- a person's day ---- */

static enum err_code sessions_of_day(struct store *store, struct slice participant, int32_t day, struct buf *keys,
                                     struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "SELECT s.placement, s.slot FROM placement p JOIN session s ON s.placement = p.id AND s.day = ?2 "
                     "WHERE p.participant IN (" SAME_PERSON("?1") ")",
                     &s, err));
    bind_slice(s, 1, participant);
    bind_int(s, 2, day);
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        struct session_key key = { .day = day, .slot = (int)column_int(s, 1) };
        (void)column_fixed(s, 0, key.placement, OP_ENTITY_BYTES);
        TRY(buf_append(keys, &key, sizeof(key), err));
    }
}

enum err_code fold_sessions_of_day(struct store *store, struct slice participant, int32_t day, struct error *err)
{
    SCOPED(buf_fini) struct buf keys;
    buf_init(&keys, SIZE_MAX / 2);
    TRY(sessions_of_day(store, participant, day, &keys, err));
    for (size_t at = 0; at < keys.len; at += sizeof(struct session_key)) {
        struct session_key key;
        struct session_frame frame;
        memcpy(&key, keys.data + at, sizeof(key));
        TRY(frame_of_row(store, &key, &frame, err));
        TRY(find_overlap(store, participant, day, &frame, err));
        TRY(put_framed(store, &key, &frame, err));
        TRY(dirty_placement(store, key.placement, err));
    }
    return ERR_OK;
}
