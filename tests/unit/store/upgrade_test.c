/* Replicas made with older tables open, and say what they said. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/clock.h"
#include "store/replica.h"
#include "world.h"

/* Back to the tables of version 1: what was acknowledged stood with the cursor, and a replica had one chain. */
static const char to_version_1[] =
    "CREATE TABLE old_state (only INTEGER PRIMARY KEY CHECK (only = 1), cursor INTEGER NOT NULL, "
    "acked_seq INTEGER NOT NULL, acked_link BLOB, receipt_seq INTEGER NOT NULL, receipt BLOB, clock_offset INTEGER, "
    "newest_hlc INTEGER NOT NULL, dirty_site INTEGER NOT NULL) STRICT;"
    "INSERT INTO old_state SELECT 1, s.cursor, c.acked_seq, c.acked_link, 0, NULL, s.clock_offset, "
    "w.newest_hlc, s.dirty_site FROM sync_state s, own_chain c JOIN author w ON w.id = c.author;"
    "DROP TABLE sync_state; ALTER TABLE old_state RENAME TO sync_state;"
    "DROP TRIGGER doubt_is_made_whole; DROP TRIGGER doubt_stands_whole; DROP VIEW doubt_wants; DROP VIEW erased_record;"
    "DROP TABLE enrolment_try;"
    "DROP TABLE bundle_state;"
    "DROP TABLE message_seen;"
    "DROP TABLE history_accepted; DROP TABLE kept_review; DROP TABLE volunteer_shift; DROP TABLE volunteer; DROP TABLE "
    "person; DROP TABLE "
    "audit;"
    "ALTER TABLE author DROP COLUMN centre_seq; ALTER TABLE author DROP COLUMN newest_hlc; DROP TABLE declined;"
    "DROP INDEX referral_received; DROP INDEX session_disputed; DROP INDEX flag_of_site;"
    "DROP TABLE signed_link; DROP TABLE erasure; ALTER TABLE author DROP COLUMN tree_seq; DROP TABLE tree_run; DROP "
    "TABLE checkpoint; "
    "DROP TABLE violation_acknowledged; DROP TABLE centre_violation; DROP TRIGGER checkpoint_key_stays; DROP TABLE "
    "checkpoint_key; DROP TABLE own_chain; DROP TABLE receipt; DROP TABLE receipt_certificate; "
    "DROP TRIGGER op_is_append_only; DROP TABLE forked_op; DROP TABLE fork;"
    "CREATE TRIGGER op_is_append_only BEFORE DELETE ON op "
    "BEGIN SELECT RAISE(ABORT, 'evidence is append-only: a record cannot be deleted'); END;"
    "DROP TABLE attendance;"
    "CREATE TABLE attendance (placement BLOB NOT NULL, day INTEGER NOT NULL, slot INTEGER NOT NULL, op INTEGER NOT "
    "NULL, "
    "outcome INTEGER NOT NULL CHECK (outcome BETWEEN 1 AND 7), minutes INTEGER, reason TEXT, hlc INTEGER NOT NULL, "
    "head INTEGER NOT NULL, PRIMARY KEY (placement, day, slot, op)) STRICT, WITHOUT ROWID;"
    "PRAGMA user_version = 1;";

static void record_a_little(struct world *world, struct replica *replica)
{
    struct store_entry entry;
    int64_t now_ms = clock_wall_ms();
    entry_participant(world, &entry, "GDN-1", "Invented Person");
    replica_write(replica, &entry, now_ms);
    entry_placement(world, &entry, "P-1", "GDN-1", "mandatory", "2026-06-01", "2026-06-30", "Mon Wed 09:30-15:30");
    replica_write(replica, &entry, now_ms);
    entry_attendance(world, &entry, "P-1", "2026-06-01", 0, OUTCOME_ATTENDED, 300, NULL);
    replica_write(replica, &entry, now_ms);
}

Test(upgrade, a_replica_of_version_1_keeps_its_records_and_its_place)
{
    struct world world;
    struct replica one;
    struct error err = { 0 };
    struct store_applied applied;
    struct store_sync sync;
    struct store_verified verified;
    char before[65];
    char after[65];
    world_init(&world);
    replica_start(&world, &one, CERTIFICATE_ROLE_AGENT);
    record_a_little(&world, &one);
    struct store_receipt receipt = { .incarnation = one.identity.incarnation, .acked_seq = 2 };
    struct store_order order = { .run = STORE_ORDER_OWN, .count = 2 };
    struct store_exchange exchange = { .placed = true,
                                       .cursor = 2,
                                       .head = 9,
                                       .order = &order,
                                       .order_count = 1,
                                       .own_incarnation = one.identity.incarnation,
                                       .receipt = &receipt,
                                       .received_at_ms = clock_wall_ms() };
    cr_assert_eq(store_apply(one.store, &exchange, &applied, &err), ERR_OK, "%s", err.message);
    replica_digest(&one, before);
    cr_assert_eq(db_exec(&one.store->db, to_version_1, &err), ERR_OK, "%s", err.message);
    replica_close_files(&one);
    replica_open_files(&one);
    replica_digest(&one, after);
    cr_assert_str_eq(before, after);
    cr_assert_eq(store_sync_read(one.store, &sync, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(sync.cursor, 0, "the order of the stream was not kept: it is read once more");
    cr_assert_eq(sync.acked_seq, 2);
    cr_assert_eq(sync.pending_ops, 1);
    cr_assert_eq(store_verify(one.store, &verified, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(store_restored(one.store, clock_wall_ms(), &err), ERR_OK, "%s", err.message);
    struct store_entry entry;
    entry_participant(&world, &entry, "GDN-2", "Another");
    replica_write(&one, &entry, clock_wall_ms());
    cr_assert_eq(store_sync_read(one.store, &sync, &err), ERR_OK);
    cr_assert_eq(sync.pending_ops, 2);
    cr_assert_eq(sync.incarnation, one.identity.incarnation, "the oldest with something to send comes first");
    cr_assert_neq(sync.recording, one.identity.incarnation);
    replica_stop(&one);
    world_fini(&world);
}

static void expect_made_again_after(const char *change)
{
    struct world world;
    struct replica one;
    struct error err = { 0 };
    struct store_verified verified;
    char before[65];
    char after[65];
    world_init(&world);
    replica_start(&world, &one, CERTIFICATE_ROLE_AGENT);
    record_a_little(&world, &one);
    replica_digest(&one, before);
    cr_assert_eq(db_exec(&one.store->db, change, &err), ERR_OK, "%s", err.message);
    replica_close_files(&one);
    replica_open_files(&one);
    replica_digest(&one, after);
    cr_expect_str_eq(before, after);
    cr_expect_eq(store_verify(one.store, &verified, &err), ERR_OK, "%s", err.message);
    record_a_little(&world, &one);
    replica_stop(&one);
    world_fini(&world);
}

/* A table that is missing is one that a later text of folded.sql brought. */
Test(upgrade, tables_that_another_version_folded_are_made_again)
{
    expect_made_again_after("UPDATE folded_from SET sha256 = zeroblob(32); DROP TABLE referral_out_before; "
                            "DROP TABLE compliance_doubt; CREATE TABLE compliance_doubt (id BLOB) STRICT");
}

Test(upgrade, tables_of_which_nothing_says_who_folded_them_are_made_again)
{
    expect_made_again_after("DROP TABLE folded_from; DELETE FROM participant");
}

Test(upgrade, tables_that_this_version_folded_are_left_as_they_are)
{
    struct world world;
    struct replica one;
    struct error err = { 0 };
    char before[65];
    char after[65];
    world_init(&world);
    replica_start(&world, &one, CERTIFICATE_ROLE_AGENT);
    record_a_little(&world, &one);
    cr_assert_eq(db_exec(&one.store->db, "DELETE FROM participant", &err), ERR_OK, "%s", err.message);
    replica_digest(&one, before);
    replica_close_files(&one);
    replica_open_files(&one);
    replica_digest(&one, after);
    cr_expect_str_eq(before, after);
    replica_stop(&one);
    world_fini(&world);
}

Test(upgrade, tables_of_a_later_version_are_left_alone)
{
    struct world world;
    struct replica one;
    struct error err = { 0 };
    struct store *store = NULL;
    world_init(&world);
    replica_start(&world, &one, CERTIFICATE_ROLE_AGENT);
    cr_assert_eq(db_exec(&one.store->db, "PRAGMA user_version = 4", &err), ERR_OK);
    replica_close_files(&one);
    struct vault_unlock unlock = { VAULT_SLOT_KEY_FILE, world_vault_key, VAULT_KEY_FILE_BYTES };
    cr_assert_eq(vault_open(one.path, &unlock, &one.vault, &err), ERR_OK, "%s", err.message);
    struct store_options options = { .cache_kib = 2048, .programme = programme_default() };
    cr_assert_eq(store_open(one.vault, &options, &store, &err), ERR_UNSUPPORTED, "%s", err.message);
    replica_stop(&one);
    world_fini(&world);
}
