/* A new key for everything on the disk, while the agent works: as a person asks for it, against the real agent. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/site.h"
#include "tests/support/wait.h"

#define PLACEMENTS 20
#define DAYS 120
#define REKEY_MS 60000
#define PAGE_BYTES 4096

static struct world world;
static struct laptop *laptop;

static void setup(void)
{
    struct site_register what = { .prefix = "GDN", .placements = PLACEMENTS, .from_days_ago = DAYS, .days = DAYS };
    laptop = site_begin(&world, &what);
}

static void teardown(void)
{
    world_fini(&world);
}

TestSuite(rekey, .init = setup, .fini = teardown, .timeout = 180);

static bool under_way(void)
{
    return json_is_object(json_at(laptop_status(laptop), "rekey"));
}

/* The key epochs that the pages of the replica name: the last four bytes of each. */
static void pages_by_epoch(unsigned *ret_first, unsigned *ret_others)
{
    char path[FOLDER_PATH_SIZE + 16];
    uint8_t page[PAGE_BYTES];
    (void)snprintf(path, sizeof(path), "%s/replica.db", laptop->dir);
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file);
    *ret_first = 0;
    *ret_others = 0;
    while (fread(page, sizeof(page), 1, file) == 1) {
        bool first = get_be32(page + PAGE_BYTES - 4) == 1;
        *ret_first += first;
        *ret_others += !first;
    }
    cr_assert_eq(fclose(file), 0);
}

Test(rekey, moves_everything_to_a_new_key_while_records_are_made)
{
    unsigned old_pages;
    unsigned new_pages;
    (void)laptop_ask(laptop, "ok", "POST", "/v1/vault/rekey", json_object());
    (void)laptop_ask(laptop, "conflict", "POST", "/v1/vault/rekey", json_object());
    char session[SITE_TEXT_SIZE];
    session_name("GDN", 1, DAYS + 1, session);
    site_attend(laptop, session, "absent", "while the key changed");

    json_t *status = laptop_do(laptop, EXIT_DONE, "rekey", "--wait", NULL);

    cr_assert(json_is_null(json_at(status, "rekey")));
    cr_assert_str_eq(text_at(site_session(laptop, session), "outcome"), "absent");
    laptop_wait_synchronised(laptop, REKEY_MS);
    laptop_stop(laptop);
    pages_by_epoch(&old_pages, &new_pages);
    cr_assert_eq(old_pages, 0);
    cr_assert_gt(new_pages, 50);
    laptop_start(laptop);
    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
    cr_assert_str_eq(text_at(site_session(laptop, session), "outcome"), "absent");
}

Test(rekey, goes_on_after_a_lock_and_after_a_kill)
{
    unsigned old_pages;
    unsigned new_pages;
    (void)laptop_do(laptop, EXIT_DONE, "rekey", NULL);
    (void)laptop_do(laptop, EXIT_DONE, "lock", NULL);
    cr_assert(json_is_null(json_at(laptop_status(laptop), "rekey")));
    (void)laptop_do(laptop, EXIT_LOCKED, "rekey", NULL);
    (void)laptop_ask(laptop, "ok", "POST", "/v1/unlock", json_object());
    for (int i = 0; i < 5 && under_way(); i++) {
        laptop_kill(laptop);
        laptop_start(laptop);
    }
    WAIT_UNTIL(!under_way(), REKEY_MS);

    (void)laptop_do(laptop, EXIT_DONE, "verify", NULL);
    laptop_stop(laptop);
    pages_by_epoch(&old_pages, &new_pages);
    cr_assert_eq(old_pages, 0);
    cr_assert_gt(new_pages, 50);
    laptop_start(laptop);
}
