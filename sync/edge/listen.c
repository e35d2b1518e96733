#include "sync/edge/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_BACKLOG 128

static enum err_code unix_address(const char *path, struct sockaddr_un *ret_address, struct error *err)
{
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof(ret_address->sun_path)) {
        return FAIL(err, CONFIG, "use a socket path of 1 to %zu bytes: '%s'", sizeof(ret_address->sun_path) - 1, path);
    }
    *ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    memcpy(ret_address->sun_path, path, len + 1);
    return ERR_OK;
}

/* Takes a socket file away that nobody listens on any more. */
static enum err_code clear_stale(const struct sockaddr_un *address, struct error *err)
{
    struct stat status;
    if (lstat(address->sun_path, &status) != 0) {
        return errno == ENOENT ? ERR_OK : error_errno(err, "look at '%s'", address->sun_path);
    }
    if (!S_ISSOCK(status.st_mode)) {
        return FAIL(err, CONFLICT, "make socket '%s': something else is there", address->sun_path);
    }
    SCOPED(scoped_close) int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0) {
        return error_errno(err, "make a socket");
    }
    if (connect(probe, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN) {
        return FAIL(err, BUSY, "make socket '%s': another service listens there", address->sun_path);
    }
    if (errno != ECONNREFUSED) {
        return error_errno(err, "look at socket '%s'", address->sun_path);
    }
    return unlink(address->sun_path) == 0 || errno == ENOENT
               ? ERR_OK
               : error_errno(err, "take away the old socket '%s'", address->sun_path);
}

enum err_code listen_unix(const char *path, mode_t mode, int *ret_fd, struct error *err)
{
    struct sockaddr_un address;
    TRY(unix_address(path, &address, err));
    TRY(clear_stale(&address, err));
    SCOPED(scoped_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return error_errno(err, "make a socket");
    }
    /* On Linux the file takes the descriptor's mode, so it is never there with a wider one; chmod undoes the umask. */
    if (fchmod(fd, mode) != 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        return error_errno(err, "make socket '%s'", path);
    }
    if (chmod(path, mode) != 0 || listen(fd, LISTEN_BACKLOG) != 0) {
        enum err_code rc = error_errno(err, "listen on socket '%s'", path);
        (void)unlink(path);
        return rc;
    }
    *ret_fd = fd;
    fd = -1;
    return ERR_OK;
}

static uint16_t port_of(const struct sockaddr_storage *address)
{
    return ntohs(address->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)(const void *)address)->sin6_port
                                                : ((const struct sockaddr_in *)(const void *)address)->sin_port);
}

static enum err_code listen_on(const struct addrinfo *where, const char *host, int *ret_fd, uint16_t *ret_port,
                               struct error *err)
{
    SCOPED(scoped_close)
    int fd = socket(where->ai_family, where->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, where->ai_protocol);
    if (fd < 0) {
        return error_errno(err, "make a socket");
    }
    int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, where->ai_addr, where->ai_addrlen) != 0 || listen(fd, LISTEN_BACKLOG) != 0) {
        return error_errno(err, "listen on '%s'", host);
    }
    struct sockaddr_storage bound;
    socklen_t bound_len = sizeof(bound);
    if (getsockname(fd, (struct sockaddr *)&bound, &bound_len) != 0) {
        return error_errno(err, "ask for the port of '%s'", host);
    }
    *ret_port = port_of(&bound);
    *ret_fd = fd;
    fd = -1;
    return ERR_OK;
}

enum err_code listen_tcp(const char *host, uint16_t port, int *ret_fd, uint16_t *ret_port, struct error *err)
{
    char service[8];
    (void)snprintf(service, sizeof(service), "%u", port);
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
    struct addrinfo *found = NULL;
    int rc_lookup = getaddrinfo(host, service, &hints, &found);
    if (rc_lookup != 0) {
        return FAIL(err, CONFIG, "find the address '%s' to listen on: %s", host, gai_strerror(rc_lookup));
    }
    enum err_code rc = listen_on(found, host, ret_fd, ret_port, err);
    freeaddrinfo(found);
    return rc;
}
