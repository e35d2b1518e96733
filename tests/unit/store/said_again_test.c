/*
 * One statement under two numbers is one, whichever of them comes first; and nobody supersedes what is not written yet.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/clock.h"
#include "chain_maker.h"

#define DAY "2026-06-01"

static struct world world;
static struct replica author;
static struct replica author_again; /* the same device, under another incarnation: only its name and key are used */
static struct replica one;
static struct replica two;
static struct chain_maker first;
static struct chain_maker again;
static struct error err;

static void setup(void)
{
    world_init(&world);
    replica_start(&world, &author, CERTIFICATE_ROLE_AGENT);
    replica_start(&world, &one, CERTIFICATE_ROLE_AGENT);
    replica_start(&world, &two, CERTIFICATE_ROLE_AGENT);
    author_again = author;
    author_again.identity.incarnation = author.identity.incarnation + 77;
    maker_init(&first, &world, &author);
    maker_init(&again, &world, &author_again);
    err = (struct error){ 0 };
}

static void teardown(void)
{
    struct store_verified verified;
    char left[65];
    char right[65];
    replica_digest(&one, left);
    replica_digest(&two, right);
    cr_assert_str_eq(left, right);
    cr_assert_eq(store_verify(one.store, &verified, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(store_verify(two.store, &verified, &err), ERR_OK, "%s", err.message);
    maker_fini(&again);
    maker_fini(&first);
    replica_stop(&two);
    replica_stop(&one);
    replica_stop(&author);
    world_fini(&world);
}

TestSuite(said_again, .init = setup, .fini = teardown, .timeout = 120);

static struct op_id say(struct chain_maker *maker, enum outcome outcome, const char *note, const struct op_id *over)
{
    struct store_entry entry;
    entry_attendance(&world, &entry, "P-1", DAY, 0, outcome, -1, note);
    return maker_add(maker, &entry, over, false);
}

static void carry(struct chain_maker *maker, size_t from, struct replica *reader)
{
    struct store_applied applied;
    cr_assert_eq(maker_carry(maker, from, maker->ops.count, reader, &applied, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(applied.quarantined, 0);
}

/* To one of them in this order, to the other in that. */
static void carry_both(void)
{
    carry(&first, 0, &one);
    carry(&again, 0, &one);
    carry(&again, 0, &two);
    carry(&first, 0, &two);
}

static struct session_row session_of(struct replica *reader)
{
    struct session_row session;
    struct row_id placement;
    entity_id(world.stream, "placement", "P-1", placement.bytes);
    cr_assert_eq(query_session(reader->store, &placement, day_of(DAY), 0, &session, &err), ERR_OK, "%s", err.message);
    return session;
}

/* What people see of the session: so many assertions, and what it comes to. */
static void expect(size_t assertions, enum standing standing, enum outcome outcome)
{
    struct replica *const replicas[] = { &one, &two };
    for (size_t i = 0; i < 2; i++) {
        struct session_row row = session_of(replicas[i]);
        struct attendance_list list;
        struct store_counts counts;
        cr_assert_eq(row.standing, standing, "%d at %zu", row.standing, i);
        cr_assert(standing == STANDING_DISPUTED || row.outcome == outcome);
        cr_assert_eq(query_attendance(replicas[i]->store, &row.placement, row.day, row.slot, 10, &list, &err), ERR_OK,
                     "%s", err.message);
        cr_assert_eq(list.count, assertions, "%zu at %zu", list.count, i);
        attendance_list_fini(&list);
        cr_assert_eq(query_counts(replicas[i]->store, &counts, &err), ERR_OK, "%s", err.message);
        cr_assert_eq(counts.attendance, assertions);
    }
}

/* The log keeps both, and says of one that it is the other. */
static void expect_logged(const struct op_id *repeat, const struct op_id *stands)
{
    struct log_list list;
    size_t repeats = 0;
    cr_assert_eq(query_log(two.store, NULL, 0, false, 100, &list, &err), ERR_OK, "%s", err.message);
    for (size_t i = 0; i < list.count; i++) {
        if (list.rows[i].repeats) {
            repeats++;
            cr_assert_eq(op_id_compare(&list.rows[i].op, repeat), 0);
            cr_assert_eq(op_id_compare(&list.rows[i].same_as, stands), 0);
        }
    }
    cr_assert_eq(repeats, 1);
    log_list_fini(&list);
}

Test(said_again, two_numbers_are_one_statement)
{
    struct op_id stands = say(&first, OUTCOME_ATTENDED, NULL, NULL);
    struct op_id repeat = maker_again(&again, &first.ops.ops[0], false);
    carry_both();
    expect(1, STANDING_RECORDED, OUTCOME_ATTENDED);
    expect_logged(&repeat, &stands);
}

Test(said_again, what_supersedes_one_of_them_supersedes_both)
{
    (void)say(&first, OUTCOME_ABSENT, NULL, NULL);
    struct op_id repeat = maker_again(&again, &first.ops.ops[0], false);
    again.hlc = first.hlc + 1;
    (void)say(&again, OUTCOME_ATTENDED, "they were there", &repeat);
    carry_both();
    expect(2, STANDING_RECORDED, OUTCOME_ATTENDED);
}

Test(said_again, an_erased_one_is_the_other_that_is_left)
{
    struct op_id gone = say(&first, OUTCOME_ATTENDED, NULL, NULL);
    struct op_id stands = maker_again(&again, &first.ops.ops[0], false);
    first.ops.ops[0].erased = true;
    first.ops.ops[0].body = slice_of("", 0);
    memset(first.ops.ops[0].salt, 0, OP_SALT_BYTES);
    carry_both();
    expect(1, STANDING_RECORDED, OUTCOME_ATTENDED);
    expect_logged(&gone, &stands);
}

Test(said_again, other_words_at_the_same_moment_are_another_statement)
{
    (void)say(&first, OUTCOME_ATTENDED, NULL, NULL);
    struct op other = first.ops.ops[0];
    struct store_entry entry;
    struct buf body;
    buf_init(&body, OP_BODY_MAX);
    entry_attendance(&world, &entry, "P-1", DAY, 0, OUTCOME_ABSENT, -1, NULL);
    cr_assert_eq(record_encode(&entry.record, &body, &err), ERR_OK);
    other.body = buf_slice(&body);
    (void)maker_again(&again, &other, false);
    buf_fini(&body);
    carry_both();
    expect(2, STANDING_DISPUTED, OUTCOME_NONE);
}

Test(said_again, another_devices_same_words_are_its_own)
{
    struct replica third;
    struct chain_maker other;
    replica_start(&world, &third, CERTIFICATE_ROLE_AGENT);
    maker_init(&other, &world, &third);
    (void)say(&first, OUTCOME_ATTENDED, NULL, NULL);
    struct op same = first.ops.ops[0];
    memcpy(same.id.device, third.identity.device, DEVICE_ID_BYTES);
    (void)maker_again(&other, &same, false);
    carry(&first, 0, &one);
    carry(&other, 0, &one);
    carry(&other, 0, &two);
    carry(&first, 0, &two);
    expect(2, STANDING_RECORDED, OUTCOME_ATTENDED);
    maker_fini(&other);
    replica_stop(&third);
}

static uint64_t bodies(struct replica *replica)
{
    struct log_list list;
    uint64_t count = 0;
    cr_assert_eq(query_log(replica->store, NULL, 0, false, 100, &list, &err), ERR_OK, "%s", err.message);
    for (size_t i = 0; i < list.count; i++) {
        count += list.rows[i].kind == KIND_ATTENDANCE && !list.rows[i].erased;
    }
    log_list_fini(&list);
    return count;
}

static void erase_one(const struct op_id *op)
{
    struct store_erasable unused;
    struct store_erase erase = { .kind = KIND_ATTENDANCE,
                                 .subject_len = OP_SESSION_BYTES,
                                 .one = true,
                                 .op = *op,
                                 .ground = "right",
                                 .decided_by = "Test Officer",
                                 .reason = "request 7" };
    memcpy(erase.subject, first.ops.ops[0].subject, OP_SESSION_BYTES);
    cr_assert_eq(store_erase(one.store, "Test Officer", &erase, clock_wall_ms() + 5000, &unused, &err), ERR_OK, "%s",
                 err.message);
}

Test(said_again, it_is_erased_under_each_of_its_numbers)
{
    struct op_id stands = say(&first, OUTCOME_ATTENDED, NULL, NULL);
    (void)maker_again(&again, &first.ops.ops[0], false);
    carry_both();
    erase_one(&stands);
    cr_assert_eq(bodies(&one), 0);
    cr_assert_eq(replica_carry(&one, 0, 10, &two, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(bodies(&two), 0);
}

/* Else nobody knew any more for whom the break spoke. */
Test(said_again, the_last_record_of_a_break_is_the_last_under_all_its_numbers)
{
    struct store_entry entry = { .kind = KIND_PLACEMENT_BREAK, .happened_at_ms = OP_TIME_NONE };
    struct store_erasable unused;
    struct store_erase erase = { .kind = KIND_PLACEMENT_BREAK,
                                 .subject_len = OP_ENTITY_BYTES,
                                 .one = true,
                                 .ground = "right",
                                 .decided_by = "Test Officer",
                                 .reason = "request 7" };
    uint8_t placement[OP_ENTITY_BYTES];
    entity_id(world.stream, "placement_break", "B-1", entry.subject);
    entity_id(world.stream, "placement", "P-1", placement);
    record_init(&entry.record, kind_by_number(entry.kind));
    record_set_id(&entry.record, "placement", placement);
    record_set_number(&entry.record, "starts_on", day_of(DAY));
    record_set_number(&entry.record, "ends_on", day_of(DAY));
    record_set_text(&entry.record, "reason", "hospital");
    memcpy(erase.subject, entry.subject, OP_ENTITY_BYTES);
    struct op_id numbers[2] = { maker_add(&first, &entry, NULL, false) };
    numbers[1] = maker_again(&again, &first.ops.ops[0], false);
    carry_both();
    for (size_t i = 0; i < 2; i++) {
        erase.op = numbers[i];
        cr_expect_eq(store_erase(one.store, "Test Officer", &erase, clock_wall_ms() + 5000, &unused, &err), ERR_REFUSED,
                     "number %zu", i);
    }
    again.hlc = first.hlc + 1;
    record_set_text(&entry.record, "reason", "agreed_leave");
    (void)maker_add(&again, &entry, NULL, false);
    carry(&again, 1, &one);
    carry(&again, 1, &two);
    cr_assert_eq(store_erase(one.store, "Test Officer", &erase, clock_wall_ms() + 5000, &unused, &err), ERR_OK, "%s",
                 err.message);
    cr_expect_eq(unused.records, 2, "both numbers of what was said first");
    cr_assert_eq(replica_carry(&one, 0, 10, &two, &err), ERR_OK, "%s", err.message);
}

Test(said_again, who_erased_it_follows_it_up_when_it_comes_back_under_another_number)
{
    uint64_t records;
    (void)say(&first, OUTCOME_ATTENDED, NULL, NULL);
    struct op_id known = maker_again(&again, &first.ops.ops[0], false);
    carry(&again, 0, &one);
    erase_one(&known);
    carry(&first, 0, &one);
    cr_assert_eq(bodies(&one), 1);
    cr_assert_eq(store_erase_late(one.store, clock_wall_ms() + 6000, &records, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(records, 1);
    cr_assert_eq(bodies(&one), 0);
    cr_assert_eq(store_erase_late(one.store, clock_wall_ms() + 7000, &records, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(records, 0);
    carry(&first, 0, &two);
    carry(&again, 0, &two);
    cr_assert_eq(replica_carry(&one, 0, 10, &two, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(bodies(&two), 0);
}

/* Named before it was written: somebody wants what comes under that number to be gone on arrival. */
Test(said_again, nobody_supersedes_what_is_still_to_come)
{
    struct op_id to_come = { .incarnation = author_again.identity.incarnation, .seq = 1 };
    memcpy(to_come.device, author.identity.device, DEVICE_ID_BYTES);
    (void)say(&first, OUTCOME_ABSENT, "put right", &to_come);
    again.hlc = first.hlc + 1;
    (void)say(&again, OUTCOME_ATTENDED, NULL, NULL);
    carry_both();
    expect(2, STANDING_DISPUTED, OUTCOME_NONE);
}

/* By a clock that is as far ahead as a centre takes it: who has seen it can correct it all the same. */
Test(said_again, a_correction_stands_over_a_clock_that_ran_ahead)
{
    struct store_entry entry;
    first.hlc += (uint64_t)OP_AHEAD_MAX_MS << 16;
    (void)say(&first, OUTCOME_ABSENT, NULL, NULL);
    carry(&first, 0, &one);
    carry(&first, 0, &two);
    entry_attendance(&world, &entry, "P-1", DAY, 0, OUTCOME_ATTENDED, -1, "they were there");
    replica_write(&one, &entry, (int64_t)day_of("2026-06-02") * 86400000);
    cr_assert_eq(replica_carry(&one, 0, 10, &two, &err), ERR_OK, "%s", err.message);
    expect(2, STANDING_RECORDED, OUTCOME_ATTENDED);
}
