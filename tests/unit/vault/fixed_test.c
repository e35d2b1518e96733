#include "world.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Databases of others under a fixed key: whatever SQL does with files, all of them are sealed. */

TestSuite(vault_fixed, .timeout = 300);

#define MARKER "Wilhelmina-Okonkwo"

static const uint8_t KEY[32] = "thirty-two bytes that are fixed";

struct fixture {
    struct world world;
    struct vault_fixed *fixed;
};

static void fixture_make(struct fixture *fixture, const char *vfs_name)
{
    struct error err;
    world_folder(&fixture->world);
    cr_assert_eq(vault_fixed_register(vfs_name, KEY, &fixture->fixed, &err), ERR_OK, "%s", err.message);
}

static void fixture_fini(struct fixture *fixture)
{
    vault_fixed_unregister(fixture->fixed);
    world_sweep(&fixture->world);
}

static sqlite3 *open_as(const char *path, const char *vfs_name)
{
    sqlite3 *db = NULL;
    cr_assert_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs_name), SQLITE_OK);
    (void)sqlite3_extended_result_codes(db, 1);
    return db;
}

static sqlite3 *open_file(struct fixture *fixture, const char *suffix)
{
    return open_as(world_file(&fixture->world, suffix), "fixed");
}

static void fill(sqlite3 *db, const char *table)
{
    sql(db,
        "CREATE TABLE %s(a INTEGER PRIMARY KEY, b TEXT);"
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n WHERE x<500)"
        "INSERT INTO %s(b) SELECT '" MARKER "'||x||'" MARKER "' FROM n",
        table, table);
}

/* A new file. */
static void attach(sqlite3 *db, const char *path, const char *as)
{
    int reserve = 32;
    sql(db, "ATTACH '%s' AS %s", path, as);
    cr_assert_eq(sqlite3_file_control(db, as, SQLITE_FCNTL_RESERVE_BYTES, &reserve), SQLITE_OK);
}

/* Every file in the folder; counts those that are not empty. */
static unsigned all_sealed(const struct world *world)
{
    unsigned count = 0;
    DIR *entries = opendir(world->folder);
    cr_assert_not_null(entries);
    for (const struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        char path[512];
        (void)snprintf(path, sizeof(path), "%s/%s", world->folder, entry->d_name);
        long size = entry->d_name[0] == '.' ? 0 : size_of(path);
        if (size <= 0) {
            continue;
        }
        char *bytes = malloc((size_t)size);
        FILE *file = fopen(path, "rb");
        cr_assert_not_null(file);
        cr_assert_eq(fread(bytes, 1, (size_t)size, file), (size_t)size);
        cr_assert_eq(fclose(file), 0);
        cr_assert_null(memmem(bytes, (size_t)size, MARKER, strlen(MARKER)), "in '%s'", entry->d_name);
        cr_assert_null(memmem(bytes, (size_t)size, "SQLite format", 13), "in '%s'", entry->d_name);
        free(bytes);
        count++;
    }
    cr_assert_eq(closedir(entries), 0);
    return count;
}

static void file_id(const struct world *world, const char *suffix, uint8_t out[16])
{
    FILE *file = fopen(world_file(world, suffix), "rb");
    cr_assert_not_null(file);
    cr_assert_eq(fread(out, 1, 16, file), 16);
    cr_assert_eq(fclose(file), 0);
}

Test(vault_fixed, seals_a_database_without_being_asked_for_reserved_bytes)
{
    struct fixture fixture;
    fixture_make(&fixture, "fixed");
    sqlite3 *db = open_file(&fixture, "");
    fill(db, "t");
    cr_assert_eq(sqlite3_close(db), SQLITE_OK);
    cr_assert_eq(all_sealed(&fixture.world), 1);

    db = open_file(&fixture, "");

    cr_assert_eq(sql_number(db, "SELECT count(*) FROM t WHERE b LIKE '" MARKER "%'"), 500);
    integrity_ok(db);
    cr_assert_eq(sqlite3_close(db), SQLITE_OK);
    fixture_fini(&fixture);
}

Test(vault_fixed, refuses_pages_without_room_for_what_seals_them)
{
    struct fixture fixture;
    fixture_make(&fixture, "fixed");
    sqlite3 *db = open_file(&fixture, "");
    sql(db, "PRAGMA page_size=1024");
    cr_assert_eq(sql_code(db, "CREATE TABLE t(a)"), SQLITE_IOERR_DATA);
    cr_assert_eq(sqlite3_close(db), SQLITE_OK);
    db = open_file(&fixture, "");
    sql(db, "CREATE TABLE t(a); ATTACH '%s' AS o", world_file(&fixture.world, ".other"));

    cr_assert_eq(sql_code(db, "CREATE TABLE o.t(a)"), SQLITE_IOERR_DATA);

    integrity_ok(db);
    cr_assert_eq(sqlite3_close(db), SQLITE_OK);
    cr_assert_eq(all_sealed(&fixture.world), 1);
    fixture_fini(&fixture);
}

Test(vault_fixed, keeps_every_journal_mode_off_the_disk_but_the_log)
{
    static const char *const MODES[] = { "DELETE", "TRUNCATE", "PERSIST", "MEMORY", "WAL", "OFF" };
    for (size_t i = 0; i < ARRAY_LEN(MODES); i++) {
        struct fixture fixture;
        fixture_make(&fixture, "fixed");
        sqlite3 *db = open_file(&fixture, "");
        sql(db, "PRAGMA journal_mode=%s", MODES[i]);
        fill(db, "t");
        sql(db, "PRAGMA cache_size=3; BEGIN; UPDATE t SET b=b||'" MARKER "'; SAVEPOINT s; DELETE FROM t WHERE a%%2=0");

        (void)all_sealed(&fixture.world);
        cr_assert_eq(size_of(world_file(&fixture.world, "-journal")), -1, "%s", MODES[i]);

        sql(db, strcmp(MODES[i], "OFF") == 0 ? "COMMIT" : "ROLLBACK TO s; COMMIT; BEGIN; DELETE FROM t; ROLLBACK");
        integrity_ok(db);
        cr_assert_eq(sql_number(db, "SELECT count(*) FROM t"), strcmp(MODES[i], "OFF") == 0 ? 250 : 500, "%s",
                     MODES[i]);
        cr_assert_eq(sqlite3_close(db), SQLITE_OK);
        fixture_fini(&fixture);
    }
}

Test(vault_fixed, attaches_other_databases_each_with_a_file_id_of_its_own)
{
    static const char *const MODES[] = { "DELETE", "WAL" };
    for (size_t i = 0; i < ARRAY_LEN(MODES); i++) {
        struct fixture fixture;
        fixture_make(&fixture, "fixed");
        sqlite3 *db = open_file(&fixture, "");
        attach(db, world_file(&fixture.world, ".other"), "o");
        sql(db, "PRAGMA main.journal_mode=%s; PRAGMA o.journal_mode=%s", MODES[i], MODES[i]);
        fill(db, "main.t");
        fill(db, "o.u");

        sql(db, "BEGIN; INSERT INTO o.u(b) SELECT b FROM t; DELETE FROM t WHERE a>100; COMMIT");
        sql(db, "BEGIN; DELETE FROM o.u; DELETE FROM t; ROLLBACK; DETACH o");

        cr_assert_eq(sqlite3_close(db), SQLITE_OK);
        cr_assert_eq(all_sealed(&fixture.world), 2);
        uint8_t ids[2][16];
        file_id(&fixture.world, "", ids[0]);
        file_id(&fixture.world, ".other", ids[1]);
        cr_assert_neq(memcmp(ids[0], ids[1], 16), 0);
        db = open_file(&fixture, ".other");
        integrity_ok(db);
        cr_assert_eq(sql_number(db, "SELECT count(*) FROM u"), 1000);
        sql(db, "ATTACH '%s' AS m", world_file(&fixture.world, ""));
        cr_assert_eq(sql_number(db, "SELECT count(*) FROM m.t"), 100);
        cr_assert_eq(sqlite3_close(db), SQLITE_OK);
        fixture_fini(&fixture);
    }
}

Test(vault_fixed, vacuums_into_another_sealed_database)
{
    struct fixture fixture;
    fixture_make(&fixture, "fixed");
    sqlite3 *db = open_file(&fixture, "");
    sql(db, "PRAGMA journal_mode=WAL");
    fill(db, "t");
    sql(db, "DELETE FROM t WHERE a%%2=0");

    sql(db, "VACUUM INTO '%s'", world_file(&fixture.world, ".other"));

    cr_assert_geq(all_sealed(&fixture.world), 2);
    uint8_t ids[2][16];
    file_id(&fixture.world, "", ids[0]);
    file_id(&fixture.world, ".other", ids[1]);
    cr_assert_neq(memcmp(ids[0], ids[1], 16), 0);
    sqlite3 *other = open_file(&fixture, ".other");
    integrity_ok(other);
    cr_assert_eq(sql_number(other, "SELECT count(*) FROM t"), 250);
    cr_assert_eq(sqlite3_close(other), SQLITE_OK);
    sql(db, "VACUUM");
    integrity_ok(db);
    cr_assert_eq(sqlite3_close(db), SQLITE_OK);
    fixture_fini(&fixture);
}

static void copy_all(sqlite3 *from, sqlite3 *to)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    cr_assert_not_null(backup, "%s", sqlite3_errmsg(to));
    int rc;
    while ((rc = sqlite3_backup_step(backup, 3)) == SQLITE_OK) {
    }
    cr_assert_eq(rc, SQLITE_DONE, "%d", rc);
    cr_assert_eq(sqlite3_backup_finish(backup), SQLITE_OK);
}

/* From and to a vault, a database under a fixed key, and a plain one in memory of the same page shape. */
Test(vault_fixed, takes_and_gives_backups)
{
    struct fixture fixture;
    struct world vault;
    fixture_make(&fixture, "fixed");
    world_make(&vault);
    world_open(&vault);
    fill(vault.db, "t");
    sqlite3 *memory = NULL;
    int reserve = 32;
    cr_assert_eq(sqlite3_open(":memory:", &memory), SQLITE_OK);
    cr_assert_eq(sqlite3_file_control(memory, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserve), SQLITE_OK);
    sqlite3 *first = open_file(&fixture, "");
    sqlite3 *second = open_file(&fixture, ".other");

    copy_all(vault.db, first);
    copy_all(first, memory);
    copy_all(memory, second);
    sql(second, "DELETE FROM t WHERE a>77");
    copy_all(second, vault.db);

    cr_assert_eq(sql_number(vault.db, "SELECT count(*) FROM t WHERE b LIKE '" MARKER "%'"), 77);
    integrity_ok(vault.db);
    integrity_ok(first);
    integrity_ok(second);
    cr_assert_geq(all_sealed(&fixture.world), 2);
    (void)all_sealed(&vault);
    cr_assert_eq(sqlite3_close(memory), SQLITE_OK);
    cr_assert_eq(sqlite3_close(first), SQLITE_OK);
    cr_assert_eq(sqlite3_close(second), SQLITE_OK);
    world_fini(&vault);
    fixture_fini(&fixture);
}

Test(vault_fixed, opens_a_copy_under_another_name_and_a_file_that_was_exchanged)
{
    struct fixture fixture;
    fixture_make(&fixture, "fixed");
    sqlite3 *db = open_file(&fixture, "");
    fill(db, "t");
    cr_assert_eq(sqlite3_close(db), SQLITE_OK);
    db = open_file(&fixture, ".other");
    sql(db, "CREATE TABLE u(x); INSERT INTO u VALUES(9)");
    cr_assert_eq(sqlite3_close(db), SQLITE_OK);

    copy_file(world_file(&fixture.world, ""), world_file(&fixture.world, ".copy"));
    cr_assert_eq(unlink(world_file(&fixture.world, "")), 0);
    cr_assert_eq(rename(world_file(&fixture.world, ".other"), world_file(&fixture.world, "")), 0);

    db = open_file(&fixture, ".copy");
    cr_assert_eq(sql_number(db, "SELECT count(*) FROM t"), 500);
    cr_assert_eq(sqlite3_close(db), SQLITE_OK);
    db = open_file(&fixture, "");
    cr_assert_eq(sql_number(db, "SELECT x FROM u"), 9);
    cr_assert_eq(sqlite3_close(db), SQLITE_OK);
    fixture_fini(&fixture);
}

Test(vault_fixed, of_another_key_does_not_open_the_files)
{
    static const uint8_t OTHER[32] = "thirty-two other bytes, as firm";
    struct fixture fixture;
    fixture_make(&fixture, "fixed");
    sqlite3 *db = open_file(&fixture, "");
    fill(db, "t");
    cr_assert_eq(sqlite3_close(db), SQLITE_OK);
    struct vault_fixed *other = NULL;
    struct error err;
    cr_assert_eq(vault_fixed_register("fixed-other", OTHER, &other, &err), ERR_OK, "%s", err.message);
    db = open_as(world_file(&fixture.world, ""), "fixed-other");

    cr_assert_eq(sql_code(db, "SELECT count(*) FROM t"), SQLITE_IOERR_DATA);

    cr_assert_eq(sqlite3_close(db), SQLITE_OK);
    vault_fixed_unregister(other);
    fixture_fini(&fixture);
}

Test(vault_fixed, finds_a_changed_byte_and_a_moved_page)
{
    struct fixture fixture;
    fixture_make(&fixture, "fixed");
    sqlite3 *db = open_file(&fixture, "");
    fill(db, "t");
    cr_assert_eq(sqlite3_close(db), SQLITE_OK);
    copy_file(world_file(&fixture.world, ""), world_file(&fixture.world, ".other"));
    flip_byte(world_file(&fixture.world, ""), 3 * 4096 + 77);
    copy_bytes(world_file(&fixture.world, ".other"), 4096, world_file(&fixture.world, ".other"), 2 * 4096, 4096);

    db = open_file(&fixture, "");
    cr_assert_eq(sql_code(db, "SELECT sum(length(b)) FROM t"), SQLITE_IOERR_DATA);
    cr_assert_eq(sqlite3_close(db), SQLITE_OK);
    db = open_file(&fixture, ".other");
    cr_assert_eq(sql_code(db, "SELECT sum(length(b)) FROM t"), SQLITE_IOERR_DATA);
    cr_assert_eq(sqlite3_close(db), SQLITE_OK);
    fixture_fini(&fixture);
}
