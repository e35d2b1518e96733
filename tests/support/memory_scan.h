/*
 * tests/support/memory_scan - which of some byte strings are in another process's memory, and in what kind of mapping.
 *
 * Every page that is there is read through /proc/PID/mem, whatever it holds: heaps, stacks, data, libraries. Left out:
 * the sanitizer's shadow, which holds only states of memory (mappings of a GiB and more).
 *
 * Every function fails the test when it cannot do its work; scan_possible says beforehand whether it can.
 */
#ifndef TESTS_SUPPORT_MEMORY_SCAN_H
#define TESTS_SUPPORT_MEMORY_SCAN_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/bytes.h"

#define NEEDLE_NAME_SIZE 48
#define NEEDLE_BYTES_MAX 64
#define NEEDLE_BYTES_MIN 8
#define FINDS_MAX 512

struct needle {
    char name[NEEDLE_NAME_SIZE];
    uint8_t bytes[NEEDLE_BYTES_MAX];
    size_t len;
};

struct needles {
    struct needle *all;
    size_t count;
    size_t room;
};

void needles_fini(struct needles *needles);
/* Cut at NEEDLE_BYTES_MAX. */
void needles_add(struct needles *needles, const char *name, struct slice bytes);
/* A cipher's key: as it is, and each round key of AES-256 for either direction, in either order of bytes in a word. */
void needles_add_aes_key(struct needles *needles, const char *name, const uint8_t key[32]);
/* A number as OpenSSL keeps it: in either order of bytes. */
void needles_add_number(struct needles *needles, const char *name, struct slice bytes);

struct find {
    const char *name; /* the needle's */
    uintptr_t at;
    char mapping[64]; /* its name in /proc/PID/smaps, "" for anonymous memory */
    bool locked;
    bool not_dumped;
};

struct finds {
    struct find all[FINDS_MAX];
    size_t count; /* may be more than FINDS_MAX */
    size_t bytes; /* that were looked at */
};

bool scan_possible(pid_t pid);
void scan_memory(pid_t pid, const struct needles *needles, struct finds *ret_finds);
/* On the test's own standard error: what was found where. */
void finds_show(const struct finds *finds);

#endif
