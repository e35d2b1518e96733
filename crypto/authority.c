#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/x509v3.h>

#include "crypto/certificate_names.h"

#define MS_PER_S 1000
#define MS_PER_DAY (INT64_C(86400) * MS_PER_S)
#define AUTHORITY_LIFE_MS (20 * 365 * MS_PER_DAY)
#define AUTHORITY_AGE_MS MS_PER_DAY /* a device whose clock is slow can trust a new authority at once */
#define INSTANT_MAX_MS (INT64_C(253402300799) * MS_PER_S) /* 9999-12-31T23:59:59Z, the last that X.509 can say */

enum { SERIAL_BITS = 128, REQUEST_DER_MAX = 4096 };

struct authority {
    struct device_key *key;
    X509 *certificate;
    struct buf der;
};

struct extension {
    int nid;
    const char *value; /* as in x509v3_config(5) */
};

static const struct extension authority_extensions[] = {
    { NID_basic_constraints, "critical,CA:TRUE,pathlen:0" },
    { NID_key_usage, "critical,keyCertSign,cRLSign" },
    { NID_subject_key_identifier, "hash" },
    { NID_authority_key_identifier, "keyid:always" },
};

/*
 * Who records and who signs receipts is also sent bundles, sealed to the same key: one key to guard, to renew and to
 * revoke. ECDSA and the key agreement of crypto/hpke do not help an attacker of the other: each hashes what it is for.
 */
static const struct extension extensions_of[][5] = {
    [CERTIFICATE_ROLE_AGENT] = { { NID_basic_constraints, "critical,CA:FALSE" },
                                 { NID_key_usage, "critical,digitalSignature,keyAgreement" },
                                 { NID_ext_key_usage, "clientAuth" },
                                 { NID_subject_key_identifier, "hash" },
                                 { NID_authority_key_identifier, "keyid:always" } },
    [CERTIFICATE_ROLE_CENTRE] = { { NID_basic_constraints, "critical,CA:FALSE" },
                                  { NID_key_usage, "critical,digitalSignature,keyAgreement" },
                                  { NID_ext_key_usage, "serverAuth,clientAuth" },
                                  { NID_subject_key_identifier, "hash" },
                                  { NID_authority_key_identifier, "keyid:always" } },
    [CERTIFICATE_ROLE_SERVER] = { { NID_basic_constraints, "critical,CA:FALSE" },
                                  { NID_key_usage, "critical,digitalSignature" },
                                  { NID_ext_key_usage, "serverAuth,clientAuth" },
                                  { NID_subject_key_identifier, "hash" },
                                  { NID_authority_key_identifier, "keyid:always" } },
};

static enum err_code extensions_add(X509 *certificate, X509 *issuer, const struct extension *extensions, size_t count,
                                    struct error *err)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
    for (size_t i = 0; i < count; i++) {
        X509_EXTENSION *made = X509V3_EXT_conf_nid(NULL, &ctx, extensions[i].nid, extensions[i].value);
        int added = made == NULL ? 0 : X509_add_ext(certificate, made, -1);
        X509_EXTENSION_free(made);
        if (added != 1) {
            return openssl_failed(err, ERR_CRYPTO, "write a certificate's extensions");
        }
    }
    return ERR_OK;
}

static enum err_code serial_set(X509 *certificate, struct error *err)
{
    BIGNUM *number = BN_new();
    bool done = number != NULL && BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
                !BN_is_zero(number) && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    return done ? ERR_OK : openssl_failed(err, ERR_CRYPTO, "number a certificate");
}

static enum err_code validity_set(X509 *certificate, int64_t from_ms, int64_t to_ms, struct error *err)
{
    if (from_ms < 0 || to_ms <= from_ms || to_ms > INSTANT_MAX_MS) {
        return FAIL(err, INVALID, "issue a certificate: it must begin before it ends, between 1970 and 9999");
    }
    if (ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)(from_ms / MS_PER_S)) == NULL ||
        ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)(to_ms / MS_PER_S)) == NULL) {
        return openssl_failed(err, ERR_CRYPTO, "date a certificate");
    }
    return ERR_OK;
}

/* Version, serial number, validity and key: everything but the names, the extensions and the signature. */
static enum err_code begin(int64_t from_ms, int64_t to_ms, EVP_PKEY *holder, X509 **ret_certificate, struct error *err)
{
    SCOPED(scoped_x509) X509 *made = X509_new();
    if (made == NULL || X509_set_version(made, X509_VERSION_3) != 1 || X509_set_pubkey(made, holder) != 1) {
        return openssl_failed(err, ERR_CRYPTO, "begin a certificate");
    }
    TRY(serial_set(made, err));
    TRY(validity_set(made, from_ms, to_ms, err));
    *ret_certificate = made;
    made = NULL;
    return ERR_OK;
}

static enum err_code finish(X509 *certificate, X509 *issuer, const struct device_key *key, struct error *err)
{
    if (X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) != 1 ||
        X509_sign(certificate, key->pkey, EVP_sha256()) <= 0) {
        return openssl_failed(err, ERR_CRYPTO, "sign a certificate");
    }
    return ERR_OK;
}

static void scoped_authority(struct authority **authority)
{
    authority_free(*authority);
}

static enum err_code authority_empty(struct authority **ret_authority, struct error *err)
{
    struct authority *made = calloc(1, sizeof(*made));
    if (made == NULL) {
        return FAIL(err, NO_MEMORY, "hold an authority");
    }
    buf_init(&made->der, CERTIFICATE_DER_MAX);
    *ret_authority = made;
    return ERR_OK;
}

/* With a key of its own, for 20 years from `from_ms`; the name is still to be set. */
static enum err_code found(int64_t from_ms, int64_t to_ms, struct authority **ret_authority, struct error *err)
{
    SCOPED(scoped_authority) struct authority *made = NULL;
    TRY(authority_empty(&made, err));
    TRY(device_key_generate(&made->key, err));
    TRY(begin(from_ms, to_ms, made->key->pkey, &made->certificate, err));
    *ret_authority = made;
    made = NULL;
    return ERR_OK;
}

/* Signed by itself. */
static enum err_code found_finish(struct authority *made, struct error *err)
{
    TRY(extensions_add(made->certificate, made->certificate, authority_extensions, ARRAY_LEN(authority_extensions),
                       err));
    TRY(finish(made->certificate, made->certificate, made->key, err));
    return x509_encode(made->certificate, &made->der, err);
}

static enum err_code check_now(int64_t now_ms, struct error *err)
{
    return now_ms >= 0 && now_ms <= INSTANT_MAX_MS - AUTHORITY_LIFE_MS
               ? ERR_OK
               : FAIL(err, INVALID, "found an authority: its 20 years must lie between 1970 and 9999");
}

static int64_t begins_ms(int64_t now_ms)
{
    return now_ms > AUTHORITY_AGE_MS ? now_ms - AUTHORITY_AGE_MS : now_ms;
}

enum err_code authority_new(const char *name, int64_t now_ms, struct authority **ret_authority, struct error *err)
{
    SCOPED(scoped_authority) struct authority *made = NULL;
    TRY(check_now(now_ms, err));
    TRY(found(begins_ms(now_ms), now_ms + AUTHORITY_LIFE_MS, &made, err));
    TRY(x509_name_set(X509_get_subject_name(made->certificate), name, err));
    TRY(found_finish(made, err));
    *ret_authority = made;
    made = NULL;
    return ERR_OK;
}

enum err_code authority_successor(const struct authority *old, int64_t now_ms, struct authority **ret_authority,
                                  struct error *err)
{
    SCOPED(scoped_authority) struct authority *made = NULL;
    int64_t old_from_ms;
    TRY(check_now(now_ms, err));
    TRY(authority_from(old, &old_from_ms, err));
    int64_t from_ms = begins_ms(now_ms);
    int64_t next_ms = old_from_ms + MS_PER_S; /* certificates tell seconds, and the present one is who begins last */
    from_ms = from_ms > next_ms ? from_ms : next_ms;
    TRY(found(from_ms, now_ms + AUTHORITY_LIFE_MS, &made, err));
    if (X509_set_subject_name(made->certificate, X509_get_subject_name(old->certificate)) != 1) {
        return openssl_failed(err, ERR_CRYPTO, "name an authority");
    }
    TRY(found_finish(made, err));
    *ret_authority = made;
    made = NULL;
    return ERR_OK;
}

enum err_code authority_vouch(const struct authority *authority, struct slice certificate_der, int64_t not_after_ms,
                              struct buf *out_der, struct error *err)
{
    SCOPED(scoped_x509) X509 *other = NULL;
    SCOPED(scoped_x509) X509 *made = NULL;
    int64_t from_ms;
    int64_t to_ms;
    TRY(x509_decode(certificate_der, &other, err));
    TRY(x509_time_read(X509_get0_notBefore(other), &from_ms, err));
    TRY(x509_time_read(X509_get0_notAfter(other), &to_ms, err));
    if (X509_check_ca(other) != 1 ||
        X509_NAME_cmp(X509_get_subject_name(other), X509_get_subject_name(authority->certificate)) != 0) {
        return openssl_failed(err, ERR_INVALID, "vouch for an authority: it is none of this name");
    }
    TRY(begin(from_ms, not_after_ms < to_ms ? not_after_ms : to_ms, X509_get0_pubkey(other), &made, err));
    if (X509_set_subject_name(made, X509_get_subject_name(other)) != 1) {
        return openssl_failed(err, ERR_CRYPTO, "name an authority");
    }
    TRY(extensions_add(made, authority->certificate, authority_extensions, ARRAY_LEN(authority_extensions), err));
    TRY(finish(made, authority->certificate, authority->key, err));
    return x509_encode(made, out_der, err);
}

enum err_code authority_load(struct slice key_pkcs8_der, struct slice certificate_der, struct authority **ret_authority,
                             struct error *err)
{
    SCOPED(scoped_authority) struct authority *made = NULL;
    TRY(authority_empty(&made, err));
    TRY(device_key_load(key_pkcs8_der, &made->key, err));
    TRY(x509_decode(certificate_der, &made->certificate, err));
    if (X509_check_ca(made->certificate) != 1 || (X509_get_key_usage(made->certificate) & KU_KEY_CERT_SIGN) == 0) {
        return openssl_failed(err, ERR_TLS, "load an authority: its certificate may not issue others");
    }
    if (X509_check_private_key(made->certificate, made->key->pkey) != 1) {
        return openssl_failed(err, ERR_KEY, "load an authority: key and certificate do not belong together");
    }
    TRY(buf_append(&made->der, certificate_der.data, certificate_der.len, err));
    *ret_authority = made;
    made = NULL;
    return ERR_OK;
}

void authority_free(struct authority *authority)
{
    if (authority != NULL) {
        device_key_free(authority->key);
        X509_free(authority->certificate);
        buf_fini(&authority->der);
        free(authority);
    }
}

struct slice authority_certificate(const struct authority *authority)
{
    return buf_slice(&authority->der);
}

enum err_code authority_from(const struct authority *authority, int64_t *ret_ms, struct error *err)
{
    return x509_time_read(X509_get0_notBefore(authority->certificate), ret_ms, err);
}

enum err_code authority_export_key(const struct authority *authority, struct secret *ret_pkcs8_der, struct error *err)
{
    return device_key_export(authority->key, ret_pkcs8_der, err);
}

/* Whoever sends the request holds the key in it. */
static enum err_code request_check(struct slice der, X509_REQ **ret_request, struct error *err)
{
    if (der.len == 0 || der.len > REQUEST_DER_MAX) {
        return FAIL(err, INVALID, "read a request of %zu bytes: 1 to %d are possible", der.len, REQUEST_DER_MAX);
    }
    const uint8_t *end = der.data;
    SCOPED(scoped_x509_req) X509_REQ *request = d2i_X509_REQ(NULL, &end, (long)der.len);
    if (request == NULL || end != der.data + der.len) {
        return openssl_failed(err, ERR_INVALID, "read a request: it is not one PKCS#10 request in DER");
    }
    uint8_t spki[P256_SPKI_BYTES];
    TRY(p256_spki_read(X509_REQ_get_X509_PUBKEY(request), ERR_INVALID, spki, err));
    if (X509_REQ_verify(request, X509_REQ_get0_pubkey(request)) != 1) {
        return openssl_failed(err, ERR_INVALID, "read a request: its own signature does not fit");
    }
    *ret_request = request;
    request = NULL;
    return ERR_OK;
}

enum err_code authority_issue(const struct authority *authority, struct slice request_der,
                              const struct certificate_grant *grant, struct buf *out_der, struct error *err)
{
    SCOPED(scoped_x509_req) X509_REQ *request = NULL;
    SCOPED(scoped_x509) X509 *made = NULL;
    TRY(request_check(request_der, &request, err));
    TRY(begin(grant->not_before_ms, grant->not_after_ms, X509_REQ_get0_pubkey(request), &made, err));
    TRY(x509_name_set(X509_get_subject_name(made), grant->common_name, err));
    CHECK((size_t)grant->role < ARRAY_LEN(extensions_of));
    TRY(extensions_add(made, authority->certificate, extensions_of[grant->role], ARRAY_LEN(extensions_of[0]), err));
    TRY(certificate_names_write(made, grant, err));
    TRY(finish(made, authority->certificate, authority->key, err));
    return x509_encode(made, out_der, err);
}
