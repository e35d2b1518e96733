#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "agent/rules/rules.h"
#include "base/clock.h"
#include "tests/support/inflow.h"

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

static double started(const struct town *town)
{
    double sum = 0;
    for (int i = 0; i < 8; i++) {
        sum += town->history[i];
    }
    return sum;
}

/* How much more the fortnights of half a year differ than those of people who come one by one. */
static double spread(const struct town *town)
{
    double mean = 0;
    double variance = 0;
    for (int i = 0; i < 26; i++) {
        mean += town->history[i] / 13.0;
    }
    for (int i = 0; i < 26; i += 2) {
        double off = town->history[i] + town->history[i + 1] - mean;
        variance += off * off / 12;
    }
    return mean > 0 ? fmax(1, variance / mean) : 1;
}

static double trend(const struct town *town, int week, int errors)
{
    double variance = spread(town) * (started(town) + 2) / 8 * week * (1 + week / 8.0);
    return started(town) / 8 * week + errors * 1.282 * sqrt(variance);
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
    double known = agreed + (week >= 3 && errors >= 0 ? town->waiting : 0);
    return fmax(0, now - ended + fmax(known, trend(town, week, errors)));
}

static int full_in(const struct town *town, double places, int errors)
{
    for (int week = 0; week <= FORECAST_WEEKS_MAX; week++) {
        double taken = week == 0 ? taken_on(town, 0, 0) : taken_on(town, week, errors);
        if (taken >= places - 1e-9) {
            return week;
        }
    }
    return ROW_NONE;
}

/* The program reckons in thousandths: a curve that close to the places may be on either side. */
static bool full_near(const struct town *town, int places, int errors, int weeks)
{
    return weeks == full_in(town, places, errors) || weeks == full_in(town, places - 0.02, errors) ||
           weeks == full_in(town, places + 0.02, errors);
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
        cr_assert_float_eq(forecast.inflow_per_week, started(&town) / 8, 1e-9);
        for (int week = 1; week <= FORECAST_WEEKS_MAX; week++) {
            int expected = (int)floor(taken_on(&town, week, 0) + 1e-9);
            cr_assert_eq(forecast.expected[week - 1], expected, "round %d week %d", round, week);
            bool before = forecast.weeks_until_full == ROW_NONE || week < forecast.weeks_until_full;
            cr_assert(!before || expected < places, "round %d: full in the table, week %d", round, week);
            cr_assert(week != forecast.weeks_until_full || expected >= places, "round %d week %d", round, week);
            double low = taken_on(&town, week, -1);
            double high = taken_on(&town, week, 1);
            cr_assert_float_eq(forecast.low[week - 1], low - 0.5, 0.52, "%d for %f", forecast.low[week - 1], low);
            cr_assert_float_eq(forecast.high[week - 1], high + 0.5, 0.52, "%d for %f", forecast.high[week - 1], high);
        }
        int earliest = forecast.weeks_earliest;
        int latest = forecast.weeks_latest;
        cr_assert(full_near(&town, places, 1, earliest), "round %d", round);
        cr_assert(full_near(&town, places, -1, latest), "round %d", round);
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

/* 8 in 10 is what is said. The outcomes of one site are not independent: 60 sites are known to three in a hundred. */
Test(forecast, comes_true_within_its_interval_as_often_as_it_says_in_every_regime)
{
    for (enum inflow_regime regime = 0; regime < INFLOW_REGIMES; regime++) {
        struct inflow_result result;
        inflow_backtest(regime, 60, 1834, &result);
        const char *name = inflow_regime_name(regime);
        cr_expect_geq(result.forecasts, 1000, "%s", name);
        cr_expect_geq(result.full_within, 0.80, "%s: %.3f", name, result.full_within);
        cr_expect_geq(result.taken_4_within, 0.80, "%s: %.3f", name, result.taken_4_within);
        cr_expect_geq(result.taken_13_within, 0.75, "%s: %.3f", name, result.taken_13_within);
        cr_expect_leq(result.width_13, 1.3, "%s says little: %.3f", name, result.width_13);
        cr_expect_leq(result.median_error, 2, "%s: %.0f", name, result.median_error);
    }
}
