/*
 * agent/restore_task - the one backup that is being checked or restored, piece by piece as a client sends it.
 *
 *   IDLE ── begin: its head ──► KEY ── unlock ──► UNLOCKING ──► TAKING ── take ... ── end ──┬─ check ──► IDLE
 *                                ▲   wrong secret │                                         │
 *                                └────────────────┘                                         └─ restore ──► SEALING
 *                                                                                                             │
 *   IDLE ◄── exchange, while the replica is closed ── READY ◄── made, checked, under a fresh incarnation ─────┘
 *                                                       ▲
 *   IDLE ── undo ───────────────────────────────────────┘
 *
 * UNLOCKING and SEALING are jobs of the pool. READY waits for the agent to close the replica; restore_task_exchange
 * then puts the files in place. Everything before that leaves the replica alone, and a client that goes away leaves
 * nothing.
 *
 * Ownership:  the caller owns the struct; restore_task_close before the loop ends, when nothing of it runs.
 * Threads:    the loop's.
 */
#ifndef AGENT_RESTORE_TASK_H
#define AGENT_RESTORE_TASK_H

#include <jansson.h>

#include "crypto/secret.h"
#include "crypto/vault/restore.h"
#include "store/audit.h"
#include "sync/edge/backup_task.h"

#define RESTORE_KEY_PATIENCE_MS 600000 /* somebody looks for a passphrase */
#define RESTORE_PATIENCE_MS 60000

enum restore_state { RESTORE_IDLE, RESTORE_KEY, RESTORE_UNLOCKING, RESTORE_TAKING, RESTORE_SEALING, RESTORE_READY };

/* What UNLOCKING, SEALING and READY came to; once each. Not called for a task that was cancelled meanwhile. */
typedef void (*restore_done)(void *context, enum err_code rc, const struct error *err);

struct restore_task {
    uv_loop_t *loop;
    uv_timer_t timer;
    uv_work_t work;
    const char *path; /* of the replica; borrowed */
    struct store_options store_options;
    void (*changed)(void *context); /* the state may let the agent go on */
    void *context;

    enum restore_state state;
    char id[TASK_ID_SIZE];
    bool check_only;
    bool undo;
    bool cancelled; /* while a job runs: it is over as soon as the job is */
    struct backup_reader *reader;
    struct restore *restore;
    struct backup_about about; /* of the backup, as far as it was read; stays when the task is over */
    uint64_t counter;          /* of the freshness of the replica in use; 0: not known */
    int64_t now_ms;
    struct audit_entry note; /* that it was put in use, for its own audit log */

    enum vault_slot_kind kind; /* of a job: */
    struct secret secret;
    enum err_code rc;
    struct error err;
    restore_done done;
    void *done_context;

    char kept[RESTORE_SET_SIZE]; /* after the exchange: what the replica in use before is called now */
};

void restore_task_init(struct restore_task *task, uv_loop_t *loop, const char *path, void (*changed)(void *context),
                       void *context);

/* `head` is the beginning of the file, at least its whole head. ERR_BUSY: another one is under way whose client is not
 * silent. */
MUST_USE enum err_code restore_task_begin(struct restore_task *task, struct slice head, bool check_only,
                                          struct error *err);

/* With an open replica's own keys, at once; for a check. ERR_KEY: the backup is of another one. */
MUST_USE enum err_code restore_task_unlock_as(struct restore_task *task, const char *id, const struct vault *vault,
                                              struct error *err);
/* Takes `secret`, also on failure. `done` with ERR_KEY: the next secret may be tried. */
MUST_USE enum err_code restore_task_unlock(struct restore_task *task, const char *id, enum vault_slot_kind kind,
                                           struct secret *secret, restore_done done, void *done_context,
                                           struct error *err);

/* The next bytes behind the head. A failure ends the task. */
MUST_USE enum err_code restore_task_take(struct restore_task *task, const char *id, struct slice bytes,
                                         struct error *err);

/* Of a check: is it whole? Ends the task. */
MUST_USE enum err_code restore_task_checked(struct restore_task *task, const char *id, struct error *err);
/* Of a restore: made last, checked, `actor` noted in its audit log, and READY; `done` after the exchange. */
MUST_USE enum err_code restore_task_seal(struct restore_task *task, const char *id, const struct store_options *options,
                                         const char *actor, restore_done done, void *done_context, struct error *err);
/* READY to put the replica back that was in use before the last restore. */
MUST_USE enum err_code restore_task_undo(struct restore_task *task, restore_done done, void *done_context,
                                         struct error *err);

/* A job runs, which nothing can stop. */
bool restore_task_busy(const struct restore_task *task);
/* SEALING or READY: it goes on to its end by itself. */
bool restore_task_ending(const struct restore_task *task);
/* The replica must be closed; then restore_task_exchange. Its failure is told to `done` too. */
bool restore_task_ready(const struct restore_task *task);
MUST_USE enum err_code restore_task_exchange(struct restore_task *task);

/* ERR_NOT_FOUND: no such task. */
MUST_USE enum err_code restore_task_cancel_id(struct restore_task *task, const char *id, struct error *err);
/* Unless it is READY; while a job runs, as soon as that is done. */
void restore_task_cancel(struct restore_task *task);
void restore_task_close(struct restore_task *task);

/* {"pages_done", "pages", "check": BOOL}, or null. */
json_t *restore_task_value(const struct restore_task *task);

#endif
