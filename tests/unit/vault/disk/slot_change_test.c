#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../world.h"
#include "calls.h"
#include "tape.h"

/*
 * A slot is added, changed or removed while a call of the file system fails, or the power goes at any moment: one of
 * the secrets from before and after always opens the vault, and what was taken away and said to be gone opens nothing.
 */

TestSuite(vault_slot_change, .timeout = 300);

enum { LUCKS = 6 };

static const uint8_t OLD_KEY[VAULT_KEY_FILE_BYTES] = "the key that is there in advance";
static const uint8_t NEW_KEY[VAULT_KEY_FILE_BYTES] = "the key that is there from now o";
static const struct vault_unlock OLD = { VAULT_SLOT_KEY_FILE, OLD_KEY, sizeof(OLD_KEY) };
static const struct vault_unlock NEW = { VAULT_SLOT_KEY_FILE, NEW_KEY, sizeof(NEW_KEY) };

static void begin(struct world *world)
{
    struct error err = { .message = "" };
    world_make(world);
    world_open(world);
    cr_assert_eq(world_add_slot(world->vault, &OLD, &err), ERR_OK, "%s", err.message);
    sql(world->db, "CREATE TABLE t(a); INSERT INTO t VALUES(7)");
}

static enum err_code change(struct world *world, enum vault_slot_action action, struct error *err)
{
    struct vault_slot_new slot = { .unlock = NEW, .label = "new", .created_on = 20000 };
    int number;
    switch (action) {
    case VAULT_SLOT_ADD:
        return vault_slot_add(world->vault, &WORLD_UNLOCK, &slot, &number, err);
    case VAULT_SLOT_CHANGE:
        return vault_slot_change(world->vault, &WORLD_UNLOCK, 2, &slot, &number, err);
    default:
        return vault_slot_remove(world->vault, &WORLD_UNLOCK, 2, err);
    }
}

static bool opens(const struct world *world, const struct vault_unlock *unlock)
{
    struct vault *vault = NULL;
    struct error err = { .message = "" };
    enum err_code rc = vault_open(world->path, unlock, &vault, &err);
    vault_close(vault);
    cr_assert(rc == ERR_OK || rc == ERR_KEY, "%s: %s", err_code_name(rc), err.message);
    return rc == ERR_OK;
}

/* `told`: the change was reported as done. */
static void judge_copy(const struct world *world, enum vault_slot_action action, bool begun, bool told)
{
    bool before = opens(world, &OLD);
    bool after = opens(world, &NEW);
    cr_assert(opens(world, &WORLD_UNLOCK), "a slot that nobody touched");
    if (!begun) {
        cr_assert(before && !after);
    } else if (action == VAULT_SLOT_ADD) {
        cr_assert(before && (after || !told));
    } else if (action == VAULT_SLOT_CHANGE) {
        cr_assert(before != after && (after || !told));
    } else {
        cr_assert(!after && (!before || !told));
    }
}

/* And once more when only the second copy is left. */
static void judge(struct world *world, enum vault_slot_action action, bool begun, bool told)
{
    judge_copy(world, action, begun, told);
    world_open(world);
    cr_assert_eq(sql_number(world->db, "SELECT a FROM t"), 7);
    world_shut(world);
    cr_assert_eq(unlink(world_file(world, ".keys")), 0);
    judge_copy(world, action, begun, told);
}

static void fail_each_call(enum vault_slot_action action, int error, bool for_good)
{
    for (long n = 1;; n++) {
        struct world world;
        struct error err = { .message = "" };
        begin(&world);
        struct tape *tape = tape_start(world.folder);
        calls_reset();
        calls.fail_at = n;
        calls.error = error;
        calls.for_good = for_good;

        enum err_code rc = change(&world, action, &err);

        bool failed = calls.failed;
        calls_reset();
        tape_stop(tape);
        tape_free(tape);
        cr_assert(rc != ERR_DAMAGED && rc != ERR_KEY, "call %ld: %s", n, err.message);
        world_shut(&world);
        judge(&world, action, true, rc == ERR_OK);
        world_sweep(&world);
        if (!failed) {
            cr_assert_eq(rc, ERR_OK, "%s", err.message);
            cr_assert_gt(n, 8);
            return;
        }
    }
}

Test(vault_slot_change, that_meets_a_failing_call_leaves_a_way_in)
{
    for (int action = VAULT_SLOT_ADD; action <= VAULT_SLOT_REMOVE; action++) {
        fail_each_call((enum vault_slot_action)action, EIO, false);
        fail_each_call((enum vault_slot_action)action, ENOSPC, true);
    }
}

static void lose_power_everywhere(enum vault_slot_action action)
{
    struct world world;
    struct error err = { .message = "" };
    begin(&world);
    world_shut(&world);
    struct tape *tape = tape_start(world.folder);
    world_open(&world);
    size_t begun = tape_len(tape);
    cr_assert_eq(change(&world, action, &err), ERR_OK, "%s", err.message);
    size_t told = tape_len(tape);
    tape_stop(tape);
    cr_assert_gt(told, begun + 6);
    for (size_t event = begun; event <= told; event++) {
        for (uint64_t luck = 0; luck < LUCKS; luck++) {
            struct world left;
            world_folder(&left);
            tape_lose_power(tape, event, luck, left.folder);
            judge(&left, action, event > begun, event == told);
            world_sweep(&left);
        }
    }
    tape_free(tape);
    world_shut(&world);
    world_sweep(&world);
}

Test(vault_slot_change, cut_off_by_a_loss_of_power_leaves_a_way_in)
{
    lose_power_everywhere(VAULT_SLOT_ADD);
    lose_power_everywhere(VAULT_SLOT_CHANGE);
    lose_power_everywhere(VAULT_SLOT_REMOVE);
}
