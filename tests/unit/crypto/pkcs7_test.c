#include <stdlib.h>
#include <string.h>

#include <openssl/pkcs7.h>

#include "fixture.h"

static struct world world;
static struct buf message;
static struct buf out;

static void setup(void)
{
    world_init(&world);
    buf_init(&message, 70000);
    buf_init(&out, CERTIFICATE_DER_MAX);
}

static void teardown(void)
{
    world_fini(&world);
    buf_fini(&message);
    buf_fini(&out);
}

TestSuite(pkcs7, .init = setup, .fini = teardown);

Test(pkcs7, of_one_certificate_gives_it_back)
{
    struct slice one = buf_slice(&world.certificate);
    assert_ok(pkcs7_make(&one, 1, &message, err));
    assert_ok(pkcs7_first(buf_slice(&message), &out, err));
    cr_assert(slice_equal(buf_slice(&out), one));
}

Test(pkcs7, has_its_certificates_in_the_order_that_der_demands_of_a_set)
{
    struct slice both[] = { buf_slice(&world.certificate), world_ca(&world) };
    struct slice turned[] = { both[1], both[0] };
    struct slice least = memcmp(both[0].data, both[1].data, both[0].len < both[1].len ? both[0].len : both[1].len) < 0
                             ? both[0]
                             : both[1];
    struct buf other;
    buf_init(&other, 70000);
    assert_ok(pkcs7_make(both, 2, &message, err));
    assert_ok(pkcs7_make(turned, 2, &other, err));
    cr_assert(slice_equal(buf_slice(&message), buf_slice(&other)));
    assert_ok(pkcs7_first(buf_slice(&message), &out, err));
    cr_assert(slice_equal(buf_slice(&out), least));
    buf_fini(&other);
}

Test(pkcs7, is_a_certs_only_message_to_openssl)
{
    struct slice both[] = { world_ca(&world), buf_slice(&world.certificate) };
    assert_ok(pkcs7_make(both, 2, &message, err));
    const uint8_t *at = message.data;
    PKCS7 *read = d2i_PKCS7(NULL, &at, (long)message.len);
    cr_assert(read != NULL && PKCS7_type_is_signed(read));
    cr_assert_eq(at, message.data + message.len);
    cr_assert_eq(ASN1_INTEGER_get(read->d.sign->version), 1);
    cr_assert_eq(sk_X509_num(read->d.sign->cert), 2);
    cr_assert_leq(sk_PKCS7_SIGNER_INFO_num(read->d.sign->signer_info), 0);
    cr_assert_leq(sk_X509_ALGOR_num(read->d.sign->md_algs), 0);
    cr_assert_eq(OBJ_obj2nid(read->d.sign->contents->type), NID_pkcs7_data);
    cr_assert(read->d.sign->contents->d.data == NULL);
    PKCS7_free(read);
}

Test(pkcs7, refuses_to_carry_what_is_no_certificate)
{
    struct slice bad[] = { buf_slice(&world.certificate), slice_of_text("not one") };
    assert_fails(pkcs7_make(bad, 2, &message, err), TLS);
    cr_assert_eq(message.len, 0);
}

Test(pkcs7, cut_or_followed_by_something_is_refused)
{
    struct slice one = buf_slice(&world.certificate);
    assert_ok(pkcs7_make(&one, 1, &message, err));
    for (size_t len = 0; len < message.len; len++) {
        uint8_t *cut = exact_copy(slice_of(message.data, len));
        assert_fails(pkcs7_first(slice_of(cut, len), &out, err), PROTOCOL);
        free(cut);
    }
    assert_ok(buf_append(&message, "", 1, err));
    assert_fails(pkcs7_first(buf_slice(&message), &out, err), PROTOCOL);
    uint8_t *large = calloc(1, 65537);
    assert_fails(pkcs7_first(slice_of(large, 65537), &out, err), PROTOCOL);
    free(large);
    cr_assert_eq(out.len, 0);
}

/* Damage within the certificate is for certificate_verify to find; here it must only never give something too large or
 * crash. */
Test(pkcs7, damaged_gives_an_error_or_a_certificate_that_does_not_verify)
{
    struct slice one = buf_slice(&world.certificate);
    struct certificate read;
    assert_ok(pkcs7_make(&one, 1, &message, err));
    for (size_t i = 0; i < message.len; i++) {
        struct error err;
        message.data[i] ^= (uint8_t)(1 << i % 8);
        buf_clear(&out);
        if (pkcs7_first(buf_slice(&message), &out, &err) == ERR_OK && !slice_equal(buf_slice(&out), one)) {
            cr_assert_neq(certificate_verify(buf_slice(&out), world_ca(&world), NOW_MS, &read, &err), ERR_OK,
                          "byte %zu", i);
        }
        message.data[i] ^= (uint8_t)(1 << i % 8);
    }
}

static void assert_refused(PKCS7 *pkcs7)
{
    uint8_t *der = NULL;
    cr_assert(pkcs7 != NULL);
    int len = i2d_PKCS7(pkcs7, &der);
    cr_assert_gt(len, 0);
    assert_fails(pkcs7_first(slice_of(der, (size_t)len), &out, err), PROTOCOL);
    cr_assert_eq(out.len, 0);
    OPENSSL_free(der);
    PKCS7_free(pkcs7);
}

static PKCS7 *message_of(int type, int content)
{
    PKCS7 *made = PKCS7_new();
    cr_assert(PKCS7_set_type(made, type) == 1);
    cr_assert(content == NID_undef || PKCS7_content_new(made, content) == 1);
    return made;
}

Test(pkcs7, with_a_signer_without_certificates_or_of_another_type_is_refused)
{
    EVP_PKEY *key = pkey_of(world.key);
    X509 *certificate = x509_of(buf_slice(&world.certificate));
    BIO *content = BIO_new_mem_buf("content", 7);
    assert_refused(PKCS7_sign(certificate, key, NULL, content, PKCS7_BINARY));
    assert_refused(message_of(NID_pkcs7_signed, NID_pkcs7_data));
    assert_refused(message_of(NID_pkcs7_data, NID_undef));
    PKCS7 *crowded = message_of(NID_pkcs7_signed, NID_pkcs7_data);
    for (int i = 0; i < 17; i++) {
        cr_assert(PKCS7_add_certificate(crowded, certificate) == 1);
    }
    assert_refused(crowded);
    BIO_free(content);
    X509_free(certificate);
    EVP_PKEY_free(key);
}
