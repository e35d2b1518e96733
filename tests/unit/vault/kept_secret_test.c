/* A secret that a row keeps. */
#include "crypto/key_memory.h"
#include "world.h"

static struct world world;
static struct secret secret;
static struct buf kept;
static struct error err;

static void setup(void)
{
    world_make(&world);
    world_open(&world);
    buf_init(&kept, 2 * VAULT_SECRET_MAX);
    cr_assert_eq(secret_random(121, &secret, &err), ERR_OK);
    cr_assert_eq(vault_close_secret(world.vault, "test", &secret, &kept, &err), ERR_OK, "%s", err.message);
}

static void teardown(void)
{
    secret_free(&secret);
    buf_fini(&kept);
    world_fini(&world);
}

TestSuite(vault_kept_secret, .init = setup, .fini = teardown);

Test(vault_kept_secret, comes_back_into_key_memory)
{
    SCOPED(secret_free) struct secret back = { 0 };
    world_shut(&world);
    world_open(&world);
    cr_assert_eq(vault_open_secret(world.vault, "test", buf_slice(&kept), &back, &err), ERR_OK, "%s", err.message);
    cr_assert(secret_equal(slice_of(back.bytes, back.len), slice_of(secret.bytes, secret.len)));
    cr_assert(key_memory_holds(back.bytes));
}

Test(vault_kept_secret, holds_no_part_of_the_secret_and_differs_each_time)
{
    SCOPED(buf_fini) struct buf again;
    buf_init(&again, 2 * VAULT_SECRET_MAX);
    cr_assert_eq(vault_close_secret(world.vault, "test", &secret, &again, &err), ERR_OK);
    cr_assert_not(slice_equal(buf_slice(&kept), buf_slice(&again)));
    for (size_t i = 0; i + 8 <= secret.len; i++) {
        cr_assert_null(memmem(kept.data, kept.len, secret.bytes + i, 8));
    }
}

Test(vault_kept_secret, is_refused_for_another_purpose_by_another_vault_changed_or_cut)
{
    struct world other;
    SCOPED(secret_free) struct secret back = { 0 };
    world_make(&other);
    world_open(&other);
    cr_assert_eq(vault_open_secret(world.vault, "tests", buf_slice(&kept), &back, &err), ERR_DAMAGED);
    cr_assert_eq(vault_open_secret(other.vault, "test", buf_slice(&kept), &back, &err), ERR_DAMAGED);
    world_fini(&other);
    for (size_t i = 0; i < kept.len; i++) {
        kept.data[i] ^= 4;
        cr_assert_eq(vault_open_secret(world.vault, "test", buf_slice(&kept), &back, &err), ERR_DAMAGED);
        kept.data[i] ^= 4;
    }
    for (size_t len = 0; len < kept.len; len++) {
        cr_assert_eq(vault_open_secret(world.vault, "test", slice_of(kept.data, len), &back, &err), ERR_DAMAGED);
    }
    cr_assert_null(back.bytes);
}
