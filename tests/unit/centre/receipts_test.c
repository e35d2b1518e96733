/* The centre's receipts that a device keeps: store_verify looks at each, over the link that is here. */
#include <criterion/criterion.h>
#include <string.h>

#include "store/replica.h"
#include "world.h"

static struct centre_world world;
static struct laptop laptop;

static void sync_now(void)
{
    cr_assert_eq(laptop_sync(&laptop), ERR_OK, "%s", world.err.message);
}

static void begin(void)
{
    world_open(&world);
    laptop_enrol(&world, "garden", &laptop);
    laptop_record(&laptop, 3);
    sync_now();
    laptop_record(&laptop, 4);
    sync_now();
}

static void end(void)
{
    laptop_fini(&laptop);
    world_close(&world);
}

TestSuite(receipts, .init = begin, .fini = end, .timeout = 60);

static uint64_t receipts_verified(void)
{
    struct store_verified verified;
    struct error err = { 0 };
    cr_assert_eq(store_verify(laptop.store, &verified, &err), ERR_OK, "%s", err.message);
    return verified.receipts;
}

static void alter(const char *sql)
{
    struct error err = { 0 };
    cr_assert_eq(db_exec(&laptop.store->db, sql, &err), ERR_OK, "%s", err.message);
}

/* Named: the record, the device, the cause, and what can be done. */
static void expect_named(const char *record, const char *cause)
{
    struct store_verified verified;
    struct error err = { 0 };
    char device[2 * DEVICE_ID_BYTES + 1];
    hex_encode(laptop.identity.device, DEVICE_ID_BYTES, device);
    device[8] = '\0';
    cr_assert_eq(store_verify(laptop.store, &verified, &err), ERR_HISTORY);
    const char *const words[] = { "receipt", record, device, cause, "holdfast restore" };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        cr_expect(strstr(err.message, words[i]) != NULL, "no '%s' in: %s", words[i], err.message);
    }
}

Test(receipts, each_that_is_kept_is_verified)
{
    cr_assert_eq(receipts_verified(), 2);
    laptop_record(&laptop, 1);
    cr_assert_eq(receipts_verified(), 2, "what waits has none");
    sync_now();
    cr_assert_eq(receipts_verified(), 3);
}

Test(receipts, those_of_a_branch_set_aside_are_verified_over_its_links)
{
    struct laptop twin;
    laptop_clone(&laptop, &twin);
    world_save(&world);
    laptop_record(&laptop, 2);
    sync_now(); /* a receipt for record 9 */
    world_put_back(&world);
    laptop_record(&twin, 1);
    cr_assert_eq(laptop_sync(&twin), ERR_OK, "%s", world.err.message); /* another record 8 is at the centre now */
    sync_now();
    struct store_verified verified;
    struct error err = { 0 };
    cr_assert_eq(store_verify(laptop.store, &verified, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(verified.set_aside, 2);
    cr_assert_eq(verified.receipts, 5,
                 "those for 3, 7 and the other 8, for 9 of the branch, and for what was issued again");
    alter("DROP TRIGGER receipt_never_changes; UPDATE receipt SET at = at + 1 WHERE fork <> 0");
    expect_named("record 9 ", "signature does not fit");
    laptop_fini(&twin);
}

Test(receipts, a_time_that_was_changed_is_named)
{
    alter("DROP TRIGGER receipt_never_changes; UPDATE receipt SET at = at + 1 WHERE seq = 3");
    expect_named("record 3 ", "signature does not fit");
}

Test(receipts, a_signature_that_was_cut_is_named)
{
    alter("DROP TRIGGER receipt_never_changes; UPDATE receipt SET signature = x'30' WHERE seq = 7");
    expect_named("record 7 ", "signature does not fit");
}

Test(receipts, one_that_is_put_at_another_record_is_named)
{
    alter("DROP TRIGGER receipt_never_changes; UPDATE receipt SET seq = 5 WHERE seq = 3");
    expect_named("record 5 ", "signature does not fit");
}

Test(receipts, one_of_a_record_that_is_not_here_is_named)
{
    alter("DROP TRIGGER receipt_never_changes; UPDATE receipt SET seq = 99 WHERE seq = 7");
    expect_named("record 99 ", "not here");
}

Test(receipts, one_of_a_branch_that_is_not_here_is_named)
{
    alter("UPDATE receipt SET fork = 5 WHERE seq = 7");
    expect_named("record 7 ", "no chain and no branch");
}

Test(receipts, one_under_a_certificate_that_is_not_the_centres_is_named)
{
    alter("UPDATE receipt_certificate SET certificate = (SELECT certificate FROM identity)");
    expect_named("record 3 ", "vouches");
}

Test(receipts, one_older_than_the_certificate_of_who_signed_it_is_named)
{
    alter("DROP TRIGGER receipt_never_changes; UPDATE receipt SET at = 1000 WHERE seq = 7");
    expect_named("record 7 ", "older than the certificate");
}

Test(receipts, one_under_an_authority_that_is_not_known_here_is_named)
{
    struct authority *stranger;
    struct error err = { 0 };
    cr_assert_eq(authority_new("Stranger", world.now_ms, &stranger, &err), ERR_OK, "%s", err.message);
    sqlite3_stmt *s;
    cr_assert_eq(db_statement(&laptop.store->db, "UPDATE identity SET ca = ?1", &s, &err), ERR_OK);
    bind_slice(s, 1, authority_certificate(stranger));
    cr_assert_eq(db_run(&laptop.store->db, s, &err), ERR_OK);
    expect_named("record 3 ", "vouches");
    authority_free(stranger);
}
