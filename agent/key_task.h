/*
 * agent/key_task - a change of the ways to unlock, its key derivations off the loop's thread.
 *
 *   IDLE ── key_task_start ──► RUNNING (a thread of the pool; the vault is not touched) ──► done ──► IDLE
 *
 * `done` takes the job, and finishes it with vault_slot_job_finish if the replica is still open.
 *
 * Ownership:  the caller owns the struct; while RUNNING it must stay.
 * Threads:    the loop's.
 */
#ifndef AGENT_KEY_TASK_H
#define AGENT_KEY_TASK_H

#include <stdbool.h>
#include <uv.h>

#include "crypto/vault/vault.h"

typedef void (*key_task_done)(void *context, struct vault_slot_job *job);

struct key_task {
    uv_work_t work;
    struct vault_slot_job *job; /* while RUNNING */
    key_task_done done;
    void *context;
};

/* `done` and `context` are set before. ERR_BUSY while RUNNING, and what vault_slot_job_new refuses; everything else is
 * told to `done`, later and once. */
MUST_USE enum err_code key_task_start(struct key_task *task, uv_loop_t *loop, struct vault *vault,
                                      const struct vault_slot_change *change, struct error *err);

bool key_task_running(const struct key_task *task);

#endif
