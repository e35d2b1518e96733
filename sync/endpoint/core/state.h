/*
 * sync/endpoint/core/state - a centre's folder: where its database and its key file are, made and opened.
 *
 *     STATE/centre.db, STATE/centre.db.keys   the vault
 *     STATE/vault.key                         what unlocks it, unless the key is kept elsewhere
 *
 * Layer: sync.
 */
#ifndef SYNC_ENDPOINT_CORE_STATE_H
#define SYNC_ENDPOINT_CORE_STATE_H

#include "crypto/secret.h"
#include "crypto/vault/vault.h"

#define STATE_PATH_MAX 1024

struct state_options {
    const char *folder;
    const char *key_file; /* NULL: $CREDENTIALS_DIRECTORY/vault-key when there is one, else STATE/vault.key */
};

/*
 * Nobody else opens, makes or replaces what is in the folder until the descriptor is closed, or the process ends: it is
 * the folder that is locked, so nothing is left there. Before everything else that is done with it. ERR_BUSY: somebody
 * has it; `what` begins the message. ERR_NOT_FOUND: there is no folder.
 */
MUST_USE enum err_code state_lock(const char *folder, const char *what, int *ret_fd, struct error *err);

/* Makes the folder, the key file (mode 0600; one that is there is used) and the vault. ERR_CONFLICT: there is a centre.
 */
MUST_USE enum err_code state_create(const struct state_options *options, struct vault **ret_vault, struct error *err);
/* What an interrupted restore began is finished first. */
MUST_USE enum err_code state_open(const struct state_options *options, struct vault **ret_vault, struct error *err);

/* The parts of it, for a backup that is put in use: nothing is opened. */
MUST_USE enum err_code state_database(const struct state_options *options, char out[STATE_PATH_MAX], struct error *err);
MUST_USE enum err_code state_key(const struct state_options *options, struct secret *ret_key, struct error *err);

/* Beside the database, and not among the files of a backup: STATE/spent. */
MUST_USE enum err_code state_spent(const char *folder, char out[STATE_PATH_MAX], struct error *err);

/* The socket's path when none is given: STATE/endpoint.sock. */
MUST_USE enum err_code state_socket(const char *folder, char out[STATE_PATH_MAX], struct error *err);

#endif
