/*
 * What the tests of crypto/ share: an authority, a device with its certificate, and certificates that no authority of
 * ours would issue, made with OpenSSL directly.
 */
#ifndef TESTS_CRYPTO_FIXTURE_H
#define TESTS_CRYPTO_FIXTURE_H

#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "crypto/identity.h"

#define NOW_MS INT64_C(1398672000000) /* 2014-04-28T08:00:00Z */
#define DAY_MS INT64_C(86400000)

#define assert_ok(call)                                                                                                \
    do {                                                                                                               \
        struct error ok_err_ = { .message = "" };                                                                      \
        struct error *err = &ok_err_;                                                                                  \
        cr_assert_eq((call), ERR_OK, "%s: %s", #call, ok_err_.message);                                                \
    } while (0)

#define assert_fails(call, CODE)                                                                                       \
    do {                                                                                                               \
        struct error fails_err_ = { .message = "" };                                                                   \
        struct error *err = &fails_err_;                                                                               \
        cr_assert_eq((call), ERR_##CODE, "%s: %s", #call, fails_err_.message);                                         \
        cr_assert(fails_err_.message[0] != '\0');                                                                      \
    } while (0)

extern const uint8_t organisation[ORGANISATION_ID_BYTES];
extern const uint8_t streams[CERTIFICATE_STREAMS_MAX + 1][STREAM_ID_BYTES];

struct world {
    struct authority *authority;
    struct device_key *key;
    struct buf request;
    struct buf certificate; /* of `key`, an agent with two streams, from NOW_MS for 365 days */
};

void world_init(struct world *world);
void world_fini(struct world *world);
struct certificate_grant agent_grant(void);
struct certificate_grant server_grant(void);
struct slice world_ca(const struct world *world);

/* Bytes in a buffer of exactly their size, so that the sanitizer sees every step past the end. */
uint8_t *exact_copy(struct slice bytes);

/* A device key, or any key of OpenSSL's, for what follows. Free with EVP_PKEY_free. */
EVP_PKEY *pkey_of(const struct device_key *key);
EVP_PKEY *authority_pkey(const struct authority *authority);

struct forgery {
    EVP_PKEY *holder;        /* NULL for a new P-256 key */
    const EVP_MD *md;        /* NULL for SHA-256 */
    const char *names;       /* SubjectAltName as in x509v3_config(5), NULL for none */
    const char *usage;       /* extended key usage; NULL for none */
    const char *constraints; /* NULL for critical,CA:FALSE */
    const char *key_usage;   /* NULL for critical,digitalSignature */
    long version;            /* 0 for version 3 */
    long serial;             /* 0 for 77 */
};

/* Signed with the issuer's key, valid a year from NOW_MS; appends DER. The issuer's own key and no issuer make it
 * self-signed. */
void forge(const struct forgery *forgery, X509 *issuer, EVP_PKEY *issuer_key, struct buf *out);

X509 *x509_of(struct slice der);

#define AGENT_NAMES                                                                                                    \
    "URI:urn:holdfast:role:agent,URI:urn:holdfast:organisation:00112233445566778899aabbccddeeff,"                      \
    "URI:urn:holdfast:stream:0123456789abcdef0123456789abcdef"

#endif
