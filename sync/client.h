/*
 * sync/client - the agent's side of the exchange: when to try, what to send, what an answer means.
 *
 *             wake, timer                     nothing more to send or fetch
 *   IDLE ──────────────────► EXCHANGING ─────────────────────────────────────► IDLE
 *    ▲   timer, wake          │  │   ▲ more: the next batch at once
 *    ├───────────── BACKOFF ◄─┘  │   └──┐
 *    │   wake (new ops, network) │ a person has to act (certificate, revoked, history)
 *    └───────────── STALLED ◄────┘   tried again slowly, and at once when woken by a person
 *
 * The machine does no I/O: it asks struct client_io for work and is told the outcome. It reads and applies through the
 * store, which commits on both sides before the next batch.
 *
 * Backoff: full jitter, base 2 s doubling to 15 min (AWS Architecture Blog, "Exponential Backoff And Jitter", 2015); a
 * wake by new ops, the network or a person tries at once, but never while a Retry-After of the centre runs (except when
 * a person asks).
 *
 * Stalled: tried again after 30 to 90 s when this machine is in the way (a full disk), else after 7 to 23 min; a change
 * of network tries at once when the cause was a certificate, since another network may have no portal in between, and
 * new ops do when the cause was a full or read-only disk, since they show that it takes records again.
 *
 * Waiting: after an exchange with nothing left to do the centre is asked to keep its next answer back until there is
 * something new, if that is allowed (a link that costs nothing) and the centre does it; else it is asked every
 * CLIENT_INTERVAL_MS. New ops, the network or a person cut the wait short. A wait that the line does not bear is tried
 * again with half its time, one that ended in silence with half as much again.
 *
 *   IDLE ──► WAITING ── news: EXCHANGING; silence: WAITING again; cut: IDLE, and an exchange soon
 *
 * Batches: segments start at about CLIENT_BATCH_START bytes, double after an exchange that was about full, stay between
 * CLIENT_BATCH_MIN and SEGMENT_BYTES_MAX, below what took the line about 8 s, and below a twelfth of what it carried
 * before it broke last, until it has carried twice as much as that without breaking; a centre that keeps what came of a
 * segment is sent the rest of it, and only what is wanted of it follows the last of these. A break after which
 * something had gone counts as the first failure only. A centre that was not reached at all changes nothing of this.
 *
 * Ownership:  the caller owns client_io and the store for as long as the client lives; a send in flight is answered
 *             exactly once.
 *
 * Threads:    the loop's. A send never completes inside client_io.send.
 *
 * Layer:      sync. Never uv.h or curl.h.
 */
#ifndef SYNC_CLIENT_H
#define SYNC_CLIENT_H

#include "store/bundles.h"
#include "sync/exchange.h"

#define CLIENT_BATCH_START (48 * 1024)
#define CLIENT_BATCH_MIN (4 * 1024)
#define CLIENT_INTERVAL_MS (15 * 60 * 1000) /* an idle exchange this often when nothing wakes it */
#define CLIENT_WAIT_MAX_S 900

enum client_state { CLIENT_IDLE, CLIENT_EXCHANGING, CLIENT_WAITING, CLIENT_BACKOFF, CLIENT_STALLED, CLIENT_STOPPED };

enum client_wake { CLIENT_WAKE_NEW_OPS, CLIENT_WAKE_NETWORK, CLIENT_WAKE_PERSON, CLIENT_WAKE_START };

/* What became of a send. `outcome` ERR_OK: an HTTP answer came; otherwise NETWORK, TLS, CAPTIVE_PORTAL, ... with words
 * in `error`. */
struct client_answer {
    enum err_code outcome;
    struct error error;
    long http_status;
    const char *content_type; /* "" when none */
    struct slice body;
    int64_t retry_after_s; /* of the Retry-After header; 0: none */
    uint64_t bytes_sent;   /* on the wire as far as the edge can count them, headers included */
    uint64_t bytes_received;
};

struct client_io {
    void *context;
    int64_t (*wall_ms)(void *context);
    int64_t (*monotonic_ms)(void *context);
    uint32_t (*random_below)(void *context, uint32_t limit);
    /* Posts `body` (borrowed until answered); client_answered is called later, exactly once. */
    void (*send)(void *context, struct slice body);
    /* One-shot; replaces the last; negative: off. Calls client_timer. */
    void (*set_timer)(void *context, int64_t delay_ms);
    /* New ops were applied (look at the dirty marks), or the status changed. */
    void (*changed)(void *context, bool new_ops);
    /* Like send, but the answer may be as late as wait_s; a line without one by then is dead. NULL: never waits. */
    void (*wait)(void *context, struct slice body, uint32_t wait_s);
    /* Ends a wait under way, which is then not answered. */
    void (*cancel)(void *context);
};

struct client_exchange { /* the last whole round */
    bool happened;
    int64_t at_ms;
    enum err_code result;
    struct error error;
    uint64_t bytes_sent;
    uint64_t bytes_received;
    int64_t duration_ms;
    uint64_t ops_sent;
    uint64_t ops_received;
    uint32_t requests;
};

/* What the line carried of late, older exchanges counting less; all zero before the first of a round. */
struct client_pace {
    uint64_t ms;
    uint64_t bytes; /* of segments */
    uint64_t ops_sent;
    uint64_t ops_received;
};

/* -1: not known yet. */
int64_t client_seconds_left(const struct client_pace *pace, uint64_t to_send, uint64_t to_fetch);

struct client_status {
    enum client_state state;
    struct client_exchange last;
    struct client_pace pace;
    int64_t last_success_at_ms; /* OP_TIME_NONE */
    int64_t next_try_at_ms;     /* wall clock; OP_TIME_NONE when exchanging or stopped */
    int64_t clock_offset_ms;
    bool clock_off;         /* more than CLIENT_CLOCK_OFF_MS from the centre's */
    bool waiting;           /* the centre tells of news at once */
    uint64_t to_fetch;      /* ops still to come in a catch-up, as last told */
    bool behind_own_record; /* the centre holds more of this device than this replica: an older copy was put back */
    bool centre_lost_ops;   /* the centre holds less than it acknowledged */
    uint64_t given_again;   /* records that it no longer held, own and others' that it took again, since the start */
    int64_t centre_now_ms;  /* what the centre's clock shows, whatever this one does; OP_TIME_NONE: not heard of yet */
    bool authority_changed; /* the centre has a new authority: this device has to follow it */
    struct error
        histories; /* ERR_HISTORY: the exchange, or the newest bundle, stopped at it; see client_accept_history */
};

#define CLIENT_CLOCK_OFF_MS (5 * 60 * 1000)

struct client;

/* `key`, `identity` and `io` are borrowed while the client lives. */
MUST_USE enum err_code client_new(struct store *store, const struct store_identity *identity,
                                  const struct device_key *key, const struct client_io *io, struct client **ret_client,
                                  struct error *err);
/*
 * How new the replica's files are, asked before each request and told to the centre when it is something else than was
 * told last: an older set of files that was put back is then noticed even if no op is missing in it. `ask` gives false
 * when it cannot say. NULL (as at first): nothing is told.
 */
void client_set_freshness(struct client *client,
                          bool (*ask)(void *context, uint64_t *ret_counter,
                                      uint8_t ret_hash[EXCHANGE_FRESHNESS_HASH_BYTES]),
                          void *context);
/* Between exchanges the centre may be asked to keep its answer back until there is something new. At first: not. */
void client_allow_waiting(struct client *client, bool allowed);
void client_wake(struct client *client, enum client_wake why);
void client_timer(struct client *client);
void client_answered(struct client *client, const struct client_answer *answer);
void client_status(const struct client *client, struct client_status *ret_status);
/*
 * ---- the same exchange by files (sync/bundle.h), at any time beside the one over the network ----
 *
 * begin, then next until *ret_end: each gives a request of what the centre has not acknowledged as far as this replica
 * knows, and what the replica holds, so that the centre knows what to send. Nothing changes here: a bundle may be lost.
 */
#define CLIENT_BUNDLE_CHAINS_MAX 64
struct client_bundle {
    struct store_chain chains[CLIENT_BUNDLE_CHAINS_MAX];
    size_t chain_count;
    size_t chain;       /* that is written */
    uint64_t after_seq; /* what of it is written */
    uint64_t ops;       /* written */
    bool gives;         /* behind the chains: what the centre lost of others */
    struct store_owed_after given;
};

MUST_USE enum err_code client_bundle_begin(struct client *client, struct client_bundle *ret_bundle, struct error *err);
MUST_USE enum err_code client_bundle_next(struct client *client, struct client_bundle *bundle, struct buf *out,
                                          bool *ret_end, struct error *err);

struct client_bundle_taken {
    uint64_t new_ops;
    bool held;      /* nothing in it was new here */
    bool ask_again; /* this replica and the centre differ: the rest is of no use before a bundle of this one went there
                     */
};

/*
 * A question and its answer, from a bundle of the centre. All of it is taken in, or nothing but refusals. What is older
 * than what was heard of the centre already is taken where it brings records, and believed in nothing else.
 * ERR_REFUSED: it begins after what this replica holds.
 */
MUST_USE enum err_code client_bundle_take(struct client *client, struct slice question, struct slice answer,
                                          struct client_bundle_taken *ret_taken, struct error *err);

/*
 * On a person's word: the branches of other devices that the centre gives take the place of those held here
 * (store_history_accept), and the stream is read from its beginning, at once.
 */
MUST_USE enum err_code client_accept_history(struct client *client, const char *actor, struct error *err);

void client_stop(struct client *client); /* no more sends; an answer in flight is dropped; idempotent */
void client_free(struct client *client); /* stopped and nothing in flight */

#endif
