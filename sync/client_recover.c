/*
 * The centre holds more of the chain than this copy, or other records under its numbers: this copy was put back, or has
 * a twin. Everything the centre holds of the chain is fetched and compared; the store sets aside what differs.
 *
 *   normal ──► asked from the cursor on, with nothing said to be held ──► at the end and still not the same
 *     ▲                         │ the same                                        │
 *     └─────────────────────────┴──────────── the same ◄── asked from position 0 ◄┘ ──► `history`
 */
#include "base/log.h"
#include "sync/client_parts.h"

enum { RECOVERIES_MAX = 8 };

enum err_code client_recovery_begin(struct client *c, const struct exchange_response *response, uint64_t newest_seq,
                                    struct error *err)
{
    LOG_WARNING("replica_behind_own_record", "incarnation=%u centre_holds=%llu here=%llu", c->sent.incarnation,
                (unsigned long long)response->acked_seq, (unsigned long long)newest_seq);
    if (++c->recovery.begun > RECOVERIES_MAX) {
        return FAIL(err, PROTOCOL,
                    "compare records with the centre: what it holds of this device does not stay the same");
    }
    TRY(store_found_older(c->store, c->sent.incarnation, c->io->wall_ms(c->io->context), err));
    c->recovery.active = true;
    c->recovery.from_start = false;
    c->recovery.incarnation = c->sent.incarnation;
    c->behind_own_record = true;
    c->changed = true;
    return ERR_OK;
}

static enum err_code recover_from_start(struct client *c, const struct exchange_response *response, struct error *err)
{
    if (c->recovery.from_start) {
        return FAIL(err, HISTORY,
                    "compare records with the centre: it holds other ones of this device up to %llu and does not give "
                    "them",
                    (unsigned long long)response->acked_seq);
    }
    c->recovery.from_start = true;
    return store_read_again(c->store, err);
}

static enum err_code take_recovery(struct client *c, const struct exchange_response *response,
                                   const struct store_exchange *exchange, struct error *err)
{
    struct store_receipt receipt;
    uint64_t newest_seq;
    uint64_t acked_seq;
    bool agrees;
    bool asked_from_start = c->recovery.from_start;
    if (response->cursor < c->sent.cursor) {
        return recover_from_start(c, response, err);
    }
    enum err_code rc = client_apply(c, response, exchange, err);
    if (rc == ERR_HISTORY && !c->recovery.from_start) {
        return recover_from_start(c, response, err);
    }
    TRY(rc);
    TRY(store_chain_read(c->store, c->sent.incarnation, &newest_seq, &acked_seq, err));
    TRY(client_compare_link(c, response, newest_seq, &agrees, err));
    if (!agrees && response->more && response->cursor == c->sent.cursor) {
        return FAIL(err, PROTOCOL, "compare records with the centre: it promises more and gives nothing");
    }
    if (!agrees && !asked_from_start && c->recovery.from_start) {
        return ERR_OK; /* another history than before: it was found just now, and is read from its beginning next */
    }
    if (!agrees) {
        return response->more ? ERR_OK : recover_from_start(c, response, err);
    }
    c->recovery.active = false;
    c->behind_own_record = false;
    c->changed = true;
    TRY(client_mark_refusals(c, response, newest_seq, err));
    (void)client_own_lost(c, response, acked_seq);
    client_fill_receipt(c, response, &receipt);
    return store_caught_up(c->store, &receipt, err);
}

/* A failure ends it: the next exchange finds out anew. */
enum err_code client_recover(struct client *c, const struct exchange_response *response,
                             const struct store_exchange *exchange, struct error *err)
{
    enum err_code rc = take_recovery(c, response, exchange, err);
    c->recovery.active = c->recovery.active && rc == ERR_OK;
    return rc;
}
