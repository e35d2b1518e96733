#include "agent/cli/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cli/memory.h"
#include "base/file.h"

enum { TRIES_MAX = 1000, OWNER_ONLY = 0600 };

static enum err_code check_ordinary(const char *path, struct error *err)
{
    struct stat about;
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode)) {
        return FAIL(err, INVALID, "write '%s': it is not an ordinary file", path);
    }
    return ERR_OK;
}

enum err_code outfile_write(const char *path, struct slice content, struct error *err)
{
    TRY(check_ordinary(path, err));
    return file_replace(path, content, OWNER_ONLY, err);
}

/* ---- in parts ---- */

static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
static char unfinished[OUTFILE_PATH_MAX]; /* "": none */

static void remove_unfinished(int number)
{
    (void)unlink(unfinished);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

/* A signal that somebody ignores goes on being ignored. */
static void guard(const char *temporary)
{
    (void)snprintf(unfinished, sizeof(unfinished), "%s", temporary);
    for (size_t i = 0; i < ARRAY_LEN(ending); i++) {
        if (signal(ending[i], remove_unfinished) == SIG_IGN) {
            (void)signal(ending[i], SIG_IGN);
        }
    }
}

static void unguard(void)
{
    for (size_t i = 0; i < ARRAY_LEN(ending); i++) {
        if (signal(ending[i], SIG_DFL) == SIG_IGN) {
            (void)signal(ending[i], SIG_IGN);
        }
    }
    unfinished[0] = '\0';
}

enum err_code outfile_begin(const char *path, struct outfile *ret_file, struct error *err)
{
    *ret_file = (struct outfile){ .path = path, .fd = -1 };
    TRY(check_ordinary(path, err));
    int len = snprintf(ret_file->temporary, sizeof(ret_file->temporary), "%s.new", path);
    if (len >= (int)sizeof(ret_file->temporary)) {
        return FAIL(err, INVALID, "use a path of more than %d bytes", OUTFILE_PATH_MAX - 5);
    }
    (void)unlink(ret_file->temporary); /* of a write that was cut */
    ret_file->fd = open(ret_file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, OWNER_ONLY);
    if (ret_file->fd < 0) {
        return error_errno(err, "make '%s'", ret_file->temporary);
    }
    guard(ret_file->temporary);
    return ERR_OK;
}

enum err_code outfile_put(struct outfile *file, struct slice part, struct error *err)
{
    while (part.len > 0) {
        ssize_t put = write(file->fd, part.data, part.len);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return error_errno(err, "write '%s'", file->temporary);
        }
        part = slice_of(part.data + put, part.len - (size_t)put);
        file->bytes += (uint64_t)put;
    }
    return ERR_OK;
}

enum err_code outfile_keep(struct outfile *file, struct error *err)
{
    if (fsync(file->fd) != 0) {
        return error_errno(err, "fsync '%s'", file->temporary);
    }
    if (rename(file->temporary, file->path) != 0) {
        return error_errno(err, "rename '%s'", file->temporary);
    }
    (void)close(file->fd);
    file->fd = -1;
    unguard();
    return file_sync_folder(file->path, err);
}

void outfile_fini(struct outfile *file)
{
    if (file->fd >= 0) {
        (void)close(file->fd);
        (void)unlink(file->temporary);
        file->fd = -1;
        unguard();
    }
}

char *outfile_beside(const char *path, const char *word)
{
    const char *name = strcmp(path, "-") == 0 ? "import.csv" : path;
    const char *slash = strrchr(name, '/');
    const char *dot = strrchr(slash == NULL ? name : slash, '.');
    int stem = dot == NULL || dot == name || dot[-1] == '/' ? (int)strlen(name) : (int)(dot - name);
    char *made = NULL;
    for (int attempt = 1; attempt <= TRIES_MAX; attempt++) {
        free(made);
        int len = attempt == 1 ? asprintf(&made, "%.*s.%s.csv", stem, name, word)
                               : asprintf(&made, "%.*s.%s-%d.csv", stem, name, word, attempt);
        must_have(len < 0 ? NULL : made);
        if (!file_exists(made)) {
            break;
        }
    }
    return made;
}
