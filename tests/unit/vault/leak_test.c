#include "world.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shim.h"

/* Nothing that was stored is found in anything that is written. */

TestSuite(vault_leak, .timeout = 300);

#define MARKER "Wilhelmina-Okonkwo"

static void insert_marked(sqlite3 *db)
{
    sql(db, "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c BLOB);"
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n WHERE x<3000)"
            "INSERT INTO t(b, c) SELECT '" MARKER "'||x||replace(hex(zeroblob(14)),'00','" MARKER
            "'), zeroblob(x%%50) FROM n");
}

static void clean(const struct world *world)
{
    static const char *const SUFFIXES[] = { "", "-wal", ".keys" };
    cr_assert_gt(shim.writes, 0);
    cr_assert_eq(shim.leaks, 0);
    for (size_t i = 0; i < ARRAY_LEN(SUFFIXES); i++) {
        FILE *file = fopen(world_file(world, SUFFIXES[i]), "rb");
        cr_assert_not_null(file);
        static char bytes[16 * 1024 * 1024];
        size_t len = fread(bytes, 1, sizeof(bytes), file);
        cr_assert_eq(fclose(file), 0);
        cr_assert_null(memmem(bytes, len, MARKER, strlen(MARKER)));
        cr_assert_null(memmem(bytes, len, "SQLite format", 13));
    }
}

/* The looking itself works: without the vault the marker is found. */
Test(vault_leak, would_be_seen)
{
    struct world world;
    world_make(&world);
    shim_reset();
    shim.marker = MARKER;
    sqlite3 *plain = NULL;
    cr_assert_eq(
        sqlite3_open_v2(world_file(&world, ".other"), &plain, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, "shim"),
        SQLITE_OK);
    insert_marked(plain);
    unsigned stored = shim.leaks;
    sql(plain, "PRAGMA temp_store=FILE; PRAGMA cache_size=10; CREATE TABLE u AS SELECT b FROM t ORDER BY b||a DESC");

    cr_assert_gt(stored, 0);
    cr_assert_gt(shim.temporary_writes, 0);
    cr_assert_eq(sqlite3_close(plain), SQLITE_OK);
    world_fini(&world);
}

Test(vault_leak, is_not_in_rows_indexes_and_checkpoints)
{
    struct world world;
    world_make(&world);
    shim_reset();
    shim.marker = MARKER;
    world_open(&world);
    insert_marked(world.db);
    sql(world.db, "CREATE INDEX i ON t(b); UPDATE t SET b=b||'x' WHERE a%%3=0; PRAGMA wal_checkpoint;"
                  "UPDATE t SET b=b||'y' WHERE a%%5=0");

    clean(&world);
    world_fini(&world);
}

Test(vault_leak, is_not_in_sorts_that_spill)
{
    struct world world;
    world_make(&world);
    shim_reset();
    shim.marker = MARKER;
    world_open(&world);
    insert_marked(world.db);
    sql(world.db, "PRAGMA cache_size=10");
    cr_assert_eq(sql_number(world.db, "SELECT count(*) FROM (SELECT DISTINCT b||c FROM t ORDER BY b||c DESC)"), 3000);
    cr_assert_eq(sql_number(world.db, "SELECT max(n) FROM (SELECT row_number() OVER (ORDER BY b||'z') AS n FROM t)"),
                 3000);

    cr_assert_gt(shim.temporary_writes, 0);
    clean(&world);
    world_fini(&world);
}

Test(vault_leak, is_not_in_temporary_tables_and_views)
{
    struct world world;
    world_make(&world);
    shim_reset();
    shim.marker = MARKER;
    world_open(&world);
    insert_marked(world.db);
    sql(world.db, "PRAGMA temp.cache_size=5; CREATE TEMP TABLE u AS SELECT a, b FROM t; CREATE INDEX temp.ui ON u(b);"
                  "BEGIN; UPDATE u SET b=b||'q'; SAVEPOINT s; DELETE FROM u WHERE a%%2=0; ROLLBACK TO s; COMMIT");

    cr_assert_eq(sql_number(world.db, "SELECT count(*) FROM u WHERE b LIKE '%q'"), 3000);
    cr_assert_gt(shim.temporary_writes, 0);
    clean(&world);
    world_fini(&world);
}

Test(vault_leak, is_not_in_savepoints_that_spill)
{
    struct world world;
    world_make(&world);
    shim_reset();
    shim.marker = MARKER;
    world_open(&world);
    insert_marked(world.db);
    sql(world.db, "PRAGMA cache_size=10; BEGIN; SAVEPOINT s; UPDATE t SET b='" MARKER "'||b; SAVEPOINT r;"
                  "UPDATE t SET b=b||'" MARKER "'; ROLLBACK TO r; UPDATE OR FAIL t SET b=b||'1'; RELEASE s; COMMIT");

    cr_assert_gt(shim.temporary_writes, 0);
    clean(&world);
    integrity_ok(world.db);
    world_fini(&world);
}

Test(vault_leak, is_not_in_vacuum)
{
    struct world world;
    world_make(&world);
    shim_reset();
    shim.marker = MARKER;
    world_open(&world);
    insert_marked(world.db);
    sql(world.db, "DELETE FROM t WHERE a%%2=0");
    unsigned before = shim.temporary_writes;

    sql(world.db, "VACUUM");

    cr_assert_gt(shim.temporary_writes, before);
    clean(&world);
    integrity_ok(world.db);
    world_fini(&world);
}

/* Two snapshots of the same row: the second page is as new as the first. */
Test(vault_leak, an_unchanged_page_written_again_looks_different)
{
    struct world world;
    world_make(&world);
    world_open(&world);
    sql(world.db, "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT); INSERT INTO t VALUES(1,'same'); PRAGMA "
                  "wal_checkpoint(TRUNCATE)");
    copy_file(world.path, world_file(&world, ".other"));
    sql(world.db, "UPDATE t SET b='else'; UPDATE t SET b='same'; PRAGMA wal_checkpoint(TRUNCATE)");

    uint8_t before[4096];
    uint8_t after[4096];
    FILE *file = fopen(world_file(&world, ".other"), "rb");
    cr_assert_eq(fseek(file, 4096, SEEK_SET), 0);
    cr_assert_eq(fread(before, 1, sizeof(before), file), sizeof(before));
    cr_assert_eq(fclose(file), 0);
    file = fopen(world.path, "rb");
    cr_assert_eq(fseek(file, 4096, SEEK_SET), 0);
    cr_assert_eq(fread(after, 1, sizeof(after), file), sizeof(after));
    cr_assert_eq(fclose(file), 0);
    size_t equal = 0;
    for (size_t i = 0; i < sizeof(before); i++) {
        equal += before[i] == after[i];
    }
    cr_assert_lt(equal, 100, "%zu of 4096 bytes are equal; 16 by chance and the epoch's 4", equal);
    world_fini(&world);
}
