#include "world.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the attackers of crypto/VAULT.md do to the files, and what they get. */

TestSuite(vault_attack, .timeout = 300);

#define MARKER "Wilhelmina-Okonkwo"

enum { PAGE = 4096, BODY = 4064, HEADER = 32, FRAME = 24 + PAGE, ROWS = 300, BLOCK = 16 };

struct bytes {
    uint8_t *at;
    size_t len;
};

static struct bytes bytes_of(const char *path)
{
    struct bytes bytes = { .len = (size_t)size_of(path) };
    bytes.at = malloc(bytes.len + 1);
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file, "open '%s'", path);
    cr_assert_eq(fread(bytes.at, 1, bytes.len, file), bytes.len);
    cr_assert_eq(fclose(file), 0);
    return bytes;
}

static bool contains(struct bytes bytes, const void *text, size_t len)
{
    return memmem(bytes.at, bytes.len, text, len) != NULL;
}

/* Rows that compress to nothing, partly in the database and partly in the log, which is left as a crash leaves it. */
static void filled(struct world *world)
{
    world_make(world);
    world_open(world);
    sql(world->db,
        "PRAGMA wal_autocheckpoint=0; CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT); CREATE INDEX i ON t(b);"
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n WHERE x<%d)"
        "INSERT INTO t(b) SELECT '" MARKER "'||replace(hex(zeroblob(20)), '00', '" MARKER "') FROM n;"
        "PRAGMA wal_checkpoint(TRUNCATE); UPDATE t SET b=b||'" MARKER "' WHERE a<40",
        ROWS);
}

static void look_at(const struct world *world, uint64_t *ret_rows, uint64_t *ret_long)
{
    *ret_rows = (uint64_t)sql_number(world->db, "SELECT count(*) FROM t WHERE b LIKE '" MARKER "%'");
    *ret_long = (uint64_t)sql_number(world->db, "SELECT sum(length(b)) FROM t");
}

/* The content of `filled`, or a refusal with `file` named in it; nothing else. */
static void refused_or_unharmed(struct world *copy, const struct world *original, const char *what, long at)
{
    struct error err = { 0 };
    enum err_code rc = world_try(copy, &err);
    if (rc == ERR_OK) {
        uint64_t now[2];
        uint64_t before[2];
        look_at(copy, &now[0], &now[1]);
        look_at(original, &before[0], &before[1]);
        cr_assert(now[0] == before[0] && now[1] == before[1], "%s at %ld: other rows than before", what, at);
    } else {
        cr_assert_eq(rc, ERR_DAMAGED, "%s at %ld: %s: %s", what, at, err_code_name(rc), err.message);
        cr_assert_not_null(strstr(err.message, "x.db"), "%s at %ld: '%s' names no file", what, at, err.message);
    }
}

/* A1: steals a copy
 * --------------------------------------------------------------------------------------------------------------- */

/* Of every 16 bytes in the files none repeats: neither page, nor frame, nor key shows anything of equal content. */
static int block_order(const void *a, const void *b)
{
    return memcmp(a, b, BLOCK);
}

static size_t repeated_blocks(struct bytes bytes)
{
    uint8_t *sorted = malloc(bytes.len);
    memcpy(sorted, bytes.at, bytes.len);
    size_t count = bytes.len / BLOCK;
    qsort(sorted, count, BLOCK, block_order);
    size_t repeated = 0;
    for (size_t i = 1; i < count; i++) {
        repeated += memcmp(sorted + (i - 1) * BLOCK, sorted + i * BLOCK, BLOCK) == 0;
    }
    free(sorted);
    return repeated;
}

/* Pearson's statistic of the bytes against all being equally likely: 255 on average, its deviation 22.6. */
static double evenness(struct bytes bytes)
{
    double counts[256] = { 0 };
    double expected = (double)bytes.len / 256;
    double sum = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        counts[bytes.at[i]]++;
    }
    for (size_t i = 0; i < 256; i++) {
        sum += (counts[i] - expected) * (counts[i] - expected) / expected;
    }
    return sum;
}

/* The epoch's number is the same on every page, so each page is looked at without it. */
static struct bytes without_epochs(const char *path)
{
    struct bytes bytes = bytes_of(path);
    size_t to = 0;
    for (size_t page = 0; page < bytes.len / PAGE; page++) {
        memmove(bytes.at + to, bytes.at + page * PAGE, PAGE - BLOCK);
        to += PAGE - BLOCK;
    }
    bytes.len = to;
    return bytes;
}

Test(vault_attack, a1_a_stolen_copy_shows_nothing_of_what_is_stored)
{
    static const char *const SUFFIXES[] = { "", "-wal", ".fresh", ".keys", ".keys.prev" };
    static const char *const TEXTS[] = { MARKER, "SQLite format 3", "CREATE TABLE", "CREATE INDEX" };
    struct world world;
    filled(&world);
    for (size_t i = 0; i < ARRAY_LEN(SUFFIXES); i++) {
        struct bytes bytes = bytes_of(world_file(&world, SUFFIXES[i]));
        for (size_t k = 0; k < ARRAY_LEN(TEXTS); k++) {
            cr_assert_not(contains(bytes, TEXTS[k], strlen(TEXTS[k])), "'%s' in x.db%s", TEXTS[k], SUFFIXES[i]);
        }
        cr_assert_not(contains(bytes, WORLD_KEY, 16), "the secret itself in x.db%s", SUFFIXES[i]);
        free(bytes.at);
    }
    struct bytes pages = without_epochs(world.path);
    struct bytes log = bytes_of(world_file(&world, "-wal"));
    cr_assert_gt(pages.len, 50 * PAGE);
    cr_assert_gt(log.len, 10 * FRAME);
    cr_assert_eq(repeated_blocks(pages), 0);
    cr_assert_eq(repeated_blocks(log), 0);
    cr_assert(evenness(pages) < 255 + 6 * 22.6, "%f", evenness(pages));
    free(pages.at);
    free(log.at);
    world_fini(&world);
}

Test(vault_attack, a1_a_stolen_copy_does_not_open_with_another_secret)
{
    struct world world;
    struct world stolen;
    filled(&world);
    world_copy(&world, &stolen);
    struct error err;
    for (unsigned i = 0; i < VAULT_KEY_FILE_BYTES; i++) {
        uint8_t guess[VAULT_KEY_FILE_BYTES];
        memcpy(guess, WORLD_KEY, sizeof(guess));
        guess[i] ^= 1;
        struct vault_unlock unlock = { VAULT_SLOT_KEY_FILE, guess, sizeof(guess) };
        cr_assert_eq(vault_open(stolen.path, &unlock, &stolen.vault, &err), ERR_KEY, "%s", err.message);
    }
    world_fini(&stolen);
    world_fini(&world);
}

Test(vault_attack, a1_a_stolen_copy_is_for_its_owner_only_to_read)
{
    static const char *const SUFFIXES[] = { "", "-wal", ".fresh", ".keys", ".keys.prev" };
    struct world world;
    filled(&world);
    for (size_t i = 0; i < ARRAY_LEN(SUFFIXES); i++) {
        struct stat about;
        cr_assert_eq(stat(world_file(&world, SUFFIXES[i]), &about), 0);
        cr_assert_eq(about.st_mode & 0777, 0600, "x.db%s has mode %o", SUFFIXES[i], about.st_mode & 0777u);
    }
    world_fini(&world);
}

/* A2: holds several snapshots
 * ----------------------------------------------------------------------------------------------------- */

/* Where are `a` and `b` equal for BLOCK bytes at a multiple of BLOCK? */
static size_t equal_blocks(const uint8_t *a, const uint8_t *b, size_t len)
{
    size_t equal = 0;
    for (size_t at = 0; at + BLOCK <= len; at += BLOCK) {
        equal += memcmp(a + at, b + at, BLOCK) == 0;
    }
    return equal;
}

Test(vault_attack, a2_two_snapshots_tell_which_pages_changed_and_no_more)
{
    struct world world;
    filled(&world);
    sql(world.db, "PRAGMA wal_checkpoint(TRUNCATE)");
    struct bytes before = bytes_of(world.path);
    /* one letter of one row, and its entry in the index */
    sql(world.db, "UPDATE t SET b='X'||substr(b, 2) WHERE a=100");
    size_t written = (size_t)(size_of(world_file(&world, "-wal")) - HEADER) / FRAME;
    sql(world.db, "PRAGMA wal_checkpoint(TRUNCATE)");
    struct bytes after = bytes_of(world.path);

    cr_assert_eq(before.len, after.len);
    size_t changed = 0;
    for (size_t at = 0; at < before.len; at += PAGE) {
        if (memcmp(before.at + at, after.at + at, PAGE) != 0) {
            changed++;
            size_t clear = at == 0 ? BLOCK : 0; /* the file id */
            cr_assert_eq(equal_blocks(before.at + at + clear, after.at + at + clear, PAGE - BLOCK - clear), 0,
                         "which part of page %zu changed is not to be seen", at / PAGE + 1);
        }
    }
    cr_assert_eq(changed, written);
    cr_assert_lt(changed, before.len / PAGE / 4);
    free(before.at);
    free(after.at);
    world_fini(&world);
}

/* The same frame number, the same page, the same content; another round of the log. */
Test(vault_attack, a2_snapshots_of_the_log_in_two_rounds_have_nothing_in_common)
{
    struct world world;
    filled(&world);
    sql(world.db, "PRAGMA wal_checkpoint(RESTART); UPDATE t SET b=b WHERE a=7");
    struct bytes before = bytes_of(world_file(&world, "-wal"));
    sql(world.db, "PRAGMA wal_checkpoint(RESTART); UPDATE t SET b=b WHERE a=7");
    struct bytes after = bytes_of(world_file(&world, "-wal"));

    cr_assert_eq(equal_blocks(before.at, after.at, HEADER), 0);
    cr_assert_eq(equal_blocks(before.at + HEADER, after.at + HEADER, 24), 0);
    cr_assert_eq(equal_blocks(before.at + HEADER + 24, after.at + HEADER + 24, PAGE - BLOCK), 0);
    free(before.at);
    free(after.at);
    world_fini(&world);
}

/* Of page 1 the file id and eight bytes of format; otherwise two vaults of the same rows share nothing. */
Test(vault_attack, a2_two_vaults_with_the_same_rows_have_nothing_in_common)
{
    struct world one;
    struct world two;
    filled(&one);
    filled(&two);
    struct bytes first = bytes_of(one.path);
    struct bytes second = bytes_of(two.path);

    cr_assert_eq(first.len, second.len);
    cr_assert_eq(memcmp(first.at + 16, second.at + 16, 8), 0, "the format's bytes");
    cr_assert_neq(memcmp(first.at, second.at, 16), 0, "the file ids");
    for (size_t at = 0; at < first.len; at += PAGE) {
        cr_assert_eq(equal_blocks(first.at + at, second.at + at, PAGE - BLOCK), 0);
    }
    free(first.at);
    free(second.at);
    world_fini(&one);
    world_fini(&two);
}

/* A3: changes bytes
 * --------------------------------------------------------------------------------------------------------------- */

static void change_each(const char *suffix, const char *other, long from, long to, long step)
{
    struct world world;
    filled(&world);
    long size = size_of(world_file(&world, suffix));
    for (long at = from; at < (to < size ? to : size); at += step) {
        struct world copy;
        world_copy(&world, &copy);
        flip_byte(world_file(&copy, suffix), at);
        if (other != NULL) {
            flip_byte(world_file(&copy, other), at);
        }
        refused_or_unharmed(&copy, &world, suffix, at);
        world_fini(&copy);
    }
    world_fini(&world);
}

Test(vault_attack, a3_a_changed_byte_of_a_page_is_refused_or_was_in_the_log)
{
    change_each("", NULL, 0, 120, 1);
    change_each("", NULL, PAGE + BODY, 2 * PAGE, 1);
    change_each("", NULL, 120, 40 * PAGE, 1531);
}

Test(vault_attack, a3_a_changed_byte_of_the_log_is_refused)
{
    struct world world;
    filled(&world);
    static const long WITHIN[] = { 0, 3, 7, 11, 15, 16, 23, 24, 2000, 24 + 4063, 24 + 4064, 24 + 4076, 24 + 4092 };
    for (long frame = 0; frame < 3; frame++) {
        for (size_t i = 0; i < ARRAY_LEN(WITHIN); i++) {
            struct world copy;
            world_copy(&world, &copy);
            flip_byte(world_file(&copy, "-wal"), HEADER + frame * FRAME + WITHIN[i]);
            struct error err = { 0 };
            enum err_code rc = world_try(&copy, &err);
            cr_assert_eq(rc, ERR_DAMAGED, "frame %ld, byte %ld: %s", frame, WITHIN[i], err.message);
            cr_assert_not_null(strstr(err.message, "x.db-wal"), "%s", err.message);
            world_fini(&copy);
        }
    }
    world_fini(&world);
}

Test(vault_attack, a3_a_changed_byte_of_the_list_of_nonces_is_refused_or_was_not_needed)
{
    change_each(".fresh", NULL, 0, 512, 5);
    change_each(".fresh", NULL, 512, 1 << 20, 611);
}

Test(vault_attack, a3_a_changed_byte_of_one_keys_file_is_repaired_from_the_other)
{
    change_each(".keys", NULL, 0, 64, 1);
    change_each(".keys", NULL, 64, 1 << 20, 397);
    change_each(".keys.prev", NULL, 0, 1 << 20, 397);
}

Test(vault_attack, a3_a_changed_byte_of_both_keys_files_is_refused)
{
    struct world world;
    filled(&world);
    for (long at = 0; at < size_of(world_file(&world, ".keys")); at += at < 700 ? 23 : 911) {
        struct world copy;
        world_copy(&world, &copy);
        flip_byte(world_file(&copy, ".keys"), at);
        flip_byte(world_file(&copy, ".keys.prev"), at);
        struct error err = { 0 };
        cr_assert_eq(world_try(&copy, &err), ERR_DAMAGED, "at %ld: %s", at, err.message);
        world_fini(&copy);
    }
    world_fini(&world);
}

/* A4: moves pages
 * ----------------------------------------------------------------------------------------------------------------- */

static void refused(struct world *copy, const char *what)
{
    struct error err = { 0 };
    cr_assert_eq(world_try(copy, &err), ERR_DAMAGED, "%s: %s", what, err.message);
    cr_assert_not_null(strstr(err.message, "x.db"), "%s: '%s' names no file", what, err.message);
    world_fini(copy);
}

Test(vault_attack, a4_a_page_moved_to_another_place_is_refused)
{
    struct world world;
    struct world other;
    struct world copy;
    filled(&world);
    filled(&other);
    sql(world.db, "PRAGMA wal_checkpoint(TRUNCATE)");
    sql(other.db, "PRAGMA wal_checkpoint(TRUNCATE)");
    long pages = size_of(world.path) / PAGE;
    for (long page = 0; page < pages; page += 7) {
        world_copy(&world, &copy);
        copy_bytes(world.path, (page + 3) % pages * PAGE, copy.path, page * PAGE, PAGE);
        refused(&copy, "from the same vault");
        world_copy(&world, &copy);
        copy_bytes(other.path, page * PAGE, copy.path, page * PAGE, PAGE);
        refused(&copy, "from another vault");
    }
    world_fini(&other);
    world_fini(&world);
}

Test(vault_attack, a4_a_frame_of_the_log_is_no_page_of_the_database_nor_the_reverse)
{
    struct world world;
    struct world copy;
    filled(&world);
    long frames = (size_of(world_file(&world, "-wal")) - HEADER) / FRAME;
    sqlite3_int64 pages = sql_number(world.db, "PRAGMA page_count");
    for (long frame = 0; frame < frames; frame += 3) {
        world_copy(&world, &copy);
        (void)unlink(world_file(&copy, "-wal"));
        for (sqlite3_int64 page = 2; page <= pages; page += 5) {
            copy_bytes(world_file(&world, "-wal"), HEADER + frame * FRAME + 24, copy.path, (long)(page - 1) * PAGE,
                       PAGE);
        }
        refused(&copy, "a frame as a page");
    }
    world_fini(&world);
}

/* A8: reads temporary files, swap, core
 * ------------------------------------------------------------------------------------------- */

/* The content of the files that this process has open and that no folder names any more. */
static size_t unlinked_files(bool (*look)(struct bytes, void *), void *context)
{
    size_t seen = 0;
    DIR *entries = opendir("/proc/self/fd");
    cr_assert_not_null(entries);
    for (const struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        struct stat about;
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] == '.' || fstat(fd, &about) != 0 || !S_ISREG(about.st_mode) || about.st_nlink != 0 ||
            about.st_size == 0) {
            continue;
        }
        struct bytes bytes = { .at = malloc((size_t)about.st_size), .len = (size_t)about.st_size };
        cr_assert_eq(pread(fd, bytes.at, bytes.len, 0), (ssize_t)bytes.len);
        seen += look(bytes, context);
        free(bytes.at);
    }
    cr_assert_eq(closedir(entries), 0);
    return seen;
}

static bool looks_random(struct bytes bytes, void *largest)
{
    cr_assert_not(contains(bytes, MARKER, strlen(MARKER)));
    cr_assert_not(contains(bytes, "SQLite format", 13));
    if (bytes.len >= 64 * PAGE) {
        cr_assert_lt(repeated_blocks(bytes), bytes.len / BLOCK / 100, "but for blocks that were never written");
        *(size_t *)largest += 1;
    }
    return true;
}

Test(vault_attack, a8_a_temporary_file_shows_nothing)
{
    struct world world;
    filled(&world);
    sql(world.db, "PRAGMA temp.cache_size=5; CREATE TEMP TABLE u(b); CREATE INDEX temp.ui ON u(b); BEGIN;"
                  "INSERT INTO u SELECT t.b||s.a FROM t, t AS s WHERE s.a<12; UPDATE u SET b=b||'q'; SAVEPOINT s;"
                  "DELETE FROM u WHERE rowid%%2=0; UPDATE t SET b=b||'r'");
    size_t large = 0;

    size_t seen = unlinked_files(looks_random, &large);

    cr_assert_geq(seen, 2, "%zu temporary files", seen);
    cr_assert_geq(large, 1);
    sql(world.db, "ROLLBACK");
    world_fini(&world);
}

/* The flags of the mapping that `address` lies in: "lo" locked, "dd" not dumped. */
static void mapping_flags(const void *address, char out[256])
{
    char line[512];
    bool within = false;
    out[0] = '\0';
    FILE *maps = fopen("/proc/self/smaps", "r");
    cr_assert_not_null(maps);
    while (fgets(line, sizeof(line), maps) != NULL) {
        unsigned long from;
        unsigned long to;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
            within = from <= (unsigned long)address && (unsigned long)address < to;
        } else if (within && strncmp(line, "VmFlags:", 8) == 0) {
            (void)snprintf(out, 256, "%.200s ", line + 8);
        }
    }
    cr_assert_eq(fclose(maps), 0);
}

Test(vault_attack, a8_keys_lie_in_memory_that_is_locked_and_not_dumped)
{
    struct world world;
    filled(&world);
    char flags[256];
    mapping_flags(world.vault->keys.vault_key.bytes, flags);
    struct rlimit core;

    cr_assert_not_null(strstr(flags, " lo "), "%s", flags);
    cr_assert_not_null(strstr(flags, " dd "), "%s", flags);
    cr_assert_eq(getrlimit(RLIMIT_CORE, &core), 0);
    cr_assert_eq(core.rlim_cur, 0);
    world_fini(&world);
}
