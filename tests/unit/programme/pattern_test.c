#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "store/programme/programme.h"

static int32_t day(const char *iso)
{
    int32_t value;
    cr_assert(date_parse(iso, &value), "%s", iso);
    return value;
}

static struct pattern parsed(const char *text)
{
    struct pattern pattern;
    struct error err;
    cr_assert_eq(pattern_parse(text, &pattern, &err), ERR_OK, "%s: %s", text, err.message);
    return pattern;
}

static void assert_refused(const char *text, const char *message)
{
    struct pattern pattern;
    memset(&pattern, 0x5a, sizeof(pattern));
    struct pattern before = pattern;
    struct error err;
    cr_assert_eq(pattern_parse(text, &pattern, &err), ERR_INVALID, "accepted: %s", text);
    cr_assert_str_eq(err.message, message);
    cr_assert_eq(memcmp(&pattern, &before, sizeof(pattern)), 0, "the result was touched");
}

static void assert_same(const char *a, const char *b)
{
    struct pattern first = parsed(a);
    struct pattern second = parsed(b);
    cr_assert_eq(memcmp(&first, &second, sizeof(first)), 0, "'%s' and '%s' differ", a, b);
}

Test(pattern, reads_days_and_hours)
{
    struct pattern pattern = parsed("Mon Wed Fri 09:30-15:30; Thu 13:00-17:00");
    const uint8_t counts[8] = { 0, 1, 0, 1, 1, 1, 0, 0 };
    cr_assert_eq(memcmp(pattern.count, counts, sizeof(counts)), 0);
    cr_assert_eq(pattern.range[5][0].starts_min, 9 * 60 + 30);
    cr_assert_eq(pattern.range[4][0].ends_min, 17 * 60);
    cr_assert_eq(pattern_weekly_minutes(&pattern), 3 * 360 + 240);
}

Test(pattern, takes_what_people_write)
{
    const char *plain = "Mon Tue Wed Thu Fri 09:00-15:00";
    assert_same("mon,tue,wed,thu,fri 9:00-15:00", plain);
    assert_same("Mon-Fri 09:00-15:00", plain);
    assert_same("MON - THURSDAY, fri 09:00 - 15:00;", plain);
    assert_same("  Monday Tues Weds Thurs Friday\t09:00 \xe2\x80\x93 15:00 ; ", plain);
    assert_same("Mon-Mon 09:00-15:00", "Mon 09:00-15:00");
    assert_same("Fri 9:00-15:00; Mon\xe2\x80\x93Thu 09:00-15:00", plain);
}

Test(pattern, orders_the_ranges_of_a_day_by_start)
{
    assert_same("Sat 18:00-20:00; Sat 08:00-10:00; Sat 10:00-12:00",
                "Sat 08:00-10:00; Sat 10:00-12:00; Sat 18:00-20:00");
    assert_same("Sat 10:00-12:00; Sat 08:00-10:00", "Sat 08:00-10:00; Sat 10:00-12:00");
    struct pattern pattern = parsed("Sun 22:00-24:00; Sun 00:00-01:00");
    cr_assert_eq(pattern.range[7][0].starts_min, 0);
    cr_assert_eq(pattern.range[7][1].ends_min, 1440);
}

Test(pattern, refuses_and_says_where)
{
    assert_refused("", "read weekly pattern at character 1: expect a day such as Mon");
    assert_refused("Mon Xyz 09:00-10:00", "read weekly pattern at character 5: expect a day such as Mon");
    assert_refused("Mo 09:00-10:00", "read weekly pattern at character 1: expect a day such as Mon");
    assert_refused("Mondays 09:00-10:00", "read weekly pattern at character 1: expect a day such as Mon");
    assert_refused("Mon", "read weekly pattern at character 4: expect a time such as 09:30");
    assert_refused("Mon 9-17", "read weekly pattern at character 5: expect a time such as 09:30");
    assert_refused("Mon 09:60-10:00", "read weekly pattern at character 5: expect a time such as 09:30");
    assert_refused("Mon 09:000-10:00", "read weekly pattern at character 5: expect a time such as 09:30");
    assert_refused("Mon 24:01-24:30", "read weekly pattern at character 5: expect a time such as 09:30");
    assert_refused("Mon 09:00", "read weekly pattern at character 10: expect a hyphen between two times");
    assert_refused("Mon 09:00-", "read weekly pattern at character 11: expect a time such as 09:30");
    assert_refused("Mon 09:00-09:00", "read weekly pattern at character 11: expect a time later than the first");
    assert_refused("Mon 22:00-06:00", "read weekly pattern at character 11: expect a time later than the first");
    assert_refused("Mon 09:00-10:00 Tue 09:00-10:00", "read weekly pattern at character 17: expect ';' or the end");
    assert_refused("Mon 09:00-10:00;;", "read weekly pattern at character 17: expect a day such as Mon");
    assert_refused("Fri-Mon 09:00-10:00",
                   "read weekly pattern at character 5: expect a day later in the week than the first");
}

Test(pattern, refuses_times_that_overlap_and_a_fifth)
{
    assert_refused("Mon 09:00-12:00; Mon 11:59-13:00",
                   "read weekly pattern before character 33: times overlap on a Monday");
    assert_refused("Mon 11:00-13:00; Mon 09:00-11:01",
                   "read weekly pattern before character 33: times overlap on a Monday");
    assert_refused("Mon 09:00-12:00; Mon 09:00-12:00",
                   "read weekly pattern before character 33: times overlap on a Monday");
    parsed("Tue 1:00-2:00;Tue 2:00-3:00;Tue 3:00-4:00;Tue 4:00-5:00");
    assert_refused("Tue 1:00-2:00;Tue 2:00-3:00;Tue 3:00-4:00;Tue 4:00-5:00;Tue 5:00-6:00",
                   "read weekly pattern before character 70: more than 4 times on a Tuesday");
}

Test(pattern, refuses_a_text_that_is_too_long)
{
    char text[PATTERN_TEXT_MAX + 2];
    memset(text, ' ', sizeof(text));
    memcpy(text, "Mon 09:00-10:00", 15);
    text[PATTERN_TEXT_MAX] = '\0';
    parsed(text);
    text[PATTERN_TEXT_MAX] = ' ';
    text[PATTERN_TEXT_MAX + 1] = '\0';
    assert_refused(text, "read weekly pattern: longer than 200 bytes");
}

static size_t expand(const char *text, enum calendar calendar, const char *from, const char *to,
                     struct pattern_session *out, size_t max)
{
    struct pattern pattern = parsed(text);
    return pattern_expand(programme_default(), calendar, &pattern, day(from), day(to), out, max);
}

Test(expansion, has_both_ends_and_every_slot)
{
    struct pattern_session out[16];
    size_t count =
        expand("Mon 13:00-16:00; Mon Tue 09:00-12:00", CALENDAR_ENGLAND_WALES, "2015-04-13", "2015-04-20", out, 16);
    cr_assert_eq(count, 5);
    cr_assert_eq(out[0].day, day("2015-04-13"));
    cr_assert_eq(out[0].slot, 0);
    cr_assert_eq(out[0].starts_min, 540);
    cr_assert_eq(out[1].slot, 1);
    cr_assert_eq(out[1].ends_min, 960);
    cr_assert_eq(out[2].day, day("2015-04-14"));
    cr_assert_eq(out[4].day, day("2015-04-20"));
}

Test(expansion, leaves_out_easter_as_each_country_keeps_it)
{
    struct pattern_session out[16];
    cr_assert_eq(expand("Mon Fri 09:00-12:00", CALENDAR_ENGLAND_WALES, "2015-03-30", "2015-04-10", out, 16), 2);
    cr_assert_eq(out[1].day, day("2015-04-10"));
    cr_assert_eq(expand("Mon Fri 09:00-12:00", CALENDAR_SCOTLAND, "2015-03-30", "2015-04-10", out, 16), 3);
    cr_assert_eq(out[1].day, day("2015-04-06"));
}

Test(expansion, keeps_weekends_and_the_leap_day_and_leaves_out_christmas_day_on_a_saturday)
{
    struct pattern_session out[16];
    cr_assert_eq(expand("Sat 09:00-12:00", CALENDAR_ENGLAND_WALES, "2021-12-18", "2022-01-01", out, 16), 2);
    cr_assert_eq(out[1].day, day("2022-01-01"), "the bank holiday is the Monday after");
    cr_assert_eq(expand("Sat 09:00-12:00", CALENDAR_ENGLAND_WALES, "2020-02-29", "2020-02-29", out, 16), 1);
}

Test(expansion, of_six_months_is_five_days_a_week_less_the_holidays)
{
    struct pattern_session out[200];
    size_t count = expand("Mon-Fri 09:00-15:00", CALENDAR_ENGLAND_WALES, "2014-10-06", "2015-04-03", out, 200);
    cr_assert_eq(count, 26 * 5 - 4, "Christmas, Boxing, New Year's Day and Good Friday");
}

Test(expansion, stops_at_the_room_there_is_and_can_go_on)
{
    struct pattern_session out[4];
    cr_assert_eq(expand("Mon-Fri 09:00-10:00", CALENDAR_SCOTLAND, "2015-06-01", "2015-06-30", out, 4), 4);
    cr_assert_eq(out[3].day, day("2015-06-04"));
    cr_assert_eq(expand("Mon 09:00-10:00; Mon 11:00-12:00", CALENDAR_SCOTLAND, "2015-06-01", "2015-06-30", out, 1), 1);
    cr_assert_eq(expand("Mon 09:00-10:00", CALENDAR_SCOTLAND, "2015-06-02", "2015-06-01", out, 4), 0);
    struct pattern every_monday = parsed("Mon 09:00-10:00");
    cr_assert_eq(
        pattern_expand(programme_default(), CALENDAR_SCOTLAND, &every_monday, INT32_MAX - 8, INT32_MAX, out, 4), 1);
    struct pattern nothing = { .count = { 0 } };
    cr_assert_eq(pattern_expand(programme_default(), CALENDAR_SCOTLAND, &nothing, INT32_MIN, INT32_MAX, out, 4), 0);
}
