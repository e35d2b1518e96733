#include "crypto/key_memory.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/sanitized.h"

#if UNDER_ADDRESS_SANITIZER
#include <sanitizer/lsan_interface.h>
#endif

enum { MAPPINGS_MAX = 8 };

static _Thread_local int scope_depth;
static bool (*fails_now)(void);

/* The secure heap, once it is there. */
static atomic_uintptr_t heap_from;
static size_t heap_bytes;

struct key_scope key_scope_enter(void)
{
    return (struct key_scope){ .depth = scope_depth++ };
}

void key_scope_leave(const struct key_scope *scope)
{
    CHECK(scope_depth == scope->depth + 1);
    scope_depth = scope->depth;
}

static bool in_heap(const void *memory)
{
    uintptr_t from = atomic_load_explicit(&heap_from, memory_order_acquire);
    return from != 0 && (uintptr_t)memory - from < heap_bytes;
}

/* Mappings
 * --------------------------------------------------------------------------------------------------------------- */

static struct mapping {
    void *at;
    size_t size;
} mappings[MAPPINGS_MAX];
static atomic_int mapping_count;
static pthread_mutex_t mappings_lock = PTHREAD_MUTEX_INITIALIZER;

static bool mapping_note(void *at, size_t size)
{
    bool noted = false;
    pthread_mutex_lock(&mappings_lock);
    for (size_t i = 0; i < MAPPINGS_MAX && !noted; i++) {
        if (mappings[i].at == NULL) {
            mappings[i] = (struct mapping){ .at = at, .size = size };
            atomic_fetch_add(&mapping_count, 1);
            noted = true;
        }
    }
    pthread_mutex_unlock(&mappings_lock);
    return noted;
}

/* Its size, or 0 when there is none at this address; `forget`: it is no longer counted. */
static size_t mapping_size(const void *at, bool forget)
{
    if (atomic_load(&mapping_count) == 0) {
        return 0;
    }
    size_t size = 0;
    pthread_mutex_lock(&mappings_lock);
    for (size_t i = 0; i < MAPPINGS_MAX && size == 0; i++) {
        if (at != NULL && mappings[i].at == at) {
            size = mappings[i].size;
            if (forget) {
                mappings[i] = (struct mapping){ 0 };
                atomic_fetch_sub(&mapping_count, 1);
            }
        }
    }
    pthread_mutex_unlock(&mappings_lock);
    return size;
}

static void *mapping_new(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) {
        return NULL;
    }
    if (madvise(at, size, MADV_DONTDUMP) != 0 || madvise(at, size, MADV_WIPEONFORK) != 0 || !mapping_note(at, size)) {
        (void)munmap(at, size);
        return NULL;
    }
    return at;
}

bool key_memory_holds(const void *memory)
{
    return in_heap(memory) || mapping_size(memory, false) != 0;
}

/* The allocator
 * --------------------------------------------------------------------------------------------------------------- */

static void *key_new(size_t size, const char *file, int line)
{
    return size > KEY_BLOCK_MAX ? mapping_new(size) : CRYPTO_secure_malloc(size, file, line);
}

static void *allocate(size_t size, const char *file, int line)
{
    if (size == 0 || (fails_now != NULL && fails_now())) {
        return NULL;
    }
    return scope_depth > 0 && atomic_load(&heap_from) != 0 ? key_new(size, file, line) : malloc(size);
}

static void release(void *memory, const char *file, int line)
{
    if (in_heap(memory)) {
        CRYPTO_secure_free(memory, file, line); /* wipes */
        return;
    }
    size_t mapped = mapping_size(memory, true);
    if (mapped != 0) {
        (void)munmap(memory, mapped);
        return;
    }
    free(memory);
}

/* Key memory stays key memory; ordinary memory becomes key memory in a scope. */
static void *reallocate(void *memory, size_t size, const char *file, int line)
{
    if (memory == NULL) {
        return allocate(size, file, line);
    }
    if (size == 0) {
        release(memory, file, line);
        return NULL;
    }
    size_t mapped = mapping_size(memory, false);
    bool key = in_heap(memory) || mapped != 0;
    if (!key && scope_depth == 0) {
        return fails_now != NULL && fails_now() ? NULL : realloc(memory, size);
    }
    size_t had = mapped != 0 ? mapped : key ? CRYPTO_secure_actual_size(memory) : malloc_usable_size(memory);
    void *made = fails_now != NULL && fails_now() ? NULL : key_new(size, file, line);
    if (made != NULL) {
        memcpy(made, memory, had < size ? had : size);
        if (!key) {
            OPENSSL_cleanse(memory, had);
        }
        release(memory, file, line);
    }
    return made;
}

__attribute__((constructor(101))) static void set_allocator(void)
{
    (void)CRYPTO_set_mem_functions(allocate, reallocate, release);
}

void key_memory_test_fail(bool (*fails)(void))
{
    fails_now = fails;
}

/* Taking and releasing the whole heap wiped all of it; its first page holds OpenSSL's list. Older kernels than 5.18
 * do not know this, and then it stays resident. */
static void give_back_untouched(uint8_t *heap, size_t bytes)
{
#ifdef MADV_DONTNEED_LOCKED
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    (void)madvise(heap + page, bytes - page, MADV_DONTNEED_LOCKED);
#endif
}

enum err_code key_memory_init(size_t bytes, struct error *err)
{
    CRYPTO_malloc_fn in_use;
    CRYPTO_get_mem_functions(&in_use, NULL, NULL);
    if (in_use != allocate) {
        return FAIL(err, CONFIG, "keep keys out of ordinary memory: OpenSSL was used before this program began");
    }
    /* all of it in one block: where it begins */
    void *heap = OPENSSL_secure_malloc(bytes);
    if (heap == NULL || madvise(heap, bytes, MADV_DONTDUMP) != 0) { /* OpenSSL asks for it, and does not look */
        OPENSSL_secure_free(heap);
        return FAIL(err, NO_MEMORY, "set up %zu KiB of key memory", bytes / 1024);
    }
    OPENSSL_secure_free(heap);
    give_back_untouched(heap, bytes);
#if UNDER_ADDRESS_SANITIZER
    __lsan_register_root_region(heap, bytes); /* what is pointed to from here only is not lost */
#endif
    heap_bytes = bytes;
    atomic_store_explicit(&heap_from, (uintptr_t)heap, memory_order_release);
    return ERR_OK;
}
