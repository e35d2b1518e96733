/* How fast the line is: how much goes in one exchange, and how long the rest takes. */
#include "sync/client_parts.h"

enum {
    BATCH_AIM_MS = 8000,
    PIECES_A_BREAK = 12, /* of what went between two breaks one piece is lost, half of it on the average: 4 % */
    PACE_KEPT = 4,       /* fifths of what was measured before count on */
};

static size_t clamp_batch(uint64_t bytes)
{
    return bytes < CLIENT_BATCH_MIN ? CLIENT_BATCH_MIN : bytes > SEGMENT_BYTES_MAX ? SEGMENT_BYTES_MAX : (size_t)bytes;
}

static void fade(uint64_t *sum, uint64_t more)
{
    *sum = *sum * PACE_KEPT / (PACE_KEPT + 1) + more;
}

void client_line_carried(struct client *c, const struct client_carried *carried)
{
    uint64_t took_ms = carried->took_ms > 0 ? (uint64_t)carried->took_ms : 1;
    fade(&c->pace.ms, took_ms);
    fade(&c->pace.bytes, carried->bytes);
    fade(&c->pace.ops_sent, carried->ops_sent);
    fade(&c->pace.ops_received, carried->ops_received);
    c->unbroken_bytes += carried->bytes;
    if (c->unbroken_bytes > (uint64_t)c->batch_cap * PIECES_A_BREAK * 2) {
        c->batch_cap = clamp_batch((uint64_t)c->batch_cap * 2);
    }
    if (carried->bytes < c->batch_bytes / 2) {
        return; /* says nothing about a larger one */
    }
    uint64_t within_aim = carried->bytes * BATCH_AIM_MS / took_ms;
    uint64_t larger = (uint64_t)c->batch_bytes * 2 < within_aim ? (uint64_t)c->batch_bytes * 2 : within_aim;
    c->batch_bytes = clamp_batch(larger);
    client_line_cuts(c, c->cuts_lose);
}

void client_line_cuts(struct client *c, bool lose)
{
    c->cuts_lose = lose;
    if (lose && c->batch_bytes > c->batch_cap) {
        c->batch_bytes = c->batch_cap;
    }
}

size_t client_wanted_bytes(const struct client *c)
{
    return c->batch_bytes < c->batch_cap ? c->batch_bytes : c->batch_cap;
}

void client_line_broke(struct client *c)
{
    uint64_t piece = c->unbroken_bytes / PIECES_A_BREAK;
    bool carried_some = c->unbroken_bytes >= c->batch_bytes;
    c->batch_cap = clamp_batch(carried_some ? piece : client_wanted_bytes(c) / 2);
    c->unbroken_bytes = 0;
    client_line_cuts(c, c->cuts_lose);
}

static int64_t seconds(uint64_t ops, uint64_t done, uint64_t ms)
{
    if (ops == 0) {
        return 0;
    }
    return done == 0 ? -1 : (int64_t)((double)ops / (double)done * (double)ms / 1000 + 1);
}

int64_t client_seconds_left(const struct client_pace *pace, uint64_t to_send, uint64_t to_fetch)
{
    int64_t send_s = seconds(to_send, pace->ops_sent, pace->ms);
    int64_t fetch_s = seconds(to_fetch, pace->ops_received, pace->ms);
    if (send_s < 0 || fetch_s < 0) {
        return -1;
    }
    return send_s > fetch_s ? send_s : fetch_s; /* both go in the same exchanges */
}
