#include <criterion/criterion.h>
#include <string.h>

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

TestSuite(admin, .init = begin, .fini = end, .timeout = 60);

static enum err_code ask(const char *operation, const char *text)
{
    json_t *answer = NULL;
    json_t *arguments = json_loads(text, JSON_DECODE_ANY, NULL);
    cr_assert_not_null(arguments, "%s", text);
    enum err_code rc = centre_admin(world.centre, operation, arguments, world.now_ms, &answer, &world.err);
    json_decref(arguments);
    json_decref(answer);
    return rc;
}

Test(admin, refuses_arguments_that_the_operation_does_not_have)
{
    cr_assert_eq(ask("organisation-add", "{}"), ERR_INVALID);
    cr_assert_eq(ask("organisation-add", "{\"name\": null}"), ERR_INVALID);
    cr_assert_eq(ask("organisation-add", "{\"name\": 5}"), ERR_INVALID);
    cr_assert_eq(ask("organisation-add", "{\"name\": \"\"}"), ERR_INVALID);
    cr_assert_eq(ask("organisation-add", "{\"name\": \"x\", \"more\": 1}"), ERR_INVALID);
    cr_assert_eq(ask("organisation-add", "[]"), ERR_INVALID);
    cr_assert_eq(ask("sites", "{\"name\": \"x\"}"), ERR_INVALID);
    cr_assert_eq(ask("checkpoint", "{}"), ERR_INVALID);
    cr_assert_eq(ask("checkpoint", "{\"site\": \"nowhere\"}"), ERR_NOT_FOUND);
    cr_assert_eq(ask("no-such-thing", "{}"), ERR_NOT_FOUND);
    cr_assert_eq(ask("organisation-add", "{\"name\": \"a\\u0007b\"}"), ERR_INVALID);
}

Test(admin, keeps_names_apart)
{
    cr_assert_eq(ask("organisation-add", "{\"name\": \"one\"}"), ERR_CONFLICT);
    cr_assert_eq(ask("site-add", "{\"organisation\": \"one\", \"name\": \"garden\"}"), ERR_CONFLICT);
    cr_assert_eq(ask("site-add", "{\"organisation\": \"nobody\", \"name\": \"garden\"}"), ERR_NOT_FOUND);
    cr_assert_eq(ask("site-add", "{\"organisation\": \"two\", \"name\": \"garden\"}"), ERR_OK);
    cr_assert_eq(ask("code-new", "{\"site\": \"garden\"}"), ERR_CONFLICT); /* which of the two? */
    cr_assert_eq(ask("code-new", "{\"site\": \"shop\"}"), ERR_OK);
}

Test(admin, finds_a_site_by_its_id)
{
    json_t *sites = world_admin(&world, "sites", NULL);
    json_t *site = json_array_get(json_object_get(sites, "sites"), 0);
    json_decref(world_admin(&world, "code-new", json_pack("{s:O}", "site", json_object_get(site, "id"))));
    json_decref(sites);
}

Test(admin, bounds_codes_and_lists)
{
    cr_assert_eq(ask("code-new", "{\"site\": \"shop\", \"valid_hours\": 0}"), ERR_INVALID);
    cr_assert_eq(ask("code-new", "{\"site\": \"shop\", \"valid_hours\": 99999}"), ERR_INVALID);
    cr_assert_eq(ask("code-new", "{\"site\": \"shop\", \"valid_hours\": 1.5}"), ERR_INVALID);
    cr_assert_eq(ask("log", "{\"limit\": 0}"), ERR_INVALID);
    cr_assert_eq(ask("log", "{\"kind\": \"nonsense\"}"), ERR_INVALID);
    cr_assert_eq(ask("revoke", "{\"device\": \"zz\"}"), ERR_INVALID);
    cr_assert_eq(ask("revoke", "{\"device\": \"00000000\"}"), ERR_NOT_FOUND);
}

static json_t *newest(const char *kind)
{
    json_t *log = world_admin(&world, "log", json_pack("{s:s, s:s}", "site", "garden", "kind", kind));
    json_t *entry = json_incref(json_array_get(json_object_get(log, "entries"), 0));
    json_decref(log);
    cr_assert_not_null(entry);
    return entry;
}

static const char *field(const json_t *entry, const char *name)
{
    return json_string_value(json_object_get(json_object_get(entry, "fields"), name));
}

Test(admin, a_referral_names_the_person_as_the_site_does)
{
    uint8_t stream[STREAM_ID_BYTES];
    uint8_t id[OP_ENTITY_BYTES];
    char digits[2 * OP_ENTITY_BYTES + 1];
    cr_assert_eq(ask("referral-new",
                     "{\"site\": \"garden\", \"ref\": \"R-1\", \"participant\": \"GDN-001\", \"participant_name\": "
                     "\"Ann\", \"route\": \"cwp\", \"basis\": \"mandatory\", \"received_on\": \"2026-11-02\", "
                     "\"weekly_hours\": 7.5}"),
                 ERR_OK, "%s", world.err.message);
    json_t *entry = newest("referral");
    cr_assert_str_eq(json_string_value(json_object_get(entry, "writer")), "centre");
    cr_assert_str_eq(field(entry, "received_on"), "2026-11-02");
    cr_assert_eq(json_integer_value(json_object_get(json_object_get(entry, "fields"), "weekly_minutes")), 450);
    json_t *sites = world_admin(&world, "sites", NULL);
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(sites, "sites"), i, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "name")), "garden") == 0) {
            cr_assert(hex_decode(json_string_value(json_object_get(row, "id")), stream, sizeof(stream)));
        }
    }
    json_decref(sites);
    entity_id(stream, "participant", "GDN-001", id);
    hex_encode(id, sizeof(id), digits);
    cr_assert_str_eq(field(entry, "participant"), digits);
    entity_id(stream, "referral", "R-1", id);
    hex_encode(id, sizeof(id), digits);
    cr_assert_str_eq(json_string_value(json_object_get(entry, "subject")), digits);
    json_decref(entry);
    entry = newest("participant");
    cr_assert_str_eq(field(entry, "name"), "Ann");
    json_decref(entry);
    world_verify(&world);
}

/* The site has heard of them. */
static void refer(const char *participant, const char *ref)
{
    json_decref(world_admin(&world, "referral-new",
                            json_pack("{s:s, s:s, s:s, s:s, s:s}", "site", "garden", "ref", ref, "participant",
                                      participant, "route", "cwp", "basis", "mandatory")));
}

Test(admin, says_an_appointment_again_about_the_same_subject)
{
    refer("P", "R-1");
    const char *words = "{\"site\": \"garden\", \"participant\": \"P\", \"date\": \"2026-11-20\", \"from\": \"10:00\", "
                        "\"to\": \"11:00\", \"purpose\": \"signing\", \"cancelled\": false}";
    cr_assert_eq(ask("appointment-new", words), ERR_OK, "%s", world.err.message);
    json_t *first = newest("appointment");
    cr_assert_eq(ask("appointment-new",
                     "{\"site\": \"garden\", \"participant\": \"P\", \"date\": \"2026-11-20\", \"from\": \"10:00\", "
                     "\"to\": \"11:30\", \"purpose\": \"signing\", \"cancelled\": true}"),
                 ERR_OK);
    json_t *second = newest("appointment");
    cr_assert(json_equal(json_object_get(first, "subject"), json_object_get(second, "subject")));
    cr_assert_str_eq(field(second, "ends_min"), "11:30");
    json_decref(first);
    json_decref(second);
}

/* An operation that is refused because of its argument `name`, and says what to do. */
static void expect_unknown(const char *operation, const char *arguments, const char *name, const char *advice)
{
    cr_assert_eq(ask(operation, arguments), ERR_NOT_FOUND, "%s %s", operation, arguments);
    cr_assert_not_null(strstr(world.err.message, name), "%s", world.err.message);
    cr_assert_not_null(strstr(world.err.message, advice), "%s", world.err.message);
}

Test(admin, writes_about_nobody_and_nothing_that_the_site_has_not_heard_of)
{
    const char *reply =
        "{\"site\": \"garden\", \"body\": \"Yes.\", \"reply_to\": \"00112233445566778899aabbccddeeff\"}";
    refer("P", "R-1");
    uint64_t before = world_ops(&world, "garden");
    expect_unknown("appointment-new",
                   "{\"site\": \"garden\", \"participant\": \"p\", \"date\": \"2026-11-20\", \"from\": \"10:00\", "
                   "\"to\": \"11:00\", \"purpose\": \"signing\"}",
                   "'participant'", "`referral new`");
    expect_unknown("appointment-new",
                   "{\"site\": \"shop\", \"participant\": \"P\", \"date\": \"2026-11-20\", \"from\": \"10:00\", "
                   "\"to\": \"11:00\", \"purpose\": \"signing\"}",
                   "'shop'", "`referral new`");
    expect_unknown("decision-new",
                   "{\"site\": \"garden\", \"participant\": \"p\", \"failure_on\": \"2026-11-01\", \"outcome\": "
                   "\"adverse\"}",
                   "'participant'", "`referral new`");
    expect_unknown("message-send", "{\"site\": \"garden\", \"body\": \"Who?\", \"participant\": \"Q\"}",
                   "'participant'", "--kind participant");
    expect_unknown("message-send", "{\"site\": \"garden\", \"body\": \"Which?\", \"referral\": \"R-2\"}", "'referral'",
                   "--kind referral");
    expect_unknown("message-send", reply, "'reply_to'", "`message list");
    cr_assert_eq(world_ops(&world, "garden"), before);
    cr_assert_eq(ask("message-send", "{\"site\": \"garden\", \"body\": \"About them.\", \"participant\": \"P\", "
                                     "\"referral\": \"R-1\"}"),
                 ERR_OK, "%s", world.err.message);
    json_t *sent = newest("message");
    json_decref(world_admin(&world, "message-send",
                            json_pack("{s:s, s:s, s:O}", "site", "garden", "body", "And once more.", "reply_to",
                                      json_object_get(sent, "subject"))));
    json_decref(sent);
}

Test(admin, a_referral_stays_with_whom_it_is_about_and_has_a_route_of_the_programme)
{
    refer("P", "R-1");
    uint64_t before = world_ops(&world, "garden");
    cr_assert_eq(ask("referral-new", "{\"site\": \"garden\", \"ref\": \"R-1\", \"participant\": \"Q\", \"route\": "
                                     "\"cwp\", \"basis\": \"mandatory\"}"),
                 ERR_REFUSED);
    cr_expect_not_null(strstr(world.err.message, "'participant'"), "%s", world.err.message);
    cr_assert_eq(ask("referral-new", "{\"site\": \"garden\", \"ref\": \"R-2\", \"participant\": \"P\", \"route\": "
                                     "\"nowhere\", \"basis\": \"mandatory\"}"),
                 ERR_INVALID);
    cr_expect_not_null(strstr(world.err.message, "'route'"), "%s", world.err.message);
    cr_assert_eq(world_ops(&world, "garden"), before);
    cr_assert_eq(ask("referral-new", "{\"site\": \"garden\", \"ref\": \"R-1\", \"participant\": \"P\", \"route\": "
                                     "\"mir\", \"basis\": \"mandatory\"}"),
                 ERR_OK, "%s", world.err.message);
    cr_assert_eq(ask("referral-new", "{\"site\": \"shop\", \"ref\": \"R-1\", \"participant\": \"Q\", \"route\": "
                                     "\"mir\", \"basis\": \"mandatory\"}"),
                 ERR_OK, "of another site: %s", world.err.message);
}

Test(admin, says_what_became_of_a_referral)
{
    refer("P", "R-1");
    cr_assert_eq(ask("referral-event", "{\"site\": \"garden\", \"referral\": \"R-1\", \"status\": \"withdrawn\", "
                                       "\"on\": \"2026-11-02\", \"note\": \"moved away\"}"),
                 ERR_OK, "%s", world.err.message);
    json_t *entry = newest("referral_event");
    cr_assert_str_eq(json_string_value(json_object_get(entry, "writer")), "centre");
    cr_assert_str_eq(field(entry, "status"), "withdrawn");
    cr_assert_str_eq(field(entry, "on"), "2026-11-02");
    json_decref(entry);
    uint64_t before = world_ops(&world, "garden");
    cr_assert_eq(ask("referral-event", "{\"site\": \"garden\", \"referral\": \"R-2\", \"status\": \"withdrawn\"}"),
                 ERR_NOT_FOUND);
    cr_expect_not_null(strstr(world.err.message, "--kind referral"), "%s", world.err.message);
    cr_assert_eq(ask("referral-event", "{\"site\": \"garden\", \"referral\": \"R-1\", \"status\": \"declined\"}"),
                 ERR_INVALID);
    cr_assert_eq(ask("referral-event", "{\"site\": \"garden\", \"referral\": \"R-1\", \"status\": \"gone\"}"),
                 ERR_INVALID);
    cr_assert_eq(world_ops(&world, "garden"), before);
    world_verify(&world);
}

static void expect_decision_refused(const char *arguments, const char *words)
{
    cr_assert_eq(ask("decision-new", arguments), ERR_INVALID, "%s", arguments);
    cr_expect_not_null(strstr(world.err.message, words), "%s", world.err.message);
}

Test(admin, refuses_records_that_make_no_sense_and_keeps_nothing_of_them)
{
    refer("P", "R-1");
    uint64_t before = world_ops(&world, "garden");
    cr_assert_eq(ask("appointment-new", "{\"site\": \"garden\", \"participant\": \"P\", \"date\": \"2026-11-20\", "
                                        "\"from\": \"11:00\", \"to\": \"10:00\", \"purpose\": \"signing\"}"),
                 ERR_INVALID);
    cr_assert_eq(ask("appointment-new", "{\"site\": \"garden\", \"participant\": \"P\", \"date\": \"2026-02-30\", "
                                        "\"from\": \"09:00\", \"to\": \"10:00\", \"purpose\": \"signing\"}"),
                 ERR_INVALID);
    cr_assert_eq(ask("appointment-new", "{\"site\": \"garden\", \"participant\": \"P\", \"date\": \"2026-11-20\", "
                                        "\"from\": \"09:00\", \"to\": \"10:00\", \"purpose\": \"dentist\"}"),
                 ERR_INVALID);
    cr_assert_eq(ask("decision-new", "{\"site\": \"garden\", \"participant\": \"P\", \"failure_on\": \"2026-11-01\", "
                                     "\"outcome\": \"guilty\"}"),
                 ERR_INVALID);
#define DECIDED(more)                                                                                                  \
    "{\"site\": \"garden\", \"participant\": \"P\", \"failure_on\": \"2026-06-03\", \"outcome\": " more "}"
    expect_decision_refused(DECIDED("\"adverse\", \"decided_on\": \"2026-06-02\""),
                            "'decided_on': that is before the day of the failure");
    expect_decision_refused(DECIDED("\"adverse\", \"decided_on\": \"2099-06-02\""),
                            "'decided_on': that day is still to come");
    expect_decision_refused(DECIDED("\"adverse\", \"weeks\": 0"),
                            "'weeks': of an adverse decision alone, and at least 1");
    expect_decision_refused(DECIDED("\"non_adverse\", \"weeks\": 4"), "'weeks': of an adverse decision alone");
    expect_decision_refused("{\"site\": \"garden\", \"participant\": \"P\", \"failure_on\": \"2099-06-03\", "
                            "\"decided_on\": \"2099-06-03\", \"outcome\": \"adverse\"}",
                            "'failure_on': that day is still to come");
#undef DECIDED
    cr_assert_eq(ask("referral-new", "{\"site\": \"garden\", \"ref\": \"R\", \"participant\": \"P\", \"route\": "
                                     "\"cwp\", \"basis\": \"maybe\"}"),
                 ERR_INVALID);
    cr_assert_eq(ask("referral-new", "{\"site\": \"garden\", \"ref\": \"R\", \"participant\": \"P\", \"route\": "
                                     "\"cwp\", \"basis\": \"voluntary\", \"weekly_hours\": -1}"),
                 ERR_INVALID);
    cr_assert_eq(ask("referral-new", "{\"site\": \"garden\", \"ref\": \"R\", \"participant\": \"QQ 12 34 56 C\", "
                                     "\"route\": \"cwp\", \"basis\": \"voluntary\"}"),
                 ERR_INVALID);
    cr_assert_eq(ask("referral-new", "{\"site\": \"garden\", \"ref\": \"R\", \"participant\": \"P\", "
                                     "\"participant_name\": \"Ann QQ123456C\", \"route\": \"cwp\", \"basis\": "
                                     "\"voluntary\"}"),
                 ERR_INVALID);
    cr_assert_eq(world_ops(&world, "garden"), before);
    world_verify(&world);
}

Test(admin, names_every_operation_once)
{
    for (size_t i = 0; centre_admin_name(i) != NULL; i++) {
        for (size_t j = 0; j < i; j++) {
            cr_assert_str_neq(centre_admin_name(i), centre_admin_name(j));
        }
    }
}
