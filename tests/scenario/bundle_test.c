/* Two laptops of a site whose line is cut for good: everything goes on a stick, in odd orders, twice and not at all. */
#include <string.h>

#include "tests/support/proxy.h"
#include "tests/support/site.h"
#include "tests/support/wait.h"

static struct world world;
static struct proxy *line;

static void setup(void)
{
    world_init(&world);
    centre_make(&world);
    centre_add_site(&world.centre, "Greenfield Trust", "Garden");
    line = proxy_start(world.centre.port);
}

static void teardown(void)
{
    world_fini(&world);
    proxy_stop(line);
}

TestSuite(bundle, .init = setup, .fini = teardown, .timeout = 240);

static struct laptop *enrolled(const char *name)
{
    struct laptop *laptop = laptop_make(&world, name, true);
    laptop_enrol(laptop, "Garden", proxy_port(line));
    return laptop;
}

static void cut_the_line(void)
{
    static const struct proxy_faults cut = { .refuse = true };
    proxy_set(line, &cut);
}

static const char *on_stick(const char *name, char path[FOLDER_PATH_SIZE])
{
    (void)snprintf(path, FOLDER_PATH_SIZE, "%.180s/%s.bundle", world.folder, name);
    return path;
}

static void write_out(struct laptop *laptop, const char *name)
{
    char path[FOLDER_PATH_SIZE];
    json_t *answer = laptop_do(laptop, EXIT_DONE, "bundle", "export", "--force", on_stick(name, path), NULL);
    cr_assert(true_at(answer, "complete"));
}

static json_t *take_in(struct laptop *laptop, const char *name)
{
    char path[FOLDER_PATH_SIZE];
    return json_at(laptop_do(laptop, EXIT_DONE, "bundle", "import", on_stick(name, path), NULL), "bundles.0");
}

static json_t *centre_takes(const char *name)
{
    char path[FOLDER_PATH_SIZE];
    return centre_do(&world.centre, EXIT_DONE, "bundle", "import", on_stick(name, path), NULL);
}

static void centre_writes(struct laptop *laptop, const char *name)
{
    char path[FOLDER_PATH_SIZE];
    const char *device = text_at(laptop_status(laptop), "device.id");
    (void)centre_do(&world.centre, EXIT_DONE, "bundle", "export", "--force", "--device", device, on_stick(name, path),
                    NULL);
}

Test(bundle, two_laptops_without_a_network_and_the_centre_end_with_the_same)
{
    struct laptop *office = enrolled("office");
    struct laptop *shed = enrolled("shed");
    char session[SITE_TEXT_SIZE];
    cut_the_line();
    site_import_people(office, "GDN", 5);
    session_name("GDN", 1, 1, session);
    site_attend(office, session, "attended", NULL);
    write_out(office, "office-1");
    session_name("GDN", 2, 1, session);
    site_attend(office, session, "absent", NULL);
    write_out(office, "office-2");
    cr_assert_gt(number_at(centre_takes("office-2"), "new_records"), 0);
    cr_assert_eq(number_at(centre_takes("office-1"), "new_records"), 0); /* the older one, late */
    cr_assert_eq(number_at(centre_takes("office-2"), "new_records"), 0); /* twice */

    centre_writes(shed, "shed-lost"); /* nobody carries it */
    centre_writes(shed, "shed-1");
    cr_assert_gt(number_at(take_in(shed, "shed-1"), "new_records"), 0);
    session_name("GDN", 3, 1, session);
    site_attend(shed, session, "attended", NULL);
    write_out(shed, "shed-2");
    (void)centre_takes("shed-2");

    cr_assert_gt(number_at(laptop_status(office), "pending_ops"), 0); /* no receipt came back yet */
    centre_writes(office, "office-answer");
    cr_assert_eq(number_at(take_in(office, "office-answer"), "new_records"), 1);
    cr_assert_eq(number_at(take_in(office, "office-answer"), "new_records"), 0);
    cr_assert_eq(number_at(laptop_status(office), "pending_ops"), 0);
    centre_writes(shed, "shed-3");
    (void)take_in(shed, "shed-3");
    (void)take_in(shed, "shed-1"); /* an old one again */

    cr_assert(laptops_agree(office, shed));
    cr_assert_eq(number_at(laptop_status(shed), "pending_ops"), 0);
    json_t *status = laptop_status(office);
    cr_assert_str_neq(text_at(status, "bundles.written_at"), "");
    cr_assert_str_neq(text_at(status, "bundles.taken_at"), "");
    cr_assert_str_neq(text_at(status, "bundles.made_at"), "");
    (void)centre_do(&world.centre, EXIT_DONE, "verify", NULL);
    (void)laptop_do(office, EXIT_DONE, "verify", NULL);
    (void)laptop_do(shed, EXIT_DONE, "verify", NULL);
}

Test(bundle, a_site_gets_a_file_for_each_laptop_and_each_takes_its_own_only)
{
    char folder[FOLDER_PATH_SIZE];
    struct laptop *office = enrolled("office");
    struct laptop *shed = enrolled("shed");
    cut_the_line();
    site_import_people(office, "GDN", 3);
    write_out(office, "office");
    (void)centre_takes("office");
    (void)snprintf(folder, sizeof(folder), "%.180s", world.folder);
    json_t *written =
        json_at(centre_do(&world.centre, EXIT_DONE, "bundle", "export", "--site", "Garden", folder, NULL), "bundles");
    cr_assert_eq(json_array_size(written), 2);
    const char *one = text_at(written, "0.file");
    const char *two = text_at(written, "1.file");
    /* both lie on one stick; a laptop is given both, takes its own and says that the other is not for it */
    (void)laptop_do(shed, EXIT_REFUSED, "bundle", "import", one, two, NULL);
    (void)laptop_do(office, EXIT_REFUSED, "bundle", "import", one, two, NULL);
    cr_assert(laptops_agree(office, shed));
    cr_assert_eq(number_at(laptop_status(office), "pending_ops"), 0);
}

Test(bundle, a_stick_pulled_too_early_is_noticed_and_nothing_is_lost)
{
    char path[FOLDER_PATH_SIZE];
    char cut[FOLDER_PATH_SIZE];
    struct buf file;
    struct laptop *office = enrolled("office");
    cut_the_line();
    site_import_people(office, "GDN", 5);
    write_out(office, "whole");
    buf_init(&file, 64 * 1024 * 1024);
    file_load(on_stick("whole", path), &file);
    file_write(on_stick("cut", cut), slice_of(file.data, file.len - 10));
    json_t *refused = centre_do(&world.centre, EXIT_REFUSED, "bundle", "import", cut, NULL);
    cr_assert_null(refused);
    (void)centre_takes("whole");
    (void)laptop_do(office, EXIT_REFUSED, "bundle", "export", path, NULL); /* it is there already */
    (void)laptop_do(office, EXIT_REFUSED, "bundle", "import", path, NULL); /* it is the centre's to read */
    buf_fini(&file);
}

Test(bundle, one_that_the_centre_will_not_take_is_said_to_be_so)
{
    char path[FOLDER_PATH_SIZE];
    struct laptop *office = enrolled("office");
    cut_the_line();
    json_t *answer = laptop_do(office, EXIT_DONE, "bundle", "export", on_stick("good", path), NULL);
    cr_assert_not(true_at(answer, "certificate_ended"));
    laptop_stop(office);
    laptop_set_clock(office, 400L * 24 * 3600);
    laptop_start(office);
    answer = laptop_do(office, EXIT_DONE, "bundle", "export", on_stick("late", path), NULL);
    cr_assert(true_at(answer, "certificate_ended"));
}

Test(bundle, a_file_that_cannot_be_read_holds_nothing_up)
{
    struct laptop *office = enrolled("office");
    cut_the_line();
    centre_writes(office, "for-office");
    (void)laptop_do(office, EXIT_REFUSED, "bundle", "import", world.folder, NULL);
    (void)take_in(office, "for-office");
}
