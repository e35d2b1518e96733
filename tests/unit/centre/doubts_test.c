/* Doubts at the centre: judged from the log as on a site's own machines, and acted on only while they stand. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/centre/doubts.h"
#include "store/centre/tables.h"
#include "sync/endpoint/core/private.h"
#include "world.h"

static struct centre_world world;
static struct laptop laptop;
static uint8_t ids[6][OP_ENTITY_BYTES]; /* participant, placement, notice, review, doubt, referral */
static const uint8_t *referred;         /* NULL: the participant */
static char doubt_digits[DOUBT_ID_SIZE];

enum { PARTICIPANT, PLACEMENT, NOTICE, REVIEW, DOUBT, REFERRAL };

static int32_t day(const char *text)
{
    int32_t found;
    cr_assert(date_parse(text, &found));
    return found;
}

static void write_at(struct laptop *where, struct store_entry *entry)
{
    struct store_written written;
    struct error err = { 0 };
    world.now_ms += 1000;
    cr_assert_eq(store_write(where->store, "tester", entry, 1, world.now_ms, &written, &err), ERR_OK, "%s",
                 err.message);
}

static void write_entry(struct store_entry *entry)
{
    write_at(&laptop, entry);
}

static struct store_entry begin_entry(enum record_kind kind, const uint8_t subject[OP_ENTITY_BYTES])
{
    struct store_entry entry = { .kind = kind, .happened_at_ms = OP_TIME_NONE };
    memcpy(entry.subject, subject, OP_ENTITY_BYTES);
    record_init(&entry.record, kind_by_number(kind));
    return entry;
}

static void write_referral(const uint8_t id[OP_ENTITY_BYTES], const char *ref,
                           const uint8_t participant[OP_ENTITY_BYTES])
{
    struct store_entry entry = begin_entry(KIND_REFERRAL, id);
    record_set_text(&entry.record, "ref", ref);
    record_set_id(&entry.record, "participant", participant);
    record_set_text(&entry.record, "route", "cwp");
    record_set_text(&entry.record, "basis", "mandatory");
    record_set_number(&entry.record, "received_on", day("2026-05-18"));
    write_entry(&entry);
}

static void write_person_and_placement(const char *basis)
{
    struct store_entry entry = begin_entry(KIND_PARTICIPANT, ids[PARTICIPANT]);
    record_set_text(&entry.record, "ref", "GDN-001");
    write_entry(&entry);
    write_referral(ids[REFERRAL], "R-1 of the site", referred != NULL ? referred : ids[PARTICIPANT]);
    entry = begin_entry(KIND_PLACEMENT, ids[PLACEMENT]);
    record_set_text(&entry.record, "ref", "P-1");
    record_set_id(&entry.record, "participant", ids[PARTICIPANT]);
    record_set_id(&entry.record, "referral", ids[REFERRAL]);
    record_set_text(&entry.record, "basis", basis);
    record_set_number(&entry.record, "starts_on", day("2026-06-01"));
    record_set_number(&entry.record, "ends_on", day("2026-11-27"));
    record_set_text(&entry.record, "pattern", "Mon Wed 09:30-15:30");
    record_set_number(&entry.record, "weekly_minutes", 720);
    write_entry(&entry);
}

static void write_notice(void)
{
    static const char *const says[] = { "says_what",      "says_when",     "says_where",
                                        "says_mandatory", "says_evidence", "says_consequences" };
    struct store_entry entry = begin_entry(KIND_NOTICE, ids[NOTICE]);
    record_set_id(&entry.record, "placement", ids[PLACEMENT]);
    record_set_number(&entry.record, "served_on", day("2026-05-20"));
    record_set_text(&entry.record, "served_by", "hand");
    for (size_t i = 0; i < ARRAY_LEN(says); i++) {
        record_set_number(&entry.record, says[i], 1);
    }
    write_entry(&entry);
}

static void write_attendance(enum outcome outcome, const char *note)
{
    struct store_entry entry = { .kind = KIND_ATTENDANCE, .happened_at_ms = OP_TIME_NONE };
    session_subject(ids[PLACEMENT], day("2026-06-03"), 0, entry.subject);
    record_init(&entry.record, kind_by_number(KIND_ATTENDANCE));
    record_set_number(&entry.record, "outcome", outcome);
    record_set_text(&entry.record, "note", note);
    write_entry(&entry);
}

static void fill_doubt(struct record *record)
{
    record_init(record, kind_by_number(KIND_COMPLIANCE_DOUBT));
    record_set_id(record, "placement", ids[PLACEMENT]);
    record_set_number(record, "day", day("2026-06-03"));
    record_set_number(record, "slot", 0);
    record_set_text(record, "reviewer", "R. Reviewer");
    record_set_id(record, "review", ids[REVIEW]);
    record_set_id(record, "notice", ids[NOTICE]);
    record_set_number(record, "exposure_weeks", 4);
    record_set_text(record, "answers", "Were they ill?\nNot that we know.");
    record_set_number(record, "confirmed", 1);
    record_set_text(record, "evidence", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    record_set_text(record, "programme", programme_id(programme_default()));
    record_set_number(record, "programme_version", programme_version(programme_default()));
    record_set_text(record, "programme_sha256", programme_sha256(programme_default()));
}

/* All that a doubt needs, on a laptop. */
static void prepare_doubt(const char *basis)
{
    struct store_entry entry;
    write_person_and_placement(basis);
    write_notice();
    write_attendance(OUTCOME_ABSENT, NULL);
    entry = begin_entry(KIND_CONTACT_ATTEMPT, (const uint8_t *)"a contact of one");
    record_set_id(&entry.record, "participant", ids[PARTICIPANT]);
    record_set_number(&entry.record, "day", day("2026-06-04"));
    record_set_text(&entry.record, "means", "phone");
    record_set_text(&entry.record, "outcome", "no_answer");
    write_entry(&entry);
    entry = begin_entry(KIND_FLAG_REVIEW, ids[REVIEW]);
    record_set_text(&entry.record, "flag", "unexplained_absence/of a test");
    record_set_id(&entry.record, "placement", ids[PLACEMENT]);
    record_set_number(&entry.record, "day", day("2026-06-03"));
    record_set_text(&entry.record, "outcome", "doubt");
    record_set_text(&entry.record, "answers", "Were they ill?\nNot that we know.");
    write_entry(&entry);
}

static void confirm_doubt(struct laptop *where, const uint8_t id[OP_ENTITY_BYTES])
{
    struct store_entry entry = begin_entry(KIND_COMPLIANCE_DOUBT, id);
    fill_doubt(&entry.record);
    write_at(where, &entry);
}

/* And its exchange. */
static void raise_doubt(const char *basis)
{
    prepare_doubt(basis);
    confirm_doubt(&laptop, ids[DOUBT]);
    cr_assert_eq(laptop_sync(&laptop), ERR_OK);
}

static void begin(void)
{
    static const char *const kinds[] = { "participant", "placement",        "notice",
                                         "flag_review", "compliance_doubt", "referral" };
    world_open(&world);
    laptop_enrol(&world, "garden", &laptop);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        entity_id(laptop.identity.stream, kinds[i], "of a test", ids[i]);
    }
    hex_encode(ids[DOUBT], OP_ENTITY_BYTES, doubt_digits);
}

static void end(void)
{
    laptop_fini(&laptop);
    world_close(&world);
}

TestSuite(centre_doubts, .init = begin, .fini = end, .timeout = 120);

static enum err_code ask(const char *operation, json_t *arguments)
{
    json_t *answer = NULL;
    enum err_code rc = centre_admin(world.centre, operation, arguments, world.now_ms, &answer, &world.err);
    json_decref(arguments);
    json_decref(answer);
    return rc;
}

/* A decision by the words for person and day, without the doubt. */
static enum err_code decide_by_day(const char *participant, const char *failure_on, const char *outcome)
{
    return ask("decision-new", json_pack("{s:s,s:s,s:s,s:s}", "site", "garden", "participant", participant,
                                         "failure_on", failure_on, "outcome", outcome));
}

/* About the person whom the site's own reference names. */
static void raise_doubt_about_the_named(void)
{
    entity_id(laptop.identity.stream, "participant", "GDN-001", ids[PARTICIPANT]);
    raise_doubt("mandatory");
}

/* Somebody else, whom JCP has referred to the site. */
static void refer(const char *participant)
{
    json_decref(world_admin(&world, "referral-new",
                            json_pack("{s:s,s:s,s:s,s:s,s:s}", "site", "garden", "ref", "R-1", "participant",
                                      participant, "route", "cwp", "basis", "mandatory")));
}

static enum err_code decide(void)
{
    return ask("decision-new", json_pack("{s:s,s:s,s:s,s:i}", "site", "garden", "doubt", doubt_digits, "outcome",
                                         "adverse", "weeks", 4));
}

/* Their number, and where the first stands. */
static size_t listed(bool all, char status[ROW_CODE_SIZE], char lacks[DOUBT_WANTS_SIZE])
{
    json_t *answer = world_admin(&world, "doubts", json_pack("{s:s,s:b}", "site", "garden", "all", all));
    const json_t *rows = json_object_get(answer, "doubts");
    const json_t *first = json_array_get(rows, 0);
    size_t count = json_array_size(rows);
    if (first != NULL) {
        (void)snprintf(status, ROW_CODE_SIZE, "%s", json_string_value(json_object_get(first, "status")));
        (void)snprintf(lacks, DOUBT_WANTS_SIZE, "%s", json_string_value(json_object_get(first, "lacks")));
        cr_assert_str_eq(json_string_value(json_object_get(first, "session")), "P-1@2026-06-03");
    }
    json_decref(answer);
    return count;
}

static struct doubt_row at_the_laptop(void)
{
    struct doubt_row row;
    struct error err = { 0 };
    cr_assert_eq(laptop_sync(&laptop), ERR_OK);
    cr_assert_eq(query_doubt(laptop.store, doubt_digits, &row, &err), ERR_OK, "%s", err.message);
    return row;
}

Test(centre_doubts, one_that_stands_is_listed_received_and_decided_and_the_site_hears_of_it)
{
    char status[ROW_CODE_SIZE];
    char lacks[DOUBT_WANTS_SIZE];
    cr_assert_eq(listed(true, status, lacks), 0);
    raise_doubt("mandatory");
    cr_assert_eq(listed(false, status, lacks), 1);
    cr_assert_str_eq(status, "standing", "%s", lacks);
    cr_assert_eq(
        ask("doubt-event", json_pack("{s:s,s:s,s:s}", "site", "garden", "doubt", doubt_digits, "status", "received")),
        ERR_OK, "%s", world.err.message);
    cr_assert_neq(at_the_laptop().received_on, ROW_NONE);
    cr_assert_eq(decide(), ERR_OK, "%s", world.err.message);
    struct doubt_row row = at_the_laptop();
    cr_assert_str_eq(row.status, "decided");
    cr_assert_str_eq(row.outcome, "adverse");
    cr_assert_eq(row.weeks, 4);
    cr_assert_eq(listed(false, status, lacks), 1);
    cr_assert_str_eq(status, "decided");
    world_verify(&world);
}

Test(centre_doubts, a_decision_about_their_person_and_day_answers_one_that_stands)
{
    raise_doubt_about_the_named();
    refer("GDN-002");
    cr_assert_eq(decide_by_day("GDN-001", "2026-06-08", "adverse"), ERR_OK, "%s", world.err.message);
    cr_assert_eq(decide_by_day("GDN-002", "2026-06-03", "adverse"), ERR_OK, "%s", world.err.message);
    cr_assert_str_eq(at_the_laptop().status, "standing", "of another day, and of somebody else");
    cr_assert_eq(decide_by_day("GDN-001", "2026-06-03", "adverse"), ERR_OK, "%s", world.err.message);
    struct doubt_row row = at_the_laptop();
    cr_assert_str_eq(row.status, "decided");
    cr_assert_str_eq(row.outcome, "adverse");
    cr_assert_eq(decide_by_day("GDN-001", "2026-06-03", "cancelled"), ERR_OK, "%s", world.err.message);
    cr_assert_str_eq(at_the_laptop().outcome, "cancelled");
}

Test(centre_doubts, a_decision_that_answered_one_is_the_same_by_either_name)
{
    raise_doubt_about_the_named();
    cr_assert_eq(decide(), ERR_OK, "%s", world.err.message);
    struct doubt_row before = at_the_laptop();
    cr_assert_eq(decide_by_day("GDN-001", "2026-06-03", "non_adverse"), ERR_OK, "%s", world.err.message);
    struct doubt_row row = at_the_laptop();
    cr_assert_str_eq(row.outcome, "non_adverse");
    cr_assert_arr_eq(row.decision.bytes, before.decision.bytes, ROW_ID_BYTES, "corrected, and not a second one");
    cr_assert_eq(decide(), ERR_OK, "%s", world.err.message);
    cr_assert_str_eq(at_the_laptop().outcome, "adverse");
    cr_assert_arr_eq(at_the_laptop().decision.bytes, before.decision.bytes, ROW_ID_BYTES);
}

/* ---- another placement of the person, or another's referral ---- */

static void write_second_until(const uint8_t id[OP_ENTITY_BYTES], const uint8_t participant[OP_ENTITY_BYTES],
                               const char *ends_on)
{
    struct store_entry entry = begin_entry(KIND_PLACEMENT, id);
    record_set_text(&entry.record, "ref", "P-2");
    record_set_id(&entry.record, "participant", participant);
    record_set_text(&entry.record, "basis", "voluntary");
    record_set_number(&entry.record, "starts_on", day("2026-06-01"));
    record_set_number(&entry.record, "ends_on", day(ends_on));
    record_set_text(&entry.record, "pattern", "Wed 15:00-17:00");
    record_set_number(&entry.record, "weekly_minutes", 120);
    write_entry(&entry);
}

static void write_second(const uint8_t *second, const uint8_t *participant)
{
    write_second_until(second, participant, "2026-06-30");
}

static void expect_on_both_sides(const char *status, const char *wants)
{
    char found[ROW_CODE_SIZE];
    char lacks[DOUBT_WANTS_SIZE];
    struct doubt_row row = at_the_laptop();
    cr_expect_str_eq(row.status, status, "%s", row.wants);
    cr_expect_str_eq(row.wants, wants, "%s", row.wants);
    cr_assert_eq(listed(true, found, lacks), 1);
    cr_expect_str_eq(found, status, "%s", lacks);
    cr_expect_str_eq(lacks, wants, "%s", lacks);
}

static void end_second(const uint8_t *second)
{
    struct store_entry entry = begin_entry(KIND_PLACEMENT, second);
    record_set_number(&entry.record, "ends_on", day("2026-06-02"));
    write_entry(&entry);
}

Test(centre_doubts, what_another_placement_of_the_person_had_them_expected_for_counts_on_both_sides_though_it_was_ended)
{
    static const uint8_t second[OP_ENTITY_BYTES] = "a second of them";
    raise_doubt("mandatory");
    expect_on_both_sides("standing", "");
    write_second(second, ids[PARTICIPANT]);
    expect_on_both_sides("suspended", "other_placement");
    end_second(second);
    expect_on_both_sides("suspended", "other_placement");
}

Test(centre_doubts, what_another_placement_of_the_person_says_of_the_same_hours_counts_on_both_sides)
{
    static const uint8_t second[OP_ENTITY_BYTES] = "a second of them";
    struct store_entry entry;
    raise_doubt("mandatory");
    write_second_until(second, ids[PARTICIPANT], "2026-06-02"); /* it never expected them */
    expect_on_both_sides("standing", "");
    entry = (struct store_entry){ .kind = KIND_ATTENDANCE, .happened_at_ms = OP_TIME_NONE };
    session_subject(second, day("2026-06-03"), 0, entry.subject);
    record_init(&entry.record, kind_by_number(KIND_ATTENDANCE));
    record_set_number(&entry.record, "outcome", OUTCOME_ATTENDED);
    write_entry(&entry);
    expect_on_both_sides("suspended", "other_placement");
}

Test(centre_doubts, a_placement_of_a_record_that_one_person_merged_counts_on_both_sides)
{
    static const uint8_t second[OP_ENTITY_BYTES] = "a second of them";
    static const uint8_t duplicate[OP_ENTITY_BYTES] = "a record of them";
    struct store_entry entry;
    raise_doubt("mandatory");
    write_second(second, duplicate);
    expect_on_both_sides("standing", "");
    entry = begin_entry(KIND_SAME_PERSON, duplicate);
    record_set_id(&entry.record, "participant", ids[PARTICIPANT]);
    record_set_text(&entry.record, "decided_by", "tester");
    record_set_text(&entry.record, "reason", "the same letter");
    write_entry(&entry);
    expect_on_both_sides("suspended", "other_placement");
}

Test(centre_doubts, one_under_another_s_referral_stands_on_neither_side)
{
    static const uint8_t other[OP_ENTITY_BYTES] = "somebody else???";
    struct store_entry entry = begin_entry(KIND_PLACEMENT, ids[PLACEMENT]);
    static const uint8_t referral[OP_ENTITY_BYTES] = "their referral??";
    record_set_text(&entry.record, "ref", "P-1");
    record_set_id(&entry.record, "participant", ids[PARTICIPANT]);
    record_set_id(&entry.record, "referral", referral); /* not here yet: nobody knows whose it is */
    record_set_text(&entry.record, "basis", "mandatory");
    record_set_number(&entry.record, "starts_on", day("2026-06-01"));
    record_set_number(&entry.record, "ends_on", day("2026-11-27"));
    record_set_text(&entry.record, "pattern", "Mon Wed 09:30-15:30"); /* as when the notice was served */
    record_set_number(&entry.record, "weekly_minutes", 720);
    write_entry(&entry);
    memcpy(ids[REFERRAL], referral, OP_ENTITY_BYTES);
    referred = other;
    raise_doubt("mandatory");
    expect_on_both_sides("suspended", "referral_of_another");
}

/* Steps of SQLite's machine that statements with this in them took since the last look. */
static int steps_taken(const char *sql)
{
    int steps = 0;
    sqlite3 *handle = world.centre->store->db.handle;
    for (sqlite3_stmt *s = sqlite3_next_stmt(handle, NULL); s != NULL; s = sqlite3_next_stmt(handle, s)) {
        if (strstr(sqlite3_sql(s), sql) != NULL) {
            steps += sqlite3_stmt_status(s, SQLITE_STMTSTATUS_VM_STEP, 1);
        }
    }
    return steps;
}

/* Attendance of another placement. */
static void write_other_attendance(int count)
{
    static const uint8_t placement[OP_ENTITY_BYTES] = { 9 };
    for (int i = 0; i < count; i++) {
        struct store_entry entry = { .kind = KIND_ATTENDANCE, .happened_at_ms = OP_TIME_NONE };
        session_subject(placement, day("2026-06-01") + i, 0, entry.subject);
        record_init(&entry.record, kind_by_number(KIND_ATTENDANCE));
        record_set_number(&entry.record, "outcome", OUTCOME_ATTENDED);
        write_entry(&entry);
    }
    cr_assert_eq(laptop_sync(&laptop), ERR_OK);
}

#define READING_ON "AND o.kind = 5"
#define FINDING "o.kind IN (27)"

Test(centre_doubts, of_a_site_that_has_none_the_log_is_not_read)
{
    char status[ROW_CODE_SIZE];
    char lacks[DOUBT_WANTS_SIZE];
    enum { RECORDS = 100 };
    write_other_attendance(RECORDS);
    cr_assert_eq(listed(true, status, lacks), 0);
    int steps = steps_taken(FINDING);
    cr_expect_gt(steps, 0, "it is asked");
    cr_expect_lt(steps, RECORDS);
    cr_expect_eq(steps_taken(READING_ON), 0);
}

Test(centre_doubts, of_a_site_that_has_some_attendance_is_read_once_and_what_came_later_counts)
{
    char status[ROW_CODE_SIZE];
    char lacks[DOUBT_WANTS_SIZE];
    enum { RECORDS = 100 };
    write_other_attendance(RECORDS);
    raise_doubt("mandatory");
    cr_assert_eq(listed(false, status, lacks), 1);
    cr_assert_str_eq(status, "standing", "%s", lacks);
    cr_expect_gt(steps_taken(READING_ON), RECORDS);
    cr_assert_eq(listed(false, status, lacks), 1);
    cr_expect_eq(steps_taken(READING_ON), 0, "nothing came");
    write_attendance(OUTCOME_ATTENDED, "was there after all");
    cr_assert_eq(laptop_sync(&laptop), ERR_OK);
    cr_assert_eq(listed(true, status, lacks), 1);
    cr_assert_str_eq(status, "suspended");
    int steps = steps_taken(READING_ON);
    cr_expect_gt(steps, 0);
    cr_expect_lt(steps, RECORDS);
    world_reopen(&world);
    cr_assert_eq(listed(true, status, lacks), 1);
    cr_assert_str_eq(status, "suspended", "after a start it is the same");
}

Test(centre_doubts, one_that_an_excuse_took_the_ground_of_is_not_for_the_jobcentre_to_decide)
{
    char status[ROW_CODE_SIZE];
    char lacks[DOUBT_WANTS_SIZE];
    raise_doubt("mandatory");
    write_attendance(OUTCOME_EXCUSED, "a letter came");
    cr_assert_eq(laptop_sync(&laptop), ERR_OK);
    cr_assert_eq(listed(false, status, lacks), 0);
    cr_assert_eq(listed(true, status, lacks), 1);
    cr_assert_str_eq(status, "suspended");
    cr_assert_str_eq(lacks, "excused");
    cr_assert_eq(decide(), ERR_REFUSED);
    cr_assert_not_null(strstr(world.err.message, "excused"), "%s", world.err.message);
}

/* Where one doubt stands at the centre, and what it lacks. */
static void find_there(const uint8_t id[OP_ENTITY_BYTES], struct doubt_row *ret_row)
{
    struct centre_site site;
    char digits[DOUBT_ID_SIZE];
    hex_encode(id, OP_ENTITY_BYTES, digits);
    cr_assert_eq(centre_site_find(world.centre->store, "garden", &site, &world.err), ERR_OK, "%s", world.err.message);
    cr_assert_eq(centre_doubt(world.centre->store, &site, clock_today(world.now_ms), digits, ret_row, &world.err),
                 ERR_OK, "%s", world.err.message);
}

Test(centre_doubts, what_was_decided_is_not_decided_again_about_another_machines_doubt)
{
    struct laptop other;
    struct doubt_row row;
    uint8_t second[OP_ENTITY_BYTES];
    prepare_doubt("mandatory");
    cr_assert_eq(laptop_sync(&laptop), ERR_OK);
    laptop_enrol(&world, "garden", &other);
    cr_assert_eq(laptop_sync(&other), ERR_OK);
    entity_id(laptop.identity.stream, "compliance_doubt", "of another machine", second);
    confirm_doubt(&other, second);
    confirm_doubt(&laptop, ids[DOUBT]);
    cr_assert_eq(laptop_sync(&laptop), ERR_OK);
    cr_assert_eq(decide(), ERR_OK, "%s", world.err.message);
    cr_assert_eq(laptop_sync(&other), ERR_OK);
    find_there(second, &row);
    cr_expect_str_eq(row.wants, "raised_already", "it was raised first, and came when the other was decided");
    cr_expect_str_eq(row.status, "suspended");
    laptop_fini(&other);
}

static void write_break(const char *to)
{
    struct store_entry entry = begin_entry(KIND_PLACEMENT_BREAK, (const uint8_t *)"a break of a day");
    record_set_id(&entry.record, "placement", ids[PLACEMENT]);
    record_set_number(&entry.record, "starts_on", day("2026-06-01"));
    record_set_number(&entry.record, "ends_on", day(to));
    record_set_text(&entry.record, "reason", "agreed_leave");
    write_entry(&entry);
}

Test(centre_doubts, what_was_taken_back_when_the_day_was_over_speaks_for_the_person_there_too)
{
    char status[ROW_CODE_SIZE];
    char lacks[DOUBT_WANTS_SIZE];
    write_break("2026-06-05");
    write_break("2026-06-02");
    raise_doubt("mandatory");
    cr_assert_eq(listed(true, status, lacks), 1);
    cr_expect_str_eq(lacks, "break_undone");
    cr_expect_str_eq(at_the_laptop().wants, "break_undone");
    cr_assert_eq(decide(), ERR_REFUSED);
}

Test(centre_doubts, other_hours_that_were_agreed_afterwards_hold_one_back_there_too)
{
    char status[ROW_CODE_SIZE];
    char lacks[DOUBT_WANTS_SIZE];
    raise_doubt("mandatory");
    cr_assert_eq(listed(false, status, lacks), 1);
    cr_assert_str_eq(status, "standing", "%s", lacks);
    struct store_entry entry = begin_entry(KIND_PLACEMENT, ids[PLACEMENT]);
    record_set_text(&entry.record, "pattern", "Mon Wed 07:00-13:00");
    write_entry(&entry);
    cr_assert_eq(laptop_sync(&laptop), ERR_OK);
    cr_assert_eq(listed(true, status, lacks), 1);
    cr_expect_str_eq(lacks, "terms_changed");
    cr_expect_str_eq(at_the_laptop().wants, "terms_changed");
    cr_assert_eq(decide(), ERR_REFUSED);
}

/* The built-in pack with a greater version. */
static void give_pack(const char *in_force_from)
{
    struct slice json = programme_default_json();
    json_t *pack = json_loadb((const char *)json.data, json.len, 0, NULL);
    cr_assert_not_null(pack);
    json_object_set_new(pack, "version", json_integer(11));
    char *text = json_dumps(pack, JSON_INDENT(1));
    json_decref(
        world_admin(&world, "pack-add",
                    json_pack("{s:s, s:s, s:s}", "pack", text, "in_force_from", in_force_from, "site", "garden")));
    free(text);
    json_decref(pack);
}

Test(centre_doubts, by_a_pack_whose_turn_was_over_is_held_back_at_both_ends)
{
    char status[ROW_CODE_SIZE];
    char lacks[DOUBT_WANTS_SIZE];
    give_pack("2014-05-01");
    raise_doubt("mandatory");
    cr_assert_eq(listed(true, status, lacks), 1);
    cr_expect_str_eq(status, "suspended");
    cr_expect_str_eq(lacks, "pack_not_in_force");
    cr_expect_str_eq(at_the_laptop().wants, "pack_not_in_force");
    cr_assert_eq(decide(), ERR_REFUSED);
}

Test(centre_doubts, a_pack_that_comes_after_one_leaves_it_standing)
{
    raise_doubt("mandatory");
    world.now_ms += 86400000;
    give_pack("2014-05-01");
    cr_expect_str_eq(at_the_laptop().status, "standing", "%s", at_the_laptop().wants);
    cr_assert_eq(decide(), ERR_OK, "%s", world.err.message);
}

Test(centre_doubts, an_appointment_of_jcp_itself_suspends_one_there_at_once)
{
    char status[ROW_CODE_SIZE];
    char lacks[DOUBT_WANTS_SIZE];
    raise_doubt_about_the_named();
    refer("GDN-002");
    json_decref(world_admin(&world, "decision-new",
                            json_pack("{s:s,s:s,s:s,s:s}", "site", "garden", "participant", "GDN-002", "failure_on",
                                      "2026-05-01", "outcome", "adverse")));
    cr_assert_eq(listed(false, status, lacks), 1);
    cr_assert_str_eq(status, "standing", "%s", lacks);
    json_decref(world_admin(&world, "appointment-new",
                            json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "site", "garden", "participant", "GDN-001", "date",
                                      "2026-06-03", "from", "10:00", "to", "11:00", "purpose", "signing")));
    cr_assert_eq(listed(true, status, lacks), 1);
    cr_assert_str_eq(lacks, "excused,overlaps_jcp");
    cr_assert_eq(decide(), ERR_REFUSED);
    cr_assert_str_eq(at_the_laptop().status, "suspended");
}

Test(centre_doubts, an_appointment_under_another_record_of_the_person_suspends_one_there_too)
{
    char status[ROW_CODE_SIZE];
    char lacks[DOUBT_WANTS_SIZE];
    uint8_t other[OP_ENTITY_BYTES];
    raise_doubt("mandatory");
    refer("GDN-009");
    json_decref(world_admin(&world, "appointment-new",
                            json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "site", "garden", "participant", "GDN-009", "date",
                                      "2026-06-03", "from", "10:00", "to", "11:00", "purpose", "signing")));
    cr_assert_eq(listed(false, status, lacks), 1, "of somebody else, as far as anybody knows");
    entity_id(laptop.identity.stream, "participant", "GDN-009", other);
    struct store_entry entry = begin_entry(KIND_SAME_PERSON, other);
    record_set_id(&entry.record, "participant", ids[PARTICIPANT]);
    record_set_text(&entry.record, "decided_by", "A. Decider");
    record_set_text(&entry.record, "reason", "seen both");
    write_entry(&entry);
    cr_assert_eq(laptop_sync(&laptop), ERR_OK);
    cr_assert_eq(listed(true, status, lacks), 1);
    cr_assert_str_eq(lacks, "excused,overlaps_jcp");
    cr_assert_eq(decide(), ERR_REFUSED);
    cr_assert_str_eq(at_the_laptop().status, "suspended");
}

Test(centre_doubts, none_about_the_voluntary_is_ever_decided)
{
    char status[ROW_CODE_SIZE];
    char lacks[DOUBT_WANTS_SIZE];
    raise_doubt("voluntary");
    cr_assert_eq(listed(false, status, lacks), 0);
    cr_assert_eq(listed(true, status, lacks), 1);
    cr_assert_str_eq(lacks, "not_mandatory");
    cr_assert_eq(decide(), ERR_REFUSED);
}

Test(centre_doubts, one_that_was_given_back_goes_no_further)
{
    char status[ROW_CODE_SIZE];
    char lacks[DOUBT_WANTS_SIZE];
    raise_doubt("mandatory");
    cr_assert_eq(
        ask("doubt-event", json_pack("{s:s,s:s,s:s}", "site", "garden", "doubt", doubt_digits, "status", "withdrawn")),
        ERR_REFUSED); /* that is the site's to say */
    cr_assert_eq(ask("doubt-event", json_pack("{s:s,s:s,s:s,s:s}", "site", "garden", "doubt", doubt_digits, "status",
                                              "returned", "reason", "evidence_unclear")),
                 ERR_OK, "%s", world.err.message);
    cr_assert_str_eq(at_the_laptop().status, "returned");
    cr_assert_eq(listed(false, status, lacks), 0);
    cr_assert_eq(decide(), ERR_REFUSED);
}

static enum err_code give_back(void)
{
    return ask("doubt-event", json_pack("{s:s,s:s,s:s,s:s,s:s}", "site", "garden", "doubt", doubt_digits, "status",
                                        "returned", "reason", "evidence_unclear", "note", "about the person"));
}

/* How many doubt events go with a person. */
static json_int_t erased_events(const char *participant, bool confirmed)
{
    json_t *answer =
        world_admin(&world, "erase",
                    json_pack("{s:s,s:s,s:s,s:s,s:s,s:b}", "site", "garden", "participant", participant, "ground",
                              "right", "by", "C. Officer", "reason", "case 9", "confirmed", confirmed));
    json_int_t count = json_integer_value(json_object_get(json_object_get(answer, "counts"), "doubt_event"));
    json_decref(answer);
    return count;
}

static void expect_event(bool erased)
{
    json_t *log = world_admin(&world, "log", json_pack("{s:s,s:s}", "site", "garden", "kind", "doubt_event"));
    const json_t *entries = json_object_get(log, "entries");
    cr_assert_eq(json_array_size(entries), 1);
    cr_assert_eq(json_is_true(json_object_get(json_array_get(entries, 0), "erased")), erased);
    json_decref(log);
}

Test(centre_doubts, what_the_centre_said_of_one_goes_with_the_person_it_is_about_and_it_does_not_stand_again)
{
    char status[ROW_CODE_SIZE];
    char lacks[DOUBT_WANTS_SIZE];
    raise_doubt_about_the_named();
    cr_assert_eq(give_back(), ERR_OK, "%s", world.err.message);
    cr_assert_eq(erased_events("GDN-002", false), 0, "somebody else's");
    cr_assert_eq(erased_events("GDN-001", false), 1);
    expect_event(false);
    cr_assert_eq(erased_events("GDN-001", true), 1);
    expect_event(true);
    cr_assert_eq(erased_events("GDN-001", false), 0, "gone");
    cr_assert_eq(listed(true, status, lacks), 1);
    cr_assert_str_eq(status, "returned");
    cr_assert_str_eq(at_the_laptop().status, "returned");
    world_verify(&world);
}

Test(centre_doubts, does_not_stand_on_either_side_once_the_centre_erased_the_appointment_that_excused_the_person)
{
    char status[ROW_CODE_SIZE];
    char lacks[DOUBT_WANTS_SIZE];
    raise_doubt_about_the_named();
    cr_assert_eq(
        ask("appointment-new", json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "site", "garden", "participant", "GDN-001",
                                         "date", "2026-06-03", "from", "10:00", "to", "11:00", "purpose", "signing")),
        ERR_OK, "%s", world.err.message);
    cr_assert_eq(listed(true, status, lacks), 1);
    cr_assert_str_eq(lacks, "excused,overlaps_jcp");
    cr_assert_eq(ask("erase", json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:b}", "site", "garden", "participant", "GDN-001",
                                        "ground", "right", "by", "C. Officer", "reason", "case 9", "confirmed_by",
                                        "D. Second", "confirmed", 1)),
                 ERR_OK, "%s", world.err.message);
    cr_assert_eq(listed(true, status, lacks), 1);
    cr_assert_str_eq(status, "suspended");
    cr_assert_str_eq(lacks, "record_erased");
    cr_assert_str_eq(at_the_laptop().wants, "record_erased");
    world_verify(&world);
}

Test(centre_doubts, one_that_stands_holds_back_what_the_centre_wrote_about_the_person)
{
    json_t *retention = json_pack("{s:s,s:s,s:s,s:s,s:s,s:b}", "site", "garden", "participant", "GDN-001", "ground",
                                  "retention", "by", "C. Officer", "reason", "schedule", "confirmed", 1);
    raise_doubt_about_the_named();
    cr_assert_eq(
        ask("doubt-event", json_pack("{s:s,s:s,s:s}", "site", "garden", "doubt", doubt_digits, "status", "received")),
        ERR_OK, "%s", world.err.message);
    cr_assert_eq(ask("erase", json_incref(retention)), ERR_REFUSED);
    cr_assert_not_null(strstr(world.err.message, "doubts"), "%s", world.err.message);
    expect_event(false);
    cr_assert_eq(give_back(), ERR_OK, "%s", world.err.message);
    cr_assert_eq(ask("erase", retention), ERR_OK, "%s", world.err.message);
    cr_assert_eq(erased_events("GDN-001", false), 0);
}

Test(centre_doubts, what_the_centre_said_of_one_that_the_site_erased_goes_too)
{
    struct store_erasable erasable;
    struct store_erase erase = { .kind = KIND_PARTICIPANT,
                                 .subject_len = OP_ENTITY_BYTES,
                                 .ground = "right",
                                 .decided_by = "A. Decider",
                                 .reason = "letter 7" };
    raise_doubt_about_the_named();
    cr_assert_eq(give_back(), ERR_OK, "%s", world.err.message);
    cr_assert_str_eq(at_the_laptop().status, "returned");
    memcpy(erase.subject, ids[PARTICIPANT], OP_ENTITY_BYTES);
    world.now_ms += 1000;
    cr_assert_eq(store_erase(laptop.store, "eraser", &erase, world.now_ms, &erasable, &world.err), ERR_OK, "%s",
                 world.err.message);
    cr_assert_eq(erasable.kinds[KIND_COMPLIANCE_DOUBT], 1);
    cr_assert_eq(laptop_sync(&laptop), ERR_OK);
    expect_event(false);
    cr_assert_eq(erased_events("GDN-001", true), 1);
    expect_event(true);
    cr_assert_eq(laptop_sync(&laptop), ERR_OK);
    struct store_verified verified;
    cr_assert_eq(store_verify(laptop.store, &verified, &world.err), ERR_OK, "%s", world.err.message);
    world_verify(&world);
}

/* A device without rules sends a doubt that nobody confirmed: kept aside, never listed, and nothing can be decided on
 * it. */
Test(centre_doubts, of_a_hostile_device_that_nobody_confirmed_is_refused)
{
    struct forger forger;
    struct record record;
    struct error err = { 0 };
    char status[ROW_CODE_SIZE];
    char lacks[DOUBT_WANTS_SIZE];
    SCOPED(buf_fini) struct buf body;
    buf_init(&body, OP_BODY_MAX);
    forger_enrol(&world, "garden", &forger);
    fill_doubt(&record);
    record_set_number(&record, "confirmed", 0);
    cr_assert_eq(record_encode(&record, &body, &err), ERR_OK);
    struct op op = { .kind = KIND_COMPLIANCE_DOUBT, .subject_len = OP_ENTITY_BYTES, .body = buf_slice(&body) };
    memcpy(op.subject, ids[DOUBT], OP_ENTITY_BYTES);
    (void)forger_add_op(&forger, &op);
    cr_assert_eq(forger_send(&forger), ERR_OK, "%s", world.err.message);
    json_t *aside = world_admin(&world, "quarantine", json_pack("{s:s}", "site", "garden"));
    cr_assert_eq(json_array_size(json_object_get(aside, "quarantine")), 1);
    json_decref(aside);
    cr_assert_eq(listed(true, status, lacks), 0);
    cr_assert_eq(decide(), ERR_NOT_FOUND);
    forger_fini(&forger);
}

/* The review that a doubt rests on, said again as one about volunteers: nothing of that is kept anywhere. */
Test(centre_doubts, is_suspended_on_both_sides_by_a_review_about_volunteers)
{
    struct forger forger;
    struct record record;
    char status[ROW_CODE_SIZE];
    char lacks[DOUBT_WANTS_SIZE];
    SCOPED(buf_fini) struct buf body;
    buf_init(&body, OP_BODY_MAX);
    raise_doubt_about_the_named();
    forger_enrol(&world, "garden", &forger);
    record_init(&record, kind_by_number(KIND_FLAG_REVIEW));
    record_set_text(&record, "flag", FLAG_OF_VOLUNTEERS "of a test");
    record_set_text(&record, "outcome", "host_matter");
    cr_assert_eq(record_encode(&record, &body, NULL), ERR_OK);
    struct op op = { .kind = KIND_FLAG_REVIEW, .subject_len = OP_ENTITY_BYTES, .body = buf_slice(&body) };
    memcpy(op.subject, ids[REVIEW], OP_ENTITY_BYTES);
    (void)forger_add_op(&forger, &op);
    cr_assert_eq(forger_send(&forger), ERR_OK, "%s", world.err.message);
    cr_assert_eq(listed(true, status, lacks), 1);
    cr_expect_str_eq(lacks, "record_erased");
    cr_expect_str_eq(at_the_laptop().wants, "record_erased");
    cr_expect_eq(decide(), ERR_REFUSED);
    world_verify(&world);
    forger_fini(&forger);
}
