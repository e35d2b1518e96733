/* Whose a placement or a referral is: what was done about one person never becomes another's, whoever writes it and
 * whatever arrives first. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/clock.h"
#include "store/query.h"
#include "world.h"

static struct world world;
static struct replica site;
static struct voice laptop; /* writes by hand what no program of ours would */
static int64_t now;

static void write_one(struct store_entry *entry)
{
    replica_write(&site, entry, now += 1000);
}

static void start(void)
{
    struct store_entry entry;
    world_init(&world);
    replica_start(&world, &site, CERTIFICATE_ROLE_AGENT);
    voice_start(&world, &laptop, CERTIFICATE_ROLE_AGENT);
    now = (int64_t)day_of("2026-06-10") * 86400000;
    entry_participant(&world, &entry, "GDN-001", "Test Alder");
    write_one(&entry);
    entry_participant(&world, &entry, "GDN-002", "Test Birch");
    write_one(&entry);
    entry_referral(&world, &entry, "R-1", "GDN-001", "2026-05-04");
    write_one(&entry);
    entry_placement(&world, &entry, "P-1", "GDN-001", "mandatory", "2026-06-01", "2026-11-27", "Mon Wed 09:30-15:30");
    write_one(&entry);
}

static void stop(void)
{
    voice_stop(&laptop);
    replica_stop(&site);
    world_fini(&world);
}

TestSuite(lasting, .init = start, .fini = stop);

static void is_of(struct replica *replica, uint32_t kind, const char *ref, const char *field, const char *person)
{
    SCOPED(record_list_fini) struct record_list list = { 0 };
    struct row_id id;
    uint8_t expected[OP_ENTITY_BYTES];
    struct error err = { 0 };
    entity_id(world.stream, kind_by_number(kind)->name, ref, id.bytes);
    entity_id(world.stream, strcmp(field, "referral") == 0 ? "referral" : "participant", person, expected);
    cr_assert_eq(query_record(replica->store, kind_by_number(kind), &id, &list, &err), ERR_OK, "%s", err.message);
    const struct value *value = record_value(&list.rows[0].record, field);
    cr_assert(value->present);
    cr_expect_arr_eq(value->text.data, expected, OP_ENTITY_BYTES, "%s of %s", field, ref);
}

static void ends_on(struct replica *replica, const char *ref, const char *day)
{
    SCOPED(record_list_fini) struct record_list list = { 0 };
    struct row_id id;
    struct error err = { 0 };
    entity_id(world.stream, "placement", ref, id.bytes);
    cr_assert_eq(query_record(replica->store, kind_by_number(KIND_PLACEMENT), &id, &list, &err), ERR_OK);
    cr_expect_eq(record_value(&list.rows[0].record, "ends_on")->number, day_of(day), "what else the newest says");
}

static void hear(struct replica *to)
{
    struct store_applied applied;
    struct error err = { 0 };
    cr_assert_eq(voice_reach(&laptop, 0, laptop.count, to, &applied, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(applied.quarantined, 0);
}

static void expect_refused(struct store_entry *entry, const char *word)
{
    struct store_written written;
    struct error err = { 0 };
    cr_expect_eq(store_write(site.store, "Test Oak", entry, 1, now += 1000, &written, &err), ERR_REFUSED);
    cr_expect_not_null(strstr(err.message, word), "%s", err.message);
}

Test(lasting, nobody_here_moves_a_placement_or_a_referral_to_another_person)
{
    struct store_entry entry;
    uint8_t referral[OP_ENTITY_BYTES];
    entry_placement(&world, &entry, "P-1", "GDN-002", "mandatory", "2026-06-01", "2026-11-27", "Mon Wed 09:30-15:30");
    expect_refused(&entry, "'participant'");
    entry_referral(&world, &entry, "R-1", "GDN-002", "2026-05-04");
    expect_refused(&entry, "'participant'");
    /* the referral of a placement is said once, and then it is that one */
    entry_placement(&world, &entry, "P-1", "GDN-001", "mandatory", "2026-06-01", "2026-11-20", "Mon Wed 09:30-15:30");
    entity_id(world.stream, "referral", "R-1", referral);
    record_set_id(&entry.record, "referral", referral);
    write_one(&entry);
    entity_id(world.stream, "referral", "R-2", referral);
    record_set_id(&entry.record, "referral", referral);
    expect_refused(&entry, "'referral'");
    is_of(&site, KIND_PLACEMENT, "P-1", "participant", "GDN-001");
    is_of(&site, KIND_PLACEMENT, "P-1", "referral", "R-1");
}

Test(lasting, a_record_made_by_hand_moves_nothing_whatever_arrives_first)
{
    struct store_entry entry;
    struct replica late;
    struct error err = { 0 };
    char digests[2][2 * SHA256_BYTES + 1];
    replica_start(&world, &late, CERTIFICATE_ROLE_AGENT);
    entry_placement(&world, &entry, "P-1", "GDN-002", "mandatory", "2026-06-01", "2026-11-20", "Mon Wed 09:30-15:30");
    voice_say(&laptop, &entry);
    entry_referral(&world, &entry, "R-1", "GDN-002", "2026-05-05");
    voice_say(&laptop, &entry);
    hear(&site);
    hear(&late);
    cr_assert_eq(replica_carry(&site, 0, SIZE_MAX, &late, &err), ERR_OK, "%s", err.message);
    struct replica *both[] = { &site, &late };
    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        is_of(both[i], KIND_PLACEMENT, "P-1", "participant", "GDN-001");
        is_of(both[i], KIND_REFERRAL, "R-1", "participant", "GDN-001");
        ends_on(both[i], "P-1", "2026-11-20");
        replica_digest(both[i], digests[i]);
    }
    cr_expect_str_eq(digests[0], digests[1]);
    replica_stop(&late);
}

Test(lasting, what_was_not_taken_waits_for_a_review)
{
    SCOPED(overwrite_list_fini) struct overwrite_list list = { 0 };
    struct store_entry entry;
    uint8_t people[2][OP_ENTITY_BYTES];
    struct error err = { 0 };
    entity_id(world.stream, "participant", "GDN-001", people[0]);
    entity_id(world.stream, "participant", "GDN-002", people[1]);
    entry_placement(&world, &entry, "P-1", "GDN-002", "mandatory", "2026-06-01", "2026-11-27", "Mon Wed 09:30-15:30");
    voice_say(&laptop, &entry);
    hear(&site);
    cr_assert_eq(query_overwrites(site.store, false, 10, &list, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(list.count, 1);
    cr_expect_str_eq(list.rows[0].field->name, "participant");
    cr_expect_arr_eq(list.rows[0].old_value.text.data, people[1], OP_ENTITY_BYTES, "what gave way");
    cr_expect_arr_eq(list.rows[0].new_value.text.data, people[0], OP_ENTITY_BYTES, "what stands");
    size_t reviewed;
    cr_assert_eq(store_overwrites_review(site.store, "Test Oak", list.rows[0].id, now += 1000, &reviewed, &err),
                 ERR_OK);
    cr_expect_eq(reviewed, 1);
}
