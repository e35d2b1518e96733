/* What is erased by hand, by a machine that keeps no rule, and is all of what spoke for the person: the id says of
 * which placement it was. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/clock.h"
#include "doubt_world.h"
#include "store/replica.h"

static struct voice laptop;

static void begin(void)
{
    doubt_start();
    voice_start(&world, &laptop, CERTIFICATE_ROLE_AGENT);
}

static void end(void)
{
    voice_stop(&laptop);
    doubt_stop();
}

TestSuite(doubt_erased, .init = begin, .fini = end, .timeout = 60);

static void say(struct store_entry *entry)
{
    struct store_applied applied;
    struct error err = { 0 };
    voice_say(&laptop, entry);
    cr_assert_eq(voice_reach(&laptop, laptop.count - 1, 1, &site, &applied, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(applied.quarantined, 0);
}

/* What was said last, and that all of it is erased. */
static void say_and_erase(struct store_entry *entry)
{
    struct store_entry erasure;
    struct error err = { 0 };
    say(entry);
    struct op_id op = laptop.said[laptop.count - 1].run.ops.ops[0].id;
    cr_assert_eq(db_exec(&site.store->db, "DELETE FROM dirty_placement", &err), ERR_OK); /* the rules have looked */
    entry_erasure(&erasure, entry->kind, entry->subject, false);
    laptop.replica.forged_over = &op;
    laptop.replica.forged_hlc_ms = clock_wall_ms() + 60000;
    say(&erasure);
    laptop.replica.forged_over = NULL;
    laptop.replica.forged_hlc_ms = 0;
}

static void entry_break_of(struct store_entry *entry, const char *key, const char *of)
{
    static uint8_t placement[OP_ENTITY_BYTES]; /* the record borrows it */
    *entry = (struct store_entry){ .kind = KIND_PLACEMENT_BREAK, .happened_at_ms = OP_TIME_NONE };
    entity_id(world.stream, "placement", of, placement);
    entity_id(world.stream, "placement_break", key, entry->subject);
    id_name_placement(placement, entry->subject);
    record_init(&entry->record, kind_by_number(KIND_PLACEMENT_BREAK));
    record_set_id(&entry->record, "placement", placement);
    record_set_number(&entry->record, "starts_on", day_of("2026-06-01"));
    record_set_number(&entry->record, "ends_on", day_of("2026-06-05"));
    record_set_text(&entry->record, "reason", "hospital");
}

static void entry_second(struct store_entry *entry, const char *person)
{
    entry_placement(&world, entry, "P-2", person, "mandatory", "2026-06-01", "2026-11-27", "Mon 09:30-15:30");
}

Test(doubt_erased, all_of_a_break_of_its_placement)
{
    struct store_entry entry;
    raise_doubt();
    expect_status("standing", "");
    entry_break_of(&entry, "B-1", "P-1");
    say_and_erase(&entry);
    expect_status("suspended", "record_erased");
}

/* To a replica that heard of the erasure before the break. */
Test(doubt_erased, all_of_a_break_that_comes_without_its_body)
{
    struct voice eraser;
    struct store_entry entry;
    struct store_entry erasure;
    struct store_applied applied;
    struct error err = { 0 };
    voice_start(&world, &eraser, CERTIFICATE_ROLE_AGENT);
    entry_break_of(&entry, "B-1", "P-1");
    voice_say(&laptop, &entry);
    entry_erasure(&erasure, entry.kind, entry.subject, false);
    eraser.replica.forged_hlc_ms = clock_wall_ms() + 60000;
    voice_say(&eraser, &erasure);
    raise_doubt();
    cr_assert_eq(voice_reach(&eraser, 0, 1, &site, &applied, &err), ERR_OK, "%s", err.message);
    expect_status("standing", "");
    cr_assert_eq(db_exec(&site.store->db, "DELETE FROM dirty_placement", &err), ERR_OK); /* the rules have looked */
    cr_assert_eq(voice_reach(&laptop, 0, 1, &site, &applied, &err), ERR_OK, "%s", err.message);
    expect_status("suspended", "record_erased");
    voice_stop(&eraser);
}

Test(doubt_erased, all_of_a_break_of_another_placement_of_the_person)
{
    struct store_entry entry;
    entry_second(&entry, "GDN-001");
    write_one(&entry);
    raise_doubt();
    expect_status("standing", "");
    entry_break_of(&entry, "B-2", "P-2");
    say_and_erase(&entry);
    expect_status("suspended", "record_erased");
}

Test(doubt_erased, all_of_a_break_of_somebody_else_is_nothing_to_it)
{
    struct store_entry entry;
    entry_second(&entry, "GDN-002");
    write_one(&entry);
    raise_doubt();
    entry_break_of(&entry, "B-2", "P-2");
    say_and_erase(&entry);
    expect_status("standing", "");
}

Test(doubt_erased, one_of_the_records_of_another_placement_of_the_person)
{
    struct store_entry entry;
    entry_second(&entry, "GDN-001");
    write_one(&entry);
    raise_doubt();
    record_set_text(&entry.record, "pattern", "Wed 09:30-15:30");
    say_and_erase(&entry);
    expect_status("suspended", "record_erased");
}

Test(doubt_erased, all_of_a_later_review_that_found_something_else)
{
    struct store_entry entry;
    uint8_t placement[OP_ENTITY_BYTES];
    raise_doubt();
    entry_review(&world, &entry, "V-2", "P-1", DAY, "support");
    entity_id(world.stream, "placement", "P-1", placement);
    id_name_placement(placement, entry.subject);
    say_and_erase(&entry);
    expect_status("suspended", "record_erased");
}

Test(doubt_erased, the_review_that_it_rests_on_is_none_any_more)
{
    struct store_entry entry;
    struct store_entry erasure;
    raise_doubt();
    entry_review(&world, &entry, "V-1", "P-1", DAY, "doubt");
    entry_erasure(&erasure, KIND_FLAG_REVIEW, entry.subject, false);
    laptop.replica.forged_hlc_ms = clock_wall_ms() + 60000;
    say(&erasure);
    expect_status("suspended", "no_review");
}

/* The first of them hears the doubt before what came erased, the other after it; the rules have taken their marks. */
static void expect_the_same_around(struct voice *recorder, struct voice *eraser)
{
    struct replica readers[2];
    struct store_applied applied;
    struct error err = { 0 };
    char digests[3][65];
    for (int i = 0; i < 2; i++) {
        replica_start(&world, &readers[i], CERTIFICATE_ROLE_AGENT);
        if (i == 0) {
            cr_assert_eq(voice_reach(&laptop, laptop.count - 1, 1, &readers[i], &applied, &err), ERR_OK, "%s",
                         err.message);
            cr_assert_eq(db_exec(&readers[i].store->db, "DELETE FROM dirty_placement", &err), ERR_OK);
        }
        cr_assert_eq(voice_reach(eraser, 0, 1, &readers[i], &applied, &err), ERR_OK, "%s", err.message);
        cr_assert_eq(voice_reach(recorder, 0, 1, &readers[i], &applied, &err), ERR_OK, "%s", err.message);
        if (i == 1) {
            cr_assert_eq(voice_reach(&laptop, laptop.count - 1, 1, &readers[i], &applied, &err), ERR_OK, "%s",
                         err.message);
        }
        replica_digest(&readers[i], digests[i]);
        cr_expect(strstr(the_doubt(&readers[i], "D-9").wants, "record_erased") != NULL, "%s",
                  the_doubt(&readers[i], "D-9").wants);
    }
    cr_assert_eq(store_rebuild(readers[0].store, &err), ERR_OK, "%s", err.message);
    replica_digest(&readers[0], digests[2]);
    cr_expect_str_eq(digests[0], digests[1]);
    cr_expect_str_eq(digests[0], digests[2]);
    replica_stop(&readers[0]);
    replica_stop(&readers[1]);
}

/* Its placement is on no replica. */
static void expect_missed_of_nobody(struct store_entry *named)
{
    struct voice eraser;
    struct voice recorder;
    struct store_entry entry;
    voice_start(&world, &eraser, CERTIFICATE_ROLE_AGENT);
    voice_start(&world, &recorder, CERTIFICATE_ROLE_AGENT);
    voice_say(&recorder, named);
    entry_erasure(&entry, named->kind, named->subject, false);
    eraser.replica.forged_hlc_ms = clock_wall_ms() + 60000;
    voice_say(&eraser, &entry);
    entry_doubt(&world, &entry, "D-9", "P-9", DAY, "V-1", "N-1");
    voice_say(&laptop, &entry);
    expect_the_same_around(&recorder, &eraser);
    voice_stop(&eraser);
    voice_stop(&recorder);
}

Test(doubt_erased, a_break_of_a_placement_that_nobody_holds_is_missed)
{
    struct store_entry entry;
    entry_break_of(&entry, "B-1", "P-9");
    expect_missed_of_nobody(&entry);
}

Test(doubt_erased, a_review_of_a_placement_that_nobody_holds_is_missed)
{
    struct store_entry entry;
    uint8_t placement[OP_ENTITY_BYTES];
    entry_review(&world, &entry, "V-9", "P-9", DAY, "support");
    entity_id(world.stream, "placement", "P-9", placement);
    id_name_placement(placement, entry.subject);
    expect_missed_of_nobody(&entry);
}
