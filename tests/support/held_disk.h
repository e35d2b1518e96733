/*
 * tests/support/held_disk - a laptop whose disk does not answer for as long as a test wants: what reads it beside the
 * loop is then under way for sure, on a fast machine and on a busy one. The loop's own reads are answered.
 *
 * Threads: the test's own.
 */
#ifndef TESTS_SUPPORT_HELD_DISK_H
#define TESTS_SUPPORT_HELD_DISK_H

#include "tests/support/world.h"

/* Stops the laptop and starts it with a disk that can be held, and a clock of its own. */
void held_disk_start(struct laptop *laptop);
void held_disk_hold(struct laptop *laptop);
void held_disk_let_go(struct laptop *laptop); /* also where it is not held */

/*
 * Starts the command and holds the disk once `seen`; again, where what it asked for was through before. `forget`
 * (NULL: nothing to do) comes before each try.
 */
void held_disk_begin(struct laptop *laptop, struct process *command, const char *const *argv, bool (*seen)(void),
                     void (*forget)(void));

#endif
