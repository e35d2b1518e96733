/*
 * The centre put back to an older state, and files of a laptop that are older than those the centre has seen: noticed
 * whatever was recorded since, and everybody ends with everything.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "store/query.h"
#include "world.h"

enum { LAPTOPS = 3 };

static struct centre_world world;
static struct laptop laptops[LAPTOPS];

static void begin(void)
{
    world_open(&world);
    for (size_t i = 0; i < LAPTOPS; i++) {
        laptop_enrol(&world, "garden", &laptops[i]);
    }
}

static void end(void)
{
    for (size_t i = 0; i < LAPTOPS; i++) {
        laptop_fini(&laptops[i]);
    }
    world_close(&world);
}

TestSuite(put_back, .init = begin, .fini = end, .timeout = 240);

static void sync_now(struct laptop *laptop)
{
    cr_assert_eq(laptop_sync(laptop), ERR_OK, "%s", world.err.message);
}

static void sync_everybody(int times)
{
    for (int i = 0; i < times; i++) {
        for (size_t l = 0; l < LAPTOPS; l++) {
            sync_now(&laptops[l]);
        }
    }
}

static void expect_everything(size_t statements)
{
    uint8_t first[SHA256_BYTES];
    laptop_digest(&laptops[0], first);
    for (size_t l = 0; l < LAPTOPS; l++) {
        uint8_t digest[SHA256_BYTES];
        cr_assert_eq(laptop_statements(&laptops[l]), statements, "laptop %zu: %zu", l, laptop_statements(&laptops[l]));
        laptop_digest(&laptops[l], digest);
        cr_assert_arr_eq(digest, first, SHA256_BYTES);
    }
    cr_assert_eq(world_ops(&world, "garden"), statements);
    world_verify(&world);
}

Test(put_back, a_laptop_that_lost_nothing_of_its_own_notices_that_positions_stand_for_other_records)
{
    laptop_record(&laptops[0], 2);
    sync_everybody(2);
    world_save(&world);
    laptop_record(&laptops[0], 3);
    sync_now(&laptops[0]);
    sync_now(&laptops[2]); /* holds all five */
    world_put_back(&world);
    laptop_record(&laptops[1], 4); /* takes the positions of the three that are gone, and one more */
    sync_now(&laptops[1]);
    sync_now(&laptops[2]);
    cr_assert_eq(laptop_statements(&laptops[2]), 9, "%zu", laptop_statements(&laptops[2]));
    sync_everybody(2);
    expect_everything(9);
}

Test(put_back, a_laptop_that_is_behind_a_gap_gets_what_is_before_its_cursor_now)
{
    laptop_record(&laptops[0], 2);
    sync_everybody(2);
    world_save(&world);
    laptop_record(&laptops[1], 2);
    sync_now(&laptops[1]);
    sync_now(&laptops[2]);
    laptop_record(&laptops[0], 3);
    world_put_back(&world);
    sync_now(&laptops[0]);
    sync_now(&laptops[1]);
    laptop_record(&laptops[0], 1);
    sync_now(&laptops[0]);
    sync_now(&laptops[2]);
    cr_assert_eq(laptop_statements(&laptops[2]), 8);
    sync_everybody(2);
    expect_everything(8);
}

static void write_referral(const char *ref)
{
    json_decref(world_admin(&world, "referral-new",
                            json_pack("{s:s, s:s, s:s, s:s, s:s}", "site", "garden", "ref", ref, "participant", "P-1",
                                      "route", "cwp", "basis", "mandatory")));
}

Test(put_back, a_centre_put_back_never_gives_a_number_of_its_own_again)
{
    struct referral_list list;
    struct error err = { 0 };
    write_referral("R-1");
    sync_everybody(1);
    world_save(&world);
    write_referral("R-2");
    sync_everybody(1);
    world_put_back(&world);
    write_referral("R-3");
    sync_everybody(2);
    for (size_t l = 0; l < LAPTOPS; l++) {
        cr_assert_eq(query_referrals(laptops[l].store, NULL, 10, &list, &err), ERR_OK, "%s", err.message);
        cr_assert_eq(list.count, 3, "both that it wrote and forgot, and what it wrote since");
        referral_list_fini(&list);
    }
    world_verify(&world);
}

/* ---- any earlier state, any order ---- */

static uint64_t rng;

static uint32_t below(uint32_t limit)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (uint32_t)(rng >> 32) % limit;
}

static void check_tale(uint64_t seed)
{
    size_t said = 0;
    bool saved = false;
    rng = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    begin();
    for (int step = 0; step < 60; step++) {
        struct laptop *laptop = &laptops[below(LAPTOPS)];
        uint32_t what = below(10);
        size_t count = 1 + below(4);
        if (what == 0) {
            world_save(&world);
            saved = true;
        } else if (what == 1 && saved) {
            world_put_back(&world);
        } else if (what < 6) {
            laptop_record(laptop, count);
            said += count;
        } else {
            sync_now(laptop);
        }
    }
    sync_everybody(3);
    expect_everything(said);
    end();
}

Test(put_back_tales, whatever_state_the_centre_is_put_back_to_everybody_ends_with_everything, .timeout = 240)
{
    const char *only = getenv("PUT_BACK_SEED");
    if (only != NULL) {
        check_tale(strtoull(only, NULL, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= 12; seed++) {
        check_tale(seed);
    }
}

/* ---- older files of a laptop ---- */

static uint64_t counter;
static uint8_t state_hash;

static bool ask_freshness(void *context, uint64_t *ret_counter, uint8_t ret_hash[EXCHANGE_FRESHNESS_HASH_BYTES])
{
    (void)context;
    *ret_counter = counter;
    memset(ret_hash, state_hash, EXCHANGE_FRESHNESS_HASH_BYTES);
    return true;
}

static struct store_copies copies_of(struct laptop *laptop)
{
    struct store_copies copies;
    cr_assert_eq(store_copies_read(laptop->store, &copies, NULL), ERR_OK);
    return copies;
}

static uint32_t incarnation(struct laptop *laptop)
{
    struct store_sync sync;
    cr_assert_eq(store_sync_read(laptop->store, &sync, NULL), ERR_OK);
    return sync.recording;
}

Test(put_back, files_of_a_laptop_that_are_older_than_the_centre_has_seen_are_named_though_no_record_is_missing)
{
    struct laptop *laptop = &laptops[0];
    client_set_freshness(laptop->client, ask_freshness, NULL);
    counter = 7;
    laptop_record(laptop, 1);
    sync_now(laptop);
    counter = 9;
    sync_now(laptop);
    cr_assert_eq(copies_of(laptop).stale_at_ms, OP_TIME_NONE);
    uint32_t before = incarnation(laptop);
    counter = 8;
    sync_now(laptop);
    cr_assert_neq(copies_of(laptop).stale_at_ms, OP_TIME_NONE);
    cr_assert_neq(incarnation(laptop), before, "whoever uses the newer files records under the old one");
    cr_assert_eq(world_incidents(&world), 1);
    sync_now(laptop); /* under a fresh incarnation the older files are a beginning of their own */
    cr_assert_eq(world_incidents(&world), 1);
    laptop_record(laptop, 2);
    sync_everybody(2);
    expect_everything(3);
}

Test(put_back, files_of_the_same_age_with_another_content_are_a_copy_in_use)
{
    struct laptop *laptop = &laptops[0];
    client_set_freshness(laptop->client, ask_freshness, NULL);
    counter = 7;
    state_hash = 1;
    laptop_record(laptop, 1);
    sync_now(laptop);
    state_hash = 2;
    sync_now(laptop);
    cr_assert_neq(copies_of(laptop).stale_at_ms, OP_TIME_NONE);
}

Test(put_back, how_new_the_files_are_costs_nothing_once_it_is_known)
{
    struct laptop *laptop = &laptops[0];
    client_set_freshness(laptop->client, ask_freshness, NULL);
    counter = 7;
    sync_now(laptop);
    size_t first = laptop->request.len;
    sync_now(laptop);
    cr_assert_lt(laptop->request.len, first);
}

/* ---- a clock that ran ahead ---- */

Test(put_back, what_the_centre_writes_stands_over_what_a_clock_far_ahead_said)
{
    struct store_entry entry = { .kind = KIND_REFERRAL, .happened_at_ms = OP_TIME_NONE };
    struct referral_list list;
    struct error err = { 0 };
    write_referral("R-1");
    sync_everybody(1);
    record_init(&entry.record, kind_by_number(KIND_REFERRAL));
    entity_id(laptops[0].identity.stream, "referral", "R-1", entry.subject);
    record_set_text(&entry.record, "note", "from the year after next");
    int64_t now_ms = world.now_ms;
    world.now_ms += 700 * DAYS_MS;
    laptop_write(&laptops[0], &entry);
    world.now_ms = now_ms;
    sync_everybody(1);
    json_decref(world_admin(&world, "referral-new",
                            json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "site", "garden", "ref", "R-1", "participant",
                                      "P-1", "route", "cwp", "basis", "mandatory", "note", "from today")));
    sync_everybody(2);
    cr_assert_eq(query_referrals(laptops[1].store, NULL, 10, &list, &err), ERR_OK);
    cr_assert_eq(list.count, 1);
    cr_assert_str_eq(list.rows[0].note, "from today");
    referral_list_fini(&list);
}
