/*
 * What a hostile centre, or somebody on the way who can read and write, may answer to a device: a table of attacks.
 * Each is refused with a reason, the log of the replica is the same before and after, to the row, and the next honest
 * exchange goes on.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "attack.h"
#include "sync/endpoint/core/private.h"

static struct attack attack;

static void begin(void)
{
    attack_begin(&attack);
    attack_next_answer(&attack);
}

static void end(void)
{
    attack_end(&attack);
}

TestSuite(to_device, .init = begin, .fini = end, .timeout = 240);

/* The only segment of the answer is this one. */
static void give_scratch(struct attack *a)
{
    a->response->segments[0] = buf_slice(&a->scratch);
    a->response->segment_count = 1;
}

static void give_forged(struct attack *a, struct forger *author, struct slice certificate)
{
    buf_clear(&a->scratch);
    forger_segment(author, certificate, &a->scratch);
    give_scratch(a);
}

/* ---- chains ---- */

/* The segment of the answer, taken apart and put together again around what `bend` does to it. */
static void rewrite(struct attack *a, void (*bend)(struct store_run *run, struct segment_signature *signature))
{
    struct segment segment;
    cr_assert(segment_decode(a->response->segments[0], a->forger.stream, &segment, NULL) == ERR_OK);
    struct op_batch whole = segment.run.ops;
    struct store_run *run = &segment.run;
    struct segment_signature signature = { .seq = run->signed_seq, .len = run->signature_len };
    memcpy(signature.bytes, run->signature, sizeof(signature.bytes));
    bend(run, &signature);
    buf_clear(&a->scratch);
    cr_assert(segment_encode(&run->ops, run->seeds, run->seed_count, &signature, run->certificate, &a->scratch, NULL) ==
              ERR_OK);
    segment.run.ops = whole;
    segment_fini(&segment);
    give_scratch(a);
}

static void bend_time(struct store_run *run, struct segment_signature *signature)
{
    (void)signature;
    run->ops.ops[run->ops.count - 1].recorded_at_ms += 86400000;
}

static void bend_body(struct store_run *run, struct segment_signature *signature)
{
    (void)signature;
    const struct op *op = &run->ops.ops[run->ops.count - 1];
    ((uint8_t *)(uintptr_t)op->body.data)[op->body.len - 1] ^= 1;
}

static void bend_away(struct store_run *run, struct segment_signature *signature)
{
    *signature = (struct segment_signature){ 0 };
    run->signed_seq = 0;
}

static void bend_signature(struct store_run *run, struct segment_signature *signature)
{
    (void)run;
    signature->bytes[signature->len - 1] ^= 1;
}

static void bend_last_off(struct store_run *run, struct segment_signature *signature)
{
    run->ops.count--; /* the rest is not what was signed */
    signature->seq--;
}

static void bend_all_but_last_off(struct store_run *run, struct segment_signature *signature)
{
    (void)signature;
    run->ops.ops += run->ops.count - 1;
    run->ops.count = 1;
}

static void changed_time(struct attack *a)
{
    rewrite(a, bend_time);
}

static void changed_body(struct attack *a)
{
    rewrite(a, bend_body);
}

static void signature_taken_off(struct attack *a)
{
    rewrite(a, bend_away);
}

static void signature_changed(struct attack *a)
{
    rewrite(a, bend_signature);
}

static void last_record_left_out(struct attack *a)
{
    rewrite(a, bend_last_off);
}

static void all_but_the_last_left_out(struct attack *a)
{
    rewrite(a, bend_all_but_last_off);
}

static void another_branch(struct attack *a)
{
    struct op_id newest = a->forger.newest;
    uint8_t link[SHA256_BYTES];
    memcpy(link, a->forger.link, sizeof(link));
    a->forger.newest.seq = 0;
    op_link_first(a->forger.stream, newest.device, 1, a->forger.link);
    (void)forger_add(&a->forger, KIND_CAPACITY_STATEMENT, 4);
    a->forger.ops.ops[1].recorded_at_ms -= 1000;
    give_forged(a, &a->forger, (struct slice){ 0 });
    op_batch_clear(&a->forger.ops);
    a->forger.newest = newest;
    memcpy(a->forger.link, link, sizeof(link));
}

/* ---- somebody else's ---- */

/* A device of another organisation writes into this stream, with good papers of the same authority. */
static void a_stranger(struct attack *a)
{
    if (a->stranger.ops.count == 0) {
        memcpy(a->stranger.stream, a->forger.stream, STREAM_ID_BYTES);
        op_link_first(a->stranger.stream, a->stranger.newest.device, 1, a->stranger.link);
        (void)forger_add(&a->stranger, KIND_CAPACITY_STATEMENT, 2);
    }
    give_forged(a, &a->stranger, buf_slice(&a->stranger.certificate));
}

/* What the device of another organisation said in its own stream. */
static void another_organisations_records(struct attack *a)
{
    if (a->stranger.ops.count == 0) {
        (void)forger_add(&a->stranger, KIND_CAPACITY_STATEMENT, 2);
    }
    give_forged(a, &a->stranger, buf_slice(&a->stranger.certificate));
}

static void a_stranger_with_others_papers(struct attack *a)
{
    if (a->stranger.ops.count == 0) {
        memcpy(a->stranger.stream, a->forger.stream, STREAM_ID_BYTES);
        (void)forger_add(&a->stranger, KIND_CAPACITY_STATEMENT, 1);
    }
    give_forged(a, &a->stranger, buf_slice(&a->forger.certificate));
}

static void a_stranger_without_papers(struct attack *a)
{
    if (a->stranger.ops.count == 0) {
        (void)forger_add(&a->stranger, KIND_CAPACITY_STATEMENT, 1);
    }
    give_forged(a, &a->stranger, (struct slice){ 0 });
}

static void papers_of_another_authority(struct attack *a)
{
    struct centre_world elsewhere;
    struct forger outsider;
    world_open(&elsewhere);
    forger_enrol(&elsewhere, "garden", &outsider);
    memcpy(outsider.stream, a->forger.stream, STREAM_ID_BYTES);
    op_link_first(outsider.stream, outsider.newest.device, 1, outsider.link);
    (void)forger_add(&outsider, KIND_CAPACITY_STATEMENT, 1);
    give_forged(a, &outsider, buf_slice(&outsider.certificate));
    forger_fini(&outsider);
    world_close(&elsewhere);
}

/* An answer that this device got before: it takes back what was acknowledged since. */
static void an_older_answer(struct attack *a)
{
    cr_assert(buf_append(&a->bytes, a->earlier.data, a->earlier.len, NULL) == ERR_OK);
}

static void an_answer_to_another_device(struct attack *a)
{
    cr_assert_eq(forger_send(&a->forger), ERR_OK);
    cr_assert(buf_append(&a->bytes, a->forger.response_bytes.data, a->forger.response_bytes.len, NULL) == ERR_OK);
}

/* ---- what it says of this device's own ---- */

static void acknowledged_too_much(struct attack *a)
{
    a->response->acked_seq += 5;
}

static void another_link(struct attack *a)
{
    a->response->acked_link[3] ^= 1;
}

static void a_forged_receipt(struct attack *a)
{
    a->response->receipt[a->response->receipt_len - 1] ^= 1;
}

static void a_refusal_of_what_was_never_said(struct attack *a)
{
    a->response->refusals[0] = (struct exchange_refusal){ .seq = 1000, .reason = slice_of_text("not wanted") };
    a->response->refusal_count = 1;
}

/* ---- bytes ---- */

static void a_bomb(struct attack *a)
{
    buf_clear(&a->scratch);
    segment_bomb(a->forger.newest.device, 4, &a->scratch);
    give_scratch(a);
}

static void a_body_too_long(struct attack *a)
{
    buf_clear(&a->scratch);
    segment_with_body(a->forger.newest.device, 4, OP_BODY_MAX + 1, &a->scratch);
    give_scratch(a);
}

static void the_longest_body(struct attack *a)
{
    buf_clear(&a->scratch);
    segment_with_body(a->forger.newest.device, 4, OP_BODY_MAX, &a->scratch);
    give_scratch(a);
}

static void deep_cbor(struct attack *a)
{
    bytes_deep(&a->bytes);
}

static void an_answer_too_long(struct attack *a)
{
    bytes_too_long(EXCHANGE_RESPONSE_MAX, &a->bytes);
}

static void half_an_answer(struct attack *a)
{
    cr_assert(exchange_response_encode(a->response, &a->bytes, NULL) == ERR_OK);
    a->bytes.len /= 2;
}

/* ---- the table ---- */

static const struct hostile_answer rows[] = {
    { "a record at another time than it was signed", changed_time, ERR_HISTORY, "signature" },
    { "a record with another body than it was signed", changed_body, ERR_HISTORY, "signature" },
    { "records without their signature", signature_taken_off, ERR_HISTORY, "did not sign" },
    { "a signature that does not fit", signature_changed, ERR_HISTORY, "signature" },
    { "the last of the signed records left out", last_record_left_out, ERR_HISTORY, "signature" },
    { "a gap in a history", all_but_the_last_left_out, ERR_HISTORY, "comes next" },
    { "another branch of a history, signed by its device", another_branch, ERR_HISTORY, "another one" },
    { "a device of another organisation", a_stranger, ERR_HISTORY, "does not belong" },
    { "records of another organisation's stream", another_organisations_records, ERR_HISTORY, "does not belong" },
    { "another device's certificate", a_stranger_with_others_papers, ERR_HISTORY, "certificate of another" },
    { "an unknown device without a certificate", a_stranger_without_papers, ERR_HISTORY, "without its certificate" },
    { "a certificate of another authority", papers_of_another_authority, ERR_TLS, "certificate" },
    { "an older answer again", an_older_answer, ERR_PROTOCOL, "the order does not end" },
    { "an answer to another device", an_answer_to_another_device, ERR_HISTORY, "receipt" },
    { "more acknowledged than was said", acknowledged_too_much, ERR_HISTORY, "receipt" },
    { "another history acknowledged", another_link, ERR_HISTORY, "receipt" },
    { "a forged receipt", a_forged_receipt, ERR_HISTORY, "receipt" },
    { "a refusal of a record that was never made", a_refusal_of_what_was_never_said, ERR_PROTOCOL, "refusals" },
    { "a decompression bomb", a_bomb, ERR_LIMIT, "" },
    { "a body longer than any may be", a_body_too_long, ERR_PROTOCOL, "" },
    { "the longest body, unsigned", the_longest_body, ERR_HISTORY, "did not sign" },
    { "deep CBOR", deep_cbor, ERR_PROTOCOL, "" },
    { "an answer longer than any may be", an_answer_too_long, ERR_PROTOCOL, "more than" },
    { "half an answer", half_an_answer, ERR_PROTOCOL, "" },
};

Test(to_device, whatever_is_hostile_is_refused_with_a_reason_nothing_of_it_is_kept_and_the_honest_goes_on)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (i > 0) {
            begin();
        }
        answer_refused(&attack, &rows[i]);
        if (i + 1 < ARRAY_LEN(rows)) {
            end();
        }
    }
}

/* ---- against a guard rail: whoever signed it, it stands apart, with its reason, and nothing follows from it ---- */

/* The centre itself, with its own key and certificate, writes what is not its to write. */
static void by_the_centre(struct attack *a, uint32_t kind)
{
    struct centre *centre = a->world.centre;
    struct certificate certificate;
    struct centre_site site;
    struct segment segment;
    struct centre_appended appended;
    struct slice der = buf_slice(&centre->signing_certificate);
    struct forger author = { .world = &a->world, .key = centre->signing_key, .seed = { 8 } };
    cr_assert(certificate_parse(der, &certificate, NULL) == ERR_OK);
    memcpy(author.stream, a->forger.stream, STREAM_ID_BYTES);
    memcpy(author.newest.device, certificate.device, DEVICE_ID_BYTES);
    author.newest.incarnation = 77;
    op_link_first(author.stream, author.newest.device, 77, author.link);
    op_batch_init(&author.ops);
    (void)forger_add(&author, (enum record_kind)kind, 1);
    buf_clear(&a->scratch);
    forger_segment(&author, der, &a->scratch);
    cr_assert(segment_decode(buf_slice(&a->scratch), author.stream, &segment, NULL) == ERR_OK);
    struct centre_offer offer = {
        .author = &certificate, .certificate = der, .run = &segment.run, .now_ms = a->world.now_ms
    };
    cr_assert(centre_site_find(centre->store, "garden", &site, NULL) == ERR_OK);
    cr_assert(centre_append(centre->store, &site, &offer, &appended, &a->world.err) == ERR_OK, "%s",
              a->world.err.message);
    segment_fini(&segment);
    op_batch_fini(&author.ops);
}

static void by_a_device(struct attack *a, uint32_t kind)
{
    (void)forger_add(&a->forger, (enum record_kind)kind, 1);
    cr_assert_eq(forger_send(&a->forger), ERR_OK, "%s", a->world.err.message);
}

static const struct rail {
    const char *name;
    void (*write)(struct attack *attack, uint32_t kind);
    uint32_t kind;
} rails[] = {
    { "attendance by the centre", by_the_centre, KIND_ATTENDANCE },
    { "a capacity statement by the centre", by_the_centre, KIND_CAPACITY_STATEMENT },
    { "a decision by a device", by_a_device, KIND_DECISION },
    { "an appointment by a device", by_a_device, KIND_APPOINTMENT },
    { "a doubt by the centre", by_the_centre, KIND_COMPLIANCE_DOUBT },
    { "a doubt that nobody reviewed and confirmed", by_a_device, KIND_COMPLIANCE_DOUBT },
    { "a volunteer's record: there is no such kind", by_a_device, 4711 },
};

static void check_rail(const struct rail *rail)
{
    uint8_t before[SHA256_BYTES];
    uint8_t after[SHA256_BYTES];
    struct store_verified verified;
    cr_assert_eq(laptop_sync(&attack.laptop), ERR_OK); /* what is honest is there */
    laptop_digest(&attack.laptop, before);
    rail->write(&attack, rail->kind);
    cr_expect_eq(laptop_sync(&attack.laptop), ERR_OK, "%s: %s", rail->name, attack.world.err.message);
    laptop_digest(&attack.laptop, after);
    cr_expect_arr_eq(after, before, SHA256_BYTES, "%s: a table changed", rail->name);
    cr_expect_eq(store_verify(attack.laptop.store, &verified, NULL), ERR_OK);
    cr_expect_eq(verified.quarantined, 1, "%s: it does not stand apart", rail->name);
}

Test(to_device, what_breaks_a_guard_rail_stands_apart_and_nothing_follows_from_it)
{
    for (size_t i = 0; i < ARRAY_LEN(rails); i++) {
        if (i > 0) {
            begin();
        }
        check_rail(&rails[i]);
        if (i + 1 < ARRAY_LEN(rails)) {
            end();
        }
    }
}
