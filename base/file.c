#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_STEP = 16384, FOLDER_MODE = 0700 };

enum err_code file_read(const char *path, struct buf *out, struct error *err)
{
    SCOPED(scoped_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return error_errno(err, "open '%s'", path);
    }
    for (;;) {
        uint8_t step[READ_STEP];
        ssize_t got = read(fd, step, sizeof(step));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return error_errno(err, "read '%s'", path);
        }
        if (got == 0) {
            return ERR_OK;
        }
        enum err_code rc = buf_append(out, step, (size_t)got, err);
        if (rc != ERR_OK) {
            return error_wrap(err, rc, "read '%s'", path);
        }
    }
}

static enum err_code write_all(int fd, struct slice content, const char *path, struct error *err)
{
    while (content.len > 0) {
        ssize_t put = write(fd, content.data, content.len);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return error_errno(err, "write '%s'", path);
        }
        content.data += put;
        content.len -= (size_t)put;
    }
    return fsync(fd) == 0 ? ERR_OK : error_errno(err, "fsync '%s'", path);
}

enum err_code file_sync_folder(const char *path, struct error *err)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    (void)snprintf(folder, sizeof(folder), "%.*s", slash == NULL ? 1 : (int)(slash - path) + 1,
                   slash == NULL ? "." : path);
    SCOPED(scoped_close) int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        return error_errno(err, "fsync folder '%s'", folder);
    }
    return ERR_OK;
}

static enum err_code write_temporary(const char *path, struct slice content, mode_t mode, struct error *err)
{
    SCOPED(scoped_close) int fd = -1;
    (void)unlink(path); /* of a write that was cut: whoever made it, its mode and its open descriptors are not ours */
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) {
        return error_errno(err, "make '%s'", path);
    }
    return write_all(fd, content, path, err);
}

enum err_code file_replace(const char *path, struct slice content, mode_t mode, struct error *err)
{
    char temporary[PATH_MAX];
    if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary)) {
        return FAIL(err, INVALID, "use a path of more than %d bytes", PATH_MAX - 5);
    }
    enum err_code rc = write_temporary(temporary, content, mode, err);
    if (rc == ERR_OK && rename(temporary, path) != 0) {
        rc = error_errno(err, "rename '%s'", temporary);
    }
    if (rc != ERR_OK) {
        (void)unlink(temporary);
        return rc;
    }
    return file_sync_folder(path, err);
}

enum err_code folder_ensure(const char *path, struct error *err)
{
    char partial[PATH_MAX];
    if (path[0] == '\0' || strlen(path) >= sizeof(partial)) {
        return FAIL(err, INVALID, "use '%s' as a folder", path);
    }
    for (size_t i = 1; i <= strlen(path); i++) {
        if (path[i] != '/' && path[i] != '\0') {
            continue;
        }
        memcpy(partial, path, i);
        partial[i] = '\0';
        if (mkdir(partial, FOLDER_MODE) != 0 && errno != EEXIST) {
            return error_errno(err, "make folder '%s'", partial);
        }
    }
    return ERR_OK;
}

bool file_exists(const char *path)
{
    struct stat unused;
    return lstat(path, &unused) == 0 || (errno != ENOENT && errno != ENOTDIR);
}
