/*
 * Runs a fuzzer without libFuzzer: every file of a folder, then MUTATIONS changed copies of each, the same ones every
 * time.
 *
 *     fuzz_NAME FOLDER [MUTATIONS]
 *
 * The input at hand when the program is killed or AddressSanitizer ends it is left in ./fuzz_NAME.failed (gcc's
 * UndefinedBehaviorSanitizer ends it without asking; clang's does not).
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#endif
#ifdef SANITIZED
#include <sanitizer/common_interface_defs.h>
#endif

enum { MUTATIONS = 250, CHANGES_MAX = 4, INPUT_BYTES_MAX = 1 << 20, SECONDS_PER_INPUT = 30 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    const uint8_t *data;
    size_t len;
    char keep_as[64];
} at_hand;

/* Only calls that a signal handler may make. */
static void keep_input(void)
{
    static const char said[] = "the input at hand is kept in this folder as ";
    int fd = open(at_hand.keep_as, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0 && write(fd, at_hand.data, at_hand.len) == (ssize_t)at_hand.len) {
        (void)!write(STDERR_FILENO, said, sizeof(said) - 1);
        (void)!write(STDERR_FILENO, at_hand.keep_as, strlen(at_hand.keep_as));
        (void)!write(STDERR_FILENO, "\n", 1);
    }
}

static void killed(int number)
{
    keep_input();
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

/* xorshift64*: the same numbers on every machine. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(0x2545f4914f6cdd1d);
}

static size_t random_below(uint64_t *state, size_t limit)
{
    return limit == 0 ? 0 : (size_t)(next_random(state) % limit);
}

/* A copy of exactly this size, so that the sanitizer sees every step past the end. */
static void run(struct slice input)
{
    uint8_t *copy = malloc(input.len == 0 ? 1 : input.len);
    CHECK(copy != NULL);
    if (input.len > 0) {
        memcpy(copy, input.data, input.len);
    }
    at_hand.data = copy;
    at_hand.len = input.len;
    (void)alarm(SECONDS_PER_INPUT);
    (void)LLVMFuzzerTestOneInput(copy, input.len);
    (void)alarm(0);
    free(copy);
}

static void overwrite_number(uint8_t *data, size_t len, uint64_t *random)
{
    static const uint32_t edges[] = {
        0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff
    };
    size_t width = (size_t)1 << random_below(random, 3);
    uint8_t number[4];
    put_be32(number, edges[random_below(random, ARRAY_LEN(edges))]);
    if (len >= width) {
        memcpy(data + random_below(random, len - width + 1), number + sizeof(number) - width, width);
    }
}

/* `data` has room for twice `len`. Returns the new length. */
static size_t change(uint8_t *data, size_t len, uint64_t *random)
{
    size_t at = random_below(random, len);
    size_t span = random_below(random, len - at) + 1;
    switch (len == 0 ? 6 : random_below(random, 6)) {
    case 0:
        data[at] ^= (uint8_t)(1 << random_below(random, 8));
        return len;
    case 1:
        data[at] = (uint8_t)next_random(random);
        return len;
    case 2:
        overwrite_number(data, len, random);
        return len;
    case 3: /* cut short */
        return at;
    case 4: /* cut out */
        memmove(data + at, data + at + span, len - at - span);
        return len - span;
    case 5: /* say twice */
        memmove(data + at + span, data + at, len - at);
        return len + span;
    default:
        data[0] = (uint8_t)next_random(random);
        return 1;
    }
}

static void run_mutations(struct slice original, long mutations)
{
    uint64_t random = UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; i < original.len; i++) {
        random = (random ^ original.data[i]) * UINT64_C(0x100000001b3);
    }
    random |= 1;
    /* each change at most doubles the length */
    uint8_t *data = malloc((original.len + 1) << CHANGES_MAX);
    CHECK(data != NULL);
    for (long i = 0; i < mutations; i++) {
        size_t len = original.len;
        if (len > 0) {
            memcpy(data, original.data, len);
        }
        for (size_t left = random_below(&random, CHANGES_MAX) + 1; left > 0; left--) {
            len = change(data, len, &random);
        }
        run(slice_of(data, len));
    }
    free(data);
}

static int replay(const char *folder, const char *name, long mutations)
{
    char path[4096];
    struct error err;
    SCOPED(buf_fini) struct buf content;
    buf_init(&content, INPUT_BYTES_MAX);
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (file_read(path, &content, &err) != ERR_OK) {
        (void)fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    run(buf_slice(&content));
    run_mutations(buf_slice(&content), mutations);
    return 0;
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void prepare(const char *program)
{
    static const int deadly[] = { SIGABRT, SIGALRM, SIGBUS, SIGFPE, SIGILL, SIGSEGV };
    const char *slash = strrchr(program, '/');
    (void)snprintf(at_hand.keep_as, sizeof(at_hand.keep_as), "%s.failed", slash == NULL ? program : slash + 1);
    for (size_t i = 0; i < ARRAY_LEN(deadly); i++) {
        (void)signal(deadly[i], killed);
    }
#ifdef SANITIZED
    __sanitizer_set_death_callback(keep_input);
#endif
}

int main(int argc, char **argv)
{
    struct dirent **entries;
    long mutations = argc > 2 ? strtol(argv[2], NULL, 10) : MUTATIONS;
    int count = argc < 2 ? -1 : scandir(argv[1], &entries, visible, alphasort);
    if (count <= 0) {
        (void)fprintf(stderr, "usage: %s FOLDER [MUTATIONS]: a folder with at least one file\n", argv[0]);
        return 2;
    }
    prepare(argv[0]);
    run(slice_of(NULL, 0));
    int failed = 0;
    for (int i = 0; i < count; i++) {
        failed |= replay(argv[1], entries[i]->d_name, mutations);
        free(entries[i]);
    }
    free(entries);
    (void)printf("%d inputs, %ld mutations of each\n", count, mutations);
    return failed;
}
