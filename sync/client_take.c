/*
 * An answer of the centre, taken in: first all that can be checked without changing anything, then the refusals, then
 * the rest in one transaction of the store.
 */
#include "sync/client_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/bundles.h"

enum { ANSWER_OPS_BYTES_MAX = 4 * OP_BATCH_BYTES_MAX, WENT_BACK_MAX = 4 };

/* ---- taking it in ---- */

enum err_code client_compare_link(struct client *c, const struct exchange_response *response, uint64_t newest_seq,
                                  bool *ret_agrees, struct error *err)
{
    uint8_t link[SHA256_BYTES];
    *ret_agrees = false;
    if (response->acked_seq > newest_seq) {
        return ERR_OK;
    }
    TRY(store_own_link(c->store, c->sent.incarnation, response->acked_seq, link, err));
    *ret_agrees = memcmp(link, response->acked_link, SHA256_BYTES) == 0;
    return ERR_OK;
}

struct incoming {
    struct segment *segments;
    struct store_run *runs;
    size_t count;
    struct store_order *order;
    size_t order_count;
    struct store_checkpoint checkpoint;
};

static void incoming_fini(struct incoming *in)
{
    for (size_t i = 0; i < in->count; i++) {
        segment_fini(&in->segments[i]);
    }
    free(in->segments);
    free(in->runs);
    free(in->order);
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
        bytes += in->runs[i].ops.bytes;
        if (bytes > ANSWER_OPS_BYTES_MAX) {
            return FAIL(err, PROTOCOL, "read the centre's answer: it holds more than %d bytes of records",
                        ANSWER_OPS_BYTES_MAX);
        }
    }
    return ERR_OK;
}

static enum err_code decode_answer(struct client *c, const struct exchange_response *response, struct incoming *in,
                                   struct error *err)
{
    TRY(decode_segments(c, response, in, err));
    TRY(exchange_order_decode(response->order, &in->order, &in->order_count, err));
    return response->checkpoint_known ? client_check_checkpoint(c, response, &in->checkpoint, err) : ERR_OK;
}

/* Kept before the acknowledgement, so that a crash in between only makes the centre say it again. */
enum err_code client_mark_refusals(struct client *c, const struct exchange_response *response, uint64_t newest_seq,
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
    if (c->sent.wait_s > 0) {
        return c->clock_offset_ms; /* as measured by the exchange before: this answer was kept back */
    }
    return c->io->wall_ms(c->io->context) - took_ms / 2 - response->answered_at_ms;
}

bool client_own_lost(struct client *c, const struct exchange_response *response, uint64_t acked_seq)
{
    bool own_lost = response->acked_seq < acked_seq;
    if (own_lost && !c->centre_lost_ops) {
        LOG_WARNING("centre_lost_ops", "acknowledged=%llu held=%llu", (unsigned long long)acked_seq,
                    (unsigned long long)response->acked_seq);
        c->centre_lost_ops = true;
        c->given_again += acked_seq - response->acked_seq;
    }
    return own_lost;
}

/* A centre that holds less than it acknowledged, or other ops at a position, was put back to an older state. */
static bool centre_went_back(struct client *c, const struct exchange_response *response, uint64_t acked_seq)
{
    return client_own_lost(c, response, acked_seq) || response->cursor < c->sent.cursor;
}

static struct store_exchange exchange_of(struct client *c, const struct exchange_response *response,
                                         const struct incoming *in, int64_t took_ms)
{
    return (struct store_exchange){ .runs = in->runs,
                                    .run_count = in->count,
                                    .placed = true,
                                    .from = c->sent.cursor,
                                    .cursor = response->cursor,
                                    .head = response->head,
                                    .order = in->order,
                                    .order_count = in->order_count,
                                    .own_incarnation = c->sent.incarnation,
                                    .checkpoint = response->checkpoint_known ? &in->checkpoint : NULL,
                                    .clock_offset_ms = measured_offset(c, response, took_ms),
                                    .answered_at_ms = response->answered_at_ms,
                                    .received_at_ms = c->io->wall_ms(c->io->context) };
}

/*
 * Its positions may stand for other ops now, so that what came after our cursor need not follow what is held here. It
 * is left, and the stream read from its beginning.
 */
static void leave_page(struct store_exchange *exchange)
{
    exchange->run_count = 0;
    exchange->cursor = 0;
    exchange->read_again = true;
    exchange->whole = false;
}

/* A history that is not what was signed is read once more from its beginning, before a person is called. */
static enum err_code history_judged(struct client *c, const struct store_applied *applied, struct error *err)
{
    if (applied->violation) {
        LOG_WARNING("centre_history_violated", "cursor=%llu", (unsigned long long)c->sent.cursor);
        c->changed = true;
    }
    if (!applied->history_changed) {
        return ERR_OK;
    }
    LOG_WARNING("stream_read_again", "cursor=%llu", (unsigned long long)c->sent.cursor);
    if (c->read_again || c->sent.cursor == 0) {
        return FAIL(err, HISTORY, "compare the centre's history: what it gives is not what it signs");
    }
    c->read_again = true;
    c->recovery.from_start = c->recovery.active;
    return ERR_OK;
}

enum err_code client_apply(struct client *c, const struct exchange_response *response,
                           const struct store_exchange *exchange, struct error *err)
{
    struct store_applied applied;
    TRY(store_apply(c->store, exchange, &applied, err));
    if (applied.came_back > 0 || applied.issued_again > 0) {
        LOG_WARNING("own_records_of_another_copy", "came_back=%zu issued_again=%zu", applied.came_back,
                    applied.issued_again);
    }
    c->new_ops |= applied.new_ops > 0;
    c->round.ops_received += applied.new_ops;
    c->clock_offset_ms = exchange->clock_offset_ms;
    c->to_fetch = response->head - exchange->cursor;
    return history_judged(c, &applied, err);
}

/* Something does not follow what is held: before anybody is called, it is looked for from the stream's beginning. */
static enum err_code apply_or_read_again(struct client *c, const struct exchange_response *response,
                                         const struct store_exchange *exchange, struct error *err)
{
    enum err_code rc = client_apply(c, response, exchange, err);
    if (rc != ERR_HISTORY || c->sent.cursor == 0 || c->read_again) {
        return rc;
    }
    LOG_WARNING("stream_read_again", "cursor=%llu", (unsigned long long)c->sent.cursor);
    c->read_again = true;
    return store_read_again(c->store, err);
}

void client_fill_receipt(const struct client *c, const struct exchange_response *response,
                         struct store_receipt *receipt)
{
    *receipt = (struct store_receipt){ .incarnation = c->sent.incarnation, .acked_seq = response->acked_seq };
    if (response->refusal_count == EXCHANGE_REFUSALS_MAX) {
        /* there may be more of them: what comes after the last one told is asked about again */
        uint64_t told_seq = response->refusals[response->refusal_count - 1].seq;
        receipt->acked_seq = told_seq < response->acked_seq ? told_seq : response->acked_seq;
    }
    if (receipt->acked_seq == response->acked_seq) {
        memcpy(receipt->signature, response->receipt, response->receipt_len);
        receipt->signature_len = response->receipt_len;
        receipt->at_ms = response->answered_at_ms;
        receipt->certificate = buf_slice(&c->centre.certificate);
    }
}

/* ---- what follows ---- */

static enum err_code what_next(struct client *c, const struct exchange_response *response, bool went_back,
                               bool *ret_again, struct error *err)
{
    struct store_sync sync;
    uint64_t newest_seq;
    uint64_t acked_seq;
    TRY(store_sync_read(c->store, &sync, err));
    TRY(store_chain_read(c->store, c->sent.incarnation, &newest_seq, &acked_seq, err));
    /* asked again for only if it may help: it never goes round in circles */
    bool gives = !c->sent.at_end || c->sent.first_seq > 0 || sync.owed_ops < c->sent.owed_ops;
    bool owes = c->at_end && sync.owed_ops > 0 && gives;
    bool due =
        sync.pending_ops > 0 || sync.asks || response->more || sync.cursor < response->cursor || owes || went_back;
    bool moved = acked_seq != c->sent.acked_seq || sync.cursor != c->sent.cursor || c->sent.asked ||
                 sync.owed_ops < c->sent.owed_ops || owes;
    /* recorded since the request was made, or the centre does not have any more what the rest belongs to */
    bool only_new = (c->sent.first_seq == 0 || c->sent.rest) && !response->more;
    if (due && !moved && !only_new) {
        return FAIL(err, PROTOCOL, "exchange with the centre: it neither takes nor gives records");
    }
    if (c->centre_lost_ops && sync.pending_ops == 0 && !sync.asks && !owes) {
        LOG_INFO("centre_restored", "held=%llu", (unsigned long long)response->acked_seq);
        c->centre_lost_ops = false;
    }
    c->round.ops_sent += acked_seq > c->sent.acked_seq && c->sent.first_seq > 0 ? acked_seq - c->sent.acked_seq : 0;
    c->read_again = c->read_again && due;
    *ret_again = due;
    return ERR_OK;
}

/* ---- the age of files ---- */

static enum err_code take_freshness(struct client *c, const struct exchange_response *response, struct error *err)
{
    const struct exchange_freshness *told = &c->sent.freshness;
    struct store_sync sync;
    if (told->counter == 0) {
        return ERR_OK;
    }
    if (response->fresher_counter == 0) {
        c->freshness_told = *told;
        return ERR_OK;
    }
    TRY(store_sync_read(c->store, &sync, err));
    if (sync.pending_ops > 0) {
        return ERR_OK; /* what waits to be sent is compared first; it is told again then */
    }
    LOG_WARNING("replica_files_older", "counter=%llu seen=%llu", (unsigned long long)told->counter,
                (unsigned long long)response->fresher_counter);
    c->changed = true;
    return store_found_stale(c->store, told->incarnation, c->io->wall_ms(c->io->context), err);
}

/* ---- the centre's clock and its authority ---- */

/* Noted before anything else can fail: records of somebody whom only the new one vouches for may be in the answer. */
static void note_centre(struct client *c, const struct exchange_response *response)
{
    c->answered_at_ms = response->answered_at_ms;
    c->heard_at_ms = c->io->monotonic_ms(c->io->context);
    c->authority_changed = response->authority_told;
    c->changed |= response->authority_told;
}

/* ---- the whole ---- */

/* What was checked: the answer's receipt, and whether what it says of our chain is what is held here. */
static enum err_code take_checked(struct client *c, const struct exchange_response *response,
                                  struct store_exchange *exchange, struct client_verdict *verdict)
{
    struct error *err = &verdict->error;
    struct store_receipt receipt;
    uint64_t newest_seq;
    uint64_t acked_seq;
    bool agrees;
    TRY(store_chain_read(c->store, c->sent.incarnation, &newest_seq, &acked_seq, err));
    TRY(client_compare_link(c, response, newest_seq, &agrees, err));
    verdict->again = true;
    if (c->recovery.active) {
        return client_recover(c, response, exchange, err);
    }
    if (!agrees) {
        TRY(client_recovery_begin(c, response, newest_seq, err));
        /* unless all of ours was there once, it may be another branch, and what comes after it is not ours to take */
        return newest_seq == acked_seq ? client_recover(c, response, exchange, err) : ERR_OK;
    }
    TRY(client_mark_refusals(c, response, newest_seq, err));
    TRY(client_refused_settle(c, response, err));
    TRY(client_given(c, response, err));
    c->behind_own_record = false;
    client_fill_receipt(c, response, &receipt);
    exchange->receipt = &receipt;
    exchange->own_signed_seq = c->sent.signature.seq;
    exchange->own_signature = slice_of(c->sent.signature.bytes, c->sent.signature.len);
    exchange->whole = !response->more;
    if (centre_went_back(c, response, acked_seq)) {
        leave_page(exchange);
        if (++c->went_back > WENT_BACK_MAX) {
            return FAIL(err, PROTOCOL, "exchange with the centre: it goes back again and again");
        }
    }
    c->at_end = false;
    TRY(apply_or_read_again(c, response, exchange, err));
    struct store_sync sync;
    TRY(store_sync_read(c->store, &sync, err));
    c->at_end = exchange->whole && sync.cursor == response->cursor; /* and not to be read again */
    TRY(client_given_in_vain(c, err));
    client_given_counted(c);
    return what_next(c, response, exchange->read_again, &verdict->again, err);
}

enum err_code client_take(struct client *c, const struct client_answer *answer, struct client_verdict *verdict)
{
    struct error *err = &verdict->error;
    const struct client_exchange before = c->round;
    int64_t took_ms = c->io->monotonic_ms(c->io->context) - c->sent.at_ms;
    struct exchange_response response;
    TRY(exchange_response_decode(answer->body, &response, err));
    TRY(client_check_receipt(c, &response, err));
    note_centre(c, &response);
    client_cut_answered(c, &response);
    SCOPED(incoming_fini) struct incoming in = { 0 };
    TRY(decode_answer(c, &response, &in, err));
    struct store_exchange exchange = exchange_of(c, &response, &in, took_ms);
    TRY(take_freshness(c, &response, err));
    TRY(take_checked(c, &response, &exchange, verdict));
    if (c->sent.wait_s == 0) {
        const struct client_carried carried = { .bytes = c->sent.segment_len + answer->body.len,
                                                .took_ms = took_ms,
                                                .ops_sent = c->round.ops_sent - before.ops_sent,
                                                .ops_received = c->round.ops_received - before.ops_received };
        client_line_carried(c, &carried);
    }
    verdict->retry_after_ms = (int64_t)response.retry_after_s * 1000;
    return ERR_OK;
}

/* What is held already stays as it stands: positions do not go back. What is old brings records and no more. */
static enum err_code pass_over_held(struct client *c, const struct exchange_response *response, bool old,
                                    struct store_exchange *exchange, struct error *err)
{
    struct store_sync sync;
    TRY(store_sync_read(c->store, &sync, err));
    bool held = response->cursor <= sync.cursor;
    if (held) {
        exchange->run_count = 0;
    }
    if (held || old) {
        exchange->placed = false;
        exchange->cursor = sync.cursor;
        exchange->checkpoint = NULL;
    }
    return ERR_OK;
}

/* Noted before anything else can fail, as over a network. A word that is not the newest is not looked at. */
static enum err_code note_authority(struct client *c, const struct exchange_response *response, enum client_worth worth,
                                    bool *ret_to_follow, struct error *err)
{
    struct store_bundles bundles;
    if (worth != CLIENT_WORTH_RECORDS) {
        TRY(store_bundle_authority(c->store, response->authority_told ? response->authority_hash : NULL, err));
    }
    TRY(store_bundles_read(c->store, &bundles, err));
    *ret_to_follow = store_bundles_authority_new(&bundles, buf_slice(&c->identity->ca));
    return ERR_OK;
}

static enum err_code take_carried(struct client *c, const struct exchange_response *response, enum client_worth worth,
                                  struct client_verdict *verdict)
{
    struct error *err = &verdict->error;
    SCOPED(incoming_fini) struct incoming in = { 0 };
    TRY(decode_answer(c, response, &in, err));
    struct store_exchange exchange = exchange_of(c, response, &in, 0);
    exchange.clock_unmeasured = true;
    exchange.clock_offset_ms = c->clock_offset_ms;
    TRY(pass_over_held(c, response, worth == CLIENT_WORTH_RECORDS, &exchange, err));
    return worth == CLIENT_WORTH_ALL ? take_checked(c, response, &exchange, verdict)
                                     : client_apply(c, response, &exchange, err);
}

enum err_code client_take_carried(struct client *c, const struct exchange_response *response, enum client_worth worth,
                                  struct client_verdict *verdict)
{
    struct error *err = &verdict->error;
    bool to_follow;
    TRY(client_check_receipt(c, response, err));
    TRY(note_authority(c, response, worth, &to_follow, err));
    enum err_code rc = take_carried(c, response, worth, verdict);
    return rc == ERR_TLS && to_follow
               ? FAIL(err, TLS,
                      "take a bundle: it has records of a device that only the centre's new authority vouches for; "
                      "`holdfast enrol --request FILE` first, take that to the centre, then `holdfast enrol --answer` "
                      "what comes back and have the centre write the bundle anew")
               : rc;
}
