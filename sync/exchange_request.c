#include "sync/exchange_wire.h"

/* Map keys; see PROTOCOL.md. They are never used again for something else. */
enum request_key {
    REQUEST_VERSION = MEMBER_VERSION,
    REQUEST_STREAM,
    REQUEST_INCARNATION,
    REQUEST_CURSOR,
    REQUEST_ACKED_SEQ,
    REQUEST_NEWEST_SEQ,
    REQUEST_SENT_AT,
    REQUEST_WANT_BYTES,
    REQUEST_SEGMENT,
    REQUEST_CERTIFICATE_HASH,
    REQUEST_FRESHNESS,
    REQUEST_TREE = 13, /* 12 was never in a release */
    REQUEST_WAIT,
    REQUEST_GIVEN,
    REQUEST_BEGUN = 17,
    REQUEST_REST,
    REQUEST_REFUSED,
};

static void put_given(struct dcbor_writer *w, const struct exchange_request *request)
{
    dcbor_put_uint(w, REQUEST_GIVEN);
    dcbor_put_array(w, request->given_count);
    for (size_t i = 0; i < request->given_count; i++) {
        dcbor_put_bytes(w, request->given[i].data, request->given[i].len);
    }
}

static void put_request(struct dcbor_writer *w, const struct exchange_request *request)
{
    dcbor_put_map(w, REQUEST_WANT_BYTES + (size_t)(request->segment.len > 0) + (size_t)request->certificate_known +
                         (size_t)(request->freshness.counter > 0) + (size_t)request->tree_known +
                         (size_t)(request->wait_s > 0) + (size_t)(request->given_count > 0) +
                         (request->rest.len > 0 ? 2 : 0) + (size_t)(request->refused.from > 0));
    dcbor_put_uint(w, REQUEST_VERSION);
    dcbor_put_uint(w, EXCHANGE_VERSION);
    dcbor_put_uint(w, REQUEST_STREAM);
    dcbor_put_bytes(w, request->stream, STREAM_ID_BYTES);
    dcbor_put_uint(w, REQUEST_INCARNATION);
    dcbor_put_uint(w, request->incarnation);
    dcbor_put_uint(w, REQUEST_CURSOR);
    dcbor_put_uint(w, request->cursor);
    dcbor_put_uint(w, REQUEST_ACKED_SEQ);
    dcbor_put_uint(w, request->acked_seq);
    dcbor_put_uint(w, REQUEST_NEWEST_SEQ);
    dcbor_put_uint(w, request->newest_seq);
    dcbor_put_uint(w, REQUEST_SENT_AT);
    dcbor_put_int(w, request->sent_at_ms);
    dcbor_put_uint(w, REQUEST_WANT_BYTES);
    dcbor_put_uint(w, request->want_bytes);
    if (request->segment.len > 0) {
        dcbor_put_uint(w, REQUEST_SEGMENT);
        dcbor_put_bytes(w, request->segment.data, request->segment.len);
    }
    if (request->certificate_known) {
        dcbor_put_uint(w, REQUEST_CERTIFICATE_HASH);
        dcbor_put_bytes(w, request->certificate_hash, EXCHANGE_CERTIFICATE_HASH_BYTES);
    }
    if (request->freshness.counter > 0) {
        dcbor_put_uint(w, REQUEST_FRESHNESS);
        dcbor_put_array(w, 3);
        dcbor_put_uint(w, request->freshness.incarnation);
        dcbor_put_uint(w, request->freshness.counter);
        dcbor_put_bytes(w, request->freshness.hash, EXCHANGE_FRESHNESS_HASH_BYTES);
    }
    if (request->tree_known) {
        dcbor_put_uint(w, REQUEST_TREE);
        dcbor_put_array(w, 2);
        dcbor_put_uint(w, request->tree_size);
        dcbor_put_bytes(w, request->tree_root, EXCHANGE_ROOT_BYTES);
    }
    if (request->wait_s > 0) {
        dcbor_put_uint(w, REQUEST_WAIT);
        dcbor_put_uint(w, request->wait_s);
    }
    if (request->given_count > 0) {
        put_given(w, request);
    }
    if (request->rest.len > 0) {
        exchange_begun_put(w, REQUEST_BEGUN, &request->begun);
        dcbor_put_uint(w, REQUEST_REST);
        dcbor_put_bytes(w, request->rest.data, request->rest.len);
    }
    if (request->refused.from > 0) {
        dcbor_put_uint(w, REQUEST_REFUSED);
        dcbor_put_array(w, 2);
        dcbor_put_uint(w, request->refused.from);
        dcbor_put_bytes(w, request->refused.hash, EXCHANGE_REFUSED_HASH_BYTES);
    }
}

enum err_code exchange_request_encode(const struct exchange_request *request, struct buf *out, struct error *err)
{
    size_t bytes = request->segment.len + request->begun.len + request->rest.len;
    for (size_t i = 0; i < request->given_count && i < EXCHANGE_GIVEN_MAX; i++) {
        bytes += request->given[i].len;
    }
    if (bytes > SEGMENT_BYTES_MAX || request->given_count > EXCHANGE_GIVEN_MAX) {
        return FAIL(err, LIMIT, "write an exchange: segments of more than %d bytes", SEGMENT_BYTES_MAX);
    }
    struct dcbor_writer w = dcbor_writer_begin(out, err);
    put_request(&w, request);
    return dcbor_writer_end(&w);
}

static void get_freshness(struct dcbor_reader *r, struct exchange_freshness *freshness)
{
    if (dcbor_get_array(r, 3) != 3) {
        dcbor_reject(r, "the age of files has three members");
        return;
    }
    freshness->incarnation = (uint32_t)dcbor_get_uint(r, UINT32_MAX);
    freshness->counter = dcbor_get_uint(r, POSITION_MAX);
    dcbor_get_fixed(r, freshness->hash, EXCHANGE_FRESHNESS_HASH_BYTES);
}

static void get_given(struct dcbor_reader *r, struct exchange_request *request)
{
    request->given_count = dcbor_get_array(r, EXCHANGE_GIVEN_MAX);
    for (size_t i = 0; i < request->given_count && dcbor_ok(r); i++) {
        request->given[i] = dcbor_get_bytes(r, 1, SEGMENT_BYTES_MAX);
    }
}

static void get_tree(struct dcbor_reader *r, struct exchange_request *request)
{
    if (dcbor_get_array(r, 2) != 2) {
        dcbor_reject(r, "what was verified has two members");
        return;
    }
    request->tree_known = true;
    request->tree_size = dcbor_get_uint(r, POSITION_MAX);
    dcbor_get_fixed(r, request->tree_root, EXCHANGE_ROOT_BYTES);
}

static void get_refused(struct dcbor_reader *r, struct exchange_refused *refused)
{
    if (dcbor_get_array(r, 2) != 2) {
        dcbor_reject(r, "what is held as refused has two members");
        return;
    }
    refused->from = dcbor_get_uint(r, OP_SEQ_MAX);
    dcbor_get_fixed(r, refused->hash, EXCHANGE_REFUSED_HASH_BYTES);
    if (dcbor_ok(r) && refused->from == 0) {
        dcbor_reject(r, "no record has the number 0");
    }
}

static void get_request_member(struct exchange_members *m, struct exchange_request *request)
{
    struct dcbor_reader *r = &m->r;
    switch (m->key) {
    case REQUEST_STREAM:
        dcbor_get_fixed(r, request->stream, STREAM_ID_BYTES);
        break;
    case REQUEST_INCARNATION:
        request->incarnation = (uint32_t)dcbor_get_uint(r, UINT32_MAX);
        break;
    case REQUEST_CURSOR:
        request->cursor = dcbor_get_uint(r, POSITION_MAX);
        break;
    case REQUEST_ACKED_SEQ:
        request->acked_seq = dcbor_get_uint(r, OP_SEQ_MAX);
        break;
    case REQUEST_NEWEST_SEQ:
        request->newest_seq = dcbor_get_uint(r, OP_SEQ_MAX);
        break;
    case REQUEST_SENT_AT:
        request->sent_at_ms = dcbor_get_int(r, -OP_TIME_MAX_MS, OP_TIME_MAX_MS);
        break;
    case REQUEST_WANT_BYTES:
        request->want_bytes = (uint32_t)dcbor_get_uint(r, UINT32_MAX);
        break;
    case REQUEST_SEGMENT:
        request->segment = dcbor_get_bytes(r, 1, SEGMENT_BYTES_MAX);
        break;
    case REQUEST_CERTIFICATE_HASH:
        dcbor_get_fixed(r, request->certificate_hash, EXCHANGE_CERTIFICATE_HASH_BYTES);
        request->certificate_known = true;
        break;
    case REQUEST_FRESHNESS:
        get_freshness(r, &request->freshness);
        break;
    case REQUEST_TREE:
        get_tree(r, request);
        break;
    case REQUEST_WAIT:
        request->wait_s = (uint32_t)dcbor_get_uint(r, EXCHANGE_WAIT_MAX_S);
        break;
    case REQUEST_GIVEN:
        get_given(r, request);
        break;
    case REQUEST_BEGUN:
        exchange_begun_get(r, &request->begun);
        break;
    case REQUEST_REST:
        request->rest = dcbor_get_bytes(r, 1, SEGMENT_BYTES_MAX);
        break;
    case REQUEST_REFUSED:
        get_refused(r, &request->refused);
        break;
    default:
        (void)dcbor_skip(r);
    }
}

enum err_code exchange_request_decode(struct slice bytes, struct exchange_request *ret_request, struct error *err)
{
    const uint64_t required = MEMBER_BIT(REQUEST_STREAM) | MEMBER_BIT(REQUEST_INCARNATION) |
                              MEMBER_BIT(REQUEST_CURSOR) | MEMBER_BIT(REQUEST_ACKED_SEQ) |
                              MEMBER_BIT(REQUEST_NEWEST_SEQ) | MEMBER_BIT(REQUEST_SENT_AT) |
                              MEMBER_BIT(REQUEST_WANT_BYTES);
    struct exchange_request request = { 0 };
    if (bytes.len > EXCHANGE_REQUEST_MAX) {
        return FAIL(err, LIMIT, "read an exchange: a request of more than %d bytes", EXCHANGE_REQUEST_MAX);
    }
    struct exchange_members m = exchange_members_begin(bytes, err);
    TRY(exchange_members_version(&m, err));
    while (exchange_members_next(&m)) {
        get_request_member(&m, &request);
    }
    bool rest_is_whole = (request.rest.len > 0) == (request.begun.len > 0) &&
                         request.begun.len + request.rest.len <= SEGMENT_BYTES_MAX &&
                         (request.rest.len == 0 || request.segment.len == 0);
    if (!rest_is_whole) {
        dcbor_reject(&m.r, "the rest of a segment does not fit to anything");
    }
    TRY(exchange_members_end(&m, required));
    *ret_request = request;
    return ERR_OK;
}

/* ---- a request that broke off ---- */

/* What is there of a byte string whose end is missing: its head (RFC 8949, 3) says how much it was to be. */
static enum err_code begun_string(struct slice in, struct slice *ret_bytes, struct error *err)
{
    static const uint8_t STRING = 2;
    uint8_t first = in.len > 0 ? in.data[0] : 0;
    unsigned extra = first & 0x1f;
    size_t head = extra < 24 ? 1 : (size_t)1 + ((size_t)1 << (extra - 24));
    if (first >> 5 != STRING || extra > 27 || in.len <= head) {
        return FAIL(err, PROTOCOL, "read a request that broke off: no byte of a segment came");
    }
    uint64_t declared = extra < 24 ? extra : 0;
    for (size_t i = 1; i < head; i++) {
        declared = declared << 8 | in.data[i];
    }
    if (declared > SEGMENT_BYTES_MAX || declared <= in.len - head) {
        return FAIL(err, PROTOCOL, "read a request that broke off: its segment is whole, or too large");
    }
    *ret_bytes = slice_of(in.data + head, in.len - head);
    return ERR_OK;
}

enum err_code exchange_cut_decode(struct slice bytes, struct exchange_cut *ret_cut, struct error *err)
{
    struct exchange_request request = { 0 };
    struct exchange_cut cut = { 0 };
    struct exchange_members m = exchange_members_begin(bytes, err);
    TRY(exchange_members_version(&m, err));
    while (exchange_members_next(&m) && m.key != REQUEST_SEGMENT && m.key != REQUEST_REST) {
        get_request_member(&m, &request);
    }
    if (!dcbor_ok(&m.r)) {
        return dcbor_reader_end(&m.r);
    }
    bool rest = m.key == REQUEST_REST && request.begun.len > 0;
    if (!rest && m.key != REQUEST_SEGMENT) {
        return FAIL(err, PROTOCOL, "read a request that broke off: it brings no segment");
    }
    TRY(begun_string(slice_of(bytes.data + m.r.at, bytes.len - m.r.at), &cut.bytes, err));
    cut.incarnation = request.incarnation;
    cut.begun = request.begun;
    *ret_cut = cut;
    return ERR_OK;
}
