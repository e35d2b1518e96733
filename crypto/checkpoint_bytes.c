/*
 * What travels of a checkpoint. Apart from what signs it, so that reading a message needs no keys.
 */
#include <string.h>

#include "base/bytes.h"
#include "crypto/checkpoint.h"

void checkpoint_encode(const struct checkpoint *checkpoint, uint8_t out[CHECKPOINT_BYTES])
{
    put_be64(out, checkpoint->size);
    memcpy(out + 8, checkpoint->root.bytes, MERKLE_HASH_BYTES);
    memcpy(out + 8 + MERKLE_HASH_BYTES, checkpoint->signature, CHECKPOINT_SIGNATURE_BYTES);
}

enum err_code checkpoint_decode(struct slice bytes, struct checkpoint *ret_checkpoint, struct error *err)
{
    if (bytes.len != CHECKPOINT_BYTES || get_be64(bytes.data) > MERKLE_SIZE_MAX) {
        return FAIL(err, PROTOCOL, "read a checkpoint of %zu bytes: expected %d and a size below 2^63", bytes.len,
                    CHECKPOINT_BYTES);
    }
    struct checkpoint read = { .size = get_be64(bytes.data) };
    memcpy(read.root.bytes, bytes.data + 8, MERKLE_HASH_BYTES);
    memcpy(read.signature, bytes.data + 8 + MERKLE_HASH_BYTES, CHECKPOINT_SIGNATURE_BYTES);
    *ret_checkpoint = read;
    return ERR_OK;
}
