#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/encoder.h>
#include <openssl/err.h>

#include "crypto/openssl_glue.h"

enum { PKCS8_BYTES_MAX = 1024 };

static void scoped_bio(BIO **bio)
{
    BIO_free(*bio);
}

static void scoped_encoder(OSSL_ENCODER_CTX **encoder)
{
    OSSL_ENCODER_CTX_free(*encoder);
}

static void scoped_pkcs8(PKCS8_PRIV_KEY_INFO **info)
{
    PKCS8_PRIV_KEY_INFO_free(*info);
}

static void scoped_pkey_ctx(EVP_PKEY_CTX **ctx)
{
    EVP_PKEY_CTX_free(*ctx);
}

/* Takes the key over, also on failure. */
static enum err_code wrap_pkey(EVP_PKEY *given, struct device_key **ret_key, struct error *err)
{
    SCOPED(scoped_pkey) EVP_PKEY *pkey = given;
    uint8_t spki[P256_SPKI_BYTES];
    uint8_t *end = spki;
    if (i2d_PUBKEY(pkey, NULL) != P256_SPKI_BYTES || i2d_PUBKEY(pkey, &end) != P256_SPKI_BYTES ||
        !p256_spki_shape(slice_of(spki, sizeof(spki)))) {
        return openssl_failed(err, ERR_KEY, "use a device key that is not on P-256");
    }
    struct device_key *key = calloc(1, sizeof(*key));
    if (key == NULL) {
        return FAIL(err, NO_MEMORY, "hold a device key");
    }
    memcpy(key->spki, spki, sizeof(spki));
    key->pkey = pkey;
    pkey = NULL;
    *ret_key = key;
    return ERR_OK;
}

enum err_code device_key_generate(struct device_key **ret_key, struct error *err)
{
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    if (pkey == NULL) {
        return openssl_failed(err, ERR_CRYPTO, "make a device key");
    }
    return wrap_pkey(pkey, ret_key, err);
}

enum err_code device_key_load(struct slice pkcs8_der, struct device_key **ret_key, struct error *err)
{
    if (pkcs8_der.len == 0 || pkcs8_der.len > PKCS8_BYTES_MAX) {
        return FAIL(err, KEY, "load a device key of %zu bytes: 1 to %d are possible", pkcs8_der.len, PKCS8_BYTES_MAX);
    }
    const uint8_t *end = pkcs8_der.data;
    SCOPED(scoped_pkcs8) PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &end, (long)pkcs8_der.len);
    if (info == NULL || end != pkcs8_der.data + pkcs8_der.len) {
        return openssl_failed(err, ERR_KEY, "load a device key: it is not one PKCS#8 key in DER");
    }
    SCOPED(scoped_pkey) EVP_PKEY *pkey = EVP_PKCS82PKEY(info);
    SCOPED(scoped_pkey_ctx) EVP_PKEY_CTX *check = pkey == NULL ? NULL : EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    if (check == NULL || EVP_PKEY_check(check) != 1) {
        return openssl_failed(err, ERR_KEY, "load a device key: its numbers do not fit together");
    }
    EVP_PKEY *loaded = pkey;
    pkey = NULL;
    return wrap_pkey(loaded, ret_key, err);
}

/* The bytes go from the key through locked memory into locked memory. */
static enum err_code export_as(const struct device_key *key, const char *format, struct secret *ret_bytes,
                               struct error *err)
{
    SCOPED(scoped_bio) BIO *bio = BIO_new(BIO_s_secmem());
    SCOPED(scoped_encoder)
    OSSL_ENCODER_CTX *encoder =
        OSSL_ENCODER_CTX_new_for_pkey(key->pkey, EVP_PKEY_KEYPAIR, format, "PrivateKeyInfo", NULL);
    if (bio == NULL || encoder == NULL || OSSL_ENCODER_to_bio(encoder, bio) != 1) {
        return openssl_failed(err, ERR_CRYPTO, "export a device key");
    }
    char *bytes = NULL;
    long len = BIO_get_mem_data(bio, &bytes);
    if (len <= 0) {
        return openssl_failed(err, ERR_CRYPTO, "export a device key");
    }
    return secret_copy(slice_of(bytes, (size_t)len), ret_bytes, err);
}

enum err_code device_key_export(const struct device_key *key, struct secret *ret_pkcs8_der, struct error *err)
{
    return export_as(key, "DER", ret_pkcs8_der, err);
}

enum err_code device_key_export_pem(const struct device_key *key, struct secret *ret_pem, struct error *err)
{
    return export_as(key, "PEM", ret_pem, err);
}

void device_key_free(struct device_key *key)
{
    if (key != NULL) {
        EVP_PKEY_free(key->pkey);
        free(key);
    }
}

void device_key_id(const struct device_key *key, uint8_t ret_id[DEVICE_ID_BYTES])
{
    uint8_t digest[SHA256_BYTES];
    sha256(&(struct slice){ key->spki, sizeof(key->spki) }, 1, digest);
    memcpy(ret_id, digest, DEVICE_ID_BYTES);
}

enum err_code device_key_sign(const struct device_key *key, const char *context, struct slice message,
                              uint8_t out[SIGNATURE_MAX], size_t *ret_len, struct error *err)
{
    CHECK(context[0] != '\0');
    SCOPED(scoped_md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t signature[SIGNATURE_MAX];
    size_t len = sizeof(signature);
    /* the context's closing NUL separates it from the message */
    if (ctx == NULL || EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key->pkey, NULL) != 1 ||
        EVP_DigestSignUpdate(ctx, context, strlen(context) + 1) != 1 ||
        EVP_DigestSignUpdate(ctx, message.data, message.len) != 1 || EVP_DigestSignFinal(ctx, signature, &len) != 1) {
        return openssl_failed(err, ERR_CRYPTO, "sign with the device key");
    }
    memcpy(out, signature, len);
    *ret_len = len;
    return ERR_OK;
}

static enum err_code decode_public_key(struct slice der, EVP_PKEY **ret_pkey, struct error *err)
{
    const uint8_t *end = der.data;
    EVP_PKEY *pkey = p256_spki_shape(der) ? d2i_PUBKEY(NULL, &end, (long)der.len) : NULL;
    if (pkey == NULL) {
        return openssl_failed(err, ERR_HISTORY, "check a signature: the public key is not on P-256");
    }
    *ret_pkey = pkey;
    return ERR_OK;
}

enum err_code signature_verify(struct slice public_key_der, const char *context, struct slice message,
                               struct slice signature, struct error *err)
{
    CHECK(context[0] != '\0');
    SCOPED(scoped_pkey) EVP_PKEY *pkey = NULL;
    TRY(decode_public_key(public_key_der, &pkey, err));
    if (signature.len == 0 || signature.len > SIGNATURE_MAX) {
        return FAIL(err, HISTORY, "check a signature of %zu bytes: 1 to %d are possible", signature.len, SIGNATURE_MAX);
    }
    SCOPED(scoped_md_ctx) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx == NULL || EVP_DigestVerifyInit_ex(ctx, NULL, "SHA256", NULL, NULL, pkey, NULL) != 1 ||
        EVP_DigestVerifyUpdate(ctx, context, strlen(context) + 1) != 1 ||
        EVP_DigestVerifyUpdate(ctx, message.data, message.len) != 1) {
        return openssl_failed(err, ERR_CRYPTO, "check a signature");
    }
    if (EVP_DigestVerifyFinal(ctx, signature.data, signature.len) != 1) {
        return openssl_failed(err, ERR_HISTORY, "check a signature: it does not fit");
    }
    return ERR_OK;
}

enum err_code device_key_request(const struct device_key *key, const char *common_name, struct buf *ret_der,
                                 struct error *err)
{
    SCOPED(scoped_x509_req) X509_REQ *request = X509_REQ_new();
    if (request == NULL) {
        return openssl_failed(err, ERR_CRYPTO, "make a certificate request");
    }
    TRY(x509_name_set(X509_REQ_get_subject_name(request), common_name, err));
    if (X509_REQ_set_version(request, X509_REQ_VERSION_1) != 1 || X509_REQ_set_pubkey(request, key->pkey) != 1 ||
        X509_REQ_sign(request, key->pkey, EVP_sha256()) <= 0) {
        return openssl_failed(err, ERR_CRYPTO, "make a certificate request");
    }
    int len = i2d_X509_REQ(request, NULL);
    if (len <= 0) {
        return openssl_failed(err, ERR_CRYPTO, "encode a certificate request");
    }
    TRY(buf_reserve(ret_der, (size_t)len, err));
    uint8_t *end = ret_der->data + ret_der->len;
    if (i2d_X509_REQ(request, &end) != len) {
        return openssl_failed(err, ERR_CRYPTO, "encode a certificate request");
    }
    ret_der->len += (size_t)len;
    return ERR_OK;
}
