#include "crypto/vault/keys.h"

#include <stdio.h>
#include <string.h>

#include "crypto/digest.h"
#include "crypto/vault/kdf.h"
#include "crypto/vault/wrap.h"

static const uint8_t MAGIC[8] = { 'H', 'F', 'V', 'A', 'U', 'L', 'T', 0 };

enum { FORMAT_VERSION = 1, PAGE_BYTES = 4096, SUITE = 1, FLAG_MADE = 1, FLAGS_KNOWN = FLAG_MADE };

/* Offsets in the file. */
enum {
    AT_VERSION = 8,
    AT_LENGTH = 12,
    AT_FILE_ID = 16,
    AT_GENERATION = 32,
    AT_FLAGS = 40,
    AT_PAGE_SIZE = 44,
    AT_SUITE = 48,
    AT_SLOTS = 64,
    AT_EPOCHS = 4160,
    AT_MAC = 5056,
    AT_CHECKSUM = 5088,
    SLOT_BYTES = 512,
    EPOCH_BYTES = 96,
    EPOCHS = 8
};

/* Offsets in a slot and in an epoch. */
enum {
    SLOT_KIND = 0,
    SLOT_DERIVATION = 4,
    SLOT_LOG2N = 8,
    SLOT_R = 12,
    SLOT_P = 16,
    SLOT_SALT = 24,
    SLOT_COMMITMENT = 56,
    SLOT_WRAPPED = 88,
    SALT_BYTES = 32,
    COMMITMENT_BYTES = 32,
    EPOCH_NUMBER = 0,
    EPOCH_STATE = 4,
    EPOCH_WRAPPED = 8,
    EPOCH_SEALS = 1
};

enum { KIND_EMPTY = 0, DERIVATION_NONE = 1, DERIVATION_SCRYPT = 2 };

static uint32_t scrypt_log2n = 17;

void keys_test_set_scrypt_log2n(uint32_t log2n)
{
    scrypt_log2n = log2n;
}

static uint8_t *slot_at(struct keys *keys, size_t number)
{
    return keys->image + AT_SLOTS + number * SLOT_BYTES;
}

const uint8_t *keys_file_id(const struct keys *keys)
{
    return keys->image + AT_FILE_ID;
}

static struct slice file_id(const struct keys *keys)
{
    return slice_of(keys->image + AT_FILE_ID, KEYS_FILE_ID_BYTES);
}

void keys_fini(struct keys *keys)
{
    secret_free(&keys->vault_key);
}

/* Counts the write, authenticates and sums the image: the last step of every change. */
static enum err_code image_close(struct keys *keys, struct error *err)
{
    SCOPED(secret_free) struct secret mac_key = { 0 };
    TRY(kdf_expand(slice_of(keys->vault_key.bytes, keys->vault_key.len), file_id(keys), "holdfast vault 1 keys file",
                   KDF_KEY_BYTES, &mac_key, err));
    put_be64(keys->image + AT_GENERATION, get_be64(keys->image + AT_GENERATION) + 1);
    hmac_sha256(slice_of(mac_key.bytes, mac_key.len), slice_of(keys->image, AT_MAC), keys->image + AT_MAC);
    struct slice summed = slice_of(keys->image, AT_CHECKSUM);
    sha256(&summed, 1, keys->image + AT_CHECKSUM);
    return ERR_OK;
}

/* Slots
 * ----------------------------------------------------------------------------------------------------------------- */

static enum err_code unlock_check(const struct vault_unlock *unlock, struct error *err)
{
    if (unlock->kind == VAULT_SLOT_KEY_FILE && unlock->secret_len != VAULT_KEY_FILE_BYTES) {
        return FAIL(err, INVALID, "use a key file of %zu bytes: it must have %d", unlock->secret_len,
                    VAULT_KEY_FILE_BYTES);
    }
    if (unlock->kind == VAULT_SLOT_PASSPHRASE &&
        (unlock->secret_len == 0 || unlock->secret_len > VAULT_PASSPHRASE_MAX)) {
        return FAIL(err, INVALID, "use a passphrase of %zu bytes: it must have 1 to %d", unlock->secret_len,
                    VAULT_PASSPHRASE_MAX);
    }
    if (unlock->kind != VAULT_SLOT_KEY_FILE && unlock->kind != VAULT_SLOT_PASSPHRASE) {
        return FAIL(err, UNSUPPORTED, "use a slot of kind %d", (int)unlock->kind);
    }
    return ERR_OK;
}

/* The two keys a slot's secret gives: one that wraps, one that shows it is the right secret. */
static enum err_code slot_derive(const uint8_t *slot, const struct vault_unlock *unlock, struct secret *ret_wrap,
                                 struct secret *ret_commitment, struct error *err)
{
    struct slice salt = slice_of(slot + SLOT_SALT, SALT_BYTES);
    struct slice given = slice_of(unlock->secret, unlock->secret_len);
    SCOPED(secret_free) struct secret root = { 0 };
    if (unlock->kind == VAULT_SLOT_PASSPHRASE) {
        struct scrypt_cost cost = { .log2n = get_be32(slot + SLOT_LOG2N),
                                    .r = get_be32(slot + SLOT_R),
                                    .p = get_be32(slot + SLOT_P) };
        TRY(kdf_scrypt(given, salt, &cost, &root, err));
    } else {
        TRY(secret_copy(given, &root, err));
    }
    struct slice rooted = slice_of(root.bytes, root.len);
    SCOPED(secret_free) struct secret wrap = { 0 };
    TRY(kdf_expand(rooted, salt, "holdfast vault 1 slot wrap", KDF_KEY_BYTES, &wrap, err));
    TRY(kdf_expand(rooted, salt, "holdfast vault 1 slot commitment", COMMITMENT_BYTES, ret_commitment, err));
    *ret_wrap = wrap;
    wrap = (struct secret){ 0 };
    return ERR_OK;
}

enum { SLOT_ASSOCIATED_BYTES = KEYS_FILE_ID_BYTES + 8 };

static void slot_associated(const struct keys *keys, size_t number, uint32_t kind, uint8_t out[SLOT_ASSOCIATED_BYTES])
{
    memcpy(out, keys->image + AT_FILE_ID, KEYS_FILE_ID_BYTES);
    put_be32(out + KEYS_FILE_ID_BYTES, (uint32_t)number);
    put_be32(out + KEYS_FILE_ID_BYTES + 4, kind);
}

static enum err_code slot_fill(struct keys *keys, size_t number, const struct vault_unlock *unlock, struct error *err)
{
    uint8_t slot[SLOT_BYTES] = { 0 };
    bool passphrase = unlock->kind == VAULT_SLOT_PASSPHRASE;
    put_be32(slot + SLOT_KIND, unlock->kind);
    put_be32(slot + SLOT_DERIVATION, passphrase ? DERIVATION_SCRYPT : DERIVATION_NONE);
    put_be32(slot + SLOT_LOG2N, passphrase ? scrypt_log2n : 0);
    put_be32(slot + SLOT_R, passphrase ? 8 : 0);
    put_be32(slot + SLOT_P, passphrase ? 1 : 0);
    TRY(random_bytes(slot + SLOT_SALT, SALT_BYTES, err));

    SCOPED(secret_free) struct secret wrap = { 0 };
    SCOPED(secret_free) struct secret commitment = { 0 };
    TRY(slot_derive(slot, unlock, &wrap, &commitment, err));
    memcpy(slot + SLOT_COMMITMENT, commitment.bytes, COMMITMENT_BYTES);
    uint8_t associated[SLOT_ASSOCIATED_BYTES];
    slot_associated(keys, number, unlock->kind, associated);
    TRY(wrap_key(&wrap, slice_of(associated, sizeof(associated)), &keys->vault_key, slot + SLOT_WRAPPED, err));
    memcpy(slot_at(keys, number), slot, sizeof(slot));
    return ERR_OK;
}

/* Which slot does this secret open? ERR_KEY: none. `ret_wrap` is that slot's wrapping key. */
static enum err_code slot_find(struct keys *keys, const struct vault_unlock *unlock, size_t *ret_number,
                               struct secret *ret_wrap, struct error *err)
{
    TRY(unlock_check(unlock, err));
    for (size_t i = 0; i < KEYS_SLOTS; i++) {
        const uint8_t *slot = slot_at(keys, i);
        if (get_be32(slot + SLOT_KIND) != (uint32_t)unlock->kind) {
            continue;
        }
        SCOPED(secret_free) struct secret wrap = { 0 };
        SCOPED(secret_free) struct secret commitment = { 0 };
        TRY(slot_derive(slot, unlock, &wrap, &commitment, err));
        if (secret_equal(slice_of(commitment.bytes, commitment.len),
                         slice_of(slot + SLOT_COMMITMENT, COMMITMENT_BYTES))) {
            *ret_number = i;
            *ret_wrap = wrap;
            wrap = (struct secret){ 0 };
            return ERR_OK;
        }
    }
    return FAIL(err, KEY, "unlock: no slot takes this %s",
                unlock->kind == VAULT_SLOT_PASSPHRASE ? "passphrase" : "key file");
}

/* The whole image
 * ------------------------------------------------------------------------------------------------------- */

static void epoch_associated(const struct keys *keys, uint32_t number, uint8_t out[SLOT_ASSOCIATED_BYTES])
{
    slot_associated(keys, number, 0, out);
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

    SCOPED(secret_free) struct secret data_key = { 0 };
    TRY(secret_random(KDF_KEY_BYTES, &data_key, err));
    uint8_t associated[SLOT_ASSOCIATED_BYTES];
    epoch_associated(keys, KEYS_FIRST_EPOCH, associated);
    uint8_t *epoch = keys->image + AT_EPOCHS;
    put_be32(epoch + EPOCH_NUMBER, KEYS_FIRST_EPOCH);
    put_be32(epoch + EPOCH_STATE, EPOCH_SEALS);
    TRY(wrap_key(&keys->vault_key, slice_of(associated, sizeof(associated)), &data_key, epoch + EPOCH_WRAPPED, err));
    TRY(slot_fill(keys, 0, first_slot, err));
    return image_close(keys, err);
}

enum err_code keys_make(const struct vault_unlock *first_slot, struct keys *ret_keys, struct error *err)
{
    TRY(unlock_check(first_slot, err));
    struct keys made = { 0 };
    enum err_code rc = make_with(&made, first_slot, err);
    if (rc != ERR_OK) {
        keys_fini(&made);
        return error_wrap(err, rc, "make a vault");
    }
    *ret_keys = made;
    return ERR_OK;
}

static enum err_code slots_check(struct keys *keys, struct error *err)
{
    for (size_t i = 0; i < KEYS_SLOTS; i++) {
        const uint8_t *slot = slot_at(keys, i);
        uint32_t kind = get_be32(slot + SLOT_KIND);
        uint32_t derivation = get_be32(slot + SLOT_DERIVATION);
        if (kind == VAULT_SLOT_PASSPHRASE) {
            struct scrypt_cost cost = { .log2n = get_be32(slot + SLOT_LOG2N),
                                        .r = get_be32(slot + SLOT_R),
                                        .p = get_be32(slot + SLOT_P) };
            TRY(kdf_scrypt_check(&cost, err));
        }
        if ((kind == VAULT_SLOT_PASSPHRASE && derivation != DERIVATION_SCRYPT) ||
            (kind == VAULT_SLOT_KEY_FILE && derivation != DERIVATION_NONE)) {
            return FAIL(err, UNSUPPORTED, "read slot %zu: derivation %u of kind %u is not known", i, derivation, kind);
        }
    }
    return ERR_OK;
}

/* This version writes one epoch; more of them come from a later one. */
static enum err_code epochs_check(const struct keys *keys, struct error *err)
{
    const uint8_t *epoch = keys->image + AT_EPOCHS;
    if (get_be32(epoch + EPOCH_NUMBER) != KEYS_FIRST_EPOCH || get_be32(epoch + EPOCH_STATE) != EPOCH_SEALS) {
        return FAIL(err, UNSUPPORTED, "read the data keys: epoch %u in state %u", get_be32(epoch + EPOCH_NUMBER),
                    get_be32(epoch + EPOCH_STATE));
    }
    for (size_t i = 1; i < EPOCHS; i++) {
        if (get_be32(epoch + i * EPOCH_BYTES + EPOCH_NUMBER) != 0) {
            return FAIL(err, UNSUPPORTED, "read the data keys: more than one epoch");
        }
    }
    return ERR_OK;
}

enum err_code keys_parse(struct slice file, struct keys *ret_keys, struct error *err)
{
    if (file.len < AT_SLOTS || memcmp(file.data, MAGIC, sizeof(MAGIC)) != 0) {
        return FAIL(err, DAMAGED, "read the keys file: not a keys file, or damaged");
    }
    if (get_be32(file.data + AT_VERSION) != FORMAT_VERSION && file.len != KEYS_FILE_BYTES) {
        return FAIL(err, UNSUPPORTED, "read the keys file: version %u", get_be32(file.data + AT_VERSION));
    }
    uint8_t sum[SHA256_BYTES];
    struct slice summed = slice_of(file.data, AT_CHECKSUM);
    if (file.len != KEYS_FILE_BYTES ||
        (sha256(&summed, 1, sum), memcmp(sum, file.data + AT_CHECKSUM, sizeof(sum)) != 0)) {
        return FAIL(err, DAMAGED, "read the keys file: it fails its check");
    }
    struct keys made = { 0 };
    memcpy(made.image, file.data, KEYS_FILE_BYTES);
    if (get_be32(made.image + AT_VERSION) != FORMAT_VERSION || get_be32(made.image + AT_LENGTH) != KEYS_FILE_BYTES ||
        get_be32(made.image + AT_PAGE_SIZE) != PAGE_BYTES || get_be32(made.image + AT_SUITE) != SUITE ||
        (get_be32(made.image + AT_FLAGS) & ~(uint32_t)FLAGS_KNOWN) != 0) {
        return FAIL(err, UNSUPPORTED, "read the keys file: version %u, suite %u, flags %#x",
                    get_be32(made.image + AT_VERSION), get_be32(made.image + AT_SUITE),
                    get_be32(made.image + AT_FLAGS));
    }
    TRY(slots_check(&made, err));
    TRY(epochs_check(&made, err));
    *ret_keys = made;
    return ERR_OK;
}

static enum err_code mac_check(const struct keys *keys, const struct secret *vault_key, struct error *err)
{
    SCOPED(secret_free) struct secret mac_key = { 0 };
    TRY(kdf_expand(slice_of(vault_key->bytes, vault_key->len), file_id(keys), "holdfast vault 1 keys file",
                   KDF_KEY_BYTES, &mac_key, err));
    uint8_t mac[SHA256_BYTES];
    hmac_sha256(slice_of(mac_key.bytes, mac_key.len), slice_of(keys->image, AT_MAC), mac);
    return secret_equal(slice_of(mac, sizeof(mac)), slice_of(keys->image + AT_MAC, sizeof(mac)))
               ? ERR_OK
               : FAIL(err, DAMAGED, "read the keys file: somebody without the key changed it");
}

enum err_code keys_unlock(struct keys *keys, const struct vault_unlock *unlock, struct error *err)
{
    size_t number;
    SCOPED(secret_free) struct secret wrap = { 0 };
    TRY(slot_find(keys, unlock, &number, &wrap, err));
    uint8_t associated[SLOT_ASSOCIATED_BYTES];
    slot_associated(keys, number, unlock->kind, associated);
    SCOPED(secret_free) struct secret vault_key = { 0 };
    enum err_code rc = unwrap_key(&wrap, slice_of(associated, sizeof(associated)), slot_at(keys, number) + SLOT_WRAPPED,
                                  &vault_key, err);
    if (rc != ERR_OK) {
        return error_wrap(err, rc, "open slot %zu", number);
    }
    TRY(mac_check(keys, &vault_key, err));
    secret_free(&keys->vault_key);
    keys->vault_key = vault_key;
    vault_key = (struct secret){ 0 };
    return ERR_OK;
}

enum err_code keys_derive(const struct keys *keys, const char *purpose, size_t len, struct secret *ret_key,
                          struct error *err)
{
    CHECK(keys->vault_key.bytes != NULL);
    uint8_t associated[SLOT_ASSOCIATED_BYTES];
    epoch_associated(keys, KEYS_FIRST_EPOCH, associated);
    SCOPED(secret_free) struct secret data_key = { 0 };
    TRY(unwrap_key(&keys->vault_key, slice_of(associated, sizeof(associated)), keys->image + AT_EPOCHS + EPOCH_WRAPPED,
                   &data_key, err));
    return kdf_expand(slice_of(data_key.bytes, data_key.len), file_id(keys), purpose, len, ret_key, err);
}

enum err_code keys_add_slot(struct keys *keys, const struct vault_unlock *slot, struct error *err)
{
    CHECK(keys->vault_key.bytes != NULL);
    TRY(unlock_check(slot, err));
    for (size_t i = 0; i < KEYS_SLOTS; i++) {
        if (get_be32(slot_at(keys, i) + SLOT_KIND) == KIND_EMPTY) {
            TRY(slot_fill(keys, i, slot, err));
            return image_close(keys, err);
        }
    }
    return FAIL(err, LIMIT, "add a slot: all %d are taken", KEYS_SLOTS);
}

enum err_code keys_remove_slot(struct keys *keys, const struct vault_unlock *slot, struct error *err)
{
    CHECK(keys->vault_key.bytes != NULL);
    size_t number;
    SCOPED(secret_free) struct secret wrap = { 0 };
    TRY(slot_find(keys, slot, &number, &wrap, err));
    size_t taken = 0;
    for (size_t i = 0; i < KEYS_SLOTS; i++) {
        taken += get_be32(slot_at(keys, i) + SLOT_KIND) != KIND_EMPTY;
    }
    if (taken == 1) {
        return FAIL(err, REFUSED, "remove the last slot: nothing could unlock the vault again");
    }
    memset(slot_at(keys, number), 0, SLOT_BYTES);
    return image_close(keys, err);
}

bool keys_made(const struct keys *keys)
{
    return (get_be32(keys->image + AT_FLAGS) & FLAG_MADE) != 0;
}

enum err_code keys_mark_made(struct keys *keys, struct error *err)
{
    CHECK(keys->vault_key.bytes != NULL);
    put_be32(keys->image + AT_FLAGS, get_be32(keys->image + AT_FLAGS) | FLAG_MADE);
    return image_close(keys, err);
}
