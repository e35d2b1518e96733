/*
 * A centre that was put back has lost records of people who never come again, and its own: whoever holds them gives
 * them back.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "store/query.h"
#include "sync/endpoint/core/private.h"
#include "world.h"

static struct centre_world world;
static struct laptop gone;
static struct laptop holder;
static struct laptop second;

static void begin(void)
{
    world_open(&world);
    laptop_enrol(&world, "garden", &gone);
    laptop_enrol(&world, "garden", &holder);
    laptop_enrol(&world, "garden", &second);
}

static void end(void)
{
    world_verify(&world);
    laptop_fini(&gone);
    laptop_fini(&holder);
    laptop_fini(&second);
    world_close(&world);
}

TestSuite(given_back, .init = begin, .fini = end, .timeout = 120);

static void sync_now(struct laptop *laptop)
{
    cr_assert_eq(laptop_sync(laptop), ERR_OK, "%s", world.err.message);
}

static void expect_same(struct laptop *a, struct laptop *b)
{
    uint8_t left[SHA256_BYTES];
    uint8_t right[SHA256_BYTES];
    laptop_digest(a, left);
    laptop_digest(b, right);
    cr_assert_arr_eq(left, right, SHA256_BYTES);
}

static void expect_for_a_newcomer(size_t statements)
{
    struct laptop newcomer;
    laptop_enrol(&world, "garden", &newcomer);
    sync_now(&newcomer);
    cr_assert_eq(laptop_statements(&newcomer), statements, "%zu", laptop_statements(&newcomer));
    expect_same(&newcomer, &holder);
    laptop_fini(&newcomer);
}

static void write_referral(const char *ref)
{
    json_decref(world_admin(&world, "referral-new",
                            json_pack("{s:s, s:s, s:s, s:s, s:s}", "site", "garden", "ref", ref, "participant", "P-1",
                                      "route", "cwp", "basis", "mandatory")));
}

Test(given_back, records_of_a_machine_that_is_gone)
{
    world_save(&world);
    laptop_record(&gone, 5);
    sync_now(&gone);
    sync_now(&holder);
    world_put_back(&world);
    sync_now(&holder);
    cr_assert_eq(world_ops(&world, "garden"), 5);
    expect_for_a_newcomer(5);
}

Test(given_back, what_the_centre_itself_had_written)
{
    struct referral_list list;
    world_save(&world);
    write_referral("R-1");
    sync_now(&holder);
    world_put_back(&world);
    write_referral("R-2");
    sync_now(&holder);
    sync_now(&second);
    cr_assert_eq(query_referrals(second.store, NULL, 10, &list, NULL), ERR_OK);
    cr_assert_eq(list.count, 2, "%zu, %llu", list.count, (unsigned long long)world_ops(&world, "garden"));
    referral_list_fini(&list);
    expect_same(&holder, &second);
}

Test(given_back, only_the_part_of_a_history_that_is_lost)
{
    laptop_record(&gone, 3);
    sync_now(&gone);
    sync_now(&holder);
    world_save(&world);
    laptop_record(&gone, 4);
    sync_now(&gone);
    sync_now(&holder);
    world_put_back(&world);
    sync_now(&holder);
    cr_assert_eq(world_ops(&world, "garden"), 7);
    expect_for_a_newcomer(7);
}

Test(given_back, more_than_a_message_holds_in_the_pieces_in_which_it_was_signed)
{
    world_save(&world);
    for (int i = 0; i < 3; i++) {
        laptop_record(&gone, 1500);
        sync_now(&gone);
    }
    sync_now(&holder);
    world_put_back(&world);
    sync_now(&holder);
    cr_assert_eq(world_ops(&world, "garden"), 4500);
    expect_for_a_newcomer(4500);
}

Test(given_back, by_two_machines_and_by_the_author_once)
{
    world_save(&world);
    laptop_record(&gone, 4);
    sync_now(&gone);
    sync_now(&holder);
    sync_now(&second);
    world_put_back(&world);
    sync_now(&holder);
    sync_now(&second);
    sync_now(&gone);
    sync_now(&holder);
    cr_assert_eq(world_ops(&world, "garden"), 4);
    cr_assert_eq(world_incidents(&world), 1, "it is told that it was put back, and nothing else");
    expect_same(&holder, &second);
    expect_same(&holder, &gone);
}

Test(given_back, and_then_the_author_gets_its_own_from_them)
{
    laptop_save(&gone);
    world_save(&world);
    laptop_record(&gone, 4);
    sync_now(&gone);
    sync_now(&holder);
    world_put_back(&world);
    laptop_put_back(&gone); /* neither knows any more what it had said */
    laptop_record(&gone, 1);
    sync_now(&holder);
    sync_now(&gone);
    sync_now(&holder);
    cr_assert_eq(laptop_statements(&gone), 5);
    expect_same(&holder, &gone);
}

Test(given_back, nothing_when_nothing_is_lost)
{
    laptop_record(&gone, 2);
    sync_now(&gone);
    sync_now(&holder);
    unsigned before = holder.exchanges;
    sync_now(&holder);
    cr_assert_eq(holder.exchanges, before + 1);
    cr_assert_lt(holder.request.len, 200);
}

Test(given_back, of_a_revoked_machine_too_and_the_operator_is_told)
{
    char digits[2 * DEVICE_ID_BYTES + 1];
    hex_encode(gone.identity.device, DEVICE_ID_BYTES, digits);
    laptop_record(&gone, 1);
    sync_now(&gone);
    world_save(&world);
    laptop_record(&gone, 2);
    sync_now(&gone);
    sync_now(&holder);
    world_put_back(&world);
    json_decref(world_admin(&world, "revoke", json_pack("{s:s}", "device", digits)));
    sync_now(&holder);
    cr_assert_eq(world_ops(&world, "garden"), 3);
    cr_assert_eq(world_incidents(&world), 2, "that it was put back, and whose it took");
}

/* ---- what is not taken ---- */

/* The holder holds the first branch; the author, put back as the centre was, has said something else meanwhile. */
Test(given_back, no_second_branch_and_the_machine_between_them_says_whose_it_is)
{
    char digits[2 * DEVICE_ID_BYTES + 1];
    laptop_save(&gone);
    world_save(&world);
    laptop_record(&gone, 2);
    sync_now(&gone);
    sync_now(&holder);
    world_put_back(&world);
    laptop_put_back(&gone);
    laptop_record(&gone, 1);
    sync_now(&gone);
    cr_assert_eq(laptop_sync(&holder), ERR_HISTORY);
    hex_encode(gone.identity.device, 4, digits);
    cr_assert_not_null(strstr(world.err.message, digits), "%s", world.err.message);
    cr_assert_eq(world_ops(&world, "garden"), 1);
}
