/* The system's sqlite3 shell over a replica, for support. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/site.h"
#include "tests/support/wait.h"

#define PASSPHRASE "correct horse battery"
#define NOTE "the quiet heron came twice"
#define SHELL "/usr/bin/sqlite3"
#define NOT_INSTALLED "the system has no sqlite3 shell"

static struct world world;
static struct laptop *laptop;
static char copies[FOLDER_PATH_SIZE]; /* TMPDIR of the shell */

/* A replica with a record that is in the log only: the agent was killed. */
static void setup(void)
{
    char session[SITE_TEXT_SIZE];
    char passphrase[FOLDER_PATH_SIZE];
    world_init(&world);
    centre_make(&world);
    centre_add_site(&world.centre, "Greenfield Trust", "Garden");
    laptop = laptop_make(&world, "laptop", false);
    (void)laptop_tell(laptop, EXIT_DONE, PASSPHRASE "\n", "unlock", "--new", NULL);
    laptop_enrol(laptop, "Garden", world.centre.port);
    site_import_people(laptop, "GDN", 3);
    session_name("GDN", 1, 1, session);
    site_attend(laptop, session, "absent", NOTE);
    (void)world_file(&world, "passphrase", PASSPHRASE "\n", passphrase);
    (void)snprintf(copies, sizeof(copies), "%.200s/copies", world.folder);
    cr_assert_eq(chmod(passphrase, 0600), 0);
    cr_assert_eq(mkdir(copies, 0700), 0);
    cr_assert_eq(setenv("HOLDFAST_PASSPHRASE_FILE", passphrase, 1), 0);
    cr_assert_eq(setenv("TMPDIR", copies, 1), 0);
}

static void teardown(void)
{
    world_fini(&world);
}

TestSuite(sqlite_shell, .init = setup, .fini = teardown, .timeout = 120);

/* What it prints and complains of, together. */
static void ask_shell(const char *sql, struct process_result *ret_result)
{
    char load[FOLDER_PATH_SIZE + 32];
    char open[FOLDER_PATH_SIZE + 64];
    (void)snprintf(load, sizeof(load), ".load %s", SHELL_EXTENSION_FILE);
    (void)snprintf(open, sizeof(open), ".open file:%s/replica.db?vfs=holdfast&mode=ro", laptop->dir);
    const char *argv[] = { SHELL, "-batch", "-bail", "-cmd", load, "-cmd", open, ":memory:", sql, NULL };
    process_try(argv, slice_of_text(""), WORLD_STEP_MS, ret_result);
}

static bool says(const struct buf *text, const char *what)
{
    return text->len > 0 && memmem(text->data, text->len, what, strlen(what)) != NULL;
}

static void assert_says(const char *sql, const char *out, const char *err)
{
    struct process_result result;
    ask_shell(sql, &result);
    cr_assert(out == NULL || says(&result.out, out), "%.*s / %.*s", (int)result.out.len, (const char *)result.out.data,
              (int)result.err.len, (const char *)result.err.data);
    cr_assert(err == NULL || says(&result.err, err), "%.*s / %.*s", (int)result.out.len, (const char *)result.out.data,
              (int)result.err.len, (const char *)result.err.data);
    process_result_fini(&result);
}

static size_t files_in(const char *path)
{
    size_t count = 0;
    DIR *dir = opendir(path);
    cr_assert_not_null(dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        count += entry->d_name[0] != '.';
    }
    (void)closedir(dir);
    return count;
}

static void load_parts(struct buf parts[3])
{
    static const char *const names[] = { "replica.db", "replica.db-wal", "replica.db.keys" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[FOLDER_PATH_SIZE + 32];
        (void)snprintf(path, sizeof(path), "%s/%s", laptop->dir, names[i]);
        file_load(path, &parts[i]);
    }
}

Test(sqlite_shell, reads_a_replica_with_its_log_and_leaves_it_and_nothing_else_behind)
{
    struct buf before[3];
    struct buf after[3];
    if (access(SHELL, X_OK) != 0) {
        cr_skip_test(NOT_INSTALLED);
    }
    laptop_kill(laptop);
    load_parts(before);
    size_t files = files_in(laptop->dir);
    assert_says("SELECT count(*) || ' people' FROM participant; PRAGMA integrity_check;", "3 people\nok\n", NULL);
    assert_says("SELECT 'note' FROM op WHERE instr(body, CAST('" NOTE "' AS BLOB)) > 0;", "note\n", NULL);
    load_parts(after);
    for (size_t i = 0; i < ARRAY_LEN(before); i++) {
        cr_assert(slice_equal(buf_slice(&before[i]), buf_slice(&after[i])));
        buf_fini(&before[i]);
        buf_fini(&after[i]);
    }
    cr_assert_eq(files_in(laptop->dir), files);
    cr_assert_eq(files_in(copies), (size_t)0);
    laptop_start_any(laptop);
    (void)laptop_tell(laptop, EXIT_DONE, PASSPHRASE "\n", "unlock", NULL);
}

Test(sqlite_shell, is_refused_while_the_agent_has_the_replica_open_and_served_while_it_is_locked)
{
    if (access(SHELL, X_OK) != 0) {
        cr_skip_test(NOT_INSTALLED);
    }
    assert_says("SELECT 1;", NULL, "an agent has it open; lock it first with 'holdfast lock'");
    (void)laptop_do(laptop, EXIT_DONE, "lock", NULL);
    assert_says("SELECT count(*) || ' people' FROM participant;", "3 people\n", NULL);
    (void)laptop_tell(laptop, EXIT_DONE, PASSPHRASE "\n", "unlock", NULL);
}

Test(sqlite_shell, cannot_write)
{
    if (access(SHELL, X_OK) != 0) {
        cr_skip_test(NOT_INSTALLED);
    }
    (void)laptop_do(laptop, EXIT_DONE, "lock", NULL);
    assert_says("DELETE FROM flag;", NULL, "attempt to write a readonly database");
    assert_says("CREATE TABLE mine (a);", NULL, "attempt to write a readonly database");
}

Test(sqlite_shell, sorts_over_temporary_files_that_nobody_can_read)
{
    if (access(SHELL, X_OK) != 0) {
        cr_skip_test(NOT_INSTALLED);
    }
    (void)laptop_do(laptop, EXIT_DONE, "lock", NULL);
    assert_says("PRAGMA cache_size=10; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) "
                "SELECT count(*) FROM (SELECT i, hex(randomblob(20)) AS r FROM n ORDER BY r);",
                "60000\n", NULL);
}

Test(sqlite_shell, refuses_a_wrong_passphrase_and_a_file_that_others_may_read)
{
    char path[FOLDER_PATH_SIZE];
    if (access(SHELL, X_OK) != 0) {
        cr_skip_test(NOT_INSTALLED);
    }
    (void)laptop_do(laptop, EXIT_DONE, "lock", NULL);
    (void)world_file(&world, "wrong", "incorrect horse battery\n", path);
    cr_assert_eq(setenv("HOLDFAST_PASSPHRASE_FILE", path, 1), 0);
    cr_assert_eq(chmod(path, 0644), 0);
    assert_says("SELECT 1;", NULL, "others may read it");
    cr_assert_eq(chmod(path, 0600), 0);
    assert_says("SELECT 1;", NULL, "this is not its passphrase");
    cr_assert_eq(files_in(copies), (size_t)0);
}
