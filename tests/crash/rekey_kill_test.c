/*
 * A process that re-keys its vault while it writes and others of its threads read is killed at a random moment, again
 * and again.
 *
 *     parent: fork ─► wait a random moment ─► kill -9 ─► read what was reported ─► now and then open and check
 *     child:  open ─► READY ─► step of the re-key (a new one when it ends: DONE) ─► write ─► WROTE ─► ...
 *             two threads: read everything, FAILED if a read fails
 *
 * Row n holds text made of n, so that any page that is old, torn or of another place shows. What was reported is there;
 * what was not is there whole or not at all. No read fails, and every re-key ends.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chance.h"
#include "child.h"
#include "unit/vault/world.h"

enum {
    KILLS = 50,
    ROWS = 600,      /* before the first kill */
    ROW_BYTES = 900, /* about four rows a page */
    COUNTERS = 40,   /* rows that are written again and again */
    READERS = 2,
    STEP_PAGES = 24,
    CHECK_EVERY = 4,
    OPENING_US = 30000,
    WORKING_US = 60000,
    STEPS_MAX = 20000
};

enum report_kind { READY = 1, WROTE, DONE, FAILED };

struct report {
    uint32_t kind;
    uint32_t row; /* WROTE */
};

static struct chance chance;
static struct world world;
static uint32_t rows_reported = ROWS;
static unsigned rekeys_done;

/* The child
 * ----------------------------------------------------------------------------------------------------------------- */

static int report_fd;

static void report(enum report_kind kind, uint32_t row)
{
    struct report sent = { .kind = kind, .row = row };
    if (write(report_fd, &sent, sizeof(sent)) != (ssize_t)sizeof(sent)) {
        _exit(3);
    }
}

static void failed(const char *what, const char *why)
{
    (void)fprintf(stderr, "crash_rekey: %s: %s\n", what, why);
    report(FAILED, 0);
}

static bool all_read(sqlite3 *db)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db,
                                "SELECT (SELECT count(*) FROM t WHERE b <> printf('%0*d', 900, n * 7919)), (SELECT "
                                "count(*) FROM counters)",
                                -1, &statement, NULL);
    rc = rc == SQLITE_OK ? sqlite3_step(statement) : rc;
    bool right =
        rc == SQLITE_ROW && sqlite3_column_int(statement, 0) == 0 && sqlite3_column_int(statement, 1) == COUNTERS;
    if (!right) {
        failed("read", rc == SQLITE_ROW ? "other rows than were written" : sqlite3_errmsg(db));
    }
    (void)sqlite3_finalize(statement);
    return right;
}

static void *read_on(void *vault)
{
    sqlite3 *db = NULL;
    struct error err;
    if (vault_open_database(vault, 1, &db, &err) != ERR_OK) {
        failed("open to read", err.message);
        return NULL;
    }
    while (all_read(db)) {
    }
    return NULL;
}

static void write_row(uint32_t row)
{
    if (sql_code(world.db,
                 "BEGIN; INSERT INTO t VALUES (%u, printf('%%0*d', 900, %u * 7919)); "
                 "UPDATE counters SET v = %u WHERE n = %u; COMMIT",
                 row, row, row, row % COUNTERS) != SQLITE_OK) {
        failed("write", sqlite3_errmsg(world.db));
        _exit(2);
    }
    report(WROTE, row);
}

static void step(void)
{
    struct vault_rekey_progress progress;
    struct error err;
    if (vault_rekey_step(world.vault, STEP_PAGES, &progress, &err) != ERR_OK) {
        failed("step", err.message);
        _exit(2);
    }
    if (!progress.running) {
        report(DONE, 0);
        if (vault_rekey_begin(world.vault, &err) != ERR_OK) {
            failed("begin", err.message);
            _exit(2);
        }
    } else if (progress.waiting) {
        (void)usleep(500);
    }
}

static void child_run(int fd)
{
    report_fd = fd;
    pthread_t threads[READERS];
    struct error err;
    if (vault_open(world.path, &WORLD_UNLOCK, &world.vault, &err) != ERR_OK ||
        vault_open_database(world.vault, 256, &world.db, &err) != ERR_OK) {
        failed("open", err.message);
        _exit(2);
    }
    uint32_t row = (uint32_t)sql_number(world.db, "SELECT max(n) FROM t");
    report(READY, row);
    for (size_t i = 0; i < READERS; i++) {
        if (pthread_create(&threads[i], NULL, read_on, world.vault) != 0) {
            _exit(4);
        }
    }
    for (unsigned turn = 0;; turn++) {
        step();
        if (turn % 2 == 0) {
            row++;
            write_row(row);
        }
    }
}

/* The parent
 * ----------------------------------------------------------------------------------------------------------------- */

static void reports_read(int fd)
{
    struct report got;
    while (read(fd, &got, sizeof(got)) == (ssize_t)sizeof(got)) {
        cr_assert_neq(got.kind, FAILED, "what failed is said above");
        if (got.kind == READY) {
            cr_assert(got.row == rows_reported || got.row == rows_reported + 1, "%u rows reported, %u there",
                      rows_reported, got.row);
            rows_reported = got.row;
        }
        rows_reported = got.kind == WROTE ? got.row : rows_reported;
        rekeys_done += got.kind == DONE;
    }
}

static void kill_once(void)
{
    int fd;
    pid_t child = child_start(child_run, &fd);
    pause_us(chance_below(&chance, OPENING_US) + chance_below(&chance, 8) * WORKING_US);
    child_kill(child);
    reports_read(fd);
    (void)close(fd);
}

static void check(void)
{
    world_open(&world);
    integrity_ok(world.db);
    sqlite3_int64 there = sql_number(world.db, "SELECT count(*) FROM t");
    cr_assert(there == rows_reported || there == rows_reported + 1, "%u rows reported, %lld there", rows_reported,
              (long long)there);
    rows_reported = (uint32_t)there;
    cr_assert_eq(sql_number(world.db, "SELECT count(*) FROM t WHERE b <> printf('%0*d', 900, n * 7919)"), 0);
    cr_assert_eq(sql_number(world.db, "SELECT max(v) FROM counters"), rows_reported);
    struct error damage;
    cr_assert_not(vault_last_damage(world.vault, &damage), "%s", damage.message);
    world_shut(&world);
}

static void prepare(void)
{
    struct error err;
    world_make(&world);
    world_open(&world);
    sql(world.db, "CREATE TABLE t(n INTEGER PRIMARY KEY, b TEXT); CREATE TABLE counters(n INTEGER PRIMARY KEY, v)");
    sql(world.db,
        "WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM c WHERE i<%d) INSERT INTO counters SELECT i, 0 "
        "FROM c",
        COUNTERS - 1);
    sql(world.db,
        "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<%d) INSERT INTO t SELECT i, "
        "printf('%%0*d', %d, i * 7919) FROM c",
        ROWS, ROW_BYTES);
    cr_assert_eq(vault_rekey_begin(world.vault, &err), ERR_OK, "%s", err.message);
    world_shut(&world);
}

static void finish(void)
{
    struct vault_rekey_progress progress = { .running = true };
    struct error err;
    world_open(&world);
    for (unsigned i = 0; progress.running && i < STEPS_MAX; i++) {
        cr_assert_eq(vault_rekey_step(world.vault, 256, &progress, &err), ERR_OK, "%s", err.message);
    }
    cr_assert_not(progress.running, "the re-key did not end");
    integrity_ok(world.db);
    world_shut(&world);
}

Test(rekey_kill, keeps_what_was_reported_fails_no_read_and_ends_however_often_it_is_killed)
{
    unsigned kills = chance_kills(KILLS);
    chance = chance_begin("crash_rekey");
    prepare();
    for (unsigned i = 1; i <= kills; i++) {
        kill_once();
        if (i % CHECK_EVERY == 0 || i == kills) {
            check();
        }
    }
    finish();
    (void)fprintf(stderr, "crash_rekey: %u kills, %u rows reported, %u re-keys ended between them\n", kills,
                  rows_reported - ROWS, rekeys_done);
    cr_assert_gt(rows_reported - ROWS, kills, "too little was written between the kills to prove anything");
    cr_assert_gt(rekeys_done, 0, "no re-key ended between the kills");
    world_fini(&world);
}
