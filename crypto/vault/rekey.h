/*
 * crypto/vault/rekey - moves pages to the newest key, in place, while the database is in use.
 *
 *     each step: old pages read ──► NAME.rekey, durable ──► in place, expected by the list of nonces
 *     now and then:                  database durable ──► list of nonces durable ──► NAME.rekey cut
 *     at the end:                    a pass that meets no old page ──► log cut to nothing ──► old keys out of the keys
 * file
 *
 * A step holds SQLite's checkpoint lock, so nobody else writes the database then. A reader that met a page halfway
 * reads it again when the pages of the step are written (rekey_wait). A page that the log holds is moved like any
 * other: its content stays what it is.
 *
 * Layer:      crypto.
 */
#ifndef CRYPTO_VAULT_REKEY_H
#define CRYPTO_VAULT_REKEY_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "crypto/vault/epochs.h"
#include "crypto/vault/rekey_journal.h"

struct vault;
struct vault_file;

struct rekey {
    pthread_mutex_t rewriting; /* while pages change in place */

    pthread_mutex_t opening; /* of the next two, and of everything below until the journal was looked at */
    unsigned handles;        /* on the database */
    atomic_bool looked;      /* the journal that lay there was put to use, or there was none */

    pthread_mutex_t lock; /* of all below: one step at a time */
    sqlite3 *db;          /* of the steps; NULL between re-keys */
    struct seals seals;
    struct secret journal_key;
    char *name; /* of the journal */
    sqlite3_file *file;
    bool opened;
    uint64_t journal_len;
    uint64_t batches;
    unsigned journal_pages; /* since it began */

    struct journal_batch *batch;
    unsigned placed; /* of the batch: that many pages are in place */

    uint32_t target;  /* the epoch to move to; 0: no pass */
    uint32_t next;    /* page */
    uint32_t total;   /* pages when the pass began */
    uint32_t met;     /* old pages in this pass */
    bool moved;       /* this pass only looks whether one is left */
    bool log_emptied; /* since the database was opened, all of the log has been in the database once */
    bool waiting;
};

void rekey_init(struct vault *vault);
/* With the keys and the paths of the vault; a vault without it has no journal. */
MUST_USE enum err_code rekey_prepare(struct vault *vault, struct error *err);
void rekey_fini(struct vault *vault);

/* A handle on the database is opened, closed. */
void rekey_attach(struct vault *vault);
void rekey_detach(struct vault *vault);

/* Under the lock on the database, after the list of nonces was loaded: puts the journal to use that a crash left. */
MUST_USE enum err_code rekey_recover(struct vault_file *file, struct error *err);

/* Around the second look at a page that did not open. */
void rekey_wait(struct vault *vault);
void rekey_go_on(struct vault *vault);

#endif
