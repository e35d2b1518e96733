#include "child.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

pid_t child_start(void (*run)(int fd), int *ret_fd)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        (void)close(ends[0]);
        run(ends[1]);
        _exit(10);
    }
    (void)close(ends[1]);
    *ret_fd = ends[0];
    return child;
}

void child_kill(pid_t child)
{
    int status;
    cr_assert_eq(kill(child, SIGKILL), 0);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "the child ended by itself: status %d", status);
}
