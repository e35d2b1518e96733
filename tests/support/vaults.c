/* What a test reads from the vaults of programs that do not run, and changes in them. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "store/replica.h"
#include "store/store.h"
#include "sync/endpoint/core/centre.h"
#include "sync/endpoint/core/state.h"
#include "tests/support/impostor.h"

#define CACHE_KIB 256

struct authority *centre_authority(struct centre *centre)
{
    struct error err = { .code = ERR_OK };
    struct vault *vault = NULL;
    struct centre_store *store = NULL;
    struct authority *authority = NULL;
    SCOPED(secret_free) struct secret key = { 0 };
    SCOPED(secret_free) struct secret certificate = { 0 };
    struct state_options options = { .folder = centre->dir };
    cr_assert_eq(centre->process.pid, 0, "the centre has to be stopped");
    cr_assert_eq(secret_init(&err), ERR_OK, "%s", err.message);
    cr_assert_eq(state_open(&options, &vault, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(centre_store_open(vault, CACHE_KIB, &store, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(centre_material_read(store, "authority-key", &key, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(centre_material_read(store, "authority-certificate", &certificate, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(
        authority_load(slice_of(key.bytes, key.len), slice_of(certificate.bytes, certificate.len), &authority, &err),
        ERR_OK, "%s", err.message);
    centre_store_close(store);
    vault_close(vault);
    return authority;
}

static struct store *replica_open(struct laptop *laptop, struct vault **ret_vault)
{
    struct error err = { .code = ERR_OK };
    struct store *store = NULL;
    char path[FOLDER_PATH_SIZE + 16];
    SCOPED(secret_free) struct secret key = { 0 };
    cr_assert(laptop->with_key_file && laptop->process.pid == 0, "the laptop has to have a key file and to be stopped");
    (void)snprintf(path, sizeof(path), "%s/replica.db", laptop->dir);
    cr_assert_eq(secret_init(&err), ERR_OK, "%s", err.message);
    cr_assert_eq(secret_read_file(laptop->key_file, VAULT_KEY_FILE_BYTES, &key, &err), ERR_OK, "%s", err.message);
    struct vault_unlock unlock = { .kind = VAULT_SLOT_KEY_FILE, .secret = key.bytes, .secret_len = key.len };
    struct store_options options = { .cache_kib = CACHE_KIB, .programme = programme_default() };
    cr_assert_eq(vault_open(path, &unlock, ret_vault, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(store_open(*ret_vault, &options, &store, &err), ERR_OK, "%s", err.message);
    return store;
}

void laptop_identity(struct laptop *laptop, struct store_identity *ret_identity)
{
    struct error err = { .code = ERR_OK };
    struct vault *vault = NULL;
    struct store *store = replica_open(laptop, &vault);
    cr_assert_eq(store_identity_read(store, ret_identity, &err), ERR_OK, "%s", err.message);
    store_close(store);
    vault_close(vault);
}

void laptop_alter(struct laptop *laptop, const char *sql)
{
    struct error err = { .code = ERR_OK };
    struct vault *vault = NULL;
    struct store *store = replica_open(laptop, &vault);
    cr_assert_eq(db_exec(&store->db, sql, &err), ERR_OK, "%s", err.message);
    store_close(store);
    vault_close(vault);
}
