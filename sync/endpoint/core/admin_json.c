#include <string.h>

#include "store/rows.h"
#include "sync/endpoint/core/admin.h"

json_t *json_instant(int64_t at_ms)
{
    char text[INSTANT_TEXT_SIZE];
    if (at_ms < -OP_TIME_MAX_MS || at_ms > OP_TIME_MAX_MS) {
        return json_null();
    }
    instant_format(at_ms, text);
    return json_string(text);
}

_Static_assert(OP_SUBJECT_MAX <= SHA256_BYTES, "a subject is written, too");

json_t *json_hex(const uint8_t *data, size_t len)
{
    char text[2 * SHA256_BYTES + 1];
    CHECK(len <= SHA256_BYTES);
    hex_encode(data, len, text);
    return json_string(text);
}

json_t *json_site(const struct centre_site *site)
{
    return json_pack("{s:o, s:s, s:o, s:s, s:I, s:o}", "id", json_hex(site->stream, STREAM_ID_BYTES), "name",
                     site->name, "organisation_id", json_hex(site->organisation, ORGANISATION_ID_BYTES), "organisation",
                     site->organisation_name, "ops", (json_int_t)site->head, "created_at",
                     json_instant(site->created_at_ms));
}

json_t *json_op_id(const struct op_id *id)
{
    return json_pack("{s:o, s:I, s:I}", "device", json_hex(id->device, DEVICE_ID_BYTES), "incarnation",
                     (json_int_t)id->incarnation, "seq", (json_int_t)id->seq);
}

json_t *json_kind_name(uint32_t number)
{
    const struct kind *kind = kind_by_number(number);
    return kind != NULL ? json_string(kind->name) : json_sprintf("unknown-%u", number);
}

static json_t *json_day(int64_t day)
{
    char text[DATE_TEXT_SIZE];
    if (day < date_from_civil(1900, 1, 1) || day > date_from_civil(2200, 12, 31)) {
        return json_integer(day);
    }
    date_format((int32_t)day, text);
    return json_string(text);
}

static json_t *json_time(int64_t minutes)
{
    char text[TIME_OF_DAY_TEXT_SIZE];
    if (minutes < 0 || minutes > 24 * 60) {
        return json_integer(minutes);
    }
    time_of_day_format((int)minutes, text);
    return json_string(text);
}

static json_t *json_field(const struct kind *kind, const struct field *field, const struct value *value)
{
    bool outcome = kind->number == KIND_ATTENDANCE && strcmp(field->name, "outcome") == 0;
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_CODE:
        return json_stringn(value->text.len > 0 ? (const char *)value->text.data : "", value->text.len);
    case FIELD_INT:
        return outcome && value->number >= 0 && value->number < OUTCOME_COUNT
                   ? json_string(outcome_name((enum outcome)value->number))
                   : json_integer(value->number);
    case FIELD_DATE:
        return json_day(value->number);
    case FIELD_TIME:
        return json_time(value->number);
    case FIELD_BOOL:
        return json_boolean(value->number != 0);
    case FIELD_ID:
        return json_hex(value->text.data, value->text.len);
    case FIELD_BYTES:
        return json_sprintf("%zu bytes", value->text.len);
    }
    return NULL;
}

json_t *json_fields(const struct op *op)
{
    struct record record;
    const struct kind *kind = kind_by_number(op->kind);
    json_t *fields = json_object();
    if (kind == NULL || op->erased || record_decode(kind, op->body, &record, NULL) != ERR_OK) {
        return fields;
    }
    for (size_t i = 0; i < kind->field_count; i++) {
        if (record.values[i].present &&
            json_object_set_new(fields, kind->fields[i].name, json_field(kind, &kind->fields[i], &record.values[i]))) {
            json_decref(fields);
            return NULL;
        }
    }
    return fields;
}
