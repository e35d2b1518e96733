#include "crypto/vault/kdf.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "crypto/key_memory.h"

static const uint64_t SCRYPT_MEMORY_MAX = 1024ULL * 1024 * 1024;

enum { LOG2N_MIN = 10, LOG2N_MAX = 20, R_MAX = 16, P_MAX = 4, SCRYPT_BLOCK = 128 };

static bool hkdf(EVP_KDF_CTX *context, struct slice key, struct slice salt, const char *purpose,
                 const struct secret *out)
{
    /* OpenSSL takes its parameters through pointers to non-const and does not write through them. */
    char digest[] = "SHA256";
    union {
        const void *from;
        void *to;
    } key_data = { .from = key.data }, salt_data = { .from = salt.data }, info = { .from = purpose };
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key_data.to, key.len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt_data.to, salt.len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.to, strlen(purpose)),
        OSSL_PARAM_construct_end(),
    };
    return EVP_KDF_derive(context, out->bytes, out->len, params) == 1;
}

enum err_code kdf_expand(struct slice key, struct slice salt, const char *purpose, size_t len, struct secret *ret_key,
                         struct error *err)
{
    SCOPED(secret_free) struct secret made = { 0 };
    TRY(secret_new(len, &made, err));
    EVP_KDF *algorithm = EVP_KDF_fetch(NULL, "HKDF", NULL);
    SCOPED(key_scope_leave) struct key_scope scope = key_scope_enter();
    EVP_KDF_CTX *context = algorithm == NULL ? NULL : EVP_KDF_CTX_new(algorithm);
    bool derived = context != NULL && hkdf(context, key, salt, purpose, &made);
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(algorithm);
    if (!derived) {
        return FAIL(err, CRYPTO, "derive the key '%s'", purpose);
    }
    *ret_key = made;
    made = (struct secret){ 0 };
    return ERR_OK;
}

enum err_code kdf_scrypt_check(const struct scrypt_cost *cost, struct error *err)
{
    if (cost->log2n < LOG2N_MIN || cost->log2n > LOG2N_MAX || cost->r < 1 || cost->r > R_MAX || cost->p < 1 ||
        cost->p > P_MAX || ((uint64_t)SCRYPT_BLOCK * cost->r << cost->log2n) > SCRYPT_MEMORY_MAX) {
        return FAIL(err, DAMAGED, "use scrypt with N=2^%u r=%u p=%u: out of bounds", cost->log2n, cost->r, cost->p);
    }
    return ERR_OK;
}

enum err_code kdf_scrypt(struct slice passphrase, struct slice salt, const struct scrypt_cost *cost,
                         struct secret *ret_key, struct error *err)
{
    TRY(kdf_scrypt_check(cost, err));
    SCOPED(secret_free) struct secret made = { 0 };
    TRY(secret_new(KDF_KEY_BYTES, &made, err));
    SCOPED(key_scope_leave) struct key_scope scope = key_scope_enter();
    /* OpenSSL counts its small buffers too. */
    uint64_t memory_max = SCRYPT_MEMORY_MAX + (uint64_t)SCRYPT_BLOCK * R_MAX * P_MAX + 4096;
    if (EVP_PBE_scrypt((const char *)passphrase.data, passphrase.len, salt.data, salt.len, 1ULL << cost->log2n, cost->r,
                       cost->p, memory_max, made.bytes, made.len) != 1) {
        return FAIL(err, NO_MEMORY, "derive a key with scrypt N=2^%u r=%u p=%u", cost->log2n, cost->r, cost->p);
    }
    *ret_key = made;
    made = (struct secret){ 0 };
    return ERR_OK;
}
