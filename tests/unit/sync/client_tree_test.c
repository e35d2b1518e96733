/* A centre that signs something else than it gives, or keeps its word to itself. */
#include <criterion/criterion.h>
#include <string.h>

#include "desk.h"
#include "store/tree.h"

static struct error err;

static uint64_t violations(struct desk *desk)
{
    struct store_violation newest;
    uint64_t count;
    cr_assert_eq(store_violation_standing(desk->replica.store, &newest, &count, &err), ERR_OK, "%s", err.message);
    store_violation_fini(&newest);
    return count;
}

static struct checkpoint newest(struct desk *desk, bool *ret_known)
{
    struct store_verified_checkpoint held;
    cr_assert_eq(store_checkpoint_read(desk->replica.store, &held, &err), ERR_OK, "%s", err.message);
    *ret_known = held.known;
    store_verified_checkpoint_fini(&held);
    return held.checkpoint;
}

/* Four records of its own and five of another are here, and the centre has signed that. */
static void desk_with_checkpoint(struct desk *desk)
{
    desk_init(desk);
    desk_record(desk, &desk->replica, 4, 20);
    desk_record(desk, &desk->author, 5, 20);
    client_wake(desk->client, CLIENT_WAKE_NEW_OPS);
    desk_settle(desk);
    cr_assert_eq(desk_status(desk).last.result, ERR_OK, "%s", desk_status(desk).last.error.message);
}

Test(tree, a_checkpoint_that_fits_what_came_is_kept)
{
    struct desk desk;
    bool known;
    desk_with_checkpoint(&desk);
    cr_expect_eq(newest(&desk, &known).size, 9);
    cr_expect(known);
    cr_expect_eq(violations(&desk), 0);
    desk_fini(&desk);
}

Test(tree, a_root_of_other_records_stops_the_client_with_history_and_is_kept_as_evidence)
{
    struct desk desk;
    bool known;
    desk_with_checkpoint(&desk);
    struct checkpoint before = newest(&desk, &known);
    desk.centre.signs_another_root = true;
    desk_record(&desk, &desk.author, 2, 20);
    desk_timer(&desk);
    desk_settle(&desk);
    cr_expect_eq(desk_status(&desk).last.result, ERR_HISTORY, "%s", desk_status(&desk).last.error.message);
    cr_expect_eq(desk_status(&desk).state, CLIENT_STALLED);
    cr_expect_geq(violations(&desk), 1);
    struct checkpoint after = newest(&desk, &known);
    cr_expect(known && after.size == before.size, "what fitted once stays the newest that fits");
    cr_expect_arr_eq(after.root.bytes, before.root.bytes, MERKLE_HASH_BYTES);
    struct store_verified verified;
    cr_expect_eq(store_verify(desk.replica.store, &verified, &err), ERR_OK, "no record is lost: %s", err.message);
    desk_fini(&desk);
}

Test(tree, the_client_goes_on_when_the_centre_signs_again_what_it_gives)
{
    struct desk desk;
    bool known;
    desk_with_checkpoint(&desk);
    desk.centre.signs_another_root = true;
    desk_record(&desk, &desk.author, 2, 20);
    desk_timer(&desk);
    desk_settle(&desk);
    desk.centre.signs_another_root = false;
    client_wake(desk.client, CLIENT_WAKE_PERSON);
    desk_settle(&desk);
    cr_expect_eq(desk_status(&desk).last.result, ERR_OK, "%s", desk_status(&desk).last.error.message);
    cr_expect_eq(newest(&desk, &known).size, 11);
    cr_expect_geq(violations(&desk), 1, "and what happened stays");
    desk_fini(&desk);
}

Test(tree, what_the_centre_did_not_sign_is_not_taken)
{
    struct desk desk;
    bool known;
    desk_with_checkpoint(&desk);
    desk.centre.keeps_checkpoint = true;
    desk_record(&desk, &desk.author, 2, 20);
    desk_timer(&desk);
    desk_settle(&desk);
    cr_expect_eq(desk_status(&desk).last.result, ERR_PROTOCOL, "%s", desk_status(&desk).last.error.message);
    cr_expect_eq(desk_sync(&desk).cursor, 9);
    desk.centre.keeps_checkpoint = false;
    desk_timer(&desk);
    desk_settle(&desk);
    cr_expect_eq(desk_status(&desk).last.result, ERR_OK, "%s", desk_status(&desk).last.error.message);
    cr_expect_eq(newest(&desk, &known).size, 11);
    cr_expect_eq(violations(&desk), 0);
    desk_fini(&desk);
}
