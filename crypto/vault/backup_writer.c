/* The vault's pages out: a snapshot held by a read transaction, sealed again under the keys of this backup. */
#include <stdlib.h>
#include <string.h>

#include "crypto/vault/backup.h"
#include "crypto/vault/backup_cipher.h"
#include "crypto/vault/vault_internal.h"

enum { CACHE_KIB = 64, SNAPSHOT_TRIES = 3 };

struct backup_writer {
    struct vault *vault;
    sqlite3 *db;
    sqlite3_file *file; /* of `db`, the database: read as SQLite would */
    struct backup_head head;
    struct backup_cipher cipher;
    enum { WRITE_HEAD, WRITE_PAGES, WRITE_DONE } stage;
    unsigned damages_before;
    uint8_t page[PAGE_BYTES];
};

/* The snapshot
 * ----------------------------------------------------------------------------------------------------------- */

static enum err_code failed(const struct backup_writer *writer, const char *what, struct error *err)
{
    struct error damage;
    if (vault_damage_since(writer->vault, writer->damages_before, &damage)) {
        return error_set(err, damage.code, "%s: %s", what, damage.message);
    }
    int rc = sqlite3_extended_errcode(writer->db);
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return FAIL(err, BUSY, "%s: somebody reads or writes the replica just now", what);
    case SQLITE_FULL:
        return FAIL(err, DISK_FULL, "%s: no space left on the disk", what);
    case SQLITE_NOMEM:
        return FAIL(err, NO_MEMORY, "%s", what);
    default:
        return FAIL(err, IO, "%s: %s", what, sqlite3_errstr(rc));
    }
}

/* The first column of the first row; 0 without a row. */
static enum err_code number_of(const struct backup_writer *writer, const char *sql, int64_t *ret_number,
                               struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(writer->db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
    }
    int64_t number = 0;
    if (rc == SQLITE_ROW) {
        number = sqlite3_column_int64(statement, 0);
        rc = sqlite3_step(statement);
    }
    enum err_code result = rc == SQLITE_DONE ? ERR_OK : failed(writer, "begin a backup", err);
    (void)sqlite3_finalize(statement);
    if (result == ERR_OK) {
        *ret_number = number;
    }
    return result;
}

/* How long the log is. Zero inside a read transaction: the transaction reads the database file alone. */
static enum err_code log_length(const struct backup_writer *writer, const char *what, int64_t *ret_length,
                                struct error *err)
{
    sqlite3_file *log = NULL;
    sqlite3_int64 length = 0;
    if (sqlite3_file_control(writer->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK || log == NULL) {
        return FAIL(err, DATABASE, "%s: the replica has no write-ahead log", what);
    }
    if (log->pMethods != NULL && log->pMethods->xFileSize(log, &length) != SQLITE_OK) {
        return FAIL(err, IO, "%s: look at the write-ahead log", what);
    }
    *ret_length = length;
    return ERR_OK;
}

static enum err_code snapshot_try(struct backup_writer *writer, bool *ret_taken, struct error *err)
{
    int64_t busy = 0;
    int64_t unused = 0;
    int64_t length = 0;
    TRY(number_of(writer, "PRAGMA wal_checkpoint(TRUNCATE)", &busy, err));
    if (busy != 0) {
        *ret_taken = false;
        return ERR_OK;
    }
    TRY(number_of(writer, "BEGIN", &unused, err));
    TRY(number_of(writer, "SELECT count(*) FROM sqlite_schema", &unused, err));
    TRY(log_length(writer, "begin a backup", &length, err));
    if (length != 0) {
        TRY(number_of(writer, "ROLLBACK", &unused, err));
    }
    *ret_taken = length == 0;
    return ERR_OK;
}

static enum err_code snapshot_take(struct backup_writer *writer, struct error *err)
{
    TRY(vault_open_database(writer->vault, CACHE_KIB, &writer->db, err));
    bool taken = false;
    for (int tries = 0; !taken && tries < SNAPSHOT_TRIES; tries++) {
        TRY(snapshot_try(writer, &taken, err));
    }
    if (!taken) {
        return FAIL(err, BUSY, "begin a backup: somebody reads or writes the replica just now");
    }
    int64_t pages = 0;
    TRY(number_of(writer, "PRAGMA page_count", &pages, err));
    sqlite3_int64 size = 0;
    if (sqlite3_file_control(writer->db, "main", SQLITE_FCNTL_FILE_POINTER, &writer->file) != SQLITE_OK ||
        writer->file->pMethods->xFileSize(writer->file, &size) != SQLITE_OK) {
        return failed(writer, "begin a backup", err);
    }
    if (pages < 1 || pages > BACKUP_PAGES_MAX || size < pages * PAGE_BYTES) {
        return FAIL(err, DAMAGED, "begin a backup: the database ends before its last page");
    }
    writer->head.pages = (uint64_t)pages;
    return ERR_OK;
}

static enum err_code begin(struct backup_writer *writer, int64_t now_ms, struct error *err)
{
    const struct keys *keys = &writer->vault->keys;
    writer->damages_before = vault_damages(writer->vault);
    TRY(snapshot_take(writer, err));
    uint8_t unused[SHA256_BYTES];
    TRY(vault_freshness(writer->vault, &writer->head.freshness, unused, err));
    writer->head.made_at_ms = now_ms;
    writer->head.keys_len = sizeof(keys->image);
    memcpy(writer->head.file_id, keys_file_id(keys), sizeof(writer->head.file_id));
    TRY(random_bytes(writer->head.salt, sizeof(writer->head.salt), err));
    return backup_cipher_init(&writer->cipher, &keys->vault_key, &writer->head, true, err);
}

enum err_code backup_write_begin(struct vault *vault, int64_t now_ms, struct backup_writer **ret_writer,
                                 struct error *err)
{
    struct backup_writer *writer = calloc(1, sizeof(*writer));
    if (writer == NULL) {
        return FAIL(err, NO_MEMORY, "begin a backup");
    }
    writer->vault = vault;
    enum err_code rc = begin(writer, now_ms, err);
    if (rc != ERR_OK) {
        backup_write_free(writer);
        return rc;
    }
    *ret_writer = writer;
    return ERR_OK;
}

/* Its bytes
 * ---------------------------------------------------------------------------------------------------------------- */

static enum err_code page_add(struct backup_writer *writer, struct buf *out, struct error *err)
{
    sqlite3_int64 at = (sqlite3_int64)writer->cipher.done * PAGE_BYTES;
    int rc = writer->file->pMethods->xRead(writer->file, writer->page, PAGE_BYTES, at);
    struct error damage;
    if (rc == SQLITE_IOERR_DATA && vault_damage_since(writer->vault, writer->damages_before, &damage)) {
        return error_set(err, damage.code, "go on with the backup: %s", damage.message);
    }
    if (rc != SQLITE_OK) {
        return FAIL(err, IO, "go on with the backup: %s", sqlite3_errstr(rc));
    }
    TRY(buf_reserve(out, BACKUP_RECORD_BYTES, err));
    TRY(backup_page_close(&writer->cipher, writer->page, out->data + out->len, err));
    out->len += BACKUP_RECORD_BYTES;
    return ERR_OK;
}

/* What is written meanwhile stays in the log until the backup has ended: a slow client must not fill the disk. */
static enum err_code check_log(const struct backup_writer *writer, struct error *err)
{
    int64_t length;
    int64_t database = (int64_t)writer->head.pages * PAGE_BYTES;
    TRY(log_length(writer, "go on with the backup", &length, err));
    return length <= BACKUP_LOG_MIN || length <= database
               ? ERR_OK
               : FAIL(err, LIMIT,
                      "go on with the backup: more was written meanwhile than is in all of it; begin again, onto a "
                      "faster disk or at a quieter time");
}

enum err_code backup_write_next(struct backup_writer *writer, size_t max, struct buf *out, struct error *err)
{
    CHECK(max >= BACKUP_PIECE_MIN);
    size_t from = out->len;
    if (writer->stage == WRITE_PAGES) {
        TRY(check_log(writer, err));
    }
    if (writer->stage == WRITE_HEAD) {
        const struct keys *keys = &writer->vault->keys;
        TRY(backup_head_close(&writer->cipher, &writer->head, slice_of(keys->image, sizeof(keys->image)), out, err));
        writer->stage = WRITE_PAGES;
    }
    while (writer->stage == WRITE_PAGES && writer->cipher.done < writer->cipher.pages &&
           out->len - from + BACKUP_RECORD_BYTES <= max) {
        TRY(page_add(writer, out, err));
    }
    if (writer->stage == WRITE_PAGES && writer->cipher.done == writer->cipher.pages &&
        out->len - from + BACKUP_TRAILER_BYTES <= max) {
        uint8_t trailer[BACKUP_TRAILER_BYTES];
        backup_trailer_close(&writer->cipher, trailer);
        TRY(buf_append(out, trailer, sizeof(trailer), err));
        writer->stage = WRITE_DONE;
    }
    return ERR_OK;
}

bool backup_write_about(const struct backup_writer *writer, struct backup_about *ret_about)
{
    *ret_about = (struct backup_about){ .pages = writer->head.pages,
                                        .bytes = backup_bytes(&writer->head),
                                        .head_bytes = backup_head_bytes(&writer->head),
                                        .made_at_ms = writer->head.made_at_ms,
                                        .freshness = writer->head.freshness,
                                        .pages_done = writer->cipher.done };
    memcpy(ret_about->file_id, writer->head.file_id, sizeof(ret_about->file_id));
    if (writer->stage == WRITE_DONE) {
        memcpy(ret_about->fingerprint, writer->cipher.chain, sizeof(ret_about->fingerprint));
    }
    return writer->stage == WRITE_DONE;
}

void backup_write_free(struct backup_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    backup_cipher_fini(&writer->cipher);
    if (writer->db != NULL) {
        CHECK(sqlite3_close(writer->db) == SQLITE_OK);
    }
    secret_wipe(writer->page, sizeof(writer->page));
    free(writer);
}
