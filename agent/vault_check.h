/*
 * agent/vault_check - reads everything that the vault has on the disk, in a thread of the pool.
 *
 *   IDLE ── start ──► RUNNING ── every page, frame and nonce looked at, or stopped ──► IDLE, with a report
 *
 * Of an open replica beside whatever goes on; of a closed one with a secret, also when it is too damaged to be opened.
 *
 * Ownership:  the caller owns the struct; while RUNNING it must stay, and the vault with it.
 * Threads:    the loop's.
 */
#ifndef AGENT_VAULT_CHECK_H
#define AGENT_VAULT_CHECK_H

#include <jansson.h>
#include <stdatomic.h>
#include <uv.h>

#include "crypto/secret.h"
#include "crypto/vault/vault.h"

#define CHECK_FINDING_SIZE 768

struct vault_check {
    uv_loop_t *loop;
    uv_work_t work;
    const char *path; /* borrowed */
    void (*changed)(void *context);
    void *context;
    bool running;
    atomic_bool stop;
    atomic_uint_least64_t bytes_done;
    atomic_uint_least64_t bytes_total;

    struct vault *vault; /* NULL: opened by the job */
    enum vault_slot_kind kind;
    struct secret secret;
    enum err_code rc;
    struct error err;
    int64_t began_ms; /* on the monotonic clock */

    bool reported; /* there is a report of the last one: */
    int64_t at_ms;
    int64_t duration_ms;
    struct vault_verify_report report;
    char findings[VAULT_VERIFY_FINDINGS_MAX][CHECK_FINDING_SIZE];
};

void vault_check_init(struct vault_check *check, uv_loop_t *loop, const char *path, void (*changed)(void *context),
                      void *context);

/* ERR_BUSY while RUNNING. */
MUST_USE enum err_code vault_check_start(struct vault_check *check, struct vault *vault, struct error *err);
/* Takes `secret`, also on failure. ERR_NOT_FOUND: there is no vault. */
MUST_USE enum err_code vault_check_start_closed(struct vault_check *check, enum vault_slot_kind kind,
                                                struct secret *secret, struct error *err);
/* `changed` is called when it has stopped. */
void vault_check_stop(struct vault_check *check);
bool vault_check_running(const struct vault_check *check);
/* Grows while one that is RUNNING gets on. */
uint64_t vault_check_got(const struct vault_check *check);

/* {"running": null | {...}, "last": null | {...}} of API.md. */
json_t *vault_check_value(const struct vault_check *check);

#endif
