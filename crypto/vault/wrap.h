/*
 * crypto/vault/wrap - a 32-byte key under another key: AES-256-GCM, random nonce.
 *
 *     0  12  nonce
 *    12  32  the key, encrypted
 *    44  16  tag
 */
#ifndef CRYPTO_VAULT_WRAP_H
#define CRYPTO_VAULT_WRAP_H

#include "crypto/secret.h"

#define WRAP_BYTES 60

MUST_USE enum err_code wrap_key(const struct secret *under, struct slice associated, const struct secret *key,
                                uint8_t out[WRAP_BYTES], struct error *err);

/* ERR_DAMAGED when it does not authenticate. */
MUST_USE enum err_code unwrap_key(const struct secret *under, struct slice associated, const uint8_t in[WRAP_BYTES],
                                  struct secret *ret_key, struct error *err);

#endif
