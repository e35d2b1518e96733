#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include "crypto/key_memory.h"
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

/*
 * What OpenSSL fetches for keys once a process stays out of key memory: it is done with a key that nobody uses. Where
 * this fails, the same is fetched, or fails, later.
 */
static void fetch_key_algorithms(void)
{
    SCOPED(scoped_pkey) EVP_PKEY *pkey = EVP_EC_gen("P-256");
    SCOPED(scoped_pkcs8) PKCS8_PRIV_KEY_INFO *info = pkey == NULL ? NULL : EVP_PKEY2PKCS8(pkey);
    SCOPED(scoped_pkey) EVP_PKEY *again = info == NULL ? NULL : EVP_PKCS82PKEY(info);
    ERR_clear_error();
}

static struct key_scope enter_scope(void)
{
    static pthread_once_t fetched = PTHREAD_ONCE_INIT;
    (void)pthread_once(&fetched, fetch_key_algorithms);
    return key_scope_enter();
}

/* Takes the key over, also on failure. */
static enum err_code wrap_pkey(EVP_PKEY *given, struct device_key **ret_key, struct error *err)
{
    SCOPED(scoped_pkey) EVP_PKEY *pkey = given;
    uint8_t spki[P256_SPKI_BYTES];
    uint8_t *end = spki;
    int len = i2d_PUBKEY(pkey, NULL);
    bool other = len > 0 && len != P256_SPKI_BYTES;
    if (!other && (len <= 0 || i2d_PUBKEY(pkey, &end) != len)) {
        return openssl_failed(err, ERR_CRYPTO, "hold a device key");
    }
    if (other || !p256_spki_shape(slice_of(spki, sizeof(spki)))) {
        return FAIL(err, KEY, "use a device key that is not on P-256");
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
    SCOPED(key_scope_leave) struct key_scope scope = enter_scope();
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
    SCOPED(key_scope_leave) struct key_scope scope = enter_scope();
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
    SCOPED(key_scope_leave) struct key_scope scope = enter_scope();
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

/* Of context || 0x00 || message. */
static void digest_in_context(const char *context, struct slice message, uint8_t digest[SHA256_BYTES])
{
    CHECK(context[0] != '\0');
    sha256((struct slice[]){ slice_of(context, strlen(context) + 1), message }, 2, digest);
}

enum err_code device_key_sign(const struct device_key *key, const char *context, struct slice message,
                              uint8_t out[SIGNATURE_MAX], size_t *ret_len, struct error *err)
{
    uint8_t digest[SHA256_BYTES];
    uint8_t signature[SIGNATURE_MAX];
    size_t len = sizeof(signature);
    digest_in_context(context, message, digest);
    SCOPED(key_scope_leave) struct key_scope scope = enter_scope();
    SCOPED(scoped_pkey_ctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
    if (ctx == NULL || EVP_PKEY_sign_init(ctx) != 1 ||
        EVP_PKEY_sign(ctx, signature, &len, digest, sizeof(digest)) != 1 || len == 0 ||
        len > sizeof(signature) /* SIZE_MAX when OpenSSL 3.0 runs out of memory while encoding */) {
        return openssl_failed(err, ERR_CRYPTO, "sign with the device key");
    }
    memcpy(out, signature, len);
    *ret_len = len;
    return ERR_OK;
}

/* Straight from the point, which takes a fifth of the time of the general decoder. */
enum err_code p256_public_key(struct slice spki, enum err_code refusal, EVP_PKEY **ret_pkey, struct error *err)
{
    TRY(p256_spki_check(spki, refusal, err));
    uint8_t point[P256_POINT_BYTES];
    memcpy(point, spki.data + P256_SPKI_BYTES - P256_POINT_BYTES, sizeof(point));
    char group[] = "prime256v1";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
        OSSL_PARAM_construct_end(),
    };
    SCOPED(scoped_pkey_ctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, ret_pkey, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        return openssl_failed(err, ERR_CRYPTO, "use a public key");
    }
    return ERR_OK;
}

enum err_code signature_verify(struct slice public_key_der, const char *context, struct slice message,
                               struct slice signature, struct error *err)
{
    uint8_t digest[SHA256_BYTES];
    digest_in_context(context, message, digest);
    if (signature.len == 0 || signature.len > SIGNATURE_MAX) {
        return FAIL(err, HISTORY, "check a signature of %zu bytes: 1 to %d are possible", signature.len, SIGNATURE_MAX);
    }
    SCOPED(scoped_pkey) EVP_PKEY *pkey = NULL;
    TRY(p256_public_key(public_key_der, ERR_HISTORY, &pkey, err));
    SCOPED(scoped_pkey_ctx) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
    if (ctx == NULL || EVP_PKEY_verify_init(ctx) != 1) {
        return openssl_failed(err, ERR_CRYPTO, "check a signature");
    }
    if (EVP_PKEY_verify(ctx, signature.data, signature.len, digest, sizeof(digest)) != 1) {
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
