/*
 * The Jobcentre's own appointments. One that is taken away or moved when its day has begun speaks for the person about
 * it all the same: who was to be there was not to be at their placement, whatever is said of it afterwards.
 */
#include <stdlib.h>
#include <string.h>

#include "store/fold_parts.h"

/* ---- what it was before a later record changed it ---- */

struct appointed {
    uint8_t participant[OP_ENTITY_BYTES];
    int64_t day;
    int64_t starts_min;
    int64_t ends_min;
    int64_t cancelled;
    uint64_t known; /* a bit each of the first four */
};

static void take_number(const struct value *value, uint64_t bit, int64_t *number, uint64_t *known)
{
    if (value->present) {
        *number = value->number;
        *known |= bit;
    }
}

static void take_appointed(struct record *record, struct appointed *at)
{
    const struct value *participant = record_value(record, "participant");
    uint64_t unasked = 0;
    if (participant->present) {
        memcpy(at->participant, participant->text.data, OP_ENTITY_BYTES);
        at->known |= 1;
    }
    take_number(record_value(record, "day"), 2, &at->day, &at->known);
    take_number(record_value(record, "starts_min"), 4, &at->starts_min, &at->known);
    take_number(record_value(record, "ends_min"), 8, &at->ends_min, &at->known);
    take_number(record_value(record, "cancelled"), 1, &at->cancelled, &unasked);
}

static enum err_code put_before(struct store *store, struct slice subject, const struct appointed *at, int64_t minute,
                                struct error *err)
{
    sqlite3_stmt *s;
    TRY(db_statement(&store->db, "INSERT OR IGNORE INTO appointment_before VALUES (?1, ?2, ?3, ?4, ?5, ?6)", &s, err));
    bind_slice(s, 1, subject);
    bind_blob(s, 2, at->participant, OP_ENTITY_BYTES);
    bind_int(s, 3, at->day);
    bind_int(s, 4, at->starts_min);
    bind_int(s, 5, at->ends_min);
    bind_int(s, 6, minute);
    return db_run(&store->db, s, err);
}

static enum err_code note_each(struct store *store, struct slice subject, struct merged *merged, struct error *err)
{
    struct appointed at = { 0 };
    for (size_t i = 0; merged->count > 1 && i < merged->count; i++) {
        struct record record;
        struct appointed before = at;
        TRY(merged_read(store, merged, &merged->versions[i], true, &record, err));
        take_appointed(&record, &at);
        free(merged->kept[--merged->kept_count]);
        if (before.known == 15 && before.cancelled == 0 && memcmp(&before, &at, sizeof(at)) != 0) {
            int64_t minute;
            TRY(version_said_min(store, &merged->versions[i], &minute, err));
            TRY(put_before(store, subject, &before, minute, err));
        }
    }
    return ERR_OK;
}

static enum err_code mark_before(struct store *store, struct slice subject, struct error *err)
{
    return fold_delete(store,
                       "INSERT OR IGNORE INTO dirty_placement SELECT p.id FROM appointment_before j CROSS JOIN "
                       "placement p ON p.participant IN (" SAME_PERSON("j.participant") ") WHERE j.id = ?1",
                       subject, err);
}

static enum err_code note_before(struct store *store, struct slice subject, struct merged *merged, struct error *err)
{
    TRY(mark_before(store, subject, err));
    TRY(fold_delete(store, "DELETE FROM appointment_before WHERE id = ?1", subject, err));
    TRY(note_each(store, subject, merged, err));
    return mark_before(store, subject, err);
}

/* ---- the row, and the sessions that it excuses ---- */

/* Where an appointment stood before this fold: the sessions there are looked at again too. */
struct appointment_place {
    bool named; /* participant */
    bool known; /* and the day */
    uint8_t participant[OP_ENTITY_BYTES];
    int32_t day;
};

static enum err_code place_before(struct store *store, struct slice subject, struct appointment_place *ret,
                                  struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    *ret = (struct appointment_place){ 0 };
    TRY(db_statement(&store->db, "SELECT participant, day FROM appointment WHERE id = ?1", &s, err));
    bind_slice(s, 1, subject);
    TRY(db_step(&store->db, s, &row, err));
    if (row) {
        ret->named = column_fixed(s, 0, ret->participant, OP_ENTITY_BYTES);
        ret->known = ret->named && sqlite3_column_type(s, 1) != SQLITE_NULL;
        ret->day = (int32_t)column_int(s, 1);
        sqlite3_reset(s);
    }
    return ERR_OK;
}

/* Nobody knows which day it was about. */
static enum err_code dirty_of_erased(struct store *store, const struct appointment_place *before,
                                     const struct value *participant, struct error *err)
{
    if (before->named) {
        TRY(dirty_participant(store, slice_of(before->participant, OP_ENTITY_BYTES), err));
    }
    return participant->present ? dirty_participant(store, participant->text, err) : ERR_OK;
}

enum err_code fold_appointment(struct store *store, struct slice subject, struct merged *merged, struct error *err)
{
    struct appointment_place before;
    TRY(place_before(store, subject, &before, err));
    TRY(note_before(store, subject, merged, err));
    if (merged->count == 0) {
        TRY(fold_delete(store, "DELETE FROM appointment WHERE id = ?1", subject, err));
    } else {
        sqlite3_stmt *s;
        TRY(db_statement(&store->db, "INSERT OR REPLACE INTO appointment VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", &s,
                         err));
        (void)bind_record(s, subject, &merged->record);
        TRY(db_run(&store->db, s, err));
    }
    if (before.known) {
        TRY(fold_sessions_of_day(store, slice_of(before.participant, OP_ENTITY_BYTES), before.day, err));
    }
    const struct value *participant = merged_value(merged, "participant");
    TRY(merged->erased_by != 0 ? dirty_of_erased(store, &before, participant, err) : ERR_OK);
    const struct value *day = merged_value(merged, "day");
    return participant->present && day->present
               ? fold_sessions_of_day(store, participant->text, (int32_t)day->number, err)
               : ERR_OK;
}
