/*
 * A fresh replica's catch-up over a slow line that loses packets: here the centre sends, and its kernel's TCP with it.
 *
 *     bench_link_down [-r RUNS] BUILD_FOLDER [RECORDS]
 *
 *     agent ──► proxy, which counts ──── the slow line ──► centre
 *
 * The time is from the agent's start to the last op that it holds; what the bytes need is those that came at the rate
 * of the line. Of several runs the median and the worst are told.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/bench/common/bench.h"
#include "tests/bench/common/loss.h"
#include "tests/bench/common/town.h"

#define SHEET_MAX ((size_t)16 * 1024 * 1024)

enum { RECORDS = 10000, RUNS_MAX = 8, LINES = 3, KBIT = 32 };

static const struct {
    const char *name;
    struct loss loss;
} lines[LINES] = { { "32kbit", { KBIT, NULL } }, { "loses_1", { KBIT, "0.01" } }, { "loses_10", { KBIT, "0.1" } } };

struct fresh {
    struct agent_program agent;
    char name[16];
};

static void make_fresh(struct fresh *fresh, struct town *town, size_t number)
{
    (void)snprintf(fresh->name, sizeof(fresh->name), "fresh-%zu", number);
    agent_make(&fresh->agent, town, fresh->name);
    (void)agent_start(&fresh->agent);
    agent_enrol(&fresh->agent);
    json_decref(agent_wait_exchanged(&fresh->agent, 0));
    agent_stop(&fresh->agent);
}

static int64_t fill(struct town *town, size_t records)
{
    static struct agent_program author;
    struct week week;
    struct week_record record;
    char line[WEEK_LINE_SIZE];
    struct buf sheet;
    buf_init(&sheet, SHEET_MAX);
    MUST(buf_append_text(&sheet, WEEK_SHEET_HEAD, err));
    week_begin(&week, WEEK_FREE, records, clock_today(clock_wall_ms()));
    for (size_t i = 0; i < records; i++) {
        week_next(&week, &record);
        MUST(buf_append(&sheet, line, week_line(&record, line), err));
    }
    agent_make(&author, town, "author");
    (void)agent_start(&author);
    agent_enrol(&author);
    agent_record_placements(&author, records);
    agent_call(&author, "/v1/import?kind=register", buf_slice(&sheet));
    int64_t ops = (int64_t)records + 2 * WEEK_PLACEMENTS;
    json_decref(agent_wait_exchanged(&author, ops));
    agent_fini(&author);
    buf_fini(&sheet);
    return ops;
}

/* False: not allowed here. */
static bool fetch(struct town *town, struct fresh *fresh, size_t line, int64_t ops, double *ret_s, double *ret_times)
{
    struct proxy_count before;
    struct proxy_count after;
    town_connect(town);
    if (!loss_begin(&lines[line].loss, town->centre_port)) {
        bench_note("link_down: not measured: it needs root, tc and iptables");
        return false;
    }
    proxy_count(town->proxy, &before);
    int64_t began_ns = bench_now_ns();
    (void)agent_start(&fresh->agent);
    json_decref(agent_wait_exchanged(&fresh->agent, ops));
    *ret_s = bench_since_s(began_ns);
    proxy_count(town->proxy, &after);
    loss_end();
    double needed_s = (double)(after.bytes_down - before.bytes_down) / (KBIT * 125.0);
    *ret_times = *ret_s / needed_s;
    bench_note("link_down %s: %lld ops, %.0f bytes down, %.1f s; they need %.1f s", lines[line].name, (long long)ops,
               needed_s * KBIT * 125, *ret_s, needed_s);
    agent_fini(&fresh->agent);
    return true;
}

int main(int argc, char **argv)
{
    static struct town town;
    static struct fresh fresh[LINES * RUNS_MAX];
    size_t runs = 1;
    int option;
    while ((option = getopt(argc, argv, "r:")) == 'r') {
        runs = (size_t)strtoul(optarg, NULL, 10);
    }
    size_t records = optind + 1 < argc ? (size_t)strtoul(argv[optind + 1], NULL, 10) : RECORDS;
    if (option != -1 || optind >= argc || runs == 0 || runs > RUNS_MAX || records == 0 || records > WEEK_RECORDS_MAX) {
        bench_die("usage: bench_link_down [-r RUNS (at most %d)] BUILD_FOLDER [RECORDS]", RUNS_MAX);
    }
    loss_enter();
    town_init(&town, argv[optind]);
    for (size_t i = 0; i < LINES * runs; i++) {
        make_fresh(&fresh[i], &town, i);
    }
    int64_t ops = fill(&town, records);
    for (size_t line = 0; line < LINES; line++) {
        double seconds[RUNS_MAX];
        double times[RUNS_MAX];
        size_t done = 0;
        while (done < runs && fetch(&town, &fresh[line * runs + done], line, ops, &seconds[done], &times[done])) {
            done++;
        }
        if (done < runs) {
            break;
        }
        bench_value("link_down_seconds", lines[line].name, BENCH_OURS, bench_quantile(seconds, done, 0.5));
        bench_value("link_down_times_needed", lines[line].name, BENCH_OURS, bench_quantile(times, done, 0.5));
        if (done > 1) {
            bench_value("link_down_worst_times_needed", lines[line].name, BENCH_OURS, bench_quantile(times, done, 1));
        }
    }
    town_fini(&town);
    return 0;
}
