/*
 * Any order in which the same ops arrive gives the same tables, byte for byte, and so does a rebuild. Worlds are made
 * from a seed: three devices and the centre write; readers take the chains in different interleavings (each chain in
 * its own order, as the exchange guarantees).
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "world.h"

enum { WRITERS = 3, READERS = 3, STEPS = 60, SEEDS = 12 };

static uint64_t rng;

static uint32_t below(uint32_t limit)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (uint32_t)(rng >> 32) % limit;
}

static const char *const placements[] = { "P-1", "P-2", "P-3" };
static const char *const people[] = { "GDN-1", "GDN-2" };
static const char *const days[] = { "2026-06-01", "2026-06-02", "2026-06-03", "2026-06-04" };
static const char *const patterns[] = { "Mon Wed 09:30-15:30", "Mon Tue Thu 10:00-12:00; Wed 13:00-16:00",
                                        "Tue 08:00-18:00" };

/* A value that fits its field; the ids are those of the people, placements and referrals of the other entries. */
static void random_value(struct world *world, const struct field *field, struct value *value,
                         uint8_t id[OP_ENTITY_BYTES])
{
    *value = (struct value){ .present = true, .number = below(2) };
    if (field->type == FIELD_TEXT) {
        value->text = slice_of_text(strcmp(field->name, "pattern") == 0 ? patterns[below(3)]
                                    : below(2)                          ? "one"
                                                                        : "two");
    } else if (strcmp(field->name, "route") == 0) {
        value->text = slice_of_text(below(2) ? "cwp" : "mir");
    } else if (field->type == FIELD_CODE) {
        value->text = slice_of_text(field->codes != NULL ? field->codes[below(2)]
                                    : below(2)           ? "this_one"
                                                         : "another_one");
    } else if (field->type == FIELD_ID) {
        const char *kind = strcmp(field->name, "placement") == 0 ? "placement" : "participant";
        entity_id(world->stream, kind, kind[1] == 'l' ? placements[below(3)] : people[below(2)], id);
        value->text = slice_of(id, OP_ENTITY_BYTES);
    } else if (field->type == FIELD_DATE) {
        value->number = day_of(strcmp(field->name, "ends_on") == 0 ? "2026-06-29" : "2026-06-01");
    } else if (field->type == FIELD_INT) {
        value->number = below(field->max < 40 ? field->max : 40);
    }
}

/* Of any kind from hosts on, about one of two subjects, with some of its fields or all. */
static void random_plain(struct world *world, struct store_entry *entry)
{
    static uint8_t ids[RECORD_FIELDS_MAX][OP_ENTITY_BYTES];
    const struct kind *kind = kind_by_number(KIND_HOST + below(KIND_SAME_PERSON - KIND_HOST + 1));
    bool whole = below(3) > 0;
    *entry = (struct store_entry){ .kind = kind->number, .happened_at_ms = OP_TIME_NONE };
    record_init(&entry->record, kind);
    if (kind->number == KIND_SAME_PERSON) {
        entity_id(world->stream, "participant", people[below(2)], entry->subject);
    } else {
        entity_id(world->stream, kind->name, below(2) ? "first" : "second", entry->subject);
        if (kind->number == KIND_MESSAGE) {
            message_id(entry->subject, WRITER_ORGANISATION);
        }
    }
    for (size_t f = 0; f < kind->field_count; f++) {
        if (whole || kind->fields[f].required || below(2)) {
            random_value(world, &kind->fields[f], &entry->record.values[f], ids[f]);
        }
    }
}

static void random_entry(struct world *world, struct store_entry *entry)
{
    static const char *const statuses[] = { "accepted", "declined", "paused", "started", "completed" };
    static char name[32];
    switch (below(12)) {
    case 8:
    case 9:
        random_plain(world, entry);
        return;
    case 0:
        (void)snprintf(name, sizeof(name), "Test %u", below(100));
        entry_participant(world, entry, people[below(2)], name);
        return;
    case 1:
        entry_placement(world, entry, placements[below(3)], people[below(2)], below(2) ? "mandatory" : "voluntary",
                        "2026-06-01", below(2) ? "2026-06-30" : "2026-06-02", patterns[below(3)]);
        record_set_text(&entry->record, "calendar", below(2) ? "scotland" : "england_wales");
        if (below(2)) {
            static uint8_t referral[OP_ENTITY_BYTES];
            entity_id(world->stream, "referral", below(2) ? "R-1" : "R-2", referral);
            record_set_id(&entry->record, "referral", referral);
        }
        return;
    case 2:
        entry_notice(world, entry, below(2) ? "N-1" : "N-2", placements[below(3)], "2026-05-20",
                     below(2) ? "post" : "hand");
        return;
    case 3: {
        *entry = (struct store_entry){ .kind = KIND_REFERRAL_EVENT, .happened_at_ms = OP_TIME_NONE };
        record_init(&entry->record, kind_by_number(KIND_REFERRAL_EVENT));
        entity_id(world->stream, "referral", below(2) ? "R-1" : "R-2", entry->subject);
        record_set_text(&entry->record, "status", statuses[below(ARRAY_LEN(statuses))]);
        record_set_number(&entry->record, "on", day_of(days[below(4)]));
        return;
    }
    case 4:
        entry_referral(world, entry, below(2) ? "R-1" : "R-2", people[below(2)], days[below(4)]);
        record_set_text(&entry->record, "basis", below(4) ? "mandatory" : "voluntary");
        return;
    default:
        entry_attendance(world, entry, placements[below(3)], days[below(4)], (int)below(2),
                         (enum outcome)(1 + below(7)), (int)below(400), "said so");
        return;
    }
}

/* Whose a placement or a referral is does not change where it is known, nor does who came of their own will come to be
 * sent; another writer may say otherwise. */
static void write_or_refuse(struct replica *writer, const struct store_entry *entry, int64_t now)
{
    struct store_written written;
    struct error err = { 0 };
    enum err_code rc = store_write(writer->store, "tester", entry, 1, now, &written, &err);
    bool lasts = entry->kind == KIND_PLACEMENT || entry->kind == KIND_REFERRAL;
    cr_assert(rc == ERR_OK || (rc == ERR_REFUSED && lasts), "%s", err.message);
}

/* Somebody's right, or records whose time is over: all about a person, a placement or a session, or one record. */
static void random_erasure(struct world *world, struct replica *writer, int64_t now)
{
    struct store_erase erase = { .kind = KIND_PARTICIPANT,
                                 .subject_len = OP_ENTITY_BYTES,
                                 .ground = "right",
                                 .decided_by = "A. Decider",
                                 .reason = "letter 7",
                                 .confirmed_by = "B. Second" };
    struct store_erasable erased;
    struct error err = { 0 };
    uint32_t what = below(4);
    entity_id(world->stream, "participant", people[below(2)], erase.subject);
    if (what > 0) {
        erase.kind = KIND_PLACEMENT;
        entity_id(world->stream, "placement", placements[below(3)], erase.subject);
    }
    if (what > 1) {
        uint8_t placement[OP_ENTITY_BYTES];
        memcpy(placement, erase.subject, sizeof(placement));
        erase.kind = KIND_ATTENDANCE;
        erase.subject_len = OP_SESSION_BYTES;
        session_subject(placement, day_of(days[below(4)]), (int)below(2), erase.subject);
    }
    if (what == 3) {
        SCOPED(log_list_fini) struct log_list log = { 0 };
        cr_assert_eq(query_log(writer->store, NULL, 0, false, 1000, &log, &err), ERR_OK, "%s", err.message);
        if (log.count == 0) {
            return;
        }
        const struct log_row *row = &log.rows[below((uint32_t)log.count)];
        erase.kind = row->kind;
        erase.subject_len = row->subject_len;
        memcpy(erase.subject, row->subject, row->subject_len);
        erase.one = true;
        erase.op = row->op;
    }
    enum err_code rc = store_erase(writer->store, "eraser", &erase, now, &erased, &err);
    bool of_erasure =
        erase.kind == KIND_ERASURE || erase.kind == KIND_OVERWRITE_REVIEW; /* that something went stays known */
    cr_assert(of_erasure ? rc == ERR_REFUSED : rc == ERR_OK || rc == ERR_NOT_FOUND, "%s", err.message);
}

/* Takes each writer's chain in pieces, the writers' pieces interleaved at random. */
static void take_interleaved(struct replica *writers, size_t writer_count, struct replica *reader)
{
    uint64_t held[WRITERS + 1] = { 0 };
    for (size_t left = writer_count; left > 0;) {
        size_t w = below((uint32_t)writer_count);
        struct store_sync sync;
        struct error err = { 0 };
        cr_assert_eq(store_sync_read(writers[w].store, &sync, &err), ERR_OK);
        if (held[w] == sync.newest_seq) {
            left = 0;
            for (size_t i = 0; i < writer_count; i++) {
                cr_assert_eq(store_sync_read(writers[i].store, &sync, &err), ERR_OK);
                left += held[i] < sync.newest_seq;
            }
            continue;
        }
        size_t piece = 1 + below(5);
        cr_assert_eq(replica_carry(&writers[w], held[w], piece, reader, &err), ERR_OK, "%s", err.message);
        held[w] = held[w] + piece < sync.newest_seq ? held[w] + piece : sync.newest_seq;
    }
}

static void check_world(uint64_t seed)
{
    struct world world;
    struct replica writers[WRITERS];
    struct replica readers[READERS];
    rng = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    world_init(&world);
    int64_t now = clock_wall_ms();
    for (size_t i = 0; i < WRITERS; i++) {
        replica_start(&world, &writers[i], CERTIFICATE_ROLE_AGENT);
    }
    for (size_t step = 0; step < STEPS; step++) {
        struct store_entry entry;
        struct replica *writer = &writers[below(WRITERS)];
        random_entry(&world, &entry);
        write_or_refuse(writer, &entry, now + (int64_t)below(100000) - 50000); /* clocks that disagree and go back */
        if (below(6) == 0) {
            random_erasure(&world, writer, now + (int64_t)below(100000) - 50000);
        }
        if (below(10) == 0) { /* now and then a writer hears of another, so that corrections supersede */
            struct error err = { 0 };
            struct replica *other = &writers[below(WRITERS)];
            if (other != writer) {
                cr_assert_eq(replica_carry(writer, 0, SIZE_MAX, other, &err), ERR_OK, "%s", err.message);
            }
        }
    }
    char digests[READERS][65];
    for (size_t i = 0; i < READERS; i++) {
        replica_start(&world, &readers[i], CERTIFICATE_ROLE_AGENT);
        take_interleaved(writers, WRITERS, &readers[i]);
        replica_digest(&readers[i], digests[i]);
        cr_assert_str_eq(digests[i], digests[0], "seed %llu reader %zu", (unsigned long long)seed, i);
        struct error err = { 0 };
        char rebuilt[65];
        cr_assert_eq(store_rebuild(readers[i].store, &err), ERR_OK, "%s", err.message);
        replica_digest(&readers[i], rebuilt);
        cr_assert_str_eq(rebuilt, digests[0], "seed %llu: rebuilt", (unsigned long long)seed);
        struct store_verified verified;
        cr_assert_eq(store_verify(readers[i].store, &verified, &err), ERR_OK, "%s", err.message);
        replica_stop(&readers[i]);
    }
    for (size_t i = 0; i < WRITERS; i++) { /* who erased, and who had what was erased, ends with the same */
        char digest[65];
        struct error err = { 0 };
        for (size_t from = 0; from < WRITERS; from++) {
            if (from != i) {
                cr_assert_eq(replica_carry(&writers[from], 0, SIZE_MAX, &writers[i], &err), ERR_OK, "%s", err.message);
            }
        }
        replica_digest(&writers[i], digest);
        cr_assert_str_eq(digest, digests[0], "seed %llu writer %zu", (unsigned long long)seed, i);
    }
    for (size_t i = 0; i < WRITERS; i++) {
        replica_stop(&writers[i]);
    }
    world_fini(&world);
}

Test(property, any_arrival_order_and_a_rebuild_give_the_same_tables)
{
    const char *only = getenv("PROPERTY_SEED");
    if (only != NULL) {
        check_world(strtoull(only, NULL, 10));
        return;
    }
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        check_world(seed);
    }
}
