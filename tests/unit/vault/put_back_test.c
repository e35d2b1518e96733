#include "world.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * Attackers who put back what the vault itself wrote: an old page (A5), an older whole set of files (A6), a log without
 * its tail (A7). Every byte is authentic; it is only not the present one.
 */

TestSuite(vault_put_back, .timeout = 300);

enum { PAGE = 4096, HEADER = 32, FRAME = 24 + PAGE };

/* 60 rows, one of them present, all in the database file; `old` keeps the files of a moment when the row was absent. */
static void lived(struct world *world, struct world *old)
{
    world_make(world);
    world_open(world);
    sql(world->db, "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c BLOB);"
                   "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n WHERE x<60)"
                   "INSERT INTO t SELECT x, 'absent', randomblob(1500) FROM n; PRAGMA wal_checkpoint(TRUNCATE)");
    world_copy(world, old);
    sql(world->db, "UPDATE t SET b='present', c=randomblob(1500) WHERE a%%2=0; PRAGMA wal_checkpoint(TRUNCATE)");
}

static void refused(struct world *copy, const char *names)
{
    struct error err = { 0 };
    enum err_code rc = world_try(copy, &err);
    cr_assert_eq(rc, ERR_DAMAGED, "%s: %s", err_code_name(rc), err.message);
    cr_assert_not_null(strstr(err.message, names), "'%s' does not name '%s'", err.message, names);
    world_sweep(copy);
}

static bool page_differs(const char *a, const char *b, long page)
{
    uint8_t bytes[2][PAGE];
    const char *const paths[2] = { a, b };
    for (size_t i = 0; i < 2; i++) {
        FILE *file = fopen(paths[i], "rb");
        cr_assert(file != NULL && fseek(file, page * PAGE, SEEK_SET) == 0 && fread(bytes[i], 1, PAGE, file) == PAGE);
        cr_assert_eq(fclose(file), 0);
    }
    return memcmp(bytes[0], bytes[1], PAGE) != 0;
}

Test(vault_put_back, a5_an_old_page_is_refused_and_named_whichever_it_is)
{
    struct world world;
    struct world old;
    lived(&world, &old);
    unsigned tried = 0;
    for (long page = 0; page < size_of(old.path) / PAGE; page++) {
        if (!page_differs(old.path, world.path, page)) {
            continue;
        }
        char name[32];
        struct world copy;
        world_copy(&world, &copy);
        copy_bytes(old.path, page * PAGE, copy.path, page * PAGE, PAGE);
        (void)snprintf(name, sizeof(name), "page %ld of", page + 1);
        refused(&copy, name);
        tried++;
    }
    cr_assert_geq(tried, 20);
    world_sweep(&old);
    world_sweep(&world);
}

Test(vault_put_back, a5_all_old_pages_together_are_refused)
{
    struct world world;
    struct world old;
    struct world copy;
    lived(&world, &old);
    world_copy(&world, &copy);
    copy_file(old.path, copy.path);
    refused(&copy, "x.db");
    world_sweep(&old);
    world_sweep(&world);
}

/* While the vault is open, too: the next read of the page fails. */
Test(vault_put_back, a5_an_old_page_under_a_running_vault_is_refused)
{
    struct world world;
    struct world old;
    struct error err;
    lived(&world, &old);
    sql(world.db, "PRAGMA shrink_memory; PRAGMA cache_size=1");
    for (long page = 3; page < size_of(old.path) / PAGE; page++) {
        copy_bytes(old.path, page * PAGE, world.path, page * PAGE, PAGE);
    }
    sqlite3 *second = NULL;
    cr_assert_eq(vault_open_database(world.vault, 64, &second, &err), ERR_OK, "%s", err.message);

    cr_assert_eq(sql_code(second, "SELECT count(*) FROM t WHERE b='present' AND length(c)=1500"), SQLITE_IOERR_DATA);

    cr_assert(vault_last_damage(world.vault, &err));
    cr_assert_not_null(strstr(err.message, "read page"), "%s", err.message);
    cr_assert_eq(sqlite3_close(second), SQLITE_OK);
    world_sweep(&old);
    world_sweep(&world);
}

Test(vault_put_back, a5_an_old_list_of_nonces_with_its_old_pages_is_no_way_around)
{
    struct world world;
    struct world old;
    struct world copy;
    lived(&world, &old);
    sql(world.db, "UPDATE t SET b='newer' WHERE a<5; UPDATE t SET b='newest' WHERE a<5");
    world_copy(&world, &copy);
    copy_file(world_file(&old, ".fresh"), world_file(&copy, ".fresh"));
    refused(&copy, "x.db");
    world_copy(&world, &copy);
    (void)unlink(world_file(&copy, ".fresh"));
    refused(&copy, ".fresh");
    world_sweep(&old);
    world_sweep(&world);
}

/* A6: an older whole set
 * ---------------------------------------------------------------------------------------------------------- */

static uint64_t counter_of(const struct world *world)
{
    uint64_t counter = 0;
    uint8_t hash[32];
    struct error err;
    cr_assert_eq(vault_freshness(world->vault, &counter, hash, &err), ERR_OK, "%s", err.message);
    return counter;
}

/* Nothing in the files can tell; the counter that the exchange carries does. */
Test(vault_put_back, a6_an_older_whole_set_has_a_lower_counter)
{
    struct world world;
    struct world old;
    lived(&world, &old);
    uint64_t now = counter_of(&world);

    world_open(&old);

    cr_assert_lt(counter_of(&old), now);
    cr_assert_eq(sql_number(old.db, "SELECT count(*) FROM t WHERE b='present'"), 0);
    world_sweep(&old);
    world_sweep(&world);
}

/* Two copies that went on by themselves reach the same counter with another hash. */
Test(vault_put_back, a6_a_copy_that_went_on_by_itself_has_another_hash)
{
    struct world world;
    struct world old;
    lived(&world, &old);
    uint64_t now = counter_of(&world);
    world_open(&old);
    uint64_t then = counter_of(&old);
    while (then < now) {
        sql(old.db, "UPDATE t SET b='elsewhere' WHERE a=3; PRAGMA wal_checkpoint(TRUNCATE)");
        cr_assert_gt(counter_of(&old), then);
        then = counter_of(&old);
    }
    while (now < then) {
        sql(world.db, "UPDATE t SET b='here' WHERE a=3; PRAGMA wal_checkpoint(TRUNCATE)");
        now = counter_of(&world);
    }
    uint64_t counters[2];
    uint8_t hashes[2][32];
    struct error err;
    cr_assert_eq(vault_freshness(world.vault, &counters[0], hashes[0], &err), ERR_OK);
    cr_assert_eq(vault_freshness(old.vault, &counters[1], hashes[1], &err), ERR_OK);

    cr_assert_eq(counters[0], counters[1]);
    cr_assert_neq(memcmp(hashes[0], hashes[1], 32), 0);
    world_sweep(&old);
    world_sweep(&world);
}

static enum err_code chip_read(void *context, uint64_t *ret_value, struct error *err)
{
    (void)err;
    *ret_value = *(uint64_t *)context;
    return ERR_OK;
}

static enum err_code chip_advance(void *context, struct error *err)
{
    (void)err;
    ++*(uint64_t *)context;
    return ERR_OK;
}

static enum err_code open_with_chip(struct world *world, uint64_t *chip, bool bound, struct error *err)
{
    struct vault_counter_io io = { .read = chip_read, .advance = chip_advance, .context = chip, .bound = bound };
    TRY(vault_open(world->path, &WORLD_UNLOCK, &world->vault, err));
    vault_set_counter(world->vault, &io);
    return vault_open_database(world->vault, 256, &world->db, err);
}

Test(vault_put_back, a6_an_older_whole_set_is_refused_at_once_where_a_chip_counts)
{
    struct world world;
    struct world old;
    struct error err;
    uint64_t chip = 40;
    world_make(&world);
    cr_assert_eq(open_with_chip(&world, &chip, false, &err), ERR_OK, "%s", err.message);
    sql(world.db, "CREATE TABLE t(a); INSERT INTO t VALUES(1); PRAGMA wal_checkpoint(TRUNCATE)");
    world_copy(&world, &old);
    for (int i = 0; i < 4; i++) {
        sql(world.db, "INSERT INTO t VALUES(2); PRAGMA wal_checkpoint(TRUNCATE)");
    }
    world_shut(&world);
    cr_assert_gt(chip, 40);

    enum err_code rc = open_with_chip(&old, &chip, true, &err);

    cr_assert_eq(rc, ERR_DAMAGED, "%s: %s", err_code_name(rc), err.message);
    cr_assert_eq(open_with_chip(&world, &chip, true, &err), ERR_OK, "the present set: %s", err.message);
    world_sweep(&old);
    world_sweep(&world);
}

/* A7: the log's tail dropped
 * ------------------------------------------------------------------------------------------------------ */

/* Ten commits, all of them in the log only. */
static void logged(struct world *world)
{
    world_make(world);
    world_open(world);
    sql(world->db, "PRAGMA wal_autocheckpoint=0; CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);"
                   "PRAGMA wal_checkpoint(TRUNCATE)");
    for (int i = 1; i <= 10; i++) {
        sql(world->db, "INSERT INTO t(b) VALUES(hex(randomblob(1200)))");
    }
}

Test(vault_put_back, a7_a_log_cut_at_any_frame_is_refused)
{
    struct world world;
    logged(&world);
    long frames = (size_of(world_file(&world, "-wal")) - HEADER) / FRAME;
    cr_assert_geq(frames, 10);
    for (long kept = 0; kept < frames; kept++) {
        struct world copy;
        world_copy(&world, &copy);
        cr_assert_eq(truncate(world_file(&copy, "-wal"), HEADER + kept * FRAME + (kept % 3 == 2 ? 77 : 0)), 0);
        refused(&copy, "-wal");
    }
    world_sweep(&world);
}

Test(vault_put_back, a7_a_log_removed_emptied_or_zeroed_is_refused)
{
    struct world world;
    struct world copy;
    logged(&world);
    world_copy(&world, &copy);
    (void)unlink(world_file(&copy, "-wal"));
    refused(&copy, "x.db");
    world_copy(&world, &copy);
    cr_assert_eq(truncate(world_file(&copy, "-wal"), 0), 0);
    refused(&copy, "x.db");
    world_copy(&world, &copy);
    fill_zero(world_file(&copy, "-wal"), 0, (size_t)size_of(world_file(&copy, "-wal")));
    refused(&copy, "x.db");
    world_copy(&world, &copy);
    fill_zero(world_file(&copy, "-wal"), 0, HEADER);
    refused(&copy, "x.db");
    world_sweep(&world);
}

Test(vault_put_back, a7_a_log_of_an_earlier_round_is_refused)
{
    struct world world;
    struct world earlier;
    struct world copy;
    logged(&world);
    world_copy(&world, &earlier);
    sql(world.db, "PRAGMA wal_checkpoint(RESTART); INSERT INTO t(b) VALUES('later')");
    world_copy(&world, &copy);
    copy_file(world_file(&earlier, "-wal"), world_file(&copy, "-wal"));
    refused(&copy, "-wal");
    world_sweep(&earlier);
    world_sweep(&world);
}

/* A log that went on, put back as it was some commits before, in the same round. */
Test(vault_put_back, a7_a_log_as_it_was_some_commits_before_is_refused)
{
    struct world world;
    struct world earlier;
    struct world copy;
    logged(&world);
    world_copy(&world, &earlier);
    sql(world.db, "INSERT INTO t(b) VALUES('later')");
    world_copy(&world, &copy);
    copy_file(world_file(&earlier, "-wal"), world_file(&copy, "-wal"));
    refused(&copy, "-wal");
    world_sweep(&earlier);
    world_sweep(&world);
}
