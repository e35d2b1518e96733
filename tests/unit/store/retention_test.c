/* When retention begins to count: of who has no dated record, and of what is recorded of nobody who is known here. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/replica.h"
#include "store/retention.h"
#include "world.h"

#define DAY_MS INT64_C(86400000)

static struct world world;
static struct replica one;
static struct replica two;
static int64_t now;
static int32_t today;

static void begin(void)
{
    world_init(&world);
    replica_start(&world, &one, CERTIFICATE_ROLE_AGENT);
    replica_start(&world, &two, CERTIFICATE_ROLE_AGENT);
    now = clock_wall_ms();
    today = (int32_t)(now / DAY_MS);
}

static void end(void)
{
    replica_stop(&one);
    replica_stop(&two);
    world_fini(&world);
}

TestSuite(retention, .init = begin, .fini = end, .timeout = 60);

static int64_t at(const char *day)
{
    return (int64_t)day_of(day) * DAY_MS;
}

static void carry(struct replica *from, struct replica *to)
{
    struct error err = { 0 };
    cr_assert_eq(replica_carry(from, 0, SIZE_MAX, to, &err), ERR_OK, "%s", err.message);
}

/* Whose time is over by `day`: none, or this one with its newest day. */
static void expect_due(int32_t day, const char *kind, const char *ref, int32_t newest_day)
{
    struct store_due *due;
    size_t count;
    struct error err = { 0 };
    uint8_t id[OP_ENTITY_BYTES];
    cr_assert_eq(store_retention_due(one.store, day, today, 10, &due, &count, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(count, ref != NULL, "%zu are due by %d", count, day);
    if (ref != NULL) {
        entity_id(world.stream, kind, ref, id);
        cr_expect_str_eq(kind_by_number(due[0].kind)->name, kind);
        cr_expect_arr_eq(due[0].id.bytes, id, sizeof(id), "%s", ref);
        cr_expect_eq(due[0].newest_day, newest_day, "%d, and not %d", due[0].newest_day, newest_day);
    }
    free(due);
}

static void expect_none(int32_t day)
{
    expect_due(day, NULL, NULL, 0);
}

/* As retention_run does, of the only one who is due. */
static enum err_code erase_due(struct replica *replica, int32_t day, struct store_erasable *ret, struct error *err)
{
    struct store_due *due;
    size_t count;
    cr_assert_eq(store_retention_due(replica->store, day, today, 10, &due, &count, err), ERR_OK, "%s", err->message);
    cr_assert_eq(count, 1);
    struct store_erase erase = retention_erase(&due[0]);
    erase.decided_by = "A. Decider";
    erase.reason = "yearly";
    free(due);
    return store_erase(replica->store, "eraser", &erase, now++, ret, err);
}

static void write_participant(struct replica *replica, const char *ref, int64_t ms)
{
    struct store_entry entry;
    entry_participant(&world, &entry, ref, "Zebedee Inventedson");
    replica_write(replica, &entry, ms);
}

static void write_attendance(struct replica *replica, const char *placement, const char *day, enum outcome outcome)
{
    struct store_entry entry;
    entry_attendance(&world, &entry, placement, day, 0, outcome, -1, "said that the bus was late");
    replica_write(replica, &entry, now++);
}

/* A record that names another one, with what its kind needs. */
static void write_naming(uint32_t kind, const char *link, const char *ref, const char *field, const char *day)
{
    struct store_entry entry = { .kind = kind, .happened_at_ms = OP_TIME_NONE };
    uint8_t named[OP_ENTITY_BYTES];
    static const struct {
        const char *name;
        const char *text;
        int64_t number;
    } needed[] = { { "served_by", "hand", 0 }, { "form", "appeal", 0 },      { "units", NULL, 1 },
                   { "body", "words", 0 },     { "reason", "health", 0 },    { "flag", "absence/1", 0 },
                   { "minutes", NULL, 60 },    { "starts_on", NULL, 16000 }, { "sent_on", NULL, 16000 } };
    record_init(&entry.record, kind_by_number(kind));
    entity_id(world.stream, entry.record.kind->name, ref, entry.subject);
    entry.subject[0] &= 0x7f; /* a message of the organisation's */
    if (kind == KIND_FLAG_REVIEW) {
        record_set_text(&entry.record, "outcome", "support");
    }
    for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
        if (kind_field_index(entry.record.kind, needed[i].name) >= 0 && needed[i].text != NULL) {
            record_set_text(&entry.record, needed[i].name, needed[i].text);
        } else if (kind_field_index(entry.record.kind, needed[i].name) >= 0) {
            record_set_number(&entry.record, needed[i].name, needed[i].number);
        }
    }
    if (kind_field_index(entry.record.kind, "contract") >= 0) {
        record_set_id(&entry.record, "contract", entry.subject);
    }
    entity_id(world.stream, link, ref, named);
    record_set_id(&entry.record, link, named);
    if (field != NULL) {
        record_set_number(&entry.record, field, day_of(day));
    }
    replica_write(&one, &entry, now++);
}

/* ---- of whom no record has a day ---- */

Test(retention, of_a_participant_whom_no_dated_record_names_counts_from_the_recording)
{
    struct store_erasable erased;
    struct error err = { 0 };
    write_participant(&one, "GDN-1", now++);
    expect_none(today - 1);
    expect_due(today, "participant", "GDN-1", today);
    cr_assert_eq(erase_due(&one, today, &erased, &err), ERR_OK, "%s", err.message);
    cr_expect_eq(erased.records, 1);
    expect_none(today);
}

Test(retention, lists_at_most_so_many_and_those_that_have_been_due_for_longest)
{
    struct store_due *due;
    size_t count;
    struct error err = { 0 };
    struct store_entry entry;
    write_participant(&one, "GDN-1", at("2015-01-01"));
    entry_placement(&world, &entry, "P-2", "GDN-2", "voluntary", "2012-01-02", "2012-06-28", "Mon 09:00-12:00");
    replica_write(&one, &entry, at("2015-01-02"));
    write_participant(&one, "GDN-3", at("2014-01-01")); /* the clock fell back: no older than what is there */
    write_participant(&one, "GDN-4", at("2016-01-01"));
    cr_assert_eq(store_retention_due(one.store, today, today, 2, &due, &count, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(count, 2);
    cr_expect_eq(due[0].newest_day, day_of("2012-06-28"));
    cr_expect_eq(due[1].newest_day, day_of("2015-01-01"));
    cr_expect_str_eq(due[1].ref, "GDN-1");
    free(due);
    cr_assert_eq(store_retention_due(one.store, today, today, 3, &due, &count, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(count, 3);
    cr_expect_str_eq(due[2].ref, "GDN-3");
    cr_expect_eq(due[2].newest_day, day_of("2015-01-02"));
    free(due);
}

Test(retention, counts_from_dated_records_where_there_are_any_whenever_the_participant_was_recorded)
{
    struct store_entry entry;
    write_participant(&one, "GDN-1", now++);
    entry_placement(&world, &entry, "P-1", "GDN-1", "voluntary", "2019-01-07", "2019-06-28", "Mon 09:00-12:00");
    replica_write(&one, &entry, now++);
    expect_due(today, "participant", "GDN-1", day_of("2019-06-28"));
}

Test(retention, of_two_records_of_one_person_the_one_without_a_day_waits_for_the_other)
{
    struct store_entry entry;
    write_participant(&one, "GDN-1", at("2010-01-01"));
    write_participant(&one, "GDN-2", at("2010-01-01"));
    entry_placement(&world, &entry, "P-1", "GDN-1", "voluntary", "2026-01-05", "2030-06-28", "Mon 09:00-12:00");
    replica_write(&one, &entry, now++);
    expect_due(today, "participant", "GDN-2", day_of("2010-01-01"));
    entry_merge(&world, &entry, "GDN-2", "GDN-1", false);
    replica_write(&one, &entry, now++);
    expect_none(today);
}

Test(retention, of_a_challenge_that_is_meant_to_be_made_counts_from_the_recording_too)
{
    write_naming(KIND_REDRESS, "participant", "GDN-1", NULL, NULL);
    expect_none(today - 1);
    expect_due(today, "participant", "GDN-1", today);
    write_participant(&one, "GDN-1", at("2010-01-01"));
    expect_none(today - 1);
    expect_due(today, "participant", "GDN-1", today);
}

Test(retention, is_not_early_by_a_clock_that_runs_behind_on_the_machine_that_recorded)
{
    write_participant(&two, "GDN-1", at("2010-01-01"));
    carry(&two, &one);
    expect_none(day_of("2011-01-01"));
    expect_none(today - 1);
    expect_due(today, "participant", "GDN-1", today);
}

Test(retention, is_not_early_by_a_clock_that_fell_back_here_after_something_else_had_come)
{
    struct store_entry entry;
    entry_placement(&world, &entry, "P-2", "GDN-2", "mandatory", "2044-10-03", "2045-01-01", "Mon 09:30-15:30");
    replica_write(&two, &entry, now++);
    carry(&two, &one);
    write_participant(&one, "GDN-1", at("2010-01-01"));
    expect_none(day_of("2011-01-01"));
    expect_none(today - 1);
    expect_due(today, "participant", "GDN-1", today);
}

Test(retention, is_not_early_by_a_clock_here_of_which_the_centre_said_how_far_it_is_off)
{
    struct error err = { 0 };
    char sql[100];
    (void)snprintf(sql, sizeof(sql), "UPDATE sync_state SET clock_offset = %lld", (long long)(at("2010-01-01") - now));
    cr_assert_eq(db_exec(&one.store->db, sql, &err), ERR_OK, "%s", err.message);
    write_participant(&one, "GDN-1", at("2010-01-01"));
    expect_none(day_of("2011-01-01"));
    expect_due(today, "participant", "GDN-1", today);
}

Test(retention, is_not_put_off_by_a_clock_that_runs_years_ahead_elsewhere)
{
    write_participant(&two, "GDN-1", at("2030-01-01"));
    carry(&two, &one);
    expect_due(today, "participant", "GDN-1", today);
}

/* ---- of nobody who is known here ---- */

Test(retention, of_an_attendance_without_a_placement_is_due_by_its_day_and_not_before_it_came)
{
    write_attendance(&one, "P-404", "2019-06-03", OUTCOME_ABSENT);
    expect_none(today - 1);
    expect_due(today, "placement", "P-404", today);
    write_attendance(&one, "P-404", "2031-06-03", OUTCOME_EXCUSED);
    expect_none(today);
    expect_due(day_of("2031-06-03"), "placement", "P-404", day_of("2031-06-03"));
}

Test(retention, of_a_placement_without_a_record_takes_all_that_names_it_on_every_replica)
{
    struct store_erasable erased;
    struct error err = { 0 };
    char digests[2][65];
    write_attendance(&one, "P-404", "2019-06-03", OUTCOME_ABSENT);
    write_naming(KIND_NOTICE, "placement", "P-404", "served_on", "2019-06-01");
    write_naming(KIND_PLACEMENT_BREAK, "placement", "P-404", "ends_on", "2019-06-08");
    write_naming(KIND_FLAG_REVIEW, "placement", "P-404", NULL, NULL);
    write_naming(KIND_JOB_SEARCH, "placement", "P-404", "week", "2019-06-03");
    carry(&one, &two);
    cr_assert_eq(erase_due(&one, today, &erased, &err), ERR_OK, "%s", err.message);
    cr_expect_eq(erased.records, 5);
    cr_expect_eq(erased.kinds[KIND_ATTENDANCE], 1);
    expect_none(today + 1);
    carry(&one, &two);
    replica_digest(&one, digests[0]);
    replica_digest(&two, digests[1]);
    cr_expect_str_eq(digests[0], digests[1]);
}

Test(retention, of_a_placement_whose_record_came_after_all_is_its_persons)
{
    struct store_entry entry;
    write_attendance(&one, "P-1", "2019-06-03", OUTCOME_ABSENT);
    expect_due(today, "placement", "P-1", today);
    entry_placement(&world, &entry, "P-1", "GDN-1", "voluntary", "2019-01-07", "2019-06-28", "Mon 09:00-12:00");
    replica_write(&two, &entry, now++);
    carry(&two, &one);
    expect_due(today, "participant", "GDN-1", day_of("2019-06-28"));
}

Test(retention, of_what_another_laptop_recorded_about_a_placement_after_its_person_was_erased_is_due_alone)
{
    struct store_entry entry;
    struct store_erasable erased;
    struct error err = { 0 };
    entry_placement(&world, &entry, "P-1", "GDN-1", "voluntary", "2019-01-07", "2019-06-28", "Mon 09:00-12:00");
    replica_write(&one, &entry, now++);
    write_attendance(&one, "P-1", "2019-06-03", OUTCOME_ATTENDED);
    cr_assert_eq(erase_due(&one, today, &erased, &err), ERR_OK, "%s", err.message);
    expect_none(today + 1);
    write_attendance(&two, "P-1", "2019-06-10", OUTCOME_ABSENT);
    carry(&two, &one);
    expect_due(today, "placement", "P-1", today);
    cr_assert_eq(erase_due(&one, today, &erased, &err), ERR_OK, "%s", err.message);
    cr_expect_eq(erased.records, 1);
    expect_none(today + 1);
}

Test(retention, of_a_placement_without_a_record_is_held_back_by_a_dispute_about_it)
{
    struct store_erasable erased;
    struct error err = { 0 };
    write_attendance(&one, "P-404", "2019-06-03", OUTCOME_ABSENT);
    write_attendance(&two, "P-404", "2019-06-03", OUTCOME_ATTENDED);
    carry(&two, &one);
    cr_assert_eq(erase_due(&one, today, &erased, &err), ERR_REFUSED);
    cr_expect_not_null(strstr(err.message, "disputed"), "%s", err.message);
}

Test(retention, of_a_referral_without_a_record_takes_what_names_it_and_no_person)
{
    struct store_erasable erased;
    struct error err = { 0 };
    struct row_id id;
    write_naming(KIND_SERVICE_USE, "referral", "R-404", "day", "2019-06-03");
    write_naming(KIND_MESSAGE, "referral", "R-404", NULL, NULL);
    expect_due(today, "referral", "R-404", today);
    cr_assert_eq(query_find_lone(one.store, KIND_REFERRAL, "R-404", &id, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(query_find_lone(one.store, KIND_PLACEMENT, "R-404", &id, &err), ERR_NOT_FOUND);
    cr_assert_eq(erase_due(&one, today, &erased, &err), ERR_OK, "%s", err.message);
    cr_expect_eq(erased.records, 2);
    expect_none(today + 1);
}
