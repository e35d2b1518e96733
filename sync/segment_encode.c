#include "sync/segment_wire.h"

#include <stdlib.h>
#include <string.h>

/* Runs of at most this many ops are laid out by row: a column of one value costs more than it saves. */
enum { ROWS_MAX = 6, VALUES_AN_OP = 6, DEFINITION_MAX = 16 + SEGMENT_FIELDS_MAX * VARINT_MAX_BYTES };

struct encoder {
    const struct op_batch *ops;
    const struct store_seed *seeds;
    size_t seed_count;
    struct layout layout;
    struct intern known;
    struct op_batch definitions; /* the bytes of shapes met, which `known` borrows */
    struct slice definition;     /* the newest, and its number */
    uint32_t shape;
    struct sink raw; /* what does not compress: ids, salts, hashes */
    struct sink sections[SECTIONS_MAX];
    bool rows;
    uint32_t id_count;
    int64_t subject_ref;
    int64_t superseded_ref;
    int64_t session;
    struct op previous; /* its numbers: times, offset */
    int64_t hlc_ahead;
    struct error *err;
};

static struct sink *section(struct encoder *e, size_t index)
{
    return &e->sections[e->rows ? 0 : index];
}

/* ---- values ---- */

static void put_id(struct encoder *e, size_t codes, const uint8_t id[SEGMENT_ID_BYTES], int64_t *previous)
{
    struct slice bytes = slice_of(id, SEGMENT_ID_BYTES);
    uint32_t number = intern_bytes(&e->known, INTERN_IDS, bytes, e->id_count);
    if (number == INTERN_NEW) {
        number = e->id_count++;
        sink_bytes(&e->raw, bytes);
    }
    sink_varint(section(e, codes), zigzag((int64_t)number - *previous));
    *previous = number;
}

static uint32_t next_number(const struct column *column)
{
    return column->numbered < SEGMENT_NUMBERED_MAX ? column->numbered : INTERN_NEW;
}

static void column_grew(struct column *column)
{
    column->numbered += column->numbered < SEGMENT_NUMBERED_MAX;
}

/* Twice the number of a value met before, plus one; or twice what a new value needs, and then the value. */
static void put_number(struct encoder *e, size_t index, int64_t value)
{
    struct column *column = &e->layout.columns[index];
    uint32_t number = intern_number(&e->known, (uint32_t)index, value, next_number(column));
    if (number != INTERN_NEW) {
        sink_varint(section(e, column->codes), (uint64_t)number << 1 | 1);
    } else {
        sink_varint(section(e, column->codes), zigzag(value - column->previous) << 1);
        column_grew(column);
    }
    column->previous = value;
}

static void put_string(struct encoder *e, size_t index, struct slice value)
{
    struct column *column = &e->layout.columns[index];
    uint32_t number = intern_bytes(&e->known, (uint32_t)index, value, next_number(column));
    if (number != INTERN_NEW) {
        sink_varint(section(e, column->codes), (uint64_t)number << 1 | 1);
        return;
    }
    sink_varint(section(e, column->codes), (uint64_t)value.len << 1);
    sink_bytes(section(e, column->bytes), value);
    column_grew(column);
}

static void put_value(struct encoder *e, size_t index, const struct body_field *field)
{
    struct column *column = &e->layout.columns[index];
    if (field->type == VALUE_NUMBER) {
        put_number(e, index, field->number);
    } else if (field->type == VALUE_ID) {
        put_id(e, column->codes, field->bytes.data, &column->previous);
    } else {
        put_string(e, index, field->bytes);
    }
}

/* ---- shapes ---- */

static size_t definition_write(const struct shape *shape, uint8_t out[DEFINITION_MAX])
{
    size_t len = varint_put(out, shape->kind);
    out[len++] = shape->flags;
    if ((shape->flags & SHAPE_FORM) != SHAPE_FORM_MAP) {
        return len;
    }
    len += varint_put(out + len, shape->field_count);
    uint64_t next_key = 0;
    for (size_t i = 0; i < shape->field_count; i++) {
        len += varint_put(out + len, (shape->fields[i].key - next_key) * VALUE_TYPES + shape->fields[i].type);
        next_key = (uint64_t)shape->fields[i].key + 1;
    }
    return len;
}

/* What `op` looks like, and the fields of its body when that is a map which can be taken apart. */
static void shape_of(const struct op *op, bool whole, struct shape *shape, struct body_field *fields)
{
    *shape = (struct shape){ .kind = op->kind };
    shape->flags = (uint8_t)((op->subject_len == OP_SESSION_BYTES ? SHAPE_SESSION : 0) |
                             (op->happened_at_ms != OP_TIME_NONE ? SHAPE_HAPPENED : 0) |
                             (op->supersedes_count > 0 ? SHAPE_SUPERSEDES : 0));
    size_t count = 0;
    if (op->erased) {
        shape->flags |= SHAPE_FORM_ERASED;
    } else if (whole || !body_split(op->body, fields, &count)) {
        shape->flags |= SHAPE_FORM_WHOLE;
    } else {
        shape->field_count = (uint8_t)count;
    }
    for (size_t i = 0; i < shape->field_count; i++) {
        shape->fields[i] = (struct shape_field){ .key = fields[i].key, .type = (uint8_t)fields[i].type };
    }
}

/* Most ops look like the one before. */
static enum err_code shape_number(struct encoder *e, struct slice definition, uint32_t *ret_number)
{
    if (e->layout.shape_count > 0 && slice_equal(definition, e->definition)) {
        *ret_number = e->shape;
        return ERR_OK;
    }
    void *kept = op_batch_take(&e->definitions, definition.len);
    if (kept == NULL) {
        return FAIL(e->err, NO_MEMORY, "hold the shapes of records");
    }
    e->definition = slice_of(memcpy(kept, definition.data, definition.len), definition.len);
    *ret_number = intern_bytes(&e->known, INTERN_SHAPES, e->definition, (uint32_t)e->layout.shape_count);
    e->shape = *ret_number != INTERN_NEW ? *ret_number : (uint32_t)e->layout.shape_count;
    return ERR_OK;
}

/* Tells the shape by its number (from 1), or as 0 and its definition. *ret_shape stays valid until the next call. */
static enum err_code put_shape(struct encoder *e, const struct op *op, struct body_field *fields,
                               const struct shape **ret_shape)
{
    struct shape shape;
    shape_of(op, false, &shape, fields);
    uint8_t definition[DEFINITION_MAX];
    uint32_t number = INTERN_NEW;
    TRY(shape_number(e, slice_of(definition, definition_write(&shape, definition)), &number));
    if (number == INTERN_NEW) {
        if (!layout_assign(&e->layout, &shape)) {
            shape_of(op, true, &shape, fields);
        }
        number = (uint32_t)e->layout.shape_count;
        TRY(layout_add(&e->layout, &shape, e->err));
        sink_varint(section(e, SECTION_SHAPE), 0);
        sink_bytes(section(e, SECTION_SHAPE), slice_of(definition, definition_write(&shape, definition)));
    } else {
        sink_varint(section(e, SECTION_SHAPE), (uint64_t)number + 1);
    }
    *ret_shape = &e->layout.shapes[number];
    return ERR_OK;
}

/* ---- ops ---- */

static void put_subject(struct encoder *e, const struct op *op)
{
    put_id(e, SECTION_SUBJECT, op->subject, &e->subject_ref);
    if (op->subject_len == OP_SESSION_BYTES) {
        int64_t session = get_be32(op->subject + OP_ENTITY_BYTES);
        sink_varint(section(e, SECTION_SESSION), zigzag(session - e->session));
        e->session = session;
    }
}

static void put_times(struct encoder *e, const struct op *op)
{
    sink_varint(section(e, SECTION_RECORDED), zigzag(op->recorded_at_ms - e->previous.recorded_at_ms));
    sink_varint(section(e, SECTION_OFFSET), zigzag(op->offset_ms - e->previous.offset_ms));
    int64_t ahead = (int64_t)(op->hlc - ((uint64_t)op->recorded_at_ms << 16));
    sink_varint(section(e, SECTION_HLC), zigzag(difference(ahead, e->hlc_ahead)));
    e->hlc_ahead = ahead;
    if (op->happened_at_ms != OP_TIME_NONE) {
        int64_t base = e->previous.happened_at_ms == OP_TIME_NONE ? op->recorded_at_ms : e->previous.happened_at_ms;
        sink_varint(section(e, SECTION_HAPPENED), zigzag(op->happened_at_ms - base));
        e->previous.happened_at_ms = op->happened_at_ms;
    }
    e->previous.recorded_at_ms = op->recorded_at_ms;
    e->previous.offset_ms = op->offset_ms;
}

static void put_supersedes(struct encoder *e, const struct op *op)
{
    if (op->supersedes_count == 0) {
        return;
    }
    struct sink *sink = section(e, SECTION_SUPERSEDES);
    sink_varint(sink, op->supersedes_count);
    for (size_t i = 0; i < op->supersedes_count; i++) {
        const struct op_id *id = &op->supersedes[i];
        put_id(e, SECTION_SUPERSEDES, id->device, &e->superseded_ref);
        sink_varint(sink, zigzag((int64_t)id->incarnation - (int64_t)op->id.incarnation));
        sink_varint(sink, zigzag((int64_t)id->seq - (int64_t)op->id.seq));
    }
}

static bool block_has_seed(const struct encoder *e, uint64_t block)
{
    size_t i = 0;
    while (i < e->seed_count && e->seeds[i].block != block) {
        i++;
    }
    return i < e->seed_count;
}

static enum err_code put_op(struct encoder *e, const struct op *op)
{
    struct body_field fields[SEGMENT_FIELDS_MAX];
    const struct shape *shape = NULL;
    TRY(put_shape(e, op, fields, &shape));
    put_subject(e, op);
    put_times(e, op);
    put_string(e, COLUMN_ACTOR, op->actor);
    put_supersedes(e, op);
    unsigned form = shape->flags & SHAPE_FORM;
    if (form == SHAPE_FORM_WHOLE) {
        put_string(e, COLUMN_WHOLE, op->body);
    }
    for (size_t i = 0; i < shape->field_count; i++) {
        if (value_has_column(fields[i].type)) {
            put_value(e, shape->fields[i].column, &fields[i]);
        }
    }
    if (form == SHAPE_FORM_ERASED) {
        sink_bytes(&e->raw, slice_of(op->body_hash, SHA256_BYTES));
    } else if (!block_has_seed(e, op_salt_block(op->id.seq))) {
        sink_bytes(&e->raw, slice_of(op->salt, OP_SALT_BYTES));
    }
    return ERR_OK;
}

/* ---- the whole ---- */

static bool time_fits(int64_t at_ms)
{
    return at_ms >= -OP_TIME_MAX_MS && at_ms <= OP_TIME_MAX_MS;
}

static bool op_fits(const struct op *op, const struct op *first, size_t index)
{
    bool entity = op->subject_len == OP_ENTITY_BYTES || op->subject_len == OP_SESSION_BYTES;
    bool times = time_fits(op->recorded_at_ms) && time_fits(op->offset_ms) &&
                 (op->happened_at_ms == OP_TIME_NONE || time_fits(op->happened_at_ms)) && op->hlc <= INT64_MAX;
    bool supersedes = op->supersedes_count <= OP_SUPERSEDES_MAX;
    for (size_t i = 0; supersedes && i < op->supersedes_count; i++) {
        supersedes = op->supersedes[i].seq <= OP_SEQ_MAX;
    }
    return entity && times && supersedes && op->actor.len <= OP_ACTOR_MAX && op->body.len <= OP_BODY_MAX &&
           op->id.seq == first->id.seq + index && op->id.seq >= 1 && op->id.seq <= OP_SEQ_MAX &&
           op->id.incarnation == first->id.incarnation &&
           memcmp(op->id.device, first->id.device, DEVICE_ID_BYTES) == 0 &&
           memcmp(op->stream, first->stream, STREAM_ID_BYTES) == 0;
}

static enum err_code ops_check(const struct op_batch *ops, struct error *err)
{
    if (ops->count == 0 || ops->count > OP_BATCH_OPS_MAX) {
        return FAIL(err, LIMIT, "write a segment: %zu records instead of 1 to %d", ops->count, OP_BATCH_OPS_MAX);
    }
    for (size_t i = 0; i < ops->count; i++) {
        if (!op_fits(&ops->ops[i], &ops->ops[0], i)) {
            return FAIL(err, INVALID, "write a segment: record %zu does not continue the run or passes a limit", i);
        }
    }
    return ERR_OK;
}

/* Sections as count, lengths, bytes; or the only one as it is. */
static void gather(struct encoder *e, struct sink *out)
{
    size_t count = e->rows ? 1 : e->layout.section_count;
    if (!e->rows) {
        sink_varint(out, count);
        for (size_t i = 0; i < count; i++) {
            sink_varint(out, e->sections[i].buf.len);
        }
    }
    for (size_t i = 0; i < count; i++) {
        out->rc = out->rc == ERR_OK ? e->sections[i].rc : out->rc;
        sink_bytes(out, buf_slice(&e->sections[i].buf));
        sink_fini(&e->sections[i]);
    }
}

static void put_head(struct encoder *e, uint8_t flags, const struct segment_signature *signature,
                     struct slice certificate, struct sink *out)
{
    const struct op_id *first = &e->ops->ops[0].id;
    sink_byte(out, SEGMENT_VERSION);
    sink_byte(out, flags);
    sink_bytes(out, slice_of(first->device, DEVICE_ID_BYTES));
    sink_varint(out, first->incarnation);
    sink_varint(out, first->seq);
    sink_varint(out, e->ops->count);
    if (flags & SEGMENT_SIGNED) {
        sink_varint(out, signature->seq);
        sink_varint(out, signature->len);
        sink_bytes(out, slice_of(signature->bytes, signature->len));
    }
    if (flags & SEGMENT_CERTIFIED) {
        sink_varint(out, certificate.len);
        sink_bytes(out, certificate);
    }
    sink_varint(out, e->seed_count);
    uint64_t block = 0;
    for (size_t i = 0; i < e->seed_count; i++) {
        sink_varint(out, e->seeds[i].block - block);
        sink_bytes(out, slice_of(e->seeds[i].seed, OP_SEED_BYTES));
        block = e->seeds[i].block;
    }
    out->rc = out->rc == ERR_OK ? e->raw.rc : out->rc;
    sink_varint(out, e->raw.buf.len);
    sink_bytes(out, buf_slice(&e->raw.buf));
}

static enum err_code finish(struct encoder *e, const struct segment_signature *signature, struct slice certificate,
                            struct buf *out)
{
    struct sink inflated;
    struct sink head;
    struct buf packed;
    sink_init(&inflated, SEGMENT_INFLATED_MAX, e->err);
    sink_init(&head, SEGMENT_BYTES_MAX, e->err);
    buf_init(&packed, SEGMENT_BYTES_MAX);
    intern_fini(&e->known); /* what nothing more is looked up in, before the compressor takes its memory */
    gather(e, &inflated);
    enum err_code rc = inflated.rc;
    uint8_t flags = 0;
    if (rc == ERR_OK) {
        rc = pack(buf_slice(&inflated.buf), &packed, &flags, e->err);
    }
    if (rc == ERR_OK) {
        flags |= (uint8_t)((e->rows ? SEGMENT_ROWS : 0) | (signature->seq > 0 ? SEGMENT_SIGNED : 0) |
                           (certificate.len > 0 ? SEGMENT_CERTIFIED : 0));
        put_head(e, flags, signature, certificate, &head);
        sink_bytes(&head, buf_slice(&packed));
        rc = head.rc;
    }
    if (rc == ERR_OK) {
        rc = buf_append(out, head.buf.data, head.buf.len, e->err);
    }
    buf_fini(&packed);
    sink_fini(&head);
    sink_fini(&inflated);
    return rc;
}

static void encoder_free(struct encoder **at)
{
    struct encoder *e = *at;
    if (e == NULL) {
        return;
    }
    for (size_t i = 0; i < SECTIONS_MAX; i++) {
        sink_fini(&e->sections[i]);
    }
    sink_fini(&e->raw);
    op_batch_fini(&e->definitions);
    intern_fini(&e->known);
    layout_fini(&e->layout);
    free(e);
}

static enum err_code encoder_new(const struct op_batch *ops, struct encoder **ret_encoder, struct error *err)
{
    struct encoder *e = calloc(1, sizeof(*e));
    if (e == NULL) {
        return FAIL(err, NO_MEMORY, "write a segment");
    }
    e->ops = ops;
    e->err = err;
    e->rows = ops->count <= ROWS_MAX;
    e->previous.happened_at_ms = OP_TIME_NONE;
    layout_init(&e->layout);
    op_batch_init(&e->definitions);
    sink_init(&e->raw, SEGMENT_BYTES_MAX, err);
    for (size_t i = 0; i < SECTIONS_MAX; i++) {
        sink_init(&e->sections[i], SEGMENT_INFLATED_MAX, err);
    }
    *ret_encoder = e;
    TRY(intern_init(&e->known, VALUES_AN_OP * ops->count, err));
    /* the device is the first id: an op that replaces one of the same device names it for nothing */
    (void)intern_bytes(&e->known, INTERN_IDS, slice_of(ops->ops[0].id.device, DEVICE_ID_BYTES), e->id_count++);
    return ERR_OK;
}

static enum err_code seeds_check(const struct store_seed *seeds, size_t count, const struct op_batch *ops,
                                 struct error *err)
{
    uint64_t low = op_salt_block(ops->ops[0].id.seq);
    uint64_t high = op_salt_block(ops->ops[ops->count - 1].id.seq);
    for (size_t i = 0; i < count; i++) {
        if (seeds[i].block < low || seeds[i].block > high || (i > 0 && seeds[i].block <= seeds[i - 1].block)) {
            return FAIL(err, INVALID, "write a segment: seed %zu is not of its blocks, in order", i);
        }
    }
    return ERR_OK;
}

enum err_code segment_encode(const struct op_batch *ops, const struct store_seed *seeds, size_t seed_count,
                             const struct segment_signature *signature, struct slice certificate, struct buf *out,
                             struct error *err)
{
    TRY(ops_check(ops, err));
    TRY(seeds_check(seeds, seed_count, ops, err));
    if (signature->len > SIGNATURE_MAX || certificate.len > CERTIFICATE_DER_MAX) {
        return FAIL(err, LIMIT, "write a segment: signature or certificate too long");
    }
    SCOPED(encoder_free) struct encoder *e = NULL;
    TRY(encoder_new(ops, &e, err));
    e->seeds = seeds;
    e->seed_count = seed_count;
    for (size_t i = 0; i < ops->count; i++) {
        TRY(put_op(e, &ops->ops[i]));
    }
    return finish(e, signature, certificate, out);
}
