/*
 * Killed while a replica or a centre is made for the first time: the next start makes it, or finds it whole.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "chance.h"
#include "tests/support/wait.h"
#include "tests/support/world.h"

enum { LAPTOP_ROUNDS = 40, CENTRE_ROUNDS = 20 };

static struct chance chance;
static struct world world;

static void start(void)
{
    chance = chance_begin("crash_first_start");
    world_init(&world);
}

static void stop(void)
{
    world_fini(&world);
}

TestSuite(first_start_kill, .init = start, .fini = stop);

static uint32_t us_since(int64_t began_ms)
{
    return (uint32_t)(clock_monotonic_ms() - began_ms + 1) * 1000;
}

static void forget(struct laptop *laptop)
{
    laptop_kill(laptop);
    folder_remove(laptop->dir);
    (void)unlink(laptop->key_file);
}

Test(first_start_kill, an_agent_comes_up_whenever_its_first_start_was_cut_short)
{
    struct laptop *laptop = laptop_make(&world, "a", true);
    forget(laptop);
    int64_t began_ms = clock_monotonic_ms();
    laptop_start(laptop);
    uint32_t usual_us = us_since(began_ms);
    unsigned without_database = 0;
    for (int round = 0; round < LAPTOP_ROUNDS; round++) {
        const char *argv[] = { program_agent, "--state-dir", laptop->dir, "--key-file", laptop->key_file, NULL };
        char database[FOLDER_PATH_SIZE + 16];
        forget(laptop);
        process_start(&laptop->process, argv);
        pause_us(chance_below(&chance, usual_us));
        laptop_kill(laptop);
        (void)snprintf(database, sizeof(database), "%s/replica.db", laptop->dir);
        without_database += access(database, F_OK) != 0;
        began_ms = clock_monotonic_ms();
        laptop_start(laptop); /* fails unless the replica opens */
        usual_us = us_since(began_ms);
        cr_assert_str_eq(text_at(laptop_status(laptop), "vault"), "open");
    }
    (void)fprintf(stderr, "crash_first_start: %d kills within about %u ms, %u before there was a database\n",
                  LAPTOP_ROUNDS, usual_us / 1000, without_database);
}

Test(first_start_kill, a_centre_can_be_made_whenever_making_it_was_cut_short)
{
    centre_make(&world);
    struct centre *centre = &world.centre;
    struct process making = { .name = "init" };
    const char *argv[] = { program_centre_ctl, "init", "--host", "127.0.0.1", "--state-dir", centre->dir, NULL };
    (void)snprintf(making.stderr_path, sizeof(making.stderr_path), "%.200s/init.log", world.folder);
    centre_kill(centre);
    folder_remove(centre->dir);
    int64_t began_ms = clock_monotonic_ms();
    process_start(&making, argv);
    cr_assert_eq(process_wait(&making, WORLD_STEP_MS), EXIT_DONE);
    uint32_t usual_us = us_since(began_ms);
    unsigned made = 0;
    for (int round = 0; round < CENTRE_ROUNDS; round++) {
        folder_remove(centre->dir);
        process_start(&making, argv);
        pause_us(chance_below(&chance, usual_us));
        process_kill(&making);
        process_start(&making, argv);
        int status = process_wait(&making, WORLD_STEP_MS);
        cr_assert(status == EXIT_DONE || (status == EXIT_REFUSED && process_said(&making, "there is one here already")),
                  "a second init ended with %d", status);
        made += status == EXIT_DONE;
        usual_us = status == EXIT_DONE ? usual_us : usual_us / 4 * 3 + 1; /* too late: the machine has become faster */
        centre_start(centre);
        centre_add_site(centre, "Green Spaces", "Garden");
        centre_kill(centre);
    }
    (void)fprintf(stderr, "crash_first_start: %d kills of init within about %u ms, %u before it was done\n",
                  CENTRE_ROUNDS, usual_us / 1000, made);
    cr_assert_gt(made, 0, "no init was cut short");
}
