/*
 * agent/rekey_pass - moves the vault's pages to a new key, a step a turn of the loop, so that the API is answered
 * between.
 *
 *          begun by a person, or found under way          nothing is left under an old key
 *   IDLE ─────────────────────────────────────► WORKING ─────────────────────────────────► IDLE
 *    ▲  every REKEY_LOOK_MS: has one begun        │ ▲
 *    │  by itself?                                ▼ │ REKEY_RETRY_MS
 *    └──                                        RESTING (a step failed; the status says why)
 *
 * A step takes some milliseconds of the disk; the pass then rests at least as long, so that at most half of the time
 * is spent on it. Where it stands is in the files of the vault: a stop, a lock or a crash loses nothing.
 *
 * Ownership:  the caller owns the struct until `stopped` is called; the vault outlives the pass.
 * Threads:    the loop's.
 */
#ifndef AGENT_REKEY_PASS_H
#define AGENT_REKEY_PASS_H

#include <jansson.h>
#include <uv.h>

#include "crypto/vault/vault.h"

#define REKEY_PASS_PAGES 32
#define REKEY_LOOK_MS 600000
#define REKEY_RETRY_MS 60000

struct rekey_pass {
    uv_timer_t timer;
    struct vault *vault;
    struct vault_rekey_progress progress;
    struct error trouble; /* why the last step failed; ERR_OK: it did not */
    bool stopping;
    void (*stopped)(void *context);
    void *context;
};

/* With an open vault; goes on with what is under way. */
void rekey_pass_init(struct rekey_pass *pass, uv_loop_t *loop, struct vault *vault);

/* ERR_CONFLICT: a re-key is under way. */
MUST_USE enum err_code rekey_pass_begin(struct rekey_pass *pass, struct error *err);

/* {"pages_done": INT, "pages_total": INT, "message": TEXT}, or null when none is under way; NULL without memory. */
json_t *rekey_pass_value(const struct rekey_pass *pass);

/* No more steps; `stopped` is called from the loop. */
void rekey_pass_stop(struct rekey_pass *pass, void (*stopped)(void *context), void *context);

#endif
