/* Backups of a laptop that is in use, and what becomes of its records when one is restored. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/support/site.h"
#include "tests/support/wait.h"

#define SYNC_MS 40000

static struct world world;
static struct laptop *laptop;
static char file[FOLDER_PATH_SIZE];

static void setup(void)
{
    laptop = site_begin(&world, &(struct site_register){ "GDN", 3, 30, 10, false });
    (void)snprintf(file, sizeof(file), "%.200s/garden.hfb", world.folder);
}

static void teardown(void)
{
    world_fini(&world);
}

TestSuite(backup, .init = setup, .fini = teardown, .timeout = 180);

static void sync_now(struct laptop *which)
{
    (void)laptop_do(which, EXIT_DONE, "sync", "--wait", "--timeout", "50", NULL);
}

static void record(struct laptop *which, int placement, int from_days_ago, int count)
{
    for (int i = 0; i < count; i++) {
        char session[SITE_TEXT_SIZE];
        session_name("GDN", placement, from_days_ago - i, session);
        site_attend(which, session, "attended", NULL);
    }
}

static json_int_t recorded(struct laptop *which)
{
    return number_at(laptop_status(which), "records.attendance");
}

static size_t held_by_centre(void)
{
    json_t *log = centre_do(&world.centre, EXIT_DONE, "log", "--kind", "attendance", "--limit", "1000", NULL);
    return json_array_size(json_at(log, "entries"));
}

/* Puts the backup in use; with a key file the agent opens it by itself. */
static json_t *restore(struct laptop *which)
{
    json_t *answer = laptop_do(which, EXIT_DONE, "restore", file, "--replace", "--yes", NULL);
    laptop_wait_text(which, "vault", "open", SYNC_MS);
    return answer;
}

/* A command that goes on by itself. */
static void start_command(struct process *command, const char *const *argv)
{
    *command = (struct process){ .name = "command" };
    (void)snprintf(command->stderr_path, sizeof(command->stderr_path), "%.200s/command.log", world.folder);
    process_start(command, argv);
}

static const char *digest_of(struct laptop *which)
{
    return text_at(laptop_do(which, EXIT_DONE, "verify", NULL), "digest");
}

Test(backup, restored_loses_nothing_and_forks_nothing)
{
    struct laptop *other = laptop_make(&world, "other", true);
    laptop_enrol(other, "Garden", world.centre.port);
    record(laptop, 1, 15, 4);
    json_t *made = laptop_do(laptop, EXIT_DONE, "backup", file, NULL);
    cr_assert(true_at(made, "complete"));
    record(laptop, 2, 15, 5);
    sync_now(laptop);
    cr_assert_eq(held_by_centre(), 39);
    json_int_t incarnation = number_at(laptop_status(laptop), "device.incarnation");

    centre_stop(&world.centre); /* so that what is recorded next is recorded by a copy that knows nothing of the rest */
    json_t *restored = restore(laptop);
    cr_assert_str_eq(text_at(restored, "fingerprint"), text_at(made, "fingerprint"));
    cr_assert_eq(recorded(laptop), 34, "as it was when the backup was made");
    cr_assert_neq(number_at(laptop_status(laptop), "device.incarnation"), incarnation);
    record(laptop, 3, 15, 6);
    cr_assert_eq(recorded(laptop), 40);

    centre_start(&world.centre);
    laptop_wait_number(laptop, "records.attendance", 45, SYNC_MS);
    laptop_wait_synchronised(laptop, SYNC_MS);
    cr_assert_eq(held_by_centre(), 45);
    sync_now(other);
    laptop_wait_synchronised(other, SYNC_MS);
    cr_assert(laptops_agree(laptop, other));
    cr_assert_str_eq(digest_of(laptop), digest_of(other));
    cr_assert_eq(number_at(laptop_status(laptop), "disputed_sessions"), 0);
    cr_assert_eq(number_at(laptop_status(other), "quarantined"), 0);
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
}

Test(backup, restored_twice_forks_nothing_either)
{
    struct laptop *other = laptop_make(&world, "other", true);
    laptop_enrol(other, "Garden", world.centre.port);
    (void)laptop_do(laptop, EXIT_DONE, "backup", file, NULL);
    (void)restore(laptop);
    record(laptop, 1, 15, 3);
    sync_now(laptop);
    (void)restore(laptop);
    record(laptop, 2, 15, 3);
    laptop_wait_number(laptop, "records.attendance", 36, SYNC_MS);
    laptop_wait_synchronised(laptop, SYNC_MS);
    sync_now(other);
    laptop_wait_synchronised(other, SYNC_MS);
    cr_assert_eq(held_by_centre(), 36);
    cr_assert_str_eq(digest_of(laptop), digest_of(other));
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
}

Test(backup, restored_on_another_machine_with_its_key_file_goes_on_there)
{
    record(laptop, 1, 15, 4);
    (void)laptop_do(laptop, EXIT_DONE, "backup", file, NULL);
    record(laptop, 2, 15, 2);
    sync_now(laptop);
    laptop_kill(laptop); /* it fell into the river */
    struct laptop *replacement = laptop_make(&world, "replacement", false);
    (void)laptop_do(replacement, EXIT_DONE, "restore", file, "--key-file", laptop->key_file, NULL);
    laptop_wait_text(replacement, "vault", "open", SYNC_MS);
    laptop_wait_number(replacement, "records.attendance", 36, SYNC_MS);
    record(replacement, 3, 15, 3);
    laptop_wait_synchronised(replacement, SYNC_MS);
    cr_assert_eq(held_by_centre(), 39);
    (void)laptop_do(replacement, EXIT_DONE, "verify", NULL);
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
}

/* An import of thousands of rows runs while the backup is fetched. */
Test(backup, made_while_an_import_runs_is_one_state_and_whole)
{
    char sheet[FOLDER_PATH_SIZE];
    site_register_file(laptop, &(struct site_register){ "GDN", 3, 300, 250, true }, sheet);
    const char *const argv[] = { program_cli, "import",      "--socket",  laptop->socket, "--kind",
                                 "register",  "--state-dir", laptop->dir, sheet,          NULL };
    struct process import;
    for (int i = 0; i < 3; i++) {
        (void)laptop_do(laptop, EXIT_DONE, "backup", file, "--force", NULL);
        if (i == 0) {
            start_command(&import, argv);
        }
    }
    cr_assert_eq(process_wait(&import, WORLD_STEP_MS), 0);
    cr_assert_eq(recorded(laptop), 30 + 750);
    (void)laptop_do(laptop, EXIT_DONE, "verify", "--backup", file, NULL);
    centre_stop(&world.centre);
    (void)restore(laptop);
    json_int_t held = recorded(laptop);
    cr_assert(held == 30 || held == 780, "an import is there whole or not at all: %lld", (long long)held);
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
    centre_start(&world.centre);
}

Test(backup, that_is_damaged_is_named_and_changes_nothing)
{
    (void)laptop_do(laptop, EXIT_DONE, "backup", file, NULL);
    struct error err;
    struct buf bytes;
    buf_init(&bytes, (size_t)64 * 1024 * 1024);
    cr_assert_eq(file_read(file, &bytes, &err), ERR_OK, "%s", err.message);
    bytes.data[bytes.len / 2] ^= 4;
    cr_assert_eq(file_replace(file, buf_slice(&bytes), 0600, &err), ERR_OK, "%s", err.message);
    json_t *answer = laptop_do(laptop, EXIT_REFUSED, "verify", "--backup", file, NULL);
    cr_assert_str_eq(text_at(answer, "error.code"), "damaged");
    cr_assert(text_holds(answer, "error.message", "fails its check"));
    answer = laptop_do(laptop, EXIT_REFUSED, "restore", file, "--replace", "--yes", NULL);
    cr_assert_str_eq(text_at(answer, "error.code"), "damaged");
    bytes.data[bytes.len / 2] ^= 4;
    cr_assert_eq(file_replace(file, slice_of(bytes.data, bytes.len - 40), 0600, &err), ERR_OK, "%s", err.message);
    answer = laptop_do(laptop, EXIT_REFUSED, "restore", file, "--replace", "--yes", NULL);
    cr_assert(text_holds(answer, "error.message", "cut off"));
    cr_assert_str_eq(text_at(laptop_status(laptop), "vault"), "open");
    cr_assert_eq(json_array_size(json_at(laptop_do(laptop, EXIT_DONE, "restore", "--list", NULL), "kept")), 0);
    record(laptop, 1, 15, 1);
    laptop_wait_synchronised(laptop, SYNC_MS);
    buf_fini(&bytes);
}

/* How often the call is in the audit log of the replica in use. */
static size_t noted(const char *call)
{
    json_t *entries = json_at(laptop_do(laptop, EXIT_DONE, "audit", NULL), "entries");
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(entries); i++) {
        count += text_holds(json_array_get(entries, i), "call", call);
    }
    return count;
}

Test(backup, a_restore_is_undone_and_then_forgotten)
{
    (void)laptop_do(laptop, EXIT_DONE, "backup", file, NULL);
    record(laptop, 1, 15, 5);
    sync_now(laptop);
    centre_stop(&world.centre);
    (void)laptop_do(laptop, EXIT_REFUSED, "restore", file, NULL);
    (void)laptop_do(laptop, EXIT_REFUSED, "restore", file, "--replace", NULL);
    (void)restore(laptop);
    cr_assert_eq(recorded(laptop), 30);
    cr_expect_eq(noted("POST /v1/restore/end"), 1, "the replica that is in use now knows who put it there");
    (void)laptop_do(laptop, EXIT_DONE, "restore", "--undo", NULL);
    laptop_wait_text(laptop, "vault", "open", SYNC_MS);
    cr_expect_eq(noted("POST /v1/restore/end"), 0);
    cr_expect_eq(noted("POST /v1/restore/undo"), 1, "and the one that is back who put it back");
    cr_assert_eq(recorded(laptop), 35);
    (void)laptop_do(laptop, EXIT_REFUSED, "restore", "--undo", NULL);
    cr_assert_eq(number_at(laptop_do(laptop, EXIT_DONE, "restore", "--discard", NULL), "removed"), 1);
    cr_assert_eq(json_array_size(json_at(laptop_do(laptop, EXIT_DONE, "restore", "--list", NULL), "kept")), 0);
    centre_start(&world.centre);
    record(laptop, 2, 15, 2);
    laptop_wait_synchronised(laptop, SYNC_MS);
    cr_assert_eq(held_by_centre(), 37);
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
}

Test(backup, an_agent_killed_during_a_restore_has_the_old_or_the_new_replica)
{
    (void)laptop_do(laptop, EXIT_DONE, "backup", file, NULL);
    record(laptop, 1, 15, 5);
    sync_now(laptop);
    centre_stop(&world.centre);
    unsigned restored = 0;
    enum { ROUNDS = 8 };
    srand(3);
    for (int round = 0; round < ROUNDS; round++) {
        const char *const argv[] = { program_cli, "restore",   "--socket", laptop->socket,
                                     file,        "--replace", "--yes",    NULL };
        struct process command;
        start_command(&command, argv);
        if (round > 0) {
            (void)usleep((useconds_t)(rand() % 700000));
        } else {
            cr_assert_eq(process_wait(&command, WORLD_STEP_MS), 0);
        }
        laptop_kill(laptop);
        if (round > 0) {
            (void)process_wait(&command, WORLD_STEP_MS);
        }
        laptop_start(laptop);
        json_int_t held = recorded(laptop);
        cr_assert(held == 30 || held == 35, "round %d: %lld records", round, (long long)held);
        (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
        if (held == 30) {
            restored++;
            (void)laptop_do(laptop, EXIT_DONE, "restore", "--undo", NULL);
            laptop_wait_text(laptop, "vault", "open", SYNC_MS);
            cr_assert_eq(recorded(laptop), 35);
        }
        (void)laptop_do(laptop, EXIT_DONE, "restore", "--discard", NULL);
    }
    cr_assert_gt(restored, 0);
    centre_start(&world.centre);
    record(laptop, 2, 15, 2);
    laptop_wait_synchronised(laptop, SYNC_MS);
    cr_assert_eq(held_by_centre(), 37);
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
}

/* ---- the calls ---- */

Test(backup, runs_once_at_a_time_and_ends_with_the_replica)
{
    json_t *first = laptop_ask(laptop, "ok", "POST", "/v1/backup", json_object());
    const char *id = text_at(first, "id");
    (void)laptop_ask(laptop, "busy", "POST", "/v1/backup", json_object());
    (void)laptop_ask(laptop, "not_found", "POST", "/v1/backup/end", json_pack("{s:s}", "id", "0123456789abcdef"));
    cr_assert_eq(number_at(laptop_status(laptop), "backup.pages_done"), 0);
    json_t *ended = laptop_ask(laptop, "ok", "POST", "/v1/backup/end", json_pack("{s:s, s:s}", "id", id, "name", "x"));
    cr_assert_not(true_at(ended, "complete"));
    cr_assert(json_is_null(json_at(laptop_status(laptop), "last_backup")), "what is not complete is no backup");
    first = laptop_ask(laptop, "ok", "POST", "/v1/backup", json_object());
    (void)laptop_do(laptop, EXIT_DONE, "lock", NULL);
    (void)laptop_ask(laptop, "locked", "POST", "/v1/backup/end", json_pack("{s:s}", "id", text_at(first, "id")));
    (void)laptop_ask(laptop, "ok", "POST", "/v1/unlock", json_object());
    (void)laptop_ask(laptop, "not_found", "POST", "/v1/backup/end", json_pack("{s:s}", "id", text_at(first, "id")));
    (void)laptop_do(laptop, EXIT_DONE, "backup", file, NULL);
    cr_assert_str_eq(text_at(laptop_status(laptop), "last_backup.name"), file);
    (void)laptop_do(laptop, EXIT_REFUSED, "backup", file, NULL);
    (void)laptop_do(laptop, EXIT_DONE, "backup", file, "--force", NULL);
}

Test(backup, a_client_that_went_away_keeps_the_next_one_waiting_for_seconds_only)
{
    (void)laptop_ask(laptop, "ok", "POST", "/v1/backup", json_object());
    (void)laptop_do(laptop, EXIT_REFUSED, "backup", file, NULL);
    cr_assert_not(file_exists(file));
    (void)sleep(11);
    (void)laptop_do(laptop, EXIT_DONE, "backup", file, NULL);
    (void)laptop_do(laptop, EXIT_DONE, "verify", "--backup", file, NULL);
}

Test(backup, is_asked_for_its_passphrase_and_takes_no_other)
{
    struct laptop *other = laptop_make(&world, "other", false);
    (void)laptop_tell(other, EXIT_DONE, "the first passphrase\n", "unlock", "--new", NULL);
    (void)laptop_do(other, EXIT_DONE, "backup", file, NULL);
    (void)laptop_do(other, EXIT_DONE, "verify", "--backup", file, NULL);
    (void)laptop_do(other, EXIT_DONE, "lock", NULL);
    json_t *answer = laptop_tell(other, EXIT_REFUSED, "another passphrase\n", "verify", "--backup", file, NULL);
    cr_assert_str_eq(text_at(answer, "error.code"), "key");
    (void)laptop_tell(other, EXIT_DONE, "the first passphrase\n", "verify", "--backup", file, NULL);
    (void)laptop_tell(laptop, EXIT_DONE, "the first passphrase\n", "verify", "--backup", file, NULL);
    answer = laptop_do(other, EXIT_REFUSED, "verify", "--backup", other->socket, NULL);
    cr_assert_str_eq(text_at(answer, "error.code"), "io");
    (void)laptop_tell(other, EXIT_DONE, "the first passphrase\n", "restore", file, "--replace", "--yes", NULL);
    cr_assert_str_eq(text_at(laptop_status(other), "vault"), "open", "what opened the backup opens the replica");
}

Test(backup, a_restore_under_way_does_not_keep_the_agent_from_stopping)
{
    (void)laptop_do(laptop, EXIT_DONE, "backup", file, NULL);
    for (int round = 0; round < 4; round++) {
        const char *const argv[] = { program_cli, "restore",   "--socket", laptop->socket,
                                     file,        "--replace", "--yes",    NULL };
        struct process command;
        start_command(&command, argv);
        (void)usleep((useconds_t)(100000 + 120000 * round));
        laptop_stop(laptop); /* demands a clean end */
        (void)process_wait(&command, WORLD_STEP_MS);
        laptop_start(laptop);
        cr_assert_eq(recorded(laptop), 30);
    }
}
