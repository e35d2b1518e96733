#include <stdio.h>
#include <string.h>

#include "../world.h"
#include "base/log.h"
#include "calls.h"
#include "crypto/vault/restore.h"
#include "tape.h"

/*
 * What is stored is looked for in every write of the process, whatever file it goes to: database, log, list of nonces,
 * keys files, journal of a re-key, backup, the files of a restore, temporary files, the log of events; and in every
 * name.
 */

TestSuite(vault_writes, .timeout = 300);

#define MARKER "Wilhelmina-Okonkwo"

static struct tape *watch_begin(const struct world *world)
{
    struct tape *tape = tape_start(world->folder);
    calls_reset();
    calls.marker = MARKER;
    return tape;
}

static void watch_end(struct tape *tape)
{
    calls_reset();
    tape_stop(tape);
    tape_free(tape);
}

/* Rows, an index, text over many pages; large sorts, savepoints and temporary tables that spill; VACUUM. */
static void fill(sqlite3 *db)
{
    sql(db, "PRAGMA cache_size=5; PRAGMA temp.cache_size=5;"
            "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT); CREATE INDEX i ON t(b);"
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n WHERE x<800)"
            "INSERT INTO t(b) SELECT '" MARKER "'||x||replace(hex(zeroblob(x%%40)), '00', '" MARKER "') FROM n");
}

static void work_with(sqlite3 *db)
{
    sql(db, "PRAGMA wal_checkpoint; CREATE TABLE s AS SELECT b FROM t ORDER BY b||a DESC;"
            "BEGIN; SAVEPOINT one; UPDATE t SET b='" MARKER "'||b; SAVEPOINT two; UPDATE t SET b=b||'x' WHERE a%%2=0;"
            "ROLLBACK TO two; UPDATE OR FAIL t SET b=b||'" MARKER "'; RELEASE one; COMMIT;"
            "CREATE TEMP TABLE u AS SELECT t.b||s.rowid AS b FROM t, s LIMIT 4000; CREATE INDEX temp.ui ON u(b);"
            "DELETE FROM u WHERE b LIKE '%%7'; CREATE TABLE \"" MARKER "\"(\"column " MARKER "\");"
            "DELETE FROM t WHERE a%%3=0; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
    cr_assert_gt(sql_number(db, "SELECT count(*) FROM (SELECT DISTINCT b||'z' FROM t UNION SELECT b FROM s)"), 1000);
}

static void rekey(struct vault *vault)
{
    struct error err;
    struct vault_rekey_progress progress = { .running = true };
    cr_assert_eq(vault_rekey_begin(vault, &err), ERR_OK, "%s", err.message);
    for (int i = 0; progress.running && i < 400; i++) {
        cr_assert_eq(vault_rekey_step(vault, 20, &progress, &err), ERR_OK, "%s", err.message);
    }
    cr_assert_not(progress.running);
}

static void back_up(struct vault *vault, struct buf *whole)
{
    struct error err;
    struct backup_writer *writer = NULL;
    cr_assert_eq(backup_write_begin(vault, 1700000000000, &writer, &err), ERR_OK, "%s", err.message);
    for (size_t before = 1; before != whole->len;) {
        before = whole->len;
        cr_assert_eq(backup_write_next(writer, BACKUP_PIECE_MIN, whole, &err), ERR_OK, "%s", err.message);
    }
    backup_write_free(writer);
}

static void restore(const struct world *world, struct slice whole)
{
    struct error err;
    size_t head = 0;
    struct backup_reader *reader = NULL;
    struct restore *restore = NULL;
    char kept[RESTORE_SET_SIZE];
    cr_assert_eq(backup_head_length(slice_of(whole.data, BACKUP_HEAD_LOOK), &head, &err), ERR_OK);
    cr_assert_eq(backup_read_begin(slice_of(whole.data, head), &reader, &err), ERR_OK);
    cr_assert_eq(backup_read_unlock(reader, &WORLD_UNLOCK, &err), ERR_OK);
    cr_assert_eq(restore_begin(world->path, reader, 0, 1700000000000, &restore, &err), ERR_OK, "%s", err.message);
    struct slice pages = slice_of(whole.data + head, whole.len - head);
    cr_assert_eq(backup_read_take(reader, pages, restore_page, restore, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(backup_read_end(reader, &err), ERR_OK);
    cr_assert_eq(restore_seal(restore, &err), ERR_OK, "%s", err.message);
    restore_keep(restore);
    restore_free(restore);
    backup_read_free(reader);
    cr_assert_eq(restore_swap(world->path, 1700000000000, kept, &err), ERR_OK, "%s", err.message);
}

/* Errors and the log of events name files and pages, and nothing that is in them. */
static void fail_in_public(struct world *world)
{
    struct error err;
    sqlite3 *db = world->db;
    (void)sql_code(db, "INSERT INTO t(a, b) SELECT a, '" MARKER "' FROM t");
    sql(db, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA shrink_memory");
    world_shut(world);
    flip_byte(world->path, 4096 * 5 + 99);
    enum err_code rc = world_try(world, &err);
    cr_assert_eq(rc, ERR_DAMAGED);
    cr_assert_null(strstr(err.message, MARKER));
    log_error("vault_damaged", &err);
}

Test(vault_writes, of_everything_that_a_vault_does_show_nothing_of_what_is_stored)
{
    struct world world;
    struct buf whole;
    world_folder(&world);
    buf_init(&whole, (size_t)64 << 20);
    struct tape *tape = watch_begin(&world);
    struct error err;
    cr_assert_eq(vault_create(world.path, &WORLD_UNLOCK, &err), ERR_OK, "%s", err.message);
    world_open(&world);
    fill(world.db);
    work_with(world.db);
    rekey(world.vault);
    back_up(world.vault, &whole);
    world_shut(&world);
    restore(&world, buf_slice(&whole));
    world_open(&world);
    cr_assert_gt(sql_number(world.db, "SELECT count(*) FROM t WHERE b LIKE '" MARKER "%'"), 500);
    fail_in_public(&world);

    cr_assert_eq(calls.leaks, 0);
    cr_assert_gt(calls.writes, 1000);
    cr_assert_gt(calls.other_writes, 500, "%zu writes of temporary files", calls.other_writes);
    cr_assert_null(memmem(whole.data, whole.len, MARKER, strlen(MARKER)));
    watch_end(tape);
    buf_fini(&whole);
    world_sweep(&world);
}

/* The looking itself works. */
Test(vault_writes, of_a_plain_database_would_be_seen_to_show_it)
{
    struct world world;
    world_folder(&world);
    struct tape *tape = watch_begin(&world);
    sqlite3 *plain = NULL;
    cr_assert_eq(sqlite3_open(world.path, &plain), SQLITE_OK);
    sql(plain, "PRAGMA temp_store=FILE");
    fill(plain);
    size_t stored = calls.leaks;
    work_with(plain);

    cr_assert_gt(stored, 50);
    cr_assert_gt(calls.leaks, stored + 1000);
    cr_assert_gt(calls.other_writes, 500);
    cr_assert_eq(sqlite3_close(plain), SQLITE_OK);
    watch_end(tape);
    world_sweep(&world);
}
