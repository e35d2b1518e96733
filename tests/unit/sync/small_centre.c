#include "small_centre.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

void small_centre_init(struct small_centre *centre, struct replica *device, struct replica *author)
{
    *centre = (struct small_centre){ .device = device,
                                     .author = author,
                                     .clock_ms = INT64_C(1790000000000),
                                     .page_ops = 100,
                                     .take_ops_max = SMALL_CENTRE_OPS_MAX };
    op_batch_init(&centre->held);
    centre->links = calloc(SMALL_CENTRE_OPS_MAX + 1, sizeof(*centre->links));
    cr_assert_not_null(centre->links);
    const struct store_identity *identity = &device->identity;
    op_link_first(identity->stream, identity->device, identity->incarnation, centre->links[0]);
}

void small_centre_fini(struct small_centre *centre)
{
    op_batch_fini(&centre->held);
    free(centre->links);
}

void small_centre_forget(struct small_centre *centre, size_t keep_ops)
{
    cr_assert_leq(keep_ops, centre->held.count);
    centre->held.count = keep_ops;
}

static void check_signature(struct small_centre *centre, const struct store_run *run, const uint8_t link[SHA256_BYTES])
{
    struct error err;
    struct certificate certificate;
    uint8_t message[OP_LINK_MESSAGE_BYTES];
    const struct op *last = &run->ops.ops[run->ops.count - 1];
    cr_assert_eq(run->signed_seq, last->id.seq, "the end of a run is signed");
    cr_assert_eq(certificate_parse(buf_slice(&centre->device->identity.certificate), &certificate, &err), ERR_OK);
    op_link_message(last->stream, &last->id, link, message);
    cr_assert_eq(signature_verify(slice_of(certificate.public_key, certificate.public_key_len), OP_LINK_CONTEXT,
                                  slice_of(message, sizeof(message)), slice_of(run->signature, run->signature_len),
                                  &err),
                 ERR_OK, "%s", err.message);
}

static void keep_op(struct small_centre *centre, const struct op *op, uint8_t link[SHA256_BYTES])
{
    struct error err;
    struct buf header;
    buf_init(&header, OP_HEADER_MAX);
    cr_assert_eq(op_header_encode(op, &header, &err), ERR_OK);
    op_link_next(link, buf_slice(&header), link);
    buf_fini(&header);
    cr_assert_leq(op->id.seq, SMALL_CENTRE_OPS_MAX);
    if (op->id.seq > centre->held.count && centre->held.count < centre->take_ops_max) {
        memcpy(centre->links[op->id.seq], link, SHA256_BYTES);
        cr_assert_eq(op_batch_add(&centre->held, op, &err), ERR_OK);
    }
}

static void take_segment(struct small_centre *centre, struct slice bytes)
{
    struct error err;
    struct segment segment;
    cr_assert_eq(segment_decode(bytes, centre->device->identity.stream, &segment, &err), ERR_OK, "%s", err.message);
    const struct op_batch *ops = &segment.run.ops;
    uint64_t first = ops->ops[0].id.seq;
    centre->last_segment_len = bytes.len;
    centre->last_segment_first = first;
    centre->last_segment_ops = ops->count;
    cr_assert_eq(first == 1, segment.run.certificate.len > 0, "the first run says whose it is");
    if (first <= centre->held.count + 1) {
        uint8_t link[SHA256_BYTES];
        memcpy(link, centre->links[first - 1], SHA256_BYTES);
        for (size_t i = 0; i < ops->count; i++) {
            keep_op(centre, &ops->ops[i], link);
        }
        check_signature(centre, &segment.run, link);
    }
    segment_fini(&segment);
}

static void sign_receipt(struct small_centre *centre, struct exchange_response *response)
{
    struct error err;
    uint8_t message[OP_LINK_MESSAGE_BYTES];
    const struct store_identity *identity = &centre->device->identity;
    struct op_id acked = { .incarnation = identity->incarnation, .seq = centre->held.count };
    memcpy(acked.device, identity->device, DEVICE_ID_BYTES);
    response->acked_seq = acked.seq;
    memcpy(response->acked_link, centre->links[acked.seq], SHA256_BYTES);
    exchange_receipt_message(identity->stream, &acked, response->acked_link, message);
    cr_assert_eq(device_key_sign(centre->another_key != NULL ? centre->another_key : centre->author->key,
                                 EXCHANGE_RECEIPT_CONTEXT, slice_of(message, sizeof(message)), response->receipt,
                                 &response->receipt_len, &err),
                 ERR_OK);
}

/* What whoever wrote `ops` signed over the last of them, after which its link is `link`. */
static struct segment_signature signed_by(const struct replica *who, const struct op_batch *ops,
                                          const uint8_t link[SHA256_BYTES])
{
    struct error err;
    uint8_t message[OP_LINK_MESSAGE_BYTES];
    const struct op_id *last = &ops->ops[ops->count - 1].id;
    struct segment_signature signature = { .seq = last->seq };
    op_link_message(who->identity.stream, last, link, message);
    cr_assert_eq(device_key_sign(who->key, OP_LINK_CONTEXT, slice_of(message, sizeof(message)), signature.bytes,
                                 &signature.len, &err),
                 ERR_OK);
    return signature;
}

/* A page of the other author's ops after `cursor`; its positions are the author's numbers. */
static void give_page(struct small_centre *centre, uint64_t cursor, struct buf *segment,
                      struct exchange_response *response)
{
    struct error err;
    struct store_sync sync;
    struct op_batch ops;
    cr_assert_eq(store_sync_read(centre->author->store, &sync, &err), ERR_OK);
    op_batch_init(&ops);
    uint64_t head = sync.newest_seq - centre->moved_by;
    uint64_t after_seq = cursor > 0 ? cursor + centre->moved_by : 0;
    cr_assert_eq(
        store_own_ops(centre->author->store, sync.incarnation, after_seq, centre->page_ops, SIZE_MAX, &ops, &err),
        ERR_OK);
    if (ops.count > 0) {
        uint8_t link[SHA256_BYTES];
        cr_assert_eq(store_own_link(centre->author->store, sync.incarnation, ops.ops[ops.count - 1].id.seq, link, &err),
                     ERR_OK);
        struct segment_signature signature = signed_by(centre->author, &ops, link);
        cr_assert_eq(
            segment_encode(&ops, NULL, 0, &signature, buf_slice(&centre->author->identity.certificate), segment, &err),
            ERR_OK);
        response->segments[response->segment_count++] = buf_slice(segment);
    }
    response->cursor = ops.count > 0 ? after_seq + ops.count - centre->moved_by : head;
    response->head = head;
    response->more = response->head > response->cursor;
    op_batch_fini(&ops);
}

static void give_back(struct small_centre *centre, uint64_t after_seq, struct buf *segment,
                      struct exchange_response *response)
{
    struct error err;
    struct op_batch lost = { .ops = centre->held.ops + after_seq, .count = centre->held.count - after_seq };
    struct segment_signature signature = signed_by(centre->device, &lost, centre->links[centre->held.count]);
    cr_assert_eq(
        segment_encode(&lost, NULL, 0, &signature, buf_slice(&centre->device->identity.certificate), segment, &err),
        ERR_OK);
    response->segments[response->segment_count++] = buf_slice(segment);
}

static void tell_refusals(const struct small_centre *centre, uint64_t after_seq, struct exchange_response *response)
{
    for (uint64_t seq = after_seq + 1; seq <= response->acked_seq; seq++) {
        if ((centre->refuses_all || seq == centre->refuses_seq) && response->refusal_count < EXCHANGE_REFUSALS_MAX) {
            response->refusals[response->refusal_count++] =
                (struct exchange_refusal){ .seq = seq, .reason = slice_of_text("not allowed here") };
        }
    }
}

static void put_certificate(struct small_centre *centre, const struct exchange_request *request,
                            struct exchange_response *response)
{
    uint8_t hash[EXCHANGE_CERTIFICATE_HASH_BYTES];
    struct slice certificate = centre->another_certificate.len > 0 ? centre->another_certificate
                                                                   : buf_slice(&centre->author->identity.certificate);
    exchange_certificate_hash(certificate, hash);
    bool known = request->certificate_known && memcmp(hash, request->certificate_hash, sizeof(hash)) == 0;
    if (!known && !centre->keeps_certificate) {
        response->centre_certificate = certificate;
    }
}

void small_centre_answer(struct small_centre *centre, struct slice bytes, struct buf *out)
{
    struct error err;
    struct exchange_request request;
    struct exchange_response response = { .answered_at_ms = centre->clock_ms, .retry_after_s = centre->retry_after_s };
    struct buf page;
    struct buf own;
    buf_init(&page, SEGMENT_BYTES_MAX);
    buf_init(&own, SEGMENT_BYTES_MAX);
    cr_assert_eq(exchange_request_decode(bytes, &request, &err), ERR_OK, "%s", err.message);
    centre->last = request;
    centre->last_segment_len = 0;
    centre->last_segment_ops = 0;
    if (request.segment.len > 0) {
        take_segment(centre, request.segment);
    }
    sign_receipt(centre, &response);
    give_page(centre, request.cursor, &page, &response);
    if (centre->gives_back && request.newest_seq < centre->held.count) {
        give_back(centre, request.newest_seq, &own, &response);
    }
    tell_refusals(centre, request.acked_seq, &response);
    put_certificate(centre, &request, &response);
    cr_assert_eq(exchange_response_encode(&response, out, &err), ERR_OK);
    buf_fini(&page);
    buf_fini(&own);
}
