#include "tests/support/gate.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CREDENTIALS "Proxy-Authorization: Basic bmFtZTpzZWNyZXQ=" /* name:secret */

static void forward(int a, int b)
{
    char bytes[4096];
    struct pollfd fds[2] = { { .fd = a, .events = POLLIN }, { .fd = b, .events = POLLIN } };
    while (poll(fds, 2, -1) > 0) {
        for (int i = 0; i < 2; i++) {
            ssize_t got = fds[i].revents != 0 ? read(fds[i].fd, bytes, sizeof(bytes)) : 1;
            if (got <= 0 || (fds[i].revents != 0 && write(fds[1 - i].fd, bytes, (size_t)got) != got)) {
                return;
            }
        }
    }
}

static void pass_through(struct gate *gate, int client, const char *target)
{
    char *colon = strrchr(target, ':');
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10)),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    static const char yes[] = "HTTP/1.1 200 OK\r\n\r\n";
    if (connect(server, (struct sockaddr *)&address, sizeof(address)) == 0 &&
        write(client, yes, sizeof(yes) - 1) == (ssize_t)sizeof(yes) - 1) {
        gate->passed++;
        forward(client, server);
    }
    (void)close(server);
}

static void serve_gate(struct gate *gate, int client)
{
    char request[4096];
    char target[256];
    size_t len = 0;
    do {
        ssize_t got = read(client, request + len, sizeof(request) - 1 - len);
        if (got <= 0) {
            return;
        }
        len += (size_t)got;
        request[len] = '\0';
    } while (strstr(request, "\r\n\r\n") == NULL);
    int status = gate->status != 0 ? gate->status : strstr(request, CREDENTIALS) == NULL ? 407 : 200;
    if (status == 200 && sscanf(request, "CONNECT %255s", target) == 1) {
        pass_through(gate, client, target);
        return;
    }
    char answer[256];
    int size = snprintf(answer, sizeof(answer),
                        "HTTP/1.1 %d No\r\nProxy-Authenticate: Basic realm=\"office\"\r\nContent-Length: 0\r\n"
                        "Connection: close\r\n\r\n",
                        status);
    (void)!write(client, answer, (size_t)size);
}

static void *work(void *context)
{
    struct gate *gate = context;
    int client;
    while ((client = accept4(gate->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        serve_gate(gate, client);
        (void)close(client);
    }
    return NULL;
}

void gate_open(struct gate *gate, int status)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(address);
    *gate = (struct gate){ .status = status, .listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    cr_assert(bind(gate->listener, (struct sockaddr *)&address, len) == 0 && listen(gate->listener, 8) == 0);
    cr_assert_eq(getsockname(gate->listener, (struct sockaddr *)&address, &len), 0);
    gate->port = ntohs(address.sin_port);
    cr_assert_eq(pthread_create(&gate->thread, NULL, work, gate), 0);
}

void gate_close(struct gate *gate)
{
    (void)shutdown(gate->listener, SHUT_RDWR);
    (void)pthread_join(gate->thread, NULL);
    (void)close(gate->listener);
}
