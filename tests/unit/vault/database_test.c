#include "world.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The database as SQL sees it: everything that a plain one does. */

TestSuite(vault_database, .timeout = 300);

Test(vault_database, keeps_rows_over_a_close)
{
    struct world world;
    world_make(&world);
    world_open(&world);
    sql(world.db, "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT); INSERT INTO t VALUES(1,'one'),(2,'two')");
    world_shut(&world);

    world_open(&world);

    cr_assert_eq(sql_number(world.db, "SELECT count(*) FROM t WHERE b IN ('one','two')"), 2);
    integrity_ok(world.db);
    world_fini(&world);
}

Test(vault_database, leaves_a_database_and_a_log_and_nothing_else)
{
    struct world world;
    world_make(&world);
    world_open(&world);
    sql(world.db, "CREATE TABLE t(a); INSERT INTO t VALUES(1)");

    cr_assert_eq(access(world_file(&world, "-wal"), F_OK), 0);
    cr_assert_neq(access(world_file(&world, "-shm"), F_OK), 0);
    cr_assert_neq(access(world_file(&world, "-journal"), F_OK), 0);
    world_fini(&world);
}

Test(vault_database, sets_what_every_connection_needs)
{
    struct world world;
    world_make(&world);
    world_open(&world);

    cr_assert_eq(sql_number(world.db, "PRAGMA page_size"), 4096);
    cr_assert_eq(sql_number(world.db, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
    cr_assert_eq(sql_number(world.db, "PRAGMA synchronous"), 2);
    cr_assert_eq(sql_number(world.db, "PRAGMA foreign_keys"), 1);
    cr_assert_eq(sql_number(world.db, "PRAGMA temp_store"), 1);
    cr_assert_eq(sql_number(world.db, "PRAGMA secure_delete"), 0);
    cr_assert_eq(sql_number(world.db, "PRAGMA cell_size_check"), 1);
    cr_assert_eq(sql_number(world.db, "PRAGMA trusted_schema"), 0);
    cr_assert_eq(sql_number(world.db, "PRAGMA cache_size"), -256);
    int defensive = 0;
    cr_assert_eq(sqlite3_db_config(world.db, SQLITE_DBCONFIG_DEFENSIVE, -1, &defensive), SQLITE_OK);
    cr_assert_eq(defensive, 1);
    world_fini(&world);
}

Test(vault_database, survives_savepoints_that_spill_out_of_a_tiny_cache)
{
    struct world world;
    world_make(&world);
    world_open(&world);
    sql(world.db, "PRAGMA cache_size=10; CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB); CREATE INDEX i ON t(b)");
    for (int round = 0; round < 6; round++) {
        sql(world.db,
            "BEGIN; SAVEPOINT s1;"
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n WHERE x<300)"
            "INSERT INTO t(b) SELECT randomblob(700) FROM n;"
            "SAVEPOINT s2; UPDATE t SET b=randomblob(900) WHERE a%%3=0; DELETE FROM t WHERE a%%7=0; ROLLBACK TO s2;"
            "UPDATE t SET b=hex(randomblob(100)) WHERE a%%2=0; UPDATE t SET b=b||'x' WHERE a%%2=0; RELEASE s1; COMMIT");
    }
    sql(world.db, "BEGIN; UPDATE t SET b=randomblob(2000); ROLLBACK");

    integrity_ok(world.db);
    cr_assert_eq(sql_number(world.db, "SELECT count(*) FROM t"), 1800);
    world_shut(&world);
    world_open(&world);
    integrity_ok(world.db);
    cr_assert_eq(sql_number(world.db, "SELECT sum(length(b)) FROM t"), 900 * 700 + 900 * 201);
    world_fini(&world);
}

/* Overwriting a page that is already in the log in the same transaction makes SQLite correct checksums in frame
 * headers. */
Test(vault_database, recovers_frames_whose_checksums_were_corrected)
{
    struct world world;
    world_make(&world);
    world_open(&world);
    /* nothing of it waits in memory for a sync that never comes */
    sql(world.db, "PRAGMA synchronous=OFF; PRAGMA cache_size=5; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(a INTEGER "
                  "PRIMARY KEY, b BLOB)");
    sql(world.db, "BEGIN; WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n WHERE x<200)"
                  "INSERT INTO t(b) SELECT zeroblob(1000) FROM n; UPDATE t SET b=randomblob(1000);"
                  "UPDATE t SET b=randomblob(1001); COMMIT");
    struct world copy;
    world_copy(&world, &copy);

    world_open(&copy);

    cr_assert_eq(sql_number(copy.db, "SELECT sum(length(b)) FROM t"), 200 * 1001);
    integrity_ok(copy.db);
    world_fini(&copy);
    world_fini(&world);
}

Test(vault_database, vacuums)
{
    struct world world;
    world_make(&world);
    world_open(&world);
    sql(world.db, "CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB);"
                  "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n WHERE x<2000)"
                  "INSERT INTO t(b) SELECT randomblob(600) FROM n; DELETE FROM t WHERE a%%4!=0");
    sqlite3_int64 before = sql_number(world.db, "PRAGMA page_count");

    sql(world.db, "VACUUM");

    cr_assert_lt(sql_number(world.db, "PRAGMA page_count"), before / 2);
    cr_assert_eq(sql_number(world.db, "SELECT sum(length(b)) FROM t"), 500 * 600);
    integrity_ok(world.db);
    sql(world.db, "PRAGMA wal_checkpoint(TRUNCATE)");
    cr_assert_eq(size_of(world.path), sql_number(world.db, "PRAGMA page_count") * 4096);
    world_fini(&world);
}

Test(vault_database, keeps_blobs_over_many_pages)
{
    struct world world;
    world_make(&world);
    world_open(&world);
    sql(world.db, "CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB); INSERT INTO t VALUES(1, zeroblob(3000000))");
    sqlite3_blob *blob = NULL;
    cr_assert_eq(sqlite3_blob_open(world.db, "main", "t", "b", 1, 1, &blob), SQLITE_OK);
    for (int at = 0; at < 3000000; at += 1000) {
        char text[16];
        (void)snprintf(text, sizeof(text), "%08d", at);
        cr_assert_eq(sqlite3_blob_write(blob, text, 8, at), SQLITE_OK);
    }
    cr_assert_eq(sqlite3_blob_close(blob), SQLITE_OK);
    world_shut(&world);

    world_open(&world);

    cr_assert_eq(sql_number(world.db, "SELECT CAST(substr(b, 2999001, 8) AS INTEGER) FROM t"), 2999000);
    cr_assert_eq(sql_number(world.db, "SELECT CAST(substr(b, 1001, 8) AS INTEGER) FROM t"), 1000);
    world_fini(&world);
}

Test(vault_database, copies_free_pages_with_the_backup_api)
{
    struct world world;
    world_make(&world);
    world_open(&world);
    sql(world.db, "CREATE TABLE t(b); CREATE TABLE gone(b);"
                  "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n WHERE x<500)"
                  "INSERT INTO gone SELECT randomblob(3000) FROM n; INSERT INTO t VALUES(42); DROP TABLE gone;"
                  "PRAGMA wal_checkpoint(TRUNCATE)");
    sqlite3 *copy = NULL;
    cr_assert_eq(sqlite3_open(":memory:", &copy), SQLITE_OK);
    sqlite3_backup *backup = sqlite3_backup_init(copy, "main", world.db, "main");
    cr_assert_not_null(backup);

    cr_assert_eq(sqlite3_backup_step(backup, -1), SQLITE_DONE);

    cr_assert_eq(sqlite3_backup_finish(backup), SQLITE_OK);
    cr_assert_eq(sqlite3_close(copy), SQLITE_OK);
    world_fini(&world);
}

Test(vault_database, backs_up_from_one_vault_into_another)
{
    struct world from;
    struct world to;
    world_make(&from);
    world_open(&from);
    world_make(&to);
    world_open(&to);
    sql(from.db, "CREATE TABLE t(b); WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n WHERE x<500)"
                 "INSERT INTO t SELECT randomblob(1000) FROM n");
    sqlite3_backup *backup = sqlite3_backup_init(to.db, "main", from.db, "main");
    cr_assert_not_null(backup);
    while (sqlite3_backup_step(backup, 20) == SQLITE_OK) {
    }

    cr_assert_eq(sqlite3_backup_finish(backup), SQLITE_OK);

    world_shut(&to);
    world_open(&to);
    integrity_ok(to.db);
    cr_assert_eq(sql_number(to.db, "SELECT count(*) FROM t"), 500);
    world_fini(&from);
    world_fini(&to);
}

Test(vault_database, refuses_attach_and_vacuum_into)
{
    struct world world;
    world_make(&world);
    world_open(&world);
    sql(world.db, "CREATE TABLE t(b)");

    cr_assert_eq(sql_code(world.db, "ATTACH '%s' AS o", world_file(&world, ".other")), SQLITE_AUTH);
    cr_assert_eq(sql_code(world.db, "ATTACH 'file:%s?vfs=unix' AS o", world_file(&world, ".other")), SQLITE_AUTH);
    cr_assert_eq(sql_code(world.db, "VACUUM INTO '%s'", world_file(&world, ".other")), SQLITE_AUTH);

    cr_assert_neq(access(world_file(&world, ".other"), F_OK), 0);
    world_fini(&world);
}

Test(vault_database, does_not_open_another_file_through_its_vfs)
{
    struct world world;
    world_make(&world);
    world_open(&world);
    sqlite3 *other = NULL;

    int rc = sqlite3_open_v2(world_file(&world, ".other"), &other, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                             vault_vfs_name(world.vault));

    cr_assert_eq(rc, SQLITE_CANTOPEN);
    (void)sqlite3_close(other);
    world_fini(&world);
}

Test(vault_database, refuses_to_leave_the_log_and_another_page_size)
{
    struct world world;
    world_make(&world);
    world_open(&world);
    sql(world.db, "CREATE TABLE t(b); INSERT INTO t VALUES(7)");

    (void)sql_code(world.db, "PRAGMA journal_mode=DELETE");
    (void)sql_code(world.db, "PRAGMA journal_mode=MEMORY");
    (void)sql_code(world.db, "PRAGMA page_size=8192; VACUUM");
    world_shut(&world);

    world_open(&world);
    cr_assert_eq(sql_number(world.db, "PRAGMA page_size"), 4096);
    cr_assert_eq(sql_number(world.db, "SELECT b FROM t"), 7);
    cr_assert_eq(sql_number(world.db, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
    world_fini(&world);
}

Test(vault_database, never_replays_a_rollback_journal_that_lies_there)
{
    struct world world;
    world_make(&world);
    world_open(&world);
    sql(world.db, "CREATE TABLE t(b); INSERT INTO t VALUES(7)");
    world_shut(&world);
    copy_file(world.path, world_file(&world, "-journal"));

    world_open(&world);

    cr_assert_eq(sql_number(world.db, "SELECT b FROM t"), 7);
    cr_assert_eq(access(world_file(&world, "-journal"), F_OK), 0);
    world_fini(&world);
}

Test(vault_database, serves_several_connections_of_one_process)
{
    struct world world;
    world_make(&world);
    world_open(&world);
    sqlite3 *second = NULL;
    struct error err;
    cr_assert_eq(vault_open_database(world.vault, 64, &second, &err), ERR_OK, "%s", err.message);
    sql(world.db, "CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB)");
    for (int i = 0; i < 40; i++) {
        sql(i % 2 == 0 ? world.db : second, "INSERT INTO t(b) VALUES(randomblob(9000))");
        if (i % 7 == 0) {
            sql(i % 3 == 0 ? world.db : second, "PRAGMA wal_checkpoint(%s)", i % 2 == 0 ? "RESTART" : "TRUNCATE");
        }
        cr_assert_eq(sql_number(i % 2 == 0 ? second : world.db, "SELECT count(*) FROM t"), i + 1);
    }

    integrity_ok(second);
    cr_assert_eq(sqlite3_close(second), SQLITE_OK);
    world_fini(&world);
}

/* The child has its own locks; it never returns into the test. */
static _Noreturn void hold_open(struct world *world, int ready, int leave)
{
    char byte = 'r';
    struct error err;
    bool opened = vault_open(world->path, &WORLD_UNLOCK, &world->vault, &err) == ERR_OK &&
                  vault_open_database(world->vault, 64, &world->db, &err) == ERR_OK;
    bool told = write(ready, &byte, 1) == 1 && read(leave, &byte, 1) >= 0;
    _exit(opened && told ? 0 : 1);
}

Test(vault_database, is_busy_for_a_second_process)
{
    struct world world;
    world_make(&world);
    int ready[2];
    int leave[2];
    cr_assert_eq(pipe(ready), 0);
    cr_assert_eq(pipe(leave), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)close(leave[1]);
        hold_open(&world, ready[1], leave[0]);
    }
    char byte;
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    struct error err;
    cr_assert_eq(vault_open(world.path, &WORLD_UNLOCK, &world.vault, &err), ERR_OK);

    enum err_code rc = vault_open_database(world.vault, 64, &world.db, &err);

    cr_assert_eq(rc, ERR_BUSY, "%s", err.message);
    int status = 0;
    (void)close(leave[1]);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    cr_assert_eq(vault_open_database(world.vault, 64, &world.db, &err), ERR_OK, "%s", err.message);
    world_fini(&world);
}
