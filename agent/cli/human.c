#include "agent/cli/human.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/clock.h"

enum { MS_PER_S = 1000, S_PER_MIN = 60, S_PER_HOUR = 3600, S_PER_DAY = 86400 };

static const char *const months[] = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
};
static const char *const weekdays[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };

static bool digits(const char **text, int count, int *ret_value)
{
    int value = 0;
    for (int i = 0; i < count; i++, (*text)++) {
        if (**text < '0' || **text > '9') {
            return false;
        }
        value = value * 10 + (**text - '0');
    }
    *ret_value = value;
    return true;
}

static bool separator(const char **text, char wanted)
{
    if (**text != wanted) {
        return false;
    }
    (*text)++;
    return true;
}

/* "Z", "+01:00" or "-01:00" and nothing after it. */
static bool offset_parse(const char *text, int *ret_seconds)
{
    if (strcmp(text, "Z") == 0) {
        *ret_seconds = 0;
        return true;
    }
    int sign = *text == '+' ? 1 : *text == '-' ? -1 : 0;
    int hours;
    int minutes;
    text++;
    if (sign == 0 || !digits(&text, 2, &hours) || !separator(&text, ':') || !digits(&text, 2, &minutes) ||
        *text != '\0' || hours > 23 || minutes > 59) {
        return false;
    }
    *ret_seconds = sign * (hours * S_PER_HOUR + minutes * S_PER_MIN);
    return true;
}

/* ".123456": milliseconds of it; nothing is 0. */
static bool fraction_parse(const char **text, int *ret_ms)
{
    int ms = 0;
    if (**text == '.') {
        (*text)++;
        int scale = 100;
        const char *first = *text;
        for (; **text >= '0' && **text <= '9'; (*text)++) {
            ms += scale * (**text - '0');
            scale /= 10;
        }
        if (*text == first) {
            return false;
        }
    }
    *ret_ms = ms;
    return true;
}

bool instant_parse(const char *text, int64_t *ret_at_ms)
{
    int year;
    int month;
    int day;
    int hour;
    int minute;
    int second;
    int ms;
    int offset;
    if (!digits(&text, 4, &year) || !separator(&text, '-') || !digits(&text, 2, &month) || !separator(&text, '-') ||
        !digits(&text, 2, &day) || !separator(&text, 'T') || !digits(&text, 2, &hour) || !separator(&text, ':') ||
        !digits(&text, 2, &minute) || !separator(&text, ':') || !digits(&text, 2, &second) ||
        !fraction_parse(&text, &ms) || !offset_parse(text, &offset)) {
        return false;
    }
    if (!date_valid(year, month, day) || hour > 23 || minute > 59 || second > 60) {
        return false;
    }
    int64_t seconds = (int64_t)date_from_civil(year, month, day) * S_PER_DAY + hour * S_PER_HOUR + minute * S_PER_MIN +
                      second - offset;
    *ret_at_ms = seconds * MS_PER_S + ms;
    return true;
}

static struct human span(int64_t count, const char *unit, bool past)
{
    struct human said;
    (void)snprintf(said.text, sizeof(said.text), past ? "%" PRId64 " %s%s ago" : "in %" PRId64 " %s%s", count, unit,
                   count == 1 ? "" : "s");
    return said;
}

static struct human words(const char *text)
{
    struct human said;
    (void)snprintf(said.text, sizeof(said.text), "%s", text);
    return said;
}

struct human human_day_ago(int32_t day, int32_t today)
{
    int64_t past = (int64_t)today - day;
    int64_t days = past < 0 ? -past : past;
    if (days == 0) {
        return words("today");
    }
    if (days == 1) {
        return words(past > 0 ? "yesterday" : "tomorrow");
    }
    if (days >= 21 && days < 7 * 52) {
        return span(days / 7, "week", past > 0);
    }
    if (days >= 7 * 52) {
        return span(days / 365 > 0 ? days / 365 : 1, "year", past > 0);
    }
    return span(days, "day", past > 0);
}

struct human human_ago(int64_t at_ms, int64_t now_ms)
{
    bool past = at_ms <= now_ms;
    int64_t seconds = (past ? now_ms - at_ms : at_ms - now_ms) / MS_PER_S;
    if (seconds < S_PER_MIN) {
        return past ? words(seconds < 10 ? "just now" : "less than a minute ago") : words("in less than a minute");
    }
    if (seconds < S_PER_HOUR) {
        return span(seconds / S_PER_MIN, "minute", past);
    }
    if (seconds < S_PER_DAY) {
        return span(seconds / S_PER_HOUR, "hour", past);
    }
    return human_day_ago(clock_today(at_ms), clock_today(now_ms));
}

struct human human_day(int32_t day)
{
    int year;
    int month;
    int day_of_month;
    date_to_civil(day, &year, &month, &day_of_month);
    struct human said;
    (void)snprintf(said.text, sizeof(said.text), "%s %d %s %d", weekdays[date_weekday(day) - 1], day_of_month,
                   months[month - 1], year);
    return said;
}

static struct tm local_time(int64_t at_ms)
{
    time_t seconds = (time_t)(at_ms / MS_PER_S);
    struct tm local;
    CHECK(localtime_r(&seconds, &local) != NULL);
    return local;
}

struct human human_stamp(int64_t at_ms)
{
    struct tm local = local_time(at_ms);
    char date[DATE_TEXT_SIZE];
    date_format(clock_today(at_ms), date);
    struct human said;
    (void)snprintf(said.text, sizeof(said.text), "%s %02d:%02d", date, local.tm_hour, local.tm_min);
    return said;
}

struct human human_clock(int64_t at_ms)
{
    struct tm local = local_time(at_ms);
    struct human day = human_day(clock_today(at_ms));
    struct human said;
    (void)snprintf(said.text, sizeof(said.text), "%.40s, %02d:%02d", day.text, local.tm_hour, local.tm_min);
    return said;
}

struct human human_instant(int64_t at_ms, int64_t now_ms)
{
    struct human ago = human_ago(at_ms, now_ms);
    struct human at = human_clock(at_ms);
    struct human said;
    (void)snprintf(said.text, sizeof(said.text), "%.28s (%.30s)", ago.text, at.text);
    return said;
}

struct human human_bytes(uint64_t bytes)
{
    static const char *const units[] = { "KiB", "MiB", "GiB", "TiB" };
    struct human said;
    if (bytes < 1024) {
        (void)snprintf(said.text, sizeof(said.text), "%" PRIu64 " byte%s", bytes, bytes == 1 ? "" : "s");
        return said;
    }
    double amount = (double)bytes / 1024;
    size_t unit = 0;
    while (amount >= 1023.95 && unit + 1 < ARRAY_LEN(units)) {
        amount /= 1024;
        unit++;
    }
    (void)snprintf(said.text, sizeof(said.text), "%.1f %s", amount, units[unit]);
    return said;
}

struct human human_duration(int64_t duration_ms)
{
    struct human said;
    int64_t seconds = duration_ms / MS_PER_S;
    if (duration_ms < 10 * MS_PER_S && duration_ms % MS_PER_S != 0) {
        (void)snprintf(said.text, sizeof(said.text), "%.2f s", (double)duration_ms / MS_PER_S);
    } else if (seconds < S_PER_MIN) {
        (void)snprintf(said.text, sizeof(said.text), "%" PRId64 " s", seconds);
    } else if (seconds < S_PER_HOUR) {
        (void)snprintf(said.text, sizeof(said.text), "%" PRId64 " min %02" PRId64 " s", seconds / S_PER_MIN,
                       seconds % S_PER_MIN);
    } else {
        (void)snprintf(said.text, sizeof(said.text), "%" PRId64 " h %02" PRId64 " min", seconds / S_PER_HOUR,
                       seconds % S_PER_HOUR / S_PER_MIN);
    }
    return said;
}

struct human human_number(uint64_t number)
{
    char plain[24];
    int len = snprintf(plain, sizeof(plain), "%" PRIu64, number);
    struct human said;
    size_t at = 0;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            said.text[at++] = ',';
        }
        said.text[at++] = plain[i];
    }
    said.text[at] = '\0';
    return said;
}

struct human human_count(uint64_t number, const char *one, const char *many)
{
    struct human said;
    struct human digits = human_number(number);
    (void)snprintf(said.text, sizeof(said.text), "%.27s %s", digits.text, number == 1 ? one : many);
    return said;
}

struct human human_minutes(int minutes)
{
    struct human said;
    if (minutes % 60 == 0) {
        (void)snprintf(said.text, sizeof(said.text), "%d h", minutes / 60);
    } else if (minutes < 60) {
        (void)snprintf(said.text, sizeof(said.text), "%d min", minutes);
    } else {
        (void)snprintf(said.text, sizeof(said.text), "%d h %d min", minutes / 60, minutes % 60);
    }
    return said;
}
