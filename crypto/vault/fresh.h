/*
 * crypto/vault/fresh - which version of every page, and which state of the log, is the present one.
 *
 * NAME.fresh holds the nonce of the page that is expected at each place of the database, which round of the write-ahead
 * log goes with it, and how far that round had been committed at least. A page sealed by this vault that is not the
 * expected one is an old one put back.
 *
 *          load (the first lock on the database)              the last handle on the database is closed
 *   EMPTY ──────────────────────────────────────► KEPT ──────────────────────────────────────────────► EMPTY
 *     │    no file, and the keys file does not                  ▲
 *     └──► ask for one, or fresh_give_up ───► OFF ──────────────┘ fresh_adopt
 *
 * The table changes in memory with each page that is written (fresh_note) and becomes durable (fresh_save) before
 * anything of the log that the pages came from goes away: before its header is overwritten, before it is cut to nothing
 * and before it is deleted. Between two saves a page may differ from the table on disk only if the log has it whole,
 * and then SQLite never reads it from the database.
 *
 * Ownership:  one for each vault.
 * Threads:    any; one lock inside.
 * Limits:     FRESH_PAGES_MAX.
 * Layer:      crypto.
 */
#ifndef CRYPTO_VAULT_FRESH_H
#define CRYPTO_VAULT_FRESH_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>

#include "crypto/vault/fresh_file.h"
#include "crypto/vault/vault.h"

#define FRESH_PAGES_MAX (64u * 1024 * 1024) /* 256 GiB of database */

/* A round of the log: what lies between one writing of its header and the next. */
struct fresh_round {
    bool there;
    uint8_t salts[SALTS_BYTES];
};

/* The last commit of the live round that is known to be durable. */
struct fresh_tail {
    uint32_t frame; /* 0: none */
    bool nonce_known;
    uint8_t nonce[NONCE_BYTES];
};

struct fresh;

struct fresh_place {
    sqlite3_vfs *base;
    const char *path;      /* the database, as the caller named it: for messages */
    const char *full_path; /* as the base VFS names it */
    const uint8_t *file_id;
};

MUST_USE enum err_code fresh_new(const struct fresh_place *place, const struct secret *key, struct fresh **ret_fresh,
                                 struct error *err);
void fresh_free(struct fresh *fresh); /* NULL is allowed */

/* Before fresh_make: the counter begins above this one. */
void fresh_continue(struct fresh *fresh, uint64_t counter);

/* Makes the file of a new vault, with nothing in the table; replaces one that lies there. */
MUST_USE enum err_code fresh_make(struct fresh *fresh, struct error *err);

/*
 * Under the lock on the database; nothing if it is loaded. `required`: without the file this is ERR_DAMAGED, otherwise
 * nothing is checked until fresh_adopt.
 */
MUST_USE enum err_code fresh_load(struct fresh *fresh, bool required, struct error *err);

/* A handle on the database is opened, closed. With the last one the state in memory is forgotten: another process may
 * use the files from then on. */
void fresh_attach(struct fresh *fresh);
void fresh_detach(struct fresh *fresh);

/* Until fresh_adopt nothing is checked. Only when a person said so. False: it is loaded, there is a connection. */
bool fresh_give_up(struct fresh *fresh);

/* Takes the database and the log as they lie there now for the present state. */
MUST_USE enum err_code fresh_adopt(struct fresh *fresh, sqlite3_file *database, const struct fresh_round *log,
                                   struct error *err);
bool fresh_kept(struct fresh *fresh);

/* Pages
 * ------------------------------------------------------------------------------------------------------------------ */

/* Is this the expected version of the page? ERR_DAMAGED with the reason alone as message. */
MUST_USE enum err_code fresh_expect(struct fresh *fresh, uint32_t page, const uint8_t nonce[NONCE_BYTES],
                                    struct error *err);

/* From now on this version is expected. Called before the page is written, which a committed frame of the log holds. */
MUST_USE enum err_code fresh_note(struct fresh *fresh, uint32_t page, const uint8_t nonce[NONCE_BYTES],
                                  struct error *err);

/* The database has this many pages: those behind are not expected any more. */
void fresh_cut(struct fresh *fresh, uint32_t pages);

/* Writes the table and the rounds as they are; durable. What pages it speaks of are durable before. */
MUST_USE enum err_code fresh_save(struct fresh *fresh, struct error *err);

/* The log
 * ------------------------------------------------------------------------------------------------------------------ */

enum fresh_log { FRESH_LOG_LIVE, FRESH_LOG_ABSORBED, FRESH_LOG_UNCHECKED };

/*
 * Which round does the log's header open? ABSORBED: all of it is in the database, so it counts as empty. ERR_DAMAGED:
 * it is of neither. NULL: there is no header; ERR_DAMAGED when commits are known.
 */
MUST_USE enum err_code fresh_log_check(struct fresh *fresh, const uint8_t *salts, enum fresh_log *ret_log,
                                       struct error *err);

/* The last frame that is known to be committed in the live round; 0: none. */
uint32_t fresh_tail_frame(const struct fresh *fresh);

/* The tail of the round, if `salts` are those of the live one: the log reaches at least so far. */
struct fresh_tail fresh_tail_of(struct fresh *fresh, const uint8_t salts[SALTS_BYTES]);

/* Before the header of a new round is written over `visible`, the round whose header is in the file, durably. */
MUST_USE enum err_code fresh_round_begin(struct fresh *fresh, const uint8_t salts[SALTS_BYTES],
                                         const struct fresh_round *visible, struct error *err);

/* Before the log is cut to nothing or deleted. */
MUST_USE enum err_code fresh_round_end(struct fresh *fresh, struct error *err);

/* After a sync of the log: a commit ends at this frame. Nothing if the round is not the live one. */
void fresh_commit_note(struct fresh *fresh, const uint8_t salts[SALTS_BYTES], uint32_t frame,
                       const uint8_t nonce[NONCE_BYTES]);

/* Before a frame that was noted as committed is written again: only after a commit that failed behind its sync. */
MUST_USE enum err_code fresh_commit_undo(struct fresh *fresh, const uint8_t salts[SALTS_BYTES], uint32_t frame,
                                         struct error *err);

/* The state
 * ------------------------------------------------------------------------------------------------------------------ */

/* As vault_freshness in vault.h. */
MUST_USE enum err_code fresh_state(struct fresh *fresh, uint64_t *ret_counter, uint8_t ret_hash[32], struct error *err);
void fresh_set_counter(struct fresh *fresh, const struct vault_counter_io *io);

/* The version that is expected, false if none. */
bool fresh_expected(struct fresh *fresh, uint32_t page, uint8_t ret_nonce[NONCE_BYTES]);

/* For a scan: how many pages the table has; and what is on disk, which must be what it was when it was written. */
uint32_t fresh_pages(struct fresh *fresh);
MUST_USE enum err_code fresh_verify(struct fresh *fresh, struct error *err);

#endif
