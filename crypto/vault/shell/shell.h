/*
 * crypto/vault/shell - a loadable extension with which the stock sqlite3 shell reads a replica, for support.
 *
 *     .load holdfast-vault
 *     .open "file:/var/lib/holdfast/replica.db?vfs=holdfast&mode=ro"
 *
 *     SQLite ── VFS "holdfast" (shell.c) ── asks for the secret (ask.c) ──► VFS of a vault over a copy (copy.c)
 *
 * What is opened is a copy of the encrypted files in a folder that goes with the process: whatever SQLite or the vault
 * does to them, recovery of a log, a journal, the list of nonces, the replica itself stays as it is.
 */
#ifndef CRYPTO_VAULT_SHELL_H
#define CRYPTO_VAULT_SHELL_H

#include <limits.h>

#include "crypto/secret.h"
#include "crypto/vault/vault.h"

struct replica_copy {
    char folder[PATH_MAX];
    char path[PATH_MAX]; /* of the database */
};

/* ERR_BUSY: an agent has it open. Nobody can open it while it is copied. copy_remove: all zero is allowed. */
MUST_USE enum err_code copy_make(const char *path, struct replica_copy *ret_copy, struct error *err);
void copy_remove(struct replica_copy *copy);

/*
 * From the file that $HOLDFAST_KEY_FILE or $HOLDFAST_PASSPHRASE_FILE names, which nobody else may read, or from the
 * terminal with its echo off: a passphrase, or the words of a recovery key.
 */
MUST_USE enum err_code ask_secret(enum vault_slot_kind *ret_kind, struct secret *ret_secret, struct error *err);

#endif
