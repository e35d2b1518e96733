/* How a replica keeps its device's private key. */
#include <criterion/criterion.h>

#include "store/replica.h"
#include "world.h"

static struct world world;
static struct replica one;
static struct error err;

static void start(void)
{
    world_init(&world);
    replica_start(&world, &one, CERTIFICATE_ROLE_AGENT);
}

static void stop(void)
{
    replica_stop(&one);
    world_fini(&world);
}

TestSuite(store_device_key, .init = start, .fini = stop);

static bool row_holds(const struct secret *key)
{
    sqlite3_stmt *s;
    bool row;
    cr_assert_eq(db_statement(&one.store->db, "SELECT key FROM identity", &s, &err), ERR_OK);
    cr_assert_eq(db_step(&one.store->db, s, &row, &err), ERR_OK);
    cr_assert(row);
    struct slice kept = column_slice(s, 0);
    bool holds = memmem(kept.data, kept.len, key->bytes, key->len) != NULL;
    sqlite3_reset(s);
    return holds;
}

static void assert_read_back(void)
{
    struct store_identity identity;
    cr_assert_eq(store_identity_read(one.store, &identity, &err), ERR_OK, "%s", err.message);
    cr_assert(secret_equal(slice_of(identity.key_pkcs8.bytes, identity.key_pkcs8.len),
                           slice_of(one.identity.key_pkcs8.bytes, one.identity.key_pkcs8.len)));
    store_identity_fini(&identity);
}

Test(store_device_key, is_closed_in_its_row_and_comes_back)
{
    cr_assert_not(row_holds(&one.identity.key_pkcs8));
    assert_read_back();
}

Test(store_device_key, of_a_replica_by_an_earlier_version_is_closed_when_it_is_opened)
{
    sqlite3_stmt *s;
    cr_assert_eq(db_statement(&one.store->db, "UPDATE identity SET key = ?1", &s, &err), ERR_OK);
    bind_slice(s, 1, slice_of(one.identity.key_pkcs8.bytes, one.identity.key_pkcs8.len));
    cr_assert_eq(db_run(&one.store->db, s, &err), ERR_OK, "%s", err.message);
    cr_assert(row_holds(&one.identity.key_pkcs8));
    replica_close_files(&one);
    replica_open_files(&one);
    cr_assert_not(row_holds(&one.identity.key_pkcs8));
    assert_read_back();
}
