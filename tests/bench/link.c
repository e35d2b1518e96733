/*
 * Bad lines: a backlog over a slow, a far and a breaking line, beside the time that its bytes need at that rate.
 *
 *     bench_link BUILD_FOLDER [RECORDS]
 *
 * Each line gets a backlog of its own, recorded while there was no network. The time is from the first connection to
 * the last byte; bytes are what the line carried, TLS and answers included. A record costs what the first line, which
 * neither breaks nor is far, needs for one: what another takes above that is sent again or overhead.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "tests/bench/common/bench.h"
#include "tests/bench/common/line.h"
#include "tests/bench/common/town.h"

#define SHEET_MAX ((size_t)8 * 1024 * 1024)

enum { RECORDS = 10000, FEW = 2000 };

struct trial {
    const char *name;
    struct line_quality line;
    bool few;
};

static const struct trial trials[] = {
    { "32kbit", { .bytes_per_s = 4000 }, false },
    { "32kbit_600ms", { .bytes_per_s = 4000, .delay_ms = 300 }, false },
    { "drops_20s", { .bytes_per_s = 4000, .delay_ms = 50, .life_ms = 20000 }, false },
    { "dies_200kB", { .bytes_per_s = 250000, .delay_ms = 20, .life_bytes = 200000 }, false },
    { "16kB_600ms", { .bytes_per_s = 16000, .delay_ms = 300 }, true },
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

static void run_trial(struct agent_program *agent, const struct trial *trial, size_t count, int64_t ops)
{
    struct line_count carried;
    struct line *line = line_start(agent->town->proxy_port, agent->town->centre_port, &trial->line);
    json_decref(agent_ask(agent, "/v1/sync", "{}"));
    json_decref(agent_wait_exchanged(agent, ops));
    line_count(line, &carried);
    double took_s = (double)(carried.last_ns - carried.first_ns) / 1e9;
    double needed_s = (double)carried.bytes_up / trial->line.bytes_per_s;
    bench_value("link_seconds", trial->name, BENCH_OURS, took_s);
    bench_value("link_times_needed", trial->name, BENCH_OURS, took_s / needed_s);
    bench_value("link_bytes_a_record", trial->name, BENCH_OURS, (double)carried.bytes_up / (double)count);
    bench_note("link %s: %zu records, %llu connections, %llu bytes up, %llu down, %.1f s; its bytes need %.1f s",
               trial->name, count, (unsigned long long)carried.connections, (unsigned long long)carried.bytes_up,
               (unsigned long long)carried.bytes_down, took_s, needed_s);
    line_stop(line);
}

int main(int argc, char **argv)
{
    static struct town town;
    static struct agent_program agent;
    if (argc < 2) {
        bench_die("usage: bench_link BUILD_FOLDER [RECORDS]");
    }
    size_t records = argc > 2 ? (size_t)strtoul(argv[2], NULL, 10) : RECORDS;
    size_t total = records * (ARRAY_LEN(trials) - 1) + FEW;
    if (records == 0 || total > WEEK_RECORDS_MAX) {
        bench_die("bench_link: expected 1 to %d records", (WEEK_RECORDS_MAX - FEW) / (int)(ARRAY_LEN(trials) - 1));
    }
    struct week week;
    int64_t ops = 2 * WEEK_PLACEMENTS;
    week_begin(&week, WEEK_FREE, total, clock_today(clock_wall_ms()));
    town_init(&town, argv[1]);
    agent_make(&agent, &town, "one");
    (void)agent_start(&agent);
    agent_enrol(&agent);
    agent_record_placements(&agent, total);
    json_decref(agent_wait_exchanged(&agent, ops));
    proxy_stop(town.proxy);
    town.proxy = NULL;
    for (size_t i = 0; i < ARRAY_LEN(trials); i++) {
        size_t count = trials[i].few ? FEW : records;
        import_next(&agent, &week, count);
        ops += (int64_t)count;
        run_trial(&agent, &trials[i], count, ops);
    }
    agent_fini(&agent);
    town_fini(&town);
    return 0;
}
