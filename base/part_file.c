#include "base/part_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

enum { OWNER_ONLY = 0600 };

static enum err_code look(const char *path, bool replace, struct error *err)
{
    struct stat about;
    if (lstat(path, &about) != 0) {
        return ERR_OK;
    }
    if (!S_ISREG(about.st_mode)) {
        return FAIL(err, INVALID, "write '%s': it is not an ordinary file", path);
    }
    return replace ? ERR_OK : FAIL(err, CONFLICT, "write '%s': it is there already; --force replaces it", path);
}

/* One that a kill left behind is taken over; one that is being written, or was renamed meanwhile, is not. */
static enum err_code part_take(const struct part_file *file, struct error *err)
{
    struct stat opened;
    struct stat named;
    if (flock(file->fd, LOCK_EX | LOCK_NB) != 0 && errno != EWOULDBLOCK) {
        return error_errno(err, "lock '%s'", file->part);
    }
    if (flock(file->fd, LOCK_EX | LOCK_NB) != 0 || fstat(file->fd, &opened) != 0 || lstat(file->part, &named) != 0 ||
        opened.st_dev != named.st_dev || opened.st_ino != named.st_ino) {
        return FAIL(err, CONFLICT, "write '%s': another one is just being written to it", file->path);
    }
    return S_ISREG(opened.st_mode) ? ERR_OK : FAIL(err, INVALID, "write '%s': it is not an ordinary file", file->part);
}

enum err_code part_file_begin(struct part_file *file, const char *path, bool replace, struct error *err)
{
    *file = (struct part_file){ .replace = replace, .fd = -1 };
    if (snprintf(file->path, sizeof(file->path), "%s", path) >= (int)sizeof(file->path) ||
        snprintf(file->part, sizeof(file->part), "%s.part", path) >= (int)sizeof(file->part)) {
        return FAIL(err, INVALID, "write the file: its path is too long");
    }
    TRY(look(path, replace, err));
    file->fd = open(file->part, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, OWNER_ONLY);
    if (file->fd < 0) {
        return error_errno(err, "make '%s'", file->part);
    }
    enum err_code rc = part_take(file, err);
    if (rc != ERR_OK) {
        (void)close(file->fd); /* it is another's: not to be removed */
        file->fd = -1;
        return rc;
    }
    return ftruncate(file->fd, 0) == 0 && fchmod(file->fd, OWNER_ONLY) == 0 ? ERR_OK
                                                                            : error_errno(err, "make '%s'", file->part);
}

enum err_code part_file_put(struct part_file *file, struct slice bytes, struct error *err)
{
    while (bytes.len > 0) {
        ssize_t put = write(file->fd, bytes.data, bytes.len);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return error_errno(err, "write '%s'", file->part);
        }
        bytes = slice_of(bytes.data + put, bytes.len - (size_t)put);
    }
    return ERR_OK;
}

/* Some file systems cannot refuse to replace: there a second look must do. */
static enum err_code put_in_place(const struct part_file *file, struct error *err)
{
    if (!file->replace) {
        if (renameat2(AT_FDCWD, file->part, AT_FDCWD, file->path, RENAME_NOREPLACE) == 0) {
            return ERR_OK;
        }
        if (errno == EEXIST) {
            return look(file->path, false, err);
        }
        if (errno != EINVAL && errno != ENOSYS) {
            return error_errno(err, "rename '%s'", file->part);
        }
        TRY(look(file->path, false, err));
    }
    return rename(file->part, file->path) == 0 ? ERR_OK : error_errno(err, "rename '%s'", file->part);
}

enum err_code part_file_keep(struct part_file *file, struct error *err)
{
    if (fsync(file->fd) != 0) {
        return error_errno(err, "fsync '%s'", file->part);
    }
    TRY(put_in_place(file, err));
    int fd = file->fd;
    file->fd = -1;
    if (close(fd) != 0) {
        return error_errno(err, "close '%s'", file->path);
    }
    return file_sync_folder(file->path, err);
}

void part_file_drop(struct part_file *file)
{
    if (file->fd >= 0) {
        (void)unlink(file->part);
        (void)close(file->fd);
        file->fd = -1;
    }
}
