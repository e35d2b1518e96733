#include "world.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/vault/keys_image.h"
#include "shim.h"

/* NAME.fresh itself: damaged, lost and exchanged; made anew; and never an alarm when nobody did anything. */

TestSuite(vault_fresh, .timeout = 300);

enum { PAGE = 4096, HEADER = 32, FRAME = 24 + PAGE, NOTES = 0, ROOTS = 4 * PAGE, LEAVES = 6 * PAGE };

static void filled(struct world *world, int rows)
{
    world_make(world);
    world_open(world);
    sql(world->db,
        "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);"
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n WHERE x<%d)"
        "INSERT INTO t(b) SELECT hex(randomblob(200)) FROM n",
        rows);
}

static void refused(struct world *copy, const char *names)
{
    struct error err = { 0 };
    enum err_code rc = world_try(copy, &err);
    cr_assert_eq(rc, ERR_DAMAGED, "%s: %s", err_code_name(rc), err.message);
    cr_assert_not_null(strstr(err.message, names), "'%s' does not name '%s'", err.message, names);
    world_sweep(copy);
}

static void accepted(struct world *copy, sqlite3_int64 rows)
{
    world_open(copy);
    integrity_ok(copy->db);
    cr_assert_eq(sql_number(copy->db, "SELECT count(*) FROM t"), rows);
}

/* A copy of the files as they are, as the end of the process would leave them: it must open with all its rows. */
static void crash_now(const struct world *world, sqlite3_int64 rows)
{
    struct world copy;
    world_copy(world, &copy);
    accepted(&copy, rows);
    world_sweep(&copy);
}

static uint64_t counter_of(const struct vault *vault)
{
    uint64_t counter = 0;
    uint8_t hash[32];
    struct error err;
    cr_assert_eq(vault_freshness(vault, &counter, hash, &err), ERR_OK, "%s", err.message);
    return counter;
}

/* Damage
 * ------------------------------------------------------------------------------------------------------------------ */

Test(vault_fresh, that_is_gone_emptied_or_cut_is_refused)
{
    static const long KEPT[] = { -1, 0, 100, ROOTS, ROOTS + PAGE, LEAVES, LEAVES + 1 };
    struct world world;
    filled(&world, 400);
    world_shut(&world);
    for (size_t i = 0; i < ARRAY_LEN(KEPT); i++) {
        struct world copy;
        world_copy(&world, &copy);
        if (KEPT[i] < 0) {
            (void)unlink(world_file(&copy, ".fresh"));
        } else {
            cr_assert_eq(truncate(world_file(&copy, ".fresh"), KEPT[i]), 0);
        }
        refused(&copy, "x.db.fresh");
    }
    world_sweep(&world);
}

Test(vault_fresh, of_another_vault_is_refused)
{
    struct world world;
    struct world other;
    filled(&world, 50);
    filled(&other, 50);
    world_shut(&world);
    copy_file(world_file(&other, ".fresh"), world_file(&world, ".fresh"));
    refused(&world, "x.db.fresh");
    world_sweep(&other);
}

/* What a flipped bit lies in may be the place that is not in use; then nothing is lost. Otherwise it is named. */
Test(vault_fresh, with_any_bit_flipped_is_refused_or_was_not_in_use)
{
    struct world world;
    filled(&world, 400);
    world_shut(&world);
    unsigned refusals = 0;
    unsigned tried = 0;
    long size = size_of(world_file(&world, ".fresh"));
    for (long at = 0; at < size; at += at % PAGE < 172 ? 13 : 449) {
        struct world copy;
        struct error err = { 0 };
        world_copy(&world, &copy);
        flip_byte(world_file(&copy, ".fresh"), at);
        enum err_code rc = world_try(&copy, &err);
        cr_assert(rc == ERR_OK || (rc == ERR_DAMAGED && strstr(err.message, ".fresh") != NULL), "at %ld: %s: %s", at,
                  err_code_name(rc), err.message);
        if (rc == ERR_OK) {
            cr_assert_eq(sql_number(copy.db, "SELECT count(*) FROM t"), 400);
        }
        refusals += rc == ERR_DAMAGED;
        tried++;
        world_sweep(&copy);
    }
    cr_assert_gt(refusals, tried / 8, "%u of %u", refusals, tried);
    world_sweep(&world);
}

Test(vault_fresh, put_back_as_it_was_before_is_refused_when_a_changed_page_is_read)
{
    struct world world;
    struct world old;
    filled(&world, 400);
    world_shut(&world);
    world_copy(&world, &old);
    world_open(&world);
    sql(world.db, "UPDATE t SET b='x'");
    world_shut(&world);
    copy_file(world_file(&old, ".fresh"), world_file(&world, ".fresh"));
    refused(&world, "it is not the present version of this page");
    world_sweep(&old);
}

static void log_of_ten(struct world *world)
{
    filled(world, 0);
    sql(world->db, "DELETE FROM t; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA wal_autocheckpoint=0");
    for (int i = 0; i < 10; i++) {
        sql(world->db, "INSERT INTO t(b) VALUES(hex(randomblob(1200)))");
    }
}

/* Who drops the log cannot help himself by wiping what says that there was one. */
Test(vault_fresh, with_its_notes_wiped_is_refused)
{
    struct world world;
    struct world copy;
    log_of_ten(&world);
    world_copy(&world, &copy);
    fill_zero(world_file(&copy, ".fresh"), NOTES, 4 * PAGE);
    refused(&copy, "x.db.fresh");
    world_copy(&world, &copy);
    fill_zero(world_file(&copy, ".fresh"), NOTES, 4 * PAGE);
    (void)unlink(world_file(&copy, "-wal"));
    refused(&copy, "x.db.fresh");
    world_sweep(&world);
}

/* Either of the two may be torn by a loss of power. */
Test(vault_fresh, with_one_note_torn_still_opens)
{
    struct world world;
    log_of_ten(&world);
    for (long place = 0; place < 4; place++) {
        struct world copy;
        world_copy(&world, &copy);
        flip_byte(world_file(&copy, ".fresh"), NOTES + place * PAGE + 40);
        accepted(&copy, 10);
        world_sweep(&copy);
    }
    world_sweep(&world);
}

Test(vault_fresh, under_a_running_vault_refuses_a_log_that_was_cut)
{
    struct world world;
    struct error err;
    log_of_ten(&world);
    cr_assert_eq(truncate(world_file(&world, "-wal"), HEADER + 3 * FRAME), 0);
    sqlite3 *second = NULL;

    enum err_code rc = vault_open_database(world.vault, 64, &second, &err);
    int read = rc == ERR_OK ? sql_code(second, "SELECT sum(length(b)) FROM t") : SQLITE_IOERR_DATA;

    cr_assert_eq(read, SQLITE_IOERR_DATA);
    (void)sqlite3_close(second);
    world_sweep(&world);
}

/* No alarm
 * ------------------------------------------------------------------------------------------------------------------ */

Test(vault_fresh, stays_quiet_whatever_checkpoints_readers_and_crashes_do)
{
    static const char *const MODES[] = { "PASSIVE", "FULL", "RESTART", "TRUNCATE" };
    struct world world;
    struct error err;
    sqlite3 *reader = NULL;
    filled(&world, 100);
    cr_assert_eq(vault_open_database(world.vault, 64, &reader, &err), ERR_OK, "%s", err.message);
    sqlite3_int64 rows = 100;
    for (unsigned i = 0; i < 48; i++) {
        bool reading = i % 3 != 0;
        if (reading) {
            sql(reader, "BEGIN; SELECT count(*) FROM t");
        }
        sql(world.db, "UPDATE t SET b=hex(randomblob(300)) WHERE a%%5=%u; INSERT INTO t(b) VALUES('x')", i % 5);
        rows++;
        crash_now(&world, rows);
        (void)sql_code(world.db, "PRAGMA wal_checkpoint(%s)", MODES[i % 4]);
        crash_now(&world, rows);
        sql(world.db, "INSERT INTO t(b) VALUES('y')");
        rows++;
        crash_now(&world, rows);
        if (reading) {
            sql(reader, "COMMIT");
        }
    }
    cr_assert_eq(sqlite3_close(reader), SQLITE_OK);
    world_shut(&world);
    crash_now(&world, rows);
    world_sweep(&world);
}

Test(vault_fresh, follows_a_database_that_shrinks_and_grows_over_several_leaves)
{
    struct world world;
    filled(&world, 7000);
    cr_assert_gt(size_of(world.path), 0);
    for (int i = 0; i < 4; i++) {
        sql(world.db, "PRAGMA wal_checkpoint(TRUNCATE)");
        cr_assert_gt(size_of(world.path), 2 * FRESH_LEAF_PAGES * PAGE, "three leaves");
        crash_now(&world, 7000);
        sql(world.db, "DELETE FROM t WHERE a>50; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
        cr_assert_lt(size_of(world.path), 20 * PAGE);
        crash_now(&world, 50);
        world_shut(&world);
        world_open(&world);
        sql(world.db, "PRAGMA cache_size=8; WITH RECURSIVE n(x) AS (SELECT 51 UNION ALL SELECT x+1 FROM n WHERE x<7000)"
                      "INSERT INTO t SELECT x, hex(randomblob(200)) FROM n");
        crash_now(&world, 7000);
    }
    world_sweep(&world);
}

Test(vault_fresh, lets_a_log_that_is_in_the_database_already_lie)
{
    struct world world;
    struct world copy;
    struct world before;
    log_of_ten(&world);
    world_copy(&world, &before);
    world_shut(&world);
    world_copy(&world, &copy);
    copy_file(world_file(&before, "-wal"), world_file(&copy, "-wal"));

    accepted(&copy, 10); /* as if its deletion had been undone */

    sql(copy.db, "INSERT INTO t(b) VALUES('next')");
    crash_now(&copy, 11);
    world_sweep(&copy);
    world_sweep(&before);
    world_sweep(&world);
}

/* A commit that failed behind its sync is written again; what was noted of it must not become an alarm. */
Test(vault_fresh, takes_a_note_back_before_the_frame_is_written_again)
{
    struct world world;
    struct fresh_round round = { 0 };
    struct error err;
    sqlite3_file *log = NULL;
    log_of_ten(&world);
    struct fresh *fresh = world.vault->fresh;
    cr_assert_eq(sqlite3_file_control(world.db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log), SQLITE_OK);
    cr_assert_eq(log_file_round(log, &round), SQLITE_OK);
    uint32_t frames = (uint32_t)((size_of(world_file(&world, "-wal")) - HEADER) / FRAME);
    cr_assert_eq(fresh_tail_frame(fresh), frames);
    fresh_commit_note(fresh, round.salts, frames + 1, (const uint8_t *)"never so far");
    struct world copy;
    world_copy(&world, &copy);
    refused(&copy, "x.db");

    sql(world.db, "INSERT INTO t(b) VALUES('eleven')");

    crash_now(&world, 11);
    cr_assert_eq(fresh_commit_undo(fresh, round.salts, frames + 1, &err), ERR_OK);
    cr_assert_eq(fresh_tail_frame(fresh), frames);
    crash_now(&world, 11);
    world_sweep(&world);
}

/* Made anew
 * ------------------------------------------------------------------------------------------------------------------ */

static void forget_that_it_is_kept(const struct world *world)
{
    struct error err;
    struct keys keys = { 0 };
    cr_assert_eq(keys_read(world->path, false, &keys, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(keys_unlock(&keys, &WORLD_UNLOCK, &err), ERR_OK, "%s", err.message);
    put_be32(keys.image + AT_FLAGS, get_be32(keys.image + AT_FLAGS) & ~2u);
    cr_assert_eq(keys_image_close(&keys, &err), ERR_OK);
    cr_assert_eq(keys_write(world->path, &keys, &err), ERR_OK);
    keys_fini(&keys);
    (void)unlink(world_file(world, ".fresh"));
}

/* With pages in the log and without. */
Test(vault_fresh, is_made_for_a_vault_of_an_older_version_and_kept_from_then_on)
{
    for (int i = 0; i < 2; i++) {
        struct world world;
        struct world copy;
        filled(&world, 400);
        sql(world.db, "PRAGMA wal_checkpoint(TRUNCATE); UPDATE t SET b='x' WHERE a%%3=0");
        if (i == 0) {
            world_shut(&world);
        }
        world_copy(&world, &copy);
        forget_that_it_is_kept(&copy);

        accepted(&copy, 400);

        crash_now(&copy, 400);
        sql(copy.db, "INSERT INTO t(b) VALUES('on')");
        crash_now(&copy, 401);
        world_shut(&copy);
        (void)unlink(world_file(&copy, ".fresh"));
        refused(&copy, "x.db.fresh");
        world_sweep(&world);
    }
}

Test(vault_fresh, that_is_lost_is_made_anew_when_a_person_says_so)
{
    struct world world;
    struct error err;
    filled(&world, 400);
    uint64_t before = counter_of(world.vault);
    cr_assert_eq(vault_adopt_freshness(world.vault, &err), ERR_BUSY, "while the database is open");
    world_shut(&world);
    flip_byte(world_file(&world, ".fresh"), ROOTS + 60);
    flip_byte(world_file(&world, ".fresh"), ROOTS + PAGE + 60);
    cr_assert_eq(world_try(&world, &err), ERR_DAMAGED);

    cr_assert_eq(vault_adopt_freshness(world.vault, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(vault_open_database(world.vault, 64, &world.db, &err), ERR_OK, "%s", err.message);

    cr_assert_eq(sql_number(world.db, "SELECT count(*) FROM t"), 400);
    cr_assert_geq(counter_of(world.vault), before, "what could be read of the old list is exceeded");
    crash_now(&world, 400);
    world_shut(&world);
    world_open(&world);
    integrity_ok(world.db);
    world_sweep(&world);
}

/* The same list, which says that there was a log, must not be asked again after the log was given up. */
Test(vault_fresh, made_anew_forgets_the_log_that_was_lost)
{
    struct world world;
    struct world copy;
    struct error err;
    log_of_ten(&world);
    world_copy(&world, &copy);
    (void)unlink(world_file(&copy, "-wal"));
    cr_assert_eq(world_try(&copy, &err), ERR_DAMAGED);
    vault_close(copy.vault);
    cr_assert_eq(vault_open(copy.path, &WORLD_UNLOCK, &copy.vault, &err), ERR_OK, "%s", err.message);

    cr_assert_eq(vault_adopt_freshness(copy.vault, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(vault_open_database(copy.vault, 64, &copy.db, &err), ERR_OK, "%s", err.message);

    cr_assert_eq(sql_number(copy.db, "SELECT count(*) FROM t"), 0);
    sql(copy.db, "INSERT INTO t(b) VALUES('one')");
    crash_now(&copy, 1);
    world_sweep(&copy);
    world_sweep(&world);
}

/* The counters
 * ------------------------------------------------------------------------------------------------------------------ */

struct chip {
    uint64_t value;
    bool read_fails;
    bool advance_fails;
};

static enum err_code chip_read(void *context, uint64_t *ret_value, struct error *err)
{
    const struct chip *chip = context;
    if (chip->read_fails) {
        return FAIL(err, IO, "read the chip");
    }
    *ret_value = chip->value;
    return ERR_OK;
}

static enum err_code chip_advance(void *context, struct error *err)
{
    struct chip *chip = context;
    if (chip->advance_fails) {
        return FAIL(err, IO, "advance the chip");
    }
    chip->value++;
    return ERR_OK;
}

static enum err_code open_with(struct world *world, struct chip *chip, bool bound, struct error *err)
{
    struct vault_counter_io io = { .read = chip_read, .advance = chip_advance, .context = chip, .bound = bound };
    TRY(vault_open(world->path, &WORLD_UNLOCK, &world->vault, err));
    vault_set_counter(world->vault, &io);
    return vault_open_database(world->vault, 256, &world->db, err);
}

Test(vault_fresh, survives_a_crash_between_the_files_and_the_counter_outside)
{
    struct world world;
    struct error err;
    struct chip chip = { .value = 7 };
    world_make(&world);
    cr_assert_eq(open_with(&world, &chip, false, &err), ERR_OK, "%s", err.message);
    sql(world.db, "CREATE TABLE t(a); INSERT INTO t VALUES(1); PRAGMA wal_checkpoint(TRUNCATE)");
    uint64_t reached = chip.value;
    cr_assert_gt(reached, 7);
    chip.advance_fails = true;
    sql(world.db, "INSERT INTO t VALUES(2); PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO t VALUES(3)");
    cr_assert_eq(chip.value, reached);
    world_shut(&world);
    chip.advance_fails = false;

    cr_assert_eq(open_with(&world, &chip, true, &err), ERR_OK, "%s", err.message);

    cr_assert_eq(chip.value, reached + 1, "it catches up");
    cr_assert_eq(sql_number(world.db, "SELECT count(*) FROM t"), 3);
    world_sweep(&world);
}

Test(vault_fresh, refuses_a_counter_outside_that_is_another_one)
{
    struct world world;
    struct error err;
    struct chip chip = { .value = 100 };
    struct chip other = { .value = 3 };
    world_make(&world);
    cr_assert_eq(open_with(&world, &chip, false, &err), ERR_OK, "%s", err.message);
    sql(world.db, "CREATE TABLE t(a); PRAGMA wal_checkpoint(TRUNCATE)");
    world_shut(&world);

    cr_assert_eq(open_with(&world, &other, true, &err), ERR_DAMAGED);

    cr_assert_not_null(strstr(err.message, "exchanged or set back"), "%s", err.message);
    vault_close(world.vault);
    world.vault = NULL;
    chip.read_fails = true;
    cr_assert_neq(open_with(&world, &chip, true, &err), ERR_OK, "a counter that cannot be read is not passed over");
    world_sweep(&world);
}

/* Files from before the counter was bound are older ones. */
Test(vault_fresh, refuses_files_without_the_counter_outside_once_it_is_bound)
{
    struct world world;
    struct error err;
    struct chip chip = { .value = 100 };
    filled(&world, 3);
    world_shut(&world);

    cr_assert_eq(open_with(&world, &chip, true, &err), ERR_DAMAGED, "%s", err.message);

    vault_close(world.vault);
    world.vault = NULL;
    cr_assert_eq(open_with(&world, &chip, false, &err), ERR_OK, "%s", err.message);
    world_sweep(&world);
}

Test(vault_fresh, counts_every_round_and_no_read)
{
    struct world world;
    struct error err;
    uint64_t counter;
    uint8_t hash[32];
    world_make(&world);
    cr_assert_eq(vault_open(world.path, &WORLD_UNLOCK, &world.vault, &err), ERR_OK);
    cr_assert_eq(vault_freshness(world.vault, &counter, hash, &err), ERR_NOT_FOUND);
    cr_assert_eq(vault_open_database(world.vault, 64, &world.db, &err), ERR_OK);
    uint64_t last = counter_of(world.vault);
    for (int i = 0; i < 3; i++) {
        sql(world.db, "CREATE TABLE t%d(a); PRAGMA wal_checkpoint(RESTART)", i);
        sql(world.db, "INSERT INTO t0 VALUES(1)");
        cr_assert_gt(counter_of(world.vault), last);
        last = counter_of(world.vault);
        (void)sql_number(world.db, "SELECT count(*) FROM t0");
        cr_assert_eq(counter_of(world.vault), last);
    }
    cr_assert_eq(sqlite3_close(world.db), SQLITE_OK);
    world.db = NULL;
    cr_assert_gt(counter_of(world.vault), last, "known after the last connection too");
    world_sweep(&world);
}

/* The scan
 * ------------------------------------------------------------------------------------------------------------------ */

static struct vault_verify_report report;

static void verified(struct world *world)
{
    struct error err;
    cr_assert_eq(vault_verify(world->vault, NULL, &report, &err), ERR_OK, "%s", err.message);
}

static void finds_nothing(struct world *world)
{
    char text[256] = "";
    verified(world);
    if (report.findings > 0) {
        (void)vault_verify_describe(world->vault, &report.finding[0], text, sizeof(text));
    }
    cr_assert_eq(report.damages, 0, "%s", text);
}

static void finds(struct world *world, enum vault_verify_part part, uint32_t number, const char *words)
{
    char text[256];
    verified(world);
    for (size_t i = 0; i < report.findings; i++) {
        (void)vault_verify_describe(world->vault, &report.finding[i], text, sizeof(text));
        if (report.finding[i].part == part && report.finding[i].number == number && strstr(text, words) != NULL) {
            return;
        }
    }
    cr_assert_fail("none of %zu findings is '%s', number %u; the last: %s", report.findings, words, number,
                   report.findings > 0 ? text : "none");
}

static void unlocked(struct world *world)
{
    struct error err;
    cr_assert_eq(vault_open(world->path, &WORLD_UNLOCK, &world->vault, &err), ERR_OK, "%s", err.message);
}

Test(vault_fresh, scan_of_whole_files_finds_nothing_open_closed_and_after_a_crash)
{
    struct world world;
    struct world copy;
    filled(&world, 2000);
    finds_nothing(&world);
    cr_assert_gt(report.frames, 200);
    sql(world.db, "PRAGMA wal_checkpoint(PASSIVE); UPDATE t SET b='x' WHERE a%%7=0");
    finds_nothing(&world);
    world_copy(&world, &copy);
    unlocked(&copy);
    finds_nothing(&copy);
    cr_assert_gt(report.pages, 200);
    world_shut(&world);
    unlocked(&world);
    finds_nothing(&world);
    cr_assert_eq(report.frames, 0);
    world_sweep(&copy);
    world_sweep(&world);
}

Test(vault_fresh, scan_names_every_bad_page_and_goes_on)
{
    struct world world;
    struct world old;
    filled(&world, 2000);
    world_shut(&world);
    world_copy(&world, &old);
    world_open(&world);
    sql(world.db, "UPDATE t SET b=hex(randomblob(200))");
    world_shut(&world);
    copy_bytes(old.path, 40 * PAGE, world.path, 40 * PAGE, PAGE);
    flip_byte(world.path, 50 * PAGE + 7);
    fill_zero(world.path, 60 * PAGE, PAGE);
    flip_byte(world.path, 500);
    cr_assert_eq(truncate(world.path, size_of(world.path) - PAGE - 1000), 0);
    unlocked(&world);

    finds(&world, VAULT_VERIFY_PAGE, 41, "not the present version");

    finds(&world, VAULT_VERIFY_PAGE, 51, "fails its check");
    finds(&world, VAULT_VERIFY_PAGE, 61, "all zero");
    finds(&world, VAULT_VERIFY_PAGE, 1, "page 1 of");
    cr_assert_eq(report.damages, 6, "and the two at the end");
    world_sweep(&old);
    world_sweep(&world);
}

Test(vault_fresh, scan_names_a_bad_frame_a_lost_log_and_a_bad_list)
{
    struct world world;
    struct world copy;
    log_of_ten(&world);
    world_copy(&world, &copy);
    flip_byte(world_file(&copy, "-wal"), HEADER + 4 * FRAME + 1000);
    unlocked(&copy);
    finds(&copy, VAULT_VERIFY_FRAME, 5, "x.db-wal");
    world_sweep(&copy);
    world_copy(&world, &copy);
    (void)unlink(world_file(&copy, "-wal"));
    unlocked(&copy);
    finds(&copy, VAULT_VERIFY_LOG, 0, "it is gone");
    world_sweep(&copy);
    world_copy(&world, &copy);
    cr_assert_eq(truncate(world_file(&copy, ".fresh"), LEAVES), 0);
    unlocked(&copy);
    finds(&copy, VAULT_VERIFY_FRESH, 0, "x.db.fresh");
    world_sweep(&copy);
    fill_zero(world_file(&world, ".fresh"), ROOTS, 2 * PAGE);
    finds(&world, VAULT_VERIFY_FRESH, 0, "root");
    world_sweep(&world);
}

static bool stop_at_half(void *context, uint64_t done, uint64_t total)
{
    *(uint64_t *)context = done;
    return done < total / 2;
}

Test(vault_fresh, scan_tells_how_far_it_is_and_stops_when_told)
{
    struct world world;
    struct error err;
    uint64_t reached = 0;
    struct vault_verify_progress progress = { stop_at_half, &reached };
    filled(&world, 7000);
    sql(world.db, "PRAGMA wal_checkpoint(TRUNCATE)");

    cr_assert_eq(vault_verify(world.vault, &progress, &report, &err), ERR_REFUSED);

    cr_assert_gt(reached, 0);
    cr_assert_lt(reached, (uint64_t)size_of(world.path));
    world_sweep(&world);
}

struct scans {
    struct world *world;
    unsigned done;
};

static void *scan_on_and_on(void *context)
{
    struct scans *scans = context;
    for (; scans->done < 12; scans->done++) {
        finds_nothing(scans->world);
    }
    return NULL;
}

Test(vault_fresh, scan_finds_nothing_while_another_thread_writes_and_checkpoints)
{
    struct world world;
    pthread_t thread;
    filled(&world, 2000);
    struct scans scans = { .world = &world };
    cr_assert_eq(pthread_create(&thread, NULL, scan_on_and_on, &scans), 0);
    for (int i = 0; i < 60; i++) {
        sql(world.db, "UPDATE t SET b=hex(randomblob(200)) WHERE a%%11=%d", i % 11);
        (void)sql_code(world.db, i % 6 == 0 ? "PRAGMA wal_checkpoint(TRUNCATE)" : "PRAGMA wal_checkpoint(RESTART)");
        if (i % 20 == 19) {
            sql(world.db, "VACUUM");
        }
    }
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert_eq(scans.done, 12);
    world_sweep(&world);
}
