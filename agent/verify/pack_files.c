#include "agent/verify/pack_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 3 };

/* "ops/0001/header.cbor": parts of letters, digits, '.', '_' and '-', none of them beginning with a dot. */
static bool path_possible(const char *path)
{
    char before = '/';
    size_t len = strlen(path);
    for (size_t i = 0; i < len; i++) {
        char c = path[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
        if (!plain && (before == '/' || (c != '.' && c != '/'))) {
            return false;
        }
        before = c;
    }
    return len > 0 && len < PACK_PATH_SIZE && before != '/';
}

enum err_code pack_files_add(struct pack_files *files, const char *path, struct slice content, struct error *err)
{
    if (!path_possible(path)) {
        return FAIL(err, INVALID, "read the pack: a file or folder in it has a name that no pack has");
    }
    if (files->count == PACK_FILES_MAX) {
        return FAIL(err, LIMIT, "read the pack: more than %d files", PACK_FILES_MAX);
    }
    if (files->count == files->capacity) {
        size_t capacity = files->capacity == 0 ? 64 : 2 * files->capacity;
        struct pack_file *grown = reallocarray(files->files, capacity, sizeof(*grown));
        if (grown == NULL) {
            return FAIL(err, NO_MEMORY, "read the pack: %zu files", capacity);
        }
        files->files = grown;
        files->capacity = capacity;
    }
    struct pack_file file = { .size = content.len };
    strcpy(file.path, path);
    sha256(&content, 1, file.sha256);
    size_t kept = strcmp(path, PACK_MANIFEST) == 0 ? PACK_MANIFEST_MAX : PACK_KEPT_MAX;
    if (content.len > 0 && content.len <= kept) {
        uint8_t *copy = malloc(content.len);
        if (copy == NULL) {
            return FAIL(err, NO_MEMORY, "read the pack: a file of %zu bytes", content.len);
        }
        file.content = slice_of(memcpy(copy, content.data, content.len), content.len);
    }
    files->files[files->count++] = file;
    return ERR_OK;
}

void pack_files_fini(struct pack_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free((void *)(uintptr_t)files->files[i].content.data);
    }
    free(files->files);
    *files = (struct pack_files){ 0 };
}

static int by_path(const void *left, const void *right)
{
    const struct pack_file *a = left;
    const struct pack_file *b = right;
    return strcmp(a->path, b->path);
}

enum err_code pack_files_sort(struct pack_files *files, struct error *err)
{
    if (files->count > 0) {
        qsort(files->files, files->count, sizeof(*files->files), by_path);
    }
    for (size_t i = 1; i < files->count; i++) {
        if (strcmp(files->files[i - 1].path, files->files[i].path) == 0) {
            return FAIL(err, INVALID, "read the pack: '%s' is in it twice", files->files[i].path);
        }
    }
    return ERR_OK;
}

/* Where `path` is or would be. */
static size_t place_of(const struct pack_files *files, const char *path)
{
    size_t low = 0;
    size_t high = files->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(files->files[middle].path, path) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const struct pack_file *pack_file_find(const struct pack_files *files, const char *path)
{
    size_t place = place_of(files, path);
    return place < files->count && strcmp(files->files[place].path, path) == 0 ? &files->files[place] : NULL;
}

size_t pack_files_next(const struct pack_files *files, size_t index, const char *beginning)
{
    size_t place = place_of(files, beginning);
    place = place > index ? place : index;
    return place < files->count && strncmp(files->files[place].path, beginning, strlen(beginning)) == 0 ? place
                                                                                                        : files->count;
}

/* ---- from a folder ---- */

static void scoped_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

static void scoped_dir(DIR **dir)
{
    if (*dir != NULL) {
        (void)closedir(*dir);
    }
}

static enum err_code read_all(int fd, const char *path, struct buf *out, struct error *err)
{
    for (;;) {
        TRY(buf_reserve(out, 65536, err));
        ssize_t got = read(fd, out->data + out->len, 65536);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return error_errno(err, "read '%s' of the pack", path);
        }
        if (got == 0) {
            return ERR_OK;
        }
        out->len += (size_t)got;
    }
}

static enum err_code read_file(struct pack_files *files, int fd, const char *path, off_t size, struct error *err)
{
    if (size > (off_t)PACK_FILE_MAX) {
        return FAIL(err, LIMIT, "read '%s' of the pack: larger than %zu bytes", path, PACK_FILE_MAX);
    }
    SCOPED(buf_fini) struct buf content;
    buf_init(&content, PACK_FILE_MAX + 65536);
    TRY(read_all(fd, path, &content, err));
    return pack_files_add(files, path, buf_slice(&content), err);
}

static enum err_code read_folder(struct pack_files *files, int fd, const char *path, int depth, struct error *err);

static enum err_code read_entry(struct pack_files *files, int folder, const char *path, const char *name, int depth,
                                struct error *err)
{
    char whole[PACK_PATH_SIZE];
    struct stat about;
    int len = snprintf(whole, sizeof(whole), "%s%s%s", path, path[0] != '\0' ? "/" : "", name);
    if (len >= (int)sizeof(whole) || !path_possible(whole)) {
        return FAIL(err, INVALID, "read the pack: a file or folder in it has a name that no pack has");
    }
    SCOPED(scoped_fd) int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ELOOP) {
        return FAIL(err, INVALID, "read '%s' of the pack: it is a link, and a pack has none", whole);
    }
    if (fd < 0 || fstat(fd, &about) != 0) {
        return error_errno(err, "open '%s' of the pack", whole);
    }
    if (S_ISREG(about.st_mode)) {
        return read_file(files, fd, whole, about.st_size, err);
    }
    if (!S_ISDIR(about.st_mode) || depth == DEPTH_MAX) {
        return FAIL(err, INVALID, "read '%s' of the pack: it is neither a file nor a folder of a pack", whole);
    }
    int below = fd;
    fd = -1; /* read_folder closes it */
    return read_folder(files, below, whole, depth + 1, err);
}

static enum err_code read_folder(struct pack_files *files, int fd, const char *path, int depth, struct error *err)
{
    SCOPED(scoped_dir) DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        (void)close(fd);
        return error_errno(err, "list '%s' of the pack", path);
    }
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL) {
            return errno == 0 ? ERR_OK : error_errno(err, "list '%s' of the pack", path);
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            TRY(read_entry(files, dirfd(dir), path, entry->d_name, depth, err));
        }
    }
}

enum err_code pack_files_read(const char *folder, struct pack_files *ret_files, struct error *err)
{
    struct pack_files files = { 0 };
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return error_errno(err, "open the pack '%s'", folder);
    }
    enum err_code rc = read_folder(&files, fd, "", 1, err);
    if (rc == ERR_OK) {
        rc = pack_files_sort(&files, err);
    }
    if (rc != ERR_OK) {
        pack_files_fini(&files);
        return rc;
    }
    *ret_files = files;
    return ERR_OK;
}
