/*
 * A backup of a vault of about 100 MB: made, checked and restored, with what each takes of the processor and for how
 * long one piece of 1 MiB keeps its thread. The file goes through the disk, as it does with `holdfast backup`.
 *
 *     bench_backup [FOLDER]
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "crypto/vault/restore.h"

enum { ROWS = 100000, ROW_BYTES = 1000, HEAD_LOOK = 72 * 1024 };

#define PIECE_BYTES ((size_t)1024 * 1024)

static const uint8_t KEY[VAULT_KEY_FILE_BYTES] = "a key of thirty-two bytes, fixed";
static const struct vault_unlock UNLOCK = { VAULT_SLOT_KEY_FILE, KEY, sizeof(KEY) };

static _Noreturn void die(const char *what, const struct error *err)
{
    (void)fprintf(stderr, "bench_backup: %s: %s\n", what, err->message);
    exit(1);
}

static void must(enum err_code rc, const char *what, const struct error *err)
{
    if (rc != ERR_OK) {
        die(what, err);
    }
}

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct work {
    const char *name;
    double wall;
    double cpu;
    double longest; /* piece */
    double piece;
};

static struct work work_begin(const char *name)
{
    return (
        struct work){ .name = name, .wall = seconds_of(CLOCK_MONOTONIC), .cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) };
}

static void piece_begin(struct work *work)
{
    work->piece = seconds_of(CLOCK_MONOTONIC);
}

static void piece_end(struct work *work)
{
    double took = seconds_of(CLOCK_MONOTONIC) - work->piece;
    work->longest = took > work->longest ? took : work->longest;
}

static void work_end(const struct work *work, uint64_t pages)
{
    struct rusage used;
    (void)getrusage(RUSAGE_SELF, &used);
    double wall = seconds_of(CLOCK_MONOTONIC) - work->wall;
    double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - work->cpu;
    (void)printf("%-8s %6.2f s, %5.2f s of the processor, %5.2f us a page; ", work->name, wall, cpu,
                 cpu * 1e6 / (double)pages);
    if (work->longest > 0) {
        (void)printf("longest piece %5.1f ms; ", work->longest * 1e3);
    }
    (void)printf("%ld MiB at most\n", used.ru_maxrss / 1024);
}

static void fill(sqlite3 *db)
{
    struct error err = { 0 };
    char text[256];
    (void)snprintf(text, sizeof(text),
                   "CREATE TABLE t(a INTEGER PRIMARY KEY, b); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 "
                   "FROM n WHERE i<%d) INSERT INTO t SELECT i, randomblob(%d) FROM n",
                   ROWS, ROW_BYTES);
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK) {
        (void)FAIL(&err, DATABASE, "%s", sqlite3_errmsg(db));
        die("fill", &err);
    }
}

static uint64_t make(struct vault *vault, const char *path)
{
    struct error err;
    struct backup_writer *writer;
    struct backup_about about;
    struct buf piece;
    buf_init(&piece, PIECE_BYTES);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct work work = work_begin("made");
    must(backup_write_begin(vault, 1, &writer, &err), "begin", &err);
    do {
        buf_clear(&piece);
        piece_begin(&work);
        must(backup_write_next(writer, PIECE_BYTES, &piece, &err), "go on", &err);
        piece_end(&work);
        if (write(fd, piece.data, piece.len) != (ssize_t)piece.len) {
            (void)error_errno(&err, "write '%s'", path);
            die("write", &err);
        }
    } while (piece.len > 0);
    (void)fsync(fd);
    (void)close(fd);
    (void)backup_write_about(writer, &about);
    work_end(&work, about.pages);
    backup_write_free(writer);
    buf_fini(&piece);
    return about.pages;
}

/* Checked only, or restored beside the vault at `vault_path`. */
static void take(const char *path, const char *vault_path, uint64_t pages)
{
    static uint8_t piece[1024 * 1024];
    struct error err;
    struct backup_reader *reader;
    struct restore *restore = NULL;
    size_t head;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = read(fd, piece, HEAD_LOOK);
    must(backup_head_length(slice_of(piece, BACKUP_HEAD_LOOK), &head, &err), "read", &err);
    must(backup_read_begin(slice_of(piece, head), &reader, &err), "read", &err);
    must(backup_read_unlock(reader, &UNLOCK, &err), "unlock", &err);
    struct work work = work_begin(vault_path == NULL ? "checked" : "restored");
    if (vault_path != NULL) {
        must(restore_begin(vault_path, reader, 0, 1, &restore, &err), "restore", &err);
    }
    struct slice bytes = slice_of(piece + head, (size_t)got - head);
    while (bytes.len > 0) {
        piece_begin(&work);
        must(backup_read_take(reader, bytes, restore == NULL ? NULL : restore_page, restore, &err), "read", &err);
        piece_end(&work);
        got = read(fd, piece, sizeof(piece));
        bytes = slice_of(piece, got > 0 ? (size_t)got : 0);
    }
    must(backup_read_end(reader, &err), "read", &err);
    work_end(&work, pages);
    if (restore != NULL) {
        work = work_begin("sealed");
        must(restore_seal(restore, &err), "seal", &err);
        work_end(&work, pages);
    }
    restore_free(restore);
    backup_read_free(reader);
    (void)close(fd);
}

static void measure(const char *vault_path, const char *backup_path)
{
    struct error err;
    struct vault *vault;
    sqlite3 *db;
    must(vault_create(vault_path, &UNLOCK, &err), "make a vault", &err);
    must(vault_open(vault_path, &UNLOCK, &vault, &err), "open", &err);
    must(vault_open_database(vault, 2000, &db, &err), "open", &err);
    fill(db);
    uint64_t pages = make(vault, backup_path);
    (void)printf("%llu pages\n", (unsigned long long)pages);
    take(backup_path, NULL, pages);
    take(backup_path, vault_path, pages);
    (void)sqlite3_close(db);
    vault_close(vault);
}

int main(int argc, char **argv)
{
    static const char *const PARTS[] = { "", "-wal", ".keys", ".keys.prev", ".fresh", ".hfb" };
    char folder[256];
    char path[300];
    char backup[300];
    (void)snprintf(folder, sizeof(folder), "%.200s/bench-backup-XXXXXX", argc > 1 ? argv[1] : "/tmp");
    if (mkdtemp(folder) == NULL) {
        perror(folder);
        return 1;
    }
    (void)snprintf(path, sizeof(path), "%s/x.db", folder);
    (void)snprintf(backup, sizeof(backup), "%s/x.db.hfb", folder);
    measure(path, backup);
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) {
        char name[320];
        (void)snprintf(name, sizeof(name), "%s%s", path, PARTS[i]);
        (void)unlink(name);
    }
    return rmdir(folder) == 0 ? 0 : 1;
}
