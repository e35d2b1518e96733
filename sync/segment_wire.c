#include "sync/segment_wire.h"

#include <stdlib.h>
#include <string.h>

size_t varint_put(uint8_t out[VARINT_MAX_BYTES], uint64_t value)
{
    size_t len = 0;
    while (value >= 0x80) {
        out[len++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[len++] = (uint8_t)value;
    return len;
}

void sink_init(struct sink *sink, size_t max, struct error *err)
{
    *sink = (struct sink){ .err = err };
    buf_init(&sink->buf, max);
}

void sink_fini(struct sink *sink)
{
    buf_fini(&sink->buf);
}

void sink_bytes(struct sink *sink, struct slice bytes)
{
    if (sink->rc == ERR_OK) {
        sink->rc = buf_append(&sink->buf, bytes.data, bytes.len, sink->err);
    }
}

void sink_varint(struct sink *sink, uint64_t value)
{
    if (sink->rc == ERR_OK && sink->buf.capacity - sink->buf.len < VARINT_MAX_BYTES) {
        sink->rc = buf_reserve(&sink->buf, VARINT_MAX_BYTES, sink->err);
    }
    if (sink->rc == ERR_OK) {
        sink->buf.len += varint_put(sink->buf.data + sink->buf.len, value);
    }
}

void sink_byte(struct sink *sink, uint8_t byte)
{
    sink_bytes(sink, slice_of(&byte, 1));
}

struct source source_of(struct slice bytes, bool *bad)
{
    return (struct source){ .at = bytes.data, .end = bytes.len > 0 ? bytes.data + bytes.len : bytes.data, .bad = bad };
}

size_t source_left(const struct source *source)
{
    return (size_t)(source->end - source->at);
}

uint64_t source_varint(struct source *source, uint64_t max)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && source->at < source->end; shift += 7) {
        uint8_t byte = *source->at++;
        uint64_t bits = byte & 0x7f;
        if (bits << shift >> shift != bits || (byte == 0 && shift > 0)) {
            break; /* more than 64 bits, or not the shortest form */
        }
        value |= bits << shift;
        if (byte < 0x80) {
            *source->bad |= value > max;
            return value > max ? 0 : value;
        }
    }
    *source->bad = true;
    return 0;
}

struct slice source_bytes(struct source *source, uint64_t len)
{
    if (len > source_left(source)) {
        *source->bad = true;
        return slice_of("", 0);
    }
    struct slice bytes = slice_of(source->at, (size_t)len);
    source->at += len;
    return bytes;
}

/* ---- shapes and columns ---- */

static size_t column_find(const struct layout *layout, uint32_t kind, uint32_t key, enum value_type type)
{
    size_t i = 0;
    while (i < layout->column_count &&
           (layout->columns[i].kind != kind || layout->columns[i].key != key || layout->columns[i].type != type)) {
        i++;
    }
    return i;
}

static size_t column_make(struct layout *layout, uint32_t kind, uint32_t key, enum value_type type)
{
    CHECK(layout->column_count < SEGMENT_COLUMNS_MAX);
    struct column *column = &layout->columns[layout->column_count];
    *column = (struct column){ .kind = kind, .key = key, .type = type };
    column->codes = (uint16_t)layout->section_count++;
    column->bytes = value_has_bytes(type) ? (uint16_t)layout->section_count++ : column->codes;
    return layout->column_count++;
}

void layout_init(struct layout *layout)
{
    *layout = (struct layout){ .section_count = SECTION_FIXED };
    /* no field of a body is of this type, so layout_assign never finds these two */
    CHECK(column_make(layout, 0, COLUMN_WHOLE, VALUE_WHOLE) == COLUMN_WHOLE);
    CHECK(column_make(layout, 0, COLUMN_ACTOR, VALUE_WHOLE) == COLUMN_ACTOR);
}

void layout_fini(struct layout *layout)
{
    for (size_t i = 0; i < layout->column_count; i++) {
        free(layout->columns[i].values);
    }
    free(layout->shapes);
    *layout = (struct layout){ 0 };
}

bool layout_assign(struct layout *layout, struct shape *shape)
{
    size_t missing = 0;
    for (size_t i = 0; i < shape->field_count; i++) {
        enum value_type type = shape->fields[i].type;
        missing += value_has_column(type) &&
                   column_find(layout, shape->kind, shape->fields[i].key, type) == layout->column_count;
    }
    if (missing > SEGMENT_COLUMNS_MAX - layout->column_count) {
        return false;
    }
    for (size_t i = 0; i < shape->field_count; i++) {
        struct shape_field *field = &shape->fields[i];
        if (value_has_column(field->type)) {
            size_t at = column_find(layout, shape->kind, field->key, field->type);
            at = at < layout->column_count ? at : column_make(layout, shape->kind, field->key, field->type);
            field->column = (uint8_t)at;
        }
    }
    return true;
}

enum err_code layout_add(struct layout *layout, const struct shape *shape, struct error *err)
{
    if (layout->shape_count == layout->shape_capacity) {
        size_t capacity = layout->shape_capacity == 0 ? 8 : 2 * layout->shape_capacity;
        struct shape *shapes = realloc(layout->shapes, capacity * sizeof(*shapes));
        if (shapes == NULL) {
            return FAIL(err, NO_MEMORY, "hold %zu shapes of records", capacity);
        }
        layout->shapes = shapes;
        layout->shape_capacity = capacity;
    }
    layout->shapes[layout->shape_count++] = *shape;
    return ERR_OK;
}
