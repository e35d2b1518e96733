/*
 * agent/cli/key_parts - what the files of the command `key` share.
 */
#ifndef AGENT_CLI_KEY_PARTS_H
#define AGENT_CLI_KEY_PARTS_H

#include "agent/cli/key_secret.h"

enum { KEY_WORDS_MAX = 4 };

struct key_input {
    const char *words[KEY_WORDS_MAX]; /* the verb first */
    size_t count;
    struct proof_input proof;
    const char *new_passphrase_file;
    const char *label;
    const char *with_key;
    int number; /* 0: none */
    bool qr;
};

/* The list of keys as the agent gives it. */
MUST_USE enum exit_code keys_get(struct cli *cli, json_t **ret_answer);
void keys_print(struct cli *cli, const json_t *answer);

/* The member `kind` of key `number`; "" when there is none. */
const char *keys_kind_of(const json_t *answer, int number);

/* How many of a kind, and the number of the last one. */
size_t keys_count(const json_t *answer, const char *kind, int *ret_number);

/* key_change.c; each ends the command. */
enum exit_code key_add(struct cli *cli, const struct key_input *input);
enum exit_code key_change(struct cli *cli, const struct key_input *input);
enum exit_code key_remove(struct cli *cli, const struct key_input *input);
enum exit_code key_recover(struct cli *cli, const struct key_input *input);

/* key_escrow.c */
enum exit_code key_escrow_add(struct cli *cli, const struct key_input *input);
enum exit_code key_escrow_export(struct cli *cli, const struct key_input *input);

/* Sends a change: {"proof": ..., "key": ..., "label": ..., "number": ...}; `added` may be NULL (remove). Prints
 * nothing. */
MUST_USE enum exit_code key_send(struct cli *cli, const struct key_input *input, const char *path,
                                 const struct key_secret *proof, const struct key_secret *added, json_t **ret_answer);

/* The proof, after it was said when the replica has no passphrase to ask for. */
MUST_USE enum exit_code key_prove(struct cli *cli, const struct key_input *input, const char *prompt,
                                  struct key_secret *ret_proof);

#endif
