#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "fixture.h"

static char folder[64];
static char path[128];

static void setup(void)
{
    assert_ok(secret_init(err));
    (void)snprintf(folder, sizeof(folder), "/tmp/secret-test-XXXXXX");
    cr_assert(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof(path), "%s/key", folder);
}

static void teardown(void)
{
    (void)unlink(path);
    (void)rmdir(folder);
}

TestSuite(secret, .init = setup, .fini = teardown);
TestSuite(secret_read_file, .init = setup, .fini = teardown);

static void write_key(size_t len, mode_t mode)
{
    (void)unlink(path);
    FILE *file = fopen(path, "wb");
    cr_assert(file != NULL);
    for (size_t i = 0; i < len; i++) {
        (void)fputc('k', file);
    }
    cr_assert_eq(fclose(file), 0);
    cr_assert_eq(chmod(path, mode), 0);
}

Test(secret, lives_in_locked_memory_and_no_core_is_written)
{
    struct secret secret;
    struct rlimit core;
    assert_ok(secret_random(32, &secret, err));
    cr_assert_eq(CRYPTO_secure_allocated(secret.bytes), 1);
    cr_assert_eq(getrlimit(RLIMIT_CORE, &core), 0);
    cr_assert_eq(core.rlim_cur, 0);
    cr_assert_eq(core.rlim_max, 0);
    assert_ok(secret_init(err));
    secret_free(&secret);
}

Test(secret, of_a_device_key_lives_in_locked_memory)
{
    struct device_key *key;
    struct secret der;
    struct secret pem;
    assert_ok(device_key_generate(&key, err));
    assert_ok(device_key_export(key, &der, err));
    assert_ok(device_key_export_pem(key, &pem, err));
    cr_assert_eq(CRYPTO_secure_allocated(der.bytes), 1);
    cr_assert_eq(CRYPTO_secure_allocated(pem.bytes), 1);
    secret_free(&der);
    secret_free(&pem);
    device_key_free(key);
}

Test(secret, new_is_zeroed_and_copy_is_the_same)
{
    struct secret zeros;
    struct secret copy;
    uint8_t expected[100] = { 0 };
    assert_ok(secret_new(sizeof(expected), &zeros, err));
    cr_assert_arr_eq(zeros.bytes, expected, sizeof(expected));
    memset(expected, 7, sizeof(expected));
    assert_ok(secret_copy(slice_of(expected, sizeof(expected)), &copy, err));
    cr_assert(secret_equal(slice_of(copy.bytes, copy.len), slice_of(expected, sizeof(expected))));
    secret_free(&zeros);
    secret_free(&copy);
}

Test(secret, random_ones_differ)
{
    struct secret first;
    struct secret second;
    assert_ok(secret_random(32, &first, err));
    assert_ok(secret_random(32, &second, err));
    cr_assert_not(secret_equal(slice_of(first.bytes, 32), slice_of(second.bytes, 32)));
    secret_free(&first);
    secret_free(&second);
}

Test(secret, freed_leaves_nothing_in_memory_and_can_be_freed_again)
{
    struct secret secret;
    assert_ok(secret_new(4096, &secret, err));
    memset(secret.bytes, 0xa5, secret.len);
    /* the heap's pages stay mapped; only its first bytes are used again, for the list of free blocks */
    volatile const uint8_t *after = secret.bytes;
    secret_free(&secret);
    for (size_t i = 64; i < 4096; i++) {
        cr_assert_eq(after[i], 0, "byte %zu", i);
    }
    cr_assert(secret.bytes == NULL);
    secret_free(&secret);
    secret_free(NULL);
}

Test(secret, wipe_leaves_zeros)
{
    uint8_t bytes[50];
    uint8_t zeros[50] = { 0 };
    memset(bytes, 1, sizeof(bytes));
    secret_wipe(bytes, sizeof(bytes));
    cr_assert_arr_eq(bytes, zeros, sizeof(bytes));
}

Test(secret, equal_looks_at_length_and_every_byte)
{
    cr_assert(secret_equal(slice_of_text("abc"), slice_of_text("abc")));
    cr_assert_not(secret_equal(slice_of_text("abc"), slice_of_text("abd")));
    cr_assert_not(secret_equal(slice_of_text("abc"), slice_of_text("xbc")));
    cr_assert_not(secret_equal(slice_of_text("abc"), slice_of_text("abcd")));
    cr_assert_not(secret_equal(slice_of_text(""), slice_of_text("a")));
}

Test(secret, lengths_outside_1_to_65536_are_refused)
{
    static uint8_t bytes[65537];
    struct secret secret;
    assert_fails(secret_copy(slice_of(bytes, 0), &secret, err), INVALID);
    assert_fails(secret_copy(slice_of(bytes, sizeof(bytes)), &secret, err), INVALID);
    assert_ok(secret_copy(slice_of(bytes, 65536), &secret, err));
    secret_free(&secret);
    assert_ok(secret_copy(slice_of(bytes, 1), &secret, err));
    secret_free(&secret);
}

Test(secret, heap_that_is_full_says_so_and_recovers)
{
    struct secret held[64] = { { 0 } };
    size_t count = 0;
    struct error err = { .message = "" };
    while (count < ARRAY_LEN(held) && secret_new(65536, &held[count], &err) == ERR_OK) {
        count++;
    }
    cr_assert_lt(count, ARRAY_LEN(held));
    cr_assert_eq(err.code, ERR_NO_MEMORY);
    secret_free(&held[0]);
    assert_ok(secret_new(65536, &held[0], err));
    for (size_t i = 0; i < count; i++) {
        secret_free(&held[i]);
    }
}

Test(secret_init, without_the_right_to_lock_memory_fails_every_time)
{
    struct rlimit none = { 0, 0 };
    cr_assert_eq(setrlimit(RLIMIT_MEMLOCK, &none), 0);
    if (geteuid() == 0) {
        cr_assert_eq(setresuid(65534, 65534, 65534), 0);
        cr_assert_eq(prctl(PR_SET_DUMPABLE, 1), 0); /* for the leak check */
    }
    assert_fails(secret_init(err), CONFIG);
    assert_fails(secret_init(err), CONFIG);
}

Test(secret_read_file, reads_what_only_its_owner_may_read)
{
    static const mode_t modes[] = { 0600, 0400, 0700 };
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        struct secret secret;
        write_key(32, modes[i]);
        assert_ok(secret_read_file(path, 32, &secret, err));
        cr_assert_eq(secret.len, 32);
        cr_assert_eq(secret.bytes[0], 'k');
        cr_assert_eq(secret.bytes[31], 'k');
        cr_assert_eq(CRYPTO_secure_allocated(secret.bytes), 1);
        secret_free(&secret);
    }
}

Test(secret_read_file, refuses_a_file_that_others_may_use)
{
    static const mode_t modes[] = { 0640, 0604, 0660, 0620, 0602, 0610, 0601, 0644, 0666, 0777 };
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        struct secret secret = { 0 };
        write_key(32, modes[i]);
        assert_fails(secret_read_file(path, 32, &secret, err), KEY);
        cr_assert(secret.bytes == NULL);
    }
}

Test(secret_read_file, refuses_an_empty_and_a_large_file)
{
    struct secret secret = { 0 };
    write_key(0, 0600);
    assert_fails(secret_read_file(path, 32, &secret, err), KEY);
    write_key(33, 0600);
    assert_fails(secret_read_file(path, 32, &secret, err), KEY);
    cr_assert(secret.bytes == NULL);
}

Test(secret_read_file, says_that_a_file_is_missing)
{
    struct secret secret;
    assert_fails(secret_read_file(path, 32, &secret, err), NOT_FOUND);
}

Test(secret_read_file, refuses_links_folders_and_pipes_without_waiting, .timeout = 10)
{
    struct secret secret = { 0 };
    struct error err;
    char link[140];
    write_key(32, 0600);
    (void)snprintf(link, sizeof(link), "%s/link", folder);
    cr_assert_eq(symlink(path, link), 0);
    cr_assert_neq(secret_read_file(link, 32, &secret, &err), ERR_OK);
    cr_assert_eq(unlink(link), 0);
    assert_fails(secret_read_file(folder, 8192, &secret, err), KEY);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(mkfifo(path, 0600), 0);
    assert_fails(secret_read_file(path, 32, &secret, err), KEY);
    cr_assert(secret.bytes == NULL);
}
