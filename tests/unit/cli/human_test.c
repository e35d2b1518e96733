#include <criterion/criterion.h>
#include <stdlib.h>

#include "agent/cli/human.h"
#include "base/check.h"
#include "base/clock.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE };

static const int64_t day_ms = (int64_t)24 * HOUR;

/* Sun 22 Nov 2026 12:00:00 in London */
static int64_t noon(void)
{
    return (int64_t)date_from_civil(2026, 11, 22) * day_ms + 12 * HOUR;
}

Test(human, reads_the_instants_of_rfc_3339_and_nothing_else)
{
    const struct {
        const char *text;
        bool valid;
        int64_t at_ms;
    } cases[] = {
        { "1970-01-01T00:00:00Z", true, 0 },
        { "1970-01-01T00:00:01.250Z", true, 1250 },
        { "1970-01-01T01:00:00.000001+01:00", true, 0 },
        { "1969-12-31T23:30:00-00:30", true, 0 },
        { "2026-02-29T00:00:00Z", false, 0 },
        { "2026-11-22", false, 0 },
        { "2026-11-22T12:00:00", false, 0 },
        { "2026-11-22T25:00:00Z", false, 0 },
        { "2026-11-22T12:00:00.Z", false, 0 },
        { "2026-11-22T12:00:00Zx", false, 0 },
        { "", false, 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t at_ms = -1;
        cr_expect_eq(instant_parse(cases[i].text, &at_ms), cases[i].valid, "%s", cases[i].text);
        cr_expect_eq(at_ms, cases[i].valid ? cases[i].at_ms : -1, "%s", cases[i].text);
    }
}

Test(human, reads_back_every_instant_that_the_agent_writes)
{
    for (int64_t at_ms = -86400001; at_ms < (int64_t)4000000000000; at_ms += (int64_t)98765432109) {
        char text[INSTANT_TEXT_SIZE];
        instant_format(at_ms, text);
        int64_t back = 0;
        cr_assert(instant_parse(text, &back));
        cr_assert_eq(back, at_ms);
    }
}

Test(human, says_how_long_ago_in_the_unit_that_people_use)
{
    const struct {
        int64_t before_ms;
        const char *words;
    } cases[] = {
        { 3 * SECOND, "just now" },      { 40 * SECOND, "less than a minute ago" },
        { MINUTE, "1 minute ago" },      { 59 * MINUTE, "59 minutes ago" },
        { HOUR, "1 hour ago" },          { 23 * HOUR, "23 hours ago" },
        { 25 * HOUR, "yesterday" },      { 3 * 24 * HOUR, "3 days ago" },
        { -5 * MINUTE, "in 5 minutes" }, { -30 * SECOND, "in less than a minute" },
        { -26 * HOUR, "tomorrow" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct human said = human_ago(noon() - cases[i].before_ms, noon());
        cr_expect_str_eq(said.text, cases[i].words);
    }
    int32_t today = date_from_civil(2026, 11, 22);
    cr_expect_str_eq(human_day_ago(today - 28, today).text, "4 weeks ago");
    cr_expect_str_eq(human_day_ago(today - 800, today).text, "2 years ago");
    cr_expect_str_eq(human_day_ago(today, today).text, "today");
}

Test(human, adds_the_date_and_the_local_time)
{
    cr_expect_str_eq(human_instant(noon() - 3 * day_ms, noon()).text, "3 days ago (Thu 19 Nov 2026, 12:00)");
    int64_t summer = (int64_t)date_from_civil(2026, 7, 1) * day_ms + 12 * HOUR;
    cr_expect_str_eq(human_clock(summer).text, "Wed 1 Jul 2026, 13:00", "British Summer Time");
}

Test(human, says_sizes_durations_and_numbers)
{
    cr_expect_str_eq(human_bytes(0).text, "0 bytes");
    cr_expect_str_eq(human_bytes(1).text, "1 byte");
    cr_expect_str_eq(human_bytes(1023).text, "1023 bytes");
    cr_expect_str_eq(human_bytes(4301).text, "4.2 KiB");
    cr_expect_str_eq(human_bytes(1024 * 1024 - 1).text, "1.0 MiB");
    cr_expect_str_eq(human_bytes(UINT64_MAX).text, "16777216.0 TiB");
    cr_expect_str_eq(human_duration(312).text, "0.31 s");
    cr_expect_str_eq(human_duration(7 * SECOND).text, "7 s");
    cr_expect_str_eq(human_duration(42 * SECOND).text, "42 s");
    cr_expect_str_eq(human_duration(185 * SECOND).text, "3 min 05 s");
    cr_expect_str_eq(human_duration(130 * MINUTE).text, "2 h 10 min");
    cr_expect_str_eq(human_number(0).text, "0");
    cr_expect_str_eq(human_number(999).text, "999");
    cr_expect_str_eq(human_number(1234567).text, "1,234,567");
    cr_expect_str_eq(human_count(1, "row", "rows").text, "1 row");
    cr_expect_str_eq(human_count(0, "row", "rows").text, "0 rows");
    cr_expect_str_eq(human_count(12345, "row", "rows").text, "12,345 rows");
    cr_expect_str_eq(human_number(UINT64_MAX).text, "18,446,744,073,709,551,615");
    cr_expect_str_eq(human_minutes(240).text, "4 h");
    cr_expect_str_eq(human_minutes(95).text, "1 h 35 min");
    cr_expect_str_eq(human_minutes(20).text, "20 min");
}
