/* The guard rails hold in the store itself, whoever writes: these tests go round every function above it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "store/doubts.h"
#include "store/replica.h"
#include "world.h"

static struct world world;
static struct replica site;
static int64_t now;

static void write_one(struct store_entry *entry)
{
    replica_write(&site, entry, now += 1000);
}

static void start(void)
{
    world_init(&world);
    replica_start(&world, &site, CERTIFICATE_ROLE_AGENT);
    now = clock_wall_ms();
    struct store_entry entry;
    entry_participant(&world, &entry, "GDN-001", "Test Alder");
    write_one(&entry);
    entry_referral(&world, &entry, "R-1", "GDN-001", "2026-05-18");
    write_one(&entry);
    entry_placement(&world, &entry, "P-1", "GDN-001", "mandatory", "2026-06-01", "2026-11-27", "Mon Wed 09:30-15:30");
    entry_sent_by(&world, &entry, "R-1");
    write_one(&entry);
    entry_placement(&world, &entry, "P-V", "GDN-001", "voluntary", "2026-06-01", "2026-11-27", "Tue Thu 09:30-15:30");
    write_one(&entry);
    entry_notice(&world, &entry, "N-1", "P-1", "2026-05-20", "hand");
    write_one(&entry);
    entry_notice(&world, &entry, "N-V", "P-V", "2026-05-20", "hand");
    write_one(&entry);
}

static void stop(void)
{
    replica_stop(&site);
    world_fini(&world);
}

static void attend(const char *placement, const char *day, enum outcome outcome)
{
    struct store_entry entry;
    entry_attendance(&world, &entry, placement, day, 0, outcome, -1, NULL);
    write_one(&entry);
}

/* All that the path to a doubt asks of people: a contact attempt, a review, a doubt that is confirmed. */
static struct doubt_row doubt(const char *placement, const char *day, const char *notice)
{
    struct store_entry entry;
    struct doubt_row row;
    struct error err = { 0 };
    char digits[DOUBT_ID_SIZE];
    entry_contact(&world, &entry, day, "GDN-001", day, day);
    write_one(&entry);
    entry_review(&world, &entry, day, placement, day, "doubt");
    write_one(&entry);
    entry_doubt(&world, &entry, day, placement, day, day, notice);
    write_one(&entry);
    hex_encode(entry.subject, OP_ENTITY_BYTES, digits);
    cr_assert_eq(query_doubt(site.store, digits, &row, &err), ERR_OK, "%s", err.message);
    return row;
}

static void assert_refused(const char *placement, const char *day, const char *notice, const char *wants)
{
    struct doubt_row row = doubt(placement, day, notice);
    cr_assert_str_eq(row.status, "suspended");
    cr_assert_str_eq(row.wants, wants);
}

static void assert_stands(const char *placement, const char *day, const char *notice)
{
    struct doubt_row row = doubt(placement, day, notice);
    cr_assert_str_eq(row.status, "standing", "%s", row.wants);
}

TestSuite(guard_rail, .init = start, .fini = stop);

Test(guard_rail, a_doubt_stands_on_a_recorded_absence_after_a_complete_notice)
{
    attend("P-1", "2026-06-03", OUTCOME_ABSENT);
    assert_stands("P-1", "2026-06-03", "N-1");
}

Test(guard_rail, no_doubt_about_voluntary_people)
{
    attend("P-V", "2026-06-04", OUTCOME_ABSENT);
    assert_refused("P-V", "2026-06-04", "N-V", "no_referral,not_mandatory");
}

static void expect_not_written(struct store_entry *entry, const char *word)
{
    struct store_written written;
    struct error err = { 0 };
    cr_assert_eq(store_write(site.store, "tester", entry, 1, now += 1000, &written, &err), ERR_REFUSED, "%s", word);
    cr_assert_not_null(strstr(err.message, word), "%s", err.message);
}

static void placement_under(struct store_entry *entry, const char *ref, const char *basis, const char *referral)
{
    static uint8_t id[OP_ENTITY_BYTES];
    entity_id(world.stream, "referral", referral, id);
    entry_placement(&world, entry, ref, "GDN-001", basis, "2026-06-01", "2026-11-27", "Mon Wed 09:30-15:30");
    record_set_id(&entry->record, "referral", id);
}

static void referral(struct store_entry *entry, const char *ref, const char *basis)
{
    entry_referral(&world, entry, ref, "GDN-001", "2026-05-18");
    record_set_text(&entry->record, "basis", basis);
}

Test(guard_rail, who_came_of_their_own_will_is_not_sent_by_a_change)
{
    struct store_entry entry;
    referral(&entry, "R-V", "voluntary");
    write_one(&entry);
    placement_under(&entry, "P-4", "mandatory", "R-V");
    expect_not_written(&entry, "the referral is voluntary");
    referral(&entry, "R-V", "mandatory");
    expect_not_written(&entry, "was voluntary");
    placement_under(&entry, "P-V", "mandatory", "R-M");
    expect_not_written(&entry, "this placement was voluntary");
    entry_placement(&world, &entry, "P-6", "GDN-001", "mandatory", "2026-06-01", "2026-11-27", "Mon Wed 16:00-18:00");
    write_one(&entry);
    placement_under(&entry, "P-6", "mandatory", "R-V"); /* it was mandatory before */
    expect_not_written(&entry, "the referral is voluntary");
    placement_under(&entry, "P-4", "voluntary", "R-V");
    write_one(&entry);
    referral(&entry, "R-N", "mandatory");
    write_one(&entry);
    placement_under(&entry, "P-5", "mandatory", "R-N"); /* a new referral, and a new placement */
    write_one(&entry);
}

Test(guard_rail, nobody_is_sent_by_a_placement_that_names_no_referral_when_all_theirs_are_voluntary)
{
    static const char words[] = "no referral but voluntary ones";
    struct store_entry lines[2];
    struct store_entry entry;
    struct store_written written;
    struct error err = { 0 };
    entry_participant(&world, &entry, "GDN-003", "Test Cedar");
    write_one(&entry);
    entry_placement(&world, &lines[1], "P-7", "GDN-003", "mandatory", "2026-06-01", "2026-11-27", "Mon 09:30-15:30");
    entry_referral(&world, &lines[0], "R-W", "GDN-003", "2026-05-18");
    record_set_text(&lines[0].record, "basis", "voluntary");
    cr_assert_eq(store_write(site.store, "tester", lines, 2, now += 1000, &written, &err), ERR_REFUSED);
    cr_assert_not_null(strstr(err.message, words), "in one file: %s", err.message);
    write_one(&lines[0]);
    expect_not_written(&lines[1], words);
    entry_placement(&world, &entry, "P-7", "GDN-003", "voluntary", "2026-06-01", "2026-11-27", "Mon 09:30-15:30");
    write_one(&entry);
    entry_placement(&world, &entry, "P-8", "GDN-001", "mandatory", "2026-06-01", "2026-11-27", "Mon 09:30-15:30");
    write_one(&entry); /* of whom no referral is on record at all */
    entry_referral(&world, &lines[0], "R-S", "GDN-003", "2026-05-20");
    write_one(&lines[0]);
    entry_placement(&world, &entry, "P-9", "GDN-003", "mandatory", "2026-06-01", "2026-11-27", "Mon 09:30-15:30");
    write_one(&entry);
}

Test(guard_rail, a_placement_that_was_mandatory_before_can_still_be_given_its_last_day)
{
    struct store_entry entry;
    referral(&entry, "R-V", "voluntary");
    write_one(&entry);
    entry_placement(&world, &entry, "P-1", "GDN-001", "mandatory", "2026-06-01", "2026-07-31", "Mon Wed 09:30-15:30");
    write_one(&entry);
}

Test(guard_rail, nor_by_two_lines_of_one_file)
{
    struct store_entry lines[2];
    struct store_written written;
    struct error err = { 0 };
    referral(&lines[0], "R-V", "voluntary");
    placement_under(&lines[1], "P-4", "mandatory", "R-V");
    cr_assert_eq(store_write(site.store, "tester", lines, 2, now += 1000, &written, &err), ERR_REFUSED);
    cr_assert_eq(written.failed_at, 1);
    record_set_text(&lines[1].record, "basis", "voluntary");
    cr_assert_eq(store_write(site.store, "tester", lines, 2, now += 1000, &written, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(written.added, 2);
}

Test(guard_rail, nobody_has_stayed_away_from_what_has_not_begun)
{
    static const enum outcome early[] = { OUTCOME_ABSENT, OUTCOME_LATE, OUTCOME_LEFT_EARLY };
    struct store_entry entry;
    struct store_written written;
    struct error err = { 0 };
    now = (int64_t)day_of("2026-06-03") * 86400000 + (8 * 60 + 29) * 60000; /* 09:29 in summer */
    for (size_t i = 0; i < ARRAY_LEN(early); i++) {
        entry_attendance(&world, &entry, "P-1", "2026-06-03", 0, early[i], -1, NULL);
        expect_not_written(&entry, "has not begun");
        entry_attendance(&world, &entry, "P-1", "2026-06-08", 0, early[i], -1, NULL);
        expect_not_written(&entry, "has not begun");
    }
    entry_attendance(&world, &entry, "P-1", "2026-06-03", 0, OUTCOME_ABSENT_WITH_NOTICE, -1, NULL);
    cr_assert_eq(store_write(site.store, "tester", &entry, 1, now, &written, &err), ERR_OK, "they said so beforehand");
    now += 86400000 + 60000;
    attend("P-V", "2026-06-04", OUTCOME_ABSENT);
}

static void clock_ahead(int64_t ms)
{
    struct error err = { 0 };
    char sql[80];
    (void)snprintf(sql, sizeof(sql), "UPDATE sync_state SET clock_offset = %lld", (long long)ms);
    cr_assert_eq(db_exec(&site.store->db, sql, &err), ERR_OK, "%s", err.message);
}

/* ... by the centre's clock, where it is known how far this one is off; nor ends one. */
Test(guard_rail, a_clock_that_is_off_begins_and_ends_no_session_early_or_late)
{
    static const struct {
        int64_t ahead_ms;
        const char *placement;
        const char *day;
        const char *notice;
        int minutes; /* after the session's end a doubt is raised */
        const char *wants;
    } cases[] = { { INT64_C(4) * 3600000, "P-1", "2026-06-03", "N-1", -2, "not_yet" },
                  { INT64_C(-4) * 3600000, "P-V", "2026-06-09", "N-V", 2, "no_referral,not_mandatory" } };
    struct store_entry entry;
    struct store_written written;
    struct error err = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t begins = (int64_t)day_of(cases[i].day) * 86400000 + (8 * 60 + 30) * 60000; /* 09:30 in summer */
        clock_ahead(cases[i].ahead_ms);
        entry_attendance(&world, &entry, cases[i].placement, cases[i].day, 0, OUTCOME_ABSENT, -1, NULL);
        now = begins + cases[i].ahead_ms - 120000;
        expect_not_written(&entry, "has not begun");
        now = begins + cases[i].ahead_ms;
        cr_assert_eq(store_write(site.store, "tester", &entry, 1, now, &written, &err), ERR_OK, "%s", err.message);
        now = begins + cases[i].ahead_ms + (6 * 60 + cases[i].minutes) * 60000;
        assert_refused(cases[i].placement, cases[i].day, cases[i].notice, cases[i].wants);
    }
}

static const char *basis_of(const char *ref)
{
    struct referral_row row;
    struct row_id id;
    struct error err = { 0 };
    cr_assert_eq(query_find(site.store, KIND_REFERRAL, ref, &id, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(query_referral(site.store, &id, &row, &err), ERR_OK, "%s", err.message);
    return basis_name(row.basis);
}

static void say_from(enum certificate_role role, struct store_entry *entry, int64_t hlc_ms)
{
    struct voice voice;
    struct store_applied applied;
    struct error err = { 0 };
    voice_start(&world, &voice, role);
    voice.replica.forged_hlc_ms = hlc_ms;
    voice_say(&voice, entry);
    cr_assert_eq(voice_reach(&voice, 0, 1, &site, &applied, &err), ERR_OK, "%s", err.message);
    voice_stop(&voice);
}

Test(guard_rail, the_centre_says_on_what_basis_somebody_is_referred_whatever_is_said_after_it)
{
    struct store_entry entry;
    struct overwrite_list list = { 0 };
    struct error err = { 0 };
    referral(&entry, "R-C", "voluntary");
    say_from(CERTIFICATE_ROLE_CENTRE, &entry, now);
    referral(&entry, "R-C", "mandatory");
    expect_not_written(&entry, "the Jobcentre said");
    say_from(CERTIFICATE_ROLE_AGENT, &entry, now + 60000);
    cr_assert_str_eq(basis_of("R-C"), "voluntary");
    cr_assert_eq(query_overwrites(site.store, false, 10, &list, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(list.count, 1);
    cr_assert(slice_equal(list.rows[0].old_value.text, slice_of_text("mandatory")), "what did not stand is shown");
    cr_assert(slice_equal(list.rows[0].new_value.text, slice_of_text("voluntary")));
    overwrite_list_fini(&list);
    referral(&entry, "R-D", "mandatory");
    say_from(CERTIFICATE_ROLE_AGENT, &entry, now + 60000);
    referral(&entry, "R-D", "voluntary");
    say_from(CERTIFICATE_ROLE_CENTRE, &entry, now);
    cr_assert_str_eq(basis_of("R-D"), "voluntary", "whatever came first");
}

Test(guard_rail, no_doubt_about_an_unrecorded_or_excused_session)
{
    assert_refused("P-1", "2026-06-03", "N-1", "unrecorded");
    attend("P-1", "2026-06-08", OUTCOME_EXCUSED);
    assert_refused("P-1", "2026-06-08", "N-1", "excused");
    attend("P-1", "2026-06-10", OUTCOME_HOST_CLOSED);
    assert_refused("P-1", "2026-06-10", "N-1", "not_absent");
}

Test(guard_rail, no_doubt_while_the_record_is_disputed)
{
    struct replica other;
    struct error err = { 0 };
    replica_start(&world, &other, CERTIFICATE_ROLE_AGENT);
    cr_assert_eq(replica_carry(&site, 0, SIZE_MAX, &other, &err), ERR_OK, "%s", err.message);
    attend("P-1", "2026-06-03", OUTCOME_ABSENT);
    struct store_entry entry;
    entry_attendance(&world, &entry, "P-1", "2026-06-03", 0, OUTCOME_ATTENDED, -1, NULL);
    replica_write(&other, &entry, now);
    cr_assert_eq(replica_carry(&other, 0, SIZE_MAX, &site, &err), ERR_OK, "%s", err.message);
    assert_refused("P-1", "2026-06-03", "N-1", "disputed");
    replica_stop(&other);
}

Test(guard_rail, no_doubt_before_a_notice_was_received)
{
    struct store_entry entry;
    entry_placement(&world, &entry, "P-2", "GDN-001", "mandatory", "2026-06-01", "2026-11-27", "Mon Wed 16:00-18:00");
    entry_sent_by(&world, &entry, "R-1");
    write_one(&entry);
    attend("P-2", "2026-06-03", OUTCOME_ABSENT);
    assert_refused("P-2", "2026-06-03", "N-2", "no_notice");
    /* posted on Monday the 1st: received on Wednesday the 3rd, so not before the failure of that day */
    entry_notice(&world, &entry, "N-2", "P-2", "2026-06-01", "post");
    write_one(&entry);
    attend("P-2", "2026-06-08", OUTCOME_ABSENT);
    assert_stands("P-2", "2026-06-08", "N-2");
    struct doubt_list list = { 0 };
    struct error err = { 0 };
    cr_assert_eq(query_doubts(site.store, true, 2, &list, &err), ERR_OK);
    cr_assert_str_eq(list.rows[1].wants, "notice_late");
    doubt_list_fini(&list);
}

Test(guard_rail, an_incomplete_notice_is_no_notice)
{
    struct store_entry entry;
    entry_placement(&world, &entry, "P-3", "GDN-001", "mandatory", "2026-06-01", "2026-11-27", "Mon Wed 16:00-18:00");
    entry_sent_by(&world, &entry, "R-1");
    write_one(&entry);
    entry_notice(&world, &entry, "N-3", "P-3", "2026-05-20", "hand");
    record_set_number(&entry.record, "says_consequences", 0);
    write_one(&entry);
    attend("P-3", "2026-06-03", OUTCOME_ABSENT);
    assert_refused("P-3", "2026-06-03", "N-3", "notice_incomplete");
}

Test(guard_rail, evidence_cannot_be_deleted_or_changed)
{
    struct error err;
    static const char *const attacks[] = {
        "DELETE FROM op WHERE id = (SELECT max(id) FROM op)",
        "UPDATE op SET header = x'00'",
        "UPDATE op SET kind = 1",
        "UPDATE op SET received_at = 0",
        "UPDATE op SET body = x'a0'",
    };
    for (size_t i = 0; i < ARRAY_LEN(attacks); i++) {
        cr_assert_eq(db_exec(&site.store->db, attacks[i], &err), ERR_REFUSED, "%s", attacks[i]);
        cr_assert_not_null(strstr(err.message, "append-only"));
    }
}

Test(guard_rail, a_decision_written_by_an_organisation_is_quarantined_and_never_folded)
{
    struct replica hostile;
    replica_start(&world, &hostile, CERTIFICATE_ROLE_AGENT);
    struct record decision;
    uint8_t participant[OP_ENTITY_BYTES];
    uint8_t id[OP_ENTITY_BYTES] = { 9 };
    entity_id(world.stream, "participant", "GDN-001", participant);
    record_init(&decision, kind_by_number(KIND_DECISION));
    record_set_id(&decision, "participant", participant);
    record_set_number(&decision, "failure_on", day_of("2026-06-03"));
    record_set_number(&decision, "decided_on", day_of("2026-06-20"));
    record_set_text(&decision, "outcome", "adverse");
    struct forged_run run;
    uint8_t first[SHA256_BYTES];
    op_link_first(world.stream, hostile.identity.device, 0, first);
    forge(&world, &hostile, 1, KIND_DECISION, id, &decision, first, &run);
    struct store_exchange exchange = { .runs = &run.run, .run_count = 1, .received_at_ms = now };
    struct store_applied applied;
    struct error err = { 0 };
    cr_assert_eq(store_apply(site.store, &exchange, &applied, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(applied.quarantined, 1);
    struct store_counts counts;
    cr_assert_eq(query_counts(site.store, &counts, &err), ERR_OK);
    cr_assert_eq(counts.decisions, 0);
    cr_assert_eq(counts.quarantined, 1);
    /* and taking it out of quarantine by hand is refused by the table itself */
    cr_assert_eq(db_exec(&site.store->db, "UPDATE op SET quarantine = NULL", &err), ERR_REFUSED);
    struct store_verified verified;
    cr_assert_eq(store_verify(site.store, &verified, &err), ERR_OK, "%s", err.message);
    forged_fini(&run);
    replica_stop(&hostile);
}

Test(guard_rail, an_organisation_puts_no_words_into_a_message_of_the_jobcentre)
{
    static const enum record_writer sides[] = { WRITER_CENTRE, WRITER_ORGANISATION };
    for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
        struct replica hostile;
        struct forged_run run;
        struct record message;
        struct store_applied applied;
        struct error err = { 0 };
        uint8_t id[OP_ENTITY_BYTES] = { 7 };
        uint8_t first[SHA256_BYTES];
        replica_start(&world, &hostile, CERTIFICATE_ROLE_AGENT);
        record_init(&message, kind_by_number(KIND_MESSAGE));
        record_set_text(&message, "body", "these are not your words");
        record_set_number(&message, "sent_on", day_of("2026-06-03"));
        message_id(id, sides[i]);
        op_link_first(world.stream, hostile.identity.device, 0, first);
        forge(&world, &hostile, 1, KIND_MESSAGE, id, &message, first, &run);
        struct store_exchange exchange = { .runs = &run.run, .run_count = 1, .received_at_ms = now };
        cr_assert_eq(store_apply(site.store, &exchange, &applied, &err), ERR_OK, "%s", err.message);
        cr_assert_eq(applied.quarantined, sides[i] == WRITER_CENTRE ? 1 : 0);
        forged_fini(&run);
        replica_stop(&hostile);
    }
}

Test(guard_rail, nobody_can_write_for_a_device_without_its_signature)
{
    struct replica other;
    struct store_entry said;
    struct forged_run run;
    struct store_applied applied;
    struct error err = { 0 };
    uint8_t link[SHA256_BYTES];
    replica_start(&world, &other, CERTIFICATE_ROLE_AGENT);
    op_link_first(world.stream, other.identity.device, 0, link);
    entry_attendance(&world, &said, "P-1", "2026-06-03", 0, OUTCOME_ABSENT, -1, NULL);
    forge(&world, &other, 1, KIND_ATTENDANCE, said.subject, &said.record, link, &run);
    struct store_exchange exchange = { .runs = &run.run, .run_count = 1, .received_at_ms = now };
    run.run.signed_seq = 0; /* as the centre could make it: it knows the certificate, and has no key */
    cr_assert_eq(store_apply(site.store, &exchange, &applied, &err), ERR_HISTORY);
    run.run.signed_seq = 1;
    run.run.signature[run.run.signature_len - 1] ^= 1;
    cr_assert_eq(store_apply(site.store, &exchange, &applied, &err), ERR_HISTORY);
    run.run.signature[run.run.signature_len - 1] ^= 1;
    cr_assert_eq(store_apply(site.store, &exchange, &applied, &err), ERR_OK, "%s", err.message);
    forged_fini(&run);
    replica_stop(&other);
}

/* Another assertion of the hostile device about the session, appended to its chain by hand. */
static void insist(struct replica *hostile, uint64_t seq, int minutes, uint8_t link[SHA256_BYTES])
{
    struct store_entry said;
    struct forged_run run;
    struct buf header;
    struct store_applied applied;
    struct error err = { 0 };
    entry_attendance(&world, &said, "P-1", "2026-06-03", 0, OUTCOME_ATTENDED, minutes, NULL);
    forge(&world, hostile, seq, KIND_ATTENDANCE, said.subject, &said.record, link, &run);
    buf_init(&header, OP_HEADER_MAX);
    cr_assert_eq(op_header_encode(&run.run.ops.ops[0], &header, &err), ERR_OK);
    op_link_next(link, buf_slice(&header), link);
    struct store_exchange exchange = { .runs = &run.run, .run_count = 1, .received_at_ms = now };
    cr_assert_eq(store_apply(site.store, &exchange, &applied, &err), ERR_OK, "%s", err.message);
    buf_fini(&header);
    forged_fini(&run);
}

Test(guard_rail, no_device_can_make_a_dispute_that_nobody_can_settle)
{
    struct replica hostile;
    struct row_id placement;
    struct session_row row;
    struct error err = { 0 };
    uint8_t link[SHA256_BYTES];
    replica_start(&world, &hostile, CERTIFICATE_ROLE_AGENT);
    op_link_first(world.stream, hostile.identity.device, 0, link);
    for (int i = 1; i <= OP_SUPERSEDES_MAX + 4; i++) {
        insist(&hostile, (uint64_t)i, i, link);
    }
    cr_assert_eq(query_find(site.store, KIND_PLACEMENT, "P-1", &placement, &err), ERR_OK);
    cr_assert_eq(query_session(site.store, &placement, day_of("2026-06-03"), 0, &row, &err), ERR_OK);
    cr_assert_eq(row.heads, OP_SUPERSEDES_MAX + 4);
    struct store_entry entry;
    entry_attendance(&world, &entry, "P-1", "2026-06-03", 0, OUTCOME_ATTENDED, 300, "asked the host");
    write_one(&entry);
    write_one(&entry);
    cr_assert_eq(query_session(site.store, &placement, day_of("2026-06-03"), 0, &row, &err), ERR_OK);
    cr_assert_eq(row.standing, STANDING_RECORDED);
    cr_assert_eq(row.minutes, 300);
    replica_stop(&hostile);
}

Test(guard_rail, our_own_store_refuses_to_write_for_the_centre)
{
    struct store_entry entry;
    struct store_written written;
    struct error err;
    entry_appointment(&world, &entry, "A-1", "GDN-001", "2026-06-03", 600, 660);
    cr_assert_eq(store_write(site.store, "tester", &entry, 1, now, &written, &err), ERR_REFUSED);
}

Test(guard_rail, an_altered_body_is_found_by_verify)
{
    struct error err;
    attend("P-1", "2026-06-03", OUTCOME_ATTENDED);
    /* an attacker with the key and the database open, who drops the trigger first */
    cr_assert_eq(db_exec(&site.store->db,
                         "DROP TRIGGER op_body_is_only_erased; UPDATE op SET body = x'a10105' WHERE kind = 5", &err),
                 ERR_OK, "%s", err.message);
    struct store_verified verified;
    cr_assert_eq(store_verify(site.store, &verified, &err), ERR_HISTORY);
    cr_assert_not_null(strstr(err.message, "altered"), "%s", err.message);
}

Test(guard_rail, a_centre_that_goes_back_on_a_receipt_leaves_both_here_and_each_as_it_was_first_given)
{
    static const struct {
        uint64_t acked_seq;
        const char *signature;
        int64_t at_ms;
    } said[] = { { 4, "four", 10 }, { 2, "two", 20 }, { 4, "more", 30 }, { 3, "", 40 } };
    struct store_applied applied;
    struct error err = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(said); i++) {
        struct store_receipt receipt = { .incarnation = site.identity.incarnation,
                                         .acked_seq = said[i].acked_seq,
                                         .at_ms = said[i].at_ms,
                                         .signature_len = strlen(said[i].signature),
                                         .certificate = slice_of_text("certificate") };
        struct store_exchange exchange = { .receipt = &receipt, .received_at_ms = now };
        memcpy(receipt.signature, said[i].signature, receipt.signature_len);
        cr_assert_eq(store_apply(site.store, &exchange, &applied, &err), ERR_OK, "%s", err.message);
    }
    sqlite3_stmt *s;
    bool row;
    cr_assert_eq(db_statement(&site.store->db,
                              "SELECT group_concat(seq || ' ' || CAST(signature AS TEXT) || ' ' || at), "
                              "(SELECT acked_seq FROM own_chain) FROM (SELECT * FROM receipt ORDER BY seq)",
                              &s, &err),
                 ERR_OK, "%s", err.message);
    cr_assert_eq(db_step(&site.store->db, s, &row, &err), ERR_OK);
    cr_assert(slice_equal(column_slice(s, 0), slice_of_text("2 two 20,4 four 10")), "%.*s", (int)column_slice(s, 0).len,
              (const char *)column_slice(s, 0).data);
    cr_assert_eq(column_int(s, 1), 3, "what is missing there is sent again");
    sqlite3_reset(s);
    cr_assert_neq(db_exec(&site.store->db, "DELETE FROM receipt", &err), ERR_OK);
    cr_assert_neq(db_exec(&site.store->db, "UPDATE receipt SET at = 1", &err), ERR_OK);
}

/* What another laptop makes by hand, at a time by its own clock; its place in the log is its own, too. */
static size_t hear(struct store_entry *entry, int64_t at_ms)
{
    static struct voice laptop;
    struct store_applied applied;
    struct error err = { 0 };
    voice_start(&world, &laptop, CERTIFICATE_ROLE_AGENT);
    laptop.replica.forged_at_ms = at_ms;
    voice_say(&laptop, entry);
    cr_assert_eq(voice_reach(&laptop, 0, 1, &site, &applied, &err), ERR_OK, "%s", err.message);
    voice_stop(&laptop);
    return applied.quarantined;
}

Test(guard_rail, a_notice_that_was_received_before_it_was_served_is_set_aside)
{
    struct store_entry entry;
    entry_notice(&world, &entry, "N-2", "P-1", "2026-11-10", "post");
    record_set_number(&entry.record, "received_on", day_of("2026-07-01"));
    cr_expect_eq(hear(&entry, 0), 1);
    record_set_number(&entry.record, "received_on", day_of("2026-11-10"));
    cr_expect_eq(hear(&entry, 0), 0);
}

Test(guard_rail, no_notice_was_served_or_received_on_a_day_to_come)
{
    struct store_entry entry;
    struct store_written written;
    struct error err = { 0 };
    now = (int64_t)day_of("2026-06-03") * 86400000 + (23 * 60 + 30) * 60000; /* the next day has begun in summer */
    entry_notice(&world, &entry, "N-2", "P-1", "2026-06-05", "hand");
    expect_not_written(&entry, "still to come");
    entry_notice(&world, &entry, "N-2", "P-1", "2026-06-04", "post");
    record_set_number(&entry.record, "received_on", day_of("2026-06-05"));
    expect_not_written(&entry, "still to come");
    record_set_number(&entry.record, "received_on", day_of("2026-06-04"));
    cr_assert_eq(store_write(site.store, "tester", &entry, 1, now, &written, &err), ERR_OK, "%s", err.message);
}

Test(guard_rail, an_attempt_to_reach_somebody_that_is_still_to_come_is_set_aside)
{
    enum { DAY_MS = 86400000 };
    struct store_entry entry;
    struct store_written written;
    struct error err = { 0 };
    char day[DATE_TEXT_SIZE];
    date_format((int32_t)(now / DAY_MS) + 2, day);
    entry_contact(&world, &entry, "C-1", "GDN-001", day, NULL);
    cr_expect_eq(hear(&entry, 0), 1);
    cr_expect_eq(store_write(site.store, "Test Oak", &entry, 1, now, &written, &err), ERR_REFUSED);
    cr_expect_not_null(strstr(err.message, "still to come"), "%s", err.message);
    date_format((int32_t)(now / DAY_MS) + 1, day); /* it may be tomorrow already where it was made */
    entry_contact(&world, &entry, "C-2", "GDN-001", day, NULL);
    cr_expect_eq(hear(&entry, 0), 0);
}

Test(guard_rail, an_attempt_from_a_clock_that_runs_ahead_is_none_before_its_day_has_come)
{
    enum { DAY_MS = 86400000 };
    struct store_entry entry;
    struct doubt_plan plan = { .day = day_of("2026-06-03"), .exposure_weeks = 4, .now_ms = now };
    char day[DATE_TEXT_SIZE];
    char found[DOUBT_WANTS_SIZE];
    struct error err = { 0 };
    attend("P-1", "2026-06-03", OUTCOME_ABSENT);
    entry_review(&world, &entry, "V-1", "P-1", "2026-06-03", "doubt");
    write_one(&entry);
    memcpy(plan.review.bytes, entry.subject, ROW_ID_BYTES);
    entity_id(world.stream, "placement", "P-1", plan.placement.bytes);
    entity_id(world.stream, "notice", "N-1", plan.notice.bytes);
    date_format((int32_t)(now / DAY_MS) + 200, day);
    entry_contact(&world, &entry, "C-1", "GDN-001", day, "2026-06-03");
    cr_expect_eq(hear(&entry, now + 200 * (int64_t)DAY_MS), 0);
    cr_assert_eq(doubt_try(site.store, &plan, found, &err), ERR_OK, "%s", err.message);
    cr_expect_str_eq(found, "no_contact");
    plan.now_ms += 200 * (int64_t)DAY_MS;
    cr_assert_eq(doubt_try(site.store, &plan, found, &err), ERR_OK, "%s", err.message);
    cr_expect_str_eq(found, "");
}
