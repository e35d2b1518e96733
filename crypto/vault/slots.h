/*
 * crypto/vault/slots - one slot of a keys file: made, put in, found by a secret, read. The format is drawn in keys.h.
 *
 * Making one takes the time of the key derivation and needs no keys; putting it in needs the vault key and no time.
 *
 * Layer:      crypto; no SQLite.
 */
#ifndef CRYPTO_VAULT_SLOTS_H
#define CRYPTO_VAULT_SLOTS_H

#include "crypto/vault/keys_image.h"

/* Everything of a slot but what the vault key is needed for. */
struct slot_made {
    uint8_t bytes[SLOT_BYTES];
    uint8_t envelope[ENVELOPE_BYTES];
    struct secret wrap; /* the key to put the vault key under */
};

/* ERR_INVALID: secret, label or certificate are not acceptable. */
MUST_USE enum err_code slot_check(const struct vault_slot_new *slot, struct error *err);

/* After slot_check. */
MUST_USE enum err_code slot_make(const struct vault_slot_new *slot, struct slot_made *ret_made, struct error *err);
void slot_made_free(struct slot_made *made); /* for SCOPED too */

/* As slot `index`, with this label (NULL: none). The image has still to be closed. */
MUST_USE enum err_code slot_put(struct keys *keys, size_t index, const struct slot_made *made, const char *label,
                                struct error *err);
void slot_clear(struct keys *keys, size_t index);

uint32_t slot_kind(const struct keys *keys, size_t index); /* 0: empty */

/* Is it the same slot, with the same secret, in both? */
bool slot_same(const struct keys *a, const struct keys *b, size_t index);

/* How many slots open the vault by themselves: all but escrows, and but kinds of a later version. */
size_t slots_usable(const struct keys *keys);

/* The slot that this secret opens. ERR_KEY: none. */
MUST_USE enum err_code slots_find(const struct keys *keys, const struct vault_unlock *unlock, size_t *ret_index,
                                  struct error *err);

/* Of unlocked keys and a slot that is not empty. */
MUST_USE enum err_code slot_describe(const struct keys *keys, size_t index, struct vault_slot *ret_slot,
                                     struct error *err);

/* Its bytes in the image; empty for other kinds. */
struct slice slot_envelope(const struct keys *keys, size_t index);

/* In a person's words: "passphrase", "key file", ... */
const char *slot_kind_words(enum vault_slot_kind kind);

#endif
