#include <string.h>

#include "tests/unit/agent/site.h"

static struct site site;

static void start(void)
{
    site_start(&site);
    site_fill(&site);
}

static void stop(void)
{
    site_stop(&site);
}

TestSuite(records, .init = start, .fini = stop);
TestSuite(referrals, .init = start, .fini = stop);
TestSuite(placing, .init = start, .fini = stop);
TestSuite(duplicates, .init = start, .fini = stop);
TestSuite(capacity, .init = start, .fini = stop);

static void refer(const char *ref)
{
    char body[300];
    (void)snprintf(body, sizeof(body),
                   "{\"kind\": \"referral\", \"fields\": {\"ref\": \"%s\", \"participant\": \"GDN-001\", \"route\": "
                   "\"cwp\", \"basis\": \"mandatory\", \"received_on\": \"2026-11-17\"}}",
                   ref);
    site_expect(&site, "POST", "/v1/records", body, 200, NULL);
}

Test(records, a_ref_is_the_same_record_on_every_device)
{
    struct reply reply =
        site_call(&site, "POST", "/v1/records",
                  "{\"kind\": \"participant\", \"fields\": {\"ref\": \"GDN-003\", \"name\": \"Cy Tester\"}}");
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    uint8_t id[OP_ENTITY_BYTES];
    char hex[2 * OP_ENTITY_BYTES + 1];
    entity_id(site.world.stream, "participant", "GDN-003", id);
    hex_encode(id, sizeof(id), hex);
    cr_expect_str_eq(reply_text(&reply, "id"), hex);
    reply_fini(&reply);
}

Test(records, a_placement_and_a_referral_stay_with_whom_they_are_about)
{
    refer("R-7");
    struct reply reply = site_call(&site, "POST", "/v1/records",
                                   "{\"kind\": \"placement\", \"there\": true, \"fields\": {\"ref\": \"GDN-P001\", "
                                   "\"participant\": \"GDN-002\"}}");
    cr_expect_eq(reply.status, 409, "%s", reply.text);
    cr_expect_not_null(strstr(reply.text, "end this placement and add another"), "%s", reply.text);
    reply_fini(&reply);
    site_expect(&site, "POST", "/v1/records",
                "{\"kind\": \"referral\", \"there\": true, \"fields\": {\"ref\": \"R-7\", \"participant\": "
                "\"GDN-002\"}}",
                409, "refused");
    site_expect(&site, "POST", "/v1/import?kind=placement&dry_run=1",
                "ref,participant,basis,starts_on,ends_on,weekly_minutes\n"
                "GDN-P001,GDN-002,mandatory,2026-11-02,2027-01-29,600\n",
                409, "refused");
    struct reply placement = site_call(&site, "GET", "/v1/records/placement/GDN-P001", NULL);
    cr_expect_str_eq(reply_text(&placement, "record.refs.participant"), "GDN-001", "%s", placement.text);
    reply_fini(&placement);
}

Test(records, a_notice_and_an_attempt_are_of_a_day_on_which_they_can_have_been)
{
    struct reply notice = site_call(&site, "POST", "/v1/records",
                                    "{\"kind\": \"notice\", \"fields\": {\"placement\": \"GDN-P001\", \"served_on\": "
                                    "\"2026-11-10\", \"received_on\": \"2026-07-01\", \"served_by\": \"post\"}}");
    cr_expect_eq(notice.status, 400, "%s", notice.text);
    cr_expect_not_null(strstr(notice.text, "not before 'served_on'"), "%s", notice.text);
    reply_fini(&notice);
    struct reply attempt =
        site_call(&site, "POST", "/v1/records",
                  "{\"kind\": \"contact_attempt\", \"fields\": {\"participant\": \"GDN-001\", \"day\": "
                  "\"2027-06-01\", \"means\": \"phone\", \"outcome\": \"no_answer\"}}");
    cr_expect_eq(attempt.status, 409, "%s", attempt.text);
    cr_expect_not_null(strstr(attempt.text, "still to come"), "%s", attempt.text);
    reply_fini(&attempt);
    struct reply file = site_call(&site, "POST", "/v1/import?kind=contact_attempt&partial=1",
                                  "participant,day,means,outcome\nGDN-001,2027-06-01,phone,no_answer\n"
                                  "GDN-001,2026-11-19,phone,no_answer\n");
    cr_expect_eq(reply_int(&file, "added"), 1, "%s", file.text);
    cr_expect_eq(reply_int(&file, "problems.0.line"), 2, "%s", file.text);
    reply_fini(&file);
}

Test(records, a_plain_record_is_listed_by_whom_it_is_about_and_found_by_its_id)
{
    static const char attempt[] = "{\"kind\": \"contact_attempt\", \"fields\": {\"participant\": \"GDN-001\", "
                                  "\"placement\": \"GDN-P001\", \"day\": \"2026-11-19\", \"at_min\": \"10:15\", "
                                  "\"means\": \"phone\", \"outcome\": \"no_answer\"}}";
    char path[120];
    site_expect(&site, "POST", "/v1/records", attempt, 200, NULL);
    struct reply other = site_call(&site, "GET", "/v1/records/contact_attempt?participant=GDN-002", NULL);
    cr_expect_eq(reply_count(&other, "records"), 0);
    struct reply list = site_call(&site, "GET", "/v1/records/contact_attempt?participant=GDN-001", NULL);
    cr_assert_eq(list.status, 200, "%s", list.text);
    cr_assert_eq(reply_count(&list, "records"), 1);
    cr_expect_str_eq(reply_text(&list, "records.0.fields.at_min"), "10:15");
    cr_expect_str_eq(reply_text(&list, "records.0.said_by"), "tester");
    (void)snprintf(path, sizeof(path), "/v1/records/contact_attempt/%s", reply_text(&list, "records.0.id"));
    struct reply one = site_call(&site, "GET", path, NULL);
    cr_assert_eq(one.status, 200, "%s", one.text);
    cr_expect_str_eq(reply_text(&one, "record.fields.outcome"), "no_answer");
    site_expect(&site, "GET", "/v1/records/contact_attempt?host=GDN-001", NULL, 404, "not_found");
    site_expect(&site, "GET", "/v1/records/contact_attempt?referral=00112233445566778899aabbccddeeff", NULL, 404,
                "not_found");
    site_expect(&site, "GET", "/v1/records/attendance", NULL, 400, "invalid");
    site_expect(&site, "GET", "/v1/records/nothing", NULL, 404, "not_found");
    site_expect(&site, "GET", "/v1/records/host/nowhere", NULL, 404, "not_found");
    site_expect(&site, "GET", "/v1/records/claim/nowhere", NULL, 400, "invalid");
    reply_fini(&other);
    reply_fini(&list);
    reply_fini(&one);
}

Test(records, the_same_week_of_job_search_is_the_same_record_and_a_week_begins_on_monday)
{
    static const char *const weeks[] = {
        "{\"kind\": \"job_search\", \"fields\": {\"placement\": \"GDN-P001\", \"week\": \"2026-11-16\", \"minutes\": "
        "120}}",
        "{\"kind\": \"job_search\", \"fields\": {\"placement\": \"GDN-P001\", \"week\": \"2026-11-16\", \"minutes\": "
        "240}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(weeks); i++) {
        site_expect(&site, "POST", "/v1/records", weeks[i], 200, NULL);
    }
    site_expect(&site, "POST", "/v1/records",
                "{\"kind\": \"job_search\", \"fields\": {\"placement\": \"GDN-P001\", \"week\": \"2026-11-17\", "
                "\"minutes\": 120}}",
                400, "invalid");
    struct reply list = site_call(&site, "GET", "/v1/records/job_search?placement=GDN-P001", NULL);
    cr_assert_eq(reply_count(&list, "records"), 1);
    cr_expect_eq(reply_int(&list, "records.0.fields.minutes"), 240);
    reply_fini(&list);
}

Test(records, a_change_of_a_host_says_only_what_changed)
{
    site_expect(&site, "POST", "/v1/records",
                "{\"kind\": \"host\", \"fields\": {\"ref\": \"H-1\", \"name\": \"Garden of Nobody\", \"quota\": 3}}",
                200, NULL);
    site_expect(&site, "POST", "/v1/records", "{\"kind\": \"host\", \"fields\": {\"ref\": \"H-1\", \"quota\": 4}}", 200,
                NULL);
    struct reply host = site_call(&site, "GET", "/v1/records/host/H-1", NULL);
    cr_assert_eq(host.status, 200, "%s", host.text);
    cr_expect_str_eq(reply_text(&host, "record.fields.name"), "Garden of Nobody");
    cr_expect_eq(reply_int(&host, "record.fields.quota"), 4);
    reply_fini(&host);
}

Test(records, a_placement_names_its_participant_by_ref)
{
    site_expect(
        &site, "POST", "/v1/records",
        "{\"kind\": \"placement\", \"fields\": {\"ref\": \"GDN-P003\", \"participant\": \"GDN-002\", \"basis\": "
        "\"voluntary\", \"starts_on\": \"2026-11-02\", \"ends_on\": \"2026-12-18\", \"pattern\": \"Tue "
        "10:00-12:00\", \"weekly_minutes\": 120}}",
        200, NULL);
    struct reply reply = site_call(&site, "GET", "/v1/placements?on=2026-11-20", NULL);
    cr_assert_eq(reply_count(&reply, "placements"), 3);
    cr_expect_str_eq(reply_text(&reply, "placements.2.participant_name"), "Ben Tester");
    cr_expect_str_eq(reply_text(&reply, "placements.2.basis"), "voluntary");
    reply_fini(&reply);
}

Test(records, a_change_takes_the_id)
{
    struct reply reply = site_call(&site, "GET", "/v1/placements", NULL);
    char body[200];
    (void)snprintf(body, sizeof(body), "{\"kind\": \"placement\", \"id\": \"%s\", \"fields\": {\"note\": \"boots\"}}",
                   reply_text(&reply, "placements.0.id"));
    reply_fini(&reply);
    site_expect(&site, "POST", "/v1/records", body, 200, NULL);
    reply = site_call(&site, "GET", "/v1/placements", NULL);
    cr_expect_str_eq(reply_text(&reply, "placements.0.note"), "boots");
    cr_expect_str_eq(reply_text(&reply, "placements.0.ref"), "GDN-P001", "the rest stays");
    reply_fini(&reply);
}

Test(records, refuse_what_they_cannot_hold)
{
    static const char *const bodies[] = {
        "{\"kind\": \"volunteer\", \"fields\": {}}",
        "{\"kind\": \"decision\", \"fields\": {}}",
        "{\"kind\": \"appointment\", \"fields\": {}}",
        "{\"kind\": \"attendance\", \"fields\": {}}",
        "{\"kind\": \"participant\", \"fields\": {\"ref\": \"\"}}",
        "{\"kind\": \"participant\", \"fields\": {\"ref\": \"a@b\"}}",
        "{\"kind\": \"participant\", \"fields\": {\"ref\": \"A\", \"age\": 3}}",
        "{\"kind\": \"participant\", \"fields\": {\"ref\": 3}}",
        "{\"kind\": \"participant\", \"fields\": {\"ref\": \"JB123456C\"}}",
        "{\"kind\": \"participant\", \"fields\": {\"ref\": \"qq 12 34 56 c\"}}",
        "{\"kind\": \"participant\", \"fields\": {\"ref\": \"A\", \"name\": \"Cy Tester (QQ 12 34 56 C)\"}}",
        "{\"kind\": \"participant\", \"id\": \"12\", \"fields\": {\"ref\": \"A\"}}",
        "{\"kind\": \"referral\", \"fields\": {\"ref\": \"R-7\", \"participant\": \"GDN-001\", \"route\": \"cwp\", "
        "\"basis\": \"mandatory\", \"received_on\": \"2026-11-21\"}}",
        "{\"kind\": \"policy_decision\", \"fields\": {\"ref\": \"POL-7\", \"title\": \"T\", \"decision\": \"decline\", "
        "\"decided_by\": \"B\", \"decided_on\": \"2030-01-01\", \"reason\": \"R\"}}",
        "{\"kind\": \"placement\", \"fields\": {\"ref\": \"X\"}}",
        "{\"kind\": \"placement\", \"fields\": {\"ref\": \"X\", \"starts_on\": \"2026-02-30\"}}",
        "{\"kind\": \"notice\", \"fields\": {\"placement\": \"GDN-P001\", \"served_on\": \"2026-11-01\", "
        "\"served_by\": "
        "\"pigeon\"}}",
        "{\"kind\": \"notice\", \"fields\": {\"placement\": \"GDN-P001\", \"served_on\": 3, \"served_by\": \"post\"}}",
        "{\"kind\": \"notice\", \"fields\": {\"placement\": \"GDN-P001\", \"says_what\": 1}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        site_expect(&site, "POST", "/v1/records", bodies[i], 400, "invalid");
    }
    site_expect(&site, "POST", "/v1/records",
                "{\"kind\": \"notice\", \"fields\": {\"placement\": \"GDN-P9\", \"served_on\": \"2026-11-01\", "
                "\"served_by\": \"post\"}}",
                404, "not_found");
}

Test(records, every_code_of_the_programme_has_its_words_in_both_languages)
{
    static const struct {
        const char *member;
        enum label_set set;
    } sets[] = {
        { "outcomes", LABEL_OUTCOME }, { "reasons", LABEL_REASON },   { "decline_reasons", LABEL_DECLINE },
        { "routes", LABEL_ROUTE },     { "triggers", LABEL_TRIGGER },
    };
    struct reply reply = site_call(&site, "GET", "/v1/codes", NULL);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        size_t index;
        const json_t *label;
        json_array_foreach((json_t *)(uintptr_t)reply_at(&reply, sets[i].member), index, label)
        {
            const char *code = json_string_value(json_object_get(label, "code"));
            cr_assert_str_eq(code, programme_code_at(programme_default(), sets[i].set, index));
            cr_expect_str_eq(json_string_value(json_object_get(label, "label")),
                             programme_label(programme_default(), sets[i].set, code, LANGUAGE_ENGLISH));
            cr_expect_str_eq(json_string_value(json_object_get(label, "label_cy")),
                             programme_label(programme_default(), sets[i].set, code, LANGUAGE_WELSH));
        }
        cr_expect_gt(index, 2);
        cr_expect_null(programme_code_at(programme_default(), sets[i].set, index), "all of them");
    }
    reply_fini(&reply);
}

Test(records, a_notice_is_kept_and_in_the_log)
{
    site_expect(&site, "POST", "/v1/records",
                "{\"kind\": \"notice\", \"fields\": {\"placement\": \"GDN-P001\", \"served_on\": \"2026-11-02\", "
                "\"served_by\": \"post\", \"says_what\": true, \"says_when\": false}}",
                200, NULL);
    struct reply reply = site_call(&site, "GET", "/v1/log?limit=1", NULL);
    cr_expect_str_eq(reply_text(&reply, "entries.0.kind"), "notice");
    cr_expect_str_eq(reply_text(&reply, "entries.0.fields.served_on"), "2026-11-02");
    cr_expect_str_eq(reply_text(&reply, "entries.0.fields.served_by"), "post");
    cr_expect(json_is_true(reply_at(&reply, "entries.0.fields.says_what")));
    cr_expect(json_is_false(reply_at(&reply, "entries.0.fields.says_when")));
    cr_expect(json_is_true(reply_at(&reply, "entries.0.own")));
    cr_expect(json_is_false(reply_at(&reply, "entries.0.acknowledged")));
    reply_fini(&reply);
}

Test(records, the_log_of_one_subject_names_its_sessions)
{
    site_expect(&site, "POST", "/v1/attendance", "{\"session\": \"GDN-P002@2026-11-20\", \"outcome\": \"absent\"}", 200,
                NULL);
    struct reply reply = site_call(&site, "GET", "/v1/log?subject=GDN-P002@2026-11-20", NULL);
    cr_assert_eq(reply_count(&reply, "entries"), 1);
    cr_expect_str_eq(reply_text(&reply, "entries.0.subject_name"), "GDN-P002@2026-11-20");
    cr_expect_str_eq(reply_text(&reply, "entries.0.fields.outcome"), "absent");
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/log?subject=GDN-001", NULL);
    cr_assert_eq(reply_count(&reply, "entries"), 1);
    cr_expect_str_eq(reply_text(&reply, "entries.0.kind"), "participant");
    reply_fini(&reply);
    site_expect(&site, "GET", "/v1/log?subject=GDN-404", NULL, 404, "not_found");
}

Test(referrals, are_answered)
{
    refer("R-1");
    struct reply reply = site_call(&site, "GET", "/v1/referrals?status=received", NULL);
    cr_assert_eq(reply_count(&reply, "referrals"), 1);
    cr_expect(json_is_false(reply_at(&reply, "referrals.0.from_centre")));
    reply_fini(&reply);
    reply = site_call(&site, "POST", "/v1/referrals/R-1/acknowledge", "");
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "referral.status"), "acknowledged");
    cr_expect_str_eq(reply_text(&reply, "referral.status_on"), SITE_TODAY);
    reply_fini(&reply);
    reply = site_call(&site, "POST", "/v1/referrals/R-1/accept", "{\"on\": \"2026-11-19\", \"note\": \"Mondays\"}");
    cr_expect_eq(reply.status, 200, "%s", reply.text);
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/export/referral_event?format=json", NULL);
    cr_assert_eq(reply_count(&reply, "rows"), 2, "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "rows.0.referral"), "R-1");
    cr_expect_str_eq(reply_text(&reply, "rows.0.status"), "accepted");
    cr_expect_str_eq(reply_text(&reply, "rows.0.on"), "2026-11-19");
    cr_expect_str_eq(reply_text(&reply, "rows.0.note"), "Mondays");
    cr_expect_str_eq(reply_text(&reply, "rows.1.status"), "acknowledged");
    reply_fini(&reply);
}

Test(referrals, are_accepted_for_an_opportunity_that_is_open)
{
    refer("R-6");
    site_expect(&site, "POST", "/v1/records",
                "{\"kind\": \"host\", \"fields\": {\"ref\": \"PARK\", \"name\": \"Park Friends\"}}", 200, NULL);
    site_expect(
        &site, "POST", "/v1/records",
        "{\"kind\": \"opportunity\", \"fields\": {\"ref\": \"PATHS\", \"host\": \"PARK\", \"title\": \"Paths\", "
        "\"closed_on\": \"2026-11-20\"}}",
        200, NULL);
    site_expect(&site, "POST", "/v1/referrals/R-6/acknowledge", "{\"opportunity\": \"PATHS\"}", 400, "invalid");
    site_expect(&site, "POST", "/v1/referrals/R-6/accept", "{\"opportunity\": \"NONE\"}", 404, "not_found");
    site_expect(&site, "POST", "/v1/referrals/R-6/accept", "{\"opportunity\": \"PATHS\"}", 409, "refused");
    struct reply reply =
        site_call(&site, "POST", "/v1/referrals/R-6/accept", "{\"opportunity\": \"PATHS\", \"on\": \"2026-11-19\"}");
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/referrals/R-6", NULL);
    cr_expect_str_eq(reply_text(&reply, "events.0.opportunity"), "PATHS");
    cr_expect(json_is_null(reply_at(&reply, "referral.needs")));
    reply_fini(&reply);
}

Test(referrals, show_needs_and_restrictions_to_those_whom_they_concern)
{
    site_expect(
        &site, "POST", "/v1/records",
        "{\"kind\": \"referral\", \"fields\": {\"ref\": \"R-9\", \"participant\": \"GDN-001\", \"route\": \"cwp\", "
        "\"basis\": \"mandatory\", \"received_on\": \"2026-11-17\", \"needs\": \"a seat\", "
        "\"restrictions\": \"no lifting\"}}",
        200, NULL);
    struct reply reply = site_call(&site, "GET", "/v1/referrals/R-9", NULL);
    cr_expect_str_eq(reply_text(&reply, "referral.needs"), "a seat");
    cr_expect_str_eq(reply_text(&reply, "referral.restrictions"), "no lifting");
    reply_fini(&reply);
    site.roles = ROLE_TRUSTEE;
    reply = site_call(&site, "GET", "/v1/referrals/R-9", NULL);
    cr_expect_eq(reply.status, 200, "%s", reply.text);
    cr_expect(json_is_null(reply_at(&reply, "referral.needs")), "%s", reply.text);
    cr_expect(json_is_null(reply_at(&reply, "referral.restrictions")), "%s", reply.text);
    reply_fini(&reply);
}

Test(referrals, declining_as_a_policy_is_recorded_as_such)
{
    refer("R-2");
    struct reply reply = site_call(&site, "POST", "/v1/referrals/R-2/decline",
                                   "{\"policy\": true, \"reason\": \"mission\", \"note\": \"no mandated placements\"}");
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "referral.status"), "declined");
    cr_expect_str_eq(reply_text(&reply, "warnings.0"),
                     "the reason is kept as it is, but is not a code of this programme");
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/log?limit=1", NULL);
    cr_expect(json_is_true(reply_at(&reply, "entries.0.fields.policy")));
    reply_fini(&reply);
}

Test(referrals, a_reason_to_decline_is_a_code_of_the_programme_and_one_of_them_is_a_matter_of_policy)
{
    static const struct {
        const char *body;
        bool policy;
        const char *warning;
    } cases[] = {
        { "{\"reason\": \"no_capacity\"}", false, NULL },
        { "{\"reason\": \"policy\"}", true, NULL },
        { "{\"reason\": \"too_faar\"}", false,
          "the reason is kept as it is, but is not a code of this programme; did you mean 'too_far'?" },
        { "{\"reason\": \"no_capacity\", \"policy\": true}", true, NULL },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char ref[16];
        char path[64];
        (void)snprintf(ref, sizeof(ref), "R-2%zu", i);
        (void)snprintf(path, sizeof(path), "/v1/referrals/%s/decline", ref);
        refer(ref);
        struct reply reply = site_call(&site, "POST", path, cases[i].body);
        cr_assert_eq(reply.status, 200, "%s", reply.text);
        cr_expect_eq(reply_count(&reply, "warnings"), cases[i].warning == NULL ? 0 : 1, "%s", reply.text);
        if (cases[i].warning != NULL) {
            cr_expect_str_eq(reply_text(&reply, "warnings.0"), cases[i].warning);
        }
        reply_fini(&reply);
        (void)snprintf(path, sizeof(path), "/v1/referrals/%s", ref);
        reply = site_call(&site, "GET", path, NULL);
        cr_expect_eq(json_is_true(reply_at(&reply, "events.0.policy")), cases[i].policy, "%s", reply.text);
        reply_fini(&reply);
    }
    refer("R-29");
    site_expect(&site, "POST", "/v1/referrals/R-29/decline", "{\"reason\": \"policy\", \"policy\": false}", 400,
                "invalid");
    struct reply reply = site_call(&site, "POST", "/v1/referrals/R-29/pause", "{\"reason\": \"no_capacity\"}");
    cr_expect_eq(reply_count(&reply, "warnings"), 1, "a pause is for a reason of the person's: %s", reply.text);
    reply_fini(&reply);
}

Test(referrals, refuse_what_is_no_answer)
{
    refer("R-3");
    site_expect(&site, "POST", "/v1/referrals/R-3/eat", "{}", 404, "not_found");
    site_expect(&site, "POST", "/v1/referrals/R-3", "{}", 404, "not_found");
    site_expect(&site, "POST", "/v1/referrals/R-9/accept", "{}", 404, "not_found");
    site_expect(&site, "POST", "/v1/referrals/R-3/accept", "{\"policy\": true}", 400, "invalid");
    site_expect(&site, "POST", "/v1/referrals/R-3/accept", "{\"on\": \"2026-11-21\"}", 400, "invalid");
    site_expect(&site, "POST", "/v1/referrals/R-3/accept", "{\"on\": \"2013-11-21\"}", 400, "invalid");
    site_expect(&site, "POST", "/v1/referrals/R-3/decline", "{}", 400, "invalid");
    site_expect(&site, "POST", "/v1/referrals/R-3/decline", "{\"reason\": \"Too Far\"}", 400, "invalid");
}

static void answer(const char *ref, const char *word, const char *body, const char *status)
{
    char path[100];
    (void)snprintf(path, sizeof(path), "/v1/referrals/%s/%s", ref, word);
    struct reply reply = site_call(&site, "POST", path, body);
    cr_assert_eq(reply.status, 200, "%s: %s", path, reply.text);
    cr_expect_str_eq(reply_text(&reply, "referral.status"), status, "%s", path);
    reply_fini(&reply);
}

static size_t expected_today(void)
{
    struct reply reply = site_call(&site, "GET", "/v1/roll", NULL);
    size_t count = reply_count(&reply, "sessions");
    reply_fini(&reply);
    return count;
}

Test(referrals, that_are_not_in_force_have_nobody_expected_and_name_the_placements_that_go_on)
{
    refer("R-7");
    size_t before = expected_today();
    site_expect(&site, "POST", "/v1/placements",
                "{\"ref\": \"P-70\", \"referral\": \"R-7\", \"starts_on\": \"2026-11-16\", \"weeks\": 4, "
                "\"pattern\": \"Mon-Fri 16:00-18:00\"}",
                200, NULL);
    answer("R-7", "start", "{}", "started");
    cr_expect_eq(expected_today(), before + 1);
    struct reply reply = site_call(&site, "POST", "/v1/referrals/R-7/pause", "{}");
    cr_assert_eq(reply_count(&reply, "warnings"), 1, "%s", reply.text);
    cr_expect_not_null(strstr(reply_text(&reply, "warnings.0"), "placement P-70 goes on until 2026-12-13"));
    reply_fini(&reply);
    cr_expect_eq(expected_today(), before);
    reply = site_call(&site, "POST", "/v1/referrals/R-7/resume", "{}");
    cr_expect_eq(reply_count(&reply, "warnings"), 0, "%s", reply.text);
    reply_fini(&reply);
    cr_expect_eq(expected_today(), before + 1);
    reply = site_call(&site, "POST", "/v1/referrals/R-7/withdraw", "{}");
    cr_expect_eq(reply_count(&reply, "warnings"), 1, "%s", reply.text);
    cr_expect_not_null(strstr(reply_text(&reply, "warnings.0"), "last day"));
    reply_fini(&reply);
    cr_expect_eq(expected_today(), before);
}

Test(referrals, a_move_that_is_impossible_is_refused_with_what_is_possible)
{
    refer("R-4");
    struct reply reply = site_call(&site, "POST", "/v1/referrals/R-4/complete", "{}");
    cr_expect_eq(reply.status, 409);
    cr_expect_str_eq(reply_text(&reply, "error.message"),
                     "answer the referral with complete: it is received; possible now: "
                     "acknowledge, accept, decline, pause or withdraw");
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/referrals/R-4", NULL);
    cr_expect_eq(reply_count(&reply, "events"), 0, "nothing was recorded");
    cr_expect_eq(reply_count(&reply, "possible"), 5);
    reply_fini(&reply);
    site.roles = ROLE_TRUSTEE;
    reply = site_call(&site, "GET", "/v1/referrals/R-4", NULL);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(reply_count(&reply, "possible"), 0, "who only reads is offered no answer");
    reply_fini(&reply);
    site.roles = 0;
}

Test(referrals, resume_leads_back_to_where_it_stood_before_the_pause)
{
    refer("R-5");
    answer("R-5", "pause", "{}", "paused");
    answer("R-5", "resume", "{}", "received");
    answer("R-5", "accept", "{}", "accepted");
    answer("R-5", "start", "{}", "started");
    answer("R-5", "pause", "{\"reason\": \"health\"}", "paused");
    site_expect(&site, "POST", "/v1/referrals/R-5/complete", "{}", 409, "refused");
    answer("R-5", "resume", "{}", "started");
    answer("R-5", "pause", "{\"reason\": \"health\"}", "paused"); /* in the same words as before */
    answer("R-5", "resume", "{}", "started");
    answer("R-5", "complete", "{}", "completed");
    struct reply reply = site_call(&site, "GET", "/v1/referrals/R-5", NULL);
    cr_assert_eq(reply_count(&reply, "events"), 9);
    cr_expect_str_eq(reply_text(&reply, "events.4.status"), "paused");
    cr_expect_str_eq(reply_text(&reply, "events.4.reason"), "health");
    cr_expect_str_eq(reply_text(&reply, "events.8.status"), "completed");
    reply_fini(&reply);
}

Test(referrals, one_that_is_over_is_taken_up_again_with_a_note_only)
{
    refer("R-6");
    answer("R-6", "accept", "{}", "accepted");
    answer("R-6", "did_not_start", "{}", "did_not_start");
    site_expect(&site, "POST", "/v1/referrals/R-6/start", "{}", 409, "refused");
    site_expect(&site, "POST", "/v1/referrals/R-6/resume", "{}", 400, "invalid");
    answer("R-6", "resume", "{\"note\": \"the bus was late, she was there\"}", "accepted");
    answer("R-6", "start", "{}", "started");
}

Test(referrals, are_not_taken_up_again_before_the_day_since_which_they_are_out)
{
    refer("R-8");
    answer("R-8", "pause", "{\"on\": \"2026-11-18\"}", "paused");
    struct reply reply = site_call(&site, "POST", "/v1/referrals/R-8/resume", "{\"on\": \"2026-11-17\"}");
    cr_expect_eq(reply.status, 400);
    cr_expect_not_null(strstr(reply.text, "a day from the one since which it is not in force"), "%s", reply.text);
    reply_fini(&reply);
    answer("R-8", "resume", "{\"on\": \"2026-11-18\"}", "received");
}

Test(capacity, is_stated_once_a_day_and_forecast)
{
    struct reply reply = site_call(&site, "GET", "/v1/capacity/forecast", NULL);
    cr_expect(json_is_false(reply_at(&reply, "possible")));
    cr_expect(json_is_null(reply_at(&reply, "weeks")));
    reply_fini(&reply);
    site_expect(&site, "POST", "/v1/capacity", "{\"places\": 3}", 200, NULL);
    reply = site_call(&site, "POST", "/v1/capacity", "{\"places\": 4, \"supervisor_minutes\": 600}");
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(reply_int(&reply, "statement.places"), 4);
    cr_expect_eq(reply_int(&reply, "statement.supervisor_minutes"), 600);
    cr_expect_str_eq(reply_text(&reply, "statement.stated_on"), SITE_TODAY);
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/capacity", NULL);
    cr_expect_eq(reply_int(&reply, "running"), 2);
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/capacity/forecast", NULL);
    cr_expect(json_is_true(reply_at(&reply, "possible")));
    cr_expect_eq(reply_int(&reply, "taken_now"), 2);
    cr_expect_eq(reply_count(&reply, "weeks"), FORECAST_WEEKS_MAX);
    cr_expect_str_eq(reply_text(&reply, "weeks.0.ends_on"), "2026-11-27");
    reply_fini(&reply);
}

Test(capacity, refuses_what_is_no_number_of_places)
{
    site_expect(&site, "POST", "/v1/capacity", "{}", 400, "invalid");
    site_expect(&site, "POST", "/v1/capacity", "{\"places\": -1}", 400, "invalid");
    site_expect(&site, "POST", "/v1/capacity", "{\"places\": 1.5}", 400, "invalid");
    site_expect(&site, "POST", "/v1/capacity", "{\"places\": 100001}", 400, "invalid");
}

static void person(const char *fields)
{
    char body[500];
    (void)snprintf(body, sizeof(body), "{\"kind\": \"participant\", \"fields\": {%s}}", fields);
    site_expect(&site, "POST", "/v1/records", body, 200, NULL);
}

Test(duplicates, are_listed_until_a_person_merges_them)
{
    person("\"ref\": \"gdn 1\", \"name\": \"Somebody Else\"");
    person("\"ref\": \"X-7\", \"name\": \"Tester, D\u00e2f\", \"phone\": \"07700 900123\"");
    person("\"ref\": \"Y-8\", \"name\": \"daf tester\", \"phone\": \"+44 7700 900123\"");
    person("\"ref\": \"Z-9\", \"name\": \"daf tester\", \"phone\": \"07700 900999\"");
    struct reply reply = site_call(&site, "GET", "/v1/duplicates", NULL);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_assert_eq(reply_count(&reply, "duplicates"), 2, "%s", reply.text);
    reply_fini(&reply);
    site_expect(&site, "POST", "/v1/merge", "{\"duplicate\": \"Y-8\", \"into\": \"X-7\"}", 400, "invalid");
    reply =
        site_call(&site, "POST", "/v1/merge", "{\"duplicate\": \"Y-8\", \"into\": \"X-7\", \"reason\": \"rang her\"}");
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(reply_count(&reply, "records"), 2);
    reply_fini(&reply);
    site_expect(&site, "POST", "/v1/merge", "{\"duplicate\": \"X-7\", \"into\": \"Y-8\", \"reason\": \"again\"}", 409,
                "conflict");
    reply = site_call(&site, "GET", "/v1/duplicates", NULL);
    cr_assert_eq(reply_count(&reply, "duplicates"), 1);
    cr_expect_str_eq(reply_text(&reply, "duplicates.0.why"), "ref");
    reply_fini(&reply);
    site_expect(&site, "POST", "/v1/merge", "{\"duplicate\": \"Y-8\", \"undo\": true, \"reason\": \"sisters\"}", 200,
                NULL);
    site_expect(&site, "POST", "/v1/merge", "{\"duplicate\": \"Y-8\", \"undo\": true, \"reason\": \"sisters\"}", 404,
                "not_found");
    reply = site_call(&site, "GET", "/v1/duplicates", NULL);
    cr_expect_eq(reply_count(&reply, "duplicates"), 2);
    reply_fini(&reply);
}

Test(duplicates, that_another_machine_merged_are_confirmed_here_once)
{
    struct voice other;
    struct store_entry entry;
    struct store_applied applied;
    struct error err = { 0 };
    static const char confirm[] = "{\"duplicate\": \"GDN-002\", \"confirm\": true, \"reason\": \"saw both\"}";
    site_expect(&site, "POST", "/v1/merge", confirm, 404, "not_found");
    voice_start(&site.world, &other, CERTIFICATE_ROLE_AGENT);
    entry_merge(&site.world, &entry, "GDN-002", "GDN-001", false);
    voice_say(&other, &entry);
    cr_assert_eq(voice_reach(&other, 0, 1, &site.replica, &applied, &err), ERR_OK, "%s", err.message);
    voice_stop(&other);
    struct reply reply = site_call(&site, "GET", "/v1/merges", NULL);
    cr_expect_str_eq(reply_text(&reply, "merges.0.duplicate.ref"), "GDN-002", "%s", reply.text);
    cr_expect(json_is_false(reply_at(&reply, "merges.0.sure")));
    cr_expect(json_is_false(reply_at(&reply, "merges.0.recorded_here")));
    reply_fini(&reply);
    site_expect(&site, "POST", "/v1/merge", confirm, 200, NULL);
    site_expect(&site, "POST", "/v1/merge", confirm, 409, "conflict");
    reply = site_call(&site, "GET", "/v1/merges", NULL);
    cr_expect_eq(reply_count(&reply, "merges"), 1);
    cr_expect(json_is_true(reply_at(&reply, "merges.0.sure")));
    cr_expect_str_eq(reply_text(&reply, "merges.0.reason"), "letter 7");
    reply_fini(&reply);
}

Test(placing, takes_what_was_not_said_from_the_referral_and_the_opportunity)
{
    refer("R-7");
    site_expect(&site, "POST", "/v1/records",
                "{\"kind\": \"host\", \"fields\": {\"ref\": \"PARK\", \"name\": \"Park Friends\"}}", 200, NULL);
    site_expect(
        &site, "POST", "/v1/records",
        "{\"kind\": \"opportunity\", \"fields\": {\"ref\": \"PATHS\", \"host\": \"PARK\", \"title\": \"Paths\", "
        "\"pattern\": \"Tue Thu 10:00-13:00\"}}",
        200, NULL);
    struct reply reply = site_call(&site, "POST", "/v1/placements",
                                   "{\"ref\": \"GDN-P7\", \"referral\": \"R-7\", \"opportunity\": \"PATHS\", "
                                   "\"starts_on\": \"2026-11-23\", \"weeks\": 26}");
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "fields.host"), "Park Friends");
    cr_expect_str_eq(reply_text(&reply, "fields.role"), "Paths");
    cr_expect_str_eq(reply_text(&reply, "fields.basis"), "mandatory");
    cr_expect_str_eq(reply_text(&reply, "fields.ends_on"), "2027-05-23");
    cr_expect_eq(reply_int(&reply, "fields.weekly_minutes"), 360);
    cr_expect_eq(reply_int(&reply, "fields.sequence"), 2, "GDN-001 has one already");
    cr_expect_eq(reply_count(&reply, "warnings"), 2, "nobody assessed it, and GDN-P001 runs then: %s", reply.text);
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/placements/GDN-P7", NULL);
    cr_expect_str_eq(reply_text(&reply, "opportunity_ref"), "PATHS");
    cr_expect_eq(reply_count(&reply, "in_a_row"), 2);
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/referrals/R-7", NULL);
    cr_expect_str_eq(reply_text(&reply, "referral.status"), "accepted", "a placement answers its referral");
    reply_fini(&reply);
    site_expect(&site, "POST", "/v1/referrals/R-7/pause", "{\"on\": \"2026-11-19\", \"reason\": \"health\"}", 200,
                NULL);
    reply = site_call(&site, "GET", "/v1/placements/GDN-P7", NULL);
    cr_expect_str_eq(reply_text(&reply, "referral_ref"), "R-7");
    cr_expect_str_eq(reply_text(&reply, "referral_status"), "paused");
    cr_expect_str_eq(reply_text(&reply, "referral_status_on"), "2026-11-19");
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/placements/GDN-P001", NULL);
    cr_expect(json_is_null(reply_at(&reply, "referral_status")), "%s", reply.text);
    reply_fini(&reply);
}

Test(placing, a_change_names_what_is_there_and_a_new_record_what_is_not)
{
    static const char change[] = "{\"kind\": \"placement\", \"there\": %s, \"fields\": {\"ref\": \"%s\", "
                                 "\"ends_on\": \"2026-12-11\", \"reduced_hours_reason\": \"school run\"}}";
    char body[240];
    (void)snprintf(body, sizeof(body), change, "true", "GDN-P99");
    site_expect(&site, "POST", "/v1/records", body, 404, "not_found");
    (void)snprintf(body, sizeof(body), change, "false", "GDN-P001");
    site_expect(&site, "POST", "/v1/records", body, 409, "conflict");
    (void)snprintf(body, sizeof(body), change, "true", "GDN-P001");
    site_expect(&site, "POST", "/v1/records", body, 200, NULL);
    struct reply reply = site_call(&site, "GET", "/v1/placements/GDN-P001", NULL);
    cr_expect_str_eq(reply_text(&reply, "placement.ends_on"), "2026-12-11");
    cr_expect_str_eq(reply_text(&reply, "reduced_hours_reason"), "school run");
    reply_fini(&reply);
}

Test(placing, says_that_nothing_is_expected_without_a_pattern_that_the_place_is_open_and_what_it_runs_beside)
{
    struct reply reply = site_call(&site, "POST", "/v1/placements",
                                   "{\"ref\": \"GDN-P8\", \"participant\": \"GDN-001\", \"basis\": \"voluntary\", "
                                   "\"starts_on\": \"2026-11-23\", \"weeks\": 2, \"weekly_minutes\": 60}");
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_not_null(strstr(reply.text, "no session is ever expected"), "%s", reply.text);
    cr_expect_not_null(strstr(reply.text, "no place is given"), "%s", reply.text);
    cr_expect_not_null(strstr(reply.text, "the person's other placement GDN-P001"), "%s", reply.text);
    reply_fini(&reply);
    reply = site_call(&site, "POST", "/v1/placements",
                      "{\"ref\": \"GDN-P9\", \"participant\": \"GDN-001\", \"basis\": \"voluntary\", \"starts_on\": "
                      "\"2031-11-24\", \"weeks\": 2, \"pattern\": \"Mon 09:00-12:00\", \"host\": \"Invented Garden\"}");
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(reply_count(&reply, "warnings"), 1, "of the opportunity alone: %s", reply.text);
    reply_fini(&reply);
}

static size_t limits_named(const char *ref, const char *basis, int weeks, const char *hours)
{
    char body[320];
    (void)snprintf(body, sizeof(body),
                   "{\"ref\": \"%s\", \"participant\": \"GDN-001\", \"basis\": \"%s\", \"starts_on\": \"2031-11-24\", "
                   "\"weeks\": %d, \"pattern\": \"Mon-Fri %s\", \"host\": \"Invented Garden\"}",
                   ref, basis, weeks, hours);
    struct reply reply = site_call(&site, "POST", "/v1/placements", body);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    size_t named = (strstr(reply.text, "more than the 30:00 that can be required") != NULL) +
                   (strstr(reply.text, "longer than the 30 weeks that can be required") != NULL);
    reply_fini(&reply);
    return named;
}

Test(placing, names_hours_and_weeks_beyond_what_can_be_required)
{
    cr_expect_eq(limits_named("GDN-P20", "voluntary", 31, "00:00-06:01"), 0, "nothing is required");
    cr_expect_eq(limits_named("GDN-P21", "mandatory", 30, "07:00-13:00"), 0);
    cr_expect_eq(limits_named("GDN-P22", "mandatory", 31, "14:00-17:00"), 1);
    cr_expect_eq(limits_named("GDN-P23", "mandatory", 30, "17:30-23:31"), 1);
}

Test(placing, refuses_what_is_not_enough)
{
    static const char *const bodies[] = {
        "{\"ref\": \"GDN-P8\", \"participant\": \"GDN-001\", \"basis\": \"mandatory\", \"starts_on\": \"2026-11-23\"}",
        "{\"ref\": \"GDN-P8\", \"participant\": \"GDN-001\", \"starts_on\": \"2026-11-23\", \"weeks\": 2}",
        "{\"ref\": \"GDN-P8\", \"participant\": \"GDN-001\", \"basis\": \"voluntary\", \"starts_on\": \"2026-11-23\", "
        "\"weeks\": 2}",
        "{\"ref\": \"GDN@P8\", \"participant\": \"GDN-001\", \"basis\": \"voluntary\", \"starts_on\": \"2026-11-23\", "
        "\"weeks\": 2, \"weekly_minutes\": 60}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        site_expect(&site, "POST", "/v1/placements", bodies[i], 400, "invalid");
    }
    site_expect(&site, "POST", "/v1/placements",
                "{\"ref\": \"GDN-P001\", \"participant\": \"GDN-001\", \"basis\": \"voluntary\", \"starts_on\": "
                "\"2026-11-23\", \"weeks\": 2, \"weekly_minutes\": 60}",
                409, "conflict");
}

static void expect_welsh(const char *path, const char *member, enum label_set set, const char *code)
{
    char text[200];
    char at[120];
    struct reply reply = site_call(&site, "GET", path, NULL);
    (void)snprintf(at, sizeof(at), "%.80s.label_cy", member);
    cr_expect_null(strstr(reply.text, "label_cy"), "nobody asked: %s", reply.text);
    reply_fini(&reply);
    (void)snprintf(text, sizeof(text), "%s%slabels=1", path, strchr(path, '?') == NULL ? "?" : "&");
    reply = site_call(&site, "GET", text, NULL);
    cr_expect_str_eq(reply_text(&reply, at), programme_label(programme_default(), set, code, LANGUAGE_WELSH), "%s",
                     reply.text);
    reply_fini(&reply);
    (void)snprintf(text, sizeof(text), "%s%slabels=cy", path, strchr(path, '?') == NULL ? "?" : "&");
    site_expect(&site, "GET", text, NULL, 400, "invalid");
}

Test(records, lists_have_what_people_read_for_their_codes_where_it_is_asked_for)
{
    site_expect(&site, "POST", "/v1/records",
                "{\"kind\": \"placement_break\", \"fields\": {\"placement\": \"GDN-P001\", \"starts_on\": "
                "\"2026-12-24\", \"ends_on\": \"2026-12-31\", \"reason\": \"health\"}}",
                200, NULL);
    site_expect(&site, "POST", "/v1/records",
                "{\"kind\": \"referral\", \"fields\": {\"ref\": \"R-W\", \"participant\": \"GDN-001\", \"route\": "
                "\"cwp\", \"basis\": \"mandatory\", \"received_on\": \"2026-08-17\"}}",
                200, NULL);
    site_expect(&site, "POST", "/v1/attendance",
                "{\"session\": \"GDN-P001@2026-11-18\", \"outcome\": \"late\", \"minutes\": 200, \"reason\": "
                "\"caring\"}",
                200, NULL);
    expect_welsh("/v1/records/placement_break", "records.0.labels.reason", LABEL_REASON, "health");
    expect_welsh("/v1/records/referral/R-W", "record.labels.route", LABEL_ROUTE, "cwp");
    expect_welsh("/v1/referrals?status=received", "referrals.0.labels.route", LABEL_ROUTE, "cwp");
    expect_welsh("/v1/sessions/GDN-P001@2026-11-18", "session.labels.outcome", LABEL_OUTCOME, "late");
    expect_welsh("/v1/sessions/GDN-P001@2026-11-18", "assertions.0.labels.reason", LABEL_REASON, "caring");
}
