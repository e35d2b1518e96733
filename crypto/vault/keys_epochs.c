#include <string.h>

#include "crypto/vault/kdf.h"
#include "crypto/vault/keys_image.h"
#include "crypto/vault/wrap.h"

/* Offsets in an epoch. */
enum { EPOCH_NUMBER = 0, EPOCH_STATE = 4, EPOCH_WRAPPED = 8, EPOCH_SEALED = 72 };

/* The highest number is never reached: a new epoch comes once in 2^31 pages, or when a person asks. */
enum { FIRST_EPOCH = 1, LAST_EPOCH = INT32_MAX };

static uint8_t *entry_at(struct keys *keys, size_t entry)
{
    CHECK(entry < KEYS_EPOCHS);
    return keys->image + AT_EPOCHS + entry * EPOCH_BYTES;
}

struct keys_epoch keys_epoch_at(const struct keys *keys, size_t entry)
{
    CHECK(entry < KEYS_EPOCHS);
    const uint8_t *epoch = keys->image + AT_EPOCHS + entry * EPOCH_BYTES;
    return (struct keys_epoch){ .number = get_be32(epoch + EPOCH_NUMBER),
                                .state = (enum keys_epoch_state)get_be32(epoch + EPOCH_STATE),
                                .sealed = get_be64(epoch + EPOCH_SEALED) };
}

/* The entry that seals. */
static size_t sealing_entry(const struct keys *keys)
{
    size_t entry = 0;
    while (keys_epoch_at(keys, entry).number == 0 || keys_epoch_at(keys, entry).state != KEYS_EPOCH_SEALS) {
        entry++;
    }
    return entry;
}

enum err_code keys_epochs_check(const struct keys *keys, struct error *err)
{
    uint32_t highest = 0;
    uint32_t seals = 0;
    for (size_t i = 0; i < KEYS_EPOCHS; i++) {
        struct keys_epoch epoch = keys_epoch_at(keys, i);
        if (epoch.number == 0) {
            continue;
        }
        if (epoch.state != KEYS_EPOCH_SEALS && epoch.state != KEYS_EPOCH_OPENS) {
            return FAIL(err, UNSUPPORTED, "read the data keys: epoch %u in state %u", epoch.number,
                        (unsigned)epoch.state);
        }
        for (size_t before = 0; before < i; before++) {
            if (keys_epoch_at(keys, before).number == epoch.number) {
                return FAIL(err, DAMAGED, "read the data keys: epoch %u is there twice", epoch.number);
            }
        }
        if (epoch.state == KEYS_EPOCH_SEALS && seals != 0) {
            return FAIL(err, DAMAGED, "read the data keys: epochs %u and %u both seal", seals, epoch.number);
        }
        seals = epoch.state == KEYS_EPOCH_SEALS ? epoch.number : seals;
        highest = epoch.number > highest ? epoch.number : highest;
    }
    return seals != 0 && seals == highest && highest <= LAST_EPOCH
               ? ERR_OK
               : FAIL(err, DAMAGED, "read the data keys: epoch %u seals, and %u is the newest", seals, highest);
}

static enum err_code entry_fill(struct keys *keys, size_t entry, uint32_t number, struct error *err)
{
    SCOPED(secret_free) struct secret data_key = { 0 };
    TRY(secret_random(KDF_KEY_BYTES, &data_key, err));
    uint8_t associated[KEYS_ASSOCIATED_BYTES];
    keys_associated(keys, number, 0, associated);
    uint8_t *epoch = entry_at(keys, entry);
    uint8_t wrapped[WRAP_BYTES];
    TRY(wrap_key(&keys->vault_key, slice_of(associated, sizeof(associated)), &data_key, wrapped, err));
    memset(epoch, 0, EPOCH_BYTES);
    memcpy(epoch + EPOCH_WRAPPED, wrapped, sizeof(wrapped));
    put_be32(epoch + EPOCH_NUMBER, number);
    put_be32(epoch + EPOCH_STATE, KEYS_EPOCH_SEALS);
    return ERR_OK;
}

enum err_code keys_epochs_make(struct keys *keys, struct error *err)
{
    return entry_fill(keys, 0, FIRST_EPOCH, err);
}

enum err_code keys_epoch_data_key(const struct keys *keys, size_t entry, struct secret *ret_key, struct error *err)
{
    CHECK(keys->vault_key.bytes != NULL);
    struct keys_epoch epoch = keys_epoch_at(keys, entry);
    CHECK(epoch.number != 0);
    uint8_t associated[KEYS_ASSOCIATED_BYTES];
    keys_associated(keys, epoch.number, 0, associated);
    enum err_code rc = unwrap_key(&keys->vault_key, slice_of(associated, sizeof(associated)),
                                  keys->image + AT_EPOCHS + entry * EPOCH_BYTES + EPOCH_WRAPPED, ret_key, err);
    return rc == ERR_OK ? ERR_OK : error_wrap(err, rc, "open the data key of epoch %u", epoch.number);
}

enum err_code keys_epoch_begin(struct keys *keys, struct error *err)
{
    CHECK(keys->vault_key.bytes != NULL);
    size_t entry = 0;
    while (entry < KEYS_EPOCHS && keys_epoch_at(keys, entry).number != 0) {
        entry++;
    }
    size_t old = sealing_entry(keys);
    uint32_t number = keys_epoch_at(keys, old).number + 1;
    if (entry == KEYS_EPOCHS || number > LAST_EPOCH) {
        return FAIL(err, LIMIT, "begin a key epoch: %d are in use; let the re-key that is under way finish",
                    KEYS_EPOCHS);
    }
    TRY(entry_fill(keys, entry, number, err));
    put_be32(entry_at(keys, old) + EPOCH_STATE, KEYS_EPOCH_OPENS);
    return keys_image_close(keys, err);
}

enum err_code keys_epoch_account(struct keys *keys, uint64_t sealed, struct error *err)
{
    put_be64(entry_at(keys, sealing_entry(keys)) + EPOCH_SEALED, sealed);
    return keys_image_close(keys, err);
}

enum err_code keys_epochs_retire(struct keys *keys, uint32_t oldest_kept, struct error *err)
{
    CHECK(oldest_kept <= keys_epoch_at(keys, sealing_entry(keys)).number);
    for (size_t i = 0; i < KEYS_EPOCHS; i++) {
        if (keys_epoch_at(keys, i).number < oldest_kept) {
            memset(entry_at(keys, i), 0, EPOCH_BYTES);
        }
    }
    return keys_image_close(keys, err);
}
