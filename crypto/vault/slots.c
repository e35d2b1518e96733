#include <string.h>

#include "crypto/digest.h"
#include "crypto/vault/kdf.h"
#include "crypto/vault/keys_image.h"
#include "crypto/vault/wrap.h"

/* Offsets in a slot. */
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
    COMMITMENT_BYTES = 32
};

enum { KIND_EMPTY = 0, DERIVATION_NONE = 1, DERIVATION_SCRYPT = 2 };

static uint32_t scrypt_log2n = 17;

void keys_test_set_scrypt_log2n(uint32_t log2n)
{
    scrypt_log2n = log2n;
}

static const uint8_t *slot_at(const struct keys *keys, size_t number)
{
    return keys->image + AT_SLOTS + number * SLOT_BYTES;
}

static uint8_t *slot_to_write(struct keys *keys, size_t number)
{
    return keys->image + AT_SLOTS + number * SLOT_BYTES;
}

enum err_code slots_check_secret(const struct vault_unlock *unlock, struct error *err)
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

enum err_code slots_fill(struct keys *keys, size_t number, const struct vault_unlock *unlock, struct error *err)
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
    uint8_t associated[KEYS_ASSOCIATED_BYTES];
    keys_associated(keys, number, unlock->kind, associated);
    TRY(wrap_key(&wrap, slice_of(associated, sizeof(associated)), &keys->vault_key, slot + SLOT_WRAPPED, err));
    memcpy(slot_to_write(keys, number), slot, sizeof(slot));
    return ERR_OK;
}

/* Which slot does this secret open? ERR_KEY: none. `ret_wrap` is that slot's wrapping key. */
static enum err_code slot_find(const struct keys *keys, const struct vault_unlock *unlock, size_t *ret_number,
                               struct secret *ret_wrap, struct error *err)
{
    TRY(slots_check_secret(unlock, err));
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

enum err_code slots_open(const struct keys *keys, const struct vault_unlock *unlock, struct secret *ret_vault_key,
                         struct error *err)
{
    size_t number;
    SCOPED(secret_free) struct secret wrap = { 0 };
    TRY(slot_find(keys, unlock, &number, &wrap, err));
    uint8_t associated[KEYS_ASSOCIATED_BYTES];
    keys_associated(keys, number, unlock->kind, associated);
    enum err_code rc = unwrap_key(&wrap, slice_of(associated, sizeof(associated)), slot_at(keys, number) + SLOT_WRAPPED,
                                  ret_vault_key, err);
    return rc == ERR_OK ? ERR_OK : error_wrap(err, rc, "open slot %zu", number);
}

enum err_code slots_check(const struct keys *keys, struct error *err)
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

enum err_code keys_add_slot(struct keys *keys, const struct vault_unlock *slot, struct error *err)
{
    CHECK(keys->vault_key.bytes != NULL);
    TRY(slots_check_secret(slot, err));
    for (size_t i = 0; i < KEYS_SLOTS; i++) {
        if (get_be32(slot_at(keys, i) + SLOT_KIND) == KIND_EMPTY) {
            TRY(slots_fill(keys, i, slot, err));
            return keys_image_close(keys, err);
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
    memset(slot_to_write(keys, number), 0, SLOT_BYTES);
    return keys_image_close(keys, err);
}
