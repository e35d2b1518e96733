/* Erasures at the centre: taken from those who may, and from nobody else. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "store/centre/tables.h"
#include "store/query.h"
#include "sync/endpoint/core/private.h"
#include "world.h"

static struct centre_world world;
static struct laptop laptop;

static void begin(void)
{
    world_open(&world);
    laptop_enrol(&world, "garden", &laptop);
}

static void end(void)
{
    world_verify(&world);
    laptop_fini(&laptop);
    world_close(&world);
}

TestSuite(centre_erase, .init = begin, .fini = end, .timeout = 120);

static void record_person(struct laptop *on, const char *ref, const char *name)
{
    struct store_entry entry = { .kind = KIND_PARTICIPANT, .happened_at_ms = OP_TIME_NONE };
    record_init(&entry.record, kind_by_number(KIND_PARTICIPANT));
    entity_id(on->identity.stream, "participant", ref, entry.subject);
    record_set_text(&entry.record, "ref", ref);
    record_set_text(&entry.record, "name", name);
    laptop_write(on, &entry);
}

static void sync_all(struct laptop *on)
{
    cr_assert_eq(laptop_sync(on), ERR_OK, "%s", world.err.message);
}

static struct store_erase about(struct laptop *on, const char *ref)
{
    struct store_erase erase = { .kind = KIND_PARTICIPANT,
                                 .subject_len = OP_ENTITY_BYTES,
                                 .ground = "right",
                                 .decided_by = "A. Decider",
                                 .reason = "letter 7" };
    entity_id(on->identity.stream, "participant", ref, erase.subject);
    return erase;
}

static void erase_person(struct laptop *on, const char *ref)
{
    struct store_erasable erased;
    struct store_erase erase = about(on, ref);
    cr_assert_eq(store_erase(on->store, "eraser", &erase, world.now_ms, &erased, &world.err), ERR_OK, "%s",
                 world.err.message);
}

/* Ops of a kind in a site's log that still have what they said. */
static size_t bodies_at(const char *site, const char *kind)
{
    json_t *log = world_admin(&world, "log", json_pack("{s:s, s:s, s:i}", "site", site, "kind", kind, "limit", 1000));
    size_t count = 0;
    size_t i;
    const json_t *entry;
    json_array_foreach(json_object_get(log, "entries"), i, entry)
    {
        count += json_is_false(json_object_get(entry, "erased"));
    }
    json_decref(log);
    return count;
}

static size_t bodies(const char *kind)
{
    return bodies_at("garden", kind);
}

/* As the service does it between requests. */
static void erase_on(void)
{
    while (centre_erasures_due(world.centre)) {
        cr_assert_eq(centre_erasures_go_on(world.centre, &world.err), ERR_OK, "%s", world.err.message);
    }
}

static void refer(const char *participant)
{
    json_decref(world_admin(&world, "referral-new",
                            json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "site", "garden", "ref", "R-1", "participant",
                                      participant, "participant_name", "As JCP wrote it", "route", "cwp", "basis",
                                      "mandatory")));
    json_decref(world_admin(&world, "decision-new",
                            json_pack("{s:s, s:s, s:s, s:s}", "site", "garden", "participant", participant,
                                      "failure_on", "2020-06-01", "outcome", "adverse")));
}

static size_t refusals_of(struct forger *forger)
{
    cr_assert_eq(forger_send(forger), ERR_OK, "%s", world.err.message);
    return forger->response->refusal_count;
}

Test(centre_erase, what_an_organisation_erases_goes_at_the_centre_and_nobody_gets_it_afterwards)
{
    struct laptop later;
    uint8_t digests[2][SHA256_BYTES];
    record_person(&laptop, "GDN-1", "Zebedee Inventedson");
    record_person(&laptop, "GDN-2", "Somebody Else");
    sync_all(&laptop);
    erase_person(&laptop, "GDN-1");
    sync_all(&laptop);
    cr_assert_eq(bodies("participant"), 1);
    laptop_enrol(&world, "garden", &later);
    sync_all(&later);
    laptop_digest(&laptop, digests[0]);
    laptop_digest(&later, digests[1]);
    cr_assert_arr_eq(digests[0], digests[1], SHA256_BYTES);
    struct store_verified verified;
    cr_assert_eq(store_verify(later.store, &verified, &world.err), ERR_OK, "%s", world.err.message);
    laptop_fini(&later);
}

Test(centre_erase, what_was_recorded_before_and_arrives_afterwards_is_not_kept)
{
    struct laptop away;
    uint8_t digests[2][SHA256_BYTES];
    laptop_enrol(&world, "garden", &away);
    record_person(&away, "GDN-1", "Zebedee Inventedson");
    record_person(&away, "GDN-3", "Somebody Else");
    world.now_ms += HOUR_MS;
    record_person(&laptop, "GDN-1", "Zebedee I.");
    erase_person(&laptop, "GDN-1");
    sync_all(&laptop);
    sync_all(&away);
    cr_assert_eq(bodies("participant"), 1);
    sync_all(&laptop);
    sync_all(&away);
    laptop_digest(&laptop, digests[0]);
    laptop_digest(&away, digests[1]);
    cr_assert_arr_eq(digests[0], digests[1], SHA256_BYTES);
    laptop_fini(&away);
}

Test(centre_erase, the_centre_goes_on_recording_and_sending_after_an_erasure)
{
    for (int i = 0; i < 20; i++) {
        record_person(&laptop, i % 2 == 0 ? "GDN-1" : "GDN-2", "Zebedee Inventedson");
        world.now_ms += 1000;
        sync_all(&laptop);
        if (i % 5 == 0) {
            erase_person(&laptop, "GDN-1");
        }
        sync_all(&laptop);
    }
    struct laptop later;
    uint8_t digests[2][SHA256_BYTES];
    laptop_enrol(&world, "garden", &later);
    sync_all(&later);
    laptop_digest(&laptop, digests[0]);
    laptop_digest(&later, digests[1]);
    cr_assert_arr_eq(digests[0], digests[1], SHA256_BYTES);
    laptop_fini(&later);
}

/* What the centre wrote about GDN-1. */
static enum err_code erase_here(const char *ground, const char *confirmed_by)
{
    json_t *answer = NULL;
    json_t *arguments =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s*, s:b}", "site", "garden", "participant", "GDN-1", "ground", ground,
                  "by", "C. Officer", "reason", "case 9", "confirmed_by", confirmed_by, "confirmed", 1);
    enum err_code rc = centre_admin(world.centre, "erase", arguments, world.now_ms, &answer, &world.err);
    json_decref(arguments);
    json_decref(answer);
    return rc;
}

Test(centre_erase, the_centre_erases_what_it_wrote_and_only_that)
{
    refer("GDN-1");
    sync_all(&laptop);
    record_person(&laptop, "GDN-1", "As the site wrote it");
    sync_all(&laptop);
    json_t *look = world_admin(&world, "erase",
                               json_pack("{s:s, s:s, s:s, s:s, s:s}", "site", "garden", "participant", "GDN-1",
                                         "ground", "right", "by", "C. Officer", "reason", "case 9"));
    cr_assert_eq(json_integer_value(json_object_get(look, "records")), 3);
    cr_assert_eq(json_integer_value(json_object_get(look, "of_the_site")), 1);
    json_decref(look);
    cr_assert_eq(bodies("decision"), 1);
    cr_assert_eq(erase_here("right", "D. Second"), ERR_OK, "%s", world.err.message);
    cr_assert_eq(bodies("decision"), 0);
    cr_assert_eq(bodies("referral"), 0);
    cr_assert_eq(bodies("participant"), 1, "the site's own record is the site's to erase");
    sync_all(&laptop);
    struct store_counts counts;
    cr_assert_eq(query_counts(laptop.store, &counts, &world.err), ERR_OK, "%s", world.err.message);
    cr_assert_eq(counts.decisions, 0);
    cr_assert_eq(counts.participants, 1);
    refer("GDN-1"); /* what it writes afterwards stays */
    sync_all(&laptop);
    cr_assert_eq(query_counts(laptop.store, &counts, &world.err), ERR_OK, "%s", world.err.message);
    cr_assert_eq(counts.decisions, 1);
}

static struct op_id decision_op(uint8_t subject[OP_ENTITY_BYTES])
{
    struct op_id id = { 0 };
    json_t *log = world_admin(&world, "log", json_pack("{s:s, s:s}", "site", "garden", "kind", "decision"));
    const json_t *entry = json_array_get(json_object_get(log, "entries"), 0);
    const json_t *op = json_object_get(entry, "op");
    cr_assert(hex_decode(json_string_value(json_object_get(op, "device")), id.device, DEVICE_ID_BYTES));
    cr_assert(hex_decode(json_string_value(json_object_get(entry, "subject")), subject, OP_ENTITY_BYTES));
    id.incarnation = (uint32_t)json_integer_value(json_object_get(op, "incarnation"));
    id.seq = (uint64_t)json_integer_value(json_object_get(op, "seq"));
    json_decref(log);
    return id;
}

/* ---- what holds it back ---- */

/* The one hold that stands, as a look says it; "": none does. */
static void look(char hold[STORE_HOLD_SIZE])
{
    json_t *answer = world_admin(&world, "erase",
                                 json_pack("{s:s, s:s, s:s, s:s, s:s}", "site", "garden", "participant", "GDN-1",
                                           "ground", "retention", "by", "C. Officer", "reason", "case 9"));
    const json_t *holds = json_object_get(answer, "holds");
    cr_assert(json_is_array(holds));
    cr_assert_leq(json_array_size(holds), 1);
    const json_t *first = json_array_get(holds, 0);
    (void)snprintf(hold, STORE_HOLD_SIZE, "%s", first != NULL ? json_string_value(first) : "");
    json_decref(answer);
}

static void expect_held(const char *word)
{
    char hold[STORE_HOLD_SIZE];
    size_t before = bodies("decision");
    look(hold);
    cr_expect_not_null(strstr(hold, word), "'%s'", hold);
    cr_expect_eq(erase_here("retention", "D. Second"), ERR_REFUSED, "retention never goes through it");
    cr_expect_not_null(strstr(world.err.message, word), "%s", world.err.message);
    cr_expect_eq(erase_here("right", NULL), ERR_REFUSED);
    cr_expect_eq(erase_here("right", "C. Officer"), ERR_REFUSED, "not the same person");
    cr_expect_eq(bodies("decision"), before);
    cr_expect_gt(before, 0);
}

static void expect_free(void)
{
    char hold[STORE_HOLD_SIZE];
    look(hold);
    cr_expect_str_empty(hold);
    cr_expect_eq(erase_here("retention", NULL), ERR_OK, "%s", world.err.message);
    cr_expect_eq(bodies("decision"), 0);
}

static struct store_entry begin_entry(enum record_kind kind, const char *ref)
{
    struct store_entry entry = { .kind = kind, .happened_at_ms = OP_TIME_NONE };
    record_init(&entry.record, kind_by_number(kind));
    entity_id(laptop.identity.stream, entry.record.kind->name, ref, entry.subject);
    return entry;
}

static void set_participant(struct store_entry *entry, uint8_t id[OP_ENTITY_BYTES], const char *ref)
{
    entity_id(laptop.identity.stream, "participant", ref, id);
    record_set_id(&entry->record, "participant", id);
}

static void challenge(const char *participant, const char *outcome)
{
    uint8_t id[OP_ENTITY_BYTES];
    struct store_entry entry = begin_entry(KIND_REDRESS, "C-1");
    set_participant(&entry, id, participant);
    record_set_text(&entry.record, "form", "mandatory_reconsideration");
    record_set_number(&entry.record, "made_on", clock_today(world.now_ms));
    record_set_text(&entry.record, "outcome", outcome);
    world.now_ms += 1000;
    laptop_write(&laptop, &entry);
    sync_all(&laptop);
}

/* A decision that holds nothing by itself. */
static void decide_for_the_person(void)
{
    refer("GDN-1");
    json_decref(world_admin(&world, "decision-new",
                            json_pack("{s:s, s:s, s:s, s:s}", "site", "garden", "participant", "GDN-1", "failure_on",
                                      "2020-06-01", "outcome", "non_adverse")));
    sync_all(&laptop);
}

Test(centre_erase, a_challenge_that_the_site_recorded_holds_the_centres_own_back_until_its_outcome)
{
    decide_for_the_person();
    challenge("GDN-2", NULL);
    challenge("GDN-1", NULL);
    expect_held("challenges");
    challenge("GDN-1", "refused");
    expect_free();
}

Test(centre_erase, a_challenge_under_another_record_of_the_person_holds_it_back_too)
{
    uint8_t id[OP_ENTITY_BYTES];
    decide_for_the_person();
    challenge("GDN-9", NULL);
    struct store_entry entry = begin_entry(KIND_SAME_PERSON, "");
    entity_id(laptop.identity.stream, "participant", "GDN-9", entry.subject);
    set_participant(&entry, id, "GDN-1");
    record_set_text(&entry.record, "decided_by", "A. Decider");
    record_set_text(&entry.record, "reason", "seen both");
    laptop_write(&laptop, &entry);
    sync_all(&laptop);
    expect_held("challenges");
}

Test(centre_erase, a_challenge_of_the_very_decision_holds_it_back_whosever_record_it_stands_under)
{
    uint8_t id[OP_ENTITY_BYTES];
    uint8_t decision[OP_ENTITY_BYTES];
    decide_for_the_person();
    (void)decision_op(decision);
    struct store_entry entry = begin_entry(KIND_REDRESS, "C-2");
    set_participant(&entry, id, "GDN-9");
    record_set_id(&entry.record, "decision", decision);
    record_set_text(&entry.record, "form", "appeal");
    record_set_number(&entry.record, "made_on", clock_today(world.now_ms));
    laptop_write(&laptop, &entry);
    sync_all(&laptop);
    expect_held("challenges");
}

Test(centre_erase, a_right_that_a_second_person_confirms_goes_through_what_holds_it_back)
{
    decide_for_the_person();
    challenge("GDN-1", NULL);
    cr_assert_eq(erase_here("right", "D. Second"), ERR_OK, "%s", world.err.message);
    cr_assert_eq(bodies("decision"), 0);
}

Test(centre_erase, an_adverse_decision_is_kept_for_as_long_as_it_is_still_challenged_as_a_rule)
{
    refer("GDN-1");
    sync_all(&laptop);
    expect_held("13 months");
    world.now_ms += 397 * DAYS_MS;
    expect_free();
}

static void attend(struct laptop *on, enum outcome outcome)
{
    uint8_t placement[OP_ENTITY_BYTES];
    struct store_entry entry = { .kind = KIND_ATTENDANCE, .happened_at_ms = OP_TIME_NONE };
    entity_id(on->identity.stream, "placement", "P-1", placement);
    session_subject(placement, date_from_civil(2026, 6, 1), 0, entry.subject);
    record_init(&entry.record, kind_by_number(KIND_ATTENDANCE));
    record_set_number(&entry.record, "outcome", outcome);
    laptop_write(on, &entry);
}

Test(centre_erase, a_session_on_which_two_of_its_devices_differ_holds_it_back)
{
    struct laptop other;
    uint8_t id[OP_ENTITY_BYTES];
    decide_for_the_person();
    laptop_enrol(&world, "garden", &other);
    struct store_entry entry = begin_entry(KIND_PLACEMENT, "P-1");
    record_set_text(&entry.record, "ref", "P-1");
    set_participant(&entry, id, "GDN-1");
    record_set_text(&entry.record, "basis", "mandatory");
    record_set_number(&entry.record, "starts_on", date_from_civil(2026, 6, 1));
    record_set_number(&entry.record, "ends_on", date_from_civil(2026, 6, 30));
    record_set_text(&entry.record, "pattern", "Mon 09:30-15:30");
    record_set_number(&entry.record, "weekly_minutes", 360);
    laptop_write(&laptop, &entry);
    attend(&laptop, OUTCOME_ATTENDED);
    attend(&other, OUTCOME_ABSENT);
    sync_all(&laptop);
    sync_all(&other);
    expect_held("disputed");
    laptop_fini(&other);
}

/* ---- hostile ---- */

static struct op *add_erasure(struct forger *forger, uint32_t kind, const uint8_t *subject, struct op_id *named)
{
    static uint8_t bytes[256];
    struct record record;
    struct buf body;
    buf_init(&body, OP_BODY_MAX);
    record_init(&record, kind_by_number(KIND_ERASURE));
    record_set_number(&record, "kind", kind);
    record_set_text(&record, "ground", "right");
    record_set_text(&record, "decided_by", "Nobody");
    record_set_text(&record, "reason", "because");
    cr_assert_eq(record_encode(&record, &body, &world.err), ERR_OK);
    memcpy(bytes, body.data, body.len);
    struct op made = { .kind = KIND_ERASURE,
                       .subject_len = OP_ENTITY_BYTES,
                       .supersedes = named,
                       .supersedes_count = named != NULL,
                       .body = slice_of(bytes, body.len) };
    memcpy(made.subject, subject, OP_ENTITY_BYTES);
    buf_fini(&body);
    return forger_add_op(forger, &made);
}

Test(centre_erase, a_device_that_erases_what_the_jobcentre_decided_is_refused_at_both_ends)
{
    struct forger forger;
    uint8_t subject[OP_ENTITY_BYTES];
    refer("GDN-1");
    sync_all(&laptop);
    struct op_id decision = decision_op(subject);
    forger_enrol(&world, "garden", &forger);
    (void)add_erasure(&forger, KIND_DECISION, subject, NULL);
    (void)add_erasure(&forger, KIND_NOTICE, subject, &decision);      /* under another kind */
    (void)add_erasure(&forger, KIND_PARTICIPANT, subject, &decision); /* and another */
    cr_assert_eq(refusals_of(&forger), 3);
    cr_assert_eq(bodies("decision"), 1);
    sync_all(&laptop);
    struct store_counts counts;
    cr_assert_eq(query_counts(laptop.store, &counts, &world.err), ERR_OK, "%s", world.err.message);
    cr_assert_eq(counts.decisions, 1);
    cr_assert_eq(counts.quarantined, 3);
    json_t *aside = world_admin(&world, "quarantine", json_pack("{s:s}", "site", "garden"));
    cr_assert_eq(json_array_size(json_object_get(aside, "quarantine")), 3);
    json_decref(aside);
    forger_fini(&forger);
}

static size_t kept_aside(void)
{
    json_t *answer = world_admin(&world, "quarantine", NULL);
    size_t count = json_array_size(json_object_get(answer, "quarantine"));
    json_decref(answer);
    return count;
}

Test(centre_erase, what_was_refused_for_its_content_is_refused_no_longer_once_it_is_erased)
{
    struct forger forger;
    struct op op = { .kind = KIND_PARTICIPANT, .subject_len = OP_ENTITY_BYTES, .subject = { 7 } };
    forger_enrol(&world, "garden", &forger);
    (void)forger_add_op(&forger, &op);
    (void)forger_add(&forger, KIND_DECISION, 1);
    cr_assert_eq(refusals_of(&forger), 2);
    uint64_t lifted = centre_store_lifted(world.centre->store);
    uint64_t news = centre_news(world.centre);
    world.now_ms += HOUR_MS;
    (void)add_erasure(&forger, KIND_PARTICIPANT, op.subject, NULL);
    (void)forger_send(&forger);
    cr_expect_eq(kept_aside(), 1, "a decision stays one that no device may write");
    cr_expect_eq(centre_store_lifted(world.centre->store), lifted + 1);
    cr_expect_gt(centre_news(world.centre), news + 1);
    forger_fini(&forger);
}

/* As if an older version had refused the erasure, and what it is about were still here. */
Test(centre_erase, an_erasure_that_was_kept_aside_takes_effect_when_it_is_judged_again)
{
    struct database *db = &world.centre->store->db;
    record_person(&laptop, "GDN-1", "Zebedee Inventedson");
    sync_all(&laptop);
    cr_assert_eq(db_exec(db,
                         "CREATE TABLE kept AS SELECT id, salt, body FROM op;"
                         "CREATE TABLE kept_seed AS SELECT * FROM salt_seed",
                         &world.err),
                 ERR_OK, "%s", world.err.message);
    erase_person(&laptop, "GDN-1");
    sync_all(&laptop);
    cr_assert_eq(bodies("participant"), 0);
    cr_assert_eq(db_exec(db,
                         "DROP TRIGGER op_taken_stays; DROP TRIGGER op_body_is_only_erased; DELETE FROM erasure;"
                         "UPDATE op SET salt = k.salt, body = k.body FROM kept k WHERE k.id = op.id;"
                         "INSERT OR REPLACE INTO salt_seed SELECT * FROM kept_seed;"
                         "UPDATE op SET quarantine = 'by older rules' WHERE kind = 10;"
                         "DROP TABLE kept; DROP TABLE kept_seed",
                         &world.err),
                 ERR_OK, "%s", world.err.message);
    world_verify(&world);
    cr_assert_eq(bodies("participant"), 1);
    json_t *judged = world_admin(&world, "quarantine-retry", NULL);
    cr_expect_gt(json_integer_value(json_object_get(judged, "released")), 0);
    cr_expect_eq(json_integer_value(json_object_get(judged, "still")), 0);
    json_decref(judged);
    cr_assert_eq(bodies("participant"), 0);
}

Test(centre_erase, a_device_cannot_erase_what_is_another_organisations)
{
    struct forger forger;
    struct laptop other;
    laptop_enrol(&world, "other", &other);
    record_person(&other, "GDN-1", "Zebedee Inventedson");
    sync_all(&other);
    forger_enrol(&world, "garden", &forger);
    struct op_id theirs = { .incarnation = other.identity.incarnation, .seq = 1 };
    memcpy(theirs.device, other.identity.device, DEVICE_ID_BYTES);
    struct store_erase target = about(&other, "GDN-1");
    (void)add_erasure(&forger, KIND_PARTICIPANT, target.subject, &theirs);
    (void)add_erasure(&forger, KIND_PARTICIPANT, target.subject,
                      NULL); /* of its own stream's, of which there is none */
    cr_assert_eq(refusals_of(&forger), 1);
    json_t *log = world_admin(&world, "log", json_pack("{s:s, s:s}", "site", "other", "kind", "participant"));
    const json_t *entry = json_array_get(json_object_get(log, "entries"), 0);
    cr_assert(json_is_false(json_object_get(entry, "erased")));
    json_decref(log);
    forger_fini(&forger);
    laptop_fini(&other);
}

Test(centre_erase, an_erasure_kept_by_a_centre_that_did_not_know_it_counts_after_the_upgrade)
{
    struct database *db = &world.centre->store->db;
    record_person(&laptop, "GDN-1", "Zebedee Inventedson");
    sync_all(&laptop);
    erase_person(&laptop, "GDN-1");
    sync_all(&laptop);
    cr_assert_eq(db_exec(db,
                         "DROP TRIGGER op_body_is_only_erased; UPDATE op SET body = x'a0', salt = zeroblob(16) "
                         "WHERE kind = 1; DELETE FROM erasure; UPDATE judged SET rules = 1;"
                         "CREATE TRIGGER op_body_is_only_erased BEFORE UPDATE OF body ON op WHEN NEW.body IS NOT NULL "
                         "BEGIN SELECT RAISE(ABORT, 'evidence is append-only: a body can only be erased'); END;",
                         &world.err),
                 ERR_OK, "%s", world.err.message);
    cr_assert_eq(bodies("participant"), 1);
    world_reopen(&world);
    erase_on();
    cr_assert_eq(bodies("participant"), 0);
}

/* ---- slice by slice ---- */

static int64_t walked(int64_t erasures)
{
    sqlite3_stmt *s;
    bool row;
    cr_assert_eq(db_statement(&world.centre->store->db, "SELECT count(*), max(walked) & 1099511627775 FROM erasure", &s,
                              &world.err),
                 ERR_OK);
    cr_assert_eq(db_step(&world.centre->store->db, s, &row, &world.err), ERR_OK);
    cr_assert_eq(column_int(s, 0), erasures);
    int64_t position = column_int(s, 1);
    sqlite3_reset(s);
    return position;
}

Test(centre_erase, a_walk_over_a_long_log_lets_exchanges_in_and_goes_on_after_a_stop)
{
    struct laptop other;
    laptop_enrol(&world, "garden", &other);
    laptop_record(&laptop, 900);
    record_person(&laptop, "GDN-1", "Zebedee Inventedson");
    sync_all(&laptop);
    world.centre->store->slice_rows = 1;
    erase_person(&laptop, "GDN-1");
    sync_all(&laptop);
    cr_assert_eq(walked(1), 256, "the first slice follows the erasure");
    cr_assert_eq(bodies("participant"), 1);
    sync_all(&other);
    cr_expect_eq(laptop_statements(&other), 900, "an exchange is answered between two slices");
    cr_assert(centre_erasures_due(world.centre));
    cr_assert_eq(centre_erasures_go_on(world.centre, &world.err), ERR_OK, "%s", world.err.message);
    cr_assert_eq(walked(1), 512);
    world_reopen(&world);
    erase_on();
    cr_expect_eq(bodies("participant"), 0);
    cr_expect_eq(walked(1), 0, "it is through");
    world_verify(&world);
    sync_all(&laptop);
    sync_all(&other);
    uint8_t digests[2][SHA256_BYTES];
    laptop_digest(&laptop, digests[0]);
    laptop_digest(&other, digests[1]);
    cr_expect_arr_eq(digests[0], digests[1], SHA256_BYTES);
    laptop_fini(&other);
}

Test(centre_erase, a_slice_is_as_long_as_there_are_erasures_that_it_reads)
{
    struct forger forger;
    laptop_record(&laptop, 600);
    sync_all(&laptop);
    forger_enrol(&world, "garden", &forger);
    world.centre->store->slice_rows = 1;
    for (uint32_t i = 1; i <= 300; i++) {
        uint8_t subject[OP_ENTITY_BYTES] = { 0 };
        put_be32(subject, i);
        (void)add_erasure(&forger, KIND_PARTICIPANT, subject, NULL);
    }
    cr_assert_eq(refusals_of(&forger), 0);
    cr_assert_eq(walked(300), 512);
    forger_fini(&forger);
}

Test(centre_erase, an_erasure_that_comes_during_a_walk_covers_what_the_walk_has_passed)
{
    record_person(&laptop, "GDN-1", "Zebedee Inventedson");
    laptop_record(&laptop, 900);
    record_person(&laptop, "GDN-2", "Somebody Else");
    sync_all(&laptop);
    world.centre->store->slice_rows = 1;
    erase_person(&laptop, "GDN-2");
    sync_all(&laptop);
    cr_assert_eq(bodies("participant"), 2);
    erase_person(&laptop, "GDN-1");
    sync_all(&laptop);
    cr_assert_eq(bodies("participant"), 1);
    erase_on();
    cr_assert_eq(bodies("participant"), 0);
}

Test(centre_erase, what_a_walk_has_not_come_to_yet_is_not_erased_once_more)
{
    laptop_record(&laptop, 900);
    sync_all(&laptop);
    refer("GDN-1");
    world.centre->store->slice_rows = 1;
    cr_assert_eq(erase_here("right", "D. Second"), ERR_OK, "%s", world.err.message);
    cr_assert_eq(bodies("decision"), 1);
    uint64_t before = world_ops(&world, "garden");
    cr_expect_eq(erase_here("right", "D. Second"), ERR_NOT_FOUND);
    cr_expect_eq(world_ops(&world, "garden"), before);
    refer("GDN-1"); /* and what comes meanwhile is */
    before = world_ops(&world, "garden");
    cr_expect_eq(erase_here("right", "D. Second"), ERR_OK, "%s", world.err.message);
    cr_expect_gt(world_ops(&world, "garden"), before);
    erase_on();
    cr_expect_eq(bodies("decision"), 0);
    cr_expect_eq(bodies("referral"), 0);
}

Test(centre_erase, what_an_erasure_of_the_same_run_covers_is_kept_as_erased_at_once)
{
    struct forger forger;
    struct op op = { .kind = KIND_PARTICIPANT, .subject_len = OP_ENTITY_BYTES, .subject = { 7 } };
    laptop_record(&laptop, 300);
    sync_all(&laptop);
    forger_enrol(&world, "garden", &forger);
    world.centre->store->slice_rows = 1;
    world.now_ms += HOUR_MS;
    (void)add_erasure(&forger, KIND_PARTICIPANT, op.subject, NULL);
    world.now_ms -= HOUR_MS;
    (void)forger_add_op(&forger, &op);
    cr_assert_eq(refusals_of(&forger), 0);
    cr_assert(centre_erasures_due(world.centre), "the walk has not come as far");
    cr_assert_eq(bodies("participant"), 0);
    forger_fini(&forger);
}

Test(centre_erase, a_slice_that_fails_fails_no_push_holds_up_no_other_site_and_is_tried_again)
{
    struct database *db;
    struct laptop other;
    laptop_enrol(&world, "other", &other);
    record_person(&laptop, "GDN-1", "Zebedee Inventedson");
    record_person(&other, "OTH-1", "Somebody Else");
    sync_all(&laptop);
    sync_all(&other);
    db = &world.centre->store->db;
    cr_assert_eq(db_exec(db,
                         "CREATE TRIGGER stuck BEFORE UPDATE OF body ON op WHEN OLD.id >> 40 = (SELECT id FROM site "
                         "WHERE name = 'garden') BEGIN SELECT RAISE(ABORT, 'stuck'); END",
                         &world.err),
                 ERR_OK, "%s", world.err.message);
    erase_person(&laptop, "GDN-1");
    sync_all(&laptop);
    erase_person(&other, "OTH-1");
    sync_all(&other);
    cr_expect_eq(bodies("participant"), 1);
    cr_expect_eq(bodies_at("other", "participant"), 0);
    world_reopen(&world);
    record_person(&laptop, "GDN-2", "Zebedee Otherson");
    sync_all(&laptop);
    cr_assert(centre_erasures_due(world.centre));
    cr_expect_eq(bodies("participant"), 2);
    db = &world.centre->store->db;
    cr_assert_eq(db_exec(db, "DROP TRIGGER stuck", &world.err), ERR_OK, "%s", world.err.message);
    erase_on();
    cr_expect_eq(bodies("participant"), 1);
    laptop_fini(&other);
}

/* ---- what it costs, and what is left ---- */

static off_t log_ahead_bytes(void)
{
    char path[128];
    struct stat status;
    (void)snprintf(path, sizeof(path), "%s-wal", world.path);
    return stat(path, &status) == 0 ? status.st_size : 0;
}

Test(centre_erase, nothing_of_it_is_left_in_the_log_ahead_of_the_database)
{
    record_person(&laptop, "GDN-1", "Zebedee Inventedson");
    sync_all(&laptop);
    cr_assert_gt(log_ahead_bytes(), 0, "what was recorded is still in it");
    erase_person(&laptop, "GDN-1");
    sync_all(&laptop);
    cr_assert_eq(log_ahead_bytes(), 0);
    cr_assert_eq(bodies("participant"), 0);
}

Test(centre_erase, the_seed_of_what_comes_after_its_erasure_is_not_left_in_it_either)
{
    struct forger forger;
    struct op op = { .kind = KIND_PARTICIPANT, .subject_len = OP_ENTITY_BYTES, .subject = { 7 } };
    forger_enrol(&world, "garden", &forger);
    (void)forger_add(&forger, KIND_CAPACITY_STATEMENT, 1);
    (void)forger_send(&forger);
    world.now_ms += HOUR_MS;
    (void)add_erasure(&forger, KIND_PARTICIPANT, op.subject, NULL);
    (void)forger_send(&forger);
    (void)forger_add(&forger, KIND_CAPACITY_STATEMENT, 1);
    (void)forger_send(&forger);
    cr_assert_not(centre_erasures_due(world.centre));
    cr_assert_gt(log_ahead_bytes(), 0, "there is a seed in it");
    world.now_ms -= HOUR_MS;
    (void)forger_add_op(&forger, &op);
    (void)forger_send(&forger);
    cr_assert_eq(log_ahead_bytes(), 0);
    forger_fini(&forger);
}

Test(centre_erase, a_log_ahead_that_could_not_be_emptied_is_emptied_after_the_next_push)
{
    record_person(&laptop, "GDN-1", "Zebedee Inventedson");
    sync_all(&laptop);
    erase_on();
    world.centre->store->erased = true; /* as after a checkpoint that somebody who reads held up */
    record_person(&laptop, "GDN-2", "Somebody Else");
    sync_all(&laptop);
    cr_assert_not(world.centre->store->erased);
}

/* An erasure of a subject that nobody ever heard of. */
static void add_idle_erasure(struct forger *forger, uint32_t number)
{
    struct op op = { .kind = KIND_ERASURE, .subject_len = OP_ENTITY_BYTES, .happened_at_ms = OP_TIME_NONE };
    put_be32(op.subject, number);
    (void)forger_add_op(forger, &op);
}

Test(centre_erase, a_device_that_erases_all_the_time_is_asked_to_wait)
{
    struct forger forger;
    forger_enrol(&world, "garden", &forger);
    enum err_code rc = ERR_OK;
    uint32_t taken = 0;
    for (; rc == ERR_OK && taken < 300; taken += rc == ERR_OK) {
        add_idle_erasure(&forger, taken);
        rc = forger_send(&forger);
    }
    cr_assert_eq(rc, ERR_BUSY);
    cr_assert_eq(taken, 240);
    record_person(&laptop, "GDN-1", "Zebedee Inventedson");
    erase_person(&laptop, "GDN-1");
    sync_all(&laptop); /* another one may */
    cr_assert_eq(bodies("participant"), 0);
    forger_fini(&forger);
}
