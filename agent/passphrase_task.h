/*
 * agent/passphrase_task - what scrypt makes of people's passphrases, off the loop's thread, one after another.
 *
 *   passphrase_task_add ──► waiting (PASSPHRASE_WAITING_MAX) ──► a thread of the pool ──► done, on the loop
 *
 * One at a time: however many people sign in at once, it takes one processor and the memory of one, and who came first
 * is answered first.
 *
 * Ownership:  a job is its caller's until it is added; `done` takes it back, exactly once and never within the adding.
 *             The task must stay while it runs.
 * Threads:    the loop's.
 */
#ifndef AGENT_PASSPHRASE_TASK_H
#define AGENT_PASSPHRASE_TASK_H

#include <uv.h>

#include "crypto/secret.h"
#include "store/people.h"

#define PASSPHRASE_WAITING_MAX 16

struct passphrase_job {
    struct person_proof proof; /* salt and cost */
    struct secret passphrase;  /* wiped as soon as it was used */
    struct secret derived;     /* of `done`, which releases it */
    /* rc: ERR_LOCKED after passphrase_task_cancel, or what scrypt came to. */
    void (*done)(struct passphrase_job *job, enum err_code rc, const struct error *err);
    struct passphrase_job *next;
};

struct passphrase_task {
    uv_loop_t *loop;
    uv_work_t work;
    void (*changed)(void *context); /* nothing runs any more */
    void *context;
    struct passphrase_job *running;
    struct passphrase_job *first; /* of those that wait */
    size_t waiting;
    bool cancelled; /* the one that runs */
    enum err_code rc;
    struct error err;
};

void passphrase_task_init(struct passphrase_task *task, uv_loop_t *loop, void (*changed)(void *context), void *context);

/* ERR_BUSY: too many wait. */
MUST_USE enum err_code passphrase_task_add(struct passphrase_task *task, struct passphrase_job *job, struct error *err);

/* Those that wait are told at once, the one that runs when scrypt has ended. */
void passphrase_task_cancel(struct passphrase_task *task);

bool passphrase_task_running(const struct passphrase_task *task);

#endif
