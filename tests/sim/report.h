/*
 * tests/sim/report - where a run ends that found something wrong, and what is shown of one.
 */
#ifndef TESTS_SIM_REPORT_H
#define TESTS_SIM_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* What runs now, for whatever ends the process. */
void report_seed(uint64_t seed, unsigned steps, bool by_hand);
void report_step(unsigned step, const char *act);
void report_verbose(void);
/* Removed with all that is in it, however the process ends. */
void report_folder(const char *folder);

/* With --verbose: one line of the story. */
void tell(const char *format, ...) PRINTF_LIKE(1, 2);

/* The product broke a promise: says which, and how to see it again. */
_Noreturn void sim_fail(const char *format, ...) PRINTF_LIKE(1, 2);

/* For what cannot fail in the world's own workings; `must` is the error that the call gets. */
#define MUST(call)                                                                                                     \
    do {                                                                                                               \
        struct error must_err_ = { 0 };                                                                                \
        struct error *must = &must_err_;                                                                               \
        enum err_code must_rc_ = (call);                                                                               \
        if (must_rc_ != ERR_OK) {                                                                                      \
            sim_fail("%s:%d: %s: %s", __FILE_NAME__, __LINE__, err_code_name(must_rc_), must_err_.message);            \
        }                                                                                                              \
    } while (0)

#endif
