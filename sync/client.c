/*
 *     from \ to      IDLE   EXCHANGING   WAITING   BACKOFF   STALLED   STOPPED
 *     IDLE                       x          x                              x
 *     EXCHANGING      x          x                    x         x         x
 *     WAITING         x          x          x                              x
 *     BACKOFF                    x                                         x
 *     STALLED                    x                                         x
 *     STOPPED                                                              x
 */
#include "sync/client.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "sync/client_parts.h"

enum {
    BACKOFF_BASE_MS = 2000,
    BACKOFF_MAX_MS = 15 * 60 * 1000,
    BACKOFF_CUT_MS = 500,               /* the line broke while it carried records: most likely it is there again */
    STALLED_STORE_MS = 60 * 1000,       /* this machine's own trouble: a full disk may be emptied any minute */
    STALLED_PERSON_MS = 15 * 60 * 1000, /* somebody has to act elsewhere */
    RATIO_START = 10,                   /* of records made one by one; imports pack better */
    WAIT_START_S = 240,
    WAIT_MIN_S = 30,
    WAIT_REST_MS = 60 * 1000, /* without waiting, doubling */
    WAIT_RESTS_MAX = 4,
};

#define TO(state) (1U << (state))

static const unsigned moves[] = {
    [CLIENT_IDLE] = TO(CLIENT_EXCHANGING) | TO(CLIENT_WAITING) | TO(CLIENT_STOPPED),
    [CLIENT_EXCHANGING] =
        TO(CLIENT_IDLE) | TO(CLIENT_EXCHANGING) | TO(CLIENT_BACKOFF) | TO(CLIENT_STALLED) | TO(CLIENT_STOPPED),
    [CLIENT_WAITING] = TO(CLIENT_IDLE) | TO(CLIENT_EXCHANGING) | TO(CLIENT_WAITING) | TO(CLIENT_STOPPED),
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
    int64_t limit_ms = c->failures <= 1 && c->cut.phase == CUT_ASK ? BACKOFF_CUT_MS : BACKOFF_BASE_MS;
    for (unsigned i = 1; i < c->failures && limit_ms < BACKOFF_MAX_MS; i++) {
        limit_ms *= 2;
    }
    return random_below_ms(c, (limit_ms < BACKOFF_MAX_MS ? limit_ms : BACKOFF_MAX_MS) + 1);
}

/* Half to one and a half times the period, so that many stalled devices do not come at once. */
static int64_t stalled_ms(const struct client *c, enum err_code cause)
{
    bool elsewhere = cause == ERR_TLS || cause == ERR_INTERCEPTED || cause == ERR_PROXY || cause == ERR_REVOKED ||
                     cause == ERR_REFUSED || cause == ERR_NOT_ENROLLED || cause == ERR_HISTORY ||
                     cause == ERR_UNSUPPORTED;
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

static int64_t interval_ms(const struct client *c)
{
    return CLIENT_INTERVAL_MS * 9 / 10 + random_below_ms(c, CLIENT_INTERVAL_MS / 5);
}

static void wait_begin(struct client *c);

static void round_done(struct client *c, bool unfinished)
{
    c->failures = 0;
    c->bundle_stopped = (struct error){ 0 };
    c->last_success_at_ms = wall_ms(c);
    round_close(c, ERR_OK, NULL);
    c->pace = (struct client_pace){ 0 };
    move(c, CLIENT_IDLE);
    arm(c, held_ms(c, unfinished ? 0 : interval_ms(c)));
    /* what the exchange has seen to; a person who asked meanwhile means from now */
    c->woken &= 1U << CLIENT_WAKE_PERSON;
    if (!unfinished) {
        wait_begin(c);
    }
}

static void send_next(struct client *c)
{
    c->verdict = (struct client_verdict){ 0 };
    c->verdict.rc = client_request_make(c, 0, &c->verdict.error);
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
    if (c->state == CLIENT_STALLED && c->stalled_by == ERR_HISTORY) {
        c->read_again = false; /* what did not fit from the beginning then may fit now */
    }
    move(c, CLIENT_EXCHANGING);
    c->woken = 0;
    c->timer_fired = false;
    c->round = (struct client_exchange){ 0 };
    c->recovery.begun = 0;
    c->went_back = 0;
    c->offered_in_vain = false;
    c->offers_nothing = false;
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

/* Another one may have no portal in between. */
static bool of_the_network(enum err_code rc)
{
    return rc == ERR_TLS || rc == ERR_INTERCEPTED || rc == ERR_PROXY;
}

static bool wake_counts(struct client *c)
{
    unsigned network = c->woken & 1U << CLIENT_WAKE_NETWORK;
    unsigned new_ops = c->woken & 1U << CLIENT_WAKE_NEW_OPS;
    switch (c->state) {
    case CLIENT_IDLE:
    case CLIENT_WAITING:
        return (c->woken & ~new_ops) != 0 || (new_ops && ops_pending(c));
    case CLIENT_BACKOFF:
        return c->woken != 0;
    case CLIENT_STALLED:
        /* a disk that kept new ops keeps what an answer brings */
        return (network && of_the_network(c->stalled_by)) ||
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

/* ---- an answer ---- */

/* An answer was judged: on, done, or not for now. */
static void settle(struct client *c)
{
    int64_t retry_after_ms = c->verdict.retry_after_ms;
    c->hold_until_ms = retry_after_ms > 0 ? monotonic_ms(c) + retry_after_ms : 0;
    if (c->verdict.rc == ERR_OK) {
        c->failures = 0; /* something went: a line that breaks again is tried again soon */
    }
    if (c->verdict.rc != ERR_OK) {
        round_failed(c);
    } else if (c->verdict.again && retry_after_ms == 0) {
        send_next(c);
    } else {
        round_done(c, c->verdict.again);
    }
}

/* ---- waiting for news ---- */

static bool wait_makes_sense(struct client *c)
{
    struct store_sync sync;
    return c->wait_allowed && c->io->wait != NULL && monotonic_ms(c) >= c->wait_rest_until_ms &&
           monotonic_ms(c) >= c->hold_until_ms && c->woken == 0 && !c->recovery.active &&
           store_sync_read(c->store, &sync, NULL) == ERR_OK && sync.pending_ops == 0 && !sync.asks;
}

/* Asks for what comes next, and lets the centre keep its answer back until there is something. */
static void wait_begin(struct client *c)
{
    if (!wait_makes_sense(c) || client_request_make(c, c->wait_s, NULL) != ERR_OK) {
        return;
    }
    move(c, CLIENT_WAITING);
    arm(c, -1);
    c->in_flight = true;
    c->sent.at_ms = monotonic_ms(c);
    c->round = (struct client_exchange){ .requests = 1 };
    c->recovery.begun = 0;
    c->went_back = 0;
    c->io->wait(c->io->context, buf_slice(&c->body), c->wait_s);
}

/* It did not wait at all: for a while the centre is asked every now and then instead. */
static void wait_rest(struct client *c)
{
    unsigned doublings = c->wait_failures < WAIT_RESTS_MAX ? c->wait_failures : WAIT_RESTS_MAX;
    c->wait_rest_until_ms = monotonic_ms(c) + ((int64_t)WAIT_REST_MS << doublings);
}

/*
 * A line that did not bear the silence (a router forgets what says nothing) gets a shorter wait; whether the centre can
 * be reached at all the next exchange finds out, a little later than everybody else's.
 */
static void wait_was_cut(struct client *c, int64_t waited_ms)
{
    c->wait_s = c->wait_s / 2 < WAIT_MIN_S ? WAIT_MIN_S : c->wait_s / 2;
    if (waited_ms < WAIT_MIN_S * 1000 && ++c->wait_failures > 1) { /* once may be the centre's own restart */
        wait_rest(c);
    }
    move(c, CLIENT_IDLE);
    arm(c, random_below_ms(c, BACKOFF_BASE_MS + 1));
}

static void wait_was_quiet(struct client *c, int64_t waited_ms)
{
    c->last_success_at_ms = wall_ms(c);
    if (waited_ms < WAIT_MIN_S * 1000 / 2) { /* the centre has no place for us, or cannot do this */
        wait_rest(c);
        c->wait_failures++;
    } else {
        uint32_t longer_s = c->wait_s + c->wait_s / 2;
        c->wait_s = longer_s < CLIENT_WAIT_MAX_S ? longer_s : CLIENT_WAIT_MAX_S;
        c->wait_failures = 0;
    }
    move(c, CLIENT_IDLE);
    arm(c, held_ms(c, interval_ms(c)));
    wait_begin(c);
}

/* An answer to a request that was to be kept back, or a reason not to wait any longer. */
static void wait_settle(struct client *c)
{
    int64_t waited_ms = monotonic_ms(c) - c->sent.at_ms;
    if (c->in_flight) { /* cut short */
        c->io->cancel(c->io->context);
        c->in_flight = false;
        move(c, CLIENT_IDLE);
        arm(c, interval_ms(c));
        return;
    }
    const struct client_verdict *verdict = &c->verdict;
    bool quiet = verdict->rc == ERR_OK && !verdict->again && verdict->retry_after_ms == 0 &&
                 c->round.ops_received == 0 && !c->changed;
    if (verdict->rc == ERR_NETWORK || verdict->rc == ERR_SILENT || verdict->rc == ERR_DNS) {
        wait_was_cut(c, waited_ms);
    } else if (quiet) {
        wait_was_quiet(c, waited_ms);
    } else { /* news, or a trouble to be told: an exchange like any other */
        c->round_started_ms = monotonic_ms(c);
        move(c, CLIENT_EXCHANGING);
        settle(c);
    }
}

static bool wait_is_cut_short(struct client *c)
{
    return !c->wait_allowed || wake_counts(c);
}

/* ---- the step ---- */

static void client_step(struct client *c)
{
    if (c->stepping || c->state == CLIENT_STOPPED) {
        return;
    }
    if (c->in_flight && c->state == CLIENT_EXCHANGING) {
        return; /* what was recorded is looked at when the answer comes */
    }
    if (c->in_flight && !wait_is_cut_short(c)) {
        c->woken = 0;
        return;
    }
    c->stepping = true;
    if (c->state == CLIENT_EXCHANGING) {
        settle(c);
    } else if (c->state == CLIENT_WAITING) {
        wait_settle(c);
    }
    if (!c->in_flight && should_try(c)) {
        round_begin(c);
    }
    c->stepping = false;
}

/* Last in every entry: whoever is told may call back in. */
void client_tell(struct client *c)
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
    TRY(store_refused_ask(store, err));
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
    c->batch_cap = SEGMENT_BYTES_MAX;
    c->packed_ratio = RATIO_START;
    c->wait_s = WAIT_START_S;
    c->next_try_at_ms = OP_TIME_NONE;
    c->last_success_at_ms = OP_TIME_NONE;
    c->clock_offset_ms = sync.clock_known ? sync.clock_offset_ms : 0;
    buf_init(&c->body, EXCHANGE_REQUEST_MAX);
    buf_init(&c->cut.segment, SEGMENT_BYTES_MAX);
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

void client_allow_waiting(struct client *c, bool allowed)
{
    bool begins = allowed && !c->wait_allowed;
    c->wait_allowed = allowed;
    if (begins && c->state == CLIENT_IDLE && c->last.happened) {
        wait_begin(c);
    }
    client_step(c);
    client_tell(c);
}

void client_wake(struct client *c, enum client_wake why)
{
    c->woken |= 1U << why;
    client_step(c);
    client_tell(c);
}

void client_timer(struct client *c)
{
    /* one that was on its way when the exchange began is of no use any more */
    c->timer_fired = c->state != CLIENT_EXCHANGING && c->state != CLIENT_WAITING;
    client_step(c);
    client_tell(c);
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
    if (c->overtaken) {
        c->verdict = (struct client_verdict){ .again = true };
    } else {
        c->verdict = client_judge(c, answer);
    }
    c->overtaken = false;
    client_step(c);
    client_tell(c);
}

enum err_code client_accept_history(struct client *c, const char *actor, struct error *err)
{
    TRY(store_history_accept(c->store, actor, wall_ms(c), err));
    c->overtaken = c->state == CLIENT_EXCHANGING && c->in_flight;
    c->recovery = (struct client_recovery){ 0 };
    c->read_again = false;
    c->bundle_stopped = (struct error){ 0 };
    client_wake(c, CLIENT_WAKE_PERSON);
    return ERR_OK;
}

static int64_t centre_now_ms(const struct client *c)
{
    return c->heard_at_ms == 0 ? OP_TIME_NONE : c->answered_at_ms + monotonic_ms(c) - c->heard_at_ms;
}

static const struct error *stopped_at_histories(const struct client *c)
{
    bool stalled = c->state == CLIENT_STALLED && c->last.happened && c->last.result == ERR_HISTORY;
    return stalled ? &c->last.error : &c->bundle_stopped;
}

void client_status(const struct client *c, struct client_status *ret_status)
{
    *ret_status = (struct client_status){ .state = c->state,
                                          .last = c->last,
                                          .pace = c->pace,
                                          .last_success_at_ms = c->last_success_at_ms,
                                          .next_try_at_ms = c->next_try_at_ms,
                                          .clock_offset_ms = c->clock_offset_ms,
                                          .clock_off = llabs(c->clock_offset_ms) > CLIENT_CLOCK_OFF_MS,
                                          .waiting = c->state == CLIENT_WAITING,
                                          .to_fetch = c->to_fetch,
                                          .behind_own_record = c->behind_own_record,
                                          .centre_lost_ops = c->centre_lost_ops,
                                          .given_again = c->given_again,
                                          .centre_now_ms = centre_now_ms(c),
                                          .authority_changed = c->authority_changed,
                                          .histories = *stopped_at_histories(c) };
}

void client_stop(struct client *c)
{
    if (c->state == CLIENT_STOPPED) {
        return;
    }
    move(c, CLIENT_STOPPED);
    arm(c, -1);
    client_tell(c);
}

void client_free(struct client *c)
{
    if (c == NULL) {
        return;
    }
    CHECK(c->state == CLIENT_STOPPED && !c->in_flight);
    buf_fini(&c->body);
    buf_fini(&c->cut.segment);
    buf_fini(&c->centre.certificate);
    free(c);
}
