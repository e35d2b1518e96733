/*
 * The same week by PouchDB, which a person who wants offline-first records would take otherwise: one PouchDB records
 * them as documents, each awaited, and replicates to a CouchDB of express-pouchdb; a second PouchDB replicates from
 * there; then corrections, one record, and nothing. Both over LevelDB, and over TLS with certificates at both ends, as
 * ours is. LevelDB does not wait for the disk at a commit, and nothing is encrypted at rest, chained or signed.
 *
 *     bench_pouchdb FOLDER_OF_THE_NODE_PROJECT repeated|free [RECORDS]
 *
 * The folder is tests/bench/pouchdb after `npm ci`. Bytes are the counting proxy's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/bench/common/bench.h"
#include "tests/bench/common/party.h"
#include "tests/bench/common/process.h"
#include "tests/bench/common/proxy.h"
#include "tests/bench/common/week.h"

enum { RECORDS = 10000, CORRECTIONS = 100, BODY_SIZE = 1024, PATH_SIZE = 160 };

struct run {
    const char *scripts;
    const char *style_name;
    enum week_style style;
    size_t count;
    char folder[96];
    struct proxy *proxy;
    struct process server;
};

static void value(const struct run *run, const char *key, double value)
{
    bench_value(key, run->style_name, BENCH_POUCHDB, value);
}

static void path_of(const struct run *run, const char *name, char out[PATH_SIZE])
{
    (void)snprintf(out, PATH_SIZE, "%s/%s", run->folder, name);
}

static void write_file(const struct run *run, const char *name, const void *data, size_t len)
{
    char path[PATH_SIZE];
    path_of(run, name, path);
    FILE *file = fopen(path, "w");
    if (file == NULL || fwrite(data, 1, len, file) != len || fclose(file) != 0) {
        bench_die("write '%s'", path);
    }
}

static void write_party(const struct run *run, const struct party *party, const char *certificate, const char *key)
{
    struct buf text;
    party_key_text(party, &text);
    write_file(run, certificate, party->certificate_pem.data, party->certificate_pem.len - 1);
    write_file(run, key, text.data, text.len - 1);
    buf_fini(&text);
}

static void write_parties(const struct run *run)
{
    struct party party[2];
    struct buf ca_pem;
    parties_make(party, &ca_pem);
    write_party(run, &party[0], "server.pem", "server.key");
    write_party(run, &party[1], "client.pem", "client.key");
    write_file(run, "ca.pem", ca_pem.data, ca_pem.len - 1);
    party_fini(&party[0]);
    party_fini(&party[1]);
    buf_fini(&ca_pem);
}

/* A document is what the agent's API takes, with what the agent adds to it itself. Returns the mean size. */
static double write_documents(const struct run *run, const char *name, size_t from, size_t count, bool corrects)
{
    char path[PATH_SIZE];
    struct week week;
    size_t bytes = 0;
    path_of(run, name, path);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    week_begin(&week, run->style, run->count, clock_today(clock_wall_ms()));
    for (size_t i = 0; i < from + count; i++) {
        struct week_record record;
        char body[BODY_SIZE];
        week_next(&week, &record);
        if (i < from) {
            continue;
        }
        if (corrects) {
            week_correct(&record);
        }
        size_t len = week_json(&record, body, sizeof(body));
        int printed = fprintf(file, "%.*s,\"actor\":\"bench\",\"recorded_at\":%lld%s}\n", (int)len - 1, body,
                              (long long)clock_wall_ms(), corrects ? ",\"corrects\":true" : "");
        CHECK(printed > 0);
        bytes += (size_t)printed - 1;
    }
    CHECK(fclose(file) == 0);
    return (double)bytes / (double)count;
}

static void server_start(struct run *run)
{
    char script[PATH_SIZE];
    char files[5][PATH_SIZE];
    char port[32];
    (void)snprintf(script, sizeof(script), "%.120s/server.mjs", run->scripts);
    static const char *const names[] = { "server", "server.pem", "server.key", "ca.pem", "log" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        path_of(run, names[i], files[i]);
    }
    const char *const argv[] = { "/usr/bin/env", "node", script, files[0], files[1], files[2], files[3], NULL };
    process_talk(&run->server, argv, files[4]);
    process_say(&run->server, NULL, port, sizeof(port));
    run->proxy = proxy_start(0, (uint16_t)strtoul(port, NULL, 10));
}

static void client_start(const struct run *run, const char *name, struct process *client)
{
    char script[PATH_SIZE];
    char url[64];
    char files[5][PATH_SIZE];
    (void)snprintf(script, sizeof(script), "%.120s/client.mjs", run->scripts);
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/week", proxy_port(run->proxy));
    const char *const names[] = { name, "client.pem", "client.key", "ca.pem", "log" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        path_of(run, names[i], files[i]);
    }
    const char *const argv[] = { "/usr/bin/env", "node", script, files[0], url, files[1], files[2], files[3], NULL };
    process_talk(client, argv, files[4]);
}

/* The time that it took, in seconds; it has to have done `count`. */
static double tell(struct process *client, const char *what, const char *file, size_t count)
{
    char line[2 * PATH_SIZE];
    char answer[64];
    size_t did;
    double took_ms;
    (void)snprintf(line, sizeof(line), "%s%s%s", what, file != NULL ? " " : "", file != NULL ? file : "");
    process_say(client, line, answer, sizeof(answer));
    if (sscanf(answer, "%zu %lf", &did, &took_ms) != 2 || did != count) {
        bench_die("PouchDB was to %s %zu and answered '%s'", what, count, answer);
    }
    return took_ms / 1000;
}

static void record(const struct run *run, struct process *client)
{
    char file[PATH_SIZE];
    value(run, "record_json_bytes", write_documents(run, "week.jsonl", 0, run->count, false));
    path_of(run, "week.jsonl", file);
    double cpu_s = process_cpu_s(client);
    value(run, "record_rps", (double)run->count / tell(client, "record", file, run->count));
    value(run, "record_cpu_us", (process_cpu_s(client) - cpu_s) / (double)run->count * 1e6);
}

static struct proxy_count counted(const struct run *run)
{
    struct proxy_count count;
    proxy_count(run->proxy, &count);
    return count;
}

/* Replicates everything, with its figures under `way`. */
static void replicate(const struct run *run, struct process *client, const char *way)
{
    char key[32];
    struct proxy_count before = counted(run);
    double client_s = process_cpu_s(client);
    double server_s = process_cpu_s(&run->server);
    double took_s = tell(client, way, NULL, run->count);
    struct proxy_count after = counted(run);
    const struct {
        const char *name;
        double value;
    } values[] = {
        { "ops", (double)run->count / took_s },
        { "bytes_up", (double)(after.bytes_up - before.bytes_up) / (double)run->count },
        { "bytes_down", (double)(after.bytes_down - before.bytes_down) / (double)run->count },
        { "bytes",
          (double)(after.bytes_up - before.bytes_up + after.bytes_down - before.bytes_down) / (double)run->count },
        { "agent_cpu_us", (process_cpu_s(client) - client_s) / (double)run->count * 1e6 },
        { "cpu_us",
          (process_cpu_s(client) - client_s + process_cpu_s(&run->server) - server_s) / (double)run->count * 1e6 },
        { "agent_peak_mib", (double)process_status(client, "VmHWM") / 1024 },
    };
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        (void)snprintf(key, sizeof(key), "%s_%s", way, values[i].name);
        value(run, key, values[i].value);
    }
}

static void small(const struct run *run, struct process *client, const char *way, size_t count, const char *key)
{
    struct proxy_count before = counted(run);
    (void)tell(client, way, NULL, count);
    struct proxy_count after = counted(run);
    value(run, key, (double)(after.bytes_up - before.bytes_up + after.bytes_down - before.bytes_down));
}

static void week_run(struct run *run)
{
    struct process one;
    struct process two;
    char file[PATH_SIZE];
    client_start(run, "one", &one);
    client_start(run, "two", &two);
    record(run, &one);
    replicate(run, &one, "push");
    replicate(run, &two, "pull");
    (void)write_documents(run, "corrections.jsonl", 0, CORRECTIONS, true);
    path_of(run, "corrections.jsonl", file);
    (void)tell(&one, "record", file, CORRECTIONS);
    small(run, &one, "push", CORRECTIONS, "corrections_push_bytes");
    small(run, &two, "pull", CORRECTIONS, "corrections_pull_bytes");
    (void)write_documents(run, "corrections.jsonl", CORRECTIONS, 1, true);
    (void)tell(&one, "record", file, 1);
    small(run, &one, "push", 1, "one_exchange_bytes");
    small(run, &one, "push", 0, "idle_exchange_bytes");
    value(run, "centre_peak_mib", (double)process_status(&run->server, "VmHWM") / 1024);
    process_kill(&one);
    process_kill(&two);
}

int main(int argc, char **argv)
{
    static struct run run = { .count = RECORDS };
    if (argc < 3 || !week_style_parse(argv[2], &run.style)) {
        bench_die("usage: bench_pouchdb FOLDER repeated|free [RECORDS]");
    }
    run.scripts = argv[1];
    run.style_name = argv[2];
    run.count = argc > 3 ? (size_t)strtoul(argv[3], NULL, 10) : RECORDS;
    if (run.count <= CORRECTIONS || run.count > WEEK_RECORDS_MAX) {
        bench_die("bench_pouchdb: expected more than %d and at most %d records", CORRECTIONS, WEEK_RECORDS_MAX);
    }
    bench_folder_make(run.folder);
    write_parties(&run);
    server_start(&run);
    week_run(&run);
    process_kill(&run.server);
    proxy_stop(run.proxy);
    bench_folder_remove(run.folder);
    return 0;
}
