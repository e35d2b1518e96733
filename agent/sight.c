#include "agent/sight.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/people.h"

/* Fields of one record that were shown. */
struct shown {
    uint32_t kind;
    uint32_t fields; /* a bit each, by their index */
    uint8_t subject[OP_SUBJECT_MAX];
    uint8_t subject_len;
    struct row_id about; /* at the end */
};

_Static_assert(RECORD_FIELDS_MAX <= 32, "a bit for each field");

static _Thread_local struct {
    const struct api_world *world; /* NULL: outside of a call */
    char call[AUDIT_CALL_SIZE];
    struct buf shown;    /* struct shown, one behind the other */
    bool full;           /* one did not fit into memory */
    uint32_t place_kind; /* of the placement or the referral that was looked at last; 0: none was */
    struct row_id place_of;
    bool place_restricted;
} sight;

void sight_begin(const struct api_world *world, const struct api_request *request)
{
    sight.world = world;
    sight.full = false;
    sight.place_kind = 0;
    (void)snprintf(sight.call, sizeof(sight.call), "%s %.80s", request->method, request->path);
    buf_init(&sight.shown, SIZE_MAX / 2);
}

/* ---- the notes: one for each person and kind of record, however many were shown ---- */

static int compare_subjects(const void *left, const void *right)
{
    const struct shown *a = left;
    const struct shown *b = right;
    return a->kind != b->kind ? (a->kind < b->kind ? -1 : 1) : memcmp(a->subject, b->subject, sizeof(a->subject));
}

static int compare_people(const void *left, const void *right)
{
    const struct shown *a = left;
    const struct shown *b = right;
    return a->kind != b->kind ? (a->kind < b->kind ? -1 : 1) : memcmp(&a->about, &b->about, sizeof(a->about));
}

/* Those that follow each other and are the same become one. */
static size_t merge(struct shown *all, size_t count, int (*compare)(const void *left, const void *right))
{
    size_t kept = 0;
    qsort(all, count, sizeof(*all), compare);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || compare(&all[kept - 1], &all[i]) != 0) {
            all[kept++] = all[i];
            continue;
        }
        struct shown *same = &all[kept - 1];
        same->fields |= all[i].fields;
        if (compare_subjects(same, &all[i]) != 0) {
            same->subject_len = 0; /* several */
        }
    }
    return kept;
}

/* Ascending by subject: the sessions of a placement follow each other. */
static enum err_code find_people(struct shown *all, size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        bool same = i > 0 && all[i].kind == all[i - 1].kind && all[i].subject_len > 0 &&
                    memcmp(all[i].subject, all[i - 1].subject, ROW_ID_BYTES) == 0;
        if (same) {
            all[i].about = all[i - 1].about;
        } else {
            TRY(query_about(sight.world->store, all[i].kind, slice_of(all[i].subject, all[i].subject_len),
                            &all[i].about, err));
        }
    }
    return ERR_OK;
}

static struct audit_entry entry_of(const struct shown *shown)
{
    const struct kind *kind = kind_by_number(shown->kind);
    struct audit_entry entry = { .at_ms = sight.world->now_ms, .action = "read", .about = shown->about };
    size_t len = 0;
    (void)snprintf(entry.person, sizeof(entry.person), "%s", sight.world->actor);
    (void)snprintf(entry.call, sizeof(entry.call), "%s", sight.call);
    (void)snprintf(entry.kind, sizeof(entry.kind), "%s", kind->name);
    memcpy(entry.subject, shown->subject, shown->subject_len);
    entry.subject_len = shown->subject_len;
    for (size_t i = 0; i < kind->field_count; i++) {
        const char *name = kind->fields[i].name;
        if ((shown->fields >> i & 1) != 0 && len + strlen(name) + 2 < sizeof(entry.fields)) {
            len += (size_t)snprintf(entry.fields + len, sizeof(entry.fields) - len, "%s%s", len > 0 ? ", " : "", name);
        }
    }
    return entry;
}

static enum err_code make_notes(struct buf *notes, struct error *err)
{
    struct shown *all = (struct shown *)(void *)sight.shown.data;
    size_t count = sight.shown.len / sizeof(*all);
    if (count == 0) {
        return ERR_OK;
    }
    count = merge(all, count, compare_subjects);
    TRY(find_people(all, count, err));
    count = merge(all, count, compare_people);
    for (size_t i = 0; i < count; i++) {
        struct audit_entry entry = entry_of(&all[i]);
        TRY(buf_append(notes, &entry, sizeof(entry), err));
    }
    return ERR_OK;
}

enum err_code sight_end(struct buf *notes, struct error *err)
{
    enum err_code rc = sight.full ? FAIL(err, NO_MEMORY, "note who read what") : make_notes(notes, err);
    buf_fini(&sight.shown);
    sight.world = NULL;
    return rc;
}

/* ---- who sees what ---- */

static bool has(unsigned roles)
{
    return (sight.world->roles & roles) != 0;
}

static bool is_contact(const struct kind *kind, const struct field *field)
{
    return kind->number == KIND_PARTICIPANT &&
           (strcmp(field->name, "address") == 0 || strcmp(field->name, "phone") == 0);
}

/* What cannot be told is restricted. */
static bool restricted(struct slice participant)
{
    struct row_id id;
    bool found = true;
    if (participant.len == ROW_ID_BYTES) {
        memcpy(id.bytes, participant.data, ROW_ID_BYTES);
        if (query_restricted(sight.world->store, &id, &found, NULL) != ERR_OK) {
            return true;
        }
    }
    return found;
}

/* Of a placement its host and what leads to it, of a referral the opportunity that it was accepted for. */
static bool is_place(const struct kind *kind, const struct field *field)
{
    static const char *const names[] = { "host", "role", "opportunity" };
    bool found = kind->number == KIND_REFERRAL_EVENT && strcmp(field->name, "opportunity") == 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        found |= kind->number == KIND_PLACEMENT && strcmp(field->name, names[i]) == 0;
    }
    return found;
}

/* What cannot be told is restricted. */
static bool look_restricted(uint32_t kind, const struct row_id *id)
{
    static const struct row_id nobody;
    struct row_id about;
    bool found = true;
    if (kind == KIND_PLACEMENT) {
        return query_placement_restricted(sight.world->store, id, &found, NULL) != ERR_OK || found;
    }
    return query_about(sight.world->store, kind, slice_of(id->bytes, ROW_ID_BYTES), &about, NULL) != ERR_OK ||
           memcmp(&about, &nobody, sizeof(about)) == 0 || restricted(slice_of(about.bytes, ROW_ID_BYTES));
}

static bool place_restricted(uint32_t kind, struct slice subject)
{
    if (subject.len != ROW_ID_BYTES) {
        return true;
    }
    if (sight.place_kind != kind || memcmp(sight.place_of.bytes, subject.data, ROW_ID_BYTES) != 0) {
        memcpy(sight.place_of.bytes, subject.data, ROW_ID_BYTES);
        sight.place_kind = kind;
        sight.place_restricted = look_restricted(kind, &sight.place_of);
    }
    return sight.place_restricted;
}

static bool may_see(const struct kind *kind, const struct field *field, struct slice subject)
{
    if (has(ROLE_COORDINATOR | ROLE_REVIEWER)) {
        return true;
    }
    bool register_kept = kind->number == KIND_ATTENDANCE || (is_contact(kind, field) && !restricted(subject));
    return has(ROLE_SUPERVISOR) && register_kept;
}

static void note(const struct kind *kind, const struct field *field, struct slice subject)
{
    struct shown shown = { .kind = kind->number, .fields = 1U << (size_t)(field - kind->fields) };
    if (subject.len <= sizeof(shown.subject)) {
        memcpy(shown.subject, subject.len > 0 ? subject.data : shown.subject, subject.len);
        shown.subject_len = (uint8_t)subject.len;
    }
    struct shown *last = sight.shown.len > 0 ? (struct shown *)(void *)(sight.shown.data + sight.shown.len) - 1 : NULL;
    if (last != NULL && compare_subjects(last, &shown) == 0) {
        last->fields |= shown.fields;
        return;
    }
    sight.full |= buf_append(&sight.shown, &shown, sizeof(shown), NULL) != ERR_OK;
}

/* Trustees oversee; they work with nobody. */
static bool sees_names(void)
{
    return has(ROLES_ALL & ~(unsigned)ROLE_TRUSTEE);
}

bool sight_shows(const struct kind *kind, const struct field *field, struct slice subject)
{
    if (sight.world == NULL) {
        return true;
    }
    if (kind->number == KIND_PARTICIPANT && strcmp(field->name, "name") == 0) {
        return sees_names();
    }
    bool place = is_place(kind, field);
    if ((!place && !field->sensitive) || (place && !place_restricted(kind->number, subject))) {
        return true;
    }
    bool shown = place ? has(ROLE_COORDINATOR | ROLE_REVIEWER | ROLE_SUPERVISOR) : may_see(kind, field, subject);
    if (shown) {
        note(kind, field, subject);
    }
    return shown;
}

const char *sight_name(const char *name)
{
    return sight.world == NULL || sees_names() ? name : "";
}

const char *sight_text(uint32_t kind, const char *field, struct slice subject, const char *text)
{
    const struct kind *known = kind_by_number(kind);
    int index = kind_field_index(known, field);
    CHECK(index >= 0);
    return text[0] == '\0' || sight_shows(known, &known->fields[index], subject) ? text : "";
}

const char *sight_attendance(const char *field, const struct row_id *placement, int32_t day, int slot, const char *text)
{
    uint8_t subject[OP_SUBJECT_MAX];
    session_subject(placement->bytes, day, slot, subject);
    return sight_text(KIND_ATTENDANCE, field, slice_of(subject, OP_SESSION_BYTES), text);
}

const char *sight_place(const char *field, const struct row_id *placement, const char *text)
{
    return sight_text(KIND_PLACEMENT, field, slice_of(placement->bytes, ROW_ID_BYTES), text);
}

const char *sight_agreed_place(const struct row_id *referral, const char *text)
{
    return sight_text(KIND_REFERRAL_EVENT, "opportunity", slice_of(referral->bytes, ROW_ID_BYTES), text);
}
