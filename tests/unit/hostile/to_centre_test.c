/*
 * What a hostile device may send to the centre: a table of attacks. Each is refused with a reason, or answered with
 * what is held, and the log of the centre is the same before and after, to the row.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "attack.h"

static struct attack attack;

static void begin(void)
{
    attack_begin(&attack);
}

static void end(void)
{
    attack_end(&attack);
}

TestSuite(to_centre, .init = begin, .fini = end, .timeout = 120);

/* ---- chains ---- */

static void forged_signature(void)
{
    (void)forger_add(&attack.forger, KIND_ATTENDANCE, 3);
    attack.forger.signature.bytes[attack.forger.signature.len - 1] ^= 1;
    forger_request(&attack.forger, &attack.bytes);
}

static void forged_link(void)
{
    attack.forger.link[7] ^= 1; /* follows from a history that the centre never saw */
    (void)forger_add(&attack.forger, KIND_ATTENDANCE, 2);
    forger_request(&attack.forger, &attack.bytes);
}

static void no_signature(void)
{
    (void)forger_add(&attack.forger, KIND_ATTENDANCE, 2);
    attack.forger.signature = (struct segment_signature){ 0 };
    forger_request(&attack.forger, &attack.bytes);
}

static void signature_of_another_key(void)
{
    struct device_key *own = attack.forger.key;
    attack.forger.key = attack.stranger.key;
    (void)forger_add(&attack.forger, KIND_ATTENDANCE, 1);
    attack.forger.key = own;
    forger_request(&attack.forger, &attack.bytes);
}

static void a_clock_from_the_end_of_time(void)
{
    attack.forger.ahead_ms = OP_AHEAD_MAX_MS + 60000;
    (void)forger_add(&attack.forger, KIND_CAPACITY_STATEMENT, 2);
    forger_request(&attack.forger, &attack.bytes);
}

static void a_gap(void)
{
    attack.forger.newest.seq += 4;
    (void)forger_add(&attack.forger, KIND_ATTENDANCE, 2);
    forger_request(&attack.forger, &attack.bytes);
}

static void another_branch(void)
{
    attack.forger.newest.seq = 0;
    op_link_first(attack.forger.stream, attack.forger.newest.device, 1, attack.forger.link);
    (void)forger_add(&attack.forger, KIND_ATTENDANCE, 5);
    forger_request(&attack.forger, &attack.bytes);
}

/* ---- somebody else's ---- */

static void an_older_request(void)
{
    (void)forger_add(&attack.forger, KIND_ATTENDANCE, 2);
    forger_request(&attack.forger, &attack.bytes);
    cr_assert_eq(forger_send(&attack.forger), ERR_OK);
    (void)forger_add(&attack.forger, KIND_ATTENDANCE, 1);
    cr_assert_eq(forger_send(&attack.forger), ERR_OK);
}

static void another_organisations_stream(void)
{
    memcpy(attack.forger.request.stream, attack.stranger.stream, STREAM_ID_BYTES);
    forger_request(&attack.forger, &attack.bytes);
}

static void records_of_another_organisations_stream(void)
{
    memcpy(attack.forger.stream, attack.stranger.stream, STREAM_ID_BYTES); /* headers and links name it */
    (void)forger_add(&attack.forger, KIND_ATTENDANCE, 2);
    forger_request(&attack.forger, &attack.bytes);
}

static void a_stranger_in_this_stream(void)
{
    memcpy(attack.stranger.request.stream, attack.forger.stream, STREAM_ID_BYTES);
    (void)forger_add(&attack.stranger, KIND_ATTENDANCE, 1);
    forger_request(&attack.stranger, &attack.bytes);
    attack.certificate = buf_slice(&attack.stranger.certificate);
}

static void records_of_another_device(void)
{
    memcpy(attack.forger.newest.device, attack.laptop.identity.device, DEVICE_ID_BYTES);
    (void)forger_add(&attack.forger, KIND_ATTENDANCE, 1);
    forger_request(&attack.forger, &attack.bytes);
}

/* Overheard, and sent by somebody else. */
static void another_devices_request(void)
{
    laptop_record(&attack.laptop, 1);
    client_wake(attack.laptop.client, CLIENT_WAKE_PERSON);
    cr_assert(attack.laptop.sending);
    struct slice request = buf_slice(&attack.laptop.request);
    cr_assert(buf_append(&attack.bytes, request.data, request.len, NULL) == ERR_OK);
}

/* ---- bytes ---- */

static void with_segment(void (*make)(const uint8_t *device, uint64_t seq, size_t len, struct buf *out), size_t len)
{
    make(attack.forger.newest.device, attack.forger.newest.seq + 1, len, &attack.scratch);
    attack.forger.request.segment = buf_slice(&attack.scratch);
    cr_assert(exchange_request_encode(&attack.forger.request, &attack.bytes, NULL) == ERR_OK);
    attack.forger.request.segment = (struct slice){ 0 };
}

static void bomb(const uint8_t *device, uint64_t seq, size_t len, struct buf *out)
{
    (void)len;
    segment_bomb(device, seq, out);
}

static void a_bomb(void)
{
    with_segment(bomb, 0);
}

static void a_body_too_long(void)
{
    with_segment(segment_with_body, OP_BODY_MAX + 1);
}

static void a_body_of_the_longest(void)
{
    with_segment(segment_with_body, OP_BODY_MAX); /* the bytes are right: only the signature is missing */
}

static void deep_cbor(void)
{
    bytes_deep(&attack.bytes);
}

static void a_request_too_long(void)
{
    bytes_too_long(EXCHANGE_REQUEST_MAX, &attack.bytes);
}

static void half_a_request(void)
{
    (void)forger_add(&attack.forger, KIND_ATTENDANCE, 1);
    forger_request(&attack.forger, &attack.bytes);
    attack.bytes.len /= 2;
}

/* ---- the table ---- */

static const struct row {
    const char *name;
    void (*make)(void);
    enum err_code expected;
    const char *says;
    uint64_t held; /* of the forger, where that is the answer */
} rows[] = {
    { "a forged signature", forged_signature, ERR_HISTORY, "signature", 0 },
    { "a chain that follows from nothing held", forged_link, ERR_HISTORY, "signature", 0 },
    { "records without a signature", no_signature, ERR_HISTORY, "without a signature", 0 },
    { "a signature of another key", signature_of_another_key, ERR_HISTORY, "signature", 0 },
    { "a logical clock from the end of time", a_clock_from_the_end_of_time, ERR_INVALID, "ten years ahead", 0 },
    { "a gap in the history", a_gap, ERR_OK, "", 3 },
    { "another branch of the history", another_branch, ERR_OK, "", 3 },
    { "an older request again", an_older_request, ERR_OK, "", 6 },
    { "a request for another organisation's stream", another_organisations_stream, ERR_REFUSED, "site", 0 },
    { "records of another organisation's stream", records_of_another_organisations_stream, ERR_HISTORY, "signature",
      0 },
    { "a device of another organisation", a_stranger_in_this_stream, ERR_REFUSED, "site", 0 },
    { "records of another device", records_of_another_device, ERR_REFUSED, "another device", 0 },
    { "somebody else's request", another_devices_request, ERR_REFUSED, "another device", 0 },
    { "a decompression bomb", a_bomb, ERR_LIMIT, "", 0 },
    { "a body longer than any may be", a_body_too_long, ERR_PROTOCOL, "", 0 },
    { "the longest body, unsigned", a_body_of_the_longest, ERR_HISTORY, "without a signature", 0 },
    { "deep CBOR", deep_cbor, ERR_PROTOCOL, "", 0 },
    { "a request longer than any may be", a_request_too_long, ERR_LIMIT, "", 0 },
    { "half a request", half_a_request, ERR_PROTOCOL, "", 0 },
};

static enum err_code send_bytes(uint64_t *ret_held)
{
    struct buf *answer = &attack.earlier; /* it is borrowed from */
    buf_clear(answer);
    enum err_code rc = centre_exchange(attack.world.centre, attack.certificate, buf_slice(&attack.bytes),
                                       attack.world.now_ms, answer, &attack.world.err);
    if (rc == ERR_OK) {
        cr_assert(exchange_response_decode(buf_slice(answer), attack.response, NULL) == ERR_OK);
        *ret_held = attack.response->acked_seq;
    }
    return rc;
}

static void check_row(const struct row *row)
{
    uint8_t before[SHA256_BYTES];
    uint8_t after[SHA256_BYTES];
    uint64_t held = 0;
    row->make();
    centre_log_digest(&attack, before);
    enum err_code rc = send_bytes(&held);
    centre_log_digest(&attack, after);
    cr_expect_eq(rc, row->expected, "%s: %s: %s", row->name, err_code_name(rc), attack.world.err.message);
    cr_expect(rc == ERR_OK || strstr(attack.world.err.message, row->says) != NULL, "%s: %s", row->name,
              attack.world.err.message);
    cr_expect_eq(held, row->held, "%s: %llu", row->name, (unsigned long long)held);
    cr_expect(rc == ERR_OK || strlen(attack.world.err.message) > 10, "%s: no reason", row->name);
    cr_expect_arr_eq(after, before, SHA256_BYTES, "%s: something was kept", row->name);
}

Test(to_centre, whatever_is_hostile_is_refused_with_a_reason_and_nothing_of_it_is_kept)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (i > 0) {
            begin();
        }
        check_row(&rows[i]);
        if (i + 1 < ARRAY_LEN(rows)) {
            end();
        }
    }
}

/* ---- against a guard rail: kept apart, with the reason on both sides, and nothing follows from it ---- */

static const struct rail {
    const char *name;
    uint32_t kind;
    const char *says; /* NULL: a kind of a later version, which the centre only passes on */
} rails[] = {
    { "a decision by a device", KIND_DECISION, "decision" },
    { "an appointment by a device", KIND_APPOINTMENT, "appointment" },
    { "a doubt that nobody reviewed and confirmed", KIND_COMPLIANCE_DOUBT, "confirmed" },
    { "a volunteer's record: there is no such kind", 4711, NULL },
};

Test(to_centre, what_breaks_a_guard_rail_is_kept_apart_with_its_reason_and_nothing_follows_from_it)
{
    uint8_t before[SHA256_BYTES];
    uint8_t after[SHA256_BYTES];
    struct store_verified verified;
    laptop_digest(&attack.laptop, before);
    for (size_t i = 0; i < ARRAY_LEN(rails); i++) {
        attack.forger.request.acked_seq = attack.forger.newest.seq;
        (void)forger_add(&attack.forger, (enum record_kind)rails[i].kind, 1);
        cr_assert_eq(forger_send(&attack.forger), ERR_OK, "%s: %s", rails[i].name, attack.world.err.message);
        const struct exchange_response *answer = attack.forger.response;
        cr_expect_eq(answer->refusal_count, rails[i].says != NULL, "%s", rails[i].name);
        if (answer->refusal_count > 0) {
            const struct slice *reason = &answer->refusals[0].reason;
            cr_expect_eq(answer->refusals[0].seq, attack.forger.newest.seq);
            cr_expect_not_null(memmem(reason->data, reason->len, rails[i].says, strlen(rails[i].says)), "%s: %.*s",
                               rails[i].name, (int)reason->len, (const char *)reason->data);
        }
    }
    cr_assert_eq(laptop_sync(&attack.laptop), ERR_OK, "%s", attack.world.err.message);
    laptop_digest(&attack.laptop, after);
    cr_assert_arr_eq(after, before, SHA256_BYTES, "a table changed");
    cr_assert_eq(store_verify(attack.laptop.store, &verified, NULL), ERR_OK);
    cr_assert_eq(verified.quarantined, ARRAY_LEN(rails));
}

/* ---- what is given back of others: declined with a reason, and nothing of it is kept ---- */

static struct forger author; /* of this site, who does not come itself */

static void given_honest(void)
{
    (void)forger_add(&author, KIND_CAPACITY_STATEMENT, 2);
    forger_segment(&author, buf_slice(&author.certificate), &attack.scratch);
}

static void given_with_a_forged_signature(void)
{
    (void)forger_add(&author, KIND_CAPACITY_STATEMENT, 2);
    author.signature.bytes[author.signature.len - 1] ^= 1;
    forger_segment(&author, buf_slice(&author.certificate), &attack.scratch);
}

static void given_without_certificate(void)
{
    (void)forger_add(&author, KIND_CAPACITY_STATEMENT, 1);
    forger_segment(&author, (struct slice){ 0 }, &attack.scratch);
}

static void given_of_another_organisation(void)
{
    (void)forger_add(&attack.stranger, KIND_CAPACITY_STATEMENT, 1);
    forger_segment(&attack.stranger, buf_slice(&attack.stranger.certificate), &attack.scratch);
}

static void given_after_a_gap(void)
{
    author.newest.seq += 4;
    given_honest();
}

static void given_bomb(void)
{
    segment_bomb(author.newest.device, 1, &attack.scratch);
}

static void given_another_branch_that_nobody_signed(void)
{
    author.newest = attack.forger.newest; /* of one whose records are held */
    author.newest.seq = 0;
    op_link_first(author.stream, author.newest.device, 1, author.link);
    (void)forger_add(&author, KIND_ATTENDANCE, 4); /* with another key */
    forger_segment(&author, buf_slice(&attack.forger.certificate), &attack.scratch);
}

static void given_another_branch(void)
{
    attack.forger.newest.seq = 0;
    op_link_first(attack.forger.stream, attack.forger.newest.device, 1, attack.forger.link);
    (void)forger_add(&attack.forger, KIND_ATTENDANCE, 4);
    forger_segment(&attack.forger, buf_slice(&attack.forger.certificate), &attack.scratch);
    op_batch_clear(&attack.forger.ops);
}

static const struct given {
    const char *name;
    void (*make)(void);
    const char *says; /* NULL: taken */
    size_t incidents;
} given[] = {
    { "what is honest", given_honest, NULL, 0 },
    { "a forged signature", given_with_a_forged_signature, "signature", 1 },
    { "an author without certificate", given_without_certificate, "certificate is missing", 0 },
    { "records of another organisation", given_of_another_organisation, "does not belong", 0 },
    { "a gap", given_after_a_gap, "begin after record 0", 0 },
    { "a decompression bomb", given_bomb, "more than", 0 },
    { "another branch that its device did not sign", given_another_branch_that_nobody_signed, "signature", 1 },
    { "another branch that its device did sign", given_another_branch, "other ones", 1 },
};

static void check_given(const struct given *row)
{
    uint8_t before[SHA256_BYTES];
    uint8_t after[SHA256_BYTES];
    uint64_t held = 0;
    forger_enrol(&attack.world, "garden", &author);
    row->make();
    attack.forger.request.given[0] = buf_slice(&attack.scratch);
    attack.forger.request.given_count = 1;
    cr_assert(exchange_request_encode(&attack.forger.request, &attack.bytes, NULL) == ERR_OK);
    centre_log_digest(&attack, before);
    cr_expect_eq(send_bytes(&held), ERR_OK, "%s: %s", row->name, attack.world.err.message);
    centre_log_digest(&attack, after);
    const struct slice *reason = &attack.response->declined[0].reason;
    cr_expect_eq(attack.response->declined_count, row->says != NULL, "%s", row->name);
    cr_expect(row->says == NULL || memmem(reason->data, reason->len, row->says, strlen(row->says)) != NULL, "%s: %.*s",
              row->name, (int)reason->len, (const char *)reason->data);
    cr_expect_eq(memcmp(after, before, SHA256_BYTES) == 0, row->says != NULL, "%s: what is kept", row->name);
    cr_expect_eq(world_incidents(&attack.world), row->incidents, "%s", row->name);
    forger_fini(&author);
}

Test(to_centre, what_is_given_back_in_bad_faith_is_declined_with_a_reason_and_nothing_of_it_is_kept)
{
    for (size_t i = 0; i < ARRAY_LEN(given); i++) {
        if (i > 0) {
            begin();
        }
        check_given(&given[i]);
        if (i + 1 < ARRAY_LEN(given)) {
            end();
        }
    }
}
