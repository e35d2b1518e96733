#include "sync/client_parts.h"

#include <string.h>

enum {
    READ_BYTES_MAX = 4 * 1024 * 1024, /* of headers and bodies for one segment */
    READ_BYTES_MIN = 1024,
    HEADER_BYTES = 170, /* of an op, about: for the ratio only */
    RATIO_MAX = 64,
    BLOCKS_MAX = EXCHANGE_OPS_MAX / OP_SALT_BLOCK + 1,
};

struct outgoing {
    struct op_batch ops;
    struct store_seed seeds[BLOCKS_MAX];
    size_t seed_count;
    struct segment_signature signature;
};

static enum err_code read_seeds(struct client *c, struct outgoing *out, struct error *err)
{
    const struct op_id *first = &out->ops.ops[0].id;
    uint64_t high = op_salt_block(first->seq + out->ops.count - 1);
    out->seed_count = 0;
    for (uint64_t block = op_salt_block(first->seq); block <= high; block++) {
        struct store_seed *seed = &out->seeds[out->seed_count];
        enum err_code rc = store_salt_seed(c->store, first->device, first->incarnation, block, seed->seed, err);
        if (rc == ERR_OK) {
            seed->block = block;
            out->seed_count++;
        } else if (rc != ERR_NOT_FOUND) {
            return rc;
        }
    }
    return ERR_OK;
}

static enum err_code sign(struct client *c, struct outgoing *out, struct error *err)
{
    const struct op *last = &out->ops.ops[out->ops.count - 1];
    uint8_t link[SHA256_BYTES];
    uint8_t message[OP_LINK_MESSAGE_BYTES];
    TRY(store_own_link(c->store, last->id.incarnation, last->id.seq, link, err));
    op_link_message(c->identity->stream, &last->id, link, message);
    out->signature.seq = last->id.seq;
    return device_key_sign(c->key, OP_LINK_CONTEXT, slice_of(message, sizeof(message)), out->signature.bytes,
                           &out->signature.len, err);
}

static size_t raw_bytes(const struct op_batch *ops)
{
    size_t bytes = HEADER_BYTES * ops->count;
    for (size_t i = 0; i < ops->count; i++) {
        bytes += ops->ops[i].body.len;
    }
    return bytes;
}

/* Reads about `max_bytes` of own ops and writes them as a segment; out->ops.count is 0 when there are none. */
static enum err_code segment_of(struct client *c, uint64_t after_seq, size_t max_bytes, struct outgoing *out,
                                struct buf *segment, struct error *err)
{
    op_batch_clear(&out->ops);
    buf_clear(segment);
    TRY(store_own_ops(c->store, c->sent.incarnation, after_seq, EXCHANGE_OPS_MAX, max_bytes, &out->ops, err));
    if (out->ops.count == 0) {
        return ERR_OK;
    }
    TRY(read_seeds(c, out, err));
    TRY(sign(c, out, err));
    /* the first run says whose it is, to whoever reads it without having met this device */
    bool introduce = out->ops.ops[0].id.seq == 1;
    return segment_encode(&out->ops, out->seeds, out->seed_count, &out->signature,
                          introduce ? buf_slice(&c->identity->certificate) : slice_of("", 0), segment, err);
}

/*
 * As much as about batch_bytes of segment hold, and no more where what is cut is lost. Reads less when the ops pack
 * worse than those before.
 */
static enum err_code add_segment(struct client *c, uint64_t after_seq, struct outgoing *out, struct buf *segment,
                                 struct error *err)
{
    size_t max_bytes = c->batch_bytes * c->packed_ratio;
    max_bytes = max_bytes < READ_BYTES_MAX ? max_bytes : READ_BYTES_MAX;
    size_t long_bytes = c->batch_bytes * (c->cuts_lose ? 1 : 2);
    for (;;) {
        enum err_code rc = segment_of(c, after_seq, max_bytes, out, segment, err);
        bool too_long = rc == ERR_LIMIT || (rc == ERR_OK && segment->len > long_bytes);
        if (!too_long || out->ops.count <= 1 || max_bytes <= READ_BYTES_MIN) {
            TRY(rc);
            break;
        }
        max_bytes /= 2;
    }
    if (out->ops.count == 0) {
        return ERR_OK;
    }
    size_t ratio = raw_bytes(&out->ops) / segment->len;
    c->packed_ratio = ratio < 1 ? 1 : ratio > RATIO_MAX ? RATIO_MAX : ratio;
    c->sent.first_seq = out->ops.ops[0].id.seq;
    c->sent.op_count = out->ops.count;
    c->sent.segment_len = segment->len;
    c->sent.signature = out->signature;
    return ERR_OK;
}

enum err_code client_segment_make(struct client *c, uint64_t after_seq, struct buf *segment, struct error *err)
{
    struct outgoing out = { 0 };
    op_batch_init(&out.ops);
    enum err_code rc = add_segment(c, after_seq, &out, segment, err);
    op_batch_fini(&out.ops);
    return rc;
}

static void put_given(const struct client_giving *giving, struct exchange_request *request)
{
    size_t from = 0;
    for (size_t i = 0; i < giving->count; i++) {
        request->given[i] = slice_of(giving->bytes.data + from, giving->ends[i] - from);
        from = giving->ends[i];
    }
    request->given_count = giving->count;
}

static enum err_code write_request(struct client *c, const struct store_sync *sync, struct slice segment,
                                   const struct client_giving *giving, struct buf *out, struct error *err)
{
    struct exchange_request request = { .incarnation = sync->incarnation,
                                        .cursor = sync->cursor,
                                        .acked_seq = sync->acked_seq,
                                        .newest_seq = sync->newest_seq,
                                        .freshness = c->sent.freshness,
                                        .tree_known = sync->verified_known,
                                        .tree_size = sync->verified_size,
                                        .sent_at_ms = c->io->wall_ms(c->io->context),
                                        .want_bytes = (uint32_t)client_wanted_bytes(c),
                                        .segment = c->sent.rest ? slice_of("", 0) : segment,
                                        .wait_s = c->sent.wait_s,
                                        .certificate_known = c->centre.certificate.len > 0,
                                        .refused = c->sent.refused };
    memcpy(request.stream, c->identity->stream, STREAM_ID_BYTES);
    if (c->sent.rest) {
        request.begun = exchange_begun_of(slice_of(c->cut.segment.data, c->cut.from));
        request.rest = segment;
    }
    put_given(giving, &request);
    memcpy(request.tree_root, sync->verified_root.bytes, EXCHANGE_ROOT_BYTES);
    if (request.certificate_known) {
        exchange_centre_hash(buf_slice(&c->centre.certificate), c->centre.checkpoint_key, request.certificate_hash);
    }
    buf_clear(out);
    return exchange_request_encode(&request, out, err);
}

enum err_code client_request_write(struct client *c, const struct store_sync *sync, struct slice segment,
                                   const struct client_giving *giving, struct buf *out, struct error *err)
{
    struct client_giving nothing = { 0 };
    return write_request(c, sync, segment, giving != NULL ? giving : &nothing, out, err);
}

/* What the centre has been told already costs no bytes again. */
static struct exchange_freshness freshness_to_tell(const struct client *c, const struct store_sync *sync)
{
    struct exchange_freshness freshness = { .incarnation = sync->recording };
    const struct exchange_freshness *told = &c->freshness_told;
    bool known = c->ask_freshness != NULL && c->ask_freshness(c->freshness_context, &freshness.counter, freshness.hash);
    bool again = told->counter == freshness.counter && told->incarnation == freshness.incarnation &&
                 memcmp(told->hash, freshness.hash, sizeof(told->hash)) == 0;
    return known && !again ? freshness : (struct exchange_freshness){ 0 };
}

enum err_code client_request_make(struct client *c, uint32_t wait_s, struct error *err)
{
    struct store_sync sync;
    TRY(store_sync_read(c->store, &sync, err));
    if (c->recovery.active) {
        /* nothing is offered, and nothing said to be held: all that the centre holds of the chain comes back */
        sync.incarnation = c->recovery.incarnation;
        sync.newest_seq = 0;
        sync.acked_seq = 0;
    }
    c->sent = (struct client_sent){ .incarnation = sync.incarnation,
                                    .cursor = sync.cursor,
                                    .asked = sync.asks,
                                    .freshness = freshness_to_tell(c, &sync),
                                    .acked_seq = sync.acked_seq,
                                    .wait_s = wait_s,
                                    .at_end = c->at_end,
                                    .owed_ops = sync.owed_ops };
    if (!c->recovery.active) {
        TRY(client_refused_ask(c, &sync, err));
    }
    struct client_giving giving = { 0 };
    struct buf segment;
    struct slice rest = { 0 };
    buf_init(&segment, SEGMENT_BYTES_MAX);
    buf_init(&giving.bytes, SEGMENT_BYTES_MAX);
    enum err_code rc = ERR_OK;
    bool offers = !c->offers_nothing;
    c->offers_nothing = false;
    if (!offers || client_cut_continues(c, &sync, &rest) || c->cut.phase == CUT_ASK) {
        rc = ERR_OK; /* nothing is made anew before the centre has said what it has */
    } else if (sync.newest_seq > sync.acked_seq) {
        rc = client_segment_make(c, sync.acked_seq, &segment, err);
    } else if (c->at_end && sync.owed_ops > 0 && !c->recovery.active && wait_s == 0) {
        rc = client_give(c, &giving, err);
    }
    if (rc == ERR_OK) {
        rc = write_request(c, &sync, c->sent.rest ? rest : buf_slice(&segment), &giving, &c->body, err);
    }
    buf_fini(&segment);
    buf_fini(&giving.bytes);
    return rc == ERR_OK ? ERR_OK : error_wrap(err, rc, "make a request to the centre");
}
