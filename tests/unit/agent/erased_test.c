/* What an erasure leaves in the register, in exports, in counts and in the log. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/agent/site.h"

static struct site site;

#define RECORD(session, outcome, rest) "{\"session\": \"" session "\", \"outcome\": \"" outcome "\"" rest "}"
#define ERASE(what) "{\"what\": \"" what "\", \"ground\": \"right\", \"by\": \"A. Decider\", \"reason\": \"letter 7\"}"

static void record(const char *body)
{
    site_expect(&site, "POST", "/v1/attendance", body, 200, NULL);
}

/* One of the two people has an extra session as well, on a Tuesday. */
static void start(void)
{
    site_start(&site);
    site_fill(&site);
    record(RECORD("GDN-P001@2026-11-18", "absent", ""));
    record(RECORD("GDN-P002@2026-11-16", "attended", ", \"minutes\": 300"));
    record(RECORD("GDN-P002@2026-11-17", "late", ", \"minutes\": 200"));
    record(RECORD("GDN-P002@2026-11-18", "attended", ", \"minutes\": 330"));
}

static void stop(void)
{
    site_stop(&site);
}

TestSuite(erased, .init = start, .fini = stop);

static void erase(const char *body)
{
    site_expect(&site, "POST", "/v1/erase", body, 200, NULL);
}

static struct reply get(const char *path)
{
    struct reply reply = site_call(&site, "GET", path, NULL);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    return reply;
}

static struct store_counts counts(void)
{
    struct store_counts now;
    struct error err = { 0 };
    cr_assert_eq(query_counts(site.replica.store, &now, &err), ERR_OK, "%s", err.message);
    return now;
}

static void expect_imports_whole(size_t rows)
{
    struct reply file = get("/v1/export/register");
    struct reply reply = site_call(&site, "POST", "/v1/import?kind=register", file.text);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect(json_is_false(reply_at(&reply, "refused")), "%s %s", file.text, reply.text);
    cr_expect_eq(reply_int(&reply, "rows"), (json_int_t)rows, "%s", file.text);
    reply_fini(&reply);
    reply_fini(&file);
}

Test(erased, a_session_of_nobody_is_in_no_screen_and_in_no_file_of_the_register)
{
    struct store_counts before = counts();
    erase(ERASE("GDN-002"));
    struct reply roll = get("/v1/roll?date=2026-11-16&to=2026-11-18");
    cr_expect_eq(reply_count(&roll, "sessions"), 2, "%s", roll.text);
    cr_expect_null(strstr(roll.text, "\"@"));
    reply_fini(&roll);
    struct reply file = get("/v1/export/register");
    cr_expect_not_null(strstr(file.text, "GDN-P001,2026-11-18,1,absent"), "%s", file.text);
    cr_expect_null(strstr(file.text, "2026-11-17"), "%s", file.text);
    cr_expect_null(strstr(file.text, "unrecorded"), "%s", file.text);
    reply_fini(&file);
    expect_imports_whole(1);
    struct store_counts after = counts();
    cr_expect_eq(after.attendance, before.attendance - 3);
    cr_expect_lt(after.sessions, before.sessions / 2 + 1, "the extra one counts no more either");
    cr_expect_eq(after.placements, 1);
}

Test(erased, an_erased_entry_says_so_and_is_no_outcome_anywhere)
{
    erase(ERASE("GDN-P002@2026-11-17"));
    struct reply session = get("/v1/sessions/GDN-P002@2026-11-17");
    cr_expect(json_is_true(reply_at(&session, "session.erased")), "%s", session.text);
    cr_expect(json_is_null(reply_at(&session, "session.outcome")));
    cr_expect(json_is_true(reply_at(&session, "assertions.0.erased")));
    cr_expect(json_is_null(reply_at(&session, "assertions.0.minutes")));
    reply_fini(&session);
    session = get("/v1/sessions/GDN-P002@2026-11-18");
    cr_expect(json_is_false(reply_at(&session, "session.erased")), "%s", session.text);
    cr_expect(json_is_false(reply_at(&session, "assertions.0.erased")));
    reply_fini(&session);
    session = get("/v1/sessions/GDN-P002@2026-11-20");
    cr_expect(json_is_false(reply_at(&session, "session.erased")), "nothing was recorded: %s", session.text);
    reply_fini(&session);
    struct reply file = get("/v1/export/register?format=json");
    cr_expect_eq(reply_count(&file, "rows"), 3, "%s", file.text);
    cr_expect_null(strstr(file.text, "unrecorded"));
    reply_fini(&file);
    expect_imports_whole(3);
    file = get("/v1/export/attendance");
    cr_expect_not_null(strstr(file.text, "GDN-P002@2026-11-17,erased,"), "%s", file.text);
    reply_fini(&file);
    struct reply report = get("/v1/report/week?date=2026-11-18");
    cr_expect_eq(reply_int(&report, "attendance.recorded"), 3, "%s", report.text);
    cr_expect_eq(reply_int(&report, "attendance.minutes"), 630);
    cr_expect_null(strstr(report.text, "unrecorded"));
    reply_fini(&report);
}

Test(erased, what_it_is_recorded_as_anew_is_not_erased)
{
    erase(ERASE("GDN-P002@2026-11-17"));
    record(RECORD("GDN-P002@2026-11-17", "attended", ", \"note\": \"as the host told it again\""));
    struct reply session = get("/v1/sessions/GDN-P002@2026-11-17");
    cr_expect(json_is_false(reply_at(&session, "session.erased")), "%s", session.text);
    cr_expect(json_is_true(reply_at(&session, "assertions.0.erased")));
    cr_expect(json_is_false(reply_at(&session, "assertions.1.erased")));
    reply_fini(&session);
    expect_imports_whole(4);
}

Test(erased, entries_of_nobody_are_named_by_their_subject_in_an_export)
{
    erase(ERASE("GDN-002"));
    struct reply file = get("/v1/export/attendance?format=json");
    cr_assert_eq(reply_count(&file, "rows"), 4, "%s", file.text);
    cr_expect_null(strstr(file.text, "\"@"), "%s", file.text);
    size_t erased = 0;
    for (size_t i = 0; i < 4; i++) {
        char path[40];
        (void)snprintf(path, sizeof(path), "rows.%zu.outcome", i);
        bool gone = strcmp(reply_text(&file, path), "erased") == 0;
        (void)snprintf(path, sizeof(path), "rows.%zu.session", i);
        cr_expect_eq(strchr(reply_text(&file, path), '@') == NULL, gone, "%s", file.text);
        erased += gone;
    }
    cr_expect_eq(erased, 3);
    reply_fini(&file);
}

/* Nobody could settle it any more. */
Test(erased, a_dispute_of_nobody_is_no_dispute)
{
    struct replica other;
    struct store_entry entry;
    struct error err = { 0 };
    replica_start(&site.world, &other, CERTIFICATE_ROLE_AGENT);
    entry_attendance(&site.world, &entry, "GDN-P002", "2026-11-18", 0, OUTCOME_ABSENT, -1, NULL);
    replica_write(&other, &entry, site.now_ms);
    cr_assert_eq(replica_carry(&other, 0, SIZE_MAX, &site.replica, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(counts().disputed_sessions, 1);
    erase("{\"what\": \"GDN-002\", \"ground\": \"right\", \"by\": \"A. Decider\", \"reason\": \"letter 7\", "
          "\"confirmed_by\": \"B. Second\"}");
    struct reply disputes = get("/v1/disputes");
    cr_expect_eq(reply_count(&disputes, "disputes"), 0, "%s", disputes.text);
    reply_fini(&disputes);
    cr_expect_eq(counts().disputed_sessions, 0);
    replica_stop(&other);
}

Test(erased, an_erasure_names_the_kind_of_what_it_took)
{
    erase(ERASE("GDN-P002@2026-11-17"));
    struct reply log = get("/v1/log?limit=1");
    cr_expect_str_eq(reply_text(&log, "entries.0.kind"), "erasure");
    cr_expect_str_eq(reply_text(&log, "entries.0.fields.kind"), "attendance", "%s", log.text);
    reply_fini(&log);
}
