/*
 * crypto/secret - key material: in locked memory that is never dumped, wiped when released.
 *
 * secret_init() sets OpenSSL's secure heap up once a process (SECRET_HEAP_BYTES between guard pages, locked, not
 * dumped) and turns core dumps off. Without enough RLIMIT_MEMLOCK it fails with ERR_CONFIG and says which limit to
 * raise. What OpenSSL makes of keys goes there too, within a key scope (crypto/key_memory.h).
 *
 * Ownership:  secret_new gives, secret_free wipes and releases; NULL is allowed.
 */
#ifndef CRYPTO_SECRET_H
#define CRYPTO_SECRET_H

#include "base/bytes.h"

#define SECRET_HEAP_BYTES (1024 * 1024)

struct secret {
    uint8_t *bytes; /* in the secure heap */
    size_t len;
};

MUST_USE enum err_code secret_init(struct error *err);

/* Zeroed; ERR_NO_MEMORY when the secure heap is full. `len` is 1 to 65536. */
MUST_USE enum err_code secret_new(size_t len, struct secret *ret_secret, struct error *err);
MUST_USE enum err_code secret_random(size_t len, struct secret *ret_secret, struct error *err);
MUST_USE enum err_code secret_copy(struct slice bytes, struct secret *ret_secret, struct error *err);
void secret_free(struct secret *secret); /* for SCOPED too */

/* Reads a file of 1 to `max` bytes straight into the secure heap (O_NOFOLLOW). A file others may read is refused. */
MUST_USE enum err_code secret_read_file(const char *path, size_t max, struct secret *ret_secret, struct error *err);

/* Wipes memory that held a secret for a moment. */
void secret_wipe(void *memory, size_t len);

/* Gives up what earlier calls left on this thread's stack below the caller's frame. */
void secret_drop_stack(void);

/* Constant time. */
bool secret_equal(struct slice a, struct slice b);

#endif
