/*
 * The vault against plain SQLite: the same library, statements, settings and disk, in turns in one run. CPU time of the
 * process, user and system; the least of ROUNDS for each, because other programs only ever add. Run it alone on an idle
 * machine.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/vault/vault.h"

enum {
    ROUNDS = 15,
    CACHE_KIB = 2000,
    COMMITS = 2000,
    BULK_ROWS = 200000,
    POINT_READS = 40000,
    COLD_READS = 2000, /* about half of the pages, each for the first time */
    SCANS = 4,
};

enum measure { APPEND, COMMIT, BULK, COLD, POINT, SCAN, VACUUM, SIZE, MEASURES };

static const struct {
    const char *name;
    double aim;
} MEASURE[MEASURES] = {
    [APPEND] = { "durable commits, appended", 1.1 },
    [COMMIT] = { "durable commits, and indexed", 0 },
    [BULK] = { "bulk insert", 1.4 },
    [COLD] = { "cold point reads", 1.25 },
    [POINT] = { "point reads, disk cached", 0 },
    [SCAN] = { "full scan, disk cached", 1.5 },
    [VACUUM] = { "VACUUM", 1.8 },
    [SIZE] = { "file size", 1.01 },
};

struct side {
    char path[96];
    struct vault *vault; /* NULL: plain */
    sqlite3 *db;
    double took[MEASURES][ROUNDS];
};

static _Noreturn void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "bench_vault: %s: %s\n", what, why);
    exit(1);
}

static double cpu_seconds(void)
{
    struct rusage used;
    (void)getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void sql(sqlite3 *db, const char *text)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK) {
        die(text, sqlite3_errmsg(db));
    }
}

static void side_open(struct side *side)
{
    if (side->vault != NULL) {
        struct error err;
        if (vault_open_database(side->vault, CACHE_KIB, &side->db, &err) != ERR_OK) {
            die(side->path, err.message);
        }
        return;
    }
    if (sqlite3_open_v2(side->path, &side->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        "unix-excl") != SQLITE_OK) {
        die(side->path, "open");
    }
    char cache[64];
    (void)snprintf(cache, sizeof(cache), "PRAGMA cache_size=-%d", CACHE_KIB);
    sql(side->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA temp_store=FILE;"
                  "PRAGMA cell_size_check=ON; PRAGMA secure_delete=OFF; PRAGMA mmap_size=0");
    sql(side->db, cache);
}

static void side_shut(struct side *side)
{
    if (sqlite3_close(side->db) != SQLITE_OK) {
        die(side->path, "close");
    }
    side->db = NULL;
}

static sqlite3_stmt *prepared(sqlite3 *db, const char *text)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, text, -1, &statement, NULL) != SQLITE_OK) {
        die(text, sqlite3_errmsg(db));
    }
    return statement;
}

static void step(sqlite3_stmt *statement, int expected)
{
    if (sqlite3_step(statement) != expected) {
        die("step", sqlite3_errmsg(sqlite3_db_handle(statement)));
    }
    (void)sqlite3_reset(statement);
}

/* The same rows for both sides. */
static void insert_rows(sqlite3 *db, int from, int count)
{
    sqlite3_stmt *insert = prepared(db, "INSERT INTO attendance VALUES(?1, ?2, ?3, ?4)");
    for (int i = from; i < from + count; i++) {
        char note[128];
        int len = snprintf(note, sizeof(note), "session %d of placement %08x, %s", i % 7, (unsigned)i * 2654435761u,
                           i % 3 == 0 ? "present the whole morning, as agreed" : "present");
        (void)sqlite3_bind_int64(insert, 1, i);
        (void)sqlite3_bind_int64(insert, 2, 16000 + i % 700);
        (void)sqlite3_bind_int64(insert, 3, (sqlite3_int64)i * 7919);
        (void)sqlite3_bind_text(insert, 4, note, len, SQLITE_TRANSIENT);
        step(insert, SQLITE_DONE);
    }
    (void)sqlite3_finalize(insert);
}

/* The log of operations: one table, one row behind the other. */
static void run_appends(sqlite3 *db)
{
    sqlite3_stmt *append = prepared(db, "INSERT INTO op(body) VALUES(?1)");
    for (int i = 0; i < COMMITS; i++) {
        char body[200];
        memset(body, 'a' + i % 26, sizeof(body));
        (void)sqlite3_bind_blob(append, 1, body, sizeof(body), SQLITE_TRANSIENT);
        step(append, SQLITE_DONE);
    }
    (void)sqlite3_finalize(append);
}

static void run_commits(sqlite3 *db)
{
    insert_rows(db, 10000000, COMMITS);
}

static void run_bulk(sqlite3 *db)
{
    sql(db, "BEGIN");
    insert_rows(db, 1, BULK_ROWS);
    sql(db, "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
}

static void read_points(sqlite3 *db, int count)
{
    sqlite3_stmt *find = prepared(db, "SELECT note FROM attendance WHERE id=?1");
    unsigned at = 12345;
    for (int i = 0; i < count; i++) {
        at = at * 1664525u + 1013904223u;
        (void)sqlite3_bind_int64(find, 1, 1 + (at >> 8) % BULK_ROWS);
        step(find, SQLITE_ROW);
    }
    (void)sqlite3_finalize(find);
}

static void run_cold(sqlite3 *db)
{
    read_points(db, COLD_READS);
}

static void run_points(sqlite3 *db)
{
    read_points(db, POINT_READS);
}

static void run_scan(sqlite3 *db)
{
    sqlite3_stmt *scan = prepared(db, "SELECT sum(length(note)), sum(day) FROM attendance NOT INDEXED");
    for (int i = 0; i < SCANS; i++) {
        step(scan, SQLITE_ROW);
    }
    (void)sqlite3_finalize(scan);
}

static void run_vacuum(sqlite3 *db)
{
    sql(db, "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
}

/* Takes the file out of the system's cache. No connection is open, so no lock is lost by opening and closing it. */
static void evict(const struct side *side)
{
    int fd = open(side->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0 || close(fd) != 0) {
        die(side->path, "evict");
    }
}

/* Each work on a connection of its own, so that its page cache is cold. */
static void measure(struct side *side, int round, enum measure what, void (*work)(sqlite3 *))
{
    side_open(side);
    double before = cpu_seconds();
    work(side->db);
    side->took[what][round] = cpu_seconds() - before;
    side_shut(side);
}

static void round_run(struct side *side, int round)
{
    side_open(side);
    sql(side->db, "DROP TABLE IF EXISTS attendance; VACUUM; PRAGMA wal_checkpoint(TRUNCATE);"
                  "CREATE TABLE attendance(id INTEGER PRIMARY KEY, day INTEGER, who INTEGER, note TEXT);"
                  "CREATE INDEX attendance_day ON attendance(day);"
                  "DROP TABLE IF EXISTS op; CREATE TABLE op(seq INTEGER PRIMARY KEY, body BLOB)");
    side_shut(side);
    measure(side, round, BULK, run_bulk);
    evict(side);
    measure(side, round, COLD, run_cold);
    measure(side, round, POINT, run_points);
    measure(side, round, SCAN, run_scan);
    measure(side, round, VACUUM, run_vacuum);
    struct stat about;
    if (stat(side->path, &about) != 0) {
        die(side->path, "stat");
    }
    side->took[SIZE][round] = (double)about.st_size;
    measure(side, round, COMMIT, run_commits);
    measure(side, round, APPEND, run_appends);
}

static void side_remove(struct side *side)
{
    static const char *const SUFFIXES[] = { "", "-wal", ".fresh", ".keys", ".keys.prev" };
    char name[128];
    for (size_t i = 0; i < ARRAY_LEN(SUFFIXES); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", side->path, SUFFIXES[i]);
        (void)unlink(name);
    }
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(const double values[ROUNDS])
{
    double sorted[ROUNDS];
    memcpy(sorted, values, sizeof(sorted));
    qsort(sorted, ROUNDS, sizeof(sorted[0]), by_value);
    return sorted[ROUNDS / 2];
}

static void print_row(const struct side *plain, const struct side *sealed, int what)
{
    double ratios[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        ratios[i] = sealed->took[what][i] / plain->took[what][i];
    }
    double ratio = median(ratios);
    double scale = what == SIZE ? 1.0 / 1024 : 1000;
    const char *unit = what == SIZE ? "KB" : "ms";
    (void)printf("%-28s %9.1f %s %9.1f %s %7.3fx", MEASURE[what].name, median(plain->took[what]) * scale, unit,
                 median(sealed->took[what]) * scale, unit, ratio);
    if (MEASURE[what].aim > 0) {
        (void)printf(" %5.2fx%s", MEASURE[what].aim, ratio <= MEASURE[what].aim ? "" : "  missed");
    }
    (void)printf("\n");
}

static void print_table(const struct side *plain, const struct side *sealed)
{
    (void)printf("%-28s %12s %12s %8s %6s\n", "CPU, vault against plain", "plain", "vault", "ratio", "aim");
    for (int i = 0; i < MEASURES; i++) {
        print_row(plain, sealed, i);
    }
}

int main(int argc, char **argv)
{
    const char *parent = argc > 1 ? argv[1] : "/tmp";
    char folder[64];
    (void)snprintf(folder, sizeof(folder), "%.40s/holdfast-bench-XXXXXX", parent);
    if (mkdtemp(folder) == NULL) {
        die(folder, "make the folder");
    }
    static struct side plain;
    static struct side sealed;
    (void)snprintf(plain.path, sizeof(plain.path), "%s/plain.db", folder);
    (void)snprintf(sealed.path, sizeof(sealed.path), "%s/vault.db", folder);
    static const uint8_t KEY[VAULT_KEY_FILE_BYTES] = "only for the bench, not a secret";
    struct vault_unlock unlock = { .kind = VAULT_SLOT_KEY_FILE, .secret = KEY, .secret_len = sizeof(KEY) };
    struct error err;
    if (vault_create(sealed.path, &unlock, &err) != ERR_OK ||
        vault_open(sealed.path, &unlock, &sealed.vault, &err) != ERR_OK) {
        die(sealed.path, err.message);
    }
    for (int i = 0; i < ROUNDS; i++) {
        round_run(i % 2 == 0 ? &plain : &sealed, i);
        round_run(i % 2 == 0 ? &sealed : &plain, i);
    }
    vault_close(sealed.vault);
    print_table(&plain, &sealed);
    (void)printf("SQLite %s, %d rounds, cache %d KiB, folder '%s'\n", sqlite3_libversion(), ROUNDS, CACHE_KIB, parent);
    side_remove(&plain);
    side_remove(&sealed);
    return rmdir(folder) == 0 ? 0 : 1;
}
