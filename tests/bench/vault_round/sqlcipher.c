/*
 * One round on SQLCipher, for bench_vault: bench_sqlcipher FILE prints the seconds of CPU of each measure, in order,
 * and the size. The key is given raw, so that no key derivation is counted, and pages have the size of the others.
 */
#include <stdio.h>
#include <unistd.h>

#include "tests/bench/vault_round/round.h"

static void cipher_open(struct side *side)
{
    static const char KEY[] = "PRAGMA key = \"x'000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'\";"
                              "PRAGMA cipher_page_size = 4096";
    if (sqlite3_open_v2(side->path, &side->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        "unix-excl") != SQLITE_OK) {
        die(side->path, "open");
    }
    sql(side->db, KEY);
    side_settle(side);
    sql(side->db, "SELECT count(*) FROM sqlite_master"); /* the first look derives what is left to derive */
}

int main(int argc, char **argv)
{
    static struct side side = { .open = cipher_open };
    if (argc != 2) {
        die("usage", "bench_sqlcipher FILE");
    }
    (void)snprintf(side.path, sizeof(side.path), "%s", argv[1]);
    (void)unlink(side.path); /* this version calls a database malformed whose tables it dropped */
    round_run(&side);
    for (int i = 0; i < MEASURES; i++) {
        (void)printf("%.9f\n", side.took[i]);
    }
    (void)printf("%s\n", sqlite3_libversion());
    return 0;
}
