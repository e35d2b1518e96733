/*
 * A person's whole time on the scheme. Days without a placement between two, and days of breaks, are not counted, and
 * after a long time without one the count begins anew.
 */
#include "store/programme/programme.h"

void scheme_begin(struct scheme *scheme, const struct programme *programme, int32_t today,
                  const struct day_span *breaks, size_t break_count)
{
    *scheme = (struct scheme){ .programme = programme,
                               .today = today,
                               .breaks = breaks,
                               .break_count = break_count,
                               .rest_to = INT32_MIN,
                               .last_lawful = DAY_OPEN };
}

/* The first day from `from` on, which never descends, that no break covers; it may lie past them all. */
static int32_t past_breaks(struct scheme *scheme, int32_t from)
{
    for (; scheme->break_at < scheme->break_count && scheme->breaks[scheme->break_at].starts_on <= from;
         scheme->break_at++) {
        int32_t ends_on = scheme->breaks[scheme->break_at].ends_on;
        ends_on = ends_on == DAY_OPEN ? INT32_MAX - 1 : ends_on;
        scheme->rest_to = ends_on > scheme->rest_to ? ends_on : scheme->rest_to;
        from = scheme->rest_to >= from ? scheme->rest_to + 1 : from;
    }
    return scheme->rest_to >= from ? scheme->rest_to + 1 : from;
}

/* The last day before the next break, `to` at the latest. */
static int32_t until_break(const struct scheme *scheme, int32_t to)
{
    bool within = scheme->break_at < scheme->break_count && scheme->breaks[scheme->break_at].starts_on <= to;
    return within ? scheme->breaks[scheme->break_at].starts_on - 1 : to;
}

/* Adds the days of a span up to its end, breaks left out. */
static void add_days(struct scheme *scheme, int32_t from, int32_t to)
{
    int64_t limit = (int64_t)programme_rules_of(scheme->programme)->scheme_weeks_max * 7;
    for (from = past_breaks(scheme, from); from <= to; from = past_breaks(scheme, from)) {
        int32_t last = until_break(scheme, to);
        int32_t last_so_far = last < scheme->today ? last : scheme->today;
        int64_t before = scheme->days;
        scheme->days += (int64_t)last - from + 1;
        scheme->days_so_far += last_so_far >= from ? last_so_far - from + 1 : 0;
        if (before < limit && scheme->days >= limit) {
            scheme->last_lawful = from + (int32_t)(limit - before) - 1;
        }
        from = last + 1;
    }
}

bool scheme_add(struct scheme *scheme, int32_t starts_on, int32_t ends_on)
{
    int anew_after = programme_rules_of(scheme->programme)->scheme_new_after_days;
    if (scheme->placements == 0 || (int64_t)starts_on - scheme->ends - 1 > anew_after) {
        scheme_begin(scheme, scheme->programme, scheme->today, scheme->breaks, scheme->break_count);
        scheme->begins = starts_on;
        scheme->ends = starts_on - 1;
    }
    scheme->placements++;
    bool is_last = ends_on >= scheme->ends;
    int32_t from = starts_on > scheme->ends ? starts_on : scheme->ends + 1;
    if (ends_on >= from) {
        add_days(scheme, from, ends_on);
        scheme->ends = ends_on;
    }
    return is_last;
}
