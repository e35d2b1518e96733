#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "agent/rules/rules.h"
#include "base/clock.h"

enum { PEOPLE = 60 };

/* A site as a list of people, and the forecast looked up day by day: slow, and another way than the program's. */
struct town {
    int32_t today;
    int32_t starts_on[PEOPLE];
    int32_t ends_on[PEOPLE];
    int people;
    int history[FORECAST_WEEKS_MAX];
    int waiting;
};

static double trend(const struct town *town, int errors)
{
    double started = 0;
    for (int i = 0; i < 8; i++) {
        started += town->history[i];
    }
    double inflow = (started + errors * sqrt(started)) / 8;
    return inflow < 0 ? 0 : inflow;
}

static double taken_on(const struct town *town, int week, int errors)
{
    int32_t end = town->today + 7 * week;
    int ended = 0;
    int now = 0;
    int agreed = 0;
    for (int i = 0; i < town->people; i++) {
        now += town->starts_on[i] <= town->today;
        agreed += town->starts_on[i] > town->today && town->starts_on[i] <= end;
        ended += town->ends_on[i] < end;
    }
    double known = agreed + (week >= 3 ? town->waiting : 0);
    return now - ended + fmax(known, trend(town, errors) * week);
}

static int full_in(const struct town *town, int places, int errors)
{
    for (int week = 0; week <= FORECAST_WEEKS_MAX; week++) {
        double taken = week == 0 ? taken_on(town, 0, 0) : taken_on(town, week, errors);
        if (taken >= places - 1e-9) {
            return week;
        }
    }
    return ROW_NONE;
}

static int random_below(unsigned *seed, int limit)
{
    *seed = *seed * 1103515245u + 12345u;
    return (int)((*seed >> 16) % (unsigned)limit);
}

static int compare_days(const void *a, const void *b)
{
    return *(const int32_t *)a - *(const int32_t *)b;
}

static struct site_facts facts_of(struct town *town, int places, int32_t *ends, int32_t *starts)
{
    struct site_facts facts = { .capacity = { .stated = true, .stated_on = town->today, .places = places } };
    for (int i = 0; i < town->people; i++) {
        ends[facts.ends_count++] = town->ends_on[i];
        if (town->starts_on[i] <= town->today) {
            facts.placements_now++;
        } else {
            starts[facts.starts_count++] = town->starts_on[i];
        }
    }
    qsort(ends, facts.ends_count, sizeof(*ends), compare_days);
    qsort(starts, facts.starts_count, sizeof(*starts), compare_days);
    for (int i = 0; i < FORECAST_WEEKS_MAX; i++) {
        facts.started_in_week[i] = town->history[i];
    }
    facts.placements_to_come = (int)facts.starts_count;
    facts.waiting = town->waiting;
    facts.ends_on = ends;
    facts.starts_on = starts;
    return facts;
}

static struct town random_town(unsigned *seed)
{
    struct town town = { .today = 16000 + random_below(seed, 4000), .people = random_below(seed, PEOPLE) };
    for (int i = 0; i < town.people; i++) {
        bool coming = random_below(seed, 4) == 0;
        town.starts_on[i] = town.today + (coming ? 1 + random_below(seed, 100) : -random_below(seed, 150));
        int32_t earliest_end = coming ? town.starts_on[i] : town.today;
        town.ends_on[i] = earliest_end + random_below(seed, 182);
    }
    for (int i = 0; i < FORECAST_WEEKS_MAX; i++) {
        town.history[i] = random_below(seed, 4) == 0 ? random_below(seed, 6) : 0;
    }
    town.waiting = random_below(seed, 5);
    return town;
}

Test(forecast, agrees_with_a_count_of_people_day_by_day)
{
    unsigned seed = 20141;
    for (int round = 0; round < 2000; round++) {
        struct town town = random_town(&seed);
        int places = random_below(&seed, 80);
        int32_t ends[PEOPLE];
        int32_t starts[PEOPLE];
        struct site_facts facts = facts_of(&town, places, ends, starts);
        struct forecast forecast;
        rules_forecast(programme_default(), &facts, town.today, &forecast);
        cr_assert_eq(forecast.weeks_until_full, full_in(&town, places, 0), "round %d", round);
        cr_assert_float_eq(forecast.inflow_per_week, trend(&town, 0), 1e-9);
        for (int week = 1; week <= FORECAST_WEEKS_MAX; week++) {
            int expected = (int)ceil(taken_on(&town, week, 0) - 1e-9);
            cr_assert_eq(forecast.expected[week - 1], expected, "round %d week %d", round, week);
        }
        int earliest = full_in(&town, places, 1);
        int latest = full_in(&town, places, -1);
        cr_assert_eq(forecast.weeks_earliest, earliest, "round %d", round);
        cr_assert_eq(forecast.weeks_latest, latest, "round %d", round);
        cr_assert(latest == ROW_NONE || (earliest != ROW_NONE && earliest <= latest));
    }
}

Test(forecast, is_not_possible_without_a_statement)
{
    struct site_facts facts = { .placements_now = 4, .waiting = 3, .started_in_week = { 2, 2, 2 } };
    struct forecast forecast;
    rules_forecast(programme_default(), &facts, 16000, &forecast);
    cr_assert_not(forecast.possible);
    cr_assert_eq(forecast.weeks_until_full, ROW_NONE);
    cr_assert_eq(forecast.weeks_earliest, ROW_NONE);
    cr_assert_eq(forecast.weeks_latest, ROW_NONE);
    cr_assert_eq(forecast.expected[25], 0);
}

Test(forecast, one_that_ends_today_still_has_its_place_today)
{
    int32_t ends[] = { 16000, 16007, 16008 };
    struct site_facts facts = { .capacity = { .stated = true, .places = 5, .stated_on = 15990 },
                                .placements_now = 3,
                                .ends_on = ends,
                                .ends_count = 3 };
    struct forecast forecast;
    rules_forecast(programme_default(), &facts, 16000, &forecast);
    cr_assert_eq(forecast.taken_now, 3);
    cr_assert_eq(forecast.expected[0], 2, "the day 16007 is the last of the second and within that of the third");
    cr_assert_eq(forecast.expected[1], 0);
}

Test(forecast, numbers_that_no_site_has_do_not_overflow)
{
    struct site_facts facts = { .capacity = { .stated = true, .places = INT32_MAX, .stated_on = 15990 },
                                .placements_now = -5,
                                .waiting = INT32_MAX };
    for (int i = 0; i < FORECAST_WEEKS_MAX; i++) {
        facts.started_in_week[i] = i % 2 == 0 ? INT32_MAX : INT32_MIN;
    }
    struct forecast forecast;
    rules_forecast(programme_default(), &facts, INT32_MAX, &forecast);
    cr_assert(forecast.possible);
    cr_assert_eq(forecast.weeks_until_full, 2);
}
