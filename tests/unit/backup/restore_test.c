#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "crypto/vault/restore.h"
#include "shim.h"
#include "support.h"

TestSuite(restore, .timeout = 300);

/* Up to the point where only the exchange of the files is left. `path` is that of the vault in use. */
static enum err_code make_beside(const char *path, struct slice backup, const struct vault_unlock *unlock,
                                 uint64_t counter, struct error *err)
{
    size_t head;
    struct backup_reader *reader;
    struct restore *restore = NULL;
    TRY(backup_head_length(slice_of(backup.data, BACKUP_HEAD_LOOK), &head, err));
    TRY(backup_read_begin(slice_of(backup.data, head), &reader, err));
    enum err_code rc = backup_read_unlock(reader, unlock, err);
    rc = rc == ERR_OK ? restore_begin(path, reader, counter, 1000, &restore, err) : rc;
    if (rc == ERR_OK) {
        rc = backup_read_take(reader, slice_of(backup.data + head, backup.len - head), restore_page, restore, err);
    }
    rc = rc == ERR_OK ? backup_read_end(reader, err) : rc;
    rc = rc == ERR_OK ? restore_seal(restore, err) : rc;
    if (rc == ERR_OK) {
        restore_keep(restore);
    }
    restore_free(restore);
    backup_read_free(reader);
    return rc;
}

static enum err_code restore_whole(const char *path, const struct buf *backup, struct error *err)
{
    char kept[RESTORE_SET_SIZE];
    TRY(make_beside(path, buf_slice(backup), &WORLD_UNLOCK, 0, err));
    return restore_swap(path, 1700000000000, kept, err);
}

Test(restore, brings_every_row_back_where_nothing_is_left)
{
    struct world world;
    struct world other;
    struct error err;
    struct buf backup;
    filled_world(&world, 1500);
    sql(world.db, "CREATE TABLE gone(a); INSERT INTO gone VALUES(zeroblob(50000)); DELETE FROM gone");
    backup_make(world.vault, &backup);
    sqlite3_int64 sum = sql_number(world.db, "SELECT sum(a * length(b)) FROM t");
    world_sweep(&world);
    world_folder(&other);
    cr_assert_eq(restore_whole(other.path, &backup, &err), ERR_OK, "%s", err.message);
    world_open(&other);
    integrity_ok(other.db);
    cr_assert_eq(sql_number(other.db, "SELECT sum(a * length(b)) FROM t"), sum);
    sql(other.db, "INSERT INTO t VALUES(-1, 'life goes on')");
    world_shut(&other);
    world_open(&other);
    cr_assert_eq(sql_number(other.db, "SELECT count(*) FROM t"), 1501);
    buf_fini(&backup);
    world_sweep(&other);
}

Test(restore, opens_with_the_passphrase_of_the_backup_on_another_machine)
{
    struct world world;
    struct world other;
    struct error err;
    struct buf backup;
    char kept[RESTORE_SET_SIZE];
    vault_test_set_scrypt_log2n(10);
    struct vault_unlock spoken = { .kind = VAULT_SLOT_PASSPHRASE, .secret = (const uint8_t *)"word", .secret_len = 4 };
    filled_world(&world, 20);
    cr_assert_eq(world_add_slot(world.vault, &spoken, &err), ERR_OK, "%s", err.message);
    backup_make(world.vault, &backup);
    world_folder(&other);
    cr_assert_eq(make_beside(other.path, buf_slice(&backup), &spoken, 0, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(restore_swap(other.path, 1, kept, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(vault_open(other.path, &spoken, &other.vault, &err), ERR_OK, "%s", err.message);
    buf_fini(&backup);
    world_sweep(&world);
    world_sweep(&other);
}

Test(restore, touches_nothing_of_the_vault_in_use_before_the_exchange)
{
    struct world world;
    struct error err;
    struct buf backup;
    filled_world(&world, 200);
    backup_make(world.vault, &backup);
    sql(world.db, "DELETE FROM t WHERE a<=50");
    cr_assert_eq(make_beside(world.path, buf_slice(&backup), &WORLD_UNLOCK, 0, &err), ERR_OK, "%s", err.message);
    sql(world.db, "DELETE FROM t WHERE a<=60");
    integrity_ok(world.db);
    world_shut(&world);
    char kept[RESTORE_SET_SIZE];
    cr_assert_eq(restore_swap(world.path, 1700000000000, kept, &err), ERR_OK, "%s", err.message);
    world_open(&world);
    cr_assert_eq(sql_number(world.db, "SELECT count(*) FROM t"), 200);
    world_shut(&world);
    cr_assert_eq(restore_undo(world.path, 1700000000000, kept, &err), ERR_OK, "%s", err.message);
    world_open(&world);
    cr_assert_eq(sql_number(world.db, "SELECT count(*) FROM t"), 140, "what was in use before is whole");
    integrity_ok(world.db);
    buf_fini(&backup);
    world_sweep(&world);
}

Test(restore, leaves_nothing_behind_of_a_backup_that_is_not_whole)
{
    struct world world;
    struct error err;
    struct buf backup;
    filled_world(&world, 100);
    backup_make(world.vault, &backup);
    struct slice cut = slice_of(backup.data, backup.len - 1);
    cr_assert_eq(make_beside(world.path, cut, &WORLD_UNLOCK, 0, &err), ERR_DAMAGED);
    backup.data[backup.len / 2] ^= 1;
    cr_assert_eq(make_beside(world.path, buf_slice(&backup), &WORLD_UNLOCK, 0, &err), ERR_DAMAGED);
    cr_assert_not(file_exists(world_file(&world, ".restoring")));
    cr_assert_not(file_exists(world_file(&world, ".restoring.keys")));
    cr_assert_not(file_exists(world_file(&world, ".restoring.fresh")));
    char kept[RESTORE_SET_SIZE];
    cr_assert_eq(restore_swap(world.path, 1, kept, &err), ERR_NOT_FOUND);
    cr_assert_eq(sql_number(world.db, "SELECT count(*) FROM t"), 100);
    buf_fini(&backup);
    world_sweep(&world);
}

/* Sealed under the vault's own key, so only who knows it could make one: still never put in use. */
Test(restore, refuses_a_database_that_fails_its_own_check)
{
    struct world world;
    struct error err;
    struct buf backup;
    filled_world(&world, 500);
    sql(world.db, "PRAGMA writable_schema=RESET"); /* nothing: shows that the connection is the ordinary one */
    cr_assert_eq(sqlite3_db_config(world.db, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL), SQLITE_OK);
    sql(world.db, "PRAGMA writable_schema=ON");
    sql(world.db,
        "UPDATE sqlite_schema SET rootpage=(SELECT rootpage FROM sqlite_schema WHERE name='t') WHERE name='t_b'");
    backup_make(world.vault, &backup);
    cr_assert_eq(make_beside(world.path, buf_slice(&backup), &WORLD_UNLOCK, 0, &err), ERR_DAMAGED, "%s", err.message);
    cr_assert_not(file_exists(world_file(&world, ".restoring")));
    buf_fini(&backup);
    world_sweep(&world);
}

Test(restore, seals_under_a_new_key_so_that_no_old_page_fits)
{
    struct world world;
    struct error err;
    struct buf backup;
    char kept[RESTORE_SET_SIZE];
    filled_world(&world, 500);
    backup_make(world.vault, &backup);
    world_shut(&world);
    cr_assert_eq(make_beside(world.path, buf_slice(&backup), &WORLD_UNLOCK, 0, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(restore_swap(world.path, 1700000000000, kept, &err), ERR_OK, "%s", err.message);
    char old[256];
    (void)snprintf(old, sizeof(old), "%s%s", world.path, kept);
    copy_bytes(old, 4 * 4096, world.path, 4 * 4096, 4096);
    cr_assert_eq(world_try(&world, &err), ERR_DAMAGED);
    cr_assert_not_null(strstr(err.message, "page 5 of"), "%s", err.message);
    cr_assert_not_null(strstr(err.message, "epoch"), "%s", err.message);
    buf_fini(&backup);
    world_sweep(&world);
}

Test(restore, goes_on_counting_above_every_state_that_is_known)
{
    struct world world;
    struct error err;
    struct buf backup;
    uint64_t before;
    uint64_t after;
    uint8_t hash[32];
    filled_world(&world, 50);
    backup_make(world.vault, &backup);
    cr_assert_eq(vault_freshness(world.vault, &before, hash, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(get_be64(backup.data + 80), before, "the backup tells how far it had counted");
    world_shut(&world);
    static const uint64_t KNOWN[] = { 0, 5000 }; /* the time is 1000 in make_beside */
    for (size_t i = 0; i < ARRAY_LEN(KNOWN); i++) {
        char kept[RESTORE_SET_SIZE];
        cr_assert_eq(make_beside(world.path, buf_slice(&backup), &WORLD_UNLOCK, KNOWN[i], &err), ERR_OK, "%s",
                     err.message);
        cr_assert_eq(restore_swap(world.path, 1700000000000, kept, &err), ERR_OK, "%s", err.message);
        world_open(&world);
        cr_assert_eq(vault_freshness(world.vault, &after, hash, &err), ERR_OK, "%s", err.message);
        cr_assert_gt(after, before);
        cr_assert_gt(after, KNOWN[i]);
        cr_assert_gt(after, 1000);
        world_shut(&world);
    }
    buf_fini(&backup);
    world_sweep(&world);
}

/* A counter outside of the files, as a TPM has one: it only goes forward. */
static enum err_code counter_read(void *context, uint64_t *ret_value, struct error *err)
{
    (void)err;
    *ret_value = *(const uint64_t *)context;
    return ERR_OK;
}

static enum err_code counter_advance(void *context, struct error *err)
{
    (void)err;
    ++*(uint64_t *)context;
    return ERR_OK;
}

static enum err_code open_counted(struct world *world, uint64_t *value, bool accept, struct error *err)
{
    struct vault_counter_io io = { .read = counter_read, .advance = counter_advance, .context = value, .bound = true };
    TRY(vault_open(world->path, &WORLD_UNLOCK, &world->vault, err));
    vault_set_counter(world->vault, &io);
    enum err_code rc = accept ? vault_adopt_freshness(world->vault, err) : ERR_OK;
    rc = rc == ERR_OK ? vault_open_database(world->vault, 64, &world->db, err) : rc;
    if (rc != ERR_OK) {
        vault_close(world->vault);
        world->vault = NULL;
    }
    return rc;
}

Test(restore, is_taken_by_a_counter_that_has_gone_on_when_a_person_says_so)
{
    struct world world;
    struct error err;
    struct buf backup;
    char kept[RESTORE_SET_SIZE];
    uint64_t value = 100;
    filled_world(&world, 50);
    backup_make(world.vault, &backup);
    world_shut(&world);
    cr_assert_eq(open_counted(&world, &value, true, &err), ERR_OK, "%s", err.message);
    for (int i = 0; i < 3; i++) {
        sql(world.db, "DELETE FROM t WHERE a=%d", i);
        sql(world.db, "PRAGMA wal_checkpoint(TRUNCATE)");
    }
    world_shut(&world);
    cr_assert_gt(value, 102);
    cr_assert_eq(make_beside(world.path, buf_slice(&backup), &WORLD_UNLOCK, 0, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(restore_swap(world.path, 1, kept, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(open_counted(&world, &value, false, &err), ERR_DAMAGED, "it looks like an older set put back");
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(open_counted(&world, &value, i == 0, &err), ERR_OK, "opening %d: %s", i, err.message);
        cr_assert_eq(sql_number(world.db, "SELECT count(*) FROM t"), i == 0 ? 50 : 0);
        sql(world.db, "DELETE FROM t");
        world_shut(&world);
    }
    cr_assert_eq(restore_undo(world.path, 2, kept, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(open_counted(&world, &value, false, &err), ERR_DAMAGED,
                 "what was put aside is older than the counter");
    cr_assert_eq(open_counted(&world, &value, true, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(sql_number(world.db, "SELECT count(*) FROM t"), 48);
    buf_fini(&backup);
    world_sweep(&world);
}

/* Failures
 * ----------------------------------------------------------------------------------------------------------------- */

Test(restore, is_whole_or_nothing_whatever_call_fails)
{
    struct world world;
    struct error err;
    struct buf backup;
    log_set_level(LOG_LEVEL_ERROR);
    filled_world(&world, 40);
    backup_make(world.vault, &backup);
    sql(world.db, "DELETE FROM t");
    world_shut(&world);
    long failures = 0;
    for (long n = 1;; n++) {
        char kept[RESTORE_SET_SIZE];
        shim_reset();
        shim.fail_at = shim.calls + n;
        shim.fail_code = SQLITE_IOERR;
        enum err_code rc = make_beside(world.path, buf_slice(&backup), &WORLD_UNLOCK, 0, &err);
        bool failed = shim.failed;
        shim.fail_at = 0;
        vault_test_set_base_vfs(NULL);
        if (rc == ERR_OK) {
            cr_assert_eq(restore_swap(world.path, 1700000000000 + n, kept, &err), ERR_OK, "call %ld: %s", n,
                         err.message);
        } else {
            failures++;
            cr_assert_eq(restore_swap(world.path, 1, kept, &err), ERR_NOT_FOUND, "call %ld left something", n);
        }
        world_open(&world);
        cr_assert_eq(sql_number(world.db, "SELECT count(*) FROM t"), rc == ERR_OK ? 40 : 0, "call %ld", n);
        integrity_ok(world.db);
        world_shut(&world);
        if (rc == ERR_OK) {
            cr_assert_eq(restore_undo(world.path, 1700000000000 + n, kept, &err), ERR_OK, "%s", err.message);
            cr_assert_eq(restore_sets_discard(world.path, &err), ERR_OK, "%s", err.message);
        }
        if (!failed) {
            break;
        }
    }
    cr_assert_gt(failures, 20);
    buf_fini(&backup);
    world_sweep(&world);
}

/* The restored vault has 40 rows, the one in use none. A kill anywhere leaves one of the two, whole. */
Test(restore, killed_at_random_leaves_the_old_or_the_new_replica)
{
    struct world world;
    struct error err;
    struct buf backup;
    srand(11);
    log_set_level(LOG_LEVEL_ERROR);
    filled_world(&world, 40);
    backup_make(world.vault, &backup);
    sql(world.db, "DELETE FROM t");
    world_shut(&world);
    unsigned restored = 0;
    int64_t whole_us = 0; /* what one takes that nobody kills: the first round */
    enum { ROUNDS = 40 };
    for (int round = 0; round < ROUNDS; round++) {
        int64_t began_ms = clock_monotonic_ms();
        pid_t child = fork();
        cr_assert_geq(child, 0);
        if (child == 0) {
            struct error unused;
            enum err_code rc = restore_whole(world.path, &backup, &unused);
            _exit(rc == ERR_OK ? 0 : 9);
        }
        if (round > 0) {
            (void)usleep((useconds_t)(rand() % (whole_us * 3 / 2)));
            (void)kill(child, SIGKILL);
        }
        int status;
        cr_assert_eq(waitpid(child, &status, 0), child);
        whole_us = round > 0 ? whole_us : (clock_monotonic_ms() - began_ms + 1) * 1000;
        cr_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0, "round %d: the restore failed by itself", round);
        cr_assert_eq(restore_swap_recover(world.path, &err), ERR_OK, "round %d: %s", round, err.message);
        world_open(&world);
        sqlite3_int64 rows = sql_number(world.db, "SELECT count(*) FROM t");
        cr_assert(rows == 0 || rows == 40, "round %d: %lld rows", round, rows);
        integrity_ok(world.db);
        world_shut(&world);
        if (rows == 40) {
            char kept[RESTORE_SET_SIZE];
            restored++;
            cr_assert_eq(restore_undo(world.path, 1, kept, &err), ERR_OK, "round %d: %s", round, err.message);
        }
        cr_assert_eq(restore_sets_discard(world.path, &err), ERR_OK, "%s", err.message);
    }
    cr_assert(restored > 0 && restored < ROUNDS, "kills fell before and after the exchange: %u restored", restored);
    buf_fini(&backup);
    world_sweep(&world);
}

/* SQLite's own backup API
 * ------------------------------------------------------------------------------------------------- */

static void copy_all(sqlite3 *to, sqlite3 *from, int pages)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    cr_assert_not_null(backup, "%s", sqlite3_errmsg(to));
    int rc = SQLITE_OK;
    while (rc == SQLITE_OK) {
        rc = sqlite3_backup_step(backup, pages);
    }
    cr_assert_eq(rc, SQLITE_DONE, "%s", sqlite3_errstr(rc));
    cr_assert_eq(sqlite3_backup_finish(backup), SQLITE_OK);
}

Test(restore, sqlite_backs_up_from_a_vault_and_into_a_vault)
{
    struct world world;
    struct world other;
    struct error err;
    sqlite3 *memory = NULL;
    int reserve = 32;
    filled_world(&world, 700);
    cr_assert_eq(sqlite3_open(":memory:", &memory), SQLITE_OK);
    cr_assert_eq(sqlite3_file_control(memory, "main", SQLITE_FCNTL_RESERVE_BYTES, &reserve), SQLITE_OK);
    copy_all(memory, world.db, 7);
    cr_assert_eq(sql_number(memory, "SELECT count(*) FROM t"), 700);
    sql(memory, "DELETE FROM t WHERE a<=100");
    filled_world(&other, 3);
    copy_all(other.db, memory, 5);
    cr_assert_eq(sql_number(other.db, "SELECT count(*) FROM t"), 600);
    world_shut(&other);
    cr_assert_eq(world_try(&other, &err), ERR_OK, "%s", err.message);
    copy_all(other.db, world.db, 3);
    cr_assert_eq(sql_number(other.db, "SELECT count(*) FROM t"), 700, "from one vault into another");
    integrity_ok(other.db);
    cr_assert_eq(sqlite3_close(memory), SQLITE_OK);
    world_sweep(&world);
    world_sweep(&other);
}
