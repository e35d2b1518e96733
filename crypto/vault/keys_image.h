/*
 * crypto/vault/keys_image - what the files that read and write the image of a keys file share: keys.c the whole,
 * slots.c the slots, keys_epochs.c the data keys of the epochs.
 *
 * The format is drawn in keys.h.
 */
#ifndef CRYPTO_VAULT_KEYS_IMAGE_H
#define CRYPTO_VAULT_KEYS_IMAGE_H

#include "crypto/vault/keys.h"

/* Offsets in the file. */
enum {
    AT_VERSION = 8,
    AT_LENGTH = 12,
    AT_FILE_ID = 16,
    AT_GENERATION = 32,
    AT_FLAGS = 40,
    AT_PAGE_SIZE = 44,
    AT_SUITE = 48,
    AT_SLOTS = 64,
    AT_EPOCHS = 4160,
    AT_ENVELOPES = 5056,
    AT_MAC = 17344,
    AT_CHECKSUM = 17376,
    AT_MAC_V1 = 5056,
    AT_CHECKSUM_V1 = 5088,
    SLOT_BYTES = 512,
    EPOCH_BYTES = 96,
    EPOCHS = 8,
    ENVELOPE_BYTES = 1536
};

/* Associated data of every wrapped key: file id, number of the slot or epoch, kind of the slot or 0. */
enum { KEYS_ASSOCIATED_BYTES = KEYS_FILE_ID_BYTES + 8 };
void keys_associated(const struct keys *keys, size_t number, uint32_t kind, uint8_t out[KEYS_ASSOCIATED_BYTES]);

struct slice keys_file_id_slice(const struct keys *keys);

/* Counts the write, authenticates and sums the image: the last step of every change. */
MUST_USE enum err_code keys_image_close(struct keys *keys, struct error *err);

/* Before anything is taken from slots of a stranger's file: known derivations, costs within bounds. */
MUST_USE enum err_code slots_check(const struct keys *keys, struct error *err);

/* One epoch seals, it has the highest number, no number is there twice. */
MUST_USE enum err_code keys_epochs_check(const struct keys *keys, struct error *err);

/* The first epoch of new keys. */
MUST_USE enum err_code keys_epochs_make(struct keys *keys, struct error *err);

/* A secret that can be one of its kind; ERR_INVALID, ERR_UNSUPPORTED. */
MUST_USE enum err_code slots_check_secret(const struct vault_unlock *unlock, struct error *err);

/* Slot `number` made new: the vault key under this secret. */
MUST_USE enum err_code slots_fill(struct keys *keys, size_t number, const struct vault_unlock *unlock,
                                  struct error *err);

/* The vault key out of the slot that takes this secret. ERR_KEY: none does. ERR_DAMAGED: one does, and does not open.
 */
MUST_USE enum err_code slots_open(const struct keys *keys, const struct vault_unlock *unlock,
                                  struct secret *ret_vault_key, struct error *err);

#endif
