/* The calls about what is erased, set aside, overwritten and disputed. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/agent/site.h"

static struct site site;
static struct replica other; /* another laptop of the site */

static void start(void)
{
    site_start(&site);
    site_fill(&site);
    replica_start(&site.world, &other, CERTIFICATE_ROLE_AGENT);
}

static void stop(void)
{
    replica_stop(&other);
    site_stop(&site);
}

TestSuite(erasing, .init = start, .fini = stop);
TestSuite(reviewing, .init = start, .fini = stop);

static void carry(struct replica *from, struct replica *to)
{
    struct error err = { 0 };
    cr_assert_eq(replica_carry(from, 0, SIZE_MAX, to, &err), ERR_OK, "%s", err.message);
}

#define ERASE(what) "{\"what\": \"" what "\", \"ground\": \"right\", \"by\": \"A. Decider\", \"reason\": \"letter 7\"}"

Test(erasing, a_dry_run_says_what_would_go_and_changes_nothing)
{
    struct reply reply = site_call(&site, "POST", "/v1/erase", "{\"what\": \"GDN-001\", \"dry_run\": true}");
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(reply_int(&reply, "records"), 2);
    cr_expect_eq(reply_int(&reply, "counts.participant"), 1);
    cr_expect_eq(reply_int(&reply, "counts.placement"), 1);
    cr_expect(json_is_false(reply_at(&reply, "erased")));
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/placements", NULL);
    cr_expect_eq(reply_count(&reply, "placements"), 2);
    reply_fini(&reply);
}

Test(erasing, an_export_of_erasures_has_what_each_was_of_why_and_by_whom)
{
    site_expect(&site, "POST", "/v1/attendance", "{\"session\": \"GDN-P002@2026-11-18\", \"outcome\": \"attended\"}",
                200, NULL);
    site_expect(&site, "POST", "/v1/erase", ERASE("GDN-P002@2026-11-18"), 200, NULL);
    site_expect(&site, "POST", "/v1/erase", ERASE("GDN-001"), 200, NULL);
    struct reply reply = site_call(&site, "GET", "/v1/export/erasure?format=json", NULL);
    size_t rows = reply_count(&reply, "rows");
    cr_assert_geq(rows, 2, "%s", reply.text);
    char last[40];
    (void)snprintf(last, sizeof(last), "rows.%zu.subject", rows - 1);
    cr_expect_str_eq(reply_text(&reply, last), "GDN-P002@2026-11-18");
    (void)snprintf(last, sizeof(last), "rows.%zu.kind", rows - 1);
    cr_expect_str_eq(reply_text(&reply, last), "attendance");
    cr_expect_str_eq(reply_text(&reply, "rows.0.ground"), "right");
    cr_expect_str_eq(reply_text(&reply, "rows.0.decided_by"), "A. Decider");
    cr_expect_null(strstr(reply.text, "GDN-001"), "an erasure names nobody");
    reply_fini(&reply);
}

Test(erasing, a_person_is_gone_and_the_log_still_verifies)
{
    site_judge(&site);
    struct reply reply = site_call(&site, "POST", "/v1/erase", ERASE("GDN-001"));
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect(json_is_true(reply_at(&reply, "scrubbed")));
    reply_fini(&reply);
    site_judge(&site);
    reply = site_call(&site, "GET", "/v1/placements", NULL);
    cr_expect_eq(reply_count(&reply, "placements"), 1);
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/flags?all=1", NULL);
    cr_expect_null(strstr(reply.text, "GDN-001"));
    cr_expect_null(strstr(reply.text, "GDN-P001"));
    reply_fini(&reply);
    site_expect(&site, "POST", "/v1/verify", "{}", 200, NULL);
    site_expect(&site, "POST", "/v1/erase", ERASE("GDN-001"), 404, "not_found");
}

Test(erasing, one_entry_of_the_log_is_named_as_the_log_shows_it)
{
    struct reply log = site_call(&site, "GET", "/v1/log?limit=1", NULL);
    char body[300];
    (void)snprintf(body, sizeof(body),
                   "{\"what\": \"%.8s/%d\", \"ground\": \"right\", \"by\": \"A. Decider\", \"reason\": \"letter 7\"}",
                   reply_text(&log, "entries.0.op.device"), (int)reply_int(&log, "entries.0.op.seq"));
    reply_fini(&log);
    struct reply reply = site_call(&site, "POST", "/v1/erase", body);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(reply_int(&reply, "records"), 1);
    reply_fini(&reply);
    log = site_call(&site, "GET", "/v1/log", NULL);
    cr_expect_str_eq(reply_text(&log, "entries.0.kind"), "erasure");
    cr_expect_str_eq(reply_text(&log, "entries.0.fields.reason"), "letter 7");
    reply_fini(&log);
}

Test(erasing, says_who_decides_it_or_that_this_has_to_be_said)
{
    static const char look[] = "{\"what\": \"GDN-001\", \"dry_run\": true}";
    struct reply reply = site_call(&site, "POST", "/v1/erase", look);
    cr_expect(json_is_null(reply_at(&reply, "by")), "%s", reply.text);
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/retention", NULL);
    cr_expect(json_is_null(reply_at(&reply, "by")), "%s", reply.text);
    reply_fini(&reply);
    site.person = "tester";
    reply = site_call(&site, "POST", "/v1/erase", look);
    cr_expect_str_eq(reply_text(&reply, "by"), "tester");
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/retention", NULL);
    cr_expect_str_eq(reply_text(&reply, "by"), "tester");
    reply_fini(&reply);
}

Test(erasing, wrong_names_and_missing_reasons_are_refused)
{
    site_expect(&site, "POST", "/v1/erase", ERASE("GDN-999"), 404, "not_found");
    site_expect(&site, "POST", "/v1/erase", ERASE("0123/1"), 400, "invalid");
    site_expect(&site, "POST", "/v1/erase", ERASE("01234567/1"), 404, "not_found");
    site_expect(&site, "POST", "/v1/erase", "{\"what\": \"GDN-001\"}", 400, "invalid");
    site_expect(&site, "POST", "/v1/erase",
                "{\"what\": \"GDN-001\", \"ground\": \"whim\", \"by\": \"A\", \"reason\": \"b\"}", 400, "invalid");
}

Test(erasing, retention_takes_who_is_due_and_nobody_else)
{
    struct store_entry entry;
    entry_participant(&site.world, &entry, "OLD-1", "Olda Inventedson");
    replica_write(&site.replica, &entry, site.now_ms);
    entry_placement(&site.world, &entry, "OLD-P1", "OLD-1", "voluntary", "2019-01-07", "2019-06-28", "Mon 09:00-12:00");
    replica_write(&site.replica, &entry, site.now_ms);
    struct reply reply = site_call(&site, "GET", "/v1/retention", NULL);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_assert_eq(reply_count(&reply, "due"), 1);
    cr_expect_str_eq(reply_text(&reply, "due.0.ref"), "OLD-1");
    cr_expect_str_eq(reply_text(&reply, "due.0.newest_day"), "2019-06-28");
    reply_fini(&reply);
    reply = site_call(&site, "POST", "/v1/retention/run", "{\"by\": \"A. Decider\", \"reason\": \"yearly\"}");
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(reply_int(&reply, "people"), 1);
    cr_expect_eq(reply_int(&reply, "records"), 2);
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/retention", NULL);
    cr_expect_eq(reply_count(&reply, "due"), 0);
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/placements", NULL);
    cr_expect_eq(reply_count(&reply, "placements"), 2);
    reply_fini(&reply);
}

Test(erasing, who_has_no_record_of_their_own_is_due_and_found_by_id_and_by_ref)
{
    struct store_entry entry;
    char id[2 * ROW_ID_BYTES + 1];
    char body[300];
    uint8_t participant[OP_ENTITY_BYTES];
    static const char *const refs[] = { "GONE-1", "GONE-2", "GONE-3" };
    for (size_t i = 0; i < ARRAY_LEN(refs); i++) {
        char placement[32];
        (void)snprintf(placement, sizeof(placement), "P-%s", refs[i]);
        entry_placement(&site.world, &entry, placement, refs[i], "voluntary", "2019-01-07", "2019-06-28",
                        "Mon 09:00-12:00");
        replica_write(&site.replica, &entry, site.now_ms);
    }
    entity_id(site.world.stream, "participant", refs[0], participant);
    hex_encode(participant, sizeof(participant), id);
    struct reply reply = site_call(&site, "GET", "/v1/retention", NULL);
    cr_assert_eq(reply_count(&reply, "due"), 3, "%s", reply.text);
    cr_expect(json_is_null(reply_at(&reply, "due.0.ref")));
    cr_expect_not_null(strstr(reply.text, id));
    reply_fini(&reply);
    (void)snprintf(body, sizeof(body), "{\"what\": \"%s\", \"dry_run\": true}", id);
    reply = site_call(&site, "POST", "/v1/erase", body);
    cr_expect_eq(reply_int(&reply, "counts.placement"), 1, "%s", reply.text);
    reply_fini(&reply);
    reply = site_call(&site, "POST", "/v1/erase", ERASE("GONE-2"));
    cr_expect_eq(reply_int(&reply, "records"), 1, "%s", reply.text);
    reply_fini(&reply);
    site_expect(&site, "POST", "/v1/erase", ERASE("GONE-2"), 404, "not_found");
    reply = site_call(&site, "POST", "/v1/retention/run", "{\"by\": \"A. Decider\", \"reason\": \"yearly\"}");
    cr_expect_eq(reply_int(&reply, "people"), 2, "%s", reply.text);
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/retention", NULL);
    cr_expect_eq(reply_count(&reply, "due"), 0);
    reply_fini(&reply);
}

enum { RETENTION_DAYS = 72 * 3044 / 100 };

static void expect_due(size_t people)
{
    struct reply reply = site_call(&site, "GET", "/v1/retention", NULL);
    cr_expect_eq(reply_count(&reply, "due"), people, "%s", reply.text);
    reply_fini(&reply);
}

Test(erasing, what_names_a_placement_that_is_not_on_record_is_found_by_it_and_listed_as_nobodys)
{
    struct store_entry entry;
    static const char *const days[] = { "2019-06-03", "2019-06-10" };
    for (size_t i = 0; i < ARRAY_LEN(days); i++) {
        entry_attendance(&site.world, &entry, "P-404", days[i], 0, OUTCOME_ABSENT, -1, NULL);
        replica_write(&site.replica, &entry, site.now_ms++);
    }
    expect_due(0);
    site.today += RETENTION_DAYS;
    site.now_ms += RETENTION_DAYS * INT64_C(86400000);
    struct store_exchange heard = { .received_at_ms = site.now_ms, .answered_at_ms = site.now_ms };
    struct store_applied unused;
    struct error err = { 0 };
    cr_assert_eq(store_apply(site.replica.store, &heard, &unused, &err), ERR_OK, "%s", err.message);
    struct reply reply = site_call(&site, "GET", "/v1/retention", NULL);
    cr_assert_eq(reply_count(&reply, "due"), 1, "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "due.0.kind"), "placement");
    cr_expect(json_is_null(reply_at(&reply, "due.0.ref")));
    cr_expect_str_eq(reply_text(&reply, "due.0.newest_day"), SITE_TODAY, "when it was recorded");
    cr_expect_eq(reply_int(&reply, "due.0.records"), 2);
    reply_fini(&reply);
    reply = site_call(&site, "POST", "/v1/erase", ERASE("P-404@2019-06-03"));
    cr_expect_eq(reply_int(&reply, "records"), 1, "%s", reply.text);
    reply_fini(&reply);
    reply = site_call(&site, "POST", "/v1/erase", "{\"what\": \"P-404\", \"dry_run\": true}");
    cr_expect_str_eq(reply_text(&reply, "kind"), "placement", "%s", reply.text);
    cr_expect_eq(reply_int(&reply, "records"), 1);
    reply_fini(&reply);
    reply = site_call(&site, "POST", "/v1/retention/run", "{\"by\": \"A. Decider\", \"reason\": \"yearly\"}");
    cr_expect_eq(reply_int(&reply, "records"), 1, "%s", reply.text);
    reply_fini(&reply);
    expect_due(0);
    site_expect(&site, "POST", "/v1/erase", ERASE("P-404@2019-06-03"), 404, "not_found");
}

static void record_kept(const char *ref, const char *placement, const char *from, const char *until)
{
    struct store_entry entry;
    entry_participant(&site.world, &entry, ref, "Olda Inventedson");
    replica_write(&site.replica, &entry, site.now_ms);
    entry_placement(&site.world, &entry, placement, ref, "voluntary", from, until, "Mon 09:00-12:00");
    replica_write(&site.replica, &entry, site.now_ms);
}

struct later {
    uint32_t kind;
    const char *link; /* the kind of the record of the person's that it names */
    const char *ref;
    const char *day; /* the field */
};

/* With all else that the kind needs. */
static void record_later(const struct later *later, const char *day)
{
    static const struct {
        const char *name;
        const char *text;
        int64_t number;
    } needed[] = { { "payment_trigger", "initial_placement", 0 },
                   { "claimed_on", NULL, 17500 },
                   { "amount_pence", NULL, 100 },
                   { "units", NULL, 1 },
                   { "body", "It is settled.", 0 },
                   { "served_on", NULL, 17500 },
                   { "served_by", "hand", 0 } };
    const struct kind *kind = kind_by_number(later->kind);
    struct store_entry entry = { .kind = later->kind, .happened_at_ms = OP_TIME_NONE };
    uint8_t named[OP_ENTITY_BYTES];
    record_init(&entry.record, kind);
    entity_id(site.world.stream, kind->name, later->ref, entry.subject);
    for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
        if (kind_field_index(kind, needed[i].name) >= 0 && needed[i].text != NULL) {
            record_set_text(&entry.record, needed[i].name, needed[i].text);
        } else if (kind_field_index(kind, needed[i].name) >= 0) {
            record_set_number(&entry.record, needed[i].name, needed[i].number);
        }
    }
    if (kind_field_index(kind, "contract") >= 0) {
        entity_id(site.world.stream, "contract", "C-1", named);
        record_set_id(&entry.record, "contract", named);
    }
    entity_id(site.world.stream, later->link, later->ref, named);
    record_set_id(&entry.record, later->link, named);
    record_set_number(&entry.record, later->day, day_of(day));
    replica_write(&site.replica, &entry, site.now_ms++);
}

static void record_appeal(const char *ref, const char *outcome)
{
    struct store_entry entry = { .kind = KIND_REDRESS, .happened_at_ms = OP_TIME_NONE };
    uint8_t participant[OP_ENTITY_BYTES];
    record_init(&entry.record, kind_by_number(KIND_REDRESS));
    entity_id(site.world.stream, "redress", ref, entry.subject);
    entity_id(site.world.stream, "participant", ref, participant);
    record_set_id(&entry.record, "participant", participant);
    record_set_text(&entry.record, "form", "appeal");
    record_set_number(&entry.record, "made_on", day_of("2019-07-01"));
    record_set_text(&entry.record, "outcome", outcome);
    replica_write(&site.replica, &entry, site.now_ms++);
}

/* Of the kind's row of the answer; NULL: no such kind. */
static const json_t *kind_row(const struct reply *reply, const char *kind)
{
    size_t index;
    json_t *row;
    json_array_foreach(reply_at(reply, "kinds"), index, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "kind")), kind) == 0) {
            return row;
        }
    }
    return NULL;
}

static void expect_kind(const struct reply *reply, const char *kind, const json_int_t want[4])
{
    static const char *const members[4] = { "held", "due", "due_in_year", "held_back" };
    const json_t *row = kind_row(reply, kind);
    cr_assert_not_null(row, "%s", kind);
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        cr_expect_eq(json_integer_value(json_object_get(row, members[i])), want[i], "%s.%s: %s", kind, members[i],
                     reply->text);
    }
}

Test(erasing, what_came_of_a_placement_and_a_referral_after_their_end_counts_for_the_newest_day)
{
    static const struct later laters[] = {
        { KIND_MILESTONE, "placement", "OLD-1", "reached_on" }, { KIND_CLAIM, "placement", "OLD-2", "paid_on" },
        { KIND_NOTICE, "placement", "OLD-3", "received_on" },   { KIND_SERVICE_USE, "referral", "OLD-4", "day" },
        { KIND_MESSAGE, "referral", "OLD-5", "sent_on" },
    };
    for (size_t i = 0; i < ARRAY_LEN(laters); i++) {
        struct store_entry entry;
        record_kept(laters[i].ref, laters[i].ref, "2019-01-07", "2019-06-28");
        entry_referral(&site.world, &entry, laters[i].ref, laters[i].ref, "2019-01-02");
        replica_write(&site.replica, &entry, site.now_ms);
        struct reply reply = site_call(&site, "GET", "/v1/retention", NULL);
        cr_assert_eq(reply_count(&reply, "due"), 1, "%s", reply.text);
        reply_fini(&reply);
        record_later(&laters[i], "2021-06-30");
        reply = site_call(&site, "GET", "/v1/retention", NULL);
        cr_expect_eq(reply_count(&reply, "due"), 0, "%s: %s", kind_by_number(laters[i].kind)->name, reply.text);
        reply_fini(&reply);
    }
}

Test(erasing, a_message_about_a_referral_is_held_back_with_its_person)
{
    static const struct later about = { KIND_MESSAGE, "referral", "OLD-5", "sent_on" };
    struct store_entry entry;
    char body[300];
    record_kept("OLD-5", "OLD-5", "2019-01-07", "2019-06-28");
    entry_referral(&site.world, &entry, "OLD-5", "OLD-5", "2019-01-02");
    replica_write(&site.replica, &entry, site.now_ms);
    record_appeal("OLD-5", NULL);
    record_later(&about, "2021-06-30");
    struct reply log = site_call(&site, "GET", "/v1/log?limit=1", NULL);
    (void)snprintf(body, sizeof(body), "{\"what\": \"%.8s/%d\", \"dry_run\": true}",
                   reply_text(&log, "entries.0.op.device"), (int)reply_int(&log, "entries.0.op.seq"));
    reply_fini(&log);
    struct reply reply = site_call(&site, "POST", "/v1/erase", body);
    cr_expect_str_eq(reply_text(&reply, "kind"), "message");
    cr_expect_eq(reply_count(&reply, "holds"), 1, "%s", reply.text);
    reply_fini(&reply);
}

Test(erasing, a_former_ref_finds_nobody_who_has_another_one_now)
{
    struct store_entry entry;
    uint8_t id[OP_ENTITY_BYTES];
    entry_participant(&site.world, &entry, "TYPED-1", "Olda Inventedson");
    replica_write(&site.replica, &entry, site.now_ms);
    memcpy(id, entry.subject, sizeof(id));
    entry_participant(&site.world, &entry, "RIGHT-2", "Olda Inventedson");
    memcpy(entry.subject, id, sizeof(id));
    replica_write(&site.replica, &entry, ++site.now_ms);
    entry_placement(&site.world, &entry, "P-1", "TYPED-1", "voluntary", "2019-01-07", "2019-06-28", "Mon 09:00-12:00");
    replica_write(&site.replica, &entry, ++site.now_ms);
    site_expect(&site, "POST", "/v1/erase", ERASE("TYPED-1"), 404, "not_found");
    site_expect(&site, "GET", "/v1/subject-access/TYPED-1", NULL, 404, "not_found");
    site_expect(&site, "GET", "/v1/subject-access/RIGHT-2", NULL, 200, NULL);
}

Test(erasing, retention_says_of_each_kind_what_is_held_due_soon_due_and_held_back)
{
    record_kept("OLD-1", "OLD-P1", "2019-01-07", "2019-06-28");
    record_kept("OLD-2", "OLD-P2", "2019-01-07", "2019-06-29");
    record_kept("SOON-1", "SOON-P1", "2021-01-04", "2021-04-30"); /* 72 months later: within a year of the site's day */
    record_appeal("OLD-1", NULL);
    struct reply reply = site_call(&site, "GET", "/v1/retention/kinds", NULL);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(reply_int(&reply, "months"), 72);
    cr_expect_eq(reply_count(&reply, "kinds"), 29);
    expect_kind(&reply, "participant", (const json_int_t[]){ 5, 2, 1, 1 });
    expect_kind(&reply, "placement", (const json_int_t[]){ 5, 2, 1, 1 });
    expect_kind(&reply, "redress", (const json_int_t[]){ 1, 1, 0, 1 });
    expect_kind(&reply, "erasure", (const json_int_t[]){ 0, 0, 0, 0 });
    const json_t *by = json_object_get(kind_row(&reply, "placement"), "held_back_by");
    cr_expect_eq(json_object_size(by), 1);
    cr_expect_eq(json_integer_value(json_object_get(by, "challenge")), 1);
    reply_fini(&reply);

    record_appeal("OLD-1", "refused");
    reply = site_call(&site, "POST", "/v1/retention/run", "{\"by\": \"A. Decider\", \"reason\": \"yearly\"}");
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect_eq(reply_int(&reply, "people"), 2);
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/retention/kinds", NULL);
    expect_kind(&reply, "placement", (const json_int_t[]){ 3, 0, 1, 0 });
    expect_kind(&reply, "redress", (const json_int_t[]){ 0, 0, 0, 0 });
    reply_fini(&reply);
}

/* All of the file, each run of white space one space. */
static void read_flowing(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    size_t len = 0;
    cr_assert_not_null(file, "%s", path);
    for (int c = fgetc(file); c != EOF && len + 1 < size; c = fgetc(file)) {
        bool space = c == ' ' || c == '\n';
        if (!space || (len > 0 && text[len - 1] != ' ')) {
            text[len++] = space ? ' ' : (char)c;
        }
    }
    text[len] = '\0';
    cr_assert_lt(len + 1, size);
    (void)fclose(file);
}

Test(erasing, each_kind_is_kept_as_long_as_the_document_of_the_records_says)
{
    static char text[256 * 1024];
    struct reply reply = site_call(&site, "GET", "/v1/retention/kinds", NULL);
    size_t index;
    json_t *row;
    read_flowing(RECORDS_MD, text, sizeof(text));
    json_array_foreach(reply_at(&reply, "kinds"), index, row)
    {
        char title[80];
        const char *name = json_string_value(json_object_get(row, "kind"));
        const char *kept = json_string_value(json_object_get(row, "kept"));
        (void)snprintf(title, sizeof(title), "### %u %s ", kind_by_name(name)->number, name);
        const char *said = strstr(text, title);
        cr_assert_not_null(said, "%s", title);
        said = strstr(said, "Kept: ");
        cr_assert_not_null(said, "%s", title);
        const char *after = said + strlen("Kept: ");
        const char *want = strcmp(kept, "always") == 0 ? "always" : "with the person";
        cr_expect(strncmp(after, want, strlen(want)) == 0, "%s is kept %s: %.60s", name, kept, said);
        bool at_centre = strncmp(after, "with the person; erased at the centre only", 42) == 0;
        cr_expect_eq(strcmp(kept, "centre") == 0, at_centre, "%s is kept %s: %.60s", name, kept, said);
    }
    reply_fini(&reply);
}

Test(reviewing, what_another_laptop_changed_is_listed_until_it_is_reviewed)
{
    struct store_entry entry;
    entry_participant(&site.world, &entry, "GDN-001", "Another Spelling");
    replica_write(&other, &entry, site.now_ms + 1000);
    carry(&other, &site.replica);
    struct reply reply = site_call(&site, "GET", "/v1/overwrites", NULL);
    cr_assert_eq(reply_count(&reply, "overwrites"), 1, "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "overwrites.0.field"), "name");
    cr_expect_str_eq(reply_text(&reply, "overwrites.0.new.value"), "Another Spelling");
    cr_expect_str_eq(reply_text(&reply, "overwrites.0.kind"), "participant");
    cr_expect_str_eq(reply_text(&reply, "overwrites.0.subject_ref"), "GDN-001");
    cr_expect_str_eq(reply_text(&reply, "overwrites.0.subject_name"), "Another Spelling");
    char body[64];
    (void)snprintf(body, sizeof(body), "{\"id\": \"%s\"}", reply_text(&reply, "overwrites.0.id"));
    reply_fini(&reply);
    site_expect(&site, "POST", "/v1/overwrites/review", "{\"id\": \"0000000000000000\"}", 404, "not_found");
    site_expect(&site, "POST", "/v1/overwrites/review", "{}", 400, "invalid");
    site_expect(&site, "POST", "/v1/overwrites/review", body, 200, NULL);
    reply = site_call(&site, "GET", "/v1/export/overwrite_review?format=json", NULL);
    cr_assert_eq(reply_count(&reply, "rows"), 1, "%s", reply.text);
    cr_expect_str_eq(reply_text(&reply, "rows.0.subject"), "GDN-001");
    cr_expect_str_eq(reply_text(&reply, "rows.0.kind"), "participant");
    cr_expect_str_eq(reply_text(&reply, "rows.0.field"), "name");
    cr_expect_str_eq(reply_text(&reply, "rows.0.said_by"), "tester");
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/overwrites", NULL);
    cr_expect_eq(reply_count(&reply, "overwrites"), 0);
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/overwrites?all=1", NULL);
    cr_expect_str_eq(reply_text(&reply, "overwrites.0.reviewed_by"), "tester");
    reply_fini(&reply);
}

Test(reviewing, a_record_without_a_ref_is_named_by_the_person_whose_it_is)
{
    struct store_entry entry;
    site_expect(&site, "POST", "/v1/records",
                "{\"kind\": \"contact_attempt\", \"fields\": {\"participant\": \"GDN-002\", \"day\": \"2026-11-19\", "
                "\"means\": \"phone\", \"outcome\": \"no_answer\"}}",
                200, NULL);
    struct reply reply = site_call(&site, "GET", "/v1/log?limit=1", NULL);
    cr_expect_str_eq(reply_text(&reply, "entries.0.kind"), "contact_attempt");
    cr_expect_str_eq(reply_text(&reply, "entries.0.subject_ref"), "GDN-002");
    reply_fini(&reply);
    entry_placement(&site.world, &entry, "GDN-P001", "GDN-001", "mandatory", "2026-09-01", "2027-01-29",
                    "Mon 10:00-12:00");
    replica_write(&other, &entry, site.now_ms + 1000);
    carry(&other, &site.replica);
    reply = site_call(&site, "GET", "/v1/log?subject=GDN-P001&limit=1", NULL);
    cr_expect_str_eq(reply_text(&reply, "entries.0.subject_ref"), "GDN-P001");
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/overwrites", NULL);
    cr_expect_str_eq(reply_text(&reply, "overwrites.0.subject_ref"), "GDN-P001", "%s", reply.text);
    cr_expect_not_null(strstr(reply.text, "\"subject_name\":\""), "%s", reply.text);
    reply_fini(&reply);
}

Test(reviewing, the_other_laptop_has_the_same_list_and_sees_the_review)
{
    struct store_entry entry;
    struct error err = { 0 };
    struct overwrite_list here = { 0 };
    struct overwrite_list there = { 0 };
    entry_participant(&site.world, &entry, "GDN-001", "Another Spelling");
    replica_write(&other, &entry, site.now_ms - 1000);
    entry_placement(&site.world, &entry, "GDN-P001", "GDN-001", "mandatory", "2026-09-01", "2027-01-29",
                    "Mon 10:00-12:00");
    replica_write(&other, &entry, site.now_ms + 1000);
    carry(&other, &site.replica);
    carry(&site.replica, &other);
    cr_assert_eq(query_overwrites(site.replica.store, true, 100, &here, &err), ERR_OK, "%s", err.message);
    cr_assert_eq(query_overwrites(other.store, true, 100, &there, &err), ERR_OK, "%s", err.message);
    cr_assert_gt(here.count, 1);
    cr_assert_eq(here.count, there.count);
    for (size_t i = 0; i < here.count; i++) {
        cr_expect_str_eq(here.rows[i].id, there.rows[i].id);
    }
    overwrite_list_fini(&here);
    overwrite_list_fini(&there);
    site_expect(&site, "POST", "/v1/overwrites/review", "{\"all\": true}", 200, NULL);
    carry(&site.replica, &other);
    cr_assert_eq(query_overwrites(other.store, false, 100, &there, &err), ERR_OK, "%s", err.message);
    cr_expect_eq(there.count, 0);
    overwrite_list_fini(&there);
}

Test(reviewing, a_dispute_shows_both_sides_until_a_person_stands_over_them)
{
    struct store_entry entry;
    entry_attendance(&site.world, &entry, "GDN-P001", "2026-11-18", 0, OUTCOME_ATTENDED, 360, NULL);
    replica_write(&other, &entry, site.now_ms);
    site_expect(&site, "POST", "/v1/attendance", "{\"session\": \"GDN-P001@2026-11-18\", \"outcome\": \"absent\"}", 200,
                NULL);
    carry(&other, &site.replica);
    struct reply reply = site_call(&site, "GET", "/v1/disputes", NULL);
    cr_assert_eq(reply_count(&reply, "disputes"), 1, "%s", reply.text);
    cr_expect_eq(reply_count(&reply, "disputes.0.sides"), 2);
    cr_expect_str_eq(reply_text(&reply, "disputes.0.session.session"), "GDN-P001@2026-11-18");
    reply_fini(&reply);
    site_expect(&site, "POST", "/v1/attendance",
                "{\"session\": \"GDN-P001@2026-11-18\", \"outcome\": \"attended\", \"note\": \"asked both\"}", 200,
                NULL);
    reply = site_call(&site, "GET", "/v1/disputes", NULL);
    cr_expect_eq(reply_count(&reply, "disputes"), 0);
    reply_fini(&reply);
}

Test(reviewing, what_is_set_aside_is_listed_shown_and_judged_again)
{
    struct reply reply = site_call(&site, "GET", "/v1/quarantine", NULL);
    cr_expect_eq(reply_count(&reply, "quarantine"), 0);
    cr_expect_eq(reply_count(&reply, "declined"), 0);
    reply_fini(&reply);
    struct error err = { 0 };
    cr_assert_eq(
        store_mark_refused(site.replica.store, site.replica.identity.incarnation, 1, "the centre says no", &err),
        ERR_OK, "%s", err.message);
    cr_assert_eq(store_owed_declined(site.replica.store, 1, 7, slice_of_text("no such device"), site.now_ms, &err),
                 ERR_OK, "%s", err.message);
    reply = site_call(&site, "GET", "/v1/quarantine", NULL);
    cr_assert_eq(reply_count(&reply, "quarantine"), 1);
    cr_assert_eq(reply_count(&reply, "declined"), 1);
    cr_expect_str_eq(reply_text(&reply, "declined.0.reason"), "no such device");
    cr_expect_str_eq(reply_text(&reply, "quarantine.0.quarantine"), "the centre says no");
    char path[128];
    (void)snprintf(path, sizeof(path), "/v1/quarantine/%s", reply_text(&reply, "quarantine.0.id"));
    reply_fini(&reply);
    site_expect(&site, "GET", path, NULL, 200, NULL);
    site_expect(&site, "GET", "/v1/quarantine/01234567/9", NULL, 404, "not_found");
    reply = site_call(&site, "POST", "/v1/quarantine/retry", "{}");
    cr_expect_eq(reply_int(&reply, "released"), 1);
    reply_fini(&reply);
    site_expect(&site, "GET", path, NULL, 404, "not_found");
}
