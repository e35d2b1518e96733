/* What the client does not believe. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "desk.h"

/* The desk with three ops sent and the centre's answer in `out`, not delivered yet. */
static void desk_asked(struct desk *desk, struct buf *out)
{
    desk_init(desk);
    buf_init(out, EXCHANGE_RESPONSE_MAX);
    desk_record(desk, &desk->replica, 3, 20);
    desk_record(desk, &desk->author, 2, 20);
    client_wake(desk->client, CLIENT_WAKE_NEW_OPS);
    small_centre_answer(&desk->centre, buf_slice(&desk->sent), out);
}

static void assert_untouched(struct desk *desk)
{
    struct store_sync sync = desk_sync(desk);
    cr_assert_eq(sync.acked_seq, 0);
    cr_assert_eq(sync.cursor, 0);
    cr_assert_eq(sync.newest_seq, 3);
    cr_assert_eq(desk->changes_with_ops, 0);
}

Test(client, a_truncated_answer_changes_nothing_wherever_it_was_cut)
{
    struct desk desk;
    struct buf out;
    desk_asked(&desk, &out);
    for (size_t len = 0; len < out.len; len++) {
        uint8_t *copy = malloc(len + 1);
        memcpy(copy, out.data, len);
        desk_answer_http(&desk, 200, EXCHANGE_CONTENT_TYPE, slice_of(copy, len), 0);
        free(copy);
        cr_assert_eq(desk_status(&desk).last.result, ERR_PROTOCOL, "%zu bytes", len);
        cr_assert_eq(desk_status(&desk).state, CLIENT_BACKOFF);
        client_wake(desk.client, CLIENT_WAKE_PERSON);
    }
    assert_untouched(&desk);
    desk_answer_http(&desk, 200, EXCHANGE_CONTENT_TYPE, buf_slice(&out), 0);
    cr_assert_eq(desk_sync(&desk).acked_seq, 3);
    buf_fini(&out);
    desk_fini(&desk);
}

Test(client, a_flipped_bit_is_found_or_does_no_harm)
{
    struct desk desk;
    struct buf out;
    desk_asked(&desk, &out);
    size_t refused = 0;
    for (size_t i = 0; i < out.len && desk_sync(&desk).acked_seq == 0; i++) {
        out.data[i] ^= 0x10;
        desk_answer_http(&desk, 200, EXCHANGE_CONTENT_TYPE, buf_slice(&out), 0);
        out.data[i] ^= 0x10;
        enum err_code rc = desk_status(&desk).last.result;
        if (rc != ERR_OK) {
            assert_untouched(&desk);
            refused++;
        } else {
            /* the centre's clock, the end of the stream: not signed, and nothing is lost by them */
            cr_assert_eq(desk_sync(&desk).acked_seq, 3);
        }
        if (!desk.sending) {
            client_wake(desk.client, CLIENT_WAKE_PERSON);
        }
    }
    cr_assert_gt(refused, 0);
    buf_fini(&out);
    desk_fini(&desk);
}

static void assert_distrusted(struct desk *desk, enum err_code code)
{
    struct client_status status = desk_status(desk);
    cr_assert_eq(status.last.result, code, "%s: %s", err_code_name(status.last.result), status.last.error.message);
    cr_assert_eq(status.state, CLIENT_STALLED);
    assert_untouched(desk);
}

Test(client, a_receipt_signed_by_another_key_is_evidence_and_not_believed)
{
    struct desk desk;
    struct buf out;
    struct error err;
    struct device_key *key;
    desk_asked(&desk, &out);
    cr_assert_eq(device_key_generate(&key, &err), ERR_OK);
    desk.centre.another_key = key;
    desk_deliver(&desk, 20);
    assert_distrusted(&desk, ERR_HISTORY);
    device_key_free(key);
    buf_fini(&out);
    desk_fini(&desk);
}

Test(client, a_certificate_of_another_authority_is_not_believed)
{
    struct desk desk;
    struct buf out;
    struct world elsewhere;
    struct replica stranger;
    desk_asked(&desk, &out);
    world_init(&elsewhere);
    replica_start(&elsewhere, &stranger, CERTIFICATE_ROLE_CENTRE);
    desk.centre.another_certificate = buf_slice(&stranger.identity.certificate);
    desk.centre.another_key = stranger.key;
    desk_deliver(&desk, 20);
    assert_distrusted(&desk, ERR_TLS);
    replica_stop(&stranger);
    world_fini(&elsewhere);
    buf_fini(&out);
    desk_fini(&desk);
}

Test(client, an_agent_s_certificate_signs_no_receipts)
{
    struct desk desk;
    struct buf out;
    desk_asked(&desk, &out);
    desk.centre.another_certificate = buf_slice(&desk.replica.identity.certificate);
    desk.centre.another_key = desk.replica.key;
    desk_deliver(&desk, 20);
    assert_distrusted(&desk, ERR_HISTORY);
    buf_fini(&out);
    desk_fini(&desk);
}

Test(client, a_receipt_without_any_certificate_is_not_believed)
{
    struct desk desk;
    struct buf out;
    desk_asked(&desk, &out);
    desk.centre.keeps_certificate = true;
    desk_deliver(&desk, 20);
    cr_assert_eq(desk_status(&desk).last.result, ERR_PROTOCOL);
    assert_untouched(&desk);
    buf_fini(&out);
    desk_fini(&desk);
}

Test(client, a_new_certificate_of_the_centre_is_taken_when_it_proves_itself)
{
    struct desk desk;
    struct replica successor;
    desk_init(&desk);
    client_wake(desk.client, CLIENT_WAKE_START);
    desk_settle(&desk);
    replica_start(&desk.world, &successor, CERTIFICATE_ROLE_CENTRE);
    desk.centre.another_certificate = buf_slice(&successor.identity.certificate);
    desk.centre.another_key = successor.key;
    desk_timer(&desk);
    desk_settle(&desk);
    cr_assert_eq(desk_status(&desk).last.result, ERR_OK, "%s", desk_status(&desk).last.error.message);
    replica_stop(&successor);
    desk_fini(&desk);
}

Test(client, a_centre_that_holds_other_ops_of_this_device_is_evidence)
{
    struct desk desk;
    struct buf out;
    desk_asked(&desk, &out);
    buf_clear(&out);
    desk.centre.links[3][0] ^= 1;
    small_centre_answer(&desk.centre, buf_slice(&desk.sent), &out);
    desk_answer_http(&desk, 200, EXCHANGE_CONTENT_TYPE, buf_slice(&out), 0);
    desk_settle(&desk); /* it is asked for them, and does not give any */
    cr_assert_eq(desk_status(&desk).last.result, ERR_HISTORY, "%s", desk_status(&desk).last.error.message);
    cr_assert_eq(desk_status(&desk).state, CLIENT_STALLED);
    cr_assert_eq(desk_sync(&desk).acked_seq, 0);
    cr_assert_eq(desk_sync(&desk).newest_seq, 3);
    buf_fini(&out);
    desk_fini(&desk);
}

/* The centre answers as if the device had asked from `cursor` on. */
static void deliver_as_from(struct desk *desk, uint64_t cursor)
{
    struct exchange_request request;
    struct error err;
    cr_assert_eq(exchange_request_decode(buf_slice(&desk->sent), &request, &err), ERR_OK);
    request.cursor = cursor;
    buf_clear(&desk->sent);
    cr_assert_eq(exchange_request_encode(&request, &desk->sent, &err), ERR_OK);
    desk_deliver(desk, 20);
}

Test(client, a_page_with_a_gap_is_left_and_the_stream_read_from_its_beginning)
{
    struct desk desk;
    struct buf out;
    desk_asked(&desk, &out);
    desk_deliver(&desk, 20);
    cr_assert_eq(desk_sync(&desk).cursor, 5);
    desk_record(&desk, &desk.author, 3, 20);
    client_wake(desk.client, CLIENT_WAKE_PERSON);
    deliver_as_from(&desk, 6);
    cr_assert_eq(desk_sync(&desk).cursor, 0);
    desk_settle(&desk);
    cr_assert_eq(desk_status(&desk).last.result, ERR_OK, "%s", desk_status(&desk).last.error.message);
    cr_assert_eq(desk_sync(&desk).cursor, 8);
    buf_fini(&out);
    desk_fini(&desk);
}

Test(client, a_gap_that_is_there_from_the_beginning_too_is_evidence_and_nothing_of_it_is_kept)
{
    struct desk desk;
    struct buf out;
    desk_asked(&desk, &out);
    desk_deliver(&desk, 20);
    desk_record(&desk, &desk.author, 3, 20);
    client_wake(desk.client, CLIENT_WAKE_PERSON);
    deliver_as_from(&desk, 6);
    deliver_as_from(&desk, 6);
    cr_assert_eq(desk_status(&desk).last.result, ERR_HISTORY, "%s", desk_status(&desk).last.error.message);
    cr_assert_eq(desk_status(&desk).state, CLIENT_STALLED);
    cr_assert_eq(desk_sync(&desk).cursor, 0);
    buf_fini(&out);
    desk_fini(&desk);
}

Test(client, a_refusal_of_an_op_that_was_never_made_is_not_believed)
{
    struct desk desk;
    struct error err;
    static struct exchange_response response;
    struct buf first;
    struct buf second;
    desk_asked(&desk, &first);
    buf_init(&second, EXCHANGE_RESPONSE_MAX);
    cr_assert_eq(exchange_response_decode(buf_slice(&first), &response, &err), ERR_OK);
    response.refusals[0] = (struct exchange_refusal){ .seq = 4, .reason = slice_of_text("no") };
    response.refusal_count = 1;
    cr_assert_eq(exchange_response_encode(&response, &second, &err), ERR_OK);
    desk_answer_http(&desk, 200, EXCHANGE_CONTENT_TYPE, buf_slice(&second), 0);
    cr_assert_eq(desk_status(&desk).last.result, ERR_PROTOCOL);
    assert_untouched(&desk);
    buf_fini(&first);
    buf_fini(&second);
    desk_fini(&desk);
}

Test(client, a_centre_that_takes_nothing_is_not_asked_without_end)
{
    struct desk desk;
    desk_init(&desk);
    desk_record(&desk, &desk.replica, 3, 20);
    desk.centre.take_ops_max = 0;
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    desk_deliver(&desk, 20);
    cr_assert_not(desk.sending);
    cr_assert_eq(desk_status(&desk).state, CLIENT_BACKOFF);
    cr_assert_eq(desk_status(&desk).last.result, ERR_PROTOCOL);
    desk.centre.take_ops_max = SMALL_CENTRE_OPS_MAX;
    desk_timer(&desk);
    desk_settle(&desk);
    cr_assert_eq(desk_sync(&desk).acked_seq, 3);
    desk_fini(&desk);
}
