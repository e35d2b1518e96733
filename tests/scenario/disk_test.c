/*
 * Disks that are full or cannot be written: small ones of the test's own, mounted over the state folders.
 *
 * A disk that is being written cannot be made read-only under a running program, so that is tried at its start.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/namespace.h"
#include "tests/support/site.h"
#include "tests/support/wait.h"

#define MIB ((size_t)1024 * 1024)
#define SYNC_MS 40000
#define TRIES 400

static struct world world;
static struct laptop *laptop;
static bool may_mount;
static char why[160];
static char laptop_disk[FOLDER_PATH_SIZE];
static char centre_disk[FOLDER_PATH_SIZE];

/* Criterion skips without the teardown: what is not allowed to mount begins nothing. */
static void setup(void)
{
    may_mount = namespace_enter(why, sizeof(why));
    if (!may_mount) {
        return;
    }
    world_init(&world);
    (void)snprintf(laptop_disk, sizeof(laptop_disk), "%.200s/laptop", world.folder);
    (void)snprintf(centre_disk, sizeof(centre_disk), "%.200s/centre", world.folder);
    namespace_mount_disk(laptop_disk, 8 * MIB);
    namespace_mount_disk(centre_disk, 8 * MIB);
    centre_make(&world);
    centre_add_site(&world.centre, "Greenfield Trust", "Garden");
    laptop = laptop_make(&world, "laptop", true);
    laptop_enrol(laptop, "Garden", world.centre.port);
    site_import_people(laptop, "GDN", 20);
    laptop_wait_synchronised(laptop, SYNC_MS);
}

static void teardown(void)
{
    if (laptop != NULL && laptop->process.pid != 0) {
        laptop_stop(laptop);
    }
    if (world.centre.process.pid != 0) {
        centre_stop(&world.centre);
    }
    namespace_unmount(laptop_disk);
    namespace_unmount(centre_disk);
    world_fini(&world);
}

TestSuite(disk, .init = setup, .fini = teardown, .timeout = 150);

#define NEEDS_MOUNTS()                                                                                                 \
    do {                                                                                                               \
        if (!may_mount) {                                                                                              \
            cr_skip_test("no disks of its own: %s", why);                                                              \
        }                                                                                                              \
    } while (0)

static void filler_of(const char *disk, char ret_path[FOLDER_PATH_SIZE])
{
    (void)snprintf(ret_path, FOLDER_PATH_SIZE, "%.200s/filler", disk);
}

/* To the last byte. */
static void fill(const char *disk)
{
    static const char block[4096];
    char path[FOLDER_PATH_SIZE];
    filler_of(disk, path);
    SCOPED(scoped_close) int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    size_t size = sizeof(block);
    while (size > 0) {
        if (write(fd, block, size) < 0) {
            cr_assert_eq(errno, ENOSPC);
            size /= 2;
        }
    }
}

static void make_room(const char *disk)
{
    char path[FOLDER_PATH_SIZE];
    filler_of(disk, path);
    cr_assert_eq(unlink(path), 0);
}

/* Over the socket, until one is refused; how many were acknowledged before. */
static int record_until_refused(void)
{
    for (int i = 0; i < TRIES; i++) {
        char session[SITE_TEXT_SIZE];
        struct process_result result;
        session_name("GDN", 1 + i % 20, 1 + i / 20, session);
        const char *argv[] = { program_cli, "attend", session, "attended", "--socket", laptop->socket, "--json", NULL };
        process_try(argv, slice_of_text(""), WORLD_STEP_MS, &result);
        bool full = result.exit_status == EXIT_REFUSED &&
                    memmem(result.out.data, result.out.len, "disk_full", strlen("disk_full")) != NULL;
        int exit_status = result.exit_status;
        process_result_fini(&result);
        if (full) {
            return i;
        }
        cr_assert_eq(exit_status, EXIT_DONE);
    }
    cr_assert_fail("the full disk took %d records", TRIES);
    return -1;
}

static json_int_t attendance(void)
{
    return number_at(laptop_status(laptop), "records.attendance");
}

Test(disk, a_full_disk_is_said_loses_nothing_and_recording_goes_on_when_there_is_room)
{
    NEEDS_MOUNTS();
    char session[SITE_TEXT_SIZE];
    fill(laptop_disk);
    int acknowledged = record_until_refused();
    json_t *status = laptop_status(laptop);
    cr_assert_str_eq(text_at(status, "state"), "attention");
    cr_assert(text_holds(status, "message", "make room"), "%s", text_at(status, "message"));
    cr_assert_eq(number_at(status, "records.attendance"), acknowledged);
    make_room(laptop_disk);
    session_name("GDN", 1, 200, session);
    site_attend(laptop, session, "late", NULL);
    laptop_wait_synchronised(laptop, SYNC_MS);
    cr_assert_eq(attendance(), acknowledged + 1);
    laptop_stop(laptop);
    laptop_start(laptop);
    cr_assert_eq(attendance(), acknowledged + 1);
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
}

Test(disk, an_agent_that_dies_on_a_full_disk_comes_back_with_everything)
{
    NEEDS_MOUNTS();
    fill(laptop_disk);
    int acknowledged = record_until_refused();
    laptop_kill(laptop);
    laptop_start_any(laptop); /* still full: open or locked with a cause, never empty */
    json_t *status = laptop_status(laptop);
    if (strcmp(text_at(status, "vault"), "open") == 0) {
        cr_assert_eq(number_at(status, "records.attendance"), acknowledged);
    } else {
        cr_assert_gt(strlen(text_at(status, "message")), 10);
    }
    laptop_stop(laptop);
    make_room(laptop_disk);
    laptop_start(laptop);
    cr_assert_eq(attendance(), acknowledged);
    laptop_wait_synchronised(laptop, SYNC_MS);
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
}

Test(disk, an_import_that_does_not_fit_leaves_nothing_behind)
{
    NEEDS_MOUNTS();
    char path[FOLDER_PATH_SIZE];
    json_int_t ops = number_at(laptop_status(laptop), "records.op");
    struct site_register much = { "GDN", 20, 300, 100, true };
    fill(laptop_disk);
    site_register_file(laptop, &much, path);
    json_t *answer = laptop_do(laptop, EXIT_REFUSED, "import", "--kind", "register", path, NULL);
    cr_assert_str_eq(text_at(answer, "error.code"), "disk_full");
    cr_assert_eq(number_at(laptop_status(laptop), "records.op"), ops);
    make_room(laptop_disk);
    answer = laptop_do(laptop, EXIT_DONE, "import", "--kind", "register", path, NULL);
    cr_assert_eq(number_at(answer, "added"), 2000);
    laptop_wait_synchronised(laptop, SYNC_MS);
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
}

Test(disk, what_the_centre_sends_to_a_full_disk_comes_again)
{
    NEEDS_MOUNTS();
    char session[SITE_TEXT_SIZE];
    fill(laptop_disk);
    (void)record_until_refused();
    (void)laptop_do(laptop, EXIT_REFUSED, "sync", "--wait", "--timeout", "30", NULL);
    (void)centre_do(&world.centre, EXIT_DONE, "referral", "new", "--site", "Garden", "--participant", "GDN-777",
                    "--name", "Invented Person", "--ref", "R-777", "--route", "mir", "--basis", "mandatory", NULL);
    (void)laptop_do(laptop, EXIT_REFUSED, "sync", "--wait", "--timeout", "30", NULL);
    json_t *status = laptop_status(laptop);
    cr_assert_str_eq(text_at(status, "last_exchange.result"), "disk_full");
    cr_assert_str_eq(text_at(status, "state"), "attention");
    cr_assert_eq(number_at(status, "records.referral"), 0);
    make_room(laptop_disk);
    session_name("GDN", 1, 200, session);
    site_attend(laptop, session, "late", NULL); /* the disk takes it: so there is room for the centre's words too */
    laptop_wait_synchronised(laptop, SYNC_MS);
    cr_assert_eq(number_at(laptop_status(laptop), "records.referral"), 1);
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
}

Test(disk, a_full_disk_at_the_centre_only_makes_the_laptops_wait)
{
    NEEDS_MOUNTS();
    fill(centre_disk);
    (void)site_import_register(laptop, &(struct site_register){ "GDN", 20, 120, 100, true });
    laptop_wait_text(laptop, "last_exchange.result", "busy", SYNC_MS);
    json_t *status = laptop_status(laptop);
    cr_assert_eq(number_at(status, "pending_ops"), 2000);
    cr_assert_neq(text_at(status, "next_try_at")[0], '\0');
    make_room(centre_disk);
    /* by itself in the minute that the centre asked for; a person need not wait */
    (void)laptop_do(laptop, EXIT_DONE, "sync", "--wait", "--timeout", "50", NULL);
    laptop_wait_synchronised(laptop, SYNC_MS);
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
    json_t *log = centre_do(&world.centre, EXIT_DONE, "log", "--kind", "attendance", "--limit", "10000", NULL);
    cr_assert_eq(json_array_size(json_at(log, "entries")), 2000);
}

Test(disk, a_read_only_disk_is_said_and_everything_is_there_afterwards)
{
    NEEDS_MOUNTS();
    char session[SITE_TEXT_SIZE];
    session_name("GDN", 1, 1, session);
    site_attend(laptop, session, "attended", NULL);
    laptop_stop(laptop);
    namespace_mount_read_only(laptop_disk, true);
    const char *argv[] = { program_agent, "--state-dir", laptop->dir, "--key-file", laptop->key_file, NULL };
    struct process_result result;
    process_try(argv, slice_of_text(""), WORLD_STEP_MS, &result);
    cr_assert_eq(result.exit_status, 1);
    cr_assert_not_null(memmem(result.err.data, result.err.len, "read_only", strlen("read_only")), "%.*s",
                       (int)result.err.len, (const char *)result.err.data);
    process_result_fini(&result);
    namespace_mount_read_only(laptop_disk, false);
    laptop_start(laptop);
    cr_assert_str_eq(text_at(site_session(laptop, session), "outcome"), "attended");
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
}
