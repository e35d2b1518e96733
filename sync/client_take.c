/*
 * An answer of the centre, taken in: first all that can be checked without changing anything, then the refusals, then
 * the rest in one transaction of the store.
 */
#include "sync/client_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

enum { BATCH_AIM_MS = 5000, ANSWER_OPS_BYTES_MAX = 4 * OP_BATCH_BYTES_MAX };

/* ---- the size of batches ---- */

static size_t clamp_batch(uint64_t bytes)
{
    return bytes < CLIENT_BATCH_MIN ? CLIENT_BATCH_MIN : bytes > SEGMENT_BYTES_MAX ? SEGMENT_BYTES_MAX : (size_t)bytes;
}

/* Twice as much after an exchange that was about full, as far as the line carries it in BATCH_AIM_MS. */
static void batch_succeeded(struct client *c, uint64_t carried, int64_t took_ms)
{
    if (carried < c->batch_bytes / 2) {
        return; /* says nothing about a larger one */
    }
    uint64_t within_aim = carried * BATCH_AIM_MS / (uint64_t)(took_ms > 0 ? took_ms : 1);
    uint64_t doubled = (uint64_t)c->batch_bytes * 2;
    c->batch_bytes = clamp_batch(doubled < within_aim ? doubled : within_aim);
}

void client_batch_broke(struct client *c)
{
    c->batch_bytes = clamp_batch(c->batch_bytes / 2);
}

/* ---- the receipt ---- */

static enum err_code take_certificate(struct client *c, const struct exchange_response *response, struct error *err)
{
    struct slice der = response->centre_certificate;
    if (der.len == 0) {
        return c->centre.certificate.len > 0
                   ? ERR_OK
                   : FAIL(err, PROTOCOL, "check the centre's receipt: it did not send its certificate");
    }
    if (slice_equal(der, buf_slice(&c->centre.certificate))) {
        return ERR_OK;
    }
    struct certificate parsed;
    TRY(certificate_verify(der, buf_slice(&c->identity->ca), response->answered_at_ms, &parsed, err));
    if (parsed.role != CERTIFICATE_ROLE_CENTRE) {
        return FAIL(err, HISTORY, "check the centre's receipt: the certificate sent is not for signing receipts");
    }
    buf_clear(&c->centre.certificate);
    TRY(buf_append(&c->centre.certificate, der.data, der.len, err));
    c->centre.parsed = parsed;
    return ERR_OK;
}

static enum err_code check_receipt(struct client *c, const struct exchange_response *response, struct error *err)
{
    TRY(take_certificate(c, response, err));
    struct op_id acked = { .incarnation = c->sent.incarnation, .seq = response->acked_seq };
    memcpy(acked.device, c->identity->device, DEVICE_ID_BYTES);
    uint8_t message[OP_LINK_MESSAGE_BYTES];
    exchange_receipt_message(c->identity->stream, &acked, response->acked_link, message);
    const struct certificate *centre = &c->centre.parsed;
    enum err_code rc =
        signature_verify(slice_of(centre->public_key, centre->public_key_len), EXCHANGE_RECEIPT_CONTEXT,
                         slice_of(message, sizeof(message)), slice_of(response->receipt, response->receipt_len), err);
    if (rc != ERR_OK) {
        /* perhaps another key signs now and this certificate is the old one: ask for it next time */
        buf_clear(&c->centre.certificate);
    }
    return rc == ERR_OK ? ERR_OK : error_wrap(err, rc, "check the centre's receipt");
}

/* What the centre holds of this device must be what this device wrote. */
static enum err_code check_link(struct client *c, const struct exchange_response *response, struct error *err)
{
    uint8_t link[SHA256_BYTES];
    TRY(store_own_link(c->store, c->sent.incarnation, response->acked_seq, link, err));
    if (memcmp(link, response->acked_link, SHA256_BYTES) != 0) {
        return FAIL(err, HISTORY, "compare records with the centre: it holds other ones of this device up to %llu",
                    (unsigned long long)response->acked_seq);
    }
    return ERR_OK;
}

/* ---- taking it in ---- */

struct incoming {
    struct segment *segments;
    struct store_run *runs;
    size_t count;
    uint64_t newest_own_seq; /* once they are applied */
};

static void incoming_fini(struct incoming *in)
{
    for (size_t i = 0; i < in->count; i++) {
        segment_fini(&in->segments[i]);
    }
    free(in->segments);
    free(in->runs);
}

static enum err_code decode_segments(struct client *c, const struct exchange_response *response, struct incoming *in,
                                     struct error *err)
{
    in->segments = calloc(response->segment_count + 1, sizeof(*in->segments));
    in->runs = calloc(response->segment_count + 1, sizeof(*in->runs));
    if (in->segments == NULL || in->runs == NULL) {
        return FAIL(err, NO_MEMORY, "read the centre's answer");
    }
    size_t bytes = 0;
    for (size_t i = 0; i < response->segment_count; i++) {
        enum err_code rc = segment_decode(response->segments[i], c->identity->stream, &in->segments[i], err);
        TRY(rc);
        in->count++;
        in->runs[i] = in->segments[i].run; /* borrowed from the segment */
        const struct op_batch *ops = &in->runs[i].ops;
        const struct op_id *last = &ops->ops[ops->count - 1].id;
        bool own =
            last->incarnation == c->sent.incarnation && memcmp(last->device, c->identity->device, DEVICE_ID_BYTES) == 0;
        in->newest_own_seq = own && last->seq > in->newest_own_seq ? last->seq : in->newest_own_seq;
        bytes += ops->bytes;
        if (bytes > ANSWER_OPS_BYTES_MAX) {
            return FAIL(err, PROTOCOL, "read the centre's answer: it holds more than %d bytes of records",
                        ANSWER_OPS_BYTES_MAX);
        }
    }
    return ERR_OK;
}

/* Kept before the acknowledgement, so that a crash in between only makes the centre say it again. */
static enum err_code mark_refusals(struct client *c, const struct exchange_response *response, uint64_t newest_seq,
                                   struct error *err)
{
    for (size_t i = 0; i < response->refusal_count; i++) {
        const struct exchange_refusal *refusal = &response->refusals[i];
        if (refusal->seq == 0 || refusal->seq > newest_seq) {
            return FAIL(err, PROTOCOL, "read the centre's refusals: record %llu is not one of this device",
                        (unsigned long long)refusal->seq);
        }
        char reason[EXCHANGE_REASON_MAX + 1] = "";
        if (refusal->reason.len > 0) {
            memcpy(reason, refusal->reason.data, refusal->reason.len);
        }
        TRY(store_mark_refused(c->store, c->sent.incarnation, refusal->seq, reason, err));
        c->changed = true;
    }
    return ERR_OK;
}

/* This clock minus the centre's, taking its answer for made half-way between question and answer. */
static int64_t measured_offset(struct client *c, const struct exchange_response *response, int64_t took_ms)
{
    return c->io->wall_ms(c->io->context) - took_ms / 2 - response->answered_at_ms;
}

/* A centre that holds less than it acknowledged was put back to an older state. */
static bool centre_went_back(struct client *c, const struct exchange_response *response, const struct store_sync *sync)
{
    bool own_lost = response->acked_seq < sync->acked_seq;
    if (own_lost && c->lost_up_to < sync->acked_seq) {
        c->lost_up_to = sync->acked_seq;
        LOG_WARNING("centre_lost_ops", "acknowledged=%llu held=%llu", (unsigned long long)sync->acked_seq,
                    (unsigned long long)response->acked_seq);
    }
    if (c->lost_up_to > 0 && response->acked_seq >= c->lost_up_to) {
        LOG_INFO("centre_restored", "held=%llu", (unsigned long long)response->acked_seq);
        c->lost_up_to = 0;
    }
    return own_lost || response->cursor < c->sent.cursor;
}

static enum err_code apply(struct client *c, const struct exchange_response *response, const struct store_sync *sync,
                           const struct incoming *in, int64_t took_ms, struct error *err)
{
    /*
     * Its positions may stand for other ops now, so that what came after our cursor need not follow what is held here.
     * It is left, and the stream read from its beginning.
     */
    bool went_back = centre_went_back(c, response, sync);
    uint64_t newest = !went_back && in->newest_own_seq > sync->newest_seq ? in->newest_own_seq : sync->newest_seq;
    struct store_receipt receipt = { .incarnation = c->sent.incarnation, .acked_seq = response->acked_seq };
    struct store_exchange exchange = { .runs = in->runs,
                                       .run_count = went_back ? 0 : in->count,
                                       .cursor = went_back ? 0 : response->cursor,
                                       .own_signed_seq = c->sent.signature.seq,
                                       .own_signature = slice_of(c->sent.signature.bytes, c->sent.signature.len),
                                       .receipt = &receipt,
                                       .clock_offset_ms = measured_offset(c, response, took_ms),
                                       .received_at_ms = c->io->wall_ms(c->io->context) };
    if (response->refusal_count == EXCHANGE_REFUSALS_MAX) {
        /* there may be more of them: what comes after the last one told is asked about again */
        uint64_t told_seq = response->refusals[response->refusal_count - 1].seq;
        receipt.acked_seq = told_seq < response->acked_seq ? told_seq : response->acked_seq;
    }
    if (receipt.acked_seq == response->acked_seq && response->acked_seq <= newest) {
        /* a receipt for ops that are not here is not ours to keep yet */
        memcpy(receipt.signature, response->receipt, response->receipt_len);
        receipt.signature_len = response->receipt_len;
    }
    struct store_applied applied;
    TRY(store_apply(c->store, &exchange, &applied, err));
    c->new_ops |= applied.new_ops > 0;
    c->round.ops_received += applied.new_ops;
    c->clock_offset_ms = exchange.clock_offset_ms;
    c->to_fetch = response->head - exchange.cursor;
    return ERR_OK;
}

/* The device's own later ops are at the centre and not here: they come back as part of its answers. */
static enum err_code check_behind(struct client *c, const struct exchange_response *response, bool link_checked,
                                  struct store_sync *sync, struct error *err)
{
    TRY(store_sync_read(c->store, sync, err));
    bool behind = response->acked_seq > sync->newest_seq;
    if (behind && !c->behind_own_record) {
        LOG_WARNING("replica_behind_own_record", "centre_holds=%llu here=%llu", (unsigned long long)response->acked_seq,
                    (unsigned long long)sync->newest_seq);
    }
    c->behind_own_record = behind;
    return behind || link_checked ? ERR_OK : check_link(c, response, err);
}

static enum err_code what_next(const struct client *c, const struct exchange_response *response,
                               const struct store_sync *sync, bool *ret_again, struct error *err)
{
    bool pending = sync->newest_seq > sync->acked_seq;
    bool moved = sync->acked_seq != c->sent.acked_seq || sync->cursor != c->sent.cursor;
    bool only_new = c->sent.first_seq == 0 && !response->more; /* recorded since the request was made */
    if ((pending || response->more) && !moved && !only_new) {
        return FAIL(err, PROTOCOL, "exchange with the centre: it neither takes nor gives records");
    }
    *ret_again = pending || response->more || sync->cursor < response->cursor;
    return ERR_OK;
}

enum err_code client_take(struct client *c, const struct client_answer *answer, struct client_verdict *verdict)
{
    struct error *err = &verdict->error;
    int64_t took_ms = c->io->monotonic_ms(c->io->context) - c->sent.at_ms;
    struct exchange_response response;
    struct store_sync sync;
    TRY(exchange_response_decode(answer->body, &response, err));
    TRY(store_sync_read(c->store, &sync, err));
    TRY(check_receipt(c, &response, err));
    bool link_checked = response.acked_seq <= sync.newest_seq;
    if (link_checked) {
        TRY(check_link(c, &response, err));
    }
    SCOPED(incoming_fini) struct incoming in = { 0 };
    TRY(decode_segments(c, &response, &in, err));
    TRY(mark_refusals(c, &response, sync.newest_seq, err));
    TRY(apply(c, &response, &sync, &in, took_ms, err));
    TRY(check_behind(c, &response, link_checked, &sync, err));
    c->round.ops_sent += sync.acked_seq > c->sent.acked_seq ? sync.acked_seq - c->sent.acked_seq : 0;
    batch_succeeded(c, c->sent.segment_len + answer->body.len, took_ms);
    verdict->retry_after_ms = (int64_t)response.retry_after_s * 1000;
    return what_next(c, &response, &sync, &verdict->again, err);
}
