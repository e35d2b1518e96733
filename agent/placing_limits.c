/* What the programme allows a mandatory placement at most: said at once, and not only by a flag the next day. */
#include "agent/placing_limits.h"

static void add_hours(const struct programme *programme, struct record *record, json_t *warnings)
{
    int most = programme_rules_of(programme)->cwp_weekly_minutes_max;
    int64_t agreed = record_value(record, "weekly_minutes")->number;
    if (agreed > most) {
        (void)json_array_append_new(
            warnings, json_sprintf("%d:%02d hours a week are more than the %d:%02d that can be required: 'placement "
                                   "change' puts it right",
                                   (int)(agreed / 60), (int)(agreed % 60), most / 60, most % 60));
    }
}

/* Alone; with the person's others the flag scheme_near_limit looks at it. */
static void add_weeks(const struct programme *programme, struct record *record, json_t *warnings)
{
    int weeks = programme_rules_of(programme)->scheme_weeks_max;
    int64_t days = record_value(record, "ends_on")->number - record_value(record, "starts_on")->number + 1;
    if (days > (int64_t)weeks * 7) {
        (void)json_array_append_new(
            warnings,
            json_sprintf("it lasts longer than the %d weeks that can be required of anybody: give it an earlier "
                         "last day",
                         weeks));
    }
}

void placing_limits(const struct programme *programme, struct record *record, json_t *warnings)
{
    if (slice_equal(record_value(record, "basis")->text, slice_of_text("mandatory"))) {
        add_hours(programme, record, warnings);
        add_weeks(programme, record, warnings);
    }
}
