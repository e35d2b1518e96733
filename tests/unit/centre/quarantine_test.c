/* What the centre keeps aside, judged again. */
#include <criterion/criterion.h>
#include <string.h>

#include "store/centre/tables.h"
#include "sync/endpoint/core/private.h"
#include "world.h"

static struct centre_world world;
static struct forger forger;

/* Two decisions, which no device may write, and four statements, which an older version is made to have refused. */
static void begin(void)
{
    world_open(&world);
    forger_enrol(&world, "garden", &forger);
    (void)forger_add(&forger, KIND_DECISION, 2);
    (void)forger_add(&forger, KIND_CAPACITY_STATEMENT, 4);
    cr_assert_eq(forger_send(&forger), ERR_OK, "%s", world.err.message);
    cr_assert_eq(forger.response->refusal_count, 2);
    world_refuse(&world, "true");
}

static void end(void)
{
    world_verify(&world);
    forger_fini(&forger);
    world_close(&world);
}

TestSuite(centre_quarantine, .init = begin, .fini = end, .timeout = 60);

/* How many are kept aside; `by_old`: for the older version's reason. */
static size_t aside(bool by_old)
{
    json_t *answer = world_admin(&world, "quarantine", NULL);
    size_t count = 0;
    size_t index;
    const json_t *row;
    json_array_foreach(json_object_get(answer, "quarantine"), index, row)
    {
        const char *reason = json_string_value(json_object_get(row, "reason"));
        cr_assert_gt(strlen(reason), 10);
        count += !by_old || strcmp(reason, "by older rules") == 0;
    }
    json_decref(answer);
    return count;
}

Test(centre_quarantine, what_older_rules_refused_counts_when_it_is_judged_again)
{
    cr_assert_eq(aside(false), 6);
    json_t *answer = world_admin(&world, "quarantine-retry", NULL);
    cr_expect_eq(json_integer_value(json_object_get(answer, "released")), 4);
    cr_expect_eq(json_integer_value(json_object_get(answer, "still")), 2);
    json_decref(answer);
    cr_assert_eq(aside(false), 2);
    cr_assert_eq(aside(true), 0, "a reason is not the one of these rules");
}

Test(centre_quarantine, nothing_changes_when_it_is_judged_once_more)
{
    world_retry(&world);
    json_t *answer = world_admin(&world, "quarantine-retry", NULL);
    cr_expect_eq(json_integer_value(json_object_get(answer, "released")), 0);
    cr_expect_eq(json_integer_value(json_object_get(answer, "still")), 2);
    json_decref(answer);
}

Test(centre_quarantine, a_database_that_older_rules_judged_is_judged_again_when_it_is_opened)
{
    cr_assert_eq(db_exec(&world.centre->store->db, "UPDATE judged SET rules = rules - 1", &world.err), ERR_OK);
    world_reopen(&world);
    cr_assert_eq(aside(false), 2);
}

Test(centre_quarantine, one_that_these_rules_judged_is_opened_as_it_is)
{
    world_reopen(&world);
    cr_assert_eq(aside(true), 6);
}
