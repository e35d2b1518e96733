/* A centre that shows two laptops of one site different histories: found out by a note carried from one to the other,
 * and by the next exchange. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/site.h"
#include "tests/support/wait.h"

#define PATH_SIZE (FOLDER_PATH_SIZE + 32)

static struct world world;
static struct laptop *office;
static struct laptop *shed;
static char note[PATH_SIZE];

static void sync_now(struct laptop *laptop)
{
    (void)laptop_do(laptop, EXIT_DONE, "sync", "--wait", "--timeout", "50", NULL);
}

static void setup(void)
{
    world_init(&world);
    centre_make(&world);
    centre_add_site(&world.centre, "Greenfield Trust", "Garden");
    office = laptop_make(&world, "office", true);
    shed = laptop_make(&world, "shed", true);
    laptop_enrol(office, "Garden", world.centre.port);
    laptop_enrol(shed, "Garden", world.centre.port);
    site_import_people(office, "GDN", 3);
    sync_now(office);
    sync_now(shed);
    (void)snprintf(note, sizeof(note), "%s/note", world.folder);
}

static void teardown(void)
{
    world_fini(&world);
}

TestSuite(checkpoint, .init = setup, .fini = teardown, .timeout = 120);

static void attend(struct laptop *laptop, const char *outcome)
{
    char session[SITE_TEXT_SIZE];
    session_name("GDN", 2, 1, session);
    site_attend(laptop, session, outcome, "seen by this laptop");
    sync_now(laptop);
}

/* The office's record is in the one history, the shed's in the other; each has what the centre signed of it. */
static void split_the_history(void)
{
    char copy[PATH_SIZE];
    (void)snprintf(copy, sizeof(copy), "%s/centre-before", world.folder);
    laptop_stop(shed);
    centre_stop(&world.centre);
    folder_copy(world.centre.dir, copy);
    centre_start(&world.centre);
    attend(office, "attended");
    (void)laptop_do(office, EXIT_DONE, "checkpoint", "-o", note, NULL);
    laptop_stop(office);
    centre_stop(&world.centre);
    folder_remove(world.centre.dir);
    folder_copy(copy, world.centre.dir);
    centre_start(&world.centre);
    laptop_start(shed);
    attend(shed, "absent");
}

Test(checkpoint, note_of_another_laptop_is_consistent_with_an_honest_centre)
{
    (void)laptop_do(office, EXIT_DONE, "checkpoint", "-o", note, NULL);
    json_t *answer = laptop_do(shed, EXIT_DONE, "checkpoint", "--compare", note, NULL);
    cr_expect(true_at(answer, "consistent"));
    attend(shed, "absent");
    answer = laptop_do(shed, EXIT_DONE, "checkpoint", "--compare", note, NULL);
    cr_expect(true_at(answer, "consistent"), "it only grew");
    cr_expect_gt(number_at(answer, "held.size"), number_at(answer, "told.size"));
}

Test(checkpoint, two_histories_are_found_out_by_a_note_and_shown_until_acknowledged)
{
    split_the_history();
    cr_assert_eq(number_at(laptop_status(shed), "violations"), 0, "alone it cannot know");
    json_t *answer = laptop_do(shed, EXIT_REFUSED, "checkpoint", "--compare", note, NULL);
    cr_assert_not_null(answer);
    cr_expect_not(true_at(answer, "consistent"));
    json_t *status = laptop_status(shed);
    cr_expect_str_eq(text_at(status, "state"), "attention");
    cr_expect(text_holds(status, "message", "holdfast checkpoint --violations"), "%s", text_at(status, "message"));
    json_t *list = laptop_do(shed, EXIT_DONE, "checkpoint", "--violations", NULL);
    cr_expect_eq(json_array_size(json_at(list, "violations")), 1);
    (void)laptop_do(shed, EXIT_DONE, "checkpoint", "--acknowledge", NULL);
    status = laptop_status(shed);
    cr_expect_str_neq(text_at(status, "state"), "attention", "%s", text_at(status, "message"));
}

Test(checkpoint, two_histories_are_found_out_by_the_laptop_that_knew_the_first_and_no_record_is_lost)
{
    split_the_history();
    laptop_start(office);
    laptop_wait_text(office, "state", "attention", 60000);
    sync_now(office);
    json_t *status = laptop_status(office);
    cr_expect_geq(number_at(status, "violations"), 1);
    cr_expect(text_holds(status, "message", "nothing recorded here is lost"), "%s", text_at(status, "message"));
    sync_now(shed);
    sync_now(office);
    cr_expect(laptops_agree(office, shed));
    (void)laptop_do(office, EXIT_DONE, "verify", NULL);
}
