/* Programme packs: checked before they are written, given to one site or to all and to those to come. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "store/programme/programme.h"
#include "world.h"

static struct centre_world world;

static void begin(void)
{
    world_open(&world);
}

static void end(void)
{
    world_close(&world);
}

TestSuite(centre_packs, .init = begin, .fini = end, .timeout = 120);

/* The built-in pack with another version. */
static json_t *pack_text(int version)
{
    struct slice json = programme_default_json();
    json_t *pack = json_loadb((const char *)json.data, json.len, 0, NULL);
    cr_assert_not_null(pack);
    json_object_set_new(pack, "version", json_integer(version));
    char *text = json_dumps(pack, JSON_INDENT(1));
    json_t *value = json_string(text);
    free(text);
    json_decref(pack);
    return value;
}

static enum err_code add(json_t *text, const char *from, const char *site, json_t **ret_answer)
{
    json_t *arguments = json_pack("{s:o, s:s}", "pack", text, "in_force_from", from);
    json_t *answer = NULL;
    if (site != NULL) {
        json_object_set_new(arguments, "site", json_string(site));
    } else {
        json_object_set_new(arguments, "all", json_true());
    }
    enum err_code rc = centre_admin(world.centre, "pack-add", arguments, world.now_ms, &answer, &world.err);
    json_decref(arguments);
    if (ret_answer != NULL) {
        *ret_answer = answer;
    } else {
        json_decref(answer);
    }
    return rc;
}

static size_t packs_of(const char *site)
{
    json_t *answer = world_admin(&world, "packs", json_pack("{s:s}", "site", site));
    size_t count = json_array_size(json_object_get(answer, "packs"));
    json_decref(answer);
    return count;
}

static void expect_state(const char *site, size_t index, int version, const char *state)
{
    json_t *answer = world_admin(&world, "packs", json_pack("{s:s}", "site", site));
    const json_t *row = json_array_get(json_object_get(answer, "packs"), index);
    cr_assert_eq(json_integer_value(json_object_get(row, "version")), version);
    cr_assert_str_eq(json_string_value(json_object_get(row, "state")), state);
    json_decref(answer);
}

Test(centre_packs, for_one_site_reach_no_other)
{
    cr_assert_eq(add(pack_text(11), "2014-05-01", "garden", NULL), ERR_OK, "%s", world.err.message);
    cr_assert_eq(packs_of("garden"), 1);
    cr_assert_eq(packs_of("shop"), 0);
}

Test(centre_packs, for_all_reach_every_site_also_one_that_is_added_later_and_are_not_written_twice)
{
    json_t *answer;
    cr_assert_eq(add(pack_text(11), "2014-05-01", NULL, &answer), ERR_OK, "%s", world.err.message);
    int64_t sites = json_integer_value(json_object_get(answer, "sites"));
    cr_assert(sites >= 2 && json_integer_value(json_object_get(answer, "written")) == sites);
    json_decref(answer);
    cr_assert_eq(add(pack_text(11), "2014-05-01", NULL, &answer), ERR_OK, "%s", world.err.message);
    cr_assert_eq(json_integer_value(json_object_get(answer, "written")), 0);
    json_decref(answer);
    json_decref(world_admin(&world, "site-add", json_pack("{s:s, s:s}", "organisation", "one", "name", "allotment")));
    cr_assert_eq(packs_of("allotment"), 1);
    json_decref(world_admin(&world, "code-new", json_pack("{s:s}", "site", "allotment")));
    cr_assert_eq(packs_of("allotment"), 1);
}

Test(centre_packs, are_in_force_by_their_day_and_a_day_can_be_stated_anew)
{
    cr_assert_eq(add(pack_text(11), "2000-01-01", "garden", NULL), ERR_OK, "%s", world.err.message);
    cr_assert_eq(add(pack_text(12), "2190-01-01", "garden", NULL), ERR_OK, "%s", world.err.message);
    expect_state("garden", 0, 12, "to come");
    expect_state("garden", 1, 11, "in force");
    world.now_ms += 1000;
    cr_assert_eq(add(pack_text(12), "2000-02-01", "garden", NULL), ERR_OK, "%s", world.err.message);
    expect_state("garden", 0, 12, "in force");
    expect_state("garden", 1, 12, "restated");
    expect_state("garden", 2, 11, "replaced");
}

Test(centre_packs, whose_version_does_not_grow_are_refused_everywhere_or_nowhere)
{
    cr_assert_eq(add(pack_text(12), "2014-05-01", "garden", NULL), ERR_OK, "%s", world.err.message);
    cr_assert_eq(add(pack_text(11), "2014-05-01", "garden", NULL), ERR_REFUSED);
    cr_assert_not_null(strstr(world.err.message, "above 12"), "%s", world.err.message);
    cr_assert_eq(add(pack_text(11), "2014-05-01", NULL, NULL), ERR_REFUSED);
    cr_assert_eq(packs_of("shop"), 0);
    cr_assert_eq(add(pack_text(13), "2014-05-01", NULL, NULL), ERR_OK, "%s", world.err.message);
    cr_assert_eq(add(pack_text(12), "2014-06-01", NULL, NULL), ERR_REFUSED);
}

Test(centre_packs, that_no_agent_could_use_are_refused_with_the_place)
{
    cr_assert_eq(add(json_string("{\"id\": \"x\", \"version\": 1}"), "2014-05-01", NULL, NULL), ERR_INVALID);
    cr_assert_not_null(strstr(world.err.message, "'rules."), "%s", world.err.message);
    cr_assert_eq(add(json_string("no"), "2014-05-01", NULL, NULL), ERR_INVALID);
    cr_assert_eq(packs_of("garden"), 0);
}

Test(centre_packs, need_a_site_or_all_and_a_day)
{
    json_t *answer = NULL;
    json_t *arguments = json_pack("{s:o, s:s}", "pack", pack_text(11), "in_force_from", "2014-05-01");
    cr_assert_eq(centre_admin(world.centre, "pack-add", arguments, world.now_ms, &answer, &world.err), ERR_INVALID);
    json_object_set_new(arguments, "site", json_string("garden"));
    json_object_set_new(arguments, "all", json_true());
    cr_assert_eq(centre_admin(world.centre, "pack-add", arguments, world.now_ms, &answer, &world.err), ERR_INVALID);
    json_decref(arguments);
    cr_assert_eq(add(pack_text(11), "soon", "garden", NULL), ERR_INVALID);
}
