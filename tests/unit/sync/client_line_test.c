/* A backlog over lines that are slow, far and break: beside the time that its bytes need at that rate. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "desk.h"

enum {
    OPS = 10000,
    NOTE_LEN = 8,
    HANDSHAKE_BYTES = 2500, /* of TLS with both certificates, up */
    REST_BYTES = 250,       /* HTTP and TLS records about a request */
    RECORD_BYTES = 4096,    /* of TLS: what is cut in the middle of one never arrives */
};

struct line {
    const char *name;
    int64_t bytes_s; /* each way */
    int64_t round_trip_ms;
    int64_t life_ms; /* of a connection; 0: for ever */
    bool keeps;      /* the centre keeps what came of a request that breaks */
    int tenths;      /* of what the bytes need */
};

struct carried {
    int64_t took_ms;
    int64_t bytes;
    unsigned breaks;
};

static void pass_ms(struct desk *desk, int64_t ms)
{
    desk->monotonic_ms += ms;
    desk->wall_ms += ms;
    desk->centre.clock_ms += ms;
}

static int64_t ms_of(const struct line *line, int64_t bytes)
{
    return bytes * 1000 / line->bytes_s;
}

/* `left_ms` after its connection was made, of which `before_ms` went by before the first byte of the request did. */
static void break_off(struct desk *desk, const struct line *line, int64_t left_ms, int64_t before_ms)
{
    int64_t arrived = left_ms > before_ms ? (left_ms - before_ms) * line->bytes_s / 1000 - REST_BYTES : 0;
    pass_ms(desk, left_ms);
    if (line->keeps && arrived > 0) {
        small_centre_cut(&desk->centre, buf_slice(&desk->sent), (size_t)(arrived / RECORD_BYTES * RECORD_BYTES));
    }
    desk_cut(desk);
}

static struct carried carry(const struct line *line)
{
    struct desk desk;
    struct carried carried = { 0 };
    bool connected = false;
    int64_t left_ms = 0;
    desk_init(&desk);
    desk_record(&desk, &desk.replica, OPS, NOTE_LEN);
    client_wake(desk.client, CLIENT_WAKE_NEW_OPS);
    int64_t began_ms = desk.monotonic_ms;
    for (unsigned i = 0; desk_sync(&desk).pending_ops > 0; i++) {
        cr_assert_lt(i, 2000, "%s: it never comes to an end", line->name);
        if (!desk.sending) {
            desk_timer(&desk);
            connected = connected && line->life_ms == 0;
            continue;
        }
        int64_t before_ms = connected ? 0 : 2 * line->round_trip_ms + ms_of(line, HANDSHAKE_BYTES);
        int64_t took_ms = before_ms + ms_of(line, (int64_t)desk.sent.len + REST_BYTES) + line->round_trip_ms;
        left_ms = connected ? left_ms : line->life_ms;
        connected = line->life_ms == 0 || took_ms <= left_ms;
        if (connected) {
            carried.bytes += (int64_t)desk.sent.len;
            desk_deliver(&desk, took_ms);
        } else {
            carried.breaks++;
            break_off(&desk, line, left_ms, before_ms);
        }
        left_ms -= took_ms;
    }
    cr_assert_eq(desk.centre.held.count, OPS);
    carried.took_ms = desk.monotonic_ms - began_ms;
    desk_fini(&desk);
    return carried;
}

Test(client_line, a_backlog_takes_at_most_1_3_times_what_its_bytes_need, .timeout = 120)
{
    static const struct line lines[] = {
        { .name = "32 kbit/s", .bytes_s = 4000, .tenths = 13 },
        { .name = "600 ms there and back", .bytes_s = 4000, .round_trip_ms = 600, .tenths = 13 },
        { .name = "dropped every 20 s",
          .bytes_s = 4000,
          .round_trip_ms = 100,
          .life_ms = 20000,
          .keeps = true,
          .tenths = 13 },
        { .name = "... at a centre that keeps nothing",
          .bytes_s = 4000,
          .round_trip_ms = 100,
          .life_ms = 20000,
          .tenths = 15 },
    };
    int64_t needed_ms = 0; /* what the first line carried, at its rate */
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct carried carried = carry(&lines[i]);
        needed_ms = i == 0 ? ms_of(&lines[0], carried.bytes) : needed_ms;
        printf("%s: %.1f s, %.2f times, %u breaks\n", lines[i].name, (double)carried.took_ms / 1000,
               (double)carried.took_ms / (double)needed_ms, carried.breaks);
        cr_expect_leq(carried.took_ms * 10, needed_ms * lines[i].tenths, "%s", lines[i].name);
        cr_expect(lines[i].life_ms == 0 || carried.breaks > 2, "%s: it hardly ever broke", lines[i].name);
    }
}
