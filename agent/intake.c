#include "agent/intake.h"

#include <stdlib.h>
#include <string.h>

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

/* ---- what is to be written ---- */

struct making {
    struct store *store;
    struct intake intake;
};

void intake_fini(struct intake *intake)
{
    free(intake->items);
    free(intake->warnings);
    *intake = (struct intake){ 0 };
}

size_t intake_line(const struct intake *intake, size_t index)
{
    return import_line(intake->rows, intake->items[index].row);
}

static void warn(struct intake *intake, size_t row, const char *column_name, const char *what)
{
    if (intake->warning_count < INTAKE_WARNINGS_KEPT) {
        intake->warnings[intake->warning_count] = (struct intake_warning){ .line = import_line(intake->rows, row),
                                                                           .column_name = column_name,
                                                                           .expected = what };
    }
    intake->warning_count++;
}

static void item_add(struct intake *intake, uint32_t kind, size_t row, size_t name_row, bool changes)
{
    CHECK(intake->count < intake->capacity && row < INTAKE_NO_ROW);
    intake->items[intake->count++] =
        (struct intake_item){ .kind = kind, .row = (uint32_t)row, .name_row = (uint32_t)name_row, .changes = changes };
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

static enum err_code people_plan(struct intake *intake, struct error *err)
{
    size_t rows = import_row_count(intake->rows);
    SCOPED(scoped_free) struct person *people = calloc(rows + 1, sizeof(*people));
    if (people == NULL) {
        return FAIL(err, NO_MEMORY, "take the people of %zu rows", rows);
    }
    for (size_t row = 0; row < rows; row++) {
        people[row] = (struct person){ .ref = import_text(intake->rows, row, "participant"),
                                       .name = import_text(intake->rows, row, "name"),
                                       .row = row };
    }
    qsort(people, rows, sizeof(*people), by_person_then_row);
    const struct person *named = NULL;
    for (size_t i = 0; i < rows; i++) {
        if (i == 0 || strcmp(people[i].ref, people[i - 1].ref) != 0) {
            named = NULL;
        }
        if (people[i].name != NULL) {
            if (named != NULL && strcmp(named->name, people[i].name) != 0) {
                warn(intake, people[i].row, "name",
                     "the same name as in an earlier row about this participant; this one is taken");
            }
            named = &people[i];
        }
        if (i + 1 == rows || strcmp(people[i].ref, people[i + 1].ref) != 0) {
            item_add(intake, KIND_PARTICIPANT, people[i].row, named != NULL ? named->row : INTAKE_NO_ROW, false);
        }
    }
    return ERR_OK;
}

/* ---- a register ---- */

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

static struct mark mark_read(const struct intake *intake, size_t row)
{
    const struct placement_row *placement =
        placement_by_ref(intake->placements, import_text(intake->rows, row, "placement"));
    int64_t day = 0;
    int64_t slot = 1;
    int64_t minutes = ROW_NONE;
    struct mark mark = { 0 };
    CHECK(placement != NULL && import_int(intake->rows, row, "date", &day));
    CHECK(outcome_parse(import_text(intake->rows, row, "outcome"), &mark.outcome));
    (void)import_int(intake->rows, row, "slot", &slot);
    (void)import_int(intake->rows, row, "minutes", &minutes);
    const char *reason = import_text(intake->rows, row, "reason");
    mark.placement = placement->id;
    mark.day = (int32_t)day;
    mark.slot = (int)slot - 1;
    mark.minutes = (int)minutes;
    mark.reason = reason != NULL ? reason : "";
    mark.note = import_text(intake->rows, row, "note");
    return mark;
}

/*
 * Was this said before, by an import or by hand? Then a later correction stands over it, and the same file must not
 * bring the old version back. What stands and was said before the session began is to be said anew.
 */
static enum err_code said_before(struct store *store, const struct mark *mark, bool early, bool *ret_said,
                                 struct error *err)
{
    SCOPED(attendance_list_fini) struct attendance_list list = { 0 };
    TRY(query_attendance(store, &mark->placement, mark->day, mark->slot, QUERY_LIMIT_MAX, &list, err));
    bool said = false;
    for (size_t i = 0; i < list.count && !said; i++) {
        const struct attendance_row *row = &list.rows[i];
        bool same_note = mark->note == NULL || strcmp(row->note, mark->note) == 0;
        said = !(early && row->head) && row->outcome == mark->outcome && row->minutes == mark->minutes &&
               strcmp(row->reason, mark->reason) == 0 && same_note;
    }
    *ret_said = said;
    return ERR_OK;
}

static enum err_code attendance_plan(struct making *making, size_t row, struct error *err)
{
    struct intake *intake = &making->intake;
    struct mark mark = mark_read(intake, row);
    struct session_row session = { 0 };
    enum err_code rc = query_session(making->store, &mark.placement, mark.day, mark.slot, &session, err);
    if (rc != ERR_OK && rc != ERR_NOT_FOUND) {
        return rc;
    }
    bool recorded = rc == ERR_OK && session.heads > 0;
    bool said = false;
    if (recorded) {
        TRY(said_before(making->store, &mark, session.early, &said, err));
    }
    if (said) {
        intake->unchanged++;
    } else if (recorded && session.standing == STANDING_DISPUTED) {
        warn(intake, row, "", "a session that is not disputed: left out, two devices disagree; settle it by hand");
    } else {
        item_add(intake, KIND_ATTENDANCE, row, INTAKE_NO_ROW, recorded);
    }
    return ERR_OK;
}

static enum err_code plan_all(struct making *making, enum import_kind kind, struct error *err)
{
    struct intake *intake = &making->intake;
    size_t rows = import_row_count(intake->rows);
    intake->capacity = kind == IMPORT_REGISTER ? rows : 2 * rows;
    intake->items = calloc(intake->capacity + 1, sizeof(*intake->items));
    intake->warnings = calloc(INTAKE_WARNINGS_KEPT, sizeof(*intake->warnings));
    if (intake->items == NULL || intake->warnings == NULL) {
        return FAIL(err, NO_MEMORY, "take %zu rows", rows);
    }
    if (kind != IMPORT_REGISTER) {
        TRY(people_plan(intake, err));
    }
    for (size_t row = 0; row < rows; row++) {
        if (kind == IMPORT_REGISTER) {
            TRY(attendance_plan(making, row, err));
        } else {
            item_add(intake, kind == IMPORT_REFERRALS ? KIND_REFERRAL : KIND_PLACEMENT, row, INTAKE_NO_ROW, false);
        }
    }
    return ERR_OK;
}

enum err_code intake_make(struct store *store, const uint8_t stream[STREAM_ID_BYTES], enum import_kind kind,
                          const struct import_result *rows, const struct intake_placements *placements,
                          struct intake *ret_intake, struct error *err)
{
    struct making making = { .store = store, .intake = { .stream = stream, .rows = rows, .placements = placements } };
    enum err_code rc = plan_all(&making, kind, err);
    if (rc != ERR_OK) {
        intake_fini(&making.intake);
        return rc;
    }
    *ret_intake = making.intake;
    return ERR_OK;
}

/* ---- the entries ---- */

static void take_id(struct intake *intake, int place, const char *kind, const char *ref, const char *field)
{
    entity_id(intake->stream, kind, ref, intake->ids[place]);
    record_set_id(&intake->entry.record, field, intake->ids[place]);
}

static void take_text(struct intake *intake, size_t row, const char *column, const char *field)
{
    record_set_text(&intake->entry.record, field, import_text(intake->rows, row, column));
}

static void take_number(struct intake *intake, size_t row, const char *column, const char *field)
{
    int64_t number;
    if (import_int(intake->rows, row, column, &number)) {
        record_set_number(&intake->entry.record, field, number);
    }
}

static void make_person(struct intake *intake, const struct intake_item *item)
{
    const char *ref = import_text(intake->rows, item->row, "participant");
    entity_id(intake->stream, "participant", ref, intake->entry.subject);
    record_set_text(&intake->entry.record, "ref", ref);
    if (item->name_row != INTAKE_NO_ROW) {
        take_text(intake, item->name_row, "name", "name");
    }
}

static void make_referral(struct intake *intake, const struct intake_item *item)
{
    size_t row = item->row;
    entity_id(intake->stream, "referral", import_text(intake->rows, row, "ref"), intake->entry.subject);
    take_id(intake, 0, "participant", import_text(intake->rows, row, "participant"), "participant");
    take_text(intake, row, "ref", "ref");
    take_text(intake, row, "route", "route");
    take_text(intake, row, "basis", "basis");
    take_number(intake, row, "received_on", "received_on");
    take_text(intake, row, "from", "source");
    take_number(intake, row, "hours", "weekly_minutes");
    take_text(intake, row, "note", "note");
}

static void make_placement(struct intake *intake, const struct intake_item *item)
{
    size_t row = item->row;
    entity_id(intake->stream, "placement", import_text(intake->rows, row, "ref"), intake->entry.subject);
    take_id(intake, 0, "participant", import_text(intake->rows, row, "participant"), "participant");
    const char *referral = import_text(intake->rows, row, "referral");
    if (referral != NULL) {
        take_id(intake, 1, "referral", referral, "referral");
    }
    take_text(intake, row, "ref", "ref");
    take_text(intake, row, "basis", "basis");
    take_text(intake, row, "host", "host");
    take_text(intake, row, "role", "role");
    take_number(intake, row, "starts_on", "starts_on");
    take_number(intake, row, "ends_on", "ends_on");
    take_text(intake, row, "pattern", "pattern");
    take_number(intake, row, "hours", "weekly_minutes");
    take_text(intake, row, "calendar", "calendar");
    take_text(intake, row, "note", "note");
}

static void make_attendance(struct intake *intake, const struct intake_item *item)
{
    struct mark mark = mark_read(intake, item->row);
    struct record *record = &intake->entry.record;
    session_subject(mark.placement.bytes, mark.day, mark.slot, intake->entry.subject);
    record_set_number(record, "outcome", mark.outcome);
    if (mark.minutes != ROW_NONE) {
        record_set_number(record, "minutes", mark.minutes);
    }
    record_set_text(record, "reason", mark.reason[0] != '\0' ? mark.reason : NULL);
    record_set_text(record, "note", mark.note == NULL && item->changes ? INTAKE_NOTE : mark.note);
}

const struct store_entry *intake_entry(void *context, size_t index)
{
    static void (*const makers[])(struct intake *, const struct intake_item *) = {
        [KIND_PARTICIPANT] = make_person,
        [KIND_REFERRAL] = make_referral,
        [KIND_PLACEMENT] = make_placement,
        [KIND_ATTENDANCE] = make_attendance,
    };
    struct intake *intake = context;
    CHECK(index < intake->count);
    const struct intake_item *item = &intake->items[index];
    intake->entry = (struct store_entry){ .kind = item->kind, .happened_at_ms = OP_TIME_NONE, .imported = true };
    record_init(&intake->entry.record, kind_by_number(item->kind));
    makers[item->kind](intake, item);
    return &intake->entry;
}
