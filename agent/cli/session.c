#include "agent/cli/session.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "crypto/secret.h"
#include "sync/edge/local_client.h"

/* FNV-1a: two agents of a user have files of their own. */
static uint64_t name_of(const char *text)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (; *text != '\0'; text++) {
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    }
    return hash;
}

bool session_path(const char *socket_path, char ret_path[SESSION_PATH_SIZE])
{
    char folder[SESSION_PATH_SIZE];
    const char *given = getenv("XDG_RUNTIME_DIR");
    int len = given != NULL && given[0] == '/'
                  ? snprintf(folder, sizeof(folder), "%s", given)
                  : snprintf(folder, sizeof(folder), "/run/user/%lu", (unsigned long)geteuid());
    struct stat found;
    if (len < 0 || (size_t)len >= sizeof(folder) || stat(folder, &found) != 0 || found.st_uid != geteuid() ||
        !S_ISDIR(found.st_mode)) {
        return false;
    }
    len = snprintf(ret_path, SESSION_PATH_SIZE, "%.500s/holdfast-%016" PRIx64, folder, name_of(socket_path));
    return len > 0 && len < SESSION_PATH_SIZE;
}

void session_use(const char *socket_path)
{
    char path[SESSION_PATH_SIZE];
    char token[SESSION_TOKEN_MAX + 1] = "";
    local_authorize(NULL);
    int fd = session_path(socket_path, path) ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (fd < 0) {
        return;
    }
    struct stat found;
    ssize_t got = -1;
    if (fstat(fd, &found) == 0 && found.st_uid == geteuid() && (found.st_mode & 077) == 0) {
        got = read(fd, token, SESSION_TOKEN_MAX);
    }
    (void)close(fd);
    if (got > 0) {
        token[got] = '\0';
        token[strspn(token, "0123456789abcdef")] = '\0';
        local_authorize(token);
    }
    secret_wipe(token, sizeof(token));
}

enum err_code session_keep(const char *socket_path, const char *token, struct error *err)
{
    char path[SESSION_PATH_SIZE];
    if (!session_path(socket_path, path)) {
        return FAIL(err, CONFIG, "keep the sign-in: there is no runtime folder of this user; set XDG_RUNTIME_DIR");
    }
    (void)unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return error_errno(err, "keep the sign-in");
    }
    size_t len = strlen(token);
    bool written = write(fd, token, len) == (ssize_t)len;
    return close(fd) == 0 && written ? ERR_OK : error_errno(err, "keep the sign-in");
}

void session_forget(const char *socket_path)
{
    char path[SESSION_PATH_SIZE];
    if (session_path(socket_path, path)) {
        (void)unlink(path);
    }
    local_authorize(NULL);
}
