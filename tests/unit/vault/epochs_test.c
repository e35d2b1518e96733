#include "world.h"

#include <string.h>

#include "crypto/digest.h"
#include "crypto/vault/keys_image.h"

/* Several data keys at once: which one seals, which open, and what the keys file may say of them. */

TestSuite(vault_epochs);

enum { STATE = 4, SEALS = 1, OPENS = 2 };

/* Epochs in memory
 * ----------------------------------------------------------------------------------------------------------------- */

static void add(struct epochs *epochs, uint32_t number)
{
    struct secret key;
    struct error err;
    cr_assert_eq(secret_random(DATA_KEY_BYTES, &key, &err), ERR_OK);
    cr_assert_eq(epochs_add(epochs, number, &key, 0, &err), ERR_OK, "%s", err.message);
    secret_free(&key);
}

static void begin(struct epochs *epochs, struct seals *seals)
{
    static const uint8_t FILE_ID[16] = { 5 };
    struct error err;
    cr_assert_eq(secret_init(&err), ERR_OK);
    epochs_init(epochs, NULL, NULL);
    epochs_set_file_id(epochs, FILE_ID);
    add(epochs, 1);
    seals_init(seals, epochs, EPOCH_PAGES);
}

static void close_page(struct seals *seals, uint32_t number, uint8_t sealed[PAGE_BYTES])
{
    static const uint8_t PAGE[PAGE_BYTES] = "some words";
    struct seal *seal;
    struct error err;
    cr_assert_eq(seals_newest(seals, &seal, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(seal_close_page(seal, number, PAGE, sealed, &err), ERR_OK);
}

static enum err_code open_page(struct seals *seals, uint32_t number, const uint8_t sealed[PAGE_BYTES],
                               struct error *err)
{
    static const uint8_t ZERO[PAGE_BYTES] = { 0 };
    uint8_t opened[PAGE_BYTES];
    enum err_code rc = seals_open_page(seals, number, sealed, opened, err);
    cr_assert(rc == ERR_OK ? strcmp((const char *)opened, "some words") == 0 : memcmp(opened, ZERO, PAGE_BYTES) == 0);
    return rc;
}

Test(vault_epochs, seal_with_the_newest_and_open_with_each)
{
    struct epochs epochs;
    struct seals seals;
    struct error err;
    uint8_t sealed[EPOCHS_MAX][PAGE_BYTES];
    begin(&epochs, &seals);
    for (uint32_t i = 0; i < EPOCHS_MAX; i++) {
        close_page(&seals, 7, sealed[i]);
        cr_assert_eq(seal_epoch_of(sealed[i]), i + 1);
        if (i + 1 < EPOCHS_MAX) {
            add(&epochs, i + 2);
        }
    }
    for (size_t i = 0; i < EPOCHS_MAX; i++) {
        cr_assert_eq(open_page(&seals, 7, sealed[i], &err), ERR_OK, "%s", err.message);
    }
    seals_fini(&seals);
    epochs_fini(&epochs);
}

Test(vault_epochs, that_were_removed_open_nothing_any_more)
{
    struct epochs epochs;
    struct seals seals;
    struct error err;
    uint8_t old[PAGE_BYTES];
    uint8_t new[PAGE_BYTES];
    begin(&epochs, &seals);
    close_page(&seals, 7, old);
    add(&epochs, 2);
    close_page(&seals, 7, new);
    cr_assert_eq(open_page(&seals, 7, old, &err), ERR_OK, "the handle has its contexts ready");

    epochs_remove_before(&epochs, 2);

    cr_assert_eq(open_page(&seals, 7, old, &err), ERR_DAMAGED);
    cr_assert_not_null(strstr(err.message, "key epoch 1"), "%s", err.message);
    cr_assert_eq(open_page(&seals, 7, new, &err), ERR_OK);
    cr_assert_null(epochs.entries[0].keys[EPOCH_PAGES].bytes);
    seals_fini(&seals);
    epochs_fini(&epochs);
}

Test(vault_epochs, are_bound_to_their_pages)
{
    struct epochs epochs;
    struct seals seals;
    struct error err;
    uint8_t sealed[PAGE_BYTES];
    begin(&epochs, &seals);
    close_page(&seals, 7, sealed);
    add(&epochs, 2);
    static const uint32_t OTHERS[] = { 0, 2, 3, UINT32_MAX };
    for (size_t i = 0; i < ARRAY_LEN(OTHERS); i++) {
        put_be32(sealed + PAGE_BYTES - 4, OTHERS[i]);
        cr_assert_eq(open_page(&seals, 7, sealed, &err), ERR_DAMAGED, "epoch %u", OTHERS[i]);
    }
    seals_fini(&seals);
    epochs_fini(&epochs);
}

/* Epochs in the keys file
 * ----------------------------------------------------------------------------------------------------------------- */

static enum err_code parse_summed(struct keys *keys, struct error *err)
{
    struct keys parsed;
    struct slice summed = slice_of(keys->image, AT_CHECKSUM);
    sha256(&summed, 1, keys->image + AT_CHECKSUM);
    return keys_parse(slice_of(keys->image, KEYS_FILE_BYTES), &parsed, err);
}

static struct keys keys_with_two(void)
{
    struct keys keys = { 0 };
    struct error err;
    cr_assert_eq(secret_init(&err), ERR_OK);
    cr_assert_eq(keys_make(&WORLD_UNLOCK, &keys, &err), ERR_OK);
    cr_assert_eq(keys_epoch_begin(&keys, &err), ERR_OK);
    cr_assert_eq(parse_summed(&keys, &err), ERR_OK, "%s", err.message);
    return keys;
}

static uint8_t *entry(struct keys *keys, size_t number)
{
    return keys->image + AT_EPOCHS + number * EPOCH_BYTES;
}

Test(vault_epochs, of_a_keys_file_are_refused_unless_the_newest_alone_seals)
{
    static const struct {
        uint32_t first;
        uint32_t first_state;
        uint32_t second;
        uint32_t second_state;
        enum err_code rc;
    } CASES[] = {
        { 1, OPENS, 2, SEALS, ERR_OK },
        { 9, SEALS, 7, OPENS, ERR_OK },
        { 0, 0, 2, SEALS, ERR_OK },
        { 1, SEALS, 2, SEALS, ERR_DAMAGED },
        { 1, OPENS, 2, OPENS, ERR_DAMAGED },
        { 2, OPENS, 1, SEALS, ERR_DAMAGED },
        { 2, OPENS, 2, SEALS, ERR_DAMAGED },
        { 0, 0, 0, 0, ERR_DAMAGED },
        { 1, OPENS, UINT32_MAX, SEALS, ERR_DAMAGED },
        { 1, OPENS, 2, 3, ERR_UNSUPPORTED },
        { 1, 0, 2, SEALS, ERR_UNSUPPORTED },
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct error err;
        struct keys keys = keys_with_two();
        put_be32(entry(&keys, 0), CASES[i].first);
        put_be32(entry(&keys, 0) + STATE, CASES[i].first_state);
        put_be32(entry(&keys, 1), CASES[i].second);
        put_be32(entry(&keys, 1) + STATE, CASES[i].second_state);
        cr_assert_eq(parse_summed(&keys, &err), CASES[i].rc, "case %zu", i);
        keys_fini(&keys);
    }
}

Test(vault_epochs, use_a_number_once_and_no_more_places_than_there_are)
{
    struct error err;
    struct keys keys = keys_with_two();
    for (size_t i = 2; i < KEYS_EPOCHS; i++) {
        cr_assert_eq(keys_epoch_begin(&keys, &err), ERR_OK, "%s", err.message);
    }
    cr_assert_eq(keys_epoch_begin(&keys, &err), ERR_LIMIT);
    cr_assert_eq(keys_epochs_retire(&keys, KEYS_EPOCHS, &err), ERR_OK);
    for (size_t i = 0; i + 1 < KEYS_EPOCHS; i++) {
        cr_assert_eq(keys_epoch_begin(&keys, &err), ERR_OK, "%s", err.message);
    }
    uint32_t highest = 0;
    for (size_t i = 0; i < KEYS_EPOCHS; i++) {
        highest = keys_epoch_at(&keys, i).number > highest ? keys_epoch_at(&keys, i).number : highest;
    }
    cr_assert_eq(highest, 2 * KEYS_EPOCHS - 1);
    keys_fini(&keys);
}

/* A data key is wrapped for its number: two that change places do not open. */
Test(vault_epochs, do_not_change_places)
{
    struct error err;
    struct secret key;
    struct keys keys = keys_with_two();
    uint8_t first[EPOCH_BYTES];
    memcpy(first, entry(&keys, 0) + 8, 60);
    memcpy(entry(&keys, 0) + 8, entry(&keys, 1) + 8, 60);
    memcpy(entry(&keys, 1) + 8, first, 60);
    cr_assert_eq(keys_epoch_data_key(&keys, 0, &key, &err), ERR_DAMAGED);
    cr_assert_eq(keys_epoch_data_key(&keys, 1, &key, &err), ERR_DAMAGED);
    keys_fini(&keys);
}

/* The log across an epoch
 * ----------------------------------------------------------------------------------------------------------------- */

static void rows_are(sqlite3 *db, int count)
{
    integrity_ok(db);
    cr_assert_eq(sql_number(db, "SELECT count(*) FROM t"), count);
}

Test(vault_epochs, may_begin_in_the_middle_of_a_round_of_the_log)
{
    struct world world;
    struct error err;
    world_make(&world);
    world_open(&world);
    sql(world.db, "CREATE TABLE t(a, b); PRAGMA wal_autocheckpoint=0; PRAGMA wal_checkpoint(TRUNCATE)");
    for (int round = 0; round < 3; round++) {
        sql(world.db, "INSERT INTO t VALUES (1, randomblob(9000))");
        cr_assert_eq(vault_epoch_begin(world.vault, &err), ERR_OK, "%s", err.message);
        sql(world.db, "INSERT INTO t VALUES (2, randomblob(9000))");

        struct world copy;
        world_copy(&world, &copy);
        world_open(&copy);
        rows_are(copy.db, 2 * (round + 1));
        world_fini(&copy);
    }
    /* a second handle has read the log under its old header; the first begins it anew under another epoch */
    sqlite3 *other = NULL;
    cr_assert_eq(vault_open_database(world.vault, 64, &other, &err), ERR_OK, "%s", err.message);
    rows_are(other, 6);
    sql(world.db, "PRAGMA wal_checkpoint(RESTART); INSERT INTO t VALUES (3, randomblob(9000))");
    rows_are(other, 7);
    sql(other, "INSERT INTO t VALUES (4, randomblob(9000))");
    rows_are(world.db, 8);
    cr_assert_eq(sqlite3_close(other), SQLITE_OK);
    world_shut(&world);
    world_open(&world);
    rows_are(world.db, 8);
    world_fini(&world);
}

/* A crash between the two copies of the keys file, when a key was taken out of the first. */
Test(vault_epochs, taken_out_do_not_come_back_from_the_previous_copy)
{
    struct world world;
    struct vault_rekey_progress progress = { .running = true };
    struct keys previous;
    struct error err;
    world_make(&world);
    world_open(&world);
    sql(world.db, "CREATE TABLE t(a, b)");
    cr_assert_eq(vault_rekey_begin(world.vault, &err), ERR_OK);
    copy_file(world_file(&world, ".keys"), world_file(&world, ".other"));
    while (progress.running) {
        cr_assert_eq(vault_rekey_step(world.vault, 64, &progress, &err), ERR_OK, "%s", err.message);
    }
    world_shut(&world);
    copy_file(world_file(&world, ".other"), world_file(&world, ".keys.prev"));

    world_open(&world);

    cr_assert_eq(keys_read(world.path, true, &previous, &err), ERR_OK);
    cr_assert_eq(keys_epoch_at(&previous, 0).number, 0);
    cr_assert_eq(keys_epoch_at(&previous, 1).number, 2);
    rows_are(world.db, 0);
    world_fini(&world);
}
