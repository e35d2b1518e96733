#include "store/op.h"

#include <stdlib.h>
#include <string.h>

#include "store/cbor.h"

enum { HEADER_VERSION = 1, HEADER_MEMBERS = 14, CHUNK_BYTES = 65536, SLOTS_A_DAY = 4 };

int op_id_compare(const struct op_id *a, const struct op_id *b)
{
    int order = memcmp(a->device, b->device, DEVICE_ID_BYTES);
    if (order != 0) {
        return order;
    }
    if (a->incarnation != b->incarnation) {
        return a->incarnation < b->incarnation ? -1 : 1;
    }
    return a->seq == b->seq ? 0 : a->seq < b->seq ? -1 : 1;
}

int op_compare(const struct op *a, const struct op *b)
{
    return a->hlc != b->hlc ? (a->hlc < b->hlc ? -1 : 1) : op_id_compare(&a->id, &b->id);
}

enum err_code op_header_encode(const struct op *op, struct buf *out, struct error *err)
{
    struct dcbor_writer w = dcbor_writer_begin(out, err);
    dcbor_put_array(&w, HEADER_MEMBERS);
    dcbor_put_uint(&w, HEADER_VERSION);
    dcbor_put_bytes(&w, op->stream, STREAM_ID_BYTES);
    dcbor_put_bytes(&w, op->id.device, DEVICE_ID_BYTES);
    dcbor_put_uint(&w, op->id.incarnation);
    dcbor_put_uint(&w, op->id.seq);
    dcbor_put_uint(&w, op->kind);
    dcbor_put_bytes(&w, op->subject, op->subject_len);
    dcbor_put_text(&w, op->actor);
    dcbor_put_int(&w, op->recorded_at_ms);
    dcbor_put_int(&w, op->offset_ms);
    dcbor_put_uint(&w, op->hlc);
    if (op->happened_at_ms == OP_TIME_NONE) {
        dcbor_put_null(&w);
    } else {
        dcbor_put_int(&w, op->happened_at_ms);
    }
    dcbor_put_array(&w, op->supersedes_count);
    for (size_t i = 0; i < op->supersedes_count; i++) {
        dcbor_put_array(&w, 3);
        dcbor_put_bytes(&w, op->supersedes[i].device, DEVICE_ID_BYTES);
        dcbor_put_uint(&w, op->supersedes[i].incarnation);
        dcbor_put_uint(&w, op->supersedes[i].seq);
    }
    dcbor_put_bytes(&w, op->body_hash, SHA256_BYTES);
    return dcbor_writer_end(&w);
}

static int64_t get_time(struct dcbor_reader *r)
{
    return dcbor_get_int(r, -OP_TIME_MAX_MS, OP_TIME_MAX_MS);
}

static void get_op_id(struct dcbor_reader *r, struct op_id *id)
{
    dcbor_get_fixed(r, id->device, DEVICE_ID_BYTES);
    id->incarnation = (uint32_t)dcbor_get_uint(r, UINT32_MAX);
    id->seq = dcbor_get_uint(r, OP_SEQ_MAX);
}

static void get_subject(struct dcbor_reader *r, struct op *op)
{
    struct slice subject = dcbor_get_bytes(r, OP_ENTITY_BYTES, OP_SUBJECT_MAX);
    if (subject.len != OP_ENTITY_BYTES && subject.len != OP_SESSION_BYTES) {
        dcbor_reject(r, "a subject is neither an entity nor a session");
        return;
    }
    memcpy(op->subject, subject.data, subject.len);
    op->subject_len = (uint8_t)subject.len;
}

static void get_supersedes(struct dcbor_reader *r, struct op *op, struct op_id *supersedes)
{
    op->supersedes_count = dcbor_get_array(r, OP_SUPERSEDES_MAX);
    op->supersedes = supersedes;
    for (size_t i = 0; i < op->supersedes_count && dcbor_ok(r); i++) {
        if (dcbor_get_array(r, 3) != 3) {
            dcbor_reject(r, "an op id has three members");
        }
        get_op_id(r, &supersedes[i]);
    }
}

enum err_code op_header_decode(struct slice header, struct op *ret_op, struct op_id ret_supersedes[OP_SUPERSEDES_MAX],
                               struct error *err)
{
    struct op op = { 0 };
    struct dcbor_reader r = dcbor_reader_begin(header, err);
    if (dcbor_get_array(&r, HEADER_MEMBERS) != HEADER_MEMBERS || dcbor_get_uint(&r, UINT32_MAX) != HEADER_VERSION) {
        dcbor_reject(&r, "expected an op header of version 1");
    }
    dcbor_get_fixed(&r, op.stream, STREAM_ID_BYTES);
    get_op_id(&r, &op.id);
    op.kind = (uint32_t)dcbor_get_uint(&r, UINT32_MAX);
    get_subject(&r, &op);
    op.actor = dcbor_get_text(&r, OP_ACTOR_MAX);
    op.recorded_at_ms = get_time(&r);
    op.offset_ms = dcbor_get_int(&r, -OP_TIME_MAX_MS, OP_TIME_MAX_MS);
    op.hlc = dcbor_get_uint(&r, INT64_MAX);
    op.happened_at_ms = OP_TIME_NONE;
    if (dcbor_peek(&r) == DCBOR_NULL) {
        dcbor_get_null(&r);
    } else {
        op.happened_at_ms = get_time(&r);
    }
    get_supersedes(&r, &op, ret_supersedes);
    dcbor_get_fixed(&r, op.body_hash, SHA256_BYTES);
    TRY(dcbor_reader_end(&r));
    *ret_op = op;
    return ERR_OK;
}

void op_salt(const uint8_t seed[OP_SEED_BYTES], uint64_t seq, uint8_t out[OP_SALT_BYTES])
{
    uint8_t message[8];
    uint8_t mac[SHA256_BYTES];
    put_be64(message, seq);
    hmac_sha256(slice_of(seed, OP_SEED_BYTES), slice_of(message, sizeof(message)), mac);
    memcpy(out, mac, OP_SALT_BYTES);
}

uint64_t op_salt_block(uint64_t seq)
{
    CHECK(seq > 0);
    return (seq - 1) / OP_SALT_BLOCK;
}

void op_body_hash(const uint8_t salt[OP_SALT_BYTES], struct slice body, uint8_t out[SHA256_BYTES])
{
    struct slice parts[] = { slice_of(salt, OP_SALT_BYTES), body };
    sha256(parts, ARRAY_LEN(parts), out);
}

void op_link_first(const uint8_t stream[STREAM_ID_BYTES], const uint8_t device[DEVICE_ID_BYTES], uint32_t incarnation,
                   uint8_t out[SHA256_BYTES])
{
    uint8_t number[4];
    put_be32(number, incarnation);
    struct slice parts[] = { slice_of_text("holdfast/chain/v1"), slice_of(stream, STREAM_ID_BYTES),
                             slice_of(device, DEVICE_ID_BYTES), slice_of(number, sizeof(number)) };
    sha256(parts, ARRAY_LEN(parts), out);
}

void op_link_next(const uint8_t link[SHA256_BYTES], struct slice header, uint8_t out[SHA256_BYTES])
{
    struct slice parts[] = { slice_of(link, SHA256_BYTES), header };
    sha256(parts, ARRAY_LEN(parts), out);
}

void op_link_message(const uint8_t stream[STREAM_ID_BYTES], const struct op_id *newest,
                     const uint8_t link[SHA256_BYTES], uint8_t out[OP_LINK_MESSAGE_BYTES])
{
    memcpy(out, stream, STREAM_ID_BYTES);
    out += STREAM_ID_BYTES;
    memcpy(out, newest->device, DEVICE_ID_BYTES);
    out += DEVICE_ID_BYTES;
    put_be32(out, newest->incarnation);
    put_be64(out + 4, newest->seq);
    memcpy(out + 12, link, SHA256_BYTES);
}

void op_receipt_message(const uint8_t stream[STREAM_ID_BYTES], const struct op_id *acked,
                        const uint8_t link[SHA256_BYTES], int64_t at_ms, uint8_t out[OP_RECEIPT_MESSAGE_BYTES])
{
    op_link_message(stream, acked, link, out);
    put_be64(out + OP_LINK_MESSAGE_BYTES, (uint64_t)at_ms);
}

/* ---- batches ---- */

struct op_chunk {
    struct op_chunk *next;
    size_t used;
    size_t size;
    max_align_t bytes[];
};

void op_batch_init(struct op_batch *batch)
{
    *batch = (struct op_batch){ 0 };
}

void op_batch_clear(struct op_batch *batch)
{
    while (batch->chunks != NULL) {
        struct op_chunk *chunk = batch->chunks;
        batch->chunks = chunk->next;
        free(chunk);
    }
    batch->count = 0;
    batch->bytes = 0;
}

void op_batch_fini(struct op_batch *batch)
{
    op_batch_clear(batch);
    free(batch->ops);
    *batch = (struct op_batch){ 0 };
}

void *op_batch_take(struct op_batch *batch, size_t len)
{
    size_t aligned = (len + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (aligned < len || aligned > OP_BATCH_BYTES_MAX - batch->bytes) {
        return NULL;
    }
    struct op_chunk *chunk = batch->chunks;
    if (chunk == NULL || aligned > chunk->size - chunk->used) {
        size_t size = aligned > CHUNK_BYTES ? aligned : CHUNK_BYTES;
        chunk = malloc(sizeof(*chunk) + size);
        if (chunk == NULL) {
            return NULL;
        }
        *chunk = (struct op_chunk){ .next = batch->chunks, .size = size };
        batch->chunks = chunk;
    }
    void *taken = (uint8_t *)chunk->bytes + chunk->used;
    chunk->used += aligned;
    batch->bytes += aligned;
    return taken;
}

static enum err_code batch_room(struct op_batch *batch, struct error *err)
{
    if (batch->count == OP_BATCH_OPS_MAX) {
        return FAIL(err, LIMIT, "hold more than %d records in one batch", OP_BATCH_OPS_MAX);
    }
    if (batch->count < batch->capacity) {
        return ERR_OK;
    }
    size_t capacity = batch->capacity == 0 ? 16 : 2 * batch->capacity;
    struct op *ops = realloc(batch->ops, capacity * sizeof(*ops));
    if (ops == NULL) {
        return FAIL(err, NO_MEMORY, "hold %zu records", capacity);
    }
    batch->ops = ops;
    batch->capacity = capacity;
    return ERR_OK;
}

enum err_code op_batch_add(struct op_batch *batch, const struct op *op, struct error *err)
{
    TRY(batch_room(batch, err));
    size_t ids_len = op->supersedes_count * sizeof(struct op_id);
    uint8_t *bytes = op_batch_take(batch, ids_len + op->actor.len + op->body.len);
    if (bytes == NULL) {
        return FAIL(err, LIMIT, "hold more than %d bytes of records in one batch", OP_BATCH_BYTES_MAX);
    }
    struct op *copy = &batch->ops[batch->count++];
    *copy = *op;
    copy->supersedes = ids_len > 0 ? memcpy(bytes, op->supersedes, ids_len) : NULL;
    bytes += ids_len;
    copy->actor = slice_of(op->actor.len > 0 ? memcpy(bytes, op->actor.data, op->actor.len) : bytes, op->actor.len);
    bytes += op->actor.len;
    copy->body = slice_of(op->body.len > 0 ? memcpy(bytes, op->body.data, op->body.len) : bytes, op->body.len);
    return ERR_OK;
}

/* ---- names of things ---- */

void entity_id(const uint8_t stream[STREAM_ID_BYTES], const char *kind, const char *key, uint8_t out[OP_ENTITY_BYTES])
{
    /* kind || 0 || key: no kind and key run into each other */
    uint8_t hash[SHA256_BYTES];
    uint8_t mac[SHA256_BYTES];
    struct slice parts[] = { slice_of(kind, strlen(kind) + 1), slice_of_text(key) };
    sha256(parts, ARRAY_LEN(parts), hash);
    hmac_sha256(slice_of(stream, STREAM_ID_BYTES), slice_of(hash, sizeof(hash)), mac);
    memcpy(out, mac, OP_ENTITY_BYTES);
}

void id_name_placement(const uint8_t placement[OP_ENTITY_BYTES], uint8_t id[OP_ENTITY_BYTES])
{
    memcpy(id, placement, NAMED_PLACEMENT_BYTES);
}

void session_subject(const uint8_t placement[OP_ENTITY_BYTES], int32_t day, int slot, uint8_t out[OP_SESSION_BYTES])
{
    CHECK(slot >= 0 && slot < SLOTS_A_DAY);
    memcpy(out, placement, OP_ENTITY_BYTES);
    put_be32(out + OP_ENTITY_BYTES, (uint32_t)day * SLOTS_A_DAY + (uint32_t)slot);
}

void session_of_subject(const uint8_t subject[OP_SESSION_BYTES], int32_t *ret_day, int *ret_slot)
{
    uint32_t number = get_be32(subject + OP_ENTITY_BYTES);
    /* two's complement through the high bits, so that days before 1970 come back */
    *ret_day = (int32_t)(number / SLOTS_A_DAY);
    if (number & UINT32_C(0x80000000)) {
        *ret_day -= (int32_t)(UINT32_C(1) << 30);
    }
    *ret_slot = (int)(number % SLOTS_A_DAY);
}
