#include "world.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shim.h"

/* The write-ahead log: recovery finds its end, and what was committed opens or fails. */

TestSuite(vault_log, .timeout = 300);

enum { HEADER = 32, FRAME = 24 + 4096 };

/* Ten commits in the log, none of them in the database file. */
static void logged(struct world *world)
{
    world_make(world);
    world_open(world);
    sql(world->db, "PRAGMA wal_autocheckpoint=0; CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT)");
    for (int i = 1; i <= 10; i++) {
        sql(world->db, "INSERT INTO t(b) VALUES(hex(randomblob(1200)))");
    }
}

/* And the notes of how far it was committed are lost, as with the power: they are not synced. */
static void logged_without_notes(struct world *world)
{
    shim_reset();
    shim.lose_notes = true;
    logged(world);
}

static long frames_of(const struct world *world)
{
    long behind = size_of(world_file(world, "-wal")) - HEADER;
    cr_assert_eq(behind % FRAME, 0);
    return behind / FRAME;
}

Test(vault_log, recovers_every_commit_after_an_unclean_end)
{
    struct world world;
    struct world copy;
    logged(&world);
    world_copy(&world, &copy);

    world_open(&copy);

    cr_assert_eq(sql_number(copy.db, "SELECT count(*) FROM t"), 10);
    integrity_ok(copy.db);
    world_fini(&copy);
    world_fini(&world);
}

/* Unless it is known how far the log was committed, a torn commit cannot be told from a damaged one. */
Test(vault_log, cut_or_damaged_at_its_tail_ends_there)
{
    static const long BACK[] = { 1, 100, 4080, 4100, 4119, 4120 };
    for (size_t i = 0; i < ARRAY_LEN(BACK); i++) {
        struct world world;
        struct world copy;
        logged_without_notes(&world);
        world_copy(&world, &copy);
        long size = size_of(world_file(&copy, "-wal"));
        if (i % 2 == 0) {
            flip_byte(world_file(&copy, "-wal"), size - BACK[i]);
        } else {
            cr_assert_eq(truncate(world_file(&copy, "-wal"), size - BACK[i]), 0);
        }

        world_open(&copy);

        cr_assert_eq(sql_number(copy.db, "SELECT count(*) FROM t"), 9, "the last commit only");
        integrity_ok(copy.db);
        sql(copy.db, "INSERT INTO t(b) VALUES('after')");
        world_fini(&copy);
        world_fini(&world);
    }
}

Test(vault_log, with_a_damaged_header_is_refused_not_taken_for_empty)
{
    for (long at = 0; at < HEADER; at += 3) {
        struct world world;
        struct world copy;
        logged(&world);
        world_copy(&world, &copy);
        flip_byte(world_file(&copy, "-wal"), at);
        struct error err = { 0 };

        enum err_code rc = world_try(&copy, &err);

        cr_assert_eq(rc, ERR_DAMAGED, "%s", err.message);
        cr_assert_not_null(strstr(err.message, "its header is not one"));
        world_fini(&copy);
        world_fini(&world);
    }
}

Test(vault_log, of_another_vault_is_refused)
{
    struct world world;
    struct world other;
    struct world copy;
    logged(&world);
    logged(&other);
    world_copy(&world, &copy);
    copy_file(world_file(&other, "-wal"), world_file(&copy, "-wal"));
    struct error err = { 0 };

    cr_assert_eq(world_try(&copy, &err), ERR_DAMAGED, "%s", err.message);
    world_fini(&copy);
    world_fini(&world);
    world_fini(&other);
}

/* A committed frame that no longer opens is never skipped in favour of the older page in the database file. */
Test(vault_log, fails_hard_on_a_committed_frame_that_was_changed)
{
    static const long WITHIN[] = { 0, 7, 24, 2000, 24 + 4064, 24 + 4076, 24 + 4095 };
    for (size_t i = 0; i < ARRAY_LEN(WITHIN); i++) {
        struct world world;
        logged(&world);
        long last = frames_of(&world) - 1;
        sql(world.db, "PRAGMA shrink_memory");
        flip_byte(world_file(&world, "-wal"), HEADER + last * FRAME + WITHIN[i]);
        sqlite3 *second = NULL;
        struct error err;

        enum err_code rc = vault_open_database(world.vault, 64, &second, &err);
        int read = rc == ERR_OK ? sql_code(second, "SELECT sum(length(b)) FROM t") : SQLITE_IOERR_DATA;

        cr_assert_eq(read, SQLITE_IOERR_DATA);
        cr_assert(vault_last_damage(world.vault, &err));
        cr_assert_not_null(strstr(err.message, "read frame"), "%s", err.message);
        (void)sqlite3_close(second);
        (void)sqlite3_close(world.db);
        vault_close(world.vault);
        world.db = NULL;
        world.vault = NULL;
        world_fini(&world);
    }
}

Test(vault_log, fails_hard_on_frames_that_changed_places)
{
    struct world world;
    struct world copy;
    logged(&world);
    world_copy(&world, &copy);
    long last = frames_of(&world) - 1;
    copy_bytes(world_file(&copy, "-wal"), HEADER + (last - 1) * FRAME, world_file(&world, "-wal"),
               HEADER + last * FRAME, FRAME);
    sqlite3 *second = NULL;
    struct error err;

    enum err_code rc = vault_open_database(world.vault, 64, &second, &err);
    int read = rc == ERR_OK ? sql_code(second, "SELECT sum(length(b)) FROM t") : SQLITE_IOERR_DATA;

    cr_assert_eq(read, SQLITE_IOERR_DATA);
    (void)sqlite3_close(second);
    world_fini(&copy);
    world_fini(&world);
}

Test(vault_log, does_not_take_frames_of_an_earlier_round)
{
    struct world world;
    struct world copy;
    logged_without_notes(&world);
    world_copy(&world, &copy);
    sql(world.db, "PRAGMA wal_checkpoint(RESTART); UPDATE t SET b='new'");
    long now = 2;
    copy_bytes(world_file(&copy, "-wal"), HEADER + now * FRAME, world_file(&world, "-wal"), HEADER + now * FRAME,
               FRAME);
    struct world after;
    world_copy(&world, &after);

    world_open(&after);

    integrity_ok(after.db);
    cr_assert_eq(sql_number(after.db, "SELECT count(*) FROM t WHERE b<>'new'"), 10,
                 "the transaction that lost a frame is gone whole");
    world_fini(&after);
    world_fini(&copy);
    world_fini(&world);
}

Test(vault_log, shows_no_header_in_the_clear)
{
    struct world world;
    logged(&world);
    static const uint8_t MAGIC[] = { 0x37, 0x7f, 0x06, 0x82, 0x00, 0x2d, 0xe2, 0x18 };
    uint8_t head[HEADER];
    FILE *file = fopen(world_file(&world, "-wal"), "rb");
    cr_assert_not_null(file);
    cr_assert_eq(fread(head, 1, sizeof(head), file), sizeof(head));
    cr_assert_eq(fclose(file), 0);

    cr_assert_neq(memcmp(head, MAGIC, 3), 0);
    cr_assert_neq(memcmp(head + 4, MAGIC + 4, 4), 0);
    world_fini(&world);
}

/* The second connection begins the log anew; the first appends to it without having read any of it. */
Test(vault_log, takes_frames_of_a_connection_that_did_not_see_it_begin_anew)
{
    struct world world;
    sqlite3 *second = NULL;
    struct error err;
    world_make(&world);
    world_open(&world);
    cr_assert_eq(vault_open_database(world.vault, 64, &second, &err), ERR_OK, "%s", err.message);
    sql(world.db, "CREATE TABLE x(a); CREATE TABLE y(a); INSERT INTO x VALUES(1); PRAGMA wal_checkpoint(RESTART)");

    sql(second, "INSERT INTO y VALUES(2)");
    sql(world.db, "INSERT INTO x VALUES(3)");

    struct world copy;
    world_copy(&world, &copy);
    world_open(&copy);
    cr_assert_eq(sql_number(second, "SELECT sum(a) FROM x"), 4);
    cr_assert_eq(sql_number(copy.db, "SELECT (SELECT sum(a) FROM x) * 10 + (SELECT sum(a) FROM y)"), 42);
    cr_assert_eq(sqlite3_close(second), SQLITE_OK);
    world_fini(&copy);
    world_fini(&world);
}

/* Correcting checksums reads the transaction's own frames back: a damaged one fails the commit, it is not passed over.
 */
Test(vault_log, fails_the_commit_that_reads_back_a_damaged_frame)
{
    struct world world;
    world_make(&world);
    world_open(&world);
    sql(world.db, "PRAGMA cache_size=5; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB);"
                  "BEGIN; WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n WHERE x<200)"
                  "INSERT INTO t(b) SELECT zeroblob(1000) FROM n; UPDATE t SET b=randomblob(1000) WHERE a<150");
    long last = frames_of(&world) - 1;
    flip_byte(world_file(&world, "-wal"), HEADER + last * FRAME + 1000);

    int rc = sql_code(world.db, "COMMIT");

    cr_assert_eq(rc, SQLITE_IOERR_DATA);
    cr_assert_eq(sql_number(world.db, "SELECT count(*) FROM t"), 0);
    world_fini(&world);
}

static unsigned seeded(unsigned *state, unsigned below)
{
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) % below;
}

/* Rows out of order, so that the cache writes pages into the log early, and some of them again. */
static void change_some(sqlite3 *db, unsigned *random)
{
    unsigned from = seeded(random, 120);
    sql(db, "UPDATE t SET b=randomblob(700) WHERE a BETWEEN %u AND %u", from, from + seeded(random, 40));
}

/* One transaction that writes pages, goes back to a savepoint, writes others and commits row 1000; then another one. */
static void commit_after_going_back(sqlite3 *db, unsigned *random)
{
    sql(db, "BEGIN");
    for (unsigned left = 1 + seeded(random, 3); left > 0; left--) {
        change_some(db, random);
    }
    sql(db, "SAVEPOINT s");
    for (unsigned left = 2 + seeded(random, 5); left > 0; left--) {
        change_some(db, random);
    }
    sql(db, "ROLLBACK TO s");
    for (unsigned left = seeded(random, 4); left > 0; left--) {
        change_some(db, random);
    }
    sql(db, "INSERT INTO t VALUES(1000, 'committed'); COMMIT; INSERT INTO t VALUES(1001, 'also')");
}

/*
 * SQLite 3.40 leaves the chain of checksums broken after some rollbacks to a savepoint and would lose the commit in a
 * crash; every second time the notes of how far the log was committed are lost too.
 */
Test(vault_log, keeps_a_commit_that_went_back_to_a_savepoint)
{
    for (unsigned seed = 1; seed <= 120; seed++) {
        struct world world;
        struct world copy;
        unsigned random = seed;
        shim_reset();
        shim.lose_notes = seed % 2 == 0;
        world_make(&world);
        world_open(&world);
        sql(world.db, "PRAGMA cache_size=3; PRAGMA wal_autocheckpoint=0; PRAGMA synchronous=OFF;"
                      "CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB);"
                      "WITH RECURSIVE n(x) AS (SELECT 0 UNION ALL SELECT x+1 FROM n WHERE x<119)"
                      "INSERT INTO t SELECT x, randomblob(700) FROM n;"
                      "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA synchronous=FULL");
        commit_after_going_back(world.db, &random);
        world_copy(&world, &copy);

        world_open(&copy);

        cr_assert_eq(sql_number(copy.db, "SELECT count(*) FROM t WHERE a>=1000"), 2, "seed %u", seed);
        cr_assert_eq(sql_number(copy.db, "SELECT count(*) FROM t"), 122, "seed %u", seed);
        integrity_ok(copy.db);
        world_fini(&copy);
        world_fini(&world);
    }
}

/* One to three changes: a byte, a piece copied from elsewhere in the log, or a cut. */
static void spoil(const struct world *world, const struct world *original, unsigned *random)
{
    char *log = world_file(world, "-wal");
    for (unsigned left = 1 + seeded(random, 3); left > 0; left--) {
        unsigned size = (unsigned)size_of(log);
        unsigned frames = (size - HEADER) / FRAME;
        unsigned what = seeded(random, 8);
        if (size <= HEADER + FRAME) {
            return;
        }
        if (what < 4) {
            flip_byte(log, (long)(HEADER + seeded(random, size - HEADER)));
        } else if (what < 7) {
            long to = HEADER + (long)seeded(random, frames) * FRAME;
            long from = HEADER + (long)seeded(random, frames) * FRAME;
            copy_bytes(world_file(original, "-wal"), from, log, to, what == 6 ? 24 : FRAME);
        } else {
            cr_assert_eq(truncate(log, (long)(HEADER + seeded(random, size - HEADER))), 0);
        }
    }
}

/* Whatever is done to the frames of a log at rest whose commits were not noted, what is read afterwards is the state
 * after one of the commits. */
Test(vault_log, spoilt_at_random_gives_an_earlier_commit_whole_or_nothing)
{
    struct world world;
    logged_without_notes(&world);
    unsigned shortened = 0;
    for (unsigned seed = 1; seed <= 300; seed++) {
        struct world copy;
        unsigned random = seed;
        world_copy(&world, &copy);
        spoil(&copy, &world, &random);

        world_open(&copy);

        integrity_ok(copy.db);
        if (sql_number(copy.db, "SELECT count(*) FROM sqlite_schema") == 1) {
            sqlite3_int64 rows = sql_number(copy.db, "SELECT count(*) FROM t");
            cr_assert_eq(sql_number(copy.db, "SELECT coalesce(max(a), 0) FROM t"), rows, "seed %u", seed);
            cr_assert_eq(sql_number(copy.db, "SELECT count(*) FROM t WHERE length(b) = 2400"), rows, "seed %u", seed);
            shortened += rows < 10;
        }
        world_fini(&copy);
    }
    cr_assert_gt(shortened, 100);
    world_fini(&world);
}
