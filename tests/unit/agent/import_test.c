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

TestSuite(import, .init = start, .fini = stop);

#define REGISTER "placement,date,outcome,minutes,note\n"

Test(import, the_same_file_twice_adds_nothing)
{
    static const char file[] = REGISTER "GDN-P001,16/11/2026,attended,360,\nGDN-P002,2026-11-18,A,,no word\n";
    struct reply reply = site_call(&site, "POST", "/v1/import?kind=register&name=week.csv", file);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect(json_is_false(reply_at(&reply, "refused")));
    cr_expect_eq(reply_int(&reply, "added"), 2);
    cr_expect_str_eq(reply_text(&reply, "name"), "week.csv");
    cr_expect_str_eq(reply_text(&reply, "delimiter"), "comma");
    reply_fini(&reply);
    reply = site_call(&site, "POST", "/v1/import?kind=register", file);
    cr_expect_eq(reply_int(&reply, "added"), 0);
    cr_expect_eq(reply_int(&reply, "unchanged"), 2);
    reply_fini(&reply);
}

Test(import, a_dry_run_says_what_would_happen_and_keeps_nothing)
{
    static const char file[] = REGISTER "GDN-P001,16/11/2026,attended,360,\n";
    struct reply reply = site_call(&site, "POST", "/v1/import?kind=register&dry_run=1", file);
    cr_expect_eq(reply_int(&reply, "added"), 1);
    cr_expect(json_is_true(reply_at(&reply, "dry_run")));
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/sessions/GDN-P001@2026-11-16", NULL);
    cr_expect_eq(reply_count(&reply, "assertions"), 0);
    reply_fini(&reply);
}

Test(import, a_reason_that_is_no_code_of_the_programme_is_taken_only_where_it_is_meant)
{
    static const char file[] = "placement,date,outcome,reason\nGDN-P001,16/11/2026,A,helth\n";
    struct reply reply = site_call(&site, "POST", "/v1/import?kind=register", file);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect(json_is_true(reply_at(&reply, "refused")));
    cr_expect_not_null(strstr(reply_text(&reply, "problems.0.expected"), "such as 'health'"), "%s", reply.text);
    reply_fini(&reply);
    reply = site_call(&site, "POST", "/v1/import?kind=register&partial=1", file);
    cr_expect_eq(reply_int(&reply, "added"), 0);
    cr_expect_not_null(strstr(reply_text(&reply, "reject_file"), "helth"));
    reply_fini(&reply);
    reply = site_call(&site, "POST", "/v1/import?kind=register&unknown_code=1", file);
    cr_expect_eq(reply_int(&reply, "added"), 1, "%s", reply.text);
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/sessions/GDN-P001@2026-11-16", NULL);
    cr_expect_str_eq(reply_text(&reply, "session.reason"), "helth", "kept as it is");
    reply_fini(&reply);
}

Test(import, a_bad_file_is_refused_whole_with_line_and_column)
{
    static const char file[] = REGISTER "GDN-P001,16/11/2026,attended,360,\nGDN-P404,31/11/2026,asleep,360,\n";
    struct reply reply = site_call(&site, "POST", "/v1/import?kind=register", file);
    cr_assert_eq(reply.status, 200);
    cr_expect(json_is_true(reply_at(&reply, "refused")));
    cr_expect_eq(reply_int(&reply, "added"), 0);
    cr_expect_eq(reply_int(&reply, "problem_count"), 3);
    cr_expect_eq(reply_int(&reply, "problems.0.line"), 3);
    cr_expect_eq(reply_int(&reply, "problems.0.column"), 1);
    cr_expect_str_eq(reply_text(&reply, "problems.0.column_name"), "placement");
    cr_expect_str_eq(reply_text(&reply, "problems.0.found"), "GDN-P404");
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/sessions/GDN-P001@2026-11-16", NULL);
    cr_expect_eq(reply_count(&reply, "assertions"), 0, "the good row was not taken either");
    reply_fini(&reply);
}

Test(import, a_national_insurance_number_is_no_reference_and_no_name)
{
    static const char file[] = "ref,participant,name,route,basis,received\n"
                               "R-81,QQ123456C,Di Tester,cwp,mandatory,02/11/2026\n"
                               "R-82,GDN-082,Ed Tester qq 12 34 56 c,cwp,mandatory,02/11/2026\n";
    struct reply reply = site_call(&site, "POST", "/v1/import?kind=referrals", file);
    cr_expect(json_is_true(reply_at(&reply, "refused")), "%s", reply.text);
    cr_expect_eq(reply_int(&reply, "problem_count"), 2, "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "problems.0.column_name"), "participant");
    cr_expect_str_eq(reply_text(&reply, "problems.1.column_name"), "name");
    reply_fini(&reply);
}

Test(import, partial_takes_the_good_rows_and_gives_the_others_back)
{
    static const char file[] = REGISTER "GDN-P001,16/11/2026,attended,360,\nGDN-P404,16/11/2026,attended,360,\n";
    struct reply reply = site_call(&site, "POST", "/v1/import?kind=register&partial=1", file);
    cr_expect(json_is_false(reply_at(&reply, "refused")));
    cr_expect_eq(reply_int(&reply, "added"), 1);
    cr_expect_not_null(strstr(reply_text(&reply, "reject_file"), "GDN-P404"));
    cr_expect_not_null(strstr(reply_text(&reply, "reject_file"), "reject_reason"));
    reply_fini(&reply);
}

Test(import, a_change_carries_a_note_and_a_later_correction_is_not_undone)
{
    static const char first[] = REGISTER "GDN-P001,16/11/2026,absent,,\n";
    static const char second[] = REGISTER "GDN-P001,16/11/2026,attended,360,\n";
    site_expect(&site, "POST", "/v1/import?kind=register", first, 200, NULL);
    struct reply reply = site_call(&site, "POST", "/v1/import?kind=register", second);
    cr_expect_eq(reply_int(&reply, "added"), 1);
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/sessions/GDN-P001@2026-11-16", NULL);
    cr_assert_eq(reply_count(&reply, "assertions"), 2);
    cr_expect_str_eq(reply_text(&reply, "assertions.1.note"), "changed by import");
    reply_fini(&reply);
    static const char *const again[] = { first, second };
    for (size_t i = 0; i < ARRAY_LEN(again); i++) {
        reply = site_call(&site, "POST", "/v1/import?kind=register", again[i]);
        cr_expect_eq(reply_int(&reply, "added"), 0);
        reply_fini(&reply);
    }
    reply = site_call(&site, "GET", "/v1/sessions/GDN-P001@2026-11-16", NULL);
    cr_expect_str_eq(reply_text(&reply, "session.outcome"), "attended");
    reply_fini(&reply);
}

Test(import, never_settles_a_dispute)
{
    struct replica other;
    struct error err;
    replica_start(&site.world, &other, CERTIFICATE_ROLE_AGENT);
    cr_assert_eq(replica_carry(&site.replica, 0, 1000, &other, &err), ERR_OK, "%s", err.message);
    site_expect(&site, "POST", "/v1/attendance", "{\"session\": \"GDN-P001@2026-11-16\", \"outcome\": \"absent\"}", 200,
                NULL);
    struct store_entry entry;
    entry_attendance(&site.world, &entry, "GDN-P001", "2026-11-16", 0, OUTCOME_ATTENDED, 360, NULL);
    replica_write(&other, &entry, site.now_ms);
    cr_assert_eq(replica_carry(&other, 0, 1000, &site.replica, &err), ERR_OK, "%s", err.message);
    static const char file[] = REGISTER "GDN-P001,16/11/2026,late,300,\n";
    struct reply reply = site_call(&site, "POST", "/v1/import?kind=register", file);
    cr_expect_eq(reply_int(&reply, "added"), 0);
    cr_expect_eq(reply_int(&reply, "warning_count"), 1);
    cr_expect_eq(reply_int(&reply, "warnings.0.line"), 2);
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/sessions/GDN-P001@2026-11-16", NULL);
    cr_expect_str_eq(reply_text(&reply, "session.standing"), "disputed");
    reply_fini(&reply);
    replica_stop(&other);
}

Test(import, referrals_and_placements_make_their_people_once)
{
    static const char referrals[] =
        "ref,participant,name,route,basis,received_on,from,hours\n"
        "R-1,P-1,Dee Tester,cwp,mandatory,02/11/2026,jcp,16\nR-2,P-1,Dee Tester,mir,voluntary,03/11/2026,self,\n";
    struct reply reply = site_call(&site, "POST", "/v1/import?kind=referrals", referrals);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(reply_int(&reply, "added"), 3, "%s", reply.text);
    reply_fini(&reply);
    reply = site_call(&site, "POST", "/v1/import?kind=referrals", referrals);
    cr_expect_eq(reply_int(&reply, "added"), 0);
    cr_expect_eq(reply_int(&reply, "unchanged"), 3);
    reply_fini(&reply);
    static const char placements[] = "ref,participant,referral,basis,starts_on,ends_on,pattern,hours\n"
                                     "X-1,P-1,R-1,mandatory,09/11/2026,26/02/2027,Mon Wed 10:00-14:00,8:00\n";
    reply = site_call(&site, "POST", "/v1/import?kind=placements", placements);
    cr_expect_eq(reply_int(&reply, "added"), 2, "%s", reply.text);
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/placements?on=2026-11-20", NULL);
    cr_assert_eq(reply_count(&reply, "placements"), 3);
    cr_expect_str_eq(reply_text(&reply, "placements.2.participant_name"), "Dee Tester");
    cr_expect_eq(reply_int(&reply, "placements.2.weekly_minutes"), 480);
    reply_fini(&reply);
}

Test(import, two_names_for_one_person_are_a_warning_and_the_last_is_taken)
{
    static const char referrals[] = "ref,participant,name,route,basis,received_on\n"
                                    "R-1,P-1,Dee Tester,cwp,mandatory,02/11/2026\n"
                                    "R-2,P-1,D. Tester,mir,voluntary,03/11/2026\n";
    struct reply reply = site_call(&site, "POST", "/v1/import?kind=referrals", referrals);
    cr_expect_eq(reply_int(&reply, "warning_count"), 1);
    cr_expect_eq(reply_int(&reply, "warnings.0.line"), 3);
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/referrals", NULL);
    cr_expect_str_eq(reply_text(&reply, "referrals.0.participant_name"), "D. Tester");
    reply_fini(&reply);
    reply = site_call(&site, "POST", "/v1/import?kind=referrals", referrals);
    cr_expect_eq(reply_int(&reply, "added"), 0);
    reply_fini(&reply);
}

Test(import, a_file_that_is_no_text_is_refused)
{
    site_expect(&site, "POST", "/v1/import?kind=register", "PK\x03\x04", 400, "invalid");
    site_expect(&site, "POST", "/v1/import?kind=register", "placement,date\n\"open", 400, "invalid");
}
