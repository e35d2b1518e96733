#include <openssl/pkcs7.h>
#include <string.h>

#include "crypto/openssl_glue.h"

enum { PKCS7_DER_MAX = 65536, PKCS7_CERTIFICATES_MAX = 16 };

static void scoped_pkcs7(PKCS7 **pkcs7)
{
    PKCS7_free(*pkcs7);
}

static enum err_code encode(PKCS7 *pkcs7, struct buf *out, struct error *err)
{
    int len = i2d_PKCS7(pkcs7, NULL);
    if (len <= 0) {
        return openssl_failed(err, ERR_CRYPTO, "encode a PKCS#7 message");
    }
    TRY(buf_reserve(out, (size_t)len, err));
    uint8_t *end = out->data + out->len;
    if (i2d_PKCS7(pkcs7, &end) != len) {
        return openssl_failed(err, ERR_CRYPTO, "encode a PKCS#7 message");
    }
    out->len += (size_t)len;
    return ERR_OK;
}

/* DER's order of a set (X.690, 11.6), which the library does not see to here: strict readers refuse any other. A
 * certificate begins with its length, so none is the beginning of another. */
static void sort(const struct slice *certificates_der, size_t count, struct slice *sorted)
{
    for (size_t i = 0; i < count; i++) {
        struct slice next = certificates_der[i];
        size_t at = i;
        while (at > 0 && memcmp(sorted[at - 1].data, next.data,
                                sorted[at - 1].len < next.len ? sorted[at - 1].len : next.len) > 0) {
            sorted[at] = sorted[at - 1];
            at--;
        }
        sorted[at] = next;
    }
}

enum err_code pkcs7_make(const struct slice *certificates_der, size_t count, struct buf *out, struct error *err)
{
    CHECK(count > 0 && count <= PKCS7_CERTIFICATES_MAX);
    struct slice sorted[PKCS7_CERTIFICATES_MAX];
    sort(certificates_der, count, sorted);
    SCOPED(scoped_pkcs7) PKCS7 *pkcs7 = PKCS7_new();
    if (pkcs7 == NULL || PKCS7_set_type(pkcs7, NID_pkcs7_signed) != 1 ||
        PKCS7_content_new(pkcs7, NID_pkcs7_data) != 1 || PKCS7_set_detached(pkcs7, 1) != 1) {
        return openssl_failed(err, ERR_CRYPTO, "make a PKCS#7 message");
    }
    for (size_t i = 0; i < count; i++) {
        SCOPED(scoped_x509) X509 *certificate = NULL;
        TRY(x509_decode(sorted[i], &certificate, err));
        if (PKCS7_add_certificate(pkcs7, certificate) != 1) {
            return openssl_failed(err, ERR_CRYPTO, "make a PKCS#7 message");
        }
    }
    return encode(pkcs7, out, err);
}

static bool certificates_only(const PKCS7 *pkcs7)
{
    if (!PKCS7_type_is_signed(pkcs7) || pkcs7->d.sign == NULL) {
        return false;
    }
    const PKCS7_SIGNED *content = pkcs7->d.sign;
    int count = sk_X509_num(content->cert);
    return sk_PKCS7_SIGNER_INFO_num(content->signer_info) <= 0 && count >= 1 && count <= PKCS7_CERTIFICATES_MAX;
}

static enum err_code read(struct slice pkcs7_der, PKCS7 **ret_pkcs7, struct error *err)
{
    if (pkcs7_der.len == 0 || pkcs7_der.len > PKCS7_DER_MAX) {
        return FAIL(err, PROTOCOL, "read a PKCS#7 message of %zu bytes: 1 to %d are possible", pkcs7_der.len,
                    PKCS7_DER_MAX);
    }
    const uint8_t *end = pkcs7_der.data;
    SCOPED(scoped_pkcs7) PKCS7 *pkcs7 = d2i_PKCS7(NULL, &end, (long)pkcs7_der.len);
    if (pkcs7 == NULL || end != pkcs7_der.data + pkcs7_der.len) {
        return openssl_failed(err, ERR_PROTOCOL, "read a PKCS#7 message: it is not one message in DER");
    }
    if (!certificates_only(pkcs7)) {
        return FAIL(err, PROTOCOL, "read a PKCS#7 message: it does not hold 1 to %d certificates and nothing else",
                    PKCS7_CERTIFICATES_MAX);
    }
    *ret_pkcs7 = pkcs7;
    pkcs7 = NULL;
    return ERR_OK;
}

enum err_code pkcs7_first(struct slice pkcs7_der, struct buf *out_certificate_der, struct error *err)
{
    SCOPED(scoped_pkcs7) PKCS7 *pkcs7 = NULL;
    TRY(read(pkcs7_der, &pkcs7, err));
    return x509_encode(sk_X509_value(pkcs7->d.sign->cert, 0), out_certificate_der, err);
}

enum err_code pkcs7_all(struct slice pkcs7_der, struct buf *out_certificates_der, struct error *err)
{
    SCOPED(scoped_pkcs7) PKCS7 *pkcs7 = NULL;
    size_t before = out_certificates_der->len;
    TRY(read(pkcs7_der, &pkcs7, err));
    for (int i = 0; i < sk_X509_num(pkcs7->d.sign->cert); i++) {
        enum err_code rc = x509_encode(sk_X509_value(pkcs7->d.sign->cert, i), out_certificates_der, err);
        if (rc != ERR_OK) {
            out_certificates_der->len = before;
            return rc;
        }
    }
    return ERR_OK;
}
