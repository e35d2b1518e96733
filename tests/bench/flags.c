/*
 * What does it cost to record one attendance and look at the flags again, and does it matter how many there are? One
 * cohort of 100 people is at the site now; others came before them and left, until there are so many attendances. At
 * each mark some of the cohort's are recorded one by one, as the agent does it: the record and what the rules say of it
 * in one durable commit, and then a look whether anything else is marked. The floor is a bare insert of such a row
 * under a random key into the one table, of as many rows, of a vault of its own: encrypted, and durable in its one
 * commit, as the replica is (WAL, synchronous FULL, the same cache). It is taken in turn with ours.
 *
 * And how much is looked at, when others were there: steps of the database's statements, which count every row that one
 * visits, for one attendance and its flags, among 100 placements and among 100,000.
 *
 *     bench_flags [ATTENDANCES]      1,000,000 when left out
 */
#include <stdio.h>
#include <stdlib.h>

#include <sqlite3.h>

#include "agent/flags_pass.h"
#include "base/clock.h"
#include "crypto/digest.h"
#include "store/replica.h"
#include "tests/bench/common/bench.h"
#include "tests/bench/common/site.h"

enum {
    ATTENDANCES = 1000000,
    FIRST_MARK = 1000,
    MEASURED = 300,
    COHORT = 10000,
    MARKS_MAX = 4,
    PLACEMENTS = 100000,
    CACHE_KIB = 2048
};

struct plain {
    struct vault *vault;
    sqlite3 *db;
    sqlite3_stmt *insert;
    int64_t rows;
};

struct scene {
    struct bench_site site;
    struct plain plain;
    struct week now; /* of those who are at the site */
    int32_t today;
    struct flags_judge judge;
};

static void plain_run(struct plain *plain, const char *sql)
{
    if (sqlite3_exec(plain->db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        bench_die("bare table: %s", sqlite3_errmsg(plain->db));
    }
}

static void plain_open(struct plain *plain, const char *folder)
{
    *plain = (struct plain){ .vault = bench_vault_new(folder, "plain") };
    MUST(vault_open_database(plain->vault, CACHE_KIB, &plain->db, err));
    plain_run(plain, "CREATE TABLE attendance (id BLOB PRIMARY KEY, placement BLOB, day INTEGER, outcome INTEGER, "
                     "minutes INTEGER, note TEXT) WITHOUT ROWID");
    CHECK(sqlite3_prepare_v2(plain->db, "INSERT INTO attendance VALUES (?1, ?2, ?3, ?4, 360, 'helped with stock')", -1,
                             &plain->insert, NULL) == SQLITE_OK);
}

static void plain_insert(struct plain *plain)
{
    uint8_t id[OP_ENTITY_BYTES];
    uint8_t placement[OP_ENTITY_BYTES] = { (uint8_t)(plain->rows % WEEK_PLACEMENTS) };
    MUST(random_bytes(id, sizeof(id), err));
    (void)sqlite3_bind_blob(plain->insert, 1, id, sizeof(id), SQLITE_TRANSIENT);
    (void)sqlite3_bind_blob(plain->insert, 2, placement, sizeof(placement), SQLITE_TRANSIENT);
    (void)sqlite3_bind_int64(plain->insert, 3, plain->rows / WEEK_PLACEMENTS);
    (void)sqlite3_bind_int(plain->insert, 4, 1);
    if (sqlite3_step(plain->insert) != SQLITE_DONE) {
        bench_die("bare table: %s", sqlite3_errmsg(plain->db));
    }
    (void)sqlite3_reset(plain->insert);
    plain->rows++;
}

static void plain_fill(struct plain *plain, int64_t rows)
{
    plain_run(plain, "BEGIN");
    while (plain->rows < rows) {
        plain_insert(plain);
    }
    plain_run(plain, "COMMIT");
}

static void plain_close(struct plain *plain)
{
    (void)sqlite3_finalize(plain->insert);
    (void)sqlite3_close(plain->db);
    vault_close(plain->vault);
}

static void look_again(struct scene *scene)
{
    for (bool more = true; more;) {
        MUST(flags_slice(scene->site.store, programme_default(), scene->today, clock_wall_ms(), &scene->judge.flags,
                         &more, err));
    }
}

/* Time of one side: a value each for half of the measured, and the CPU of all. */
struct side {
    double wall_us[MEASURED];
    double cpu_s;
};

static void measure(struct scene *scene, size_t mark)
{
    static struct side ours;
    static struct side plain;
    ours.cpu_s = plain.cpu_s = 0;
    for (int i = 0; i < MEASURED; i++) {
        struct stopwatch watch = stopwatch_start();
        bench_site_record_next(&scene->site, &scene->now, 1);
        look_again(scene);
        ours.wall_us[i] = stopwatch_wall_s(watch) * 1e6;
        ours.cpu_s += stopwatch_cpu_s(watch);
        watch = stopwatch_start();
        plain_insert(&scene->plain);
        plain.wall_us[i] = stopwatch_wall_s(watch) * 1e6;
        plain.cpu_s += stopwatch_cpu_s(watch);
    }
    char variant[24];
    (void)snprintf(variant, sizeof(variant), "%zu", mark);
    bench_value("flags_total_us", variant, BENCH_OURS, bench_quantile(ours.wall_us, MEASURED, 0.5));
    bench_value("flags_total_us", variant, BENCH_FLOOR, bench_quantile(plain.wall_us, MEASURED, 0.5));
    bench_value("flags_cpu_us", variant, BENCH_OURS, ours.cpu_s / MEASURED * 1e6);
    bench_value("flags_cpu_us", variant, BENCH_FLOOR, plain.cpu_s / MEASURED * 1e6);
}

/* People who came and left before, `records` attendances of them. */
static void fill(struct scene *scene, int cohort, size_t records)
{
    struct week week;
    week_begin(&week, WEEK_REPEATED, records, scene->today - 400);
    week.first_placement = cohort * WEEK_PLACEMENTS;
    bench_site_record_placements(&scene->site, week.first_placement, week_first_day(records, week.today),
                                 BENCH_PATTERN);
    bench_site_record_next(&scene->site, &week, records);
    look_again(scene);
}

static void site_open(struct scene *scene, struct authority *authority, const char *folder, const char *name)
{
    static const uint8_t stream[STREAM_ID_BYTES] = "a bench's stream";
    scene->today = clock_today(clock_wall_ms());
    bench_site_open(&scene->site, authority, stream, folder, name);
    flags_judge_begin(&scene->judge, scene->site.store);
}

static void site_close(struct scene *scene)
{
    flags_judge_end(&scene->judge);
    bench_site_close(&scene->site);
}

static void scene_open(struct scene *scene, struct authority *authority, const char *folder)
{
    site_open(scene, authority, folder, "site");
    plain_open(&scene->plain, folder);
    week_begin(&scene->now, WEEK_REPEATED, FIRST_MARK + MARKS_MAX * MEASURED, scene->today);
    bench_site_record_placements(&scene->site, 0, week_first_day(scene->now.count, scene->today), BENCH_PATTERN);
    bench_site_record_next(&scene->site, &scene->now, FIRST_MARK);
    look_again(scene);
}

static void scene_close(struct scene *scene)
{
    plain_close(&scene->plain);
    site_close(scene);
}

/* ---- among many ---- */

static int64_t steps_since(const struct scene *scene)
{
    int64_t steps = 0;
    sqlite3_stmt *s = NULL;
    while ((s = sqlite3_next_stmt(scene->site.store->db.handle, s)) != NULL) {
        steps += sqlite3_stmt_status(s, SQLITE_STMTSTATUS_VM_STEP, 1);
    }
    return steps;
}

/* Of the next day of one cohort, which differ by what the people did: the most. */
static int64_t most_steps(struct scene *scene, struct week *week)
{
    int64_t most = 0;
    for (int i = 0; i < WEEK_PLACEMENTS; i++) {
        (void)steps_since(scene);
        bench_site_record_next(&scene->site, week, 1);
        look_again(scene);
        int64_t steps = steps_since(scene);
        most = steps > most ? steps : most;
    }
    return most;
}

/* Two cohorts do the same; between their days the others come, whose sessions nobody laid out. */
static void measure_among(struct scene *scene)
{
    struct week cohorts[2];
    for (int i = 0; i < 2; i++) {
        week_begin(&cohorts[i], WEEK_REPEATED, 2 * WEEK_PLACEMENTS, scene->today);
        cohorts[i].first_placement = i * WEEK_PLACEMENTS;
        bench_site_record_placements(&scene->site, i * WEEK_PLACEMENTS, scene->today - 7, BENCH_PATTERN);
        bench_site_record_next(&scene->site, &cohorts[i], WEEK_PLACEMENTS);
    }
    look_again(scene);
    bench_value("flags_steps", "100", BENCH_OURS, (double)most_steps(scene, &cohorts[0]));
    for (int first = 2 * WEEK_PLACEMENTS; first < PLACEMENTS; first += WEEK_PLACEMENTS) {
        bench_site_record_placements(&scene->site, first, scene->today - (first % 400 == 0 ? 150 : 400), NULL);
    }
    look_again(scene);
    bench_value("flags_steps", "100000", BENCH_OURS, (double)most_steps(scene, &cohorts[1]));
}

int main(int argc, char **argv)
{
    static struct scene scene;
    size_t attendances = argc > 1 ? strtoul(argv[1], NULL, 10) : ATTENDANCES;
    if (attendances < FIRST_MARK || attendances > ATTENDANCES) {
        bench_die("bench_flags: expected %d to %d attendances", FIRST_MARK, ATTENDANCES);
    }
    char folder[96];
    struct authority *authority;
    bench_folder_make(folder);
    MUST(secret_init(err));
    MUST(authority_new("bench", clock_wall_ms(), &authority, err));
    scene_open(&scene, authority, folder);
    size_t recorded = FIRST_MARK;
    int cohort = 1;
    for (size_t mark = FIRST_MARK; mark <= attendances; mark *= 10) {
        for (; recorded < mark; cohort++) {
            size_t records = mark - recorded < COHORT ? mark - recorded : COHORT;
            fill(&scene, cohort, records);
            recorded += records;
        }
        plain_fill(&scene.plain, (int64_t)mark);
        measure(&scene, mark);
    }
    scene_close(&scene);
    site_open(&scene, authority, folder, "among");
    measure_among(&scene);
    site_close(&scene);
    authority_free(authority);
    bench_folder_remove(folder);
    return 0;
}
