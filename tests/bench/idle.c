/*
 * What an agent costs that has nothing to do: started with 100,000 records and a centre that answers, how long until it
 * is ready, what it weighs, and what a minute of rest takes.
 *
 *     bench_idle BUILD_FOLDER [RECORDS] [SECONDS]
 *
 * The records come in as a spreadsheet, as they would after a year on paper. Ready: the vault is open and the API
 * answers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/bench/common/bench.h"
#include "tests/bench/common/town.h"

#define SHEET_MAX ((size_t)32 * 1024 * 1024)

enum { RECORDS = 100000, SECONDS = 60, STARTS = 5, STATUSES = 21, BASE_OPS = 2 * WEEK_PLACEMENTS };

static void import_register(struct agent_program *agent, size_t count)
{
    struct week week;
    struct buf sheet;
    buf_init(&sheet, SHEET_MAX);
    MUST(buf_append_text(&sheet, WEEK_SHEET_HEAD, err));
    week_begin(&week, WEEK_REPEATED, count, clock_today(clock_wall_ms()));
    for (size_t i = 0; i < count; i++) {
        struct week_record record;
        char line[WEEK_LINE_SIZE];
        week_next(&week, &record);
        MUST(buf_append(&sheet, line, week_line(&record, line), err));
    }
    struct stopwatch watch = stopwatch_start();
    double cpu_s = process_cpu_s(&agent->process);
    agent_call(agent, "/v1/import?kind=register", buf_slice(&sheet));
    bench_value("import_rps", "", BENCH_OURS, (double)count / stopwatch_wall_s(watch));
    bench_value("import_cpu_us", "", BENCH_OURS, (process_cpu_s(&agent->process) - cpu_s) / (double)count * 1e6);
    bench_value("import_peak_mib", "", BENCH_OURS, (double)process_status(&agent->process, "VmHWM") / 1024);
    json_t *answer = json_loadb((const char *)agent->answer.data, agent->answer.len, 0, NULL);
    if (status_number(answer, "added") != (int64_t)count) {
        bench_die("imported %lld of %zu records: %.*s", (long long)status_number(answer, "added"), count,
                  (int)(agent->answer.len < 2000 ? agent->answer.len : 2000), (const char *)agent->answer.data);
    }
    json_decref(answer);
    buf_fini(&sheet);
}

/*
 * All of it goes up in one round, while nobody asks for anything else. The agent gives back what the import took after
 * it has answered that, and before it answers the next.
 */
static void push_backlog(struct agent_program *agent, int64_t ops)
{
    agent_call(agent, "/v1/version", slice_of(NULL, 0));
    process_reset_peak(&agent->process);
    json_t *status = agent_wait_exchanged(agent, ops);
    bench_value("backlog_peak_mib", "", BENCH_OURS, (double)process_status(&agent->process, "VmHWM") / 1024);
    bench_value("backlog_ops", "", BENCH_OURS,
                (double)status_number(status, "last_exchange.ops_sent") /
                    (double)status_number(status, "last_exchange.duration_ms") * 1000);
    json_decref(status);
}

static void start_again(struct agent_program *agent)
{
    double took_ms[STARTS];
    for (int i = 0; i < STARTS; i++) {
        agent_stop(agent);
        took_ms[i] = agent_start(agent) * 1000;
    }
    bench_value("start_ms", "", BENCH_OURS, bench_quantile(took_ms, STARTS, 0.5));
}

/* What the page asks for again and again. */
static void ask_status(struct agent_program *agent)
{
    double took_ms[STATUSES];
    for (int i = 0; i < STATUSES; i++) {
        struct stopwatch watch = stopwatch_start();
        agent_call(agent, "/v1/status", slice_of(NULL, 0));
        took_ms[i] = stopwatch_wall_s(watch) * 1000;
    }
    bench_value("status_ms", "", BENCH_OURS, bench_quantile(took_ms, STATUSES, 0.5));
}

/* The start's own work, the first exchange and the look at every placement, is over before the rest begins. */
static void rest(struct agent_program *agent, int64_t ops, int seconds)
{
    json_t *status = agent_wait_exchanged(agent, ops);
    bench_value("idle_replica_mib", "", BENCH_OURS, (double)status_number(status, "replica_bytes") / 1048576);
    json_decref(status);
    agent_wait_judged(agent);
    ask_status(agent);
    (void)sleep(3);
    double cpu_s = process_cpu_s(&agent->process);
    long switches = process_status(&agent->process, "voluntary_ctxt_switches");
    (void)sleep((unsigned)seconds);
    bench_value("idle_cpu_percent", "", BENCH_OURS, (process_cpu_s(&agent->process) - cpu_s) / seconds * 100);
    bench_value("idle_wakes_per_min", "", BENCH_OURS,
                (double)(process_status(&agent->process, "voluntary_ctxt_switches") - switches) * 60 / seconds);
    bench_value("idle_rss_mib", "", BENCH_OURS, (double)process_status(&agent->process, "VmRSS") / 1024);
    bench_value("idle_anon_mib", "", BENCH_OURS, (double)process_status(&agent->process, "RssAnon") / 1024);
    bench_value("idle_peak_mib", "", BENCH_OURS, (double)process_status(&agent->process, "VmHWM") / 1024);
}

int main(int argc, char **argv)
{
    static struct town town;
    static struct agent_program agent;
    if (argc < 2) {
        bench_die("usage: bench_idle BUILD_FOLDER [RECORDS] [SECONDS]");
    }
    size_t count = argc > 2 ? (size_t)strtoul(argv[2], NULL, 10) : RECORDS;
    int seconds = argc > 3 ? (int)strtol(argv[3], NULL, 10) : SECONDS;
    if (count == 0 || count > WEEK_RECORDS_MAX || seconds < 1) {
        bench_die("bench_idle: expected 1 to %d records and at least a second", WEEK_RECORDS_MAX);
    }
    town_init(&town, argv[1]);
    agent_make(&agent, &town, "one");
    (void)agent_start(&agent);
    agent_enrol(&agent);
    agent_record_placements(&agent, count);
    import_register(&agent, count);
    push_backlog(&agent, BASE_OPS + (int64_t)count);
    agent_wait_judged(&agent);
    start_again(&agent);
    rest(&agent, BASE_OPS + (int64_t)count, seconds);
    agent_fini(&agent);
    town_fini(&town);
    return 0;
}
