/*
 * Does an op cost the same in a large log as in a small one? People come and go, 100 at a time, for 100 days each,
 * until there are so many ops; all of it is recorded, pushed to a centre's store, and then fetched from the first op by
 * a fresh replica, in one process as in bench_pipeline. CPU time per op since the mark before, and the most memory that
 * the process held meanwhile while it fetched.
 *
 *     bench_growth [OPS]      at most and at least so many, 1,000,000 when left out
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/bench/common/bench.h"
#include "tests/bench/common/pipeline.h"
#include "tests/bench/common/process.h"

enum { OPS = 1000000, COHORT_RECORDS = 10000, BATCH = 4000 };

/* Reports when the count of ops passes the next mark: 10,000, 30,000, 100,000 ... */
struct curve {
    const char *key;
    uint64_t ops; /* at the mark before */
    double cpu_s; /* since then */
    uint64_t next;
};

static uint64_t mark_after(uint64_t mark)
{
    uint64_t power = 10000;
    while (power * 10 <= mark) {
        power *= 10;
    }
    return mark < 3 * power ? 3 * power : 10 * power;
}

static struct curve curve_of(const char *key)
{
    return (struct curve){ .key = key, .next = 10000 };
}

/* True when a mark was passed. */
static bool curve_add(struct curve *curve, uint64_t ops, double cpu_s)
{
    char variant[24];
    curve->cpu_s += cpu_s;
    if (ops < curve->next) {
        return false;
    }
    (void)snprintf(variant, sizeof(variant), "%llu", (unsigned long long)curve->next);
    bench_value(curve->key, variant, BENCH_OURS, curve->cpu_s / (double)(ops - curve->ops) * 1e6);
    *curve = (struct curve){ .key = curve->key, .ops = ops, .next = mark_after(curve->next) };
    return true;
}

static void fill(struct pipeline *p, size_t cohorts)
{
    struct curve recorded = curve_of("growth_record_us");
    struct curve pushed = curve_of("growth_push_us");
    for (size_t cohort = 0; cohort < cohorts; cohort++) {
        uint64_t before = p->ops[0];
        struct stopwatch watch = stopwatch_start();
        bench_site_record_cohort(&p->one, cohort, cohorts, COHORT_RECORDS);
        double record_s = stopwatch_cpu_s(watch);
        watch = stopwatch_start();
        for (size_t sent = pipeline_push(p, p->ops[0]); sent > 0; sent = pipeline_push(p, p->ops[0])) {
            p->ops[0] += sent;
        }
        CHECK(p->ops[0] > before);
        (void)curve_add(&recorded, p->ops[0], record_s);
        (void)curve_add(&pushed, p->ops[0], stopwatch_cpu_s(watch));
    }
}

static void fetch(struct pipeline *p)
{
    struct curve pulled = curve_of("growth_pull_us");
    struct process self = { .pid = getpid() };
    uint64_t cursor = 0;
    process_reset_peak(&self);
    for (;;) {
        char variant[24];
        uint64_t mark = pulled.next;
        struct stopwatch watch = stopwatch_start();
        if (!pipeline_pull(p, &cursor)) {
            return;
        }
        if (curve_add(&pulled, p->ops[1], stopwatch_cpu_s(watch))) {
            (void)snprintf(variant, sizeof(variant), "%llu", (unsigned long long)mark);
            bench_value("growth_pull_peak_mib", variant, BENCH_OURS, (double)process_status(&self, "VmHWM") / 1024);
            process_reset_peak(&self);
        }
    }
}

int main(int argc, char **argv)
{
    static struct pipeline p;
    unsigned long ops = argc > 1 ? strtoul(argv[1], NULL, 10) : OPS;
    if (ops < COHORT_RECORDS || ops > OPS) {
        bench_die("bench_growth: expected %d to %d ops", COHORT_RECORDS, OPS);
    }
    pipeline_open(&p, BATCH);
    fill(&p, (ops + COHORT_RECORDS - 1) / COHORT_RECORDS);
    fetch(&p);
    pipeline_check(&p);
    pipeline_close(&p);
    return 0;
}
