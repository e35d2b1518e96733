#include "world.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/vault/kdf.h"

/* Keys, pages and headers made from the description of the formats by another program and another library. */

static json_t *vectors;

static void vectors_load(void)
{
    char path[512];
    json_error_t err;
    const char *folder = getenv("VECTORS_DIR");
    cr_assert_not_null(folder, "VECTORS_DIR names tests/vectors");
    (void)snprintf(path, sizeof(path), "%s/vault.json", folder);
    vectors = json_load_file(path, 0, &err);
    cr_assert_not_null(vectors, "%s: %s", path, err.text);
    struct error failure;
    cr_assert_eq(secret_init(&failure), ERR_OK, "%s", failure.message);
}

static void vectors_free(void)
{
    json_decref(vectors);
}

TestSuite(vault_vectors, .init = vectors_load, .fini = vectors_free);

static const char *text(const char *name)
{
    const char *value = json_string_value(json_object_get(vectors, name));
    cr_assert_not_null(value, "vector '%s'", name);
    return value;
}

static void bytes(const char *name, uint8_t *out, size_t len)
{
    cr_assert_eq(strlen(text(name)), 2 * len, "vector '%s'", name);
    cr_assert(hex_decode(text(name), out, len), "vector '%s'", name);
}

static struct secret key_of(const char *name, size_t len)
{
    uint8_t raw[64];
    struct secret key;
    struct error err;
    bytes(name, raw, len);
    cr_assert_eq(secret_copy(slice_of(raw, len), &key, &err), ERR_OK);
    return key;
}

static void derives(const char *from, const char *salt_name, size_t salt_len, const char *purpose, const char *expected,
                    size_t len)
{
    uint8_t salt[32];
    bytes(salt_name, salt, salt_len);
    struct secret key = key_of(from, 32);
    struct secret wanted = key_of(expected, len);
    struct secret got;
    struct error err;
    cr_assert_eq(kdf_expand(slice_of(key.bytes, key.len), slice_of(salt, salt_len), purpose, len, &got, &err), ERR_OK);
    cr_assert(secret_equal(slice_of(got.bytes, got.len), slice_of(wanted.bytes, wanted.len)), "%s", purpose);
    secret_free(&key);
    secret_free(&wanted);
    secret_free(&got);
}

Test(vault_vectors, keys_of_each_purpose_are_derived_as_described)
{
    derives("data_key", "file_id", 16, "holdfast vault 1 page", "page_key", 32);
    derives("data_key", "file_id", 16, "holdfast vault 1 log frame", "frame_key", 32);
    derives("data_key", "file_id", 16, "holdfast vault 1 log header", "header_key", 64);
}

Test(vault_vectors, a_passphrase_gives_the_slot_keys_described)
{
    struct scrypt_cost cost = { .log2n = 10, .r = 8, .p = 1 };
    uint8_t salt[32];
    bytes("slot_salt", salt, sizeof(salt));
    struct secret root;
    struct error err;
    cr_assert_eq(kdf_scrypt(slice_of_text(text("passphrase")), slice_of(salt, sizeof(salt)), &cost, &root, &err),
                 ERR_OK);
    static const char *const NAMES[][2] = { { "holdfast vault 1 slot wrap", "slot_wrap_key" },
                                            { "holdfast vault 1 slot commitment", "slot_commitment" } };
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        struct secret wanted = key_of(NAMES[i][1], 32);
        struct secret got;
        cr_assert_eq(
            kdf_expand(slice_of(root.bytes, root.len), slice_of(salt, sizeof(salt)), NAMES[i][0], 32, &got, &err),
            ERR_OK);
        cr_assert(secret_equal(slice_of(got.bytes, got.len), slice_of(wanted.bytes, wanted.len)), "%s", NAMES[i][0]);
        secret_free(&wanted);
        secret_free(&got);
    }
    secret_free(&root);
}

static void seal_of(const char *key_name, struct seal *ret_seal)
{
    uint8_t file_id[16];
    struct secret key = key_of(key_name, 32);
    struct error err;
    bytes("file_id", file_id, sizeof(file_id));
    cr_assert_eq(seal_init(ret_seal, &key, 1, file_id, &err), ERR_OK);
    secret_free(&key);
}

Test(vault_vectors, pages_sealed_elsewhere_open)
{
    static const struct {
        uint32_t number;
        const char *page;
        const char *sealed;
    } PAGES[] = { { 1, "page_1", "sealed_1" }, { 9, "page_9", "sealed_9" } };
    struct seal seal;
    seal_of("page_key", &seal);
    for (size_t i = 0; i < ARRAY_LEN(PAGES); i++) {
        uint8_t page[PAGE_BYTES];
        uint8_t sealed[PAGE_BYTES];
        uint8_t opened[PAGE_BYTES];
        struct error err;
        bytes(PAGES[i].page, page, sizeof(page));
        bytes(PAGES[i].sealed, sealed, sizeof(sealed));

        cr_assert_eq(seal_open_page(&seal, PAGES[i].number, sealed, opened, &err), ERR_OK, "%s", err.message);

        cr_assert_eq(memcmp(opened, page, sizeof(page)), 0);
        cr_assert_eq(seal_open_page(&seal, PAGES[i].number + 1, sealed, opened, &err), ERR_DAMAGED);
    }
    seal_fini(&seal);
}

Test(vault_vectors, frames_and_headers_sealed_elsewhere_open)
{
    uint8_t page[PAGE_BYTES];
    uint8_t sealed[PAGE_BYTES];
    uint8_t opened[PAGE_BYTES];
    uint8_t header[24];
    uint8_t hidden[24];
    struct frame_place place = { .page_number = 9, .frame_number = 7 };
    struct seal seal;
    struct hide hide;
    struct error err;
    struct secret header_key = key_of("header_key", 64);
    seal_of("frame_key", &seal);
    cr_assert_eq(hide_init(&hide, &header_key, &err), ERR_OK);
    bytes("frame_salts", place.salts, sizeof(place.salts));
    bytes("page_9", page, sizeof(page));
    bytes("sealed_frame", sealed, sizeof(sealed));
    bytes("frame_header", header, sizeof(header));
    bytes("hidden_frame_header", hidden, sizeof(hidden));

    cr_assert_eq(seal_open_frame(&seal, &place, sealed, opened, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(memcmp(opened, page, sizeof(page)), 0);
    cr_assert_eq(show_bytes(&hide, 7, hidden, sizeof(hidden), hidden, &err), ERR_OK);
    cr_assert_eq(memcmp(hidden, header, sizeof(header)), 0);

    hide_fini(&hide);
    seal_fini(&seal);
    secret_free(&header_key);
}
