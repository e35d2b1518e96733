/*
 * A record that the centre refused may be taken later: it learnt the kind, or a person there had it judged again. So a
 * device that holds some as refused says which with each request, in a few bytes, and hears of all of them anew when
 * the centre refuses other ones.
 */
#include <string.h>

#include "base/log.h"
#include "sync/client_parts.h"

enum err_code client_refused_ask(struct client *c, const struct store_sync *sync, struct error *err)
{
    uint64_t seqs[EXCHANGE_REFUSALS_MAX];
    size_t count;
    const struct client_refused *said = &c->refused;
    TRY(store_refused_read(c->store, sync->incarnation, seqs, EXCHANGE_REFUSALS_MAX, &count, err));
    if (count == 0) {
        return ERR_OK;
    }
    if (said->told.from > 0 && said->incarnation == sync->incarnation && said->acked_seq == sync->acked_seq) {
        c->sent.refused = said->told; /* some may be set aside here alone */
        return ERR_OK;
    }
    c->sent.refused.from = seqs[0];
    exchange_refused_hash(seqs, count, c->sent.refused.hash);
    return ERR_OK;
}

enum err_code client_refused_settle(struct client *c, const struct exchange_response *response, struct error *err)
{
    uint64_t seqs[EXCHANGE_REFUSALS_MAX];
    size_t lifted;
    if (response->refused_from == 0) {
        return ERR_OK;
    }
    struct store_refusals refusals = { .incarnation = c->sent.incarnation,
                                       .first_seq = response->refused_from,
                                       .last_seq = response->acked_seq,
                                       .seqs = seqs,
                                       .count = response->refusal_count };
    for (size_t i = 0; i < refusals.count; i++) {
        seqs[i] = response->refusals[i].seq;
    }
    if (refusals.count == EXCHANGE_REFUSALS_MAX && seqs[refusals.count - 1] < refusals.last_seq) {
        refusals.last_seq = seqs[refusals.count - 1]; /* there may be more */
    }
    TRY(store_refusals_settle(c->store, &refusals, &lifted, err));
    c->refused = (struct client_refused){ .incarnation = refusals.incarnation,
                                          .acked_seq = refusals.last_seq,
                                          .told.from = refusals.first_seq };
    exchange_refused_hash(seqs, refusals.count, c->refused.told.hash);
    if (lifted > 0) {
        LOG_INFO("refusals_lifted", "records=%zu still=%zu", lifted, refusals.count);
        c->changed = true;
        c->new_ops = true; /* they count, as if they had just come */
    }
    return ERR_OK;
}
