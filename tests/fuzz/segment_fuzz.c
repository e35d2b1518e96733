/*
 * The segment decoder, on hostile bytes: what it lets through must encode again and decode to the same. Then the same
 * bytes as the body of an op: any body must come back to the bit.
 */
#include <stdint.h>
#include <string.h>

#include "sync/segment.h"

static const uint8_t stream[STREAM_ID_BYTES] = "sixteen octets!";

static void check_equal(const struct op_batch *a, const struct op_batch *b)
{
    CHECK(a->count == b->count);
    for (size_t i = 0; i < a->count; i++) {
        struct buf header[2];
        for (int side = 0; side < 2; side++) {
            struct error err;
            buf_init(&header[side], OP_HEADER_MAX);
            CHECK(op_header_encode(side == 0 ? &a->ops[i] : &b->ops[i], &header[side], &err) == ERR_OK);
        }
        CHECK(slice_equal(buf_slice(&header[0]), buf_slice(&header[1])));
        CHECK(slice_equal(a->ops[i].body, b->ops[i].body));
        buf_fini(&header[0]);
        buf_fini(&header[1]);
    }
}

static void check_again(const struct op_batch *ops, const struct store_seed *seeds, size_t seed_count)
{
    struct error err;
    struct segment_signature none = { 0 };
    struct segment again;
    struct buf out;
    buf_init(&out, SEGMENT_BYTES_MAX);
    enum err_code rc = segment_encode(ops, seeds, seed_count, &none, slice_of("", 0), &out, &err);
    if (rc == ERR_OK) {
        CHECK(segment_decode(buf_slice(&out), stream, &again, &err) == ERR_OK);
        check_equal(ops, &again.run.ops);
        segment_fini(&again);
    } else {
        CHECK(rc == ERR_LIMIT);
    }
    buf_fini(&out);
}

static void as_segment(const uint8_t *data, size_t size)
{
    struct error err;
    struct segment segment;
    if (segment_decode(slice_of(data, size), stream, &segment, &err) == ERR_OK) {
        check_again(&segment.run.ops, segment.run.seeds, segment.run.seed_count);
        segment_fini(&segment);
    }
}

static void as_body(const uint8_t *data, size_t size)
{
    struct error err;
    struct op_batch ops;
    struct op op = { .id.seq = 1, .kind = 5, .subject_len = OP_ENTITY_BYTES, .happened_at_ms = OP_TIME_NONE };
    op_batch_init(&ops);
    memcpy(op.stream, stream, sizeof(stream));
    op.actor = slice_of_text("fuzz");
    for (; op.id.seq <= 8; op.id.seq++) {
        /* each op's body is cut shorter, so that shapes and columns differ */
        op.body = slice_of(data, size / op.id.seq);
        op_body_hash(op.salt, op.body, op.body_hash);
        CHECK(op_batch_add(&ops, &op, &err) == ERR_OK);
    }
    check_again(&ops, NULL, 0);
    op_batch_fini(&ops);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    as_segment(data, size);
    if (size <= OP_BODY_MAX) {
        as_body(data, size);
    }
    return 0;
}
