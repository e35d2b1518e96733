/*
 * What holds an erasure back: the person concerned may want as evidence what would go. Asked of a replica's tables, and
 * at the centre of what it folds of a site's log.
 */
#include <stdio.h>
#include <string.h>

#include "store/fold_parts.h"
#include "store/retention.h"
#include "store/said_again.h"

/*
 * Our default, not the end of every challenge. An application to revise a decision has to be made within one month; a
 * late one is advised by Citizens Advice and others to be possible up to 13 months after the decision's date (The
 * Universal Credit, Personal Independence Payment, Jobseeker's Allowance and Employment and Support Allowance
 * (Decisions and Appeals) Regulations 2013, SI 2013/381, regs 5 and 6). A sanction may be revised after that, too (reg
 * 14).
 */
enum { CHALLENGE_DAYS = 396 };

/* ---- whom and what it is about ---- */

/* Of whom and what it is: an id of 16 bytes, or none. */
struct about {
    uint8_t participant[OP_ENTITY_BYTES];
    uint8_t other[OP_ENTITY_BYTES]; /* of a merge, which may be undone: the duplicate */
    uint8_t placement[OP_ENTITY_BYTES];
    bool placed;
    bool session;
    int32_t day;
    int slot;
};

static enum err_code read_ids(struct store *store, sqlite3_stmt *s, const struct store_erase *erase,
                              struct about *about, struct error *err)
{
    bool row;
    bind_blob(s, 1, erase->subject, OP_ENTITY_BYTES);
    TRY(db_step(&store->db, s, &row, err));
    if (row) {
        (void)column_fixed(s, 0, about->participant, OP_ENTITY_BYTES);
        about->placed = column_fixed(s, 1, about->placement, OP_ENTITY_BYTES);
        sqlite3_reset(s);
    }
    return ERR_OK;
}

/* A plain record: by the person, or else the placement or the referral, that it names. */
static enum err_code read_plain_ids(struct store *store, const struct store_erase *erase, struct about *about,
                                    struct error *err)
{
    static const char *const links[][3] = {
        { "participant", "r.participant, NULL", "" },
        { "placement", "p.participant, p.id", "JOIN placement p ON p.id = r.placement" },
        { "referral", "q.participant, NULL", "JOIN referral q ON q.id = r.referral" },
    };
    static const uint8_t nobody[OP_ENTITY_BYTES];
    const struct kind *kind = kind_by_number(erase->kind);
    char sql[200];
    for (size_t i = 0; i < ARRAY_LEN(links) && memcmp(about->participant, nobody, sizeof(nobody)) == 0; i++) {
        if (kind_field_index(kind, links[i][0]) >= 0) {
            SCOPED(statement_fini) sqlite3_stmt *s = NULL;
            (void)snprintf(sql, sizeof(sql), "SELECT %s FROM %s r %s WHERE r.id = ?1", links[i][1], kind->name,
                           links[i][2]);
            TRY(db_prepare(&store->db, sql, &s, err));
            TRY(read_ids(store, s, erase, about, err));
        }
    }
    return ERR_OK;
}

static enum err_code find_about(struct store *store, const struct store_erase *erase, struct about *about,
                                struct error *err)
{
    sqlite3_stmt *s;
    *about = (struct about){ 0 };
    switch (erase->kind) {
    case KIND_PARTICIPANT:
        memcpy(about->participant, erase->subject, OP_ENTITY_BYTES);
        return ERR_OK;
    case KIND_ATTENDANCE:
        about->session = true;
        about->placed = true;
        memcpy(about->placement, erase->subject, OP_ENTITY_BYTES);
        session_of_subject(erase->subject, &about->day, &about->slot);
        TRY(db_statement(&store->db, "SELECT participant, ?1 FROM placement WHERE id = ?1", &s, err));
        return read_ids(store, s, erase, about, err);
    case KIND_PLACEMENT:
        about->placed = true;
        memcpy(about->placement, erase->subject, OP_ENTITY_BYTES);
        TRY(db_statement(&store->db, "SELECT participant, id FROM placement WHERE id = ?1", &s, err));
        return read_ids(store, s, erase, about, err);
    case KIND_NOTICE:
        TRY(db_statement(&store->db,
                         "SELECT p.participant, p.id FROM notice n JOIN placement p ON p.id = n.placement "
                         "WHERE n.id = ?1",
                         &s, err));
        return read_ids(store, s, erase, about, err);
    default:
        if (erase->kind == KIND_SAME_PERSON) {
            memcpy(about->other, erase->subject, OP_ENTITY_BYTES);
        }
        if (kind_is_plain(erase->kind) || erase->kind == KIND_COMPLIANCE_DOUBT) {
            return read_plain_ids(store, erase, about, err);
        }
        TRY(db_statement(&store->db, "SELECT participant, NULL FROM referral WHERE id = ?1", &s, err));
        return read_ids(store, s, erase, about, err);
    }
}

/* ---- what there is ---- */

/* Of all records of the person, and of the other's. */
#define OF_PERSON(column) column " IN (" SAME_PERSON("?1") ") OR " column " IN (" SAME_PERSON("?2") ")"

static const char *const hold_texts[HOLD_COUNT] = {
    [HOLD_DISPUTE] = "sessions that are disputed; settle them first",
    [HOLD_DOUBT] = "compliance doubts that are open",
    [HOLD_CHALLENGE] = "challenges that nobody has answered yet",
    [HOLD_DECISION] = "decisions of the Jobcentre of the last 13 months, which are still challenged as a rule",
};

bool erasable_held_by(const struct store_erasable *erasable, enum retention_hold hold)
{
    size_t len = strlen(hold_texts[hold]);
    for (size_t i = 0; i < erasable->hold_count; i++) {
        if (strncmp(erasable->holds[i], hold_texts[hold], len) == 0) {
            return true;
        }
    }
    return false;
}

static enum err_code count_hold(struct store *store, sqlite3_stmt *s, const struct about *about,
                                enum retention_hold hold, struct store_erasable *counts, struct error *err)
{
    bool row;
    bind_blob(s, 1, about->placed ? about->placement : about->participant, OP_ENTITY_BYTES);
    if (sqlite3_bind_parameter_count(s) == 4) {
        bind_int(s, 2, about->session);
        bind_int(s, 3, about->day);
        bind_int(s, 4, about->slot);
    } else if (!about->placed) {
        bind_blob(s, 2, about->other, OP_ENTITY_BYTES);
    }
    TRY(db_step(&store->db, s, &row, err));
    int64_t count = row ? column_int(s, 0) : 0;
    sqlite3_reset(s);
    if (count > 0) {
        (void)snprintf(counts->holds[counts->hold_count++], STORE_HOLD_SIZE, "%s: %lld", hold_texts[hold],
                       (long long)count);
    }
    return ERR_OK;
}

static enum err_code find_disputes(struct store *store, const struct about *about, struct store_erasable *counts,
                                   struct error *err)
{
    sqlite3_stmt *s;
    if (about->placed) {
        TRY(db_statement(&store->db,
                         "SELECT count(*) FROM session WHERE placement = ?1 AND standing = 2 "
                         "AND (?2 = 0 OR (day = ?3 AND slot = ?4))",
                         &s, err));
    } else {
        TRY(db_statement(&store->db,
                         "SELECT count(*) FROM placement p JOIN session s ON s.placement = p.id AND s.standing = 2 "
                         "WHERE " OF_PERSON("p.participant"),
                         &s, err));
    }
    return count_hold(store, s, about, HOLD_DISPUTE, counts, err);
}

static enum err_code find_doubts(struct store *store, const struct about *about, struct store_erasable *counts,
                                 struct error *err)
{
    sqlite3_stmt *s;
    if (about->placed) {
        TRY(db_statement(&store->db,
                         "SELECT count(*) FROM compliance_doubt d WHERE d.status IN ('standing', 'suspended') "
                         "AND (d.placement = ?1 OR d.placement IN (SELECT q.id FROM placement q WHERE q.participant IN "
                         "(" SAME_PERSON("(SELECT participant FROM placement WHERE id = ?1)") ")))",
                         &s, err));
    } else {
        TRY(db_statement(&store->db,
                         "SELECT count(*) FROM placement p JOIN compliance_doubt d ON d.placement = p.id "
                         "WHERE d.status IN ('standing', 'suspended') AND (" OF_PERSON("p.participant") ")",
                         &s, err));
    }
    return count_hold(store, s, about, HOLD_DOUBT, counts, err);
}

/* Made, and without an outcome: whoever made it may want all that is recorded, and the decision that it names is
 * challenged whosever record it stands under. */
static enum err_code find_challenges(struct store *store, const struct about *about, struct store_erasable *counts,
                                     struct error *err)
{
    sqlite3_stmt *s;
    struct about person = *about;
    person.placed = false;
    TRY(db_statement(
        &store->db,
        "SELECT count(*) FROM redress r WHERE made_on IS NOT NULL AND outcome IS NULL AND outcome_on IS NULL "
        "AND (" OF_PERSON("r.participant") " OR r.decision IN (SELECT id FROM decision WHERE " OF_PERSON(
            "participant") "))",
        &s, err));
    return count_hold(store, s, &person, HOLD_CHALLENGE, counts, err);
}

static enum err_code find_decisions(struct store *store, const struct about *about, int32_t today,
                                    struct store_erasable *counts, struct error *err)
{
    sqlite3_stmt *s;
    struct about person = *about;
    person.placed = false;
    TRY(db_statement(&store->db,
                     "SELECT count(*) FROM decision WHERE outcome IN ('adverse', 'reserved') AND decided_on > ?3 "
                     "AND (" OF_PERSON("participant") ")",
                     &s, err));
    bind_int(s, 3, today - CHALLENGE_DAYS);
    return count_hold(store, s, &person, HOLD_DECISION, counts, err);
}

enum err_code erase_holds(struct store *store, const struct store_erase *erase, int32_t today,
                          struct store_erasable *counts, struct error *err)
{
    struct about about;
    TRY(find_about(store, erase, &about, err));
    TRY(find_disputes(store, &about, counts, err));
    TRY(find_doubts(store, &about, counts, err));
    TRY(find_challenges(store, &about, counts, err));
    return find_decisions(store, &about, today, counts, err);
}

/* ---- what goes with the person alone ---- */

/* Of one that is gone nobody knows whom it spoke for: the field of it that says so. */
static const char *whom_field(uint32_t kind)
{
    return kind == KIND_PLACEMENT_BREAK || kind == KIND_FLAG_REVIEW ? "placement"
           : kind == KIND_REFERRAL                                  ? "participant"
                                                                    : NULL;
}

/* `ids`: of the one statement that goes, under each of its numbers. */
static bool version_goes(const struct store_erase *erase, const struct buf *ids, const struct version *version)
{
    bool named = !erase->one;
    for (size_t at = 0; at < ids->len && !named; at += sizeof(struct op_id)) {
        named = op_id_compare(&version->id, (const struct op_id *)(const void *)(ids->data + at)) == 0;
    }
    return named && version->writer == WRITER_ORGANISATION;
}

/* Whether another of its records would be left that says whom it speaks for. */
static enum err_code is_said_again(struct store *store, const struct store_erase *erase, bool *ret_said,
                                   struct error *err)
{
    SCOPED(merged_fini) struct merged merged = { 0 };
    SCOPED(buf_fini) struct buf ids;
    const struct kind *kind = kind_by_number(erase->kind);
    *ret_said = false;
    buf_init(&ids, SIZE_MAX / 2);
    TRY(erase->one ? statement_numbers(store, &erase->op, &ids, err) : ERR_OK);
    TRY(merged_find(store, kind, slice_of(erase->subject, erase->subject_len), &merged, err));
    for (size_t i = 0; i < merged.count && !*ret_said; i++) {
        sqlite3_stmt *s;
        struct record record;
        if (!version_goes(erase, &ids, &merged.versions[i])) {
            TRY(version_read(store, kind, &merged.versions[i], &s, &record, err));
            *ret_said = record_value(&record, whom_field(erase->kind))->present;
            sqlite3_reset(s);
        }
    }
    return ERR_OK;
}

/* Whether it speaks for somebody now: what names no placement bears on no doubt, nor does a review of no session. */
static enum err_code may_speak(struct store *store, const struct store_erase *erase, bool *ret_may, struct error *err)
{
    sqlite3_stmt *s;
    const char *sql = erase->kind == KIND_REFERRAL ? "SELECT 1 FROM referral WHERE id = ?1 AND voluntary <> 0"
                      : erase->kind == KIND_PLACEMENT_BREAK
                          ? "SELECT 1 FROM placement_break WHERE id = ?1 AND placement IS NOT NULL"
                          : "SELECT 1 FROM flag_review WHERE id = ?1 AND placement IS NOT NULL AND day IS NOT NULL "
                            "AND outcome <> 'doubt' AND ifnull(flag, '') NOT GLOB '" FLAG_OF_VOLUNTEERS "*'";
    *ret_may = false;
    if (whom_field(erase->kind) == NULL || erase->lone) {
        return ERR_OK;
    }
    TRY(db_statement(&store->db, sql, &s, err));
    bind_blob(s, 1, erase->subject, OP_ENTITY_BYTES);
    TRY(db_step(&store->db, s, ret_may, err));
    sqlite3_reset(s);
    return ERR_OK;
}

/* A review is always recorded as another one. */
static enum err_code refuse_alone(uint32_t kind, struct error *err)
{
    return kind == KIND_FLAG_REVIEW
               ? FAIL(err, REFUSED,
                      "erase: this is all that is recorded of a review of a session, which may keep doubts from "
                      "standing: it goes with the person alone")
               : FAIL(err, REFUSED,
                      "erase: this is all that is recorded of a %s, which may keep doubts from standing: it goes with "
                      "the person alone. Where something has to go out of it, record it anew without that first",
                      kind_by_number(kind)->name);
}

enum err_code erase_may_go_alone(struct store *store, const struct store_erase *erase, struct error *err)
{
    bool speaks;
    bool said = false;
    TRY(may_speak(store, erase, &speaks, err));
    if (speaks) {
        TRY(is_said_again(store, erase, &said, err));
    }
    return !speaks || said ? ERR_OK : refuse_alone(erase->kind, err);
}

/* ---- in spite of it ---- */

bool erase_confirmed(const struct store_erase *erase)
{
    char decides[ROW_NAME_SIZE];
    char confirms[ROW_NAME_SIZE];
    if (strcmp(erase->ground, "right") != 0 || erase->confirmed_by == NULL) {
        return false;
    }
    plain_key(erase->decided_by, decides);
    plain_key(erase->confirmed_by, confirms);
    return confirms[0] != '\0' && strcmp(confirms, decides) != 0;
}

enum err_code erase_check_holds(const struct store_erase *erase, const struct store_erasable *erasable,
                                struct error *err)
{
    if (erasable->hold_count == 0 || erase_confirmed(erase)) {
        return ERR_OK;
    }
    if (strcmp(erase->ground, "right") != 0) {
        return FAIL(err, REFUSED, "erase: it is held back: %s", erasable->holds[0]);
    }
    return FAIL(err, REFUSED,
                "erase: it is held back: %s. If the right to erasure outweighs that, a second person has to "
                "confirm it by name",
                erasable->holds[0]);
}
