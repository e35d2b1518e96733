#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/vault/shell/shell.h"

enum { COPY_MODE = 0600, PIECE_BYTES = 64 * 1024 };

static const char *const PARTS[] = { "", "-wal", ".keys", ".keys.prev", ".fresh", ".rekey" };

/* Not copy_file_range everywhere: between file systems it is not to be had. */
static enum err_code copy_bytes(int from, int to, const char *name, struct error *err)
{
    static uint8_t piece[PIECE_BYTES];
    for (;;) {
        ssize_t got = copy_file_range(from, NULL, to, NULL, 1 << 30, 0);
        if (got < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) {
            got = read(from, piece, sizeof(piece));
            if (got > 0 && write(to, piece, (size_t)got) != got) {
                return error_errno(err, "copy '%s'", name);
            }
        }
        if (got <= 0) {
            return got == 0 ? ERR_OK : error_errno(err, "copy '%s'", name);
        }
    }
}

static enum err_code copy_part(const char *path, const char *part, const struct replica_copy *copy, struct error *err)
{
    char name[PATH_MAX];
    char target[PATH_MAX];
    if (snprintf(name, sizeof(name), "%s%s", path, part) >= (int)sizeof(name) ||
        snprintf(target, sizeof(target), "%s%s", copy->path, part) >= (int)sizeof(target)) {
        return FAIL(err, INVALID, "copy '%s%s': the path is too long", path, part);
    }
    SCOPED(scoped_close) int from = open(name, O_RDONLY | O_CLOEXEC);
    if (from < 0) {
        return errno == ENOENT ? ERR_OK : error_errno(err, "open '%s'", name);
    }
    SCOPED(scoped_close) int to = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, COPY_MODE);
    if (to < 0) {
        return error_errno(err, "make '%s'", target);
    }
    return copy_bytes(from, to, name, err);
}

/* The lock of an open file description: it does not touch the locks that SQLite has in this process. */
static enum err_code keep_agents_out(int fd, const char *path, struct error *err)
{
    struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0) {
        return ERR_OK;
    }
    if (errno != EAGAIN && errno != EACCES) {
        return error_errno(err, "lock '%s'", path);
    }
    return FAIL(err, BUSY, "open '%s': an agent has it open; lock it first with 'holdfast lock', or stop it", path);
}

static enum err_code folder_make(struct replica_copy *copy, struct error *err)
{
    const char *given = getenv("TMPDIR");
    const char *parent = given != NULL && given[0] == '/' ? given : "/var/tmp"; /* on a disk: a replica may be large */
    if (snprintf(copy->folder, sizeof(copy->folder), "%s/holdfast-vault-XXXXXX", parent) >= (int)sizeof(copy->folder)) {
        return FAIL(err, INVALID, "make a folder in '%s': the path is too long", parent);
    }
    if (mkdtemp(copy->folder) == NULL) {
        enum err_code rc = error_errno(err, "make a folder in '%s'", parent);
        copy->folder[0] = '\0';
        return rc;
    }
    return snprintf(copy->path, sizeof(copy->path), "%s/replica.db", copy->folder) < (int)sizeof(copy->path)
               ? ERR_OK
               : FAIL(err, INVALID, "make a folder in '%s': the path is too long", parent);
}

enum err_code copy_make(const char *path, struct replica_copy *ret_copy, struct error *err)
{
    struct replica_copy copy = { .folder = "" };
    SCOPED(scoped_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return error_errno(err, "open '%s'", path);
    }
    TRY(keep_agents_out(fd, path, err));
    enum err_code rc = folder_make(&copy, err);
    for (size_t i = 0; i < ARRAY_LEN(PARTS) && rc == ERR_OK; i++) {
        rc = copy_part(path, PARTS[i], &copy, err);
    }
    if (rc != ERR_OK) {
        copy_remove(&copy);
        return rc;
    }
    *ret_copy = copy;
    return ERR_OK;
}

void copy_remove(struct replica_copy *copy)
{
    char name[PATH_MAX];
    for (size_t i = 0; i < ARRAY_LEN(PARTS) && copy->folder[0] != '\0'; i++) {
        if (snprintf(name, sizeof(name), "%s%s", copy->path, PARTS[i]) < (int)sizeof(name)) {
            (void)unlink(name);
        }
    }
    if (copy->folder[0] != '\0') {
        (void)rmdir(copy->folder);
    }
    *copy = (struct replica_copy){ .folder = "" };
}
