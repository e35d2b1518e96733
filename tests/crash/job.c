#include "job.h"

#include <criterion/criterion.h>

#include "sync/edge/local_client.h"

#define ANSWER_MAX ((size_t)16 * 1024 * 1024)
#define CALL_TIMEOUT_S 120

static void *run(void *context)
{
    struct job *job = context;
    SCOPED(buf_fini) struct buf answer;
    buf_init(&answer, ANSWER_MAX);
    job->rc = local_request_bytes(job->laptop->socket, "POST", job->path, job->body, "application/json", CALL_TIMEOUT_S,
                                  &answer, &job->err);
    if (job->rc == ERR_OK) {
        job->answer = json_loadb((const char *)answer.data, answer.len, 0, NULL);
    }
    return NULL;
}

void job_start(struct job *job, struct laptop *laptop, const char *path, struct slice body)
{
    *job = (struct job){ .laptop = laptop, .path = path, .body = body };
    cr_assert_eq(pthread_create(&job->thread, NULL, run, job), 0);
}

void job_join(struct job *job)
{
    cr_assert_eq(pthread_join(job->thread, NULL), 0);
}

void job_fini(struct job *job)
{
    json_decref(job->answer);
}
