/* A network whose proxy is in the way, as an operator of a laptop meets it. */
#include "tests/support/gate.h"
#include "tests/support/site.h"
#include "tests/support/wait.h"

#define SYNC_MS 40000

static struct world world;
static struct laptop *laptop;
static struct gate gate;

static void setup(void)
{
    world_init(&world);
    centre_make(&world);
    centre_add_site(&world.centre, "Greenfield Trust", "Garden");
    laptop = laptop_make(&world, "laptop", true);
    laptop_enrol(laptop, "Garden", world.centre.port);
    site_import_people(laptop, "GDN", 1);
    laptop_wait_synchronised(laptop, SYNC_MS);
}

static void teardown(void)
{
    world_fini(&world);
    gate_close(&gate);
}

TestSuite(proxy, .init = setup, .fini = teardown, .timeout = 120);

static void set_proxy(const char *credentials)
{
    char text[128];
    (void)snprintf(text, sizeof(text), "[link]\nwait = no\nproxy = http://%s127.0.0.1:%u\n", credentials, gate.port);
    laptop_stop(laptop);
    laptop_set_config(laptop, text);
    laptop_start(laptop);
}

static void record_one(void)
{
    char session[SITE_TEXT_SIZE];
    session_name("GDN", 1, 1, session);
    site_attend(laptop, session, "attended", NULL);
}

Test(proxy, one_that_wants_a_password_is_named_and_works_with_it)
{
    gate_open(&gate, 0);
    set_proxy("");
    record_one();
    laptop_wait_text(laptop, "last_exchange.result", "proxy", SYNC_MS);
    json_t *status = laptop_status(laptop);
    cr_assert_str_eq(text_at(status, "state"), "attention");
    cr_assert(text_holds(status, "message", "link.proxy"), "%s", text_at(status, "message"));
    cr_assert_eq(number_at(status, "pending_ops"), 1);
    cr_assert_eq(gate.passed, 0);
    set_proxy("name:secret@");
    laptop_wait_synchronised(laptop, SYNC_MS);
    cr_assert_gt(gate.passed, 0, "it went past the proxy");
    cr_assert(!text_holds(laptop_status(laptop), "message", "secret"));
}

Test(proxy, one_that_refuses_the_centre_is_named)
{
    gate_open(&gate, 403);
    set_proxy("");
    record_one();
    laptop_wait_text(laptop, "last_exchange.result", "proxy", SYNC_MS);
    cr_assert(text_holds(laptop_status(laptop), "message", "let it through"));
    set_proxy("name:secret@");
    gate.status = 0;
    (void)laptop_do(laptop, EXIT_DONE, "sync", "--wait", NULL);
    laptop_wait_synchronised(laptop, SYNC_MS);
}
