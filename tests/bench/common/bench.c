#include "tests/bench/common/bench.h"

#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

enum { FOLDERS_OPEN_MAX = 16 };

void bench_die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
    exit(1);
}

void bench_note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
}

void bench_value(const char *key, const char *variant, enum bench_side side, double value)
{
    static const char *const sides[] = { [BENCH_OURS] = "ours", [BENCH_FLOOR] = "floor", [BENCH_POUCHDB] = "pouchdb" };
    (void)printf("%s%s%s\t%s\t%.6g\n", key, variant[0] != '\0' ? "." : "", variant, sides[side], value);
    (void)fflush(stdout);
}

int64_t bench_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

double bench_since_s(int64_t from_ns)
{
    return (double)(bench_now_ns() - from_ns) / 1e9;
}

double bench_cpu_self_s(void)
{
    struct rusage used;
    (void)getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

struct stopwatch stopwatch_start(void)
{
    return (struct stopwatch){ .cpu_s = bench_cpu_self_s(), .wall_ns = bench_now_ns() };
}

double stopwatch_cpu_s(struct stopwatch from)
{
    return bench_cpu_self_s() - from.cpu_s;
}

double stopwatch_wall_s(struct stopwatch from)
{
    return bench_since_s(from.wall_ns);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_quantile(double *values, size_t count, double fraction)
{
    CHECK(count > 0);
    qsort(values, count, sizeof(*values), ascending);
    size_t at = (size_t)(fraction * (double)count);
    return values[at < count ? at : count - 1];
}

void bench_folder_make(char out[96])
{
    const char *parent = getenv("TMPDIR");
    (void)snprintf(out, 96, "%.60s/holdfast-bench-XXXXXX", parent != NULL && parent[0] == '/' ? parent : "/tmp");
    if (mkdtemp(out) == NULL) {
        bench_die("make folder '%s'", out);
    }
}

static int remove_entry(const char *path, const struct stat *about, int type, struct FTW *where)
{
    (void)about;
    (void)type;
    (void)where;
    return remove(path);
}

void bench_folder_remove(const char *folder)
{
    (void)nftw(folder, remove_entry, FOLDERS_OPEN_MAX, FTW_DEPTH | FTW_PHYS);
}
