/*
 * Two records of one person, and breaks: what follows for sessions and for the facts that the rules look at.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "world.h"

#define FRIDAY "2026-11-20"

static struct world world;
static struct replica replica;
static int64_t now = INT64_C(1790000000000);

static void start(void)
{
    world_init(&world);
    replica_start(&world, &replica, CERTIFICATE_ROLE_AGENT);
}

static void stop(void)
{
    replica_stop(&replica);
    world_fini(&world);
}

TestSuite(person, .init = start, .fini = stop);
TestSuite(breaks, .init = start, .fini = stop);

static struct row_id id_of(const char *kind, const char *ref)
{
    struct row_id id;
    entity_id(world.stream, kind, ref, id.bytes);
    return id;
}

static void write_it(const struct store_entry *entry)
{
    replica_write(&replica, entry, now += 1000);
}

static void add_person(const char *ref, const char *placement, const char *pattern)
{
    struct store_entry entry;
    entry_participant(&world, &entry, ref, "Test Person");
    write_it(&entry);
    entry_placement(&world, &entry, placement, ref, "mandatory", "2026-11-02", "2026-12-18", pattern);
    write_it(&entry);
}

static void link_records(const char *duplicate, const char *into, bool undone)
{
    struct store_entry entry;
    entry_merge(&world, &entry, duplicate, into, undone);
    write_it(&entry);
}

static size_t records_of(const char *ref)
{
    struct error err;
    struct id_list list = { 0 };
    struct row_id id = id_of("participant", ref);
    cr_assert_eq(query_same_person(replica.store, &id, &list, &err), ERR_OK, "%s", err.message);
    size_t count = list.count;
    id_list_fini(&list);
    return count;
}

static size_t spans_of(const char *placement)
{
    struct error err;
    struct store_placement_facts facts;
    struct row_id id = id_of("placement", placement);
    cr_assert_eq(store_placement_facts(replica.store, &id, day_of("2026-06-10"), &facts, &err), ERR_OK, "%s",
                 err.message);
    size_t count = facts.facts.span_count;
    store_placement_facts_fini(&facts);
    return count;
}

static bool marked(const char *placement)
{
    struct error err;
    struct store_dirty dirty;
    struct row_id id = id_of("placement", placement);
    bool found = false;
    cr_assert_eq(store_dirty_read(replica.store, 100, &dirty, &err), ERR_OK, "%s", err.message);
    for (size_t i = 0; i < dirty.placement_count; i++) {
        found |= memcmp(&dirty.placements[i], &id, sizeof(id)) == 0;
    }
    store_dirty_fini(&dirty);
    return found;
}

static void look_at_all(void)
{
    static const char *const placements[] = { "P-1", "P-2", "P-3" };
    struct error err;
    cr_assert_eq(store_flags_begin(replica.store, &err), ERR_OK);
    for (size_t i = 0; i < 3; i++) {
        struct row_id id = id_of("placement", placements[i]);
        cr_assert_eq(store_flags_replace(replica.store, &id, NULL, 0, now, &err), ERR_OK);
    }
    cr_assert_eq(store_flags_commit(replica.store, &err), ERR_OK);
}

Test(person, two_records_that_a_person_merged_are_one_and_undoing_parts_them)
{
    add_person("GDN-1", "P-1", "Fri 09:30-15:30");
    add_person("GDN-2", "P-2", "Mon 09:30-15:30");
    cr_expect_eq(records_of("GDN-1"), 1);
    cr_expect_eq(spans_of("P-1"), 1);
    link_records("GDN-2", "GDN-1", false);
    cr_expect_eq(records_of("GDN-1"), 2);
    cr_expect_eq(records_of("GDN-2"), 2);
    cr_expect_eq(spans_of("P-1"), 2, "the weeks of both are added up");
    cr_expect_eq(spans_of("P-2"), 2);
    link_records("GDN-2", "GDN-1", true);
    cr_expect_eq(records_of("GDN-2"), 1);
    cr_expect_eq(spans_of("P-1"), 1);
}

Test(person, chains_and_rings_are_one_person)
{
    add_person("GDN-1", "P-1", "Fri 09:30-15:30");
    add_person("GDN-2", "P-2", "Fri 09:30-15:30");
    add_person("GDN-3", "P-3", "Fri 09:30-15:30");
    link_records("GDN-1", "GDN-2", false);
    link_records("GDN-2", "GDN-3", false);
    cr_expect_eq(records_of("GDN-1"), 3);
    link_records("GDN-3", "GDN-1", false);
    cr_expect_eq(records_of("GDN-2"), 3, "somebody closed a ring");
    link_records("GDN-2", "GDN-3", true);
    cr_expect_eq(records_of("GDN-2"), 3, "3 to 1 to 2 is left");
    link_records("GDN-1", "GDN-2", true);
    cr_expect_eq(records_of("GDN-2"), 1);
    cr_expect_eq(records_of("GDN-3"), 2);
    char before[2 * SHA256_BYTES + 1];
    char after[2 * SHA256_BYTES + 1];
    struct error err;
    replica_digest(&replica, before);
    cr_assert_eq(store_rebuild(replica.store, &err), ERR_OK, "%s", err.message);
    replica_digest(&replica, after);
    cr_expect_str_eq(before, after);
}

Test(person, merging_marks_the_placements_of_both_and_of_nobody_else)
{
    add_person("GDN-1", "P-1", "Fri 09:30-15:30");
    add_person("GDN-2", "P-2", "Fri 09:30-15:30");
    add_person("GDN-3", "P-3", "Fri 09:30-15:30");
    look_at_all();
    cr_assert_not(marked("P-1"));
    link_records("GDN-2", "GDN-1", false);
    cr_expect(marked("P-1"));
    cr_expect(marked("P-2"));
    cr_expect_not(marked("P-3"));
}

static struct session_row session_of(const char *placement, const char *day)
{
    struct error err;
    struct session_row session = { 0 };
    struct row_id id = id_of("placement", placement);
    enum err_code rc = query_session(replica.store, &id, day_of(day), 0, &session, &err);
    cr_assert(rc == ERR_OK || rc == ERR_NOT_FOUND, "%s", err.message);
    session.expected = rc == ERR_OK && session.expected;
    return session;
}

static void write_break(const char *key, const char *placement, const char *from, const char *to)
{
    struct store_entry entry = { .kind = KIND_PLACEMENT_BREAK, .happened_at_ms = OP_TIME_NONE };
    struct row_id id = id_of("placement", placement);
    entity_id(world.stream, "placement_break", key, entry.subject);
    record_init(&entry.record, kind_by_number(KIND_PLACEMENT_BREAK));
    record_set_id(&entry.record, "placement", id.bytes);
    record_set_number(&entry.record, "starts_on", day_of(from));
    record_set_number(&entry.record, "ends_on", day_of(to));
    record_set_text(&entry.record, "reason", "health");
    write_it(&entry);
}

Test(breaks, nobody_is_expected_from_the_first_to_the_last_day)
{
    add_person("GDN-1", "P-1", "Mon Wed Fri 09:30-15:30");
    write_break("B-1", "P-1", "2026-11-13", "2026-11-18");
    cr_expect(session_of("P-1", "2026-11-11").expected);
    cr_expect_not(session_of("P-1", "2026-11-13").expected);
    cr_expect_not(session_of("P-1", "2026-11-16").expected);
    cr_expect_not(session_of("P-1", "2026-11-18").expected);
    cr_expect(session_of("P-1", FRIDAY).expected);
    write_break("B-1", "P-1", "2026-11-13", "2026-11-13");
    cr_expect(session_of("P-1", "2026-11-16").expected, "a shorter break gives the days back");
}

Test(breaks, an_absence_that_was_recorded_stays_and_counts_for_nothing)
{
    struct store_entry entry;
    add_person("GDN-1", "P-1", "Mon Wed Fri 09:30-15:30");
    entry_attendance(&world, &entry, "P-1", "2026-11-16", 0, OUTCOME_ABSENT, ROW_NONE, "had the flu");
    now = (int64_t)(day_of("2026-11-17")) * 86400000;
    write_it(&entry);
    struct session_row session = session_of("P-1", "2026-11-16");
    cr_expect(session.expected);
    cr_expect(session.note_hints, "the note names a usual factor of good reason");
    write_break("B-1", "P-1", "2026-11-13", "2026-11-18");
    session = session_of("P-1", "2026-11-16");
    cr_expect_not(session.expected);
    cr_expect_eq(session.outcome, OUTCOME_ABSENT);
    cr_expect(session.note_hints);
}

Test(breaks, a_break_that_moves_to_another_placement_lets_the_first_one_go)
{
    add_person("GDN-1", "P-1", "Mon Wed Fri 09:30-15:30");
    add_person("GDN-2", "P-2", "Mon Wed Fri 09:30-15:30");
    write_break("B-1", "P-1", "2026-11-13", "2026-11-18");
    write_break("B-1", "P-2", "2026-11-13", "2026-11-18");
    cr_expect(session_of("P-1", "2026-11-16").expected);
    cr_expect_not(session_of("P-2", "2026-11-16").expected);
}
