/* Placements, and records of any kind that an organisation writes, by the field names of store/record. */
#include <string.h>

#include "agent/api_handlers.h"
#include "agent/record_json.h"

#define PLACEMENTS_LIMIT 1000

static json_t *placement_value(const struct placement_row *row)
{
    return json_pack(
        "{s:o,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:s,s:s,s:o,s:o,s:o,s:o,s:o}", "id", value_id(row->id.bytes, ROW_ID_BYTES),
        "ref", row->ref, "participant", value_id_or_null(&row->participant), "participant_ref",
        value_text(row->participant_ref), "participant_name", value_text(row->participant_name), "referral",
        value_id_or_null(&row->referral), "host", value_text(row->host), "role", value_text(row->role), "basis",
        basis_name(row->basis), "calendar", calendar_name(row->calendar), "starts_on", value_day(row->starts_on),
        "ends_on", value_day(row->ends_on), "weekly_minutes", value_int(row->weekly_minutes), "pattern",
        value_text(row->pattern), "note", value_text(row->note));
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

/* Attendance, referral events and capacity have calls of their own, which check more. */
static bool kind_is_open(const struct kind *kind)
{
    switch (kind->number) {
    case KIND_PARTICIPANT:
    case KIND_REFERRAL:
    case KIND_PLACEMENT:
    case KIND_NOTICE:
        return true;
    default:
        return false;
    }
}

/* `id` as given; else from the ref, so that the same ref is the same record on every device; else a fresh one. */
static enum err_code subject_choose(const struct api_call *call, const struct kind *kind, const char *id,
                                    const struct record *record, uint8_t subject[OP_SUBJECT_MAX], struct error *err)
{
    if (id != NULL) {
        return hex_decode(id, subject, OP_ENTITY_BYTES)
                   ? ERR_OK
                   : FAIL(err, INVALID, "read member 'id': expected %d hexadecimal digits", 2 * OP_ENTITY_BYTES);
    }
    int ref = kind_field_index(kind, "ref");
    if (ref < 0) {
        return random_bytes(subject, OP_ENTITY_BYTES, err);
    }
    const struct value *value = &record->values[ref];
    if (!value->present || value->text.len == 0) {
        return FAIL(err, INVALID, "read member 'fields': expected 'ref'");
    }
    if (call->world->stream == NULL) {
        return FAIL(err, NOT_ENROLLED, "record: this device is not enrolled yet");
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

enum err_code api_record(struct api_call *call, struct error *err)
{
    static const char *const known[] = { "kind", "id", "fields", NULL };
    const struct api_world *world = call->world;
    struct members members = members_begin(call->body, known, err);
    const char *kind_text = member_text(&members, "kind", ROW_CODE_SIZE - 1, true);
    const char *id = member_text(&members, "id", 2 * (size_t)OP_ENTITY_BYTES, false);
    const json_t *fields = member_object(&members, "fields", true);
    TRY(members_end(&members));
    const struct kind *kind = kind_by_name(kind_text);
    if (kind == NULL || !kind_is_open(kind)) {
        return FAIL(err, INVALID, "read member 'kind': expected participant, referral, placement or notice");
    }
    struct record_ids ids;
    struct store_entry entry = { .kind = kind->number, .happened_at_ms = OP_TIME_NONE };
    TRY(record_from_json(world->store, kind, fields, &ids, &entry.record, err));
    TRY(subject_choose(call, kind, id, &entry.record, entry.subject, err));
    struct store_written written;
    TRY(store_write(world->store, world->actor, &entry, 1, world->now_ms, &written, err));
    call->answer->wrote = written.added > 0;
    return answer_object(call->answer,
                         json_pack("{s:s,s:o,s:i,s:o}", "kind", kind->name, "id",
                                   value_id(entry.subject, OP_ENTITY_BYTES), "added", (int)written.added, "op",
                                   written.added > 0 ? value_op(&written.last) : json_null()),
                         err);
}
