/* A look at everything that the vault has on the disk, and what becomes of files that are damaged or put back. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/support/site.h"
#include "tests/support/wait.h"

#define STEP_MS 40000

static struct world world;
static struct laptop *laptop;

static void setup(void)
{
    laptop = site_begin(&world, &(struct site_register){ "GDN", 3, 100, 90, true });
}

static void teardown(void)
{
    world_fini(&world);
}

TestSuite(vault_check, .init = setup, .fini = teardown, .timeout = 120);

static const char *in_state(const char *name)
{
    static char paths[2][FOLDER_PATH_SIZE];
    static unsigned turn;
    char *path = paths[turn++ % 2];
    (void)snprintf(path, FOLDER_PATH_SIZE, "%.200s/%.40s", laptop->dir, name);
    return path;
}

static void change_byte(const char *path, long at)
{
    FILE *file = fopen(path, "r+b");
    cr_assert_not_null(file, "open '%s'", path);
    cr_assert_eq(fseek(file, at, SEEK_SET), 0);
    int byte = fgetc(file);
    cr_assert_eq(fseek(file, at, SEEK_SET), 0);
    cr_assert_neq(fputc(byte ^ 1, file), EOF);
    cr_assert_eq(fclose(file), 0);
}

/* The agent, with its replica closed and its key file out of reach. */
static void start_locked(void)
{
    laptop_start_any(laptop);
    (void)laptop_do(laptop, EXIT_DONE, "lock", NULL);
}

Test(vault_check, finds_nothing_in_a_replica_that_is_in_use)
{
    json_t *answer = laptop_do(laptop, EXIT_DONE, "verify", "--vault", NULL);
    cr_assert_str_eq(text_at(answer, "last.result"), "ok");
    cr_assert_gt(number_at(answer, "last.pages"), 20);
    cr_assert_eq(number_at(answer, "last.damages"), 0);
    (void)laptop_do(laptop, EXIT_DONE, "rebuild", NULL);
    (void)laptop_do(laptop, EXIT_DONE, "verify", "--vault", NULL);
}

Test(vault_check, names_each_damaged_page_also_of_a_locked_replica)
{
    laptop_stop(laptop);
    change_byte(in_state("replica.db"), 10 * 4096 + 5);
    change_byte(in_state("replica.db"), 12 * 4096 + 4090);
    start_locked();
    json_t *answer = laptop_do(laptop, EXIT_REFUSED, "verify", "--vault", NULL);
    cr_assert_str_eq(text_at(answer, "last.result"), "damaged");
    cr_assert_eq(number_at(answer, "last.damages"), 2);
    cr_assert_eq(number_at(answer, "last.findings.0.number"), 11);
    cr_assert_eq(number_at(answer, "last.findings.1.number"), 13);
    cr_assert(text_holds(answer, "last.findings.0.message", "page 11 of"));
}

Test(vault_check, names_an_old_page_put_back)
{
    struct error err;
    struct buf before;
    buf_init(&before, (size_t)64 * 1024 * 1024);
    laptop_stop(laptop);
    cr_assert_eq(file_read(in_state("replica.db"), &before, &err), ERR_OK, "%s", err.message);
    laptop_start(laptop);
    char session[SITE_TEXT_SIZE];
    session_name("GDN", 1, 3, session);
    site_attend(laptop, session, "attended", NULL);
    laptop_stop(laptop);
    /* every page of then in its place, where there are still pages */
    FILE *file = fopen(in_state("replica.db"), "r+b");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(before.data, 1, before.len, file), before.len);
    cr_assert_eq(fclose(file), 0);
    start_locked();
    json_t *answer = laptop_do(laptop, EXIT_REFUSED, "verify", "--vault", NULL);
    cr_assert_gt(number_at(answer, "last.damages"), 0);
    cr_assert(text_holds(answer, "last.findings.0.message", "not the present version"));
    buf_fini(&before);
}

Test(vault_check, files_without_their_list_are_accepted_on_the_word_of_a_person_only)
{
    laptop_stop(laptop);
    cr_assert_eq(unlink(in_state("replica.db.fresh")), 0);
    laptop_start_any(laptop);
    cr_assert_str_eq(text_at(laptop_status(laptop), "vault"), "locked");
    cr_assert(text_holds(laptop_status(laptop), "message", "it is gone"));
    (void)laptop_do(laptop, EXIT_REFUSED, "accept", NULL);
    cr_assert_str_eq(text_at(laptop_status(laptop), "vault"), "locked");
    (void)laptop_do(laptop, EXIT_DONE, "accept", "--yes", NULL);
    cr_assert_str_eq(text_at(laptop_status(laptop), "vault"), "open");
    (void)laptop_do(laptop, EXIT_DONE, "verify", "--vault", NULL);
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
    laptop_stop(laptop);
    laptop_start(laptop); /* and from then on it opens by itself */
}

Test(vault_check, a_damaged_replica_is_put_aside_for_a_backup)
{
    char file[FOLDER_PATH_SIZE];
    (void)snprintf(file, sizeof(file), "%.200s/garden.hfb", world.folder);
    (void)laptop_do(laptop, EXIT_DONE, "backup", file, NULL);
    char session[SITE_TEXT_SIZE];
    session_name("GDN", 2, 3, session);
    site_attend(laptop, session, "attended", NULL);
    laptop_wait_synchronised(laptop, STEP_MS);
    laptop_stop(laptop);
    change_byte(in_state("replica.db"), 5); /* not even its first page opens */
    laptop_start_any(laptop);
    (void)laptop_do(laptop, EXIT_DONE, "restore", file, "--replace", "--yes", NULL);
    laptop_wait_text(laptop, "vault", "open", STEP_MS);
    laptop_wait_number(laptop, "records.attendance", 271, STEP_MS);
    laptop_wait_synchronised(laptop, STEP_MS);
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
}
