#include "desk.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static int64_t wall_ms(void *context)
{
    return ((struct desk *)context)->wall_ms;
}

static int64_t monotonic_ms(void *context)
{
    return ((struct desk *)context)->monotonic_ms;
}

static uint32_t random_below(void *context, uint32_t limit)
{
    struct desk *desk = context;
    cr_assert_gt(limit, 0);
    desk->last_limit = limit;
    return desk->luck == LUCK_HIGHEST ? limit - 1 : 0;
}

static void line_wait(void *context, struct slice body, uint32_t wait_s)
{
    struct desk *desk = context;
    struct error err;
    cr_assert_not(desk->sending, "one request at a time");
    desk->sending = true;
    desk->sends++;
    desk->wait_s = wait_s;
    buf_clear(&desk->sent);
    cr_assert_eq(buf_append(&desk->sent, body.data, body.len, &err), ERR_OK);
}

static void line_send(void *context, struct slice body)
{
    line_wait(context, body, 0);
}

static void line_cancel(void *context)
{
    struct desk *desk = context;
    cr_assert(desk->sending && desk->wait_s > 0, "only a wait is cut short");
    desk->sending = false;
    desk->cancels++;
}

static void set_timer(void *context, int64_t delay_ms)
{
    ((struct desk *)context)->timer_ms = delay_ms < 0 ? -1 : delay_ms;
}

static void changed(void *context, bool new_ops)
{
    struct desk *desk = context;
    desk->changes++;
    desk->changes_with_ops += new_ops;
}

void desk_client_start(struct desk *desk)
{
    struct error err;
    cr_assert_eq(
        client_new(desk->replica.store, &desk->replica.identity, desk->replica.key, &desk->io, &desk->client, &err),
        ERR_OK, "%s", err.message);
}

void desk_client_stop(struct desk *desk)
{
    client_stop(desk->client);
    if (desk->sending) {
        desk_cut(desk);
    }
    client_free(desk->client);
    desk->client = NULL;
}

void desk_init(struct desk *desk)
{
    *desk = (struct desk){ .wall_ms = INT64_C(1790000000000), .timer_ms = -1, .monotonic_ms = 1000 };
    world_init(&desk->world);
    replica_start(&desk->world, &desk->replica, CERTIFICATE_ROLE_AGENT);
    replica_start(&desk->world, &desk->author, CERTIFICATE_ROLE_CENTRE);
    /* certificates are issued for now: the clocks of desk and centre follow the machine's */
    desk->wall_ms = clock_wall_ms();
    small_centre_init(&desk->centre, &desk->replica, &desk->author);
    desk->centre.clock_ms = desk->wall_ms;
    buf_init(&desk->sent, EXCHANGE_REQUEST_MAX);
    desk->io = (struct client_io){ desk,      wall_ms, monotonic_ms, random_below, line_send,
                                   set_timer, changed, line_wait,    line_cancel };
    desk_client_start(desk);
}

void desk_fini(struct desk *desk)
{
    if (desk->client != NULL) {
        desk_client_stop(desk);
    }
    small_centre_fini(&desk->centre);
    replica_stop(&desk->replica);
    replica_stop(&desk->author);
    world_fini(&desk->world);
    buf_fini(&desk->sent);
}

static uint32_t letters(uint32_t state, char *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        state = state * 1664525 + 1013904223;
        out[i] = (char)('a' + (state >> 16) % 26);
    }
    return state;
}

void desk_record(struct desk *desk, struct replica *replica, size_t count, size_t note_len)
{
    struct error err = { 0 };
    struct store_written written;
    struct store_entry *entries = calloc(count, sizeof(*entries));
    char *notes = calloc(count, note_len + 1);
    cr_assert(entries != NULL && notes != NULL);
    for (size_t i = 0; i < count; i++) {
        struct store_entry *entry = &entries[i];
        char *note = notes + i * (note_len + 1);
        *entry = (struct store_entry){ .kind = KIND_CAPACITY_STATEMENT, .happened_at_ms = OP_TIME_NONE };
        record_init(&entry->record, kind_by_number(KIND_CAPACITY_STATEMENT));
        put_be32(entry->subject, ++desk->entries);
        memcpy(entry->subject + 4, replica->folder + strlen(replica->folder) - 6, 6);
        record_set_number(&entry->record, "places", desk->entries % 1000);
        record_set_number(&entry->record, "stated_on", 20000);
        (void)letters(desk->entries, note, note_len);
        record_set_text(&entry->record, "note", note);
    }
    cr_assert_eq(store_write(replica->store, "tester", entries, count, desk->wall_ms, &written, &err), ERR_OK, "%s",
                 err.message);
    cr_assert_eq(written.added, count);
    free(entries);
    free(notes);
}

static void pass(struct desk *desk, int64_t ms)
{
    desk->wall_ms += ms;
    desk->monotonic_ms += ms;
    desk->centre.clock_ms += ms;
}

static void answered(struct desk *desk, const struct client_answer *answer)
{
    cr_assert(desk->sending);
    desk->sending = false;
    client_answered(desk->client, answer);
}

void desk_answer_http(struct desk *desk, long status, const char *type, struct slice body, int64_t retry_after_s)
{
    struct client_answer answer = { .http_status = status,
                                    .content_type = type,
                                    .body = body,
                                    .retry_after_s = retry_after_s,
                                    .bytes_sent = desk->sent.len,
                                    .bytes_received = body.len };
    answered(desk, &answer);
}

void desk_deliver(struct desk *desk, int64_t took_ms)
{
    struct buf out;
    buf_init(&out, EXCHANGE_RESPONSE_MAX);
    pass(desk, took_ms / 2);
    small_centre_answer(&desk->centre, buf_slice(&desk->sent), &out);
    pass(desk, took_ms - took_ms / 2);
    desk_answer_http(desk, 200, EXCHANGE_CONTENT_TYPE, buf_slice(&out), 0);
    buf_fini(&out);
}

void desk_lose_answer(struct desk *desk)
{
    struct buf out;
    buf_init(&out, EXCHANGE_RESPONSE_MAX);
    small_centre_answer(&desk->centre, buf_slice(&desk->sent), &out);
    buf_fini(&out);
    desk_cut(desk);
}

void desk_cut(struct desk *desk)
{
    enum { HANDSHAKE_BYTES = 500 };
    struct client_answer answer = { .outcome = ERR_NETWORK,
                                    .content_type = "",
                                    .bytes_sent = HANDSHAKE_BYTES + desk->sent.len / 2 };
    (void)error_set(&answer.error, ERR_NETWORK, "reach the centre: the line was cut");
    answered(desk, &answer);
}

void desk_unreachable(struct desk *desk)
{
    struct client_answer answer = { .outcome = ERR_NETWORK, .content_type = "", .bytes_sent = 1 };
    (void)error_set(&answer.error, ERR_NETWORK, "reach the centre: connection refused");
    answered(desk, &answer);
}

void desk_settle(struct desk *desk)
{
    for (unsigned i = 0; desk->sending; i++) {
        cr_assert_lt(i, 1000, "the exchange never comes to an end");
        desk_deliver(desk, 20);
    }
}

void desk_timer(struct desk *desk)
{
    cr_assert_geq(desk->timer_ms, 0, "a timer is set");
    pass(desk, desk->timer_ms);
    desk->timer_ms = -1;
    client_timer(desk->client);
}

struct client_status desk_status(const struct desk *desk)
{
    struct client_status status;
    client_status(desk->client, &status);
    return status;
}

struct store_sync desk_sync(struct desk *desk)
{
    struct error err;
    struct store_sync sync;
    cr_assert_eq(store_sync_read(desk->replica.store, &sync, &err), ERR_OK, "%s", err.message);
    return sync;
}
