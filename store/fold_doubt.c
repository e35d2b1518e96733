/*
 * Compliance doubts. Where a doubt stands is a pure function of the whole of the records, so that what is recorded
 * later counts on every replica, whatever arrived first:
 *
 *   a decision of JCP names it ─────────► decided
 *   else the organisation took it back ─► withdrawn
 *   else JCP gave it back ──────────────► returned
 *   else something that it needs lacks ─► suspended, `wants` says what (the view doubt_wants, and the pack)
 *   else ───────────────────────────────► standing
 *
 * Of what is erased of this, the organisation's counts as taken back, JCP's as given back.
 *
 * A doubt is said once: of several records with its id the oldest counts, so that nobody changes what was confirmed.
 * Rows are made at the end of a flush, when everything that they rest on is up to date.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "store/doubts.h"
#include "store/fold_parts.h"

/* ---- what has to be looked at ---- */

static enum err_code run_with(struct store *store, const char *sql, struct slice id, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, sql, &s, err));
    bind_slice(s, 1, id);
    return db_run(&store->db, s, err);
}

enum err_code doubt_due(struct store *store, struct slice doubt, struct error *err)
{
    return run_with(store, "INSERT OR IGNORE INTO doubt_due VALUES (?1)", doubt, err);
}

enum err_code doubt_due_naming(struct store *store, struct slice record, struct error *err)
{
    return run_with(store,
                    "INSERT OR IGNORE INTO doubt_due SELECT id FROM compliance_doubt "
                    "WHERE notice = ?1 OR review = ?1 OR earlier_decision = ?1",
                    record, err);
}

enum err_code doubt_due_of_decision(struct store *store, struct slice decision, struct error *err)
{
    TRY(doubt_due_naming(store, decision, err));
    return run_with(store,
                    "INSERT OR IGNORE INTO doubt_due SELECT doubt FROM decision WHERE id = ?1 AND doubt IS NOT NULL",
                    decision, err);
}

/* ---- what became of it ---- */

struct outcome_of {
    const char *status; /* NULL: open */
    bool dated;
    int32_t on;
    char by[ROW_NAME_SIZE];
    char reason[ROW_CODE_SIZE];
    bool received;
    int32_t received_on;
    bool decided;
    uint8_t decision[OP_ENTITY_BYTES];
};

static void copy_text(char *out, size_t size, const struct value *value)
{
    (void)snprintf(out, size, "%.*s", value->present ? (int)value->text.len : 0,
                   value->present ? (const char *)value->text.data : "");
}

static void take_event(struct record *event, struct outcome_of *found)
{
    struct slice status = record_value(event, "status")->text;
    const struct value *on = record_value(event, "on");
    bool withdrawn = slice_equal(status, slice_of_text("withdrawn"));
    if (slice_equal(status, slice_of_text("received"))) {
        found->received = true;
        found->received_on = (int32_t)on->number;
        return;
    }
    if (!withdrawn && found->status != NULL && strcmp(found->status, "withdrawn") == 0) {
        return; /* what was taken back cannot be given back */
    }
    found->status = withdrawn ? "withdrawn" : "returned";
    found->dated = true;
    found->on = (int32_t)on->number;
    copy_text(found->by, sizeof(found->by), record_value(event, "by"));
    copy_text(found->reason, sizeof(found->reason), record_value(event, "reason"));
}

static enum err_code read_event(struct store *store, const struct version *version, struct outcome_of *found,
                                struct error *err)
{
    sqlite3_stmt *s;
    struct record event;
    TRY(version_read(store, kind_by_number(KIND_DOUBT_EVENT), version, &s, &event, err));
    take_event(&event, found);
    sqlite3_reset(s);
    return ERR_OK;
}

/* What is erased may have ended it: nobody stands doubted again by an erasure. */
static const char *erased_status(const struct merged *events)
{
    return (events->erased_by & WRITER_ORGANISATION) != 0 ? "withdrawn"
           : (events->erased_by & WRITER_CENTRE) != 0     ? "returned"
                                                          : NULL;
}

static enum err_code read_events(struct store *store, struct slice doubt, struct outcome_of *found, struct error *err)
{
    SCOPED(merged_fini) struct merged events = { 0 };
    TRY(merged_find(store, kind_by_number(KIND_DOUBT_EVENT), doubt, &events, err));
    for (size_t i = 0; i < events.count; i++) {
        TRY(read_event(store, &events.versions[i], found, err));
    }
    found->status = found->status == NULL ? erased_status(&events) : found->status;
    return ERR_OK;
}

/* The newest word of JCP's decision maker is the one. */
static enum err_code read_decision(struct store *store, struct slice doubt, struct outcome_of *found, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "SELECT id, decided_on FROM decision WHERE doubt = ?1 ORDER BY decided_on DESC, id DESC LIMIT 1",
                     &s, err));
    bind_slice(s, 1, doubt);
    TRY(db_step(&store->db, s, &found->decided, err));
    if (found->decided) {
        (void)column_fixed(s, 0, found->decision, OP_ENTITY_BYTES);
        found->status = "decided";
        found->dated = sqlite3_column_type(s, 1) != SQLITE_NULL;
        found->on = (int32_t)column_int(s, 1);
        found->by[0] = '\0';
        found->reason[0] = '\0';
    }
    sqlite3_reset(s);
    return ERR_OK;
}

/* ---- the row ---- */

static void bind_day(sqlite3_stmt *s, int at, bool known, int32_t day)
{
    if (known) {
        bind_int(s, at, day);
    } else {
        bind_null(s, at);
    }
}

/* An open one is suspended until it has been judged. */
static int bind_outcome(sqlite3_stmt *s, int at, const struct outcome_of *found)
{
    bind_text(s, at++, found->status == NULL ? "suspended" : found->status);
    bind_text(s, at++, "");
    bind_day(s, at++, found->dated, found->on);
    bind_text(s, at++, found->by);
    bind_text(s, at++, found->reason);
    bind_day(s, at++, found->received, found->received_on);
    if (found->decided) {
        bind_blob(s, at++, found->decision, OP_ENTITY_BYTES);
    } else {
        bind_null(s, at++);
    }
    return at;
}

#define DOUBT_PUT                                                                                                      \
    "INSERT OR REPLACE INTO compliance_doubt VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, "    \
    "?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27)"

static enum err_code put_doubt(struct store *store, struct slice doubt, struct merged *versions, struct error *err)
{
    struct outcome_of found = { 0 };
    TRY(read_events(store, doubt, &found, err));
    TRY(read_decision(store, doubt, &found, err));
    TRY(merged_read(store, versions, &versions->versions[0], true, &versions->record, err));
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, DOUBT_PUT, &s, err));
    int at = bind_record(s, doubt, &versions->record);
    int64_t true_ms;
    TRY(bind_said(store, s, at, &versions->versions[0], &true_ms, err));
    bind_int(s, at + 2, (int64_t)(versions->versions[0].hlc & INT64_MAX));
    bind_int(s, bind_outcome(s, at + 3, &found), clock_london_minute(true_ms));
    TRY(db_run(&store->db, s, err));
    return dirty_placement(store, merged_value(versions, "placement")->text.data, err);
}

static enum err_code dirty_before(struct store *store, struct slice doubt, struct error *err)
{
    return run_with(store, "INSERT OR IGNORE INTO dirty_placement SELECT placement FROM compliance_doubt WHERE id = ?1",
                    doubt, err);
}

/* What the Jobcentre decided about the person by a doubt that is erased bears on others about that day. */
static enum err_code dirty_decided(struct store *store, struct slice doubt, struct error *err)
{
    return run_with(store,
                    "INSERT OR IGNORE INTO dirty_placement SELECT p.id FROM decision e CROSS JOIN placement p "
                    "ON p.participant IN (" SAME_PERSON("e.participant") ") WHERE e.doubt = ?1",
                    doubt, err);
}

static enum err_code make_doubt(struct store *store, struct slice doubt, struct error *err)
{
    SCOPED(merged_fini) struct merged versions = { 0 };
    TRY(merged_find(store, kind_by_number(KIND_COMPLIANCE_DOUBT), doubt, &versions, err));
    TRY(dirty_before(store, doubt, err));
    TRY(dirty_decided(store, doubt, err));
    return versions.count == 0 ? fold_delete(store, "DELETE FROM compliance_doubt WHERE id = ?1", doubt, err)
                               : put_doubt(store, doubt, &versions, err);
}

/* ---- judging ---- */

static void add_want(char wants[DOUBT_WANTS_SIZE], const char *code)
{
    size_t len = strlen(wants);
    (void)snprintf(wants + len, DOUBT_WANTS_SIZE - len, "%s%s", len > 0 ? "," : "", code);
}

/* A failure so many days (0: none is known) after one that was decided adversely leads to so many weeks at most. */
static int most_weeks(const struct programme *programme, int64_t days_after)
{
    const struct programme_rules *rules = programme_rules_of(programme);
    bool later = days_after > rules->repeat_gap_days && days_after <= rules->repeat_window_days;
    return later ? rules->later_sanction_weeks : rules->first_sanction_weeks;
}

/* By the pack that the doubt names, which is the same for whoever judges; where it names none, by the one in force. */
static enum err_code pack_of(struct store *store, sqlite3_stmt *s, int at, const struct programme **ret_programme,
                             struct error *err)
{
    char sha256[PROGRAMME_SHA256_SIZE];
    column_text(s, at, sha256, sizeof(sha256));
    if (sha256[0] == '\0') { /* a preview, or taken before a doubt had to name it */
        *ret_programme = store->programme;
        return ERR_OK;
    }
    enum err_code rc = pack_find(store, sha256, ret_programme, err);
    if (rc == ERR_LIMIT) { /* as if it were not here: the doubt waits */
        *ret_programme = NULL;
        return ERR_OK;
    }
    return rc;
}

/* Of what is only tried out the moment is now, and the pack the one in force. */
static enum err_code judge_pack(struct store *store, struct slice doubt, const struct programme *programme,
                                char wants[DOUBT_WANTS_SIZE], struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    bool in_force = true;
    TRY(db_statement(&store->db,
                     "SELECT hlc, said_min FROM compliance_doubt WHERE id = ?1 AND programme_sha256 IS NOT NULL", &s,
                     err));
    bind_slice(s, 1, doubt);
    TRY(db_step(&store->db, s, &row, err));
    if (row) {
        struct doubt_moment moment = { .hlc = column_int(s, 0), .minute = column_int(s, 1) };
        sqlite3_reset(s);
        TRY(pack_was_in_force(store, programme, &moment, &in_force, err));
    }
    if (!in_force) {
        add_want(wants, "pack_not_in_force");
    }
    return ERR_OK;
}

/* Of a person with more placements than anybody has no doubt stands, and the days are not added up. */
static enum err_code judge_limit(struct store *store, struct slice doubt, const struct programme *programme,
                                 char wants[DOUBT_WANTS_SIZE], struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    bool over;
    uint8_t placement[OP_ENTITY_BYTES] = { 0 };
    TRY(db_statement(&store->db,
                     "SELECT d.placement, d.day FROM compliance_doubt d WHERE d.id = ?1 AND NOT EXISTS "
                     "(SELECT 1 FROM placement_of_crowd c WHERE c.placement = d.placement)",
                     &s, err));
    bind_slice(s, 1, doubt);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return ERR_OK;
    }
    (void)column_fixed(s, 0, placement, sizeof(placement));
    int32_t day = (int32_t)column_int(s, 1);
    sqlite3_reset(s);
    TRY(scheme_is_over(store, slice_of(placement, sizeof(placement)), day, programme, &over, err));
    if (over) {
        add_want(wants, "beyond_limit");
    }
    return ERR_OK;
}

/* What only the programme pack can tell. */
static enum err_code judge_by_pack(struct store *store, struct slice doubt, char wants[DOUBT_WANTS_SIZE],
                                   struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(
        &store->db,
        "SELECT s.reason, d.exposure_weeks, CASE WHEN d.earlier_decision IS NULL THEN 0 ELSE d.day - e.failure_on END, "
        "d.programme_sha256 FROM compliance_doubt d "
        "LEFT JOIN session s ON s.placement = d.placement AND s.day = d.day AND s.slot = d.slot "
        "LEFT JOIN decision e ON e.id = d.earlier_decision WHERE d.id = ?1",
        &s, err));
    bind_slice(s, 1, doubt);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return ERR_OK;
    }
    char reason[ROW_CODE_SIZE];
    column_text(s, 0, reason, sizeof(reason));
    const struct programme *programme;
    enum err_code rc = pack_of(store, s, 3, &programme, err);
    if (rc != ERR_OK || programme == NULL) {
        add_want(wants, "pack_not_held");
        sqlite3_reset(s);
        return rc;
    }
    if (programme_reason_kind(programme, reason) != REASON_OTHER) {
        add_want(wants, "reason_given");
    }
    bool known = sqlite3_column_type(s, 2) != SQLITE_NULL; /* else the view says that it is unfounded */
    if (known && column_int(s, 1) > most_weeks(programme, column_int(s, 2))) {
        add_want(wants, "exposure_without_decision");
    }
    sqlite3_reset(s);
    TRY(judge_limit(store, doubt, programme, wants, err));
    return judge_pack(store, doubt, programme, wants, err);
}

/* A notice says when and where as it was agreed when it was served. Where nobody is expected that is said already. */
static enum err_code judge_terms(struct store *store, struct slice doubt, char wants[DOUBT_WANTS_SIZE],
                                 struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    uint8_t placement[OP_ENTITY_BYTES];
    TRY(db_statement(&store->db,
                     "SELECT d.placement, d.day, n.served_on FROM compliance_doubt d JOIN notice n ON n.id = d.notice "
                     "JOIN session s ON s.placement = d.placement AND s.day = d.day AND s.slot = d.slot "
                     "WHERE d.id = ?1 AND n.served_on IS NOT NULL AND s.expected <> 0",
                     &s, err));
    bind_slice(s, 1, doubt);
    TRY(db_step(&store->db, s, &row, err));
    if (!row) {
        return ERR_OK;
    }
    (void)column_fixed(s, 0, placement, sizeof(placement));
    int32_t day = (int32_t)column_int(s, 1);
    int64_t served_on = column_int(s, 2);
    int64_t changed_on;
    sqlite3_reset(s);
    TRY(terms_changed_on(store, slice_of(placement, sizeof(placement)), day, &changed_on, err));
    if (served_on < changed_on) {
        add_want(wants, "terms_changed");
    }
    return ERR_OK;
}

enum err_code doubt_judge(struct store *store, struct slice doubt, char ret_wants[DOUBT_WANTS_SIZE], struct error *err)
{
    sqlite3_stmt *s;
    ret_wants[0] = '\0';
    TRY(judge_by_pack(store, doubt, ret_wants, err));
    TRY(judge_terms(store, doubt, ret_wants, err));
    TRY(db_statement(&store->db, "SELECT DISTINCT code FROM doubt_wants WHERE id = ?1 ORDER BY code", &s, err));
    bind_slice(s, 1, doubt);
    for (;;) {
        bool row;
        char code[ROW_CODE_SIZE];
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        column_text(s, 0, code, sizeof(code));
        add_want(ret_wants, code);
    }
}

static enum err_code settle_doubt(struct store *store, struct slice doubt, struct error *err)
{
    char wants[DOUBT_WANTS_SIZE];
    sqlite3_stmt *s;
    TRY(doubt_judge(store, doubt, wants, err));
    TRY(db_statement(&store->db, "UPDATE compliance_doubt SET status = ?2, wants = ?3 WHERE id = ?1", &s, err));
    bind_slice(s, 1, doubt);
    bind_text(s, 2, wants[0] == '\0' ? "standing" : "suspended");
    bind_text(s, 3, wants);
    return db_run(&store->db, s, err);
}

/* ---- all that is due ---- */

static enum err_code collect_ids(struct store *store, sqlite3_stmt *s, struct buf *ids, struct error *err)
{
    for (;;) {
        bool row;
        TRY(db_step(&store->db, s, &row, err));
        if (!row) {
            return ERR_OK;
        }
        struct slice id = column_slice(s, 0);
        enum err_code rc =
            id.len == OP_ENTITY_BYTES ? buf_append(ids, id.data, id.len, err) : FAIL(err, DAMAGED, "fold the doubts");
        if (rc != ERR_OK) {
            sqlite3_reset(s);
            return rc;
        }
    }
}

static enum err_code each_id(struct store *store, const struct buf *ids,
                             enum err_code (*run)(struct store *store, struct slice id, struct error *err),
                             struct error *err)
{
    for (size_t at = 0; at < ids->len; at += OP_ENTITY_BYTES) {
        TRY(run(store, slice_of(ids->data + at, OP_ENTITY_BYTES), err));
    }
    return ERR_OK;
}

static enum err_code collect_due(struct store *store, struct buf *due, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "SELECT id FROM doubt_due ORDER BY id", &s, err));
    return collect_ids(store, s, due, err);
}

/*
 * Of placements that were marked before this transaction too: judging again changes nothing. What is recorded of one
 * placement bears on the person's others: the people are looked for, each once, from the marks where these are few,
 * else from the doubts.
 */
#define IS_OPEN "d.status IN ('standing', 'suspended')"
#define MARKED "(SELECT placement FROM dirty_placement UNION ALL SELECT ?1) m"
#define MANY_MARKED "(SELECT count(*) > 16 FROM (SELECT 1 FROM dirty_placement LIMIT 17))"
#define PEOPLE_OF(placements)                                                                                          \
    "(SELECT DISTINCT ifnull(s.person, p.participant) AS person FROM " placements                                      \
    " LEFT JOIN same_as s ON s.participant = p.participant WHERE p.participant IS NOT NULL AND "
#define OPEN_OF_PERSON                                                                                                 \
    "CROSS JOIN placement q ON q.participant IN (" SAME_PERSON(                                                        \
        "x.person") ") "                                                                                               \
                    "CROSS JOIN compliance_doubt d INDEXED BY doubt_open ON d.placement = q.id WHERE " IS_OPEN

static const char open_sql[] =
    "SELECT d.id FROM " MARKED " CROSS JOIN compliance_doubt d INDEXED BY doubt_open ON d.placement = m.placement "
    "WHERE " IS_OPEN " UNION SELECT d.id FROM " PEOPLE_OF(
        MARKED " CROSS JOIN placement p ON p.id = m.placement") "NOT " MANY_MARKED ") x " OPEN_OF_PERSON
                                                                " UNION SELECT d.id FROM " PEOPLE_OF(
                                                                    "compliance_doubt d INDEXED BY doubt_open CROSS "
                                                                    "JOIN placement p ON p.id = d.placement") IS_OPEN
    " AND " MANY_MARKED ") x " OPEN_OF_PERSON
    " AND EXISTS (SELECT 1 FROM placement r WHERE r.participant IN (" SAME_PERSON(
        "x.person") ") "
                    "AND (r.id IS ?1 OR EXISTS (SELECT 1 FROM dirty_placement m WHERE m.placement = r.id)))";

static enum err_code collect_open(struct store *store, struct buf *open, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, open_sql, &s, err));
    if (store->dirty_held.set) {
        bind_blob(s, 1, store->dirty_held.placement.bytes, OP_ENTITY_BYTES);
    } else {
        bind_null(s, 1);
    }
    return collect_ids(store, s, open, err);
}

/* Most sites have none. */
static enum err_code any_doubts(struct store *store, bool *ret_any, struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db,
                     "SELECT 1 WHERE EXISTS (SELECT 1 FROM doubt_due) OR EXISTS (SELECT 1 FROM compliance_doubt)", &s,
                     err));
    TRY(db_step(&store->db, s, ret_any, err));
    sqlite3_reset(s);
    return ERR_OK;
}

enum err_code fold_doubts(struct store *store, struct error *err)
{
    SCOPED(buf_fini) struct buf due;
    SCOPED(buf_fini) struct buf open;
    bool any;
    buf_init(&due, SIZE_MAX / 2);
    buf_init(&open, SIZE_MAX / 2);
    TRY(any_doubts(store, &any, err));
    if (!any) {
        return ERR_OK;
    }
    TRY(collect_due(store, &due, err));
    TRY(each_id(store, &due, make_doubt, err));
    if (due.len > 0) {
        TRY(db_exec(&store->db, "DELETE FROM doubt_due", err));
    }
    TRY(collect_open(store, &open, err));
    return each_id(store, &open, settle_doubt, err);
}
