#include <string.h>

#include "tests/unit/agent/site.h"

static struct site site;

#define RECORD(kind, fields) "{\"kind\": \"" kind "\", \"fields\": {" fields "}}"
#define PLACED(ref, what, from, to)                                                                                    \
    RECORD("placement",                                                                                                \
           "\"ref\": \"" ref "\", \"participant\": \"GDN-001\", \"basis\": \"voluntary\", \"starts_on\": "             \
           "\"" from "\", \"ends_on\": \"" to "\", \"weekly_minutes\": 120, " what)
#define REFERRED(ref, on)                                                                                              \
    RECORD("referral", "\"ref\": \"" ref "\", \"participant\": \"GDN-001\", \"route\": \"cwp\", \"basis\": "           \
                       "\"mandatory\", \"received_on\": \"" on "\"")

static void post(const char *path, const char *body)
{
    site_expect(&site, "POST", path, body, 200, NULL);
}

/* Beside GDN-P001 and GDN-P002, which are at no opportunity and run beyond the weeks. */
static void start(void)
{
    static const char *const records[] = {
        RECORD("host", "\"ref\": \"H-1\", \"name\": \"Garden\""),
        RECORD("opportunity", "\"ref\": \"PATHS\", \"host\": \"H-1\", \"title\": \"Footpaths\", \"places\": 2, "
                              "\"supervisor_minutes\": 300"),
        RECORD("opportunity", "\"ref\": \"SHOP\", \"host\": \"H-1\", \"places\": 3, \"closed_on\": \"2026-11-30\""),
        RECORD("opportunity", "\"ref\": \"GONE\", \"host\": \"H-1\", \"places\": 3, \"closed_on\": \"2026-11-01\""),
        PLACED("ENDS", "\"opportunity\": \"PATHS\"", "2026-11-02", "2026-12-03"),
        PLACED("COMES", "\"opportunity\": \"PATHS\"", "2026-12-04", "2026-12-10"),
        PLACED("LATER", "\"opportunity\": \"PATHS\"", "2027-03-01", "2027-03-31"),
        PLACED("SOLD", "\"opportunity\": \"SHOP\"", "2026-11-02", "2026-12-31"),
        RECORD("placement_break", "\"placement\": \"ENDS\", \"starts_on\": \"2026-11-16\", \"ends_on\": "
                                  "\"2026-11-28\", \"reason\": \"agreed_leave\""),
    };
    site_start(&site);
    site_fill(&site);
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        post("/v1/records", records[i]);
    }
    post("/v1/capacity", "{\"places\": 10, \"supervisor_minutes\": 600}");
}

static void stop(void)
{
    site_stop(&site);
}

TestSuite(opportunities, .init = start, .fini = stop);
TestSuite(waiting, .init = start, .fini = stop);

static struct reply loads(void)
{
    struct reply reply = site_call(&site, "GET", "/v1/capacity/opportunities", NULL);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    return reply;
}

#define EXPECT_WEEK(reply, path, is_taken, is_agreed, is_free)                                                         \
    do {                                                                                                               \
        cr_expect_eq(reply_int(reply, path ".taken"), is_taken, "%s", (reply)->text);                                  \
        cr_expect_eq(reply_int(reply, path ".agreed"), is_agreed, "%s", (reply)->text);                                \
        cr_expect_eq(reply_int(reply, path ".free"), is_free, "%s", (reply)->text);                                    \
    } while (0)

Test(opportunities, have_what_is_taken_agreed_and_free_in_the_weeks_of_each_placement)
{
    struct reply reply = loads();
    cr_assert_eq(reply_count(&reply, "opportunities"), 2, "a closed one with nobody is left out");
    cr_expect_str_eq(reply_text(&reply, "opportunities.0.ref"), "PATHS");
    cr_expect_str_eq(reply_text(&reply, "opportunities.0.host"), "H-1");
    cr_expect_eq(reply_count(&reply, "opportunities.0.weeks"), 9);
    cr_expect_str_eq(reply_text(&reply, "opportunities.0.weeks.0.on"), SITE_TODAY);
    cr_expect_str_eq(reply_text(&reply, "opportunities.0.weeks.8.on"), "2027-01-15");
    EXPECT_WEEK(&reply, "opportunities.0.weeks.0", 1, 0, 1);
    EXPECT_WEEK(&reply, "opportunities.0.weeks.1", 1, 0, 1);
    EXPECT_WEEK(&reply, "opportunities.0.weeks.2", 0, 1, 1);
    EXPECT_WEEK(&reply, "opportunities.0.weeks.3", 0, 0, 2);
    cr_expect_eq(reply_int(&reply, "opportunities.0.to_come"), 2);
    cr_expect_eq(reply_int(&reply, "opportunities.0.supervisor_minutes"), 300);
    reply_fini(&reply);
}

Test(opportunities, give_no_place_from_the_day_they_are_closed)
{
    struct reply reply = loads();
    EXPECT_WEEK(&reply, "opportunities.1.weeks.1", 1, 0, 2);
    EXPECT_WEEK(&reply, "opportunities.1.weeks.2", 1, 0, 0);
    EXPECT_WEEK(&reply, "opportunities.1.weeks.6", 0, 0, 0);
    reply_fini(&reply);
}

/* As 'capacity' and the forecast count them. */
Test(opportunities, add_up_to_the_site)
{
    struct reply reply = loads();
    struct reply capacity = site_call(&site, "GET", "/v1/capacity", NULL);
    struct reply forecast = site_call(&site, "GET", "/v1/capacity/forecast", NULL);
    cr_expect_eq(reply_int(&reply, "site.weeks.0.taken"), reply_int(&capacity, "running"));
    cr_expect_eq(reply_int(&reply, "site.weeks.0.taken"), 4);
    cr_expect_eq(reply_int(&reply, "site.to_come"), reply_int(&capacity, "to_come"));
    cr_expect_eq(reply_int(&reply, "site.places"), reply_int(&capacity, "statement.places"));
    EXPECT_WEEK(&reply, "site.weeks.0", 4, 0, 6);
    EXPECT_WEEK(&reply, "site.weeks.2", 3, 1, 6);
    cr_expect_eq(reply_int(&reply, "elsewhere.weeks.0.taken"), 2);
    cr_expect(json_is_null(reply_at(&reply, "elsewhere.weeks.0.free")));
    for (int week = 0; week <= 8; week++) {
        char path[80];
        int64_t sum[2] = { 0, 0 };
        static const char *const parts[] = { "opportunities.0", "opportunities.1", "elsewhere" };
        for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
            (void)snprintf(path, sizeof(path), "%s.weeks.%d.taken", parts[i], week);
            sum[0] += reply_int(&reply, path);
            (void)snprintf(path, sizeof(path), "%s.weeks.%d.supervisor_minutes_needed", parts[i], week);
            sum[1] += reply_int(&reply, path);
        }
        (void)snprintf(path, sizeof(path), "site.weeks.%d.taken", week);
        cr_expect_eq(reply_int(&reply, path), sum[0], "week %d", week);
        (void)snprintf(path, sizeof(path), "site.weeks.%d.supervisor_minutes_needed", week);
        cr_expect_eq(reply_int(&reply, path), sum[1], "week %d", week);
        cr_expect(week > 5 || sum[1] > 0, "week %d", week);
        if (week > 0) {
            (void)snprintf(path, sizeof(path), "weeks.%d.low", week - 1);
            cr_expect_geq(reply_int(&forecast, path), sum[0], "the forecast has those who run and remain, week %d",
                          week);
        }
    }
    reply_fini(&forecast);
    reply_fini(&capacity);
    reply_fini(&reply);
}

static bool is_flagged(const char *code, const char *ref)
{
    bool found = false;
    size_t index;
    const json_t *flag;
    site_judge(&site);
    struct reply reply = site_call(&site, "GET", "/v1/flags", NULL);
    json_array_foreach(reply_at(&reply, "flags"), index, flag)
    {
        found |= strcmp(json_string_value(json_object_get(flag, "code")), code) == 0 &&
                 strcmp(json_string_value(json_object_get(flag, "subject_ref")), ref) == 0;
    }
    reply_fini(&reply);
    return found;
}

Test(opportunities, lack_places_today_where_the_flag_says_so_and_an_early_end_gives_one_back)
{
    post("/v1/records", PLACED("TWO", "\"opportunity\": \"PATHS\"", "2026-11-20", "2026-12-31"));
    struct reply reply = loads();
    EXPECT_WEEK(&reply, "opportunities.0.weeks.0", 2, 0, 0);
    reply_fini(&reply);
    cr_expect_not(is_flagged("over_capacity", "PATHS"));
    post("/v1/records", PLACED("THREE", "\"opportunity\": \"PATHS\"", "2026-11-19", "2026-12-31"));
    reply = loads();
    EXPECT_WEEK(&reply, "opportunities.0.weeks.0", 3, 0, -1);
    reply_fini(&reply);
    cr_expect(is_flagged("over_capacity", "PATHS"));
    post("/v1/records", RECORD("placement", "\"ref\": \"THREE\", \"ends_on\": \"2026-11-19\""));
    reply = loads();
    EXPECT_WEEK(&reply, "opportunities.0.weeks.0", 2, 0, 0);
    reply_fini(&reply);
    cr_expect_not(is_flagged("over_capacity", "PATHS"));
}

Test(opportunities, are_for_as_many_weeks_as_are_asked_for)
{
    struct reply reply = site_call(&site, "GET", "/v1/capacity/opportunities?weeks=52&limit=1", NULL);
    cr_expect_eq(reply_count(&reply, "opportunities.0.weeks"), 53);
    cr_expect_eq(reply_count(&reply, "opportunities"), 1);
    cr_expect(json_is_true(reply_at(&reply, "more")));
    EXPECT_WEEK(&reply, "opportunities.0.weeks.15", 0, 1, 1);
    cr_expect_eq(reply_int(&reply, "site.weeks.0.taken"), 4, "all are counted");
    reply_fini(&reply);
    site_expect(&site, "GET", "/v1/capacity/opportunities?weeks=0", NULL, 400, "invalid");
    site_expect(&site, "GET", "/v1/capacity/opportunities?weeks=53", NULL, 400, "invalid");
    site_expect(&site, "GET", "/v1/capacity/opportunities?weeks=-1", NULL, 400, "invalid");
}

/* ---- who waits ---- */

static struct reply who_waits(void)
{
    struct reply reply = site_call(&site, "GET", "/v1/capacity/waiting", NULL);
    struct reply capacity = site_call(&site, "GET", "/v1/capacity", NULL);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(reply_int(&reply, "unanswered"), reply_int(&capacity, "waiting"));
    reply_fini(&capacity);
    return reply;
}

Test(waiting, has_who_waits_longest_first_and_what_is_due_when)
{
    post("/v1/records", REFERRED("NEW", "2026-11-17"));
    post("/v1/records", REFERRED("OLD", "2026-11-09"));
    post("/v1/referrals/OLD/acknowledge", "{}");
    struct reply reply = who_waits();
    cr_assert_eq(reply_count(&reply, "waiting"), 2);
    cr_expect_str_eq(reply_text(&reply, "waiting.0.ref"), "OLD");
    cr_expect_str_eq(reply_text(&reply, "waiting.0.participant_ref"), "GDN-001");
    cr_expect_str_eq(reply_text(&reply, "waiting.0.since"), "2026-11-09");
    cr_expect(json_is_null(reply_at(&reply, "waiting.0.acknowledge_by")), "it is");
    cr_expect_str_eq(reply_text(&reply, "waiting.1.ref"), "NEW");
    cr_expect_str_eq(reply_text(&reply, "waiting.1.acknowledge_by"), "2026-11-19");
    cr_expect_gt(strcmp(reply_text(&reply, "waiting.1.start_by"), "2026-11-19"), 0);
    cr_expect(json_is_null(reply_at(&reply, "waiting.1.opportunity")));
    reply_fini(&reply);
    site.roles = ROLE_SUPERVISOR;
    site_expect(&site, "GET", "/v1/capacity/opportunities", NULL, 200, NULL);
}

Test(waiting, ends_with_a_pause_and_with_the_first_day)
{
    post("/v1/records", REFERRED("R-1", "2026-11-09"));
    post("/v1/records", REFERRED("R-2", "2026-11-10"));
    post("/v1/referrals/R-1/pause", "{}");
    post("/v1/records",
         PLACED("DOES", "\"opportunity\": \"PATHS\", \"referral\": \"R-2\"", "2026-11-20", "2026-12-31"));
    struct reply reply = who_waits();
    cr_expect_eq(reply_count(&reply, "waiting"), 0, "%s", reply.text);
    reply_fini(&reply);
    post("/v1/referrals/R-1/resume", "{}");
    reply = who_waits();
    cr_expect_eq(reply_count(&reply, "waiting"), 1);
    reply_fini(&reply);
}

Test(waiting, has_the_opportunity_of_the_placement_to_come_else_the_accepted_one)
{
    post("/v1/records", REFERRED("R-1", "2026-11-09"));
    post("/v1/records", REFERRED("R-2", "2026-11-10"));
    post("/v1/referrals/R-1/accept", "{\"opportunity\": \"PATHS\"}");
    post("/v1/records", PLACED("WILL", "\"opportunity\": \"SHOP\", \"referral\": \"R-2\"", "2026-11-23", "2026-12-31"));
    struct reply reply = who_waits();
    cr_assert_eq(reply_count(&reply, "waiting"), 2);
    cr_expect_eq(reply_int(&reply, "accepted"), 2);
    cr_expect_str_eq(reply_text(&reply, "waiting.0.opportunity"), "PATHS");
    cr_expect(json_is_null(reply_at(&reply, "waiting.0.starts_on")));
    cr_expect_str_eq(reply_text(&reply, "waiting.1.opportunity"), "SHOP");
    cr_expect_str_eq(reply_text(&reply, "waiting.1.starts_on"), "2026-11-23");
    reply_fini(&reply);
    reply = loads();
    cr_expect_eq(reply_int(&reply, "opportunities.0.accepted"), 1, "not yet in a week");
    cr_expect_eq(reply_int(&reply, "opportunities.1.accepted"), 0, "she has a placement");
    cr_expect_eq(reply_int(&reply, "site.accepted"), 1);
    reply_fini(&reply);
}

Test(waiting, tells_few_where_a_restricted_case_is_to_be)
{
    post("/v1/records", RECORD("participant", "\"ref\": \"GDN-001\", \"restricted\": true"));
    post("/v1/records", REFERRED("R-1", "2026-11-09"));
    post("/v1/records", REFERRED("R-2", "2026-11-10"));
    post("/v1/referrals/R-1/accept", "{\"opportunity\": \"PATHS\"}");
    post("/v1/records", PLACED("WILL", "\"opportunity\": \"SHOP\", \"referral\": \"R-2\"", "2026-11-23", "2026-12-31"));
    site.roles = ROLE_TRUSTEE;
    struct reply reply = who_waits();
    cr_assert_eq(reply_count(&reply, "waiting"), 2);
    cr_expect(json_is_null(reply_at(&reply, "waiting.0.opportunity")));
    cr_expect(json_is_null(reply_at(&reply, "waiting.1.opportunity")));
    reply_fini(&reply);
    site.roles = ROLE_COORDINATOR;
    reply = who_waits();
    cr_expect_str_eq(reply_text(&reply, "waiting.0.opportunity"), "PATHS");
    cr_expect_str_eq(reply_text(&reply, "waiting.1.opportunity"), "SHOP");
    reply_fini(&reply);
    site.roles = 0;
    reply = site_call(&site, "GET", "/v1/audit?action=read&about=GDN-001", NULL);
    cr_expect_geq(reply_count(&reply, "entries"), 2, "%s", reply.text);
    reply_fini(&reply);
}
