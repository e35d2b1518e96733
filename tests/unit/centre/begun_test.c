/* Segments that come in parts: what came before the line broke is not sent again, and nobody gains by it. */
#include <criterion/criterion.h>
#include <string.h>

#include "sync/client_parts.h"
#include "world.h"

#define MUST(call)                                                                                                     \
    do {                                                                                                               \
        struct error must_err_ = { 0 };                                                                                \
        struct error *err = &must_err_;                                                                                \
        enum err_code must_rc_ = (call);                                                                               \
        cr_assert(must_rc_ == ERR_OK, "%s: %s", err_code_name(must_rc_), must_err_.message);                           \
    } while (0)

enum { OPS = 1200, BIT = 700 };

static struct centre_world world;
static struct laptop one;

static void begin(void)
{
    world_open(&world);
    laptop_enrol(&world, "garden", &one);
    cr_assert_eq(laptop_sync(&one), ERR_OK);
    laptop_record(&one, OPS);
}

static void end(void)
{
    laptop_fini(&one);
    world_close(&world);
}

TestSuite(begun, .init = begin, .fini = end, .timeout = 60);

static struct exchange_request asked(void)
{
    struct exchange_request request;
    MUST(exchange_request_decode(buf_slice(&one.request), &request, err));
    return request;
}

/* The request under way is the one that brings a segment, or what is left of it. */
static size_t begins(void)
{
    client_wake(one.client, CLIENT_WAKE_PERSON);
    cr_assert(one.sending);
    return one.request.len;
}

static void all_is_there(void)
{
    cr_assert_eq(laptop_sync(&one), ERR_OK, "%s", world.err.message);
    cr_assert_eq(world_ops(&world, "garden"), OPS);
    cr_assert_eq(world_incidents(&world), 0);
    world_verify(&world);
}

Test(begun, after_a_break_the_rest_alone_is_sent)
{
    size_t whole = begins();
    size_t segment = asked().segment.len;
    laptop_cut(&one, whole - BIT);
    (void)begins();
    cr_assert_eq(asked().segment.len, 0, "first it asks");
    cr_assert_lt(one.request.len, 200);
    laptop_deliver(&one);
    cr_assert_eq(asked().segment.len, 0);
    cr_assert_lt(asked().rest.len, BIT);
    cr_assert_eq(asked().begun.len + asked().rest.len, segment);
    laptop_deliver(&one);
    all_is_there();
}

Test(begun, a_line_that_breaks_after_every_few_bytes_carries_each_of_them_once)
{
    enum { LIFE = 4000 };
    size_t carried = 0;
    size_t whole = begins();
    cr_assert_gt(whole, 3 * LIFE);
    for (int i = 0; world_ops(&world, "garden") < OPS; i++) {
        cr_assert_lt(i, 100);
        if (!one.sending) {
            (void)begins();
        }
        if (one.request.len > LIFE) {
            carried += LIFE;
            laptop_cut(&one, LIFE);
        } else {
            carried += one.request.len;
            laptop_deliver(&one);
        }
    }
    cr_assert_lt(carried, whole + whole / 4, "%zu bytes for %zu", carried, whole);
    all_is_there();
}

Test(begun, of_an_answer_that_was_lost_nothing_is_sent_again)
{
    (void)begins();
    struct buf answer;
    buf_init(&answer, EXCHANGE_RESPONSE_MAX);
    MUST(centre_exchange(world.centre, buf_slice(&one.identity.certificate), buf_slice(&one.request), world.now_ms,
                         &answer, err));
    buf_fini(&answer);
    laptop_cut(&one, one.request.len - 1); /* as the device sees it */
    (void)begins();
    cr_assert_eq(asked().segment.len + asked().rest.len, 0);
    uint64_t held = world_ops(&world, "garden");
    cr_assert_gt(held, 0);
    laptop_deliver(&one);
    struct store_sync sync;
    MUST(store_sync_read(one.store, &sync, err));
    cr_assert_eq(sync.acked_seq, held);
    all_is_there();
}

Test(begun, a_centre_that_has_forgotten_gets_the_whole_again)
{
    size_t whole = begins();
    laptop_cut(&one, whole / 2);
    world_reopen(&world);
    (void)begins();
    laptop_deliver(&one);
    cr_assert_gt(asked().segment.len, 0);
    all_is_there();
}

Test(begun, a_centre_that_forgets_in_between_is_no_failure)
{
    size_t whole = begins();
    laptop_cut(&one, whole / 2);
    (void)begins();
    laptop_deliver(&one);
    cr_assert_gt(asked().rest.len, 0);
    world_reopen(&world);
    laptop_deliver(&one);
    cr_assert(one.sending, "it goes on in the same round");
    cr_assert_gt(asked().segment.len, 0);
    all_is_there();
}

Test(begun, what_was_recorded_meanwhile_comes_after_the_rest)
{
    size_t whole = begins();
    laptop_cut(&one, whole / 2);
    laptop_record(&one, 5);
    cr_assert_eq(laptop_sync(&one), ERR_OK);
    cr_assert_eq(world_ops(&world, "garden"), OPS + 5);
    world_verify(&world);
}

/* ---- hostile ---- */

static enum err_code cut_short(struct slice peer, struct slice bytes)
{
    return centre_cut_short(world.centre, peer, bytes, world.now_ms, &world.err);
}

Test(begun, nobody_leaves_a_part_for_another_device)
{
    struct laptop other;
    laptop_enrol(&world, "garden", &other);
    size_t whole = begins();
    cr_assert_eq(cut_short(buf_slice(&other.identity.certificate), slice_of(one.request.data, whole / 2)), ERR_OK);
    laptop_cut(&one, 1);
    (void)begins();
    laptop_deliver(&one);
    cr_assert_eq(asked().begun.len, 0, "what the other one left is not told to this one");
    cr_assert_gt(asked().segment.len, 0);
    laptop_fini(&other);
    all_is_there();
}

Test(begun, a_revoked_device_leaves_nothing)
{
    size_t whole = begins();
    char id[2 * DEVICE_ID_BYTES + 1];
    hex_encode(one.identity.device, DEVICE_ID_BYTES, id);
    json_decref(world_admin(&world, "revoke", json_pack("{s:s}", "device", id)));
    cr_assert_eq(cut_short(buf_slice(&one.identity.certificate), slice_of(one.request.data, whole / 2)), ERR_REVOKED);
    laptop_cut(&one, whole / 2);
}

Test(begun, a_part_that_is_not_of_a_request_is_not_kept)
{
    struct slice peer = buf_slice(&one.identity.certificate);
    size_t whole = begins();
    uint8_t garbage[256];
    memset(garbage, 0xbf, sizeof(garbage));
    cr_assert_eq(cut_short(peer, slice_of(garbage, sizeof(garbage))), ERR_PROTOCOL);
    cr_assert_eq(cut_short(peer, slice_of("", 0)), ERR_PROTOCOL);
    cr_assert_eq(cut_short(peer, slice_of(one.request.data, whole)), ERR_PROTOCOL, "it is whole");
    for (size_t len = 1; len < 80; len++) {
        (void)cut_short(peer, slice_of(one.request.data, len)); /* too little to keep, wherever it ends */
    }
    laptop_cut(&one, 1);
    (void)begins();
    laptop_deliver(&one);
    cr_assert_eq(asked().begun.len, 0);
    all_is_there();
}

Test(begun, a_rest_of_something_else_is_left_alone)
{
    struct buf forged;
    struct buf answer;
    struct exchange_response response;
    size_t whole = begins();
    laptop_cut(&one, whole / 2);
    (void)begins();
    laptop_deliver(&one);
    struct exchange_request request = asked();
    request.begun.hash[0] ^= 1;
    buf_init(&forged, EXCHANGE_REQUEST_MAX);
    buf_init(&answer, EXCHANGE_RESPONSE_MAX);
    MUST(exchange_request_encode(&request, &forged, err));
    MUST(centre_exchange(world.centre, buf_slice(&one.identity.certificate), buf_slice(&forged), world.now_ms, &answer,
                         err));
    MUST(exchange_response_decode(buf_slice(&answer), &response, err));
    cr_assert_eq(response.acked_seq, request.acked_seq);
    cr_assert_gt(response.begun.len, 0, "what was kept still is");
    buf_fini(&forged);
    buf_fini(&answer);
    laptop_deliver(&one);
    all_is_there();
}
