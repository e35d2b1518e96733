#include "crypto/vault/slots.h"

#include <string.h>

#include "base/clock.h"
#include "crypto/escrow.h"
#include "crypto/vault/kdf.h"
#include "crypto/vault/wrap.h"

/* Offsets in a slot. */
enum {
    SLOT_KIND = 0,
    SLOT_DERIVATION = 4,
    SLOT_COST = 8, /* three numbers */
    SLOT_SALT = 24,
    SLOT_COMMITMENT = 56,
    SLOT_WRAPPED = 88,
    SLOT_LABEL = 148,
    SLOT_CREATED = 208,
    SLOT_ENVELOPE_LEN = 212,
    SLOT_RECIPIENT = 216,
    SALT_BYTES = 32,
    COMMITMENT_BYTES = 32,
    LABEL_BYTES = 32
};

_Static_assert(VAULT_SLOTS == KEYS_SLOTS && VAULT_LABEL_MAX == LABEL_BYTES && VAULT_ENVELOPE_MAX == ENVELOPE_BYTES &&
                   VAULT_ESCROW_BYTES == ESCROW_SECRET_BYTES,
               "what vault.h promises is what a slot has");

enum { KIND_EMPTY = 0, DERIVATION_NONE = 1, DERIVATION_SCRYPT = 2 };

static uint32_t scrypt_log2n = 17;

void keys_test_set_scrypt_log2n(uint32_t log2n)
{
    scrypt_log2n = log2n;
}

static const uint8_t *slot_at(const struct keys *keys, size_t index)
{
    return keys->image + AT_SLOTS + index * SLOT_BYTES;
}

uint32_t slot_kind(const struct keys *keys, size_t index)
{
    return get_be32(slot_at(keys, index) + SLOT_KIND);
}

bool slot_same(const struct keys *a, const struct keys *b, size_t index)
{
    return memcmp(slot_at(a, index), slot_at(b, index), SLOT_BYTES) == 0;
}

const char *slot_kind_words(enum vault_slot_kind kind)
{
    switch (kind) {
    case VAULT_SLOT_PASSPHRASE:
        return "passphrase";
    case VAULT_SLOT_KEY_FILE:
        return "key file";
    case VAULT_SLOT_RECOVERY:
        return "recovery key";
    case VAULT_SLOT_CREDENTIAL:
        return "credential";
    case VAULT_SLOT_ESCROW:
        return "escrow key";
    }
    return "secret";
}

/* Secrets
 * ---------------------------------------------------------------------------------------------------------------- */

enum err_code slots_check_secret(const struct vault_unlock *unlock, struct error *err)
{
    size_t wanted = 0;
    switch (unlock->kind) {
    case VAULT_SLOT_PASSPHRASE:
        return unlock->secret_len > 0 && unlock->secret_len <= VAULT_PASSPHRASE_MAX
                   ? ERR_OK
                   : FAIL(err, INVALID, "use a passphrase of %zu bytes: it must have 1 to %d", unlock->secret_len,
                          VAULT_PASSPHRASE_MAX);
    case VAULT_SLOT_KEY_FILE:
    case VAULT_SLOT_CREDENTIAL:
        wanted = VAULT_KEY_FILE_BYTES;
        break;
    case VAULT_SLOT_RECOVERY:
        wanted = VAULT_RECOVERY_BYTES;
        break;
    case VAULT_SLOT_ESCROW:
        wanted = VAULT_ESCROW_BYTES;
        break;
    default:
        return FAIL(err, UNSUPPORTED, "use a slot of kind %d", (int)unlock->kind);
    }
    return unlock->secret_len == wanted ? ERR_OK
                                        : FAIL(err, INVALID, "use a %s of %zu bytes: it must have %zu",
                                               slot_kind_words(unlock->kind), unlock->secret_len, wanted);
}

static struct scrypt_cost scrypt_cost_of(const uint8_t *slot)
{
    return (struct scrypt_cost){ .log2n = get_be32(slot + SLOT_COST),
                                 .r = get_be32(slot + SLOT_COST + 4),
                                 .p = get_be32(slot + SLOT_COST + 8) };
}

static enum err_code root_derive(const uint8_t *slot, struct slice given, struct secret *ret_root, struct error *err)
{
    if (get_be32(slot + SLOT_DERIVATION) != DERIVATION_SCRYPT) {
        return secret_copy(given, ret_root, err);
    }
    struct scrypt_cost cost = scrypt_cost_of(slot);
    return kdf_scrypt(given, slice_of(slot + SLOT_SALT, SALT_BYTES), &cost, ret_root, err);
}

/* The two keys a slot's secret gives: one that wraps, one that shows it is the right secret. */
static enum err_code slot_derive(const uint8_t *slot, const struct vault_unlock *unlock, struct secret *ret_wrap,
                                 struct secret *ret_commitment, struct error *err)
{
    struct slice salt = slice_of(slot + SLOT_SALT, SALT_BYTES);
    SCOPED(secret_free) struct secret root = { 0 };
    TRY(root_derive(slot, slice_of(unlock->secret, unlock->secret_len), &root, err));
    struct slice rooted = slice_of(root.bytes, root.len);
    SCOPED(secret_free) struct secret wrap = { 0 };
    TRY(kdf_expand(rooted, salt, "holdfast vault 1 slot wrap", KDF_KEY_BYTES, &wrap, err));
    TRY(kdf_expand(rooted, salt, "holdfast vault 1 slot commitment", COMMITMENT_BYTES, ret_commitment, err));
    *ret_wrap = wrap;
    wrap = (struct secret){ 0 };
    return ERR_OK;
}

/* Making and putting in
 * -------------------------------------------------------------------------------------------------- */

static enum err_code label_check(const char *label, struct error *err)
{
    size_t len = label == NULL ? 0 : strlen(label);
    if (len > VAULT_LABEL_MAX || !utf8_valid(slice_of(label, len))) {
        return FAIL(err, INVALID, "use the label: expected at most %d bytes of UTF-8", VAULT_LABEL_MAX);
    }
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)label[i] < 0x20 || label[i] == 0x7f) {
            return FAIL(err, INVALID, "use the label: expected no control characters");
        }
    }
    return ERR_OK;
}

enum err_code slot_check(const struct vault_slot_new *slot, struct error *err)
{
    TRY(label_check(slot->label, err));
    if (slot->unlock.kind == VAULT_SLOT_ESCROW) {
        uint8_t fingerprint[SHA256_BYTES];
        return escrow_check(slot->certificate, fingerprint, err);
    }
    return slots_check_secret(&slot->unlock, err);
}

static void derivation_choose(uint8_t *slot, enum vault_slot_kind kind)
{
    bool passphrase = kind == VAULT_SLOT_PASSPHRASE;
    put_be32(slot + SLOT_DERIVATION, passphrase ? DERIVATION_SCRYPT : DERIVATION_NONE);
    put_be32(slot + SLOT_COST, passphrase ? scrypt_log2n : 0);
    put_be32(slot + SLOT_COST + 4, passphrase ? 8 : 0);
    put_be32(slot + SLOT_COST + 8, passphrase ? 1 : 0);
}

static enum err_code envelope_make(const struct vault_slot_new *slot, const struct secret *secret,
                                   struct slot_made *made, struct error *err)
{
    SCOPED(buf_fini) struct buf envelope;
    buf_init(&envelope, ENVELOPE_BYTES);
    TRY(escrow_check(slot->certificate, made->bytes + SLOT_RECIPIENT, err));
    TRY(escrow_seal(slot->certificate, secret, &envelope, err));
    memcpy(made->envelope, envelope.data, envelope.len);
    put_be32(made->bytes + SLOT_ENVELOPE_LEN, (uint32_t)envelope.len);
    return ERR_OK;
}

static enum err_code make_into(const struct vault_slot_new *slot, struct slot_made *made, struct error *err)
{
    struct vault_unlock unlock = slot->unlock;
    SCOPED(secret_free) struct secret escrow = { 0 };
    put_be32(made->bytes + SLOT_KIND, unlock.kind);
    put_be32(made->bytes + SLOT_CREATED, (uint32_t)slot->created_on);
    derivation_choose(made->bytes, unlock.kind);
    TRY(random_bytes(made->bytes + SLOT_SALT, SALT_BYTES, err));
    if (unlock.kind == VAULT_SLOT_ESCROW) {
        TRY(secret_random(VAULT_ESCROW_BYTES, &escrow, err));
        TRY(envelope_make(slot, &escrow, made, err));
        unlock.secret = escrow.bytes;
        unlock.secret_len = escrow.len;
    }
    SCOPED(secret_free) struct secret commitment = { 0 };
    TRY(slot_derive(made->bytes, &unlock, &made->wrap, &commitment, err));
    memcpy(made->bytes + SLOT_COMMITMENT, commitment.bytes, COMMITMENT_BYTES);
    return ERR_OK;
}

enum err_code slot_make(const struct vault_slot_new *slot, struct slot_made *ret_made, struct error *err)
{
    SCOPED(slot_made_free) struct slot_made made = { .wrap = { 0 } };
    TRY(make_into(slot, &made, err));
    *ret_made = made;
    made.wrap = (struct secret){ 0 };
    return ERR_OK;
}

void slot_made_free(struct slot_made *made)
{
    secret_free(&made->wrap);
}

static enum err_code label_key(const struct keys *keys, struct secret *ret_key, struct error *err)
{
    return keys_vault_derive(keys, "holdfast vault 1 slot label", KDF_KEY_BYTES, ret_key, err);
}

static enum err_code label_put(const struct keys *keys, struct slice associated, const char *label, uint8_t *slot,
                               struct error *err)
{
    SCOPED(secret_free) struct secret key = { 0 };
    SCOPED(secret_free) struct secret padded = { 0 };
    TRY(label_key(keys, &key, err));
    TRY(secret_new(LABEL_BYTES, &padded, err));
    memcpy(padded.bytes, label, strlen(label));
    return wrap_key(&key, associated, &padded, slot + SLOT_LABEL, err);
}

enum err_code slot_put(struct keys *keys, size_t index, const struct slot_made *made, const char *label,
                       struct error *err)
{
    CHECK(keys->vault_key.bytes != NULL && index < KEYS_SLOTS);
    uint8_t slot[SLOT_BYTES];
    uint8_t associated[KEYS_ASSOCIATED_BYTES];
    memcpy(slot, made->bytes, sizeof(slot));
    keys_associated(keys, index, get_be32(slot + SLOT_KIND), associated);
    struct slice bound = slice_of(associated, sizeof(associated));
    TRY(wrap_key(&made->wrap, bound, &keys->vault_key, slot + SLOT_WRAPPED, err));
    if (label != NULL && label[0] != '\0') {
        TRY(label_put(keys, bound, label, slot, err));
    }
    memcpy(keys->image + AT_SLOTS + index * SLOT_BYTES, slot, sizeof(slot));
    memcpy(keys->image + AT_ENVELOPES + index * ENVELOPE_BYTES, made->envelope, ENVELOPE_BYTES);
    return ERR_OK;
}

void slot_clear(struct keys *keys, size_t index)
{
    memset(keys->image + AT_SLOTS + index * SLOT_BYTES, 0, SLOT_BYTES);
    memset(keys->image + AT_ENVELOPES + index * ENVELOPE_BYTES, 0, ENVELOPE_BYTES);
}

enum err_code slots_fill(struct keys *keys, size_t number, const struct vault_unlock *unlock, struct error *err)
{
    SCOPED(slot_made_free) struct slot_made made = { .wrap = { 0 } };
    struct vault_slot_new slot = { .unlock = *unlock, .created_on = clock_today(clock_wall_ms()) };
    TRY(slot_make(&slot, &made, err));
    return slot_put(keys, number, &made, NULL, err);
}

/* Reading
 * ---------------------------------------------------------------------------------------------------------------- */

enum err_code slots_check(const struct keys *keys, struct error *err)
{
    for (size_t i = 0; i < KEYS_SLOTS; i++) {
        const uint8_t *slot = slot_at(keys, i);
        uint32_t kind = slot_kind(keys, i);
        uint32_t derivation = get_be32(slot + SLOT_DERIVATION);
        bool known = kind >= VAULT_SLOT_PASSPHRASE && kind <= VAULT_SLOT_ESCROW;
        bool passphrase = kind == VAULT_SLOT_PASSPHRASE;
        if (passphrase && derivation == DERIVATION_SCRYPT) {
            struct scrypt_cost cost = scrypt_cost_of(slot);
            TRY(kdf_scrypt_check(&cost, err));
        } else if (known && (passphrase || derivation != DERIVATION_NONE)) {
            return FAIL(err, UNSUPPORTED, "read slot %zu: derivation %u of kind %u is not known", i + 1, derivation,
                        kind);
        }
        if (known && get_be32(slot + SLOT_ENVELOPE_LEN) > ENVELOPE_BYTES) {
            return FAIL(err, DAMAGED, "read slot %zu: its envelope is longer than its place", i + 1);
        }
    }
    return ERR_OK;
}

size_t slots_usable(const struct keys *keys)
{
    size_t usable = 0;
    for (size_t i = 0; i < KEYS_SLOTS; i++) {
        uint32_t kind = slot_kind(keys, i);
        usable += kind >= VAULT_SLOT_PASSPHRASE && kind < VAULT_SLOT_ESCROW;
    }
    return usable;
}

static bool takes(uint32_t kind, enum vault_slot_kind given)
{
    bool file = given == VAULT_SLOT_KEY_FILE || given == VAULT_SLOT_CREDENTIAL;
    return file ? kind == VAULT_SLOT_KEY_FILE || kind == VAULT_SLOT_CREDENTIAL : kind == (uint32_t)given;
}

/* ERR_KEY: not this one. */
static enum err_code slot_try(const struct keys *keys, size_t index, const struct vault_unlock *unlock,
                              struct secret *ret_wrap, struct error *err)
{
    const uint8_t *slot = slot_at(keys, index);
    SCOPED(secret_free) struct secret wrap = { 0 };
    SCOPED(secret_free) struct secret commitment = { 0 };
    TRY(slot_derive(slot, unlock, &wrap, &commitment, err));
    if (!secret_equal(slice_of(commitment.bytes, commitment.len), slice_of(slot + SLOT_COMMITMENT, COMMITMENT_BYTES))) {
        return ERR_KEY;
    }
    *ret_wrap = wrap;
    wrap = (struct secret){ 0 };
    return ERR_OK;
}

/* `ret_wrap` is the found slot's wrapping key. */
static enum err_code find(const struct keys *keys, const struct vault_unlock *unlock, size_t *ret_index,
                          struct secret *ret_wrap, struct error *err)
{
    TRY(slots_check_secret(unlock, err));
    for (size_t i = 0; i < KEYS_SLOTS; i++) {
        enum err_code rc = takes(slot_kind(keys, i), unlock->kind) ? slot_try(keys, i, unlock, ret_wrap, err) : ERR_KEY;
        if (rc == ERR_OK) {
            *ret_index = i;
            return ERR_OK;
        }
        if (rc != ERR_KEY) {
            return rc;
        }
    }
    return FAIL(err, KEY, "unlock: no slot takes this %s", slot_kind_words(unlock->kind));
}

enum err_code slots_find(const struct keys *keys, const struct vault_unlock *unlock, size_t *ret_index,
                         struct error *err)
{
    SCOPED(secret_free) struct secret wrap = { 0 };
    return find(keys, unlock, ret_index, &wrap, err);
}

enum err_code slots_open(const struct keys *keys, const struct vault_unlock *unlock, struct secret *ret_vault_key,
                         struct error *err)
{
    size_t index;
    SCOPED(secret_free) struct secret wrap = { 0 };
    TRY(find(keys, unlock, &index, &wrap, err));
    uint8_t associated[KEYS_ASSOCIATED_BYTES];
    keys_associated(keys, index, slot_kind(keys, index), associated);
    enum err_code rc = unwrap_key(&wrap, slice_of(associated, sizeof(associated)), slot_at(keys, index) + SLOT_WRAPPED,
                                  ret_vault_key, err);
    return rc == ERR_OK ? ERR_OK : error_wrap(err, rc, "open slot %zu", index + 1);
}

static enum err_code label_read(const struct keys *keys, size_t index, char label[VAULT_LABEL_MAX + 1],
                                struct error *err)
{
    static const uint8_t NONE[WRAP_BYTES];
    const uint8_t *wrapped = slot_at(keys, index) + SLOT_LABEL;
    memset(label, 0, VAULT_LABEL_MAX + 1);
    if (memcmp(wrapped, NONE, sizeof(NONE)) == 0) {
        return ERR_OK;
    }
    SCOPED(secret_free) struct secret key = { 0 };
    SCOPED(secret_free) struct secret padded = { 0 };
    uint8_t associated[KEYS_ASSOCIATED_BYTES];
    keys_associated(keys, index, slot_kind(keys, index), associated);
    TRY(label_key(keys, &key, err));
    enum err_code rc = unwrap_key(&key, slice_of(associated, sizeof(associated)), wrapped, &padded, err);
    if (rc != ERR_OK) {
        return error_wrap(err, rc, "read the label of slot %zu", index + 1);
    }
    memcpy(label, padded.bytes, LABEL_BYTES);
    return label_check(label, err);
}

enum err_code slot_describe(const struct keys *keys, size_t index, struct vault_slot *ret_slot, struct error *err)
{
    CHECK(keys->vault_key.bytes != NULL);
    const uint8_t *slot = slot_at(keys, index);
    struct vault_slot made = { .number = (int)index + 1,
                               .kind = slot_kind(keys, index),
                               .created_on = (int32_t)get_be32(slot + SLOT_CREATED) };
    memcpy(made.recipient, slot + SLOT_RECIPIENT, sizeof(made.recipient));
    TRY(label_read(keys, index, made.label, err));
    *ret_slot = made;
    return ERR_OK;
}

struct slice slot_envelope(const struct keys *keys, size_t index)
{
    size_t len = slot_kind(keys, index) == VAULT_SLOT_ESCROW ? get_be32(slot_at(keys, index) + SLOT_ENVELOPE_LEN) : 0;
    return slice_of(keys->image + AT_ENVELOPES + index * ENVELOPE_BYTES, len);
}
