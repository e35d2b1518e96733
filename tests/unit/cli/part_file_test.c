#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/part_file.h"

/* The file of a backup on a person's disk: all of it under its name, or nothing. */

static char folder[64];
static char path[128];
static char part[160];

static void setup(void)
{
    (void)snprintf(folder, sizeof(folder), "/tmp/holdfast-backup-file-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/garden.hfb", folder);
    (void)snprintf(part, sizeof(part), "%s.part", path);
}

static void teardown(void)
{
    (void)unlink(path);
    (void)unlink(part);
    cr_assert_eq(rmdir(folder), 0, "nothing else was left");
}

TestSuite(part_file, .init = setup, .fini = teardown);

static bool holds(const char *name, const char *text)
{
    struct buf found;
    buf_init(&found, 100);
    bool same = file_read(name, &found, NULL) == ERR_OK && slice_equal(buf_slice(&found), slice_of_text(text));
    buf_fini(&found);
    return same;
}

static void write_file(const char *name, const char *text)
{
    struct error err;
    cr_assert_eq(file_replace(name, slice_of_text(text), 0644, &err), ERR_OK, "%s", err.message);
}

static enum err_code write_backup(const char *text, bool replace, bool keep, struct error *err)
{
    SCOPED(part_file_drop) struct part_file file = { .fd = -1 };
    TRY(part_file_begin(&file, path, replace, err));
    TRY(part_file_put(&file, slice_of_text(text), err));
    return keep ? part_file_keep(&file, err) : ERR_OK;
}

Test(part_file, has_its_name_when_it_is_complete_and_is_its_owners_alone)
{
    struct error err;
    struct part_file file;
    struct stat about;
    cr_assert_eq(part_file_begin(&file, path, false, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(part_file_put(&file, slice_of_text("one "), &err), ERR_OK, "%s", err.message);
    cr_assert_eq(part_file_put(&file, slice_of_text("two"), &err), ERR_OK, "%s", err.message);
    cr_assert_not(file_exists(path));
    cr_assert_eq(part_file_keep(&file, &err), ERR_OK, "%s", err.message);
    part_file_drop(&file);
    cr_assert(holds(path, "one two"));
    cr_assert_not(file_exists(part));
    cr_assert_eq(stat(path, &about), 0);
    cr_assert_eq(about.st_mode & 0777, 0600);
}

Test(part_file, that_is_given_up_leaves_nothing)
{
    struct error err;
    cr_assert_eq(write_backup("half", false, false, &err), ERR_OK, "%s", err.message);
    cr_assert_not(file_exists(path));
    cr_assert_not(file_exists(part));
}

Test(part_file, replaces_another_only_when_told_to)
{
    struct error err;
    write_file(path, "before");
    cr_assert_eq(write_backup("after", false, true, &err), ERR_CONFLICT);
    cr_assert(holds(path, "before"));
    cr_assert_eq(write_backup("half", true, false, &err), ERR_OK, "%s", err.message);
    cr_assert(holds(path, "before"), "it stays until the new one is complete");
    cr_assert_eq(write_backup("after", true, true, &err), ERR_OK, "%s", err.message);
    cr_assert(holds(path, "after"));
}

Test(part_file, does_not_replace_one_that_appeared_meanwhile)
{
    struct error err;
    struct part_file file;
    cr_assert_eq(part_file_begin(&file, path, false, &err), ERR_OK, "%s", err.message);
    write_file(path, "of somebody else");
    cr_assert_eq(part_file_keep(&file, &err), ERR_CONFLICT);
    part_file_drop(&file);
    cr_assert(holds(path, "of somebody else"));
}

Test(part_file, takes_over_what_a_kill_left_behind_and_not_what_is_being_written)
{
    struct error err;
    struct part_file file;
    write_file(part, "left behind, and longer than what follows");
    cr_assert_eq(part_file_begin(&file, path, false, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(write_backup("two at a time", false, true, &err), ERR_CONFLICT);
    cr_assert_eq(part_file_put(&file, slice_of_text("new"), &err), ERR_OK, "%s", err.message);
    cr_assert_eq(part_file_keep(&file, &err), ERR_OK, "%s", err.message);
    part_file_drop(&file);
    cr_assert(holds(path, "new"));
}

Test(part_file, is_never_written_through_something_that_is_no_file)
{
    struct error err;
    char elsewhere[160];
    (void)snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", folder);
    cr_assert_eq(symlink(elsewhere, part), 0);
    cr_assert_neq(write_backup("x", true, true, &err), ERR_OK);
    cr_assert_not(file_exists(elsewhere));
    cr_assert_eq(unlink(part), 0);
    cr_assert_eq(mkfifo(part, 0600), 0);
    cr_assert_neq(write_backup("x", true, true, &err), ERR_OK, "and nobody waits for a reader of it");
    cr_assert_eq(unlink(part), 0);
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_eq(write_backup("x", true, true, &err), ERR_INVALID);
    cr_assert_eq(rmdir(path), 0);
}
