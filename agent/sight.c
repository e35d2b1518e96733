#include "agent/sight.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/people.h"

static struct {
    const struct api_world *world; /* NULL: outside of a call */
    char call[AUDIT_CALL_SIZE];
    struct buf notes; /* struct audit_entry, one behind the other */
    bool full;        /* a note did not fit into memory */
} sight;

void sight_begin(const struct api_world *world, const struct api_request *request)
{
    sight.world = world;
    sight.full = false;
    (void)snprintf(sight.call, sizeof(sight.call), "%s %.80s", request->method, request->path);
    buf_init(&sight.notes, SIZE_MAX / 2);
}

enum err_code sight_end(struct error *err)
{
    enum err_code rc = sight.full ? FAIL(err, NO_MEMORY, "note who read what") : ERR_OK;
    size_t count = sight.notes.len / sizeof(struct audit_entry);
    if (rc == ERR_OK && count > 0) {
        rc =
            store_audit_add(sight.world->store, (const struct audit_entry *)(const void *)sight.notes.data, count, err);
    }
    buf_fini(&sight.notes);
    sight.world = NULL;
    return rc;
}

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

/* Of a placement: its host and what leads to it. */
static bool is_place(const struct kind *kind, const struct field *field)
{
    static const char *const names[] = { "host", "role", "opportunity" };
    bool found = false;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        found |= kind->number == KIND_PLACEMENT && strcmp(field->name, names[i]) == 0;
    }
    return found;
}

static bool placed_restricted(struct slice placement)
{
    struct row_id id;
    bool found = true;
    if (placement.len != ROW_ID_BYTES) {
        return true;
    }
    memcpy(id.bytes, placement.data, ROW_ID_BYTES);
    return query_placement_restricted(sight.world->store, &id, &found, NULL) != ERR_OK || found;
}

static bool may_see(const struct kind *kind, const struct field *field, struct slice subject)
{
    if (has(ROLE_COORDINATOR | ROLE_REVIEWER)) {
        return true;
    }
    bool register_kept = kind->number == KIND_ATTENDANCE || (is_contact(kind, field) && !restricted(subject));
    return has(ROLE_SUPERVISOR) && register_kept;
}

static void note_field(struct audit_entry *entry, const char *name)
{
    size_t len = strlen(entry->fields);
    (void)snprintf(entry->fields + len, sizeof(entry->fields) - len, "%s%s", len > 0 ? ", " : "", name);
}

/* Fields of one record that follow each other are one note. */
static void note(const struct kind *kind, const char *field, struct slice subject)
{
    struct audit_entry *last =
        sight.notes.len > 0 ? (struct audit_entry *)(void *)(sight.notes.data + sight.notes.len) - 1 : NULL;
    if (last != NULL && strcmp(last->kind, kind->name) == 0 &&
        slice_equal(slice_of(last->subject, last->subject_len), subject)) {
        if (strstr(last->fields, field) == NULL) {
            note_field(last, field);
        }
        return;
    }
    struct audit_entry entry = { .at_ms = sight.world->now_ms, .action = "read" };
    (void)snprintf(entry.person, sizeof(entry.person), "%s", sight.world->actor);
    (void)snprintf(entry.call, sizeof(entry.call), "%s", sight.call);
    (void)snprintf(entry.kind, sizeof(entry.kind), "%s", kind->name);
    if (subject.len > 0 && subject.len <= sizeof(entry.subject)) {
        memcpy(entry.subject, subject.data, subject.len);
        entry.subject_len = (uint8_t)subject.len;
    }
    if (kind->number == KIND_PARTICIPANT && subject.len == ROW_ID_BYTES) {
        memcpy(entry.about.bytes, subject.data, ROW_ID_BYTES);
    }
    note_field(&entry, field);
    sight.full |= buf_append(&sight.notes, &entry, sizeof(entry), NULL) != ERR_OK;
}

bool sight_shows(const struct kind *kind, const struct field *field, struct slice subject)
{
    bool name = kind->number == KIND_PARTICIPANT && strcmp(field->name, "name") == 0;
    if (sight.world != NULL && is_place(kind, field)) {
        return has(ROLE_COORDINATOR | ROLE_REVIEWER | ROLE_SUPERVISOR) || !placed_restricted(subject);
    }
    if (sight.world == NULL || !field->sensitive || name) {
        return true;
    }
    if (!may_see(kind, field, subject)) {
        return false;
    }
    note(kind, field->name, subject);
    return true;
}

bool sight_shows_place(const struct row_id *participant)
{
    return sight.world == NULL || has(ROLE_COORDINATOR | ROLE_REVIEWER | ROLE_SUPERVISOR) ||
           !restricted(slice_of(participant->bytes, ROW_ID_BYTES));
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
