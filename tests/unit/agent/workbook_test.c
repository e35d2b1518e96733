/* Exports as workbooks, read back by a reader that is not ours, and their totals. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/agent/site.h"

static struct site site;

static void start(void)
{
    site_start(&site);
    site_fill(&site);
    static const char *const calls[][2] = {
        { "/v1/attendance", "{\"session\": \"GDN-P001@2026-11-18\", \"outcome\": \"attended\", \"minutes\": 330}" },
        { "/v1/attendance", "{\"session\": \"GDN-P001@2026-11-16\", \"outcome\": \"late\", \"minutes\": 90, \"note\": "
                            "\"_x0041_ <b>&amp; \\\"Zo\xc3\xab\\\"\\u0007\"}" },
        { "/v1/attendance", "{\"session\": \"GDN-P002@2026-11-18\", \"outcome\": \"absent_with_notice\", \"reason\": "
                            "\"health\", \"note\": \"=cmd()\"}" },
        { "/v1/capacity", "{\"places\": 7}" },
        { "/v1/records", "{\"kind\": \"referral\", \"fields\": {\"ref\": \"R-1\", \"participant\": \"GDN-001\", "
                         "\"route\": \"mir\", \"basis\": \"mandatory\", \"received_on\": \"2026-11-17\", "
                         "\"weekly_minutes\": 455}}" },
        { "/v1/records", "{\"kind\": \"host\", \"fields\": {\"ref\": \"H-1\", \"name\": \"-2+3 Invented Gardens\", "
                         "\"quota\": 4}}" },
        { "/v1/records", "{\"kind\": \"opportunity\", \"fields\": {\"ref\": \"O-1\", \"host\": \"H-1\", \"title\": "
                         "\"Beds\", \"places\": 3, \"volunteers_too\": true, \"assessed_on\": \"2026-02-28\"}}" },
        { "/v1/records", "{\"kind\": \"job_search\", \"fields\": {\"placement\": \"GDN-P001\", \"week\": "
                         "\"2026-11-16\", \"minutes\": 240}}" },
        { "/v1/records", "{\"kind\": \"job_search\", \"fields\": {\"placement\": \"GDN-P002\", \"week\": "
                         "\"2026-11-16\", \"minutes\": 65}}" },
    };
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        site_expect(&site, "POST", calls[i][0], calls[i][1], 200, NULL);
    }
    site_judge(&site);
}

static void stop(void)
{
    site_stop(&site);
}

TestSuite(workbook, .init = start, .fini = stop);

#define EXPORTS_MAX 40

/* One run of the reader for all, as it takes longer to start than to read. */
struct books {
    char command[EXPORTS_MAX * 60];
    char paths[EXPORTS_MAX][40];
    const char *kinds[EXPORTS_MAX];
    size_t count;
};

static void book_write(struct books *books, const char *kind, const struct reply *reply)
{
    cr_assert_lt(books->count, EXPORTS_MAX);
    char *path = strcpy(books->paths[books->count], "/tmp/holdfast-book-XXXXXX.xlsx");
    int fd = mkstemps(path, (int)strlen(".xlsx"));
    cr_assert(fd >= 0 && write(fd, reply->text, reply->len) == (ssize_t)reply->len && close(fd) == 0);
    books->kinds[books->count++] = kind;
    (void)strcat(strcat(books->command, " "), path);
}

static json_t *books_read(const struct books *books)
{
    char command[sizeof(books->command) + 300];
    (void)snprintf(command, sizeof(command), "/usr/bin/python3 -B '%s' %s", READ_XLSX, books->command);
    FILE *out = popen(command, "r");
    cr_assert_not_null(out);
    json_t *read = json_loadf(out, 0, NULL);
    int status = pclose(out);
    for (size_t i = 0; i < books->count; i++) {
        (void)unlink(books->paths[i]);
    }
    cr_assert_eq(status, 0, "the reader refuses a workbook");
    cr_assert_eq(json_array_size(read), books->count);
    return read;
}

static bool has_reader(void)
{
    return system("/usr/bin/python3 -c 'import openpyxl' 2>/dev/null") == 0;
}

/* Texts as they are, and numbers of the totals as texts. */
static void expect_same_cell(const char *kind, const char *name, const json_t *wanted, const json_t *found)
{
    char number[32];
    const char *text = json_string_value(wanted);
    if (json_is_integer(wanted)) {
        (void)snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(wanted));
        text = number;
    }
    if (text == NULL) {
        cr_expect(json_is_null(found), "%s.%s", kind, name);
        return;
    }
    cr_assert(json_is_string(found), "%s.%s is '%s' in JSON and empty in the workbook", kind, name, text);
    cr_expect_str_eq(json_string_value(found), strchr(text, 7) != NULL ? "_x0041_ <b>&amp; \"Zoë\"\xef\xbf\xbd" : text);
}

static void expect_same_rows(const char *kind, const json_t *wanted, const json_t *found)
{
    size_t i;
    const json_t *row;
    cr_assert_eq(json_array_size(found), json_array_size(wanted), "%s", kind);
    json_array_foreach(wanted, i, row)
    {
        const char *name;
        json_t *cell;
        json_object_foreach((json_t *)(uintptr_t)row, name, cell)
        {
            expect_same_cell(kind, name, cell, json_object_get(json_array_get(found, i), name));
        }
    }
}

static struct reply export(const char *kind, const char *format)
{
    char path[80];
    (void)snprintf(path, sizeof(path), "/v1/export/%s?format=%s", kind, format);
    struct reply reply = site_call(&site, "GET", path, NULL);
    cr_assert_eq(reply.status, 200, "%s: %s", kind, reply.text);
    return reply;
}

static void book_add(struct books *books, const char *kind)
{
    struct reply workbook = export(kind, "xlsx");
    book_write(books, kind, &workbook);
    reply_fini(&workbook);
}

static void expect_same_book(const char *kind, const json_t *sheets)
{
    struct reply json = export(kind, "json");
    expect_same_rows(kind, reply_at(&json, "rows"), json_array_get(sheets, 0));
    expect_same_rows(kind, reply_at(&json, "totals"), json_array_get(sheets, 1));
    reply_fini(&json);
}

Test(workbook, of_every_kind_says_what_json_says_and_has_no_formula)
{
    static const char *const screens[] = { "referrals", "placements", "register", "attendance", "flags", "log" };
    static struct books books;
    if (!has_reader()) {
        cr_skip_test("python3-openpyxl is not here");
    }
    for (size_t i = 0; i < ARRAY_LEN(screens); i++) {
        book_add(&books, screens[i]);
    }
    const struct kind *kind;
    for (size_t i = 0; (kind = kind_at(i)) != NULL; i++) {
        if (query_has_records(kind)) {
            book_add(&books, kind->name);
        }
    }
    json_t *read = books_read(&books);
    for (size_t i = 0; i < books.count; i++) {
        expect_same_book(books.kinds[i], json_array_get(read, i));
    }
    json_decref(read);
}

/* A total of the export: rows, or the sum. */
static json_int_t total(const struct reply *reply, const char *column, const char *value, const char *what)
{
    size_t i;
    const json_t *row;
    json_array_foreach(reply_at(reply, "totals"), i, row)
    {
        const char *its_column = json_string_value(json_object_get(row, "column"));
        const char *its_value = json_string_value(json_object_get(row, "value"));
        if (strcmp(its_column != NULL ? its_column : "", column) == 0 &&
            strcmp(its_value != NULL ? its_value : "", value) == 0) {
            return json_integer_value(json_object_get(row, what));
        }
    }
    return 0;
}

Test(workbook, totals_of_the_register_are_those_of_the_roll)
{
    struct reply roll = site_call(&site, "GET", "/v1/roll?date=2026-11-01&to=2026-11-20", NULL);
    struct reply exported = export("register", "json");
    json_int_t minutes = 0;
    json_int_t recorded = 0;
    json_int_t late = 0;
    size_t i;
    const json_t *row;
    json_array_foreach(reply_at(&roll, "sessions"), i, row)
    {
        const char *outcome = json_string_value(json_object_get(row, "outcome"));
        minutes += json_integer_value(json_object_get(row, "minutes"));
        recorded += json_integer_value(json_object_get(row, "heads")) > 0;
        late += outcome != NULL && strcmp(outcome, "late") == 0;
    }
    cr_expect_eq(total(&exported, "", "", "rows"), recorded);
    cr_expect_eq(recorded, 3);
    cr_expect_eq(total(&exported, "minutes", "", "total"), minutes);
    cr_expect_eq(minutes, 420);
    cr_expect_eq(total(&exported, "outcome", "late", "rows"), late);
    reply_fini(&exported);
    reply_fini(&roll);
}

Test(workbook, totals_of_the_flags_and_of_records_are_those_of_the_screens)
{
    struct reply flags = site_call(&site, "GET", "/v1/flags?all=1", NULL);
    struct reply exported = export("flags", "json");
    cr_expect_gt(reply_count(&flags, "flags"), 0);
    cr_expect_eq(total(&exported, "", "", "rows"), (json_int_t)reply_count(&flags, "flags"));
    json_int_t watched = 0;
    size_t i;
    const json_t *row;
    json_array_foreach(reply_at(&flags, "flags"), i, row)
    {
        watched += strcmp(json_string_value(json_object_get(row, "severity")), "watch") == 0;
    }
    cr_expect_eq(total(&exported, "severity", "watch", "rows"), watched);
    reply_fini(&exported);
    reply_fini(&flags);
    exported = export("job_search", "json");
    cr_expect_eq(total(&exported, "minutes", "", "total"), 305);
    cr_expect_eq(total(&exported, "minutes", "", "rows"), 2);
    cr_expect_eq(strncmp(reply_text(&exported, "rows.0.placement"), "GDN-P00", 7), 0, "its ref, not its id");
    reply_fini(&exported);
    exported = export("referrals", "json");
    cr_expect_eq(total(&exported, "route", "mir", "rows"), 1);
    reply_fini(&exported);
}

Test(workbook, every_kind_of_record_is_exported_and_what_is_none_is_not)
{
    static const char *const formats[] = { "csv", "json", "xlsx" };
    const struct kind *kind;
    for (size_t i = 0; (kind = kind_at(i)) != NULL; i++) {
        for (size_t f = 0; f < ARRAY_LEN(formats); f++) {
            char path[100];
            (void)snprintf(path, sizeof(path), "/v1/export/%s?format=%s", kind->name, formats[f]);
            site_expect(&site, "GET", path, NULL, 200, NULL);
        }
    }
    site_expect(&site, "GET", "/v1/export/volunteer", NULL, 404, "not_found");
    site_expect(&site, "GET", "/v1/export/register?format=ods", NULL, 400, "invalid");
}
