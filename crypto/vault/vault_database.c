#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "crypto/vault/vault_internal.h"

enum { ANSWER_MAX = 16, DATABASE_MODE = 0600 };

static enum err_code code_of(int rc)
{
    if (rc == SQLITE_IOERR_DATA) {
        return ERR_DAMAGED;
    }
    switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_BUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERR_DAMAGED;
    case SQLITE_FULL:
        return ERR_DISK_FULL;
    case SQLITE_READONLY:
        return ERR_READ_ONLY;
    case SQLITE_NOMEM:
        return ERR_NO_MEMORY;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return ERR_IO;
    default:
        return ERR_DATABASE;
    }
}

/* A connection on its way to be given out. */
struct opening {
    struct vault *vault;
    sqlite3 *db;
    unsigned damages_before;
};

static enum err_code sql_failed(const struct opening *opening, const char *sql, struct error *err)
{
    const struct vault *vault = opening->vault;
    int rc = sqlite3_extended_errcode(opening->db);
    struct error damage;
    if (vault_damage_since(vault, opening->damages_before, &damage)) {
        return error_set(err, ERR_DAMAGED, "%s", damage.message);
    }
    if ((rc & 0xff) == SQLITE_BUSY) {
        return FAIL(err, BUSY, "open the database '%s': another process has it", vault->path);
    }
    return error_set(err, code_of(rc), "open the database '%s': '%s': %s", vault->path, sql,
                     sqlite3_errmsg(opening->db));
}

/* Runs one statement; `answer` takes the first column of the first row, cut. */
static enum err_code sql_run(const struct opening *opening, const char *sql, char answer[ANSWER_MAX], struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(opening->db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
    }
    if (rc == SQLITE_ROW) {
        const unsigned char *text = sqlite3_column_text(statement, 0);
        (void)snprintf(answer, ANSWER_MAX, "%s", text == NULL ? "" : (const char *)text);
        rc = sqlite3_step(statement);
    }
    enum err_code result = rc == SQLITE_DONE ? ERR_OK : sql_failed(opening, sql, err);
    (void)sqlite3_finalize(statement);
    return result;
}

/* ATTACH of a file could go through any VFS and so in the clear. VACUUM attaches "", a temporary database. */
static int attach_refuse(void *unused, int action, const char *file, const char *b, const char *c, const char *d)
{
    (void)unused;
    (void)b;
    (void)c;
    (void)d;
    return action == SQLITE_ATTACH && (file == NULL || file[0] != '\0') ? SQLITE_DENY : SQLITE_OK;
}

static enum err_code settings_apply(const struct opening *opening, int cache_kib, struct error *err)
{
    static const char *const SETTINGS[] = {
        "PRAGMA mmap_size=0",     "PRAGMA synchronous=FULL",   "PRAGMA foreign_keys=ON",
        "PRAGMA temp_store=FILE", "PRAGMA cell_size_check=ON", "PRAGMA secure_delete=OFF",
    };
    char answer[ANSWER_MAX];
    for (size_t i = 0; i < ARRAY_LEN(SETTINGS); i++) {
        TRY(sql_run(opening, SETTINGS[i], answer, err));
    }
    char cache[48];
    (void)snprintf(cache, sizeof(cache), "PRAGMA cache_size=-%d", cache_kib);
    return sql_run(opening, cache, answer, err);
}

/* What must be set before SQLite looks at the file. */
static enum err_code connection_prepare(const struct opening *opening, struct error *err)
{
    sqlite3 *db = opening->db;
    int reserve = PAGE_RESERVE;
    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserve) != SQLITE_OK ||
        sqlite3_extended_result_codes(db, 1) != SQLITE_OK ||
        sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) != SQLITE_OK ||
        sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL) != SQLITE_OK ||
        sqlite3_set_authorizer(db, attach_refuse, NULL) != SQLITE_OK) {
        return sql_failed(opening, "settings", err);
    }
    return ERR_OK;
}

/*
 * A new file: its first page goes through no rollback journal on disk, because there is nothing to roll back to. From
 * the moment that the keys file says so, the database is expected to be there.
 */
static enum err_code database_make(const struct opening *opening, struct error *err)
{
    if (chmod(opening->vault->full_path, DATABASE_MODE) != 0) {
        return error_errno(err, "make the database '%s'", opening->vault->path);
    }
    char answer[ANSWER_MAX] = "";
    TRY(sql_run(opening, "PRAGMA page_size=4096", answer, err));
    TRY(sql_run(opening, "PRAGMA journal_mode", answer, err));
    if (strcmp(answer, "wal") != 0) {
        TRY(sql_run(opening, "PRAGMA journal_mode=MEMORY", answer, err));
    }
    return ERR_OK;
}

static enum err_code keys_made_mark(struct keys *keys, void *unused, struct error *err)
{
    (void)unused;
    TRY(keys_mark_fresh(keys, err));
    return keys_mark_made(keys, err);
}

/* From now on a database that is empty and a list of nonces that is absent are damage. */
static enum err_code made_mark(struct vault *vault, struct error *err)
{
    TRY(vault_keys_change(vault, &(struct keys_change){ keys_made_mark, NULL }, err));
    atomic_store(&vault->made, true);
    atomic_store(&vault->keeps_fresh, true);
    return ERR_OK;
}

/* The list of nonces of a vault that has none: an older version made it, or a person gave the list up. */
static enum err_code freshness_adopt(const struct opening *opening, struct error *err)
{
    struct vault *vault = opening->vault;
    sqlite3_file *database = NULL;
    sqlite3_file *log = NULL;
    struct fresh_round round = { 0 };
    if (sqlite3_file_control(opening->db, "main", SQLITE_FCNTL_FILE_POINTER, &database) != SQLITE_OK ||
        sqlite3_file_control(opening->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK ||
        log_file_round(log, &round) != SQLITE_OK) {
        return FAIL(err, IO, "read the log of '%s'", vault->path);
    }
    return fresh_adopt(vault->fresh, vault_file_of(database)->below, &round, err);
}

static enum err_code database_set_up(const struct opening *opening, int cache_kib, struct error *err)
{
    struct vault *vault = opening->vault;
    char answer[ANSWER_MAX] = "";
    TRY(connection_prepare(opening, err));
    TRY(settings_apply(opening, cache_kib, err));
    if (!atomic_load(&vault->made)) {
        TRY(database_make(opening, err));
    }
    TRY(sql_run(opening, "PRAGMA journal_mode=WAL", answer, err));
    if (strcmp(answer, "wal") != 0) {
        return FAIL(err, DATABASE, "open the database '%s': the write-ahead log is not possible ('%s')", vault->path,
                    answer);
    }
    TRY(sql_run(opening, "SELECT count(*) FROM sqlite_schema", answer, err));
    if (!fresh_kept(vault->fresh)) {
        TRY(freshness_adopt(opening, err));
    }
    if (atomic_load(&vault->made) && atomic_load(&vault->keeps_fresh)) {
        return ERR_OK;
    }
    TRY(fresh_save(vault->fresh, err));
    return made_mark(vault, err);
}

enum err_code vault_open_database(struct vault *vault, int cache_kib, sqlite3 **ret_db, struct error *err)
{
    CHECK(cache_kib > 0);
    struct opening opening = { .vault = vault, .damages_before = vault_damages(vault) };
    /* One thread at a time uses a connection: its own mutex would be taken a thousand times a transaction for nothing.
     */
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (atomic_load(&vault->made) ? 0 : SQLITE_OPEN_CREATE);
    int rc = sqlite3_open_v2(vault->full_path, &opening.db, flags, vault->name);
    enum err_code result = rc == SQLITE_OK      ? database_set_up(&opening, cache_kib, err)
                           : opening.db == NULL ? FAIL(err, NO_MEMORY, "open the database '%s'", vault->path)
                                                : sql_failed(&opening, "open", err);
    if (result != ERR_OK) {
        (void)sqlite3_close(opening.db);
        return result;
    }
    *ret_db = opening.db;
    return ERR_OK;
}
