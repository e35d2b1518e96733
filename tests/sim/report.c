#include "tests/sim/report.h"

#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static uint64_t current_seed;
static unsigned current_steps;
static bool current_by_hand;
static unsigned current_step;
static const char *current_act = "setting up";
static bool verbose;
static const char *folder_left;

void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));
const char *__ubsan_default_options(void);
const char *__asan_default_options(void);

/* Remembering less of who allocated what is quicker; ASAN_OPTIONS=malloc_context_size=30 shows all of it. */
const char *__asan_default_options(void)
{
    return "malloc_context_size=2:quarantine_size_mb=16";
}

/* So that it, too, says which seed it was. */
const char *__ubsan_default_options(void)
{
    return "abort_on_error=1:print_stacktrace=1";
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about;
    (void)kind;
    (void)where;
    return remove(path);
}

static void tell_where(void)
{
    char line[256];
    int len = snprintf(line, sizeof(line),
                       "seed %llu failed at step %u (%s)\nsee it again: hf_sim --seed %llu --steps %u%s --verbose\n",
                       (unsigned long long)current_seed, current_step, current_act, (unsigned long long)current_seed,
                       current_steps, current_by_hand ? " --by-hand" : "");
    ssize_t ignored = write(STDERR_FILENO, line, (size_t)len);
    (void)ignored;
    if (folder_left != NULL) {
        (void)nftw(folder_left, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        folder_left = NULL;
    }
}

static void on_abort(int signal_number)
{
    tell_where();
    (void)signal(signal_number, SIG_DFL);
    (void)raise(signal_number);
}

void report_seed(uint64_t seed, unsigned steps, bool by_hand)
{
    current_seed = seed;
    current_steps = steps;
    current_by_hand = by_hand;
    current_step = 0;
    current_act = "setting up";
    (void)signal(SIGABRT, on_abort);
    if (__sanitizer_set_death_callback != NULL) {
        __sanitizer_set_death_callback(tell_where);
    }
}

void report_step(unsigned step, const char *act)
{
    current_step = step;
    current_act = act;
}

void report_folder(const char *folder)
{
    folder_left = folder;
}

void report_verbose(void)
{
    verbose = true;
}

void tell(const char *format, ...)
{
    if (!verbose) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)printf("  %4u %-18s ", current_step, current_act);
    (void)vprintf(format, arguments);
    (void)putchar('\n');
    (void)fflush(stdout);
    va_end(arguments);
}

void sim_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fflush(stdout);
    (void)fprintf(stderr, "FAILED: ");
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
    tell_where();
    _exit(1); /* no search for leaks: nothing was put away */
}
