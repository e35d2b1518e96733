/*
 * Re-keying a vault of about 100 MB: how long it takes, what it costs of the processor, and how long a step keeps the
 * thread that takes it.
 *
 *     bench_rekey [FOLDER]
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "crypto/vault/vault.h"

enum { ROWS = 100000, ROW_BYTES = 1000, STEPS_MAX = 100000, PAGE_BYTES = 4096 };

static const uint8_t KEY[VAULT_KEY_FILE_BYTES] = "a key of thirty-two bytes, fixed";

static _Noreturn void die(const char *what, const struct error *err)
{
    (void)fprintf(stderr, "bench_rekey: %s: %s\n", what, err->message);
    exit(1);
}

static double cpu_seconds(void)
{
    struct rusage used;
    (void)getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static int by_length(const void *a, const void *b)
{
    int64_t one = *(const int64_t *)a;
    int64_t two = *(const int64_t *)b;
    return (one > two) - (one < two);
}

static void fill(struct vault *vault)
{
    struct error err = { 0 };
    sqlite3 *db = NULL;
    char text[256];
    (void)snprintf(text, sizeof(text),
                   "CREATE TABLE t(a INTEGER PRIMARY KEY, b); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 "
                   "FROM n WHERE i<%d) INSERT INTO t SELECT i, randomblob(%d) FROM n",
                   ROWS, ROW_BYTES);
    if (vault_open_database(vault, 2000, &db, &err) != ERR_OK) {
        die("open", &err);
    }
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK || sqlite3_close(db) != SQLITE_OK) {
        (void)FAIL(&err, DATABASE, "%s", sqlite3_errmsg(db));
        die("fill", &err);
    }
}

static void measure(struct vault *vault, unsigned pages_a_step)
{
    static int64_t took_ms[STEPS_MAX];
    struct vault_rekey_progress progress = { .running = true };
    struct error err;
    uint32_t pages = 0;
    size_t steps = 0;
    if (vault_rekey_begin(vault, &err) != ERR_OK) {
        die("begin", &err);
    }
    int64_t begun_ms = clock_monotonic_ms();
    double cpu = cpu_seconds();
    for (; progress.running && steps < STEPS_MAX; steps++) {
        int64_t before_ms = clock_monotonic_ms();
        if (vault_rekey_step(vault, pages_a_step, &progress, &err) != ERR_OK) {
            die("step", &err);
        }
        took_ms[steps] = clock_monotonic_ms() - before_ms;
        pages = progress.pages_total > pages ? progress.pages_total : pages;
    }
    cpu = cpu_seconds() - cpu;
    double all_s = (double)(clock_monotonic_ms() - begun_ms) / 1000;
    qsort(took_ms, steps, sizeof(took_ms[0]), by_length);
    printf("%u pages (%.0f MB), %3u a step: %.1f s, %.2f s of the processor (%.1f us a page); a step: median %lld ms, "
           "99 of 100 within %lld ms, longest %lld ms\n",
           pages, (double)pages * PAGE_BYTES / 1e6, pages_a_step, all_s, cpu, cpu / pages * 1e6,
           (long long)took_ms[steps / 2], (long long)took_ms[steps * 99 / 100], (long long)took_ms[steps - 1]);
}

int main(int argc, char **argv)
{
    static const char *const SUFFIXES[] = { "", "-wal", ".keys", ".keys.prev", ".fresh", ".rekey" };
    struct vault_unlock unlock = { .kind = VAULT_SLOT_KEY_FILE, .secret = KEY, .secret_len = sizeof(KEY) };
    struct vault *vault = NULL;
    struct error err;
    char folder[256];
    char path[300];
    (void)snprintf(folder, sizeof(folder), "%.200s/bench-rekey-XXXXXX", argc > 1 ? argv[1] : "/tmp");
    if (mkdtemp(folder) == NULL) {
        (void)error_errno(&err, "make a folder");
        die("begin", &err);
    }
    (void)snprintf(path, sizeof(path), "%s/x.db", folder);
    if (vault_create(path, &unlock, &err) != ERR_OK || vault_open(path, &unlock, &vault, &err) != ERR_OK) {
        die("make a vault", &err);
    }
    fill(vault);
    measure(vault, 32);
    measure(vault, VAULT_REKEY_PAGES_MAX);
    vault_close(vault);
    for (size_t i = 0; i < ARRAY_LEN(SUFFIXES); i++) {
        char name[320];
        (void)snprintf(name, sizeof(name), "%s%s", path, SUFFIXES[i]);
        (void)unlink(name);
    }
    return rmdir(folder) == 0 ? 0 : 1;
}
