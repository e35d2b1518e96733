#include "agent/record_json.h"

#include <string.h>

#include "agent/api_call.h"
#include "agent/sight.h"

static bool is_outcome(const struct kind *kind, const struct field *field)
{
    return kind->number == KIND_ATTENDANCE && strcmp(field->name, "outcome") == 0;
}

static enum err_code expected(const struct field *field, const char *what, struct error *err)
{
    return FAIL(err, INVALID, "read field '%s': expected %s", field->name, what);
}

/* A member named like a kind takes that kind's ref as well as the id. */
static enum err_code id_from_json(struct store *store, const struct field *field, const char *text,
                                  uint8_t out[OP_ENTITY_BYTES], struct error *err)
{
    if (hex_decode(text, out, OP_ENTITY_BYTES)) {
        return ERR_OK;
    }
    const struct kind *kind = kind_by_name(field->name);
    if (kind == NULL || kind_field_index(kind, "ref") < 0) {
        return expected(field, "32 hexadecimal digits", err);
    }
    struct row_id id;
    enum err_code rc = query_find(store, kind->number, text, &id, err);
    if (rc != ERR_OK) {
        return error_wrap(err, rc, "read field '%s'", field->name);
    }
    memcpy(out, id.bytes, OP_ENTITY_BYTES);
    return ERR_OK;
}

static enum err_code text_value(const struct field *field, const json_t *given, struct value *value, struct error *err)
{
    if (!json_is_string(given)) {
        return expected(field, "a text", err);
    }
    value->text = slice_of(json_string_value(given), json_string_length(given));
    return ERR_OK;
}

static enum err_code civil_value(const struct field *field, const json_t *given, struct value *value, struct error *err)
{
    const char *text = json_string_value(given);
    int32_t day = 0;
    int minutes = 0;
    if (field->type == FIELD_DATE) {
        if (text == NULL || !date_parse(text, &day)) {
            return expected(field, "a day that exists, as yyyy-mm-dd", err);
        }
        value->number = day;
        return ERR_OK;
    }
    if (text == NULL || !time_of_day_parse(text, &minutes)) {
        return expected(field, "a time of day, as hh:mm", err);
    }
    value->number = minutes;
    return ERR_OK;
}

static enum err_code number_value(const struct kind *kind, const struct field *field, const json_t *given,
                                  struct value *value, struct error *err)
{
    enum outcome outcome;
    if (is_outcome(kind, field)) {
        if (!json_is_string(given) || !outcome_parse(json_string_value(given), &outcome)) {
            return expected(field, "an outcome", err);
        }
        value->number = outcome;
        return ERR_OK;
    }
    if (!json_is_integer(given)) {
        return expected(field, "a whole number", err);
    }
    value->number = json_integer_value(given);
    return ERR_OK;
}

static enum err_code value_from_json(struct store *store, const struct kind *kind, const struct field *field,
                                     const json_t *given, uint8_t id[OP_ENTITY_BYTES], struct value *value,
                                     struct error *err)
{
    value->present = true;
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_CODE:
        return text_value(field, given, value, err);
    case FIELD_INT:
        return number_value(kind, field, given, value, err);
    case FIELD_DATE:
    case FIELD_TIME:
        return civil_value(field, given, value, err);
    case FIELD_BOOL:
        value->number = json_is_true(given);
        return json_is_boolean(given) ? ERR_OK : expected(field, "true or false", err);
    case FIELD_ID:
        if (!json_is_string(given)) {
            return expected(field, "an id or a ref", err);
        }
        value->text = slice_of(id, OP_ENTITY_BYTES);
        return id_from_json(store, field, json_string_value(given), id, err);
    case FIELD_BYTES:
        return expected(field, "nothing: it cannot be given here", err);
    }
    CHECK(false);
}

enum err_code record_from_json(struct store *store, const struct kind *kind, const json_t *fields,
                               struct record_ids *ids, struct record *ret_record, struct error *err)
{
    struct record record;
    record_init(&record, kind);
    const char *name;
    json_t *given;
    json_object_foreach((json_t *)(uintptr_t)fields, name, given)
    {
        int index = kind_field_index(kind, name);
        if (index < 0) {
            return FAIL(err, INVALID, "read member 'fields': a %s has no field of one of the names given", kind->name);
        }
        if (!json_is_null(given)) {
            TRY(value_from_json(store, kind, &kind->fields[index], given, ids->bytes[index], &record.values[index],
                                err));
        }
    }
    *ret_record = record;
    return ERR_OK;
}

static json_t *number_or_kind(const struct kind *kind, const struct field *field, int64_t number)
{
    const struct kind *named = kind_named(kind, field, number);
    return named != NULL ? json_string(named->name) : json_integer(number);
}

static json_t *value_to_json(const struct kind *kind, const struct field *field, const struct value *value)
{
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_CODE:
        return json_stringn(value->text.len > 0 ? (const char *)value->text.data : "", value->text.len);
    case FIELD_INT:
        if (is_outcome(kind, field) && value->number >= 0 && value->number < OUTCOME_COUNT) {
            return json_string(outcome_name((enum outcome)value->number));
        }
        return number_or_kind(kind, field, value->number);
    case FIELD_DATE:
        return value_day((int32_t)value->number);
    case FIELD_TIME:
        return value->number >= 0 && value->number <= 24 * 60 ? value_time((int)value->number)
                                                              : json_integer(value->number);
    case FIELD_BOOL:
        return json_boolean(value->number != 0);
    case FIELD_ID:
        return value_id(value->text.data, value->text.len);
    case FIELD_BYTES:
        return json_sprintf("%zu bytes", value->text.len);
    }
    CHECK(false);
}

static int put_value(json_t *object, const struct record *record, size_t i, struct slice subject)
{
    const struct field *field = &record->kind->fields[i];
    if (sight_shows(record->kind, field, subject)) {
        return json_object_set_new(object, field->name, value_to_json(record->kind, field, &record->values[i]));
    }
    json_t *withheld = json_object_get(object, "withheld");
    if (withheld == NULL) {
        withheld = json_array();
        if (json_object_set_new(object, "withheld", withheld) != 0) {
            return -1;
        }
    }
    return json_object_set_new(object, field->name, json_null()) != 0
               ? -1
               : json_array_append_new(withheld, json_string(field->name));
}

json_t *record_to_json(const struct record *record, struct slice subject)
{
    json_t *object = json_object();
    for (size_t i = 0; object != NULL && i < record->kind->field_count; i++) {
        if (record->values[i].present && put_value(object, record, i, subject) != 0) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}
