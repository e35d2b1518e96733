/*
 * The vault against plain SQLite: the same library, statements, settings and disk, in turns in one run; and SQLCipher
 * beside them where it is installed. CPU time of the process, user and system; the ratio is the median of the rounds'
 * ratios. Run it alone on an idle machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "crypto/vault/vault.h"
#include "tests/bench/vault_round/round.h"

enum { PLAIN, SEALED, CIPHER, SIDES, UNLOCKS = 5 };

static const struct {
    const char *name;
    double aim;
} MEASURE[MEASURES] = {
    [APPEND] = { "durable commits, appended", 1.1 },
    [COMMIT] = { "durable commits, and indexed", 0 },
    [BULK] = { "bulk insert", 1.4 },
    [COLD] = { "cold point reads", 1.25 },
    [POINT] = { "point reads, disk cached", 0 },
    [SCAN] = { "full scan, disk cached", 1.5 },
    [VACUUM] = { "VACUUM", 1.8 },
    [SIZE] = { "file size", 1.01 },
};

static double took[SIDES][MEASURES][ROUNDS];
static char cipher_version[32]; /* "": SQLCipher is not here */

static void plain_open(struct side *side)
{
    if (sqlite3_open_v2(side->path, &side->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        "unix-excl") != SQLITE_OK) {
        die(side->path, "open");
    }
    side_settle(side);
}

static void sealed_open(struct side *side)
{
    struct error err;
    if (vault_open_database(side->context, CACHE_KIB, &side->db, &err) != ERR_OK) {
        die(side->path, err.message);
    }
}

static void run_here(struct side *side, int which, int round)
{
    round_run(side);
    for (int i = 0; i < MEASURES; i++) {
        took[which][i][round] = side->took[i];
    }
}

/* SQLCipher's library has SQLite's names, so its round is a program of its own, beside this one. */
static void run_cipher(const char *program, const char *path, int round)
{
    char command[512];
    char line[64];
    (void)snprintf(command, sizeof(command), "'%s' '%s'", program, path);
    FILE *out = popen(command, "re");
    for (int i = 0; out != NULL && i < MEASURES; i++) {
        took[CIPHER][i][round] = fgets(line, sizeof(line), out) == NULL ? 0 : strtod(line, NULL);
    }
    if (out == NULL || fgets(cipher_version, sizeof(cipher_version), out) == NULL || pclose(out) != 0) {
        die(program, "did not finish");
    }
    cipher_version[strcspn(cipher_version, "\n")] = '\0';
}

static void files_remove(const char *path)
{
    static const char *const SUFFIXES[] = { "", "-wal", "-shm", ".fresh", ".keys", ".keys.prev" };
    char name[128];
    for (size_t i = 0; i < ARRAY_LEN(SUFFIXES); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", path, SUFFIXES[i]);
        (void)unlink(name);
    }
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(const double values[ROUNDS])
{
    double sorted[ROUNDS];
    memcpy(sorted, values, sizeof(sorted));
    qsort(sorted, ROUNDS, sizeof(sorted[0]), by_value);
    return sorted[ROUNDS / 2];
}

static double ratio_of(int which, int what)
{
    double ratios[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        ratios[i] = took[which][what][i] / took[PLAIN][what][i];
    }
    return median(ratios);
}

static void print_row(int what)
{
    double ratio = ratio_of(SEALED, what);
    double scale = what == SIZE ? 1.0 / 1024 : 1000;
    const char *unit = what == SIZE ? "KB" : "ms";
    (void)printf("%-28s %9.1f %s %9.1f %s %7.3fx", MEASURE[what].name, median(took[PLAIN][what]) * scale, unit,
                 median(took[SEALED][what]) * scale, unit, ratio);
    if (MEASURE[what].aim > 0) {
        (void)printf(" %5.2fx%-8s", MEASURE[what].aim, ratio <= MEASURE[what].aim ? "" : "  missed");
    } else {
        (void)printf(" %14s", "");
    }
    if (cipher_version[0] != '\0') {
        (void)printf(" %9.3fx%s", ratio_of(CIPHER, what),
                     ratio < ratio_of(CIPHER, what) ? "" : "  SQLCipher is better");
    }
    (void)printf("\n");
}

static void print_table(void)
{
    (void)printf("%-28s %12s %12s %8s %6s %18s\n", "CPU, vault against plain", "plain", "vault", "ratio", "aim",
                 cipher_version[0] == '\0' ? "" : "SQLCipher");
    for (int i = 0; i < MEASURES; i++) {
        print_row(i);
    }
}

static double wall_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1000 + (double)now.tv_nsec / 1e6;
}

/* From the secret to an open database, the least of UNLOCKS. */
static double unlock_ms(const char *path, const struct vault_unlock *unlock)
{
    double least = 0;
    for (int i = 0; i < UNLOCKS; i++) {
        struct error err;
        struct vault *vault = NULL;
        struct sqlite3 *db = NULL;
        double before = wall_ms();
        if (vault_open(path, unlock, &vault, &err) != ERR_OK ||
            vault_open_database(vault, CACHE_KIB, &db, &err) != ERR_OK) {
            die(path, err.message);
        }
        double spent = wall_ms() - before;
        least = i == 0 || spent < least ? spent : least;
        (void)sqlite3_close(db);
        vault_close(vault);
    }
    return least;
}

static void print_unlock(const char *path, const struct vault_unlock *key_file)
{
    static const char WORDS[] = "only for the bench, not a secret";
    struct vault_unlock passphrase = { .kind = VAULT_SLOT_PASSPHRASE,
                                       .secret = (const uint8_t *)WORDS,
                                       .secret_len = sizeof(WORDS) - 1 };
    struct vault_slot_new slot = { .unlock = passphrase };
    struct error err;
    struct vault *vault = NULL;
    int number;
    if (vault_open(path, key_file, &vault, &err) != ERR_OK ||
        vault_slot_add(vault, key_file, &slot, &number, &err) != ERR_OK) {
        die(path, err.message);
    }
    vault_close(vault);
    (void)printf("unlock: %.1f ms with a passphrase, %.2f ms without its derivation (aim 5)\n",
                 unlock_ms(path, &passphrase), unlock_ms(path, key_file));
}

int main(int argc, char **argv)
{
    const char *parent = argc > 1 ? argv[1] : "/tmp";
    const char *cipher_program = argc > 2 ? argv[2] : NULL;
    char folder[64];
    char cipher_path[96];
    (void)snprintf(folder, sizeof(folder), "%.40s/holdfast-bench-XXXXXX", parent);
    if (mkdtemp(folder) == NULL) {
        die(folder, "make the folder");
    }
    static struct side plain = { .open = plain_open };
    static struct side sealed = { .open = sealed_open };
    (void)snprintf(plain.path, sizeof(plain.path), "%s/plain.db", folder);
    (void)snprintf(sealed.path, sizeof(sealed.path), "%s/vault.db", folder);
    (void)snprintf(cipher_path, sizeof(cipher_path), "%s/cipher.db", folder);
    static const uint8_t KEY[VAULT_KEY_FILE_BYTES] = "only for the bench, not a secret";
    struct vault_unlock unlock = { .kind = VAULT_SLOT_KEY_FILE, .secret = KEY, .secret_len = sizeof(KEY) };
    struct error err;
    struct vault *vault = NULL;
    if (vault_create(sealed.path, &unlock, &err) != ERR_OK ||
        vault_open(sealed.path, &unlock, &vault, &err) != ERR_OK) {
        die(sealed.path, err.message);
    }
    sealed.context = vault;
    for (int i = 0; i < ROUNDS; i++) {
        for (int turn = 0; turn < SIDES; turn++) {
            switch ((i + turn) % SIDES) {
            case PLAIN:
                run_here(&plain, PLAIN, i);
                break;
            case SEALED:
                run_here(&sealed, SEALED, i);
                break;
            default:
                if (cipher_program != NULL) {
                    run_cipher(cipher_program, cipher_path, i);
                }
            }
        }
    }
    vault_close(vault);
    print_table();
    print_unlock(sealed.path, &unlock);
    (void)printf("SQLite %s, SQLCipher %s, %d rounds, cache %d KiB, folder '%s'\n", sqlite3_libversion(),
                 cipher_version[0] == '\0' ? "not installed" : cipher_version, ROUNDS, CACHE_KIB, parent);
    files_remove(plain.path);
    files_remove(sealed.path);
    files_remove(cipher_path);
    return rmdir(folder) == 0 ? 0 : 1;
}
