#include "tests/bench/common/proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/common/bench.h"

enum { PIPES_MAX = 512, PIECE = 65536 };

struct pipe {
    struct proxy *proxy;
    pthread_t thread;
    int from;
    int to;
    bool up;
};

struct proxy {
    int listener;
    uint16_t port;
    uint16_t target_port;
    pthread_t thread;
    struct pipe pipes[PIPES_MAX]; /* two a connection; the accepting thread's until it has ended */
    size_t pipe_count;
    atomic_uint_fast64_t connections;
    atomic_uint_fast64_t bytes[2]; /* down, up */
    atomic_int_fast64_t first_ns;
    atomic_int_fast64_t last_ns;
};

static bool send_all(int to, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(to, data, len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            return false;
        }
        data += sent;
        len -= (size_t)sent;
    }
    return true;
}

static void *pass_on(void *context)
{
    struct pipe *pipe = context;
    struct proxy *proxy = pipe->proxy;
    char piece[PIECE];
    for (;;) {
        ssize_t got = recv(pipe->from, piece, sizeof(piece), 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        int_fast64_t none = 0;
        int64_t now_ns = bench_now_ns();
        if (pipe->up) {
            (void)atomic_compare_exchange_strong(&proxy->first_ns, &none, now_ns);
        } else {
            atomic_store(&proxy->last_ns, now_ns);
        }
        atomic_fetch_add(&proxy->bytes[pipe->up], (uint64_t)got);
        if (!send_all(pipe->to, piece, (size_t)got)) {
            (void)shutdown(pipe->from, SHUT_RD);
            break;
        }
    }
    (void)shutdown(pipe->to, SHUT_WR);
    return NULL;
}

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static int dial(uint16_t port)
{
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        bench_die("connect to the centre: %s", strerror(errno));
    }
    return fd;
}

static void join_ends(struct proxy *proxy, int from, int to, bool up)
{
    CHECK(proxy->pipe_count < PIPES_MAX);
    struct pipe *pipe = &proxy->pipes[proxy->pipe_count++];
    *pipe = (struct pipe){ .proxy = proxy, .from = from, .to = to, .up = up };
    CHECK(pthread_create(&pipe->thread, NULL, pass_on, pipe) == 0);
}

static void *accept_all(void *context)
{
    struct proxy *proxy = context;
    for (;;) {
        int near = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC);
        if (near < 0 && errno == EINTR) {
            continue;
        }
        if (near < 0) {
            return NULL; /* proxy_stop shut it */
        }
        int on = 1;
        (void)setsockopt(near, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        int far = dial(proxy->target_port);
        atomic_fetch_add(&proxy->connections, 1);
        join_ends(proxy, near, far, true);
        join_ends(proxy, far, near, false);
    }
}

struct proxy *proxy_start(uint16_t port, uint16_t target_port)
{
    struct proxy *proxy = calloc(1, sizeof(*proxy));
    struct sockaddr_in address = loopback(port);
    socklen_t len = sizeof(address);
    int on = 1;
    CHECK(proxy != NULL);
    proxy->target_port = target_port;
    proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (proxy->listener < 0 || setsockopt(proxy->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(proxy->listener, (struct sockaddr *)&address, len) != 0 || listen(proxy->listener, 16) != 0 ||
        getsockname(proxy->listener, (struct sockaddr *)&address, &len) != 0) {
        bench_die("listen on port %u: %s", port, strerror(errno));
    }
    proxy->port = ntohs(address.sin_port);
    CHECK(pthread_create(&proxy->thread, NULL, accept_all, proxy) == 0);
    return proxy;
}

uint16_t proxy_port(const struct proxy *proxy)
{
    return proxy->port;
}

void proxy_count(const struct proxy *proxy, struct proxy_count *ret_count)
{
    *ret_count = (struct proxy_count){ .connections = atomic_load(&proxy->connections),
                                       .bytes_up = atomic_load(&proxy->bytes[1]),
                                       .bytes_down = atomic_load(&proxy->bytes[0]),
                                       .first_ns = atomic_load(&proxy->first_ns),
                                       .last_ns = atomic_load(&proxy->last_ns) };
}

void proxy_stop(struct proxy *proxy)
{
    (void)shutdown(proxy->listener, SHUT_RDWR);
    (void)pthread_join(proxy->thread, NULL);
    (void)close(proxy->listener);
    for (size_t i = 0; i < proxy->pipe_count; i++) {
        (void)shutdown(proxy->pipes[i].from, SHUT_RDWR);
    }
    for (size_t i = 0; i < proxy->pipe_count; i++) {
        (void)pthread_join(proxy->pipes[i].thread, NULL);
    }
    for (size_t i = 0; i < proxy->pipe_count; i++) {
        (void)close(proxy->pipes[i].from); /* every descriptor is one pipe's `from` */
    }
    free(proxy);
}
