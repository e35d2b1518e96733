/*
 * sync/client_parts - what the parts of the client share: the machine (client.c), what it sends (client_request.c),
 * what an answer means (client_answer.c), what is taken in from one (client_take.c), and getting back what an older
 * copy of the replica lacks (client_recover.c).
 *
 * Private to sync/client*.c.
 */
#ifndef SYNC_CLIENT_PARTS_H
#define SYNC_CLIENT_PARTS_H

#include "store/tree.h"
#include "sync/client.h"

/* What was asked in the request under way, to judge its answer by. */
struct client_sent {
    uint32_t incarnation; /* of the chain that it was about */
    uint64_t cursor;
    struct exchange_freshness freshness; /* counter 0: not told */
    bool asked;                          /* what the centre holds of the chain was to be compared */
    uint64_t acked_seq;
    uint64_t first_seq; /* of the segment; 0: none was sent */
    size_t op_count;
    size_t segment_len;
    uint32_t wait_s;                    /* the answer may be kept back so long; 0: not */
    int64_t at_ms;                      /* monotonic */
    struct segment_signature signature; /* over the last of the ops sent; seq 0: none were */
    struct {
        int64_t author;
        uint64_t seq;            /* the first */
        size_t ops;              /* 0: declined */
    } given[EXCHANGE_GIVEN_MAX]; /* ops of others, to a centre that has lost them */
    size_t given_count;
    struct exchange_refused refused; /* told to be refused; from 0: nothing */
    bool at_end;                     /* something could be given */
    uint64_t owed_ops;
    bool rest; /* of a segment that a request before had begun with */
};

/*
 * A segment that was on its way when the line broke. The centre is asked what it has of it before anything is sent
 * again:
 *
 *   NONE ── broke, with a segment ──► ASK ── answered: a part ──► CONTINUE ── the rest was answered ──► NONE
 *                                      ▲ └── nothing, all, or no more ──► NONE         │
 *                                      └────────────────── broke again ────────────────┘
 */
enum client_cut_phase { CUT_NONE, CUT_ASK, CUT_CONTINUE };

struct client_cut {
    enum client_cut_phase phase;
    struct buf segment;
    struct client_sent sent; /* with it */
    uint64_t from;           /* the centre has the bytes before */
    unsigned in_vain;        /* rests in turn of which nothing stayed there */
};

/* What follows from an answer, or from a request that could not be made. */
struct client_verdict {
    enum err_code rc;
    struct error error;
    bool again;             /* more to send or to fetch: at once */
    int64_t retry_after_ms; /* the centre asks for peace this long; 0: it does not */
};

/* The centre's signing certificate, as last proved, and the key for checkpoints that it vouches for. */
struct client_centre {
    struct buf certificate; /* empty: not known yet */
    struct certificate parsed;
    uint8_t checkpoint_key[CHECKPOINT_KEY_BYTES];
    uint8_t vouch[SIGNATURE_MAX];
    size_t vouch_len;
};

/* What the centre said last of what it refuses: asked with again, so that it answers only when that changed. */
struct client_refused {
    uint32_t incarnation;
    uint64_t acked_seq;
    struct exchange_refused told; /* from 0: nothing yet */
};

/* Getting what the centre holds of an own chain and this copy does not. */
struct client_recovery {
    bool active;
    bool from_start; /* the stream is read from its beginning */
    uint32_t incarnation;
    unsigned begun; /* in this round */
};

struct client {
    struct store *store;
    const struct store_identity *identity;
    const struct device_key *key;
    const struct client_io *io;

    bool (*ask_freshness)(void *context, uint64_t *ret_counter, uint8_t ret_hash[EXCHANGE_FRESHNESS_HASH_BYTES]);
    void *freshness_context;
    struct exchange_freshness freshness_told; /* as the centre knows it; counter 0: nothing yet */

    enum client_state state;
    unsigned woken; /* bits of enum client_wake, not yet acted on */
    bool timer_fired;
    bool in_flight;
    bool overtaken; /* what was asked is no longer how things are: a bundle was taken meanwhile */
    bool stepping;
    bool changed; /* somebody has to be told, once the step is over */
    bool new_ops;
    struct client_verdict verdict;
    enum err_code stalled_by;
    unsigned failures;      /* in a row, of tries in their time */
    bool early;             /* this try was brought forward out of BACKOFF by a wake */
    int64_t hold_until_ms;  /* monotonic: the centre's Retry-After */
    int64_t next_try_at_ms; /* wall */

    bool wait_allowed;
    uint32_t wait_s; /* to ask for next */
    unsigned wait_failures;
    int64_t wait_rest_until_ms; /* monotonic */

    size_t batch_bytes;      /* of a segment as sent, about */
    size_t batch_cap;        /* what may be lost when the line breaks again */
    bool cuts_lose;          /* the centre keeps nothing of a segment that was cut: the cap is for those, too */
    uint64_t unbroken_bytes; /* carried since it broke */
    struct client_cut cut;
    struct client_pace pace;
    size_t packed_ratio; /* bytes of headers and bodies that became a byte of segment, as last seen */
    struct buf body;
    struct client_sent sent;
    struct client_centre centre;

    struct client_exchange round;
    int64_t round_started_ms; /* monotonic */
    struct client_exchange last;
    int64_t last_success_at_ms;
    int64_t clock_offset_ms;
    uint64_t to_fetch;
    struct client_recovery recovery;
    struct client_refused refused;
    bool at_end;        /* the stream was read to its end: what it did not give, the centre does not have */
    bool read_again;    /* the stream is, since something in it did not follow what is held */
    unsigned went_back; /* how often in this round the centre was found put back */
    bool behind_own_record;
    /* ERR_HISTORY: a bundle ended so, and no bundle was taken and no exchange came to its end since */
    struct error bundle_stopped;
    bool offered_in_vain;   /* in this round: what it sent does not follow what the centre holds of it */
    bool offers_nothing;    /* the next request: the centre first says what it holds */
    int64_t answered_at_ms; /* the centre's clock when it was last heard of; 0: not in this run ... */
    int64_t heard_at_ms;    /* ... and this machine's monotonic one */
    bool authority_changed; /* another one issues certificates now than the one that issued this device's */
    uint64_t given_again;   /* as client_status */
    bool centre_lost_ops;   /* the centre held less than it acknowledged, and has not got it all again yet */
};

/* Fills client->body and client->sent with what the store says is due. wait_s above 0: the answer may be kept back. */
MUST_USE enum err_code client_request_make(struct client *client, uint32_t wait_s, struct error *err);

/* Reads about client->batch_bytes of own ops of the chain in client->sent and writes them as a segment, which
 * client->sent then tells of; empty when there are none. */
MUST_USE enum err_code client_segment_make(struct client *client, uint64_t after_seq, struct buf *segment,
                                           struct error *err);
struct client_giving;
/* The request that asks what `sync` says; replaces what is in `out`. `giving` may be NULL. */
MUST_USE enum err_code client_request_write(struct client *client, const struct store_sync *sync, struct slice segment,
                                            const struct client_giving *giving, struct buf *out, struct error *err);

/* Whoever is concerned is told what changed; last in every entry. */
void client_tell(struct client *client);

/* ---- client_give.c: what the centre has lost of others ---- */

/* The segments of a request, one behind the other. */
struct client_giving {
    struct buf bytes;
    size_t ends[EXCHANGE_GIVEN_MAX];
    size_t count;
};

/* As much as about a batch holds of what is owed; client->sent says what. Nothing before the stream's end. */
MUST_USE enum err_code client_give(struct client *client, struct client_giving *giving, struct error *err);
/* The one run that follows `after`, for a bundle, which hears no answer; none: nothing more is owed. Moves `after`. */
MUST_USE enum err_code client_give_next(struct client *client, struct store_owed_after *after,
                                        struct client_giving *giving, struct error *err);
/* What the centre did not take is kept with its reason. */
MUST_USE enum err_code client_given(struct client *client, const struct exchange_response *response, struct error *err);

/* At the stream's end, nothing of what was given is in it: a centre that knows nothing of giving back, or lies. */
MUST_USE enum err_code client_given_in_vain(struct client *client, struct error *err);

/* What was given and not declined counts as given again. */
void client_given_counted(struct client *client);

/* Takes an answer in: checks it, applies it, and says what follows. */
struct client_verdict client_judge(struct client *client, const struct client_answer *answer);

/* An answer of the centre to an exchange: all of it is taken in, or nothing but refusals. *verdict says what follows.
 */
MUST_USE enum err_code client_take(struct client *client, const struct client_answer *answer,
                                   struct client_verdict *verdict);

/* What in an answer that a bundle carried is to be believed: the records only, since the centre was heard to say more
 * after it; their places too; or also what it says of the own chain that it is about. */
enum client_worth { CLIENT_WORTH_RECORDS, CLIENT_WORTH_PLACES, CLIENT_WORTH_ALL };

/* The same for an answer that a bundle carried, to the question in client->sent. */
MUST_USE enum err_code client_take_carried(struct client *client, const struct exchange_response *response,
                                           enum client_worth worth, struct client_verdict *verdict);

/* ---- client_trust.c: who signed the answer ---- */

/* The receipt's certificate, and the key for checkpoints that it vouches for, as sent or as known. */
MUST_USE enum err_code client_check_receipt(struct client *client, const struct exchange_response *response,
                                            struct error *err);
/* *ret_checkpoint borrows from the client. */
MUST_USE enum err_code client_check_checkpoint(struct client *client, const struct exchange_response *response,
                                               struct store_checkpoint *ret_checkpoint, struct error *err);

/* ---- client_take.c, for client_recover.c ---- */

/* Is what the centre holds of the chain what this copy wrote? It may hold more than this copy does. */
MUST_USE enum err_code client_compare_link(struct client *client, const struct exchange_response *response,
                                           uint64_t newest_seq, bool *ret_agrees, struct error *err);
MUST_USE enum err_code client_mark_refusals(struct client *client, const struct exchange_response *response,
                                            uint64_t newest_seq, struct error *err);
/* The centre holds less of the chain than it acknowledged: noted and counted, once. */
bool client_own_lost(struct client *client, const struct exchange_response *response, uint64_t acked_seq);
/* What the answer says of the chain, which is the same here as far as it goes. Borrows from the client. */
void client_fill_receipt(const struct client *client, const struct exchange_response *response,
                         struct store_receipt *receipt);
MUST_USE enum err_code client_apply(struct client *client, const struct exchange_response *response,
                                    const struct store_exchange *exchange, struct error *err);

/* ---- client_refused.c: what the centre takes after all ---- */

/* Fills client->sent.refused for a request about the chain in `sync`. */
MUST_USE enum err_code client_refused_ask(struct client *client, const struct store_sync *sync, struct error *err);
/* What was refused and is not any more, by an answer that tells all of it, counts again. */
MUST_USE enum err_code client_refused_settle(struct client *client, const struct exchange_response *response,
                                             struct error *err);

/* ---- client_recover.c ---- */

/* The centre holds other records of the chain than this copy, or more. */
MUST_USE enum err_code client_recovery_begin(struct client *client, const struct exchange_response *response,
                                             uint64_t newest_seq, struct error *err);
/* An answer in a recovery. A failure ends it: the next exchange finds out anew. */
MUST_USE enum err_code client_recover(struct client *client, const struct exchange_response *response,
                                      const struct store_exchange *exchange, struct error *err);

/* ---- client_pace.c ---- */

struct client_carried { /* by an exchange that ended well */
    uint64_t bytes;
    int64_t took_ms;
    uint64_t ops_sent;
    uint64_t ops_received;
};

void client_line_carried(struct client *client, const struct client_carried *carried);
/* The line did not carry a batch of this size. */
void client_line_broke(struct client *client);
/* Does the centre keep what came of a segment? */
void client_line_cuts(struct client *client, bool lose);
/* Of segments in an answer, about: of those nothing is kept. */
size_t client_wanted_bytes(const struct client *client);

/* ---- client_cut.c: a segment that was cut on its way ---- */

/* The line broke in the request under way. */
void client_cut_note(struct client *client);
/* Is the rest of a segment what is due? Then *ret_rest borrows it, and client->sent tells of it. */
bool client_cut_continues(struct client *client, const struct store_sync *sync, struct slice *ret_rest);
/* An answer that was checked, before it changes anything. */
void client_cut_answered(struct client *client, const struct exchange_response *response);
void client_cut_drop(struct client *client);

#endif
