#include <stdlib.h>

#include "crypto/digest.h"
#include "crypto/key_memory.h"
#include "work.h"

/*
 * Allocations fail, ours and OpenSSL's counted together, then SQLite's; each of the first hundreds, then fewer and
 * fewer of those that follow. What was promised is there, and want of memory is never called damage or a wrong key.
 *
 * What a process sets up once (OpenSSL's algorithms) is set up before. A digest has no way to fail and is left out.
 */

TestSuite(vault_memory, .timeout = 570);

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
void __real_sha256(const struct slice *parts, size_t count, uint8_t out[SHA256_BYTES]);
void __wrap_sha256(const struct slice *parts, size_t count, uint8_t out[SHA256_BYTES]);
void __real_hmac_sha256(struct slice key, struct slice message, uint8_t out[SHA256_BYTES]);
void __wrap_hmac_sha256(struct slice key, struct slice message, uint8_t out[SHA256_BYTES]);

static long left = -1; /* allocations until the one that fails; negative: none fails */

static bool fails_now(void)
{
    return left >= 0 && left-- == 0;
}

void *__wrap_malloc(size_t size)
{
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails_now() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    return fails_now() ? NULL : __real_strdup(text);
}

void __wrap_sha256(const struct slice *parts, size_t count, uint8_t out[SHA256_BYTES])
{
    long paused = left;
    left = -1;
    __real_sha256(parts, count, out);
    left = paused;
}

void __wrap_hmac_sha256(struct slice key, struct slice message, uint8_t out[SHA256_BYTES])
{
    long paused = left;
    left = -1;
    __real_hmac_sha256(key, message, out);
    left = paused;
}

/* SQLite's memory; asked for through its own table, so not counted above. */
static sqlite3_mem_methods memory;
static long sqlite_left = -1;

static bool sqlite_fails_now(void)
{
    return sqlite_left >= 0 && sqlite_left-- == 0;
}

static void *sqlite_request(int size)
{
    return sqlite_fails_now() ? NULL : memory.xMalloc(size);
}

static void *sqlite_request_again(void *old, int size)
{
    return sqlite_fails_now() ? NULL : memory.xRealloc(old, size);
}

static void watch_sqlite(void)
{
    cr_assert_eq(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory), SQLITE_OK);
    sqlite3_mem_methods watched = memory;
    watched.xMalloc = sqlite_request;
    watched.xRealloc = sqlite_request_again;
    cr_assert_eq(sqlite3_config(SQLITE_CONFIG_MALLOC, &watched), SQLITE_OK);
}

static void warm_up(void)
{
    struct work work;
    work_begin(&work);
    cr_assert(work_do(&work));
    work_judge(&work, "with nothing failing", 0);
}

/* `countdown` reaches -1 with the allocation that fails. */
static long fail_each_allocation(long *countdown, long stride, const char *whose)
{
    for (long n = 0;; n += 1 + n / stride) {
        struct work work;
        work_begin(&work);
        *countdown = n;
        bool done = work_do(&work);
        bool failed = *countdown < 0;
        *countdown = -1;
        cr_assert(work.code == ERR_OK || work.code == ERR_NO_MEMORY || work.code == ERR_CRYPTO ||
                      work.code == ERR_DATABASE || work.code == ERR_IO,
                  "after %s allocation %ld: %s: %s", whose, n, err_code_name(work.code), work.err.message);
        cr_assert_not(work.damage_named, "after %s allocation %ld", whose, n);
        work_judge(&work, whose, n);
        if (!failed) {
            cr_assert(done);
            return n;
        }
    }
}

Test(vault_memory, of_ours_and_openssl_refused_at_many_moments_loses_nothing)
{
    key_memory_test_fail(fails_now);
    warm_up();
    long allocations = fail_each_allocation(&left, 400, "our");
    cr_assert_gt(allocations, 200, "%ld", allocations);
}

Test(vault_memory, of_sqlite_refused_at_many_moments_loses_nothing)
{
    watch_sqlite();
    warm_up();
    long allocations = fail_each_allocation(&sqlite_left, 150, "SQLite's");
    cr_assert_gt(allocations, 1000, "%ld", allocations);
}
