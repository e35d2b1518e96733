/*
 * tests/support/process - programs that a test starts, and that never outlive it.
 *
 * A program dies with the thread that started it (PR_SET_PDEATHSIG). What it says on standard error is kept in a file
 * and shown when an expectation about it fails.
 *
 * Threads: process_try and process_kill may be used by any thread; the others fail the test, which only its own thread
 * may do.
 */
#ifndef TESTS_SUPPORT_PROCESS_H
#define TESTS_SUPPORT_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "tests/support/folder.h"

#define PROCESS_ARGS_MAX 40
#define PROCESS_OUTPUT_MAX ((size_t)64 * 1024 * 1024)

/* The built programs. */
extern const char program_agent[];
extern const char program_cli[];
extern const char program_centre[];
extern const char program_centre_ctl[];
extern const char program_verify[];

/* Takes variables out of the environment that would let the machine's own set-up reach into a test. */
void process_clean_environment(void);

struct process {
    pid_t pid; /* 0: not running */
    char name[64];
    char stderr_path[FOLDER_PATH_SIZE]; /* appended to at every start */
};

/* `argv` ends with NULL; argv[0] is the program's path. */
void process_start(struct process *process, const char *const *argv);
bool process_running(struct process *process); /* false also when it has just ended; process_wait gives the status */

/* Exit status, or 128 + signal. Not ended after timeout_ms: killed, and the test fails. */
int process_wait(struct process *process, int timeout_ms);
/* SIGTERM and process_wait. */
int process_stop(struct process *process, int timeout_ms);
/* SIGKILL, at once. Nothing when it does not run. */
void process_kill(struct process *process);
/* Its standard error until now, on the test's own. */
void process_show(const struct process *process);
/* Has it said this? */
bool process_said(const struct process *process, const char *text);

struct process_result {
    int exit_status; /* 128 + signal when killed; -1: could not be started or did not end in time */
    struct buf out;
    struct buf err;
};

/* Runs a program to its end with `input` on its standard input; process_result_fini releases. */
void process_try(const char *const *argv, struct slice input, int timeout_ms, struct process_result *ret_result);
void process_result_fini(struct process_result *result);

#endif
