#include "world.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * The same statements, chosen by a seed, on a plain database and on a sealed one, over several connections: each
 * answers the same as the other, row for row and code for code, whatever is in the cache, the log or the file at that
 * moment. First with a vault; then with databases under a fixed key, which may be attached, leave the log and use
 * auto_vacuum.
 */

TestSuite(vault_differential, .timeout = 570);

enum { CONNECTIONS = 3, BLOB_BYTES = 40000, ANSWER_MAX = 1 << 16 };

enum side { PLAIN, SEALED, SIDES };

struct pair {
    uint64_t random;
    struct world world;
    struct vault_fixed *fixed; /* NULL: a vault */
    char path[SIDES][2][112];  /* the database, and the one that is attached */
    sqlite3 *db[CONNECTIONS][SIDES];
    unsigned refused; /* statements that both refused */
    unsigned answered;
};

static unsigned below(struct pair *pair, unsigned limit)
{
    pair->random = pair->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(pair->random >> 33) % limit;
}

/* The rows, in text, as sqlite3_exec gives them. */
struct answer {
    int rc;
    size_t len;
    char text[ANSWER_MAX];
};

static int row_add(void *context, int count, char **values, char **names)
{
    (void)names;
    struct answer *answer = context;
    for (int i = 0; i < count; i++) {
        int put = snprintf(answer->text + answer->len, ANSWER_MAX - answer->len, "%s|", values[i] ? values[i] : "NULL");
        answer->len += (size_t)put < ANSWER_MAX - answer->len ? (size_t)put : ANSWER_MAX - answer->len - 1;
    }
    return 0;
}

static void both(struct pair *pair, unsigned connection, const char *statement)
{
    static struct answer answers[SIDES];
    for (enum side side = PLAIN; side < SIDES; side++) {
        answers[side].len = 0;
        answers[side].text[0] = '\0';
        answers[side].rc = sqlite3_exec(pair->db[connection][side], statement, row_add, &answers[side], NULL);
    }
    cr_assert_eq(answers[PLAIN].rc, answers[SEALED].rc, "'%s': plain %d (%s), sealed %d (%s)", statement,
                 answers[PLAIN].rc, sqlite3_errmsg(pair->db[connection][PLAIN]), answers[SEALED].rc,
                 sqlite3_errmsg(pair->db[connection][SEALED]));
    cr_assert_str_eq(answers[PLAIN].text, answers[SEALED].text, "'%s'", statement);
    pair->refused += answers[PLAIN].rc != SQLITE_OK;
    pair->answered += answers[PLAIN].len > 0;
}

static const uint8_t FIXED_KEY[32] = "the same key for all databases";

static void connect_file(struct pair *pair, enum side side, sqlite3 **ret_db)
{
    int reserve = 32;
    const char *vfs = side == PLAIN ? "unix-excl" : "differential";
    cr_assert_eq(sqlite3_open_v2(pair->path[side][0], ret_db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs),
                 SQLITE_OK);
    cr_assert_eq(sqlite3_file_control(*ret_db, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserve), SQLITE_OK);
    (void)sqlite3_extended_result_codes(*ret_db, 1);
    sql(*ret_db, "PRAGMA page_size=4096; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA temp_store=FILE;"
                 "PRAGMA cell_size_check=ON; PRAGMA secure_delete=OFF; PRAGMA cache_size=-64");
    if (pair->fixed == NULL) {
        sql(*ret_db, "PRAGMA journal_mode=WAL");
        return;
    }
    sql(*ret_db, "PRAGMA synchronous=OFF; PRAGMA auto_vacuum=INCREMENTAL; ATTACH '%s' AS o", pair->path[side][1]);
    cr_assert_eq(sqlite3_file_control(*ret_db, "o", SQLITE_FCNTL_RESERVE_BYTES, &reserve), SQLITE_OK);
}

static void connect(struct pair *pair, unsigned connection)
{
    struct error err;
    connect_file(pair, PLAIN, &pair->db[connection][PLAIN]);
    if (pair->fixed != NULL) {
        connect_file(pair, SEALED, &pair->db[connection][SEALED]);
        return;
    }
    cr_assert_eq(vault_open_database(pair->world.vault, 64, &pair->db[connection][SEALED], &err), ERR_OK, "%s",
                 err.message);
}

static void disconnect(struct pair *pair, unsigned connection)
{
    for (enum side side = PLAIN; side < SIDES; side++) {
        cr_assert_eq(sqlite3_close(pair->db[connection][side]), SQLITE_OK);
        pair->db[connection][side] = NULL;
    }
}

/* Statements
 * ------------------------------------------------------------------------------------------------------------- */

/* The same bytes on both sides: random ones would differ. */
static const char *value(struct pair *pair)
{
    static char text[4][96];
    static unsigned turn;
    char *out = text[turn++ % 4];
    unsigned seed = below(pair, 1000);
    switch (below(pair, 5)) {
    case 0:
        (void)snprintf(out, sizeof(text[0]), "%u", seed);
        break;
    case 1:
        (void)snprintf(out, sizeof(text[0]), "'word%u'", seed % 50);
        break;
    case 2:
        (void)snprintf(out, sizeof(text[0]), "NULL");
        break;
    case 3:
        (void)snprintf(out, sizeof(text[0]), "printf('%%.*c', %u, 'x')||%u", below(pair, 3000), seed);
        break;
    default:
        (void)snprintf(out, sizeof(text[0]), "zeroblob(%u)||'%u'", below(pair, 12000), seed);
        break;
    }
    return out;
}

static void make_write(struct pair *pair, char *out, size_t size)
{
    unsigned row = below(pair, 400);
    switch (below(pair, 8)) {
    case 0:
    case 1:
        (void)snprintf(out, size, "INSERT OR REPLACE INTO t(a, b, c) VALUES(%u, %s, %s)", row, value(pair),
                       value(pair));
        break;
    case 2:
        (void)snprintf(out, size, "INSERT INTO t(b, c) VALUES(%s, %s) RETURNING a, length(c)", value(pair),
                       value(pair));
        break;
    case 3:
        (void)snprintf(out, size, "UPDATE t SET c=%s WHERE a BETWEEN %u AND %u", value(pair), row,
                       row + below(pair, 60));
        break;
    case 4:
        (void)snprintf(out, size, "DELETE FROM t WHERE a BETWEEN %u AND %u", row, row + below(pair, 25));
        break;
    case 5:
        (void)snprintf(out, size, "UPDATE OR IGNORE t SET a=a+%u WHERE a%%17=%u", 1 + below(pair, 9), below(pair, 17));
        break;
    case 6:
        (void)snprintf(out, size,
                       "INSERT INTO u SELECT NULL, a, b FROM t ORDER BY c DESC, a LIMIT %u; DELETE FROM u WHERE x%%3=1",
                       below(pair, 200));
        break;
    default:
        (void)snprintf(out, size,
                       "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n WHERE x<%u)"
                       "INSERT OR REPLACE INTO t SELECT x*7%%400, x, zeroblob(x*13%%2500) FROM n",
                       1 + below(pair, 150));
        break;
    }
}

static void make_read(struct pair *pair, char *out, size_t size)
{
    static const char *const READS[] = {
        "SELECT a, b, length(c), typeof(c) FROM t ORDER BY a",
        "SELECT count(*), sum(a), sum(length(c)) FROM t",
        "SELECT b, count(*) FROM t GROUP BY b ORDER BY b",
        "SELECT t.a, u.x FROM t JOIN u ON u.y=t.a ORDER BY u.x DESC LIMIT 50",
        "SELECT a, row_number() OVER (ORDER BY length(c), a) FROM t WHERE b IS NOT NULL ORDER BY a LIMIT 100",
        "SELECT DISTINCT length(c) FROM t ORDER BY 1",
        "SELECT name FROM sqlite_schema ORDER BY name",
        "SELECT sum(length(s)) FROM (SELECT hex(c)||a AS s FROM t ORDER BY s)",
        "PRAGMA quick_check",
        "PRAGMA page_count",
        "PRAGMA freelist_count",
    };
    (void)snprintf(out, size, "%s", READS[below(pair, ARRAY_LEN(READS))]);
}

static void make_control(struct pair *pair, char *out, size_t size)
{
    static const char *const CONTROLS[] = {
        "BEGIN",
        "BEGIN IMMEDIATE",
        "COMMIT",
        "COMMIT",
        "COMMIT",
        "ROLLBACK",
        "SAVEPOINT one",
        "SAVEPOINT two",
        "RELEASE one",
        "RELEASE two",
        "ROLLBACK TO one",
        "ROLLBACK TO two",
        "PRAGMA wal_checkpoint(PASSIVE)",
        "PRAGMA wal_checkpoint(FULL)",
        "PRAGMA wal_checkpoint(RESTART)",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "PRAGMA cache_size=2",
        "PRAGMA cache_size=50",
        "PRAGMA wal_autocheckpoint=7",
        "PRAGMA wal_autocheckpoint=1000",
        "PRAGMA shrink_memory",
        "VACUUM",
        "REINDEX",
        "ANALYZE",
        "DROP INDEX IF EXISTS tb",
        "CREATE INDEX IF NOT EXISTS tb ON t(b, length(c))",
        "CREATE TEMP TABLE IF NOT EXISTS v AS SELECT a, c FROM t; UPDATE v SET c=c||'v'; SELECT count(*) FROM v",
        "DROP TABLE IF EXISTS temp.v",
        "ALTER TABLE u RENAME COLUMN z TO zz; ALTER TABLE u RENAME COLUMN zz TO z",
    };
    (void)snprintf(out, size, "%s", CONTROLS[below(pair, ARRAY_LEN(CONTROLS))]);
}

/* What a vault refuses, or never does. */
static void make_control_of_files(struct pair *pair, char *out, size_t size)
{
    static const char *const CONTROLS[] = {
        "PRAGMA journal_mode=DELETE",
        "PRAGMA journal_mode=TRUNCATE",
        "PRAGMA journal_mode=MEMORY",
        "PRAGMA journal_mode=WAL",
        "PRAGMA o.journal_mode=DELETE",
        "PRAGMA o.journal_mode=WAL",
        "PRAGMA incremental_vacuum(5)",
        "PRAGMA incremental_vacuum",
        ("BEGIN; DELETE FROM t WHERE a%3=1; PRAGMA incremental_vacuum;"
         "INSERT INTO t(b, c) SELECT a, c FROM t LIMIT 40; COMMIT"),
        "PRAGMA auto_vacuum=FULL; VACUUM",
        "PRAGMA auto_vacuum=INCREMENTAL; VACUUM",
        "PRAGMA auto_vacuum=NONE; VACUUM",
        "PRAGMA auto_vacuum",
        "VACUUM o",
        "CREATE TABLE IF NOT EXISTS o.w(a INTEGER PRIMARY KEY, c); INSERT INTO o.w SELECT NULL, c FROM t LIMIT 60",
        "BEGIN IMMEDIATE; UPDATE o.w SET c=c||'w'; DELETE FROM t WHERE a%5=2; COMMIT",
        "BEGIN; DELETE FROM o.w WHERE a%2=0; UPDATE t SET b=b||'r'; ROLLBACK",
        "SELECT a, length(c) FROM o.w ORDER BY a",
        "PRAGMA o.page_count",
    };
    (void)snprintf(out, size, "%s", CONTROLS[below(pair, ARRAY_LEN(CONTROLS))]);
}

/* A copy into another file reads as the original does. */
static void vacuum_into_both(struct pair *pair, unsigned connection)
{
    static struct answer answers[SIDES];
    for (enum side side = PLAIN; side < SIDES; side++) {
        char path[128];
        sqlite3 *copy = NULL;
        (void)snprintf(path, sizeof(path), "%s.into", pair->path[side][0]);
        (void)unlink(path);
        answers[side].len = 0;
        answers[side].text[0] = '\0';
        answers[side].rc = sql_code(pair->db[connection][side], "VACUUM INTO '%s'", path);
        if (answers[side].rc != SQLITE_OK) {
            continue;
        }
        cr_assert_eq(sqlite3_open_v2(path, &copy, SQLITE_OPEN_READWRITE, side == PLAIN ? "unix-excl" : "differential"),
                     SQLITE_OK);
        integrity_ok(copy);
        cr_assert_eq(sqlite3_exec(copy, "SELECT a, b, length(c) FROM t ORDER BY a; PRAGMA page_count", row_add,
                                  &answers[side], NULL),
                     SQLITE_OK);
        cr_assert_eq(sqlite3_close(copy), SQLITE_OK);
    }
    cr_assert_eq(answers[PLAIN].rc, answers[SEALED].rc);
    cr_assert_str_eq(answers[PLAIN].text, answers[SEALED].text);
}

/* Reads and writes pieces of a blob over many pages, byte for byte, on both sides. */
static void blob_both(struct pair *pair, unsigned connection)
{
    static uint8_t pieces[SIDES][3000];
    sqlite3_blob *blobs[SIDES] = { NULL };
    int codes[SIDES];
    for (enum side side = PLAIN; side < SIDES; side++) {
        codes[side] = sqlite3_blob_open(pair->db[connection][side], "main", "big", "b", 1, 1, &blobs[side]);
    }
    cr_assert_eq(codes[PLAIN], codes[SEALED]);
    for (unsigned left = below(pair, 12); codes[PLAIN] == SQLITE_OK && left > 0; left--) {
        int at = (int)below(pair, BLOB_BYTES - 3000);
        int len = 1 + (int)below(pair, 2999);
        bool write = below(pair, 2) == 0;
        uint8_t fill = (uint8_t)below(pair, 256);
        for (enum side side = PLAIN; side < SIDES; side++) {
            if (write) {
                memset(pieces[side], fill, (size_t)len);
                codes[side] = sqlite3_blob_write(blobs[side], pieces[side], len, at);
            } else {
                codes[side] = sqlite3_blob_read(blobs[side], pieces[side], len, at);
            }
        }
        cr_assert_eq(codes[PLAIN], codes[SEALED]);
        cr_assert(codes[PLAIN] != SQLITE_OK || memcmp(pieces[PLAIN], pieces[SEALED], (size_t)len) == 0);
    }
    cr_assert_eq(sqlite3_blob_close(blobs[PLAIN]), sqlite3_blob_close(blobs[SEALED]));
}

static void step(struct pair *pair)
{
    char statement[512];
    unsigned connection = below(pair, CONNECTIONS);
    unsigned what = below(pair, 100);
    if (what == 0) {
        for (unsigned i = 0; i < CONNECTIONS; i++) {
            both(pair, i, "ROLLBACK"); /* no lock is in the way of the settings */
        }
        disconnect(pair, connection);
        connect(pair, connection);
        return;
    }
    if (what < 5) {
        blob_both(pair, connection);
        return;
    }
    if (pair->fixed != NULL && what >= 88) {
        make_control_of_files(pair, statement, sizeof(statement));
        both(pair, connection, statement);
        return;
    }
    if (pair->fixed != NULL && what == 87) {
        vacuum_into_both(pair, connection);
        return;
    }
    if (what < 45) {
        make_write(pair, statement, sizeof(statement));
    } else if (what < 70) {
        make_read(pair, statement, sizeof(statement));
    } else {
        make_control(pair, statement, sizeof(statement));
    }
    both(pair, connection, statement);
}

static void pair_make(struct pair *pair, uint64_t seed, bool fixed)
{
    *pair = (struct pair){ .random = seed };
    struct error err;
    if (fixed) {
        world_folder(&pair->world);
        cr_assert_eq(vault_fixed_register("differential", FIXED_KEY, &pair->fixed, &err), ERR_OK, "%s", err.message);
    } else {
        world_make(&pair->world);
        cr_assert_eq(vault_open(pair->world.path, &WORLD_UNLOCK, &pair->world.vault, &err), ERR_OK, "%s", err.message);
    }
    for (enum side side = PLAIN; side < SIDES; side++) {
        for (int i = 0; i < 2; i++) {
            (void)snprintf(pair->path[side][i], sizeof(pair->path[side][i]), "%s/%s%d.db", pair->world.folder,
                           side == PLAIN ? "plain" : "sealed", i);
        }
    }
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        connect(pair, i);
    }
    both(pair, 0,
         "CREATE TABLE t(a INTEGER PRIMARY KEY, b, c); CREATE INDEX tb ON t(b);"
         "CREATE TABLE u(x INTEGER PRIMARY KEY, y REFERENCES t(a) ON DELETE CASCADE, z);"
         "CREATE INDEX uy ON u(y); CREATE TABLE big(b); INSERT INTO big VALUES(zeroblob(40000))");
}

static void pair_fini(struct pair *pair)
{
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        disconnect(pair, i);
    }
    vault_fixed_unregister(pair->fixed);
    world_sweep(&pair->world);
}

static void compare(uint64_t seed, unsigned statements, bool fixed)
{
    static struct pair pair;
    (void)fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
    pair_make(&pair, seed, fixed);
    for (unsigned i = 0; i < statements; i++) {
        step(&pair);
    }
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        both(&pair, i, "ROLLBACK");
        both(&pair, i, "PRAGMA integrity_check; SELECT * FROM t ORDER BY a; SELECT * FROM u ORDER BY x");
    }
    /* the statements are worth their time: most work, some are refused */
    cr_assert_gt(pair.answered, statements / 8, "%u", pair.answered);
    cr_assert(pair.refused > statements / 50 && pair.refused < statements * 2 / 3, "%u", pair.refused);
    pair_fini(&pair);
}

Test(vault_differential, answers_as_plain_sqlite_does)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        compare(seed, 700, false);
    }
}

Test(vault_differential, under_a_fixed_key_answers_as_plain_sqlite_does_in_every_journal_mode)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        compare(seed, 700, true);
    }
}
