#include "world.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Bytes changed, moved, cut or exchanged in the database: refused with the cause, and never an empty database. */

TestSuite(vault_damage, .timeout = 300);

enum { ROWS = 400, PAGE = 4096 };

/* A vault of a few dozen pages, all of them in the database file. */
static void filled(struct world *world)
{
    world_make(world);
    world_open(world);
    sql(world->db,
        "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);"
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n WHERE x<%d)"
        "INSERT INTO t(b) SELECT hex(randomblob(200)) FROM n",
        ROWS);
    world_shut(world);
    cr_assert_gt(size_of(world->path), 30 * PAGE);
    cr_assert_eq(size_of(world_file(world, "-wal")), -1, "a clean close leaves no log");
}

static void refused(struct world *world, const char *cause)
{
    struct error err = { 0 };
    enum err_code rc = world_try(world, &err);
    cr_assert_eq(rc, ERR_DAMAGED, "%s: %s", err_code_name(rc), err.message);
    cr_assert_not_null(strstr(err.message, cause), "'%s' names '%s'", err.message, cause);
    if (world->db != NULL) {
        cr_assert_neq(sql_code(world->db, "SELECT sum(length(b)) FROM t"), SQLITE_OK);
    }
    world_fini(world);
}

Test(vault_damage, in_any_part_of_a_page_is_found_and_the_page_named)
{
    static const long AT[] = { 0, 1, 15, 2000, 4063, 4064, 4075, 4076, 4091, 4092, 4095 };
    for (size_t i = 0; i < ARRAY_LEN(AT); i++) {
        struct world world;
        filled(&world);
        flip_byte(world.path, 9 * PAGE + AT[i]);
        refused(&world, "page 10 of");
    }
}

Test(vault_damage, in_any_part_of_the_first_page_is_found)
{
    for (long at = 0; at < PAGE; at += at < 120 ? 1 : 397) {
        struct world world;
        filled(&world);
        flip_byte(world.path, at);
        refused(&world, "page 1 of");
    }
}

Test(vault_damage, of_a_page_fails_the_query_that_needs_it_and_says_so)
{
    struct world world;
    filled(&world);
    flip_byte(world.path, 20 * PAGE + 100);
    world_open(&world);
    struct error err;
    cr_assert_not(vault_last_damage(world.vault, &err));

    int rc = sql_code(world.db, "SELECT sum(length(b)) FROM t");

    cr_assert_eq(rc, SQLITE_IOERR_DATA);
    cr_assert(vault_last_damage(world.vault, &err));
    cr_assert_eq(err.code, ERR_DAMAGED);
    cr_assert_not_null(strstr(err.message, "page 21 of"));
    world_fini(&world);
}

Test(vault_damage, by_swapping_two_pages_is_found)
{
    struct world world;
    filled(&world);
    copy_file(world.path, world_file(&world, ".other"));
    copy_bytes(world_file(&world, ".other"), 11 * PAGE, world.path, 12 * PAGE, PAGE);
    copy_bytes(world_file(&world, ".other"), 12 * PAGE, world.path, 11 * PAGE, PAGE);
    refused(&world, "page 1");
}

Test(vault_damage, by_a_page_of_another_vault_with_the_same_secret_is_found)
{
    struct world world;
    struct world other;
    filled(&world);
    filled(&other);
    copy_bytes(other.path, 11 * PAGE, world.path, 11 * PAGE, PAGE);
    refused(&world, "page 12 of");
    world_fini(&other);
}

Test(vault_damage, by_the_database_of_another_vault_is_found)
{
    struct world world;
    struct world other;
    filled(&world);
    filled(&other);
    copy_file(other.path, world.path);
    refused(&world, "does not carry this vault's file id");
    world_fini(&other);
}

Test(vault_damage, by_a_plain_database_is_found)
{
    struct world world;
    filled(&world);
    (void)unlink(world.path);
    sqlite3 *plain = NULL;
    cr_assert_eq(sqlite3_open(world.path, &plain), SQLITE_OK);
    sql(plain, "CREATE TABLE t(a, b)");
    cr_assert_eq(sqlite3_close(plain), SQLITE_OK);
    refused(&world, "plain SQLite database");
}

Test(vault_damage, by_zeroing_a_page_is_found)
{
    struct world world;
    filled(&world);
    fill_zero(world.path, 14 * PAGE, PAGE);
    refused(&world, "page 15 of");
}

Test(vault_damage, by_cutting_the_file_is_found)
{
    static const long KEPT[] = { 1 * PAGE, 5 * PAGE, 20 * PAGE + 512, 1000 };
    for (size_t i = 0; i < ARRAY_LEN(KEPT); i++) {
        struct world world;
        filled(&world);
        cr_assert_eq(truncate(world.path, KEPT[i]), 0);
        struct error err = { 0 };
        enum err_code rc = world_try(&world, &err);
        cr_assert_eq(rc, ERR_DAMAGED, "%s: %s", err_code_name(rc), err.message);
        world_fini(&world);
    }
}

Test(vault_damage, by_cutting_the_file_under_a_log_names_the_page)
{
    struct world world;
    filled(&world);
    world_open(&world);
    sql(world.db, "UPDATE t SET b='x' WHERE a=1");
    struct world copy;
    world_copy(&world, &copy);
    cr_assert_eq(truncate(copy.path, 20 * PAGE), 0);
    refused(&copy, "the file ends before the page's end");
    world_fini(&world);
}

Test(vault_damage, that_empties_the_file_never_gives_an_empty_database)
{
    struct world world;
    filled(&world);
    world_open(&world);
    sql(world.db, "UPDATE t SET b='x'");
    struct world copy;
    world_copy(&world, &copy);
    cr_assert_eq(truncate(copy.path, 0), 0);
    struct error err;

    enum err_code rc = vault_open(copy.path, &WORLD_UNLOCK, &copy.vault, &err);

    cr_assert_eq(rc, ERR_DAMAGED);
    cr_assert_not_null(strstr(err.message, "empty"));
    cr_assert_gt(size_of(world_file(&copy, "-wal")), 0, "the log is kept");
    world_fini(&copy);
    world_fini(&world);
}

Test(vault_damage, that_empties_the_file_after_unlocking_is_found_too)
{
    struct world world;
    filled(&world);
    struct error err;
    cr_assert_eq(vault_open(world.path, &WORLD_UNLOCK, &world.vault, &err), ERR_OK);
    cr_assert_eq(truncate(world.path, 0), 0);

    enum err_code rc = vault_open_database(world.vault, 64, &world.db, &err);

    cr_assert_eq(rc, ERR_DAMAGED, "%s", err.message);
    world_fini(&world);
}

Test(vault_damage, that_removes_the_file_never_gives_an_empty_database)
{
    struct world world;
    filled(&world);
    struct error err;
    cr_assert_eq(unlink(world.path), 0);

    enum err_code rc = vault_open(world.path, &WORLD_UNLOCK, &world.vault, &err);

    cr_assert_eq(rc, ERR_DAMAGED);
    cr_assert_not_null(strstr(err.message, "gone"));
    cr_assert_eq(size_of(world.path), -1, "no file was made");
    world_fini(&world);
}

/* Nobody was told that anything was stored, so nothing stands in the way. */
Test(vault_damage, of_a_first_page_cut_while_it_was_made_is_made_again)
{
    struct world world;
    world_make(&world);
    copy_file(world_file(&world, ".keys"), world_file(&world, ".other"));
    world_open(&world);
    world_shut(&world);
    copy_file(world_file(&world, ".other"), world_file(&world, ".keys"));
    copy_file(world_file(&world, ".other"), world_file(&world, ".keys.prev"));
    cr_assert_eq(size_of(world.path), PAGE);
    fill_zero(world.path, 1024, 2048);

    world_open(&world);

    sql(world.db, "CREATE TABLE t(a); INSERT INTO t VALUES(1)");
    integrity_ok(world.db);
    world_fini(&world);
}
