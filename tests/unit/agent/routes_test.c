/* Every call of the table in agent/roles.c: that API.md says who may make it, what a trustee finds in its answer, and
 * that what is read or changed by it is in the audit log. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/asked.h"
#include "agent/roles.h"
#include "store/audit.h"
#include "tests/unit/agent/site.h"

#define SECRET "Qxsecret" /* begins every text that is for few to read */
#define NAME "Cyq Tester"

static struct site site;

static void post(const char *path, const char *body)
{
    site_expect(&site, "POST", path, body, 200, NULL);
}

#define RECORD(kind, fields) "{\"kind\": \"" kind "\", \"fields\": {" fields "}}"

/* A restricted case with something to hide in every kind of record that may hold it. */
static void fill(void)
{
    static const char *const records[] = {
        RECORD("participant",
               "\"ref\": \"Q-1\", \"name\": \"" NAME "\", \"address\": \"" SECRET " Row\", \"phone\": \"" SECRET
               " phone\", \"note\": \"" SECRET " note\", \"restricted\": true"),
        RECORD("referral", "\"ref\": \"Q-R1\", \"participant\": \"Q-1\", \"route\": \"cwp\", \"basis\": "
                           "\"mandatory\", \"received_on\": \"2026-11-02\", \"note\": \"" SECRET
                           "\", \"needs\": \"" SECRET " needs\", \"restrictions\": \"" SECRET " not\""),
        RECORD("placement",
               "\"ref\": \"Q-P1\", \"participant\": \"Q-1\", \"referral\": \"Q-R1\", \"host\": \"" SECRET
               " Barn\", \"role\": \"" SECRET " miller\", \"basis\": \"mandatory\", \"starts_on\": \"2026-11-02\", "
               "\"ends_on\": \"2026-12-20\", \"pattern\": \"Mon-Fri 09:30-13:30\", \"weekly_minutes\": 1200, "
               "\"reduced_hours_reason\": \"" SECRET "\", \"note\": \"" SECRET "\""),
        RECORD("notice", "\"placement\": \"Q-P1\", \"served_on\": \"2026-10-20\", \"served_by\": \"hand\", \"note\": "
                         "\"" SECRET "\""),
        RECORD("contact_attempt", "\"participant\": \"Q-1\", \"placement\": \"Q-P1\", \"day\": \"2026-11-19\", "
                                  "\"means\": \"phone\", \"outcome\": \"no_answer\", \"note\": \"" SECRET "\""),
        RECORD("circumstance_change", "\"participant\": \"Q-1\", \"starts_on\": \"2026-11-10\", \"what\": "
                                      "\"caring\", \"note\": \"" SECRET "\""),
        RECORD("placement_break", "\"placement\": \"Q-P1\", \"starts_on\": \"2026-12-14\", \"ends_on\": "
                                  "\"2026-12-15\", \"reason\": \"agreed_leave\", \"note\": \"" SECRET "\""),
        RECORD("job_search",
               "\"placement\": \"Q-P1\", \"week\": \"2026-11-09\", \"minutes\": 60, \"note\": \"" SECRET "\""),
        RECORD("redress", "\"participant\": \"Q-1\", \"form\": \"complaint\", \"note\": \"" SECRET "\""),
        RECORD("host", "\"ref\": \"Q-H1\", \"name\": \"Green Barn\", \"contact\": \"" SECRET " Hope\""),
    };
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        post("/v1/records", records[i]);
    }
    post("/v1/attendance", "{\"session\": \"Q-P1@2026-11-18\", \"outcome\": \"absent\", \"reason\": \"health\", "
                           "\"note\": \"" SECRET " wrist\"}");
    post("/v1/messages", "{\"body\": \"" SECRET " word\", \"participant\": \"Q-1\"}");
    site_judge(&site);
}

static void start(void)
{
    site_start(&site);
    site_fill(&site);
    fill();
}

static void stop(void)
{
    site_stop(&site);
}

TestSuite(routes, .init = start, .fini = stop);
TestSuite(route_table);

/* ---- the table and API.md ---- */

static bool documented(const char *row, const char *method, const char *path)
{
    char call[200];
    (void)snprintf(call, sizeof(call), "%s `%s`", method, path + strlen("/v1"));
    return strstr(row, call) != NULL;
}

/* The roles that a row of the table names; ROLES_ANYBODY, or 0 for a line that is no row of it. */
static unsigned roles_of_row(const char *row)
{
    static const char *const names[] = { "supervisor", "coordinator", "reviewer", "trustee", "administrator" };
    const char *end = strncmp(row, "| ", 2) == 0 ? strstr(row + 2, " |") : NULL;
    unsigned roles = 0;
    if (end == NULL || strstr(end, "`") == NULL) {
        return 0;
    }
    if (strncmp(row, "| anybody who may ask |", 23) == 0) {
        return ROLES_ANYBODY;
    }
    if (strncmp(row, "| all five |", 12) == 0) {
        return ROLES_ALL;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *found = strstr(row, names[i]);
        unsigned role = 0;
        if (found != NULL && found < end && role_parse(names[i], &role)) {
            roles |= role;
        }
    }
    return roles;
}

#define ROWS_MAX 64

static size_t read_rows(char *lines[ROWS_MAX], unsigned roles[ROWS_MAX])
{
    FILE *file = fopen(API_MD, "re");
    char *line = NULL;
    size_t room = 0;
    size_t count = 0;
    cr_assert_not_null(file, "%s", API_MD);
    while (getline(&line, &room, file) >= 0) {
        unsigned set = roles_of_row(line);
        if (set != 0) {
            cr_assert_lt(count, ROWS_MAX);
            lines[count] = line;
            roles[count++] = set;
            line = NULL;
            room = 0;
        }
    }
    free(line);
    (void)fclose(file);
    return count;
}

Test(route_table, says_of_every_call_and_every_role_what_the_documentation_says)
{
    char *lines[ROWS_MAX];
    unsigned roles[ROWS_MAX];
    size_t rows = read_rows(lines, roles);
    const char *method;
    const char *path;
    cr_assert_geq(rows, 9);
    for (size_t i = 0; roles_call_at(i, &method, &path); i++) {
        char whole[200];
        unsigned found = 0;
        size_t times = 0;
        for (size_t row = 0; row < rows; row++) {
            if (documented(lines[row], method, path)) {
                found = roles[row];
                times++;
            }
        }
        cr_expect_eq(times, 1, "%s %s: in %zu rows of API.md", method, path, times);
        (void)snprintf(whole, sizeof(whole), "%s%s", path, path[strlen(path) - 1] == '/' ? "X" : "");
        for (unsigned role = 0; role <= ROLES_ALL; role = role == 0 ? 1 : role * 2) {
            bool said = found == ROLES_ANYBODY || (found & role) != 0;
            cr_expect_eq(roles_allow(role, method, whole), said, "%s %s by %u", method, path, role);
        }
    }
    for (size_t row = 0; row < rows; row++) {
        free(lines[row]);
    }
}

/* ---- reading ---- */

/* What stands for a path that goes on, and arguments where a call needs them. */
static const struct {
    const char *path;
    const char *asked[24];
} asked[] = {
    { "/v1/roll", { "/v1/roll?date=2026-11-18" } },
    { "/v1/sessions/", { "/v1/sessions/Q-P1@2026-11-18" } },
    { "/v1/placements/", { "/v1/placements/Q-P1" } },
    { "/v1/referrals/", { "/v1/referrals/Q-R1" } },
    { "/v1/records/",
      { "/v1/records/participant/Q-1", "/v1/records/referral/Q-R1", "/v1/records/placement/Q-P1", "/v1/records/notice",
        "/v1/records/contact_attempt", "/v1/records/circumstance_change", "/v1/records/placement_break",
        "/v1/records/job_search", "/v1/records/redress", "/v1/records/host", "/v1/records/message",
        "/v1/records/flag_review" } },
    { "/v1/calendar", { "/v1/calendar?names=1" } },
    { "/v1/capacity/forecast", { "/v1/capacity/forecast" } },
    { "/v1/flags", { "/v1/flags?all=1" } },
    { "/v1/export/",
      { "/v1/export/log?format=json", "/v1/export/placements?format=csv", "/v1/export/referrals?format=csv",
        "/v1/export/attendance?format=csv", "/v1/export/register?format=csv", "/v1/export/flags?format=csv",
        "/v1/export/notice?format=json", "/v1/export/contact_attempt?format=json",
        "/v1/export/circumstance_change?format=json", "/v1/export/placement_break?format=json",
        "/v1/export/job_search?format=json", "/v1/export/redress?format=json", "/v1/export/host?format=json",
        "/v1/export/referral_event?format=json", "/v1/export/compliance_doubt?format=json",
        "/v1/export/doubt_event?format=json", "/v1/export/erasure?format=json",
        "/v1/export/overwrite_review?format=json", "/v1/export/flag_review?format=json" } },
    { "/v1/log", { "/v1/log" } },
    { "/v1/evidence/records", { "/v1/evidence/records?subject=Q-1", "/v1/evidence/records?subject=GDN-001" } },
    { "/v1/doubts/preview", { "/v1/doubts/preview?session=GDN-P001@2026-11-18" } },
    { "/v1/overwrites", { "/v1/overwrites?all=1" } },
    { "/v1/subject-access/", { "/v1/subject-access/Q-1" } },
};

static size_t notes(void)
{
    SCOPED(audit_list_fini) struct audit_list list = { 0 };
    struct error err;
    cr_assert_eq(query_audit(site.replica.store, &(struct audit_filter){ .action = "read" }, 5000, &list, &err),
                 ERR_OK);
    return list.count;
}

/* What is asked in place of the route's path, one after the other; NULL past the end. */
static const char *asked_at(const char *path, size_t index)
{
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        if (strcmp(asked[i].path, path) == 0) {
            return index < ARRAY_LEN(asked[i].asked) ? asked[i].asked[index] : NULL;
        }
    }
    return index == 0 ? path : NULL;
}

/* Of the answer of every call that reads: `look`. */
static size_t for_each_read(unsigned roles, bool (*look)(const char *path, const struct reply *reply, size_t noted))
{
    const char *method;
    const char *path;
    size_t shown = 0;
    for (size_t i = 0; api_route_at(i, &method, &path); i++) {
        const char *one;
        for (size_t j = 0; strcmp(method, "GET") == 0 && (one = asked_at(path, j)) != NULL; j++) {
            char plain[200];
            (void)snprintf(plain, sizeof(plain), "%.*s", (int)strcspn(one, "?"), one);
            if (!roles_allow(roles, "GET", plain)) {
                continue;
            }
            size_t before = notes();
            site.roles = roles;
            struct reply reply = site_call(&site, "GET", one, NULL);
            site.roles = 0;
            shown += look(one, &reply, notes() - before);
            reply_fini(&reply);
        }
    }
    return shown;
}

static bool secret_is_noted(const char *path, const struct reply *reply, size_t noted)
{
    bool secret = strstr(reply->text, SECRET) != NULL;
    cr_expect(!secret || noted > 0, "%s shows what is for few to read, and nothing is noted", path);
    return secret;
}

static bool nothing_personal(const char *path, const struct reply *reply, size_t noted)
{
    cr_expect_null(strstr(reply->text, SECRET), "%s: %s", path, reply->text);
    cr_expect_null(strstr(reply->text, NAME), "%s: %s", path, reply->text);
    cr_expect_null(strstr(reply->text, "Ada Tester"), "%s: %s", path, reply->text);
    cr_expect_eq(noted, 0, "%s", path);
    return reply->status == 200;
}

Test(routes, each_that_shows_what_is_for_few_to_read_is_noted)
{
    cr_expect_geq(for_each_read(ROLE_COORDINATOR | ROLE_REVIEWER, secret_is_noted), 30);
    cr_expect_geq(for_each_read(ROLE_SUPERVISOR, secret_is_noted), 2);
}

Test(routes, none_tells_a_trustee_anything_of_a_person)
{
    cr_expect_geq(for_each_read(ROLE_TRUSTEE, nothing_personal), 15);
}

/* ---- volunteers ---- */

#define OF_VOLUNTEER "Vxsecret" /* begins every text that a volunteer's entry has, and what was found about them */
#define THEIR_FLAG "entered as a volunteer"

/* GDN-001 volunteers at the place and the time of a required session; somebody looked into that. */
static void enter_volunteer(void)
{
    static const char word[] = "\"note\": \"" OF_VOLUNTEER " review\"";
    char id[2 * OP_ENTITY_BYTES + 1];
    char body[400];
    uint8_t placement[OP_ENTITY_BYTES];
    entity_id(site.world.stream, "placement", "GDN-P001", placement);
    hex_encode(placement, sizeof(placement), id);
    post("/v1/records", RECORD("placement", "\"ref\": \"GDN-P001\", \"host\": \"The Shed\""));
    post("/v1/volunteers", "{\"ref\": \"" OF_VOLUNTEER "-1\", \"name\": \"" OF_VOLUNTEER " Person\", \"note\": "
                           "\"" OF_VOLUNTEER " bees\", \"place\": \"the shed\", \"participant\": \"GDN-001\"}");
    post("/v1/volunteers/" OF_VOLUNTEER "-1/shift",
         "{\"day\": \"2026-11-18\", \"starts\": \"13:00\", \"ends\": \"16:00\", \"what\": \"" OF_VOLUNTEER "\"}");
    site_judge(&site);
    (void)snprintf(body, sizeof(body),
                   "{\"flag\": \"" FLAG_OF_VOLUNTEERS
                   "%s\", \"outcome\": \"host_matter\", \"answers\": [\"" OF_VOLUNTEER " yes\", \"" OF_VOLUNTEER
                   " on Tuesdays\"], %s}",
                   id, word);
    post("/v1/reviews", body);
}

static bool has_volunteer(const struct reply *reply)
{
    return strstr(reply->text, OF_VOLUNTEER) != NULL || strstr(reply->text, FLAG_OF_VOLUNTEERS) != NULL ||
           strstr(reply->text, THEIR_FLAG) != NULL;
}

/* Those that are about them, and the person's own copy, as they are entered as the same person. */
static bool only_those_for_them(const char *path, const struct reply *reply, size_t noted UNUSED)
{
    static const char *const theirs[] = { "/v1/volunteer", "/v1/flags", "/v1/reviews", "/v1/subject-access/GDN-001" };
    bool has = has_volunteer(reply);
    bool may = false;
    for (size_t i = 0; i < ARRAY_LEN(theirs); i++) {
        may |= strncmp(path, theirs[i], strlen(theirs[i])) == 0;
    }
    cr_expect(!has || may, "%s: %s", path, reply->text);
    return has;
}

static bool no_flag_of_them(const char *path, const struct reply *reply, size_t noted UNUSED)
{
    cr_expect_null(strstr(reply->text, THEIR_FLAG), "%s: %s", path, reply->text);
    cr_expect_null(strstr(reply->text, FLAG_OF_VOLUNTEERS), "%s: %s", path, reply->text);
    cr_expect_null(strstr(reply->text, OF_VOLUNTEER " Person"), "%s: %s", path, reply->text);
    return reply->status == 200;
}

Test(routes, none_but_those_about_volunteers_tells_anything_of_them)
{
    enter_volunteer();
    cr_expect_eq(for_each_read(ROLE_COORDINATOR | ROLE_REVIEWER, only_those_for_them), 4,
                 "volunteers, their hours, flags and reviews");
    cr_expect_eq(for_each_read(ROLE_ADMINISTRATOR, only_those_for_them), 4);
}

Test(routes, who_does_not_look_after_volunteers_hears_of_none_by_a_flag)
{
    enter_volunteer();
    cr_expect_geq(for_each_read(ROLE_SUPERVISOR, no_flag_of_them), 8);
    cr_expect_geq(for_each_read(ROLE_TRUSTEE, no_flag_of_them), 15);
    struct reply reply = site_call(&site, "GET", "/v1/flags", NULL);
    char path[200] = "";
    for (size_t i = 0; i < reply_count(&reply, "flags"); i++) {
        const json_t *flag = json_array_get(reply_at(&reply, "flags"), i);
        const char *key = json_string_value(json_object_get(flag, "key"));
        if (flag_of_volunteers(key)) {
            (void)snprintf(path, sizeof(path), "/v1/flags/%s", key);
        }
    }
    reply_fini(&reply);
    cr_assert_neq(path[0], '\0');
    site_expect(&site, "GET", path, NULL, 200, NULL);
    site.roles = ROLE_SUPERVISOR;
    site_expect(&site, "GET", path, NULL, 404, "not_found");
    site.roles = 0;
}

Test(routes, a_call_is_one_note_for_each_person_and_kind_however_many_rows_it_shows)
{
    static const char *const more[] = { "2026-11-16", "2026-11-17", "2026-11-19" };
    for (size_t i = 0; i < ARRAY_LEN(more); i++) {
        char body[200];
        (void)snprintf(body, sizeof(body),
                       "{\"session\": \"Q-P1@%s\", \"outcome\": \"absent\", \"note\": \"" SECRET "\"}", more[i]);
        post("/v1/attendance", body);
    }
    size_t before = notes();
    site_expect(&site, "GET", "/v1/export/attendance?format=csv", NULL, 200, NULL);
    cr_expect_eq(notes() - before, 1);
    struct reply reply = site_call(&site, "GET", "/v1/audit?action=read&about=Q-1&limit=1", NULL);
    cr_expect_str_eq(reply_text(&reply, "entries.0.kind"), "attendance");
    cr_expect_str_eq(reply_text(&reply, "entries.0.fields"), "reason, note");
    cr_expect(json_is_null(reply_at(&reply, "entries.0.subject")), "several");
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/audit?action=read&about=GDN-002", NULL);
    cr_expect_eq(reply_count(&reply, "entries"), 0);
    reply_fini(&reply);
    before = notes();
    site_expect(&site, "GET", "/v1/placements", NULL, 200, NULL);
    cr_expect_eq(notes() - before, 1, "where a restricted case is placed; of the others it is no secret");
    reply = site_call(&site, "GET", "/v1/audit?action=read&limit=1", NULL);
    cr_expect_str_eq(reply_text(&reply, "entries.0.fields"), "host, role, note");
    reply_fini(&reply);
}

/* ---- changing ---- */

static const char *const changes_nothing[] = {
    "/v1/sync", "/v1/verify", "/v1/vault/check", "/v1/vault/check/stop", "/v1/evidence",
};

/* In the audit log by itself, with what came of it (agent/api_people.c, agent/opening.c). */
static const char *const notes_itself[] = {
    "/v1/unlock", "/v1/sign-in", "/v1/sign-out", "/v1/people", "/v1/people/remove",
};

#define ABSENCE "GDN-P001@2026-11-18"
#define EVIDENCE "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define BY_WHOM "\"by\": \"A. Tester\", \"reason\": \"letter\""

/* The id of the one that is meant, which no call can know before. */
static void absence_flag(char id[ROW_CODE_SIZE])
{
    size_t index;
    const json_t *flag;
    site_judge(&site);
    struct reply reply = site_call(&site, "GET", "/v1/flags", NULL);
    json_array_foreach(reply_at(&reply, "flags"), index, flag)
    {
        if (strcmp(json_string_value(json_object_get(flag, "code")), "unexplained_absence") == 0) {
            (void)snprintf(id, ROW_CODE_SIZE, "%s", json_string_value(json_object_get(flag, "id")));
        }
    }
    reply_fini(&reply);
}

static void first_id(const char *list, const char *at, char id[ROW_CODE_SIZE])
{
    struct reply reply = site_call(&site, "GET", list, NULL);
    (void)snprintf(id, ROW_CODE_SIZE, "%s", reply_text(&reply, at));
    reply_fini(&reply);
}

static void the_doubt(char id[ROW_CODE_SIZE])
{
    first_id("/v1/doubts", "doubts.0.id", id);
}

static void a_complaint(char id[ROW_CODE_SIZE])
{
    first_id("/v1/challenges", "others.0.id", id);
}

/* One valid call of each and the kind that it records; a * in it is the id of what `find` finds. What one of them needs
 * is recorded by those before it. */
static const struct {
    const char *path;
    const char *called;
    const char *body;
    const char *kind;
    void (*find)(char id[ROW_CODE_SIZE]);
} records[] = {
    { "/v1/roll/attended", "/v1/roll/attended", "{\"date\": \"2026-11-20\"}", "attendance", NULL },
    { "/v1/attendance", "/v1/attendance", "{\"session\": \"" ABSENCE "\", \"outcome\": \"absent\"}", "attendance",
      NULL },
    { "/v1/import", "/v1/import?kind=register", "placement,date,outcome,minutes,note\nGDN-P001,2026-09-02,attended,,\n",
      "attendance", NULL },
    { "/v1/records", "/v1/records", RECORD("host", "\"ref\": \"Q-H2\", \"name\": \"Blue Barn\""), "host", NULL },

    { "/v1/placements", "/v1/placements",
      "{\"ref\": \"Q-P2\", \"participant\": \"Q-1\", \"basis\": \"voluntary\", \"starts_on\": \"2027-01-04\", "
      "\"weeks\": 2, \"weekly_minutes\": 60}",
      "placement", NULL },
    { "/v1/referrals/", "/v1/referrals/Q-R1/decline", "{\"policy\": true}", "referral_event", NULL },
    { "/v1/capacity", "/v1/capacity", "{\"places\": 3}", "capacity_statement", NULL },
    { "/v1/messages", "/v1/messages", "{\"body\": \"another\"}", "message", NULL },

    { "/v1/records", "/v1/records",
      RECORD("contract", "\"ref\": \"Q-C1\", \"form\": \"block\", \"starts_on\": \"2026-11-01\", \"ends_on\": "
                         "\"2026-11-30\", \"units\": 10, \"price_pence\": 40000"),
      "contract", NULL },
    { "/v1/services", "/v1/services",
      "{\"contract\": \"Q-C1\", \"referral\": \"Q-R1\", \"day\": \"2026-11-05\", \"units\": 4}", "service_use", NULL },
    { "/v1/records", "/v1/records",
      RECORD("contract", "\"ref\": \"Q-C2\", \"form\": \"payment_by_results\", \"starts_on\": \"2026-01-01\", "
                         "\"price_pence\": 200000, \"share_permille\": 500"),
      "contract", NULL },
    { "/v1/claims", "/v1/claims",
      "{\"placement\": \"GDN-P001\", \"trigger\": \"initial_placement\", \"contract\": \"Q-C2\"}", "claim", NULL },
    { "/v1/claims/", "/v1/claims/GDN-P001/initial_placement/paid", "{}", "claim", NULL },

    { "/v1/records", "/v1/records",
      RECORD("notice", "\"placement\": \"GDN-P001\", \"served_on\": \"2026-08-20\", \"served_by\": \"hand\", "
                       "\"says_what\": true, \"says_when\": true, \"says_where\": true, \"says_mandatory\": true, "
                       "\"says_evidence\": true, \"says_consequences\": true"),
      "notice", NULL },
    { "/v1/records", "/v1/records",
      RECORD("referral",
             "\"ref\": \"Q-R2\", \"participant\": \"GDN-001\", \"route\": \"cwp\", \"basis\": \"mandatory\", "
             "\"received_on\": \"2026-08-17\""),
      "referral", NULL },
    { "/v1/records", "/v1/records", RECORD("placement", "\"ref\": \"GDN-P001\", \"referral\": \"Q-R2\""), "placement",
      NULL },
    { "/v1/records", "/v1/records",
      RECORD("contact_attempt", "\"participant\": \"GDN-001\", \"day\": \"2026-11-19\", \"means\": \"phone\", "
                                "\"outcome\": \"no_answer\", \"about_day\": \"2026-11-18\""),
      "contact_attempt", NULL },
    { "/v1/reviews", "/v1/reviews",
      "{\"flag\": \"*\", \"outcome\": \"doubt\", \"answers\": [\"no\", \"no\", \"no\", \"no\", \"no\", \"no\"]}",
      "flag_review", absence_flag },
    { "/v1/doubts", "/v1/doubts",
      "{\"session\": \"" ABSENCE "\", \"reviewer\": \"R. Tester\", \"evidence\": \"" EVIDENCE
      "\", \"exposure_weeks\": 4, \"confirmed\": true}",
      "compliance_doubt", NULL },
    { "/v1/doubts/", "/v1/doubts/*/withdraw", "{}", "doubt_event", the_doubt },
    { "/v1/challenges", "/v1/challenges", "{\"form\": \"complaint\", \"participant\": \"GDN-001\"}", "redress", NULL },
    { "/v1/challenges/", "/v1/challenges/*", "{\"outcome\": \"changed\"}", "redress", a_complaint },

    { "/v1/records", "/v1/records", RECORD("participant", "\"ref\": \"Q-0\", \"name\": \"Olda Tester\""), "participant",
      NULL },
    { "/v1/records", "/v1/records",
      RECORD("placement", "\"ref\": \"Q-P0\", \"participant\": \"Q-0\", \"basis\": \"voluntary\", \"starts_on\": "
                          "\"2019-01-07\", \"ends_on\": \"2019-06-28\", \"weekly_minutes\": 60"),
      "placement", NULL },
    { "/v1/retention/run", "/v1/retention/run", "{" BY_WHOM "}", "erasure", NULL },
    { "/v1/merge", "/v1/merge", "{\"duplicate\": \"GDN-002\", \"into\": \"GDN-001\", \"reason\": \"told us\"}",
      "same_person", NULL },
    { "/v1/erase", "/v1/erase", "{\"what\": \"Q-1\", \"ground\": \"right\", " BY_WHOM "}", "erasure", NULL },
};

static bool is_among(const char *const *list, size_t count, const char *path)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i], path) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_recorded(const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        if (strcmp(records[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

Test(route_table, every_call_that_changes_anything_leaves_a_trace_of_who_made_it)
{
    const char *method;
    const char *path;
    size_t posts = 0;
    for (size_t i = 0; roles_call_at(i, &method, &path); i++) {
        char whole[200];
        struct audit_entry entry;
        if (strcmp(method, "POST") != 0) {
            continue;
        }
        /* a backup and a restore are noted as they begin */
        const char *tail = strcmp(path, "/v1/restore/") == 0 ? "begin" : "X";
        bool steps = strcmp(path, "/v1/backup/") == 0;
        (void)snprintf(whole, sizeof(whole), "%s%s", path, path[strlen(path) - 1] == '/' ? tail : "");
        int ways = asked_is_noted("POST", whole, "Ann", 5, &entry) + is_recorded(path) +
                   is_among(changes_nothing, ARRAY_LEN(changes_nothing), path) +
                   is_among(notes_itself, ARRAY_LEN(notes_itself), path) + steps;
        cr_expect_eq(ways, 1, "POST %s: say in agent/asked.c that it is noted, or here why it is not", path);
        posts++;
    }
    cr_expect_gt(posts, 40);
}

static struct reply changes_by_tester(void)
{
    return site_call(&site, "GET", "/v1/audit?action=change&person=tester&limit=5000", NULL);
}

/* With an id in place of the *. */
static void fill_in(const char *text, const char *id, char out[1000])
{
    const char *star = id[0] != '\0' ? strchr(text, '*') : NULL;
    int before = star != NULL ? (int)(star - text) : (int)strlen(text);
    (void)snprintf(out, 1000, "%.*s%s%s", before, text, star != NULL ? id : "", star != NULL ? star + 1 : "");
}

/* Of the newest `count` entries one is of the kind; each says of which record, and in which op. */
static bool among_newest(const struct reply *reply, size_t count, const char *kind)
{
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(reply_at(reply, "entries"), i);
        found |= strcmp(json_string_value(json_object_get(entry, "kind")), kind) == 0;
        cr_expect(json_is_string(json_object_get(entry, "subject")), "%s", kind);
        cr_expect(json_is_object(json_object_get(entry, "op")), "%s", kind);
    }
    return found;
}

Test(routes, each_that_records_is_in_the_audit_log_with_who_did)
{
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        char id[ROW_CODE_SIZE] = "";
        char path[1000];
        char body[1000];
        if (records[i].find != NULL) {
            records[i].find(id);
        }
        fill_in(records[i].called, id, path);
        fill_in(records[i].body, id, body);
        struct reply before = changes_by_tester();
        site.now_ms += 1000;
        post(path, body);
        struct reply after = changes_by_tester();
        size_t added = reply_count(&after, "entries") - reply_count(&before, "entries");
        cr_expect_gt(added, 0, "%s", records[i].path);
        cr_expect(among_newest(&after, added, records[i].kind), "%s: %s", records[i].path, records[i].kind);
        reply_fini(&before);
        reply_fini(&after);
    }
}

Test(routes, what_became_of_a_referral_is_noted_with_the_person_who_was_referred)
{
    post("/v1/referrals/Q-R1/decline", "{\"reason\": \"full\", \"note\": \"" SECRET " why\"}");
    site_expect(&site, "GET", "/v1/referrals/Q-R1", NULL, 200, NULL);
    struct reply reply = site_call(&site, "GET", "/v1/audit?action=read&about=Q-1", NULL);
    cr_expect_not_null(strstr(reply.text, "\"kind\":\"referral_event\""), "%s", reply.text);
    reply_fini(&reply);
}
