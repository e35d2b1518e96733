/*
 * A service on a unix socket that answers with what it was given, in that order, and remembers what it was asked; and a
 * command run against it inside the test's process.
 */
#ifndef TESTS_UNIT_CLI_SERVICE_H
#define TESTS_UNIT_CLI_SERVICE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define ASKED_MAX 16

struct canned {
    int status;
    const char *body;
};

struct asked {
    char line[1024]; /* "POST /v1/attendance" */
    char *body;
};

struct service {
    char folder[64];
    char socket_path[96];
    int listener;
    pthread_t thread;
    struct canned canned[ASKED_MAX]; /* its own: it may still be at the last answer when the command has ended */
    size_t canned_count;
    struct asked asked[ASKED_MAX];
    size_t asked_count;
};

/* At most ASKED_MAX answers. Further requests get the last answer again. */
void service_start(struct service *service, const struct canned *canned, size_t count);
void service_stop(struct service *service);

struct outcome_of_run {
    int code;
    char *out;
    char *err;
};

/* `words` ends with NULL; the socket is added. */
struct outcome_of_run run_words(const struct service *service, const char *const *words);
#define RUN(service, ...) run_words(service, (const char *const[]){ __VA_ARGS__, NULL })
void run_free(struct outcome_of_run *run);

/* For one command with one answer; the request is left in `service`. */
struct outcome_of_run run_once(struct service *service, int status, const char *body, const char *const *words);
#define RUN_ONCE(service, status, body, ...) run_once(service, status, body, (const char *const[]){ __VA_ARGS__, NULL })

bool has(const char *text, const char *part);

#endif
