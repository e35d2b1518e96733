/* Bodies go, on every replica, whatever came first; everything else stands and verifies. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "chain_maker.h"
#include "store/fold_parts.h"
#include "store/replica.h"
#include "world.h"

static struct world world;
static struct replica one;
static struct replica two;
static int64_t now;

static void begin(void)
{
    world_init(&world);
    replica_start(&world, &one, CERTIFICATE_ROLE_AGENT);
    replica_start(&world, &two, CERTIFICATE_ROLE_AGENT);
    now = clock_wall_ms();
}

static void end(void)
{
    replica_stop(&one);
    replica_stop(&two);
    world_fini(&world);
}

TestSuite(erase, .init = begin, .fini = end, .timeout = 60);

#define NAME "Zebedee Inventedson"
#define NOTE "said on the telephone that the bus was late"

static void record_person(struct replica *replica, const char *ref, const char *placement)
{
    struct store_entry entry;
    entry_participant(&world, &entry, ref, NAME);
    record_set_text(&entry.record, "address", "1 Nowhere Lane, Imaginary Town");
    replica_write(replica, &entry, now++);
    entry_referral(&world, &entry, "R-1", ref, "2026-06-01");
    record_set_text(&entry.record, "note", NOTE);
    replica_write(replica, &entry, now++);
    entry_placement(&world, &entry, placement, ref, "mandatory", "2026-06-01", "2026-06-30", "Mon Wed 09:30-15:30");
    record_set_text(&entry.record, "host", "The Shop of " NAME);
    replica_write(replica, &entry, now++);
    entry_notice(&world, &entry, "N-1", placement, "2026-05-20", "post");
    record_set_text(&entry.record, "note", NOTE);
    replica_write(replica, &entry, now++);
    entry_attendance(&world, &entry, placement, "2026-06-01", 0, OUTCOME_ABSENT, -1, NOTE);
    replica_write(replica, &entry, now++);
}

static struct store_erase person(const char *ref, const char *ground)
{
    struct store_erase erase = { .kind = KIND_PARTICIPANT,
                                 .subject_len = OP_ENTITY_BYTES,
                                 .ground = ground,
                                 .decided_by = "A. Decider",
                                 .reason = "letter 7" };
    entity_id(world.stream, "participant", ref, erase.subject);
    return erase;
}

static struct store_erasable must_erase(struct replica *replica, const struct store_erase *erase)
{
    struct error err = { 0 };
    struct store_erasable erased;
    cr_assert_eq(store_erase(replica->store, "eraser", erase, now++, &erased, &err), ERR_OK, "%s", err.message);
    return erased;
}

static void carry(struct replica *from, struct replica *to)
{
    struct error err = { 0 };
    cr_assert_eq(replica_carry(from, 0, SIZE_MAX, to, &err), ERR_OK, "%s", err.message);
}

static void verify(struct replica *replica)
{
    struct error err = { 0 };
    struct store_verified verified;
    cr_assert_eq(store_verify(replica->store, &verified, &err), ERR_OK, "%s", err.message);
}

static int64_t number(struct replica *replica, const char *sql)
{
    sqlite3_stmt *s;
    cr_assert_eq(sqlite3_prepare_v2(replica->store->db.handle, sql, -1, &s, NULL), SQLITE_OK, "%s", sql);
    cr_assert_eq(sqlite3_step(s), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return value;
}

/* Every page as it is once it is decrypted, free ones too. */
static bool pages_hold(struct replica *replica, const char *text)
{
    sqlite3_int64 size = 0;
    unsigned char *pages = sqlite3_serialize(replica->store->db.handle, "main", &size, 0);
    cr_assert_not_null(pages);
    cr_assert_gt(size, 0);
    bool held = memmem(pages, (size_t)size, text, strlen(text)) != NULL;
    sqlite3_free(pages);
    return held;
}

static void expect_same_tables(void)
{
    char digests[2][65];
    replica_digest(&one, digests[0]);
    replica_digest(&two, digests[1]);
    cr_assert_str_eq(digests[0], digests[1]);
}

Test(erase, everything_about_a_person_goes_on_every_replica_and_the_chains_still_verify)
{
    struct store_erase erase = person("GDN-1", "retention");
    record_person(&one, "GDN-1", "P-1");
    carry(&one, &two);
    struct store_erasable erased = must_erase(&one, &erase);
    cr_assert_eq(erased.records, 5);
    cr_assert_eq(erased.kinds[KIND_ATTENDANCE], 1);
    carry(&one, &two);
    expect_same_tables();
    for (struct replica *replica = &one; replica != NULL; replica = replica == &one ? &two : NULL) {
        verify(replica);
        cr_assert_eq(number(replica, "SELECT count(*) FROM op WHERE body IS NOT NULL AND kind < 10"), 0);
        cr_assert_eq(number(replica, "SELECT count(*) FROM participant"), 0);
        cr_assert_eq(number(replica, "SELECT count(*) FROM placement"), 0);
        cr_assert_eq(number(replica, "SELECT count(*) FROM notice"), 0);
        cr_assert_eq(number(replica, "SELECT outcome FROM attendance"), OUTCOME_NONE, "nobody is absent for it");
    }
}

/* One of each kind of plain record that names the person, the placement or the referral; as many as there are. */
static size_t record_plain(struct replica *replica, const char *participant, const char *placement)
{
    size_t count = 0;
    for (uint32_t number = KIND_HOST; kind_by_number(number) != NULL; number++) {
        const struct kind *kind = kind_by_number(number);
        struct store_entry entry = { .kind = number, .happened_at_ms = OP_TIME_NONE };
        uint8_t ids[RECORD_FIELDS_MAX][OP_ENTITY_BYTES];
        bool about = false;
        record_init(&entry.record, kind);
        if (kind_is_plain(number)) {
            cr_assert_eq(random_bytes(entry.subject, OP_ENTITY_BYTES, NULL), ERR_OK);
            message_id(entry.subject, WRITER_ORGANISATION);
            for (size_t f = 0; f < kind->field_count; f++) {
                const struct field *field = &kind->fields[f];
                struct value *value = &entry.record.values[f];
                bool named = strcmp(field->name, "participant") == 0 || strcmp(field->name, "placement") == 0;
                about = about || named;
                if (!field->required && !named) {
                    continue;
                }
                value->present = true;
                value->number = field->type == FIELD_DATE ? day_of("2026-06-01") : 1;
                value->text = slice_of_text(field->codes != NULL ? field->codes[0] : "secret_words");
                if (field->type == FIELD_ID) {
                    entity_id(world.stream, field->name, field->name[1] == 'l' ? placement : participant, ids[f]);
                    value->text = slice_of(ids[f], OP_ENTITY_BYTES);
                }
            }
        }
        if (about) {
            replica_write(replica, &entry, clock_wall_ms());
            count++;
        }
    }
    return count;
}

Test(erase, every_kind_that_names_a_person_goes_with_them)
{
    struct store_erase erase = person("GDN-1", "retention");
    record_person(&one, "GDN-1", "P-1");
    struct store_erasable erased;
    struct error err;
    cr_assert_eq(store_erase_look(one.store, &erase, clock_today(clock_wall_ms()), &erased, &err), ERR_OK, "%s",
                 err.message);
    uint64_t before = erased.records;
    size_t plain = record_plain(&one, "GDN-1", "P-1");
    cr_assert_geq(plain, 10);
    erased = must_erase(&one, &erase);
    cr_assert_eq(erased.records, before + plain);
    carry(&one, &two);
    expect_same_tables();
    cr_assert_eq(number(&two, "SELECT count(*) FROM op WHERE body IS NOT NULL AND kind <> 10"), 0);
    verify(&two);
}

Test(erase, nothing_is_left_in_the_pages_of_the_file)
{
    bool done;
    struct error err = { 0 };
    struct store_erase erase = person("GDN-1", "right");
    record_person(&one, "GDN-1", "P-1");
    for (int i = 0; i < 60; i++) { /* pages split, and rows move between them */
        char ref[24];
        struct store_entry entry;
        (void)snprintf(ref, sizeof(ref), "OTHER-%d", i);
        entry_participant(&world, &entry, i % 3 == 0 ? "GDN-1" : ref, i % 3 == 0 ? NAME : "Somebody Else");
        record_set_text(&entry.record, "note", i % 3 == 0 ? NOTE : "of no interest");
        replica_write(&one, &entry, now++);
    }
    cr_assert(pages_hold(&one, NAME));
    struct store_progress progress = { 0 };
    struct store *reader;
    cr_assert_eq(store_open_reader(one.store, &progress, &reader, &err), ERR_OK, "%s", err.message);
    (void)must_erase(&one, &erase);
    cr_assert_eq(store_scrub(one.store, &done, &err), ERR_BUSY, "who reads an older state has them");
    store_close(reader);
    cr_assert_eq(store_scrub(one.store, &done, &err), ERR_OK, "%s", err.message);
    cr_assert(done);
    cr_assert_not(pages_hold(&one, NAME));
    cr_assert_not(pages_hold(&one, NOTE));
    cr_assert_not(pages_hold(&one, "Nowhere Lane"));
    cr_assert(pages_hold(&one, "Somebody Else"), "the search finds what is there");
    cr_assert_eq(store_scrub(one.store, &done, &err), ERR_OK, "%s", err.message);
    cr_assert_not(done, "once");
    verify(&one);
}

Test(erase, what_was_recorded_before_and_comes_later_is_erased_as_it_comes)
{
    struct store_entry entry;
    struct store_erase erase = person("GDN-1", "right");
    entry_participant(&world, &entry, "GDN-1", NAME);
    replica_write(&two, &entry, now++); /* this laptop is away */
    entry_attendance(&world, &entry, "P-1", "2026-06-03", 0, OUTCOME_ATTENDED, 100, NOTE);
    replica_write(&two, &entry, now++);
    record_person(&one, "GDN-1", "P-1");
    (void)must_erase(&one, &erase);
    carry(&two, &one);
    cr_assert_eq(number(&one, "SELECT count(*) FROM op WHERE body IS NOT NULL AND kind < 10"), 0);
    cr_assert_eq(number(&one,
                        "SELECT count(*) FROM op o JOIN salt_seed s ON s.author = o.id >> 40 WHERE o.body IS NULL "
                        "AND s.block = ((o.id & 1099511627775) - 1) / 256"),
                 0, "no seed for an erased op's block");
    carry(&one, &two);
    expect_same_tables();
    verify(&one);
    verify(&two);
}

Test(erase, what_is_recorded_afterwards_stays)
{
    struct store_entry entry;
    struct store_erase erase = person("GDN-1", "right");
    record_person(&one, "GDN-1", "P-1");
    (void)must_erase(&one, &erase);
    carry(&one, &two);
    entry_participant(&world, &entry, "GDN-1", "Back Again");
    replica_write(&two, &entry, now - 3600 * 1000); /* by a clock that is behind */
    carry(&two, &one);
    cr_assert_eq(number(&one, "SELECT count(*) FROM participant WHERE name = 'Back Again'"), 1);
    expect_same_tables();
}

Test(erase, a_placement_that_another_laptop_had_made_follows_on_the_same_decision)
{
    uint64_t records;
    struct error err = { 0 };
    struct store_entry entry;
    struct store_erase erase = person("GDN-1", "retention");
    entry_placement(&world, &entry, "P-9", "GDN-1", "mandatory", "2026-06-01", "2026-06-30", "Tue 09:00-12:00");
    record_set_text(&entry.record, "note", NOTE);
    replica_write(&two, &entry, now++);
    record_person(&one, "GDN-1", "P-1");
    (void)must_erase(&one, &erase);
    carry(&two, &one);
    cr_assert_eq(number(&one, "SELECT count(*) FROM placement"), 1, "who erased did not know it");
    cr_assert_eq(store_erase_late(one.store, now++, &records, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(records, 1);
    cr_assert_eq(number(&one, "SELECT count(*) FROM placement"), 0);
    cr_assert_eq(store_erase_late(one.store, now++, &records, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(records, 0);
    carry(&one, &two);
    cr_assert_eq(number(&two, "SELECT count(*) FROM op WHERE body IS NOT NULL AND kind < 10"), 0);
    expect_same_tables();
}

Test(erase, of_a_person_without_a_record_what_comes_late_follows_on_the_same_decision)
{
    uint64_t records;
    struct error err = { 0 };
    struct store_entry entry;
    struct store_erase erase = person("GDN-1", "retention");
    entry_placement(&world, &entry, "P-9", "GDN-1", "mandatory", "2026-06-01", "2026-06-30", "Tue 09:00-12:00");
    record_set_text(&entry.record, "note", NOTE);
    replica_write(&two, &entry, now++);
    entry_placement(&world, &entry, "P-1", "GDN-1", "mandatory", "2026-06-01", "2026-06-30", "Mon 09:00-12:00");
    replica_write(&one, &entry, now++);
    cr_assert_eq(must_erase(&one, &erase).records, 1);
    cr_assert_eq(number(&one, "SELECT count(*) FROM erasure WHERE kind = 1 AND seq IS NULL"), 1);
    carry(&two, &one);
    cr_assert_eq(number(&one, "SELECT count(*) FROM placement"), 1, "who erased did not know it");
    cr_assert_eq(store_erase_late(one.store, now++, &records, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(records, 1);
    carry(&one, &two);
    cr_assert_eq(number(&two, "SELECT count(*) FROM op WHERE body IS NOT NULL AND kind < 10"), 0);
    expect_same_tables();
}

Test(erase, of_a_person_whom_other_records_alone_name_is_due_until_nothing_of_the_organisation_is_left)
{
    struct store_entry entry;
    struct store_due *due;
    size_t count;
    struct row_id id;
    struct store_applied applied;
    struct error err = { 0 };
    struct store_erase erase = person("GDN-1", "retention");
    int32_t day = day_of("2026-07-01");
    cr_assert_eq(query_find_unrecorded(one.store, "GDN-1", &id, &err), ERR_NOT_FOUND);
    entry_appointment(&world, &entry, "A-1", "GDN-1", "2026-06-05", 600, 630);
    struct voice jcp;
    voice_start(&world, &jcp, CERTIFICATE_ROLE_CENTRE);
    voice_say(&jcp, &entry);
    cr_assert_eq(voice_reach(&jcp, 0, 1, &one, &applied, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(store_retention_due(one.store, day, day, 10, &due, &count, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(count, 0, "what the Jobcentre wrote is not the organisation's to erase");
    free(due);
    entry_contact(&world, &entry, "C-1", "GDN-1", "2026-06-10", NULL);
    replica_write(&one, &entry, now++);
    cr_assert_eq(store_retention_due(one.store, day, day, 10, &due, &count, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(count, 1);
    cr_expect_eq(due[0].newest_day, day_of("2026-06-10"));
    cr_expect_str_empty(due[0].ref);
    cr_expect_eq(memcmp(due[0].id.bytes, erase.subject, OP_ENTITY_BYTES), 0);
    free(due);
    cr_assert_eq(query_find_unrecorded(one.store, "GDN-1", &id, &err), ERR_OK, "%s", err.message);
    cr_expect_eq(memcmp(id.bytes, erase.subject, OP_ENTITY_BYTES), 0);
    cr_assert_eq(must_erase(&one, &erase).records, 1);
    cr_assert_eq(store_retention_due(one.store, day, day, 10, &due, &count, &err), ERR_OK, "%s", err.message);
    cr_expect_eq(count, 0);
    free(due);
    voice_stop(&jcp);
}

Test(erase, a_dispute_holds_it_back_but_for_the_right_that_a_second_person_confirms)
{
    struct error err = { 0 };
    struct store_entry entry;
    struct store_erasable erased;
    struct store_erase erase = person("GDN-1", "retention");
    record_person(&one, "GDN-1", "P-1");
    entry_attendance(&world, &entry, "P-1", "2026-06-01", 0, OUTCOME_ATTENDED, 360, NULL);
    replica_write(&two, &entry, now++);
    carry(&two, &one);
    cr_assert_eq(store_erase(one.store, "eraser", &erase, now, &erased, &err), ERR_REFUSED);
    erase.confirmed_by = "B. Second";
    cr_assert_eq(store_erase(one.store, "eraser", &erase, now, &erased, &err), ERR_REFUSED, "retention never");
    erase.ground = "right";
    erase.confirmed_by = erase.decided_by;
    cr_assert_eq(store_erase(one.store, "eraser", &erase, now, &erased, &err), ERR_REFUSED, "not the same person");
    erase.confirmed_by = "a.  DECIDER";
    cr_assert_eq(store_erase(one.store, "eraser", &erase, now, &erased, &err), ERR_REFUSED, "however it is written");
    cr_assert_eq(number(&one, "SELECT count(*) FROM op WHERE body IS NULL"), 0);
    erase.confirmed_by = "B. Second";
    cr_assert_eq(must_erase(&one, &erase).hold_count, 1);
}

static void challenge(struct replica *replica, const char *made_on, const char *outcome)
{
    struct store_entry entry = { .kind = KIND_REDRESS, .happened_at_ms = OP_TIME_NONE };
    uint8_t participant[OP_ENTITY_BYTES];
    record_init(&entry.record, kind_by_number(KIND_REDRESS));
    entity_id(world.stream, "redress", "C-1", entry.subject);
    entity_id(world.stream, "participant", "GDN-1", participant);
    record_set_id(&entry.record, "participant", participant);
    record_set_text(&entry.record, "form", "appeal");
    if (made_on != NULL) {
        record_set_number(&entry.record, "made_on", day_of(made_on));
    }
    record_set_text(&entry.record, "outcome", outcome);
    replica_write(replica, &entry, now++);
}

Test(erase, a_challenge_holds_it_back_from_when_it_is_made_until_its_outcome)
{
    struct error err = { 0 };
    struct store_erasable erased;
    struct store_erase erase = person("GDN-1", "retention");
    record_person(&one, "GDN-1", "P-1");
    challenge(&one, NULL, NULL);
    cr_assert_eq(store_erase_look(one.store, &erase, day_of("2026-11-20"), &erased, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(erased.hold_count, 0, "meant to be made holds nothing");
    challenge(&one, "2026-07-01", NULL);
    cr_assert_eq(store_erase(one.store, "eraser", &erase, now, &erased, &err), ERR_REFUSED);
    cr_assert_not_null(strstr(err.message, "challenges"), "%s", err.message);
    cr_assert_eq(number(&one, "SELECT count(*) FROM op WHERE body IS NULL"), 0);
    challenge(&one, "2026-07-01", "refused");
    cr_assert_eq(must_erase(&one, &erase).hold_count, 0);
}

static uint64_t erase_what_came_late(struct replica *replica)
{
    uint64_t records;
    struct error err = { 0 };
    cr_assert_eq(store_erase_late(replica->store, now++, &records, &err), ERR_OK, "%s", err.message);
    return records;
}

Test(erase, what_comes_late_stays_while_a_challenge_is_open_and_goes_once_it_is_answered)
{
    struct store_entry entry;
    struct store_erase erase = person("GDN-1", "retention");
    entry_placement(&world, &entry, "P-9", "GDN-1", "mandatory", "2026-06-01", "2026-06-30", "Tue 09:00-12:00");
    replica_write(&two, &entry, now++);
    challenge(&two, "2026-07-01", NULL);
    record_person(&one, "GDN-1", "P-1");
    (void)must_erase(&one, &erase);
    carry(&two, &one);
    cr_assert_eq(erase_what_came_late(&one), 0, "retention does not go through a challenge");
    cr_assert_eq(number(&one, "SELECT count(*) FROM placement"), 1);
    cr_assert_eq(number(&one, "SELECT count(*) FROM redress"), 1);
    challenge(&two, "2026-07-01", "refused");
    carry(&two, &one);
    cr_assert_eq(erase_what_came_late(&one), 1, "and what was said of the challenge since then stays");
    cr_assert_eq(number(&one, "SELECT count(*) FROM placement"), 0);
}

Test(erase, what_comes_late_goes_in_spite_of_a_hold_where_a_second_person_confirmed_the_right)
{
    struct store_entry entry;
    struct store_erase erase = person("GDN-1", "right");
    entry_placement(&world, &entry, "P-9", "GDN-1", "mandatory", "2026-06-01", "2026-06-30", "Tue 09:00-12:00");
    replica_write(&two, &entry, now++);
    challenge(&two, "2026-07-01", NULL);
    erase.confirmed_by = "B. Second";
    record_person(&one, "GDN-1", "P-1");
    (void)must_erase(&one, &erase);
    carry(&two, &one);
    cr_assert_eq(erase_what_came_late(&one), 2);
    cr_assert_eq(number(&one, "SELECT count(*) FROM redress"), 0);
}

Test(erase, one_record_goes_alone_and_what_it_stood_over_does_not_come_back)
{
    struct store_entry entry;
    struct error err = { 0 };
    struct store_written written;
    record_person(&one, "GDN-1", "P-1");
    entry_attendance(&world, &entry, "P-1", "2026-06-01", 0, OUTCOME_EXCUSED, -1, "a hospital letter came");
    cr_assert_eq(store_write(one.store, "tester", &entry, 1, now++, &written, &err), ERR_OK, "%s", err.message);
    struct store_erase erase = person("GDN-1", "right");
    erase.kind = KIND_ATTENDANCE;
    erase.subject_len = OP_SESSION_BYTES;
    memcpy(erase.subject, entry.subject, OP_SESSION_BYTES);
    erase.one = true;
    erase.op = written.last;
    cr_assert_eq(must_erase(&one, &erase).records, 1);
    cr_assert_eq(number(&one, "SELECT outcome FROM session WHERE heads > 0"), OUTCOME_NONE);
    cr_assert_eq(number(&one, "SELECT count(*) FROM attendance WHERE outcome = 5 AND head = 0"), 1);
    carry(&one, &two);
    expect_same_tables();
    verify(&two);
}

Test(erase, recording_goes_on_in_a_block_without_a_seed)
{
    struct store_entry entry;
    uint8_t seed[OP_SEED_BYTES];
    struct error err = { 0 };
    struct store_erase erase = person("GDN-1", "right");
    record_person(&one, "GDN-1", "P-1");
    (void)must_erase(&one, &erase);
    cr_assert_eq(store_salt_seed(one.store, one.identity.device, one.identity.incarnation, 0, seed, &err),
                 ERR_NOT_FOUND);
    for (int i = 0; i < 300; i++) {
        char ref[24];
        (void)snprintf(ref, sizeof(ref), "NEXT-%d", i);
        entry_participant(&world, &entry, ref, "Somebody Else");
        replica_write(&one, &entry, now++);
    }
    carry(&one, &two);
    expect_same_tables();
    verify(&one);
    verify(&two);
    cr_assert_eq(store_salt_seed(two.store, one.identity.device, one.identity.incarnation, 1, seed, &err), ERR_OK,
                 "the next block has one again");
}

Test(erase, a_seed_that_comes_again_is_not_kept_for_a_block_with_an_erased_op)
{
    struct store_entry entry;
    struct store_erase erase = person("GDN-1", "right");
    entry_participant(&world, &entry, "GDN-1", NAME);
    replica_write(&one, &entry, now++);
    carry(&one, &two);
    (void)must_erase(&two, &erase);
    entry_participant(&world, &entry, "GDN-2", "Somebody Else");
    replica_write(&one, &entry, now++); /* who has not heard of it sends the block's seed again */
    carry(&one, &two);
    cr_assert_eq(number(&two, "SELECT count(*) FROM salt_seed WHERE author IN (SELECT o.id >> 40 FROM op o WHERE "
                              "o.body IS NULL)"),
                 0);
    cr_assert_eq(number(&two, "SELECT count(*) FROM participant"), 1);
    verify(&two);
}

/* A centre whose walk has not come to it yet still gives the body, with the block's seed. */
Test(erase, what_follows_an_erasure_in_its_run_can_be_read_though_the_seed_is_gone)
{
    struct chain_maker maker;
    struct store_entry entry;
    struct store_applied applied;
    struct error err = { 0 };
    struct store_entry erasure = { .kind = KIND_ERASURE };
    maker_init(&maker, &world, &one);
    maker.seeded = true;
    entry_participant(&world, &entry, "GDN-1", NAME);
    (void)maker_add(&maker, &entry, NULL, false);
    record_init(&erasure.record, kind_by_number(KIND_ERASURE));
    record_set_number(&erasure.record, "kind", KIND_PARTICIPANT);
    record_set_text(&erasure.record, "ground", "right");
    record_set_text(&erasure.record, "decided_by", "Nobody");
    record_set_text(&erasure.record, "reason", "because");
    memcpy(erasure.subject, entry.subject, OP_ENTITY_BYTES);
    (void)maker_add(&maker, &erasure, NULL, false);
    entry_participant(&world, &entry, "GDN-2", "Somebody Else");
    (void)maker_add(&maker, &entry, NULL, false);
    cr_assert_eq(maker_carry(&maker, 0, 3, &two, &applied, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(number(&two, "SELECT count(*) FROM op WHERE body IS NULL"), 1);
    cr_assert_eq(number(&two, "SELECT count(*) FROM participant"), 1);
    verify(&two);
    maker_fini(&maker);
}

/* ---- what nobody may ---- */

static void forge_erasure(struct replica *author, uint32_t kind, const uint8_t *subject, struct forged_run *forged)
{
    uint8_t link[SHA256_BYTES];
    struct record record;
    record_init(&record, kind_by_number(KIND_ERASURE));
    record_set_number(&record, "kind", kind);
    record_set_text(&record, "ground", "right");
    record_set_text(&record, "decided_by", "Nobody");
    record_set_text(&record, "reason", "because");
    op_link_first(world.stream, author->identity.device, author->identity.incarnation, link);
    forge(&world, author, 1, KIND_ERASURE, subject, &record, link, forged);
}

static size_t apply_forged(struct replica *to, struct forged_run *forged)
{
    struct error err = { 0 };
    struct store_applied applied;
    struct store_exchange exchange = { .runs = &forged->run, .run_count = 1, .received_at_ms = now };
    cr_assert_eq(store_apply(to->store, &exchange, &applied, &err), ERR_OK, "%s", err.message);
    return applied.quarantined;
}

Test(erase, a_device_cannot_erase_what_the_jobcentre_decided)
{
    struct store_entry entry;
    struct replica centre;
    struct forged_run forged;
    static const uint32_t kinds[] = { KIND_DECISION, KIND_APPOINTMENT, KIND_ERASURE, 77 };
    replica_start(&world, &centre, CERTIFICATE_ROLE_CENTRE);
    entry_participant(&world, &entry, "GDN-1", NAME);
    replica_write(&one, &entry, now++);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct replica hostile;
        replica_start(&world, &hostile, CERTIFICATE_ROLE_AGENT);
        forge_erasure(&hostile, kinds[i], entry.subject, &forged);
        cr_assert_eq(apply_forged(&one, &forged), 1, "kind %u is set aside", kinds[i]);
        forged_fini(&forged);
        replica_stop(&hostile);
    }
    cr_assert_eq(number(&one, "SELECT count(*) FROM op WHERE body IS NULL"), 0);
    verify(&one);
    replica_stop(&centre);
}

Test(erase, an_erasure_takes_nothing_of_the_other_side)
{
    struct replica centre;
    struct forged_run forged;
    struct store_entry entry;
    replica_start(&world, &centre, CERTIFICATE_ROLE_CENTRE);
    entry_participant(&world, &entry, "GDN-1", NAME);
    replica_write(&one, &entry, now++);
    now += 1000000;
    forge_erasure(&centre, KIND_PARTICIPANT, entry.subject, &forged); /* the centre's word about the site's record */
    cr_assert_eq(apply_forged(&one, &forged), 0);
    cr_assert_eq(number(&one, "SELECT count(*) FROM op WHERE body IS NULL"), 0);
    cr_assert_eq(number(&one, "SELECT count(*) FROM participant"), 1);
    forged_fini(&forged);
    replica_stop(&centre);
}

Test(erase, an_erasure_that_came_before_its_kind_was_known_counts_after_the_upgrade)
{
    struct error err = { 0 };
    struct store_erase erase = person("GDN-1", "right");
    record_person(&one, "GDN-1", "P-1");
    carry(&one, &two);
    (void)must_erase(&one, &erase);
    carry(&one, &two);
    /* as a build would have kept it that did not know the kind: set aside, and nothing erased */
    replica_stop(&two);
    replica_start(&world, &two, CERTIFICATE_ROLE_AGENT);
    carry(&one, &two);
    cr_assert_eq(db_exec(&two.store->db,
                         "UPDATE op SET quarantine = 'take a record of kind 10: this version does not know it' "
                         "WHERE kind = 10; DELETE FROM erasure; UPDATE sync_state SET rules = 1",
                         &err),
                 ERR_OK, "%s", err.message);
    replica_close_files(&two);
    replica_open_files(&two);
    cr_assert_eq(number(&two, "SELECT count(*) FROM op WHERE quarantine IS NOT NULL"), 0);
    cr_assert_gt(number(&two, "SELECT count(*) FROM erasure"), 0);
    expect_same_tables();
}

/* ---- the rule, as the document says it: tests/vectors/erasure.py judges the same lines without this code ---- */

static struct op vector_op(const char *hex, uint8_t bytes[OP_HEADER_MAX], struct op_id *supersedes)
{
    struct op op;
    struct error err = { 0 };
    size_t len = strlen(hex) / 2;
    cr_assert(len <= OP_HEADER_MAX && hex_decode(hex, bytes, len));
    cr_assert_eq(op_header_decode(slice_of(bytes, len), &op, supersedes, &err), ERR_OK, "%s", err.message);
    return op;
}

static enum record_writer vector_writer(const char *name)
{
    return strcmp(name, "centre") == 0 ? WRITER_CENTRE : WRITER_ORGANISATION;
}

static const char *vector_verdict(char *const words[7])
{
    uint8_t headers[2][OP_HEADER_MAX];
    uint8_t body[512];
    struct op_id supersedes[2][OP_SUPERSEDES_MAX];
    struct erasure erasure;
    struct error err = { 0 };
    struct op op = vector_op(words[2], headers[0], supersedes[0]);
    struct op other = vector_op(words[5], headers[1], supersedes[1]);
    op.body = slice_of(body, strlen(words[3]) / 2);
    cr_assert(op.body.len <= sizeof(body) && hex_decode(words[3], body, op.body.len));
    if (record_admit(&op, vector_writer(words[1]), &err) != ERR_OK) {
        return "refused";
    }
    cr_assert_eq(erasure_read(&op, vector_writer(words[1]), &erasure, &err), ERR_OK, "%s", err.message);
    return erasure_covers(&erasure, &other, vector_writer(words[4])) ? "covered" : "apart";
}

Test(erasure_rule, judges_the_vectors_as_the_document_says)
{
    struct error err = { 0 };
    struct buf text;
    char path[512];
    unsigned lines = 0;
    char *rest = NULL;
    cr_assert_not_null(getenv("VECTORS_DIR"), "VECTORS_DIR names tests/vectors");
    (void)snprintf(path, sizeof(path), "%s/erasure.txt", getenv("VECTORS_DIR"));
    buf_init(&text, 1024 * 1024);
    cr_assert_eq(file_read(path, &text, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(buf_append(&text, "", 1, &err), ERR_OK);
    for (char *line = strtok_r((char *)text.data, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        char *words[7];
        char *word = NULL;
        for (size_t i = 0; i < ARRAY_LEN(words); i++) {
            words[i] = strtok_r(i == 0 ? line : NULL, " ", &word);
            cr_assert_not_null(words[i]);
        }
        cr_expect_str_eq(vector_verdict(words), words[6], "%s", words[0]);
        lines++;
    }
    cr_assert_geq(lines, 20);
    buf_fini(&text);
}
