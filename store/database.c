#include "store/database.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum err_code system_code(struct database *db)
{
    int saved = sqlite3_system_errno(db->handle);
    return saved == ENOSPC || saved == EDQUOT || saved == EROFS ? err_code_from_errno(saved) : ERR_IO;
}

enum err_code db_fail(struct database *db, struct error *err)
{
    int code = sqlite3_extended_errcode(db->handle);
    struct error damage;
    switch (code & 0xff) {
    case SQLITE_FULL:
        return FAIL(err, DISK_FULL, "write the replica: no space left on the disk");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        return FAIL(err, READ_ONLY, "write the replica: the disk or its folder cannot be written (%s)",
                    sqlite3_errstr(code));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return FAIL(err, BUSY, "use the replica: another process has it open");
    case SQLITE_INTERRUPT:
        return FAIL(err, BUSY, "read the replica: it was stopped");
    case SQLITE_CONSTRAINT:
        return FAIL(err, REFUSED, "%s", sqlite3_errmsg(db->handle));
    case SQLITE_NOMEM:
        return FAIL(err, NO_MEMORY, "use the replica: out of memory");
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        if (db->vault != NULL && vault_last_damage(db->vault, &damage)) {
            return error_set(err, damage.code, "%s", damage.message);
        }
        if ((code & 0xff) == SQLITE_IOERR) {
            return error_set(err, system_code(db), "read or write the replica: %s", sqlite3_errstr(code));
        }
        return FAIL(err, DAMAGED, "read the replica: %s", sqlite3_errstr(code));
    default:
        return FAIL(err, DATABASE, "use the replica: %s", sqlite3_errmsg(db->handle));
    }
}

static enum err_code run_versioned(struct database *db, struct slice sql, int version, struct error *err)
{
    SCOPED(scoped_free) char *text = malloc(sql.len + 64);
    if (text == NULL) {
        return FAIL(err, NO_MEMORY, "make the tables");
    }
    memcpy(text, sql.data, sql.len);
    (void)snprintf(text + sql.len, 64, "\nPRAGMA user_version = %d;", version);
    TRY(db_begin(db, err));
    return db_end(db, db_exec(db, text, err), err);
}

static enum err_code read_version(struct database *db, int *ret_version, struct error *err)
{
    sqlite3_stmt *statement;
    bool row;
    TRY(db_statement(db, "PRAGMA user_version", &statement, err));
    TRY(db_step(db, statement, &row, err));
    *ret_version = row ? (int)column_int(statement, 0) : 0;
    sqlite3_reset(statement);
    return ERR_OK;
}

static enum err_code ensure_schema(struct database *db, const struct database_schema *schema, struct error *err)
{
    int found;
    TRY(read_version(db, &found, err));
    if (found == 0) {
        return run_versioned(db, schema->text, schema->version, err);
    }
    if (found < 0 || found > schema->version) {
        return FAIL(err, UNSUPPORTED, "open tables of version %d: this program knows version %d; update it", found,
                    schema->version);
    }
    for (; found < schema->version; found++) {
        enum err_code rc = run_versioned(db, slice_of_text(schema->upgrades[found - 1]), found + 1, err);
        if (rc != ERR_OK) {
            return error_wrap(err, rc, "bring tables of version %d to version %d", found, found + 1);
        }
    }
    return ERR_OK;
}

enum err_code db_open(struct database *db, struct vault *vault, int cache_kib, const struct database_schema *schema,
                      struct error *err)
{
    *db = (struct database){ .vault = vault };
    TRY(vault_open_database(vault, cache_kib, &db->handle, err));
    enum err_code rc = ensure_schema(db, schema, err);
    if (rc != ERR_OK) {
        db_close(db);
    }
    return rc;
}

enum err_code db_open_memory(struct database *db, struct error *err)
{
    *db = (struct database){ 0 };
    if (sqlite3_open_v2(":memory:", &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) == SQLITE_OK) {
        return ERR_OK;
    }
    db_close(db);
    return FAIL(err, NO_MEMORY, "open tables in memory");
}

#define STOP_LOOK_STEPS 1000 /* of SQLite's machine, between two looks at whether to stop: some microseconds */

static int stop_asked(void *context)
{
    const struct database *db = context;
    if (db->looks != NULL) {
        (void)atomic_fetch_add_explicit(db->looks, 1, memory_order_relaxed);
    }
    return atomic_load(db->stop);
}

void db_stop_by(struct database *db, atomic_bool *stop)
{
    db->stop = stop;
    sqlite3_progress_handler(db->handle, STOP_LOOK_STEPS, stop != NULL ? stop_asked : NULL, db);
}

enum err_code db_open_reader(struct database *db, struct vault *vault, int cache_kib, atomic_bool *stop,
                             atomic_uint_least64_t *looks, struct error *err)
{
    *db = (struct database){ .vault = vault, .looks = looks };
    TRY(vault_open_database(vault, cache_kib, &db->handle, err));
    db_stop_by(db, stop);
    enum err_code rc = db_exec(db, "PRAGMA query_only=ON", err);
    if (rc != ERR_OK) {
        db_close(db);
    }
    return rc;
}

enum err_code db_empty_log(struct database *db, struct error *err)
{
    sqlite3_stmt *s;
    bool row;
    TRY(db_statement(db, "PRAGMA wal_checkpoint(TRUNCATE)", &s, err));
    TRY(db_step(db, s, &row, err));
    bool held = row && column_int(s, 0) != 0;
    sqlite3_reset(s);
    return held ? FAIL(err, BUSY, "make the file anew: an older state of it is being read") : ERR_OK;
}

/* In place of the vault's own, which refuses ATTACH. */
static int only_beside(void *unused, int action, const char *a, const char *b, const char *database, const char *d)
{
    (void)unused;
    (void)a;
    (void)b;
    (void)d;
    bool writes = action == SQLITE_INSERT || action == SQLITE_UPDATE || action == SQLITE_DELETE;
    bool refused = action == SQLITE_ATTACH || (writes && (database == NULL || strcmp(database, "temp") != 0));
    return refused ? SQLITE_DENY : SQLITE_OK;
}

enum err_code db_write_beside(struct database *db, struct error *err)
{
    if (sqlite3_set_authorizer(db->handle, only_beside, NULL) != SQLITE_OK) {
        return db_fail(db, err);
    }
    return db_exec(db, "PRAGMA query_only=OFF", err);
}

void db_close(struct database *db)
{
    for (size_t i = 0; i < DATABASE_STATEMENTS_MAX; i++) {
        sqlite3_finalize(db->kept[i].statement);
    }
    if (db->handle != NULL) {
        CHECK(sqlite3_close(db->handle) == SQLITE_OK);
    }
    *db = (struct database){ 0 };
}

enum err_code db_exec(struct database *db, const char *sql, struct error *err)
{
    return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? ERR_OK : db_fail(db, err);
}

enum err_code db_statement(struct database *db, const char *sql, sqlite3_stmt **ret, struct error *err)
{
    size_t start = ((uintptr_t)sql >> 3) % DATABASE_STATEMENTS_MAX;
    for (size_t i = 0; i < DATABASE_STATEMENTS_MAX; i++) {
        size_t at = (start + i) % DATABASE_STATEMENTS_MAX;
        if (db->kept[at].sql == sql) {
            sqlite3_reset(db->kept[at].statement);
            sqlite3_clear_bindings(db->kept[at].statement);
            *ret = db->kept[at].statement;
            return ERR_OK;
        }
        if (db->kept[at].sql != NULL) {
            continue;
        }
        sqlite3_stmt *made;
        if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &made, NULL) != SQLITE_OK) {
            return db_fail(db, err);
        }
        db->kept[at].sql = sql;
        db->kept[at].statement = made;
        *ret = made;
        return ERR_OK;
    }
    CHECK(false); /* more literals than DATABASE_STATEMENTS_MAX: raise it */
}

enum err_code db_prepare(struct database *db, const char *sql, sqlite3_stmt **ret, struct error *err)
{
    sqlite3_stmt *made;
    if (sqlite3_prepare_v2(db->handle, sql, -1, &made, NULL) != SQLITE_OK) {
        return db_fail(db, err);
    }
    *ret = made;
    return ERR_OK;
}

void statement_fini(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
    *statement = NULL;
}

enum err_code db_step(struct database *db, sqlite3_stmt *statement, bool *ret_row, struct error *err)
{
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        *ret_row = true;
        return ERR_OK;
    }
    enum err_code rc = code == SQLITE_DONE ? ERR_OK : db_fail(db, err);
    sqlite3_reset(statement);
    if (rc == ERR_OK) {
        *ret_row = false;
    }
    return rc;
}

enum err_code db_run(struct database *db, sqlite3_stmt *statement, struct error *err)
{
    bool row = true;
    while (row) {
        TRY(db_step(db, statement, &row, err));
    }
    return ERR_OK;
}

/* SQLite takes this setting when it parses the statement, so that none is kept. */
static enum err_code relax(struct database *db, bool relaxed, struct error *err)
{
    if (db->relaxed != relaxed) {
        TRY(db_exec(db, relaxed ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL", err));
        db->relaxed = relaxed;
    }
    return ERR_OK;
}

static enum err_code begin(struct database *db, struct error *err)
{
    CHECK(db->depth == 0);
    sqlite3_stmt *statement;
    db->turn++;
    TRY(db_statement(db, "BEGIN IMMEDIATE", &statement, err));
    TRY(db_run(db, statement, err));
    db->depth = 1;
    return ERR_OK;
}

enum err_code db_begin(struct database *db, struct error *err)
{
    TRY(relax(db, false, err));
    return begin(db, err);
}

enum err_code db_begin_relaxed(struct database *db, struct error *err)
{
    TRY(relax(db, true, err));
    return begin(db, err);
}

void db_rollback(struct database *db)
{
    db->depth = 0;
    db->turn++;
    /* a failed statement may have ended the transaction already */
    if (!sqlite3_get_autocommit(db->handle)) {
        (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    }
    (void)!relax(db, false, NULL); /* out of memory at worst, and db_begin tries again */
}

enum err_code db_end(struct database *db, enum err_code rc, struct error *err)
{
    CHECK(db->depth == 1);
    if (rc == ERR_OK) {
        sqlite3_stmt *statement;
        rc = db_statement(db, "COMMIT", &statement, err);
        if (rc == ERR_OK) {
            rc = db_run(db, statement, err);
        }
    }
    db->depth = 0;
    if (rc != ERR_OK) {
        db_rollback(db);
    } else {
        (void)!relax(db, false, NULL);
    }
    return rc;
}

void bind_int(sqlite3_stmt *statement, int index, int64_t value)
{
    (void)sqlite3_bind_int64(statement, index, value);
}

void bind_blob(sqlite3_stmt *statement, int index, const void *data, size_t len)
{
    (void)sqlite3_bind_blob64(statement, index, len > 0 ? data : "", len, SQLITE_STATIC);
}

void bind_slice(sqlite3_stmt *statement, int index, struct slice bytes)
{
    bind_blob(statement, index, bytes.data, bytes.len);
}

void bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    (void)sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

void bind_text_slice(sqlite3_stmt *statement, int index, struct slice text)
{
    (void)sqlite3_bind_text64(statement, index, text.len > 0 ? (const char *)text.data : "", text.len, SQLITE_STATIC,
                              SQLITE_UTF8);
}

void bind_null(sqlite3_stmt *statement, int index)
{
    (void)sqlite3_bind_null(statement, index);
}

int64_t column_int(sqlite3_stmt *statement, int index)
{
    return sqlite3_column_int64(statement, index);
}

int64_t column_int_or(sqlite3_stmt *statement, int index, int64_t otherwise)
{
    return sqlite3_column_type(statement, index) == SQLITE_NULL ? otherwise : sqlite3_column_int64(statement, index);
}

struct slice column_slice(sqlite3_stmt *statement, int index)
{
    const void *data = sqlite3_column_blob(statement, index);
    return slice_of(data, (size_t)sqlite3_column_bytes(statement, index));
}

bool column_fixed(sqlite3_stmt *statement, int index, uint8_t *out, size_t len)
{
    struct slice bytes = column_slice(statement, index);
    if (bytes.len != len || bytes.data == NULL) {
        memset(out, 0, len);
        return false;
    }
    memcpy(out, bytes.data, len);
    return true;
}

void column_text(sqlite3_stmt *statement, int index, char *out, size_t size)
{
    struct slice text = column_slice(statement, index);
    size_t len = text.len < size - 1 ? text.len : size - 1;
    while (len < text.len && len > 0 && (text.data[len] & 0xc0) == 0x80) {
        len--;
    }
    if (len > 0) {
        memcpy(out, text.data, len);
    }
    out[len] = '\0';
}
