/* A second view of the replica, beside the one that writes. */
#include <criterion/criterion.h>
#include <string.h>

#include "store/replica.h"
#include "tests/unit/store/world.h"

static struct world world;
static struct replica one;
static struct store *reader;
static struct store_progress progress;

static void add_person(const char *ref)
{
    struct store_entry entry;
    entry_participant(&world, &entry, ref, "Invented Tester");
    replica_write(&one, &entry, 0);
}

static void start(void)
{
    struct error err;
    world_init(&world);
    replica_start(&world, &one, CERTIFICATE_ROLE_AGENT);
    add_person("GDN-001");
    atomic_store(&progress.stop, false);
    cr_assert_eq(store_open_reader(one.store, &progress, &reader, &err), ERR_OK, "%s", err.message);
}

static void end(void)
{
    store_close(reader);
    replica_stop(&one);
    world_fini(&world);
}

TestSuite(reader, .init = start, .fini = end);

static bool knows(struct store *store, const char *ref)
{
    struct row_id id;
    struct error err;
    enum err_code rc = query_find(store, KIND_PARTICIPANT, ref, &id, &err);
    cr_assert(rc == ERR_OK || rc == ERR_NOT_FOUND, "%s", err.message);
    return rc == ERR_OK;
}

Test(reader, has_what_was_there_when_it_was_opened_whatever_is_recorded_meanwhile)
{
    add_person("GDN-002");
    cr_expect(knows(reader, "GDN-001"));
    cr_expect_not(knows(reader, "GDN-002"));
    cr_expect(knows(one.store, "GDN-002"));
}

Test(reader, knows_whose_replica_it_reads)
{
    struct store_entry entry;
    struct row_id id;
    struct error err;
    entry_contact(&world, &entry, "C-1", "GDN-003", "2026-06-10", NULL);
    replica_write(&one, &entry, day_of("2026-06-10") * (int64_t)86400000);
    store_close(reader);
    cr_assert_eq(store_open_reader(one.store, &progress, &reader, &err), ERR_OK, "%s", err.message);
    cr_expect_eq(query_find_unrecorded(reader, "GDN-003", &id, &err), ERR_OK, "found by the ids of its site");
}

Test(reader, ends_what_it_does_once_it_is_told_to)
{
    struct store_verified verified;
    struct error err;
    atomic_store(&progress.stop, true);
    cr_expect_eq(store_verify(reader, &verified, &err), ERR_BUSY);
    cr_expect(knows(one.store, "GDN-001"), "the other one goes on");
}

Test(reader, is_verified_as_of_its_moment_beside_the_replica)
{
    struct store_verified verified;
    struct store_verified later;
    struct error err;
    add_person("GDN-002");
    cr_assert_eq(store_verify(reader, &verified, &err), ERR_OK, "%s", err.message);
    cr_expect_eq(verified.ops, 1);
    cr_expect_eq(atomic_load(&progress.total), 0, "none goes on any more");
    add_person("GDN-003");
    cr_assert_eq(store_verify(one.store, &later, &err), ERR_OK, "%s", err.message);
    cr_expect_eq(later.ops, 3);
    cr_expect(memcmp(later.digest, verified.digest, SHA256_BYTES) != 0);
}

Test(reader, writes_nothing_to_the_replica_after_it_was_verified_either)
{
    struct store_verified verified;
    struct error err;
    cr_assert_eq(store_verify(reader, &verified, &err), ERR_OK, "%s", err.message);
    cr_expect_neq(db_exec(&reader->db, "DELETE FROM main.participant", &err), ERR_OK);
    cr_expect_neq(db_exec(&reader->db, "UPDATE author SET newest_seq = 9", &err), ERR_OK);
    cr_expect_neq(db_exec(&reader->db, "INSERT INTO main.dirty_placement VALUES (x'00')", &err), ERR_OK);
    cr_expect_neq(db_exec(&reader->db, "DROP TABLE main.participant", &err), ERR_OK);
    cr_expect_neq(db_exec(&reader->db, "ATTACH 'elsewhere' AS elsewhere", &err), ERR_OK);
    cr_expect_eq(db_exec(&reader->db, "DELETE FROM participant", &err), ERR_OK, "its own: %s", err.message);
    cr_expect(knows(one.store, "GDN-001"));
    add_person("GDN-002"); /* nothing holds the log */
}

Test(reader, refuses_to_write)
{
    struct error err;
    cr_expect_neq(store_rebuild(reader, &err), ERR_OK);
    cr_expect(knows(one.store, "GDN-001"));
}
