/*
 * A desk with one device on it: a replica with a real store, the client over it, a clock and a line in the test's
 * hands, and the small centre at the other end.
 */
#ifndef TESTS_DESK_H
#define TESTS_DESK_H

#include "small_centre.h"
#include "sync/client.h"

enum desk_luck { LUCK_LOWEST, LUCK_HIGHEST };

struct desk {
    struct world world;
    struct replica replica;
    struct replica author;
    struct small_centre centre;
    struct client *client;
    struct client_io io;

    int64_t wall_ms;
    int64_t monotonic_ms;
    enum desk_luck luck;
    uint32_t last_limit; /* of the last draw */
    bool sending;
    uint32_t wait_s;  /* of the request under way; 0: it is to be answered at once */
    unsigned cancels; /* waits that were cut short */
    struct buf sent;  /* the request under way, or the last one */
    unsigned sends;
    int64_t timer_ms; /* -1: off */
    unsigned changes;
    unsigned changes_with_ops;
    uint32_t entries; /* made so far */
};

void desk_init(struct desk *desk);
void desk_fini(struct desk *desk);

/* The client over another replica of the same device. */
void desk_client_start(struct desk *desk);
void desk_client_stop(struct desk *desk);

/* `count` ops that say something new each, in one transaction; `note_len` random letters in each. */
void desk_record(struct desk *desk, struct replica *replica, size_t count, size_t note_len);

/* The centre answers what was sent, `took_ms` after it. */
void desk_deliver(struct desk *desk, int64_t took_ms);
/* The centre takes the request in, but its answer is lost on the way. */
void desk_lose_answer(struct desk *desk);
/* Nothing arrives anywhere. */
void desk_cut(struct desk *desk); /* in the middle of the request */
void desk_unreachable(struct desk *desk);
void desk_answer_http(struct desk *desk, long status, const char *type, struct slice body, int64_t retry_after_s);
/* Answers until nothing is under way. */
void desk_settle(struct desk *desk);
/* Lets the time pass and the timer fire. */
void desk_timer(struct desk *desk);

struct client_status desk_status(const struct desk *desk);
struct store_sync desk_sync(struct desk *desk);

#endif
