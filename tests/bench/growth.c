/*
 * Does an op cost the same in a large log as in a small one? People come and go, 100 at a time, for 100 days each,
 * until there are so many ops; all of it is recorded, pushed to a centre's store, and then fetched from the first op by
 * a fresh replica, in one process as in bench_pipeline. CPU time per op since the mark before, and the most memory that
 * the process held meanwhile while it fetched.
 *
 * The floor of recording is a plain SQLite table of as many rows with one index by a random key, filled in commits of
 * as many, with as much cache: that is what ids cost that follow no order, with nothing else around them.
 *
 *     bench_growth [OPS]      at most and at least so many, 1,000,000 when left out
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sqlite3.h>

#include "tests/bench/common/bench.h"
#include "tests/bench/common/pipeline.h"
#include "tests/bench/common/process.h"

enum { OPS = 1000000, COHORT_RECORDS = 10000, BATCH = 4000 };

/* Reports when the count of ops passes the next mark: 10,000, 30,000, 100,000 ... */
struct curve {
    const char *key;
    enum bench_side side;
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

static struct curve curve_of(const char *key, enum bench_side side)
{
    return (struct curve){ .key = key, .side = side, .next = 10000 };
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
    bench_value(curve->key, variant, curve->side, curve->cpu_s / (double)(ops - curve->ops) * 1e6);
    *curve = (struct curve){ .key = curve->key, .side = curve->side, .ops = ops, .next = mark_after(curve->next) };
    return true;
}

/* ---- the floor ---- */

struct plain {
    sqlite3 *db;
    sqlite3_stmt *insert;
    uint64_t rows;
};

static void plain_run(struct plain *plain, const char *sql)
{
    if (sqlite3_exec(plain->db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        bench_die("plain SQLite: %s", sqlite3_errmsg(plain->db));
    }
}

static void plain_open(struct plain *plain, const char *folder)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/plain.db", folder);
    *plain = (struct plain){ 0 };
    CHECK(sqlite3_open(path, &plain->db) == SQLITE_OK);
    plain_run(plain,
              "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-2048;"
              "CREATE TABLE row (id INTEGER PRIMARY KEY, key BLOB, body BLOB); CREATE INDEX row_key ON row (key)");
    CHECK(sqlite3_prepare_v2(plain->db, "INSERT INTO row VALUES (NULL, ?1, zeroblob(150))", -1, &plain->insert, NULL) ==
          SQLITE_OK);
}

static void plain_close(struct plain *plain)
{
    (void)sqlite3_finalize(plain->insert);
    (void)sqlite3_close(plain->db);
}

/* The same keys in every run, in no order: the finaliser of SplitMix64 over the row's number. */
static uint64_t scattered(uint64_t number)
{
    uint64_t x = number * UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static void plain_record(struct plain *plain, size_t count)
{
    plain_run(plain, "BEGIN");
    for (size_t i = 0; i < count; i++) {
        uint64_t key[2] = { scattered(2 * plain->rows), scattered(2 * plain->rows + 1) };
        (void)sqlite3_bind_blob(plain->insert, 1, key, sizeof(key), SQLITE_STATIC);
        if (sqlite3_step(plain->insert) != SQLITE_DONE) {
            bench_die("plain SQLite: %s", sqlite3_errmsg(plain->db));
        }
        (void)sqlite3_reset(plain->insert);
        plain->rows++;
    }
    plain_run(plain, "COMMIT");
}

static void fill_plain(const char *folder, size_t cohorts)
{
    struct plain plain;
    struct curve recorded = curve_of("growth_record_us", BENCH_FLOOR);
    plain_open(&plain, folder);
    for (size_t cohort = 0; cohort < cohorts; cohort++) {
        struct stopwatch watch = stopwatch_start();
        plain_record(&plain, COHORT_RECORDS);
        (void)curve_add(&recorded, plain.rows, stopwatch_cpu_s(watch));
    }
    plain_close(&plain);
}

/* ---- ours ---- */

static void fill(struct pipeline *p, size_t cohorts)
{
    struct curve recorded = curve_of("growth_record_us", BENCH_OURS);
    struct curve pushed = curve_of("growth_push_us", BENCH_OURS);
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
    struct curve pulled = curve_of("growth_pull_us", BENCH_OURS);
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
    size_t cohorts = (ops + COHORT_RECORDS - 1) / COHORT_RECORDS;
    fill_plain(p.folder, cohorts);
    fill(&p, cohorts);
    fetch(&p);
    pipeline_check(&p);
    pipeline_close(&p);
    return 0;
}
