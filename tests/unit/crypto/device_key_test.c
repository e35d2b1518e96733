#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/pem.h>

#include "fixture.h"

static struct slice spki_of(EVP_PKEY *pkey, uint8_t out[96])
{
    uint8_t *end = out;
    int len = i2d_PUBKEY(pkey, NULL);
    cr_assert(len > 0 && len <= 96 && i2d_PUBKEY(pkey, &end) == len);
    return slice_of(out, (size_t)len);
}

struct signed_message {
    struct device_key *key;
    uint8_t spki_bytes[96];
    struct slice spki;
    uint8_t bytes[SIGNATURE_MAX];
    size_t len;
};

static void signed_init(struct signed_message *message, const char *context, const char *text)
{
    assert_ok(device_key_generate(&message->key, err));
    EVP_PKEY *pkey = pkey_of(message->key);
    message->spki = spki_of(pkey, message->spki_bytes);
    EVP_PKEY_free(pkey);
    assert_ok(device_key_sign(message->key, context, slice_of_text(text), message->bytes, &message->len, err));
}

Test(device_key, id_is_the_beginning_of_the_digest_of_the_public_key)
{
    struct signed_message message;
    uint8_t id[DEVICE_ID_BYTES];
    uint8_t digest[SHA256_BYTES];
    signed_init(&message, "test", "x");
    device_key_id(message.key, id);
    sha256(&message.spki, 1, digest);
    cr_assert_arr_eq(id, digest, DEVICE_ID_BYTES);
    device_key_free(message.key);
}

Test(device_key, exported_and_loaded_is_the_same_key)
{
    struct signed_message message;
    struct secret der;
    struct device_key *loaded;
    uint8_t again[SIGNATURE_MAX];
    size_t len;
    signed_init(&message, "test", "x");
    assert_ok(device_key_export(message.key, &der, err));
    assert_ok(device_key_load(slice_of(der.bytes, der.len), &loaded, err));
    assert_ok(device_key_sign(loaded, "test", slice_of_text("y"), again, &len, err));
    assert_ok(signature_verify(message.spki, "test", slice_of_text("y"), slice_of(again, len), err));
    secret_free(&der);
    device_key_free(loaded);
    device_key_free(message.key);
}

Test(device_key, pem_is_read_by_openssl)
{
    struct device_key *key;
    struct secret pem;
    uint8_t theirs[96];
    uint8_t ours[96];
    assert_ok(device_key_generate(&key, err));
    assert_ok(device_key_export_pem(key, &pem, err));
    BIO *bio = BIO_new_mem_buf(pem.bytes, (int)pem.len);
    EVP_PKEY *read = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    EVP_PKEY *expected = pkey_of(key);
    cr_assert(read != NULL);
    cr_assert(slice_equal(spki_of(read, theirs), spki_of(expected, ours)));
    EVP_PKEY_free(read);
    EVP_PKEY_free(expected);
    BIO_free(bio);
    secret_free(&pem);
    device_key_free(key);
}

Test(device_key, load_refuses_every_cut_and_anything_behind)
{
    struct device_key *key;
    struct device_key *loaded = NULL;
    struct secret der;
    assert_ok(device_key_generate(&key, err));
    assert_ok(device_key_export(key, &der, err));
    for (size_t len = 0; len < der.len; len++) {
        uint8_t *cut = exact_copy(slice_of(der.bytes, len));
        assert_fails(device_key_load(slice_of(cut, len), &loaded, err), KEY);
        free(cut);
    }
    uint8_t longer[2048] = { 0 };
    memcpy(longer, der.bytes, der.len);
    assert_fails(device_key_load(slice_of(longer, der.len + 1), &loaded, err), KEY);
    assert_fails(device_key_load(slice_of(longer, sizeof(longer)), &loaded, err), KEY);
    cr_assert(loaded == NULL);
    secret_free(&der);
    device_key_free(key);
}

Test(device_key, load_of_a_damaged_key_never_gives_another_key)
{
    struct device_key *key;
    struct secret der;
    uint8_t id[DEVICE_ID_BYTES];
    int refused = 0;
    assert_ok(device_key_generate(&key, err));
    assert_ok(device_key_export(key, &der, err));
    device_key_id(key, id);
    for (size_t i = 0; i < der.len; i++) {
        struct device_key *loaded = NULL;
        uint8_t damaged_id[DEVICE_ID_BYTES];
        struct error err;
        der.bytes[i] ^= (uint8_t)(1 << i % 8);
        enum err_code rc = device_key_load(slice_of(der.bytes, der.len), &loaded, &err);
        der.bytes[i] ^= (uint8_t)(1 << i % 8);
        if (rc != ERR_OK) {
            cr_assert_eq(rc, ERR_KEY, "byte %zu: %s", i, err.message);
            refused++;
            continue;
        }
        device_key_id(loaded, damaged_id);
        cr_assert_arr_eq(damaged_id, id, DEVICE_ID_BYTES, "byte %zu", i);
        device_key_free(loaded);
    }
    cr_assert_gt(refused, 100);
    secret_free(&der);
    device_key_free(key);
}

static void assert_load_refused(EVP_PKEY *pkey)
{
    struct device_key *loaded = NULL;
    cr_assert(pkey != NULL);
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
    uint8_t *der = NULL;
    int len = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    cr_assert_gt(len, 0);
    assert_fails(device_key_load(slice_of(der, (size_t)len), &loaded, err), KEY);
    cr_assert(loaded == NULL);
    OPENSSL_free(der);
    PKCS8_PRIV_KEY_INFO_free(info);
    EVP_PKEY_free(pkey);
}

Test(device_key, load_refuses_every_other_kind_of_key)
{
    assert_load_refused(EVP_RSA_gen(2048));
    assert_load_refused(EVP_EC_gen("P-384"));
    assert_load_refused(EVP_EC_gen("secp256k1"));
    assert_load_refused(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
    EVP_PKEY *spelt_out = EVP_EC_gen("P-256");
    cr_assert(EVP_PKEY_set_utf8_string_param(spelt_out, "encoding", "explicit") == 1);
    assert_load_refused(spelt_out);
}

Test(signature, fits_its_context_message_and_key_only)
{
    struct signed_message message;
    struct signed_message other;
    signed_init(&message, "holdfast link", "the newest");
    signed_init(&other, "holdfast link", "the newest");
    struct slice signature = slice_of(message.bytes, message.len);
    assert_ok(signature_verify(message.spki, "holdfast link", slice_of_text("the newest"), signature, err));
    assert_fails(signature_verify(message.spki, "holdfast list", slice_of_text("the newest"), signature, err), HISTORY);
    assert_fails(signature_verify(message.spki, "holdfast", slice_of_text(" linkthe newest"), signature, err), HISTORY);
    assert_fails(signature_verify(message.spki, "holdfast linkt", slice_of_text("he newest"), signature, err), HISTORY);
    assert_fails(signature_verify(message.spki, "holdfast link", slice_of_text("the newer"), signature, err), HISTORY);
    assert_fails(signature_verify(message.spki, "holdfast link", slice_of(NULL, 0), signature, err), HISTORY);
    assert_fails(signature_verify(other.spki, "holdfast link", slice_of_text("the newest"), signature, err), HISTORY);
    device_key_free(message.key);
    device_key_free(other.key);
}

Test(signature, damaged_cut_or_followed_by_something_is_refused)
{
    struct signed_message message;
    signed_init(&message, "test", "x");
    for (size_t bit = 0; bit < message.len * 8; bit++) {
        message.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_fails(
            signature_verify(message.spki, "test", slice_of_text("x"), slice_of(message.bytes, message.len), err),
            HISTORY);
        message.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t len = 0; len < message.len; len++) {
        uint8_t *cut = exact_copy(slice_of(message.bytes, len));
        assert_fails(signature_verify(message.spki, "test", slice_of_text("x"), slice_of(cut, len), err), HISTORY);
        free(cut);
    }
    uint8_t longer[SIGNATURE_MAX + 1] = { 0 };
    memcpy(longer, message.bytes, message.len);
    assert_fails(signature_verify(message.spki, "test", slice_of_text("x"), slice_of(longer, message.len + 1), err),
                 HISTORY);
    assert_fails(signature_verify(message.spki, "test", slice_of_text("x"), slice_of(longer, sizeof(longer)), err),
                 HISTORY);
    device_key_free(message.key);
}

Test(signature, a_damaged_or_foreign_public_key_is_refused)
{
    struct signed_message message;
    uint8_t foreign[96];
    signed_init(&message, "test", "x");
    struct slice signature = slice_of(message.bytes, message.len);
    for (size_t i = 0; i < message.spki.len; i++) {
        message.spki_bytes[i] ^= (uint8_t)(1 << i % 8);
        assert_fails(signature_verify(message.spki, "test", slice_of_text("x"), signature, err), HISTORY);
        message.spki_bytes[i] ^= (uint8_t)(1 << i % 8);
    }
    EVP_PKEY *ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    assert_fails(signature_verify(spki_of(ed25519, foreign), "test", slice_of_text("x"), signature, err), HISTORY);
    assert_fails(signature_verify(slice_of(NULL, 0), "test", slice_of_text("x"), signature, err), HISTORY);
    EVP_PKEY_free(ed25519);
    device_key_free(message.key);
}

Test(signature, of_an_empty_message_is_possible)
{
    struct signed_message message;
    signed_init(&message, "test", "");
    assert_ok(signature_verify(message.spki, "test", slice_of(NULL, 0), slice_of(message.bytes, message.len), err));
    device_key_free(message.key);
}

Test(request, names_are_1_to_64_printable_characters)
{
    static const char *const refused[] = {
        "",         "two\nlines",   "\x7f",
        "\xc3\x28", "\xed\xa0\x80", "12345678901234567890123456789012345678901234567890123456789012345",
    };
    struct device_key *key;
    struct buf request;
    buf_init(&request, CERTIFICATE_DER_MAX);
    assert_ok(device_key_generate(&key, err));
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        assert_fails(device_key_request(key, refused[i], &request, err), INVALID);
        cr_assert_eq(request.len, 0);
    }
    char name[2 * 64 + 1] = "";
    for (int i = 0; i < 64; i++) {
        strcat(name, "\xc5\xb5"); /* w with a circumflex, as in Welsh */
    }
    assert_ok(device_key_request(key, name, &request, err));
    cr_assert_gt(request.len, 0);
    buf_fini(&request);
    device_key_free(key);
}
