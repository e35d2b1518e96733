/*
 * Where the time of an exchange goes: CPU time per op of each stage, for a push and for a pull by a fresh replica.
 *
 *     bench_pipeline [repeated|free] [RECORDS] [OPS_PER_REQUEST]
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/common/bench.h"
#include "tests/bench/common/pipeline.h"

enum { RECORDS = 10000, BATCH = 4000 };

static const char *const stage_names[PIPELINE_STAGES] = {
    [STAGE_READ_OWN] = "push_read_own",    [STAGE_LINK] = "push_sign",
    [STAGE_ENCODE] = "push_encode",        [STAGE_DECODE] = "push_decode",
    [STAGE_APPEND] = "push_centre_append", [STAGE_PAGE] = "pull_centre_page",
    [STAGE_ENCODE_PAGE] = "pull_encode",   [STAGE_DECODE_PAGE] = "pull_decode",
    [STAGE_APPLY] = "pull_apply",
};

static void run(struct pipeline *p, double wall_s[2])
{
    struct stopwatch watch = stopwatch_start();
    for (;;) {
        size_t sent = pipeline_push(p, p->ops[0]);
        if (sent == 0) {
            break;
        }
        p->ops[0] += sent;
    }
    wall_s[0] = stopwatch_wall_s(watch);
    watch = stopwatch_start();
    uint64_t cursor = 0;
    while (pipeline_pull(p, &cursor)) {
    }
    wall_s[1] = stopwatch_wall_s(watch);
    pipeline_check(p);
}

static void print(const struct pipeline *p, const double wall_s[2], const char *style)
{
    static const char *const ways[] = { "push", "pull" };
    for (int i = 0; i < PIPELINE_STAGES; i++) {
        char key[64];
        (void)snprintf(key, sizeof(key), "stage_%s_us", stage_names[i]);
        bench_value(key, style, BENCH_OURS, p->cpu_s[i] / (double)p->ops[i >= STAGE_PAGE] * 1e6);
    }
    for (int i = 0; i < 2; i++) {
        char key[64];
        (void)snprintf(key, sizeof(key), "inprocess_%s_ops", ways[i]);
        bench_value(key, style, BENCH_OURS, (double)p->ops[i] / wall_s[i]);
        (void)snprintf(key, sizeof(key), "inprocess_%s_bytes", ways[i]);
        bench_value(key, style, BENCH_OURS, (double)p->bytes[i] / (double)p->ops[i]);
    }
}

int main(int argc, char **argv)
{
    static struct pipeline p;
    double wall_s[2];
    enum week_style style = WEEK_REPEATED;
    if (argc > 1 && !week_style_parse(argv[1], &style)) {
        bench_die("bench_pipeline: expected repeated or free, not '%s'", argv[1]);
    }
    size_t records = argc > 2 ? (size_t)strtoul(argv[2], NULL, 10) : RECORDS;
    size_t batch = argc > 3 ? (size_t)strtoul(argv[3], NULL, 10) : BATCH;
    if (records == 0 || records > WEEK_RECORDS_MAX || batch == 0 || batch > OP_BATCH_OPS_MAX) {
        bench_die("bench_pipeline: expected 1 to %d records and 1 to %d ops in a request", WEEK_RECORDS_MAX,
                  OP_BATCH_OPS_MAX);
    }
    pipeline_open(&p, batch);
    bench_site_record(&p.one, style, records);
    run(&p, wall_s);
    print(&p, wall_s, week_style_name(style));
    pipeline_close(&p);
    return 0;
}
