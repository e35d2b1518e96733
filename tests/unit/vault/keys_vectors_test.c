#include "world.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/recovery.h"
#include "crypto/vault/slots.h"

/* Keys files made from the description of the format by another program and another library, with slots of each kind.
 */

static json_t *vectors;

static void vectors_load(void)
{
    char path[512];
    json_error_t err;
    const char *folder = getenv("VECTORS_DIR");
    cr_assert_not_null(folder, "VECTORS_DIR names tests/vectors");
    (void)snprintf(path, sizeof(path), "%s/keys_file.json", folder);
    vectors = json_load_file(path, 0, &err);
    cr_assert_not_null(vectors, "%s: %s", path, err.text);
    struct error failure;
    cr_assert_eq(secret_init(&failure), ERR_OK, "%s", failure.message);
}

static void vectors_free(void)
{
    json_decref(vectors);
}

TestSuite(vault_keys_vectors, .init = vectors_load, .fini = vectors_free);

static size_t bytes(const char *name, uint8_t *out, size_t max)
{
    const char *hex = json_string_value(json_object_get(vectors, name));
    cr_assert_not_null(hex, "vector '%s'", name);
    size_t len = strlen(hex) / 2;
    cr_assert(len <= max && hex_decode(hex, out, len), "vector '%s'", name);
    return len;
}

static void second_version(uint8_t file[KEYS_FILE_BYTES])
{
    size_t index;
    const json_t *piece;
    memset(file, 0, KEYS_FILE_BYTES);
    json_array_foreach(json_object_get(vectors, "version_2"), index, piece)
    {
        json_int_t at = json_integer_value(json_array_get(piece, 0));
        cr_assert(at >= 0 && at <= KEYS_FILE_BYTES - 64);
        cr_assert(hex_decode(json_string_value(json_array_get(piece, 1)), file + at, 64));
    }
}

static void parse(struct slice file, struct keys *keys)
{
    struct error err = { .message = "" };
    *keys = (struct keys){ 0 };
    cr_assert_eq(keys_parse(file, keys, &err), ERR_OK, "%s", err.message);
}

/* Unlocked by the secret of this name, which wraps the data key of the vector. */
static void opens(struct slice file, enum vault_slot_kind kind, const char *name, struct keys *keys)
{
    uint8_t secret[64];
    uint8_t wanted[32];
    struct error err = { .message = "" };
    SCOPED(secret_free) struct secret data_key = { 0 };
    struct vault_unlock unlock = { .kind = kind, .secret = secret, .secret_len = bytes(name, secret, sizeof(secret)) };
    parse(file, keys);
    cr_assert_eq(keys_unlock(keys, &unlock, &err), ERR_OK, "%s: %s", name, err.message);
    cr_assert_eq(keys_epoch_data_key(keys, 0, &data_key, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(bytes("data_key", wanted, sizeof(wanted)), data_key.len);
    cr_assert_arr_eq(data_key.bytes, wanted, data_key.len);
}

static const struct {
    enum vault_slot_kind kind;
    const char *name;
} SECRETS[] = { { VAULT_SLOT_PASSPHRASE, "passphrase" },        { VAULT_SLOT_KEY_FILE, "key_file" },
                { VAULT_SLOT_PASSPHRASE, "second_passphrase" }, { VAULT_SLOT_RECOVERY, "recovery" },
                { VAULT_SLOT_CREDENTIAL, "credential" },        { VAULT_SLOT_ESCROW, "escrow" } };

Test(vault_keys_vectors, of_the_second_version_open_with_a_secret_of_each_kind)
{
    uint8_t file[KEYS_FILE_BYTES];
    second_version(file);
    for (size_t i = 0; i < ARRAY_LEN(SECRETS); i++) {
        struct keys keys;
        opens(slice_of(file, sizeof(file)), SECRETS[i].kind, SECRETS[i].name, &keys);
        keys_fini(&keys);
    }
}

Test(vault_keys_vectors, say_label_day_recipient_and_envelope)
{
    static const struct {
        const char *label;
        int32_t day;
    } WANTED[] = { { "", 0 }, { "boot", 20000 }, { "in the safe, second shelf, green", 0 },
                   { "", 0 }, { "", 0 },         { "", -1 } };
    uint8_t file[KEYS_FILE_BYTES];
    uint8_t envelope[VAULT_ENVELOPE_MAX];
    uint8_t recipient[32];
    struct keys keys;
    struct vault_slot slot = { .number = 0 };
    second_version(file);
    opens(slice_of(file, sizeof(file)), VAULT_SLOT_KEY_FILE, "key_file", &keys);
    for (size_t i = 0; i < ARRAY_LEN(WANTED); i++) {
        struct error err = { .message = "" };
        cr_assert_eq(slot_describe(&keys, i, &slot, &err), ERR_OK, "%s", err.message);
        cr_assert_str_eq(slot.label, WANTED[i].label);
        cr_assert_eq(slot.created_on, WANTED[i].day);
        if (slot.kind == VAULT_SLOT_ESCROW) {
            cr_assert_eq(bytes("recipient", recipient, sizeof(recipient)), 32);
            cr_assert_arr_eq(slot.recipient, recipient, 32);
        }
    }
    size_t len = bytes("envelope", envelope, sizeof(envelope));
    cr_assert(slice_equal(slot_envelope(&keys, 4), slice_of(envelope, len)));
    cr_assert_eq(slot_kind(&keys, 6), 0);
    keys_fini(&keys);
}

Test(vault_keys_vectors, of_the_first_version_open)
{
    uint8_t file[KEYS_FILE_V1_BYTES];
    cr_assert_eq(bytes("version_1", file, sizeof(file)), sizeof(file));
    for (size_t i = 0; i < 2; i++) {
        struct keys keys;
        opens(slice_of(file, sizeof(file)), SECRETS[i].kind, SECRETS[i].name, &keys);
        keys_fini(&keys);
    }
}

Test(vault_keys_vectors, of_a_recovery_key_are_these_words)
{
    uint8_t key[RECOVERY_KEY_BYTES];
    struct secret text;
    struct error err;
    cr_assert_eq(bytes("recovery", key, sizeof(key)), sizeof(key));
    cr_assert_eq(recovery_format(key, &text, &err), ERR_OK);
    cr_assert_str_eq((const char *)text.bytes, json_string_value(json_object_get(vectors, "words")));
    secret_free(&text);
}
