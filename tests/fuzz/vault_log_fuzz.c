/*
 * The write-ahead log of the vault, at rest in hostile hands: whatever is done to the file, what is read afterwards is
 * the state after its last commit, or the vault says that it is damaged.
 *
 *     7 bytes a change, repeated:
 *     byte 0     what: changes a byte, copies a frame, copies a frame's header, cuts, writes bytes, fills with zeros
 *     bytes 1-3  where, taken modulo the file's length or number of frames
 *     bytes 4-5  from where, or how much
 *     byte 6     with what
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "crypto/vault/vault.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADER = 32, FRAME = 24 + 4096, COMMITS = 5, CHANGE = 7, CHANGES_MAX = 40 };

static const uint8_t KEY[VAULT_KEY_FILE_BYTES] = "a key of thirty-two bytes, fixed";
static const struct vault_unlock UNLOCK = { VAULT_SLOT_KEY_FILE, KEY, sizeof(KEY) };
static const char *const SUFFIXES[] = { "", "-wal", ".keys", ".keys.prev", ".fresh" };

enum { FILES = ARRAY_LEN(SUFFIXES) };

static char folder[] = "/tmp/holdfast-fuzz-XXXXXX";
static char path[64];
static struct buf files[FILES]; /* as they were with COMMITS commits in the log */

static const char *name_of(size_t file)
{
    static char name[96];
    (void)snprintf(name, sizeof(name), "%s%s", path, SUFFIXES[file]);
    return name;
}

static void clear(void)
{
    for (size_t i = 0; i < FILES; i++) {
        (void)unlink(name_of(i));
    }
}

static void leave(void)
{
    clear();
    for (size_t i = 0; i < FILES; i++) {
        buf_fini(&files[i]);
    }
    (void)rmdir(folder);
}

static void run(sqlite3 *db, const char *statement)
{
    CHECK(sqlite3_exec(db, statement, NULL, NULL, NULL) == SQLITE_OK);
}

static void files_keep(void)
{
    struct error err;
    for (size_t i = 0; i < FILES; i++) {
        buf_init(&files[i], (size_t)1 << 20);
        CHECK(!file_exists(name_of(i)) || file_read(name_of(i), &files[i], &err) == ERR_OK);
    }
}

static void prepare(void)
{
    struct error err;
    struct vault *vault;
    sqlite3 *db;
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof(path), "%s/x.db", folder);
    CHECK(vault_create(path, &UNLOCK, &err) == ERR_OK && vault_open(path, &UNLOCK, &vault, &err) == ERR_OK);
    CHECK(vault_open_database(vault, 64, &db, &err) == ERR_OK);
    run(db,
        "PRAGMA wal_autocheckpoint=0; CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB); PRAGMA wal_checkpoint(TRUNCATE)");
    for (int i = 0; i < COMMITS; i++) {
        run(db, "INSERT INTO t(b) VALUES(randomblob(1200))");
    }
    files_keep();
    CHECK(sqlite3_close(db) == SQLITE_OK);
    vault_close(vault);
    clear();
    CHECK(atexit(leave) == 0);
}

static void files_put(const struct buf *log)
{
    for (size_t i = 0; i < FILES; i++) {
        const struct buf *content = i == 1 ? log : &files[i];
        if (content->len == 0) {
            (void)unlink(name_of(i));
            continue;
        }
        FILE *file = fopen(name_of(i), "wb");
        CHECK(file != NULL && fwrite(content->data, 1, content->len, file) == content->len && fclose(file) == 0);
    }
}

static size_t frame_at(size_t number, size_t frames)
{
    return HEADER + (frames == 0 ? 0 : number % frames) * FRAME;
}

static void change(struct buf *log, const uint8_t *how)
{
    size_t where = (size_t)how[1] << 16 | (size_t)how[2] << 8 | how[3];
    size_t from = (size_t)how[4] << 8 | how[5];
    size_t frames = log->len < HEADER + FRAME ? 0 : (log->len - HEADER) / FRAME;
    if (log->len == 0) {
        return;
    }
    switch (how[0] % 6) {
    case 0:
        log->data[where % log->len] ^= how[6];
        break;
    case 1:
    case 2:
        if (frames > 0) {
            memmove(log->data + frame_at(where, frames), log->data + frame_at(from, frames),
                    how[0] % 6 == 1 ? FRAME : 24);
        }
        break;
    case 3:
        log->len = where % (log->len + 1);
        break;
    case 4:
        for (size_t i = 0; i < from && where % log->len + i < log->len; i++) {
            log->data[where % log->len + i] = (uint8_t)(how[6] + i * 7);
        }
        break;
    default:
        memset(log->data + where % log->len, 0,
               log->len - where % log->len < from ? log->len - where % log->len : from);
        break;
    }
}

static sqlite3_int64 number(sqlite3 *db, const char *query, int *ret_rc)
{
    sqlite3_stmt *statement = NULL;
    sqlite3_int64 found = -1;
    *ret_rc = sqlite3_prepare_v2(db, query, -1, &statement, NULL);
    if (*ret_rc == SQLITE_OK && (*ret_rc = sqlite3_step(statement)) == SQLITE_ROW) {
        found = sqlite3_column_int64(statement, 0);
        *ret_rc = SQLITE_OK;
    }
    (void)sqlite3_finalize(statement);
    return found;
}

/* Whole, and what the last commit left. */
static void look(struct vault *vault, sqlite3 *db)
{
    int codes[4];
    struct error damage;
    sqlite3_int64 rows = number(db, "SELECT count(*) FROM t", &codes[0]);
    sqlite3_int64 last = number(db, "SELECT coalesce(max(a), 0) FROM t", &codes[1]);
    sqlite3_int64 whole = number(db, "SELECT count(*) FROM t WHERE length(b)=1200", &codes[2]);
    sqlite3_int64 sound = number(db, "SELECT integrity_check = 'ok' FROM pragma_integrity_check", &codes[3]);
    bool read = codes[0] == SQLITE_OK && codes[1] == SQLITE_OK && codes[2] == SQLITE_OK && codes[3] == SQLITE_OK;
    CHECK(read || vault_last_damage(vault, &damage));
    CHECK(!read || (rows == last && rows == whole && rows == COMMITS && sound == 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (path[0] == '\0') {
        prepare();
    }
    struct error err;
    SCOPED(buf_fini) struct buf log;
    buf_init(&log, (size_t)1 << 20);
    CHECK(buf_append(&log, files[1].data, files[1].len, &err) == ERR_OK);
    for (size_t at = 0; at + CHANGE <= size && at < (size_t)CHANGES_MAX * CHANGE; at += CHANGE) {
        change(&log, data + at);
    }
    files_put(&log);
    struct vault *vault = NULL;
    sqlite3 *db = NULL;
    CHECK(vault_open(path, &UNLOCK, &vault, &err) == ERR_OK);
    enum err_code rc = vault_open_database(vault, 64, &db, &err);
    CHECK(rc == ERR_OK || rc == ERR_DAMAGED);
    if (rc == ERR_OK) {
        run(db, "PRAGMA synchronous=OFF"); /* closing waits for no disk */
        look(vault, db);
    }
    (void)sqlite3_close(db);
    vault_close(vault);
    return 0;
}
