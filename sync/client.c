/*
 *     from \ to      IDLE   EXCHANGING   BACKOFF   STALLED   STOPPED
 *     IDLE                       x                              x
 *     EXCHANGING      x          x          x         x         x
 *     BACKOFF                    x                              x
 *     STALLED                    x                              x
 *     STOPPED                                                   x
 */
#include "sync/client.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "sync/client_parts.h"

enum {
    BACKOFF_BASE_MS = 2000,
    BACKOFF_MAX_MS = 15 * 60 * 1000,
    STALLED_STORE_MS = 60 * 1000,       /* this machine's own trouble: a full disk may be emptied any minute */
    STALLED_PERSON_MS = 15 * 60 * 1000, /* somebody has to act elsewhere */
    RATIO_START = 4,
};

#define TO(state) (1U << (state))

static const unsigned moves[] = {
    [CLIENT_IDLE] = TO(CLIENT_EXCHANGING) | TO(CLIENT_STOPPED),
    [CLIENT_EXCHANGING] =
        TO(CLIENT_IDLE) | TO(CLIENT_EXCHANGING) | TO(CLIENT_BACKOFF) | TO(CLIENT_STALLED) | TO(CLIENT_STOPPED),
    [CLIENT_BACKOFF] = TO(CLIENT_EXCHANGING) | TO(CLIENT_STOPPED),
    [CLIENT_STALLED] = TO(CLIENT_EXCHANGING) | TO(CLIENT_STOPPED),
    [CLIENT_STOPPED] = TO(CLIENT_STOPPED),
};

static int64_t wall_ms(const struct client *c)
{
    return c->io->wall_ms(c->io->context);
}

static int64_t monotonic_ms(const struct client *c)
{
    return c->io->monotonic_ms(c->io->context);
}

static int64_t random_below_ms(const struct client *c, int64_t limit_ms)
{
    return c->io->random_below(c->io->context, (uint32_t)limit_ms);
}

static void move(struct client *c, enum client_state to)
{
    CHECK(moves[c->state] & TO(to));
    c->changed |= c->state != to;
    c->state = to;
}

static void arm(struct client *c, int64_t delay_ms)
{
    c->next_try_at_ms = delay_ms < 0 ? OP_TIME_NONE : wall_ms(c) + delay_ms;
    c->io->set_timer(c->io->context, delay_ms);
}

/* ---- a round: from the first request to the last answer ---- */

static void round_close(struct client *c, enum err_code rc, const struct error *error)
{
    c->round.happened = true;
    c->round.at_ms = wall_ms(c);
    c->round.duration_ms = monotonic_ms(c) - c->round_started_ms;
    c->round.result = rc;
    if (error != NULL) {
        c->round.error = *error;
    }
    bool same_failure = c->last.happened && c->last.result == rc;
    if (rc != ERR_OK && !same_failure) {
        log_error("exchange_failed", error);
    } else if (rc == ERR_OK && (c->round.ops_sent > 0 || c->round.ops_received > 0 || !same_failure)) {
        LOG_INFO("exchange_done", "ops_sent=%llu ops_received=%llu requests=%u duration_ms=%lld",
                 (unsigned long long)c->round.ops_sent, (unsigned long long)c->round.ops_received, c->round.requests,
                 (long long)c->round.duration_ms);
    }
    c->last = c->round;
    c->changed = true;
}

static int64_t backoff_ms(const struct client *c)
{
    int64_t limit_ms = BACKOFF_BASE_MS;
    for (unsigned i = 1; i < c->failures && limit_ms < BACKOFF_MAX_MS; i++) {
        limit_ms *= 2;
    }
    return random_below_ms(c, (limit_ms < BACKOFF_MAX_MS ? limit_ms : BACKOFF_MAX_MS) + 1);
}

/* Half to one and a half times the period, so that many stalled devices do not come at once. */
static int64_t stalled_ms(const struct client *c, enum err_code cause)
{
    bool elsewhere = cause == ERR_TLS || cause == ERR_REVOKED || cause == ERR_REFUSED || cause == ERR_NOT_ENROLLED ||
                     cause == ERR_HISTORY || cause == ERR_UNSUPPORTED;
    int64_t period_ms = elsewhere ? STALLED_PERSON_MS : STALLED_STORE_MS;
    return period_ms / 2 + random_below_ms(c, period_ms);
}

static bool needs_person(enum err_code rc)
{
    enum err_class class = err_code_class(rc);
    return class == ERR_CLASS_OPERATOR || class == ERR_CLASS_FATAL || rc == ERR_REFUSED;
}

/* The centre's wish, a little later than it says: everybody else waits for the same moment. */
static int64_t held_ms(const struct client *c, int64_t delay_ms)
{
    int64_t left_ms = c->hold_until_ms - monotonic_ms(c);
    if (left_ms <= 0) {
        return delay_ms;
    }
    int64_t after_hold_ms = left_ms + random_below_ms(c, left_ms / 10 + 1);
    return after_hold_ms > delay_ms ? after_hold_ms : delay_ms;
}

static void round_failed(struct client *c)
{
    const struct client_verdict *verdict = &c->verdict;
    /* a try that a new record or the network brought forward is no sign that the trouble lasts longer */
    c->failures += !c->early && c->failures < UINT32_MAX;
    round_close(c, verdict->rc, &verdict->error);
    if (needs_person(verdict->rc)) {
        move(c, CLIENT_STALLED);
        c->stalled_by = verdict->rc;
        arm(c, held_ms(c, stalled_ms(c, verdict->rc)));
    } else {
        move(c, CLIENT_BACKOFF);
        arm(c, held_ms(c, backoff_ms(c)));
    }
    /* a wake during the failed exchange by new ops asked for nothing that the next try does not do */
    c->woken &= ~(1U << CLIENT_WAKE_NEW_OPS | 1U << CLIENT_WAKE_START);
}

static void round_done(struct client *c, bool unfinished)
{
    c->failures = 0;
    c->last_success_at_ms = wall_ms(c);
    round_close(c, ERR_OK, NULL);
    move(c, CLIENT_IDLE);
    int64_t interval_ms = CLIENT_INTERVAL_MS * 9 / 10 + random_below_ms(c, CLIENT_INTERVAL_MS / 5);
    arm(c, held_ms(c, unfinished ? 0 : interval_ms));
    /* what the exchange has seen to; a person who asked meanwhile means from now */
    c->woken &= 1U << CLIENT_WAKE_PERSON;
}

static void send_next(struct client *c)
{
    c->verdict = (struct client_verdict){ 0 };
    c->verdict.rc = client_request_make(c, &c->verdict.error);
    if (c->verdict.rc != ERR_OK) {
        round_failed(c);
        return;
    }
    move(c, CLIENT_EXCHANGING);
    c->in_flight = true;
    c->sent.at_ms = monotonic_ms(c);
    c->round.requests++;
    c->io->send(c->io->context, buf_slice(&c->body));
}

static void round_begin(struct client *c)
{
    c->early = c->state == CLIENT_BACKOFF && !c->timer_fired;
    move(c, CLIENT_EXCHANGING);
    c->woken = 0;
    c->timer_fired = false;
    c->round = (struct client_exchange){ 0 };
    c->recovery.begun = 0;
    c->went_back = 0;
    c->round_started_ms = monotonic_ms(c);
    arm(c, -1);
    send_next(c);
}

/* ---- when to try ---- */

/* A store that cannot say is asked again by the exchange, which then tells what is wrong. */
static bool ops_pending(struct client *c)
{
    struct store_sync sync;
    return store_sync_read(c->store, &sync, NULL) != ERR_OK || sync.pending_ops > 0;
}

static bool wake_counts(struct client *c)
{
    unsigned network = c->woken & 1U << CLIENT_WAKE_NETWORK;
    unsigned new_ops = c->woken & 1U << CLIENT_WAKE_NEW_OPS;
    switch (c->state) {
    case CLIENT_IDLE:
        return (c->woken & ~new_ops) != 0 || (new_ops && ops_pending(c));
    case CLIENT_BACKOFF:
        return c->woken != 0;
    case CLIENT_STALLED:
        /* another network may have no portal in the way; a disk that kept new ops keeps what an answer brings */
        return (network && c->stalled_by == ERR_TLS) ||
               (new_ops && (c->stalled_by == ERR_DISK_FULL || c->stalled_by == ERR_READ_ONLY));
    case CLIENT_EXCHANGING:
    case CLIENT_STOPPED:
        break;
    }
    return false;
}

static bool should_try(struct client *c)
{
    if (c->timer_fired || c->woken & 1U << CLIENT_WAKE_PERSON) {
        return true;
    }
    if (!wake_counts(c)) {
        c->woken = 0;
        return false;
    }
    if (c->hold_until_ms > monotonic_ms(c)) {
        arm(c, held_ms(c, 0));
        c->woken = 0;
        return false;
    }
    return true;
}

/* ---- the step ---- */

/* An answer was judged: on, done, or not for now. */
static void settle(struct client *c)
{
    int64_t retry_after_ms = c->verdict.retry_after_ms;
    c->hold_until_ms = retry_after_ms > 0 ? monotonic_ms(c) + retry_after_ms : 0;
    if (c->verdict.rc != ERR_OK) {
        round_failed(c);
    } else if (c->verdict.again && retry_after_ms == 0) {
        send_next(c);
    } else {
        round_done(c, c->verdict.again);
    }
}

static void client_step(struct client *c)
{
    if (c->stepping || c->in_flight || c->state == CLIENT_STOPPED) {
        return; /* what was recorded is looked at when the answer comes */
    }
    c->stepping = true;
    if (c->state == CLIENT_EXCHANGING) {
        settle(c);
    }
    if (!c->in_flight && should_try(c)) {
        round_begin(c);
    }
    c->stepping = false;
}

/* Last in every entry: whoever is told may call back in. */
static void tell(struct client *c)
{
    if (c->changed || c->new_ops) {
        bool new_ops = c->new_ops;
        c->changed = false;
        c->new_ops = false;
        c->io->changed(c->io->context, new_ops);
    }
}

/* ---- entries ---- */

enum err_code client_new(struct store *store, const struct store_identity *identity, const struct device_key *key,
                         const struct client_io *io, struct client **ret_client, struct error *err)
{
    if (!identity->enrolled) {
        return FAIL(err, NOT_ENROLLED, "exchange with the centre: this machine is not enrolled");
    }
    struct store_sync sync;
    TRY(store_sync_read(store, &sync, err));
    struct client *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        return FAIL(err, NO_MEMORY, "set the exchange up");
    }
    c->store = store;
    c->identity = identity;
    c->key = key;
    c->io = io;
    c->batch_bytes = CLIENT_BATCH_START;
    c->packed_ratio = RATIO_START;
    c->next_try_at_ms = OP_TIME_NONE;
    c->last_success_at_ms = OP_TIME_NONE;
    c->clock_offset_ms = sync.clock_known ? sync.clock_offset_ms : 0;
    buf_init(&c->body, EXCHANGE_REQUEST_MAX);
    buf_init(&c->centre.certificate, CERTIFICATE_DER_MAX);
    *ret_client = c;
    return ERR_OK;
}

void client_set_freshness(struct client *c,
                          bool (*ask)(void *context, uint64_t *ret_counter,
                                      uint8_t ret_hash[EXCHANGE_FRESHNESS_HASH_BYTES]),
                          void *context)
{
    c->ask_freshness = ask;
    c->freshness_context = context;
}

void client_wake(struct client *c, enum client_wake why)
{
    c->woken |= 1U << why;
    client_step(c);
    tell(c);
}

void client_timer(struct client *c)
{
    /* one that was on its way when the exchange began is of no use any more */
    c->timer_fired = c->state != CLIENT_EXCHANGING;
    client_step(c);
    tell(c);
}

void client_answered(struct client *c, const struct client_answer *answer)
{
    if (!c->in_flight) {
        return;
    }
    c->in_flight = false;
    if (c->state == CLIENT_STOPPED) {
        return;
    }
    c->round.bytes_sent += answer->bytes_sent;
    c->round.bytes_received += answer->bytes_received;
    c->verdict = client_judge(c, answer);
    client_step(c);
    tell(c);
}

void client_status(const struct client *c, struct client_status *ret_status)
{
    *ret_status = (struct client_status){ .state = c->state,
                                          .last = c->last,
                                          .last_success_at_ms = c->last_success_at_ms,
                                          .next_try_at_ms = c->next_try_at_ms,
                                          .clock_offset_ms = c->clock_offset_ms,
                                          .clock_off = llabs(c->clock_offset_ms) > CLIENT_CLOCK_OFF_MS,
                                          .to_fetch = c->to_fetch,
                                          .behind_own_record = c->behind_own_record,
                                          .centre_lost_ops = c->centre_lost_ops };
}

void client_stop(struct client *c)
{
    if (c->state == CLIENT_STOPPED) {
        return;
    }
    move(c, CLIENT_STOPPED);
    arm(c, -1);
    tell(c);
}

void client_free(struct client *c)
{
    if (c == NULL) {
        return;
    }
    CHECK(c->state == CLIENT_STOPPED && !c->in_flight);
    buf_fini(&c->body);
    buf_fini(&c->centre.certificate);
    free(c);
}
