#include <string.h>

#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "crypto/certificate_names.h"

enum {
    MS_PER_S = 1000,
    SERIAL_BYTES_MAX = 20, /* RFC 5280 section 4.1.2.2 */
    CHAIN_DEPTH_MAX = 3,
    SECURITY_LEVEL = 2, /* 112 bits: no SHA-1, no RSA under 2048 bits anywhere in the chain */
};

static void scoped_store(X509_STORE **store)
{
    X509_STORE_free(*store);
}

static void scoped_store_ctx(X509_STORE_CTX **ctx)
{
    X509_STORE_CTX_free(*ctx);
}

static enum err_code serial_read(X509 *certificate, char ret_text[], struct error *err)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
    int len = ASN1_STRING_length(serial);
    /* the sign is kept in the type: V_ASN1_NEG_INTEGER */
    if (ASN1_STRING_type(serial) != V_ASN1_INTEGER || len < 1 || len > SERIAL_BYTES_MAX) {
        return FAIL(err, TLS, "read a certificate: its serial number is not 1 to %d bytes, positive", SERIAL_BYTES_MAX);
    }
    hex_encode(ASN1_STRING_get0_data(serial), (size_t)len, ret_text);
    return ERR_OK;
}

static enum err_code shape_check(X509 *certificate, struct error *err)
{
    uint32_t flags = X509_get_extension_flags(certificate);
    if (X509_get_version(certificate) != X509_VERSION_3 || (flags & EXFLAG_INVALID) != 0) {
        return openssl_failed(err, ERR_TLS, "read a certificate: its version or extensions are not acceptable");
    }
    if ((flags & EXFLAG_CA) != 0) {
        return FAIL(err, TLS, "read a certificate: it is an authority's, not a device's");
    }
    return ERR_OK;
}

static enum err_code parsed(X509 *certificate, struct certificate *ret_certificate, struct error *err)
{
    _Static_assert(sizeof(ret_certificate->serial) > 2 * SERIAL_BYTES_MAX, "a serial number fits");
    _Static_assert(sizeof(ret_certificate->public_key) >= P256_SPKI_BYTES, "a P-256 key fits");
    struct certificate made = { 0 };
    uint8_t digest[SHA256_BYTES];
    TRY(shape_check(certificate, err));
    TRY(p256_spki_read(X509_get_X509_PUBKEY(certificate), ERR_TLS, made.public_key, err));
    made.public_key_len = P256_SPKI_BYTES;
    sha256(&(struct slice){ made.public_key, made.public_key_len }, 1, digest);
    memcpy(made.device, digest, sizeof(made.device));
    made.agrees = (X509_get_key_usage(certificate) & KU_KEY_AGREEMENT) != 0;
    TRY(serial_read(certificate, made.serial, err));
    TRY(x509_time_read(X509_get0_notBefore(certificate), &made.not_before_ms, err));
    TRY(x509_time_read(X509_get0_notAfter(certificate), &made.not_after_ms, err));
    TRY(certificate_names_read(certificate, &made, err));
    *ret_certificate = made;
    return ERR_OK;
}

enum err_code certificate_parse(struct slice der, struct certificate *ret_certificate, struct error *err)
{
    SCOPED(scoped_x509) X509 *certificate = NULL;
    TRY(x509_decode(der, &certificate, err));
    return parsed(certificate, ret_certificate, err);
}

enum err_code certificate_take(struct slice *der, struct slice *ret_one, struct error *err)
{
    SCOPED(scoped_x509) X509 *certificate = NULL;
    const uint8_t *begin = der->data;
    TRY(x509_take(der, &certificate, err));
    *ret_one = slice_of(begin, (size_t)(der->data - begin));
    return ERR_OK;
}

static enum err_code trust(X509_STORE *store, struct slice ca_der, struct error *err)
{
    for (size_t count = 0; ca_der.len > 0 || count == 0; count++) {
        if (count == AUTHORITIES_MAX) {
            return FAIL(err, TLS, "trust more than %d authorities", AUTHORITIES_MAX);
        }
        SCOPED(scoped_x509) X509 *issuer = NULL;
        enum err_code rc = x509_take(&ca_der, &issuer, err);
        if (rc != ERR_OK) {
            return error_wrap(err, rc, "trust an authority");
        }
        if (X509_check_ca(issuer) != 1) {
            return FAIL(err, TLS, "trust an authority: its certificate is not an authority's");
        }
        if (X509_STORE_add_cert(store, issuer) != 1) {
            return openssl_failed(err, ERR_CRYPTO, "trust an authority");
        }
    }
    return ERR_OK;
}

static void demand(X509_VERIFY_PARAM *param, enum certificate_role role, int64_t at_ms)
{
    /* the trusted certificates are the end of every chain, also when an operator's root stands behind them */
    unsigned long flags = X509_V_FLAG_X509_STRICT | X509_V_FLAG_PARTIAL_CHAIN;
    if (at_ms < 0) {
        flags |= X509_V_FLAG_NO_CHECK_TIME;
    } else {
        X509_VERIFY_PARAM_set_time(param, (time_t)(at_ms / MS_PER_S));
    }
    CHECK(X509_VERIFY_PARAM_set_flags(param, flags) == 1);
    CHECK(X509_VERIFY_PARAM_set_purpose(param, role == CERTIFICATE_ROLE_AGENT ? X509_PURPOSE_SSL_CLIENT
                                                                              : X509_PURPOSE_SSL_SERVER) == 1);
    X509_VERIFY_PARAM_set_depth(param, CHAIN_DEPTH_MAX);
    X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
}

static enum err_code verified(X509_STORE *store, X509 *certificate, enum certificate_role role, int64_t at_ms,
                              struct error *err)
{
    SCOPED(scoped_store_ctx) X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    if (ctx == NULL || X509_STORE_CTX_init(ctx, store, certificate, NULL) != 1) {
        return openssl_failed(err, ERR_CRYPTO, "verify a certificate");
    }
    demand(X509_STORE_CTX_get0_param(ctx), role, at_ms);
    if (X509_verify_cert(ctx) == 1) {
        return ERR_OK;
    }
    int why = X509_STORE_CTX_get_error(ctx);
    enum err_code rc = why == X509_V_ERR_OUT_OF_MEM ? ERR_NO_MEMORY : ERR_TLS;
    rc = openssl_failed(err, rc, "verify a certificate");
    return error_set(err, rc, "verify a certificate: %s", X509_verify_cert_error_string(why));
}

enum err_code certificate_verify(struct slice der, struct slice ca_der, int64_t at_ms,
                                 struct certificate *ret_certificate, struct error *err)
{
    SCOPED(scoped_x509) X509 *certificate = NULL;
    struct certificate made;
    TRY(x509_decode(der, &certificate, err));
    TRY(parsed(certificate, &made, err));
    SCOPED(scoped_store) X509_STORE *store = X509_STORE_new();
    if (store == NULL) {
        return openssl_failed(err, ERR_CRYPTO, "verify a certificate");
    }
    TRY(trust(store, ca_der, err));
    TRY(verified(store, certificate, made.role, at_ms, err));
    *ret_certificate = made;
    return ERR_OK;
}
