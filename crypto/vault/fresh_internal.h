/*
 * crypto/vault/fresh_internal - what fresh.c (which state is the present one) and fresh_disk.c (NAME.fresh) share.
 *
 * Every function of fresh_disk is called under the lock.
 */
#ifndef CRYPTO_VAULT_FRESH_INTERNAL_H
#define CRYPTO_VAULT_FRESH_INTERNAL_H

#include <stdatomic.h>

#include "crypto/vault/fresh.h"

struct fresh_leaf_state {
    uint8_t (*nonces)[NONCE_BYTES]; /* FRESH_LEAF_PAGES; NULL: all zero */
    unsigned live;                  /* which of the two places */
    bool dirty;
};

enum fresh_status { FRESH_EMPTY, FRESH_OFF, FRESH_KEPT };

struct fresh {
    pthread_mutex_t lock;
    struct fresh_place place;
    char *name; /* of the file, as the base VFS wants it */
    struct fresh_cipher cipher;
    sqlite3_file *file; /* open if `opened` */
    bool opened;
    enum fresh_status status;
    unsigned handles; /* on the database, in this process */
    bool give_up;

    struct fresh_leaf_state *leaves;
    uint8_t (*tags)[FRESH_TAG_BYTES]; /* of the leaves on disk */
    uint32_t leaves_len;
    uint32_t pages;
    bool dirty;

    struct fresh_root root; /* the one that counts */
    unsigned root_live;
    bool fell_back;       /* a newer root did not fit the leaves */
    uint64_t counter_max; /* of anything seen in the file */
    uint64_t note_number;
    bool note_failed;
    struct fresh_tail tail;
    atomic_uint tail_frame; /* tail.frame, to be looked at without the lock */

    bool state_known; /* what fresh_state says, also after the last handle is closed */
    uint64_t state_counter;
    uint8_t state_hash[32];
    struct vault_counter_io counter;
    uint64_t counter_value;
};

/* Why a state is not the present one, in messages. */
#define FRESH_CAUSE "older files were put back, or the disk lost writes"

/* fresh_disk_save with the rounds of `rounds`, and the counter outside advanced. Under the lock. */
MUST_USE enum err_code fresh_save_root(struct fresh *fresh, const struct fresh_root *rounds, struct error *err);

/* Opens the file, makes it if asked to. ERR_NOT_FOUND: there is none. */
MUST_USE enum err_code fresh_disk_open(struct fresh *fresh, bool make, struct error *err);
void fresh_disk_close(struct fresh *fresh);

/* Takes the table, the root and the tail from the open file. ERR_DAMAGED with the reason alone as message. */
MUST_USE enum err_code fresh_disk_load(struct fresh *fresh, struct error *err);

/* What is in the open file counts for nothing but the numbers in it, which are to be exceeded. */
MUST_USE enum err_code fresh_disk_survey(struct fresh *fresh, struct error *err);

/* Writes the leaves that are dirty and then `next`, whose counter and sum are filled in; durable. After a failure the
 * root that counted still does. */
MUST_USE enum err_code fresh_disk_save(struct fresh *fresh, const struct fresh_root *next, struct error *err);

/* Writes the tail down for the root that counts. Not synced. */
MUST_USE enum err_code fresh_disk_note(struct fresh *fresh, struct error *err);
MUST_USE enum err_code fresh_disk_sync(struct fresh *fresh, struct error *err);

/* Does the open file still hold what was written? ERR_DAMAGED with the reason alone as message. */
MUST_USE enum err_code fresh_disk_verify(struct fresh *fresh, struct error *err);

/* Room for the leaves of `pages` pages. */
MUST_USE enum err_code fresh_table_grow(struct fresh *fresh, uint32_t pages, struct error *err);
void fresh_table_clear(struct fresh *fresh);

/* NULL if nothing was ever expected near it. */
uint8_t *fresh_table_at(const struct fresh *fresh, uint32_t page);
MUST_USE enum err_code fresh_table_set(struct fresh *fresh, uint32_t page, const uint8_t nonce[NONCE_BYTES],
                                       struct error *err);
void fresh_tail_set(struct fresh *fresh, const struct fresh_tail *tail);

#endif
