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

TestSuite(centre_exchange, .init = begin, .fini = end, .timeout = 120);

static struct slice centre_public_key(struct certificate *certificate)
{
    cr_assert(certificate_parse(centre_signing_certificate(world.centre), certificate, NULL) == ERR_OK);
    return slice_of(certificate->public_key, certificate->public_key_len);
}

Test(centre_exchange, acknowledges_by_a_receipt_of_the_signing_key)
{
    struct forger forger;
    struct certificate certificate;
    uint8_t message[OP_RECEIPT_MESSAGE_BYTES];
    forger_enrol(&world, "garden", &forger);
    (void)forger_add(&forger, KIND_CAPACITY_STATEMENT, 3);
    cr_assert_eq(forger_send(&forger), ERR_OK, "%s", world.err.message);
    const struct exchange_response *response = forger.response;
    cr_assert_eq(response->acked_seq, 3);
    cr_assert_arr_eq(response->acked_link, forger.link, SHA256_BYTES);
    op_receipt_message(forger.stream, &forger.newest, forger.link, response->answered_at_ms, message);
    cr_assert(signature_verify(centre_public_key(&certificate), OP_RECEIPT_CONTEXT, slice_of(message, sizeof(message)),
                               slice_of(response->receipt, response->receipt_len), NULL) == ERR_OK);
    cr_assert(slice_equal(response->centre_certificate, centre_signing_certificate(world.centre)));
    cr_assert_eq(response->segment_count, 0, "a device does not get its own records back");
    cr_assert_eq(response->cursor, 3);
    cr_assert_not(response->more);
    forger_fini(&forger);
    world_verify(&world);
}

Test(centre_exchange, leaves_its_certificate_out_for_who_knows_it)
{
    struct forger forger;
    forger_enrol(&world, "garden", &forger);
    forger.request.certificate_known = true;
    cr_assert_eq(forger_send(&forger), ERR_OK);
    cr_assert_gt(forger.response->checkpoint_key.len, CHECKPOINT_KEY_BYTES);
    exchange_centre_hash(centre_signing_certificate(world.centre), forger.response->checkpoint_key.data,
                         forger.request.certificate_hash);
    cr_assert_eq(forger_send(&forger), ERR_OK);
    cr_assert_eq(forger.response->centre_certificate.len, 0);
    cr_assert_eq(forger.response->checkpoint_key.len, 0);
    cr_assert_lt(forger.response_bytes.len, 250, "an idle answer of %zu bytes", forger.response_bytes.len);
    forger_fini(&forger);
}

Test(centre_exchange, keeps_nothing_twice_when_a_request_is_repeated)
{
    struct forger forger;
    forger_enrol(&world, "garden", &forger);
    (void)forger_add(&forger, KIND_ATTENDANCE, 5);
    cr_assert_eq(forger_send_as(&forger, buf_slice(&forger.certificate)), ERR_OK);
    cr_assert_eq(forger_send_as(&forger, buf_slice(&forger.certificate)), ERR_OK);
    cr_assert_eq(forger.response->acked_seq, 5);
    cr_assert_eq(world_ops(&world, "garden"), 5);
    world_reopen(&world);
    cr_assert_eq(forger_send(&forger), ERR_OK);
    cr_assert_eq(world_ops(&world, "garden"), 5);
    (void)forger_add(&forger, KIND_ATTENDANCE, 2); /* and goes on where it was */
    cr_assert_eq(forger_send(&forger), ERR_OK);
    cr_assert_eq(forger.response->acked_seq, 7);
    forger_fini(&forger);
    world_verify(&world);
}

Test(centre_exchange, takes_a_run_that_begins_with_what_it_holds)
{
    struct forger forger;
    forger_enrol(&world, "garden", &forger);
    (void)forger_add(&forger, KIND_ATTENDANCE, 300);
    cr_assert_eq(forger_send_as(&forger, buf_slice(&forger.certificate)), ERR_OK);
    (void)forger_add(&forger, KIND_ATTENDANCE, 300); /* the first 300 are still in the batch */
    cr_assert_eq(forger_send(&forger), ERR_OK, "%s", world.err.message);
    cr_assert_eq(forger.response->acked_seq, 600);
    cr_assert_eq(world_ops(&world, "garden"), 600);
    forger_fini(&forger);
    world_verify(&world);
}

Test(centre_exchange, answers_a_gap_with_what_it_holds_and_keeps_nothing)
{
    struct forger forger;
    forger_enrol(&world, "garden", &forger);
    (void)forger_add(&forger, KIND_ATTENDANCE, 2);
    cr_assert_eq(forger_send(&forger), ERR_OK);
    uint8_t link[SHA256_BYTES];
    memcpy(link, forger.link, sizeof(link));
    (void)forger_add(&forger, KIND_ATTENDANCE, 2);
    op_batch_clear(&forger.ops); /* lost on the way */
    (void)forger_add(&forger, KIND_ATTENDANCE, 2);
    cr_assert_eq(forger_send(&forger), ERR_OK);
    cr_assert_eq(forger.response->acked_seq, 2);
    cr_assert_arr_eq(forger.response->acked_link, link, SHA256_BYTES);
    cr_assert_eq(world_ops(&world, "garden"), 2);
    cr_assert_eq(world_incidents(&world), 0);
    forger_fini(&forger);
    world_verify(&world);
}

Test(centre_exchange, passes_a_kind_of_a_later_version_on_and_refuses_nothing)
{
    struct forger forger;
    forger_enrol(&world, "garden", &forger);
    (void)forger_add(&forger, (enum record_kind)77, 1);
    cr_assert_eq(forger_send(&forger), ERR_OK, "%s", world.err.message);
    cr_assert_eq(forger.response->acked_seq, 1);
    cr_assert_eq(forger.response->refusal_count, 0);
    struct forger other;
    forger_enrol(&world, "garden", &other);
    cr_assert_eq(forger_send(&other), ERR_OK);
    cr_assert_eq(other.response->segment_count, 1);
    forger_fini(&other);
    forger_fini(&forger);
    world_verify(&world);
}

/* ---- with real replicas ---- */

static void expect_equal(struct laptop *a, struct laptop *b)
{
    uint8_t one[SHA256_BYTES];
    uint8_t two[SHA256_BYTES];
    laptop_digest(a, one);
    laptop_digest(b, two);
    cr_assert_arr_eq(one, two, SHA256_BYTES);
}

Test(centre_exchange, brings_two_laptops_of_a_site_and_the_centres_records_together)
{
    struct laptop a;
    struct laptop b;
    laptop_enrol(&world, "garden", &a);
    laptop_enrol(&world, "garden", &b);
    laptop_record(&a, 300);
    laptop_record(&b, 20);
    cr_assert_eq(laptop_sync(&a), ERR_OK, "%s", world.err.message);
    json_decref(world_admin(&world, "referral-new",
                            json_pack("{s:s, s:s, s:s, s:s, s:s}", "site", "garden", "ref", "R-1", "participant", "P-1",
                                      "route", "cwp", "basis", "mandatory")));
    cr_assert_eq(laptop_sync(&b), ERR_OK, "%s", world.err.message);
    laptop_record(&a, 1);
    cr_assert_eq(laptop_sync(&a), ERR_OK, "%s", world.err.message);
    cr_assert_eq(laptop_sync(&b), ERR_OK, "%s", world.err.message);
    expect_equal(&a, &b);
    cr_assert_eq(world_ops(&world, "garden"), 323);
    laptop_fini(&a);
    laptop_fini(&b);
    world_verify(&world);
}

Test(centre_exchange, shows_a_site_nothing_of_another)
{
    struct laptop a;
    struct laptop b;
    struct laptop c;
    laptop_enrol(&world, "garden", &a);
    laptop_enrol(&world, "shop", &b);  /* of the same organisation */
    laptop_enrol(&world, "other", &c); /* of another one */
    laptop_record(&a, 10);
    cr_assert_eq(laptop_sync(&a), ERR_OK);
    cr_assert_eq(laptop_sync(&b), ERR_OK);
    cr_assert_eq(laptop_sync(&c), ERR_OK);
    expect_equal(&b, &c);
    struct store_sync sync;
    cr_assert_eq(store_sync_read(b.store, &sync, NULL), ERR_OK);
    cr_assert_eq(sync.cursor, 0);
    laptop_fini(&a);
    laptop_fini(&b);
    laptop_fini(&c);
}

Test(centre_exchange, gives_a_laptop_that_was_put_back_its_own_records_again)
{
    struct laptop a;
    struct store_sync sync;
    laptop_enrol(&world, "garden", &a);
    laptop_record(&a, 5);
    cr_assert_eq(laptop_sync(&a), ERR_OK);
    laptop_save(&a);
    laptop_record(&a, 7);
    cr_assert_eq(laptop_sync(&a), ERR_OK);
    uint8_t before[SHA256_BYTES];
    uint8_t after[SHA256_BYTES];
    laptop_digest(&a, before);
    laptop_put_back(&a);
    (void)laptop_sync(&a);
    cr_assert_eq(store_sync_read(a.store, &sync, NULL), ERR_OK);
    cr_assert_eq(sync.newest_seq, 12);
    laptop_digest(&a, after);
    cr_assert_arr_eq(before, after, SHA256_BYTES);
    laptop_fini(&a);
    world_verify(&world);
}

Test(centre_exchange, says_where_it_stands_to_a_cursor_beyond_its_end)
{
    struct forger a;
    struct forger b;
    forger_enrol(&world, "garden", &a);
    forger_enrol(&world, "garden", &b);
    (void)forger_add(&a, KIND_ATTENDANCE, 4);
    cr_assert_eq(forger_send(&a), ERR_OK);
    b.request.cursor = 1000;
    b.request.tree_known = true;
    b.request.tree_size = 1000;
    cr_assert_eq(forger_send(&b), ERR_OK);
    cr_assert_eq(b.response->segment_count, 0);
    cr_assert_eq(b.response->cursor, 4);
    cr_assert(b.response->checkpoint_known, "and signs it");
    cr_assert_eq(b.response->checkpoint.size, 4);
    forger_fini(&a);
    forger_fini(&b);
}

/* Asks as the forger would, and lets the answer be kept back. */
/* As a device does that was answered before. */
static void know_centre(struct forger *forger)
{
    cr_assert_eq(forger_send(forger), ERR_OK);
    forger->request.certificate_known = true;
    exchange_centre_hash(centre_signing_certificate(world.centre), forger->response->checkpoint_key.data,
                         forger->request.certificate_hash);
}

static void ask_and_wait(struct forger *forger, struct centre_wait *ret_wait)
{
    SCOPED(buf_fini) struct buf request;
    SCOPED(buf_fini) struct buf answer;
    buf_init(&request, EXCHANGE_REQUEST_MAX);
    buf_init(&answer, EXCHANGE_RESPONSE_MAX);
    forger->request.wait_s = 60;
    memcpy(forger->request.stream, forger->stream, STREAM_ID_BYTES);
    cr_assert_eq(exchange_request_encode(&forger->request, &request, NULL), ERR_OK);
    cr_assert_eq(centre_exchange_or_wait(world.centre, buf_slice(&forger->certificate), buf_slice(&request),
                                         world.now_ms, ret_wait, &answer, &world.err),
                 ERR_OK, "%s", world.err.message);
}

Test(centre_exchange, keeps_an_answer_back_only_while_there_is_nothing_to_say)
{
    struct forger asker;
    struct forger other;
    struct centre_wait wait;
    forger_enrol(&world, "garden", &asker);
    forger_enrol(&world, "garden", &other);
    ask_and_wait(&asker, &wait);
    cr_assert_eq(wait.s, 0, "the certificate is to be told");
    know_centre(&asker);
    ask_and_wait(&asker, &wait);
    cr_assert_eq(wait.s, 60);
    cr_assert_not(centre_wait_is_over(world.centre, &wait));
    uint64_t news = centre_news(world.centre);
    (void)forger_add(&other, KIND_CAPACITY_STATEMENT, 1);
    cr_assert_eq(forger_send(&other), ERR_OK, "%s", world.err.message);
    cr_assert_neq(centre_news(world.centre), news);
    cr_assert(centre_wait_is_over(world.centre, &wait));
    ask_and_wait(&asker, &wait);
    cr_assert_eq(wait.s, 0, "there is a record to give");
    asker.request.acked_seq = 5;
    asker.request.cursor = 1;
    ask_and_wait(&asker, &wait);
    cr_assert_eq(wait.s, 0, "it believes that more of its records are held");
    forger_fini(&asker);
    forger_fini(&other);
}

Test(centre_exchange, the_records_of_another_site_are_no_news)
{
    struct forger asker;
    struct forger other;
    struct centre_wait wait;
    forger_enrol(&world, "garden", &asker);
    forger_enrol(&world, "shop", &other);
    know_centre(&asker);
    ask_and_wait(&asker, &wait);
    (void)forger_add(&other, KIND_CAPACITY_STATEMENT, 1);
    cr_assert_eq(forger_send(&other), ERR_OK, "%s", world.err.message);
    cr_assert_not(centre_wait_is_over(world.centre, &wait));
    forger_fini(&asker);
    forger_fini(&other);
}
