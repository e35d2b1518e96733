/*
 * agent/cli/key_secret - secrets that open a replica: asked for, read from a file, or made; and as members of a
 * request.
 *
 * On a terminal a passphrase is typed unseen, the words of a recovery key are seen as they are typed. When standard
 * input is not a terminal its next line (or lines, until all the words are there) is taken.
 */
#ifndef AGENT_CLI_KEY_SECRET_H
#define AGENT_CLI_KEY_SECRET_H

#include "agent/cli/passphrase.h"
#include "agent/cli/request.h"

/* Where the proof is from; nothing set: a passphrase is asked for. */
struct proof_input {
    const char *passphrase_file;
    const char *key_file;
    const char *escrow; /* a file, or "-" */
    bool recovery;
};

struct key_secret {
    const char *member; /* of the request: passphrase, recovery, key, credential or escrow */
    struct passphrase text;
};

void key_secret_free(struct key_secret *secret); /* for SCOPED too */

/* `prompt` is for a passphrase. */
MUST_USE enum err_code key_secret_prove(const struct proof_input *input, const char *prompt,
                                        struct key_secret *ret_secret, struct error *err);

/* The words of a recovery key, whole and fitting together; on a terminal a person gets three tries. */
MUST_USE enum err_code key_secret_words(int fd, struct key_secret *ret_secret, struct error *err);

/* Twice on a terminal. `file` may be NULL. */
MUST_USE enum err_code key_secret_new_passphrase(const char *file, struct key_secret *ret_secret, struct error *err);

/* 128 random bits as words. */
MUST_USE enum err_code key_secret_new_words(struct key_secret *ret_secret, struct error *err);

/* The bytes of a key file or credential, under this member's name. */
MUST_USE enum err_code key_secret_of_bytes(const char *member, struct slice bytes, struct key_secret *ret_secret,
                                           struct error *err);

/* As the member `name` of the request, an object; without a name as a member of the request itself. */
void key_secret_put(const struct key_secret *secret, const char *name, struct request *request);

/* Opens the replica with it. */
MUST_USE enum exit_code key_unlock(struct cli *cli, const struct key_secret *secret, json_t **ret_status);

#endif
