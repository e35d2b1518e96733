/* Need to know: who sees what, that reading it is noted, and that the notes stay as they were written. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/late_notes.h"
#include "store/audit.h"
#include "store/replica.h"
#include "tests/unit/agent/site.h"

static struct site site;

static void person(const char *ref, const char *restricted)
{
    char body[400];
    (void)snprintf(body, sizeof(body),
                   "{\"kind\": \"participant\", \"fields\": {\"ref\": \"%s\", \"name\": \"Cy Tester\", \"address\": "
                   "\"7 Hidden Row\", \"phone\": \"01632 960007\", \"note\": \"has a dog\", \"restricted\": %s}}",
                   ref, restricted);
    site_expect(&site, "POST", "/v1/records", body, 200, NULL);
}

static void start(void)
{
    site_start(&site);
    site_fill(&site);
    person("GDN-R", "true");
    person("GDN-N", "false");
}

static void stop(void)
{
    site_stop(&site);
}

TestSuite(sight, .init = start, .fini = stop);
TestSuite(audit, .init = start, .fini = stop);

static bool shows(unsigned roles, const char *path, const char *word)
{
    site.roles = roles;
    struct reply reply = site_call(&site, "GET", path, NULL);
    cr_assert_eq(reply.status, 200, "%s: %s", path, reply.text);
    bool found = strstr(reply.text, word) != NULL;
    reply_fini(&reply);
    site.roles = 0;
    return found;
}

Test(sight, an_address_of_a_restricted_case_is_for_those_who_need_it)
{
    static const char path[] = "/v1/log?subject=GDN-R";
    cr_expect(shows(ROLE_COORDINATOR, path, "7 Hidden Row"));
    cr_expect(shows(ROLE_REVIEWER, path, "01632 960007"));
    cr_expect_not(shows(ROLE_SUPERVISOR, path, "7 Hidden Row"));
    cr_expect_not(shows(ROLE_SUPERVISOR, path, "01632 960007"));
    cr_expect_not(shows(ROLE_TRUSTEE, path, "7 Hidden Row"));
    cr_expect_not(shows(ROLE_ADMINISTRATOR, path, "7 Hidden Row"));
    cr_expect(shows(ROLE_SUPERVISOR, path, "\"withheld\":[\"address\",\"phone\""), "and it is said that it is");
}

Test(sight, what_is_withheld_of_a_restricted_case_is_in_their_own_copy)
{
    static const char path[] = "/v1/subject-access/GDN-R";
    cr_expect(shows(ROLE_COORDINATOR, path, "7 Hidden Row"));
    cr_expect(shows(ROLE_REVIEWER, path, "01632 960007"));
    cr_expect(shows(ROLE_REVIEWER, path, "has a dog"), "a note is theirs, too");
    cr_expect_not(shows(ROLE_COORDINATOR, path, "Ben Tester"), "and nobody else is in it");
}

Test(sight, a_supervisor_reaches_those_who_are_not_restricted)
{
    cr_expect(shows(ROLE_SUPERVISOR, "/v1/log?subject=GDN-N", "01632 960007"));
    cr_expect_not(shows(ROLE_SUPERVISOR, "/v1/log?subject=GDN-N", "has a dog"), "a note is not how to reach them");
    cr_expect_not(shows(ROLE_TRUSTEE, "/v1/log?subject=GDN-N", "01632 960007"));
}

Test(sight, every_way_to_the_same_record_withholds_the_same)
{
    static const char *const paths[] = { "/v1/export/log?format=json",
                                         "/v1/export/log?format=csv",
                                         "/v1/evidence/records?subject=GDN-R",
                                         "/v1/overwrites?all=1",
                                         "/v1/quarantine",
                                         "/v1/log" };
    cr_expect(shows(ROLE_COORDINATOR, paths[0], "7 Hidden Row"), "the search finds it");
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        cr_expect_not(shows(ROLE_ADMINISTRATOR, paths[i], "7 Hidden Row"), "%s", paths[i]);
        cr_expect_not(shows(ROLE_TRUSTEE, paths[i], "has a dog"), "%s", paths[i]);
    }
}

Test(sight, reasons_of_absence_are_for_those_who_keep_the_register_and_those_who_review)
{
    site_expect(&site, "POST", "/v1/attendance",
                "{\"session\": \"GDN-P001@2026-11-18\", \"outcome\": \"absent\", \"reason\": \"health\", \"note\": "
                "\"a broken wrist\"}",
                200, NULL);
    cr_expect(shows(ROLE_SUPERVISOR, "/v1/sessions/GDN-P001@2026-11-18", "a broken wrist"));
    cr_expect_not(shows(ROLE_ADMINISTRATOR, "/v1/sessions/GDN-P001@2026-11-18", "a broken wrist"));
    cr_expect_not(shows(ROLE_ADMINISTRATOR, "/v1/export/attendance?format=csv", "a broken wrist"));
    cr_expect_not(shows(ROLE_ADMINISTRATOR, "/v1/roll?date=2026-11-18", "\"health\""));
    cr_expect(shows(ROLE_COORDINATOR, "/v1/roll?date=2026-11-18", "\"health\""));
}

static void place(const char *ref, const char *participant)
{
    char body[400];
    (void)snprintf(
        body, sizeof(body),
        "{\"kind\": \"placement\", \"fields\": {\"ref\": \"%s\", \"participant\": \"%s\", \"host\": \"Hidden Barn "
        "of %s\", \"role\": \"miller of %s\", \"basis\": \"mandatory\", \"starts_on\": \"2026-11-01\", "
        "\"ends_on\": \"2026-12-20\", \"pattern\": \"Mon-Fri 09:30-13:30\", \"weekly_minutes\": 1200}}",
        ref, participant, ref, ref);
    site_expect(&site, "POST", "/v1/records", body, 200, NULL);
}

Test(sight, where_a_restricted_case_is_placed_is_withheld_in_every_way_to_it)
{
    static const char *const paths[] = { "/v1/placements", "/v1/log", "/v1/export/placements?format=csv",
                                         "/v1/export/log?format=json" };
    place("GDN-PR", "GDN-R");
    place("GDN-PN", "GDN-N");
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        cr_expect(shows(ROLE_COORDINATOR, paths[i], "Hidden Barn of GDN-PR"), "%s", paths[i]);
        cr_expect(shows(ROLE_ADMINISTRATOR, paths[i], "Hidden Barn of GDN-PN"), "%s", paths[i]);
        cr_expect_not(shows(ROLE_ADMINISTRATOR, paths[i], "Hidden Barn of GDN-PR"), "%s", paths[i]);
        cr_expect_not(shows(ROLE_TRUSTEE, paths[i], "miller of GDN-PR"), "%s", paths[i]);
    }
}

Test(sight, the_opportunity_that_a_restricted_case_was_accepted_for_is_withheld_in_every_way_to_it)
{
    static const struct {
        const char *path;
        const char *shown;
    } paths[] = { { "/v1/referrals/%s", "\"MILL\"" }, { "/v1/log?subject=%s", "\"opportunity\":\"" } };
    static const char *const refs[] = { "GDN-R", "GDN-N" };
    site_expect(&site, "POST", "/v1/records", "{\"kind\": \"host\", \"fields\": {\"ref\": \"H\", \"name\": \"Hill\"}}",
                200, NULL);
    site_expect(&site, "POST", "/v1/records",
                "{\"kind\": \"opportunity\", \"fields\": {\"ref\": \"MILL\", \"host\": \"H\", \"title\": \"Mill\"}}",
                200, NULL);
    for (size_t i = 0; i < ARRAY_LEN(refs); i++) {
        char text[300];
        (void)snprintf(text, sizeof(text),
                       "{\"kind\": \"referral\", \"fields\": {\"ref\": \"REF-%s\", \"participant\": \"%s\", \"route\": "
                       "\"cwp\", \"basis\": \"mandatory\", \"received_on\": \"2026-11-10\"}}",
                       refs[i], refs[i]);
        site_expect(&site, "POST", "/v1/records", text, 200, NULL);
        (void)snprintf(text, sizeof(text), "/v1/referrals/REF-%s/accept", refs[i]);
        site_expect(&site, "POST", text, "{\"opportunity\": \"MILL\"}", 200, NULL);
    }
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        char open[80];
        char hidden[80];
        (void)snprintf(open, sizeof(open), paths[i].path, "REF-GDN-N");
        (void)snprintf(hidden, sizeof(hidden), paths[i].path, "REF-GDN-R");
        cr_expect(shows(ROLE_COORDINATOR, hidden, paths[i].shown), "%s", hidden);
        cr_expect(shows(ROLE_ADMINISTRATOR, open, paths[i].shown), "%s", open);
        cr_expect_not(shows(ROLE_ADMINISTRATOR, hidden, paths[i].shown), "%s", hidden);
    }
    cr_expect_not(shows(ROLE_TRUSTEE, "/v1/referrals/REF-GDN-R", "MILL"));
}

Test(sight, no_calendar_says_where_a_restricted_case_is)
{
    place("GDN-PR", "GDN-R");
    place("GDN-PN", "GDN-N");
    cr_expect(shows(ROLE_COORDINATOR, "/v1/calendar", "LOCATION:Hidden Barn of GDN-PN"));
    cr_expect(shows(ROLE_COORDINATOR, "/v1/calendar", "SUMMARY:GDN-PR"), "when is no secret");
    cr_expect_not(shows(ROLE_COORDINATOR, "/v1/calendar", "Hidden Barn of GDN-PR"));
    cr_expect_not(shows(ROLE_SUPERVISOR, "/v1/calendar", "miller of GDN-PR"));
}

Test(sight, a_person_is_restricted_when_one_of_their_records_is)
{
    place("GDN-PN", "GDN-N");
    cr_expect(shows(ROLE_ADMINISTRATOR, "/v1/placements", "Hidden Barn of GDN-PN"));
    site_expect(&site, "POST", "/v1/merge", "{\"duplicate\": \"GDN-R\", \"into\": \"GDN-N\", \"reason\": \"told us\"}",
                200, NULL);
    cr_expect_not(shows(ROLE_ADMINISTRATOR, "/v1/placements", "Hidden Barn of GDN-PN"));
}

static size_t notes(const char *person_name)
{
    SCOPED(audit_list_fini) struct audit_list list = { 0 };
    struct error err;
    cr_assert_eq(query_audit(site.replica.store, &(struct audit_filter){ .person = person_name }, 1000, &list, &err),
                 ERR_OK);
    return list.count;
}

Test(audit, reading_is_noted_with_the_record_and_the_fields_and_never_what_they_say)
{
    cr_assert_eq(notes(NULL), 0, "what is not for few to read is not noted");
    cr_expect_not(shows(ROLE_TRUSTEE, "/v1/log?subject=GDN-R", "7 Hidden Row"));
    cr_assert_eq(notes(NULL), 0, "nor what was not shown");
    cr_expect(shows(ROLE_COORDINATOR, "/v1/log?subject=GDN-R", "7 Hidden Row"));
    cr_assert_eq(notes("tester"), 1);
    cr_assert_eq(notes("somebody else"), 0);
    struct reply reply = site_call(&site, "GET", "/v1/audit?person=tester&limit=1", NULL);
    cr_expect_str_eq(reply_text(&reply, "entries.0.action"), "read");
    cr_expect_str_eq(reply_text(&reply, "entries.0.fields"), "address, phone, note");
    cr_expect_str_eq(reply_text(&reply, "entries.0.call"), "GET /v1/log");
    cr_expect_eq(strlen(reply_text(&reply, "entries.0.subject")), 2 * ROW_ID_BYTES);
    cr_expect_null(strstr(reply.text, "Hidden"));
    reply_fini(&reply);
}

Test(audit, changes_are_there_with_who_made_them)
{
    struct reply reply = site_call(&site, "GET", "/v1/audit", NULL);
    cr_assert_geq(reply_count(&reply, "entries"), 2);
    cr_expect_str_eq(reply_text(&reply, "entries.0.action"), "change");
    cr_expect_str_eq(reply_text(&reply, "entries.0.kind"), "participant");
    cr_expect_str_eq(reply_text(&reply, "entries.0.person"), "tester");
    cr_expect_not_null(strstr(reply_text(&reply, "entries.0.fields"), "address"));
    cr_expect_null(strstr(reply.text, "Hidden"));
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/audit?since=2026-11-21", NULL);
    cr_expect_eq(reply_count(&reply, "entries"), 0);
    reply_fini(&reply);
}

/* The ops and times of all entries, page after page. */
static size_t walk(const char *filter, int limit, char *out, size_t size)
{
    char mark[80] = "";
    size_t count = 0;
    size_t len = 0;
    out[0] = '\0';
    for (bool more = true; more;) {
        char path[300];
        (void)snprintf(path, sizeof(path), "/v1/audit?limit=%d%s%s%s", limit, filter, mark[0] != '\0' ? "&before=" : "",
                       mark);
        struct reply reply = site_call(&site, "GET", path, NULL);
        cr_assert_eq(reply.status, 200, "%s", reply.text);
        size_t rows = reply_count(&reply, "entries");
        for (size_t i = 0; i < rows; i++) {
            char *entry = json_dumps(json_array_get(reply_at(&reply, "entries"), i), JSON_SORT_KEYS | JSON_COMPACT);
            len += (size_t)snprintf(out + len, size - len, "%s\n", entry);
            cr_assert_lt(len, size);
            free(entry);
        }
        count += rows;
        more = json_is_true(reply_at(&reply, "more"));
        cr_assert_eq(more, json_is_string(reply_at(&reply, "next")));
        (void)snprintf(mark, sizeof(mark), "%s", more ? reply_text(&reply, "next") : "");
        reply_fini(&reply);
    }
    return count;
}

Test(audit, page_after_page_is_the_whole_list_in_its_order)
{
    static char whole[100000];
    static char pages[100000];
    static const char *const filters[] = { "", "&action=change", "&action=read", "&about=GDN-R", "&person=tester" };
    for (int i = 0; i < 5; i++) {
        cr_expect(shows(ROLE_COORDINATOR, "/v1/log?subject=GDN-R", "7 Hidden Row"));
        person("GDN-N", i % 2 == 0 ? "true" : "false");
        site.now_ms += i == 2 ? -5000 : 0; /* a clock that was put back */
    }
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        size_t all = walk(filters[i], 5000, whole, sizeof(whole));
        cr_expect_geq(all, 5, "%s", filters[i]);
        for (int limit = 1; limit <= 3; limit++) {
            cr_expect_eq(walk(filters[i], limit, pages, sizeof(pages)), all, "%s", filters[i]);
            cr_expect_str_eq(pages, whole, "%s by %d", filters[i], limit);
        }
    }
    site_expect(&site, "GET", "/v1/audit?before=12", NULL, 400, "invalid");
    site_expect(&site, "GET", "/v1/audit?before=1.0.2x", NULL, 400, "invalid");
    site_expect(&site, "GET", "/v1/audit?before=-1.0.2", NULL, 400, "invalid");
}

Test(audit, the_oldest_change_is_found_whatever_was_written_since)
{
    enum { SINCE = 5200, AT_ONCE = 100 };
    static struct store_entry entries[AT_ONCE];
    static char refs[AT_ONCE][16];
    struct store_written written;
    struct error err = { 0 };
    site.now_ms += 1000;
    for (int i = 0; i < SINCE; i += AT_ONCE) {
        for (int j = 0; j < AT_ONCE; j++) {
            entries[j] = (struct store_entry){ .kind = KIND_HOST, .happened_at_ms = OP_TIME_NONE };
            put_be32(entries[j].subject, (uint32_t)(1 + i + j));
            record_init(&entries[j].record, kind_by_number(KIND_HOST));
            (void)snprintf(refs[j], sizeof(refs[j]), "H-%d", i + j);
            record_set_text(&entries[j].record, "ref", refs[j]);
            record_set_text(&entries[j].record, "name", "Barn");
        }
        cr_assert_eq(store_write(site.replica.store, "another", entries, AT_ONCE, site.now_ms, &written, &err), ERR_OK,
                     "%s", err.message);
    }
    struct reply reply = site_call(&site, "GET", "/v1/audit?about=GDN-R", NULL);
    cr_expect_eq(reply_count(&reply, "entries"), 1);
    cr_expect_str_eq(reply_text(&reply, "entries.0.kind"), "participant");
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/audit?person=tester", NULL);
    cr_expect_geq(reply_count(&reply, "entries"), 2);
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/audit?person=another&limit=5000", NULL);
    cr_expect_eq(reply_count(&reply, "entries"), 5000);
    cr_expect(json_is_true(reply_at(&reply, "more")));
    reply_fini(&reply);
}

/* Who read about the participant; all at one time, so that only their numbers tell them apart. */
static void note_readings(const char *participant, size_t count)
{
    enum { NOTES_MOST = 1600 };
    static struct audit_entry entries[NOTES_MOST];
    struct error err;
    cr_assert_leq(count, NOTES_MOST);
    for (size_t i = 0; i < count; i++) {
        entries[i] =
            (struct audit_entry){ .at_ms = site.now_ms, .person = "a reader", .action = "read", .kind = "host" };
        entity_id(site.world.stream, "participant", participant, entries[i].about.bytes);
    }
    cr_assert_eq(store_audit_add(site.replica.store, entries, count, &err), ERR_OK, "%s", err.message);
}

Test(audit, every_reader_is_in_the_persons_own_copy_however_many_read_about_others_since)
{
    note_readings("GDN-001", 2);
    note_readings("GDN-002", 1600);
    note_readings("GDN-001", 1);
    note_readings("GDN-002", 1400);
    struct reply reply = site_call(&site, "GET", "/v1/subject-access/GDN-001", NULL);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(reply_count(&reply, "read_by"), 3);
    reply_fini(&reply);
}

static uint64_t first_wrong(void)
{
    uint64_t rows;
    uint64_t wrong;
    struct error err;
    cr_assert_eq(store_audit_verify(site.replica.store, &rows, &wrong, &err), ERR_OK);
    return wrong;
}

Test(audit, nobody_changes_or_deletes_a_note)
{
    struct error err;
    struct database *db = &site.replica.store->db;
    for (int i = 0; i < 3; i++) {
        cr_expect(shows(ROLE_COORDINATOR, "/v1/log?subject=GDN-R", "7 Hidden Row"));
    }
    cr_assert_eq(notes(NULL), 3);
    cr_assert_eq(first_wrong(), 0);
    cr_expect_eq(db_exec(db, "DELETE FROM audit WHERE id = 2", &err), ERR_REFUSED);
    cr_expect_eq(db_exec(db, "UPDATE audit SET person = 'another' WHERE id = 2", &err), ERR_REFUSED);
    cr_assert_eq(db_exec(db, "DROP TRIGGER audit_never_changes", &err), ERR_OK, "who goes round the triggers");
    cr_assert_eq(db_exec(db, "UPDATE audit SET person = 'another' WHERE id = 2", &err), ERR_OK);
    cr_expect_eq(first_wrong(), 2, "is found out");
    struct reply reply = site_call(&site, "GET", "/v1/audit/verify", NULL);
    cr_expect_eq(reply_int(&reply, "first_wrong"), 2);
    reply_fini(&reply);
}

Test(audit, a_note_that_was_taken_out_is_found_out)
{
    struct error err;
    struct database *db = &site.replica.store->db;
    for (int i = 0; i < 3; i++) {
        cr_expect(shows(ROLE_COORDINATOR, "/v1/log?subject=GDN-R", "7 Hidden Row"));
    }
    cr_assert_eq(db_exec(db, "DROP TRIGGER audit_stays; DELETE FROM audit WHERE id = 2", &err), ERR_OK);
    cr_expect_eq(first_wrong(), 2);
}

Test(audit, survives_a_rebuild_and_what_cannot_be_noted_is_not_shown)
{
    struct error err;
    cr_expect(shows(ROLE_COORDINATOR, "/v1/log?subject=GDN-R", "7 Hidden Row"));
    site_expect(&site, "POST", "/v1/rebuild", NULL, 200, NULL);
    cr_expect_eq(notes(NULL), 1);
    cr_assert_eq(db_exec(&site.replica.store->db, "DROP TABLE audit", &err), ERR_OK);
    struct reply reply = site_call(&site, "GET", "/v1/log?subject=GDN-R", NULL);
    cr_expect_eq(reply.status, 500);
    cr_expect_null(strstr(reply.text, "Hidden"), "%s", reply.text);
    reply_fini(&reply);
}

Test(audit, the_persons_own_copy_has_every_version_and_who_read_it_and_is_noted_itself)
{
    site_expect(&site, "POST", "/v1/attendance", "{\"session\": \"GDN-P001@2026-11-18\", \"outcome\": \"absent\"}", 200,
                NULL);
    site_expect(&site, "POST", "/v1/attendance",
                "{\"session\": \"GDN-P001@2026-11-18\", \"outcome\": \"attended\", \"note\": \"was in the shed\"}", 200,
                NULL);
    site_expect(
        &site, "POST", "/v1/records",
        "{\"kind\": \"placement_break\", \"fields\": {\"placement\": \"GDN-P001\", \"starts_on\": \"2026-12-24\", "
        "\"ends_on\": \"2026-12-31\", \"reason\": \"agreed_leave\"}}",
        200, NULL);
    site_expect(
        &site, "POST", "/v1/records",
        "{\"kind\": \"referral\", \"fields\": {\"ref\": \"R-1\", \"participant\": \"GDN-001\", \"route\": \"mir\", "
        "\"basis\": \"mandatory\", \"received_on\": \"2026-11-10\"}}",
        200, NULL);
    site_expect(&site, "POST", "/v1/referrals/R-1/decline", "{\"reason\": \"too_far\"}", 200, NULL);
    site_judge(&site);
    cr_expect(shows(ROLE_REVIEWER, "/v1/sessions/GDN-P001@2026-11-18", "was in the shed"));
    struct reply reply = site_call(&site, "GET", "/v1/subject-access/GDN-001", NULL);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_not_null(strstr(reply.text, "\"absent\""), "the version before");
    cr_expect_not_null(strstr(reply.text, "was in the shed"));
    cr_expect_not_null(strstr(reply.text, "Ada Tester"));
    cr_expect_not_null(strstr(reply.text, "agreed_leave"), "and what names the placement alone");
    cr_expect_not_null(strstr(reply.text, "\"label\":\"Absent\",\"label_cy\":\"Absennol\""), "%s", reply.text);
    cr_expect_not_null(
        strstr(reply.text, programme_label(programme_default(), LABEL_REASON, "agreed_leave", LANGUAGE_WELSH)));
    cr_expect_not_null(strstr(reply.text, "\"label_cy\":\"Rhy bell i deithio\""), "why a referral was declined");
    cr_expect_null(strstr(reply.text, "Ben Tester"), "and nobody else");
    cr_expect_eq(reply_count(&reply, "read_by"), 1);
    reply_fini(&reply);
    cr_expect_geq(notes("tester"), 2, "making it was noted");
    site_expect(&site, "GET", "/v1/subject-access/NOBODY", NULL, 404, "not_found");
}

Test(audit, a_persons_copy_is_made_also_where_other_records_alone_name_them)
{
    struct store_entry entry;
    entry_placement(&site.world, &entry, "GONE-P1", "GONE-1", "voluntary", "2026-10-05", "2026-11-27",
                    "Mon 09:00-12:00");
    replica_write(&site.replica, &entry, site.now_ms);
    struct reply reply = site_call(&site, "GET", "/v1/subject-access/GONE-1", NULL);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(reply_count(&reply, "records"), 1);
    cr_expect_not_null(strstr(reply.text, "GONE-P1"));
    reply_fini(&reply);
}

Test(late_notes, that_nobody_could_write_are_counted_in_the_log_and_name_nobody, .init = cr_redirect_stderr)
{
    static struct late_notes notes;
    struct audit_entry entry = { .person = "Ann Secretname", .action = "unlock" };
    char line[400] = "";
    enum { TRIES = LATE_NOTES_MAX + 8 };
    for (int i = 0; i < TRIES; i++) {
        late_notes_add(&notes, &entry);
    }
    late_notes_forget(&notes);
    late_notes_forget(&notes);
    (void)fflush(stderr);
    FILE *said = cr_get_redirected_stderr();
    cr_assert_not_null(fgets(line, sizeof(line), said));
    cr_expect_not_null(strstr(line, "notes_forgotten count=40"), "%s", line);
    cr_expect_null(strstr(line, "Secretname"));
}
