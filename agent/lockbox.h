/*
 * agent/lockbox - opens the vault with a passphrase or a key file, off the loop's thread.
 *
 *   LOCKED ── lockbox_open ──► WORKING ── right secret ──► OPEN ── lockbox_close ──► LOCKED
 *      ▲                          │ wrong secret, damaged
 *      └──────────────────────────┘
 *
 * The key derivation takes about a second on purpose and runs as one closed job of uv_queue_work; the vault is handed
 * over to the loop's thread when the job is done, and nobody else touches it before.
 *
 * Ownership:  the caller owns the struct; while WORKING it must stay.
 * Threads:    the loop's.
 */
#ifndef AGENT_LOCKBOX_H
#define AGENT_LOCKBOX_H

#include <stdbool.h>
#include <uv.h>

#include "crypto/secret.h"
#include "crypto/tpm/tpm_counter.h"
#include "crypto/vault/vault.h"

#define PASSPHRASE_MIN 12

/* A counter in the TPM that shows older files put back: where there is a TPM, never, or else no opening. */
enum lockbox_tpm { LOCKBOX_TPM_AUTO, LOCKBOX_TPM_OFF, LOCKBOX_TPM_REQUIRE };

enum lockbox_state { LOCKBOX_LOCKED, LOCKBOX_WORKING, LOCKBOX_OPEN };

typedef void (*lockbox_done)(void *context, enum err_code rc, const struct error *err);

struct lockbox {
    uv_loop_t *loop;
    const char *path; /* borrowed */
    enum lockbox_state state;
    struct vault *vault;         /* while OPEN */
    struct tpm_counter *counter; /* while OPEN; NULL: without */

    /* set before the first lockbox_open; the text is borrowed */
    enum lockbox_tpm tpm;
    const char *tpm_tcti; /* NULL or "": the kernel's */

    uv_work_t work;
    enum vault_slot_kind kind;
    struct secret secret; /* while WORKING */
    bool create;
    enum err_code rc;
    struct error err;
    lockbox_done done;
    void *context;
};

void lockbox_init(struct lockbox *box, uv_loop_t *loop, const char *path);

/*
 * Takes `secret`, also on failure. `create`: make the vault first; ERR_CONFLICT when there is one. Refuses at once with
 * ERR_BUSY while WORKING, ERR_INVALID for a new passphrase that is too short, ERR_NOT_FOUND without a vault; everything
 * else is told to `done`, later and once.
 */
MUST_USE enum err_code lockbox_open(struct lockbox *box, enum vault_slot_kind kind, struct secret *secret, bool create,
                                    lockbox_done done, void *context, struct error *err);

/* After everything that uses the vault; wipes the keys. */
void lockbox_close(struct lockbox *box);

/*
 * The key file's content. When there is neither a vault nor the file, a new key file is made, readable by this user
 * only: nothing can be lost by it.
 */
MUST_USE enum err_code lockbox_key_file(const struct lockbox *box, const char *path, bool may_make,
                                        struct secret *ret_secret, struct error *err);

#endif
