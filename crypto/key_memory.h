/*
 * crypto/key_memory - what OpenSSL makes of keys lies in key memory too.
 *
 * A cipher's context, an expanded key and a private key's numbers are in memory that OpenSSL takes for itself. This
 * module is OpenSSL's allocator; where the memory comes from depends on the calling thread:
 *
 *     in a key scope, up to KEY_BLOCK_MAX     the secure heap: locked, not dumped
 *     in a key scope, larger (scrypt's work)  a mapping of its own: not dumped, empty in a child process
 *     otherwise                               malloc
 *
 * Memory is released by its address, whatever scope is open then, and wiped when it was of the first two kinds. A scope
 * whose heap is full gets no memory: never ordinary memory instead.
 *
 * OpenSSL takes an allocator only before it has allocated anything, so it is set before main(). Where something else
 * was faster, key_memory_init() refuses.
 *
 * What OpenSSL fetches once a process (algorithms, tables) should be fetched outside a scope: it would stay in the
 * heap.
 *
 * Threads: any.
 */
#ifndef CRYPTO_KEY_MEMORY_H
#define CRYPTO_KEY_MEMORY_H

#include <stdbool.h>

#include "base/error.h"

#define KEY_BLOCK_MAX ((size_t)64 * 1024)

/* Called by secret_init() once the secure heap is there. ERR_CONFIG: OpenSSL has another allocator. */
MUST_USE enum err_code key_memory_init(size_t heap_bytes, struct error *err);

/* SCOPED(key_scope_leave) struct key_scope scope = key_scope_enter(); they nest. */
struct key_scope {
    int depth;
};

struct key_scope key_scope_enter(void);
void key_scope_leave(const struct key_scope *scope);

/* Does it lie in the secure heap or in a scope's own mapping? */
bool key_memory_holds(const void *memory);

/* For tests: asked before each allocation of OpenSSL's, true lets it fail. NULL: none fails. */
void key_memory_test_fail(bool (*fails_now)(void));

#endif
