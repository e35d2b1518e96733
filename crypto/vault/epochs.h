/*
 * crypto/vault/epochs - the data keys in memory, one of each epoch in the keys file, and what a file handle seals,
 * opens and hides with.
 *
 *     keys file ── epochs_add, epochs_remove ──► struct epochs ──► struct seals  of a handle: pages or frames
 *                                                              └─► struct hides  of a handle of the log: headers
 *
 * The newest epoch seals; each of them opens. A handle makes OpenSSL's contexts of an epoch when it first meets it, and
 * drops those of an epoch that was removed before it does anything else.
 *
 * Pages sealed under the newest key are counted, NONCE_BATCH at a time, which is never too few. When the count would
 * pass what the keys file already accounts for, `extend` is asked first: it makes more durable, or begins a new epoch.
 *
 * Ownership:  every handle is closed before epochs_fini.
 * Threads:    struct epochs any; a struct seals or hides one at a time.
 * Layer:      crypto; no SQLite.
 */
#ifndef CRYPTO_VAULT_EPOCHS_H
#define CRYPTO_VAULT_EPOCHS_H

#include <pthread.h>
#include <stdatomic.h>

#include "crypto/vault/seal.h"

#define EPOCHS_MAX 8
#define DATA_KEY_BYTES 32

enum epoch_use { EPOCH_PAGES, EPOCH_FRAMES, EPOCH_HEADERS, EPOCH_USES };

struct epoch {
    uint32_t number; /* 0: none */
    struct secret keys[EPOCH_USES];
};

struct epochs {
    pthread_mutex_t lock; /* of `entries` */
    struct epoch entries[EPOCHS_MAX];
    atomic_uint changes; /* counts what was added and removed */
    atomic_uint newest;  /* its number */
    uint8_t file_id[16];
    atomic_uint_least64_t sealed;  /* pages under the newest key, or more */
    atomic_uint_least64_t granted; /* how far `sealed` may go before `extend` is asked */
    enum err_code (*extend)(void *context, struct error *err);
    void *context;
};

/* Without `extend` (NULL) nothing bounds the count. */
void epochs_init(struct epochs *epochs, enum err_code (*extend)(void *context, struct error *err), void *context);
void epochs_fini(struct epochs *epochs);

/* Before the first epochs_add: the file that the keys are for. */
void epochs_set_file_id(struct epochs *epochs, const uint8_t file_id[16]);

/* Derives the keys of an epoch from its data key. The one with the highest number seals from now on; when that is this
 * one, `sealed` pages count as written under it. ERR_LIMIT: EPOCHS_MAX are there. */
MUST_USE enum err_code epochs_add(struct epochs *epochs, uint32_t number, const struct secret *data_key,
                                  uint64_t sealed, struct error *err);

bool epochs_has(struct epochs *epochs, uint32_t number);
bool epochs_alone(struct epochs *epochs); /* the newest is the only one */

/* Wipes the keys of the epochs before this one, which is there. */
void epochs_remove_before(struct epochs *epochs, uint32_t oldest_kept);

/* Pages of the database, or frames of the log. */
struct seals {
    struct epochs *epochs;
    enum epoch_use use;
    unsigned seen;               /* epochs->changes when `of` was last gone through */
    struct seal *of[EPOCHS_MAX]; /* in any order, NULL among them */
};

void seals_init(struct seals *seals, struct epochs *epochs, enum epoch_use use);
void seals_fini(struct seals *seals); /* zeroed is allowed */

/* What sealing a page may need first: a key, and an entry in the count. */
MUST_USE enum err_code seals_newest(struct seals *seals, struct seal **ret_seal, struct error *err);

/* As seal_open_page and seal_open_frame, under the epoch that the page names; one that the keys file has not is
 * ERR_DAMAGED. */
MUST_USE enum err_code seals_open_page(struct seals *seals, uint32_t page_number, const uint8_t sealed[PAGE_BYTES],
                                       uint8_t out[PAGE_BYTES], struct error *err);
MUST_USE enum err_code seals_open_frame(struct seals *seals, const struct frame_place *place,
                                        const uint8_t sealed[PAGE_BYTES], uint8_t out[PAGE_BYTES], struct error *err);

/*
 * Headers of the log. All of a round of the log are hidden under one epoch: the newest when the log's header was
 * written. Nothing in the clear says which, so a reader of the log's header tries them.
 */
struct hides {
    struct epochs *epochs;
    unsigned seen;
    uint32_t number; /* the epoch of `hide`; 0: none yet */
    struct hide hide;
};

void hides_init(struct hides *hides, struct epochs *epochs);
void hides_fini(struct hides *hides); /* zeroed is allowed */

/* The epoch for a new log. */
MUST_USE enum err_code hides_take_newest(struct hides *hides, struct error *err);

/* The `turn`-th epoch, from 0, the newest first; ERR_NOT_FOUND when there are no more. */
MUST_USE enum err_code hides_try(struct hides *hides, unsigned turn, struct error *err);

/* Makes `hide` ready for use: as it was taken, or the newest epoch's if none was or its epoch is gone. */
MUST_USE enum err_code hides_ready(struct hides *hides, struct error *err);

#endif
