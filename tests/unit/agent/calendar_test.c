/* The calendar file, by its rules and by a reader that is not ours. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/calendar_file.h"
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

TestSuite(calendar, .init = start, .fini = stop);

static json_t *read_back(const char *text, size_t len)
{
    char path[] = "/tmp/holdfast-calendar-XXXXXX";
    int fd = mkstemp(path);
    cr_assert(fd >= 0 && write(fd, text, len) == (ssize_t)len && close(fd) == 0);
    char command[300];
    (void)snprintf(command, sizeof(command), "/usr/bin/python3 -B '%s' < %s", READ_ICS, path);
    FILE *out = popen(command, "r");
    cr_assert_not_null(out);
    json_t *read = json_loadf(out, 0, NULL);
    int status = pclose(out);
    (void)unlink(path);
    cr_assert_eq(status, 0, "the reader refuses the calendar: %s", text);
    cr_assert_eq(json_array_size(json_object_get(read, "errors")), 0);
    return read;
}

static bool has_reader(void)
{
    return system("/usr/bin/python3 -c 'import icalendar' 2>/dev/null") == 0;
}

static const char *event_text(const json_t *events, size_t index, const char *name)
{
    const char *text = json_string_value(json_object_get(json_array_get(events, index), name));
    cr_assert_not_null(text);
    return text;
}

Test(calendar, has_the_expected_sessions_at_their_times_across_the_clock_change)
{
    if (!has_reader()) {
        cr_skip_test("python3-icalendar is not here");
    }
    struct reply reply = site_call(&site, "GET", "/v1/calendar?placement=GDN-P001&from=2026-10-23&to=2026-10-26", NULL);
    cr_assert_eq(reply.status, 200, "%s", reply.text);
    json_t *read = read_back(reply.text, reply.len);
    const json_t *events = json_object_get(read, "events");
    cr_assert_eq(json_array_size(events), 2, "%s", reply.text);
    cr_expect_str_eq(event_text(events, 0, "starts"), "2026-10-23T08:30Z", "summer time");
    cr_expect_str_eq(event_text(events, 0, "ends"), "2026-10-23T14:30Z");
    cr_expect_str_eq(event_text(events, 1, "starts"), "2026-10-26T09:30Z", "winter time");
    cr_expect_str_eq(event_text(events, 0, "summary"), "GDN-P001");
    json_decref(read);
    reply_fini(&reply);
}

Test(calendar, names_nobody_unless_asked_and_keeps_its_uids)
{
    struct reply plain = site_call(&site, "GET", "/v1/calendar", NULL);
    cr_expect_null(strstr(plain.text, "Tester"));
    cr_expect_not_null(strstr(plain.text, "SUMMARY:GDN-P002\r\n"));
    struct reply named = site_call(&site, "GET", "/v1/calendar?names=1", NULL);
    cr_expect_not_null(strstr(named.text, "SUMMARY:GDN-P002 Ben Tester\r\n"));
    const char *one = plain.text;
    const char *two = named.text;
    size_t uids = 0;
    while ((one = strstr(one, "UID:")) != NULL) {
        two = strstr(two, "UID:");
        cr_assert_not_null(two);
        cr_expect_eq(strncmp(one, two, strcspn(one, "\r")), 0);
        one++;
        two++;
        uids++;
    }
    cr_expect_gt(uids, 50);
    reply_fini(&named);
    reply_fini(&plain);
    site_expect(&site, "GET", "/v1/calendar?placement=NOBODY", NULL, 404, "not_found");
    site_expect(&site, "GET", "/v1/calendar?from=2026-11-20&to=2026-11-19", NULL, 400, "invalid");
    site_expect(&site, "GET", "/v1/calendar?to=2028-11-19", NULL, 400, "invalid");
}

Test(calendar, folds_lines_between_characters_and_escapes_texts)
{
    static const char summary[] =
        "Zo\xc3\xab, the caf\xc3\xa9; a\\b\nand \xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
        "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac on and on "
        "until the line is far longer than any line may be, twice";
    struct calendar_event event = { .uid = "1@holdfast",
                                    .day = day_of("2026-03-29"),
                                    .starts_min = 60,
                                    .ends_min = 1440,
                                    .summary = summary,
                                    .cancelled = true };
    struct calendar_event whole_day = {
        .uid = "2@holdfast", .day = day_of("2028-02-29"), .starts_min = -1, .summary = "x"
    };
    struct buf out;
    struct error err;
    buf_init(&out, 1 << 16);
    cr_assert_eq(calendar_begin(&out, "name", &err), ERR_OK);
    cr_assert_eq(calendar_event(&out, &event, 0, &err), ERR_OK);
    cr_assert_eq(calendar_event(&out, &whole_day, 0, &err), ERR_OK);
    cr_assert_eq(calendar_end(&out, &err), ERR_OK);
    cr_assert_eq(buf_append(&out, "", 1, &err), ERR_OK);
    const char *text = (const char *)out.data;
    for (const char *line = text; *line != '\0'; line = strstr(line, "\r\n") + 2) {
        size_t len = strcspn(line, "\r");
        cr_expect_leq(len, 75, "%.*s", (int)len, line);
        cr_expect(utf8_valid(slice_of(line, len)), "cut inside a character");
    }
    cr_expect_not_null(strstr(text, "\\, the caf"));
    cr_expect_lt(strstr(text, "X-WR-CALNAME:name"), strstr(text, "BEGIN:VTIMEZONE"),
                 "properties come before components (RFC 5545, 3.6)");
    if (has_reader()) {
        json_t *read = read_back(text, out.len - 1);
        const json_t *events = json_object_get(read, "events");
        cr_expect_str_eq(event_text(events, 0, "summary"), summary);
        cr_expect_str_eq(event_text(events, 0, "status"), "CANCELLED");
        cr_expect_str_eq(event_text(events, 0, "ends"), "2026-03-29T23:00Z", "midnight is the next day's beginning");
        cr_expect_str_eq(event_text(events, 1, "starts"), "2028-02-29");
        cr_expect_str_eq(event_text(events, 1, "ends"), "2028-03-01");
        json_decref(read);
    }
    buf_fini(&out);
}
