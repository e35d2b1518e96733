/* When the machine tries, waits and stops. */
#include <criterion/criterion.h>
#include <string.h>

#include "desk.h"

Test(client, starts_with_one_small_exchange_and_then_waits)
{
    struct desk desk;
    desk_init(&desk);
    client_wake(desk.client, CLIENT_WAKE_START);
    cr_assert(desk.sending);
    cr_assert_lt(desk.sent.len, 120, "%zu bytes", desk.sent.len);
    desk_deliver(&desk, 20);
    cr_assert_not(desk.sending);
    struct client_status status = desk_status(&desk);
    cr_assert_eq(status.state, CLIENT_IDLE);
    cr_assert_eq(status.last.result, ERR_OK, "%s", status.last.error.message);
    cr_assert_eq(status.last.requests, 1);
    cr_assert_eq(status.last_success_at_ms, desk.wall_ms);
    cr_assert_geq(desk.timer_ms, CLIENT_INTERVAL_MS * 9 / 10);
    cr_assert_leq(desk.timer_ms, CLIENT_INTERVAL_MS * 11 / 10);
    cr_assert_eq(status.next_try_at_ms, desk.wall_ms + desk.timer_ms);
    desk_fini(&desk);
}

Test(client, an_idle_exchange_is_small_both_ways_once_the_certificate_is_known)
{
    struct desk desk;
    struct buf out;
    desk_init(&desk);
    buf_init(&out, EXCHANGE_RESPONSE_MAX);
    client_wake(desk.client, CLIENT_WAKE_START);
    desk_settle(&desk);
    desk_timer(&desk);
    cr_assert(desk.sending);
    cr_assert_lt(desk.sent.len, 120, "%zu bytes", desk.sent.len);
    small_centre_answer(&desk.centre, buf_slice(&desk.sent), &out);
    cr_assert_lt(out.len, 450, "%zu bytes", out.len);
    buf_fini(&out);
    desk_fini(&desk);
}

Test(client, sends_what_was_recorded_and_has_it_acknowledged)
{
    struct desk desk;
    desk_init(&desk);
    desk_record(&desk, &desk.replica, 7, 20);
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    desk_settle(&desk);
    cr_assert_eq(desk.sends, 1);
    cr_assert_eq(desk.centre.held.count, 7);
    cr_assert_eq(desk_sync(&desk).acked_seq, 7);
    struct client_status status = desk_status(&desk);
    cr_assert_eq(status.last.ops_sent, 7);
    cr_assert_eq(status.last.bytes_sent, desk.sent.len);
    struct store_verified verified;
    cr_assert_eq(store_verify(desk.replica.store, &verified, NULL), ERR_OK);
    cr_assert_eq(verified.signed_ops, 7, "its own signature stays with the log");
    desk_fini(&desk);
}

Test(client, asks_nobody_when_woken_by_ops_that_are_acknowledged)
{
    struct desk desk;
    desk_init(&desk);
    desk_record(&desk, &desk.replica, 1, 20);
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    desk_settle(&desk);
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    cr_assert_eq(desk.sends, 1);
    desk_fini(&desk);
}

Test(client, sends_the_same_ops_again_after_a_lost_answer_and_nothing_is_doubled)
{
    struct desk desk;
    desk_init(&desk);
    desk_record(&desk, &desk.replica, 5, 20);
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    desk_lose_answer(&desk);
    cr_assert_eq(desk.centre.held.count, 5);
    cr_assert_eq(desk_sync(&desk).acked_seq, 0, "acknowledged without an answer");
    cr_assert_eq(desk_status(&desk).state, CLIENT_BACKOFF);
    desk_timer(&desk);
    desk_settle(&desk);
    cr_assert_eq(desk.sends, 2);
    cr_assert_eq(desk.centre.last_segment_first, 1);
    cr_assert_eq(desk.centre.last_segment_ops, 5);
    cr_assert_eq(desk.centre.held.count, 5);
    cr_assert_eq(desk_sync(&desk).acked_seq, 5);
    desk_fini(&desk);
}

Test(client, takes_one_answer_for_one_request)
{
    struct desk desk;
    desk_init(&desk);
    desk_record(&desk, &desk.replica, 2, 20);
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    desk_deliver(&desk, 20);
    unsigned changes = desk.changes;
    struct client_answer second = { .http_status = 403, .content_type = "text/plain" };
    client_answered(desk.client, &second);
    cr_assert_eq(desk_status(&desk).state, CLIENT_IDLE);
    cr_assert_eq(desk.changes, changes);
    desk_fini(&desk);
}

Test(client, backs_off_with_full_jitter_from_two_seconds_to_a_quarter_of_an_hour)
{
    static const int64_t limits[] = { 2000, 4000, 8000, 16000, 32000, 64000, 128000, 256000, 512000, 900000, 900000 };
    struct desk desk;
    desk_init(&desk);
    int64_t centre_clock_ms = desk.centre.clock_ms;
    client_wake(desk.client, CLIENT_WAKE_START);
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        desk.luck = i % 2 == 0 ? LUCK_HIGHEST : LUCK_LOWEST;
        desk_cut(&desk);
        cr_assert_eq(desk_status(&desk).state, CLIENT_BACKOFF);
        cr_assert_eq(desk.last_limit, limits[i] + 1, "failure %zu", i + 1);
        cr_assert_eq(desk.timer_ms, i % 2 == 0 ? limits[i] : 0);
        desk_timer(&desk);
        cr_assert(desk.sending);
    }
    desk.centre.clock_ms = centre_clock_ms; /* the certificates of the tests run out after minutes */
    desk_settle(&desk);
    client_wake(desk.client, CLIENT_WAKE_NETWORK);
    desk_cut(&desk);
    cr_assert_eq(desk.last_limit, 2001, "a success begins anew");
    desk_fini(&desk);
}

Test(client, a_wake_ends_the_backoff_at_once)
{
    static const enum client_wake wakes[] = { CLIENT_WAKE_NEW_OPS, CLIENT_WAKE_NETWORK, CLIENT_WAKE_PERSON };
    struct desk desk;
    desk_init(&desk);
    client_wake(desk.client, CLIENT_WAKE_START);
    for (size_t i = 0; i < ARRAY_LEN(wakes); i++) {
        desk_cut(&desk);
        cr_assert_not(desk.sending);
        client_wake(desk.client, wakes[i]);
        cr_assert(desk.sending, "wake %zu", i);
    }
    desk_fini(&desk);
}

Test(client, tries_brought_forward_by_new_records_do_not_lengthen_the_backoff)
{
    struct desk desk;
    desk_init(&desk);
    client_wake(desk.client, CLIENT_WAKE_START);
    desk_cut(&desk);
    for (size_t i = 0; i < 40; i++) {
        client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
        desk_cut(&desk);
        cr_assert_eq(desk.last_limit, 2001, "record %zu", i);
    }
    desk_timer(&desk);
    desk_cut(&desk);
    cr_assert_eq(desk.last_limit, 4001);
    desk_fini(&desk);
}

Test(client, only_a_person_breaks_the_peace_that_the_centre_asked_for)
{
    struct desk desk;
    desk_init(&desk);
    client_wake(desk.client, CLIENT_WAKE_START);
    desk_answer_http(&desk, 503, "", slice_of("", 0), 120);
    cr_assert_eq(desk_status(&desk).state, CLIENT_BACKOFF);
    cr_assert_eq(desk_status(&desk).last.result, ERR_BUSY);
    cr_assert_geq(desk.timer_ms, 120000);
    desk_record(&desk, &desk.replica, 1, 20);
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    client_wake(desk.client, CLIENT_WAKE_NETWORK);
    cr_assert_not(desk.sending);
    cr_assert_geq(desk.timer_ms, 120000);
    client_wake(desk.client, CLIENT_WAKE_PERSON);
    cr_assert(desk.sending);
    desk_settle(&desk);
    cr_assert_eq(desk_sync(&desk).acked_seq, 1);
    desk_fini(&desk);
}

Test(client, asks_again_when_the_peace_is_over)
{
    struct desk desk;
    desk_init(&desk);
    desk.luck = LUCK_HIGHEST;
    client_wake(desk.client, CLIENT_WAKE_START);
    desk_answer_http(&desk, 429, "", slice_of("", 0), 60);
    cr_assert_leq(desk.timer_ms, 67000);
    desk_timer(&desk);
    cr_assert(desk.sending);
    desk_fini(&desk);
}

Test(client, waits_between_batches_when_the_answer_asks_for_it)
{
    struct desk desk;
    desk_init(&desk);
    desk_record(&desk, &desk.author, 150, 20);
    desk.centre.retry_after_s = 30;
    client_wake(desk.client, CLIENT_WAKE_START);
    desk_deliver(&desk, 20);
    cr_assert_not(desk.sending);
    cr_assert_eq(desk_status(&desk).state, CLIENT_IDLE);
    cr_assert_eq(desk_status(&desk).to_fetch, 50);
    cr_assert_geq(desk.timer_ms, 30000);
    cr_assert_leq(desk.timer_ms, 33000);
    desk.centre.retry_after_s = 0;
    desk_timer(&desk);
    desk_settle(&desk);
    cr_assert_eq(desk_sync(&desk).cursor, 150);
    desk_fini(&desk);
}

Test(client, an_idle_centre_that_asks_for_peace_is_not_asked_the_sooner_for_it)
{
    struct desk desk;
    desk_init(&desk);
    desk.centre.retry_after_s = 30;
    client_wake(desk.client, CLIENT_WAKE_START);
    desk_settle(&desk);
    cr_assert_geq(desk.timer_ms, CLIENT_INTERVAL_MS * 9 / 10);
    desk_fini(&desk);
}

Test(client, sends_at_once_what_was_recorded_while_it_waited_for_an_answer)
{
    struct desk desk;
    desk_init(&desk);
    desk_record(&desk, &desk.replica, 2, 20);
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    desk_record(&desk, &desk.replica, 3, 20);
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    cr_assert_eq(desk.sends, 1);
    desk_settle(&desk);
    cr_assert_eq(desk.sends, 2, "two wakes are one exchange");
    cr_assert_eq(desk_sync(&desk).acked_seq, 5);
    desk_fini(&desk);
}

Test(client, sends_what_was_recorded_during_an_idle_exchange_too)
{
    struct desk desk;
    desk_init(&desk);
    client_wake(desk.client, CLIENT_WAKE_START);
    desk_record(&desk, &desk.replica, 1, 20);
    desk_settle(&desk);
    cr_assert_eq(desk.sends, 2);
    cr_assert_eq(desk_sync(&desk).acked_seq, 1);
    desk_fini(&desk);
}

Test(client, a_person_who_asks_during_an_exchange_gets_one_from_then_on)
{
    struct desk desk;
    desk_init(&desk);
    client_wake(desk.client, CLIENT_WAKE_START);
    client_wake(desk.client, CLIENT_WAKE_PERSON);
    client_wake(desk.client, CLIENT_WAKE_PERSON);
    desk_settle(&desk);
    cr_assert_eq(desk.sends, 2);
    desk_fini(&desk);
}

Test(client, a_network_that_came_back_during_a_failing_exchange_is_tried)
{
    struct desk desk;
    desk_init(&desk);
    client_wake(desk.client, CLIENT_WAKE_START);
    client_wake(desk.client, CLIENT_WAKE_NETWORK);
    desk_cut(&desk);
    cr_assert(desk.sending);
    desk_cut(&desk);
    cr_assert_not(desk.sending, "and tried once");
    desk_fini(&desk);
}

Test(client, stops_during_an_exchange_and_drops_its_answer)
{
    struct desk desk;
    desk_init(&desk);
    desk_record(&desk, &desk.replica, 2, 20);
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    client_stop(desk.client);
    client_stop(desk.client);
    cr_assert_eq(desk.timer_ms, -1);
    desk_deliver(&desk, 20);
    cr_assert_eq(desk_status(&desk).state, CLIENT_STOPPED);
    cr_assert_eq(desk_sync(&desk).acked_seq, 0);
    client_wake(desk.client, CLIENT_WAKE_PERSON);
    client_timer(desk.client);
    cr_assert_not(desk.sending);
    desk_fini(&desk);
}

Test(client, is_refused_before_enrolment)
{
    struct desk desk;
    struct error err;
    struct client *client;
    struct store_identity nobody = { 0 };
    desk_init(&desk);
    cr_assert_eq(client_new(desk.replica.store, &nobody, desk.replica.key, &desk.io, &client, &err), ERR_NOT_ENROLLED);
    desk_fini(&desk);
}

static void answer_error(struct desk *desk, long status, enum err_code code)
{
    struct buf out;
    struct error err;
    buf_init(&out, 1024);
    cr_assert_eq(exchange_error_encode(code, "words of\nthe centre", &out, &err), ERR_OK);
    desk_answer_http(desk, status, EXCHANGE_ERROR_CONTENT_TYPE, buf_slice(&out), 0);
    buf_fini(&out);
}

Test(client, a_revoked_device_stalls_until_a_person_asks)
{
    struct desk desk;
    desk_init(&desk);
    client_wake(desk.client, CLIENT_WAKE_START);
    answer_error(&desk, 403, ERR_REVOKED);
    struct client_status status = desk_status(&desk);
    cr_assert_eq(status.state, CLIENT_STALLED);
    cr_assert_eq(status.last.result, ERR_REVOKED);
    cr_assert_str_eq(status.last.error.message, "the centre says: words of the centre");
    cr_assert_geq(desk.timer_ms, 7 * 60 * 1000);
    desk_record(&desk, &desk.replica, 1, 20);
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    client_wake(desk.client, CLIENT_WAKE_NETWORK);
    cr_assert_not(desk.sending);
    client_wake(desk.client, CLIENT_WAKE_PERSON);
    cr_assert(desk.sending);
    desk_settle(&desk);
    cr_assert_eq(desk_status(&desk).state, CLIENT_IDLE);
    cr_assert_eq(desk_sync(&desk).acked_seq, 1);
    desk_fini(&desk);
}

Test(client, a_full_disk_that_takes_records_again_is_tried_at_once)
{
    struct desk desk;
    struct client_answer full = { .outcome = ERR_DISK_FULL, .content_type = "" };
    desk_init(&desk);
    client_wake(desk.client, CLIENT_WAKE_START);
    desk.sending = false;
    client_answered(desk.client, &full);
    cr_assert_eq(desk_status(&desk).state, CLIENT_STALLED);
    client_wake(desk.client, CLIENT_WAKE_NETWORK);
    cr_assert_not(desk.sending, "another network makes no room");
    desk_record(&desk, &desk.replica, 1, 20);
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    cr_assert(desk.sending);
    desk_settle(&desk);
    cr_assert_eq(desk_sync(&desk).acked_seq, 1);
    desk_fini(&desk);
}

Test(client, a_stalled_device_tries_again_by_itself_after_a_while)
{
    struct desk desk;
    desk_init(&desk);
    client_wake(desk.client, CLIENT_WAKE_START);
    answer_error(&desk, 401, ERR_REVOKED);
    desk_timer(&desk);
    cr_assert(desk.sending);
    desk_settle(&desk);
    cr_assert_eq(desk_status(&desk).state, CLIENT_IDLE);
    desk_fini(&desk);
}

Test(client, tells_what_other_answers_mean)
{
    static const struct {
        long status;
        const char *type;
        enum err_code code;
        enum client_state state;
    } answers[] = {
        { 200, "text/html", ERR_CAPTIVE_PORTAL, CLIENT_BACKOFF },
        { 200, "text/html; charset=utf-8", ERR_CAPTIVE_PORTAL, CLIENT_BACKOFF },
        { 302, "", ERR_CAPTIVE_PORTAL, CLIENT_BACKOFF },
        { 511, "text/html", ERR_CAPTIVE_PORTAL, CLIENT_BACKOFF },
        { 200, "application/json", ERR_PROTOCOL, CLIENT_BACKOFF },
        { 200, "", ERR_PROTOCOL, CLIENT_BACKOFF },
        { 404, "text/plain", ERR_PROTOCOL, CLIENT_BACKOFF },
        { 413, "text/plain", ERR_BUSY, CLIENT_BACKOFF },
        { 500, "text/plain", ERR_BUSY, CLIENT_BACKOFF },
        { 401, "text/plain", ERR_REVOKED, CLIENT_STALLED },
        { 403, "text/plain", ERR_REFUSED, CLIENT_STALLED },
    };
    struct desk desk;
    desk_init(&desk);
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        client_wake(desk.client, CLIENT_WAKE_PERSON);
        desk_answer_http(&desk, answers[i].status, answers[i].type, slice_of_text("<html>"), 0);
        cr_assert_eq(desk_status(&desk).last.result, answers[i].code, "answer %zu", i);
        cr_assert_eq(desk_status(&desk).state, answers[i].state, "answer %zu", i);
    }
    desk_fini(&desk);
}

Test(client, tells_what_the_centre_s_errors_mean)
{
    static const struct {
        long status;
        enum err_code says;
        enum err_code code;
        enum client_state state;
    } answers[] = {
        { 400, ERR_PROTOCOL, ERR_PROTOCOL, CLIENT_BACKOFF },
        { 400, ERR_UNSUPPORTED, ERR_UNSUPPORTED, CLIENT_STALLED },
        { 409, ERR_HISTORY, ERR_HISTORY, CLIENT_STALLED },
        { 409, ERR_CONFLICT, ERR_CONFLICT, CLIENT_BACKOFF },
        { 403, ERR_NOT_ENROLLED, ERR_NOT_ENROLLED, CLIENT_STALLED },
        { 403, ERR_BUSY, ERR_REFUSED, CLIENT_STALLED },
        { 500, ERR_DATABASE, ERR_BUSY, CLIENT_BACKOFF },
        { 503, ERR_DISK_FULL, ERR_BUSY, CLIENT_BACKOFF },
    };
    struct desk desk;
    desk_init(&desk);
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        client_wake(desk.client, CLIENT_WAKE_PERSON);
        answer_error(&desk, answers[i].status, answers[i].says);
        cr_assert_eq(desk_status(&desk).last.result, answers[i].code, "answer %zu", i);
        cr_assert_eq(desk_status(&desk).state, answers[i].state, "answer %zu", i);
    }
    desk_fini(&desk);
}

Test(client, another_network_is_tried_when_the_certificate_was_somebody_else_s)
{
    struct desk desk;
    desk_init(&desk);
    client_wake(desk.client, CLIENT_WAKE_START);
    struct client_answer answer = { .outcome = ERR_TLS, .content_type = "" };
    (void)error_set(&answer.error, ERR_TLS, "reach the centre: its certificate is not the centre's");
    desk.sending = false;
    client_answered(desk.client, &answer);
    cr_assert_eq(desk_status(&desk).state, CLIENT_STALLED);
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    cr_assert_not(desk.sending);
    client_wake(desk.client, CLIENT_WAKE_NETWORK);
    cr_assert(desk.sending);
    desk_fini(&desk);
}
