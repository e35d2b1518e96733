#include "sync/segment_wire.h"

#include <string.h>

/* RFC 8949 section 3: major type in the top three bits of the first byte, then the argument. */
enum { MAJOR_UINT, MAJOR_NEGATIVE, MAJOR_BYTES, MAJOR_TEXT, MAJOR_ARRAY, MAJOR_MAP, MAJOR_TAG, MAJOR_SIMPLE };
enum { SIMPLE_FALSE = 20, SIMPLE_TRUE = 21, SIMPLE_NULL = 22, ARGUMENT_SHORT = 24, HEAD_MAX = 9 };

struct head {
    uint8_t major;
    uint64_t argument;
};

/* One head in its shortest form; false for any other. */
static bool head_read(struct slice in, size_t *at, struct head *ret_head)
{
    if (*at == in.len) {
        return false;
    }
    uint8_t first = in.data[(*at)++];
    uint8_t info = first & 31;
    ret_head->major = first >> 5;
    ret_head->argument = info;
    if (info < ARGUMENT_SHORT) {
        return true;
    }
    size_t width = info <= 27 ? (size_t)1 << (info - ARGUMENT_SHORT) : 0;
    if (width == 0 || width > in.len - *at || ret_head->major == MAJOR_SIMPLE) {
        return false;
    }
    uint64_t argument = 0;
    for (size_t i = 0; i < width; i++) {
        argument = argument << 8 | in.data[(*at)++];
    }
    ret_head->argument = argument;
    return width == 1 ? argument >= ARGUMENT_SHORT : argument >> (4 * width) != 0;
}

static size_t head_write(uint8_t out[HEAD_MAX], uint8_t major, uint64_t argument)
{
    uint8_t lead = (uint8_t)(major << 5);
    if (argument < ARGUMENT_SHORT) {
        out[0] = (uint8_t)(lead | argument);
        return 1;
    }
    size_t log_width = argument > UINT32_MAX ? 3 : argument > UINT16_MAX ? 2 : argument > UINT8_MAX ? 1 : 0;
    size_t width = (size_t)1 << log_width;
    out[0] = (uint8_t)(lead | (ARGUMENT_SHORT + log_width));
    for (size_t i = 0; i < width; i++) {
        out[1 + i] = (uint8_t)(argument >> (8 * (width - 1 - i)));
    }
    return 1 + width;
}

static bool number_read(const struct head *head, struct body_field *field)
{
    field->type = VALUE_NUMBER;
    if (head->argument >= (uint64_t)SEGMENT_NUMBER_MAX) {
        return false;
    }
    field->number = head->major == MAJOR_UINT ? (int64_t)head->argument : -1 - (int64_t)head->argument;
    return true;
}

static bool string_read(const struct head *head, struct slice in, size_t *at, struct body_field *field)
{
    if (head->argument > in.len - *at) {
        return false;
    }
    field->bytes = slice_of(in.data + *at, (size_t)head->argument);
    *at += field->bytes.len;
    field->type = head->major == MAJOR_TEXT              ? VALUE_TEXT
                  : field->bytes.len == SEGMENT_ID_BYTES ? VALUE_ID
                                                         : VALUE_BYTES;
    return true;
}

static bool simple_read(const struct head *head, struct body_field *field)
{
    field->type = head->argument == SIMPLE_FALSE  ? VALUE_FALSE
                  : head->argument == SIMPLE_TRUE ? VALUE_TRUE
                                                  : VALUE_NULL;
    return head->argument >= SIMPLE_FALSE && head->argument <= SIMPLE_NULL;
}

static bool value_read(struct slice in, size_t *at, struct body_field *field)
{
    struct head head;
    if (!head_read(in, at, &head)) {
        return false;
    }
    switch (head.major) {
    case MAJOR_UINT:
    case MAJOR_NEGATIVE:
        return number_read(&head, field);
    case MAJOR_BYTES:
    case MAJOR_TEXT:
        return string_read(&head, in, at, field);
    case MAJOR_SIMPLE:
        return simple_read(&head, field);
    default:
        return false;
    }
}

bool body_split(struct slice body, struct body_field fields[SEGMENT_FIELDS_MAX], size_t *ret_count)
{
    size_t at = 0;
    struct head head;
    if (!head_read(body, &at, &head) || head.major != MAJOR_MAP || head.argument > SEGMENT_FIELDS_MAX) {
        return false;
    }
    size_t count = (size_t)head.argument;
    for (size_t i = 0; i < count; i++) {
        if (!head_read(body, &at, &head) || head.major != MAJOR_UINT || head.argument > UINT32_MAX ||
            (i > 0 && head.argument <= fields[i - 1].key)) {
            return false;
        }
        fields[i] = (struct body_field){ .key = (uint32_t)head.argument };
        if (!value_read(body, &at, &fields[i])) {
            return false;
        }
    }
    *ret_count = count;
    return at == body.len;
}

static void put_bytes(struct body_writer *writer, const uint8_t *bytes, size_t len)
{
    if (len > sizeof(writer->bytes) - writer->len) {
        writer->full = true;
        return;
    }
    if (len > 0) {
        memcpy(writer->bytes + writer->len, bytes, len);
        writer->len += len;
    }
}

static void put_head(struct body_writer *writer, uint8_t major, uint64_t argument)
{
    uint8_t head[HEAD_MAX];
    put_bytes(writer, head, head_write(head, major, argument));
}

void body_begin(struct body_writer *writer, size_t field_count)
{
    writer->len = 0;
    writer->full = false;
    put_head(writer, MAJOR_MAP, field_count);
}

void body_put(struct body_writer *writer, const struct body_field *field)
{
    put_head(writer, MAJOR_UINT, field->key);
    switch (field->type) {
    case VALUE_NUMBER:
        put_head(writer, field->number < 0 ? MAJOR_NEGATIVE : MAJOR_UINT,
                 (uint64_t)(field->number < 0 ? -1 - field->number : field->number));
        break;
    case VALUE_TEXT:
    case VALUE_BYTES:
    case VALUE_ID:
        put_head(writer, field->type == VALUE_TEXT ? MAJOR_TEXT : MAJOR_BYTES, field->bytes.len);
        put_bytes(writer, field->bytes.data, field->bytes.len);
        break;
    case VALUE_FALSE:
        put_head(writer, MAJOR_SIMPLE, SIMPLE_FALSE);
        break;
    case VALUE_TRUE:
        put_head(writer, MAJOR_SIMPLE, SIMPLE_TRUE);
        break;
    case VALUE_NULL:
        put_head(writer, MAJOR_SIMPLE, SIMPLE_NULL);
        break;
    case VALUE_WHOLE:
    case VALUE_TYPES:
        CHECK(false);
    }
}
