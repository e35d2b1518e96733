#include "crypto/hpke.h"

#include <limits.h>
#include <string.h>

#include <openssl/crypto.h>

#include "crypto/key_memory.h"
#include "crypto/openssl_glue.h"

enum {
    KEM_P256 = 0x0010,
    KDF_SHA256 = 0x0001,
    AEAD_AES256_GCM = 0x0002,
    MODE_BASE = 0,
    KEY_BYTES = 32,
    DH_BYTES = 32,
    CONTEXT_BYTES = 1 + 2 * SHA256_BYTES, /* mode, hash of no key's id, hash of the info */
    LABELED_MAX = 256,
    EXPORT_CONTEXT_MAX = 64,
};

/* ---- labeled derivation (RFC 9180 section 4); every output is one block of HMAC ---- */

struct suite {
    uint8_t bytes[10];
    size_t len;
};

static const struct suite kem_suite = { { 'K', 'E', 'M', 0, KEM_P256 }, 5 };
static const struct suite hpke_suite = { { 'H', 'P', 'K', 'E', 0, KEM_P256, 0, KDF_SHA256, 0, AEAD_AES256_GCM }, 10 };

/* What is hashed, put together; wiped, since there may be a key in it. */
struct labeled {
    uint8_t bytes[LABELED_MAX];
    size_t len;
};

static void labeled_wipe(struct labeled *labeled)
{
    OPENSSL_cleanse(labeled, sizeof(*labeled));
}

static void labeled_add(struct labeled *labeled, const void *bytes, size_t len)
{
    CHECK(len <= sizeof(labeled->bytes) - labeled->len);
    if (len > 0) {
        memcpy(labeled->bytes + labeled->len, bytes, len);
        labeled->len += len;
    }
}

static void labeled_begin(struct labeled *labeled, const struct suite *suite, const char *label)
{
    labeled_add(labeled, "HPKE-v1", 7);
    labeled_add(labeled, suite->bytes, suite->len);
    labeled_add(labeled, label, strlen(label));
}

static void labeled_extract(const struct suite *suite, struct slice salt, const char *label, struct slice key,
                            uint8_t out[SHA256_BYTES])
{
    SCOPED(labeled_wipe) struct labeled input = { .len = 0 };
    labeled_begin(&input, suite, label);
    labeled_add(&input, key.data, key.len);
    hmac_sha256(salt, slice_of(input.bytes, input.len), out);
}

/* The first `len` bytes of `out` are the output. */
static void labeled_expand(const struct suite *suite, const uint8_t key[SHA256_BYTES], const char *label,
                           struct slice info, size_t len, uint8_t out[SHA256_BYTES])
{
    static const uint8_t first_block = 1;
    SCOPED(labeled_wipe) struct labeled input = { .len = 0 };
    CHECK(len <= SHA256_BYTES);
    labeled_add(&input, (uint8_t[]){ 0, (uint8_t)len }, 2);
    labeled_begin(&input, suite, label);
    labeled_add(&input, info.data, info.len);
    labeled_add(&input, &first_block, 1);
    hmac_sha256(slice_of(key, SHA256_BYTES), slice_of(input.bytes, input.len), out);
}

/* ---- the keys of a row ---- */

static void scoped_pkey_ctx(EVP_PKEY_CTX **ctx)
{
    EVP_PKEY_CTX_free(*ctx);
}

static void scoped_cipher(EVP_CIPHER_CTX **ctx)
{
    EVP_CIPHER_CTX_free(*ctx);
}

static enum err_code agree(EVP_PKEY *own, EVP_PKEY *peer, struct secret *ret_shared, struct error *err)
{
    SCOPED(secret_free) struct secret shared = { 0 };
    TRY(secret_new(DH_BYTES, &shared, err));
    SCOPED(scoped_pkey_ctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
    size_t len = DH_BYTES;
    if (ctx == NULL || EVP_PKEY_derive_init(ctx) != 1 || EVP_PKEY_derive_set_peer(ctx, peer) != 1 ||
        EVP_PKEY_derive(ctx, shared.bytes, &len) != 1 || len != DH_BYTES) {
        return openssl_failed(err, ERR_CRYPTO, "agree on a key");
    }
    *ret_shared = shared;
    shared = (struct secret){ 0 };
    return ERR_OK;
}

/* RFC 9180 sections 4.1 and 5.1. Every intermediate is wiped with `work`. */
static enum err_code schedule(const struct secret *agreed, const uint8_t encapsulated[HPKE_ENCAPSULATED_BYTES],
                              const uint8_t receiver[P256_POINT_BYTES], struct slice info, struct hpke *ret_hpke,
                              struct error *err)
{
    SCOPED(secret_free) struct secret work = { 0 };
    struct hpke made = { 0 };
    uint8_t both[HPKE_ENCAPSULATED_BYTES + P256_POINT_BYTES];
    uint8_t context[CONTEXT_BYTES] = { MODE_BASE };
    uint8_t nonce[SHA256_BYTES];
    const struct slice nothing = { 0 };
    memcpy(both, encapsulated, HPKE_ENCAPSULATED_BYTES);
    memcpy(both + HPKE_ENCAPSULATED_BYTES, receiver, P256_POINT_BYTES);
    TRY(secret_new((size_t)2 * SHA256_BYTES, &work, err));
    TRY(secret_new((size_t)2 * KEY_BYTES, &made.keys, err));
    uint8_t *shared = work.bytes;
    uint8_t *secret = work.bytes + SHA256_BYTES;
    labeled_extract(&kem_suite, nothing, "eae_prk", slice_of(agreed->bytes, agreed->len), secret);
    labeled_expand(&kem_suite, secret, "shared_secret", slice_of(both, sizeof(both)), KEY_BYTES, shared);
    labeled_extract(&hpke_suite, nothing, "psk_id_hash", nothing, context + 1);
    labeled_extract(&hpke_suite, nothing, "info_hash", info, context + 1 + SHA256_BYTES);
    labeled_extract(&hpke_suite, slice_of(shared, KEY_BYTES), "secret", nothing, secret);
    struct slice all = slice_of(context, sizeof(context));
    labeled_expand(&hpke_suite, secret, "key", all, KEY_BYTES, made.keys.bytes);
    labeled_expand(&hpke_suite, secret, "exp", all, KEY_BYTES, made.keys.bytes + KEY_BYTES);
    labeled_expand(&hpke_suite, secret, "base_nonce", all, HPKE_NONCE_BYTES, nonce);
    memcpy(made.nonce, nonce, HPKE_NONCE_BYTES);
    OPENSSL_cleanse(nonce, sizeof(nonce));
    *ret_hpke = made;
    return ERR_OK;
}

/* The last bytes of a key's only form are its point. */
static const uint8_t *point_of(const uint8_t *spki)
{
    return spki + P256_SPKI_BYTES - P256_POINT_BYTES;
}

enum err_code hpke_seal_begin(struct slice public_key_der, struct slice info,
                              uint8_t ret_encapsulated[HPKE_ENCAPSULATED_BYTES], struct hpke *ret_hpke,
                              struct error *err)
{
    SCOPED(scoped_pkey) EVP_PKEY *receiver = NULL;
    struct device_key *ephemeral = NULL;
    SCOPED(secret_free) struct secret agreed = { 0 };
    TRY(p256_public_key(public_key_der, ERR_KEY, &receiver, err));
    TRY(device_key_generate(&ephemeral, err));
    enum err_code rc;
    {
        SCOPED(key_scope_leave) struct key_scope scope = key_scope_enter();
        rc = agree(ephemeral->pkey, receiver, &agreed, err);
    }
    uint8_t encapsulated[HPKE_ENCAPSULATED_BYTES];
    memcpy(encapsulated, point_of(ephemeral->spki), sizeof(encapsulated));
    device_key_free(ephemeral);
    TRY(rc);
    TRY(schedule(&agreed, encapsulated, point_of(public_key_der.data), info, ret_hpke, err));
    memcpy(ret_encapsulated, encapsulated, sizeof(encapsulated));
    return ERR_OK;
}

enum err_code hpke_open_begin(const struct device_key *key, const uint8_t encapsulated[HPKE_ENCAPSULATED_BYTES],
                              struct slice info, struct hpke *ret_hpke, struct error *err)
{
    uint8_t spki[P256_SPKI_BYTES];
    SCOPED(scoped_pkey) EVP_PKEY *ephemeral = NULL;
    SCOPED(secret_free) struct secret agreed = { 0 };
    memcpy(spki, key->spki, sizeof(spki));
    memcpy(spki + P256_SPKI_BYTES - P256_POINT_BYTES, encapsulated, P256_POINT_BYTES);
    TRY(p256_public_key(slice_of(spki, sizeof(spki)), ERR_DAMAGED, &ephemeral, err));
    {
        SCOPED(key_scope_leave) struct key_scope scope = key_scope_enter();
        TRY(agree(key->pkey, ephemeral, &agreed, err));
    }
    return schedule(&agreed, encapsulated, point_of(key->spki), info, ret_hpke, err);
}

void hpke_fini(struct hpke *hpke)
{
    secret_free(&hpke->keys);
    OPENSSL_cleanse(hpke->nonce, sizeof(hpke->nonce));
}

/* ---- messages ---- */

static enum err_code cipher_begin(const struct hpke *hpke, bool sealing, EVP_CIPHER_CTX **ret_ctx, struct error *err)
{
    uint8_t nonce[HPKE_NONCE_BYTES];
    uint8_t count[8];
    memcpy(nonce, hpke->nonce, sizeof(nonce));
    put_be64(count, hpke->count);
    for (size_t i = 0; i < sizeof(count); i++) {
        nonce[HPKE_NONCE_BYTES - sizeof(count) + i] ^= count[i];
    }
    *ret_ctx = EVP_CIPHER_CTX_new();
    if (*ret_ctx == NULL ||
        EVP_CipherInit_ex(*ret_ctx, EVP_aes_256_gcm(), NULL, hpke->keys.bytes, nonce, sealing) != 1) {
        return openssl_failed(err, ERR_CRYPTO, "begin a message");
    }
    return ERR_OK;
}

enum err_code hpke_seal(struct hpke *hpke, struct slice associated, struct slice message, struct buf *out,
                        struct error *err)
{
    CHECK(message.len <= INT_MAX - HPKE_TAG_BYTES && hpke->count < UINT64_MAX);
    TRY(buf_reserve(out, message.len + HPKE_TAG_BYTES, err));
    SCOPED(key_scope_leave) struct key_scope scope = key_scope_enter();
    SCOPED(scoped_cipher) EVP_CIPHER_CTX *ctx = NULL;
    uint8_t *at = out->data + out->len;
    int len = 0;
    TRY(cipher_begin(hpke, true, &ctx, err));
    if (EVP_EncryptUpdate(ctx, NULL, &len, associated.data, (int)associated.len) != 1 ||
        EVP_EncryptUpdate(ctx, at, &len, message.data, (int)message.len) != 1 ||
        EVP_EncryptFinal_ex(ctx, at + message.len, &len) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, HPKE_TAG_BYTES, at + message.len) != 1) {
        return openssl_failed(err, ERR_CRYPTO, "seal a message");
    }
    hpke->count++;
    out->len += message.len + HPKE_TAG_BYTES;
    return ERR_OK;
}

enum err_code hpke_open(struct hpke *hpke, struct slice associated, struct slice sealed, struct buf *out,
                        struct error *err)
{
    if (sealed.len < HPKE_TAG_BYTES || sealed.len > INT_MAX) {
        return FAIL(err, DAMAGED, "open a message of %zu bytes", sealed.len);
    }
    size_t message_len = sealed.len - HPKE_TAG_BYTES;
    TRY(buf_reserve(out, message_len, err));
    SCOPED(key_scope_leave) struct key_scope scope = key_scope_enter();
    SCOPED(scoped_cipher) EVP_CIPHER_CTX *ctx = NULL;
    uint8_t tag[HPKE_TAG_BYTES]; /* OpenSSL takes it through a pointer to non-const */
    uint8_t end[1];
    uint8_t *at = message_len > 0 ? out->data + out->len : end;
    int len = 0;
    memcpy(tag, sealed.data + message_len, sizeof(tag));
    TRY(cipher_begin(hpke, false, &ctx, err));
    if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, HPKE_TAG_BYTES, tag) != 1 ||
        EVP_DecryptUpdate(ctx, NULL, &len, associated.data, (int)associated.len) != 1 ||
        (message_len > 0 && EVP_DecryptUpdate(ctx, at, &len, sealed.data, (int)message_len) != 1)) {
        return openssl_failed(err, ERR_CRYPTO, "open a message");
    }
    if (EVP_DecryptFinal_ex(ctx, at + message_len, &len) != 1) {
        OPENSSL_cleanse(at, message_len);
        return FAIL(err, DAMAGED, "open a message: it fails its check");
    }
    hpke->count++;
    out->len += message_len;
    return ERR_OK;
}

void hpke_export(const struct hpke *hpke, const char *context, uint8_t out[HPKE_EXPORT_BYTES])
{
    CHECK(strlen(context) <= EXPORT_CONTEXT_MAX);
    labeled_expand(&hpke_suite, hpke->keys.bytes + KEY_BYTES, "sec", slice_of_text(context), HPKE_EXPORT_BYTES, out);
}
