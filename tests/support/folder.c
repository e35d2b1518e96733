#include "tests/support/folder.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#define FILE_MAX ((size_t)256 * 1024 * 1024)
#define OPEN_FOLDERS_MAX 16

void folder_make(char ret_path[FOLDER_PATH_SIZE])
{
    (void)snprintf(ret_path, FOLDER_PATH_SIZE, "/tmp/holdfast-test-XXXXXX");
    cr_assert_not_null(mkdtemp(ret_path), "make a folder under /tmp: %m");
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void folder_remove(const char *path)
{
    cr_assert_eq(nftw(path, remove_one, OPEN_FOLDERS_MAX, FTW_DEPTH | FTW_PHYS | FTW_MOUNT), 0, "remove '%s': %m",
                 path);
}

void file_write(const char *path, struct slice content)
{
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file, "write '%s': %m", path);
    cr_assert(content.len == 0 || fwrite(content.data, 1, content.len, file) == content.len);
    cr_assert_eq(fclose(file), 0, "write '%s': %m", path);
}

void file_load(const char *path, struct buf *ret_content)
{
    struct error err;
    buf_init(ret_content, FILE_MAX);
    cr_assert_eq(file_read(path, ret_content, &err), ERR_OK, "%s", err.message);
}

void file_copy(const char *from, const char *to)
{
    SCOPED(buf_fini) struct buf content;
    file_load(from, &content);
    file_write(to, buf_slice(&content));
}

void folder_copy(const char *from, const char *to)
{
    DIR *dir = opendir(from);
    cr_assert_not_null(dir, "open folder '%s': %m", from);
    cr_assert_eq(mkdir(to, 0700), 0, "make '%s': %m", to);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char source[FOLDER_PATH_SIZE + sizeof(entry->d_name) + 1];
        char target[sizeof(source)];
        struct stat status;
        (void)snprintf(source, sizeof(source), "%s/%s", from, entry->d_name);
        (void)snprintf(target, sizeof(target), "%s/%s", to, entry->d_name);
        if (lstat(source, &status) == 0 && S_ISREG(status.st_mode)) {
            file_copy(source, target);
            cr_assert_eq(chmod(target, status.st_mode & 07777), 0);
        }
    }
    (void)closedir(dir);
}

int64_t file_size(const char *path)
{
    struct stat status;
    cr_assert_eq(stat(path, &status), 0, "look at '%s': %m", path);
    return status.st_size;
}

static int open_to_change(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    cr_assert_geq(fd, 0, "open '%s': %m", path);
    return fd;
}

void file_flip_bit(const char *path, int64_t offset)
{
    uint8_t byte;
    int64_t at = offset < 0 ? file_size(path) + offset : offset;
    SCOPED(scoped_close) int fd = open_to_change(path);
    cr_assert_eq(pread(fd, &byte, 1, at), 1, "read byte %lld of '%s'", (long long)at, path);
    byte ^= 1U << 3;
    cr_assert_eq(pwrite(fd, &byte, 1, at), 1);
}

void file_swap(const char *path, int64_t a, int64_t b, size_t len)
{
    SCOPED(scoped_close) int fd = open_to_change(path);
    SCOPED(scoped_free) uint8_t *first = malloc(len);
    SCOPED(scoped_free) uint8_t *second = malloc(len);
    cr_assert(first != NULL && second != NULL);
    cr_assert_eq(pread(fd, first, len, a), (ssize_t)len);
    cr_assert_eq(pread(fd, second, len, b), (ssize_t)len);
    cr_assert_eq(pwrite(fd, second, len, a), (ssize_t)len);
    cr_assert_eq(pwrite(fd, first, len, b), (ssize_t)len);
}

bool folder_holds(const char *path, struct slice wanted, char ret_path[FOLDER_PATH_SIZE])
{
    DIR *dir = opendir(path);
    cr_assert_not_null(dir, "open folder '%s': %m", path);
    bool found = false;
    for (struct dirent *entry = readdir(dir); entry != NULL && !found; entry = readdir(dir)) {
        char name[FOLDER_PATH_SIZE + sizeof(entry->d_name) + 1];
        struct stat status;
        (void)snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        if (lstat(name, &status) != 0 || !S_ISREG(status.st_mode)) {
            continue;
        }
        SCOPED(buf_fini) struct buf content;
        file_load(name, &content);
        found = content.len >= wanted.len && memmem(content.data, content.len, wanted.data, wanted.len) != NULL;
        if (found) {
            cr_assert_lt(snprintf(ret_path, FOLDER_PATH_SIZE, "%s", name), FOLDER_PATH_SIZE);
        }
    }
    (void)closedir(dir);
    return found;
}
