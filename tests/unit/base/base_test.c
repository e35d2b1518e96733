#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"

Test(error, wrap_puts_the_context_before_the_cause)
{
    struct error err;
    enum err_code rc = FAIL(&err, KEY, "open '%s'", "x");
    rc = error_wrap(&err, rc, "unlock");
    cr_assert_eq(rc, ERR_KEY);
    cr_assert_str_eq(err.message, "unlock: open 'x'");
}

Test(error, a_message_too_long_is_cut_with_dots)
{
    struct error err;
    char text[2 * ERROR_MESSAGE_MAX];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    cr_assert_eq(FAIL(&err, IO, "%s", text), ERR_IO);
    cr_assert_eq(strlen(err.message), ERROR_MESSAGE_MAX - 1);
    cr_assert_str_eq(err.message + ERROR_MESSAGE_MAX - 4, "...");
}

Test(error, every_name_leads_back_to_its_code)
{
    for (int code = ERR_OK; code <= ERR_DATABASE; code++) {
        cr_assert_eq(err_code_from_name(err_code_name((enum err_code)code)), (enum err_code)code);
    }
}

Test(error, a_full_disk_is_for_the_operator)
{
    cr_assert_eq(err_code_from_errno(ENOSPC), ERR_DISK_FULL);
    cr_assert_eq(err_code_class(ERR_DISK_FULL), ERR_CLASS_OPERATOR);
}

Test(buf, refuses_to_grow_past_its_limit_and_keeps_its_content)
{
    struct buf buf;
    struct error err;
    buf_init(&buf, 5);
    cr_assert_eq(buf_append(&buf, "abc", 3, &err), ERR_OK);
    cr_assert_eq(buf_append(&buf, "def", 3, &err), ERR_LIMIT);
    cr_assert(slice_equal(buf_slice(&buf), slice_of_text("abc")));
    buf_fini(&buf);
}

Test(hex, round_trip_and_refusals)
{
    uint8_t bytes[3];
    char text[7];
    cr_assert(hex_decode("00fFa5", bytes, 3));
    hex_encode(bytes, 3, text);
    cr_assert_str_eq(text, "00ffa5");
    cr_assert_not(hex_decode("00fFa", bytes, 3));
    cr_assert_not(hex_decode("00fFa5a", bytes, 3));
    cr_assert_not(hex_decode("00fFag", bytes, 3));
}

Test(utf8, accepts_rfc3629_only)
{
    static const char *const good[] = { "", "a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8c\xb1", "\xf4\x8f\xbf\xbf" };
    static const char *const bad[] = { "\x80",         "\xc0\xaf",         "\xc3", "\xe0\x80\xaf",
                                       "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff" };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        cr_assert(utf8_valid(slice_of_text(good[i])), "good %zu", i);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cr_assert_not(utf8_valid(slice_of_text(bad[i])), "bad %zu", i);
    }
}

Test(date, civil_and_day_number_agree_over_three_centuries)
{
    for (int32_t day = date_from_civil(1900, 1, 1); day <= date_from_civil(2200, 12, 31); day++) {
        int year;
        int month;
        int day_of_month;
        date_to_civil(day, &year, &month, &day_of_month);
        cr_assert(date_valid(year, month, day_of_month));
        cr_assert_eq(date_from_civil(year, month, day_of_month), day);
    }
    cr_assert_eq(date_from_civil(1970, 1, 1), 0);
    cr_assert_eq(date_from_civil(1900, 1, 1), DATE_MIN);
    cr_assert_eq(date_from_civil(2200, 12, 31), DATE_MAX);
    cr_assert_eq(date_from_civil(2000, 2, 29), 11016);
}

Test(date, any_day_number_has_its_own_civil_date_also_before_year_one)
{
    for (int year = -2000; year < 10; year++) {
        int32_t new_year = date_from_civil(year, 1, 1);
        for (int32_t day = new_year - 1; day <= new_year; day++) {
            int y;
            int month;
            int day_of_month;
            date_to_civil(day, &y, &month, &day_of_month);
            cr_assert(month >= 1 && month <= 12 && day_of_month >= 1 && day_of_month <= 31, "day %d", day);
            cr_assert_eq(date_from_civil(y, month, day_of_month), day);
        }
    }
    char text[DATE_TEXT_SIZE];
    date_format(-(1 << 29), text);
    cr_assert_eq(strlen(text), DATE_TEXT_SIZE - 1);
}

static int64_t london(const char *day, int hour, int minute)
{
    int32_t found;
    cr_assert(date_parse(day, &found));
    int64_t utc_min = (int64_t)found * 1440 + hour * 60 + minute;
    return clock_london_minute(utc_min * 60000 + 59999) - utc_min;
}

Test(clock, the_civil_minute_in_london_follows_summer_time_whatever_the_machine_thinks)
{
    cr_assert_eq(london("2026-01-15", 12, 0), 0);
    cr_assert_eq(london("2026-03-29", 0, 59), 0);
    cr_assert_eq(london("2026-03-29", 1, 0), 60);
    cr_assert_eq(london("2026-07-01", 23, 30), 60, "the next day there");
    cr_assert_eq(london("2026-10-25", 0, 59), 60);
    cr_assert_eq(london("2026-10-25", 1, 0), 0);
    cr_assert_eq(london("2024-03-31", 1, 0), 60, "a month that ends on a Sunday");
    cr_assert_eq(london("1969-12-31", 23, 59), 0);
    cr_assert_eq(clock_london_minute(-1), -1);
    cr_assert_eq(clock_london_minute(INT64_MAX), (int64_t)(DATE_MAX + 1) * 1440 - 1);
    cr_assert_eq(clock_london_minute(INT64_MIN), (int64_t)DATE_MIN * 1440);
}

Test(date, weekdays_are_iso)
{
    cr_assert_eq(date_weekday(date_from_civil(2014, 4, 28)), 1); /* the programme began on a Monday */
    cr_assert_eq(date_weekday(date_from_civil(1969, 12, 28)), 7);
}

Test(date, parses_only_dates_that_exist)
{
    int32_t day;
    cr_assert(date_parse("2016-02-29", &day));
    cr_assert_not(date_parse("2015-02-29", &day));
    cr_assert_not(date_parse("2015-2-01", &day));
    cr_assert_not(date_parse("2015-02-01 ", &day));
    cr_assert_not(date_parse("1899-12-31", &day));
}

Test(date, formats_instants_before_and_after_the_epoch)
{
    char text[INSTANT_TEXT_SIZE];
    instant_format(0, text);
    cr_assert_str_eq(text, "1970-01-01T00:00:00.000Z");
    instant_format(-1, text);
    cr_assert_str_eq(text, "1969-12-31T23:59:59.999Z");
}

Test(time_of_day, parses_whole_days_only)
{
    int minutes;
    cr_assert(time_of_day_parse("24:00", &minutes));
    cr_assert_eq(minutes, 1440);
    cr_assert_not(time_of_day_parse("24:01", &minutes));
    cr_assert_not(time_of_day_parse("9:30", &minutes));
}

Test(file, what_a_cut_write_left_is_not_used_again)
{
    char folder[] = "/tmp/file_test_XXXXXX";
    cr_assert_not_null(mkdtemp(folder));
    char path[64];
    char stale[64];
    struct stat status;
    struct error err;
    char seen[8] = "";
    (void)snprintf(path, sizeof(path), "%s/f", folder);
    (void)snprintf(stale, sizeof(stale), "%s/f.new", folder);
    int other = open(stale, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    cr_assert(other >= 0 && fchmod(other, 0666) == 0);
    cr_assert_eq(file_replace(path, slice_of_text("secret"), 0600, &err), ERR_OK);
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0600);
    cr_assert_eq(read(other, seen, sizeof(seen)), 0, "whoever has the old file open reads nothing of the new");
    (void)close(other);
    (void)unlink(path);
    (void)rmdir(folder);
}

Test(file, replaces_whole_and_reads_bounded)
{
    char folder[] = "/tmp/file_test_XXXXXX";
    cr_assert_not_null(mkdtemp(folder));
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/f", folder);
    struct error err;
    cr_assert_eq(file_replace(path, slice_of_text("one"), 0600, &err), ERR_OK);
    cr_assert_eq(file_replace(path, slice_of_text("three"), 0600, &err), ERR_OK);
    struct buf small;
    buf_init(&small, 4);
    cr_assert_eq(file_read(path, &small, &err), ERR_LIMIT);
    struct buf large;
    buf_init(&large, 64);
    cr_assert_eq(file_read(path, &large, &err), ERR_OK);
    cr_assert(slice_equal(buf_slice(&large), slice_of_text("three")));
    buf_fini(&small);
    buf_fini(&large);
    unlink(path);
    rmdir(folder);
}
