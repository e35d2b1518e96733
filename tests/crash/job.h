/*
 * One long call of the agent's API in a thread of its own, so that a test can kill somebody in the middle of it.
 */
#ifndef TESTS_CRASH_JOB_H
#define TESTS_CRASH_JOB_H

#include <pthread.h>

#include "tests/support/world.h"

struct job {
    struct laptop *laptop;
    const char *path;
    struct slice body; /* borrowed */
    pthread_t thread;
    enum err_code rc;
    struct error err;
    json_t *answer; /* NULL: none */
};

/* POST; the body is JSON, or a file for an import. */
void job_start(struct job *job, struct laptop *laptop, const char *path, struct slice body);
/* Waits for the end; *job is to be released with job_fini. */
void job_join(struct job *job);
void job_fini(struct job *job);

#endif
