#include <string.h>

#include "sync/exchange_wire.h"

/* Map keys; see PROTOCOL.md. They are never used again for something else. */
enum response_key {
    RESPONSE_VERSION = MEMBER_VERSION,
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

enum { CODE_NAME_MAX = 40, RETRY_AFTER_MAX_S = 7 * 24 * 3600 };

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
        exchange_begun_put(&w, RESPONSE_BEGUN, &response->begun);
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

static void get_response_member(struct exchange_members *m, struct exchange_response *response)
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
        exchange_begun_get(r, &response->begun);
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
    const uint64_t required = MEMBER_BIT(RESPONSE_ACKED_SEQ) | MEMBER_BIT(RESPONSE_ACKED_LINK) |
                              MEMBER_BIT(RESPONSE_RECEIPT) | MEMBER_BIT(RESPONSE_ANSWERED_AT) |
                              MEMBER_BIT(RESPONSE_CURSOR) | MEMBER_BIT(RESPONSE_HEAD) | MEMBER_BIT(RESPONSE_MORE);
    struct exchange_response response = { 0 };
    if (bytes.len > EXCHANGE_RESPONSE_MAX) {
        return FAIL(err, PROTOCOL, "read an exchange: an answer of more than %d bytes", EXCHANGE_RESPONSE_MAX);
    }
    struct exchange_members m = exchange_members_begin(bytes, err);
    TRY(exchange_members_version(&m, err));
    while (exchange_members_next(&m)) {
        get_response_member(&m, &response);
    }
    if (response.head < response.cursor) {
        dcbor_reject(&m.r, "the stream ends before the cursor");
    }
    TRY(exchange_members_end(&m, required));
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
    struct exchange_members m = exchange_members_begin(bytes, err);
    while (exchange_members_next(&m)) {
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
    TRY(exchange_members_end(&m, MEMBER_BIT(ERROR_CODE) | MEMBER_BIT(ERROR_MESSAGE)));
    *ret_error = error;
    return ERR_OK;
}
