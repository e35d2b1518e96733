/*
 * sync/edge/backup_task - the one backup of a vault that may be running beside everything else, piece by piece as a
 * client asks for them.
 *
 *   IDLE ── begin ──► RUNNING ── next ... ──► (complete) ── end ──► IDLE
 *                        └── end before that, no request for BACKUP_PATIENCE_MS, or the vault closes ──► IDLE
 *
 * While it runs the write-ahead log cannot shrink, so a client that goes away must not keep it.
 *
 * Ownership:  the caller owns the struct; backup_task_close before the loop ends.
 * Threads:    the loop's.
 */
#ifndef SYNC_EDGE_BACKUP_TASK_H
#define SYNC_EDGE_BACKUP_TASK_H

#include <uv.h>

#include "crypto/vault/backup.h"

#define TASK_ID_SIZE 17                          /* 16 hexadecimal digits and NUL */
#define BACKUP_PIECE_BYTES ((size_t)1024 * 1024) /* of a request or an answer, at most */
#define BACKUP_PATIENCE_MS 60000
#define TASK_TAKE_OVER_MS 10000 /* another client may begin when the first has been silent for so long */

struct backup_task {
    uv_timer_t timer;
    struct backup_writer *writer; /* NULL: IDLE */
    char id[TASK_ID_SIZE];
    void (*ended)(void *context); /* whichever way; NULL: nobody asks */
    void *context;
};

void backup_task_init(struct backup_task *task, uv_loop_t *loop, void (*ended)(void *context), void *context);

/* ERR_BUSY: one is running whose client is not silent, or somebody reads an old state. */
MUST_USE enum err_code backup_task_begin(struct backup_task *task, struct vault *vault, int64_t now_ms,
                                         struct error *err);
/* The next piece behind what is in `out`; nothing once it is complete. ERR_NOT_FOUND: no such backup runs (any more).
 * Any other failure ends it. */
MUST_USE enum err_code backup_task_next(struct backup_task *task, const char *id, struct buf *out, struct error *err);
/* `*ret_complete`: every byte was asked for. */
MUST_USE enum err_code backup_task_end(struct backup_task *task, const char *id, struct backup_about *ret_about,
                                       bool *ret_complete, struct error *err);
bool backup_task_running(const struct backup_task *task);
/* Grows while one that runs gets on. */
uint64_t backup_task_got(const struct backup_task *task);
/* Before the vault closes. */
void backup_task_cancel(struct backup_task *task);
void backup_task_close(struct backup_task *task);

/* 16 random hexadecimal digits: a client knows its own task by them. */
MUST_USE enum err_code task_id_make(char out[TASK_ID_SIZE], struct error *err);

#endif
