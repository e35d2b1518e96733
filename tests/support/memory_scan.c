#include "tests/support/memory_scan.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { AES_BLOCK = 16, AES_256_WORDS = 60, PIECE_BYTES = 1024 * 1024, LINE_SIZE = 512, PREFIXES = 65536 };

_Static_assert(NEEDLE_BYTES_MIN == sizeof(uint64_t), "a needle's head is what it has at least");

static const size_t SHADOW_BYTES = (size_t)1024 * 1024 * 1024;

/* Needles
 * --------------------------------------------------------------------------------------------------------------- */

void needles_fini(struct needles *needles)
{
    free(needles->all);
    *needles = (struct needles){ 0 };
}

void needles_add(struct needles *needles, const char *name, struct slice bytes)
{
    cr_assert_geq(bytes.len, (size_t)NEEDLE_BYTES_MIN, "'%s' is too short to be looked for", name);
    if (needles->count == needles->room) {
        needles->room = needles->room == 0 ? 64 : needles->room * 2;
        needles->all = realloc(needles->all, needles->room * sizeof(needles->all[0]));
        cr_assert_not_null(needles->all);
    }
    struct needle *needle = &needles->all[needles->count++];
    needle->len = bytes.len < NEEDLE_BYTES_MAX ? bytes.len : NEEDLE_BYTES_MAX;
    memcpy(needle->bytes, bytes.data, needle->len);
    (void)snprintf(needle->name, sizeof(needle->name), "%s", name);
}

void needles_add_number(struct needles *needles, const char *name, struct slice bytes)
{
    uint8_t reversed[NEEDLE_BYTES_MAX];
    cr_assert_leq(bytes.len, sizeof(reversed));
    for (size_t i = 0; i < bytes.len; i++) {
        reversed[i] = bytes.data[bytes.len - 1 - i];
    }
    needles_add(needles, name, bytes);
    needles_add(needles, name, slice_of(reversed, bytes.len));
}

/* AES's field: x^8 + x^4 + x^3 + x + 1 (FIPS 197, section 4.2). */
static uint8_t field_multiply(uint8_t a, uint8_t b)
{
    uint8_t product = 0;
    for (; b != 0; b >>= 1) {
        product ^= (b & 1) != 0 ? a : 0;
        a = (uint8_t)(a << 1 ^ ((a & 0x80) != 0 ? 0x1b : 0));
    }
    return product;
}

/* Section 5.1.1: the inverse, and an affine step. */
static uint8_t s_box(uint8_t value)
{
    uint8_t inverse = value;
    for (int i = 0; i < 6; i++) { /* value^254 */
        inverse = field_multiply(field_multiply(inverse, inverse), value);
    }
    inverse = field_multiply(inverse, inverse);
    uint8_t result = 0x63;
    for (int i = 0; i < 5; i++) {
        result ^= (uint8_t)(inverse << i | inverse >> (8 - i));
    }
    return result;
}

/* Section 5.2, for keys of 256 bits. */
static void expand_key(const uint8_t key[32], uint8_t words[AES_256_WORDS][4])
{
    uint8_t constant = 1;
    memcpy(words, key, 32);
    for (size_t i = 8; i < AES_256_WORDS; i++) {
        uint8_t word[4];
        memcpy(word, words[i - 1], 4);
        if (i % 8 == 0) {
            uint8_t first = word[0];
            for (size_t j = 0; j < 3; j++) {
                word[j] = s_box(word[j + 1]);
            }
            word[3] = s_box(first);
            word[0] ^= constant;
            constant = field_multiply(constant, 2);
        } else if (i % 8 == 4) {
            for (size_t j = 0; j < 4; j++) {
                word[j] = s_box(word[j]);
            }
        }
        for (size_t j = 0; j < 4; j++) {
            words[i][j] = words[i - 8][j] ^ word[j];
        }
    }
}

/* What implementations keep for decryption (section 5.3.5): InvMixColumns of each column. */
static void unmix(const uint8_t column[4], uint8_t out[4])
{
    static const uint8_t factors[4] = { 14, 11, 13, 9 };
    for (size_t row = 0; row < 4; row++) {
        out[row] = 0;
        for (size_t i = 0; i < 4; i++) {
            out[row] ^= field_multiply(column[(row + i) % 4], factors[i]);
        }
    }
}

static void add_round_key(struct needles *needles, const char *name, const uint8_t round_key[AES_BLOCK])
{
    uint8_t swapped[AES_BLOCK];
    for (size_t i = 0; i < AES_BLOCK; i++) {
        swapped[i] = round_key[i / 4 * 4 + 3 - i % 4];
    }
    needles_add(needles, name, slice_of(round_key, AES_BLOCK));
    needles_add(needles, name, slice_of(swapped, AES_BLOCK));
}

void needles_add_aes_key(struct needles *needles, const char *name, const uint8_t key[32])
{
    uint8_t words[AES_256_WORDS][4];
    expand_key(key, words);
    for (size_t round = 0; round < AES_256_WORDS / 4; round++) {
        char round_name[NEEDLE_NAME_SIZE];
        uint8_t decrypting[AES_BLOCK];
        for (size_t i = 0; i < 4; i++) {
            unmix(words[round * 4 + i], decrypting + i * 4);
        }
        (void)snprintf(round_name, sizeof(round_name), "%.30s, round key %zu", name, round);
        add_round_key(needles, round_name, words[round * 4]);
        add_round_key(needles, round_name, decrypting);
    }
}

/* Memory
 * --------------------------------------------------------------------------------------------------------------- */

struct scan {
    const struct needles *needles;
    size_t first[PREFIXES]; /* the needle that begins with these two bytes, from 1; 0: none does */
    size_t *next;           /* for each needle another one that begins so, from 1; 0: none */
    int memory;             /* /proc/PID/mem */
    int pages;              /* /proc/PID/pagemap */
    uint8_t *piece;
    struct finds *finds;
};

struct mapping {
    uintptr_t from;
    uintptr_t to;
    bool readable;
    struct find like; /* its name and flags */
};

static void proc_path(pid_t pid, const char *name, char out[64])
{
    (void)snprintf(out, 64, "/proc/%d/%s", (int)pid, name);
}

bool scan_possible(pid_t pid)
{
    char path[64];
    proc_path(pid, "mem", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)close(fd);
    }
    return fd >= 0;
}

static void note(struct scan *scan, const struct mapping *mapping, const struct needle *needle, uintptr_t at)
{
    struct finds *finds = scan->finds;
    if (finds->count < FINDS_MAX) {
        finds->all[finds->count] = mapping->like;
        finds->all[finds->count].name = needle->name;
        finds->all[finds->count].at = at;
    }
    finds->count++;
}

static unsigned prefix_of(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

static uint64_t head_of(const uint8_t *bytes)
{
    uint64_t head;
    memcpy(&head, bytes, sizeof(head));
    return head;
}

/* Keys are random: now and then one begins as most of the memory does, with zeros. So no byte of the memory may cost a
 * look at all needles, nor a call. */
static void look_at(struct scan *scan, const struct mapping *mapping, uintptr_t at, size_t len)
{
    const uint8_t *bytes = scan->piece;
    for (size_t i = 0; i + NEEDLE_BYTES_MIN <= len; i++) {
        for (size_t n = scan->first[prefix_of(bytes + i)]; n != 0; n = scan->next[n - 1]) {
            const struct needle *needle = &scan->needles->all[n - 1];
            if (head_of(needle->bytes) == head_of(bytes + i) && needle->len <= len - i &&
                memcmp(bytes + i, needle->bytes, needle->len) == 0) {
                note(scan, mapping, needle, at + i);
            }
        }
    }
}

static void index_needles(struct scan *scan)
{
    scan->next = calloc(scan->needles->count + 1, sizeof(scan->next[0]));
    cr_assert_not_null(scan->next);
    for (size_t n = scan->needles->count; n > 0; n--) {
        size_t *first = &scan->first[prefix_of(scan->needles->all[n - 1].bytes)];
        scan->next[n - 1] = *first;
        *first = n;
    }
}

/* A run of pages that are there, in overlapping pieces. */
static void look_at_run(struct scan *scan, const struct mapping *mapping, uintptr_t from, uintptr_t to)
{
    size_t kept = 0;
    for (uintptr_t at = from; at < to;) {
        size_t want = to - at < PIECE_BYTES ? to - at : PIECE_BYTES;
        ssize_t got = pread(scan->memory, scan->piece + kept, want, (off_t)at);
        if (got <= 0) {
            return; /* the kernel's own pages, or gone meanwhile */
        }
        look_at(scan, mapping, at - kept, kept + (size_t)got);
        scan->finds->bytes += (size_t)got;
        at += (size_t)got;
        size_t len = kept + (size_t)got;
        kept = len < NEEDLE_BYTES_MAX - 1 ? len : NEEDLE_BYTES_MAX - 1;
        memmove(scan->piece, scan->piece + len - kept, kept);
    }
}

/* pagemap (Documentation/admin-guide/mm/pagemap.rst): bit 63 present, bit 62 swapped. */
static void look_at_mapping(struct scan *scan, const struct mapping *mapping)
{
    static uint64_t entries[4096];
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t run = 0;
    uintptr_t at = mapping->from;
    while (at < mapping->to) {
        size_t count = (mapping->to - at) / page < ARRAY_LEN(entries) ? (mapping->to - at) / page : ARRAY_LEN(entries);
        ssize_t got = pread(scan->pages, entries, count * sizeof(entries[0]), (off_t)(at / page * sizeof(entries[0])));
        if (got < (ssize_t)sizeof(entries[0])) {
            break;
        }
        for (size_t i = 0; i < (size_t)got / sizeof(entries[0]); i++, at += page) {
            bool there = entries[i] >> 62 != 0;
            if (there && run == 0) {
                run = at;
            } else if (!there && run != 0) {
                look_at_run(scan, mapping, run, at);
                run = 0;
            }
        }
    }
    if (run != 0) {
        look_at_run(scan, mapping, run, at);
    }
}

static bool read_head(const char *line, struct mapping *ret_mapping)
{
    struct mapping mapping = { 0 };
    char rights[8];
    int name_at = 0;
    if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s %*s %*s %*s %n", &mapping.from, &mapping.to, rights, &name_at) <
        3) {
        return false;
    }
    mapping.readable = rights[0] == 'r';
    (void)snprintf(mapping.like.mapping, sizeof(mapping.like.mapping), "%.*s", (int)strcspn(line + name_at, "\n"),
                   line + name_at);
    *ret_mapping = mapping;
    return true;
}

static void scan_all(struct scan *scan, FILE *maps)
{
    char line[LINE_SIZE];
    struct mapping mapping = { 0 };
    while (fgets(line, sizeof(line), maps) != NULL) {
        if (strncmp(line, "VmFlags:", 8) != 0) {
            (void)read_head(line, &mapping);
            continue;
        }
        mapping.like.locked = strstr(line, " lo") != NULL;
        mapping.like.not_dumped = strstr(line, " dd") != NULL;
        if (mapping.readable && mapping.to - mapping.from < SHADOW_BYTES) {
            look_at_mapping(scan, &mapping);
        }
    }
}

void scan_memory(pid_t pid, const struct needles *needles, struct finds *ret_finds)
{
    char path[64];
    struct scan scan = { .needles = needles, .finds = ret_finds };
    *ret_finds = (struct finds){ 0 };
    index_needles(&scan);
    scan.piece = malloc(PIECE_BYTES + NEEDLE_BYTES_MAX);
    proc_path(pid, "mem", path);
    scan.memory = open(path, O_RDONLY | O_CLOEXEC);
    proc_path(pid, "pagemap", path);
    scan.pages = open(path, O_RDONLY | O_CLOEXEC);
    proc_path(pid, "smaps", path);
    FILE *maps = fopen(path, "re");
    cr_assert(scan.piece != NULL && scan.memory >= 0 && scan.pages >= 0 && maps != NULL, "read the memory of %d",
              (int)pid);
    scan_all(&scan, maps);
    (void)fclose(maps);
    (void)close(scan.memory);
    (void)close(scan.pages);
    free(scan.piece);
    free(scan.next);
}

void finds_show(const struct finds *finds)
{
    (void)fprintf(stderr, "%zu places in %zu KiB of memory\n", finds->count, finds->bytes / 1024);
    for (size_t i = 0; i < finds->count && i < FINDS_MAX; i++) {
        const struct find *find = &finds->all[i];
        (void)fprintf(stderr, "  %#" PRIxPTR " %s%s '%s': %s\n", find->at, find->locked ? "locked" : "not locked",
                      find->not_dumped ? ", not dumped" : ", dumped", find->mapping, find->name);
    }
}
