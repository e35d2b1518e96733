/*
 * tests/bench/vault_round - one round of the same work on one database: what bench_vault compares.
 *
 * Built twice: with SQLite for the plain side and the vault, and with SQLCipher's copy of it, whose symbols have the
 * same names and which therefore runs as a program of its own.
 */
#ifndef TESTS_BENCH_VAULT_ROUND_H
#define TESTS_BENCH_VAULT_ROUND_H

#include <sqlite3.h>

enum {
    ROUNDS = 15,
    CACHE_KIB = 2000,
    COMMITS = 2000,
    BULK_ROWS = 200000,
    POINT_READS = 40000,
    COLD_READS = 2000, /* about half of the pages, each for the first time */
    SCANS = 4,
};

enum measure { APPEND, COMMIT, BULK, COLD, POINT, SCAN, VACUUM, SIZE, MEASURES };

struct side {
    char path[96];
    void (*open)(struct side *side); /* sets db, ready for work: no key is left to be derived */
    void *context;
    sqlite3 *db;
    double took[MEASURES]; /* of the last round: seconds of CPU; SIZE in bytes */
};

_Noreturn void die(const char *what, const char *why);
void sql(sqlite3 *db, const char *text);
/* What every side has set, before its first statement. */
void side_settle(struct side *side);
void round_run(struct side *side);

#endif
