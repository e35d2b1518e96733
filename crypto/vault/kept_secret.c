/*
 * A secret as a row of the database holds it:
 *
 *     0   1  1: this form (a key in DER begins with 0x30)
 *     1  12  nonce, random
 *    13   n  AES-256-GCM of the secret; associated data: the purpose
 *  13+n  16  tag
 *
 * under HKDF of the vault key, purpose "holdfast vault 1 kept secret": the pages are sealed on disk anyway; this keeps
 * it out of SQLite's pages in memory.
 */
#include <string.h>

#include <openssl/evp.h>

#include "crypto/digest.h"
#include "crypto/key_memory.h"
#include "crypto/vault/vault_internal.h"

enum { FORM = 1, NONCE_AT = 1, NONCE_LEN = 12, BODY_AT = NONCE_AT + NONCE_LEN, TAG_LEN = 16, KEY_LEN = 32 };
enum { LEAST = BODY_AT + 1 + TAG_LEN };

static enum err_code key_of(struct vault *vault, struct secret *ret_key, struct error *err)
{
    pthread_mutex_lock(&vault->keys_lock);
    enum err_code rc = keys_vault_derive(&vault->keys, "holdfast vault 1 kept secret", KEY_LEN, ret_key, err);
    pthread_mutex_unlock(&vault->keys_lock);
    return rc;
}

static bool closed(EVP_CIPHER_CTX *context, const struct secret *key, const char *purpose, const struct secret *secret,
                   uint8_t *out)
{
    int len = 0;
    return EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key->bytes, out + NONCE_AT) == 1 &&
           EVP_EncryptUpdate(context, NULL, &len, (const uint8_t *)purpose, (int)strlen(purpose)) == 1 &&
           EVP_EncryptUpdate(context, out + BODY_AT, &len, secret->bytes, (int)secret->len) == 1 &&
           EVP_EncryptFinal_ex(context, out + BODY_AT + secret->len, &len) == 1 &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, out + BODY_AT + secret->len) == 1;
}

enum err_code vault_close_secret(struct vault *vault, const char *purpose, const struct secret *secret, struct buf *out,
                                 struct error *err)
{
    SCOPED(secret_free) struct secret key = { 0 };
    TRY(key_of(vault, &key, err));
    TRY(buf_reserve(out, BODY_AT + secret->len + TAG_LEN, err));
    uint8_t *at = out->data + out->len;
    at[0] = FORM;
    TRY(random_bytes(at + NONCE_AT, NONCE_LEN, err));
    SCOPED(key_scope_leave) struct key_scope scope = key_scope_enter();
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool done = context != NULL && closed(context, &key, purpose, secret, at);
    EVP_CIPHER_CTX_free(context);
    if (!done) {
        return FAIL(err, CRYPTO, "seal the secret '%s'", purpose);
    }
    out->len += BODY_AT + secret->len + TAG_LEN;
    return ERR_OK;
}

static bool opened(EVP_CIPHER_CTX *context, const struct secret *key, const char *purpose, struct slice kept,
                   uint8_t *out)
{
    int len = 0;
    size_t body = kept.len - BODY_AT - TAG_LEN;
    uint8_t tag[TAG_LEN]; /* OpenSSL takes it through a pointer to non-const */
    memcpy(tag, kept.data + kept.len - TAG_LEN, TAG_LEN);
    return EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key->bytes, kept.data + NONCE_AT) == 1 &&
           EVP_DecryptUpdate(context, NULL, &len, (const uint8_t *)purpose, (int)strlen(purpose)) == 1 &&
           EVP_DecryptUpdate(context, out, &len, kept.data + BODY_AT, (int)body) == 1 &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) == 1 &&
           EVP_DecryptFinal_ex(context, tag, &len) == 1;
}

enum err_code vault_open_secret(struct vault *vault, const char *purpose, struct slice kept, struct secret *ret_secret,
                                struct error *err)
{
    if (!vault_secret_is_closed(kept) || kept.len < LEAST || kept.len > BODY_AT + VAULT_SECRET_MAX + TAG_LEN) {
        return FAIL(err, DAMAGED, "open the secret '%s': it has another form", purpose);
    }
    SCOPED(secret_free) struct secret key = { 0 };
    SCOPED(secret_free) struct secret made = { 0 };
    TRY(key_of(vault, &key, err));
    TRY(secret_new(kept.len - BODY_AT - TAG_LEN, &made, err));
    SCOPED(key_scope_leave) struct key_scope scope = key_scope_enter();
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool done = context != NULL && opened(context, &key, purpose, kept, made.bytes);
    EVP_CIPHER_CTX_free(context);
    if (!done) {
        return FAIL(err, DAMAGED, "open the secret '%s': it fails its check", purpose);
    }
    *ret_secret = made;
    made = (struct secret){ 0 };
    return ERR_OK;
}

bool vault_secret_is_closed(struct slice kept)
{
    return kept.len > 0 && kept.data[0] == FORM;
}
