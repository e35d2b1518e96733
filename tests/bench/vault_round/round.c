#include "tests/bench/vault_round/round.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

_Noreturn void die(const char *what, const char *why)
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

void sql(sqlite3 *db, const char *text)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK) {
        die(text, sqlite3_errmsg(db));
    }
}

void side_settle(struct side *side)
{
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
static void measure(struct side *side, enum measure what, void (*work)(sqlite3 *))
{
    side->open(side);
    double before = cpu_seconds();
    work(side->db);
    side->took[what] = cpu_seconds() - before;
    side_shut(side);
}

void round_run(struct side *side)
{
    side->open(side);
    sql(side->db, "DROP TABLE IF EXISTS attendance; VACUUM; PRAGMA wal_checkpoint(TRUNCATE);"
                  "CREATE TABLE attendance(id INTEGER PRIMARY KEY, day INTEGER, who INTEGER, note TEXT);"
                  "CREATE INDEX attendance_day ON attendance(day);"
                  "DROP TABLE IF EXISTS op; CREATE TABLE op(seq INTEGER PRIMARY KEY, body BLOB)");
    side_shut(side);
    measure(side, BULK, run_bulk);
    evict(side);
    measure(side, COLD, run_cold);
    measure(side, POINT, run_points);
    measure(side, SCAN, run_scan);
    measure(side, VACUUM, run_vacuum);
    struct stat about;
    if (stat(side->path, &about) != 0) {
        die(side->path, "stat");
    }
    side->took[SIZE] = (double)about.st_size;
    measure(side, COMMIT, run_commits);
    measure(side, APPEND, run_appends);
}
