/*
 * What is in the memory of an agent, seen from outside: keys in locked memory only while it is open, and nothing of
 * keys, passphrase or records once it is locked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crypto/recovery.h"
#include "crypto/vault/kdf.h"
#include "crypto/vault/keys.h"
#include "crypto/vault/wrap.h"
#include "store/store.h"
#include "tests/support/memory_scan.h"
#include "tests/support/opening.h"
#include "tests/support/site.h"
#include "tests/support/wait.h"

#define PASSPHRASE "lantern orbit velvet mustard"
#define NOTE "the quiet heron came twice on tuesday"
#define CACHE_KIB 256

/* crypto/VAULT.md */
enum { SLOT_AT = 64, SLOT_SALT_AT = 24, EPOCHS_AT = 4160, EPOCH_BYTES = 96, EPOCH_KEY_AT = 8, PKCS8_SCALAR_BYTES = 32 };

static const uint8_t RECOVERY_KEY[RECOVERY_KEY_BYTES] = { 0x3a, 0x91, 0x5c, 0xe7, 0x08, 0xd2, 0x6b, 0xf4,
                                                          0x1e, 0xa9, 0x73, 0xc0, 0x5d, 0x82, 0x47, 0xbe };

static struct world world;
static struct laptop *laptop;
static struct needles keys;    /* and what is made of them */
static struct needles records; /* and the passphrase */

static void setup(void)
{
    world_init(&world);
}

static void teardown(void)
{
    needles_fini(&keys);
    needles_fini(&records);
    world_fini(&world);
}

TestSuite(memory, .init = setup, .fini = teardown, .timeout = 180);

/* ---- what is looked for ---- */

static void add_secret(const char *name, const struct secret *secret)
{
    needles_add(&keys, name, slice_of(secret->bytes, secret->len));
}

/* The keys that one data key gives, in halves as the ciphers take them. */
static void add_derived(const struct secret *data_key, const uint8_t *file_id)
{
    static const struct {
        const char *purpose;
        size_t len;
    } derived[] = { { "holdfast vault 1 page", 32 },
                    { "holdfast vault 1 log frame", 32 },
                    { "holdfast vault 1 log header", 64 } };
    struct error err;
    for (size_t i = 0; i < ARRAY_LEN(derived); i++) {
        SCOPED(secret_free) struct secret key = { 0 };
        cr_assert_eq(kdf_expand(slice_of(data_key->bytes, data_key->len), slice_of(file_id, KEYS_FILE_ID_BYTES),
                                derived[i].purpose, derived[i].len, &key, &err),
                     ERR_OK, "%s", err.message);
        for (size_t at = 0; at < key.len; at += 32) {
            needles_add_aes_key(&keys, derived[i].purpose, key.bytes + at);
        }
    }
}

static void add_data_keys(const struct keys *vault)
{
    struct error err;
    for (size_t i = 0; i < 8; i++) {
        const uint8_t *epoch = vault->image + EPOCHS_AT + i * EPOCH_BYTES;
        uint8_t associated[KEYS_FILE_ID_BYTES + 8] = { 0 };
        SCOPED(secret_free) struct secret data_key = { 0 };
        if (get_be32(epoch) == 0) {
            continue;
        }
        memcpy(associated, keys_file_id(vault), KEYS_FILE_ID_BYTES);
        memcpy(associated + KEYS_FILE_ID_BYTES, epoch, 4);
        cr_assert_eq(unwrap_key(&vault->vault_key, slice_of(associated, sizeof(associated)), epoch + EPOCH_KEY_AT,
                                &data_key, &err),
                     ERR_OK, "%s", err.message);
        add_secret("data key", &data_key);
        add_derived(&data_key, keys_file_id(vault));
    }
}

/* Of slot 0, which the passphrase opens: what scrypt gives. */
static void add_root(const struct keys *vault)
{
    struct error err;
    const uint8_t *slot = vault->image + SLOT_AT;
    struct scrypt_cost cost = { get_be32(slot + 8), get_be32(slot + 12), get_be32(slot + 16) };
    SCOPED(secret_free) struct secret root = { 0 };
    cr_assert_eq(kdf_scrypt(slice_of_text(PASSPHRASE), slice_of(slot + SLOT_SALT_AT, 32), &cost, &root, &err), ERR_OK,
                 "%s", err.message);
    add_secret("what scrypt gives", &root);
}

static void add_vault_keys(const char *path, const struct vault_unlock *unlock)
{
    struct error err;
    SCOPED(keys_fini) struct keys vault = { 0 };
    cr_assert_eq(keys_read(path, false, &vault, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(keys_unlock(&vault, unlock, &err), ERR_OK, "%s", err.message);
    needles_add_aes_key(&keys, "vault key", vault.vault_key.bytes);
    add_secret("vault key", &vault.vault_key);
    add_data_keys(&vault);
    add_root(&vault);
}

/* RFC 5915 and 5208: the scalar is the octet string after the version in the inner sequence. */
static void add_device_key(const char *path, const struct vault_unlock *unlock)
{
    static const uint8_t before[] = { 0x02, 0x01, 0x01, 0x04, PKCS8_SCALAR_BYTES };
    struct error err;
    struct vault *vault;
    struct store *store;
    struct store_identity identity = { 0 };
    struct store_options options = { .cache_kib = CACHE_KIB, .programme = programme_default() };
    cr_assert_eq(vault_open(path, unlock, &vault, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(store_open(vault, &options, &store, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(store_identity_read(store, &identity, &err), ERR_OK, "%s", err.message);
    const struct secret *der = &identity.key_pkcs8;
    const uint8_t *found = memmem(der->bytes, der->len, before, sizeof(before));
    cr_assert_not_null(found);
    needles_add_number(&keys, "device key", slice_of(found + sizeof(before), PKCS8_SCALAR_BYTES));
    struct device_key *device;
    SCOPED(secret_free) struct secret pem = { 0 };
    cr_assert_eq(device_key_load(slice_of(der->bytes, der->len), &device, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(device_key_export_pem(device, &pem, &err), ERR_OK, "%s", err.message);
    device_key_free(device);
    const uint8_t *line = memchr(pem.bytes, '\n', pem.len);
    needles_add(&keys, "device key as PEM", slice_of(line + 1 + 48, 16)); /* behind what every key's PEM begins with */
    store_identity_fini(&identity);
    store_close(store);
    vault_close(vault);
}

/* Reads them from the replica, which nobody has open. */
static void learn_secrets(void)
{
    struct error err;
    char path[FOLDER_PATH_SIZE + 16];
    struct vault_unlock unlock = { .kind = VAULT_SLOT_PASSPHRASE,
                                   .secret = (const uint8_t *)PASSPHRASE,
                                   .secret_len = strlen(PASSPHRASE) };
    (void)snprintf(path, sizeof(path), "%s/replica.db", laptop->dir);
    cr_assert_eq(secret_init(&err), ERR_OK, "%s", err.message);
    add_vault_keys(path, &unlock);
    add_device_key(path, &unlock);
    needles_add(&records, "passphrase", slice_of_text(PASSPHRASE));
    needles_add(&records, "note", slice_of_text(NOTE));
}

/* ---- the agent ---- */

static void unlock(void)
{
    (void)laptop_tell(laptop, EXIT_DONE, PASSPHRASE "\n", "unlock", NULL);
    laptop_wait_synchronised(laptop, WORLD_STEP_MS);
}

static void lock(void)
{
    json_t *status = laptop_do(laptop, EXIT_DONE, "lock", NULL);
    cr_assert_str_eq(text_at(status, "vault"), "locked");
}

/* An agent that has done all that it does with keys: made them, enrolled, recorded, exchanged, answered, verified. */
static void work(void)
{
    char session[SITE_TEXT_SIZE];
    centre_make(&world);
    centre_add_site(&world.centre, "Greenfield Trust", "Garden");
    laptop = laptop_make(&world, "laptop", false);
    (void)laptop_tell(laptop, EXIT_DONE, PASSPHRASE "\n", "unlock", "--new", NULL);
    laptop_enrol(laptop, "Garden", world.centre.port);
    site_import_people(laptop, "GDN", 5);
    session_name("GDN", 1, 1, session);
    site_attend(laptop, session, "absent", NOTE);
    laptop_wait_synchronised(laptop, WORLD_STEP_MS);
    (void)site_session(laptop, session);
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
    (void)laptop_do(laptop, EXIT_DONE, "export", "attendance", NULL);
}

/* The words come in through the API and from a person. */
static void unlock_with_recovery_key(void)
{
    struct error err;
    SCOPED(secret_free) struct secret words = { 0 };
    char line[RECOVERY_TEXT_MAX + 1];
    cr_assert_eq(recovery_format(RECOVERY_KEY, &words, &err), ERR_OK, "%s", err.message);
    (void)snprintf(line, sizeof(line), "%s\n", (const char *)words.bytes);
    (void)laptop_ask(laptop, "ok", "POST", "/v1/keys/add",
                     json_pack("{s:{s:s}, s:{s:s}}", "proof", "passphrase", PASSPHRASE, "key", "recovery",
                               (const char *)words.bytes));
    lock();
    (void)laptop_tell(laptop, EXIT_DONE, line, "unlock", "--recovery", NULL);
    needles_add(&keys, "recovery key", slice_of(RECOVERY_KEY, sizeof(RECOVERY_KEY)));
    needles_add(&records, "recovery words", slice_of_text((const char *)words.bytes));
}

static bool found(const struct finds *finds, const char *name)
{
    for (size_t i = 0; i < finds->count && i < FINDS_MAX; i++) {
        if (strcmp(finds->all[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void assert_nothing_of(const struct needles *needles)
{
    struct finds finds;
    scan_memory(laptop->process.pid, needles, &finds);
    if (finds.count > 0) {
        finds_show(&finds);
    }
    cr_assert_gt(finds.bytes, (size_t)1024 * 1024, "memory was read");
    cr_assert_eq(finds.count, (size_t)0);
}

static void assert_nothing(void)
{
    assert_nothing_of(&keys);
    assert_nothing_of(&records);
}

Test(memory, of_a_locked_agent_holds_no_key_no_passphrase_and_no_record)
{
    work();
    if (!scan_possible(laptop->process.pid)) {
        cr_skip_test("only root may read the memory of a process that is not dumpable");
    }
    lock();
    learn_secrets();
    assert_nothing();
    unlock();
    unlock_with_recovery_key();
    (void)laptop_do(laptop, EXIT_DONE, "roll", NULL);
    lock();
    assert_nothing();
}

Test(memory, of_an_agent_that_made_its_tables_in_a_thread_of_the_pool_holds_nothing_once_it_is_locked)
{
    work();
    if (!scan_possible(laptop->process.pid)) {
        cr_skip_test("only root may read the memory of a process that is not dumpable");
    }
    lock();
    learn_secrets();
    needles_add(&records, "name", slice_of_text("Example Person 3"));
    needles_add(&records, "ref", slice_of_text("GDN-P003"));
    opening_makes_tables(laptop, PASSPHRASE);
    opening_locked(laptop, PASSPHRASE);
    assert_nothing();
    unlock();
    lock();
    assert_nothing();
}

Test(memory, of_a_locked_agent_that_looked_at_its_files_and_at_a_backup_holds_nothing)
{
    char file[FOLDER_PATH_SIZE];
    work();
    if (!scan_possible(laptop->process.pid)) {
        cr_skip_test("only root may read the memory of a process that is not dumpable");
    }
    (void)snprintf(file, sizeof(file), "%.180s/greenfield.backup", world.folder);
    (void)laptop_do(laptop, EXIT_DONE, "backup", file, NULL);
    lock();
    learn_secrets();
    (void)laptop_tell(laptop, EXIT_DONE, PASSPHRASE "\n", "verify", "--vault", NULL);
    assert_nothing();
    (void)laptop_tell(laptop, EXIT_DONE, PASSPHRASE "\n", "verify", "--backup", file, NULL);
    assert_nothing();
    (void)laptop_tell(laptop, EXIT_DONE, PASSPHRASE "\n", "restore", file, "--replace", "--yes", NULL);
    lock();
    assert_nothing();
}

Test(memory, of_an_open_agent_holds_keys_only_where_it_is_locked_and_not_dumped)
{
    struct finds finds;
    work();
    if (!scan_possible(laptop->process.pid)) {
        cr_skip_test("only root may read the memory of a process that is not dumpable");
    }
    lock();
    learn_secrets();
    unlock();
    (void)laptop_do(laptop, EXIT_DONE, "export", "attendance", NULL); /* over a connection that is gone by now */
    (void)laptop_do(laptop, EXIT_DONE, "log", NULL);
    scan_memory(laptop->process.pid, &keys, &finds);
    cr_assert(found(&finds, "vault key") && found(&finds, "device key"), "the scan finds what is there");
    for (size_t i = 0; i < finds.count && i < FINDS_MAX; i++) {
        if (!finds.all[i].locked || !finds.all[i].not_dumped) {
            finds_show(&finds);
            cr_assert_fail("'%s' is in ordinary memory", finds.all[i].name);
        }
    }
    scan_memory(laptop->process.pid, &records, &finds);
    cr_assert(found(&finds, "note"), "the scan finds records that are there");
    cr_assert_not(found(&finds, "passphrase"), "nobody needs it any more");
}

enum { EMPTY_BYTES = 32 * 1024 * 1024, MANY_NEEDLES = 600, SCAN_SECONDS = 60 };

/* As many needles as two vaults give, one of which begins like memory that was never written. */
static void add_many(struct needles *needles)
{
    uint8_t bytes[NEEDLE_BYTES_MAX];
    for (unsigned i = 0; i < MANY_NEEDLES; i++) {
        memset(bytes, 1 + (int)(i % 255), sizeof(bytes));
        put_be32(bytes, i == 0 ? 0xa5 : i << 16 | 0xa5a5);
        needles_add(needles, "needle", slice_of(bytes, sizeof(bytes)));
    }
}

Test(memory_scan, is_no_slower_where_a_key_begins_like_empty_memory, .timeout = SCAN_SECONDS)
{
    struct finds finds;
    if (!scan_possible(getpid())) {
        cr_skip_test("this process may not read its own memory");
    }
    void *empty = mmap(NULL, EMPTY_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    cr_assert_neq(empty, MAP_FAILED);
    add_many(&keys);
    scan_memory(getpid(), &keys, &finds);
    cr_assert_geq(finds.bytes, (size_t)EMPTY_BYTES, "all of it was read");
    cr_assert_geq(finds.count, (size_t)MANY_NEEDLES, "each was found where the needles themselves are");
    needles_fini(&keys);
    cr_assert_eq(munmap(empty, EMPTY_BYTES), 0);
}
