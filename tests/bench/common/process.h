/*
 * tests/bench/common/process - programs that a benchmark starts, and what the kernel says of them.
 *
 * A program dies with the benchmark (PR_SET_PDEATHSIG).
 */
#ifndef BENCH_COMMON_PROCESS_H
#define BENCH_COMMON_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

struct process {
    pid_t pid; /* 0: not running */
    FILE *to;  /* of process_talk: its standard input and output */
    FILE *from;
};

/* `argv` ends with NULL; argv[0] is the program's path. What it says goes to the end of `log_path`. */
void process_start(struct process *process, const char *const *argv, const char *log_path);
/* The same, to be talked to; ended by process_kill, as it holds nothing that is wanted. */
void process_talk(struct process *process, const char *const *argv, const char *log_path);
/* Tells it a line (NULL: nothing) and waits for one. */
void process_say(struct process *process, const char *line, char *out, size_t size);
void process_kill(struct process *process);

bool process_running(struct process *process);
/* SIGTERM; the benchmark fails when the program does not end with status 0 within 30 s. */
void process_stop(struct process *process);

/* Runs a program to its end; the benchmark fails unless it ends with 0. What it printed is cut at size - 1 bytes. */
void process_run(const char *const *argv, const char *log_path, char *out, size_t size);

/* CPU time of all its threads, as the scheduler counts it. */
double process_cpu_s(const struct process *process);
/* VmHWM, the most memory it ever held, is counted anew from what it holds now. */
void process_reset_peak(const struct process *process);
/* Number in a line of /proc/PID/status such as VmHWM, which is in KiB, or voluntary_ctxt_switches. */
long process_status(const struct process *process, const char *name);

#endif
