/*
 * crypto/vault/restore_swap - one set of a vault's files in place of another, safe against a kill at any moment.
 *
 *     NAME*            the set in use                     NAME.restoring*       the set that is to take its place
 *     NAME.swap        what is being done, while it is    NAME.replaced-WHEN*   the set that was in use before
 *                                                         NAME.undone-WHEN*     one that an undo took out of use
 *
 *     restore_swap ── NAME.swap says: move out ──► old files out ── NAME.swap says: move in ──► new files in ──► gone
 *
 * Before NAME.swap is on disk nothing has happened; from then on restore_swap_recover goes on to the end, whatever was
 * done already. So after any kill there is the old set or the new one, and whoever opens the vault calls it first.
 *
 * A set is the files of NAME with each suffix of the table in restore_swap.c. WHEN is yyyymmddThhmmssmmmZ.
 *
 * Layer: crypto; files only. No vault may be open at `path`.
 */
#ifndef CRYPTO_VAULT_RESTORE_SWAP_H
#define CRYPTO_VAULT_RESTORE_SWAP_H

#include <stdbool.h>

#include "base/bytes.h"

#define RESTORE_SET_SIZE 32 /* ".replaced-20261122T071500000Z" and NUL */
#define RESTORE_SETS_MAX 64
#define RESTORE_INCOMING ".restoring"

/* `ret_kept` (RESTORE_SET_SIZE) takes what stands behind NAME in the names of the set that was in use; "" if there was
 * none. ERR_NOT_FOUND: nothing is there to take its place. */
MUST_USE enum err_code restore_swap(const char *path, int64_t now_ms, char *ret_kept, struct error *err);

/* Puts the set replaced last in use again, and keeps the present one as undone. ERR_NOT_FOUND: there is none. */
MUST_USE enum err_code restore_undo(const char *path, int64_t now_ms, char *ret_kept, struct error *err);

/* Finishes what was interrupted; nothing if nothing was. Before the vault at `path` is opened or made. */
MUST_USE enum err_code restore_swap_resume(const char *path, struct error *err);

/* And removes what a restore that never came so far left. At every start. */
MUST_USE enum err_code restore_swap_recover(const char *path, struct error *err);

struct restore_set {
    char name[RESTORE_SET_SIZE]; /* ".replaced-WHEN" or ".undone-WHEN" */
    uint64_t bytes;
};

struct restore_sets {
    struct restore_set sets[RESTORE_SETS_MAX]; /* the newest first */
    size_t count;
};

/* Is there one that restore_undo would put in use? */
bool restore_sets_undoable(const struct restore_sets *sets);

/* The sets kept beside the one in use; beyond RESTORE_SETS_MAX the oldest are left out. */
MUST_USE enum err_code restore_sets_read(const char *path, struct restore_sets *ret_sets, struct error *err);

/* Removes the files of all of them for good. */
MUST_USE enum err_code restore_sets_discard(const char *path, struct error *err);

/* Removes the files of an incoming set. */
void restore_incoming_remove(const char *path);

#endif
