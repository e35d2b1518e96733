/*
 * crypto/vault/backup - the whole database in one sealed file, made while it is in use, and checked or read back
 * without trusting a byte of it.
 *
 *     vault, open ── backup_write_begin ──► next, next, ... ──► backup_write_free       as of the moment of begin
 *
 *     file ── backup_head_length, backup_read_begin ──► backup_read_unlock ──► take, take, ... ──► backup_read_end
 *
 * Both go piece by piece with flat memory. The format is drawn in crypto/vault/backup_cipher.h. A backup opens with
 * what opened the vault when it was made: it holds the keys file.
 *
 * Consistency: begin moves the whole write-ahead log into the database and then holds a read transaction. As long as
 * that stands, SQLite writes to the log only, so the database file is one committed state and its pages can be read in
 * order. Others read and write on; the log cannot restart until backup_write_free, and grows by what is written, but to
 * no more than the database's length, or BACKUP_LOG_MIN where that is more.
 *
 * Ownership:  what begin gives, free releases; NULL is allowed.
 * Threads:    that of the vault's other calls, for the writer; the reader may be used in any, one at a time.
 * Layer:      crypto.
 */
#ifndef CRYPTO_VAULT_BACKUP_H
#define CRYPTO_VAULT_BACKUP_H

#include "crypto/vault/vault.h"

#define BACKUP_FINGERPRINT_BYTES 32
#define BACKUP_PIECE_MIN ((size_t)128 * 1024) /* the least `max` of backup_write_next: a head always fits */
#define BACKUP_LOG_MIN ((int64_t)64 * 1024 * 1024)

struct backup_about {
    uint8_t file_id[16];
    uint64_t pages;
    uint64_t bytes;      /* of the whole file ... */
    uint64_t head_bytes; /* ... and of its head */
    int64_t made_at_ms;
    uint64_t freshness;                            /* the vault's counter then; 0: it kept none */
    uint64_t pages_done;                           /* written or read so far */
    uint8_t fingerprint[BACKUP_FINGERPRINT_BYTES]; /* of the whole, once it is complete: tells two backups apart */
};

/* ---- writing ---- */

struct backup_writer;

/* ERR_BUSY: another connection reads an old state, or another backup runs, so that the log cannot be emptied now. */
MUST_USE enum err_code backup_write_begin(struct vault *vault, int64_t now_ms, struct backup_writer **ret_writer,
                                          struct error *err);

/*
 * The file's next bytes, at most `max` (BACKUP_PIECE_MIN or more), put behind what is in `out`. Nothing put: the file
 * is complete. ERR_DAMAGED names the page of the vault that cannot be read; ERR_LIMIT: the log has become too long.
 * Such a backup must be thrown away.
 */
MUST_USE enum err_code backup_write_next(struct backup_writer *writer, size_t max, struct buf *out, struct error *err);
/* True once every byte of it was given out. */
bool backup_write_about(const struct backup_writer *writer, struct backup_about *ret_about);
void backup_write_free(struct backup_writer *writer);

/* ---- reading ---- */

struct backup_reader;

#define BACKUP_HEAD_LOOK 128 /* bytes that backup_head_length wants */
#define BACKUP_HEAD_MAX ((size_t)72 * 1024)

/* How many bytes the head has, from the first BACKUP_HEAD_LOOK of the file. ERR_DAMAGED, ERR_UNSUPPORTED. */
MUST_USE enum err_code backup_head_length(struct slice begin, size_t *ret_length, struct error *err);

/* `head` is exactly that long. What backup_read_about says is not checked before the reader is unlocked. */
MUST_USE enum err_code backup_read_begin(struct slice head, struct backup_reader **ret_reader, struct error *err);

/* ERR_KEY: no slot of the backup takes this secret. ERR_DAMAGED: one does, and the head fails its check. */
MUST_USE enum err_code backup_read_unlock(struct backup_reader *reader, const struct vault_unlock *unlock,
                                          struct error *err);
/* With the keys of an open vault. ERR_KEY: the backup is of another one. */
MUST_USE enum err_code backup_read_unlock_as(struct backup_reader *reader, const struct vault *vault,
                                             struct error *err);

/* Gets each page as SQLite knows it, checked, in order from 1; `page` has 4096 bytes. */
typedef enum err_code (*backup_page_taker)(void *context, uint32_t number, const uint8_t *page, struct error *err);

/*
 * The next bytes behind the head, cut anywhere. ERR_DAMAGED: a page fails its check, or there is more than the whole.
 * After a failure nothing more may be taken. `take` may be NULL: only checked.
 */
MUST_USE enum err_code backup_read_take(struct backup_reader *reader, struct slice bytes, backup_page_taker take,
                                        void *context, struct error *err);

/* ERR_DAMAGED: the file is cut off. After ERR_OK it is whole, unchanged, and made by who had the vault open. */
MUST_USE enum err_code backup_read_end(const struct backup_reader *reader, struct error *err);
/* True once it was read to its end, whole. */
bool backup_read_about(const struct backup_reader *reader, struct backup_about *ret_about);
void backup_read_free(struct backup_reader *reader);

#endif
