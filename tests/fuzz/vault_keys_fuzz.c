/*
 * The keys file of the vault: as it is, and with its checksum made to fit, which anybody can do. Whatever then unlocks
 * keeps the promises of keys.h.
 */
#include <string.h>

#include "crypto/digest.h"
#include "crypto/vault/slots.h"

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
    for (size_t i = 0; i < KEYS_SLOTS; i++) {
        struct vault_slot about;
        if (slot_kind(&keys, i) != 0 && slot_describe(&keys, i, &about, &err) == ERR_OK) {
            CHECK(memchr(about.label, '\0', sizeof(about.label)) != NULL);
        }
        CHECK(slot_envelope(&keys, i).len <= VAULT_ENVELOPE_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err;
    CHECK(secret_init(&err) == ERR_OK);
    try_unlock(slice_of(data, size));
    if (size == KEYS_FILE_BYTES || size == KEYS_FILE_V1_BYTES) {
        uint8_t summed[KEYS_FILE_BYTES];
        struct slice before = slice_of(summed, size - SHA256_BYTES);
        memcpy(summed, data, size);
        sha256(&before, 1, summed + size - SHA256_BYTES);
        try_unlock(slice_of(summed, size));
    }
    return 0;
}
