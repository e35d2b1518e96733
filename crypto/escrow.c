#include "crypto/escrow.h"

#include <string.h>

#include <openssl/cms.h>
#include <openssl/rsa.h>

#include "crypto/key_memory.h"
#include "crypto/openssl_glue.h"

enum { RSA_BITS_MIN = 2048, RSA_BITS_MAX = 8192, GROUP_NAME_MAX = 80 };

static void scoped_cms(CMS_ContentInfo **cms)
{
    CMS_ContentInfo_free(*cms);
}

static void scoped_bio(BIO **bio)
{
    BIO_free_all(*bio);
}

static enum err_code key_check(const EVP_PKEY *key, struct error *err)
{
    if (EVP_PKEY_is_a(key, "RSA")) {
        int bits = EVP_PKEY_get_bits(key);
        return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX
                   ? ERR_OK
                   : FAIL(err, INVALID, "use the certificate: its RSA key has %d bits; %d to %d are possible", bits,
                          RSA_BITS_MIN, RSA_BITS_MAX);
    }
    char group[GROUP_NAME_MAX];
    size_t len;
    if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof(group), &len) == 1 &&
        (strcmp(group, "prime256v1") == 0 || strcmp(group, "secp384r1") == 0)) {
        return ERR_OK;
    }
    return FAIL(err, INVALID, "use the certificate: its key is neither RSA nor on the curve P-256 or P-384");
}

static enum err_code take_certificate(struct slice der, X509 **ret_certificate, struct error *err)
{
    SCOPED(scoped_x509) X509 *certificate = NULL;
    enum err_code rc = x509_decode(der, &certificate, err);
    if (rc != ERR_OK) {
        return rc == ERR_TLS ? error_set(err, ERR_INVALID, "read the certificate: it is none") : rc;
    }
    const EVP_PKEY *key = X509_get0_pubkey(certificate);
    if (key == NULL) {
        return openssl_failed(err, ERR_INVALID, "read the certificate's key");
    }
    TRY(key_check(key, err));
    *ret_certificate = certificate;
    certificate = NULL;
    return ERR_OK;
}

enum err_code escrow_check(struct slice certificate_der, uint8_t ret_sha256[SHA256_BYTES], struct error *err)
{
    SCOPED(scoped_x509) X509 *certificate = NULL;
    TRY(take_certificate(certificate_der, &certificate, err));
    sha256(&certificate_der, 1, ret_sha256);
    return ERR_OK;
}

/* OpenSSL's own choices are PKCS #1 v1.5 and SHA-1. */
static bool choose_algorithms(CMS_RecipientInfo *recipient, const X509 *certificate)
{
    EVP_PKEY_CTX *context = CMS_RecipientInfo_get0_pkey_ctx(recipient);
    if (context == NULL) {
        return false;
    }
    if (EVP_PKEY_is_a(X509_get0_pubkey(certificate), "RSA")) {
        return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) > 0 &&
               EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) > 0 &&
               EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) > 0;
    }
    return EVP_PKEY_CTX_set_ecdh_kdf_md(context, EVP_sha256()) > 0;
}

static enum err_code envelop(X509 *certificate, const struct secret *text, CMS_ContentInfo **ret_cms, struct error *err)
{
    SCOPED(scoped_cms) CMS_ContentInfo *cms = CMS_EnvelopedData_create(EVP_aes_256_cbc());
    SCOPED(scoped_bio) BIO *content = BIO_new_mem_buf(text->bytes, (int)text->len);
    if (cms == NULL || content == NULL) {
        return openssl_failed(err, ERR_CRYPTO, "make an envelope");
    }
    unsigned flags = CMS_KEY_PARAM | (X509_get0_subject_key_id(certificate) != NULL ? (unsigned)CMS_USE_KEYID : 0U);
    CMS_RecipientInfo *recipient = CMS_add1_recipient_cert(cms, certificate, flags);
    if (recipient == NULL || !choose_algorithms(recipient, certificate) || CMS_set_detached(cms, 0) != 1 ||
        CMS_final(cms, content, NULL, CMS_BINARY) != 1) {
        return openssl_failed(err, ERR_CRYPTO, "make an envelope to the certificate's key");
    }
    *ret_cms = cms;
    cms = NULL;
    return ERR_OK;
}

static enum err_code encode(CMS_ContentInfo *cms, struct buf *out, struct error *err)
{
    int len = i2d_CMS_ContentInfo(cms, NULL);
    if (len <= 0) {
        return openssl_failed(err, ERR_CRYPTO, "encode an envelope");
    }
    enum err_code rc = buf_reserve(out, (size_t)len, err);
    if (rc != ERR_OK) {
        return error_wrap(err, rc, "keep an envelope of %d bytes", len);
    }
    uint8_t *end = out->data + out->len;
    if (i2d_CMS_ContentInfo(cms, &end) != len) {
        return openssl_failed(err, ERR_CRYPTO, "encode an envelope");
    }
    out->len += (size_t)len;
    return ERR_OK;
}

enum err_code escrow_seal(struct slice certificate_der, const struct secret *secret, struct buf *out, struct error *err)
{
    CHECK(secret->len == ESCROW_SECRET_BYTES);
    SCOPED(scoped_x509) X509 *certificate = NULL;
    TRY(take_certificate(certificate_der, &certificate, err));
    SCOPED(secret_free) struct secret text = { 0 };
    TRY(secret_new(ESCROW_TEXT_BYTES + 1, &text, err));
    hex_encode(secret->bytes, ESCROW_SECRET_BYTES, (char *)text.bytes);
    text.bytes[ESCROW_TEXT_BYTES] = '\n';
    SCOPED(scoped_cms) CMS_ContentInfo *cms = NULL;
    {
        SCOPED(key_scope_leave) struct key_scope scope = key_scope_enter();
        TRY(envelop(certificate, &text, &cms, err));
    }
    return encode(cms, out, err);
}

static bool blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

enum err_code escrow_parse(struct slice text, struct secret *ret_secret, struct error *err)
{
    while (text.len > 0 && blank(text.data[text.len - 1])) {
        text.len--;
    }
    while (text.len > 0 && blank(text.data[0])) {
        text = slice_of(text.data + 1, text.len - 1);
    }
    SCOPED(secret_free) struct secret digits = { 0 };
    SCOPED(secret_free) struct secret made = { 0 };
    TRY(secret_new(ESCROW_TEXT_BYTES + 1, &digits, err));
    TRY(secret_new(ESCROW_SECRET_BYTES, &made, err));
    if (text.len == ESCROW_TEXT_BYTES) {
        memcpy(digits.bytes, text.data, ESCROW_TEXT_BYTES);
    }
    if (text.len != ESCROW_TEXT_BYTES || !hex_decode((const char *)digits.bytes, made.bytes, ESCROW_SECRET_BYTES)) {
        return FAIL(err, INVALID, "read the escrow key: expected the %d hexadecimal digits that were in the envelope",
                    ESCROW_TEXT_BYTES);
    }
    *ret_secret = made;
    made = (struct secret){ 0 };
    return ERR_OK;
}
