/* The answer to an enrolment: PKCS#7 in DER, or its base64. What is taken out can be put in and taken out again. */
#include "crypto/identity.h"

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
