#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "crypto/vault/restore_swap.h"
#include "support.h"

/* Sets of files that say whose they are: what is in them does not matter to the exchange. */

TestSuite(swap, .timeout = 120);

static const char *const PARTS[] = { "", "-wal", ".keys", ".keys.prev", ".fresh" };

static void part_write(const struct world *world, const char *set, const char *part, const char *content)
{
    char name[256];
    struct error err;
    (void)snprintf(name, sizeof(name), "%s%s%s", world->path, set, part);
    cr_assert_eq(file_replace(name, slice_of_text(content), 0600, &err), ERR_OK, "%s", err.message);
}

static bool part_is(const struct world *world, const char *set, const char *part, const char *content)
{
    char name[256];
    struct buf found;
    (void)snprintf(name, sizeof(name), "%s%s%s", world->path, set, part);
    buf_init(&found, 100);
    bool same = file_exists(name) && file_read(name, &found, NULL) == ERR_OK &&
                slice_equal(buf_slice(&found), slice_of_text(content));
    buf_fini(&found);
    return content == NULL ? !file_exists(name) : same;
}

static void set_write(const struct world *world, const char *set, const char *content)
{
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) {
        part_write(world, set, PARTS[i], content);
    }
}

/* All of its parts, or none. */
static bool set_is(const struct world *world, const char *set, const char *content)
{
    bool is = true;
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) {
        is = is && part_is(world, set, PARTS[i], content);
    }
    return is;
}

Test(swap, puts_the_restored_set_in_place_and_keeps_the_old)
{
    struct world world;
    struct error err;
    char kept[RESTORE_SET_SIZE];
    world_folder(&world);
    set_write(&world, "", "old");
    set_write(&world, RESTORE_INCOMING, "new");
    cr_assert_eq(restore_swap(world.path, 1700000000123, kept, &err), ERR_OK, "%s", err.message);
    cr_assert_str_eq(kept, ".replaced-20231114T221320123Z");
    cr_assert(set_is(&world, "", "new"));
    cr_assert(set_is(&world, kept, "old"));
    cr_assert(set_is(&world, RESTORE_INCOMING, NULL));
    cr_assert(part_is(&world, ".swap", "", NULL));
    world_sweep(&world);
}

Test(swap, leaves_no_log_of_the_old_set_beside_the_new)
{
    struct world world;
    struct error err;
    char kept[RESTORE_SET_SIZE];
    world_folder(&world);
    set_write(&world, "", "old");
    part_write(&world, RESTORE_INCOMING, "", "new");
    part_write(&world, RESTORE_INCOMING, ".keys", "new");
    cr_assert_eq(restore_swap(world.path, 1700000000123, kept, &err), ERR_OK, "%s", err.message);
    cr_assert(part_is(&world, "", "-wal", NULL), "a log of the old set would be damage beside the new database");
    cr_assert(part_is(&world, "", ".fresh", NULL));
    cr_assert(part_is(&world, "", ".keys.prev", NULL));
    world_sweep(&world);
}

Test(swap, works_where_no_replica_was)
{
    struct world world;
    struct error err;
    char kept[RESTORE_SET_SIZE] = "x";
    world_folder(&world);
    cr_assert_eq(restore_swap(world.path, 1, kept, &err), ERR_NOT_FOUND, "nothing is there to be put in use");
    set_write(&world, RESTORE_INCOMING, "new");
    cr_assert_eq(restore_swap(world.path, 1, kept, &err), ERR_OK, "%s", err.message);
    cr_assert_str_eq(kept, "");
    cr_assert(set_is(&world, "", "new"));
    cr_assert_eq(restore_undo(world.path, 2, kept, &err), ERR_NOT_FOUND);
    world_sweep(&world);
}

Test(swap, is_undone_to_the_set_replaced_last)
{
    struct world world;
    struct error err;
    char kept[RESTORE_SET_SIZE];
    world_folder(&world);
    set_write(&world, "", "first");
    set_write(&world, RESTORE_INCOMING, "second");
    cr_assert_eq(restore_swap(world.path, 1000, kept, &err), ERR_OK, "%s", err.message);
    set_write(&world, RESTORE_INCOMING, "third");
    cr_assert_eq(restore_swap(world.path, 1000, kept, &err), ERR_OK, "%s", err.message);
    cr_assert_str_eq(kept, ".replaced-19700101T000001001Z", "a name that is taken is not taken again");
    cr_assert_eq(restore_undo(world.path, 3000, kept, &err), ERR_OK, "%s", err.message);
    cr_assert(set_is(&world, "", "second"));
    cr_assert_str_eq(kept, ".undone-19700101T000003000Z");
    cr_assert(set_is(&world, kept, "third"));
    cr_assert_eq(restore_undo(world.path, 4000, kept, &err), ERR_OK, "%s", err.message);
    cr_assert(set_is(&world, "", "first"));
    struct restore_sets sets;
    cr_assert_eq(restore_sets_read(world.path, &sets, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(sets.count, 2);
    cr_assert_str_eq(sets.sets[0].name, ".undone-19700101T000004000Z");
    cr_assert_eq(sets.sets[0].bytes, 6 * ARRAY_LEN(PARTS));
    cr_assert_eq(restore_sets_discard(world.path, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(restore_sets_read(world.path, &sets, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(sets.count, 0);
    cr_assert(set_is(&world, "", "first"), "the set in use stays");
    world_sweep(&world);
}

Test(swap, discards_more_sets_than_it_lists)
{
    struct world world;
    struct error err;
    struct restore_sets sets;
    world_folder(&world);
    for (int i = 0; i < RESTORE_SETS_MAX + 9; i++) {
        char set[64];
        (void)snprintf(set, sizeof(set), ".replaced-20261122T071500%03dZ", (i * 7) % 100);
        part_write(&world, set, i % 2 == 0 ? ".keys" : "", "x");
    }
    part_write(&world, ".replaced-20261122T07150000Z", ".keys", "a name that we never give");
    cr_assert_eq(restore_sets_read(world.path, &sets, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(sets.count, RESTORE_SETS_MAX);
    for (size_t i = 1; i < sets.count; i++) {
        cr_assert_lt(strcmp(sets.sets[i].name, sets.sets[i - 1].name), 0, "the newest first, each once");
    }
    cr_assert_eq(restore_sets_discard(world.path, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(restore_sets_read(world.path, &sets, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(sets.count, 0);
    cr_assert(part_is(&world, ".replaced-20261122T07150000Z", ".keys", "a name that we never give"));
    world_sweep(&world);
}

/* Interrupted
 * -------------------------------------------------------------------------------------------------------------- */

Test(swap, goes_on_from_every_step_that_a_kill_can_leave)
{
    static const char *const ORDER[] = { "-wal", ".fresh", "", ".keys.prev", ".keys" };
    static const char *const KEPT = ".replaced-20231114T221320123Z";
    for (size_t done = 0; done <= 2 * ARRAY_LEN(ORDER) + 1; done++) {
        struct world world;
        struct error err;
        world_folder(&world);
        size_t out = done <= ARRAY_LEN(ORDER) ? done : ARRAY_LEN(ORDER);
        size_t in = done > ARRAY_LEN(ORDER) ? done - ARRAY_LEN(ORDER) - 1 : 0;
        for (size_t i = 0; i < ARRAY_LEN(ORDER); i++) {
            part_write(&world, i < out ? KEPT : "", ORDER[i], "old");
            part_write(&world, i < in ? "" : RESTORE_INCOMING, ORDER[i], "new");
        }
        part_write(&world, ".swap", "",
                   done <= ARRAY_LEN(ORDER)
                       ? "holdfast swap 1\nout .replaced-20231114T221320123Z\nin .restoring\nstep out\n"
                       : "holdfast swap 1\nout .replaced-20231114T221320123Z\nin .restoring\nstep in\n");
        cr_assert_eq(restore_swap_recover(world.path, &err), ERR_OK, "after %zu: %s", done, err.message);
        cr_assert(set_is(&world, "", "new"), "after %zu renames", done);
        cr_assert(set_is(&world, KEPT, "old"), "after %zu renames", done);
        cr_assert(part_is(&world, ".swap", "", NULL));
        world_sweep(&world);
    }
}

Test(swap, that_never_came_so_far_leaves_the_old_set_and_nothing_else)
{
    struct world world;
    struct error err;
    world_folder(&world);
    set_write(&world, "", "old");
    set_write(&world, RESTORE_INCOMING, "half");
    cr_assert_eq(restore_swap_recover(world.path, &err), ERR_OK, "%s", err.message);
    cr_assert(set_is(&world, "", "old"));
    cr_assert(set_is(&world, RESTORE_INCOMING, NULL));
    world_sweep(&world);
}

Test(swap, does_nothing_on_the_word_of_a_note_that_it_did_not_write)
{
    static const char *const NOTES[] = {
        "",
        "holdfast swap 1\n",
        "holdfast swap 2\nout -\nin .restoring\nstep in\n",
        "holdfast swap 1\nout -\nin .restoring\nstep on\n",
        "holdfast swap 1\nout -\nin /../../etc/passwd\nstep in\n",
        "holdfast swap 1\nout .replaced-2023111xT221320123Z\nin .restoring\nstep out\n",
        "holdfast swap 1\nout ../x\nin .restoring\nstep out\n",
        "holdfast swap 1\nout -\nin .restoring\nstep in\nand more\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(NOTES); i++) {
        struct world world;
        struct error err;
        world_folder(&world);
        set_write(&world, "", "old");
        set_write(&world, RESTORE_INCOMING, "new");
        part_write(&world, ".swap", "", NOTES[i]);
        cr_assert_eq(restore_swap_recover(world.path, &err), ERR_DAMAGED, "note %zu", i);
        cr_assert(set_is(&world, "", "old"));
        cr_assert(set_is(&world, RESTORE_INCOMING, "new"), "nothing is thrown away either");
        world_sweep(&world);
    }
}

/* A real process, killed while it exchanges two sets again and again. */
Test(swap, killed_at_random_leaves_one_whole_set_in_use)
{
    struct world world;
    struct error err;
    char kept[RESTORE_SET_SIZE];
    srand(7);
    log_set_level(LOG_LEVEL_ERROR);
    world_folder(&world);
    set_write(&world, "", "one");
    set_write(&world, RESTORE_INCOMING, "two");
    cr_assert_eq(restore_swap(world.path, 1, kept, &err), ERR_OK, "%s", err.message);
    unsigned one = 0;
    for (int round = 0; round < 60; round++) {
        pid_t child = fork();
        cr_assert_geq(child, 0);
        if (child == 0) {
            for (int64_t at_ms = 1000 + round * 1000;; at_ms++) {
                if (restore_undo(world.path, at_ms, kept, NULL) != ERR_OK) {
                    (void)!restore_sets_discard(world.path, NULL);
                    _exit(9);
                }
                /* the set that went out becomes one that can come in again */
                char name[300];
                char again[300];
                for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) {
                    (void)snprintf(name, sizeof(name), "%s%s%s", world.path, kept, PARTS[i]);
                    (void)snprintf(again, sizeof(again), "%s.restoring%s", world.path, PARTS[i]);
                    (void)rename(name, again);
                }
                (void)!restore_swap(world.path, at_ms, kept, NULL);
            }
        }
        (void)usleep((useconds_t)(rand() % 20000));
        cr_assert_eq(kill(child, SIGKILL), 0);
        int status;
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert(WIFSIGNALED(status), "round %d: the child gave up by itself", round);
        cr_assert_eq(restore_swap_recover(world.path, &err), ERR_OK, "round %d: %s", round, err.message);
        bool is_one = set_is(&world, "", "one");
        cr_assert(is_one || set_is(&world, "", "two"), "round %d: no whole set is in use", round);
        one += is_one;
        /* whole again for the next round */
        cr_assert_eq(restore_sets_discard(world.path, &err), ERR_OK, "%s", err.message);
        set_write(&world, RESTORE_INCOMING, is_one ? "two" : "one");
        cr_assert_eq(restore_swap(world.path, 1, kept, &err), ERR_OK, "%s", err.message);
    }
    cr_assert(one > 0 && one < 60, "kills fell into both states: %u", one);
    world_sweep(&world);
}
