#include "shim.h"
#include "world.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Pages move to a new key while the database is in use: nothing is lost, nobody waits, and at the end the old key is
 * gone.
 */

TestSuite(vault_rekey);

enum { STEPS_MAX = 5000, ROWS = 400 };

static void fill(struct world *world)
{
    sql(world->db, "CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB)");
    sql(world->db,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d) INSERT INTO t SELECT i, "
        "randomblob(1500) FROM n",
        ROWS);
    sql(world->db, "PRAGMA wal_checkpoint(TRUNCATE)");
}

static void filled(struct world *world)
{
    world_make(world);
    world_open(world);
    fill(world);
}

static void begin(struct world *world)
{
    struct error err;
    cr_assert_eq(vault_rekey_begin(world->vault, &err), ERR_OK, "%s", err.message);
}

static struct vault_rekey_progress step(struct world *world, unsigned pages)
{
    struct vault_rekey_progress progress;
    struct error err;
    cr_assert_eq(vault_rekey_step(world->vault, pages, &progress, &err), ERR_OK, "%s", err.message);
    return progress;
}

static void finish(struct world *world, unsigned pages)
{
    for (unsigned i = 0; i < STEPS_MAX; i++) {
        if (!step(world, pages).running) {
            return;
        }
    }
    cr_assert_fail("the re-key did not end in %d steps", STEPS_MAX);
}

/* The digest of what table t holds. */
static sqlite3_int64 content(sqlite3 *db)
{
    return sql_number(db, "SELECT sum(a) * 1000003 + sum(unicode(substr(hex(b), 7, 1)) * a) + count(*) FROM t");
}

static uint8_t *bytes_of(const char *path, size_t *ret_len)
{
    *ret_len = (size_t)size_of(path);
    uint8_t *bytes = malloc(*ret_len + 1);
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file);
    cr_assert_eq(fread(bytes, 1, *ret_len, file), *ret_len);
    cr_assert_eq(fclose(file), 0);
    return bytes;
}

/* How many pages of the database name this epoch? */
static unsigned pages_of_epoch(const struct world *world, uint32_t epoch)
{
    size_t len;
    unsigned count = 0;
    uint8_t *bytes = bytes_of(world->path, &len);
    for (size_t at = 0; at + PAGE_BYTES <= len; at += PAGE_BYTES) {
        count += seal_epoch_of(bytes + at) == epoch;
    }
    free(bytes);
    return count;
}

static struct keys keys_of(const struct world *world, bool previous)
{
    struct keys keys;
    struct error err;
    cr_assert_eq(keys_read(world->path, previous, &keys, &err), ERR_OK, "%s", err.message);
    return keys;
}

static unsigned epochs_in(const struct keys *keys)
{
    unsigned count = 0;
    for (size_t i = 0; i < KEYS_EPOCHS; i++) {
        count += keys_epoch_at(keys, i).number != 0;
    }
    return count;
}

Test(vault_rekey, moves_every_page_and_loses_nothing)
{
    struct world world;
    filled(&world);
    sqlite3_int64 before = content(world.db);
    unsigned pages = pages_of_epoch(&world, 1);
    begin(&world);

    finish(&world, 16);

    cr_assert_gt(pages, 100);
    cr_assert_eq(pages_of_epoch(&world, 1), 0);
    cr_assert_eq(pages_of_epoch(&world, 2), pages);
    integrity_ok(world.db);
    cr_assert_eq(content(world.db), before);
    world_shut(&world);
    world_open(&world);
    integrity_ok(world.db);
    cr_assert_eq(content(world.db), before);
    world_fini(&world);
}

Test(vault_rekey, takes_the_old_key_out_of_both_copies_of_the_keys_file)
{
    struct world world;
    filled(&world);
    struct keys old = keys_of(&world, false);
    const uint8_t *wrapped = old.image + 4160 + 8; /* the data key of the first epoch */
    begin(&world);
    finish(&world, 64);

    for (int previous = 0; previous < 2; previous++) {
        struct keys keys = keys_of(&world, previous != 0);
        cr_assert_eq(epochs_in(&keys), 1);
        cr_assert_null(memmem(keys.image, sizeof(keys.image), wrapped, 60));
    }
    cr_assert_eq(size_of(world_file(&world, "-wal")), 0);
    cr_assert_eq(access(world_file(&world, ".rekey"), F_OK), -1);
    cr_assert_eq(pages_of_epoch(&world, 1), 0);
    world_fini(&world);
}

Test(vault_rekey, has_every_row_at_every_step_between_writes)
{
    struct world world;
    filled(&world);
    begin(&world);
    unsigned steps = 0;
    struct vault_rekey_progress progress = { .running = true };
    for (; progress.running && steps < STEPS_MAX; steps++) {
        progress = step(&world, 8);
        sql(world.db, "UPDATE t SET b = randomblob(1400) WHERE a = %u", steps % ROWS + 1);
        sql(world.db, "INSERT INTO t(b) VALUES (randomblob(6000))");
        if (steps % 7 == 0) {
            sql(world.db, "PRAGMA wal_checkpoint(PASSIVE)");
        }
        cr_assert_eq(sql_number(world.db, "SELECT count(*) FROM t"), ROWS + steps + 1);
    }
    cr_assert_not(progress.running);
    cr_assert_gt(steps, 20);
    integrity_ok(world.db);
    world_shut(&world);
    world_open(&world);
    integrity_ok(world.db);
    cr_assert_eq(pages_of_epoch(&world, 1), 0);
    world_fini(&world);
}

Test(vault_rekey, of_a_changing_database_with_vacuum_in_between_ends)
{
    struct world world;
    filled(&world);
    begin(&world);
    for (int i = 0; i < 5; i++) {
        (void)step(&world, 4);
    }
    sql(world.db, "DELETE FROM t WHERE a %% 2 = 0");
    sql(world.db, "VACUUM");
    for (int i = 0; i < 5; i++) {
        (void)step(&world, 4);
    }
    sql(world.db, "PRAGMA wal_checkpoint(TRUNCATE)");
    finish(&world, 4);
    integrity_ok(world.db);
    cr_assert_eq(sql_number(world.db, "SELECT count(*) FROM t"), ROWS / 2);
    cr_assert_eq(pages_of_epoch(&world, 1), 0);
    world_fini(&world);
}

Test(vault_rekey, tells_how_far_it_is)
{
    struct world world;
    filled(&world);
    struct vault_rekey_progress progress;
    struct error err;
    vault_rekey_progress(world.vault, &progress);
    cr_assert_not(progress.running);
    begin(&world);
    vault_rekey_progress(world.vault, &progress);
    cr_assert(progress.running);
    cr_assert_eq(progress.pages_done, 0);
    cr_assert_eq(progress.pages_total, (uint32_t)(size_of(world.path) / PAGE_BYTES));
    cr_assert_eq(vault_rekey_begin(world.vault, &err), ERR_CONFLICT);

    uint32_t done = 0;
    while ((progress = step(&world, 16)).running) {
        cr_assert_geq(progress.pages_done, done);
        cr_assert_leq(progress.pages_done, progress.pages_total);
        done = progress.pages_done;
    }
    cr_assert_eq(done, (uint32_t)(size_of(world.path) / PAGE_BYTES));
    world_fini(&world);
}

Test(vault_rekey, goes_on_after_the_vault_was_closed)
{
    struct world world;
    filled(&world);
    sqlite3_int64 before = content(world.db);
    begin(&world);
    struct vault_rekey_progress progress = { .running = true };
    for (unsigned turn = 0; progress.running && turn < 100; turn++) {
        for (int i = 0; i < 4 && progress.running; i++) {
            progress = step(&world, 8);
        }
        world_shut(&world);
        world_open(&world);
        cr_assert_eq(content(world.db), before);
    }
    cr_assert_not(progress.running);
    cr_assert_eq(pages_of_epoch(&world, 1), 0);
    world_fini(&world);
}

/* Readers
 * ----------------------------------------------------------------------------------------------------------------- */

enum { READERS = 3, ROUNDS = 3 };

struct reader {
    struct world *world;
    atomic_bool *stop;
    unsigned reads;
    char failure[ERROR_MESSAGE_MAX + 64];
};

/* Every read is of pages, not of the cache: it holds none. */
static void *read_on(void *context)
{
    struct reader *reader = context;
    sqlite3 *db = NULL;
    struct error err;
    if (vault_open_database(reader->world->vault, 1, &db, &err) != ERR_OK) {
        (void)snprintf(reader->failure, sizeof(reader->failure), "open: %s", err.message);
        return NULL;
    }
    do {
        sqlite3_stmt *statement = NULL;
        int rc = sqlite3_prepare_v2(db, "SELECT count(*), sum(length(b)) FROM t", -1, &statement, NULL);
        rc = rc == SQLITE_OK ? sqlite3_step(statement) : rc;
        if (rc != SQLITE_ROW || sqlite3_column_int(statement, 0) < ROWS) {
            (void)snprintf(reader->failure, sizeof(reader->failure), "read %u: %s (%d)", reader->reads,
                           sqlite3_errmsg(db), rc);
        }
        (void)sqlite3_finalize(statement);
        reader->reads++;
    } while (!atomic_load(reader->stop) && reader->failure[0] == '\0');
    (void)sqlite3_close(db);
    return NULL;
}

Test(vault_rekey, never_stops_readers_in_other_threads)
{
    struct world world;
    filled(&world);
    atomic_bool stop = false;
    pthread_t threads[READERS];
    struct reader readers[READERS];
    for (size_t i = 0; i < READERS; i++) {
        readers[i] = (struct reader){ .world = &world, .stop = &stop };
    }
    begin(&world);
    for (size_t i = 0; i < READERS; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, read_on, &readers[i]), 0);
    }
    unsigned rounds = 0;
    for (unsigned i = 0; i < STEPS_MAX && rounds < ROUNDS; i++) {
        struct vault_rekey_progress progress = step(&world, 4);
        if (!progress.running) {
            rounds++;
            begin(&world);
        } else if (progress.waiting) {
            (void)usleep(1000);
        } else {
            sql(world.db, "UPDATE t SET b = randomblob(1500) WHERE a = %u", i % ROWS + 1);
        }
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < READERS; i++) {
        cr_assert_eq(pthread_join(threads[i], NULL), 0);
        cr_assert_str_eq(readers[i].failure, "");
        cr_assert_gt(readers[i].reads, 0);
    }
    struct error damage;
    cr_assert_eq(rounds, ROUNDS, "re-keyed %u times", rounds);
    cr_assert_not(vault_last_damage(world.vault, &damage), "%s", damage.message);
    integrity_ok(world.db);
    world_fini(&world);
}

/* Crashes
 * ----------------------------------------------------------------------------------------------------------------- */

Test(vault_rekey, goes_on_from_what_a_killed_process_left_at_any_step)
{
    struct world world;
    filled(&world);
    sqlite3_int64 before = content(world.db);
    begin(&world);
    struct vault_rekey_progress progress = { .running = true };
    for (unsigned steps = 0; progress.running && steps < STEPS_MAX; steps++) {
        struct world copy;
        world_copy(&world, &copy);
        world_open(&copy);
        integrity_ok(copy.db);
        cr_assert_eq(content(copy.db), before, "after %u steps", steps);
        finish(&copy, 256);
        cr_assert_eq(pages_of_epoch(&copy, 1), 0);
        cr_assert_eq(content(copy.db), before, "after %u steps", steps);
        world_fini(&copy);
        progress = step(&world, 16);
    }
    cr_assert_not(progress.running);
    world_fini(&world);
}

/* A loss of power in the middle of a step: the journal has the pages, the database half of them, torn. */
Test(vault_rekey, mends_pages_torn_in_place_out_of_the_journal)
{
    struct world world;
    struct world copy;
    filled(&world);
    sqlite3_int64 before = content(world.db);
    begin(&world);
    for (int i = 0; i < 4; i++) {
        (void)step(&world, 32);
    }
    world_copy(&world, &copy);
    cr_assert_gt(size_of(world_file(&copy, ".rekey")), PAGE_BYTES);
    for (long page = 2; page < 30; page += 3) {
        fill_zero(copy.path, page * PAGE_BYTES + 512, 1024);
    }

    world_open(&copy);

    integrity_ok(copy.db);
    cr_assert_eq(content(copy.db), before);
    world_fini(&copy);
    world_fini(&world);
}

static void base_vfs_back(void)
{
    vault_test_set_base_vfs(NULL);
}

/* Steps until the end; how many of them failed. */
static unsigned finish_through_failures(struct world *world)
{
    struct vault_rekey_progress progress = { .running = true };
    unsigned failures = 0;
    for (unsigned i = 0; progress.running && i < STEPS_MAX; i++) {
        struct error err;
        failures += vault_rekey_step(world->vault, 8, &progress, &err) != ERR_OK;
    }
    cr_assert_not(progress.running);
    return failures;
}

/* One call to the file system fails, the step says so or did without it, and the next ones get to the end. */
Test(vault_rekey, gets_to_its_end_whichever_one_call_fails, .fini = base_vfs_back)
{
    enum { CALLS_MAX = 2000, FEW_ROWS = 60 };
    unsigned failed_steps = 0;
    bool reached = true;
    for (long call = 1; reached && call < CALLS_MAX; call++) {
        struct world world;
        shim_reset();
        world_make(&world);
        world_open(&world);
        sql(world.db, "CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB)");
        sql(world.db,
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d) INSERT INTO t SELECT i, "
            "randomblob(1500) FROM n",
            FEW_ROWS);
        sqlite3_int64 before = content(world.db);
        begin(&world);
        shim.calls = 0;
        shim.fail_at = call;
        shim.fail_code = SQLITE_IOERR;

        failed_steps += finish_through_failures(&world);

        reached = shim.failed;
        shim.fail_at = 0;
        integrity_ok(world.db);
        cr_assert_eq(content(world.db), before, "call %ld", call);
        world_shut(&world);
        world_open(&world);
        integrity_ok(world.db);
        cr_assert_eq(content(world.db), before, "call %ld", call);
        cr_assert_eq(pages_of_epoch(&world, 1), 0, "call %ld", call);
        world_fini(&world);
    }
    cr_assert_not(reached, "more calls than %d", CALLS_MAX);
    cr_assert_gt(failed_steps, 20);
}

/* Hostile files
 * ----------------------------------------------------------------------------------------------------------------- */

/* The files of a vault killed in the middle of a re-key, with pages in the journal that are not settled. */
static void interrupted(struct world *world, struct world *copy)
{
    filled(world);
    begin(world);
    for (int i = 0; i < 4; i++) {
        (void)step(world, 16);
    }
    world_copy(world, copy);
    cr_assert_gt(size_of(world_file(copy, ".rekey")), 2 * 16 * PAGE_BYTES);
}

Test(vault_rekey, with_a_journal_that_was_cut_or_changed_never_reads_a_wrong_page)
{
    struct world world;
    struct world left;
    interrupted(&world, &left);
    sqlite3_int64 before = content(world.db);
    long len = size_of(world_file(&left, ".rekey"));
    for (long at = 0; at < len; at += len / 23) {
        for (int cut = 0; cut < 2; cut++) {
            struct world copy;
            struct error err;
            world_copy(&left, &copy);
            if (cut != 0) {
                cr_assert_eq(truncate(world_file(&copy, ".rekey"), at), 0);
            } else {
                flip_byte(world_file(&copy, ".rekey"), at);
            }
            enum err_code rc = world_try(&copy, &err);
            cr_assert(rc == ERR_OK || rc == ERR_DAMAGED, "%s", err.message);
            cr_assert(rc != ERR_OK || content(copy.db) == before);
            world_fini(&copy);
        }
    }
    world_fini(&left);
    world_fini(&world);
}

Test(vault_rekey, takes_nothing_from_an_older_journal_that_was_put_back)
{
    struct world world;
    struct world left;
    interrupted(&world, &left);
    finish(&world, 64);
    sql(world.db, "UPDATE t SET b = zeroblob(1500)");
    sql(world.db, "PRAGMA wal_checkpoint(TRUNCATE)");
    world_shut(&world);
    copy_file(world_file(&left, ".rekey"), world_file(&world, ".rekey"));

    world_open(&world);

    integrity_ok(world.db);
    cr_assert_eq(sql_number(world.db, "SELECT count(*) FROM t WHERE b <> zeroblob(1500)"), 0);
    world_fini(&left);
    world_fini(&world);
}

Test(vault_rekey, takes_nothing_from_the_journal_of_another_vault)
{
    struct world world;
    struct world left;
    struct world other;
    interrupted(&world, &left);
    filled(&other);
    sqlite3_int64 before = content(other.db);
    begin(&other);
    (void)step(&other, 16);
    world_shut(&other);
    copy_file(world_file(&left, ".rekey"), world_file(&other, ".rekey"));

    world_open(&other);

    integrity_ok(other.db);
    cr_assert_eq(content(other.db), before);
    finish(&other, 64);
    world_fini(&other);
    world_fini(&left);
    world_fini(&world);
}

/* The keys of the time when a page was sealed are gone: the page names an epoch nobody has. */
Test(vault_rekey, names_a_page_of_an_epoch_that_the_keys_file_has_not)
{
    struct world world;
    struct world old;
    filled(&world);
    world_copy(&world, &old);
    begin(&world);
    finish(&world, 64);
    world_shut(&world);
    copy_bytes(old.path, 5 * PAGE_BYTES, world.path, 5 * PAGE_BYTES, PAGE_BYTES);
    struct error err;

    cr_assert_eq(world_try(&world, &err), ERR_DAMAGED);

    cr_assert_not_null(strstr(err.message, "page 6"), "%s", err.message);
    cr_assert_not_null(strstr(err.message, "key epoch 1"), "%s", err.message);
    world_fini(&old);
    world_fini(&world);
}

Test(vault_rekey, keeps_the_old_key_while_a_page_under_it_does_not_open)
{
    struct world world;
    struct vault_rekey_progress progress;
    struct error err;
    filled(&world);
    flip_byte(world.path, 50 * PAGE_BYTES + 100);
    begin(&world);
    enum err_code rc = ERR_OK;
    for (unsigned i = 0; rc == ERR_OK && i < STEPS_MAX; i++) {
        rc = vault_rekey_step(world.vault, 16, &progress, &err);
    }
    cr_assert_eq(rc, ERR_DAMAGED);
    cr_assert_not_null(strstr(err.message, "page 51"), "%s", err.message);
    struct keys keys = keys_of(&world, false);
    cr_assert_eq(epochs_in(&keys), 2);
    world_fini(&world);
}

/* Counting
 * ----------------------------------------------------------------------------------------------------------------- */

static void ordinary_limit(void)
{
    vault_test_set_epoch_limit(0, 0);
}

Test(vault_rekey, begins_by_itself_when_enough_pages_were_sealed_under_a_key, .fini = ordinary_limit)
{
    struct world world;
    struct vault_rekey_progress progress;
    vault_test_set_epoch_limit(1000, 300);
    filled(&world);
    vault_rekey_progress(world.vault, &progress);
    cr_assert_not(progress.running);
    for (unsigned i = 0; i < 4000 && !progress.running; i++) {
        sql(world.db, "UPDATE t SET b = randomblob(1500) WHERE a = %u", i % ROWS + 1);
        vault_rekey_progress(world.vault, &progress);
    }
    cr_assert(progress.running, "no new epoch began");
    struct keys keys = keys_of(&world, false);
    cr_assert_leq(keys_epoch_at(&keys, 0).sealed, 1000);
    vault_test_set_epoch_limit(0, 0);
    finish(&world, 64);
    integrity_ok(world.db);
    cr_assert_eq(pages_of_epoch(&world, 1), 0);
    world_fini(&world);
}

/* Whatever moment a process is killed at, the keys file accounts for no fewer pages than were sealed. */
Test(vault_rekey, accounts_for_pages_before_they_are_sealed, .fini = ordinary_limit)
{
    struct world world;
    vault_test_set_epoch_limit(1000000, 300);
    filled(&world);
    for (unsigned i = 0; i < 500; i++) {
        sql(world.db, "UPDATE t SET b = randomblob(1500) WHERE a = %u", i % ROWS + 1);
        struct keys keys = keys_of(&world, false);
        cr_assert_geq(keys_epoch_at(&keys, 0).sealed, atomic_load(&world.vault->epochs.sealed));
    }
    uint64_t sealed = atomic_load(&world.vault->epochs.sealed);
    cr_assert_gt(sealed, 500);
    world_shut(&world);
    world_open(&world);
    cr_assert_geq(atomic_load(&world.vault->epochs.sealed), sealed, "the count goes on from there");
    world_fini(&world);
}

Test(vault_rekey, moves_pages_of_eight_epochs_at_once_and_then_has_room_again)
{
    struct world world;
    struct error err;
    filled(&world);
    for (size_t i = 1; i < KEYS_EPOCHS; i++) {
        cr_assert_eq(vault_epoch_begin(world.vault, &err), ERR_OK, "%s", err.message);
    }
    cr_assert_eq(vault_epoch_begin(world.vault, &err), ERR_LIMIT);
    finish(&world, 64);
    cr_assert_eq(vault_epoch_begin(world.vault, &err), ERR_OK, "%s", err.message);
    finish(&world, 64);
    integrity_ok(world.db);
    world_fini(&world);
}
