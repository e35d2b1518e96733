#include "sync/segment_wire.h"

#include <stdlib.h>
#include <string.h>

/* In columns every op takes a byte at least of these: shape, subject, recorded, offset, hlc, actor. */
enum { COLUMN_BYTES_AN_OP = 6 };

struct head {
    uint8_t flags;
    struct op_id first;
    size_t count;
    uint64_t signed_seq;
    struct slice signature;
    struct slice certificate;
    size_t seed_count;
    struct store_seed seeds[OP_BATCH_OPS_MAX / OP_SALT_BLOCK + 1];
    struct slice raw;
    struct slice packed;
};

struct decoder {
    struct head head;
    const uint8_t *stream;
    uint8_t *inflated;
    size_t inflated_len;
    bool bad;
    struct layout layout;
    struct source raw;
    struct source sections[SECTIONS_MAX];
    size_t section_count;
    const uint8_t **ids;
    size_t id_count;
    size_t id_capacity;
    int64_t subject_ref;
    int64_t superseded_ref;
    int64_t session;
    struct op previous;
    int64_t hlc_ahead;
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    struct body_writer body;
    enum err_code rc; /* of what is not the sender's doing */
    struct error *err;
};

static struct source *section(struct decoder *d, size_t index)
{
    return &d->sections[d->head.flags & SEGMENT_ROWS ? 0 : index];
}

static void reject_unless(struct decoder *d, bool fits)
{
    d->bad |= !fits;
}

/* ---- values ---- */

/* Doubles `*array` when `count` fills it. False without memory. */
static bool grow(void **array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) {
        return true;
    }
    size_t wanted = *capacity == 0 ? 16 : 2 * *capacity;
    void *moved = realloc(*array, wanted * size);
    if (moved == NULL) {
        return false;
    }
    *array = moved;
    *capacity = wanted;
    return true;
}

static void id_add(struct decoder *d, const uint8_t *id)
{
    void *array = d->ids;
    if (!grow(&array, d->id_count, &d->id_capacity, sizeof(*d->ids))) {
        d->rc = FAIL(d->err, NO_MEMORY, "hold the ids of a segment");
        return;
    }
    d->ids = array;
    d->ids[d->id_count++] = id;
}

static const uint8_t *get_id(struct decoder *d, size_t codes, int64_t *previous)
{
    static const uint8_t none[SEGMENT_ID_BYTES];
    int64_t number = sum(*previous, unzigzag(source_varint(section(d, codes), UINT64_MAX)));
    if (d->bad || number < 0 || (uint64_t)number > d->id_count) {
        d->bad = true;
        return none;
    }
    *previous = number;
    if ((uint64_t)number == d->id_count) {
        struct slice id = source_bytes(&d->raw, SEGMENT_ID_BYTES);
        if (d->bad) {
            return none;
        }
        id_add(d, id.data);
    }
    return d->rc == ERR_OK ? d->ids[number] : none;
}

static void column_remember(struct decoder *d, struct column *column, union column_value value)
{
    if (d->bad || column->numbered == SEGMENT_NUMBERED_MAX) {
        return;
    }
    void *array = column->values;
    size_t capacity = column->capacity;
    if (!grow(&array, column->numbered, &capacity, sizeof(*column->values))) {
        d->rc = FAIL(d->err, NO_MEMORY, "hold the values of a segment");
        return;
    }
    column->values = array;
    column->capacity = (uint32_t)capacity;
    column->values[column->numbered++] = value;
}

/* True, and the value, if the code names one met before; else *ret_rest is what the new one needs. */
static bool get_known(struct decoder *d, const struct column *column, union column_value *ret_value, uint64_t *ret_rest)
{
    uint64_t code = source_varint(section(d, column->codes), UINT64_MAX);
    *ret_rest = code >> 1;
    if ((code & 1) == 0) {
        return false;
    }
    if (*ret_rest >= column->numbered) {
        d->bad = true;
        return false;
    }
    *ret_value = column->values[*ret_rest];
    return true;
}

static int64_t get_number(struct decoder *d, struct column *column)
{
    union column_value value = { .number = 0 };
    uint64_t rest;
    if (!get_known(d, column, &value, &rest)) {
        value.number = sum(column->previous, unzigzag(rest));
        if (value.number < -SEGMENT_NUMBER_MAX || value.number >= SEGMENT_NUMBER_MAX) {
            d->bad = true;
            return 0;
        }
        column_remember(d, column, value);
    }
    column->previous = value.number;
    return value.number;
}

static struct slice get_string(struct decoder *d, struct column *column, size_t max)
{
    union column_value value = { .bytes = slice_of("", 0) };
    uint64_t rest;
    if (!get_known(d, column, &value, &rest)) {
        reject_unless(d, rest <= max);
        value.bytes = source_bytes(section(d, column->bytes), d->bad ? 0 : rest);
        column_remember(d, column, value);
    }
    return value.bytes;
}

static void get_value(struct decoder *d, const struct shape_field *field, struct body_field *ret_field)
{
    *ret_field = (struct body_field){ .key = field->key, .type = field->type };
    if (!value_has_column(field->type)) {
        return;
    }
    struct column *column = &d->layout.columns[field->column];
    if (field->type == VALUE_NUMBER) {
        ret_field->number = get_number(d, column);
    } else if (field->type == VALUE_ID) {
        ret_field->bytes = slice_of(get_id(d, column->codes, &column->previous), SEGMENT_ID_BYTES);
    } else {
        ret_field->bytes = get_string(d, column, OP_BODY_MAX);
    }
}

/* ---- shapes ---- */

static void get_fields(struct decoder *d, struct shape *shape)
{
    struct source *source = section(d, SECTION_SHAPE);
    shape->field_count = (uint8_t)source_varint(source, SEGMENT_FIELDS_MAX);
    uint64_t key = 0;
    for (size_t i = 0; i < shape->field_count && !d->bad; i++) {
        uint64_t code = source_varint(source, (UINT64_C(1) << 36) - 1);
        key += code / VALUE_TYPES;
        reject_unless(d, key <= UINT32_MAX && code % VALUE_TYPES != VALUE_WHOLE);
        shape->fields[i] = (struct shape_field){ .key = (uint32_t)key, .type = (uint8_t)(code % VALUE_TYPES) };
        key++;
    }
}

static void get_definition(struct decoder *d)
{
    struct source *source = section(d, SECTION_SHAPE);
    struct shape shape = { .kind = (uint32_t)source_varint(source, UINT32_MAX) };
    shape.flags = (uint8_t)source_varint(source, SHAPE_FLAGS_ALL);
    reject_unless(d, (shape.flags & SHAPE_FORM) <= SHAPE_FORM_ERASED);
    if ((shape.flags & SHAPE_FORM) == SHAPE_FORM_MAP) {
        get_fields(d, &shape);
    }
    reject_unless(d, !d->bad && layout_assign(&d->layout, &shape));
    reject_unless(d, d->head.flags & SEGMENT_ROWS || d->layout.section_count <= d->section_count);
    if (!d->bad) {
        d->rc = layout_add(&d->layout, &shape, d->err);
    }
}

/* NULL after a failure. */
static const struct shape *get_shape(struct decoder *d)
{
    uint64_t number = source_varint(section(d, SECTION_SHAPE), d->layout.shape_count);
    if (number == 0 && !d->bad) {
        get_definition(d);
        number = d->layout.shape_count;
    }
    return d->bad || d->rc != ERR_OK ? NULL : &d->layout.shapes[number - 1];
}

/* ---- ops ---- */

static void get_subject(struct decoder *d, const struct shape *shape, struct op *op)
{
    memcpy(op->subject, get_id(d, SECTION_SUBJECT, &d->subject_ref), OP_ENTITY_BYTES);
    op->subject_len = OP_ENTITY_BYTES;
    if (shape->flags & SHAPE_SESSION) {
        d->session = sum(d->session, unzigzag(source_varint(section(d, SECTION_SESSION), UINT64_MAX)));
        reject_unless(d, d->session >= 0 && d->session <= UINT32_MAX);
        put_be32(op->subject + OP_ENTITY_BYTES, (uint32_t)d->session);
        op->subject_len = OP_SESSION_BYTES;
    }
}

static int64_t get_time(struct decoder *d, size_t index, int64_t base)
{
    int64_t at_ms = sum(base, unzigzag(source_varint(section(d, index), UINT64_MAX)));
    reject_unless(d, at_ms >= -OP_TIME_MAX_MS && at_ms <= OP_TIME_MAX_MS);
    return d->bad ? 0 : at_ms;
}

static void get_times(struct decoder *d, const struct shape *shape, struct op *op)
{
    op->recorded_at_ms = get_time(d, SECTION_RECORDED, d->previous.recorded_at_ms);
    op->offset_ms = get_time(d, SECTION_OFFSET, d->previous.offset_ms);
    d->hlc_ahead = sum(d->hlc_ahead, unzigzag(source_varint(section(d, SECTION_HLC), UINT64_MAX)));
    op->hlc = ((uint64_t)op->recorded_at_ms << 16) + (uint64_t)d->hlc_ahead;
    reject_unless(d, op->hlc <= INT64_MAX);
    op->happened_at_ms = OP_TIME_NONE;
    if (shape->flags & SHAPE_HAPPENED) {
        int64_t base = d->previous.happened_at_ms == OP_TIME_NONE ? op->recorded_at_ms : d->previous.happened_at_ms;
        op->happened_at_ms = get_time(d, SECTION_HAPPENED, base);
        d->previous.happened_at_ms = op->happened_at_ms;
    }
    d->previous.recorded_at_ms = op->recorded_at_ms;
    d->previous.offset_ms = op->offset_ms;
}

static void get_actor(struct decoder *d, struct op *op)
{
    op->actor = get_string(d, &d->layout.columns[COLUMN_ACTOR], OP_ACTOR_MAX);
    reject_unless(d,
                  utf8_valid(op->actor) && (op->actor.len == 0 || memchr(op->actor.data, '\0', op->actor.len) == NULL));
}

static void get_supersedes(struct decoder *d, const struct shape *shape, struct op *op)
{
    if (!(shape->flags & SHAPE_SUPERSEDES)) {
        return;
    }
    struct source *source = section(d, SECTION_SUPERSEDES);
    op->supersedes_count = (size_t)source_varint(source, OP_SUPERSEDES_MAX);
    op->supersedes = d->supersedes;
    reject_unless(d, op->supersedes_count > 0);
    for (size_t i = 0; i < op->supersedes_count; i++) {
        struct op_id *id = &d->supersedes[i];
        memcpy(id->device, get_id(d, SECTION_SUPERSEDES, &d->superseded_ref), DEVICE_ID_BYTES);
        int64_t incarnation = sum(op->id.incarnation, unzigzag(source_varint(source, UINT64_MAX)));
        int64_t seq = sum((int64_t)op->id.seq, unzigzag(source_varint(source, UINT64_MAX)));
        reject_unless(d, incarnation >= 0 && incarnation <= UINT32_MAX && seq >= 0 && seq <= (int64_t)OP_SEQ_MAX);
        id->incarnation = (uint32_t)incarnation;
        id->seq = (uint64_t)seq;
    }
}

static void get_body(struct decoder *d, const struct shape *shape, struct op *op)
{
    switch (shape->flags & SHAPE_FORM) {
    case SHAPE_FORM_MAP:
        body_begin(&d->body, shape->field_count);
        for (size_t i = 0; i < shape->field_count && !d->bad; i++) {
            struct body_field field;
            get_value(d, &shape->fields[i], &field);
            body_put(&d->body, &field);
        }
        reject_unless(d, !d->body.full);
        op->body = slice_of(d->body.bytes, d->body.len);
        break;
    case SHAPE_FORM_WHOLE:
        op->body = get_string(d, &d->layout.columns[COLUMN_WHOLE], OP_BODY_MAX);
        break;
    default:
        op->erased = true;
        op->body = slice_of("", 0);
    }
}

static void get_hash(struct decoder *d, struct op *op)
{
    if (op->erased) {
        struct slice hash = source_bytes(&d->raw, SHA256_BYTES);
        memcpy(op->body_hash, hash.data, hash.len);
        return;
    }
    uint64_t block = op_salt_block(op->id.seq);
    size_t i = 0;
    while (i < d->head.seed_count && d->head.seeds[i].block != block) {
        i++;
    }
    if (i < d->head.seed_count) {
        op_salt(d->head.seeds[i].seed, op->id.seq, op->salt);
    } else {
        struct slice salt = source_bytes(&d->raw, OP_SALT_BYTES);
        memcpy(op->salt, salt.data, salt.len);
    }
    op_body_hash(op->salt, op->body, op->body_hash);
}

static enum err_code bad_segment(struct error *err)
{
    return FAIL(err, PROTOCOL, "read a segment: it is not as specified");
}

static enum err_code get_op(struct decoder *d, size_t index, struct op_batch *ops)
{
    const struct shape *shape = get_shape(d);
    if (shape == NULL) {
        return d->rc != ERR_OK ? d->rc : bad_segment(d->err);
    }
    struct op op = { .id = d->head.first, .kind = shape->kind };
    op.id.seq += index;
    memcpy(op.stream, d->stream, STREAM_ID_BYTES);
    get_subject(d, shape, &op);
    get_times(d, shape, &op);
    get_actor(d, &op);
    get_supersedes(d, shape, &op);
    get_body(d, shape, &op);
    if (!d->bad && d->rc == ERR_OK) {
        get_hash(d, &op);
    }
    if (d->bad || d->rc != ERR_OK) {
        return d->rc != ERR_OK ? d->rc : bad_segment(d->err);
    }
    return op_batch_add(ops, &op, d->err);
}

/* ---- the whole ---- */

static void get_seeds(struct head *head, struct source *source)
{
    uint64_t low = op_salt_block(head->first.seq);
    uint64_t high = op_salt_block(head->first.seq + head->count - 1);
    head->seed_count = (size_t)source_varint(source, high - low + 1);
    uint64_t block = 0;
    for (size_t i = 0; i < head->seed_count && !*source->bad; i++) {
        uint64_t step = source_varint(source, high);
        block += step;
        *source->bad |= block < low || block > high || (i > 0 && step == 0);
        struct slice seed = source_bytes(source, OP_SEED_BYTES);
        head->seeds[i].block = block;
        memcpy(head->seeds[i].seed, seed.data, seed.len);
    }
}

static enum err_code get_head(struct slice bytes, struct head *head, struct error *err)
{
    bool bad = false;
    struct source source = source_of(bytes, &bad);
    if (source_varint(&source, UINT64_MAX) != SEGMENT_VERSION) {
        return bad ? bad_segment(err) : FAIL(err, UNSUPPORTED, "read a segment: its version is not known here");
    }
    head->flags = (uint8_t)source_varint(&source, UINT8_MAX);
    bool dictionary = head->flags & SEGMENT_DICTIONARY_1;
    if (head->flags & ~SEGMENT_FLAGS_ALL) {
        return FAIL(err, UNSUPPORTED, "read a segment: it uses features or a dictionary not known here");
    }
    struct slice device = source_bytes(&source, DEVICE_ID_BYTES);
    memcpy(head->first.device, device.data, device.len);
    head->first.incarnation = (uint32_t)source_varint(&source, UINT32_MAX);
    head->first.seq = source_varint(&source, OP_SEQ_MAX);
    head->count = (size_t)source_varint(&source, OP_BATCH_OPS_MAX);
    bad |= dictionary != !!(head->flags & SEGMENT_ZSTD) || head->first.seq == 0 || head->count == 0 ||
           head->first.seq + head->count - 1 > OP_SEQ_MAX;
    if (head->flags & SEGMENT_SIGNED) {
        head->signed_seq = source_varint(&source, OP_SEQ_MAX);
        head->signature = source_bytes(&source, source_varint(&source, SIGNATURE_MAX));
        bad |= head->signed_seq == 0 || head->signature.len == 0;
    }
    if (head->flags & SEGMENT_CERTIFIED) {
        head->certificate = source_bytes(&source, source_varint(&source, CERTIFICATE_DER_MAX));
        bad |= head->certificate.len == 0;
    }
    if (!bad) {
        get_seeds(head, &source);
    }
    head->raw = source_bytes(&source, source_varint(&source, SEGMENT_BYTES_MAX));
    head->packed = source_bytes(&source, source_left(&source));
    return bad ? bad_segment(err) : ERR_OK;
}

static void get_sections(struct decoder *d, struct slice bytes)
{
    if (d->head.flags & SEGMENT_ROWS) {
        d->section_count = 1;
        d->sections[0] = source_of(bytes, &d->bad);
        return;
    }
    struct source source = source_of(bytes, &d->bad);
    d->section_count = (size_t)source_varint(&source, SECTIONS_MAX);
    reject_unless(d, d->section_count >= d->layout.section_count && d->head.count <= bytes.len / COLUMN_BYTES_AN_OP);
    size_t lengths[SECTIONS_MAX] = { 0 };
    for (size_t i = 0; i < d->section_count; i++) {
        lengths[i] = (size_t)source_varint(&source, bytes.len);
    }
    for (size_t i = 0; i < d->section_count; i++) {
        d->sections[i] = source_of(source_bytes(&source, lengths[i]), &d->bad);
    }
    reject_unless(d, source_left(&source) == 0);
}

static enum err_code decoder_start(struct decoder *d, struct slice bytes)
{
    TRY(get_head(bytes, &d->head, d->err));
    struct slice inflated = d->head.packed;
    if (d->head.flags & SEGMENT_ZSTD) {
        TRY(unpack(d->head.packed, &d->inflated, &d->inflated_len, d->err));
        inflated = slice_of(d->inflated, d->inflated_len);
    }
    reject_unless(d, d->head.count <= inflated.len);
    layout_init(&d->layout);
    get_sections(d, inflated);
    d->raw = source_of(d->head.raw, &d->bad);
    d->previous.happened_at_ms = OP_TIME_NONE;
    id_add(d, d->head.first.device);
    return d->bad ? bad_segment(d->err) : d->rc;
}

/* Every section told of was used, and used up. */
static bool decoder_drained(const struct decoder *d)
{
    bool drained =
        source_left(&d->raw) == 0 && (d->head.flags & SEGMENT_ROWS || d->section_count == d->layout.section_count);
    for (size_t i = 0; i < d->section_count; i++) {
        drained &= source_left(&d->sections[i]) == 0;
    }
    return drained;
}

/* What the run borrows beside its ops: the seeds, then the certificate, in one block. */
static enum err_code run_finish(const struct head *head, struct segment *segment, struct error *err)
{
    size_t seeds_len = head->seed_count * sizeof(head->seeds[0]);
    uint8_t *owned = malloc(seeds_len + head->certificate.len + 1);
    if (owned == NULL) {
        return FAIL(err, NO_MEMORY, "read a segment");
    }
    segment->owned = owned;
    memcpy(owned, head->seeds, seeds_len);
    segment->run.seeds = segment->owned;
    segment->run.seed_count = head->seed_count;
    if (head->certificate.len > 0) {
        memcpy(owned + seeds_len, head->certificate.data, head->certificate.len);
    }
    segment->run.certificate = slice_of(owned + seeds_len, head->certificate.len);
    segment->run.signed_seq = head->signed_seq;
    segment->run.signature_len = head->signature.len;
    if (head->signature.len > 0) {
        memcpy(segment->run.signature, head->signature.data, head->signature.len);
    }
    return ERR_OK;
}

static enum err_code decode(struct decoder *d, struct slice bytes, struct segment *segment)
{
    TRY(decoder_start(d, bytes));
    for (size_t i = 0; i < d->head.count; i++) {
        TRY(get_op(d, i, &segment->run.ops));
    }
    if (!decoder_drained(d)) {
        return FAIL(d->err, PROTOCOL, "read a segment: bytes are left over");
    }
    return run_finish(&d->head, segment, d->err);
}

static void decoder_free(struct decoder **at)
{
    struct decoder *d = *at;
    if (d != NULL) {
        layout_fini(&d->layout);
        free(d->ids);
        free(d->inflated);
        free(d);
    }
}

enum err_code segment_decode(struct slice bytes, const uint8_t stream[STREAM_ID_BYTES], struct segment *ret_segment,
                             struct error *err)
{
    if (bytes.len > SEGMENT_BYTES_MAX) {
        return FAIL(err, LIMIT, "read a segment of more than %d bytes", SEGMENT_BYTES_MAX);
    }
    SCOPED(decoder_free) struct decoder *d = calloc(1, sizeof(*d));
    if (d == NULL) {
        return FAIL(err, NO_MEMORY, "read a segment");
    }
    d->stream = stream;
    d->err = err;
    struct segment segment = { 0 };
    op_batch_init(&segment.run.ops);
    enum err_code rc = decode(d, bytes, &segment);
    if (rc != ERR_OK) {
        segment_fini(&segment);
        return rc;
    }
    *ret_segment = segment;
    return ERR_OK;
}

void segment_fini(struct segment *segment)
{
    op_batch_fini(&segment->run.ops);
    free(segment->owned);
    *segment = (struct segment){ 0 };
}
