/* The main road: enrol, record, synchronise, two laptops of a site, two sites kept apart. */
#include <string.h>

#include "tests/support/wait.h"
#include "tests/support/world.h"

static struct world world;

static void setup(void)
{
    world_init(&world);
    centre_make(&world);
    centre_add_site(&world.centre, "Greenfield Trust", "Garden");
}

static void teardown(void)
{
    world_fini(&world);
}

TestSuite(exchange, .init = setup, .fini = teardown, .timeout = 120);

Test(exchange, a_laptop_enrols_and_is_synchronised)
{
    struct laptop *laptop = laptop_make(&world, "laptop", true);
    json_t *before = laptop_status(laptop);
    cr_assert_str_eq(text_at(before, "state"), "offline");
    cr_assert(text_holds(before, "message", "not enrolled"));
    laptop_enrol(laptop, "Garden", world.centre.port);
    json_t *status = laptop_status(laptop);
    cr_assert(true_at(status, "enrolled"));
    cr_assert_str_eq(text_at(status, "site.name"), "Garden");
    cr_assert_gt(number_at(status, "last_exchange.bytes_sent"), 0);
    cr_assert_gt(number_at(status, "last_exchange.bytes_received"), 0);
}
