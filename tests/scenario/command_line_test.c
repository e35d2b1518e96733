/* The command line against the real agent: exit codes, JSON, imports and exports. */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "tests/support/site.h"
#include "tests/support/wait.h"

#define SYNC_MS 30000

static struct world world;
static struct laptop *laptop;

static void setup(void)
{
    world_init(&world);
    centre_make(&world);
    centre_add_site(&world.centre, "Greenfield Trust", "Garden");
    laptop = laptop_make(&world, "laptop", true);
    laptop_enrol(laptop, "Garden", world.centre.port);
}

static void teardown(void)
{
    world_fini(&world);
}

TestSuite(command_line, .init = setup, .fini = teardown, .timeout = 120);

/* ---- exit codes ---- */

Test(command_line, everything_that_only_looks_ends_with_0)
{
    static const char *const commands[] = { "status",   "roll",     "flags",   "referrals", "placements", "log",
                                            "capacity", "help",     "version", "verify",    "contracts",  "milestones",
                                            "claims",   "services", "policy",  "take-part" };
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        json_t *answer = laptop_do(laptop, EXIT_DONE, commands[i], NULL);
        cr_assert_not_null(answer, "'%s --json' prints no JSON", commands[i]);
    }
}

Test(command_line, a_refusal_ends_with_1_and_its_reason)
{
    json_t *answer = laptop_do(laptop, EXIT_REFUSED, "attend", "NOBODY@2026-01-05", "attended", NULL);
    cr_assert_str_eq(text_at(answer, "error.code"), "not_found");
    cr_assert_gt(strlen(text_at(answer, "error.message")), 10);
}

Test(command_line, wrong_usage_ends_with_2)
{
    (void)laptop_do(laptop, EXIT_USAGE, "attend", NULL);
    (void)laptop_do(laptop, EXIT_USAGE, "attend", "GDN-P001@2026-01-05", "sometimes", NULL);
    (void)laptop_do(laptop, EXIT_USAGE, "status", "--colour", NULL);
    (void)laptop_do(laptop, EXIT_USAGE, "import", "--kind", "horses", "file.csv", NULL);
    (void)laptop_do(laptop, EXIT_USAGE, "dance", NULL);
    (void)centre_do(&world.centre, EXIT_USAGE, "site", "add", NULL);
}

Test(command_line, an_agent_or_a_centre_that_is_away_ends_with_3)
{
    laptop_stop(laptop);
    centre_stop(&world.centre);
    (void)laptop_do(laptop, EXIT_UNREACHABLE, "status", NULL);
    (void)laptop_do(laptop, EXIT_UNREACHABLE, "attend", "GDN-P001@2026-01-05", "attended", NULL);
    (void)centre_do(&world.centre, EXIT_UNREACHABLE, "sites", NULL);
}

Test(command_line, a_locked_replica_ends_with_4)
{
    struct laptop *locked = laptop_make(&world, "locked", false);
    (void)laptop_do(locked, EXIT_LOCKED, "flags", NULL);
    (void)laptop_do(locked, EXIT_LOCKED, "sync", NULL);
    (void)laptop_do(locked, EXIT_LOCKED, "verify", NULL);
    (void)laptop_do(locked, EXIT_DONE, "status", NULL);
}

Test(command_line, a_sync_that_fails_ends_with_1_and_keeps_everything)
{
    char session[SITE_TEXT_SIZE];
    site_import_people(laptop, "GDN", 1);
    laptop_wait_synchronised(laptop, SYNC_MS);
    centre_stop(&world.centre);
    session_name("GDN", 1, 1, session);
    site_attend(laptop, session, "attended", NULL);
    (void)laptop_do(laptop, EXIT_REFUSED, "sync", "--wait", "--timeout", "20", NULL);
    cr_assert_eq(number_at(laptop_status(laptop), "pending_ops"), 1);
}

/* ---- imports ---- */

static char *register_of(char *text, size_t size, const char *third_outcome)
{
    char day[3][SITE_TEXT_SIZE];
    for (int i = 0; i < 3; i++) {
        day_ago(3 - i, day[i]);
    }
    (void)snprintf(
        text, size,
        "date,placement,outcome,weather\n%s,GDN-P001,present,rain\n%s,GDN-P001,late,dry\n%s,GDN-P001,%s,dry\n", day[0],
        day[1], day[2], third_outcome);
    return text;
}

static json_int_t attendance(void)
{
    return number_at(laptop_status(laptop), "records.attendance");
}

Test(command_line, a_file_with_one_bad_line_is_refused_whole_with_the_place)
{
    char path[FOLDER_PATH_SIZE];
    char text[512];
    site_import_people(laptop, "GDN", 1);
    world_file(&world, "week.csv", register_of(text, sizeof(text), "perhaps"), path);
    json_t *answer = laptop_do(laptop, EXIT_REFUSED, "import", "--kind", "register", path, NULL);
    cr_assert(true_at(answer, "refused"));
    cr_assert_eq(number_at(answer, "good"), 2);
    cr_assert_eq(number_at(answer, "rejected"), 1);
    cr_assert_eq(number_at(answer, "problems.0.line"), 4);
    cr_assert_eq(number_at(answer, "problems.0.column"), 3);
    cr_assert_str_eq(text_at(answer, "problems.0.column_name"), "outcome");
    cr_assert_str_eq(text_at(answer, "problems.0.found"), "perhaps");
    cr_assert_gt(strlen(text_at(answer, "problems.0.expected")), 5);
    cr_assert_str_eq(text_at(answer, "ignored_columns.0"), "weather");
    cr_assert_eq(attendance(), 0);
}

Test(command_line, partial_takes_the_good_lines_and_the_mended_rest_goes_in_later)
{
    char path[FOLDER_PATH_SIZE];
    char rejects[FOLDER_PATH_SIZE];
    char text[512];
    SCOPED(buf_fini) struct buf rejected;
    site_import_people(laptop, "GDN", 1);
    world_file(&world, "week.csv", register_of(text, sizeof(text), "perhaps"), path);
    (void)snprintf(rejects, sizeof(rejects), "%.200s/rejects.csv", world.folder);
    json_t *answer =
        laptop_do(laptop, EXIT_DONE, "import", "--kind", "register", "--partial", "--rejects", rejects, path, NULL);
    cr_assert_eq(number_at(answer, "added"), 2);
    cr_assert_eq(attendance(), 2);
    file_load(rejects, &rejected);
    cr_assert_eq(buf_append(&rejected, "", 1, NULL), ERR_OK);
    char *bad = strstr((char *)rejected.data, "perhaps");
    cr_assert(bad != NULL && strstr((char *)rejected.data, "reject_reason") != NULL);
    cr_assert_null(strstr((char *)rejected.data, "rain"), "a good line is not among the rejected");
    memcpy(bad, "absent ", strlen("perhaps"));
    file_write(rejects, slice_of(rejected.data, rejected.len - 1));
    answer = laptop_do(laptop, EXIT_DONE, "import", "--kind", "register", rejects, NULL);
    cr_assert_eq(number_at(answer, "added"), 1);
    cr_assert_eq(attendance(), 3);
}

Test(command_line, the_same_file_twice_adds_nothing)
{
    char path[FOLDER_PATH_SIZE];
    char text[512];
    site_import_people(laptop, "GDN", 1);
    world_file(&world, "week.csv", register_of(text, sizeof(text), "absent"), path);
    json_t *first = laptop_do(laptop, EXIT_DONE, "import", "--kind", "register", path, NULL);
    json_int_t ops = number_at(laptop_status(laptop), "records.op");
    json_t *second = laptop_do(laptop, EXIT_DONE, "import", "--kind", "register", path, NULL);
    cr_assert_eq(number_at(first, "added"), 3);
    cr_assert_eq(number_at(second, "added"), 0);
    cr_assert_eq(number_at(second, "unchanged"), 3);
    cr_assert_eq(number_at(laptop_status(laptop), "records.op"), ops);
}

Test(command_line, a_dry_run_says_what_would_happen_and_does_nothing)
{
    char path[FOLDER_PATH_SIZE];
    char text[512];
    site_import_people(laptop, "GDN", 1);
    json_int_t ops = number_at(laptop_status(laptop), "records.op");
    world_file(&world, "week.csv", register_of(text, sizeof(text), "absent"), path);
    json_t *answer = laptop_do(laptop, EXIT_DONE, "import", "--kind", "register", "--dry-run", path, NULL);
    cr_assert(true_at(answer, "dry_run"));
    cr_assert_eq(number_at(answer, "added"), 3);
    cr_assert_eq(number_at(laptop_status(laptop), "records.op"), ops);
    cr_assert_eq(attendance(), 0);
}

Test(command_line, a_register_of_unknown_placements_is_refused)
{
    char path[FOLDER_PATH_SIZE];
    char text[512];
    world_file(&world, "week.csv", register_of(text, sizeof(text), "absent"), path);
    json_t *answer = laptop_do(laptop, EXIT_REFUSED, "import", "--kind", "register", path, NULL);
    cr_assert_eq(number_at(answer, "problem_count"), 3);
    cr_assert_str_eq(text_at(answer, "problems.0.column_name"), "placement");
}

Test(command_line, the_sample_of_the_garden_goes_in_and_comes_out)
{
    static const char *const kinds[] = { "referrals", "placements", "register" };
    char path[FOLDER_PATH_SIZE];
    char name[64];
    if (clock_today(clock_wall_ms()) < date_from_civil(2026, 11, 20)) {
        world_fini(&world);
        cr_skip_test("the sample ends on 20 November 2026, which this machine's clock says is still to come");
    }
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        (void)snprintf(name, sizeof(name), "garden-%s.csv", kinds[i]);
        json_t *answer = laptop_do(laptop, EXIT_DONE, "import", "--kind", kinds[i], world_sample(name, path), NULL);
        cr_assert_gt(number_at(answer, "added"), 10);
    }
    laptop_wait_synchronised(laptop, SYNC_MS);
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
    json_t *all = laptop_do(laptop, EXIT_DONE, "flags", NULL);
    cr_assert_gt(json_array_size(json_at(all, "flags")), 0);
    /* what goes out goes in again and changes nothing */
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        (void)snprintf(path, sizeof(path), "%.200s/out.csv", world.folder);
        const char *argv[] = { program_cli, "export", kinds[i], "-o", path, "--socket", laptop->socket, NULL };
        struct process_result result;
        process_try(argv, slice_of_text(""), WORLD_STEP_MS, &result);
        cr_assert_eq(result.exit_status, EXIT_DONE);
        process_result_fini(&result);
        json_t *answer = laptop_do(laptop, EXIT_DONE, "import", "--kind", kinds[i], path, NULL);
        cr_assert_eq(number_at(answer, "added"), 0, "%s exported and imported adds %lld", kinds[i],
                     (long long)number_at(answer, "added"));
    }
}

Test(command_line, money_is_typed_in_pounds_and_what_trustees_should_know_is_a_page)
{
    char path[512];
    char page[64];
    json_t *answer = laptop_do(laptop, EXIT_DONE, "contract", "add", "C-1", "--form", "payment_by_results", "--from",
                               "2026-01-01", "--price", "2,000", "--share", "33.3%", "--cost", "650.50", NULL);
    cr_assert_not_null(answer);
    answer = laptop_do(laptop, EXIT_DONE, "contract", "show", "C-1", NULL);
    cr_expect_eq(number_at(answer, "contract.person_pence"), 66600);
    cr_expect_eq(number_at(answer, "contract.cost_pence"), 65050);
    (void)laptop_do(laptop, EXIT_USAGE, "contract", "add", "C-2", "--form", "block", NULL);
    (void)laptop_do(laptop, EXIT_USAGE, "contract", "change", "C-1", "--price", "2k", NULL);
    (void)laptop_do(laptop, EXIT_USAGE, "contract", "change", "C-1", "--share", "101", NULL);
    (void)laptop_do(laptop, EXIT_REFUSED, "contract", "change", "C-9", "--price", "2", NULL);
    (void)laptop_do(laptop, EXIT_USAGE, "claim", "add", "--contract", "C-1", NULL);
    (void)laptop_do(laptop, EXIT_DONE, "claim", "add", "--contract", "C-1", "--trigger", "service", "--amount", "12.50",
                    "--invoice", "INV/7", NULL);
    answer = laptop_do(laptop, EXIT_DONE, "claim", "paid", "INV/7", NULL);
    cr_expect_str_eq(text_at(answer, "claim.state"), "paid");
    cr_expect_eq(number_at(answer, "claim.paid_pence"), 1250);
    (void)laptop_do(laptop, EXIT_USAGE, "policy", "add", "POL-1", "--title", "Nobody says why", NULL);
    (void)laptop_do(laptop, EXIT_DONE, "policy", "add", "POL-1", "--title", "With conditions", "--decision",
                    "take_part_with_conditions", "--by", "Board of Gwen Tester", "--on", "2026-01-05", "--reason",
                    "only with a reference for everybody", NULL);
    (void)laptop_do(laptop, EXIT_USAGE, "take-part", "-o", "report.doc", NULL);
    static const char *const ends[] = { "html", "pdf" };
    static const char *const begins[] = { "<!doctype html>", "%PDF-" };
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        (void)snprintf(path, sizeof(path), "%s/report.%s", laptop->dir, ends[i]);
        (void)laptop_do(laptop, EXIT_DONE, "take-part", "-o", path, NULL);
        FILE *file = fopen(path, "re");
        cr_assert_not_null(file, "%s", path);
        cr_assert_not_null(fgets(page, (int)strlen(begins[i]) + 1, file));
        fclose(file);
        cr_expect(strcasecmp(page, begins[i]) == 0, "%s", page);
    }
}
