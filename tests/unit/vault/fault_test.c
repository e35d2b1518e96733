#include "world.h"

#include "shim.h"

/* Every call of the VFS fails once, or from there on: what was committed is there, once. */

TestSuite(vault_fault, .timeout = 570);

struct outcome {
    sqlite3_int64 committed; /* rows of t in commits that reported success */
    sqlite3_int64 tried;     /* rows with the commit that was under way */
};

/* A commit of `rows` rows; each row carries its number. */
static bool commit(struct world *world, struct outcome *outcome, int rows, const char *more)
{
    outcome->tried = outcome->committed + rows;
    bool done = sql_code(world->db, "BEGIN") == SQLITE_OK;
    for (int i = 1; done && i <= rows; i++) {
        done = sql_code(world->db, "INSERT INTO t VALUES(%lld, hex(zeroblob(%d)))", outcome->committed + i,
                        300 + 37 * i) == SQLITE_OK;
    }
    done = done && sql_code(world->db, "%s", more) == SQLITE_OK && sql_code(world->db, "COMMIT") == SQLITE_OK;
    if (done) {
        outcome->committed = outcome->tried;
    } else if (world->db != NULL && !sqlite3_get_autocommit(world->db)) {
        (void)sql_code(world->db, "ROLLBACK");
    }
    return done;
}

/* Open, write, spill, checkpoint, sort, vacuum, close. Stops at the first thing that fails. */
static bool work(struct world *world, struct outcome *outcome)
{
    struct error err;
    bool done = vault_open(world->path, &WORLD_UNLOCK, &world->vault, &err) == ERR_OK &&
                vault_open_database(world->vault, 64, &world->db, &err) == ERR_OK;
    done = done && sql_code(world->db, "PRAGMA cache_size=6") == SQLITE_OK &&
           sql_code(world->db, "CREATE TABLE IF NOT EXISTS t(a INTEGER PRIMARY KEY, b TEXT)") == SQLITE_OK;
    done = done && commit(world, outcome, 2, "");
    done = done && commit(world, outcome, 20, "UPDATE t SET b=b||'1'");
    done = done && sql_code(world->db, "PRAGMA wal_checkpoint(RESTART)") == SQLITE_OK;
    done = done && commit(world, outcome, 3, "UPDATE t SET b=b||'2' WHERE a%2=0");
    done = done && sql_code(world->db, "CREATE TABLE IF NOT EXISTS u AS SELECT b FROM t ORDER BY b||a") == SQLITE_OK;
    done = done && sql_code(world->db, "VACUUM") == SQLITE_OK;
    done = done && commit(world, outcome, 1, "");
    done = done && sql_code(world->db, "PRAGMA wal_checkpoint(TRUNCATE)") == SQLITE_OK;
    done = done && commit(world, outcome, 5, "DELETE FROM u");
    int closed = sqlite3_close(world->db);
    cr_assert_eq(closed, SQLITE_OK);
    vault_close(world->vault);
    world->db = NULL;
    world->vault = NULL;
    return done;
}

static void check(struct world *world, const struct outcome *outcome, const char *when, long number)
{
    world_open(world);
    integrity_ok(world->db);
    sqlite3_int64 there = 0;
    if (sql_number(world->db, "SELECT count(*) FROM sqlite_schema WHERE name='t'") == 1) {
        there = sql_number(world->db, "SELECT count(*) FROM t");
        cr_assert_eq(sql_number(world->db, "SELECT coalesce(max(a), 0) FROM t"), there);
    }
    cr_assert(there == outcome->committed || there == outcome->tried, "%s %ld: %lld rows, %lld committed, %lld tried",
              when, number, (long long)there, (long long)outcome->committed, (long long)outcome->tried);
    world_shut(world);
}

static void fail_each_call(bool for_good, int code)
{
    for (long n = 1;; n++) {
        struct world world;
        struct outcome outcome = { 0 };
        world_make(&world);
        shim_reset();
        shim.fail_at = n;
        shim.fail_code = code;
        shim.fail_for_good = for_good;
        bool done = work(&world, &outcome);
        bool failed = shim.failed;
        shim_reset();
        check(&world, &outcome, "after failing call", n);
        world_fini(&world);
        if (!failed) {
            cr_assert(done);
            cr_assert_gt(n, 100);
            return;
        }
    }
}

Test(vault_fault, of_any_one_call_loses_nothing_committed)
{
    fail_each_call(false, SQLITE_IOERR);
}

Test(vault_fault, of_every_call_from_any_one_on_loses_nothing_committed)
{
    fail_each_call(true, SQLITE_IOERR);
}

Test(vault_fault, of_a_full_disk_at_any_call_loses_nothing_committed)
{
    fail_each_call(true, SQLITE_FULL);
}
