#include "store/record.h"

#include <string.h>

#include "base/clock.h"

#include "store/cbor.h"

void record_init(struct record *record, const struct kind *kind)
{
    CHECK(kind != NULL && kind->field_count <= RECORD_FIELDS_MAX);
    *record = (struct record){ .kind = kind };
}

struct value *record_value(struct record *record, const char *name)
{
    int index = kind_field_index(record->kind, name);
    CHECK(index >= 0);
    return &record->values[index];
}

void record_set_text(struct record *record, const char *name, const char *text)
{
    if (text != NULL) {
        *record_value(record, name) = (struct value){ .present = true, .text = slice_of_text(text) };
    }
}

void record_set_number(struct record *record, const char *name, int64_t number)
{
    *record_value(record, name) = (struct value){ .present = true, .number = number };
}

void record_set_id(struct record *record, const char *name, const uint8_t id[OP_ENTITY_BYTES])
{
    *record_value(record, name) = (struct value){ .present = true, .text = slice_of(id, OP_ENTITY_BYTES) };
}

int64_t record_number_or(const struct record *record, const char *name, int64_t otherwise)
{
    const struct value *value = &record->values[kind_field_index(record->kind, name)];
    return value->present ? value->number : otherwise;
}

/* ---- checking ---- */

static bool code_shape(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) {
            return false;
        }
    }
    return true;
}

/* Unknown codes of a newer pack are kept; only the shape is fixed. Closed lists are those that guard rails rest on. */
static enum err_code check_code(const struct field *field, struct slice text, struct error *err)
{
    if (text.len == 0 || text.len > field->max || !code_shape(text)) {
        return FAIL(err, INVALID, "field '%s': expected a code of 1 to %u lower-case letters, digits and underscores",
                    field->name, field->max);
    }
    if (field->codes == NULL) {
        return ERR_OK;
    }
    struct buf known;
    buf_init(&known, 256);
    for (const char *const *code = field->codes; *code != NULL; code++) {
        if (slice_equal(text, slice_of_text(*code))) {
            buf_fini(&known);
            return ERR_OK;
        }
        (void)!buf_append_format(&known, err, "%s%s", known.len > 0 ? ", " : "", *code);
    }
    enum err_code rc =
        FAIL(err, INVALID, "field '%s': expected one of %.*s", field->name, (int)known.len, (const char *)known.data);
    buf_fini(&known);
    return rc;
}

static enum err_code check_text(const struct field *field, struct slice text, struct error *err)
{
    if (text.len > field->max) {
        return FAIL(err, INVALID, "field '%s': expected at most %u bytes", field->name, field->max);
    }
    if (text.len > 0 && (memchr(text.data, '\0', text.len) != NULL || !utf8_valid(text))) {
        return FAIL(err, INVALID, "field '%s': expected utf-8 text", field->name);
    }
    return ERR_OK;
}

static enum err_code check_number(const struct field *field, int64_t number, int64_t min, int64_t max,
                                  struct error *err)
{
    if (number < min || number > max) {
        return FAIL(err, INVALID, "field '%s': expected a number from %lld to %lld", field->name, (long long)min,
                    (long long)max);
    }
    return ERR_OK;
}

static enum err_code check_value(const struct field *field, const struct value *value, struct error *err)
{
    switch (field->type) {
    case FIELD_TEXT:
        return check_text(field, value->text, err);
    case FIELD_CODE:
        return check_code(field, value->text, err);
    case FIELD_INT:
        return check_number(field, value->number, 0, field->max, err);
    case FIELD_DATE:
        return check_number(field, value->number, date_from_civil(1900, 1, 1), date_from_civil(2200, 12, 31), err);
    case FIELD_TIME:
        return check_number(field, value->number, 0, 24 * 60, err);
    case FIELD_BOOL:
        return check_number(field, value->number, 0, 1, err);
    case FIELD_ID:
        return value->text.len == OP_ENTITY_BYTES
                   ? ERR_OK
                   : FAIL(err, INVALID, "field '%s': expected an id of %d bytes", field->name, OP_ENTITY_BYTES);
    case FIELD_BYTES:
        return value->text.len <= field->max
                   ? ERR_OK
                   : FAIL(err, INVALID, "field '%s': expected at most %u bytes", field->name, field->max);
    }
    CHECK(false);
}

static bool ref_is_empty(const struct field *field, const struct value *value)
{
    return field->required && field->type == FIELD_TEXT && value->text.len == 0;
}

/* What no single field shows. */
static enum err_code check_together(const struct record *record, struct error *err)
{
    if (record->kind->number == KIND_ATTENDANCE &&
        record_number_or(record, "outcome", OUTCOME_ATTENDED) == OUTCOME_NONE) {
        return FAIL(err, INVALID,
                    "field 'outcome': expected an outcome; to leave a session unrecorded, record nothing");
    }
    if (kind_field_index(record->kind, "starts_on") >= 0 && kind_field_index(record->kind, "ends_on") >= 0 &&
        record_number_or(record, "ends_on", INT32_MAX) < record_number_or(record, "starts_on", INT32_MIN)) {
        return FAIL(err, INVALID, "field 'ends_on': expected a date not before 'starts_on'");
    }
    if (record->kind->number == KIND_JOB_SEARCH &&
        date_weekday((int32_t)record_number_or(record, "week", date_from_civil(2014, 4, 28))) != 1) {
        return FAIL(err, INVALID, "field 'week': expected a Monday");
    }
    if (record->kind->number == KIND_APPOINTMENT &&
        record_number_or(record, "ends_min", INT32_MAX) <= record_number_or(record, "starts_min", INT32_MIN)) {
        return FAIL(err, INVALID, "field 'ends_min': expected a time after 'starts_min'");
    }
    if (record->kind->number == KIND_NOTICE &&
        record_number_or(record, "received_on", INT32_MAX) < record_number_or(record, "served_on", INT32_MIN)) {
        return FAIL(err, INVALID, "field 'received_on': expected a day not before 'served_on'");
    }
    return ERR_OK;
}

static enum err_code check_pattern(const struct record *record, struct error *err)
{
    int index = kind_field_index(record->kind, "pattern");
    if (index < 0 || !record->values[index].present) {
        return ERR_OK;
    }
    char text[PATTERN_TEXT_MAX + 1];
    struct slice given = record->values[index].text;
    memcpy(text, given.data, given.len);
    text[given.len] = '\0';
    struct pattern unused;
    enum err_code rc = pattern_parse(text, &unused, err);
    return rc == ERR_OK ? ERR_OK : error_wrap(err, ERR_INVALID, "field 'pattern'");
}

enum err_code record_check(const struct record *record, bool complete, struct error *err)
{
    for (size_t i = 0; i < record->kind->field_count; i++) {
        const struct field *field = &record->kind->fields[i];
        const struct value *value = &record->values[i];
        if (complete && field->required && !value->present) {
            return FAIL(err, INVALID, "field '%s': missing", field->name);
        }
        if (!value->present) {
            continue;
        }
        TRY(check_value(field, value, err));
        if (ref_is_empty(field, value)) {
            return FAIL(err, INVALID, "field '%s': must not be empty", field->name);
        }
    }
    TRY(check_together(record, err));
    TRY(record_check_ref(record, err));
    return check_pattern(record, err);
}

enum err_code record_check_past(const struct record *record, int64_t at_ms, struct error *err)
{
    enum { DAY_MS = 24 * 60 * 60 * 1000 };
    if (record->kind->number != KIND_CONTACT_ATTEMPT ||
        record_number_or(record, "day", INT32_MIN) <= at_ms / DAY_MS + 1) {
        return ERR_OK;
    }
    return FAIL(err, REFUSED,
                "field 'day': an attempt to reach somebody is recorded once it was made, and this day is "
                "still to come");
}

/* ---- body ---- */

static void put_value(struct dcbor_writer *w, const struct field *field, const struct value *value)
{
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_CODE:
        dcbor_put_text(w, value->text);
        return;
    case FIELD_INT:
    case FIELD_DATE:
    case FIELD_TIME:
        dcbor_put_int(w, value->number);
        return;
    case FIELD_BOOL:
        dcbor_put_bool(w, value->number != 0);
        return;
    case FIELD_ID:
    case FIELD_BYTES:
        dcbor_put_bytes(w, value->text.data, value->text.len);
        return;
    }
}

enum err_code record_encode(const struct record *record, struct buf *out, struct error *err)
{
    size_t present = 0;
    for (size_t i = 0; i < record->kind->field_count; i++) {
        present += record->values[i].present;
    }
    struct dcbor_writer w = dcbor_writer_begin(out, err);
    dcbor_put_map(&w, present);
    for (size_t i = 0; i < record->kind->field_count; i++) { /* the table is in ascending field numbers */
        if (record->values[i].present) {
            dcbor_put_uint(&w, record->kind->fields[i].number);
            put_value(&w, &record->kind->fields[i], &record->values[i]);
        }
    }
    return dcbor_writer_end(&w);
}

static struct value get_value(struct dcbor_reader *r, const struct field *field)
{
    struct value value = { .present = true };
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_CODE:
        value.text = dcbor_get_text(r, field->max);
        break;
    case FIELD_INT:
    case FIELD_DATE:
    case FIELD_TIME:
        value.number = dcbor_get_int(r, INT32_MIN + 1, INT32_MAX);
        break;
    case FIELD_BOOL:
        value.number = dcbor_get_bool(r);
        break;
    case FIELD_ID:
        value.text = dcbor_get_bytes(r, OP_ENTITY_BYTES, OP_ENTITY_BYTES);
        break;
    case FIELD_BYTES:
        value.text = dcbor_get_bytes(r, 0, field->max);
        break;
    }
    return value;
}

static const struct field *field_by_number(const struct kind *kind, uint64_t number, size_t *ret_index)
{
    for (size_t i = 0; i < kind->field_count; i++) {
        if (kind->fields[i].number == number) {
            *ret_index = i;
            return &kind->fields[i];
        }
    }
    return NULL;
}

enum err_code record_decode(const struct kind *kind, struct slice body, struct record *ret_record, struct error *err)
{
    struct record record;
    record_init(&record, kind);
    struct dcbor_reader r = dcbor_reader_begin(body, err);
    size_t pairs = dcbor_get_map(&r, 256);
    uint64_t last = 0;
    for (size_t i = 0; i < pairs && dcbor_ok(&r); i++) {
        uint64_t number = dcbor_get_uint(&r, UINT32_MAX);
        if (i > 0 && number <= last) {
            dcbor_reject(&r, "fields are not in ascending order");
        }
        last = number;
        size_t index;
        const struct field *field = field_by_number(kind, number, &index);
        if (field != NULL) {
            record.values[index] = get_value(&r, field);
        } else {
            (void)dcbor_skip(&r);
        }
    }
    TRY(dcbor_reader_end(&r));
    *ret_record = record;
    return ERR_OK;
}
