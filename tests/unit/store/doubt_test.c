/* Where a doubt stands follows from all the records, whoever wrote them and in whatever order they came. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/clock.h"
#include "doubt_world.h"
#include "store/replica.h"

Test(doubt, stands_when_everything_that_it_needs_is_there)
{
    raise_doubt();
    expect_status("standing", "");
    struct doubt_row row = the_doubt(&site, "D-1");
    cr_assert_str_eq(row.reviewer, "R. Reviewer");
    cr_assert_str_eq(row.placement_ref, "P-1");
    cr_assert_str_eq(row.participant_ref, "GDN-001");
    cr_assert_eq(row.day, day_of(DAY));
}

/* What may come after a doubt was raised, and what it then lacks. */
static void later_excuse(void)
{
    struct store_entry entry;
    entry_attendance(&world, &entry, "P-1", DAY, 0, OUTCOME_EXCUSED, -1, "a letter came");
    write_one(&entry);
}

static void later_correction(void)
{
    struct store_entry entry;
    entry_attendance(&world, &entry, "P-1", DAY, 0, OUTCOME_ATTENDED, 300, "wrong row");
    write_one(&entry);
}

static void later_reason(void)
{
    struct store_entry entry;
    entry_attendance(&world, &entry, "P-1", DAY, 0, OUTCOME_ABSENT, -1, "they rang");
    record_set_text(&entry.record, "reason", "bereavement");
    write_one(&entry);
}

static void later_paperwork(void)
{
    struct store_entry entry;
    entry_attendance(&world, &entry, "P-1", DAY, 0, OUTCOME_ABSENT, -1, "was there, did not sign");
    record_set_text(&entry.record, "reason", "paperwork_not_signed");
    write_one(&entry);
}

static void later_dispute(void)
{
    struct voice other;
    struct store_entry entry;
    struct store_applied applied;
    struct error err = { 0 };
    voice_start(&world, &other, CERTIFICATE_ROLE_AGENT);
    entry_attendance(&world, &entry, "P-1", DAY, 0, OUTCOME_ATTENDED, 300, NULL);
    voice_say(&other, &entry);
    cr_assert_eq(voice_reach(&other, 0, 1, &site, &applied, &err), ERR_OK, "%s", err.message);
    voice_stop(&other);
}

static void later_appointment(void)
{
    struct store_entry entry;
    entry_appointment(&world, &entry, "A-1", "GDN-001", DAY, 10 * 60, 11 * 60);
    jcp_says(&entry);
}

static void an_appointment_that_was_cancelled_late(void)
{
    struct store_entry entry;
    later_appointment();
    entry_appointment(&world, &entry, "A-1", "GDN-001", DAY, 10 * 60, 11 * 60);
    record_set_number(&entry.record, "cancelled", 1);
    jcp_says(&entry);
}

static void later_incomplete_notice(void)
{
    struct store_entry entry;
    entry_notice(&world, &entry, "N-1", "P-1", "2026-05-20", "hand");
    record_set_number(&entry.record, "says_consequences", 0);
    write_one(&entry);
}

static void later_late_notice(void)
{
    struct store_entry entry;
    entry_notice(&world, &entry, "N-1", "P-1", "2026-06-01", "post"); /* received on the 3rd */
    write_one(&entry);
}

static void later_notice_of_another_placement(void)
{
    struct store_entry entry;
    entry_notice(&world, &entry, "N-1", "P-9", "2026-05-20", "hand");
    write_one(&entry);
}

static void later_basis(void)
{
    struct store_entry entry;
    entry_placement(&world, &entry, "P-1", "GDN-001", "voluntary", "2026-06-01", "2026-11-27", "Mon Wed 09:30-15:30");
    write_one(&entry);
}

static void later_basis_of_the_referral(void)
{
    struct store_entry entry;
    uint8_t referral[OP_ENTITY_BYTES];
    entity_id(world.stream, "referral", "R-1", referral);
    entry_placement(&world, &entry, "P-1", "GDN-001", "mandatory", "2026-06-01", "2026-11-27", "Mon Wed 09:30-15:30");
    record_set_id(&entry.record, "referral", referral);
    write_one(&entry);
    entry_referral(&world, &entry, "R-1", "GDN-001", "2026-05-18");
    record_set_text(&entry.record, "basis", "voluntary");
    write_one(&entry);
}

static void later_pattern(void)
{
    struct store_entry entry;
    entry_placement(&world, &entry, "P-1", "GDN-001", "mandatory", "2026-06-01", "2026-11-27", "Mon Fri 09:30-15:30");
    write_one(&entry);
}

static void break_of(const char *ref)
{
    struct store_entry entry = { .kind = KIND_PLACEMENT_BREAK, .subject = "a break", .happened_at_ms = OP_TIME_NONE };
    uint8_t placement[OP_ENTITY_BYTES];
    entity_id(world.stream, "placement", ref, placement);
    record_init(&entry.record, kind_by_number(KIND_PLACEMENT_BREAK));
    record_set_id(&entry.record, "placement", placement);
    record_set_number(&entry.record, "starts_on", day_of(DAY));
    record_set_number(&entry.record, "ends_on", day_of(DAY));
    record_set_text(&entry.record, "reason", "agreed_leave");
    write_one(&entry);
}

static void later_break(void)
{
    break_of("P-1");
}

static void later_review(void)
{
    struct store_entry entry;
    entry_review(&world, &entry, "V-2", "P-1", DAY, "support");
    write_one(&entry);
}

static void the_review_changed(void)
{
    struct store_entry entry;
    entry_review(&world, &entry, "V-1", "P-1", DAY, "no_action");
    write_one(&entry);
}

static void the_contact_was_with_somebody_else(void)
{
    struct store_entry entry;
    entry_contact(&world, &entry, "C-1", "GDN-002", "2026-06-04", DAY);
    write_one(&entry);
}

/* A machine without these rules says so; by its clock before everything here, or after. */
static void hostile_says(struct store_entry *entry, bool before)
{
    struct voice hostile;
    struct store_applied applied;
    struct error err = { 0 };
    voice_start(&world, &hostile, CERTIFICATE_ROLE_AGENT);
    hostile.replica.forged_hlc_ms = before ? now - INT64_C(366) * 86400000 : 0;
    voice_say(&hostile, entry);
    cr_assert_eq(voice_reach(&hostile, 0, 1, &site, &applied, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(applied.quarantined, 0);
    voice_stop(&hostile);
}

static void another_s_referral(void)
{
    struct store_entry entry;
    entry_referral(&world, &entry, "R-X", "GDN-002", "2026-05-18");
    write_one(&entry);
    entry_placement(&world, &entry, "P-1", "GDN-001", "mandatory", "2026-06-01", "2026-11-27", "Mon Wed 09:30-15:30");
    entry_sent_by(&world, &entry, "R-X");
    hostile_says(&entry, true);
}

static void a_referral_that_came_after_the_day(void)
{
    struct store_entry entry;
    entry_referral(&world, &entry, "R-1", "GDN-001", "2026-06-04");
    write_one(&entry);
}

static void voluntary_of_the_centre(void)
{
    struct store_entry entry;
    entry_referral(&world, &entry, "R-9", "GDN-001", "2026-05-18");
    record_set_text(&entry.record, "basis", "voluntary");
    jcp_says(&entry);
}

static void the_centre_says_when_it_referred(void)
{
    struct store_entry entry;
    entry_referral(&world, &entry, "R-1", "GDN-001", "2026-06-04");
    jcp_says(&entry);
}

static void the_centre_says_whom_it_referred(void)
{
    struct store_entry entry;
    entry_referral(&world, &entry, "R-1", "GDN-002", "2026-05-18");
    jcp_says(&entry);
}

static void second_placement(const char *pattern)
{
    struct store_entry entry;
    entry_placement(&world, &entry, "P-2", "GDN-001", "mandatory", "2026-06-01", "2026-11-27", pattern);
    hostile_says(&entry, false);
}

static void second_placement_then(void)
{
    second_placement("Wed 15:00-17:00");
}

static void second_placement_that_was_ended(void)
{
    struct store_entry entry;
    second_placement("Wed 15:00-17:00");
    entry_placement(&world, &entry, "P-2", "GDN-001", "mandatory", "2026-06-01", "2026-06-02", "Wed 15:00-17:00");
    write_one(&entry);
}

static void they_were_at_the_second(void)
{
    struct store_entry entry;
    second_placement("Tue 09:30-15:30");
    entry_attendance(&world, &entry, "P-2", DAY, 0, OUTCOME_ATTENDED, -1, NULL);
    write_one(&entry);
}

static void break_of_the_second(void)
{
    second_placement("Wed 15:30-17:00");
    break_of("P-2");
}

/* One hand merges them: what speaks for the person needs no more. */
static void placement_of_a_duplicate(void)
{
    struct store_entry entry;
    entry_placement(&world, &entry, "P-2", "GDN-002", "mandatory", "2026-06-01", "2026-11-27", "Wed 10:00-11:00");
    write_one(&entry);
    entry_merge(&world, &entry, "GDN-002", "GDN-001", false);
    write_one(&entry);
}

static const struct {
    const char *name;
    void (*happens)(void);
    const char *wants;
} later[] = {
    { "excuse", later_excuse, "excused" },
    { "correction", later_correction, "not_absent" },
    { "reason", later_reason, "reason_given" },
    { "paperwork", later_paperwork, "reason_given,paperwork" },
    { "dispute", later_dispute, "disputed" },
    { "appointment", later_appointment, "excused,overlaps_jcp" },
    { "cancelled appointment", an_appointment_that_was_cancelled_late, "jcp_undone" },
    { "incomplete notice", later_incomplete_notice, "notice_incomplete" },
    { "late notice", later_late_notice, "notice_late" },
    { "another placement's notice", later_notice_of_another_placement, "no_notice" },
    { "basis", later_basis, "not_mandatory" },
    { "basis of the referral", later_basis_of_the_referral, "not_mandatory" },
    { "pattern", later_pattern, "not_expected" },
    { "break", later_break, "not_expected,on_break" },
    { "review", later_review, "reviewed_again" },
    { "changed review", the_review_changed, "no_review" },
    { "contact", the_contact_was_with_somebody_else, "no_contact" },
    { "another's referral", another_s_referral, "referral_of_another" },
    { "late referral", a_referral_that_came_after_the_day, "referral_not_in_force" },
    { "voluntary by the centre", voluntary_of_the_centre, "centre_says_voluntary" },
    { "late by the centre", the_centre_says_when_it_referred, "referral_not_in_force" },
    { "another's by the centre", the_centre_says_whom_it_referred, "referral_of_another" },
    { "second placement", second_placement_then, "other_placement" },
    { "second placement, ended since", second_placement_that_was_ended, "other_placement" },
    { "attendance of a second", they_were_at_the_second, "other_placement" },
    { "break of a second", break_of_the_second, "other_placement" },
    { "placement of a duplicate", placement_of_a_duplicate, "other_placement" },
};

Test(doubt, is_suspended_by_whatever_comes_later_and_takes_its_ground)
{
    for (size_t i = 0; i < ARRAY_LEN(later); i++) {
        raise_doubt();
        expect_status("standing", "");
        later[i].happens();
        struct doubt_row row = the_doubt(&site, "D-1");
        cr_expect_str_eq(row.status, "suspended", "%s", later[i].name);
        cr_expect_str_eq(row.wants, later[i].wants, "%s: %s", later[i].name, row.wants);
        doubt_stop();
        doubt_start();
    }
}

Test(doubt, is_suspended_by_what_came_before_it_too)
{
    for (size_t i = 0; i < ARRAY_LEN(later); i++) {
        later[i].happens();
        raise_doubt();
        struct doubt_row row = the_doubt(&site, "D-1");
        cr_expect_str_eq(row.status, "suspended", "%s", later[i].name);
        cr_expect_str_eq(row.wants, later[i].wants, "%s: %s", later[i].name, row.wants);
        doubt_stop();
        doubt_start();
    }
}

Test(doubt, stands_again_when_what_took_its_ground_is_put_right)
{
    raise_doubt();
    later_correction();
    expect_status("suspended", "not_absent");
    struct store_entry entry;
    entry_attendance(&world, &entry, "P-1", DAY, 0, OUTCOME_ABSENT, -1, "the first record was right");
    write_one(&entry);
    expect_status("standing", "");
}

Test(doubt, that_came_before_everything_else_lacks_it_all)
{
    struct replica other;
    struct store_entry entry;
    struct error err = { 0 };
    replica_start(&world, &other, CERTIFICATE_ROLE_AGENT);
    entry_doubt(&world, &entry, "D-1", "P-1", DAY, "V-1", "N-1");
    replica_write(&other, &entry, now);
    struct doubt_row row = the_doubt(&other, "D-1");
    cr_assert_str_eq(row.status, "suspended");
    cr_assert_str_eq(row.wants, "no_contact,no_notice,no_placement,no_review,unrecorded");
    cr_assert_eq(replica_carry(&site, 0, SIZE_MAX, &other, &err), ERR_OK, "%s", err.message);
    row = the_doubt(&other, "D-1");
    cr_assert_str_eq(row.status, "standing", "%s", row.wants);
    replica_stop(&other);
}

Test(doubt, about_a_session_that_somebody_doubted_before_waits)
{
    struct store_entry entry;
    raise_doubt();
    entry_doubt(&world, &entry, "D-2", "P-1", DAY, "V-1", "N-1");
    write_one(&entry);
    cr_assert_str_eq(the_doubt(&site, "D-2").wants, "raised_already");
    expect_status("standing", "");
    entry_doubt_event(&world, &entry, "D-1", "withdrawn", "2026-06-11");
    write_one(&entry);
    expect_status("withdrawn", "");
    cr_assert_str_eq(the_doubt(&site, "D-2").status, "standing");
}

Test(doubt, is_said_once_and_nobody_changes_it_afterwards)
{
    struct store_entry entry;
    raise_doubt();
    entry_doubt(&world, &entry, "D-1", "P-1", "2026-06-08", "V-1", "N-1");
    record_set_text(&entry.record, "reviewer", "S. Somebody");
    write_one(&entry);
    struct doubt_row row = the_doubt(&site, "D-1");
    cr_assert_str_eq(row.reviewer, "R. Reviewer");
    cr_assert_eq(row.day, day_of(DAY));
}

Test(doubt, goes_through_what_jcp_says_of_it)
{
    struct store_entry entry;
    raise_doubt();
    entry_doubt_event(&world, &entry, "D-1", "received", "2026-06-12");
    jcp_says(&entry);
    expect_status("standing", "");
    cr_assert_eq(the_doubt(&site, "D-1").received_on, day_of("2026-06-12"));
    entry_doubt_event(&world, &entry, "D-1", "returned", "2026-06-15");
    record_set_text(&entry.record, "reason", "evidence_unclear");
    jcp_says(&entry);
    expect_status("returned", "");
    cr_assert_str_eq(the_doubt(&site, "D-1").status_reason, "evidence_unclear");
    entry_decision(&world, &entry, "E-1", "GDN-001", DAY, "2026-06-20", "non_adverse", "D-1");
    jcp_says(&entry);
    expect_status("decided", "");
    cr_assert_str_eq(the_doubt(&site, "D-1").outcome, "non_adverse");
}

Test(doubt, that_was_decided_stays_decided_whatever_comes_later)
{
    struct store_entry entry;
    raise_doubt();
    entry_decision(&world, &entry, "E-1", "GDN-001", DAY, "2026-06-20", "adverse", "D-1");
    jcp_says(&entry);
    later_excuse();
    entry_doubt_event(&world, &entry, "D-1", "withdrawn", "2026-06-21");
    write_one(&entry);
    expect_status("decided", "");
}

Test(doubt, a_decision_that_moves_to_another_doubt_opens_the_first_again)
{
    struct store_entry entry;
    raise_doubt();
    entry_decision(&world, &entry, "E-1", "GDN-001", DAY, "2026-06-20", "adverse", "D-1");
    jcp_says(&entry);
    expect_status("decided", "");
    entry_decision(&world, &entry, "E-1", "GDN-001", DAY, "2026-06-21", "adverse", "D-7");
    jcp_says(&entry);
    expect_status("standing", "");
}

/* ---- exposure ---- */

static void raise_with_exposure(int weeks, const char *decision)
{
    struct store_entry entry;
    static uint8_t id[OP_ENTITY_BYTES];
    entry_doubt(&world, &entry, "D-1", "P-1", DAY, "V-1", "N-1");
    record_set_number(&entry.record, "exposure_weeks", weeks);
    if (decision != NULL) {
        entity_id(world.stream, "decision", decision, id);
        record_set_id(&entry.record, "earlier_decision", id);
    }
    write_one(&entry);
}

Test(doubt, a_longer_exposure_rests_on_a_decision_of_jcp_that_stands)
{
    struct store_entry entry;
    raise_with_exposure(13, "E-0");
    expect_status("suspended", "exposure_unfounded");
    entry_decision(&world, &entry, "E-0", "GDN-001", "2026-04-01", "2026-04-20", "adverse", NULL);
    jcp_says(&entry);
    expect_status("standing", "");
    entry_decision(&world, &entry, "E-9", "GDN-001", "2026-04-01", "2026-06-20", "non_adverse", NULL);
    jcp_says(&entry);
    expect_status("suspended", "exposure_unfounded");
}

Test(doubt, a_longer_exposure_never_rests_on_our_own_doubts)
{
    raise_with_exposure(13, NULL);
    expect_status("suspended", "exposure_without_decision");
}

Test(doubt, an_exposure_is_no_longer_than_the_earlier_decision_allows)
{
    static const struct {
        const char *failure;
        int weeks;
        bool stands;
    } cases[] = {
        { "2026-04-01", 14, false }, /* no such sanction */
        { "2026-04-01", 4, true },   /* less than it could be */
        { "2025-01-08", 13, false }, /* too long ago */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct store_entry entry;
        entry_decision(&world, &entry, "E-0", "GDN-001", cases[i].failure, "2026-04-20", "adverse", NULL);
        jcp_says(&entry);
        raise_with_exposure(cases[i].weeks, "E-0");
        expect_status(cases[i].stands ? "standing" : "suspended", cases[i].stands ? "" : "exposure_without_decision");
        doubt_stop();
        doubt_start();
    }
}

/* ---- the preview ---- */

Test(doubt, a_preview_says_what_lacks_and_leaves_nothing_behind)
{
    struct doubt_plan plan = { .day = day_of(DAY), .exposure_weeks = 4, .now_ms = now };
    char wants[DOUBT_WANTS_SIZE];
    struct doubt_list list = { 0 };
    struct error err = { 0 };
    char before[65];
    char after[65];
    replica_digest(&site, before);
    cr_assert_eq(query_find(site.store, KIND_PLACEMENT, "P-1", &plan.placement, &err), ERR_OK);
    cr_assert_eq(doubt_try(site.store, &plan, wants, &err), ERR_OK, "%s", err.message);
    cr_assert_str_eq(wants, "no_notice,no_review");
    cr_assert_eq(doubt_find_review(site.store, &plan, &plan.review, &err), ERR_OK);
    cr_assert_eq(doubt_find_notice(site.store, &plan, &plan.notice, &err), ERR_OK);
    cr_assert_eq(doubt_try(site.store, &plan, wants, &err), ERR_OK, "%s", err.message);
    cr_assert_str_eq(wants, "");
    cr_assert_eq(query_doubts(site.store, true, 10, &list, &err), ERR_OK);
    cr_assert_eq(list.count, 0);
    doubt_list_fini(&list);
    replica_digest(&site, after);
    cr_assert_str_eq(before, after);
}

/* ---- hands in the database, and hostile peers ---- */

Test(doubt, nobody_with_the_database_open_makes_one_stand)
{
    struct error err;
    raise_doubt();
    later_excuse();
    static const char *const attacks[] = {
        "UPDATE compliance_doubt SET status = 'standing'",
        "UPDATE compliance_doubt SET status = 'standing', wants = ''",
        "UPDATE compliance_doubt SET status = 'approved'",
        "INSERT OR REPLACE INTO compliance_doubt SELECT id, placement, day, slot, reviewer, review, notice, "
        "exposure_weeks, earlier_decision, answers, confirmed, evidence, note, programme, programme_version, "
        "programme_sha256, said_by, said_at, hlc, 'standing', '', "
        "status_on, status_by, status_reason, received_on, decision, said_min FROM compliance_doubt",
    };
    for (size_t i = 0; i < ARRAY_LEN(attacks); i++) {
        cr_assert_eq(db_exec(&site.store->db, attacks[i], &err), ERR_REFUSED, "%s", attacks[i]);
    }
}

/* A record of a doubt as a device without rules would write it. */
static void expect_set_aside(enum certificate_role role, struct store_entry *entry, const char *word)
{
    struct voice hostile;
    struct store_applied applied;
    struct log_list log = { 0 };
    struct error err = { 0 };
    voice_start(&world, &hostile, role);
    voice_say(&hostile, entry);
    cr_assert_eq(voice_reach(&hostile, 0, 1, &site, &applied, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(applied.quarantined, 1, "%s", word);
    cr_assert_eq(query_log(site.store, NULL, 0, true, 1, &log, &err), ERR_OK);
    cr_assert_not_null(strstr(log.rows[0].quarantine, word), "%s", log.rows[0].quarantine);
    log_list_fini(&log);
    voice_stop(&hostile);
}

Test(doubt, of_a_hostile_device_that_nobody_confirmed_is_set_aside)
{
    struct store_entry entry;
    entry_doubt(&world, &entry, "D-1", "P-1", DAY, "V-1", "N-1");
    record_set_number(&entry.record, "confirmed", 0);
    expect_set_aside(CERTIFICATE_ROLE_AGENT, &entry, "confirmed");
    entry_doubt(&world, &entry, "D-1", "P-1", DAY, "V-1", "N-1");
    record_set_text(&entry.record, "reviewer", "");
    expect_set_aside(CERTIFICATE_ROLE_AGENT, &entry, "reviewer");
    entry_doubt(&world, &entry, "D-1", "P-1", DAY, "V-1", "N-1");
    record_set_text(&entry.record, "answers", "");
    expect_set_aside(CERTIFICATE_ROLE_AGENT, &entry, "answers");
    entry_doubt(&world, &entry, "D-1", "P-1", DAY, "V-1", "N-1");
    record_set_text(&entry.record, "answers", "Were they ill?\nno\n\nCould they get there?\n-");
    expect_set_aside(CERTIFICATE_ROLE_AGENT, &entry, "answers");
    entry_doubt(&world, &entry, "D-1", "P-1", DAY, "V-1", "N-1");
    record_set_text(&entry.record, "evidence", "none");
    expect_set_aside(CERTIFICATE_ROLE_AGENT, &entry, "evidence");
    entry_doubt(&world, &entry, "D-1", "P-1", DAY, "V-1", "N-1");
    record_value(&entry.record, "review")->present = false;
    expect_set_aside(CERTIFICATE_ROLE_AGENT, &entry, "review");
    entry_doubt(&world, &entry, "D-1", "P-1", DAY, "V-1", "N-1");
    record_value(&entry.record, "notice")->present = false;
    expect_set_aside(CERTIFICATE_ROLE_AGENT, &entry, "notice");
    static const char *const of_the_pack[] = { "programme", "programme_version", "programme_sha256" };
    for (size_t i = 0; i < ARRAY_LEN(of_the_pack); i++) { /* by which pack it could be judged, nobody could tell */
        entry_doubt(&world, &entry, "D-1", "P-1", DAY, "V-1", "N-1");
        record_value(&entry.record, of_the_pack[i])->present = false;
        expect_set_aside(CERTIFICATE_ROLE_AGENT, &entry, of_the_pack[i]);
    }
    entry_doubt(&world, &entry, "D-1", "P-1", DAY, "V-1", "N-1");
    record_set_text(&entry.record, "programme_sha256", "none");
    expect_set_aside(CERTIFICATE_ROLE_AGENT, &entry, "programme_sha256");
    struct doubt_list list = { 0 };
    struct error err;
    cr_assert_eq(query_doubts(site.store, true, 10, &list, &err), ERR_OK);
    cr_assert_eq(list.count, 0);
    doubt_list_fini(&list);
}

Test(doubt, each_side_says_only_what_is_its_own)
{
    struct store_entry entry;
    entry_doubt(&world, &entry, "D-1", "P-1", DAY, "V-1", "N-1");
    expect_set_aside(CERTIFICATE_ROLE_CENTRE, &entry, "organisation");
    entry_doubt_event(&world, &entry, "D-1", "withdrawn", "2026-06-12");
    expect_set_aside(CERTIFICATE_ROLE_CENTRE, &entry, "withdrawn");
    entry_doubt_event(&world, &entry, "D-1", "returned", "2026-06-12");
    expect_set_aside(CERTIFICATE_ROLE_AGENT, &entry, "returned");
    entry_doubt_event(&world, &entry, "D-1", "received", "2026-06-12");
    expect_set_aside(CERTIFICATE_ROLE_AGENT, &entry, "received");
    entry_decision(&world, &entry, "E-1", "GDN-001", DAY, "2026-06-20", "adverse", "D-1");
    expect_set_aside(CERTIFICATE_ROLE_AGENT, &entry, "centre");
}

Test(doubt, a_whole_path_of_hostile_ops_stands_on_nothing_for_the_voluntary)
{
    struct voice hostile;
    struct store_entry entry;
    struct store_applied applied;
    struct error err = { 0 };
    entry_placement(&world, &entry, "P-V", "GDN-001", "voluntary", "2026-06-01", "2026-11-27", "Mon Wed 16:00-18:00");
    write_one(&entry);
    voice_start(&world, &hostile, CERTIFICATE_ROLE_AGENT);
    hostile.replica.forged_at_ms = now;
    entry_notice(&world, &entry, "N-V", "P-V", "2026-05-20", "hand");
    voice_say(&hostile, &entry);
    entry_attendance(&world, &entry, "P-V", DAY, 0, OUTCOME_ABSENT, -1, NULL);
    voice_say(&hostile, &entry);
    entry_contact(&world, &entry, "C-V", "GDN-001", "2026-06-04", DAY);
    voice_say(&hostile, &entry);
    entry_review(&world, &entry, "V-V", "P-V", DAY, "doubt");
    voice_say(&hostile, &entry);
    entry_doubt(&world, &entry, "D-V", "P-V", DAY, "V-V", "N-V");
    voice_say(&hostile, &entry);
    cr_assert_eq(voice_reach(&hostile, 0, 5, &site, &applied, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(applied.new_ops, 5);
    cr_assert_eq(applied.quarantined, 0);
    cr_assert_str_eq(the_doubt(&site, "D-V").status, "suspended");
    cr_assert_str_eq(the_doubt(&site, "D-V").wants, "no_referral,not_mandatory");
    voice_stop(&hostile);
}

/* ---- what a doubt rests on was there when it was confirmed ---- */

Test(doubt, never_stands_on_an_attempt_to_reach_somebody_that_was_recorded_after_it)
{
    struct store_entry entry;
    the_contact_was_with_somebody_else();
    raise_doubt();
    expect_status("suspended", "no_contact");
    entry_contact(&world, &entry, "C-2", "GDN-001", "2026-06-04", DAY);
    write_one(&entry);
    expect_status("suspended", "no_contact");
    entry_doubt_event(&world, &entry, "D-1", "withdrawn", "2026-06-11");
    write_one(&entry);
    entry_doubt(&world, &entry, "D-2", "P-1", DAY, "V-1", "N-1");
    write_one(&entry); /* confirmed anew, with the attempt on record */
    cr_assert_str_eq(the_doubt(&site, "D-2").status, "standing");
}

Test(doubt, never_stands_on_an_older_attempt_that_was_turned_to_the_session_after_it)
{
    struct store_entry entry;
    entry_contact(&world, &entry, "C-1", "GDN-001", "2026-06-04", "2026-06-01");
    write_one(&entry);
    raise_doubt();
    expect_status("suspended", "no_contact");
    entry_contact(&world, &entry, "C-1", "GDN-001", "2026-06-04", DAY);
    write_one(&entry);
    expect_status("suspended", "no_contact");
}

Test(doubt, never_stands_on_a_review_that_was_written_or_changed_after_it)
{
    struct store_entry entry;
    entry_doubt(&world, &entry, "D-1", "P-1", DAY, "V-2", "N-1");
    write_one(&entry);
    entry_review(&world, &entry, "V-2", "P-1", DAY, "doubt");
    write_one(&entry);
    expect_status("suspended", "no_review");
    entry_doubt(&world, &entry, "D-2", "P-1", DAY, "V-1", "N-1");
    write_one(&entry);
    entry_doubt_event(&world, &entry, "D-1", "withdrawn", "2026-06-11");
    write_one(&entry);
    cr_assert_str_eq(the_doubt(&site, "D-2").status, "standing");
    entry_review(&world, &entry, "V-1", "P-1", DAY, "doubt");
    record_set_text(&entry.record, "answers", "Were they ill?\nNo.");
    write_one(&entry);
    cr_assert_str_eq(the_doubt(&site, "D-2").wants, "no_review");
}

Test(doubt, goes_on_standing_when_a_note_is_added_to_what_it_rests_on)
{
    static const char *const notes[] = { "rang twice", "rang three times" };
    struct store_entry entry;
    raise_doubt();
    for (size_t i = 0; i < ARRAY_LEN(notes); i++) {
        entry_contact(&world, &entry, "C-1", "GDN-001", "2026-06-04", i == 0 ? DAY : NULL);
        record_set_text(&entry.record, "note", notes[i]);
        write_one(&entry);
        entry_review(&world, &entry, "V-1", "P-1", DAY, "doubt");
        record_set_text(&entry.record, "note", notes[i]);
        write_one(&entry);
        expect_status("standing", "");
    }
}

/* ---- a clock that lies ---- */

/* What a hostile device says with a time of its own choosing; the log has that, and beside it when it came here. */
static void hear_at(int64_t claimed_ms, struct store_entry *entry)
{
    struct voice hostile;
    struct store_applied applied;
    struct log_list log = { 0 };
    struct error err = { 0 };
    int64_t before = clock_wall_ms();
    voice_start(&world, &hostile, CERTIFICATE_ROLE_AGENT);
    hostile.replica.forged_at_ms = claimed_ms;
    voice_say(&hostile, entry);
    cr_assert_eq(voice_reach(&hostile, 0, 1, &site, &applied, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(applied.new_ops, 1);
    cr_assert_eq(query_log(site.store, NULL, 0, false, 1, &log, &err), ERR_OK);
    cr_assert_eq(log.rows[0].recorded_at_ms, claimed_ms);
    cr_assert_geq(log.rows[0].received_at_ms, before);
    cr_assert_leq(log.rows[0].received_at_ms, clock_wall_ms());
    log_list_fini(&log);
    voice_stop(&hostile);
}

Test(doubt, follows_the_order_of_records_whenever_a_hostile_device_claims_to_have_made_them)
{
    static const int64_t claims[] = { 1000, INT64_C(4102444800000) }; /* 1970 and 2100 */
    struct store_entry entry;
    for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
        raise_doubt();
        entry_review(&world, &entry, "V-2", "P-1", DAY, "support");
        hear_at(claims[i], &entry);
        expect_status("suspended", "reviewed_again");
        doubt_stop();
        doubt_start();
        the_contact_was_with_somebody_else();
        raise_doubt();
        entry_contact(&world, &entry, "C-2", "GDN-001", "2026-06-04", DAY);
        hear_at(claims[i], &entry);
        expect_status("suspended", "no_contact");
        doubt_stop();
        doubt_start();
    }
}
