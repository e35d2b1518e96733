/* A centre that comes back from its backup, or that is gone: what its operator does, and that nothing is lost. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/site.h"

#define SYNC_MS 40000

static struct world world;
static struct laptop *laptop;
static char backup[FOLDER_PATH_SIZE];

static void setup(void)
{
    world_init(&world);
    centre_make(&world);
    centre_add_site(&world.centre, "Greenfield Trust", "Garden");
    laptop = laptop_make(&world, "laptop", true);
    laptop_enrol(laptop, "Garden", world.centre.port);
    site_import_people(laptop, "GDN", 3);
    (void)site_import_register(laptop, &(struct site_register){ "GDN", 3, 30, 10, false });
    laptop_wait_synchronised(laptop, SYNC_MS);
    (void)snprintf(backup, sizeof(backup), "%.200s/backup", world.folder);
}

static void teardown(void)
{
    world_fini(&world);
}

TestSuite(centre_loss, .init = setup, .fini = teardown, .timeout = 120);

/* ---- its backup ---- */

static bool copy_one(const char *from, const char *to, const char *name)
{
    char source[FOLDER_PATH_SIZE];
    char target[FOLDER_PATH_SIZE];
    (void)snprintf(source, sizeof(source), "%.200s/%s", from, name);
    (void)snprintf(target, sizeof(target), "%.200s/%s", to, name);
    if (access(source, F_OK) != 0) {
        return false;
    }
    file_copy(source, target);
    cr_assert_eq(chmod(target, 0600), 0);
    return true;
}

/* What holdfast-endpoint(8) says is to be copied while it is stopped, and nothing else. */
static void copy_documented(const char *from, const char *to, bool with_fresh)
{
    cr_assert_eq(mkdir(to, 0700), 0);
    cr_assert(copy_one(from, to, "centre.db"));
    cr_assert(copy_one(from, to, "centre.db.keys"));
    cr_assert(copy_one(from, to, "vault.key"));
    (void)copy_one(from, to, "centre.db.keys.prev");
    (void)copy_one(from, to, "centre.db-wal");
    cr_assert(!with_fresh || copy_one(from, to, "centre.db.fresh"));
}

static void put_back(bool with_fresh)
{
    centre_stop(&world.centre);
    copy_documented(world.centre.dir, backup, with_fresh);
    folder_remove(world.centre.dir);
    copy_documented(backup, world.centre.dir, with_fresh);
}

static void goes_on(void)
{
    char session[SITE_TEXT_SIZE];
    session_name("GDN", 1, 1, session);
    site_attend(laptop, session, "attended", NULL);
    laptop_wait_synchronised(laptop, SYNC_MS);
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
    json_t *log = centre_do(&world.centre, EXIT_DONE, "log", "--kind", "attendance", "--limit", "1000", NULL);
    cr_assert_eq(json_array_size(json_at(log, "entries")), 31);
}

Test(centre_loss, the_files_that_the_manual_names_are_a_whole_backup)
{
    put_back(true);
    centre_start(&world.centre);
    goes_on();
    cr_assert_eq(json_array_size(json_at(centre_do(&world.centre, EXIT_DONE, "incidents", NULL), "incidents")), 0);
}

static void refuses_to_start(const char *words)
{
    struct process_result result;
    const char *argv[] = { program_centre, "--state-dir", world.centre.dir, "--listen", "127.0.0.1:0", NULL };
    process_try(argv, slice_of_text(""), WORLD_STEP_MS, &result);
    cr_assert_eq(result.exit_status, 1);
    cr_assert(buf_append(&result.err, "", 1, NULL) == ERR_OK);
    cr_assert_not_null(strstr((const char *)result.err.data, words), "%s", (const char *)result.err.data);
    process_result_fini(&result);
}

Test(centre_loss, a_backup_that_lacks_the_list_of_present_pages_is_used_on_a_persons_word)
{
    put_back(false);
    refuses_to_start("holdfast-endpointctl accept");
    (void)centre_do(&world.centre, EXIT_REFUSED, "accept", NULL);
    refuses_to_start("holdfast-endpointctl accept");
    (void)centre_do(&world.centre, EXIT_DONE, "accept", "--yes", NULL);
    centre_start(&world.centre);
    (void)centre_do(&world.centre, EXIT_REFUSED, "accept", "--yes", NULL); /* while it runs */
    goes_on();
    json_t *incidents = json_at(centre_do(&world.centre, EXIT_DONE, "incidents", NULL), "incidents");
    cr_assert_eq(json_array_size(incidents), 1);
    cr_assert(text_holds(incidents, "0.what", "taken for the present ones"));
}
