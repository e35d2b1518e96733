#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "store/bundles.h"
#include "store/replica.h"
#include "world.h"

static struct world world;
static struct replica one;
static struct replica two;
static int64_t now;

static void start(void)
{
    world_init(&world);
    replica_start(&world, &one, CERTIFICATE_ROLE_AGENT);
    replica_start(&world, &two, CERTIFICATE_ROLE_AGENT);
    now = clock_wall_ms();
    struct store_entry entry;
    entry_participant(&world, &entry, "GDN-001", "Test Alder");
    replica_write(&one, &entry, now);
    entry_placement(&world, &entry, "P-1", "GDN-001", "mandatory", "2026-06-01", "2026-11-27", "Mon Wed 09:30-15:30");
    replica_write(&one, &entry, now);
}

static void stop(void)
{
    replica_stop(&one);
    replica_stop(&two);
    world_fini(&world);
}

static struct session_row session(struct replica *replica, const char *day)
{
    struct row_id placement;
    struct session_row row;
    struct error err = { 0 };
    cr_assert_eq(query_find(replica->store, KIND_PLACEMENT, "P-1", &placement, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(query_session(replica->store, &placement, day_of(day), 0, &row, &err), ERR_OK, "%s", err.message);
    return row;
}

static void attend(struct replica *replica, const char *day, enum outcome outcome, const char *note)
{
    struct store_entry entry;
    entry_attendance(&world, &entry, "P-1", day, 0, outcome, -1, note);
    replica_write(replica, &entry, now += 1000);
}

static void carry(struct replica *from, struct replica *to)
{
    struct error err = { 0 };
    cr_assert_eq(replica_carry(from, 0, SIZE_MAX, to, &err), ERR_OK, "%s", err.message);
}

TestSuite(replica, .init = start, .fini = stop);

Test(replica, a_placement_lays_out_its_sessions_without_bank_holidays)
{
    struct session_row row = session(&one, "2026-06-01");
    cr_assert(row.expected);
    cr_assert_eq(row.standing, STANDING_UNRECORDED);
    cr_assert_eq(row.starts_min, 9 * 60 + 30);
    struct row_id placement;
    struct error err;
    cr_assert_eq(query_find(one.store, KIND_PLACEMENT, "P-1", &placement, &err), ERR_OK);
    cr_assert_eq(query_session(one.store, &placement, day_of("2026-08-31"), 0, &row, &err), ERR_NOT_FOUND,
                 "the summer bank holiday is no session");
    cr_assert_eq(query_session(one.store, &placement, day_of("2026-06-02"), 0, &row, &err), ERR_NOT_FOUND,
                 "a Tuesday is not in the pattern");
}

Test(replica, what_was_acknowledged_is_there_after_reopening)
{
    attend(&one, "2026-06-03", OUTCOME_ATTENDED, NULL);
    replica_close_files(&one);
    replica_open_files(&one);
    cr_assert_eq(session(&one, "2026-06-03").outcome, OUTCOME_ATTENDED);
    struct store_verified verified;
    struct error err = { 0 };
    cr_assert_eq(store_verify(one.store, &verified, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(verified.ops, 3);
}

Test(replica, saying_the_same_again_adds_nothing)
{
    attend(&one, "2026-06-03", OUTCOME_ATTENDED, NULL);
    struct store_sync before;
    struct store_sync after;
    cr_assert_eq(store_sync_read(one.store, &before, NULL), ERR_OK);
    attend(&one, "2026-06-03", OUTCOME_ATTENDED, NULL);
    cr_assert_eq(store_sync_read(one.store, &after, NULL), ERR_OK);
    cr_assert_eq(before.newest_seq, after.newest_seq);
}

Test(replica, an_imported_line_said_once_is_not_said_again_after_a_correction)
{
    struct store_entry line;
    struct store_written written;
    struct error err = { 0 };
    entry_attendance(&world, &line, "P-1", "2026-06-03", 0, OUTCOME_ABSENT, -1, NULL);
    line.imported = true;
    cr_assert_eq(store_write(one.store, "import", &line, 1, now, &written, &err), ERR_OK);
    cr_assert_eq(written.added, 1);
    attend(&one, "2026-06-03", OUTCOME_ATTENDED, "was in the greenhouse");
    cr_assert_eq(store_write(one.store, "import", &line, 1, now, &written, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(written.added, 0);
    cr_assert_eq(session(&one, "2026-06-03").outcome, OUTCOME_ATTENDED);
}

static const struct store_entry *only_entry(void *context, size_t index)
{
    cr_assert_eq(index, 0);
    return context;
}

Test(replica, a_dry_run_says_what_would_happen_and_keeps_nothing)
{
    char before[65];
    char after[65];
    struct store_entry entry;
    struct store_written written;
    replica_digest(&one, before);
    entry_attendance(&world, &entry, "P-1", "2026-06-03", 0, OUTCOME_ABSENT, -1, NULL);
    struct store_source source = { 1, only_entry, &entry };
    cr_assert_eq(store_write_dry(one.store, "tester", &source, now, &written, NULL), ERR_OK);
    cr_assert_eq(written.added, 1);
    replica_digest(&one, after);
    cr_assert_str_eq(before, after);
    attend(&one, "2026-06-03", OUTCOME_ATTENDED, NULL);
    struct store_verified verified;
    cr_assert_eq(store_verify(one.store, &verified, NULL), ERR_OK);
}

Test(replica, one_bad_entry_keeps_the_whole_write_out)
{
    struct store_entry entries[2];
    struct store_written written;
    struct error err = { 0 };
    char before[65];
    char after[65];
    replica_digest(&one, before);
    entry_attendance(&world, &entries[0], "P-1", "2026-06-03", 0, OUTCOME_ATTENDED, -1, NULL);
    entry_attendance(&world, &entries[1], "P-1", "2026-06-08", 0, OUTCOME_ATTENDED, 5000, NULL);
    cr_assert_eq(store_write(one.store, "tester", entries, 2, now, &written, &err), ERR_INVALID);
    cr_assert_eq(written.failed_at, 1);
    replica_digest(&one, after);
    cr_assert_str_eq(before, after);
}

Test(replica, a_route_of_another_programme_is_kept_and_never_made_here)
{
    struct store_entry entry;
    struct store_written written;
    struct error err = { 0 };
    entry_referral(&world, &entry, "R-9", "GDN-001", "2026-05-04");
    record_set_text(&entry.record, "route", "workshop");
    cr_assert_eq(store_write(one.store, "tester", &entry, 1, now, &written, &err), ERR_INVALID);
    cr_assert_not_null(strstr(err.message, "help-to-work-2014"), "%s", err.message);
    struct replica centre;
    struct forged_run run;
    uint8_t first[SHA256_BYTES];
    replica_start(&world, &centre, CERTIFICATE_ROLE_CENTRE);
    op_link_first(world.stream, centre.identity.device, 0, first);
    forge(&world, &centre, 1, KIND_REFERRAL, entry.subject, &entry.record, first, &run);
    struct store_exchange exchange = { .runs = &run.run, .run_count = 1, .received_at_ms = now };
    struct store_applied applied;
    cr_assert_eq(store_apply(one.store, &exchange, &applied, &err), ERR_OK, "%s", err.message);
    struct row_id id;
    cr_assert_eq(query_find(one.store, KIND_REFERRAL, "R-9", &id, &err), ERR_OK, "%s", err.message);
    forged_fini(&run);
    replica_stop(&centre);
}

static void look_at_what_is_marked(void)
{
    struct store_dirty dirty;
    cr_assert_eq(store_dirty_read(one.store, 10, &dirty, NULL), ERR_OK);
    cr_assert_eq(store_flags_begin(one.store, NULL), ERR_OK);
    for (size_t i = 0; i < dirty.placement_count; i++) {
        cr_assert_eq(store_flags_replace(one.store, &dirty.placements[i], NULL, 0, now, NULL), ERR_OK);
    }
    cr_assert_eq(store_flags_commit(one.store, NULL), ERR_OK);
    store_dirty_fini(&dirty);
}

Test(replica, the_placement_that_a_notice_was_for_is_looked_at_too_once_it_is_for_another_one)
{
    struct store_entry entry;
    struct store_dirty dirty;
    entry_participant(&world, &entry, "GDN-002", "Test Birch");
    replica_write(&one, &entry, now += 1000);
    entry_placement(&world, &entry, "P-2", "GDN-002", "mandatory", "2026-06-01", "2026-11-27", "Mon 09:30-15:30");
    replica_write(&one, &entry, now += 1000);
    entry_notice(&world, &entry, "N-1", "P-1", "2026-05-20", "hand");
    replica_write(&one, &entry, now += 1000);
    look_at_what_is_marked();
    entry_notice(&world, &entry, "N-1", "P-2", "2026-05-20", "hand");
    replica_write(&one, &entry, now += 1000);
    cr_assert_eq(store_dirty_read(one.store, 10, &dirty, NULL), ERR_OK);
    cr_assert_eq(dirty.placement_count, 2, "P-1, which it was for, and P-2");
    store_dirty_fini(&dirty);
}

Test(replica, a_persons_other_placements_are_looked_at_too_and_nobody_elses)
{
    struct store_entry entry;
    struct store_dirty dirty;
    entry_participant(&world, &entry, "GDN-002", "Test Birch");
    replica_write(&one, &entry, now += 1000);
    entry_placement(&world, &entry, "P-2", "GDN-002", "mandatory", "2026-06-01", "2026-11-27", "Mon 09:30-15:30");
    replica_write(&one, &entry, now += 1000);
    look_at_what_is_marked();
    entry_placement(&world, &entry, "P-3", "GDN-001", "mandatory", "2026-12-07", "2027-02-26", "Mon 09:30-15:30");
    replica_write(&one, &entry, now += 1000);
    cr_assert_eq(store_dirty_read(one.store, 10, &dirty, NULL), ERR_OK);
    cr_assert_eq(dirty.placement_count, 2, "P-1 and P-3 of GDN-001, not P-2");
    store_dirty_fini(&dirty);
    struct row_id id;
    struct store_placement_facts facts;
    struct error err;
    cr_assert_eq(query_find(one.store, KIND_PLACEMENT, "P-1", &id, &err), ERR_OK);
    cr_assert_eq(store_placement_facts(one.store, &id, day_of("2026-06-10"), &facts, &err), ERR_OK);
    cr_assert_eq(facts.facts.span_count, 2);
    cr_assert_eq(facts.facts.spans[1].starts_on, day_of("2026-12-07"));
    cr_assert_eq(facts.facts.pattern_minutes, 2 * 6 * 60);
    store_placement_facts_fini(&facts);
}

Test(replica, a_correction_needs_a_reason_and_both_versions_stay)
{
    struct store_entry entry;
    struct store_written written;
    attend(&one, "2026-06-03", OUTCOME_ABSENT, NULL);
    entry_attendance(&world, &entry, "P-1", "2026-06-03", 0, OUTCOME_ATTENDED, -1, NULL);
    cr_assert_eq(store_write(one.store, "tester", &entry, 1, now, &written, NULL), ERR_REFUSED);
    attend(&one, "2026-06-03", OUTCOME_ATTENDED, "the register was wrong");
    struct session_row row = session(&one, "2026-06-03");
    cr_assert_eq(row.standing, STANDING_RECORDED);
    cr_assert_eq(row.outcome, OUTCOME_ATTENDED);
    struct attendance_list list;
    cr_assert_eq(query_attendance(one.store, &row.placement, row.day, 0, 10, &list, NULL), ERR_OK);
    cr_assert_eq(list.count, 2);
    cr_assert_not(list.rows[0].head);
    cr_assert(list.rows[1].head);
    cr_assert_str_eq(list.rows[1].note, "the register was wrong");
    attendance_list_fini(&list);
}

Test(replica, two_devices_that_differ_make_a_dispute_until_one_supersedes_both)
{
    carry(&one, &two);
    attend(&one, "2026-06-03", OUTCOME_ABSENT, NULL);
    attend(&two, "2026-06-03", OUTCOME_ATTENDED, NULL);
    carry(&one, &two);
    carry(&two, &one);
    cr_assert_eq(session(&one, "2026-06-03").standing, STANDING_DISPUTED);
    cr_assert_eq(session(&two, "2026-06-03").standing, STANDING_DISPUTED);
    cr_assert_eq(session(&two, "2026-06-03").heads, 2);
    attend(&two, "2026-06-03", OUTCOME_LATE, "asked them both: came at eleven");
    carry(&two, &one);
    cr_assert_eq(session(&one, "2026-06-03").standing, STANDING_RECORDED);
    cr_assert_eq(session(&one, "2026-06-03").outcome, OUTCOME_LATE);
    char a[65];
    char b[65];
    replica_digest(&one, a);
    replica_digest(&two, b);
    cr_assert_str_eq(a, b);
}

Test(replica, two_devices_that_say_the_same_are_no_dispute)
{
    carry(&one, &two);
    attend(&one, "2026-06-03", OUTCOME_ABSENT, "rang at nine");
    attend(&two, "2026-06-03", OUTCOME_ABSENT, "nobody there");
    carry(&one, &two);
    cr_assert_eq(session(&two, "2026-06-03").standing, STANDING_RECORDED);
}

static void assert_host(struct replica *replica, const char *host)
{
    struct placement_list list = { 0 };
    struct error err = { 0 };
    cr_assert_eq(query_placements(replica->store, ROW_NONE, 10, &list, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(list.count, 1);
    cr_assert_str_eq(list.rows[0].host, host);
    placement_list_fini(&list);
}

Test(replica, a_correction_stands_over_a_record_of_a_clock_that_ran_years_ahead)
{
    struct store_entry entry;
    entry_placement(&world, &entry, "P-1", "GDN-001", "mandatory", "2026-06-01", "2026-11-27", "Mon Wed 09:30-15:30");
    record_set_text(&entry.record, "host", "Wrong Garden");
    replica_write(&one, &entry, now + INT64_C(4) * 365 * 86400000);
    carry(&one, &two);
    record_set_text(&entry.record, "host", "Right Garden");
    replica_write(&two, &entry, now + 1000);
    assert_host(&two, "Right Garden");
    carry(&two, &one);
    assert_host(&one, "Right Garden");
    char a[65];
    char b[65];
    replica_digest(&one, a);
    replica_digest(&two, b);
    cr_assert_str_eq(a, b);
}

Test(replica, a_clock_five_years_after_the_centres_last_word_records_nothing)
{
    struct store_entry entry;
    struct store_written written;
    struct error why = { 0 };
    int64_t heard_ms = (int64_t)day_of("2026-06-10") * 86400000;
    struct store_exchange exchange = { .received_at_ms = heard_ms, .answered_at_ms = heard_ms };
    struct store_applied unused;
    cr_assert_eq(store_apply(one.store, &exchange, &unused, &why), ERR_OK, "%s", why.message);
    entry_participant(&world, &entry, "GDN-1", "Test Alder");
    replica_write(&one, &entry, heard_ms + OP_AHEAD_MAX_MS / 2 - 86400000);
    record_set_text(&entry.record, "name", "Test Birch");
    cr_assert_eq(store_write(one.store, "tester", &entry, 1, heard_ms + 2 * OP_AHEAD_MAX_MS, &written, &why),
                 ERR_REFUSED);
    cr_assert_not_null(strstr(why.message, "set the clock"), "%s", why.message);
}

Test(replica, jcps_own_appointment_excuses_an_absence_whichever_comes_first)
{
    struct replica centre;
    replica_start(&world, &centre, CERTIFICATE_ROLE_CENTRE);
    attend(&one, "2026-06-03", OUTCOME_ABSENT, NULL);
    struct store_entry entry;
    entry_appointment(&world, &entry, "A-1", "GDN-001", "2026-06-03", 10 * 60, 11 * 60);
    struct forged_run run;
    uint8_t first[SHA256_BYTES];
    op_link_first(world.stream, centre.identity.device, 0, first);
    forge(&world, &centre, 1, KIND_APPOINTMENT, entry.subject, &entry.record, first, &run);
    struct store_exchange exchange = { .runs = &run.run, .run_count = 1, .received_at_ms = now };
    struct store_applied applied;
    struct error err = { 0 };
    cr_assert_eq(session(&one, "2026-06-03").standing, STANDING_RECORDED);
    cr_assert_eq(store_apply(one.store, &exchange, &applied, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(session(&one, "2026-06-03").standing, STANDING_EXCUSED);
    cr_assert_eq(store_apply(two.store, &exchange, &applied, &err), ERR_OK, "%s", err.message);
    carry(&one, &two);
    cr_assert_eq(session(&two, "2026-06-03").standing, STANDING_EXCUSED);
    struct session_row row = session(&two, "2026-06-03");
    cr_assert_eq(row.jcp_starts_min, 600);
    forged_fini(&run);
    replica_stop(&centre);
}

Test(replica, an_exchange_applied_twice_changes_nothing)
{
    char first[65];
    char second[65];
    attend(&one, "2026-06-03", OUTCOME_ABSENT, NULL);
    carry(&one, &two);
    replica_digest(&two, first);
    carry(&one, &two);
    replica_digest(&two, second);
    cr_assert_str_eq(first, second);
}

Test(replica, a_gap_in_a_chain_keeps_everything_out)
{
    struct error err;
    attend(&one, "2026-06-03", OUTCOME_ABSENT, NULL);
    cr_assert_eq(replica_carry(&one, 1, SIZE_MAX, &two, &err), ERR_HISTORY);
    struct store_counts counts;
    cr_assert_eq(query_counts(two.store, &counts, &err), ERR_OK);
    cr_assert_eq(counts.ops, 0);
}

Test(replica, an_unknown_device_needs_a_certificate_of_this_sites_centre)
{
    struct world other;
    struct replica stranger;
    world_init(&other);
    replica_start(&other, &stranger, CERTIFICATE_ROLE_AGENT);
    struct store_entry entry;
    entry_participant(&other, &entry, "X-1", "Test Stranger");
    replica_write(&stranger, &entry, now);
    struct error err;
    cr_assert_eq(replica_carry(&stranger, 0, SIZE_MAX, &one, &err), ERR_TLS, "%s", err.message);
    replica_stop(&stranger);
    world_fini(&other);
}

Test(replica, changing_the_pattern_keeps_what_was_recorded)
{
    attend(&one, "2026-06-03", OUTCOME_ATTENDED, NULL);
    struct store_entry entry;
    entry_placement(&world, &entry, "P-1", "GDN-001", "mandatory", "2026-06-01", "2026-11-27", "Tue 10:00-12:00");
    replica_write(&one, &entry, now += 1000);
    struct session_row row = session(&one, "2026-06-03");
    cr_assert_not(row.expected);
    cr_assert_eq(row.outcome, OUTCOME_ATTENDED);
    cr_assert(session(&one, "2026-06-02").expected);
    struct store_verified verified;
    struct error err = { 0 };
    cr_assert_eq(store_verify(one.store, &verified, &err), ERR_OK, "%s", err.message);
}

static void write_placement(const char *starts_on, const char *ends_on, const char *pattern)
{
    struct store_entry entry;
    entry_placement(&world, &entry, "P-1", "GDN-001", "mandatory", starts_on, ends_on, pattern);
    replica_write(&one, &entry, now += 1000);
}

static int days_listed(const char *from, const char *to, int *ret_unexpected)
{
    struct session_list list;
    struct error err;
    cr_assert_eq(query_roll(one.store, day_of(from), day_of(to), QUERY_LIMIT_MAX, &list, &err), ERR_OK, "%s",
                 err.message);
    int count = (int)list.count;
    *ret_unexpected = 0;
    for (int i = 0; i < count; i++) {
        *ret_unexpected += !list.rows[i].session.expected;
        cr_assert(i == 0 || list.rows[i - 1].session.day <= list.rows[i].session.day);
    }
    session_list_fini(&list);
    return count;
}

Test(replica, a_day_lists_who_is_expected_and_who_was_recorded_without_being_expected)
{
    int unexpected;
    attend(&one, "2026-06-03", OUTCOME_ATTENDED, NULL); /* a Wednesday */
    attend(&one, "2026-06-04", OUTCOME_ATTENDED, NULL);
    write_placement("2026-06-15", "2026-06-26", "Tue 10:00-12:00"); /* the 16th and the 23rd */
    cr_assert_eq(days_listed("2026-06-01", "2026-06-30", &unexpected), 4);
    cr_assert_eq(unexpected, 2);
    cr_assert_eq(days_listed("2026-06-04", "2026-06-15", &unexpected), 1);
    cr_assert_eq(unexpected, 1);
    cr_assert_eq(days_listed("2026-06-16", "2026-06-16", &unexpected), 1);
    cr_assert_eq(unexpected, 0);
    cr_assert_eq(days_listed("2026-06-27", "2026-12-31", &unexpected), 0);
}

Test(replica, a_refused_record_stops_counting_and_is_kept_with_its_reason)
{
    attend(&one, "2026-06-03", OUTCOME_ABSENT, NULL);
    struct store_sync sync;
    cr_assert_eq(store_sync_read(one.store, &sync, NULL), ERR_OK);
    cr_assert_eq(store_mark_refused(one.store, sync.incarnation, sync.newest_seq, "not allowed", NULL), ERR_OK);
    cr_assert_eq(session(&one, "2026-06-03").standing, STANDING_UNRECORDED);
    struct log_list log;
    cr_assert_eq(query_log(one.store, NULL, 0, true, 10, &log, NULL), ERR_OK);
    cr_assert_eq(log.count, 1);
    cr_assert_str_eq(log.rows[0].quarantine, "not allowed");
    log_list_fini(&log);
    struct store_verified verified;
    cr_assert_eq(store_verify(one.store, &verified, NULL), ERR_OK);
}

Test(replica, only_what_changed_is_marked_for_the_rules)
{
    struct store_dirty dirty;
    cr_assert_eq(store_dirty_read(one.store, 10, &dirty, NULL), ERR_OK);
    cr_assert_eq(dirty.placement_count, 1);
    cr_assert(dirty.site);
    struct row_id placement = dirty.placements[0];
    store_dirty_fini(&dirty);
    cr_assert_eq(store_flags_begin(one.store, NULL), ERR_OK);
    cr_assert_eq(store_flags_replace(one.store, &placement, NULL, 0, now, NULL), ERR_OK);
    cr_assert_eq(store_flags_replace(one.store, NULL, NULL, 0, now, NULL), ERR_OK);
    cr_assert_eq(store_flags_commit(one.store, NULL), ERR_OK);
    cr_assert_eq(store_dirty_read(one.store, 10, &dirty, NULL), ERR_OK);
    cr_assert_eq(dirty.placement_count, 0);
    cr_assert_not(dirty.site);
    store_dirty_fini(&dirty);
    attend(&one, "2026-06-03", OUTCOME_ABSENT, NULL);
    cr_assert_eq(store_dirty_read(one.store, 10, &dirty, NULL), ERR_OK);
    cr_assert_eq(dirty.placement_count, 1);
    cr_assert_not(dirty.site);
    store_dirty_fini(&dirty);
}

/* 1: a commit does not wait for the disk; 2: it does. */
static int64_t synchronous(void)
{
    sqlite3_stmt *s;
    cr_assert_eq(sqlite3_prepare_v2(one.store->db.handle, "PRAGMA synchronous", -1, &s, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_step(s), SQLITE_ROW);
    int64_t level = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return level;
}

Test(replica, only_the_commit_of_flags_does_not_wait_for_the_disk)
{
    cr_assert_eq(synchronous(), 2);
    cr_assert_eq(store_flags_begin(one.store, NULL), ERR_OK);
    cr_expect_eq(synchronous(), 1);
    cr_assert_eq(store_flags_commit(one.store, NULL), ERR_OK);
    cr_expect_eq(synchronous(), 2);
    cr_assert_eq(store_flags_begin(one.store, NULL), ERR_OK);
    store_flags_abandon(one.store);
    cr_expect_eq(synchronous(), 2, "after a pass that failed");
}

Test(replica, a_standing_flag_takes_new_words_and_keeps_when_it_was_raised)
{
    struct row_id placement = { .bytes = { 1 } };
    struct flag_row flag = { .key = "k",
                             .code = "unexplained_absence",
                             .severity = SEVERITY_ACT,
                             .subject = FLAG_SUBJECT_SESSION,
                             .subject_id = placement,
                             .facts = "first" };
    struct flag_list_rows flags;
    cr_assert_eq(store_flags_begin(one.store, NULL), ERR_OK);
    cr_assert_eq(store_flags_replace(one.store, &placement, &flag, 1, 1000, NULL), ERR_OK);
    strcpy(flag.facts, "second");
    cr_assert_eq(store_flags_replace(one.store, &placement, &flag, 1, 2000, NULL), ERR_OK);
    cr_assert_eq(store_flags_commit(one.store, NULL), ERR_OK);
    cr_assert_eq(query_flags(one.store, false, 10, &flags, NULL), ERR_OK);
    cr_assert_eq(flags.count, 1);
    cr_expect_str_eq(flags.rows[0].flag.facts, "second");
    cr_expect_eq(flags.rows[0].raised_at_ms, 1000);
    flag_list_rows_fini(&flags);
}

Test(replica, a_flag_that_clears_stays_as_history)
{
    struct row_id placement = { .bytes = { 1 } };
    struct flag_row flag = { .key = "k",
                             .code = "unexplained_absence",
                             .severity = SEVERITY_ACT,
                             .subject = FLAG_SUBJECT_SESSION,
                             .subject_id = placement,
                             .facts = "f" };
    cr_assert_eq(store_flags_begin(one.store, NULL), ERR_OK);
    cr_assert_eq(store_flags_replace(one.store, &placement, &flag, 1, 1000, NULL), ERR_OK);
    cr_assert_eq(store_flags_replace(one.store, &placement, &flag, 1, 2000, NULL), ERR_OK);
    cr_assert_eq(store_flags_replace(one.store, &placement, NULL, 0, 3000, NULL), ERR_OK);
    cr_assert_eq(store_flags_commit(one.store, NULL), ERR_OK);
    struct flag_list_rows flags;
    cr_assert_eq(query_flags(one.store, false, 10, &flags, NULL), ERR_OK);
    cr_assert_eq(flags.count, 0);
    flag_list_rows_fini(&flags);
    cr_assert_eq(query_flags(one.store, true, 10, &flags, NULL), ERR_OK);
    cr_assert_eq(flags.count, 1);
    cr_assert_eq(flags.rows[0].raised_at_ms, 1000);
    cr_assert_eq(flags.rows[0].cleared_at_ms, 3000);
    flag_list_rows_fini(&flags);
}

static struct referral_row first_referral(struct replica *replica)
{
    struct referral_list list;
    cr_assert_eq(query_referrals(replica->store, NULL, 10, &list, NULL), ERR_OK);
    cr_assert_eq(list.count, 1);
    struct referral_row row = list.rows[0];
    referral_list_fini(&list);
    return row;
}

Test(replica, a_referral_that_became_a_placement_waits_for_nothing)
{
    struct store_entry referral;
    entry_referral(&world, &referral, "R-1", "GDN-001", "2026-05-20");
    replica_write(&one, &referral, now);
    cr_assert_str_eq(first_referral(&one).status, "received");
    cr_assert_eq(first_referral(&one).status_on, day_of("2026-05-20"));
    struct store_entry event = { .kind = KIND_REFERRAL_EVENT, .happened_at_ms = OP_TIME_NONE };
    record_init(&event.record, kind_by_number(KIND_REFERRAL_EVENT));
    memcpy(event.subject, referral.subject, OP_ENTITY_BYTES);
    record_set_text(&event.record, "status", "acknowledged");
    record_set_number(&event.record, "on", day_of("2026-05-21"));
    replica_write(&one, &event, now += 1000);
    cr_assert_str_eq(first_referral(&one).status, "acknowledged");
    struct store_entry placement;
    entry_placement(&world, &placement, "P-9", "GDN-001", "mandatory", "2026-06-01", "2026-11-27", "Tue 10:00-12:00");
    record_set_id(&placement.record, "referral", referral.subject);
    replica_write(&one, &placement, now += 1000);
    cr_assert_str_eq(first_referral(&one).status, "accepted");
    cr_assert_eq(first_referral(&one).status_on, ROW_NONE, "nobody wrote down when");
    struct store_site_facts facts;
    cr_assert_eq(store_site_facts(one.store, day_of("2026-06-10"), &facts, NULL), ERR_OK);
    cr_assert_eq(facts.facts.waiting, 0);
    store_site_facts_fini(&facts);
}

static void expect_held(const char *site_name, struct slice centre)
{
    struct store_identity held;
    struct buf certificate;
    struct error err = { 0 };
    buf_init(&certificate, CERTIFICATE_DER_MAX);
    cr_assert_eq(store_identity_read(one.store, &held, &err), ERR_OK, "%s", err.message);
    cr_assert_str_eq(held.site_name, site_name);
    cr_assert_eq(store_centre_certificate_read(one.store, &certificate, &err), ERR_OK, "%s", err.message);
    cr_assert(slice_equal(buf_slice(&certificate), centre));
    store_identity_fini(&held);
    buf_fini(&certificate);
}

/* Whoever is enrolled by file could otherwise write no bundle, and the answer in hand would change nothing. */
Test(replica, who_this_is_and_the_centres_key_are_kept_together_or_not_at_all)
{
    struct error err = { 0 };
    struct database *db = &one.store->db;
    struct slice centre = slice_of_text("the centre's");
    struct store_identity renewed = one.identity; /* borrows */
    (void)snprintf(renewed.site_name, sizeof(renewed.site_name), "another name");
    cr_assert_eq(db_exec(db,
                         "CREATE TRIGGER full BEFORE UPDATE OF certificate ON bundle_state BEGIN "
                         "SELECT RAISE(ABORT, 'full'); END",
                         &err),
                 ERR_OK, "%s", err.message);
    cr_assert_neq(store_identity_write_with(one.store, &renewed, centre, &err), ERR_OK);
    expect_held(one.identity.site_name, (struct slice){ 0 });
    cr_assert_eq(db_exec(db, "DROP TRIGGER full", &err), ERR_OK, "%s", err.message);
    cr_assert_eq(store_identity_write_with(one.store, &renewed, centre, &err), ERR_OK, "%s", err.message);
    expect_held("another name", centre);
}
