/*
 * What is on record about one person counts against another only when two people at two machines have said that they
 * are the same. Whatever counts for a person needs no second hand.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/doubts.h"
#include "store/evidence.h"
#include "world.h"

#define DAY "2026-06-03" /* a Wednesday */

static struct world world;
static struct replica site;
static struct voice jcp;
static struct voice second; /* another machine of the organisation */
static int64_t now;

static void write_one(struct store_entry *entry)
{
    replica_write(&site, entry, now += 1000);
}

static void says(struct voice *voice, struct store_entry *entry)
{
    struct store_applied applied;
    struct error err = { 0 };
    voice_say(voice, entry);
    cr_assert_eq(voice_reach(voice, voice->count - 1, 1, &site, &applied, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(applied.quarantined, 0);
}

/* A doubt about GDN-001 that lacks a contact alone; all that is known of another, GDN-002, is one. */
static void start(void)
{
    struct store_entry entry;
    world_init(&world);
    replica_start(&world, &site, CERTIFICATE_ROLE_AGENT);
    voice_start(&world, &jcp, CERTIFICATE_ROLE_CENTRE);
    voice_start(&world, &second, CERTIFICATE_ROLE_AGENT);
    second.replica.forged_actor = "second";
    now = (int64_t)day_of("2026-06-10") * 86400000;
    entry_participant(&world, &entry, "GDN-001", "Test Alder");
    write_one(&entry);
    entry_participant(&world, &entry, "GDN-002", "Test Birch");
    write_one(&entry);
    entry_referral(&world, &entry, "R-1", "GDN-001", "2026-05-18");
    write_one(&entry);
    entry_placement(&world, &entry, "P-1", "GDN-001", "mandatory", "2026-06-01", "2026-11-27", "Mon Wed 09:30-15:30");
    entry_sent_by(&world, &entry, "R-1");
    write_one(&entry);
    entry_notice(&world, &entry, "N-1", "P-1", "2026-05-20", "hand");
    write_one(&entry);
    entry_attendance(&world, &entry, "P-1", DAY, 0, OUTCOME_ABSENT, -1, NULL);
    write_one(&entry);
    entry_review(&world, &entry, "V-1", "P-1", DAY, "doubt");
    write_one(&entry);
    entry_contact(&world, &entry, "C-2", "GDN-002", "2026-06-04", NULL);
    write_one(&entry);
}

/* Whatever was said, the tables are what the log says. */
static void stop(void)
{
    struct store_verified verified;
    struct error err = { 0 };
    cr_assert_eq(store_verify(site.store, &verified, &err), ERR_OK, "%s", err.message);
    voice_stop(&second);
    voice_stop(&jcp);
    replica_stop(&site);
    world_fini(&world);
}

TestSuite(merge, .init = start, .fini = stop, .timeout = 120);

static void raise_doubt(void)
{
    struct store_entry entry;
    entry_doubt(&world, &entry, "D-1", "P-1", DAY, "V-1", "N-1");
    write_one(&entry);
}

static void expect(const char *status, const char *wants)
{
    uint8_t id[OP_ENTITY_BYTES];
    char digits[DOUBT_ID_SIZE];
    struct doubt_row row;
    struct error err = { 0 };
    entity_id(world.stream, "compliance_doubt", "D-1", id);
    hex_encode(id, sizeof(id), digits);
    cr_assert_eq(query_doubt(site.store, digits, &row, &err), ERR_OK, "%s", err.message);
    cr_assert_str_eq(row.status, status, "%s (%s)", row.status, row.wants);
    cr_assert_str_eq(row.wants, wants, "%s", row.wants);
}

static void merge(bool undone)
{
    struct store_entry entry;
    entry_merge(&world, &entry, "GDN-002", "GDN-001", undone);
    write_one(&entry);
}

static void confirm(struct voice *voice, const char *into)
{
    struct store_entry entry;
    entry_merge_confirmed(&world, &entry, "GDN-002", into);
    says(voice, &entry);
}

Test(merge, by_one_hand_lends_no_contact_to_a_doubt)
{
    raise_doubt();
    expect("suspended", "no_contact");
    merge(false);
    expect("suspended", "contact_unconfirmed");
    confirm(&second, "GDN-001");
    expect("standing", "");
}

Test(merge, that_is_undone_takes_back_what_it_lent_and_is_confirmed_anew_when_it_is_made_again)
{
    raise_doubt();
    merge(false);
    confirm(&second, "GDN-001");
    expect("standing", "");
    merge(true);
    expect("suspended", "no_contact");
    merge(false);
    expect("suspended", "contact_unconfirmed");
}

Test(merge, is_not_confirmed_by_the_hand_the_name_or_the_machine_that_made_it)
{
    struct store_entry entry;
    raise_doubt();
    merge(false);
    entry_merge_confirmed(&world, &entry, "GDN-002", "GDN-001"); /* as "tester", here */
    write_one(&entry);
    expect("suspended", "contact_unconfirmed");
    struct store_written written;
    struct error err;
    cr_assert_eq(store_write(site.store, "somebody else", &entry, 1, now += 1000, &written, &err), ERR_OK);
    expect("suspended", "contact_unconfirmed"); /* another name at the same machine */
    second.replica.forged_actor = " TESTER ";
    confirm(&second, "GDN-001");
    expect("suspended", "contact_unconfirmed"); /* another machine, the same name */
    second.replica.forged_actor = "second";
    entry_merge_confirmed(&world, &entry, "GDN-002", "GDN-001");
    record_set_text(&entry.record, "confirmed_by", "a. decider");
    says(&second, &entry);
    expect("suspended", "contact_unconfirmed"); /* by the one who decided it */
    entry_merge_confirmed(&world, &entry, "GDN-002", "GDN-001");
    record_set_text(&entry.record, "confirmed_by", "");
    says(&second, &entry);
    expect("suspended", "contact_unconfirmed"); /* by nobody */
}

Test(merge, is_not_confirmed_by_one_hostile_device_in_two_names)
{
    struct voice hostile;
    struct store_entry entry;
    voice_start(&world, &hostile, CERTIFICATE_ROLE_AGENT);
    raise_doubt();
    hostile.replica.forged_actor = "one";
    entry_merge(&world, &entry, "GDN-002", "GDN-001", false);
    says(&hostile, &entry);
    hostile.replica.forged_actor = "two";
    confirm(&hostile, "GDN-001");
    expect("suspended", "contact_unconfirmed");
    /* the merge and its confirmation in one record */
    entry_merge(&world, &entry, "GDN-002", "GDN-001", false);
    entry.record.values[kind_field_index(entry.record.kind, "confirms")] = *record_value(&entry.record, "participant");
    record_set_text(&entry.record, "confirmed_by", "S. Second");
    says(&hostile, &entry);
    expect("suspended", "contact_unconfirmed");
    voice_stop(&hostile);
}

Test(merge, of_another_pair_than_was_confirmed_is_not)
{
    struct store_entry entry;
    raise_doubt();
    merge(false);
    confirm(&second, "GDN-001");
    expect("standing", "");
    entry_merge(&world, &entry, "GDN-002", "GDN-003", false); /* and GDN-003 is said to be GDN-001 */
    write_one(&entry);
    entry_merge(&world, &entry, "GDN-003", "GDN-001", false);
    write_one(&entry);
    expect("suspended", "contact_unconfirmed");
    entry_merge_confirmed(&world, &entry, "GDN-003", "GDN-001");
    says(&second, &entry);
    expect("suspended", "contact_unconfirmed"); /* half of the way */
    confirm(&second, "GDN-003");
    expect("standing", ""); /* every link is sure */
}

Test(merge, that_was_confirmed_goes_with_its_confirmation)
{
    struct store_entry entry;
    struct store_erase erase = { .kind = KIND_SAME_PERSON,
                                 .subject_len = OP_ENTITY_BYTES,
                                 .ground = "right",
                                 .decided_by = "A. Decider",
                                 .confirmed_by = "S. Second",
                                 .reason = "asked for" };
    struct store_erasable erased;
    struct error err = { 0 };
    raise_doubt();
    merge(false);
    confirm(&second, "GDN-001");
    expect("standing", "");
    entity_id(world.stream, "participant", "GDN-002", erase.subject);
    cr_assert_eq(store_erase(site.store, "eraser", &erase, now += 1000, &erased, &err), ERR_OK, "%s", err.message);
    expect("suspended", "no_contact");
    entry_merge(&world, &entry, "GDN-002", "GDN-001", false);
    write_one(&entry);
    expect("suspended", "contact_unconfirmed");
}

/* ---- exposure ---- */

static void raise_with_exposure(void)
{
    struct store_entry entry;
    uint8_t id[OP_ENTITY_BYTES];
    entry_contact(&world, &entry, "C-1", "GDN-001", "2026-06-04", DAY);
    write_one(&entry);
    entry_decision(&world, &entry, "E-2", "GDN-002", "2026-04-01", "2026-04-20", "adverse", NULL);
    says(&jcp, &entry);
    entity_id(world.stream, "decision", "E-2", id);
    entry_doubt(&world, &entry, "D-1", "P-1", DAY, "V-1", "N-1");
    record_set_number(&entry.record, "exposure_weeks", 13);
    record_set_id(&entry.record, "earlier_decision", id);
    write_one(&entry);
}

Test(merge, by_one_hand_makes_nobody_a_repeater)
{
    raise_with_exposure();
    expect("suspended", "exposure_unfounded");
    merge(false);
    expect("suspended", "exposure_unconfirmed");
    confirm(&second, "GDN-001");
    expect("standing", "");
    merge(true);
    expect("suspended", "exposure_unfounded");
}

static size_t decisions_of(const char *placement)
{
    struct store_placement_facts facts;
    struct row_id id;
    struct error err;
    entity_id(world.stream, "placement", placement, id.bytes);
    cr_assert_eq(store_placement_facts(site.store, &id, day_of("2026-06-10"), &facts, &err), ERR_OK);
    size_t count = facts.facts.decision_count;
    store_placement_facts_fini(&facts);
    return count;
}

Test(merge, by_one_hand_is_enough_for_what_speaks_for_the_person)
{
    struct store_entry entry;
    raise_with_exposure();
    cr_expect_eq(decisions_of("P-1"), 0);
    merge(false);
    cr_expect_eq(decisions_of("P-1"), 0, "the rules preview no exposure from it");
    confirm(&second, "GDN-001");
    cr_expect_eq(decisions_of("P-1"), 1);
    merge(false);
    confirm(&second, "GDN-001");
    /* a third record, merged by one hand, has the decision that set the first one aside */
    entry_decision(&world, &entry, "E-3", "GDN-003", "2026-04-01", "2026-05-20", "non_adverse", NULL);
    says(&jcp, &entry);
    expect("standing", "");
    entry_merge(&world, &entry, "GDN-003", "GDN-001", false);
    write_one(&entry);
    expect("suspended", "exposure_unfounded");
    cr_expect_eq(decisions_of("P-1"), 2);
    entry_appointment(&world, &entry, "A-3", "GDN-003", DAY, 10 * 60, 11 * 60);
    says(&jcp, &entry);
    expect("suspended", "excused,exposure_unfounded,overlaps_jcp");
}

Test(merge, comes_to_the_same_whatever_arrives_first)
{
    struct replica other;
    struct store_applied applied;
    struct error err = { 0 };
    char here[2 * SHA256_BYTES + 1];
    char there[2 * SHA256_BYTES + 1];
    raise_doubt();
    merge(false);
    confirm(&second, "GDN-001");
    replica_start(&world, &other, CERTIFICATE_ROLE_AGENT);
    cr_assert_eq(voice_reach(&second, 0, second.count, &other, &applied, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(applied.quarantined, 0);
    cr_assert_eq(replica_carry(&site, 0, SIZE_MAX, &other, &err), ERR_OK, "%s", err.message);
    replica_digest(&site, here);
    replica_digest(&other, there);
    cr_expect_str_eq(here, there);
    replica_stop(&other);
}

/* ---- whatever is asked about one record is asked about all ---- */

static enum err_code erase_person(const char *ref, struct store_erasable *ret_erased, struct error *err)
{
    struct store_erase erase = { .kind = KIND_PARTICIPANT,
                                 .subject_len = OP_ENTITY_BYTES,
                                 .ground = "retention",
                                 .decided_by = "A. Decider",
                                 .reason = "schedule" };
    entity_id(world.stream, "participant", ref, erase.subject);
    return store_erase(site.store, "eraser", &erase, now += 1000, ret_erased, err);
}

Test(merge, that_nobody_else_confirmed_takes_no_other_record_with_an_erasure)
{
    struct store_entry entry;
    struct store_erasable erased;
    struct participant_row other;
    struct row_id id;
    struct error err = { 0 };
    raise_doubt();
    merge(false);
    entry_doubt_event(&world, &entry, "D-1", "withdrawn", "2026-06-11");
    write_one(&entry);
    cr_assert_eq(erase_person("GDN-002", &erased, &err), ERR_OK, "%s", err.message);
    cr_expect_eq(erased.kinds[KIND_PARTICIPANT], 1);
    cr_expect_eq(erased.kinds[KIND_PLACEMENT], 0, "the placement is of the other record");
    entity_id(world.stream, "participant", "GDN-001", id.bytes);
    cr_assert_eq(query_participant(site.store, &id, &other, &err), ERR_OK, "%s", err.message);
    cr_expect_str_neq(other.name, "");
    cr_assert_eq(erase_person("GDN-001", &erased, &err), ERR_OK, "%s", err.message);
    cr_expect_eq(erased.kinds[KIND_PLACEMENT], 1, "by its own name it goes");
}

Test(merge, is_erased_whole_and_held_back_by_what_is_about_either_record)
{
    struct store_entry entry;
    struct store_erasable erased;
    struct error err = { 0 };
    raise_doubt();
    merge(false);
    confirm(&second, "GDN-001");
    cr_assert_eq(erase_person("GDN-002", &erased, &err), ERR_REFUSED, "the doubt is about the other record");
    cr_assert_not_null(strstr(err.message, "doubts"), "%s", err.message);
    entry_doubt_event(&world, &entry, "D-1", "withdrawn", "2026-06-11");
    write_one(&entry);
    entry_decision(&world, &entry, "E-1", "GDN-001", DAY, "2026-06-09", "adverse", NULL);
    says(&jcp, &entry);
    cr_assert_eq(erase_person("GDN-002", &erased, &err), ERR_REFUSED, "and so is the decision");
    cr_assert_not_null(strstr(err.message, "decisions"), "%s", err.message);
    entry_decision(&world, &entry, "E-1", "GDN-001", DAY, "2026-06-10", "cancelled", NULL);
    says(&jcp, &entry);
    cr_assert_eq(erase_person("GDN-002", &erased, &err), ERR_OK, "%s", err.message);
    cr_expect_eq(erased.kinds[KIND_PARTICIPANT], 2);
    cr_expect_eq(erased.kinds[KIND_PLACEMENT], 1);
    cr_expect_eq(erased.kinds[KIND_CONTACT_ATTEMPT], 1);
    cr_expect_eq(erased.kinds[KIND_SAME_PERSON], 2, "the merge and its confirmation, once each though they name both");
    cr_expect_eq(erased.of_centre, 1, "the decision about the other record");
}

Test(merge, that_was_undone_is_not_made_again_by_erasing_that)
{
    struct store_erase erase = { .kind = KIND_SAME_PERSON,
                                 .subject_len = OP_ENTITY_BYTES,
                                 .ground = "retention",
                                 .decided_by = "A. Decider",
                                 .reason = "entered by mistake",
                                 .one = true };
    struct store_erasable erased;
    struct error err = { 0 };
    SCOPED(log_list_fini) struct log_list log = { 0 };
    raise_doubt();
    merge(false);
    confirm(&second, "GDN-001");
    merge(true);
    expect("suspended", "no_contact");
    entity_id(world.stream, "participant", "GDN-002", erase.subject);
    cr_assert_eq(query_log(site.store, erase.subject, OP_ENTITY_BYTES, false, 10, &log, &err), ERR_OK);
    for (size_t i = 0; i < log.count; i++) { /* what this machine said last of it */
        if (log.rows[i].own && log.rows[i].op.seq > erase.op.seq && log.rows[i].kind == KIND_SAME_PERSON) {
            erase.op = log.rows[i].op;
        }
    }
    cr_assert_eq(store_erase(site.store, "eraser", &erase, now += 1000, &erased, &err), ERR_REFUSED);
    expect("suspended", "no_contact");
}

Test(merge, whose_undoing_a_machine_without_rules_erased_is_not_sure_until_it_is_made_and_confirmed_anew)
{
    struct store_entry erasure;
    struct error err = { 0 };
    struct op_id undoing = { 0 };
    SCOPED(log_list_fini) struct log_list log = { 0 };
    raise_doubt();
    merge(false);
    confirm(&second, "GDN-001");
    merge(true);
    entity_id(world.stream, "participant", "GDN-002", erasure.subject);
    cr_assert_eq(query_log(site.store, erasure.subject, OP_ENTITY_BYTES, false, 10, &log, &err), ERR_OK);
    for (size_t i = 0; i < log.count; i++) { /* what this machine said last of it */
        if (log.rows[i].own && log.rows[i].op.seq > undoing.seq && log.rows[i].kind == KIND_SAME_PERSON) {
            undoing = log.rows[i].op;
        }
    }
    entry_erasure(&erasure, KIND_SAME_PERSON, log.rows[0].subject, false);
    second.replica.forged_over = &undoing;
    second.replica.forged_hlc_ms = clock_wall_ms() + 60000;
    says(&second, &erasure);
    second.replica.forged_over = NULL;
    second.replica.forged_hlc_ms = 0;
    expect("suspended", "contact_unconfirmed");
    merge(true);
    merge(false);
    second.replica.forged_hlc_ms = clock_wall_ms() + 120000;
    confirm(&second, "GDN-001");
    expect("standing", "");
}

Test(merge, is_due_by_the_newest_day_of_all_its_records_and_listed_once)
{
    struct store_due *due;
    size_t count;
    struct error err = { 0 };
    struct store_entry entry;
    entry_placement(&world, &entry, "P-2", "GDN-002", "mandatory", "2020-01-06", "2020-03-27", "Mon 09:30-15:30");
    write_one(&entry);
    cr_assert_eq(store_retention_due(site.store, day_of("2026-06-30"), day_of("2026-06-30"), 10, &due, &count, &err),
                 ERR_OK);
    cr_assert_eq(count, 1, "GDN-002 alone");
    cr_expect_eq(due[0].newest_day, day_of("2026-06-04"), "somebody tried to reach them");
    free(due);
    merge(false);
    cr_assert_eq(store_retention_due(site.store, day_of("2026-06-30"), day_of("2026-06-30"), 10, &due, &count, &err),
                 ERR_OK);
    cr_expect_eq(count, 0, "the same person is here until November");
    free(due);
    cr_assert_eq(store_retention_due(site.store, day_of("2027-01-01"), day_of("2027-01-01"), 10, &due, &count, &err),
                 ERR_OK);
    cr_assert_eq(count, 1);
    cr_expect_eq(due[0].newest_day, day_of("2026-11-27"));
    free(due);
}

static size_t proven_about(const char *ref)
{
    struct evidence_subject subject = { .session = false };
    struct evidence_about about;
    struct evidence_list list;
    struct error err = { 0 };
    entity_id(world.stream, "participant", ref, subject.participant.bytes);
    cr_assert_eq(evidence_begin(site.store, &subject, &about, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(evidence_records(site.store, &subject, 0, 100, &list, &err), ERR_OK, "%s", err.message);
    size_t count = list.count;
    evidence_list_fini(&list);
    return count;
}

Test(merge, is_proven_and_copied_whole_whichever_record_is_named)
{
    cr_expect_eq(proven_about("GDN-001"), 6);
    cr_expect_eq(proven_about("GDN-002"), 2);
    merge(false);
    cr_expect_eq(proven_about("GDN-001"), 9, "and the merge itself");
    cr_expect_eq(proven_about("GDN-002"), 9);
    merge(true);
    cr_expect_eq(proven_about("GDN-001"), 6);
}
