#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "store/programme/programme.h"

enum { FIRST_YEAR = 2014, LAST_YEAR = 2027, MONDAY = 1, SATURDAY = 6, SUNDAY = 7 };

static int32_t day(const char *iso)
{
    int32_t value;
    cr_assert(date_parse(iso, &value), "%s", iso);
    return value;
}

/* Easter Sunday by the tables of the ecclesiastical moon: golden number, epact, then the next Sunday. */
static int32_t easter_sunday(int year)
{
    int golden = year % 19 + 1;
    int century = year / 100 + 1;
    int dropped_leaps = 3 * century / 4 - 12;
    int moon_correction = (8 * century + 5) / 25 - 5;
    int sunday = 5 * year / 4 - dropped_leaps - 10;
    int epact = ((11 * golden + 20 + moon_correction - dropped_leaps) % 30 + 30) % 30;
    if ((epact == 25 && golden > 11) || epact == 24) {
        epact++;
    }
    int full_moon = 44 - epact;
    if (full_moon < 21) {
        full_moon += 30;
    }
    full_moon += 7 - (sunday + full_moon) % 7;
    return date_from_civil(year, 3, 1) + full_moon - 1;
}

static int32_t first_monday(int year, int month)
{
    int32_t first = date_from_civil(year, month, 1);
    return first + (8 - date_weekday(first)) % 7;
}

static int32_t last_monday(int year, int month_of_31_days)
{
    int32_t last = date_from_civil(year, month_of_31_days, 31);
    return last - (date_weekday(last) - MONDAY);
}

static bool is_holiday(enum calendar calendar, int32_t on)
{
    return calendar_holiday_name(programme_default(), calendar, on) != NULL;
}

static void assert_named(enum calendar calendar, int32_t on, const char *name)
{
    char iso[DATE_TEXT_SIZE];
    date_format(on, iso);
    const char *found = calendar_holiday_name(programme_default(), calendar, on);
    cr_assert(found != NULL, "%s: %s is missing on %s", calendar_name(calendar), name, iso);
    cr_assert(strncmp(found, name, strlen(name)) == 0, "%s on %s is '%s', not '%s'", calendar_name(calendar), iso,
              found, name);
}

Test(easter, the_independent_algorithm_knows_published_easters)
{
    cr_assert_eq(easter_sunday(2014), day("2014-04-20"));
    cr_assert_eq(easter_sunday(2016), day("2016-03-27"));
    cr_assert_eq(easter_sunday(2019), day("2019-04-21"));
    cr_assert_eq(easter_sunday(2027), day("2027-03-28"));
}

Test(calendar, has_good_friday_everywhere_and_easter_monday_only_in_england_and_wales)
{
    for (int year = FIRST_YEAR; year <= LAST_YEAR; year++) {
        int32_t easter = easter_sunday(year);
        assert_named(CALENDAR_ENGLAND_WALES, easter - 2, "Good Friday");
        assert_named(CALENDAR_SCOTLAND, easter - 2, "Good Friday");
        assert_named(CALENDAR_ENGLAND_WALES, easter + 1, "Easter Monday");
        cr_assert_not(is_holiday(CALENDAR_SCOTLAND, easter + 1), "%d", year);
    }
}

Test(calendar, has_the_early_may_monday_except_on_ve_day_in_2020)
{
    for (int year = FIRST_YEAR; year <= LAST_YEAR; year++) {
        for (int calendar = 0; calendar < CALENDAR_COUNT; calendar++) {
            int32_t expected = year == 2020 ? day("2020-05-08") : first_monday(year, 5);
            assert_named((enum calendar)calendar, expected, "Early May bank holiday");
        }
    }
    cr_assert_not(is_holiday(CALENDAR_ENGLAND_WALES, day("2020-05-04")));
    cr_assert_not(is_holiday(CALENDAR_SCOTLAND, day("2020-05-04")));
}

Test(calendar, has_the_last_monday_of_may_except_in_the_jubilee_year)
{
    for (int year = FIRST_YEAR; year <= LAST_YEAR; year++) {
        for (int calendar = 0; calendar < CALENDAR_COUNT; calendar++) {
            int32_t expected = year == 2022 ? day("2022-06-02") : last_monday(year, 5);
            assert_named((enum calendar)calendar, expected, "Spring bank holiday");
        }
    }
    cr_assert_not(is_holiday(CALENDAR_ENGLAND_WALES, day("2022-05-30")));
    cr_assert_not(is_holiday(CALENDAR_SCOTLAND, day("2022-05-30")));
}

Test(calendar, has_the_summer_holiday_at_the_end_of_august_or_in_scotland_at_its_beginning)
{
    for (int year = FIRST_YEAR; year <= LAST_YEAR; year++) {
        assert_named(CALENDAR_ENGLAND_WALES, last_monday(year, 8), "Summer bank holiday");
        cr_assert_not(is_holiday(CALENDAR_ENGLAND_WALES, first_monday(year, 8)));
        assert_named(CALENDAR_SCOTLAND, first_monday(year, 8), "Summer bank holiday");
        cr_assert_not(is_holiday(CALENDAR_SCOTLAND, last_monday(year, 8)));
    }
}

/* Two holidays in a row, each moved to the next weekday that is not the other. */
static void assert_pair(enum calendar calendar, int32_t first, int32_t second)
{
    int free_days = 0;
    for (int32_t on = first; free_days < 2; on++) {
        if (date_weekday(on) < SATURDAY) {
            cr_assert(is_holiday(calendar, on), "%s %d", calendar_name(calendar), on);
            free_days++;
        } else if (on > second) {
            cr_assert_not(is_holiday(calendar, on));
        }
    }
}

Test(calendar, gives_christmas_and_boxing_day_two_weekdays_every_year)
{
    for (int year = FIRST_YEAR; year <= LAST_YEAR; year++) {
        for (int calendar = 0; calendar < CALENDAR_COUNT; calendar++) {
            assert_pair((enum calendar)calendar, date_from_civil(year, 12, 25), date_from_civil(year, 12, 26));
            assert_named((enum calendar)calendar, date_from_civil(year, 12, 25), "Christmas Day");
        }
    }
}

Test(calendar, gives_new_year_one_weekday_and_in_scotland_two)
{
    for (int year = FIRST_YEAR; year <= LAST_YEAR; year++) {
        int32_t first = date_from_civil(year, 1, 1);
        assert_pair(CALENDAR_SCOTLAND, first, first + 1);
        int32_t observed = date_weekday(first) == SATURDAY ? first + 2
                           : date_weekday(first) == SUNDAY ? first + 1
                                                           : first;
        assert_named(CALENDAR_ENGLAND_WALES, observed, "New Year's Day");
        cr_assert_not(is_holiday(CALENDAR_ENGLAND_WALES, observed + 1));
    }
}

Test(calendar, has_st_andrews_day_in_scotland_only)
{
    for (int year = FIRST_YEAR; year <= LAST_YEAR; year++) {
        int32_t on = date_from_civil(year, 11, 30);
        on += date_weekday(on) == SATURDAY ? 2 : date_weekday(on) == SUNDAY ? 1 : 0;
        assert_named(CALENDAR_SCOTLAND, on, "St Andrew's Day");
        cr_assert_not(is_holiday(CALENDAR_ENGLAND_WALES, on));
    }
}

Test(calendar, has_the_proclaimed_days)
{
    for (int calendar = 0; calendar < CALENDAR_COUNT; calendar++) {
        assert_named((enum calendar)calendar, day("2022-06-03"), "Platinum Jubilee bank holiday");
        assert_named((enum calendar)calendar, day("2022-09-19"), "Bank Holiday for the State Funeral");
        assert_named((enum calendar)calendar, day("2023-05-08"), "Bank holiday for the coronation");
    }
    assert_named(CALENDAR_SCOTLAND, day("2026-06-15"), "World Cup bank holiday");
    cr_assert_not(is_holiday(CALENDAR_ENGLAND_WALES, day("2026-06-15")));
}

/* Weekdays only: Christmas Day at a weekend is closed too, but is not a bank holiday. */
static int bank_holidays_of(enum calendar calendar, int year)
{
    int count = 0;
    for (int32_t on = date_from_civil(year, 1, 1); on <= date_from_civil(year, 12, 31); on++) {
        count += date_weekday(on) < SATURDAY && is_holiday(calendar, on);
    }
    return count;
}

Test(calendar, has_no_other_days)
{
    for (int year = FIRST_YEAR; year <= LAST_YEAR; year++) {
        int extra = year == 2022 ? 2 : year == 2023 ? 1 : 0;
        cr_assert_eq(bank_holidays_of(CALENDAR_ENGLAND_WALES, year), 8 + extra, "%d", year);
        cr_assert_eq(bank_holidays_of(CALENDAR_SCOTLAND, year), 9 + extra + (year == 2026), "%d", year);
        for (int32_t on = date_from_civil(year, 1, 1); on <= date_from_civil(year, 12, 31); on++) {
            bool christmas = on == date_from_civil(year, 12, 25);
            cr_assert(date_weekday(on) < SATURDAY || christmas == is_holiday(CALENDAR_ENGLAND_WALES, on));
            cr_assert(date_weekday(on) < SATURDAY || christmas == is_holiday(CALENDAR_SCOTLAND, on));
        }
    }
    cr_assert_eq(bank_holidays_of(CALENDAR_ENGLAND_WALES, FIRST_YEAR - 1), 0);
    cr_assert_eq(bank_holidays_of(CALENDAR_SCOTLAND, LAST_YEAR + 1), 0);
}

static int32_t posted(enum calendar calendar, const char *iso)
{
    return notice_received_on(programme_default(), calendar, day(iso));
}

Test(notice, posted_counts_as_received_on_the_second_working_day_after)
{
    cr_assert_eq(posted(CALENDAR_ENGLAND_WALES, "2015-04-13"), day("2015-04-15"), "a Monday");
    cr_assert_eq(posted(CALENDAR_ENGLAND_WALES, "2015-04-17"), day("2015-04-21"), "over a weekend");
    cr_assert_eq(posted(CALENDAR_ENGLAND_WALES, "2015-04-18"), day("2015-04-21"), "on a Saturday");
    cr_assert_eq(posted(CALENDAR_ENGLAND_WALES, "2015-04-02"), day("2015-04-08"), "before Easter");
    cr_assert_eq(posted(CALENDAR_SCOTLAND, "2015-04-02"), day("2015-04-07"), "Easter Monday is worked in Scotland");
    cr_assert_eq(posted(CALENDAR_SCOTLAND, "2014-11-28"), day("2014-12-03"), "St Andrew's Day on a Sunday");
    cr_assert_eq(posted(CALENDAR_ENGLAND_WALES, "2021-12-24"), day("2021-12-30"), "two substitute days");
    cr_assert_eq(posted(CALENDAR_SCOTLAND, "2021-12-31"), day("2022-01-06"), "and two more at new year");
    cr_assert_eq(posted(CALENDAR_ENGLAND_WALES, "2016-02-26"), day("2016-03-01"), "over the leap day, a Monday");
    cr_assert_eq(posted(CALENDAR_SCOTLAND, "2015-11-27"), day("2015-12-02"), "over St Andrew's Day, a Monday");
    cr_assert_eq(posted(CALENDAR_ENGLAND_WALES, "2015-11-27"), day("2015-12-01"), "which England works");
    cr_assert_eq(posted(CALENDAR_SCOTLAND, "2014-12-31"), day("2015-01-06"), "over 2 January, a Friday");
    cr_assert_eq(posted(CALENDAR_ENGLAND_WALES, "2014-12-31"), day("2015-01-05"), "which England works");
    cr_assert_eq(posted(CALENDAR_ENGLAND_WALES, "2015-03-27"), day("2015-03-31"), "over the clock change");
}

Test(working_days, none_is_the_day_itself)
{
    cr_assert_eq(calendar_add_working_days(programme_default(), CALENDAR_SCOTLAND, day("2015-12-25"), 0),
                 day("2015-12-25"));
}

Test(working_days, outside_the_years_of_the_pack_only_weekends_are_left_out)
{
    cr_assert(calendar_working_day(programme_default(), CALENDAR_ENGLAND_WALES, day("2030-12-25")));
    cr_assert_not(calendar_working_day(programme_default(), CALENDAR_ENGLAND_WALES, day("2030-12-28")));
}

Test(working_days, counting_agrees_with_looking_at_every_day)
{
    const struct programme *programme = programme_default();
    for (int calendar = 0; calendar < CALENDAR_COUNT; calendar++) {
        for (int32_t from = day("2013-12-20"); from < day("2028-01-10"); from += 3) {
            int expected = 0;
            for (int32_t to = from; to <= from + 40; to++) {
                expected += to > from && calendar_working_day(programme, (enum calendar)calendar, to);
                cr_assert_eq(calendar_working_days_between(programme, (enum calendar)calendar, from, to), expected);
            }
        }
    }
}

Test(working_days, adding_and_counting_are_inverse)
{
    const struct programme *programme = programme_default();
    for (int32_t from = day("2015-12-01"); from < day("2017-01-15"); from++) {
        for (int n = 1; n < 25; n++) {
            int32_t to = calendar_add_working_days(programme, CALENDAR_SCOTLAND, from, n);
            cr_assert_eq(calendar_working_days_between(programme, CALENDAR_SCOTLAND, from, to), n);
            cr_assert(calendar_working_day(programme, CALENDAR_SCOTLAND, to));
        }
    }
}

Test(working_days, never_overflow)
{
    const struct programme *programme = programme_default();
    cr_assert_eq(calendar_add_working_days(programme, CALENDAR_SCOTLAND, INT32_MAX - 1, 30), INT32_MAX);
    cr_assert_eq(calendar_working_days_between(programme, CALENDAR_SCOTLAND, INT32_MAX, INT32_MIN), 0);
    cr_assert_eq(calendar_working_days_between(programme, CALENDAR_SCOTLAND, INT32_MIN, INT32_MAX), INT32_MAX);
}

Test(calendar, names_are_read_back)
{
    for (int i = 0; i < CALENDAR_COUNT; i++) {
        enum calendar found;
        cr_assert(calendar_parse(calendar_name((enum calendar)i), &found));
        cr_assert_eq(found, (enum calendar)i);
    }
    enum calendar untouched = CALENDAR_SCOTLAND;
    cr_assert_not(calendar_parse("northern_ireland", &untouched));
    cr_assert_eq(untouched, CALENDAR_SCOTLAND);
}
