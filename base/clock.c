#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"

enum {
    YEAR_MIN = 1900,
    YEAR_MAX = 2200,
    MS_PER_S = 1000,
    MS_PER_DAY = 86400000,
    MS_PER_MIN = 60000,
    MINUTES_A_DAY = 1440
};

static int64_t read_clock_ms(clockid_t id)
{
    struct timespec now;
    CHECK(clock_gettime(id, &now) == 0);
    return (int64_t)now.tv_sec * MS_PER_S + now.tv_nsec / 1000000;
}

int64_t clock_wall_ms(void)
{
    return read_clock_ms(CLOCK_REALTIME);
}

int64_t clock_monotonic_ms(void)
{
    return read_clock_ms(CLOCK_BOOTTIME);
}

int32_t clock_today(int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / MS_PER_S);
    struct tm local;
    CHECK(localtime_r(&seconds, &local) != NULL);
    return date_from_civil(local.tm_year + 1900, local.tm_mon + 1, local.tm_mday);
}

int clock_minute(int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / MS_PER_S);
    struct tm local;
    CHECK(localtime_r(&seconds, &local) != NULL);
    return local.tm_hour * 60 + local.tm_min;
}

/* Summer time begins and ends at 01:00 UTC on the last Sunday of the month. */
static int64_t summer_change_min(int year, int month)
{
    int32_t last = date_from_civil(year, month, 31);
    return (int64_t)(last - date_weekday(last) % DAYS_A_WEEK) * MINUTES_A_DAY + 60;
}

int64_t clock_london_minute(int64_t at_ms)
{
    const int64_t least = (int64_t)DATE_MIN * MINUTES_A_DAY;
    const int64_t most = (int64_t)(DATE_MAX + 1) * MINUTES_A_DAY - 1;
    int64_t minute = at_ms / MS_PER_MIN - (at_ms % MS_PER_MIN < 0);
    int year, month, day_of_month;
    minute = minute < least ? least : minute > most ? most : minute;
    date_to_civil((int32_t)(minute / MINUTES_A_DAY - (minute % MINUTES_A_DAY < 0)), &year, &month, &day_of_month);
    bool summer = minute >= summer_change_min(year, 3) && minute < summer_change_min(year, 10);
    return minute + (summer ? 60 : 0);
}

static bool leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    return month == 2 && leap(year) ? 29 : days[month - 1];
}

/* Rounded down, also before year 1: a leap year there has its day too. */
static int whole(int number, int divisor)
{
    return number / divisor - (number % divisor < 0);
}

/* Days before 1 January of a year, counted from 1 January of year 1. */
static int days_before_year(int year)
{
    int past = year - 1;
    return past * 365 + whole(past, 4) - whole(past, 100) + whole(past, 400);
}

int32_t date_from_civil(int year, int month, int day_of_month)
{
    int day = days_before_year(year) - days_before_year(1970);
    for (int m = 1; m < month; m++) {
        day += days_in_month(year, m);
    }
    return day + day_of_month - 1;
}

void date_to_civil(int32_t day, int *ret_year, int *ret_month, int *ret_day_of_month)
{
    int year = 1970 + day / 366; /* at or before the right one for days after 1970; mended below */
    while (date_from_civil(year, 1, 1) > day) {
        year--;
    }
    while (date_from_civil(year + 1, 1, 1) <= day) {
        year++;
    }
    int rest = day - date_from_civil(year, 1, 1);
    int month = 1;
    while (rest >= days_in_month(year, month)) {
        rest -= days_in_month(year, month);
        month++;
    }
    *ret_year = year;
    *ret_month = month;
    *ret_day_of_month = rest + 1;
}

int date_weekday(int32_t day)
{
    return (int)(((int64_t)day + 3) % 7 + 7) % 7 + 1; /* 1970-01-01 was a Thursday */
}

bool date_valid(int year, int month, int day_of_month)
{
    return year >= YEAR_MIN && year <= YEAR_MAX && month >= 1 && month <= 12 && day_of_month >= 1 &&
           day_of_month <= days_in_month(year, month);
}

/* `count` decimal digits at `text`, or -1. */
static int digits(const char *text, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

bool date_parse(const char *text, int32_t *ret_day)
{
    if (strnlen(text, DATE_TEXT_SIZE) != DATE_TEXT_SIZE - 1 || text[4] != '-' || text[7] != '-') {
        return false;
    }
    int year = digits(text, 4);
    int month = digits(text + 5, 2);
    int day_of_month = digits(text + 8, 2);
    if (!date_valid(year, month, day_of_month)) {
        return false;
    }
    *ret_day = date_from_civil(year, month, day_of_month);
    return true;
}

bool time_of_day_parse(const char *text, int *ret_min)
{
    if (strnlen(text, TIME_OF_DAY_TEXT_SIZE) != TIME_OF_DAY_TEXT_SIZE - 1 || text[2] != ':') {
        return false;
    }
    int hours = digits(text, 2);
    int minutes = digits(text + 3, 2);
    if (hours < 0 || minutes < 0 || minutes > 59 || hours * 60 + minutes > 24 * 60) {
        return false;
    }
    *ret_min = hours * 60 + minutes;
    return true;
}

/* snprintf costs ten times as much, and one judged record has several dates. */
static void put_digits(char *out, int value, int count)
{
    while (count-- > 0) {
        out[count] = (char)('0' + value % 10);
        value /= 10;
    }
}

void date_format(int32_t day, char out[DATE_TEXT_SIZE])
{
    int year;
    int month;
    int day_of_month;
    date_to_civil(day, &year, &month, &day_of_month);
    char text[40] = "0000-00-00";
    if (year >= 0 && year <= 9999) {
        put_digits(text, year, 4);
        put_digits(text + 5, month, 2);
        put_digits(text + 8, day_of_month, 2);
    } else {
        (void)snprintf(text, sizeof(text), "%04d-%02d-%02d", year, month, day_of_month);
    }
    memcpy(out, text, DATE_TEXT_SIZE - 1);
    out[DATE_TEXT_SIZE - 1] = '\0';
}

void time_of_day_format(int minutes, char out[TIME_OF_DAY_TEXT_SIZE])
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%02d:%02d", minutes / 60, minutes % 60);
    memcpy(out, text, TIME_OF_DAY_TEXT_SIZE - 1);
    out[TIME_OF_DAY_TEXT_SIZE - 1] = '\0';
}

void instant_format(int64_t at_ms, char out[INSTANT_TEXT_SIZE])
{
    int64_t day = at_ms / MS_PER_DAY;
    int64_t rest = at_ms % MS_PER_DAY;
    if (rest < 0) {
        rest += MS_PER_DAY;
        day--;
    }
    char date[DATE_TEXT_SIZE];
    date_format((int32_t)day, date);
    int second = (int)(rest / MS_PER_S);
    char text[64];
    (void)snprintf(text, sizeof(text), "%sT%02d:%02d:%02d.%03dZ", date, second / 3600, second / 60 % 60, second % 60,
                   (int)(rest % MS_PER_S));
    memcpy(out, text, INSTANT_TEXT_SIZE - 1);
    out[INSTANT_TEXT_SIZE - 1] = '\0';
}
