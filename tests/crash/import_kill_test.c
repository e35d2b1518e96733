/*
 * Killed while a large file is imported: all of it is there afterwards, or nothing. Killed while the tables are made
 * again from the log: they are the same.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "chance.h"
#include "job.h"
#include "tests/support/wait.h"

enum {
    IMPORTS = 10,
    REBUILDS = 10,
    PLACEMENTS = 4,
    DAYS = 100,
    SLOTS = 4,
    ROWS = PLACEMENTS * DAYS * SLOTS,
    ROW_BYTES_MAX = 64,
};

static struct chance chance;
static struct world world;
static struct laptop *laptop;
static int32_t today;

/* ---- set-up ---- */

static void start(void)
{
    chance = chance_begin("crash_import");
    world_init(&world);
    centre_make(&world);
    centre_add_site(&world.centre, "Green Spaces", "Garden");
    laptop = laptop_make(&world, "a", true);
    laptop_enrol(laptop, "Garden", world.centre.port);
    today = clock_today(clock_wall_ms());
}

static void stop(void)
{
    world_fini(&world);
}

TestSuite(import_kill, .init = start, .fini = stop, .timeout = 500);

static void add_placement(int round, int number)
{
    char ref[24];
    char person[24];
    char starts[DATE_TEXT_SIZE];
    char ends[DATE_TEXT_SIZE];
    (void)snprintf(ref, sizeof(ref), "R%d-%d", round, number);
    (void)snprintf(person, sizeof(person), "PERSON-%d-%d", round, number);
    date_format(today - DAYS, starts);
    date_format(today, ends);
    (void)laptop_ask(
        laptop, "ok", "POST", "/v1/records",
        json_pack("{s:s,s:{s:s,s:s}}", "kind", "participant", "fields", "ref", person, "name", "Test Alder"));
    (void)laptop_ask(laptop, "ok", "POST", "/v1/records",
                     json_pack("{s:s,s:{s:s,s:s,s:s,s:s,s:s,s:s,s:i}}", "kind", "placement", "fields", "ref", ref,
                               "participant", person, "basis", "voluntary", "starts_on", starts, "ends_on", ends,
                               "pattern", "Mon 10:00-12:00", "weekly_minutes", 120));
}

/* A register of ROWS lines of placements that nothing was recorded about yet. */
static void make_register(int round, struct buf *out)
{
    static const char header[] = "placement,date,slot,outcome,minutes\n";
    buf_init(out, sizeof(header) + (size_t)ROWS * ROW_BYTES_MAX);
    cr_assert_eq(buf_append(out, header, sizeof(header) - 1, NULL), ERR_OK);
    for (int number = 0; number < PLACEMENTS; number++) {
        add_placement(round, number);
    }
    for (int i = 0; i < ROWS; i++) {
        char line[ROW_BYTES_MAX];
        char day[DATE_TEXT_SIZE];
        date_format(today - i / PLACEMENTS % DAYS, day);
        int len = snprintf(line, sizeof(line), "R%d-%d,%s,%d,attended,%d\n", round, i % PLACEMENTS, day,
                           i / PLACEMENTS / DAYS + 1, 1 + i % 300);
        cr_assert_eq(buf_append(out, line, (size_t)len, NULL), ERR_OK);
    }
}

/* As an export counts them: the status may tell of what was there a moment ago. */
static json_int_t attendance_held(void)
{
    json_t *rows = laptop_ask(laptop, "ok", "GET", "/v1/export/attendance?format=json", NULL);
    return number_at(rows, "totals.0.rows");
}

static void import_whole(const struct buf *file, json_int_t expected_added)
{
    struct job job;
    job_start(&job, laptop, "/v1/import?kind=register", buf_slice(file));
    job_join(&job);
    cr_assert_eq(job.rc, ERR_OK, "import: %s", job.err.message);
    cr_assert_eq(number_at(job.answer, "added"), expected_added, "line %d: found '%s', expected %s",
                 (int)number_at(job.answer, "problems.0.line"), text_at(job.answer, "problems.0.found"),
                 text_at(job.answer, "problems.0.expected"));
    cr_assert_eq(number_at(job.answer, "unchanged"), ROWS - expected_added);
    job_fini(&job);
}

static uint32_t us_since(int64_t began_ms)
{
    return (uint32_t)(clock_monotonic_ms() - began_ms + 1) * 1000;
}

static uint32_t measure_import(void)
{
    SCOPED(buf_fini) struct buf file;
    make_register(0, &file);
    int64_t began_ms = clock_monotonic_ms();
    import_whole(&file, ROWS);
    return us_since(began_ms);
}

static void kill_and_start(uint32_t within_us)
{
    pause_us(chance_below(&chance, within_us));
    laptop_kill(laptop);
    laptop_start(laptop);
}

Test(import_kill, leaves_all_of_a_file_or_nothing_of_it)
{
    uint32_t usual_us = measure_import();
    unsigned whole = 0;
    for (int round = 1; round <= IMPORTS; round++) {
        SCOPED(buf_fini) struct buf file;
        struct job job;
        make_register(round, &file);
        json_int_t before = attendance_held();
        job_start(&job, laptop, "/v1/import?kind=register", buf_slice(&file));
        kill_and_start(usual_us * 5 / 4 + 1);
        job_join(&job);
        json_int_t added = attendance_held() - before;
        cr_assert(added == 0 || added == ROWS, "%d of %d rows are there", (int)added, ROWS);
        cr_assert(job.rc != ERR_OK || added == ROWS, "the import was acknowledged and is lost");
        job_fini(&job);
        whole += added == ROWS;
        int64_t began_ms = clock_monotonic_ms();
        import_whole(&file, ROWS - added);
        usual_us = added == 0 ? us_since(began_ms) : usual_us / 4 * 3; /* too late: the machine has become faster */
        cr_assert_eq(attendance_held(), before + ROWS);
    }
    (void)fprintf(stderr, "crash_import: %d kills within about %u ms: %u files whole, the others not at all\n", IMPORTS,
                  usual_us / 1000, whole);
    cr_assert_lt(whole, IMPORTS, "no import was cut short");
    laptop_wait_synchronised(laptop, 2 * WORLD_STEP_MS);
    json_t *here = laptop_do(laptop, EXIT_DONE, "verify", NULL);
    json_t *there = centre_do(&world.centre, EXIT_DONE, "verify", NULL);
    cr_assert_eq(number_at(here, "ops"), number_at(there, "ops"));
}

Test(import_kill, leaves_the_same_tables_when_a_rebuild_is_cut_short)
{
    char digest[80];
    (void)measure_import();
    (void)snprintf(digest, sizeof(digest), "%s", text_at(laptop_do(laptop, EXIT_DONE, "verify", NULL), "digest"));
    int64_t began_ms = clock_monotonic_ms();
    (void)laptop_ask(laptop, "ok", "POST", "/v1/rebuild", json_object());
    uint32_t usual_us = us_since(began_ms);
    unsigned ended = 0;
    for (int round = 0; round < REBUILDS; round++) {
        struct job job;
        job_start(&job, laptop, "/v1/rebuild", slice_of("{}", 2));
        kill_and_start(usual_us * 5 / 4 + 1);
        job_join(&job);
        ended += job.rc == ERR_OK;
        usual_us = job.rc == ERR_OK ? usual_us / 4 * 3 : usual_us;
        job_fini(&job);
        json_t *verified = laptop_do(laptop, EXIT_DONE, "verify", NULL);
        cr_assert_str_eq(text_at(verified, "digest"), digest);
    }
    (void)fprintf(stderr, "crash_rebuild: %d kills within about %u ms: %u rebuilds had ended\n", REBUILDS,
                  usual_us / 1000, ended);
    cr_assert_lt(ended, REBUILDS, "no rebuild was cut short");
}
