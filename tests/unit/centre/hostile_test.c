#include <criterion/criterion.h>
#include <string.h>

#include "sync/endpoint/core/private.h"
#include "world.h"

static struct centre_world world;
static struct forger forger;

static void begin(void)
{
    world_open(&world);
    forger_enrol(&world, "garden", &forger);
}

static void end(void)
{
    world_verify(&world);
    forger_fini(&forger);
    world_close(&world);
}

TestSuite(hostile, .init = begin, .fini = end, .timeout = 120);

static void expect_nothing_kept(uint64_t ops)
{
    cr_assert_eq(world_ops(&world, "garden"), ops);
    cr_assert_eq(world_ops(&world, "other"), 0);
}

Test(hostile, a_forged_signature_is_refused_before_anything_is_kept)
{
    (void)forger_add(&forger, KIND_ATTENDANCE, 3);
    forger.signature.bytes[forger.signature.len - 1] ^= 1;
    cr_assert_eq(forger_send(&forger), ERR_HISTORY, "%s", world.err.message);
    expect_nothing_kept(0);
    cr_assert_eq(world_incidents(&world), 1);
}

Test(hostile, a_signature_of_another_key_is_refused)
{
    struct forger other;
    forger_enrol(&world, "garden", &other);
    (void)forger_add(&forger, KIND_ATTENDANCE, 3);
    uint8_t message[OP_LINK_MESSAGE_BYTES];
    op_link_message(forger.stream, &forger.newest, forger.link, message);
    cr_assert(device_key_sign(other.key, OP_LINK_CONTEXT, slice_of(message, sizeof(message)), forger.signature.bytes,
                              &forger.signature.len, NULL) == ERR_OK);
    cr_assert_eq(forger_send(&forger), ERR_HISTORY);
    expect_nothing_kept(0);
    forger_fini(&other);
}

Test(hostile, records_without_a_signature_over_the_last_of_them_are_refused)
{
    (void)forger_add(&forger, KIND_ATTENDANCE, 2);
    struct segment_signature early = forger.signature;
    (void)forger_add(&forger, KIND_ATTENDANCE, 1);
    forger.signature = early;
    cr_assert_eq(forger_send_as(&forger, buf_slice(&forger.certificate)), ERR_HISTORY);
    forger.signature = (struct segment_signature){ 0 };
    cr_assert_eq(forger_send(&forger), ERR_HISTORY);
    expect_nothing_kept(0);
}

Test(hostile, a_second_history_is_answered_with_the_first_and_told_to_the_operator)
{
    uint8_t honest[SHA256_BYTES];
    (void)forger_add(&forger, KIND_ATTENDANCE, 3);
    cr_assert_eq(forger_send(&forger), ERR_OK);
    memcpy(honest, forger.link, sizeof(honest));
    forger.newest.seq = 0; /* writes its history again, as it would have liked it */
    op_link_first(forger.stream, forger.newest.device, 1, forger.link);
    (void)forger_add(&forger, KIND_CAPACITY_STATEMENT, 5);
    cr_assert_eq(forger_send_as(&forger, buf_slice(&forger.certificate)), ERR_OK, "%s", world.err.message);
    cr_assert_eq(forger.response->acked_seq, 3);
    cr_assert_arr_eq(forger.response->acked_link, honest, SHA256_BYTES);
    expect_nothing_kept(3);
    cr_assert_eq(world_incidents(&world), 1);
    cr_assert_eq(forger_send(&forger), ERR_OK); /* told once, however often it tries */
    cr_assert_eq(world_incidents(&world), 1);
}

static void begin_incarnation(uint32_t incarnation)
{
    forger.newest.incarnation = incarnation;
    forger.request.incarnation = incarnation;
    forger.newest.seq = 0;
    op_link_first(forger.stream, forger.newest.device, incarnation, forger.link);
    (void)forger_add(&forger, KIND_ATTENDANCE, 1);
}

Test(hostile, a_device_that_begins_incarnations_without_end_is_refused)
{
    for (uint32_t i = 1; i <= CENTRE_INCARNATIONS_MAX; i++) {
        begin_incarnation(i);
        cr_assert_eq(forger_send(&forger), ERR_OK, "%u: %s", i, world.err.message);
    }
    begin_incarnation(CENTRE_INCARNATIONS_MAX + 1);
    cr_assert_eq(forger_send(&forger), ERR_REFUSED);
    expect_nothing_kept(CENTRE_INCARNATIONS_MAX);
}

Test(hostile, a_device_cannot_fill_the_operators_list_of_incidents)
{
    struct centre_verified verified;
    for (uint32_t i = 1; i <= CENTRE_INCIDENTS_MAX + 10; i++) {
        begin_incarnation(i);
        forger.signature.bytes[forger.signature.len - 1] ^= 1;
        cr_assert_eq(forger_send(&forger), ERR_HISTORY);
    }
    cr_assert_eq(
        centre_verify(world.centre->store, centre_authority_certificate(world.centre), NULL, &verified, &world.err),
        ERR_OK);
    cr_assert_eq(verified.incidents, CENTRE_INCIDENTS_MAX);
}

Test(hostile, a_decision_by_a_device_is_quarantined_and_passed_on_as_such)
{
    struct laptop laptop;
    (void)forger_add(&forger, KIND_DECISION, 1);
    (void)forger_add(&forger, KIND_ATTENDANCE, 1);
    cr_assert_eq(forger_send(&forger), ERR_OK, "%s", world.err.message);
    cr_assert_eq(forger.response->acked_seq, 2);
    cr_assert_eq(forger.response->refusal_count, 1);
    cr_assert_eq(forger.response->refusals[0].seq, 1);
    cr_assert_gt(forger.response->refusals[0].reason.len, 10);
    json_t *log = world_admin(&world, "log", json_pack("{s:s}", "kind", "decision"));
    json_t *entry = json_array_get(json_object_get(log, "entries"), 0);
    cr_assert(json_is_string(json_object_get(entry, "quarantine")));
    json_decref(log);
    laptop_enrol(&world, "garden", &laptop);
    cr_assert_eq(laptop_sync(&laptop), ERR_OK, "%s", world.err.message);
    struct store_verified verified;
    cr_assert_eq(store_verify(laptop.store, &verified, &world.err), ERR_OK, "%s", world.err.message);
    cr_assert_eq(verified.quarantined, 1);
    cr_assert_eq(verified.ops, 2);
    laptop_fini(&laptop);
}

Test(hostile, a_lost_refusal_is_told_again)
{
    (void)forger_add(&forger, KIND_DECISION, 2);
    cr_assert_eq(forger_send_as(&forger, buf_slice(&forger.certificate)), ERR_OK);
    cr_assert_eq(forger_send(&forger), ERR_OK);
    cr_assert_eq(forger.response->refusal_count, 2);
    forger.request.acked_seq = 2;
    cr_assert_eq(forger_send(&forger), ERR_OK);
    cr_assert_eq(forger.response->refusal_count, 0);
}

Test(hostile, another_organisations_stream_is_refused)
{
    struct forger other;
    forger_enrol(&world, "other", &other);
    memcpy(forger.request.stream, other.stream, STREAM_ID_BYTES);
    cr_assert_eq(forger_send(&forger), ERR_REFUSED);
    (void)forger_add(&forger, KIND_ATTENDANCE, 1);
    cr_assert_eq(forger_send(&forger), ERR_REFUSED);
    expect_nothing_kept(0);
    forger_fini(&other);
}

Test(hostile, records_of_another_device_are_refused)
{
    struct forger other;
    forger_enrol(&world, "garden", &other);
    (void)forger_add(&other, KIND_ATTENDANCE, 2);
    cr_assert_eq(forger_send_as(&other, buf_slice(&forger.certificate)), ERR_REFUSED, "%s", world.err.message);
    expect_nothing_kept(0);
    forger_fini(&other);
}

Test(hostile, records_of_another_incarnation_than_the_request_are_refused)
{
    (void)forger_add(&forger, KIND_ATTENDANCE, 2);
    forger.request.incarnation = 2;
    cr_assert_eq(forger_send(&forger), ERR_PROTOCOL);
    expect_nothing_kept(0);
}

Test(hostile, records_made_for_another_stream_do_not_fit_their_signature)
{
    struct forger other;
    forger_enrol(&world, "shop", &other);
    memcpy(forger.stream, other.stream, STREAM_ID_BYTES);
    op_link_first(forger.stream, forger.newest.device, 1, forger.link);
    (void)forger_add(&forger, KIND_ATTENDANCE, 2); /* headers and links name the other stream */
    cr_assert_eq(forger_send(&forger), ERR_HISTORY, "%s", world.err.message);
    expect_nothing_kept(0);
    forger_fini(&other);
}

Test(hostile, a_revoked_device_is_refused_at_once)
{
    char digits[2 * DEVICE_ID_BYTES + 1];
    (void)forger_add(&forger, KIND_ATTENDANCE, 2);
    cr_assert_eq(forger_send(&forger), ERR_OK);
    hex_encode(forger.newest.device, DEVICE_ID_BYTES, digits);
    json_decref(world_admin(&world, "revoke", json_pack("{s:s%}", "device", digits, (size_t)8)));
    (void)forger_add(&forger, KIND_ATTENDANCE, 1);
    cr_assert_eq(forger_send(&forger), ERR_REVOKED);
    expect_nothing_kept(2);
}

Test(hostile, a_certificate_that_has_run_out_is_refused)
{
    world.now_ms += 366 * DAYS_MS;
    cr_assert_eq(forger_send(&forger), ERR_TLS);
}

Test(hostile, no_certificate_or_nonsense_is_refused)
{
    uint8_t nonsense[200] = { 0x30, 0x81, 0xc5 };
    cr_assert_eq(forger_send_as(&forger, (struct slice){ 0 }), ERR_TLS);
    cr_assert_eq(forger_send_as(&forger, slice_of(nonsense, sizeof(nonsense))), ERR_TLS);
    cr_assert_eq(forger_send_as(&forger, centre_authority_certificate(world.centre)), ERR_TLS);
}

static enum err_code send_with_certificate_of(struct authority *authority, enum certificate_role role,
                                              const uint8_t *organisation, const uint8_t *stream)
{
    SCOPED(buf_fini) struct buf request;
    SCOPED(buf_fini) struct buf der;
    uint8_t streams[1][STREAM_ID_BYTES];
    const char *const hosts[] = { "localhost" };
    bool agent = role == CERTIFICATE_ROLE_AGENT;
    memcpy(streams[0], stream, STREAM_ID_BYTES);
    buf_init(&request, CERTIFICATE_DER_MAX);
    buf_init(&der, CERTIFICATE_DER_MAX);
    struct certificate_grant grant = { .role = role,
                                       .common_name = "x",
                                       .organisation = agent ? organisation : NULL,
                                       .streams = agent ? streams : NULL,
                                       .stream_count = agent,
                                       .host_names = hosts,
                                       .host_name_count = role == CERTIFICATE_ROLE_SERVER,
                                       .not_before_ms = world.now_ms - DAYS_MS / 4,
                                       .not_after_ms = world.now_ms + DAYS_MS };
    cr_assert(device_key_request(forger.key, "x", &request, NULL) == ERR_OK);
    cr_assert(authority_issue(authority, buf_slice(&request), &grant, &der, &world.err) == ERR_OK, "%s",
              world.err.message);
    return forger_send_as(&forger, buf_slice(&der));
}

Test(hostile, a_certificate_of_another_authority_is_refused)
{
    struct authority *other;
    struct certificate own;
    cr_assert(certificate_parse(buf_slice(&forger.certificate), &own, NULL) == ERR_OK);
    cr_assert(authority_new("test centre", world.now_ms, &other, NULL) == ERR_OK);
    cr_assert_eq(send_with_certificate_of(other, CERTIFICATE_ROLE_AGENT, own.organisation, own.streams[0]), ERR_TLS);
    authority_free(other);
}

Test(hostile, a_certificate_of_the_right_authority_still_has_to_fit_the_devices_row)
{
    struct certificate own;
    struct forger other;
    uint8_t organisation[ORGANISATION_ID_BYTES] = { 5 };
    struct authority *authority = world.centre->authorities.present;
    forger_enrol(&world, "other", &other);
    cr_assert(certificate_parse(buf_slice(&forger.certificate), &own, NULL) == ERR_OK);
    cr_assert_eq(send_with_certificate_of(authority, CERTIFICATE_ROLE_AGENT, own.organisation, own.streams[0]), ERR_OK);
    cr_assert_eq(send_with_certificate_of(authority, CERTIFICATE_ROLE_AGENT, organisation, own.streams[0]),
                 ERR_REFUSED);
    cr_assert_eq(send_with_certificate_of(authority, CERTIFICATE_ROLE_AGENT, own.organisation, other.stream),
                 ERR_REFUSED);
    cr_assert_neq(send_with_certificate_of(authority, CERTIFICATE_ROLE_CENTRE, NULL, own.streams[0]), ERR_OK);
    cr_assert_neq(send_with_certificate_of(authority, CERTIFICATE_ROLE_SERVER, NULL, own.streams[0]), ERR_OK);
    forger_fini(&other);
}

Test(hostile, a_device_that_never_enrolled_is_told_so)
{
    struct device_key *own = forger.key;
    struct certificate certificate;
    cr_assert(certificate_parse(buf_slice(&forger.certificate), &certificate, NULL) == ERR_OK);
    cr_assert(device_key_generate(&forger.key, NULL) == ERR_OK);
    cr_assert_eq(send_with_certificate_of(world.centre->authorities.present, CERTIFICATE_ROLE_AGENT,
                                          certificate.organisation, certificate.streams[0]),
                 ERR_NOT_ENROLLED);
    device_key_free(forger.key);
    forger.key = own;
}

Test(hostile, bytes_that_are_no_request_are_refused)
{
    struct buf out;
    uint8_t bytes[64];
    buf_init(&out, EXCHANGE_RESPONSE_MAX);
    for (unsigned i = 0; i < 2000; i++) {
        for (size_t b = 0; b < sizeof(bytes); b++) {
            bytes[b] = (uint8_t)(i * 131 + b * b * 17 + (i >> 3) * b);
        }
        cr_assert_neq(centre_exchange(world.centre, buf_slice(&forger.certificate), slice_of(bytes, i % sizeof(bytes)),
                                      world.now_ms, &out, &world.err),
                      ERR_OK);
    }
    buf_fini(&out);
    expect_nothing_kept(0);
}
