#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "store/cbor.h"
#include "sync/exchange.h"

static struct exchange_request a_request(void)
{
    struct exchange_request request = { .incarnation = 2,
                                        .cursor = 123456,
                                        .acked_seq = 1000,
                                        .newest_seq = 1001,
                                        .sent_at_ms = INT64_C(1790000000000),
                                        .want_bytes = 4 << 20 };
    memset(request.stream, 0x11, sizeof(request.stream));
    return request;
}

static struct exchange_response a_response(void)
{
    struct exchange_response response = { .acked_seq = 1001,
                                          .receipt_len = 72,
                                          .answered_at_ms = INT64_C(1790000000100),
                                          .cursor = 123500,
                                          .head = 130000,
                                          .more = true };
    memset(response.acked_link, 0x22, sizeof(response.acked_link));
    memset(response.receipt, 0x33, response.receipt_len);
    return response;
}

static void encode_request(const struct exchange_request *request, struct buf *out)
{
    struct error err;
    buf_init(out, EXCHANGE_REQUEST_MAX);
    cr_assert_eq(exchange_request_encode(request, out, &err), ERR_OK);
}

static void encode_response(const struct exchange_response *response, struct buf *out)
{
    struct error err;
    buf_init(out, EXCHANGE_RESPONSE_MAX);
    cr_assert_eq(exchange_response_encode(response, out, &err), ERR_OK);
}

Test(exchange, a_request_comes_back_whole)
{
    struct error err;
    struct buf out;
    struct exchange_request sent = a_request();
    struct exchange_request got;
    sent.segment = slice_of_text("segment");
    sent.certificate_known = true;
    memset(sent.certificate_hash, 0x44, sizeof(sent.certificate_hash));
    sent.tree_known = true;
    sent.tree_size = 123450;
    memset(sent.tree_root, 0x55, sizeof(sent.tree_root));
    encode_request(&sent, &out);
    cr_assert_eq(exchange_request_decode(buf_slice(&out), &got, &err), ERR_OK, "%s", err.message);
    cr_assert_arr_eq(got.stream, sent.stream, STREAM_ID_BYTES);
    cr_assert_eq(got.incarnation, sent.incarnation);
    cr_assert(got.tree_known);
    cr_assert_eq(got.tree_size, 123450);
    cr_assert_arr_eq(got.tree_root, sent.tree_root, sizeof(sent.tree_root));
    cr_assert_eq(got.cursor, sent.cursor);
    cr_assert_eq(got.acked_seq, sent.acked_seq);
    cr_assert_eq(got.newest_seq, sent.newest_seq);
    cr_assert_eq(got.sent_at_ms, sent.sent_at_ms);
    cr_assert_eq(got.want_bytes, sent.want_bytes);
    cr_assert(slice_equal(got.segment, sent.segment));
    cr_assert(got.certificate_known);
    cr_assert_arr_eq(got.certificate_hash, sent.certificate_hash, sizeof(sent.certificate_hash));
    buf_fini(&out);
}

Test(exchange, an_idle_exchange_is_small)
{
    struct buf out;
    struct exchange_request request = a_request();
    request.certificate_known = true;
    encode_request(&request, &out);
    cr_assert_lt(out.len, 120, "request of %zu bytes", out.len);
    buf_fini(&out);
    struct exchange_response response = a_response();
    encode_response(&response, &out);
    cr_assert_lt(out.len, 450, "response of %zu bytes", out.len);
    buf_fini(&out);
}

Test(exchange, a_response_comes_back_whole)
{
    struct error err;
    struct buf out;
    struct exchange_response sent = a_response();
    static struct exchange_response got;
    sent.retry_after_s = 30;
    sent.refusals[0] = (struct exchange_refusal){ .seq = 999, .reason = slice_of_text("not allowed: décision") };
    sent.refusal_count = 1;
    sent.segments[0] = slice_of_text("one");
    sent.segments[1] = slice_of_text("two");
    sent.segment_count = 2;
    sent.centre_certificate = slice_of_text("certificate");
    sent.order = slice_of_text("order");
    sent.checkpoint_known = true;
    sent.checkpoint.size = 130000;
    memset(sent.checkpoint.root.bytes, 0x66, MERKLE_HASH_BYTES);
    memset(sent.checkpoint.signature, 0x77, CHECKPOINT_SIGNATURE_BYTES);
    sent.checkpoint_key = slice_of_text("a key of thirty-two bytes, and a signature over it");
    sent.refused_from = 998;
    encode_response(&sent, &out);
    cr_assert_eq(exchange_response_decode(buf_slice(&out), &got, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(got.refused_from, 998);
    cr_assert_eq(got.acked_seq, sent.acked_seq);
    cr_assert_arr_eq(got.acked_link, sent.acked_link, SHA256_BYTES);
    cr_assert_eq(got.receipt_len, sent.receipt_len);
    cr_assert_arr_eq(got.receipt, sent.receipt, sent.receipt_len);
    cr_assert_eq(got.answered_at_ms, sent.answered_at_ms);
    cr_assert_eq(got.cursor, sent.cursor);
    cr_assert_eq(got.head, sent.head);
    cr_assert(got.more);
    cr_assert_eq(got.retry_after_s, 30);
    cr_assert_eq(got.refusal_count, 1);
    cr_assert_eq(got.refusals[0].seq, 999);
    cr_assert(slice_equal(got.refusals[0].reason, sent.refusals[0].reason));
    cr_assert_eq(got.segment_count, 2);
    cr_assert(slice_equal(got.segments[1], sent.segments[1]));
    cr_assert(slice_equal(got.centre_certificate, sent.centre_certificate));
    cr_assert(slice_equal(got.order, sent.order));
    cr_assert(got.checkpoint_known);
    cr_assert_eq(got.checkpoint.size, 130000);
    cr_assert_arr_eq(got.checkpoint.root.bytes, sent.checkpoint.root.bytes, MERKLE_HASH_BYTES);
    cr_assert_arr_eq(got.checkpoint.signature, sent.checkpoint.signature, CHECKPOINT_SIGNATURE_BYTES);
    cr_assert(slice_equal(got.checkpoint_key, sent.checkpoint_key));
    buf_fini(&out);
}

Test(exchange, an_order_comes_back_whole)
{
    static const struct store_order order[] = { { .run = STORE_ORDER_OWN, .count = 300 },
                                                { .run = 0, .count = 1 },
                                                { .run = 63, .count = UINT32_MAX } };
    struct error err;
    struct buf out;
    struct store_order *got = NULL;
    size_t count = 0;
    buf_init(&out, EXCHANGE_ORDER_MAX);
    cr_assert_eq(exchange_order_encode(order, ARRAY_LEN(order), &out, &err), ERR_OK);
    cr_assert_eq(out.len, 3 + 2 + 6);
    cr_assert_eq(exchange_order_decode(buf_slice(&out), &got, &count, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(count, ARRAY_LEN(order));
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(got[i].run, order[i].run);
        cr_assert_eq(got[i].count, order[i].count);
    }
    free(got);
    buf_fini(&out);
}

Test(exchange, what_is_no_order_is_refused)
{
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {
        { "\x01", 1 },                     /* who, and not how many */
        { "\x01\x00", 2 },                 /* none of them */
        { "\x41\x01", 2 },                 /* a segment that no answer has */
        { "\x01\x80\x00", 3 },             /* not the shortest form */
        { "\x01\xff\xff\xff\xff\x10", 6 }, /* more than there can be */
        { "\x01\x01\x01", 3 },
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct error err;
        struct store_order *got = NULL;
        size_t count;
        cr_assert_eq(exchange_order_decode(slice_of(bad[i].bytes, bad[i].len), &got, &count, &err), ERR_PROTOCOL, "%zu",
                     i);
        cr_assert_null(got);
    }
}

Test(exchange, reads_no_prefix_of_a_message)
{
    struct error err;
    struct buf out;
    struct exchange_request request = a_request();
    struct exchange_request got_request;
    encode_request(&request, &out);
    for (size_t len = 0; len < out.len; len++) {
        cr_assert_eq(exchange_request_decode(slice_of(out.data, len), &got_request, &err), ERR_PROTOCOL, "%zu", len);
    }
    buf_fini(&out);
    struct exchange_response response = a_response();
    static struct exchange_response got_response;
    encode_response(&response, &out);
    for (size_t len = 0; len < out.len; len++) {
        cr_assert_eq(exchange_response_decode(slice_of(out.data, len), &got_response, &err), ERR_PROTOCOL, "%zu", len);
    }
    buf_fini(&out);
}

/* A request with one more member, of `key`, whose value is a map: what a later version may send. */
static void extended_request(uint64_t key, struct buf *out)
{
    struct error err;
    struct buf plain;
    struct exchange_request request = a_request();
    encode_request(&request, &plain);
    buf_init(out, EXCHANGE_REQUEST_MAX);
    cr_assert_eq(plain.data[0], 0xa8);
    plain.data[0]++;
    cr_assert_eq(buf_append(out, plain.data, plain.len, &err), ERR_OK);
    struct dcbor_writer w = dcbor_writer_begin(out, &err);
    dcbor_put_uint(&w, key);
    dcbor_put_map(&w, 1);
    dcbor_put_uint(&w, 1);
    dcbor_put_null(&w);
    cr_assert_eq(dcbor_writer_end(&w), ERR_OK);
    buf_fini(&plain);
}

Test(exchange, ignores_members_of_a_later_version)
{
    struct error err;
    struct buf out;
    struct exchange_request got;
    extended_request(4711, &out);
    cr_assert_eq(exchange_request_decode(buf_slice(&out), &got, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(got.cursor, 123456);
    buf_fini(&out);
}

Test(exchange, refuses_a_member_out_of_order_or_twice)
{
    struct error err;
    struct buf out;
    struct exchange_request got;
    extended_request(8, &out);
    cr_assert_eq(exchange_request_decode(buf_slice(&out), &got, &err), ERR_PROTOCOL);
    buf_fini(&out);
}

Test(exchange, names_another_version_as_unsupported)
{
    struct error err;
    struct exchange_request request;
    static struct exchange_response response;
    /* nothing else of the message is looked at: it may mean something else there */
    cr_assert_eq(exchange_request_decode(slice_of("\xa2\x01\x02\x02\xf6", 5), &request, &err), ERR_UNSUPPORTED);
    cr_assert_eq(exchange_response_decode(slice_of("\xa1\x01\x02", 3), &response, &err), ERR_UNSUPPORTED);
}

Test(exchange, refuses_a_message_without_a_required_member)
{
    struct error err;
    struct exchange_request request;
    static struct exchange_response response;
    cr_assert_eq(exchange_request_decode(slice_of("\xa1\x01\x01", 3), &request, &err), ERR_PROTOCOL);
    cr_assert_eq(exchange_response_decode(slice_of("\xa1\x01\x01", 3), &response, &err), ERR_PROTOCOL);
}

Test(exchange, refuses_a_stream_that_ends_before_the_cursor)
{
    struct error err;
    struct buf out;
    struct exchange_response sent = a_response();
    static struct exchange_response got;
    sent.head = sent.cursor - 1;
    encode_response(&sent, &out);
    cr_assert_eq(exchange_response_decode(buf_slice(&out), &got, &err), ERR_PROTOCOL);
    buf_fini(&out);
}

Test(exchange, does_not_write_what_it_would_not_read)
{
    struct error err;
    struct buf out;
    struct exchange_response response = a_response();
    char reason[EXCHANGE_REASON_MAX + 2];
    memset(reason, 'r', sizeof(reason));
    response.refusals[0].reason = slice_of(reason, EXCHANGE_REASON_MAX + 1);
    response.refusal_count = 1;
    buf_init(&out, EXCHANGE_RESPONSE_MAX);
    cr_assert_eq(exchange_response_encode(&response, &out, &err), ERR_LIMIT);
    buf_fini(&out);
}

Test(exchange_error, comes_back_and_is_cut_at_a_whole_character)
{
    struct error err;
    struct buf out;
    struct exchange_error got;
    char text[EXCHANGE_ERROR_TEXT_MAX + 8];
    memset(text, 'a', sizeof(text));
    memcpy(text + EXCHANGE_ERROR_TEXT_MAX - 1, "\xc3\xa9", 2);
    text[sizeof(text) - 1] = '\0';
    buf_init(&out, 1024);
    cr_assert_eq(exchange_error_encode(ERR_REVOKED, text, &out, &err), ERR_OK);
    cr_assert_eq(exchange_error_decode(buf_slice(&out), &got, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(got.code, ERR_REVOKED);
    cr_assert_eq(got.message.len, EXCHANGE_ERROR_TEXT_MAX - 1);
    buf_fini(&out);
}

Test(exchange_error, an_unknown_code_is_a_protocol_error_and_ok_is_none)
{
    struct error err;
    struct exchange_error got;
    cr_assert_eq(exchange_error_decode(slice_of("\xa2\x01\x65later\x02\x60", 10), &got, &err), ERR_OK);
    cr_assert_eq(got.code, ERR_PROTOCOL);
    cr_assert_eq(exchange_error_decode(slice_of("\xa2\x01\x62ok\x02\x60", 7), &got, &err), ERR_PROTOCOL);
}

Test(exchange, the_receipt_message_binds_stream_device_incarnation_seq_link_and_time)
{
    uint8_t stream[STREAM_ID_BYTES];
    uint8_t link[SHA256_BYTES];
    uint8_t message[OP_RECEIPT_MESSAGE_BYTES];
    struct op_id acked = { .incarnation = 0x01020304, .seq = 0x05060708 };
    memset(stream, 1, sizeof(stream));
    memset(acked.device, 2, sizeof(acked.device));
    memset(link, 3, sizeof(link));
    op_receipt_message(stream, &acked, link, 0x01a2b3c4d5e6, message);
    static const uint8_t numbers[] = { 1, 2, 3, 4, 0, 0, 0, 0, 5, 6, 7, 8 };
    cr_assert_arr_eq(message, stream, 16);
    cr_assert_arr_eq(message + 16, acked.device, 16);
    cr_assert_arr_eq(message + 32, numbers, 12);
    cr_assert_arr_eq(message + 44, link, 32);
    static const uint8_t at[] = { 0, 0, 0x01, 0xa2, 0xb3, 0xc4, 0xd5, 0xe6 };
    cr_assert_arr_eq(message + 76, at, 8);
}
