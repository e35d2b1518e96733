/* What another machine records before a session begins is shown, and nothing rests on it until somebody records how the
 * session went. */
#include <string.h>

#include "tests/unit/agent/site.h"

#define SESSION "GDN-P001@2026-11-18" /* a Wednesday, 09:30 to 15:30 */

static struct site site;
static struct voice laptop;

static void start(void)
{
    site_start(&site);
    site_fill(&site);
    voice_start(&site.world, &laptop, CERTIFICATE_ROLE_AGENT);
}

static void stop(void)
{
    voice_stop(&laptop);
    site_stop(&site);
}

TestSuite(early, .init = start, .fini = stop);

static void laptop_says(enum outcome outcome, const char *day, const char *said_on, int said_min)
{
    struct store_entry entry;
    struct store_applied applied;
    struct error err = { 0 };
    entry_attendance(&site.world, &entry, "GDN-P001", day, 0, outcome, -1, NULL);
    laptop.replica.forged_at_ms = ((int64_t)day_of(said_on) * 24 * 60 + said_min) * 60000;
    voice_say(&laptop, &entry);
    cr_assert_eq(voice_reach(&laptop, laptop.count - 1, 1, &site.replica, &applied, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(applied.quarantined, 0);
    site_judge(&site);
}

static bool flagged(const char *code, const char *subject)
{
    struct reply reply = site_call(&site, "GET", "/v1/flags", NULL);
    size_t count = reply_count(&reply, "flags");
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        const json_t *flag = json_array_get(json_object_get(reply.json, "flags"), i);
        found |= strcmp(json_string_value(json_object_get(flag, "code")), code) == 0 &&
                 strcmp(json_string_value(json_object_get(flag, "subject_ref")), subject) == 0;
    }
    reply_fini(&reply);
    return found;
}

static void session_is(const char *outcome, bool early)
{
    struct reply reply = site_call(&site, "GET", "/v1/sessions/" SESSION, NULL);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "session.standing"), "recorded");
    cr_expect_str_eq(reply_text(&reply, "session.outcome"), outcome);
    cr_expect_eq(json_is_true(reply_at(&reply, "session.early")), early);
    reply_fini(&reply);
}

Test(early, absence_raises_no_flag_and_stays_in_the_register)
{
    laptop_says(OUTCOME_ABSENT, "2026-11-18", "2026-11-17", 12 * 60);
    session_is("absent", true);
    cr_expect_not(flagged("unexplained_absence", SESSION));
    struct reply reply = site_call(&site, "GET", "/v1/doubts/preview?session=" SESSION, NULL);
    cr_expect_not_null(strstr(reply.text, "\"said_early\""), "%s", reply.text);
    reply_fini(&reply);
}

Test(early, is_by_the_minute_in_which_the_session_begins)
{
    laptop_says(OUTCOME_ABSENT, "2026-11-18", "2026-11-18", 9 * 60 + 29);
    cr_expect_not(flagged("unexplained_absence", SESSION));
    laptop_says(OUTCOME_ABSENT, "2026-11-16", "2026-11-16", 9 * 60 + 30);
    cr_expect(flagged("unexplained_absence", "GDN-P001@2026-11-16"));
}

Test(early, absence_is_one_when_somebody_records_it_again_with_why)
{
    laptop_says(OUTCOME_ABSENT, "2026-11-18", "2026-11-17", 12 * 60);
    site_expect(&site, "POST", "/v1/attendance", "{\"session\": \"" SESSION "\", \"outcome\": \"absent\"}", 409,
                "refused");
    site_expect(&site, "POST", "/v1/attendance",
                "{\"session\": \"" SESSION "\", \"outcome\": \"absent\", \"note\": \"and so it was\"}", 200, NULL);
    site_judge(&site);
    session_is("absent", false);
    cr_expect(flagged("unexplained_absence", SESSION));
}

Test(early, absence_is_one_when_a_register_that_is_imported_says_so)
{
    static const char file[] = "placement,date,outcome\nGDN-P001,18/11/2026,absent\n";
    laptop_says(OUTCOME_ABSENT, "2026-11-18", "2026-11-17", 12 * 60);
    for (int added = 1; added >= 0; added--) {
        struct reply reply = site_call(&site, "POST", "/v1/import?kind=register", file);
        cr_assert_eq(reply.status, 200, "%s", reply.text);
        cr_expect_eq(reply_int(&reply, "added"), added, "%s", reply.text);
        reply_fini(&reply);
        session_is("absent", false);
    }
}

Test(early, absence_is_one_when_another_record_says_so_in_time)
{
    laptop_says(OUTCOME_ABSENT, "2026-11-18", "2026-11-17", 12 * 60);
    laptop_says(OUTCOME_ABSENT, "2026-11-18", "2026-11-18", 16 * 60);
    session_is("absent", false);
    cr_expect(flagged("unexplained_absence", SESSION));
}

Test(early, record_of_what_can_be_known_beforehand_stands_as_it_is)
{
    laptop_says(OUTCOME_ABSENT_WITH_NOTICE, "2026-11-18", "2026-11-17", 12 * 60);
    session_is("absent_with_notice", false);
}

Test(early, records_are_a_gap_of_the_host_when_the_days_are_over)
{
    static const char *const days[] = { "2026-09-02", "2026-09-04" };
    site_expect(&site, "POST", "/v1/records",
                "{\"kind\": \"placement\", \"fields\": {\"ref\": \"GDN-P001\", \"starts_on\": \"2026-09-02\", "
                "\"ends_on\": \"2026-09-04\"}}",
                200, NULL);
    laptop_says(OUTCOME_ABSENT, days[0], "2026-09-02", 16 * 60);
    laptop_says(OUTCOME_ABSENT, days[1], "2026-09-04", 16 * 60);
    cr_expect_not(flagged("register_gap", "GDN-P001"));
    site_expect(&site, "POST", "/v1/records",
                "{\"kind\": \"placement\", \"fields\": {\"ref\": \"GDN-P001\", \"pattern\": \"Wed Fri 18:00-20:00\"}}",
                200, NULL);
    site_judge(&site);
    cr_expect(flagged("register_gap", "GDN-P001"), "what was agreed in truth begins later");
    cr_expect_not(flagged("unexplained_absence", "GDN-P001@2026-09-02"));
}
