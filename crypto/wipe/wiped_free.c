/*
 * In a program that links this, memory is wiped when it is released, whoever took it: SQLite's pages, JSON, bodies of
 * requests, TLS records, libraries' own copies. The C library's free() and realloc() are replaced for the whole
 * process; memory still comes from glibc's allocator. What has a mapping of its own goes back to the system unwiped:
 * nobody gets it again with what is in it.
 *
 * A build with AddressSanitizer keeps its allocator, which does the same through its hooks.
 */
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/sanitized.h"

#if UNDER_ADDRESS_SANITIZER
/* of sanitizer/allocator_interface.h, which gcc does not bring */
int __sanitizer_install_malloc_and_free_hooks(void (*taken)(const volatile void *, size_t),
                                              void (*released)(const volatile void *));
size_t __sanitizer_get_allocated_size(const volatile void *memory);

static void on_taken(const volatile void *memory, size_t size)
{
    (void)memory;
    (void)size;
}

static void on_released(const volatile void *memory)
{
    if (memory != NULL) {
        explicit_bzero((void *)(uintptr_t)memory, __sanitizer_get_allocated_size(memory));
    }
}

__attribute__((constructor(102))) static void wipe_what_is_released(void)
{
    if (__sanitizer_install_malloc_and_free_hooks(on_taken, on_released) == 0) {
        abort();
    }
}

#else

void __libc_free(void *memory);
void *__libc_realloc(void *memory, size_t size);

/*
 * glibc keeps a block's size in the word before it, and in that word's second bit whether the block is a mapping of its
 * own. Read wrongly, either branch below is still right for the program; only what is wiped would differ.
 */
static bool is_mapping(const void *memory)
{
    size_t word;
    memcpy(&word, (const uint8_t *)memory - sizeof(word), sizeof(word));
    return (word & 2) != 0;
}

void free(void *memory)
{
    if (memory != NULL && !is_mapping(memory)) {
        explicit_bzero(memory, malloc_usable_size(memory));
    }
    __libc_free(memory);
}

void *realloc(void *memory, size_t size)
{
    if (memory != NULL && size == 0) {
        free(memory);
        return NULL;
    }
    if (memory == NULL || is_mapping(memory)) {
        return __libc_realloc(memory, size);
    }
    size_t had = malloc_usable_size(memory);
    if (size <= had) { /* it stays where it is, and its end may be cut off */
        explicit_bzero((uint8_t *)memory + size, had - size);
        return __libc_realloc(memory, size);
    }
    void *made = malloc(size);
    if (made != NULL) {
        memcpy(made, memory, had);
        free(memory);
    }
    return made;
}

#endif
