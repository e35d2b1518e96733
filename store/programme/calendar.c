#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/programme/pack.h"

enum { FRIDAY = 5, WORKING_DAYS_A_WEEK = 5 };

static const char *const names[CALENDAR_COUNT] = { "england_wales", "scotland" };

const char *calendar_name(enum calendar calendar)
{
    CHECK(calendar < CALENDAR_COUNT);
    return names[calendar];
}

bool calendar_parse(const char *name, enum calendar *ret_calendar)
{
    for (int i = 0; i < CALENDAR_COUNT; i++) {
        if (strcmp(names[i], name) == 0) {
            *ret_calendar = (enum calendar)i;
            return true;
        }
    }
    return false;
}

static int compare_day(const void *key, const void *item)
{
    int32_t day = *(const int32_t *)key;
    int32_t other = ((const struct holiday *)item)->day;
    return (day > other) - (day < other);
}

const char *calendar_holiday_name(const struct programme *programme, enum calendar calendar, int32_t day)
{
    CHECK(calendar < CALENDAR_COUNT);
    const struct holiday_list *list = &programme->holidays[calendar];
    const struct holiday *found = bsearch(&day, list->items, list->count, sizeof(*list->items), compare_day);
    return found == NULL ? NULL : found->name;
}

bool calendar_working_day(const struct programme *programme, enum calendar calendar, int32_t day)
{
    return date_weekday(day) <= FRIDAY && calendar_holiday_name(programme, calendar, day) == NULL;
}

int32_t calendar_add_working_days(const struct programme *programme, enum calendar calendar, int32_t day, int n)
{
    while (n > 0 && day < INT32_MAX) {
        day++;
        if (calendar_working_day(programme, calendar, day)) {
            n--;
        }
    }
    return day;
}

int calendar_working_days_between(const struct programme *programme, enum calendar calendar, int32_t from, int32_t to)
{
    CHECK(calendar < CALENDAR_COUNT);
    if (to <= from) {
        return 0;
    }
    int64_t span = (int64_t)to - from;
    int64_t days = span / DAYS_A_WEEK * WORKING_DAYS_A_WEEK;
    for (int64_t i = 0; i < span % DAYS_A_WEEK; i++) {
        days += date_weekday((int32_t)(to - i)) <= FRIDAY;
    }
    const struct holiday_list *list = &programme->holidays[calendar];
    for (size_t i = 0; i < list->count; i++) {
        int32_t day = list->items[i].day;
        days -= day > from && day <= to && date_weekday(day) <= FRIDAY;
    }
    return days > INT_MAX ? INT_MAX : (int)days;
}

int32_t notice_received_on(const struct programme *programme, enum calendar calendar, int32_t posted_on)
{
    return calendar_add_working_days(programme, calendar, posted_on, programme->rules.notice_posted_working_days);
}

int days_with_weekend(int days, int32_t last_day)
{
    int weekday = date_weekday(last_day);
    return weekday >= FRIDAY ? days + DAYS_A_WEEK - weekday : days;
}
