/*
 * The keys file of the vault: as it is, and with its checksum made to fit, which anybody can do. Whatever then unlocks
 * keeps the promises of keys.h.
 */
#include <string.h>

#include "crypto/digest.h"
#include "crypto/vault/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The seeds are keys files of this key. No passphrase is tried: the time of scrypt would be all that is measured. */
static const uint8_t KEY[VAULT_KEY_FILE_BYTES] = "a key of thirty-two bytes, fixed";

static void try_unlock(struct slice file)
{
    static const struct vault_unlock UNLOCK = { VAULT_SLOT_KEY_FILE, KEY, sizeof(KEY) };
    struct error err;
    SCOPED(keys_fini) struct keys keys = { 0 };
    if (keys_parse(file, &keys, &err) != ERR_OK || keys_unlock(&keys, &UNLOCK, &err) != ERR_OK) {
        return;
    }
    SCOPED(secret_free) struct secret key = { 0 };
    CHECK(keys_vault_derive(&keys, "fuzz", 32, &key, &err) == ERR_OK);
    for (size_t i = 0; i < KEYS_EPOCHS; i++) {
        if (keys_epoch_at(&keys, i).number != 0) {
            SCOPED(secret_free) struct secret data_key = { 0 };
            CHECK(keys_epoch_data_key(&keys, i, &data_key, &err) == ERR_OK);
        }
    }
    enum err_code rc = keys_remove_slot(&keys, &UNLOCK, &err);
    CHECK(rc == ERR_OK || rc == ERR_REFUSED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err;
    CHECK(secret_init(&err) == ERR_OK);
    try_unlock(slice_of(data, size));
    if (size == KEYS_FILE_BYTES) {
        uint8_t summed[KEYS_FILE_BYTES];
        struct slice before = slice_of(summed, KEYS_FILE_BYTES - SHA256_BYTES);
        memcpy(summed, data, sizeof(summed));
        sha256(&before, 1, summed + KEYS_FILE_BYTES - SHA256_BYTES);
        try_unlock(slice_of(summed, sizeof(summed)));
    }
    return 0;
}
