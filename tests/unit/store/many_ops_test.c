/* One subject about which very much is said, by a device that means no good, and assertions whose words are erased. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "chain_maker.h"

enum { MANY = 4000, PLENTY_MS = 20000 };

static struct world world;
static struct replica author;
static struct replica one;
static struct replica two;
static struct chain_maker maker;
static struct error err;

static void setup(void)
{
    world_init(&world);
    replica_start(&world, &author, CERTIFICATE_ROLE_AGENT);
    replica_start(&world, &one, CERTIFICATE_ROLE_AGENT);
    replica_start(&world, &two, CERTIFICATE_ROLE_AGENT);
    maker_init(&maker, &world, &author);
    err = (struct error){ 0 };
}

static void teardown(void)
{
    maker_fini(&maker);
    replica_stop(&two);
    replica_stop(&one);
    replica_stop(&author);
    world_fini(&world);
}

TestSuite(many_ops, .init = setup, .fini = teardown, .timeout = 120);

static void say_participant(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct store_entry entry;
        char name[32];
        (void)snprintf(name, sizeof(name), "Invented %zu", i);
        entry_participant(&world, &entry, "GDN-1", name);
        (void)maker_add(&maker, &entry, NULL, false);
    }
}

static void say_session(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct store_entry entry;
        entry_attendance(&world, &entry, "P-1", "2026-06-01", 0, (enum outcome)(1 + i % 7), (int)(i % 400), "so");
        (void)maker_add(&maker, &entry, NULL, false);
    }
}

static size_t carry_in_pieces(struct replica *reader, size_t piece)
{
    size_t quarantined = 0;
    for (size_t from = 0; from < maker.ops.count; from += piece) {
        struct store_applied applied;
        size_t to = from + piece < maker.ops.count ? from + piece : maker.ops.count;
        cr_assert_eq(maker_carry(&maker, from, to, reader, &applied, &err), ERR_OK, "%s", err.message);
        quarantined += applied.quarantined;
    }
    return quarantined;
}

static void expect_same_tables(void)
{
    char first[65];
    char second[65];
    struct store_verified verified;
    replica_digest(&one, first);
    replica_digest(&two, second);
    cr_assert_str_eq(first, second);
    cr_assert_eq(store_verify(one.store, &verified, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(store_verify(two.store, &verified, &err), ERR_OK, "%s", err.message);
}

Test(many_ops, thousands_about_one_person_take_no_longer_than_about_thousands)
{
    say_participant(MANY);
    int64_t started_ms = clock_monotonic_ms();
    cr_assert_eq(carry_in_pieces(&one, MANY), MANY - STORE_SUBJECT_OPS_MAX);
    cr_assert_lt(clock_monotonic_ms() - started_ms, PLENTY_MS);
    cr_assert_eq(carry_in_pieces(&two, 333), MANY - STORE_SUBJECT_OPS_MAX);
    expect_same_tables();
}

Test(many_ops, thousands_about_one_session_take_no_longer_than_about_thousands)
{
    say_session(MANY);
    int64_t started_ms = clock_monotonic_ms();
    cr_assert_eq(carry_in_pieces(&one, MANY), MANY - STORE_SUBJECT_OPS_MAX);
    cr_assert_lt(clock_monotonic_ms() - started_ms, PLENTY_MS);
    cr_assert_eq(carry_in_pieces(&two, 777), MANY - STORE_SUBJECT_OPS_MAX);
    expect_same_tables();
}

Test(many_ops, the_limit_is_counted_along_the_authors_chain_whatever_else_has_come)
{
    struct store_entry entry;
    say_session(STORE_SUBJECT_OPS_MAX + 5);
    entry_attendance(&world, &entry, "P-1", "2026-06-01", 0, OUTCOME_ATTENDED, 100, "seen");
    replica_write(&one, &entry, clock_wall_ms());
    cr_assert_eq(carry_in_pieces(&one, 100), 5);
    cr_assert_eq(carry_in_pieces(&two, 1005), 5);
    cr_assert_eq(replica_carry(&one, 0, SIZE_MAX, &two, &err), ERR_OK, "%s", err.message);
    expect_same_tables();
    struct log_list log;
    cr_assert_eq(query_log(two.store, NULL, 0, true, 100, &log, &err), ERR_OK);
    cr_assert_eq(log.count, 5);
    cr_assert_not_null(strstr(log.rows[0].quarantine, "1000 records"), "%s", log.rows[0].quarantine);
    log_list_fini(&log);
}

Test(many_ops, one_more_than_the_limit_is_refused_to_who_records_it)
{
    struct store_entry entry;
    struct store_written written;
    char name[32];
    int64_t now_ms = clock_wall_ms();
    for (int i = 0; i < STORE_SUBJECT_OPS_MAX; i++) {
        (void)snprintf(name, sizeof(name), "Invented %d", i);
        entry_participant(&world, &entry, "GDN-1", name);
        replica_write(&one, &entry, now_ms + i);
    }
    cr_assert_eq(store_write(one.store, "tester", &entry, 1, now_ms, &written, &err), ERR_LIMIT, "%s", err.message);
    entry_participant(&world, &entry, "GDN-2", "Invented");
    replica_write(&one, &entry, now_ms);
}

/* ---- erased ---- */

static struct session_row session_of(struct replica *reader)
{
    struct session_row session;
    struct row_id placement;
    entity_id(world.stream, "placement", "P-1", placement.bytes);
    cr_assert_eq(query_session(reader->store, &placement, day_of("2026-06-01"), 0, &session, &err), ERR_OK, "%s",
                 err.message);
    return session;
}

static struct op_id assert_session(enum outcome outcome, const struct op_id *supersedes, bool erased)
{
    struct store_entry entry;
    entry_attendance(&world, &entry, "P-1", "2026-06-01", 0, outcome, 60, "because");
    return maker_add(&maker, &entry, supersedes, erased);
}

Test(many_ops, an_erased_correction_still_stands_over_what_it_corrected)
{
    struct op_id first = assert_session(OUTCOME_ABSENT, NULL, false);
    (void)assert_session(OUTCOME_ATTENDED, &first, true);
    (void)carry_in_pieces(&one, 2);
    (void)carry_in_pieces(&two, 1);
    struct session_row session = session_of(&one);
    cr_assert_eq(session.standing, STANDING_RECORDED);
    cr_assert_eq(session.outcome, OUTCOME_NONE, "nobody is absent because of what was erased");
    cr_assert_eq(session.heads, 1);
    expect_same_tables();
}

Test(many_ops, an_erased_side_of_a_dispute_leaves_it_a_dispute)
{
    (void)assert_session(OUTCOME_ABSENT, NULL, false);
    (void)assert_session(OUTCOME_ATTENDED, NULL, true);
    (void)carry_in_pieces(&one, 2);
    (void)carry_in_pieces(&two, 1);
    cr_assert_eq(session_of(&one).standing, STANDING_DISPUTED);
    expect_same_tables();
}

Test(many_ops, what_supersedes_an_erased_assertion_stands_alone)
{
    struct op_id erased = assert_session(OUTCOME_ABSENT, NULL, true);
    (void)assert_session(OUTCOME_LATE, &erased, false);
    (void)carry_in_pieces(&one, 1);
    (void)carry_in_pieces(&two, 2);
    struct session_row session = session_of(&one);
    cr_assert_eq(session.standing, STANDING_RECORDED);
    cr_assert_eq(session.outcome, OUTCOME_LATE);
    expect_same_tables();
}
