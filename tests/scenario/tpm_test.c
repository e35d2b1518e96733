/* A counter in the TPM: the agent's whole folder put back to an earlier day is found when the replica is opened. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crypto/tpm/tpm_counter.h"
#include "tests/support/site.h"
#include "tests/support/wait.h"

#define PASSPHRASE "correct horse battery"
static const char SWTPM[] = "/usr/bin/swtpm";

static struct world world;
static struct process tpm;
static char config[FOLDER_PATH_SIZE + 64];

static void tpm_start(void)
{
    char state[FOLDER_PATH_SIZE + 16];
    char server[FOLDER_PATH_SIZE + 48];
    char control[FOLDER_PATH_SIZE + 48];
    char socket[FOLDER_PATH_SIZE + 16];
    (void)snprintf(tpm.name, sizeof(tpm.name), "swtpm");
    (void)snprintf(tpm.stderr_path, sizeof(tpm.stderr_path), "%.200s/swtpm.log", world.folder);
    (void)snprintf(socket, sizeof(socket), "%s/tpm", world.folder);
    (void)snprintf(state, sizeof(state), "dir=%s", world.folder);
    (void)snprintf(server, sizeof(server), "type=unixio,path=%s", socket);
    (void)snprintf(control, sizeof(control), "type=unixio,path=%s.ctrl", socket);
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
    (void)snprintf(config, sizeof(config), "[vault]\ntpm = require\ntpm_tcti = swtpm:path=%s\n", socket);
}

static void setup(void)
{
    if (!tpm_counter_built() || access(SWTPM, X_OK) != 0) {
        cr_skip_test("needs a build with tpm2-tss, and swtpm");
    }
    world_init(&world);
    tpm_start();
}

static void teardown(void)
{
    world_fini(&world);
    process_kill(&tpm);
}

TestSuite(tpm, .init = setup, .fini = teardown, .timeout = 120);

/* With some records, stopped. */
static struct laptop *counted_laptop(void)
{
    centre_make(&world);
    centre_add_site(&world.centre, "Greenfield Trust", "Garden");
    struct laptop *laptop = laptop_make(&world, "laptop", false);
    laptop_stop(laptop);
    laptop_set_config(laptop, config);
    laptop_start_any(laptop);
    (void)laptop_tell(laptop, EXIT_DONE, PASSPHRASE "\n", "unlock", "--new", NULL);
    laptop_enrol(laptop, "Garden", world.centre.port);
    site_import_people(laptop, "GDN", 2);
    laptop_wait_synchronised(laptop, 30000);
    return laptop;
}

Test(tpm, finds_the_folder_of_an_earlier_day_when_the_replica_is_opened)
{
    struct laptop *laptop = counted_laptop();
    char earlier[FOLDER_PATH_SIZE];
    (void)snprintf(earlier, sizeof(earlier), "%.200s/earlier", world.folder);
    laptop_stop(laptop);
    folder_copy(laptop->dir, earlier);
    laptop_start_any(laptop);
    (void)laptop_tell(laptop, EXIT_DONE, PASSPHRASE "\n", "unlock", NULL);
    site_import_people(laptop, "LIB", 2);
    laptop_stop(laptop);
    folder_remove(laptop->dir);
    folder_copy(earlier, laptop->dir);
    laptop_start_any(laptop);
    json_t *answer = laptop_tell(laptop, EXIT_REFUSED, PASSPHRASE "\n", "unlock", NULL);
    cr_assert_str_eq(text_at(answer, "error.code"), "damaged");
    cr_assert(text_holds(answer, "error.message", "older"), "%s", text_at(answer, "error.message"));
    (void)laptop_tell(laptop, EXIT_DONE, PASSPHRASE "\n", "accept", "--yes", NULL);
    laptop_stop(laptop);
    laptop_start_any(laptop);
    (void)laptop_tell(laptop, EXIT_DONE, PASSPHRASE "\n", "unlock", NULL);
}

Test(tpm, that_is_required_and_gone_keeps_the_replica_closed)
{
    struct laptop *laptop = counted_laptop();
    laptop_stop(laptop);
    process_kill(&tpm);
    laptop_start_any(laptop);
    json_t *answer = laptop_tell(laptop, EXIT_REFUSED, PASSPHRASE "\n", "unlock", NULL);
    cr_assert(text_holds(answer, "error.message", "vault.tpm"), "%s", text_at(answer, "error.message"));
}
