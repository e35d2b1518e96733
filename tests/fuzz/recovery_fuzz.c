/* Words as somebody types them: what is taken for a recovery key gives its own words back, which give the key again. */
#include <string.h>

#include "crypto/escrow.h"
#include "crypto/recovery.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err;
    SCOPED(secret_free) struct secret key = { 0 };
    SCOPED(secret_free) struct secret text = { 0 };
    SCOPED(secret_free) struct secret again = { 0 };
    SCOPED(secret_free) struct secret escrow = { 0 };
    CHECK(secret_init(&err) == ERR_OK);
    enum err_code rc = escrow_parse(slice_of(data, size), &escrow, &err);
    CHECK(rc == ERR_OK ? escrow.len == ESCROW_SECRET_BYTES : rc == ERR_INVALID);
    rc = recovery_parse(slice_of(data, size), &key, &err);
    if (rc != ERR_OK) {
        CHECK(rc == ERR_INVALID && err.message[0] != '\0');
        return 0;
    }
    CHECK(recovery_format(key.bytes, &text, &err) == ERR_OK);
    CHECK(recovery_parse(slice_of(text.bytes, text.len), &again, &err) == ERR_OK);
    CHECK(memcmp(again.bytes, key.bytes, RECOVERY_KEY_BYTES) == 0);
    return 0;
}
