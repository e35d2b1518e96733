/*
 * The TPM's counter, against a software TPM (swtpm) that the test starts: whole older files put back are found when the
 * database is opened, and nothing else is.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/tpm/tpm_counter.h"
#include "crypto/vault/vault_internal.h"
#include "tests/support/folder.h"
#include "tests/support/process.h"
#include "tests/support/wait.h"

static const char *const PARTS[] = { "", "-wal", ".keys", ".keys.prev", ".fresh" };
static const char SWTPM[] = "/usr/bin/swtpm";

static char folder[FOLDER_PATH_SIZE];
static char tcti[FOLDER_PATH_SIZE + 32];
static char vault_path[FOLDER_PATH_SIZE + 16];
static struct process tpm;
static struct error err;

static void tpm_start(void)
{
    char state[FOLDER_PATH_SIZE + 16];
    char server[FOLDER_PATH_SIZE + 48];
    char control[FOLDER_PATH_SIZE + 48];
    char socket[FOLDER_PATH_SIZE + 16];
    (void)snprintf(state, sizeof(state), "dir=%s", folder);
    (void)snprintf(socket, sizeof(socket), "%s/tpm", folder);
    (void)snprintf(server, sizeof(server), "type=unixio,path=%s", socket);
    (void)snprintf(control, sizeof(control), "type=unixio,path=%s.ctrl", socket);
    (void)unlink(socket);
    const char *argv[] = { SWTPM,
                           "socket",
                           "--tpm2",
                           "--tpmstate",
                           state,
                           "--server",
                           server,
                           "--ctrl",
                           control,
                           "--flags",
                           "not-need-init,startup-clear",
                           NULL };
    process_start(&tpm, argv);
    WAIT_UNTIL(access(socket, F_OK) == 0, 60000);
    (void)snprintf(tcti, sizeof(tcti), "swtpm:path=%s", socket);
}

static void set_up(void)
{
    if (!tpm_counter_built() || access(SWTPM, X_OK) != 0) {
        cr_skip_test("needs a build with tpm2-tss, and swtpm");
    }
    tpm_counter_quiet();
    cr_assert_eq(secret_init(&err), ERR_OK);
    vault_test_set_scrypt_log2n(10);
    folder_make(folder);
    (void)snprintf(tpm.name, sizeof(tpm.name), "swtpm");
    (void)snprintf(tpm.stderr_path, sizeof(tpm.stderr_path), "%.200s/swtpm.log", folder);
    (void)snprintf(vault_path, sizeof(vault_path), "%s/replica", folder);
    tpm_start();
}

static void tear_down(void)
{
    process_kill(&tpm);
    folder_remove(folder);
}

TestSuite(tpm_counter, .init = set_up, .fini = tear_down, .timeout = 120);

struct use {
    struct vault *vault;
    struct tpm_counter *counter;
    sqlite3 *db;
};

static const struct vault_unlock UNLOCK = { .kind = VAULT_SLOT_PASSPHRASE,
                                            .secret = (const uint8_t *)"a passphrase of a test",
                                            .secret_len = 22 };

static void leave(struct use *use)
{
    if (use->db != NULL) {
        cr_assert_eq(sqlite3_close(use->db), SQLITE_OK);
    }
    vault_close(use->vault);
    tpm_counter_close(use->counter);
    *use = (struct use){ 0 };
}

static enum err_code enter(struct use *use, bool adopt)
{
    *use = (struct use){ 0 };
    cr_assert_eq(vault_open(vault_path, &UNLOCK, &use->vault, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(tpm_counter_open(tcti, vault_file_id(use->vault), &use->counter, &err), ERR_OK, "%s", err.message);
    struct vault_counter_io io = tpm_counter_io(use->counter);
    vault_set_counter(use->vault, &io);
    if (adopt) {
        cr_assert_eq(vault_adopt_freshness(use->vault, &err), ERR_OK);
    }
    enum err_code rc = vault_open_database(use->vault, 512, &use->db, &err);
    if (rc != ERR_OK) {
        use->db = NULL;
        leave(use);
    }
    return rc;
}

static void run(struct use *use, const char *statement)
{
    cr_assert_eq(sqlite3_exec(use->db, statement, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(use->db));
}

static uint64_t value(struct use *use)
{
    struct vault_counter_io io = tpm_counter_io(use->counter);
    uint64_t read = 0;
    cr_assert_eq(io.read(io.context, &read, &err), ERR_OK, "%s", err.message);
    return read;
}

static void make(void)
{
    struct use use;
    cr_assert_eq(vault_create(vault_path, &UNLOCK, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(enter(&use, false), ERR_OK, "%s", err.message);
    run(&use, "CREATE TABLE t(a); INSERT INTO t VALUES (1)");
    leave(&use);
}

static void copy_set(const char *from, const char *to)
{
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) {
        char source[sizeof(vault_path) + 32];
        char target[sizeof(vault_path) + 32];
        (void)snprintf(source, sizeof(source), "%s%s", from, PARTS[i]);
        (void)snprintf(target, sizeof(target), "%s%s", to, PARTS[i]);
        (void)unlink(target);
        if (access(source, F_OK) == 0) {
            file_copy(source, target);
        }
    }
}

Test(tpm_counter, opens_again_and_again_and_only_goes_up)
{
    struct use use;
    uint64_t last = 0;
    make();
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(enter(&use, false), ERR_OK, "%s", err.message);
        cr_assert_geq(value(&use), last);
        last = value(&use);
        run(&use, "INSERT INTO t VALUES (2)");
        leave(&use);
    }
}

Test(tpm_counter, finds_an_older_whole_set_put_back)
{
    struct use use;
    char old[sizeof(vault_path) + 8];
    (void)snprintf(old, sizeof(old), "%s.old", vault_path);
    make();
    copy_set(vault_path, old);
    cr_assert_eq(enter(&use, false), ERR_OK, "%s", err.message);
    run(&use, "INSERT INTO t VALUES (3)");
    leave(&use);
    copy_set(old, vault_path);
    cr_assert_eq(enter(&use, false), ERR_DAMAGED);
    cr_assert_not_null(strstr(err.message, "older"), "%s", err.message);
    /* and a person's word lets it be used: from then on it is the present one */
    cr_assert_eq(enter(&use, true), ERR_OK, "%s", err.message);
    run(&use, "INSERT INTO t VALUES (4)");
    leave(&use);
    cr_assert_eq(enter(&use, false), ERR_OK, "%s", err.message);
    leave(&use);
}

Test(tpm_counter, keeps_its_value_when_the_machine_restarts)
{
    struct use use;
    make();
    cr_assert_eq(enter(&use, false), ERR_OK);
    uint64_t before = value(&use);
    leave(&use);
    (void)process_stop(&tpm, 10000);
    tpm_start();
    cr_assert_eq(enter(&use, false), ERR_OK, "%s", err.message);
    cr_assert_geq(value(&use), before);
    leave(&use);
}

Test(tpm_counter, cannot_be_set_back_by_making_it_anew)
{
    struct use use;
    char old[sizeof(vault_path) + 8];
    (void)snprintf(old, sizeof(old), "%s.old", vault_path);
    make();
    copy_set(vault_path, old);
    cr_assert_eq(enter(&use, false), ERR_OK);
    uint64_t before = value(&use);
    cr_assert_eq(tpm_counter_remove(use.counter, &err), ERR_OK, "%s", err.message);
    leave(&use);
    copy_set(old, vault_path);
    cr_assert_eq(enter(&use, false), ERR_DAMAGED, "a counter made anew must not fit older files");
    cr_assert_eq(enter(&use, true), ERR_OK, "%s", err.message);
    cr_assert_gt(value(&use), before);
    leave(&use);
}

Test(tpm_counter, belongs_to_one_vault)
{
    struct use use;
    make();
    cr_assert_eq(enter(&use, false), ERR_OK);
    uint8_t other_id[TPM_COUNTER_FILE_ID_BYTES];
    memcpy(other_id, vault_file_id(use.vault), sizeof(other_id));
    other_id[0] ^= 0x40;
    leave(&use);
    struct tpm_counter *other = NULL;
    cr_assert_eq(tpm_counter_open(tcti, other_id, &other, &err), ERR_OK, "%s", err.message);
    cr_assert_not(tpm_counter_io(other).bound);
    tpm_counter_close(other);
    cr_assert_eq(tpm_counter_open(tcti, other_id, &other, &err), ERR_OK, "%s", err.message);
    cr_assert(tpm_counter_io(other).bound);
    tpm_counter_close(other);
}

Test(tpm_counter, says_that_there_is_no_tpm)
{
    struct tpm_counter *none = NULL;
    uint8_t id[TPM_COUNTER_FILE_ID_BYTES] = { 0 };
    cr_assert_eq(tpm_counter_open("swtpm:path=/nonexistent/socket", id, &none, &err), ERR_NOT_FOUND);
    cr_assert_null(none);
}

/* ---- a machine without one ---- */

static bool library_is_mapped(const char *name)
{
    char line[512];
    bool found = false;
    FILE *maps = fopen("/proc/self/maps", "re");
    cr_assert_not_null(maps);
    while (!found && fgets(line, sizeof(line), maps) != NULL) {
        found = strstr(line, name) != NULL;
    }
    (void)fclose(maps);
    return found;
}

Test(tpm_absent, costs_no_library)
{
    static const uint8_t file_id[TPM_COUNTER_FILE_ID_BYTES] = { 1 };
    struct tpm_counter *counter = NULL;
    struct error failed;
    if (!tpm_counter_built() || access("/dev/tpmrm0", F_OK) == 0) {
        cr_skip_test("needs a build with tpm2-tss on a machine without a TPM");
    }
    cr_assert(library_is_mapped("libcrypto"));
    cr_assert_eq(tpm_counter_open("", file_id, &counter, &failed), ERR_NOT_FOUND);
    cr_assert_not(library_is_mapped("libtss2"));
    cr_assert_eq(tpm_counter_open("swtpm:path=/nowhere", file_id, &counter, &failed), ERR_NOT_FOUND);
    cr_assert(library_is_mapped("libtss2-esys"), "it is for whoever names a TPM");
}
