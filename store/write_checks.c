/*
 * What comes from elsewhere is kept whatever it says, and the fold sees to it that it does no harm. What a machine
 * would write itself it can still be told not to, with what to do instead.
 */
#include <string.h>

#include "base/clock.h"
#include "store/fold_parts.h"

/* ---- who takes part of their own will is never sent by a change ---- */

/* What is on record of a placement, or of a referral. */
struct basis_known {
    char basis[ROW_CODE_SIZE];
    bool voluntary; /* ever */
    bool of_centre;
    uint8_t referral[OP_ENTITY_BYTES];
    uint8_t participant[OP_ENTITY_BYTES];
    bool referred;
    bool whose; /* participant is known */
};

/* An entry of the same file may be about it: that is looked at too. */
static enum err_code read_basis_known(struct store *store, uint32_t kind, struct slice id, struct basis_known *known,
                                      struct error *err)
{
    static const char of_referral[] = "SELECT basis, voluntary, from_centre, NULL, NULL FROM referral WHERE id = ?1";
    static const char of_placement[] = "SELECT basis, voluntary, 0, referral, participant FROM placement WHERE id = ?1";
    sqlite3_stmt *s;
    bool row;
    *known = (struct basis_known){ 0 };
    if (fold_marked(store, kind, id)) {
        TRY(fold_flush(store, err));
    }
    TRY(db_statement(&store->db, kind == KIND_REFERRAL ? of_referral : of_placement, &s, err));
    bind_slice(s, 1, id);
    TRY(db_step(&store->db, s, &row, err));
    if (row) {
        column_text(s, 0, known->basis, sizeof(known->basis));
        known->voluntary = column_int(s, 1) != 0;
        known->of_centre = column_int(s, 2) != 0 && known->basis[0] != '\0';
        known->referred = column_fixed(s, 3, known->referral, OP_ENTITY_BYTES);
        known->whose = column_fixed(s, 4, known->participant, OP_ENTITY_BYTES);
        sqlite3_reset(s);
    }
    return ERR_OK;
}

static enum err_code check_referral(struct store *store, const struct store_entry *entry, struct error *err)
{
    const struct value *basis = &entry->record.values[kind_field_index(entry->record.kind, "basis")];
    struct basis_known known;
    if (!basis->present) {
        return ERR_OK;
    }
    TRY(read_basis_known(store, KIND_REFERRAL, slice_of(entry->subject, OP_ENTITY_BYTES), &known, err));
    if (known.of_centre && !slice_equal(basis->text, slice_of_text(known.basis))) {
        return FAIL(err, REFUSED,
                    "field 'basis': the Jobcentre said of this referral that it is %s, and its word stands; write to "
                    "them when it is wrong",
                    known.basis);
    }
    if (known.voluntary && slice_equal(basis->text, slice_of_text("mandatory"))) {
        return FAIL(err, REFUSED,
                    "field 'basis': this referral was voluntary, and stays so; who is sent now comes by a new referral "
                    "and has a new placement");
    }
    return ERR_OK;
}

/* Whoever has none but voluntary referrals is sent by none that is not named (doubt_wants asks the same). */
static enum err_code check_unreferred(struct store *store, const uint8_t *participant, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    if (fold_marked_any(store, KIND_REFERRAL)) {
        TRY(fold_flush(store, err));
    }
    TRY(db_statement(&store->db,
                     "SELECT 1 WHERE EXISTS (SELECT 1 FROM referral WHERE participant IN (" SAME_PERSON(
                         "?1") ") AND voluntary <> 0) "
                               "AND NOT EXISTS (SELECT 1 FROM referral WHERE participant IN (" SURELY_PERSON(
                                   "?1") ") AND voluntary = 0 AND basis = 'mandatory')",
                     &s, err));
    bind_blob(s, 1, participant, OP_ENTITY_BYTES);
    TRY(db_step(&store->db, s, &row, err));
    sqlite3_reset(s);
    return row ? FAIL(err, REFUSED,
                      "field 'referral': the person has no referral but voluntary ones, so nobody is sent; name the "
                      "referral by which they were sent ('holdfast referral add' when it came by letter), or place "
                      "them as voluntary")
               : ERR_OK;
}

static enum err_code check_placement(struct store *store, const struct store_entry *entry, struct error *err)
{
    const struct value *person = &entry->record.values[kind_field_index(entry->record.kind, "participant")];
    const struct value *basis = &entry->record.values[kind_field_index(entry->record.kind, "basis")];
    const struct value *referral = &entry->record.values[kind_field_index(entry->record.kind, "referral")];
    struct basis_known known;
    struct basis_known referred = { 0 };
    if (!basis->present && !referral->present) {
        return ERR_OK;
    }
    TRY(read_basis_known(store, KIND_PLACEMENT, slice_of(entry->subject, OP_ENTITY_BYTES), &known, err));
    bool mandatory = slice_equal(basis->present ? basis->text : slice_of_text(known.basis), slice_of_text("mandatory"));
    if (mandatory && basis->present && known.voluntary) {
        return FAIL(
            err, REFUSED,
            "field 'basis': this placement was voluntary, and stays so; who is sent now comes by a new referral "
            "and has a new placement");
    }
    if (referral->present || known.referred) {
        struct slice id = referral->present ? referral->text : slice_of(known.referral, OP_ENTITY_BYTES);
        TRY(read_basis_known(store, KIND_REFERRAL, id, &referred, err));
    } else if (mandatory && strcmp(known.basis, "mandatory") != 0 && (known.whose || person->present)) {
        TRY(check_unreferred(store, known.whose ? known.participant : person->text.data, err));
    }
    return mandatory && referred.voluntary
               ? FAIL(err, REFUSED,
                      "field 'basis': the referral is voluntary, and nobody is sent by it; place them as voluntary, or "
                      "under the new referral by which they were sent")
               : ERR_OK;
}

/* ---- what the centre put out of force only the centre puts in force again ---- */

static enum err_code check_event(struct store *store, const struct store_entry *entry, struct error *err)
{
    const struct value *status = &entry->record.values[kind_field_index(entry->record.kind, "status")];
    const struct value *on = &entry->record.values[kind_field_index(entry->record.kind, "on")];
    struct referral_event_row centre;
    struct row_id referral;
    char day[DATE_TEXT_SIZE];
    bool out;
    if (!status->present || referral_is_out(status->text)) {
        return ERR_OK;
    }
    memcpy(referral.bytes, entry->subject, ROW_ID_BYTES);
    TRY(query_put_out_by_centre(store, &referral, on->present ? (int32_t)on->number : DATE_MIN, &centre, &out, err));
    if (!out) {
        return ERR_OK;
    }
    date_format(centre.on == ROW_NONE ? DATE_MIN : centre.on, day);
    return FAIL(err, REFUSED,
                "field 'status': the Jobcentre said of this referral that it is %s, since %s, and only they put it in "
                "force again; write to them ('holdfast message send') when it is to go on, or wait for a new referral",
                centre.status, day);
}

/* ---- nor by somebody else's referral ---- */

/* One that is not here may be on its way; records that one person alone merged are not told apart. */
static enum err_code check_whose_referral(struct store *store, const struct store_entry *entry, struct error *err)
{
    const struct value *referral = &entry->record.values[kind_field_index(entry->record.kind, "referral")];
    const struct value *participant = &entry->record.values[kind_field_index(entry->record.kind, "participant")];
    sqlite3_stmt *s;
    bool another;
    if (!referral->present) {
        return ERR_OK;
    }
    if (fold_marked(store, KIND_REFERRAL, referral->text)) {
        TRY(fold_flush(store, err));
    }
#define WHO "ifnull((SELECT participant FROM placement WHERE id = ?3), ?2)"
    TRY(db_statement(&store->db,
                     "SELECT 1 FROM referral r WHERE r.id = ?1 AND r.participant NOT IN (" SAME_PERSON(
                         WHO) ") "
                              "AND NOT EXISTS (SELECT 1 FROM placement WHERE id = ?3 AND referral = ?1)",
                     &s, err));
#undef WHO
    bind_slice(s, 1, referral->text);
    bind_slice(s, 2, participant->present ? participant->text : (struct slice){ 0 });
    bind_blob(s, 3, entry->subject, OP_ENTITY_BYTES);
    TRY(db_step(&store->db, s, &another, err));
    sqlite3_reset(s);
    return another ? FAIL(err, REFUSED,
                          "field 'referral': it was somebody else who was sent by this referral; name the one by which "
                          "this person was, or merge the two records of people where they are of one person")
                   : ERR_OK;
}

/* ---- nobody has stayed away from what has not begun ---- */

/* Whose hours are not known begins with its day. */
static enum err_code session_begins(struct store *store, const uint8_t *placement, int32_t day, int slot,
                                    int64_t *ret_minute, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(&store->db,
                     "SELECT starts_min FROM session WHERE placement = ?1 AND day = ?2 AND slot = ?3 "
                     "AND starts_min IS NOT NULL",
                     &s, err));
    bind_blob(s, 1, placement, OP_ENTITY_BYTES);
    bind_int(s, 2, day);
    bind_int(s, 3, slot);
    TRY(db_step(&store->db, s, &row, err));
    *ret_minute = (int64_t)day * 24 * 60 + (row ? column_int(s, 0) : 0);
    sqlite3_reset(s);
    return ERR_OK;
}

/* Of a day that is over nothing is asked: most records are made so, and many at a time. */
enum err_code write_check_assertion(struct store *store, const struct store_entry *entry, int64_t true_ms,
                                    struct error *err)
{
    int64_t outcome = entry->record.values[kind_field_index(entry->record.kind, "outcome")].number;
    int64_t now_min = clock_london_minute(true_ms);
    int64_t begins_min;
    int32_t day;
    int slot;
    session_of_subject(entry->subject, &day, &slot);
    if (!outcome_is_seen((int)outcome) || (int64_t)(day + 1) * 24 * 60 <= now_min) {
        return ERR_OK;
    }
    if (fold_marked(store, KIND_PLACEMENT, slice_of(entry->subject, OP_ENTITY_BYTES))) {
        TRY(fold_flush(store, err));
    }
    TRY(session_begins(store, entry->subject, day, slot, &begins_min, err));
    return now_min >= begins_min ? ERR_OK
                                 : FAIL(err, REFUSED,
                                        "field 'outcome': the session has not begun; record how it went when it has, "
                                        "or absent_with_notice when they said beforehand that they cannot come");
}

/* ---- nor was a notice served on a day to come ---- */

static enum err_code check_notice(const struct store_entry *entry, int64_t true_ms, struct error *err)
{
    static const char *const days[] = { "served_on", "received_on" };
    for (size_t i = 0; i < ARRAY_LEN(days); i++) {
        const struct value *day = &entry->record.values[kind_field_index(entry->record.kind, days[i])];
        if (day->present && day->number > clock_london_minute(true_ms) / (24 * 60)) {
            return FAIL(err, REFUSED,
                        "field '%s': a notice is recorded once it was served, and this day is still to come", days[i]);
        }
    }
    return ERR_OK;
}

enum err_code write_check(struct store *store, const struct store_entry *entry, int64_t true_ms, struct error *err)
{
    if (entry->kind == KIND_NOTICE) {
        return check_notice(entry, true_ms, err);
    }
    if (entry->kind == KIND_REFERRAL) {
        return check_referral(store, entry, err);
    }
    if (entry->kind == KIND_REFERRAL_EVENT) {
        return check_event(store, entry, err);
    }
    if (entry->kind == KIND_PLACEMENT) {
        TRY(check_placement(store, entry, err));
        return check_whose_referral(store, entry, err);
    }
    return ERR_OK;
}
