#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "run_maker.h"
#include "store/cbor.h"
#include "sync/segment_wire.h"

static const struct segment_signature unsigned_run;

static void encode(const struct made_run *run, struct buf *out)
{
    struct error err;
    cr_assert_eq(segment_encode(&run->ops, run->seeds, run->seed_count, &unsigned_run, slice_of("", 0), out, &err),
                 ERR_OK, "%s", err.message);
}

static enum err_code decode(struct slice bytes, struct segment *ret_segment, struct error *err)
{
    static const uint8_t stream[STREAM_ID_BYTES];
    return segment_decode(bytes, stream, ret_segment, err);
}

/* Encodes, decodes and compares; the length of the segment. */
static size_t round_trip(const struct made_run *run)
{
    struct error err;
    struct buf out;
    struct segment segment;
    buf_init(&out, SEGMENT_BYTES_MAX);
    encode(run, &out);
    cr_assert_eq(segment_decode(buf_slice(&out), run->ops.ops[0].stream, &segment, &err), ERR_OK, "%s", err.message);
    run_assert_equal(&run->ops, &segment.run.ops);
    cr_assert_eq(segment.run.seed_count, run->seed_count);
    for (size_t i = 0; i < run->seed_count; i++) {
        cr_assert_eq(segment.run.seeds[i].block, run->seeds[i].block);
        cr_assert_arr_eq(segment.run.seeds[i].seed, run->seeds[i].seed, OP_SEED_BYTES);
    }
    size_t len = out.len;
    segment_fini(&segment);
    buf_fini(&out);
    return len;
}

static size_t round_trip_made(struct run_maker maker)
{
    struct made_run run;
    run_make(&maker, &run);
    size_t len = round_trip(&run);
    made_run_fini(&run);
    return len;
}

Test(segment, brings_every_member_of_strange_runs_back_to_the_bit)
{
    for (uint64_t seed = 1; seed <= 150; seed++) {
        struct run_maker maker = { .state = seed * 7919, .strange = true, .erased_percent = seed % 3 == 0 ? 30 : 0 };
        maker.count = 1 + maker_below(&maker, seed % 10 == 0 ? 700 : 40);
        maker.first_seq = 1 + maker_below(&maker, 1000);
        maker.seeded_percent = 33 * (unsigned)(seed % 4);
        (void)round_trip_made(maker);
    }
}

Test(segment, brings_a_site_s_register_back_at_every_small_length)
{
    for (size_t count = 1; count <= 20; count++) {
        (void)round_trip_made(
            (struct run_maker){ .state = count, .count = count, .first_seq = 250, .seeded_percent = 100 });
    }
}

Test(segment, carries_the_longest_run_and_the_last_sequence_number)
{
    (void)round_trip_made((struct run_maker){
        .state = 5, .count = OP_BATCH_OPS_MAX, .first_seq = OP_SEQ_MAX - OP_BATCH_OPS_MAX + 1, .seeded_percent = 100 });
}

Test(segment, costs_little_for_a_single_op)
{
    size_t len = round_trip_made((struct run_maker){ .state = 3, .count = 1, .first_seq = 300, .seeded_percent = 100 });
    cr_assert_leq(len, 150, "%zu bytes", len);
}

Test(segment, costs_little_for_each_of_many_ops)
{
    size_t len =
        round_trip_made((struct run_maker){ .state = 3, .count = 10000, .first_seq = 1, .seeded_percent = 100 });
    cr_assert_leq(len, 24 * 10000, "%zu bytes", len);
}

Test(segment, carries_signature_and_certificate)
{
    struct error err;
    struct run_maker maker = { .state = 9, .count = 3, .first_seq = 1, .seeded_percent = 100 };
    struct made_run run;
    run_make(&maker, &run);
    struct segment_signature signature = { .seq = 3, .len = 71 };
    memset(signature.bytes, 0x5a, sizeof(signature.bytes));
    uint8_t certificate[600];
    memset(certificate, 0x30, sizeof(certificate));
    struct buf out;
    buf_init(&out, SEGMENT_BYTES_MAX);
    cr_assert_eq(segment_encode(&run.ops, run.seeds, run.seed_count, &signature,
                                slice_of(certificate, sizeof(certificate)), &out, &err),
                 ERR_OK);
    struct segment segment;
    cr_assert_eq(decode(buf_slice(&out), &segment, &err), ERR_OK);
    /* what the run borrows outlives the bytes it came from */
    buf_fini(&out);
    cr_assert_eq(segment.run.signed_seq, 3);
    cr_assert_eq(segment.run.signature_len, 71);
    cr_assert_arr_eq(segment.run.signature, signature.bytes, 71);
    cr_assert(slice_equal(segment.run.certificate, slice_of(certificate, sizeof(certificate))));
    segment_fini(&segment);
    made_run_fini(&run);
}

Test(segment, appends_to_what_is_there)
{
    struct error err;
    struct run_maker maker = { .state = 9, .count = 3, .first_seq = 1, .seeded_percent = 100 };
    struct made_run run;
    run_make(&maker, &run);
    struct buf out;
    buf_init(&out, SEGMENT_BYTES_MAX);
    cr_assert_eq(buf_append(&out, "before", 6, &err), ERR_OK);
    encode(&run, &out);
    cr_assert_arr_eq(out.data, "before", 6);
    struct segment segment;
    cr_assert_eq(decode(slice_of(out.data + 6, out.len - 6), &segment, &err), ERR_OK);
    segment_fini(&segment);
    buf_fini(&out);
    made_run_fini(&run);
}

/* ---- what does not encode ---- */

static enum err_code encode_changed(void (*change)(struct made_run *run))
{
    struct error err;
    struct run_maker maker = { .state = 9, .count = 3, .first_seq = 1, .seeded_percent = 100 };
    struct made_run run;
    run_make(&maker, &run);
    change(&run);
    struct buf out;
    buf_init(&out, SEGMENT_BYTES_MAX);
    enum err_code rc = segment_encode(&run.ops, run.seeds, run.seed_count, &unsigned_run, slice_of("", 0), &out, &err);
    cr_assert_eq(out.len, 0);
    buf_fini(&out);
    made_run_fini(&run);
    return rc;
}

static void gap(struct made_run *run)
{
    run->ops.ops[2].id.seq++;
}

static void other_device(struct made_run *run)
{
    run->ops.ops[1].id.device[0] ^= 1;
}

static void other_incarnation(struct made_run *run)
{
    run->ops.ops[1].id.incarnation++;
}

static void other_stream(struct made_run *run)
{
    run->ops.ops[1].stream[0] ^= 1;
}

static void odd_subject(struct made_run *run)
{
    run->ops.ops[1].subject_len = 17;
}

static void far_time(struct made_run *run)
{
    run->ops.ops[1].recorded_at_ms = OP_TIME_MAX_MS + 1;
}

static void far_clock(struct made_run *run)
{
    run->ops.ops[1].hlc = UINT64_MAX;
}

static void seed_of_another_block(struct made_run *run)
{
    run->seeds[0].block = 1;
}

Test(segment, refuses_a_run_that_is_none)
{
    void (*const changes[])(struct made_run *) = {
        gap, other_device, other_incarnation, other_stream, odd_subject, far_time, far_clock, seed_of_another_block
    };
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        cr_assert_eq(encode_changed(changes[i]), ERR_INVALID, "change %zu", i);
    }
}

static void nothing(struct made_run *run)
{
    run->ops.count = 0;
}

Test(segment, refuses_an_empty_run)
{
    cr_assert_eq(encode_changed(nothing), ERR_LIMIT);
}

/* ---- hostile bytes ---- */

Test(segment, reads_no_prefix_of_a_segment)
{
    struct error err;
    for (size_t count = 3; count <= 30; count += 27) {
        struct run_maker maker = { .state = 21, .count = count, .first_seq = 1, .seeded_percent = 50 };
        struct made_run run;
        run_make(&maker, &run);
        struct buf out;
        buf_init(&out, SEGMENT_BYTES_MAX);
        encode(&run, &out);
        for (size_t len = 0; len < out.len; len++) {
            struct segment segment;
            uint8_t *copy = malloc(len + 1); /* its own block, so that the sanitizer sees a read past the end */
            memcpy(copy, out.data, len);
            enum err_code rc = decode(slice_of(copy, len), &segment, &err);
            cr_assert(rc == ERR_PROTOCOL || rc == ERR_LIMIT, "prefix of %zu bytes: %s", len, err_code_name(rc));
            free(copy);
        }
        buf_fini(&out);
        made_run_fini(&run);
    }
}

Test(segment, refuses_bytes_left_over)
{
    struct error err;
    struct run_maker maker = { .state = 21, .count = 30, .first_seq = 1, .seeded_percent = 100 };
    struct made_run run;
    run_make(&maker, &run);
    struct buf out;
    buf_init(&out, SEGMENT_BYTES_MAX);
    encode(&run, &out);
    cr_assert_eq(buf_append(&out, "", 1, &err), ERR_OK);
    struct segment segment;
    cr_assert_eq(decode(buf_slice(&out), &segment, &err), ERR_PROTOCOL);
    buf_fini(&out);
    made_run_fini(&run);
}

/* What a decoder lets through must be fit for the log: headers that read, bodies that hash as said. */
static void ops_assert_sound(const struct op_batch *ops)
{
    struct error err;
    struct buf header;
    buf_init(&header, OP_HEADER_MAX);
    for (size_t i = 0; i < ops->count; i++) {
        const struct op *op = &ops->ops[i];
        struct op read;
        struct op_id supersedes[OP_SUPERSEDES_MAX];
        uint8_t hash[SHA256_BYTES];
        buf_clear(&header);
        cr_assert_eq(op_header_encode(op, &header, &err), ERR_OK, "%s", err.message);
        cr_assert_eq(op_header_decode(buf_slice(&header), &read, supersedes, &err), ERR_OK, "%s", err.message);
        op_body_hash(op->salt, op->body, hash);
        cr_assert(op->erased || memcmp(hash, op->body_hash, SHA256_BYTES) == 0);
        cr_assert_leq(op->body.len, OP_BODY_MAX);
    }
    buf_fini(&header);
}

Test(segment, every_flipped_bit_is_refused_or_gives_ops_fit_for_the_log)
{
    struct error err;
    size_t refused = 0;
    for (size_t count = 4; count <= 12; count += 8) {
        struct run_maker maker = {
            .state = 33, .count = count, .first_seq = 250, .strange = true, .erased_percent = 10
        };
        struct made_run run;
        run_make(&maker, &run);
        struct buf out;
        buf_init(&out, SEGMENT_BYTES_MAX);
        encode(&run, &out);
        for (size_t bit = 0; bit < 8 * out.len; bit++) {
            struct segment segment;
            out.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            enum err_code rc = decode(buf_slice(&out), &segment, &err);
            out.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
            if (rc == ERR_OK) {
                ops_assert_sound(&segment.run.ops);
                segment_fini(&segment);
            } else {
                cr_assert(rc == ERR_PROTOCOL || rc == ERR_LIMIT || rc == ERR_UNSUPPORTED, "%s", err.message);
                refused++;
            }
        }
        buf_fini(&out);
        made_run_fini(&run);
    }
    cr_assert_gt(refused, 0);
}

/* A head of `count` ops by row, not compressed, then `packed`. */
static void hand_made(uint8_t flags, uint64_t count, const void *packed, size_t packed_len, struct buf *out)
{
    struct error err;
    struct sink sink;
    sink_init(&sink, SEGMENT_BYTES_MAX, &err);
    sink_byte(&sink, SEGMENT_VERSION);
    sink_byte(&sink, flags);
    sink_bytes(&sink, slice_of("0123456789abcdef", DEVICE_ID_BYTES));
    sink_varint(&sink, 1);
    sink_varint(&sink, 1);
    sink_varint(&sink, count);
    sink_varint(&sink, 0);
    sink_varint(&sink, 0);
    sink_bytes(&sink, slice_of(packed, packed_len));
    cr_assert_eq(sink.rc, ERR_OK);
    cr_assert_eq(buf_append(out, sink.buf.data, sink.buf.len, &err), ERR_OK);
    sink_fini(&sink);
}

static enum err_code decode_hand_made(uint8_t flags, uint64_t count, const void *packed, size_t packed_len)
{
    struct error err;
    struct buf out;
    struct segment segment;
    buf_init(&out, SEGMENT_BYTES_MAX + 64);
    hand_made(flags, count, packed, packed_len, &out);
    enum err_code rc = decode(buf_slice(&out), &segment, &err);
    if (rc == ERR_OK) {
        segment_fini(&segment);
    }
    buf_fini(&out);
    return rc;
}

Test(segment, refuses_counts_that_its_bytes_cannot_hold)
{
    static const uint8_t zeros[64];
    cr_assert_eq(decode_hand_made(SEGMENT_ROWS, 0, zeros, sizeof(zeros)), ERR_PROTOCOL);
    cr_assert_eq(decode_hand_made(SEGMENT_ROWS, sizeof(zeros) + 1, zeros, sizeof(zeros)), ERR_PROTOCOL);
    cr_assert_eq(decode_hand_made(SEGMENT_ROWS, OP_BATCH_OPS_MAX + 1, zeros, sizeof(zeros)), ERR_PROTOCOL);
    cr_assert_eq(decode_hand_made(0, 20, zeros, sizeof(zeros)), ERR_PROTOCOL);
}

Test(segment, refuses_features_and_versions_it_does_not_know)
{
    struct error err;
    struct segment segment;
    static const uint8_t zeros[64];
    cr_assert_eq(decode_hand_made(SEGMENT_ROWS | 0x20, 1, zeros, sizeof(zeros)), ERR_UNSUPPORTED);
    cr_assert_eq(decode(slice_of("\x02\x00", 2), &segment, &err), ERR_UNSUPPORTED);
}

Test(segment, refuses_to_inflate_past_its_limit)
{
    /* a frame that says 9 MiB, as the format has it: no magic, descriptor with a content size of 4 bytes */
    static const uint8_t frame[] = { 0xa0, 0x00, 0x00, 0x90, 0x00, 0x01, 0x00, 0x00 };
    cr_assert_eq(decode_hand_made(SEGMENT_ZSTD | SEGMENT_DICTIONARY_1 | SEGMENT_ROWS, 1, frame, sizeof(frame)),
                 ERR_LIMIT);
}

Test(segment, refuses_bodies_that_add_up_to_more_than_a_batch_holds)
{
    /* one long text, then the same by its number again and again: a hundred bytes would become gigabytes */
    struct error err;
    struct sink sink;
    uint8_t text[16000];
    memset(text, 'x', sizeof(text));
    sink_init(&sink, SEGMENT_INFLATED_MAX, &err);
    enum { COUNT = 1000 };
    for (int i = 0; i < COUNT; i++) {
        sink_varint(&sink, i == 0 ? 0 : 1);
        if (i == 0) {
            sink_bytes(&sink, slice_of("\x05\x00\x01\x09", 4)); /* kind 5, a map of one field: key 1, text */
        }
        sink_bytes(&sink, slice_of("\x00\x00\x00\x00", 4)); /* the device as subject, no differences */
        sink_varint(&sink, i == 0 ? 0 : 1);                 /* actor: empty, then that again */
        sink_varint(&sink, i == 0 ? 2 * sizeof(text) : 1);
        sink_bytes(&sink, slice_of(text, i == 0 ? sizeof(text) : 0));
    }
    cr_assert_eq(sink.rc, ERR_OK);
    /* no salts in it, so seeds for the blocks: written by hand */
    struct sink whole;
    sink_init(&whole, SEGMENT_BYTES_MAX, &err);
    sink_byte(&whole, SEGMENT_VERSION);
    sink_byte(&whole, SEGMENT_ROWS);
    sink_bytes(&whole, slice_of("0123456789abcdef", DEVICE_ID_BYTES));
    sink_bytes(&whole, slice_of("\x01\x01", 2));
    sink_varint(&whole, COUNT);
    sink_varint(&whole, 4);
    for (int i = 0; i < 4; i++) {
        sink_varint(&whole, i == 0 ? 0 : 1);
        sink_bytes(&whole, slice_of("0123456789abcdef", OP_SEED_BYTES));
    }
    sink_varint(&whole, 0);
    sink_bytes(&whole, buf_slice(&sink.buf));
    struct segment segment;
    cr_assert_eq(decode(buf_slice(&whole.buf), &segment, &err), ERR_LIMIT, "%s", err.message);
    sink_fini(&whole);
    sink_fini(&sink);
}

/* ---- numbers ---- */

Test(varint, reads_what_it_writes_and_only_the_shortest_form)
{
    static const uint64_t values[] = { 0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX - 1, UINT64_MAX };
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        uint8_t bytes[VARINT_MAX_BYTES];
        bool bad = false;
        struct source source = source_of(slice_of(bytes, varint_put(bytes, values[i])), &bad);
        cr_assert_eq(source_varint(&source, UINT64_MAX), values[i]);
        cr_assert_not(bad);
        cr_assert_eq(source_left(&source), 0);
    }
    static const char *const bad_ones[] = { "\x80", "\x80\x00", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
                                            "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x01" };
    static const size_t lengths[] = { 1, 2, 10, 11 };
    for (size_t i = 0; i < ARRAY_LEN(bad_ones); i++) {
        bool bad = false;
        struct source source = source_of(slice_of(bad_ones[i], lengths[i]), &bad);
        (void)source_varint(&source, UINT64_MAX);
        cr_assert(bad, "number %zu", i);
    }
}

Test(zigzag, differences_wrap_and_come_back)
{
    static const int64_t values[] = { 0, 1, -1, INT64_MAX, INT64_MIN, 1 << 20 };
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        for (size_t j = 0; j < ARRAY_LEN(values); j++) {
            int64_t d = unzigzag(zigzag(difference(values[i], values[j])));
            cr_assert_eq(sum(values[j], d), values[i]);
        }
    }
}

/* ---- bodies ---- */

Test(body, takes_maps_of_plain_values_apart_and_nothing_else)
{
    static const struct {
        const char *bytes;
        size_t len;
        bool plain;
    } bodies[] = {
        { "\xa0", 1, true },
        { "\xa1\x01\x02", 3, true },
        { "\xa1\x01\x20", 3, true },
        { "\xa2\x01\x61x\x02\xf5", 6, true },
        { "", 0, false },
        { "\xa1\x01", 2, false },                        /* cut */
        { "\xa1\x01\x02\x00", 4, false },                /* left over */
        { "\xa2\x02\x01\x01\x01", 5, false },            /* keys descend */
        { "\xa2\x01\x01\x01\x01", 5, false },            /* key twice */
        { "\xa1\x18\x01\x02", 4, false },                /* not the shortest */
        { "\xa1\x01\x19\x00\x10", 5, false },            /* not the shortest */
        { "\xa1\x01\x81\x01", 4, false },                /* an array */
        { "\xa1\x01\x62x", 4, false },                   /* text past the end */
        { "\xa1\x01\x1b\x10\0\0\0\0\0\0\0", 11, false }, /* 2^60 */
        { "\xa1\x01\xf8\x20", 4, false },                /* a simple value of two bytes */
        { "\xa1\x61x\x01", 4, false },                   /* a key of text */
        { "\xbf\xff", 2, false },                        /* indefinite */
    };
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct body_field fields[SEGMENT_FIELDS_MAX];
        size_t count;
        cr_assert_eq(body_split(slice_of(bodies[i].bytes, bodies[i].len), fields, &count), bodies[i].plain, "body %zu",
                     i);
    }
}
