#include <criterion/criterion.h>
#include <string.h>

#include "world.h"

static struct centre_world world;

static void begin(void)
{
    world_open(&world);
}

static void end(void)
{
    world_close(&world);
}

TestSuite(page, .init = begin, .fini = end, .timeout = 180);

Test(page, brings_a_backlog_in_pieces_of_about_the_size_asked_for)
{
    struct forger writer;
    struct forger reader;
    size_t ops = 0;
    size_t pages = 0;
    forger_enrol(&world, "garden", &writer);
    forger_enrol(&world, "garden", &reader);
    for (int i = 0; i < 10; i++) {
        (void)forger_add(&writer, KIND_CAPACITY_STATEMENT, 1000);
        cr_assert_eq(forger_send(&writer), ERR_OK, "%s", world.err.message);
    }
    reader.request.want_bytes = 16384;
    do {
        size_t bytes = 0;
        cr_assert_eq(forger_send(&reader), ERR_OK, "%s", world.err.message);
        for (size_t i = 0; i < reader.response->segment_count; i++) {
            struct segment segment;
            cr_assert_eq(segment_decode(reader.response->segments[i], reader.stream, &segment, &world.err), ERR_OK);
            cr_assert_eq(segment.run.ops.ops[0].id.seq, ops + 1);
            ops += segment.run.ops.count;
            bytes += reader.response->segments[i].len;
            segment_fini(&segment);
        }
        cr_assert_leq(bytes, 16384 + 16384 / 4);
        cr_assert_gt(reader.response->cursor, reader.request.cursor);
        cr_assert_eq(reader.response->more, reader.response->cursor < reader.response->head);
        reader.request.cursor = reader.response->cursor;
        pages++;
    } while (reader.response->more);
    cr_assert_eq(ops, 10000);
    cr_assert_gt(pages, 1);
    forger_fini(&writer);
    forger_fini(&reader);
}

Test(page, carries_the_certificate_once_and_a_signature_wherever_there_is_one)
{
    struct forger writer;
    struct forger reader;
    struct segment segment;
    forger_enrol(&world, "garden", &writer);
    forger_enrol(&world, "garden", &reader);
    (void)forger_add(&writer, KIND_ATTENDANCE, 3);
    cr_assert_eq(forger_send(&writer), ERR_OK);
    cr_assert_eq(forger_send(&reader), ERR_OK);
    cr_assert_eq(segment_decode(reader.response->segments[0], reader.stream, &segment, &world.err), ERR_OK);
    cr_assert(slice_equal(segment.run.certificate, buf_slice(&writer.certificate)));
    cr_assert_eq(segment.run.signed_seq, 3);
    segment_fini(&segment);
    reader.request.cursor = reader.response->cursor;
    (void)forger_add(&writer, KIND_ATTENDANCE, 2);
    cr_assert_eq(forger_send(&writer), ERR_OK);
    cr_assert_eq(forger_send(&reader), ERR_OK);
    cr_assert_eq(segment_decode(reader.response->segments[0], reader.stream, &segment, &world.err), ERR_OK);
    cr_assert_eq(segment.run.certificate.len, 0);
    cr_assert_eq(segment.run.signed_seq, 5);
    segment_fini(&segment);
    forger_fini(&writer);
    forger_fini(&reader);
}

Test(page, never_ends_within_what_one_signature_covers)
{
    struct forger writer;
    struct forger reader;
    size_t pages = 0;
    forger_enrol(&world, "garden", &writer);
    forger_enrol(&world, "garden", &reader);
    for (size_t i = 0; i < 6; i++) {
        (void)forger_add(&writer, KIND_CAPACITY_STATEMENT, 100 + 700 * (i % 3));
        cr_assert_eq(forger_send(&writer), ERR_OK, "%s", world.err.message);
    }
    reader.request.want_bytes = 4096;
    do {
        cr_assert_eq(forger_send(&reader), ERR_OK, "%s", world.err.message);
        for (size_t i = 0; i < reader.response->segment_count; i++) {
            struct segment segment;
            cr_assert_eq(segment_decode(reader.response->segments[i], reader.stream, &segment, &world.err), ERR_OK);
            cr_assert_eq(segment.run.signed_seq, segment.run.ops.ops[segment.run.ops.count - 1].id.seq);
            segment_fini(&segment);
        }
        reader.request.cursor = reader.response->cursor;
        pages++;
    } while (reader.response->more);
    cr_assert_gt(pages, 2);
    forger_fini(&writer);
    forger_fini(&reader);
}

Test(page, sorts_interleaved_writers_into_one_run_each)
{
    struct forger writers[3];
    struct forger reader;
    forger_enrol(&world, "garden", &reader);
    for (size_t i = 0; i < ARRAY_LEN(writers); i++) {
        forger_enrol(&world, "garden", &writers[i]);
    }
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < ARRAY_LEN(writers); i++) {
            (void)forger_add(&writers[i], KIND_ATTENDANCE, 1 + i);
            cr_assert_eq(forger_send(&writers[i]), ERR_OK);
        }
    }
    cr_assert_eq(forger_send(&reader), ERR_OK);
    cr_assert_eq(reader.response->segment_count, ARRAY_LEN(writers));
    cr_assert_eq(reader.response->cursor, 20 * 6);
    forger_fini(&reader);
    for (size_t i = 0; i < ARRAY_LEN(writers); i++) {
        forger_fini(&writers[i]);
    }
    world_verify(&world);
}

Test(page, goes_on_past_more_writers_than_fit_in_one)
{
    struct forger reader;
    size_t segments = 0;
    forger_enrol(&world, "garden", &reader);
    for (size_t i = 0; i < CENTRE_PAGE_AUTHORS_MAX + 3; i++) {
        struct forger writer;
        forger_enrol(&world, "garden", &writer);
        (void)forger_add(&writer, KIND_ATTENDANCE, 1);
        cr_assert_eq(forger_send(&writer), ERR_OK);
        forger_fini(&writer);
    }
    do {
        cr_assert_eq(forger_send(&reader), ERR_OK);
        segments += reader.response->segment_count;
        reader.request.cursor = reader.response->cursor;
    } while (reader.response->more);
    cr_assert_eq(segments, CENTRE_PAGE_AUTHORS_MAX + 3);
    forger_fini(&reader);
}

Test(page, brings_laptops_together_over_many_small_pages)
{
    struct laptop a;
    struct laptop b;
    uint8_t one[SHA256_BYTES];
    uint8_t two[SHA256_BYTES];
    laptop_enrol(&world, "garden", &a);
    laptop_enrol(&world, "garden", &b);
    for (int i = 0; i < 8; i++) {
        laptop_record(&a, 700);
        laptop_record(&b, 33);
        cr_assert_eq(laptop_sync(&a), ERR_OK, "%s", world.err.message);
    }
    cr_assert_eq(laptop_sync(&b), ERR_OK, "%s", world.err.message);
    cr_assert_eq(laptop_sync(&a), ERR_OK, "%s", world.err.message);
    laptop_digest(&a, one);
    laptop_digest(&b, two);
    cr_assert_arr_eq(one, two, SHA256_BYTES);
    laptop_fini(&a);
    laptop_fini(&b);
    world_verify(&world);
}
