#include "sync/exchange.h"

#include <string.h>

#include "store/cbor.h"

/* Map keys; see PROTOCOL.md. They are never used again for something else. */
enum request_key {
    REQUEST_VERSION = 1,
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

enum response_key {
    RESPONSE_VERSION = 1,
    RESPONSE_ACKED_SEQ,
    RESPONSE_ACKED_LINK,
    RESPONSE_RECEIPT,
    RESPONSE_ANSWERED_AT,
    RESPONSE_CURSOR,
    RESPONSE_HEAD,
    RESPONSE_MORE,
    RESPONSE_RETRY_AFTER,
    RESPONSE_REFUSALS,
    RESPONSE_SEGMENTS,
    RESPONSE_CERTIFICATE,
    RESPONSE_FRESHER,
    RESPONSE_ORDER = 15, /* 14 was never in a release */
    RESPONSE_CHECKPOINT,
    RESPONSE_CHECKPOINT_KEY,
    RESPONSE_AUTHORITY,
    RESPONSE_DECLINED,
    RESPONSE_BEGUN = 21,
    RESPONSE_REFUSED_FROM,
};

enum error_key { ERROR_CODE = 1, ERROR_MESSAGE };

enum { MEMBERS_MAX = 64, CODE_NAME_MAX = 40, RETRY_AFTER_MAX_S = 7 * 24 * 3600 };

#define POSITION_MAX ((uint64_t)INT64_MAX)

/* ---- maps with integer keys ---- */

struct members {
    struct dcbor_reader r;
    size_t left;
    uint64_t key;
    uint64_t seen; /* bit n: key n */
};

static struct members members_begin(struct slice bytes, struct error *err)
{
    struct members m = { .r = dcbor_reader_begin(bytes, err) };
    m.left = dcbor_get_map(&m.r, MEMBERS_MAX);
    return m;
}

/* The next key into m->key, ascending; false at the end and after a failure. */
static bool members_next(struct members *m)
{
    if (!dcbor_ok(&m->r) || m->left == 0) {
        return false;
    }
    m->left--;
    uint64_t key = dcbor_get_uint(&m->r, UINT32_MAX);
    if (key <= m->key) {
        dcbor_reject(&m->r, "members are not in order");
    }
    m->key = key;
    m->seen |= key < MEMBERS_MAX ? UINT64_C(1) << key : 0;
    return dcbor_ok(&m->r);
}

static enum err_code members_end(struct members *m, uint64_t required)
{
    if ((m->seen & required) != required) {
        dcbor_reject(&m->r, "a required member is missing");
    }
    return dcbor_reader_end(&m->r);
}

/* The version is the first member, so that nothing is read in a wrong sense. */
static enum err_code version_read(struct members *m, struct error *err)
{
    if (!members_next(m) || m->key != REQUEST_VERSION) {
        dcbor_reject(&m->r, "expected the protocol's version first");
        return dcbor_reader_end(&m->r);
    }
    uint64_t version = dcbor_get_uint(&m->r, UINT32_MAX);
    if (dcbor_ok(&m->r) && version != EXCHANGE_VERSION) {
        return FAIL(err, UNSUPPORTED, "read an exchange: the other side speaks version %llu, this one %d",
                    (unsigned long long)version, EXCHANGE_VERSION);
    }
    return ERR_OK;
}

#define BIT(key) (UINT64_C(1) << (key))

/* ---- what came of a segment ---- */

static void put_begun(struct dcbor_writer *w, uint64_t key, const struct exchange_begun *begun)
{
    dcbor_put_uint(w, key);
    dcbor_put_array(w, 2);
    dcbor_put_uint(w, begun->len);
    dcbor_put_bytes(w, begun->hash, EXCHANGE_BEGUN_HASH_BYTES);
}

static void get_begun(struct dcbor_reader *r, struct exchange_begun *begun)
{
    if (dcbor_get_array(r, 2) != 2) {
        dcbor_reject(r, "what came of a segment has two members");
        return;
    }
    begun->len = dcbor_get_uint(r, SEGMENT_BYTES_MAX);
    dcbor_get_fixed(r, begun->hash, EXCHANGE_BEGUN_HASH_BYTES);
    if (dcbor_ok(r) && begun->len == 0) {
        dcbor_reject(r, "nothing came of a segment");
    }
}

/* ---- request ---- */

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
        put_begun(w, REQUEST_BEGUN, &request->begun);
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

static void get_request_member(struct members *m, struct exchange_request *request)
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
        get_begun(r, &request->begun);
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
    const uint64_t required = BIT(REQUEST_STREAM) | BIT(REQUEST_INCARNATION) | BIT(REQUEST_CURSOR) |
                              BIT(REQUEST_ACKED_SEQ) | BIT(REQUEST_NEWEST_SEQ) | BIT(REQUEST_SENT_AT) |
                              BIT(REQUEST_WANT_BYTES);
    struct exchange_request request = { 0 };
    if (bytes.len > EXCHANGE_REQUEST_MAX) {
        return FAIL(err, LIMIT, "read an exchange: a request of more than %d bytes", EXCHANGE_REQUEST_MAX);
    }
    struct members m = members_begin(bytes, err);
    TRY(version_read(&m, err));
    while (members_next(&m)) {
        get_request_member(&m, &request);
    }
    bool rest_is_whole = (request.rest.len > 0) == (request.begun.len > 0) &&
                         request.begun.len + request.rest.len <= SEGMENT_BYTES_MAX &&
                         (request.rest.len == 0 || request.segment.len == 0);
    if (!rest_is_whole) {
        dcbor_reject(&m.r, "the rest of a segment does not fit to anything");
    }
    TRY(members_end(&m, required));
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
    struct members m = members_begin(bytes, err);
    TRY(version_read(&m, err));
    while (members_next(&m) && m.key != REQUEST_SEGMENT && m.key != REQUEST_REST) {
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

/* ---- response ---- */

static void put_acknowledgement(struct dcbor_writer *w, const struct exchange_response *response)
{
    dcbor_put_uint(w, RESPONSE_VERSION);
    dcbor_put_uint(w, EXCHANGE_VERSION);
    dcbor_put_uint(w, RESPONSE_ACKED_SEQ);
    dcbor_put_uint(w, response->acked_seq);
    dcbor_put_uint(w, RESPONSE_ACKED_LINK);
    dcbor_put_bytes(w, response->acked_link, SHA256_BYTES);
    dcbor_put_uint(w, RESPONSE_RECEIPT);
    dcbor_put_bytes(w, response->receipt, response->receipt_len);
    dcbor_put_uint(w, RESPONSE_ANSWERED_AT);
    dcbor_put_int(w, response->answered_at_ms);
    dcbor_put_uint(w, RESPONSE_CURSOR);
    dcbor_put_uint(w, response->cursor);
    dcbor_put_uint(w, RESPONSE_HEAD);
    dcbor_put_uint(w, response->head);
    dcbor_put_uint(w, RESPONSE_MORE);
    dcbor_put_bool(w, response->more);
}

static void put_refusals(struct dcbor_writer *w, const struct exchange_response *response)
{
    dcbor_put_uint(w, RESPONSE_REFUSALS);
    dcbor_put_array(w, response->refusal_count);
    for (size_t i = 0; i < response->refusal_count; i++) {
        dcbor_put_array(w, 2);
        dcbor_put_uint(w, response->refusals[i].seq);
        dcbor_put_text(w, response->refusals[i].reason);
    }
}

static void put_segments(struct dcbor_writer *w, const struct exchange_response *response)
{
    dcbor_put_uint(w, RESPONSE_SEGMENTS);
    dcbor_put_array(w, response->segment_count);
    for (size_t i = 0; i < response->segment_count; i++) {
        dcbor_put_bytes(w, response->segments[i].data, response->segments[i].len);
    }
}

static void put_declined(struct dcbor_writer *w, const struct exchange_response *response)
{
    dcbor_put_uint(w, RESPONSE_DECLINED);
    dcbor_put_array(w, response->declined_count);
    for (size_t i = 0; i < response->declined_count; i++) {
        dcbor_put_array(w, 2);
        dcbor_put_uint(w, response->declined[i].index);
        dcbor_put_text(w, response->declined[i].reason);
    }
}

static void put_history(struct dcbor_writer *w, const struct exchange_response *response)
{
    if (response->order.len > 0) {
        dcbor_put_uint(w, RESPONSE_ORDER);
        dcbor_put_bytes(w, response->order.data, response->order.len);
    }
    if (response->checkpoint_known) {
        uint8_t checkpoint[CHECKPOINT_BYTES];
        checkpoint_encode(&response->checkpoint, checkpoint);
        dcbor_put_uint(w, RESPONSE_CHECKPOINT);
        dcbor_put_bytes(w, checkpoint, sizeof(checkpoint));
    }
    if (response->checkpoint_key.len > 0) {
        dcbor_put_uint(w, RESPONSE_CHECKPOINT_KEY);
        dcbor_put_bytes(w, response->checkpoint_key.data, response->checkpoint_key.len);
    }
}

static bool response_fits(const struct exchange_response *response)
{
    bool fits = response->receipt_len <= SIGNATURE_MAX && response->refusal_count <= EXCHANGE_REFUSALS_MAX &&
                response->segment_count <= EXCHANGE_SEGMENTS_MAX && response->declined_count <= EXCHANGE_GIVEN_MAX &&
                response->centre_certificate.len <= CERTIFICATE_DER_MAX && response->order.len <= EXCHANGE_ORDER_MAX &&
                response->checkpoint_key.len <= EXCHANGE_VOUCHED_KEY_MAX;
    for (size_t i = 0; fits && i < response->refusal_count; i++) {
        fits = response->refusals[i].reason.len <= EXCHANGE_REASON_MAX;
    }
    for (size_t i = 0; fits && i < response->declined_count; i++) {
        fits = response->declined[i].reason.len <= EXCHANGE_REASON_MAX;
    }
    for (size_t i = 0; fits && i < response->segment_count; i++) {
        fits = response->segments[i].len <= SEGMENT_BYTES_MAX;
    }
    return fits;
}

enum err_code exchange_response_encode(const struct exchange_response *response, struct buf *out, struct error *err)
{
    if (!response_fits(response)) {
        return FAIL(err, LIMIT, "write an exchange: a member of the answer is too long");
    }
    struct dcbor_writer w = dcbor_writer_begin(out, err);
    dcbor_put_map(&w, RESPONSE_MORE + (size_t)(response->retry_after_s > 0) + (size_t)(response->refusal_count > 0) +
                          (size_t)(response->segment_count > 0) + (size_t)(response->centre_certificate.len > 0) +
                          (size_t)(response->fresher_counter > 0) + (size_t)(response->order.len > 0) +
                          (size_t)response->checkpoint_known + (size_t)(response->checkpoint_key.len > 0) +
                          (size_t)response->authority_told + (size_t)(response->declined_count > 0) +
                          (size_t)(response->begun.len > 0) + (size_t)(response->refused_from > 0));
    put_acknowledgement(&w, response);
    if (response->retry_after_s > 0) {
        dcbor_put_uint(&w, RESPONSE_RETRY_AFTER);
        dcbor_put_uint(&w, response->retry_after_s < RETRY_AFTER_MAX_S ? response->retry_after_s : RETRY_AFTER_MAX_S);
    }
    if (response->refusal_count > 0) {
        put_refusals(&w, response);
    }
    if (response->segment_count > 0) {
        put_segments(&w, response);
    }
    if (response->centre_certificate.len > 0) {
        dcbor_put_uint(&w, RESPONSE_CERTIFICATE);
        dcbor_put_bytes(&w, response->centre_certificate.data, response->centre_certificate.len);
    }
    if (response->fresher_counter > 0) {
        dcbor_put_uint(&w, RESPONSE_FRESHER);
        dcbor_put_uint(&w, response->fresher_counter);
    }
    put_history(&w, response);
    if (response->authority_told) {
        dcbor_put_uint(&w, RESPONSE_AUTHORITY);
        dcbor_put_bytes(&w, response->authority_hash, EXCHANGE_CERTIFICATE_HASH_BYTES);
    }
    if (response->declined_count > 0) {
        put_declined(&w, response);
    }
    if (response->begun.len > 0) {
        put_begun(&w, RESPONSE_BEGUN, &response->begun);
    }
    if (response->refused_from > 0) {
        dcbor_put_uint(&w, RESPONSE_REFUSED_FROM);
        dcbor_put_uint(&w, response->refused_from);
    }
    return dcbor_writer_end(&w);
}

static void get_refusals(struct dcbor_reader *r, struct exchange_response *response)
{
    response->refusal_count = dcbor_get_array(r, EXCHANGE_REFUSALS_MAX);
    for (size_t i = 0; i < response->refusal_count && dcbor_ok(r); i++) {
        if (dcbor_get_array(r, 2) != 2) {
            dcbor_reject(r, "a refusal has two members");
        }
        response->refusals[i].seq = dcbor_get_uint(r, OP_SEQ_MAX);
        response->refusals[i].reason = dcbor_get_text(r, EXCHANGE_REASON_MAX);
    }
}

static void get_declined(struct dcbor_reader *r, struct exchange_response *response)
{
    response->declined_count = dcbor_get_array(r, EXCHANGE_GIVEN_MAX);
    for (size_t i = 0; i < response->declined_count && dcbor_ok(r); i++) {
        if (dcbor_get_array(r, 2) != 2) {
            dcbor_reject(r, "a segment that was not taken has two members");
        }
        response->declined[i].index = (uint32_t)dcbor_get_uint(r, EXCHANGE_GIVEN_MAX - 1);
        response->declined[i].reason = dcbor_get_text(r, EXCHANGE_REASON_MAX);
    }
}

static void get_segments(struct dcbor_reader *r, struct exchange_response *response)
{
    response->segment_count = dcbor_get_array(r, EXCHANGE_SEGMENTS_MAX);
    for (size_t i = 0; i < response->segment_count && dcbor_ok(r); i++) {
        response->segments[i] = dcbor_get_bytes(r, 1, SEGMENT_BYTES_MAX);
    }
}

static void get_receipt(struct dcbor_reader *r, struct exchange_response *response)
{
    struct slice receipt = dcbor_get_bytes(r, 1, SIGNATURE_MAX);
    response->receipt_len = receipt.len;
    if (receipt.len > 0) {
        memcpy(response->receipt, receipt.data, receipt.len);
    }
}

static void get_checkpoint(struct dcbor_reader *r, struct exchange_response *response)
{
    struct slice bytes = dcbor_get_bytes(r, CHECKPOINT_BYTES, CHECKPOINT_BYTES);
    response->checkpoint_known = dcbor_ok(r) && checkpoint_decode(bytes, &response->checkpoint, NULL) == ERR_OK;
    if (dcbor_ok(r) && !response->checkpoint_known) {
        dcbor_reject(r, "expected a checkpoint");
    }
}

static void get_response_member(struct members *m, struct exchange_response *response)
{
    struct dcbor_reader *r = &m->r;
    switch (m->key) {
    case RESPONSE_ACKED_SEQ:
        response->acked_seq = dcbor_get_uint(r, OP_SEQ_MAX);
        break;
    case RESPONSE_ACKED_LINK:
        dcbor_get_fixed(r, response->acked_link, SHA256_BYTES);
        break;
    case RESPONSE_RECEIPT:
        get_receipt(r, response);
        break;
    case RESPONSE_ANSWERED_AT:
        response->answered_at_ms = dcbor_get_int(r, -OP_TIME_MAX_MS, OP_TIME_MAX_MS);
        break;
    case RESPONSE_CURSOR:
        response->cursor = dcbor_get_uint(r, POSITION_MAX);
        break;
    case RESPONSE_HEAD:
        response->head = dcbor_get_uint(r, POSITION_MAX);
        break;
    case RESPONSE_MORE:
        response->more = dcbor_get_bool(r);
        break;
    case RESPONSE_RETRY_AFTER:
        response->retry_after_s = (uint32_t)dcbor_get_uint(r, RETRY_AFTER_MAX_S);
        break;
    case RESPONSE_REFUSALS:
        get_refusals(r, response);
        break;
    case RESPONSE_SEGMENTS:
        get_segments(r, response);
        break;
    case RESPONSE_CERTIFICATE:
        response->centre_certificate = dcbor_get_bytes(r, 1, CERTIFICATE_DER_MAX);
        break;
    case RESPONSE_FRESHER:
        response->fresher_counter = dcbor_get_uint(r, POSITION_MAX);
        break;
    case RESPONSE_ORDER:
        response->order = dcbor_get_bytes(r, 1, EXCHANGE_ORDER_MAX);
        break;
    case RESPONSE_CHECKPOINT:
        get_checkpoint(r, response);
        break;
    case RESPONSE_CHECKPOINT_KEY:
        response->checkpoint_key = dcbor_get_bytes(r, CHECKPOINT_KEY_BYTES + 1, EXCHANGE_VOUCHED_KEY_MAX);
        break;
    case RESPONSE_AUTHORITY:
        dcbor_get_fixed(r, response->authority_hash, EXCHANGE_CERTIFICATE_HASH_BYTES);
        response->authority_told = true;
        break;
    case RESPONSE_DECLINED:
        get_declined(r, response);
        break;
    case RESPONSE_BEGUN:
        get_begun(r, &response->begun);
        break;
    case RESPONSE_REFUSED_FROM:
        response->refused_from = dcbor_get_uint(r, OP_SEQ_MAX);
        break;
    default:
        (void)dcbor_skip(r);
    }
}

enum err_code exchange_response_decode(struct slice bytes, struct exchange_response *ret_response, struct error *err)
{
    const uint64_t required = BIT(RESPONSE_ACKED_SEQ) | BIT(RESPONSE_ACKED_LINK) | BIT(RESPONSE_RECEIPT) |
                              BIT(RESPONSE_ANSWERED_AT) | BIT(RESPONSE_CURSOR) | BIT(RESPONSE_HEAD) |
                              BIT(RESPONSE_MORE);
    struct exchange_response response = { 0 };
    if (bytes.len > EXCHANGE_RESPONSE_MAX) {
        return FAIL(err, PROTOCOL, "read an exchange: an answer of more than %d bytes", EXCHANGE_RESPONSE_MAX);
    }
    struct members m = members_begin(bytes, err);
    TRY(version_read(&m, err));
    while (members_next(&m)) {
        get_response_member(&m, &response);
    }
    if (response.head < response.cursor) {
        dcbor_reject(&m.r, "the stream ends before the cursor");
    }
    TRY(members_end(&m, required));
    *ret_response = response;
    return ERR_OK;
}

/* ---- errors ---- */

enum err_code exchange_error_encode(enum err_code code, const char *message, struct buf *out, struct error *err)
{
    struct slice text = slice_of_text(message);
    if (text.len > EXCHANGE_ERROR_TEXT_MAX) {
        text.len = EXCHANGE_ERROR_TEXT_MAX;
        while (text.len > 0 && (text.data[text.len] & 0xc0) == 0x80) {
            text.len--;
        }
    }
    struct dcbor_writer w = dcbor_writer_begin(out, err);
    dcbor_put_map(&w, 2);
    dcbor_put_uint(&w, ERROR_CODE);
    dcbor_put_text(&w, slice_of_text(err_code_name(code)));
    dcbor_put_uint(&w, ERROR_MESSAGE);
    dcbor_put_text(&w, text);
    return dcbor_writer_end(&w);
}

enum err_code exchange_error_decode(struct slice bytes, struct exchange_error *ret_error, struct error *err)
{
    struct exchange_error error = { .code = ERR_PROTOCOL };
    struct members m = members_begin(bytes, err);
    while (members_next(&m)) {
        if (m.key == ERROR_CODE) {
            char name[CODE_NAME_MAX + 1] = "";
            struct slice text = dcbor_get_text(&m.r, CODE_NAME_MAX);
            memcpy(name, text.data != NULL ? text.data : (const uint8_t *)"", text.len);
            error.code = err_code_from_name(name);
        } else if (m.key == ERROR_MESSAGE) {
            error.message = dcbor_get_text(&m.r, EXCHANGE_ERROR_TEXT_MAX);
        } else {
            (void)dcbor_skip(&m.r);
        }
    }
    if (error.code == ERR_OK) {
        dcbor_reject(&m.r, "an error that is none");
    }
    TRY(members_end(&m, BIT(ERROR_CODE) | BIT(ERROR_MESSAGE)));
    *ret_error = error;
    return ERR_OK;
}
