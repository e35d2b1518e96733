/*
 * Long work beside everything else. An export: others are answered while it is written, it has the records of one
 * moment, and it ends when its client goes, or the agent stops. So with a verify. A rebuild: the status is answered,
 * all else is refused.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/support/held_disk.h"
#include "tests/support/site.h"
#include "tests/support/wait.h"

#define STEP_MS 60000
#define WAITS_MS 500
#define PLACEMENTS 40
#define DAYS 390

static struct world world;
static struct laptop *laptop;
static struct process work;
static char output[FOLDER_PATH_SIZE];
static char unfinished[FOLDER_PATH_SIZE + 8];

static void setup(void)
{
    static const struct site_register year = {
        .prefix = "EXP", .placements = PLACEMENTS, .from_days_ago = 399, .days = DAYS
    };
    world_init(&world);
    centre_make(&world);
    centre_add_site(&world.centre, "Pershore Charity", "Garden");
    laptop = laptop_make(&world, "laptop", true);
    held_disk_start(laptop);
    laptop_enrol(laptop, "Garden", world.centre.port);
    site_import_people(laptop, "EXP", PLACEMENTS);
    (void)site_import_register(laptop, &year);
    (void)snprintf(output, sizeof(output), "%.200s/log.json", world.folder);
    (void)snprintf(work.stderr_path, sizeof(work.stderr_path), "%.200s/work.err", world.folder);
    (void)snprintf(unfinished, sizeof(unfinished), "%s.new", output);
}

static void teardown(void)
{
    held_disk_let_go(laptop);
    process_kill(&work);
    world_fini(&world);
}

TestSuite(export, .init = setup, .fini = teardown, .timeout = 180);

static bool under_way(void)
{
    return strcmp(text_at(laptop_status(laptop), "export.kind"), "log") == 0;
}

static void forget_output(void)
{
    cr_assert(unlink(output) == 0 || errno == ENOENT);
}

/* Returns when the status, which is answered beside it, tells of it. It goes on when its disk is let go. */
static void begin(void)
{
    const char *const argv[] = {
        program_cli, "--socket", laptop->socket, "export", "log", "--json", "-o", output, NULL
    };
    held_disk_begin(laptop, &work, argv, under_way, forget_output);
}

static size_t rows_of(const char *kind)
{
    return json_array_size(json_at(laptop_do(laptop, EXIT_DONE, "export", kind, NULL), "rows"));
}

Test(export, of_one_moment_is_written_while_others_are_answered_and_record)
{
    char session[SITE_TEXT_SIZE];
    size_t before = rows_of("log");
    cr_assert_gt(before, (size_t)PLACEMENTS * DAYS);
    begin();
    json_t *refused = laptop_do(laptop, EXIT_REFUSED, "export", "referrals", NULL);
    cr_assert_str_eq(text_at(refused, "error.code"), "busy");
    session_name("EXP", 1, 2, session);
    site_attend(laptop, session, "attended", NULL);
    cr_assert(under_way(), "the record was durable before the export was done");
    held_disk_let_go(laptop);
    cr_assert_eq(process_wait(&work, STEP_MS), 0);
    json_t *written = json_load_file(output, 0, NULL);
    cr_assert_eq(json_array_size(json_object_get(written, "rows")), before, "the records of when it began");
    json_decref(written);
    cr_assert_eq(rows_of("log"), before + 1);
    cr_assert_str_eq(text_at(laptop_status(laptop), "export.kind"), "", "none is under way");
}

Test(export, ends_with_its_client_and_leaves_no_file)
{
    begin();
    cr_assert_eq(kill(work.pid, SIGINT), 0);
    cr_assert_eq(process_wait(&work, STEP_MS), 128 + SIGINT);
    held_disk_let_go(laptop);
    WAIT_UNTIL(!under_way(), STEP_MS);
    cr_assert_not(file_exists(output) || file_exists(unfinished));
    (void)rows_of("placement"); /* the next one is welcome */
}

/* It has been told to stop before its work may go on. */
static void stop_in_the_middle(void)
{
    file_write(laptop->process.stderr_path, slice_of_text(""));
    cr_assert_eq(kill(laptop->process.pid, SIGTERM), 0);
    WAIT_UNTIL(process_said(&laptop->process, "stop_asked"), STEP_MS);
    held_disk_let_go(laptop);
    cr_assert_eq(process_wait(&laptop->process, WORLD_STOP_MS), 0);
}

Test(export, ends_when_the_agent_stops_and_leaves_no_file)
{
    begin();
    stop_in_the_middle();
    cr_assert_neq(process_wait(&work, STEP_MS), 0);
    cr_assert_not(file_exists(output) || file_exists(unfinished));
    laptop_start(laptop);
    cr_assert_gt(rows_of("log"), (size_t)PLACEMENTS * DAYS);
}

static int64_t log_size(void)
{
    char path[FOLDER_PATH_SIZE + 32];
    (void)snprintf(path, sizeof(path), "%s/replica.db-wal", laptop->dir);
    return file_size(path);
}

/* Somebody is erased while an export reads them; how long the log is then. */
static int64_t erase_beside(void)
{
    (void)laptop_ask(
        laptop, "ok", "POST", "/v1/records",
        json_pack("{s:s,s:{s:s,s:s}}", "kind", "participant", "fields", "ref", "GONE-1", "name", "Example Gone"));
    begin();
    json_t *erased = laptop_ask(laptop, "ok", "POST", "/v1/erase",
                                json_pack("{s:s,s:s,s:s,s:s}", "what", "GONE-1", "ground", "right", "by",
                                          "Test Manager", "reason", "asked for it"));
    cr_assert_not(true_at(erased, "scrubbed"), "the export reads an older state");
    return log_size();
}

/* The file made anew begins with an empty log. */
Test(export, that_ends_lets_go_of_what_was_erased_meanwhile)
{
    int64_t held = erase_beside();
    held_disk_let_go(laptop);
    cr_assert_eq(process_wait(&work, STEP_MS), 0);
    WAIT_UNTIL(log_size() < held / 4, STEP_MS);
}

Test(export, that_was_cut_by_a_kill_leaves_what_was_erased_to_the_next_start)
{
    int64_t held = erase_beside();
    laptop_kill(laptop);
    held_disk_let_go(laptop);
    cr_assert_neq(process_wait(&work, STEP_MS), 0);
    laptop_start(laptop);
    WAIT_UNTIL(log_size() < held / 4, STEP_MS);
}

static bool is_due_when_asked(void)
{
    (void)laptop_status(laptop);
    return process_said(&laptop->process, "lock_due");
}

/* The work is told to stop, and its disk answers again. */
static void lock_is_due(void)
{
    WAIT_UNTIL(is_due_when_asked(), STEP_MS);
    held_disk_let_go(laptop);
}

Test(export, does_not_keep_a_laptop_open_that_slept)
{
    laptop_stop(laptop);
    laptop_set_config(laptop, "[vault]\nlock_after = 10\n");
    laptop_sleep(laptop, 0);
    laptop_start(laptop);
    begin();
    laptop_sleep(laptop, 3600);
    lock_is_due();
    cr_assert_neq(process_wait(&work, STEP_MS), 0);
    laptop_wait_text(laptop, "vault", "locked", STEP_MS);
    cr_assert_str_eq(text_at(laptop_status(laptop), "lock_reason"), "idle");
    cr_assert_not(file_exists(output) || file_exists(unfinished));
}

Test(export, is_what_a_backup_waits_for_and_says_so)
{
    begin();
    json_t *refused = laptop_ask(laptop, "busy", "POST", "/v1/backup", json_object());
    cr_assert(text_holds(refused, "error.message", "an export is just being written"));
    held_disk_let_go(laptop);
    cr_assert_eq(process_wait(&work, STEP_MS), 0);
}

TestSuite(rebuild, .init = setup, .fini = teardown, .timeout = 180);

static bool making_tables(void)
{
    return number_at(laptop_status(laptop), "preparing.records_total") > PLACEMENTS * DAYS;
}

static void begin_rebuild(void)
{
    const char *const argv[] = { program_cli, "--socket", laptop->socket, "rebuild", NULL };
    held_disk_begin(laptop, &work, argv, making_tables, NULL);
}

Test(rebuild, goes_on_beside_the_status_and_refuses_what_needs_the_replica)
{
    begin_rebuild();
    (void)laptop_ask(laptop, "busy", "GET", "/v1/flags", NULL);
    cr_assert(making_tables());
    held_disk_let_go(laptop);
    cr_assert_eq(process_wait(&work, STEP_MS), 0);
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL); /* the tables are those that the log gives */
}

Test(rebuild, is_what_a_command_waits_for)
{
    char session[SITE_TEXT_SIZE];
    begin_rebuild();
    session_name("EXP", 1, 2, session);
    const char *const argv[] = { program_cli, "--socket", laptop->socket, "attend", session, "attended", NULL };
    struct process attending = { .name = "attending" };
    (void)snprintf(attending.stderr_path, sizeof(attending.stderr_path), "%.200s/attending.err", world.folder);
    process_start(&attending, argv);
    sleep_ms(WAITS_MS);
    cr_assert(process_running(&attending) && making_tables());
    held_disk_let_go(laptop);
    cr_assert_eq(process_wait(&attending, STEP_MS), 0);
    cr_assert_not(making_tables());
    cr_assert_str_eq(text_at(site_session(laptop, session), "outcome"), "attended");
    cr_assert_eq(process_wait(&work, STEP_MS), 0);
}

static void start_forgetful(void)
{
    laptop_stop(laptop);
    laptop_set_config(laptop, "[vault]\nlock_after = 10\n");
    laptop_stay_awake(laptop, 0);
    laptop_start(laptop);
}

Test(rebuild, is_use_so_that_the_lock_by_itself_waits_for_its_end)
{
    start_forgetful();
    begin_rebuild();
    laptop_stay_awake(laptop, 3600);
    cr_assert(making_tables(), "the time was over while it went on");
    held_disk_let_go(laptop);
    cr_assert_eq(process_wait(&work, STEP_MS), 0);
    cr_assert_str_eq(text_at(laptop_status(laptop), "vault"), "open");
    laptop_stay_awake(laptop, 3600 + 660);
    laptop_wait_text(laptop, "vault", "locked", STEP_MS);
    cr_assert_str_eq(text_at(laptop_status(laptop), "lock_reason"), "idle");
}

Test(rebuild, does_not_keep_a_laptop_open_that_slept)
{
    start_forgetful();
    begin_rebuild();
    laptop_sleep(laptop, 3600);
    lock_is_due();
    laptop_wait_text(laptop, "vault", "locked", STEP_MS);
    cr_assert_neq(process_wait(&work, STEP_MS), 0);
    cr_assert_str_eq(text_at(laptop_status(laptop), "lock_reason"), "idle");
}

/* A person's lock, which is answered when the work has ended: the agent knows of it before the work may go on. */
static void lock_in_the_middle(void)
{
    static const char lock[] = "POST /v1/lock HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                               "Content-Length: 2\r\nConnection: close\r\n\r\n{}";
    char answer[4096];
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    SCOPED(scoped_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", laptop->socket);
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0, "%m");
    cr_assert_eq(write(fd, lock, sizeof(lock) - 1), (ssize_t)sizeof(lock) - 1);
    for (int i = 0; i < 3; i++) {
        (void)laptop_status(laptop); /* who came later is answered: the lock was read */
    }
    held_disk_let_go(laptop);
    cr_assert_gt(read(fd, answer, sizeof(answer)), 0);
    cr_assert_eq(memcmp(answer, "HTTP/1.1 200", 12), 0, "%.40s", answer);
}

Test(rebuild, ends_with_a_lock_that_a_person_asks_for)
{
    begin_rebuild();
    lock_in_the_middle();
    cr_assert_neq(process_wait(&work, STEP_MS), 0);
    json_t *status = laptop_status(laptop);
    cr_assert_str_eq(text_at(status, "vault"), "locked");
    cr_assert_str_eq(text_at(status, "lock_reason"), "asked");
}

Test(rebuild, ends_when_the_agent_stops_and_changes_nothing)
{
    begin_rebuild();
    stop_in_the_middle();
    cr_assert_neq(process_wait(&work, STEP_MS), 0);
    laptop_start(laptop);
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
}

TestSuite(verify, .init = setup, .fini = teardown, .timeout = 180);

static bool verifying(void)
{
    return number_at(laptop_status(laptop), "verify.total") > 0;
}

static void begin_verify(void)
{
    const char *const argv[] = { program_cli, "--socket", laptop->socket, "verify", NULL };
    held_disk_begin(laptop, &work, argv, verifying, NULL);
}

Test(verify, goes_on_while_others_are_answered_and_record)
{
    char session[SITE_TEXT_SIZE];
    begin_verify();
    (void)laptop_ask(laptop, "busy", "POST", "/v1/verify", json_object());
    json_t *refused = laptop_ask(laptop, "busy", "POST", "/v1/backup", json_object());
    cr_assert(text_holds(refused, "error.message", "just being verified"));
    session_name("EXP", 1, 2, session);
    site_attend(laptop, session, "attended", NULL);
    cr_assert(verifying(), "the record was durable before the verify was done");
    held_disk_let_go(laptop);
    cr_assert_eq(process_wait(&work, STEP_MS), 0);
    cr_assert_not(verifying());
    json_t *verified = laptop_do(laptop, EXIT_DONE, "verify", NULL);
    cr_assert_eq(number_at(verified, "ops"), number_at(laptop_status(laptop), "records.op"));
    cr_assert_str_eq(text_at(laptop_ask(laptop, "ok", "POST", "/v1/rebuild", json_object()), "digest_before"),
                     text_at(verified, "digest"));
}

Test(verify, ends_with_its_client)
{
    begin_verify();
    cr_assert_eq(kill(work.pid, SIGINT), 0);
    cr_assert_eq(process_wait(&work, STEP_MS), 128 + SIGINT);
    held_disk_let_go(laptop);
    WAIT_UNTIL(!verifying(), STEP_MS);
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL); /* the next one is welcome */
}

Test(verify, ends_with_a_lock_that_a_person_asks_for)
{
    begin_verify();
    lock_in_the_middle();
    cr_assert_eq(process_wait(&work, STEP_MS), EXIT_LOCKED);
    cr_assert_str_eq(text_at(laptop_status(laptop), "vault"), "locked");
}

Test(verify, ends_when_the_agent_stops)
{
    begin_verify();
    stop_in_the_middle();
    cr_assert_neq(process_wait(&work, STEP_MS), 0);
    laptop_start(laptop);
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
}

static bool gets_on(void)
{
    json_int_t done = number_at(laptop_status(laptop), "verify.done");
    held_disk_let_go(laptop);
    WAIT_UNTIL(number_at(laptop_status(laptop), "verify.done") != done, STEP_MS);
    held_disk_hold(laptop);
    sleep_ms(WAITS_MS);
    return verifying();
}

/* An hour passes twice, and between them it gets on; false where it was through before the second one. */
static bool lasts_for_hours(void)
{
    static long awake_s;
    begin_verify();
    bool lasts = true;
    for (int hours = 1; hours <= 2 && lasts; hours++) {
        awake_s += 3600;
        laptop_stay_awake(laptop, awake_s);
        cr_assert(verifying(), "the time was over while it went on"); /* the question is a look, too */
        lasts = hours == 2 || gets_on();
    }
    held_disk_let_go(laptop);
    cr_assert_eq(process_wait(&work, STEP_MS), 0);
    cr_assert_str_eq(text_at(laptop_status(laptop), "vault"), "open");
    return lasts;
}

Test(verify, is_use_so_that_the_lock_by_itself_waits_for_its_end)
{
    bool lasted = false;
    start_forgetful();
    for (int tries = 0; tries < 20 && !lasted; tries++) {
        lasted = lasts_for_hours();
    }
    cr_assert(lasted, "it was through each time before an hour had passed");
}

static bool hung_verify_runs(void)
{
    json_t *verify = json_at(laptop_status(laptop), "verify");
    return json_is_object(verify);
}

Test(verify, that_stands_still_does_not_keep_the_lock_by_itself_off)
{
    const char *const argv[] = { program_cli, "--socket", laptop->socket, "verify", NULL };
    start_forgetful();
    held_disk_hold(laptop);
    process_start(&work, argv);
    WAIT_UNTIL(hung_verify_runs(), STEP_MS);
    laptop_stay_awake(laptop, 660);
    cr_assert(hung_verify_runs()); /* the question is a look, too */
    cr_assert_not(process_said(&laptop->process, "lock_due"), "it may get on again");
    laptop_stay_awake(laptop, 660 + 660);
    WAIT_UNTIL(process_said(&laptop->process, "work_stands_still"), STEP_MS);
    cr_assert(process_said(&laptop->process, "lock_due"));
    held_disk_let_go(laptop);
    cr_assert_eq(process_wait(&work, STEP_MS), EXIT_LOCKED);
    laptop_wait_text(laptop, "vault", "locked", STEP_MS);
    cr_assert_str_eq(text_at(laptop_status(laptop), "lock_reason"), "idle");
}

TestSuite(held_backup, .init = setup, .fini = teardown, .timeout = 180);

static bool backing_up(void)
{
    return number_at(laptop_status(laptop), "backup.pages_done") > 0;
}

/* With pages still to come: one that has them all may have given its file its name. */
static bool in_the_middle(void)
{
    json_t *backup = json_at(laptop_status(laptop), "backup");
    return number_at(backup, "pages_done") > 0 && number_at(backup, "pages_done") < number_at(backup, "pages");
}

/* As one whose stick does not take any more. A replica as small as this one is often written before anybody looks. */
static void begin_held_backup(void)
{
    const char *const argv[] = { program_cli, "--socket", laptop->socket, "backup", output, NULL };
    for (int tries = 0; tries < 50; tries++) {
        process_start(&work, argv);
        WAIT_UNTIL(backing_up() || !process_running(&work), STEP_MS);
        cr_assert_eq(kill(work.pid, SIGSTOP), 0);
        sleep_ms(WAITS_MS); /* what it had asked for before is answered */
        if (in_the_middle()) {
            return;
        }
        cr_assert_eq(kill(work.pid, SIGCONT), 0);
        cr_assert_eq(process_wait(&work, STEP_MS), 0);
        cr_assert_eq(unlink(output), 0);
    }
    cr_assert_fail("each ended before it was held");
}

Test(held_backup, does_not_keep_the_lock_by_itself_off)
{
    start_forgetful();
    begin_held_backup();
    laptop_stay_awake(laptop, 30);
    sleep_ms(300);
    cr_assert(backing_up(), "it may go on");
    laptop_stay_awake(laptop, 30 + 660);
    WAIT_UNTIL(!backing_up(), STEP_MS);
    laptop_stay_awake(laptop, 30 + 2 * 660);
    laptop_wait_text(laptop, "vault", "locked", STEP_MS);
    cr_assert_str_eq(text_at(laptop_status(laptop), "lock_reason"), "idle");
    cr_assert_eq(kill(work.pid, SIGCONT), 0);
    cr_assert_neq(process_wait(&work, STEP_MS), 0);
    cr_assert_not(file_exists(output));
}
