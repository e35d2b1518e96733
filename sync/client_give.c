/*
 * A centre that was put back to an older state has lost records of others too, perhaps of somebody who never comes
 * again, and what it had written itself. This device read the stream to its end, holds what was missing there, signed
 * by its author, and gives it back:
 *
 *     at the stream's end, something owed ──► segments of a request ──┬─► taken: the stream gives it like any other
 *              ▲                                                      └─► declined: kept with the reason, not again
 *              └──────────────── more is owed ◄── read to its end ◄───┘
 */
#include "sync/client_parts.h"

#include <string.h>

#include "base/log.h"

static enum err_code add_segment(struct client_giving *giving, const struct store_run *run, struct error *err)
{
    struct segment_signature signature = { .seq = run->signed_seq, .len = run->signature_len };
    memcpy(signature.bytes, run->signature, sizeof(signature.bytes));
    TRY(segment_encode(&run->ops, run->seeds, run->seed_count, &signature, run->certificate, &giving->bytes, err));
    giving->ends[giving->count++] = giving->bytes.len;
    return ERR_OK;
}

/* What follows: fewer ops when they do not fit. *ret_full: it has to go with another request. */
static enum err_code add_author(struct client *c, struct store_owed_after after, struct client_giving *giving,
                                struct store_owed *owed, bool *ret_full, struct error *err)
{
    size_t from = giving->bytes.len;
    enum err_code rc = ERR_LIMIT;
    size_t count = SIZE_MAX;
    for (size_t max = EXCHANGE_OPS_MAX; rc == ERR_LIMIT && max > 0; max /= 2) {
        giving->bytes.len = from;
        TRY(store_owed_read(c->store, after, max, owed, err));
        if (owed->author == 0) {
            return ERR_OK;
        }
        if (owed->ops.count >= count) {
            break; /* one signature covers it all */
        }
        count = owed->ops.count;
        rc = add_segment(giving, &owed->run, err);
    }
    *ret_full = rc == ERR_LIMIT;
    if (rc == ERR_LIMIT && giving->count == 0) {
        return store_owed_declined(c->store, owed->author, owed->ops.ops[0].id.seq,
                                   slice_of_text("it does not fit in one message"), c->io->wall_ms(c->io->context),
                                   err);
    }
    return rc == ERR_LIMIT ? ERR_OK : rc;
}

enum err_code client_give(struct client *c, struct client_giving *giving, struct error *err)
{
    struct store_owed owed;
    bool full = false;
    struct store_owed_after after = { 0 };
    enum err_code rc = ERR_OK;
    store_owed_init(&owed);
    while (rc == ERR_OK && !full && giving->count < EXCHANGE_GIVEN_MAX && giving->bytes.len < c->batch_bytes) {
        rc = add_author(c, after, giving, &owed, &full, err);
        if (rc != ERR_OK || full || owed.author == 0) {
            break;
        }
        after = (struct store_owed_after){ owed.author, STORE_OWED_ALL };
        c->sent.given[giving->count - 1].author = owed.author;
        c->sent.given[giving->count - 1].seq = owed.ops.ops[0].id.seq;
        c->sent.given[giving->count - 1].ops = owed.ops.count;
    }
    c->sent.given_count = giving->count;
    c->sent.segment_len = giving->bytes.len;
    store_owed_fini(&owed);
    if (rc == ERR_OK && giving->count > 0) {
        LOG_INFO("records_given_back", "authors=%zu bytes=%zu", giving->count, giving->bytes.len);
        c->changed |= !c->centre_lost_ops;
        c->centre_lost_ops = true;
    }
    return rc;
}

enum err_code client_give_next(struct client *c, struct store_owed_after *after, struct client_giving *giving,
                               struct error *err)
{
    struct store_owed owed;
    bool full = true;
    enum err_code rc = ERR_OK;
    store_owed_init(&owed);
    while (rc == ERR_OK && full) { /* what fits in no message was declined: the next author's follows */
        full = false;
        rc = add_author(c, *after, giving, &owed, &full, err);
        if (rc == ERR_OK && owed.author != 0) {
            *after = (struct store_owed_after){ owed.author, full ? STORE_OWED_ALL : owed.run.signed_seq };
        }
    }
    store_owed_fini(&owed);
    return rc;
}

static enum err_code decline(struct client *c, size_t index, struct slice reason, struct error *err)
{
    LOG_WARNING("records_not_taken_back", "author=%lld seq=%llu", (long long)c->sent.given[index].author,
                (unsigned long long)c->sent.given[index].seq);
    c->changed = true;
    c->sent.given[index].ops = 0;
    return store_owed_declined(c->store, c->sent.given[index].author, c->sent.given[index].seq, reason,
                               c->io->wall_ms(c->io->context), err);
}

enum err_code client_given(struct client *c, const struct exchange_response *response, struct error *err)
{
    for (size_t i = 0; i < response->declined_count; i++) {
        const struct exchange_declined *declined = &response->declined[i];
        if (declined->index >= c->sent.given_count) {
            return FAIL(err, PROTOCOL, "read what the centre did not take: nothing like it was given");
        }
        TRY(decline(c, declined->index, declined->reason, err));
    }
    return ERR_OK;
}

enum err_code client_given_in_vain(struct client *c, struct error *err)
{
    struct store_sync sync;
    if (c->sent.given_count == 0 || !c->at_end) {
        return ERR_OK;
    }
    TRY(store_sync_read(c->store, &sync, err));
    for (size_t i = 0; sync.owed_ops >= c->sent.owed_ops && i < c->sent.given_count; i++) {
        TRY(decline(c, i, slice_of_text("the centre did not take it and gave no reason"), err));
    }
    return ERR_OK;
}

void client_given_counted(struct client *c)
{
    for (size_t i = 0; i < c->sent.given_count; i++) {
        c->given_again += c->sent.given[i].ops;
        c->changed |= c->sent.given[i].ops > 0;
    }
}
