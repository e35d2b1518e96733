/* Locking and unlocking: by hand, by itself, in the middle of work; and how much locked memory the agent needs. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/opening.h"
#include "tests/support/proxy.h"
#include "tests/support/site.h"
#include "tests/support/wait.h"

#define SYNC_MS 30000
#define PASSPHRASE "correct horse battery"
#define WRONG_PASSPHRASE "incorrect horse battery"
#define NOBODY 65534

static struct world world;

static void setup(void)
{
    world_init(&world);
}

static void teardown(void)
{
    world_fini(&world);
}

TestSuite(lock, .init = setup, .fini = teardown, .timeout = 120);

static struct laptop *passphrase_laptop(void)
{
    struct laptop *laptop = laptop_make(&world, "laptop", false);
    (void)laptop_tell(laptop, EXIT_DONE, PASSPHRASE "\n", "unlock", "--new", NULL);
    return laptop;
}

static struct laptop *garden_laptop(struct proxy **ret_proxy)
{
    centre_make(&world);
    centre_add_site(&world.centre, "Greenfield Trust", "Garden");
    *ret_proxy = proxy_start(world.centre.port);
    struct laptop *laptop = passphrase_laptop();
    laptop_enrol(laptop, "Garden", proxy_port(*ret_proxy));
    site_import_people(laptop, "GDN", 2);
    laptop_wait_synchronised(laptop, SYNC_MS);
    return laptop;
}

static struct process process_named(const char *name)
{
    struct process process = { 0 };
    (void)snprintf(process.name, sizeof(process.name), "%s", name);
    (void)snprintf(process.stderr_path, sizeof(process.stderr_path), "%.200s/%.40s.err", world.folder, name);
    return process;
}

/* ---- by itself ---- */

/* Locks after 10 minutes without a call; its clock can be moved. */
static struct laptop *forgetful_laptop(void)
{
    struct laptop *laptop = passphrase_laptop();
    laptop_stop(laptop);
    laptop_set_config(laptop, "[vault]\nlock_after = 10\n");
    laptop_sleep(laptop, 0);
    laptop_start_any(laptop);
    (void)laptop_tell(laptop, EXIT_DONE, PASSPHRASE "\n", "unlock", NULL);
    return laptop;
}

Test(lock, comes_by_itself_when_nobody_asked_for_so_long_and_says_so)
{
    struct laptop *laptop = forgetful_laptop();
    cr_assert_neq(text_at(laptop_status(laptop), "locks_at")[0], '\0');
    laptop_sleep(laptop, 9 * 60);
    (void)laptop_do(laptop, EXIT_DONE, "roll", NULL);
    laptop_sleep(laptop, 18 * 60);
    (void)laptop_do(laptop, EXIT_DONE, "roll", NULL);
    laptop_sleep(laptop, 29 * 60);
    (void)laptop_do(laptop, EXIT_LOCKED, "roll", NULL);
    json_t *status = laptop_status(laptop);
    cr_assert_str_eq(text_at(status, "vault"), "locked");
    cr_assert_str_eq(text_at(status, "lock_reason"), "idle");
    cr_assert_neq(text_at(status, "locked_at")[0], '\0');
    cr_assert(text_holds(status, "message", "for 10 minutes"));
    (void)laptop_tell(laptop, EXIT_DONE, PASSPHRASE "\n", "unlock", NULL);
    (void)laptop_do(laptop, EXIT_DONE, "roll", NULL);
}

Test(lock, is_not_put_off_by_looks_at_the_status)
{
    struct laptop *laptop = forgetful_laptop();
    laptop_sleep(laptop, 6 * 60);
    cr_assert_str_eq(text_at(laptop_status(laptop), "vault"), "open");
    laptop_sleep(laptop, 11 * 60);
    WAIT_UNTIL(strcmp(text_at(laptop_status(laptop), "vault"), "locked") == 0, SYNC_MS);
}

Test(lock, says_when_and_why_by_hand_and_at_a_start)
{
    struct laptop *laptop = passphrase_laptop();
    (void)laptop_do(laptop, EXIT_DONE, "lock", NULL);
    cr_assert_str_eq(text_at(laptop_status(laptop), "lock_reason"), "asked");
    laptop_stop(laptop);
    laptop_start_any(laptop);
    json_t *status = laptop_status(laptop);
    cr_assert_str_eq(text_at(status, "lock_reason"), "start");
    cr_assert_neq(text_at(status, "locked_at")[0], '\0');
    cr_assert(json_is_null(json_at(status, "locks_at")));
}

Test(lock, is_not_put_off_by_another_programme_pack)
{
    centre_make(&world);
    centre_add_site(&world.centre, "Greenfield Trust", "Garden");
    struct laptop *laptop = forgetful_laptop();
    laptop_enrol(laptop, "Garden", world.centre.port);
    WAIT_UNTIL(true_at(laptop_status(laptop), "waiting"), SYNC_MS);
    laptop_sleep(laptop, 9 * 60);
    (void)centre_do(&world.centre, EXIT_DONE, "pack", "add", OTHER_PACK_FILE, "--in-force-from", "2026-01-01", "--all",
                    NULL);
    WAIT_UNTIL(strcmp(text_at(laptop_status(laptop), "programme.source"), "centre") == 0, SYNC_MS);
    laptop_sleep(laptop, 11 * 60);
    WAIT_UNTIL(strcmp(text_at(laptop_status(laptop), "vault"), "locked") == 0, SYNC_MS);
    cr_assert_str_eq(text_at(laptop_status(laptop), "lock_reason"), "idle");
}

/* ---- in the middle of work ---- */

Test(lock, in_the_middle_of_an_exchange_loses_nothing_of_it)
{
    struct proxy *proxy;
    char session[SITE_TEXT_SIZE];
    struct laptop *laptop = garden_laptop(&proxy);
    proxy_set(proxy, &(struct proxy_faults){ .silent = true });
    session_name("GDN", 1, 1, session);
    site_attend(laptop, session, "attended", NULL);
    laptop_wait_text(laptop, "state", "synchronising", SYNC_MS);
    json_t *status = laptop_do(laptop, EXIT_DONE, "lock", NULL);
    cr_assert_str_eq(text_at(status, "vault"), "locked");
    proxy_set(proxy, NULL);
    (void)laptop_tell(laptop, EXIT_DONE, PASSPHRASE "\n", "unlock", NULL);
    laptop_wait_synchronised(laptop, SYNC_MS);
    cr_assert_str_eq(text_at(site_session(laptop, session), "outcome"), "attended");
    laptop_stop(laptop);
    proxy_stop(proxy);
}

Test(lock, answers_who_waits_for_an_exchange_that_it_was_locked)
{
    struct proxy *proxy;
    struct laptop *laptop = garden_laptop(&proxy);
    struct process waiting = process_named("waiting");
    proxy_set(proxy, &(struct proxy_faults){ .silent = true });
    const char *argv[] = { program_cli, "--socket", laptop->socket, "sync", "--wait", NULL };
    process_start(&waiting, argv);
    laptop_wait_text(laptop, "state", "synchronising", SYNC_MS);
    (void)laptop_do(laptop, EXIT_DONE, "lock", NULL);
    cr_assert_eq(process_wait(&waiting, SYNC_MS), EXIT_LOCKED);
    laptop_stop(laptop);
    proxy_stop(proxy);
}

Test(lock, right_behind_an_import_and_a_verification_keeps_all_of_them)
{
    struct laptop *laptop;
    struct proxy *proxy;
    laptop = garden_laptop(&proxy);
    (void)site_import_register(laptop, &(struct site_register){ "GDN", 2, 60, 60, true });
    struct process verifying = process_named("verifying");
    const char *argv[] = { program_cli, "--socket", laptop->socket, "verify", NULL };
    process_start(&verifying, argv);
    (void)laptop_do(laptop, EXIT_DONE, "lock", NULL);
    int ended = process_wait(&verifying, WORLD_STEP_MS);
    cr_assert(ended == EXIT_DONE || ended == EXIT_LOCKED, "%d", ended);
    (void)laptop_tell(laptop, EXIT_DONE, PASSPHRASE "\n", "unlock", NULL);
    laptop_wait_synchronised(laptop, WORLD_STEP_MS);
    cr_assert_eq(number_at(laptop_status(laptop), "records.attendance"), 120);
    laptop_stop(laptop);
    proxy_stop(proxy);
}

Test(lock, is_kept_when_it_was_asked_for_during_an_unlock)
{
    struct laptop *laptop = passphrase_laptop();
    (void)laptop_do(laptop, EXIT_DONE, "lock", NULL);
    opening_locked(laptop, PASSPHRASE);
}

static size_t unlocks_noted(struct laptop *laptop, const char *word)
{
    size_t count = 0;
    size_t index;
    json_t *entry;
    json_array_foreach(json_at(laptop_do(laptop, EXIT_DONE, "audit", NULL), "entries"), index, entry)
    {
        count += strcmp(text_at(entry, "action"), "unlock") == 0 && text_holds(entry, "fields", word);
    }
    return count;
}

Test(lock, asked_for_while_the_tables_are_made_is_no_failure_of_the_passphrase)
{
    centre_make(&world);
    centre_add_site(&world.centre, "Greenfield Trust", "Garden");
    struct laptop *laptop = passphrase_laptop();
    laptop_enrol(laptop, "Garden", world.centre.port);
    site_import_people(laptop, "GDN", 5);
    size_t given_up = 0;
    for (int tries = 0; tries < 20 && given_up == 0; tries++) { /* an opening may be through before the lock comes */
        (void)laptop_do(laptop, EXIT_DONE, "lock", NULL);
        opening_makes_tables(laptop, PASSPHRASE);
        opening_locked(laptop, PASSPHRASE);
        json_t *status = laptop_status(laptop);
        cr_assert_str_eq(text_at(status, "lock_reason"), "asked");
        cr_assert_str_eq(text_at(status, "message"), "unlock it with `holdfast unlock`");
        (void)laptop_tell(laptop, EXIT_DONE, PASSPHRASE "\n", "unlock", NULL);
        given_up = unlocks_noted(laptop, "given up");
    }
    cr_assert_eq(given_up, 1);
    cr_assert_not(process_said(&laptop->process, "unlock_failed"));
    cr_assert_eq(number_at(laptop_status(laptop), "records.placement"), 5);
    cr_assert_eq(unlocks_noted(laptop, "failed"), 0);
}

/* ---- wrong passphrases ---- */

Test(lock, a_wrong_passphrase_takes_its_time_and_is_logged_without_it)
{
    struct laptop *laptop = passphrase_laptop();
    (void)laptop_do(laptop, EXIT_DONE, "lock", NULL);
    int64_t from_ms = clock_monotonic_ms();
    (void)laptop_tell(laptop, EXIT_REFUSED, WRONG_PASSPHRASE "\n", "unlock", NULL);
    cr_assert_gt(clock_monotonic_ms() - from_ms, 100, "guessing is slow");
    cr_assert(process_said(&laptop->process, "unlock_failed"));
    cr_assert_not(process_said(&laptop->process, "horse"));
    cr_assert(text_holds(laptop_status(laptop), "message", "not the passphrase"));
}

/* ---- locked memory ---- */

/* An agent as a user without rights, who may lock so many KiB. Locked memory is not limited for root. */
static void start_with_memlock(const char *limit, const char *dir, const char *socket, struct process *process)
{
    char option[32];
    (void)snprintf(option, sizeof(option), "--memlock=%s", limit);
    const char *argv[] = { "/usr/bin/prlimit", option,          "/usr/bin/setpriv",
                           "--reuid=65534",    "--regid=65534", "--clear-groups",
                           program_agent,      "--state-dir",   dir,
                           "--socket",         socket,          NULL };
    process_start(process, argv);
}

static bool may_change_user(void)
{
    return geteuid() == 0 && access("/usr/bin/setpriv", X_OK) == 0 && access("/usr/bin/prlimit", X_OK) == 0;
}

static void folder_of_nobody(char ret_dir[FOLDER_PATH_SIZE], char ret_socket[FOLDER_PATH_SIZE])
{
    cr_assert_eq(chmod(world.folder, 0711), 0);
    (void)snprintf(ret_dir, FOLDER_PATH_SIZE, "%.200s/service", world.folder);
    (void)snprintf(ret_socket, FOLDER_PATH_SIZE, "%.200s/service/holdfast.sock", world.folder);
    cr_assert_eq(mkdir(ret_dir, 0700), 0);
    cr_assert_eq(chown(ret_dir, NOBODY, NOBODY), 0);
}

Test(lock, an_unprivileged_service_needs_1_MiB_of_locked_memory)
{
    char dir[FOLDER_PATH_SIZE];
    char socket[FOLDER_PATH_SIZE];
    struct process process = process_named("service");
    if (!may_change_user()) {
        cr_skip_test("only root may start a program as another user");
    }
    folder_of_nobody(dir, socket);
    start_with_memlock("1048576", dir, socket, &process);
    WAIT_UNTIL(access(socket, F_OK) == 0 || !process_running(&process), WORLD_STEP_MS);
    const char *argv[] = { program_cli, "--socket", socket, "unlock", "--new", NULL };
    struct process_result result;
    process_try(argv, slice_of_text(PASSPHRASE "\n"), WORLD_STEP_MS, &result);
    cr_assert_eq(result.exit_status, EXIT_DONE, "%.*s", (int)result.err.len, (const char *)result.err.data);
    process_result_fini(&result);
    cr_assert_eq(process_stop(&process, WORLD_STOP_MS), 0);
}

Test(lock, with_less_locked_memory_the_agent_does_not_start_and_says_which_limit_to_raise)
{
    static const char *const limits[] = { "65536", "1044480" };
    char dir[FOLDER_PATH_SIZE];
    char socket[FOLDER_PATH_SIZE];
    if (!may_change_user()) {
        cr_skip_test("only root may start a program as another user");
    }
    folder_of_nobody(dir, socket);
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        struct process process = process_named(limits[i]);
        start_with_memlock(limits[i], dir, socket, &process);
        cr_assert_eq(process_wait(&process, WORLD_STEP_MS), 1);
        cr_assert(process_said(&process, "LimitMEMLOCK") && process_said(&process, "ulimit -l"));
    }
}

/* Does a file of /proc have a line that begins so? */
static bool proc_says(pid_t pid, const char *name, const char *beginning)
{
    char path[64];
    char line[256];
    bool found = false;
    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file, "open '%s': %m", path);
    while (!found && fgets(line, sizeof(line), file) != NULL) {
        found = strncmp(line, beginning, strlen(beginning)) == 0;
    }
    (void)fclose(file);
    return found;
}

Test(lock, a_running_agent_writes_no_core)
{
    struct laptop *laptop = passphrase_laptop();
    cr_assert(proc_says(laptop->process.pid, "limits", "Max core file size        0                    0 "));
    cr_assert(proc_says(laptop->process.pid, "coredump_filter", "00000000"));
}
