#include "crypto/openssl_glue.h"

#include <string.h>
#include <time.h>

#include <openssl/ec.h>
#include <openssl/err.h>

enum { COMMON_NAME_BYTES_MAX = 256 };

enum err_code openssl_failed(struct error *err, enum err_code code, const char *doing)
{
    bool memory = false;
    unsigned long last = 0;
    for (unsigned long next = ERR_get_error(); next != 0; next = ERR_get_error()) {
        memory = memory || ERR_GET_REASON(next) == ERR_R_MALLOC_FAILURE;
        last = next;
    }
    if (memory) {
        return FAIL(err, NO_MEMORY, "%s", doing);
    }
    const char *reason = last == 0 ? NULL : ERR_reason_error_string(last);
    return reason == NULL ? error_set(err, code, "%s", doing) : error_set(err, code, "%s: %s", doing, reason);
}

bool p256_spki_shape(struct slice spki)
{
    static const uint8_t head[] = {
        0x30, 0x59, 0x30, 0x13,                                     /* SEQUENCE { SEQUENCE { */
        0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,       /* id-ecPublicKey */
        0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, /* secp256r1 } */
        0x03, 0x42, 0x00, 0x04,                                     /* BIT STRING: 04 || x || y } */
    };
    return spki.len == P256_SPKI_BYTES && memcmp(spki.data, head, sizeof(head)) == 0;
}

static enum err_code point_check(const EC_GROUP *group, EC_POINT *point, struct slice octets, enum err_code refusal,
                                 struct error *err)
{
    if (group == NULL || point == NULL) {
        return openssl_failed(err, ERR_CRYPTO, "read a public key");
    }
    if (EC_POINT_oct2point(group, point, octets.data, octets.len, NULL) != 1) {
        int reason = ERR_GET_REASON(ERR_peek_last_error());
        bool off_the_curve = reason == EC_R_POINT_IS_NOT_ON_CURVE || reason == EC_R_INVALID_ENCODING;
        return openssl_failed(err, off_the_curve ? refusal : ERR_CRYPTO, "read a public key");
    }
    return ERR_OK;
}

enum err_code p256_spki_check(struct slice spki, enum err_code refusal, struct error *err)
{
    if (!p256_spki_shape(spki)) {
        return error_set(err, refusal, "read a public key: it is not on P-256");
    }
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *point = group == NULL ? NULL : EC_POINT_new(group);
    struct slice octets = slice_of(spki.data + P256_SPKI_BYTES - P256_POINT_BYTES, P256_POINT_BYTES);
    enum err_code rc = point_check(group, point, octets, refusal, err);
    EC_POINT_free(point);
    EC_GROUP_free(group);
    return rc;
}

enum err_code p256_spki_read(X509_PUBKEY *key, enum err_code refusal, uint8_t ret_spki[P256_SPKI_BYTES],
                             struct error *err)
{
    uint8_t spki[P256_SPKI_BYTES];
    uint8_t *end = spki;
    int len = i2d_X509_PUBKEY(key, NULL);
    if (len > 0 && len != P256_SPKI_BYTES) {
        return error_set(err, refusal, "read a public key: it is not on P-256");
    }
    if (len <= 0 || i2d_X509_PUBKEY(key, &end) != len) {
        return openssl_failed(err, ERR_CRYPTO, "read a public key");
    }
    TRY(p256_spki_check(slice_of(spki, sizeof(spki)), refusal, err));
    /* a key as good as this one is missing only when the decoder itself failed */
    if (X509_PUBKEY_get0(key) == NULL) {
        return openssl_failed(err, ERR_CRYPTO, "read a public key");
    }
    memcpy(ret_spki, spki, sizeof(spki));
    return ERR_OK;
}

enum err_code x509_take(struct slice *der, X509 **ret_certificate, struct error *err)
{
    const uint8_t *end = der->data;
    size_t reach = der->len < CERTIFICATE_DER_MAX ? der->len : CERTIFICATE_DER_MAX;
    SCOPED(scoped_x509) X509 *made = reach == 0 ? NULL : d2i_X509(NULL, &end, (long)reach);
    if (made == NULL) {
        return openssl_failed(err, ERR_TLS, "decode a certificate");
    }
    SCOPED(buf_fini) struct buf again;
    buf_init(&again, CERTIFICATE_DER_MAX);
    TRY(x509_encode(made, &again, err));
    struct slice read = slice_of(der->data, (size_t)(end - der->data));
    if (!slice_equal(buf_slice(&again), read)) {
        return FAIL(err, TLS, "decode a certificate: it is not DER");
    }
    *der = slice_of(end, der->len - read.len);
    *ret_certificate = made;
    made = NULL;
    return ERR_OK;
}

enum err_code x509_decode(struct slice der, X509 **ret_certificate, struct error *err)
{
    SCOPED(scoped_x509) X509 *made = NULL;
    TRY(x509_take(&der, &made, err));
    if (der.len != 0) {
        return FAIL(err, TLS, "decode a certificate: %zu bytes follow it", der.len);
    }
    *ret_certificate = made;
    made = NULL;
    return ERR_OK;
}

enum err_code x509_encode(X509 *certificate, struct buf *out, struct error *err)
{
    int len = i2d_X509(certificate, NULL);
    if (len <= 0) {
        return openssl_failed(err, ERR_CRYPTO, "encode a certificate");
    }
    if (len > CERTIFICATE_DER_MAX) {
        return FAIL(err, LIMIT, "encode a certificate of %d bytes: %d are possible", len, CERTIFICATE_DER_MAX);
    }
    TRY(buf_reserve(out, (size_t)len, err));
    uint8_t *end = out->data + out->len;
    if (i2d_X509(certificate, &end) != len) {
        return openssl_failed(err, ERR_CRYPTO, "encode a certificate");
    }
    out->len += (size_t)len;
    return ERR_OK;
}

static bool name_acceptable(const char *name)
{
    size_t len = strnlen(name, COMMON_NAME_BYTES_MAX + 1);
    if (len == 0 || len > COMMON_NAME_BYTES_MAX || !utf8_valid(slice_of(name, len))) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

enum err_code x509_time_read(const ASN1_TIME *at, int64_t *ret_ms, struct error *err)
{
    struct tm civil;
    if (ASN1_TIME_to_tm(at, &civil) != 1) {
        return openssl_failed(err, ERR_TLS, "read a certificate: its validity is not readable");
    }
    *ret_ms = (int64_t)timegm(&civil) * 1000;
    return ERR_OK;
}

enum err_code x509_name_set(X509_NAME *name, const char *common_name, struct error *err)
{
    if (!name_acceptable(common_name) ||
        X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1,
                                   0) != 1) {
        return openssl_failed(err, ERR_INVALID, "use a common name that is not 1 to 64 printable characters");
    }
    return ERR_OK;
}
