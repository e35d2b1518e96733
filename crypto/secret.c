#include "crypto/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "base/sanitized.h"
#include "crypto/key_memory.h"

enum { SECRET_LEN_MAX = 65536, SMALLEST_BLOCK = 32, OTHERS_MAY_READ = 0077, NEAREST_STACK = 16384 };

/*
 * Three ways, as each leaves a gap: a handler that the kernel pipes cores to is started in spite of a limit of 0, and
 * the filter takes effect where the process must stay dumpable.
 */
static void forbid_core_dumps(void)
{
    struct rlimit none = { 0, 0 };
    (void)setrlimit(RLIMIT_CORE, &none);
    int filter = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);
    if (filter >= 0) {
        (void)!write(filter, "0", 1); /* no kind of mapping */
        (void)close(filter);
    }
    /* the leak check attaches to this process, which the kernel refuses for one that is not dumpable */
#if !UNDER_ADDRESS_SANITIZER
    (void)prctl(PR_SET_DUMPABLE, 0);
#endif
}

enum err_code secret_init(struct error *err)
{
    if (CRYPTO_secure_malloc_initialized()) {
        return ERR_OK;
    }
    forbid_core_dumps();
    /* 1: locked and guarded; 2: in place, but mlock or a guard page was refused */
    int rc = CRYPTO_secure_malloc_init(SECRET_HEAP_BYTES, SMALLEST_BLOCK);
    if (rc == 2) {
        (void)CRYPTO_secure_malloc_done();
        return FAIL(err, CONFIG,
                    "lock %d KiB of key memory: raise RLIMIT_MEMLOCK (LimitMEMLOCK=, ulimit -l) to at least %d MiB",
                    SECRET_HEAP_BYTES / 1024, SECRET_HEAP_BYTES / 1024 / 1024);
    }
    if (rc != 1) {
        return FAIL(err, NO_MEMORY, "set up %d KiB of key memory", SECRET_HEAP_BYTES / 1024);
    }
    enum err_code code = key_memory_init(SECRET_HEAP_BYTES, err);
    if (code != ERR_OK) {
        (void)CRYPTO_secure_malloc_done();
    }
    return code;
}

enum err_code secret_new(size_t len, struct secret *ret_secret, struct error *err)
{
    CHECK(len > 0 && len <= SECRET_LEN_MAX);
    uint8_t *bytes = OPENSSL_secure_zalloc(len);
    if (bytes == NULL) {
        return FAIL(err, NO_MEMORY, "take %zu bytes of key memory", len);
    }
    *ret_secret = (struct secret){ .bytes = bytes, .len = len };
    return ERR_OK;
}

enum err_code secret_random(size_t len, struct secret *ret_secret, struct error *err)
{
    struct secret made;
    TRY(secret_new(len, &made, err));
    if (RAND_priv_bytes(made.bytes, (int)len) != 1) {
        secret_free(&made);
        return FAIL(err, CRYPTO, "make %zu random bytes", len);
    }
    *ret_secret = made;
    return ERR_OK;
}

enum err_code secret_copy(struct slice bytes, struct secret *ret_secret, struct error *err)
{
    if (bytes.len == 0 || bytes.len > SECRET_LEN_MAX) {
        return FAIL(err, INVALID, "take a secret of %zu bytes: 1 to %d are possible", bytes.len, SECRET_LEN_MAX);
    }
    struct secret made;
    TRY(secret_new(bytes.len, &made, err));
    memcpy(made.bytes, bytes.data, bytes.len);
    *ret_secret = made;
    return ERR_OK;
}

void secret_free(struct secret *secret)
{
    if (secret != NULL && secret->bytes != NULL) {
        OPENSSL_secure_clear_free(secret->bytes, secret->len);
        *secret = (struct secret){ 0 };
    }
}

static enum err_code read_into(int fd, struct secret *secret, const char *path, struct error *err)
{
    size_t got = 0;
    while (got < secret->len) {
        ssize_t step = read(fd, secret->bytes + got, secret->len - got);
        if (step < 0 && errno == EINTR) {
            continue;
        }
        if (step <= 0) {
            return step < 0 ? error_errno(err, "read '%s'", path) : FAIL(err, IO, "read '%s': it was cut short", path);
        }
        got += (size_t)step;
    }
    return ERR_OK;
}

enum err_code secret_read_file(const char *path, size_t max, struct secret *ret_secret, struct error *err)
{
    SCOPED(scoped_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat about;
    if (fd < 0 || fstat(fd, &about) != 0) {
        return error_errno(err, "open '%s'", path);
    }
    if (!S_ISREG(about.st_mode)) {
        return FAIL(err, KEY, "read '%s': it is not a regular file", path);
    }
    if ((about.st_mode & OTHERS_MAY_READ) != 0) {
        return FAIL(err, KEY, "read '%s': others may read it; run chmod 600 on it", path);
    }
    if (about.st_size < 1 || (uintmax_t)about.st_size > max) {
        return FAIL(err, KEY, "read '%s': it must have 1 to %zu bytes", path, max);
    }
    struct secret made;
    TRY(secret_new((size_t)about.st_size, &made, err));
    enum err_code rc = read_into(fd, &made, path, err);
    if (rc != ERR_OK) {
        secret_free(&made);
        return rc;
    }
    *ret_secret = made;
    return ERR_OK;
}

void secret_wipe(void *memory, size_t len)
{
    OPENSSL_cleanse(memory, len);
}

/* What is nearest, and would be in the way of giving up whole pages. */
static void __attribute__((noinline)) wipe_nearest_stack(void)
{
    uint8_t nearest[NEAREST_STACK];
    OPENSSL_cleanse(nearest, sizeof(nearest));
}

/* Whole pages: the system gives empty ones when they are used again. */
void secret_drop_stack(void)
{
    pthread_attr_t attributes;
    void *lowest = NULL;
    size_t size = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
        return;
    }
    int rc = pthread_attr_getstack(&attributes, &lowest, &size);
    (void)pthread_attr_destroy(&attributes);
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t here = (uintptr_t)__builtin_frame_address(0) / page * page - page;
    if (rc == 0 && (uintptr_t)lowest < here) {
        /* of the first thread's stack only a part is there yet; the rest is passed over */
        (void)madvise(lowest, here - (uintptr_t)lowest, MADV_DONTNEED);
    }
    wipe_nearest_stack();
}

bool secret_equal(struct slice a, struct slice b)
{
    return a.len == b.len && CRYPTO_memcmp(a.data, b.data, a.len) == 0;
}
