#include "tests/support/wait.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void sleep_ms(int ms)
{
    struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

uint16_t keep_port(const char *address)
{
    struct sockaddr_in ipv4 = { .sin_family = AF_INET };
    struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6 };
    bool is_ipv6 = strchr(address, ':') != NULL;
    struct sockaddr *where = is_ipv6 ? (struct sockaddr *)&ipv6 : (struct sockaddr *)&ipv4;
    socklen_t len = is_ipv6 ? sizeof(ipv6) : sizeof(ipv4);
    int on = 1;
    int fd = socket(where->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(fd, 0);
    cr_assert_eq(inet_pton(where->sa_family, address, is_ipv6 ? (void *)&ipv6.sin6_addr : (void *)&ipv4.sin_addr), 1);
    cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    cr_assert_eq(bind(fd, where, len), 0, "%s: %m", address);
    cr_assert_eq(getsockname(fd, where, &len), 0);
    return ntohs(is_ipv6 ? ipv6.sin6_port : ipv4.sin_port);
}
