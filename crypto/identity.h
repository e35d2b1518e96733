/*
 * crypto/identity - who a device is: its P-256 key, its certificate, what it signs; and the centre's own small CA.
 *
 * A device's id is the first 16 bytes of SHA-256 over its SubjectPublicKeyInfo (DER), so an id cannot be claimed without the
 * key. Certificates say who may do what in SubjectAltName URIs:
 *     urn:holdfast:role:agent | urn:holdfast:role:centre | urn:holdfast:role:server
 *     urn:holdfast:organisation:<32 hex>   urn:holdfast:stream:<32 hex> (one or more for an agent)
 * Signatures are ECDSA P-256 with SHA-256 (DER, at most SIGNATURE_MAX bytes) over context || 0x00 || message, so that a
 * signature made for one purpose never serves another.
 *
 * Ownership:  *_new / *_load give, *_free releases and wipes; NULL is allowed.
 */
#ifndef CRYPTO_IDENTITY_H
#define CRYPTO_IDENTITY_H

#include "crypto/digest.h"
#include "crypto/secret.h"

#define DEVICE_ID_BYTES 16
#define ORGANISATION_ID_BYTES 16
#define STREAM_ID_BYTES 16
#define SIGNATURE_MAX 80
#define CERTIFICATE_DER_MAX 4096
#define CERTIFICATE_STREAMS_MAX 8

struct device_key; /* private */

MUST_USE enum err_code device_key_generate(struct device_key **ret_key, struct error *err);
MUST_USE enum err_code device_key_load(struct slice pkcs8_der, struct device_key **ret_key, struct error *err);
MUST_USE enum err_code device_key_export(const struct device_key *key, struct secret *ret_pkcs8_der, struct error *err);
/* The same as PEM, for libcurl's and GnuTLS's memory blobs. */
MUST_USE enum err_code device_key_export_pem(const struct device_key *key, struct secret *ret_pem, struct error *err);
void device_key_free(struct device_key *key);
void device_key_id(const struct device_key *key, uint8_t ret_id[DEVICE_ID_BYTES]);

/* Appends to nothing: `out` takes SIGNATURE_MAX bytes, *ret_len says how many are used. */
MUST_USE enum err_code device_key_sign(const struct device_key *key, const char *context, struct slice message,
                                       uint8_t out[SIGNATURE_MAX], size_t *ret_len, struct error *err);

/* PKCS#10 request (DER) with the given common name, self-signed, for EST simpleenroll. */
MUST_USE enum err_code device_key_request(const struct device_key *key, const char *common_name, struct buf *ret_der,
                                          struct error *err);

enum certificate_role { CERTIFICATE_ROLE_AGENT, CERTIFICATE_ROLE_CENTRE, CERTIFICATE_ROLE_SERVER };

/* What a certificate says, parsed. */
struct certificate {
    uint8_t device[DEVICE_ID_BYTES];
    enum certificate_role role;
    uint8_t organisation[ORGANISATION_ID_BYTES]; /* zero for the centre's own */
    uint8_t streams[CERTIFICATE_STREAMS_MAX][STREAM_ID_BYTES];
    size_t stream_count;
    int64_t not_before_ms;
    int64_t not_after_ms;
    char serial[48];               /* hexadecimal */
    uint8_t public_key[96];        /* SubjectPublicKeyInfo DER (91 bytes for P-256) */
    size_t public_key_len;
};

/* Parses and checks shape only (P-256, known role, ids); use certificate_verify for trust. ERR_TLS says what is wrong. */
MUST_USE enum err_code certificate_parse(struct slice der, struct certificate *ret_certificate, struct error *err);

/*
 * certificate_parse, and: issued by one of the `ca_der` certificates. at_ms is the time to check validity at, or -1 to leave
 * validity out (an old record's certificate may have run out since).
 */
MUST_USE enum err_code certificate_verify(struct slice der, struct slice ca_der, int64_t at_ms,
                                          struct certificate *ret_certificate, struct error *err);

/* ERR_HISTORY when the signature does not fit. */
MUST_USE enum err_code signature_verify(struct slice public_key_der, const char *context, struct slice message,
                                        struct slice signature, struct error *err);

MUST_USE enum err_code certificate_to_pem(struct slice der, struct buf *out, struct error *err);
MUST_USE enum err_code certificate_from_pem(struct slice pem, struct buf *out_der, struct error *err);

/* RFC 7030 section 4.1.3: a degenerate certs-only PKCS#7 (DER) of one or more certificates, made and read. */
MUST_USE enum err_code pkcs7_make(const struct slice *certificates_der, size_t count, struct buf *out, struct error *err);
MUST_USE enum err_code pkcs7_first(struct slice pkcs7_der, struct buf *out_certificate_der, struct error *err);

MUST_USE enum err_code base64_encode(struct slice data, struct buf *out, struct error *err);
MUST_USE enum err_code base64_decode(struct slice text, struct buf *out, struct error *err); /* line breaks allowed */

/* The centre's small CA: one self-signed P-256 certificate (20 years) and its key. */
struct authority;

MUST_USE enum err_code authority_new(const char *name, int64_t now_ms, struct authority **ret_authority, struct error *err);
MUST_USE enum err_code authority_load(struct slice key_pkcs8_der, struct slice certificate_der,
                                      struct authority **ret_authority, struct error *err);
void authority_free(struct authority *authority);
struct slice authority_certificate(const struct authority *authority); /* DER, borrowed */
MUST_USE enum err_code authority_export_key(const struct authority *authority, struct secret *ret_pkcs8_der,
                                            struct error *err);

struct certificate_grant {
    enum certificate_role role;
    const char *common_name;
    const uint8_t *organisation;               /* ORGANISATION_ID_BYTES or NULL */
    const uint8_t (*streams)[STREAM_ID_BYTES]; /* NULL when stream_count is 0 */
    size_t stream_count;
    const char *const *host_names; /* DNS names or IP addresses; for the server's certificate */
    size_t host_name_count;
    int64_t not_before_ms;
    int64_t not_after_ms;
};

/* Checks the request's own signature and that its key is P-256; takes nothing else from it. */
MUST_USE enum err_code authority_issue(const struct authority *authority, struct slice request_der,
                                       const struct certificate_grant *grant, struct buf *out_der, struct error *err);

/*
 * One-time enrolment code: 10 random bytes of secret and the first 10 of SHA-256(CA certificate DER), so the device can trust
 * the first connection. Written in Crockford base32 as eight groups of four with a check character in front of none: 32
 * characters carry the 20 bytes, 1 check character follows: `XXXX-XXXX-XXXX-XXXX-XXXX-XXXX-XXXX-XXXX-C`.
 */
#define ENROLMENT_SECRET_BYTES 10
#define ENROLMENT_PIN_BYTES 10
#define ENROLMENT_CODE_SIZE 42

struct enrolment_code {
    uint8_t secret[ENROLMENT_SECRET_BYTES];
    uint8_t ca_pin[ENROLMENT_PIN_BYTES];
};

void enrolment_code_format(const struct enrolment_code *code, char out[ENROLMENT_CODE_SIZE]);
/* Upper or lower case, with or without hyphens and spaces; I and L read as 1, O as 0. ERR_INVALID for a wrong check character. */
MUST_USE enum err_code enrolment_code_parse(const char *text, struct enrolment_code *ret_code, struct error *err);

#endif
