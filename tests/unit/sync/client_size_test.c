/* How much goes in one exchange, and what is measured by it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "desk.h"

Test(client, a_backlog_goes_in_batches_that_grow_and_all_of_it_arrives)
{
    struct desk desk;
    desk_init(&desk);
    desk_record(&desk, &desk.replica, 3000, 400);
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    size_t first = 0;
    size_t largest = 0;
    while (desk.sending) {
        desk_deliver(&desk, 20);
        first = first > 0 ? first : desk.centre.last_segment_len;
        largest = desk.centre.last_segment_len > largest ? desk.centre.last_segment_len : largest;
    }
    cr_assert_eq(desk.centre.held.count, 3000);
    cr_assert_eq(desk_sync(&desk).acked_seq, 3000);
    struct client_status status = desk_status(&desk);
    cr_assert_eq(status.last.ops_sent, 3000);
    cr_assert_gt(status.last.requests, 2);
    cr_assert_leq(first, 2 * CLIENT_BATCH_START);
    cr_assert_gt(largest, 2 * first);
    desk_fini(&desk);
}

Test(client, batches_halve_when_the_line_breaks)
{
    struct desk desk;
    desk_init(&desk);
    desk_record(&desk, &desk.replica, 1000, 400);
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    size_t before = desk.sent.len;
    for (int i = 0; i < 10; i++) {
        desk_cut(&desk);
        desk_timer(&desk);
    }
    cr_assert_lt(desk.sent.len, before / 4);
    cr_assert_leq(desk.sent.len, 2 * CLIENT_BATCH_MIN + 1024);
    struct exchange_request request;
    struct error err;
    cr_assert_eq(exchange_request_decode(buf_slice(&desk.sent), &request, &err), ERR_OK);
    cr_assert_eq(request.want_bytes, CLIENT_BATCH_MIN);
    desk_fini(&desk);
}

Test(client, a_centre_that_was_not_reached_leaves_the_size_of_batches_alone_and_is_not_asked_first)
{
    struct desk desk;
    struct exchange_request request;
    struct error err;
    desk_init(&desk);
    desk_record(&desk, &desk.replica, 1000, 400);
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    size_t before = desk.sent.len;
    for (int i = 0; i < 10; i++) {
        desk_unreachable(&desk);
        desk_timer(&desk);
        cr_assert_eq(exchange_request_decode(buf_slice(&desk.sent), &request, &err), ERR_OK);
        cr_assert_eq(request.want_bytes, CLIENT_BATCH_START);
        cr_assert_gt(request.segment.len, 0);
    }
    cr_assert_gt(desk.sent.len, before / 4 * 3);
    desk_settle(&desk);
    cr_assert_eq(desk_sync(&desk).acked_seq, 1000);
    cr_assert_lt(desk_status(&desk).last.requests, 8);
    desk_fini(&desk);
}

Test(client, batches_do_not_grow_past_eight_seconds_of_a_slow_line)
{
    struct desk desk;
    desk_init(&desk);
    desk_record(&desk, &desk.replica, 2500, 400);
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    /* 4 KiB a second */
    int64_t longest_ms = 0;
    for (int i = 0; desk.sending && i < 200; i++) {
        int64_t took_ms = (int64_t)desk.sent.len * 1000 / 4096;
        desk_deliver(&desk, took_ms);
        longest_ms = i > 0 && took_ms > longest_ms ? took_ms : longest_ms; /* the first could not know */
    }
    cr_assert_eq(desk_sync(&desk).acked_seq, 2500);
    cr_assert_leq(longest_ms, 17000, "%lld ms", (long long)longest_ms);
    desk_fini(&desk);
}

Test(client, fetches_page_after_page_and_says_when_there_is_news)
{
    struct desk desk;
    desk_init(&desk);
    desk_record(&desk, &desk.author, 250, 20);
    client_wake(desk.client, CLIENT_WAKE_START);
    desk_deliver(&desk, 20);
    cr_assert_eq(desk_status(&desk).to_fetch, 150);
    cr_assert_eq(desk.changes_with_ops, 1);
    desk_settle(&desk);
    struct client_status status = desk_status(&desk);
    cr_assert_eq(desk_sync(&desk).cursor, 250);
    cr_assert_eq(status.to_fetch, 0);
    cr_assert_eq(status.last.ops_received, 250);
    cr_assert_eq(status.last.requests, 3);
    cr_assert_eq(desk.changes_with_ops, 3);
    desk_fini(&desk);
}

Test(client, measures_the_clock_against_the_middle_of_the_exchange)
{
    struct desk desk;
    desk_init(&desk);
    desk.wall_ms += 7000;
    client_wake(desk.client, CLIENT_WAKE_START);
    desk_deliver(&desk, 3000);
    cr_assert_eq(desk_status(&desk).clock_offset_ms, 7000);
    cr_assert_not(desk_status(&desk).clock_off);
    cr_assert_eq(desk_sync(&desk).clock_offset_ms, 7000);
    cr_assert(desk_sync(&desk).clock_known);
    desk_fini(&desk);
}

Test(client, says_when_the_clock_is_far_off_in_either_direction)
{
    static const int64_t offsets[] = { CLIENT_CLOCK_OFF_MS + 1, -CLIENT_CLOCK_OFF_MS - 1 };
    for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
        struct desk desk;
        desk_init(&desk);
        desk.wall_ms = desk.centre.clock_ms + offsets[i];
        client_wake(desk.client, CLIENT_WAKE_START);
        desk_deliver(&desk, 0);
        cr_assert(desk_status(&desk).clock_off);
        desk_fini(&desk);
    }
}

Test(client, a_line_that_dies_every_200_kb_resends_at_most_a_tenth)
{
    enum { LIFE = 200 * 1000 };
    struct desk desk;
    desk_init(&desk);
    desk_record(&desk, &desk.replica, 4000, 400);
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    size_t offered = 0;
    size_t wasted = 0;
    size_t left = LIFE;
    while (desk_sync(&desk).pending_ops > 0) {
        if (desk.sending && desk.sent.len > left) {
            offered += left;
            wasted += left;
            left = LIFE;
            desk_cut(&desk);
            cr_assert_leq(desk.timer_ms, 2000, "something went over it: it is tried again soon");
        } else if (desk.sending) {
            offered += desk.sent.len;
            left -= desk.sent.len;
            desk_deliver(&desk, (int64_t)desk.sent.len / 50);
        } else {
            desk_timer(&desk);
        }
    }
    printf("%zu bytes offered, %zu of them in vain\n", offered, wasted);
    cr_assert_gt(offered, 5 * LIFE);
    cr_assert_leq(wasted * 10, offered - wasted);
    desk_fini(&desk);
}

Test(client, says_how_long_the_rest_takes_by_what_went_of_late)
{
    struct desk desk;
    desk_init(&desk);
    struct client_status status = desk_status(&desk);
    cr_assert_eq(client_seconds_left(&status.pace, 10, 0), -1, "nothing is known before something went");
    desk_record(&desk, &desk.replica, 4000, 400);
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    int64_t began_ms = desk.monotonic_ms;
    int64_t said_ms = 0;
    for (int i = 0; desk.sending; i++) {
        desk_deliver(&desk, (int64_t)desk.sent.len * 1000 / 20000);
        if (i == 3) {
            status = desk_status(&desk);
            int64_t left_s = client_seconds_left(&status.pace, desk_sync(&desk).pending_ops, status.to_fetch);
            cr_assert_gt(left_s, 0);
            said_ms = desk.monotonic_ms + left_s * 1000;
        }
    }
    int64_t took_ms = desk.monotonic_ms - began_ms;
    int64_t wrong_ms = llabs(said_ms - desk.monotonic_ms);
    cr_assert_lt(wrong_ms * 5, took_ms, "it was %lld ms wrong of %lld", (long long)wrong_ms, (long long)took_ms);
    desk_fini(&desk);
}

/* A line that bears 10 kB at a time, and a centre that loses what it had not read when the line broke. */
Test(client, a_rest_that_gets_no_further_is_given_up_and_what_follows_is_small)
{
    enum { LIFE = 10 * 1000, KEPT = 4096, RESTS_MAX = 3 };
    struct desk desk;
    struct exchange_request request;
    unsigned rests = 0;
    desk_init(&desk);
    desk_record(&desk, &desk.replica, 300, 400);
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    for (unsigned i = 0; desk_sync(&desk).pending_ops > 0; i++) {
        cr_assert_lt(i, 200, "it goes round in circles");
        if (!desk.sending) {
            desk_timer(&desk);
            continue;
        }
        cr_assert_eq(exchange_request_decode(buf_slice(&desk.sent), &request, NULL), ERR_OK);
        rests += request.rest.len > 0;
        if (desk.sent.len > LIFE) {
            small_centre_cut(&desk.centre, buf_slice(&desk.sent), request.rest.len > 0 ? 0 : KEPT);
            desk_cut(&desk);
        } else {
            desk_deliver(&desk, 20);
        }
    }
    cr_assert(rests > 0 && rests <= RESTS_MAX, "%u", rests);
    cr_assert_eq(desk.centre.held.count, 300);
    desk_fini(&desk);
}
