/* Older copies put back, of a laptop and of the centre: noticed, named, and nothing is lost. */
#include <stdio.h>
#include <string.h>

#include "tests/support/site.h"
#include "tests/support/wait.h"

#define SYNC_MS 40000

static struct world world;
static struct laptop *laptop;
static char copy[FOLDER_PATH_SIZE];

static void setup(void)
{
    laptop = site_begin(&world, &(struct site_register){ "GDN", 3, 30, 10, false });
    (void)snprintf(copy, sizeof(copy), "%.200s/copy", world.folder);
}

static void teardown(void)
{
    world_fini(&world);
}

TestSuite(put_back, .init = setup, .fini = teardown, .timeout = 120);

static void sync_now(struct laptop *which)
{
    (void)laptop_do(which, EXIT_DONE, "sync", "--wait", "--timeout", "50", NULL);
}

/* `count` records of the last days, the newest yesterday. */
static void record(struct laptop *which, int placement, int count)
{
    for (int days_ago = count; days_ago >= 1; days_ago--) {
        char session[SITE_TEXT_SIZE];
        session_name("GDN", placement, days_ago, session);
        site_attend(which, session, "attended", NULL);
    }
}

static size_t held_by_centre(void)
{
    json_t *log = centre_do(&world.centre, EXIT_DONE, "log", "--kind", "attendance", "--limit", "1000", NULL);
    return json_array_size(json_at(log, "entries"));
}

Test(put_back, a_laptop_put_back_to_an_older_copy_gets_its_records_again)
{
    laptop_stop(laptop);
    folder_copy(laptop->dir, copy);
    laptop_start(laptop);
    record(laptop, 1, 5);
    laptop_wait_synchronised(laptop, SYNC_MS);
    json_t *before = laptop_do(laptop, EXIT_DONE, "verify", NULL);
    laptop_stop(laptop);
    folder_remove(laptop->dir);
    folder_copy(copy, laptop->dir);
    laptop_start(laptop);
    laptop_wait_number(laptop, "records.attendance", 35, SYNC_MS);
    laptop_wait_synchronised(laptop, SYNC_MS);
    json_t *after = laptop_do(laptop, EXIT_DONE, "verify", NULL);
    cr_assert_str_eq(text_at(before, "digest"), text_at(after, "digest"));
    record(laptop, 2, 2); /* and goes on where it was */
    laptop_wait_synchronised(laptop, SYNC_MS);
    cr_assert_eq(held_by_centre(), 37);
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
}

Test(put_back, a_centre_put_back_to_an_older_copy_is_noticed_and_given_everything_again)
{
    struct laptop *other = laptop_make(&world, "other", true);
    laptop_enrol(other, "Garden", world.centre.port);
    centre_stop(&world.centre);
    folder_copy(world.centre.dir, copy);
    centre_start(&world.centre);
    record(laptop, 1, 5);
    record(other, 2, 4);
    sync_now(laptop);
    sync_now(other);
    sync_now(laptop);
    cr_assert_eq(held_by_centre(), 39);
    laptop_stop(laptop); /* each waits for news, and would give everything back before anybody looks */
    laptop_stop(other);
    centre_stop(&world.centre);
    folder_remove(world.centre.dir);
    folder_copy(copy, world.centre.dir);
    centre_start(&world.centre);
    cr_assert_eq(held_by_centre(), 30, "the copy is older");
    laptop_start(laptop);
    sync_now(laptop);
    cr_assert(process_said(&laptop->process, "centre_lost_ops"), "it is named in the log");
    laptop_start(other);
    sync_now(other);
    sync_now(laptop);
    cr_assert_str_eq(text_at(laptop_status(laptop), "state"), "attention", "and to a person");
    cr_assert(
        text_holds(laptop_status(laptop), "message",
                   "the centre no longer held 9 records that it had; perhaps it was put back to an older state; "),
        "%s", text_at(laptop_status(laptop), "message"));
    json_t *incidents = json_at(centre_do(&world.centre, EXIT_DONE, "incidents", NULL), "incidents");
    cr_assert_eq(json_array_size(incidents), 1, "and to the operator, by the laptop that showed it");
    cr_assert(text_holds(incidents, "0.what", "was put back to an older state, or the device is at fault"));
    cr_assert_neq(text_at(centre_do(&world.centre, EXIT_DONE, "serve-info", NULL), "put_back_at")[0], '\0');
    (void)laptop_do(laptop, EXIT_DONE, "checkpoint", "--acknowledge", NULL);
    (void)laptop_do(other, EXIT_DONE, "checkpoint", "--acknowledge", NULL);
    laptop_wait_synchronised(laptop, SYNC_MS);
    laptop_wait_synchronised(other, SYNC_MS);
    cr_assert_eq(held_by_centre(), 39);
    cr_assert(laptops_agree(laptop, other));
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
}

/* Records with nobody to synchronise with. */
static void record_alone(struct laptop *which, int placement, int count)
{
    centre_stop(&world.centre);
    record(which, placement, count);
    centre_start(&world.centre);
}

/* What `holdfast log` prints for a person names one entry each, also where two incarnations have one number. */
static void expect_names_of_one_entry(struct laptop *which)
{
    char name[256];
    const char *argv[] = { program_cli, "log", "--limit", "1000", "--state-dir", which->dir, NULL };
    struct process_result result;
    size_t lines = 0;
    process_try(argv, slice_of_text(""), SYNC_MS, &result);
    cr_assert_eq(buf_append(&result.out, "", 1, NULL), ERR_OK);
    for (char *at = strchr((char *)result.out.data, '\n'); at != NULL; at = strchr(at + 1, '\n')) {
        if (sscanf(at, " %*s %*s %250s", name) == 1 && strchr(name, '/') != NULL) {
            lines++;
            cr_expect_eq(strspn(strchr(name, '/'), "/0123456789"), strlen(strchr(name, '/')), "%s", name);
            cr_expect_neq(strchr(name, '/'), strrchr(name, '/'), "%s does not tell the incarnation", name);
        }
    }
    cr_assert_geq(lines, 40);
    process_result_fini(&result);
}

Test(put_back, an_older_copy_that_recorded_on_gets_its_records_back_and_says_its_own_again)
{
    struct laptop *other = laptop_make(&world, "other", true);
    laptop_enrol(other, "Garden", world.centre.port);
    laptop_stop(laptop);
    folder_copy(laptop->dir, copy);
    laptop_start(laptop);
    record(laptop, 1, 5);
    laptop_wait_synchronised(laptop, SYNC_MS);
    laptop_stop(laptop);
    folder_remove(laptop->dir);
    folder_copy(copy, laptop->dir);
    centre_stop(&world.centre);
    laptop_start(laptop);
    record(laptop, 2, 3); /* under the numbers of the first three */
    centre_start(&world.centre);
    sync_now(laptop);
    laptop_wait_number(laptop, "records.attendance", 38, SYNC_MS);
    laptop_wait_synchronised(laptop, SYNC_MS);
    json_t *status = laptop_status(laptop);
    cr_assert_eq(number_at(status, "copies.came_back"), 5);
    cr_assert_eq(number_at(status, "copies.issued_again"), 3);
    cr_assert_not_null(strstr(text_at(status, "message"), "5 records came back, 3 were issued again"), "%s",
                       text_at(status, "message"));
    sync_now(other);
    laptop_wait_number(other, "records.attendance", 38, SYNC_MS);
    cr_assert(laptops_agree(laptop, other));
    cr_assert_eq(held_by_centre(), 38);
    expect_names_of_one_entry(laptop);
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
}

Test(put_back, two_machines_with_a_copy_of_one_disk_both_go_on_and_say_so)
{
    struct laptop *twin = laptop_make(&world, "twin", true);
    laptop_stop(twin);
    laptop_stop(laptop);
    folder_remove(twin->dir);
    folder_copy(laptop->dir, twin->dir);
    file_copy(laptop->key_file, twin->key_file);
    laptop_start(laptop);
    laptop_start(twin);
    record_alone(laptop, 1, 4);
    sync_now(laptop);
    laptop_wait_synchronised(laptop, SYNC_MS);
    record(twin, 2, 3);
    sync_now(twin);
    laptop_wait_number(twin, "records.attendance", 37, SYNC_MS);
    sync_now(laptop);
    laptop_wait_number(laptop, "records.attendance", 37, SYNC_MS);
    record(laptop, 3, 2);
    sync_now(laptop);
    sync_now(twin);
    laptop_wait_number(twin, "records.attendance", 39, SYNC_MS);
    cr_assert(laptops_agree(laptop, twin));
    cr_assert_eq(held_by_centre(), 39);
    laptop_wait_text(laptop, "state", "attention", SYNC_MS);
    cr_assert_not_null(strstr(text_at(laptop_status(laptop), "message"), "a copy of its disk is in use"));
    cr_assert_gt(number_at(laptop_status(twin), "copies.twin_records"), 0);
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
    (void)laptop_do(twin, EXIT_DONE, "verify", NULL);
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
}

static void put_back(const char *dir, const char *from)
{
    folder_remove(dir);
    folder_copy(from, dir);
}

/* The laptop and the centre say 2 records under numbers under which the other laptop holds 4. */
static void make_two_histories(struct laptop *other)
{
    char centre_copy[FOLDER_PATH_SIZE];
    (void)snprintf(centre_copy, sizeof(centre_copy), "%.200s/centre-copy", world.folder);
    laptop_stop(laptop);
    folder_copy(laptop->dir, copy);
    centre_stop(&world.centre);
    folder_copy(world.centre.dir, centre_copy);
    centre_start(&world.centre);
    laptop_start(laptop);
    record(laptop, 1, 4);
    sync_now(laptop);
    sync_now(other);
    laptop_stop(laptop);
    laptop_stop(other);
    centre_stop(&world.centre);
    put_back(laptop->dir, copy);
    put_back(world.centre.dir, centre_copy);
    centre_start(&world.centre);
    laptop_start(laptop);
    record(laptop, 2, 2);
    sync_now(laptop);
    laptop_start(other);
}

Test(put_back, a_laptop_between_two_histories_goes_on_with_the_centres_on_a_persons_word)
{
    struct laptop *other = laptop_make(&world, "other", true);
    laptop_enrol(other, "Garden", world.centre.port);
    sync_now(other);
    (void)laptop_do(other, EXIT_REFUSED, "accept", "--history", "--yes", NULL);
    make_two_histories(other);
    (void)laptop_do(other, EXIT_REFUSED, "sync", "--wait", "--timeout", "50", NULL);
    json_t *status = laptop_status(other);
    cr_assert_str_eq(text_at(status, "state"), "attention");
    cr_assert_not_null(strstr(text_at(status, "message"), "holdfast accept --history"), "%s",
                       text_at(status, "message"));
    (void)laptop_do(other, EXIT_DONE, "accept", "--history", "--yes", NULL);
    sync_now(other);
    laptop_wait_number(other, "records.attendance", 32, SYNC_MS);
    json_t *aside = laptop_do(other, EXIT_DONE, "log", "--set-aside", NULL);
    cr_assert_eq(json_array_size(json_at(aside, "entries")), 4, "kept, and shown to whoever can record it anew");
    (void)laptop_do(other, EXIT_DONE, "checkpoint", "--acknowledge", NULL);
    status = laptop_status(other);
    cr_assert_eq(number_at(status, "copies.set_aside"), 4);
    cr_assert_not_null(strstr(text_at(status, "message"), "record anew what is missing"), "%s",
                       text_at(status, "message"));
    cr_assert(laptops_agree(laptop, other));
    (void)laptop_do(other, EXIT_DONE, "verify", NULL);
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
}
