/*
 * Bad lines: a backlog over a slow, a far, a lossy and a breaking line, beside the time that its bytes need at that
 * rate.
 *
 *     bench_link [-r RUNS] BUILD_FOLDER [RECORDS [TRIAL...]]
 *
 * Each line gets a backlog of its own, recorded while there was no network. The time is from the question to the last
 * acknowledgement; bytes are what arrived at the centre's end, TLS included (what a lossy line carried twice is not
 * among them). What a record needs is what the first line, which neither breaks nor loses nor is far, needs for one; a
 * run without that line compares with the trial's own bytes. Of several runs the median and the worst are told.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/bench/common/bench.h"
#include "tests/bench/common/line.h"
#include "tests/bench/common/loss.h"
#include "tests/bench/common/town.h"

#define SHEET_MAX ((size_t)16 * 1024 * 1024)

enum { RECORDS = 10000, RUNS_MAX = 16 };

struct trial {
    const char *name;
    struct line_quality line;
    struct loss loss;
    unsigned tenths; /* of RECORDS */
};

static const struct trial trials[] = {
    { "32kbit", { .bytes_per_s = 4000 }, { 0 }, 10 },
    { "32kbit_600ms", { .bytes_per_s = 4000, .delay_ms = 300 }, { 0 }, 10 },
    { "loses_1", { .bytes_per_s = 4000 }, { 32, "0.01" }, 10 },
    { "loses_10", { .bytes_per_s = 4000 }, { 32, "0.1" }, 10 },
    { "drops_20s", { .bytes_per_s = 4000, .delay_ms = 50, .life_ms = 20000 }, { 0 }, 10 },
    { "dies_200kB", { .bytes_per_s = 250000, .delay_ms = 20, .life_bytes = 200000 }, { 0 }, 40 },
    { "16kB_600ms", { .bytes_per_s = 16000, .delay_ms = 300 }, { 0 }, 2 },
};

static void import_next(struct agent_program *agent, struct week *week, size_t count)
{
    struct buf sheet;
    buf_init(&sheet, SHEET_MAX);
    MUST(buf_append_text(&sheet, "placement,date,outcome,minutes,reason,note\n", err));
    for (size_t i = 0; i < count; i++) {
        struct week_record record;
        char ref[16];
        char day[DATE_TEXT_SIZE];
        char minutes[16] = "";
        week_next(week, &record);
        week_placement_ref(record.placement, ref);
        date_format(record.day, day);
        if (record.minutes >= 0) {
            (void)snprintf(minutes, sizeof(minutes), "%d", record.minutes);
        }
        MUST(buf_append_format(&sheet, err, "%s,%s,%s,%s,%s,\"%s\"\n", ref, day, outcome_name(record.outcome), minutes,
                               record.reason != NULL ? record.reason : "", record.note));
    }
    agent_call(agent, "/v1/import?kind=register", buf_slice(&sheet));
    buf_fini(&sheet);
}

/* ---- one line ---- */

struct runs { /* of one trial */
    size_t count;
    double seconds[RUNS_MAX];
    double times_needed[RUNS_MAX];
    double bytes_each[RUNS_MAX];
};

static double bytes_a_record; /* that the first line needed; 0: it was not among the trials */

static void note_run(struct runs *runs, const struct trial *trial, size_t count, const struct line_count *carried,
                     double took_s)
{
    double rate = trial->loss.kbit > 0 ? trial->loss.kbit * 125.0 : trial->line.bytes_per_s;
    double each = (double)carried->bytes_up / (double)count;
    if (trial == &trials[0]) {
        bytes_a_record = each;
    }
    double needed_s = (bytes_a_record > 0 ? bytes_a_record : each) * (double)count / rate;
    runs->seconds[runs->count] = took_s;
    runs->times_needed[runs->count] = took_s / needed_s;
    runs->bytes_each[runs->count] = each;
    runs->count++;
    bench_note("link %s: %zu records, %llu connections, %llu bytes up, %llu down, %.1f s; they need %.1f s",
               trial->name, count, (unsigned long long)carried->connections, (unsigned long long)carried->bytes_up,
               (unsigned long long)carried->bytes_down, took_s, needed_s);
}

static void report(struct runs *runs, const struct trial *trial)
{
    if (runs->count == 0) {
        return;
    }
    bench_value("link_seconds", trial->name, BENCH_OURS, bench_quantile(runs->seconds, runs->count, 0.5));
    bench_value("link_times_needed", trial->name, BENCH_OURS, bench_quantile(runs->times_needed, runs->count, 0.5));
    bench_value("link_bytes_a_record", trial->name, BENCH_OURS, bench_quantile(runs->bytes_each, runs->count, 0.5));
    if (runs->count > 1) {
        bench_value("link_worst_times_needed", trial->name, BENCH_OURS,
                    bench_quantile(runs->times_needed, runs->count, 1));
    }
}

static void run_trial(struct agent_program *agent, const struct trial *trial, size_t count, int64_t ops,
                      struct runs *runs)
{
    struct line_count carried;
    if (trial->loss.kbit > 0 && !loss_begin(&trial->loss, agent->town->proxy_port)) {
        bench_note("link %s: not measured: it needs root, tc and iptables", trial->name);
        return;
    }
    struct line_quality plain = { 0 };
    struct line *line =
        line_start(agent->town->proxy_port, agent->town->centre_port, trial->loss.kbit > 0 ? &plain : &trial->line);
    int64_t began_ns = bench_now_ns();
    json_decref(agent_ask(agent, "/v1/sync", "{}"));
    json_decref(agent_wait_exchanged(agent, ops));
    double took_s = bench_since_s(began_ns);
    line_count(line, &carried);
    note_run(runs, trial, count, &carried, took_s);
    line_stop(line);
    if (trial->loss.kbit > 0) {
        loss_end();
    }
}

struct plan {
    const char *build;
    size_t runs;
    size_t records;
    char **names; /* of the trials */
    size_t name_count;
};

static bool chosen(const struct plan *plan, const struct trial *trial)
{
    for (size_t i = 0; i < plan->name_count; i++) {
        if (strcmp(plan->names[i], trial->name) == 0) {
            return true;
        }
    }
    return plan->name_count == 0;
}

static size_t records_of(const struct plan *plan, const struct trial *trial)
{
    return chosen(plan, trial) ? plan->records * trial->tenths / 10 : 0;
}

static void read_arguments(int argc, char **argv, struct plan *plan)
{
    *plan = (struct plan){ .runs = 1, .records = RECORDS };
    int option;
    while ((option = getopt(argc, argv, "r:")) == 'r') {
        plan->runs = (size_t)strtoul(optarg, NULL, 10);
    }
    if (option != -1 || optind == argc || plan->runs == 0 || plan->runs > RUNS_MAX) {
        bench_die("usage: bench_link [-r RUNS (at most %d)] BUILD_FOLDER [RECORDS [TRIAL...]]", RUNS_MAX);
    }
    plan->build = argv[optind++];
    plan->records = optind < argc ? (size_t)strtoul(argv[optind++], NULL, 10) : RECORDS;
    plan->names = argv + optind;
    plan->name_count = (size_t)(argc - optind);
}

/* A backlog of its own for each run. */
static void run_all(const struct plan *plan, struct agent_program *agent, struct week *week)
{
    int64_t ops = 2 * WEEK_PLACEMENTS;
    for (size_t i = 0; i < ARRAY_LEN(trials); i++) {
        struct runs runs = { 0 };
        size_t count = records_of(plan, &trials[i]);
        for (size_t run = 0; count > 0 && run < plan->runs; run++) {
            import_next(agent, week, count);
            ops += (int64_t)count;
            run_trial(agent, &trials[i], count, ops, &runs);
        }
        report(&runs, &trials[i]);
    }
}

int main(int argc, char **argv)
{
    static struct town town;
    static struct agent_program agent;
    struct plan plan;
    size_t total = 0;
    read_arguments(argc, argv, &plan);
    for (size_t i = 0; i < ARRAY_LEN(trials); i++) {
        total += plan.runs * records_of(&plan, &trials[i]);
    }
    if (total == 0 || total > WEEK_RECORDS_MAX) {
        bench_die("bench_link: expected records for at least one line, and at most %d in all", WEEK_RECORDS_MAX);
    }
    struct week week;
    loss_enter();
    week_begin(&week, WEEK_FREE, total, clock_today(clock_wall_ms()));
    town_init(&town, plan.build);
    agent_make(&agent, &town, "one");
    (void)agent_start(&agent);
    agent_enrol(&agent);
    agent_record_placements(&agent, total);
    json_decref(agent_wait_exchanged(&agent, 2 * WEEK_PLACEMENTS));
    proxy_stop(town.proxy);
    town.proxy = NULL;
    run_all(&plan, &agent, &week);
    agent_fini(&agent);
    town_fini(&town);
    return 0;
}
