/* Placements, and records of any kind that an organisation writes, by the field names of store/record. */
#include <stdio.h>
#include <string.h>

#include "agent/api_handlers.h"
#include "agent/record_json.h"
#include "agent/sight.h"

#define PLACEMENTS_LIMIT 1000

json_t *placement_value(const struct placement_row *row)
{
    return json_pack(
        "{s:o,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:s,s:s,s:o,s:o,s:o,s:o,s:o}", "id", value_id(row->id.bytes, ROW_ID_BYTES),
        "ref", row->ref, "participant", value_id_or_null(&row->participant), "participant_ref",
        value_text(row->participant_ref), "participant_name", value_text(sight_name(row->participant_name)), "referral",
        value_id_or_null(&row->referral), "host", value_text(sight_place("host", &row->id, row->host)), "role",
        value_text(sight_place("role", &row->id, row->role)), "basis", basis_name(row->basis), "calendar",
        calendar_name(row->calendar), "starts_on", value_day(row->starts_on), "ends_on", value_day(row->ends_on),
        "weekly_minutes", value_int(row->weekly_minutes), "pattern", value_text(row->pattern), "note",
        value_text(sight_text(KIND_PLACEMENT, "note", slice_of(row->id.bytes, ROW_ID_BYTES), row->note)));
}

enum err_code api_placements(struct api_call *call, struct error *err)
{
    int32_t on;
    size_t limit;
    TRY(query_day(call, "on", ROW_NONE, &on, err));
    TRY(query_number(call, "limit", PLACEMENTS_LIMIT, QUERY_LIMIT_MAX, &limit, err));
    SCOPED(placement_list_fini) struct placement_list list = { 0 };
    TRY(query_placements(call->world->store, on, limit, &list, err));
    TRY(answer_list_begin(call->answer, NULL, "placements", err));
    for (size_t i = 0; i < list.count; i++) {
        TRY(answer_list_row(call->answer, placement_value(&list.rows[i]), err));
    }
    return answer_list_end(call->answer, list.more, err);
}

/* The others have calls of their own, which check more, or are never written by an organisation. */
static const uint32_t open_kinds[] = {
    KIND_PARTICIPANT,
    KIND_REFERRAL,
    KIND_PLACEMENT,
    KIND_NOTICE,
    KIND_HOST,
    KIND_OPPORTUNITY,
    KIND_CONTACT_ATTEMPT,
    KIND_JOB_SEARCH,
    KIND_PLACEMENT_BREAK,
    KIND_REDRESS,
    KIND_POLICY_DECISION,
    KIND_CIRCUMSTANCE_CHANGE,
    KIND_CONTRACT,
    KIND_MILESTONE,
};

bool record_kind_is_open(const struct kind *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(open_kinds); i++) {
        if (open_kinds[i] == kind->number) {
            return true;
        }
    }
    return false;
}

/* Of a placement, one for each of these: two devices that record the same make the same record. */
static const char *key_field(const struct kind *kind)
{
    switch (kind->number) {
    case KIND_JOB_SEARCH:
        return "week";
    case KIND_MILESTONE:
        return "payment_trigger";
    default:
        return NULL;
    }
}

bool record_kind_has_name(const struct kind *kind)
{
    return kind_field_index(kind, "ref") >= 0 || key_field(kind) != NULL;
}

static enum err_code subject_of_key(const struct api_call *call, const struct kind *kind, const struct record *record,
                                    const char *key, uint8_t subject[OP_SUBJECT_MAX], struct error *err)
{
    const struct value *placement = &record->values[kind_field_index(kind, "placement")];
    const struct value *value = &record->values[kind_field_index(kind, key)];
    char id[2 * OP_ENTITY_BYTES + 1];
    char text[sizeof(id) + ROW_CODE_SIZE];
    if (!placement->present || !value->present || value->text.len >= ROW_CODE_SIZE) {
        return FAIL(err, INVALID, "read member 'fields': expected 'placement' and '%s'", key);
    }
    hex_encode(placement->text.data, OP_ENTITY_BYTES, id);
    if (value->text.data != NULL) {
        (void)snprintf(text, sizeof(text), "%s@%.*s", id, (int)value->text.len, (const char *)value->text.data);
    } else {
        (void)snprintf(text, sizeof(text), "%s@%d", id, (int)value->number);
    }
    entity_id(call->world->stream, kind->name, text, subject);
    return ERR_OK;
}

/* Whoever erases all of what may speak for the person leaves of whom it spoke (STORE.md, Erasure). */
void record_name_placement(const struct record *record, uint8_t id[OP_ENTITY_BYTES])
{
    uint32_t kind = record->kind->number;
    struct record copy = *record;
    if (kind != KIND_PLACEMENT_BREAK && kind != KIND_FLAG_REVIEW) {
        return;
    }
    const struct value *placement = record_value(&copy, "placement");
    bool speaks =
        kind == KIND_PLACEMENT_BREAK || (record_value(&copy, "day")->present &&
                                         !slice_equal(record_value(&copy, "outcome")->text, slice_of_text("doubt")));
    if (speaks && placement->present) {
        id_name_placement(placement->text.data, id);
    }
}

/* `id` as given; else from the ref (or what stands for one), so that the same ref is the same record on every device;
 * else a fresh one. */
enum err_code record_subject(const struct api_call *call, const struct kind *kind, const char *id,
                             const struct record *record, uint8_t subject[OP_SUBJECT_MAX], struct error *err)
{
    if (id != NULL) {
        return hex_decode(id, subject, OP_ENTITY_BYTES)
                   ? ERR_OK
                   : FAIL(err, INVALID, "read member 'id': expected %d hexadecimal digits", 2 * OP_ENTITY_BYTES);
    }
    int ref = kind_field_index(kind, "ref");
    const char *key = key_field(kind);
    if (ref < 0 && key == NULL) {
        TRY(random_bytes(subject, OP_ENTITY_BYTES, err));
        record_name_placement(record, subject);
        return ERR_OK;
    }
    if (call->world->stream == NULL) {
        return FAIL(err, NOT_ENROLLED, "record: this device is not enrolled yet");
    }
    if (key != NULL) {
        return subject_of_key(call, kind, record, key, subject, err);
    }
    const struct value *value = &record->values[ref];
    if (!value->present || value->text.len == 0) {
        return FAIL(err, INVALID, "read member 'fields': expected 'ref'");
    }
    char text[ROW_REF_SIZE];
    if (value->text.len >= sizeof(text) || memchr(value->text.data, '@', value->text.len) != NULL) {
        return FAIL(err, INVALID, "read field 'ref': expected at most %d bytes, without '@'", ROW_REF_SIZE - 1);
    }
    memcpy(text, value->text.data, value->text.len);
    text[value->text.len] = '\0';
    entity_id(call->world->stream, kind->name, text, subject);
    return ERR_OK;
}

/* A change that nothing is there for, or what should be new and is there. */
static enum err_code check_there(struct store *store, const struct kind *kind, const uint8_t *subject, bool wanted,
                                 struct error *err)
{
    struct row_id id;
    SCOPED(record_list_fini) struct record_list list = { 0 };
    memcpy(id.bytes, subject, ROW_ID_BYTES);
    enum err_code rc = query_record(store, kind, &id, &list, err);
    if (rc == ERR_OK && !wanted) {
        return FAIL(err, CONFLICT, "record: there is a %s with this ref already; it can be changed", kind->name);
    }
    if (rc == ERR_NOT_FOUND) {
        return wanted ? FAIL(err, NOT_FOUND, "change the %s: there is none with this ref", kind->name) : ERR_OK;
    }
    return rc;
}

enum err_code api_record(struct api_call *call, struct error *err)
{
    static const char *const known[] = { "kind", "id", "fields", "there", "over", NULL };
    const struct api_world *world = call->world;
    struct members members = members_begin(call->body, known, err);
    const char *kind_text = member_text(&members, "kind", ROW_CODE_SIZE - 1, true);
    const char *id = member_text(&members, "id", 2 * (size_t)OP_ENTITY_BYTES, false);
    const json_t *fields = member_object(&members, "fields", true);
    bool there = member_bool(&members, "there", false);
    bool over = member_bool(&members, "over", false);
    TRY(members_end(&members));
    const struct kind *kind = kind_by_name(kind_text);
    if (kind == NULL || !record_kind_is_open(kind)) {
        return FAIL(err, INVALID, "read member 'kind': expected a kind that is recorded with this call");
    }
    struct record_ids ids;
    struct store_entry entry = { .kind = kind->number, .happened_at_ms = OP_TIME_NONE };
    TRY(record_from_json(world->store, kind, fields, &ids, &entry.record, err));
    TRY(record_subject(call, kind, id, &entry.record, entry.subject, err));
    if (json_object_get(call->body, "there") != NULL) {
        TRY(check_there(world->store, kind, entry.subject, there, err));
    }
    TRY(record_days_check(world, &entry.record, err));
    if (kind->number == KIND_MILESTONE) {
        TRY(milestone_check(world, &entry, over, err));
    }
    if (kind->number == KIND_REDRESS) {
        TRY(redress_check(world, &entry, NULL, over, err));
    }
    struct store_written written;
    TRY(store_write(world->store, world->actor, &entry, 1, world->now_ms, &written, err));
    call->answer->wrote = written.added > 0;
    return answer_object(call->answer,
                         json_pack("{s:s,s:o,s:i,s:o}", "kind", kind->name, "id",
                                   value_id(entry.subject, OP_ENTITY_BYTES), "added", (int)written.added, "op",
                                   written.added > 0 ? value_op(&written.last) : json_null()),
                         err);
}

/* ---- plain records, listed ---- */

#define RECORDS_LIMIT 1000

/* {"placement": "GDN-P014"}: the refs of the records that it names. */
static json_t *refs_value(struct store *store, const struct record *record)
{
    json_t *refs = json_object();
    for (size_t i = 0; i < record->kind->field_count; i++) {
        const struct field *field = &record->kind->fields[i];
        const struct kind *named = kind_by_name(field->name);
        struct row_id id;
        char ref[ROW_REF_SIZE];
        if (field->type != FIELD_ID || !record->values[i].present || named == NULL ||
            kind_field_index(named, "ref") < 0) {
            continue;
        }
        memcpy(id.bytes, record->values[i].text.data, ROW_ID_BYTES);
        if (query_ref(store, named->number, &id, ref, NULL) == ERR_OK && ref[0] != '\0') {
            (void)json_object_set_new(refs, field->name, json_string(ref));
        }
    }
    return refs;
}

static json_t *record_row_value(struct store *store, const struct record_row *row)
{
    return json_pack("{s:o,s:o,s:o,s:o,s:o}", "id", value_id(row->id.bytes, ROW_ID_BYTES), "fields",
                     record_to_json(&row->record, slice_of(row->id.bytes, ROW_ID_BYTES)), "refs",
                     refs_value(store, &row->record), "said_by", value_text(row->said_by), "said_at",
                     value_instant(row->said_at_ms));
}

/* The argument that narrows the list, if there is one: the name of a kind that has refs. */
static enum err_code find_link(const struct api_call *call, const char **ret_link, struct row_id *ret_id,
                               struct error *err)
{
    static const uint32_t links[] = { KIND_PARTICIPANT, KIND_PLACEMENT,   KIND_REFERRAL,
                                      KIND_HOST,        KIND_OPPORTUNITY, KIND_CONTRACT };
    *ret_link = NULL;
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        const char *name = kind_by_number(links[i])->name;
        const char *ref = query_text(call, name);
        if (ref == NULL) {
            continue;
        }
        if (*ret_link != NULL) {
            return FAIL(err, INVALID, "list records: expected one of '%s' and '%s', not both", *ret_link, name);
        }
        TRY(query_find(call->world->store, links[i], ref, ret_id, err));
        *ret_link = name;
    }
    return ERR_OK;
}

static enum err_code answer_record(struct api_call *call, const struct kind *kind, const char *text, struct error *err)
{
    struct row_id id;
    SCOPED(record_list_fini) struct record_list list = { 0 };
    bool labels;
    TRY(labels_asked(call, &labels, err));
    if (!hex_decode(text, id.bytes, ROW_ID_BYTES)) {
        if (kind_field_index(kind, "ref") < 0) {
            return FAIL(err, INVALID, "find the %s: expected its id, %d hexadecimal digits", kind->name,
                        2 * ROW_ID_BYTES);
        }
        TRY(query_find(call->world->store, kind->number, text, &id, err));
    }
    TRY(query_record(call->world->store, kind, &id, &list, err));
    json_t *row = record_row_value(call->world->store, &list.rows[0]);
    return answer_object(call->answer, json_pack("{s:o}", "record", row_labelled(call, labels, kind->name, row)), err);
}

/* KIND, or KIND/ID */
enum err_code api_records(struct api_call *call, struct error *err)
{
    char name[ROW_CODE_SIZE];
    const char *slash = strchr(call->tail, '/');
    size_t len = slash == NULL ? strlen(call->tail) : (size_t)(slash - call->tail);
    (void)snprintf(name, sizeof(name), "%.*s", (int)len, call->tail);
    const struct kind *kind = len < sizeof(name) ? kind_by_name(name) : NULL;
    if (kind == NULL) {
        return FAIL(err, NOT_FOUND, "list records: there is no such kind");
    }
    if (slash != NULL) {
        return answer_record(call, kind, slash + 1, err);
    }
    const char *link;
    struct row_id id;
    size_t limit;
    bool labels;
    SCOPED(record_list_fini) struct record_list list = { 0 };
    TRY(labels_asked(call, &labels, err));
    TRY(query_number(call, "limit", RECORDS_LIMIT, QUERY_LIMIT_MAX, &limit, err));
    TRY(find_link(call, &link, &id, err));
    TRY(query_records(call->world->store, kind, link, &id, limit, &list, err));
    TRY(answer_list_begin(call->answer, NULL, "records", err));
    for (size_t i = 0; i < list.count; i++) {
        json_t *row = record_row_value(call->world->store, &list.rows[i]);
        TRY(answer_list_row(call->answer, row_labelled(call, labels, kind->name, row), err));
    }
    return answer_list_end(call->answer, list.more, err);
}
