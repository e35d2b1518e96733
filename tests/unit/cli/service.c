#include "service.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/cli/command.h"

enum { REQUEST_MAX = 1 << 20, ARGUMENTS_MAX = 16 };

static size_t content_length(const char *head)
{
    const char *at = strcasestr(head, "\r\nContent-Length:");
    return at == NULL ? 0 : (size_t)strtoul(at + 17, NULL, 10);
}

/* Reads one request whole and remembers it. */
static void take(struct service *service, int fd)
{
    char *text = calloc(1, REQUEST_MAX);
    size_t len = 0;
    for (;;) {
        char *end = strstr(text, "\r\n\r\n");
        if (end != NULL && len >= (size_t)(end + 4 - text) + content_length(text)) {
            break;
        }
        ssize_t got = read(fd, text + len, REQUEST_MAX - 1 - len);
        if (got <= 0) {
            break;
        }
        len += (size_t)got;
    }
    if (service->asked_count < ASKED_MAX) {
        struct asked *asked = &service->asked[service->asked_count++];
        char *end = strstr(text, "\r\n\r\n");
        asked->body = strdup(end == NULL ? "" : end + 4);
        char *version = strstr(text, " HTTP/");
        snprintf(asked->line, sizeof(asked->line), "%.*s", version == NULL ? 0 : (int)(version - text), text);
    }
    free(text);
}

static void answer(int fd, const struct canned *canned)
{
    char head[200];
    int len = snprintf(head, sizeof(head),
                       "HTTP/1.1 %d Answer\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                       "Connection: close\r\n\r\n",
                       canned->status, strlen(canned->body));
    (void)!write(fd, head, (size_t)len);
    size_t sent = 0;
    while (sent < strlen(canned->body)) {
        ssize_t step = write(fd, canned->body + sent, strlen(canned->body) - sent);
        if (step <= 0) {
            break;
        }
        sent += (size_t)step;
    }
}

static void *serve(void *context)
{
    struct service *service = context;
    for (size_t i = 0;; i++) {
        int fd = accept(service->listener, NULL, NULL);
        if (fd < 0) {
            return NULL;
        }
        take(service, fd);
        answer(fd, &service->canned[i < service->canned_count ? i : service->canned_count - 1]);
        close(fd);
    }
}

void service_start(struct service *service, const struct canned *canned, size_t count)
{
    cr_assert_leq(count, ASKED_MAX);
    *service = (struct service){ .canned_count = count };
    memcpy(service->canned, canned, count * sizeof(*canned));
    snprintf(service->folder, sizeof(service->folder), "/tmp/cli-test-XXXXXX");
    cr_assert_not_null(mkdtemp(service->folder));
    snprintf(service->socket_path, sizeof(service->socket_path), "%s/agent.sock", service->folder);
    service->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", service->socket_path);
    cr_assert_eq(bind(service->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(service->listener, 8), 0);
    cr_assert_eq(pthread_create(&service->thread, NULL, serve, service), 0);
}

void service_stop(struct service *service)
{
    shutdown(service->listener, SHUT_RDWR);
    pthread_join(service->thread, NULL);
    close(service->listener);
    unlink(service->socket_path);
    rmdir(service->folder);
    for (size_t i = 0; i < service->asked_count; i++) {
        free(service->asked[i].body);
        service->asked[i].body = NULL;
    }
}

struct outcome_of_run run_words(const struct service *service, const char *const *words)
{
    char *argv[ARGUMENTS_MAX + 4] = { strdup("holdfast") };
    int argc = 1;
    for (size_t i = 0; words[i] != NULL && i < ARGUMENTS_MAX; i++) {
        argv[argc++] = strdup(words[i]);
    }
    argv[argc++] = strdup("--socket");
    argv[argc++] = strdup(service->socket_path);
    char *owned[ARGUMENTS_MAX + 4];
    memcpy(owned, argv, sizeof(argv)); /* argp reorders */
    struct outcome_of_run run = { 0 };
    size_t out_size = 0;
    size_t err_size = 0;
    FILE *out = open_memstream(&run.out, &out_size);
    FILE *err = open_memstream(&run.err, &err_size);
    run.code = (int)cli_main(argc, argv, out, err);
    fclose(out);
    fclose(err);
    for (int i = 0; i < argc; i++) {
        free(owned[i]);
    }
    return run;
}

void run_free(struct outcome_of_run *run)
{
    free(run->out);
    free(run->err);
}

struct outcome_of_run run_once(struct service *service, int status, const char *body, const char *const *words)
{
    const struct canned canned = { status, body };
    service_start(service, &canned, 1);
    struct outcome_of_run run = run_words(service, words);
    shutdown(service->listener, SHUT_RDWR);
    return run;
}

bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}
