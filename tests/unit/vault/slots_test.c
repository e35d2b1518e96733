#include "world.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crypto/digest.h"
#include "crypto/vault/kdf.h"
#include "crypto/vault/slots.h"

/* The ways to unlock: what each kind opens, who may change them, and what stays when something fails. */

static void cheap_scrypt(void)
{
    vault_test_set_scrypt_log2n(10);
}

TestSuite(vault_slots, .timeout = 300, .init = cheap_scrypt);

static struct vault_unlock secret_of(enum vault_slot_kind kind, const char *bytes, size_t len)
{
    return (struct vault_unlock){ .kind = kind, .secret = (const uint8_t *)bytes, .secret_len = len };
}

static struct vault_unlock passphrase(const char *text)
{
    return secret_of(VAULT_SLOT_PASSPHRASE, text, strlen(text));
}

static struct vault_unlock recovery(const char sixteen[])
{
    return secret_of(VAULT_SLOT_RECOVERY, sixteen, VAULT_RECOVERY_BYTES);
}

static struct vault_unlock credential(const char thirty_two[])
{
    return secret_of(VAULT_SLOT_CREDENTIAL, thirty_two, VAULT_KEY_FILE_BYTES);
}

static enum err_code try_open(const struct world *world, const struct vault_unlock *unlock)
{
    struct vault *vault = NULL;
    struct error err;
    enum err_code rc = vault_open(world->path, unlock, &vault, &err);
    vault_close(vault);
    return rc;
}

static int add(struct world *world, const struct vault_unlock *unlock, const char *label, int32_t created_on)
{
    struct vault_slot_new slot = { .unlock = *unlock, .label = label, .created_on = created_on };
    struct error err = { .message = "" };
    int number = 0;
    cr_assert_eq(vault_slot_add(world->vault, &WORLD_UNLOCK, &slot, &number, &err), ERR_OK, "%s", err.message);
    return number;
}

static size_t list(struct world *world, struct vault_slot slots[VAULT_SLOTS])
{
    struct error err = { .message = "" };
    size_t count = 0;
    cr_assert_eq(vault_slots_list(world->vault, slots, &count, &err), ERR_OK, "%s", err.message);
    return count;
}

static void start(struct world *world)
{
    world_make(world);
    world_open(world);
}

Test(vault_slots, of_each_kind_open_the_vault)
{
    static const char BYTES[] = "thirty-two bytes for a credential";
    struct world world;
    start(&world);
    struct vault_unlock words = recovery("sixteen bytes...");
    struct vault_unlock sealed = credential(BYTES);
    struct vault_unlock typed = passphrase("spoons in the left drawer");
    cr_assert_eq(add(&world, &words, NULL, 0), 2);
    cr_assert_eq(add(&world, &sealed, NULL, 0), 3);
    cr_assert_eq(add(&world, &typed, NULL, 0), 4);
    world_shut(&world);

    struct vault_unlock as_file = secret_of(VAULT_SLOT_KEY_FILE, BYTES, VAULT_KEY_FILE_BYTES);
    cr_assert_eq(try_open(&world, &words), ERR_OK);
    cr_assert_eq(try_open(&world, &sealed), ERR_OK);
    cr_assert_eq(try_open(&world, &typed), ERR_OK);
    cr_assert_eq(try_open(&world, &as_file), ERR_OK, "the agent reads a credential as a key file");
    struct vault_unlock wrong = recovery("sixteen bytes.. ");
    struct vault_unlock as_passphrase = passphrase("sixteen bytes...");
    cr_assert_eq(try_open(&world, &wrong), ERR_KEY);
    cr_assert_eq(try_open(&world, &as_passphrase), ERR_KEY, "a kind's secret opens slots of its kind only");
    world_fini(&world);
}

Test(vault_slots, are_listed_with_label_and_day)
{
    struct world world;
    struct vault_slot slots[VAULT_SLOTS];
    start(&world);
    struct vault_unlock words = recovery("sixteen bytes...");
    struct vault_unlock typed = passphrase("spoons in the left drawer");
    add(&world, &words, "envelope in the caf\xc3\xa9's safe, ok", 20000);
    add(&world, &typed, "", 20001);
    world_shut(&world);
    world_open(&world);

    cr_assert_eq(list(&world, slots), 3);
    cr_assert_eq(slots[0].number, 1);
    cr_assert_eq(slots[0].kind, VAULT_SLOT_KEY_FILE);
    cr_assert_str_eq(slots[0].label, "");
    cr_assert_eq(slots[1].number, 2);
    cr_assert_eq(slots[1].kind, VAULT_SLOT_RECOVERY);
    cr_assert_str_eq(slots[1].label, "envelope in the caf\xc3\xa9's safe, ok");
    cr_assert_eq(slots[1].created_on, 20000);
    cr_assert_str_eq(slots[2].label, "");
    cr_assert_eq(slots[2].created_on, 20001);
    world_fini(&world);
}

Test(vault_slots, keep_their_labels_to_themselves)
{
    static const char LABEL[] = "Rosemary's sealed envelope";
    uint8_t bytes[KEYS_FILE_BYTES];
    struct world world;
    start(&world);
    struct vault_unlock words = recovery("sixteen bytes...");
    add(&world, &words, LABEL, 0);
    FILE *file = fopen(world_file(&world, ".keys"), "rb");
    cr_assert_not_null(file);
    cr_assert_eq(fread(bytes, 1, sizeof(bytes), file), sizeof(bytes));
    (void)fclose(file);

    cr_assert_null(memmem(bytes, sizeof(bytes), "Rosemary", strlen("Rosemary")));
    cr_assert_null(memmem(bytes, sizeof(bytes), "sixteen bytes", strlen("sixteen bytes")));
    world_fini(&world);
}

Test(vault_slots, refuse_labels_that_are_too_long_or_no_text)
{
    static const char *const BAD[] = { "a label of more than thirty-two b", "\xff", "two\nlines", "\x1b[31m" };
    struct world world;
    start(&world);
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        struct vault_slot_new slot = { .unlock = passphrase("spoons"), .label = BAD[i] };
        struct error err;
        int number;
        cr_assert_eq(vault_slot_add(world.vault, &WORLD_UNLOCK, &slot, &number, &err), ERR_INVALID, "%zu", i);
    }
    world_fini(&world);
}

Test(vault_slots, change_only_for_who_can_open_the_vault)
{
    struct world world;
    struct vault_slot slots[VAULT_SLOTS];
    struct error err;
    int number;
    start(&world);
    struct vault_unlock owner = passphrase("the owner's passphrase");
    struct vault_unlock stranger = passphrase("the stranger's passphrase");
    add(&world, &owner, "owner", 0);
    struct vault_slot_new slot = { .unlock = stranger };

    cr_assert_eq(vault_slot_add(world.vault, &stranger, &slot, &number, &err), ERR_KEY);
    cr_assert_eq(vault_slot_change(world.vault, &stranger, 2, &slot, &number, &err), ERR_KEY);
    cr_assert_eq(vault_slot_change(world.vault, &stranger, 0, &slot, &number, &err), ERR_KEY);
    cr_assert_eq(vault_slot_remove(world.vault, &stranger, 1, &err), ERR_KEY);

    cr_assert_eq(list(&world, slots), 2);
    cr_assert_eq(try_open(&world, &owner), ERR_OK);
    cr_assert_eq(try_open(&world, &WORLD_UNLOCK), ERR_OK);
    cr_assert_eq(try_open(&world, &stranger), ERR_KEY);
    world_fini(&world);
}

Test(vault_slots, take_a_new_passphrase_and_forget_the_old_everywhere)
{
    struct world world;
    struct vault_slot slots[VAULT_SLOTS];
    struct error err = { .message = "" };
    int number = 0;
    start(&world);
    struct vault_unlock old = passphrase("the old passphrase");
    struct vault_unlock fresh = passphrase("the new passphrase");
    add(&world, &old, "desk", 7);
    struct vault_slot_new slot = { .unlock = fresh, .created_on = 8 };

    cr_assert_eq(vault_slot_change(world.vault, &old, 0, &slot, &number, &err), ERR_OK, "%s", err.message);

    cr_assert_eq(number, 2);
    cr_assert_eq(list(&world, slots), 2);
    cr_assert_str_eq(slots[1].label, "desk", "the label stays");
    cr_assert_eq(slots[1].created_on, 8);
    cr_assert_eq(try_open(&world, &old), ERR_KEY);
    cr_assert_eq(try_open(&world, &fresh), ERR_OK);
    cr_assert_eq(unlink(world_file(&world, ".keys")), 0);
    cr_assert_eq(try_open(&world, &old), ERR_KEY, "not through the previous copy either");
    cr_assert_eq(try_open(&world, &fresh), ERR_OK);
    world_fini(&world);
}

Test(vault_slots, are_changed_by_number_with_another_slot_as_the_proof)
{
    struct world world;
    struct error err = { .message = "" };
    int number = 0;
    start(&world);
    struct vault_unlock forgotten = passphrase("the forgotten passphrase");
    struct vault_unlock fresh = passphrase("the new passphrase");
    struct vault_unlock words = recovery("sixteen bytes...");
    add(&world, &forgotten, NULL, 0);
    add(&world, &words, NULL, 0);
    struct vault_slot_new slot = { .unlock = fresh };

    cr_assert_eq(vault_slot_change(world.vault, &words, 1, &slot, &number, &err), ERR_REFUSED, "a key file");
    cr_assert_eq(vault_slot_change(world.vault, &words, 5, &slot, &number, &err), ERR_NOT_FOUND);
    cr_assert_eq(vault_slot_change(world.vault, &words, 9, &slot, &number, &err), ERR_NOT_FOUND);
    cr_assert_eq(vault_slot_change(world.vault, &words, -1, &slot, &number, &err), ERR_NOT_FOUND);
    cr_assert_eq(vault_slot_change(world.vault, &words, 2, &slot, &number, &err), ERR_OK, "%s", err.message);

    cr_assert_eq(try_open(&world, &forgotten), ERR_KEY);
    cr_assert_eq(try_open(&world, &fresh), ERR_OK);
    cr_assert_eq(try_open(&world, &words), ERR_OK);
    world_fini(&world);
}

Test(vault_slots, keep_the_last_one_that_opens_the_vault)
{
    struct world world;
    struct error err;
    start(&world);
    struct vault_unlock words = recovery("sixteen bytes...");
    cr_assert_eq(vault_slot_remove(world.vault, &WORLD_UNLOCK, 1, &err), ERR_REFUSED);
    add(&world, &words, NULL, 0);
    cr_assert_eq(vault_slot_remove(world.vault, &words, 1, &err), ERR_OK);
    cr_assert_eq(vault_slot_remove(world.vault, &words, 2, &err), ERR_REFUSED);
    cr_assert_eq(try_open(&world, &words), ERR_OK);
    world_fini(&world);
}

Test(vault_slots, removed_are_not_used_again_until_a_new_one_takes_their_place)
{
    struct world world;
    struct error err;
    struct vault_slot slots[VAULT_SLOTS];
    start(&world);
    struct vault_unlock second = passphrase("the second");
    struct vault_unlock third = passphrase("the third");
    struct vault_unlock fourth = passphrase("the fourth");
    cr_assert_eq(add(&world, &second, "two", 0), 2);
    cr_assert_eq(add(&world, &third, "three", 0), 3);
    cr_assert_eq(vault_slot_remove(world.vault, &WORLD_UNLOCK, 2, &err), ERR_OK);
    cr_assert_eq(list(&world, slots), 2);
    cr_assert_eq(slots[1].number, 3);

    cr_assert_eq(add(&world, &fourth, NULL, 0), 2);

    cr_assert_eq(list(&world, slots), 3);
    cr_assert_str_eq(slots[1].label, "", "of another that was here before");
    cr_assert_str_eq(slots[2].label, "three");
    cr_assert_eq(try_open(&world, &second), ERR_KEY);
    cr_assert_eq(try_open(&world, &third), ERR_OK);
    cr_assert_eq(try_open(&world, &fourth), ERR_OK);
    world_fini(&world);
}

Test(vault_slots, do_not_change_under_a_job_that_was_begun_before)
{
    struct world world;
    struct error err = { .message = "" };
    start(&world);
    struct vault_unlock owner = passphrase("the owner's passphrase");
    struct vault_unlock late = passphrase("a passphrase that came too late");
    add(&world, &owner, NULL, 0);
    struct vault_slot_change change = { .action = VAULT_SLOT_ADD, .proof = owner, .slot = { .unlock = late } };
    struct vault_slot_job *job = NULL;
    int number;
    cr_assert_eq(vault_slot_job_new(world.vault, &change, &job, &err), ERR_OK, "%s", err.message);
    vault_slot_job_run(job);
    cr_assert_eq(vault_slot_remove(world.vault, &WORLD_UNLOCK, 2, &err), ERR_OK, "%s", err.message);

    cr_assert_eq(vault_slot_job_finish(world.vault, job, &number, &err), ERR_CONFLICT);

    vault_slot_job_free(job);
    cr_assert_eq(try_open(&world, &late), ERR_KEY);
    world_fini(&world);
}

Test(vault_slots, that_no_job_has_run_for_do_not_change)
{
    struct world world;
    struct error err = { .message = "" };
    start(&world);
    struct vault_slot_change change = { .action = VAULT_SLOT_ADD,
                                        .proof = WORLD_UNLOCK,
                                        .slot = { .unlock = passphrase("not derived") } };
    struct vault_slot_job *job = NULL;
    int number;
    cr_assert_eq(vault_slot_job_new(world.vault, &change, &job, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(vault_slot_job_finish(world.vault, job, &number, &err), ERR_KEY);
    vault_slot_job_free(job);
    world_fini(&world);
}

Test(vault_slots, in_a_previous_copy_left_behind_by_a_crash_are_taken_out_when_the_vault_opens)
{
    struct world world;
    char older[160];
    struct error err;
    start(&world);
    struct vault_unlock gone = passphrase("the one that was removed");
    add(&world, &gone, NULL, 0);
    (void)snprintf(older, sizeof(older), "%s.older", world.path);
    copy_file(world_file(&world, ".keys"), older);
    cr_assert_eq(vault_slot_remove(world.vault, &WORLD_UNLOCK, 2, &err), ERR_OK);
    world_shut(&world);
    copy_file(older, world_file(&world, ".keys.prev")); /* as if cut off between the two copies */
    cr_assert_eq(unlink(older), 0);

    cr_assert_eq(try_open(&world, &WORLD_UNLOCK), ERR_OK);

    cr_assert_eq(unlink(world_file(&world, ".keys")), 0);
    cr_assert_eq(try_open(&world, &gone), ERR_KEY);
    cr_assert_eq(try_open(&world, &WORLD_UNLOCK), ERR_OK);
    world_fini(&world);
}

/* As the first version wrote it: 5120 bytes, the same fields, HMAC and sum behind the epochs. */
static void write_first_version(const struct world *world)
{
    struct keys keys = { 0 };
    struct error err = { .message = "" };
    uint8_t file[KEYS_FILE_V1_BYTES];
    SCOPED(secret_free) struct secret mac_key = { 0 };
    cr_assert_eq(keys_read(world->path, false, &keys, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(keys_unlock(&keys, &WORLD_UNLOCK, &err), ERR_OK, "%s", err.message);
    memcpy(file, keys.image, AT_MAC_V1);
    put_be32(file + AT_VERSION, 1);
    put_be32(file + AT_LENGTH, sizeof(file));
    cr_assert_eq(keys_vault_derive(&keys, "holdfast vault 1 keys file", KDF_KEY_BYTES, &mac_key, &err), ERR_OK);
    hmac_sha256(slice_of(mac_key.bytes, mac_key.len), slice_of(file, AT_MAC_V1), file + AT_MAC_V1);
    struct slice summed = slice_of(file, AT_CHECKSUM_V1);
    sha256(&summed, 1, file + AT_CHECKSUM_V1);
    keys_fini(&keys);
    static const char *const SUFFIXES[] = { ".keys", ".keys.prev" };
    for (size_t i = 0; i < ARRAY_LEN(SUFFIXES); i++) {
        FILE *out = fopen(world_file(world, SUFFIXES[i]), "wb");
        cr_assert_not_null(out);
        cr_assert_eq(fwrite(file, 1, sizeof(file), out), sizeof(file));
        cr_assert_eq(fclose(out), 0);
    }
}

Test(vault_slots, of_a_file_of_the_first_version_open_and_become_the_second)
{
    struct world world;
    start(&world);
    sql(world.db, "CREATE TABLE t(a); INSERT INTO t VALUES(7)");
    world_shut(&world);
    write_first_version(&world);

    world_open(&world);
    cr_assert_eq(sql_number(world.db, "SELECT a FROM t"), 7);
    struct vault_unlock words = recovery("sixteen bytes...");
    cr_assert_eq(add(&world, &words, "new", 0), 2);
    world_shut(&world);

    cr_assert_eq(size_of(world_file(&world, ".keys")), KEYS_FILE_BYTES);
    cr_assert_eq(size_of(world_file(&world, ".keys.prev")), KEYS_FILE_BYTES);
    cr_assert_eq(try_open(&world, &words), ERR_OK);
    cr_assert_eq(try_open(&world, &WORLD_UNLOCK), ERR_OK);
    world_fini(&world);
}

Test(vault_slots, of_a_file_of_the_first_version_are_authenticated)
{
    for (long at = 40; at < AT_MAC_V1; at += 401) {
        struct world world;
        start(&world);
        world_shut(&world);
        write_first_version(&world);
        static const char *const SUFFIXES[] = { ".keys", ".keys.prev" };
        for (size_t i = 0; i < ARRAY_LEN(SUFFIXES); i++) {
            uint8_t file[KEYS_FILE_V1_BYTES];
            FILE *both = fopen(world_file(&world, SUFFIXES[i]), "r+b");
            cr_assert_not_null(both);
            cr_assert_eq(fread(file, 1, sizeof(file), both), sizeof(file));
            file[at] ^= 1;
            struct slice summed = slice_of(file, AT_CHECKSUM_V1);
            sha256(&summed, 1, file + AT_CHECKSUM_V1);
            rewind(both);
            cr_assert_eq(fwrite(file, 1, sizeof(file), both), sizeof(file));
            cr_assert_eq(fclose(both), 0);
        }
        cr_assert_neq(try_open(&world, &WORLD_UNLOCK), ERR_OK, "byte %ld", at);
        world_fini(&world);
    }
}

Test(vault_slots, of_a_derivation_or_an_envelope_that_cannot_be_are_refused_before_anything_is_derived)
{
    static const struct {
        size_t at;
        uint32_t value;
        enum err_code code;
    } CASES[] = {
        { 4, 3, ERR_UNSUPPORTED }, { 4, 1, ERR_UNSUPPORTED }, { 8, 21, ERR_DAMAGED }, { 212, 1537, ERR_DAMAGED }
    };
    struct vault_unlock typed = passphrase("spoons in the left drawer");
    struct error err = { .message = "" };
    cr_assert_eq(secret_init(&err), ERR_OK, "%s", err.message);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct keys keys = { 0 };
        struct keys parsed = { 0 };
        cr_assert_eq(keys_make(&typed, &keys, &err), ERR_OK);
        put_be32(keys.image + AT_SLOTS + CASES[i].at, CASES[i].value);
        cr_assert_eq(keys_image_close(&keys, &err), ERR_OK);
        cr_assert_eq(keys_parse(slice_of(keys.image, sizeof(keys.image)), &parsed, &err), CASES[i].code, "%zu", i);
        keys_fini(&keys);
    }
}
