#include "agent/intake.h"

#include <stdlib.h>
#include <string.h>

#define IDS_PER_ROW 2

/* ---- the placements that a register may name ---- */

void intake_placements_fini(struct intake_placements *placements)
{
    placement_list_fini(&placements->list);
}

static int by_ref(const void *left, const void *right)
{
    return strcmp(((const struct placement_row *)left)->ref, ((const struct placement_row *)right)->ref);
}

enum err_code intake_placements_read(struct store *store, struct intake_placements *ret_placements, struct error *err)
{
    struct intake_placements placements = { 0 };
    TRY(query_placements(store, ROW_NONE, QUERY_LIMIT_MAX, &placements.list, err));
    if (placements.list.count > 1) {
        qsort(placements.list.rows, placements.list.count, sizeof(*placements.list.rows), by_ref);
    }
    *ret_placements = placements;
    return ERR_OK;
}

static const struct placement_row *placement_by_ref(const struct intake_placements *placements, const char *ref)
{
    size_t low = 0;
    size_t high = placements->list.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(placements->list.rows[middle].ref, ref);
        if (order == 0) {
            return &placements->list.rows[middle];
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

bool intake_placement_known(const char *ref, void *context)
{
    return placement_by_ref(context, ref) != NULL;
}

bool intake_pattern_valid(const char *text, void *context)
{
    (void)context;
    struct pattern unused;
    return pattern_parse(text, &unused, NULL) == ERR_OK;
}

/* ---- entries ---- */

struct making {
    struct store *store;
    const uint8_t *stream;
    const struct import_result *rows;
    const struct intake_placements *placements;
    struct intake intake;
};

void intake_fini(struct intake *intake)
{
    free(intake->entries);
    free(intake->lines);
    free(intake->warnings);
    free(intake->ids);
    *intake = (struct intake){ 0 };
}

static void warn(struct making *making, size_t row, const char *column_name, const char *what)
{
    struct intake *intake = &making->intake;
    if (intake->warning_count < INTAKE_WARNINGS_KEPT) {
        intake->warnings[intake->warning_count] = (struct intake_warning){ .line = import_line(making->rows, row),
                                                                           .column_name = column_name,
                                                                           .expected = what };
    }
    intake->warning_count++;
}

static struct store_entry *entry_add(struct making *making, size_t row, uint32_t kind)
{
    CHECK(making->intake.count < making->intake.capacity);
    making->intake.lines[making->intake.count] = import_line(making->rows, row);
    struct store_entry *entry = &making->intake.entries[making->intake.count++];
    *entry = (struct store_entry){ .kind = kind, .happened_at_ms = OP_TIME_NONE, .imported = true };
    record_init(&entry->record, kind_by_number(kind));
    return entry;
}

/* The id that `ref` names, kept for as long as the intake. */
static const uint8_t *ref_id(struct making *making, const char *kind, const char *ref)
{
    uint8_t *id = making->intake.ids[making->intake.id_count++];
    entity_id(making->stream, kind, ref, id);
    return id;
}

static void take_text(struct making *making, size_t row, const char *column, struct record *record, const char *field)
{
    record_set_text(record, field, import_text(making->rows, row, column));
}

static void take_number(struct making *making, size_t row, const char *column, struct record *record, const char *field)
{
    int64_t number;
    if (import_int(making->rows, row, column, &number)) {
        record_set_number(record, field, number);
    }
}

/* ---- people: one record each, however many rows name them ---- */

struct person {
    const char *ref;
    const char *name; /* NULL when the row has none */
    size_t row;
};

static int by_person_then_row(const void *left, const void *right)
{
    const struct person *a = left;
    const struct person *b = right;
    int order = strcmp(a->ref, b->ref);
    return order != 0 ? order : (a->row > b->row) - (a->row < b->row);
}

static void person_put(struct making *making, size_t row, const char *ref, const char *name)
{
    struct store_entry *entry = entry_add(making, row, KIND_PARTICIPANT);
    entity_id(making->stream, "participant", ref, entry->subject);
    record_set_text(&entry->record, "ref", ref);
    record_set_text(&entry->record, "name", name);
}

static enum err_code people_make(struct making *making, struct error *err)
{
    size_t rows = import_row_count(making->rows);
    SCOPED(scoped_free) struct person *people = calloc(rows + 1, sizeof(*people));
    if (people == NULL) {
        return FAIL(err, NO_MEMORY, "take the people of %zu rows", rows);
    }
    for (size_t row = 0; row < rows; row++) {
        people[row] = (struct person){ .ref = import_text(making->rows, row, "participant"),
                                       .name = import_text(making->rows, row, "name"),
                                       .row = row };
    }
    qsort(people, rows, sizeof(*people), by_person_then_row);
    const char *name = NULL;
    for (size_t i = 0; i < rows; i++) {
        if (i == 0 || strcmp(people[i].ref, people[i - 1].ref) != 0) {
            name = NULL;
        }
        if (people[i].name != NULL) {
            if (name != NULL && strcmp(name, people[i].name) != 0) {
                warn(making, people[i].row, "name",
                     "the same name as in an earlier row about this participant; this one is taken");
            }
            name = people[i].name;
        }
        if (i + 1 == rows || strcmp(people[i].ref, people[i + 1].ref) != 0) {
            person_put(making, people[i].row, people[i].ref, name);
        }
    }
    return ERR_OK;
}

/* ---- rows ---- */

static enum err_code referral_make(struct making *making, size_t row, struct error *err)
{
    (void)err;
    struct store_entry *entry = entry_add(making, row, KIND_REFERRAL);
    struct record *record = &entry->record;
    entity_id(making->stream, "referral", import_text(making->rows, row, "ref"), entry->subject);
    record_set_id(record, "participant", ref_id(making, "participant", import_text(making->rows, row, "participant")));
    take_text(making, row, "ref", record, "ref");
    take_text(making, row, "route", record, "route");
    take_text(making, row, "basis", record, "basis");
    take_number(making, row, "received_on", record, "received_on");
    take_text(making, row, "from", record, "source");
    take_number(making, row, "hours", record, "weekly_minutes");
    take_text(making, row, "note", record, "note");
    return ERR_OK;
}

static enum err_code placement_make(struct making *making, size_t row, struct error *err)
{
    (void)err;
    struct store_entry *entry = entry_add(making, row, KIND_PLACEMENT);
    struct record *record = &entry->record;
    entity_id(making->stream, "placement", import_text(making->rows, row, "ref"), entry->subject);
    record_set_id(record, "participant", ref_id(making, "participant", import_text(making->rows, row, "participant")));
    const char *referral = import_text(making->rows, row, "referral");
    if (referral != NULL) {
        record_set_id(record, "referral", ref_id(making, "referral", referral));
    }
    take_text(making, row, "ref", record, "ref");
    take_text(making, row, "basis", record, "basis");
    take_text(making, row, "host", record, "host");
    take_text(making, row, "role", record, "role");
    take_number(making, row, "starts_on", record, "starts_on");
    take_number(making, row, "ends_on", record, "ends_on");
    take_text(making, row, "pattern", record, "pattern");
    take_number(making, row, "hours", record, "weekly_minutes");
    take_text(making, row, "calendar", record, "calendar");
    take_text(making, row, "note", record, "note");
    return ERR_OK;
}

/* One row of a register. */
struct mark {
    struct row_id placement;
    int32_t day;
    int slot;
    enum outcome outcome;
    int minutes; /* ROW_NONE */
    const char *reason;
    const char *note; /* NULL */
};

static struct mark mark_read(const struct making *making, size_t row)
{
    const struct placement_row *placement =
        placement_by_ref(making->placements, import_text(making->rows, row, "placement"));
    int64_t day = 0;
    int64_t slot = 1;
    int64_t minutes = ROW_NONE;
    struct mark mark = { 0 };
    CHECK(placement != NULL && import_int(making->rows, row, "date", &day));
    CHECK(outcome_parse(import_text(making->rows, row, "outcome"), &mark.outcome));
    (void)import_int(making->rows, row, "slot", &slot);
    (void)import_int(making->rows, row, "minutes", &minutes);
    const char *reason = import_text(making->rows, row, "reason");
    mark.placement = placement->id;
    mark.day = (int32_t)day;
    mark.slot = (int)slot - 1;
    mark.minutes = (int)minutes;
    mark.reason = reason != NULL ? reason : "";
    mark.note = import_text(making->rows, row, "note");
    return mark;
}

/*
 * Was this said before, by an import or by hand? Then a later correction stands over it, and the same file must not
 * bring the old version back.
 */
static enum err_code said_before(struct store *store, const struct mark *mark, bool *ret_said, struct error *err)
{
    SCOPED(attendance_list_fini) struct attendance_list list = { 0 };
    TRY(query_attendance(store, &mark->placement, mark->day, mark->slot, QUERY_LIMIT_MAX, &list, err));
    bool said = false;
    for (size_t i = 0; i < list.count && !said; i++) {
        const struct attendance_row *row = &list.rows[i];
        bool same_note = mark->note == NULL || strcmp(row->note, mark->note) == 0;
        said = row->outcome == mark->outcome && row->minutes == mark->minutes &&
               strcmp(row->reason, mark->reason) == 0 && same_note;
    }
    *ret_said = said;
    return ERR_OK;
}

static void mark_put(struct making *making, size_t row, const struct mark *mark, bool recorded)
{
    struct store_entry *entry = entry_add(making, row, KIND_ATTENDANCE);
    session_subject(mark->placement.bytes, mark->day, mark->slot, entry->subject);
    record_set_number(&entry->record, "outcome", mark->outcome);
    if (mark->minutes != ROW_NONE) {
        record_set_number(&entry->record, "minutes", mark->minutes);
    }
    record_set_text(&entry->record, "reason", mark->reason[0] != '\0' ? mark->reason : NULL);
    record_set_text(&entry->record, "note", mark->note == NULL && recorded ? INTAKE_NOTE : mark->note);
}

static enum err_code attendance_make(struct making *making, size_t row, struct error *err)
{
    struct mark mark = mark_read(making, row);
    struct session_row session = { 0 };
    enum err_code rc = query_session(making->store, &mark.placement, mark.day, mark.slot, &session, err);
    if (rc != ERR_OK && rc != ERR_NOT_FOUND) {
        return rc;
    }
    bool recorded = rc == ERR_OK && session.heads > 0;
    bool said = false;
    if (recorded) {
        TRY(said_before(making->store, &mark, &said, err));
    }
    if (said) {
        making->intake.unchanged++;
    } else if (recorded && session.standing == STANDING_DISPUTED) {
        warn(making, row, "", "a session that is not disputed: left out, two devices disagree; settle it by hand");
    } else {
        mark_put(making, row, &mark, recorded);
    }
    return ERR_OK;
}

static enum err_code make_all(struct making *making, enum import_kind kind, struct error *err)
{
    static enum err_code (*const makers[])(struct making *, size_t, struct error *) = {
        [IMPORT_REFERRALS] = referral_make,
        [IMPORT_PLACEMENTS] = placement_make,
        [IMPORT_REGISTER] = attendance_make,
    };
    size_t rows = import_row_count(making->rows);
    struct intake *intake = &making->intake;
    intake->capacity = kind == IMPORT_REGISTER ? rows : 2 * rows;
    intake->entries = calloc(intake->capacity + 1, sizeof(*intake->entries));
    intake->lines = calloc(intake->capacity + 1, sizeof(*intake->lines));
    intake->warnings = calloc(INTAKE_WARNINGS_KEPT, sizeof(*intake->warnings));
    intake->ids = calloc(IDS_PER_ROW * rows + 1, sizeof(*intake->ids));
    if (intake->entries == NULL || intake->lines == NULL || intake->warnings == NULL || intake->ids == NULL) {
        return FAIL(err, NO_MEMORY, "take %zu rows", rows);
    }
    if (kind != IMPORT_REGISTER) {
        TRY(people_make(making, err));
    }
    for (size_t row = 0; row < rows; row++) {
        TRY(makers[kind](making, row, err));
    }
    return ERR_OK;
}

enum err_code intake_make(struct store *store, const uint8_t stream[STREAM_ID_BYTES], enum import_kind kind,
                          const struct import_result *rows, const struct intake_placements *placements,
                          struct intake *ret_intake, struct error *err)
{
    struct making making = { .store = store, .stream = stream, .rows = rows, .placements = placements };
    enum err_code rc = make_all(&making, kind, err);
    if (rc != ERR_OK) {
        intake_fini(&making.intake);
        return rc;
    }
    *ret_intake = making.intake;
    return ERR_OK;
}
