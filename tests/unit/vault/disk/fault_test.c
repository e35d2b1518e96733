#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "calls.h"
#include "tape.h"
#include "work.h"

/*
 * Each system call on a file of the vault fails once, or from there on: what was promised is there, a failure of the
 * disk is never called damage or a wrong key, and no file is left open.
 */

TestSuite(vault_calls, .timeout = 570);

static unsigned open_files(void)
{
    unsigned count = 0;
    DIR *entries = opendir("/proc/self/fd");
    cr_assert_not_null(entries);
    while (readdir(entries) != NULL) {
        count++;
    }
    cr_assert_eq(closedir(entries), 0);
    return count;
}

/* Is this the truth about a call that failed with `error`? SQLite itself calls a file corrupt that the disk cannot
 * read. */
static bool honest(const struct work *work, int error)
{
    enum err_code code = work->code;
    if (work->damage_named) {
        return false;
    }
    if (code == ERR_CONFLICT) {
        return true; /* a name that nobody can look at may be taken */
    }
    return (error == EIO && code == ERR_DAMAGED && strstr(work->err.message, "disk image is malformed") != NULL) ||
           code == ERR_OK || code == ERR_IO || code == ERR_BUSY || code == ERR_DATABASE ||
           (error == ENOSPC && code == ERR_DISK_FULL) || (error == EROFS && code == ERR_READ_ONLY) ||
           (error == ENOMEM && code == ERR_NO_MEMORY);
}

static void fail_each_call(bool for_good, int error, unsigned stride)
{
    unsigned files = open_files();
    for (long n = 1;; n += stride) {
        struct work work;
        work_begin(&work);
        struct tape *tape = tape_start(work.world.folder);
        calls_reset();
        calls.fail_at = n;
        calls.error = error;
        calls.for_good = for_good;

        bool done = work_do(&work);

        bool failed = calls.failed;
        calls_reset();
        tape_stop(tape);
        tape_free(tape);
        cr_assert(honest(&work, error), "after failing call %ld: %s", n, work.err.message);
        cr_assert_eq(open_files(), files, "after failing call %ld a file is left open", n);
        work_judge(&work, "after failing call", n);
        if (!failed) {
            cr_assert(done);
            cr_assert_gt(n, 300);
            return;
        }
    }
}

Test(vault_calls, that_fail_once_lose_nothing)
{
    fail_each_call(false, EIO, 1);
}

Test(vault_calls, that_fail_from_one_on_lose_nothing)
{
    fail_each_call(true, EIO, 2);
}

Test(vault_calls, on_a_disk_that_fills_up_lose_nothing)
{
    fail_each_call(true, ENOSPC, 5);
}

/* A name that cannot be looked at is not a name that is free. */
Test(vault_calls, that_fail_never_make_a_vault_over_another)
{
    struct world world;
    struct error err;
    world_make(&world);
    world_open(&world);
    sql(world.db, "CREATE TABLE t(a); INSERT INTO t VALUES(7)");
    world_shut(&world);
    for (long n = 0; n < 20; n++) {
        struct tape *tape = tape_start(world.folder);
        calls_reset();
        calls.fail_at = 1 + n / 2;
        calls.error = EIO;
        calls.for_good = n % 2 == 0;
        enum err_code rc = vault_create(world.path, &WORLD_UNLOCK, &err);
        bool failed = calls.failed;
        calls_reset();
        tape_stop(tape);
        tape_free(tape);
        cr_assert_neq(rc, ERR_OK, "after failing call %ld", n);
        cr_assert(failed || rc == ERR_CONFLICT);
        world_open(&world);
        cr_assert_eq(sql_number(world.db, "SELECT a FROM t"), 7);
        world_shut(&world);
    }
    world_fini(&world);
}
