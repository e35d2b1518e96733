/*
 * What a device asks and gives back when its centre was put back: tests/vectors/owed.py follows it by the document
 * alone. Written anew with VECTORS_TO=tests/vectors.
 */
#include <criterion/criterion.h>

#include "lines.h"
#include "world.h"

static struct centre_world world;
static struct laptop gone;
static struct laptop holder;
static struct laptop second;
static struct buf text;
static uint64_t told; /* seqs of the holder's own that are in the lines */

static void begin(void)
{
    world_open(&world);
    laptop_enrol(&world, "garden", &gone);
    laptop_enrol(&world, "garden", &holder);
    laptop_enrol(&world, "garden", &second);
    buf_init(&text, 1024 * 1024);
    told = 0;
}

static void end(void)
{
    world_verify(&world);
    laptop_fini(&gone);
    laptop_fini(&holder);
    laptop_fini(&second);
    world_close(&world);
    buf_fini(&text);
}

TestSuite(owed_vectors, .init = begin, .fini = end, .timeout = 60);

static void put_own(void)
{
    SCOPED(op_batch_fini) struct op_batch ops;
    SCOPED(buf_fini) struct buf header;
    op_batch_init(&ops);
    buf_init(&header, OP_HEADER_MAX);
    cr_assert_eq(store_own_ops(holder.store, 1, told, 1000, SIZE_MAX, &ops, &world.err), ERR_OK);
    for (size_t i = 0; i < ops.count; i++) {
        buf_clear(&header);
        cr_assert_eq(op_header_encode(&ops.ops[i], &header, &world.err), ERR_OK);
        lines_put_bytes(&text, "own", buf_slice(&header));
    }
    told += ops.count;
}

static void note(void *context, struct buf *answer)
{
    (void)context;
    lines_put_bytes(&text, "request", buf_slice(&holder.request));
    lines_put_bytes(&text, "answer", buf_slice(answer));
}

static void sync_now(struct laptop *laptop)
{
    cr_assert_eq(laptop_sync(laptop), ERR_OK, "%s", world.err.message);
}

static void refer(const char *ref)
{
    json_decref(world_admin(&world, "referral-new",
                            json_pack("{s:s, s:s, s:s, s:s, s:s}", "site", "garden", "ref", ref, "participant", "P-1",
                                      "route", "cwp", "basis", "mandatory")));
}

static void record(struct laptop *laptop, size_t count)
{
    laptop_record(laptop, count);
    if (laptop == &holder) {
        put_own();
    } else {
        sync_now(laptop);
    }
}

static void holder_exchanges(void)
{
    holder.on_the_way = note;
    sync_now(&holder);
    holder.on_the_way = NULL;
}

Test(owed_vectors, a_reader_by_the_document_alone_comes_to_what_a_device_owes_a_centre_that_was_put_back)
{
    lines_put_bytes(&text, "stream", slice_of(holder.identity.stream, STREAM_ID_BYTES));
    lines_put_bytes(&text, "device", slice_of(holder.identity.device, DEVICE_ID_BYTES));
    lines_put_bytes(&text, "authority", centre_authority_certificate(world.centre));
    record(&holder, 2);
    record(&gone, 3);
    refer("R-1");
    holder_exchanges();
    world_save(&world);
    record(&gone, 2);
    record(&gone, 2);
    refer("R-2");
    record(&holder, 2);
    holder_exchanges();
    sync_now(&second);
    world_put_back(&world);
    record(&second, 1); /* and it gives back first: other records stand where the holder's stood */
    record(&holder, 1);
    holder_exchanges();
    holder_exchanges();
    world_put_back(&world);
    record(&holder, 1);
    holder_exchanges();
    holder_exchanges();
    lines_judge(&text, &world, "owed");
}
