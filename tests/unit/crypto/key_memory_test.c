/* Where OpenSSL's allocations lie. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "crypto/key_memory.h"
#include "fixture.h"

static void setup(void)
{
    assert_ok(secret_init(err));
}

TestSuite(key_memory, .init = setup);

/* What the kernel says under `key` of the mapping that holds the address; "" when there is none. */
static void mapping_says(const void *memory, const char *key, char out[256])
{
    char line[512];
    bool here = false;
    size_t len = strlen(key);
    FILE *maps = fopen("/proc/self/smaps", "re");
    cr_assert_not_null(maps);
    out[0] = '\0';
    while (fgets(line, sizeof(line), maps) != NULL) {
        uintptr_t from;
        uintptr_t to;
        if (strncmp(line, key, len) == 0) {
            if (here) {
                (void)snprintf(out, 256, "%.255s", line + len);
                break;
            }
        } else if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
            here = (uintptr_t)memory >= from && (uintptr_t)memory < to;
        }
    }
    (void)fclose(maps);
}

/* "lo", "dd", ... */
static void flags_of(const void *memory, char out[256])
{
    mapping_says(memory, "VmFlags:", out);
}

Test(key_memory, of_a_scope_is_locked_and_not_dumped)
{
    char flags[256];
    SCOPED(key_scope_leave) struct key_scope scope = key_scope_enter();
    void *memory = OPENSSL_malloc(1000);
    flags_of(memory, flags);
    cr_assert_not_null(strstr(flags, " lo"), "%s", flags);
    cr_assert_not_null(strstr(flags, " dd"), "%s", flags);
    OPENSSL_free(memory);
}

Test(key_memory, takes_a_page_when_something_lies_in_it)
{
#ifdef MADV_DONTNEED_LOCKED
    char resident[256];
    void *probe = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(probe, MAP_FAILED);
    if (madvise(probe, 4096, MADV_DONTNEED_LOCKED) != 0) {
        cr_skip_test("needs Linux 5.18");
    }
    uint8_t *memory = OPENSSL_secure_malloc(100000);
    memset(memory, 0x5a, 100000);
    mapping_says(memory, "Rss:", resident);
    cr_assert_geq(strtoul(resident, NULL, 10), 100000 / 1024, "%s", resident);
    cr_assert_leq(strtoul(resident, NULL, 10), SECRET_HEAP_BYTES / 1024 / 4, "%s", resident);
    OPENSSL_secure_free(memory);
#else
    cr_skip_test("needs a C library that knows Linux 5.18");
#endif
}

Test(key_memory, outside_of_a_scope_is_ordinary)
{
    struct key_scope outer = key_scope_enter();
    struct key_scope inner = key_scope_enter();
    key_scope_leave(&inner);
    void *within = OPENSSL_malloc(100);
    key_scope_leave(&outer);
    void *outside = OPENSSL_malloc(100);
    cr_assert(key_memory_holds(within));
    cr_assert_not(key_memory_holds(outside));
    OPENSSL_free(within);
    OPENSSL_free(outside);
}

static void *allocate_elsewhere(void *unused)
{
    (void)unused;
    return OPENSSL_malloc(100);
}

Test(key_memory, scope_is_of_its_thread_alone)
{
    pthread_t thread;
    void *memory = NULL;
    SCOPED(key_scope_leave) struct key_scope scope = key_scope_enter();
    cr_assert_eq(pthread_create(&thread, NULL, allocate_elsewhere, NULL), 0);
    cr_assert_eq(pthread_join(thread, &memory), 0);
    cr_assert_not(key_memory_holds(memory));
    OPENSSL_free(memory);
}

Test(key_memory, of_a_large_block_is_a_mapping_that_is_not_dumped_and_empty_in_a_child)
{
    char flags[256];
    struct key_scope scope = key_scope_enter();
    void *memory = OPENSSL_malloc(8 * 1024 * 1024);
    void *larger = OPENSSL_realloc(memory, 9 * 1024 * 1024);
    key_scope_leave(&scope);
    flags_of(larger, flags);
    cr_assert(key_memory_holds(larger));
    cr_assert_not_null(strstr(flags, " dd"), "%s", flags);
    cr_assert_not_null(strstr(flags, " wf"), "%s", flags);
    OPENSSL_free(larger);
    cr_assert_not(key_memory_holds(larger));
}

Test(key_memory, released_in_a_scope_is_wiped_and_so_is_what_moves_into_it)
{
    uint8_t *ordinary = OPENSSL_malloc(300);
    memset(ordinary, 0x5a, 300);
    struct key_scope scope = key_scope_enter();
    uint8_t *moved = OPENSSL_realloc(ordinary, 600);
    key_scope_leave(&scope);
    cr_assert(key_memory_holds(moved));
    cr_assert_eq(moved[299], 0x5a);
    uint8_t *larger = OPENSSL_realloc(moved, 5000);
    cr_assert(key_memory_holds(larger), "key memory stays key memory");
    volatile const uint8_t *after = larger;
    OPENSSL_free(larger);
    for (size_t i = 64; i < 300; i++) { /* the heap's own list is at the front */
        cr_assert_eq(after[i], 0);
    }
}

Test(key_memory, that_is_full_gives_nothing_rather_than_ordinary_memory)
{
    static void *blocks[SECRET_HEAP_BYTES / KEY_BLOCK_MAX + 1];
    size_t count = 0;
    struct key_scope scope = key_scope_enter();
    while (count < ARRAY_LEN(blocks) && (blocks[count] = OPENSSL_malloc(KEY_BLOCK_MAX)) != NULL) {
        cr_assert(key_memory_holds(blocks[count]));
        count++;
    }
    key_scope_leave(&scope);
    cr_assert_lt(count, ARRAY_LEN(blocks));
    while (count > 0) {
        OPENSSL_free(blocks[--count]);
    }
}

Test(key_memory, holds_a_ciphers_context_that_was_made_in_a_scope)
{
    uint8_t key[32] = { 1 };
    struct key_scope scope = key_scope_enter();
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    size_t before = CRYPTO_secure_used();
    cr_assert_eq(EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, NULL), 1);
    key_scope_leave(&scope);
    cr_assert(key_memory_holds(context));
    cr_assert_gt(CRYPTO_secure_used(), before, "its expanded key too");
    EVP_CIPHER_CTX_free(context);
}

Test(key_memory, is_in_no_core_whatever_handles_it)
{
    char filter[32] = "";
    FILE *file = fopen("/proc/self/coredump_filter", "re");
    cr_assert_not_null(file);
    cr_assert_not_null(fgets(filter, sizeof(filter), file));
    (void)fclose(file);
    cr_assert_eq(strtoul(filter, NULL, 16), 0UL, "%s", filter);
}
