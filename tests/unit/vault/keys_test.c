#include "world.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/digest.h"

/* The keys file: secrets, slots, copies, and what a hostile one may not do. */

static void cheap_scrypt(void)
{
    vault_test_set_scrypt_log2n(10);
}

TestSuite(vault_keys, .timeout = 300, .init = cheap_scrypt);

static struct vault_unlock passphrase(const char *text)
{
    return (struct vault_unlock){ .kind = VAULT_SLOT_PASSPHRASE,
                                  .secret = (const uint8_t *)text,
                                  .secret_len = strlen(text) };
}

static struct vault_unlock key_file(uint8_t bytes[VAULT_KEY_FILE_BYTES], uint8_t fill)
{
    memset(bytes, fill, VAULT_KEY_FILE_BYTES);
    return (struct vault_unlock){ .kind = VAULT_SLOT_KEY_FILE, .secret = bytes, .secret_len = VAULT_KEY_FILE_BYTES };
}

static enum err_code try_open(const struct world *world, const struct vault_unlock *unlock)
{
    struct vault *vault = NULL;
    struct error err;
    enum err_code rc = vault_open(world->path, unlock, &vault, &err);
    vault_close(vault);
    return rc;
}

Test(vault_keys, take_the_right_passphrase_only)
{
    struct world world;
    world_make(&world);
    struct vault_unlock right = passphrase("tomatoes, beans and a spade");
    struct vault_unlock wrong = passphrase("tomatoes, beans and a spad");
    (void)unlink(world_file(&world, ".keys"));
    (void)unlink(world_file(&world, ".keys.prev"));
    struct error err;
    cr_assert_eq(vault_create(world.path, &right, &err), ERR_OK, "%s", err.message);

    cr_assert_eq(try_open(&world, &right), ERR_OK);
    cr_assert_eq(try_open(&world, &wrong), ERR_KEY);
    cr_assert_eq(try_open(&world, &WORLD_UNLOCK), ERR_KEY);
    world_fini(&world);
}

Test(vault_keys, refuse_secrets_of_impossible_length)
{
    struct world world;
    world_make(&world);
    struct vault_unlock empty = passphrase("");
    struct vault_unlock cut = WORLD_UNLOCK;
    cut.secret_len--;

    cr_assert_eq(try_open(&world, &empty), ERR_INVALID);
    cr_assert_eq(try_open(&world, &cut), ERR_INVALID);
    world_fini(&world);
}

Test(vault_keys, are_not_made_over_a_vault)
{
    struct world world;
    world_make(&world);
    struct error err;

    cr_assert_eq(vault_create(world.path, &WORLD_UNLOCK, &err), ERR_CONFLICT);
    world_fini(&world);
}

Test(vault_keys, of_a_vault_that_is_not_there_are_not_found)
{
    struct world world;
    world_make(&world);
    (void)unlink(world_file(&world, ".keys"));
    (void)unlink(world_file(&world, ".keys.prev"));

    cr_assert_eq(try_open(&world, &WORLD_UNLOCK), ERR_NOT_FOUND);
    cr_assert_not(vault_exists(world.path));
    world_fini(&world);
}

Test(vault_keys, gone_while_a_database_is_there_is_damage)
{
    struct world world;
    world_make(&world);
    world_open(&world);
    world_shut(&world);
    (void)unlink(world_file(&world, ".keys"));
    (void)unlink(world_file(&world, ".keys.prev"));
    struct error err;

    cr_assert_eq(try_open(&world, &WORLD_UNLOCK), ERR_DAMAGED);
    cr_assert_eq(vault_create(world.path, &WORLD_UNLOCK, &err), ERR_CONFLICT);
    world_fini(&world);
}

Test(vault_keys, come_back_from_the_previous_copy)
{
    struct world world;
    world_make(&world);
    world_open(&world);
    sql(world.db, "CREATE TABLE t(a); INSERT INTO t VALUES(5)");
    world_shut(&world);
    flip_byte(world_file(&world, ".keys"), 1000);

    world_open(&world);

    cr_assert_eq(sql_number(world.db, "SELECT a FROM t"), 5);
    world_shut(&world);
    (void)unlink(world_file(&world, ".keys.prev"));
    cr_assert_eq(try_open(&world, &WORLD_UNLOCK), ERR_OK, "the keys file is whole again");
    world_fini(&world);
}

Test(vault_keys, damaged_twice_are_refused_and_left_alone)
{
    struct world world;
    world_make(&world);
    world_open(&world);
    world_shut(&world);
    flip_byte(world_file(&world, ".keys"), 70);
    flip_byte(world_file(&world, ".keys.prev"), 4200);
    long size = size_of(world.path);

    cr_assert_eq(try_open(&world, &WORLD_UNLOCK), ERR_DAMAGED);
    cr_assert_eq(size_of(world.path), size);
    world_fini(&world);
}

Test(vault_keys, with_any_byte_changed_do_not_parse)
{
    struct keys keys = { 0 };
    struct error err;
    cr_assert_eq(secret_init(&err), ERR_OK);
    cr_assert_eq(keys_make(&WORLD_UNLOCK, &keys, &err), ERR_OK);
    for (size_t at = 0; at < KEYS_FILE_BYTES; at++) {
        struct keys parsed = { 0 };
        keys.image[at] ^= 1;
        cr_assert_neq(keys_parse(slice_of(keys.image, KEYS_FILE_BYTES), &parsed, &err), ERR_OK, "byte %zu", at);
        keys.image[at] ^= 1;
    }
    for (size_t len = 0; len < KEYS_FILE_BYTES; len += 61) {
        struct keys parsed = { 0 };
        cr_assert_eq(keys_parse(slice_of(keys.image, len), &parsed, &err), ERR_DAMAGED, "%zu bytes", len);
    }
    keys_fini(&keys);
}

static void sum_again(struct keys *keys)
{
    struct slice summed = slice_of(keys->image, KEYS_FILE_BYTES - SHA256_BYTES);
    sha256(&summed, 1, keys->image + KEYS_FILE_BYTES - SHA256_BYTES);
}

Test(vault_keys, changed_by_somebody_who_makes_the_checksum_fit_are_refused)
{
    static const size_t AT[] = { 16,       39,       43,       64 + 24,   64 + 56, 64 + 88,
                                 64 + 147, 64 + 512, 4160 + 8, 4160 + 60, 4928,    5056 };
    for (size_t i = 0; i < ARRAY_LEN(AT); i++) {
        struct keys keys = { 0 };
        struct keys parsed = { 0 };
        struct error err;
        cr_assert_eq(secret_init(&err), ERR_OK);
        cr_assert_eq(keys_make(&WORLD_UNLOCK, &keys, &err), ERR_OK);
        keys.image[AT[i]] ^= 1;
        sum_again(&keys);

        enum err_code rc = keys_parse(slice_of(keys.image, KEYS_FILE_BYTES), &parsed, &err);
        rc = rc == ERR_OK ? keys_unlock(&parsed, &WORLD_UNLOCK, &err) : rc;

        cr_assert_neq(rc, ERR_OK, "byte %zu", AT[i]);
        keys_fini(&keys);
        keys_fini(&parsed);
    }
}

Test(vault_keys, that_ask_for_a_machine_full_of_memory_are_refused_before_it_is_taken)
{
    static const uint32_t COSTS[][3] = { { 40, 8, 1 }, { 21, 8, 1 }, { 20, 16, 1 }, { 17, 8, 200 },
                                         { 17, 0, 1 }, { 17, 8, 0 }, { 9, 8, 1 },   { 17, 1u << 30, 1 } };
    struct error err;
    cr_assert_eq(secret_init(&err), ERR_OK);
    for (size_t i = 0; i < ARRAY_LEN(COSTS); i++) {
        struct keys keys = { 0 };
        struct keys parsed = { 0 };
        struct vault_unlock unlock = passphrase("x");
        cr_assert_eq(keys_make(&unlock, &keys, &err), ERR_OK);
        put_be32(keys.image + 64 + 8, COSTS[i][0]);
        put_be32(keys.image + 64 + 12, COSTS[i][1]);
        put_be32(keys.image + 64 + 16, COSTS[i][2]);
        sum_again(&keys);

        cr_assert_eq(keys_parse(slice_of(keys.image, KEYS_FILE_BYTES), &parsed, &err), ERR_DAMAGED);
        keys_fini(&keys);
    }
}

Test(vault_keys, take_a_second_slot_and_lose_the_first)
{
    struct world world;
    world_make(&world);
    world_open(&world);
    struct vault_unlock added = passphrase("second way in");
    struct error err;

    cr_assert_eq(vault_slot_remove(world.vault, &WORLD_UNLOCK, 1, &err), ERR_REFUSED);
    cr_assert_eq(world_add_slot(world.vault, &added, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(try_open(&world, &added), ERR_OK);
    cr_assert_eq(try_open(&world, &WORLD_UNLOCK), ERR_OK);
    cr_assert_eq(vault_slot_remove(world.vault, &WORLD_UNLOCK, 1, &err), ERR_OK, "%s", err.message);

    cr_assert_eq(try_open(&world, &WORLD_UNLOCK), ERR_KEY);
    cr_assert_eq(try_open(&world, &added), ERR_OK);
    (void)unlink(world_file(&world, ".keys"));
    cr_assert_eq(try_open(&world, &WORLD_UNLOCK), ERR_KEY, "not through the previous copy either");
    cr_assert_eq(try_open(&world, &added), ERR_OK);
    world_fini(&world);
}

Test(vault_keys, have_eight_slots)
{
    struct world world;
    world_make(&world);
    world_open(&world);
    struct error err;
    uint8_t bytes[VAULT_KEY_FILE_BYTES];
    for (uint8_t i = 1; i < KEYS_SLOTS; i++) {
        struct vault_unlock slot = key_file(bytes, i);
        cr_assert_eq(world_add_slot(world.vault, &slot, &err), ERR_OK, "%s", err.message);
    }
    struct vault_unlock ninth = key_file(bytes, 99);

    cr_assert_eq(world_add_slot(world.vault, &ninth, &err), ERR_LIMIT);

    for (uint8_t i = 1; i < KEYS_SLOTS; i++) {
        struct vault_unlock slot = key_file(bytes, i);
        cr_assert_eq(try_open(&world, &slot), ERR_OK);
    }
    world_fini(&world);
}

Test(vault_keys, and_all_other_files_are_readable_by_their_owner_only)
{
    static const char *const SUFFIXES[] = { ".keys", ".keys.prev", ".fresh", "", "-wal" };
    struct world world;
    world_make(&world);
    world_open(&world);
    sql(world.db, "CREATE TABLE t(a)");
    for (size_t i = 0; i < ARRAY_LEN(SUFFIXES); i++) {
        struct stat about;
        cr_assert_eq(stat(world_file(&world, SUFFIXES[i]), &about), 0);
        cr_assert_eq(about.st_mode & 0777, 0600, "%s", SUFFIXES[i]);
    }
    world_fini(&world);
}
