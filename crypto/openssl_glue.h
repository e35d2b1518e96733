/*
 * crypto/openssl_glue - what the files of crypto/ that speak to OpenSSL share. Private to crypto/.
 *
 * Every failure drains OpenSSL's error queue of this thread: nothing stale is left for the TLS code to stumble over.
 */
#ifndef CRYPTO_OPENSSL_GLUE_H
#define CRYPTO_OPENSSL_GLUE_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "crypto/identity.h"

/* SubjectPublicKeyInfo (RFC 5480) of a P-256 key: 27 bytes that are the same for all, then the point's x and y. */
#define P256_SPKI_BYTES 91
#define P256_POINT_BYTES 65 /* 04 || x || y */

struct device_key {
    EVP_PKEY *pkey;
    uint8_t spki[P256_SPKI_BYTES];
};

static inline void scoped_pkey(EVP_PKEY **pkey)
{
    EVP_PKEY_free(*pkey);
}

static inline void scoped_x509(X509 **certificate)
{
    X509_free(*certificate);
}

static inline void scoped_x509_req(X509_REQ **request)
{
    X509_REQ_free(*request);
}

/* Describes the failure with OpenSSL's own reason. Returns ERR_NO_MEMORY when memory ran out, otherwise `code`. */
MUST_USE enum err_code openssl_failed(struct error *err, enum err_code code, const char *doing);

/* Exactly the named-curve, uncompressed form; every other key and encoding is false. */
bool p256_spki_shape(struct slice spki);

/* `refusal` unless it has that form and its point is on the curve. Another failure is never said to be a wrong key. */
MUST_USE enum err_code p256_spki_check(struct slice spki, enum err_code refusal, struct error *err);

/* The key of a certificate or request as it stands there, checked so. */
MUST_USE enum err_code p256_spki_read(X509_PUBKEY *key, enum err_code refusal, uint8_t ret_spki[P256_SPKI_BYTES],
                                      struct error *err);

/* The public key of that form, checked so. */
MUST_USE enum err_code p256_public_key(struct slice spki, enum err_code refusal, EVP_PKEY **ret_pkey,
                                       struct error *err);

/* One DER certificate at the start of *der, which moves past it. No other encoding of the same content is taken. */
MUST_USE enum err_code x509_take(struct slice *der, X509 **ret_certificate, struct error *err);

/* x509_take, and nothing may follow. */
MUST_USE enum err_code x509_decode(struct slice der, X509 **ret_certificate, struct error *err);

MUST_USE enum err_code x509_encode(X509 *certificate, struct buf *out, struct error *err);

MUST_USE enum err_code x509_time_read(const ASN1_TIME *at, int64_t *ret_ms, struct error *err);

/* CN=common_name: 1 to 64 characters (RFC 5280, ub-common-name) of valid UTF-8 without control characters. */
MUST_USE enum err_code x509_name_set(X509_NAME *name, const char *common_name, struct error *err);

#endif
