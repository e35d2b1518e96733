#include "run_maker.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "store/cbor.h"

static const int64_t week_ms = INT64_C(7) * 24 * 3600 * 1000;

uint32_t maker_below(struct run_maker *maker, uint32_t limit)
{
    maker->state ^= maker->state << 13;
    maker->state ^= maker->state >> 7;
    maker->state ^= maker->state << 17;
    return (uint32_t)((maker->state >> 32) * limit >> 32);
}

static uint64_t wide(struct run_maker *maker)
{
    uint64_t value = (uint64_t)maker_below(maker, UINT32_MAX) << 32 | maker_below(maker, UINT32_MAX);
    return value >> maker_below(maker, 64);
}

static void fill(struct run_maker *maker, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)maker_below(maker, 256);
    }
}

/* One of a few ids, so that they come again. */
static void some_id(struct run_maker *maker, uint8_t out[16])
{
    memset(out, 0xa0, 16);
    if (maker->strange && maker_below(maker, 10) == 0) {
        fill(maker, out, 16);
    }
    out[0] = (uint8_t)maker_below(maker, 40);
}

static void put_value(struct run_maker *maker, struct dcbor_writer *w)
{
    uint8_t bytes[64];
    fill(maker, bytes, sizeof(bytes));
    switch (maker_below(maker, 9)) {
    case 0:
        dcbor_put_uint(w, wide(maker));
        break;
    case 1:
        dcbor_put_int(w, -1 - (int64_t)(wide(maker) >> 1));
        break;
    case 2:
        dcbor_put_bytes(w, bytes, maker_below(maker, sizeof(bytes)));
        break;
    case 3:
        some_id(maker, bytes);
        dcbor_put_bytes(w, bytes, 16);
        break;
    case 4:
        dcbor_put_bool(w, maker_below(maker, 2) == 0);
        break;
    case 5:
        dcbor_put_null(w);
        break;
    case 6:
        dcbor_put_array(w, 1);
        dcbor_put_uint(w, 7);
        break;
    default:
        dcbor_put_text(w, slice_of_text(maker_below(maker, 2) == 0 ? "said again" : ""));
    }
}

static void strange_body(struct run_maker *maker, struct buf *out)
{
    struct error err;
    uint8_t bytes[300];
    fill(maker, bytes, sizeof(bytes));
    if (maker_below(maker, 4) == 0) {
        cr_assert_eq(buf_append(out, bytes, maker_below(maker, sizeof(bytes)), &err), ERR_OK);
        return;
    }
    struct dcbor_writer w = dcbor_writer_begin(out, &err);
    size_t count = maker_below(maker, 5) == 0 ? maker_below(maker, 40) : maker_below(maker, 5);
    dcbor_put_map(&w, count);
    uint64_t key = 0;
    for (size_t i = 0; i < count; i++) {
        dcbor_put_uint(&w, key);
        put_value(maker, &w);
        key += 1 + maker_below(maker, maker_below(maker, 20) == 0 ? UINT32_MAX : 2);
    }
    cr_assert_eq(dcbor_writer_end(&w), ERR_OK);
    if (out->len > 0 && maker_below(maker, 6) == 0) {
        out->data[maker_below(maker, (uint32_t)out->len)] ^= (uint8_t)(1 << maker_below(maker, 8));
    }
}

static void attendance_body(struct run_maker *maker, struct buf *out)
{
    struct error err;
    char note[64];
    struct record record;
    record_init(&record, kind_by_number(KIND_ATTENDANCE));
    record_set_number(&record, "outcome", 1 + maker_below(maker, 7));
    if (maker_below(maker, 2) == 0) {
        record_set_number(&record, "minutes", 5 * maker_below(maker, 90));
    }
    (void)snprintf(note, sizeof(note), "Said so at %u:%02u.", maker_below(maker, 24), maker_below(maker, 60));
    record_set_text(&record, "note", note);
    cr_assert_eq(record_encode(&record, out, &err), ERR_OK);
}

static void strange_members(struct run_maker *maker, struct op *op)
{
    op->kind = maker_below(maker, 4) == 0 ? (uint32_t)wide(maker) : 1 + maker_below(maker, 9);
    op->subject_len = maker_below(maker, 2) == 0 ? OP_ENTITY_BYTES : OP_SESSION_BYTES;
    op->offset_ms = (int64_t)(wide(maker) % (uint64_t)OP_TIME_MAX_MS) * (maker_below(maker, 2) == 0 ? 1 : -1);
    op->hlc = wide(maker) >> 1;
    if (maker_below(maker, 5) == 0) {
        op->recorded_at_ms = (int64_t)(wide(maker) % (uint64_t)OP_TIME_MAX_MS) * (maker_below(maker, 2) == 0 ? 1 : -1);
    }
}

static void some_supersedes(struct run_maker *maker, struct op *op, struct op_id *ids)
{
    op->supersedes = ids;
    op->supersedes_count = maker_below(maker, 4) == 0 ? maker_below(maker, OP_SUPERSEDES_MAX + 1) : 0;
    for (size_t i = 0; i < op->supersedes_count; i++) {
        ids[i] = op->id;
        ids[i].seq = wide(maker) & OP_SEQ_MAX;
        if (maker_below(maker, 3) == 0) {
            some_id(maker, ids[i].device);
            ids[i].incarnation = (uint32_t)wide(maker);
        }
    }
}

static const struct store_seed *seed_of(const struct made_run *run, uint64_t block)
{
    for (size_t i = 0; i < run->seed_count; i++) {
        if (run->seeds[i].block == block) {
            return &run->seeds[i];
        }
    }
    return NULL;
}

static void add_op(struct run_maker *maker, struct op *op, struct made_run *run)
{
    static const char *const actors[] = { "jo.hart", "m.okafor", "", "Ŵyn" };
    struct error err;
    struct op_id supersedes[OP_SUPERSEDES_MAX];
    struct buf body;
    buf_init(&body, OP_BODY_MAX);
    op->actor = slice_of_text(actors[maker_below(maker, ARRAY_LEN(actors))]);
    op->recorded_at_ms += maker_below(maker, 60000);
    op->hlc = ((uint64_t)op->recorded_at_ms << 16) + maker_below(maker, 3);
    op->kind = KIND_ATTENDANCE;
    op->subject_len = OP_SESSION_BYTES;
    if (maker->strange) {
        strange_members(maker, op);
    }
    memset(op->subject, 0, sizeof(op->subject));
    some_id(maker, op->subject);
    if (op->subject_len == OP_SESSION_BYTES) {
        put_be32(op->subject + OP_ENTITY_BYTES, maker->strange ? (uint32_t)wide(maker) : 82000 + (uint32_t)op->id.seq);
    }
    op->happened_at_ms = maker_below(maker, 3) == 0 ? op->recorded_at_ms % week_ms : OP_TIME_NONE;
    some_supersedes(maker, op, supersedes);
    op->erased = maker_below(maker, 100) < maker->erased_percent;
    memset(op->salt, 0, sizeof(op->salt));
    if (op->erased) {
        fill(maker, op->body_hash, sizeof(op->body_hash));
    } else {
        maker->strange ? strange_body(maker, &body) : attendance_body(maker, &body);
        const struct store_seed *seed = seed_of(run, op_salt_block(op->id.seq));
        if (seed != NULL) {
            op_salt(seed->seed, op->id.seq, op->salt);
        } else {
            fill(maker, op->salt, sizeof(op->salt));
        }
        op_body_hash(op->salt, buf_slice(&body), op->body_hash);
    }
    op->body = buf_slice(&body);
    cr_assert_eq(op_batch_add(&run->ops, op, &err), ERR_OK);
    buf_fini(&body);
}

void run_make(struct run_maker *maker, struct made_run *ret_run)
{
    *ret_run = (struct made_run){ 0 };
    op_batch_init(&ret_run->ops);
    uint64_t high = op_salt_block(maker->first_seq + maker->count - 1);
    for (uint64_t block = op_salt_block(maker->first_seq); block <= high; block++) {
        if (maker_below(maker, 100) < maker->seeded_percent) {
            struct store_seed *seed = &ret_run->seeds[ret_run->seed_count++];
            seed->block = block;
            fill(maker, seed->seed, sizeof(seed->seed));
        }
    }
    struct op op = { .id.incarnation = maker_below(maker, 5), .recorded_at_ms = INT64_C(1790000000000) };
    fill(maker, op.id.device, sizeof(op.id.device));
    fill(maker, op.stream, sizeof(op.stream));
    for (size_t i = 0; i < maker->count; i++) {
        op.id.seq = maker->first_seq + i;
        add_op(maker, &op, ret_run);
    }
}

void made_run_fini(struct made_run *run)
{
    op_batch_fini(&run->ops);
}

static void op_assert_equal(const struct op *a, const struct op *b, size_t i)
{
    cr_assert_eq(op_id_compare(&a->id, &b->id), 0, "id of op %zu", i);
    cr_assert_arr_eq(a->stream, b->stream, STREAM_ID_BYTES);
    cr_assert_eq(a->kind, b->kind);
    cr_assert_eq(a->subject_len, b->subject_len);
    cr_assert_arr_eq(a->subject, b->subject, a->subject_len);
    cr_assert_eq(a->erased, b->erased);
    cr_assert(slice_equal(a->actor, b->actor), "actor of op %zu", i);
    cr_assert_eq(a->recorded_at_ms, b->recorded_at_ms);
    cr_assert_eq(a->offset_ms, b->offset_ms);
    cr_assert_eq(a->hlc, b->hlc);
    cr_assert_eq(a->happened_at_ms, b->happened_at_ms);
    cr_assert_eq(a->supersedes_count, b->supersedes_count);
    for (size_t j = 0; j < a->supersedes_count; j++) {
        cr_assert_eq(op_id_compare(&a->supersedes[j], &b->supersedes[j]), 0, "superseded %zu of op %zu", j, i);
    }
    cr_assert_arr_eq(a->salt, b->salt, OP_SALT_BYTES);
    cr_assert(slice_equal(a->body, b->body), "body of op %zu", i);
    cr_assert_arr_eq(a->body_hash, b->body_hash, SHA256_BYTES);
}

void run_assert_equal(const struct op_batch *expected, const struct op_batch *actual)
{
    cr_assert_eq(expected->count, actual->count);
    for (size_t i = 0; i < expected->count; i++) {
        op_assert_equal(&expected->ops[i], &actual->ops[i], i);
    }
}
