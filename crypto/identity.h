/*
 * crypto/identity - who a device is: its P-256 key, its certificate, what it signs; and the centre's own small CA.
 *
 * A device's id is the first 16 bytes of SHA-256 over its SubjectPublicKeyInfo (DER), so an id cannot be claimed
 * without the key. Certificates say who may do what in SubjectAltName URIs:
 *
 *     urn:holdfast:role:agent | urn:holdfast:role:centre | urn:holdfast:role:server
 *     urn:holdfast:organisation:<32 hex>   for an agent: the one it belongs to
 *     urn:holdfast:stream:<32 hex>         for an agent: one for each site it may exchange
 *
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
#define AUTHORITIES_MAX 16 /* certificates in a list of authorities, DER one behind the other */
#define AUTHORITIES_DER_MAX 16384

struct device_key; /* private */

MUST_USE enum err_code device_key_generate(struct device_key **ret_key, struct error *err);
/* ERR_KEY unless it is one P-256 key in DER with nothing after it and its numbers fit together. */
MUST_USE enum err_code device_key_load(struct slice pkcs8_der, struct device_key **ret_key, struct error *err);
MUST_USE enum err_code device_key_export(const struct device_key *key, struct secret *ret_pkcs8_der, struct error *err);
/* The same as PEM, for libcurl's and GnuTLS's memory blobs. */
MUST_USE enum err_code device_key_export_pem(const struct device_key *key, struct secret *ret_pem, struct error *err);
void device_key_free(struct device_key *key);
void device_key_id(const struct device_key *key, uint8_t ret_id[DEVICE_ID_BYTES]);

/* `context` is not empty. `out` takes SIGNATURE_MAX bytes, *ret_len says how many are used. */
MUST_USE enum err_code device_key_sign(const struct device_key *key, const char *context, struct slice message,
                                       uint8_t out[SIGNATURE_MAX], size_t *ret_len, struct error *err);

/* PKCS#10 request (DER) with this common name (1 to 64 printable characters), self-signed, for EST simpleenroll. */
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
    char serial[48];        /* hexadecimal */
    uint8_t public_key[96]; /* SubjectPublicKeyInfo DER (91 bytes for P-256) */
    size_t public_key_len;
    bool agrees; /* its key may be sealed to: key usage keyAgreement */
};

/*
 * Parses and checks shape only: one DER certificate and nothing after it, not an authority's, P-256, exactly one known
 * role; an agent has one organisation and at least one stream, the others neither. Use certificate_verify for trust.
 * ERR_TLS says what is wrong.
 */
MUST_USE enum err_code certificate_parse(struct slice der, struct certificate *ret_certificate, struct error *err);

/* The first of DER certificates (of anybody) that stand one behind the other; *der moves past it. ERR_TLS. */
MUST_USE enum err_code certificate_take(struct slice *der, struct slice *ret_one, struct error *err);

/*
 * certificate_parse, and: RFC 5280 path validation to one of the authorities in `ca_der` (1 to AUTHORITIES_MAX DER
 * certificates, one behind the other), for TLS client use by an agent and TLS server use by the others. Nothing else is
 * trusted. at_ms is the time to check validity at, or -1 to leave validity out (an old record's certificate may have
 * run out since). ERR_TLS on refusal.
 */
MUST_USE enum err_code certificate_verify(struct slice der, struct slice ca_der, int64_t at_ms,
                                          struct certificate *ret_certificate, struct error *err);

/* ERR_HISTORY when the signature does not fit, is no signature, or the key is no P-256 key. */
MUST_USE enum err_code signature_verify(struct slice public_key_der, const char *context, struct slice message,
                                        struct slice signature, struct error *err);

/* Every `out` of this header is appended to, and has its former length after a failure. */
MUST_USE enum err_code certificate_to_pem(struct slice der, struct buf *out, struct error *err);
/* The first certificate in the text, checked to be one; ERR_INVALID or ERR_TLS. */
MUST_USE enum err_code certificate_from_pem(struct slice pem, struct buf *out_der, struct error *err);

/*
 * RFC 7030 section 4.1.3: a degenerate certs-only PKCS#7 (DER) of 1 to 16 certificates, made and read. pkcs7_first
 * gives the first as they stand in the message, pkcs7_all each, one behind the other; ERR_PROTOCOL when it is not such
 * a message.
 */
MUST_USE enum err_code pkcs7_make(const struct slice *certificates_der, size_t count, struct buf *out,
                                  struct error *err);
MUST_USE enum err_code pkcs7_first(struct slice pkcs7_der, struct buf *out_certificate_der, struct error *err);
MUST_USE enum err_code pkcs7_all(struct slice pkcs7_der, struct buf *out_certificates_der, struct error *err);

/* RFC 4648 section 4 on one line. Read: line breaks allowed, padding and zero spare bits demanded; ERR_INVALID. */
MUST_USE enum err_code base64_encode(struct slice data, struct buf *out, struct error *err);
MUST_USE enum err_code base64_decode(struct slice text, struct buf *out, struct error *err);

/*
 * The centre's small CA: one self-signed P-256 certificate (from a day before `now_ms`, for 20 years) and its key. A
 * loaded one may also be an intermediate under the operator's own.
 */
struct authority;

MUST_USE enum err_code authority_new(const char *name, int64_t now_ms, struct authority **ret_authority,
                                     struct error *err);
MUST_USE enum err_code authority_load(struct slice key_pkcs8_der, struct slice certificate_der,
                                      struct authority **ret_authority, struct error *err);
void authority_free(struct authority *authority);
struct slice authority_certificate(const struct authority *authority); /* DER, borrowed */
/* Its first day; nothing that it issues is of use before. */
MUST_USE enum err_code authority_from(const struct authority *authority, int64_t *ret_ms, struct error *err);
MUST_USE enum err_code authority_export_key(const struct authority *authority, struct secret *ret_pkcs8_der,
                                            struct error *err);

/*
 * Roll-over (RFC 4210 section 4.4). The successor has the same name, a key of its own, and begins later, if only by a
 * second. authority_vouch: a certificate for the key of another authority of this name, from that one's first day until
 * `not_after_ms` or its last one.
 */
MUST_USE enum err_code authority_successor(const struct authority *old, int64_t now_ms,
                                           struct authority **ret_authority, struct error *err);
MUST_USE enum err_code authority_vouch(const struct authority *authority, struct slice certificate_der,
                                       int64_t not_after_ms, struct buf *out_der, struct error *err);

/*
 * What a device knows of authorities: certificates, DER, one behind the other. The first is the present one, and the
 * only one that is trusted for connections and receipts; the others vouch for who signed records before it.
 *
 *     known ── what the centre gives at cacerts ──► the present one: signed by itself, with the latest first day
 *                                                     is it the known one, or does the known one vouch for its key?
 *                                                   and every earlier one that the present one vouches for
 *
 * authorities_follow appends what is known after that; what was known before stays known. authorities_pinned does the
 * same for somebody who knows the first bytes of SHA-256 of one of the certificates. ERR_TLS: the present one does not
 * follow from what is known.
 */
MUST_USE enum err_code authorities_follow(struct slice given, struct slice known, int64_t at_ms, struct buf *out,
                                          struct error *err);
MUST_USE enum err_code authorities_pinned(struct slice given, struct slice pin, int64_t at_ms, struct buf *out,
                                          struct error *err);
/*
 * For somebody who was told by a person to follow another authority: those of `known` that `list` lacks are appended to
 * it as earlier ones, since who was certified by them has signed records.
 */
MUST_USE enum err_code authorities_remember(struct slice known, struct buf *list, struct error *err);
/* Is the certificate an authority's, and did this authority sign it? Dates count for nothing. */
bool authority_issued(struct slice certificate, struct slice issuer);
/* The first of a list; empty when there is none. */
struct slice authorities_present(struct slice list);

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

/*
 * Checks the request's own signature and that its key is P-256; takes nothing else from it. ERR_INVALID or ERR_LIMIT
 * for a request or grant that is not acceptable (the rules of certificate_parse; a server and nobody else has host
 * names).
 */
MUST_USE enum err_code authority_issue(const struct authority *authority, struct slice request_der,
                                       const struct certificate_grant *grant, struct buf *out_der, struct error *err);

/*
 * One-time enrolment code: 10 random bytes of secret, then the first 10 of SHA-256(CA certificate DER), so that the
 * device can trust the first connection. Written in Crockford's base32 as `XXXX-XXXX-XXXX-XXXX-XXXX-XXXX-XXXX-XXXX-C`:
 *
 *     symbols 0 to 31   the 20 bytes, 5 bits a symbol, most significant bit first
 *     symbol 32 (C)     sum of x^(32 - i) * symbol i, i from 0 to 31, in GF(32) with x^5 + x^2 + 1
 *
 * One wrong character is always noticed, and so are two neighbours that changed places.
 */
#define ENROLMENT_SECRET_BYTES 10
#define ENROLMENT_PIN_BYTES 10
#define ENROLMENT_CODE_SIZE 42

struct enrolment_code {
    uint8_t secret[ENROLMENT_SECRET_BYTES];
    uint8_t ca_pin[ENROLMENT_PIN_BYTES];
};

void enrolment_code_format(const struct enrolment_code *code, char out[ENROLMENT_CODE_SIZE]);
/*
 * Upper or lower case, with or without hyphens and spaces; I and L read as 1, O as 0. ERR_INVALID for anything else and
 * for a wrong check character; the message never holds the code.
 */
MUST_USE enum err_code enrolment_code_parse(const char *text, struct enrolment_code *ret_code, struct error *err);
/* What the centre keeps of a code, and the key of the proof in an enrolment by file. */
void enrolment_code_hash(const uint8_t secret[ENROLMENT_SECRET_BYTES], uint8_t ret_hash[SHA256_BYTES]);

#endif
