#include <stdio.h>
#include <string.h>

#include "crypto/digest.h"
#include "crypto/vault/kdf.h"
#include "crypto/vault/keys_image.h"

static const uint8_t MAGIC[8] = { 'H', 'F', 'V', 'A', 'U', 'L', 'T', 0 };

enum { FORMAT_VERSION = 2, FORMAT_V1 = 1, PAGE_BYTES = 4096, SUITE = 1, FLAG_MADE = 1, FLAG_FRESH = 2, FLAGS_KNOWN = FLAG_MADE | FLAG_FRESH };

const uint8_t *keys_file_id(const struct keys *keys)
{
    return keys->image + AT_FILE_ID;
}

struct slice keys_file_id_slice(const struct keys *keys)
{
    return slice_of(keys->image + AT_FILE_ID, KEYS_FILE_ID_BYTES);
}

void keys_associated(const struct keys *keys, size_t number, uint32_t kind, uint8_t out[KEYS_ASSOCIATED_BYTES])
{
    memcpy(out, keys->image + AT_FILE_ID, KEYS_FILE_ID_BYTES);
    put_be32(out + KEYS_FILE_ID_BYTES, (uint32_t)number);
    put_be32(out + KEYS_FILE_ID_BYTES + 4, kind);
}

void keys_fini(struct keys *keys)
{
    secret_free(&keys->vault_key);
}

enum err_code keys_image_close(struct keys *keys, struct error *err)
{
    SCOPED(secret_free) struct secret mac_key = { 0 };
    TRY(kdf_expand(slice_of(keys->vault_key.bytes, keys->vault_key.len), keys_file_id_slice(keys),
                   "holdfast vault 1 keys file", KDF_KEY_BYTES, &mac_key, err));
    put_be64(keys->image + AT_GENERATION, get_be64(keys->image + AT_GENERATION) + 1);
    hmac_sha256(slice_of(mac_key.bytes, mac_key.len), slice_of(keys->image, AT_MAC), keys->image + AT_MAC);
    struct slice summed = slice_of(keys->image, AT_CHECKSUM);
    sha256(&summed, 1, keys->image + AT_CHECKSUM);
    keys->was_v1 = false;
    return ERR_OK;
}

static enum err_code make_with(struct keys *keys, const struct vault_unlock *first_slot, struct error *err)
{
    memcpy(keys->image, MAGIC, sizeof(MAGIC));
    put_be32(keys->image + AT_VERSION, FORMAT_VERSION);
    put_be32(keys->image + AT_LENGTH, KEYS_FILE_BYTES);
    put_be32(keys->image + AT_PAGE_SIZE, PAGE_BYTES);
    put_be32(keys->image + AT_SUITE, SUITE);
    TRY(random_bytes(keys->image + AT_FILE_ID, KEYS_FILE_ID_BYTES, err));
    TRY(secret_random(KDF_KEY_BYTES, &keys->vault_key, err));

    TRY(keys_epochs_make(keys, err));
    TRY(slots_fill(keys, 0, first_slot, err));
    return keys_image_close(keys, err);
}

enum err_code keys_make(const struct vault_unlock *first_slot, struct keys *ret_keys, struct error *err)
{
    TRY(slots_check_secret(first_slot, err));
    struct keys made = { 0 };
    enum err_code rc = make_with(&made, first_slot, err);
    if (rc != ERR_OK) {
        keys_fini(&made);
        return error_wrap(err, rc, "make a vault");
    }
    *ret_keys = made;
    return ERR_OK;
}

/* What the file must be before anything in it is looked at. */
static enum err_code file_check(struct slice file, bool *ret_v1, struct error *err)
{
    if (file.len < AT_SLOTS || memcmp(file.data, MAGIC, sizeof(MAGIC)) != 0) {
        return FAIL(err, DAMAGED, "read the keys file: not a keys file, or damaged");
    }
    uint32_t version = get_be32(file.data + AT_VERSION);
    if (version > FORMAT_VERSION && file.len != KEYS_FILE_BYTES) {
        return FAIL(err, UNSUPPORTED, "read the keys file: version %u", version);
    }
    bool v1 = version == FORMAT_V1;
    size_t summed_len = v1 ? AT_CHECKSUM_V1 : AT_CHECKSUM;
    uint8_t sum[SHA256_BYTES];
    struct slice summed = slice_of(file.data, summed_len);
    if (file.len != summed_len + SHA256_BYTES ||
        (sha256(&summed, 1, sum), memcmp(sum, file.data + summed_len, sizeof(sum)) != 0)) {
        return FAIL(err, DAMAGED, "read the keys file: it fails its check");
    }
    if (version < FORMAT_V1 || version > FORMAT_VERSION || get_be32(file.data + AT_LENGTH) != file.len ||
        get_be32(file.data + AT_PAGE_SIZE) != PAGE_BYTES || get_be32(file.data + AT_SUITE) != SUITE ||
        (get_be32(file.data + AT_FLAGS) & ~(uint32_t)FLAGS_KNOWN) != 0) {
        return FAIL(err, UNSUPPORTED, "read the keys file: version %u, suite %u, flags %#x", version,
                    get_be32(file.data + AT_SUITE), get_be32(file.data + AT_FLAGS));
    }
    *ret_v1 = v1;
    return ERR_OK;
}

enum err_code keys_parse(struct slice file, struct keys *ret_keys, struct error *err)
{
    struct keys made = { 0 };
    TRY(file_check(file, &made.was_v1, err));
    if (made.was_v1) {
        memcpy(made.image, file.data, AT_MAC_V1);
        memcpy(made.mac_v1, file.data + AT_MAC_V1, sizeof(made.mac_v1));
        put_be32(made.image + AT_VERSION, FORMAT_VERSION);
        put_be32(made.image + AT_LENGTH, KEYS_FILE_BYTES);
    } else {
        memcpy(made.image, file.data, KEYS_FILE_BYTES);
    }
    TRY(slots_check(&made, err));
    TRY(keys_epochs_check(&made, err));
    *ret_keys = made;
    return ERR_OK;
}

/* The HMAC that the file should have, over the form that it has. */
static void mac_of(const struct keys *keys, const struct secret *mac_key, uint8_t mac[SHA256_BYTES])
{
    struct slice key = slice_of(mac_key->bytes, mac_key->len);
    if (!keys->was_v1) {
        hmac_sha256(key, slice_of(keys->image, AT_MAC), mac);
        return;
    }
    uint8_t first_form[AT_MAC_V1];
    memcpy(first_form, keys->image, sizeof(first_form));
    put_be32(first_form + AT_VERSION, FORMAT_V1);
    put_be32(first_form + AT_LENGTH, KEYS_FILE_V1_BYTES);
    hmac_sha256(key, slice_of(first_form, sizeof(first_form)), mac);
}

static enum err_code mac_check(const struct keys *keys, const struct secret *vault_key, struct error *err)
{
    SCOPED(secret_free) struct secret mac_key = { 0 };
    TRY(kdf_expand(slice_of(vault_key->bytes, vault_key->len), keys_file_id_slice(keys), "holdfast vault 1 keys file",
                   KDF_KEY_BYTES, &mac_key, err));
    uint8_t mac[SHA256_BYTES];
    mac_of(keys, &mac_key, mac);
    struct slice stored = slice_of(keys->was_v1 ? keys->mac_v1 : keys->image + AT_MAC, sizeof(mac));
    return secret_equal(slice_of(mac, sizeof(mac)), stored)
               ? ERR_OK
               : FAIL(err, DAMAGED, "read the keys file: somebody without the key changed it");
}

enum err_code keys_unlock(struct keys *keys, const struct vault_unlock *unlock, struct error *err)
{
    SCOPED(secret_free) struct secret vault_key = { 0 };
    TRY(slots_open(keys, unlock, &vault_key, err));
    TRY(mac_check(keys, &vault_key, err));
    secret_free(&keys->vault_key);
    keys->vault_key = vault_key;
    vault_key = (struct secret){ 0 };
    /* From here on the image is in this version's form, whole: whatever is written next is it. */
    return keys->was_v1 ? keys_image_close(keys, err) : ERR_OK;
}

enum err_code keys_vault_derive(const struct keys *keys, const char *purpose, size_t len, struct secret *ret_key,
                                struct error *err)
{
    CHECK(keys->vault_key.bytes != NULL);
    return kdf_expand(slice_of(keys->vault_key.bytes, keys->vault_key.len), keys_file_id_slice(keys), purpose, len,
                      ret_key, err);
}

bool keys_made(const struct keys *keys)
{
    return (get_be32(keys->image + AT_FLAGS) & FLAG_MADE) != 0;
}

bool keys_fresh(const struct keys *keys)
{
    return (get_be32(keys->image + AT_FLAGS) & FLAG_FRESH) != 0;
}

enum err_code keys_mark_fresh(struct keys *keys, struct error *err)
{
    CHECK(keys->vault_key.bytes != NULL);
    put_be32(keys->image + AT_FLAGS, get_be32(keys->image + AT_FLAGS) | FLAG_FRESH);
    return keys_image_close(keys, err);
}

enum err_code keys_mark_made(struct keys *keys, struct error *err)
{
    CHECK(keys->vault_key.bytes != NULL);
    put_be32(keys->image + AT_FLAGS, get_be32(keys->image + AT_FLAGS) | FLAG_MADE);
    return keys_image_close(keys, err);
}
