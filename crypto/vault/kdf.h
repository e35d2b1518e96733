/*
 * crypto/vault/kdf - keys from keys (HKDF, RFC 5869) and from passphrases (scrypt, RFC 7914).
 */
#ifndef CRYPTO_VAULT_KDF_H
#define CRYPTO_VAULT_KDF_H

#include "crypto/secret.h"

#define KDF_KEY_BYTES 32

struct scrypt_cost {
    uint32_t log2n;
    uint32_t r;
    uint32_t p;
};

/* HKDF-SHA256; `purpose` is the info. `len` up to 255 * 32. */
MUST_USE enum err_code kdf_expand(struct slice key, struct slice salt, const char *purpose, size_t len,
                                  struct secret *ret_key, struct error *err);

/*
 * What a keys file may ask of this machine: N from 2^10 to 2^20, r 1 to 16, p 1 to 4, memory at most 1 GiB. ERR_DAMAGED
 * beyond that: nothing of ours writes it.
 */
MUST_USE enum err_code kdf_scrypt_check(const struct scrypt_cost *cost, struct error *err);

/* KDF_KEY_BYTES from a passphrase, after kdf_scrypt_check. */
MUST_USE enum err_code kdf_scrypt(struct slice passphrase, struct slice salt, const struct scrypt_cost *cost,
                                  struct secret *ret_key, struct error *err);

#endif
