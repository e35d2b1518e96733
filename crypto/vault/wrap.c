#include "crypto/vault/wrap.h"

#include <openssl/evp.h>

#include "crypto/digest.h"
#include "crypto/key_memory.h"

enum { NONCE = 12, KEY = 32, TAG = 16, TAG_AT = NONCE + KEY };

static bool wrap_with(EVP_CIPHER_CTX *context, const struct secret *under, struct slice associated,
                      const struct secret *key, uint8_t out[WRAP_BYTES])
{
    int len = 0;
    return EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, under->bytes, out) == 1 &&
           EVP_EncryptUpdate(context, NULL, &len, associated.data, (int)associated.len) == 1 &&
           EVP_EncryptUpdate(context, out + NONCE, &len, key->bytes, KEY) == 1 &&
           EVP_EncryptFinal_ex(context, out + TAG_AT, &len) == 1 &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG, out + TAG_AT) == 1;
}

enum err_code wrap_key(const struct secret *under, struct slice associated, const struct secret *key,
                       uint8_t out[WRAP_BYTES], struct error *err)
{
    CHECK(under->len == KEY && key->len == KEY);
    TRY(random_bytes(out, NONCE, err));
    SCOPED(key_scope_leave) struct key_scope scope = key_scope_enter();
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool wrapped = context != NULL && wrap_with(context, under, associated, key, out);
    EVP_CIPHER_CTX_free(context);
    return wrapped ? ERR_OK : FAIL(err, CRYPTO, "wrap a key");
}

static enum err_code unwrap_with(EVP_CIPHER_CTX *context, const struct secret *under, struct slice associated,
                                 const uint8_t in[WRAP_BYTES], uint8_t key[KEY], struct error *err)
{
    int len = 0;
    uint8_t tag[TAG];
    for (int i = 0; i < TAG; i++) {
        tag[i] = in[TAG_AT + i];
    }
    if (EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, under->bytes, in) != 1 ||
        EVP_DecryptUpdate(context, NULL, &len, associated.data, (int)associated.len) != 1 ||
        EVP_DecryptUpdate(context, key, &len, in + NONCE, KEY) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG, tag) != 1) {
        return FAIL(err, CRYPTO, "unwrap a key");
    }
    return EVP_DecryptFinal_ex(context, tag, &len) == 1 ? ERR_OK
                                                        : FAIL(err, DAMAGED, "unwrap a key: it fails its check");
}

enum err_code unwrap_key(const struct secret *under, struct slice associated, const uint8_t in[WRAP_BYTES],
                         struct secret *ret_key, struct error *err)
{
    CHECK(under->len == KEY);
    SCOPED(secret_free) struct secret made = { 0 };
    TRY(secret_new(KEY, &made, err));
    SCOPED(key_scope_leave) struct key_scope scope = key_scope_enter();
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    enum err_code rc = context == NULL ? FAIL(err, NO_MEMORY, "unwrap a key")
                                       : unwrap_with(context, under, associated, in, made.bytes, err);
    EVP_CIPHER_CTX_free(context);
    if (rc == ERR_OK) {
        *ret_key = made;
        made = (struct secret){ 0 };
    }
    return rc;
}
