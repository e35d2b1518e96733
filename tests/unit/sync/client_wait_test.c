/* Between exchanges: the centre keeps its answer back until there is something new. */
#include <criterion/criterion.h>

#include "desk.h"

#define START_S 240

static struct desk desk;

static void begin(void)
{
    desk_init(&desk);
    client_allow_waiting(desk.client, true);
    client_wake(desk.client, CLIENT_WAKE_START);
    desk_deliver(&desk, 20);
}

static void end(void)
{
    desk_fini(&desk);
}

TestSuite(client_wait, .init = begin, .fini = end);

static bool waits(void)
{
    return desk.sending && desk.wait_s > 0 && desk_status(&desk).waiting;
}

Test(client_wait, begins_after_an_exchange_with_nothing_left_to_do)
{
    cr_assert(waits());
    cr_assert_eq(desk.sends, 2);
    cr_assert_eq(desk.wait_s, START_S);
    cr_assert_eq(desk.timer_ms, -1, "the edge looks at the time");
    cr_assert_eq(desk_status(&desk).next_try_at_ms, OP_TIME_NONE);
    cr_assert_eq(desk_status(&desk).last.result, ERR_OK);
}

Test(client_wait, says_so_in_its_request)
{
    struct exchange_request request;
    cr_assert_eq(exchange_request_decode(buf_slice(&desk.sent), &request, NULL), ERR_OK);
    cr_assert_eq(request.wait_s, START_S);
    cr_assert_eq(request.segment.len, 0);
}

Test(client_wait, takes_news_as_an_exchange_and_waits_again)
{
    desk_record(&desk, &desk.author, 3, 20);
    desk_deliver(&desk, 60 * 1000);
    cr_assert_eq(desk_status(&desk).last.ops_received, 3);
    cr_assert_lt(desk_status(&desk).last.duration_ms, 1000, "the silence before is no part of it");
    cr_assert(waits());
}

Test(client_wait, keeps_the_clock_as_it_was_measured_before)
{
    int64_t offset_ms = desk_sync(&desk).clock_offset_ms;
    desk_record(&desk, &desk.author, 1, 20);
    desk_deliver(&desk, START_S * 1000);
    cr_assert_eq(desk_sync(&desk).clock_offset_ms, offset_ms);
}

Test(client_wait, is_longer_after_each_silence_and_no_longer_than_a_quarter_of_an_hour)
{
    static const uint32_t seconds[] = { 240, 360, 540, 810, 900, 900 };
    for (size_t i = 0; i < ARRAY_LEN(seconds); i++) {
        cr_assert(waits());
        cr_assert_eq(desk.wait_s, seconds[i]);
        unsigned changes = desk.changes;
        desk_deliver(&desk, (int64_t)seconds[i] * 1000);
        cr_assert_leq(desk.changes, changes + 1);
    }
}

Test(client_wait, is_shorter_where_the_line_forgets_what_says_nothing)
{
    desk.monotonic_ms += 200 * 1000;
    desk_cut(&desk);
    cr_assert_eq(desk_status(&desk).state, CLIENT_IDLE);
    cr_assert_eq(desk_status(&desk).last.result, ERR_OK, "nobody is told before an exchange has failed");
    cr_assert_leq(desk.timer_ms, 2000);
    desk_timer(&desk);
    cr_assert(desk.sending && desk.wait_s == 0, "first an exchange finds out how things are");
    desk_deliver(&desk, 20);
    cr_assert(waits());
    cr_assert_eq(desk.wait_s, START_S / 2);
}

Test(client_wait, is_cut_short_by_new_records)
{
    desk_record(&desk, &desk.replica, 2, 20);
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    cr_assert_eq(desk.cancels, 1);
    cr_assert(desk.sending && desk.wait_s == 0);
    desk_deliver(&desk, 20);
    cr_assert_eq(desk.centre.held.count, 2);
    cr_assert(waits());
}

Test(client_wait, is_not_cut_short_by_records_that_are_there_already)
{
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    cr_assert_eq(desk.cancels, 0);
    cr_assert(waits());
}

Test(client_wait, is_cut_short_by_a_person_and_by_another_network)
{
    client_wake(desk.client, CLIENT_WAKE_PERSON);
    cr_assert_eq(desk.cancels, 1);
    desk_deliver(&desk, 20);
    cr_assert(waits());
    client_wake(desk.client, CLIENT_WAKE_NETWORK);
    cr_assert_eq(desk.cancels, 2);
    desk_deliver(&desk, 20);
    cr_assert(waits());
}

Test(client_wait, rests_when_the_centre_answers_at_once)
{
    desk_deliver(&desk, 20);
    cr_assert_not(desk.sending, "a centre that does not wait is not asked without end");
    struct client_status status = desk_status(&desk);
    cr_assert_eq(status.state, CLIENT_IDLE);
    cr_assert_not(status.waiting);
    cr_assert_geq(desk.timer_ms, CLIENT_INTERVAL_MS * 9 / 10);
    desk_timer(&desk);
    desk_deliver(&desk, 20);
    cr_assert(waits(), "it is tried again at the next exchange");
}

Test(client_wait, rests_longer_each_time_that_the_line_is_cut_at_once)
{
    unsigned sends = desk.sends;
    for (int i = 0; i < 2; i++) {
        cr_assert(waits());
        desk_cut(&desk);
        desk_timer(&desk);
        desk_deliver(&desk, 20);
    }
    cr_assert_not(desk.sending, "the third time is not at once");
    cr_assert_eq(desk.sends - sends, 3);
}

Test(client_wait, ends_when_it_is_not_allowed_any_more_and_begins_when_it_is)
{
    client_allow_waiting(desk.client, false);
    cr_assert_eq(desk.cancels, 1);
    cr_assert_not(desk.sending);
    cr_assert_eq(desk_status(&desk).state, CLIENT_IDLE);
    cr_assert_geq(desk.timer_ms, CLIENT_INTERVAL_MS * 9 / 10);
    client_allow_waiting(desk.client, true);
    cr_assert(waits());
}

Test(client_wait, tells_a_revocation_that_came_instead_of_news)
{
    desk_answer_http(&desk, 403, "text/plain", slice_of_text(""), 0);
    cr_assert_eq(desk_status(&desk).state, CLIENT_STALLED);
    cr_assert_eq(desk_status(&desk).last.result, ERR_REFUSED);
}

Test(client_wait, leaves_the_size_of_batches_alone)
{
    struct exchange_request request;
    desk_deliver(&desk, START_S * 1000);
    cr_assert_eq(exchange_request_decode(buf_slice(&desk.sent), &request, NULL), ERR_OK);
    cr_assert_eq(request.want_bytes, CLIENT_BATCH_START);
}
