#include "small_centre.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "store/tree.h"

void small_centre_init(struct small_centre *centre, struct replica *device, struct replica *author)
{
    *centre = (struct small_centre){ .device = device,
                                     .author = author,
                                     .clock_ms = INT64_C(1790000000000),
                                     .page_ops = 100,
                                     .take_ops_max = SMALL_CENTRE_OPS_MAX };
    op_batch_init(&centre->held);
    buf_init(&centre->begun, SEGMENT_BYTES_MAX);
    centre->links = calloc(SMALL_CENTRE_OPS_MAX + 1, sizeof(*centre->links));
    cr_assert_not_null(centre->links);
    centre->places = calloc(SMALL_CENTRE_PLACES_MAX, sizeof(*centre->places));
    cr_assert_not_null(centre->places);
    cr_assert_eq(checkpoint_key_make(&centre->checkpoint_key, NULL), ERR_OK);
    centre->placed_author = author;
    const struct store_identity *identity = &device->identity;
    op_link_first(identity->stream, identity->device, identity->incarnation, centre->links[0]);
}

void small_centre_fini(struct small_centre *centre)
{
    op_batch_fini(&centre->held);
    buf_fini(&centre->begun);
    free(centre->links);
    free(centre->places);
    secret_free(&centre->checkpoint_key);
}

/* ---- its stream ---- */

static void place(struct small_centre *centre, const struct op *op, bool own)
{
    struct buf header;
    buf_init(&header, OP_HEADER_MAX);
    cr_assert_eq(op_header_encode(op, &header, NULL), ERR_OK);
    cr_assert_lt(centre->place_count, SMALL_CENTRE_PLACES_MAX);
    struct small_centre_place *at = &centre->places[centre->place_count++];
    *at = (struct small_centre_place){ .own = own, .seq = op->id.seq };
    merkle_leaf(buf_slice(&header), &at->leaf);
    buf_fini(&header);
}

static void place_held(struct small_centre *centre)
{
    for (size_t i = 0; i < centre->held.count; i++) {
        place(centre, &centre->held.ops[i], true);
    }
}

/* What the author wrote since the last answer. */
static void place_authors(struct small_centre *centre)
{
    struct error err;
    struct store_sync sync;
    struct op_batch ops;
    if (centre->author != centre->placed_author) {
        centre->place_count = 0;
        centre->author_placed = 0;
        centre->placed_author = centre->author;
        place_held(centre);
    }
    cr_assert_eq(store_sync_read(centre->author->store, &sync, &err), ERR_OK);
    while (centre->author_placed < sync.newest_seq) {
        op_batch_init(&ops);
        cr_assert_eq(store_own_ops(centre->author->store, sync.incarnation, centre->author_placed, SIZE_MAX, SIZE_MAX,
                                   &ops, &err),
                     ERR_OK);
        for (size_t i = 0; i < ops.count; i++) {
            place(centre, &ops.ops[i], false);
        }
        centre->author_placed += ops.count;
        op_batch_fini(&ops);
    }
}

void small_centre_forget(struct small_centre *centre, size_t keep_ops)
{
    cr_assert_leq(keep_ops, centre->held.count);
    centre->held.count = keep_ops;
    size_t kept = 0;
    for (size_t i = 0; i < centre->place_count; i++) {
        if (!centre->places[i].own || centre->places[i].seq <= keep_ops) {
            centre->places[kept++] = centre->places[i];
        }
    }
    centre->place_count = kept;
}

void small_centre_turn(struct small_centre *centre, size_t keep_ops)
{
    cr_assert_leq(keep_ops, centre->held.count);
    centre->held.count = keep_ops;
    centre->place_count = 0;
    centre->author_placed = 0;
    place_authors(centre);
    place_held(centre);
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
        place(centre, op, true);
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
    uint8_t message[OP_RECEIPT_MESSAGE_BYTES];
    const struct store_identity *identity = &centre->device->identity;
    struct op_id acked = { .incarnation = identity->incarnation, .seq = centre->held.count };
    memcpy(acked.device, identity->device, DEVICE_ID_BYTES);
    response->acked_seq = acked.seq;
    memcpy(response->acked_link, centre->links[acked.seq], SHA256_BYTES);
    op_receipt_message(identity->stream, &acked, response->acked_link, response->answered_at_ms, message);
    cr_assert_eq(device_key_sign(centre->another_key != NULL ? centre->another_key : centre->author->key,
                                 OP_RECEIPT_CONTEXT, slice_of(message, sizeof(message)), response->receipt,
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

/* Ops of the author from `first` on. */
static void give_authors(struct small_centre *centre, uint64_t first, size_t count, struct buf *segment,
                         struct exchange_response *response)
{
    struct error err;
    struct store_sync sync;
    struct op_batch ops;
    uint8_t link[SHA256_BYTES];
    cr_assert_eq(store_sync_read(centre->author->store, &sync, &err), ERR_OK);
    op_batch_init(&ops);
    cr_assert_eq(store_own_ops(centre->author->store, sync.incarnation, first - 1, count, SIZE_MAX, &ops, &err),
                 ERR_OK);
    cr_assert_eq(ops.count, count);
    cr_assert_eq(store_own_link(centre->author->store, sync.incarnation, first + count - 1, link, &err), ERR_OK);
    struct segment_signature signature = signed_by(centre->author, &ops, link);
    cr_assert_eq(
        segment_encode(&ops, NULL, 0, &signature, buf_slice(&centre->author->identity.certificate), segment, &err),
        ERR_OK);
    response->segments[response->segment_count++] = buf_slice(segment);
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

/* What an answer borrows. */
struct page {
    struct buf authors;
    struct buf own;
    struct buf order;
    uint8_t vouched[EXCHANGE_VOUCHED_KEY_MAX];
};

/* Where the stream ends for this device: a centre that does not give its ops back keeps quiet about what follows. */
static size_t told_end(const struct small_centre *centre, const struct exchange_request *request)
{
    size_t end = 0;
    while (end < centre->place_count &&
           (centre->gives_back || !centre->places[end].own || centre->places[end].seq <= request->newest_seq)) {
        end++;
    }
    return end;
}

/* The positions after the asked cursor, until page_ops of the author's. The author's segment comes first, if any. */
static void give_page(struct small_centre *centre, const struct exchange_request *request, struct page *page,
                      struct exchange_response *response)
{
    uint64_t first = 0;
    size_t count = 0;
    size_t back = 0;
    size_t end = told_end(centre, request);
    size_t from = request->cursor < end ? request->cursor : end;
    size_t at = from;
    for (; at < end && count < centre->page_ops; at++) {
        const struct small_centre_place *where = &centre->places[at];
        first = !where->own && count == 0 ? where->seq : first;
        count += !where->own;
        back += where->own && where->seq > request->newest_seq;
    }
    for (size_t i = from; i < at; i++) {
        const struct small_centre_place *where = &centre->places[i];
        bool given_back = where->own && where->seq > request->newest_seq;
        struct store_order order = { .run = !where->own ? 0 : given_back ? (count > 0) : STORE_ORDER_OWN, .count = 1 };
        cr_assert_eq(exchange_order_encode(&order, 1, &page->order, NULL), ERR_OK);
    }
    if (count > 0) {
        give_authors(centre, first, count, &page->authors, response);
    }
    if (back > 0) {
        give_back(centre, request->newest_seq, &page->own, response);
    }
    response->order = buf_slice(&page->order);
    response->cursor = at;
    response->head = end;
    response->more = response->head > response->cursor;
}

static void tell_checkpoint(struct small_centre *centre, const struct exchange_request *request,
                            struct exchange_response *response)
{
    struct merkle_range tree = { 0 };
    char origin[TREE_ORIGIN_SIZE];
    struct checkpoint *checkpoint = &response->checkpoint;
    for (size_t i = 0; i < response->head; i++) {
        cr_assert_eq(merkle_append(&tree, &centre->places[i].leaf, NULL, NULL, NULL), ERR_OK);
    }
    checkpoint->size = tree.size;
    merkle_root(&tree, &checkpoint->root);
    checkpoint->root.bytes[0] ^= centre->signs_another_root;
    bool known = request->tree_known ? request->tree_size == tree.size &&
                                           memcmp(request->tree_root, checkpoint->root.bytes, EXCHANGE_ROOT_BYTES) == 0
                                     : tree.size == 0;
    tree_origin(centre->device->identity.stream, origin);
    response->checkpoint_known = !response->more && !known && !centre->keeps_checkpoint;
    cr_assert_eq(checkpoint_sign(&centre->checkpoint_key, origin, checkpoint, NULL), ERR_OK);
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

static void put_certificate(struct small_centre *centre, const struct exchange_request *request, struct page *page,
                            struct exchange_response *response)
{
    size_t len;
    uint8_t hash[EXCHANGE_CERTIFICATE_HASH_BYTES];
    const struct device_key *key = centre->another_key != NULL ? centre->another_key : centre->author->key;
    struct slice certificate = centre->another_certificate.len > 0 ? centre->another_certificate
                                                                   : buf_slice(&centre->author->identity.certificate);
    cr_assert_eq(checkpoint_key_public(&centre->checkpoint_key, page->vouched, NULL), ERR_OK);
    exchange_centre_hash(certificate, page->vouched, hash);
    bool known = request->certificate_known && memcmp(hash, request->certificate_hash, sizeof(hash)) == 0;
    if (known || centre->keeps_certificate) {
        return;
    }
    cr_assert_eq(device_key_sign(key, CHECKPOINT_KEY_CONTEXT, slice_of(page->vouched, CHECKPOINT_KEY_BYTES),
                                 page->vouched + CHECKPOINT_KEY_BYTES, &len, NULL),
                 ERR_OK);
    response->centre_certificate = certificate;
    response->checkpoint_key = slice_of(page->vouched, CHECKPOINT_KEY_BYTES + len);
}

/* ---- what was cut ---- */

void small_centre_cut(struct small_centre *centre, struct slice bytes, size_t len)
{
    struct exchange_request request;
    cr_assert_eq(exchange_request_decode(bytes, &request, NULL), ERR_OK);
    if (request.segment.len > 0) {
        buf_clear(&centre->begun);
    }
    struct slice brought = request.segment.len > 0 ? request.segment : request.rest;
    cr_assert_eq(buf_append(&centre->begun, brought.data, len < brought.len ? len : brought.len, NULL), ERR_OK);
}

static void take_rest(struct small_centre *centre, const struct exchange_request *request)
{
    struct exchange_begun ours = exchange_begun_of(buf_slice(&centre->begun));
    cr_assert(exchange_begun_equal(&ours, &request->begun));
    cr_assert_eq(buf_append(&centre->begun, request->rest.data, request->rest.len, NULL), ERR_OK);
    take_segment(centre, buf_slice(&centre->begun));
    buf_clear(&centre->begun);
}

void small_centre_answer(struct small_centre *centre, struct slice bytes, struct buf *out)
{
    struct error err;
    struct exchange_request request;
    struct exchange_response response = { .answered_at_ms = centre->clock_ms, .retry_after_s = centre->retry_after_s };
    struct page page;
    buf_init(&page.authors, SEGMENT_BYTES_MAX);
    buf_init(&page.own, SEGMENT_BYTES_MAX);
    buf_init(&page.order, EXCHANGE_ORDER_MAX);
    cr_assert_eq(exchange_request_decode(bytes, &request, &err), ERR_OK, "%s", err.message);
    centre->last = request;
    centre->last_segment_len = 0;
    centre->last_segment_ops = 0;
    place_authors(centre);
    if (request.segment.len > 0) {
        take_segment(centre, request.segment);
        buf_clear(&centre->begun);
    } else if (request.rest.len > 0) {
        take_rest(centre, &request);
    } else if (centre->begun.len > 0) {
        response.begun = exchange_begun_of(buf_slice(&centre->begun));
    }
    sign_receipt(centre, &response);
    give_page(centre, &request, &page, &response);
    tell_checkpoint(centre, &request, &response);
    tell_refusals(centre, request.acked_seq, &response);
    put_certificate(centre, &request, &page, &response);
    cr_assert_eq(exchange_response_encode(&response, out, &err), ERR_OK);
    buf_fini(&page.authors);
    buf_fini(&page.own);
    buf_fini(&page.order);
}
