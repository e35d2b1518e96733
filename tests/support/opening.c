#include "tests/support/opening.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "store/replica.h"
#include "tests/support/wait.h"

#define CACHE_KIB 256

void opening_makes_tables(struct laptop *laptop, const char *passphrase)
{
    char path[FOLDER_PATH_SIZE + 16];
    struct error err;
    struct vault *vault;
    struct store *store;
    struct vault_unlock unlock = { .kind = VAULT_SLOT_PASSPHRASE,
                                   .secret = (const uint8_t *)passphrase,
                                   .secret_len = strlen(passphrase) };
    struct store_options options = { .cache_kib = CACHE_KIB, .programme = programme_default() };
    (void)snprintf(path, sizeof(path), "%s/replica.db", laptop->dir);
    cr_assert_eq(secret_init(&err), ERR_OK, "%s", err.message);
    cr_assert_eq(vault_open(path, &unlock, &vault, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(store_open(vault, &options, &store, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(db_exec(&store->db, "UPDATE sync_state SET refold = 1", &err), ERR_OK, "%s", err.message);
    store_close(store);
    vault_close(vault);
}

void opening_locked(struct laptop *laptop, const char *passphrase)
{
    struct process opening = { .name = "opening" };
    char line[128];
    char file[FOLDER_PATH_SIZE];
    (void)snprintf(opening.stderr_path, sizeof(opening.stderr_path), "%.200s/opening.err", laptop->world->folder);
    (void)snprintf(line, sizeof(line), "%s\n", passphrase);
    (void)world_file(laptop->world, "passphrase", line, file);
    cr_assert_eq(chmod(file, 0600), 0);
    const char *argv[] = { program_cli, "--socket", laptop->socket, "unlock", "--passphrase-file", file, NULL };
    process_start(&opening, argv);
    WAIT_UNTIL(true_at(laptop_status(laptop), "unlocking") || !process_running(&opening), WORLD_STEP_MS);
    (void)laptop_do(laptop, EXIT_DONE, "lock", NULL);
    cr_assert_str_eq(text_at(laptop_status(laptop), "vault"), "locked");
    process_kill(&opening);
}
