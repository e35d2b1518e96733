/*
 * The exchange by files: the requests that a network would have carried, one after the other, and the answers that come
 * back days later, in any order, some of them never and some twice.
 *
 * What keeps this safe is what keeps the exchange safe: who receives an op that it holds skips it, an acknowledgement
 * is a signed receipt, positions never go back but when the stream is read again. Two things are to be told apart that
 * a network never mixes up: an answer that begins after what is held here (one before it is missing), and one that is
 * older than what the centre was heard to say since, which says less than is true now and must not be taken for a
 * centre that was put back. Only of what says less is the time asked: the centre's clock may have been ahead once.
 */
#include <string.h>

#include "base/log.h"
#include "sync/client_parts.h"

enum { BUNDLE_SEGMENT_BYTES = 512 * 1024 };

/* ---- to the centre ---- */

enum err_code client_bundle_begin(struct client *c, struct client_bundle *ret_bundle, struct error *err)
{
    struct client_bundle bundle = { 0 };
    struct store_sync sync;
    TRY(store_chains_due(c->store, bundle.chains, CLIENT_BUNDLE_CHAINS_MAX, &bundle.chain_count, err));
    CHECK(bundle.chain_count > 0);
    bundle.after_seq = bundle.chains[0].acked_seq;
    TRY(store_sync_read(c->store, &sync, err));
    bundle.gives = sync.read_to_end && sync.owed_ops > 0 && !sync.asks;
    *ret_bundle = bundle;
    return ERR_OK;
}

static bool to_write(const struct store_chain *chain, uint64_t after_seq)
{
    return chain->newest_seq > after_seq;
}

/* A chain that differs from what the centre holds, or may, is asked for whole, as in client_recover.c. */
static enum err_code write_question(struct client *c, const struct store_chain *chain, struct slice segment,
                                    const struct client_giving *giving, struct buf *out, struct error *err)
{
    struct store_sync sync;
    TRY(store_sync_read(c->store, &sync, err));
    bool whole = chain->asks && segment.len == 0;
    uint64_t newest_seq =
        c->sent.op_count > 0 && chain->newest_seq < c->sent.signature.seq ? c->sent.signature.seq : chain->newest_seq;
    sync.incarnation = chain->incarnation;
    sync.newest_seq = whole ? 0 : newest_seq;
    sync.acked_seq = whole ? 0 : chain->acked_seq;
    return client_request_write(c, &sync, segment, giving, out, err);
}

static enum err_code write_part(struct client *c, struct client_bundle *bundle, struct buf *out, struct error *err)
{
    const struct store_chain *chain = &bundle->chains[bundle->chain];
    SCOPED(buf_fini) struct buf segment;
    buf_init(&segment, SEGMENT_BYTES_MAX);
    c->sent = (struct client_sent){ .incarnation = chain->incarnation };
    bool some = to_write(chain, bundle->after_seq);
    if (some) {
        TRY(client_segment_make(c, bundle->after_seq, &segment, err));
        if (segment.len == 0) {
            return FAIL(err, DAMAGED, "write a bundle: record %llu is not here",
                        (unsigned long long)bundle->after_seq + 1);
        }
        bundle->after_seq = c->sent.signature.seq;
        bundle->ops += c->sent.op_count;
    }
    TRY(write_question(c, chain, buf_slice(&segment), NULL, out, err));
    /* the last one with records is the chain's question, unless it is to be asked for whole */
    if (!to_write(chain, bundle->after_seq) && !(some && chain->asks)) {
        bundle->chain++;
        bundle->after_seq = bundle->chain < bundle->chain_count ? bundle->chains[bundle->chain].acked_seq : 0;
    }
    return ERR_OK;
}

/* What the centre lost of others, each run with a question of its own; *ret_end: there is no more. */
static enum err_code write_given(struct client *c, struct client_bundle *bundle, struct buf *out, bool *ret_end,
                                 struct error *err)
{
    SCOPED(buf_fini) struct buf nothing;
    struct client_giving giving = { 0 };
    buf_init(&nothing, 1);
    buf_init(&giving.bytes, SEGMENT_BYTES_MAX);
    c->sent = (struct client_sent){ .incarnation = bundle->chains[bundle->chain_count - 1].incarnation };
    enum err_code rc = client_give_next(c, &bundle->given, &giving, err);
    *ret_end = rc == ERR_OK && giving.count == 0;
    if (rc == ERR_OK && !*ret_end) {
        rc = write_question(c, &bundle->chains[bundle->chain_count - 1], buf_slice(&nothing), &giving, out, err);
    }
    buf_fini(&giving.bytes);
    return rc;
}

enum err_code client_bundle_next(struct client *c, struct client_bundle *bundle, struct buf *out, bool *ret_end,
                                 struct error *err)
{
    bool chains = bundle->chain < bundle->chain_count;
    *ret_end = !chains && !bundle->gives;
    if (*ret_end) {
        return ERR_OK;
    }
    struct client_sent sent = c->sent; /* of a request over the network that may be under way */
    size_t batch_bytes = c->batch_bytes;
    c->batch_bytes = BUNDLE_SEGMENT_BYTES;
    enum err_code rc = chains ? write_part(c, bundle, out, err) : write_given(c, bundle, out, ret_end, err);
    c->batch_bytes = batch_bytes;
    c->sent = sent;
    return rc == ERR_OK ? ERR_OK : error_wrap(err, rc, "write a bundle for the centre");
}

/* ---- from the centre ---- */

/* The own chain that an answer is about, as it stands now. */
static enum err_code find_chain(struct client *c, uint32_t incarnation, struct store_chain *ret_chain, bool *ret_known,
                                struct error *err)
{
    struct store_chain due[CLIENT_BUNDLE_CHAINS_MAX];
    size_t count;
    *ret_chain = (struct store_chain){ .incarnation = incarnation };
    enum err_code rc = store_chain_read(c->store, incarnation, &ret_chain->newest_seq, &ret_chain->acked_seq, err);
    *ret_known = rc == ERR_OK;
    if (rc != ERR_OK) {
        return rc == ERR_NOT_FOUND ? ERR_OK : rc;
    }
    TRY(store_chains_due(c->store, due, CLIENT_BUNDLE_CHAINS_MAX, &count, err));
    for (size_t i = 0; i < count; i++) {
        ret_chain->asks |= due[i].incarnation == incarnation && due[i].asks;
    }
    return ERR_OK;
}

/* A receipt for own ops proves more with the signature that they were sent under: made again, since none was kept. */
static enum err_code sign_again(struct client *c, const struct store_chain *chain, uint64_t acked_seq,
                                struct error *err)
{
    if (acked_seq == 0 || acked_seq > chain->newest_seq || acked_seq <= chain->acked_seq) {
        return ERR_OK;
    }
    uint8_t link[SHA256_BYTES];
    uint8_t message[OP_LINK_MESSAGE_BYTES];
    struct op_id acked = { .incarnation = chain->incarnation, .seq = acked_seq };
    memcpy(acked.device, c->identity->device, DEVICE_ID_BYTES);
    TRY(store_own_link(c->store, chain->incarnation, acked_seq, link, err));
    op_link_message(c->identity->stream, &acked, link, message);
    c->sent.signature.seq = acked_seq;
    return device_key_sign(c->key, OP_LINK_CONTEXT, slice_of(message, sizeof(message)), c->sent.signature.bytes,
                           &c->sent.signature.len, err);
}

/* As if the question had been asked by a request just now. */
static enum err_code ask_as(struct client *c, const struct exchange_request *question,
                            const struct exchange_response *response, const struct store_chain *chain,
                            struct error *err)
{
    bool whole = chain->asks && question->newest_seq == 0;
    bool going_on = c->recovery.active && c->recovery.incarnation == chain->incarnation;
    c->sent = (struct client_sent){
        .incarnation = question->incarnation, .cursor = question->cursor, .asked = true, .acked_seq = chain->acked_seq
    };
    c->recovery = (struct client_recovery){ .active = whole,
                                            .from_start = question->cursor == 0 || (going_on && c->recovery.from_start),
                                            .incarnation = chain->incarnation };
    c->went_back = 0;
    c->read_again = false;
    return sign_again(c, chain, response->acked_seq, err);
}

struct carried {
    struct exchange_request question;
    struct exchange_response response;
    struct store_sync before;
    struct store_chain chain;
    enum client_worth worth;
    bool later; /* than all that was heard, whatever the time that is in it */
};

/* Of one that has an earlier time than what was heard: does it say more, or what is waited for, and nothing less? */
static bool says_more(const struct carried *carried)
{
    const struct exchange_response *response = &carried->response;
    const struct store_sync *before = &carried->before;
    bool less = response->cursor < before->cursor || response->acked_seq < carried->chain.acked_seq ||
                response->head < before->verified_size;
    bool compares = carried->chain.asks && carried->question.newest_seq == 0;
    return !less && (compares || response->cursor > before->cursor || response->acked_seq > carried->chain.acked_seq);
}

static void weigh(struct carried *carried, bool known, int64_t heard_at_ms)
{
    const struct exchange_response *response = &carried->response;
    bool earlier = response->answered_at_ms < heard_at_ms;
    bool old = earlier && !says_more(carried);
    carried->worth = old ? CLIENT_WORTH_RECORDS : known ? CLIENT_WORTH_ALL : CLIENT_WORTH_PLACES;
    carried->later =
        earlier && !old && response->cursor > carried->before.cursor && response->head > carried->before.verified_size;
}

static enum err_code look(struct client *c, struct carried *carried, struct client_bundle_taken *taken,
                          struct error *err)
{
    const struct exchange_request *question = &carried->question;
    const struct exchange_response *response = &carried->response;
    struct store_bundles bundles;
    bool known;
    TRY(store_sync_read(c->store, &carried->before, err));
    TRY(store_bundles_read(c->store, &bundles, err));
    TRY(find_chain(c, question->incarnation, &carried->chain, &known, err));
    if (memcmp(question->stream, c->identity->stream, STREAM_ID_BYTES) != 0) {
        return FAIL(err, REFUSED, "take a bundle: it is of another site");
    }
    weigh(carried, known, bundles.heard_at_ms);
    taken->held = carried->worth == CLIENT_WORTH_RECORDS && response->cursor <= carried->before.cursor;
    if (!known && question->newest_seq > 0) {
        return FAIL(
            err, REFUSED,
            "take a bundle: it was made for another copy of this machine, which recorded what this one does not "
            "have; export a bundle here, take it to the centre and import the answer");
    }
    if (question->cursor > carried->before.cursor) {
        return FAIL(err, REFUSED,
                    "take a bundle: it begins after record %llu of the site, and this machine has those up to %llu; "
                    "import the one made before it, or export one here, take it to the centre and import the answer",
                    (unsigned long long)question->cursor, (unsigned long long)carried->before.cursor);
    }
    return ERR_OK;
}

static enum err_code take(struct client *c, const struct carried *carried, struct client_bundle_taken *taken,
                          struct error *err)
{
    struct client_verdict verdict = { 0 };
    struct store_sync after;
    TRY(ask_as(c, &carried->question, &carried->response, &carried->chain, err));
    bool recovering = c->recovery.active;
    enum err_code rc = client_take_carried(c, &carried->response, carried->worth, &verdict);
    if (rc != ERR_OK) {
        return error_set(err, rc, "%s", verdict.error.message);
    }
    if (c->recovery.active && !recovering) { /* found just now: all that the centre holds of it has to come */
        TRY(store_read_again(c->store, err));
    }
    if (carried->later) {
        TRY(store_bundle_heard(c->store, carried->response.answered_at_ms, err));
    }
    TRY(store_sync_read(c->store, &after, err));
    taken->ask_again = after.cursor < carried->before.cursor || (c->recovery.active && !recovering);
    return ERR_OK;
}

enum err_code client_bundle_take(struct client *c, struct slice question, struct slice answer,
                                 struct client_bundle_taken *ret_taken, struct error *err)
{
    struct carried carried;
    struct client_bundle_taken taken = { 0 };
    TRY(exchange_request_decode(question, &carried.question, err));
    TRY(exchange_response_decode(answer, &carried.response, err));
    TRY(look(c, &carried, &taken, err));
    if (!taken.held) {
        struct client_exchange round = c->round; /* of the network: not this one */
        struct client_recovery recovery = c->recovery;
        uint64_t before = c->round.ops_received;
        c->overtaken = c->in_flight;
        enum err_code rc = take(c, &carried, &taken, err);
        taken.new_ops = c->round.ops_received - before;
        c->round = round;
        bool of_another = recovery.incarnation != carried.question.incarnation;
        if (rc != ERR_OK || (recovery.active && of_another && !c->recovery.active)) {
            c->recovery = recovery;
        }
        c->bundle_stopped = (struct error){ 0 };
        if (rc == ERR_HISTORY) {
            c->bundle_stopped = *err;
            c->bundle_stopped.code = rc;
        }
        c->changed = true;
        client_tell(c);
        TRY(rc);
    }
    *ret_taken = taken;
    return ERR_OK;
}
