/*
 * crypto/digest - SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104) over slices, quick also for a few bytes.
 *
 * Threads: any; each keeps one context ready.
 */
#ifndef CRYPTO_DIGEST_H
#define CRYPTO_DIGEST_H

#include "base/bytes.h"

#define SHA256_BYTES 32

/* SHA-256 of the `count` parts one behind the other. A failure of the library ends the process: nothing can go on. */
void sha256(const struct slice *parts, size_t count, uint8_t out[SHA256_BYTES]);

void hmac_sha256(struct slice key, struct slice message, uint8_t out[SHA256_BYTES]);

/* Random bytes that need not be secret (nonces, ids, salts). */
MUST_USE enum err_code random_bytes(uint8_t *out, size_t len, struct error *err);

#endif
