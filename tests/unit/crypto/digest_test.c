#include <pthread.h>
#include <string.h>

#include "fixture.h"

static void assert_hex(const uint8_t digest[SHA256_BYTES], const char *expected)
{
    char text[2 * SHA256_BYTES + 1];
    hex_encode(digest, SHA256_BYTES, text);
    cr_assert_str_eq(text, expected);
}

/* FIPS 180-2, appendix B, and the empty message. */
Test(sha256, gives_the_published_digests)
{
    static const struct {
        const char *message;
        const char *digest;
    } published[] = {
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    };
    uint8_t digest[SHA256_BYTES];
    for (size_t i = 0; i < ARRAY_LEN(published); i++) {
        sha256(&(struct slice){ (const uint8_t *)published[i].message, strlen(published[i].message) }, 1, digest);
        assert_hex(digest, published[i].digest);
    }
}

Test(sha256, gives_the_published_digest_of_a_million_letters_in_parts)
{
    uint8_t letters[1000];
    struct slice parts[1000];
    uint8_t digest[SHA256_BYTES];
    memset(letters, 'a', sizeof(letters));
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        parts[i] = slice_of(letters, sizeof(letters));
    }
    sha256(parts, ARRAY_LEN(parts), digest);
    assert_hex(digest, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

Test(sha256, of_no_parts_is_that_of_the_empty_message)
{
    uint8_t digest[SHA256_BYTES];
    sha256(NULL, 0, digest);
    assert_hex(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void *digest_many(void *out)
{
    uint8_t *digest = out;
    for (int i = 0; i < 2000; i++) {
        sha256(&(struct slice){ digest, SHA256_BYTES }, 1, digest);
    }
    return NULL;
}

Test(sha256, threads_do_not_disturb_each_other)
{
    pthread_t threads[4];
    uint8_t chains[4][SHA256_BYTES] = { { 0 } };
    uint8_t alone[SHA256_BYTES] = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, digest_many, chains[i]), 0);
    }
    digest_many(alone);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
        cr_assert_arr_eq(chains[i], alone, SHA256_BYTES);
    }
}

static void assert_hmac(struct slice key, struct slice message, const char *expected)
{
    uint8_t mac[SHA256_BYTES];
    hmac_sha256(key, message, mac);
    assert_hex(mac, expected);
}

/* RFC 4231, cases 1 to 4, 6 and 7 (case 5 is about truncation). */
Test(hmac_sha256, gives_the_codes_of_rfc_4231)
{
    uint8_t key[131];
    uint8_t message[50];
    memset(key, 0x0b, 20);
    assert_hmac(slice_of(key, 20), slice_of_text("Hi There"),
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    assert_hmac(slice_of_text("Jefe"), slice_of_text("what do ya want for nothing?"),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    memset(message, 0xdd, sizeof(message));
    assert_hmac(slice_of(key, 20), slice_of(message, sizeof(message)),
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    for (uint8_t i = 0; i < 25; i++) {
        key[i] = (uint8_t)(i + 1);
    }
    memset(message, 0xcd, sizeof(message));
    assert_hmac(slice_of(key, 25), slice_of(message, sizeof(message)),
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
    memset(key, 0xaa, sizeof(key));
    assert_hmac(slice_of(key, sizeof(key)), slice_of_text("Test Using Larger Than Block-Size Key - Hash Key First"),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    assert_hmac(slice_of(key, sizeof(key)),
                slice_of_text("This is a test using a larger than block-size key and a larger than block-size data. "
                              "The key needs to be hashed before being used by the HMAC algorithm."),
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

Test(hmac_sha256, an_empty_key_is_a_key_of_zeros)
{
    uint8_t empty[SHA256_BYTES];
    uint8_t zeros[SHA256_BYTES];
    uint8_t key[64] = { 0 };
    hmac_sha256(slice_of(NULL, 0), slice_of_text("message"), empty);
    hmac_sha256(slice_of(key, sizeof(key)), slice_of_text("message"), zeros);
    cr_assert_arr_eq(empty, zeros, SHA256_BYTES);
}

Test(random_bytes, does_not_repeat_itself)
{
    uint8_t first[32];
    uint8_t second[32];
    assert_ok(random_bytes(first, sizeof(first), err));
    assert_ok(random_bytes(second, sizeof(second), err));
    cr_assert_arr_neq(first, second, sizeof(first));
}
