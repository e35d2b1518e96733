/*
 * Definitions in the program come before those of the shared libraries, also for SQLite's calls: each does what libc's
 * does and tells the tape. A sync goes nowhere else: the real disk need not spin for a simulated one.
 */
#undef _FORTIFY_SOURCE
#include "calls.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tape.h"

enum { DESCRIPTORS = 4096, NOT_OURS = 0, OUR_FOLDER = -1 };

struct calls calls;

/* A file of the tape plus one, or one of the above. */
static int descriptors[DESCRIPTORS];

/* The real one; `pointer` keeps it. */
#define REAL(pointer, name)                                                                                            \
    do {                                                                                                               \
        if ((pointer) == NULL) {                                                                                       \
            *(void **)&(pointer) = dlsym(RTLD_NEXT, name);                                                             \
        }                                                                                                              \
    } while (0)

void calls_reset(void)
{
    calls = (struct calls){ 0 };
}

/* The name within the recorded folder, "" for the folder itself, NULL for what is elsewhere. */
static const char *name_within(const char *path)
{
    const struct tape *tape = tape_recording();
    if (tape == NULL || path == NULL) {
        return NULL;
    }
    const char *folder = tape_folder(tape);
    size_t len = strlen(folder);
    if (strncmp(path, folder, len) != 0 || (path[len] != '/' && path[len] != '\0')) {
        return NULL;
    }
    return path[len] == '/' ? path + len + 1 : path + len;
}

static int kind_of(int fd)
{
    return tape_recording() != NULL && fd >= 0 && fd < DESCRIPTORS ? descriptors[fd] : NOT_OURS;
}

/* Is it this call's turn to fail? */
static bool refused(bool ours)
{
    if (!ours) {
        return false;
    }
    long number = __atomic_add_fetch(&calls.made, 1, __ATOMIC_RELAXED);
    if (calls.fail_at == 0 || !(number == calls.fail_at || (calls.for_good && number > calls.fail_at))) {
        return false;
    }
    calls.failed = true;
    errno = calls.error;
    return true;
}

static void look_for_marker(const void *bytes, size_t len)
{
    if (calls.marker != NULL && memmem(bytes, len, calls.marker, strlen(calls.marker)) != NULL) {
        calls.leaks++;
    }
}

static int opened(int fd, const char *name, int flags)
{
    if (fd < 0 || fd >= DESCRIPTORS || name == NULL) {
        return fd;
    }
    if (name[0] == '\0') {
        descriptors[fd] = OUR_FOLDER;
        return fd;
    }
    struct tape *tape = tape_recording();
    bool there = tape_file(tape, name, false) >= 0;
    int file = tape_file(tape, name, true);
    if (there && (flags & O_TRUNC) != 0) {
        tape_cut(tape, file, 0);
    }
    look_for_marker(name, strlen(name));
    descriptors[fd] = file + 1;
    return fd;
}

static int open_as(int (*real)(const char *, int, ...), const char *path, int flags, mode_t mode)
{
    const char *name = name_within(path);
    return refused(name != NULL) ? -1 : opened(real(path, flags, mode), name, flags);
}

int open(const char *path, int flags, ...)
{
    static int (*real)(const char *, int, ...);
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    REAL(real, "open");
    return open_as(real, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    static int (*real)(const char *, int, ...);
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    REAL(real, "open64");
    return open_as(real, path, flags, mode);
}

int close(int fd)
{
    static int (*real)(int);
    REAL(real, "close");
    if (fd >= 0 && fd < DESCRIPTORS) {
        descriptors[fd] = NOT_OURS;
    }
    return real(fd);
}

ssize_t read(int fd, void *out, size_t len)
{
    static ssize_t (*real)(int, void *, size_t);
    REAL(real, "read");
    return refused(kind_of(fd) > 0) ? -1 : real(fd, out, len);
}

ssize_t pread(int fd, void *out, size_t len, off_t at)
{
    static ssize_t (*real)(int, void *, size_t, off_t);
    REAL(real, "pread");
    return refused(kind_of(fd) > 0) ? -1 : real(fd, out, len, at);
}

ssize_t pread64(int fd, void *out, size_t len, off64_t at)
{
    static ssize_t (*real)(int, void *, size_t, off64_t);
    REAL(real, "pread64");
    return refused(kind_of(fd) > 0) ? -1 : real(fd, out, len, at);
}

static ssize_t wrote(int fd, const void *bytes, ssize_t len, off64_t at)
{
    int kind = kind_of(fd);
    if (len > 0) {
        look_for_marker(bytes, (size_t)len);
        calls.other_writes += kind == NOT_OURS;
    }
    if (len > 0 && kind > 0) {
        calls.writes++;
        tape_wrote(tape_recording(), kind - 1, bytes, (size_t)len, at);
    }
    return len;
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    static ssize_t (*real)(int, const void *, size_t);
    REAL(real, "write");
    if (refused(kind_of(fd) > 0)) {
        return -1;
    }
    off64_t at = kind_of(fd) > 0 ? lseek64(fd, 0, SEEK_CUR) : 0;
    return wrote(fd, bytes, real(fd, bytes, len), at);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    static ssize_t (*real)(int, const void *, size_t, off_t);
    REAL(real, "pwrite");
    return refused(kind_of(fd) > 0) ? -1 : wrote(fd, bytes, real(fd, bytes, len, at), at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    REAL(real, "pwrite64");
    return refused(kind_of(fd) > 0) ? -1 : wrote(fd, bytes, real(fd, bytes, len, at), at);
}

static int truncated(int fd, int rc, off64_t size)
{
    int kind = kind_of(fd);
    if (rc == 0 && kind > 0) {
        tape_cut(tape_recording(), kind - 1, size);
    }
    return rc;
}

int ftruncate(int fd, off_t size)
{
    static int (*real)(int, off_t);
    REAL(real, "ftruncate");
    return refused(kind_of(fd) > 0) ? -1 : truncated(fd, real(fd, size), size);
}

int ftruncate64(int fd, off64_t size)
{
    static int (*real)(int, off64_t);
    REAL(real, "ftruncate64");
    return refused(kind_of(fd) > 0) ? -1 : truncated(fd, real(fd, size), size);
}

static int synced(int fd)
{
    int kind = kind_of(fd);
    if (refused(kind != NOT_OURS)) {
        return -1;
    }
    if (kind == OUR_FOLDER) {
        tape_folder_synced(tape_recording());
    } else if (kind != NOT_OURS) {
        tape_synced(tape_recording(), kind - 1);
    }
    return 0;
}

int fsync(int fd)
{
    return synced(fd);
}

int fdatasync(int fd)
{
    return synced(fd);
}

int fstat(int fd, struct stat *about)
{
    static int (*real)(int, struct stat *);
    REAL(real, "fstat");
    return refused(kind_of(fd) > 0) ? -1 : real(fd, about);
}

int fstat64(int fd, struct stat64 *about)
{
    static int (*real)(int, struct stat64 *);
    REAL(real, "fstat64");
    return refused(kind_of(fd) > 0) ? -1 : real(fd, about);
}

int stat(const char *path, struct stat *about)
{
    static int (*real)(const char *, struct stat *);
    REAL(real, "stat");
    return refused(name_within(path) != NULL) ? -1 : real(path, about);
}

int stat64(const char *path, struct stat64 *about)
{
    static int (*real)(const char *, struct stat64 *);
    REAL(real, "stat64");
    return refused(name_within(path) != NULL) ? -1 : real(path, about);
}

int lstat(const char *path, struct stat *about)
{
    static int (*real)(const char *, struct stat *);
    REAL(real, "lstat");
    return refused(name_within(path) != NULL) ? -1 : real(path, about);
}

int lstat64(const char *path, struct stat64 *about)
{
    static int (*real)(const char *, struct stat64 *);
    REAL(real, "lstat64");
    return refused(name_within(path) != NULL) ? -1 : real(path, about);
}

int access(const char *path, int mode)
{
    static int (*real)(const char *, int);
    REAL(real, "access");
    return refused(name_within(path) != NULL) ? -1 : real(path, mode);
}

/* Locks fail, the rest of it does not. */
int fcntl(int fd, int operation, ...)
{
    static int (*real)(int, int, ...);
    va_list arguments;
    va_start(arguments, operation);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    REAL(real, "fcntl");
    return refused(operation == F_SETLK && kind_of(fd) > 0) ? -1 : real(fd, operation, argument);
}

int fcntl64(int fd, int operation, ...)
{
    static int (*real)(int, int, ...);
    va_list arguments;
    va_start(arguments, operation);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    REAL(real, "fcntl64");
    return refused(operation == F_SETLK && kind_of(fd) > 0) ? -1 : real(fd, operation, argument);
}

int rename(const char *from, const char *to)
{
    static int (*real)(const char *, const char *);
    REAL(real, "rename");
    const char *name = name_within(from);
    if (refused(name != NULL)) {
        return -1;
    }
    int rc = real(from, to);
    if (rc == 0 && name != NULL) {
        const char *after = name_within(to);
        tape_renamed(tape_recording(), name, after);
        look_for_marker(after, strlen(after));
    }
    return rc;
}

int unlink(const char *path)
{
    static int (*real)(const char *);
    REAL(real, "unlink");
    const char *name = name_within(path);
    if (refused(name != NULL)) {
        return -1;
    }
    int rc = real(path);
    if (rc == 0 && name != NULL) {
        tape_removed(tape_recording(), name);
    }
    return rc;
}
