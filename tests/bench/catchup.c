/*
 * A laptop that is new to a large site: the programs as they are installed, a centre that holds 1,000,000 ops of the
 * site, and an agent that has none of them. How long until it has them all, each checked against its chain and all of
 * them against what the centre signed, and what the agent weighs meanwhile.
 *
 *     bench_catchup BUILD_FOLDER [OPS]
 *
 * People come and go, 100 at a time; a register is imported for each hundred.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/bench/common/bench.h"
#include "tests/bench/common/town.h"

#define SHEET_MAX ((size_t)8 * 1024 * 1024)

enum {
    OPS = 1000000,
    COHORT_RECORDS = 9800,
    COHORT_OPS = COHORT_RECORDS + 2 * WEEK_PLACEMENTS,
    COHORT_DAYS = 140,
    COHORTS_AT_ONCE = 20, /* then the next ones begin where these did: no register is from before the programme */
    MARK = 250000,
    POLL_US = 500000, /* a status counts every table: asking more often would be measured too */
};

static void record_cohort(struct agent_program *agent, size_t cohort, struct buf *sheet)
{
    struct week week;
    struct week_record record;
    char line[WEEK_LINE_SIZE];
    int first = (int)cohort * WEEK_PLACEMENTS;
    int32_t last_day = clock_today(clock_wall_ms()) - (int32_t)(cohort % COHORTS_AT_ONCE) * COHORT_DAYS;
    agent_record_people(agent, first, week_first_day(COHORT_RECORDS, last_day));
    buf_clear(sheet);
    MUST(buf_append_text(sheet, WEEK_SHEET_HEAD, err));
    week_begin(&week, WEEK_REPEATED, COHORT_RECORDS, last_day);
    week.first_placement = first;
    for (size_t i = 0; i < COHORT_RECORDS; i++) {
        week_next(&week, &record);
        MUST(buf_append(sheet, line, week_line(&record, line), err));
    }
    agent_call(agent, "/v1/import?kind=register", buf_slice(sheet));
}

static void fill(struct agent_program *agent, size_t cohorts)
{
    struct buf sheet;
    struct stopwatch watch = stopwatch_start();
    buf_init(&sheet, SHEET_MAX);
    for (size_t cohort = 0; cohort < cohorts; cohort++) {
        record_cohort(agent, cohort, &sheet);
    }
    buf_fini(&sheet);
    json_decref(agent_wait_exchanged(agent, (int64_t)cohorts * COHORT_OPS));
    bench_note("the centre holds %zu ops after %.0f s", cohorts * COHORT_OPS, stopwatch_wall_s(watch));
}

static void mark(const struct agent_program *agent, int64_t ops)
{
    char variant[24];
    (void)snprintf(variant, sizeof(variant), "%lld", (long long)ops);
    bench_value("catchup_peak_mib", variant, BENCH_OURS, (double)process_status(&agent->process, "VmHWM") / 1024);
    process_reset_peak(&agent->process);
}

/* The most memory of every MARK ops, as they come. */
static void watch_it_fetch(struct agent_program *agent, int64_t total)
{
    for (int64_t next = MARK; next < total; (void)usleep(POLL_US)) {
        json_t *status = agent_ask(agent, "/v1/status", NULL);
        for (int64_t held = status_number(status, "records.op"); next < total && held >= next; next += MARK) {
            mark(agent, next);
        }
        json_decref(status);
    }
}

/* Nothing counts unless every op is in the history that the centre signed. */
static void check_verified(struct agent_program *agent, int64_t total)
{
    json_t *checkpoint = agent_ask(agent, "/v1/checkpoint", NULL);
    int64_t size = status_number(checkpoint, "checkpoint.size");
    if (size != total) {
        bench_die("%lld of %lld ops are verified", (long long)size, (long long)total);
    }
    json_decref(checkpoint);
}

static void fetch(struct town *town, struct agent_program *agent, int64_t total)
{
    double centre_s = process_cpu_s(&town->centre);
    (void)agent_start(agent);
    watch_it_fetch(agent, total);
    json_t *status = agent_wait_exchanged(agent, total);
    int64_t took_ms = status_number(status, "last_exchange.duration_ms");
    double cpu_s = process_cpu_s(&agent->process) + process_cpu_s(&town->centre) - centre_s;
    mark(agent, total);
    bench_value("catchup_s", "", BENCH_OURS, (double)took_ms / 1000);
    bench_value("catchup_ops", "", BENCH_OURS, (double)total / (double)took_ms * 1000);
    bench_value("catchup_cpu_us", "", BENCH_OURS, cpu_s / (double)total * 1e6);
    bench_value("catchup_requests", "", BENCH_OURS, (double)status_number(status, "last_exchange.requests"));
    bench_value("catchup_down_bytes", "", BENCH_OURS,
                (double)status_number(status, "last_exchange.bytes_received") / (double)total);
    json_decref(status);
    check_verified(agent, total);
}

int main(int argc, char **argv)
{
    static struct town town;
    static struct agent_program one;
    static struct agent_program two;
    unsigned long ops = argc > 2 ? strtoul(argv[2], NULL, 10) : OPS;
    if (argc < 2 || ops < COHORT_OPS || ops > OPS) {
        bench_die("usage: bench_catchup BUILD_FOLDER [%d to %d]", COHORT_OPS, OPS);
    }
    size_t cohorts = ops / COHORT_OPS;
    town_init(&town, argv[1]);
    agent_make(&one, &town, "one");
    agent_make(&two, &town, "two");
    (void)agent_start(&two);
    agent_enrol(&two);
    json_decref(agent_wait_exchanged(&two, 0));
    agent_stop(&two);
    (void)agent_start(&one);
    agent_enrol(&one);
    fill(&one, cohorts);
    agent_stop(&one);
    fetch(&town, &two, (int64_t)(cohorts * COHORT_OPS));
    agent_fini(&two);
    town_fini(&town);
    return 0;
}
