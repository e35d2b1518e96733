/*
 * The answer to an enrolment, and to the question for authorities: PKCS#7 in DER, or its base64. What is taken out can
 * be put in and taken out again; a list leads nobody who trusts another authority anywhere.
 */
#include "crypto/identity.h"

static void authorities(struct slice der)
{
    static struct authority *trusted;
    struct buf list;
    struct buf known;
    buf_init(&list, AUTHORITIES_DER_MAX);
    buf_init(&known, AUTHORITIES_DER_MAX);
    if (trusted == NULL) {
        CHECK(authority_new("Fuzzed centre", INT64_C(1398672000000), &trusted, NULL) == ERR_OK);
    }
    if (pkcs7_all(der, &list, NULL) == ERR_OK) {
        struct slice first = authorities_present(buf_slice(&list));
        CHECK(first.len > 0);
        CHECK(authorities_follow(buf_slice(&list), authority_certificate(trusted), 0, &known, NULL) != ERR_OK);
        (void)!authorities_follow(buf_slice(&list), first, INT64_C(1398672000000), &known, NULL);
    }
    buf_fini(&list);
    buf_fini(&known);
}

static void message(struct slice der)
{
    struct error err;
    struct buf first;
    struct buf again;
    struct buf second;
    buf_init(&first, CERTIFICATE_DER_MAX);
    buf_init(&again, (size_t)2 * CERTIFICATE_DER_MAX);
    buf_init(&second, CERTIFICATE_DER_MAX);
    struct slice one;
    authorities(der);
    if (pkcs7_first(der, &first, &err) != ERR_OK) {
        CHECK(first.len == 0);
    } else if (one = buf_slice(&first), pkcs7_make(&one, 1, &again, &err) == ERR_OK) {
        CHECK(pkcs7_first(buf_slice(&again), &second, &err) == ERR_OK);
        CHECK(slice_equal(buf_slice(&second), one));
    }
    buf_fini(&first);
    buf_fini(&again);
    buf_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err;
    struct buf plain;
    struct buf text;
    buf_init(&plain, size + 1);
    buf_init(&text, 2 * size + 8);
    message(slice_of(data, size));
    if (base64_decode(slice_of(data, size), &plain, &err) == ERR_OK) {
        message(buf_slice(&plain));
        size_t len = plain.len;
        CHECK(base64_encode(buf_slice(&plain), &text, &err) == ERR_OK);
        buf_clear(&plain);
        CHECK(base64_decode(buf_slice(&text), &plain, &err) == ERR_OK && plain.len == len);
    }
    buf_fini(&plain);
    buf_fini(&text);
    return 0;
}
