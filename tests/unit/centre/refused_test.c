/* A device that was told of a refusal, and a centre that takes the record later. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/centre/tables.h"
#include "store/query.h"
#include "sync/endpoint/core/private.h"
#include "world.h"

static struct centre_world world;
static struct laptop laptop;

static void begin(void)
{
    world_open(&world);
    laptop_enrol(&world, "garden", &laptop);
}

static void end(void)
{
    world_verify(&world);
    laptop_fini(&laptop);
    world_close(&world);
}

TestSuite(centre_refused, .init = begin, .fini = end, .timeout = 60);

static void record_refused(size_t count, const char *which)
{
    laptop_record_refused(&laptop, count, which);
    cr_assert_eq(laptop_sync(&laptop), ERR_OK);
}

static uint64_t aside(void)
{
    struct store_counts counts;
    cr_assert_eq(query_counts(laptop.store, &counts, &world.err), ERR_OK, "%s", world.err.message);
    return counts.quarantined;
}

Test(centre_refused, what_the_centre_takes_later_counts_at_the_device_from_the_next_exchange_on)
{
    uint8_t never_refused[SHA256_BYTES];
    uint8_t digest[SHA256_BYTES];
    record_refused(4, "seq IN (2, 3)");
    cr_assert_eq(aside(), 2);
    cr_assert_eq(laptop_statements(&laptop), 2);
    cr_assert_eq(laptop_sync(&laptop), ERR_OK);
    cr_assert_eq(aside(), 2, "the centre has not said that it takes them");
    world_retry(&world);
    cr_assert_eq(laptop_sync(&laptop), ERR_OK);
    cr_expect_eq(aside(), 0);
    cr_expect_eq(laptop_statements(&laptop), 4);
    laptop_digest(&laptop, digest);
    cr_assert_eq(store_rebuild(laptop.store, &world.err), ERR_OK, "%s", world.err.message);
    laptop_digest(&laptop, never_refused);
    cr_assert_arr_eq(digest, never_refused, SHA256_BYTES);
}

Test(centre_refused, one_of_two_is_lifted_alone)
{
    record_refused(5, "seq IN (2, 4)");
    cr_assert_eq(db_exec(&world.centre->store->db, "UPDATE op SET quarantine = NULL WHERE seq = 4", &world.err),
                 ERR_OK);
    cr_assert_eq(laptop_sync(&laptop), ERR_OK);
    cr_expect_eq(aside(), 1);
    cr_expect_eq(laptop_statements(&laptop), 4);
}

Test(centre_refused, a_device_does_not_take_its_own_back_while_the_centre_refuses_it)
{
    struct store_judged judged;
    record_refused(3, "seq = 2");
    cr_assert_eq(store_judge_again(laptop.store, &judged, &world.err), ERR_OK, "%s", world.err.message);
    cr_expect_eq(judged.released, 0);
    cr_expect_eq(judged.still, 1);
    cr_expect_eq(aside(), 1);
}

Test(centre_refused, what_an_earlier_incarnation_had_refused_is_asked_about_after_a_start)
{
    record_refused(3, "seq = 2");
    laptop_save(&laptop);
    laptop_restore(&laptop);
    laptop_record(&laptop, 2);
    cr_assert_eq(laptop_sync(&laptop), ERR_OK);
    cr_assert_eq(aside(), 1);
    world_retry(&world);
    laptop_save(&laptop); /* closed and opened */
    laptop_put_back(&laptop);
    cr_assert_eq(laptop_sync(&laptop), ERR_OK);
    cr_expect_eq(aside(), 0);
}

Test(centre_refused, more_of_them_than_one_answer_tells_are_all_lifted)
{
    size_t count = EXCHANGE_REFUSALS_MAX + 20;
    record_refused(count, "seq > 0");
    cr_assert_eq(aside(), count);
    world_retry(&world);
    cr_assert_eq(laptop_sync(&laptop), ERR_OK);
    cr_assert_eq(laptop_sync(&laptop), ERR_OK);
    cr_expect_eq(aside(), 0);
    cr_expect_eq(laptop_statements(&laptop), count);
}

Test(centre_refused, nothing_is_told_again_while_nothing_changes)
{
    record_refused(3, "seq = 2");
    cr_assert_eq(laptop_sync(&laptop), ERR_OK);
    struct exchange_response *response = calloc(1, sizeof(*response));
    struct exchange_request request;
    struct buf answer;
    buf_init(&answer, EXCHANGE_RESPONSE_MAX);
    cr_assert_not_null(response);
    cr_assert_eq(exchange_request_decode(buf_slice(&laptop.request), &request, &world.err), ERR_OK);
    cr_assert_eq(request.refused.from, 2);
    cr_assert_eq(centre_exchange(world.centre, buf_slice(&laptop.identity.certificate), buf_slice(&laptop.request),
                                 world.now_ms, &answer, &world.err),
                 ERR_OK, "%s", world.err.message);
    cr_assert_eq(exchange_response_decode(buf_slice(&answer), response, &world.err), ERR_OK);
    cr_expect_eq(response->refused_from, 0);
    cr_expect_eq(response->refusal_count, 0);
    buf_fini(&answer);
    free(response);
}

/* The laptop's last question again, with leave to keep the answer back. */
static void ask_and_wait(struct centre_wait *ret_wait)
{
    struct exchange_request request;
    SCOPED(buf_fini) struct buf question;
    SCOPED(buf_fini) struct buf answer;
    buf_init(&question, EXCHANGE_REQUEST_MAX);
    buf_init(&answer, EXCHANGE_RESPONSE_MAX);
    cr_assert_eq(exchange_request_decode(buf_slice(&laptop.request), &request, &world.err), ERR_OK);
    request.wait_s = 60;
    cr_assert_eq(exchange_request_encode(&request, &question, &world.err), ERR_OK);
    cr_assert_eq(centre_exchange_or_wait(world.centre, buf_slice(&laptop.identity.certificate), buf_slice(&question),
                                         world.now_ms, ret_wait, &answer, &world.err),
                 ERR_OK, "%s", world.err.message);
}

Test(centre_refused, who_waits_hears_at_once_that_a_refusal_was_lifted)
{
    struct centre_wait wait;
    record_refused(3, "seq = 2");
    cr_assert_eq(laptop_sync(&laptop), ERR_OK);
    ask_and_wait(&wait);
    cr_assert_eq(wait.s, 60);
    uint64_t news = centre_news(world.centre);
    world_retry(&world);
    cr_expect_neq(centre_news(world.centre), news);
    cr_expect(centre_wait_is_over(world.centre, &wait));
    ask_and_wait(&wait);
    cr_expect_eq(wait.s, 0, "what is left of the refusals is to be told");
    cr_assert_eq(laptop_sync(&laptop), ERR_OK);
    cr_expect_eq(aside(), 0);
    cr_assert_eq(laptop_sync(&laptop), ERR_OK); /* now it knows that none is refused */
    ask_and_wait(&wait);
    cr_assert_eq(wait.s, 60);
    world_retry(&world);
    cr_expect_not(centre_wait_is_over(world.centre, &wait), "there was nothing left to lift");
}
