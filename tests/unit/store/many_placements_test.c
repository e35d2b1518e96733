/* One person with very many placements and doubts, by a device that means no good: what that costs is counted in steps
 * of the database's statements, to which every row that one visits adds some. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "base/clock.h"
#include "chain_maker.h"
#include "store/doubts.h"
#include "store/replica.h"

#define DAY "2026-06-03" /* a Wednesday */

static struct world world;
static struct error err;

static int64_t steps_since(struct replica *replica)
{
    int64_t steps = 0;
    sqlite3_stmt *s = NULL;
    while ((s = sqlite3_next_stmt(replica->store->db.handle, s)) != NULL) {
        steps += sqlite3_stmt_status(s, SQLITE_STMTSTATUS_VM_STEP, 1);
    }
    return steps;
}

static void say_placements(struct chain_maker *maker, int count)
{
    for (int i = 0; i < count; i++) {
        struct store_entry entry;
        char ref[24];
        (void)snprintf(ref, sizeof(ref), "P-%d", i);
        entry_placement(&world, &entry, ref, "GDN-1", "mandatory", "2026-06-01", "2026-06-30",
                        i == 0 ? "Wed 09:30-15:30" : "Wed 17:00-18:00");
        entry_sent_by(&world, &entry, "R-1");
        (void)maker_add(maker, &entry, NULL, false);
    }
}

/* One about each placement, or all about the first. */
static void say_doubts(struct chain_maker *maker, int count, bool of_each)
{
    for (int i = 0; i < count; i++) {
        struct store_entry entry;
        char key[24];
        char placement[24];
        (void)snprintf(key, sizeof(key), "D-%d", i);
        (void)snprintf(placement, sizeof(placement), "P-%d", of_each ? i : 0);
        entry_doubt(&world, &entry, key, placement, DAY, "V-1", "N-1");
        (void)maker_add(maker, &entry, NULL, false);
    }
}

struct cost {
    int64_t came;      /* to take the records */
    int64_t again;     /* to take one more about the person */
    int64_t of_others; /* or many about others */
    char wants[DOUBT_WANTS_SIZE];
};

static void reach(struct chain_maker *maker, size_t from, struct replica *reader)
{
    struct store_applied applied;
    cr_assert_eq(maker_carry(maker, from, maker->ops.count, reader, &applied, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(applied.quarantined, 0);
}

static void look(struct replica *reader)
{
    cr_assert_eq(db_exec(&reader->store->db, "DELETE FROM dirty_placement", &err), ERR_OK);
}

static void read_wants(struct replica *reader, char wants[DOUBT_WANTS_SIZE])
{
    uint8_t id[OP_ENTITY_BYTES];
    char digits[DOUBT_ID_SIZE];
    struct doubt_row row;
    entity_id(world.stream, "compliance_doubt", "D-0", id);
    hex_encode(id, OP_ENTITY_BYTES, digits);
    cr_assert_eq(query_doubt(reader->store, digits, &row, &err), ERR_OK, "%s", err.message);
    (void)snprintf(wants, DOUBT_WANTS_SIZE, "%s", row.wants);
}

/* A marked placement of each of many others. */
static void say_others(struct chain_maker *maker)
{
    for (int i = 0; i < 20; i++) {
        struct store_entry entry;
        char ref[24];
        char person[24];
        (void)snprintf(ref, sizeof(ref), "Q-%d", i);
        (void)snprintf(person, sizeof(person), "GDN-2%d", i);
        entry_placement(&world, &entry, ref, person, "mandatory", "2026-06-01", "2026-06-30", "Wed 17:00-18:00");
        (void)maker_add(maker, &entry, NULL, false);
    }
}

static int64_t cost_of_the_rest(struct chain_maker *maker, size_t from, struct replica *reader)
{
    (void)steps_since(reader);
    reach(maker, from, reader);
    int64_t steps = steps_since(reader);
    look(reader);
    return steps;
}

static struct cost cost_of(int count, bool of_each)
{
    struct replica author;
    struct replica reader;
    struct chain_maker maker;
    struct store_entry entry;
    struct cost cost;
    replica_start(&world, &author, CERTIFICATE_ROLE_AGENT);
    replica_start(&world, &reader, CERTIFICATE_ROLE_AGENT);
    maker_init(&maker, &world, &author);
    entry_participant(&world, &entry, "GDN-1", "Test Alder");
    (void)maker_add(&maker, &entry, NULL, false);
    entry_referral(&world, &entry, "R-1", "GDN-1", "2026-05-01");
    (void)maker_add(&maker, &entry, NULL, false);
    say_placements(&maker, of_each ? count : 1);
    say_doubts(&maker, count, of_each);
    cost.came = cost_of_the_rest(&maker, 0, &reader);
    read_wants(&reader, cost.wants);
    size_t from = maker.ops.count;
    entry_attendance(&world, &entry, "P-0", DAY, 0, OUTCOME_ABSENT, -1, NULL);
    (void)maker_add(&maker, &entry, NULL, false);
    cost.again = cost_of_the_rest(&maker, from, &reader);
    from = maker.ops.count;
    say_others(&maker);
    cost.of_others = cost_of_the_rest(&maker, from, &reader);
    maker_fini(&maker);
    replica_stop(&reader);
    replica_stop(&author);
    return cost;
}

static void expect_linear(bool of_each)
{
    enum { FEW = 300 };
    world_init(&world);
    struct cost few = cost_of(FEW, of_each);
    struct cost many = cost_of(2 * FEW, of_each);
    printf("%d and %d: %lld and %lld steps; one more: %lld and %lld; of others: %lld and %lld\n", FEW, 2 * FEW,
           (long long)few.came, (long long)many.came, (long long)few.again, (long long)many.again,
           (long long)few.of_others, (long long)many.of_others);
    cr_expect_lt(many.came, 5 * few.came / 2);
    cr_expect_lt(many.again, 5 * few.again / 2);
    cr_expect_lt(many.of_others, 5 * few.of_others / 2);
    world_fini(&world);
}

Test(many_placements, of_one_person_cost_as_much_as_they_are, .timeout = 240)
{
    expect_linear(true);
}

Test(many_placements, doubts_about_one_session_cost_as_much_as_they_are, .timeout = 240)
{
    expect_linear(false);
}

/* The first is at hours of its own. */
Test(many_placements, of_which_nobody_has_so_many_are_not_looked_at_one_by_one, .timeout = 240)
{
    world_init(&world);
    struct cost looked_at = cost_of(50, true);
    struct cost crowd = cost_of(51, true);
    printf("50: %lld steps for one more, 51: %lld\n", (long long)looked_at.again, (long long)crowd.again);
    cr_expect_null(strstr(looked_at.wants, "other_placement"), "%s", looked_at.wants);
    cr_expect_not_null(strstr(crowd.wants, "other_placement"), "they may have been anywhere: %s", crowd.wants);
    cr_expect_lt(looked_at.again, 50 * 10000, "a doubt looks at 49 others");
    world_fini(&world);
}
