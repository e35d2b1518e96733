/*
 * A process of the test's own that works until it is killed, and reports through a pipe meanwhile.
 */
#ifndef TESTS_CRASH_CHILD_H
#define TESTS_CRASH_CHILD_H

#include <sys/types.h>

/* Forks; in the child `run` writes to the pipe and never returns. *ret_fd is where the parent reads, and closes. */
pid_t child_start(void (*run)(int fd), int *ret_fd);
/* kill -9, and waits; fails the test when the child had ended by itself. */
void child_kill(pid_t child);

#endif
