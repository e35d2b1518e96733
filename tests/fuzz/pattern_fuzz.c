/*
 * Weekly patterns, as people type them: whatever is accepted must keep the promises of programme.h.
 */
#include <string.h>

#include "base/clock.h"
#include "store/programme/programme.h"

enum { EXPANDED_MAX = 400 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_ranges(const struct pattern *pattern)
{
    CHECK(pattern->count[0] == 0);
    for (int day = 1; day <= 7; day++) {
        CHECK(pattern->count[day] <= PATTERN_SLOTS_MAX);
        for (int slot = 0; slot < pattern->count[day]; slot++) {
            const struct pattern_range *range = &pattern->range[day][slot];
            CHECK(range->starts_min >= 0 && range->starts_min < range->ends_min && range->ends_min <= 24 * 60);
            CHECK(slot == 0 || range[-1].ends_min <= range->starts_min);
        }
    }
    int minutes = pattern_weekly_minutes(pattern);
    CHECK(minutes > 0 && minutes <= 7 * 24 * 60);
}

static void check_expansion(const struct pattern *pattern, int32_t from)
{
    static struct pattern_session out[EXPANDED_MAX];
    size_t count =
        pattern_expand(programme_default(), CALENDAR_SCOTLAND, pattern, from, from + 7 * 52, out, EXPANDED_MAX);
    for (size_t i = 0; i < count; i++) {
        CHECK(out[i].slot < pattern->count[date_weekday(out[i].day)]);
        CHECK(calendar_holiday_name(programme_default(), CALENDAR_SCOTLAND, out[i].day) == NULL);
        CHECK(i == 0 || out[i].day > out[i - 1].day ||
              (out[i].day == out[i - 1].day && out[i].slot == out[i - 1].slot + 1));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[2 * PATTERN_TEXT_MAX + 1];
    size_t len = size < sizeof(text) - 1 ? size : sizeof(text) - 1;
    if (len > 0) {
        memcpy(text, data, len);
    }
    text[len] = '\0';
    struct pattern pattern;
    struct error err;
    if (pattern_parse(text, &pattern, &err) == ERR_OK) {
        check_ranges(&pattern);
        check_expansion(&pattern, 15000 + (int32_t)(len * 37));
    } else {
        CHECK(err.code == ERR_INVALID);
    }
    return 0;
}
