#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "crypto/vault/restore.h"
#include "support.h"

/* tests/vectors/backup.py knows the format from its description alone, and has a cipher of its own. */

TestSuite(backup_vectors, .timeout = 120);

static void vector_path(const char *name, char out[512])
{
    const char *folder = getenv("VECTORS_DIR");
    cr_assert_not_null(folder, "VECTORS_DIR names tests/vectors");
    (void)snprintf(out, 512, "%s/%s", folder, name);
}

static void load(const char *path, struct buf *out)
{
    struct error err;
    buf_init(out, BACKUP_MEMORY_MAX);
    cr_assert_eq(file_read(path, out, &err), ERR_OK, "%s", err.message);
}

Test(backup_vectors, a_backup_that_another_program_made_is_read_and_restored)
{
    struct world world;
    struct buf backup;
    struct error err;
    char path[512];
    char kept[RESTORE_SET_SIZE];
    vector_path("backup.hfb", path);
    load(path, &backup);
    world_folder(&world);
    sqlite3 *plain = backup_open_plain(&world, &backup);
    integrity_ok(plain);
    cr_assert_eq(sql_number(plain, "SELECT sum(length(b)) FROM t"), 6192);
    cr_assert_eq(sqlite3_close(plain), SQLITE_OK);

    struct backup_reader *reader;
    struct restore *restore;
    size_t head = backup_head_of(&backup);
    cr_assert_eq(backup_read_begin(slice_of(backup.data, head), &reader, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(backup_read_unlock(reader, &WORLD_UNLOCK, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(restore_begin(world.path, reader, 0, 1, &restore, &err), ERR_OK, "%s", err.message);
    struct slice rest = slice_of(backup.data + head, backup.len - head);
    cr_assert_eq(backup_read_take(reader, rest, restore_page, restore, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(restore_seal(restore, &err), ERR_OK, "%s", err.message);
    restore_keep(restore);
    restore_free(restore);
    backup_read_free(reader);
    cr_assert_eq(restore_swap(world.path, 1, kept, &err), ERR_OK, "%s", err.message);
    world_open(&world);
    cr_assert_eq(sql_number(world.db, "SELECT sum(length(b)) FROM t"), 6192);
    buf_fini(&backup);
    world_sweep(&world);
}

/* Its exit status; 127: there is no Python here. */
static int run_reader(const char *script, const char *backup, const char *key, const char *out)
{
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        (void)execlp("python3", "python3", script, "read", backup, key, out, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

Test(backup_vectors, a_backup_of_ours_is_read_by_another_program_that_refuses_it_changed)
{
    struct world world;
    struct buf backup;
    struct error err;
    char script[512];
    char file[128];
    char key[128];
    char out[128];
    vector_path("backup.py", script);
    filled_world(&world, 90);
    backup_make(world.vault, &backup);
    (void)snprintf(file, sizeof(file), "%s.hfb", world.path);
    (void)snprintf(key, sizeof(key), "%s.key", world.path);
    (void)snprintf(out, sizeof(out), "%s.plain", world.path);
    cr_assert_eq(file_replace(file, buf_slice(&backup), 0600, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(file_replace(key, slice_of(WORLD_KEY, sizeof(WORLD_KEY)), 0600, &err), ERR_OK, "%s", err.message);
    int status = run_reader(script, file, key, out);
    if (status == 127) {
        buf_fini(&backup);
        world_sweep(&world);
        cr_skip_test("there is no python3 here");
    }
    cr_assert_eq(status, 0);
    sqlite3 *plain = NULL;
    cr_assert_eq(sqlite3_open_v2(out, &plain, SQLITE_OPEN_READWRITE, "unix-excl"), SQLITE_OK);
    integrity_ok(plain);
    cr_assert_eq(sql_number(plain, "SELECT count(*) FROM t WHERE b='row ' || a || hex(zeroblob(200))"), 90);
    cr_assert_eq(sqlite3_close(plain), SQLITE_OK);
    backup.data[backup.len - 3] ^= 1;
    cr_assert_eq(file_replace(file, buf_slice(&backup), 0600, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(run_reader(script, file, key, out), 1, "the other program looks at the end, too");
    buf_fini(&backup);
    world_sweep(&world);
}
