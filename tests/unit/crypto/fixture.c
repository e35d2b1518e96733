#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

const uint8_t organisation[ORGANISATION_ID_BYTES] = { 0xa0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xaf };
const uint8_t streams[CERTIFICATE_STREAMS_MAX + 1][STREAM_ID_BYTES] = {
    { 0x51, 1 }, { 0x52, 2 }, { 0x53, 3 }, { 0x54, 4 }, { 0x55, 5 }, { 0x56, 6 }, { 0x57, 7 }, { 0x58, 8 }, { 0x59, 9 },
};

struct certificate_grant agent_grant(void)
{
    return (struct certificate_grant){
        .role = CERTIFICATE_ROLE_AGENT,
        .common_name = "laptop at the food bank",
        .organisation = organisation,
        .streams = streams,
        .stream_count = 2,
        .not_before_ms = NOW_MS,
        .not_after_ms = NOW_MS + 365 * DAY_MS,
    };
}

struct certificate_grant server_grant(void)
{
    static const char *const hosts[] = { "centre.example.org", "127.0.0.1", "::1" };
    return (struct certificate_grant){
        .role = CERTIFICATE_ROLE_SERVER,
        .common_name = "centre",
        .host_names = hosts,
        .host_name_count = ARRAY_LEN(hosts),
        .not_before_ms = NOW_MS,
        .not_after_ms = NOW_MS + 365 * DAY_MS,
    };
}

void world_init(struct world *world)
{
    *world = (struct world){ 0 };
    buf_init(&world->request, CERTIFICATE_DER_MAX);
    buf_init(&world->certificate, CERTIFICATE_DER_MAX);
    assert_ok(authority_new("Test authority", NOW_MS, &world->authority, err));
    assert_ok(device_key_generate(&world->key, err));
    assert_ok(device_key_request(world->key, "a device", &world->request, err));
    struct certificate_grant grant = agent_grant();
    assert_ok(authority_issue(world->authority, buf_slice(&world->request), &grant, &world->certificate, err));
}

void world_fini(struct world *world)
{
    authority_free(world->authority);
    device_key_free(world->key);
    buf_fini(&world->request);
    buf_fini(&world->certificate);
}

struct slice world_ca(const struct world *world)
{
    return authority_certificate(world->authority);
}

uint8_t *exact_copy(struct slice bytes)
{
    uint8_t *copy = malloc(bytes.len == 0 ? 1 : bytes.len);
    cr_assert(copy != NULL);
    if (bytes.len > 0) {
        memcpy(copy, bytes.data, bytes.len);
    }
    return copy;
}

static EVP_PKEY *pkey_take(struct secret *der)
{
    const uint8_t *at = der->bytes;
    EVP_PKEY *pkey = d2i_AutoPrivateKey(NULL, &at, (long)der->len);
    cr_assert(pkey != NULL);
    secret_free(der);
    return pkey;
}

EVP_PKEY *pkey_of(const struct device_key *key)
{
    struct secret der;
    assert_ok(device_key_export(key, &der, err));
    return pkey_take(&der);
}

EVP_PKEY *authority_pkey(const struct authority *authority)
{
    struct secret der;
    assert_ok(authority_export_key(authority, &der, err));
    return pkey_take(&der);
}

X509 *x509_of(struct slice der)
{
    const uint8_t *at = der.data;
    X509 *certificate = d2i_X509(NULL, &at, (long)der.len);
    cr_assert(certificate != NULL);
    return certificate;
}

static void extension_add(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    if (value != NULL) {
        X509V3_CTX ctx;
        X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
        X509_EXTENSION *made = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
        cr_assert(made != NULL && X509_add_ext(certificate, made, -1) == 1);
        X509_EXTENSION_free(made);
    }
}

static void forge_extensions(const struct forgery *forgery, X509 *made, X509 *issuer)
{
    extension_add(made, issuer, NID_basic_constraints,
                  forgery->constraints == NULL ? "critical,CA:FALSE" : forgery->constraints);
    extension_add(made, issuer, NID_key_usage,
                  forgery->key_usage == NULL ? "critical,digitalSignature" : forgery->key_usage);
    extension_add(made, issuer, NID_ext_key_usage, forgery->usage);
    extension_add(made, issuer, NID_subject_key_identifier, "hash");
    extension_add(made, issuer, NID_authority_key_identifier, "keyid:always");
    extension_add(made, issuer, NID_subject_alt_name, forgery->names);
}

void forge(const struct forgery *forgery, X509 *issuer, EVP_PKEY *issuer_key, struct buf *out)
{
    EVP_PKEY *holder = forgery->holder == NULL ? EVP_EC_gen("P-256") : forgery->holder;
    X509 *made = X509_new();
    bool version_1 = forgery->version != 0 && forgery->version != X509_VERSION_3;
    cr_assert(X509_set_version(made, version_1 ? forgery->version - 1 : X509_VERSION_3) == 1);
    cr_assert(ASN1_INTEGER_set(X509_get_serialNumber(made), forgery->serial == 0 ? 77 : forgery->serial) == 1);
    cr_assert(X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_UTF8,
                                         (const unsigned char *)"forged", -1, -1, 0) == 1);
    X509 *by = issuer == NULL ? made : issuer;
    cr_assert(X509_set_issuer_name(made, X509_get_subject_name(by)) == 1);
    cr_assert(ASN1_TIME_set(X509_getm_notBefore(made), (time_t)(NOW_MS / 1000)) != NULL);
    cr_assert(ASN1_TIME_set(X509_getm_notAfter(made), (time_t)((NOW_MS + 365 * DAY_MS) / 1000)) != NULL);
    cr_assert(X509_set_pubkey(made, holder) == 1);
    if (!version_1) {
        forge_extensions(forgery, made, by);
    }
    cr_assert(X509_sign(made, issuer_key, forgery->md == NULL ? EVP_sha256() : forgery->md) > 0);
    int len = i2d_X509(made, NULL);
    uint8_t *der = NULL;
    cr_assert(len > 0 && i2d_X509(made, &der) == len);
    assert_ok(buf_append(out, der, (size_t)len, err));
    OPENSSL_free(der);
    X509_free(made);
    if (forgery->holder == NULL) {
        EVP_PKEY_free(holder);
    }
}
