#include "tests/support/process.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/support/wait.h"

const char program_agent[] = HOLDFASTD_FILE;
const char program_cli[] = HOLDFAST_FILE;
const char program_centre[] = ENDPOINT_FILE;
const char program_centre_ctl[] = ENDPOINTCTL_FILE;
const char program_verify[] = VERIFY_FILE;

#define LOOK_EVERY_MS 5
#define SHOW_MAX ((size_t)16 * 1024)
#define NOT_STARTED 127

void process_clean_environment(void)
{
    static const char *const names[] = {
        "NOTIFY_SOCKET",  "WATCHDOG_USEC",   "STATE_DIRECTORY", "CREDENTIALS_DIRECTORY",
        "JOURNAL_STREAM", "HOLDFAST_SOCKET", "http_proxy",      "https_proxy",
        "HTTPS_PROXY",    "all_proxy",       "ALL_PROXY",       "HTTP_PROXY"
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)unsetenv(names[i]);
    }
}

/* ---- between fork and exec: only what signal handlers may call ---- */

_Noreturn static void become(const char *const *argv, pid_t parent, int in, int out, int err)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
        dup2(err, STDERR_FILENO) < 0) {
        _exit(NOT_STARTED);
    }
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)execv(argv[0], (char *const *)(uintptr_t)argv);
    _exit(NOT_STARTED);
}

static pid_t spawn(const char *const *argv, int in, int out, int err)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        become(argv, parent, in, out, err);
    }
    return pid;
}

static int status_of(int wait_status)
{
    return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

/* ---- programs that stay ---- */

void process_start(struct process *process, const char *const *argv)
{
    cr_assert_eq(process->pid, 0, "'%s' runs already", process->name);
    SCOPED(scoped_close) int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    SCOPED(scoped_close) int err = open(process->stderr_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    cr_assert(in >= 0 && err >= 0, "open '%s': %m", process->stderr_path);
    process->pid = spawn(argv, in, err, err);
    cr_assert_gt(process->pid, 0, "start '%s': %m", process->name);
}

bool process_running(struct process *process)
{
    siginfo_t info = { .si_pid = 0 };
    return process->pid > 0 && waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == 0;
}

int process_wait(struct process *process, int timeout_ms)
{
    int64_t end_ms = clock_monotonic_ms() + timeout_ms;
    int status = 0;
    cr_assert_gt(process->pid, 0, "'%s' does not run", process->name);
    while (waitpid(process->pid, &status, WNOHANG) == 0) {
        if (clock_monotonic_ms() > end_ms) {
            process_kill(process);
            process_show(process);
            cr_assert_fail("'%s' did not end within %d ms", process->name, timeout_ms);
        }
        sleep_ms(LOOK_EVERY_MS);
    }
    process->pid = 0;
    return status_of(status);
}

int process_stop(struct process *process, int timeout_ms)
{
    cr_assert_gt(process->pid, 0, "'%s' does not run", process->name);
    cr_assert_eq(kill(process->pid, SIGTERM), 0);
    return process_wait(process, timeout_ms);
}

void process_kill(struct process *process)
{
    if (process->pid > 0) {
        (void)kill(process->pid, SIGKILL);
        while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        process->pid = 0;
    }
}

static void load_tail(const char *path, size_t max, char *out)
{
    size_t len = 0;
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fseek(file, -(long)max, SEEK_END) != 0) {
            rewind(file);
        }
        len = fread(out, 1, max, file);
        (void)fclose(file);
    }
    out[len] = '\0';
}

void process_show(const struct process *process)
{
    static char text[SHOW_MAX + 1];
    load_tail(process->stderr_path, SHOW_MAX, text);
    (void)fprintf(stderr, "---- what '%s' said ----\n%s---- end ----\n", process->name, text);
}

bool process_said(const struct process *process, const char *text)
{
    SCOPED(buf_fini) struct buf said;
    file_load(process->stderr_path, &said);
    return said.len > 0 && memmem(said.data, said.len, text, strlen(text)) != NULL;
}

/* ---- programs that answer and end ---- */

struct talk {
    int in;  /* its standard input; -1 once all is written */
    int out; /* -1 once closed */
    int err;
    struct slice input;
    struct process_result *result;
};

static void close_end(int *fd)
{
    scoped_close(fd);
    *fd = -1;
}

static bool take(int *fd, struct buf *into)
{
    char piece[16384];
    ssize_t len = read(*fd, piece, sizeof(piece));
    if (len > 0) {
        return buf_append(into, piece, (size_t)len, NULL) == ERR_OK;
    }
    if (len == 0 || errno != EINTR) {
        close_end(fd);
    }
    return true;
}

static void give(struct talk *talk)
{
    ssize_t len = talk->input.len > 0 ? write(talk->in, talk->input.data, talk->input.len) : 0;
    if (len > 0) {
        talk->input = slice_of(talk->input.data + len, talk->input.len - (size_t)len);
    }
    if (talk->input.len == 0 || (len < 0 && errno != EAGAIN && errno != EINTR)) {
        close_end(&talk->in);
    }
}

/* False when it takes too long or says too much. */
static bool converse(struct talk *talk, int64_t end_ms)
{
    while (talk->out >= 0 || talk->err >= 0) {
        struct pollfd fds[] = { { .fd = talk->in, .events = POLLOUT },
                                { .fd = talk->out, .events = POLLIN },
                                { .fd = talk->err, .events = POLLIN } };
        int64_t left_ms = end_ms - clock_monotonic_ms();
        if (left_ms <= 0 || (poll(fds, ARRAY_LEN(fds), (int)left_ms) < 0 && errno != EINTR)) {
            return false;
        }
        if (fds[0].revents != 0) {
            give(talk);
        }
        if ((fds[1].revents != 0 && !take(&talk->out, &talk->result->out)) ||
            (fds[2].revents != 0 && !take(&talk->err, &talk->result->err))) {
            return false;
        }
    }
    return true;
}

static int reap(pid_t pid, bool in_time)
{
    int status = 0;
    if (!in_time) {
        (void)kill(pid, SIGKILL);
    }
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return in_time ? status_of(status) : -1;
}

void process_try(const char *const *argv, struct slice input, int timeout_ms, struct process_result *ret_result)
{
    int in[2] = { -1, -1 };
    int out[2] = { -1, -1 };
    int err[2] = { -1, -1 };
    buf_init(&ret_result->out, PROCESS_OUTPUT_MAX);
    buf_init(&ret_result->err, PROCESS_OUTPUT_MAX);
    ret_result->exit_status = -1;
    pid_t pid = -1;
    if (pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0) {
        pid = spawn(argv, in[0], out[1], err[1]);
    }
    close_end(&in[0]);
    close_end(&out[1]);
    close_end(&err[1]);
    struct talk talk = { .in = in[1], .out = out[0], .err = err[0], .input = input, .result = ret_result };
    if (pid > 0) {
        (void)fcntl(talk.in, F_SETFL, O_NONBLOCK);
        bool in_time = converse(&talk, clock_monotonic_ms() + timeout_ms);
        ret_result->exit_status = reap(pid, in_time);
    }
    close_end(&talk.in);
    close_end(&talk.out);
    close_end(&talk.err);
}

void process_result_fini(struct process_result *result)
{
    buf_fini(&result->out);
    buf_fini(&result->err);
}
