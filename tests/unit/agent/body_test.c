#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api_call.h"
#include "tests/unit/agent/site.h"

static enum err_code parse(const char *text)
{
    json_t *object = NULL;
    struct error err;
    enum err_code rc = body_parse(slice_of_text(text), &object, &err);
    json_decref(object);
    return rc;
}

Test(body, is_one_object)
{
    cr_expect_eq(parse(""), ERR_OK);
    cr_expect_eq(parse("{}"), ERR_OK);
    cr_expect_eq(parse("{\"a\": 1}"), ERR_OK);
    cr_expect_eq(parse("[]"), ERR_INVALID);
    cr_expect_eq(parse("{} {}"), ERR_INVALID);
    cr_expect_eq(parse("{\"a\": 1"), ERR_INVALID);
    cr_expect_eq(parse("\"a\""), ERR_INVALID);
    cr_expect_eq(parse("{\"a\": \"\\u0000\"}"), ERR_INVALID);
    cr_expect_eq(parse("{\"a\": \"\xff\"}"), ERR_INVALID);
}

Test(body, refuses_a_repeated_member)
{
    cr_expect_eq(parse("{\"a\": 1, \"a\": 2}"), ERR_INVALID);
}

Test(body, refuses_what_is_nested_too_deep)
{
    char text[2 * API_DEPTH_MAX + 40];
    size_t len = 0;
    memcpy(text, "{\"a\":", 5);
    len = 5;
    for (int i = 1; i < API_DEPTH_MAX; i++) {
        text[len++] = '[';
    }
    for (int i = 1; i < API_DEPTH_MAX; i++) {
        text[len++] = ']';
    }
    text[len++] = '}';
    text[len] = '\0';
    cr_expect_eq(parse(text), ERR_OK);
    memmove(text + 6, text + 5, len - 4);
    text[5] = '[';
    cr_expect_eq(parse(text), ERR_INVALID);
    cr_expect_eq(parse("{\"a\": \"[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[\"}"), ERR_OK, "brackets in a text do not count");
}

Test(body, refuses_what_is_too_long)
{
    char *text = malloc(API_BODY_MAX + 2);
    memset(text, ' ', API_BODY_MAX + 1);
    text[0] = '{';
    text[API_BODY_MAX] = '}';
    text[API_BODY_MAX + 1] = '\0';
    cr_expect_eq(parse(text), ERR_LIMIT);
    free(text);
}

Test(body, members_are_read_strictly)
{
    static const char *const known[] = { "text", "number", "flag", "day", "at", NULL };
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        { "{\"text\": \"a\", \"number\": 3, \"flag\": true, \"day\": \"2026-02-28\", \"at\": \"2026-02-28T10:00:00Z\"}",
          true },
        { "{\"text\": \"a\", \"number\": null, \"flag\": null, \"day\": null, \"at\": null}", true },
        { "{\"text\": \"a\", \"other\": 1}", false },
        { "{\"number\": 3}", false },
        { "{\"text\": \"\"}", false },
        { "{\"text\": 1}", false },
        { "{\"text\": \"12345678901\"}", false },
        { "{\"text\": \"a\", \"number\": 3.5}", false },
        { "{\"text\": \"a\", \"number\": \"3\"}", false },
        { "{\"text\": \"a\", \"number\": 11}", false },
        { "{\"text\": \"a\", \"number\": -1}", false },
        { "{\"text\": \"a\", \"flag\": 1}", false },
        { "{\"text\": \"a\", \"day\": \"2026-02-29\"}", false },
        { "{\"text\": \"a\", \"at\": \"2026-02-28\"}", false },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err;
        json_t *object;
        cr_assert_eq(body_parse(slice_of_text(cases[i].text), &object, &err), ERR_OK);
        struct members members = members_begin(object, known, &err);
        int64_t number;
        int32_t day;
        int64_t at_ms;
        (void)member_text(&members, "text", 10, true);
        (void)member_int(&members, "number", 0, 10, false, &number);
        (void)member_bool(&members, "flag", false);
        (void)member_day(&members, "day", false, &day);
        (void)member_instant(&members, "at", &at_ms);
        cr_expect_eq(members_end(&members) == ERR_OK, cases[i].good, "%s", cases[i].text);
        json_decref(object);
    }
}

Test(body, instants_are_utc_and_exist)
{
    int64_t at_ms;
    cr_assert(instant_parse("1970-01-02T00:00:00Z", &at_ms));
    cr_expect_eq(at_ms, 86400000);
    cr_assert(instant_parse("2026-11-20T12:34:56.789Z", &at_ms));
    char text[INSTANT_TEXT_SIZE];
    instant_format(at_ms, text);
    cr_expect_str_eq(text, "2026-11-20T12:34:56.789Z");
    cr_expect(instant_parse("2026-11-20T12:34Z", &at_ms));
    static const char *const bad[] = { "",
                                       "2026-11-20",
                                       "2026-11-20T12:34:56",
                                       "2026-11-20T12:34:56+01:00",
                                       "2026-11-31T12:34:56Z",
                                       "2026-11-20T24:00:00Z",
                                       "2026-11-20T12:60:00Z",
                                       "2026-11-20 12:34:56Z",
                                       "2026-11-20T12:34:5.Z",
                                       "2026-11-20T12:34:56.78aZ" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cr_expect_not(instant_parse(bad[i], &at_ms), "%s", bad[i]);
    }
}

Test(calls, are_known_by_path_and_method)
{
    struct site site;
    site_start(&site);
    site_expect(&site, "GET", "/v1/nothing", NULL, 404, "not_found");
    site_expect(&site, "GET", "/v1/sessions/", NULL, 404, "not_found");
    site_expect(&site, "GET", "/v1/rollx", NULL, 404, "not_found");
    site_expect(&site, "DELETE", "/v1/roll", NULL, 405, "invalid");
    site_expect(&site, "GET", "/v1/verify", NULL, 405, "invalid");
    cr_expect(api_knows("/v1/roll"));
    cr_expect(api_knows("/v1/sessions/A@2026-01-01"));
    cr_expect_not(api_knows("/v1/status"), "the service's own calls are not about the replica");
    site_stop(&site);
}

Test(calls, check_their_arguments)
{
    struct site site;
    site_start(&site);
    site_expect(&site, "GET", "/v1/roll?date=2026-13-01", NULL, 400, "invalid");
    site_expect(&site, "GET", "/v1/roll?date=2026-11-20&to=2026-11-19", NULL, 400, "invalid");
    site_expect(&site, "GET", "/v1/roll?date=2026-11-20&to=2028-11-19", NULL, 400, "invalid");
    site_expect(&site, "GET", "/v1/roll?limit=0", NULL, 400, "invalid");
    site_expect(&site, "GET", "/v1/roll?limit=200001", NULL, 400, "invalid");
    site_expect(&site, "GET", "/v1/roll?limit=1e3", NULL, 400, "invalid");
    site_expect(&site, "GET", "/v1/flags?all=yes", NULL, 400, "invalid");
    site_expect(&site, "GET", "/v1/export/register?format=xml", NULL, 400, "invalid");
    site_expect(&site, "GET", "/v1/export/secrets", NULL, 404, "not_found");
    site_expect(&site, "POST", "/v1/import?kind=people", "x", 400, "invalid");
    site_expect(&site, "GET", "/v1/roll?date=2026-11-20&limit=200000", NULL, 200, NULL);
    site_stop(&site);
}
