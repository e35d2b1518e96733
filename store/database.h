/*
 * store/database - one SQLite connection over the vault: statements kept prepared, failures named.
 *
 * For the files of store/ only (and store/centre/). A statement's SQL must be a string literal: the text's address is
 * its key. db_run steps to the end; db_step gives row after row and resets by itself after the last.
 */
#ifndef STORE_DATABASE_H
#define STORE_DATABASE_H

#include <sqlite3.h>
#include <stdatomic.h>

#include "base/bytes.h"
#include "crypto/vault/vault.h"

#define DATABASE_STATEMENTS_MAX 512

struct database {
    sqlite3 *handle;
    struct vault *vault;
    struct {
        const char *sql;
        sqlite3_stmt *statement;
    } kept[DATABASE_STATEMENTS_MAX];
    int depth;    /* of db_begin */
    int64_t turn; /* counts the transactions begun and rolled back: what was known in another turn may be so no more */
    bool relaxed; /* commits are not synced */
    atomic_bool *stop;            /* see db_stop_by ... */
    atomic_uint_least64_t *looks; /* ... which counts here how often it looked; NULL: nowhere */
};

/* What tables a database has: `text` (no closing NUL) makes them all in an empty one, upgrades[v - 1] makes those of
 * version v into those of v + 1. */
struct database_schema {
    struct slice text;
    int version;
    const char *const *upgrades;
};

/* Opens, and brings the tables up to the schema's version, each step as one transaction. ERR_UNSUPPORTED for newer
 * ones. */
MUST_USE enum err_code db_open(struct database *db, struct vault *vault, int cache_kib,
                               const struct database_schema *schema, struct error *err);
/* An empty one in memory, for a question: without a vault, gone when it is closed. */
MUST_USE enum err_code db_open_memory(struct database *db, struct error *err);
/* One more connection over the vault, to tables that db_open has looked after, which refuses to write. Soon after
 * `stop` is set what runs on it ends with ERR_BUSY; `looks` counts on as long as something is done. */
MUST_USE enum err_code db_open_reader(struct database *db, struct vault *vault, int cache_kib, atomic_bool *stop,
                                      atomic_uint_least64_t *looks, struct error *err);
/* Lets a reader make temporary tables and write to them; to the vault's it writes as little as before. */
MUST_USE enum err_code db_write_beside(struct database *db, struct error *err);
/* Soon after `stop` is set what runs ends with ERR_BUSY; NULL: nothing stops it. */
void db_stop_by(struct database *db, atomic_bool *stop);
/* What is in the write-ahead log goes to the file, and the log is cut to nothing. ERR_BUSY: somebody reads an older
 * state; then it stays. */
MUST_USE enum err_code db_empty_log(struct database *db, struct error *err);
void db_close(struct database *db);

/* The failure of the last call on this connection: full disk, read-only, damage (with the page), a guard rail's
 * refusal, or DATABASE. */
enum err_code db_fail(struct database *db, struct error *err);

MUST_USE enum err_code db_exec(struct database *db, const char *sql, struct error *err);

/* A fresh (reset, unbound) statement, owned by the connection. */
MUST_USE enum err_code db_statement(struct database *db, const char *sql, sqlite3_stmt **ret, struct error *err);
/* One made for this use, with any text: *ret is the caller's, statement_fini ends it. */
MUST_USE enum err_code db_prepare(struct database *db, const char *sql, sqlite3_stmt **ret, struct error *err);
void statement_fini(sqlite3_stmt **statement);
MUST_USE enum err_code db_run(struct database *db, sqlite3_stmt *statement, struct error *err);
/* Of a VALUES: a table and its indexes are opened and closed once for eight rows. */
#define EIGHT_ROWS(row) row ", " row ", " row ", " row ", " row ", " row ", " row ", " row
MUST_USE enum err_code db_step(struct database *db, sqlite3_stmt *statement, bool *ret_row, struct error *err);

/* One transaction: BEGIN IMMEDIATE .. COMMIT (durable) or ROLLBACK. */
MUST_USE enum err_code db_begin(struct database *db, struct error *err);
/* One whose commit a loss of power may take back as a whole, until the next durable one: for what is made again then.
 */
MUST_USE enum err_code db_begin_relaxed(struct database *db, struct error *err);
/* Commits when rc is ERR_OK, else rolls back; returns rc or the commit's own failure. */
MUST_USE enum err_code db_end(struct database *db, enum err_code rc, struct error *err);
void db_rollback(struct database *db);

/* Binding never fails but for memory, which the step then reports. Blobs and texts are borrowed until the step. */
void bind_int(sqlite3_stmt *statement, int index, int64_t value);
void bind_blob(sqlite3_stmt *statement, int index, const void *data, size_t len);
void bind_slice(sqlite3_stmt *statement, int index, struct slice bytes);
void bind_text(sqlite3_stmt *statement, int index, const char *text);
void bind_text_slice(sqlite3_stmt *statement, int index, struct slice text);
void bind_null(sqlite3_stmt *statement, int index);

int64_t column_int(sqlite3_stmt *statement, int index);
/* `otherwise` for NULL. */
int64_t column_int_or(sqlite3_stmt *statement, int index, int64_t otherwise);
struct slice column_slice(sqlite3_stmt *statement, int index); /* until the next step */
/* Exactly `len` bytes, or zeros (and false) for anything else. */
bool column_fixed(sqlite3_stmt *statement, int index, uint8_t *out, size_t len);
/* NUL-terminated, cut to `size` at a whole character; "" for NULL. */
void column_text(sqlite3_stmt *statement, int index, char *out, size_t size);

#endif
