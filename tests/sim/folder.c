#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "tests/sim/disk.h"

enum { COPY_BYTES = 256 * 1024 };

void folder_make(const char *parent, const char *name, char out[96])
{
    CHECK(snprintf(out, 96, "%s/%s", parent, name) < 96);
    CHECK(mkdir(out, 0700) == 0);
}

static void each(const char *folder, void (*act)(int folder_fd, const char *name, void *context), void *context)
{
    DIR *dir = opendir(folder);
    CHECK(dir != NULL);
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            act(dirfd(dir), entry->d_name, context);
        }
    }
    (void)closedir(dir);
}

static void remove_one(int folder_fd, const char *name, void *context)
{
    (void)context;
    CHECK(unlinkat(folder_fd, name, 0) == 0);
}

static void copy_one(int folder_fd, const char *name, void *context)
{
    static uint8_t bytes[COPY_BYTES];
    const int *to_folder = context;
    SCOPED(scoped_close) int from = openat(folder_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    SCOPED(scoped_close) int to = openat(*to_folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    CHECK(from >= 0 && to >= 0);
    for (;;) {
        ssize_t len = read(from, bytes, sizeof(bytes));
        CHECK(len >= 0);
        if (len == 0) {
            return;
        }
        CHECK(write(to, bytes, (size_t)len) == len);
    }
}

void folder_copy(const char *from, const char *to)
{
    if (mkdir(to, 0700) != 0) {
        each(to, remove_one, NULL);
    }
    SCOPED(scoped_close) int fd = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(fd >= 0);
    each(from, copy_one, &fd);
}

void folder_remove(const char *folder)
{
    each(folder, remove_one, NULL);
    CHECK(rmdir(folder) == 0);
}
