#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "crypto/openssl_glue.h"

struct list {
    X509 *certificates[AUTHORITIES_MAX];
    size_t count;
};

static void list_fini(struct list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        X509_free(list->certificates[i]);
    }
}

/* Only certificates that may issue others are listed; the rest of `der` is left out. */
static enum err_code list_read(struct slice der, struct list *list, struct error *err)
{
    for (size_t read = 0; der.len > 0; read++) {
        SCOPED(scoped_x509) X509 *certificate = NULL;
        if (read == AUTHORITIES_MAX) {
            return FAIL(err, TLS, "know more than %d authorities", AUTHORITIES_MAX);
        }
        TRY(x509_take(&der, &certificate, err));
        if (X509_check_ca(certificate) == 1 && (X509_get_key_usage(certificate) & KU_KEY_CERT_SIGN) != 0) {
            list->certificates[list->count++] = certificate;
            certificate = NULL;
        }
    }
    return ERR_OK;
}

static bool same_key(X509 *one, X509 *other)
{
    return X509_NAME_cmp(X509_get_subject_name(one), X509_get_subject_name(other)) == 0 &&
           EVP_PKEY_eq(X509_get0_pubkey(one), X509_get0_pubkey(other)) == 1;
}

static bool signed_by(X509 *certificate, X509 *issuer)
{
    bool fits = X509_NAME_cmp(X509_get_issuer_name(certificate), X509_get_subject_name(issuer)) == 0 &&
                X509_verify(certificate, X509_get0_pubkey(issuer)) == 1;
    ERR_clear_error();
    return fits;
}

static bool is_valid(X509 *certificate, int64_t at_ms)
{
    time_t at = (time_t)(at_ms / 1000);
    return X509_cmp_time(X509_get0_notBefore(certificate), &at) < 0 &&
           X509_cmp_time(X509_get0_notAfter(certificate), &at) > 0;
}

/* The one signed by itself that begins last; NULL: none. */
static X509 *present(const struct list *given)
{
    X509 *found = NULL;
    for (size_t i = 0; i < given->count; i++) {
        X509 *one = given->certificates[i];
        if (signed_by(one, one) &&
            (found == NULL || ASN1_TIME_compare(X509_get0_notBefore(one), X509_get0_notBefore(found)) > 0)) {
            found = one;
        }
    }
    return found;
}

static bool follows(const struct list *given, X509 *current, X509 *known, int64_t at_ms)
{
    if (X509_cmp(current, known) == 0) {
        return true;
    }
    for (size_t i = 0; i < given->count; i++) {
        X509 *one = given->certificates[i];
        if (same_key(one, current) && signed_by(one, known) && is_valid(one, at_ms) && is_valid(current, at_ms)) {
            return true;
        }
    }
    return false;
}

/* Unless its key is listed already, or the list is full: then the oldest are not known any more. */
static void add(struct list *out, X509 *certificate)
{
    for (size_t i = 0; i < out->count; i++) {
        if (same_key(out->certificates[i], certificate)) {
            return;
        }
    }
    if (out->count < AUTHORITIES_MAX) {
        CHECK(X509_up_ref(certificate) == 1);
        out->certificates[out->count++] = certificate;
    }
}

static enum err_code write(const struct list *list, struct buf *out, struct error *err)
{
    size_t before = out->len;
    for (size_t i = 0; i < list->count; i++) {
        enum err_code rc = x509_encode(list->certificates[i], out, err);
        if (rc != ERR_OK) {
            out->len = before;
            return rc;
        }
    }
    return ERR_OK;
}

static enum err_code follow(const struct list *given, const struct list *known, int64_t at_ms, struct buf *out,
                            struct error *err)
{
    SCOPED(list_fini) struct list made = { 0 };
    X509 *current = present(given);
    if (current == NULL || known->count == 0 || !follows(given, current, known->certificates[0], at_ms)) {
        return openssl_failed(err, ERR_TLS, "know the centre's authority: it does not follow from the one known here");
    }
    add(&made, current);
    for (size_t i = 0; i < given->count; i++) {
        if (signed_by(given->certificates[i], current)) {
            add(&made, given->certificates[i]);
        }
    }
    for (size_t i = 0; i < known->count; i++) {
        add(&made, known->certificates[i]);
    }
    return write(&made, out, err);
}

enum err_code authorities_follow(struct slice given, struct slice known, int64_t at_ms, struct buf *out,
                                 struct error *err)
{
    SCOPED(list_fini) struct list given_list = { 0 };
    SCOPED(list_fini) struct list known_list = { 0 };
    TRY(list_read(given, &given_list, err));
    TRY(list_read(known, &known_list, err));
    return follow(&given_list, &known_list, at_ms, out, err);
}

enum err_code authorities_pinned(struct slice given, struct slice pin, int64_t at_ms, struct buf *out,
                                 struct error *err)
{
    for (struct slice rest = given; rest.len > 0;) {
        SCOPED(scoped_x509) X509 *certificate = NULL;
        uint8_t digest[SHA256_BYTES];
        struct slice one = rest;
        TRY(x509_take(&rest, &certificate, err));
        one.len -= rest.len;
        sha256(&one, 1, digest);
        if (secret_equal(slice_of(digest, pin.len), pin)) {
            return authorities_follow(given, one, at_ms, out, err);
        }
    }
    return FAIL(err, TLS,
                "check the centre: it is not the one that this code was made by; check the address, and that nothing "
                "stands between (a proxy, a public network's sign-in page)");
}

enum err_code authorities_remember(struct slice known, struct buf *list, struct error *err)
{
    SCOPED(list_fini) struct list known_list = { 0 };
    SCOPED(list_fini) struct list made = { 0 };
    TRY(list_read(known, &known_list, err));
    TRY(list_read(buf_slice(list), &made, err));
    size_t had = made.count;
    for (size_t i = 0; i < known_list.count; i++) {
        add(&made, known_list.certificates[i]);
    }
    for (size_t i = had; i < made.count; i++) {
        TRY(x509_encode(made.certificates[i], list, err));
    }
    return ERR_OK;
}

struct slice authorities_present(struct slice list)
{
    SCOPED(scoped_x509) X509 *certificate = NULL;
    struct slice rest = list;
    if (list.len == 0 || x509_take(&rest, &certificate, NULL) != ERR_OK) {
        return slice_of(NULL, 0);
    }
    return slice_of(list.data, list.len - rest.len);
}

bool authority_issued(struct slice certificate, struct slice issuer)
{
    SCOPED(list_fini) struct list one = { 0 };
    SCOPED(list_fini) struct list by = { 0 };
    return list_read(certificate, &one, NULL) == ERR_OK && list_read(issuer, &by, NULL) == ERR_OK && one.count == 1 &&
           by.count == 1 && signed_by(one.certificates[0], by.certificates[0]);
}
