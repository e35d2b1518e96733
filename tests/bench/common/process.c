#include "tests/bench/common/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/common/bench.h"

enum { STOP_STEPS = 3000, STEP_US = 10000 };

/* stdin_fd and stdout_fd below 0: as this process has it, and the log. */
static pid_t start(const char *const *argv, const char *log_path, int stdin_fd, int stdout_fd)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0) {
        bench_die("start '%s': %s", argv[0], strerror(errno));
    }
    if (pid > 0) {
        return pid;
    }
    int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent ||
        (stdin_fd >= 0 && dup2(stdin_fd, STDIN_FILENO) < 0) ||
        dup2(stdout_fd >= 0 ? stdout_fd : log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0) {
        _exit(126);
    }
    (void)execv(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

void process_start(struct process *process, const char *const *argv, const char *log_path)
{
    process->pid = start(argv, log_path, -1, -1);
}

void process_talk(struct process *process, const char *const *argv, const char *log_path)
{
    int to[2];
    int from[2];
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) {
        bench_die("make a pipe: %s", strerror(errno));
    }
    process->pid = start(argv, log_path, to[0], from[1]);
    (void)close(to[0]);
    (void)close(from[1]);
    process->to = fdopen(to[1], "w");
    process->from = fdopen(from[0], "r");
    CHECK(process->to != NULL && process->from != NULL);
}

void process_say(struct process *process, const char *line, char *out, size_t size)
{
    if (line != NULL && (fprintf(process->to, "%s\n", line) < 0 || fflush(process->to) != 0)) {
        bench_die("tell a program '%s': it has ended", line);
    }
    if (fgets(out, (int)size, process->from) == NULL) {
        bench_die("a program ended instead of answering '%s'", line != NULL ? line : "");
    }
}

bool process_running(struct process *process)
{
    int status;
    if (process->pid != 0 && waitpid(process->pid, &status, WNOHANG) != 0) {
        process->pid = 0;
    }
    return process->pid != 0;
}

void process_stop(struct process *process)
{
    if (process->pid == 0) {
        return;
    }
    (void)kill(process->pid, SIGTERM);
    for (int i = 0; i < STOP_STEPS; i++) {
        int status;
        if (waitpid(process->pid, &status, WNOHANG) == process->pid) {
            process->pid = 0;
            if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
                bench_die("a program did not stop cleanly: status %#x", (unsigned)status);
            }
            return;
        }
        (void)usleep(STEP_US);
    }
    bench_die("a program did not stop within 30 s");
}

void process_kill(struct process *process)
{
    (void)kill(process->pid, SIGKILL);
    (void)waitpid(process->pid, NULL, 0);
    process->pid = 0;
    (void)fclose(process->to);
    (void)fclose(process->from);
}

static size_t read_all(int fd, char *out, size_t size)
{
    size_t len = 0;
    for (;;) {
        char rest[256];
        bool room = len + 1 < size;
        ssize_t got = read(fd, room ? out + len : rest, room ? size - 1 - len : sizeof(rest));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            out[len] = '\0';
            return len;
        }
        len += room ? (size_t)got : 0;
    }
}

void process_run(const char *const *argv, const char *log_path, char *out, size_t size)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        bench_die("make a pipe: %s", strerror(errno));
    }
    pid_t pid = start(argv, log_path, -1, ends[1]);
    (void)close(ends[1]);
    (void)read_all(ends[0], out, size);
    (void)close(ends[0]);
    int status;
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        bench_die("'%s %s' ended with status %#x; it said: %s; see '%s'", argv[0], argv[1], (unsigned)status, out,
                  log_path);
    }
}

static double task_cpu_s(const char *path)
{
    char text[128];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0; /* a thread that has ended meanwhile */
    }
    (void)read_all(fd, text, sizeof(text));
    (void)close(fd);
    return (double)strtoull(text, NULL, 10) / 1e9;
}

double process_cpu_s(const struct process *process)
{
    char path[384];
    (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)process->pid);
    DIR *tasks = opendir(path);
    if (tasks == NULL) {
        bench_die("read '%s': %s", path, strerror(errno));
    }
    double total = 0;
    for (struct dirent *task = readdir(tasks); task != NULL; task = readdir(tasks)) {
        if (task->d_name[0] != '.') {
            (void)snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", (int)process->pid, task->d_name);
            total += task_cpu_s(path);
        }
    }
    (void)closedir(tasks);
    return total;
}

void process_reset_peak(const struct process *process)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/clear_refs", (int)process->pid);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "5", 1) != 1) { /* proc(5) */
        bench_die("write '%s': %s", path, strerror(errno));
    }
    (void)close(fd);
}

long process_status(const struct process *process, const char *name)
{
    char path[64];
    char text[4096];
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)process->pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        bench_die("read '%s': %s", path, strerror(errno));
    }
    (void)read_all(fd, text, sizeof(text));
    (void)close(fd);
    char key[64];
    (void)snprintf(key, sizeof(key), "\n%s:", name);
    const char *line = strstr(text, key);
    if (line == NULL) {
        bench_die("find '%s' in '%s'", name, path);
    }
    return strtol(line + strlen(key), NULL, 10);
}
