#include "crypto/escrow.h"

#include <string.h>

#include <openssl/cms.h>
#include <openssl/x509v3.h>

#include "fixture.h"

/* What the organisation's key opens is the secret; the stock openssl command opens it too (tests/scenario). */

static void start(void)
{
    struct error err;
    cr_assert_eq(secret_init(&err), ERR_OK, "%s", err.message);
}

TestSuite(escrow, .init = start);

static EVP_PKEY *rsa(size_t bits)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", bits);
    cr_assert_not_null(key);
    return key;
}

static EVP_PKEY *curve(const char *name)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", name);
    cr_assert_not_null(key);
    return key;
}

/* Self-signed, as `openssl req -x509` makes it; with or without a key identifier. */
static void certificate_of(EVP_PKEY *key, bool identifier, struct buf *out)
{
    X509 *made = X509_new();
    cr_assert_not_null(made);
    cr_assert_eq(X509_set_version(made, X509_VERSION_3), 1);
    cr_assert_eq(ASN1_INTEGER_set(X509_get_serialNumber(made), 4711), 1);
    X509_NAME *name = X509_get_subject_name(made);
    cr_assert_eq(
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)"Recovery desk", -1, -1, 0), 1);
    cr_assert_eq(X509_set_issuer_name(made, name), 1);
    cr_assert_not_null(X509_gmtime_adj(X509_getm_notBefore(made), 0));
    cr_assert_not_null(X509_gmtime_adj(X509_getm_notAfter(made), 86400));
    cr_assert_eq(X509_set_pubkey(made, key), 1);
    if (identifier) {
        X509V3_CTX context;
        X509V3_set_ctx(&context, made, made, NULL, NULL, 0);
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, NID_subject_key_identifier, "hash");
        cr_assert_eq(X509_add_ext(made, extension, -1), 1);
        X509_EXTENSION_free(extension);
    }
    cr_assert_gt(X509_sign(made, key, EVP_sha256()), 0);
    unsigned char *der = NULL;
    int len = i2d_X509(made, &der);
    cr_assert_gt(len, 0);
    assert_ok(buf_append(out, der, (size_t)len, err));
    OPENSSL_free(der);
    X509_free(made);
}

static void opens_for(EVP_PKEY *key, bool identifier)
{
    struct buf certificate;
    struct buf envelope;
    struct secret secret;
    struct secret opened;
    buf_init(&certificate, CERTIFICATE_DER_MAX);
    buf_init(&envelope, 1536);
    certificate_of(key, identifier, &certificate);
    assert_ok(secret_random(ESCROW_SECRET_BYTES, &secret, err));

    assert_ok(escrow_seal(buf_slice(&certificate), &secret, &envelope, err));

    const unsigned char *at = envelope.data;
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)envelope.len);
    BIO *content = BIO_new(BIO_s_mem());
    cr_assert_not_null(cms);
    cr_assert_eq(CMS_decrypt(cms, key, NULL, NULL, content, 0), 1);
    char *text;
    long len = BIO_get_mem_data(content, &text);
    cr_assert_eq(len, ESCROW_TEXT_BYTES + 1);
    assert_ok(escrow_parse(slice_of(text, (size_t)len), &opened, err));
    cr_assert(secret_equal(slice_of(opened.bytes, opened.len), slice_of(secret.bytes, secret.len)));
    cr_assert_null(memmem(envelope.data, envelope.len, secret.bytes, secret.len));

    secret_free(&opened);
    secret_free(&secret);
    BIO_free(content);
    CMS_ContentInfo_free(cms);
    buf_fini(&envelope);
    buf_fini(&certificate);
    EVP_PKEY_free(key);
}

Test(escrow, opens_with_an_rsa_key)
{
    opens_for(rsa(2048), true);
    opens_for(rsa(3072), false);
}

Test(escrow, opens_with_a_key_on_a_curve)
{
    opens_for(curve("P-256"), true);
    opens_for(curve("P-256"), false);
    opens_for(curve("P-384"), true);
}

static void refuses(EVP_PKEY *key, const char *message)
{
    struct buf certificate;
    uint8_t fingerprint[SHA256_BYTES];
    struct error err = { .message = "" };
    buf_init(&certificate, CERTIFICATE_DER_MAX);
    certificate_of(key, true, &certificate);
    cr_assert_eq(escrow_check(buf_slice(&certificate), fingerprint, &err), ERR_INVALID);
    cr_assert_str_eq(err.message, message);
    buf_fini(&certificate);
    EVP_PKEY_free(key);
}

Test(escrow, refuses_keys_that_are_too_short_or_of_another_kind)
{
    refuses(rsa(1024), "use the certificate: its RSA key has 1024 bits; 2048 to 8192 are possible");
    refuses(curve("secp256k1"), "use the certificate: its key is neither RSA nor on the curve P-256 or P-384");
}

Test(escrow, refuses_what_is_no_certificate)
{
    uint8_t fingerprint[SHA256_BYTES];
    assert_fails(escrow_check(slice_of_text("not a certificate"), fingerprint, err), INVALID);
    assert_fails(escrow_check(slice_of_text(""), fingerprint, err), INVALID);
}

Test(escrow, says_when_the_envelope_is_larger_than_its_place)
{
    struct buf certificate;
    struct buf small;
    struct secret secret;
    EVP_PKEY *key = rsa(2048);
    buf_init(&certificate, CERTIFICATE_DER_MAX);
    buf_init(&small, 300);
    certificate_of(key, true, &certificate);
    assert_ok(secret_random(ESCROW_SECRET_BYTES, &secret, err));
    assert_fails(escrow_seal(buf_slice(&certificate), &secret, &small, err), LIMIT);
    cr_assert_eq(small.len, 0);
    secret_free(&secret);
    buf_fini(&small);
    buf_fini(&certificate);
    EVP_PKEY_free(key);
}

Test(escrow, takes_the_opened_text_with_blanks_around_and_nothing_else)
{
    static const char *const bad[] = { "", "\n", "00",
                                       "g0112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
                                       "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00" };
    struct secret read = { 0 };
    assert_ok(escrow_parse(slice_of_text(" 00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff\r\n"),
                           &read, err));
    cr_assert_eq(read.bytes[31], 0xff);
    secret_free(&read);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_fails(escrow_parse(slice_of_text(bad[i]), &read, err), INVALID);
    }
}
