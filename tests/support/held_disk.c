#include "tests/support/held_disk.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/wait.h"

enum { TRIES = 50, SETTLED_MS = 100 };

static void file_of(const struct laptop *laptop, char ret_path[FOLDER_PATH_SIZE])
{
    (void)snprintf(ret_path, FOLDER_PATH_SIZE, "%.200s/held", laptop->world->folder);
}

void held_disk_start(struct laptop *laptop)
{
    char path[FOLDER_PATH_SIZE];
    file_of(laptop, path);
    cr_assert_eq(setenv("HUNG_DISK", path, 1), 0);
    laptop_stop(laptop);
    laptop_sleep(laptop, 0);
    laptop_start(laptop);
}

void held_disk_hold(struct laptop *laptop)
{
    char path[FOLDER_PATH_SIZE];
    file_of(laptop, path);
    file_write(path, slice_of_text(""));
}

void held_disk_let_go(struct laptop *laptop)
{
    char path[FOLDER_PATH_SIZE];
    file_of(laptop, path);
    cr_assert(unlink(path) == 0 || errno == ENOENT, "remove '%s': %m", path);
}

void held_disk_begin(struct laptop *laptop, struct process *command, const char *const *argv, bool (*seen)(void),
                     void (*forget)(void))
{
    for (int tries = 0; tries < TRIES; tries++) {
        if (forget != NULL) {
            forget();
        }
        process_start(command, argv);
        WAIT_UNTIL(seen() || !process_running(command), WORLD_STEP_MS);
        held_disk_hold(laptop);
        sleep_ms(SETTLED_MS); /* whoever needed no page any more is through by now */
        if (seen()) {
            return;
        }
        held_disk_let_go(laptop);
        cr_assert_eq(process_wait(command, WORLD_STEP_MS), 0);
    }
    cr_assert_fail("each of %d was through before anybody else was answered", TRIES);
}
