#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "store/programme/pack.h"

/*
 *   pattern = group *( ";" group ) [ ";" ]
 *   group   = days *( sep days ) sep range
 *   days    = name [ "-" name ]
 *   range   = time "-" time       the "-" with or without spaces around it
 *   sep     = 1*( space / "," )
 */

static const char *const weekdays[DAYS_A_WEEK + 1] = { "",         "Monday", "Tuesday",  "Wednesday",
                                                       "Thursday", "Friday", "Saturday", "Sunday" };

struct reader {
    const char *start;
    const char *at;
};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static void skip_spaces(struct reader *reader)
{
    while (is_space(*reader->at)) {
        reader->at++;
    }
}

static void skip_separators(struct reader *reader)
{
    while (is_space(*reader->at) || *reader->at == ',') {
        reader->at++;
    }
}

/* A hyphen or an en dash with spaces around it; does not move if there is none. */
static bool take_dash(struct reader *reader)
{
    struct reader ahead = *reader;
    skip_spaces(&ahead);
    if (*ahead.at == '-') {
        ahead.at++;
    } else if (strncmp(ahead.at, "\xe2\x80\x93", 3) == 0) {
        ahead.at += 3;
    } else {
        return false;
    }
    skip_spaces(&ahead);
    *reader = ahead;
    return true;
}

static enum err_code expect(const struct reader *reader, const char *what, struct error *err)
{
    return FAIL(err, INVALID, "read weekly pattern at character %zu: expect %s",
                (size_t)(reader->at - reader->start) + 1, what);
}

static enum err_code take_weekday(struct reader *reader, int *ret_weekday, struct error *err)
{
    size_t len = 0;
    while (is_letter(reader->at[len])) {
        len++;
    }
    for (int day = 1; len >= 3 && day <= DAYS_A_WEEK; day++) {
        bool weds = day == 3 && len == 4 && strncasecmp(reader->at, "weds", 4) == 0;
        if (weds || (len <= strlen(weekdays[day]) && strncasecmp(reader->at, weekdays[day], len) == 0)) {
            reader->at += len;
            *ret_weekday = day;
            return ERR_OK;
        }
    }
    return expect(reader, "a day such as Mon", err);
}

static enum err_code take_time(struct reader *reader, int *ret_min, struct error *err)
{
    const char *hours = reader->at;
    size_t len = is_digit(hours[0]) && is_digit(hours[1]) ? 2 : 1;
    bool shaped = is_digit(hours[0]) && hours[len] == ':' && is_digit(hours[len + 1]) && is_digit(hours[len + 2]) &&
                  !is_digit(hours[len + 3]);
    char text[TIME_OF_DAY_TEXT_SIZE] = "00:00";
    if (shaped) {
        memcpy(text + 2 - len, hours, len);
        memcpy(text + 3, hours + len + 1, 2);
    }
    if (!shaped || !time_of_day_parse(text, ret_min)) {
        return expect(reader, "a time such as 09:30", err);
    }
    reader->at += len + 3;
    return ERR_OK;
}

/* Sets wanted[1..7] for a name, or for every day of `Mon-Fri`. */
static enum err_code take_days(struct reader *reader, bool wanted[DAYS_A_WEEK + 1], struct error *err)
{
    int first;
    TRY(take_weekday(reader, &first, err));
    int last = first;
    if (take_dash(reader)) {
        struct reader name = *reader;
        TRY(take_weekday(reader, &last, err));
        if (last < first) {
            return expect(&name, "a day later in the week than the first", err);
        }
    }
    for (int day = first; day <= last; day++) {
        wanted[day] = true;
    }
    return ERR_OK;
}

static enum err_code insert_range(const struct reader *reader, struct pattern *pattern, int day,
                                  struct pattern_range range, struct error *err)
{
    struct pattern_range *ranges = pattern->range[day];
    int count = pattern->count[day];
    int at = 0;
    while (at < count && ranges[at].starts_min < range.starts_min) {
        at++;
    }
    bool clash = (at > 0 && ranges[at - 1].ends_min > range.starts_min) ||
                 (at < count && range.ends_min > ranges[at].starts_min);
    if (clash || count == PATTERN_SLOTS_MAX) {
        return FAIL(err, INVALID, "read weekly pattern before character %zu: %s on a %s",
                    (size_t)(reader->at - reader->start) + 1, clash ? "times overlap" : "more than 4 times",
                    weekdays[day]);
    }
    memmove(&ranges[at + 1], &ranges[at], (size_t)(count - at) * sizeof(*ranges));
    ranges[at] = range;
    pattern->count[day]++;
    return ERR_OK;
}

static enum err_code take_group(struct reader *reader, struct pattern *pattern, struct error *err)
{
    bool wanted[DAYS_A_WEEK + 1] = { false };
    do {
        TRY(take_days(reader, wanted, err));
        skip_separators(reader);
    } while (is_letter(*reader->at));
    int starts_min;
    int ends_min;
    TRY(take_time(reader, &starts_min, err));
    if (!take_dash(reader)) {
        return expect(reader, "a hyphen between two times", err);
    }
    struct reader end = *reader;
    TRY(take_time(reader, &ends_min, err));
    if (ends_min <= starts_min) {
        return expect(&end, "a time later than the first", err);
    }
    struct pattern_range range = { .starts_min = (int16_t)starts_min, .ends_min = (int16_t)ends_min };
    for (int day = 1; day <= DAYS_A_WEEK; day++) {
        if (wanted[day]) {
            TRY(insert_range(reader, pattern, day, range, err));
        }
    }
    return ERR_OK;
}

enum err_code pattern_parse(const char *text, struct pattern *ret_pattern, struct error *err)
{
    if (strnlen(text, PATTERN_TEXT_MAX + 1) > PATTERN_TEXT_MAX) {
        return FAIL(err, INVALID, "read weekly pattern: longer than %d bytes", PATTERN_TEXT_MAX);
    }
    struct pattern pattern = { 0 };
    struct reader reader = { .start = text, .at = text };
    do {
        skip_separators(&reader);
        TRY(take_group(&reader, &pattern, err));
        skip_spaces(&reader);
        if (*reader.at != ';' && *reader.at != '\0') {
            return expect(&reader, "';' or the end", err);
        }
        if (*reader.at == ';') {
            reader.at++;
            skip_spaces(&reader);
        }
    } while (*reader.at != '\0');
    *ret_pattern = pattern;
    return ERR_OK;
}

int pattern_weekly_minutes(const struct pattern *pattern)
{
    int minutes = 0;
    for (int day = 1; day <= DAYS_A_WEEK; day++) {
        for (int slot = 0; slot < pattern->count[day]; slot++) {
            minutes += pattern->range[day][slot].ends_min - pattern->range[day][slot].starts_min;
        }
    }
    return minutes;
}

size_t pattern_expand(const struct programme *programme, enum calendar calendar, const struct pattern *pattern,
                      int32_t from, int32_t to, struct pattern_session *out, size_t max)
{
    if (pattern_weekly_minutes(pattern) == 0) {
        return 0;
    }
    size_t count = 0;
    for (int64_t day = from; day <= to && count < max; day++) {
        int weekday = date_weekday((int32_t)day);
        if (pattern->count[weekday] == 0 || calendar_holiday_name(programme, calendar, (int32_t)day) != NULL) {
            continue;
        }
        for (uint8_t slot = 0; slot < pattern->count[weekday] && count < max; slot++) {
            const struct pattern_range *range = &pattern->range[weekday][slot];
            out[count++] = (struct pattern_session){
                .day = (int32_t)day, .slot = slot, .starts_min = range->starts_min, .ends_min = range->ends_min
            };
        }
    }
    return count;
}
