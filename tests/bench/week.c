/*
 * The week of work, by the programs as they are installed: an agent whose centre cannot be reached records attendance
 * one by one through its local API, each durable before it is answered; then the centre is back and takes everything;
 * then a second agent of the same site fetches it; then corrections go the same way, and one record, and nothing.
 *
 *     bench_week BUILD_FOLDER repeated|free [RECORDS]
 *
 * Push and pull are timed by the agent's own round: from the first request being made to the last answer being
 * committed, with connecting and TLS. Bytes are the agent's account, and the proxy's must agree with it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/bench/common/bench.h"
#include "tests/bench/common/town.h"

enum { RECORDS = 10000, CORRECTIONS = 100, BODY_SIZE = 1024, BASE_OPS = 2 * WEEK_PLACEMENTS, QUIET_US = 700000 };

struct run {
    struct town town;
    struct agent_program one;
    struct agent_program two;
    const char *style_name;
    enum week_style style;
    size_t count;
};

static void value(const struct run *run, const char *key, double value)
{
    bench_value(key, run->style_name, BENCH_OURS, value);
}

static void record(struct run *run)
{
    struct week week;
    double *took_us = calloc(run->count, sizeof(*took_us));
    size_t bytes = 0;
    CHECK(took_us != NULL);
    week_begin(&week, run->style, run->count, clock_today(clock_wall_ms()));
    double cpu_s = process_cpu_s(&run->one.process);
    int64_t from = bench_now_ns();
    for (size_t i = 0; i < run->count; i++) {
        char body[BODY_SIZE];
        struct week_record record;
        week_next(&week, &record);
        size_t len = week_json(&record, body, sizeof(body));
        bytes += len;
        int64_t asked = bench_now_ns();
        agent_call(&run->one, "/v1/attendance", slice_of(body, len));
        took_us[i] = bench_since_s(asked) * 1e6;
    }
    value(run, "record_rps", (double)run->count / bench_since_s(from));
    value(run, "record_json_bytes", (double)bytes / (double)run->count);
    value(run, "record_p50_us", bench_quantile(took_us, run->count, 0.50));
    value(run, "record_p99_us", bench_quantile(took_us, run->count, 0.99));
    agent_wait_judged(&run->one);
    value(run, "record_cpu_us", (process_cpu_s(&run->one.process) - cpu_s) / (double)run->count * 1e6);
    free(took_us);
}

static void compare_bytes(const struct run *run, const char *way, json_t *status)
{
    struct proxy_count count;
    proxy_count(run->town.proxy, &count);
    int64_t sent = status_number(status, "last_exchange.bytes_sent");
    int64_t received = status_number(status, "last_exchange.bytes_received");
    bench_note("%s %s: %lld requests, %lld ms; bytes by the agent %lld up %lld down, by the proxy %llu up %llu down, "
               "%llu connections, %.0f ms from the first byte up to the last down",
               run->style_name, way, (long long)status_number(status, "last_exchange.requests"),
               (long long)status_number(status, "last_exchange.duration_ms"), (long long)sent, (long long)received,
               (unsigned long long)count.bytes_up, (unsigned long long)count.bytes_down,
               (unsigned long long)count.connections, (double)(count.last_ns - count.first_ns) / 1e6);
    double ours = (double)(sent + received);
    double proxys = (double)(count.bytes_up + count.bytes_down);
    if (ours < 0.98 * proxys || ours > 1.02 * proxys) {
        bench_note("the agent's account of the wire is %.1f %% of the proxy's", 100 * ours / proxys);
    }
    char key[32];
    (void)snprintf(key, sizeof(key), "%s_wire_account", way);
    value(run, key, ours / proxys);
}

static void exchange_values(const struct run *run, const char *way, json_t *status, int64_t ops)
{
    static const struct {
        const char *name;
        const char *path;
    } parts[] = { { "bytes_up", "last_exchange.bytes_sent" },
                  { "bytes_down", "last_exchange.bytes_received" },
                  { "requests", "last_exchange.requests" } };
    char key[32];
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        double number = (double)status_number(status, parts[i].path);
        (void)snprintf(key, sizeof(key), "%s_%s", way, parts[i].name);
        value(run, key, i < 2 ? number / (double)ops : number);
    }
    double bytes = (double)(status_number(status, "last_exchange.bytes_sent") +
                            status_number(status, "last_exchange.bytes_received"));
    (void)snprintf(key, sizeof(key), "%s_bytes", way);
    value(run, key, bytes / (double)ops);
    (void)snprintf(key, sizeof(key), "%s_ops", way);
    value(run, key, (double)ops / (double)status_number(status, "last_exchange.duration_ms") * 1000);
    compare_bytes(run, way, status);
}

static void memory_values(const struct run *run, const char *who, const struct process *process)
{
    char key[32];
    (void)snprintf(key, sizeof(key), "%s_peak_mib", who);
    value(run, key, (double)process_status(process, "VmHWM") / 1024);
    (void)snprintf(key, sizeof(key), "%s_rss_mib", who);
    value(run, key, (double)process_status(process, "VmRSS") / 1024);
}

static void push(struct run *run)
{
    town_open(&run->town);
    agent_wait_resting(&run->one);
    double agent_s = process_cpu_s(&run->one.process);
    double centre_s = process_cpu_s(&run->town.centre);
    town_connect(&run->town);
    json_t *status = agent_ask(&run->one, "/v1/sync", "{\"wait\":true,\"timeout_s\":600}");
    int64_t ops = status_number(status, "last_exchange.ops_sent");
    if (ops == 0) {
        const char *result = json_string_value(json_object_get(json_object_get(status, "last_exchange"), "result"));
        bench_die("the exchange that was asked for ended with '%s' and carried nothing: was another one before it?",
                  result != NULL ? result : "");
    }
    if (ops != (int64_t)run->count) {
        bench_note("the last round carried %lld of %zu ops: figures of push are of that round", (long long)ops,
                   run->count);
    }
    exchange_values(run, "push", status, ops);
    agent_s = process_cpu_s(&run->one.process) - agent_s;
    centre_s = process_cpu_s(&run->town.centre) - centre_s;
    value(run, "push_cpu_us", (agent_s + centre_s) / (double)ops * 1e6);
    value(run, "push_agent_cpu_us", agent_s / (double)ops * 1e6);
    value(run, "push_centre_cpu_us", centre_s / (double)ops * 1e6);
    memory_values(run, "push_agent", &run->one.process);
    json_decref(status);
}

static void pull(struct run *run)
{
    int64_t total = BASE_OPS + (int64_t)run->count;
    town_connect(&run->town);
    double centre_s = process_cpu_s(&run->town.centre);
    int64_t from = bench_now_ns();
    (void)agent_start(&run->two);
    json_t *status = agent_wait_exchanged(&run->two, total);
    int64_t ops = status_number(status, "last_exchange.ops_received");
    exchange_values(run, "pull", status, ops);
    double agent_s = process_cpu_s(&run->two.process);
    centre_s = process_cpu_s(&run->town.centre) - centre_s;
    value(run, "pull_cpu_us", (agent_s + centre_s) / (double)ops * 1e6);
    value(run, "pull_agent_cpu_us", agent_s / (double)ops * 1e6);
    value(run, "pull_centre_cpu_us", centre_s / (double)ops * 1e6);
    agent_wait_judged(&run->two);
    value(run, "pull_with_flags_ops", (double)ops / bench_since_s(from));
    value(run, "pull_with_flags_agent_cpu_us", process_cpu_s(&run->two.process) / (double)ops * 1e6);
    memory_values(run, "pull_agent", &run->two.process);
    memory_values(run, "centre", &run->town.centre);
    json_decref(status);
}

/* Corrects `count` records after the first `from`, while there is no network; then there is one again. */
static void correct(struct run *run, size_t from, size_t count)
{
    struct week week;
    town_cut(&run->town);
    week_begin(&week, run->style, run->count, clock_today(clock_wall_ms()));
    for (size_t i = 0; i < from + count; i++) {
        char body[BODY_SIZE];
        struct week_record record;
        week_next(&week, &record);
        if (i >= from) {
            week_correct(&record);
            agent_call(&run->one, "/v1/attendance", slice_of(body, week_json(&record, body, sizeof(body))));
        }
    }
    agent_wait_resting(&run->one);
    town_connect(&run->town);
}

static double on_the_wire(const struct run *run)
{
    struct proxy_count count;
    proxy_count(run->town.proxy, &count);
    return (double)(count.bytes_up + count.bytes_down);
}

/* What the first agent sends, over a connection that goes on from an earlier one; the other is not there. */
static void push_small(struct run *run, const char *key, int64_t ops)
{
    double before = on_the_wire(run);
    json_decref(agent_ask(&run->one, "/v1/sync", "{}"));
    json_decref(agent_wait_exchanged(&run->one, ops));
    (void)usleep(QUIET_US);
    value(run, key, on_the_wire(run) - before);
}

/* What the other fetches when it starts, over a connection of its own from the beginning. */
static void pull_small(struct run *run, const char *key, int64_t ops)
{
    double before = on_the_wire(run);
    (void)agent_start(&run->two);
    json_decref(agent_wait_exchanged(&run->two, ops));
    (void)usleep(QUIET_US);
    value(run, key, on_the_wire(run) - before);
}

static void corrections(struct run *run)
{
    int64_t total = BASE_OPS + (int64_t)run->count + CORRECTIONS;
    agent_stop(&run->two);
    correct(run, 0, CORRECTIONS);
    push_small(run, "corrections_push_bytes", total);
    pull_small(run, "corrections_pull_bytes", total);
    agent_stop(&run->two);
    correct(run, CORRECTIONS, 1);
    push_small(run, "one_exchange_bytes", total + 1);
    push_small(run, "idle_exchange_bytes", total + 1);
    pull_small(run, "one_pull_bytes", total + 1);
}

/* Nothing above counts unless both hold the same and every chain, hash and signature fits. */
static void check(struct run *run)
{
    json_t *one = agent_ask(&run->one, "/v1/verify", "{}");
    json_t *two = agent_ask(&run->two, "/v1/verify", "{}");
    if (!json_equal(json_object_get(one, "digest"), json_object_get(two, "digest")) ||
        json_integer_value(json_object_get(two, "ops")) != BASE_OPS + (json_int_t)run->count + CORRECTIONS + 1) {
        bench_die("the two agents differ");
    }
    json_decref(one);
    json_decref(two);
}

static void prepare(struct run *run, const char *bin)
{
    town_init(&run->town, bin);
    agent_make(&run->one, &run->town, "one");
    agent_make(&run->two, &run->town, "two");
    run->one.asks_only = run->two.asks_only = true;
    (void)agent_start(&run->two);
    agent_enrol(&run->two);
    json_decref(agent_wait_exchanged(&run->two, 0));
    agent_stop(&run->two);
    (void)agent_start(&run->one);
    agent_enrol(&run->one);
    agent_record_placements(&run->one, run->count);
    json_decref(agent_wait_exchanged(&run->one, BASE_OPS));
    agent_wait_judged(&run->one);
    town_disconnect(&run->town);
}

int main(int argc, char **argv)
{
    static struct run run = { .count = RECORDS };
    if (argc < 3 || !week_style_parse(argv[2], &run.style)) {
        bench_die("usage: bench_week BUILD_FOLDER repeated|free [RECORDS]");
    }
    run.style_name = argv[2];
    run.count = argc > 3 ? (size_t)strtoul(argv[3], NULL, 10) : RECORDS;
    if (run.count <= CORRECTIONS || run.count > WEEK_RECORDS_MAX) {
        bench_die("bench_week: expected more than %d and at most %d records", CORRECTIONS, WEEK_RECORDS_MAX);
    }
    prepare(&run, argv[1]);
    record(&run);
    push(&run);
    pull(&run);
    corrections(&run);
    check(&run);
    agent_fini(&run.one);
    agent_fini(&run.two);
    town_fini(&run.town);
    return 0;
}
