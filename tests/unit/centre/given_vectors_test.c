/*
 * What the centre says of records that are given back, and when it may keep an answer back: tests/vectors/given.py
 * judges each by the document alone. Written anew with VECTORS_TO=tests/vectors.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "lines.h"
#include "sync/endpoint/core/private.h"
#include "world.h"

enum { AUTHORS = 7, GIVEN = 8 };

static struct centre_world world;
static struct forger authors[AUTHORS];
static struct forger giver;
static struct buf given[GIVEN];
static struct buf text;

static void begin(void)
{
    world_open(&world);
    for (size_t i = 0; i < AUTHORS; i++) {
        forger_enrol(&world, i == 2 ? "shop" : "garden", &authors[i]);
    }
    forger_enrol(&world, "garden", &giver);
    for (size_t i = 0; i < GIVEN; i++) {
        buf_init(&given[i], SEGMENT_BYTES_MAX);
    }
    buf_init(&text, 1024 * 1024);
}

static void end(void)
{
    for (size_t i = 0; i < AUTHORS; i++) {
        forger_fini(&authors[i]);
    }
    for (size_t i = 0; i < GIVEN; i++) {
        buf_fini(&given[i]);
    }
    forger_fini(&giver);
    buf_fini(&text);
    world_close(&world);
}

TestSuite(given_vectors, .init = begin, .fini = end, .timeout = 60);

static void put(const char *name, struct slice bytes)
{
    lines_put_bytes(&text, name, bytes);
}

static void segment_of(struct forger *forger, bool certified, struct buf *out)
{
    buf_clear(out);
    forger_segment(forger, certified ? buf_slice(&forger->certificate) : (struct slice){ 0 }, out);
}

/* Adds records, and the centre gets them from their author. */
static void hold(struct forger *forger, size_t count)
{
    SCOPED(buf_fini) struct buf segment;
    buf_init(&segment, SEGMENT_BYTES_MAX);
    (void)forger_add(forger, KIND_CAPACITY_STATEMENT, count);
    segment_of(forger, true, &segment);
    put("held", buf_slice(&segment));
    cr_assert_eq(forger_send(forger), ERR_OK, "%s", world.err.message);
}

static void add_given(size_t at, struct forger *forger, size_t count, bool certified)
{
    (void)forger_add(forger, KIND_CAPACITY_STATEMENT, count);
    segment_of(forger, certified, &given[at]);
    op_batch_clear(&forger->ops);
}

static void begin_again(struct forger *forger)
{
    forger->newest.seq = 0;
    memcpy(forger->stream, giver.stream, STREAM_ID_BYTES);
    op_link_first(forger->stream, forger->newest.device, 1, forger->link);
}

/* The giver asks; the answer is known to it from then on. */
static void ask(bool waits)
{
    SCOPED(buf_fini) struct buf request;
    struct centre_wait wait;
    struct exchange_response *answer = giver.response;
    buf_init(&request, EXCHANGE_REQUEST_MAX);
    giver.request.wait_s = 60;
    forger_request(&giver, &request);
    buf_clear(&giver.response_bytes);
    cr_assert_eq(centre_exchange_or_wait(world.centre, buf_slice(&giver.certificate), buf_slice(&request), world.now_ms,
                                         &wait, &giver.response_bytes, &world.err),
                 ERR_OK, "%s", world.err.message);
    cr_assert_eq(exchange_response_decode(buf_slice(&giver.response_bytes), answer, NULL), ERR_OK);
    cr_assert_eq(wait.s, waits ? 60 : 0);
    put("request", buf_slice(&request));
    put("answer", buf_slice(&giver.response_bytes));
    put("kept", slice_of(waits ? "\1" : "\0", 1));
    giver.request.given_count = 0;
    giver.request.cursor = answer->cursor;
    if (answer->centre_certificate.len > 0) {
        giver.request.certificate_known = true;
        exchange_centre_hash(answer->centre_certificate, answer->checkpoint_key.data, giver.request.certificate_hash);
    }
    if (answer->checkpoint_known) {
        giver.request.tree_known = true;
        giver.request.tree_size = answer->checkpoint.size;
        memcpy(giver.request.tree_root, answer->checkpoint.root.bytes, EXCHANGE_ROOT_BYTES);
    }
}

static void make_given(void)
{
    hold(&authors[0], 2);
    add_given(0, &authors[0], 2, true); /* goes on */
    add_given(1, &authors[1], 3, true); /* of somebody whom the centre does not know any more */
    begin_again(&authors[2]);           /* of another site */
    add_given(2, &authors[2], 1, true);
    authors[3].link[0] ^= 1; /* signed for another history */
    add_given(3, &authors[3], 1, true);
    (void)forger_add(&authors[4], KIND_CAPACITY_STATEMENT, 1); /* not given */
    op_batch_clear(&authors[4].ops);
    add_given(4, &authors[4], 1, true); /* a gap */
    hold(&authors[5], 2);
    begin_again(&authors[5]);
    world.now_ms += HOUR_MS;
    add_given(5, &authors[5], 2, true);  /* another branch */
    add_given(6, &authors[6], 1, false); /* without a certificate */
    begin_again(&authors[6]);
    add_given(7, &authors[6], 1, true);
    for (size_t i = 0; i < GIVEN; i++) {
        giver.request.given[i] = buf_slice(&given[i]);
    }
    giver.request.given_count = GIVEN;
}

Test(given_vectors, a_reader_by_the_document_alone_comes_to_the_centres_verdicts)
{
    put("stream", slice_of(giver.stream, STREAM_ID_BYTES));
    put("authority", centre_authority_certificate(world.centre));
    make_given();
    ask(false);
    cr_assert_eq(giver.response->declined_count, 5, "%zu", giver.response->declined_count);
    ask(true);
    hold(&authors[1], 1);
    ask(false);
    ask(true);
    lines_judge(&text, &world, "given");
}
