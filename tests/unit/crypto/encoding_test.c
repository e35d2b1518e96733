#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>

#include "fixture.h"

static const struct {
    const char *plain;
    const char *encoded;
} published[] = {
    /* RFC 4648 section 10 */
    { "", "" },
    { "f", "Zg==" },
    { "fo", "Zm8=" },
    { "foo", "Zm9v" },
    { "foob", "Zm9vYg==" },
    { "fooba", "Zm9vYmE=" },
    { "foobar", "Zm9vYmFy" },
};

Test(base64, gives_the_published_texts_both_ways)
{
    struct buf out;
    buf_init(&out, 100);
    for (size_t i = 0; i < ARRAY_LEN(published); i++) {
        buf_clear(&out);
        assert_ok(base64_encode(slice_of_text(published[i].plain), &out, err));
        cr_assert(slice_equal(buf_slice(&out), slice_of_text(published[i].encoded)));
        buf_clear(&out);
        assert_ok(base64_decode(slice_of_text(published[i].encoded), &out, err));
        cr_assert(slice_equal(buf_slice(&out), slice_of_text(published[i].plain)));
    }
    buf_fini(&out);
}

Test(base64, every_byte_at_every_place_comes_back)
{
    uint8_t bytes[256 + 2];
    struct buf text;
    struct buf back;
    buf_init(&text, 1000);
    buf_init(&back, 1000);
    for (size_t shift = 0; shift < 3; shift++) {
        for (size_t i = 0; i < sizeof(bytes); i++) {
            bytes[i] = (uint8_t)(i + shift);
        }
        buf_clear(&text);
        buf_clear(&back);
        assert_ok(base64_encode(slice_of(bytes + shift, sizeof(bytes) - shift), &text, err));
        assert_ok(base64_decode(buf_slice(&text), &back, err));
        cr_assert(slice_equal(buf_slice(&back), slice_of(bytes + shift, sizeof(bytes) - shift)));
    }
    buf_fini(&text);
    buf_fini(&back);
}

Test(base64, line_breaks_may_stand_anywhere)
{
    struct buf out;
    buf_init(&out, 100);
    assert_ok(base64_decode(slice_of_text("\r\nZm\n9vYg\r\n=\n=\n"), &out, err));
    cr_assert(slice_equal(buf_slice(&out), slice_of_text("foob")));
    buf_fini(&out);
}

Test(base64, anything_else_is_refused_and_adds_nothing)
{
    static const char *const refused[] = {
        "Z",     "Zg",    "Zg=",   "Zh==",   "Zm9=",    "=",    "==",       "====",  "Z===", "Zg==Zg==",
        "Zg===", "Zg= =", "Zm 9v", "Zm9v\t", "Zm9\xff", "Zm-_", "Zm9v\x01", "Zm9vZ", "Zg=a", "Zg==\nA",
    };
    struct buf out;
    buf_init(&out, 100);
    assert_ok(buf_append_text(&out, "before", err));
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        uint8_t *exact = exact_copy(slice_of_text(refused[i]));
        assert_fails(base64_decode(slice_of(exact, strlen(refused[i])), &out, err), INVALID);
        cr_assert(slice_equal(buf_slice(&out), slice_of_text("before")), "%s", refused[i]);
        free(exact);
    }
    assert_fails(base64_decode(slice_of("Zm9v\0", 5), &out, err), INVALID);
    buf_fini(&out);
    assert_fails(base64_decode(slice_of_text("Zg"), &out, err), INVALID);
    assert_ok(base64_decode(slice_of_text("\n"), &out, err));
    cr_assert_eq(out.len, 0);
}

Test(base64, keeps_to_the_limit_of_its_buffer)
{
    uint8_t bytes[100] = { 0 };
    struct buf out;
    buf_init(&out, 99);
    assert_fails(base64_encode(slice_of(bytes, 75), &out, err), LIMIT);
    assert_fails(base64_encode(slice_of(bytes, 100), &out, err), LIMIT);
    assert_fails(base64_encode(slice_of(bytes, SIZE_MAX), &out, err), LIMIT);
    assert_ok(base64_encode(slice_of(bytes, 72), &out, err));
    cr_assert_eq(out.len, 96);
    buf_fini(&out);
}

static struct world world;
static struct buf pem;
static struct buf der;

static void setup(void)
{
    world_init(&world);
    buf_init(&pem, 20000);
    buf_init(&der, CERTIFICATE_DER_MAX);
    assert_ok(certificate_to_pem(buf_slice(&world.certificate), &pem, err));
}

static void teardown(void)
{
    world_fini(&world);
    buf_fini(&pem);
    buf_fini(&der);
}

TestSuite(pem, .init = setup, .fini = teardown);

Test(pem, is_read_by_openssl)
{
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.len);
    X509 *read = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    X509 *expected = x509_of(buf_slice(&world.certificate));
    cr_assert(read != NULL);
    cr_assert_eq(X509_cmp(read, expected), 0);
    X509_free(read);
    X509_free(expected);
    BIO_free(bio);
}

Test(pem, comes_back_also_with_text_around_and_other_line_ends)
{
    struct buf text;
    buf_init(&text, 20000);
    assert_ok(buf_append_text(&text, "subject: somebody\r\n", err));
    for (size_t i = 0; i < pem.len; i++) {
        assert_ok(buf_append(&text, pem.data[i] == '\n' ? "\r\n" : (const char *)&pem.data[i],
                             pem.data[i] == '\n' ? 2 : 1, err));
    }
    assert_ok(certificate_to_pem(world_ca(&world), &text, err));
    assert_ok(certificate_from_pem(buf_slice(&text), &der, err));
    cr_assert(slice_equal(buf_slice(&der), buf_slice(&world.certificate)));
    buf_fini(&text);
}

Test(pem, cut_anywhere_is_refused)
{
    for (size_t len = 0; len < pem.len - 1; len++) {
        uint8_t *cut = exact_copy(slice_of(pem.data, len));
        assert_fails(certificate_from_pem(slice_of(cut, len), &der, err), INVALID);
        cr_assert_eq(der.len, 0);
        free(cut);
    }
}

Test(pem, holding_no_certificate_is_refused)
{
    struct error err;
    static const char *const refused[] = {
        "-----BEGIN CERTIFICATE----------END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\nZm9v\n-----END CERTIFICATE-----\n",
        "-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\n",
        "-----BEGIN PRIVATE KEY-----\nZm9v\n-----END PRIVATE KEY-----\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        cr_assert_neq(certificate_from_pem(slice_of_text(refused[i]), &der, &err), ERR_OK, "%s", refused[i]);
        cr_assert_eq(der.len, 0);
    }
}

Test(pem, that_does_not_fit_leaves_the_buffer_as_it_was)
{
    struct buf small;
    buf_init(&small, 300);
    assert_ok(buf_append_text(&small, "kept", err));
    assert_fails(certificate_to_pem(buf_slice(&world.certificate), &small, err), LIMIT);
    cr_assert(slice_equal(buf_slice(&small), slice_of_text("kept")));
    assert_fails(certificate_from_pem(buf_slice(&pem), &small, err), LIMIT);
    cr_assert(slice_equal(buf_slice(&small), slice_of_text("kept")));
    buf_fini(&small);
}
