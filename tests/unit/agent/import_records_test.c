/* Spreadsheets of any kind of record: what is exported comes back, problems have their place, nothing is half taken. */
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

TestSuite(import_records, .init = start, .fini = stop);

static struct reply import(const char *kind_and_more, const char *file)
{
    char path[80];
    (void)snprintf(path, sizeof(path), "/v1/import?kind=%s", kind_and_more);
    return site_call(&site, "POST", path, file);
}

static void expect_import(const char *kind, const char *file, json_int_t added)
{
    struct reply reply = import(kind, file);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect(json_is_false(reply_at(&reply, "refused")), "%s", reply.text);
    cr_expect_eq(reply_int(&reply, "added"), added, "%s", reply.text);
    reply_fini(&reply);
}

static const char hosts[] = "Ref;Name;Quota;note\nH-1;Invented Gardens;4;'=1+1\nH-2;Invented Shop;;\n";
static const char contacts[] = "participant,placement,day,at min,means,outcome\n"
                               "GDN-001,GDN-P001,18/11/2026,10:15,phone,no_answer\n"
                               "GDN-002,,2026-11-19,,letter,reached\n";

Test(import_records, takes_every_field_by_its_header_and_twice_adds_nothing)
{
    expect_import("host", hosts, 2);
    expect_import("host", hosts, 0);
    expect_import("contact_attempt", contacts, 2);
    expect_import("contact_attempt", contacts, 0);
    struct reply host = site_call(&site, "GET", "/v1/records/host/H-1", NULL);
    cr_expect_eq(reply_int(&host, "record.fields.quota"), 4);
    cr_expect_str_eq(reply_text(&host, "record.fields.note"), "=1+1");
    reply_fini(&host);
    struct reply attempts = site_call(&site, "GET", "/v1/records/contact_attempt?placement=GDN-P001", NULL);
    cr_assert_eq(reply_count(&attempts, "records"), 1);
    cr_expect_str_eq(reply_text(&attempts, "records.0.fields.day"), "2026-11-18");
    cr_expect_str_eq(reply_text(&attempts, "records.0.fields.at_min"), "10:15");
    reply_fini(&attempts);
}

Test(import_records, what_is_exported_comes_back_and_adds_nothing)
{
    static const char *const kinds[] = { "participant", "placement", "host", "contact_attempt" };
    expect_import("host", hosts, 2);
    expect_import("contact_attempt", contacts, 2);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        char path[60];
        (void)snprintf(path, sizeof(path), "/v1/export/%s", kinds[i]);
        struct reply file = site_call(&site, "GET", path, NULL);
        expect_import(kinds[i], file.text, 0);
        reply_fini(&file);
    }
}

Test(import_records, names_every_problem_by_line_and_column_and_takes_nothing)
{
    static const char file[] = "participant,day,means,outcome,colour\n"
                               "GDN-001,18/11/2026,phone,no_answer,red\n"
                               "NOBODY,31/11/2026,phone,No Answer!,red\n"
                               "GDN-002,18/11/2026,,reached,\n";
    struct reply reply = import("contact_attempt", file);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    cr_expect(json_is_true(reply_at(&reply, "refused")));
    cr_expect_eq(reply_int(&reply, "added"), 0);
    cr_expect_eq(reply_int(&reply, "problem_count"), 4, "%s", reply.text);
    cr_expect_eq(reply_int(&reply, "problems.0.line"), 3);
    cr_expect_eq(reply_int(&reply, "problems.0.column"), 1);
    cr_expect_str_eq(reply_text(&reply, "problems.0.found"), "NOBODY");
    cr_expect_str_eq(reply_text(&reply, "problems.1.column_name"), "day");
    cr_expect_eq(reply_int(&reply, "problems.3.line"), 4);
    cr_expect_str_eq(reply_text(&reply, "ignored_columns.0"), "colour");
    reply_fini(&reply);
    struct reply none = site_call(&site, "GET", "/v1/records/contact_attempt", NULL);
    cr_expect_eq(reply_count(&none, "records"), 0);
    reply_fini(&none);
    reply = import("contact_attempt&partial=1", file);
    cr_expect_eq(reply_int(&reply, "added"), 1, "%s", reply.text);
    cr_expect_eq(reply_int(&reply, "rejected"), 2);
    cr_expect_not_null(strstr(reply_text(&reply, "reject_file"), "reject_reason\r\nNOBODY,31/11/2026"));
    reply_fini(&reply);
}

Test(import_records, rows_of_one_record_that_say_different_things_are_named_and_the_last_stands)
{
    struct reply reply =
        import("host", "ref,name,quota\nH-1,Invented Gardens,4\nH-2,Invented Shop,\nH-1,Invented Park,4\n"
                       "H-2,Invented Shop,\n");
    cr_expect_eq(reply_int(&reply, "warning_count"), 1, "%s", reply.text);
    reply_fini(&reply);
    reply = import("host", "ref,name,quota\nH-1,Invented Gardens,4\nH-2,Invented Shop,\nH-1,Invented Park,5\n");
    cr_expect(json_is_false(reply_at(&reply, "refused")), "%s", reply.text);
    cr_expect_eq(reply_int(&reply, "warning_count"), 2, "%s", reply.text);
    cr_expect_eq(reply_int(&reply, "warnings.0.line"), 4);
    cr_expect_str_eq(reply_text(&reply, "warnings.0.column_name"), "name");
    cr_expect_not_null(strstr(reply_text(&reply, "warnings.0.expected"), "line 2"));
    cr_expect_str_eq(reply_text(&reply, "warnings.1.column_name"), "quota");
    reply_fini(&reply);
    reply = site_call(&site, "GET", "/v1/records/host/H-1", NULL);
    cr_expect_str_eq(reply_text(&reply, "record.fields.name"), "Invented Park");
    reply_fini(&reply);
}

Test(import_records, a_national_insurance_number_is_named_by_its_line_and_column)
{
    struct reply reply =
        import("participant", "ref,name\nGDN-081,Di Tester\nQQ123456C,Ed Tester\nGDN-082,QQ 12 34 56 C\n");
    cr_expect(json_is_true(reply_at(&reply, "refused")), "%s", reply.text);
    cr_expect_eq(reply_int(&reply, "problem_count"), 2, "%s", reply.text);
    cr_expect_eq(reply_int(&reply, "problems.0.line"), 3);
    cr_expect_eq(reply_int(&reply, "problems.0.column"), 1);
    cr_expect_eq(reply_int(&reply, "problems.1.line"), 4);
    cr_expect_eq(reply_int(&reply, "problems.1.column"), 2);
    reply_fini(&reply);
}

Test(import_records, a_dry_run_keeps_nothing_and_other_kinds_are_refused)
{
    expect_import("host&dry_run=1", hosts, 2);
    struct reply none = site_call(&site, "GET", "/v1/records/host", NULL);
    cr_expect_eq(reply_count(&none, "records"), 0);
    reply_fini(&none);
    struct reply reply = import("host", "name\nInvented\n");
    cr_expect(json_is_true(reply_at(&reply, "refused")));
    cr_expect_str_eq(reply_text(&reply, "problems.0.column_name"), "ref");
    reply_fini(&reply);
    static const char *const closed[] = { "attendance",       "decision",  "appointment", "erasure",
                                          "compliance_doubt", "volunteer", "flag_review" };
    for (size_t i = 0; i < ARRAY_LEN(closed); i++) {
        reply = import(closed[i], "ref\nx\n");
        cr_expect_eq(reply.status, 400, "%s: %s", closed[i], reply.text);
        reply_fini(&reply);
    }
    site.enrolled = false;
    reply = import("host", hosts);
    cr_expect_eq(reply.status, 409);
    reply_fini(&reply);
}
