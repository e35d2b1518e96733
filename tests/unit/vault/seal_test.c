#include "world.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Nonces never repeat, also over a fork; what is refused leaves nothing behind. */

TestSuite(vault_seal);

enum { NONCES = 1000 };

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, NONCE_BYTES);
}

Test(vault_seal, nonces_do_not_repeat)
{
    static uint8_t nonces[NONCES][NONCE_BYTES];
    struct nonce_source source = { 0 };
    struct error err;
    for (size_t i = 0; i < NONCES; i++) {
        cr_assert_eq(nonce_next(&source, nonces[i], &err), ERR_OK);
    }
    qsort(nonces, NONCES, NONCE_BYTES, by_bytes);
    for (size_t i = 1; i < NONCES; i++) {
        cr_assert_neq(memcmp(nonces[i - 1], nonces[i], NONCE_BYTES), 0);
    }
}

Test(vault_seal, nonces_differ_between_parent_and_child)
{
    struct nonce_source source = { 0 };
    struct error err;
    uint8_t first[NONCE_BYTES];
    uint8_t of_parent[NONCE_BYTES];
    uint8_t of_child[NONCE_BYTES];
    int pipes[2];
    cr_assert_eq(nonce_next(&source, first, &err), ERR_OK, "the buffer is filled before the fork");
    cr_assert_eq(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) {
        bool done = nonce_next(&source, of_child, &err) == ERR_OK &&
                    write(pipes[1], of_child, sizeof(of_child)) == (ssize_t)sizeof(of_child);
        _exit(done ? 0 : 1);
    }
    cr_assert_eq(nonce_next(&source, of_parent, &err), ERR_OK);
    cr_assert_eq(read(pipes[0], of_child, sizeof(of_child)), sizeof(of_child));
    cr_assert_eq(waitpid(child, NULL, 0), child);

    cr_assert_neq(memcmp(of_parent, of_child, NONCE_BYTES), 0);
}

Test(vault_seal, a_page_that_does_not_open_gives_no_byte_of_it)
{
    struct error err;
    struct secret key;
    struct seal seal;
    static const uint8_t FILE_ID[16] = { 1 };
    static const uint8_t ZERO[PAGE_BYTES] = { 0 };
    uint8_t page[PAGE_BYTES] = "some words that must not be seen";
    uint8_t sealed[PAGE_BYTES];
    cr_assert_eq(secret_init(&err), ERR_OK);
    cr_assert_eq(secret_random(32, &key, &err), ERR_OK);
    cr_assert_eq(seal_init(&seal, &key, 1, FILE_ID, &err), ERR_OK);
    cr_assert_eq(seal_close_page(&seal, 3, page, sealed, &err), ERR_OK);
    sealed[3000] ^= 1;

    cr_assert_eq(seal_open_page(&seal, 3, sealed, sealed, &err), ERR_DAMAGED);

    cr_assert_eq(memcmp(sealed, ZERO, PAGE_BYTES), 0);
    seal_fini(&seal);
    secret_free(&key);
}
