/*
 * tests/bench/common/bench - stopwatches, and the lines that the programs of tests/bench hand to tests/bench/run.
 *
 * A line is KEY, side (ours, floor or pouchdb) and value, with tabs between; tests/bench/run puts the sides of a key
 * into one row of its table. Everything else a program prints goes to stderr and is for a person.
 */
#ifndef BENCH_COMMON_BENCH_H
#define BENCH_COMMON_BENCH_H

#include <stdint.h>

#include "base/error.h"

/* Ends the program with the failure: a benchmark that half worked measures nothing. */
#define MUST(call)                                                                                                     \
    do {                                                                                                               \
        struct error must_err_ = { 0 };                                                                                \
        struct error *err = &must_err_;                                                                                \
        if ((call) != ERR_OK) {                                                                                        \
            bench_die("%s: %s", #call, must_err_.message);                                                             \
        }                                                                                                              \
    } while (0)

_Noreturn void bench_die(const char *format, ...) PRINTF_LIKE(1, 2);
void bench_note(const char *format, ...) PRINTF_LIKE(1, 2);

enum bench_side { BENCH_OURS, BENCH_FLOOR, BENCH_POUCHDB };

/* `key` and `variant` (may be "") become KEY or KEY.VARIANT. */
void bench_value(const char *key, const char *variant, enum bench_side side, double value);

int64_t bench_now_ns(void);    /* monotonic */
double bench_cpu_self_s(void); /* user and system, of this process */
double bench_since_s(int64_t from_ns);

/* CPU and wall time together. */
struct stopwatch {
    double cpu_s;
    int64_t wall_ns;
};

struct stopwatch stopwatch_start(void);
double stopwatch_cpu_s(struct stopwatch from);
double stopwatch_wall_s(struct stopwatch from);

/* Sorts `values`; fraction 0.5 is the median, 0.99 the value that one in a hundred is above. */
double bench_quantile(double *values, size_t count, double fraction);

/* A new folder under $TMPDIR or /tmp, and its end with everything in it. */
void bench_folder_make(char out[96]);
void bench_folder_remove(const char *folder);

#endif
