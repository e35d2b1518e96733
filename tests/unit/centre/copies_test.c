/*
 * Copies of a laptop's replica: restored from a backup, put back without a word, cloned. Nothing is lost, no number is
 * given twice, and everybody ends with the same tables.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/query.h"
#include "world.h"

static struct centre_world world;
static struct laptop one;
static struct laptop other;

static void begin(void)
{
    world_open(&world);
    laptop_enrol(&world, "garden", &one);
    laptop_enrol(&world, "garden", &other);
}

static void end(void)
{
    laptop_fini(&one);
    laptop_fini(&other);
    world_close(&world);
}

TestSuite(copies, .init = begin, .fini = end, .timeout = 240);

static void sync_now(struct laptop *laptop)
{
    cr_assert_eq(laptop_sync(laptop), ERR_OK, "%s", world.err.message);
}

static struct store_copies copies_of(struct laptop *laptop)
{
    struct store_copies copies;
    cr_assert_eq(store_copies_read(laptop->store, &copies, NULL), ERR_OK);
    return copies;
}

static uint64_t pending(struct laptop *laptop)
{
    struct store_sync sync;
    cr_assert_eq(store_sync_read(laptop->store, &sync, NULL), ERR_OK);
    return sync.pending_ops;
}

static uint32_t incarnation(struct laptop *laptop)
{
    struct store_identity identity;
    cr_assert_eq(store_identity_read(laptop->store, &identity, NULL), ERR_OK);
    uint32_t number = identity.incarnation;
    store_identity_fini(&identity);
    return number;
}

static void expect_equal(struct laptop *a, struct laptop *b)
{
    uint8_t first[SHA256_BYTES];
    uint8_t second[SHA256_BYTES];
    laptop_digest(a, first);
    laptop_digest(b, second);
    cr_assert_arr_eq(first, second, SHA256_BYTES);
}

static void expect_whole(struct laptop *laptop, size_t statements)
{
    struct store_verified verified;
    struct error err = { 0 };
    cr_assert_eq(laptop_statements(laptop), statements, "%zu statements", laptop_statements(laptop));
    cr_assert_eq(pending(laptop), 0);
    cr_assert_eq(store_verify(laptop->store, &verified, &err), ERR_OK, "%s", err.message);
}

/* ---- restored ---- */

Test(copies, a_restored_backup_records_under_a_fresh_incarnation_and_gets_the_rest_back)
{
    laptop_record(&one, 5);
    sync_now(&one);
    laptop_save(&one);
    laptop_record(&one, 7);
    sync_now(&one);
    uint32_t before = incarnation(&one);
    laptop_restore(&one);
    cr_assert_neq(incarnation(&one), before);
    laptop_record(&one, 2);
    sync_now(&one);
    sync_now(&other);
    expect_whole(&one, 14);
    expect_whole(&other, 14);
    expect_equal(&one, &other);
    cr_assert_eq(copies_of(&one).came_back, 7);
    cr_assert_eq(copies_of(&one).issued_again, 0);
    cr_assert_eq(world_ops(&world, "garden"), 14);
    cr_assert_eq(world_incidents(&world), 0, "nothing forked");
    world_verify(&world);
}

Test(copies, one_backup_restored_twice_never_gives_a_number_twice)
{
    laptop_record(&one, 3);
    sync_now(&one);
    laptop_save(&one);
    laptop_restore(&one);
    laptop_record(&one, 2);
    sync_now(&one);
    uint32_t first = incarnation(&one);
    laptop_restore(&one);
    cr_assert_neq(incarnation(&one), first);
    laptop_record(&one, 4);
    sync_now(&one);
    sync_now(&other);
    expect_whole(&one, 9);
    expect_equal(&one, &other);
    cr_assert_eq(world_incidents(&world), 0);
}

Test(copies, a_restored_backup_sends_what_it_held_unsent_before_what_it_records)
{
    laptop_record(&one, 2);
    sync_now(&one);
    laptop_record(&one, 3);
    laptop_save(&one);
    sync_now(&one);
    laptop_record(&one, 1);
    sync_now(&one);
    laptop_restore(&one);
    laptop_record(&one, 2);
    cr_assert_eq(pending(&one), 5);
    sync_now(&one);
    sync_now(&other);
    expect_whole(&one, 8);
    expect_equal(&one, &other);
    cr_assert_eq(world_incidents(&world), 0);
}

Test(copies, a_restored_backup_that_was_never_sent_loses_nothing)
{
    laptop_record(&one, 3);
    laptop_save(&one);
    laptop_restore(&one);
    laptop_record(&one, 2);
    laptop_save(&one);
    laptop_restore(&one);
    laptop_record(&one, 1);
    cr_assert_eq(pending(&one), 6);
    sync_now(&one);
    sync_now(&other);
    expect_whole(&one, 6);
    expect_equal(&one, &other);
}

/* ---- put back without a word ---- */

Test(copies, an_older_copy_put_back_goes_on_under_a_fresh_incarnation)
{
    laptop_record(&one, 5);
    sync_now(&one);
    laptop_save(&one);
    laptop_record(&one, 7);
    sync_now(&one);
    uint32_t before = incarnation(&one);
    laptop_put_back(&one);
    sync_now(&one);
    cr_assert_neq(incarnation(&one), before, "the old one may be in use elsewhere");
    laptop_record(&one, 2);
    sync_now(&one);
    sync_now(&other);
    expect_whole(&one, 14);
    expect_equal(&one, &other);
    cr_assert_eq(copies_of(&one).came_back, 7);
    cr_assert_eq(copies_of(&one).twin_ops, 0);
    cr_assert_eq(world_incidents(&world), 0);
}

Test(copies, an_older_copy_that_recorded_on_gets_its_records_back_and_issues_its_own_again)
{
    laptop_record(&one, 5);
    sync_now(&one);
    laptop_save(&one);
    laptop_record(&one, 7);
    sync_now(&one);
    laptop_put_back(&one);
    laptop_record(&one, 3); /* numbers 6 to 8 for the second time */
    sync_now(&one);
    struct store_copies copies = copies_of(&one);
    cr_assert_eq(copies.came_back, 7);
    cr_assert_eq(copies.issued_again, 3);
    cr_assert_neq(copies.older_at_ms, OP_TIME_NONE);
    sync_now(&other);
    expect_whole(&one, 15);
    expect_whole(&other, 15);
    expect_equal(&one, &other);
    cr_assert_eq(world_incidents(&world), 1, "the centre keeps what was offered under a number it held");
    world_verify(&world);
    struct store_verified verified;
    cr_assert_eq(store_verify(one.store, &verified, NULL), ERR_OK);
    cr_assert_eq(verified.set_aside, 3, "the branch is kept as it was");
    laptop_record(&one, 1);
    sync_now(&one);
    sync_now(&other);
    expect_whole(&other, 16);
    expect_equal(&one, &other);
}

Test(copies, a_branch_of_thousands_of_records_is_issued_again_whole)
{
    laptop_record(&one, 5);
    sync_now(&one);
    laptop_save(&one);
    laptop_record(&one, 3000);
    sync_now(&one);
    laptop_put_back(&one);
    laptop_record(&one, 5000); /* more than are folded at once */
    sync_now(&one);
    cr_assert_eq(copies_of(&one).issued_again, 5000);
    sync_now(&other);
    expect_whole(&one, 8005);
    expect_equal(&one, &other);
}

Test(copies, a_branch_longer_than_the_other_is_issued_again_whole)
{
    laptop_record(&one, 1);
    sync_now(&one);
    laptop_save(&one);
    laptop_record(&one, 1);
    sync_now(&one);
    laptop_put_back(&one);
    laptop_record(&one, 9);
    sync_now(&one);
    sync_now(&other);
    expect_whole(&one, 11);
    expect_equal(&one, &other);
}

static void entry_session(struct store_entry *entry, int32_t day, enum outcome outcome, const char *note)
{
    static const uint8_t placement[OP_ENTITY_BYTES] = "a placement here";
    *entry = (struct store_entry){ .kind = KIND_ATTENDANCE, .happened_at_ms = OP_TIME_NONE };
    record_init(&entry->record, kind_by_number(KIND_ATTENDANCE));
    session_subject(placement, day, 0, entry->subject);
    record_set_number(&entry->record, "outcome", outcome);
    record_set_text(&entry->record, "note", note);
}

static struct session_row session_on(struct laptop *laptop, int32_t day)
{
    struct row_id placement = { "a placement here" };
    struct session_row session;
    struct error err = { 0 };
    cr_assert_eq(query_session(laptop->store, &placement, day, 0, &session, &err), ERR_OK, "%s", err.message);
    return session;
}

Test(copies, a_correction_issued_again_stands_over_what_it_corrected)
{
    struct store_entry entry;
    laptop_record(&one, 1);
    sync_now(&one);
    laptop_save(&one);
    laptop_record(&one, 2);
    sync_now(&one);
    laptop_put_back(&one);
    entry_session(&entry, 20000, OUTCOME_ABSENT, "first");
    laptop_write(&one, &entry);
    entry_session(&entry, 20000, OUTCOME_ATTENDED, "was there after all");
    laptop_write(&one, &entry);
    sync_now(&one);
    sync_now(&other);
    cr_assert_eq(session_on(&one, 20000).standing, STANDING_RECORDED);
    cr_assert_eq(session_on(&one, 20000).outcome, OUTCOME_ATTENDED);
    expect_whole(&one, 3);
    expect_equal(&one, &other);
}

Test(copies, two_branches_that_say_different_things_of_a_session_are_a_dispute_and_not_a_loss)
{
    struct store_entry entry;
    laptop_record(&one, 1);
    sync_now(&one);
    laptop_save(&one);
    entry_session(&entry, 20000, OUTCOME_ABSENT, "so");
    laptop_write(&one, &entry);
    sync_now(&one);
    laptop_put_back(&one);
    entry_session(&entry, 20000, OUTCOME_ATTENDED, "so");
    laptop_write(&one, &entry);
    sync_now(&one);
    sync_now(&other);
    cr_assert_eq(session_on(&other, 20000).standing, STANDING_DISPUTED);
    expect_equal(&one, &other);
}

static size_t assertions_on(struct laptop *laptop, int32_t day)
{
    struct row_id placement = { "a placement here" };
    struct attendance_list list;
    struct error err = { 0 };
    cr_assert_eq(query_attendance(laptop->store, &placement, day, 0, 100, &list, &err), ERR_OK, "%s", err.message);
    size_t count = list.count;
    attendance_list_fini(&list);
    return count;
}

static void sync_all(struct laptop *first, struct laptop *second, struct laptop *third)
{
    for (int i = 0; i < 4; i++) {
        sync_now(first);
        sync_now(second);
        sync_now(third);
    }
}

/* The centre is put back twice; a third machine gives it the branch that had given way in between. */
Test(copies, what_was_issued_again_counts_once_where_its_first_number_has_come_back)
{
    struct store_entry entry;
    struct laptop twin;
    laptop_record(&one, 1);
    sync_now(&one);
    world_save(&world);
    laptop_clone(&one, &twin);
    entry_session(&entry, 20000, OUTCOME_ABSENT, "first");
    laptop_write(&one, &entry);
    sync_now(&one);
    sync_now(&other); /* and is not heard of for a while */
    world_put_back(&world);
    entry_session(&entry, 20001, OUTCOME_ATTENDED, "under the same number");
    laptop_write(&twin, &entry);
    sync_now(&twin);
    sync_now(&one);
    cr_assert_eq(copies_of(&one).issued_again, 1);
    entry_session(&entry, 20000, OUTCOME_ATTENDED, "was there after all");
    laptop_write(&one, &entry);
    sync_now(&one);
    world_put_back(&world);
    sync_all(&other, &one, &twin);
    struct laptop *const all[] = { &one, &other, &twin };
    for (size_t i = 0; i < 3; i++) {
        cr_expect_eq(assertions_on(all[i], 20000), 2, "%zu: %zu", i, assertions_on(all[i], 20000));
        cr_expect_eq(session_on(all[i], 20000).standing, STANDING_RECORDED, "%zu", i);
        cr_expect_eq(session_on(all[i], 20000).outcome, OUTCOME_ATTENDED);
        cr_expect_eq(assertions_on(all[i], 20001), 1);
    }
    expect_equal(&one, &other);
    expect_equal(&twin, &other);
    struct log_list log;
    size_t repeats = 0;
    cr_assert_eq(query_log(other.store, NULL, 0, false, 100, &log, NULL), ERR_OK);
    for (size_t i = 0; i < log.count; i++) {
        repeats += log.rows[i].repeats;
    }
    cr_assert_eq(repeats, 1, "the log has both, and says so: %zu", repeats);
    log_list_fini(&log);
    world_verify(&world);
    laptop_fini(&twin);
}

/* ---- a twin ---- */

Test(copies, two_machines_with_one_identity_both_go_on_and_are_named)
{
    struct laptop twin;
    laptop_record(&one, 4);
    sync_now(&one);
    laptop_clone(&one, &twin);
    laptop_record(&one, 3);
    laptop_record(&twin, 2);
    sync_now(&one);
    sync_now(&twin); /* forks, is given the other's, and issues its own again */
    sync_now(&one);
    for (int i = 0; i < 3; i++) {
        laptop_record(&one, 1);
        laptop_record(&twin, 1);
        sync_now(&twin);
        sync_now(&one);
    }
    sync_now(&twin);
    sync_now(&other);
    expect_whole(&one, 15);
    expect_whole(&twin, 15);
    expect_equal(&one, &other);
    expect_equal(&twin, &other);
    cr_assert_eq(copies_of(&twin).issued_again, 2);
    cr_assert_gt(copies_of(&one).twin_ops, 0, "each hears that there is another");
    cr_assert_gt(copies_of(&twin).twin_ops, 0);
    cr_assert_eq(world_incidents(&world), 1, "they forked once and never again");
    world_verify(&world);
    laptop_fini(&twin);
}

Test(copies, what_two_machines_issue_again_of_one_branch_is_said_once)
{
    struct laptop twin;
    laptop_record(&one, 2);
    sync_now(&one);
    laptop_save(&one);
    laptop_record(&one, 3);
    sync_now(&one);
    laptop_put_back(&one);
    laptop_record(&one, 4); /* under taken numbers, and not sent before the disk is cloned */
    laptop_clone(&one, &twin);
    laptop_record(&one, 1);
    laptop_record(&twin, 2);
    sync_now(&one);
    sync_now(&twin);
    sync_now(&one);
    sync_now(&twin);
    sync_now(&other);
    expect_whole(&one, 12);
    expect_whole(&twin, 12);
    expect_whole(&other, 12);
    expect_equal(&one, &other);
    expect_equal(&twin, &other);
    struct store_counts counts;
    cr_assert_eq(query_counts(other.store, &counts, NULL), ERR_OK);
    cr_assert_eq(counts.ops, 12, "%llu ops: none twice", (unsigned long long)counts.ops);
    world_verify(&world);
    laptop_fini(&twin);
}

/* ---- anything goes ---- */

static uint64_t rng;

static uint32_t below(uint32_t limit)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (uint32_t)(rng >> 32) % limit;
}

/* A put-back only ever follows a synchronisation, so that all that was said may be asked for. */
struct tale {
    size_t said; /* statements */
    bool saved;
};

static void act(struct tale *tale)
{
    size_t count = 1 + below(4);
    switch (below(8)) {
    case 0:
        laptop_save(&one);
        tale->saved = true;
        break;
    case 1:
    case 2:
        if (tale->saved && pending(&one) == 0) {
            if (below(2) == 0) {
                laptop_restore(&one);
            } else {
                laptop_put_back(&one);
            }
        }
        break;
    case 3:
        laptop_record(&other, count);
        tale->said += count;
        break;
    case 4:
    case 5:
        laptop_record(&one, count);
        tale->said += count;
        break;
    case 6:
        sync_now(&other);
        break;
    default:
        sync_now(&one);
        break;
    }
}

static void check_tale(uint64_t seed)
{
    struct tale tale = { 0 };
    rng = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    begin();
    for (int step = 0; step < 60; step++) {
        act(&tale);
    }
    sync_now(&one);
    sync_now(&other);
    sync_now(&one);
    cr_assert_eq(laptop_statements(&one), tale.said, "seed %llu: %zu of %zu", (unsigned long long)seed,
                 laptop_statements(&one), tale.said);
    expect_whole(&one, tale.said);
    expect_equal(&one, &other);
    world_verify(&world);
    end();
}

Test(copies_tales, whatever_is_put_back_nothing_synchronised_is_lost, .timeout = 240)
{
    const char *only = getenv("COPIES_SEED");
    if (only != NULL) {
        check_tale(strtoull(only, NULL, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= 12; seed++) {
        check_tale(seed);
    }
}
