/* A checkpoint's note and its bytes from a hostile centre: what is taken is signed by the key and written the same. */
#include "crypto/checkpoint.h"

#include <string.h>

static const char ORIGIN[] = "holdfast.invalid/stream/00112233445566778899aabbccddeeff";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err;
    uint8_t seed[CHECKPOINT_KEY_BYTES];
    uint8_t public_key[CHECKPOINT_KEY_BYTES];
    CHECK(secret_init(&err) == ERR_OK);
    CHECK(hex_decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", seed, sizeof(seed)));
    SCOPED(secret_free) struct secret key = { 0 };
    CHECK(secret_copy(slice_of(seed, sizeof(seed)), &key, &err) == ERR_OK);
    CHECK(checkpoint_key_public(&key, public_key, &err) == ERR_OK);
    struct checkpoint read;
    if (checkpoint_note_read(slice_of(data, size), ORIGIN, public_key, &read, &err) == ERR_OK) {
        CHECK(read.size <= MERKLE_SIZE_MAX);
    }
    if (checkpoint_decode(slice_of(data, size), &read, &err) == ERR_OK) {
        uint8_t again[CHECKPOINT_BYTES];
        checkpoint_encode(&read, again);
        CHECK(size == sizeof(again) && memcmp(again, data, size) == 0);
    }
    return 0;
}
