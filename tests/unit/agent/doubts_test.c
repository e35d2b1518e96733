/* The path from a flag to JCP through the API, and every way round it that the API refuses. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/flags_pass.h"
#include "store/replica.h"
#include "tests/unit/agent/site.h"

#define SESSION "GDN-P001@2026-11-18"
#define EVIDENCE "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define RAISE                                                                                                          \
    "{\"session\": \"" SESSION "\", \"reviewer\": \"R. Reviewer\", \"evidence\": \"" EVIDENCE                          \
    "\", \"exposure_weeks\": 4, \"confirmed\": true}"

static struct site site;
static struct voice jcp;

static void refer(const char *ref, const char *participant)
{
    char body[300];
    (void)snprintf(body, sizeof(body),
                   "{\"kind\": \"referral\", \"fields\": {\"ref\": \"%s\", \"participant\": \"%s\", \"route\": "
                   "\"cwp\", \"basis\": \"mandatory\", \"received_on\": \"2026-08-17\"}}",
                   ref, participant);
    site_expect(&site, "POST", "/v1/records", body, 200, NULL);
}

static void start(void)
{
    site_start(&site);
    site_fill(&site);
    voice_start(&site.world, &jcp, CERTIFICATE_ROLE_CENTRE);
    refer("R-S", "GDN-001");
    site_expect(
        &site, "POST", "/v1/records",
        "{\"kind\": \"placement\", \"there\": true, \"fields\": {\"ref\": \"GDN-P001\", \"referral\": \"R-S\"}}", 200,
        NULL);
}

static void stop(void)
{
    voice_stop(&jcp);
    site_stop(&site);
}

TestSuite(doubts, .init = start, .fini = stop);

static void jcp_says(const struct store_entry *entry)
{
    struct store_applied applied;
    struct error err = { 0 };
    voice_say(&jcp, entry);
    cr_assert_eq(voice_reach(&jcp, jcp.count - 1, 1, &site.replica, &applied, &err), ERR_OK, "%s", err.message);
}

static void served(void)
{
    site_expect(&site, "POST", "/v1/records",
                "{\"kind\": \"notice\", \"fields\": {\"placement\": \"GDN-P001\", \"served_on\": \"2026-08-20\", "
                "\"served_by\": \"hand\", \"says_what\": true, \"says_when\": true, \"says_where\": true, "
                "\"says_mandatory\": true, \"says_evidence\": true, \"says_consequences\": true}}",
                200, NULL);
}

static void absent(void)
{
    site_expect(&site, "POST", "/v1/attendance", "{\"session\": \"" SESSION "\", \"outcome\": \"absent\"}", 200, NULL);
    site_judge(&site);
}

static void contacted(void)
{
    site_expect(&site, "POST", "/v1/records",
                "{\"kind\": \"contact_attempt\", \"fields\": {\"participant\": \"GDN-001\", \"day\": \"2026-11-19\", "
                "\"means\": \"phone\", \"outcome\": \"no_answer\", \"about_day\": \"2026-11-18\"}}",
                200, NULL);
}

#define SIX_ANSWERS                                                                                                    \
    "[\"asked, no answer\", \"asked, no answer\", \"lives nearby\", \"none known\", \"yes, served by hand\", "         \
    "\"nothing said\"]"

/* Of the absence's flag, whether it stands or has cleared. */
static void review(const char *outcome, const char *more, int status, const char *code)
{
    char body[600];
    char id[16] = "";
    struct reply reply = site_call(&site, "GET", "/v1/flags?all=1", NULL);
    const json_t *flag;
    size_t index;
    json_array_foreach(reply_at(&reply, "flags"), index, flag)
    {
        if (strcmp(json_string_value(json_object_get(flag, "code")), "unexplained_absence") == 0) {
            (void)snprintf(id, sizeof(id), "%s", json_string_value(json_object_get(flag, "id")));
        }
    }
    reply_fini(&reply);
    cr_assert_neq(id[0], '\0');
    (void)snprintf(body, sizeof(body), "{\"flag\": \"%s\", \"outcome\": \"%s\"%s}", id, outcome, more);
    site.now_ms += 1000;
    site_expect(&site, "POST", "/v1/reviews", body, status, code);
}

static void reviewed(void)
{
    review("doubt", ", \"answers\": " SIX_ANSWERS, 200, NULL);
}

static void ready(void)
{
    served();
    absent();
    contacted();
    reviewed();
}

static bool lists(const struct reply *reply, const char *list, const char *code)
{
    const json_t *one;
    size_t index;
    json_array_foreach(reply_at(reply, list), index, one)
    {
        if (strcmp(json_string_value(json_object_get(one, "code")), code) == 0) {
            return true;
        }
    }
    return false;
}

Test(doubts, the_preview_names_each_thing_that_lacks_until_nothing_does)
{
    static void (*const steps[])(void) = { absent, served, contacted, reviewed };
    static const char *const lacking[] = { "unrecorded", "no_notice", "no_contact", "no_review" };
    for (size_t i = 0; i <= ARRAY_LEN(steps); i++) {
        struct reply reply = site_call(&site, "GET", "/v1/doubts/preview?session=" SESSION, NULL);
        cr_assert_eq(reply.status, 200, "%s", reply.text);
        cr_expect_eq(json_is_true(reply_at(&reply, "ready")), i == ARRAY_LEN(steps), "%s", reply.text);
        for (size_t k = 0; k < ARRAY_LEN(lacking); k++) {
            cr_expect_eq(lists(&reply, "missing", lacking[k]), k >= i, "%zu %s: %s", i, lacking[k], reply.text);
        }
        cr_expect_eq(reply_int(&reply, "exposure.weeks"), 4);
        reply_fini(&reply);
        if (i < ARRAY_LEN(steps)) {
            steps[i]();
        }
    }
}

Test(doubts, nobody_is_placed_by_another_s_referral_or_without_one_or_in_two_places_at_once)
{
    static const char placing[] = "{\"ref\": \"GDN-P7\", \"participant\": \"GDN-002\", \"basis\": \"mandatory\", "
                                  "\"starts_on\": \"2026-11-16\", \"weeks\": 4, \"pattern\": \"%s\"%s}";
    char body[300];
    (void)snprintf(body, sizeof(body), placing, "Tue Thu 09:30-15:30", ", \"referral\": \"R-S\"");
    struct reply reply = site_call(&site, "POST", "/v1/placements", body);
    cr_expect_eq(reply.status, 409, "%s", reply.text);
    cr_expect_not_null(strstr(reply.text, "somebody else who was sent"), "%s", reply.text);
    reply_fini(&reply);
    (void)snprintf(body, sizeof(body), placing, "Tue 09:30-15:30; Fri 15:00-17:00", "");
    reply = site_call(&site, "POST", "/v1/placements", body);
    cr_expect_eq(reply.status, 409, "%s", reply.text);
    cr_expect_not_null(strstr(reply.text, "GDN-P002 has them down for the same hours, first on 2026-11-20"), "%s",
                       reply.text);
    reply_fini(&reply);
    (void)snprintf(body, sizeof(body), placing, "Tue 09:30-15:30; Fri 15:30-17:00", "");
    reply = site_call(&site, "POST", "/v1/placements", body);
    cr_expect_eq(reply.status, 200, "%s", reply.text);
    cr_expect_not_null(strstr(reply.text, "no referral is named"), "%s", reply.text);
    reply_fini(&reply);
    site_expect(&site, "POST", "/v1/records",
                "{\"kind\": \"placement\", \"there\": true, \"fields\": {\"ref\": \"GDN-P7\", \"referral\": \"R-S\"}}",
                409, "refused");
}

Test(doubts, the_preview_shows_when_each_proof_was_recorded_and_by_whom)
{
    ready();
    struct reply reply = site_call(&site, "GET", "/v1/doubts/preview?session=" SESSION, NULL);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "notice.recorded_by"), "tester");
    cr_expect_eq(strncmp(reply_text(&reply, "notice.recorded_at"), "2026-11-", 8), 0, "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "contacts.0.recorded_by"), "tester");
    cr_expect_eq(strncmp(reply_text(&reply, "contacts.0.recorded_at"), "2026-11-", 8), 0, "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "reviews.0.said_by"), "tester");
    cr_expect_not_null(strstr(reply.text, "after the absence: who can show when it was served?"), "%s", reply.text);
    reply_fini(&reply);
}

static void expect_look(const char *words, bool expected)
{
    struct reply reply = site_call(&site, "GET", "/v1/doubts/preview?session=" SESSION, NULL);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect(json_is_true(reply_at(&reply, "ready")), "it holds nothing back: %s", reply.text);
    cr_expect_eq(strstr(reply.text, words) != NULL, expected, "%s: %s", words, reply.text);
    reply_fini(&reply);
}

Test(doubts, the_second_look_names_attempts_that_cannot_have_reached_anybody)
{
    static const char *const codes[] = { "wrong_number", "returned", "message_left" };
    served();
    absent();
    reviewed();
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        char body[300];
        (void)snprintf(body, sizeof(body),
                       "{\"kind\": \"contact_attempt\", \"fields\": {\"participant\": \"GDN-001\", \"day\": "
                       "\"2026-11-19\", \"means\": \"phone\", \"outcome\": \"%s\"}}",
                       codes[i]);
        site_expect(&site, "POST", "/v1/records", body, 200, NULL);
        expect_look("no attempt can have reached the person", i < 2);
    }
}

static void put_right(const char *outcome)
{
    char body[200];
    (void)snprintf(body, sizeof(body), "{\"session\": \"" SESSION "\", \"outcome\": %s, \"note\": \"put right\"}",
                   outcome);
    site_expect(&site, "POST", "/v1/attendance", body, 200, NULL);
}

Test(doubts, the_second_look_names_what_was_recorded_before_it_was_put_right)
{
    ready();
    expect_look("it was recorded otherwise before", false);
    put_right("\"excused\", \"reason\": \"agreed_leave\"");
    put_right("\"absent\", \"reason\": \"paperwork_not_signed\"");
    put_right("\"absent\"");
    expect_look("it was recorded otherwise before: excused (agreed_leave), by ", true);
    expect_look("it was recorded otherwise before: absent (paperwork_not_signed), by ", true);
    expect_look("it was recorded otherwise before: absent,", false);
}

Test(doubts, a_reason_that_the_second_look_shows_is_noted_as_read)
{
    ready();
    put_right("\"excused\", \"reason\": \"health\"");
    put_right("\"absent\"");
    expect_look("excused (health)", true);
    struct reply reply = site_call(&site, "GET", "/v1/audit", NULL);
    bool noted = false;
    const json_t *entry;
    size_t index;
    json_array_foreach(reply_at(&reply, "entries"), index, entry)
    {
        const char *call = json_string_value(json_object_get(entry, "call"));
        noted |= call != NULL && strcmp(call, "GET /v1/doubts/preview") == 0 &&
                 strcmp(json_string_value(json_object_get(entry, "kind")), "attendance") == 0;
    }
    cr_expect(noted, "%s", reply.text);
    reply_fini(&reply);
}

static void challenged(const char *id, const char *fields)
{
    char body[300];
    (void)snprintf(body, sizeof(body), "{\"kind\": \"redress\"%s, \"fields\": {%s}}", id, fields);
    site_expect(&site, "POST", "/v1/records", body, 200, NULL);
}

Test(doubts, the_second_look_names_a_challenge_of_what_the_exposure_rests_on)
{
    struct store_entry entry;
    char decision[2 * ROW_ID_BYTES + 1];
    char fields[200];
    ready();
    entry_decision(&site.world, &entry, "E-1", "GDN-001", "2026-09-18", "2026-10-31", "adverse", NULL);
    jcp_says(&entry);
    hex_encode(entry.subject, ROW_ID_BYTES, decision);
    expect_look("\"weeks\":13", true);
    expect_look("challenge", false);
    (void)snprintf(fields, sizeof(fields),
                   "\"participant\": \"GDN-001\", \"decision\": \"%s\", \"form\": \"mandatory_reconsideration\", "
                   "\"made_on\": \"2026-11-02\"",
                   decision);
    challenged("", fields);
    expect_look("is challenged, and nobody has answered yet", true);
    struct reply reply = site_call(&site, "GET", "/v1/records/redress", NULL);
    (void)snprintf(fields, sizeof(fields), ", \"id\": \"%s\"", reply_text(&reply, "records.0.id"));
    reply_fini(&reply);
    challenged(fields, "\"outcome\": \"changed\", \"outcome_on\": \"2026-11-19\"");
    expect_look("is challenged, and nobody has answered yet", false);
    expect_look("a challenge changed the decision", true);
}

Test(doubts, the_second_look_names_a_record_that_seems_to_be_of_the_same_person)
{
    ready();
    site_expect(&site, "POST", "/v1/records",
                "{\"kind\": \"participant\", \"fields\": {\"ref\": \"GDN-902\", \"name\": \"Bob Other\"}}", 200, NULL);
    expect_look("seems to be a record of the same person", false);
    site_expect(&site, "POST", "/v1/records",
                "{\"kind\": \"participant\", \"fields\": {\"ref\": \"gdn 1\", \"name\": \"Ada Example\"}}", 200, NULL);
    expect_look("gdn 1 seems to be a record of the same person", true);
}

Test(doubts, the_second_look_names_a_record_that_seems_to_be_of_one_that_was_merged)
{
    ready();
    for (int i = 902; i <= 903; i++) {
        char body[200];
        (void)snprintf(body, sizeof(body),
                       "{\"kind\": \"participant\", \"fields\": {\"ref\": \"GDN-%d\", \"name\": \"Bob Other\", "
                       "\"phone\": \"07700 900123\"}}",
                       i);
        site_expect(&site, "POST", "/v1/records", body, 200, NULL);
    }
    expect_look("GDN-903 seems to be", false);
    site_expect(&site, "POST", "/v1/merge",
                "{\"duplicate\": \"GDN-902\", \"into\": \"GDN-001\", \"reason\": \"told us\"}", 200, NULL);
    expect_look("GDN-903 seems to be", true);
}

static void shift(const char *volunteer, const char *hours)
{
    char url[60];
    char body[120];
    (void)snprintf(url, sizeof(url), "/v1/volunteers/%s/shift", volunteer);
    (void)snprintf(body, sizeof(body), "{\"day\": \"2026-11-18\", %s}", hours);
    site_expect(&site, "POST", url, body, 200, NULL);
}

Test(doubts, the_second_look_names_a_shift_of_somebody_of_the_same_name_at_the_same_place_and_time)
{
    ready();
    site_expect(&site, "POST", "/v1/records",
                "{\"kind\": \"placement\", \"there\": true, \"fields\": {\"ref\": \"GDN-P001\", \"host\": \"Sunny Bank "
                "garden\"}}",
                200, NULL);
    site_expect(&site, "POST", "/v1/volunteers",
                "{\"ref\": \"V-1\", \"name\": \"Ada Tester\", \"place\": \"Sunny Bank garden\"}", 200, NULL);
    shift("V-1", "\"starts\": \"06:00\", \"ends\": \"07:00\"");
    expect_look("as a volunteer at the same place and time", false);
    shift("V-1", "\"starts\": \"12:00\", \"ends\": \"23:00\"");
    expect_look("as a volunteer at the same place and time", true);
}

Test(doubts, nobody_who_is_entered_as_a_volunteer_at_those_hours_is_doubted_here)
{
    ready();
    site_expect(&site, "POST", "/v1/volunteers",
                "{\"ref\": \"V-1\", \"name\": \"Test Birch\", \"participant\": \"GDN-001\"}", 200, NULL);
    shift("V-1", "\"starts\": \"15:30\", \"ends\": \"17:00\"");
    expect_look("as_volunteer", false);
    shift("V-1", "\"starts\": \"12:00\", \"ends\": \"13:00\"");
    struct reply reply = site_call(&site, "GET", "/v1/doubts/preview?session=" SESSION, NULL);
    cr_expect_not(json_is_true(reply_at(&reply, "ready")), "%s", reply.text);
    cr_expect(lists(&reply, "missing", "as_volunteer"), "%s", reply.text);
    reply_fini(&reply);
    site_expect(&site, "POST", "/v1/doubts", RAISE, 409, "refused");
    site_expect(&site, "POST", "/v1/volunteers/V-1/unshift", "{\"day\": \"2026-11-18\", \"starts\": \"12:00\"}", 200,
                NULL);
    site_expect(&site, "POST", "/v1/doubts", RAISE, 200, NULL);
}

Test(doubts, the_second_look_names_answers_that_say_nothing)
{
    served();
    absent();
    contacted();
    review("doubt", ", \"answers\": [\"no\", \"no\", \"no\", \"no\", \"-\", \"no\"]", 400, "invalid");
    review("doubt", ", \"answers\": [\"no\", \"no\", \"no\", \"no\", \"no\", \"no\"]", 200, NULL);
    expect_look("every answer of the review is the same", true);
    expect_look("a single character", false);
    review("doubt", ", \"answers\": [\"n\", \"n\", \"n\", \"n\", \"yes\", \"x\"]", 200, NULL);
    expect_look("5 of 6 answers of the review are a single character", true);
    expect_look("every answer of the review is the same", false);
    review("doubt", ", \"answers\": " SIX_ANSWERS, 200, NULL);
    expect_look("answers of the review", false);
}

Test(doubts, one_that_is_raised_is_listed_and_goes_with_the_next_exchange)
{
    ready();
    struct store_sync before;
    struct store_sync after;
    struct error err;
    cr_assert_eq(store_sync_read(site.replica.store, &before, &err), ERR_OK);
    struct reply reply = site_call(&site, "POST", "/v1/doubts", RAISE);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "doubt.status"), "standing");
    cr_expect_str_eq(reply_text(&reply, "doubt.reviewer"), "R. Reviewer");
    cr_expect_str_eq(reply_text(&reply, "doubt.evidence"), EVIDENCE);
    cr_expect_not_null(strstr(reply_text(&reply, "doubt.answers"), "lives nearby"));
    reply_fini(&reply);
    cr_assert_eq(store_sync_read(site.replica.store, &after, &err), ERR_OK);
    cr_expect_eq(after.pending_ops, before.pending_ops + 1);
    reply = site_call(&site, "GET", "/v1/doubts", NULL);
    cr_expect_eq(reply_count(&reply, "doubts"), 1);
    cr_expect_str_eq(reply_text(&reply, "doubts.0.session"), SESSION);
    cr_expect_null(strstr(reply.text, "lives nearby"), "a list holds no answers");
    reply_fini(&reply);
    site_expect(&site, "POST", "/v1/doubts", RAISE, 409, "refused"); /* once is enough */
}

static int64_t named(const char *table, const char *where)
{
    sqlite3_stmt *s;
    char sql[200];
    (void)snprintf(sql, sizeof(sql),
                   "SELECT count(*) FROM %s r JOIN placement p ON p.id = r.placement "
                   "WHERE %s AND substr(r.id, 1, 8) = substr(p.id, 1, 8)",
                   table, where);
    cr_assert_eq(sqlite3_prepare_v2(site.replica.store->db.handle, sql, -1, &s, NULL), SQLITE_OK, "%s", sql);
    cr_assert_eq(sqlite3_step(s), SQLITE_ROW);
    int64_t count = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return count;
}

/* So that no doubt stands where somebody erases all of it (STORE.md, Erasure). */
Test(doubts, a_break_and_a_review_that_keep_one_from_standing_say_by_their_id_of_which_placement_they_are)
{
    absent();
    site_expect(&site, "POST", "/v1/records",
                "{\"kind\": \"placement_break\", \"fields\": {\"placement\": \"GDN-P001\", \"starts_on\": "
                "\"2026-12-24\", \"ends_on\": \"2026-12-31\", \"reason\": \"agreed_leave\"}}",
                200, NULL);
    site_expect(&site, "POST", "/v1/import?kind=placement_break",
                "placement,starts on,ends on,reason\nGDN-P002,2026-12-24,2026-12-31,agreed_leave\n", 200, NULL);
    reviewed();
    review("support", "", 200, NULL);
    cr_expect_eq(named("placement_break", "1"), 2);
    cr_expect_eq(named("flag_review", "r.outcome = 'support'"), 1);
    cr_expect_eq(named("flag_review", "r.outcome = 'doubt'"), 0, "it keeps none from standing, and can be erased");
}

Test(doubts, none_is_raised_without_each_of_the_steps)
{
    static void (*const steps[])(void) = { served, absent, contacted, reviewed };
    for (size_t left_out = 0; left_out < ARRAY_LEN(steps); left_out++) {
        for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
            if (i != left_out && !(left_out == 1 && i == 3)) { /* nothing is flagged that was not recorded */
                steps[i]();
            }
        }
        struct reply reply = site_call(&site, "POST", "/v1/doubts", RAISE);
        cr_assert_eq(reply.status, 409, "without step %zu: %s", left_out, reply.text);
        reply_fini(&reply);
        stop();
        start();
    }
}

Test(doubts, none_is_raised_once_the_record_that_said_voluntary_is_erased)
{
    struct store_entry entry;
    char body[300];
    ready();
    entry_placement(&site.world, &entry, "GDN-P001", "GDN-001", "voluntary", "2026-09-01", "2027-02-26",
                    "Mon-Fri 09:30-15:30");
    replica_write(&site.replica, &entry, site.now_ms += 1000);
    site_expect(&site, "POST", "/v1/doubts", RAISE, 409, "refused");
    struct reply reply = site_call(&site, "GET", "/v1/log?limit=1", NULL);
    cr_assert_str_eq(reply_text(&reply, "entries.0.kind"), "placement");
    (void)snprintf(body, sizeof(body),
                   "{\"what\": \"%.8s/%d\", \"ground\": \"right\", \"by\": \"A. Decider\", \"reason\": \"letter 7\"}",
                   reply_text(&reply, "entries.0.op.device"), (int)reply_int(&reply, "entries.0.op.seq"));
    reply_fini(&reply);
    site_expect(&site, "POST", "/v1/erase", body, 200, NULL);
    reply = site_call(&site, "GET", "/v1/doubts/preview?session=" SESSION, NULL);
    cr_expect(lists(&reply, "missing", "maybe_voluntary"), "%s", reply.text);
    cr_expect_not(lists(&reply, "missing", "not_mandatory"), "nobody knows that it was: %s", reply.text);
    reply_fini(&reply);
    reply = site_call(&site, "POST", "/v1/doubts", RAISE);
    cr_expect_eq(reply.status, 409, "%s", reply.text);
    cr_expect_not_null(strstr(reply.text, "was erased, so it cannot be ruled out that it said"), "%s", reply.text);
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/placements", NULL);
    cr_expect_null(strstr(reply.text, "voluntary"), "%s", reply.text);
    reply_fini(&reply);
}

Test(doubts, none_is_raised_that_nobody_confirms_by_name_with_evidence)
{
    ready();
    site_expect(&site, "POST", "/v1/doubts",
                "{\"session\": \"" SESSION "\", \"reviewer\": \"R\", \"evidence\": \"" EVIDENCE
                "\", \"exposure_weeks\": 4}",
                409, "refused");
    site_expect(&site, "POST", "/v1/doubts",
                "{\"session\": \"" SESSION "\", \"evidence\": \"" EVIDENCE
                "\", \"exposure_weeks\": 4, \"confirmed\": true}",
                400, "invalid");
    site_expect(&site, "POST", "/v1/doubts",
                "{\"session\": \"" SESSION "\", \"reviewer\": \"R\", \"exposure_weeks\": 4, \"confirmed\": true}", 400,
                "invalid");
    site_expect(&site, "POST", "/v1/doubts",
                "{\"session\": \"" SESSION "\", \"reviewer\": \"R\", \"evidence\": \"none\", \"exposure_weeks\": 4, "
                "\"confirmed\": true}",
                400, "invalid");
    site_expect(&site, "POST", "/v1/doubts",
                "{\"session\": \"" SESSION "\", \"reviewer\": \"R\", \"evidence\": \"" EVIDENCE
                "\", \"exposure_weeks\": 13, \"confirmed\": true}",
                409, "conflict");
    site_expect(&site, "POST", "/v1/records", "{\"kind\": \"compliance_doubt\", \"fields\": {}}", 400, "invalid");
    site_expect(&site, "POST", "/v1/records", "{\"kind\": \"doubt_event\", \"fields\": {}}", 400, "invalid");
    site_expect(&site, "POST", "/v1/records", "{\"kind\": \"decision\", \"fields\": {}}", 400, "invalid");
}

Test(doubts, nobody_who_is_signed_in_confirms_one_in_the_name_of_somebody_else)
{
    ready();
    site.person = "C. Colleague";
    site_expect(&site, "POST", "/v1/doubts", RAISE, 409, "refused");
    site.person = "R. Reviewer, too";
    site_expect(&site, "POST", "/v1/doubts", RAISE, 409, "refused");
    site.person = "R. Reviewer";
    site_expect(&site, "POST", "/v1/doubts", RAISE, 200, NULL);
    site.person = NULL;
}

Test(doubts, an_answer_with_an_empty_line_and_a_question_of_its_own_is_one_answer)
{
    served();
    absent();
    contacted();
    review("doubt",
           ", \"answers\": [\"\\n\\nShe said:\\n\\n\\nWhy me?\\n\", \"Who?\\n\\nWhen?\\n\\n\", \"no\", \"no\", \"no\", "
           "\"yes\"]",
           200, NULL);
    struct reply reply = site_call(&site, "GET", "/v1/doubts/preview?session=" SESSION, NULL);
    cr_expect(!lists(&reply, "missing", "no_review"), "%s", reply.text);
    cr_expect_not_null(strstr(reply_text(&reply, "reviews.0.fields.answers"), "She said:\nWhy me?"));
    reply_fini(&reply);
}

Test(doubts, a_review_for_a_doubt_answers_every_question_of_a_flag_that_stands)
{
    served();
    absent();
    review("doubt", ", \"answers\": []", 400, "invalid");
    review("doubt", ", \"answers\": [\"a\", \"b\", \"c\", \"d\", \"e\"]", 400, "invalid");
    review("doubt", ", \"answers\": [\"a\", \"b\", \"c\", \"d\", \"e\", \" \"]", 400, "invalid");
    review("doubt", ", \"answers\": [\"a\", \"b\", \"c\", \"d\", \"e\", 7]", 400, "invalid");
    review("guilty", "", 400, "invalid");
    review("support", ", \"look_again_on\": \"2026-11-27\"", 200, NULL);
    site_expect(&site, "POST", "/v1/attendance",
                "{\"session\": \"" SESSION "\", \"outcome\": \"attended\", \"note\": \"wrong row\"}", 200, NULL);
    site_judge(&site);
    review("doubt", ", \"answers\": " SIX_ANSWERS, 409, "refused");
    struct reply reply = site_call(&site, "GET", "/v1/reviews?session=" SESSION, NULL);
    cr_expect_eq(reply_count(&reply, "reviews"), 1);
    cr_expect_str_eq(reply_text(&reply, "reviews.0.fields.outcome"), "support");
    reply_fini(&reply);
}

Test(doubts, an_export_of_reviews_counts_slots_as_people_name_them)
{
    served();
    absent();
    review("support", "", 200, NULL);
    struct reply reply = site_call(&site, "GET", "/v1/export/flag_review?format=json", NULL);
    cr_expect_str_eq(reply_text(&reply, "rows.0.placement"), "GDN-P001", "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "rows.0.slot"), "1", "%s", reply.text);
    reply_fini(&reply);
}

static void excuse_and_withdraw(void)
{
    ready();
    struct reply reply = site_call(&site, "POST", "/v1/doubts", RAISE);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    char url[80];
    (void)snprintf(url, sizeof(url), "/v1/doubts/%.8s", reply_text(&reply, "doubt.id"));
    reply_fini(&reply);
    site_expect(&site, "POST", "/v1/attendance",
                "{\"session\": \"" SESSION "\", \"outcome\": \"excused\", \"reason\": \"agreed_leave\", \"note\": \"a "
                "letter came\"}",
                200, NULL);
    reply = site_call(&site, "GET", url, NULL);
    cr_expect_str_eq(reply_text(&reply, "doubt.status"), "suspended");
    cr_expect(lists(&reply, "doubt.wants", "excused"), "%s", reply.text);
    reply_fini(&reply);
    (void)strcat(url, "/withdraw");
    reply = site_call(&site, "POST", url, "{\"reason\": \"excused\"}");
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "doubt.status"), "withdrawn");
    cr_expect_str_eq(reply_text(&reply, "doubt.status_by"), "tester");
    reply_fini(&reply);
    site_expect(&site, "POST", url, "{}", 200, NULL);
    reply = site_call(&site, "GET", "/v1/doubts", NULL);
    cr_expect_eq(reply_count(&reply, "doubts"), 0);
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/doubts?all=1", NULL);
    cr_expect_eq(reply_count(&reply, "doubts"), 1);
    reply_fini(&reply);
}

static bool totals_say(const struct reply *reply, const char *column, const char *value, int rows)
{
    const json_t *total;
    size_t index;
    json_array_foreach(reply_at(reply, "totals"), index, total)
    {
        const char *of = json_string_value(json_object_get(total, "column"));
        const char *word = json_string_value(json_object_get(total, "value"));
        if (of != NULL && word != NULL && strcmp(of, column) == 0 && strcmp(word, value) == 0) {
            return json_integer_value(json_object_get(total, "rows")) == rows;
        }
    }
    return false;
}

Test(doubts, an_export_says_where_each_stands_and_what_became_of_it)
{
    excuse_and_withdraw();
    struct reply reply = site_call(&site, "GET", "/v1/export/compliance_doubt?format=json", NULL);
    cr_assert_eq(reply_count(&reply, "rows"), 1, "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "rows.0.session"), SESSION);
    cr_expect_str_eq(reply_text(&reply, "rows.0.participant"), "GDN-001");
    cr_expect_str_eq(reply_text(&reply, "rows.0.status"), "withdrawn");
    cr_expect_str_eq(reply_text(&reply, "rows.0.exposure_weeks"), "4");
    cr_expect_str_eq(reply_text(&reply, "rows.0.evidence"), EVIDENCE);
    cr_expect_not_null(strstr(reply_text(&reply, "rows.0.answers"), "lives nearby"));
    cr_expect(totals_say(&reply, "status", "withdrawn", 1), "%s", reply.text);
    char id[40];
    (void)snprintf(id, sizeof(id), "%s", reply_text(&reply, "rows.0.id"));
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/export/doubt_event?format=json", NULL);
    cr_assert_geq(reply_count(&reply, "rows"), 1, "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "rows.0.doubt"), id);
    cr_expect_str_eq(reply_text(&reply, "rows.0.status"), "withdrawn");
    cr_expect_str_eq(reply_text(&reply, "rows.0.said_by"), "tester");
    reply_fini(&reply);
    site.roles = ROLE_ADMINISTRATOR;
    reply = site_call(&site, "GET", "/v1/export/compliance_doubt", NULL);
    cr_expect_not_null(strstr(reply.text, EVIDENCE), "%s", reply.text);
    cr_expect_null(strstr(reply.text, "lives nearby"), "what was answered is for those who need it");
    reply_fini(&reply);
    site.roles = 0;
    reply = site_call(&site, "GET", "/v1/export/doubt_event?format=xlsx", NULL);
    cr_expect_eq(reply.status, 200, "%s", reply.text);
    reply_fini(&reply);
}

/* Boundary days: 14 days after a failure is not later, 15 is; 364 is, 365 is not. Our own doubts never count. */
Test(doubts, a_later_excuse_suspends_one_and_it_can_be_withdrawn)
{
    excuse_and_withdraw();
}

Test(doubts, one_is_suspended_all_the_same_when_flags_are_judged_with_each_record)
{
    struct flags_judge judge;
    flags_judge_begin(&judge, site.replica.store);
    excuse_and_withdraw();
    flags_judge_end(&judge);
}

Test(doubts, the_exposure_rests_on_decisions_of_jcp_within_two_weeks_and_a_year)
{
    static const struct {
        const char *failure_on;
        const char *outcome;
        int weeks;
    } cases[] = {
        { "2026-11-04", "adverse", 4 },   { "2026-11-03", "adverse", 13 }, { "2025-11-19", "adverse", 13 },
        { "2025-11-18", "adverse", 4 },   { "2026-10-01", "reserved", 4 }, { "2026-10-01", "non_adverse", 4 },
        { "2026-10-01", "cancelled", 4 },
    };
    absent();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct store_entry entry;
        entry_decision(&site.world, &entry, "E-1", "GDN-001", cases[i].failure_on, "2026-11-10", cases[i].outcome,
                       NULL);
        jcp_says(&entry);
        struct reply reply = site_call(&site, "GET", "/v1/doubts/preview?session=" SESSION, NULL);
        cr_expect_eq(reply_int(&reply, "exposure.weeks"), cases[i].weeks, "%s: %s", cases[i].failure_on, reply.text);
        cr_expect_eq(json_is_null(reply_at(&reply, "exposure.rests_on")), cases[i].weeks == 4);
        reply_fini(&reply);
    }
}

#define MERGE "{\"duplicate\": \"GDN-901\", \"into\": \"GDN-001\", \"reason\": \"same birthday\"}"
#define CONFIRM "{\"duplicate\": \"GDN-901\", \"confirm\": true, \"reason\": \"saw both\""

static void expect_preview(int weeks, size_t contacts, const char *missing, size_t looks)
{
    struct reply reply = site_call(&site, "GET", "/v1/doubts/preview?session=" SESSION, NULL);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(reply_int(&reply, "exposure.weeks"), weeks, "%s", reply.text);
    cr_expect_eq(reply_count(&reply, "contacts"), contacts, "%s", reply.text);
    cr_expect_eq(strstr(reply.text, "was merged into") != NULL, looks > 0, "%s", reply.text);
    cr_expect(missing == NULL || lists(&reply, "missing", missing), "%s", reply.text);
    cr_expect_eq(json_is_true(reply_at(&reply, "ready")), missing == NULL, "%s", reply.text);
    reply_fini(&reply);
    site.now_ms += 1000;
}

/* After this machine refused to. */
static void confirmed_by_another_machine(void)
{
    struct voice other;
    struct store_entry entry;
    struct store_applied applied;
    struct error err = { 0 };
    site_expect(&site, "POST", "/v1/merge", CONFIRM "}", 409, "refused");
    site_expect(&site, "POST", "/v1/merge", CONFIRM ", \"decided_by\": \"S. Second\"}", 409, "refused");
    voice_start(&site.world, &other, CERTIFICATE_ROLE_AGENT);
    entry_merge_confirmed(&site.world, &entry, "GDN-901", "GDN-001");
    voice_say(&other, &entry);
    cr_assert_eq(voice_reach(&other, 0, 1, &site.replica, &applied, &err), ERR_OK, "%s", err.message);
    voice_stop(&other);
}

/* Two records of one person: what JCP decided on the one, and whom was rung under it, count for the other, once two
 * people at two machines say that it is so. */
Test(doubts, a_merged_person_has_the_decisions_and_contacts_of_both_records)
{
    static const char contact[] = "{\"kind\": \"contact_attempt\", \"fields\": {\"participant\": \"GDN-901\", "
                                  "\"day\": \"2026-11-19\", \"means\": \"phone\", \"outcome\": \"no_answer\"}}";
    struct store_entry entry;
    served();
    absent();
    reviewed();
    site_expect(&site, "POST", "/v1/records",
                "{\"kind\": \"participant\", \"fields\": {\"ref\": \"GDN-901\", \"name\": \"Ada Example\"}}", 200,
                NULL);
    site_expect(&site, "POST", "/v1/records", contact, 200, NULL);
    entry_decision(&site.world, &entry, "E-1", "GDN-901", "2026-10-01", "2026-10-10", "adverse", NULL);
    jcp_says(&entry);
    expect_preview(4, 0, "no_contact", 0);
    site_expect(&site, "POST", "/v1/merge", MERGE, 200, NULL);
    expect_preview(4, 0, "contact_unconfirmed", 1);
    site_expect(&site, "POST", "/v1/merge", MERGE, 409, "conflict");
    site_expect(&site, "POST", "/v1/doubts", RAISE, 409, "refused");
    confirmed_by_another_machine();
    expect_preview(13, 1, NULL, 0);
    struct reply reply =
        site_call(&site, "POST", "/v1/doubts",
                  "{\"session\": \"" SESSION "\", \"reviewer\": \"R. Reviewer\", \"evidence\": \"" EVIDENCE
                  "\", \"exposure_weeks\": 13, \"confirmed\": true}");
    cr_expect_eq(reply.status, 200, "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "doubt.status"), "standing", "%s", reply.text);
    reply_fini(&reply);
    entry_decision(&site.world, &entry, "E-2", "GDN-001", "2026-10-01", "2026-11-10", "cancelled", NULL);
    jcp_says(&entry);
    reply = site_call(&site, "GET", "/v1/doubts", NULL);
    cr_expect_str_eq(reply_text(&reply, "doubts.0.status"), "suspended", "overturned under the other record");
    reply_fini(&reply);
}

/* As the week's report has it; days_left -1: none. */
static void expect_due(json_int_t open, json_int_t near, json_int_t days_left)
{
    struct reply reply = site_call(&site, "GET", "/v1/report/week", NULL);
    cr_expect_eq(reply_int(&reply, "challenges.open"), open);
    cr_expect_eq(reply_int(&reply, "challenges.near"), near);
    cr_expect_eq(json_is_null(reply_at(&reply, "challenges.days_left")) ? -1
                                                                        : reply_int(&reply, "challenges.days_left"),
                 days_left);
    reply_fini(&reply);
}

Test(doubts, a_decision_comes_back_and_can_be_challenged_in_time)
{
    struct store_entry entry;
    ready();
    struct reply reply = site_call(&site, "POST", "/v1/doubts", RAISE);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    uint8_t doubt[OP_ENTITY_BYTES];
    cr_assert(hex_decode(reply_text(&reply, "doubt.id"), doubt, sizeof(doubt)));
    char url[80];
    (void)snprintf(url, sizeof(url), "/v1/doubts/%s/withdraw", reply_text(&reply, "doubt.id"));
    reply_fini(&reply);
    entry_decision(&site.world, &entry, "E-1", "GDN-001", "2026-11-18", "2026-10-31", "adverse", NULL);
    record_set_id(&entry.record, "doubt", doubt);
    record_set_number(&entry.record, "weeks", 4);
    jcp_says(&entry);
    reply = site_call(&site, "GET", "/v1/doubts", NULL);
    cr_expect_str_eq(reply_text(&reply, "doubts.0.status"), "decided");
    cr_expect_str_eq(reply_text(&reply, "doubts.0.decision.outcome"), "adverse");
    cr_expect_eq(reply_int(&reply, "doubts.0.decision.weeks"), 4);
    reply_fini(&reply);
    site_expect(&site, "POST", url, "{}", 409, "refused"); /* too late to take it back */
    reply = site_call(&site, "GET", "/v1/challenges", NULL);
    cr_expect_str_eq(reply_text(&reply, "challenges.0.next"), "mandatory_reconsideration");
    cr_expect_str_eq(reply_text(&reply, "challenges.0.by"), "2026-11-30", "a month after the 31st ends on the 30th");
    cr_expect_eq(reply_int(&reply, "challenges.0.days_left"), 10);
    cr_expect(json_is_true(reply_at(&reply, "challenges.0.near")));
    expect_due(1, 1, 10);
    char body[300];
    (void)snprintf(body, sizeof(body),
                   "{\"form\": \"mandatory_reconsideration\", \"decision\": \"%s\", \"made_on\": \"2026-11-20\", "
                   "\"helped_by\": \"Advice Garden\"}",
                   reply_text(&reply, "challenges.0.decision.id"));
    reply_fini(&reply);
    reply = site_call(&site, "POST", "/v1/challenges", body);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "challenge.next"), "waiting");
    expect_due(0, 0, -1);
    (void)snprintf(url, sizeof(url), "/v1/challenges/%.8s", reply_text(&reply, "id"));
    reply_fini(&reply);
    site_expect(&site, "POST", url, "{\"outcome\": \"unchanged\", \"outcome_on\": \"2026-11-20\"}", 200, NULL);
    reply = site_call(&site, "GET", "/v1/challenges", NULL);
    cr_expect_str_eq(reply_text(&reply, "challenges.0.next"), "appeal");
    cr_expect_str_eq(reply_text(&reply, "challenges.0.by"), "2026-12-20");
    expect_due(1, 0, 30);
    reply_fini(&reply);
    site_expect(&site, "POST", "/v1/challenges", "{\"form\": \"appeal\"}", 400, "invalid");
    site_expect(&site, "POST", "/v1/challenges", "{\"form\": \"complaint\", \"participant\": \"GDN-001\"}", 200, NULL);
    reply = site_call(&site, "GET", "/v1/challenges", NULL);
    cr_expect_eq(reply_count(&reply, "others"), 1);
    cr_expect_str_eq(reply_text(&reply, "others.0.participant_ref"), "GDN-001");
    cr_expect(json_is_null(reply_at(&reply, "others.0.referral_ref")));
    reply_fini(&reply);
}

Test(doubts, a_decision_is_named_by_the_person_where_there_is_one_about_them)
{
    struct store_entry entry;
    static const char body[] = "{\"form\": \"mandatory_reconsideration\", \"decision\": \"GDN-001\"}";
    site_expect(&site, "POST", "/v1/challenges", body, 404, "not_found");
    entry_decision(&site.world, &entry, "E-1", "GDN-001", "2026-09-18", "2026-10-31", "adverse", NULL);
    jcp_says(&entry);
    struct reply reply = site_call(&site, "POST", "/v1/challenges", body);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "challenge.decision.decided_on"), "2026-10-31");
    char digits[9];
    (void)snprintf(digits, sizeof(digits), "%.8s", reply_text(&reply, "challenge.decision.id"));
    reply_fini(&reply);
    entry_decision(&site.world, &entry, "E-2", "GDN-001", "2026-09-25", "2026-11-02", "adverse", NULL);
    jcp_says(&entry);
    reply = site_call(&site, "POST", "/v1/challenges", body);
    cr_assert_eq(reply.status, 409, "%s", reply.text);
    cr_expect_not_null(strstr(reply.text, digits), "each is named");
    reply_fini(&reply);
}

Test(doubts, an_appeal_follows_a_reconsideration_and_each_is_made_once_and_not_before_the_decision)
{
#define CHALLENGED(form, more) "{\"form\": \"" form "\", \"decision\": \"GDN-001\"" more "}"
    struct store_entry entry;
    entry_decision(&site.world, &entry, "E-1", "GDN-001", "2026-09-18", "2026-10-31", "adverse", NULL);
    jcp_says(&entry);
    site_expect(&site, "POST", "/v1/challenges", CHALLENGED("appeal", ""), 409, "refused");
    site_expect(&site, "POST", "/v1/challenges",
                CHALLENGED("mandatory_reconsideration", ", \"made_on\": \"2026-10-30\""), 400, "invalid");
    site_expect(&site, "POST", "/v1/challenges",
                CHALLENGED("mandatory_reconsideration", ", \"made_on\": \"2026-10-31\""), 200, NULL);
    site_expect(&site, "POST", "/v1/challenges", CHALLENGED("mandatory_reconsideration", ""), 409, "conflict");
    site_expect(&site, "POST", "/v1/challenges", CHALLENGED("mandatory_reconsideration", ", \"over\": true"), 200,
                NULL);
    site_expect(&site, "POST", "/v1/challenges", CHALLENGED("appeal", ""), 200, NULL);
    site_expect(&site, "POST", "/v1/challenges", CHALLENGED("appeal", ""), 409, "conflict");
}

/* As a record, and as a row of a file, which says whether it is refused. */
static void expect_redress(const char *decision, const char *form, const char *made_on, int status, const char *error)
{
    char body[300];
    (void)snprintf(body, sizeof(body),
                   "{\"kind\": \"redress\", \"fields\": {\"participant\": \"GDN-001\", \"decision\": \"%s\", \"form\": "
                   "\"%s\", \"made_on\": \"%s\"}}",
                   decision, form, made_on);
    if (status != 200) {
        char file[300];
        (void)snprintf(file, sizeof(file), "participant,decision,form,made_on\nGDN-001,%s,%s,%s\n", decision, form,
                       made_on);
        struct reply taken = site_call(&site, "POST", "/v1/import?kind=redress", file);
        cr_expect(json_is_true(reply_at(&taken, "refused")), "%s", taken.text);
        reply_fini(&taken);
    }
    site_expect(&site, "POST", "/v1/records", body, status, error);
}

static void expect_redress_file(const char *decision, const char *first, const char *second, bool refused)
{
    char file[400];
    (void)snprintf(file, sizeof(file),
                   "participant,decision,form,made_on\nGDN-001,%s,%s,2026-11-02\nGDN-001,%s,%s,2026-11-03\n", decision,
                   first, decision, second);
    struct reply taken = site_call(&site, "POST", "/v1/import?kind=redress", file);
    cr_expect_eq(json_is_true(reply_at(&taken, "refused")), refused, "%s", taken.text);
    reply_fini(&taken);
}

Test(doubts, a_challenge_that_comes_as_a_record_or_in_a_file_is_held_to_the_same_order)
{
    struct store_entry entry;
    char decision[2 * ROW_ID_BYTES + 1];
    char body[200];
    entry_decision(&site.world, &entry, "E-1", "GDN-001", "2026-09-18", "2026-10-31", "adverse", NULL);
    jcp_says(&entry);
    hex_encode(entry.subject, ROW_ID_BYTES, decision);
    expect_redress(decision, "appeal", "2026-11-02", 409, "refused");
    expect_redress(decision, "mandatory_reconsideration", "2026-10-30", 400, "invalid");
    expect_redress_file(decision, "mandatory_reconsideration", "mandatory_reconsideration", true);
    expect_redress_file(decision, "mandatory_reconsideration", "appeal", false);
    expect_redress_file(decision, "mandatory_reconsideration", "appeal", false); /* the same again */
    expect_redress(decision, "mandatory_reconsideration", "2026-11-04", 409, "conflict");
    struct reply reply = site_call(&site, "GET", "/v1/records/redress", NULL);
    const char *id = reply_text(&reply, "records.0.id");
    (void)snprintf(body, sizeof(body),
                   "{\"kind\": \"redress\", \"id\": \"%s\", \"fields\": {\"made_on\": \"2026-10-30\"}}", id);
    site_expect(&site, "POST", "/v1/records", body, 400, "invalid");
    (void)snprintf(body, sizeof(body),
                   "{\"kind\": \"redress\", \"id\": \"%s\", \"fields\": {\"made_on\": \"2026-11-05\"}}", id);
    site_expect(&site, "POST", "/v1/records", body, 200, NULL);
    reply_fini(&reply);
}

Test(doubts, what_was_withdrawn_can_be_made_again)
{
    struct store_entry entry;
    char url[40];
    entry_decision(&site.world, &entry, "E-1", "GDN-001", "2026-09-18", "2026-10-31", "adverse", NULL);
    jcp_says(&entry);
    struct reply reply = site_call(&site, "POST", "/v1/challenges", CHALLENGED("mandatory_reconsideration", ""));
    (void)snprintf(url, sizeof(url), "/v1/challenges/%.8s", reply_text(&reply, "id"));
    reply_fini(&reply);
    site_expect(&site, "POST", url, "{\"outcome\": \"withdrawn\"}", 200, NULL);
    site_expect(&site, "POST", "/v1/challenges", CHALLENGED("appeal", ""), 409, "refused");
    site_expect(&site, "POST", "/v1/challenges", CHALLENGED("mandatory_reconsideration", ""), 200, NULL);
}

Test(doubts, a_route_is_challenged_by_the_person_whom_the_referral_is_about)
{
    site_expect(&site, "POST", "/v1/records",
                "{\"kind\": \"referral\", \"fields\": {\"ref\": \"R-1\", \"participant\": \"GDN-001\", \"route\": "
                "\"mir\", \"basis\": \"mandatory\", \"received_on\": \"2026-11-17\"}}",
                200, NULL);
    site_expect(&site, "POST", "/v1/challenges",
                "{\"form\": \"route\", \"participant\": \"GDN-002\", \"referral\": \"R-1\"}", 400, "invalid");
    site_expect(&site, "POST", "/v1/challenges",
                "{\"form\": \"route\", \"participant\": \"GDN-001\", \"referral\": \"R-1\"}", 200, NULL);
    struct reply reply = site_call(&site, "GET", "/v1/challenges", NULL);
    cr_assert_eq(reply_count(&reply, "others"), 1);
    cr_expect_str_eq(reply_text(&reply, "others.0.participant_ref"), "GDN-001");
    cr_expect_str_eq(reply_text(&reply, "others.0.referral_ref"), "R-1");
    reply_fini(&reply);
}

Test(doubts, wrong_names_are_refused_in_words)
{
    site_expect(&site, "GET", "/v1/doubts/preview", NULL, 400, "invalid");
    site_expect(&site, "GET", "/v1/doubts/preview?session=NONE@2026-11-18", NULL, 404, "not_found");
    site_expect(&site, "GET", "/v1/doubts/xyz", NULL, 400, "invalid");
    site_expect(&site, "GET", "/v1/doubts/0011223344", NULL, 404, "not_found");
    site_expect(&site, "POST", "/v1/doubts/00112233/approve", "{}", 404, "not_found");
    site_expect(&site, "POST", "/v1/challenges/00112233", "{\"outcome\": \"changed\"}", 404, "not_found");
    site_expect(&site, "POST", "/v1/challenges/0011zz", "{\"outcome\": \"changed\"}", 400, "invalid");
    site_expect(&site, "POST", "/v1/challenges/001", "{\"outcome\": \"changed\"}", 400, "invalid");
    site_expect(&site, "POST", "/v1/reviews", "{\"flag\": \"zzzzzzzz\", \"outcome\": \"support\"}", 404, "not_found");
}
