/*
 * crypto/vault/nonce - random 96-bit nonces out of a buffer.
 *
 * One request to OpenSSL serves NONCE_BATCH pages: asking for each costs more than sealing the page. A child process
 * never uses what its parent had in the buffer.
 *
 * Threads: one at a time for each struct nonce_source.
 */
#ifndef CRYPTO_VAULT_NONCE_H
#define CRYPTO_VAULT_NONCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define NONCE_BYTES 12
#define NONCE_BATCH 80

struct nonce_source {
    uint8_t bytes[NONCE_BYTES * NONCE_BATCH];
    unsigned left;
    unsigned process; /* which process, counted in forks, filled the buffer */
};

/* Will the next one need a new buffer? Who counts nonces counts NONCE_BATCH then. */
bool nonce_source_spent(const struct nonce_source *source);

/* A zeroed source is ready. */
MUST_USE enum err_code nonce_next(struct nonce_source *source, uint8_t out[NONCE_BYTES], struct error *err);

#endif
