/* A centre that comes back from its backup, or that is gone: what its operator does, and that nothing is lost. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sync/edge/local_client.h"
#include "tests/support/site.h"
#include "tests/support/wait.h"

#define SYNC_MS 40000
#define ID_DIGITS 32
#define PEM_SIZE 8192

static struct world world;
static struct laptop *laptop;
static char backup[FOLDER_PATH_SIZE];

static void setup(void)
{
    laptop = site_begin(&world, &(struct site_register){ "GDN", 3, 30, 10, false });
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

static void refuses(const char *const argv[], const char *words)
{
    struct process_result result;
    process_try(argv, slice_of_text(""), WORLD_STEP_MS, &result);
    cr_assert_eq(result.exit_status, 1);
    cr_assert(buf_append(&result.err, "", 1, NULL) == ERR_OK);
    cr_assert_not_null(strstr((const char *)result.err.data, words), "%s", (const char *)result.err.data);
    process_result_fini(&result);
}

static void refuses_to_start(const char *words)
{
    const char *argv[] = { program_centre, "--state-dir", world.centre.dir, "--listen", "127.0.0.1:0", NULL };
    refuses(argv, words);
}

static void refuses_to_accept(const char *words)
{
    const char *argv[] = { program_centre_ctl, "accept", "--yes", "--state-dir", world.centre.dir, NULL };
    refuses(argv, words);
}

static void refuses_to_restore(const char *words)
{
    const char *argv[] = { program_centre_ctl, "restore", "--replace", backup, "--state-dir", world.centre.dir, NULL };
    refuses(argv, words);
}

static void refuses_to_begin(const char *words)
{
    const char *argv[] = { program_centre_ctl, "init", "--host", "127.0.0.1", "--state-dir", world.centre.dir, NULL };
    refuses(argv, words);
}

static void everybody_is_refused(void)
{
    refuses_to_accept("stop the endpoint first");
    refuses_to_restore("stop the endpoint first");
    refuses_to_begin("stop the endpoint first");
    refuses_to_start("stop the endpoint first");
}

Test(centre_loss, one_program_at_a_time_has_the_folder_wherever_its_socket_is)
{
    char socket[FOLDER_PATH_SIZE];
    struct process elsewhere = { .name = "elsewhere" };
    const char *argv[] = { program_centre, "--state-dir", world.centre.dir, "--listen",
                           "127.0.0.1:0",  "--socket",    socket,           NULL };
    (void)snprintf(socket, sizeof(socket), "%.200s/elsewhere.sock", world.folder);
    (void)centre_do(&world.centre, EXIT_DONE, "backup", backup, NULL);
    centre_stop(&world.centre);
    (void)snprintf(elsewhere.stderr_path, sizeof(elsewhere.stderr_path), "%.200s/elsewhere.log", world.folder);
    process_start(&elsewhere, argv);
    WAIT_UNTIL(access(socket, F_OK) == 0, SYNC_MS);
    everybody_is_refused();
    (void)centre_do(&world.centre, EXIT_DONE, "restore", "--check", backup, NULL);
    cr_assert_eq(process_stop(&elsewhere, SYNC_MS), 0);
    int command = open(world.centre.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_eq(flock(command, LOCK_EX | LOCK_NB), 0, "nobody has it any more");
    everybody_is_refused();
    cr_assert_eq(close(command), 0);
    (void)centre_do(&world.centre, EXIT_DONE, "restore", "--replace", backup, NULL);
    centre_start(&world.centre);
    goes_on();
}

Test(centre_loss, no_new_one_is_made_where_a_restore_was_cut)
{
    static const char *const parts[] = { "", ".keys", ".keys.prev", ".fresh", "-wal" };
    char from[FOLDER_PATH_SIZE];
    char to[FOLDER_PATH_SIZE];
    centre_stop(&world.centre);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        (void)snprintf(from, sizeof(from), "%.200s/centre.db%s", world.centre.dir, parts[i]);
        (void)snprintf(to, sizeof(to), "%.200s/centre.db.restoring%s", world.centre.dir, parts[i]);
        (void)rename(from, to);
    }
    (void)snprintf(to, sizeof(to), "%.200s/centre.db.swap", world.centre.dir);
    file_write(to, slice_of_text("holdfast swap 1\nout -\nin .restoring\nstep in\n"));
    refuses_to_begin("there is");
    centre_start(&world.centre);
    goes_on();
}

Test(centre_loss, nothing_is_accepted_beside_a_running_endpoint)
{
    refuses_to_accept("stop the endpoint first");
    goes_on();
    centre_stop(&world.centre);
    centre_start(&world.centre);
    cr_assert_eq(json_array_size(json_at(centre_do(&world.centre, EXIT_DONE, "incidents", NULL), "incidents")), 0);
}

Test(centre_loss, a_backup_that_lacks_the_list_of_present_pages_is_used_on_a_persons_word)
{
    put_back(false);
    refuses_to_start("holdfast-endpointctl accept");
    (void)centre_do(&world.centre, EXIT_REFUSED, "accept", NULL);
    refuses_to_start("holdfast-endpointctl accept");
    (void)centre_do(&world.centre, EXIT_DONE, "accept", "--yes", NULL);
    centre_start(&world.centre);
    refuses_to_accept("stop the endpoint first");
    goes_on();
    json_t *incidents = json_at(centre_do(&world.centre, EXIT_DONE, "incidents", NULL), "incidents");
    cr_assert_eq(json_array_size(incidents), 1);
    cr_assert(text_holds(incidents, "0.what", "taken for the present ones"));
}

/* ---- a backup of a running centre ---- */

static size_t held(const char *kind)
{
    json_t *log = centre_do(&world.centre, EXIT_DONE, "log", "--kind", kind, "--limit", "1000", NULL);
    return json_array_size(json_at(log, "entries"));
}

static void attend(int days_ago)
{
    char session[SITE_TEXT_SIZE];
    session_name("GDN", 2, days_ago, session);
    site_attend(laptop, session, "attended", NULL);
}

static void sync_now(void)
{
    (void)laptop_do(laptop, EXIT_DONE, "sync", "--wait", "--timeout", "50", NULL);
}

Test(centre_loss, a_backup_made_while_it_runs_is_put_in_use_and_what_came_after_comes_back)
{
    (void)centre_do(&world.centre, EXIT_REFUSED, "restore", "--check", backup, NULL);
    json_t *made = centre_do(&world.centre, EXIT_DONE, "backup", backup, NULL);
    cr_assert(true_at(made, "complete"));
    (void)centre_do(&world.centre, EXIT_REFUSED, "backup", backup, NULL);
    json_t *checked = centre_do(&world.centre, EXIT_DONE, "restore", "--check", backup, NULL);
    cr_assert_str_eq(text_at(checked, "fingerprint"), text_at(made, "fingerprint"));
    attend(1);
    attend(2);
    sync_now();
    cr_assert_eq(held("attendance"), 32);
    (void)centre_do(&world.centre, EXIT_REFUSED, "restore", "--replace", backup, NULL); /* it runs */
    laptop_stop(laptop);
    centre_stop(&world.centre);
    (void)centre_do(&world.centre, EXIT_REFUSED, "restore", backup, NULL); /* there is one */
    json_t *restored = centre_do(&world.centre, EXIT_DONE, "restore", "--replace", backup, NULL);
    cr_assert(true_at(restored, "restored"));
    cr_assert_neq(text_at(restored, "replaced")[0], '\0');
    centre_start(&world.centre);
    cr_assert_eq(held("attendance"), 30, "it is of the moment of the backup");
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
    json_t *incidents = json_at(centre_do(&world.centre, EXIT_DONE, "incidents", NULL), "incidents");
    cr_assert(text_holds(incidents, "0.what", "was put in use"));
    laptop_start(laptop);
    sync_now();
    cr_assert_eq(held("attendance"), 32);
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
}

Test(centre_loss, a_backup_and_its_key_file_are_a_centre_on_another_machine)
{
    (void)centre_do(&world.centre, EXIT_DONE, "backup", backup, NULL);
    centre_stop(&world.centre);
    cr_assert(copy_one(world.centre.dir, world.folder, "vault.key"));
    folder_remove(world.centre.dir);
    (void)centre_do(&world.centre, EXIT_REFUSED, "restore", backup, NULL); /* without its key */
    cr_assert_eq(mkdir(world.centre.dir, 0700), 0);
    cr_assert(copy_one(world.folder, world.centre.dir, "vault.key"));
    (void)centre_do(&world.centre, EXIT_DONE, "restore", backup, NULL);
    centre_start(&world.centre);
    goes_on();
}

static json_t *ask_backup(const char *step, const char *id)
{
    char socket[FOLDER_PATH_SIZE];
    char path[128];
    struct error err;
    json_t *answer = NULL;
    (void)snprintf(socket, sizeof(socket), "%.200s/endpoint.sock", world.centre.dir);
    (void)snprintf(path, sizeof(path), "/v1/admin/backup%s?id=%s", step, id);
    cr_assert_eq(local_request(socket, "POST", path, NULL, 60, &answer, &err), ERR_OK, "%s", err.message);
    return answer;
}

/* The rest of the backup that began, by its pieces. */
static void fetch_backup(const char *id, struct buf *out)
{
    char socket[FOLDER_PATH_SIZE];
    char path[128];
    size_t before;
    struct error err;
    (void)snprintf(socket, sizeof(socket), "%.200s/endpoint.sock", world.centre.dir);
    (void)snprintf(path, sizeof(path), "/v1/admin/backup/next?id=%s", id);
    do {
        before = out->len;
        cr_assert_eq(
            local_request_bytes(socket, "POST", path, (struct slice){ 0 }, "application/octet-stream", 60, out, &err),
            ERR_OK, "%s", err.message);
    } while (out->len > before);
}

Test(centre_loss, a_backup_is_of_the_moment_it_began_whatever_devices_send_meanwhile)
{
    struct buf bytes;
    buf_init(&bytes, (size_t)64 * 1024 * 1024);
    json_t *begun = ask_backup("", "");
    attend(1);
    sync_now();
    cr_assert_eq(held("attendance"), 31, "it is taken while the backup is written");
    (void)centre_do(&world.centre, EXIT_REFUSED, "backup", backup, NULL); /* another one */
    fetch_backup(text_at(begun, "id"), &bytes);
    json_t *ended = ask_backup("/end", text_at(begun, "id"));
    cr_assert(true_at(ended, "complete"));
    cr_assert_eq(number_at(ended, "bytes"), (json_int_t)bytes.len);
    file_write(backup, buf_slice(&bytes));
    laptop_stop(laptop);
    centre_stop(&world.centre);
    (void)centre_do(&world.centre, EXIT_DONE, "restore", "--replace", backup, NULL);
    centre_start(&world.centre);
    cr_assert_eq(held("attendance"), 30);
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
    laptop_start(laptop);
    json_decref(begun);
    json_decref(ended);
    buf_fini(&bytes);
}

static int64_t log_size(void)
{
    char path[FOLDER_PATH_SIZE];
    (void)snprintf(path, sizeof(path), "%.200s/centre.db-wal", world.centre.dir);
    return access(path, F_OK) == 0 ? file_size(path) : 0;
}

Test(centre_loss, what_is_erased_while_a_backup_is_written_goes_from_the_log_when_it_has_ended)
{
    json_t *begun = ask_backup("", "");
    (void)laptop_ask(laptop, "ok", "POST", "/v1/erase",
                     json_pack("{s:s,s:s,s:s,s:s}", "what", "GDN-001", "ground", "right", "by", "Test Manager",
                               "reason", "asked for it"));
    sync_now();
    cr_assert_gt(log_size(), 0, "the backup reads an older state");
    json_t *ended = ask_backup("/end", text_at(begun, "id"));
    cr_assert_not(true_at(ended, "complete"));
    cr_assert_eq(log_size(), 0);
    json_decref(begun);
    json_decref(ended);
}

Test(centre_loss, a_backup_that_is_cut_or_changed_is_put_nowhere)
{
    (void)centre_do(&world.centre, EXIT_DONE, "backup", backup, NULL);
    centre_stop(&world.centre);
    file_flip_bit(backup, file_size(backup) / 2);
    (void)centre_do(&world.centre, EXIT_REFUSED, "restore", "--check", backup, NULL);
    (void)centre_do(&world.centre, EXIT_REFUSED, "restore", "--replace", backup, NULL);
    file_flip_bit(backup, file_size(backup) / 2);
    cr_assert_eq(truncate(backup, file_size(backup) - 5000), 0);
    (void)centre_do(&world.centre, EXIT_REFUSED, "restore", "--replace", backup, NULL);
    centre_start(&world.centre);
    goes_on();
    cr_assert_eq(json_array_size(json_at(centre_do(&world.centre, EXIT_DONE, "incidents", NULL), "incidents")), 0);
}

/* In place of what is there, as the manual says; what is beside the database stays. */
static void put_over(void)
{
    static const char *const names[] = { "centre.db",           "centre.db.keys", "vault.key",
                                         "centre.db.keys.prev", "centre.db-wal",  "centre.db.fresh" };
    centre_stop(&world.centre);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char path[FOLDER_PATH_SIZE];
        (void)snprintf(path, sizeof(path), "%.200s/%s", world.centre.dir, names[i]);
        (void)unlink(path);
        (void)copy_one(backup, world.centre.dir, names[i]);
    }
    centre_start(&world.centre);
}

static const char *state_of(struct laptop *which)
{
    size_t index;
    json_t *device;
    const char *id = text_at(laptop_status(which), "device.id");
    json_array_foreach(json_at(centre_do(&world.centre, EXIT_DONE, "devices", NULL), "devices"), index, device)
    {
        if (strcmp(text_at(device, "id"), id) == 0) {
            return text_at(device, "state");
        }
    }
    return "none";
}

static json_t *enrol_with(struct laptop *which, const char *code, bool again, int expected_exit)
{
    char url[64];
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u", world.centre.port);
    return laptop_tell(which, expected_exit, code, "enrol", "--endpoint", url, "--code-file", "-",
                       again ? "--again" : NULL, NULL);
}

Test(centre_loss, an_older_copy_lets_no_revoked_laptop_in_and_takes_no_code_twice)
{
    struct laptop *late = laptop_make(&world, "late", true);
    struct laptop *other = laptop_make(&world, "other", true);
    const char *code = text_at(centre_do(&world.centre, EXIT_DONE, "code", "new", "--site", "Garden", NULL), "code");
    centre_stop(&world.centre);
    copy_documented(world.centre.dir, backup, true);
    centre_start(&world.centre);
    (void)centre_do(&world.centre, EXIT_DONE, "revoke", text_at(laptop_status(laptop), "device.id"), NULL);
    (void)enrol_with(late, code, false, EXIT_DONE);
    laptop_wait_synchronised(late, SYNC_MS);
    put_over();
    cr_assert_str_eq(state_of(laptop), "revoked");
    (void)laptop_do(laptop, EXIT_REFUSED, "sync", "--wait", "--timeout", "50", NULL);
    cr_assert(text_holds(laptop_status(laptop), "message", "revoked"));
    json_t *incidents = json_at(centre_do(&world.centre, EXIT_DONE, "incidents", NULL), "incidents");
    cr_assert(text_holds(incidents, "0.what", "are revoked again"), "%s", text_at(incidents, "0.what"));
    cr_assert_str_eq(state_of(late), "none");
    json_t *refused = enrol_with(other, code, false, EXIT_REFUSED);
    cr_assert(text_holds(refused, "error.message", "another device used this code"), "%s",
              text_at(refused, "error.message"));
    (void)enrol_with(late, code, true, EXIT_DONE); /* whose code it is */
    laptop_wait_synchronised(late, SYNC_MS);
    (void)centre_do(&world.centre, EXIT_DONE, "reinstate", text_at(laptop_status(laptop), "device.id"), NULL);
    centre_stop(&world.centre);
    centre_start(&world.centre);
    cr_assert_str_eq(state_of(laptop), "active");
    (void)laptop_do(laptop, EXIT_DONE, "sync", "--wait", "--timeout", "50", NULL);
    goes_on();
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
}

Test(centre_loss, a_list_of_what_is_spent_that_nobody_can_read_is_not_passed_over)
{
    char path[FOLDER_PATH_SIZE];
    (void)centre_do(&world.centre, EXIT_DONE, "revoke", text_at(laptop_status(laptop), "device.id"), NULL);
    centre_stop(&world.centre);
    (void)snprintf(path, sizeof(path), "%.200s/spent", world.centre.dir);
    FILE *file = fopen(path, "ae");
    cr_assert_not_null(file);
    cr_assert_gt(fputs("device 12\n", file), 0);
    cr_assert_eq(fclose(file), 0);
    refuses_to_start("put the file back as it was");
    cr_assert_eq(unlink(path), 0);
    centre_start(&world.centre);
    cr_assert_str_eq(state_of(laptop), "revoked");
    cr_assert_eq(access(path, R_OK), 0, "it is made again from the database");
}

/* ---- a centre that is gone ---- */

struct known_before {
    char organisation[ID_DIGITS + 1];
    char stream[ID_DIGITS + 1];
    char certificate[PEM_SIZE];
};

/* As any laptop shows it, and as the operator may have written down. */
static void look_before(struct known_before *known)
{
    json_t *status = laptop_status(laptop);
    json_t *authority = centre_do(&world.centre, EXIT_DONE, "ca", "show", NULL);
    (void)snprintf(known->organisation, sizeof(known->organisation), "%s", text_at(status, "site.organisation"));
    (void)snprintf(known->stream, sizeof(known->stream), "%s", text_at(status, "site.stream"));
    (void)snprintf(known->certificate, sizeof(known->certificate), "%s", text_at(authority, "certificate"));
    cr_assert_eq(strlen(known->organisation), ID_DIGITS);
    cr_assert_eq(strlen(known->stream), ID_DIGITS);
}

/* Nothing of the old one is left but its address. */
static void make_anew(void)
{
    centre_stop(&world.centre);
    folder_remove(world.centre.dir);
    (void)centre_do(&world.centre, EXIT_DONE, "init", "--host", "127.0.0.1", NULL);
    centre_start(&world.centre);
}

static void enrol_again(struct laptop *which, int expected_exit)
{
    char url[64];
    json_t *code = centre_do(&world.centre, EXIT_DONE, "code", "new", "--site", "Garden", NULL);
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u", world.centre.port);
    (void)laptop_do(which, expected_exit, "enrol", "--again", "--endpoint", url, "--code", text_at(code, "code"), NULL);
}

/* Those two follow to a new authority with their next exchange; who is gone was certified by the one before. */
static void roll_authority(struct laptop *one, struct laptop *two)
{
    (void)centre_do(&world.centre, EXIT_DONE, "ca", "roll", NULL);
    (void)laptop_do(one, EXIT_DONE, "sync", "--wait", "--timeout", "50", NULL);
    (void)laptop_do(two, EXIT_DONE, "sync", "--wait", "--timeout", "50", NULL);
    WAIT_UNTIL(number_at(centre_do(&world.centre, EXIT_DONE, "ca", "show", NULL), "devices_to_follow") == 1, SYNC_MS);
}

/* Each file of `authority/` in an evidence pack; how many that were. */
static size_t vouch_for_all(const char *pack)
{
    char file[FOLDER_PATH_SIZE + 32];
    size_t count = 0;
    for (;; count++) {
        (void)snprintf(file, sizeof(file), "%s/authority/%zu.pem", pack, count + 1);
        if (access(file, R_OK) != 0) {
            return count;
        }
        (void)centre_do(&world.centre, EXIT_DONE, "ca", "former", file, NULL);
    }
}

Test(centre_loss, a_new_centre_with_the_same_ids_is_given_everything_back)
{
    struct known_before known;
    char pack[FOLDER_PATH_SIZE + 8];
    char file[FOLDER_PATH_SIZE];
    struct laptop *gone = laptop_make(&world, "gone", true);
    struct laptop *other = laptop_make(&world, "other", true);
    laptop_enrol(gone, "Garden", world.centre.port);
    laptop_enrol(other, "Garden", world.centre.port);
    site_import_people(gone, "SHP", 2);
    (void)site_import_register(gone, &(struct site_register){ "SHP", 2, 10, 5, false });
    (void)centre_do(&world.centre, EXIT_DONE, "referral", "new", "--site", "Garden", "--participant", "GDN-099",
                    "--ref", "R-1", "--route", "cwp", "--basis", "mandatory", NULL);
    laptop_wait_synchronised(gone, SYNC_MS);
    laptop_stop(gone); /* for good */
    laptop_wait_number(laptop, "records.attendance", 40, SYNC_MS);
    laptop_wait_number(other, "records.attendance", 40, SYNC_MS);
    laptop_wait_synchronised(laptop, SYNC_MS);
    laptop_wait_synchronised(other, SYNC_MS);
    roll_authority(laptop, other);
    (void)snprintf(pack, sizeof(pack), "%s/pack", world.folder);
    (void)laptop_do(laptop, EXIT_DONE, "evidence", "GDN-001", "-o", pack, NULL);
    look_before(&known);
    make_anew();
    (void)centre_do(&world.centre, EXIT_DONE, "org", "add", "Greenfield Trust", "--id", known.organisation, NULL);
    (void)centre_do(&world.centre, EXIT_DONE, "site", "add", "--org", "Greenfield Trust", "Garden", "--id",
                    known.stream, NULL);
    cr_assert_eq(vouch_for_all(pack), 2);
    (void)centre_do(&world.centre, EXIT_REFUSED, "ca", "former", world_file(&world, "old.pem", known.certificate, file),
                    NULL); /* the newest of them, known by now */
    (void)laptop_do(laptop, EXIT_REFUSED, "sync", "--wait", "--timeout", "50", NULL); /* a stranger until told */
    cr_assert_eq(held("attendance"), 0);
    enrol_again(laptop, EXIT_DONE);
    (void)laptop_do(laptop, EXIT_DONE, "sync", "--wait", "--timeout", "50", NULL);
    enrol_again(other, EXIT_DONE);
    (void)laptop_do(other, EXIT_DONE, "sync", "--wait", "--timeout", "50", NULL);
    cr_assert_eq(held("attendance"), 40);
    cr_assert_eq(held("referral"), 1);
    (void)laptop_do(laptop, EXIT_DONE, "checkpoint", "--acknowledge", NULL);
    (void)laptop_do(other, EXIT_DONE, "checkpoint", "--acknowledge", NULL);
    laptop_wait_synchronised(laptop, SYNC_MS);
    laptop_wait_synchronised(other, SYNC_MS);
    cr_assert(laptops_agree(laptop, other));
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
    (void)laptop_do(other, EXIT_DONE, "verify", NULL);
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
}

Test(centre_loss, a_new_centre_with_other_ids_is_not_taken_for_the_old_one)
{
    make_anew();
    centre_add_site(&world.centre, "Greenfield Trust", "Garden");
    enrol_again(laptop, EXIT_REFUSED);
    (void)centre_do(&world.centre, EXIT_USAGE, "site", "add", "--org", "Greenfield Trust", "Shop", "--id", "12", NULL);
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
}
